--! title: Top errors by type
--! param: from timestamp = -24h -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: release text? -- only this release
--! param: environment text? -- only this environment
--! param: country text? -- only this country, ISO 3166-1 alpha-2
--! param: limit int = 20 count -- types at most
--! column: type text -- exception type; 'unknown' if the sender told none
--! column: errors count -- errors received
--! column: unhandled count -- those that the app did not catch
--! column: people count -- accounts, guests or sessions that met one
--! column: first_seen time -- the first in the range
--! column: last_seen time -- the last in the range
with errors_by_person as (
    select
        coalesce(type, 'unknown')                     as type,
        coalesce(account_id, guest_id, session_id)    as person,
        count(*)                                      as errors,
        count(*) filter (where not handled)           as unhandled,
        min(received_at)                              as first_seen,
        max(received_at)                              as last_seen
    from errors
    where received_at >= $from
        and received_at < $to
        and ($release is null or release = $release)
        and ($environment is null or environment = $environment)
        and ($country is null or country = $country)
    group by 1, 2
)
select
    type,
    sum(errors)        as errors,
    sum(unhandled)     as unhandled,
    count(person)      as people,
    min(first_seen)    as first_seen,
    max(last_seen)     as last_seen
from errors_by_person
group by type
order by errors desc, people desc, type
limit $limit
