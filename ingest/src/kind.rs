//! The kinds of rows Weir keeps: one kind, one table. Not the columns (`schema.rs`) and not the wire fields (`judge`).

/// One kind of row, stored in one Delta table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// Something a person or the app did.
    Usage = 0,
    /// One error occurrence.
    Errors = 1,
    /// A snapshot of a client.
    Devices = 2,
    /// One log record.
    Logs = 3,
    /// One ledger entry.
    Credits = 4,
    /// One billing fact.
    Payments = 5,
    /// One identity fact.
    Identities = 6,
    /// The latest state of a session.
    Sessions = 7,
    /// One transition of a hit.
    Hits = 8,
    /// One decision served.
    Verdicts = 9,
    /// What turned out true of an entity.
    Labels = 10,
    /// One refused event, scrubbed.
    Rejects = 11,
}

/// How a table's files are divided. Never by a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partition {
    /// By the UTC day of `received_at`, in column `day`.
    Day,
    /// By the UTC month of `received_at`, in column `month` (its first day).
    Month,
}

impl Partition {
    /// Returns the partition column's name.
    #[must_use]
    pub const fn column(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

impl Kind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Usage,
        Self::Errors,
        Self::Devices,
        Self::Logs,
        Self::Credits,
        Self::Payments,
        Self::Identities,
        Self::Sessions,
        Self::Hits,
        Self::Verdicts,
        Self::Labels,
        Self::Rejects,
    ];

    /// Returns the number that stands for the kind in the write-ahead log. Never reused.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Returns the kind with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Returns the table's name, as SQL and the data directory know it.
    #[must_use]
    pub const fn table(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Errors => "errors",
            Self::Devices => "devices",
            Self::Logs => "logs",
            Self::Credits => "credits",
            Self::Payments => "payments",
            Self::Identities => "identities",
            Self::Sessions => "sessions",
            Self::Hits => "hits",
            Self::Verdicts => "verdicts",
            Self::Labels => "labels",
            Self::Rejects => "rejects",
        }
    }

    /// Returns the kind whose table has this name.
    #[must_use]
    pub fn from_table(table: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.table() == table)
    }

    /// Returns the value of `kind` on the wire.
    #[must_use]
    pub const fn wire(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Errors => "error",
            Self::Devices => "device",
            Self::Logs => "log",
            Self::Credits => "credit",
            Self::Payments => "payment",
            Self::Identities => "identity",
            Self::Sessions => "session",
            Self::Hits => "hit",
            Self::Verdicts => "verdict",
            Self::Labels => "label",
            Self::Rejects => "reject",
        }
    }

    /// Returns the kind that a sender may name so; kinds that only Weir itself writes are none.
    #[must_use]
    pub fn from_wire(wire: &str) -> Option<Self> {
        Some(match wire {
            "usage" => Self::Usage,
            "error" => Self::Errors,
            "device" => Self::Devices,
            "log" => Self::Logs,
            "credit" => Self::Credits,
            "payment" => Self::Payments,
            "identity" => Self::Identities,
            "session" => Self::Sessions,
            _ => return None,
        })
    }

    /// Says what a row is, in a sentence without a stop.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Usage => "something a person or the app did: a generation, a page view, a request",
            Self::Errors => "one error as it happened, with its stack",
            Self::Devices => "a snapshot of a client: screen, languages, signs of automation",
            Self::Logs => "one log record, or what a person wrote about an error",
            Self::Credits => "one entry of a wallet: granted, spent, refunded, expired",
            Self::Payments => "one billing fact: an attempt, a subscription, a dispute",
            Self::Identities => "one fact of who is who: a sign-up, a login, a guest bound to an account",
            Self::Sessions => "an update of a session, which repeats its whole state",
            Self::Hits => "a rule found something, or that ended",
            Self::Verdicts => "one decision as it was answered, with its reasons",
            Self::Labels => "what turned out true of an entity, as a person or the payment provider told",
            Self::Rejects => "one event that was refused, scrubbed, with the reason",
        }
    }

    /// Tells whether a public (browser) key may send this kind to `/v1/events`.
    #[must_use]
    pub const fn public_may_send(self) -> bool {
        matches!(self, Self::Usage | Self::Errors | Self::Devices | Self::Logs)
    }

    /// Tells whether an event of this kind must name a subject (account, guest, device or session).
    #[must_use]
    pub const fn needs_subject(self) -> bool {
        !matches!(self, Self::Logs | Self::Errors | Self::Hits | Self::Verdicts | Self::Labels | Self::Rejects)
    }

    /// Returns how the table is divided.
    #[must_use]
    pub const fn partition(self) -> Partition {
        match self {
            Self::Credits | Self::Payments | Self::Identities | Self::Labels => Partition::Month,
            _ => Partition::Day,
        }
    }

    /// Returns for how many days rows are kept (TRUST.md); an older event is `too_old`.
    #[must_use]
    pub const fn retention_days(self) -> i64 {
        match self {
            Self::Logs | Self::Errors | Self::Rejects => 30,
            Self::Devices | Self::Verdicts | Self::Hits | Self::Sessions => 90,
            Self::Usage => 396,
            Self::Identities => 180,
            Self::Credits | Self::Payments | Self::Labels => 7 * 366,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_find_their_kind_again() {
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(kind.number()), index);
            assert_eq!(Kind::from_number(kind.number()), Some(kind));
            assert_eq!(Kind::from_table(kind.table()), Some(kind));
        }
        assert_eq!(Kind::from_wire("verdict"), None, "senders cannot write decisions");
    }
}
