//! Names of `properties` fields whose values are dropped whatever they are: secrets, contact details, what people wrote,
//! and advertising ids (TRUST.md).

use std::sync::LazyLock;

use hashbrown::HashMap;
use regex::Regex;

/// What is done with a field of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays, its value scrubbed.
    Keep,
    /// It goes, unless it is a number or a Boolean: `prompt` is what someone wrote, `tokens: 812` is a count.
    DropText,
    /// It goes.
    Drop,
}

/// Parts of names, letters and digits only, in lower case.
const SECRET_PARTS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "credential",
    "creditcard",
    "cardnumber",
    "cardno",
    "privatekey",
    "socialsecurity",
    "phonenumber",
    "mobilenumber",
];
const SECRET_NAMES: &[&str] = &[
    "pwd",
    "pass",
    "phone",
    "mobile",
    "tel",
    "telephone",
    "msisdn",
    "ssn",
    "cvv",
    "cvc",
    "cvv2",
    "pan",
    "pin",
    "iban",
    "otp",
    "totp",
    "ip",
    "ipaddress",
    "ipaddr",
    "clientip",
    "remoteaddr",
    "remoteip",
    "xforwardedfor",
    "dob",
    "birthdate",
    "birthday",
    "dateofbirth",
];
const TEXT_PARTS: &[&str] =
    &["useragent", "token", "authorization", "cookie", "apikey", "accesskey", "email", "bearer"];
const TEXT_NAMES: &[&str] = &[
    "name",
    "fullname",
    "firstname",
    "lastname",
    "givenname",
    "familyname",
    "middlename",
    "surname",
    "realname",
    "username",
    "displayname",
    "nickname",
    "mail",
    "address",
    "streetaddress",
    "postaladdress",
    "auth",
    "jwt",
    "prompt",
    "prompts",
    "negativeprompt",
    "systemprompt",
    "userprompt",
    "promptnegative",
    "prompttext",
    "text",
    "texts",
    "content",
    "contents",
    "message",
    "messages",
    "messagebody",
    "chat",
    "chatmessage",
    "chatmessages",
    "conversation",
    "transcript",
    "completion",
    "body",
    "requestbody",
    "responsebody",
    "html",
    "markdown",
    "caption",
    "comment",
    "bio",
    "query",
    "querystring",
    "search",
    "searchquery",
    "searchterm",
    "input",
    "inputs",
    "output",
    "outputs",
];
/// Advertising ids.
const MARKETING_NAMES: &[&str] = &[
    "gclid",
    "gclsrc",
    "dclid",
    "fbclid",
    "fbp",
    "fbc",
    "msclkid",
    "ttclid",
    "twclid",
    "liclid",
    "lifatid",
    "gbraid",
    "wbraid",
    "yclid",
    "igshid",
    "mcid",
    "mceid",
    "scclid",
    "sccid",
    "rdtcid",
    "epik",
    "irclickid",
    "idfa",
    "idfv",
    "gaid",
    "aaid",
    "adid",
    "advertisingid",
    "adgroupid",
    "clickid",
    "qclid",
    "gadsource",
    "kx",
    "oppref",
    "bfcid",
    "irclid",
    "utmsource",
    "utmmedium",
    "utmcampaign",
    "utmcontent",
    "utmterm",
];
/// What SDKs put before the name of a field that they remember from the first visit.
const REMEMBERED: &[&str] = &["initial", "sessionentry"];

const NAME_BYTES_MAX: usize = 128;

/// The names that are known whole.
static WHOLE: LazyLock<HashMap<&str, Fate>> = LazyLock::new(|| {
    let fated = |names: &'static [&str], fate: Fate| names.iter().map(move |name| (*name, fate));
    // What is a secret and a text at once is a secret: it comes last.
    fated(TEXT_NAMES, Fate::DropText)
        .chain(fated(SECRET_NAMES, Fate::Drop))
        .chain(fated(MARKETING_NAMES, Fate::Drop))
        .collect()
});
static SECRET: LazyLock<Regex> = LazyLock::new(|| any_of(SECRET_PARTS));
static TEXT: LazyLock<Regex> = LazyLock::new(|| any_of(TEXT_PARTS));

/// The parts are letters and digits: they stand for themselves in a pattern.
fn any_of(parts: &[&str]) -> Regex {
    Regex::new(&parts.join("|")).expect("a pattern of our own, which a test compiles")
}

/// Tells the fate of a field by its name. Case, `_`, `-`, `.`, `$` and blanks do not matter.
pub(super) fn fate(name: &str) -> Fate {
    let mut folded = [0; NAME_BYTES_MAX];
    let mut length = 0;
    for byte in name.bytes().filter(u8::is_ascii_alphanumeric).take(NAME_BYTES_MAX) {
        folded[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    let folded = std::str::from_utf8(&folded[..length]).unwrap_or_default();
    let folded = REMEMBERED.iter().find_map(|first| folded.strip_prefix(first)).unwrap_or(folded);
    let whole = WHOLE.get(folded).copied().unwrap_or(Fate::Keep);
    if whole == Fate::Drop || folded.starts_with("utm") || SECRET.is_match(folded) {
        Fate::Drop
    } else if whole == Fate::DropText || TEXT.is_match(folded) {
        Fate::DropText
    } else {
        Fate::Keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_whole_or_by_its_part_and_a_secret_goes_before_a_text() {
        for (name, expected) in [
            ("pin", Fate::Drop),
            ("pinned", Fate::Keep),
            ("$initial_utm_source", Fate::Drop),
            ("initial_gclid", Fate::Drop),
            ("User-Name", Fate::DropText),
            ("usernames", Fate::Keep),
            ("clientSecretKey", Fate::Drop),
            ("my_api_key_2", Fate::DropText),
            ("password_token", Fate::Drop),
            ("credits", Fate::Keep),
        ] {
            assert_eq!(fate(name), expected, "{name}");
        }
        let parts = SECRET_PARTS.iter().chain(TEXT_PARTS);
        for part in parts.chain(SECRET_NAMES).chain(TEXT_NAMES).chain(MARKETING_NAMES) {
            assert!(part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{part}");
            assert_ne!(fate(part), Fate::Keep, "{part}");
        }
    }
}
