//! Envelopes as Sentry's SDK for Node sends them, of ~30 KB each: made once from a seed, and given a fresh event id and time
//! each time they are sent. Like the SDK, those of more than 32 KiB go out in gzip.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use serde_json::{Value, json};

use super::load::Traffic;
use super::server::KEY;

/// Distinct envelopes.
const TEMPLATES: usize = 64;
/// What an id begins with; the number of the event follows in 16 digits.
const ID_PREFIX: &str = "5e47000000000000";
const ID_DIGITS: usize = 16;
/// A body of more bytes is compressed: the SDK's `GZIP_THRESHOLD`.
const GZIP_ABOVE_BYTES: usize = 32 << 10;
/// No name, no time, unknown system.
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
const BREADCRUMBS: u64 = 100;

/// What of an envelope stays the same whenever it is sent.
struct Template {
    /// The event, without the brace that opens it and its id.
    rest: Vec<u8>,
    /// The same as a deflate stream that refers to nothing before it, and its checksum.
    deflated: Option<(Vec<u8>, Crc)>,
}

/// Envelopes with one error each; the numbers in their ids are consecutive.
pub(crate) struct Envelopes {
    templates: Vec<Template>,
    next: AtomicU64,
}

impl Envelopes {
    pub(crate) fn new() -> Self {
        Self { templates: (0..TEMPLATES as u64).map(template).collect(), next: AtomicU64::new(0) }
    }

    /// Returns how many events were prepared so far.
    pub(crate) fn prepared(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// Returns an envelope's mean size in bytes: opened, and as it is sent.
    pub(crate) fn bytes(&self) -> (f64, f64) {
        let head = head_of("2026-01-01T00:00:00.000Z", 0).len();
        let opened: usize = self.templates.iter().map(|template| head + template.rest.len()).sum();
        let sent: usize = self
            .templates
            .iter()
            .map(|template| head + template.deflated.as_ref().map_or(template.rest.len(), |(bytes, _)| bytes.len()))
            .sum();
        (opened as f64 / TEMPLATES as f64, sent as f64 / TEMPLATES as f64)
    }

    /// Returns the share of envelopes that are compressed.
    pub(crate) fn compressed_share(&self) -> f64 {
        self.templates.iter().filter(|template| template.deflated.is_some()).count() as f64 / TEMPLATES as f64
    }
}

/// The number of an event, in SQL.
pub(crate) const NUMBER_SQL: &str = "cast(substr(event_id, 17) as bigint)";

impl Traffic for Envelopes {
    fn prepare(&self, connection: usize, number: u64, request: &mut Vec<u8>) {
        let template = &self.templates[(connection * 7 + number as usize) % TEMPLATES];
        let sent_at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let head = head_of(&sent_at, self.next.fetch_add(1, Ordering::Relaxed));
        request.clear();
        match &template.deflated {
            None => {
                begin(request, head.len() + template.rest.len(), "");
                request.extend_from_slice(&head);
                request.extend_from_slice(&template.rest);
            }
            Some((deflated, crc)) => {
                // The head goes into a block of its own, stored as it is, so that nothing is compressed again.
                let stored_bytes = 5 + head.len();
                begin(request, GZIP_HEAD.len() + stored_bytes + deflated.len() + 8, "content-encoding: gzip\r\n");
                let mut sum = Crc::new();
                sum.update(&head);
                sum.combine(crc);
                let length = head.len() as u16;
                request.extend_from_slice(&GZIP_HEAD);
                request.push(0);
                request.extend_from_slice(&length.to_le_bytes());
                request.extend_from_slice(&(!length).to_le_bytes());
                request.extend_from_slice(&head);
                request.extend_from_slice(deflated);
                request.extend_from_slice(&sum.sum().to_le_bytes());
                request.extend_from_slice(&sum.amount().to_le_bytes());
            }
        }
    }

    fn check(&self, status: u16, body: &[u8]) -> bool {
        let named = format!("{{\"id\":\"{ID_PREFIX}");
        status == 200 && body.starts_with(named.as_bytes())
    }
}

fn begin(request: &mut Vec<u8>, body_bytes: usize, encoding: &str) {
    let head = format!(
        "POST /api/1/envelope/?sentry_version=7&sentry_key={KEY} HTTP/1.1\r\nhost: weir\r\n{encoding}\
         content-length: {body_bytes}\r\n\r\n"
    );
    request.extend_from_slice(head.as_bytes());
}

/// The lines before an event, and the event up to its id.
fn head_of(sent_at: &str, number: u64) -> Vec<u8> {
    let id = format!("{ID_PREFIX}{number:0width$}", width = ID_DIGITS);
    format!(
        "{{\"event_id\":\"{id}\",\"sent_at\":\"{sent_at}\",\"sdk\":{{\"name\":\"sentry.javascript.node\",\"version\":\"11.12.0\"}},\
         \"trace\":{{\"environment\":\"production\",\"release\":\"studio@2.7.1\",\"public_key\":\"bench\",\"trace_id\":\
         \"771a43a4192642f0b136d5159a501700\"}}}}\n{{\"type\":\"event\"}}\n{{\"event_id\":\"{id}\","
    )
    .into_bytes()
}

fn template(seed: u64) -> Template {
    let event = event(seed).to_string();
    let rest = event.as_bytes()[1..].to_vec();
    let is_large = head_of("2026-01-01T00:00:00.000Z", 0).len() + rest.len() > GZIP_ABOVE_BYTES;
    let deflated = is_large.then(|| {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        let mut crc = Crc::new();
        crc.update(&rest);
        encoder.write_all(&rest).and_then(|()| encoder.finish()).map(|bytes| (bytes, crc))
    });
    Template { rest, deflated: deflated.transpose().expect("a vector takes all that is written") }
}

/// Numbers that follow from a seed, with nothing else in common (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn one_of<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words[self.below(words.len() as u64) as usize]
    }
}

const WORDS: [&str; 16] = [
    "board", "layer", "render", "queue", "credit", "upload", "prompt", "session", "canvas", "export", "guest", "model",
    "stream", "worker", "asset", "token",
];
const FAULTS: [(&str, &str); 6] = [
    ("TypeError", "Cannot read properties of undefined (reading 'layers')"),
    ("RangeError", "Maximum call stack size exceeded"),
    ("TimeoutError", "the generation did not answer within 30000 ms"),
    ("FetchError", "request to https://models.vismuse.example/v2/generate failed, reason: socket hang up"),
    ("InsufficientCreditsError", "wallet ws_58213 holds 3 credits, 8 are needed"),
    ("ZodError", "Invalid input: expected string, received number at params.board.id"),
];

fn event(seed: u64) -> Value {
    let mut numbers = Numbers(seed);
    let now_s = chrono::Utc::now().timestamp_millis() as f64 / 1_000.0;
    let (ty, message) = FAULTS[numbers.below(FAULTS.len() as u64) as usize];
    let frames: Vec<Value> = (0..40 + numbers.below(21)).map(|_| frame(&mut numbers)).collect();
    let crumbs: Vec<Value> = (0..BREADCRUMBS).map(|place| breadcrumb(&mut numbers, now_s, place)).collect();
    let person = numbers.below(100_000);
    let images: Vec<Value> = (0..6)
        .map(|_| {
            let (word, id) = (numbers.one_of(&WORDS), numbers.below(u64::MAX));
            json!({"type": "sourcemap", "code_file": format!("/srv/studio/dist/{word}.js"),
                "debug_id": format!("{id:08x}-4b1e-4c5a-9f00-{id:012x}")})
        })
        .collect();
    json!({
        "timestamp": now_s, "platform": "node", "level": "error", "environment": "production",
        "release": format!("studio@2.{}.{}", numbers.below(9), numbers.below(5)), "server_name": "api-7f9c4d",
        "exception": {"values": [{"type": ty, "value": message, "stacktrace": {"frames": frames},
            "mechanism": {"type": "auto.middleware.express", "handled": person.is_multiple_of(3)}}]},
        "breadcrumbs": crumbs,
        "request": {
            "method": "POST", "url": format!("https://studio.vismuse.example/api/v2/boards/{person}?draft=1"),
            "headers": {"host": "studio.vismuse.example", "accept": "application/json", "accept-language": "en-GB,en;q=0.8",
                "content-type": "application/json", "user-agent": format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) \
                AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36", 120 + person % 20)},
            "query_string": "draft=1", "cookies": {},
        },
        "user": {"id": format!("acct_{person:06}"), "ip_address": format!("203.{}.{}.{}", person % 200, person % 251, person % 241)},
        "contexts": {
            "trace": {"trace_id": "771a43a4192642f0b136d5159a501700", "span_id": "9ad4a5bd51a0d5b1", "op": "http.server"},
            "runtime": {"name": "node", "version": "v22.11.0"},
            "os": {"name": "Linux", "version": "6.8.0", "kernel_version": "6.8.0-45-generic"},
            "device": {"arch": "x64", "memory_size": 8_328_499_200_u64, "free_memory": 912_000_000, "processor_count": 4},
            "app": {"app_start_time": "2026-01-01T00:00:00.000Z", "app_memory": 183_000_000},
            "culture": {"locale": "en-GB", "timezone": "Europe/London"},
            "generation": {"model": "studio-xl", "steps": person % 50, "board": format!("brd_{person}"), "cost": 8},
        },
        "tags": {"route": "POST /api/v2/boards/:id", "plan": "guest", "workspace_id": format!("ws_{person:06}")},
        "extra": {"queue": "interactive", "attempt": person % 4, "arguments": vec![json!({"width": 1024, "height": 768}); 6]},
        "modules": {"express": "5.1.0", "pg": "8.13.1", "zod": "3.23.8", "ioredis": "5.4.1", "sharp": "0.33.5"},
        "debug_meta": {"images": images},
        "sdk": {"name": "sentry.javascript.node", "version": "11.12.0", "integrations": ["Http", "Express", "ContextLines",
            "OnUncaughtException", "LinkedErrors", "RequestData"], "packages": [{"name": "npm:@sentry/node", "version": "11.12.0"}]},
    })
}

/// A frame; the app's own carry the lines around theirs, as the SDK reads them from disk.
fn frame(numbers: &mut Numbers) -> Value {
    let (word, other) = (numbers.one_of(&WORDS), numbers.one_of(&WORDS));
    let (line, column) = (1 + numbers.below(900), 1 + numbers.below(110));
    if numbers.below(5) > 1 {
        return json!({"filename": format!("/srv/studio/node_modules/{word}/dist/cjs/{other}.js"), "module": format!("{word}.{other}"),
            "function": format!("{word}.handle_{other}"), "lineno": line, "colno": column, "in_app": false});
    }
    let mut lines = |count: usize| -> Vec<String> {
        (0..count)
            .map(|_| format!("    const {} = await {}.find({});", numbers.one_of(&WORDS), numbers.one_of(&WORDS), line))
            .collect()
    };
    let (before, after) = (lines(4), lines(4));
    json!({"filename": format!("/srv/studio/dist/{word}/{other}.js"), "module": format!("{word}:{other}"),
        "function": format!("{other}Service.{word}"), "lineno": line, "colno": column, "in_app": true,
        "pre_context": before, "context_line": format!("    return this.{word}.{other}(params.board);"), "post_context": after})
}

fn breadcrumb(numbers: &mut Numbers, now_s: f64, place: u64) -> Value {
    let at = now_s - (BREADCRUMBS - place) as f64;
    let (word, other, number) = (numbers.one_of(&WORDS), numbers.one_of(&WORDS), numbers.below(10_000));
    match numbers.below(3) {
        0 => {
            json!({"timestamp": at, "category": "console", "level": "info", "message": format!("{word} {number} is {other}")})
        }
        1 => json!({"timestamp": at, "category": "http", "type": "http", "level": "info",
            "data": {"url": format!("https://models.vismuse.example/v2/{word}/{number}"), "http.method": "GET", "status_code": 200}}),
        _ => {
            json!({"timestamp": at, "category": "query", "message": format!("select {word}_id from {other} where id = ${}", number % 9)})
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// Returns the body of a request, opened.
    fn opened(request: &[u8]) -> (String, bool) {
        let head = request.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
        let text = String::from_utf8_lossy(&request[..head]);
        let length: usize = text.split("content-length: ").nth(1).unwrap().trim().parse().unwrap();
        assert_eq!(length, request.len() - head);
        let mut body = String::new();
        if text.contains("content-encoding: gzip") {
            flate2::read::GzDecoder::new(&request[head..]).read_to_string(&mut body).expect("gzip, with its checksum");
            return (body, true);
        }
        (String::from_utf8(request[head..].to_vec()).unwrap(), false)
    }

    #[test]
    fn an_envelope_is_an_event_of_thirty_kilobytes_under_its_own_id() {
        let envelopes = Envelopes::new();
        let mut request = Vec::new();
        let mut seen = [0, 0];
        for number in 0..TEMPLATES as u64 {
            envelopes.prepare(0, number, &mut request);
            let (body, is_compressed) = opened(&request);
            assert_eq!(is_compressed, body.len() > GZIP_ABOVE_BYTES);
            assert!((24_000..40_000).contains(&body.len()), "{}", body.len());
            seen[usize::from(is_compressed)] += 1;
            let lines: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let id = format!("{ID_PREFIX}{number:016}");
            assert_eq!((&lines[0]["event_id"], &lines[2]["event_id"]), (&json!(id), &json!(id)));
            let frames = lines[2]["exception"]["values"][0]["stacktrace"]["frames"].as_array().unwrap().len();
            assert!((40..=60).contains(&frames));
            assert_eq!(lines[2]["breadcrumbs"].as_array().unwrap().len(), 100);
        }
        assert!(seen.iter().all(|count| *count >= TEMPLATES / 10), "both forms are sent: {seen:?}");
        let (opened, sent) = envelopes.bytes();
        assert!((27_000.0..35_000.0).contains(&opened) && sent < opened, "{opened} {sent}");
    }

    #[test]
    fn one_seed_makes_one_event() {
        let of = |seed| event(seed)["exception"].to_string();
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }
}
