//! An OTLP request in JSON, as logs and as traces.
#![no_main]

use ingest::Source;
use ingest::adapters::otlp::{Encoding, Signal, translate};
use libfuzzer_sys::fuzz_target;
use weir_fuzz::House;

fuzz_target!(|body: &[u8]| {
    let house = House::get();
    for signal in [Signal::Logs, Signal::Traces] {
        house.judge_translation(translate(body, signal, Encoding::Json, house.context()), Source::Otlp);
    }
});
