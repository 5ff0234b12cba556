//! Work that must not get in the way of the durable path runs on a thread of its own, of lower OS priority.

use tokio::sync::oneshot;

/// How much of a busy machine some work may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    /// As much as anything else.
    Normal,
    /// Less than requests and the log.
    Reduced,
    /// What is left.
    Low,
}

impl Priority {
    /// Runs `work` on a thread of its own and waits for it. An error means that it panicked or could not be started.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> std::io::Result<T> {
        let (done, result) = oneshot::channel();
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            self.apply();
            let _ = done.send(work());
        })?;
        result.await.map_err(|_| std::io::Error::other("the work panicked; the log tells more"))
    }

    /// Lowers the priority of this thread: on Linux niceness is a thread's own.
    fn apply(self) {
        let niceness = match self {
            Self::Normal => return,
            Self::Reduced => 5,
            Self::Low => 10,
        };
        // Failing to lower it costs latency under load, nothing else.
        if let Err(error) = rustix::process::nice(niceness) {
            tracing::debug!(%error, "a thread's priority could not be lowered");
        }
    }
}
