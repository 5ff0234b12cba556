--! title: Verdicts of a session, in their order
--! description: Allows above 1,000 a second are sampled: `weight` is how many decisions a row stands for.
--! param: session text -- the session
--! param: since timestamp = -30d -- only what was decided since, included
--! param: limit int = 500 count -- rows at most
--! column: at time -- when it was decided
--! column: event_id id -- the decision
--! column: action text -- what was asked about
--! column: verdict text -- allow, throttle or block
--! column: step_up text? -- none, challenge, hold or review
--! column: score count? -- the score, 0-100
--! column: reasons text? -- the hits and limits behind it, JSON
--! column: degraded bool? -- decided on cold or stale state
--! column: weight count -- how many decisions the row stands for
select
    received_at    as at,
    event_id,
    action,
    verdict,
    step_up,
    score,
    reasons,
    degraded,
    weight
from verdicts
where session_id = $session
    and received_at >= $since
order by received_at, seq, event_id
limit $limit
