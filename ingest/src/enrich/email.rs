//! What of an e-mail address may be kept: hashes, its domain, and whether that is a throw-away service's.

use std::collections::HashSet;
use std::sync::LazyLock;

/// RFC 5321: a path has at most 256 octets, two of them brackets.
const EMAIL_BYTES_MAX: usize = 254;

static DISPOSABLE: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("../../data/disposable_domains.txt").lines().collect());

/// What is kept of an e-mail address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailFacts {
    /// Keyed hash of the normalised address, 32 hexadecimal digits.
    pub hash: String,
    /// The same of the address without its alias: `jane+1@…` and `jane@…` share it, and so do Gmail's dotted spellings.
    pub root_hash: String,
    /// The domain, in lower case.
    pub domain: String,
    /// Whether the domain is a throw-away mailbox service's.
    pub disposable: bool,
}

/// Normalises an address and hashes it; none if it is no address.
pub(super) fn facts(email: &str, key: &[u8; 32]) -> Option<EmailFacts> {
    let (local, domain) = normalised(email)?;
    let (root_local, root_domain) = root(&local, &domain);
    Some(EmailFacts {
        hash: hash(&local, &domain, key),
        root_hash: hash(&root_local, root_domain, key),
        disposable: is_disposable(&domain),
        domain,
    })
}

fn normalised(email: &str) -> Option<(String, String)> {
    let email = email.trim();
    if email.len() > EMAIL_BYTES_MAX || email.chars().any(|char| char.is_whitespace() || char.is_control()) {
        return None;
    }
    let (local, domain) = email.rsplit_once('@')?;
    let domain = domain.trim_end_matches('.');
    let domain = if domain.is_ascii() {
        domain.to_ascii_lowercase()
    } else {
        // Punycode, so that both spellings of an international domain are one.
        url::Host::parse(domain).ok()?.to_string()
    };
    let labels_are_fine = domain.split('.').all(|label| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    });
    let is_address = !local.is_empty() && !local.contains('@') && domain.contains('.') && labels_are_fine;
    is_address.then(|| (local.to_lowercase(), domain))
}

/// The address its aliases lead to.
fn root<'a>(local: &str, domain: &'a str) -> (String, &'a str) {
    let plain = match local.split_once('+') {
        Some((plain, _)) if !plain.is_empty() => plain,
        _ => local,
    };
    match domain {
        "gmail.com" | "googlemail.com" => (plain.replace('.', ""), "gmail.com"),
        _ => (plain.to_owned(), domain),
    }
}

fn hash(local: &str, domain: &str, key: &[u8; 32]) -> String {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(local.as_bytes()).update(b"@").update(domain.as_bytes());
    hasher.finalize().to_hex()[..32].to_owned()
}

/// Hashes a text that holds an address and is none.
pub(super) fn hash_text(text: &str, key: &[u8; 32]) -> String {
    blake3::keyed_hash(key, text.trim().to_lowercase().as_bytes()).to_hex()[..32].to_owned()
}

/// Tells whether the domain, or one above it, is on the list.
fn is_disposable(domain: &str) -> bool {
    let mut rest = Some(domain);
    while let Some(domain) = rest {
        if DISPOSABLE.contains(domain) {
            return true;
        }
        rest = domain.split_once('.').map(|(_, parent)| parent);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(email: &str) -> EmailFacts {
        facts(email, &[7; 32]).expect("an address")
    }

    #[test]
    fn spelling_does_not_matter_and_aliases_share_a_root() {
        assert_eq!(of(" Jane.Doe@Example.COM "), of("jane.doe@example.com"));
        assert_ne!(of("jane.doe@example.com").hash, of("janedoe@example.com").root_hash);
        let (plain, alias) = (of("jane@example.com"), of("jane+trial7@example.com"));
        assert_ne!(plain.hash, alias.hash);
        assert_eq!(plain.hash, alias.root_hash);
        assert_eq!(of("j.a.n.e+x@googlemail.com").root_hash, of("jane@gmail.com").hash);
        assert_eq!(of("jane@exämple.de").domain, "xn--exmple-cua.de");
    }

    #[test]
    fn throw_away_domains_are_known_and_their_subdomains_too() {
        assert!(of("a@mailinator.com").disposable);
        assert!(of("a@box7.mailinator.com").disposable);
        assert!(!of("a@example.com").disposable);
        assert!(!of("a@notmailinator.org").disposable);
    }

    #[test]
    fn the_key_decides_the_hash() {
        assert_ne!(facts("a@example.com", &[1; 32]), facts("a@example.com", &[2; 32]));
    }

    #[test]
    fn what_is_no_address_is_none() {
        for text in ["", "jane", "jane@", "@example.com", "a@b", "a@b@c.de", "a b@c.de", "a@c..de", "a@[1.2.3.4]"] {
            assert_eq!(facts(text, &[7; 32]), None, "{text}");
        }
    }

    #[test]
    fn the_list_is_sorted_lower_case_and_bare() {
        let domains: Vec<&str> = include_str!("../../data/disposable_domains.txt").lines().collect();
        assert!(domains.len() > 300);
        assert!(domains.is_sorted() && domains.iter().all(|domain| normalised(&format!("a@{domain}")).is_some()));
    }
}
