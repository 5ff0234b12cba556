//! Execution: turns, and the task that runs a plan on the engine's threads and sends its rows to the reader.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::physical_plan::execute_stream;
use futures::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::Engine;
use super::answer::{Answer, Meter, Part, Parts};
use super::diagnose;
use super::explain::hide_files;
use super::plan::Planned;
use super::watch::Seat;
use crate::error::QueryError;

/// Batches that may wait for a slow reader.
const BATCHES_WAITING_MAX: usize = 2;

/// What a running query holds: its turn, and its place under the watcher's eyes.
pub(super) type Ticket = (OwnedSemaphorePermit, Seat);

impl Engine {
    /// Waits so long for a turn among the concurrent queries.
    pub(super) async fn turn(&self, wait: Duration) -> Result<OwnedSemaphorePermit, QueryError> {
        match tokio::time::timeout(wait, Arc::clone(&self.turns).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(QueryError::Busy),
        }
    }

    /// Starts the work of a plan.
    pub(super) fn execute(&self, planned: Planned, started: Instant) -> Answer {
        let (sender, receiver) = mpsc::channel(BATCHES_WAITING_MAX);
        let (schema, meter) = (planned.plan.schema(), Meter::new(Arc::clone(&planned.plan), started));
        let running = Arc::clone(planned.ticket.1.running());
        let handle = self.runtime().handle().clone();
        let task = handle.spawn(run(planned, sender));
        Answer::new(schema, Parts::new(receiver, running, task.abort_handle()), meter, handle)
    }
}

/// Runs a plan to its end or to the watcher's stop, whichever comes first.
async fn run(planned: Planned, sender: mpsc::Sender<Part<RecordBatch>>) {
    let Planned { plan, context, explains, names, ticket } = planned;
    let running = Arc::clone(ticket.1.running());
    let work = async {
        let mut stream = execute_stream(plan, context)?;
        while let Some(batch) = stream.next().await {
            let batch = if explains { hide_files(batch?) } else { batch? };
            if batch.num_rows() > 0 && sender.send(Part::Rows(batch)).await.is_err() {
                break;
            }
        }
        Ok::<(), DataFusionError>(())
    };
    let end = tokio::select! {
        biased;
        reason = Arc::clone(&running).stopped() => Part::Failed(reason),
        result = work => match result {
            Ok(()) => Part::End,
            Err(error) => Part::Failed(running.why_stopped().unwrap_or_else(|| diagnose::query(&error, &names))),
        },
    };
    // The work and all it holds is gone before the reader hears of its end, and the next query may start.
    drop(ticket);
    // A reader that has gone away needs no last word.
    let _ = sender.send(end).await;
}
