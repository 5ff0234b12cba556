--! title: Top issues
--! description: An issue is all errors that are one bug. What was decided about it is that of now.
--! param: from timestamp = -24h -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: release text? -- only this release
--! param: environment text? -- only this environment
--! param: country text? -- only this country, ISO 3166-1 alpha-2
--! param: sort enum(people | events | newest) = people -- what comes first: most people, most errors, or the newest bug
--! param: limit int = 20 count -- issues at most
--! column: issue_id id -- the issue
--! column: type text? -- exception type of its last error
--! column: message text? -- message of its last error
--! column: culprit text? -- the frame to blame, of its last error
--! column: status text -- open, resolved or ignored
--! column: is_regressed bool -- open because it came back after it was resolved
--! column: events count -- errors in the range
--! column: unhandled count -- those that the app did not catch
--! column: people count -- accounts, guests or sessions that met one
--! column: first_seen time -- its first error in the range
--! column: last_seen time -- its last error in the range
with errors_by_person as (
    select
        issue_id,
        coalesce(account_id, guest_id, session_id)    as person,
        count(*)                                      as events,
        count(*) filter (where not handled)           as unhandled,
        min(received_at)                              as first_seen,
        max(received_at)                              as last_seen
    from errors
    where received_at >= $from
        and received_at < $to
        and issue_id is not null
        and ($release is null or release = $release)
        and ($environment is null or environment = $environment)
        and ($country is null or country = $country)
    group by 1, 2
),
errors_by_issue as (
    select
        issue_id,
        sum(events)                                   as events,
        sum(unhandled)                                as unhandled,
        count(person)                                 as people,
        min(first_seen)                               as first_seen,
        max(last_seen)                                as last_seen
    from errors_by_person
    group by issue_id
),
page as (
    select
        issue_id,
        events,
        unhandled,
        people,
        first_seen,
        last_seen,
        case $sort
            when 'events' then cast(events as bigint)
            when 'newest' then cast(first_seen as bigint)
            else cast(people as bigint)
        end                                           as place
    from errors_by_issue
    order by place desc, events desc, issue_id
    limit $limit
),
newest as (
    select
        errors.issue_id                                                       as issue_id,
        last_value(errors.type order by errors.received_at, errors.seq)       as type,
        last_value(errors.message order by errors.received_at, errors.seq)    as message,
        last_value(errors.culprit order by errors.received_at, errors.seq)    as culprit
    from errors
    inner join page on errors.issue_id = page.issue_id and errors.received_at = page.last_seen
    where errors.received_at >= $from
        and errors.received_at < $to
    group by errors.issue_id
)
select
    page.issue_id                                     as issue_id,
    newest.type                                       as type,
    newest.message                                    as message,
    newest.culprit                                    as culprit,
    coalesce(issue_states.status, 'open')             as status,
    coalesce(issue_states.is_regressed, false)        as is_regressed,
    page.events                                       as events,
    page.unhandled                                    as unhandled,
    page.people                                       as people,
    page.first_seen                                   as first_seen,
    page.last_seen                                    as last_seen
from page
left join newest on newest.issue_id = page.issue_id
left join issue_states on issue_states.issue_id = page.issue_id
order by page.place desc, page.events desc, page.issue_id
limit $limit
