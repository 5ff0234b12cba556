//! Ids are opaque: one that looks like an e-mail or network address, a card or account number, or a secret, is refused.
//! Not the checks of its length and characters (`judge`).

use std::borrow::Cow;
use std::net::IpAddr;

use super::{numbers, patterns, secrets};

/// Tells what an id looks like, if that must not be stored.
pub fn id_offence(id: &str) -> Option<&'static str> {
    let (mut at, mut blank, mut letters, mut colons, mut digits, mut digit_run) = (false, false, 0, 0, 0, 0_usize);
    let mut run = 0;
    for byte in id.bytes() {
        run = if byte.is_ascii_digit() { run + 1 } else { 0 };
        digit_run = digit_run.max(run);
        digits += usize::from(byte.is_ascii_digit());
        letters += usize::from(byte.is_ascii_alphabetic());
        colons += usize::from(byte == b':');
        at |= byte == b'@' || byte == b'%';
        blank |= byte == b' ';
    }
    if at && patterns::holds_email(id) {
        return Some("an e-mail address");
    }
    let card_run = digit_run >= numbers::CARD_DIGITS_MIN && numbers::holds_card_word(id);
    if card_run || (letters == 0 && digits >= numbers::CARD_DIGITS_MIN && numbers::is_card(id)) {
        return Some("a card number");
    }
    if (letters == 0 || colons >= 2) && digits > 0 && id.parse::<IpAddr>().is_ok() {
        return Some("an IP address");
    }
    if digits >= 8 && numbers::is_iban(id) {
        return Some("a bank account number");
    }
    if secrets::words(id).any(secrets::is_known_secret) {
        return Some("a token or key");
    }
    // Words with blanks between them are a text, whatever the field is called.
    if blank && matches!(super::uncounted(id), Cow::Owned(_)) {
        return Some("a text with personal data in it");
    }
    None
}
