//! From an acknowledgement to the verdict: events that make a hit are sent, and as soon as they are acknowledged the verdict
//! is asked for. An answer that does not know of the hit is stale, and there may be none.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;

use super::super::client::{Connection, post, put};
use super::super::report::Report;
use super::super::server::{Scratch, Server};

const CONNECTIONS: usize = 16;
const RULE: &str = "device_many_guests";
/// Guests of a device of which the rule is true, whatever they spend.
const GUESTS: u64 = 8;
const OVERLOAD_PAUSE: Duration = Duration::from_millis(50);
const LATENCY_MAX_US: u64 = 120_000_000;

/// What one connection, or all, saw.
struct Seen {
    stale: u64,
    events_us: Histogram<u64>,
    verdict_us: Histogram<u64>,
}

impl Seen {
    fn nothing() -> anyhow::Result<Self> {
        let histogram = || Histogram::new_with_max(LATENCY_MAX_US, 3);
        Ok(Self { stale: 0, events_us: histogram()?, verdict_us: histogram()? })
    }
}

/// Measures so many hits.
pub(super) async fn measure(report: &mut Report, hits: u64, scratch: &Scratch) -> anyhow::Result<()> {
    let server = Server::weir(&scratch.path().join("fresh"), &[]).await?;
    let mut link = Connection::open(server.address).await?;
    let mode = put(&format!("/v1/rules/{RULE}/mode"), b"{\"mode\":\"live\",\"force\":true}");
    let status = link.exchange(&mode).await?;
    ensure!(status == 200, "{RULE} cannot go live: {status} {}", String::from_utf8_lossy(link.body()));

    let began = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    let workers: Vec<_> =
        (0..CONNECTIONS).map(|_| tokio::spawn(worker(server.address, Arc::clone(&next), hits))).collect();
    let mut all = Seen::nothing()?;
    for worker in workers {
        let seen = worker.await.context("a worker died")??;
        all.stale += seen.stale;
        all.events_us.add(&seen.events_us)?;
        all.verdict_us.add(&seen.verdict_us)?;
    }
    let seconds = began.elapsed().as_secs_f64();
    await_hits(&server, hits).await?;

    report.add(&format!("stale verdicts of {hits}"), "answers", &[all.stale as f64], None);
    report.add("  hits made and asked for", "1/s", &[hits as f64 / seconds], None);
    let ms = |latencies: &Histogram<u64>, quantile| latencies.value_at_quantile(quantile) as f64 / 1_000.0;
    report.add("  events acknowledged, p50", "ms", &[ms(&all.events_us, 0.5)], None);
    report.add("  events acknowledged, p99", "ms", &[ms(&all.events_us, 0.99)], None);
    report.add("  verdict, p50", "ms", &[ms(&all.verdict_us, 0.5)], None);
    report.add("  verdict, p99", "ms", &[ms(&all.verdict_us, 0.99)], None);
    Ok(())
}

/// Waits until the table of hits tells of all of them.
async fn await_hits(server: &Server, hits: u64) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let known =
            server.sql(&format!("select count(*) from hits where rule = '{RULE}' and state = 'opened'")).await?;
        let opened = known.first().and_then(|row| row.first()).and_then(serde_json::Value::as_u64);
        if opened == Some(hits) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the table of hits has {opened:?} of {hits}");
        tokio::time::sleep(OVERLOAD_PAUSE).await;
    }
}

async fn worker(address: SocketAddr, next: Arc<AtomicU64>, hits: u64) -> anyhow::Result<Seen> {
    let mut link = Connection::open(address).await?;
    let mut seen = Seen::nothing()?;
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= hits {
            return Ok(seen);
        }
        let (grants, question) = (grants(number), question(number));
        let sent = Instant::now();
        while link.exchange(&grants).await? == 503 {
            tokio::time::sleep(OVERLOAD_PAUSE).await;
        }
        seen.events_us.saturating_record(sent.elapsed().as_micros() as u64);
        ensure!(
            holds(link.body(), &format!("\"stored\":{GUESTS},")),
            "grants: {}",
            String::from_utf8_lossy(link.body())
        );
        let sent = Instant::now();
        let status = link.exchange(&question).await?;
        seen.verdict_us.saturating_record(sent.elapsed().as_micros() as u64);
        ensure!(status == 200, "a verdict answered {status}: {}", String::from_utf8_lossy(link.body()));
        // A throttle for another reason, a limit's, would prove nothing.
        let is_fresh = holds(link.body(), "\"verdict\":\"throttle\"") && holds(link.body(), RULE);
        seen.stale += u64::from(!is_fresh);
    }
}

fn holds(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Grants to as many guests of a new device as the rule allows none.
fn grants(number: u64) -> Vec<u8> {
    let grant = |guest: u64| {
        format!(
            "{{\"id\":\"grant-{number}-{guest}\",\"kind\":\"credit\",\"op\":\"grant\",\"amount\":50,\"reason\":\"guest_grant\",\
             \"ref\":\"g-{number}-{guest}\",\"guest_id\":\"gst_{number}_{guest}\",\"device_id\":\"dev_{number}\"}}"
        )
    };
    post("/v1/events", (0..GUESTS).map(grant).collect::<Vec<_>>().join("\n").as_bytes())
}

fn question(number: u64) -> Vec<u8> {
    post("/v1/verdict", format!("{{\"action\":\"generate\",\"device_id\":\"dev_{number}\"}}").as_bytes())
}
