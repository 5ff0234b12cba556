--! title: Credits granted, spent, refunded and expired over time
--! description: What servers say. An entry that is told twice counts once, as in `ledger`.
--! param: from timestamp = -7d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: bucket interval = 1d -- width of a point
--! column: bucket time -- start of the point
--! column: granted credits -- granted, bought ones included
--! column: bought credits -- of these, with reason purchase or plan_grant
--! column: spent credits -- spent
--! column: refunded credits -- given back
--! column: expired credits -- expired
--! column: net credits -- by how much the credits that people hold grew: granted and refunded less spent and expired
--! column: net_since_start credits -- the sum of net from the first point on
with entries as (
    select
        op,
        max(amount)                                                           as amount,
        max(reason)                                                           as reason,
        min(received_at)                                                      as received_at
    from credits
    where received_at >= $from
        and received_at < $to
        and op in ('grant', 'spend', 'refund', 'expire')
        and trust = 'server'
        and coalesce(workspace_id, account_id, guest_id) is not null
    group by coalesce(workspace_id, account_id, guest_id), op, ref is null, coalesce(ref, event_id)
),
sums as (
    select
        date_bin($bucket, received_at)                                        as bucket,
        coalesce(sum(amount) filter (where op = 'grant'), 0)                  as granted,
        coalesce(
            sum(amount) filter (where op = 'grant' and reason in ('purchase', 'plan_grant')),
            0
        )                                                                     as bought,
        coalesce(sum(amount) filter (where op = 'spend'), 0)                  as spent,
        coalesce(sum(amount) filter (where op = 'refund'), 0)                 as refunded,
        coalesce(sum(amount) filter (where op = 'expire'), 0)                 as expired
    from entries
    group by 1
)
select
    bucket,
    granted,
    bought,
    spent,
    refunded,
    expired,
    granted + refunded - spent - expired                                      as net,
    sum(granted + refunded - spent - expired) over (
        order by bucket
        rows between unbounded preceding and current row
    )                                                                         as net_since_start
from sums
order by bucket
limit 10000
