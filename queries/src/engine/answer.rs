//! An answer: its columns at once, its rows as they come. The work is done on the engine's threads; whoever reads only
//! receives. Dropping the stream stops the work.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::physical_plan::ExecutionPlan;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, ready};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::watch::Running;
use crate::error::QueryError;

/// What the engine sends to the reader of an answer: rows as they are, or as bytes of a form.
pub(crate) enum Part<T> {
    /// Some rows.
    Rows(T),
    /// No more rows, and none is missing.
    End,
    /// No more rows, and some are missing.
    Failed(QueryError),
}

/// The answer to a query.
pub struct Answer {
    schema: SchemaRef,
    batches: Parts<RecordBatch>,
    meter: Meter,
    runtime: Handle,
}

impl Answer {
    pub(super) fn new(schema: SchemaRef, batches: Parts<RecordBatch>, meter: Meter, runtime: Handle) -> Self {
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

    /// Starts work of another kind on the rows, on the engine's threads. What it sends is received as the answer is:
    /// with its deadline, and stopped when dropped.
    pub(crate) fn work<T, F>(
        self,
        parts_waiting_max: usize,
        work: impl FnOnce(Self, mpsc::Sender<Part<T>>) -> F,
    ) -> Parts<T>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(parts_waiting_max);
        let (running, runtime) = (Arc::clone(&self.batches.running), self.runtime.clone());
        let task = runtime.spawn(work(self, sender));
        Parts::new(receiver, running, task.abort_handle())
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
pub(crate) struct Parts<T> {
    parts: mpsc::Receiver<Part<T>>,
    running: Arc<Running>,
    stopped: BoxFuture<'static, QueryError>,
    task: AbortHandle,
    ended: bool,
}

impl<T> Parts<T> {
    pub(super) fn new(parts: mpsc::Receiver<Part<T>>, running: Arc<Running>, task: AbortHandle) -> Self {
        let stopped = Arc::clone(&running).stopped().boxed();
        Self { parts, running, stopped, task, ended: false }
    }
}

impl<T> Stream for Parts<T> {
    type Item = Result<T, QueryError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let part = match self.parts.poll_recv(cx) {
            Poll::Ready(part) => part,
            // The work hears of its stop where it next yields; the reader need not wait for that.
            Poll::Pending => Some(Part::Failed(ready!(self.stopped.as_mut().poll(cx)))),
        };
        let item = match part {
            Some(Part::Rows(rows)) => return Poll::Ready(Some(Ok(rows))),
            Some(Part::End) => None,
            Some(Part::Failed(error)) => Some(Err(error)),
            None => Some(Err(QueryError::Internal("the query stopped unexpectedly; the log tells more".into()))),
        };
        self.ended = true;
        self.task.abort();
        Poll::Ready(item)
    }
}

impl<T> Drop for Parts<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}
