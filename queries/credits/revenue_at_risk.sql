--! title: Revenue of paying accounts that met errors
--! description: What the accounts paid lately (succeeded less refunded), and how much of it comes from accounts that met errors in the range, guests counted by the account they are bound to.
--! param: from timestamp = -7d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: min_errors int = 1 count -- an account is at risk from this many errors on
--! param: unhandled_only bool = true -- whether only errors count that the app did not catch
--! param: paid_within interval = 30d -- how long before the end of the range a payment counts
--! column: currency text -- ISO 4217
--! column: paying_accounts count -- accounts that paid
--! column: accounts_at_risk count -- those that met errors
--! column: revenue money -- paid, less refunds
--! column: revenue_at_risk money -- of that, by accounts at risk
--! column: share percent? -- revenue_at_risk among revenue; null without revenue
with errors_by_id as (
    select
        account_id,
        guest_id,
        count(*)                                                              as errors
    from errors
    where received_at >= $from
        and received_at < $to
        and coalesce(account_id, guest_id) is not null
        and (not $unhandled_only or not handled)
    group by account_id, guest_id
),
bound as (
    select
        guest_id,
        account_id
    from binds
    where unbound_at is null
),
at_risk as (
    select
        coalesce(errors_by_id.account_id, bound.account_id)                   as account_id
    from errors_by_id
    left join bound on bound.guest_id = errors_by_id.guest_id
    where coalesce(errors_by_id.account_id, bound.account_id) is not null
    group by 1
    having sum(errors_by_id.errors) >= $min_errors
),
paid as (
    select
        account_id,
        coalesce(currency, 'unknown')                                         as currency,
        sum(case op when 'refunded' then -amount_minor else amount_minor end) as revenue
    from payments
    where received_at >= $to - $paid_within
        and received_at < $to
        and op in ('succeeded', 'refunded')
        and trust = 'server'
        and account_id is not null
    group by 1, 2
),
sums as (
    select
        paid.currency                                                         as currency,
        count(*)                                                              as paying_accounts,
        count(at_risk.account_id)                                             as accounts_at_risk,
        coalesce(sum(paid.revenue), 0)                                        as revenue,
        coalesce(sum(paid.revenue) filter (where at_risk.account_id is not null), 0)    as revenue_at_risk
    from paid
    left join at_risk on at_risk.account_id = paid.account_id
    where paid.revenue > 0
    group by paid.currency
)
select
    currency,
    paying_accounts,
    accounts_at_risk,
    revenue,
    revenue_at_risk,
    100.0 * revenue_at_risk / nullif(revenue, 0)                              as share
from sums
order by revenue desc, currency
limit 200
