--! title: Verdicts over time
--! description: Decisions that were sampled count by their weight.
--! param: from timestamp = -24h -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: bucket interval = 1h -- width of a point
--! param: action text? -- only this action: generate, grant, …
--! column: bucket time -- start of the point
--! column: verdict text -- allow, throttle or block
--! column: decisions count -- decisions served
--! column: degraded count -- of these, on cold or stale state
select
    date_bin($bucket, received_at)                                   as bucket,
    verdict,
    sum(weight)                                                      as decisions,
    coalesce(sum(weight) filter (where degraded), 0)                 as degraded
from verdicts
where received_at >= $from
    and received_at < $to
    and ($action is null or action = $action)
group by 1, 2
order by bucket, verdict
limit 10000
