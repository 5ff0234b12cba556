--! title: Credits and payments of a session, in their order
--! param: session text -- the session
--! param: since timestamp = -30d -- only what was received since, included
--! param: limit int = 500 count -- rows at most
--! column: at time -- when it happened, by the sender's clock
--! column: received_at time -- when it was received
--! column: kind text -- credit or payment
--! column: event_id id -- the event
--! column: op text? -- grant, spend, refund, …; attempt, succeeded, subscribed, …
--! column: amount credits? -- credits; null for a payment
--! column: balance_after credits? -- the wallet's balance after it, as the app told
--! column: reason text? -- what for
--! column: ref id? -- idempotency reference
--! column: amount_minor money? -- amount of a payment in the currency's minor unit
--! column: currency text? -- ISO 4217
--! column: plan text? -- the plan
--! column: trust text? -- server or public: the kind of key that sent it
with happened as (
    select
        coalesce(ts, received_at)    as at,
        received_at,
        seq,
        'credit'                     as kind,
        event_id,
        op,
        amount,
        balance_after,
        reason,
        ref,
        cast(null as bigint)         as amount_minor,
        cast(null as text)           as currency,
        cast(null as text)           as plan,
        trust
    from credits
    where session_id = $session
        and received_at >= $since
    union all
    select
        coalesce(ts, received_at)    as at,
        received_at,
        seq,
        'payment'                    as kind,
        event_id,
        op,
        cast(null as bigint)         as amount,
        cast(null as bigint)         as balance_after,
        cast(null as text)           as reason,
        cast(null as text)           as ref,
        amount_minor,
        currency,
        plan,
        trust
    from payments
    where session_id = $session
        and received_at >= $since
)
select
    at,
    received_at,
    kind,
    event_id,
    op,
    amount,
    balance_after,
    reason,
    ref,
    amount_minor,
    currency,
    plan,
    trust
from happened
order by at, received_at, seq, event_id
limit $limit
