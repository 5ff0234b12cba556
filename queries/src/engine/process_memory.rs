//! How much memory the process has and uses, as the kernel tells. Not the pools of the queries (`memory.rs`).

use std::fs;

/// Used when neither the cgroup nor the machine tells its memory.
const FALLBACK_BYTES: u64 = 2 << 30;

/// Returns the resident memory of this process in bytes, or nothing where the kernel does not tell.
pub(super) fn resident_bytes() -> Option<u64> {
    kilobytes_of(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// Returns four fifths of the memory that this process may use: its cgroup's limit, or else the machine's.
pub(super) fn four_fifths_of_the_machine() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| kilobytes_of(&text, "MemTotal:"));
    let cgroup = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .into_iter()
        .find_map(|path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok());
    let bytes = machine.unwrap_or(FALLBACK_BYTES).min(cgroup.unwrap_or(u64::MAX));
    bytes / 5 * 4
}

/// Reads a line like `VmRSS:   123 kB`.
fn kilobytes_of(text: &str, label: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_lines() {
        assert_eq!(kilobytes_of("VmPeak:\t 9 kB\nVmRSS:\t   123 kB\n", "VmRSS:"), Some(123 * 1024));
        assert_eq!(kilobytes_of("VmRSS: much", "VmRSS:"), None);
        assert!(resident_bytes().unwrap() > 1 << 20, "a running test resides in memory");
        assert!(four_fifths_of_the_machine() > 64 << 20);
    }
}
