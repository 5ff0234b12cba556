//! What was rejected of a file, kept beside it: line, code, message and the event, so that it can be mended and loaded.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::value::RawValue;

/// The file of rejects of one file of events; created with its first line.
pub(super) struct Rejects {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    count: u64,
}

/// One line of it.
#[derive(Serialize)]
struct Reject<'a> {
    line: u64,
    code: &'a str,
    message: &'a str,
    /// The event, if it is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a RawValue>,
    /// The line, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

impl Rejects {
    /// Prepares to keep the rejects of `source`; those of an earlier load are removed.
    ///
    /// # Errors
    /// When the earlier ones cannot be removed.
    pub(super) fn of(source: &Path) -> io::Result<Self> {
        let mut name = OsString::from(source);
        name.push(".rejects.ndjson");
        let path = PathBuf::from(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(Self { path, file: None, count: 0 }),
        }
    }

    /// Keeps one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn write(&mut self, line: u64, code: &str, message: &str, text: &str) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(BufWriter::new(File::create(&self.path)?)),
        };
        let event = serde_json::from_str::<&RawValue>(text).ok();
        let text = if event.is_some() || text.is_empty() { None } else { Some(text) };
        serde_json::to_writer(&mut *file, &Reject { line, code, message, event, text })?;
        file.write_all(b"\n")?;
        self.count += 1;
        Ok(())
    }

    /// Returns where they are kept, if there are any.
    ///
    /// # Errors
    /// When the last of them cannot be written.
    pub(super) fn finish(mut self) -> io::Result<Option<PathBuf>> {
        self.file.as_mut().map_or(Ok(()), Write::flush)?;
        Ok((self.count > 0).then_some(self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_are_kept_beside_the_file_and_forgotten_by_the_next_load() {
        let dir = tempfile::tempdir().expect("a directory");
        let source = dir.path().join("events.ndjson");
        let mut rejects = Rejects::of(&source).expect("nothing to remove");
        rejects.write(3, "unknown_kind", "`kind` is unknown", r#"{"kind":"x"}"#).expect("writable");
        rejects.write(5, "invalid_json", "it is broken", "{\"a\":").expect("writable");
        let path = rejects.finish().expect("writable").expect("there are rejects");
        assert_eq!(path, dir.path().join("events.ndjson.rejects.ndjson"));
        let kept = fs::read_to_string(&path).expect("readable");
        let first = r#"{"line":3,"code":"unknown_kind","message":"`kind` is unknown","event":{"kind":"x"}}"#;
        let second = r#"{"line":5,"code":"invalid_json","message":"it is broken","text":"{\"a\":"}"#;
        assert_eq!(kept.lines().collect::<Vec<_>>(), [first, second]);
        let again = Rejects::of(&source).expect("removable");
        assert!(again.finish().expect("nothing to write").is_none() && !path.exists());
    }
}
