--! title: Which models people use
--! description: Generations are usage events named `*.generate` that name a model. The number of people is approximate (HyperLogLog), the median too.
--! param: from timestamp = -7d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: environment text? -- only this environment
--! param: country text? -- only this country, ISO 3166-1 alpha-2
--! param: limit int = 50 count -- models at most
--! column: model text -- the generation model
--! column: generations count -- asked for
--! column: share percent -- of all generations
--! column: people count -- accounts, guests or sessions that asked, approximate
--! column: p50_ms ms? -- half are faster, approximate; null if none told its duration
with generations_by_model as (
    select
        model,
        count(*)                                                                        as generations,
        approx_distinct(coalesce(account_id, guest_id, session_id))                     as people,
        approx_percentile_cont(0.50) within group (order by duration_ms)                as p50_ms
    from usage
    where received_at >= $from
        and received_at < $to
        and name like '%.generate'
        and model is not null
        and ($environment is null or environment = $environment)
        and ($country is null or country = $country)
    group by model
)
select
    model,
    generations,
    100.0 * generations / nullif(sum(generations) over (), 0)                           as share,
    people,
    p50_ms
from generations_by_model
order by generations desc, model
limit $limit
