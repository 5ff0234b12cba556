--! title: People a day
--! description: Whoever was a guest and signed up later is one person from the first day on: read again, earlier days change.
--! param: from timestamp = -30d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: environment text? -- only this environment
--! param: country text? -- only this country, ISO 3166-1 alpha-2
--! column: day time -- the UTC day
--! column: people count -- who used the app that day
--! column: accounts count -- those with an account by now
--! column: guests count -- those without
--! column: events count -- usage events of these people
with usage_by_person as (
    select
        date_trunc('day', u.received_at)                             as day,
        coalesce(u.account_id, p.person_id, u.guest_id)              as person_id,
        u.account_id is not null or p.bound_at is not null           as has_account,
        count(*)                                                     as events
    from usage as u
    left join people as p on p.guest_id = u.guest_id
    where u.received_at >= $from
        and u.received_at < $to
        and ($environment is null or u.environment = $environment)
        and ($country is null or u.country = $country)
    group by 1, 2, 3
)
select
    day,
    count(*)                                   as people,
    count(*) filter (where has_account)        as accounts,
    count(*) filter (where not has_account)    as guests,
    sum(events)                                as events
from usage_by_person
where person_id is not null
group by day
order by day
limit 1000
