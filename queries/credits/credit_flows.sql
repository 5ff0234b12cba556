--! title: Where credits come from, what they are spent on, and how it ends
--! description: Credits of a wallet are alike, so what it spends is shared out over its sources by their amounts: the links between sources and uses are estimates, their sums are not. What was spent beyond what came in the range comes from 'credits from before'.
--! param: from timestamp = -7d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: limit int = 200 count -- links at most, the widest
--! column: stage count -- 1 from source to use, 2 from use to outcome
--! column: source text -- reason of the grant, 'refunds', 'adjustments' or 'credits from before'; in stage 2 the use
--! column: target text -- 'spent on' a model or a reason, 'expired', 'taken back' or 'unspent'; in stage 2 'delivered' or 'refunded'
--! column: credits credits -- how many took this way
with entries as (
    select
        coalesce(workspace_id, account_id, guest_id)                                          as wallet,
        coalesce(max(amount) filter (where op = 'grant'), 0)                                  as granted,
        max(reason) filter (where op = 'grant')                                               as granted_for,
        coalesce(max(amount) filter (where op = 'spend'), 0)                                  as spent,
        max(coalesce(json_get_str(properties, 'model'), reason, 'unknown')) filter (where op = 'spend')    as spent_on,
        coalesce(max(amount) filter (where op = 'refund'), 0)                                 as refunded,
        coalesce(max(amount) filter (where op = 'expire'), 0)                                 as expired,
        coalesce(max(amount) filter (where op = 'adjust'), 0)                                 as adjusted
    from credits
    where received_at >= $from
        and received_at < $to
        and trust = 'server'
        and coalesce(workspace_id, account_id, guest_id) is not null
    group by 1, ref is null, coalesce(ref, event_id)
),
by_wallet as (
    select
        wallet,
        granted_for,
        spent_on,
        sum(granted)                                                                          as granted,
        sum(spent)                                                                            as spent,
        sum(least(refunded, spent))                                                           as spent_back,
        sum(refunded)                                                                         as refunded,
        sum(expired)                                                                          as expired,
        sum(greatest(adjusted, 0))                                                            as added,
        sum(greatest(-adjusted, 0))                                                           as taken
    from entries
    group by wallet, granted_for, spent_on
),
totals as (
    select
        wallet,
        sum(granted + refunded + added)                                                       as came,
        sum(spent + expired + taken)                                                          as went,
        sum(refunded)                                                                         as refunded,
        sum(expired)                                                                          as expired,
        sum(added)                                                                            as added,
        sum(taken)                                                                            as taken
    from by_wallet
    group by wallet
),
sources as (
    select wallet, coalesce(granted_for, 'unknown') as source, granted as amount
    from by_wallet
    where granted > 0
    union all
    select wallet, 'refunds', refunded
    from totals
    where refunded > 0
    union all
    select wallet, 'adjustments', added
    from totals
    where added > 0
    union all
    select wallet, 'credits from before', went - came
    from totals
    where went > came
),
uses as (
    select wallet, 'spent on ' || spent_on as target, spent as amount
    from by_wallet
    where spent > 0
    union all
    select wallet, 'expired', expired
    from totals
    where expired > 0
    union all
    select wallet, 'taken back', taken
    from totals
    where taken > 0
    union all
    select wallet, 'unspent', came - went
    from totals
    where came > went
),
links as (
    select
        1                                                                                     as stage,
        sources.source                                                                        as source,
        uses.target                                                                           as target,
        sum(1.0 * sources.amount * uses.amount / greatest(totals.came, totals.went))          as credits
    from sources
    inner join totals on totals.wallet = sources.wallet
    inner join uses on uses.wallet = sources.wallet
    group by sources.source, uses.target
    union all
    select 2, 'spent on ' || spent_on, 'delivered', sum(spent - spent_back)
    from by_wallet
    where spent > 0
    group by spent_on
    union all
    select 2, 'spent on ' || spent_on, 'refunded', sum(spent_back)
    from by_wallet
    where spent > 0
    group by spent_on
)
select
    stage,
    source,
    target,
    cast(round(credits) as bigint)                                                            as credits
from links
where round(credits) > 0
order by stage, credits desc, source, target
limit $limit
