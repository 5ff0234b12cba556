//! What a process or a thread has used, by the system's own accounting: the figures least disturbed by whatever else runs on
//! the same cores.

use anyhow::Context;

/// Linux counts in hundredths of a second on every machine we run on.
const TICK_US: u64 = 10_000;

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// User and system time of all its threads, those included that have ended.
    pub(crate) cpu_us: u64,
    pub(crate) rss_bytes: u64,
    pub(crate) peak_rss_bytes: u64,
}

/// Returns what a process has used: its id, or `self`.
pub(crate) fn usage_of(process: &str) -> anyhow::Result<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in brackets, may hold anything.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |field: usize| fields.get(field).and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| value.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
    };
    Ok(Usage { cpu_us: (ticks(11) + ticks(12)) * TICK_US, rss_bytes: bytes("VmRSS:"), peak_rss_bytes: bytes("VmHWM:") })
}

/// Returns the CPU time of the calling thread, seconds.
///
/// # Errors
/// The kernel keeps no such account.
pub(crate) fn thread_cpu_s() -> anyhow::Result<f64> {
    // The account is brought up to date when the scheduler looks, which else may be milliseconds ago.
    std::thread::yield_now();
    let account =
        std::fs::read_to_string("/proc/thread-self/schedstat").context("the kernel counts no thread times")?;
    let ns: f64 = account.split_whitespace().next().unwrap_or_default().parse()?;
    Ok(ns / 1e9)
}

/// Returns bytes as MiB.
pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_and_memory_show_in_the_accounts() {
        let before = thread_cpu_s().expect("an account");
        let mut sum = 0_u64;
        while thread_cpu_s().expect("an account") - before < 0.03 {
            sum = (0..100_000_u64).fold(sum, |sum, n| std::hint::black_box(sum.wrapping_add(n * n)));
        }
        let used = usage_of("self").expect("an account");
        assert!(used.cpu_us >= TICK_US && used.rss_bytes > 1 << 20, "{used:?}");
        assert!(used.peak_rss_bytes >= used.rss_bytes / 2, "{used:?}");
    }
}
