//! The pages as HTML: one snapshot a state a reader can meet, and hostile text in every field.

use super::*;
use crate::moment::{DAY, MINUTE};
use crate::proof::{HOSTILE, adds_no_tag, has_nothing_inline, plain_names};

const NOW: i64 = 1_795_341_845_000_000;

fn frame() -> Frame {
    Frame {
        key: Some("ops".to_owned()),
        may_query: true,
        may_admin: true,
        version: "0.1.0".to_owned(),
        ..Frame::default()
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn admin() -> KeyRow {
    KeyRow {
        id: "fixed_ops".to_owned(),
        name: "ops".to_owned(),
        scopes: words(&["ingest", "query", "admin"]),
        purposes: words(&["operate", "abuse"]),
        created_at: NOW - DAY,
        is_fixed: true,
        is_own: true,
        ..KeyRow::default()
    }
}

fn web() -> KeyRow {
    KeyRow {
        id: "key_1".to_owned(),
        name: "web".to_owned(),
        scopes: words(&["ingest_public"]),
        purposes: words(&["operate"]),
        origins: words(&["https://app.example"]),
        rate: Some("1000/min".to_owned()),
        created_at: NOW - DAY,
        expires_at: Some(NOW + 30 * DAY),
        last_used_at: Some(NOW - MINUTE),
        ..KeyRow::default()
    }
}

fn page(keys: Vec<KeyRow>) -> SettingsPage {
    let value = |key: &str, value: &str, number, source: &str| ConfigValue {
        key: key.to_owned(),
        value: Some(value.to_owned()),
        number,
        doc: "What it means.".to_owned(),
        source: source.to_owned(),
        variable: format!("WEIR_SQL_{}", key.to_uppercase()),
    };
    let missing = ConfigValue { key: "country_db".to_owned(), doc: "A database.".to_owned(), ..ConfigValue::default() };
    let limit = PolicyLimit { by: "guest".to_owned(), rate: "60/min".to_owned(), burst: 60, ..PolicyLimit::default() };
    SettingsPage {
        frame: frame(),
        now: NOW,
        origin: "http://127.0.0.1:8600".to_owned(),
        keys,
        revoking: None,
        done: None,
        form: NewKeyForm::usual(),
        problem: None,
        config: vec![
            ConfigSection {
                name: "sql".to_owned(),
                values: vec![
                    value("threads", "3", Some(3), "/etc/weir.toml"),
                    value("query_memory_bytes_max", "536870912", Some(536_870_912), ""),
                ],
            },
            ConfigSection { name: "geo".to_owned(), values: vec![missing] },
        ],
        retention: vec![("usage".to_owned(), 396), ("errors".to_owned(), 30)],
        policy: PolicyView {
            version: "9f2c".to_owned(),
            file: None,
            cache_ttl_ms: 1_000,
            stale_after_ms: 5_000,
            actions: vec![PolicyAction {
                name: "generate".to_owned(),
                throttle_score: Some(50),
                block_score: Some(80),
                when_degraded: "allowed, marked degraded".to_owned(),
                limits: vec![limit],
            }],
        },
    }
}

fn made(scopes: &[&str]) -> KeyMadePage {
    KeyMadePage {
        frame: frame(),
        name: "app".to_owned(),
        key: "wk_app_0123456789abcdef".to_owned(),
        scopes: words(scopes),
        origins: Vec::new(),
        origin: "https://weir.example".to_owned(),
    }
}

fn hostile(text: &str) -> SettingsPage {
    let own = || text.to_owned();
    let all = || vec![own()];
    let row =
        KeyRow { id: own(), name: own(), scopes: all(), purposes: all(), origins: all(), rate: Some(own()), ..web() };
    let reads = KeyRow { scopes: vec!["query".to_owned(), own()], purposes: all(), ..row.clone() };
    let value =
        ConfigValue { key: own(), value: Some(own()), number: None, doc: own(), source: own(), variable: own() };
    let limit = PolicyLimit { by: own(), rate: own(), unit: own(), ..PolicyLimit::default() };
    let action = PolicyAction { name: own(), when_degraded: own(), limits: vec![limit], ..PolicyAction::default() };
    SettingsPage {
        origin: own(),
        revoking: Some(own()),
        done: Some(Done::Revoked(own())),
        form: NewKeyForm { name: own(), origins: own(), rate: own(), ends: own(), ..NewKeyForm::default() },
        problem: Some(own()),
        config: vec![ConfigSection { name: own(), values: vec![value] }],
        retention: vec![(own(), 1)],
        policy: PolicyView { version: own(), file: Some(own()), actions: vec![action], ..PolicyView::default() },
        ..page(vec![row, reads])
    }
}

#[test]
fn draws_every_state_a_reader_can_meet() {
    let html = |page: SettingsPage| plain_names(&page.page().unwrap());
    insta::assert_snapshot!("first_key", html(page(vec![admin()])));
    insta::assert_snapshot!("typical", html(page(vec![admin(), web()])));
    let revoking = SettingsPage { revoking: Some("key_1".to_owned()), ..page(vec![admin(), web()]) };
    insta::assert_snapshot!("revoking", html(revoking));
    let done = SettingsPage { done: Some(Done::Revoked("web".to_owned())), ..page(vec![admin()]) };
    insta::assert_snapshot!("revoked", html(done));
    let form = NewKeyForm { name: "a-b".to_owned(), rate: "fast".to_owned(), ..NewKeyForm::usual() };
    let refused = Some("A key's name has 1 to 64 of a-z and 0-9.".to_owned());
    insta::assert_snapshot!("refused", html(SettingsPage { form, problem: refused, ..page(vec![admin(), web()]) }));
    insta::assert_snapshot!("made", plain_names(&made(&["ingest"]).page().unwrap()));
    insta::assert_snapshot!("made_to_read", plain_names(&made(&["query"]).page().unwrap()));
}

#[test]
fn the_lines_of_a_key_fit_what_it_may() {
    for (scope, path) in [
        ("ingest", "/v1/events"),
        ("ingest_public", "/v1/events"),
        ("verdict", "/v1/verdict"),
        ("query", "/v1/sql"),
        ("review", "/v1/rules"),
        ("admin", "/v1/keys"),
    ] {
        let curl = made(&[scope]).curl();
        assert!(curl.starts_with(&format!("curl -sS https://weir.example{path} ")), "{curl}");
        assert!(curl.contains("'Authorization: Bearer wk_app_0123456789abcdef'"), "{curl}");
        assert_eq!(!made(&[scope]).snippets().is_empty(), scope.starts_with("ingest"), "{scope}");
    }
    let titles = |scope| made(&[scope]).snippets().iter().map(|snippet| snippet.title).collect::<Vec<_>>();
    assert_eq!(titles("ingest").len(), 6);
    assert!(!titles("ingest_public").contains(&"Sentry, Python"), "a page's key is for pages");
    let sentry = &made(&["ingest"]).snippets()[0].text;
    assert_eq!(sentry, "Sentry.init({ dsn: \"https://wk_app_0123456789abcdef@weir.example/1\" });");
}

#[test]
fn only_a_plain_address_and_a_plain_key_come_into_a_command() {
    for (origin, key) in [("http://x; rm -rf /", "wk_a_b"), ("https://weir.example", "wk_a_$(id)"), ("", "'; id; '")] {
        let page = KeyMadePage { origin: origin.to_owned(), key: key.to_owned(), ..made(&["ingest"]) };
        let lines: Vec<String> = page.snippets().into_iter().map(|snippet| snippet.text).chain([page.curl()]).collect();
        assert!(
            lines.iter().all(|line| !line.contains("rm -rf") && !line.contains("id)") && !line.contains("; id")),
            "{lines:?}"
        );
    }
}

#[test]
fn the_first_key_is_asked_for_until_a_program_has_one() {
    assert!(page(vec![admin()]).needs_first_key());
    assert!(!page(vec![admin(), web()]).needs_first_key());
    let only_reads = KeyRow { scopes: words(&["query"]), ..web() };
    assert!(page(vec![admin(), only_reads]).needs_first_key());
}

#[test]
fn a_key_is_revoked_only_after_a_question_and_not_one_that_was_given_at_start() {
    let html = page(vec![admin(), web()]).page().unwrap();
    assert!(html.contains("/settings?revoke=key_1#revoke") && !html.contains("revoke=fixed_ops"), "{html}");
    assert!(!html.contains("/settings/keys/key_1/revoke"), "nothing is posted before the question");
    let asked = SettingsPage { revoking: Some("key_1".to_owned()), ..page(vec![admin(), web()]) }.page().unwrap();
    assert!(asked.contains("action=\"/settings/keys/key_1/revoke\""), "{asked}");
    let unknown = SettingsPage { revoking: Some("key_2".to_owned()), ..page(vec![web()]) };
    assert!(unknown.asked().is_none());
}

#[test]
fn hostile_text_adds_no_tag_and_no_attribute() {
    adds_no_tag(&hostile(HOSTILE).page().unwrap(), &hostile("text").page().unwrap());
    let shown = |text: &str| KeyMadePage {
        name: text.to_owned(),
        key: text.to_owned(),
        scopes: words(&["ingest", text]),
        origins: words(&[text]),
        origin: text.to_owned(),
        frame: frame(),
    };
    adds_no_tag(&shown(HOSTILE).page().unwrap(), &shown("text").page().unwrap());
}

#[test]
fn nothing_is_inline_so_that_the_content_policy_holds() {
    has_nothing_inline(&hostile("text").page().unwrap());
    has_nothing_inline(&page(vec![admin()]).page().unwrap());
    has_nothing_inline(&made(&["ingest"]).page().unwrap().replace("http:", ""));
}
