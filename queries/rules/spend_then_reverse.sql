--! title: Paid credits spent at once, and the payment taken back
--! entity: account, card
--! on: payment, credit
--! window: 30d
--! mode: shadow
--! verdict: throttle
--! points: 60
--! ttl: 1d
--! actions: grant, pay, generate
--! step_up: review
--! max_block_rate: 0.5%
--! owner: payments
--! every: 10min

-- A payment of which more than half was refunded or disputed, and at least 80 % of the credits it bought spent within
-- three days of the purchase: who plans it does not wait for longer, because refunds are asked for while they are free.
-- The purchase is the one nearest to the payment, within an hour of it. Payments without a provider's id cannot be told
-- apart: those of one account and card are taken as one, and if only the reversal was told, the last purchase before it
-- is meant. Spends of the whole wallet count, whoever made them.
--
-- Whoever asks for money back usually has not used what it bought, or used it for weeks before something went wrong. A
-- small part given back is a courtesy and no reversal. Somebody who was charged twice is refunded once: while another
-- payment of that hour stands, the credits are paid for. And a dispute that was won in the end is taken back.
with paid as (
    select
        coalesce(provider_payment_id, concat(account_id, ' ', card_hash))  as payment,
        max(entity_id)                                                     as entity_id,
        max(account_id)                                                    as account_id,
        max(received_at) filter (where op = 'succeeded')                   as paid_at,
        sum(amount_minor) filter (where op = 'succeeded')                  as paid_minor,
        min(received_at) filter (where op in ('refunded', 'disputed'))     as reversed_at,
        sum(amount_minor) filter (where op in ('refunded', 'disputed'))    as reversed_minor,
        bool_or(provider_payment_id is not null)                           as is_named,
        bool_or(op = 'disputed')                                           as is_disputed,
        bool_or(op = 'dispute_won')                                        as is_won
    from payments
    where
        op in ('succeeded', 'refunded', 'disputed', 'dispute_won')
        and in_window(received_at)
    group by coalesce(provider_payment_id, concat(account_id, ' ', card_hash))
),

reversed as (
    select
        payment,
        entity_id,
        account_id,
        paid_at,
        reversed_at,
        is_disputed
    from paid
    where
        reversed_at is not null
        and not is_won
        -- A payment that has an id, and is not there, lies before the window, and so does its purchase.
        and (paid_at is not null or not is_named)
        and entity_id is not null
        and account_id is not null
        and coalesce(2 * reversed_minor > paid_minor, true)
),

bought as (
    select
        account_id,
        coalesce(workspace_id, account_id)  as wallet,
        coalesce(ref, event_id)             as purchase,
        max(amount)                         as credits,
        min(received_at)                    as bought_at
    from credits
    where
        op = 'grant'
        and reason in ('purchase', 'plan_grant')
        and amount > 0
        and account_id is not null
        and in_window(received_at)
    group by account_id, coalesce(workspace_id, account_id), coalesce(ref, event_id)
),

matched as (
    select
        reversed.payment,
        reversed.entity_id,
        reversed.account_id,
        reversed.is_disputed,
        bought.wallet,
        bought.credits,
        bought.bought_at,
        row_number() over (
            partition by reversed.payment
            order by
                abs(
                    date_part('epoch', bought.bought_at)
                    - date_part('epoch', coalesce(reversed.paid_at, reversed.reversed_at))
                ),
                bought.purchase
        )  as nearness
    from reversed
    inner join bought on bought.account_id = reversed.account_id
    where
        bought.bought_at <= reversed.reversed_at
        and (
            reversed.paid_at is null
            or (
                bought.bought_at >= reversed.paid_at - interval '1 hour'
                and bought.bought_at <= reversed.paid_at + interval '1 hour'
            )
        )
),

standing as (
    select
        matched.payment,
        count(*)  as payments
    from matched
    inner join paid on paid.account_id = matched.account_id
    where
        matched.nearness = 1
        and paid.payment <> matched.payment
        and paid.reversed_at is null
        and paid.paid_at >= matched.bought_at - interval '1 hour'
        and paid.paid_at <= matched.bought_at + interval '1 hour'
    group by matched.payment
),

spent as (
    select
        matched.payment,
        matched.entity_id,
        matched.is_disputed,
        matched.credits,
        sum_once(credits.amount, coalesce(credits.ref, credits.event_id))  as spent
    from matched
    inner join credits on coalesce(credits.workspace_id, credits.account_id) = matched.wallet
    where
        matched.nearness = 1
        and credits.op = 'spend'
        and in_window(credits.received_at)
        and credits.received_at >= matched.bought_at
        and credits.received_at < matched.bought_at + interval '3 days'
    group by matched.payment, matched.entity_id, matched.is_disputed, matched.credits
)

select
    spent.entity_id                                 as entity,
    least(100, 100 * spent.spent / spent.credits)   as observed,
    80                                              as threshold,
    case
        when spent.is_disputed then 'block'
        else 'throttle'
    end                                             as verdict
from spent
left join standing on standing.payment = spent.payment
where
    standing.payment is null
    and 100 * spent.spent >= 80 * spent.credits
