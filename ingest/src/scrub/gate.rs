//! One pass over a text that tells which patterns could match in it at all. Never what is in it.

/// Counts of what patterns need before they can match.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Signs {
    classes: u8,
    digits: u32,
    dots: u32,
    colons: u32,
    longest_run: u32,
    bytes: u32,
}

/// No key or token is shorter.
pub(super) const SECRET_BYTES_MIN: u32 = 12;

const AT: u8 = 1;
const PERCENT: u8 = 2;
const QUERY: u8 = 4;
const ASSIGN: u8 = 8;
const SPACE: u8 = 16;

const DIGIT: u8 = 1;
const WORD: u8 = 2;
const DOT: u8 = 4;
const COLON: u8 = 8;

const fn class_of(byte: u8) -> (u8, u8) {
    match byte {
        b'0'..=b'9' => (0, DIGIT | WORD),
        b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'-' => (0, WORD),
        b'.' => (0, DOT | WORD),
        b':' => (ASSIGN, COLON),
        b'=' => (ASSIGN, 0),
        b'@' => (AT, 0),
        b'%' => (PERCENT, 0),
        b'?' | b'#' => (QUERY, 0),
        b' ' | b'\t' | b'\n' => (SPACE, 0),
        _ => (0, 0),
    }
}

const CLASSES: [(u8, u8); 256] = {
    let mut classes = [(0, 0); 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = class_of(byte as u8);
        byte += 1;
    }
    classes
};

/// Looks at every byte once.
pub(super) fn signs(text: &str) -> Signs {
    let mut signs = Signs { bytes: text.len() as u32, ..Signs::default() };
    let mut run = 0;
    for byte in text.bytes() {
        let (seen, counted) = CLASSES[usize::from(byte)];
        signs.classes |= seen;
        signs.digits += u32::from(counted & DIGIT);
        signs.dots += u32::from(counted & DOT) / u32::from(DOT);
        signs.colons += u32::from(counted & COLON) / u32::from(COLON);
        run = if counted & WORD == 0 { 0 } else { run + 1 };
        signs.longest_run = signs.longest_run.max(run);
    }
    signs
}

/// Tells whether a text is a time of RFC 3339 and nothing else: `2026-11-22T10:00:00.123Z`.
pub(super) fn is_time(text: &str) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let Some((start, rest)) = text.as_bytes().split_at_checked(SHAPE.len()) else { return false };
    let fits = |(byte, shape): (&u8, &u8)| if *shape == b'0' { byte.is_ascii_digit() } else { byte == shape };
    let fraction = rest.strip_prefix(b".").unwrap_or(rest);
    let zone = &fraction[fraction.iter().take_while(|byte| byte.is_ascii_digit()).take(9).count()..];
    let is_zone = match zone {
        b"" | b"Z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit()),
        _ => false,
    };
    is_zone && start.iter().zip(SHAPE).all(fits)
}

impl Signs {
    /// Tells that no pattern can match.
    pub(super) fn none(self) -> bool {
        !(self.email()
            || self.url()
            || self.assignment()
            || self.secret()
            || self.words()
            || self.iban()
            || self.card()
            || self.ipv4()
            || self.ipv6())
    }

    pub(super) fn email(self) -> bool {
        self.classes & (AT | PERCENT) != 0
    }

    /// A URL with a query, a fragment, or a user name in it.
    pub(super) fn url(self) -> bool {
        self.classes & QUERY != 0 || (self.classes & AT != 0 && self.colons > 0)
    }

    /// `password=…`.
    pub(super) fn assignment(self) -> bool {
        self.classes & ASSIGN != 0 && self.bytes >= 6
    }

    /// A key or a token is one long word.
    pub(super) fn secret(self) -> bool {
        self.longest_run >= SECRET_BYTES_MIN
    }

    /// `Bearer …` takes two words.
    pub(super) fn words(self) -> bool {
        self.classes & SPACE != 0 && self.bytes >= SECRET_BYTES_MIN
    }

    pub(super) fn iban(self) -> bool {
        self.digits >= 8 && self.bytes >= 15
    }

    pub(super) fn card(self) -> bool {
        self.digits >= 13
    }

    pub(super) fn ipv4(self) -> bool {
        self.dots >= 3 && self.digits >= 4
    }

    pub(super) fn ipv6(self) -> bool {
        self.colons >= 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_alone_are_times() {
        for time in
            ["2026-11-22T10:00:00", "2026-11-22T10:00:00Z", "2026-11-22T10:00:00.123456Z", "2026-11-22T10:00:00+01:00"]
        {
            assert!(is_time(time), "{time}");
        }
        for other in [
            "",
            "2026-11-22",
            "2026-11-22 10:00:00",
            "2026-11-22T10:00:00 jane@example.com",
            "2026-11-22T10:00:00.4111111111111111",
            "2026-11-22T10:00:00.123 203.0.113.7",
            "4111-11-11T11:11:11-203.0",
            "20d6-11-22T10:00:00Z",
        ] {
            assert!(!is_time(other), "{other}");
        }
    }
}
