//! The forms of an answer: JSON for pages and programs (held to a number of rows), and NDJSON, CSV, Arrow and Parquet,
//! which stream any number of rows in bounded memory. Encoding is done on the engine's threads.

mod arrow_ipc;
mod cell;
mod csv;
mod json;
mod names;
mod ndjson;
mod parquet_file;
mod plain;

#[cfg(test)]
mod tests;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::mpsc;

pub use json::{Column, ROWS_DEFAULT, ROWS_MAX, Table, json};

use crate::engine::{Answer, Part};
use crate::error::QueryError;

/// Encoded parts that may wait for a slow reader.
const PARTS_WAITING_MAX: usize = 2;

/// A form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// One JSON object with columns and rows; at most a number of rows.
    Json,
    /// One JSON object a row.
    Ndjson,
    /// RFC 4180 with a header row; texts that a spreadsheet would run as formulas begin with `'`.
    Csv,
    /// An Arrow IPC stream.
    Arrow,
    /// A Parquet file, zstd.
    Parquet,
}

impl Form {
    /// Every form, the one preferred among equals first.
    pub const ALL: [Self; 5] = [Self::Json, Self::Ndjson, Self::Csv, Self::Arrow, Self::Parquet];

    /// Returns the media type, as in `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// Returns the extension of a file of this form, without the dot.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Arrow => "arrow",
            Self::Parquet => "parquet",
        }
    }

    /// Returns the form that files of this extension have.
    #[must_use]
    pub fn from_extension(extension: &str) -> Option<Self> {
        let extension = extension.to_ascii_lowercase();
        match extension.as_str() {
            "jsonl" => Some(Self::Ndjson),
            "arrows" => Some(Self::Arrow),
            other => Self::ALL.into_iter().find(|form| form.extension() == other),
        }
    }

    /// Returns the form that an `Accept` header asks for most; JSON if it asks for nothing in particular, none if it
    /// accepts no form.
    #[must_use]
    pub fn from_accept(accept: &str) -> Option<Self> {
        if accept.trim().is_empty() {
            return Some(Self::Json);
        }
        let mut best: Option<(f32, Self)> = None;
        for range in accept.split(',') {
            let mut pieces = range.split(';').map(str::trim);
            let media = pieces.next().unwrap_or_default().to_ascii_lowercase();
            let quality =
                pieces.find_map(|piece| piece.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f32>().ok());
            let Some(form) = Self::from_media(&media) else { continue };
            let quality = quality.unwrap_or(0.0);
            if quality > best.map_or(0.0, |(quality, _)| quality) {
                best = Some((quality, form));
            }
        }
        best.map(|(_, form)| form)
    }

    fn from_media(media: &str) -> Option<Self> {
        match media {
            "*/*" | "application/*" => Some(Self::Json),
            "text/*" => Some(Self::Csv),
            "application/ndjson" | "application/jsonl" | "application/jsonlines" => Some(Self::Ndjson),
            "application/parquet" => Some(Self::Parquet),
            other => Self::ALL
                .into_iter()
                .find(|form| form.content_type().split(';').next().is_some_and(|media| media == other)),
        }
    }
}

/// Writes an answer's rows in one form.
trait Encoder: Send {
    /// Encodes some rows; may keep them until there are enough.
    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, QueryError>;

    /// Encodes what is left.
    fn end(self: Box<Self>) -> Result<Vec<u8>, QueryError>;
}

/// Encodes an answer. Dropping the stream stops the query.
///
/// JSON comes as one piece of at most `ROWS_DEFAULT` rows; `json` takes another limit.
#[must_use]
pub fn encode(form: Form, answer: Answer) -> BoxStream<'static, Result<Bytes, QueryError>> {
    if form == Form::Json {
        return futures::stream::once(async {
            let table = json(answer, ROWS_DEFAULT).await?;
            serde_json::to_vec(&table).map(Bytes::from).map_err(|error| failed("JSON", &error))
        })
        .boxed();
    }
    let parts = answer.work(PARTS_WAITING_MAX, move |answer, sender| async move {
        let end = match write(form, answer, &sender).await {
            Ok(()) => Part::End,
            Err(error) => Part::Failed(error),
        };
        // A reader that has gone away needs no last word.
        let _ = sender.send(end).await;
    });
    parts.boxed()
}

async fn write(form: Form, answer: Answer, sender: &mpsc::Sender<Part<Bytes>>) -> Result<(), QueryError> {
    let mut encoder = encoder(form, answer.schema())?;
    let mut batches = answer.into_stream();
    while let Some(batch) = batches.next().await {
        let encoded = encoder.rows(&batch?)?;
        if !encoded.is_empty() && sender.send(Part::Rows(encoded.into())).await.is_err() {
            return Ok(());
        }
    }
    let encoded = encoder.end()?;
    if !encoded.is_empty() {
        let _ = sender.send(Part::Rows(encoded.into())).await;
    }
    Ok(())
}

fn encoder(form: Form, schema: &SchemaRef) -> Result<Box<dyn Encoder>, QueryError> {
    Ok(match form {
        Form::Json | Form::Ndjson => Box::new(ndjson::Ndjson::new(schema)),
        Form::Csv => Box::new(csv::Csv::new(schema)),
        Form::Arrow => Box::new(arrow_ipc::Arrow::new(schema)?),
        Form::Parquet => Box::new(parquet_file::Parquet::new(schema)?),
    })
}

/// An answer that cannot be written as asked.
fn failed(form: &str, error: &dyn std::fmt::Display) -> QueryError {
    tracing::error!(form.name = form, form.error = %error, "an answer could not be encoded");
    QueryError::Internal(format!("the answer could not be written as {form}; the log tells more"))
}
