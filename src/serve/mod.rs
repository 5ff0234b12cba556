//! The server's life: everything is opened in order, requests are served, and a signal ends it without losing anything.

mod listener;
mod names;
mod open;
mod watch;

use std::future::Future;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ingest::DiskRef;
use tracing::{info, warn};

use crate::config::Config;
use crate::control::{KeyText, Scopes};
use crate::http::{self, Weir};

use listener::Listener;

pub(crate) use open::{boards, engine_config, open_directory, policy, query_directory, rule_directories};

/// The most time that stopping may take, draining included: what is not in its tables by then is in the log.
const STOP_TIMEOUT: Duration = Duration::from_secs(9);
/// So long may settling take even after a drain that was configured to be long.
const SETTLE_TIMEOUT_LEAST: Duration = Duration::from_secs(4);

/// What a server is started with besides its configuration.
#[derive(Default)]
pub(crate) struct Options {
    /// Keys that exist for this process only: `WEIR_ADMIN_KEY`, the demo's.
    pub(crate) fixed_keys: Vec<(KeyText, Scopes)>,
    /// A proxy in front speaks TLS, so an address that is not the loopback's may be listened on.
    pub(crate) behind_proxy: bool,
    /// All of this is a demonstration, and pages say so.
    pub(crate) is_demo: bool,
    /// What stands in for the machine's own disk.
    pub(crate) disk: Option<DiskRef>,
}

/// Serves until `stop` completes. Prints the one line on stdout when it accepts. `ready` is told the address.
///
/// # Errors
/// When anything cannot be opened; the message says what and where.
pub(crate) async fn run(
    config: Config,
    options: Options,
    ready: impl FnOnce(&str, &Arc<Weir>),
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    if !config.server.listen.ip().is_loopback() && !options.behind_proxy {
        anyhow::bail!(
            "{} is not a loopback address and Weir does not speak TLS itself: put a proxy with TLS in front and say \
             --behind-proxy, or listen on 127.0.0.1",
            config.server.listen
        );
    }
    let listener =
        Listener::bind(&config.server).await.with_context(|| format!("cannot listen on {}", config.server.listen))?;
    let address = listener.address()?;
    let weir = open::open(config, &options).await?;
    let background = watch::start(&weir);
    let router = http::router(Arc::clone(&weir));
    writeln!(std::io::stdout(), "listening on http://{address}")?;
    std::io::stdout().flush()?;
    ready(&format!("http://{address}"), &weir);
    let stop = async {
        stop.await;
        // Streams would have no end of their own.
        weir.verdicts.changes().close();
    };
    let told = listener.run(router, stop).await;
    background.stop().await;
    let left = STOP_TIMEOUT.saturating_sub(told.elapsed()).max(SETTLE_TIMEOUT_LEAST);
    match tokio::time::timeout(left, weir.ingest.shutdown()).await {
        Ok(Ok(())) => info!("stopped; everything is in its tables"),
        Ok(Err(error)) => warn!(%error, "stopped; what was not settled is in the log"),
        Err(_) => warn!("stopped before everything was settled; the rest is in the log"),
    }
    Ok(())
}

/// Completes at SIGTERM or SIGINT.
pub(crate) async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        warn!("signals cannot be received; end the process by SIGKILL, which is always safe");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(test)]
mod tests;
