--! title: which guest belonged to which account, and when, as servers and as pages tell it
--! column: guest_id text? -- the guest
--! column: account_id text? -- the account
--! column: trust text? -- server, or public: told by a page or an app, where anybody may say anything
--! column: method text? -- how the bind was made, in the words of the bind that began it
--! column: bound_at timestamptz? -- when it began, by the sender's clock
--! column: unbound_at timestamptz? -- when it ended; null while it holds
-- One row a stretch. What a page says stands beside what a server says and never changes it: each has a history of its own.
-- Nothing that decides may read this view (`binds` is for that): else whoever binds another's guest would own its past.
--
-- The facts may arrive in any order, and more than once: their order is that of `ts`, then of arrival.
-- - An undoing ends the guest's binds before it: those to the account it names, or all if it names none.
-- - A guest belongs to one account at a time. Bound to two, it belongs to the one bound last.
-- - What was undone is taken back, as if it had never been: the account bound before it holds on, without a gap.
--   So a bind ends when it is undone, or when another begins that was not undone.
-- - To be bound again to the account that holds already changes nothing.
with facts as (
    select
        guest_id,
        account_id,
        trust,
        op,
        method,
        ts,
        received_at,
        seq
    from identities
    where
        op in ('bind', 'unbind')
        and guest_id is not null
        and (op = 'unbind' or account_id is not null)
),

facts_with_undoing as (
    select
        guest_id,
        account_id,
        trust,
        op,
        method,
        ts,
        received_at,
        seq,
        least(
            min(case when op = 'unbind' then ts end) over (
                partition by trust, guest_id, account_id
                order by ts desc, received_at desc, seq desc
                rows between unbounded preceding and 1 preceding
            ),
            min(case when op = 'unbind' and account_id is null then ts end) over (
                partition by trust, guest_id
                order by ts desc, received_at desc, seq desc
                rows between unbounded preceding and 1 preceding
            )
        ) as undone_at
    from facts
),

binds_with_the_one_before as (
    select
        guest_id,
        account_id,
        trust,
        method,
        ts,
        received_at,
        seq,
        undone_at,
        lag(account_id) over (
            partition by trust, guest_id
            order by ts, received_at, seq
        ) as account_before,
        lag(undone_at) over (
            partition by trust, guest_id
            order by ts, received_at, seq
        ) as undone_before,
        lag(account_id) over (
            partition by trust, guest_id, undone_at is null
            order by ts, received_at, seq
        ) as account_before_alike
    from facts_with_undoing
    where op = 'bind'
),

first_binds as (
    select
        guest_id,
        account_id,
        trust,
        method,
        ts,
        received_at,
        seq,
        undone_at
    from binds_with_the_one_before
    where
        case
            when undone_at is null then (account_before_alike is distinct from account_id)
            else (account_before is distinct from account_id) or (undone_before is distinct from undone_at)
        end
)

select
    guest_id,
    account_id,
    trust,
    method,
    ts as bound_at,
    least(
        undone_at,
        min(case when undone_at is null then ts end) over (
            partition by trust, guest_id
            order by ts desc, received_at desc, seq desc
            rows between unbounded preceding and 1 preceding
        )
    ) as unbound_at
from first_binds
