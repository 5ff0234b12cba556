//! What is known of an entity, as its page shows it.

use ::queries::{Mode, Params, Tables};
use dashboards::decision::Proof;
use dashboards::entity::{Contribution, Counting, Label, Score, Snooze, Standing, TimelineRow, Wallet, Word};
use serde_json::{Value, json};

use crate::clock;
use crate::http::App;
use crate::http::ask::ask_stored;
use crate::http::entities::Known;
use crate::http::error::Problem;
use crate::http::evidence::Evidence;
use crate::http::pages::reasons;
use crate::http::pages::rows::{self, Row};
use crate::verdict::{EntityState, Override, Snooze as Stored, Why};

/// Rows of the timeline: a page is read, not searched.
const TIMELINE_MAX: usize = 50;
/// Wallets that are shown.
const WALLETS_MAX: usize = 50;

/// Says how it stands and what decides that.
pub(super) fn standing(app: &App, known: &Known, now: i64) -> Standing {
    let standing = app.verdicts.standing(known.kind, &known.state, now);
    let why = match &standing.why {
        Why::Nothing if known.state.hits.is_empty() => "No hit is open.".to_owned(),
        Why::Nothing if known.state.score > 0 => "Its score is below every threshold.".to_owned(),
        Why::Nothing => "Open hits are in shadow or snoozed; they restrain nobody.".to_owned(),
        Why::Override(word) if *word.entity == *known.entity => format!("{} decided so.", word.created_by),
        Why::Override(word) => format!("{} decided so of the component it belongs to.", word.created_by),
        Why::Hit(hit) => format!("The rule {} restrains it.", hit.rule),
        Why::Score(threshold) => format!("Its score reached {threshold}."),
    };
    Standing { verdict: standing.verdict.name().to_owned(), why }
}

/// Adds up its hits.
pub(super) fn score(app: &App, state: &EntityState, now: i64) -> Score {
    let row = |(hit, counts): &(std::sync::Arc<::queries::Hit>, bool)| Contribution {
        reason: reasons::of_hit(app, hit),
        counting: match (counts, is_snoozed(state, &hit.rule, now), hit.mode) {
            (true, ..) => Counting::Live,
            (false, true, _) => Counting::Snoozed,
            (false, false, Mode::Live) => Counting::Snoozed,
            (false, false, _) => Counting::Shadow,
        },
        since: hit.first_at,
        actions: hit.actions.iter().map(ToString::to_string).collect(),
        has_browser_facts: hit.browser_facts,
        adds: 0.0,
        from: 0.0,
    };
    Score::new(state.hits.iter().map(row).collect())
}

fn is_snoozed(state: &EntityState, rule: &str, now: i64) -> bool {
    state.snoozes.iter().any(|snooze| *snooze.rule == *rule && snooze.until > now)
}

/// Tells an override.
pub(super) fn word(found: &Override) -> Word {
    Word {
        verdict: found.verdict.name().to_owned(),
        reason: found.reason.clone(),
        by: found.created_by.clone(),
        at: found.created_at,
        until: found.expires_at,
    }
}

/// Tells a snooze.
pub(super) fn snooze(found: &Stored) -> Snooze {
    Snooze {
        rule: found.rule.to_string(),
        until: found.until,
        by: found.created_by.clone(),
        reason: found.reason.clone().unwrap_or_default(),
    }
}

/// Tells a label.
pub(super) fn label(row: &Row) -> Label {
    Label { label: rows::text(row, "label"), at: rows::time(row, "observed_at"), note: rows::text(row, "note") }
}

/// Returns its events and the decisions about it, the newest first; those of one table alone, if one is named.
pub(super) fn timeline(known: &Known, only: Option<&str>) -> Vec<TimelineRow> {
    let event = |row: &Row| TimelineRow {
        at: rows::time(row, "received_at"),
        table: rows::text(row, "table"),
        what: rows::text(row, "what"),
        id: rows::text(row, "event_id"),
        trust: rows::text(row, "trust"),
        ..TimelineRow::default()
    };
    let decision = |row: &Row| TimelineRow {
        at: rows::time(row, "at"),
        table: "verdicts".to_owned(),
        what: rows::text(row, "action"),
        id: rows::text(row, "id"),
        verdict: rows::text(row, "verdict"),
        score: rows::count(row, "score"),
        ..TimelineRow::default()
    };
    let mut timeline: Vec<TimelineRow> = known.events.iter().map(event).collect();
    if only.is_none_or(|table| table == "verdicts") {
        timeline.extend(known.decisions.iter().map(decision));
    }
    timeline.sort_by(|a, b| (b.at, &a.id).cmp(&(a.at, &b.id)));
    timeline.truncate(TIMELINE_MAX);
    timeline
}

/// Returns its wallets.
pub(super) async fn credits(app: &App, tables: &Tables, known: &Known) -> Result<Vec<Wallet>, Problem> {
    let params: Params =
        [("kind", json!(known.kind.name())), ("entity", json!(known.entity)), ("limit", json!(WALLETS_MAX))]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
    let found = ask_stored(app, "entity_credits", params, tables, WALLETS_MAX).await?;
    Ok(found.rows.iter().map(wallet).collect())
}

fn wallet(row: &Row) -> Wallet {
    let credits = |column: &str| row.get(column).and_then(Value::as_i64).unwrap_or(0);
    Wallet {
        kind: rows::text(row, "wallet_kind"),
        id: rows::text(row, "wallet"),
        balance: credits("balance"),
        granted: credits("granted"),
        free: credits("free"),
        spent: credits("spent"),
        refunded: credits("refunded"),
    }
}

/// Returns its hits with the events behind each.
pub(super) async fn proofs(app: &App, state: &EntityState) -> Vec<Proof> {
    let hit = |hit: &::queries::Hit| {
        json!({"rule": &*hit.rule, "version": &*hit.version, "entity_kind": hit.entity_kind.name(), "entity": &*hit.entity,
            "verdict": hit.verdict.name(), "observed": hit.observed, "threshold": hit.threshold, "window": &*hit.window,
            "points": hit.points, "until": clock::rfc3339(hit.until)})
    };
    let hits: Vec<Value> = state.hits.iter().map(|(found, _)| hit(found)).collect();
    let mut told = json!({"reasons": hits});
    Evidence::new(app.clone()).add_to(&mut told).await;
    told["reasons"].as_array().into_iter().flatten().map(|reason| reasons::proof(app, reason)).collect()
}
