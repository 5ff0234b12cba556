--! title: A card with a fraud dispute, used by another account
--! entity: card
--! on: payment
--! window: 180d
--! mode: shadow
--! verdict: block
--! points: 80
--! ttl: 180d
--! actions: grant, pay
--! step_up: review
--! max_block_rate: 0.5%
--! owner: payments

-- Counts the accounts that used a card, or tried to, once the bank has called a payment with it fraud. A sender tells the
-- dispute's reason as `decline_code`, or as `reason` in its properties; a dispute without one is taken for fraud, because
-- most are.
--
-- A family that pays for several accounts with one card has no dispute. A customer who disputes a charge and comes back
-- does so on the same account. A dispute about the goods (not received, not as described) says nothing about who holds
-- the card, and one that was won in the end is taken back.
select
    card_hash                   as entity,
    count(distinct account_id)  as observed,
    2                           as threshold
from payments
where
    op in ('attempt', 'succeeded', 'failed', 'subscribed', 'disputed', 'dispute_won')
    and card_hash is not null
    and in_window(received_at)
group by card_hash
having
    count(distinct account_id) >= 2
    and count(distinct coalesce(provider_payment_id, event_id)) filter (
        where op = 'disputed' and lower(coalesce(decline_code, properties ->> 'reason', 'fraud')) like '%fraud%'
    ) > count(distinct coalesce(provider_payment_id, event_id)) filter (where op = 'dispute_won')
