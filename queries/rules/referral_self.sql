--! title: Referring oneself
--! entity: referrer, account
--! on: identity, credit, payment
--! window: 30d
--! mode: shadow
--! verdict: throttle
--! points: 40
--! ttl: 7d
--! actions: grant
--! step_up: hold
--! max_block_rate: 0.5%
--! owner: growth
--! every: 1min

-- Three signs. Somebody who was referred shares a device or a card with the referrer. Or the bonus was paid for five or
-- more within a day, and at least 60 % of them have not spent a credit since. Or all who were referred within two days,
-- three or more, came from networks of their own in several countries, spent something within a quarter of an hour, and
-- were never seen again: one person behind proxies; then those who were referred are found as well. One shared device or
-- card may be a couple's and costs the bonus only; from the second on, and with proxies, points restrain everything.
--
-- Friends, flatmates and colleagues share an address, which counts for nothing here. Devices and cards of more than 50
-- accounts are a school's or a library's, and say nothing either. Whoever has just come has had no time yet: idleness is
-- judged an hour after the bonus. A popular referrer's friends use what they came for, and some come back; and friends who
-- all try once and leave rarely come from several countries on one day.
with referred as (
    select
        entity_id,
        referrer_id,
        account_id        as referee_id,
        min(received_at)  as joined_at,
        min(ip_prefix)    as ip_prefix,
        min(country)      as country
    from identities
    where
        op = 'signup'
        and referrer_id is not null
        and account_id is not null
        and entity_id is not null
        and in_window(received_at)
    group by entity_id, referrer_id, account_id
),

traits as (
    select
        account_id,
        trait,
        count(*) over (partition by trait)  as accounts
    from (
        select account_id, concat('device ', device_id) as trait
        from identities
        where account_id is not null and device_id is not null and in_window(received_at)
        union
        select account_id, concat('device ', device_id) as trait
        from payments
        where account_id is not null and device_id is not null and in_window(received_at)
        union
        select account_id, concat('card ', card_hash) as trait
        from payments
        where account_id is not null and card_hash is not null and in_window(received_at)
    )
),

-- Each referral twice: once as its referrer, once as its referee.
sides as (
    select referrer_id, referee_id, referrer_id as account_id
    from referred
    union all
    select referrer_id, referee_id, referee_id as account_id
    from referred
),

shared as (
    select
        sides.referrer_id,
        sides.referee_id
    from sides
    inner join traits on traits.account_id = sides.account_id
    where traits.accounts <= 50
    group by sides.referrer_id, sides.referee_id, traits.trait
    having count(*) = 2
),

paid as (
    select
        coalesce(referrer_id, account_id)  as referrer_id,
        ref                                as referee_id,
        min(received_at)                   as paid_at
    from credits
    where
        op = 'grant'
        and reason = 'referral_bonus'
        and ref is not null
        and received_at > $as_of - interval '24 hours'
        and received_at <= $as_of - interval '1 hour'
    group by coalesce(referrer_id, account_id), ref
),

spent as (
    select
        account_id,
        max(received_at)  as spent_at
    from credits
    where
        op = 'spend'
        and account_id is not null
        and received_at > $as_of - interval '48 hours'
        and received_at <= $as_of
    group by account_id
),

idle as (
    select
        paid.referrer_id,
        count(*)                                                                          as referees,
        count(*) filter (where spent.spent_at is null or spent.spent_at <= paid.paid_at)  as idle
    from paid
    left join spent on spent.account_id = paid.referee_id
    where paid.referrer_id is not null
    group by paid.referrer_id
),

-- Who referred, and who was, of those that were seen for a quarter of an hour. The last hour's are not judged yet.
gone as (
    select
        referred.referrer_id,
        count(distinct referred.referee_id)  as referees
    from referred
    left join spent on spent.account_id = referred.referee_id
    where
        referred.joined_at > $as_of - interval '48 hours'
        and referred.joined_at <= $as_of - interval '1 hour'
    group by referred.referrer_id
    having
        count(distinct referred.referee_id) >= 3
        and count(distinct referred.ip_prefix) = count(distinct referred.referee_id)
        and count(distinct referred.country) >= 2
        and bool_and(coalesce(spent.spent_at <= referred.joined_at + interval '15 minutes', false))
),

found as (
    select
        referrer_id                 as entity,
        count(distinct referee_id)  as observed,
        1                           as threshold,
        case
            when count(distinct referee_id) >= 2 then 60
            else 40
        end                         as points
    from shared
    group by referrer_id
    union all
    select
        referrer_id  as entity,
        referees     as observed,
        5            as threshold,
        40           as points
    from idle
    where
        referees >= 5
        and 100 * idle >= 60 * referees
    union all
    select
        referrer_id  as entity,
        referees     as observed,
        3            as threshold,
        60           as points
    from gone
    union all
    select
        referred.entity_id  as entity,
        gone.referees       as observed,
        3                   as threshold,
        60                  as points
    from referred
    inner join gone on gone.referrer_id = referred.referrer_id
    where referred.entity_id = referred.referee_id
)

select
    entity,
    max(observed)   as observed,
    min(threshold)  as threshold,
    max(points)     as points
from found
group by entity
