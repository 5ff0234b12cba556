//! What has happened: events and labels as text, up to the number asked for. Knows the frame that every event has.

use super::clock::Stamp;
use super::ids::{Id, Ids, push_letters};
use super::labels::{self, Deed, Story};
use super::line::Object;

/// The record of a simulation. Whoever runs it takes the text and clears it.
pub(crate) struct Journal {
    /// Events not yet taken, one a line.
    pub(crate) events: String,
    /// Labels not yet taken, one a line.
    pub(crate) labels: String,
    /// Identifiers of everything but events.
    pub(crate) ids: Ids,
    event_ids: Ids,
    stamp: Stamp,
    written: u64,
    limit: u64,
    accepted: bool,
}

impl Journal {
    /// Begins a journal that ends after `limit` events.
    pub(crate) fn new(seed: u64, limit: u64) -> Self {
        Self {
            events: String::new(),
            labels: String::new(),
            ids: Ids::new(seed),
            event_ids: Ids::new(!seed),
            stamp: Stamp::default(),
            written: 0,
            limit,
            accepted: false,
        }
    }

    /// Returns a new identifier.
    pub(crate) fn id(&mut self) -> Id {
        self.ids.next()
    }

    /// Returns how many events were written in all.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Tells whether all events that were asked for are written.
    pub(crate) fn is_full(&self) -> bool {
        self.written >= self.limit
    }

    /// Writes an event: its frame, then its own fields, then the visit's. A full journal ignores it.
    pub(crate) fn event(
        &mut self,
        at_ms: i64,
        kind: &str,
        context: &str,
        write: impl FnOnce(&mut Object<'_>, &mut Stamp),
    ) {
        self.accepted = !self.is_full();
        if !self.accepted {
            return;
        }
        self.written += 1;
        let id = self.event_ids.next();
        self.events.push_str("{\"id\":\"evt_");
        push_letters(at_ms as u64, 12, &mut self.events);
        id.write("", &mut self.events);
        self.events.push_str("\",");
        let mut object = Object::loose(&mut self.events);
        object.text("kind", kind).time("ts", at_ms, &mut self.stamp);
        write(&mut object, &mut self.stamp);
        object.fields(context);
        object.close();
        self.events.push('\n');
    }

    /// Tells whether the last event was still taken.
    pub(crate) fn took(&self) -> bool {
        self.accepted
    }

    /// Writes the truth about an entity that was seen.
    pub(crate) fn label(&mut self, at_ms: i64, story: Story, entity: (&str, &str), deed: Option<&Deed<'_>>) {
        labels::write(story, entity, deed, at_ms, &mut self.stamp, &mut self.labels);
    }
}
