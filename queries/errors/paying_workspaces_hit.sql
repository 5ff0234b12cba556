--! title: Which paying workspaces hit an issue, after which credit debit
--! param: issue text -- the issue
--! param: since timestamp = -30d -- start of the range, included
--! param: before_ms int = 600000 ms -- how long before the error a debit may lie
--! param: limit int = 1000 count -- rows at most
--! column: workspace_id id -- the workspace
--! column: account_id id -- the account that met it
--! column: plan text? -- its newest plan
--! column: error_id id -- the error
--! column: met_at time -- when it was received
--! column: debit_ref id? -- reference of the last debit before it; null without one so shortly before
--! column: debit_reason text? -- what the debit was for
--! column: debit_credits credits? -- how much was debited
--! column: debited_at time? -- when
with paid as (
    select
        account_id,
        last_value(plan order by received_at, seq) filter (where plan is not null)    as plan
    from payments
    where op in ('succeeded', 'subscribed', 'changed')
        and trust = 'server'
        and account_id is not null
    group by account_id
    having count(*) filter (where op in ('succeeded', 'subscribed')) > 0
),
met as (
    select
        errors.workspace_id    as workspace_id,
        errors.account_id      as account_id,
        paid.plan              as plan,
        errors.event_id        as error_id,
        errors.received_at     as met_at
    from errors
    inner join paid on paid.account_id = errors.account_id
    where errors.issue_id = $issue
        and errors.received_at >= $since
        and errors.workspace_id is not null
),
debits as (
    select
        met.error_id                                                                  as error_id,
        last_value(credits.ref order by credits.received_at, credits.seq)             as debit_ref,
        last_value(credits.reason order by credits.received_at, credits.seq)          as debit_reason,
        last_value(credits.amount order by credits.received_at, credits.seq)          as debit_credits,
        max(credits.received_at)                                                      as debited_at
    from met
    inner join credits on credits.workspace_id = met.workspace_id
    where credits.op = 'spend'
        and credits.trust = 'server'
        and credits.received_at >= $since - interval '1 day'
        and credits.received_at <= met.met_at
        and cast(met.met_at as bigint) - cast(credits.received_at as bigint) <= 1000 * $before_ms
    group by met.error_id
)
select
    met.workspace_id         as workspace_id,
    met.account_id           as account_id,
    met.plan                 as plan,
    met.error_id             as error_id,
    met.met_at               as met_at,
    debits.debit_ref         as debit_ref,
    debits.debit_reason      as debit_reason,
    debits.debit_credits     as debit_credits,
    debits.debited_at        as debited_at
from met
left join debits on debits.error_id = met.error_id
order by met.met_at desc, met.workspace_id, met.error_id
limit $limit
