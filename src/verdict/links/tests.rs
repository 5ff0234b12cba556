//! Tests of the links.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, StringViewArray, TimestampMicrosecondArray};
use proptest::prelude::*;

use super::*;

fn guests(links: &Links, account: &str) -> Vec<String> {
    links.guests_of(account).iter().map(|(_, guest)| guest.to_string()).collect()
}

#[test]
fn a_guest_belongs_to_the_account_of_its_latest_bind() {
    let links = Links::default();
    links.bind("g", "a", (1, 0));
    assert_eq!(links.account_of("g").as_deref(), Some("a"));
    links.bind("g", "b", (2, 0));
    assert_eq!(links.account_of("g").as_deref(), Some("b"));
    assert!(guests(&links, "a").is_empty());
    assert_eq!(guests(&links, "b"), ["g"]);
    links.bind("h", "b", (2, 1));
    assert_eq!(guests(&links, "b"), ["g", "h"], "in the order of their binds");
    assert_eq!(links.account_of("nobody"), None);
}

#[test]
fn what_was_undone_gives_way_to_the_bind_before() {
    let links = Links::default();
    links.bind("g", "a", (1, 0));
    links.bind("g", "b", (2, 0));
    links.unbind("g", Some("b"), (3, 0));
    assert_eq!(links.account_of("g").as_deref(), Some("a"), "the latest bind that was not undone");
    assert_eq!((guests(&links, "a"), guests(&links, "b").len()), (vec!["g".to_owned()], 0));
    links.unbind("g", None, (4, 0));
    assert_eq!(links.account_of("g"), None);
    links.bind("g", "b", (5, 0));
    assert_eq!(links.account_of("g").as_deref(), Some("b"), "bound anew");
}

#[test]
fn at_most_sixty_four_links_are_followed() {
    let links = Links::default();
    for number in 0..100 {
        links.bind(&format!("g{number}"), "a", (number, 0));
    }
    let guests = guests(&links, "a");
    assert_eq!((guests.len(), guests[0].as_str(), guests[63].as_str()), (64, "g36", "g99"), "the latest");
    assert_eq!(links.account_of("g0").as_deref(), Some("a"), "the others still know their account");
}

#[test]
fn beyond_its_bound_it_forgets_those_known_longest() {
    let links = Links::new(3);
    for number in 0..5 {
        links.bind(&format!("g{number}"), "a", (number, 0));
    }
    assert_eq!(links.counts(), (3, 2));
    assert_eq!(links.account_of("g1"), None);
    assert_eq!(guests(&links, "a"), ["g2", "g3", "g4"]);
}

#[test]
fn an_erased_account_or_guest_leaves_no_link() {
    let links = Links::default();
    links.bind("g", "old", (1, 0));
    links.bind("g", "a", (2, 0));
    links.bind("h", "a", (2, 0));
    links.forget("a");
    assert_eq!(links.account_of("h"), None);
    assert_eq!(links.account_of("g").as_deref(), Some("old"));
    assert_eq!((guests(&links, "a").len(), guests(&links, "old")), (0, vec!["g".to_owned()]));
    links.forget("g");
    assert_eq!((links.account_of("g"), guests(&links, "old").len()), (None, 0));
}

fn batch(text: impl Fn(Vec<Option<&'static str>>) -> ArrayRef) -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("seq", Arc::new(Int64Array::from(vec![1, 2, 3, 4, 5]))),
        ("received_at", Arc::new(TimestampMicrosecondArray::from(vec![7; 5]).with_timezone("UTC"))),
        ("trust", text(vec![Some("server"), Some("server"), Some("public"), Some("server"), Some("server")])),
        ("op", text(vec![Some("bind"), Some("login"), Some("bind"), Some("bind"), Some("unbind")])),
        ("guest_id", text(vec![Some("g1"), Some("g2"), Some("g3"), None, Some("g4")])),
        ("account_id", text(vec![Some("a"), Some("a"), Some("a"), Some("a"), None])),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

#[test]
fn a_batch_links_by_server_binds_only() {
    let plain = batch(|values| Arc::new(StringArray::from(values)));
    let view = batch(|values| Arc::new(StringViewArray::from(values)));
    for batch in [plain, view] {
        let links = Links::default();
        links.bind("g4", "z", (1, 0));
        links.observe(&batch);
        assert_eq!(guests(&links, "a"), ["g1"], "no login, no browser's word, no bind of nobody");
        assert_eq!(links.account_of("g4"), None, "an undoing without account undoes what was");
        links.observe(&batch.project(&[0, 1, 2]).unwrap());
        assert_eq!(guests(&links, "a"), ["g1"], "a batch without binds has none of the columns");
    }
}

proptest! {
    #[test]
    fn any_order_and_repetition_of_facts_gives_the_same_links(
        facts in prop::collection::vec((0_usize..3, 0_usize..3, 0_u8..3), 0..24),
        shuffled in any::<prop::sample::Index>(),
        rotation in 0_usize..24,
    ) {
        let (names, accounts) = (["g1", "g2", "g3"], ["a", "b", "c"]);
        let apply = |links: &Links, at: usize| {
            let (guest, account, op) = facts[at];
            let time = (at as i64, 0);
            match op {
                0 | 1 => links.bind(names[guest], accounts[account], time),
                _ => links.unbind(names[guest], (account > 0).then_some(accounts[account]), time),
            }
        };
        let in_order = Links::default();
        (0..facts.len()).for_each(|at| apply(&in_order, at));
        let otherwise = Links::default();
        let mut order: Vec<usize> = (0..facts.len()).rev().collect();
        if !order.is_empty() {
            let split = rotation % order.len();
            order.rotate_left(split);
            order.push(shuffled.index(facts.len()));
        }
        order.into_iter().for_each(|at| apply(&otherwise, at));
        for guest in names {
            prop_assert_eq!(in_order.account_of(guest), otherwise.account_of(guest));
        }
        for account in accounts {
            prop_assert_eq!(guests(&in_order, account), guests(&otherwise, account));
        }
    }
}
