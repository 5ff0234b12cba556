--! title: How many issues are in each state
--! param: since timestamp = -30d -- only errors received since, included
--! param: release text? -- only errors of this release
--! param: environment text? -- only errors of this environment
--! param: q text? -- only errors with this text in type, message, culprit or stack, in any case
--! param: new_since timestamp = -7d -- an issue is new if none of its errors was received before
--! column: state text -- new, regressed, ongoing, resolved or ignored; a state without issues has no row
--! column: issues count -- issues in it
with by_issue as (
    select
        issue_id,
        min(received_at)    as first_seen,
        count(*) filter (
            where received_at >= $since
                and ($release is null or release = $release)
                and ($environment is null or environment = $environment)
                and (
                    $q is null
                    or strpos(lower(concat_ws(' ', type, message, culprit, stack_text(frames))), lower($q)) > 0
                )
        )                   as events
    from errors
    where issue_id is not null
    group by issue_id
),
judged as (
    select
        case
            when issue_states.status <> 'open' then issue_states.status
            when issue_states.is_regressed then 'regressed'
            when by_issue.first_seen >= $new_since then 'new'
            else 'ongoing'
        end    as state
    from by_issue
    left join issue_states on issue_states.issue_id = by_issue.issue_id
    where by_issue.events > 0
)
select
    state,
    count(*)    as issues
from judged
group by state
order by state
limit 5
