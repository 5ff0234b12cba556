--! title: Who comes back, week by week
--! description: People by the week (UTC, from Monday) in which servers first told of them, and in which weeks after it they did anything. Whoever was a guest and signed up later is one person.
--! param: from timestamp = -56d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: environment text? -- only this environment
--! param: country text? -- only this country, ISO 3166-1 alpha-2
--! column: cohort time -- start of the week in which they came
--! column: week count -- weeks since then: 0 is the week in which they came
--! column: people count -- people who came in that week
--! column: active count -- those who did anything in this week
--! column: share percent -- active among people
with bound as (
    select
        guest_id,
        account_id
    from binds
    where unbound_at is null
),
newcomers as (
    select
        person_id || ''                     as person_id,
        date_trunc('week', min(first_seen))               as cohort
    from people
    group by person_id
    having min(first_seen) >= date_trunc('week', $from)
        and min(first_seen) < $to
),
usage_by_id as (
    select
        date_trunc('week', received_at)                   as active_week,
        account_id,
        guest_id
    from usage
    where received_at >= date_trunc('week', $from)
        and received_at < $to
        and coalesce(account_id, guest_id) is not null
        and ($environment is null or environment = $environment)
        and ($country is null or country = $country)
    group by 1, 2, 3
),
person_weeks as (
    select distinct
        usage_by_id.active_week                                                       as active_week,
        coalesce(usage_by_id.account_id, bound.account_id, usage_by_id.guest_id)      as person_id
    from bound
    right join usage_by_id on usage_by_id.guest_id = bound.guest_id
),
cohorts as (
    select
        cohort,
        count(*)                                          as people
    from newcomers
    group by cohort
),
cells as (
    select
        newcomers.cohort                                  as cohort,
        cast(
            (date_part('epoch', person_weeks.active_week) - date_part('epoch', newcomers.cohort)) / 604800 as bigint
        )                                                 as week,
        count(*)                                          as active
    from newcomers
    inner join person_weeks on person_weeks.person_id = newcomers.person_id
    where person_weeks.active_week >= newcomers.cohort
    group by 1, 2
)
select
    cells.cohort                                          as cohort,
    cells.week                                            as week,
    cohorts.people                                        as people,
    cells.active                                          as active,
    100.0 * cells.active / nullif(cohorts.people, 0)      as share
from cells
inner join cohorts on cohorts.cohort = cells.cohort
order by cells.cohort, cells.week
limit 10000
