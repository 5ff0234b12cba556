--! title: What free credits cost to win a paying customer, by week of arrival
--! description: People by the week (UTC, from Monday) in which servers first told of them, with all their credits until the end of the range. Free is every grant but purchase and plan_grant. Whoever was a guest and signed up later is one person.
--! param: from timestamp = -28d -- start of the range, included
--! param: to timestamp = now -- end of the range, not included
--! column: cohort time -- start of the week
--! column: people count -- people who came in it
--! column: payers count -- those who bought credits or a plan
--! column: free_granted credits -- given to them for free
--! column: bought credits -- that they paid for
--! column: spent credits -- that they spent, less refunds
--! column: free_per_person credits -- free credits for each person
--! column: free_per_payer credits? -- free credits for each payer: what one costs; null without payers
with bound as (
    select
        guest_id,
        account_id
    from binds
    where unbound_at is null
),
newcomers as (
    select
        person_id,
        date_trunc('week', min(first_seen))                                   as cohort
    from people
    group by person_id
    having min(first_seen) >= date_trunc('week', $from)
        and min(first_seen) < $to
),
entries as (
    select
        max(account_id)                                                       as account_id,
        max(guest_id)                                                         as guest_id,
        op,
        max(reason)                                                           as reason,
        max(amount)                                                           as amount
    from credits
    where received_at >= date_trunc('week', $from)
        and received_at < $to
        and op in ('grant', 'spend', 'refund')
        and trust = 'server'
        and coalesce(workspace_id, account_id, guest_id) is not null
    group by coalesce(workspace_id, account_id, guest_id), op, ref is null, coalesce(ref, event_id)
),
by_id as (
    select
        account_id,
        guest_id,
        coalesce(sum(amount) filter (where op = 'grant' and coalesce(reason, '') not in ('purchase', 'plan_grant')), 0)    as free_granted,
        coalesce(sum(amount) filter (where op = 'grant' and reason in ('purchase', 'plan_grant')), 0)                      as bought,
        coalesce(sum(case op when 'spend' then amount when 'refund' then -amount end), 0)                                  as spent
    from entries
    group by account_id, guest_id
),
by_person as (
    select
        coalesce(by_id.account_id, bound.account_id, by_id.guest_id)          as person_id,
        sum(by_id.free_granted)                                               as free_granted,
        sum(by_id.bought)                                                     as bought,
        sum(by_id.spent)                                                      as spent
    from bound
    right join by_id on by_id.guest_id = bound.guest_id
    group by 1
),
cohorts as (
    select
        newcomers.cohort                                                      as cohort,
        count(*)                                                              as people,
        count(*) filter (where by_person.bought > 0)                          as payers,
        coalesce(sum(by_person.free_granted), 0)                              as free_granted,
        coalesce(sum(by_person.bought), 0)                                    as bought,
        coalesce(sum(by_person.spent), 0)                                     as spent
    from newcomers
    left join by_person on by_person.person_id = newcomers.person_id
    group by newcomers.cohort
)
select
    cohort,
    people,
    payers,
    free_granted,
    bought,
    spent,
    round(1.0 * free_granted / nullif(people, 0), 1)                          as free_per_person,
    round(1.0 * free_granted / nullif(payers, 0), 1)                          as free_per_payer
from cohorts
order by cohort
limit 1000
