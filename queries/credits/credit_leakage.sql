--! title: Credits spent before a rule restricted the spender
--! description: Hits that ask for a throttle or a block, by rule, and what their accounts, guests, devices and workspaces spent shortly before. Of several hits of a rule on one entity the first in the range counts; a spend counts once a rule.
--! param: from timestamp = -30d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: before interval = 7d -- how long before a hit a spend counts
--! param: mode enum(live | shadow)? -- only hits of rules in this mode; shadow hits restrain nobody, and tell what would have been
--! param: limit int = 50 count -- rules at most
--! column: rule text -- the rule
--! column: entities count -- entities that it restricted in the range
--! column: entities_that_spent count -- those with spends before
--! column: leaked credits -- spent before
--! column: leaked_per_entity credits? -- leaked for each that spent; null if none did
with restricted as (
    select
        rule,
        entity_kind,
        entity,
        min(received_at)                                                      as opened_at
    from hits
    where received_at >= $from
        and received_at < $to
        and state = 'opened'
        and verdict in ('throttle', 'block')
        and ($mode is null or mode = $mode)
    group by rule, entity_kind, entity
),
spends as (
    select
        event_id,
        received_at,
        amount,
        account_id,
        guest_id,
        device_id,
        workspace_id
    from credits
    where received_at >= $from - $before
        and received_at < $to
        and op = 'spend'
        and trust = 'server'
),
leaks as (
    select
        restricted.rule                                                       as rule,
        restricted.entity_kind                                                as entity_kind,
        restricted.entity                                                     as entity,
        spends.amount                                                         as amount,
        spends.event_id                                                       as event_id
    from restricted
    inner join spends on spends.account_id = restricted.entity
    where restricted.entity_kind = 'account'
        and spends.received_at < restricted.opened_at
        and spends.received_at >= restricted.opened_at - $before
    union all
    select
        restricted.rule                                                       as rule,
        restricted.entity_kind                                                as entity_kind,
        restricted.entity                                                     as entity,
        spends.amount                                                         as amount,
        spends.event_id                                                       as event_id
    from restricted
    inner join spends on spends.guest_id = restricted.entity
    where restricted.entity_kind = 'guest'
        and spends.received_at < restricted.opened_at
        and spends.received_at >= restricted.opened_at - $before
    union all
    select
        restricted.rule                                                       as rule,
        restricted.entity_kind                                                as entity_kind,
        restricted.entity                                                     as entity,
        spends.amount                                                         as amount,
        spends.event_id                                                       as event_id
    from restricted
    inner join spends on spends.device_id = restricted.entity
    where restricted.entity_kind = 'device'
        and spends.received_at < restricted.opened_at
        and spends.received_at >= restricted.opened_at - $before
    union all
    select
        restricted.rule                                                       as rule,
        restricted.entity_kind                                                as entity_kind,
        restricted.entity                                                     as entity,
        spends.amount                                                         as amount,
        spends.event_id                                                       as event_id
    from restricted
    inner join spends on spends.workspace_id = restricted.entity
    where restricted.entity_kind = 'workspace'
        and spends.received_at < restricted.opened_at
        and spends.received_at >= restricted.opened_at - $before
),
each_spend as (
    select
        rule,
        event_id,
        max(amount)                                                           as amount
    from leaks
    group by rule, event_id
),
leaked_by_rule as (
    select
        rule,
        sum(amount)                                                           as leaked
    from each_spend
    group by rule
),
spenders as (
    select
        rule,
        entity_kind,
        entity
    from leaks
    group by rule, entity_kind, entity
),
spenders_by_rule as (
    select
        rule,
        count(*)                                                              as entities
    from spenders
    group by rule
),
restricted_by_rule as (
    select
        rule,
        count(*)                                                              as entities
    from restricted
    group by rule
)
select
    restricted_by_rule.rule                                                   as rule,
    restricted_by_rule.entities                                               as entities,
    coalesce(spenders_by_rule.entities, 0)                                    as entities_that_spent,
    coalesce(leaked_by_rule.leaked, 0)                                        as leaked,
    round(1.0 * leaked_by_rule.leaked / nullif(spenders_by_rule.entities, 0), 1)    as leaked_per_entity
from restricted_by_rule
left join spenders_by_rule on spenders_by_rule.rule = restricted_by_rule.rule
left join leaked_by_rule on leaked_by_rule.rule = restricted_by_rule.rule
order by leaked desc, entities desc, rule
limit $limit
