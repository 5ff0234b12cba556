//! What became of an event: stored, duplicate, or rejected with a code. Exactly one of them, always.

use serde::Serialize;

/// Why an event was refused. The codes of `POST /v1/events`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectCode {
    /// The line is not JSON, or not an object.
    InvalidJson,
    /// `kind` names no kind a sender may write.
    UnknownKind,
    /// A required field is missing.
    MissingField,
    /// A field has the wrong type or value, or is unknown.
    InvalidField,
    /// The event is over 64 KiB, or nests too deep.
    TooLarge,
    /// `ts` is too far in the past, or past the table's retention.
    TooOld,
    /// `ts` is too far in the future.
    TooNew,
    /// The key may not write this kind.
    ForbiddenKind,
    /// The event names no account, guest, device or session.
    NoSubject,
    /// The subject was erased.
    ErasedSubject,
}

impl RejectCode {
    /// Every code.
    pub const ALL: [Self; 10] = [
        Self::InvalidJson,
        Self::UnknownKind,
        Self::MissingField,
        Self::InvalidField,
        Self::TooLarge,
        Self::TooOld,
        Self::TooNew,
        Self::ForbiddenKind,
        Self::NoSubject,
        Self::ErasedSubject,
    ];

    /// Returns the code as the API spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::UnknownKind => "unknown_kind",
            Self::MissingField => "missing_field",
            Self::InvalidField => "invalid_field",
            Self::TooLarge => "too_large",
            Self::TooOld => "too_old",
            Self::TooNew => "too_new",
            Self::ForbiddenKind => "forbidden_kind",
            Self::NoSubject => "no_subject",
            Self::ErasedSubject => "erased_subject",
        }
    }
}

/// One refused event of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reject {
    /// Its place in the request, from 0.
    pub index: u32,
    /// The sender's id, if it was readable.
    pub id: Option<String>,
    /// Why.
    pub code: RejectCode,
    /// What was wrong, for the sender; names the field.
    pub message: String,
}

/// How many events of a request, or of a key, met each outcome. `received = stored + duplicate + rejected`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// All of them.
    pub received: u64,
    /// Durable, visible and counted.
    pub stored: u64,
    /// Refused since an event of the same trust, kind and id is stored already.
    pub duplicate: u64,
    /// Refused with a code.
    pub rejected: u64,
}
