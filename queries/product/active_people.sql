--! title: Active people, by day and over seven days
--! description: Active is who did anything at all. Whoever was a guest and signed up later is one person from the first day on.
--! param: from timestamp = -30d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: environment text? -- only this environment
--! param: country text? -- only this country, ISO 3166-1 alpha-2
--! column: day time -- the UTC day
--! column: people count -- active that day
--! column: people_7d count -- active that day or in the six days before it
--! column: stickiness percent? -- people among people_7d: how much of a week's people a day sees
-- Each person counts for seven days from each of its days, but no longer than until its next one: the sum of what begins
-- and ends is people_7d, and no day is held against seven others.
with bound as (
    select
        guest_id,
        account_id
    from binds
    where unbound_at is null
),
usage_by_id as (
    select
        date_trunc('day', received_at)                    as day,
        account_id,
        guest_id
    from usage
    where received_at >= date_trunc('day', $from) - interval '6 days'
        and received_at < $to
        and ($environment is null or environment = $environment)
        and ($country is null or country = $country)
        and coalesce(account_id, guest_id) is not null
    group by 1, 2, 3
),
person_days as (
    select distinct
        usage_by_id.day                                                               as day,
        coalesce(usage_by_id.account_id, bound.account_id, usage_by_id.guest_id)      as person_id
    from bound
    right join usage_by_id on usage_by_id.guest_id = bound.guest_id
),
spans as (
    select
        day,
        least(
            day + interval '7 days',
            lead(day) over (partition by person_id || '' order by day)
        )                                                 as ends
    from person_days
),
changes as (
    select day, count(*) as people, count(*) as change
    from spans
    group by day
    union all
    select ends as day, 0 as people, -count(*) as change
    from spans
    group by ends
),
changes_by_day as (
    select
        day,
        sum(people)                                       as people,
        sum(change)                                       as change
    from changes
    group by day
),
active as (
    select
        day,
        people,
        sum(change) over (order by day rows between unbounded preceding and current row)    as people_7d
    from changes_by_day
)
select
    day,
    people,
    people_7d,
    100.0 * people / nullif(people_7d, 0)                 as stickiness
from active
where day >= date_trunc('day', $from)
    and day < $to
order by day
limit 1000
