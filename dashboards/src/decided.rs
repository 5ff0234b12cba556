//! What was just decided about an entity, told once on the page that one came from, with the way back.

/// A decision that can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// What the server knows it by, for the undoing.
    pub id: String,
    /// What happened, in a sentence.
    pub sentence: String,
    /// Whether it can still be undone.
    pub can_undo: bool,
}

/// How long an override or a snooze may last: value and words. The first is what is chosen unless somebody chooses.
pub const SPANS: [(&str, &str); 6] = [
    ("7d", "7 days"),
    ("1h", "1 hour"),
    ("24h", "24 hours"),
    ("30d", "30 days"),
    ("90d", "90 days"),
    ("180d", "180 days"),
];

/// What can be said of an entity: the label's name and words.
pub const LABELS: [(&str, &str); 5] = [
    ("false_positive", "legitimate: a rule was wrong"),
    ("confirmed_abuse", "abusive: somebody made sure"),
    ("chargeback", "charged back"),
    ("refund", "refunded after abuse"),
    ("appeal_upheld", "appeal upheld"),
];

/// Says a label in a word or two.
pub fn label_words(label: &str) -> &str {
    match label {
        "false_positive" => "legitimate",
        "confirmed_abuse" => "abusive",
        "chargeback" => "charged back",
        "refund" => "refunded after abuse",
        "appeal_upheld" => "appeal upheld",
        "withdrawn" => "label withdrawn",
        other => other,
    }
}
