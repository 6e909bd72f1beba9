//! What the service manager is told: that we are ready, how we are, that we stop, that we live.
//!
//! Absent: when to tell it; the loop does, so that a loop that hangs tells nothing. Without
//! `NOTIFY_SOCKET` all of this is nothing.
//!
//! Source: sd_notify(3), sd_watchdog_enabled(3). A datagram is sent by a socket of its own, which
//! waits while the manager's queue is full; at a few datagrams a minute that takes a manager that
//! has hung for longer than it would take to notice.

use sd_notify::NotifyState;

/// How much longer than now it may take to end: a `--drain-timeout` longer than the unit's
/// `TimeoutStopSec=` would be cut short otherwise (sd_notify(3), `EXTEND_TIMEOUT_USEC`). It is
/// renewed while the loop turns, so that one that hangs is not waited for as long as a drain lasts.
/// The last one covers what follows the loop: the sessions are written.
pub(crate) const EXTENSION_US: u32 = 30_000_000;

/// The service manager, if there is one that listens.
#[derive(Debug)]
pub(crate) struct Manager {
    is_there: bool,
    /// A sign of life is due this often, in milliseconds.
    ping_interval_ms: Option<u64>,
    /// The last status line: saying the same again is no news.
    told: String,
    /// It could not be told something; said in the log once.
    complained: bool,
}

impl Manager {
    /// The one that the environment names.
    pub(crate) fn from_env() -> Self {
        let is_there = std::env::var_os("NOTIFY_SOCKET").is_some();
        let watchdog = sd_notify::watchdog_enabled().filter(|_| is_there);
        Self {
            is_there,
            // Half of the time is what sd_watchdog_enabled(3) recommends.
            ping_interval_ms: watchdog.map(|limit| (limit.as_millis() as u64 / 2).max(1)),
            told: String::new(),
            complained: false,
        }
    }

    /// Whether anybody listens.
    pub(crate) fn is_there(&self) -> bool {
        self.is_there
    }

    /// Whoever connects is answered from now on.
    pub(crate) fn ready(&mut self, status: &str) {
        self.told = status.to_owned();
        self.send(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// Another program is to take our place. [`ready`](Self::ready) follows, by whichever of them.
    pub(crate) fn reloading(&mut self, status: &str) {
        self.told = status.to_owned();
        let Ok(now) = NotifyState::monotonic_usec_now() else {
            return;
        };
        self.send(&[NotifyState::Reloading, now, NotifyState::Status(status)]);
    }

    /// How we are, in one line.
    pub(crate) fn status(&mut self, status: &str) {
        if self.told != status {
            self.told = status.to_owned();
            self.send(&[NotifyState::Status(status)]);
        }
    }

    /// We are about to end, and it takes a while.
    pub(crate) fn stopping(&mut self, status: &str) {
        self.told = status.to_owned();
        let more = NotifyState::ExtendTimeoutUsec(EXTENSION_US);
        self.send(&[NotifyState::Stopping, NotifyState::Status(status), more]);
    }

    /// It takes longer; say so more often than every [`EXTENSION_US`].
    pub(crate) fn still_stopping(&mut self) {
        self.send(&[NotifyState::ExtendTimeoutUsec(EXTENSION_US)]);
    }

    /// We live. Returns in how many milliseconds to say so again, if anybody wants to know.
    pub(crate) fn ping(&mut self) -> Option<u64> {
        let interval_ms = self.ping_interval_ms?;
        self.send(&[NotifyState::Watchdog]);
        Some(interval_ms)
    }

    fn send(&mut self, state: &[NotifyState<'_>]) {
        if !self.is_there {
            return;
        }
        match sd_notify::notify(state) {
            Ok(()) => self.complained = false,
            Err(error) if !self.complained => {
                log::warn!("the service manager cannot be told how we are: {error}");
                self.complained = true;
            }
            Err(_) => (),
        }
    }
}
