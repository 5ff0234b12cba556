--! title: The stack of one error by its id
--! param: id text, the error's id
select
    frames,
    properties,
    release
from errors
where event_id = $id
-- Ids are unique per trust: a page may have taken a server's.
order by trust desc, received_at
limit 1
