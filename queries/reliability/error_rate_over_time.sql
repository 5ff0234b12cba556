--! title: Error rate over time
--! param: from timestamp = -24h -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: bucket interval = 1h -- width of a point
--! param: release text? -- only this release
--! param: environment text? -- only this environment
--! param: country text? -- only this country, ISO 3166-1 alpha-2
--! param: route text? -- only this route
--! column: bucket time -- start of the point
--! column: requests count -- usage events that name a route
--! column: errors count -- those with status 'error'
--! column: error_rate percent -- errors among the requests
with requests_by_bucket as (
    select
        date_bin($bucket, received_at)                as bucket,
        count(*)                                      as requests,
        count(*) filter (where status = 'error')      as errors
    from usage
    where received_at >= $from
        and received_at < $to
        and route is not null
        and ($route is null or route = $route)
        and ($release is null or release = $release)
        and ($environment is null or environment = $environment)
        and ($country is null or country = $country)
    group by 1
)
select
    bucket,
    requests,
    errors,
    100.0 * errors / nullif(requests, 0)              as error_rate
from requests_by_bucket
order by bucket
limit 10000
