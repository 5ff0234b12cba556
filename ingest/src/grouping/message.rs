//! What a message says apart from what changes each time it is said: its first line, with words in the place of e-mail
//! addresses, URLs, hosts, addresses, ids, hashes, dates, durations, numbers and quoted text.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// More of a message than this never tells bugs apart.
const BYTES_MAX: usize = 1024;

/// Each kind of changing part, by the name that takes its place. Of several that begin at one place the first is taken.
const PARTS: &[(&str, &str)] = &[
    ("email", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\[email\]"),
    ("url", r#"\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"'<>()\[\]{}]+"#),
    ("uuid", r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"),
    (
        "date",
        concat!(
            r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|\s?[+-]\d{2}:?\d{2})?)?\b",
            r"|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? (?:\d{1,2} )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* \d{1,4}(?: \d{4})?(?: \d{2}:\d{2}:\d{2})?(?: GMT)?(?:[+-]\d{4})?",
            r"|\b\d{1,2}[./]\d{1,2}[./]\d{4}\b",
        ),
    ),
    (
        "duration",
        concat!(
            r"\b(?:\d+\.)?\d{1,3}:\d{2}:\d{2}(?:[.,]\d+)?\b",
            r"|\bP(?:\d+D)?T(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?\b",
            r"|\b(?:\d+[hm])*\d+(?:\.\d+)?\s?(?:ns|us|µs|ms|s|sec|secs|seconds?|m|min|mins|minutes?|h|hours?|d|days?)\b",
        ),
    ),
    (
        "ip",
        concat!(
            r"\b(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?\b|\[?\[ip\]\]?(?::\d{1,5}\b)?",
            r"|(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}|(?:[0-9a-fA-F]{1,4}:){1,6}:(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,5})?",
        ),
    ),
    (
        "host",
        r"\b(?:[a-zA-Z0-9-]+\.)+(?:com|net|org|io|dev|app|ai|co|cloud|local|internal|localhost|svc|de|eu|uk)(?::\d{1,5})?\b|\blocalhost:\d{1,5}\b",
    ),
    ("hex", r"\b0[xX][0-9a-fA-F]+\b"),
    ("number", r"[-+]?\b\d+\.\d+(?:[eE][-+]?\d+)?\b"),
    ("quoted", r#""[^"\n]*"|`[^`\n]*`|\B'(?:[^'\n]|\b'\b)*'"#),
    // Words in which digits and letters mix are judged by `is_id`.
    ("word", r"[\w-]*\d[\w-]*"),
];

static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    let parts: Vec<String> = PARTS.iter().map(|(name, pattern)| format!("(?P<{name}>{pattern})")).collect();
    Regex::new(&parts.join("|")).expect("a pattern of our own, which a test compiles")
});

/// Returns a message's template.
pub(super) fn template(message: &str) -> String {
    let line = message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let line = crate::scrub::cut(line, BYTES_MAX);
    let has_signs = line.bytes().any(|byte| byte.is_ascii_digit() || b"\"'`@:.[".contains(&byte));
    if has_signs { PATTERN.replace_all(line, replacement).into_owned() } else { line.to_owned() }
}

fn replacement(found: &Captures<'_>) -> String {
    let word = &found[0];
    let (name, _) = PARTS.iter().find(|(name, _)| found.name(name).is_some()).expect("a match is of one of the parts");
    match *name {
        "word" => word_template(word),
        name => format!("<{name}>"),
    }
}

/// Returns what stays of a word with digits: `acct_19ab` is an id of a kind, `utf8` a word.
fn word_template(word: &str) -> String {
    if word.trim_start_matches(['-', '+']).bytes().all(|byte| byte.is_ascii_digit()) {
        return "<number>".to_owned();
    }
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    if word.len() >= 7 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return "<hash>".to_owned();
    }
    if let Some((kind, id)) = word.split_once(['_', '-', '#'])
        && kind.bytes().all(|byte| byte.is_ascii_alphabetic())
        && id.bytes().any(|byte| byte.is_ascii_digit())
        && (id.bytes().all(|byte| byte.is_ascii_digit()) || id.len() >= 4)
    {
        return format!("{kind}_<id>");
    }
    if digits >= 3 || word.len() >= 16 { "<id>".to_owned() } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::template;

    #[test]
    fn what_changes_is_taken_out() {
        for (message, expected) in [
            ("Job 8812 failed after 3 tries", "Job <number> failed after <number> tries"),
            ("timeout of 1500ms exceeded", "timeout of <duration> exceeded"),
            ("took 12.5 s", "took <duration>"),
            ("took 1m0.5s, 1.02:00:07 or PT4.2S", "took <duration>, <duration> or <duration>"),
            ("ratio 0.75 of -3", "ratio <number> of <number>"),
            ("no such user jane@example.com", "no such user <email>"),
            ("no such user [email]", "no such user <email>"),
            ("GET https://api.example.com/v1/x?y=1 failed", "GET <url> failed"),
            ("connect ECONNREFUSED 10.0.3.7:5432", "connect ECONNREFUSED <ip>"),
            ("connect to fe80::1 and 2001:db8::ff00:42:8329", "connect to <ip> and <ip>"),
            ("getaddrinfo ENOTFOUND cache.internal:6379", "getaddrinfo ENOTFOUND <host>"),
            ("board 0b6c1f2e-6f0e-4b6e-9a59-2f5f9f3c1d22 is gone", "board <uuid> is gone"),
            ("at 0x7ffde4a1", "at <hex>"),
            ("commit 9fceb02d0ae598e95dc970b74767f19372d61af8", "commit <hash>"),
            ("expired on 2026-11-03T10:04:05.123Z", "expired on <date>"),
            ("expired at Tue, 03 Nov 2026 10:04:05 GMT", "expired at <date>"),
            ("workspace ws_81x9 has no credits", "workspace ws_<id> has no credits"),
            ("gst_4 is unknown", "gst_<id> is unknown"),
            ("key 'alpha' is \"missing\"", "key <quoted> is <quoted>"),
            ("can't read it, won't try", "can't read it, won't try"),
            ("utf8 and sha256 by h2", "utf8 and <id> by h2"),
            ("\n  first line\nsecond 1", "first line"),
            ("", ""),
        ] {
            assert_eq!(template(message), expected, "{message:?}");
        }
    }

    #[test]
    fn a_message_without_end_is_cut() {
        assert!(template(&"x".repeat(100_000)).len() <= super::BYTES_MAX);
        assert!(template(&"'".repeat(100_000)).len() <= super::BYTES_MAX * 8);
    }
}
