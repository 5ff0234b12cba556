mod corpus;

use super::*;

fn frame(file: &str, function: &str, in_app: Option<bool>) -> Frame<'static> {
    Frame { file: Some(file.to_owned().into()), function: Some(function.to_owned().into()), in_app, ..Frame::default() }
}

fn by_stack(ty: &'static str, frames: &[Frame<'_>]) -> Hashes {
    Grouper::default().group(Told { ty: Some(ty), message: Some("x"), frames, ..Told::default() }).hashes
}

#[test]
fn lines_do_not_count_and_types_do() {
    let mut frames = vec![frame("a.js", "draw", Some(true)), frame("b.js", "main", Some(true))];
    let before = by_stack("TypeError", &frames);
    frames[0].line = Some(7);
    assert_eq!(by_stack("TypeError", &frames), before);
    assert_ne!(by_stack("RangeError", &frames), before);
    frames[0].function = Some("erase".into());
    assert_ne!(by_stack("TypeError", &frames), before);
}

#[test]
fn the_apps_frames_have_a_hash_of_their_own() {
    let of = |library: &str| by_stack("E", &[frame("a.js", "draw", Some(true)), frame(library, "call", Some(false))]);
    let (one, other) = (of("react.js"), of("preact.js"));
    assert_eq!(one.app, other.app);
    assert_ne!(one.sys, other.sys);
    let none_of_the_app = by_stack("E", &[frame("react.js", "call", Some(false))]);
    assert_eq!(none_of_the_app.app, None);
    assert!(none_of_the_app.sys.is_some());
}

#[test]
fn a_recursion_is_one_however_deep() {
    let deep = |depth: usize| {
        let mut frames = vec![frame("a.js", "leaf", None)];
        for _ in 0..depth {
            frames.extend([frame("a.js", "even", None), frame("a.js", "odd", None)]);
        }
        frames.push(frame("a.js", "main", None));
        by_stack("RangeError", &frames)
    };
    assert_eq!(deep(2), deep(40));
    assert_ne!(deep(0), deep(1));
}

#[test]
fn to_a_stack_of_files_alone_the_message_is_added() {
    let file = || Frame { file: Some("main.js".into()), line: Some(1), ..Frame::default() };
    let grouping = Grouper::default().group(Told {
        ty: Some("Error"),
        message: Some("job 7 failed"),
        frames: &[file()],
        ..Told::default()
    });
    let other = Told { ty: Some("Error"), message: Some("no job"), frames: &[file()], ..Told::default() };
    assert_ne!(Grouper::default().group(other).hashes.app, grouping.hashes.app);
    assert_eq!(grouping.reason, "files and message of the app (1 of 1 frames): Error: job <number> failed in main.js");
}

#[test]
fn the_clients_fingerprint_goes_first_and_may_ask_for_the_default() {
    let frames = [frame("a.js", "draw", Some(true))];
    let of = |fingerprint: &[&'static str], message: &'static str| {
        let fingerprint: Vec<Cow<'_, str>> = fingerprint.iter().map(|part| Cow::Borrowed(*part)).collect();
        let told = Told { ty: Some("E"), message: Some(message), frames: &frames, fingerprint: &fingerprint };
        Grouper::default().group(told).hashes
    };
    assert_eq!(of(&["checkout"], "a"), of(&["checkout"], "b"));
    assert_eq!(of(&["checkout"], "a").sys, None);
    assert_ne!(of(&["checkout"], "a"), of(&["gallery"], "a"));
    assert_ne!(of(&["{{ type }}", "{{ message }}"], "a"), of(&["{{ type }}", "{{ message }}"], "b"));
    let refined = of(&["{{ default }}", "eu"], "a");
    assert_ne!(refined.app, of(&["{{default}}", "us"], "a").app);
    assert_ne!(refined.app, of(&[], "a").app);
    assert!(refined.sys.is_some());
    assert_eq!(of(&["{{ default }}"], "a"), of(&[], "a"));
}

#[test]
fn rules_say_whose_frames_are_and_which_count_not_at_all() {
    let frames = [frame("a.js", "withRetry", Some(true)), frame("a.js", "draw", Some(true))];
    let told = Told { ty: Some("E"), message: Some("x"), frames: &frames, ..Told::default() };
    let rule = |text: &str| serde_json::from_str::<Vec<FrameRule>>(text).unwrap();
    let ignoring = Grouper::new(2, rule(r#"[{"function":"with*","side":"ignore"}]"#)).unwrap();
    assert_eq!(ignoring.group(told).hashes, by_stack("E", &frames[1..]));
    assert_eq!(ignoring.version(), 2);
    let system = Grouper::new(3, rule(r#"[{"function":"WITHRETRY","file":"*.js","side":"system"}]"#)).unwrap();
    assert_eq!(system.group(told).hashes.app, by_stack("E", &frames[1..]).app);
    assert_eq!(system.group(told).hashes.sys, by_stack("E", &frames).sys);
    for (bad, problem) in [
        (r#"[{"side":"app"}]"#, "rule 1 must name a `function`, a `module` or a `file`"),
        (r#"[{"function":"","side":"app"}]"#, "rule 1 holds a pattern that is empty or longer than 256 bytes"),
    ] {
        assert_eq!(Grouper::new(2, rule(bad)).unwrap_err().to_string(), problem);
    }
}

#[test]
fn an_explanation_names_what_counted() {
    let frames = [frame("/app/a.js", "draw", Some(true)), frame("/lib/react.js", "call", Some(false))];
    let told = Told { ty: Some("TypeError"), frames: &frames, ..Told::default() };
    let reason = Grouper::default().group(told).reason;
    assert_eq!(reason, "stack of the app (1 of 2 frames): TypeError in draw @ a.js");
    let many = vec![frame(&"f".repeat(400), "draw", None); 2];
    assert!(Grouper::default().group(Told { frames: &many, ..told }).reason.len() <= REASON_BYTES_MAX);
    assert_eq!(Grouper::default().group(Told::default()).reason, "nothing to group by");
}
