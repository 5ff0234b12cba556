--! title: Refused events over time, by key and source
--! param: from timestamp = -24h -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: bucket interval = 1h -- width of a point
--! param: code text? -- only refused for this reason
--! column: bucket time -- start of the point
--! column: key text -- name of the key that sent them; 'unknown' if none was told
--! column: source text -- native, sentry, segment, posthog, otlp, simulate or import
--! column: code text -- why
--! column: rejects count -- events refused
select
    date_bin($bucket, received_at)        as bucket,
    coalesce(key, 'unknown')              as key,
    coalesce(source, 'unknown')           as source,
    code,
    count(*)                              as rejects
from rejects
where received_at >= $from
    and received_at < $to
    and ($code is null or code = $code)
group by 1, 2, 3, 4
order by bucket, key, source, code
limit 10000
