//! The catalogue: what files may say, how values are bound, and every built-in query against its case.

mod cases;

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::engine::Params;
use crate::error::QueryError;

/// 2026-11-22T10:00:00Z.
const NOW: i64 = 1_795_341_600_000_000;

const EXAMPLE: &str = "--! title: Example
--! description: One line.
--! description: Another.
--! param: from timestamp = -24h -- the start
--! param: bucket interval = 5m -- the width
--! param: n int = 20 count -- how many
--! param: share float = 0.5 percent -- a share
--! param: mode enum(fast | slow) = fast -- how
--! param: word text = 'two words' -- a word
--! param: account entity(account)? -- whose
--! param: strict bool -- whether
--! column: bucket time -- the bucket
--! column: p95_ms ms? -- null without rows
select date_bin($bucket, $from), $n, $share, $mode, $word, $account, $strict
";

fn example() -> StoredQuery {
    StoredQuery::parse("own", "own/example.sql", EXAMPLE).unwrap()
}

fn given(value: serde_json::Value) -> Params {
    value.as_object().unwrap().clone()
}

#[test]
fn a_file_tells_its_title_parameters_and_columns() {
    let query = example();
    assert_eq!((query.name.as_str(), query.area.as_str(), query.title.as_str()), ("example", "own", "Example"));
    assert_eq!(query.description.as_deref(), Some("One line. Another."));
    let shown = serde_json::to_value(&query.params[4]).unwrap();
    let mode = json!({"name": "mode", "type": "enum(fast|slow)", "optional": false, "default": "fast", "unit": null,
                      "doc": "how"});
    assert_eq!(shown, mode);
    assert_eq!(query.params[2].unit, Some(Unit::Count));
    assert!(query.params[6].optional);
    assert_eq!((query.columns[1].unit, query.columns[1].nullable), (Unit::Ms, true));
}

#[test]
fn values_are_read_into_their_types() {
    let bound = example().bind(&given(json!({"strict": "true"})), NOW).unwrap();
    assert_eq!(
        serde_json::Value::Object(bound),
        json!({
            "from": {"timestamp": "2026-11-21T10:00:00.000000Z"}, "bucket": {"interval": "300000 milliseconds"},
            "n": 20,
            "share": {"float": 0.5}, "mode": "fast", "word": "two words", "account": null, "strict": true
        })
    );
    let times = [
        ("2026-11-22T11:00:00+01:00", "2026-11-22T10:00:00.000000Z"),
        ("1795341600000", "2026-11-22T10:00:00.000000Z"),
        ("2026-11-22", "2026-11-22T00:00:00.000000Z"),
        ("2026-11-22T10:30", "2026-11-22T10:30:00.000000Z"),
        ("now", "2026-11-22T10:00:00.000000Z"),
        ("now-30m", "2026-11-22T09:30:00.000000Z"),
        ("-7d", "2026-11-15T10:00:00.000000Z"),
        ("+1h", "2026-11-22T11:00:00.000000Z"),
    ];
    for (text, time) in times {
        let bound = example().bind(&given(json!({"strict": true, "from": text})), NOW).unwrap();
        assert_eq!(bound["from"], json!({ "timestamp": time }), "{text}");
    }
    let milliseconds = example().bind(&given(json!({"strict": true, "from": 1_795_341_600_000_i64})), NOW).unwrap();
    assert_eq!(milliseconds["from"], json!({"timestamp": "2026-11-22T10:00:00.000000Z"}));
}

#[test]
fn values_that_do_not_fit_are_refused_with_what_is_wanted() {
    let refused = |value: serde_json::Value| match example().bind(&given(value), NOW).unwrap_err() {
        QueryError::Invalid { message, hint, .. } => (message, hint.unwrap_or_default()),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(json!({})), ("example needs the parameter strict".into(), "whether (bool)".into()));
    let unknown = refused(json!({"strict": true, "buckt": "1h"}));
    assert_eq!(unknown, ("example has no parameter buckt".into(), "did you mean `bucket`?".into()));
    assert_eq!(refused(json!({"strict": true, "mode": "odd"})).1, "one of fast, slow is wanted");
    for (name, value) in [
        ("from", json!("yesterday")),
        ("from", json!([1])),
        ("bucket", json!("0s")),
        ("bucket", json!("5 parsecs")),
        ("n", json!("1.5")),
        ("n", json!(true)),
        ("share", json!("NaN")),
        ("strict", json!("perhaps")),
        ("word", json!({"a": 1})),
    ] {
        let mut values = given(json!({"strict": true}));
        values.insert(name.into(), value.clone());
        let error = example().bind(&values, NOW);
        assert!(matches!(error, Err(QueryError::Invalid { .. })), "{name} = {value}: {error:?}");
    }
}

#[test]
fn mistakes_in_a_file_are_told_with_their_line() {
    let problem = |text: &str| StoredQuery::parse("own", "q.sql", text).unwrap_err().to_string();
    assert_eq!(
        problem("--! title: A\n--! parm: n int -- x\nselect $n"),
        "q.sql:2: unknown header `parm`; did you mean `param`?"
    );
    assert_eq!(
        problem("--! title: A\n--! param: n txt -- x\nselect $n"),
        "q.sql:2: `txt` is no type; did you mean `text`?"
    );
    assert_eq!(
        problem("--! title: A\n--! param: n int = x -- y\nselect $n"),
        "q.sql:2: the default `x`: a whole number is wanted"
    );
    assert_eq!(
        problem("--! title: A\n--! param: n int\nselect $n"),
        "q.sql:2: a parameter says what it means: ` -- …`"
    );
    assert_eq!(
        problem("--! title: A\n--! param: n int -- x\nselect 1"),
        "q.sql:2: the parameter n is not used; write $n in the SQL, or remove the line"
    );
    assert_eq!(
        problem("--! title: A\n--! param: from timestamp -- x\nselect $from,\n  $form"),
        "q.sql:4: $form has no `param` header; did you mean `from`?"
    );
    assert_eq!(
        problem("--! title: A\n--! param: n int -- x\n--! param: n int -- x\nselect $n"),
        "q.sql:3: the param n is stated twice"
    );
    assert_eq!(problem("--! column: n cuont -- x\nselect 1"), "q.sql:1: `cuont` is no unit; did you mean `count`?");
    assert_eq!(problem("select 1"), "q.sql: the header `title` is missing; add a line `--! title: …`");
    let odd = StoredQuery::parse("own", "Odd Name.sql", "--! title: A\nselect 1").unwrap_err().to_string();
    assert_eq!(
        odd,
        "Odd Name.sql: `Odd Name` is no name of a query; name the file with lower-case letters, digits and _"
    );
}

#[test]
fn built_in_files_have_no_problems() {
    let (catalogue, problems) = Catalogue::load(None);
    assert_eq!(problems, []);
    let reliability = catalogue.list().iter().filter(|query| query.area == "reliability");
    let names: Vec<&str> = reliability.map(|query| query.name.as_str()).collect();
    for name in ["error_rate_by_route", "errors_over_time", "failing_models", "latency_by_route", "top_errors"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
}

#[test]
fn the_users_files_join_and_override_and_a_bad_one_is_reported() {
    let dir = TempDir::new().unwrap();
    fs::create_dir_all(dir.path().join("growth")).unwrap();
    fs::create_dir_all(dir.path().join("rules")).unwrap();
    fs::write(dir.path().join("mine.sql"), "--! title: Mine\nselect 1").unwrap();
    fs::write(dir.path().join("notes.txt"), "not SQL").unwrap();
    fs::write(dir.path().join("growth/top_errors.sql"), "--! title: My top errors\nselect 2").unwrap();
    fs::write(dir.path().join("growth/bad.sql"), "--! titel: Bad\nselect 3").unwrap();
    fs::write(dir.path().join("rules/a_rule.sql"), "--! entity: device\nselect 4").unwrap();

    let (catalogue, problems) = Catalogue::load(Some(dir.path()));
    assert_eq!(catalogue.get("mine").unwrap().area, "own");
    assert_eq!(catalogue.get("top_errors").unwrap().title, "My top errors");
    assert!(catalogue.get("errors_over_time").is_some());
    assert_eq!(catalogue.hint("top_error").as_deref(), Some("did you mean `top_errors`?"));
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["growth/bad.sql:1: unknown header `titel`; did you mean `title`?"]);

    let (_, none) = Catalogue::load(Some(&dir.path().join("missing")));
    assert_eq!(none, []);
}
