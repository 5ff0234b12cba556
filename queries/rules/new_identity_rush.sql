--! title: New guests that spend their grant at once, one after another
--! entity: device
--! on: identity, credit
--! window: 24h
--! mode: shadow
--! verdict: throttle
--! points: 35
--! ttl: 6h
--! actions: grant, generate
--! step_up: challenge
--! max_block_rate: 0.5%
--! owner: growth
--! every: 10s

-- A person looks around before the first generation; a script creates a guest, takes its grant and spends it. The facts
-- of one guest may arrive in any order, so a grant that was received shortly before its guest counts as well.
with created as (
    select
        device_id,
        guest_id,
        min(received_at)  as created_at
    from identities
    where
        op = 'guest_created'
        and device_id is not null
        and guest_id is not null
        and in_window(received_at)
    group by device_id, guest_id
),

rushed as (
    select
        created.device_id,
        created.guest_id
    from created
    inner join credits on credits.guest_id = created.guest_id
    where
        credits.op in ('grant', 'spend')
        and in_window(credits.received_at)
        and credits.received_at >= created.created_at - interval '60 seconds'
        and credits.received_at <= created.created_at + interval '60 seconds'
    group by created.device_id, created.guest_id
    having
        bool_or(credits.op = 'grant')
        and bool_or(credits.op = 'spend')
)

select
    device_id                 as entity,
    count(distinct guest_id)  as observed,
    3                         as threshold
from rushed
group by device_id
having count(distinct guest_id) >= 3
