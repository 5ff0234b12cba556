--! title: Hits over time, by rule
--! param: from timestamp = -7d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: bucket interval = 1d -- width of a point
--! param: mode enum(live | shadow)? -- only hits of rules in this mode; shadow hits restrain nobody, and tell what would have been
--! param: rule text? -- only hits of this rule
--! column: bucket time -- start of the point
--! column: rule text -- the rule
--! column: hits count -- hits that opened
select
    date_bin($bucket, received_at)                   as bucket,
    rule,
    count(*)                                         as hits
from hits
where received_at >= $from
    and received_at < $to
    and state = 'opened'
    and ($mode is null or mode = $mode)
    and ($rule is null or rule = $rule)
group by 1, 2
order by bucket, rule
limit 10000
