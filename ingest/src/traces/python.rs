//! Python's tracebacks: most recent call last, chained exceptions one after the other with the reported one last, and
//! exception groups with what they hold indented below.

use super::Sections;
use super::frame::{Frame, Place, digits, lies_in};

const HEAD: &str = "Traceback (most recent call last):";
/// Where Python and what was installed with `pip` lie.
const FOREIGN: &[&str] = &["site-packages/", "dist-packages/", "lib/python", "Python.framework/", "/Lib/", "<frozen "];

/// Tells whether a line names a place.
pub(super) fn is_frame(line: &str) -> bool {
    frame(inside(line)).is_some()
}

/// Reads a text.
pub(super) fn sections(text: &str) -> Sections<'_> {
    let mut sections = Sections::new();
    let mut is_in_group = false;
    let mut is_reading = true;
    for line in text.lines() {
        let line = inside(line);
        if line.ends_with(HEAD) {
            is_reading = true;
            // An exception before this one was its cause, or was being handled; within a group it is a part of it.
            match (sections.has_frames(), is_in_group) {
                (true, true) => sections.inner(),
                (true, false) => sections.outer(),
                (false, _) => {}
            }
        } else if line.starts_with("+-") || line.starts_with("---------------- ") {
            is_in_group = true;
        } else if let Some(frame) = frame(line).filter(|_| is_reading) {
            sections.push(frame);
        } else if !line.is_empty() && !line.starts_with(' ') && sections.has_frames() {
            // The exception itself; what comes after it is its message.
            is_reading = false;
        }
    }
    sections.reversed()
}

/// Takes off what exception groups draw at the left.
fn inside(line: &str) -> &str {
    let line = line.trim_end();
    let drawn = line.trim_start();
    match drawn.strip_prefix('|') {
        // Below a group every line has a bar for each group around it.
        Some(inner) => inside_bars(inner),
        None if drawn.starts_with('+') => drawn.strip_prefix("+ ").unwrap_or(drawn),
        None => line,
    }
}

fn inside_bars(line: &str) -> &str {
    let inner = line.trim_start_matches(['|', ' ']);
    // What is indented below the bars still has to be told from what is not.
    let indented = line.len() - inner.len() > 1;
    if indented && !inner.starts_with('+') { &line[line.len() - inner.len() - 1..] } else { inner }
}

/// Reads `File "/app/x.py", line 3, in draw`. The code below it is let go.
fn frame(line: &str) -> Option<Frame<'_>> {
    let (file, rest) = line.trim_start().strip_prefix("File \"")?.split_once("\", line ")?;
    let (line, function) = rest.split_once(", in ").unwrap_or((rest, ""));
    let place = Place { file, line: Some(digits(line)?), col: None };
    let in_app = match file {
        file if lies_in(file, FOREIGN) => Some(false),
        // Code that was made while the program ran.
        file if file.starts_with('<') => None,
        _ => Some(true),
    };
    Some(Frame { in_app, ..Frame::new("", function).at(place) })
}

#[cfg(test)]
mod tests {
    use crate::traces::Language;
    use crate::traces::tests::frames;

    #[test]
    fn the_most_recent_call_comes_last_and_code_is_let_go() {
        let text = r#"Traceback (most recent call last):
  File "/srv/app/main.py", line 12, in <module>
    main()
    ~~~~^^
  File "/srv/app/draw.py", line 7, in draw
    return json.loads(text)
  File "/usr/lib/python3.12/json/__init__.py", line 346, in loads
    return _default_decoder.decode(s)
  [Previous line repeated 982 more times]
  File "<frozen importlib._bootstrap>", line 1, in _load
  File "<string>", line 1, in <lambda>
json.decoder.JSONDecodeError: Expecting value
  File "made up", line 1, in message
"#;
        assert_eq!(
            frames(text, Language::Python),
            [
                "? <string> <lambda> 1",
                "- <frozen importlib._bootstrap> _load 1",
                "- /usr/lib/python3.12/json/__init__.py loads 346",
                "+ /srv/app/draw.py draw 7",
                "+ /srv/app/main.py <module> 12",
            ]
        );
    }

    #[test]
    fn the_reported_exception_is_the_last_of_a_chain() {
        let text = r#"Traceback (most recent call last):
  File "/app/a.py", line 1, in inner
KeyError: 'x'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/a.py", line 3, in outer
ValueError: outer

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/a.py", line 5, in handler
  File "C:\Python312\Lib\socket.py", line 6, in connect
OSError: gone
"#;
        assert_eq!(
            frames(text, Language::Python),
            ["- C:\\Python312\\Lib\\socket.py connect 6", "+ /app/a.py handler 5"]
        );
        let library = text.replace("/app/a.py\", line 5", "/x/site-packages/celery/app.py\", line 5");
        assert_eq!(frames(&library, Language::Python), ["+ /app/a.py outer 3"]);
    }

    #[test]
    fn a_groups_own_frames_go_before_those_of_its_parts() {
        let text = r#"  + Exception Group Traceback (most recent call last):
  |   File "/app/g.py", line 9, in gather
  |     raise ExceptionGroup("many", errors)
  | ExceptionGroup: many (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/app/g.py", line 3, in one
    | ValueError: 1
    +---------------- 2 ----------------
    | Traceback (most recent call last):
    |   File "/app/g.py", line 4, in two
    | ValueError: 2
    +------------------------------------
"#;
        assert_eq!(frames(text, Language::Python), ["+ /app/g.py gather 9"]);
    }

    #[test]
    fn a_place_without_a_function_is_a_syntax_error_and_a_stack_needs_no_head() {
        let text = "  File \"/app/x.py\", line 3\n    def f(:\n          ^\nSyntaxError: invalid syntax\n";
        assert_eq!(frames(text, Language::Python), ["+ /app/x.py 3"]);
    }
}
