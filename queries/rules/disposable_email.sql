--! title: Signed up with a throw-away e-mail address
--! entity: account
--! on: identity
--! window: 24h
--! mode: shadow
--! verdict: throttle
--! points: 40
--! ttl: 7d
--! actions: grant, generate
--! step_up: hold
--! max_block_rate: 0.5%
--! owner: growth

-- Counts the signups of an account whose address lies on a domain of the disposable list, or below one. Its grant is
-- held, and what it was granted cannot be spent, until somebody, or a second proof, lets it go: a free sign-up grant is
-- given away in the same moment as the account. Whoever pays is known by the payment; snooze the account then.
--
-- The list knows services whose mailboxes anybody can open. Forwarding services that hide a person's own address (those
-- of browsers, phones and password managers) are not on it: behind each of their addresses is one person. Only a signup
-- counts: an old customer who logs in, or changes to such an address later, was granted long ago.
select
    account_id  as entity,
    count(*)    as observed,
    1           as threshold
from identities
where
    op = 'signup'
    and email_disposable
    and account_id is not null
    and in_window(received_at)
group by account_id
having count(*) >= 1
