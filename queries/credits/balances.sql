--! title: Balances of wallets
--! param: sort enum(drift | lowest | highest) = drift -- first those furthest from what the app says, or with the least or the most credits
--! param: limit int = 100 count -- wallets at most
--! column: wallet_kind text -- workspace, account or guest
--! column: wallet id -- whose credits
--! column: granted credits -- granted
--! column: spent credits -- spent
--! column: refunded credits -- given back
--! column: expired credits -- expired
--! column: adjusted credits -- adjusted by hand, with their sign
--! column: migrated credits -- that came from other wallets, less those that went to them
--! column: balance credits -- left, by our count
--! column: told_balance credits? -- the last balance that the app told; null if it never did
--! column: drift credits? -- told_balance less our count at that entry
with ranked as (
    select
        wallet_kind,
        wallet,
        granted,
        spent,
        refunded,
        expired,
        adjusted,
        migrated,
        balance,
        told_balance,
        drift,
        case
            when $sort = 'drift' then abs(coalesce(drift, 0))
            when $sort = 'lowest' then -balance
            else balance
        end  as rank
    from ledger
)
select
    wallet_kind,
    wallet,
    granted,
    spent,
    refunded,
    expired,
    adjusted,
    migrated,
    balance,
    told_balance,
    drift
from ranked
order by rank desc, wallet_kind, wallet
limit $limit
