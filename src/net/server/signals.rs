//! Which signals are a request to stop: SIGTERM, SIGINT, and SIGHUP unless it is ignored.
//!
//! A terminal that closes sends SIGHUP, so a server that somebody started by hand ends as politely
//! as any other. Under `nohup` it is ignored, and stays so. SIGQUIT is left alone, for who wants
//! an end at once; SIGPIPE is ignored by the standard library. SIGUSR2 asks for a reload. What
//! others send for their own purposes must not end a game: those signals are caught, told of, and
//! do nothing. Absent: what a request to stop, or to reload, does.

use std::fs;
use std::io;

use mio::event::Source;
use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::low_level::signal_name;
use signal_hook_mio::v1_0::Signals;

use super::Server;

/// Those that would end the process and ask for no end: log rotation sends SIGUSR1, and the kernel
/// SIGXFSZ when a file would grow beyond `ulimit -f`, of which the
/// write tells as well (setrlimit(2), `RLIMIT_FSIZE`).
const MEANINGLESS: [i32; 2] = [SIGUSR1, SIGXFSZ];

/// The signals that ask to stop, from the moment on that they are caught.
pub struct StopSignals(Signals);

impl StopSignals {
    /// Catches them from now on; what comes before a server watches them is not lost.
    ///
    /// Call it as early as possible: process number 1 of a container has no default actions
    /// (pid_namespaces(7)), so a signal that came earlier would be as if it had not come at all.
    ///
    /// # Errors
    ///
    /// Those of registering a signal handler.
    pub fn catch() -> io::Result<Self> {
        let mut wanted = vec![SIGTERM, SIGINT];
        // Without /proc nobody knows; a terminal's end is likelier than a nohup there.
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        if !is_ignored(&status, SIGHUP) {
            wanted.push(SIGHUP);
        }
        wanted.push(SIGUSR2);
        wanted.extend(MEANINGLESS);
        Signals::new(wanted).map(Self)
    }
}

/// Whether a process ignores a signal, by its status: a mask in hexadecimal whose lowest bit is
/// signal 1 (proc_pid_status(5), `SigIgn`).
fn is_ignored(status: &str, signal: i32) -> bool {
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let bit = u32::try_from(signal - 1).ok();
    let bit = bit.and_then(|bit| 1_u64.checked_shl(bit)).unwrap_or(0);
    mask.unwrap_or(0) & bit != 0
}

impl Server {
    /// Signals came since the last look.
    pub(super) fn on_signals(&mut self) {
        let Some(StopSignals(signals)) = &mut self.signals else {
            return;
        };
        // One that comes twice before we look is reported once.
        let arrived: Vec<i32> = signals.pending().collect();
        for signal in arrived {
            let name = signal_name(signal).unwrap_or("a signal");
            match signal {
                SIGUSR2 => self.on_reload(),
                _ if MEANINGLESS.contains(&signal) => log::warn!(
                    "{name} means nothing here and does nothing; SIGTERM stops, SIGUSR2 reloads"
                ),
                _ => self.on_stop(name),
            }
        }
    }
}

impl Source for StopSignals {
    fn register(&mut self, registry: &Registry, token: Token, to: Interest) -> io::Result<()> {
        self.0.register(registry, token, to)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, to: Interest) -> io::Result<()> {
        self.0.reregister(registry, token, to)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.0.deregister(registry)
    }
}

#[cfg(test)]
mod tests {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

    use super::is_ignored;

    #[test]
    fn which_signals_a_process_ignores() {
        let status =
            |mask| format!("Name:\troshambo\nSigBlk:\tffff\nSigIgn:\t{mask}\nSigCgt:\tffff\n");
        let rows = [
            // As the standard library begins: SIGPIPE, number 13.
            ("0000000000001000", [false, false, false]),
            ("0000000000001001", [true, false, false]),
            ("0000000000004002", [false, true, true]),
            ("ffffffffffffffff", [true, true, true]),
            ("nonsense", [false, false, false]),
        ];
        for (mask, want) in rows {
            let found = [SIGHUP, SIGINT, SIGTERM].map(|signal| is_ignored(&status(mask), signal));
            assert_eq!(found, want, "{mask}");
        }
        assert!(!is_ignored("", SIGHUP));
        assert!(
            !is_ignored(&status("ffffffffffffffff"), 65),
            "no such signal"
        );
        assert!(
            !is_ignored(&status("ffffffffffffffff"), 0),
            "no such signal"
        );
    }
}
