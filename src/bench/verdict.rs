//! `weir bench verdict`: closed and open loops against a bare handler given the same POSTs, with many tracked entities.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::client::post;
use super::load::{Load, Pace, Traffic, drive};
use super::report::Report;
use super::server::{Scratch, Server};

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
    let asking = Arc::new(Asking { entities: args.entities });
    let duration = Duration::from_secs(args.round_seconds);
    for connections in [1, 16, args.connections] {
        let pace = Pace { connections, duration, rate: None };
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..args.rounds {
            theirs.push(costed(&bare, &asking, pace).await?);
            ours.push(costed(&server, &asking, pace).await?);
        }
        add(&mut report, &format!("closed loop, {connections} connections"), &ours, &theirs);
    }
    for rate in [1_000.0, 5_000.0, 20_000.0] {
        let pace = Pace { connections: args.connections, duration, rate: Some(rate) };
        let (theirs, ours) = (costed(&bare, &asking, pace).await?, costed(&server, &asking, pace).await?);
        add(&mut report, &format!("open loop, {rate} a second"), &[ours], &[theirs]);
    }
    let metrics = server.get("/metrics").await?;
    for line in metrics.lines().filter(|line| line.starts_with("weir_verdict_seconds{")) {
        report.note(format!("server side: {line}"));
    }
    let peak = server.usage()?.peak_rss_bytes as f64 / f64::from(1 << 20);
    report.add("peak RSS", "MiB", &[peak], None);
    report.note(format!("{} entities tracked; a fifth of the requests asks about unknown ones", args.entities));
    Ok(report)
}

struct Costed {
    load: Load,
    cpu_us: f64,
}

async fn costed(server: &Server, asking: &Arc<Asking>, pace: Pace) -> anyhow::Result<Costed> {
    let before = server.usage()?;
    let load = drive(server.address, Arc::clone(asking), pace).await?;
    let cpu_us = (server.usage()?.cpu_us - before.cpu_us) as f64 / load.requests.max(1) as f64;
    Ok(Costed { load, cpu_us })
}

fn add(report: &mut Report, name: &str, ours: &[Costed], theirs: &[Costed]) {
    let figures =
        |of: fn(&Costed) -> f64| (ours.iter().map(of).collect::<Vec<_>>(), theirs.iter().map(of).collect::<Vec<_>>());
    let mut add = |name: &str, unit, of: fn(&Costed) -> f64| {
        let (ours, theirs) = figures(of);
        report.add(name, unit, &ours, Some(&theirs));
    };
    add(name, "1/s", |run| run.load.per_second());
    add("  server CPU a request", "us", |run| run.cpu_us);
    add("  p50", "ms", |run| run.load.quantile_ms(0.5));
    add("  p99", "ms", |run| run.load.quantile_ms(0.99));
}
