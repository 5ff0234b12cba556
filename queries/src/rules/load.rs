//! The files of rules: those built in and the operators' own, where the same name overrides. Reads files, compiles them,
//! and notices when they change. A bad file is reported and the others go on.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rust_embed::RustEmbed;

use crate::catalogue::SourceProblem;

use super::compile::RuleCompiler;
use super::rule::Rule;

/// The most files that one directory may hold.
pub const RULE_FILES_MAX: usize = 1_000;
/// The largest file, as the engine limits a statement.
pub const RULE_BYTES_MAX: usize = 64 << 10;
/// The longest name of a rule.
const NAME_BYTES_MAX: usize = 64;
/// What reasons of other kinds are called: no rule may be mistaken for one. And what the pages that make rules are called.
const NAMES_TAKEN: [&str; 4] = ["override", "score", "new", "save"];

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/rules"]
struct BuiltIn;

/// What was read from the files.
#[derive(Clone, Debug, Default)]
pub struct LoadedRules {
    /// The rules that are in order, by name.
    pub rules: Vec<Arc<Rule>>,
    /// What is wrong with the other files.
    pub problems: Vec<SourceProblem>,
}

/// The places where rules lie.
pub struct RuleFiles {
    directories: Vec<PathBuf>,
    stamps: Option<Stamps>,
    /// The last good rule of each file that has become bad since: it stays in force until the file is mended.
    last_good: BTreeMap<String, Arc<Rule>>,
}

/// What tells a change: each file's length and time.
type Stamps = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

struct Source {
    file: String,
    text: Result<String, String>,
}

impl RuleFiles {
    /// Returns the built-in rules and those of these directories, later ones overriding. A directory need not exist.
    #[must_use]
    pub fn new(directories: Vec<PathBuf>) -> Self {
        Self { directories, stamps: None, last_good: BTreeMap::new() }
    }

    /// Reads all files. A file that was good before and is bad now leaves its last good rule in force.
    pub fn load(&mut self, compiler: &RuleCompiler) -> LoadedRules {
        self.stamps = Some(self.stamp());
        let mut loaded = LoadedRules::default();
        let mut sources = built_in();
        for directory in &self.directories {
            read_directory(directory, &mut sources, &mut loaded.problems);
        }
        for (name, source) in sources {
            let text = source.text.map_err(|message| SourceProblem::new(&source.file, 0, message, None));
            let last = self.last_good.get(&name).filter(|last| last.file == source.file);
            let compile = |text: String| match last {
                Some(last) if *last.text == *text => Ok(Arc::clone(last)),
                _ => compiler.compile(&name, &source.file, &text).map(Arc::new),
            };
            match text.and_then(compile) {
                Ok(rule) => loaded.rules.push(rule),
                Err(problem) => {
                    loaded.problems.push(problem);
                    loaded.rules.extend(last.cloned());
                }
            }
        }
        self.last_good = loaded.rules.iter().map(|rule| (rule.name.to_string(), Arc::clone(rule))).collect();
        loaded
    }

    /// Reads all files again if one of them was added, removed or changed since.
    pub fn reload_if_changed(&mut self, compiler: &RuleCompiler) -> Option<LoadedRules> {
        (self.stamps.as_ref() != Some(&self.stamp())).then(|| self.load(compiler))
    }

    fn stamp(&self) -> Stamps {
        let paths = self.directories.iter().flat_map(|directory| sql_files(directory).unwrap_or_default());
        let stamp = |path: PathBuf| {
            let metadata = fs::metadata(&path).ok()?;
            Some((path, (metadata.len(), metadata.modified().ok())))
        };
        paths.filter_map(stamp).collect()
    }
}

/// Checks a rule's name.
///
/// # Errors
/// What to name it instead.
pub fn check_rule_name(name: &str) -> Result<(), &'static str> {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_letter) {
        return Err("name it with 1 to 64 of a-z, 0-9 and _, as in `card_testing`");
    }
    if NAMES_TAKEN.contains(&name) {
        return Err(
            "`override` and `score` are what reasons of other kinds are called, `new` and `save` are pages; take another name",
        );
    }
    Ok(())
}

fn built_in() -> BTreeMap<String, Source> {
    let source = |path: std::borrow::Cow<'static, str>| {
        let name = path.strip_suffix(".sql")?.to_owned();
        let file = BuiltIn::get(&path)?;
        let text = String::from_utf8(file.data.into_owned()).map_err(|_| "it is not UTF-8".to_owned());
        Some((name, Source { file: format!("built-in rules/{path}"), text }))
    };
    BuiltIn::iter().filter_map(source).collect()
}

/// Adds a directory's files to the sources, over those of the same name.
fn read_directory(directory: &Path, sources: &mut BTreeMap<String, Source>, problems: &mut Vec<SourceProblem>) {
    let files = match sql_files(directory) {
        Ok(files) => files,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => {
            let message = format!("the directory cannot be read: {error}");
            problems.push(SourceProblem::new(&directory.display().to_string(), 0, message, None));
            return;
        }
    };
    if files.len() > RULE_FILES_MAX {
        let message = format!("the directory holds more than {RULE_FILES_MAX} files; only the first are read");
        problems.push(SourceProblem::new(&directory.display().to_string(), 0, message, None));
    }
    for path in files.into_iter().take(RULE_FILES_MAX) {
        let file = path.display().to_string();
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        if let Err(remedy) = check_rule_name(&name) {
            let message = "the file's name is not a rule's name";
            problems.push(SourceProblem::new(&file, 0, message, Some(remedy.to_owned())));
            continue;
        }
        let text = read_file(&path);
        sources.insert(name, Source { file, text });
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    let length = fs::metadata(path).map_err(|error| format!("it cannot be read: {error}"))?.len();
    if length > RULE_BYTES_MAX as u64 {
        return Err(format!("it is larger than {} KiB", RULE_BYTES_MAX >> 10));
    }
    fs::read_to_string(path).map_err(|error| format!("it cannot be read: {error}"))
}

fn sql_files(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}
