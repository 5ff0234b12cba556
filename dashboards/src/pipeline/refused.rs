//! Refused events, by reason: how many, whose, and the latest of each.

use crate::figure;

/// What the range can be, and what that is called.
pub const RANGES: [(&str, &str); 4] = [("-1h", "hour"), ("", "24 hours"), ("-7d", "7 days"), ("-30d", "30 days")];

/// Why events of one key and kind were refused.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Refused {
    /// The reject code of the API.
    pub code: String,
    /// The kind that the sender gave.
    pub kind: String,
    /// The key that sent them.
    pub key: String,
    /// How many.
    pub count: u64,
    /// Their share of all, percent.
    pub share: Option<f64>,
    /// The latest, microseconds.
    pub last_at: i64,
    /// What was wrong with the latest.
    pub message: String,
    /// The latest, scrubbed; empty if it was no readable JSON.
    pub event: String,
}

impl Refused {
    /// Writes the share.
    pub fn share_words(&self) -> String {
        self.share.map_or_else(String::new, |share| match share {
            ..0.05 => "<0.1%".to_owned(),
            share => format!("{share:.1}%"),
        })
    }

    /// Writes how many.
    pub fn count_words(&self) -> String {
        figure::count(&self.count)
    }

    /// Says what the sender does about this reason.
    pub fn fix(&self) -> &'static str {
        match self.code.as_str() {
            "invalid_json" => "Send JSON: one object, an array of them, or one a line.",
            "unknown_kind" => {
                "Send a kind that is known: usage, error, log, device, credit, payment, identity or session."
            }
            "missing_field" | "invalid_field" => "Mend the field that the message names, in the app that sends it.",
            "too_large" => "Send smaller events: leave out what is long in properties.",
            "too_old" => "Send events sooner. For history, a server's key may say ?historical=true.",
            "too_new" => "Set the sender's clock, or leave ts out.",
            "forbidden_kind" => "Send this kind from a server, with a key that has the scope ingest.",
            "no_subject" => "Name who it is about: account, guest, device or session.",
            "erased_subject" => "Nothing: whoever this is about was erased, and stays so.",
            _ => "Read the message; the API's document lists the codes.",
        }
    }
}
