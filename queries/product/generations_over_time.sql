--! title: Generations over time
--! description: Generations are usage events named `*.generate`.
--! param: from timestamp = -7d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: bucket interval = 1d -- width of a point
--! param: environment text? -- only this environment
--! param: country text? -- only this country, ISO 3166-1 alpha-2
--! param: model text? -- only this model
--! column: bucket time -- start of the point
--! column: generations count -- asked for
--! column: succeeded count -- of these, ended well
--! column: failed count -- ended with status 'error'
--! column: cancelled count -- ended with status 'cancelled'
--! column: people count -- accounts, guests or sessions that asked
with generations_by_person as (
    select
        date_bin($bucket, received_at)                                                  as bucket,
        coalesce(account_id, guest_id, session_id)                                      as person,
        count(*)                                                                        as generations,
        count(*) filter (where status = 'error')                                        as failed,
        count(*) filter (where status = 'cancelled')                                    as cancelled
    from usage
    where received_at >= $from
        and received_at < $to
        and name like '%.generate'
        and ($model is null or model = $model)
        and ($environment is null or environment = $environment)
        and ($country is null or country = $country)
    group by 1, 2
)
select
    bucket,
    sum(generations)                                                                    as generations,
    sum(generations - failed - cancelled)                                               as succeeded,
    sum(failed)                                                                         as failed,
    sum(cancelled)                                                                      as cancelled,
    count(person)                                                                       as people
from generations_by_person
group by bucket
order by bucket
limit 10000
