//! Data beside a drawing or a form, for the scripts of a page: `<script type="application/json">`. A browser runs no such
//! block, so the content policy allows it.

use std::fmt;

use askama::filters::HtmlSafe;
use serde::Serialize;

/// JSON that can stand inside a `<script>` element: whatever its texts say, it has no `<`, `>` or `&`, so neither can it
/// end the element nor begin another. Hence it needs no escaping, which a script element would not undo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataBlock(String);

impl DataBlock {
    /// Writes a value of texts, numbers, lists and records.
    pub fn new(value: &impl Serialize) -> Self {
        let json = serde_json::to_string(value).expect("texts, numbers, lists and records are JSON");
        // These letters occur in JSON only inside of strings, where they may be written as escapes.
        Self(json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
    }

    /// Returns how many bytes it takes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether it is empty, which JSON never is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for DataBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for DataBlock {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_cannot_leave_the_block_and_comes_back_whole() {
        let hostile = "</script><!--<script>alert(1)&lt;\u{2028}\"'\\";
        let block = DataBlock::new(&[hostile]).to_string();
        assert!(!block.contains(['<', '>', '&']), "{block}");
        let back: Vec<String> = serde_json::from_str(&block).unwrap();
        assert_eq!(back, [hostile]);
    }
}
