use std::fs;

use super::*;
use crate::clock;

const NOW: i64 = 1_795_341_845_000_000;

fn catalogue() -> Catalogue {
    Catalogue::load(None).0
}

fn panel(fields: &str) -> PanelSpec {
    let board = Board::parse("mine", "mine.toml", &format!("[[panel]]\n{fields}")).unwrap();
    board.panels.into_iter().next().unwrap().unwrap()
}

fn roles(fields: &str) -> Roles {
    let catalogue = catalogue();
    checked("mine.toml", &panel(fields), &catalogue).unwrap().1
}

fn refusal(fields: &str) -> String {
    checked("mine.toml", &panel(fields), &catalogue()).map(|_| ()).unwrap_err().to_string()
}

fn chosen(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn params(fields: &str, pairs: &[(&str, &str)]) -> Vec<String> {
    let catalogue = catalogue();
    let panel = panel(fields);
    let query = catalogue.get(&panel.query).unwrap();
    let question = Question::new(&panel, query, &chosen(pairs), NOW).unwrap();
    question.bind(query, NOW).unwrap();
    question.params.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

#[test]
fn everything_that_comes_with_the_program_can_be_asked() {
    let directory = tempfile::tempdir().unwrap();
    let files = Boards::new(directory.path().join("missing"), Vec::new()).list();
    assert_eq!(files.len(), 5);
    for file in &files {
        assert_eq!(problems(file, &catalogue()), [], "{}", file.name);
    }
}

#[test]
fn units_say_which_column_is_what() {
    let errors = roles("query = \"errors_over_time\"\nchart = \"line\"\n");
    assert_eq!(
        (errors.x.as_deref(), errors.series.as_deref(), errors.y.as_slice()),
        (Some("bucket"), Some("release"), ["errors".to_owned()].as_slice())
    );
    let latency = roles("query = \"latency_over_time\"\nchart = \"line\"\nmap = { y = [\"p50_ms\", \"p99_ms\"] }\n");
    assert_eq!((latency.x.as_deref(), latency.series, latency.y.len()), (Some("bucket"), None, 2));
    let funnel = roles("query = \"signup_funnel\"\nchart = \"funnel\"\nmap = { y = \"people\" }\n");
    assert_eq!(funnel.x.as_deref(), Some("step"));
    let flows = roles("query = \"credit_flows\"\nchart = \"sankey\"\nmap = { y = \"credits\" }\n");
    assert_eq!((flows.x.as_deref(), flows.series.as_deref()), (Some("source"), Some("target")));
    let retention = roles("query = \"retention\"\nchart = \"heatmap\"\nmap = { x = \"week\", y = \"share\" }\n");
    assert_eq!(retention.series.as_deref(), Some("cohort"));
    let stat = roles("query = \"crash_free_sessions\"\nchart = \"stat\"\n");
    assert_eq!(stat.y, ["sessions"]);
}

#[test]
fn what_a_query_does_not_have_is_told_with_the_panel_s_line() {
    for (fields, words) in [
        ("query = \"top_isues\"\n", "mine.toml:1: there is no stored query named `top_isues`; did you mean"),
        ("query = \"releases\"\nmap = { y = \"errorz\" }\n", "has no column `errorz`; it has release, sessions"),
        ("query = \"releases\"\nlink = \"/x/{nobody}\"\n", "has no column `nobody`"),
        ("query = \"releases\"\nparams = { model = \"m\" }\n", "has no parameter `model`; it has from, to"),
        ("query = \"releases\"\nparams = { from = \"soon\" }\n", "from"),
        (
            "query = \"releases\"\nchart = \"line\"\nmap = { x = \"sessions\", y = \"release\" }\n",
            "the column `release` is no number",
        ),
        (
            "query = \"releases\"\nchart = \"bar\"\nmap = { x = \"release\", y = \"errors\" }\nlink = \"/x/{people_hit}\"\n",
            "a mark of the drawing has no `people_hit`",
        ),
        ("query = \"error_rate\"\nchart = \"funnel\"\n", "has no column for `x`; say it in `map`"),
    ] {
        let told = refusal(fields);
        assert!(told.contains(words), "{fields:?}: {told}");
    }
}

#[test]
fn points_follow_range_and_width() {
    let chart = |width: u8| format!("query = \"errors_over_time\"\nchart = \"line\"\nwidth = {width}\n");
    assert_eq!(params(&chart(12), &[("from", "-24h")]), ["from=-24h", "bucket=1800s"]);
    assert_eq!(params(&chart(6), &[("from", "-24h")]), ["from=-24h", "bucket=1800s"]);
    assert_eq!(params(&chart(3), &[("from", "-24h")]), ["from=-24h", "bucket=3600s"]);
    assert_eq!(
        params(&chart(12), &[("from", "-1h"), ("country", "DE"), ("route", "/a")]),
        ["from=-1h", "country=DE", "bucket=60s"]
    );
    assert_eq!(params(&chart(12), &[("from", "-90d")]), ["from=-90d", "bucket=86400s"]);
    let fixed = "query = \"errors_over_time\"\nchart = \"line\"\nparams = { from = \"-7d\", bucket = \"1d\" }\n";
    assert_eq!(params(fixed, &[("from", "-1h")]), ["bucket=1d", "from=-7d"], "what a file fixes is not to be chosen");
}

#[test]
fn the_period_before_is_as_long_and_ends_where_the_range_begins() {
    let catalogue = catalogue();
    let panel = panel("query = \"error_rate\"\nchart = \"stat\"\n");
    let query = catalogue.get("error_rate").unwrap();
    let range = [("from", "2026-11-22T10:00:00Z"), ("to", "2026-11-22T12:00:00Z")];
    let before = Question::new(&panel, query, &chosen(&range), NOW).unwrap().before().unwrap();
    let told: Vec<&str> = before.params.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(told, ["2026-11-22T08:00:00.000Z", "2026-11-22T10:00:00.000Z"]);
    let backwards = [("from", "-1h"), ("to", "-2h")];
    let refused = Question::new(&panel, query, &chosen(&backwards), NOW).unwrap_err().to_string();
    assert!(refused.contains("ends before it begins"), "{refused}");
}

#[test]
fn files_of_one_s_own_take_the_place_of_others_and_give_it_back() {
    let directory = tempfile::tempdir().unwrap();
    let (own, operators) = (directory.path().join("dashboards"), directory.path().join("operator"));
    let boards = Boards::new(own.clone(), vec![operators.clone()]);
    let control = crate::control::Control::in_memory();
    let by = || crate::control::By { actor: "ana", at: clock::now() };
    let text = spec::panel_text("releases", Chart::Table, "", 6, &spec::Mapping::default());
    boards.add_panel(("reliability", ""), &text, &catalogue(), &control, by()).unwrap();
    let file = boards.find("reliability").unwrap();
    let panels = file.board.unwrap().panels.len();
    let shipped = spec::shipped().into_iter().find(|(name, _)| name == "reliability").unwrap().1;
    assert!(
        file.origin == BoardOrigin::Own && file.text == format!("{shipped}{text}"),
        "the comments of the file are kept"
    );
    boards.delete("reliability", &control, by()).unwrap();
    let file = boards.find("reliability").unwrap();
    assert_eq!((file.origin, file.board.unwrap().panels.len()), (BoardOrigin::Shipped, panels - 1));
    assert!(matches!(boards.delete("reliability", &control, by()), Err(OwnBoardError::Refused(..))));

    boards.add_panel(("new_one", "A \"new\" one"), &text, &catalogue(), &control, by()).unwrap();
    assert_eq!(boards.find("new_one").unwrap().board.unwrap().title, "A \"new\" one");
    fs::create_dir_all(&operators).unwrap();
    fs::write(operators.join("new_one.toml"), "title = \"Theirs\"\n").unwrap();
    assert_eq!(boards.find("new_one").unwrap().origin, BoardOrigin::Operator, "a change is there at the next look");
    assert!(matches!(boards.save("new_one", "title = \"Mine\"", &control, by()), Err(OwnBoardError::Refused(..))));
    assert!(matches!(boards.save("../new", "title = \"Mine\"", &control, by()), Err(OwnBoardError::Text(_))));
    assert!(boards.find("../new").is_none());

    let unknown = spec::panel_text("nobody", Chart::Table, "", 6, &spec::Mapping::default());
    assert!(matches!(
        boards.add_panel(("usage", ""), &unknown, &catalogue(), &control, by()),
        Err(OwnBoardError::Text(_))
    ));
    fs::write(own.join("usage.toml"), "title = 3\n").unwrap();
    let listed = boards.list();
    let broken = listed.iter().find(|file| file.name == "usage").unwrap();
    assert_eq!(problems(broken, &catalogue())[0].line, 1);
    assert!(matches!(
        boards.add_panel(("usage", ""), &text, &catalogue(), &control, by()),
        Err(OwnBoardError::Text(_))
    ));
}
