--! title: The latest verdicts
--! description: One row a decision, the newest first, with what was behind it. Of allows above 1,000 a second only samples are kept; weight tells how many a row stands for.
--! param: from timestamp = -1h -- start of the range, included
--! param: to timestamp = now -- end of the range, included, so that what was decided this moment is in
--! param: verdict enum(allow | throttle | block)? -- only these
--! param: action text? -- only decisions about this action
--! param: rule text? -- only those with this rule among the reasons, those of shadow rules included
--! param: entity text? -- only those that name this entity, or have it among the reasons
--! param: limit int = 100 count -- rows at most
--! column: at time -- when it was decided
--! column: id id -- the decision
--! column: action text -- what was asked about
--! column: verdict text -- allow, throttle or block
--! column: step_up text? -- the friction that was asked for
--! column: score count? -- the score, 0-100
--! column: account_id id? -- the account that was named
--! column: guest_id id? -- the guest that was named
--! column: device_id id? -- the device that was named
--! column: session_id id? -- the session that was named
--! column: workspace_id id? -- the workspace that was named
--! column: reasons text? -- what was behind it, the strictest first; JSON
--! column: shadow text? -- what rules in shadow would have asked for; JSON
--! column: weight count? -- decisions that this row stands for
select
    ts                                                                        as at,
    event_id                                                                  as id,
    action,
    verdict,
    step_up,
    score,
    account_id,
    guest_id,
    device_id,
    session_id,
    workspace_id,
    reasons,
    shadow,
    weight
from verdicts
where received_at >= $from
    and received_at <= $to
    and ($verdict is null or verdict = $verdict)
    and ($action is null or action = $action)
    and (
        $rule is null
        or strpos(concat(coalesce(reasons, ''), coalesce(shadow, '')), concat('"rule":"', $rule, '"')) > 0
    )
    and (
        $entity is null
        or account_id = $entity
        or guest_id = $entity
        or device_id = $entity
        or session_id = $entity
        or workspace_id = $entity
        or strpos(concat(coalesce(reasons, ''), coalesce(shadow, '')), concat('"entity":"', $entity, '"')) > 0
    )
order by received_at desc, seq desc
limit $limit
