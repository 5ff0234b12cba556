//! One event on its way into a row: every field is checked, scrubbed and put into its cell.

use std::borrow::Cow;
use std::net::IpAddr;

use super::enrichment::Memo;
use super::fields::{Check, Field, FieldTable, Subject};
use super::read::{self, RawField};
use super::refusal::Refusal;
use super::{Judge, enrichment, ids, is_opted_out, stack};
use crate::enrich::EmailFacts;
use crate::grouping::{FINGERPRINT_BYTES_MAX, FINGERPRINT_PARTS_MAX};
use crate::kind::Kind;
use crate::outcome::RejectCode;
use crate::row::{RowWriter, Trust, Value};
use crate::scrub;
use crate::sender::{Sender, Source};
use crate::traces::Frame;

const TEXT_BYTES_MAX: usize = 512;
const MESSAGE_BYTES_MAX: usize = 2048;
const AGENT_BYTES_MAX: usize = 4096;
const DAY_US: i64 = 86_400_000_000;

/// An event being admitted; dropped before its end, it leaves nothing behind.
pub(super) struct Admission<'r, 'm, 'a> {
    judge: &'r Judge,
    sender: &'r Sender,
    memo: &'m mut Memo<'a>,
    kind: Kind,
    table: &'static FieldTable,
    row: RowWriter<'m>,
    draft: Draft<'a>,
}

/// What was read of an event that is not in its row's cells, or must be known when all fields are read.
#[derive(Default)]
pub(super) struct Draft<'a> {
    /// The numbers of the fields that came, and of those that were not null.
    named: u64,
    given: u64,
    /// The places of the cells that are set.
    pub cells: u64,
    id: Option<Cow<'a, str>>,
    ts: Option<i64>,
    has_subject: bool,
    op: &'static str,
    amount: i64,
    pub address: Option<IpAddr>,
    pub agent: Option<Cow<'a, str>>,
    pub email: Option<EmailFacts>,
    pub stack: stack::Stack<'a>,
    /// What an error's client wants it to be grouped by.
    pub grouped_by: Vec<Cow<'a, str>>,
}

/// Reads the kind of an event, and whether its sender may write it.
pub(super) fn permitted_kind(fields: &[RawField<'_>], sender: &Sender) -> Result<Kind, Refusal> {
    let missing = || Refusal::new(RejectCode::MissingField, "`kind` is missing");
    let (_, raw) = fields.iter().find(|(name, raw)| name == "kind" && *raw != "null").ok_or_else(missing)?;
    let word = read::text("kind", raw)?;
    let kind = Kind::from_wire(&word).ok_or_else(|| {
        let message = "`kind` must be usage, error, device, log, credit, payment, identity or session";
        Refusal::new(RejectCode::UnknownKind, message)
    })?;
    if sender.trust == Trust::Public && !public_may_send(kind, sender.source) {
        let message = format!("{} events need a server key", kind.wire());
        return Err(Refusal::new(RejectCode::ForbiddenKind, message));
    }
    if is_opted_out(sender) && kind != Kind::Errors {
        let message = format!("the person opted out of measurement: {} events are not kept", kind.wire());
        return Err(Refusal::new(RejectCode::ForbiddenKind, message));
    }
    Ok(kind)
}

/// SDKs may also tell of sessions and identities, as public facts.
fn public_may_send(kind: Kind, source: Source) -> bool {
    let is_sdk = matches!(source, Source::Sentry | Source::Segment | Source::Posthog | Source::Otlp);
    kind.public_may_send() || (is_sdk && matches!(kind, Kind::Sessions | Kind::Identities))
}

impl<'r, 'm, 'a> Admission<'r, 'm, 'a> {
    pub(super) fn new(
        judge: &'r Judge,
        sender: &'r Sender,
        memo: &'m mut Memo<'a>,
        kind: Kind,
        row: RowWriter<'m>,
    ) -> Self {
        Self { judge, sender, memo, kind, table: FieldTable::of(kind), row, draft: Draft::default() }
    }

    /// Takes one field in.
    pub(super) fn take(&mut self, name: &str, raw: &'a str) -> Result<(), Refusal> {
        let table = self.table;
        let found = table.find(name);
        if raw.starts_with(['{', '[']) {
            let limits = &self.judge.limits;
            // The event's own braces are the first level.
            let depth_max = match found {
                Some((_, field)) if field.check == Check::Properties => limits.properties_depth_max,
                _ => limits.json_depth_max - 1,
            };
            read::check_nesting(name, raw, depth_max)?;
        }
        let Some((number, field)) = found else {
            return Err(Refusal::field(name, format_args!("is no field of {} events", self.kind.wire())));
        };
        let bit = 1 << number;
        if self.draft.named & bit != 0 {
            return Err(Refusal::field(field.name, "is given twice"));
        }
        self.draft.named |= bit;
        if raw == "null" {
            return Ok(());
        }
        if self.read(field, raw)? {
            self.draft.given |= bit;
        }
        Ok(())
    }

    /// Takes a stack that was taken apart before.
    pub(super) fn take_frames(&mut self, frames: &'a [Frame<'static>]) {
        if let Some((_, field)) = self.table.find("stack") {
            self.put_stack(field, stack::keep(frames.iter().map(Frame::borrowed).collect()));
        }
    }

    fn put_stack(&mut self, field: &Field, stack: stack::Stack<'a>) {
        if let Some(place) = field.place {
            self.draft.cells |= 1 << place;
            self.row.frames(place, &stack.frames);
        }
        self.draft.stack = stack;
    }

    /// Reads one value and puts it where it belongs. Tells whether there was anything in it.
    fn read(&mut self, field: &Field, raw: &'a str) -> Result<bool, Refusal> {
        let name = field.name;
        match field.check {
            Check::Kind => {}
            Check::Id => self.draft.id = Some(read::id(name, raw)?),
            Check::Ts => self.draft.ts = Some(read::time(name, raw)?),
            Check::Subject(subject) => return self.subject(subject, field, raw),
            Check::Opaque => {
                let id = read::id(name, raw)?;
                self.put(field, Value::Text(&id));
            }
            Check::OneOf(words) => {
                let word = one_of(name, raw, words)?;
                self.put(field, Value::Text(word));
            }
            Check::Op(words) => {
                self.draft.op = one_of(name, raw, words)?;
                self.put(field, Value::Text(self.draft.op));
            }
            Check::Level(levels) => {
                let level = level(name, raw, levels)?;
                self.put(field, Value::Text(level));
            }
            Check::Int { min, max } => {
                let value = read::integer(name, raw, (min, max))?;
                self.put(field, Value::Int(value));
            }
            Check::Amount => {
                self.draft.amount = read::integer(name, raw, Check::AMOUNT_RANGE)?;
                self.put(field, Value::Int(self.draft.amount));
            }
            Check::Bool => {
                let value = read::boolean(name, raw)?;
                self.put(field, Value::Bool(value));
            }
            Check::Time => {
                let time = read::time(name, raw)?;
                self.put(field, Value::Time(time));
            }
            Check::ServerText | Check::ServerInt | Check::ServerBool | Check::Country => {
                self.server_fact(field, raw)?
            }
            Check::Address | Check::Agent | Check::Email => self.personal(field, raw)?,
            Check::Stack | Check::GroupedBy | Check::Breadcrumbs | Check::Properties => self.structured(field, raw)?,
            Check::Text | Check::Release | Check::Message | Check::Route | Check::TextList | Check::Currency => {
                return self.text(field, raw);
            }
        }
        Ok(true)
    }

    fn subject(&mut self, subject: Subject, field: &Field, raw: &'a str) -> Result<bool, Refusal> {
        let id = read::id(field.name, raw)?;
        if !(is_opted_out(self.sender) && matches!(subject, Subject::Device | Subject::Session)) {
            self.put(field, Value::Text(&id));
        }
        self.draft.has_subject = true;
        Ok(true)
    }

    fn text(&mut self, field: &Field, raw: &'a str) -> Result<bool, Refusal> {
        let name = field.name;
        if field.check == Check::Message {
            return self.message(field, raw);
        }
        let text = match field.check {
            Check::TextList if raw.starts_with('[') => {
                let list: Vec<Cow<'_, str>> = serde_json::from_str(raw)
                    .map_err(|_| Refusal::field(name, "must be a text, or an array of texts"))?;
                Cow::Owned(list.join(","))
            }
            _ => read::text(name, raw)?,
        };
        if text.len() > TEXT_BYTES_MAX {
            return Err(Refusal::field(name, format_args!("must have at most {TEXT_BYTES_MAX} bytes")));
        }
        let scrubbed = match field.check {
            Check::Release => scrub::release(&text),
            Check::Route => scrub::route(&text),
            Check::Currency => Cow::Owned(letters(name, &text, 3)?),
            _ => scrub::text(&text),
        };
        if !scrubbed.is_empty() {
            self.put(field, Value::Text(&scrubbed));
        }
        Ok(!scrubbed.is_empty())
    }

    fn message(&mut self, field: &Field, raw: &'a str) -> Result<bool, Refusal> {
        let message = read::text(field.name, raw)?;
        let scrubbed = scrub::message(&message);
        self.put(field, Value::Text(scrub::cut(&scrubbed, MESSAGE_BYTES_MAX)));
        Ok(!message.is_empty())
    }

    /// Takes what only a server can know of a client; a browser's word for it is passed over.
    fn server_fact(&mut self, field: &Field, raw: &'a str) -> Result<(), Refusal> {
        if self.sender.trust == Trust::Public {
            return Ok(());
        }
        match field.check {
            Check::ServerInt => {
                let value = read::integer(field.name, raw, (0, i64::from(u32::MAX)))?;
                self.put(field, Value::Int(value));
            }
            Check::ServerBool => {
                let value = read::boolean(field.name, raw)?;
                self.put(field, Value::Bool(value));
            }
            Check::Country => {
                let country = letters(field.name, &read::text(field.name, raw)?, 2)?;
                self.put(field, Value::Text(&country));
            }
            _ => {
                self.text(field, raw)?;
            }
        }
        Ok(())
    }

    /// Takes what is never stored itself.
    fn personal(&mut self, field: &Field, raw: &'a str) -> Result<(), Refusal> {
        let name = field.name;
        let is_public = self.sender.trust == Trust::Public;
        match field.check {
            // A browser does not know its address, and could name another's.
            Check::Address if is_public => {}
            Check::Address => {
                let text = read::text(name, raw)?;
                let text = text.trim();
                if !text.is_empty() {
                    let address = text.parse().map_err(|_| Refusal::field(name, "must be an IP address"))?;
                    self.draft.address = Some(address);
                }
            }
            Check::Agent => {
                let agent = read::text(name, raw)?;
                if agent.len() > AGENT_BYTES_MAX {
                    return Err(Refusal::field(name, format_args!("must have at most {AGENT_BYTES_MAX} bytes")));
                }
                self.draft.agent = Some(agent);
            }
            _ => {
                let email = read::text(name, raw)?;
                let facts = self.judge.enricher.email(&email);
                self.draft.email = Some(facts.ok_or_else(|| Refusal::field(name, "must be an e-mail address"))?);
            }
        }
        Ok(())
    }

    fn structured(&mut self, field: &Field, raw: &'a str) -> Result<(), Refusal> {
        let name = field.name;
        match field.check {
            Check::Stack => self.put_stack(field, stack::read_stack(name, raw)?),
            Check::GroupedBy => {
                let wrong = || {
                    let (parts, bytes) = (FINGERPRINT_PARTS_MAX, FINGERPRINT_BYTES_MAX);
                    let problem =
                        format_args!("must be an array of at most {parts} texts of at most {bytes} bytes each");
                    Refusal::field(name, problem)
                };
                let parts: Vec<Cow<'_, str>> = serde_json::from_str(raw).map_err(|_| wrong())?;
                let fits = |part: &Cow<'_, str>| part.len() <= FINGERPRINT_BYTES_MAX;
                if parts.len() > FINGERPRINT_PARTS_MAX || !parts.iter().all(fits) {
                    return Err(wrong());
                }
                self.draft.grouped_by = parts;
            }
            Check::Breadcrumbs => {
                let crumbs = scrub::breadcrumbs(raw, &mut self.memo.names)
                    .ok_or_else(|| Refusal::field(name, "must be an array"))?;
                self.put(field, Value::Text(&crumbs));
            }
            _ => {
                if !raw.starts_with('{') {
                    return Err(Refusal::field(name, "must be an object"));
                }
                let scrubbed = scrub::properties(raw, &mut self.memo.names)
                    .map_err(|_| Refusal::field(name, "holds an escape that is no character"))?;
                self.put(field, Value::Text(&scrubbed));
            }
        }
        Ok(())
    }

    /// Checks what concerns the event as a whole, adds what is not its sender's to say, and makes the row count.
    pub(super) fn finish(mut self, index: u32) -> Result<(), Refusal> {
        if let Some(missing) = self.table.missing(self.draft.given) {
            return Err(Refusal::new(RejectCode::MissingField, format!("{missing} is missing")));
        }
        if self.draft.amount < 0 && self.draft.op != "adjust" {
            return Err(Refusal::field("amount", "must not be negative, except for `adjust`"));
        }
        if self.kind.needs_subject() && !self.draft.has_subject {
            let message = "at least one of `account_id`, `guest_id`, `device_id`, `session_id` is needed";
            return Err(Refusal::new(RejectCode::NoSubject, message));
        }
        let ts = self.draft.ts.unwrap_or(self.sender.now);
        self.check_age(ts)?;
        let id = self.draft.id.take().unwrap_or_else(|| Cow::Owned(ids::missing_id(self.sender, index)));
        enrichment::write_origin(&mut self.row, self.sender, &id, ts);
        enrichment::write_facts(&mut self.row, self.sender, &self.draft, self.memo, &self.judge.enricher);
        if self.kind == Kind::Errors {
            enrichment::write_error(&mut self.row, &self.draft, &self.judge.grouper.load());
        }
        let fingerprint = self.judge.fingerprinter.of(self.sender.trust, self.kind, &id);
        self.row.finish(Some(fingerprint));
        Ok(())
    }

    fn check_age(&self, ts: i64) -> Result<(), Refusal> {
        let limits = &self.judge.limits;
        let now = self.sender.now;
        if ts > now.saturating_add(limits.future_ms_max.saturating_mul(1000)) {
            let minutes = limits.future_ms_max / 60_000;
            return Err(Refusal::new(RejectCode::TooNew, format!("`ts` is more than {minutes} minutes ahead")));
        }
        let age_ms = now.saturating_sub(ts) / 1000;
        if !self.sender.historical && age_ms > limits.past_ms_max {
            let days = limits.past_ms_max / (DAY_US / 1000);
            // Seconds read as milliseconds lie in January 1970.
            let hint = if ts < 100 * DAY_US { "; numbers are milliseconds, not seconds" } else { "" };
            return Err(Refusal::new(RejectCode::TooOld, format!("`ts` is more than {days} days ago{hint}")));
        }
        let retention_days = self.kind.retention_days();
        if age_ms / (DAY_US / 1000) >= retention_days {
            let table = self.kind.table();
            let message = format!("`ts` is past the {retention_days} days for which `{table}` is kept");
            return Err(Refusal::new(RejectCode::TooOld, message));
        }
        Ok(())
    }

    fn put(&mut self, field: &Field, value: Value<'_>) {
        if let Some(place) = field.place {
            self.draft.cells |= 1 << place;
            self.row.put(place, value);
        }
    }
}

fn one_of(name: &str, raw: &str, words: &[&'static str]) -> Result<&'static str, Refusal> {
    let given = read::text(name, raw)?;
    let found = words.iter().find(|word| **word == given);
    found.copied().ok_or_else(|| Refusal::field(name, format_args!("must be one of {}", words.join(", "))))
}

fn level(name: &str, raw: &str, levels: &[(&str, &'static str)]) -> Result<&'static str, Refusal> {
    let given = read::text(name, raw)?;
    let found = levels.iter().find(|(word, _)| word.eq_ignore_ascii_case(&given));
    found.map(|(_, level)| *level).ok_or_else(|| {
        let mut words: Vec<&str> = levels.iter().map(|(_, level)| *level).collect();
        words.dedup();
        Refusal::field(name, format_args!("must be one of {}", words.join(", ")))
    })
}

fn letters(name: &str, text: &str, count: usize) -> Result<String, Refusal> {
    if text.len() == count && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        Ok(text.to_ascii_uppercase())
    } else {
        Err(Refusal::field(name, format_args!("must be a code of {count} letters")))
    }
}
