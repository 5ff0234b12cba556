//! What the figures are held against: the least server that does the same work with the same crates.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use clap::{Args, ValueEnum};
use flate2::read::GzDecoder;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Yardstick {
    /// Parses each line to a value, appends the body to a file, group-commits, answers.
    Ingest,
    /// Opens gzip, parses each line to a value, appends the body to a file as it was sent, group-commits, answers.
    Errors,
    /// Answers a constant.
    Verdict,
}

#[derive(Debug, Args)]
pub(crate) struct YardstickArgs {
    kind: Yardstick,
    /// Where to put the file.
    #[arg(long)]
    data: PathBuf,
}

/// Serves until killed.
pub(crate) async fn serve(args: YardstickArgs) -> anyhow::Result<()> {
    let router = match args.kind {
        Yardstick::Ingest => Router::new().route("/v1/events", post(append)).with_state(log_in(&args.data)?),
        Yardstick::Errors => {
            Router::new().route("/api/{project}/envelope/", post(append_envelope)).with_state(log_in(&args.data)?)
        }
        Yardstick::Verdict => Router::new().route("/v1/verdict", post(constant)),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        let _ = axum::serve(listener, router.layer(DefaultBodyLimit::max(64 << 20))).await;
    });
    writeln!(std::io::stdout(), "listening on http://{address}")?;
    std::future::pending::<()>().await;
    Ok(())
}

type Appended = (Bytes, oneshot::Sender<()>);
type Log = Arc<mpsc::Sender<Appended>>;

/// Opens a log in a directory, with the thread that writes it.
fn log_in(data: &Path) -> anyhow::Result<Log> {
    std::fs::create_dir_all(data)?;
    let file = File::create(data.join("log"))?;
    let (sender, receiver) = mpsc::channel(8 * 1024);
    std::thread::Builder::new().name("log".into()).spawn(move || commit(file, receiver))?;
    Ok(Arc::new(sender))
}

async fn make_durable(log: &Log, body: Bytes) -> Result<(), StatusCode> {
    let (reply, answer) = oneshot::channel();
    log.send((body, reply)).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    answer.await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
}

/// Parses each line to a value. Returns the first, and how many there were.
fn parse_lines(body: &[u8]) -> Result<(Value, usize), StatusCode> {
    let mut lines = body.split(|byte| *byte == b'\n').map(serde_json::from_slice::<Value>);
    let mut next = || lines.next().transpose().map_err(|_| StatusCode::BAD_REQUEST);
    let first = next()?.ok_or(StatusCode::BAD_REQUEST)?;
    let mut count = 1;
    while next()?.is_some() {
        count += 1;
    }
    Ok((first, count))
}

async fn append_envelope(State(log): State<Log>, body: Bytes) -> Result<String, StatusCode> {
    let id = {
        let mut opened = Vec::new();
        let is_gzip = body.starts_with(&[0x1f, 0x8b]);
        if is_gzip {
            GzDecoder::new(&body[..]).read_to_end(&mut opened).map_err(|_| StatusCode::BAD_REQUEST)?;
        }
        let (header, _) = parse_lines(if is_gzip { &opened } else { &body })?;
        header["event_id"].as_str().ok_or(StatusCode::BAD_REQUEST)?.to_owned()
    };
    make_durable(&log, body).await?;
    Ok(format!("{{\"id\":\"{id}\"}}"))
}

async fn append(State(log): State<Log>, body: Bytes) -> Result<String, StatusCode> {
    let (_, events) = parse_lines(&body)?;
    make_durable(&log, body).await?;
    Ok(format!("{{\"received\":{events},\"stored\":{events},\"duplicate\":0}}"))
}

fn commit(mut file: File, mut waiting: mpsc::Receiver<Appended>) {
    let mut replies = Vec::new();
    let mut group = Vec::new();
    while let Some((body, reply)) = waiting.blocking_recv() {
        group.clear();
        group.extend_from_slice(&body);
        replies.push(reply);
        while group.len() < 8 << 20
            && let Ok((body, reply)) = waiting.try_recv()
        {
            group.extend_from_slice(&body);
            replies.push(reply);
        }
        if file.write_all(&group).and_then(|()| file.sync_data()).context("the yardstick's log").is_err() {
            return;
        }
        for reply in replies.drain(..) {
            let _ = reply.send(());
        }
    }
}

async fn constant(body: Bytes) -> String {
    std::hint::black_box(&body);
    "{\"verdict\":\"allow\",\"score\":0}".to_owned()
}
