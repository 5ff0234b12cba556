//! Work that must not get in the way of the durable path runs on a thread of lower priority.

/// Runs `work` on a thread of its own whose OS priority is lowered, and waits for it.
pub(crate) fn lowered<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().name("weir-compact".into()).spawn_scoped(scope, || {
            // On Linux niceness is a thread's own. Failing to lower it costs latency under load, nothing else.
            if let Err(error) = rustix::process::nice(10) {
                tracing::debug!(%error, "a thread's priority could not be lowered");
            }
            work()
        });
        match worker.expect("a thread can be started").join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
