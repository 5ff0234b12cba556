//! Numbers that are personal: card numbers (Luhn), bank accounts (IBAN), network addresses. Found by hand, without
//! patterns, since digits are everywhere.

use std::net::Ipv6Addr;

/// The shortest card number.
pub(super) const CARD_DIGITS_MIN: usize = 13;
const CARD_DIGITS_MAX: usize = 19;

const IBAN_CHARACTERS_MAX: usize = 34;

/// Countries and the lengths of their IBANs (SWIFT's IBAN registry).
const IBAN_REGISTRY: &str = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 \
    ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 \
    LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 \
    QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20";

/// The registry by country: the length at `26 * first letter + second letter`, 0 where there are no IBANs.
const IBAN_LENGTHS: [u8; 26 * 26] = {
    let (registry, mut lengths, mut at) = (IBAN_REGISTRY.as_bytes(), [0; 26 * 26], 0);
    while at + 3 < registry.len() {
        if registry[at] == b' ' {
            at += 1;
            continue;
        }
        let place = 26 * (registry[at] - b'A') as usize + (registry[at + 1] - b'A') as usize;
        lengths[place] = 10 * (registry[at + 2] - b'0') + (registry[at + 3] - b'0');
        at += 4;
    }
    lengths
};

/// Tells whether these digits are a card's: as long as one, of a bank's industry digit, and valid by Luhn's sum.
fn is_card_digits(digits: &[u8]) -> bool {
    // Times in milliseconds begin with 1, which no bank's card does.
    (CARD_DIGITS_MIN..=CARD_DIGITS_MAX).contains(&digits.len()) && (b'2'..=b'6').contains(&digits[0]) && luhn(digits)
}

fn luhn(digits: &[u8]) -> bool {
    let weighed = |(place, digit): (usize, &u8)| {
        let value = u32::from(digit - b'0') << (place % 2);
        if value > 9 { value - 9 } else { value }
    };
    digits.iter().rev().enumerate().map(weighed).sum::<u32>() % 10 == 0
}

/// Tells whether the whole text is a card number, its groups parted by blanks, dashes or dots.
pub(super) fn is_card(text: &str) -> bool {
    if text.len() < CARD_DIGITS_MIN {
        return false;
    }
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).collect();
    text.bytes().all(|byte| byte.is_ascii_digit() || is_separator(byte)) && is_card_digits(&digits)
}

/// Tells whether one unbroken run of digits, no letters beside it, is a card number.
pub(super) fn holds_card_word(text: &str) -> bool {
    text.split(|char: char| !char.is_ascii_alphanumeric())
        .any(|word| word.bytes().all(|byte| byte.is_ascii_digit()) && is_card_digits(word.as_bytes()))
}

const fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.')
}

/// Finds the first card number at or after `from`; its groups may be parted by single blanks, dashes or dots.
pub(super) fn find_card(text: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let starts_word = |at: usize| at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
    (from..bytes.len())
        .filter(|&at| bytes[at].is_ascii_digit() && starts_word(at))
        .find_map(|start| card_at(bytes, start).map(|end| (start, end)))
}

/// Returns where the card number that begins here ends.
fn card_at(bytes: &[u8], start: usize) -> Option<usize> {
    let mut digits = [0; CARD_DIGITS_MAX];
    let (mut count, mut at) = (0, start);
    loop {
        let group_start = at;
        while at < bytes.len() && bytes[at].is_ascii_digit() {
            *digits.get_mut(count)? = bytes[at];
            (count, at) = (count + 1, at + 1);
        }
        let ends_word = at == bytes.len() || !bytes[at].is_ascii_alphanumeric();
        if ends_word && is_card_digits(&digits[..count]) {
            return Some(at);
        }
        // Cards are printed in groups of three to six; longer groups are ids, as those of a UUID.
        let group = at - group_start;
        let goes_on = (3..=6).contains(&group)
            && at + 1 < bytes.len()
            && is_separator(bytes[at])
            && bytes[at + 1].is_ascii_digit();
        if !goes_on {
            return None;
        }
        at += 1;
    }
}

/// Tells whether the whole text is an IBAN.
pub(super) fn is_iban(text: &str) -> bool {
    iban_at(text.as_bytes(), 0) == Some(text.len())
}

/// Finds the first IBAN at or after `from`, with or without its blanks.
pub(super) fn find_iban(text: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    (from..bytes.len())
        .filter(|&at| bytes[at].is_ascii_alphabetic() && (at == 0 || !bytes[at - 1].is_ascii_alphanumeric()))
        .find_map(|start| iban_at(bytes, start).map(|end| (start, end)))
}

fn iban_at(bytes: &[u8], start: usize) -> Option<usize> {
    let [first, second, third, fourth, ..] = bytes.get(start..)? else { return None };
    if !(third.is_ascii_digit() && fourth.is_ascii_digit()) {
        return None;
    }
    let letter = |byte: &u8| byte.is_ascii_alphabetic().then(|| usize::from(byte.to_ascii_uppercase() - b'A'));
    let length = usize::from(IBAN_LENGTHS[26 * letter(first)? + letter(second)?]);
    if length == 0 || bytes.len() - start < length {
        return None;
    }
    let (mut characters, mut count, mut at) = ([0; IBAN_CHARACTERS_MAX], 0, start);
    while count < length {
        let byte = *bytes.get(at)?;
        at += 1;
        match byte {
            b' ' | b'-' => {}
            byte if byte.is_ascii_alphanumeric() => {
                characters[count] = byte.to_ascii_uppercase();
                count += 1;
            }
            _ => return None,
        }
    }
    let characters = &characters[..length];
    let ends_word = at == bytes.len() || !bytes[at].is_ascii_alphanumeric();
    (ends_word && is_iban_sum(characters)).then_some(at)
}

/// ISO 7064 MOD 97-10, the first four characters moved to the end.
fn is_iban_sum(characters: &[u8]) -> bool {
    let rotated = characters[4..].iter().chain(&characters[..4]);
    let rest = rotated.fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    rest == 1
}

/// Finds the first IPv4 address at or after `from`.
pub(super) fn find_ipv4(text: &str, from: usize) -> Option<(usize, usize)> {
    let is_part = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    find_run(text, from, is_part, |run| {
        let run = run.trim_end_matches('.');
        let parts = || run.split('.');
        let is_octet = |part: &str| (1..=3).contains(&part.len()) && part.parse::<u16>().is_ok_and(|octet| octet < 256);
        (parts().count() == 4 && parts().all(is_octet)).then_some(run.len())
    })
}

/// Finds the first IPv6 address at or after `from`.
pub(super) fn find_ipv6(text: &str, from: usize) -> Option<(usize, usize)> {
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.';
    find_run(text, from, is_part, |run| {
        // `a::b` is a path in some languages; addresses hold digits.
        let is_address = |run: &str| run.bytes().any(|byte| byte.is_ascii_digit()) && run.parse::<Ipv6Addr>().is_ok();
        let shorter = run.trim_end_matches(['.', ':']);
        [run, shorter].into_iter().find(|run| is_address(run)).map(str::len)
    })
}

/// Finds the first whole run of such bytes, no letters or digits beside it, of which `measure` tells the length to take.
fn find_run(
    text: &str,
    from: usize,
    is_part: impl Fn(u8) -> bool,
    measure: impl Fn(&str) -> Option<usize>,
) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut at = from;
    while at < bytes.len() {
        if !is_part(bytes[at]) {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && is_part(bytes[at]) {
            at += 1;
        }
        let alone = (start == 0 || !is_word(bytes[start - 1])) && (at == bytes.len() || !is_word(bytes[at]));
        if alone && let Some(length) = measure(&text[start..at]) {
            return Some((start, start + length));
        }
    }
    None
}
