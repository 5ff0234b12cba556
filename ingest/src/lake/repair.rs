//! Putting a table right before it is opened: commits that a power cut left half-written, files that no commit names.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::warn;

use crate::lake::DataFile;

/// Moves newest commits that are not whole out of the log. The rows they would have added are still in the write-ahead log,
/// which is deleted only after the commit was synced.
pub(crate) fn set_bad_commits_aside(log_dir: &Path, quarantine: &Path) -> io::Result<()> {
    let mut commits = commits(log_dir)?;
    while let Some(newest) = commits.pop() {
        if is_whole(&std::fs::read(&newest)?) {
            break;
        }
        let table = log_dir.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let name = newest.file_name().unwrap_or_default().to_string_lossy();
        warn!(table = %table, commit = %name, "a half-written commit was set aside; its rows come from the log again");
        std::fs::create_dir_all(quarantine)?;
        std::fs::rename(&newest, quarantine.join(format!("{table}-{name}")))?;
    }
    Ok(())
}

fn commits(log_dir: &Path) -> io::Result<Vec<PathBuf>> {
    if !log_dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut commits = Vec::new();
    for entry in std::fs::read_dir(log_dir)? {
        let path = entry?.path();
        let is_commit = path.extension().is_some_and(|extension| extension == "json")
            && path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| stem.parse::<u64>().is_ok());
        if is_commit {
            commits.push(path);
        }
    }
    commits.sort();
    Ok(commits)
}

/// A commit is whole when it has lines and each is a JSON object.
fn is_whole(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).peekable();
    lines.peek().is_some() && lines.all(|line| serde_json::from_slice::<serde_json::Map<_, _>>(line).is_ok())
}

/// Deletes data files that no commit names: written before a crash, never committed, or replaced before a restart.
pub(crate) fn delete_orphans(table_dir: &Path, active: &[Arc<DataFile>]) -> io::Result<()> {
    let active: HashSet<PathBuf> = active.iter().map(|file| table_dir.join(&file.path)).collect();
    for entry in std::fs::read_dir(table_dir)? {
        let dir = entry?.path();
        let is_log = dir.file_name().is_some_and(|name| name == "_delta_log");
        if is_log || !dir.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&dir)? {
            let path = entry?.path();
            if !active.contains(&path) {
                std::fs::remove_file(&path)?;
            }
        }
    }
    Ok(())
}

/// Tells whether a directory holds nothing.
pub(crate) fn is_empty_dir(dir: &Path) -> io::Result<bool> {
    Ok(std::fs::read_dir(dir)?.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_newest_commits_that_are_not_whole_are_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("usage/_delta_log");
        std::fs::create_dir_all(&log).unwrap();
        let name = |version: u64| log.join(format!("{version:020}.json"));
        std::fs::write(name(0), "{\"protocol\":{}}\n{\"metaData\":{}}\n").unwrap();
        std::fs::write(name(1), "{\"add\":{\"pa").unwrap();
        std::fs::write(name(2), "").unwrap();
        let quarantine = dir.path().join("quarantine");
        set_bad_commits_aside(&log, &quarantine).unwrap();
        assert!(name(0).exists() && !name(1).exists() && !name(2).exists());
        assert_eq!(std::fs::read_dir(quarantine).unwrap().count(), 2);
    }
}
