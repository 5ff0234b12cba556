//! Which properties of an event are kept: whatever the app gave, and of what the SDK adds by itself (`$…`) only these. New
//! versions add more, and some of it must not be stored: user agents, advertising, what stands on a page.

use serde_json::{Map, Value};

const KEPT: &[&str] = &[
    "$lib",
    "$lib_version",
    "$current_url",
    "$host",
    "$pathname",
    "$prev_pageview_pathname",
    "$prev_pageview_duration",
    "$referring_domain",
    "$screen_name",
    "$screen_height",
    "$screen_width",
    "$viewport_height",
    "$viewport_width",
    "$browser_language",
    "$timezone",
    "$event_type",
    "$feature_flag",
    "$feature_flag_response",
    "$window_id",
    "$pageview_id",
    "$web_vitals_CLS_value",
    "$web_vitals_FCP_value",
    "$web_vitals_INP_value",
    "$web_vitals_LCP_value",
    "$ai_model",
    "$ai_provider",
    "$ai_input_tokens",
    "$ai_output_tokens",
    "$ai_latency",
    "$ai_total_cost_usd",
    "$ai_trace_id",
];
/// What the SDK says without the sign: ids and the key, which have places of their own, and what may be somebody's words.
const OF_THE_SDK: &[&str] = &["token", "api_key", "distinct_id", "uuid", "title", "alias"];

/// Returns the properties that are kept, and how many are not.
pub(super) fn kept(given: &Map<String, Value>) -> (Map<String, Value>, u64) {
    let is_kept = |name: &str| {
        if name.starts_with('$') { KEPT.contains(&name) } else { !OF_THE_SDK.contains(&name) }
    };
    let kept: Map<String, Value> =
        given.iter().filter(|(name, _)| is_kept(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
    let left_out = (given.len() - kept.len()) as u64;
    (kept, left_out)
}
