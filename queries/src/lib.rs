//! Columns in, answers and hits out: the SQL files, the catalogue of them, the sandbox they run in, and the rules.
//!
//! The way of a question: a text, its parameters and its tables go to [`Engine::ask`] (`engine/`), whose [`Answer`] is
//! written in one of the [`forms`]. Stored queries come from the [`catalogue`]: built-in files and the user's own.
//!
//! The way of a rule: its file is compiled once ([`rules`]); batches of events go to [`LiveRules::observe`], the clock to
//! [`ScheduledRules::run_due`]; what they find goes into the [`HitBook`] ([`hits`]), and [`score`] adds it up.
//!
//! Tables arrive as `TableProvider`s: this crate reads no lake and knows no event's wire shape.

pub mod catalogue;
pub mod engine;
mod error;
pub mod forms;
pub mod hits;
mod nearest;
pub mod rules;
#[cfg(test)]
mod sample;
pub mod score;

pub use catalogue::{Catalogue, StoredQuery};
pub use engine::{Answer, Engine, EngineConfig, Params, Tables, View, ViewColumn, views};
pub use error::QueryError;
pub use forms::{Form, Table as JsonTable, encode, json as to_json};
pub use hits::{EndCause, EntityKind, Hit, HitBook, HitsOf, Mode, Restraint, StepUp, Transition, TransitionKind};
pub use rules::{LiveRules, Rule, RuleCompiler, RuleFiles, RuleReport, ScheduledRules};
pub use score::points_to_score;
