//! A form of chunks of source maps; its boundary is `b`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_fuzz::artifacts::read_form;

fuzz_target!(|body: &[u8]| read_form(body));
