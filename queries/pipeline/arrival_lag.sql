--! title: How late events arrive, over time
--! description: From when an event happened, by the sender's clock, to when Weir received it. Imports are left out. Percentiles are approximate (t-digest). How long stored events wait for their file is in `GET /v1/status`.
--! param: from timestamp = -24h -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: bucket interval = 1h -- width of a point
--! column: bucket time -- start of the point
--! column: source text -- native, sentry, segment, posthog, otlp or simulate
--! column: events count -- events received
--! column: p50_ms ms -- half arrive sooner
--! column: p95_ms ms -- 95 in 100 arrive sooner
--! column: p99_ms ms -- 99 in 100 arrive sooner
--! column: from_the_future count -- events that say they happened over a second after they arrived
with lags as (
    select
        date_bin($bucket, received_at)                                        as bucket,
        coalesce(source, 'unknown')                                           as source,
        (cast(received_at as bigint) - cast(ts as bigint)) / 1000             as lag_ms
    from events
    where received_at >= $from
        and received_at < $to
        and coalesce(source, 'unknown') <> 'import'
        and ts is not null
)
select
    bucket,
    source,
    count(*)                                                                  as events,
    approx_percentile_cont(0.50) within group (order by lag_ms)               as p50_ms,
    approx_percentile_cont(0.95) within group (order by lag_ms)               as p95_ms,
    approx_percentile_cont(0.99) within group (order by lag_ms)               as p99_ms,
    count(*) filter (where lag_ms < -1000)                                    as from_the_future
from lags
group by bucket, source
order by bucket, source
limit 10000
