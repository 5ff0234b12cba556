--! title: errors that are one bug, with what was decided about them and their figures
--! column: issue_id text? -- the issue
--! column: status text -- open, resolved or ignored
--! column: is_regressed boolean -- open because it came back after it was resolved
--! column: in_release text? -- the release it is resolved in
--! column: type text? -- exception type of its newest error
--! column: message text? -- message of its newest error
--! column: culprit text? -- the frame to blame, of its newest error
--! column: first_seen timestamptz? -- its first error
--! column: last_seen timestamptz? -- its last error
--! column: last_release text? -- the release of its last error
--! column: events bigint? -- errors
--! column: unhandled bigint? -- those that the app did not catch
--! column: people bigint -- accounts, guests or sessions that met one, guests by the account they are bound to
-- One row an issue, as of now: which error belongs to which is looked up when it is asked. What was decided: `issue_states`.
with bound as (
    select
        guest_id      as bound_guest,
        account_id    as bound_account
    from binds
    where unbound_at is null
),
by_person as (
    select
        issue_id,
        coalesce(account_id, bound_account, guest_id, session_id)    as person,
        count(*)                                          as events,
        count(*) filter (where not handled)               as unhandled,
        min(received_at)                                  as first_seen,
        max(received_at)                                  as last_seen,
        last_value(type order by received_at, seq)        as type,
        last_value(message order by received_at, seq)     as message,
        last_value(culprit order by received_at, seq)     as culprit,
        last_value(release order by received_at, seq)     as last_release
    from errors
    left join bound on bound_guest = guest_id
    where issue_id is not null
    group by issue_id, coalesce(account_id, bound_account, guest_id, session_id)
),
by_issue as (
    select
        issue_id,
        last_value(type order by last_seen)               as type,
        last_value(message order by last_seen)            as message,
        last_value(culprit order by last_seen)            as culprit,
        last_value(last_release order by last_seen)       as last_release,
        min(first_seen)                                   as first_seen,
        max(last_seen)                                    as last_seen,
        sum(events)                                       as events,
        sum(unhandled)                                    as unhandled,
        count(person)                                     as people
    from by_person
    group by issue_id
)
select
    by_issue.issue_id                                     as issue_id,
    coalesce(issue_states.status, 'open')                 as status,
    coalesce(issue_states.is_regressed, false)            as is_regressed,
    issue_states.in_release                               as in_release,
    by_issue.type                                         as type,
    by_issue.message                                      as message,
    by_issue.culprit                                      as culprit,
    by_issue.first_seen                                   as first_seen,
    by_issue.last_seen                                    as last_seen,
    by_issue.last_release                                 as last_release,
    by_issue.events                                       as events,
    by_issue.unhandled                                    as unhandled,
    by_issue.people                                       as people
from by_issue
left join issue_states on issue_states.issue_id = by_issue.issue_id
