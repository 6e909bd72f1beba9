//! How the server ends a connection: what the client and the world are told.
//!
//! Why, and what that means, is in [`CloseReason`]. Absent: when.

use super::{Hub, Order, Played};
use crate::model::{Blame, CloseReason, ConnId, Ended, Event};
use crate::session::Session;
use crate::time::Millis;
use crate::wire::socket_io;

/// Why a connection is to end, and how long it should wait before it comes back, if it may.
#[derive(Clone, Copy)]
pub(super) struct Ending {
    pub(super) reason: CloseReason,
    pub(super) wait_ms: u64,
}

impl From<CloseReason> for Ending {
    fn from(reason: CloseReason) -> Self {
        Self { reason, wait_ms: 0 }
    }
}

impl Hub {
    pub(super) fn dismiss(&mut self, now: Millis, conn: ConnId) {
        let ending = Ending {
            reason: CloseReason::Restart,
            wait_ms: self.rng.u64(..=self.drain_spread_ms),
        };
        self.end(now, conn, ending);
    }

    /// Ends a connection from our side: `bye` for v2, `41` for who is to stay away, close frame.
    pub(super) fn end(&mut self, now: Millis, conn: ConnId, ending: impl Into<Ending>) {
        let Some(session) = self.session(conn) else {
            return;
        };
        let (v2, dialect) = (session.v2, session.dialect);
        let Ending { reason, wait_ms } = ending.into();
        match reason.blame() {
            Blame::None => (),
            Blame::Fault => self.counters.faults += 1,
            Blame::Silence => self.counters.timeouts += 1,
        }
        // What was caused before is told before.
        self.carry_effects(now);
        if v2 && let Some(word) = reason.word() {
            let bye = Event::Bye {
                code: reason.code(),
                reason: word,
                retry_ms: reason.retry_ms(wait_ms),
            };
            self.tell(conn, &bye);
        }
        if dialect.is_socket_io() && reason.sends_away() {
            self.send(conn, |out| out.push_str(socket_io::DISCONNECT));
        }
        self.close(now, conn, Ended::Closed(reason));
    }

    /// Ends a connection that another one has taken over from.
    pub(super) fn supersede(&mut self, now: Millis, conn: ConnId) {
        self.counters.takeovers += 1;
        // It speaks for nobody from now on: its end is not taken for the player's.
        if let Some(session) = self.session_mut(conn) {
            session.player = None;
        }
        self.end(now, conn, CloseReason::TakenOver);
    }

    /// Orders the end of a connection, and lets its player go.
    pub(super) fn close(&mut self, now: Millis, conn: ConnId, ended: Ended) {
        if let Some(session) = self.remove_session(conn) {
            self.orders.push_back(Order::Close {
                conn,
                ended,
                played: Played(session.rounds),
            });
            self.part(now, &session);
        }
    }

    /// Tells the world that a player lost its connection.
    fn part(&mut self, now: Millis, session: &Session) {
        if let Some(player) = session.player {
            if let Some(owed) = session.owes(now, &self.pace).filter(|_| session.v2) {
                self.parted.set(now, player, owed);
            }
            self.world.lost(now, player);
        }
    }
}
