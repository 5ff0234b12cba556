//! What every page must hold against, for the tests of each.

use crate::assets::{asset_names, asset_url};

/// Text that runs a script wherever it lands unescaped: as content, in a quoted attribute, in a URL, in a style.
pub(crate) const HOSTILE: &str =
    "</title></td></script><script>alert(1)</script>\"'><img src=x onerror=alert(1)> javascript:alert(1)";

/// Static files change their names with their content; a snapshot of a page must not.
pub(crate) fn plain_names(html: &str) -> String {
    asset_names().fold(html.to_owned(), |html, name| html.replace(&asset_url(&name), &format!("/static/{name}")))
}

/// Lists the tags of a page, without the text between them. Quoted attributes may hold anything.
fn tags(html: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        let mut quote = None;
        let end = rest.char_indices().find_map(|(index, letter)| {
            match (quote, letter) {
                (None, '"' | '\'') => quote = Some(letter),
                (Some(open), _) if open == letter => quote = None,
                (None, '>') => return Some(index + 1),
                _ => {}
            }
            None
        });
        let end = end.expect("every tag ends");
        tags.push(rest[..end].to_owned());
        rest = &rest[end..];
    }
    tags
}

/// Holds a page with [`HOSTILE`] in every field against the same page with a word in its place.
pub(crate) fn adds_no_tag(hostile: &str, harmless: &str) {
    let shape = |tag: &String| tag.split(['=', ' ', '>']).next().unwrap_or_default().to_owned();
    let (bad, good) = (tags(hostile), tags(harmless));
    assert_eq!(bad.iter().map(shape).collect::<Vec<_>>(), good.iter().map(shape).collect::<Vec<_>>());
    for (bad, good) in bad.iter().zip(&good) {
        assert_eq!(bad.matches("=\"").count(), good.matches("=\"").count(), "{bad}");
    }
    assert!(!hostile.contains("<img") && !hostile.contains("<script>"));
    assert!(!hostile.contains("href=\"javascript:"));
    assert!(hostile.contains("alert(1)"), "the text itself is shown, escaped");
}

/// Checks that the content policy holds.
pub(crate) fn has_nothing_inline(html: &str) {
    for tag in tags(html) {
        assert!(!tag.contains(" style=") && !tag.starts_with("<style"), "{tag}");
        // Between the quotes stands text; what is left are names.
        let names: String = tag.split('"').step_by(2).collect();
        assert!(!names.contains(" on") && !tag.contains("hx-on") && !tag.contains("js:"), "{tag}");
        assert!(!tag.starts_with("<script") || tag.contains(" src=\"/static/"), "{tag}");
        assert!(!tag.contains("http:") || tag.contains("xmlns"), "nothing is loaded from elsewhere: {tag}");
    }
}
