--! title: Which plans people move between
--! description: Subscriptions begun, changed and cancelled. A fact that repeats the plan an account already has is no move. Plans that began before the first fact kept show as begun by their next one.
--! param: from timestamp = -30d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: limit int = 100 count -- moves at most
--! column: from_plan text -- the plan before; 'none' without one
--! column: to_plan text -- the plan after; 'none' when it was cancelled
--! column: moves count -- how often
--! column: accounts count -- accounts that did
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
),
moves_by_account as (
    select
        from_plan,
        to_plan,
        account_id,
        count(*)                                                                       as moves
    from moves
    where received_at >= $from
        and from_plan <> to_plan
    group by from_plan, to_plan, account_id
)
select
    from_plan,
    to_plan,
    sum(moves)                                                                         as moves,
    count(*)                                                                           as accounts
from moves_by_account
group by from_plan, to_plan
order by moves desc, from_plan, to_plan
limit $limit
