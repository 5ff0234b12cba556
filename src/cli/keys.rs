//! `weir keys`: API keys of a running server, or of a data directory that no server holds.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::print_line;
use super::remote::{Remote, RemoteArgs};
use crate::clock;
use crate::config::Config;
use crate::control::{By, Control, Keyring};
use crate::http::CreateKey;

#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  weir keys create backend --scope ingest --scope verdict\n  \
    weir keys create web --scope ingest_public --origin https://app.example --rate 1000/min\n  weir keys list\n  \
    weir keys revoke key_…\n\nWith --url and --key they go to a running server; else to the data directory.")]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
    #[command(flatten)]
    remote: RemoteArgs,
    /// The data directory; no server may hold it
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
}

#[derive(Subcommand, Clone, Debug)]
enum KeysCommand {
    /// Make a key and show it, once
    Create {
        /// Its name: lower-case letters and digits
        name: String,
        /// What it may do: ingest, ingest_public, verdict, query, review, admin
        #[arg(long, required = true, value_name = "SCOPE")]
        scope: Vec<String>,
        /// A web origin that may use it (ingest_public)
        #[arg(long, value_name = "ORIGIN")]
        origin: Vec<String>,
        /// Events it may send, for example 1000/min
        #[arg(long, value_name = "RATE")]
        rate: Option<String>,
        /// When it ends: RFC 3339
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
        /// What columns its SQL may read are kept for; default: all but abuse
        #[arg(long, value_name = "PURPOSE")]
        purpose: Vec<String>,
    },
    /// List the keys, without their secrets
    List,
    /// End a key, at once
    Revoke {
        /// The key's id, as `list` shows it
        id: String,
    },
}

/// Makes, lists or ends.
pub(super) fn run(args: &KeysArgs) -> anyhow::Result<bool> {
    match Remote::of(&args.remote)? {
        Some(remote) => over_http(&remote, &args.command),
        None => in_directory(args),
    }
}

fn wire(command: &KeysCommand) -> Value {
    let KeysCommand::Create { name, scope, origin, rate, expires_at, purpose } = command else { return Value::Null };
    let mut body = json!({"name": name, "scopes": scope});
    if !origin.is_empty() {
        body["origins"] = json!(origin);
    }
    if let Some(rate) = rate {
        body["rate"] = json!(rate);
    }
    if let Some(expires_at) = expires_at {
        body["expires_at"] = json!(expires_at);
    }
    if !purpose.is_empty() {
        body["purposes"] = json!(purpose);
    }
    body
}

fn over_http(remote: &Remote, command: &KeysCommand) -> anyhow::Result<bool> {
    match command {
        KeysCommand::Create { .. } => {
            let made: Value = serde_json::from_slice(&remote.post("/v1/keys", "application/json", &wire(command))?)?;
            print_line(made["key"].as_str().unwrap_or_default())?;
            eprintln!("This key is shown once; keep it. Its id is {}.", made["id"].as_str().unwrap_or_default());
        }
        KeysCommand::List => {
            let listed: Value = serde_json::from_slice(&remote.get("/v1/keys", "application/json")?)?;
            for key in listed["keys"].as_array().into_iter().flatten() {
                let text = |name: &str| key[name].as_str().unwrap_or_default().to_owned();
                let scopes: Vec<&str> =
                    key["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                print_line(format_args!("{:<28} {:<20} {}", text("id"), text("name"), scopes.join(",")))?;
            }
        }
        KeysCommand::Revoke { id } => {
            remote.delete(&format!("/v1/keys/{id}"))?;
        }
    }
    Ok(true)
}

fn in_directory(args: &KeysArgs) -> anyhow::Result<bool> {
    let dir = args.data.clone().unwrap_or_else(|| Config::default().server.data);
    std::fs::create_dir_all(&dir)?;
    let _held = ingest::lock_directory(&dir)?;
    let now = clock::now();
    let keyring = Keyring::load(Arc::new(Control::open(&dir)?), &[], now)?;
    match &args.command {
        KeysCommand::Create { .. } => {
            let new: CreateKey = serde_json::from_value(wire(&args.command))?;
            let (stored, text) = keyring.create(new.check(now).map_err(super::misuse)?, By::command(now))?;
            print_line(text)?;
            eprintln!("This key is shown once; keep it. Its id is {}.", stored.id);
        }
        KeysCommand::List => {
            for key in keyring.list() {
                print_line(format_args!("{:<28} {:<20} {}", key.id, key.name, key.scopes.names().join(",")))?;
            }
        }
        KeysCommand::Revoke { id } => {
            if !keyring.revoke(id, By::command(now))? {
                anyhow::bail!("there is no key with the id {id:?}");
            }
        }
    }
    Ok(true)
}
