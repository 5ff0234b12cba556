//! `/rules/{id}`: one rule. What is done about it is `change.rs`; how what is known is shaped is `found.rs`.

mod change;
mod found;

use ::queries::Params;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use dashboards::rule::{Asked, BacktestPage, Deed, Diff, Done, Editor, RuleHits, TEMPLATE, Wrong};
use dashboards::rules::{Disagreement, Precision};
use dashboards::trend::Buckets;
use dashboards::{NewRulePage, Panel, RulePage};
use serde_json::json;

pub(crate) use change::{delete, end_snooze, restore, save, set_mode, snooze};

use super::rows;
use super::rules::{self, WEEK_US, is_trip, set_mode_of, to_disagreement, to_precision, to_problem};
use super::{fragment, fragment_reader, frame, html, may_review, panel, problem, reason, reviewer};
use crate::clock;
use crate::control::{Key, Scope, StoredText};
use crate::http::address::Named;
use crate::http::ask::ask_stored;
use crate::http::error::Problem;
use crate::http::issues::given;
use crate::http::rules::unknown;
use crate::http::{App, blocking};
use crate::rulebook::{Origin, RuleView};

/// Hits that are listed.
const HITS_MAX: usize = 20;
/// Backtests of the version that are listed.
const BACKTESTS_MAX: u32 = 20;
/// Lines of the rule's story.
const TOLD_MAX: u32 = 50;
/// The parameters of the page's address.
const KNOWN: [&str; 5] = ["backtest", "old", "new", "done", "was"];

/// `GET /rules/{id}`: the page.
pub(crate) async fn rule(State(app): State<App>, Named(id): Named, request: Request) -> Response {
    let key = match reviewer(&app, request.headers(), request.uri()) {
        Ok(key) => key,
        Err(instead) => return instead,
    };
    let params = match given(&request, &KNOWN) {
        Ok(params) => params,
        Err(refused) => return problem(&key, refused, "/rules"),
    };
    let text = |name: &str| rows::text(&params, name);
    let asked = Asked { name: id, backtest: text("backtest"), versions: (text("old"), text("new")) };
    let done = Deed::parse(&text("done")).map(|deed| Done { deed, was: text("was") });
    match page(&app, &key, asked, done, None).await {
        Ok(page) => html(StatusCode::OK, page.page()),
        Err(refused) => problem(&key, refused, "/rules"),
    }
}

/// `GET /rules/new`: the page on which a rule is written.
pub(crate) async fn new(State(app): State<App>, request: Request) -> Response {
    match reviewer(&app, request.headers(), request.uri()) {
        Ok(key) => html(StatusCode::OK, new_page(&key, "", TEMPLATE, None).page()),
        Err(instead) => instead,
    }
}

fn new_page(key: &Key, name: &str, text: &str, wrong: Option<Wrong>) -> NewRulePage {
    let editor = Editor { text: text.to_owned(), saved: None, wrong, locked: None };
    NewRulePage { frame: frame(Some(key)), name: name.to_owned(), editor }
}

/// `GET /fragments/rules/{id}/backtests/{backtest_id}`: a backtest that has just ended.
pub(crate) async fn backtest(
    State(app): State<App>,
    Named((id, backtest)): Named<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let read = async {
        fragment_reader(&app, &headers, may_review, "review")?;
        let test = kept_backtest(&app, &id, &backtest).await?;
        let test = test.ok_or_else(|| Problem::not_found("there is no such backtest of this rule"))?;
        let asked = Asked { name: id.clone(), ..Asked::default() };
        Ok(BacktestPage { now: clock::now(), asked, test })
    };
    fragment(read.await.map(|page: BacktestPage| page.fragment()))
}

async fn kept_backtest(app: &App, rule: &str, id: &str) -> Result<Option<dashboards::rule::Backtest>, Problem> {
    let (control, id) = (app.control.clone(), id.to_owned());
    let kept = blocking(move || control.backtest(&id)).await??.filter(|kept| *kept.rule == *rule);
    let present = app.rulebook.get(rule);
    Ok(kept.map(|kept| found::backtest(kept, present.as_ref())))
}

/// Somebody's text that could not be saved, and why.
type Refused = (String, Wrong);

/// Makes the page. What was refused stays in the editor.
async fn page(
    app: &App,
    key: &Key,
    asked: Asked,
    done: Option<Done>,
    refused: Option<Refused>,
) -> Result<RulePage, Problem> {
    let now = clock::now();
    let (rule, _) = app.rulebook.get(&asked.name).ok_or_else(|| unknown(&asked.name))?;
    let (views, problems) = app.rulebook.list(now);
    let view = views.into_iter().find(|view| view.report.name == rule.name).ok_or_else(|| unknown(&asked.name))?;
    let modes = rules::modes(app).await?;
    let set = set_mode_of(&modes, &view);
    let kept = kept(app, &view).await?;
    let versions = found::versions(&rule, &kept.texts);
    let diff = diff(&asked, &rule.text, &rule.version, &kept.texts);
    let (text, wrong) = refused.map_or_else(|| (rule.text.to_string(), None), |(text, wrong)| (text, Some(wrong)));
    let locked = (app.rulebook.origin(&rule) == Origin::Operator).then(|| {
        "This file lies in a directory given by --rules and comes before any that is saved here: change the file."
            .to_owned()
    });
    let backtest = match asked.backtest.as_str() {
        "" => None,
        id => kept_backtest(app, &asked.name, id).await?,
    };
    let (hits, precision, disagreement) = figures(app, &view, now).await;
    Ok(RulePage {
        frame: frame(Some(key)),
        now,
        rule: found::facts(app, &view, set, set.filter(|set| is_trip(set)).and(kept.trip)),
        editor: Editor { text, saved: Some(rule.text.to_string()), wrong, locked },
        problems: problems.into_iter().filter(|problem| found::is_about(problem, &rule)).map(to_problem).collect(),
        may_force: key.scopes.has(Scope::Admin),
        hits,
        precision,
        disagreement,
        backtests: kept.backtests,
        backtest,
        versions,
        diff,
        told: kept.told,
        snoozes: app.verdicts.snoozes_of(&asked.name, now).iter().map(|snooze| found::snoozed(snooze)).collect(),
        done,
        asked,
    })
}

/// What the control database keeps of a rule.
struct Kept {
    texts: Vec<StoredText>,
    backtests: Vec<dashboards::rule::PastBacktest>,
    told: Vec<dashboards::rule::Told>,
    trip: Option<dashboards::rule::Trip>,
}

async fn kept(app: &App, view: &RuleView) -> Result<Kept, Problem> {
    let (control, name, version) = (app.control.clone(), view.report.name.clone(), view.report.version.clone());
    let kept = blocking(move || {
        let texts = control.rule_texts(&name)?;
        let backtests = control.backtests_of(&name, &version, BACKTESTS_MAX)?;
        let lines = control.audit_of_rule(&name, TOLD_MAX)?;
        Ok::<_, crate::control::ControlError>(Kept {
            texts,
            backtests: backtests.into_iter().map(found::past_backtest).collect(),
            trip: lines.iter().find_map(found::trip),
            told: lines.iter().map(found::told).collect(),
        })
    });
    Ok(kept.await??)
}

fn diff(asked: &Asked, text: &str, version: &str, texts: &[StoredText]) -> Option<Diff> {
    let of = |wanted: &str| match texts.iter().find(|text| text.version == wanted) {
        Some(kept) => Some(kept.text.as_str()),
        None => (wanted == version).then_some(text),
    };
    let (old, new) = (asked.versions.0.as_str(), asked.versions.1.as_str());
    Some(Diff::new((old, new), of(old)?, of(new)?))
}

/// Asks the tables for what the rule found.
async fn figures(app: &App, view: &RuleView, now: i64) -> (Panel<RuleHits>, Panel<Precision>, Panel<Disagreement>) {
    let name = &*view.report.name;
    let of_rule = || Params::from_iter([("rule".to_owned(), json!(name))]);
    let known = async {
        let tables = rules::tables(app)?;
        let precision = ask_stored(app, "rule_precision", of_rule(), &tables, 1);
        let changed = ask_stored(app, "shadow_disagreement", of_rule(), &tables, 1);
        // Two at a time: the engine runs a few queries at once, for everybody.
        Ok(tokio::join!(precision, changed))
    };
    let (precision, changed) = match known.await {
        Ok((precision, changed)) => (panel(precision), panel(changed)),
        Err(refused) => {
            let words = reason(refused);
            (Panel::Failed(words.clone()), Panel::Failed(words))
        }
    };
    let first = |found: crate::http::ask::Found| found.rows.into_iter().next().unwrap_or_default();
    let precision = map(precision, |found| to_precision(&first(found)));
    let changed = map(changed, |found| to_disagreement(&first(found)));
    (panel(hits(app, view, now, of_rule).await), precision, changed)
}

async fn hits(app: &App, view: &RuleView, now: i64, of_rule: impl Fn() -> Params) -> Result<RuleHits, Problem> {
    let tables = rules::tables(app)?;
    let buckets = Buckets::new(now - WEEK_US, now);
    let in_mode = |mode: &str| {
        let mut params = of_rule();
        params.insert("mode".to_owned(), json!(mode));
        rules::over_time(app, &tables, buckets, params)
    };
    let (live, shadow) = tokio::join!(in_mode("live"), in_mode("shadow"));
    let mut params = of_rule();
    params.insert("limit".to_owned(), json!(HITS_MAX + 1));
    let newest = ask_stored(app, "rule_hits", params, &tables, HITS_MAX).await?;
    let mut counts = Vec::new();
    for (mode, found) in [("live", live?), ("shadow", shadow?)] {
        counts.extend(found.iter().map(|row| (rows::time(row, "bucket"), mode.to_owned(), rows::count(row, "hits"))));
    }
    let open = found::open_hits(app, &view.report.name, now);
    Ok(RuleHits {
        counts,
        buckets,
        rows: found::hits(&newest.rows, &view.report.version, open),
        is_truncated: newest.is_truncated,
    })
}

fn map<T, U>(panel: Panel<T>, with: impl FnOnce(T) -> U) -> Panel<U> {
    match panel {
        Panel::Ready(value) => Panel::Ready(with(value)),
        Panel::Stale { value, as_of, reason } => Panel::Stale { value: with(value), as_of, reason },
        Panel::Failed(reason) => Panel::Failed(reason),
        Panel::Loading => Panel::Loading,
    }
}
