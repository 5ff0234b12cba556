//! What the Overview shows of the last day. Kept for half a minute, so that many viewers cost no more than one.

use ::queries::{Params, Tables};
use dashboards::Panel;
use dashboards::moment::DAY;
use dashboards::overview::DayPage;
use dashboards::overview::day::{Change, Crashes, DayStat, Found, LatestVerdict, Moved, NewestIssue};
use dashboards::trend::{Buckets, Spark};
use dashboards::unit::Unit;
use ingest::Purpose;
use serde_json::{Map, Value, json};

use crate::control::Key;
use crate::http::App;
use crate::http::ask::ask_stored;
use crate::http::error::Problem;
use crate::http::issues::Asker;
use crate::http::pages::{NAMED, panel, reason, reasons, rows};

/// How long it is kept.
pub(super) const KEPT_US: i64 = 30_000_000;
const VERDICTS_MAX: usize = 8;
const ISSUES_MAX: usize = 6;
/// Sentences about rules, at most.
const FOUND_MAX: usize = 4;
/// Sentences about releases, at most.
const CRASHES_MAX: usize = 3;
/// A share that moved by less, in points, is as it was.
const POINTS_MIN: f64 = 0.5;
type Row = Map<String, Value>;

/// Asks for all of it. What cannot be had is told in its own part.
pub(super) async fn ask(app: &App, key: &Key, now: i64) -> DayPage {
    let tables = match app.tables(key) {
        Ok(tables) => tables,
        Err(refused) => return failed(now, &reason(refused)),
    };
    let asked = Asked { app, key, tables, now };
    let (stats, changes, verdicts, issues) =
        tokio::join!(asked.stats(), asked.changes(), asked.verdicts(), asked.issues());
    DayPage { now, stats, changes, verdicts, issues }
}

fn failed(now: i64, why: &str) -> DayPage {
    let why = || why.to_owned();
    DayPage {
        now,
        stats: Panel::Failed(why()),
        changes: Panel::Failed(why()),
        verdicts: Panel::Failed(why()),
        issues: Panel::Failed(why()),
    }
}

struct Asked<'a> {
    app: &'a App,
    key: &'a Key,
    tables: Tables,
    now: i64,
}

impl Asked<'_> {
    async fn stored(&self, name: &str, params: &[(&str, &str)], rows_max: usize) -> Result<Vec<Row>, Problem> {
        let params: Params = params.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        Ok(ask_stored(self.app, name, params, &self.tables, rows_max).await?.rows)
    }

    fn sees(&self, purpose: Purpose) -> bool {
        self.key.purposes.has(purpose)
    }

    async fn stats(&self) -> Panel<Vec<DayStat>> {
        let buckets = Buckets::new(self.now - DAY, self.now);
        let interval = buckets.interval();
        let course = [("from", "-24h"), ("bucket", interval.as_str())];
        let mut stats = Vec::new();
        let found: Result<(), Problem> = async {
            if self.sees(Purpose::Reliability) {
                stats.push(crash_free(&self.stored("crash_free_over_time", &course, 100).await?, buckets));
                stats.push(failing(&self.stored("error_rate_over_time", &course, 100).await?, buckets));
            }
            if self.sees(Purpose::Billing) {
                stats.push(spent(&self.stored("credits_over_time", &course, 100).await?, buckets));
            }
            if self.sees(Purpose::Abuse) {
                stats.push(restrained(&self.stored("verdicts_over_time", &course, 1_000).await?, buckets));
            }
            Ok(())
        }
        .await;
        panel(found.map(|()| stats))
    }

    async fn changes(&self) -> Panel<Vec<Change>> {
        let mut changes = Vec::new();
        let found: Result<(), Problem> = async {
            if self.sees(Purpose::Reliability) {
                let crashes = self.stored("release_outliers", &[("from", "-24h")], CRASHES_MAX).await?;
                changes.extend(crashes.iter().map(|row| Change::Crashes(crashes_of(row))));
                let sessions = self.stored("crash_free_sessions", &[("from", "-24h")], 1).await?;
                let rate = self.stored("error_rate", &[("from", "-24h")], 1).await?;
                changes.extend(moved(&sessions, ("Crash-free sessions", "crash_free_sessions", true)));
                changes.extend(moved(&rate, ("Requests that failed", "error_rate", false)));
            }
            if self.sees(Purpose::Abuse) {
                let finds = self.stored("newest_finds", &[("from", "-24h")], FOUND_MAX).await?;
                changes.extend(finds.iter().map(|row| Change::Found(self.found(row))));
            }
            Ok(())
        }
        .await;
        panel(found.map(|()| changes))
    }

    fn found(&self, row: &Row) -> Found {
        let rule = rows::text(row, "rule");
        Found {
            // A rule that was deleted has no title any longer.
            title: Some(reasons::title(self.app, &rule))
                .filter(|title| !title.is_empty())
                .unwrap_or_else(|| rule.clone()),
            is_live: rows::text(row, "mode") == "live",
            entities: rows::count(row, "entities"),
            groups: rows::count(row, "groups"),
            kind: rows::text(row, "entity_kind"),
            entity: rows::text(row, "entity"),
            observed: number(row, "observed"),
            threshold: number(row, "threshold"),
            rule,
        }
    }

    async fn verdicts(&self) -> Panel<Vec<LatestVerdict>> {
        if !self.sees(Purpose::Abuse) {
            return Panel::Failed(
                "This key does not see abuse data. Sign in with a key that carries the purpose abuse.".to_owned(),
            );
        }
        let rows = self.stored("verdict_feed", &[("from", "-24h")], VERDICTS_MAX).await;
        panel(rows.map(|rows| rows.iter().map(|row| latest(self.app, row)).collect()))
    }

    async fn issues(&self) -> Panel<Vec<NewestIssue>> {
        if !self.sees(Purpose::Reliability) {
            return Panel::Failed(
                "This key does not see errors. Sign in with a key that carries the purpose reliability.".to_owned(),
            );
        }
        let params = [("status", "open"), ("sort", "first_seen")];
        let params: Params = params.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let found = async { Asker::new(self.app, self.key).await?.ask("issues", params, ISSUES_MAX).await };
        panel(found.await.map(|found| found.rows.iter().map(newest).collect()))
    }
}

fn number(row: &Row, column: &str) -> f64 {
    row.get(column).and_then(Value::as_f64).unwrap_or(0.0)
}

fn sum(rows: &[Row], column: &str) -> u64 {
    rows.iter().map(|row| rows::count(row, column)).sum()
}

fn points(rows: &[Row], count: impl Fn(&Row) -> u64) -> Vec<(i64, u64)> {
    rows.iter().map(|row| (rows::time(row, "bucket"), count(row))).collect()
}

fn share(part: u64, whole: u64) -> String {
    if whole == 0 { "–".to_owned() } else { Unit::Percent.write_number(part as f64 * 100.0 / whole as f64) }
}

fn crash_free(rows: &[Row], buckets: Buckets) -> DayStat {
    let crashed = |row: &Row| {
        let (sessions, free) = (rows::count(row, "sessions"), rows::percent(row, "crash_free_sessions"));
        free.map_or(0, |free| (sessions as f64 * (100.0 - free) / 100.0).round() as u64)
    };
    let (sessions, all_crashed) = (sum(rows, "sessions"), rows.iter().map(crashed).sum::<u64>());
    DayStat {
        name: "Crash-free sessions",
        value: share(sessions.saturating_sub(all_crashed), sessions),
        detail: format!(
            "{} of {} crashed",
            Unit::Count.write_number(all_crashed as f64),
            dashboards::figure::counted(sessions, "session")
        ),
        spark: Some(Spark::of("crashed session", &points(rows, crashed), buckets)),
        class: "errors",
        link: "/d/reliability".to_owned(),
    }
}

fn failing(rows: &[Row], buckets: Buckets) -> DayStat {
    let (requests, errors) = (sum(rows, "requests"), sum(rows, "errors"));
    DayStat {
        name: "Requests that failed",
        value: share(errors, requests),
        detail: format!(
            "{} of {}",
            Unit::Count.write_number(errors as f64),
            dashboards::figure::counted(requests, "request")
        ),
        spark: Some(Spark::of("failed request", &points(rows, |row| rows::count(row, "errors")), buckets)),
        class: "errors",
        link: "/d/reliability".to_owned(),
    }
}

fn spent(rows: &[Row], buckets: Buckets) -> DayStat {
    let (granted, bought, spent) = (sum(rows, "granted"), sum(rows, "bought"), sum(rows, "spent"));
    DayStat {
        name: "Credits spent",
        value: Unit::Credits.write_number(spent as f64),
        detail: format!("{} granted for free", Unit::Credits.write_number(granted.saturating_sub(bought) as f64)),
        spark: Some(Spark::of("credit", &points(rows, |row| rows::count(row, "spent")), buckets)),
        class: "spark-1",
        link: "/d/credits".to_owned(),
    }
}

fn restrained(rows: &[Row], buckets: Buckets) -> DayStat {
    let refused = |row: &Row| if rows::text(row, "verdict") == "allow" { 0 } else { rows::count(row, "decisions") };
    let (decisions, all_refused) = (sum(rows, "decisions"), rows.iter().map(refused).sum::<u64>());
    DayStat {
        name: "Requests restrained",
        value: share(all_refused, decisions),
        detail: format!(
            "{} of {}",
            Unit::Count.write_number(all_refused as f64),
            dashboards::figure::counted(decisions, "decision")
        ),
        spark: Some(Spark::of("restrained request", &points(rows, refused), buckets)),
        class: "spark-2",
        link: "/d/abuse".to_owned(),
    }
}

fn crashes_of(row: &Row) -> Crashes {
    Crashes {
        release: rows::text(row, "release"),
        browser: rows::text(row, "browser"),
        sessions: rows::count(row, "sessions"),
        crashed: rows::count(row, "crashed"),
        elsewhere: rows::percent(row, "elsewhere"),
        issue: rows::text(row, "issue_id"),
        exception: rows::text(row, "type"),
        people: rows::count(row, "people"),
    }
}

/// Tells of a share that moved enough to be told.
fn moved(rows: &[Row], (what, column, is_good): (&'static str, &str, bool)) -> Option<Change> {
    let row = rows.first()?;
    let (now, before) = (rows::percent(row, column)?, rows::percent(row, &format!("{column}_before"))?);
    let link = "/d/reliability";
    ((now - before).abs() >= POINTS_MIN).then_some(Change::Moved(Moved { what, now, before, is_good, link }))
}

fn latest(app: &App, row: &Row) -> LatestVerdict {
    let named = |(column, kind): &(&str, &str)| Some(((*kind).to_owned(), rows::some_text(row, column)?));
    let first = reasons::from_text(app, &rows::text(row, "reasons")).into_iter().next();
    LatestVerdict {
        at: rows::time(row, "at"),
        verdict: rows::text(row, "verdict"),
        action: rows::text(row, "action"),
        who: NAMED.iter().find_map(named).unwrap_or_default(),
        reason: first.map(|first| if first.title.is_empty() { first.rule } else { first.title }).unwrap_or_default(),
    }
}

fn newest(row: &Row) -> NewestIssue {
    NewestIssue {
        id: rows::text(row, "issue_id"),
        title: rows::first_text(row, &["type", "culprit", "message"]),
        message: rows::text(row, "message"),
        first_seen: rows::time(row, "first_seen"),
        events: rows::count(row, "events"),
        people: rows::count(row, "people"),
    }
}

impl super::Overview {
    /// Returns the last day, kept or asked anew.
    pub(in crate::http) async fn day(&self, app: &App, key: &Key, now: i64) -> DayPage {
        if let Some(day) = self.kept_day(key, now) {
            return day;
        }
        // One asks, the others wait for what it found.
        let _asking = self.asking.lock().await;
        if let Some(day) = self.kept_day(key, now) {
            return day;
        }
        let day = ask(app, key, now).await;
        let is_whole = day.stats.value().is_some() && day.changes.value().is_some();
        if is_whole {
            self.keep_day(key, &day);
        }
        day
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn row(value: Value) -> Row {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_share_is_told_of_when_it_moved() {
        let sessions =
            |now: f64, before: Value| [row(json!({"crash_free_sessions": now, "crash_free_sessions_before": before}))];
        let told = |rows: &[Row]| {
            moved(rows, ("Crash-free sessions", "crash_free_sessions", true)).map(|change| change.sentence())
        };
        assert_eq!(
            told(&sessions(90.6, json!(99.0))).as_deref(),
            Some("Crash-free sessions fell to 90.6%, from 99% the day before.")
        );
        assert_eq!(told(&sessions(99.1, json!(99.0))), None);
        assert_eq!(told(&sessions(99.1, Value::Null)), None);
        assert_eq!(told(&[]), None);
    }

    #[test]
    fn figures_of_a_day_without_events_are_a_dash_not_nought() {
        let buckets = Buckets::new(0, DAY);
        let values: Vec<String> =
            [crash_free(&[], buckets), failing(&[], buckets), restrained(&[], buckets)].map(|stat| stat.value).into();
        assert_eq!(values, ["–", "–", "–"]);
        let rows = [row(json!({"bucket": clock::rfc3339(DAY), "sessions": 200, "crash_free_sessions": 75.0}))];
        let stat = crash_free(&rows, buckets);
        assert_eq!((stat.value.as_str(), stat.detail.as_str()), ("75%", "50 of 200 sessions crashed"));
    }
}
