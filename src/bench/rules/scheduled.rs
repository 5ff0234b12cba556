//! What each scheduled rule costs: asked as of the end of the history, as often as it would be asked in a day.

use std::sync::Arc;
use std::time::Instant;

use queries::rules::Way;
use queries::{HitBook, Mode, Rule, ScheduledRules};

use super::super::process::usage_of;
use super::super::report::Report;
use crate::score::history::Lake;

const RUNS: usize = 3;
/// What a server gives a query, seconds; here it may take longer, and that is told.
const TIMEOUT_S: f64 = 30.0;

/// Measures every rule, one after the other.
pub(super) async fn measure(report: &mut Report, lake: &Lake, rules: &[Arc<Rule>]) -> anyhow::Result<()> {
    let mut shares = 0.0;
    for rule in rules {
        let Way::Scheduled { every_ms, .. } = rule.way else { continue };
        let every_s = every_ms as f64 / 1_000.0;
        let runs = match several(lake, rule).await? {
            Ok(runs) => runs,
            Err(problem) => {
                report.note(format!("scheduled: {} FAILED and is not in the sum: {problem}", rule.name));
                continue;
            }
        };
        let share = 100.0 * runs.cpu_s / every_s;
        shares += share;
        report.add(&format!("scheduled {}, every {every_s} s", rule.name), "ms", &runs.wall_ms, None);
        report.add("  CPU of a run", "ms", &[1_000.0 * runs.cpu_s], None);
        report.add("  CPU of a day", "s", &[86_400.0 * runs.cpu_s / every_s], None);
        report.add("  at its pace", "% of a core", &[share], None);
        report.note(format!("scheduled: {} found {} entities", rule.name, runs.found));
        if runs.wall_ms.iter().any(|ms| *ms > 1_000.0 * TIMEOUT_S) {
            report.note(format!("scheduled: {} took longer than a server lets it", rule.name));
        }
    }
    report.add("scheduled rules together", "% of a core", &[shares], None);
    Ok(())
}

struct Runs {
    wall_ms: Vec<f64>,
    /// The mean: the system counts in hundredths of a second.
    cpu_s: f64,
    found: usize,
}

/// Runs a rule once to warm up, then some more times; in words, what went wrong.
async fn several(lake: &Lake, rule: &Arc<Rule>) -> anyhow::Result<Result<Runs, String>> {
    let mut found = match once(lake, rule).await {
        Ok(found) => found,
        Err(problem) => return Ok(Err(problem)),
    };
    let mut wall_ms = Vec::with_capacity(RUNS);
    let used = usage_of("self")?.cpu_us;
    for _ in 0..RUNS {
        let began = Instant::now();
        match once(lake, rule).await {
            Ok(now_found) => found = now_found,
            Err(problem) => return Ok(Err(problem)),
        }
        wall_ms.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    let cpu_s = (usage_of("self")?.cpu_us - used) as f64 / 1e6 / RUNS as f64;
    Ok(Ok(Runs { wall_ms, cpu_s, found }))
}

/// Lets a rule run as of the end of the history, as the server does when it is due. Returns how many entities it found.
async fn once(lake: &Lake, rule: &Arc<Rule>) -> Result<usize, String> {
    let book = Arc::new(HitBook::new());
    let scheduled = ScheduledRules::new(Arc::clone(&book));
    scheduled.install(&[(Arc::clone(rule), Mode::Shadow)], lake.range.1);
    scheduled.run_due(&lake.engine, &lake.tables, lake.range.1).await;
    match scheduled.problems().first() {
        None => Ok(book.len()),
        Some(problem) => Err(problem.to_string()),
    }
}
