--! title: what each wallet was given and spent, and what is left, held against what the app says
--! column: wallet_kind text -- workspace, account or guest
--! column: wallet text? -- whose credits: the workspace, where an entry names one, else the account, else the guest
--! column: entries bigint -- ledger entries, each counted once
--! column: granted bigint -- credits of op grant
--! column: spent bigint -- credits of op spend
--! column: refunded bigint -- credits of op refund
--! column: expired bigint -- credits of op expire
--! column: adjusted bigint -- credits of op adjust, with their sign
--! column: migrated bigint -- credits of op migrate: what came from other wallets, less what went to them
--! column: balance bigint -- credits left: granted + refunded + migrated + adjusted - spent - expired
--! column: first_at timestamptz? -- the first entry, by the sender's clock
--! column: last_at timestamptz? -- the last entry, by the sender's clock
--! column: told_balance bigint? -- the last balance_after that the app told; null if it never did
--! column: told_at timestamptz? -- when that was, by the sender's clock
--! column: drift bigint? -- told_balance less ours at that entry; not 0: an entry is missing, double or of another amount
-- Servers' facts only. A (wallet, op, ref) counts once, an entry without a ref by itself; should the copies differ, the largest
-- amount counts, so that neither order nor repetition changes a balance. Entries are in the order of `ts`, then of arrival.
--
-- To migrate is to move a guest's credits to where the entry says: from the workspace in which the guest has its own entries,
-- else from the guest. Where both are one wallet, a workspace that its guest kept, nothing moves; else one loses what the
-- other gains.
--
-- A wallet that had credits before its first entry drifts by as much, until an `adjust` says so.
with entries as (
    select
        case
            when workspace_id is not null then 'workspace'
            when account_id is not null then 'account'
            else 'guest'
        end                                             as wallet_kind,
        coalesce(workspace_id, account_id, guest_id)    as wallet,
        op,
        max(amount)                                     as amount,
        min(ts)                                         as at,
        min(received_at)                                as received_at,
        min(seq)                                        as seq,
        max(balance_after)                              as balance_after
    from credits
    where
        trust = 'server'
        and op <> 'migrate'
        and coalesce(workspace_id, account_id, guest_id) is not null
    group by 1, 2, op, ref is null, coalesce(ref, event_id)
),

migrations as (
    select
        case
            when workspace_id is not null then 'workspace'
            when account_id is not null then 'account'
            else 'guest'
        end                                             as wallet_kind,
        coalesce(workspace_id, account_id, guest_id)    as wallet,
        max(guest_id)                                   as guest_id,
        max(amount)                                     as amount,
        min(ts)                                         as at,
        min(received_at)                                as received_at,
        min(seq)                                        as seq,
        max(balance_after)                              as balance_after
    from credits
    where
        trust = 'server'
        and op = 'migrate'
        and coalesce(workspace_id, account_id, guest_id) is not null
    group by 1, 2, ref is null, coalesce(ref, event_id)
),

own_workspaces as (
    select
        guest_id,
        max(workspace_id)  as workspace_id
    from credits
    where
        trust = 'server'
        and account_id is null
        and guest_id is not null
    group by guest_id
),

moves as (
    select
        migrations.wallet_kind,
        migrations.wallet,
        migrations.amount,
        migrations.at,
        migrations.received_at,
        migrations.seq,
        migrations.balance_after,
        case
            when migrations.guest_id is null then null
            when own_workspaces.workspace_id is not null then 'workspace'
            else 'guest'
        end                                                             as from_kind,
        coalesce(own_workspaces.workspace_id, migrations.guest_id)      as from_wallet
    from migrations
    left join own_workspaces on own_workspaces.guest_id = migrations.guest_id
),

changes as (
    select
        wallet_kind,
        wallet,
        op,
        amount,
        case
            when op in ('grant', 'refund', 'adjust') then amount
            when op in ('spend', 'expire') then -amount
            else 0
        end  as change,
        at,
        received_at,
        seq,
        balance_after
    from entries
    union all
    select
        wallet_kind,
        wallet,
        'migrate'  as op,
        amount,
        case when from_kind = wallet_kind and from_wallet = wallet then 0 else amount end  as change,
        at,
        received_at,
        seq,
        balance_after
    from moves
    union all
    select
        from_kind    as wallet_kind,
        from_wallet  as wallet,
        'migrate'    as op,
        amount,
        -amount      as change,
        at,
        received_at,
        seq,
        cast(null as bigint)  as balance_after
    from moves
    where
        from_wallet is not null
        and not (from_kind = wallet_kind and from_wallet = wallet)
),

changes_and_telling as (
    select
        wallet_kind,
        wallet,
        op,
        amount,
        change,
        at,
        balance_after,
        -- How often the app told a balance from here on: once at the last it told, never after it.
        count(balance_after) over (
            partition by wallet_kind, wallet
            order by at desc, received_at desc, seq desc
            rows between unbounded preceding and current row
        )  as told
    from changes
)

select
    wallet_kind,
    wallet,
    count(*)                                                                as entries,
    coalesce(sum(amount) filter (where op = 'grant'), 0)                    as granted,
    coalesce(sum(amount) filter (where op = 'spend'), 0)                    as spent,
    coalesce(sum(amount) filter (where op = 'refund'), 0)                   as refunded,
    coalesce(sum(amount) filter (where op = 'expire'), 0)                   as expired,
    coalesce(sum(amount) filter (where op = 'adjust'), 0)                   as adjusted,
    coalesce(sum(change) filter (where op = 'migrate'), 0)                  as migrated,
    coalesce(sum(change), 0)                                                as balance,
    min(at)                                                                 as first_at,
    max(at)                                                                 as last_at,
    max(balance_after) filter (where told = 1)                              as told_balance,
    max(at) filter (where told = 1 and balance_after is not null)           as told_at,
    max(balance_after) filter (where told = 1) - sum(change) filter (where told >= 1)  as drift
from changes_and_telling
group by wallet_kind, wallet
