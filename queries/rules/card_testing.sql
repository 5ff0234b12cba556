--! title: Cards tried one after another
--! entity: device, account, ip
--! on: payment
--! window: 10min
--! mode: shadow
--! verdict: block
--! points: 60
--! ttl: 1h
--! actions: pay
--! step_up: none
--! max_block_rate: 0.5%
--! owner: payments

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
    5          as threshold
from payments
where
    op in ('attempt', 'succeeded', 'failed')
    and entity_id is not null
    and in_window(received_at)
group by entity_id
having
    greatest(
        count(*) filter (where op = 'attempt'),
        count(*) filter (where op in ('succeeded', 'failed'))
    ) >= 5
    and (
        count(distinct card_hash) >= 3
        or 100 * count(*) filter (where op = 'failed') >= 60 * greatest(
            count(*) filter (where op = 'attempt'),
            count(*) filter (where op in ('succeeded', 'failed'))
        )
    )
