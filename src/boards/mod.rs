//! Dashboards as files: those that come with the program, the user's own over them in the data directory, the operator's over
//! both. They are read when somebody looks, so that a change is there at the next look. What is in them is `dashboards::spec`'s
//! to say; `question.rs` makes of a panel and its stored query what is asked.

mod own;
mod question;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use dashboards::board::BoardOrigin;
use dashboards::spec::{self, Board, Chart, Control, FILE_BYTES_MAX, PanelSpec, SpecProblem, is_word};
use queries::{Catalogue, StoredQuery};
use tokio::sync::{Semaphore, SemaphorePermit};

pub(crate) use own::OwnBoardError;
pub(crate) use question::{Question, Roles, column_before, resolve};

/// Panels that are asked at a time, half of the engine's turns: a dashboard asks for all that is on the screen at once, and whoever asks
/// by hand shall not wait for it. The others wait here.
const PANELS_AT_ONCE: usize = 4;
/// The most files of one directory.
const FILES_MAX: usize = 200;

/// Where dashboards lie.
pub(crate) struct Boards {
    /// The user's own, saved over HTTP.
    own: PathBuf,
    /// The operator's, the last over the others.
    operators: Vec<PathBuf>,
    /// One change at a time: what is looked at stays true until the file is written.
    changes: Mutex<()>,
    turns: Semaphore,
}

/// One dashboard's file, read.
pub(crate) struct BoardFile {
    /// Its name.
    pub(crate) name: String,
    /// Its text; empty if it could not be read.
    pub(crate) text: String,
    /// Where it is from.
    pub(crate) origin: BoardOrigin,
    /// What it says.
    pub(crate) board: Result<Board, SpecProblem>,
}

impl Boards {
    /// Makes them for directories, which need not exist.
    pub(crate) fn new(own: PathBuf, operators: Vec<PathBuf>) -> Self {
        Self { own, operators, changes: Mutex::new(()), turns: Semaphore::new(PANELS_AT_ONCE) }
    }

    /// Waits for a panel's turn; it ends when what is returned is dropped.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    /// Returns where the user's own lie.
    pub(crate) fn own_directory(&self) -> &Path {
        &self.own
    }

    /// Reads all, by name. Waits for the disk.
    pub(crate) fn list(&self) -> Vec<BoardFile> {
        let mut files: Vec<BoardFile> = Vec::new();
        let mut put = |file: BoardFile| match files.iter_mut().find(|known| known.name == file.name) {
            Some(known) => *known = file,
            None => files.push(file),
        };
        spec::shipped().into_iter().for_each(|(name, text)| put(shipped(name, text)));
        for (origin, directory) in self.directories() {
            for name in names(directory) {
                put(read(&name, &directory.join(format!("{name}.toml")), origin));
            }
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        files
    }

    /// Reads one. Waits for the disk.
    pub(crate) fn find(&self, name: &str) -> Option<BoardFile> {
        if !is_word(name) {
            return None;
        }
        let file = self.directories().into_iter().rev().find_map(|(origin, directory)| {
            let path = directory.join(format!("{name}.toml"));
            path.is_file().then(|| read(name, &path, origin))
        });
        let comes_with_us = || {
            let found = spec::shipped().into_iter().find(|(shipped, _)| shipped == name);
            found.map(|(name, text)| shipped(name, text))
        };
        file.or_else(comes_with_us)
    }

    /// Lists the directories, the last over the others.
    fn directories(&self) -> Vec<(BoardOrigin, &Path)> {
        let operators = self.operators.iter().map(|directory| (BoardOrigin::Operator, directory.as_path()));
        std::iter::once((BoardOrigin::Own, self.own.as_path())).chain(operators).collect()
    }
}

/// Finds the query of a panel, and which of its columns is what.
///
/// # Errors
/// What is not there, with the panel's line.
pub(crate) fn checked<'c>(
    file: &str,
    panel: &PanelSpec,
    catalogue: &'c Catalogue,
) -> Result<(&'c StoredQuery, Roles), SpecProblem> {
    let Some(query) = catalogue.get(&panel.query) else {
        return Err(SpecProblem {
            file: file.to_owned(),
            line: panel.line,
            message: format!("there is no stored query named `{}`", panel.query),
            remedy: catalogue.hint(&panel.query).unwrap_or_default(),
        });
    };
    Ok((query, resolve(file, panel, query)?))
}

/// Lists all that is wrong with a dashboard: its file, its panels, and what these name.
pub(crate) fn problems(file: &BoardFile, catalogue: &Catalogue) -> Vec<SpecProblem> {
    let board = match &file.board {
        Ok(board) => board,
        Err(problem) => return vec![problem.clone()],
    };
    let name = format!("{}.toml", file.name);
    let panel = |panel: &Result<PanelSpec, SpecProblem>| match panel {
        Err(problem) => Some(problem.clone()),
        Ok(panel) if panel.chart == Chart::Text => None,
        Ok(panel) => checked(&name, panel, catalogue).err(),
    };
    let panels = board.panels.iter().filter_map(panel);
    // A control that no query has a parameter for would do nothing.
    let has = |name: &str| {
        let queries = board.panels.iter().flatten().filter_map(|panel| catalogue.get(&panel.query));
        queries.flat_map(|query| &query.params).any(|param| param.name == name)
    };
    let idle = board.controls.iter().filter_map(|control| match control {
        Control::Param(control) if !has(control) => Some(SpecProblem {
            file: name.clone(),
            line: 1,
            message: format!("no query of its panels has a parameter `{control}`"),
            remedy: "leave it out of `controls`".to_owned(),
        }),
        _ => None,
    });
    panels.chain(idle).collect()
}

fn shipped(name: String, text: String) -> BoardFile {
    let board = Board::parse(&name, &format!("{name}.toml"), &text);
    BoardFile { board, name, text, origin: BoardOrigin::Shipped }
}

/// Lists the names of the files of a directory. One that cannot be read has none.
fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let name = |path: PathBuf| Some(path.file_name()?.to_str()?.strip_suffix(".toml")?.to_owned());
    let mut names: Vec<String> = entries.filter_map(|entry| name(entry.path())).collect();
    names.sort();
    names.truncate(FILES_MAX);
    names
}

fn read(name: &str, path: &Path, origin: BoardOrigin) -> BoardFile {
    let file = format!("{name}.toml");
    let problem =
        |message: String, remedy: &str| SpecProblem { file: file.clone(), line: 1, message, remedy: remedy.to_owned() };
    let is_small = std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() <= FILE_BYTES_MAX as u64);
    let text = if !is_word(name) {
        Err(problem(format!("`{name}` is no name"), "take small letters, digits and _"))
    } else if !is_small {
        Err(problem(format!("it is no file, or over {FILE_BYTES_MAX} bytes"), ""))
    } else {
        std::fs::read_to_string(path).map_err(|error| problem(format!("the file cannot be read: {error}"), ""))
    };
    let board = text.as_deref().map_err(Clone::clone).and_then(|text| Board::parse(name, &file, text));
    BoardFile { name: name.to_owned(), text: text.unwrap_or_default(), origin, board }
}

#[cfg(test)]
mod tests;
