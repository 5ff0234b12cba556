--! title: Error rate, and in the period before
--! description: The period before is as long and ends where the range begins.
--! param: from timestamp = -24h -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: release text? -- only this release
--! param: environment text? -- only this environment
--! param: country text? -- only this country, ISO 3166-1 alpha-2
--! column: requests count -- usage events that name a route
--! column: errors count -- those with status 'error'
--! column: error_rate percent? -- errors among the requests; null without requests
--! column: error_rate_before percent? -- the same of the period before
with totals as (
    select
        count(*) filter (where received_at >= $from)                             as requests,
        count(*) filter (where received_at >= $from and status = 'error')        as errors,
        count(*) filter (where received_at < $from)                              as requests_before,
        count(*) filter (where received_at < $from and status = 'error')         as errors_before
    from usage
    where received_at >= $from - ($to - $from)
        and received_at < $to
        and route is not null
        and ($release is null or release = $release)
        and ($environment is null or environment = $environment)
        and ($country is null or country = $country)
)
select
    requests,
    errors,
    100.0 * errors / nullif(requests, 0)                                         as error_rate,
    100.0 * errors_before / nullif(requests_before, 0)                           as error_rate_before
from totals
