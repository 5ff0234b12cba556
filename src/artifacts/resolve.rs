//! A stack as its sources have it: each frame of a served file is looked up in the file's map. What cannot be looked up stays
//! as it was sent, and says why.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::index::Place;
use super::map::{Original, SourceContext};
use super::url::{common_tail, spellings};
use super::{Artifacts, Loaded};

/// Frames of one stack that are looked at; the judge keeps no more.
const FRAMES_MAX: usize = 100;
/// Maps that one stack may need.
const MAPS_MAX: usize = 20;
/// What they may take in memory together, but for the last one.
const MAPS_BYTES_MAX: usize = 128 << 20;
/// What Node names the files in that are its own.
const RUNTIME: &[&str] = &["node:", "internal/"];
const SCRIPTS: &[&str] = &[".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".bundle"];
/// Where sources lie that are not the app's own.
const VENDORED: &[&str] = &["node_modules/", "webpack/runtime/", "webpack/bootstrap", "bower_components/"];

/// A frame of a stack, as the table `errors` keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Frame {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) module: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) function: Option<String>,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<i64>,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) col: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) in_app: Option<bool>,
}

/// Which map belongs to a file of a stack: an entry of `properties.debug_meta.images`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct DebugImage {
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) code_file: String,
    #[serde(default)]
    pub(crate) debug_id: String,
}

/// A frame as its source has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ResolvedFrame {
    /// The source's file, line, column and function where they are known; else as it was sent.
    #[serde(flatten)]
    pub(crate) frame: Frame,
    /// The lines around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<SourceContext>,
    /// What was sent, where the above is something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) minified: Option<Frame>,
    /// What it would take to tell more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) missing: Option<String>,
}

impl Artifacts {
    /// Resolves a stack, newest frame first. It may read and decode maps, and is not for threads that serve requests.
    ///
    /// Limits: a hundred frames, twenty maps.
    pub(crate) fn resolve(
        &self,
        frames: &[Frame],
        images: &[DebugImage],
        release: Option<&str>,
        now: i64,
    ) -> Vec<ResolvedFrame> {
        let mut stack = Stack { artifacts: self, images, release, now, loaded: HashMap::new() };
        let frames = &frames[..frames.len().min(FRAMES_MAX)];
        let found: Vec<Result<Original, Option<String>>> = frames.iter().map(|frame| stack.find(frame)).collect();
        let resolved: Vec<ResolvedFrame> = frames
            .iter()
            .enumerate()
            .map(|(at, frame)| shape(frame, &found[at], found.get(at + 1).and_then(|caller| caller.as_ref().ok())))
            .collect();
        for frame in &resolved {
            let outcome = match (&frame.minified, &frame.missing) {
                (Some(_), None) => "resolved",
                (Some(_), Some(_)) => "without_source",
                (None, Some(_)) => "missing",
                (None, None) => "as_sent",
            };
            metrics::counter!("weir_source_map_frames_total", "outcome" => outcome).increment(1);
        }
        resolved
    }
}

/// One stack that is being resolved.
struct Stack<'a> {
    artifacts: &'a Artifacts,
    images: &'a [DebugImage],
    release: Option<&'a str>,
    now: i64,
    loaded: HashMap<Place, Arc<Loaded>>,
}

impl Stack<'_> {
    /// Finds a frame's source; else why it is not known, or nothing where there is nothing to know.
    fn find(&mut self, frame: &Frame) -> Result<Original, Option<String>> {
        let (Some(file), Some(line)) = (frame.file.as_deref(), frame.line) else { return Err(None) };
        if RUNTIME.iter().any(|runtime| file.starts_with(runtime)) {
            return Err(None);
        }
        let place = self.place(file, frame)?;
        let loaded = self.load(place)?;
        let map = match &*loaded {
            Loaded::Map(map) => map,
            Loaded::Broken(why) => return Err(Some(format!("source map for file {file} cannot be read: {why}"))),
        };
        // Some engines tell no column; then the line's first place is the best there is.
        let col = frame.col.unwrap_or(1);
        let function = frame.function.as_deref().map(bare_name);
        map.locate(line, col, function)
            .ok_or_else(|| Some(format!("map lacks the position: line {line}, column {col} of file {file}")))
    }

    fn place(&self, file: &str, frame: &Frame) -> Result<Place, Option<String>> {
        let unread = |missing: String| {
            let hint =
                if self.artifacts.is_loaded() { "" } else { " (those that were are still being read; ask again)" };
            Some(missing + hint)
        };
        let index = self.artifacts.index();
        if let Some(image) = image_of(file, self.images) {
            let id = Uuid::parse_str(&image.debug_id).ok();
            let place = id.and_then(|id| index.of_id(id)).or_else(|| self.by_release(&index, file));
            return place.ok_or_else(|| {
                unread(format!("source map with debug id {} for file {file} was not uploaded", image.debug_id))
            });
        }
        if let Some(place) = self.by_release(&index, file) {
            return Ok(place);
        }
        let is_script = SCRIPTS.iter().any(|ending| file.ends_with(ending)) || file.contains("://");
        if !is_script || frame.in_app == Some(false) {
            return Err(None);
        }
        Err(unread(match self.release {
            Some(release) => format!(
                "source map for file {file} of release {release} was not uploaded, and the file has no debug id"
            ),
            None => format!("file {file} has no debug id, and the error no release by which to find its source map"),
        }))
    }

    fn by_release(&self, index: &super::index::Index, file: &str) -> Option<Place> {
        let release = self.release?;
        spellings(file).iter().find_map(|url| index.of_url(release, url))
    }

    fn load(&mut self, place: Place) -> Result<Arc<Loaded>, Option<String>> {
        if let Some(loaded) = self.loaded.get(&place) {
            return Ok(Arc::clone(loaded));
        }
        if self.loaded.len() == MAPS_MAX {
            return Err(Some(format!("only {MAPS_MAX} source maps are read for one stack")));
        }
        if self.loaded.values().map(|loaded| loaded.bytes()).sum::<usize>() > MAPS_BYTES_MAX {
            return Err(Some(format!("only {MAPS_BYTES_MAX} bytes of source maps are read for one stack")));
        }
        let loaded = self.artifacts.load_map(place, self.now);
        self.loaded.insert(place, Arc::clone(&loaded));
        Ok(loaded)
    }
}

/// Returns the image of a file: the one of its name, else the only one whose path ends most alike. What stands before may have
/// been scrubbed from one and not from the other.
fn image_of<'a>(file: &str, images: &'a [DebugImage]) -> Option<&'a DebugImage> {
    let maps = || images.iter().filter(|image| image.kind == "sourcemap");
    if let Some(image) = maps().find(|image| image.code_file == file) {
        return Some(image);
    }
    let alike = |image: &DebugImage| common_tail(&image.code_file, file);
    let most = maps().map(alike).max().filter(|most| *most > 0)?;
    let mut best = maps().filter(|image| alike(image) == most);
    best.next().filter(|_| best.next().is_none())
}

/// Makes a frame's answer. `caller` is the place from which it was called.
fn shape(frame: &Frame, found: &Result<Original, Option<String>>, caller: Option<&Original>) -> ResolvedFrame {
    let original = match found {
        Ok(original) => original,
        Err(missing) => return ResolvedFrame { frame: frame.clone(), missing: missing.clone(), ..Default::default() },
    };
    // A caller names what it calls; that is this function if both are served under one name.
    let as_called = caller
        .and_then(|caller| caller.word.as_ref())
        .filter(|(served, _)| frame.function.as_deref().is_some_and(|function| bare_name(function) == served));
    let function = original.function.clone().or_else(|| as_called.map(|(_, name)| name.clone()));
    let is_vendored = VENDORED.iter().any(|place| original.file.contains(place));
    let missing =
        original.context.is_none().then(|| format!("source content of {} not included in its map", original.file));
    ResolvedFrame {
        frame: Frame {
            module: frame.module.clone(),
            file: Some(original.file.clone()),
            function: function.or_else(|| frame.function.clone()),
            line: Some(original.line),
            col: Some(original.col),
            in_app: if is_vendored { Some(false) } else { frame.in_app },
        },
        context: original.context.clone(),
        minified: Some(frame.clone()),
        missing,
    }
}

/// Returns the last part of a function's name as engines write it: `async Object.a` is `a`.
fn bare_name(function: &str) -> &str {
    let function = function.split(" [as ").next().unwrap_or_default();
    function.rsplit(['.', ' ']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
