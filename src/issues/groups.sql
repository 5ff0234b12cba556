--! title: Errors that came after a moment, by what decides to which issue they belong and whether it came back
--! param: after int, exclusive, microseconds of received_at
select
    hash_app,
    hash_sys,
    hash_msg,
    release,
    environment,
    count(*)                                as events,
    cast(max(received_at) as bigint)        as last_us
from errors
where received_at > to_timestamp_micros($after)
    and (hash_app is not null or hash_sys is not null or hash_msg is not null)
group by hash_app, hash_sys, hash_msg, release, environment
order by min(received_at), hash_app, hash_sys, hash_msg, release, environment
limit 100001
