//! Who an event is about, as the identifiers that every event of a visit repeats.

use std::fmt::Write;

use super::catalogue::countries::Address;
use super::ids::Id;
use super::line::Object;

/// The identifiers and the client of one visit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Who {
    /// The account, once signed in.
    pub(crate) account: Option<Id>,
    /// The guest, before.
    pub(crate) guest: Option<Id>,
    /// The device.
    pub(crate) device: Option<Id>,
    /// The session.
    pub(crate) session: Option<Id>,
    /// The workspace: stays the same when a guest signs up.
    pub(crate) workspace: Option<Id>,
    /// The API key, for programs.
    pub(crate) api_key: Option<Id>,
    /// Where the client calls from.
    pub(crate) address: Option<Address>,
    /// What the client calls itself.
    pub(crate) user_agent: &'static str,
}

/// Fields written once and appended to many events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    fields: String,
    release: &'static str,
}

impl Who {
    /// Writes the fields for a visit under one release of the app.
    pub(crate) fn context(&self, release: &'static str) -> Context {
        let mut fields = String::with_capacity(512);
        let mut object = Object::loose(&mut fields);
        let ids = [
            ("account_id", "acct_", self.account),
            ("guest_id", "gst_", self.guest),
            ("device_id", "dev_", self.device),
            ("session_id", "ses_", self.session),
            ("workspace_id", "ws_", self.workspace),
            ("api_key_id", "key_", self.api_key),
        ];
        for (name, prefix, id) in ids {
            if let Some(id) = id {
                object.id(name, prefix, id);
            }
        }
        if let Some(address) = self.address {
            let mut text = String::with_capacity(40);
            write!(text, "{}", address.ip).expect("writing to a String cannot fail");
            object.text("ip", &text).text("country", address.country);
            object.int("asn", address.network.asn).text("as_org", address.network.organisation);
        }
        object.text("user_agent", self.user_agent).text("release", release).text("environment", "production");
        Context { fields, release }
    }
}

impl Context {
    /// Returns the fields: `"account_id":"…","ip":"…"`, without braces.
    pub(crate) fn fields(&self) -> &str {
        &self.fields
    }

    /// Returns the app's release of this visit.
    pub(crate) fn release(&self) -> &'static str {
        self.release
    }
}

/// Somebody present: who they are now, and the fields that say so.
#[derive(Clone, Debug)]
pub(crate) struct Presence {
    /// Who.
    pub(crate) who: Who,
    /// The fields.
    pub(crate) context: Context,
    /// Since when, milliseconds.
    pub(crate) since_ms: i64,
}

impl Presence {
    /// Begins under one release of the app.
    pub(crate) fn new(who: Who, release: &'static str, at_ms: i64) -> Self {
        Self { who, context: who.context(release), since_ms: at_ms }
    }

    /// Writes the fields anew, after the person became somebody else: a guest an account.
    pub(crate) fn rename(&mut self) {
        self.context = self.who.context(self.context.release());
    }
}
