--! title: How long verdicts take, over time
--! description: Time to decide, without the network. Percentiles are approximate (t-digest); decisions that were sampled count by their weight, their time once.
--! param: from timestamp = -24h -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: bucket interval = 1h -- width of a point
--! column: bucket time -- start of the point
--! column: decisions count -- decisions served
--! column: degraded count -- of these, on cold or stale state
--! column: p50_ms ms -- half are faster
--! column: p99_ms ms -- 99 in 100 are faster
--! column: max_ms ms -- the slowest
select
    date_bin($bucket, received_at)                                            as bucket,
    sum(weight)                                                               as decisions,
    coalesce(sum(weight) filter (where degraded), 0)                          as degraded,
    approx_percentile_cont(0.50) within group (order by latency_us) / 1000.0  as p50_ms,
    approx_percentile_cont(0.99) within group (order by latency_us) / 1000.0  as p99_ms,
    max(latency_us) / 1000.0                                                  as max_ms
from verdicts
where received_at >= $from
    and received_at < $to
    and latency_us is not null
group by 1
order by bucket
limit 10000
