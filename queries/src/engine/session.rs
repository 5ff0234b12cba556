//! The session of one query: the engine's functions, rules and settings over the tables of that query and nothing else.
//!
//! There is no default catalogue, no file format, no table factory and no store but those given, so that no text can
//! reach a file, and every query has a catalogue and a memory pool of its own.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use datafusion::common::config::{ConfigNonZeroUsize, ConfigOptions, Dialect};
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionState;
use datafusion::prelude::SessionConfig;
use object_store::ObjectStore;

use super::Tables;
use super::config::EngineConfig;
use super::cooperate::YieldAboveJoins;
use super::functions;
use super::schema::{CATALOG, SCHEMA, catalogs};
use crate::error::QueryError;

/// The stores that tables lie in, by scheme and host.
pub type Stores = Vec<(ObjectStoreUrl, Arc<dyn ObjectStore>)>;

/// Rows of a batch.
const BATCH_ROWS: usize = 8_192;
/// Memory for the metadata of Parquet files, shared by all queries.
const METADATA_CACHE_BYTES: usize = 64 << 20;
/// How DataFusion names its directories of spilled data.
const SPILL_PREFIX: &str = "datafusion-";

/// What all sessions share.
pub(super) struct Sessions {
    base: Arc<SessionState>,
    runtime: Arc<RuntimeEnv>,
}

impl Sessions {
    pub(super) fn new(config: &EngineConfig, stores: Stores) -> Result<Self, QueryError> {
        let failed = |error: datafusion::common::DataFusionError| {
            QueryError::Internal(format!("the query engine cannot start: {error}"))
        };
        clear_spill(&config.spill_dir)?;
        let registry = DefaultObjectStoreRegistry::new();
        let whole_disk = ObjectStoreUrl::local_filesystem();
        registry.deregister_store(whole_disk.as_ref()).map_err(failed)?;
        for (url, store) in stores {
            registry.register_store(url.as_ref(), store);
        }
        let disk = DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![config.spill_dir.clone()]))
            .with_max_temp_directory_size(config.spill_bytes_max);
        let runtime = RuntimeEnvBuilder::new()
            .with_disk_manager_builder(disk)
            .with_object_store_registry(Arc::new(registry))
            .with_metadata_cache_limit(METADATA_CACHE_BYTES)
            .build_arc()
            .map_err(failed)?;
        let session = SessionConfig::from(options()).with_create_default_catalog_and_schema(false);
        let builder = SessionStateBuilder::new().with_config(session).with_runtime_env(Arc::clone(&runtime));
        let builder = builder.with_physical_optimizer_rule(Arc::new(YieldAboveJoins));
        let mut base = functions::register(builder).build();
        functions::register_json(&mut base).map_err(failed)?;
        Ok(Self { base: Arc::new(base), runtime })
    }

    /// Builds the session of one query over these tables, its reservations made in this pool, its work divided into so
    /// many partitions.
    pub(super) fn session(
        &self,
        tables: Tables,
        pool: Arc<dyn MemoryPool>,
        partitions: usize,
    ) -> Result<SessionState, QueryError> {
        let runtime = RuntimeEnvBuilder::from_runtime_env(&self.runtime)
            .with_memory_pool(pool)
            .build_arc()
            .map_err(|error| QueryError::Internal(format!("no session for the query: {error}")))?;
        let builder = SessionStateBuilder::new_from_existing(self.base.as_ref().clone()).with_runtime_env(runtime);
        let mut state = builder.with_catalog_list(catalogs(tables, Arc::clone(&self.base))).build();
        state.config_mut().options_mut().execution.target_partitions = partitions.max(1);
        // Now is one moment for the whole query, and known to the planner, which prunes files by it.
        state.mark_start_execution();
        Ok(state)
    }
}

/// Returns a session over these tables to plan with, not to run.
pub(super) fn over(state: &Arc<SessionState>, tables: Tables) -> SessionState {
    let mut with_tables = state.as_ref().clone();
    with_tables.register_catalog_list(catalogs(tables, Arc::clone(state)));
    with_tables
}

fn options() -> ConfigOptions {
    let mut options = ConfigOptions::new();
    options.catalog.default_catalog = CATALOG.into();
    options.catalog.default_schema = SCHEMA.into();
    options.catalog.information_schema = false;
    options.execution.batch_size = ConfigNonZeroUsize::try_new(BATCH_ROWS).expect("the constant is not zero");
    options.execution.time_zone = Some("UTC".into());
    options.execution.enable_recursive_ctes = false;
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.reorder_filters = true;
    options.execution.parquet.bloom_filter_on_read = true;
    options.execution.parquet.enable_page_index = true;
    options.sql_parser.dialect = Dialect::PostgreSQL;
    options.sql_parser.collect_spans = true;
    options
}

/// Removes what an earlier process spilled and could not remove: it may hold a person's rows.
fn clear_spill(dir: &Path) -> Result<(), QueryError> {
    let failed = |error: std::io::Error| {
        tracing::error!(spill.error = %error, "the spill directory cannot be prepared");
        QueryError::Internal(format!("the spill directory cannot be prepared: {}", error.kind()))
    };
    fs::create_dir_all(dir).map_err(failed)?;
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_string_lossy().starts_with(SPILL_PREFIX) {
            fs::remove_dir_all(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}
