--! title: whom each id means: a guest that was bound to an account is that account, from its first day on
--! column: kind text -- guest or account
--! column: id text? -- the id; guests and accounts may share one, so that (kind, id) is what is unique
--! column: guest_id text? -- the id where it is a guest's, to join on; null for accounts
--! column: person_kind text -- account or guest: what person_id is
--! column: person_id text? -- the account that a guest is bound to now, else the id itself
--! column: first_seen timestamptz? -- the first identity fact about the id, by the sender's clock
--! column: bound_at timestamptz? -- since when the guest is bound to that account; null for others
--! column: method text? -- how it was bound; null for others
-- One row an id of which a server told who it is. It is resolved when asked: a bind reaches back to all that the guest ever
-- did, undoing it takes that back, and an event may arrive before or after. Binds as `binds` has them.
--
-- An account is nobody else, so that events are joined by their guest, and an id of which nothing is told is itself:
--     select coalesce(u.account_id, p.person_id, u.guest_id) as person_id
--     from usage as u left join people as p on p.guest_id = u.guest_id
with facts as (
    select
        'guest'   as kind,
        guest_id  as id,
        ts        as at
    from identities
    where
        trust = 'server'
        -- Whoever fails to log in may have made the name up.
        and op <> 'login_failed'
        and guest_id is not null
    union all
    select
        'account'   as kind,
        account_id  as id,
        ts          as at
    from identities
    where
        trust = 'server'
        and op <> 'login_failed'
        and account_id is not null
),

ids as (
    select
        kind,
        id,
        min(at)  as first_seen
    from facts
    group by kind, id
),

bound as (
    select
        'guest'   as kind,
        guest_id  as id,
        account_id,
        bound_at,
        method
    from binds
    where unbound_at is null
)

select
    ids.kind,
    ids.id,
    case when ids.kind = 'guest' then ids.id end                          as guest_id,
    case when bound.account_id is null then ids.kind else 'account' end   as person_kind,
    coalesce(bound.account_id, ids.id)                                    as person_id,
    ids.first_seen,
    bound.bound_at,
    bound.method
from ids
left join bound on bound.kind = ids.kind and bound.id = ids.id
