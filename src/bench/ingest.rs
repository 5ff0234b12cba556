//! `weir bench ingest`: sustained durable batches, single events over many connections, and a restart after SIGKILL.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;

use super::events::Batches;
use super::load::{Load, Pace, drive};
use super::process::Usage;
use super::report::Report;
use super::server::{Scratch, Server, bytes_on_disk};

#[derive(Debug, Args)]
pub(crate) struct IngestArgs {
    /// How long the sustained run lasts.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Events a request of the sustained run.
    #[arg(long, default_value_t = 500)]
    batch: usize,
    /// Connections of the sustained run.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// How long each short round lasts (yardstick, half load, single events).
    #[arg(long, default_value_t = 10)]
    round_seconds: u64,
}

struct Run {
    load: Load,
    used: Usage,
    events: u64,
}

impl Run {
    fn events_per_second(&self) -> f64 {
        self.events as f64 / self.load.seconds
    }

    fn cpu_us_per_event(&self) -> f64 {
        self.used.cpu_us as f64 / self.events.max(1) as f64
    }
}

/// Runs the workload.
pub(crate) async fn run(args: &IngestArgs, scratch: &Scratch) -> anyhow::Result<Report> {
    let mut report = Report::new("ingest");
    report.note(scratch.fsync_probe()?);
    let round = Duration::from_secs(args.round_seconds);
    let closed = |connections, duration| Pace { connections, duration, rate: None };

    // The yardstick stands before and after, so that a machine that slows down shows.
    let mut bare = vec![yardstick(scratch, args.batch, closed(args.connections, round)).await?];
    let data = scratch.path().join("data");
    let server = Server::weir(&data, &[]).await?;
    let batches = Arc::new(Batches::new(args.batch));
    let sustained =
        measure(&server, &batches, args.batch, closed(args.connections, Duration::from_secs(args.seconds))).await?;
    check(&server, &batches).await?;
    report.note(format!("the sustained run was told {} times to wait (503)", sustained.load.overloaded));
    for line in server.get("/metrics").await?.lines() {
        let timed =
            ["weir_flush_seconds", "weir_log_commit_seconds", "weir_log_commit_rows", "weir_table_commit_seconds"];
        if timed.iter().any(|name| line.starts_with(name)) && (line.contains("_sum") || line.contains("_count")) {
            report.note(format!("server side: {line}"));
        }
    }
    bare.push(yardstick(scratch, args.batch, closed(args.connections, round)).await?);
    let rates: Vec<f64> = bare.iter().map(Run::events_per_second).collect();
    let costs: Vec<f64> = bare.iter().map(Run::cpu_us_per_event).collect();
    let name = format!("sustained, batches of {}", args.batch);
    report.add(&name, "events/s", &[sustained.events_per_second()], Some(&rates));
    report.add("  server CPU an event", "us", &[sustained.cpu_us_per_event()], Some(&costs));
    report.add("  acknowledge p50", "ms", &[sustained.load.quantile_ms(0.5)], None);
    report.add("  acknowledge p99", "ms", &[sustained.load.quantile_ms(0.99)], None);

    let half = sustained.events_per_second() / 2.0 / args.batch as f64;
    let pace = Pace { connections: args.connections, duration: round, rate: Some(half) };
    let half = measure(&server, &batches, args.batch, pace).await?;
    report.add("at half of that", "events/s", &[half.events_per_second()], None);
    report.add("  acknowledge p50", "ms", &[half.load.quantile_ms(0.5)], None);
    report.add("  acknowledge p99", "ms", &[half.load.quantile_ms(0.99)], None);
    check(&server, &batches).await?;

    report.add("peak RSS", "MiB", &[server.usage()?.peak_rss_bytes as f64 / f64::from(1 << 20)], None);
    server.kill()?;
    let stored = batches.prepared();
    let started = Instant::now();
    let server = Server::weir(&data, &[]).await?;
    report.add("ready after SIGKILL", "s", &[started.elapsed().as_secs_f64()], None);
    check(&server, &batches).await?;
    drop(server);
    report.add("bytes on disk an event", "bytes", &[bytes_on_disk(&data) as f64 / stored as f64], None);

    let single = Arc::new(Batches::new(1));
    let server = Server::weir(&scratch.path().join("single"), &[]).await?;
    let singles = measure(&server, &single, 1, closed(256, round)).await?;
    check(&server, &single).await?;
    drop(server);
    let bare = yardstick(scratch, 1, closed(256, round)).await?;
    let yardsticks = [bare.events_per_second()];
    report.add("single events, 256 connections", "events/s", &[singles.events_per_second()], Some(&yardsticks));
    report.add("  server CPU an event", "us", &[singles.cpu_us_per_event()], Some(&[bare.cpu_us_per_event()]));
    report.add("  acknowledge p99", "ms", &[singles.load.quantile_ms(0.99)], Some(&[bare.load.quantile_ms(0.99)]));
    report.note(format!(
        "an event is {} bytes of JSON; every acknowledged id was found stored, once",
        batches.event_bytes()
    ));
    Ok(report)
}

async fn measure(server: &Server, batches: &Arc<Batches>, batch: usize, pace: Pace) -> anyhow::Result<Run> {
    let before = server.usage()?;
    let load = drive(server.address, Arc::clone(batches), pace).await?;
    let after = server.usage()?;
    let used = Usage { cpu_us: after.cpu_us - before.cpu_us, ..after };
    Ok(Run { events: load.requests * batch as u64, load, used })
}

async fn yardstick(scratch: &Scratch, batch: usize, pace: Pace) -> anyhow::Result<Run> {
    let data = scratch.path().join("yardstick");
    let server = Server::yardstick("ingest", &data)?;
    let run = measure(&server, &Arc::new(Batches::new(batch)), batch, pace).await;
    drop(server);
    std::fs::remove_dir_all(&data)?;
    run
}

/// Checks that the stored ids are exactly the acknowledged ones.
async fn check(server: &Server, batches: &Batches) -> anyhow::Result<()> {
    server.check_numbers("usage", "cast(event_id as bigint)", batches.prepared()).await
}
