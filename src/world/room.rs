//! One room: its seats, its phase, and when it has to be looked at.
//!
//! A room knows nobody's connection or score; [`super::World`] moves it from phase to phase.

use serde::{Deserialize, Serialize};

use super::robot::Robot;
use crate::model::{Choice, PlayerId, RoomCode, Sub, Uid, is_default};
use crate::time::Millis;

/// Two who have played stay seated this long.
pub(super) const STAY_MS: u64 = 60_000;
/// A private room without any event lasts this long.
pub(super) const PRIVATE_IDLE_MS: u64 = 10 * 60_000;
/// A waiting player that is offline or away keeps its place this long; a seat of a private room
/// yields to a newcomer after it.
pub(super) const ABSENCE_MS: u64 = 60_000;

/// A deadline that does not come: a draining server begins nothing any more.
pub(super) const NEVER: Millis = Millis(u64::MAX);

/// A place for two.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Room {
    /// Shown as `room7`.
    pub(super) number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) private: Option<Private>,
    pub(super) seats: [Option<Seat>; 2],
    pub(super) phase: Phase,
    /// The earliest timer that is armed for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) armed: Option<Millis>,
}

/// What makes a room private.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Private {
    pub(super) code: RoomCode,
    /// When a member did something last.
    pub(super) touched: Millis,
    /// When the store was last told that it lives.
    pub(super) told: Millis,
}

/// A human's seat.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Seat {
    pub(super) player: PlayerId,
    /// When it asked for the next round, if it did since the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ready: Option<Millis>,
    /// In a private room: being there is not being ready, not even for the first round.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) says_ready: bool,
    /// It made a choice in the round just ended ([`super::original`]).
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) chose: bool,
}

/// What a room is doing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// One player waits in the lobby.
    Waiting(Waiting),
    Playing(Round),
    /// No round runs: private rooms between rounds, and two who may meet again.
    Between(Between),
}

/// A lobby wait.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Waiting {
    /// Counts from the `join`.
    pub(super) since: Millis,
    /// When a robot comes, or another look is taken whether one has to.
    pub(super) robot_at: Millis,
    /// The partner it left for somebody new, while they are kept apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) apart: Option<PlayerId>,
    /// Since when it is offline or away; it does not stand in the queue then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parked: Option<Millis>,
}

/// A running round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Round {
    pub(super) ends_at: Millis,
    pub(super) contenders: [Contender; 2],
    /// Who plays, if it is two persons: also when one of them leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) persons: Option<Box<[Sub; 2]>>,
}

/// One side of a round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Contender {
    pub(super) who: Who,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) choice: Option<Choice>,
}

/// Who plays on one side.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Who {
    Human(PlayerId),
    Robot(Box<Robot>),
    /// It gave up its place; what is left of it is a row in the result.
    Left {
        uid: Uid,
        total: u32,
    },
}

/// The time between rounds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Between {
    pub(super) since: Millis,
    /// These two have not met here yet: being there is being ready, unless somebody says it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) first: bool,
    /// Before this, one of the pages does not hear a `start` ([`super::original`]).
    pub(super) not_before: Millis,
}

impl Between {
    /// Nobody has met here yet.
    pub(super) fn first(now: Millis) -> Self {
        Self {
            since: now,
            first: true,
            not_before: now,
        }
    }
}

impl Room {
    /// The other seat's player.
    pub(super) fn partner(&self, player: PlayerId) -> Option<PlayerId> {
        self.players().find(|&other| other != player)
    }

    /// Who sits here, in the order of the seats.
    pub(super) fn players(&self) -> impl Iterator<Item = PlayerId> {
        self.seats.iter().flatten().map(|seat| seat.player)
    }

    /// The only player of a room with one.
    pub(super) fn first_player(&self) -> Option<PlayerId> {
        self.players().next()
    }

    pub(super) fn seat_mut(&mut self, player: PlayerId) -> Option<&mut Seat> {
        self.seats
            .iter_mut()
            .flatten()
            .find(|seat| seat.player == player)
    }

    /// Gives a player the first free seat.
    pub(super) fn sit(&mut self, player: PlayerId) {
        if let Some(free) = self.seats.iter_mut().find(|seat| seat.is_none()) {
            *free = Some(Seat {
                player,
                ready: None,
                says_ready: false,
                chose: false,
            });
        } else {
            debug_assert!(false, "a seat was looked for in a full room");
        }
    }

    /// Frees a player's seat.
    pub(super) fn stand_up(&mut self, player: PlayerId) {
        for seat in &mut self.seats {
            if seat.is_some_and(|seat| seat.player == player) {
                *seat = None;
            }
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.seats.iter().all(Option::is_some)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seats.iter().all(Option::is_none)
    }

    pub(super) fn round(&self) -> Option<&Round> {
        match &self.phase {
            Phase::Playing(round) => Some(round),
            Phase::Waiting(_) | Phase::Between(_) => None,
        }
    }

    pub(super) fn round_mut(&mut self) -> Option<&mut Round> {
        match &mut self.phase {
            Phase::Playing(round) => Some(round),
            Phase::Waiting(_) | Phase::Between(_) => None,
        }
    }
}

impl Round {
    /// Which side a human plays on.
    pub(super) fn side_of(&self, player: PlayerId) -> Option<usize> {
        self.contenders
            .iter()
            .position(|contender| matches!(contender.who, Who::Human(human) if human == player))
    }

    pub(super) fn robot_mut(&mut self) -> Option<(&mut Robot, &mut Option<Choice>)> {
        self.contenders
            .iter_mut()
            .find_map(|contender| match &mut contender.who {
                Who::Robot(robot) => Some((&mut **robot, &mut contender.choice)),
                Who::Human(_) | Who::Left { .. } => None,
            })
    }

    pub(super) fn robot(&self) -> Option<&Robot> {
        self.contenders
            .iter()
            .find_map(|contender| match &contender.who {
                Who::Robot(robot) => Some(&**robot),
                Who::Human(_) | Who::Left { .. } => None,
            })
    }

    /// Whether any human still plays.
    pub(super) fn has_humans(&self) -> bool {
        self.contenders
            .iter()
            .any(|contender| matches!(contender.who, Who::Human(_)))
    }
}
