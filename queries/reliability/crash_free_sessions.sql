--! title: Crash-free sessions and people, and in the period before
--! description: The period before is as long and ends where the range begins. Pages never crash: for them look at unhandled_free.
--! param: from timestamp = -24h -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: release text? -- only this release
--! param: environment text? -- only this environment
--! param: country text? -- only this country, ISO 3166-1 alpha-2
--! column: sessions count -- sessions that began in the range
--! column: crash_free_sessions percent? -- of these, without a crash; null without sessions
--! column: crash_free_sessions_before percent? -- the same of the period before
--! column: unhandled_free percent? -- sessions without a crash and without an unhandled error
--! column: unhandled_free_before percent? -- the same of the period before
--! column: people count -- accounts, else guests, where sessions name them
--! column: crash_free_people percent? -- of these, without a crash; null without people
--! column: crash_free_people_before percent? -- the same of the period before
-- What a session is, and how it ended, is as in the view `release_health`. Updates that come more than a day late do not count.
with each_session as (
    select
        trust,
        case when quantity is null then coalesce(session_id, event_id) else event_id end    as session,
        min(coalesce(started, ts))                                                          as began,
        coalesce(
            first_value(status order by ts, received_at, seq) filter (where status <> 'ok'),
            'ok'
        )                                                                                   as status,
        max(errors)                                                                         as errors,
        max(coalesce(quantity, 1))                                                          as sessions,
        coalesce('account ' || max(account_id), 'guest ' || max(guest_id))                  as person
    from sessions
    where received_at >= $from - ($to - $from) - interval '10 minutes'
        and received_at < $to + interval '1 day'
        and ($release is null or release = $release)
        and ($environment is null or environment = $environment)
        and ($country is null or country = $country)
    group by 1, 2
),
each_person as (
    select
        began >= $from                                                       as is_current,
        person,
        sum(sessions)                                                        as sessions,
        coalesce(sum(sessions) filter (where status = 'crashed'), 0)         as crashed,
        coalesce(sum(sessions) filter (where status = 'unhandled'), 0)       as unhandled
    from each_session
    where began >= $from - ($to - $from)
        and began < $to
    group by 1, 2
),
totals as (
    select
        coalesce(sum(sessions) filter (where is_current), 0)                             as sessions,
        coalesce(sum(crashed) filter (where is_current), 0)                              as crashed,
        coalesce(sum(unhandled) filter (where is_current), 0)                            as unhandled,
        count(person) filter (where is_current)                                          as people,
        count(person) filter (where is_current and crashed > 0)                          as crashed_people,
        coalesce(sum(sessions) filter (where not is_current), 0)                         as sessions_before,
        coalesce(sum(crashed) filter (where not is_current), 0)                          as crashed_before,
        coalesce(sum(unhandled) filter (where not is_current), 0)                        as unhandled_before,
        count(person) filter (where not is_current)                                      as people_before,
        count(person) filter (where not is_current and crashed > 0)                      as crashed_people_before
    from each_person
)
select
    sessions,
    100.0 * (sessions - crashed) / nullif(sessions, 0)                                                as crash_free_sessions,
    100.0 * (sessions_before - crashed_before) / nullif(sessions_before, 0)                           as crash_free_sessions_before,
    100.0 * (sessions - crashed - unhandled) / nullif(sessions, 0)                                    as unhandled_free,
    100.0 * (sessions_before - crashed_before - unhandled_before) / nullif(sessions_before, 0)        as unhandled_free_before,
    people,
    100.0 * (people - crashed_people) / nullif(people, 0)                                             as crash_free_people,
    100.0 * (people_before - crashed_people_before) / nullif(people_before, 0)                        as crash_free_people_before
from totals
