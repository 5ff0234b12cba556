--! title: Subscriptions begun, changed and cancelled over time
--! description: A fact that repeats the plan an account already has is no move.
--! param: from timestamp = -30d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: bucket interval = 1d -- width of a point
--! column: bucket time -- start of the point
--! column: begun count -- accounts that had no plan and took one
--! column: changed count -- moves from one plan to another
--! column: cancelled count -- accounts that gave theirs up
--! column: net count -- begun less cancelled
-- An account's plan before the range is in facts before it: payments are few and kept for long, so all up to its end are read.
with states as (
    select
        account_id,
        received_at,
        seq,
        case when op = 'cancelled' then 'none' else coalesce(plan, 'unknown') end      as to_plan
    from payments
    where received_at < $to
        and op in ('subscribed', 'changed', 'cancelled')
        and trust = 'server'
        and account_id is not null
),
moves as (
    select
        account_id,
        received_at,
        coalesce(
            lag(to_plan) over (partition by account_id order by received_at, seq),
            'none'
        )                                                                              as from_plan,
        to_plan
    from states
)
select
    date_bin($bucket, received_at)                                                     as bucket,
    count(*) filter (where from_plan = 'none')                                         as begun,
    count(*) filter (where from_plan <> 'none' and to_plan <> 'none')                  as changed,
    count(*) filter (where to_plan = 'none')                                           as cancelled,
    count(*) filter (where from_plan = 'none') - count(*) filter (where to_plan = 'none')    as net
from moves
where received_at >= $from
    and from_plan <> to_plan
group by 1
order by bucket
limit 10000
