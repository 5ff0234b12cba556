//! What counts of a frame: where it is and its function, without what changes from build to build: lines, the hashes in
//! bundles' names, the names that compilers give to closures. And whose it is, where nobody says.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

use crate::traces::Frame;

/// What counts of a frame.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key<'f> {
    /// The module, else the file's name.
    pub place: Option<Cow<'f, str>>,
    /// The function, unless it has no name of its own.
    pub function: Option<Cow<'f, str>>,
}

/// Where code lies that is not the app's: parts of paths and beginnings of modules.
const LIBRARY_PATHS: &[&str] = &[
    "/node_modules/",
    "node:",
    "internal/",
    "<frozen ",
    "/site-packages/",
    "/dist-packages/",
    "/lib/python",
    "/pkg/mod/",
    "/usr/local/go/",
    "/usr/lib/",
    "/rustc/",
    "/.cargo/registry/",
    "webpack/bootstrap",
];
const LIBRARY_MODULES: &[&str] = &[
    "java.",
    "javax.",
    "jdk.",
    "sun.",
    "kotlin.",
    "kotlinx.",
    "scala.",
    "org.springframework.",
    "org.apache.",
    "org.hibernate.",
    "io.netty.",
    "reactor.",
    "System.",
    "Microsoft.",
    "runtime.",
    "net/http.",
    "std::",
    "core::",
    "alloc::",
    "tokio::",
];

/// Names that compilers and engines give to what has none.
const NAMELESS: &[&str] =
    &["", "?", "<anonymous>", "anonymous", "<lambda>", "eval", "<unknown>", "{closure}", "MoveNext"];
/// Files that are none.
const NO_FILES: &[&str] =
    &["", "<anonymous>", "[native code]", "native", "Unknown Source", "Native Method", "<unknown>"];

/// What a build puts into the name of a bundle so that it is not cached: a dot or dash, then a hash.
static BUNDLE_HASH: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"[.\-_]([0-9A-Za-z_-]{6,40})((?:\.[a-z]+)*\.(?:[cm]?jsx?|tsx?|css|bundle))$"));

/// What compilers add to the names of functions.
static MADE_UP: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        // Rust: hashes, closures, generic instances of async functions.
        r"::h[0-9a-f]{16}$|::\{\{closure\}\}|::\{closure#\d+\}|::\{async_(?:fn|block)[^}]*\}",
        // Go: closures, and what follows a deferred call.
        r"|\.func\d+(?:\.\d+)*|\.gowrap\d+|-fm$|·\d+",
        // Java: proxies, lambdas, generated accessors.
        r"|\$\$(?:EnhancerBy|FastClassBy|SpringCGLIB|Lambda)[^.]*|\$\d+|(?:0x)?[0-9a-f]{16}$",
    ))
});
/// C#: `<Name>d__12`, `<Name>b__5_0`, `<>c__DisplayClass5_0.<Name>b__1`; Java: `lambda$name$3`.
static INNER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"<(?P<cs>\w+)>[a-z]__[\w|]*(?:\.MoveNext)?|lambda\$(?P<java>\w+)\$\w+|<>c(?:__DisplayClass[\d_]+)?\.?")
});
static NUMBERED: LazyLock<Regex> = LazyLock::new(|| pattern(r"(Accessor|Proxy|Proxy\$)\d+"));
static VERSION: LazyLock<Regex> = LazyLock::new(|| pattern(r"@v?\d+(?:\.\d+)*[\w.+-]*"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of our own, which a test compiles")
}

impl<'f> Key<'f> {
    /// Returns what counts of a frame; none of one that says nothing.
    pub(super) fn of(frame: &'f Frame<'_>) -> Option<Self> {
        let place = match frame.module.as_deref().map(str::trim).filter(|module| !module.is_empty()) {
            Some(module) => Some(plain(module)),
            None => frame.file.as_deref().and_then(file_name),
        };
        let function = frame.function.as_deref().filter(|name| !is_minified(name, frame)).and_then(function_name);
        if is_of_compilers(frame) {
            return None;
        }
        (place.is_some() || function.is_some()).then_some(Self { place, function })
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.function, &self.place) {
            (Some(function), Some(place)) => write!(formatter, "{function} @ {place}"),
            (Some(one), None) | (None, Some(one)) => formatter.write_str(one),
            (None, None) => Ok(()),
        }
    }
}

/// Tells by its place whether a frame is of a library, the language or the engine.
pub(super) fn is_library(frame: &Frame<'_>) -> bool {
    let file = frame.file.as_deref().unwrap_or_default().replace('\\', "/");
    let is_none = frame.file.is_some() && NO_FILES.contains(&file.as_str());
    let begins = |text: &str| LIBRARY_MODULES.iter().any(|module| text.starts_with(module));
    is_none
        || LIBRARY_PATHS.iter().any(|path| file.contains(path))
        || frame.module.as_deref().is_some_and(begins)
        || (frame.module.is_none() && frame.function.as_deref().is_some_and(begins))
}

/// Tells whether a frame is there by the compiler's will alone: newer ones leave it out.
fn is_of_compilers(frame: &Frame<'_>) -> bool {
    const COMPREHENSIONS: [&str; 4] = ["<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>"];
    const PROXIES: [&str; 5] = ["$$Lambda", "$$FastClass", "$$EnhancerBy", "$$SpringCGLIB", "$Proxy"];
    let is_proxy = |module: &str| module.contains('$') && PROXIES.iter().any(|proxy| module.contains(proxy));
    frame.module.as_deref().is_some_and(is_proxy)
        || frame.function.as_deref().is_some_and(|name| COMPREHENSIONS.contains(&name))
}

/// Tells whether a minifier gave a function its name, which the next build gives to another: it is short, and stands far out
/// in one of few long lines.
fn is_minified(name: &str, frame: &Frame<'_>) -> bool {
    const COL_LEAST: i64 = 200;
    const LINE_MOST: i64 = 5;
    let name = name.rsplit('.').next().unwrap_or(name);
    name.len() <= 2 && frame.col.is_some_and(|col| col >= COL_LEAST) && frame.line.is_some_and(|line| line <= LINE_MOST)
}

/// Returns a file's own name, in lower case, without query and without what a build adds.
fn file_name(file: &str) -> Option<Cow<'_, str>> {
    let path = file.split(['?', '#']).next().unwrap_or_default().trim();
    if NO_FILES.contains(&path) {
        return None;
    }
    let name = path.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).unwrap_or(path);
    let may_be_hashed = name.bytes().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    let name = match may_be_hashed.then(|| BUNDLE_HASH.captures(name)).flatten() {
        Some(found) if is_hash(&found[1]) => {
            let whole = found.get(0).expect("the whole is there").range();
            Cow::Owned(format!("{}{}", &name[..whole.start], &found[2]))
        }
        _ => Cow::Borrowed(name),
    };
    // A chunk that has a number only has another in the next build.
    if name.split('.').next().is_some_and(|stem| !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    let name = if name.bytes().any(|byte| byte.is_ascii_uppercase()) { Cow::Owned(name.to_lowercase()) } else { name };
    Some(name)
}

/// A word of letters is a name; with digits, or both cases in no order of words, it is a hash.
fn is_hash(text: &str) -> bool {
    let has = |is: fn(&u8) -> bool| text.bytes().any(|byte| is(&byte));
    let inner_upper = text.bytes().skip(1).any(|byte| byte.is_ascii_uppercase());
    has(u8::is_ascii_digit) || (text.len() == 8 && has(u8::is_ascii_lowercase) && inner_upper)
}

/// Returns a function's own name, without what an engine puts before it or a compiler into it.
fn function_name(function: &str) -> Option<Cow<'_, str>> {
    let function = function.trim();
    let function = ["async ", "new ", "async*", "get ", "set "]
        .iter()
        .fold(function, |name, word| name.strip_prefix(word).unwrap_or(name));
    // Firefox: `draw/<` is a function without a name, within `draw`; V8: `EventSource.<anonymous>`; webpack: a module's number.
    let is_nameless = (function.ends_with('<') && function.contains('/'))
        || function.ends_with(".<anonymous>")
        || function.bytes().all(|byte| byte.is_ascii_digit());
    if is_nameless {
        return None;
    }
    let is_js = !function.contains("::") && !function.contains('/') && !function.contains('(');
    let alias = function.find(" [as ").filter(|_| is_js);
    let function = alias.map_or(function, |at| &function[..at]);
    let function = plain(function);
    // `Object.draw` and `Gallery.draw` are one function by two names of their receiver.
    let own = match &function {
        Cow::Borrowed(name) if is_js && !name.contains('<') => Cow::Borrowed(last_part(name)),
        Cow::Owned(name) if is_js && !name.contains('<') => Cow::Owned(last_part(name).to_owned()),
        _ => function,
    };
    (!NAMELESS.contains(&own.as_ref())).then_some(own)
}

fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Takes out what compilers add.
fn plain(name: &str) -> Cow<'_, str> {
    if !shows_signs(name) {
        return Cow::Borrowed(name);
    }
    // Rust's newer names: `<app::Queue>::take` is `app::Queue::take`.
    let name = name
        .strip_prefix('<')
        .filter(|_| !name.contains(" as "))
        .and_then(|rest| {
            let (path, rest) = rest.split_once('>').filter(|(path, _)| path.contains("::") && !path.contains('<'))?;
            Some(Cow::Owned(format!("{path}{rest}")))
        })
        .unwrap_or(Cow::Borrowed(name));
    let name = chain(name, &INNER, "$cs$java");
    let name = chain(name, &MADE_UP, "");
    let name = chain(name, &NUMBERED, "$1");
    chain(name, &VERSION, "")
}

/// Tells cheaply whether there may be something to take out: most names are plain, and there are a hundred frames.
fn shows_signs(name: &str) -> bool {
    let bytes = name.as_bytes();
    let is_sign = |(at, byte): (usize, &u8)| {
        let begins = |word: &[u8]| bytes[at..].starts_with(word);
        match byte {
            b'<' | b'{' | b'$' | b'@' => true,
            b'.' => begins(b".func") || begins(b".gowrap"),
            b'-' => begins(b"-fm"),
            b':' => begins(b"::h"),
            b'A' => begins(b"Accessor"),
            b'P' => begins(b"Proxy"),
            byte => !byte.is_ascii(),
        }
    };
    bytes.iter().enumerate().any(is_sign)
        || (bytes.len() >= 16 && bytes.iter().rev().take(16).all(u8::is_ascii_hexdigit))
}

fn chain<'n>(name: Cow<'n, str>, pattern: &Regex, by: &str) -> Cow<'n, str> {
    match name {
        Cow::Borrowed(name) => pattern.replace_all(name, by),
        Cow::Owned(name) => Cow::Owned(pattern.replace_all(&name, by).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(module: Option<&str>, file: Option<&str>, function: Option<&str>) -> String {
        let frame = Frame {
            module: module.map(Cow::Borrowed),
            file: file.map(Cow::Borrowed),
            function: function.map(Cow::Borrowed),
            ..Frame::default()
        };
        Key::of(&frame).map(|key| key.to_string()).unwrap_or_default()
    }

    #[test]
    fn files_are_known_by_their_own_name_without_a_builds_hash() {
        for (file, expected) in [
            ("https://cdn.example.com/assets/index-4f3a9b2c.js?v=2", "index.js"),
            ("https://cdn.example.com/assets/index-DkL3x_9a.js", "index.js"),
            ("/static/main.8f3a2b1c.chunk.js", "main.chunk.js"),
            ("webpack-internal:///./src/Gallery.tsx", "gallery.tsx"),
            ("/app/render-renderer.js", "render-renderer.js"),
            ("C:\\srv\\weir\\Queue.cs", "queue.cs"),
            ("<anonymous>", ""),
        ] {
            assert_eq!(key(None, Some(file), None), expected, "{file}");
        }
    }

    #[test]
    fn functions_lose_what_engines_and_compilers_add() {
        for (function, expected) in [
            ("Object.draw", "draw"),
            ("async Gallery.load", "load"),
            ("new Board", "Board"),
            ("Gallery.render [as onClick]", "render"),
            ("<anonymous>", ""),
            ("?", ""),
            ("app::render::{{closure}}::h0123456789abcdef", "app::render"),
            ("app::queue::run::{closure#2}", "app::queue::run"),
            ("main.(*Server).handle.func1.2", "main.(*Server).handle"),
            ("lambda$process$3", "process"),
            ("<ProcessAsync>d__12.MoveNext", "ProcessAsync"),
        ] {
            assert_eq!(key(None, None, Some(function)), expected, "{function}");
        }
    }

    #[test]
    fn modules_go_before_files() {
        assert_eq!(key(Some("app.views"), Some("/srv/app/views.py"), Some("show")), "show @ app.views");
        assert_eq!(key(Some("com.weir.Render$$EnhancerBySpringCGLIB$$7ab3"), None, Some("run")), "", "a proxy");
        assert_eq!(key(Some("Weir.Render.<>c__DisplayClass5_0"), None, Some("<Run>b__0")), "Run @ Weir.Render.");
    }

    #[test]
    fn libraries_are_known_by_where_they_lie() {
        let of = |file: &'static str, module: Option<&'static str>| {
            is_library(&Frame { file: Some(file.into()), module: module.map(Cow::Borrowed), ..Frame::default() })
        };
        for (file, module) in [
            ("/app/node_modules/express/lib/router.js", None),
            ("node:internal/process/task_queues", None),
            ("C:\\py\\lib\\site-packages\\django\\core.py", None),
            ("ThreadPoolExecutor.java", Some("java.util.concurrent.ThreadPoolExecutor")),
            ("<anonymous>", None),
        ] {
            assert!(of(file, module), "{file}");
        }
        assert!(!of("/app/src/router.js", None));
        assert!(!of("Queue.java", Some("com.weir.Queue")));
    }
}
