--! title: Release health by day
--! description: How the sessions of each release went. Pages never crash: for them look at unhandled_free and error_free.
--! param: from timestamp = -14d -- the range begins on this day, UTC
--! param: to timestamp = now -- the range ends on this day, included
--! param: release text? -- only this release
--! param: environment text? -- only this environment
--! param: limit int = 500 count -- rows at most, the newest days first
--! column: day time -- the UTC day on which the sessions began
--! column: release text? -- the app's release; null where none was told
--! column: environment text? -- production, staging, …; null where none was told
--! column: sessions count -- sessions
--! column: crash_free_sessions percent? -- that did not crash
--! column: unhandled_free percent? -- without a crash and without an unhandled error
--! column: error_free percent? -- that met no error and ended well
--! column: users count -- accounts, else guests, where sessions name them
--! column: crash_free_users percent? -- of these, without a crash; null without users
--! column: adoption percent? -- of the day's sessions in this environment
select
    day,
    release,
    environment,
    sessions,
    100.0 * crash_free_sessions    as crash_free_sessions,
    100.0 * unhandled_free         as unhandled_free,
    100.0 * error_free             as error_free,
    users,
    100.0 * crash_free_users       as crash_free_users,
    100.0 * adoption               as adoption
from release_health
where day >= cast($from as date)
    and day <= cast($to as date)
    and ($release is null or release = $release)
    and ($environment is null or environment = $environment)
order by day desc, sessions desc, release, environment
limit $limit
