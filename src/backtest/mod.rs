//! Backtests as people read them: what a rule would have found over a past range, held against the decisions that were
//! made, the labels that came in and the credits that were spent. How a rule runs over the past is `queries`' to know.

mod aside;
mod effect;
mod report;
mod run;

pub(crate) use aside::aside;
pub(crate) use report::Report;
pub(crate) use run::{Range, Runner, Work};
