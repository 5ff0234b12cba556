//! The files of rules: overriding, mending and changing.

use std::fs;

use super::super::{RuleFiles, check_rule_name};
use super::*;

const GOOD: &str = "--! title: Mine\n--! entity: device\n--! ttl: 1h\nselect device_id as entity, 1 as observed, 1 as threshold from usage";

fn title(rules: &[Arc<Rule>], name: &str) -> Option<String> {
    rules.iter().find(|rule| *rule.name == *name).map(|rule| rule.headers.title.clone())
}

#[test]
fn own_files_override_built_in_ones_and_bad_files_are_reported() {
    let dir = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("written");
    write("card_testing.sql", GOOD);
    write("mine.sql", GOOD);
    write("bad.sql", "--! title: Bad\n--! colour: red\nselect 1");
    write("Not A Name.sql", GOOD);
    write("notes.txt", "not a rule");
    let mut files = RuleFiles::new(vec![dir.path().to_owned(), dir.path().join("nowhere")]);
    let compiler = compiler();
    let loaded = files.load(&compiler);
    assert_eq!(title(&loaded.rules, "card_testing").as_deref(), Some("Mine"));
    assert_eq!(title(&loaded.rules, "mine").as_deref(), Some("Mine"));
    assert!(title(&loaded.rules, "device_many_guests").is_some(), "the others go on");
    let problems: Vec<(bool, u32)> =
        loaded.problems.iter().map(|problem| (problem.file.ends_with("bad.sql"), problem.line)).collect();
    assert_eq!(problems, [(false, 0), (true, 2)]);
    assert!(files.reload_if_changed(&compiler).is_none(), "nothing changed");
    let again = files.load(&compiler);
    assert!(again.rules.iter().zip(&loaded.rules).all(|(new, old)| Arc::ptr_eq(new, old)), "nothing is compiled again");

    write("mine.sql", &GOOD.replace("Mine", "Changed title"));
    write("card_testing.sql", "--! title: Broken");
    let changed = files.reload_if_changed(&compiler).expect("two files changed");
    assert_eq!(title(&changed.rules, "mine").as_deref(), Some("Changed title"));
    assert_eq!(title(&changed.rules, "card_testing").as_deref(), Some("Mine"), "the last good text stays in force");
    assert_eq!(changed.problems.len(), 3);

    fs::remove_file(dir.path().join("card_testing.sql")).expect("removed");
    let removed = files.reload_if_changed(&compiler).expect("one file is gone");
    assert_eq!(title(&removed.rules, "card_testing").as_deref(), Some("Cards tried one after another"));
}

#[test]
fn a_name_is_plain_and_no_other_reasons() {
    for name in ["a", "card_testing", "0", &"x".repeat(64)] {
        assert_eq!(check_rule_name(name), Ok(()), "{name}");
    }
    for name in ["", "A", "a-b", "a.sql", "../a", "ä", "score", "override", &"x".repeat(65)] {
        assert!(check_rule_name(name).is_err(), "{name}");
    }
}

#[test]
fn a_report_tells_what_lists_show() {
    let live = super::super::RuleReport::new(
        &rule(
            "r",
            "entity: device; window: 24h; owner: me; max_block_rate: 0.5%; actions: grant",
            "select device_id as entity, count(*) as observed, 1 as threshold
              from usage where in_window(received_at) group by device_id",
        ),
        Mode::Shadow,
    );
    assert_eq!((live.way, live.reason.as_deref(), live.every.as_deref()), ("live", None, None));
    assert_eq!((live.window.as_deref(), live.bucket.as_deref()), (Some("24h"), Some("15min")));
    let limits = (live.ttl.as_str(), live.max_block_rate.as_deref(), live.rollout.as_str());
    assert_eq!((limits, live.step_up), (("1h", Some("0.5%"), "100%"), "none"));
    assert_eq!((live.actions.len(), live.reads.as_slice()), (1, ["usage".to_owned()].as_slice()));
    assert!(live.state_bytes_per_million.is_some_and(|bytes| bytes > 0));
    let scheduled = super::super::RuleReport::new(
        &rule(
            "r",
            "entity: device; window: 24h",
            "select device_id as entity, 1 as observed, 1 as threshold from usage",
        ),
        Mode::Off,
    );
    assert_eq!((scheduled.way, scheduled.every.as_deref()), ("scheduled", Some("5min")));
    assert_eq!(scheduled.reason.as_deref(), Some("it does not group by the entity"));
}
