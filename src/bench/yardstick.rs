//! What the figures are held against: the least server that does the same work with the same crates.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use clap::{Args, ValueEnum};
use tokio::sync::{mpsc, oneshot};

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Yardstick {
    /// Parses each line to a value, appends the body to a file, group-commits, answers.
    Ingest,
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
        Yardstick::Ingest => {
            std::fs::create_dir_all(&args.data)?;
            let file = File::create(args.data.join("log"))?;
            let (sender, receiver) = mpsc::channel(8 * 1024);
            std::thread::Builder::new().name("log".into()).spawn(move || commit(file, receiver))?;
            Router::new().route("/v1/events", post(append)).with_state(Arc::new(sender))
        }
        Yardstick::Verdict => Router::new().route("/v1/verdict", post(constant)),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        let _ = axum::serve(listener, router.layer(DefaultBodyLimit::max(64 << 20))).await;
    });
    use std::io::Write as _;
    writeln!(std::io::stdout(), "listening on http://{address}")?;
    std::future::pending::<()>().await;
    Ok(())
}

type Appended = (Bytes, oneshot::Sender<()>);

async fn append(State(log): State<Arc<mpsc::Sender<Appended>>>, body: Bytes) -> Result<String, StatusCode> {
    let mut events = 0;
    for line in body.split(|byte| *byte == b'\n') {
        serde_json::from_slice::<serde_json::Value>(line).map_err(|_| StatusCode::BAD_REQUEST)?;
        events += 1;
    }
    let (reply, answer) = oneshot::channel();
    log.send((body, reply)).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    answer.await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
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
