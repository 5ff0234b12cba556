--! title: Errors of an issue over time
--! param: issue text -- the issue
--! param: since timestamp = -30d -- start of the range, included
--! param: bucket interval = 1d -- width of a point
--! column: bucket time -- start of the point
--! column: errors count -- errors received
--! column: people count -- accounts, guests or sessions that met one
with by_person as (
    select
        date_bin($bucket, received_at)                as bucket,
        coalesce(account_id, guest_id, session_id)    as person,
        count(*)                                      as errors
    from errors
    where issue_id = $issue
        and received_at >= $since
    group by 1, 2
)
select
    bucket,
    sum(errors)      as errors,
    count(person)    as people
from by_person
group by bucket
order by bucket
limit 10000
