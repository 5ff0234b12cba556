--! title: How often a rule was right, as far as labels tell
--! description: Entities that a rule hit in the range, held against their newest label by now. Chargeback, refund and confirmed_abuse mean the rule was right; false_positive and appeal_upheld that it was not; withdrawn, that nothing is known any longer. The interval is Wilson's, 95 %: wide while labels are few.
--! param: from timestamp = -30d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: mode enum(live | shadow)? -- only hits of rules in this mode; shadow hits restrain nobody, and tell what would have been
--! param: rule text? -- only hits of this rule
--! param: limit int = 100 count -- rules at most
--! column: rule text -- the rule
--! column: entities count -- entities that it hit
--! column: right count -- of these, labelled as abuse
--! column: wrong count -- of these, labelled as no abuse
--! column: unlabelled count -- of these, without a label
--! column: precision percent? -- right among the labelled; null without labels
--! column: precision_low percent? -- lower end of the interval
--! column: precision_high percent? -- upper end of the interval
with hit as (
    select
        rule,
        entity_kind,
        entity
    from hits
    where received_at >= $from
        and received_at < $to
        and state = 'opened'
        and ($mode is null or mode = $mode)
        and ($rule is null or rule = $rule)
    group by rule, entity_kind, entity
),
newest_labels as (
    select
        entity_kind,
        entity,
        last_value(label order by observed_at, seq) in ('chargeback', 'refund', 'confirmed_abuse')    as is_abuse
    from labels
    group by entity_kind, entity
    having last_value(label order by observed_at, seq) <> 'withdrawn'
),
by_rule as (
    select
        hit.rule                                                              as rule,
        count(*)                                                              as entities,
        count(*) filter (where newest_labels.is_abuse)                        as right_hits,
        count(*) filter (where not newest_labels.is_abuse)                    as wrong_hits
    from hit
    left join newest_labels on newest_labels.entity_kind = hit.entity_kind and newest_labels.entity = hit.entity
    group by hit.rule
),
shares as (
    select
        rule,
        entities,
        right_hits,
        wrong_hits,
        1.0 * (right_hits + wrong_hits)                                       as n,
        1.0 * right_hits / nullif(right_hits + wrong_hits, 0)                 as p
    from by_rule
)
select
    rule,
    entities,
    right_hits                                                                as "right",
    wrong_hits                                                                as wrong,
    entities - right_hits - wrong_hits                                        as unlabelled,
    round(100 * p, 1)                                                         as precision,
    round(
        100 * (p + 1.9208 / n - 1.96 * sqrt(p * (1 - p) / n + 0.9604 / (n * n))) / (1 + 3.8416 / n),
        1
    )                                                                         as precision_low,
    round(
        100 * (p + 1.9208 / n + 1.96 * sqrt(p * (1 - p) / n + 0.9604 / (n * n))) / (1 + 3.8416 / n),
        1
    )                                                                         as precision_high
from shares
order by entities desc, rule
limit $limit
