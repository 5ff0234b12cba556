--! title: A new guest each time the last one's credits are used up
--! entity: device, ip_prefix
--! on: identity, credit, device
--! window: 6h
--! mode: shadow
--! verdict: throttle
--! points: 40
--! ttl: 6h
--! actions: grant, generate
--! step_up: challenge
--! max_block_rate: 0.5%
--! owner: growth
--! every: 1min
--! trust: any

-- Counts the guests that were made once the guest before them had used up its credits: storage is emptied, and the free
-- credits are there again. Only known balances are judged. There are three ways to know who came before.
--
-- On one device, the last guest made there; the next has to follow within ten minutes, twice. On a shared tablet guests
-- follow each other all day, but the next one seldom waits for the last one's credits to run out; and a person who makes a
-- second guest to go on with does so once.
--
-- Where wiped storage takes the device's name along: another device of the same fingerprint on the same network. Two
-- phones of one make look the same, a school's computers all do, and their guests use their credits side by side. So the
-- one before must have been emptied, all but a tenth, within a quarter of an hour, and is never heard of again; or there
-- are two that were emptied more slowly.
--
-- Where the client tells no device: the last one made by the same browser on the same network. There it may be another
-- person's, so that such a hit only adds points.
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

prints as (
    select
        device_id,
        fingerprint
    from devices
    where
        device_id is not null
        and fingerprint is not null
        and in_window(received_at)
    group by device_id, fingerprint
),

machines as (
    select
        identities.device_id,
        identities.guest_id,
        identities.ip_prefix,
        prints.fingerprint,
        min(identities.received_at)  as made_at
    from identities
    inner join prints on prints.device_id = identities.device_id
    where
        identities.op = 'guest_created'
        and identities.guest_id is not null
        and identities.ip_prefix is not null
        and identities.entity_id = identities.device_id
        and in_window(identities.received_at)
    group by identities.device_id, identities.guest_id, identities.ip_prefix, prints.fingerprint
),

returned as (
    select
        device_id,
        ip_prefix,
        fingerprint,
        guest_id,
        made_at,
        lag(guest_id) over by_machine   as guest_before,
        lag(device_id) over by_machine  as device_before,
        lag(made_at) over by_machine    as made_before
    from machines
    window by_machine as (partition by fingerprint, ip_prefix order by made_at, guest_id)
),

balances as (
    select
        guest_id,
        op,
        balance_after,
        received_at,
        max(balance_after) over (partition by guest_id)  as most
    from credits
    where
        balance_after is not null
        and guest_id is not null
        and in_window(received_at)
),

emptied as (
    select
        guest_id,
        min(received_at) filter (where op = 'spend' and balance_after <= 0)          as zero_at,
        min(received_at) filter (where op = 'spend' and 10 * balance_after <= most)  as emptied_at,
        max(received_at)                                                             as last_at
    from balances
    group by guest_id
),

wiped as (
    select
        returned.fingerprint,
        returned.ip_prefix,
        returned.guest_id,
        returned.device_id,
        returned.device_before,
        emptied.emptied_at <= returned.made_before + interval '15 minutes'  as is_sharp
    from returned
    inner join emptied on emptied.guest_id = returned.guest_before
    where
        returned.made_at >= emptied.last_at
        and emptied.emptied_at is not null
        and returned.device_id <> returned.device_before
),

machine as (
    select
        fingerprint,
        ip_prefix,
        count(distinct guest_id)  as guests
    from wiped
    group by fingerprint, ip_prefix
    having
        count(distinct guest_id) >= 2
        or bool_or(is_sharp)
),

-- Both of a pair of devices are the one machine's.
parts as (
    select fingerprint, ip_prefix, device_id
    from wiped
    union all
    select fingerprint, ip_prefix, device_before as device_id
    from wiped
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
    followed.made_at >= emptied.zero_at
    and followed.made_at <= emptied.zero_at + interval '10 minutes'
group by followed.entity_id
having count(distinct followed.guest_id) >= 2
union all
select
    parts.device_id      as entity,
    max(machine.guests)  as observed,
    1                    as threshold,
    'throttle'           as verdict,
    40                   as points
from machine
inner join parts on parts.fingerprint = machine.fingerprint and parts.ip_prefix = machine.ip_prefix
group by machine.fingerprint, machine.ip_prefix, parts.device_id
