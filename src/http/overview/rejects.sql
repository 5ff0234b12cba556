--! title: The latest refused events, and how many there are
--! param: from timestamp, the start of the range, inclusive
--! column: received_at timestamp, when it arrived
--! column: key text, the key that sent it, null if unknown
--! column: code text, why
--! column: message text, why in words
--! column: total int, refused events of the whole range
select
    received_at,
    key,
    code,
    message,
    count(*) over ()  as total
from rejects
where received_at >= $from
order by received_at desc, seq desc
limit 10
