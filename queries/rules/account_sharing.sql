--! title: One account in several people's hands
--! entity: account
--! on: usage, credit
--! window: 24h
--! mode: shadow
--! verdict: throttle
--! points: 20
--! ttl: 24h
--! actions: generate
--! step_up: challenge
--! max_block_rate: 0.5%
--! owner: growth
--! every: 1min

-- Counts the five minutes in which an account was used on three devices or more, from two networks or more.
--
-- A person has a laptop, a tablet and a phone, and may well use all of them within five minutes, the phone on its mobile
-- network; but not again and again. A household behind one address has one network, however many devices. What an
-- account's programs do with an API key is no sharing and does not count.
with used as (
    select account_id, device_id, ip_prefix, received_at
    from usage
    where
        api_key_id is null
        and account_id is not null
        and device_id is not null
        and in_window(received_at)
    union all
    select account_id, device_id, ip_prefix, received_at
    from credits
    where
        op = 'spend'
        and api_key_id is null
        and account_id is not null
        and device_id is not null
        and in_window(received_at)
),

devices as (
    select
        account_id,
        date_bin(interval '5 minutes', received_at)  as five_minutes,
        device_id,
        min(ip_prefix)                               as first_network,
        max(ip_prefix)                               as last_network
    from used
    group by account_id, date_bin(interval '5 minutes', received_at), device_id
),

crowded as (
    select
        account_id,
        five_minutes
    from devices
    group by account_id, five_minutes
    having
        count(*) >= 3
        and min(first_network) <> max(last_network)
)

select
    account_id  as entity,
    count(*)    as observed,
    3           as threshold
from crowded
group by account_id
having count(*) >= 3
