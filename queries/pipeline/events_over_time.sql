--! title: Events stored over time, by kind and source
--! param: from timestamp = -24h -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: bucket interval = 1h -- width of a point
--! column: bucket time -- start of the point
--! column: kind text -- usage, error, device, log, credit, payment or identity
--! column: source text -- native, sentry, segment, posthog, otlp, simulate or import
--! column: trust text -- server or public: the kind of key that sent them
--! column: events count -- events stored
select
    date_bin($bucket, received_at)        as bucket,
    kind,
    coalesce(source, 'unknown')           as source,
    coalesce(trust, 'unknown')            as trust,
    count(*)                              as events
from events
where received_at >= $from
    and received_at < $to
group by 1, 2, 3, 4
order by bucket, kind, source, trust
limit 10000
