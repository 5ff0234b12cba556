//! What a backtest says, as it is answered and stored.

use std::collections::{BTreeMap, HashMap, HashSet};

use queries::rules::BacktestHits;
use queries::{Hit, Rule};
use serde::Serialize;
use uuid::Uuid;

use super::effect::{Effect, Entity, entity_of};
use super::run::Range;
use crate::clock;

/// Entities that a report lists; the counts are of all.
const ENTITIES_MAX: usize = 100_000;
/// Points of the series.
const SERIES_MAX: i64 = 200;
const SERIES_STEPS_US: [i64; 8] = [60, 300, 900, 3_600, 21_600, 86_400, 604_800, 2_592_000];
const DAY_US: i64 = 86_400_000_000;
/// A chargeback may come so late: hits younger than this may yet turn out true.
const MATURITY_DAYS: i64 = 45;
/// The quantile of a 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// The result of a backtest.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) backtest_id: String,
    pub(crate) rule: String,
    pub(crate) version: String,
    /// A scheduled rule was asked less often than it would be: this cannot promote.
    pub(crate) approximate: bool,
    from: String,
    to: String,
    entities: Vec<FoundEntity>,
    entity_count: usize,
    truncated: bool,
    hits: usize,
    series: Vec<Point>,
    /// The share of decisions that would have been stricter.
    decisions_changed: Share,
    labels: Labels,
    credits: Credits,
    overlap: Vec<Overlap>,
    neighbours: Vec<Neighbour>,
    #[serde(skip)]
    known: HashMap<Entity, bool>,
    #[serde(skip)]
    range: (i64, i64),
}

#[derive(Debug, Serialize)]
struct FoundEntity {
    entity_kind: &'static str,
    entity: String,
    first_at: String,
    last_at: String,
    observed: i64,
    threshold: i64,
    verdict: &'static str,
}

/// Hits that opened in one step.
#[derive(Debug, Serialize)]
struct Point {
    at: String,
    hits: usize,
}

#[derive(Debug, Serialize)]
struct Share {
    changed: i64,
    total: i64,
    share: f64,
}

/// The found entities by what is known of them; `interval` is Wilson's for the precision, 95 %.
#[derive(Debug, Serialize)]
struct Labels {
    r#true: usize,
    r#false: usize,
    unknown: usize,
    /// Of those that are not labelled abusive, the ones that paid at some time.
    paying: i64,
    precision: Option<f64>,
    interval: Option<[f64; 2]>,
    recall: Option<f64>,
    /// The share of found entities that are old enough for a late label.
    mature: Option<f64>,
    maturity_days: i64,
}

#[derive(Debug, Serialize)]
struct Credits {
    saved: i64,
    stopped: i64,
}

#[derive(Debug, Serialize)]
struct Overlap {
    rule: String,
    entities: i64,
}

/// What another threshold would have found.
#[derive(Debug, Serialize)]
struct Neighbour {
    threshold: i64,
    hits: usize,
    entities: usize,
    /// Found by it and not by the rule, and of those the ones that are labelled legitimate.
    added: usize,
    added_legitimate: usize,
    /// Found by the rule and not by it, and of those the ones that are labelled abusive.
    missed: usize,
    missed_abusive: usize,
    summary: String,
}

impl Report {
    pub(super) fn new(rule: &Rule, range: Range, found: &BacktestHits, effect: Effect) -> Self {
        let entities = entities(found, range, rule.headers.ttl_us);
        let (total, changed) = effect.decisions;
        let share = if total > 0 { changed as f64 / total as f64 } else { 0.0 };
        Self {
            backtest_id: format!("bt_{}", Uuid::now_v7().simple()),
            rule: rule.name.to_string(),
            version: rule.version.to_string(),
            approximate: found.approximate,
            from: clock::rfc3339(range.from),
            to: clock::rfc3339(range.to),
            entity_count: entities.len(),
            truncated: entities.len() > ENTITIES_MAX,
            hits: found.hits.len(),
            series: series(found, range),
            decisions_changed: Share { changed, total, share },
            labels: labels(found, &effect),
            credits: Credits { saved: effect.credits.0, stopped: effect.credits.1 },
            overlap: effect.overlap.into_iter().map(|(rule, entities)| Overlap { rule, entities }).collect(),
            neighbours: Vec::new(),
            known: effect.labels,
            range: (range.from, range.to),
            entities: entities.into_iter().take(ENTITIES_MAX).collect(),
        }
    }

    pub(super) fn add_neighbour(&mut self, threshold: i64, found: &BacktestHits) {
        let theirs = distinct(found);
        let ours: HashSet<Entity> =
            self.entities.iter().map(|entity| (entity.entity_kind.to_owned(), entity.entity.clone())).collect();
        let is = |entity: &&Entity, abusive: bool| self.known.get(*entity) == Some(&abusive);
        let added: Vec<&Entity> = theirs.difference(&ours).collect();
        let missed: Vec<&Entity> = ours.difference(&theirs).collect();
        let added_legitimate = added.iter().filter(|entity| is(entity, false)).count();
        let missed_abusive = missed.iter().filter(|entity| is(entity, true)).count();
        let summary = format!(
            "at {threshold}: +{} entities, {added_legitimate} labelled legitimate; -{} entities, {missed_abusive} labelled abusive",
            added.len(),
            missed.len()
        );
        let neighbour = Neighbour {
            threshold,
            hits: found.hits.len(),
            entities: theirs.len(),
            added: added.len(),
            added_legitimate,
            missed: missed.len(),
            missed_abusive,
            summary,
        };
        self.neighbours.push(neighbour);
    }

    /// Returns the range, microseconds.
    pub(crate) const fn range(&self) -> (i64, i64) {
        self.range
    }

    /// Returns the report as JSON without the list of entities, for keeping.
    pub(crate) fn summary(&self) -> serde_json::Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            fields.remove("entities");
        }
        value
    }
}

fn distinct(found: &BacktestHits) -> HashSet<Entity> {
    found.hits.iter().map(|hit| entity_of(hit)).collect()
}

/// One line an entity: a hit that was open when the range began began with it.
fn entities(found: &BacktestHits, range: Range, ttl_us: i64) -> Vec<FoundEntity> {
    let mut by_entity: BTreeMap<(i64, &'static str, &str), (i64, &Hit)> = BTreeMap::new();
    let mut first: HashMap<(&'static str, &str), i64> = HashMap::new();
    for hit in &found.hits {
        let key = (hit.entity_kind.name(), &*hit.entity);
        let first_at = *first.entry(key).or_insert(hit.first_at.max(range.from));
        // A hit ends so long after the last true point.
        let last_at = (hit.until - ttl_us).clamp(first_at, range.to.max(first_at));
        let entry = by_entity.entry((first_at, key.0, key.1)).or_insert((last_at, hit));
        if last_at >= entry.0 {
            *entry = (last_at, hit);
        }
    }
    let line =
        |((first_at, entity_kind, entity), (last_at, hit)): ((i64, &'static str, &str), (i64, &Hit))| FoundEntity {
            entity_kind,
            entity: entity.to_owned(),
            first_at: clock::rfc3339(first_at),
            last_at: clock::rfc3339(last_at),
            observed: hit.observed,
            threshold: hit.threshold,
            verdict: hit.verdict.name(),
        };
    by_entity.into_iter().map(line).collect()
}

fn series(found: &BacktestHits, range: Range) -> Vec<Point> {
    let length = (range.to - range.from).max(1);
    let fitting =
        SERIES_STEPS_US.into_iter().map(|seconds| seconds * 1_000_000).find(|step| length / step < SERIES_MAX);
    let step = range.step_us.filter(|step| length / step < SERIES_MAX).or(fitting).unwrap_or(length);
    let mut points: BTreeMap<i64, usize> = BTreeMap::new();
    for hit in &found.hits {
        *points.entry(hit.first_at.max(range.from).div_euclid(step) * step).or_default() += 1;
    }
    points.into_iter().map(|(at, hits)| Point { at: clock::rfc3339(at), hits }).collect()
}

fn labels(found: &BacktestHits, effect: &Effect) -> Labels {
    let known = &effect.labels;
    let entities = distinct(found);
    let of = |abusive: bool| entities.iter().filter(|entity| known.get(*entity) == Some(&abusive)).count();
    let (right, wrong) = (of(true), of(false));
    let abusive = known.values().filter(|abusive| **abusive).count();
    let ratio = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
    let is_mature = |hit: &&std::sync::Arc<Hit>| hit.first_at <= clock::now() - MATURITY_DAYS * DAY_US;
    let mature: HashSet<Entity> = found.hits.iter().filter(is_mature).map(|hit| entity_of(hit)).collect();
    Labels {
        r#true: right,
        r#false: wrong,
        unknown: entities.len() - right - wrong,
        paying: effect.paying,
        precision: ratio(right, right + wrong),
        interval: wilson(right, right + wrong),
        recall: ratio(right, abusive),
        mature: ratio(mature.len(), entities.len()),
        maturity_days: MATURITY_DAYS,
    }
}

/// Wilson's score interval of a share, 95 %.
fn wilson(part: usize, whole: usize) -> Option<[f64; 2]> {
    if whole == 0 {
        return None;
    }
    let (n, share) = (whole as f64, part as f64 / whole as f64);
    let centre = share + Z * Z / (2.0 * n);
    let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    Some([((centre - spread) / scale).max(0.0), ((centre + spread) / scale).min(1.0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_wilsons() {
        let [low, high] = wilson(9, 10).unwrap();
        assert!((low - 0.5958).abs() < 1e-3 && (high - 0.9821).abs() < 1e-3, "{low} {high}");
        let [low, high] = wilson(0, 5).unwrap();
        assert!(low == 0.0 && high > 0.4);
        assert_eq!(wilson(0, 0), None);
    }
}
