//! Execution: turns, and the task that runs a plan on the engine's threads and sends its rows to the reader.

use std::sync::Arc;
use std::time::Instant;

use datafusion::common::DataFusionError;
use datafusion::physical_plan::execute_stream;
use futures::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::answer::{Answer, Batches, Meter, Part};
use super::diagnose;
use super::explain::hide_files;
use super::plan::Planned;
use super::watch::{Running, Seat};
use super::{Engine, TURN_WAIT};
use crate::error::QueryError;

/// Batches that may wait for a slow reader.
const BATCHES_WAITING_MAX: usize = 2;

/// What a running query holds: its turn, and its place under the watcher's eyes.
pub(super) type Ticket = (OwnedSemaphorePermit, Seat);

impl Engine {
    /// Waits shortly for a turn among the concurrent queries.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, QueryError> {
        let wait = {
            let _timers = self.runtime().enter();
            tokio::time::timeout(TURN_WAIT, Arc::clone(&self.turns).acquire_owned())
        };
        match wait.await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(QueryError::Busy),
        }
    }

    /// Starts the work of a plan.
    pub(super) fn execute(&self, planned: Planned<Ticket>, started: Instant, deadline: Instant) -> Answer {
        let (sender, receiver) = mpsc::channel(BATCHES_WAITING_MAX);
        let (schema, meter) = (planned.plan.schema(), Meter::new(Arc::clone(&planned.plan), started));
        let timeout_ms = self.config.timeout_ms;
        let handle = self.runtime().handle().clone();
        let task = handle.spawn(run(planned, sender, deadline, timeout_ms));
        let sleep = {
            let _timers = handle.enter();
            tokio::time::sleep_until(deadline.into())
        };
        Answer::new(schema, Batches::new(receiver, sleep, timeout_ms, task.abort_handle()), meter, handle)
    }
}

/// Runs a plan to its end, its deadline or the watcher's stop, whichever comes first.
async fn run(planned: Planned<Ticket>, sender: mpsc::Sender<Part>, deadline: Instant, timeout_ms: u64) {
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
        () = running.stopped() => Part::Failed(stopped_for_memory()),
        () = tokio::time::sleep_until(deadline.into()) => Part::Failed(QueryError::Timeout { timeout_ms }),
        result = work => finish(result, &running, &names),
    };
    // The work and all it holds is gone before the reader hears of its end, and the next query may start.
    drop(ticket);
    // A reader that has gone away needs no last word.
    let _ = sender.send(end).await;
}

fn finish(result: Result<(), DataFusionError>, running: &Running, names: &diagnose::Names) -> Part {
    match result {
        Ok(()) => Part::End,
        Err(_) if running.is_stopped() => Part::Failed(stopped_for_memory()),
        Err(error) => Part::Failed(diagnose::query(&error, names)),
    }
}

fn stopped_for_memory() -> QueryError {
    QueryError::Memory(
        "the query was stopped because the process holds too much memory; narrow its time range, or write \
         count(distinct …) per group as two levels of group by"
            .into(),
    )
}
