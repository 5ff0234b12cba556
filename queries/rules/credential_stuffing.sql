--! title: Stolen passwords tried on many accounts
--! entity: ip, network
--! on: identity
--! window: 5min
--! mode: shadow
--! verdict: none
--! points: 40
--! ttl: 1h
--! actions: login
--! step_up: challenge
--! max_block_rate: 0.5%
--! owner: security

-- Counts the accounts that an address, or a whole network, failed to log in to; a list of stolen passwords fits few.
--
-- Many people share an address (an office, a university, a mobile network), and all of them mistype at times, but most
-- get in: of their logins far more than one in twenty succeed. A person who has forgotten a password fails often, but on
-- one account. It never restrains by itself: those who share the address are challenged, and let in.
select
    entity_id  as entity,
    count(distinct coalesce(account_id, email_hash)) filter (
        where op = 'login_failed'
    )          as observed,
    10         as threshold
from identities
where
    op in ('login', 'login_failed')
    and entity_id is not null
    and in_window(received_at)
group by entity_id
having
    count(distinct coalesce(account_id, email_hash)) filter (where op = 'login_failed') >= 10
    and 100 * count(*) filter (where op = 'login') <= 5 * count(*)
