--! title: A new guest each time the last one's credits are used up
--! entity: device, ip_prefix
--! on: identity, credit
--! window: 6h
--! mode: shadow
--! verdict: throttle
--! points: 40
--! ttl: 6h
--! actions: grant, generate
--! step_up: challenge
--! max_block_rate: 0.5%
--! owner: growth
--! every: 15s

-- Counts the guests that were made within ten minutes after the balance of the guest before them reached zero: storage is
-- emptied, and the free credits are there again. Only known balances are judged.
--
-- The guest before is the last one made on the same device. Where the client tells no device, it is the last one made by
-- the same browser on the same network; there it may be another person's, so that such a hit only adds points. On a
-- shared tablet guests follow each other all day, but the next one seldom waits for the last one's credits to run out;
-- and a person who makes a second guest to go on with does so once.
with made as (
    select
        entity_id,
        browser,
        guest_id,
        max(device_id)    as device_id,
        min(received_at)  as made_at
    from identities
    where
        op = 'guest_created'
        and guest_id is not null
        and entity_id is not null
        -- A device counts as itself, a network only for those who tell no device.
        and (device_id is null or entity_id = device_id)
        and in_window(received_at)
    group by entity_id, browser, guest_id
),

followed as (
    select
        entity_id,
        guest_id,
        device_id,
        made_at,
        lag(guest_id) over (
            partition by entity_id, coalesce(device_id, browser)
            order by made_at, guest_id
        )  as guest_before
    from made
),

emptied as (
    select
        guest_id,
        min(received_at)  as emptied_at
    from credits
    where
        op = 'spend'
        and balance_after <= 0
        and guest_id is not null
        and in_window(received_at)
    group by guest_id
)

select
    followed.entity_id                 as entity,
    count(distinct followed.guest_id)  as observed,
    2                                  as threshold,
    case
        when max(followed.device_id) is null then 'none'
        else 'throttle'
    end                                as verdict,
    case
        when max(followed.device_id) is null then 15
        else 40
    end                                as points
from followed
inner join emptied on emptied.guest_id = followed.guest_before
where
    followed.made_at >= emptied.emptied_at
    and followed.made_at <= emptied.emptied_at + interval '10 minutes'
group by followed.entity_id
having count(distinct followed.guest_id) >= 2
