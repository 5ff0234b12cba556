//! Where what computes for long is done, large bodies judged, say: on a few threads of its own, with a bounded number waiting.
//!
//! Not the runtime's pool for what blocks: that has a thread for each of those who wait, and hands the work to the one that has
//! been idle longest, whose caches and heap are cold.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use super::error::Problem;

type Job = Box<dyn FnOnce() + Send>;

/// A few threads, and those who wait for them.
pub(crate) struct Workers {
    jobs: Sender<Job>,
    inside: Arc<AtomicUsize>,
    inside_max: usize,
    /// What those are told for whom there is no place.
    full: &'static str,
}

impl Workers {
    /// Starts so many threads of this name, for which so many more may wait; `full` tells those beyond why they are refused.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(name: &str, threads: usize, queued_max: usize, full: &'static str) -> io::Result<Self> {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            thread::Builder::new().name(name.to_owned()).spawn(move || work_off(&queue))?;
        }
        Ok(Self { jobs, inside: Arc::default(), inside_max: threads + queued_max, full })
    }

    /// Returns how many run or wait, and how many may.
    pub(super) fn places(&self) -> (usize, usize) {
        (self.inside.load(Ordering::Relaxed), self.inside_max)
    }

    /// Runs the work on one of the threads. Its place is taken until it ends, also when whoever waits for it has gone away;
    /// work that nobody waits for any longer is not begun.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let place = Place::take(&self.inside, self.inside_max, self.full)?;
        let (answer, answered) = oneshot::channel();
        let job = move || {
            let done = (!answer.is_closed()).then(|| catch_unwind(AssertUnwindSafe(work)));
            // Before it is told: whoever has the answer finds the place free.
            drop(place);
            if let Some(done) = done {
                let _ = answer.send(done);
            }
        };
        self.jobs.send(Box::new(job)).map_err(|_| Problem::internal("the workers have ended"))?;
        match answered.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(panic)) => Err(Problem::internal(words_of(panic.as_ref()))),
            Err(_) => Err(Problem::internal("a worker ended before its work did")),
        }
    }
}

/// Does what is in the queue until nobody can put anything into it.
fn work_off(queue: &Mutex<Receiver<Job>>) {
    loop {
        // One waits for work, the others for the lock; whoever gets work lets the next one wait.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        job();
    }
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the work panicked: {}", words.unwrap_or("it left no words"))
}

/// A place among those who run or wait; given back when dropped, also when the client gave up.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(inside: &Arc<AtomicUsize>, max: usize, full: &'static str) -> Result<Self, Problem> {
        let before = inside.fetch_add(1, Ordering::Relaxed);
        let place = Self(Arc::clone(inside));
        if before >= max {
            return Err(Problem::Overloaded { what: full, retry_after_ms: 1_000 });
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bounded_number_is_inside_and_a_place_comes_free() {
        let workers = Workers::start("test", 1, 0, "full").unwrap();
        let held = Place::take(&workers.inside, 1, "full").unwrap();
        assert!(matches!(workers.run(|| 1).await, Err(Problem::Overloaded { .. })));
        drop(held);
        assert_eq!(workers.run(|| 1).await.unwrap(), 1);
        assert_eq!(workers.inside.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_panic_is_its_requests_alone() {
        let workers = Workers::start("test", 1, 8, "full").unwrap();
        for _ in 0..3 {
            let failed: Result<(), Problem> = workers.run(|| panic!("of this one")).await;
            assert!(matches!(failed, Err(Problem::Internal(words)) if words.contains("of this one")));
        }
        assert_eq!(workers.run(|| 2).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_begun() {
        let workers = Workers::start("test", 1, 8, "full").unwrap();
        let (release, gate) = channel::<()>();
        let (begun, is_begun) = channel();
        let mut first = Box::pin(workers.run(move || gate.recv()));
        assert!(futures::poll!(&mut first).is_pending());
        {
            let mut gone = Box::pin(workers.run(move || begun.send(())));
            assert!(futures::poll!(&mut gone).is_pending());
        }
        release.send(()).unwrap();
        assert!(first.await.unwrap().is_ok());
        assert_eq!(workers.run(|| 3).await.unwrap(), 3);
        assert!(is_begun.recv().is_err(), "it was dropped, and not run");
    }
}
