--! title: More credits spent than there were
--! entity: wallet
--! on: credit
--! window: 1h
--! mode: shadow
--! verdict: block
--! points: 80
--! ttl: 24h
--! actions: generate, grant
--! step_up: review
--! max_block_rate: 0.5%
--! owner: billing

-- Two signs, both judged on known balances only.
--
-- A balance under zero, as an entry's `balance_after` tells it.
--
-- Spends that overlap: each is let through against the same opening balance, so that none of them sees the others. Then
-- what was spent is more than the highest balance that any spend started from, with all that came in added. In an orderly
-- ledger it never is: the first spend started from the opening balance and what had come in by then. Spends without a
-- `balance_after` are left out there, because nothing is known of the balance they started from; they are judged only in
-- a wallet whose `opening` entry lies in the window and before them all.
--
-- (wallet, op, ref) counts once, so a spend that was sent again is the same spend; one without a ref is its own.
select
    entity_id  as entity,
    greatest(
        coalesce(-min(balance_after), 0),
        coalesce(
            sum_once(amount, coalesce(ref, event_id)) filter (where op = 'spend' and balance_after is not null)
            - max(balance_after + amount) filter (where op = 'spend')
            - coalesce(sum_once(amount, concat(op, ' ', coalesce(ref, event_id))) filter (
                where op in ('grant', 'refund', 'migrate') or (op = 'adjust' and amount > 0)
            ), 0),
            0
        ),
        case
            when
                min(received_at) filter (where op = 'adjust' and reason = 'opening')
                <= min(received_at) filter (where op = 'spend')
            then
                sum_once(amount, coalesce(ref, event_id)) filter (where op = 'spend')
                - coalesce(sum_once(amount, concat(op, ' ', coalesce(ref, event_id))) filter (
                    where op in ('grant', 'refund', 'migrate') or (op = 'adjust' and amount > 0)
                ), 0)
            else 0
        end
    )          as observed,
    1          as threshold
from credits
where
    entity_id is not null
    and in_window(received_at)
group by entity_id
having
    min(balance_after) < 0
    or sum_once(amount, coalesce(ref, event_id)) filter (where op = 'spend' and balance_after is not null)
        > max(balance_after + amount) filter (where op = 'spend')
        + coalesce(sum_once(amount, concat(op, ' ', coalesce(ref, event_id))) filter (
            where op in ('grant', 'refund', 'migrate') or (op = 'adjust' and amount > 0)
        ), 0)
    or (
        min(received_at) filter (where op = 'adjust' and reason = 'opening')
            <= min(received_at) filter (where op = 'spend')
        and sum_once(amount, coalesce(ref, event_id)) filter (where op = 'spend')
            > coalesce(sum_once(amount, concat(op, ' ', coalesce(ref, event_id))) filter (
                where op in ('grant', 'refund', 'migrate') or (op = 'adjust' and amount > 0)
            ), 0)
    )
