--! title: New guests that spend their grant at once, one after another
--! entity: device
--! on: identity, credit, usage
--! window: 24h
--! mode: shadow
--! verdict: throttle
--! points: 60
--! ttl: 12h
--! actions: grant, generate
--! step_up: challenge
--! max_block_rate: 0.5%
--! owner: growth
--! every: 1min
--! trust: any

-- Two signs of identities that are made to be emptied.
--
-- A device on which a guest spent over nine tenths of its grant within seven minutes of its creation, and which then made
-- another guest. People who like it spend a grant in one sitting, too, but seldom so fast, and then they sign up. On a
-- family's tablet a hasty first child and a second one on the same day look like this; the second waits, or signs up.
--
-- A guest that signed up with a password within ten seconds of its creation, in a session in which nobody saw a page: no
-- one reads, types and confirms that fast. A password manager can, but it needs the page. Sign-ups through another
-- service's button take no typing and are not judged. Where a blocker hides all page views, only the seconds are left to
-- tell; if many of your people block them, watch this rule in shadow first.
with created as (
    select
        device_id,
        guest_id,
        min(received_at)  as created_at
    from identities
    where
        op = 'guest_created'
        and device_id is not null
        and guest_id is not null
        and in_window(received_at)
    group by device_id, guest_id
),

-- The facts of one guest may arrive in any order: what was received shortly before its creation counts as well.
used as (
    select
        created.device_id,
        created.guest_id,
        created.created_at,
        sum(credits.amount) filter (where credits.op = 'grant')  as granted,
        sum(credits.amount) filter (where credits.op = 'spend')  as spent
    from created
    inner join credits on credits.guest_id = created.guest_id
    where
        credits.op in ('grant', 'spend')
        and in_window(credits.received_at)
        and credits.received_at >= created.created_at - interval '60 seconds'
        and credits.received_at <= created.created_at + interval '7 minutes'
    group by created.device_id, created.guest_id, created.created_at
),

rushed as (
    select
        device_id,
        min(created_at)  as first_at
    from used
    where 10 * spent > 9 * granted
    group by device_id
),

later as (
    select
        created.device_id,
        count(*)  as guests
    from created
    inner join rushed on rushed.device_id = created.device_id
    where created.created_at >= rushed.first_at
    group by created.device_id
    having count(*) >= 2
),

signups as (
    select
        signup.device_id,
        signup.session_id,
        signup.account_id
    from identities as signup
    inner join identities as guest on guest.guest_id = signup.guest_id
    where
        signup.op = 'signup'
        and signup.method = 'password'
        and signup.device_id is not null
        and signup.session_id is not null
        and guest.op = 'guest_created'
        and signup.received_at >= guest.received_at
        and signup.received_at <= guest.received_at + interval '10 seconds'
        and signup.received_at > $as_of - interval '10 minutes'
        -- Browsers tell of their pages a little later.
        and signup.received_at <= $as_of - interval '20 seconds'
        and guest.received_at > $as_of - interval '11 minutes'
        and guest.received_at <= $as_of
),

watched as (
    select distinct session_id
    from usage
    where
        (name = 'page.view' or name like 'ui.%')
        and session_id is not null
        and received_at > $as_of - interval '11 minutes'
        and received_at <= $as_of
),

found as (
    select
        device_id,
        guests
    from later
    union all
    -- The guest and its account: two identities at once.
    select
        signups.device_id,
        2  as guests
    from signups
    left join watched on watched.session_id = signups.session_id
    where watched.session_id is null
)

select
    device_id    as entity,
    max(guests)  as observed,
    2            as threshold
from found
group by device_id
