--! title: How each release fares
--! description: Sessions by when they began, errors by when they were received. Pages never crash: for them look at unhandled_free.
--! param: from timestamp = -7d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: environment text? -- only this environment
--! param: country text? -- only this country, ISO 3166-1 alpha-2
--! param: limit int = 20 count -- releases at most
--! column: release text -- the app's release; 'unknown' if the sender told none
--! column: sessions count -- sessions
--! column: adoption percent? -- of all sessions in the range
--! column: crash_free_sessions percent? -- of its sessions, without a crash; null without sessions
--! column: unhandled_free percent? -- of its sessions, without a crash and without an unhandled error
--! column: errors count -- errors received
--! column: people_hit count -- accounts, guests or sessions that met one
--! column: last_seen time? -- its last session or error in the range
-- What a session is, and how it ended, is as in the view `release_health`. Updates that come more than a day late do not count.
with each_session as (
    select
        coalesce(release, 'unknown')                                                        as release,
        trust,
        case when quantity is null then coalesce(session_id, event_id) else event_id end    as session,
        min(coalesce(started, ts))                                                          as began,
        coalesce(
            first_value(status order by ts, received_at, seq) filter (where status <> 'ok'),
            'ok'
        )                                                                                   as status,
        max(coalesce(quantity, 1))                                                          as sessions,
        max(received_at)                                                                    as last_seen
    from sessions
    where received_at >= $from - interval '10 minutes'
        and received_at < $to + interval '1 day'
        and ($environment is null or environment = $environment)
        and ($country is null or country = $country)
    group by 1, 2, 3
),
sessions_by_release as (
    select
        release,
        sum(sessions)                                                        as sessions,
        coalesce(sum(sessions) filter (where status = 'crashed'), 0)         as crashed,
        coalesce(sum(sessions) filter (where status = 'unhandled'), 0)       as unhandled,
        max(last_seen)                                                       as last_seen
    from each_session
    where began >= $from
        and began < $to
    group by release
),
errors_by_person as (
    select
        coalesce(release, 'unknown')                                         as release,
        coalesce(account_id, guest_id, session_id)                           as person,
        count(*)                                                             as errors,
        max(received_at)                                                     as last_seen
    from errors
    where received_at >= $from
        and received_at < $to
        and ($environment is null or environment = $environment)
        and ($country is null or country = $country)
    group by 1, 2
),
errors_by_release as (
    select
        release,
        sum(errors)                                                          as errors,
        count(person)                                                        as people_hit,
        max(last_seen)                                                       as last_seen
    from errors_by_person
    group by release
),
both_sides as (
    select
        coalesce(sessions_by_release.release, errors_by_release.release)     as release,
        coalesce(sessions_by_release.sessions, 0)                            as sessions,
        coalesce(sessions_by_release.crashed, 0)                             as crashed,
        coalesce(sessions_by_release.unhandled, 0)                           as unhandled,
        coalesce(errors_by_release.errors, 0)                                as errors,
        coalesce(errors_by_release.people_hit, 0)                            as people_hit,
        greatest(sessions_by_release.last_seen, errors_by_release.last_seen) as last_seen
    from sessions_by_release
    full join errors_by_release on errors_by_release.release = sessions_by_release.release
)
select
    release,
    sessions,
    100.0 * sessions / nullif(sum(sessions) over (), 0)                      as adoption,
    100.0 * (sessions - crashed) / nullif(sessions, 0)                       as crash_free_sessions,
    100.0 * (sessions - crashed - unhandled) / nullif(sessions, 0)           as unhandled_free,
    errors,
    people_hit,
    last_seen
from both_sides
order by sessions desc, errors desc, release
limit $limit
