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
        )                      as is_near,
        count(*)               as events,
        max(received_at)       as last_at
    from facts
    group by 1, 2, 3, 4, 5
),
keys as (
    select
        'account'  as kind,
        account_id  as id
    from seen
    where is_near
        and account_id is not null
    union
    select
        'guest'  as kind,
        guest_id  as id
    from seen
    where is_near
        and guest_id is not null
    union
    select
        'device'  as kind,
        device_id  as id
    from seen
    where is_near
        and device_id is not null
    union
    select
        'card'  as kind,
        card_hash  as id
    from seen
    where is_near
        and card_hash is not null
    union
    select
        'email'  as kind,
        email  as id
    from seen
    where is_near
        and email is not null
),
around as (
    select
        seen.account_id,
        seen.guest_id,
        seen.device_id,
        seen.card_hash,
        seen.email,
        seen.is_near,
        seen.events,
        seen.last_at
    from seen
    inner join keys on keys.kind = 'account' and keys.id = seen.account_id
    union
    select
        seen.account_id,
        seen.guest_id,
        seen.device_id,
        seen.card_hash,
        seen.email,
        seen.is_near,
        seen.events,
        seen.last_at
    from seen
    inner join keys on keys.kind = 'guest' and keys.id = seen.guest_id
    union
    select
        seen.account_id,
        seen.guest_id,
        seen.device_id,
        seen.card_hash,
        seen.email,
        seen.is_near,
        seen.events,
        seen.last_at
    from seen
    inner join keys on keys.kind = 'device' and keys.id = seen.device_id
    union
    select
        seen.account_id,
        seen.guest_id,
        seen.device_id,
        seen.card_hash,
        seen.email,
        seen.is_near,
        seen.events,
        seen.last_at
    from seen
    inner join keys on keys.kind = 'card' and keys.id = seen.card_hash
    union
    select
        seen.account_id,
        seen.guest_id,
        seen.device_id,
        seen.card_hash,
        seen.email,
        seen.is_near,
        seen.events,
        seen.last_at
    from seen
    inner join keys on keys.kind = 'email' and keys.id = seen.email
),
pairs as (
    select
        'guest'  as left_kind,
        guest_id  as left_id,
        'account'  as right_kind,
        account_id  as right_id,
        is_near,
        events,
        last_at
    from around
    union all
    select
        'guest'  as left_kind,
        guest_id  as left_id,
        'device'  as right_kind,
        device_id  as right_id,
        is_near,
        events,
        last_at
    from around
    union all
    select
        'account'  as left_kind,
        account_id  as left_id,
        'device'  as right_kind,
        device_id  as right_id,
        is_near,
        events,
        last_at
    from around
    union all
    select
        'account'  as left_kind,
        account_id  as left_id,
        'card'  as right_kind,
        card_hash  as right_id,
        is_near,
        events,
        last_at
    from around
    union all
    select
        'account'  as left_kind,
        account_id  as left_id,
        'email'  as right_kind,
        email  as right_id,
        is_near,
        events,
        last_at
    from around
)
select
    left_kind,
    left_id,
    right_kind,
    right_id,
    case when bool_or(is_near) then 'yes' else 'no' end  as is_near,
    sum(events)                                          as events,
    max(last_at)                                         as last_at
from pairs
where left_id is not null
    and right_id is not null
group by left_kind, left_id, right_kind, right_id
order by bool_or(is_near) desc, events desc, left_kind, left_id, right_kind, right_id
limit $limit
