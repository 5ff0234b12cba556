use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// What all lines of all languages are made of, and what tempts a reader into searching again and again.
const TOKENS: &[&str] = &[
    "at ",
    "    at ",
    "\tat ",
    "(",
    ")",
    " (",
    "eval at ",
    "<anonymous>",
    "async ",
    "@",
    "://",
    "*",
    ":1",
    ":1:1",
    ":",
    " line ",
    " > eval",
    "File \"",
    "\", line 1",
    ", in ",
    "Traceback (most recent call last):",
    "  | ",
    "|",
    "+-+---",
    "goroutine 1 [running]:",
    "\t/a.go:1",
    " +0x1",
    "panic(",
    "created by ",
    "/",
    ".",
    "stack backtrace:",
    "   0: ",
    "a::",
    "::",
    "{{closure}}",
    "<",
    ">",
    "::h0123456789abcdef",
    "Caused by: ",
    "Suppressed: ",
    "Wrapped by: ",
    "(A.java:1)",
    "... 12 more",
    "--- End of inner exception",
    "---> (Inner Exception #1)",
    " in ",
    ":line 1",
    "[",
    "]",
    "[cause]:",
    "a",
    "é",
    "\\",
    "0x1 - ",
    "node_modules",
    " ",
    "\n",
    "\r\n",
    "\u{2028}",
    "\0",
];

/// A time that reading the longest text never takes, and reading it again for each of its bytes always does.
const PATIENCE: Duration = Duration::from_secs(2);

/// Shows frames in a line each: whether it is the app's, module, file, function, place.
pub(super) fn frames(text: &str, language: Language) -> Vec<String> {
    assert_eq!(Language::of(text), Some(language), "{text}");
    assert_eq!(read(text, Some(language)), read(text, None), "a hint that is right changes nothing");
    read(text, None).iter().map(shown).collect()
}

fn shown(frame: &Frame<'_>) -> String {
    let in_app = frame.in_app.map_or("?", |in_app| if in_app { "+" } else { "-" });
    let place = match (frame.line, frame.col) {
        (Some(line), Some(col)) => Some(format!("{line}:{col}")),
        (line, _) => line.map(|line| line.to_string()),
    };
    let words = [frame.module.as_deref(), frame.file.as_deref(), frame.function.as_deref(), place.as_deref()];
    std::iter::once(in_app).chain(words.into_iter().flatten()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_wrong_hint_is_not_believed_and_prose_has_no_frames() {
    let text = "Error: x\n    at draw (/srv/app.js:3:14)\n";
    assert_eq!(read(text, Some(Language::Python)).len(), 1);
    assert_eq!(Language::from_hint("nodejs"), Some(Language::JavaScript));
    for none in ["", "\n", "it failed", "at", "TypeError: x is undefined", "at draw"] {
        assert_eq!(read(none, Some(Language::Go)), [], "{none}");
    }
}

#[test]
fn a_long_stack_keeps_its_newest_frames() {
    let v8: String = (1..5000).map(|line| format!("    at f (/srv/app.js:{line}:1)\n")).collect();
    assert!(v8.len() > TEXT_BYTES_MAX);
    let kept = read(&v8, None);
    assert_eq!((kept.len(), kept[0].line), (FRAMES_MAX, Some(1)));
    let python: String = (1..5000).map(|line| format!("  File \"/srv/é.py\", line {line}, in f\n")).collect();
    assert!(python.len() > TEXT_BYTES_MAX);
    let kept = read(&python, None);
    assert_eq!((kept.len(), kept[0].line), (FRAMES_MAX, Some(4999)));
}

#[test]
fn of_a_long_chain_the_reported_exception_stays() {
    let cause = "Traceback (most recent call last):\n  File \"/a.py\", line 1, in f\nE\n\n";
    let text = format!("{}Traceback (most recent call last):\n  File \"/b.py\", line 2, in g\nE\n", cause.repeat(99));
    assert_eq!(frames(&text, Language::Python), ["+ /b.py g 2"]);
    let java = format!("E\n\tat a.B.c(B.java:1)\n{}", "Caused by: E\n\tat a.B.d(B.java:2)\n".repeat(99));
    assert_eq!(frames(&java, Language::Java), ["+ a.B B.java c 1"]);
}

fn read_in_time(text: &str) {
    for hint in std::iter::once(None).chain(LANGUAGES.map(Some)) {
        let begun = Instant::now();
        let kept = read(text, hint);
        assert!(begun.elapsed() < PATIENCE, "{hint:?} took {:?}", begun.elapsed());
        assert!(kept.len() <= FRAMES_MAX);
        let bytes: usize = kept
            .iter()
            .flat_map(|frame| [&frame.module, &frame.file, &frame.function])
            .flatten()
            .map(|text| text.len())
            .sum();
        assert!(bytes <= text.len(), "no part of a text is kept twice");
        assert!(kept.iter().all(|frame| *frame != Frame::default()), "a frame says something");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_is_read_within_its_bounds(text in any::<String>()) {
        read_in_time(&text);
    }

    #[test]
    fn any_lines_of_any_languages_are_read(tokens in proptest::collection::vec(proptest::sample::select(TOKENS), 0..200)) {
        read_in_time(&tokens.concat());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is repeated, as one line or as many, up to the longest text: a reader that goes over it again for each byte
    /// would take minutes.
    #[test]
    fn time_grows_with_the_text_and_no_faster(
        head in proptest::collection::vec(proptest::sample::select(TOKENS), 0..4),
        unit in proptest::collection::vec(proptest::sample::select(TOKENS), 1..4),
        tail in proptest::collection::vec(proptest::sample::select(TOKENS), 0..4),
    ) {
        let (head, unit, tail) = (head.concat(), unit.concat(), tail.concat());
        let times = (TEXT_BYTES_MAX - head.len() - tail.len()) / unit.len();
        read_in_time(&format!("{head}{}{tail}", unit.repeat(times)));
    }
}
