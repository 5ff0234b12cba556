//! Types that say too little by themselves: every panic of Rust is a `panic`, and a stack that overflows does so anywhere.

use std::borrow::Cow;

/// How std's own panics begin; each is a type of its own.
const PANICS: &[&str] = &[
    "index out of bounds",
    "byte index",
    "range start index",
    "range end index",
    "slice index",
    "called `Option::unwrap()`",
    "called `Result::unwrap()`",
    "attempt to add",
    "attempt to subtract",
    "attempt to multiply",
    "attempt to divide",
    "attempt to negate",
    "assertion `left == right` failed",
    "assertion failed",
    "already borrowed",
    "already mutably borrowed",
    "not yet implemented",
    "internal error: entered unreachable code",
    "capacity overflow",
    "explicit panic",
];

/// How a stack that overflows is called, in types and messages.
const OVERFLOW_TYPES: &[&str] = &["StackOverflow", "RecursionError", "InsufficientExecutionStack"];
const OVERFLOW_MESSAGES: &[&str] =
    &["Maximum call stack size exceeded", "too much recursion", "stack overflow", "maximum recursion depth exceeded"];

/// Returns a type by which panics of different kinds differ.
pub(super) fn type_of<'t>(ty: &'t str, message: Option<&str>) -> Cow<'t, str> {
    if ty != "panic" && ty != "PanicException" {
        return Cow::Borrowed(ty);
    }
    let kind = message.and_then(|message| PANICS.iter().find(|kind| message.trim_start().starts_with(**kind)));
    kind.map_or(Cow::Borrowed(ty), |kind| Cow::Owned(format!("{ty}: {kind}")))
}

/// Tells whether a stack overflowed.
pub(super) fn is_overflow(ty: &str, message: Option<&str>) -> bool {
    OVERFLOW_TYPES.iter().any(|name| ty.contains(name))
        || message.is_some_and(|message| OVERFLOW_MESSAGES.iter().any(|words| message.contains(words)))
}
