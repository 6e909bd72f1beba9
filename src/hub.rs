//! The one sans-IO entry: sessions, world and seed behind inputs and outputs.
//!
//! Absent here: sockets, threads, a clock, a logger, files.

use crate::config::Config;
use crate::model::{ConnId, Entropy};
use crate::time::Millis;

pub use crate::wire::Dialect;

/// A fact, told to [`Hub::handle`].
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A WebSocket handshake is done; nothing was sent after its answer yet.
    Opened {
        /// The connection's name from now on.
        conn: ConnId,
        /// What its address asked for.
        dialect: Dialect,
    },
    /// A whole text message.
    Text {
        /// Who sent it.
        conn: ConnId,
        /// Valid UTF-8, at most `--max-message` bytes.
        text: &'a str,
    },
    /// A whole binary message; its bytes do not matter.
    Binary {
        /// Who sent it.
        conn: ConnId,
    },
    /// A ping or pong frame: a sign of life.
    Seen {
        /// Who sent it.
        conn: ConnId,
    },
    /// The peer broke RFC 6455; the loop will read nothing more from it.
    Violation {
        /// Who did.
        conn: ConnId,
        /// The close code that the RFC prescribes: 1002, 1007 or 1009.
        code: u16,
        /// Short ASCII text.
        reason: &'static str,
    },
    /// The socket is gone, or the peer closed: nothing can be sent any more.
    Closed {
        /// Whose.
        conn: ConnId,
    },
    /// A timer that [`Output::Arm`] asked for is due.
    Due {
        /// Which.
        timer: Timer,
    },
    /// The server is asked to stop: no new rounds and robots from now on.
    Drain,
    /// While draining, once no round runs: this connection is to be sent away with `bye` and 1012.
    Dismiss {
        /// Which.
        conn: ConnId,
    },
}

/// A timer of the hub's. One that is no longer wanted does nothing when it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// A connection's heartbeat.
    Session(ConnId),
}

/// An order, taken from [`Hub::pop_output`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output<'a> {
    /// Send a text message.
    Send {
        /// To whom.
        conn: ConnId,
        /// The whole message.
        text: &'a str,
    },
    /// Send a WebSocket ping frame without payload.
    Ping {
        /// To whom.
        conn: ConnId,
    },
    /// Send a close frame after all that was sent before, then end the connection.
    ///
    /// The hub has forgotten the connection already: no [`Input::Closed`] is owed.
    Close {
        /// Which connection.
        conn: ConnId,
        /// The close code.
        code: u16,
        /// At most 123 bytes of ASCII.
        reason: &'static str,
        /// How many rounds started on this connection, for the log.
        rounds: u32,
    },
    /// Hand `timer` back in [`Input::Due`] at `at` or later, exactly once.
    Arm {
        /// When.
        at: Millis,
        /// What.
        timer: Timer,
    },
}

/// Why a state file was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateError(pub String);

/// Stand-in: echoes texts. The game replaces it.
pub struct Hub {
    queue: std::collections::VecDeque<Owned>,
    popped: Option<Owned>,
    open: std::collections::BTreeSet<ConnId>,
}

enum Owned {
    Send(ConnId, String),
    Close(ConnId, u16, &'static str),
    Arm(Millis, Timer),
}

impl Hub {
    /// A hub without anybody in it.
    pub fn new(_config: &Config, _seed: u64, _entropy: Box<Entropy>) -> Self {
        Self {
            queue: Default::default(),
            popped: None,
            open: Default::default(),
        }
    }

    /// Takes one fact.
    pub fn handle(&mut self, now: Millis, input: Input<'_>) {
        match input {
            Input::Opened { conn, .. } => {
                assert!(self.open.insert(conn));
                let at = now + 1000;
                self.queue.push_back(Owned::Arm(at, Timer::Session(conn)));
            }
            Input::Text { conn, text } => {
                assert!(self.open.contains(&conn));
                if text == "flood" {
                    for _ in 0..1000 {
                        self.queue.push_back(Owned::Send(conn, "x".repeat(4000)));
                    }
                }
                self.queue.push_back(Owned::Send(conn, text.to_owned()));
            }
            Input::Binary { conn } => self.close(conn, 1003, "binary"),
            Input::Seen { .. } | Input::Drain | Input::Due { .. } => {}
            Input::Violation { conn, code, reason } => self.close(conn, code, reason),
            Input::Closed { conn } => assert!(self.open.remove(&conn)),
            Input::Dismiss { conn } => self.close(conn, 1012, "restart"),
        }
    }

    fn close(&mut self, conn: ConnId, code: u16, reason: &'static str) {
        assert!(self.open.remove(&conn));
        self.queue.push_back(Owned::Close(conn, code, reason));
    }

    /// The next order.
    pub fn pop_output(&mut self) -> Option<Output<'_>> {
        self.popped = self.queue.pop_front();
        Some(match self.popped.as_ref()? {
            Owned::Send(conn, text) => Output::Send { conn: *conn, text },
            Owned::Close(conn, code, reason) => Output::Close {
                conn: *conn,
                code: *code,
                reason,
                rounds: 0,
            },
            Owned::Arm(at, timer) => Output::Arm {
                at: *at,
                timer: *timer,
            },
        })
    }

    /// How many rounds run right now.
    pub fn running_rounds(&self) -> usize {
        0
    }

    /// How many rounds started on a connection.
    pub fn rounds_of(&self, _conn: ConnId) -> u32 {
        0
    }

    /// All sessions.
    pub fn export_sessions(&self, _now: Millis) -> String {
        "sessions".into()
    }

    /// Takes the sessions of a state file in.
    pub fn import_sessions(&mut self, _now: Millis, text: &str) -> Result<usize, StateError> {
        match text {
            "sessions" => Ok(0),
            _ => Err(StateError("not sessions".into())),
        }
    }
}
