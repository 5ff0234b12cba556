--! title: The free credits of several guests gathered in one account
--! entity: account, device
--! on: identity, credit
--! window: 7d
--! mode: shadow
--! verdict: throttle
--! points: 40
--! ttl: 7d
--! actions: bind, grant
--! step_up: hold
--! max_block_rate: 0.5%
--! owner: growth
--! every: 2min

-- Two signs. Guests bound to one account, and not unbound since: two are counted and the next grant is held, because a
-- person may well have tried a phone and a laptop before signing up; three are seldom one person's. And migrated credits
-- over what the best provided of these guests was given: then they came from more than one grant, or came twice. An
-- account whose guests' income is not known, because it lies more than 30 days back, is not judged by that.
--
-- The account is found, and the devices that its guests came from: there the next guest is made.
--
-- A guest that is bound again and again is one guest, and one bound by mistake and unbound is none. A guest that was
-- given more than the usual (by a promotion, or a purchase) may take all of it along.
with bound as (
    select
        account_id,
        guest_id
    from identities
    where
        op in ('bind', 'unbind')
        and account_id is not null
        and guest_id is not null
        and in_window(received_at)
    group by account_id, guest_id
    having last_value(op order by received_at, seq) = 'bind'
),

moved as (
    select
        account_id,
        guest_id,
        sum_once(amount, coalesce(ref, event_id))  as credits
    from credits
    where
        op = 'migrate'
        and account_id is not null
        and guest_id is not null
        and in_window(received_at)
    group by account_id, guest_id
),

given as (
    select
        guest_id,
        sum_once(amount, concat(op, ' ', coalesce(ref, event_id)))  as credits
    from credits
    where
        guest_id is not null
        and (op = 'grant' or (op = 'adjust' and amount > 0))
        and received_at > $as_of - interval '30 days'
        and received_at <= $as_of
    group by guest_id
),

guests as (
    select
        coalesce(bound.account_id, moved.account_id)                as account_id,
        coalesce(bound.guest_id, moved.guest_id)                    as guest_id,
        case when bound.guest_id is not null then 1 else 0 end      as is_bound,
        coalesce(moved.credits, 0)                                  as moved,
        case when moved.credits is not null then given.credits end  as given
    from bound
    full join moved on moved.account_id = bound.account_id and moved.guest_id = bound.guest_id
    left join given on given.guest_id = coalesce(bound.guest_id, moved.guest_id)
),

farms as (
    select
        account_id,
        sum(is_bound)            as bound,
        sum(moved)               as moved,
        max(given)               as given,
        sum(moved) > max(given)  as is_over
    from guests
    group by account_id
),

places as (
    select
        account_id,
        entity_id
    from identities
    where
        op = 'bind'
        and account_id is not null
        and entity_id is not null
        and in_window(received_at)
    group by account_id, entity_id
    union all
    -- An account is found as well where only its migrations were told.
    select
        account_id,
        entity_id
    from credits
    where
        op = 'migrate'
        and entity_id = account_id
        and in_window(received_at)
    group by account_id, entity_id
)

select
    places.entity_id  as entity,
    max(case
        when farms.bound >= 2 then farms.bound
        else farms.moved
    end)              as observed,
    max(case
        when farms.bound >= 2 then 2
        else farms.given + 1
    end)              as threshold,
    case
        when bool_or(farms.bound >= 3 or farms.is_over) then 'throttle'
        else 'none'
    end               as verdict,
    case
        when bool_or(farms.bound >= 3 or farms.is_over) then 40
        else 20
    end               as points
from farms
inner join places on places.account_id = farms.account_id
where farms.bound >= 2 or farms.is_over
group by farms.account_id, places.entity_id
