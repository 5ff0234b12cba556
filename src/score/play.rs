//! A policy's limits, played against what was spent. Pure.
//!
//! Every spend asks a verdict for `generate`. One that is refused is not lost: it waits, and whoever wants it tries again
//! as soon as the limit lets it through, so that a limit only delays. People keep the order of their wishes. Whoever
//! waits tries under the names that they have by then, and once more whenever they wish for something new: a guest
//! who waits and signs up is limited as a guest no longer.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use super::ledger::Spend;
use super::restraint::Points;
use crate::verdict::{Charges, ENTRIES_MAX, Limiter, Policy};

/// What becomes of a spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It gets through, at a time, microseconds.
    Passed(i64),
    /// It is greater than the burst of a limit that applies, and never passes.
    TooLarge,
    /// The person is restrained before it gets through.
    Stopped,
}

/// What becomes of all spends under one policy.
pub(super) struct Play {
    /// The policy's name and version.
    pub(super) policy: (String, Arc<str>),
    /// What becomes of each spend, in their order.
    pub(super) outcomes: Vec<Outcome>,
    by_moment: HashMap<(usize, i64), Outcome>,
}

/// Somebody's wishes that wait, in order.
#[derive(Default)]
struct Line {
    waiting: VecDeque<usize>,
    /// When the first is tried again.
    next_try: i64,
}

impl Play {
    /// Plays the limits of a policy. `stops` says at what time each person is stopped, if ever.
    pub(super) fn of(
        (name, policy): &(String, Policy),
        spends: &[Spend],
        stops: &[Option<i64>],
        points: &Points,
    ) -> Self {
        let outcomes = play(policy, spends, stops, points);
        let mut by_moment = HashMap::new();
        for (spend, outcome) in spends.iter().zip(&outcomes) {
            // Of several at the same moment, the first is the one that passes first.
            by_moment.entry((spend.person, spend.at)).or_insert(*outcome);
        }
        Self { policy: (name.clone(), Arc::clone(policy.version())), outcomes, by_moment }
    }

    /// Returns what becomes of what a person wished to spend at a moment; what asks no verdict passes at once.
    pub(super) fn outcome(&self, person: usize, at: i64) -> Outcome {
        self.by_moment.get(&(person, at)).copied().unwrap_or(Outcome::Passed(at))
    }
}

fn play(policy: &Policy, spends: &[Spend], stops: &[Option<i64>], points: &Points) -> Vec<Outcome> {
    let limits = policy.action("generate").map_or(&[][..], |action| &action.limits);
    let needs_score = limits.iter().any(|limit| limit.when_score_over.is_some());
    let limiter = Limiter::new(ENTRIES_MAX);
    let mut outcomes = vec![Outcome::Stopped; spends.len()];
    let mut lines: HashMap<usize, Line> = HashMap::new();
    let mut tries: BinaryHeap<_> = spends.iter().enumerate().map(|(place, spend)| Reverse((spend.at, place))).collect();
    while let Some(Reverse((now, place))) = tries.pop() {
        let person = spends[place].person;
        let line = lines.entry(person).or_default();
        if spends[place].at == now {
            line.waiting.push_back(place);
        } else if line.next_try != now {
            continue;
        }
        let newest = &spends[line.waiting.back().copied().unwrap_or(place)];
        let score = if needs_score { points.score(&newest.entities, now) } else { 0 };
        while let Some(first) = line.waiting.front().copied() {
            let cost = u64::try_from(spends[first].credits).unwrap_or(0);
            let charges = Charges::of(limits, score, cost, |kind| newest.id_of(kind));
            outcomes[first] = if stops[person].is_some_and(|stop| stop < now) {
                Outcome::Stopped
            } else if charges.is_hopeless() {
                Outcome::TooLarge
            } else if let Err(refused) = charges.take(&limiter, now, true) {
                line.next_try = now.saturating_add(i64::try_from(refused.retry_after_us).unwrap_or(i64::MAX));
                tries.push(Reverse((line.next_try, first)));
                break;
            } else {
                Outcome::Passed(now)
            };
            line.waiting.pop_front();
        }
    }
    outcomes
}

#[cfg(test)]
pub(super) mod tests {
    use queries::EntityKind::{Account, Device, Guest};

    use super::*;

    const MINUTE: i64 = 60_000_000;

    /// A policy that lets a guest spend ten credits at once, and then one every six minutes.
    pub(in crate::score) fn ten_an_hour() -> (String, Policy) {
        let limit =
            "[[limit]]\naction = \"generate\"\nby = \"guest\"\nunit = \"credits\"\nrate = \"10/h\"\nburst = 10\n";
        ("tight".to_owned(), Policy::parse(limit).expect("a policy"))
    }

    /// A spend of free credits by a guest.
    pub(in crate::score) fn spend(person: usize, at: i64, credits: i64) -> Spend {
        Spend { person, at, credits, free: credits, entities: vec![(Guest, format!("g{person}"))] }
    }

    fn outcomes(policy: &(String, Policy), spends: &[Spend], stops: &[Option<i64>]) -> Vec<Outcome> {
        Play::of(policy, spends, stops, &Points::default()).outcomes
    }

    #[test]
    fn a_refused_spend_waits_and_the_next_one_waits_behind_it() {
        let spends = [spend(0, MINUTE, 8), spend(0, 2 * MINUTE, 4), spend(1, 2 * MINUTE, 4), spend(0, 3 * MINUTE, 1)];
        // 8 of 10 are out after the first. The second is short of 2, which are earned 12 minutes after the first; the
        // third then is short of 1 more.
        let expected = [MINUTE, 13 * MINUTE, 2 * MINUTE, 19 * MINUTE].map(Outcome::Passed);
        assert_eq!(outcomes(&ten_an_hour(), &spends, &[None, None]), expected, "and nobody else is held up");
        let at_once = spends.each_ref().map(|spend| Outcome::Passed(spend.at));
        let none = ("none".to_owned(), Policy::parse("").expect("a policy"));
        assert_eq!(outcomes(&none, &spends, &[None, None]), at_once);
    }

    #[test]
    fn who_is_restrained_while_a_spend_waits_never_gets_it() {
        let spends = [spend(0, MINUTE, 8), spend(0, 2 * MINUTE, 4)];
        let (passed, late) = (Outcome::Passed(MINUTE), Outcome::Passed(13 * MINUTE));
        assert_eq!(outcomes(&ten_an_hour(), &spends, &[Some(13 * MINUTE - 1)]), [passed, Outcome::Stopped]);
        assert_eq!(outcomes(&ten_an_hour(), &spends, &[Some(13 * MINUTE)]), [passed, late], "at the same moment");
    }

    #[test]
    fn a_spend_over_the_burst_never_passes_and_holds_up_nothing() {
        let spends = [spend(0, MINUTE, 11), spend(0, 2 * MINUTE, 10)];
        let expected = [Outcome::TooLarge, Outcome::Passed(2 * MINUTE)];
        assert_eq!(outcomes(&ten_an_hour(), &spends, &[None]), expected);
    }

    #[test]
    fn a_guest_who_signs_up_is_no_guest_any_more() {
        let account = Spend { entities: vec![(Account, "a".to_owned())], ..spend(0, 3 * MINUTE, 5) };
        let spends = [spend(0, MINUTE, 8), spend(0, 2 * MINUTE, 4), account];
        let expected = [MINUTE, 3 * MINUTE, 3 * MINUTE].map(Outcome::Passed);
        assert_eq!(outcomes(&ten_an_hour(), &spends, &[None]), expected);
    }

    #[test]
    fn people_on_one_device_wait_for_each_other() {
        let limit =
            "[[limit]]\naction = \"generate\"\nby = \"device\"\nunit = \"credits\"\nrate = \"10/h\"\nburst = 10\n";
        let policy = ("shared".to_owned(), Policy::parse(limit).expect("a policy"));
        let on_it = |spend: Spend| Spend { entities: vec![(Device, "d".to_owned())], ..spend };
        let spends =
            [(0, 0, 10), (1, MINUTE, 2), (0, 2 * MINUTE, 1)].map(|(who, at, cost)| on_it(spend(who, at, cost)));
        // One credit is there after 6 minutes, which takes the one who wants but one; two more after 18.
        let expected = [0, 18 * MINUTE, 6 * MINUTE].map(Outcome::Passed);
        assert_eq!(outcomes(&policy, &spends, &[None, None]), expected);
    }

    #[test]
    fn what_asks_no_verdict_passes_at_once() {
        let play = Play::of(&ten_an_hour(), &[spend(0, MINUTE, 11)], &[None], &Points::default());
        assert_eq!((play.outcome(0, MINUTE), play.outcome(0, 5)), (Outcome::TooLarge, Outcome::Passed(5)));
    }
}
