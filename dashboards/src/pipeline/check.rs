//! What is looked at, and what mends it where it is wrong. A state that is not good always names its fix.

use super::{KeyTally, PipelinePage};
use crate::figure::{self, bytes, count, counted};
use crate::state::{Readiness, Tone};

/// Verdicts are slow from here on, milliseconds.
const SLOW_VERDICT_MS: f64 = 10.0;

/// What may be wrong, beside what the page shows as figures. Counts are since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Acknowledged rows that damage destroyed.
    pub lost_rows: u64,
    /// Damaged bytes of the log, kept in quarantine.
    pub lost_bytes: u64,
    /// Bytes of writes that a crash cut off before they were acknowledged.
    pub torn_bytes: u64,
    /// Commit groups that could not be made durable.
    pub wal_failures: u64,
    /// Flushes that failed and were tried again.
    pub flush_failures: u64,
    /// The last flush failed.
    pub is_flush_failing: bool,
    /// Decisions that were answered, but not recorded.
    pub lost_decisions: u64,
    /// Entities whose limits were forgotten before their time.
    pub forgiven: u64,
    /// What is wrong with rules.
    pub rule_problems: Vec<String>,
    /// Rules that are still reading their history.
    pub cold_rules: u64,
    /// What is wrong with the databases of countries and networks.
    pub geo_problems: Vec<String>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// How it stands.
    pub tone: Tone,
    /// What it is.
    pub name: &'static str,
    /// What was found.
    pub finding: String,
    /// What mends it; empty where nothing is wrong.
    pub fix: String,
}

impl Check {
    fn good(name: &'static str) -> Self {
        Self { tone: Tone::Good, name, finding: String::new(), fix: String::new() }
    }

    fn found(tone: Tone, name: &'static str, finding: String, fix: impl Into<String>) -> Self {
        Self { tone, name, finding, fix: fix.into() }
    }
}

/// Writes a count with its noun, where the plural is not made by an `s`.
fn several(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(&number), if number == 1 { one } else { many })
}

/// Looks at everything; what is worst comes first.
pub(super) fn all(page: &PipelinePage) -> Vec<Check> {
    let mut checks = vec![storage(page), loss(&page.health), ledger(&page.keys)];
    checks.extend([log(&page.health), flush(&page.health), decisions(&page.health)]);
    checks.extend([limits(&page.health), rules(&page.health), geo(&page.health), clients(&page.keys), verdicts(page)]);
    checks.extend(page.gauges.iter().map(|gauge| {
        let finding = format!("{} at {} of {}: {}", gauge.name, gauge.used_words(), gauge.max_words(), gauge.when_full);
        match gauge.tone() {
            Tone::Good => Check::good(gauge.name),
            tone => Check::found(tone, gauge.name, finding, gauge.fix),
        }
    }));
    checks.sort_by_key(|check| match check.tone {
        Tone::Bad => 0,
        Tone::Warn => 1,
        Tone::Good => 2,
    });
    checks
}

fn storage(page: &PipelinePage) -> Check {
    const NAME: &str = "Storage";
    let readiness = &page.state.readiness;
    let fix = match readiness {
        Readiness::Ready => return Check::good(NAME),
        Readiness::Replaying { .. } => "Wait: senders that retry lose nothing.",
        Readiness::Degraded(_) => "It mends itself when its cause is gone.",
        Readiness::Failed(_) => "Mend what the log names, then restart: what was acknowledged is still there.",
    };
    Check::found(readiness.tone(), NAME, readiness.detail(), fix)
}

fn loss(health: &Health) -> Check {
    const NAME: &str = "Loss counter";
    if health.lost_rows == 0 && health.lost_bytes == 0 {
        return Check::good(NAME);
    }
    let finding = format!(
        "At least {} that were acknowledged cannot be read back; {} of the log are damaged.",
        counted(health.lost_rows, "row"),
        bytes(health.lost_bytes)
    );
    Check::found(
        Tone::Bad,
        NAME,
        finding,
        "Check the disk. The damaged parts are kept in quarantine under the data directory; send those events again.",
    )
}

fn ledger(keys: &[KeyTally]) -> Check {
    const NAME: &str = "Outcome ledger";
    let Some(key) = keys.iter().find(|key| !key.adds_up()) else { return Check::good(NAME) };
    let finding = format!(
        "The outcomes of {} do not add up: {} + {} + {} is not {}.",
        key.key,
        count(&key.accepted),
        count(&key.duplicate),
        count(&key.rejected),
        count(&key.received)
    );
    Check::found(Tone::Bad, NAME, finding, "This is a fault of Weir's own: report it with the output of /v1/status.")
}

fn log(health: &Health) -> Check {
    const NAME: &str = "Commits of the log";
    if health.wal_failures == 0 {
        return Check::good(NAME);
    }
    let finding = format!(
        "{} could not be made durable; their senders were told.",
        several(health.wal_failures, "commit", "commits")
    );
    Check::found(Tone::Warn, NAME, finding, "Check the disk for space and faults. Senders that retry lose nothing.")
}

fn flush(health: &Health) -> Check {
    const NAME: &str = "Flushes to Parquet";
    let failed = several(health.flush_failures, "flush", "flushes");
    match (health.is_flush_failing, health.flush_failures) {
        (true, _) => Check::found(
            Tone::Bad,
            NAME,
            format!("Buffers cannot be written to Parquet; {failed} failed since the start."),
            "Free disk space under the data directory; the server's log has the reason. Events stay safe in the log meanwhile.",
        ),
        (false, 0) => Check::good(NAME),
        (false, _) => Check::found(
            Tone::Warn,
            NAME,
            format!("{failed} failed since the start and were repeated; the last one worked."),
            "Look into the server's log for the reason, most often a full disk.",
        ),
    }
}

fn decisions(health: &Health) -> Check {
    const NAME: &str = "Record of decisions";
    if health.lost_decisions == 0 {
        return Check::good(NAME);
    }
    let finding = format!("{} were answered, but not recorded.", counted(health.lost_decisions, "decision"));
    Check::found(
        Tone::Bad,
        NAME,
        finding,
        "The log did not keep up: look at its queue and at the disk, or ask for fewer verdicts at once.",
    )
}

fn limits(health: &Health) -> Check {
    const NAME: &str = "Memory of rate limits";
    if health.forgiven == 0 {
        return Check::good(NAME);
    }
    let finding =
        format!("{} of rate limits were forgotten before their time to make room.", counted(health.forgiven, "count"));
    Check::found(Tone::Warn, NAME, finding, "Limit by fewer kinds of entities in policy.toml, or with shorter bursts.")
}

fn rules(health: &Health) -> Check {
    const NAME: &str = "Rules";
    match (health.rule_problems.first(), health.cold_rules) {
        (Some(first), _) => Check::found(
            Tone::Warn,
            NAME,
            format!("{}: {first}", counted(health.rule_problems.len() as u64, "rule problem")),
            "Mend the file it names; weir rules check says more. The version before stays in force.",
        ),
        (None, 0) => Check::good(NAME),
        (None, cold) => Check::found(
            Tone::Warn,
            NAME,
            format!(
                "{} still reading history; verdicts say degraded until that is done.",
                several(cold, "rule is", "rules are")
            ),
            "Wait: it takes seconds to minutes after a start.",
        ),
    }
}

fn geo(health: &Health) -> Check {
    const NAME: &str = "Geo databases";
    let Some(first) = health.geo_problems.first() else { return Check::good(NAME) };
    Check::found(
        Tone::Warn,
        NAME,
        format!("A geo database cannot be used: {first}"),
        "Put a readable .mmdb file where [geo] in weir.toml says; it is read again by itself.",
    )
}

fn clients(keys: &[KeyTally]) -> Check {
    const NAME: &str = "Drops by clients";
    let dropped: u64 = keys.iter().map(|key| key.dropped).sum();
    if dropped == 0 {
        return Check::good(NAME);
    }
    let finding = format!("SDKs say that they dropped {} before they reached Weir.", counted(dropped, "item"));
    Check::found(
        Tone::Warn,
        NAME,
        finding,
        "Raise the rate of the key that drops, or sample less in the SDK; the column below names the key.",
    )
}

fn verdicts(page: &PipelinePage) -> Check {
    const NAME: &str = "Verdict latency";
    match page.pace.verdicts.0 {
        Some(recent) if recent.p99_ms > SLOW_VERDICT_MS => {
            let (share, limit) = (recent.p99(), figure::span_ms(SLOW_VERDICT_MS as u64));
            Check::found(
                Tone::Warn,
                NAME,
                format!("One verdict in a hundred takes longer than {share}; {limit} is slow."),
                "Give the process more processor time: lower [sql] threads in weir.toml, or run other work elsewhere.",
            )
        }
        _ => Check::good(NAME),
    }
}
