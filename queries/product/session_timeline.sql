--! title: What happened in a session, in its order
--! description: Usage, errors, log records, facts of who is who, and updates of the session. What needs other purposes has queries of its own: `session_credits`, `session_verdicts`.
--! param: session text -- the session
--! param: since timestamp = -30d -- only what was received since, included
--! param: kind enum(usage|error|log|identity|session)? -- only this kind
--! param: limit int = 500 count -- rows at most
--! column: at time -- when it happened, by the sender's clock
--! column: received_at time -- when it was received
--! column: kind text -- usage, error, log, identity or session
--! column: event_id id -- the event
--! column: name text? -- what was done, the type of the error, the logger
--! column: detail text? -- message, route or method
--! column: status text? -- how it went: status of usage and sessions, level of errors and log records
--! column: duration_ms ms? -- how long it took, or how long the session has lasted
--! column: model text? -- the generation model
--! column: quantity count? -- how many
--! column: handled bool? -- whether the app caught the error
--! column: culprit text? -- the frame to blame
--! column: issue_id id? -- the issue that the error belongs to
--! column: trust text? -- server or public: the kind of key that sent it
with happened as (
    select
        coalesce(ts, received_at)    as at,
        received_at,
        seq,
        'usage'                      as kind,
        event_id,
        name,
        route                        as detail,
        status,
        duration_ms,
        model,
        quantity,
        cast(null as boolean)        as handled,
        cast(null as text)           as culprit,
        cast(null as text)           as issue_id,
        trust
    from usage
    where session_id = $session
        and received_at >= $since
    union all
    select
        coalesce(ts, received_at)    as at,
        received_at,
        seq,
        'error'                      as kind,
        event_id,
        type                         as name,
        message                      as detail,
        level                        as status,
        cast(null as bigint)         as duration_ms,
        cast(null as text)           as model,
        cast(null as bigint)         as quantity,
        handled,
        culprit,
        issue_id,
        trust
    from errors
    where session_id = $session
        and received_at >= $since
    union all
    select
        coalesce(ts, received_at)    as at,
        received_at,
        seq,
        'log'                        as kind,
        event_id,
        logger                       as name,
        message                      as detail,
        level                        as status,
        cast(null as bigint)         as duration_ms,
        cast(null as text)           as model,
        cast(null as bigint)         as quantity,
        cast(null as boolean)        as handled,
        cast(null as text)           as culprit,
        cast(null as text)           as issue_id,
        trust
    from logs
    where session_id = $session
        and received_at >= $since
    union all
    select
        coalesce(ts, received_at)    as at,
        received_at,
        seq,
        'identity'                   as kind,
        event_id,
        op                           as name,
        method                       as detail,
        cast(null as text)           as status,
        cast(null as bigint)         as duration_ms,
        cast(null as text)           as model,
        cast(null as bigint)         as quantity,
        cast(null as boolean)        as handled,
        cast(null as text)           as culprit,
        cast(null as text)           as issue_id,
        trust
    from identities
    where session_id = $session
        and received_at >= $since
    union all
    select
        coalesce(ts, received_at)    as at,
        received_at,
        seq,
        'session'                    as kind,
        event_id,
        cast(null as text)           as name,
        cast(null as text)           as detail,
        status,
        duration_ms,
        cast(null as text)           as model,
        quantity,
        cast(null as boolean)        as handled,
        cast(null as text)           as culprit,
        cast(null as text)           as issue_id,
        trust
    from sessions
    where session_id = $session
        and received_at >= $since
)
select
    at,
    received_at,
    kind,
    event_id,
    name,
    detail,
    status,
    duration_ms,
    model,
    quantity,
    handled,
    culprit,
    issue_id,
    trust
from happened
where $kind is null or kind = $kind
order by at, received_at, seq, event_id
limit $limit
