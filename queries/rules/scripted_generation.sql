--! title: Generations by a script
--! entity: session
--! on: usage
--! window: 10min
--! mode: shadow
--! verdict: throttle
--! points: 30
--! ttl: 30min
--! actions: generate
--! step_up: challenge
--! max_block_rate: 0.5%
--! owner: growth
--! every: 30s
--! trust: any

-- Counts the generations of a session whose gaps are nearly equal (they vary by less than a tenth of their mean), while
-- the interface tells of nobody who looks or clicks. The generations are the server's word; the interface's events come
-- from browsers, which is why this rule reads both and never blocks. Gaps are measured on the sender's clock, because
-- events that were sent together are received together.
--
-- A person at work clicks between generations, or if a blocker hides the clicks, waits now long, now short. Many
-- pictures asked for in one go have no gaps at all. Programs with an API key are meant to be regular.
with busy as (
    select session_id
    from usage
    where
        trust = 'server'
        and name like '%.generate'
        and session_id is not null
        and api_key_id is null
        and in_window(received_at)
    group by session_id
    having count(*) >= 20
),

requests as (
    select
        session_id,
        date_part('epoch', ts) - date_part('epoch', lag(ts) over (
            partition by session_id
            order by ts, seq
        ))  as gap_s
    from usage
    where
        trust = 'server'
        and name like '%.generate'
        and session_id in (select session_id from busy)
        and api_key_id is null
        and in_window(received_at)
),

rhythms as (
    select
        session_id,
        count(*)           as requests,
        avg(gap_s)         as mean_s,
        stddev_pop(gap_s)  as spread_s
    from requests
    group by session_id
),

watched as (
    select distinct session_id
    from usage
    where
        (name = 'page.view' or name like 'ui.%')
        and session_id is not null
        and in_window(received_at)
)

select
    rhythms.session_id  as entity,
    rhythms.requests    as observed,
    20                  as threshold
from rhythms
left join watched on watched.session_id = rhythms.session_id
where
    watched.session_id is null
    and rhythms.requests >= 20
    and rhythms.mean_s > 0
    and rhythms.spread_s < 0.1 * rhythms.mean_s
