//! Java's stacks, and those of all languages that run beside it: `at class.method(File.java:12)`, causes after the exception
//! that wraps them, or before it (`Wrapped by:`), and what was suppressed in between.

use super::Sections;
use super::frame::{Frame, Place, begins};

/// Java's own packages, and those of what most programs are built on.
const FOREIGN: &[&str] = &[
    "java.",
    "javax.",
    "jdk.",
    "sun.",
    "com.sun.",
    "jakarta.",
    "kotlin.",
    "kotlinx.",
    "scala.",
    "groovy.",
    "clojure.",
    "android.",
    "androidx.",
    "com.android.",
    "dalvik.",
    "org.springframework.",
    "org.apache.",
    "org.hibernate.",
    "org.eclipse.",
    "org.junit.",
    "junit.",
    "org.gradle.",
    "org.slf4j.",
    "ch.qos.logback.",
    "io.netty.",
    "io.undertow.",
    "io.vertx.",
    "io.micronaut.",
    "io.quarkus.",
    "io.ktor.",
    "io.grpc.",
    "io.github.resilience4j.",
    "io.reactivex.",
    "io.lettuce.",
    "redis.clients.",
    "feign.",
    "io.opentelemetry.",
    "reactor.",
    "okhttp3.",
    "retrofit2.",
    "com.fasterxml.",
    "com.google.common.",
    "com.zaxxer.",
    "org.postgresql.",
    "com.mysql.",
];
const SOURCES: &[&str] = &[".java", ".kt", ".kts", ".scala", ".groovy", ".clj"];

/// Reads a text.
pub(super) fn sections(text: &str) -> Sections<'_> {
    let mut sections = Sections::new();
    // How far what is left out is indented; its own causes are as far in.
    let mut suppressed: Option<usize> = None;
    for line in text.lines() {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        if content.starts_with("Suppressed: ") {
            suppressed = Some(suppressed.map_or(indent, |outer| outer.min(indent)));
        } else if content.starts_with("Caused by: ") {
            if suppressed.is_none_or(|around| indent < around) {
                suppressed = None;
                sections.inner();
            }
        } else if content.starts_with("Wrapped by: ") {
            suppressed = None;
            sections.outer();
        } else if let Some(frame) = frame(line).filter(|_| suppressed.is_none()) {
            sections.push(frame);
        }
    }
    sections
}

/// Reads `at java.base/java.util.ArrayList.forEach(ArrayList.java:1511) ~[app.jar:1.0]`.
pub(super) fn frame(line: &str) -> Option<Frame<'_>> {
    let (name, rest) = line.trim().strip_prefix("at ")?.split_once('(')?;
    let (source, _) = rest.split_once(')')?;
    let source = Place::read(source);
    let is_file = SOURCES.iter().any(|ending| source.file.ends_with(ending)) && !source.file.contains(['/', '\\']);
    let is_nowhere = matches!(source.file, "Native Method" | "Unknown Source" | "SourceFile" | "<generated>");
    if !(is_file || is_nowhere) || name.ends_with(' ') {
        return None;
    }
    let (class, function) = name.rsplit_once('.')?;
    let class = without_module(without_address(class));
    let place = if is_file { source } else { Place { file: "", ..source } };
    // What was made while the program ran, proxies and lambdas, is nobody's code, and is named anew each time.
    let is_made = !is_file && class.contains("$$");
    Some(Frame { in_app: Some(!(is_made || begins(class, FOREIGN))), ..Frame::new(class, function).at(place) })
}

/// Takes off where a class of a lambda lies in memory: `Foo$$Lambda/0x00007f`.
fn without_address(class: &str) -> &str {
    match class.rsplit_once('/') {
        Some((class, address)) if address.starts_with(|first: char| first.is_ascii_digit()) => class,
        _ => class,
    }
}

/// Takes off `app//` and `java.base@21/`, which are the same class elsewhere.
fn without_module(class: &str) -> &str {
    class.rsplit_once('/').map_or(class, |(_, class)| class)
}

#[cfg(test)]
mod tests {
    use crate::traces::Language;
    use crate::traces::tests::frames;

    #[test]
    fn the_apps_wrapper_goes_before_its_cause() {
        let text = "java.lang.IllegalStateException: outer\n\
            \tat com.acme.Board.draw(Board.java:12) ~[app.jar!/:1.0]\n\
            \tat java.base/java.util.ArrayList.forEach(ArrayList.java:1511)\n\
            \tat com.acme.Board$$Lambda$14/0x0000000800.run(Unknown Source)\n\
            \tat app//com.acme.MainKt.main(Main.kt)\n\
            \tSuppressed: java.io.IOException: close\n\t\tat com.acme.File.close(File.java:3)\n\
            \tCaused by: java.io.IOException: disk\n\t\tat com.acme.Disk.sync(Disk.java:4)\n\
            Caused by: java.lang.NullPointerException\n\tat com.acme.Layer.<init>(Layer.java:5)\n\t... 12 more\n";
        assert_eq!(
            frames(text, Language::Java),
            [
                "+ com.acme.Board Board.java draw 12",
                "- java.util.ArrayList ArrayList.java forEach 1511",
                "- com.acme.Board$$Lambda$14 run",
                "+ com.acme.MainKt Main.kt main",
            ]
        );
    }

    #[test]
    fn a_frameworks_wrapper_gives_way_to_the_cause() {
        let inner =
            "Caused by: java.lang.NullPointerException\n\tat com.acme.Layer.draw(Layer.java:5)\n\t... 40 more\n";
        let outer = "jakarta.servlet.ServletException: Request processing failed\n\
            \tat org.springframework.web.servlet.FrameworkServlet.processRequest(FrameworkServlet.java:1022)\n\
            \tSuppressed: java.io.IOException\n\t\tat com.acme.File.close(File.java:3)\n";
        assert_eq!(frames(&format!("{outer}{inner}"), Language::Java), ["+ com.acme.Layer Layer.java draw 5"]);
        let first = "java.lang.NullPointerException: null\n\tat com.acme.Layer.draw(Layer.java:5)\n\
            Wrapped by: com.acme.Failed: outer\n\tat com.acme.Board.show(Board.java:9)\n";
        assert_eq!(frames(first, Language::Java), ["+ com.acme.Board Board.java show 9"]);
    }

    #[test]
    fn native_methods_have_no_file() {
        let text = "\tat java.lang.Thread.sleep(Native Method)\n\tat a.b.C.d(SourceFile:77)\n";
        assert_eq!(frames(text, Language::Java), ["- java.lang.Thread sleep", "+ a.b.C d 77"]);
    }
}
