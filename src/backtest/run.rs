//! One backtest at work: the rule and its neighbours in one pass, on a thread of low priority, told of line by line.

use std::sync::Arc;

use queries::rules::{Backtest, BacktestHits, BacktestProgress};
use queries::{Engine, QueryError, Rule, RuleCompiler, Tables};
use serde::Serialize;
use thiserror::Error;
use tokio::sync::{Semaphore, mpsc};

use super::aside::aside;
use super::effect::Effect;
use super::report::Report;

/// Backtests that run at once; further ones are refused.
const RUNNING_MAX: usize = 2;
/// Lines that wait for a reader; past it the backtest waits.
const LINES_WAITING_MAX: usize = 16;
/// How much further a threshold's neighbours are, besides those next to it: half as much again.
const FAR_NEIGHBOUR: (i64, i64) = (3, 2);

/// The range to test.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    /// The first time, microseconds.
    pub(crate) from: i64,
    /// The last time, microseconds.
    pub(crate) to: i64,
    /// The step of the series, microseconds.
    pub(crate) step_us: Option<i64>,
}

/// One line of the answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// How far it is.
    Progress(BacktestProgress),
    /// The end.
    Result(Box<Report>),
    /// The end, without a result.
    Error(String),
}

/// Why a backtest did not begin.
#[derive(Debug, Error)]
pub(crate) enum BacktestError {
    /// As many run as may.
    #[error("{RUNNING_MAX} backtests are running already")]
    Busy,
    /// No thread could be started.
    #[error("a backtest could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// Runs backtests, a few at a time.
pub(crate) struct Runner {
    running: Arc<Semaphore>,
}

impl Runner {
    pub(crate) fn new() -> Self {
        Self { running: Arc::new(Semaphore::new(RUNNING_MAX)) }
    }

    /// Starts a backtest on a thread of low priority. Dropping the receiver cancels it. `finish` is given the report before
    /// its line is sent.
    pub(crate) fn start(
        &self,
        work: Work,
        finish: impl FnOnce(&Report) -> Result<(), String> + Send + 'static,
    ) -> Result<mpsc::Receiver<Line>, BacktestError> {
        let permit = Arc::clone(&self.running).try_acquire_owned().map_err(|_| BacktestError::Busy)?;
        let (lines, reader) = mpsc::channel(LINES_WAITING_MAX);
        aside("weir-backtest", async move {
            let _permit = permit;
            let end = tokio::select! {
                report = work.run(&lines) => match report {
                    Ok(report) => match finish(&report) {
                        Ok(()) => Line::Result(Box::new(report)),
                        Err(error) => Line::Error(error),
                    },
                    Err(error) => Line::Error(error.to_string()),
                },
                () = lines.closed() => return,
            };
            let _ = lines.send(end).await;
        })?;
        Ok(reader)
    }
}

/// What one backtest needs.
pub(crate) struct Work {
    pub(crate) rule: Arc<Rule>,
    /// The same rule with other thresholds.
    pub(crate) neighbours: Vec<(i64, Arc<Rule>)>,
    pub(crate) range: Range,
    pub(crate) engine: Arc<Engine>,
    /// One cut.
    pub(crate) tables: Tables,
}

impl Work {
    /// Prepares a backtest of a rule and its neighbours.
    pub(crate) fn new(
        rule: Arc<Rule>,
        compiler: &RuleCompiler,
        range: Range,
        engine: Arc<Engine>,
        tables: Tables,
    ) -> Self {
        let neighbours = neighbours(&rule, compiler);
        Self { rule, neighbours, range, engine, tables }
    }

    async fn run(&self, lines: &mpsc::Sender<Line>) -> Result<Report, QueryError> {
        let rules = std::iter::once(&self.rule).chain(self.neighbours.iter().map(|(_, rule)| rule)).cloned();
        let backtest = Backtest { rules: rules.collect(), from: self.range.from, to: self.range.to, pace_us: None };
        let mut told = 0;
        let tell = |progress: BacktestProgress| {
            // One line a percent; a reader that is behind misses some.
            let percent = progress.done * 100 / progress.total.max(1);
            if percent != told || progress.done == 0 {
                told = percent;
                let _ = lines.try_send(Line::Progress(progress));
            }
        };
        let mut found: Vec<BacktestHits> = backtest.run(&self.engine, &self.tables, tell).await?;
        let of_neighbours = found.split_off(1);
        let hits = found.pop().unwrap_or_default();
        let effect = Effect::of(&self.rule, &hits.hits, self.range, &self.engine, &self.tables).await?;
        let mut report = Report::new(&self.rule, self.range, &hits, effect);
        for ((threshold, _), hits) in self.neighbours.iter().zip(&of_neighbours) {
            report.add_neighbour(*threshold, hits);
        }
        Ok(report)
    }
}

fn neighbours(rule: &Rule, compiler: &RuleCompiler) -> Vec<(i64, Arc<Rule>)> {
    let Some(threshold) = rule.threshold() else { return Vec::new() };
    let (times, by) = FAR_NEIGHBOUR;
    let mut others = vec![threshold - 1, threshold + 1, (threshold * times).div_euclid(by)];
    others.retain(|other| *other >= 1 && *other != threshold);
    others.sort_unstable();
    others.dedup();
    let variant = |other: i64| {
        let text = rule.with_threshold(other)?;
        // A variant that does not compile is left out: it is a help, not the test.
        Some((other, Arc::new(compiler.compile(&rule.name, &rule.file, &text).ok()?)))
    };
    others.into_iter().filter_map(variant).collect()
}
