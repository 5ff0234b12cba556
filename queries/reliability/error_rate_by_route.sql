--! title: Error rate by route
--! param: from timestamp = -24h -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: release text? -- only this release
--! param: environment text? -- only this environment
--! param: country text? -- only this country, ISO 3166-1 alpha-2
--! param: limit int = 50 count -- routes at most
--! column: route text -- the app's route
--! column: requests count -- usage events of the route
--! column: errors count -- those with status 'error'
--! column: error_rate percent -- errors among the requests
with requests_by_route as (
    select
        route,
        count(*)                                      as requests,
        count(*) filter (where status = 'error')      as errors
    from usage
    where received_at >= $from
        and received_at < $to
        and route is not null
        and ($release is null or release = $release)
        and ($environment is null or environment = $environment)
        and ($country is null or country = $country)
    group by route
)
select
    route,
    requests,
    errors,
    100.0 * errors / nullif(requests, 0)    as error_rate
from requests_by_route
order by errors desc, requests desc, route
limit $limit
