--! title: Several accounts on one mailbox
--! entity: email
--! on: identity
--! window: 7d
--! mode: shadow
--! verdict: throttle
--! points: 30
--! ttl: 7d
--! actions: grant
--! step_up: hold
--! max_block_rate: 0.5%
--! owner: growth

-- Counts the accounts that signed up with spellings of one mailbox: `jane@`, `jane+1@`, and at Gmail `j.ane@`. Dots are
-- left out only where the provider ignores them; elsewhere `j.doe@` and `jd.oe@` are two people, as are two colleagues on
-- one domain.
--
-- It counts accounts, not signups: an account whose signup is told again, or that changes from one spelling to another,
-- stays one account. Whoever really has two on one mailbox can use both; it is the next free grant that waits.
select
    email_root_hash             as entity,
    count(distinct account_id)  as observed,
    2                           as threshold
from identities
where
    op = 'signup'
    and email_root_hash is not null
    and in_window(received_at)
group by email_root_hash
having count(distinct account_id) >= 2
