--! title: Crash-free sessions and people over time
--! description: Pages never crash: for them look at unhandled_free.
--! param: from timestamp = -7d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: bucket interval = 1d -- width of a point
--! param: release text? -- only this release
--! param: environment text? -- only this environment
--! param: country text? -- only this country, ISO 3166-1 alpha-2
--! column: bucket time -- start of the point, in which the sessions began
--! column: sessions count -- sessions
--! column: crash_free_sessions percent? -- of these, without a crash
--! column: unhandled_free percent? -- sessions without a crash and without an unhandled error
--! column: people count -- accounts, else guests, where sessions name them
--! column: crash_free_people percent? -- of these, without a crash; null without people
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
    where received_at >= $from - interval '10 minutes'
        and received_at < $to + interval '1 day'
        and ($release is null or release = $release)
        and ($environment is null or environment = $environment)
        and ($country is null or country = $country)
    group by 1, 2
),
each_person as (
    select
        date_bin($bucket, began)                                             as bucket,
        person,
        sum(sessions)                                                        as sessions,
        coalesce(sum(sessions) filter (where status = 'crashed'), 0)         as crashed,
        coalesce(sum(sessions) filter (where status = 'unhandled'), 0)       as unhandled
    from each_session
    where began >= $from
        and began < $to
    group by 1, 2
),
each_bucket as (
    select
        bucket,
        sum(sessions)                                                        as sessions,
        sum(crashed)                                                         as crashed,
        sum(unhandled)                                                       as unhandled,
        count(person)                                                        as people,
        count(person) filter (where crashed > 0)                             as crashed_people
    from each_person
    group by bucket
)
select
    bucket,
    sessions,
    100.0 * (sessions - crashed) / nullif(sessions, 0)                       as crash_free_sessions,
    100.0 * (sessions - crashed - unhandled) / nullif(sessions, 0)           as unhandled_free,
    people,
    100.0 * (people - crashed_people) / nullif(people, 0)                    as crash_free_people
from each_bucket
order by bucket
limit 10000
