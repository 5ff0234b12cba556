//! Answers on the terminal or into a file: as a table, or in one of the forms of `POST /v1/sql`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use arrow::ipc::reader::StreamReader;
use arrow::util::pretty::pretty_format_batches;
use clap::{Args, ValueEnum};

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// Comma-separated.
    Csv,
    /// Columns and rows.
    Json,
    /// One object a line.
    Ndjson,
    /// A Parquet file; needs --output.
    Parquet,
}

/// Where and how an answer goes.
#[derive(Args, Clone, Debug)]
pub(super) struct OutputArgs {
    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
    /// Writes the answer here instead of to standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

impl OutputArgs {
    /// Checks that the answer can go where it should.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        if self.format == Format::Parquet && self.output.is_none() {
            return Err(super::misuse("--format parquet needs --output FILE"));
        }
        Ok(())
    }

    /// Returns the media type to ask for.
    pub(super) const fn media_type(&self) -> &'static str {
        match self.format {
            Format::Table => "application/vnd.apache.arrow.stream",
            Format::Csv => "text/csv",
            Format::Json => "application/json",
            Format::Ndjson => "application/x-ndjson",
            Format::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// Writes an answer that came in that media type.
    pub(super) fn write(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let table;
        let bytes = if self.format == Format::Table {
            let reader = StreamReader::try_new(std::io::Cursor::new(bytes), None)?;
            let batches = reader.collect::<Result<Vec<_>, _>>()?;
            let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
            table = format!("{}\n{rows} row{}\n", pretty_format_batches(&batches)?, if rows == 1 { "" } else { "s" });
            table.as_bytes()
        } else {
            bytes
        };
        match &self.output {
            Some(path) => std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display())),
            None => Ok(std::io::stdout().write_all(bytes)?),
        }
    }
}
