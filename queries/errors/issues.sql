--! title: Issues: errors that are one bug
--! param: since timestamp = -30d -- only errors received since, included
--! param: status enum(open|resolved|ignored)? -- only issues in this state
--! param: release text? -- only errors of this release
--! param: environment text? -- only errors of this environment
--! param: q text? -- only errors with this text in type, message, culprit or stack, in any case
--! param: issue text? -- only this issue
--! param: sort enum(last_seen|first_seen|events|people) = last_seen -- what comes first, from the newest or most
--! param: limit int = 100 count -- issues at most
--! column: issue_id id -- the issue
--! column: type text? -- exception type of its newest error
--! column: message text? -- message of its newest error
--! column: culprit text? -- the frame to blame, of its newest error
--! column: level text? -- level of its newest error
--! column: status text -- open, resolved or ignored
--! column: is_regressed bool -- open because it came back after it was resolved
--! column: in_release text? -- the release it is resolved in
--! column: first_seen time -- its first error in the range
--! column: last_seen time -- its last error in the range
--! column: first_release text? -- the release of its first error
--! column: last_release text? -- the release of its last error
--! column: events count -- errors
--! column: unhandled count -- those that the app did not catch
--! column: people count -- accounts, guests or sessions that met one, guests by the account they are bound to
--! column: workspaces count -- workspaces in which one was met
with bound as (
    select
        guest_id      as bound_guest,
        account_id    as bound_account
    from binds
    where unbound_at is null
),
occurrences as (
    select
        issue_id,
        coalesce(account_id, bound_account, guest_id, session_id)    as person,
        workspace_id,
        handled,
        received_at
    from errors
    left join bound on bound_guest = guest_id
    where received_at >= $since
        and issue_id is not null
        and ($issue is null or issue_id = $issue)
        and ($release is null or release = $release)
        and ($environment is null or environment = $environment)
        and (
            $q is null
            or strpos(lower(concat_ws(' ', type, message, culprit, stack_text(frames))), lower($q)) > 0
        )
),
by_person as (
    select
        issue_id,
        person,
        workspace_id,
        count(*)                               as events,
        count(*) filter (where not handled)    as unhandled,
        min(received_at)                       as first_seen,
        max(received_at)                       as last_seen
    from occurrences
    group by issue_id, person, workspace_id
),
by_issue as (
    select
        issue_id,
        sum(events)                     as events,
        sum(unhandled)                  as unhandled,
        count(distinct person)          as people,
        count(distinct workspace_id)    as workspaces,
        min(first_seen)                 as first_seen,
        max(last_seen)                  as last_seen
    from by_person
    group by issue_id
),
page as (
    select
        by_issue.issue_id                              as issue_id,
        coalesce(issue_states.status, 'open')          as status,
        coalesce(issue_states.is_regressed, false)     as is_regressed,
        issue_states.in_release                        as in_release,
        by_issue.events                                as events,
        by_issue.unhandled                             as unhandled,
        by_issue.people                                as people,
        by_issue.workspaces                            as workspaces,
        by_issue.first_seen                            as first_seen,
        by_issue.last_seen                             as last_seen,
        case $sort
            when 'events' then cast(by_issue.events as bigint)
            when 'people' then cast(by_issue.people as bigint)
            when 'first_seen' then cast(by_issue.first_seen as bigint)
            else cast(by_issue.last_seen as bigint)
        end                                            as place
    from by_issue
    left join issue_states on issue_states.issue_id = by_issue.issue_id
    where $status is null
        or coalesce(issue_states.status, 'open') = $status
    order by place desc, issue_id
    limit $limit
),
newest as (
    select
        errors.issue_id                                                         as issue_id,
        last_value(errors.type order by errors.received_at, errors.seq)         as type,
        last_value(errors.message order by errors.received_at, errors.seq)      as message,
        last_value(errors.culprit order by errors.received_at, errors.seq)      as culprit,
        last_value(errors.level order by errors.received_at, errors.seq)        as level,
        last_value(errors.release order by errors.received_at, errors.seq)      as release
    from errors
    inner join page on errors.issue_id = page.issue_id and errors.received_at = page.last_seen
    group by errors.issue_id
),
oldest as (
    select
        errors.issue_id                                                         as issue_id,
        first_value(errors.release order by errors.received_at, errors.seq)     as release
    from errors
    inner join page on errors.issue_id = page.issue_id and errors.received_at = page.first_seen
    group by errors.issue_id
)
select
    page.issue_id        as issue_id,
    newest.type          as type,
    newest.message       as message,
    newest.culprit       as culprit,
    newest.level         as level,
    page.status          as status,
    page.is_regressed    as is_regressed,
    page.in_release      as in_release,
    page.first_seen      as first_seen,
    page.last_seen       as last_seen,
    oldest.release       as first_release,
    newest.release       as last_release,
    page.events          as events,
    page.unhandled       as unhandled,
    page.people          as people,
    page.workspaces      as workspaces
from page
left join newest on newest.issue_id = page.issue_id
left join oldest on oldest.issue_id = page.issue_id
order by page.place desc, page.issue_id
limit $limit
