--! title: which guest belonged to which account, and when, by the word of servers alone
--! column: guest_id text? -- the guest
--! column: account_id text? -- the account
--! column: trust text? -- always server
--! column: method text? -- how the bind was made, in the words of the bind that began it
--! column: bound_at timestamptz? -- when it began, by the sender's clock
--! column: unbound_at timestamptz? -- when it ended: it was undone, or another bind took its place; null while it holds
-- One row a stretch; of a guest at most one holds. How facts become stretches: `binds_public`.
select
    guest_id,
    account_id,
    trust,
    method,
    bound_at,
    unbound_at
from binds_public
where trust = 'server'
