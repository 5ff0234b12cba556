//! Every reject code, and the bodies that are refused whole.

use super::*;

fn usage_with(fields: &str) -> String {
    format!(r#"{{"kind":"usage","name":"image.generate","account_id":"acct_1"{fields}}}"#)
}

fn assert_refused(event: &str, code: RejectCode, names: &str) {
    let (found, message) = refused(event, &server());
    assert_eq!(found, code, "{event}: {message}");
    assert!(message.contains(names), "{event}: {message}");
}

#[test]
fn invalid_json_takes_only_its_own_line() {
    let body = "{\"kind\":\"log\",\"message\":\"a\"}\n{\"kind\":\n\"text\"\n[1]\n{\"kind\":\"log\",\"message\":\"b\"}";
    let judged = judged(body, &server());
    assert_eq!(judged.received, 5);
    let rejects: Vec<_> = judged.rejects.iter().map(|reject| (reject.index, reject.code)).collect();
    let expected: Vec<_> = [1, 2, 3].map(|index| (index, RejectCode::InvalidJson)).into();
    assert_eq!(rejects, expected);
    let kinds: Vec<Kind> = judged.rows.heads().iter().map(|head| head.kind).collect();
    assert_eq!(kinds, [Kind::Logs, Kind::Rejects, Kind::Rejects, Kind::Rejects, Kind::Logs]);
}

#[test]
fn a_line_that_is_not_utf8_is_refused_alone() {
    let mut body = b"{\"kind\":\"log\",\"message\":\"a\"}\n{\"kind\":\"log\",\"message\":\"".to_vec();
    body.extend(b"\xff\"}\n");
    let judged = judge().judge(&body, &server()).expect("the first line is readable");
    assert_balanced(&judged);
    assert_eq!(judged.rejects.len(), 1);
    assert_eq!((judged.rejects[0].index, judged.rejects[0].code), (1, RejectCode::InvalidJson));
}

#[test]
fn a_body_without_one_object_cannot_be_read() {
    for body in ["", " ", "[]", "not json", "{\"kind\":", "{broken\n{also", "3", "\"x\"", "[1,", "[{}"] {
        let error = judge().judge(body.as_bytes(), &server()).err();
        assert!(matches!(error, Some(BodyError::Unreadable(_))), "{body}: {error:?}");
    }
    assert_eq!(judged("[1,{}]", &server()).rejects.len(), 2, "an array that parses is read, element by element");
}

#[test]
fn too_many_events_are_refused_whole() {
    let body = "{}\n".repeat(Limits::default().events_max + 1);
    assert!(matches!(judge().judge(body.as_bytes(), &server()), Err(BodyError::TooLarge(_))));
    let body = "{}\n".repeat(Limits::default().events_max);
    assert_eq!(judged(&body, &server()).received as usize, Limits::default().events_max);
}

#[test]
fn unknown_and_missing_kinds() {
    assert_refused(r#"{"kind":"hit"}"#, RejectCode::UnknownKind, "`kind` must be usage, error");
    assert_refused(r#"{"kind":"Usage","name":"a"}"#, RejectCode::UnknownKind, "`kind`");
    assert_refused(r#"{"name":"a"}"#, RejectCode::MissingField, "`kind`");
    assert_refused(r#"{"kind":null}"#, RejectCode::MissingField, "`kind`");
    assert_refused(r#"{"kind":7}"#, RejectCode::InvalidField, "`kind`");
}

#[test]
fn missing_fields_are_named() {
    for (event, name) in [
        (r#"{"kind":"usage","account_id":"a"}"#, "`name`"),
        (r#"{"kind":"usage","account_id":"a","name":null}"#, "`name`"),
        (r#"{"kind":"usage","account_id":"a","name":""}"#, "`name`"),
        (r#"{"kind":"error"}"#, "`type` or `message`"),
        (r#"{"kind":"log","level":"info"}"#, "`message`"),
        (r#"{"kind":"credit","amount":1,"account_id":"a"}"#, "`op`"),
        (r#"{"kind":"credit","op":"grant","account_id":"a"}"#, "`amount`"),
        (r#"{"kind":"payment","account_id":"a"}"#, "`op`"),
        (r#"{"kind":"identity","account_id":"a"}"#, "`op`"),
        (r#"{"kind":"session","session_id":"s"}"#, "`status`"),
    ] {
        assert_refused(event, RejectCode::MissingField, name);
    }
}

#[test]
fn invalid_fields_are_named_with_what_was_expected() {
    for (fields, message) in [
        (r#","colour":1"#, "`colour` is no field of usage events"),
        (r#","op":"grant""#, "`op` is no field of usage events"),
        (r#","email":"a@example.com""#, "`email` is no field of usage events"),
        (r#","status":"fine""#, "`status` must be one of ok, error, cancelled"),
        (r#","status":1"#, "`status` must be a text"),
        (r#","duration_ms":-1"#, "`duration_ms` must not be negative"),
        (r#","duration_ms":812.5"#, "`duration_ms` must be an integer"),
        (r#","duration_ms":"812""#, "`duration_ms` must be an integer"),
        (r#","duration_ms":1e300"#, "`duration_ms` must lie between"),
        (r#","quantity":true"#, "`quantity` must be an integer"),
        (r#","model":["a"]"#, "`model` must be a text"),
        (r#","model":"a","model":"b""#, "`model` is given twice"),
        (r#","guest_id":"""#, "`guest_id` must not be empty"),
        (r#","guest_id":7"#, "`guest_id` must be a text"),
        (r#","guest_id":"a\u0000b""#, "`guest_id` must not hold control characters"),
        (r#","guest_id":"jane@example.com""#, "`guest_id` must be opaque, and looks like an e-mail address"),
        (r#","device_id":"4242424242424242""#, "`device_id` must be opaque, and looks like a card number"),
        (r#","id":"jane@example.com""#, "`id` must be opaque"),
        (r#","ip":"localhost""#, "`ip` must be an IP address"),
        (r#","ip":7"#, "`ip` must be a text"),
        (r#","ts":"yesterday""#, "`ts` must be an RFC 3339 time"),
        (r#","ts":true"#, "`ts` must be an RFC 3339 time"),
        (r#","ts":1e300"#, "`ts` must be an RFC 3339 time"),
        (r#","properties":[1]"#, "`properties` must be an object"),
        (r#","properties":"x""#, "`properties` must be an object"),
        (r#","model":"\ud800""#, "`model` holds an escape"),
        (r#","country":"Germany""#, "`country` must be a code of 2 letters"),
    ] {
        assert_refused(&usage_with(fields), RejectCode::InvalidField, message);
    }
    assert_refused(&usage_with(&format!(r#","guest_id":"{}""#, "g".repeat(257))), RejectCode::InvalidField, "256");
    assert_refused(&usage_with(&format!(r#","model":"{}""#, "m".repeat(513))), RejectCode::InvalidField, "512");
    for event in [
        r#"{"kind":"credit","op":"grant","amount":-5,"account_id":"a"}"#,
        r#"{"kind":"credit","op":"spend","amount":9223372036854775807,"account_id":"a"}"#,
        r#"{"kind":"credit","op":"give","amount":5,"account_id":"a"}"#,
        r#"{"kind":"payment","op":"failed","amount_minor":-1,"account_id":"a"}"#,
        r#"{"kind":"payment","op":"failed","currency":"euro","account_id":"a"}"#,
        r#"{"kind":"identity","op":"signup","email":"nobody","account_id":"a"}"#,
        r#"{"kind":"log","message":"x","level":"loud"}"#,
        r#"{"kind":"error","message":"x","stack":7}"#,
        r#"{"kind":"error","message":"x","breadcrumbs":{}}"#,
    ] {
        assert_refused(event, RejectCode::InvalidField, "`");
    }
    admitted(r#"{"kind":"credit","op":"adjust","amount":-5,"account_id":"a"}"#, &server());
}

#[test]
fn too_large_by_bytes_or_by_nesting() {
    let limits = Limits::default();
    let filler = usage_with(r#","properties":{"a":""}"#).len();
    let sized = |bytes: usize| usage_with(&format!(r#","properties":{{"a":"{}"}}"#, "x".repeat(bytes - filler)));
    admitted(&sized(limits.event_bytes_max), &server());
    assert_refused(&sized(limits.event_bytes_max + 1), RejectCode::TooLarge, "65536 bytes");

    let nested =
        |depth: usize| usage_with(&format!(r#","properties":{}1{}"#, "{\"a\":".repeat(depth), "}".repeat(depth)));
    admitted(&nested(limits.properties_depth_max), &server());
    assert_refused(&nested(limits.properties_depth_max + 1), RejectCode::TooLarge, "`properties` nests deeper than 10");

    let deep = |depth: usize| usage_with(&format!(r#","x":{}{}"#, "[".repeat(depth), "]".repeat(depth)));
    assert_refused(&deep(32), RejectCode::TooLarge, "nests deeper");
    assert_refused(&deep(20_000), RejectCode::TooLarge, "nests deeper");
    assert_refused(&deep(200_000), RejectCode::TooLarge, "bytes");
    let error = judge().judge("{\"a\":".repeat(200_000).as_bytes(), &server()).err();
    assert_eq!(error, None, "over the size of an event it is one refused event");
}

#[test]
fn too_old_and_too_new_by_the_senders_clock() {
    let at = |us: i64| usage_with(&format!(r#","ts":{}"#, us / 1000));
    for ago in [0, 29 * DAY_US, 30 * DAY_US, -600_000_000] {
        admitted(&at(NOW - ago), &server());
    }
    assert_refused(&at(NOW - 30 * DAY_US - 1_000), RejectCode::TooOld, "30 days");
    assert_refused(&at(NOW + 600_001_000), RejectCode::TooNew, "10 minutes");
    assert_refused(&usage_with(r#","ts":1795341600"#), RejectCode::TooOld, "milliseconds, not seconds");
}

#[test]
fn an_import_may_be_of_any_age_that_is_still_kept() {
    let import = Sender { historical: true, source: Source::Import, ..server() };
    let at = |ago: i64| usage_with(&format!(r#","ts":{}"#, (NOW - ago) / 1000));
    let (rows, head) = admitted(&at(395 * DAY_US), &import);
    assert_eq!(text(&rows, &head, "source"), Some("import"));
    assert_eq!(refused(&at(396 * DAY_US), &import).0, RejectCode::TooOld);
    assert_eq!(refused(&at(-DAY_US), &import).0, RejectCode::TooNew);
    let log = format!(r#"{{"kind":"log","message":"x","ts":{}}}"#, (NOW - 31 * DAY_US) / 1000);
    assert!(refused(&log, &import).1.contains("`logs`"));
}

#[test]
fn a_browser_may_not_write_what_counts() {
    for (event, kind) in [
        (r#"{"kind":"credit","op":"grant","amount":50,"guest_id":"g"}"#, "credit"),
        (r#"{"kind":"payment","op":"succeeded","account_id":"a"}"#, "payment"),
        (r#"{"kind":"identity","op":"bind","guest_id":"g","account_id":"a"}"#, "identity"),
        (r#"{"kind":"session","status":"ok","session_id":"s"}"#, "session"),
    ] {
        let (code, message) = refused(event, &browser());
        assert_eq!((code, message), (RejectCode::ForbiddenKind, format!("{kind} events need a server key")));
        admitted(event, &server());
    }
    let sdk = Sender { source: Source::Sentry, ..browser() };
    admitted(r#"{"kind":"session","status":"ok","session_id":"s"}"#, &sdk);
    admitted(r#"{"kind":"identity","op":"bind","guest_id":"g","account_id":"a"}"#, &sdk);
    assert_eq!(
        refused(r#"{"kind":"credit","op":"grant","amount":50,"guest_id":"g"}"#, &sdk).0,
        RejectCode::ForbiddenKind
    );
}

#[test]
fn kinds_about_a_person_need_a_subject() {
    assert_refused(r#"{"kind":"usage","name":"a"}"#, RejectCode::NoSubject, "`account_id`");
    assert_refused(r#"{"kind":"usage","name":"a","workspace_id":"w"}"#, RejectCode::NoSubject, "`guest_id`");
    for subject in ["account_id", "guest_id", "device_id", "session_id"] {
        admitted(&format!(r#"{{"kind":"usage","name":"a","{subject}":"x"}}"#), &server());
    }
    admitted(r#"{"kind":"log","message":"a"}"#, &server());
    admitted(r#"{"kind":"error","type":"E"}"#, &server());
}

#[test]
fn a_reject_has_its_id_place_and_a_row_of_its_own() {
    let body =
        r#"[{"kind":"log","message":"a"},{"id":"e-7","kind":"usage","name":"n","colour":"red","account_id":"a"}]"#;
    let judged = judged(body, &server());
    let reject = &judged.rejects[0];
    assert_eq!((reject.index, reject.id.as_deref(), reject.code), (1, Some("e-7"), RejectCode::InvalidField));
    let (rows, head) = (&judged.rows, judged.rows.heads()[1]);
    assert_eq!(head.fingerprint, None, "a reject cannot repeat");
    assert_eq!(text(rows, &head, "code"), Some("invalid_field"));
    assert_eq!(text(rows, &head, "kind"), Some("usage"));
    assert_eq!(text(rows, &head, "key"), Some("app"));
    assert_eq!(text(rows, &head, "message"), Some(reject.message.as_str()));
    assert_eq!(rows.get(&head, "ts"), Some(Value::Time(NOW)));
    assert!(text(rows, &head, "event").is_some_and(|event| event.contains(r#""colour":"red""#)));
    assert!(text(rows, &head, "event_id").is_some_and(|id| id.len() == 36));
}
