//! One player: who it is, whether it can be reached, and what it needs to play.

use std::rc::Rc;

use super::RoomId;
use super::room::STAY_MS;
use super::rules::Score;
use super::stored::Account;
use crate::model::{Card, ConnId, Generation, Movement, ResultRow, Token};
use crate::time::Millis;

/// Somebody who said `hello`, or `join`.
#[derive(Debug)]
pub(super) struct Player {
    pub(super) card: Card,
    pub(super) generation: Generation,
    /// v2 players have one.
    pub(super) token: Option<Token>,
    pub(super) link: Link,
    pub(super) score: Score,
    pub(super) room: Option<RoomId>,
    /// v2: its seat or its place in the lobby went while it was absent, and it is yet to be told.
    pub(super) unseated: bool,
    /// From its first round, or its first dealing with the store, on.
    pub(super) play: Option<Box<Play>>,
}

const _: () = assert!(size_of::<Player>() <= 88, "one for every player");

/// What only somebody who plays, or has played, or has points, needs.
#[derive(Debug, Default)]
pub(super) struct Play {
    /// When the original's button is freed ([`super::original`]).
    pub(super) frozen_until: Option<Millis>,
    /// v2: the last result, for one who comes back.
    pub(super) last_result: Option<(Millis, Rc<[ResultRow; 2]>)>,
    /// v2: when the round against a robot ended that it comes straight from.
    pub(super) robot_left: Option<Millis>,
    /// From when on it may be sent a `movement` again, by kind.
    pub(super) relay_free_at: [Millis; 2],
    /// A `movement` of its partner's that waits for that, by kind.
    pub(super) held: [Option<Movement>; 2],
    /// The earliest timer that is armed for it.
    pub(super) armed: Option<Millis>,
    /// Its session's dealings with the store, if it has any.
    pub(super) account: Option<Box<Account>>,
}

/// Whether a player can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Online(ConnId),
    /// Connected, but in the background since then.
    Away(ConnId, Millis),
    Offline {
        /// Since when it is absent: away before it was lost, it has been so since then.
        since: Millis,
        /// When a v2 player's session ends.
        expires_at: Millis,
    },
}

impl Link {
    pub(super) fn conn(self) -> Option<ConnId> {
        match self {
            Self::Online(conn) | Self::Away(conn, _) => Some(conn),
            Self::Offline { .. } => None,
        }
    }

    pub(super) fn is_online(self) -> bool {
        matches!(self, Self::Online(_))
    }

    pub(super) fn absent_since(self) -> Option<Millis> {
        match self {
            Self::Online(_) => None,
            Self::Away(_, since) | Self::Offline { since, .. } => Some(since),
        }
    }
}

impl Player {
    pub(super) fn is_v2(&self) -> bool {
        self.generation == Generation::V2
    }

    /// Whether it comes straight from a round against a robot.
    pub(super) fn comes_from_robot(&self, now: Millis) -> bool {
        let left = self.play.as_ref().and_then(|play| play.robot_left);
        left.is_some_and(|left| now.since(left) < STAY_MS)
    }

    pub(super) fn play_mut(&mut self) -> &mut Play {
        self.play.get_or_insert_default()
    }

    /// What its partner did and it has not been told is not worth telling any more.
    pub(super) fn forget_held(&mut self) {
        if let Some(play) = &mut self.play {
            play.held = [None, None];
        }
    }
}
