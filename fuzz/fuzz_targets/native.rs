//! A body of `POST /v1/events`: an object, an array, or lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_fuzz::House;

fuzz_target!(|body: &[u8]| {
    let _ = House::get().judge(body);
});
