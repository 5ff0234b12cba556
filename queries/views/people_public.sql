--! title: whom each id means, pages believed: for analytics only, where a wrong word does no harm
--! column: kind text -- guest or account
--! column: id text? -- the id; guests and accounts may share one, so that (kind, id) is what is unique
--! column: guest_id text? -- the id where it is a guest's, to join on; null for accounts
--! column: person_kind text -- account or guest: what person_id is
--! column: person_id text? -- the account that a guest is bound to now, by a server's word, else by a page's; else the id itself
--! column: first_seen timestamptz? -- the first identity fact about the id, by the sender's clock
--! column: bound_at timestamptz? -- since when the guest is bound to that account; null for others
--! column: method text? -- how it was bound; null for others
--! column: trust text? -- by whose word it is bound: server or public; null for others
-- Like `people`, and joined alike, with what SDKs in pages say as well (Segment's identify, PostHog's $identify). Anybody can
-- bind anybody there, so that nothing that decides, exports or erases reads it. A server's word goes over a page's.
with facts as (
    select
        'guest'   as kind,
        guest_id  as id,
        ts        as at
    from identities
    where
        -- Whoever fails to log in may have made the name up.
        op <> 'login_failed'
        and guest_id is not null
    union all
    select
        'account'   as kind,
        account_id  as id,
        ts          as at
    from identities
    where
        op <> 'login_failed'
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
        method,
        trust,
        row_number() over (partition by guest_id order by trust = 'server' desc) as place
    from binds_public
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
    bound.method,
    bound.trust
from ids
left join bound on bound.kind = ids.kind and bound.id = ids.id and bound.place = 1
