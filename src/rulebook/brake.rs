//! The brake: a live rule that blocks more of the established people than its `max_block_rate` allows goes back to shadow.
//!
//! Measured over entities that were first seen at least seven days ago and about which decisions were made in the last
//! hour, at least 200 of them, so that a flood of new ones can neither switch a rule off nor hide what it does.

use ingest::Ingest;
use queries::{Engine, EntityKind, Mode, Params, QueryError, Rule, Tables, to_json};
use serde_json::json;
use tracing::{error, warn};

use super::Rulebook;
use super::modes::stored;
use crate::clock;

const HOUR_US: i64 = 3_600_000_000;
const ESTABLISHED_US: i64 = 7 * 24 * HOUR_US;
const ENTITIES_MIN: i64 = 200;
/// The kinds of entities that the table of decisions has a column for.
const KINDS: [EntityKind; 6] = [
    EntityKind::Account,
    EntityKind::Guest,
    EntityKind::Device,
    EntityKind::Session,
    EntityKind::Workspace,
    EntityKind::ApiKey,
];

/// Entities about which decisions were made, and those of them that the rule blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Blocked {
    entities: i64,
    blocked: i64,
}

impl Blocked {
    /// Tells whether that is more than a share in millionths.
    const fn exceeds(self, ppm: u32) -> bool {
        self.entities >= ENTITIES_MIN && self.blocked * 1_000_000 > self.entities * ppm as i64
    }
}

impl Rulebook {
    /// Takes live rules that block too many of the established people back to shadow.
    pub(super) async fn brake(&self, ingest: &Ingest, tables: &Tables) {
        let in_force = self.in_force.load_full();
        let now = clock::now();
        for (rule, mode) in &in_force.rules {
            let Some(ppm) = applies(rule, *mode) else { continue };
            let blocked = match count(&self.engine, tables, rule, now).await {
                Ok(Some(blocked)) if blocked.exceeds(ppm) => blocked,
                Ok(_) => continue,
                Err(error) => {
                    warn!(%error, rule.name = &*rule.name, "whom a rule blocks could not be counted");
                    continue;
                }
            };
            metrics::counter!("weir_rule_trips_total", "rule" => rule.name.to_string()).increment(1);
            warn!(
                rule.name = &*rule.name,
                entities = blocked.entities,
                entities.blocked = blocked.blocked,
                max_block_rate_ppm = ppm,
                "a rule blocked more established people than it may, and is in shadow again"
            );
            let set = stored(rule, Mode::Shadow, "weir", now);
            let why = json!({"entities": blocked.entities, "blocked": blocked.blocked, "max_block_rate_ppm": ppm});
            if let Err(error) = self.set_mode(ingest, &set, "rule.tripped", &why) {
                error!(%error, rule.name = &*rule.name, "a rule could not be taken back to shadow");
            }
        }
    }
}

/// Returns whether a rule has a brake that could be needed.
fn applies(rule: &Rule, mode: Mode) -> Option<u32> {
    rule.headers.max_block_rate_ppm.filter(|_| mode == Mode::Live)
}

/// Counts whom a rule blocked in the hour before `now`; the kind of entity of which it blocked the largest share decides.
async fn count(engine: &Engine, tables: &Tables, rule: &Rule, now: i64) -> Result<Option<Blocked>, QueryError> {
    let mut worst: Option<Blocked> = None;
    for kind in KINDS {
        let [column] = kind.columns() else { continue };
        let answer = engine.ask(&sql(&rule.name, column, now), &Params::new(), tables.clone()).await?;
        let table =
            serde_json::to_value(to_json(answer, 1).await?).map_err(|error| QueryError::Internal(error.to_string()))?;
        let number = |place: usize| table["rows"][0][place].as_i64().unwrap_or(0);
        let found = Blocked { entities: number(0), blocked: number(1) };
        let share = |of: Blocked| of.blocked as f64 / of.entities.max(1) as f64;
        if found.entities >= ENTITIES_MIN && worst.is_none_or(|worst| share(found) > share(worst)) {
            worst = Some(found);
        }
    }
    Ok(worst)
}

/// A rule's name is letters, digits and underscores, and a reason has no braces within.
fn sql(rule: &str, column: &str, now: i64) -> String {
    let (since, established) = (now - HOUR_US, now - ESTABLISHED_US);
    format!(
        "with decided as (
            select
                {column} as id,
                bool_or(verdict = 'block' and coalesce(regexp_like(reasons, '\"rule\":\"{rule}\"[^}}]*\"verdict\":\"block\"'), false))
                    as blocked
            from verdicts
            where {column} is not null and received_at > to_timestamp_micros({since})
            group by {column}
        )
        select count(*), count(*) filter (where blocked)
        from decided
        where id in (
            select {column} from events where {column} is not null and received_at <= to_timestamp_micros({established})
        )"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_entities_or_a_small_share_do_not_brake() {
        let of = |entities, blocked| Blocked { entities, blocked }.exceeds(5_000);
        assert!(!of(199, 199), "too few to tell");
        assert!(!of(200, 1), "exactly the share");
        assert!(of(200, 2) && of(10_000, 51) && !of(10_000, 50));
    }
}
