//! Translations as the judge meets them: what came in, as rows. Each protocol's own rules are tested beside it.

use std::sync::Arc;

use super::*;
use crate::dedupe::Fingerprinter;
use crate::enrich::Enricher;
pub(super) use crate::judge::tests::NOW;
use crate::judge::tests::server;
use crate::judge::{Judge, Judged};
use crate::kind::Kind;
use crate::row::{Head, Trust, Value as Cell};
use crate::sender::{Sender, Source};

/// A house with a judge and rules for ids.
pub(super) struct House {
    judge: Judge,
    pub ids: IdRules,
    pub limits: Limits,
}

impl House {
    pub(super) fn new(guest: Option<&str>) -> Self {
        let enricher = Arc::new(Enricher::new([1; 32], Arc::new(|_| [2; 32]), None, None));
        Self {
            judge: Judge::new(Limits::default(), Fingerprinter::new([3; 32]), Arc::clone(&enricher)),
            ids: IdRules::new(guest, enricher).expect("a pattern"),
            limits: Limits::default(),
        }
    }

    pub(super) fn context(&self) -> Context<'_> {
        Context { ids: &self.ids, limits: &self.limits, now: NOW }
    }

    /// Judges a translation, and shows its rows as `table column=value …`, columns in the order of the request.
    pub(super) fn judged(&self, translation: &Translation, trust: Trust, source: Source) -> Judged {
        let sender = Sender { trust, source, ..server() };
        let judged = self.judge.judge_translation(translation, &sender);
        let skipped = translation.events.iter().filter(|event| matches!(event.fate, Fate::Skipped(_))).count();
        assert_eq!(judged.received as usize + skipped, translation.events.len(), "one outcome each");
        assert_eq!(judged.rows.len(), judged.received as usize);
        let rejects = judged.rows.heads().iter().filter(|head| head.kind == Kind::Rejects).count();
        assert_eq!(rejects, judged.rejects.len());
        judged
    }
}

/// Returns a cell as text; none for null.
pub(super) fn cell(judged: &Judged, head: &Head, column: &str) -> Option<String> {
    judged.rows.get(head, column).map(|value| match value {
        Cell::Text(text) => text.to_owned(),
        Cell::Frames(frames) => serde_json::to_string(&frames.iter().collect::<Vec<_>>()).unwrap(),
        Cell::Int(number) | Cell::Time(number) => number.to_string(),
        Cell::Bool(value) => value.to_string(),
    })
}

/// Returns these columns of every row.
pub(super) fn table(judged: &Judged, columns: &[&str]) -> Vec<Vec<String>> {
    let show = |head: &Head| {
        let cells = columns.iter().map(|column| cell(judged, head, column).unwrap_or_else(|| "-".into()));
        std::iter::once(head.kind.table().to_owned()).chain(cells).collect()
    };
    judged.rows.heads().iter().map(show).collect()
}

/// All that a translation left behind, as one text.
pub(super) fn everything(judged: &Judged) -> String {
    let mut all = String::new();
    for head in judged.rows.heads() {
        for (_, value) in judged.rows.cells(head) {
            all.push_str(&format!("{value:?}\n"));
        }
    }
    all
}
