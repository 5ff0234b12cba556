//! Links: which account a guest belongs to, by the latest server bind that was not undone. One hop, for the verdict
//! path; the history is the table `identities`, and the view `binds` over it.
//!
//! A link is what the facts say in whatever order, and however often, they arrive: for each pair the latest bind and
//! the latest undoing are kept, and the pair is linked if the bind is the later.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};

/// The most guests that are remembered.
pub(crate) const GUESTS_MAX: usize = 1_000_000;
/// The most links that are followed from one account.
pub(crate) const LINKS_MAX: usize = 64;
/// The most accounts of one guest that are remembered, the latest ones.
const ACCOUNTS_MAX: usize = 4;
const SHARDS: usize = 16;

/// A place in the order of all facts: (received_at in microseconds, seq).
pub(crate) type At = (i64, i64);
const NEVER: At = (i64::MIN, i64::MIN);

/// What is known of one guest and one account.
#[derive(Clone)]
struct Pair {
    account: Arc<str>,
    bound_at: At,
    undone_at: At,
}

#[derive(Default)]
struct Guest {
    pairs: Vec<Pair>,
    /// The latest undoing that named no account: it undoes every earlier bind.
    cleared_at: Option<At>,
}

impl Guest {
    fn account(&self) -> Option<&Pair> {
        let cleared_at = self.cleared_at.unwrap_or(NEVER);
        self.pairs
            .iter()
            .filter(|pair| pair.bound_at > pair.undone_at && pair.bound_at > cleared_at)
            .max_by(|a, b| (a.bound_at, &a.account).cmp(&(b.bound_at, &b.account)))
    }

    fn pair(&mut self, account: &str) -> &mut Pair {
        let place = self.pairs.iter().position(|pair| &*pair.account == account).unwrap_or_else(|| {
            if self.pairs.len() >= ACCOUNTS_MAX {
                let oldest = (0..self.pairs.len())
                    .min_by_key(|place| self.pairs[*place].bound_at.max(self.pairs[*place].undone_at))
                    .expect("there are ACCOUNTS_MAX pairs");
                self.pairs.swap_remove(oldest);
            }
            self.pairs.push(Pair { account: account.into(), bound_at: NEVER, undone_at: NEVER });
            self.pairs.len() - 1
        });
        &mut self.pairs[place]
    }
}

type Guests = HashMap<Arc<str>, Guest>;
/// The guests of an account with the time of their bind, the earliest first.
type Accounts = HashMap<Arc<str>, Arc<[(At, Arc<str>)]>>;

/// The links of all guests and accounts.
pub(crate) struct Links {
    seed: RandomState,
    guests: Box<[RwLock<Guests>]>,
    accounts: Box<[RwLock<Accounts>]>,
    /// The guests in the order they became known; held while anything changes.
    order: Mutex<VecDeque<Arc<str>>>,
    guests_max: usize,
    evicted: AtomicU64,
}

impl Default for Links {
    fn default() -> Self {
        Self::new(GUESTS_MAX)
    }
}

impl Links {
    /// Makes an empty book of at most this many guests; beyond it those known longest are forgotten, and counted.
    pub(crate) fn new(guests_max: usize) -> Self {
        Self {
            seed: RandomState::new(),
            guests: (0..SHARDS).map(|_| RwLock::default()).collect(),
            accounts: (0..SHARDS).map(|_| RwLock::default()).collect(),
            order: Mutex::default(),
            guests_max,
            evicted: AtomicU64::new(0),
        }
    }

    /// Takes in the binds and undoings of a batch of `identities` rows, as the log has them or as SQL reads them.
    /// Rows that a server key did not send, and other facts, are passed over. A batch without the columns has none.
    pub(crate) fn observe(&self, batch: &RecordBatch) {
        let text = |name: &str| {
            let column = batch.column_by_name(name)?;
            let column = arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8).ok()?;
            Some(column.as_string::<i32>().clone())
        };
        let (Some(op), Some(trust), Some(guest)) = (text("op"), text("trust"), text("guest_id")) else { return };
        let account = text("account_id");
        let time = batch
            .column_by_name("received_at")
            .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>().cloned());
        let seq = batch.column_by_name("seq").and_then(|column| column.as_primitive_opt::<Int64Type>().cloned());
        for row in 0..batch.num_rows() {
            if value(&trust, row) != Some("server") {
                continue;
            }
            let Some(guest) = value(&guest, row) else { continue };
            let account = account.as_ref().and_then(|account| value(account, row));
            let at = (
                time.as_ref().map_or(0, |time| if time.is_valid(row) { time.value(row) } else { 0 }),
                seq.as_ref().map_or(0, |seq| if seq.is_valid(row) { seq.value(row) } else { 0 }),
            );
            match (value(&op, row), account) {
                (Some("bind"), Some(account)) => self.bind(guest, account, at),
                (Some("unbind"), account) => self.unbind(guest, account, at),
                _ => {}
            }
        }
    }

    /// Takes in one bind.
    pub(crate) fn bind(&self, guest: &str, account: &str, at: At) {
        self.change(guest, |known| {
            let pair = known.pair(account);
            pair.bound_at = pair.bound_at.max(at);
        });
    }

    /// Takes in one undoing: of the bind to this account, or of all earlier ones.
    pub(crate) fn unbind(&self, guest: &str, account: Option<&str>, at: At) {
        self.change(guest, |known| match account {
            Some(account) => {
                let pair = known.pair(account);
                pair.undone_at = pair.undone_at.max(at);
            }
            None => known.cleared_at = known.cleared_at.max(Some(at)),
        });
    }

    /// Returns the account that a guest is bound to.
    pub(crate) fn account_of(&self, guest: &str) -> Option<Arc<str>> {
        let guests = self.shard(&self.guests, guest).read().unwrap_or_else(PoisonError::into_inner);
        guests.get(guest)?.account().map(|pair| Arc::clone(&pair.account))
    }

    /// Returns the guests bound to an account: the latest [`LINKS_MAX`], the earliest first.
    pub(crate) fn guests_of(&self, account: &str) -> Arc<[(At, Arc<str>)]> {
        let accounts = self.shard(&self.accounts, account).read().unwrap_or_else(PoisonError::into_inner);
        accounts.get(account).cloned().unwrap_or_default()
    }

    /// Forgets a guest, or an account and its binds: for erasure.
    pub(crate) fn forget(&self, id: &str) {
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        self.drop_guest(id);
        order.retain(|guest| &**guest != id);
        self.shard(&self.accounts, id).write().unwrap_or_else(PoisonError::into_inner).remove(id);
        let mut elsewhere = Vec::new();
        for shard in &self.guests {
            for (name, guest) in shard.write().unwrap_or_else(PoisonError::into_inner).iter_mut() {
                let bound_here = guest.account().is_some_and(|pair| &*pair.account == id);
                guest.pairs.retain(|pair| &*pair.account != id);
                if bound_here && let Some(pair) = guest.account() {
                    elsewhere.push((Arc::clone(name), pair.clone()));
                }
            }
        }
        for (guest, pair) in elsewhere {
            self.list(&pair.account, &guest, pair.bound_at);
        }
    }

    /// Returns how many guests are known, and how many were forgotten to make room.
    pub(crate) fn counts(&self) -> (usize, u64) {
        let known = self.order.lock().unwrap_or_else(PoisonError::into_inner).len();
        (known, self.evicted.load(Ordering::Relaxed))
    }

    fn change(&self, guest: &str, change: impl FnOnce(&mut Guest)) {
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let mut guests = self.shard(&self.guests, guest).write().unwrap_or_else(PoisonError::into_inner);
        let name = match guests.get_key_value(guest) {
            Some((name, _)) => Arc::clone(name),
            None => {
                let name: Arc<str> = guest.into();
                order.push_back(Arc::clone(&name));
                name
            }
        };
        let known = guests.entry(Arc::clone(&name)).or_default();
        let before = known.account().cloned();
        change(known);
        let after = known.account().cloned();
        drop(guests);
        if let Some(before) = before {
            self.unlist(&before.account, &name);
        }
        if let Some(after) = after {
            self.list(&after.account, &name, after.bound_at);
        }
        while order.len() > self.guests_max
            && let Some(oldest) = order.pop_front()
        {
            self.drop_guest(&oldest);
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn drop_guest(&self, guest: &str) {
        let dropped = self.shard(&self.guests, guest).write().unwrap_or_else(PoisonError::into_inner).remove(guest);
        if let Some(pair) = dropped.as_ref().and_then(Guest::account) {
            self.unlist(&pair.account, guest);
        }
    }

    fn list(&self, account: &Arc<str>, guest: &Arc<str>, at: At) {
        let mut accounts = self.shard(&self.accounts, account).write().unwrap_or_else(PoisonError::into_inner);
        let listed = accounts.entry(Arc::clone(account)).or_default();
        let mut guests: Vec<(At, Arc<str>)> = listed.to_vec();
        let place = guests.partition_point(|(other, _)| *other <= at);
        guests.insert(place, (at, Arc::clone(guest)));
        let first = guests.len().saturating_sub(LINKS_MAX);
        *listed = guests.drain(first..).collect();
    }

    fn unlist(&self, account: &str, guest: &str) {
        let mut accounts = self.shard(&self.accounts, account).write().unwrap_or_else(PoisonError::into_inner);
        let Some(listed) = accounts.get_mut(account) else { return };
        let left: Arc<[(At, Arc<str>)]> = listed.iter().filter(|(_, other)| &**other != guest).cloned().collect();
        if left.is_empty() {
            accounts.remove(account);
        } else {
            *listed = left;
        }
    }

    fn shard<'s, T>(&self, shards: &'s [RwLock<T>], id: &str) -> &'s RwLock<T> {
        &shards[self.seed.hash_one(id) as usize % SHARDS]
    }
}

fn value(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}

#[cfg(test)]
mod tests;
