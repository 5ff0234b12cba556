//! Rules: one SQL file each, compiled once, run live or as scheduled queries, into the same hits.
//!
//! The way of a rule: its file (`load.rs`) -> headers (`headers.rs`) and text (`text.rs`) -> a plan over the tables as
//! rules may see them (`session.rs`) -> recognised as a live shape or not (`recognise.rs`, `compile.rs`) -> a `Rule`.
//!
//! The way of a batch: `live.rs` hands it to each rule that reads its table (`track.rs`), whose expressions (`shape.rs`,
//! `contribution.rs`) turn rows into contributions to the state in time buckets (`state.rs`, `keyed.rs`, `picked.rs`, `window.rs`) and touched entities
//! into evaluations (`answer.rs`); the hits' lifecycle (`crate::hits`) turns those into transitions. A scheduled rule's
//! evaluations come from the query engine instead (`scheduled.rs`). After a restart `rebuild.rs` refills the state, and `backtest.rs` sends
//! the past through the same state; both read it by `history.rs`. The events behind a hit are found by `evidence.rs`.

mod answer;
mod backtest;
mod compile;
mod component;
mod contribution;
mod duration;
mod evidence;
mod functions;
mod headers;
mod history;
mod keyed;
mod live;
mod load;
mod moments;
mod picked;
mod queue;
mod rebuild;
mod recognise;
mod report;
mod rule;
mod scheduled;
mod session;
mod shape;
mod state;
mod text;
mod track;
mod values;
mod window;

#[cfg(test)]
mod tests;

pub use backtest::{Backtest, BacktestHits, BacktestProgress};
pub use compile::RuleCompiler;
pub use component::window_functions;
pub use duration::parse_duration_us;
pub use evidence::{EVIDENCE_MAX, names_entity};
pub use functions::aggregate_functions;
pub use headers::RuleHeaders;
pub use live::{LiveLimits, LiveRules, LiveStatus};
pub use load::{LoadedRules, RULE_BYTES_MAX, RULE_FILES_MAX, RuleFiles, check_rule_name};
pub use rebuild::RebuildError;
pub use report::RuleReport;
pub use rule::{Rule, Way, end_cause};
pub use scheduled::ScheduledRules;
pub use session::is_event_table;
pub use text::DISTINCT_MAX;
pub use window::Window;
