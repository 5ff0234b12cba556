--! title: Errors over time, by release
--! param: from timestamp = -24h -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: bucket interval = 1h -- width of a point
--! param: release text? -- only this release
--! param: environment text? -- only this environment
--! param: country text? -- only this country, ISO 3166-1 alpha-2
--! column: bucket time -- start of the point
--! column: release text -- the app's release; 'unknown' if the sender told none
--! column: errors count -- errors received
--! column: people count -- accounts, guests or sessions that met one
with errors_by_person as (
    select
        date_bin($bucket, received_at)                as bucket,
        coalesce(release, 'unknown')                  as release,
        coalesce(account_id, guest_id, session_id)    as person,
        count(*)                                      as errors
    from errors
    where received_at >= $from
        and received_at < $to
        and ($release is null or release = $release)
        and ($environment is null or environment = $environment)
        and ($country is null or country = $country)
    group by 1, 2, 3
)
select
    bucket,
    release,
    sum(errors)      as errors,
    count(person)    as people
from errors_by_person
group by bucket, release
order by bucket, release
limit 10000
