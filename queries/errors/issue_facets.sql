--! title: What is more, or less, frequent in an issue than in all other errors
--! param: issue text -- the issue
--! param: since timestamp = -30d -- start of the range, included
--! param: limit int = 40 count -- values at most
--! column: facet text -- browser, os, device_class, country, release, environment or trust
--! column: value text -- the value; 'unknown' where none was told
--! column: events count -- errors of the issue that have it
--! column: share percent -- of the issue's errors
--! column: baseline percent? -- of all other errors in the range; null without any
--! column: difference percent? -- share less baseline
with by_client as (
    select
        issue_id is not distinct from $issue                       as is_issue,
        coalesce(concat_ws(' ', browser, browser_version), '')     as browser,
        os,
        device_class,
        country,
        release,
        environment,
        trust,
        count(*)                                                   as events
    from errors
    where received_at >= $since
    group by 1, 2, 3, 4, 5, 6, 7, 8
),
by_facet as (
    select is_issue, 'browser' as facet, nullif(browser, '') as value, events from by_client
    union all
    select is_issue, 'os', os, events from by_client
    union all
    select is_issue, 'device_class', device_class, events from by_client
    union all
    select is_issue, 'country', country, events from by_client
    union all
    select is_issue, 'release', release, events from by_client
    union all
    select is_issue, 'environment', environment, events from by_client
    union all
    select is_issue, 'trust', trust, events from by_client
),
by_value as (
    select
        facet,
        coalesce(value, 'unknown')                                        as value,
        coalesce(sum(events) filter (where is_issue), 0)                  as events,
        coalesce(sum(events) filter (where not is_issue), 0)              as others
    from by_facet
    group by 1, 2
),
totals as (
    select
        coalesce(sum(events) filter (where is_issue), 0)                  as events,
        coalesce(sum(events) filter (where not is_issue), 0)              as others
    from by_client
)
select
    by_value.facet                                                        as facet,
    by_value.value                                                        as value,
    by_value.events                                                       as events,
    round(100.0 * by_value.events / nullif(totals.events, 0), 1)          as share,
    round(100.0 * by_value.others / nullif(totals.others, 0), 1)          as baseline,
    round(
        100.0 * by_value.events / nullif(totals.events, 0) - 100.0 * by_value.others / nullif(totals.others, 0),
        1
    )                                                                     as difference
from by_value
cross join totals
where by_value.events > 0
order by abs(difference) desc nulls last, events desc, facet, value
limit $limit
