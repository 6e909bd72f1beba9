//! Why a connection ends: one row a reason, and everything that follows from it.
//!
//! What clients are told about them is in `wire/reference.md`. Absent: when one applies.

use std::fmt;

/// How an open connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The other end sent a close frame.
    Left,
    /// The other end vanished.
    Lost,
    /// We sent a close frame.
    Closed(CloseReason),
}

/// Why we close a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The client said good-bye in its dialect.
    ClientLeft,
    /// It broke RFC 6455.
    ProtocolError,
    /// It sent binary data, which no dialect carries here.
    Binary,
    /// It sent a text that is not UTF-8.
    NotUtf8,
    /// It sent a longer message than `--max-message`.
    TooBig,
    /// Its packet has no type.
    EmptyPacket,
    /// Its packet has a type that no client sends.
    UnknownPacket,
    /// It asks for an acknowledgement under a number of too many digits.
    LongAck,
    /// It connects with credentials that are not JSON.
    BadCredentials,
    /// Its message is no event.
    NotAnEvent,
    /// It sent an event before it connected.
    EarlyEvent,
    /// It does not read what is sent to it.
    SlowReader,
    /// It sent too much before it was told what it asked the store for.
    Impatient,
    /// It kept sending far over the rate limit.
    Flood,
    /// Its address has begun too many sessions within a minute.
    Crowded,
    /// Its session is taken up by new connections faster than the rate limit allows.
    Hasty,
    /// The server is asked to stop.
    Restart,
    /// Its player is to go on at another instance.
    Gathered,
    /// A newer connection has taken its session over.
    TakenOver,
    /// No sign of life came from it.
    TimedOut,
    /// It never sent a packet of its dialect.
    NoHello,
}

/// What a client is told before the close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Farewell {
    /// Nothing: it knows.
    None,
    /// `bye` without `retry_ms`, and Socket.IO's `41`: it is to stay away.
    Stay,
    /// `bye` with a `retry_ms` of at least so much, and no `41`: it is to come back.
    Return { after_ms: u64 },
}

/// Whose doing an end is, for the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Nobody's.
    None,
    /// A fault of the client's.
    Fault,
    /// Its silence.
    Silence,
}

struct Row {
    reason: CloseReason,
    code: u16,
    label: &'static str,
    text: &'static str,
    word: &'static str,
    farewell: Farewell,
    blame: Blame,
}

/// The table; in the order of the enum, so that a reason is also its row's number.
#[rustfmt::skip]
const ROWS: [Row; 21] = {
    use CloseReason as R;
    use Farewell::{Return, Stay};
    const fn row(
        reason: CloseReason,
        (code, label): (u16, &'static str),
        text: &'static str,
        word: &'static str,
        farewell: Farewell,
        blame: Blame,
    ) -> Row {
        Row { reason, code, label, text, word, farewell, blame }
    }
    const fn fault(reason: R, code: (u16, &'static str), text: &'static str) -> Row {
        row(reason, code, text, "fault", Stay, Blame::Fault)
    }
    const NORMAL: (u16, &str) = (1000, "1000");
    const PROTOCOL: (u16, &str) = (1002, "1002");
    const UNSUPPORTED: (u16, &str) = (1003, "1003");
    const INVALID: (u16, &str) = (1007, "1007");
    const POLICY: (u16, &str) = (1008, "1008");
    const TOO_BIG: (u16, &str) = (1009, "1009");
    const RESTART: (u16, &str) = (1012, "1012");
    const TAKEN_OVER: (u16, &str) = (4001, "4001");
    const TIMED_OUT: (u16, &str) = (4002, "4002");
    const NO_HELLO: (u16, &str) = (4408, "4408");
    [
        row(R::ClientLeft, NORMAL, "the client left", "left", Farewell::None, Blame::None),
        fault(R::ProtocolError, PROTOCOL, "protocol error"),
        fault(R::Binary, UNSUPPORTED, "binary data is not accepted"),
        fault(R::NotUtf8, INVALID, "text is not UTF-8"),
        fault(R::TooBig, TOO_BIG, "message too big"),
        fault(R::EmptyPacket, POLICY, "empty packet"),
        fault(R::UnknownPacket, POLICY, "unknown packet type"),
        fault(R::LongAck, POLICY, "acknowledgement id too long"),
        fault(R::BadCredentials, POLICY, "credentials are not JSON"),
        fault(R::NotAnEvent, POLICY, "not an event"),
        fault(R::EarlyEvent, POLICY, "event before the connect packet"),
        fault(R::SlowReader, POLICY, "slow reader"),
        fault(R::Impatient, POLICY, "too much before the answer"),
        row(R::Flood, POLICY, "too many events over the rate limit", "too-fast", Stay,
            Blame::Fault),
        row(R::Crowded, POLICY, "too many new sessions from one address", "too-fast",
            Return { after_ms: 0 }, Blame::None),
        // Whoever came back too fast waits this much longer than it has to.
        row(R::Hasty, POLICY, "a session's new connections are over the rate limit", "too-fast",
            Return { after_ms: 1_000 }, Blame::None),
        row(R::Restart, RESTART, "the server restarts", "restart",
            Return { after_ms: 0 }, Blame::None),
        row(R::Gathered, RESTART, "players are sent on to another instance", "gather",
            Return { after_ms: 0 }, Blame::None),
        row(R::TakenOver, TAKEN_OVER, "the session was taken over by a newer connection",
            "taken-over", Stay, Blame::None),
        row(R::TimedOut, TIMED_OUT, "no sign of life", "timeout",
            Return { after_ms: 1_000 }, Blame::Silence),
        row(R::NoHello, NO_HELLO, "no packet of the dialect in time", "no-hello", Stay,
            Blame::Silence),
    ]
};

impl CloseReason {
    /// How many there are; a reason's number is below.
    pub const COUNT: usize = ROWS.len();

    /// All of them, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.reason)
    }

    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// The close frame's code (RFC 6455, section 7.4; from 4000 on our own).
    #[must_use]
    pub fn code(self) -> u16 {
        self.row().code
    }

    /// For the close frame and the log: at most 123 bytes of ASCII.
    #[must_use]
    pub fn text(self) -> &'static str {
        self.row().text
    }

    /// For `bye`; `None`: there is no `bye`.
    #[must_use]
    pub fn word(self) -> Option<&'static str> {
        let row = self.row();
        (row.farewell != Farewell::None).then_some(row.word)
    }

    /// When a client may come back that has another `wait_ms` to wait; `None`: it is to stay away.
    #[must_use]
    pub fn retry_ms(self, wait_ms: u64) -> Option<u64> {
        match self.row().farewell {
            Farewell::Return { after_ms } => Some(after_ms + wait_ms),
            Farewell::Stay | Farewell::None => None,
        }
    }

    /// Whether a Socket.IO client gets its `41` before the close frame, which has it stay away.
    #[must_use]
    pub fn sends_away(self) -> bool {
        self.row().farewell == Farewell::Stay
    }

    /// Whose doing it is.
    #[must_use]
    pub fn blame(self) -> Blame {
        self.row().blame
    }

    /// How it is called on the metrics page, together with others of its code.
    #[must_use]
    pub fn label(self) -> &'static str {
        self.row().label
    }
}

/// For the log.
impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Left | Self::Lost => f.write_str(self.label()),
            Self::Closed(reason) => write!(f, "closed {} {}", reason.code(), reason.text()),
        }
    }
}

impl Ended {
    /// How it is called on the metrics page.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Lost => "lost",
            Self::Closed(reason) => reason.label(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CloseReason, ROWS};

    #[test]
    fn the_table_is_sound() {
        for (number, row) in ROWS.iter().enumerate() {
            assert_eq!(row.reason as usize, number, "{:?}", row.reason);
            assert_eq!(row.label, row.code.to_string());
            assert!(row.text.is_ascii() && row.text.len() <= 123);
        }
        assert_eq!(CloseReason::all().count(), CloseReason::COUNT);
    }

    #[test]
    fn who_is_to_come_back_is_told_when_and_never_sent_away() {
        for reason in CloseReason::all() {
            let comes_back = reason.retry_ms(5).is_some_and(|retry_ms| 5 <= retry_ms);
            let told = reason.word().is_some();
            assert_eq!(told, comes_back || reason.sends_away(), "{reason:?}");
            assert!(!(comes_back && reason.sends_away()), "{reason:?}");
        }
    }
}
