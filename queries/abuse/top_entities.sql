--! title: Entities with the highest score
--! description: Open hits folded into a score as verdicts do: 100 × (1 − ∏(1 − points / 100)). With mode shadow, the score that shadow rules would make. Hits, not guilt: look at the evidence before you decide.
--! param: from timestamp = -30d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: mode enum(live | shadow) = live -- whose hits: those of live rules, or of rules in shadow
--! param: kind text? -- only entities of this kind: account, guest, device, …
--! param: limit int = 50 count -- entities at most
--! column: entity_kind text -- account, guest, device, …
--! column: entity id -- the entity
--! column: score count -- 0 to 100
--! column: hits count -- open hits on it
--! column: rules text -- the rules, by points
--! column: verdict text -- the strictest that a hit asks for: none, throttle or block
--! column: since time? -- its first open hit began
--! column: until time? -- its last open hit ends, unless it becomes true again
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
    entity_kind,
    entity,
    cast(round(100 * (1 - exp(sum(ln(greatest(1 - points / 100.0, 0.000001)))))) as bigint)    as score,
    count(*)                                                                  as hits,
    string_agg(rule, ', ' order by points desc, rule)                         as rules,
    case max(case verdict when 'block' then 2 when 'throttle' then 1 else 0 end)
        when 2 then 'block'
        when 1 then 'throttle'
        else 'none'
    end                                                                       as verdict,
    min(first_at)                                                             as since,
    max(until)                                                                as until
from newest
where state <> 'closed'
    and mode = $mode
    and ($kind is null or entity_kind = $kind)
group by entity_kind, entity
order by score desc, hits desc, entity_kind, entity
limit $limit
