//! Reading `policy.toml`: every mistake is told with its line and key. What the parts mean is `policy.rs`.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::OnceLock;

use queries::EntityKind;
use serde::Deserialize;
use toml::Spanned;

use super::{ActionPolicy, Decided, Limit, Policy, Unit, WhenDegraded};
use crate::verdict::error::VerdictError;
use crate::verdict::limits::{CHARGES_MAX, Rate};
use crate::verdict::request::check_action;

const TEXT_BYTES_MAX: usize = 256 * 1024;
const ACTIONS_MAX: usize = 256;
/// The actions that need no configuration, and their fail modes unless their own table says otherwise.
pub(super) const ACTIONS: [(&str, WhenDegraded); 7] = [
    ("signup", WhenDegraded::Allow),
    ("login", WhenDegraded::Review),
    ("bind", WhenDegraded::Hold),
    ("grant", WhenDegraded::Hold),
    ("generate", WhenDegraded::Throttle),
    ("pay", WhenDegraded::Hold),
    ("key_use", WhenDegraded::Allow),
];

/// Reads a policy. See [`Policy::parse`].
pub(super) fn read(text: &str) -> Result<Policy, VerdictError> {
    let source = Source { text };
    if text.len() > TEXT_BYTES_MAX {
        return Err(source.error(0..0, format_args!("the policy is over {TEXT_BYTES_MAX} bytes")));
    }
    let file: File =
        toml::from_str(text).map_err(|error| source.error(error.span().unwrap_or(0..0), error.message().trim_end()))?;
    let mut builder = Builder::new(&source, &file)?;
    for (name, action) in &file.action {
        builder.add_action(name, action)?;
    }
    for limit in &file.limit {
        builder.add_limit(limit)?;
    }
    let range = |value: &Option<Spanned<u64>>, default: u64, max: u64| match value {
        Some(value) if *value.get_ref() > max => Err(source.error(value.span(), format_args!("must be at most {max}"))),
        Some(value) => Ok(*value.get_ref()),
        None => Ok(default),
    };
    let stale_after_ms = range(&file.stale_after_ms, 5_000, 3_600_000)?;
    Ok(Policy {
        version: blake3::hash(text.as_bytes()).to_hex()[..16].into(),
        cache_ttl_ms: range(&file.cache_ttl_ms, 1_000, 60_000)?,
        stale_after_us: i64::try_from(stale_after_ms).expect("checked to be at most an hour") * 1_000,
        actions: builder.actions,
        other: builder.other,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cache_ttl_ms: Option<Spanned<u64>>,
    stale_after_ms: Option<Spanned<u64>>,
    #[serde(default)]
    default: ActionTable,
    #[serde(default)]
    action: BTreeMap<String, Spanned<ActionTable>>,
    #[serde(default)]
    limit: Vec<LimitTable>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionTable {
    throttle_score: Option<Spanned<u8>>,
    block_score: Option<Spanned<u8>>,
    when_degraded: Option<WhenDegraded>,
    degraded_rate: Option<Spanned<String>>,
    degraded_burst: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitTable {
    action: Spanned<String>,
    by: Spanned<String>,
    rate: Spanned<String>,
    burst: Option<Spanned<u64>>,
    #[serde(default)]
    unit: Unit,
    when_score_over: Option<Spanned<u8>>,
}

/// The text, to say where a mistake stands.
struct Source<'a> {
    text: &'a str,
}

impl Source<'_> {
    fn error(&self, span: Range<usize>, message: impl ToString) -> VerdictError {
        let start = span.start.min(self.text.len());
        let before = &self.text.as_bytes()[..start];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let written = self.text.lines().nth(line - 1).unwrap_or_default();
        let key = written.split('=').next().unwrap_or_default().split('#').next().unwrap_or_default().trim();
        VerdictError::Policy { line, key: key.to_owned(), message: message.to_string() }
    }
}

struct Builder<'a> {
    source: &'a Source<'a>,
    default: &'a ActionTable,
    actions: HashMap<Box<str>, ActionPolicy>,
    other: ActionPolicy,
}

impl<'a> Builder<'a> {
    fn new(source: &'a Source<'a>, file: &'a File) -> Result<Self, VerdictError> {
        let default = &file.default;
        let when_degraded = default.when_degraded.unwrap_or(WhenDegraded::Allow);
        let other = action_policy(source, "other", &ActionTable::default(), default, when_degraded)?;
        let mut actions = HashMap::new();
        for (name, when_degraded) in ACTIONS {
            let policy = action_policy(source, name, &ActionTable::default(), default, when_degraded)?;
            actions.insert(name.into(), policy);
        }
        Ok(Self { source, default, actions, other })
    }

    fn add_action(&mut self, name: &str, table: &Spanned<ActionTable>) -> Result<(), VerdictError> {
        check_action(name).map_err(|error| self.source.error(table.span(), error))?;
        if self.actions.len() >= ACTIONS_MAX {
            return Err(self.source.error(table.span(), format_args!("there are over {ACTIONS_MAX} actions")));
        }
        let fallback = self.actions.get(name).unwrap_or(&self.other).when_degraded;
        let policy = action_policy(self.source, name, table.get_ref(), self.default, fallback)?;
        self.actions.insert(name.into(), policy);
        Ok(())
    }

    fn add_limit(&mut self, table: &LimitTable) -> Result<(), VerdictError> {
        let source = self.source;
        let action = table.action.get_ref();
        check_action(action).map_err(|error| source.error(table.action.span(), error))?;
        let by = limited_kind(table.by.get_ref()).ok_or_else(|| {
            source.error(table.by.span(), "must be guest, account, device, ip, card, session or api key")
        })?;
        let rate = parse_rate(source, &table.rate, table.burst.as_ref())?;
        if let Some(score) = &table.when_score_over
            && *score.get_ref() > 99
        {
            return Err(source.error(score.span(), "must be 0 to 99: no score is over 100"));
        }
        if !self.actions.contains_key(action.as_str()) {
            if self.actions.len() >= ACTIONS_MAX {
                return Err(source.error(table.action.span(), format_args!("there are over {ACTIONS_MAX} actions")));
            }
            let fallback = self.other.when_degraded;
            let policy = action_policy(source, action, &ActionTable::default(), self.default, fallback)?;
            self.actions.insert(action.as_str().into(), policy);
        }
        let policy = self.actions.get_mut(action.as_str()).expect("was just added");
        // One place of a request's charges is the degraded limit's.
        if policy.limits.len() + 1 >= CHARGES_MAX {
            let message = format_args!("an action has at most {} limits", CHARGES_MAX - 1).to_string();
            return Err(source.error(table.action.span(), message));
        }
        let alike = policy.limits.iter().filter(|limit| limit.by == by && limit.unit == table.unit).count();
        policy.limits.push(Limit {
            id: limit_id(action, by.name(), table.unit, alike),
            by,
            rate,
            unit: table.unit,
            when_score_over: table.when_score_over.as_ref().map(|score| *score.get_ref()),
            rule: format!("limit:{action}:{}", by.name()).into(),
            window: table.rate.get_ref().as_str().into(),
        });
        Ok(())
    }
}

fn action_policy(
    source: &Source<'_>,
    name: &str,
    table: &ActionTable,
    default: &ActionTable,
    when_degraded: WhenDegraded,
) -> Result<ActionPolicy, VerdictError> {
    let score = |own: &Option<Spanned<u8>>, general: &Option<Spanned<u8>>, fallback: u8| match own
        .as_ref()
        .or(general.as_ref())
    {
        Some(score) if !(1..=101).contains(score.get_ref()) => {
            Err(source.error(score.span(), "must be 1 to 100, or 101 for never"))
        }
        Some(score) => Ok(*score.get_ref()),
        None => Ok(fallback),
    };
    let throttle_score = score(&table.throttle_score, &default.throttle_score, 50)?;
    let block_score = score(&table.block_score, &default.block_score, 80)?;
    if throttle_score > block_score
        && let Some(span) = [&table.block_score, &table.throttle_score, &default.block_score, &default.throttle_score]
            .into_iter()
            .find_map(|score| score.as_ref().map(Spanned::span))
    {
        return Err(source.error(span, "the throttle_score is over the block_score"));
    }
    let written = table.degraded_rate.as_ref().or(default.degraded_rate.as_ref());
    let burst = table.degraded_burst.as_ref().or(default.degraded_burst.as_ref());
    let (rate, window) = match written {
        Some(text) => (parse_rate(source, text, burst)?, text.get_ref().as_str()),
        None => {
            let burst_size = burst.map_or(10, |burst| *burst.get_ref());
            let rate = Rate::new(30, 60_000_000, burst_size).ok_or_else(|| {
                source.error(burst.map_or(0..0, Spanned::span), "must be at least 1, and refill within a year")
            })?;
            (rate, "30/min")
        }
    };
    Ok(ActionPolicy {
        throttle_score,
        block_score,
        when_degraded: table.when_degraded.unwrap_or(when_degraded),
        degraded_limit: Limit {
            id: limit_id(name, "degraded", Unit::Requests, 0),
            by: EntityKind::Account,
            rate,
            unit: Unit::Requests,
            when_score_over: None,
            rule: format!("limit:{name}:degraded").into(),
            window: window.into(),
        },
        limits: Vec::new(),
        decided: Decided { action: name.into(), counters: OnceLock::new() },
    })
}

fn limited_kind(by: &str) -> Option<EntityKind> {
    Some(match by {
        "guest" => EntityKind::Guest,
        "account" => EntityKind::Account,
        "device" => EntityKind::Device,
        "ip" => EntityKind::Ip,
        "card" => EntityKind::Card,
        "session" => EntityKind::Session,
        "api key" | "api_key" => EntityKind::ApiKey,
        _ => return None,
    })
}

/// Reads `"30/min"`: a whole number, a slash, and s, sec, min, h, hour, d or day.
fn parse_rate(source: &Source<'_>, text: &Spanned<String>, burst: Option<&Spanned<u64>>) -> Result<Rate, VerdictError> {
    let parts = text.get_ref().split_once('/').and_then(|(units, period)| {
        let period_s = match period.trim() {
            "s" | "sec" => 1,
            "min" => 60,
            "h" | "hour" => 3_600,
            "d" | "day" => 86_400,
            _ => return None,
        };
        Some((units.trim().parse::<u64>().ok().filter(|units| *units > 0)?, period_s * 1_000_000))
    });
    let Some((units, period_us)) = parts else {
        return Err(source.error(text.span(), "must read like 30/min: a whole number per s, min, h or day"));
    };
    let burst_size = burst.map_or(units, |burst| *burst.get_ref());
    Rate::new(units, period_us, burst_size).ok_or_else(|| match burst {
        _ if period_us / units < 10 => source.error(text.span(), "must be at most 100000/s"),
        Some(burst) => source.error(burst.span(), "must be at least 1, and refill within a year"),
        None => source.error(text.span(), "is too slow: it must refill within a year"),
    })
}

fn limit_id(action: &str, by: &str, unit: Unit, alike: usize) -> u64 {
    let hash = blake3::hash(format!("{action}\n{by}\n{unit:?}\n{alike}").as_bytes());
    u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"))
}
