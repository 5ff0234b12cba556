use serde_json::{Value, json};

use super::*;
use crate::Panel;
use crate::proof;
use crate::spec::{Board, Chart, PanelSpec};
use crate::unit::Unit;

const NOW: i64 = 1_795_341_845_000_000;

fn frame() -> Frame {
    Frame { key: Some("demo".to_owned()), may_query: true, version: "0.1.0".to_owned(), ..Frame::default() }
}

fn panel(fields: &str) -> PanelSpec {
    let board = Board::parse("mine", "mine.toml", &format!("[[panel]]\nquery = \"releases\"\n{fields}")).unwrap();
    board.panels.into_iter().next().unwrap().unwrap()
}

fn column(name: &str, unit: Unit, ty: &str) -> AnswerColumn {
    AnswerColumn { name: name.to_owned(), ty: ty.to_owned(), unit, doc: format!("what {name} means") }
}

fn answered(spec: &PanelSpec, rows: Vec<Vec<Value>>) -> Answered<'_> {
    Answered {
        spec,
        board: "mine",
        title: "Releases",
        columns: vec![
            column("release", Unit::Text, "text"),
            column("share", Unit::Percent, "double precision"),
            column("last_seen", Unit::Time, "timestamptz"),
        ],
        rows,
        is_cut: false,
        x: Some("release".to_owned()),
        y: vec!["share".to_owned()],
        series: None,
        before: None,
        is_single: false,
    }
}

fn place(spec: &PanelSpec) -> Place {
    Place {
        board: "mine".to_owned(),
        slug: spec.slug.clone(),
        title: "Releases <b>".to_owned(),
        doc: "How each \"release\" fares".to_owned(),
        chart: spec.chart,
        width: spec.width,
        query: spec.query.clone(),
        chosen: Chosen {
            from: "-7d".to_owned(),
            values: vec![("country".to_owned(), "D&E".to_owned())],
            ..Chosen::default()
        },
        params: vec![("from".to_owned(), "-7d".to_owned())],
        is_single: false,
        bad: None,
    }
}

fn fragment(spec: &PanelSpec, panel: Panel<Content>) -> String {
    BoardPanelPage { part: PanelPart { place: place(spec), panel, now: NOW } }.fragment().unwrap()
}

#[test]
fn a_stat_is_held_against_its_goal_and_the_period_before() {
    let spec = panel("chart = \"stat\"\ngoal = { gte = 99.5 }\n");
    let stat = |value: Value, before| {
        let answered = Answered { before, ..answered(&spec, vec![vec![Value::Null, value, Value::Null]]) };
        match answered.content(|| "nothing".to_owned()) {
            Content::Stat(stat) => Some(stat),
            _ => None,
        }
    };
    let missed = stat(json!(99.1), Some(99.4)).unwrap();
    assert_eq!(
        (missed.value.as_str(), missed.compared.as_deref()),
        ("99.1%", Some("down 0.30 points from 99.4% in the period before"))
    );
    assert_eq!(missed.goal, Some(content::GoalState { words: "goal: at least 99.5%".to_owned(), is_met: false }));
    assert!(stat(json!(99.5), None).unwrap().goal.unwrap().is_met);
    assert_eq!(stat(Value::Null, Some(1.0)), None, "no number is not nought");
}

#[test]
fn rows_lead_where_the_file_says_and_nowhere_without_a_value() {
    let spec = panel("link = \"/issues?release={release}\"\n");
    let rows = vec![
        vec![json!("2.0 <&>"), json!(12.345), json!("2026-11-22T10:04:05Z")],
        vec![Value::Null, Value::Null, Value::Null],
    ];
    let answered =
        Answered { y: vec!["release".to_owned(), "share".to_owned(), "last_seen".to_owned()], ..answered(&spec, rows) };
    let Content::Table(table) = answered.content(String::new) else { panic!("no table") };
    let texts: Vec<Vec<&str>> =
        table.rows.iter().map(|row| row.iter().map(|cell| cell.text.as_str()).collect()).collect();
    assert_eq!(texts, [vec!["2.0 <&>", "12.3%", "2026-11-22 10:04"], vec!["", "", ""]]);
    assert_eq!(table.rows[0][0].link, "/issues?release=2.0%20%3C%26%3E");
    assert_eq!(table.rows[1][0].link, "");
    let html = fragment(&spec, Panel::Ready(Content::Table(table)));
    assert!(html.contains("2.0 &#60;&#38;&#62;") && !html.contains("<b>"), "{html}");
}

#[test]
fn a_drawing_takes_only_what_it_draws_and_no_text_leaves_its_block() {
    let spec = panel("chart = \"bar\"\nlink = \"/issues?release={release}\"\n");
    let rows = vec![vec![json!("</script><script>alert(1)</script>"), json!(1.0), json!("2026-11-22T10:04:05Z")]];
    let Content::Drawing(drawing) = answered(&spec, rows).content(String::new) else { panic!("no drawing") };
    let block: Value = serde_json::from_str(&drawing.block.to_string()).unwrap();
    assert_eq!(block["answer"]["columns"].as_array().unwrap().len(), 2);
    assert_eq!(block["spec"]["kind"], "bar");
    assert_eq!(block["link"], json!({"to": "/issues?release={release}", "x": "release", "series": null}));
    let html = fragment(&spec, Panel::Ready(Content::Drawing(drawing)));
    assert_eq!(html.matches("<script").count(), 1, "{html}");
}

#[test]
fn a_panel_says_what_kept_its_answer_away_and_how_to_go_on() {
    let spec = panel("chart = \"line\"\n");
    let loading = fragment(&spec, Panel::Loading);
    assert!(
        loading.contains("hx-trigger=\"revealed, weir:retry, weir:refresh\"") && loading.contains("Asking …"),
        "{loading}"
    );
    let failed = fragment(&spec, Panel::Failed("It took <too> long.".to_owned()));
    assert!(
        failed.contains("It took &#60;too&#62; long.") && failed.contains("/sql?name=releases&#38;p.from=-7d"),
        "{failed}"
    );
    assert!(!failed.contains("revealed"), "a panel that was asked must not ask again by itself: {failed}");
    let empty = fragment(&spec, Panel::Ready(Content::Empty("Nothing in this range.".to_owned())));
    assert!(empty.contains("Nothing in this range.") && empty.contains("As of"), "{empty}");
}

#[test]
fn a_page_shows_the_choices_and_a_bad_panel_in_its_place() {
    let good = panel("chart = \"line\"\nwidth = 8\n");
    let problem = SpecProblem {
        file: "mine.toml".to_owned(),
        line: 12,
        message: "`pie` is no chart".to_owned(),
        remedy: "charts are <stat>".to_owned(),
    };
    let bad = Place {
        bad: Some(problem.clone()),
        chart: Chart::Text,
        query: String::new(),
        slug: "line-12".to_owned(),
        ..place(&good)
    };
    let page = BoardPage {
        frame: frame(),
        name: "mine".to_owned(),
        title: "Mine".to_owned(),
        description: "What I look at".to_owned(),
        origin: BoardOrigin::Own,
        chosen: Chosen {
            from: "2026-11-20T00:00:00Z".to_owned(),
            to: "2026-11-21T00:00:00Z".to_owned(),
            usual: "-24h".to_owned(),
            values: vec![("mode".to_owned(), "shadow".to_owned())],
        },
        controls: vec![ControlField {
            name: "mode".to_owned(),
            value: "shadow".to_owned(),
            options: vec!["live".to_owned(), "shadow".to_owned()],
            doc: "whose hits".to_owned(),
        }],
        has_range: true,
        refresh_s: 30,
        panels: vec![
            PanelPart { place: place(&good), panel: Panel::Loading, now: NOW },
            PanelPart { place: bad, panel: Panel::Failed(String::new()), now: NOW },
        ],
        is_single: false,
        problem: None,
    };
    let html = page.page().unwrap();
    proof::has_nothing_inline(&html);
    assert!(html.contains("<option>live</option><option selected>shadow</option>"), "{html}");
    assert!(html.contains("2026-11-20T00:00:00Z to 2026-11-21T00:00:00Z"), "{html}");
    assert!(html.contains("mine.toml:12") && html.contains("charts are &#60;stat&#62;"), "{html}");
    let broken = BoardPage { problem: Some(problem), panels: Vec::new(), ..page };
    let html = broken.page().unwrap();
    assert!(html.contains("cannot be read") && !html.contains("<form class=\"filters\""), "{html}");
}

#[test]
fn the_list_tells_of_broken_files() {
    let page = BoardsPage {
        frame: frame(),
        boards: vec![BoardEntry {
            name: "mine".to_owned(),
            title: "Mine <i>".to_owned(),
            description: String::new(),
            origin: BoardOrigin::Own,
            panels: 1,
            problems: vec![SpecProblem {
                file: "mine.toml".to_owned(),
                line: 3,
                message: "no <chart>".to_owned(),
                remedy: String::new(),
            }],
        }],
        directory: "/data/dashboards".to_owned(),
    };
    let html = page.page().unwrap();
    proof::has_nothing_inline(&html);
    assert!(html.contains("Mine &#60;i&#62;") && html.contains("mine.toml:3") && html.contains("1 panel ·"), "{html}");
}
