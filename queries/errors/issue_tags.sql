--! title: The tags of an issue's errors
--! param: issue text -- the issue
--! param: since timestamp = -30d -- start of the range, included
--! param: limit int = 40 count -- values at most
--! column: tag text -- the tag's name
--! column: value text -- its value
--! column: events count -- errors of the issue that have it
--! column: share percent -- of the issue's errors
with tags as (
    select
        json_get_json(properties, 'tags')                          as tags,
        unnest(json_object_keys(properties, 'tags'))               as tag
    from errors
    where issue_id = $issue
        and received_at >= $since
),
totals as (
    select count(*) as events
    from errors
    where issue_id = $issue
        and received_at >= $since
)
select
    tags.tag                                                       as tag,
    left(json_as_text(tags.tags, tags.tag), 200)                   as value,
    count(*)                                                       as events,
    round(100.0 * count(*) / nullif(max(totals.events), 0), 1)     as share
from tags
cross join totals
group by 1, 2
order by events desc, tag, value
limit $limit
