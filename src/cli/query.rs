//! `weir query`: a stored query by name, or the list of them.

use std::path::PathBuf;

use clap::Args;
use queries::{Catalogue, Params};
use serde_json::{Value, json};

use super::print_line;
use super::remote::{Remote, RemoteArgs};
use super::sql::{ask_directory, parse_param};
use super::table::OutputArgs;
use crate::clock;
use crate::config::Config;
use crate::serve;

#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  weir query list\n  weir query errors_over_time --param from=-24h --data ./weir-data\n  \
    weir query top_errors --url http://127.0.0.1:8600 --key $KEY --format csv"
)]
pub(super) struct QueryArgs {
    /// The query's name, or `list`
    name: String,
    #[command(flatten)]
    remote: RemoteArgs,
    /// The data directory; no server may hold it
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    data: Option<PathBuf>,
    /// A parameter of the query
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_param)]
    param: Vec<(String, Value)>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs or lists.
pub(super) fn run(args: &QueryArgs) -> anyhow::Result<bool> {
    args.output.check()?;
    let mut config = Config::default();
    if let Some(data) = &args.data {
        config.server.data.clone_from(data);
    }
    let (catalogue, _) = Catalogue::load(Some(&serve::query_directory(&config)));
    if args.name == "list" {
        for query in catalogue.list() {
            print_line(format_args!("{:<28} {:<12} {}", query.name, query.area, query.title))?;
        }
        return Ok(true);
    }
    let remote = Remote::of(&args.remote)?;
    let query = catalogue.get(&args.name);
    let given: Params = args.param.iter().cloned().collect();
    let bytes = match (remote, query) {
        (Some(remote), Some(query)) => {
            let params = query.bind(&given, clock::now())?;
            remote.post("/v1/sql", args.output.media_type(), &json!({"sql": query.sql, "params": params}))?
        }
        (Some(remote), None) => {
            let pairs = args.param.iter().map(|(name, value)| match value {
                Value::String(text) => (name.as_str(), text.clone()),
                other => (name.as_str(), other.to_string()),
            });
            let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            remote.get(&format!("/v1/queries/{}?{query}", args.name), args.output.media_type())?
        }
        (None, Some(query)) => {
            let params = query.bind(&given, clock::now())?;
            ask_directory(&config.server.data, &query.sql, &params, args.output.media_type())?
        }
        (None, None) => {
            return Err(super::misuse(format!(
                "there is no stored query named {:?}; see `weir query list`",
                args.name
            )));
        }
    };
    args.output.write(&bytes)?;
    Ok(true)
}
