//! Whether a player can be reached, who is told so, and what its return allows.

use super::player::Link;
use super::room::Phase;
use super::stored::{Note, TOUCH_MS};
use super::{Outcome, World};
use crate::model::{Event, PlayerId};
use crate::time::Millis;

impl World {
    /// Changes a player's link and the counts that depend on it; returns the former link.
    pub(super) fn link(&mut self, id: PlayerId, link: Link) -> Option<Link> {
        let robot = self.plays_robot(id);
        let player = self.players.get_mut(id)?;
        let before = std::mem::replace(&mut player.link, link);
        if robot && before.is_online() != link.is_online() {
            if link.is_online() {
                self.robot_rounds_running += 1;
            } else {
                self.robot_rounds_running -= 1;
            }
        }
        match before {
            Link::Online(_) => self.online -= 1,
            Link::Away(..) => (),
            Link::Offline { expires_at, .. } => {
                self.offline.remove(expires_at, id);
            }
        }
        match link {
            Link::Online(_) => self.online += 1,
            Link::Offline { .. } => self.list_offline(id),
            Link::Away(..) => (),
        }
        Some(before)
    }

    pub(super) fn go_away(&mut self, now: Millis, id: PlayerId) -> Outcome {
        if let Some(Link::Online(conn)) = self.players.get(id).map(|player| player.link) {
            self.absent(now, id, Link::Away(conn, now));
        }
        Outcome::Done
    }

    /// Ends a player's absence in the background, if that is where it is.
    pub(super) fn back_from_away(&mut self, now: Millis, id: PlayerId) -> bool {
        let Some(Link::Away(conn, _)) = self.players.get(id).map(|player| player.link) else {
            return false;
        };
        self.link(id, Link::Online(conn));
        self.came_back(now, id);
        true
    }

    /// Takes an absent player off its place without having been asked to.
    pub(super) fn unseat(&mut self, now: Millis, id: PlayerId) {
        self.vacate(now, id);
        self.note_lost_seat(id);
    }

    /// Remembers that a player has no seat any more, if it is not there to see it.
    pub(super) fn note_lost_seat(&mut self, id: PlayerId) {
        if let Some(player) = self.players.get_mut(id) {
            player.unseated |= player.is_v2() && !player.link.is_online();
        }
    }

    /// Tells a player that is back what it may have lost meanwhile.
    pub(super) fn tell_lost_seat(&mut self, id: PlayerId) {
        let Some(player) = self.players.get_mut(id) else {
            return;
        };
        if std::mem::take(&mut player.unseated) {
            let uid = player.card.uid();
            self.tell(id, Event::SeatLost { uid });
        }
    }

    /// Makes a player offline or away, and tells its room unless that is no news.
    pub(super) fn absent(&mut self, now: Millis, id: PlayerId, link: Link) {
        if !self.link(id, link).is_some_and(Link::is_online) {
            return;
        }
        let Some(room_id) = self.players.get(id).and_then(|player| player.room) else {
            return;
        };
        self.leave_queue(id);
        let Some(room) = self.rooms.get_mut(room_id) else {
            return;
        };
        match &mut room.phase {
            Phase::Waiting(waiting) => waiting.parked = Some(now),
            Phase::Playing(_) | Phase::Between(_) => {
                if let Some(seat) = room.seat_mut(id) {
                    seat.ready = None;
                }
            }
        }
        self.tell_room(room_id);
        self.arm_room(room_id);
    }

    /// Tells the room of a player that is online again. What its return allows is up to
    /// [`World::play_on`], once it is known what it came back for.
    pub(super) fn came_back(&mut self, now: Millis, id: PlayerId) {
        let Some(room_id) = self.players.get(id).and_then(|player| player.room) else {
            return;
        };
        let Some(room) = self.rooms.get_mut(room_id) else {
            return;
        };
        if let Phase::Waiting(waiting) = &mut room.phase {
            waiting.parked = None;
        }
        if !self.begins(now, room_id) {
            self.tell_room(room_id);
        }
    }

    /// Lets a player that came back be paired again, or begin the round that waited for it.
    pub(super) fn play_on(&mut self, now: Millis, id: PlayerId) {
        if self.waiting_of(id).is_some() {
            return self.meet(now, id);
        }
        if let Some(room_id) = self.players.get(id).and_then(|player| player.room) {
            self.run_room(now, room_id);
            self.arm_room(room_id);
        }
    }

    /// Notes that a member of a private room did something.
    pub(super) fn touch(&mut self, now: Millis, id: PlayerId) {
        let room = self.players.get(id).and_then(|player| player.room);
        if let Some(private) = room
            .and_then(|room| self.rooms.get_mut(room))
            .and_then(|room| room.private.as_mut())
        {
            private.touched = now;
            if TOUCH_MS <= now.since(private.told) {
                private.told = now;
                let code = private.code;
                self.note_room(Note::RoomTouched(code));
            }
        }
    }
}
