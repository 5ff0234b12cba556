//! A Sentry envelope, and the same bytes as a bare event.
#![no_main]

use ingest::Source;
use ingest::adapters::sentry::{key_in_envelope, translate, translate_store};
use libfuzzer_sys::fuzz_target;
use weir_fuzz::House;

fuzz_target!(|body: &[u8]| {
    let house = House::get();
    let _ = key_in_envelope(body);
    house.judge_translation(translate(body, house.context()), Source::Sentry);
    house.judge_translation(translate_store(body, house.context()), Source::Sentry);
});
