--! title: Failed generations over time, by model
--! description: Generations are usage events named `*.generate` that name a model.
--! param: from timestamp = -24h -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: bucket interval = 1h -- width of a point
--! param: release text? -- only this release
--! param: environment text? -- only this environment
--! param: country text? -- only this country, ISO 3166-1 alpha-2
--! column: bucket time -- start of the point
--! column: model text -- the generation model
--! column: generations count -- asked for
--! column: failed count -- ended with status 'error'
--! column: failure_rate percent? -- failed among those not cancelled; null if all were cancelled
with generations_by_model as (
    select
        date_bin($bucket, received_at)                                as bucket,
        model,
        count(*)                                                      as generations,
        count(*) filter (where status = 'error')                      as failed,
        count(*) filter (where status = 'cancelled')                  as cancelled
    from usage
    where received_at >= $from
        and received_at < $to
        and name like '%.generate'
        and model is not null
        and ($release is null or release = $release)
        and ($environment is null or environment = $environment)
        and ($country is null or country = $country)
    group by 1, 2
)
select
    bucket,
    model,
    generations,
    failed,
    100.0 * failed / nullif(generations - cancelled, 0)               as failure_rate
from generations_by_model
order by bucket, model
limit 10000
