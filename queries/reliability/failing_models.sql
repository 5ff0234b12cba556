--! title: Failing models
--! description: Generations are usage events named `*.generate` that name a model.
--! param: from timestamp = -24h -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: release text? -- only this release
--! param: environment text? -- only this environment
--! param: country text? -- only this country, ISO 3166-1 alpha-2
--! param: limit int = 50 count -- models at most
--! column: model text -- the generation model
--! column: generations count -- asked for
--! column: failed count -- ended with status 'error'
--! column: cancelled count -- ended with status 'cancelled'
--! column: failure_rate percent? -- failed among those not cancelled; null if all were cancelled
--! column: p95_ms ms? -- 95 in 100 are faster, approximate; null if none told its duration
with generations_by_model as (
    select
        model,
        count(*)                                                          as generations,
        count(*) filter (where status = 'error')                          as failed,
        count(*) filter (where status = 'cancelled')                      as cancelled,
        approx_percentile_cont(0.95) within group (order by duration_ms)  as p95_ms
    from usage
    where received_at >= $from
        and received_at < $to
        and name like '%.generate'
        and model is not null
        and ($release is null or release = $release)
        and ($environment is null or environment = $environment)
        and ($country is null or country = $country)
    group by model
)
select
    model,
    generations,
    failed,
    cancelled,
    100.0 * failed / nullif(generations - cancelled, 0)    as failure_rate,
    p95_ms
from generations_by_model
order by failed desc, generations desc, model
limit $limit
