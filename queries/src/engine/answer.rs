//! An answer: its columns at once, its rows as they come. The work is done on the engine's threads; whoever reads only
//! receives. Dropping the stream stops the work.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::physical_plan::ExecutionPlan;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, ready};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Sleep;

use crate::error::QueryError;

/// What the engine sends to the reader of an answer.
pub(super) enum Part {
    /// Some rows.
    Rows(RecordBatch),
    /// No more rows, and none is missing.
    End,
    /// No more rows, and some are missing.
    Failed(QueryError),
}

/// The answer to a query.
pub struct Answer {
    schema: SchemaRef,
    batches: Batches,
    meter: Meter,
    runtime: Handle,
}

impl Answer {
    pub(super) fn new(schema: SchemaRef, batches: Batches, meter: Meter, runtime: Handle) -> Self {
        Self { schema, batches, meter, runtime }
    }

    /// Returns the columns.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Returns the bytes read from files so far; complete once the stream has ended.
    #[must_use]
    pub fn scanned_bytes(&self) -> u64 {
        self.meter.scanned_bytes()
    }

    /// Returns the time since the question.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.meter.elapsed()
    }

    /// Returns a measure that outlives the answer.
    #[must_use]
    pub fn meter(&self) -> Meter {
        self.meter.clone()
    }

    /// Returns the rows. The stream ends early with an error if the query fails, is stopped, or runs out of time, also
    /// while nobody reads. Dropping it stops the query.
    #[must_use]
    pub fn into_stream(self) -> BoxStream<'static, Result<RecordBatch, QueryError>> {
        self.batches.boxed()
    }

    /// Collects all rows.
    ///
    /// # Errors
    /// Those of the stream.
    pub async fn collect(self) -> Result<Vec<RecordBatch>, QueryError> {
        let mut stream = self.into_stream();
        let mut batches = Vec::new();
        while let Some(batch) = stream.next().await {
            batches.push(batch?);
        }
        Ok(batches)
    }

    pub(crate) fn into_parts(self) -> (SchemaRef, Batches, Meter, Handle) {
        (self.schema, self.batches, self.meter, self.runtime)
    }
}

/// Measures of a query, readable while it runs and after.
#[derive(Clone)]
pub struct Meter {
    plan: Arc<dyn ExecutionPlan>,
    started: Instant,
}

impl Meter {
    pub(super) fn new(plan: Arc<dyn ExecutionPlan>, started: Instant) -> Self {
        Self { plan, started }
    }

    /// Returns the bytes read from files so far.
    #[must_use]
    pub fn scanned_bytes(&self) -> u64 {
        scanned_bytes(self.plan.as_ref())
    }

    /// Returns the time since the question.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

fn scanned_bytes(plan: &dyn ExecutionPlan) -> u64 {
    let own = plan.metrics().and_then(|metrics| metrics.sum_by_name("bytes_scanned"));
    let own = own.map_or(0, |value| value.as_usize() as u64);
    plan.children().iter().fold(own, |sum, child| sum + scanned_bytes(child.as_ref()))
}

/// The receiving end of a query's rows.
pub(crate) struct Batches {
    parts: mpsc::Receiver<Part>,
    deadline: Pin<Box<Sleep>>,
    timeout_ms: u64,
    task: AbortHandle,
    ended: bool,
}

impl Batches {
    pub(super) fn new(parts: mpsc::Receiver<Part>, deadline: Sleep, timeout_ms: u64, task: AbortHandle) -> Self {
        Self { parts, deadline: Box::pin(deadline), timeout_ms, task, ended: false }
    }
}

impl Stream for Batches {
    type Item = Result<RecordBatch, QueryError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let part = match self.parts.poll_recv(cx) {
            Poll::Ready(part) => part,
            // The engine's own deadline ends the work; this one answers even if a thread is stuck in a batch.
            Poll::Pending => {
                ready!(self.deadline.as_mut().poll(cx));
                Some(Part::Failed(QueryError::Timeout { timeout_ms: self.timeout_ms }))
            }
        };
        let item = match part {
            Some(Part::Rows(batch)) => return Poll::Ready(Some(Ok(batch))),
            Some(Part::End) => None,
            Some(Part::Failed(error)) => Some(Err(error)),
            None => Some(Err(QueryError::Internal("the query stopped unexpectedly; the log tells more".into()))),
        };
        self.ended = true;
        self.task.abort();
        Poll::Ready(item)
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.task.abort();
    }
}
