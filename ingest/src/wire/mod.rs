//! From bytes on the wire to raw events: bodies are decompressed under caps (`body`), then cut into events (`split`).
//! What SDKs send may hold its JSON in more ways (`sdk_body`, `lz`). Not what the events mean (`judge`, `adapters`).

mod body;
mod lz;
mod sdk_body;
mod split;

pub use body::decompress;
pub use sdk_body::{BodyHints, open_sdk_body, open_sdk_envelope};
pub(crate) use split::{Piece, split};
