//! Ids for events that came without one.

use uuid::Builder;

use crate::sender::Sender;

/// Makes a UUIDv7 of this time (microseconds since the Unix epoch).
pub(super) fn uuid_v7(now: i64) -> String {
    let millis = u64::try_from(now / 1000).unwrap_or_default();
    Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid().to_string()
}

/// Makes the id of the event at this place of a request. Under an Idempotency-Key it is a hash of (key, Idempotency-Key,
/// place), so that the same request sent again has the same ids.
pub(super) fn missing_id(sender: &Sender, index: u32) -> String {
    let Some(idempotency_key) = &sender.idempotency_key else { return uuid_v7(sender.now) };
    let mut hasher = blake3::Hasher::new_derive_key("weir event id from idempotency key v1");
    for part in [sender.key.as_bytes(), idempotency_key.as_bytes()] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    hasher.update(&index.to_le_bytes()).finalize().to_hex()[..32].to_owned()
}
