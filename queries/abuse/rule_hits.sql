--! title: The hits of a rule, the newest first
--! param: rule text -- the rule
--! param: from timestamp = -30d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: limit int = 50 count -- rows at most
--! column: opened_at time -- when it opened
--! column: entity_kind text -- guest, account, device, …
--! column: entity id -- whom it is on
--! column: version text -- the version of the rule that found it
--! column: mode text -- live, or shadow: restrained nobody
--! column: verdict text -- what it asked for when it opened
--! column: observed count -- the value observed when it opened
--! column: threshold count -- the value it was held against
--! column: points count -- points it added to the score
select
    received_at                                      as opened_at,
    entity_kind,
    entity,
    version,
    mode,
    verdict,
    observed,
    threshold,
    points
from hits
where received_at >= $from
    and received_at < $to
    and rule = $rule
    and state = 'opened'
order by received_at desc, seq desc
limit $limit
