//! Closed and open loops over many connections, with latencies counted in a histogram.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use hdrhistogram::Histogram;

use super::client::Connection;

const OVERLOAD_PAUSE: Duration = Duration::from_millis(50);

/// What one run of load saw.
pub(crate) struct Load {
    pub(crate) requests: u64,
    /// Answers 503 on the way; each was sent again.
    pub(crate) overloaded: u64,
    pub(crate) seconds: f64,
    /// Microseconds from sending (closed loop) or from the time it was due (open loop) to the whole answer.
    pub(crate) latency_us: Histogram<u64>,
}

impl Load {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    pub(crate) fn quantile_ms(&self, quantile: f64) -> f64 {
        self.latency_us.value_at_quantile(quantile) as f64 / 1_000.0
    }
}

/// Prepares the next request of one connection into the buffer; checks the answer.
pub(crate) trait Traffic: Send + Sync + 'static {
    /// Writes request number `number` of connection `connection`.
    fn prepare(&self, connection: usize, number: u64, request: &mut Vec<u8>);
    /// Tells whether the answer is right.
    fn check(&self, status: u16, body: &[u8]) -> bool;
}

/// How hard to drive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) connections: usize,
    pub(crate) duration: Duration,
    /// Requests a second over all connections; `None` is a closed loop.
    pub(crate) rate: Option<f64>,
}

/// Drives the server for the given time.
pub(crate) async fn drive<T: Traffic>(address: SocketAddr, traffic: Arc<T>, pace: Pace) -> anyhow::Result<Load> {
    let started = Instant::now();
    let deadline = started + pace.duration;
    let mut workers = Vec::with_capacity(pace.connections);
    for connection in 0..pace.connections {
        let traffic = Arc::clone(&traffic);
        workers.push(tokio::spawn(worker(address, traffic, connection, pace, started, deadline)));
    }
    let mut latency_us = histogram()?;
    let (mut requests, mut overloaded) = (0, 0);
    for worker in workers {
        let (count, waited, latencies) = worker.await.context("a load worker died")??;
        requests += count;
        overloaded += waited;
        latency_us.add(&latencies)?;
    }
    Ok(Load { requests, overloaded, seconds: started.elapsed().as_secs_f64(), latency_us })
}

fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_max(120_000_000, 3)?)
}

async fn worker<T: Traffic>(
    address: SocketAddr,
    traffic: Arc<T>,
    connection: usize,
    pace: Pace,
    started: Instant,
    deadline: Instant,
) -> anyhow::Result<(u64, u64, Histogram<u64>)> {
    let mut link = Connection::open(address).await?;
    let mut latencies = histogram()?;
    let mut request = Vec::new();
    let (mut number, mut waited) = (0, 0);
    let interval = pace.rate.map(|rate| Duration::from_secs_f64(pace.connections as f64 / rate));
    loop {
        let due = match interval {
            // Connections are spread over the interval, so that the load is even.
            Some(interval) => started + interval.mul_f64(number as f64 + connection as f64 / pace.connections as f64),
            None => Instant::now(),
        };
        if due >= deadline {
            return Ok((number, waited, latencies));
        }
        if interval.is_some() {
            tokio::time::sleep_until(due.into()).await;
        }
        traffic.prepare(connection, number, &mut request);
        let sent = if interval.is_some() { due } else { Instant::now() };
        let mut status = link.exchange(&request).await?;
        while status == 503 {
            // Overload is an answer, not a failure: nothing was stored, and the same request is sent again.
            waited += 1;
            tokio::time::sleep(OVERLOAD_PAUSE).await;
            status = link.exchange(&request).await?;
        }
        latencies.saturating_record(sent.elapsed().as_micros() as u64);
        if !traffic.check(status, link.body()) {
            bail!("a wrong answer: {status} {}", String::from_utf8_lossy(link.body()));
        }
        number += 1;
    }
}
