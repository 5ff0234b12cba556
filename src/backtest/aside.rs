//! A place for work that computes for long: a thread of low priority of its own, so that nobody waits for it.

use std::future::Future;
use std::io;

/// Runs a future to its end on such a thread, within the runtime that is current.
///
/// # Errors
/// When no thread can be started.
pub(crate) fn aside(name: &str, work: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Handle::current();
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        // Failing to lower it costs latency under load, nothing else.
        let _ = rustix::process::nice(10);
        runtime.block_on(work);
    })?;
    Ok(())
}
