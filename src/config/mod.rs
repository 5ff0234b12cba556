//! All configuration, typed, in one place. What each key means and its default stands in `weir.toml` beside this file,
//! which `weir check --print-config` prints and a test holds against these types. Reading it is `load.rs`.

mod check;
mod load;
mod network;
mod origin;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use check::{CHECK_FIELDS, Check};
pub(crate) use load::{ConfigError, load};
pub(crate) use network::Network;
pub(crate) use origin::{InForce, Origin, Origins};

use crate::artifacts::ArtifactLimits;

/// The documented sample: every key with its meaning and default.
pub(crate) const SAMPLE: &str = include_str!("weir.toml");

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) ingest: Ingest,
    pub(crate) geo: Geo,
    pub(crate) sql: Sql,
    pub(crate) rules: Rules,
    pub(crate) dashboards: Dashboards,
    pub(crate) verdict: Verdict,
    pub(crate) check: Check,
    pub(crate) ids: Ids,
    pub(crate) artifacts: Artifacts,
    /// Where the values come from.
    #[serde(skip)]
    pub(crate) origins: Origins,
}

/// `[server]`: where it listens and what a connection may cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    pub(crate) data: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) connections_max: usize,
    pub(crate) header_timeout_ms: u64,
    pub(crate) header_bytes_max: usize,
    pub(crate) body_timeout_ms: u64,
    pub(crate) body_bytes_per_s_min: u64,
    pub(crate) drain_timeout_ms: u64,
}

/// `[ingest]`: what a request of events may weigh, and when buffers settle into files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Ingest {
    pub(crate) body_bytes_max: usize,
    pub(crate) decoded_bytes_max: usize,
    pub(crate) event_bytes_max: usize,
    pub(crate) events_max: usize,
    pub(crate) properties_depth_max: usize,
    pub(crate) json_depth_max: usize,
    pub(crate) expansion_ratio_max: usize,
    pub(crate) past_ms_max: i64,
    pub(crate) future_ms_max: i64,
    pub(crate) decoders_max: usize,
    pub(crate) decoders_queued_max: usize,
    pub(crate) segment_bytes_max: u64,
    pub(crate) flush_interval_ms: u64,
    pub(crate) unflushed_bytes_max: u64,
    pub(crate) unflushed_age_ms_max: u64,
}

/// `[geo]`: databases that turn addresses into countries and networks. None ship with Weir.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Geo {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) country_db: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network_db: Option<PathBuf>,
}

/// `[sql]`: what queries may cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sql {
    pub(crate) threads: usize,
    pub(crate) query_memory_bytes_max: usize,
    pub(crate) memory_bytes_max: usize,
    pub(crate) spill_bytes_max: u64,
    pub(crate) timeout_ms: u64,
    pub(crate) concurrency_max: usize,
    pub(crate) rows_max: usize,
}

/// `[artifacts]`: what source maps may weigh, and how long they are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Artifacts {
    pub(crate) bundle_bytes_max: u64,
    pub(crate) stored_bytes_max: u64,
    pub(crate) retention_days: u32,
}

/// `[rules]`: where the operator's own rules lie and how often windows are looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rules {
    pub(crate) dirs: Vec<PathBuf>,
    pub(crate) tick_ms: u64,
}

/// `[dashboards]`: where the operator's own dashboards lie.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Dashboards {
    pub(crate) dirs: Vec<PathBuf>,
}

/// `[verdict]`: how hits become answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Verdict {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<PathBuf>,
}

/// `[ids]`: whom the ids of SDKs mean.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Ids {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) guest: Option<String>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            data: PathBuf::from("./weir-data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 8600)),
            trusted_proxies: Vec::new(),
            connections_max: 8_192,
            header_timeout_ms: 5_000,
            header_bytes_max: 64 << 10,
            body_timeout_ms: 10_000,
            body_bytes_per_s_min: 16 << 10,
            drain_timeout_ms: 5_000,
        }
    }
}

impl Default for Ingest {
    fn default() -> Self {
        let limits = ingest::Limits::default();
        Self {
            body_bytes_max: limits.body_bytes_max,
            decoded_bytes_max: limits.decoded_bytes_max,
            event_bytes_max: limits.event_bytes_max,
            events_max: limits.events_max,
            properties_depth_max: limits.properties_depth_max,
            json_depth_max: limits.json_depth_max,
            expansion_ratio_max: limits.expansion_ratio_max,
            past_ms_max: limits.past_ms_max,
            future_ms_max: limits.future_ms_max,
            decoders_max: 2,
            decoders_queued_max: 64,
            segment_bytes_max: 64 << 20,
            flush_interval_ms: 5_000,
            unflushed_bytes_max: 512 << 20,
            unflushed_age_ms_max: 120_000,
        }
    }
}

impl Default for Sql {
    fn default() -> Self {
        Self {
            threads: 2,
            query_memory_bytes_max: 512 << 20,
            memory_bytes_max: 1 << 30,
            spill_bytes_max: 4 << 30,
            timeout_ms: 30_000,
            concurrency_max: 8,
            rows_max: 100_000,
        }
    }
}

impl Default for Artifacts {
    fn default() -> Self {
        Self { bundle_bytes_max: 128 << 20, stored_bytes_max: 10 << 30, retention_days: 90 }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self { dirs: Vec::new(), tick_ms: 250 }
    }
}

impl Config {
    /// Returns the first value that its type allows but that makes no sense, as (section, key, why).
    fn nonsense(&self) -> Option<(&'static str, &'static str, String)> {
        let (server, ingest, sql) = (&self.server, &self.ingest, &self.sql);
        let positive = [
            ("server", "connections_max", server.connections_max as u64),
            ("server", "header_timeout_ms", server.header_timeout_ms),
            ("server", "body_timeout_ms", server.body_timeout_ms),
            ("server", "body_bytes_per_s_min", server.body_bytes_per_s_min),
            ("ingest", "body_bytes_max", ingest.body_bytes_max as u64),
            ("ingest", "decoded_bytes_max", ingest.decoded_bytes_max as u64),
            ("ingest", "event_bytes_max", ingest.event_bytes_max as u64),
            ("ingest", "events_max", ingest.events_max as u64),
            ("ingest", "expansion_ratio_max", ingest.expansion_ratio_max as u64),
            ("ingest", "decoders_max", ingest.decoders_max as u64),
            ("ingest", "flush_interval_ms", ingest.flush_interval_ms),
            ("sql", "threads", sql.threads as u64),
            ("sql", "timeout_ms", sql.timeout_ms),
            ("sql", "concurrency_max", sql.concurrency_max as u64),
            ("sql", "rows_max", sql.rows_max as u64),
            ("rules", "tick_ms", self.rules.tick_ms),
            ("artifacts", "retention_days", u64::from(self.artifacts.retention_days)),
        ];
        if let Some((section, key, _)) = positive.into_iter().find(|(_, _, value)| *value == 0) {
            return Some((section, key, "must be at least 1".into()));
        }
        if let Some((key, why)) = self.check.nonsense() {
            return Some(("check", key, why));
        }
        if let Some(problem) = self.ids.guest.as_deref().and_then(ingest::adapters::IdRules::problem_of) {
            return Some(("ids", "guest", format!("is no pattern: {problem}")));
        }
        let floors = [
            ("server", "header_bytes_max", server.header_bytes_max as u64, 8 << 10),
            ("ingest", "segment_bytes_max", ingest.segment_bytes_max, 1 << 20),
            ("ingest", "unflushed_bytes_max", ingest.unflushed_bytes_max, 1 << 20),
            ("ingest", "unflushed_age_ms_max", ingest.unflushed_age_ms_max, ingest.flush_interval_ms),
            ("artifacts", "bundle_bytes_max", self.artifacts.bundle_bytes_max, 1 << 20),
            (
                "artifacts",
                "stored_bytes_max",
                self.artifacts.stored_bytes_max,
                self.artifacts.bundle_bytes_max.saturating_mul(2),
            ),
            ("sql", "query_memory_bytes_max", sql.query_memory_bytes_max as u64, 16 << 20),
            ("sql", "memory_bytes_max", sql.memory_bytes_max as u64, sql.query_memory_bytes_max as u64),
        ];
        floors
            .into_iter()
            .find(|(_, _, value, floor)| value < floor)
            .map(|(section, key, value, floor)| (section, key, format!("is {value}, must be at least {floor}")))
    }

    /// Returns what uploads of source maps may cost.
    pub(crate) fn artifact_limits(&self) -> ArtifactLimits {
        let given = &self.artifacts;
        ArtifactLimits {
            bundle_bytes_max: given.bundle_bytes_max,
            stored_bytes_max: given.stored_bytes_max,
            retention: Duration::from_secs(u64::from(given.retention_days) * 86_400),
        }
    }

    /// Returns the limits of a request of events.
    pub(crate) fn limits(&self) -> ingest::Limits {
        let ingest = &self.ingest;
        ingest::Limits {
            body_bytes_max: ingest.body_bytes_max,
            decoded_bytes_max: ingest.decoded_bytes_max,
            event_bytes_max: ingest.event_bytes_max,
            events_max: ingest.events_max,
            properties_depth_max: ingest.properties_depth_max,
            json_depth_max: ingest.json_depth_max,
            expansion_ratio_max: ingest.expansion_ratio_max,
            past_ms_max: ingest.past_ms_max,
            future_ms_max: ingest.future_ms_max,
        }
    }
}
