--! title: Who is seen with an entity, and with whom those are seen
--! description: Pairs of guest, account, device, card and mailbox that one event names together: those of the entity itself, and those of the accounts, guests, devices, cards and mailboxes seen with it. A shared address links nobody. To be seen together is no guilt: families share a tablet.
--! param: kind text -- the entity's kind: guest, account, device, card, email; also ip_prefix, ip, session or workspace
--! param: entity text -- the entity
--! param: from timestamp = -30d -- start of the range, included
--! param: to timestamp = now -- end of the range, included
--! param: limit int = 400 count -- pairs at most, those of the entity itself first
--! column: left_kind text -- the kind of the one
--! column: left_id id -- the one
--! column: right_kind text -- the kind of the other
--! column: right_id id -- the other
--! column: is_near text -- whether an event names the entity with both: yes or no
--! column: events count -- events that name both
--! column: last_at time -- the last of them
with facts as (
    select
        account_id,
        guest_id,
        device_id,
        cast(null as varchar)  as card_hash,
        cast(null as varchar)  as email,
        ip_prefix,
        ip_hash,
        session_id,
        workspace_id,
        received_at
    from events
    where received_at >= $from
        and received_at <= $to
    union all
    select
        account_id,
        guest_id,
        device_id,
        card_hash,
        cast(null as varchar)  as email,
        ip_prefix,
        ip_hash,
        session_id,
        workspace_id,
        received_at
    from payments
    where received_at >= $from
        and received_at <= $to
        and card_hash is not null
    union all
    select
        account_id,
        guest_id,
        device_id,
        cast(null as varchar)  as card_hash,
        email_root_hash        as email,
        ip_prefix,
        ip_hash,
        session_id,
        workspace_id,
        received_at
    from identities
    where received_at >= $from
        and received_at <= $to
        and email_root_hash is not null
),
seen as (
    select
        account_id,
        guest_id,
        device_id,
        card_hash,
        email,
        bool_or(
            case $kind
                when 'account' then account_id = $entity
                when 'guest' then guest_id = $entity
                when 'device' then device_id = $entity
                when 'card' then card_hash = $entity
                when 'email' then email = $entity
                when 'ip_prefix' then ip_prefix = $entity
                when 'ip' then ip_hash = $entity
                when 'session' then session_id = $entity
                when 'workspace' then workspace_id = $entity
                else false
            end
        )                      as has_it,
        count(*)               as events,
        max(received_at)       as last_at
    from facts
    group by 1, 2, 3, 4, 5
),
kinds as (
    select column1  as kind
    from (values ('account'), ('guest'), ('device'), ('card'), ('email'))
),
named as (
    select
        seen.account_id,
        seen.guest_id,
        seen.device_id,
        seen.card_hash,
        seen.email,
        seen.has_it,
        seen.events,
        seen.last_at,
        kinds.kind,
        case kinds.kind
            when 'account' then seen.account_id
            when 'guest' then seen.guest_id
            when 'device' then seen.device_id
            when 'card' then seen.card_hash
            else seen.email
        end                    as id
    from seen
    cross join kinds
),
keys as (
    select
        kind,
        id
    from named
    where has_it
        and id is not null
    group by 1, 2
),
around as (
    select
        named.account_id,
        named.guest_id,
        named.device_id,
        named.card_hash,
        named.email,
        bool_or(named.has_it)  as has_it,
        max(named.events)       as events,
        max(named.last_at)      as last_at
    from named
    inner join keys on keys.kind = named.kind and keys.id = named.id
    group by 1, 2, 3, 4, 5
),
-- What has a card or a mailbox stands a second time among the facts, without it: only there it counts for the others.
shapes as (
    select
        column1  as left_kind,
        column2  as right_kind
    from (
        values
            ('guest', 'account'),
            ('guest', 'device'),
            ('account', 'device'),
            ('account', 'card'),
            ('account', 'email')
    )
),
pairs as (
    select
        shapes.left_kind,
        case shapes.left_kind
            when 'guest' then around.guest_id
            else around.account_id
        end                    as left_id,
        shapes.right_kind,
        case shapes.right_kind
            when 'account' then around.account_id
            when 'device' then around.device_id
            when 'card' then around.card_hash
            else around.email
        end                    as right_id,
        around.has_it,
        around.events,
        around.last_at
    from around
    cross join shapes
    where shapes.right_kind in ('card', 'email')
        or (around.card_hash is null and around.email is null)
)
select
    left_kind,
    left_id,
    right_kind,
    right_id,
    max(case when has_it then 'yes' else 'no' end)  as is_near,
    sum(events)                                     as events,
    max(last_at)                                    as last_at
from pairs
where left_id is not null
    and right_id is not null
group by left_kind, left_id, right_kind, right_id
order by is_near desc, events desc, left_kind, left_id, right_kind, right_id
limit $limit
