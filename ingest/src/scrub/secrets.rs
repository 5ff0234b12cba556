//! Words that are secrets by their own look: tokens and keys with a known beginning, and long random ones.

/// How keys of well-known services begin, and how long they are at least.
const BEGINNINGS: &[(&str, usize)] = &[
    ("sk-", 16),
    ("sk_", 12),
    ("rk_live_", 12),
    ("rk_test_", 12),
    ("pk_live_", 12),
    ("pk_test_", 12),
    ("whsec_", 16),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 24),
    ("glpat-", 20),
    ("xoxa-", 14),
    ("xoxb-", 14),
    ("xoxe-", 14),
    ("xoxo-", 14),
    ("xoxp-", 14),
    ("xoxr-", 14),
    ("xoxs-", 14),
    ("AIza", 30),
    ("ya29.", 20),
    ("npm_", 24),
    ("SG.", 24),
    ("hf_", 24),
    ("dop_v1_", 24),
    ("shpat_", 24),
    ("key-", 36),
];

const RANDOM_BYTES_MIN: usize = 32;
const RANDOM_DIGITS_MIN: usize = 4;

/// Cuts a text into the words that may be secrets: letters, digits, `_`, `-` and `.`.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_between = |byte: &u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let words = text.as_bytes().split(is_between).filter(|word| word.len() >= super::gate::SECRET_BYTES_MIN as usize);
    words.filter_map(|word| std::str::from_utf8(word).ok())
}

/// Tells whether a word begins as a known kind of secret does.
pub(super) fn is_known_secret(word: &str) -> bool {
    let first = word.as_bytes().first().copied().unwrap_or_default();
    if !matches!(first, b'A' | b'S' | b'd'..=b'h' | b'k' | b'n' | b'p' | b'r' | b's' | b'w' | b'x' | b'y') {
        return false;
    }
    let has_digit = || word.bytes().any(|byte| byte.is_ascii_digit());
    let begins = |(beginning, bytes_min): &(&str, usize)| {
        beginning.as_bytes()[0] == first && word.len() >= *bytes_min && word.starts_with(beginning)
    };
    is_web_token(word) || is_cloud_key(word) || is_weir_key(word) || (BEGINNINGS.iter().any(begins) && has_digit())
}

/// Tells whether a word is long, and mixes cases and digits as only random text does.
pub(super) fn is_random(word: &str) -> bool {
    word.len() >= RANDOM_BYTES_MIN
        && word.split(|char: char| !char.is_ascii_alphanumeric()).any(|part| {
            let count = |of: fn(&u8) -> bool| part.bytes().filter(of).count();
            part.len() >= RANDOM_BYTES_MIN
                && count(u8::is_ascii_digit) >= RANDOM_DIGITS_MIN
                && count(u8::is_ascii_uppercase) > 0
                && count(u8::is_ascii_lowercase) > 0
        })
}

/// A JSON web token: base64 of `{"`, a dot, more.
fn is_web_token(word: &str) -> bool {
    word.starts_with("eyJ") && word.len() >= 20 && word.contains('.')
}

fn is_cloud_key(word: &str) -> bool {
    (word.starts_with("AKIA") || word.starts_with("ASIA"))
        && word.len() == 20
        && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// `wk_<name>_<secret>`.
fn is_weir_key(word: &str) -> bool {
    word.strip_prefix("wk_").and_then(|rest| rest.split_once('_')).is_some_and(|(_, secret)| secret.len() >= 12)
}
