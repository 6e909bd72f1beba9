//! How the server ends a connection: with which words, and what the world is told.
//!
//! Absent: when.

use super::{Hub, Order};
use crate::model::{ConnId, Event};
use crate::session::Session;
use crate::time::Millis;
use crate::wire::{Fault, socket_io};

/// Why the server ends a connection.
#[derive(Clone, Copy)]
pub(super) struct Ending {
    pub(super) code: u16,
    /// For the close frame and the log.
    pub(super) reason: &'static str,
    /// For `bye`.
    pub(super) word: &'static str,
    /// When a client may come back; `None`: it is to stay away.
    pub(super) retry_ms: Option<u64>,
}

/// Whoever came back too fast waits this much longer than it has to.
const HASTY_MS: u64 = 1_000;

impl Ending {
    pub(super) fn fault(fault: Fault) -> Self {
        Self {
            code: fault.code,
            reason: fault.reason,
            word: "fault",
            retry_ms: None,
        }
    }

    pub(super) const FLOOD: Self = Self {
        code: 1008,
        reason: "too many events over the rate limit",
        word: "too-fast",
        retry_ms: None,
    };
    /// `after_ms`: when sessions are to be had again.
    pub(super) fn crowded(after_ms: u64) -> Self {
        Self {
            code: 1008,
            reason: "too many new sessions from one address",
            word: "too-fast",
            retry_ms: Some(after_ms),
        }
    }

    /// `after_ms`: when its events fit the rate limit again.
    pub(super) fn hasty(after_ms: u64) -> Self {
        Self {
            code: 1008,
            reason: "a session's new connections are over the rate limit",
            word: "too-fast",
            retry_ms: Some(HASTY_MS + after_ms),
        }
    }

    pub(super) const TAKEN_OVER: Self = Self {
        code: 4001,
        reason: "the session was taken over by a newer connection",
        word: "taken-over",
        retry_ms: None,
    };
    pub(super) const DEAD: Self = Self {
        code: 4002,
        reason: "no sign of life",
        word: "timeout",
        retry_ms: Some(1_000),
    };
    pub(super) const MUTE: Self = Self {
        code: 4408,
        reason: "no packet of the dialect in time",
        word: "no-hello",
        retry_ms: None,
    };
}

impl Hub {
    pub(super) fn dismiss(&mut self, now: Millis, conn: ConnId) {
        let retry_ms = Some(self.rng.u64(..=self.drain_spread_ms));
        let ending = Ending {
            code: 1012,
            reason: "the server restarts",
            word: "restart",
            retry_ms,
        };
        self.end(now, conn, ending);
    }

    /// Ends a connection from our side: `bye` for v2, `41` for who is to stay away, close frame.
    pub(super) fn end(&mut self, now: Millis, conn: ConnId, ending: Ending) {
        let Some(session) = self.session(conn) else {
            return;
        };
        let (v2, dialect) = (session.v2, session.dialect);
        let Ending {
            code,
            reason,
            word,
            retry_ms,
        } = ending;
        match code {
            1012 | 4001 => (),
            // It only came too early.
            1008 if retry_ms.is_some() => (),
            4002 | 4408 => self.counters.timeouts += 1,
            _ => self.counters.faults += 1,
        }
        // What was caused before is told before.
        self.carry_effects(now);
        if v2 {
            self.tell(
                conn,
                &Event::Bye {
                    code,
                    reason: word,
                    retry_ms,
                },
            );
        }
        let told_to_stay = dialect.is_socket_io() && retry_ms.is_none();
        if told_to_stay {
            self.send(conn, |out| out.push_str(socket_io::DISCONNECT));
        }
        self.close(now, conn, (code, reason), told_to_stay);
    }

    /// Orders the end of a connection, and lets its player go.
    pub(super) fn close(
        &mut self,
        now: Millis,
        conn: ConnId,
        (code, reason): (u16, &'static str),
        told_to_stay: bool,
    ) {
        if let Some(session) = self.remove_session(conn) {
            self.orders.push_back(Order::Close {
                conn,
                code,
                reason,
                rounds: session.rounds,
                told_to_stay,
            });
            self.part(now, &session);
        }
    }

    /// Tells the world that a player lost its connection.
    pub(super) fn part(&mut self, now: Millis, session: &Session) {
        if let Some(player) = session.player {
            if let Some(owed) = session.owes(now, &self.pace).filter(|_| session.v2) {
                self.parted.set(now, player, owed);
            }
            self.world.lost(now, player);
        }
    }
}
