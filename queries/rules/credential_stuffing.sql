--! title: Stolen passwords tried on many accounts
--! entity: device, ip, network
--! on: identity
--! window: 30min
--! mode: shadow
--! verdict: none
--! points: 40
--! ttl: 24h
--! actions: login, generate, pay
--! step_up: challenge
--! max_block_rate: 0.5%
--! owner: security

-- Counts the accounts that a device, an address, or a whole network failed to log in to; a list of stolen passwords fits
-- few.
--
-- Many people share an address (an office, a university, a mobile network), and all of them mistype at times, but most
-- get in: of their logins far more than one in twenty succeed. A person who has forgotten a password fails often, but on
-- one account. An address never restrains by itself: those who share it are challenged, and let in.
--
-- A device is one person's, or a few's: three accounts within half an hour, with at most one login in four that works,
-- are a list being tried, and what the device is let into after that is a stolen account. On a library's computer people
-- mistype in turn, and then get in.
select
    entity_id  as entity,
    count(distinct coalesce(account_id, email_hash)) filter (
        where op = 'login_failed'
    )          as observed,
    case
        when bool_or(device_id = entity_id) then 3
        else 10
    end        as threshold,
    case
        when bool_or(device_id = entity_id) then 'throttle'
        else 'none'
    end        as verdict,
    case
        when bool_or(device_id = entity_id) then 60
        else 40
    end        as points
from identities
where
    op in ('login', 'login_failed')
    and entity_id is not null
    and in_window(received_at)
group by entity_id
having
    (
        count(distinct coalesce(account_id, email_hash)) filter (where op = 'login_failed') >= 10
        and 100 * count(*) filter (where op = 'login') <= 5 * count(*)
    )
    or (
        bool_or(device_id = entity_id)
        and count(distinct coalesce(account_id, email_hash)) filter (where op = 'login_failed') >= 3
        and 4 * count(*) filter (where op = 'login') <= count(*)
    )
