--! title: What rules found, and the strongest case of each
--! description: Entities with a hit that opened in the range and is not closed, by rule. The strongest case is the one that is furthest above its threshold. Hits are evidence, not guilt: look before you decide.
--! param: from timestamp = -24h -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: mode enum(live | shadow)? -- only hits of rules in this mode; shadow hits restrain nobody, and tell what would have been
--! param: limit int = 20 count -- rules at most, the strongest case first
--! column: rule text -- the rule
--! column: mode text -- live, or shadow: restrains nobody
--! column: entities count -- entities that it found
--! column: groups count -- components of linked accounts among them
--! column: entity_kind text -- the strongest case: account, guest, device, …
--! column: entity id -- its id
--! column: component id? -- the component in which it was found
--! column: observed count? -- the value that the rule observed
--! column: threshold count? -- the value it is held against
--! column: verdict text -- what the hit asks for
--! column: last_at time -- the last hit that opened
with found as (
    select
        rule,
        entity_kind,
        entity,
        last_value(mode order by received_at, seq)                          as mode,
        last_value(component order by received_at, seq)                     as component,
        last_value(observed order by received_at, seq)                      as observed,
        last_value(threshold order by received_at, seq)                     as threshold,
        last_value(verdict order by received_at, seq)                       as verdict,
        last_value(state order by received_at, seq)                         as state,
        max(received_at) filter (where state = 'opened')                    as opened_at
    from hits
    where received_at >= $from
        and received_at < $to
        and ($mode is null or mode = $mode)
    group by rule, entity_kind, entity
),
ordered as (
    select
        rule,
        mode,
        entity_kind,
        entity,
        component,
        observed,
        threshold,
        verdict,
        opened_at,
        coalesce(1.0 * observed / nullif(threshold, 0), 0)                  as strength,
        row_number() over (
            partition by rule
            order by coalesce(1.0 * observed / nullif(threshold, 0), 0) desc, opened_at desc, entity
        )                                                                   as place
    from found
    where state <> 'closed'
        and opened_at is not null
)
select
    rule,
    max(mode) filter (where place = 1)                                      as mode,
    count(*)                                                                as entities,
    count(distinct component)                                               as groups,
    max(entity_kind) filter (where place = 1)                               as entity_kind,
    max(entity) filter (where place = 1)                                    as entity,
    max(component) filter (where place = 1)                                 as component,
    max(observed) filter (where place = 1)                                  as observed,
    max(threshold) filter (where place = 1)                                 as threshold,
    max(verdict) filter (where place = 1)                                   as verdict,
    max(opened_at)                                                          as last_at
from ordered
group by rule
order by max(strength) desc, rule
limit $limit
