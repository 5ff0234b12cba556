//! A body as SDKs wrap it: folded by lz-string, in base64, in a form, compressed.
#![no_main]

use bytes::Bytes;
use ingest::{BodyHints, open_sdk_body};
use libfuzzer_sys::fuzz_target;
use weir_fuzz::House;

fuzz_target!(|body: &[u8]| {
    let limits = House::get().limits();
    for compression in [Some("lz64"), None] {
        let hints = BodyHints { content_encoding: None, compression: compression.map(str::to_owned) };
        if let Ok(opened) = open_sdk_body(Bytes::copy_from_slice(body), &hints, limits) {
            assert!(opened.len() <= limits.decoded_bytes_max, "{} bytes", opened.len());
            assert!(matches!(opened.trim_ascii().first(), Some(b'{' | b'[')), "no JSON");
        }
    }
});
