//! `weir bench verdict`: closed and open loops against a bare handler given the same POSTs, with many tracked entities; alone,
//! and while events come in at half of the rate at which this machine can take them.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::client::post;
use super::events::Batches;
use super::load::{Load, Pace, Traffic, drive};
use super::process::mib;
use super::report::Report;
use super::server::{Scratch, Server};
use crate::histogram::Buckets;

/// Events a request, and connections, of the ingest beside verdicts.
const INGEST_BATCH: usize = 500;
const INGEST_CONNECTIONS: usize = 16;
/// So long ingest runs before and after what is measured beside it.
const INGEST_MARGIN: Duration = Duration::from_millis(500);
/// The bound that the share of slow verdicts is told of, seconds: one of the server's buckets.
const SLOW_S: f64 = 0.001;

#[derive(Debug, Args)]
pub(crate) struct VerdictArgs {
    /// Entities that the server tracks before the measurement begins.
    #[arg(long, default_value_t = 1_000_000)]
    entities: u64,
    /// How long each round lasts.
    #[arg(long, default_value_t = 8)]
    round_seconds: u64,
    /// Rounds of each, in alternation.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Connections of the closed loop.
    #[arg(long, default_value_t = 64)]
    connections: usize,
}

/// Requests about entities: four of five from those that are tracked, with a heavy head, the rest unknown.
struct Asking {
    entities: u64,
}

impl Traffic for Asking {
    fn prepare(&self, connection: usize, number: u64, request: &mut Vec<u8>) {
        let spread = (connection as u64 * 1_000_003 + number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let entity = if number % 5 == 4 {
            self.entities + spread % self.entities
        } else {
            // The square of a uniform share: a tenth of the entities gets a third of the requests.
            let share = (spread >> 40) as f64 / (1_u64 << 24) as f64;
            (share * share * self.entities as f64) as u64
        };
        let body = format!(
            "{{\"action\":\"generate\",\"guest_id\":\"gst_{entity}\",\"device_id\":\"dev_{entity}\",\"session_id\":\"ses_{entity}\",\
             \"workspace_id\":\"ws_{entity}\",\"ip\":\"203.0.113.{}\",\"cost_credits\":4}}",
            entity % 250
        );
        *request = post("/v1/verdict", body.as_bytes());
    }

    fn check(&self, status: u16, body: &[u8]) -> bool {
        status == 200 && body.windows(11).any(|window| window == b"\"verdict\":\"")
    }
}

/// Grants, so that each entity has live state; one request carries 5,000.
async fn track(server: &Server, entities: u64) -> anyhow::Result<()> {
    let mut link = super::client::Connection::open(server.address).await?;
    let mut first = 0;
    while first < entities {
        let last = (first + 5_000).min(entities);
        let lines: Vec<String> = (first..last)
            .map(|entity| {
                format!(
                    "{{\"id\":\"grant-{entity}\",\"kind\":\"credit\",\"op\":\"grant\",\"amount\":50,\"reason\":\"guest_grant\",\
                     \"ref\":\"g-{entity}\",\"guest_id\":\"gst_{entity}\",\"device_id\":\"dev_{entity}\",\"workspace_id\":\"ws_{entity}\"}}"
                )
            })
            .collect();
        let status = link.exchange(&post("/v1/events", lines.join("\n").as_bytes())).await?;
        if status == 503 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            continue;
        }
        anyhow::ensure!(status == 200, "granting answered {status}: {}", String::from_utf8_lossy(link.body()));
        first = last;
    }
    Ok(())
}

/// Runs the workload.
pub(crate) async fn run(args: &VerdictArgs, scratch: &Scratch) -> anyhow::Result<Report> {
    let mut report = Report::new("verdict");
    let server = Server::weir(&scratch.path().join("data"), &[]).await?;
    track(&server, args.entities).await?;
    let bare = Server::yardstick("verdict", &scratch.path().join("yardstick"))?;
    let bench = Bench { server, bare, asking: Arc::new(Asking { entities: args.entities }), rounds: args.rounds };
    let duration = Duration::from_secs(args.round_seconds);
    let closed = |connections| Pace { connections, duration, rate: None };
    let open = |rate| Pace { connections: args.connections, duration, rate: Some(rate) };
    for connections in [1, 16, args.connections] {
        bench.alone(&mut report, &format!("closed loop, {connections} connections"), closed(connections)).await?;
    }
    for rate in [1_000.0, 5_000.0, 20_000.0] {
        bench.alone(&mut report, &format!("open loop, {rate} a second"), open(rate)).await?;
    }

    let batches = Arc::new(Batches::new(INGEST_BATCH));
    let pace = Pace { connections: INGEST_CONNECTIONS, duration, rate: None };
    let most = drive(bench.server.address, Arc::clone(&batches), pace).await?.per_second();
    report.add("ingest alone, closed loop", "events/s", &[most * INGEST_BATCH as f64], None);
    let ingest = Ingest { batches, rate: most / 2.0 };
    bench.beside(&mut report, "beside ingest at half of that: 1000 a second", open(1_000.0), &ingest).await?;
    bench.beside(&mut report, "beside ingest at half of that: 16 connections", closed(16), &ingest).await?;

    report.add("peak RSS", "MiB", &[mib(bench.server.usage()?.peak_rss_bytes)], None);
    report.note(format!("{} entities tracked; a fifth of the requests asks about unknown ones", args.entities));
    report
        .note("server side: time to decide, from the histogram of /metrics; within a bucket on a straight line".into());
    Ok(report)
}

struct Bench {
    server: Server,
    bare: Server,
    asking: Arc<Asking>,
    rounds: usize,
}

/// What comes in beside verdicts.
struct Ingest {
    batches: Arc<Batches>,
    /// Requests a second.
    rate: f64,
}

struct Costed {
    load: Load,
    cpu_us: f64,
    decided: Buckets,
}

impl Bench {
    /// Measures verdicts alone, in alternation with the yardstick.
    async fn alone(&self, report: &mut Report, name: &str, pace: Pace) -> anyhow::Result<()> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            theirs.push(self.costed(&self.bare, pace).await?);
            ours.push(self.costed(&self.server, pace).await?);
        }
        add(report, name, &ours, &theirs);
        let cpu = |runs: &[Costed]| runs.iter().map(|run| run.cpu_us).collect::<Vec<_>>();
        report.add("  server CPU a request", "us", &cpu(&ours), Some(&cpu(&theirs)));
        Ok(())
    }

    /// Measures verdicts while events come in: the server's, and the yardstick's beside the same ingest.
    async fn beside(&self, report: &mut Report, name: &str, pace: Pace, ingest: &Ingest) -> anyhow::Result<()> {
        let (mut ours, mut theirs, mut rates) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            for (asked, runs) in [(&self.bare, &mut theirs), (&self.server, &mut ours)] {
                let whole = pace.duration + 2 * INGEST_MARGIN;
                let coming = Pace { connections: INGEST_CONNECTIONS, duration: whole, rate: Some(ingest.rate) };
                let coming = tokio::spawn(drive(self.server.address, Arc::clone(&ingest.batches), coming));
                tokio::time::sleep(INGEST_MARGIN).await;
                runs.push(self.costed(asked, pace).await?);
                rates.push(coming.await??.per_second() * INGEST_BATCH as f64);
            }
        }
        add(report, name, &ours, &theirs);
        report.add("  ingest meanwhile", "events/s", &rates, None);
        Ok(())
    }

    async fn costed(&self, asked: &Server, pace: Pace) -> anyhow::Result<Costed> {
        let decided = async || {
            let metrics = self.server.get("/metrics").await?;
            anyhow::Ok(Buckets::read(&metrics, "weir_verdict_seconds"))
        };
        let (before, decided_before) = (asked.usage()?, decided().await?);
        let load = drive(asked.address, Arc::clone(&self.asking), pace).await?;
        let cpu_us = (asked.usage()?.cpu_us - before.cpu_us) as f64 / load.requests.max(1) as f64;
        Ok(Costed { load, cpu_us, decided: decided().await?.since(&decided_before) })
    }
}

fn add(report: &mut Report, name: &str, ours: &[Costed], theirs: &[Costed]) {
    let figures = |runs: &[Costed], of: fn(&Costed) -> f64| runs.iter().map(of).collect::<Vec<_>>();
    let mut both = |name: &str, unit, of: fn(&Costed) -> f64| {
        report.add(name, unit, &figures(ours, of), Some(&figures(theirs, of)));
    };
    both(name, "1/s", |run| run.load.per_second());
    both("  p50", "ms", |run| run.load.quantile_ms(0.5));
    both("  p99", "ms", |run| run.load.quantile_ms(0.99));
    report.add("  server side p99", "ms", &figures(ours, |run| run.decided.quantile_ms(0.99)), None);
    report.add("  server side over 1 ms", "%", &figures(ours, |run| 100.0 * run.decided.share_above(SLOW_S)), None);
}
