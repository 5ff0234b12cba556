//! What is done about an issue from its page: deciding, merging, splitting.

use axum::extract::{Request, State};
use axum::response::Response;
use dashboards::issue::Done;
use dashboards::issues::Decided;
use dashboards::{address, local_path};

use crate::clock;
use crate::control::By;
use crate::http::App;
use crate::http::address::Named;
use crate::http::error::Problem;
use crate::http::pages::issues::status_of;
use crate::http::pages::{Form, carry_out, field, fields, problem, reviewed};
use crate::issues::Decision;

/// Returns what somebody wrote into a field.
fn written<'f>(form: &'f Form, name: &str) -> &'f str {
    field(form, name).trim()
}

/// `POST /issues/{id}/decide`: resolves, ignores or opens it.
pub(crate) async fn decide(State(app): State<App>, Named(id): Named, request: Request) -> Response {
    let (key, form) = match reviewed::<Form>(&app, request).await {
        Ok(reviewed) => reviewed,
        Err(instead) => return instead,
    };
    let back = issue_address(&id, written(&form, "back"));
    let (decided, decision) = match decision(&form, clock::now()) {
        Ok(read) => read,
        Err(refused) => return problem(&key, refused, &back),
    };
    let actor = key.name.clone();
    let work = async move {
        let by = By { actor: &actor, at: clock::now() };
        app.issues.decide(&app.ingest, &id, decision, by).await
    };
    carry_out(&key, &back, work, |_| told(&back, Done::Decided(decided))).await
}

/// Reads a decision: `how` and `release` where it is resolved, `until` where it is ignored.
fn decision(form: &Form, now: i64) -> Result<(Decided, Decision), Problem> {
    let decided = Decided::parse(written(form, "action"))
        .ok_or_else(|| Problem::invalid("an issue is resolved, ignored or opened"))?;
    let mut decision = Decision { status: status_of(decided), ..Decision::default() };
    let release = |name: &str| match written(form, name) {
        "" => Err(Problem::invalid("name the release it is resolved in")),
        release => Ok(Some(release.to_owned())),
    };
    match (decided, written(form, "how"), written(form, "until")) {
        (Decided::Resolved, "in", _) => decision.in_release = release("newest")?,
        (Decided::Resolved, "after", _) => decision.after_release = release("newest")?,
        (Decided::Resolved, "named", _) => decision.in_release = release("release")?,
        (Decided::Ignored, _, until) if !until.is_empty() => match (span_us(until), until.parse()) {
            (Some(span), _) => decision.until = Some(now + span),
            (None, Ok(events)) => decision.until_events = Some(events),
            _ => return Err(Problem::invalid("an issue is ignored for good, for a time, or until more errors came")),
        },
        _ => {}
    }
    Ok((decided, decision))
}

/// Reads the hours or days that the page offers.
fn span_us(text: &str) -> Option<i64> {
    const HOUR_US: i64 = 3_600 * 1_000_000;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: i64 = number.parse().ok().filter(|number| (1..=10_000).contains(number))?;
    match unit {
        "h" => Some(number * HOUR_US),
        "d" => Some(number * 24 * HOUR_US),
        _ => None,
    }
}

/// `POST /issues/{id}/merge`: makes its errors belong to another issue.
pub(crate) async fn merge(State(app): State<App>, Named(id): Named, request: Request) -> Response {
    let (key, form) = match reviewed::<Form>(&app, request).await {
        Ok(reviewed) => reviewed,
        Err(instead) => return instead,
    };
    let back = issue_address(&id, written(&form, "back"));
    // What is written goes before what is chosen: it is written later.
    let into = [written(&form, "id"), written(&form, "into")].into_iter().find(|into| !into.is_empty());
    let Some(into) = into.map(str::to_owned) else {
        return problem(&key, Problem::invalid("choose the issue to merge it into, or write its id"), &back);
    };
    let (actor, target) = (key.name.clone(), into.clone());
    let work = async move {
        let by = By { actor: &actor, at: clock::now() };
        app.issues.merge(&app.ingest, &into, &[id], by).await
    };
    carry_out(&key, &back, work, |()| told(&issue_address(&target, ""), Done::Merged)).await
}

/// `POST /issues/{id}/split`: makes an issue of its own of some of its hashes.
pub(crate) async fn split(State(app): State<App>, Named(id): Named, request: Request) -> Response {
    let (key, form) = match reviewed::<Form>(&app, request).await {
        Ok(reviewed) => reviewed,
        Err(instead) => return instead,
    };
    let back = issue_address(&id, written(&form, "back"));
    let hashes = fields(&form, "hash");
    if hashes.is_empty() {
        return problem(&key, Problem::invalid("select the hashes that are to be an issue of their own"), &back);
    }
    let actor = key.name.clone();
    let work = async move {
        let by = By { actor: &actor, at: clock::now() };
        app.issues.split(&app.ingest, &id, &hashes, by).await
    };
    carry_out(&key, &back, work, |new| told(&issue_address(&new, ""), Done::Split)).await
}

/// Returns the address to go back to, if it is one of the issue's page.
fn issue_address(id: &str, back: &str) -> String {
    let own = format!("/issues/{}", address::encode(id));
    let is_own = back.strip_prefix(own.as_str()).is_some_and(|rest| rest.starts_with('?'));
    if is_own && local_path(back) == back { back.to_owned() } else { own }
}

/// Adds to an address what was just done.
fn told(back: &str, done: Done) -> String {
    let mark = if back.contains('?') { '&' } else { '?' };
    format!("{back}{mark}done={}", done.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issues::Status;

    const NOW: i64 = 1_000_000;

    fn read(fields: &[(&str, &str)]) -> Result<Decision, Problem> {
        let form: Form = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        decision(&form, NOW).map(|(_, decision)| decision)
    }

    #[test]
    fn a_form_becomes_a_decision() {
        let newest = ("newest", "2.4.1");
        let resolved = read(&[("action", "resolve"), ("how", "in"), newest, ("release", "")]).unwrap();
        assert_eq!((resolved.status, resolved.in_release.as_deref()), (Status::Resolved, Some("2.4.1")));
        let next = read(&[("action", "resolve"), ("how", "after"), newest]).unwrap();
        assert_eq!((next.in_release, next.after_release.as_deref()), (None, Some("2.4.1")));
        let named = read(&[("action", "resolve"), ("how", "named"), newest, ("release", " 3 ")]).unwrap();
        assert_eq!(named.in_release.as_deref(), Some("3"));
        assert_eq!(read(&[("action", "resolve"), ("how", ""), newest]).unwrap().in_release, None);
        assert_eq!(read(&[("action", "ignore"), ("until", "24h")]).unwrap().until, Some(NOW + 86_400_000_000));
        assert_eq!(read(&[("action", "ignore"), ("until", "100")]).unwrap().until_events, Some(100));
        let for_good = read(&[("action", "ignore"), ("until", "")]).unwrap();
        assert_eq!((for_good.status, for_good.until, for_good.until_events), (Status::Ignored, None, None));
        for wrong in [
            &[("action", "resolve"), ("how", "named"), ("release", " ")][..],
            &[("action", "ignore"), ("until", "soon")],
            &[("action", "ignore"), ("until", "99999999d")],
            &[("action", "delete")],
            &[],
        ] {
            assert!(matches!(read(wrong), Err(Problem::Invalid(_))), "{wrong:?}");
        }
    }

    #[test]
    fn one_goes_back_to_the_issue_alone() {
        assert_eq!(issue_address("iss_1", "/issues/iss_1?since=-7d"), "/issues/iss_1?since=-7d");
        for foreign in ["/issues/iss_12", "//evil.example", "https://evil.example", "/issues/iss_1?\u{e9}", ""] {
            assert_eq!(issue_address("iss_1", foreign), "/issues/iss_1", "{foreign}");
        }
        assert_eq!(told(&issue_address("a/b", ""), Done::Merged), "/issues/a%2Fb?done=merged");
    }
}
