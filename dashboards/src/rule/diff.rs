//! How two texts differ, line by line.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use crate::figure;

/// Lines that are shown around a change.
const AROUND: usize = 3;
/// How long two texts are compared for the shortest way from one to the other; then for any.
const PATIENCE: Duration = Duration::from_millis(200);

/// What separates two versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// The versions.
    pub versions: (String, String),
    /// The places where they differ, each with a few lines around.
    pub hunks: Vec<Hunk>,
    /// Lines that only the newer has, and lines that only the older has.
    pub counts: (u64, u64),
}

/// Lines that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// The lines, in their order.
    pub lines: Vec<Line>,
}

/// A line of either text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whose it is.
    pub kind: LineKind,
    /// Its number in the older and in the newer text; empty where it is not.
    pub numbers: (String, String),
    /// What it says.
    pub text: String,
}

/// Whose a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// Both texts have it.
    Same,
    /// Only the newer has it.
    Added,
    /// Only the older has it.
    Removed,
}

impl LineKind {
    /// The sign before the line; colour never stands alone.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Same => " ",
            Self::Added => "+",
            Self::Removed => "-",
        }
    }

    /// Names the class of the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Added => "added",
            Self::Removed => "removed",
        }
    }
}

impl Diff {
    /// Compares two texts.
    pub fn new(versions: (&str, &str), old: &str, new: &str) -> Self {
        let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(old, new);
        let number = |place: Option<usize>| place.map(|place| (place + 1).to_string()).unwrap_or_default();
        let mut counts = (0, 0);
        let mut hunks = Vec::new();
        for group in diff.grouped_ops(AROUND) {
            let changes = group.iter().flat_map(|op| diff.iter_changes(op));
            let lines = changes.map(|change| {
                let kind = match change.tag() {
                    ChangeTag::Equal => LineKind::Same,
                    ChangeTag::Insert => LineKind::Added,
                    ChangeTag::Delete => LineKind::Removed,
                };
                counts.0 += u64::from(kind == LineKind::Added);
                counts.1 += u64::from(kind == LineKind::Removed);
                Line {
                    kind,
                    numbers: (number(change.old_index()), number(change.new_index())),
                    text: change.value().trim_end_matches(['\n', '\r']).to_owned(),
                }
            });
            hunks.push(Hunk { lines: lines.collect() });
        }
        Self { versions: (versions.0.to_owned(), versions.1.to_owned()), hunks, counts }
    }

    /// Says how much differs.
    pub fn words(&self) -> String {
        match self.counts {
            (0, 0) => "They are the same, line by line.".to_owned(),
            (added, removed) => {
                format!("{} added, {} removed.", figure::counted(added, "line"), figure::count(&removed))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_shows_what_changed_with_a_few_lines_around() {
        let old: String = (1..=20).map(|line| format!("line {line}\n")).collect();
        let new = old.replace("line 10\n", "line ten\nand more\n");
        let diff = Diff::new(("a", "b"), &old, &new);
        assert_eq!((diff.hunks.len(), diff.counts), (1, (2, 1)));
        let lines = &diff.hunks[0].lines;
        assert_eq!(lines.len(), 9, "three before, three changed, three after");
        assert_eq!((lines[3].kind, lines[3].numbers.clone()), (LineKind::Removed, ("10".to_owned(), String::new())));
        assert_eq!((lines[4].kind, lines[4].text.as_str()), (LineKind::Added, "line ten"));
        assert_eq!(diff.words(), "2 lines added, 1 removed.");
        let same = Diff::new(("a", "a"), &old, &old);
        assert!(same.hunks.is_empty() && same.words().starts_with("They are the same"));
    }
}
