//! The score of an entity: how its open hits add up. Pure; which hits count is the caller's to say.

use crate::hits::{Hit, Mode};

/// Returns the score, 0-100, of an entity with these hits: 100 * (1 - product of (1 - points / 100)), rounded to the
/// nearest whole number. Hits in shadow add nothing. Snoozed hits are the caller's to leave out.
#[must_use]
pub fn score<'a>(hits: impl IntoIterator<Item = &'a Hit>) -> u8 {
    points_to_score(hits.into_iter().filter(|hit| hit.mode == Mode::Live).map(|hit| hit.points))
}

/// Returns the score that these points make together. The order does not matter.
#[must_use]
pub fn points_to_score(points: impl IntoIterator<Item = u8>) -> u8 {
    // Products of whole hundredths, so that the order cannot matter: the factors are multiplied smallest first.
    let mut factors: Vec<u8> = points.into_iter().map(|points| 100 - points.min(100)).collect();
    factors.sort_unstable();
    let untouched: f64 = factors.iter().map(|&factor| f64::from(factor) / 100.0).product();
    let score = (100.0 * (1.0 - untouched)).round().clamp(0.0, 100.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded and clamped to 0..=100")]
    let score = score as u8;
    score
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn points_add_up_like_independent_chances() {
        for (points, score) in [
            (vec![], 0),
            (vec![0], 0),
            (vec![40], 40),
            (vec![40, 40], 64),
            (vec![50, 50], 75),
            (vec![50, 50, 50], 88),
            (vec![10, 25, 60], 73),
            (vec![100, 1], 100),
            (vec![200], 100),
            (vec![99, 99, 99], 100),
        ] {
            assert_eq!(points_to_score(points.clone()), score, "{points:?}");
        }
    }

    proptest! {
        #[test]
        fn more_points_never_lower_the_score(points in prop::collection::vec(0u8..=100, 0..12), one: u8) {
            let before = points_to_score(points.iter().copied());
            let after = points_to_score(points.iter().copied().chain([one]));
            prop_assert!(after >= before && after <= 100);
            prop_assert!(before >= points.iter().copied().max().unwrap_or(0), "never under the highest alone");
        }

        #[test]
        fn the_order_does_not_matter(mut points in prop::collection::vec(0u8..=100, 0..12)) {
            let before = points_to_score(points.iter().copied());
            points.reverse();
            prop_assert_eq!(before, points_to_score(points));
        }
    }
}
