//! URLs of files as bundles and stacks write them. They are compared, and shown; none is ever opened.

/// Returns what a reference in one file means: `app.js.map` in `~/static/app.js` is `~/static/app.js.map`. None for a map
/// that stands in the file itself.
pub(super) fn sibling(base: &str, reference: &str) -> Option<String> {
    if reference.starts_with("data:") {
        return None;
    }
    if reference.contains("://") || reference.starts_with("~/") {
        return Some(reference.to_owned());
    }
    let (root, path) = split(base);
    let mut parts: Vec<&str> = if reference.starts_with('/') {
        Vec::new()
    } else {
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        directory.split('/').filter(|part| !part.is_empty()).collect()
    };
    for part in reference.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    Some(format!("{root}/{}", parts.join("/")))
}

/// Returns the names under which a bundle may know a file of a stack: as it is, and with any host.
pub(super) fn spellings(file: &str) -> [String; 2] {
    let file = file.split(['?', '#']).next().unwrap_or_default();
    [file.to_owned(), format!("~/{}", split(file).1.trim_start_matches('/'))]
}

/// Tells how many of the last parts of two paths are the same.
pub(super) fn common_tail(one: &str, other: &str) -> usize {
    one.rsplit(['/', '\\']).zip(other.rsplit(['/', '\\'])).take_while(|(one, other)| one == other).count()
}

/// Splits a URL into scheme and host, and path.
fn split(url: &str) -> (&str, &str) {
    if let Some(path) = url.strip_prefix("~/") {
        return ("~", path);
    }
    let Some(start) = url.find("://").map(|at| at + 3) else { return ("", url) };
    let end = url[start..].find('/').map_or(url.len(), |at| start + at);
    url.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_beside_the_file_that_makes_it() {
        let read = |base: &str, reference: &str| sibling(base, reference).unwrap();
        assert_eq!(read("~/static/app.js", "app.js.map"), "~/static/app.js.map");
        assert_eq!(read("~/static/app.js", "./maps/app.js.map"), "~/static/maps/app.js.map");
        assert_eq!(read("~/static/app.js", "../app.js.map"), "~/app.js.map");
        assert_eq!(read("~/static/app.js", "../../../../etc/passwd"), "~/etc/passwd");
        assert_eq!(read("~/static/app.js", "/maps/app.js.map"), "~/maps/app.js.map");
        assert_eq!(read("https://cdn.example/a/b.js", "c.map"), "https://cdn.example/a/c.map");
        assert_eq!(read("https://cdn.example/a/b.js", "https://maps.example/c.map"), "https://maps.example/c.map");
        assert_eq!(read("app.js", "app.js.map"), "/app.js.map");
        assert_eq!(sibling("~/app.js", "data:application/json;base64,e30="), None);
    }

    #[test]
    fn a_file_of_a_stack_has_any_host() {
        assert_eq!(spellings("https://cdn.example/a/b.js?v=1")[1], "~/a/b.js");
        assert_eq!(spellings("app:///main.js")[1], "~/main.js");
        assert_eq!(spellings("/srv/app/main.js")[1], "~/srv/app/main.js");
        assert_eq!(spellings("https://cdn.example"), ["https://cdn.example", "~/"]);
        assert_eq!(spellings("~/a.js"), ["~/a.js", "~/a.js"]);
    }

    #[test]
    fn tails_are_compared_part_by_part() {
        assert_eq!(common_tail("/home/[user]/app/main.js", "/home/jane/app/main.js"), 2);
        assert_eq!(common_tail("a/index.js", "b/index.js"), 1);
        assert_eq!(common_tail("main.js", "domain.js"), 0);
    }
}
