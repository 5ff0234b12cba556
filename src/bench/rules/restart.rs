//! How long the live rules take to read their state back from the lake, as after a restart.

use std::sync::Arc;
use std::time::Instant;

use queries::{HitBook, Rule};

use super::super::process::usage_of;
use super::super::report::Report;
use crate::score::history::Lake;

const ROUNDS: usize = 3;

/// Measures all live rules together.
pub(super) async fn measure(report: &mut Report, lake: &Lake, rules: &[Arc<Rule>]) -> anyhow::Result<()> {
    let (mut seconds, mut cpu, mut entities) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        let live = super::cold(rules, &Arc::new(HitBook::new()), lake.range.1);
        let (began, used) = (Instant::now(), usage_of("self")?.cpu_us);
        live.rebuild(&lake.engine, &lake.tables, lake.range.1).await?;
        seconds.push(began.elapsed().as_secs_f64());
        cpu.push((usage_of("self")?.cpu_us - used) as f64 / 1e6);
        anyhow::ensure!(live.all_warm(), "a rule stayed cold");
        entities = live.status().iter().map(|status| status.entities).sum();
    }
    report.add("restart: state of live rules read back", "s", &seconds, None);
    report.add("  CPU", "s", &cpu, None);
    report.note(format!("restart: {entities} entities, counted once a rule and kind"));
    Ok(())
}
