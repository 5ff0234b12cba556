--! title: Who is restricted by rules, by when it ends
--! description: Open hits that ask for a throttle or a block. While its rule stays true a hit is prolonged, so it ends at this time or later. Overrides by people are not in here.
--! param: from timestamp = -30d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: mode enum(live | shadow) = live -- whose hits: those of live rules, or of rules in shadow, which restrain nobody
--! param: limit int = 200 count -- rows at most, the first to end
--! column: until time? -- when it ends at the earliest
--! column: entity_kind text -- account, guest, device, …
--! column: entity id -- who is restricted
--! column: rule text -- the rule that asks for it
--! column: verdict text -- throttle or block
--! column: observed count? -- the value that the rule observed
--! column: threshold count? -- the value it is held against
--! column: since time? -- when it began
with newest as (
    select
        rule,
        entity_kind,
        entity,
        last_value(state order by received_at, seq)          as state,
        last_value(mode order by received_at, seq)           as mode,
        last_value(verdict order by received_at, seq)        as verdict,
        last_value(points order by received_at, seq)         as points,
        last_value(first_at order by received_at, seq)       as first_at,
        last_value(until order by received_at, seq)          as until,
        last_value(observed order by received_at, seq)       as observed,
        last_value(threshold order by received_at, seq)      as threshold
    from hits
    where received_at >= $from
        and received_at < $to
    group by rule, entity_kind, entity
)
select
    until,
    entity_kind,
    entity,
    rule,
    verdict,
    observed,
    threshold,
    first_at                                                                  as since
from newest
where state <> 'closed'
    and verdict in ('throttle', 'block')
    and mode = $mode
order by until, entity_kind, entity, rule
limit $limit
