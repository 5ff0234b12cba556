//! Unfolds lz-string's `compressToBase64`, which old PostHog libraries send as `compression=lz64`. The crates that do it
//! set no bound on what they make, and a few kilobytes can unfold to gigabytes; here each code is a slice of what was
//! written already, so nothing but the text itself is held.

use crate::limits::{BodyError, Limits};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const UNIT_8_BIT: u32 = 0;
const UNIT_16_BIT: u32 = 1;
const END: u32 = 2;
/// Codes below this are the three above.
const CODES_FIRST: u32 = 3;

/// Unfolds a text.
///
/// # Errors
/// [`BodyError::TooLarge`] when it unfolds beyond the limits; [`BodyError::Unreadable`] when it is cut short or no lz-string.
pub(super) fn unfold(text: &str, limits: &Limits) -> Result<String, BodyError> {
    let units_max = limits.decoded_bytes_max.min(text.len().max(1 << 14).saturating_mul(limits.expansion_ratio_max));
    let mut bits = Bits { text: text.as_bytes(), at: 0, value: 0, left: 0 };
    let units = units(&mut bits, units_max)?;
    let text = String::from_utf16(&units).map_err(|_| broken())?;
    if text.len() > limits.decoded_bytes_max { Err(too_large()) } else { Ok(text) }
}

fn units(bits: &mut Bits<'_>, units_max: usize) -> Result<Vec<u16>, BodyError> {
    let mut written: Vec<u16> = Vec::new();
    // Each code from `CODES_FIRST` on: where in `written` its units begin, and how many they are.
    let mut codes: Vec<(usize, usize)> = Vec::new();
    let mut before: Option<(usize, usize)> = None;
    let (mut width, mut until_wider) = (2, 1_u32);
    loop {
        let code = bits.take(width)?;
        let start = written.len();
        match code {
            END => return Ok(written),
            UNIT_8_BIT | UNIT_16_BIT => {
                let unit = bits.take(if code == UNIT_8_BIT { 8 } else { 16 })?;
                written.push(unit as u16);
                codes.push((start, 1));
                until_wider -= 1;
                // The first unit stands alone; its code is counted, and no pair ends with it.
                if before.is_none() {
                    (width, until_wider) = (3, 4);
                    before = Some((start, 1));
                    continue;
                }
                if until_wider == 0 {
                    until_wider = 1 << width;
                    width += 1;
                }
            }
            _ => {
                let (from, length) = before.ok_or_else(broken)?;
                let place = (code - CODES_FIRST) as usize;
                let (first, count) = match codes.get(place) {
                    Some(code) => *code,
                    // The code that is about to be made: the text before, and its own first unit.
                    None if place == codes.len() => (from, length + 1),
                    None => return Err(broken()),
                };
                if written.len() + count > units_max {
                    return Err(too_large());
                }
                for offset in 0..count {
                    let unit = written[first + offset];
                    written.push(unit);
                }
            }
        }
        if written.len() > units_max {
            return Err(too_large());
        }
        if let Some((from, length)) = before {
            // What came before always ends where this began, so the pair is one slice.
            codes.push((from, length + 1));
            until_wider -= 1;
            if until_wider == 0 {
                until_wider = 1 << width;
                width += 1;
            }
        }
        before = Some((start, written.len() - start));
    }
}

fn broken() -> BodyError {
    BodyError::Unreadable("the data is no lz-string, or cut short".into())
}

fn too_large() -> BodyError {
    BodyError::TooLarge("the data unfolds beyond the limits of a body".into())
}

/// Six bits a character, the lowest bit of a number first.
struct Bits<'a> {
    text: &'a [u8],
    at: usize,
    value: u8,
    left: u8,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> Result<u32, BodyError> {
        let mut number = 0;
        for place in 0..count {
            if self.left == 0 {
                let byte = self.text.get(self.at).ok_or_else(broken)?;
                let value = ALPHABET.iter().position(|letter| letter == byte).ok_or_else(broken)?;
                (self.value, self.left) = (value as u8, 6);
                self.at += 1;
            }
            self.left -= 1;
            number |= u32::from(self.value >> self.left & 1) << place;
        }
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn folded(text: &str) -> String {
        lz_str::compress_to_base64(text.encode_utf16().collect::<Vec<u16>>())
    }

    #[test]
    fn a_bomb_costs_no_more_than_the_limit() {
        let bomb = folded(&"a".repeat(200_000));
        assert!(bomb.len() < 2_000, "{}", bomb.len());
        assert!(unfold(&bomb, &Limits::default()).is_ok(), "not yet one");
        for limits in [
            Limits { decoded_bytes_max: 199_999, ..Limits::default() },
            Limits { expansion_ratio_max: 12, ..Limits::default() },
        ] {
            assert!(matches!(unfold(&bomb, &limits), Err(BodyError::TooLarge(_))));
        }
    }

    #[test]
    fn what_is_cut_short_or_no_code_is_unreadable() {
        let whole = folded(r#"{"event":"a","properties":{"distinct_id":"x"}}"#);
        for end in 0..whole.trim_end_matches('=').len() - 1 {
            assert!(unfold(&whole[..end], &Limits::default()).is_err(), "{end}");
        }
        assert!(unfold("not base64!", &Limits::default()).is_err());
    }

    proptest! {
        #[test]
        fn unfolds_what_the_library_folds(text in "([a-e\\{\\}\",:é漢😀]|abc){0,300}") {
            prop_assert_eq!(unfold(&folded(&text), &Limits::default()), Ok(text));
        }

        #[test]
        fn arbitrary_text_never_panics(text in "[A-Za-z0-9+/=]{0,200}") {
            let _ = unfold(&text, &Limits::default());
        }
    }
}
