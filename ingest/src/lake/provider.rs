//! A table as DataFusion sees it: the buffer's chunks and the active files of one cut, as one `TableProvider`.
//!
//! Files become a plain Parquet `DataSourceExec` built from the Add actions, so that a plan can be shipped to other nodes and
//! DataFusion's own pruning (row groups, pages, Bloom filters) applies. All filters are `Inexact`: DataFusion keeps its
//! FilterExec above the union and pushes it into the files.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, RecordBatch, TimestampMicrosecondArray, UInt64Array};
use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::stats::Precision;
use datafusion::common::{Column, DFSchema, Result, ScalarValue, Statistics};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::{DataSourceExec, MemorySourceConfig};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::table_schema::TableSchema as ScanSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::union::UnionExec;

use crate::buffer::{Cut, TableCut};
use crate::columns;
use crate::kind::Kind;
use crate::lake::DataFile;
use crate::lake::file::Span;
use crate::schema::TableSchema;

/// The URL under which the lake's object store is registered with DataFusion.
pub const LAKE_URL: &str = "weir://lake/";

impl Cut {
    /// Returns every table of this cut, by name, for one query.
    #[must_use]
    pub fn providers(&self) -> Vec<(&'static str, Arc<dyn TableProvider>)> {
        self.tables
            .iter()
            .map(|table| (table.kind.table(), Arc::new(CutProvider(table.clone())) as Arc<dyn TableProvider>))
            .collect()
    }
}

struct CutProvider(TableCut);

impl fmt::Debug for CutProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CutProvider({} at version {})", self.0.kind.table(), self.0.files.version)
    }
}

#[async_trait]
impl TableProvider for CutProvider {
    fn schema(&self) -> SchemaRef {
        Arc::clone(TableSchema::of(self.0.kind).queried())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = self.schema();
        let places = projection.cloned().unwrap_or_else(|| (0..schema.fields().len()).collect());
        let buffered = self.scan_buffer(session, &places)?;
        let files = self.select_files(session, &schema, filters)?;
        if files.is_empty() {
            return Ok(buffered);
        }
        let settled = self.scan_files(session, &places, files, limit)?;
        if self.0.chunks.is_empty() {
            return Ok(settled);
        }
        UnionExec::try_new(vec![buffered, settled])
    }
}

impl CutProvider {
    fn scan_buffer(&self, session: &dyn Session, places: &[usize]) -> Result<Arc<dyn ExecutionPlan>> {
        let schema: SchemaRef = Arc::new(self.schema().project(places)?);
        let batches = self
            .0
            .chunks
            .iter()
            .map(|chunk| columns::show(self.0.kind, &chunk.batch, places))
            .collect::<std::result::Result<Vec<RecordBatch>, _>>()?;
        let wanted = session.config().target_partitions().max(1);
        let size = batches.len().div_ceil(wanted).max(1);
        let mut partitions: Vec<Vec<RecordBatch>> = batches.chunks(size).map(<[_]>::to_vec).collect();
        if partitions.is_empty() {
            partitions.push(Vec::new());
        }
        let source = MemorySourceConfig::try_new(&partitions, schema, None)?.with_show_sizes(false);
        Ok(DataSourceExec::from_data_source(source))
    }

    fn scan_files(
        &self,
        session: &dyn Session,
        places: &[usize],
        files: Vec<&Arc<DataFile>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = self.schema();
        let partition_place = schema.fields().len() - 1;
        let file_schema = Arc::new(schema.project(&(0..partition_place).collect::<Vec<_>>())?);
        let partition_field = Arc::new(Field::clone(schema.field(partition_place)));
        let global = session.config_options().execution.parquet.clone();
        let options = TableParquetOptions { global, ..TableParquetOptions::default() };
        let source = ParquetSource::new(
            ScanSchema::builder(Arc::clone(&file_schema)).with_table_partition_cols(vec![partition_field]).build(),
        )
        .with_table_parquet_options(options);
        let rows = files.iter().map(|file| file.rows as usize).sum();
        let bytes = files.iter().map(|file| file.bytes as usize).sum();
        let groups = self.groups(session, &file_schema, files);
        let mut statistics = Statistics::new_unknown(&schema);
        statistics.num_rows = Precision::Exact(rows);
        statistics.total_byte_size = Precision::Inexact(bytes);
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(LAKE_URL)?, Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(Some(places.to_vec()))?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    /// Deals the files out to as many groups as run at once, so that each has about as many bytes.
    fn groups(&self, session: &dyn Session, schema: &Schema, mut files: Vec<&Arc<DataFile>>) -> Vec<FileGroup> {
        let wanted = session.config().target_partitions().clamp(1, files.len());
        files.sort_by_key(|file| std::cmp::Reverse(file.bytes));
        let mut groups: Vec<(u64, Vec<PartitionedFile>)> = vec![(0, Vec::new()); wanted];
        for file in files {
            let lightest = groups.iter_mut().min_by_key(|(bytes, _)| *bytes).expect("at least one group");
            lightest.0 += file.bytes;
            lightest.1.push(self.partitioned_file(schema, file));
        }
        groups.into_iter().map(|(_, files)| FileGroup::new(files)).collect()
    }

    fn partitioned_file(&self, schema: &Schema, file: &Arc<DataFile>) -> PartitionedFile {
        let mut statistics = Statistics::new_unknown(schema);
        statistics.num_rows = Precision::Exact(file.rows as usize);
        statistics.total_byte_size = Precision::Inexact(file.bytes as usize);
        for (name, span) in [("received_at", file.received_at), ("ts", file.ts)] {
            if let (Some(span), Ok(place)) = (span, schema.index_of(name)) {
                let value = |at| Precision::Exact(ScalarValue::TimestampMicrosecond(Some(at), Some("UTC".into())));
                statistics.column_statistics[place].min_value = value(span.min);
                statistics.column_statistics[place].max_value = value(span.max);
            }
        }
        // The file's holder travels with the plan, so that the file is not deleted under a running query.
        PartitionedFile::new(format!("{}/{}", self.0.kind.table(), file.path), file.bytes)
            .with_partition_values(vec![ScalarValue::Date32(Some(file.partition))])
            .with_statistics(Arc::new(statistics))
            .with_extension(Arc::clone(file))
    }

    /// Leaves out files that cannot hold a row the filters ask for.
    fn select_files(&self, session: &dyn Session, schema: &SchemaRef, filters: &[Expr]) -> Result<Vec<&Arc<DataFile>>> {
        let files: Vec<&Arc<DataFile>> = self.0.files.files.iter().collect();
        let Some(filter) = conjunction(filters.iter().cloned()) else { return Ok(files) };
        let df_schema = DFSchema::try_from(Arc::clone(schema))?;
        let predicate = session.create_physical_expr(filter, &df_schema)?;
        let pruning = PruningPredicateBuilder::new().with_file_schema(Arc::clone(schema)).try_build(predicate)?;
        let keep = pruning.prune(&FileStatistics { kind: self.0.kind, files: &files })?;
        Ok(files.into_iter().zip(keep).filter_map(|(file, keep)| keep.then_some(file)).collect())
    }
}

/// What the Add actions tell of each file.
struct FileStatistics<'a> {
    kind: Kind,
    files: &'a [&'a Arc<DataFile>],
}

impl FileStatistics<'_> {
    fn bound(&self, column: &Column, pick: fn(Span) -> i64) -> Option<ArrayRef> {
        let times = |of: fn(&DataFile) -> Option<Span>| -> ArrayRef {
            let values = self.files.iter().map(|file| of(file).map(pick));
            Arc::new(TimestampMicrosecondArray::from_iter(values).with_timezone("UTC"))
        };
        match column.name() {
            "received_at" => Some(times(|file| file.received_at)),
            "ts" => Some(times(|file| file.ts)),
            name if name == self.kind.partition().column() => {
                Some(Arc::new(Date32Array::from_iter_values(self.files.iter().map(|file| file.partition))))
            }
            _ => None,
        }
    }
}

impl PruningStatistics for FileStatistics<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column, |span| span.min)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column, |span| span.max)
    }

    fn num_containers(&self) -> usize {
        self.files.len()
    }

    fn null_counts(&self, _column: &Column) -> Option<ArrayRef> {
        None
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(UInt64Array::from_iter_values(self.files.iter().map(|file| file.rows))))
    }

    fn contained(&self, _column: &Column, _values: &std::collections::HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
