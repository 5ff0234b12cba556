//! A PostHog body: an event, an array of them, or a batch.
#![no_main]

use ingest::Source;
use ingest::adapters::posthog::{Asked, translate};
use libfuzzer_sys::fuzz_target;
use weir_fuzz::House;

fuzz_target!(|body: &[u8]| {
    let house = House::get();
    let asked = Asked { sent_at: Some("2026-11-22T10:00:05Z".into()), library: Some("fuzz/1".into()) };
    house.judge_translation(translate(body, &asked, house.context()), Source::Posthog);
});
