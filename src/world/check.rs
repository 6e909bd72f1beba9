//! The invariant sweep: what must hold between any two inputs.
//!
//! Run by the hub after every input in debug builds, and always over a snapshot, which is not taken
//! up if it contradicts itself.

use super::World;
use super::player::{Link, Player};
use super::room::{NEVER, Phase, Room, Who};
use crate::model::{Generation, PlayerId};
use crate::time::Millis;

/// More waiting players than this are not compared in pairs: the sweep stays quick.
const PAIRS_MAX: usize = 24;

/// What should not be, in a sentence.
pub type Fault = &'static str;

fn ensure(holds: bool, fault: Fault) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(fault) }
}

impl World {
    /// What must hold between any two inputs. `now` is the time of the last one.
    ///
    /// # Errors
    ///
    /// How the world contradicts itself.
    pub fn check_invariants(&self, now: Millis) -> Result<(), Fault> {
        self.check(now)?;
        ensure(
            self.offline.len() <= self.rules.max_sessions,
            "more sessions are kept than allowed",
        )
    }

    /// The same, whatever the rules.
    pub(super) fn check(&self, now: Millis) -> Result<(), Fault> {
        self.check_players(now)?;
        for (id, room) in self.rooms.iter() {
            ensure(
                !room.is_empty() || room.round().is_some(),
                "an empty room outlived its owners",
            )?;
            for player in room.players() {
                let seated = self.players.get(player).and_then(|player| player.room);
                ensure(seated == Some(id), "a seat's player sits elsewhere")?;
            }
            self.check_room(room)?;
            let deadline = self.room_deadline(room);
            let armed = room.armed.is_some_and(|armed| armed <= deadline);
            ensure(
                armed || deadline == NEVER,
                "a room's timer is armed too late",
            )?;
        }
        self.check_lobby(now)?;
        let rounds = || self.rooms.iter().filter_map(|(_, room)| room.round());
        ensure(
            self.rounds_running == rounds().count(),
            "running rounds are miscounted",
        )?;
        let robots =
            rounds().filter(|round| round.robot().is_some() && self.has_online_human(round));
        ensure(
            self.robot_rounds_running == robots.count(),
            "robot rounds are miscounted",
        )?;
        let private = self.rooms.iter().filter(|(_, room)| room.private.is_some());
        ensure(
            self.by_code.len() == private.count(),
            "a room code outlived its room",
        )
    }

    fn check_players(&self, now: Millis) -> Result<(), Fault> {
        let (mut online, mut sessions, mut offline) = (0, 0, 0);
        let (mut owed, mut persons) = (0, 0);
        for (id, player) in self.players.iter() {
            let v2 = player.generation == Generation::V2;
            ensure(
                player.token.is_some() == v2,
                "exactly v2 players have sessions",
            )?;
            online += u32::from(player.link.is_online());
            sessions += usize::from(v2);
            owed += usize::from(player.is_owed());
            if let Some(token) = &player.token {
                ensure(
                    self.by_token.get(token) == Some(&id),
                    "a token names somebody else",
                )?;
            }
            if let Some(sub) = player.sub() {
                persons += 1;
                ensure(v2, "only who has a session is a person")?;
                ensure(
                    self.by_person.get(sub) == Some(&id),
                    "a person is somebody else",
                )?;
            }
            let room = player.room.and_then(|room| self.rooms.get(room));
            ensure(
                room.is_some() == player.room.is_some(),
                "a player sits in a room that is gone",
            )?;
            ensure(
                !player.unseated || v2 && room.is_none() && !player.link.is_online(),
                "who lost its seat unseen has none and is not back",
            )?;
            if let Some(room) = room {
                let seats = room.players().filter(|&seated| seated == id).count();
                ensure(seats == 1, "a player has exactly one seat in its room")?;
            }
            if let Link::Offline { expires_at, .. } = player.link {
                let may_end = v2 && !player.is_owed();
                offline += usize::from(may_end);
                let has_points = player.score.has_points();
                let listed = self.offline.contains(expires_at, id, has_points);
                ensure(
                    listed == may_end,
                    "a session is listed that may not end, or not listed",
                )?;
                ensure(
                    v2 || self.is_playing(id),
                    "an old player outlived its connection and its round",
                )?;
                ensure(
                    player.frozen_until().is_none(),
                    "nobody is there to press the button",
                )?;
            }
        }
        ensure(self.online == online, "online players are miscounted")?;
        ensure(self.by_token.len() == sessions, "sessions are miscounted")?;
        ensure(self.by_person.len() == persons, "persons are miscounted")?;
        ensure(self.owed == owed, "owed sessions are miscounted")?;
        let is_open = |&id: &PlayerId| self.players.get(id).is_some_and(Player::is_open);
        ensure(
            self.unasked.iter().all(is_open),
            "a session is to be asked about that nothing is open of",
        )?;
        ensure(
            self.offline.len() == offline,
            "offline players are miscounted",
        )?;
        let swept = self.offline.first_to_end().is_none_or(|(expires_at, _)| {
            let due = expires_at.max(now + 1);
            self.sweep_armed.is_some_and(|armed| armed <= due)
        });
        ensure(swept, "no timer ends the session that is offline longest")
    }

    fn check_room(&self, room: &Room) -> Result<(), Fault> {
        match &room.phase {
            Phase::Waiting(waiting) => {
                ensure(
                    room.private.is_none(),
                    "nobody waits for strangers in a private room",
                )?;
                let players: Vec<_> = room.players().collect();
                let &[id] = players.as_slice() else {
                    return Err("one player waits in a room");
                };
                let online = self
                    .players
                    .get(id)
                    .is_some_and(|player| player.link.is_online());
                ensure(
                    waiting.parked.is_none() == online,
                    "who is absent is parked",
                )?;
                let queued = self.lobby.contains(waiting.since, id);
                ensure(
                    queued == online,
                    "exactly those who may be paired stand in line",
                )?;
            }
            Phase::Playing(round) => {
                ensure(
                    round.has_humans() || !room.is_empty(),
                    "a round outlived its players",
                )?;
                for contender in &round.contenders {
                    match contender.who {
                        Who::Human(id) => {
                            ensure(
                                room.players().any(|seated| seated == id),
                                "who plays is seated",
                            )?;
                        }
                        Who::Robot(_) => {
                            ensure(room.private.is_none(), "a robot sits in a private room")?;
                        }
                        Who::Left { .. } => {
                            ensure(contender.choice.is_none(), "a leaver's choice is void")?;
                        }
                    }
                }
            }
            Phase::Between(_) if room.private.is_none() => {
                ensure(room.is_full(), "only two wait between public rounds")?;
            }
            Phase::Between(_) => (),
        }
        Ok(())
    }

    fn check_lobby(&self, now: Millis) -> Result<(), Fault> {
        let waiting: Vec<PlayerId> = self.lobby.players().collect();
        let of = |id| self.waiting_of(id).ok_or("who stands in line waits");
        // A timer that is due at this very moment may still set things right.
        let is_due = |room| {
            let armed = self.rooms.get(room).and_then(|room| room.armed);
            self.draining || armed.is_some_and(|armed| armed <= now)
        };
        let cap_ms = self.rules.robot_after_ms + self.rules.game_time_ms;
        let longest_ms = cap_ms.max(self.rules.rematch_wait_ms);
        for (index, &one) in waiting.iter().enumerate().take(PAIRS_MAX) {
            let (room, state) = of(one)?;
            let in_time = now.since(state.since) <= longest_ms;
            ensure(in_time || is_due(room), "a lobby wait is too long")?;
            for &other in waiting.iter().skip(index + 1).take(PAIRS_MAX) {
                let (other_room, theirs) = of(other)?;
                let may_meet = self.may_meet(now, (one, state), (other, theirs));
                let excused = is_due(room) || is_due(other_room);
                ensure(!may_meet || excused, "two who may meet both wait")?;
            }
        }
        Ok(())
    }
}
