--! title: Generations over time, by model
--! description: Generations are usage events named `*.generate` that name a model.
--! param: from timestamp = -7d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: bucket interval = 1d -- width of a point
--! param: environment text? -- only this environment
--! param: country text? -- only this country, ISO 3166-1 alpha-2
--! column: bucket time -- start of the point
--! column: model text -- the generation model
--! column: generations count -- asked for
--! column: share percent -- of the point's generations
with generations_by_model as (
    select
        date_bin($bucket, received_at)                                                  as bucket,
        model,
        count(*)                                                                        as generations
    from usage
    where received_at >= $from
        and received_at < $to
        and name like '%.generate'
        and model is not null
        and ($environment is null or environment = $environment)
        and ($country is null or country = $country)
    group by 1, 2
)
select
    bucket,
    model,
    generations,
    100.0 * generations / nullif(sum(generations) over (partition by bucket), 0)        as share
from generations_by_model
order by bucket, model
limit 10000
