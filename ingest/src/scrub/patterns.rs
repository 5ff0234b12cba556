//! The patterns of what is taken out of text, and what is left in its place. Runs only where `gate` saw their signs.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::gate::Signs;
use super::{numbers, secrets};

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of our own, which a test compiles")
}

static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"[^\s@<>()\[\],;:"'/=?&|{}\\]+(?:@|%40)((?:[^\s@<>()\[\],;:"'/=?&|{}\\.%]+\.)+(?:\p{L}{2,}|xn--[a-z0-9-]+))"#,
    )
});

/// A path or URL, and the query or fragment after it.
static QUERY: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"((?:[a-zA-Z][a-zA-Z0-9+.-]*://|/|\bwww\.)[^\s"'<>?#]*)([?#][^\s"'<>]+)"#));

static USER_INFO: LazyLock<Regex> = LazyLock::new(|| pattern(r#"([a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/@"'<>?#]+@"#));

/// The words that the two patterns below look for: most texts with a colon hold none.
static ASSIGNED: LazyLock<Regex> =
    LazyLock::new(|| pattern("(?i)cookie|authorization|pass|pwd|secret|key|token|session|sid|credential"));

/// `Cookie: …` and `Authorization: …`, to the end of the line.
static HEADER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?i)\b((?:set-)?cookie|(?:proxy-)?authorization)\b(["']?\s*[:=]\s*)[^\r\n"]+"#));

static ASSIGNMENT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r#"(?i)\b((pass(?:word|wd|phrase)?|pwd|client[_-]?secret|secret)"#,
        r#"|[a-z_-]*(?:api|access|secret|private|encryption)[_-]?key|[a-z_-]*token|session[_-]?id|sid|credentials?)"#,
        r#"(["']?\s*[:=]\s*["']?)([^\s"',;&)}\]]+)"#
    ))
});

static BEARER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\b(bearer|basic)(\s+)(?:token\s+)?([a-z0-9._~+/=-]{6,})"));

static PRIVATE_KEY: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|$)"));

static HOME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r#"(/home/|/Users/)[^/\\\s"'<>]+"#,
        // Only in Windows' paths a name may hold blanks, as it ends at a backslash.
        r#"|(\b[A-Za-z]:[\\/]+(?i:users)[\\/]+)(?:[^/\\\r\n"'<>:*?|]{1,64}[\\/]|[^/\\\s"'<>]+)"#
    ))
});

/// Takes out everything of which a text shows signs.
pub(super) fn scrub(text: &str, signs: Signs) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    if signs.url() {
        text = replace(text, &USER_INFO, |found| Some(format!("{}[redacted]@", &found[1])));
        text = replace(text, &QUERY, |found| {
            (found[2].starts_with('?') || found[2].contains('=')).then(|| found[1].to_owned())
        });
    }
    if signs.assignment() && ASSIGNED.is_match(&text) {
        text = replace(text, &HEADER, |found| Some(format!("{}{}[secret]", &found[1], &found[2])));
        text = replace(text, &ASSIGNMENT, assigned_secret);
    }
    if signs.words() {
        text = replace(text, &PRIVATE_KEY, |_| Some("[secret]".into()));
        text = replace(text, &BEARER, bearer_token);
    }
    if signs.secret() {
        text = replace_found(text, "[token]", find_secret);
    }
    if signs.email() {
        text = replace(text, &EMAIL, |found| (!is_version(&found[1])).then(|| "[email]".into()));
    }
    if signs.iban() {
        text = replace_found(text, "[iban]", numbers::find_iban);
    }
    if signs.card() {
        text = replace_found(text, "[card]", numbers::find_card);
    }
    if signs.ipv6() {
        text = replace_found(text, "[ip]", numbers::find_ipv6);
    }
    if signs.ipv4() {
        text = replace_found(text, "[ip]", numbers::find_ipv4);
    }
    text
}

/// Tells whether an e-mail address is in the text.
pub(super) fn holds_email(text: &str) -> bool {
    EMAIL.captures_iter(text).any(|found| !is_version(&found[1]))
}

/// Takes the person's name out of a path below a home directory.
pub(super) fn home_directory(path: &str) -> Cow<'_, str> {
    if !may_hold_home(path) {
        return Cow::Borrowed(path);
    }
    replace(Cow::Borrowed(path), &HOME, |found| match (found.get(1), found.get(2)) {
        (Some(home), _) => Some(format!("{}[user]", home.as_str())),
        (None, Some(home)) => {
            Some(format!("{}[user]{}", home.as_str(), if found[0].ends_with('/') { "/" } else { "\\" }))
        }
        (None, None) => None,
    })
}

/// Tells whether a home directory may be in a text: most hold neither word, and the pattern has to look at every byte.
fn may_hold_home(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_users = |at: usize| bytes.get(at..at + 5).is_some_and(|word| word.eq_ignore_ascii_case(b"users"));
    memchr::memmem::find(bytes, b"/home/").is_some() || memchr::memchr2_iter(b'u', b'U', bytes).any(is_users)
}

/// `app@1.0.0-beta.rc` is a release and no address: a domain's first two labels are not both numbers.
fn is_version(domain: &str) -> bool {
    let mut labels = domain.split('.');
    let is_number =
        |label: Option<&str>| label.is_some_and(|label| label.starts_with(|char: char| char.is_ascii_digit()));
    is_number(labels.next()) && is_number(labels.next())
}

fn assigned_secret(found: &Captures<'_>) -> Option<String> {
    let value = &found[4];
    let always = found.get(2).is_some();
    let looks_secret = value.len() >= 16 || value.bytes().any(|byte| byte.is_ascii_digit());
    ((always || looks_secret) && !value.starts_with('[')).then(|| format!("{}{}[secret]", &found[1], &found[3]))
}

fn bearer_token(found: &Captures<'_>) -> Option<String> {
    const WORDS: [&str; 6] = ["authentication", "authorization", "credentials", "scheme", "format", "tokens"];
    let (scheme, token) = (&found[1], &found[3]);
    let is_word = WORDS.contains(&token.to_ascii_lowercase().as_str());
    // `Basic` is a common word: only what looks like base64 of `user:password` follows it.
    let has = |of: fn(&u8) -> bool| token.bytes().any(|byte| of(&byte));
    let is_basic =
        token.ends_with('=') || (has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && token.len() >= 8);
    let is_secret = !is_word && (scheme.eq_ignore_ascii_case("bearer") || is_basic);
    is_secret.then(|| format!("{scheme}{}[token]", &found[2]))
}

fn find_secret(text: &str, from: usize) -> Option<(usize, usize)> {
    let word = secrets::words(&text[from..]).find(|word| secrets::is_known_secret(word) || secrets::is_random(word))?;
    let start = word.as_ptr() as usize - text.as_ptr() as usize;
    Some((start, start + word.len()))
}

/// Replaces every match for which `by` gives a replacement.
fn replace<'a>(text: Cow<'a, str>, pattern: &Regex, by: impl Fn(&Captures<'_>) -> Option<String>) -> Cow<'a, str> {
    // Most texts that show signs match nothing; captures cost an allocation.
    if !pattern.is_match(&text) {
        return text;
    }
    let mut replaced: Option<String> = None;
    let mut kept = 0;
    for found in pattern.captures_iter(&text) {
        let whole = found.get_match();
        if let Some(by) = by(&found) {
            let replaced = replaced.get_or_insert_with(String::new);
            replaced.push_str(&text[kept..whole.start()]);
            replaced.push_str(&by);
            kept = whole.end();
        }
    }
    finish(text, replaced, kept)
}

/// Replaces every find by one word.
fn replace_found<'a>(
    text: Cow<'a, str>,
    by: &str,
    find: impl Fn(&str, usize) -> Option<(usize, usize)>,
) -> Cow<'a, str> {
    let mut replaced: Option<String> = None;
    let mut kept = 0;
    while let Some((start, end)) = find(&text, kept) {
        let replaced = replaced.get_or_insert_with(String::new);
        replaced.push_str(&text[kept..start]);
        replaced.push_str(by);
        kept = end;
    }
    finish(text, replaced, kept)
}

fn finish(text: Cow<'_, str>, replaced: Option<String>, kept: usize) -> Cow<'_, str> {
    match replaced {
        None => text,
        Some(mut replaced) => {
            replaced.push_str(&text[kept..]);
            Cow::Owned(replaced)
        }
    }
}

/// Compiles every pattern, so that no request waits for it.
pub(super) fn warm() {
    let mut found = 0;
    for pattern in [&EMAIL, &QUERY, &USER_INFO, &ASSIGNED, &HEADER, &ASSIGNMENT, &BEARER, &PRIVATE_KEY, &HOME] {
        found += usize::from(pattern.is_match("warm"));
    }
    debug_assert_eq!(found, 0);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WORDS: [&str; 16] = [
        "password",
        "PassPhrase",
        "Client-Secret",
        "api_key",
        "x-TOKEN",
        "sid",
        "SESSION_ID",
        "credentials",
        "set-cookie",
        "Authorization",
        ":",
        " = ",
        "\"",
        "\n",
        "a1b2c3d4",
        "é",
    ];

    proptest! {
        #[test]
        fn no_assignment_of_a_secret_is_without_its_word(words in proptest::collection::vec(proptest::sample::select(&WORDS[..]), 0..6)) {
            let text = words.concat();
            prop_assert!(ASSIGNED.is_match(&text) || !(HEADER.is_match(&text) || ASSIGNMENT.is_match(&text)), "{}", text);
        }
    }
}
