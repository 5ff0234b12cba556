--! title: What people wrote about the errors of an issue
--! param: issue text -- the issue
--! param: since timestamp = -30d -- start of the range, included
--! param: limit int = 50 count -- rows at most, the newest
--! column: received_at time -- when it was received
--! column: message text -- what they wrote, scrubbed
--! column: error_id id -- the error it is about
--! column: account_id id? -- who wrote it, signed in
--! column: guest_id id? -- who wrote it, as a guest
select
    logs.received_at          as received_at,
    logs.message              as message,
    errors.event_id           as error_id,
    logs.account_id           as account_id,
    logs.guest_id             as guest_id
from logs
inner join errors on errors.event_id = json_get_str(logs.properties, 'event_id')
where logs.logger = 'feedback'
    and logs.received_at >= $since
    and errors.issue_id = $issue
    and errors.received_at >= $since
order by logs.received_at desc, logs.message
limit $limit
