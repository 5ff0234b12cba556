--! title: Events and errors by minute of receipt
--! param: from timestamp, the start of the range, inclusive
--! column: minute timestamp, the start of the minute
--! column: events int, events of all kinds in it
--! column: errors int, events of kind error among them
select
    date_trunc('minute', received_at)                as minute,
    count(*)                                         as events,
    sum(case when kind = 'error' then 1 else 0 end)  as errors
from events
where received_at >= $from
group by 1
order by 1
limit 200
