//! `weir bench errors`: envelopes of ~30 KB, as a Sentry SDK posts them, made durable, in alternation with a bare server that
//! reads the same bodies; then at half of what the server took.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::envelopes::{Envelopes, NUMBER_SQL};
use super::load::{Load, Pace, drive};
use super::process::mib;
use super::report::Report;
use super::server::{Scratch, Server, bytes_on_disk};

#[derive(Debug, Args)]
pub(crate) struct ErrorsArgs {
    /// How long each round lasts.
    #[arg(long, default_value_t = 15)]
    round_seconds: u64,
    /// Rounds, in alternation with the yardstick's.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Connections.
    #[arg(long, default_value_t = 64)]
    connections: usize,
}

struct Costed {
    load: Load,
    cpu_us: f64,
}

/// Runs the workload.
pub(crate) async fn run(args: &ErrorsArgs, scratch: &Scratch) -> anyhow::Result<Report> {
    let mut report = Report::new("errors");
    report.note(scratch.fsync_probe()?);
    let data = scratch.path().join("data");
    let server = Server::weir(&data, &[]).await?;
    let bare = Server::yardstick("errors", &scratch.path().join("yardstick"))?;
    let envelopes = Arc::new(Envelopes::new());
    let for_yardstick = Arc::new(Envelopes::new());
    let duration = Duration::from_secs(args.round_seconds);
    let closed = Pace { connections: args.connections, duration, rate: None };

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        theirs.push(costed(&bare, &for_yardstick, closed).await?);
        ours.push(costed(&server, &envelopes, closed).await?);
        server.check_numbers("errors", NUMBER_SQL, envelopes.prepared()).await?;
    }
    drop(bare);
    let (opened, sent) = envelopes.bytes();
    let figures = |runs: &[Costed], of: &dyn Fn(&Costed) -> f64| runs.iter().map(of).collect::<Vec<_>>();
    let mut both = |name: &str, unit, of: &dyn Fn(&Costed) -> f64| {
        report.add(name, unit, &figures(&ours, of), Some(&figures(&theirs, of)));
    };
    both(&format!("closed loop, {} connections", args.connections), "events/s", &|run| run.load.per_second());
    both("  opened", "MB/s", &|run| run.load.per_second() * opened / 1e6);
    both("  p50", "ms", &|run| run.load.quantile_ms(0.5));
    both("  p99", "ms", &|run| run.load.quantile_ms(0.99));
    both("  server CPU an event", "us", &|run| run.cpu_us);
    let overloaded: u64 = ours.iter().map(|run| run.load.overloaded).sum();

    let mut rates = figures(&ours, &|run| run.load.per_second());
    rates.sort_by(f64::total_cmp);
    let half = Pace { rate: Some(rates[rates.len() / 2] / 2.0), ..closed };
    let half = costed(&server, &envelopes, half).await?;
    report.add("at half of that", "events/s", &[half.load.per_second()], None);
    report.add("  p50", "ms", &[half.load.quantile_ms(0.5)], None);
    report.add("  p99", "ms", &[half.load.quantile_ms(0.99)], None);
    server.check_numbers("errors", NUMBER_SQL, envelopes.prepared()).await?;
    let refused = server.sql("select count(*) from rejects").await?;
    anyhow::ensure!(refused[0][0] == 0, "events were refused: {refused:?}");

    report.add("peak RSS", "MiB", &[mib(server.usage()?.peak_rss_bytes)], None);
    drop(server);
    let stored = envelopes.prepared() as f64;
    report.add("bytes on disk an event", "bytes", &[bytes_on_disk(&data) as f64 / stored], None);
    report.note(format!("the closed loop was told {overloaded} times to wait (503)"));
    report.note(format!(
        "an envelope is {opened:.0} bytes, {sent:.0} as sent: {:.0} % of them in gzip; every acknowledged id was found stored, once",
        100.0 * envelopes.compressed_share()
    ));
    Ok(report)
}

async fn costed(server: &Server, envelopes: &Arc<Envelopes>, pace: Pace) -> anyhow::Result<Costed> {
    let before = server.usage()?.cpu_us;
    let load = drive(server.address, Arc::clone(envelopes), pace).await?;
    let cpu_us = (server.usage()?.cpu_us - before) as f64 / load.requests.max(1) as f64;
    Ok(Costed { load, cpu_us })
}
