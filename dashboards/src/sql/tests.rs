//! The SQL page as HTML: one snapshot a state a reader can meet, and hostile text in every field.

use serde_json::json;

use super::*;

const HOSTILE: &str = "</textarea></title></script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>";

fn page() -> SqlPage {
    SqlPage {
        frame: Frame { key: Some("ops".to_owned()), may_query: true, may_review: false, version: "0.1.0".to_owned() },
        sql: String::new(),
        name: None,
        params: Vec::new(),
        outcome: Outcome::Nothing,
        tables: vec![
            TableEntry { name: "credits".to_owned(), columns: Vec::new() },
            TableEntry { name: "usage".to_owned(), columns: Vec::new() },
        ],
        saved: vec![
            SavedQuery { name: "mine".to_owned(), title: "My own".to_owned(), area: "own".to_owned() },
            SavedQuery {
                name: "top_errors".to_owned(),
                title: "Top errors".to_owned(),
                area: "reliability".to_owned(),
            },
        ],
        rows_max: 100_000,
        address: "/sql".to_owned(),
    }
}

fn param(name: &str, ty: &str) -> ParamField {
    ParamField {
        name: name.to_owned(),
        ty: ty.to_owned(),
        is_optional: false,
        default: String::new(),
        doc: String::new(),
        value: String::new(),
    }
}

fn answer(rows: Vec<Vec<Value>>) -> FirstRows {
    let column = |name: &str, ty: &str| AnswerColumn { name: name.to_owned(), ty: ty.to_owned() };
    FirstRows {
        columns: vec![column("name", "text"), column("events", "bigint")],
        rows,
        is_truncated: false,
        elapsed_ms: 12.4,
        scanned_bytes: 34_000,
    }
}

/// Hashes of static files change with every edit; a page's shape does not.
fn main_of(page: &SqlPage) -> String {
    let html = page.page().unwrap();
    let start = html.find("<main").unwrap();
    html[start..html.find("</main>").unwrap()].to_owned()
}

#[test]
fn before_the_first_question() {
    insta::assert_snapshot!("nothing", main_of(&page()));
}

#[test]
fn an_answer_is_a_table_and_the_scripts_get_it_whole() {
    let page = SqlPage {
        sql: "select name, count(*) as events from usage where status = $status group by name".to_owned(),
        params: vec![
            ParamField { value: "ok".to_owned(), ..param("status", "enum(ok|error)") },
            ParamField { default: "-24h".to_owned(), doc: "from when".to_owned(), ..param("from", "timestamp") },
        ],
        outcome: Outcome::Answered(answer(vec![vec![json!("image.generate"), json!(7)], vec![Value::Null, json!(2)]])),
        address: "/sql?q=select".to_owned(),
        tables: vec![TableEntry {
            name: "usage".to_owned(),
            columns: vec![ColumnEntry {
                name: "name".to_owned(),
                ty: "text".to_owned(),
                doc: "what was done".to_owned(),
            }],
        }],
        ..page()
    };
    insta::assert_snapshot!("answered", main_of(&page));
    assert!(page.data().to_string().contains(r#""answer":{"columns""#));
}

#[test]
fn a_refusal_tells_where_and_what_to_do() {
    let refusal = Refusal {
        message: "there is no column staus".to_owned(),
        hint: "did you mean `status`?".to_owned(),
        line: Some(3),
        column: Some(7),
    };
    let page = SqlPage { sql: "select staus".to_owned(), outcome: Outcome::Refused(refusal), ..page() };
    insta::assert_snapshot!("refused", main_of(&page));
}

#[test]
fn what_the_page_cannot_tell_at_once_it_says() {
    let shows = |outcome: Outcome, words: &str| {
        let html = main_of(&SqlPage { outcome, sql: "select 1".to_owned(), ..page() });
        assert!(html.contains(words), "{words}: {html}");
    };
    shows(Outcome::Slow, "href=\"/sql?wait=1\"");
    shows(Outcome::Wanting("from".to_owned()), "needs a value for <span class=\"mono\">$from</span>");
    shows(Outcome::Answered(answer(Vec::new())), "No rows.");
    let cut = FirstRows { is_truncated: true, ..answer(vec![vec![json!("a"), json!(1)]]) };
    shows(Outcome::Answered(cut.clone()), "the first 1 row in 12 ms");
    let page = SqlPage { outcome: Outcome::Answered(cut), ..page() };
    assert!(page.data().to_string().contains(r#""answer":null"#), "a part of an answer is nothing to draw");
}

#[test]
fn hostile_text_stays_text_in_every_field() {
    let hostile = HOSTILE.to_owned();
    let refusal = Refusal { message: hostile.clone(), hint: hostile.clone(), line: None, column: None };
    let columns = vec![AnswerColumn { name: hostile.clone(), ty: hostile.clone() }];
    let rows = FirstRows { columns, ..answer(vec![vec![json!(HOSTILE)], vec![json!({ HOSTILE: HOSTILE })]]) };
    for outcome in [Outcome::Refused(refusal), Outcome::Answered(rows), Outcome::Wanting(hostile.clone())] {
        let html = SqlPage {
            sql: hostile.clone(),
            name: Some(hostile.clone()),
            params: vec![ParamField {
                value: hostile.clone(),
                doc: hostile.clone(),
                default: hostile.clone(),
                ..param(HOSTILE, HOSTILE)
            }],
            tables: vec![TableEntry {
                name: hostile.clone(),
                columns: vec![ColumnEntry { name: hostile.clone(), ty: hostile.clone(), doc: hostile.clone() }],
            }],
            saved: vec![SavedQuery { name: hostile.clone(), title: hostile.clone(), area: hostile.clone() }],
            address: format!("/sql?q={hostile}"),
            outcome,
            ..page()
        }
        .page()
        .unwrap();
        assert!(!html.contains("<script>alert") && !html.contains("<img src=x"), "{html}");
        assert!(!html.contains("\"'><"), "no attribute ends early");
    }
}

/// The budget of a page's HTML is 60 KB, whatever is asked.
#[test]
fn a_wide_and_long_answer_does_not_make_a_heavy_page() {
    let row: Vec<Value> = (0..45).map(|_| json!("some text with \"quotes\" and <signs> ".repeat(30))).collect();
    let columns = (0..45).map(|at| AnswerColumn { name: format!("column_{at}"), ty: "text".to_owned() }).collect();
    let rows = FirstRows { columns, ..answer(vec![row; 200]) };
    let page = SqlPage { outcome: Outcome::Answered(rows), sql: "select * from usage".to_owned(), ..page() };
    let html = page.page().unwrap();
    assert!(html.len() < 60_000, "{} bytes", html.len());
}
