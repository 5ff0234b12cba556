//! The catalogue that one query sees: its tables, Weir's views over them, and an `information_schema` of just these
//! (DataFusion's own also tells settings and directories).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use async_trait::async_trait;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemTable, MemoryCatalogProvider, MemoryCatalogProviderList, SchemaProvider,
    TableProvider,
};
use datafusion::common::Result;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::TableType;

use super::Tables;
use super::types::sql_type;
use super::views::{self, View};

/// The catalogue's name in SQL.
pub(super) const CATALOG: &str = "weir";
/// The schema's name in SQL.
pub(super) const SCHEMA: &str = "public";
const INFORMATION_SCHEMA: &str = "information_schema";

/// Builds the catalogue of one query. `state` is what views are planned with.
pub(super) fn catalogs(tables: Tables, state: Arc<SessionState>) -> Arc<dyn CatalogProviderList> {
    let public = Arc::new(PublicSchema { tables: tables.into_iter().collect(), state });
    let catalog = MemoryCatalogProvider::new();
    let infallible = "a catalogue in memory takes any schema";
    catalog.register_schema(INFORMATION_SCHEMA, Arc::new(InformationSchema(Arc::clone(&public)))).expect(infallible);
    catalog.register_schema(SCHEMA, public).expect(infallible);
    let list = MemoryCatalogProviderList::new();
    list.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
    Arc::new(list)
}

/// The tables of one query and the views that can be made of them.
struct PublicSchema {
    tables: HashMap<String, Arc<dyn TableProvider>>,
    state: Arc<SessionState>,
}

impl std::fmt::Debug for PublicSchema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublicSchema").field("tables", &self.table_names()).finish_non_exhaustive()
    }
}

impl PublicSchema {
    fn view(&self, name: &str) -> Option<&'static View> {
        views::all()
            .iter()
            .find(|view| view.name == name && view.reads.iter().all(|table| self.tables.contains_key(*table)))
    }
}

#[async_trait]
impl SchemaProvider for PublicSchema {
    fn table_names(&self) -> Vec<String> {
        let views = views::all().iter().filter(|view| self.view(view.name).is_some()).map(|view| view.name.to_owned());
        let mut names: Vec<String> = self.tables.keys().cloned().chain(views).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(table) = self.tables.get(name) {
            return Ok(Some(Arc::clone(table)));
        }
        match self.view(name) {
            Some(view) => views::plan(view, &self.tables, &self.state).await.map(Some),
            None => Ok(None),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.contains_key(name) || self.view(name).is_some()
    }
}

/// `information_schema.tables` and `.columns` of the query's own catalogue.
#[derive(Debug)]
struct InformationSchema(Arc<PublicSchema>);

#[async_trait]
impl SchemaProvider for InformationSchema {
    fn table_names(&self) -> Vec<String> {
        vec!["columns".into(), "tables".into()]
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let mut tables = BTreeMap::new();
        if matches!(name, "tables" | "columns") {
            for table in self.0.table_names() {
                match self.0.table(&table).await {
                    Ok(Some(provider)) => drop(tables.insert(table, provider)),
                    Ok(None) => {}
                    Err(error) if views::is_not_there(&error) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let batch = match name {
            "tables" => describe_tables(&tables)?,
            "columns" => describe_columns(&tables)?,
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?)))
    }

    fn table_exist(&self, name: &str) -> bool {
        matches!(name, "tables" | "columns")
    }
}

fn describe_tables(tables: &BTreeMap<String, Arc<dyn TableProvider>>) -> Result<RecordBatch> {
    let kind = |table: &Arc<dyn TableProvider>| match table.table_type() {
        TableType::View => "VIEW",
        _ => "BASE TABLE",
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("table_catalog", texts(tables.keys().map(|_| CATALOG))),
        ("table_schema", texts(tables.keys().map(|_| SCHEMA))),
        ("table_name", texts(tables.keys().map(String::as_str))),
        ("table_type", texts(tables.values().map(kind))),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}

fn describe_columns(tables: &BTreeMap<String, Arc<dyn TableProvider>>) -> Result<RecordBatch> {
    let mut rows: Vec<(String, String, i64, &str, String)> = Vec::new();
    for (name, table) in tables {
        for (position, field) in (1..).zip(table.schema().fields()) {
            let nullable = if field.is_nullable() { "YES" } else { "NO" };
            rows.push((name.clone(), field.name().clone(), position, nullable, sql_type(field.data_type())));
        }
    }
    let positions: Int64Array = rows.iter().map(|row| row.2).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("table_catalog", texts(rows.iter().map(|_| CATALOG))),
        ("table_schema", texts(rows.iter().map(|_| SCHEMA))),
        ("table_name", texts(rows.iter().map(|row| row.0.as_str()))),
        ("column_name", texts(rows.iter().map(|row| row.1.as_str()))),
        ("ordinal_position", Arc::new(positions)),
        ("is_nullable", texts(rows.iter().map(|row| row.3))),
        ("data_type", texts(rows.iter().map(|row| row.4.as_str()))),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}
