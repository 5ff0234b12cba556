--! title: An API key in somebody else's hands
--! entity: api key
--! on: credit
--! window: 1h
--! mode: shadow
--! verdict: throttle
--! points: 60
--! ttl: 6h
--! actions: key_use, generate
--! step_up: review
--! max_block_rate: 0.5%
--! owner: security
--! every: 5min

-- Compares a key's last hour with the fourteen days before: at least half of the networks it is used from are new, and it
-- spends at least five times what it spent in its busiest hour. A network is the provider's where a network database
-- tells it, else the address' prefix.
--
-- A customer with a campaign spends much more, from the same servers. One who moves to another provider comes from new
-- networks only, and spends as before. A key that has no history is not judged: its first busy day is what it was made
-- for.
with spends as (
    select
        api_key_id,
        case
            when asn is not null then concat('AS', asn)
            else ip_prefix
        end                      as network,
        coalesce(ref, event_id)  as spend,
        amount,
        received_at
    from credits
    where
        op = 'spend'
        and api_key_id is not null
        and received_at > $as_of - interval '14 days'
        and received_at <= $as_of
),

recent as (
    select
        api_key_id,
        sum_once(amount, spend)  as credits
    from spends
    where in_window(received_at)
    group by api_key_id
),

networks as (
    select
        api_key_id,
        network
    from spends
    where
        network is not null
        and in_window(received_at)
    group by api_key_id, network
),

reach as (
    select
        api_key_id,
        count(*)  as networks
    from networks
    group by api_key_id
),

strange as (
    select
        api_key_id,
        count(*)  as networks
    from networks
    where
        not exists (
            select 1
            from spends
            where
                spends.api_key_id = networks.api_key_id
                and spends.network = networks.network
                and not in_window(spends.received_at)
        )
    group by api_key_id
),

before as (
    select
        api_key_id,
        spend,
        max(amount)       as amount,
        min(received_at)  as spent_at
    from spends
    where not in_window(received_at)
    group by api_key_id, spend
),

hours as (
    select
        api_key_id,
        sum(amount) over (
            partition by api_key_id
            order by spent_at
            range between interval '1 hour' preceding and current row
        )  as credits
    from before
),

usual as (
    select
        api_key_id,
        max(credits)  as credits
    from hours
    group by api_key_id
)

select
    recent.api_key_id  as entity,
    recent.credits     as observed,
    5 * usual.credits  as threshold
from strange
inner join reach on reach.api_key_id = strange.api_key_id
inner join recent on recent.api_key_id = strange.api_key_id
inner join usual on usual.api_key_id = strange.api_key_id
where
    2 * strange.networks >= reach.networks
    and recent.credits >= 5 * usual.credits
    and usual.credits > 0
