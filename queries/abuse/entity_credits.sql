--! title: The wallets of an entity
--! description: Wallets that ledger entries name together with the entity, with what they were given for nothing and for money. What a wallet is: docs/tables.md.
--! param: kind text -- the entity's kind: guest, account, device, session, workspace, wallet, ip or ip_prefix
--! param: entity text -- the entity
--! param: limit int = 50 count -- wallets at most, those that spent most first
--! column: wallet_kind text -- workspace, account or guest
--! column: wallet id -- whose credits
--! column: granted credits -- given
--! column: free credits -- of these, for nothing: to guests, for a sign-up or a referral, or in a promotion
--! column: spent credits -- spent
--! column: refunded credits -- given back
--! column: expired credits -- expired
--! column: migrated credits -- come from other wallets, less what went to them
--! column: balance credits -- left
--! column: last_at time? -- the last entry
with named as (
    select
        coalesce(workspace_id, account_id, guest_id)                          as wallet
    from credits
    where trust = 'server'
        and coalesce(workspace_id, account_id, guest_id) is not null
        and case $kind
            when 'account' then account_id = $entity
            when 'guest' then guest_id = $entity
            when 'device' then device_id = $entity
            when 'session' then session_id = $entity
            when 'workspace' then workspace_id = $entity
            when 'ip' then ip_hash = $entity
            when 'ip_prefix' then ip_prefix = $entity
            when 'wallet' then coalesce(workspace_id, account_id, guest_id) = $entity
            else false
        end
    group by 1
),
gifts as (
    select
        coalesce(workspace_id, account_id, guest_id)                          as wallet,
        max(amount)                                                           as amount
    from credits
    where trust = 'server'
        and op = 'grant'
        and reason in ('guest_grant', 'signup_grant', 'referral_bonus', 'promo')
    group by 1, ref is null, coalesce(ref, event_id)
),
free as (
    select
        wallet,
        sum(amount)                                                           as amount
    from gifts
    group by wallet
)
select
    ledger.wallet_kind,
    ledger.wallet,
    ledger.granted,
    coalesce(free.amount, 0)                                                  as free,
    ledger.spent,
    ledger.refunded,
    ledger.expired,
    ledger.migrated,
    ledger.balance,
    ledger.last_at
from ledger
inner join named on named.wallet = ledger.wallet
left join free on free.wallet = ledger.wallet
order by ledger.spent desc, ledger.wallet_kind, ledger.wallet
limit $limit
