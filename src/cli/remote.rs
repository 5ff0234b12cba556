//! A running server, as commands talk to it.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Which server, and with which key.
#[derive(Args, Clone, Debug)]
pub(super) struct RemoteArgs {
    /// The server
    #[arg(long, value_name = "URL", env = "WEIR_URL", global = true)]
    pub(super) url: Option<String>,
    /// The key
    #[arg(long, value_name = "KEY", env = "WEIR_KEY", hide_env_values = true, global = true)]
    pub(super) key: Option<String>,
}

/// A server that can be asked.
pub(super) struct Remote {
    agent: ureq::Agent,
    url: String,
    key: String,
}

impl Remote {
    /// Returns the server that the arguments name, if they name one.
    pub(super) fn of(args: &RemoteArgs) -> anyhow::Result<Option<Self>> {
        let Some(url) = &args.url else { return Ok(None) };
        let key = args.key.clone().ok_or_else(|| super::misuse("a server needs a key: --key, or WEIR_KEY"))?;
        let config =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_connect(Some(CONNECT_TIMEOUT)).build();
        Ok(Some(Self { agent: config.into(), url: url.trim_end_matches('/').to_owned(), key }))
    }

    /// Asks, and returns the body of a success.
    pub(super) fn get(&self, path: &str, accept: &str) -> anyhow::Result<Vec<u8>> {
        let request = self.agent.get(format!("{}{path}", self.url));
        let request = request.header("authorization", format!("Bearer {}", self.key)).header("accept", accept);
        self.body(request.call().with_context(|| format!("cannot reach {}", self.url))?)
    }

    /// Posts JSON, and returns the body of a success.
    pub(super) fn post(&self, path: &str, accept: &str, body: &Value) -> anyhow::Result<Vec<u8>> {
        let request = self.agent.post(format!("{}{path}", self.url));
        let request = request.header("authorization", format!("Bearer {}", self.key)).header("accept", accept);
        self.body(request.send_json(body).with_context(|| format!("cannot reach {}", self.url))?)
    }

    /// Posts JSON, and returns the body of a success as it comes.
    pub(super) fn post_streamed(&self, path: &str, accept: &str, body: &Value) -> anyhow::Result<impl Read + use<>> {
        let request = self.agent.post(format!("{}{path}", self.url));
        let request = request.header("authorization", format!("Bearer {}", self.key)).header("accept", accept);
        let response = request.send_json(body).with_context(|| format!("cannot reach {}", self.url))?;
        if !response.status().is_success() {
            self.body(response)?;
            bail!("{} refused", self.url);
        }
        Ok(response.into_body().into_reader())
    }

    /// Deletes.
    pub(super) fn delete(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let request = self.agent.delete(format!("{}{path}", self.url));
        let request = request.header("authorization", format!("Bearer {}", self.key));
        self.body(request.call().with_context(|| format!("cannot reach {}", self.url))?)
    }

    fn body(&self, mut response: ureq::http::Response<ureq::Body>) -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        response.body_mut().as_reader().read_to_end(&mut bytes).context("the answer broke off")?;
        if response.status().is_success() {
            return Ok(bytes);
        }
        let told: Option<Value> = serde_json::from_slice(&bytes).ok();
        let part = |name: &str| Some(told.as_ref()?.get("error")?.get(name)?.as_str()?.to_owned());
        match (part("message"), part("hint")) {
            (Some(message), Some(hint)) => bail!("{message} ({hint})"),
            (Some(message), None) => bail!("{message}"),
            _ => bail!("{} answered {}", self.url, response.status()),
        }
    }
}
