//! What hits would have changed: decisions, credits; and what is known by now of the entities they are on.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use queries::{Engine, EntityKind, Hit, Params, QueryError, Restraint, Rule, Tables, to_json};
use serde_json::Value;

use super::run::Range;

/// Labels read at most; the newest count.
const LABELS_MAX: usize = 1_000_000;
/// Other rules that an overlap names.
const OVERLAPS_MAX: usize = 20;

/// An entity: its kind's name and its id.
pub(super) type Entity = (String, String);

/// What hits would have changed.
#[derive(Debug, Default)]
pub(super) struct Effect {
    /// Whether each labelled entity of the rule's kinds turned out to be abusive.
    pub(super) labels: HashMap<Entity, bool>,
    /// Entities it hit that paid at some time and are not known to be abusive.
    pub(super) paying: i64,
    /// Decisions of the range, by weight, and those that would have been stricter.
    pub(super) decisions: (i64, i64),
    /// Credits that bad or unknown entities would not have had, and those that good people would have been kept from.
    pub(super) credits: (i64, i64),
    /// Other rules with hits on the same entities: name and how many.
    pub(super) overlap: Vec<(String, i64)>,
}

impl Effect {
    pub(super) async fn of(
        rule: &Rule,
        hits: &[Arc<Hit>],
        range: Range,
        engine: &Engine,
        tables: &Tables,
    ) -> Result<Self, QueryError> {
        let mut asker = Asker { rule, range, engine, tables: tables.clone() };
        let labels = asker.labels().await?;
        let found = found(hits, &labels)?;
        asker.tables.push(("backtest_found".to_owned(), found));
        Ok(Self {
            paying: asker.paying().await?,
            decisions: asker.decisions().await?,
            credits: asker.credits().await?,
            overlap: asker.overlap().await?,
            labels,
        })
    }
}

struct Asker<'a> {
    rule: &'a Rule,
    range: Range,
    engine: &'a Engine,
    tables: Tables,
}

impl Asker<'_> {
    /// The newest label of each entity decides.
    async fn labels(&self) -> Result<HashMap<Entity, bool>, QueryError> {
        let kinds: Vec<String> = self.rule.headers.entities.iter().map(|kind| format!("'{}'", kind.name())).collect();
        let sql = format!(
            "select entity_kind, entity, label in ('chargeback', 'refund', 'confirmed_abuse') as abusive from (
                select entity_kind, entity, label,
                    row_number() over (partition by entity_kind, entity order by observed_at desc, seq desc) as place
                from labels where entity_kind in ({})
            ) as newest where place = 1 and label <> 'withdrawn'",
            kinds.join(", ")
        );
        let rows = self.rows(&sql, LABELS_MAX).await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(rows.iter().map(|row| ((text(&row[0]), text(&row[1])), row[2] == true)).collect())
    }

    async fn paying(&self) -> Result<i64, QueryError> {
        let Some((_, provider)) = self.tables.iter().find(|(name, _)| name == "payments") else { return Ok(0) };
        let schema = provider.schema();
        let of_kind = |kind: &EntityKind| {
            let id = id_sql(&schema, *kind)?;
            Some(format!(
                "select found.entity_kind, found.entity from payments as of inner join backtest_found as found
                     on found.entity_kind = '{}' and found.entity = {id}
                 where of.op in ('succeeded', 'subscribed') and not found.is_bad",
                kind.name()
            ))
        };
        let parts: Vec<String> = self.rule.headers.entities.iter().filter_map(of_kind).collect();
        if parts.is_empty() {
            return Ok(0);
        }
        let each_once = format!("select distinct entity_kind, entity from ({}) as paid", parts.join(" union "));
        self.number(&format!("select count(*) from ({each_once}) as people")).await
    }

    async fn decisions(&self) -> Result<(i64, i64), QueryError> {
        let actions: Vec<String> = self.rule.headers.actions.iter().map(|action| quoted(action)).collect();
        let covered =
            if actions.is_empty() { String::new() } else { format!(" and of.action in ({})", actions.join(", ")) };
        let stricter = "found.rank > case of.verdict when 'block' then 2 when 'throttle' then 1 else 0 end";
        let matched = self.matches("verdicts", "of.event_id, of.weight", &format!("{stricter}{covered}"));
        let all = format!("select coalesce(sum(weight), 0) from verdicts as of where {}", self.in_range());
        let changed = match matched {
            Some(matched) => {
                self.number(&format!("select coalesce(sum(weight), 0) from ({matched}) as changed")).await?
            }
            None => 0,
        };
        Ok((self.number(&all).await?, changed))
    }

    /// A rule that restrains generating keeps credits from being spent; one that only restrains grants, from being granted.
    async fn credits(&self) -> Result<(i64, i64), QueryError> {
        let actions = &self.rule.headers.actions;
        let covers = |action: &str| actions.is_empty() || actions.iter().any(|other| **other == *action);
        let op = match (covers("generate"), covers("grant")) {
            (true, _) => "spend",
            (false, true) => "grant",
            (false, false) => return Ok((0, 0)),
        };
        let condition = format!("of.op = '{op}' and found.rank > 0");
        let Some(matched) = self.matches("credits", "of.event_id, of.amount, found.is_good", &condition) else {
            return Ok((0, 0));
        };
        let sql = format!(
            "select coalesce(sum(amount) filter (where not is_good), 0), coalesce(sum(amount) filter (where is_good), 0)
             from ({matched}) as stopped"
        );
        let rows = self.rows(&sql, 1).await?;
        Ok(rows.first().map_or((0, 0), |row| (int(&row[0]), int(&row[1]))))
    }

    async fn overlap(&self) -> Result<Vec<(String, i64)>, QueryError> {
        let sql = format!(
            "select of.rule, count(distinct of.entity) as entities
             from hits as of inner join backtest_found as found
                 on found.entity_kind = of.entity_kind and found.entity = of.entity
             where of.rule <> {} and of.state = 'opened' and {} group by of.rule order by entities desc, of.rule",
            quoted(&self.rule.name),
            self.in_range()
        );
        let rows = self.rows(&sql, OVERLAPS_MAX).await?;
        Ok(rows.iter().map(|row| (row[0].as_str().unwrap_or_default().to_owned(), int(&row[1]))).collect())
    }

    /// Returns a query for the rows of a table, each once, that fall into a hit on an entity they name; none if no column
    /// of the table names such an entity.
    fn matches(&self, table: &str, select: &str, condition: &str) -> Option<String> {
        let (_, provider) = self.tables.iter().find(|(name, _)| name == table)?;
        let schema = provider.schema();
        let of_kind = |kind: &EntityKind| {
            let id = id_sql(&schema, *kind)?;
            Some(format!(
                "select {select} from \"{table}\" as of inner join backtest_found as found
                     on found.entity_kind = '{}' and found.entity = {id}
                 where {} and of.received_at >= found.first_at and of.received_at <= found.until and {condition}",
                kind.name(),
                self.in_range(),
            ))
        };
        let parts: Vec<String> = self.rule.headers.entities.iter().filter_map(of_kind).collect();
        (!parts.is_empty()).then(|| parts.join(" union "))
    }

    fn in_range(&self) -> String {
        let Range { from, to, .. } = self.range;
        format!("of.received_at >= to_timestamp_micros({from}) and of.received_at <= to_timestamp_micros({to})")
    }

    async fn number(&self, sql: &str) -> Result<i64, QueryError> {
        Ok(self.rows(sql, 1).await?.first().map_or(0, |row| int(&row[0])))
    }

    async fn rows(&self, sql: &str, limit: usize) -> Result<Vec<Vec<Value>>, QueryError> {
        let answer = self.engine.ask(sql, &Params::new(), self.tables.clone()).await?;
        let table = serde_json::to_value(to_json(answer, limit).await?)
            .map_err(|error| QueryError::Internal(error.to_string()))?;
        let rows = table["rows"].as_array().cloned().unwrap_or_default();
        Ok(rows.into_iter().filter_map(|row| row.as_array().cloned()).collect())
    }
}

fn id_sql(schema: &SchemaRef, kind: EntityKind) -> Option<String> {
    let columns: Vec<String> = kind
        .columns()
        .iter()
        .filter(|column| schema.index_of(column).is_ok())
        .map(|column| format!("cast(of.{column} as text)"))
        .collect();
    (!columns.is_empty()).then(|| format!("coalesce({})", columns.join(", ")))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Sums may come as texts, which hold any number.
fn int(value: &Value) -> i64 {
    value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0)
}

/// Makes a table of the hits: `entity_kind, entity, first_at, until, rank, is_good, is_bad`.
fn found(hits: &[Arc<Hit>], labels: &HashMap<Entity, bool>) -> Result<Arc<dyn TableProvider>, QueryError> {
    let rank = |hit: &Hit| match hit.verdict {
        Restraint::None => 0,
        Restraint::Throttle => 1,
        Restraint::Block => 2,
    };
    let good: HashSet<&Entity> = labels.iter().filter(|(_, abusive)| !**abusive).map(|(entity, _)| entity).collect();
    let bad: HashSet<&Entity> = labels.iter().filter(|(_, abusive)| **abusive).map(|(entity, _)| entity).collect();
    let is_good = |hit: &Hit| good.contains(&entity_of(hit));
    let is_bad = |hit: &Hit| bad.contains(&entity_of(hit));
    let times = |times: Vec<i64>| Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")) as ArrayRef;
    let columns: [(&str, ArrayRef); 7] = [
        ("entity_kind", Arc::new(StringArray::from_iter_values(hits.iter().map(|hit| hit.entity_kind.name())))),
        ("entity", Arc::new(StringArray::from_iter_values(hits.iter().map(|hit| &*hit.entity)))),
        ("first_at", times(hits.iter().map(|hit| hit.first_at).collect())),
        ("until", times(hits.iter().map(|hit| hit.until).collect())),
        ("rank", Arc::new(hits.iter().map(|hit| Some(rank(hit))).collect::<Int64Array>())),
        ("is_good", Arc::new(BooleanArray::from(hits.iter().map(|hit| is_good(hit)).collect::<Vec<_>>()))),
        ("is_bad", Arc::new(BooleanArray::from(hits.iter().map(|hit| is_bad(hit)).collect::<Vec<_>>()))),
    ];
    let failed = |error: &dyn std::fmt::Display| QueryError::Internal(format!("hits make no table: {error}"));
    let batch = RecordBatch::try_from_iter(columns).map_err(|error| failed(&error))?;
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).map_err(|error| failed(&error))?;
    Ok(Arc::new(table))
}

/// Returns whom a hit is on.
pub(super) fn entity_of(hit: &Hit) -> Entity {
    (hit.entity_kind.name().to_owned(), hit.entity.to_string())
}
