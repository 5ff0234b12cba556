//! What a cheat means to do: false identities, and what each does when. A family's file writes a plan; `scheme` carries it
//! out. Times are decided beforehand; what depends on the moment (a balance, a bank's answer) is not.

use crate::simulate::clock::MINUTE_MS;
use crate::simulate::dice::Dice;
use crate::simulate::facts::Billing;
use crate::simulate::generate::Generation;
use crate::simulate::ids::Id;
use crate::simulate::world::World;

use super::Mask;
use super::puppet::Puppet;

/// A place among the plan's identities.
pub(super) type Who = usize;

/// The mailbox behind a signup.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mailbox {
    /// An ordinary one, of its own.
    Ordinary,
    /// One of a service that gives anybody an address for some minutes.
    Disposable,
    /// The so many-th `+alias` of one mailbox.
    Alias(Id, u32),
    /// The so many-th name on a domain of the cheat's own, all of whose mail ends in one place.
    CatchAll(Id, u32),
}

/// One thing done by one identity.
pub(super) enum Act {
    /// Comes as a new guest and takes the guest's credits.
    Arrive,
    /// Begins a session, from wherever the mask says, logging in if it is to.
    Enter { mask: Mask, logs_in: bool },
    /// Goes on with a session under another mask.
    Wear(Mask),
    /// Looks at a page, as a person would.
    Browse,
    /// Makes an account, perhaps because another identity recommended it.
    SignUp { mailbox: Mailbox, referrer: Option<Who> },
    /// Takes the bonus for having brought another.
    TakeBonus(Who),
    /// Takes a promotion's credits.
    TakePromotion(i64),
    /// Lets another identity's account take over this guest and its credits.
    BindTo(Who),
    /// Asks for so many outputs, if the credits last.
    Ask(i64),
    /// Asks for as much as is left buys of something cheap.
    UseUp,
    /// The outputs come.
    Deliver(Generation),
    /// Remembers the balance that requests sent together will read.
    ReadBalance,
    /// Asks for an output in a burst: each takes from what the one before left, whether it is there or not.
    Overdraw,
    /// Asks for a share of the remembered balance, as if no other request were under way.
    Overlap { share: i64 },
    /// Asks the bank for money; with the probability of a decline, percent.
    Attempt { card: Id, amount_minor: i64, declined_percent: u8 },
    /// Buys a pack of credits with a card that works.
    Buy { card: Id },
    /// The bank answers.
    Settle { billing: Billing, is_pack: bool },
    /// Has the so many-th purchase taken back: `refunded` or `disputed`.
    Reverse { purchase: usize, op: &'static str },
    /// Tries a password on an account, or an address, that is not its own.
    FailLogin { target: Id },
    /// Goes.
    Leave,
}

/// A plan being written: the cursor moves on, and acts happen where it stands.
pub(super) struct Plan {
    /// The identities.
    pub(super) puppets: Vec<Puppet>,
    /// Who does what when.
    pub(super) acts: Vec<(i64, Who, Act)>,
    /// The cursor, milliseconds.
    pub(super) at_ms: i64,
}

impl Plan {
    /// Begins an empty plan.
    pub(super) fn new(at_ms: i64) -> Self {
        Self { puppets: Vec::new(), acts: Vec::new(), at_ms }
    }

    /// Moves the cursor on by something between two times.
    pub(super) fn wait(&mut self, (low_ms, high_ms): (i64, i64), dice: &mut Dice) -> &mut Self {
        self.at_ms += dice.between(low_ms, high_ms);
        self
    }

    /// Adds an identity.
    pub(super) fn cast(&mut self, puppet: Puppet) -> Who {
        self.puppets.push(puppet);
        self.puppets.len() - 1
    }

    /// Adds an identity that arrives now as a guest.
    pub(super) fn guest(&mut self, world: &mut World, mask: Mask) -> Who {
        let who = self.cast(Puppet::stranger(world, mask));
        self.act(who, Act::Arrive);
        who
    }

    /// Adds an identity that arrives now, looks around, and makes an account.
    pub(super) fn newcomer(&mut self, world: &mut World, mask: Mask, mailbox: Mailbox) -> Who {
        let who = self.guest(world, mask);
        self.wait((4_000, 40_000), &mut world.dice).act(who, Act::Browse);
        self.wait((20_000, 2 * MINUTE_MS), &mut world.dice).act(who, Act::SignUp { mailbox, referrer: None });
        who
    }

    /// Lets an identity do something now.
    pub(super) fn act(&mut self, who: Who, act: Act) -> &mut Self {
        self.acts.push((self.at_ms, who, act));
        self
    }

    /// Lets an identity ask for outputs so often, with these gaps before each.
    pub(super) fn ask(&mut self, who: Who, times: i64, outputs: i64, gap_ms: (i64, i64), dice: &mut Dice) {
        for _ in 0..times {
            self.wait(gap_ms, dice).act(who, Act::Ask(outputs));
        }
    }

    /// Lets an identity go, a while after the last thing it did.
    pub(super) fn leave(&mut self, who: Who, dice: &mut Dice) {
        self.wait((12_000, 40_000), dice).act(who, Act::Leave);
    }
}
