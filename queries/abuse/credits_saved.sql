--! title: Credits that verdicts kept from being spent
--! description: What the refused requests would have cost, by the first reason of the verdict. A request that is asked again counts again, so this is an upper bound; a throttle may only delay.
--! param: from timestamp = -7d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: bucket interval = 1d -- width of a point
--! column: bucket time -- start of the point
--! column: rule text -- the first reason: a rule, 'override', 'score' or a limit; 'unknown' if none was kept
--! column: blocked credits -- asked for and blocked
--! column: throttled credits -- asked for and throttled
--! column: decisions count -- refused decisions with a cost
select
    date_bin($bucket, received_at)                                            as bucket,
    coalesce(json_get_str(reasons, 0, 'rule'), 'unknown')                     as rule,
    coalesce(sum(cost_credits * weight) filter (where verdict = 'block'), 0)  as blocked,
    coalesce(sum(cost_credits * weight) filter (where verdict = 'throttle'), 0)    as throttled,
    sum(weight)                                                               as decisions
from verdicts
where received_at >= $from
    and received_at < $to
    and verdict in ('throttle', 'block')
    and cost_credits > 0
group by 1, 2
order by bucket, rule
limit 10000
