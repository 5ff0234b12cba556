--! title: Whom an issue touches, and what it costs
--! param: issue text -- the issue
--! param: since timestamp = -30d -- start of the range, included
--! param: before_ms int = 600000 ms -- how long before an error a spend counts as spent on it
--! param: after_ms int = 3600000 ms -- how long after an error a refund counts as given for it
--! column: accounts count -- accounts that met it, guests by the account they are bound to
--! column: paying_accounts count -- those that ever paid
--! column: workspaces count -- workspaces in which it was met
--! column: paying_workspaces count -- those in which an account that ever paid met it
--! column: credits_spent credits -- spent in those wallets shortly before
--! column: credits_refunded credits -- refunded to those wallets shortly after
with bound as (
    select
        guest_id,
        account_id
    from binds
    where unbound_at is null
),
met as (
    select
        coalesce(errors.account_id, bound.account_id)                                as account_id,
        errors.workspace_id                                                          as workspace_id,
        coalesce(errors.workspace_id, errors.account_id, errors.guest_id)            as wallet,
        errors.received_at                                                           as met_at
    from errors
    left join bound on bound.guest_id = errors.guest_id
    where errors.issue_id = $issue
        and errors.received_at >= $since
),
paid as (
    select distinct account_id
    from payments
    where op in ('succeeded', 'subscribed')
        and trust = 'server'
        and account_id is not null
),
people as (
    select
        count(distinct met.account_id)                                               as accounts,
        count(distinct paid.account_id)                                              as paying_accounts,
        count(distinct met.workspace_id)                                             as workspaces,
        count(distinct met.workspace_id) filter (where paid.account_id is not null)  as paying_workspaces
    from met
    left join paid on paid.account_id = met.account_id
),
touched as (
    select distinct
        credits.event_id                                                             as event_id,
        credits.op                                                                   as op,
        credits.amount                                                               as amount
    from credits
    inner join met on met.wallet = coalesce(credits.workspace_id, credits.account_id, credits.guest_id)
    where credits.received_at >= $since - interval '1 day'
        and (
            (
                credits.op = 'spend'
                and credits.received_at <= met.met_at
                and cast(met.met_at as bigint) - cast(credits.received_at as bigint) <= 1000 * $before_ms
            )
            or (
                credits.op = 'refund'
                and credits.received_at >= met.met_at
                and cast(credits.received_at as bigint) - cast(met.met_at as bigint) <= 1000 * $after_ms
            )
        )
),
sums as (
    select
        coalesce(sum(amount) filter (where op = 'spend'), 0)     as credits_spent,
        coalesce(sum(amount) filter (where op = 'refund'), 0)    as credits_refunded
    from touched
)
select
    people.accounts             as accounts,
    people.paying_accounts      as paying_accounts,
    people.workspaces           as workspaces,
    people.paying_workspaces    as paying_workspaces,
    sums.credits_spent          as credits_spent,
    sums.credits_refunded       as credits_refunded
from people
cross join sums
