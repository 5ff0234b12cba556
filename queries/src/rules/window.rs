//! Windows: which buckets one is made of, and when a time is in it. Pure, and the only definition: the live way, the
//! scheduled way, the rebuild and backtests all ask here.
//!
//! Units: all times and durations in microseconds; buckets are aligned to the Unix epoch.

use super::duration::{DAY_US, HOUR_US, MINUTE_US, SECOND_US, duration_to_text};

/// The sizes that a bucket may have, ascending.
const BUCKETS_US: [i64; 19] = [
    SECOND_US,
    2 * SECOND_US,
    5 * SECOND_US,
    10 * SECOND_US,
    15 * SECOND_US,
    30 * SECOND_US,
    MINUTE_US,
    2 * MINUTE_US,
    5 * MINUTE_US,
    10 * MINUTE_US,
    15 * MINUTE_US,
    30 * MINUTE_US,
    HOUR_US,
    2 * HOUR_US,
    4 * HOUR_US,
    8 * HOUR_US,
    12 * HOUR_US,
    DAY_US,
    2 * DAY_US,
];

/// The most buckets in one window.
const BUCKETS_MAX: i64 = 96;

/// A sliding window over `received_at`, made of whole buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    length_us: i64,
    bucket_us: i64,
}

impl Window {
    /// Returns the window of this length, in the smallest buckets of which it needs at most 96.
    ///
    /// Errors: in words, when the length is not a multiple of that bucket, or no bucket is large enough.
    pub fn new(length_us: i64) -> Result<Self, String> {
        if length_us < SECOND_US {
            return Err("a window is at least 1s".to_owned());
        }
        let Some(bucket_us) = BUCKETS_US.into_iter().find(|bucket| ratio_is_small(length_us, *bucket)) else {
            let longest = duration_to_text(BUCKETS_MAX * BUCKETS_US[BUCKETS_US.len() - 1]);
            return Err(format!("a window is at most {longest}"));
        };
        let remainder = length_us % bucket_us;
        if remainder != 0 {
            let below = duration_to_text(length_us - remainder);
            let above = duration_to_text(length_us - remainder + bucket_us);
            let bucket = duration_to_text(bucket_us);
            return Err(format!("a window of this length is made of {bucket} buckets: make it {below} or {above}"));
        }
        Ok(Self { length_us, bucket_us })
    }

    /// Returns the window's length.
    #[must_use]
    pub const fn length_us(self) -> i64 {
        self.length_us
    }

    /// Returns its buckets' length.
    #[must_use]
    pub const fn bucket_us(self) -> i64 {
        self.bucket_us
    }

    /// Returns the start of the bucket that holds `t`.
    #[must_use]
    pub const fn bucket(self, t: i64) -> i64 {
        t - t.rem_euclid(self.bucket_us)
    }

    /// Tells whether `t` is in the window at `as_of`: `bucket(t) > bucket(as_of) - window and t <= as_of`.
    #[must_use]
    pub const fn contains(self, t: i64, as_of: i64) -> bool {
        self.bucket(t) > self.bucket(as_of) - self.length_us && t <= as_of
    }

    /// Returns the first time in the window at `as_of`; with `as_of` as the last, the same set of times as
    /// [`Self::contains`], in a form that files can be pruned by.
    #[must_use]
    pub const fn start(self, as_of: i64) -> i64 {
        self.bucket(as_of) - self.length_us + self.bucket_us
    }

    /// Returns the first time at which what lies in the bucket starting at `bucket` is out of the window.
    #[must_use]
    pub const fn exit(self, bucket: i64) -> i64 {
        bucket + self.length_us
    }
}

const fn ratio_is_small(length_us: i64, bucket_us: i64) -> bool {
    length_us <= bucket_us * BUCKETS_MAX
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_the_smallest_bucket_of_at_most_96() {
        for (window, bucket) in [
            (SECOND_US, SECOND_US),
            (96 * SECOND_US, SECOND_US),
            (98 * SECOND_US, 2 * SECOND_US),
            (2 * MINUTE_US, 2 * SECOND_US),
            (5 * MINUTE_US, 5 * SECOND_US),
            (10 * MINUTE_US, 10 * SECOND_US),
            (HOUR_US, MINUTE_US),
            (6 * HOUR_US, 5 * MINUTE_US),
            (DAY_US, 15 * MINUTE_US),
            (7 * DAY_US, 2 * HOUR_US),
            (30 * DAY_US, 8 * HOUR_US),
            (180 * DAY_US, 2 * DAY_US),
        ] {
            let made = Window::new(window).expect("a whole multiple");
            assert_eq!(made.bucket_us(), bucket, "{}", duration_to_text(window));
        }
    }

    #[test]
    fn refuses_a_length_that_is_no_multiple_and_names_the_nearest() {
        assert_eq!(
            Window::new(97 * SECOND_US).expect_err("97 s in 2 s buckets"),
            "a window of this length is made of 2s buckets: make it 96s or 98s"
        );
        assert!(Window::new(1).is_err());
        assert!(Window::new(366 * DAY_US).expect_err("too long").contains("at most 192d"));
    }

    #[test]
    fn one_instant_decides_at_the_edges() {
        let window = Window::new(10 * MINUTE_US).expect("a window");
        let as_of = 1_000 * MINUTE_US + 3 * SECOND_US;
        assert_eq!(window.start(as_of), as_of - 3 * SECOND_US - 10 * MINUTE_US + 10 * SECOND_US);
        assert!(window.contains(window.start(as_of), as_of) && !window.contains(window.start(as_of) - 1, as_of));
        assert!(window.contains(as_of, as_of) && !window.contains(as_of + 1, as_of));
    }

    fn lengths() -> impl Strategy<Value = i64> {
        (1i64..=96, 0usize..BUCKETS_US.len()).prop_map(|(count, index)| count * BUCKETS_US[index])
    }

    proptest! {
        #[test]
        fn the_range_is_the_definition(length in lengths(), as_of in -(1i64 << 55)..(1i64 << 55), back in -3.0f64..3.0) {
            let Ok(window) = Window::new(length) else { return Ok(()) };
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any time near the edges")]
            let t = as_of - (back * length as f64) as i64;
            // The definition of RULES, written out with a division of its own.
            let bucket = |t: i64| t.div_euclid(window.bucket_us()) * window.bucket_us();
            let in_window = bucket(t) > bucket(as_of) - length && t <= as_of;
            prop_assert_eq!(window.contains(t, as_of), in_window);
            prop_assert_eq!(window.start(as_of) <= t && t <= as_of, in_window);
        }

        #[test]
        fn a_bucket_leaves_at_its_exit_and_not_before(length in lengths(), t in -(1i64 << 55)..(1i64 << 55)) {
            let Ok(window) = Window::new(length) else { return Ok(()) };
            let exit = window.exit(window.bucket(t));
            prop_assert!(window.contains(t, exit - 1) && !window.contains(t, exit));
            prop_assert!(length % window.bucket_us() == 0 && length / window.bucket_us() <= 96);
        }
    }
}
