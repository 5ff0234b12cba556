--! title: Accounts that hang together by devices, cards and mailboxes
--! entity: account
--! on: identity, credit, payment
--! window: 30d
--! mode: shadow
--! verdict: throttle
--! points: 40
--! ttl: 7d
--! actions: bind, grant
--! step_up: hold
--! max_block_rate: 0.5%
--! owner: growth
--! every: 30s

-- Counts the accounts with free credits in a component: accounts that share a device, a card or a mailbox are linked, and
-- so are accounts that a third one links. Each account of the component is found, and the component is named with it, so
-- that an override can name it and people can look at it.
--
-- Colleagues and neighbours share an address, which links nobody. What more than fifty accounts share is a school's
-- tablet or a library's computer, and says nothing of those who use it. A couple has two accounts. A component of over a
-- thousand accounts says more about how devices are told apart than about people, and is not judged.
with traits as (
    select
        account_id,
        concat('device ', device_id)  as trait,
        received_at
    from identities
    where
        account_id is not null
        and device_id is not null
        and in_window(received_at)
    union all
    select
        account_id,
        concat('mailbox ', email_root_hash)  as trait,
        received_at
    from identities
    where
        account_id is not null
        and email_root_hash is not null
        and in_window(received_at)
    union all
    select
        account_id,
        concat('device ', device_id)  as trait,
        received_at
    from credits
    where
        account_id is not null
        and device_id is not null
        and in_window(received_at)
    union all
    select
        account_id,
        concat('card ', card_hash)  as trait,
        received_at
    from payments
    where
        account_id is not null
        and card_hash is not null
        and in_window(received_at)
),

owned as (
    select
        account_id,
        trait,
        min(received_at)  as seen_at
    from traits
    group by account_id, trait
),

counted as (
    select
        account_id,
        trait,
        seen_at,
        count(*) over (partition by trait)  as accounts
    from owned
),

linked as (
    select
        account_id,
        component(account_id, trait, seen_at) over ()  as component
    from counted
    where accounts between 2 and 50
),

members as (
    select
        account_id,
        component
    from linked
    group by account_id, component
),

given as (
    select account_id
    from credits
    where
        account_id is not null
        and (
            (op = 'grant' and reason in ('guest_grant', 'signup_grant', 'referral_bonus', 'promo'))
            or op = 'migrate'
        )
        and in_window(received_at)
    group by account_id
),

rings as (
    select
        members.component,
        count(*)  as accounts
    from members
    inner join given on given.account_id = members.account_id
    group by members.component
    having count(*) between 3 and 1000
)

select
    members.account_id  as entity,
    rings.accounts      as observed,
    3                   as threshold,
    members.component   as component
from members
inner join rings on rings.component = members.component
