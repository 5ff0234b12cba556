//! Where the values in force come from, and what each means: for whoever looks at them while the server runs. Values are
//! never secrets: keys are no part of the configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{Config, SAMPLE};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody said anything else.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// A variable of the environment.
    Environment(String),
    /// An option of the command line, or the variable that stands for it.
    CommandLine,
}

/// Where the values come from that are not the defaults, by section and key.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Origins(BTreeMap<(String, String), Origin>);

/// One value in force.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InForce {
    /// Its section.
    pub(crate) section: String,
    /// Its key.
    pub(crate) key: String,
    /// Its value; none where an optional one is not given.
    pub(crate) value: Option<Value>,
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// What it means, as the sample says.
    pub(crate) doc: String,
}

impl Origins {
    /// Notes where a value comes from; the latest counts.
    pub(crate) fn note(&mut self, section: &str, key: &str, origin: Origin) {
        self.0.insert((section.to_owned(), key.to_owned()), origin);
    }

    /// Notes every key of a file.
    pub(super) fn note_file(&mut self, path: &Path, text: &str) {
        let table: Table = toml::from_str(text).unwrap_or_default();
        for (section, keys) in &table {
            for key in keys.as_table().into_iter().flat_map(Table::keys) {
                self.note(section, key, Origin::File(path.to_path_buf()));
            }
        }
    }

    fn of(&self, section: &str, key: &str) -> Origin {
        self.0.get(&(section.to_owned(), key.to_owned())).cloned().unwrap_or(Origin::Default)
    }
}

impl Config {
    /// Lists all values in force, in the order of the sample.
    pub(crate) fn in_force(&self) -> Vec<InForce> {
        let table = Table::try_from(self).unwrap_or_default();
        let value = |section: &str, key: &str| table.get(section)?.as_table()?.get(key).cloned();
        documented()
            .into_iter()
            .map(|(section, key, doc)| InForce {
                value: value(&section, &key),
                origin: self.origins.of(&section, &key),
                section,
                key,
                doc,
            })
            .collect()
    }
}

/// Reads section, key and meaning of every line of the sample. Keys that stand together share what stands above them.
fn documented() -> Vec<(String, String, String)> {
    let (mut section, mut doc, mut found) = (String::new(), String::new(), Vec::new());
    let mut is_fresh = false;
    for line in SAMPLE.lines() {
        let bare = line.trim_start_matches("# ");
        let key = bare.split_once(" = ").map(|(key, _)| key).filter(|key| is_key(key));
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
            doc.clear();
        } else if let Some(key) = key {
            found.push((section.clone(), key.to_owned(), doc.clone()));
            is_fresh = true;
        } else if line.starts_with("# ") {
            if is_fresh {
                doc.clear();
                is_fresh = false;
            }
            if !doc.is_empty() {
                doc.push(' ');
            }
            doc.push_str(bare);
        } else {
            doc.clear();
        }
    }
    found
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    fn found<'v>(values: &'v [InForce], section: &str, key: &str) -> &'v InForce {
        values.iter().find(|value| (value.section.as_str(), value.key.as_str()) == (section, key)).unwrap()
    }

    #[test]
    fn every_value_is_listed_with_what_it_means() {
        let values = Config::default().in_force();
        let table = Table::try_from(Config::default()).unwrap();
        for (section, keys) in &table {
            for key in keys.as_table().unwrap().keys() {
                let value = found(&values, section, key);
                assert!(value.value.is_some() && value.doc.ends_with('.'), "{value:?}");
            }
        }
        assert_eq!(
            found(&values, "sql", "threads").doc,
            "Threads that run queries, at a lower priority than those that answer verdicts."
        );
        let depth = &found(&values, "ingest", "json_depth_max").doc;
        assert_eq!(*depth, found(&values, "ingest", "properties_depth_max").doc, "they stand together");
        assert_eq!(found(&values, "geo", "country_db").value, None);
        assert!(found(&values, "ids", "guest").doc.starts_with("SDKs tell users"));
    }

    #[test]
    fn the_environment_goes_over_the_file_and_both_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weir.toml");
        std::fs::write(&path, "[sql]\nthreads = 3\ntimeout_ms = 100\n").unwrap();
        let variables = [("WEIR_SQL_TIMEOUT_MS".to_owned(), "200".to_owned())];
        let config = load(Some(&path), variables.into_iter()).unwrap();
        let values = config.in_force();
        let threads = found(&values, "sql", "threads");
        assert_eq!((&threads.value, &threads.origin), (&Some(Value::Integer(3)), &Origin::File(path)));
        let timeout = found(&values, "sql", "timeout_ms");
        assert_eq!(
            (&timeout.value, &timeout.origin),
            (&Some(Value::Integer(200)), &Origin::Environment("WEIR_SQL_TIMEOUT_MS".into()))
        );
        assert_eq!(found(&values, "sql", "rows_max").origin, Origin::Default);
    }
}
