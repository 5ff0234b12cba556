//! The command line of `weir load`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

/// Loads files of events, one JSON object a line, optionally compressed with gzip or zstd.
///
/// A load that was interrupted, or is repeated, stores nothing twice: events without an id get one from the file and
/// their place in it. What is rejected is written to FILE.rejects.ndjson with the reason.
#[derive(Args, Clone, Debug)]
#[command(group(ArgGroup::new("destination").required(true).args(["url", "data"])))]
pub(crate) struct LoadArgs {
    /// Files of events
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Loads through the server at this address
    #[arg(long, value_name = "URL", requires = "key")]
    pub(crate) url: Option<String>,
    /// The server key to load with (scope ingest; admin with --historical)
    #[arg(long, value_name = "K", env = "WEIR_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
    /// Loads straight into this data directory; no server may hold it
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Loads as a trusted import: events of any age, received when they happened
    #[arg(long)]
    pub(crate) historical: bool,
    /// Events a request; imports have a size of their own, so that they can be resumed
    #[arg(long, value_name = "N", default_value_t = 5_000, conflicts_with = "historical",
        value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub(crate) batch: u32,
}
