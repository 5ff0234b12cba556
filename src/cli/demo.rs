//! `weir demo`: the server on a throw-away directory, with a week of history and live traffic.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use clap::Args;
use ingest::{ImportOrigin, Sender, Source, Trust};

use crate::clock;
use crate::config::{Config, Origin};
use crate::control::Scopes;
use crate::http::Weir;
use crate::serve::{self, Options};
use crate::simulate::demo;

/// The demo's key: it exists only in the demo, which listens on the loopback interface only.
const KEY: &str = "wk_demo_thisKeyOpensTheDemoAndNothingElse";
/// Events of history that are imported at a time.
const HISTORY_BATCH: usize = 20_000;

#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  weir demo\n\nThe directory is removed at the end (Ctrl-C).")]
pub(super) struct DemoArgs {
    /// The address to listen on; the loopback's only
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8600")]
    listen: SocketAddr,
    /// No live traffic: just the history
    #[arg(long)]
    quiet: bool,
}

/// Runs the demo until a signal.
pub(super) fn run(args: &DemoArgs) -> anyhow::Result<bool> {
    if !args.listen.ip().is_loopback() {
        return Err(super::misuse("the demo's key is no secret: it listens on the loopback interface only"));
    }
    let dir = std::env::temp_dir().join(format!("weir-demo-{}", std::process::id()));
    let _removed = Removed(dir.clone());
    let mut config = Config::default();
    config.server.data = dir;
    config.server.listen = args.listen;
    for key in ["data", "listen"] {
        config.origins.note("server", key, Origin::CommandLine);
    }
    let key = KEY.parse().map_err(anyhow::Error::msg)?;
    let options = Options { fixed_keys: vec![(key, Scopes::ALL)], is_demo: true, ..Options::default() };
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, quiet) = (Arc::clone(&stop), args.quiet);
    let ready = move |url: &str, weir: &Arc<Weir>| {
        let (url, weir) = (url.to_owned(), Arc::clone(weir));
        tokio::spawn(async move {
            if let Err(error) = tell(&url, &weir, quiet, stopped).await {
                eprintln!("weir: the demo's story could not be told: {error:#}");
            }
        });
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("weir-http").build()?;
    let ended = async {
        serve::signalled().await;
        stop.store(true, Ordering::Relaxed);
    };
    runtime.block_on(serve::run(config, options, ready, ended))?;
    Ok(true)
}

/// Imports the history, says what to try, and lets things happen.
async fn tell(url: &str, weir: &Arc<Weir>, quiet: bool, stop: Arc<AtomicBool>) -> anyhow::Result<()> {
    while !matches!(weir.ingest.recovery(), ingest::Recovery::Ready) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    eprintln!("Making a week of history …");
    let now = clock::now();
    let mut history = demo::history(now);
    let mut events = 0;
    loop {
        let lines: Vec<String> = history.by_ref().take(HISTORY_BATCH).collect();
        if lines.is_empty() {
            break;
        }
        events += lines.len();
        import(weir, lines.join("\n"), i64::try_from(events)?, now).await?;
    }
    weir.rulebook.reload_history();
    print_tour(url, events);
    if quiet {
        return Ok(());
    }
    let url = url.to_owned();
    let live = history.live();
    tokio::task::spawn_blocking(move || demo::drive(live, &url, demo::Keys { ingest: KEY, verdict: KEY }, &stop))
        .await?
}

async fn import(weir: &Weir, body: String, offset: i64, now: i64) -> anyhow::Result<()> {
    let sender = Sender {
        key: "demo".into(),
        trust: Trust::Server,
        source: Source::Simulate,
        historical: true,
        peer: None,
        user_agent: None,
        opted_out: false,
        idempotency_key: None,
        now,
    };
    let ingest = Arc::clone(&weir.ingest);
    let judged = tokio::task::spawn_blocking(move || ingest.judge().judge(body.as_bytes(), &sender)).await??;
    weir.ingest.import(judged, &ImportOrigin { id: "demo".into(), offset }).await.context("the history")?;
    Ok(())
}

fn print_tour(url: &str, events: usize) {
    let device = demo::ring_devices().into_iter().next().unwrap_or_default();
    eprintln!(
        "\nWeir is running with {events} simulated events of the past week, and more as you watch.\n\n\
         Open  {url}/  and sign in with\n\n    {KEY}\n\n\
         Two stories are planted: a release that crashes on one browser, and a ring of accounts on a few devices:\n\n    {url}/e/device/{device}\n\n\
         Try:\n\n\
         curl -s {url}/v1/sql -H 'Authorization: Bearer {KEY}' -d '{{\"sql\":\"select release, browser, count(*) as errors from \
         errors group by 1, 2 order by 3 desc limit 5\"}}'\n\n\
         curl -s {url}/v1/sql -H 'Authorization: Bearer {KEY}' -d '{{\"sql\":\"select device_id, count(distinct guest_id) as \
         guests from credits where reason = $r group by 1 order by 2 desc limit 5\",\"params\":{{\"r\":\"guest_grant\"}}}}'\n\n\
         curl -s {url}/v1/verdict -H 'Authorization: Bearer {KEY}' -d '{{\"action\":\"grant\",\"device_id\":\"{device}\"}}'\n\n\
         Ctrl-C ends it and removes its directory.\n"
    );
}

struct Removed(std::path::PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
