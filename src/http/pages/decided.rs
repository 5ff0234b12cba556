//! What is decided about an entity from a page, and its undoing: the same changes that the API makes, each remembered for the
//! notice that tells it.

use std::sync::Arc;

use ::queries::EntityKind;
use axum::extract::{Request, State};
use axum::response::Response;
use dashboards::decided::{Decided, SPANS, label_words};
use dashboards::{local_path, reason};
use serde_json::{Value, json};

use super::{Form, carry_out, field, problem, reviewed, rows};
use crate::clock;
use crate::control::{By, Key};
use crate::http::ask::ask;
use crate::http::error::Problem;
use crate::http::labels::{self, NewLabel, WITHDRAWN};
use crate::http::undo::{Past, Undo};
use crate::http::{App, blocking, rules};
use crate::verdict::{Override, parse_kind};

const HOUR_US: i64 = 3_600 * 1_000_000;

/// Whom a decision is about, by the name it is kept under, and who makes it.
#[derive(Clone)]
pub(super) struct About {
    pub(super) app: App,
    pub(super) by: Arc<str>,
    pub(super) kind: EntityKind,
    pub(super) entity: String,
}

impl About {
    /// Reads whom a page names.
    pub(super) fn read(app: &App, key: &Key, kind: &str, id: &str) -> Result<Self, Problem> {
        let kind = parse_kind(kind)?;
        let entity = app.verdicts.entity_name(kind, id, clock::now())?;
        Ok(Self { app: app.clone(), by: Arc::clone(&key.name), kind, entity })
    }

    /// Returns what it is called in a sentence.
    fn name(&self) -> String {
        let kind = dashboards::entity::kind_words(self.kind.name());
        let mut name = format!("{kind} {}", reason::short_id(&self.entity));
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        name
    }

    fn note(&self, sentence: String, undo: Undo) -> String {
        let (by, entity) = (Arc::clone(&self.by), self.entity.clone());
        let past = Past { id: String::new(), by, at: clock::now(), kind: self.kind, entity, sentence, undo };
        self.app.pasts.add(past)
    }

    fn overridden(&self) -> Option<Arc<Override>> {
        self.app.verdicts.overrides().find(self.kind, &self.entity, clock::now())
    }

    /// Puts an override, for a span that the pages offer.
    pub(super) async fn put(self, verdict: &str, reason: &str, span: &str) -> Result<String, Problem> {
        let before = self.overridden();
        let until = clock::now() + span_us(span)?;
        let set = self.put_until(verdict, reason, until).await?;
        let does = match verdict {
            "allow" => "is allowed",
            "throttle" => "is throttled",
            _ => "is blocked",
        };
        let sentence = format!("{} {does} until {}.", self.name(), dashboards::moment::stamp(&set.expires_at));
        Ok(self.note(sentence, Undo::Override { before, set: Some(set) }))
    }

    async fn put_until(&self, verdict: &str, reason: &str, until: i64) -> Result<Arc<Override>, Problem> {
        let body = json!({"entity_kind": self.kind.name(), "entity": self.entity, "verdict": verdict, "reason": reason,
            "expires_at": clock::rfc3339(until)});
        let (app, by) = (self.app.clone(), Arc::clone(&self.by));
        let put = move || app.verdicts.put_override(body.to_string().as_bytes(), &by, clock::now());
        Ok(blocking(put).await??)
    }

    /// Ends the entity's override.
    pub(super) async fn revoke(self) -> Result<String, Problem> {
        let before = self.overridden();
        self.end_override().await?;
        let sentence = format!("{} is overridden by nobody; rules alone decide.", self.name());
        Ok(self.note(sentence, Undo::Override { before, set: None }))
    }

    async fn end_override(&self) -> Result<(), Problem> {
        let about = self.clone();
        let end = move || {
            let by = By { actor: &about.by, at: clock::now() };
            about.app.verdicts.overrides().delete(about.kind, &about.entity, by)
        };
        Ok(blocking(end).await??)
    }

    /// Says what turned out true of it. `before` is what was said until now.
    pub(super) async fn label(self, label: &str, note: &str, before: Option<String>) -> Result<String, Problem> {
        self.say(label, note).await?;
        Ok(self.note(
            format!("{} is labelled {}.", self.name(), label_words(label)),
            Undo::Label { before, set: label.to_owned() },
        ))
    }

    /// Returns what was said of it last; none if nothing was, or it was taken back.
    pub(super) async fn said(&self) -> Result<Option<String>, Problem> {
        let tables = self.app.tables_for(|_| true)?;
        let sql = "select label from labels where entity_kind = $kind and entity = $entity order by observed_at desc, seq desc limit 1";
        let params = [("kind", self.kind.name()), ("entity", self.entity.as_str())];
        let found = ask(&self.app, sql, &params, &tables, 1).await?;
        Ok(found.rows.first().and_then(|row| rows::some_text(row, "label")).filter(|label| label != WITHDRAWN))
    }

    async fn say(&self, label: &str, note: &str) -> Result<(), Problem> {
        let new = NewLabel {
            entity_kind: self.kind.name().to_owned(),
            entity: self.entity.clone(),
            label: label.to_owned(),
            effective_at: None,
            note: Some(note.to_owned()),
        };
        labels::keep(&self.app, Arc::clone(&self.by), &new).await.map(drop)
    }

    /// Snoozes a rule for it.
    pub(super) async fn snooze(self, rule: &str, reason: &str, span: &str) -> Result<String, Problem> {
        if self.app.rulebook.get(rule).is_none() {
            return Err(rules::unknown(rule));
        }
        let (now, before) = (clock::now(), self.snoozed(rule));
        let until = now + span_us(span)?;
        self.snooze_until(rule, reason, until).await?;
        let until = dashboards::moment::stamp(&until);
        let sentence = format!("{rule} is snoozed for {} until {until}.", self.name());
        let set = self.snoozed(rule).map(|snooze| snooze.until);
        Ok(self.note(sentence, Undo::Snooze { rule: rule.to_owned(), before, set }))
    }

    fn snoozed(&self, rule: &str) -> Option<Arc<crate::verdict::Snooze>> {
        let state = self.app.verdicts.entity(self.kind, &self.entity, clock::now());
        state.snoozes.into_iter().find(|snooze| *snooze.rule == *rule)
    }

    /// Snoozes a rule for it until then.
    pub(super) async fn snooze_until(&self, rule: &str, reason: &str, until: i64) -> Result<(), Problem> {
        let mut body = json!({"entity_kind": self.kind.name(), "entity": self.entity, "until": clock::rfc3339(until)});
        if !reason.is_empty() {
            body["reason"] = Value::from(reason);
        }
        let (app, by, rule) = (self.app.clone(), Arc::clone(&self.by), rule.to_owned());
        let set = move || app.verdicts.snooze(&rule, body.to_string().as_bytes(), &by, clock::now());
        blocking(set).await??;
        Ok(())
    }

    /// Ends a snooze.
    pub(super) async fn wake(self, rule: &str) -> Result<String, Problem> {
        let before = self.snoozed(rule);
        self.end_snooze(rule).await?;
        let sentence = format!("{rule} counts again for {}.", self.name());
        Ok(self.note(sentence, Undo::Snooze { rule: rule.to_owned(), before, set: None }))
    }

    /// Makes a rule count for it again.
    pub(super) async fn end_snooze(&self, rule: &str) -> Result<(), Problem> {
        let (about, rule) = (self.clone(), rule.to_owned());
        let end = move || {
            let by = By { actor: &about.by, at: clock::now() };
            about.app.verdicts.end_snooze(&rule, (about.kind, &about.entity), by)
        };
        Ok(blocking(end).await??)
    }

    /// Puts back what a decision changed, unless somebody decided otherwise meanwhile.
    async fn undo(self, past: Past) -> Result<String, Problem> {
        let now = clock::now();
        match &past.undo {
            Undo::Nothing => return Err(Problem::invalid("there is nothing to undo any longer")),
            Undo::Override { before, set } => {
                if self.overridden() != *set {
                    return Err(changed_since("the override was changed"));
                }
                match before.as_ref().filter(|before| before.expires_at > now) {
                    Some(before) => {
                        self.put_until(before.verdict.name(), &before.reason, before.expires_at).await?;
                    }
                    None if set.is_some() => self.end_override().await?,
                    None => {}
                }
            }
            Undo::Label { before, set } => {
                if self.said().await?.as_ref() != Some(set) {
                    return Err(changed_since("it was labelled otherwise"));
                }
                self.say(before.as_deref().unwrap_or(WITHDRAWN), "undone").await?;
            }
            Undo::Snooze { rule, set, .. } if self.snoozed(rule).map(|snooze| snooze.until) != *set => {
                return Err(changed_since("the snooze was changed"));
            }
            Undo::Snooze { rule, before, .. } => match before.as_ref().filter(|before| before.until > now) {
                Some(before) => {
                    self.snooze_until(rule, before.reason.as_deref().unwrap_or_default(), before.until).await?;
                }
                None => self.end_snooze(rule).await?,
            },
        }
        self.app.pasts.undone(&past.id);
        Ok(self.note(format!("Undone. {} is as it was before.", self.name()), Undo::Nothing))
    }
}

fn changed_since(what: &str) -> Problem {
    let message = format!("{what} since; what was decided last stands");
    Problem::Conflict(message.into(), "look at the entity and decide again")
}

/// Reads for how long something is to hold; one of the spans that the pages offer.
fn span_us(span: &str) -> Result<i64, Problem> {
    let span = if span.is_empty() { SPANS[0].0 } else { span };
    let (number, unit) = span.split_at(span.len() - span.chars().next_back().map_or(0, char::len_utf8));
    let hours = match unit {
        "h" => 1,
        "d" => 24,
        _ => 0,
    };
    let number = number.parse::<i64>().ok().filter(|number| (1..=366).contains(number) && hours > 0);
    number.map(|number| number * hours * HOUR_US).ok_or_else(|| Problem::invalid("say for how long: 24h, 7d, …"))
}

/// Returns what was just decided, for the notice of the page one goes back to.
pub(super) fn told(app: &App, key: &Key, id: &str) -> Option<Decided> {
    app.pasts.find(id, &key.name, clock::now()).map(shown)
}

/// Returns the last decision of a key that can be undone.
pub(super) fn last(app: &App, key: &Key) -> Option<Decided> {
    app.pasts.last(&key.name, clock::now()).map(shown)
}

fn shown(past: Past) -> Decided {
    Decided { can_undo: past.can_undo(), id: past.id, sentence: past.sentence }
}

/// Returns the address to go back to, if it is one of these pages.
pub(super) fn own_address(back: &str, otherwise: &str) -> String {
    let is_own = ["/verdicts", "/restrictions"]
        .iter()
        .any(|page| back.strip_prefix(page).is_some_and(|rest| rest.is_empty() || rest.starts_with(['?', '/'])))
        || back.starts_with("/e/");
    if is_own && local_path(back) == back { back.to_owned() } else { otherwise.to_owned() }
}

/// Adds to an address what was just done.
pub(super) fn with_done(back: &str, id: &str) -> String {
    let (back, _) = back.split_once('#').unwrap_or((back, ""));
    let mark = if back.contains('?') { '&' } else { '?' };
    format!("{back}{mark}done={id}")
}

/// `POST /undo`: puts back what a decision changed.
pub(crate) async fn undo(State(app): State<App>, request: Request) -> Response {
    let (key, form) = match reviewed::<Form>(&app, request).await {
        Ok(reviewed) => reviewed,
        Err(instead) => return instead,
    };
    let back = own_address(field(&form, "back"), "/verdicts/review");
    let Some(past) = app.pasts.find(field(&form, "id"), &key.name, clock::now()) else {
        let gone = "that decision is not remembered any longer; decide again on the entity's page";
        return problem(&key, Problem::not_found(gone), &back);
    };
    let about = About { app, by: Arc::clone(&key.name), kind: past.kind, entity: past.entity.clone() };
    carry_out(&key, &back, about.undo(past), |id| with_done(&back, &id)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_hours_or_days_within_a_year() {
        assert_eq!(span_us("24h").unwrap(), 24 * HOUR_US);
        assert_eq!(span_us("").unwrap(), 7 * 24 * HOUR_US);
        for wrong in ["7", "d", "0d", "-1d", "400d", "7w", "é"] {
            assert!(span_us(wrong).is_err(), "{wrong}");
        }
        for (span, _) in SPANS {
            assert!(span_us(span).is_ok(), "{span}");
        }
    }

    #[test]
    fn one_goes_back_to_these_pages_alone() {
        for own in ["/verdicts", "/verdicts/review?kind=device", "/e/device/dev_3?table=usage", "/restrictions?rule=r"]
        {
            assert_eq!(own_address(own, "/x"), own);
        }
        for foreign in ["//evil.example", "/verdictsx", "https://evil.example/e/", "/e/\u{e9}", "/sql", ""] {
            assert_eq!(own_address(foreign, "/x"), "/x", "{foreign}");
        }
        assert_eq!(with_done("/e/device/d?table=usage#timeline", "i"), "/e/device/d?table=usage&done=i");
        assert_eq!(with_done("/verdicts", "i"), "/verdicts?done=i");
    }
}
