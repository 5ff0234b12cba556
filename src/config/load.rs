//! Reads the configuration: the file, then `WEIR_*` variables over it. Every error names the place to mend.

use std::fs;
use std::path::{Path, PathBuf};

use thiserror::Error;
use toml::{Table, Value};

use super::{Config, Origin, Origins};

/// A configuration that cannot be used. The program exits with 2.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// A line of the file is wrong.
    #[error("{}:{line}: {key}: {message}", path.display())]
    File { path: PathBuf, line: usize, key: String, message: String },
    /// A variable of the environment is wrong.
    #[error("environment variable {name}: {message}")]
    Environment { name: String, message: String },
}

/// The sections, as variables spell them. Other `WEIR_` variables are none of ours.
const SECTIONS: [&str; 9] = ["SERVER", "INGEST", "ARTIFACTS", "GEO", "SQL", "RULES", "VERDICT", "CHECK", "IDS"];

/// Loads the configuration: defaults, then the file, then the environment.
///
/// # Errors
/// The first thing wrong, with file, line and key, or the variable's name.
pub(crate) fn load(
    path: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let mut origins = Origins::default();
    let config = match path {
        None => Config::default(),
        Some(path) => {
            let text = fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: path.to_path_buf(), source })?;
            let config = read(path, &text)?;
            origins.note_file(path, &text);
            config
        }
    };
    let mut variables: Vec<(String, String)> = environment.collect();
    variables.sort();
    for (name, _) in &variables {
        if let Some((section, key)) = place_in_file(name) {
            origins.note(&section, &key, Origin::Environment(name.clone()));
        }
    }
    let config =
        variables.into_iter().try_fold(config, |config, (name, value)| override_with(config, &name, &value))?;
    Ok(Config { origins, ..config })
}

fn read(path: &Path, text: &str) -> Result<Config, ConfigError> {
    let config: Config = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let (line, key) = place_of(text, offset);
        ConfigError::File { path: path.to_path_buf(), line, key, message: one_line(error.message()) }
    })?;
    match config.nonsense() {
        None => Ok(config),
        Some((section, key, message)) => {
            let line = line_of(text, section, key);
            Err(ConfigError::File { path: path.to_path_buf(), line, key: format!("{section}.{key}"), message })
        }
    }
}

/// Returns the section and the key that a variable stands for, if it is one of ours.
fn place_in_file(name: &str) -> Option<(String, String)> {
    let (section, key) = name.strip_prefix("WEIR_")?.split_once('_')?;
    // Kubernetes sets SERVICE_ and PORT variables of its own for a service that is called `weir-server`.
    let is_ours = SECTIONS.contains(&section) && !key.starts_with("SERVICE_") && !key.starts_with("PORT");
    is_ours.then(|| (section.to_lowercase(), key.to_lowercase()))
}

fn override_with(config: Config, name: &str, raw: &str) -> Result<Config, ConfigError> {
    let wrong = |message: String| ConfigError::Environment { name: name.to_owned(), message };
    let Some((section, key)) = place_in_file(name) else { return Ok(config) };
    let table = Table::try_from(&config).map_err(|error| wrong(error.to_string()))?;
    let mut first_error = None;
    for value in readings(raw) {
        let mut table = table.clone();
        let keys = table.get_mut(&section).and_then(Value::as_table_mut).expect("every section is a table");
        keys.insert(key.clone(), value);
        match table.try_into::<Config>() {
            Ok(config) => {
                return match config.nonsense() {
                    None => Ok(config),
                    Some((_, _, message)) => Err(wrong(message)),
                };
            }
            Err(error) => {
                first_error.get_or_insert_with(|| one_line(error.message()));
            }
        }
    }
    Err(wrong(first_error.unwrap_or_else(|| "cannot be read".into())))
}

/// Returns what a variable's text may mean, the most literal reading first.
fn readings(raw: &str) -> Vec<Value> {
    let literal = toml::from_str::<Table>(&format!("value = {raw}")).ok().and_then(|mut table| table.remove("value"));
    let items = raw.split(',').map(str::trim).filter(|item| !item.is_empty());
    let list = Value::Array(items.map(|item| Value::String(item.to_owned())).collect());
    literal.into_iter().chain([Value::String(raw.to_owned()), list]).collect()
}

/// Returns the line (from 1) of a place in the text, and the dotted key that stands there.
fn place_of(text: &str, offset: usize) -> (usize, String) {
    let before = &text[..offset.min(text.len())];
    let line = before.matches('\n').count() + 1;
    let current = text.lines().nth(line - 1).unwrap_or_default();
    let section = text.lines().take(line).filter_map(section_of).last();
    let key = current.split_once('=').map(|(key, _)| key.trim());
    let dotted = match (section, key) {
        (Some(section), Some(key)) => format!("{section}.{key}"),
        (None, Some(key)) => key.to_owned(),
        (Some(section), None) => format!("[{section}]"),
        (None, None) => current.trim().to_owned(),
    };
    (line, dotted)
}

fn line_of(text: &str, section: &str, key: &str) -> usize {
    let mut current = None;
    for (index, line) in text.lines().enumerate() {
        current = section_of(line).or(current);
        let here = line.split_once('=').map(|(name, _)| name.trim());
        if current == Some(section) && here == Some(key) {
            return index + 1;
        }
    }
    1
}

fn section_of(line: &str) -> Option<&str> {
    line.trim().strip_prefix('[')?.split(']').next()
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::SAMPLE;
    use super::*;

    fn error_of(text: &str) -> String {
        read(Path::new("weir.toml"), text).unwrap_err().to_string()
    }

    fn with(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        load(None, variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn the_sample_holds_every_key_at_its_default() {
        assert_eq!(read(Path::new("weir.toml"), SAMPLE).unwrap(), Config::default());
        let optional = [("geo", "country_db"), ("geo", "network_db"), ("verdict", "policy"), ("ids", "guest")];
        let table = Table::try_from(Config::default()).unwrap();
        let required = table.iter().flat_map(|(section, keys)| {
            keys.as_table().unwrap().keys().map(move |key| (section.as_str(), key.as_str()))
        });
        for (section, key) in required.chain(optional) {
            let mut current = "";
            let found = SAMPLE.lines().any(|line| {
                current = section_of(line).unwrap_or(current);
                current == section && line.trim_start_matches("# ").starts_with(&format!("{key} ="))
            });
            assert!(found, "[{section}] {key} is not in the sample");
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = error_of("[server]\nlisten = \"127.0.0.1:1\"\nlistn = 3\n");
        assert!(error.starts_with("weir.toml:3: server.listn: unknown field"), "{error}");
        let error = error_of("[sevrer]\n");
        assert!(error.starts_with("weir.toml:1: [sevrer]: unknown field"), "{error}");
    }

    #[test]
    fn a_wrong_type_or_value_is_named_with_its_line() {
        let error = error_of("\n[sql]\ntimeout_ms = \"soon\"\n");
        assert!(error.starts_with("weir.toml:3: sql.timeout_ms: invalid type"), "{error}");
        let error = error_of("[server]\nlisten = \"localhost\"\n");
        assert!(error.starts_with("weir.toml:2: server.listen: invalid socket address"), "{error}");
        let error = error_of("[sql]\nthreads = 1\nconcurrency_max = 0\n");
        assert_eq!(error, "weir.toml:3: sql.concurrency_max: must be at least 1");
        let error = error_of("[server\n");
        assert!(error.starts_with("weir.toml:1: "), "{error}");
    }

    #[test]
    fn the_environment_overrides_every_kind_of_key() {
        let config = with(&[
            ("WEIR_SQL_TIMEOUT_MS", "5000"),
            ("WEIR_SERVER_LISTEN", "127.0.0.1:0"),
            ("WEIR_SERVER_TRUSTED_PROXIES", "10.0.0.0/8, 192.168.0.1"),
            ("WEIR_GEO_COUNTRY_DB", "/tmp/country.mmdb"),
            ("WEIR_LOG", "debug"),
            ("WEIR_PORT_8600_TCP", "tcp://10.0.0.1:8600"),
        ])
        .unwrap();
        assert_eq!(config.sql.timeout_ms, 5_000);
        assert_eq!(config.server.listen.port(), 0);
        assert_eq!(config.server.trusted_proxies.len(), 2);
        assert_eq!(config.geo.country_db, Some(PathBuf::from("/tmp/country.mmdb")));
    }

    #[test]
    fn a_bad_variable_is_named() {
        let error = with(&[("WEIR_SQL_TIMEOUT_MS", "soon")]).unwrap_err().to_string();
        assert!(error.starts_with("environment variable WEIR_SQL_TIMEOUT_MS: invalid type"), "{error}");
        let error = with(&[("WEIR_SERVER_LISTN", "x")]).unwrap_err().to_string();
        assert!(error.contains("WEIR_SERVER_LISTN: unknown field"), "{error}");
        let error = with(&[("WEIR_SQL_THREADS", "0")]).unwrap_err().to_string();
        assert!(error.contains("must be at least 1"), "{error}");
    }
}
