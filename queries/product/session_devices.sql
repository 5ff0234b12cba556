--! title: Devices of a session
--! param: session text -- the session
--! param: since timestamp = -30d -- only what was received since, included
--! param: limit int = 10 count -- devices at most
--! column: device_id id -- the device
--! column: events count -- events that name it
select
    device_id,
    count(*)    as events
from events
where session_id = $session
    and received_at >= $since
    and device_id is not null
group by device_id
order by events desc, device_id
limit $limit
