//! The leaves of a plan that answers many moments at once: in the place of each event table stands one that hands out the
//! rows which the moments at hand concern, each row once a moment, with the moment beside it.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::{
    Expr, LogicalPlan, TableProviderFilterPushDown, TableScan, TableScanBuilder, TableType,
};
use datafusion::physical_plan::ExecutionPlan;

/// The column that tells the moment: its number among those at hand.
pub(super) const MOMENT: &str = "__moment";

/// One event table, as it stands once in a rule's plan.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    /// The table's name.
    pub(super) table: String,
    rows: Arc<Mutex<Option<RecordBatch>>>,
}

#[derive(Debug)]
struct LeafTable {
    place: usize,
    schema: SchemaRef,
    rows: Arc<Mutex<Option<RecordBatch>>>,
}

impl Leaf {
    /// Puts the rows in place that the next run reads: any of the table's columns, and [`MOMENT`].
    pub(super) fn put(&self, rows: RecordBatch) {
        *self.rows.lock().unwrap_or_else(PoisonError::into_inner) = Some(rows);
    }

    /// Takes the rows away again.
    pub(super) fn clear(&self) {
        *self.rows.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Puts a leaf in the place of every table. Returns the plan, and the leaves in the order of their places.
pub(super) fn plant(plan: LogicalPlan) -> Result<(LogicalPlan, Vec<Leaf>)> {
    let mut leaves = Vec::new();
    let planted = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::TableScan(scan) => {
            let rows = Arc::new(Mutex::new(None));
            leaves.push(Leaf { table: scan.table_name.table().to_owned(), rows: Arc::clone(&rows) });
            let mut fields: Vec<Arc<Field>> = scan.source.schema().fields().iter().cloned().collect();
            fields.push(Arc::new(Field::new(MOMENT, DataType::Int64, false)));
            let schema = Arc::new(Schema::new(fields));
            let moment = schema.fields().len() - 1;
            let table = LeafTable { place: leaves.len() - 1, schema, rows };
            let projection = scan.projection.clone().map(|mut places| {
                places.push(moment);
                places
            });
            let source = provider_as_source(Arc::new(table));
            let scan = TableScanBuilder::new(scan.table_name.clone(), source)
                .with_projection(projection)
                .with_filters(scan.filters.clone())
                .build()?;
            Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok((planted.data, leaves))
}

/// Returns the place of the leaf that a scan reads.
pub(super) fn place_of(scan: &TableScan) -> Option<usize> {
    let provider = source_as_provider(&scan.source).ok()?;
    (provider.as_ref() as &dyn Any).downcast_ref::<LeafTable>().map(|table| table.place)
}

#[async_trait]
impl TableProvider for LeafTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(places) => Arc::new(self.schema.project(places)?),
            None => Arc::clone(&self.schema),
        };
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let batches = rows.map(|rows| narrow(&rows, &schema)).transpose()?;
        Ok(MemorySourceConfig::try_new_exec(&[batches.into_iter().collect()], schema, None)?)
    }

    /// They are told to whoever reads the table's past, which need not read more; the plan holds to them all the same.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }
}

/// Brings rows to these columns; one that was not read is null.
fn narrow(rows: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let column = |field: &Arc<Field>| -> ArrayRef {
        let known = rows.column_by_name(field.name());
        known.cloned().unwrap_or_else(|| new_null_array(field.data_type(), rows.num_rows()))
    };
    let columns = schema.fields().iter().map(column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}
