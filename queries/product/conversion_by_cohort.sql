--! title: Conversion, by the week in which guests came
--! description: Guest workspaces by the week (UTC, from Monday) in which they were created. The youngest weeks still have time left.
--! param: from timestamp = -84d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: country text? -- only this country, ISO 3166-1 alpha-2
--! param: within interval = 14d -- how long after its first moment a guest's steps count
--! column: cohort time -- start of the week
--! column: guests count -- guest workspaces created in it
--! column: generated count -- those that made something in time
--! column: signed_up count -- those that signed up in time
--! column: paid count -- those that paid in time
--! column: generated_rate percent -- of the guests
--! column: signed_up_rate percent -- of the guests
--! column: paid_rate percent -- of the guests
--! column: is_complete bool -- whether the last guest of the week has had all its time by the end of the range
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
        date_trunc('week', guests.created_at)                                                                    as cohort,
        coalesce(least(as_guest.generated_at, as_account.generated_at) <= guests.created_at + $within, false)    as generated,
        coalesce(bound.bound_at <= guests.created_at + $within, false)                                           as signed_up,
        coalesce(paid.paid_at <= guests.created_at + $within, false)                                             as paid
    from guests
    left join bound on bound.guest_id = guests.guest_id
    left join as_guest on as_guest.guest_id = guests.guest_id
    left join as_account on as_account.account_id = bound.account_id
    left join paid on paid.account_id = bound.account_id
),
cohorts as (
    select
        cohort,
        count(*)                                                          as guests,
        count(*) filter (where generated)                                 as generated,
        count(*) filter (where signed_up)                                 as signed_up,
        count(*) filter (where paid)                                      as paid
    from journeys
    group by cohort
)
select
    cohort,
    guests,
    generated,
    signed_up,
    paid,
    100.0 * generated / nullif(guests, 0)                                 as generated_rate,
    100.0 * signed_up / nullif(guests, 0)                                 as signed_up_rate,
    100.0 * paid / nullif(guests, 0)                                      as paid_rate,
    cohort + interval '7 days' + $within <= $to                           as is_complete
from cohorts
order by cohort
limit 1000
