//! Opaque identifiers: unique in a run, the same for the same seed, and never to be mistaken for a card number.

use std::num::NonZeroU64;

/// First of each pair of letters: a letter always, so that no identifier holds a long run of digits.
const LETTERS: &[u8; 16] = b"bcdfghjkmnpqrstv";
/// Second of each pair. Both alphabets ascend, so that text order is number order.
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// One identifier, without the prefix that says of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Id(NonZeroU64);

impl Id {
    /// Returns the identifier of a planted thing, the same in every run.
    pub(crate) fn planted(number: u64) -> Self {
        Self::new(mix(number ^ 0x77e1_7000_0000_0000))
    }

    /// Returns the identifier derived from this one for another purpose.
    pub(crate) fn derived(self, purpose: u64) -> Self {
        Self::new(mix(self.0.get() ^ mix(purpose)))
    }

    /// Returns the number behind it.
    pub(crate) fn number(self) -> u64 {
        self.0.get()
    }

    /// Writes it with its prefix: `dev_` and 16 letters and digits.
    pub(crate) fn write(self, prefix: &str, out: &mut String) {
        out.push_str(prefix);
        push_letters(self.0.get(), 16, out);
    }

    /// Returns it with its prefix.
    pub(crate) fn text(self, prefix: &str) -> String {
        let mut out = String::with_capacity(prefix.len() + 16);
        self.write(prefix, &mut out);
        out
    }

    fn new(number: u64) -> Self {
        Self(NonZeroU64::new(number).unwrap_or(NonZeroU64::MAX))
    }
}

/// Hands out identifiers.
#[derive(Clone)]
pub(crate) struct Ids {
    next: u64,
}

impl Ids {
    /// Begins the identifiers of this seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self { next: mix(seed) }
    }

    /// Returns one that was not there before. Mixing is a bijection, so a run never repeats one.
    pub(crate) fn next(&mut self) -> Id {
        self.next = self.next.wrapping_add(1);
        Id::new(mix(self.next))
    }
}

/// Writes the low `4 * letters` bits of a number, most significant first.
pub(crate) fn push_letters(number: u64, letters: u32, out: &mut String) {
    for place in (0..letters).rev() {
        let nibble = (number >> (4 * place)) as usize & 15;
        let alphabet = if place % 2 == 1 { LETTERS } else { DIGITS };
        out.push(char::from(alphabet[nibble]));
    }
}

/// Scatters a number (the finisher of SplitMix64): a bijection on 64 bits.
pub(crate) fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_order_is_number_order_and_digits_never_run() {
        let mut numbers: Vec<u64> = (0..1_000).map(mix).collect();
        numbers.sort_unstable();
        let texts: Vec<String> = numbers
            .iter()
            .map(|number| {
                let mut out = String::new();
                push_letters(*number, 16, &mut out);
                out
            })
            .collect();
        assert!(texts.is_sorted());
        assert!(texts.iter().all(|text| !text.as_bytes().windows(2).any(|pair| pair.iter().all(u8::is_ascii_digit))));
    }

    #[test]
    fn a_run_never_repeats_an_identifier() {
        let mut ids = Ids::new(9);
        let mut seen: Vec<u64> = (0..100_000).map(|_| ids.next().number()).collect();
        seen.sort_unstable();
        assert!(seen.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
