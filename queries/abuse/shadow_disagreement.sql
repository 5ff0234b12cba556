--! title: Decisions that rules in shadow would have made stricter
--! description: Decisions of the range about whom a shadow rule had a hit that asked for more than the answer gave. A decision that several rules would have changed counts for each of them.
--! param: from timestamp = -7d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: rule text? -- only this rule
--! param: limit int = 100 count -- rules at most
--! column: rule text -- the rule
--! column: decisions count -- decisions that would have been stricter
--! column: blocks count -- of these, those it would have blocked
--! column: share percent? -- of all decisions of the range; null without any
--! column: last_at time -- the last of these
with asked as (
    select
        event_id,
        received_at,
        weight,
        case verdict when 'block' then 2 when 'throttle' then 1 else 0 end    as given,
        unnest(json_get_array(shadow))                                        as reason
    from verdicts
    where received_at >= $from
        and received_at < $to
        and shadow is not null
),
wished as (
    select
        event_id,
        received_at,
        weight,
        given,
        json_get_str(reason, 'rule')                                          as rule,
        case json_get_str(reason, 'verdict')
            when 'block' then 2
            when 'throttle' then 1
            else 0
        end                                                                   as wanted
    from asked
),
changed as (
    select
        rule,
        event_id,
        max(received_at)                                                      as at,
        max(weight)                                                           as weight,
        max(wanted)                                                           as wanted
    from wished
    where wanted > given
        and ($rule is null or rule = $rule)
    group by rule, event_id
),
everything as (
    select
        sum(weight)                                                           as decisions
    from verdicts
    where received_at >= $from
        and received_at < $to
)
select
    changed.rule                                                              as rule,
    sum(changed.weight)                                                       as decisions,
    coalesce(sum(changed.weight) filter (where changed.wanted = 2), 0)        as blocks,
    round(100.0 * sum(changed.weight) / nullif(max(everything.decisions), 0), 1)    as share,
    max(changed.at)                                                           as last_at
from changed
cross join everything
group by changed.rule
order by decisions desc, rule
limit $limit
