//! .NET's stacks: `at Namespace.Class.Method(Type argument) in File.cs:line 12`. What an exception wraps is printed before
//! its own frames, and further parts of an aggregate after them.

use super::Sections;
use super::frame::{Frame, Place, begins, digits};

const FOREIGN: &[&str] = &[
    "System.",
    "Microsoft.",
    "Windows.",
    "Interop.",
    "Internal.",
    "lambda_method",
    "Newtonsoft.",
    "Npgsql.",
    "MySql.",
    "Dapper.",
    "Castle.",
    "Autofac.",
    "AutoMapper.",
    "MediatR.",
    "Polly.",
    "Serilog.",
    "NLog.",
    "Grpc.",
    "OpenTelemetry.",
    "Xunit.",
    "NUnit.",
    "StackExchange.",
    "RestSharp.",
    "Hangfire.",
];

/// Reads a text.
pub(super) fn sections(text: &str) -> Sections<'_> {
    let mut sections = Sections::new();
    let mut is_in_aggregate = false;
    for line in text.lines() {
        let content = line.trim();
        if content.starts_with("--- End of inner exception") {
            if !is_in_aggregate {
                sections.outer();
            }
        } else if content.starts_with("---> (Inner Exception #") {
            is_in_aggregate = true;
            sections.inner();
        } else if let Some(frame) = frame(line) {
            sections.push(frame);
        }
    }
    sections
}

/// Reads `   at Acme.Board.Draw[T](T layer) in C:\src\Board.cs:line 12`.
pub(super) fn frame(line: &str) -> Option<Frame<'_>> {
    let content = line.trim();
    let content = content.strip_suffix("<---").unwrap_or(content).strip_prefix("at ")?;
    let (name, rest) = content.split_once('(')?;
    let place = match rest.rsplit_once(") in ") {
        Some((_, place)) => {
            let (file, number) = place.rsplit_once(":line ").unwrap_or((place, ""));
            Place { file, line: digits(number), col: None }
        }
        None if rest.ends_with(')') => Place { file: "", line: None, col: None },
        None => return None,
    };
    // Arguments of types are not part of a name.
    let name = name.split_once('[').map_or(name, |(name, _)| name);
    if name.is_empty() || name.contains(' ') {
        return None;
    }
    let (class, function) = class_and_method(name);
    Some(Frame { in_app: Some(!begins(name, FOREIGN)), ..Frame::new(class, function).at(place) })
}

fn class_and_method(name: &str) -> (&str, &str) {
    for constructor in [".ctor", ".cctor"] {
        if let Some(class) = name.strip_suffix(constructor).and_then(|class| class.strip_suffix('.')) {
            return (class, constructor);
        }
    }
    let Some((class, function)) = name.rsplit_once('.') else { return ("", name) };
    // What the compiler makes of an `async` method: `Acme.Board.<Draw>d__3.MoveNext`.
    let machine = class.rsplit_once(".<").filter(|_| function == "MoveNext");
    match machine.and_then(|(class, machine)| Some((class, machine.split_once(">d__")?.0))) {
        Some(written) => written,
        None => (class, function),
    }
}

#[cfg(test)]
mod tests {
    use crate::traces::Language;
    use crate::traces::tests::frames;

    #[test]
    fn the_outer_exceptions_frames_come_last() {
        let text = "System.InvalidOperationException: outer\n ---> System.NullReferenceException: inner\n\
            \x20  at Acme.Layer..ctor(String name) in C:\\src\\Layer.cs:line 5\n\
            \x20  --- End of inner exception stack trace ---\n\
            \x20  at Acme.Board.Draw[T](T layer, Int32 (x)) in /src/Board.cs:line 12\n\
            --- End of stack trace from previous location ---\n\
            \x20  at System.Threading.Tasks.Task.Execute()\n\
            \x20  at Acme.Board.<DrawAsync>d__3.MoveNext() in /src/Board.cs:line 30\n";
        assert_eq!(
            frames(text, Language::Dotnet),
            [
                "+ Acme.Board /src/Board.cs Draw 12",
                "- System.Threading.Tasks.Task Execute",
                "+ Acme.Board /src/Board.cs DrawAsync 30",
            ]
        );
    }

    #[test]
    fn an_outer_exception_of_the_framework_gives_way() {
        let text = "System.AggregateException: One or more errors occurred. (boom)\n ---> System.Exception: boom\n\
            \x20  at Acme.Jobs.First() in /src/Jobs.cs:line 3\n   --- End of inner exception stack trace ---\n\
            \x20  at System.Threading.Tasks.Task.WaitAll()\n\
            \x20---> (Inner Exception #1) System.Exception: other\n   at Acme.Jobs.Second()<---\n";
        assert_eq!(frames(text, Language::Dotnet), ["+ Acme.Jobs /src/Jobs.cs First 3"]);
        let constructor = "   at Acme.Layer..cctor()\n   at Acme.Program.<>c.<Main>b__0_0(Object o)\n";
        assert_eq!(frames(constructor, Language::Dotnet), ["+ Acme.Layer .cctor", "+ Acme.Program.<>c <Main>b__0_0"]);
    }
}
