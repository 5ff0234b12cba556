--! title: Many newcomers at once from one network
--! entity: ip_prefix
--! on: identity
--! window: 10min
--! mode: shadow
--! verdict: none
--! points: 25
--! ttl: 1h
--! actions: signup, grant
--! step_up: challenge
--! max_block_rate: 0.5%
--! owner: growth
--! every: 1min

-- Counts the guests and accounts that were first seen in the last ten minutes. A guest who signs up is one newcomer.
--
-- An office, a school or a campus brings people in crowds, too, but not for the first time: what it brings is held
-- against its usual hour, which is how many others came within half an hour of a newcomer of the last seven days, on the
-- mean. Behind a mobile network's or a provider's shared addresses are thousands; those are left out by the network's
-- name, as far as a network database is there to tell it. And it never restrains by itself: newcomers are challenged.
with arrivals as (
    select
        ip_prefix,
        coalesce(guest_id, account_id)  as newcomer,
        as_org,
        received_at
    from identities
    where
        op in ('guest_created', 'signup')
        and ip_prefix is not null
        and coalesce(guest_id, account_id) is not null
        and received_at > $as_of - interval '7 days'
        and received_at <= $as_of
),

newcomers as (
    select
        ip_prefix,
        newcomer,
        min(received_at)  as came_at
    from arrivals
    group by ip_prefix, newcomer
),

crowds as (
    select
        ip_prefix,
        count(*) over (
            partition by ip_prefix
            order by came_at
            range between interval '30 minutes' preceding and interval '30 minutes' following
        )  as newcomers
    from newcomers
    where came_at <= $as_of - interval '1 hour'
),

usual as (
    select
        ip_prefix,
        avg(newcomers)  as an_hour
    from crowds
    group by ip_prefix
),

recent as (
    select
        ip_prefix,
        newcomer
    from arrivals
    where
        in_window(received_at)
        and not regexp_like(
            coalesce(as_org, ''),
            'mobil|wireless|cellular|cellco|cgn|carrier.grade|\bgsm|\blte\b|\b[345]g\b',
            'i'
        )
    group by ip_prefix, newcomer
),

bursts as (
    select
        ip_prefix,
        count(*)  as newcomers
    from recent
    where
        not exists (
            select 1
            from arrivals
            where
                arrivals.ip_prefix = recent.ip_prefix
                and arrivals.newcomer = recent.newcomer
                and not in_window(arrivals.received_at)
        )
    group by ip_prefix
)

select
    bursts.ip_prefix                                    as entity,
    bursts.newcomers                                    as observed,
    greatest(10, ceil(5 * coalesce(usual.an_hour, 0)))  as threshold
from bursts
left join usual on usual.ip_prefix = bursts.ip_prefix
where bursts.newcomers >= greatest(10, 5 * coalesce(usual.an_hour, 0))
