--! title: What an issue was grouped by
--! param: issue text -- the issue
--! param: since timestamp = -30d -- start of the range, included
--! param: limit int = 50 count -- rows at most
--! column: hash_app id? -- hash of the app's own frames
--! column: hash_sys id? -- hash of all frames
--! column: hash_msg id? -- hash of type and message; groups only where there is no other
--! column: grouping_version count -- version of the grouping rules
--! column: reason text -- what counted
--! column: events count -- errors grouped so
--! column: last_seen time -- the last of them
select
    hash_app,
    hash_sys,
    hash_msg,
    grouping_version,
    max(grouping_reason)    as reason,
    count(*)                as events,
    max(received_at)        as last_seen
from errors
where issue_id = $issue
    and received_at >= $since
group by hash_app, hash_sys, hash_msg, grouping_version
order by events desc, last_seen desc, hash_app, hash_sys, hash_msg, grouping_version
limit $limit
