//! What a policy's limits cost honest people: who waits, how long, and for what. Pure.

use serde::Serialize;

use super::ledger::Spend;
use super::play::{Outcome, Play};
use super::tally::Share;

/// Microseconds in a minute.
const MINUTE_US: f64 = 60e6;

/// What the limits cost a group of people.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Price {
    /// People, and those of whom at least one spend is delayed or never passes.
    pub(super) people: Share,
    /// Free credits spent, and of them those that are delayed or never pass.
    pub(super) credits: Share,
    /// How long a delayed spend waits, minutes; none if none does.
    pub(super) median_minutes: Option<f64>,
    /// How long all but a twentieth of them wait at most, minutes.
    pub(super) p95_minutes: Option<f64>,
    /// Spends that are greater than the burst of a limit, and never pass.
    pub(super) never: i64,
}

/// What the limits cost one person.
#[derive(Clone, Debug, Default)]
pub(super) struct Bill {
    free: Share,
    waits_us: Vec<i64>,
    never: i64,
}

/// Returns everybody's, in the order of the people.
pub(super) fn bills(people: usize, spends: &[Spend], play: &Play) -> Vec<Bill> {
    let mut bills = vec![Bill::default(); people];
    for (spend, outcome) in spends.iter().zip(&play.outcomes) {
        let bill = &mut bills[spend.person];
        let delayed = match outcome {
            Outcome::Passed(at) if *at == spend.at => false,
            Outcome::Passed(at) => {
                bill.waits_us.push(at - spend.at);
                true
            }
            Outcome::TooLarge => {
                bill.never += 1;
                true
            }
            Outcome::Stopped => false,
        };
        bill.free = bill.free.and(Share { some: if delayed { spend.free } else { 0 }, of: spend.free });
    }
    bills
}

impl Price {
    /// Adds up the bills of a group.
    pub(super) fn of<'a>(bills: impl Iterator<Item = &'a Bill>) -> Self {
        let mut price = Self::default();
        let mut waits_us = Vec::new();
        for bill in bills {
            price.people.count(bill.never > 0 || !bill.waits_us.is_empty());
            price.credits = price.credits.and(bill.free);
            price.never += bill.never;
            waits_us.extend_from_slice(&bill.waits_us);
        }
        waits_us.sort_unstable();
        let at_share = |twentieths: usize| {
            let rank = (waits_us.len() * twentieths).div_ceil(20);
            rank.checked_sub(1).map(|place| waits_us[place] as f64 / MINUTE_US)
        };
        Self { median_minutes: at_share(10), p95_minutes: at_share(19), ..price }
    }
}

#[cfg(test)]
mod tests {
    use super::super::play::tests::{spend, ten_an_hour};
    use super::super::restraint::Points;
    use super::*;

    #[test]
    fn who_waits_how_long_and_for_what_is_counted() {
        // Person 0 waits 6 minutes for 3 credits, then 12 more behind it for 2; person 1 wants too much at once; person
        // 2 waits for nothing; person 3 spends nothing.
        let spends = [spend(0, 0, 8), spend(1, 0, 11), spend(2, 0, 10), spend(0, 0, 3), spend(0, 0, 2)];
        let play = Play::of(&ten_an_hour(), &spends, &[None; 4], &Points::default());
        let price = Price::of(bills(4, &spends, &play).iter());
        assert_eq!(price.people, Share { some: 2, of: 4 });
        assert_eq!(price.credits, Share { some: 3 + 2 + 11, of: 34 });
        assert_eq!((price.median_minutes, price.p95_minutes, price.never), (Some(6.0), Some(18.0), 1));
    }

    #[test]
    fn who_never_waits_has_no_delay() {
        let price = Price::of([Bill::default()].iter());
        assert_eq!((price.people, price.median_minutes), (Share { some: 0, of: 1 }, None));
    }
}
