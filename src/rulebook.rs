//! The rules at work: their files, modes, live state, scheduled runs and hits, as the rest of the program sees them.
//!
//! The log's writer feeds it each record (`Observer`), before the senders are answered. Hits that come of it go back into the
//! log as rows of `hits`. Nothing here is waited for by a verdict.

mod brake;
mod history;
mod modes;
mod own;
mod rows;
mod run;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use ingest::{Committed, Ingest, Kind, Observer, Rows, TableSchema};
use queries::rules::{LiveLimits, LiveStatus};
use queries::{Engine, HitBook, LiveRules, Mode, Rule, RuleCompiler, RuleFiles, RuleReport, ScheduledRules};
use queries::{Tables, Transition, catalogue::SourceProblem};
use serde::Serialize;
use tokio::sync::Notify;
use tracing::error;

use rows::rows;

pub(crate) use modes::stored as stored_mode;
pub(crate) use own::{Origin, OwnRuleError};
pub(crate) use rows::common_column;

use crate::control::{Control, ControlError, StoredBacktest};
use crate::verdict::{Freshness, Links};

/// For how long after a start `/readyz` waits for the rules to have their state.
const READY_WAIT: Duration = Duration::from_secs(10);
/// An import is taken to have ended when nothing of it came for so long.
const IMPORT_END: Duration = Duration::from_secs(2);
const REBUILD_RETRY: Duration = Duration::from_secs(1);

/// One rule with its mode, as `/v1/rules` shows it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RuleView {
    #[serde(flatten)]
    pub(crate) report: RuleReport,
    /// Its hits that are open now.
    pub(crate) open_hits: usize,
    /// Its state is complete; a scheduled rule has none to miss.
    pub(crate) warm: bool,
}

/// What `/v1/status` tells of the rules.
#[derive(Debug, Serialize)]
pub(crate) struct RulesStatus {
    pub(crate) rules: usize,
    pub(crate) live: Vec<LiveStatus>,
    pub(crate) open_hits: usize,
    /// Files and runs that failed.
    pub(crate) problems: Vec<SourceProblem>,
}

/// The rules in force.
#[derive(Default)]
struct InForce {
    rules: Vec<(Arc<Rule>, Mode)>,
    problems: Vec<SourceProblem>,
}

/// Everything about rules.
pub(crate) struct Rulebook {
    control: Arc<Control>,
    engine: Arc<Engine>,
    compiler: RuleCompiler,
    /// Where the user's own rules lie, which are saved over HTTP.
    own: PathBuf,
    /// Where the operator's lie, over those.
    operators: Vec<PathBuf>,
    /// Held while files, modes and what is in force change, so that they change in the same order.
    files: Mutex<RuleFiles>,
    in_force: ArcSwap<InForce>,
    book: Arc<HitBook>,
    live: LiveRules,
    scheduled: ScheduledRules,
    links: Arc<Links>,
    /// Every live rule has its state.
    is_warm: AtomicBool,
    /// Every rule whose hits restrain has its state; read by each verdict, so it is not asked of the rules' own lock.
    is_restraining_warm: AtomicBool,
    /// Held while the two above are looked up and noted.
    warmth: Mutex<()>,
    /// The newest record that counts, microseconds; 0 before the first.
    observed_at: AtomicI64,
    /// When the rules began to read their history, microseconds; 0 before.
    began_at: AtomicI64,
    /// They have answered fully once, or long enough was waited for it.
    is_ready: AtomicBool,
    /// When something was last imported that the rules have not read yet; 0 for nothing.
    imported_at: AtomicI64,
    /// The history that is to be read next has imported events in it.
    is_imported: AtomicBool,
    /// Scheduled rules have not found yet what imported events hold.
    are_scheduled_behind: AtomicBool,
    /// Something may be cold that was not: the next rebuild need not wait for its look.
    wake: Notify,
}

impl Rulebook {
    /// Loads the rules: built-in ones, then the user's own, then the operator's over them.
    ///
    /// # Errors
    /// When the control database cannot be read. Bad files are problems, not errors.
    pub(crate) fn load(
        control: Arc<Control>,
        engine: Arc<Engine>,
        (own, operators): (PathBuf, Vec<PathBuf>),
        links: Arc<Links>,
        now: i64,
    ) -> Result<Arc<Self>, ControlError> {
        let book = Arc::new(HitBook::new());
        let directories = std::iter::once(&own).chain(&operators).cloned().collect();
        let rulebook = Arc::new(Self {
            control,
            compiler: compiler(Arc::clone(&engine)),
            engine,
            own,
            operators,
            files: Mutex::new(RuleFiles::new(directories)),
            in_force: ArcSwap::default(),
            live: LiveRules::new(Arc::clone(&book), LiveLimits::default()),
            scheduled: ScheduledRules::new(Arc::clone(&book)),
            book,
            links,
            is_warm: AtomicBool::new(false),
            is_restraining_warm: AtomicBool::new(false),
            warmth: Mutex::default(),
            observed_at: AtomicI64::new(0),
            began_at: AtomicI64::new(0),
            is_ready: AtomicBool::new(false),
            imported_at: AtomicI64::new(0),
            is_imported: AtomicBool::new(false),
            are_scheduled_behind: AtomicBool::new(false),
            wake: Notify::new(),
        });
        let mut files = rulebook.files();
        let loaded = files.load(&rulebook.compiler);
        rulebook.put_in_force(loaded, now)?;
        drop(files);
        Ok(rulebook)
    }

    fn files(&self) -> MutexGuard<'_, RuleFiles> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the open hits.
    pub(crate) fn hits(&self) -> &Arc<HitBook> {
        &self.book
    }

    /// Tells whether every live rule has its state.
    pub(crate) fn is_warm(&self) -> bool {
        self.is_warm.load(Ordering::Acquire)
    }

    /// Tells whether verdicts may be asked for: every live rule has its state, or reading it takes so long that degraded
    /// answers are better than none. Once true it stays so.
    pub(crate) fn is_ready(&self, now: i64) -> bool {
        if self.is_ready.load(Ordering::Acquire) {
            return true;
        }
        let began_at = self.began_at.load(Ordering::Acquire);
        let waited_us = if began_at > 0 { now - began_at } else { 0 };
        let is_ready = began_at > 0 && (self.is_warm() || waited_us >= READY_WAIT.as_micros() as i64);
        self.is_ready.fetch_or(is_ready, Ordering::AcqRel);
        is_ready
    }

    /// Tells how far the state behind verdicts is. `behind_since` is the log's to tell: its writer hands each record over
    /// before the next one. A rule in shadow that is still cold, such as one that was just saved, is no reason for answers
    /// to be degraded.
    pub(crate) fn freshness(&self, behind_since: Option<i64>) -> Freshness {
        let observed_at = self.observed_at.load(Ordering::Relaxed);
        let is_restored = self.began_at.load(Ordering::Relaxed) > 0;
        Freshness {
            warm: is_restored && self.is_restraining_warm.load(Ordering::Acquire),
            data_as_of: (observed_at > 0).then_some(observed_at),
            behind_since,
        }
    }

    /// Takes note of which rules have their state. What was looked at last is noted last.
    fn note_warmth(&self) {
        let _one_at_a_time = self.warmth.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_restraining_warm.store(self.live.restraining_warm(), Ordering::Release);
        self.is_warm.store(self.live.all_warm(), Ordering::Release);
    }

    /// Returns the actions that rules restrain.
    pub(crate) fn actions(&self) -> Vec<Box<str>> {
        let in_force = self.in_force.load();
        let actions = in_force.rules.iter().flat_map(|(rule, _)| rule.headers.actions.iter());
        actions.map(|action| Box::from(&**action)).collect()
    }

    /// Returns every rule, by name.
    pub(crate) fn list(&self, now: i64) -> (Vec<RuleView>, Vec<SourceProblem>) {
        let in_force = self.in_force.load();
        let mut open: HashMap<Arc<str>, usize> = HashMap::new();
        for hit in self.book.list(now) {
            *open.entry(Arc::clone(&hit.rule)).or_default() += 1;
        }
        let view = |(rule, mode): &(Arc<Rule>, Mode)| RuleView {
            report: RuleReport::new(rule, *mode),
            open_hits: open.get(&rule.name).copied().unwrap_or(0),
            warm: self.live.warm(&rule.name),
        };
        (in_force.rules.iter().map(view).collect(), self.problems(&in_force))
    }

    fn problems(&self, in_force: &InForce) -> Vec<SourceProblem> {
        in_force.problems.iter().cloned().chain(self.live.problems()).chain(self.scheduled.problems()).collect()
    }

    /// Compiles a text that is not in force, under a rule's name.
    ///
    /// # Errors
    /// What is wrong with it, with its line.
    pub(crate) fn draft(&self, name: &str, text: &str) -> Result<Arc<Rule>, SourceProblem> {
        self.compiler.compile(name, "sql", text).map(Arc::new)
    }

    /// Returns what compiles rules.
    pub(crate) const fn compiler(&self) -> &RuleCompiler {
        &self.compiler
    }

    /// Keeps a backtest. Durable once `Ok`.
    ///
    /// # Errors
    /// When the control database cannot be written.
    pub(crate) fn keep_backtest(&self, backtest: &StoredBacktest) -> Result<(), ControlError> {
        self.control.put_backtest(backtest)
    }

    /// Returns one rule and its mode.
    pub(crate) fn get(&self, name: &str) -> Option<(Arc<Rule>, Mode)> {
        self.in_force.load().rules.iter().find(|(rule, _)| &*rule.name == name).cloned()
    }

    /// Returns the state of all.
    pub(crate) fn status(&self) -> RulesStatus {
        let in_force = self.in_force.load();
        RulesStatus {
            rules: in_force.rules.len(),
            live: self.live.status(),
            open_hits: self.book.len(),
            problems: self.problems(&in_force),
        }
    }

    fn record(&self, ingest: &Ingest, transitions: &[Transition]) {
        if let Err(error) = ingest.append_own(rows(transitions)) {
            error!(%error, transitions = transitions.len(), "transitions of hits could not be recorded");
        }
    }
}

impl Observer for Rulebook {
    fn observe(&self, committed: &Committed) -> Rows {
        let mut transitions = Vec::new();
        for (kind, batch) in &committed.batches {
            if *kind == Kind::Identities {
                self.links.observe(batch);
            }
            transitions.extend(self.live.observe(kind.table(), batch, committed.received_at));
        }
        self.observed_at.store(committed.received_at, Ordering::Relaxed);
        rows(&transitions)
    }

    fn tick(&self, now: i64) -> Rows {
        rows(&self.live.tick(now))
    }
}

fn tables(ingest: &Ingest) -> Tables {
    providers(&ingest.cut())
}

fn providers(cut: &ingest::Cut) -> Tables {
    cut.providers().into_iter().map(|(name, provider)| (name.to_owned(), provider)).collect()
}

/// Returns a compiler over the tables as SQL sees them.
pub(crate) fn compiler(engine: Arc<Engine>) -> RuleCompiler {
    let tables: Vec<_> = Kind::ALL
        .into_iter()
        .map(|kind| (kind.table().to_owned(), Arc::clone(TableSchema::of(kind).queried())))
        .collect();
    RuleCompiler::new(engine, &tables)
}
