//! A stack's text, in an error that is otherwise sound: it is stored, whatever the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_fuzz::House;

fuzz_target!(|text: &str| {
    let event = serde_json::json!({"kind": "error", "type": "E", "stack": text}).to_string();
    let is_small = event.len() <= House::get().limits().event_bytes_max;
    let judged = House::get().judge(event.as_bytes());
    let refused = judged.map_or(1, |judged| judged.rejects.len());
    assert!(refused == 0 || !is_small, "refused for its stack");
});
