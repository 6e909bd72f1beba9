//! What Linux says about a process: its memory and its time on a core (proc(5)).
//!
//! Absent: anything that needs to be that process, or its user.

use std::fs;
use std::time::Duration;

/// Clock ticks per second in `/proc/PID/stat`; the same on every Linux that user space sees.
const TICKS_PER_SECOND: u64 = 100;

/// A process of this machine.
#[derive(Clone, Debug)]
pub(super) struct Process {
    directory: String,
}

impl Process {
    /// The server.
    pub(super) fn other(pid: u32) -> Self {
        Self {
            directory: format!("/proc/{pid}"),
        }
    }

    /// This program.
    pub(super) fn own() -> Self {
        Self {
            directory: "/proc/self".into(),
        }
    }

    /// Resident memory, in bytes.
    ///
    /// `smaps_rollup` counts pages, `status` may be behind by some dozens of them.
    pub(super) fn resident_bytes(&self) -> Option<u64> {
        self.kilobytes("smaps_rollup", "Rss:")
            .or_else(|| self.kilobytes("status", "VmRSS:"))
            .map(|kilobytes| kilobytes * 1024)
    }

    fn kilobytes(&self, file: &str, key: &str) -> Option<u64> {
        let text = self.read(file)?;
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    }

    /// Time on a core since its start, of all threads that there are.
    ///
    /// `schedstat` counts nanoseconds, but not on every kernel; `stat` counts hundredths of a
    /// second.
    pub(super) fn cpu_time(&self) -> Option<Duration> {
        match self.scheduled() {
            None | Some(Duration::ZERO) => self.ticks(),
            time => time,
        }
    }

    fn scheduled(&self) -> Option<Duration> {
        let mut nanoseconds = 0_u64;
        for entry in fs::read_dir(format!("{}/task", self.directory)).ok()? {
            let text = fs::read_to_string(entry.ok()?.path().join("schedstat")).ok()?;
            nanoseconds += text.split(' ').next()?.parse::<u64>().ok()?;
        }
        Some(Duration::from_nanos(nanoseconds))
    }

    fn ticks(&self) -> Option<Duration> {
        let text = self.read("stat")?;
        // The second field is the name, in brackets, and may hold anything.
        let (_, fields) = text.rsplit_once(") ")?;
        let mut fields = fields.split(' ').skip(11);
        let user: u64 = fields.next()?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        Some(Duration::from_millis(
            (user + system) * 1_000 / TICKS_PER_SECOND,
        ))
    }

    fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(format!("{}/{file}", self.directory)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_time() {
        let own = Process::own();
        assert!(own.resident_bytes().is_some_and(|bytes| 100_000 < bytes));
        assert!(own.cpu_time().is_some());
        assert!(own.ticks().is_some());
        assert_eq!(Process::other(u32::MAX).resident_bytes(), None);
        assert_eq!(Process::other(u32::MAX).cpu_time(), None);
    }
}
