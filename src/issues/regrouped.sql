--! title: All errors by their hashes, and by those of other rules, the oldest first
select
    hash_app,
    hash_sys,
    hash_msg,
    regrouped,
    count(*)    as events
from errors
where hash_app is not null
    or hash_sys is not null
    or hash_msg is not null
group by hash_app, hash_sys, hash_msg, regrouped
order by min(received_at), hash_app, hash_sys, hash_msg, regrouped
limit 100001
