//! Judges events: each becomes a row of its kind, or a row of `rejects` with a code; never both, never neither.
//!
//! The way of one event: its fields are read flat (`read`), each is found in its kind's table (`fields`), checked,
//! scrubbed and put into its cell (`admission`), what is not its sender's to say is added (`enrichment`), or a refusal is
//! written down (`refusal`). Whether an event is a duplicate is the log writer's to tell.

mod admission;
mod enrichment;
mod fields;
mod ids;
mod read;
mod refusal;
mod stack;
pub(crate) mod time;

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::adapters::{Fate, Refused, Translated, Translation};
use crate::dedupe::Fingerprinter;
use crate::enrich::Enricher;
use crate::grouping::Grouper;
use crate::limits::{BodyError, Limits};
use crate::outcome::{Reject, RejectCode};
use crate::row::Rows;
use crate::sender::Sender;
use crate::traces::Frame;
use crate::wire::{Piece, split};

use admission::Admission;
use enrichment::Memo;
use read::{NoEvent, RawField, read_fields};
use refusal::Refusal;

/// Turns bodies into rows.
pub struct Judge {
    limits: Limits,
    fingerprinter: Fingerprinter,
    enricher: Arc<Enricher>,
    grouper: ArcSwap<Grouper>,
}

/// What became of a body's events, but for duplicates, which the log writer finds.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// One row an event, in their order: of its own kind, or of `rejects`.
    pub rows: Rows,
    /// How many events there were.
    pub received: u32,
    /// The events that were refused, in their order.
    pub rejects: Vec<Reject>,
}

impl Judge {
    /// Makes a judge.
    #[must_use]
    pub fn new(limits: Limits, fingerprinter: Fingerprinter, enricher: Arc<Enricher>) -> Self {
        Self { limits, fingerprinter, enricher, grouper: ArcSwap::default() }
    }

    /// Groups errors by another version of the rules from now on.
    pub fn set_grouper(&self, grouper: Arc<Grouper>) {
        self.grouper.store(grouper);
    }

    /// Returns how errors are grouped now.
    #[must_use]
    pub fn grouper(&self) -> Arc<Grouper> {
        self.grouper.load_full()
    }

    /// Turns a decompressed body (object, array or NDJSON) into rows: one outcome per event. Rejected events become
    /// `Kind::Rejects` rows in the same rows.
    ///
    /// # Errors
    /// [`BodyError::Unreadable`] when the body is no array, and not one line of it is a JSON object;
    /// [`BodyError::TooLarge`] when it holds more than `events_max` events. Nothing is judged then.
    pub fn judge(&self, body: &[u8], sender: &Sender) -> Result<Judged, BodyError> {
        let pieces = split(body, &self.limits)?;
        let mut request = Request::new(self, sender, Rows::with_room(pieces.list.len(), body.len()));
        for (index, piece) in (0..).zip(&pieces.list) {
            request.decide(index, *piece, &[]);
        }
        match request.judged.rejects.first() {
            Some(first) if pieces.presumed && request.objects == 0 => {
                Err(BodyError::Unreadable(format!("the body holds no JSON object: {}", first.message)))
            }
            _ => Ok(request.judged),
        }
    }

    /// Judges what an SDK sent, once it is in our own words. What was skipped is no event: it has no outcome. An event's
    /// index is its place in the SDK's request.
    #[must_use]
    pub fn judge_translation(&self, translation: &Translation, sender: &Sender) -> Judged {
        let events = &translation.events;
        let bytes = events.iter().map(Translated::bytes).sum();
        let mut request = Request::new(self, sender, Rows::with_room(events.len(), bytes));
        for (index, event) in (0..).zip(events) {
            match &event.fate {
                Fate::Native(event) => request.decide(index, Piece::Text(&event.text), &event.frames),
                Fate::Refused(refused) => request.refuse_untranslated(index, event.id.as_deref(), refused),
                Fate::Skipped(_) => {}
            }
        }
        request.judged
    }
}

/// One body being judged.
struct Request<'r, 'a> {
    judge: &'r Judge,
    sender: &'r Sender,
    memo: Memo<'a>,
    /// The fields of the event at hand; empty if they could not be read.
    fields: Vec<RawField<'a>>,
    judged: Judged,
    /// Events so far that were JSON objects, or too large to tell.
    objects: u32,
}

impl<'r, 'a> Request<'r, 'a> {
    fn new(judge: &'r Judge, sender: &'r Sender, rows: Rows) -> Self {
        Self {
            judge,
            sender,
            memo: Memo::new(judge.enricher.salt(sender.now)),
            fields: Vec::with_capacity(32),
            judged: Judged { rows, ..Judged::default() },
            objects: 0,
        }
    }

    /// Decides on an event; `frames` is its stack where that is not in its text.
    fn decide(&mut self, index: u32, piece: Piece<'a>, frames: &'a [Frame<'static>]) {
        self.judged.received += 1;
        self.fields.clear();
        let (event, admitted) = match piece {
            Piece::Text(text) => (Some(text), self.read(text).and_then(|()| self.admit(index, frames))),
            Piece::NotText => (None, Err(Refusal::new(RejectCode::InvalidJson, "the line is not UTF-8"))),
        };
        if let Err(refusal) = admitted {
            self.refuse(index, event, refusal);
        }
    }

    fn read(&mut self, text: &'a str) -> Result<(), Refusal> {
        let bytes_max = self.judge.limits.event_bytes_max;
        if text.len() > bytes_max {
            self.objects += 1;
            return Err(Refusal::new(RejectCode::TooLarge, format!("an event may have at most {bytes_max} bytes")));
        }
        match read_fields(text, &mut self.fields) {
            Ok(()) => {
                self.objects += 1;
                Ok(())
            }
            Err(NoEvent::NoObject) => Err(Refusal::new(RejectCode::InvalidJson, "an event must be a JSON object")),
            Err(NoEvent::Broken(problem)) => {
                Err(Refusal::new(RejectCode::InvalidJson, format!("not valid JSON: {problem}")))
            }
        }
    }

    fn admit(&mut self, index: u32, frames: &'a [Frame<'static>]) -> Result<(), Refusal> {
        let kind = admission::permitted_kind(&self.fields, self.sender)?;
        let row = self.judged.rows.begin(kind);
        let mut admission = Admission::new(self.judge, self.sender, &mut self.memo, kind, row);
        for (name, raw) in &self.fields {
            admission.take(name, raw)?;
        }
        if !frames.is_empty() {
            admission.take_frames(frames);
        }
        admission.finish(index)
    }

    fn refuse(&mut self, index: u32, event: Option<&str>, refusal: Refusal) {
        let given = |name: &str| {
            let (_, raw) = self.fields.iter().find(|(given, _)| given == name)?;
            read::text(name, raw).ok()
        };
        let (kind, id) = (given("kind"), given("id"));
        // What could not be taken apart is not kept.
        let event = event.filter(|_| !self.fields.is_empty());
        self.write_down(index, refusal, id.as_deref(), kind.as_deref(), event);
    }

    /// Writes down an event that could not be put into our own words.
    fn refuse_untranslated(&mut self, index: u32, id: Option<&str>, refused: &Refused) {
        self.judged.received += 1;
        let refusal = Refusal::new(refused.code, refused.message.as_str());
        self.write_down(index, refusal, id, refused.kind.as_deref(), refused.event.as_deref());
    }

    fn write_down(&mut self, index: u32, refusal: Refusal, id: Option<&str>, kind: Option<&str>, event: Option<&str>) {
        // The event of somebody who opted out is counted, and none of it kept. Nor is what is too large.
        let bytes_max = self.judge.limits.event_bytes_max;
        let keepable = event.filter(|text| !is_opted_out(self.sender) && text.len() <= bytes_max);
        refusal::write_row(&mut self.judged.rows, self.sender, &refusal, kind, keepable);
        let id = id.map(|id| crate::scrub::cut(id, read::ID_BYTES_MAX).to_owned());
        self.judged.rejects.push(Reject { index, id, code: refusal.code, message: refusal.message });
    }
}

/// Tells whether only what security and billing need may be kept of this request. A server speaks for many people.
fn is_opted_out(sender: &Sender) -> bool {
    sender.opted_out && sender.trust == crate::row::Trust::Public
}

#[cfg(test)]
pub(crate) mod tests;
