--! title: One decision by its id
--! param: id text, the decision's id
select
    event_id,
    ts,
    action,
    verdict,
    step_up,
    score,
    reasons,
    shadow,
    policy_version,
    degraded,
    account_id,
    guest_id,
    device_id,
    session_id,
    workspace_id,
    api_key_id,
    ip_hash,
    ip_prefix,
    asn
from verdicts
where event_id = $id
order by received_at
limit 1
