--! title: Rows of each table
--! description: Files and bytes are not in SQL: `GET /v1/status` has them.
--! param: from timestamp = -24h -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! column: table text -- the table
--! column: rows count -- rows kept
--! column: rows_in_range count -- of these, received in the range
--! column: oldest time? -- the first received; null while it is empty
--! column: newest time? -- the last received
with counts as (
    select
        'usage' as name,
        count(*) as rows,
        count(*) filter (where received_at >= $from and received_at < $to) as rows_in_range,
        min(received_at) as oldest,
        max(received_at) as newest
    from usage
    union all
    select
        'errors' as name,
        count(*) as rows,
        count(*) filter (where received_at >= $from and received_at < $to) as rows_in_range,
        min(received_at) as oldest,
        max(received_at) as newest
    from errors
    union all
    select
        'devices' as name,
        count(*) as rows,
        count(*) filter (where received_at >= $from and received_at < $to) as rows_in_range,
        min(received_at) as oldest,
        max(received_at) as newest
    from devices
    union all
    select
        'logs' as name,
        count(*) as rows,
        count(*) filter (where received_at >= $from and received_at < $to) as rows_in_range,
        min(received_at) as oldest,
        max(received_at) as newest
    from logs
    union all
    select
        'credits' as name,
        count(*) as rows,
        count(*) filter (where received_at >= $from and received_at < $to) as rows_in_range,
        min(received_at) as oldest,
        max(received_at) as newest
    from credits
    union all
    select
        'payments' as name,
        count(*) as rows,
        count(*) filter (where received_at >= $from and received_at < $to) as rows_in_range,
        min(received_at) as oldest,
        max(received_at) as newest
    from payments
    union all
    select
        'identities' as name,
        count(*) as rows,
        count(*) filter (where received_at >= $from and received_at < $to) as rows_in_range,
        min(received_at) as oldest,
        max(received_at) as newest
    from identities
    union all
    select
        'sessions' as name,
        count(*) as rows,
        count(*) filter (where received_at >= $from and received_at < $to) as rows_in_range,
        min(received_at) as oldest,
        max(received_at) as newest
    from sessions
    union all
    select
        'hits' as name,
        count(*) as rows,
        count(*) filter (where received_at >= $from and received_at < $to) as rows_in_range,
        min(received_at) as oldest,
        max(received_at) as newest
    from hits
    union all
    select
        'verdicts' as name,
        count(*) as rows,
        count(*) filter (where received_at >= $from and received_at < $to) as rows_in_range,
        min(received_at) as oldest,
        max(received_at) as newest
    from verdicts
    union all
    select
        'labels' as name,
        count(*) as rows,
        count(*) filter (where received_at >= $from and received_at < $to) as rows_in_range,
        min(received_at) as oldest,
        max(received_at) as newest
    from labels
    union all
    select
        'rejects' as name,
        count(*) as rows,
        count(*) filter (where received_at >= $from and received_at < $to) as rows_in_range,
        min(received_at) as oldest,
        max(received_at) as newest
    from rejects
)
select
    name    as "table",
    rows,
    rows_in_range,
    oldest,
    newest
from counts
order by rows desc, name
limit 20
