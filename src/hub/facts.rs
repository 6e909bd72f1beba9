//! What the hub is told and what it orders.
//!
//! Absent: what follows from what.

use std::fmt;

#[cfg(test)]
use crate::model::PlayerId;
use crate::model::{CloseReason, ConnId, Ended, Origin, StoreOp, StoreReply};
use crate::time::Millis;
use crate::wire::Dialect;
use crate::world;

/// A fact, told to [`Hub::handle`](super::Hub::handle).
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A WebSocket handshake is done; nothing was sent after its answer yet.
    Opened {
        /// The connection's name from now on.
        conn: ConnId,
        /// What its address asked for.
        dialect: Dialect,
        /// From where it comes; `None`: limits count for this connection alone.
        from: Option<Origin>,
    },
    /// A whole text message.
    Text {
        conn: ConnId,
        /// Valid UTF-8, at most `--max-message` bytes.
        text: &'a str,
    },
    /// A whole binary message.
    Binary {
        conn: ConnId,
        /// The hub does not look at them.
        bytes: &'a [u8],
    },
    /// A pong frame, or a part of a message: a sign of life.
    Seen { conn: ConnId },
    /// A ping frame: wants a pong with the same payload (RFC 6455, section 5.5.3).
    Ping {
        conn: ConnId,
        /// At most 125 bytes.
        payload: &'a [u8],
    },
    /// The peer broke RFC 6455, or reads too slowly; the loop will read nothing more from it.
    Violation { conn: ConnId, reason: CloseReason },
    /// The peer sent a close frame; its answer is on its way already.
    Left { conn: ConnId },
    /// The socket is gone: nothing can be sent any more.
    Closed { conn: ConnId },
    /// A timer that [`Output::Arm`] asked for is due.
    Due { timer: Timer },
    /// The store answers, or says that it is away or back.
    Stored {
        /// What it says.
        reply: &'a StoreReply,
    },
    /// What time it is, for all that follows until it is told anew: between that it goes on as
    /// `now` does. Told at the start, and whenever it is another one than it would be so.
    Clock {
        /// Seconds since 1970-01-01 00:00 UTC, as the machine's clock has it.
        unix_s: u64,
    },
    /// A page wants to know who is best, and [`Hub::board_page`](super::Hub::board_page) says that
    /// the store is to be asked.
    BoardAsked,
    /// The server is asked to stop: no new rounds and robots from now on.
    Drain,
    /// All players here are to go on at another instance: no new rounds from now on.
    Gather,
    /// That is over: rounds are played here again.
    Scatter,
    /// While gathering: this connection is sent on with `bye` and 1012, unless its player is in a
    /// round.
    SendOn { conn: ConnId },
    /// While draining, once no round runs: this connection is to be sent away with `bye` and 1012.
    Dismiss { conn: ConnId },
}

/// A timer of the hub's. One that is no longer wanted does nothing when it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// A connection's heartbeat.
    Session(ConnId),
    /// One of the game's.
    World(world::Timer),
    /// The store is to be told that this instance lives.
    Beat,
}

/// Where a timer belongs: of all that have the same place, only the last one armed is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A connection's.
    Session(ConnId),
    /// One of the game's.
    Game(Slot),
}

/// A place for a timer of the game's: one of the [`SHELVES`](Self::SHELVES), and which one there.
/// Indexes are small and used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    shelf: usize,
    index: u32,
}

impl Slot {
    /// How many shelves there are.
    pub const SHELVES: usize = 4;

    /// Below [`SHELVES`](Self::SHELVES).
    #[must_use]
    pub fn shelf(self) -> usize {
        self.shelf
    }

    /// Its index there.
    #[must_use]
    pub fn index(self) -> usize {
        self.index as usize
    }
}

/// For tests of the loop, which knows no game.
#[cfg(test)]
impl Timer {
    pub(crate) fn of_player(player: PlayerId) -> Self {
        Self::World(world::Timer::Player(player))
    }

    pub(crate) fn of_room(room: PlayerId) -> Self {
        Self::World(world::Timer::Room(room))
    }
}

impl Timer {
    /// Where it belongs.
    #[must_use]
    pub fn place(self) -> Place {
        let (shelf, index) = match self {
            Self::Session(conn) => return Place::Session(conn),
            // That of the player or room with this index: the one before it is gone.
            Self::World(world::Timer::Player(player)) => (0, player.index),
            Self::World(world::Timer::Room(room)) => (1, room.index),
            Self::World(world::Timer::Sessions) => (2, 0),
            Self::Beat => (3, 0),
        };
        Place::Game(Slot { shelf, index })
    }
}

/// An order, taken from [`Hub::pop_output`](super::Hub::pop_output).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<'a> {
    /// Send a text message.
    Send { conn: ConnId, text: &'a str },
    /// Send a WebSocket ping frame without payload.
    Ping { conn: ConnId },
    /// Send a WebSocket pong frame.
    Pong {
        conn: ConnId,
        /// That of the ping it answers.
        payload: &'a [u8],
    },
    /// End the connection: at once if it was lost, after all that was sent before if it left, and
    /// with a close frame behind that if it is [closed](Ended::Closed). Where Socket.IO's `41` was
    /// the last ([`CloseReason::sends_away`]), leave the client time to act on it.
    ///
    /// The hub has forgotten the connection already: no [`Input::Closed`] is owed.
    Close {
        conn: ConnId,
        ended: Ended,
        /// What happened on it, for the log.
        played: Played,
    },
    /// Hand `timer` back in [`Input::Due`] at `at` or later, exactly once; it takes the place of
    /// an earlier one that has the same [`Timer::place`]. A connection's goes with it.
    Arm { at: Millis, timer: Timer },
    /// Forget the timer that has this one's place: whom it was for is gone.
    Disarm { timer: Timer },
    /// Tell the store, in this order.
    Store(Box<StoreOp>),
    /// Tell nothing more of what this connection sends, until [`Output::Resume`] or its end.
    Hold { conn: ConnId },
    /// Go on with what it sent and sends.
    Resume { conn: ConnId },
}

/// What happened on a connection, in the hub's own words for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Played(pub(super) u32);

impl fmt::Display for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds = self.0;
        write!(
            f,
            "{rounds} {}",
            if rounds == 1 { "round" } else { "rounds" }
        )
    }
}
