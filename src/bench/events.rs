//! Bodies of ~640-byte events: prepared once, and given fresh ids each time they are sent.

use std::sync::atomic::{AtomicU64, Ordering};

use super::client::post;
use super::load::Traffic;

const ID_DIGITS: usize = 16;
const TEMPLATES: usize = 32;

struct Template {
    request: Vec<u8>,
    /// Where each event's id stands in the request.
    ids: Vec<usize>,
}

/// Batches of distinct events; ids are consecutive numbers.
pub(crate) struct Batches {
    templates: Vec<Template>,
    batch: usize,
    next_id: AtomicU64,
}

impl Batches {
    pub(crate) fn new(batch: usize) -> Self {
        let templates = (0..TEMPLATES).map(|seed| template(batch, seed)).collect();
        Self { templates, batch, next_id: AtomicU64::new(0) }
    }

    /// Returns how many events were prepared so far.
    pub(crate) fn prepared(&self) -> u64 {
        self.next_id.load(Ordering::Relaxed)
    }

    /// Returns an event's mean size in bytes.
    pub(crate) fn event_bytes(&self) -> usize {
        self.templates[0].request.len() / self.batch
    }
}

impl Traffic for Batches {
    fn prepare(&self, connection: usize, number: u64, request: &mut Vec<u8>) {
        let template = &self.templates[(connection * 7 + number as usize) % TEMPLATES];
        request.clear();
        request.extend_from_slice(&template.request);
        let first = self.next_id.fetch_add(self.batch as u64, Ordering::Relaxed);
        for (id, at) in (first..).zip(&template.ids) {
            let mut rest = id;
            for digit in request[*at..*at + ID_DIGITS].iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        }
    }

    fn check(&self, status: u16, body: &[u8]) -> bool {
        let stored = format!("\"stored\":{},", self.batch);
        status == 200 && body.windows(stored.len()).any(|window| window == stored.as_bytes())
    }
}

fn template(batch: usize, seed: usize) -> Template {
    let marker = "0".repeat(ID_DIGITS);
    let mut body = Vec::new();
    let mut ids = Vec::new();
    for index in 0..batch {
        let number = seed * 100_003 + index * 31;
        let name = ["image.generate", "chat.generate", "page.view"][number % 3];
        let model = ["studio-xl", "studio-s"][number % 2];
        let event = serde_json::json!({
            "id": marker, "kind": "usage", "name": name,
            "ts": chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            "status": if number.is_multiple_of(17) { "error" } else { "ok" }, "duration_ms": number % 4_000,
            "route": format!("/api/v2/boards/{}", number % 40), "model": model,
            "quantity": 1, "account_id": format!("acct_{:06}", number % 90_001),
            "guest_id": format!("gst_{:06}", number % 70_001), "device_id": format!("dev_{:06}", number % 80_021),
            "session_id": format!("ses_{:08}", number % 400_009), "workspace_id": format!("ws_{:06}", number % 60_013),
            "ip": format!("203.{}.{}.{}", number % 200, number % 251, number % 241),
            "user_agent": format!(
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36",
                120 + number % 20
            ),
            "release": format!("2.{}.{}", number % 9, number % 5), "environment": "production",
            "properties": { "ratio": "16:9", "steps": number % 50, "style": "watercolour", "seed_locked": false,
                "board": format!("brd_{:08}", number), "queue": "interactive" },
        })
        .to_string();
        if index > 0 {
            body.push(b'\n');
        }
        let at = event.find(&format!("\"id\":\"{marker}\"")).expect("the id was just written") + 6;
        ids.push(body.len() + at);
        body.extend_from_slice(event.as_bytes());
    }
    let request = post("/v1/events", &body);
    let head = request.len() - body.len();
    Template { request, ids: ids.into_iter().map(|at| head + at).collect() }
}
