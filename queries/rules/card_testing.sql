--! title: Cards tried one after another
--! entity: device, account, ip
--! on: payment
--! window: 6h
--! mode: shadow
--! verdict: block
--! points: 60
--! ttl: 24h
--! actions: pay
--! step_up: none
--! max_block_rate: 0.5%
--! owner: payments

-- Who tries stolen cards goes from one to the next and is declined at most of them, at once or, to stay unseen, one every
-- quarter of an hour. Four cards of which half are declined are blocked. At three the next try is throttled: a person in
-- need may have three cards and bad luck with two, and pays a little later or after a second proof. Many tries with one or
-- two cards are an empty account more often than a stolen card; they are throttled from eight.
--
-- Behind an address are many people, each with a card. It counts only where nearly all are declined, and adds points.
--
-- A try is told in one of three ways: an `attempt` and then its outcome, an `attempt` alone, or an outcome alone
-- (`succeeded` or `failed`). Counting all of them would count the first way twice; the payment's id cannot tell them
-- apart either, because testers try many cards within one payment. So the tries are the larger of the two counts: with
-- both told they are equal but for tries still under way, with one told it is that one.
select
    entity_id  as entity,
    greatest(
        count(*) filter (where op = 'attempt'),
        count(*) filter (where op in ('succeeded', 'failed'))
    )          as observed,
    3          as threshold,
    case
        when bool_or(ip_hash = entity_id) then 'none'
        when count(distinct card_hash) >= 4 then 'block'
        else 'throttle'
    end        as verdict,
    case
        when bool_or(ip_hash = entity_id) then 30
        when count(distinct card_hash) >= 4 then 60
        else 40
    end        as points
from payments
where
    op in ('attempt', 'succeeded', 'failed')
    and entity_id is not null
    and in_window(received_at)
group by entity_id
having
    (
        not bool_or(ip_hash = entity_id)
        and count(distinct card_hash) >= 3
        and 2 * count(*) filter (where op = 'failed') >= greatest(
            count(*) filter (where op = 'attempt'),
            count(*) filter (where op in ('succeeded', 'failed'))
        )
    )
    or (
        count(distinct card_hash) >= 5
        and 5 * count(*) filter (where op = 'failed') >= 4 * greatest(
            count(*) filter (where op = 'attempt'),
            count(*) filter (where op in ('succeeded', 'failed'))
        )
    )
    or (
        not bool_or(ip_hash = entity_id)
        and count(*) filter (where op = 'failed') >= 8
        and 5 * count(*) filter (where op = 'failed') >= 4 * greatest(
            count(*) filter (where op = 'attempt'),
            count(*) filter (where op in ('succeeded', 'failed'))
        )
    )
