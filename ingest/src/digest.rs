//! A short digest of a list of parts: ids and groups that follow from what they are made of.

/// Returns 32 hexadecimal digits that stand for these parts; no two lists share them. `context` says what they are of.
pub(crate) fn of_parts<'p>(context: &str, parts: impl IntoIterator<Item = &'p [u8]>) -> String {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    hasher.finalize().to_hex()[..32].to_owned()
}
