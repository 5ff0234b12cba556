//! JavaScript's stacks: V8's (`at draw (app.js:1:2)`), and Firefox's and Safari's (`draw@app.js:1:2`).

use super::Sections;
use super::frame::{Frame, Place, begins, digits, lies_in};

/// What the browser, the runtime or its user brought.
const FOREIGN_SCHEMES: &[&str] = &[
    "node:",
    "internal/",
    "deno:",
    "ext:",
    "bun:",
    "electron/",
    "chrome-extension://",
    "moz-extension://",
    "safari-extension://",
    "safari-web-extension://",
    "webkit-masked-url:",
];
const FOREIGN_PLACES: &[&str] = &[
    "node_modules/",
    "webpack/runtime/",
    "webpack/bootstrap",
    // What bundlers put others' code into.
    "/vendor-",
    "/vendor.",
    "/vendors-",
    "/vendors.",
    "/vendors~",
    "/_next/static/chunks/webpack-",
    "/_next/static/chunks/framework-",
    "/_next/static/chunks/polyfills-",
    // Where pages load it from.
    "//cdn.jsdelivr.net/npm/",
    "//unpkg.com/",
    "//www.googletagmanager.com/",
];
const NATIVE: &[&str] = &["native", "[native code]"];

/// Reads a text. A cause stands indented below the error, as Node prints it.
pub(super) fn sections(text: &str) -> Sections<'_> {
    let mut sections = Sections::new();
    for line in text.lines() {
        let content = line.trim_start();
        if begins(content, &["[cause]:", "[errors]:", "Caused by: "]) {
            sections.inner();
        } else if let Some(frame) = frame(line) {
            sections.push(frame);
        }
    }
    sections
}

/// Reads one line.
pub(super) fn frame(line: &str) -> Option<Frame<'_>> {
    // Node prints an error's own fields in braces after its last frame.
    let line = line.trim().trim_end_matches(['{', ',', ' ']);
    match line.strip_prefix("at ") {
        Some(call) => of_v8(call),
        None => of_others(line),
    }
}

/// Reads `async draw [as paint] (https://a.example/app.js:1:2)`, `new Layer (…)`, or a place alone.
fn of_v8(call: &str) -> Option<Frame<'_>> {
    let call = call.strip_prefix("async ").unwrap_or(call);
    let Some((function, place)) = call.strip_suffix(')').and_then(|call| call.split_once(" (")) else {
        let place = Place::read(file(call));
        return (place.line.is_some() && !place.file.ends_with(".rs")).then(|| located("", place));
    };
    let function = function.split_once(" [as ").map_or(function, |(function, _)| function);
    let place = match place.strip_prefix("eval at ") {
        // Where `eval` was called; within what it was given there is nothing to look up.
        Some(nested) => {
            let nested = nested.rsplit_once(" (").map_or(nested, |(_, place)| place);
            nested.split_once(')').map_or(nested, |(place, _)| place)
        }
        None => place,
    };
    // `Promise.all (index 0)`
    let place = if place.starts_with("index ") { "" } else { place };
    Some(located(function, Place::read(file(place))))
}

/// Reads `async*draw@https://a.example/app.js:1:2`, or a place alone.
fn of_others(line: &str) -> Option<Frame<'_>> {
    let (function, place) = match line.split_once('@') {
        Some((function, place)) if !function.contains("://") => (function, place),
        _ if line.contains("://") => ("", line),
        _ => return None,
    };
    let function = function.rsplit_once('*').map_or(function, |(_, function)| function);
    if NATIVE.contains(&place) {
        return Some(located(function, Place { file: place, line: None, col: None }));
    }
    // `app.js line 3 > eval:1:1`
    if let Some((file_, rest)) = place.split_once(" line ").filter(|(_, rest)| rest.contains(" > ")) {
        let line = rest.split(' ').next().and_then(digits);
        return Some(located(function, Place { file: file(file_), line, col: None }));
    }
    let place = Place::read(file(place));
    // Words with a number after them are no place: `mailto:jane@a.example:1`.
    (place.line.is_some() && place.file.contains('/') && !place.file.contains(' ')).then(|| located(function, place))
}

fn located<'a>(function: &'a str, place: Place<'a>) -> Frame<'a> {
    let function = if function == "<anonymous>" { "" } else { function };
    let in_app = match place.file {
        "" | "<anonymous>" => None,
        file if NATIVE.contains(&file) || is_old_nodes(file) => Some(false),
        file => Some(!(begins(file, FOREIGN_SCHEMES) || lies_in(file, FOREIGN_PLACES))),
    };
    // Of these the name says nothing about where it is.
    let is_nowhere = place.file == "<anonymous>" || NATIVE.contains(&place.file);
    let place = if is_nowhere { Place { file: "", ..place } } else { place };
    Frame { in_app, ..Frame::new("", function).at(place) }
}

/// Tells whether a file is a module of an old Node, which names its own without a scheme and without a path.
fn is_old_nodes(file: &str) -> bool {
    const NAMES: &[&str] = &[
        "child_process.js",
        "dgram.js",
        "dns.js",
        "domain.js",
        "events.js",
        "fs.js",
        "net.js",
        "timers.js",
        "tls.js",
        "zlib.js",
    ];
    !file.contains('/') && (NAMES.contains(&file) || begins(file, &["_http_", "_stream_", "_tls_"]))
}

/// Returns a file's path where its address is one.
fn file(place: &str) -> &str {
    place.strip_prefix("file://").unwrap_or(place)
}

#[cfg(test)]
mod tests {
    use crate::traces::Language;
    use crate::traces::tests::frames;

    #[test]
    fn v8() {
        let text = "TypeError: x is undefined\n at home\n    at Layer.draw [as paint] (https://a.example/app.js?v=1:3:14)\n\
            \x20   at new Board (/srv/node_modules/react-dom/client.js:9:1)\n    at async Promise.all (index 0)\n\
            \x20   at Array.map (<anonymous>)\n    at eval (eval at run (/srv/run.js:4:5), <anonymous>:1:1)\n\
            \x20   at async file:///srv/main.mjs:7:3\n    at node:internal/main/run_main_module:36:49 {\n\
            \x20 code: 'X',\n  [cause]: Error: inner\n      at inner (/srv/inner.js:1:1)\n}\n";
        assert_eq!(
            frames(text, Language::JavaScript),
            [
                "+ https://a.example/app.js?v=1 Layer.draw 3:14",
                "- /srv/node_modules/react-dom/client.js new Board 9:1",
                "? Promise.all",
                "? Array.map",
                "+ /srv/run.js eval 4:5",
                "+ /srv/main.mjs 7:3",
                "- node:internal/main/run_main_module 36:49",
            ]
        );
    }

    #[test]
    fn firefox_and_safari() {
        let text = "draw/<@https://a.example/npm/@acme/app.js:3:14\nasync*run@https://a.example/app.js line 9 > eval:1:1\n\
            @https://a.example/app.js:5:6\na@https://a.example/assets/vendor-react-Z3BD.js:1:9\nforEach@[native code]\nglobal code@https://a.example/:7:8\n\
            https://a.example/@acme/x.js:1:2\n@moz-extension://0123/x.js:1:1\n";
        assert_eq!(
            frames(text, Language::JavaScript),
            [
                "+ https://a.example/npm/@acme/app.js draw/< 3:14",
                "+ https://a.example/app.js run 9",
                "+ https://a.example/app.js 5:6",
                "- https://a.example/assets/vendor-react-Z3BD.js a 1:9",
                "- forEach",
                "+ https://a.example/ global code 7:8",
                "+ https://a.example/@acme/x.js 1:2",
                "- moz-extension://0123/x.js 1:1",
            ]
        );
        for prose in ["jane@example.com:80", "see https://a.example/docs for more", "at home"] {
            assert_eq!(Language::of(prose), None, "{prose}");
        }
    }
}
