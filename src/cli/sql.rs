//! `weir sql`: one query, against a running server or a data directory that no server holds.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use futures::StreamExt;
use queries::{Form, Params};
use serde_json::{Value, json};

use super::directory::Directory;
use super::remote::{Remote, RemoteArgs};
use super::table::OutputArgs;
use crate::config::Config;

#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  weir sql 'select count(*) from usage' --data ./weir-data\n  \
    weir sql 'select * from credits where account_id = $who' --param who=acct_1 --url http://127.0.0.1:8600 --key $KEY\n  \
    weir sql 'select * from usage' --format parquet -o usage.parquet --data ./weir-data")]
pub(super) struct SqlArgs {
    /// One read-only statement
    sql: String,
    #[command(flatten)]
    remote: RemoteArgs,
    /// The data directory; no server may hold it
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    data: Option<PathBuf>,
    /// A value of a $name parameter; numbers, true, false and null are read as such
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_param)]
    param: Vec<(String, Value)>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the query.
pub(super) fn run(args: &SqlArgs) -> anyhow::Result<bool> {
    args.output.check()?;
    let params: Params = args.param.iter().cloned().collect();
    let bytes = match (Remote::of(&args.remote)?, &args.data) {
        (Some(remote), _) => {
            let body = json!({"sql": args.sql, "params": params});
            remote.post("/v1/sql", args.output.media_type(), &body)?
        }
        (None, data) => {
            let dir = data.clone().unwrap_or_else(|| Config::default().server.data);
            ask_directory(&dir, &args.sql, &params, args.output.media_type())?
        }
    };
    args.output.write(&bytes)?;
    Ok(true)
}

/// Reads `name=value`.
pub(super) fn parse_param(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
    let value = match serde_json::from_str(value) {
        Ok(scalar @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => scalar,
        _ => Value::String(value.to_owned()),
    };
    Ok((name.to_owned(), value))
}

/// Answers over a data directory, without a server.
pub(super) fn ask_directory(dir: &Path, sql: &str, params: &Params, media_type: &str) -> anyhow::Result<Vec<u8>> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let directory = Directory::open(dir).await?;
        let answer = directory.engine.ask(sql, params, directory.tables.clone()).await?;
        let mut bytes = Vec::new();
        if media_type == Form::Json.content_type() {
            bytes = serde_json::to_vec(&queries::forms::json(answer, directory.config.sql.rows_max).await?)?;
        } else {
            let form = Form::from_accept(media_type).context("a form of the engine's")?;
            let mut chunks = queries::forms::encode(form, answer);
            while let Some(chunk) = chunks.next().await {
                bytes.extend_from_slice(&chunk?);
            }
        }
        directory.close().await?;
        Ok(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_scalars_or_text() {
        assert_eq!(parse_param("n=3").unwrap(), ("n".into(), json!(3)));
        assert_eq!(parse_param("who=acct_1").unwrap(), ("who".into(), json!("acct_1")));
        assert_eq!(parse_param("q=a=b").unwrap(), ("q".into(), json!("a=b")));
        assert_eq!(parse_param("list=[1]").unwrap(), ("list".into(), json!("[1]")));
        assert!(parse_param("nothing").is_err());
    }
}
