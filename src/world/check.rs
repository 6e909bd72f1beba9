//! The invariant sweep: what must hold between any two inputs.
//!
//! Run by the hub after every input in debug builds; a test that breaks one names it here.

use super::World;
use super::player::{Link, Player};
use super::room::{NEVER, Phase, Room, Who};
use crate::model::{Generation, PlayerId};
use crate::time::Millis;

/// More waiting players than this are not compared in pairs: the sweep stays quick.
const PAIRS_MAX: usize = 24;

impl World {
    /// Panics when the world contradicts itself. `now` is the time of the last input.
    pub fn check_invariants(&self, now: Millis) {
        self.check_players(now);
        for (id, room) in self.rooms.iter() {
            assert!(
                !room.is_empty() || room.round().is_some(),
                "an empty room outlived its owners"
            );
            for player in room.players() {
                let seated = self.players.get(player).and_then(|player| player.room);
                assert_eq!(seated, Some(id), "a seat's player sits elsewhere");
            }
            self.check_room(room);
            let deadline = self.room_deadline(room);
            let armed = room.armed.is_some_and(|armed| armed <= deadline);
            assert!(
                armed || deadline == NEVER,
                "a room's timer is armed too late"
            );
        }
        self.check_lobby(now);
        let rounds = || self.rooms.iter().filter_map(|(_, room)| room.round());
        assert_eq!(
            self.rounds_running,
            rounds().count(),
            "running rounds are miscounted"
        );
        let robots =
            rounds().filter(|round| round.robot().is_some() && self.has_online_human(round));
        assert_eq!(
            self.robot_rounds_running,
            robots.count(),
            "robot rounds are miscounted"
        );
        let private = self.rooms.iter().filter(|(_, room)| room.private.is_some());
        assert_eq!(
            self.by_code.len(),
            private.count(),
            "a room code outlived its room"
        );
    }

    fn check_players(&self, now: Millis) {
        let (mut online, mut sessions, mut offline) = (0, 0, 0);
        let mut owed = 0;
        for (id, player) in self.players.iter() {
            let v2 = player.generation == Generation::V2;
            assert_eq!(
                player.token.is_some(),
                v2,
                "exactly v2 players have sessions"
            );
            online += u32::from(player.link.is_online());
            sessions += usize::from(v2);
            owed += usize::from(player.is_owed());
            if let Some(token) = &player.token {
                assert_eq!(
                    self.by_token.get(token),
                    Some(&id),
                    "a token names somebody else"
                );
            }
            let room = player.room.and_then(|room| self.rooms.get(room));
            assert_eq!(
                room.is_some(),
                player.room.is_some(),
                "a player sits in a room that is gone"
            );
            assert!(
                !player.unseated || v2 && room.is_none() && !player.link.is_online(),
                "who lost its seat unseen has none and is not back"
            );
            if let Some(room) = room {
                let seats = room.players().filter(|&seated| seated == id).count();
                assert_eq!(seats, 1, "a player has exactly one seat in its room");
            }
            if let Link::Offline { expires_at, .. } = player.link {
                let may_end = v2 && !player.is_owed();
                offline += usize::from(may_end);
                let has_points = player.score.has_points();
                let listed = self.offline.contains(expires_at, id, has_points);
                assert_eq!(
                    listed, may_end,
                    "a session is listed that may not end, or not listed"
                );
                assert!(
                    v2 || self.is_playing(id),
                    "an old player outlived its connection and its round"
                );
                assert!(
                    player.frozen_until().is_none(),
                    "nobody is there to press the button"
                );
            }
        }
        assert_eq!(self.online, online, "online players are miscounted");
        assert_eq!(self.by_token.len(), sessions, "sessions are miscounted");
        assert_eq!(self.owed, owed, "owed sessions are miscounted");
        let pending = |&id: &PlayerId| self.players.get(id).is_some_and(Player::is_pending);
        assert!(
            self.unasked.iter().all(pending),
            "a session is to be asked about that is not pending"
        );
        assert_eq!(
            self.offline.len(),
            offline,
            "offline players are miscounted"
        );
        assert!(
            self.offline.len() <= self.rules.max_sessions,
            "more sessions are kept than allowed"
        );
        let swept = self.offline.first_to_end().is_none_or(|(expires_at, _)| {
            let due = expires_at.max(now + 1);
            self.sweep_armed.is_some_and(|armed| armed <= due)
        });
        assert!(swept, "no timer ends the session that is offline longest");
    }

    fn check_room(&self, room: &Room) {
        match &room.phase {
            Phase::Waiting(waiting) => {
                assert!(
                    room.private.is_none(),
                    "nobody waits for strangers in a private room"
                );
                let players: Vec<_> = room.players().collect();
                let &[id] = players.as_slice() else {
                    panic!("one player waits in a room")
                };
                let online = self
                    .players
                    .get(id)
                    .is_some_and(|player| player.link.is_online());
                assert_eq!(waiting.parked.is_none(), online, "who is absent is parked");
                let queued = self.lobby.contains(waiting.since, id);
                assert_eq!(
                    queued, online,
                    "exactly those who may be paired stand in line"
                );
            }
            Phase::Playing(round) => {
                assert!(
                    round.has_humans() || !room.is_empty(),
                    "a round outlived its players"
                );
                for contender in &round.contenders {
                    match contender.who {
                        Who::Human(id) => {
                            assert!(
                                room.players().any(|seated| seated == id),
                                "who plays is seated"
                            );
                        }
                        Who::Robot(_) => {
                            assert!(room.private.is_none(), "a robot sits in a private room");
                        }
                        Who::Left { .. } => {
                            assert!(contender.choice.is_none(), "a leaver's choice is void");
                        }
                    }
                }
            }
            Phase::Between(_) if room.private.is_none() => {
                assert!(room.is_full(), "only two wait between public rounds");
            }
            Phase::Between(_) => (),
        }
    }

    fn check_lobby(&self, now: Millis) {
        let waiting: Vec<PlayerId> = self.lobby.players().collect();
        assert_eq!(waiting.len(), self.lobby.len());
        let of = |id| self.waiting_of(id).expect("who stands in line waits");
        // A timer that is due at this very moment may still set things right.
        let is_due = |room| {
            let armed = self.rooms.get(room).and_then(|room| room.armed);
            self.draining || armed.is_some_and(|armed| armed <= now)
        };
        let cap_ms = self.rules.robot_after_ms + self.rules.game_time_ms;
        let longest_ms = cap_ms.max(self.rules.rematch_wait_ms);
        for (index, &one) in waiting.iter().enumerate().take(PAIRS_MAX) {
            let (room, state) = of(one);
            let in_time = now.since(state.since) <= longest_ms;
            assert!(in_time || is_due(room), "a lobby wait is too long");
            for &other in waiting.iter().skip(index + 1).take(PAIRS_MAX) {
                let (other_room, theirs) = of(other);
                let may_meet = self.may_meet(now, (one, state), (other, theirs));
                let excused = is_due(room) || is_due(other_room);
                assert!(!may_meet || excused, "two who may meet both wait");
            }
        }
    }
}
