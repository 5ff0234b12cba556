--! title: Whose a session was, on what, and what was in it
--! description: One row for a session that anything names, none for any other. Of what changed within it, the last counts.
--! param: session text -- the session
--! param: since timestamp = -30d -- only what was received since, included
--! column: began time -- its first event, or when its updates say that it began
--! column: last_at time -- its last event
--! column: duration_ms ms? -- how long it lasted, as its updates say
--! column: status text? -- how it ended, as its updates say: the first that is not ok; null without updates
--! column: account_id id? -- the account
--! column: accounts count -- how many there were
--! column: guest_id id? -- the guest
--! column: workspace_id id? -- the workspace
--! column: browser text? -- browser family
--! column: browser_version text? -- browser major version
--! column: os text? -- operating system family
--! column: device_class text? -- desktop, mobile, tablet, bot or other
--! column: country text? -- country of the address
--! column: release text? -- the app's release
--! column: environment text? -- production, staging, …
--! column: usage count -- things done
--! column: errors count -- errors
--! column: logs count -- log records
--! column: credits count -- entries of wallets and payments
--! column: identities count -- facts of who is who
with happened as (
    select
        kind,
        coalesce(ts, received_at)    as began,
        coalesce(ts, received_at)    as at,
        seq,
        cast(null as text)           as status,
        cast(null as bigint)         as duration_ms,
        account_id,
        guest_id,
        workspace_id,
        browser,
        browser_version,
        os,
        device_class,
        country,
        release,
        environment
    from events
    where session_id = $session
        and received_at >= $since
    union all
    select
        'session'                    as kind,
        coalesce(started, ts, received_at)    as began,
        coalesce(ts, received_at)    as at,
        seq,
        status,
        duration_ms,
        account_id,
        guest_id,
        workspace_id,
        browser,
        browser_version,
        os,
        device_class,
        country,
        release,
        environment
    from sessions
    where session_id = $session
        and received_at >= $since
)
select
    min(began)                                                                              as began,
    max(at)                                                                                 as last_at,
    max(duration_ms)                                                                        as duration_ms,
    coalesce(
        first_value(status order by at, seq) filter (where status <> 'ok'),
        max(status)
    )                                                                                       as status,
    last_value(account_id order by at, seq) filter (where account_id is not null)           as account_id,
    count(distinct account_id)                                                              as accounts,
    last_value(guest_id order by at, seq) filter (where guest_id is not null)               as guest_id,
    last_value(workspace_id order by at, seq) filter (where workspace_id is not null)       as workspace_id,
    last_value(browser order by at, seq) filter (where browser is not null)                 as browser,
    last_value(browser_version order by at, seq) filter (where browser_version is not null) as browser_version,
    last_value(os order by at, seq) filter (where os is not null)                           as os,
    last_value(device_class order by at, seq) filter (where device_class is not null)       as device_class,
    last_value(country order by at, seq) filter (where country is not null)                 as country,
    last_value(release order by at, seq) filter (where release is not null)                 as release,
    last_value(environment order by at, seq) filter (where environment is not null)         as environment,
    count(*) filter (where kind = 'usage')                                                  as usage,
    count(*) filter (where kind = 'error')                                                  as errors,
    count(*) filter (where kind = 'log')                                                    as logs,
    count(*) filter (where kind in ('credit', 'payment'))                                   as credits,
    count(*) filter (where kind = 'identity')                                               as identities
from happened
having count(*) > 0
