--! title: Decisions by outcome
--! param: from timestamp, the start of the range, inclusive
--! column: verdict text, allow, throttle or block
--! column: decisions int, how many, sampled ones by their weight
select
    verdict,
    sum(weight)  as decisions
from verdicts
where received_at >= $from
group by verdict
order by verdict
limit 3
