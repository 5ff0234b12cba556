//! What changed among the active restrictions: a bounded log with increasing ids, for callers that keep a copy of their own.
//! How it is sent is `http/stream.rs`; what the restrictions are is `restrictions.rs`.
//!
//! The list is compared a few times a second while somebody follows it, and for a while after. A cursor names the log by
//! a random word, so that one of another process, or of before a pause, is known to be too old.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use queries::EntityKind;
use tokio::sync::watch;

use super::restrictions::Restriction;

/// The most changes that are remembered.
const CHANGES_MAX: usize = 10_000;
/// The most changes that are handed out at once.
const READ_MAX: usize = 1_000;
/// For how long the list is compared after the last reader has gone, so that it can come back.
const LINGER: Duration = Duration::from_secs(600);

/// What happened to a restriction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    /// It is new.
    Added,
    /// It is stricter or milder, or ends at another time.
    Changed,
    /// It is over; the restriction is as it was last.
    Removed,
}

impl ChangeKind {
    /// Returns the name of the event.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// One change, or one restriction of the present state.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// Give it as cursor to continue behind this change.
    pub(crate) cursor: String,
    /// What happened.
    pub(crate) kind: ChangeKind,
    /// To what.
    pub(crate) restriction: Arc<Restriction>,
}

/// What a reader gets.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    /// The cursor was none, or too old: forget everything; the changes are the whole present state.
    pub(crate) reset: bool,
    /// In order; at most so many at once.
    pub(crate) changes: Vec<Change>,
    /// The cursor behind them.
    pub(crate) cursor: String,
}

type Key = (Arc<str>, EntityKind, Arc<str>);

struct Log {
    name: String,
    /// The number of the newest change.
    last: u64,
    ring: VecDeque<(ChangeKind, Arc<Restriction>)>,
    present: HashMap<Key, Arc<Restriction>>,
    /// Whether the list has been compared since somebody began to follow it.
    is_current: bool,
    wanted_at: Option<Instant>,
    is_closed: bool,
}

/// The log of changes.
pub(crate) struct Changes {
    log: Mutex<Log>,
    /// Told of each comparison that found something, and of the first one.
    news: watch::Sender<u64>,
}

impl Default for Changes {
    fn default() -> Self {
        Self { log: Mutex::new(Log::new()), news: watch::Sender::new(0) }
    }
}

impl Changes {
    /// Notes that somebody follows.
    pub(crate) fn want(&self) {
        self.log().wanted_at = Some(Instant::now());
    }

    /// Tells whether somebody follows, or did a while ago. When nobody has for long, the log is forgotten.
    pub(crate) fn is_wanted(&self) -> bool {
        let mut log = self.log();
        let is_wanted = log.wanted_at.is_some_and(|at| at.elapsed() < LINGER);
        if !is_wanted && log.is_current {
            *log = Log::new();
        }
        is_wanted
    }

    /// Compares the present restrictions with those of the last time.
    pub(crate) fn compare(&self, restrictions: Vec<Restriction>) {
        let mut log = self.log();
        let is_news = log.compare(restrictions) || !log.is_current;
        log.is_current = true;
        drop(log);
        if is_news {
            self.news.send_modify(|news| *news += 1);
        }
    }

    /// Returns what comes behind a cursor, or the whole present state; none before the first comparison.
    pub(crate) fn read(&self, cursor: Option<&str>) -> Option<Read> {
        let log = self.log();
        log.is_current.then(|| log.read(cursor))
    }

    /// Returns something that completes when there is news.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Tells every reader that no more will come: the server stops.
    pub(crate) fn close(&self) {
        self.log().is_closed = true;
        self.news.send_modify(|news| *news += 1);
    }

    /// Tells whether no more will come.
    pub(crate) fn is_closed(&self) -> bool {
        self.log().is_closed
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn new() -> Self {
        Self {
            name: format!("{:08x}", rand::random::<u32>()),
            last: 0,
            ring: VecDeque::new(),
            present: HashMap::new(),
            is_current: false,
            wanted_at: None,
            is_closed: false,
        }
    }

    /// Returns whether anything changed.
    fn compare(&mut self, restrictions: Vec<Restriction>) -> bool {
        let before = self.last;
        let mut gone = std::mem::take(&mut self.present);
        for restriction in restrictions {
            let key: Key = (Arc::clone(&restriction.rule), restriction.entity_kind, Arc::clone(&restriction.entity));
            // Two versions of a rule may restrain an entity for a while: the stricter is told.
            if self.present.get(&key).is_some_and(|other| other.verdict >= restriction.verdict) {
                continue;
            }
            self.present.insert(key, Arc::new(restriction));
        }
        let mut news = Vec::new();
        for (key, restriction) in &mut self.present {
            match gone.remove(key) {
                Some(old) if old == *restriction => *restriction = old,
                Some(_) => news.push((ChangeKind::Changed, Arc::clone(restriction))),
                None => news.push((ChangeKind::Added, Arc::clone(restriction))),
            }
        }
        news.sort_by(|(_, a), (_, b)| (a.since, a.key()).cmp(&(b.since, b.key())));
        let gone = gone.into_values().map(|restriction| (ChangeKind::Removed, restriction));
        for change in gone.chain(news) {
            self.last += 1;
            self.ring.push_back(change);
            if self.ring.len() > CHANGES_MAX {
                self.ring.pop_front();
            }
        }
        self.last > before
    }

    fn read(&self, cursor: Option<&str>) -> Read {
        let first = self.last - self.ring.len() as u64;
        match cursor.and_then(|cursor| self.number(cursor)).filter(|number| (first..=self.last).contains(number)) {
            Some(number) => {
                let skipped = usize::try_from(number - first).expect("the ring is small");
                let changes = self.ring.iter().skip(skipped).take(READ_MAX).zip(number + 1..);
                let changes: Vec<Change> =
                    changes.map(|((kind, restriction), number)| self.change(number, *kind, restriction)).collect();
                let cursor = self.cursor(number + changes.len() as u64);
                Read { reset: false, changes, cursor }
            }
            None => self.read_all(),
        }
    }

    /// Only the last of the present state has a cursor to continue from: whoever breaks off before it begins anew.
    fn read_all(&self) -> Read {
        let mut all: Vec<&Arc<Restriction>> = self.present.values().collect();
        all.sort_by(|a, b| (a.since, a.key()).cmp(&(b.since, b.key())));
        let cursor = self.cursor(self.last);
        let count = all.len();
        let change = |(place, restriction): (usize, &Arc<Restriction>)| Change {
            cursor: if place + 1 == count { cursor.clone() } else { format!("{cursor}+{place}") },
            kind: ChangeKind::Added,
            restriction: Arc::clone(restriction),
        };
        Read { reset: true, changes: all.into_iter().enumerate().map(change).collect(), cursor }
    }

    fn change(&self, number: u64, kind: ChangeKind, restriction: &Arc<Restriction>) -> Change {
        Change { cursor: self.cursor(number), kind, restriction: Arc::clone(restriction) }
    }

    fn cursor(&self, number: u64) -> String {
        format!("{}-{number}", self.name)
    }

    fn number(&self, cursor: &str) -> Option<u64> {
        cursor.strip_prefix(&*self.name)?.strip_prefix('-')?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Verdict;

    fn restriction(entity: &str, until: i64) -> Restriction {
        Restriction {
            rule: "r".into(),
            version: "v".into(),
            entity_kind: EntityKind::Device,
            entity: entity.into(),
            verdict: Verdict::Throttle,
            actions: Arc::default(),
            since: 1,
            until,
        }
    }

    fn shown(read: &Read) -> Vec<(&'static str, &str, i64)> {
        let show = |change: &Change| (change.kind.name(), change.restriction.until);
        read.changes.iter().map(|c| (show(c).0, &*c.restriction.entity, show(c).1)).collect()
    }

    #[test]
    fn a_reader_begins_with_the_present_and_goes_on_with_the_changes() {
        let changes = Changes::default();
        assert!(changes.read(None).is_none(), "nothing is known yet");
        changes.compare(vec![restriction("a", 5), restriction("b", 5)]);
        let first = changes.read(None).unwrap();
        assert!(first.reset);
        assert_eq!(shown(&first), [("added", "a", 5), ("added", "b", 5)]);
        assert_eq!(first.changes[1].cursor, first.cursor);
        changes.compare(vec![restriction("b", 9), restriction("c", 5)]);
        let second = changes.read(Some(&first.cursor)).unwrap();
        assert!(!second.reset);
        assert_eq!(shown(&second), [("removed", "a", 5), ("changed", "b", 9), ("added", "c", 5)]);
        let rest = changes.read(Some(&second.changes[0].cursor)).unwrap();
        assert_eq!(shown(&rest), [("changed", "b", 9), ("added", "c", 5)]);
        assert!(changes.read(Some(&second.cursor)).unwrap().changes.is_empty());
    }

    #[test]
    fn a_cursor_of_another_log_or_of_half_a_state_or_too_old_begins_anew() {
        let changes = Changes::default();
        changes.compare(vec![restriction("a", 5), restriction("b", 5)]);
        let first = changes.read(None).unwrap();
        for cursor in ["", "nonsense", "00000000-1", &first.changes[0].cursor, "-1"] {
            assert!(changes.read(Some(cursor)).unwrap().reset, "{cursor}");
        }
        for until in 0..CHANGES_MAX as i64 {
            changes.compare(vec![restriction("a", 10 + until)]);
        }
        assert!(changes.read(Some(&first.cursor)).unwrap().reset, "its changes are no longer held");
        assert_eq!(changes.log().ring.len(), CHANGES_MAX);
    }

    #[test]
    fn a_slow_reader_gets_everything_in_pieces() {
        let changes = Changes::default();
        changes.compare(Vec::new());
        let mut cursor = changes.read(None).unwrap().cursor;
        changes.compare((0..2_500).map(|n| restriction(&n.to_string(), 5)).collect());
        let mut sizes = Vec::new();
        loop {
            let read = changes.read(Some(&cursor)).unwrap();
            if read.changes.is_empty() {
                break;
            }
            sizes.push(read.changes.len());
            cursor = read.cursor;
        }
        assert_eq!(sizes, [1_000, 1_000, 500]);
    }
}
