//! The aggregates that pick one row's value: the first or the last of the window by (received_at, seq). For each bucket the
//! picked row is kept, so that what leaves the window can be taken back exactly. Pure memory, a part of `state.rs`.

use std::mem::size_of;

use super::recognise::End;
use super::values::Value;

/// A place in the order of the log: received_at in microseconds, seq.
pub(super) type At = (i64, i64);

/// The picked rows of an entity, one an aggregate and bucket.
#[derive(Default)]
pub(super) struct Picks(Vec<Pick>);

struct Pick {
    at: At,
    value: Option<Value>,
    bucket: u32,
    slot: u8,
}

impl Picks {
    pub(super) const ENTRY_BYTES: usize = size_of::<Pick>();

    /// Takes in a row, in any order.
    pub(super) fn add(&mut self, (slot, end): (u8, End), bucket: u32, at: At, value: Option<Value>) {
        match self.0.iter_mut().find(|pick| pick.slot == slot && pick.bucket == bucket) {
            // Of rows in one place the later told one is the later.
            Some(pick) if end.prefers(at, pick.at) => (pick.at, pick.value) = (at, value),
            Some(_) => {}
            None => self.0.push(Pick { at, value, bucket, slot }),
        }
    }

    /// Returns the picked row's value; none if there is no row, or it has none.
    pub(super) fn value(&self, (slot, end): (u8, End)) -> Option<Value> {
        let of_slot = self.0.iter().filter(|pick| pick.slot == slot);
        let picked = of_slot.reduce(|one, other| if end.prefers(other.at, one.at) { other } else { one });
        picked.and_then(|pick| pick.value.clone())
    }

    pub(super) fn drop_through(&mut self, bucket: u32) {
        self.0.retain(|pick| pick.bucket > bucket);
    }
}

impl End {
    fn prefers(self, one: At, other: At) -> bool {
        match self {
            Self::First => one < other,
            Self::Last => one >= other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_by_place_in_the_log_and_not_by_order_of_arrival() {
        let mut picks = Picks::default();
        let (first, last) = ((0, End::First), (1, End::Last));
        for (bucket, at, value) in
            [(2, (20, 1), Some(5)), (1, (10, 4), None), (1, (10, 2), Some(7)), (2, (20, 9), Some(6))]
        {
            for slot in [first, last] {
                picks.add(slot, bucket, at, value.map(Value::Number));
            }
        }
        assert_eq!(picks.value(first), Some(Value::Number(7)));
        assert_eq!(picks.value(last), Some(Value::Number(6)));
        picks.drop_through(1);
        assert_eq!(picks.value(first), Some(Value::Number(5)), "what left is taken back");
        picks.add(last, 3, (30, 0), None);
        assert_eq!(picks.value(last), None, "the last row has no value, and it counts");
        assert_eq!(picks.value((2, End::Last)), None, "another aggregate's rows are its own");
    }
}
