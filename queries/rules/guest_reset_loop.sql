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

-- From here all ways go as one: of credits there are far more rows than of all else, so that they are read but once,
-- and only those of guests that another one followed are looked at. A place is a device, a network or a fingerprint.
pairs as (
    select
        true         as is_wiped,
        fingerprint  as place,
        ip_prefix    as network,
        guest_id,
        device_id,
        made_at,
        guest_before,
        device_before,
        made_before
    from returned
    where device_id <> device_before
    union all
    select
        false      as is_wiped,
        entity_id  as place,
        null       as network,
        guest_id,
        device_id,
        made_at,
        guest_before,
        null       as device_before,
        null       as made_before
    from followed
    where guest_before is not null
),

balances as (
    select
        pairs.*,
        credits.op,
        credits.balance_after,
        credits.received_at,
        max(credits.balance_after) over (partition by credits.guest_id)  as most
    from pairs
    inner join credits on credits.guest_id = pairs.guest_before
    where
        credits.balance_after is not null
        and in_window(credits.received_at)
),

emptied as (
    select
        is_wiped,
        place,
        network,
        guest_id,
        device_id,
        made_at,
        device_before,
        made_before,
        min(received_at) filter (where op = 'spend' and balance_after <= 0)          as zero_at,
        min(received_at) filter (where op = 'spend' and 10 * balance_after <= most)  as emptied_at,
        max(received_at)                                                             as last_at
    from balances
    group by is_wiped, place, network, guest_id, device_id, made_at, guest_before, device_before, made_before
),

counted as (
    select
        is_wiped,
        place,
        network,
        device_id,
        device_before,
        count(distinct guest_id) over by_place                                                 as guests,
        bool_or(is_wiped and emptied_at <= made_before + interval '15 minutes') over by_place  as is_sharp
    from emptied
    where
        case
            when is_wiped then made_at >= last_at and emptied_at is not null
            else made_at >= zero_at and made_at <= zero_at + interval '10 minutes'
        end
    window by_place as (partition by is_wiped, place, network)
),

found as (
    select
        counted.is_wiped,
        counted.place,
        counted.network,
        counted.device_id,
        counted.guests,
        case
            when not counted.is_wiped then counted.place
            -- Both of a pair of devices are the one machine's.
            when sides.is_before then counted.device_before
            else counted.device_id
        end  as entity
    from counted
    cross join (values (false), (true)) as sides (is_before)
    where
        counted.guests >= 2
        or counted.is_sharp
)

select
    entity,
    max(guests)  as observed,
    case
        when is_wiped then 1
        else 2
    end          as threshold,
    case
        when max(device_id) is null then 'none'
        else 'throttle'
    end          as verdict,
    case
        when max(device_id) is null then 15
        else 40
    end          as points
from found
group by is_wiped, place, network, entity
