//! One player: who it is, whether it can be reached, and what it needs to play.

use std::rc::Rc;

use serde::{Deserialize, Deserializer, Serialize};

use super::RoomId;
use super::persons::Identity;
use super::room::STAY_MS;
use super::rules::Score;
use super::stored::Account;
use crate::model::{Card, ConnId, Generation, Movement, ResultRow, Token, is_default};
use crate::time::Millis;

/// Somebody who said `hello`, or `join`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Player {
    pub(super) card: Card,
    pub(super) generation: Generation,
    /// v2 players have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<Token>,
    pub(super) link: Link,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) score: Score,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) room: Option<RoomId>,
    /// v2: its seat or its place in the lobby went while it was absent, and it is yet to be told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) unseated: bool,
    /// From its first round, or its first dealing with the store, on; persons have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) play: Option<Box<Play>>,
}

const _: () = assert!(size_of::<Player>() <= 88, "one for every player");

/// What only somebody who plays, or has played, or has points, needs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Play {
    /// When the original's button is freed ([`super::original`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) frozen_until: Option<Millis>,
    /// v2: the last result, for one who comes back. A snapshot tells it once for both who were
    /// told; the first ones told it here.
    #[serde(skip_serializing, deserialize_with = "carried_result")]
    pub(super) last_result: LastResult,
    /// v2: when the round against a robot ended that it comes straight from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) robot_left: Option<Millis>,
    /// From when on it may be sent a `movement` again, by kind.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) relay_free_at: [Millis; 2],
    /// A `movement` of its partner's that waits for that, by kind.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) held: [Option<Movement>; 2],
    /// The earliest timer that is armed for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) armed: Option<Millis>,
    /// Its session's dealings with the store, if it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<Box<Account>>,
    /// Whose session it is, if it is a person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) identity: Option<Box<Identity>>,
}

/// A result and when it was told; the two players of a round share it.
type LastResult = Option<(Millis, Rc<[ResultRow; 2]>)>;

/// Whether a player can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

fn carried_result<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LastResult, D::Error> {
    let result = Option::<(Millis, [ResultRow; 2])>::deserialize(deserializer)?;
    Ok(result.map(|(at, rows)| (at, Rc::new(rows))))
}
