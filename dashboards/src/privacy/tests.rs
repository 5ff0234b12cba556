//! The page as HTML: one snapshot a state a reader can meet, and hostile text in every field.

use super::*;
use crate::moment::{DAY, MINUTE};
use crate::proof::{HOSTILE, adds_no_tag, has_nothing_inline, plain_names};

const NOW: i64 = 1_795_341_845_000_000;

fn page(view: View) -> DataPage {
    let frame = Frame { key: Some("ops".to_owned()), may_query: true, version: "0.1.0".to_owned(), ..Frame::default() };
    DataPage { frame, now: NOW, view }
}

fn tables() -> DataPage {
    let table = |name: &str, rows, span| StoredTable {
        name: name.to_owned(),
        doc: "something a person or the app did".to_owned(),
        rows,
        bytes: rows * 1_000,
        files: rows / 100,
        span,
        retention_days: 30,
        partition: "day".to_owned(),
    };
    page(View::Tables(vec![
        table("usage", 1_204, Some((NOW - 40 * DAY, NOW - MINUTE))),
        table("errors", 200, Some((NOW - DAY, NOW - MINUTE))),
        table("logs", 0, None),
    ]))
}

fn fields_with(text: &str, asked: FieldsAsked) -> DataPage {
    let field = |table: &str, name: &str, purpose: &str, is_visible| Field {
        table: table.to_owned(),
        name: name.to_owned(),
        ty: "text".to_owned(),
        purpose: purpose.to_owned(),
        doc: text.to_owned(),
        is_visible,
    };
    page(View::Fields(Fields {
        asked,
        tables: vec!["usage".to_owned(), text.to_owned()],
        purposes: vec![
            Purpose { name: "product".to_owned(), columns: 2, is_own: true, keys: Some(vec![text.to_owned()]) },
            Purpose { name: "abuse".to_owned(), columns: 1, is_own: false, keys: None },
        ],
        all: vec![
            field("", "account_id", "product", true),
            field("", "device_id", "abuse", false),
            field("usage", text, "product", true),
        ],
    }))
}

fn access_with(text: &str, verified: Result<u64, String>) -> DataPage {
    let own = || text.to_owned();
    let line = AccessLine {
        seq: 2,
        at: NOW - MINUTE,
        actor: own(),
        action: "rule.mode".to_owned(),
        detail: vec![("rule".to_owned(), own()), (own(), "live".to_owned())],
        hash: "0123456789abcdef".to_owned(),
    };
    let erased = AccessLine { seq: 1, actor: "weir".to_owned(), detail: Vec::new(), ..line.clone() };
    let access = Access {
        lines: vec![line, erased],
        has_more: true,
        verified: Some(verified),
        actors: vec![own()],
        actions: vec![own()],
    };
    let asked = AccessAsked { actor: own(), entity: own(), before: "9".to_owned(), ..AccessAsked::default() };
    page(View::Access(Box::new(Panel::Ready(access)), asked))
}

#[test]
fn draws_every_state_a_reader_can_meet() {
    let html = |page: DataPage| plain_names(&page.page().unwrap());
    insta::assert_snapshot!("tables", html(tables()));
    insta::assert_snapshot!("fields", html(fields_with("what was done", FieldsAsked::default())));
    let nothing = FieldsAsked { q: "no such field".to_owned(), ..FieldsAsked::default() };
    insta::assert_snapshot!("no_field", html(fields_with("what was done", nothing)));
    insta::assert_snapshot!("access", html(access_with("ops", Ok(2))));
    insta::assert_snapshot!("tampered", html(access_with("ops", Err("line 2 was changed".to_owned()))));
    let failed = Panel::Failed("The control database could not be used.".to_owned());
    insta::assert_snapshot!("failed", html(page(View::Access(Box::new(failed), AccessAsked::default()))));
    let empty = Panel::Ready(Access { verified: Some(Ok(0)), ..Access::default() });
    insta::assert_snapshot!("nothing_changed", html(page(View::Access(Box::new(empty), AccessAsked::default()))));
    insta::assert_snapshot!("no_access", html(page(View::NoAccess)));
}

#[test]
fn a_table_tells_when_rows_are_kept_for_longer_than_events_are_taken() {
    let View::Tables(tables) = tables().view else { panic!("these are tables") };
    assert_eq!(tables.iter().map(|table| table.is_past_retention(&NOW)).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(tables[0].fields(), "/data?tab=fields&table=usage");
}

#[test]
fn addresses_hold_what_was_asked() {
    let asked = AccessAsked { actor: "ops".to_owned(), before: "9".to_owned(), ..AccessAsked::default() };
    assert_eq!(asked.address(), "/data?tab=access&actor=ops&before=9");
    assert_eq!(asked.newest(), "/data?tab=access&actor=ops");
    assert_eq!(asked.of_entity("a&b"), "/data?tab=access&entity=a%26b");
    assert!(asked.is_narrowed() && !AccessAsked::default().is_narrowed());
}

#[test]
fn hostile_text_adds_no_tag_and_no_attribute() {
    let pages = |text: &str| {
        let asked = FieldsAsked { purpose: text.to_owned(), ..FieldsAsked::default() };
        let no_field = FieldsAsked { q: text.to_owned(), table: "none".to_owned(), ..asked.clone() };
        vec![
            fields_with(text, FieldsAsked::default()),
            fields_with(text, no_field),
            access_with(text, Err(text.to_owned())),
        ]
    };
    for (bad, good) in pages(HOSTILE).iter().zip(&pages("text")) {
        adds_no_tag(&bad.page().unwrap(), &good.page().unwrap());
    }
}

#[test]
fn nothing_is_inline_so_that_the_content_policy_holds() {
    let all = [tables(), fields_with("text", FieldsAsked::default()), access_with("text", Ok(2)), page(View::NoAccess)];
    for page in all {
        has_nothing_inline(&page.page().unwrap());
    }
}
