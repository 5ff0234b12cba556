//! Names of `properties` fields whose values are dropped whatever they are: secrets, contact details, what people wrote,
//! and advertising ids (TRUST.md).

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
    let is = |names: &[&str]| names.contains(&folded);
    let holds = |parts: &[&str]| parts.iter().any(|part| folded.contains(part));
    if is(SECRET_NAMES) || is(MARKETING_NAMES) || folded.starts_with("utm") || holds(SECRET_PARTS) {
        Fate::Drop
    } else if is(TEXT_NAMES) || holds(TEXT_PARTS) {
        Fate::DropText
    } else {
        Fate::Keep
    }
}
