--! title: Latency over time
--! description: Percentiles are approximate (t-digest).
--! param: from timestamp = -24h -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: bucket interval = 1h -- width of a point
--! param: release text? -- only this release
--! param: environment text? -- only this environment
--! param: country text? -- only this country, ISO 3166-1 alpha-2
--! param: route text? -- only this route
--! column: bucket time -- start of the point
--! column: requests count -- usage events that name a route and tell their duration
--! column: p50_ms ms -- half are faster
--! column: p95_ms ms -- 95 in 100 are faster
--! column: p99_ms ms -- 99 in 100 are faster
select
    date_bin($bucket, received_at)                                     as bucket,
    count(*)                                                           as requests,
    approx_percentile_cont(0.50) within group (order by duration_ms)   as p50_ms,
    approx_percentile_cont(0.95) within group (order by duration_ms)   as p95_ms,
    approx_percentile_cont(0.99) within group (order by duration_ms)   as p99_ms
from usage
where received_at >= $from
    and received_at < $to
    and route is not null
    and duration_ms is not null
    and ($route is null or route = $route)
    and ($release is null or release = $release)
    and ($environment is null or environment = $environment)
    and ($country is null or country = $country)
group by 1
order by bucket
limit 10000
