--! title: Which rules fire
--! description: Hits that opened in the range, by rule and by the mode they had then. A hit is open until its rule closes it.
--! param: from timestamp = -7d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: mode enum(live | shadow)? -- only hits of rules in this mode; shadow hits restrain nobody, and tell what would have been
--! param: rule text? -- only hits of this rule
--! param: limit int = 100 count -- rows at most
--! column: rule text -- the rule
--! column: mode text -- live, or shadow: restrains nobody
--! column: hits count -- hits that opened
--! column: entities count -- entities they are on
--! column: blocks count -- of the hits, those that opened asking for a block
--! column: still_open count -- entities whose last hit was open at the end of the range
--! column: last_at time -- the last that opened
with by_entity as (
    select
        rule,
        mode,
        entity_kind,
        entity,
        count(*) filter (where state = 'opened')                              as hits,
        count(*) filter (where state = 'opened' and verdict = 'block')        as blocks,
        max(received_at) filter (where state = 'opened')                      as last_at,
        last_value(state order by received_at, seq)                           as last_state
    from hits
    where received_at >= $from
        and received_at < $to
        and ($mode is null or mode = $mode)
        and ($rule is null or rule = $rule)
    group by rule, mode, entity_kind, entity
)
select
    rule,
    mode,
    sum(hits)                                                                 as hits,
    count(*)                                                                  as entities,
    sum(blocks)                                                               as blocks,
    count(*) filter (where last_state <> 'closed')                            as still_open,
    max(last_at)                                                              as last_at
from by_entity
where hits > 0
group by rule, mode
order by hits desc, rule, mode
limit $limit
