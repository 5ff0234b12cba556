//! `explain: rows`: the events behind every reason that is a rule's hit. Asked of SQL once the answer is decided; an answer
//! is never refused for evidence that cannot be had.

use std::collections::HashMap;

use ::queries::rules::{EVIDENCE_MAX, check_rule_name};
use ::queries::{EntityKind, QueryError, Rule, Tables};
use serde_json::{Map, Value};

use super::ask::{Found, ask};
use super::error::Problem;
use super::{App, Weir};
use crate::clock;

/// The most hits whose evidence one request is told.
const HITS_MAX: usize = 64;

/// What is known of one hit's evidence: the events and whether there are more, or why there are none.
type Told = Result<(Value, bool), String>;

/// The evidence of the answers to one request, all of one cut of the tables.
pub(super) struct Evidence {
    app: App,
    tables: Result<Tables, String>,
    /// By the hit: the same one may be a reason of many answers.
    told: HashMap<[String; 5], Told>,
}

impl Evidence {
    /// Begins, with the tables as they are now.
    pub(super) fn new(app: App) -> Self {
        // Who may review decisions sees what they rest on, whatever the purposes of the key's SQL.
        let tables = app.tables_for(|_| true).map_err(|_| "the tables cannot be asked yet".to_owned());
        Self { app, tables, told: HashMap::new() }
    }

    /// Adds their evidence to the reasons of one answer, to those of shadow rules too.
    pub(super) async fn add_to(&mut self, answer: &mut Value) {
        for list in ["reasons", "shadow"] {
            for reason in answer[list].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
                self.add_to_reason(reason).await;
            }
        }
    }

    async fn add_to_reason(&mut self, reason: &mut Map<String, Value>) {
        let text = |name: &str| reason.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let hit = ["rule", "version", "entity_kind", "entity", "until"].map(text);
        // Overrides, limits and the score have names that no rule has.
        if check_rule_name(&hit[0]).is_err() {
            return;
        }
        if !self.told.contains_key(&hit) {
            let told = if self.told.len() < HITS_MAX {
                self.find(&hit).await
            } else {
                Err(format!("only the evidence of {HITS_MAX} hits is told at once; ask for the decision by its id"))
            };
            self.told.insert(hit.clone(), told);
        }
        match &self.told[&hit] {
            Ok((events, is_truncated)) => {
                reason.insert("evidence".into(), events.clone());
                reason.insert("evidence_truncated".into(), Value::from(*is_truncated));
            }
            Err(note) => {
                reason.insert("evidence".into(), Value::Null);
                reason.insert("evidence_note".into(), Value::from(note.as_str()));
            }
        }
    }

    async fn find(&self, [name, version, kind, entity, until]: &[String; 5]) -> Told {
        let tables = self.tables.as_ref().map_err(Clone::clone)?;
        let (rule, _) = self.app.rulebook.get(name).ok_or("the rule is gone; its version is not known any more")?;
        if *rule.version != **version {
            return Err(format!(
                "the rule is in version {} now; its version of then is not known any more",
                rule.version
            ));
        }
        let kind = EntityKind::parse(kind).ok_or("this kind of entity is not known")?;
        // Reasons tell milliseconds: to the end of this one, or the event that made the rule true may be left out.
        let until = clock::from_json(&Value::from(until.as_str()))? + 999;
        match of_hit(&self.app, &rule, (kind, entity), until, tables).await {
            Ok(Some(found)) => Ok((found.rows.into_iter().map(Value::Object).collect(), found.is_truncated)),
            Ok(None) => Ok((Value::Array(Vec::new()), false)),
            Err(error) => Err(format!("the events could not be read: {}", Problem::Query(error).into_message())),
        }
    }
}

async fn of_hit(
    app: &Weir,
    rule: &Rule,
    (kind, entity): (EntityKind, &str),
    until: i64,
    tables: &Tables,
) -> Result<Option<Found>, QueryError> {
    let find = async |exact| {
        let Some(sql) = rule.evidence_sql(tables, kind, until, exact) else { return Ok(None) };
        ask(app, &sql, &[("entity", entity)], tables, EVIDENCE_MAX).await.map(Some)
    };
    match find(true).await {
        // A condition may have no form that can be planned again; then all of the entity's events are shown.
        Err(QueryError::Invalid { .. }) => find(false).await,
        found => found,
    }
}
