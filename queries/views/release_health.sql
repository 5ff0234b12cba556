--! title: how the sessions of each release went, day by day
--! column: day date? -- the UTC day on which the sessions began
--! column: release text? -- the app's release; null where none was told
--! column: environment text? -- production, staging, …; null where none was told
--! column: sessions bigint -- sessions, each counted once; also those that servers only count
--! column: crashed bigint -- sessions that ended in a crash
--! column: abnormal bigint -- sessions that ended without the app's doing: killed, frozen
--! column: unhandled bigint -- sessions that met an error nobody caught, and went on
--! column: errored bigint -- sessions that met errors, all of which the app caught
--! column: crash_free_sessions double? -- share of sessions that did not crash, 0 to 1; null without sessions
--! column: unhandled_free double? -- share of sessions without a crash and without an unhandled error, 0 to 1; null without sessions
--! column: error_free double? -- share of sessions that met no error and ended well, 0 to 1; null without sessions
--! column: users bigint -- accounts, else guests, where the sessions name them
--! column: crash_free_users double? -- share of these without a crash, 0 to 1; null without users
--! column: adoption double? -- share of the day's sessions in this environment, 0 to 1; null without sessions
-- An update of a session repeats its whole state. The first that says how it ended (any status but ok) is the last word;
-- without one it runs, or nobody heard its end. A page's word does not change what a server says of the same session.
-- Pages never crash: for them, `unhandled_free` and `error_free` tell what `crash_free_sessions` cannot.
-- Devices do not count as users: not every key may see them, and a share must not depend on who asks.
--
-- The day is a key of every step, and people are counted in two, so that a range of days is all that is worked on.
with each_session as (
    select
        cast(date_trunc('day', coalesce(started, ts)) as date)                      as day,
        release,
        environment,
        trust,
        case when quantity is null then coalesce(session_id, event_id) else event_id end  as session,
        coalesce(
            first_value(status order by ts, received_at, seq) filter (where status <> 'ok'),
            'ok'
        )                                                                           as status,
        max(errors)                                                                 as errors,
        max(coalesce(quantity, 1))                                                  as sessions,
        coalesce('account ' || max(account_id), 'guest ' || max(guest_id))          as person
    from sessions
    group by 1, 2, 3, 4, 5
),

each_person as (
    select
        day,
        release,
        environment,
        person,
        sum(sessions)                                                               as sessions,
        sum(sessions) filter (where status = 'crashed')                             as crashed,
        sum(sessions) filter (where status = 'abnormal')                            as abnormal,
        sum(sessions) filter (where status = 'unhandled')                           as unhandled,
        sum(sessions) filter (
            where status = 'errored' or (status in ('ok', 'exited') and errors > 0)
        )                                                                           as errored
    from each_session
    group by day, release, environment, person
),

each_release as (
    select
        day,
        release,
        environment,
        coalesce(sum(sessions), 0)                      as sessions,
        coalesce(sum(crashed), 0)                       as crashed,
        coalesce(sum(abnormal), 0)                      as abnormal,
        coalesce(sum(unhandled), 0)                     as unhandled,
        coalesce(sum(errored), 0)                       as errored,
        count(person)                                   as users,
        count(person) filter (where crashed > 0)        as crashed_users
    from each_person
    group by day, release, environment
)

select
    day,
    release,
    environment,
    sessions,
    crashed,
    abnormal,
    unhandled,
    errored,
    1.0 * (sessions - crashed) / nullif(sessions, 0)                                     as crash_free_sessions,
    1.0 * (sessions - crashed - unhandled) / nullif(sessions, 0)                         as unhandled_free,
    1.0 * (sessions - crashed - abnormal - unhandled - errored) / nullif(sessions, 0)    as error_free,
    users,
    1.0 * (users - crashed_users) / nullif(users, 0)                                     as crash_free_users,
    1.0 * sessions / nullif(sum(sessions) over (partition by day, environment), 0)       as adoption
from each_release
