//! Browser sessions: a random id in a strict cookie stands for a key for twelve hours. Kept in memory: a restart signs
//! everybody out, and a revoked key ends its sessions at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, header};

use crate::control::{Key, Keyring, random_id};

const COOKIE: &str = "weir_session";
const LIFETIME_S: i64 = 12 * 3_600;
const SESSIONS_MAX: usize = 10_000;

struct Session {
    key_id: String,
    key_name: Arc<str>,
    ends_at: i64,
}

/// Everybody who is signed in.
#[derive(Default)]
pub(crate) struct Sessions {
    sessions: Mutex<HashMap<String, Session>>,
}

impl Sessions {
    /// Begins a session of this key and returns the `Set-Cookie` value. `secure` when the page came over TLS.
    pub(crate) fn begin(&self, key: &Key, secure: bool, now: i64) -> String {
        // Two ids make 190 bits.
        let id = format!("{}{}", random_id(""), random_id(""));
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| now < session.ends_at);
        if sessions.len() >= SESSIONS_MAX
            && let Some(oldest) = sessions.iter().min_by_key(|(_, session)| session.ends_at).map(|(id, _)| id.clone())
        {
            sessions.remove(&oldest);
        }
        let ends_at = now + LIFETIME_S * 1_000_000;
        sessions.insert(id.clone(), Session { key_id: key.id.clone(), key_name: Arc::clone(&key.name), ends_at });
        cookie(&id, LIFETIME_S, secure)
    }

    /// Returns the key that the request's session stands for, as the keyring knows it now.
    pub(crate) fn key(&self, headers: &HeaderMap, keyring: &Keyring, now: i64) -> Option<Arc<Key>> {
        let id = cookie_of(headers)?;
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get(id).filter(|session| now < session.ends_at)?;
        keyring.by_name(&session.key_name, now).filter(|key| key.id == session.key_id)
    }

    /// Ends the request's session and returns the `Set-Cookie` value that makes the browser forget it.
    pub(crate) fn end(&self, headers: &HeaderMap) -> String {
        if let Some(id) = cookie_of(headers) {
            self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        }
        cookie("", 0, false)
    }
}

fn cookie(id: &str, max_age_s: i64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={id}; HttpOnly; SameSite=Strict; Path=/; Max-Age={max_age_s}{secure}")
}

/// Tells whether the request brings a session, living or not.
pub(crate) fn has_cookie(headers: &HeaderMap) -> bool {
    cookie_of(headers).is_some()
}

fn cookie_of(headers: &HeaderMap) -> Option<&str> {
    sent_cookie(headers, COOKIE)
}

/// Returns the value of a cookie that the request brings, if it is not empty.
pub(super) fn sent_cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(sent, _)| *sent == name).map(|(_, value)| value).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{By, Control, NewKey, Purposes, Scopes};

    #[test]
    fn a_session_lasts_until_its_end_or_its_keys() {
        let ring = Keyring::load(Arc::new(Control::in_memory()), &[], 1).unwrap();
        let new = || NewKey {
            name: "ops".into(),
            scopes: Scopes::ALL,
            origins: vec![],
            rate: None,
            purposes: Purposes::DEFAULT,
            expires_at: None,
        };
        let (stored, text) = ring.create(new(), By::weir(1)).unwrap();
        let sessions = Sessions::default();
        let cookie = sessions.begin(&ring.authenticate(&text.to_string(), 1).unwrap(), true, 1);
        assert!(cookie.contains("; HttpOnly; SameSite=Strict; Path=/; Max-Age=43200; Secure"), "{cookie}");
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, format!("theme=dark; {}", cookie.split(';').next().unwrap()).parse().unwrap());
        assert!(sessions.key(&headers, &ring, 2).is_some());
        assert!(sessions.key(&headers, &ring, 2 + LIFETIME_S * 1_000_000).is_none());
        ring.revoke(&stored.id, By::weir(2)).unwrap();
        ring.create(new(), By::weir(3)).unwrap();
        assert!(sessions.key(&headers, &ring, 4).is_none(), "another key of the same name");
        assert!(sessions.end(&headers).contains("Max-Age=0"));
    }
}
