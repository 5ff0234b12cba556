//! Rules of frames that the user adds: which frames are the app's, which a library's, and which never count (a wrapper that
//! is in every stack). The first that fits decides.

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Frame;

const RULES_MAX: usize = 100;
const PATTERN_BYTES_MAX: usize = 256;

/// What frames a rule is about, and what they are. Patterns are of whole names; `*` is any text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FrameRule {
    /// Frames of these functions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// Frames of these modules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Frames of these files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What they are.
    pub side: Side,
}

/// What a frame counts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The app's own.
    #[default]
    App,
    /// A library's, the language's or the machine's.
    System,
    /// Nothing: as if it were not there.
    Ignore,
}

/// Why rules cannot be followed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct RulesError(String);

#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Compiled>);

#[derive(Debug)]
struct Compiled {
    function: Option<Regex>,
    module: Option<Regex>,
    file: Option<Regex>,
    side: Side,
}

impl Rules {
    pub(super) fn new(rules: Vec<FrameRule>) -> Result<Self, RulesError> {
        if rules.len() > RULES_MAX {
            return Err(RulesError(format!("there may be at most {RULES_MAX} rules of frames")));
        }
        let compiled = rules.iter().enumerate().map(|(place, rule)| {
            let wrong = |what: &str| RulesError(format!("rule {} {what}", place + 1));
            let pattern =
                |given: &Option<String>| given.as_deref().map(compile).transpose().map_err(|what| wrong(&what));
            let (function, module, file) = (pattern(&rule.function)?, pattern(&rule.module)?, pattern(&rule.file)?);
            if function.is_none() && module.is_none() && file.is_none() {
                return Err(wrong("must name a `function`, a `module` or a `file`"));
            }
            Ok(Compiled { function, module, file, side: rule.side })
        });
        compiled.collect::<Result<_, _>>().map(Self)
    }

    /// Returns what the rules say of a frame.
    pub(super) fn side_of(&self, frame: &Frame<'_>) -> Option<Side> {
        let fits = |pattern: &Option<Regex>, given: Option<&str>| {
            pattern.as_ref().is_none_or(|pattern| given.is_some_and(|given| pattern.is_match(given)))
        };
        let found = self.0.iter().find(|rule| {
            fits(&rule.function, frame.function.as_deref())
                && fits(&rule.module, frame.module.as_deref())
                && fits(&rule.file, frame.file.as_deref())
        });
        found.map(|rule| rule.side)
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.is_empty() || pattern.len() > PATTERN_BYTES_MAX {
        return Err(format!("holds a pattern that is empty or longer than {PATTERN_BYTES_MAX} bytes"));
    }
    let parts: Vec<String> = pattern.split('*').map(regex::escape).collect();
    let built = RegexBuilder::new(&format!("^(?s:{})$", parts.join(".*"))).case_insensitive(true).build();
    built.map_err(|_| "holds a pattern that is too large".to_owned())
}
