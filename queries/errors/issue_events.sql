--! title: The errors of an issue, the newest first
--! param: issue text -- the issue
--! param: since timestamp = -30d -- only errors received since, included
--! param: before timestamp = now -- only errors received before
--! param: release text? -- only errors of this release
--! param: environment text? -- only errors of this environment
--! param: event text? -- only the error of this id
--! param: limit int = 100 count -- errors at most
--! column: event_id id -- the error
--! column: ts time -- when it happened, by the sender's clock
--! column: received_at time -- when it was received
--! column: type text? -- exception type
--! column: message text? -- message
--! column: level text? -- level
--! column: handled bool? -- whether the app caught it
--! column: culprit text? -- the frame to blame
--! column: release text? -- the app's release
--! column: environment text? -- production, staging, …
--! column: account_id id? -- who met it, signed in
--! column: guest_id id? -- who met it, as a guest
--! column: session_id id? -- in which session
--! column: workspace_id id? -- in which workspace
--! column: browser text? -- browser family
--! column: browser_version text? -- browser major version
--! column: os text? -- operating system family
--! column: country text? -- country of the address
--! column: stack text? -- frames, newest first, one a line
--! column: breadcrumbs text? -- what happened before, JSON
--! column: properties text? -- whatever else the sender told, JSON
--! column: grouping_reason text? -- why it was grouped so
--! column: hash_app id? -- hash of the app's own frames
--! column: hash_sys id? -- hash of all frames
--! column: hash_msg id? -- hash of type and message
select
    event_id,
    ts,
    received_at,
    type,
    message,
    level,
    handled,
    culprit,
    release,
    environment,
    account_id,
    guest_id,
    session_id,
    workspace_id,
    browser,
    browser_version,
    os,
    country,
    stack_text(frames)    as stack,
    breadcrumbs,
    properties,
    grouping_reason,
    hash_app,
    hash_sys,
    hash_msg
from errors
where issue_id = $issue
    and received_at >= $since
    and received_at < $before
    and ($release is null or release = $release)
    and ($environment is null or environment = $environment)
    and ($event is null or event_id = $event)
order by received_at desc, seq desc
limit $limit
