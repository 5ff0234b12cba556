//! Lines gathered into requests, read ahead by one thread while another sends.

use std::io;
use std::ops::Range;

use super::event;
use super::source::{LINE_BYTES_MAX, Line, Source};

/// A body stays below this, whatever the number of its events.
const BODY_BYTES_MAX: usize = 40 << 20;

/// An event in a batch.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The line's number in the file, from 1.
    pub(super) number: u64,
    /// Where in the body it stands, its line's end included.
    pub(super) range: Range<usize>,
}

/// A line that is not sent.
#[derive(Clone, Debug)]
pub(super) struct Skipped {
    /// The line's number.
    pub(super) number: u64,
    /// A reject code of the API.
    pub(super) code: &'static str,
    /// What is wrong with it.
    pub(super) message: String,
    /// The line.
    pub(super) text: String,
}

/// Events for one request.
#[derive(Clone, Debug, Default)]
pub(super) struct Batch {
    /// The events, one a line.
    pub(super) body: Vec<u8>,
    /// Where each stands.
    pub(super) items: Vec<Item>,
    /// Lines among them that are not sent.
    pub(super) skipped: Vec<Skipped>,
    /// The number of the last line looked at: where an import stands after this batch.
    pub(super) last_line: u64,
}

impl Batch {
    /// Reads the next events of a file, at most `events_max`; an empty batch means the end.
    ///
    /// # Errors
    /// When the file cannot be read further. What was gathered until then is in `batch`.
    pub(super) fn fill(&mut self, source: &mut Source, events_max: usize) -> io::Result<()> {
        let hash = source.hash.clone();
        while self.items.len() < events_max
            && self.skipped.len() < events_max
            && self.body.len() + LINE_BYTES_MAX < BODY_BYTES_MAX
        {
            match source.next()? {
                None => break,
                Some(Line::TooLong(number)) => {
                    self.last_line = number;
                    let message = format!("the line is longer than {LINE_BYTES_MAX} bytes");
                    self.skipped.push(Skipped { number, code: "too_large", message, text: String::new() });
                }
                Some(Line::Text(number, line)) => {
                    self.last_line = number;
                    self.append(line, &hash, number);
                }
            }
        }
        Ok(())
    }

    /// Tells whether nothing was read.
    pub(super) fn is_end(&self) -> bool {
        self.last_line == 0
    }

    /// Returns the events of some of the items as a body.
    pub(super) fn bytes(&self, items: Range<usize>) -> &[u8] {
        let (Some(first), Some(last)) = (self.items.get(items.start), self.items.get(items.end.wrapping_sub(1))) else {
            return &[];
        };
        &self.body[first.range.start..last.range.end]
    }

    fn append(&mut self, line: &[u8], hash: &str, number: u64) {
        if line.is_empty() {
            return;
        }
        let start = self.body.len();
        match event::append(line, hash, number, &mut self.body) {
            Ok(()) => self.items.push(Item { number, range: start..self.body.len() }),
            Err(malformed) => {
                let text = String::from_utf8_lossy(line).into_owned();
                let message = malformed.message;
                self.skipped.push(Skipped { number, code: "invalid_json", message, text });
            }
        }
    }
}
