//! Where stored queries are found: embedded at build time, and in the user's directory.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use rust_embed::RustEmbed;

use super::header::SourceProblem;

/// The text of one file.
pub(super) struct Source {
    /// The directory it lies in: what it is about.
    pub(super) area: String,
    /// The file, as its author knows it.
    pub(super) file: String,
    pub(super) text: String,
}

/// Area of the user's files that lie in no directory of their own.
const OWN_AREA: &str = "own";
/// Directories that hold other things than stored queries.
const OTHER_DIRS: &[&str] = &["rules", "cases"];

/// Declares one area that is built in. Its directory may be missing.
macro_rules! area {
    ($name:ident, $dir:literal) => {
        #[derive(RustEmbed)]
        #[folder = $dir]
        #[allow_missing = true]
        struct $name;
    };
}

area!(Reliability, "$CARGO_MANIFEST_DIR/reliability");
area!(Errors, "$CARGO_MANIFEST_DIR/errors");
area!(Product, "$CARGO_MANIFEST_DIR/product");
area!(Credits, "$CARGO_MANIFEST_DIR/credits");
area!(Abuse, "$CARGO_MANIFEST_DIR/abuse");
area!(Pipeline, "$CARGO_MANIFEST_DIR/pipeline");

/// Returns the files that are built in.
pub(super) fn built_in() -> Vec<Source> {
    let mut sources = Vec::new();
    embedded::<Reliability>("reliability", &mut sources);
    embedded::<Errors>("errors", &mut sources);
    embedded::<Product>("product", &mut sources);
    embedded::<Credits>("credits", &mut sources);
    embedded::<Abuse>("abuse", &mut sources);
    embedded::<Pipeline>("pipeline", &mut sources);
    sources
}

fn embedded<Files: RustEmbed>(area: &str, sources: &mut Vec<Source>) {
    let is_query = |path: &Cow<'static, str>| path.ends_with(".sql") && !path.contains('/');
    for path in Files::iter().filter(is_query) {
        if let Some(file) = Files::get(&path) {
            let text = String::from_utf8_lossy(&file.data).into_owned();
            sources.push(Source { area: area.to_owned(), file: format!("{area}/{path}"), text });
        }
    }
}

/// Returns the user's files. A directory that does not exist has none.
pub(super) fn user(dir: &Path, problems: &mut Vec<SourceProblem>) -> Vec<Source> {
    let mut sources = Vec::new();
    for path in entries(dir, "", problems) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() && !OTHER_DIRS.contains(&name.as_str()) && !name.starts_with('.') {
            for path in entries(&path, &name, problems) {
                read(&name, &format!("{name}/"), &path, &mut sources, problems);
            }
        } else {
            read(OWN_AREA, "", &path, &mut sources, problems);
        }
    }
    sources
}

/// Returns what lies in a directory, by name.
fn entries(dir: &Path, shown: &str, problems: &mut Vec<SourceProblem>) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    match fs::read_dir(dir) {
        Ok(entries) => paths.extend(entries.filter_map(|entry| entry.ok().map(|entry| entry.path()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => {
            problems.push(SourceProblem::new(shown, 0, format!("the directory cannot be read: {error}"), None))
        }
    }
    paths.sort();
    paths
}

fn read(area: &str, prefix: &str, path: &Path, sources: &mut Vec<Source>, problems: &mut Vec<SourceProblem>) {
    if path.extension().is_none_or(|extension| extension != "sql") || path.is_dir() {
        return;
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let file = format!("{prefix}{name}");
    match fs::read_to_string(path) {
        Ok(text) => sources.push(Source { area: area.to_owned(), file, text }),
        Err(error) => problems.push(SourceProblem::new(&file, 0, format!("the file cannot be read: {error}"), None)),
    }
}
