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
--! every: 5min

-- Counts the five minutes in which an account was used on three devices or more, from two networks or more. Or the devices
-- that each did a good part of the account's work on one day, four generations or more: three of them take turns, which is
-- how an account is sold by the hour, be it through one proxy.
--
-- A person has a laptop, a tablet and a phone, and may well use all of them within five minutes, the phone on its mobile
-- network; but not again and again. A household behind one address has one network, however many devices; if three
-- of its members work much on one day, they are more than one account is made for, and are asked to slow down. What an
-- account's programs do with an API key is no sharing and does not count.
with spends as (
    select account_id, device_id, ip_prefix, received_at
    from credits
    where
        op = 'spend'
        and api_key_id is null
        and account_id is not null
        and device_id is not null
        and in_window(received_at)
),

used as (
    select account_id, device_id, ip_prefix, received_at
    from usage
    where
        api_key_id is null
        and account_id is not null
        and device_id is not null
        and in_window(received_at)
    union all
    select account_id, device_id, ip_prefix, received_at
    from spends
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
        count(*)  as bins
    from (
        select
            account_id,
            five_minutes
        from devices
        group by account_id, five_minutes
        having
            count(*) >= 3
            and min(first_network) <> max(last_network)
    )
    group by account_id
    having count(*) >= 3
),

-- What each device was given of the account's work.
relayed as (
    select
        account_id,
        count(*)  as devices
    from (
        select
            account_id,
            device_id
        from spends
        group by account_id, device_id
        having count(*) >= 4
    )
    group by account_id
    having count(*) >= 3
)

select
    account_id  as entity,
    bins        as observed,
    3           as threshold
from crowded
union all
select
    relayed.account_id  as entity,
    relayed.devices     as observed,
    3                   as threshold
from relayed
left join crowded on crowded.account_id = relayed.account_id
where crowded.account_id is null
