//! What the judge says of the events: all are taken, and nothing in them looks like something personal.

use std::sync::Arc;

use ingest::{Enricher, Fingerprinter, Judge, Kind, Limits, Sender, Source, Trust, Value};

use super::{plot, tell};

#[test]
fn the_judge_takes_every_event_as_it_is() {
    let plot = plot(15_000, 31);
    let told = tell(&plot);
    let salts = |_now: i64| [1; 32];
    let enricher = Arc::new(Enricher::new([2; 32], Arc::new(salts), None, None));
    let judge = Judge::new(Limits::default(), Fingerprinter::new([3; 32]), enricher);
    let sender = Sender {
        key: Arc::from("simulate"),
        trust: Trust::Server,
        source: Source::Native,
        historical: false,
        peer: None,
        user_agent: None,
        opted_out: false,
        idempotency_key: None,
        now: plot.end_ms * 1_000,
    };
    let lines: Vec<&str> = told.text.lines().collect();
    for batch in lines.chunks(5_000) {
        let judged = judge.judge(batch.join("\n").as_bytes(), &sender).expect("a body of events");
        for reject in judged.rejects.iter().take(3) {
            println!("{}: {}", reject.message, batch[reject.index as usize]);
        }
        assert!(judged.rejects.is_empty(), "{} rejected", judged.rejects.len());
        assert_eq!(judged.rows.len(), batch.len());
        for head in judged.rows.heads() {
            for name in ["country", "ip_prefix", "ip_hash"] {
                let unknown = judged.rows.get(head, name).is_none();
                assert!(!unknown || head.kind == Kind::Credits, "{name} of {:?}", head.kind);
            }
            for (_, value) in judged.rows.cells(head) {
                let text = if let Value::Text(text) = value { text.to_owned() } else { format!("{value:?}") };
                let scrubbed = ["[email]", "[ip]", "[card]", "[token]", "[secret]", "[iban]", "[redacted]", "[key]"];
                assert!(!scrubbed.iter().any(|mark| text.contains(mark)), "scrubbed: {text}");
            }
        }
    }
}
