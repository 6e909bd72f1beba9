//! What the kernel says about this process: memory, processor time, descriptors.
//!
//! Absent: anything that takes longer with more connections; listing a hundred thousand
//! descriptors would stop the loop, so they are counted once, when there are few.
//!
//! Source: proc_pid_status(5), proc_pid_schedstat (kernel, Documentation/scheduler/sched-stats).

use std::fs;
use std::time::SystemTime;

/// What does not change, looked up at the start.
#[derive(Debug)]
pub(crate) struct Process {
    /// Seconds since 1970.
    pub(crate) started_s: f64,
    /// Most descriptors there may be.
    pub(crate) descriptors_max: u64,
    /// Descriptors that are no connection.
    descriptors_fixed: u64,
}

/// What does.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Bytes of memory in use.
    pub(crate) resident_bytes: u64,
    /// Bytes of address space.
    pub(crate) virtual_bytes: u64,
    /// Nanoseconds of processor time.
    pub(crate) cpu_ns: u64,
}

impl Process {
    /// Looks up what does not change; a system that does not say is not asked again.
    pub(crate) fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let listed = fs::read_dir("/proc/self/fd").map(Iterator::count);
        Self {
            started_s: now.map_or(0.0, |since| since.as_secs_f64()),
            descriptors_max: rlimit::Resource::NOFILE.get_soft().unwrap_or(0),
            // The list itself was one of them, for a moment.
            descriptors_fixed: listed.unwrap_or(1).saturating_sub(1) as u64,
        }
    }

    /// It began as another program, and so many of its descriptors are connections.
    pub(crate) fn took_over(&mut self, started_s: f64, conns: usize) {
        if 0.0 < started_s {
            self.started_s = started_s;
        }
        self.descriptors_fixed = self.descriptors_fixed.saturating_sub(conns as u64);
    }

    /// How many descriptors there are with so many connections.
    pub(crate) fn descriptors(&self, conns: usize) -> u64 {
        self.descriptors_fixed + conns as u64
    }
}

impl Usage {
    /// Asks the kernel.
    pub(crate) fn read() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let schedule = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
        Self::parse(&status, &schedule)
    }

    fn parse(status: &str, schedule: &str) -> Self {
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next());
            let kibibytes: u64 = number.and_then(|text| text.parse().ok()).unwrap_or(0);
            kibibytes * 1_024
        };
        let cpu = schedule.split_whitespace().next();
        Self {
            resident_bytes: bytes("VmRSS:"),
            virtual_bytes: bytes("VmSize:"),
            cpu_ns: cpu.and_then(|text| text.parse().ok()).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Process, Usage};

    #[test]
    fn what_the_kernel_says_is_read_and_what_it_does_not_say_is_zero() {
        let status = "Name:\troshambo\nVmSize:\t   20 kB\nVmRSS:\t    4 kB\n";
        let want = Usage {
            resident_bytes: 4_096,
            virtual_bytes: 20_480,
            cpu_ns: 12,
        };
        assert_eq!(Usage::parse(status, "12 34 5\n"), want);
        assert_eq!(Usage::parse("VmRSS:\n", ""), Usage::default());
        assert!(0 < Usage::read().resident_bytes);
        let process = Process::new();
        assert!(process.descriptors(7) < process.descriptors_max);
        assert!(10 <= process.descriptors(7), "three streams and seven");
    }
}
