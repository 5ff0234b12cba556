--! title: Why events are refused, with the latest of each
--! param: from timestamp = -7d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: key text? -- only sent with this key
--! param: limit int = 50 count -- rows at most
--! column: code text -- why
--! column: kind text -- the kind that the sender gave; 'unknown' if it could not be read
--! column: key text -- name of the key that sent them; 'unknown' if none was told
--! column: rejects count -- events refused
--! column: share percent -- of all refused in the range
--! column: last_at time -- the latest
--! column: message text? -- what was wrong with the latest
--! column: event text? -- the latest, scrubbed; null if it was no readable JSON
with by_code as (
    select
        code,
        coalesce(kind, 'unknown')                                as kind,
        coalesce(key, 'unknown')                                 as key,
        count(*)                                                 as rejects,
        max(received_at)                                         as last_at,
        last_value(message order by received_at, seq)            as message,
        last_value(event order by received_at, seq)              as event
    from rejects
    where received_at >= $from
        and received_at < $to
        and ($key is null or key = $key)
    group by 1, 2, 3
)
select
    code,
    kind,
    key,
    rejects,
    100.0 * rejects / nullif(sum(rejects) over (), 0)            as share,
    last_at,
    message,
    event
from by_code
order by rejects desc, code, kind, key
limit $limit
