--! title: Issues: errors that are one bug
--! param: since timestamp = -30d -- only errors received since, included
--! param: status enum(open|resolved|ignored)? -- only issues with this status
--! param: state enum(new|regressed|ongoing|resolved|ignored)? -- only issues in this state: open ones are new, regressed or ongoing
--! param: new_since timestamp = -7d -- an issue is new if none of its errors was received before
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
--! column: state text -- new, regressed, ongoing, resolved or ignored
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
older as (
    select distinct issue_id
    from errors
    where received_at < $new_since
        and ($issue is null or issue_id = $issue)
),
judged as (
    select
        by_issue.issue_id                              as issue_id,
        coalesce(issue_states.status, 'open')          as status,
        coalesce(issue_states.is_regressed, false)     as is_regressed,
        issue_states.in_release                        as in_release,
        case
            when issue_states.status <> 'open' then issue_states.status
            when issue_states.is_regressed then 'regressed'
            when older.issue_id is null then 'new'
            else 'ongoing'
        end                                            as state,
        by_issue.events                                as events,
        by_issue.unhandled                             as unhandled,
        by_issue.people                                as people,
        by_issue.workspaces                            as workspaces,
        by_issue.first_seen                            as first_seen,
        by_issue.last_seen                             as last_seen
    from by_issue
    left join issue_states on issue_states.issue_id = by_issue.issue_id
    left join older on older.issue_id = by_issue.issue_id
),
page as (
    select
        issue_id,
        status,
        is_regressed,
        in_release,
        state,
        events,
        unhandled,
        people,
        workspaces,
        first_seen,
        last_seen,
        case $sort
            when 'events' then cast(events as bigint)
            when 'people' then cast(people as bigint)
            when 'first_seen' then cast(first_seen as bigint)
            else cast(last_seen as bigint)
        end    as place
    from judged
    where ($status is null or status = $status)
        and ($state is null or state = $state)
    order by place desc, issue_id
    limit $limit
)
-- What its newest and its oldest error tell: both are found by when they came, in one pass over the errors.
select
    page.issue_id                                                                as issue_id,
    last_value(errors.type order by errors.received_at, errors.seq)              as type,
    last_value(errors.message order by errors.received_at, errors.seq)           as message,
    last_value(errors.culprit order by errors.received_at, errors.seq)           as culprit,
    last_value(errors.level order by errors.received_at, errors.seq)             as level,
    max(page.status)                                                             as status,
    bool_or(page.is_regressed)                                                   as is_regressed,
    max(page.in_release)                                                         as in_release,
    max(page.first_seen)                                                         as first_seen,
    max(page.last_seen)                                                          as last_seen,
    first_value(errors.release order by errors.received_at, errors.seq)          as first_release,
    last_value(errors.release order by errors.received_at, errors.seq)           as last_release,
    max(page.events)                                                             as events,
    max(page.unhandled)                                                          as unhandled,
    max(page.people)                                                             as people,
    max(page.workspaces)                                                         as workspaces,
    max(page.state)                                                              as state
from page
inner join errors
    on errors.issue_id = page.issue_id
    and (errors.received_at = page.first_seen or errors.received_at = page.last_seen)
where errors.received_at >= $since
group by page.issue_id, page.place
order by page.place desc, page.issue_id
limit $limit
