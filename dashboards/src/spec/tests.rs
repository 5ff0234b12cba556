use super::*;

fn parse(text: &str) -> Result<Board, SpecProblem> {
    Board::parse("mine", "mine.toml", text)
}

/// Returns the line and the message of what is wrong with the only panel.
fn bad_panel(fields: &str) -> (usize, String) {
    let board = parse(&format!("title = \"T\"\n\n[[panel]]\n{fields}")).unwrap();
    let problem = board.panels.into_iter().next().unwrap().unwrap_err();
    (problem.line, format!("{}; {}", problem.message, problem.remedy))
}

#[test]
fn reads_a_dashboard_as_its_author_wrote_it() {
    let board = parse(
        "title = \"Mine\"\ncontrols = [\"range\", \"release\"]\nrange = \"7d\"\nrefresh = \"1min\"\n
[[panel]]\nquery = \"crash_free_sessions\"\nchart = \"stat\"\nwidth = 3\ngoal = { gte = 99.5 }\ncompare = \"previous_period\"\n
[[panel]]\nquery = \"errors_over_time\"\nchart = \"stacked_bar\"\nmap = { x = \"bucket\", y = \"errors\", series = \"release\" }\n\
         params = { release = \"2.0\", limit = 1_0, deep = true }\nlink = \"/issues?release={release}\"\n
[[panel]]\nquery = \"errors_over_time\"\n
[[panel]]\nchart = \"text\"\ntext = \"One.\\n\\nTwo.\"\n",
    )
    .unwrap();
    assert_eq!((board.title.as_str(), board.range.as_str(), board.refresh_s), ("Mine", "7d", Some(60)));
    assert_eq!(board.controls, [Control::Range, Control::Param("release".to_owned())]);
    let panels: Vec<&PanelSpec> = board.panels.iter().flatten().collect();
    let slugs: Vec<&str> = panels.iter().map(|panel| panel.slug.as_str()).collect();
    assert_eq!(slugs, ["crash_free_sessions", "errors_over_time", "errors_over_time-2", "text"]);
    assert_eq!((panels[0].goal, panels[0].compares), (Some(Goal { at: 99.5, is_least: true }), true));
    let fixed: Vec<(&str, &str)> =
        panels[1].params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(fixed, [("deep", "true"), ("limit", "10"), ("release", "2.0")]);
    assert_eq!((panels[1].map.y.as_slice(), panels[1].line), (["errors".to_owned()].as_slice(), 13));
    assert_eq!((panels[2].chart, panels[2].width), (Chart::Table, 6));
}

#[test]
fn a_bad_panel_is_kept_with_its_line_and_the_others_are_read() {
    let text = "[[panel]]\nquery = \"a\"\n\n[[panel]]\nquery = \"b\"\nchart = \"pie\"\n\n[[panel]]\nquery = \"c\"\n";
    let board = parse(text).unwrap();
    let names: Vec<Option<&str>> =
        board.panels.iter().map(|panel| panel.as_ref().ok().map(|panel| panel.slug.as_str())).collect();
    assert_eq!(names, [Some("a"), None, Some("c")]);
    let problem = board.panels[1].as_ref().unwrap_err();
    assert_eq!((problem.file.as_str(), problem.line), ("mine.toml", 6));
    assert!(problem.to_string().starts_with("mine.toml:6: `pie` is no chart; charts are stat, line"), "{problem}");
}

#[test]
fn every_mistake_has_its_line_and_a_remedy() {
    for (fields, line, words) in [
        ("query = \"a\"\nwidht = 3\n", 5, "a panel has no `widht`; it may say query, chart"),
        ("query = \"a\"\nwidth = 13\n", 5, "a width is from 1 to 12"),
        ("query = \"a\"\nwidth = \"3\"\n", 5, "`width` is a number, not a value of type string"),
        ("query = \"../a\"\n", 4, "`query` cannot be \"../a\"; the name of a stored query"),
        ("chart = \"line\"\n", 3, "the panel has no `query`"),
        ("chart = \"text\"\n", 3, "a panel of chart `text` has `text` and no `query`"),
        ("query = \"a\"\ntext = \"b\"\n", 3, "`text` goes with chart = \"text\""),
        ("query = \"a\"\nmap = { z = \"b\" }\n", 5, "a map has no `z`; it may say x, y, series"),
        ("query = \"a\"\ngoal = { gte = 1, lte = 2 }\n", 5, "a goal is either `gte` or `lte`"),
        ("query = \"a\"\nchart = \"line\"\ncompare = \"previous_period\"\n", 3, "`compare` goes with"),
        ("query = \"a\"\nchart = \"stat\"\ncompare = \"last_year\"\n", 6, "`compare` cannot be \"last_year\""),
        ("query = \"a\"\nlink = \"//elsewhere.example/\"\n", 5, "a path of this server"),
        ("query = \"a\"\nlink = \"javascript:alert(1)\"\n", 5, "a path of this server"),
        ("query = \"a\"\nlink = \"/\\\\elsewhere.example\"\n", 5, "a path of this server"),
        ("query = \"a\"\nparams = { a = [1] }\n", 5, "`a` is a text, a number, true or false"),
    ] {
        let (at, told) = bad_panel(fields);
        assert!(at == line && told.contains(words), "{fields:?}: {at} {told}");
    }
}

#[test]
fn a_dashboard_that_cannot_be_read_says_where() {
    for (text, line, words) in [
        ("title = \"a\nb\"", 2, "this is no TOML"),
        ("title = \"a\"\n[[panel]\n", 2, "this is no TOML"),
        ("titel = \"a\"\n", 1, "a dashboard has no `titel`"),
        ("\ncontrols = [\"range\", \"Range\"]\n", 2, "`Range` is no control"),
        ("controls = [\"range\", \"range\"]\n", 1, "the control `range` is there twice"),
        ("refresh = \"1s\"\n", 1, "a refresh is from 5 s to a day"),
        ("range = \"yesterday\"\n", 1, "`range` cannot be \"yesterday\""),
        ("panel = 3\n", 1, "`panel` is written as [[panel]]"),
    ] {
        let problem = parse(text).unwrap_err();
        assert!(problem.line == line && problem.message.contains(words), "{text:?}: {problem}");
    }
    let many = "[[panel]]\nquery = \"a\"\n".repeat(PANELS_MAX + 1);
    let problem = parse(&many).unwrap_err();
    assert_eq!((problem.line, problem.message.as_str()), (2 * PANELS_MAX + 1, "there are more than 60 panels"));
}

#[test]
fn what_is_written_for_a_panel_is_read_as_it_was_meant() {
    let map = Mapping { x: Some("day".to_owned()), y: vec!["a".to_owned(), "b".to_owned()], series: None };
    let hostile = "Say \"hi\"\\\n[[panel]]";
    let text = panel_text("active_people", Chart::Line, hostile, 8, &map);
    let board =
        parse(&format!("title = \"T\"\n{text}{}", panel_text("other", Chart::Table, "", 6, &Mapping::default())))
            .unwrap();
    let panels: Vec<&PanelSpec> = board.panels.iter().map(|panel| panel.as_ref().unwrap()).collect();
    assert_eq!((panels.len(), panels[0].title.as_deref(), panels[0].width), (2, Some(hostile), 8));
    assert_eq!((&panels[0].map, panels[0].chart), (&map, Chart::Line));
}

#[test]
fn the_files_that_come_with_the_program_are_whole() {
    let files = shipped();
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["abuse", "credits", "pipeline", "reliability", "usage"]);
    for (name, text) in &files {
        let board = Board::parse(name, &format!("{name}.toml"), text).unwrap();
        assert!(!board.panels.is_empty() && board.panels.iter().all(Result::is_ok), "{name}: {:?}", board.panels);
    }
}
