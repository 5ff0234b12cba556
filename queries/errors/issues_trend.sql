--! title: Errors of several issues over time
--! param: issues text -- the issues' ids, with commas between
--! param: since timestamp = -30d -- start of the range, included
--! param: bucket interval = 1d -- width of a point
--! param: release text? -- only errors of this release
--! param: environment text? -- only errors of this environment
--! param: q text? -- only errors with this text in type, message, culprit or stack, in any case
--! column: issue_id id -- the issue
--! column: bucket time -- start of the point
--! column: errors count -- errors received
select
    issue_id,
    date_bin($bucket, received_at)    as bucket,
    count(*)                          as errors
from errors
where received_at >= $since
    and array_has(string_to_array($issues, ','), issue_id)
    and ($release is null or release = $release)
    and ($environment is null or environment = $environment)
    and (
        $q is null
        or strpos(lower(concat_ws(' ', type, message, culprit, stack_text(frames))), lower($q)) > 0
    )
group by 1, 2
order by issue_id, bucket
limit 100000
