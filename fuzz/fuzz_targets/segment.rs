//! A Segment body: the first byte says which call, the rest is the call, or a batch of them.
#![no_main]

use ingest::Source;
use ingest::adapters::key_in_body;
use ingest::adapters::segment::{Call, translate};
use libfuzzer_sys::fuzz_target;
use weir_fuzz::House;

fuzz_target!(|body: &[u8]| {
    let Some((first, body)) = body.split_first() else { return };
    let name = (*first as char).to_string();
    let call = Call::from_path(&name).unwrap_or(Call::Batch);
    let house = House::get();
    let _ = key_in_body(body);
    house.judge_translation(translate(body, call, house.context()), Source::Segment);
});
