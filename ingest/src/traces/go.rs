//! Go's goroutines: those of a panic, of `runtime/debug.Stack`, and of errors that carry a stack (`%+v`). A function stands on
//! one line, its place on the next.

use super::Sections;
use super::frame::{Frame, Place, begins, lies_in};

/// Where modules lie that others wrote.
const FOREIGN_PLACES: &[&str] = &["/pkg/mod/", "/vendor/", "@v"];
const FOREIGN_PACKAGES: &[&str] = &["golang.org/x/", "google.golang.org/"];
/// Go's own packages, by the first part of their paths. Paths of others begin with a host's name, or are the app's.
const STANDARD: &[&str] = &[
    "archive",
    "bufio",
    "bytes",
    "cmp",
    "compress",
    "container",
    "context",
    "crypto",
    "database",
    "debug",
    "embed",
    "encoding",
    "errors",
    "expvar",
    "flag",
    "fmt",
    "go",
    "hash",
    "html",
    "image",
    "index",
    "internal",
    "io",
    "iter",
    "log",
    "maps",
    "math",
    "mime",
    "net",
    "os",
    "path",
    "plugin",
    "reflect",
    "regexp",
    "runtime",
    "slices",
    "sort",
    "strconv",
    "strings",
    "structs",
    "sync",
    "syscall",
    "testing",
    "text",
    "time",
    "unicode",
    "unique",
    "unsafe",
    "weak",
];

/// Tells whether a line is a place.
pub(super) fn is_frame(line: &str) -> bool {
    place(line).is_some()
}

/// Reads a text: the first goroutine, which is the one that panicked.
pub(super) fn sections(text: &str) -> Sections<'_> {
    let mut frames: Vec<Frame<'_>> = Vec::new();
    let mut is_in_goroutine = false;
    let mut named: Option<&str> = None;
    for line in text.lines() {
        if line.starts_with("goroutine ") && line.trim_end().ends_with("]:") {
            if is_in_goroutine && !frames.is_empty() {
                break;
            }
            // What stood before was the runtime's own stack.
            frames.clear();
            is_in_goroutine = true;
        } else if let Some(place) = place(line) {
            // Whoever started the goroutine has gone on since, and is no caller.
            let Some(function) = named.take().filter(|named| !named.starts_with("created by ")) else { continue };
            let frame = frame(function, place);
            let is_end = frame.function.as_deref() == Some("goexit");
            frames.push(frame);
            if is_end {
                break;
            }
        } else {
            named = Some(line.trim()).filter(|line| !line.is_empty());
        }
    }
    Sections::of(below_the_panic(frames))
}

/// Leaves out what ran after the panic: deferred functions, which are the same whatever panicked. A panic that was recovered
/// and raised again is told by the first one, which is furthest below.
fn below_the_panic(mut frames: Vec<Frame<'_>>) -> Vec<Frame<'_>> {
    let panicked = frames.iter().rposition(|frame| frame.function.as_deref() == Some("panic"));
    match panicked {
        Some(at) if at + 1 < frames.len() => frames.split_off(at + 1),
        _ => std::mem::take(&mut frames),
    }
}

/// Reads `/app/main.go:12 +0x1d`, which is indented.
fn place(line: &str) -> Option<Place<'_>> {
    let line = line.strip_prefix('\t').or_else(|| line.strip_prefix("    "))?.trim();
    let end = line.find(" +0x").or_else(|| line.find(" fp=0x")).unwrap_or(line.len());
    let place = Place::read(&line[..end]);
    (place.line.is_some() && (place.file.ends_with(".go") || place.file.ends_with(".s"))).then_some(place)
}

/// Reads `github.com/acme/app.(*Server).Handle(0xc000010000, {0x1, 0x2})`.
fn frame<'a>(line: &'a str, place: Place<'a>) -> Frame<'a> {
    let name = match line.strip_suffix(')').and_then(|line| line.rfind('(')) {
        Some(arguments) => &line[..arguments],
        None => line,
    };
    let path_end = name.find(['(', '[']).unwrap_or(name.len());
    let directory = name[..path_end].rfind('/').map_or(0, |slash| slash + 1);
    let dot = name[directory..path_end].find('.').map(|dot| directory + dot);
    let (package, function) = dot.map_or(("", name), |dot| (&name[..dot], &name[dot + 1..]));
    let first = package.split('/').next().unwrap_or_default();
    let is_foreign = (package.is_empty() && function == "panic")
        || STANDARD.contains(&first)
        || begins(package, FOREIGN_PACKAGES)
        || lies_in(place.file, FOREIGN_PLACES);
    Frame { in_app: Some(!is_foreign), ..Frame::new(package, function).at(place) }
}

#[cfg(test)]
mod tests {
    use crate::traces::Language;
    use crate::traces::tests::frames;

    #[test]
    fn the_goroutine_that_panicked_is_read_from_where_it_did() {
        let text = "panic: runtime error: index out of range [5] with length 3 [recovered]\n\tpanic: again\n\n\
            goroutine 7 [running]:\n\
            github.com/acme/app/web.recoverer.func1()\n\t/src/app/web/recover.go:20 +0x85\n\
            panic({0x4a1b20?, 0xc000018030?})\n\t/usr/local/go/src/runtime/panic.go:770 +0x132\n\
            runtime.goPanicIndex(0x5, 0x3)\n\t/usr/local/go/src/runtime/panic.go:114 +0x74\n\
            github.com/acme/app/board.(*Layer[...]).Draw(0xc000010000, {0x1, 0x2})\n\t/src/app/board/layer.go:88 +0x1d\n\
            github.com/go-chi/chi/v5.(*Mux).ServeHTTP(...)\n\t/root/go/pkg/mod/github.com/go-chi/chi/v5@v5.1.0/mux.go:73\n\
            main.main.func1()\n\t/src/app/main.go:12 +0x1d\n\
            created by main.main in goroutine 1\n\t/src/app/main.go:10 +0x50\n\n\
            goroutine 1 [IO wait]:\nmain.other()\n\t/src/app/other.go:1 +0x1\n";
        assert_eq!(
            frames(text, Language::Go),
            [
                "- runtime /usr/local/go/src/runtime/panic.go goPanicIndex 114",
                "+ github.com/acme/app/board /src/app/board/layer.go (*Layer[...]).Draw 88",
                "- github.com/go-chi/chi/v5 /root/go/pkg/mod/github.com/go-chi/chi/v5@v5.1.0/mux.go (*Mux).ServeHTTP 73",
                "+ main /src/app/main.go main.func1 12",
            ]
        );
    }

    #[test]
    fn a_stack_that_was_asked_for_is_kept_whole() {
        let text = "goroutine 1 [running]:\nruntime/debug.Stack()\n\t/usr/local/go/src/runtime/debug/stack.go:26 +0x5e\n\
            main.report(0x1)\n\t/src/app/main.go:9 +0x1a\n";
        assert_eq!(
            frames(text, Language::Go),
            ["- runtime/debug /usr/local/go/src/runtime/debug/stack.go Stack 26", "+ main /src/app/main.go report 9"]
        );
    }

    #[test]
    fn errors_with_a_stack_are_read_to_the_end_of_the_first() {
        let text = "boom\nmain.inner\n\t/src/main.go:5\nruntime.goexit\n\t/go/src/runtime/asm_amd64.s:1695\nwrapped\n\
            main.outer\n\t/src/main.go:9\n";
        assert_eq!(
            frames(text, Language::Go),
            ["+ main /src/main.go inner 5", "- runtime /go/src/runtime/asm_amd64.s goexit 1695"]
        );
    }
}
