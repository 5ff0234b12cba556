--! title: How long until a guest's first result
--! description: From the creation of the guest workspace to its first generation that ended well, as a guest or with the account it became. Percentiles are approximate (t-digest).
--! param: from timestamp = -30d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! param: bucket interval = 1d -- width of a point
--! param: country text? -- only this country, ISO 3166-1 alpha-2
--! param: within interval = 14d -- how long after its start a guest's first result counts
--! column: bucket time -- start of the point, in which the guests came
--! column: guests count -- guest workspaces created
--! column: generated count -- those that got a result in time
--! column: generated_rate percent -- of the guests
--! column: p50_s s? -- half of those are faster; null if none got a result
--! column: p90_s s? -- nine in ten of those are faster
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
waits as (
    select
        guests.created_at                                                 as created_at,
        (
            cast(least(as_guest.generated_at, as_account.generated_at) as bigint) - cast(guests.created_at as bigint)
        ) / 1000000.0                                                     as wait_s,
        least(as_guest.generated_at, as_account.generated_at) <= guests.created_at + $within    as in_time
    from guests
    left join bound on bound.guest_id = guests.guest_id
    left join as_guest on as_guest.guest_id = guests.guest_id
    left join as_account on as_account.account_id = bound.account_id
),
by_bucket as (
    select
        date_bin($bucket, created_at)                                     as bucket,
        count(*)                                                          as guests,
        count(*) filter (where in_time)                                   as generated,
        approx_percentile_cont(0.50) within group (order by wait_s) filter (where in_time)    as p50_s,
        approx_percentile_cont(0.90) within group (order by wait_s) filter (where in_time)    as p90_s
    from waits
    group by 1
)
select
    bucket,
    guests,
    generated,
    100.0 * generated / nullif(guests, 0)                                 as generated_rate,
    p50_s,
    p90_s
from by_bucket
order by bucket
limit 10000
