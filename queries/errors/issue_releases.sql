--! title: Errors of an issue over time, by release
--! param: issue text -- the issue
--! param: since timestamp = -30d -- start of the range, included
--! param: bucket interval = 1d -- width of a point
--! column: bucket time -- start of the point
--! column: release text -- the app's release; 'unknown' if the sender told none
--! column: errors count -- errors received
select
    date_bin($bucket, received_at)    as bucket,
    coalesce(release, 'unknown')      as release,
    count(*)                          as errors
from errors
where issue_id = $issue
    and received_at >= $since
group by 1, 2
order by bucket, release
limit 10000
