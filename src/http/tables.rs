//! The tables as a key sees them: `GET /v1/tables`, and the providers without the columns that the key's purposes do not
//! cover.

use std::sync::Arc;

use ::queries::Tables;
use ::queries::engine::sql_type;
use axum::extract::State;
use axum::response::Response;
use dashboards::privacy::Field;
use dashboards::sql::{ColumnEntry, TableEntry};
use datafusion::catalog::TableProvider;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::logical_expr::LogicalPlanBuilder;
use ingest::{Column, ColumnType, Kind, Partition, Purpose, TableSchema};
use serde::Serialize;

use super::App;
use super::auth::{Authorized, Query};
use super::error::Problem;
use crate::control::Key;

/// Wraps providers so that columns of purposes that may not be read are not there.
pub(super) fn visible(
    providers: Vec<(&'static str, Arc<dyn TableProvider>)>,
    may_read: impl Fn(Purpose) -> bool,
) -> Result<Tables, Problem> {
    providers
        .into_iter()
        .map(|(name, provider)| {
            let kind = Kind::from_table(name);
            let hidden = |column: &str| kind.is_some_and(|kind| purpose_of(kind, column).is_some_and(|p| !may_read(p)));
            let schema = provider.schema();
            let places: Vec<usize> =
                (0..schema.fields().len()).filter(|place| !hidden(schema.field(*place).name())).collect();
            if places.len() == schema.fields().len() {
                return Ok((name.to_owned(), provider));
            }
            let plan = LogicalPlanBuilder::scan(name, provider_as_source(provider), Some(places))
                .and_then(LogicalPlanBuilder::build)
                .map_err(Problem::internal)?;
            Ok((name.to_owned(), Arc::new(ViewTable::new(plan, None)) as Arc<dyn TableProvider>))
        })
        .collect()
}

fn purpose_of(kind: Kind, column: &str) -> Option<Purpose> {
    let schema = TableSchema::of(kind);
    schema.index(column).map(|place| schema.columns()[place].purpose)
}

#[derive(Serialize)]
struct Catalogue {
    tables: Vec<Table>,
    views: Vec<View>,
    purposes: [Purpose; 5],
}

#[derive(Serialize)]
struct Table {
    name: &'static str,
    /// What a row is.
    doc: &'static str,
    /// The column by which its files are divided; none for what is kept in memory.
    partition: Option<&'static str>,
    /// For how long a row is kept; none: until it is replaced.
    retention_days: Option<i64>,
    columns: Vec<Described>,
}

#[derive(Serialize)]
struct Described {
    name: &'static str,
    #[serde(rename = "type")]
    ty: String,
    purpose: Purpose,
    doc: &'static str,
    /// Whether this key's SQL may read it.
    visible: bool,
}

#[derive(Serialize)]
struct View {
    name: &'static str,
    title: &'static str,
    /// Whether this key's SQL may read it: not if it works with columns that the key may not see.
    visible: bool,
    columns: Vec<ViewColumn>,
}

#[derive(Serialize)]
struct ViewColumn {
    name: &'static str,
    #[serde(rename = "type")]
    ty: &'static str,
    nullable: bool,
    doc: &'static str,
    /// Whether this key's SQL may read it.
    visible: bool,
}

/// Describes tables and views.
#[utoipa::path(get, path = "/v1/tables", tag = "queries", summary = "Tables, columns and views",
    responses((status = 200, description = "Per table its columns with type, purpose, meaning, and whether this key may \
        read them; the same of the views; the purposes")))]
pub(crate) async fn list(auth: Authorized<Query>, State(app): State<App>) -> Result<Response, Problem> {
    let may_read = |purpose| auth.key.purposes.has(purpose);
    let mut tables: Vec<Table> = Kind::ALL.into_iter().map(|kind| describe(kind, may_read)).collect();
    tables.push(issue_states());
    // What a key sees of a view is what its SQL finds there.
    let over = app.engine.views_over(app.tables(&auth.key)?).await?;
    let views = ::queries::views().iter().map(|view| describe_view(view, over.get(view.name))).collect();
    let purposes = [Purpose::Operate, Purpose::Product, Purpose::Reliability, Purpose::Billing, Purpose::Abuse];
    Ok(super::json(&Catalogue { tables, views, purposes }))
}

/// Lists tables and views by name, with the columns of the open one as far as this key may read them. Unlike `list` it
/// plans nothing, so a page can begin with it.
pub(super) fn entries(key: &Key, open: Option<&str>) -> Vec<TableEntry> {
    let tables = Kind::ALL.into_iter().map(|kind| describe(kind, |purpose| key.purposes.has(purpose)));
    let tables = tables.chain([issue_states()]).map(|table| {
        let seen = table.columns.into_iter().filter(|column| column.visible);
        let columns = seen.map(|column| entry(column.name, &column.ty, column.doc)).collect();
        TableEntry { name: table.name.to_owned(), columns }
    });
    let views = ::queries::views().iter().map(|view| {
        let columns = view.columns.iter().map(|column| entry(&column.name, &column.ty, &column.doc)).collect();
        TableEntry { name: view.name.to_owned(), columns }
    });
    let mut entries: Vec<TableEntry> = tables.chain(views).collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    for closed in entries.iter_mut().filter(|entry| Some(entry.name.as_str()) != open) {
        closed.columns.clear();
    }
    entries
}

/// Lists every column with what it is kept for; those that every table begins with once, first, with no table.
pub(super) fn fields(key: &Key) -> Vec<Field> {
    let common = ingest::COMMON.len();
    let field = |table: &str, column: Described| Field {
        table: table.to_owned(),
        name: column.name.to_owned(),
        ty: column.ty,
        purpose: purpose_name(column.purpose).to_owned(),
        doc: column.doc.to_owned(),
        is_visible: column.visible,
    };
    let described = |kind| describe(kind, |purpose| key.purposes.has(purpose)).columns;
    let shared = described(Kind::Usage).into_iter().take(common).map(|column| field("", column));
    let own = Kind::ALL
        .into_iter()
        .flat_map(|kind| described(kind).into_iter().skip(common).map(move |column| field(kind.table(), column)));
    shared.chain(own).collect()
}

fn purpose_name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Operate => "operate",
        Purpose::Product => "product",
        Purpose::Reliability => "reliability",
        Purpose::Billing => "billing",
        Purpose::Abuse => "abuse",
    }
}

fn entry(name: &str, ty: &str, doc: &str) -> ColumnEntry {
    ColumnEntry { name: name.to_owned(), ty: ty.to_owned(), doc: doc.to_owned() }
}

fn issue_states() -> Table {
    let columns = crate::issues::state_columns().map(|(name, data_type, doc)| Described {
        name,
        ty: sql_type(&data_type),
        purpose: Purpose::Reliability,
        doc,
        visible: true,
    });
    let doc = "what people decided about an issue";
    Table { name: "issue_states", doc, partition: None, retention_days: None, columns: columns.collect() }
}

fn describe_view(view: &'static ::queries::View, seen: Option<&Vec<(String, String)>>) -> View {
    let is_seen = |name: &str| seen.is_some_and(|seen| seen.iter().any(|(column, _)| column == name));
    let columns = view.columns.iter().map(|column| ViewColumn {
        name: &column.name,
        ty: &column.ty,
        nullable: column.nullable,
        doc: &column.doc,
        visible: is_seen(&column.name),
    });
    View { name: view.name, title: &view.title, visible: seen.is_some(), columns: columns.collect() }
}

fn describe(kind: Kind, may_read: impl Fn(Purpose) -> bool) -> Table {
    let partition = kind.partition();
    let doc = match partition {
        Partition::Day => "UTC day of received_at",
        Partition::Month => "first day of the UTC month of received_at",
    };
    let own = Described { name: partition.column(), ty: "date".into(), purpose: Purpose::Operate, doc, visible: true };
    let schema = TableSchema::of(kind);
    let type_of =
        |name: &str| schema.queried().field_with_name(name).map_or_else(|_| "text".into(), |f| sql_type(f.data_type()));
    let columns = schema.columns().iter().map(|column: &Column| Described {
        name: column.name,
        ty: if column.ty == ColumnType::Json { "json".into() } else { type_of(column.name) },
        purpose: column.purpose,
        doc: column.doc,
        visible: may_read(column.purpose),
    });
    Table {
        name: kind.table(),
        doc: kind.meaning(),
        partition: Some(partition.column()),
        retention_days: Some(kind.retention_days()),
        columns: columns.chain([own]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::datasource::empty::EmptyTable;
    use datafusion::prelude::SessionContext;

    #[tokio::test]
    async fn columns_of_other_purposes_are_not_there() {
        let provider = Arc::new(EmptyTable::new(Arc::clone(TableSchema::of(Kind::Credits).queried())));
        let tables = visible(vec![("credits", provider)], |purpose| purpose != Purpose::Abuse).unwrap();
        let context = SessionContext::new();
        for (name, table) in tables {
            context.register_table(name, table).unwrap();
        }
        let rows = context.sql("select account_id, amount, month from credits where amount > 1").await.unwrap();
        assert_eq!(rows.collect().await.unwrap().iter().map(|batch| batch.num_rows()).sum::<usize>(), 0);
        assert!(context.sql("select count(*) from credits").await.is_ok());
        let error = context.sql("select device_id from credits").await.unwrap_err();
        assert!(error.to_string().contains("device_id"), "{error}");
    }

    #[test]
    fn tables_that_hide_nothing_are_left_alone() {
        let provider: Arc<dyn TableProvider> =
            Arc::new(EmptyTable::new(Arc::clone(TableSchema::of(Kind::Credits).queried())));
        let tables = visible(vec![("credits", Arc::clone(&provider))], |_| true).unwrap();
        assert!(Arc::ptr_eq(&tables[0].1, &provider));
    }
}
