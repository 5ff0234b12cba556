--! title: Releases that crash on one browser and not on others
--! description: Sessions of the range by release and browser, where a release ends in a crash on one browser at least twice as often as on its others, and by a point more. The issue is the one with the most errors there that nobody caught.
--! param: from timestamp = -24h -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: environment text? -- only this environment
--! param: least int = 5 count -- crashed sessions at least
--! param: limit int = 20 count -- rows at most
--! column: release text -- the app's release; 'unknown' if the sender told none
--! column: browser text -- browser family; 'unknown' if it could not be told
--! column: sessions count -- sessions on it
--! column: crashed count -- of these, ended in a crash
--! column: share percent -- crashed among them
--! column: elsewhere percent? -- the same on the release's other browsers; null without sessions there
--! column: issue_id id? -- the issue with the most uncaught errors there
--! column: type text? -- its exception type
--! column: people count -- accounts, guests or sessions that met it there
--! column: first_at time? -- its first error there, in the range
with each_session as (
    select
        coalesce(session_id, event_id)                                      as session,
        coalesce(max(release), 'unknown')                                   as release,
        coalesce(max(browser), 'unknown')                                   as browser,
        count(*) filter (where status = 'crashed') > 0                      as is_crashed
    from sessions
    where received_at >= $from
        and received_at < $to
        and quantity is null
        and ($environment is null or environment = $environment)
    group by 1
),
by_browser as (
    select
        release,
        browser,
        count(*)                                                            as sessions,
        count(*) filter (where is_crashed)                                  as crashed
    from each_session
    group by release, browser
),
compared as (
    select
        release,
        browser,
        sessions,
        crashed,
        sum(sessions) over (partition by release) - sessions                as other_sessions,
        sum(crashed) over (partition by release) - crashed                  as other_crashed
    from by_browser
),
uncaught as (
    select
        coalesce(release, 'unknown')                                        as release,
        coalesce(browser, 'unknown')                                        as browser,
        issue_id,
        max(type)                                                           as type,
        count(*)                                                            as errors,
        count(distinct coalesce(account_id, guest_id, session_id))          as people,
        min(received_at)                                                    as first_at
    from errors
    where received_at >= $from
        and received_at < $to
        and not handled
        and ($environment is null or environment = $environment)
    group by 1, 2, 3
),
foremost as (
    select
        release,
        browser,
        issue_id,
        type,
        people,
        first_at,
        row_number() over (partition by release, browser order by errors desc, issue_id)    as place
    from uncaught
)
select
    compared.release                                                        as release,
    compared.browser                                                        as browser,
    compared.sessions                                                       as sessions,
    compared.crashed                                                        as crashed,
    100.0 * compared.crashed / compared.sessions                            as share,
    100.0 * compared.other_crashed / nullif(compared.other_sessions, 0)     as elsewhere,
    foremost.issue_id                                                       as issue_id,
    foremost.type                                                           as type,
    coalesce(foremost.people, 0)                                            as people,
    foremost.first_at                                                       as first_at
from compared
left join foremost
    on foremost.release = compared.release
    and foremost.browser = compared.browser
    and foremost.place = 1
where compared.crashed >= $least
    and 100.0 * compared.crashed / compared.sessions
        >= coalesce(200.0 * compared.other_crashed / nullif(compared.other_sessions, 0), 0) + 1
order by compared.crashed desc, compared.release, compared.browser
limit $limit
