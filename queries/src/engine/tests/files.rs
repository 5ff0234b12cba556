//! Tables that lie in files: what is measured, and what is never told of them.

use std::fs::{self, File};

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use datafusion::catalog::TableProvider;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::datasource::object_store::ObjectStoreUrl;
use object_store::local::LocalFileSystem;
use parquet::arrow::ArrowWriter;

use super::*;

/// An engine that knows the local files, and a table `secret_dir/t.parquet` of a thousand rows.
fn with_file(dir: &TempDir) -> (Arc<Engine>, Tables) {
    let columns: Vec<(&str, ArrayRef)> = vec![("n", Arc::new(Int64Array::from_iter_values(0..1_000)))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let files = dir.path().join("secret_dir");
    fs::create_dir_all(&files).unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(files.join("t.parquet")).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();

    let url = ListingTableUrl::parse(files.to_str().unwrap()).unwrap();
    let options = ListingOptions::new(Arc::new(ParquetFormat::default()));
    let config = ListingTableConfig::new(url).with_listing_options(options).with_schema(batch.schema());
    let table: Arc<dyn TableProvider> = Arc::new(ListingTable::try_new(config).unwrap());
    let stores: crate::engine::Stores = vec![(ObjectStoreUrl::local_filesystem(), Arc::new(LocalFileSystem::new()))];
    let engine = Engine::new(EngineConfig::new(dir.path().join("spill")), stores).unwrap();
    (engine, vec![("t".to_owned(), table)])
}

#[tokio::test]
async fn bytes_read_from_files_are_counted() {
    let dir = TempDir::new().unwrap();
    let (engine, tables) = with_file(&dir);
    let answer = engine.ask("select sum(n) from t", &no_params(), tables).await.unwrap();
    let meter = answer.meter();
    assert_eq!(answer.collect().await.unwrap()[0].num_rows(), 1);
    assert!(meter.scanned_bytes() > 1_000, "{}", meter.scanned_bytes());
}

#[tokio::test]
async fn neither_plans_nor_errors_tell_where_files_lie() {
    let dir = TempDir::new().unwrap();
    let (engine, tables) = with_file(&dir);
    for sql in ["explain select n from t where n > 5", "explain format tree select n from t where n > 5"] {
        let answer = engine.ask(sql, &no_params(), tables.clone()).await.unwrap();
        let plan = pretty_format_batches(&answer.collect().await.unwrap()).unwrap().to_string();
        assert!(plan.contains("DataSourceExec"), "{plan}");
        assert!(!plan.contains("secret_dir") && !plan.contains(".parquet"), "{plan}");
    }
    fs::write(dir.path().join("secret_dir/t.parquet"), b"this is no Parquet file").unwrap();
    let failed = match engine.ask("select sum(n) from t", &no_params(), tables).await {
        Ok(answer) => answer.collect().await.map(|_| ()),
        Err(error) => Err(error),
    };
    let error = failed.unwrap_err();
    assert!(matches!(error, QueryError::Internal(_)), "{error:?}");
    assert!(!format!("{error:?}").contains("secret_dir"), "{error:?}");
}

#[tokio::test]
async fn spilled_data_of_an_earlier_process_is_removed() {
    let dir = TempDir::new().unwrap();
    let left = dir.path().join("spill/datafusion-abc123");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("rows"), b"a person's rows").unwrap();
    let (_engine, _) = with_file(&dir);
    assert!(!left.exists());
}
