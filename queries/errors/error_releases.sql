--! title: Releases and environments that errors came from, the newest release first
--! param: since timestamp = -30d -- start of the range, included
--! param: limit int = 200 count -- rows at most
--! column: release text? -- the app's release
--! column: environment text? -- production, staging, …
--! column: errors count -- errors received
--! column: first_seen time -- the first in the range
--! column: last_seen time -- the last in the range
select
    release,
    environment,
    count(*)            as errors,
    min(received_at)    as first_seen,
    max(received_at)    as last_seen
from errors
where received_at >= $since
    and (release is not null or environment is not null)
group by release, environment
order by first_seen desc, release, environment
limit $limit
