//! From bytes on the wire to raw events: bodies are decompressed under caps (`body`), then cut into events (`split`).
//! Not what the events mean (`judge`).

mod body;
mod split;

pub use body::decompress;
pub(crate) use split::{Piece, split};
