//! Which errors are the same bug: the hashes under which an error is grouped into an issue, and why. Not issues, which are
//! hashes that belong together: those are the program's to keep.
//!
//! In this order: what the client says (`fingerprint`), the stack, type and message, the message. A stack has two hashes, of
//! the app's own frames and of all; an error belongs to an issue that knows either, so that neither a library's new version
//! nor a frame that is no longer marked as the app's makes an old bug a new one. Lines and columns never count.
//!
//! Source: the grouping that Sentry documents, and what `frame` and `message` say of their own.

mod frame;
mod message;
mod refined;
mod rules;

use std::borrow::Cow;

pub use crate::traces::Frame;
pub use rules::{FrameRule, RulesError, Side};

use frame::Key;
use rules::Rules;

/// The version of the algorithm, without anybody's own rules.
const ALGORITHM_VERSION: i64 = 1;
/// Keys that the explanation names, newest first.
const FRAMES_EXPLAINED_MAX: usize = 8;
const REASON_BYTES_MAX: usize = 512;
/// How the reason of an error begins whose client said what it is to be grouped by.
pub const BY_CLIENT: &str = "fingerprint of the client";
/// Parts of a client's fingerprint.
pub(crate) const FINGERPRINT_PARTS_MAX: usize = 16;
/// Of each.
pub(crate) const FINGERPRINT_BYTES_MAX: usize = 256;
/// What stands in a client's fingerprint for what Weir would do without it.
const DEFAULT: [&str; 2] = ["{{ default }}", "{{default}}"];

/// What an error tells that may be grouped by. Everything is scrubbed already.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told<'a> {
    /// The exception's type.
    pub ty: Option<&'a str>,
    /// The message.
    pub message: Option<&'a str>,
    /// The stack, newest frame first.
    pub frames: &'a [Frame<'a>],
    /// What the client wants it to be grouped by; empty: it does not say.
    pub fingerprint: &'a [Cow<'a, str>],
}

/// The hashes of one error, each 32 hexadecimal digits.
///
/// Shape: of `app`, `sys` and `msg` at least one is there for an error with a type, a message or a stack. Where `app` or
/// `sys` is there, `msg` is for looking things up, not for grouping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hashes {
    /// Of the app's own frames; of the client's fingerprint, if it gave one.
    pub app: Option<String>,
    /// Of all frames.
    pub sys: Option<String>,
    /// Of type and message, what changes from error to error taken out.
    pub msg: Option<String>,
}

/// How one error is grouped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouping {
    /// Under which hashes.
    pub hashes: Hashes,
    /// What counted, for people; at most 512 bytes.
    pub reason: String,
}

/// Groups errors, by one version of the rules.
#[derive(Debug)]
pub struct Grouper {
    version: i64,
    rules: Rules,
}

impl Default for Grouper {
    fn default() -> Self {
        Self { version: ALGORITHM_VERSION, rules: Rules::default() }
    }
}

impl Grouper {
    /// Makes a grouper that follows these rules of frames, the first that fits a frame. `version` is what errors are marked
    /// with.
    ///
    /// # Errors
    /// When a rule names nothing that it is for, or there are more than a hundred.
    pub fn new(version: i64, rules: Vec<FrameRule>) -> Result<Self, RulesError> {
        Ok(Self { version, rules: Rules::new(rules)? })
    }

    /// Returns the version.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Groups one error.
    #[must_use]
    pub fn group(&self, told: Told<'_>) -> Grouping {
        let default = self.by_itself(told);
        match told.fingerprint {
            // To ask for the default alone is to say nothing.
            [] => default,
            [only] if is_default(only) => default,
            _ => by_fingerprint(told, default),
        }
    }

    fn by_itself(&self, told: Told<'_>) -> Grouping {
        let ty = told.ty.unwrap_or_default();
        let (template, msg) = match told.message.map(message::template).filter(|template| !template.is_empty()) {
            Some(template) => {
                let hash = hash("message", [ty, &template]);
                (Some(template), Some(hash))
            }
            None => (None, told.ty.map(|ty| hash("message", [ty, ""]))),
        };
        let refined = refined::type_of(ty, told.message);
        let keys = self.keys(told.frames);
        let counting = if refined::is_overflow(ty, told.message) { recurring } else { collapsed };
        let all = counting(keys.iter().map(|(key, _)| key).collect());
        let own = counting(keys.iter().filter(|(_, is_app)| *is_app).map(|(key, _)| key).collect());
        let sys = stack_hash(&refined, template.as_deref(), &all);
        let app = stack_hash(&refined, template.as_deref(), &own);
        let reason = match (&app, &sys, &template, told.ty) {
            (Some(_), ..) => explained("of the app", &refined, template.as_deref(), &own, told.frames.len()),
            (None, Some(_), ..) => {
                explained("no frame of which is the app's", &refined, template.as_deref(), &all, told.frames.len())
            }
            (None, None, Some(template), Some(ty)) => format!("type and message: {ty}: {template}"),
            (None, None, Some(template), None) => format!("message: {template}"),
            (None, None, None, Some(ty)) => format!("type: {ty}"),
            (None, None, None, None) => "nothing to group by".to_owned(),
        };
        Grouping { hashes: Hashes { app, sys, msg }, reason: cut(reason) }
    }

    /// Returns what counts of each frame, and whether it is the app's.
    fn keys<'f>(&self, frames: &'f [Frame<'_>]) -> Vec<(Key<'f>, bool)> {
        let nobody_says = frames.iter().all(|frame| frame.in_app.is_none());
        let keys = frames.iter().filter_map(|frame| {
            let said = if nobody_says { !frame::is_library(frame) } else { frame.in_app == Some(true) };
            let is_app = match self.rules.side_of(frame) {
                Some(Side::Ignore) => return None,
                Some(Side::App) => true,
                Some(Side::System) => false,
                None => said,
            };
            Some((Key::of(frame)?, is_app))
        });
        keys.collect()
    }
}

/// Marks frames of which nobody said whose they are.
pub(crate) fn mark_own(frames: &mut [Frame<'_>]) {
    if frames.iter().all(|frame| frame.in_app.is_none()) {
        for frame in frames {
            frame.in_app = Some(!frame::is_library(frame));
        }
    }
}

fn is_default(part: &str) -> bool {
    DEFAULT.contains(&part.trim())
}

/// What the client says goes before all; where it asks for the default as well, each of the default's hashes is refined.
fn by_fingerprint(told: Told<'_>, default: Grouping) -> Grouping {
    let filled = |default: &str| {
        let parts = told.fingerprint.iter().map(|part| match part.trim() {
            "{{ type }}" | "{{ error.type }}" => told.ty.unwrap_or_default(),
            "{{ message }}" | "{{ error.value }}" => told.message.unwrap_or_default(),
            _ if is_default(part) => default,
            other => other,
        });
        hash("fingerprint", parts)
    };
    if !told.fingerprint.iter().any(|part| is_default(part)) {
        let reason = BY_CLIENT.to_owned();
        return Grouping { hashes: Hashes { app: Some(filled("")), sys: None, msg: None }, reason };
    }
    let Hashes { app, sys, msg } = default.hashes;
    let refined = |hash: Option<String>| hash.map(|hash| filled(&hash));
    let hashes = Hashes { app: refined(app), sys: refined(sys), msg: refined(msg) };
    Grouping { hashes, reason: cut(format!("{BY_CLIENT}, and {}", default.reason)) }
}

/// Leaves out what repeats itself: a recursion is one bug, however deep it was, also through two or three functions.
fn collapsed<'k, 'f>(keys: Vec<&'k Key<'f>>) -> Vec<&'k Key<'f>> {
    const CYCLE_MAX: usize = 3;
    let mut kept: Vec<&Key<'_>> = Vec::new();
    for key in keys {
        kept.push(key);
        for cycle in 1..=CYCLE_MAX {
            let (len, before) = (kept.len(), kept.len().saturating_sub(cycle));
            if before >= cycle && kept[before..len] == kept[before - cycle..before] {
                kept.truncate(before);
                break;
            }
        }
    }
    kept
}

/// Returns what recurs, in no order: where a stack overflows is chance, and so is how much of it was kept.
fn recurring<'k, 'f>(keys: Vec<&'k Key<'f>>) -> Vec<&'k Key<'f>> {
    let twice = |key: &&Key<'f>| keys.iter().filter(|other| **other == *key).count() > 1;
    let mut recurring: Vec<&Key<'_>> = keys.iter().copied().filter(twice).collect();
    if recurring.is_empty() {
        return collapsed(keys);
    }
    recurring.sort();
    recurring.dedup();
    recurring
}

/// Files alone say too little, every error of a bundle would be one: then the message counts as well.
fn stack_hash(ty: &str, template: Option<&str>, keys: &[&Key<'_>]) -> Option<String> {
    let parts = keys.iter().flat_map(|key| [key.place.as_deref(), key.function.as_deref()]);
    let parts = parts.map(Option::unwrap_or_default);
    if keys.iter().any(|key| key.function.is_some()) {
        return Some(hash("stack", std::iter::once(ty).chain(parts)));
    }
    let template = template.filter(|_| !keys.is_empty())?;
    Some(hash("files and message", [ty, template].into_iter().chain(parts)))
}

fn explained(whose: &str, ty: &str, template: Option<&str>, keys: &[&Key<'_>], frames: usize) -> String {
    let names_functions = keys.iter().any(|key| key.function.is_some());
    let (what, told) = match template.filter(|_| !names_functions) {
        Some(template) => ("files and message", format!("{ty}: {template} in ")),
        None if ty.is_empty() => ("stack", String::new()),
        None => ("stack", format!("{ty} in ")),
    };
    let shown: Vec<String> = keys.iter().take(FRAMES_EXPLAINED_MAX).map(|key| key.to_string()).collect();
    let more = if keys.len() > FRAMES_EXPLAINED_MAX { " < …" } else { "" };
    format!("{what} {whose} ({} of {frames} frames): {told}{}{more}", keys.len(), shown.join(" < "))
}

fn cut(reason: String) -> String {
    if reason.len() <= REASON_BYTES_MAX { reason } else { crate::scrub::cut(&reason, REASON_BYTES_MAX).to_owned() }
}

/// Hashes a list of parts, so that no two lists are alike.
fn hash<'p>(what: &'p str, parts: impl IntoIterator<Item = &'p str>) -> String {
    let parts = std::iter::once(what).chain(parts).map(str::as_bytes);
    crate::digest::of_parts("weir grouping of errors v1", parts)
}

#[cfg(test)]
mod tests;
