--! title: the common columns of every event a sender sent, with its kind
--! column: kind text -- usage, error, device, log, credit, payment or identity, as on the wire
--! column: event_id text? -- the sender's id of the event, or ours; unique per trust and kind
--! column: seq bigint? -- place in the log: orders events of one received_at
--! column: ts timestamptz? -- when it happened, by the sender's clock
--! column: received_at timestamptz? -- when Weir received it; the clock of windows and retention
--! column: trust text? -- server or public: the kind of key that sent it
--! column: source text? -- native, sentry, segment, posthog, otlp, simulate or import
--! column: account_id text? -- the signed-in account; opaque
--! column: guest_id text? -- the guest workspace's owner before sign-up; opaque
--! column: device_id text? -- the client device; opaque
--! column: session_id text? -- the session; opaque
--! column: workspace_id text? -- the workspace; survives a bind
--! column: api_key_id text? -- the app's API key that made it; null for interactive use
--! column: ip_prefix text? -- the client network, /24 or /48
--! column: ip_hash text? -- keyed hash of the client address; the key rotates
--! column: country text? -- ISO 3166-1 alpha-2 of the address; null without a country database
--! column: asn bigint? -- autonomous system number; null without a network database
--! column: as_org text? -- the network's organisation; null without a network database
--! column: browser text? -- browser family
--! column: browser_version text? -- browser major version
--! column: os text? -- operating system family
--! column: device_class text? -- desktop, mobile, tablet, bot or other
--! column: is_bot boolean? -- the user agent names itself a bot
--! column: release text? -- the app's release
--! column: environment text? -- production, staging, …
--! column: properties text? -- whatever else the sender told, scrubbed; JSON
-- The common columns of all that senders tell, one row an event; `kind` as on the wire.
-- Columns that the query may not see are left out. Times: microseconds, UTC.
select
    'usage' as kind,
    event_id,
    seq,
    ts,
    received_at,
    trust,
    source,
    account_id,
    guest_id,
    device_id,
    session_id,
    workspace_id,
    api_key_id,
    ip_prefix,
    ip_hash,
    country,
    asn,
    as_org,
    browser,
    browser_version,
    os,
    device_class,
    is_bot,
    release,
    environment,
    properties
from usage
union all
select
    'error' as kind,
    event_id,
    seq,
    ts,
    received_at,
    trust,
    source,
    account_id,
    guest_id,
    device_id,
    session_id,
    workspace_id,
    api_key_id,
    ip_prefix,
    ip_hash,
    country,
    asn,
    as_org,
    browser,
    browser_version,
    os,
    device_class,
    is_bot,
    release,
    environment,
    properties
from errors
union all
select
    'device' as kind,
    event_id,
    seq,
    ts,
    received_at,
    trust,
    source,
    account_id,
    guest_id,
    device_id,
    session_id,
    workspace_id,
    api_key_id,
    ip_prefix,
    ip_hash,
    country,
    asn,
    as_org,
    browser,
    browser_version,
    os,
    device_class,
    is_bot,
    release,
    environment,
    properties
from devices
union all
select
    'log' as kind,
    event_id,
    seq,
    ts,
    received_at,
    trust,
    source,
    account_id,
    guest_id,
    device_id,
    session_id,
    workspace_id,
    api_key_id,
    ip_prefix,
    ip_hash,
    country,
    asn,
    as_org,
    browser,
    browser_version,
    os,
    device_class,
    is_bot,
    release,
    environment,
    properties
from logs
union all
select
    'credit' as kind,
    event_id,
    seq,
    ts,
    received_at,
    trust,
    source,
    account_id,
    guest_id,
    device_id,
    session_id,
    workspace_id,
    api_key_id,
    ip_prefix,
    ip_hash,
    country,
    asn,
    as_org,
    browser,
    browser_version,
    os,
    device_class,
    is_bot,
    release,
    environment,
    properties
from credits
union all
select
    'payment' as kind,
    event_id,
    seq,
    ts,
    received_at,
    trust,
    source,
    account_id,
    guest_id,
    device_id,
    session_id,
    workspace_id,
    api_key_id,
    ip_prefix,
    ip_hash,
    country,
    asn,
    as_org,
    browser,
    browser_version,
    os,
    device_class,
    is_bot,
    release,
    environment,
    properties
from payments
union all
select
    'identity' as kind,
    event_id,
    seq,
    ts,
    received_at,
    trust,
    source,
    account_id,
    guest_id,
    device_id,
    session_id,
    workspace_id,
    api_key_id,
    ip_prefix,
    ip_hash,
    country,
    asn,
    as_org,
    browser,
    browser_version,
    os,
    device_class,
    is_bot,
    release,
    environment,
    properties
from identities
