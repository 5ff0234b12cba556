//! What all targets share: a judge to bring bodies before, and what must hold of whatever comes out.

pub mod artifacts;

use std::sync::{Arc, LazyLock};

use ingest::adapters::{Context, Fate, IdRules, Translation};
use ingest::{BodyError, Enricher, Fingerprinter, Judge, Judged, Kind, Limits, RejectCode, Sender, Source, Trust};

/// 2026-11-22T10:00:00Z, so that a body does the same whenever it comes.
const NOW: i64 = 1_795_341_600_000_000;

static HOUSE: LazyLock<House> = LazyLock::new(House::new);

/// A judge, and rules for ids.
pub struct House {
    judge: Judge,
    ids: IdRules,
    limits: Limits,
}

impl House {
    fn new() -> Self {
        let enricher = Arc::new(Enricher::new([1; 32], Arc::new(|_| [2; 32]), None, None));
        Self {
            judge: Judge::new(Limits::default(), Fingerprinter::new([3; 32]), Arc::clone(&enricher)),
            ids: IdRules::new(Some("^gst_"), enricher).expect("a pattern"),
            limits: Limits::default(),
        }
    }

    /// The one of this process.
    pub fn get() -> &'static Self {
        &HOUSE
    }

    /// The limits of a request.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What adapters need to know.
    pub fn context(&self) -> Context<'_> {
        Context { ids: &self.ids, limits: &self.limits, now: NOW }
    }

    /// Judges a body of our own protocol.
    pub fn judge(&self, body: &[u8]) -> Option<Judged> {
        let judged = self.judge.judge(body, &sender(Source::Native)).ok()?;
        assert_counted(&judged);
        Some(judged)
    }

    /// Judges what an adapter made of a body, if it made anything of it.
    pub fn judge_translation(&self, translation: Result<Translation, BodyError>, source: Source) {
        let Ok(translation) = translation else { return };
        let judged = self.judge.judge_translation(&translation, &sender(source));
        assert_counted(&judged);
        let skipped = translation.events.iter().filter(|event| matches!(event.fate, Fate::Skipped(_))).count();
        assert_eq!(judged.received as usize + skipped, translation.events.len(), "one outcome each");
        for reject in &judged.rejects {
            let is_native = matches!(translation.events[reject.index as usize].fate, Fate::Native(_));
            let is_unreadable = matches!(reject.code, RejectCode::InvalidJson | RejectCode::UnknownKind);
            assert!(!(is_native && is_unreadable), "an adapter wrote no event: {}", reject.message);
        }
    }
}

fn sender(source: Source) -> Sender {
    Sender {
        key: "fuzz".into(),
        trust: Trust::Server,
        source,
        historical: false,
        peer: None,
        user_agent: None,
        opted_out: false,
        idempotency_key: None,
        now: NOW,
    }
}

/// `received = stored + rejected`, each a row.
fn assert_counted(judged: &Judged) {
    assert_eq!(judged.rows.len(), judged.received as usize, "a row each");
    let refused = judged.rows.heads().iter().filter(|head| head.kind == Kind::Rejects).count();
    assert_eq!(refused, judged.rejects.len(), "a row of rejects for each that was refused");
}
