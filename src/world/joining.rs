//! Coming and going: `join` in all its forms, `leave`, the lobby's pairing, private rooms.

use super::player::Player;
use super::room::{ABSENCE_MS, Between, Phase, Private, Room, Seat, Waiting, Who};
use super::stored::Note;
use super::{Effect, Outcome, RoomId, Timer, World};
use crate::model::{Entropy, Event, Generation, Join, PlayerId, ProblemCode, RoomCode};
use crate::time::Millis;

/// So long after its round against a robot a player is expected to ask for the next.
const ABOUT_MS: u64 = 10_000;

impl World {
    pub(super) fn join(
        &mut self,
        now: Millis,
        id: PlayerId,
        join: Join,
        entropy: &mut Entropy,
    ) -> Outcome {
        let Some(player) = self.players.get_mut(id) else {
            return Outcome::Ignored(ProblemCode::NotPlaying);
        };
        player.unfreeze();
        let room_id = player.room;
        let join = player.means(join);
        let in_round = player.join_in_round();
        let room = room_id.and_then(|room| self.rooms.get(room));
        let own_code = room
            .and_then(|room| room.private.as_ref())
            .map(|private| private.code);
        if let Join::EnterRoom { code, .. } = join
            && code.is_some()
            && own_code == code
        {
            return Outcome::Done;
        }
        if self.is_playing(id) {
            return in_round;
        }
        if self.draining {
            return Outcome::Refused(ProblemCode::Draining);
        }
        match join {
            Join::Any => self.join_any(now, id),
            Join::New => self.join_new(now, id),
            Join::CreateRoom { ready } => self.create_room(now, id, ready, entropy),
            Join::EnterRoom { code, ready } => return self.enter_room(now, id, code, ready),
        }
        Outcome::Done
    }

    /// A round with whoever comes; between rounds: again with the same opponent.
    fn join_any(&mut self, now: Millis, id: PlayerId) {
        let Some(room_id) = self.players.get(id).and_then(|player| player.room) else {
            return self.enter_lobby(now, id, now, None);
        };
        if self.waiting_of(id).is_some() {
            return;
        }
        let before = self.is_shown_ready(room_id, id);
        if let Some(seat) = self
            .rooms
            .get_mut(room_id)
            .and_then(|room| room.seat_mut(id))
            && seat.ready.is_none()
        {
            seat.ready = Some(now);
        }
        if self.is_shown_ready(room_id, id) == before {
            self.run_room(now, room_id);
            self.arm_room(room_id);
        } else {
            self.room_changed(now, room_id);
        }
    }

    /// Whether a seated player counts as ready.
    fn is_shown_ready(&self, room_id: RoomId, id: PlayerId) -> bool {
        self.rooms.get(room_id).is_some_and(|room| {
            let mut seats = room.seats.iter().flatten();
            seats.any(|seat| seat.player == id && self.is_ready(seat, room))
        })
    }

    /// A round with somebody else.
    pub(super) fn join_new(&mut self, now: Millis, id: PlayerId) {
        let Some(room_id) = self.players.get(id).and_then(|player| player.room) else {
            return self.enter_lobby(now, id, now, None);
        };
        let Some(room) = self.rooms.get(room_id) else {
            return;
        };
        if matches!(room.phase, Phase::Waiting(_)) {
            return;
        }
        let partner = room.partner(id);
        let orphan = self.give_up_seat(id);
        self.enter_lobby(now, id, now, partner);
        self.settle_orphan(now, orphan);
    }

    pub(super) fn leave(&mut self, now: Millis, id: PlayerId) -> Outcome {
        if let Some(player) = self.players.get_mut(id) {
            player.unfreeze();
        }
        self.vacate(now, id);
        Outcome::Done
    }

    /// Takes a player off its seat, whatever its room is doing, and tells who sits with it.
    pub(super) fn vacate(&mut self, now: Millis, id: PlayerId) {
        let orphan = self.give_up_seat(id);
        self.settle_orphan(now, orphan);
    }

    /// Lets a partner that lost its room though it had asked for a round wait in the lobby.
    ///
    /// Its wait begins anew, so that it meets the partner that left it by `new` after all when
    /// nobody else comes.
    fn settle_orphan(&mut self, now: Millis, orphan: Option<PlayerId>) {
        if let Some(id) = orphan {
            self.enter_lobby(now, id, now, None);
        }
    }

    /// Takes a player off its seat and tells who sits with it; returns that one if it has to be
    /// found another place.
    ///
    /// In a round that is giving up: what it chose is void and its streak over.
    fn give_up_seat(&mut self, id: PlayerId) -> Option<PlayerId> {
        self.leave_queue(id);
        let player = self.players.get_mut(id)?;
        player.forget_held();
        let room_id = player.room.take()?;
        let uid = player.card.uid();
        let mut gave_up = false;
        let room = self.rooms.get_mut(room_id)?;
        let partner = room.partner(id);
        room.stand_up(id);
        if let Some(round) = room.round_mut()
            && let Some(side) = round.side_of(id)
        {
            let against_robot = round.robot().is_some() && player.link.is_online();
            player.score.streak = 0;
            let total = player.score.total;
            gave_up = true;
            let contender = &mut round.contenders[side];
            contender.who = Who::Left {
                uid: uid.clone(),
                total,
            };
            contender.choice = None;
            self.robot_rounds_running -= usize::from(against_robot);
        }
        if gave_up {
            self.note_score(id, 0, None);
        }
        if let Some(partner) = partner {
            if let Some(player) = self.players.get_mut(partner) {
                player.forget_held();
            }
            self.tell(partner, Event::Leave { uid });
        }
        self.after_departure(room_id, partner)
    }

    /// Decides what becomes of a room that somebody left.
    fn after_departure(&mut self, room_id: RoomId, partner: Option<PlayerId>) -> Option<PlayerId> {
        let room = self.rooms.get_mut(room_id)?;
        let mut asked = false;
        let lasts = match &mut room.phase {
            Phase::Waiting(_) => false,
            Phase::Playing(round) => round.has_humans() || !room.seats.iter().all(Option::is_none),
            Phase::Between(between) => {
                // Whoever comes next meets the one who stayed for the first time.
                between.first = true;
                asked = room.seats.iter().flatten().any(|seat| seat.ready.is_some());
                room.private.is_some() && !room.is_empty()
            }
        };
        if lasts {
            self.tell_room(room_id);
            self.arm_room(room_id);
            return None;
        }
        self.remove_room(room_id);
        let player = partner?;
        self.release(player);
        let misses = self.players.get(player).is_some_and(Player::misses_leave);
        let waits = asked && misses && !self.draining;
        waits.then_some(player)
    }

    /// Makes a player free that lost its room; one that is gone itself is forgotten now.
    pub(super) fn release(&mut self, id: PlayerId) {
        let Some(player) = self.players.get_mut(id) else {
            return;
        };
        player.room = None;
        player.forget_held();
        self.note_lost_seat(id);
        if self.players.get(id).is_some_and(Player::is_gone) {
            self.remove_player(id);
        }
    }

    pub(super) fn remove_room(&mut self, id: RoomId) {
        let private = self.rooms.get(id).and_then(|room| room.private.as_ref());
        if let Some(code) = private.map(|private| private.code) {
            self.note_room(Note::RoomClosed(code));
        }
        self.forget_room(id);
    }

    /// Removes a room without a word to the store.
    pub(super) fn forget_room(&mut self, id: RoomId) {
        let Some(room) = self.rooms.remove(id) else {
            return;
        };
        if room.round().is_some() {
            // Nobody plays in a round that is given up: its humans have all left.
            self.rounds_running -= 1;
        }
        if let Some(private) = room.private {
            self.by_code.remove(&private.code);
        }
        if room.armed.is_some() {
            let timer = Timer::Room(id);
            self.effects.push_back(Effect::Disarm { timer });
        }
    }

    /// Lets a player's room go, in which no round runs, and nobody is told: all who sit there are
    /// to go on at another server, and find a private room there by its code.
    pub fn let_room_go(&mut self, id: PlayerId) {
        self.leave_queue(id);
        let Some(room_id) = self.players.get(id).and_then(|player| player.room) else {
            return;
        };
        let room = self.rooms.get(room_id);
        let code = room.and_then(|room| Some(room.private.as_ref()?.code));
        let players: Vec<PlayerId> = room.into_iter().flat_map(Room::players).collect();
        for player in players {
            self.release(player);
        }
        self.forget_room(room_id);
        if let Some(code) = code {
            self.note_room(Note::RoomReleased(code));
        }
    }

    pub(super) fn insert_room(&mut self, private: Option<Private>, phase: Phase) -> RoomId {
        self.last_room += 1;
        let code = private.as_ref().map(|private| private.code);
        let id = self.rooms.insert(Room {
            number: self.last_room,
            private,
            seats: [None, None],
            phase,
            armed: None,
        });
        if let Some(code) = code {
            self.by_code.insert(code, id);
        }
        id
    }

    pub(super) fn sit(&mut self, id: PlayerId, room_id: RoomId) {
        if let (Some(player), Some(room)) = (self.players.get_mut(id), self.rooms.get_mut(room_id))
        {
            debug_assert!(player.room.is_none(), "nobody sits in two rooms");
            player.room = Some(room_id);
            if let Some(play) = player.play_mut() {
                play.robot_left = None;
            }
            room.sit(id);
        }
    }

    /// Waits for an opponent since `since`, apart from `apart` until the robot's time.
    ///
    /// A robot that is due at once comes by the timer, so that two who enter the lobby in one step
    /// see each other first.
    pub(super) fn enter_lobby(
        &mut self,
        now: Millis,
        id: PlayerId,
        since: Millis,
        apart: Option<PlayerId>,
    ) {
        let robot_after_ms = match self.goes_on_with_robots(now, id) {
            true => 0,
            false => self.rules.robot_after_ms,
        };
        let robot_at = now.max(since + robot_after_ms);
        let waiting = Waiting {
            since,
            robot_at,
            apart,
            parked: None,
        };
        if let Some(other) = self.find_opponent(now, id, &waiting) {
            return self.pair(now, other, id, since);
        }
        let room_id = self.insert_room(None, Phase::Waiting(waiting));
        self.sit(id, room_id);
        self.tell_room(room_id);
        self.stand_in_line(id, since);
        self.arm_room(room_id);
    }

    /// Whether a player goes straight from one robot to the next: nobody else, whose round against
    /// a robot ended lately, is about to ask for another one, too.
    fn goes_on_with_robots(&self, now: Millis, id: PlayerId) -> bool {
        let comes = |player: &Player| player.comes_from_robot(now);
        let is_about = |(at, other): (Millis, PlayerId)| {
            let free = |player: &Player| player.link.is_online() && player.room.is_none();
            now.since(at) < ABOUT_MS && self.players.get(other).is_some_and(free)
        };
        self.players.get(id).is_some_and(comes)
            && !self.from_robots.of_another(id).is_some_and(is_about)
    }

    /// Pairs a player that waits already and came back, or lets it stand in line again.
    pub(super) fn meet(&mut self, now: Millis, id: PlayerId) {
        let Some((room_id, waiting)) = self.waiting_of(id) else {
            return;
        };
        let since = waiting.since;
        match self.find_opponent(now, id, waiting) {
            Some(other) if !self.draining => self.pair(now, other, id, since),
            _ => {
                self.stand_in_line(id, since);
                self.run_room(now, room_id);
                self.arm_room(room_id);
            }
        }
    }

    pub(super) fn stand_in_line(&mut self, id: PlayerId, since: Millis) {
        if let Some(player) = self.players.get(id) {
            self.lobby.insert(since, id, player.card.uid());
        }
    }

    /// The robot's time has come for a waiting player: rather any human, else perhaps one that is
    /// about to be free, else a robot.
    pub(super) fn call_robot(&mut self, now: Millis, room_id: RoomId) {
        let Some(room) = self.rooms.get_mut(room_id) else {
            return;
        };
        let Some(id) = room.first_player() else {
            return;
        };
        let Phase::Waiting(waiting) = &mut room.phase else {
            return;
        };
        let since = waiting.since;
        let usual = since + self.rules.robot_after_ms;
        let cap = usual + self.rules.game_time_ms;
        waiting.apart = None;
        if let Some((_, waiting)) = self.waiting_of(id)
            && let Some(other) = self.find_opponent(now, id, waiting)
        {
            return self.pair(now, other, id, since);
        }
        if 0 < self.robot_rounds_running && now < cap {
            if let Some(Room {
                phase: Phase::Waiting(waiting),
                ..
            }) = self.rooms.get_mut(room_id)
            {
                waiting.robot_at = if now < usual { usual } else { cap };
            }
            return;
        }
        self.leave_queue(id);
        self.tally.waits_for_robot.observe(now.since(since));
        self.start_round(now, room_id);
    }

    /// The longest waiting player that may be paired with this one.
    pub(super) fn find_opponent(
        &self,
        now: Millis,
        id: PlayerId,
        waiting: &Waiting,
    ) -> Option<PlayerId> {
        let uid = self.players.get(id)?.card.uid();
        self.lobby.find(&uid, |other| {
            self.waiting_of(other)
                .is_some_and(|(_, theirs)| self.may_meet(now, (id, waiting), (other, theirs)))
        })
    }

    /// Whether two waiting players may meet now.
    pub(super) fn may_meet(
        &self,
        now: Millis,
        (one, one_waiting): (PlayerId, &Waiting),
        (other, other_waiting): (PlayerId, &Waiting),
    ) -> bool {
        let kept_apart = |waiting: &Waiting, from| {
            waiting.apart == Some(from) && now < waiting.since + self.rules.robot_after_ms
        };
        let uid = |id| self.players.get(id).map(|player| player.card.uid_text());
        one != other
            && uid(one) != uid(other)
            && !kept_apart(one_waiting, other)
            && !kept_apart(other_waiting, one)
    }

    /// Seats a player beside one that stands in line, and lets them play. Who waited longer sits
    /// first.
    pub(super) fn pair(
        &mut self,
        now: Millis,
        host: PlayerId,
        guest: PlayerId,
        guest_since: Millis,
    ) {
        let Some((room_id, waiting)) = self.waiting_of(host) else {
            return;
        };
        let host_since = waiting.since;
        let guest_first = guest_since < host_since;
        for since in [host_since, guest_since] {
            self.tally.waits_for_human.observe(now.since(since));
        }
        self.leave_queue(host);
        self.leave_queue(guest);
        let own_room = self
            .players
            .get_mut(guest)
            .and_then(|player| player.room.take());
        if let Some(own_room) = own_room {
            self.remove_room(own_room);
        }
        self.sit(guest, room_id);
        if guest_first && let Some(room) = self.rooms.get_mut(room_id) {
            room.seats.swap(0, 1);
        }
        self.start_round(now, room_id);
    }

    /// Takes a player out of the lobby's line, if it stands there.
    pub(super) fn leave_queue(&mut self, id: PlayerId) {
        let Some(since) = self.waiting_of(id).map(|(_, waiting)| waiting.since) else {
            return;
        };
        if let Some(player) = self.players.get(id) {
            self.lobby.remove(since, id, &player.card.uid());
        }
    }

    /// The room and the state of a player that waits in the lobby.
    pub(super) fn waiting_of(&self, id: PlayerId) -> Option<(RoomId, &Waiting)> {
        let room_id = self.players.get(id)?.room?;
        match &self.rooms.get(room_id)?.phase {
            Phase::Waiting(waiting) => Some((room_id, waiting)),
            Phase::Playing(_) | Phase::Between(_) => None,
        }
    }

    fn create_room(&mut self, now: Millis, id: PlayerId, ready: bool, entropy: &mut Entropy) {
        self.vacate(now, id);
        let code = loop {
            let code = RoomCode::draw(self.rules.instance, entropy);
            if !self.by_code.contains_key(&code) {
                break code;
            }
        };
        let private = Private {
            code,
            touched: now,
            told: now,
        };
        let room_id = self.insert_room(Some(private), Phase::Between(Between::first(now)));
        self.note_room(Note::RoomOpened(code));
        self.tally.private_rooms += 1;
        self.sit_down(id, room_id, ready);
        self.tell_room(room_id);
        self.arm_room(room_id);
    }

    fn enter_room(
        &mut self,
        now: Millis,
        id: PlayerId,
        code: Option<RoomCode>,
        ready: bool,
    ) -> Outcome {
        let Some(room_id) = code.and_then(|code| self.by_code.get(&code).copied()) else {
            return Outcome::Refused(ProblemCode::RoomUnknown);
        };
        self.settle_room(now, room_id);
        let full = self.rooms.get(room_id).is_some_and(Room::is_full);
        if full {
            let Some(sleeper) = self.yielding_seat(now, room_id) else {
                return Outcome::Refused(ProblemCode::RoomFull);
            };
            self.unseat(now, sleeper);
        }
        self.vacate(now, id);
        self.sit_down(id, room_id, ready);
        self.touch(now, id);
        self.room_changed(now, room_id);
        Outcome::Done
    }

    /// Seats a player in a private room. Without `ready` it is so only by saying it, every time.
    fn sit_down(&mut self, id: PlayerId, room_id: RoomId, ready: bool) {
        self.sit(id, room_id);
        let room = self.rooms.get_mut(room_id);
        if let Some(seat) = room.and_then(|room| room.seat_mut(id)) {
            seat.says_ready = !ready;
        }
    }

    /// Between rounds, whose seat goes to a newcomer: one that has been absent too long.
    fn yielding_seat(&self, now: Millis, room_id: RoomId) -> Option<PlayerId> {
        let room = self.rooms.get(room_id)?;
        if room.round().is_some() {
            return None;
        }
        room.players().find(|&id| {
            let absent = self
                .players
                .get(id)
                .and_then(|player| player.link.absent_since());
            absent.is_some_and(|since| ABSENCE_MS < now.since(since))
        })
    }

    /// Whether a seat's player is ready, as `room` shows it.
    pub(super) fn is_ready(&self, seat: &Seat, room: &Room) -> bool {
        match &room.phase {
            Phase::Waiting(_) => true,
            // Who came while the round runs is no side of it.
            Phase::Playing(round) => {
                round.side_of(seat.player).is_some() || !seat.says_ready || seat.ready.is_some()
            }
            Phase::Between(between) => self.is_willing(seat, between),
        }
    }

    /// Whether a seat's player would begin the next round.
    pub(super) fn is_willing(&self, seat: &Seat, between: &Between) -> bool {
        self.players.get(seat.player).is_some_and(|player| {
            player.link.is_online()
                && match player.generation {
                    Generation::V2 => seat.ready.is_some() || between.first && !seat.says_ready,
                    Generation::Old { .. } => player.plays_on(seat),
                }
        })
    }
}
