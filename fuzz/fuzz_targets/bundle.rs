//! A bundle of source maps, and the same bytes as the manifest of one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_fuzz::artifacts::{read_bundle, read_manifest};

fuzz_target!(|body: &[u8]| {
    read_bundle(body);
    read_manifest(body);
});
