--! title: From guest to paying customer
--! description: Of the guest workspaces created in the range, how many made something, signed up and paid, each within the same time. A step does not ask for the ones before it: whoever signs up at once counts there.
--! param: from timestamp = -30d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: country text? -- only this country, ISO 3166-1 alpha-2
--! param: within interval = 14d -- how long after its first moment a guest's steps count
--! column: place count -- place of the step, from 1
--! column: step text -- came as a guest, generated, signed up, paid
--! column: people count -- guests that took it
--! column: of_first percent? -- of all guests that came
--! column: of_previous percent? -- held against the step before
with guests as (
    select
        guest_id,
        min(received_at)                                                  as created_at
    from identities
    where received_at >= $from
        and received_at < $to
        and op = 'guest_created'
        and trust = 'server'
        and guest_id is not null
        and ($country is null or country = $country)
    group by guest_id
),
bound as (
    select
        guest_id,
        account_id,
        bound_at
    from binds
    where unbound_at is null
),
generations_by_id as (
    select
        account_id,
        guest_id,
        min(received_at)                                                  as generated_at
    from usage
    where received_at >= $from
        and received_at < $to + $within
        and name like '%.generate'
        and status = 'ok'
    group by account_id, guest_id
),
as_guest as (
    select
        guest_id,
        min(generated_at)                                                 as generated_at
    from generations_by_id
    where guest_id is not null
    group by guest_id
),
as_account as (
    select
        account_id,
        min(generated_at)                                                 as generated_at
    from generations_by_id
    where account_id is not null
    group by account_id
),
paid as (
    select
        account_id,
        min(received_at)                                                  as paid_at
    from payments
    where received_at >= $from
        and received_at < $to + $within
        and op in ('succeeded', 'subscribed')
        and trust = 'server'
        and account_id is not null
    group by account_id
),
journeys as (
    select
        coalesce(least(as_guest.generated_at, as_account.generated_at) <= guests.created_at + $within, false)    as generated,
        coalesce(bound.bound_at <= guests.created_at + $within, false)                                           as signed_up,
        coalesce(paid.paid_at <= guests.created_at + $within, false)                                             as paid
    from guests
    left join bound on bound.guest_id = guests.guest_id
    left join as_guest on as_guest.guest_id = guests.guest_id
    left join as_account on as_account.account_id = bound.account_id
    left join paid on paid.account_id = bound.account_id
),
totals as (
    select
        count(*)                                                          as came,
        count(*) filter (where generated)                                 as generated,
        count(*) filter (where signed_up)                                 as signed_up,
        count(*) filter (where paid)                                      as paid
    from journeys
),
steps as (
    select 1 as place, 'came as a guest' as step, came as people, came as first, cast(null as bigint) as previous
    from totals
    union all
    select 2, 'generated', generated, came as first, came as previous
    from totals
    union all
    select 3, 'signed up', signed_up, came as first, generated as previous
    from totals
    union all
    select 4, 'paid', paid, came as first, signed_up as previous
    from totals
)
select
    place,
    step,
    people,
    100.0 * people / nullif(first, 0)                                     as of_first,
    100.0 * people / nullif(previous, 0)                                  as of_previous
from steps
order by place
limit 4
