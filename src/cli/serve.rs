//! `weir serve`: the server.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::misuse;
use crate::config::{self, Config, Origin};
use crate::control::{KeyText, Scopes};
use crate::serve::{self, Options};

#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  weir serve\n  weir serve --data /var/lib/weir --config weir.toml\n  \
    weir serve --listen 127.0.0.1:0        a free port; stdout tells which\n\nEvery key of weir.toml can be set as \
    WEIR_<SECTION>_<KEY>; `weir check --print-config` prints them all with their defaults.")]
pub(super) struct ServeArgs {
    /// The data directory [default: ./weir-data]
    #[arg(long, value_name = "DIR", env = "WEIR_DATA")]
    pub(super) data: Option<PathBuf>,
    /// The address to listen on; port 0 picks one [default: 127.0.0.1:8600]
    #[arg(long, value_name = "ADDR", env = "WEIR_LISTEN")]
    pub(super) listen: Option<SocketAddr>,
    /// The address for PostgreSQL clients; this version has none yet
    #[arg(long, value_name = "ADDR", default_value = "off", env = "WEIR_PG_LISTEN")]
    pub(super) pg_listen: String,
    /// The configuration file
    #[arg(long, value_name = "FILE", env = "WEIR_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// A directory of rules of your own, over those in the data directory
    #[arg(long, value_name = "DIR")]
    pub(super) rules: Vec<PathBuf>,
    /// A directory of dashboards of your own, over those in the data directory
    #[arg(long, value_name = "DIR")]
    pub(super) dashboards: Vec<PathBuf>,
    /// A proxy in front speaks TLS: allow an address that is not the loopback's
    #[arg(long)]
    pub(super) behind_proxy: bool,
}

/// Serves until a signal.
pub(super) fn run(args: &ServeArgs) -> anyhow::Result<bool> {
    if args.pg_listen != "off" {
        return Err(misuse(format!(
            "--pg-listen {}: this version does not speak the PostgreSQL protocol yet; leave it off and use POST /v1/sql",
            args.pg_listen
        )));
    }
    let config = config_of(args)?;
    if !config.server.listen.ip().is_loopback() && !args.behind_proxy {
        return Err(misuse(format!(
            "{} is not a loopback address and Weir does not speak TLS itself: put a proxy with TLS in front and say \
             --behind-proxy, or listen on 127.0.0.1",
            config.server.listen
        )));
    }
    let fixed_keys = admin_key()?.into_iter().collect();
    let options = Options { fixed_keys, behind_proxy: args.behind_proxy, ..Options::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("weir-http").build()?;
    runtime.block_on(serve::run(config, options, |_, _| {}, serve::signalled()))?;
    Ok(true)
}

/// Returns the configuration: defaults, file, environment, command line.
pub(super) fn config_of(args: &ServeArgs) -> anyhow::Result<Config> {
    let mut config = config::load(args.config.as_deref(), std::env::vars())?;
    if let Some(data) = &args.data {
        config.server.data.clone_from(data);
        config.origins.note("server", "data", Origin::CommandLine);
    }
    if let Some(listen) = args.listen {
        config.server.listen = listen;
        config.origins.note("server", "listen", Origin::CommandLine);
    }
    if !args.rules.is_empty() {
        config.rules.dirs.extend(args.rules.iter().cloned());
        config.origins.note("rules", "dirs", Origin::CommandLine);
    }
    if !args.dashboards.is_empty() {
        config.dashboards.dirs.extend(args.dashboards.iter().cloned());
        config.origins.note("dashboards", "dirs", Origin::CommandLine);
    }
    Ok(config)
}

/// Reads `WEIR_ADMIN_KEY`.
fn admin_key() -> anyhow::Result<Option<(KeyText, Scopes)>> {
    // Set to nothing is not set: that is how compose files leave a variable out.
    let Some(text) = std::env::var("WEIR_ADMIN_KEY").ok().filter(|text| !text.is_empty()) else { return Ok(None) };
    let key: KeyText = text.parse().map_err(|why: String| misuse(format!("WEIR_ADMIN_KEY: {why}")))?;
    Ok(Some((key, Scopes::ALL)))
}
