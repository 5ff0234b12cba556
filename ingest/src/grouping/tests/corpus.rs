//! The corpus of `tests/traces`: a folder is an issue. Its errors go through the judge, as any others, and are grouped as an
//! issue is: an error joins the one that knows a hash of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use crate::judge::tests::{judge, server};
use crate::row::Value;

/// Folders of which it is known that they are not grouped as they should be, and why.
const KNOWN: &[(&str, &str)] = &[(
    "javascript/style-preset-import-async",
    "Firefox shows the frame that added the listener, V8 does not, and both are the app's",
)];

fn folders() -> BTreeMap<String, Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/traces");
    let entries = |dir: &Path| {
        let mut paths: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let languages = entries(&root).into_iter().filter(|path| path.is_dir());
    let issues = languages.flat_map(|language| entries(&language));
    let name = |issue: &Path| issue.strip_prefix(&root).unwrap().display().to_string();
    issues.map(|issue| (name(&issue), entries(&issue))).collect()
}

/// Returns the hashes of an error in the order in which they are asked, and the reason.
fn hashes(file: &Path) -> (Vec<String>, String) {
    let judged = judge().judge(&fs::read(file).unwrap(), &server()).unwrap();
    assert_eq!(judged.rejects, [], "{}", file.display());
    let head = judged.rows.heads()[0];
    let text = |column| match judged.rows.get(&head, column) {
        Some(Value::Text(text)) => Some(text.to_owned()),
        _ => None,
    };
    let stack: Vec<String> = [text("hash_app"), text("hash_sys")].into_iter().flatten().collect();
    let hashes = if stack.is_empty() { text("hash_msg").into_iter().collect() } else { stack };
    (hashes, text("grouping_reason").unwrap_or_default())
}

#[test]
fn every_folder_is_one_issue_and_no_two_are() {
    let folders = folders();
    assert!(folders.len() >= 200 && folders.values().flatten().count() >= 500);
    let mut issues: HashMap<String, usize> = HashMap::new();
    let mut of_folder: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    let mut of_issue: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    let mut told: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (folder, files) in &folders {
        for file in files {
            let (hashes, reason) = hashes(file);
            let issue = hashes.iter().find_map(|hash| issues.get(hash)).copied().unwrap_or(issues.len());
            for hash in hashes {
                issues.entry(hash).or_insert(issue);
            }
            of_folder.entry(folder).or_default().insert(issue);
            of_issue.entry(issue).or_default().insert(folder);
            told.entry(folder).or_default().push(format!("{issue} {reason}"));
        }
    }
    let mut wrong = BTreeSet::new();
    let mut report = String::new();
    for (folder, issues) in &of_folder {
        let shared = issues.iter().flat_map(|issue| &of_issue[issue]).any(|other| other != folder);
        if issues.len() > 1 || shared {
            wrong.insert(*folder);
            report.push_str(&format!(
                "\n{folder}{}\n  {}",
                if shared { " (shared)" } else { "" },
                told[folder].join("\n  ")
            ));
        }
    }
    let known: BTreeSet<&str> = KNOWN.iter().map(|(folder, _)| *folder).collect();
    assert_eq!(wrong, known, "{} of {} folders: {report}", wrong.len(), folders.len());
}
