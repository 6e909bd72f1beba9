//! Counters of the whole process, and how they read in the log.
//!
//! Numbers only: nobody is named here.

use std::fmt;

/// What happened since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Connections whose WebSocket handshake was done, by dialect: plain, EIO3, EIO4.
    pub opened: [u64; 3],
    /// Text messages received.
    pub texts_in: u64,
    /// Text messages sent.
    pub texts_out: u64,
    /// Events with a name that nobody knows.
    pub unknown_events: u64,
    /// Events with a payload that is not theirs.
    pub bad_payloads: u64,
    /// Events over the rate limit.
    pub dropped_events: u64,
    /// Connections closed because of a fault of the peer's.
    pub faults: u64,
    /// Connections closed because no sign of life came.
    pub timeouts: u64,
    /// Sessions taken over by a newer connection.
    pub takeovers: u64,
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [plain, eio3, eio4] = self.opened;
        write!(
            f,
            "{} connections (plain {plain}, eio3 {eio3}, eio4 {eio4}), {} messages in, {} out, \
             {} faults, {} time-outs, {} take-overs, {} events dropped, {} unknown, {} malformed",
            plain + eio3 + eio4,
            self.texts_in,
            self.texts_out,
            self.faults,
            self.timeouts,
            self.takeovers,
            self.dropped_events,
            self.unknown_events,
            self.bad_payloads,
        )
    }
}
