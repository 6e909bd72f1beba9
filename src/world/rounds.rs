//! A round from its start to what follows it, and what happens in it.

use std::rc::Rc;

use super::player::{Link, Player};
use super::robot::Robot;
use super::room::{
    ABSENCE_MS, Between, Contender, NEVER, PRIVATE_IDLE_MS, Phase, Room, Round, STAY_MS, Seat, Who,
};
use super::rules::{self, Judgement, Score};
use super::{Effect, Outcome, RoomId, World};
use crate::model::{
    Avatar, Choice, Event, Face, Movement, Name, PlayerId, ProblemCode, Profile, ResultRow,
    RoomState, RoomUser, StartUser, Uid,
};
use crate::time::Millis;

/// How many players are looked at when a round ends, for memory that can be given back.
const LOOKED_AT: usize = 16;

impl World {
    /// Begins a round with who sits in the room; a single one gets a robot.
    pub(super) fn start_round(&mut self, now: Millis, room_id: RoomId) {
        let Some(room) = self.rooms.get_mut(room_id) else {
            return;
        };
        let mut humans = room.players();
        let (Some(first), second) = (humans.next(), humans.next()) else {
            return;
        };
        drop(humans);
        let side = |who| Contender { who, choice: None };
        let opponent = match second {
            Some(second) => {
                self.tally.human_rounds += 1;
                Who::Human(second)
            }
            None => {
                self.tally.robot_rounds += 1;
                self.robot_rounds_running += 1;
                let Some(player) = self.players.get(first) else {
                    return;
                };
                Who::Robot(Box::new(Robot::new(
                    now,
                    &mut self.last_robot,
                    &player.card.uid(),
                )))
            }
        };
        let persons = second.and_then(|second| self.persons_of([first, second]));
        let Some(room) = self.rooms.get_mut(room_id) else {
            return;
        };
        room.phase = Phase::Playing(Round {
            ends_at: now + self.rules.game_time_ms,
            persons,
            contenders: [side(Who::Human(first)), side(opponent)],
        });
        for seat in room.seats.iter_mut().flatten() {
            seat.ready = None;
            seat.chose = false;
        }
        self.rounds_running += 1;
        for id in [Some(first), second].into_iter().flatten() {
            if let Some(player) = self.players.get_mut(id) {
                player.unfreeze();
                player.forget_held();
            }
        }
        self.tell_room(room_id);
        let game_time_s = u32::try_from(self.rules.game_time_ms / 1000).unwrap_or(u32::MAX);
        if let Some(users) = self.start_users(room_id) {
            for id in [Some(first), second].into_iter().flatten() {
                let users = Box::new(users.clone());
                self.tell(
                    id,
                    Event::Start {
                        game_time_s,
                        users,
                        resumed: false,
                    },
                );
            }
        }
        self.arm_room(room_id);
    }

    /// Both sides of a running round, without their choices.
    fn start_users(&self, room_id: RoomId) -> Option<[StartUser; 2]> {
        let round = self.rooms.get(room_id)?.round()?;
        let user = |contender: &Contender| match &contender.who {
            Who::Human(id) => {
                let player = self.players.get(*id)?;
                Some(StartUser {
                    profile: player.card.profile(),
                    choice: None,
                    total_score: player.score.total,
                    win_streak: player.score.streak,
                })
            }
            Who::Robot(robot) => Some(StartUser {
                profile: robot.profile.clone(),
                choice: None,
                total_score: 0,
                win_streak: 0,
            }),
            Who::Left { uid, total } => Some(StartUser {
                profile: Profile {
                    uid: uid.clone(),
                    name: Name::default(),
                    avatar: Avatar::None,
                },
                choice: None,
                total_score: *total,
                win_streak: 0,
            }),
        };
        let [first, second] = &round.contenders;
        Some([user(first)?, user(second)?])
    }

    /// Tells one who came back the round it is in, with the time that is left.
    pub(super) fn repeat_start(&mut self, now: Millis, id: PlayerId, room_id: RoomId) {
        let Some(mut users) = self.start_users(room_id) else {
            return;
        };
        let Some(round) = self.rooms.get(room_id).and_then(Room::round) else {
            return;
        };
        let Some(side) = round.side_of(id) else {
            return;
        };
        users[side].choice = round.contenders[side].choice;
        let left_s = round.ends_at.since(now).div_ceil(1000);
        let game_time_s = u32::try_from(left_s).unwrap_or(u32::MAX);
        self.tell(
            id,
            Event::Start {
                game_time_s,
                users: Box::new(users),
                resumed: true,
            },
        );
    }

    /// Tells one who came back the result it may have missed.
    pub(super) fn repeat_result(&mut self, now: Millis, id: PlayerId) {
        let Some(player) = self.players.get(id) else {
            return;
        };
        let play = player.play();
        if let Some((_, rows)) = play.and_then(|play| play.result_to_repeat(now)) {
            let rows = Rc::clone(rows);
            self.tell(id, Event::Result(rows));
        }
    }

    pub(super) fn choose(
        &mut self,
        now: Millis,
        id: PlayerId,
        choice: Choice,
        relay: bool,
    ) -> Outcome {
        let ignored = Outcome::Ignored(ProblemCode::NotPlaying);
        let Some(room_id) = self.players.get(id).and_then(|player| player.room) else {
            return ignored;
        };
        let Some(room) = self.rooms.get_mut(room_id) else {
            return ignored;
        };
        let Some(round) = room.round_mut() else {
            return ignored;
        };
        let Some(side) = round.side_of(id) else {
            return ignored;
        };
        round.contenders[side].choice = Some(choice);
        if relay && let Who::Human(opponent) = round.contenders[1 - side].who {
            self.relay(now, opponent, Movement::Choice);
        }
        Outcome::Done
    }

    pub(super) fn show_face(&mut self, now: Millis, id: PlayerId, face: Face) -> Outcome {
        let ignored = Outcome::Ignored(ProblemCode::NotPlaying);
        let Some(room_id) = self.players.get(id).and_then(|player| player.room) else {
            return ignored;
        };
        let Some(room) = self.rooms.get_mut(room_id) else {
            return ignored;
        };
        if let Some(partner) = room.partner(id) {
            self.relay(now, partner, Movement::Face(face));
            return Outcome::Done;
        }
        let Some((robot, _)) = room.round_mut().and_then(Round::robot_mut) else {
            return ignored;
        };
        let player = self.players.get(id);
        if player.is_some_and(Player::knows_robots_faces) {
            robot.see_face(now, &mut self.rng);
            self.arm_room(room_id);
        }
        Outcome::Done
    }

    /// Tells a player what its partner did, not more often than the relay interval allows.
    fn relay(&mut self, now: Millis, to: PlayerId, movement: Movement) {
        let interval_ms = self.rules.relay_interval_ms;
        let Some(player) = self.players.get_mut(to) else {
            return;
        };
        let kind = usize::from(movement != Movement::Choice);
        let play = player.begin_play();
        if now < play.relay_free_at[kind] {
            play.held[kind] = Some(movement);
            self.arm_player(to);
            return;
        }
        play.relay_free_at[kind] = now + interval_ms;
        play.held[kind] = None;
        if let (Some(conn), Some(uid)) = (player.link.conn(), self.partner_uid(to)) {
            self.effects.push_back(Effect::Tell {
                conn,
                event: Event::Movement { uid, movement },
            });
        }
    }

    /// Sends a held movement whose time has come.
    pub(super) fn release_held(&mut self, now: Millis, id: PlayerId, kind: usize) {
        let player = self.players.get_mut(id);
        let Some(play) = player.and_then(Player::play_mut) else {
            return;
        };
        if play.relay_free_at[kind] <= now
            && let Some(movement) = play.held[kind].take()
        {
            self.relay(now, id, movement);
        }
    }

    /// Who a player's movements come from: its partner or its robot.
    fn partner_uid(&self, id: PlayerId) -> Option<Uid> {
        let room = self.rooms.get(self.players.get(id)?.room?)?;
        match room.partner(id) {
            Some(partner) => Some(self.players.get(partner)?.card.uid()),
            None => Some(room.round()?.robot()?.profile.uid.clone()),
        }
    }

    /// Does whatever a room's deadlines ask for at `now`.
    pub(super) fn run_room(&mut self, now: Millis, room_id: RoomId) {
        let Some(room) = self.rooms.get(room_id) else {
            return;
        };
        match &room.phase {
            Phase::Waiting(waiting) => match waiting.parked {
                Some(since) if since + ABSENCE_MS <= now => {
                    if let Some(id) = room.first_player() {
                        self.unseat(now, id);
                    }
                }
                None if waiting.robot_at <= now && !self.draining => self.call_robot(now, room_id),
                _ => (),
            },
            Phase::Playing(round) => {
                let ends_at = round.ends_at;
                // Its moves count up to the deadline; one that comes late is not worth telling.
                self.move_robot(now, ends_at, room_id);
                if ends_at <= now {
                    self.finish_round(now, room_id);
                }
            }
            Phase::Between(_) => self.run_between(now, room_id),
        }
    }

    /// Lets the room's robot make all its moves up to `now`, but none at the deadline.
    fn move_robot(&mut self, now: Millis, ends_at: Millis, room_id: RoomId) {
        while let Some(room) = self.rooms.get_mut(room_id)
            && let human = room.first_player()
            && let Some(round) = room.round_mut()
            && let Some((robot, choice)) = round.robot_mut()
            && robot.acts_at() <= now
            && robot.acts_at() < ends_at
        {
            let movement = robot.act(choice, &mut self.rng);
            if let Some(human) = human.filter(|_| now < ends_at) {
                self.relay(now, human, movement);
            }
        }
    }

    fn run_between(&mut self, now: Millis, room_id: RoomId) {
        let Some(room) = self.rooms.get(room_id) else {
            return;
        };
        let Phase::Between(between) = &room.phase else {
            return;
        };
        if self.is_wanted(room) {
            if between.not_before <= now {
                self.start_round(now, room_id);
            }
            return;
        }
        if let Some(private) = &room.private {
            if private.touched + PRIVATE_IDLE_MS <= now {
                self.expire(room_id);
            }
            return;
        }
        let stay_is_over = between.since + STAY_MS <= now;
        let waits_since = room
            .seats
            .iter()
            .flatten()
            .filter_map(|seat| Some((seat.ready?, seat.player)));
        let Some((since, waiter)) = waits_since.min() else {
            if stay_is_over {
                self.dissolve(room_id);
            }
            return;
        };
        if !self.draining && (stay_is_over || since + self.rules.rematch_wait_ms <= now) {
            self.vacate(now, waiter);
            self.enter_lobby(now, waiter, since, None);
        }
    }

    /// Tells a room's new state and does what it allows; the start of a round tells it by itself.
    pub(super) fn room_changed(&mut self, now: Millis, room_id: RoomId) {
        if !self.begins(now, room_id) {
            self.tell_room(room_id);
        }
        self.run_room(now, room_id);
        self.arm_room(room_id);
    }

    /// Whether a room's next round begins as soon as it is run; its start tells the room then.
    pub(super) fn begins(&self, now: Millis, room_id: RoomId) -> bool {
        self.rooms.get(room_id).is_some_and(|room| {
            self.is_wanted(room)
                && matches!(&room.phase, Phase::Between(between) if between.not_before <= now)
        })
    }

    /// Whether the next round is due: both seats' players would begin it, one of them asked for it.
    pub(super) fn is_wanted(&self, room: &Room) -> bool {
        let Phase::Between(between) = &room.phase else {
            return false;
        };
        let asked = between.first || room.seats.iter().flatten().any(|seat| seat.ready.is_some());
        let mut seats = room.seats.iter();
        asked
            && !self.draining
            && seats.all(|seat| seat.is_some_and(|seat| self.is_willing(&seat, between)))
    }

    /// When a room has to be looked at next; always after the `now` that last ran it.
    pub(super) fn room_deadline(&self, room: &Room) -> Millis {
        match &room.phase {
            Phase::Waiting(waiting) => match waiting.parked {
                Some(since) => since + ABSENCE_MS,
                None if self.draining => NEVER,
                None => waiting.robot_at,
            },
            Phase::Playing(round) => match round.robot() {
                Some(robot) => robot.acts_at().min(round.ends_at),
                None => round.ends_at,
            },
            Phase::Between(_) if self.draining => NEVER,
            Phase::Between(between) => {
                let wanted = self.is_wanted(room).then_some(between.not_before);
                let end = match &room.private {
                    Some(private) => private.touched + PRIVATE_IDLE_MS,
                    None => between.since + STAY_MS,
                };
                let ready = room
                    .seats
                    .iter()
                    .flatten()
                    .filter_map(|seat| seat.ready)
                    .min();
                let ready = ready.filter(|_| room.private.is_none() && wanted.is_none());
                let moves_on = ready.map(|since| since + self.rules.rematch_wait_ms);
                [wanted, moves_on]
                    .into_iter()
                    .flatten()
                    .fold(end, Millis::min)
            }
        }
    }

    /// The one way a round ends.
    fn finish_round(&mut self, now: Millis, room_id: RoomId) {
        let Some(room) = self.rooms.get_mut(room_id) else {
            return;
        };
        if !matches!(room.phase, Phase::Playing(_)) {
            return;
        }
        let between = Between {
            since: now,
            first: false,
            not_before: now,
        };
        let Phase::Playing(round) = std::mem::replace(&mut room.phase, Phase::Between(between))
        else {
            return;
        };
        self.tally.lateness.observe(now.since(round.ends_at));
        self.rounds_running -= 1;
        let robot_rounds = usize::from(self.has_online_human(&round) && round.robot().is_some());
        self.robot_rounds_running -= robot_rounds;
        let [first, second] = &round.contenders;
        let judgements = [
            rules::judge(first.choice, second.choice),
            rules::judge(second.choice, first.choice),
        ];
        let rows: Rc<[ResultRow; 2]> = Rc::new([
            self.score_side(now, &round, 0, judgements[0]),
            self.score_side(now, &round, 1, judgements[1]),
        ]);
        let mut not_before = now;
        for (contender, judgement) in round.contenders.iter().zip(judgements) {
            let Who::Human(id) = contender.who else {
                continue;
            };
            let Some(player) = self.players.get_mut(id) else {
                continue;
            };
            player.forget_held();
            if round.robot().is_some() {
                self.from_robots.note(round.ends_at, id);
            }
            if player.is_v2() {
                let play = player.begin_play();
                play.last_result = Some((now, Rc::clone(&rows)));
                play.robot_left = round.robot().map(|_| round.ends_at);
            }
            not_before = not_before.max(player.hears_start_at(now, judgement));
            self.tell(id, Event::Result(Rc::clone(&rows)));
            self.arm_player(id);
        }
        self.after_round(now, room_id, &round, not_before);
        self.forget_past(now);
    }

    /// Looks at some players, whether their last rounds are of no account any more: at more than
    /// have played this one, so that what is kept is for those who played lately and not for all
    /// who ever did. Where nobody plays nothing is given back, and nothing is added.
    fn forget_past(&mut self, now: Millis) {
        let forget = |player: &mut Player| player.forget_past(now);
        self.look_at = self.players.look(self.look_at, LOOKED_AT, forget);
    }

    /// Whether a human that plays in this round is online.
    pub(super) fn has_online_human(&self, round: &Round) -> bool {
        round
            .contenders
            .iter()
            .any(|contender| match contender.who {
                Who::Human(id) => self
                    .players
                    .get(id)
                    .is_some_and(|player| player.link.is_online()),
                Who::Robot(_) | Who::Left { .. } => false,
            })
    }

    /// Gives one side its points; returns its row of the result.
    fn score_side(
        &mut self,
        now: Millis,
        round: &Round,
        side: usize,
        judgement: Judgement,
    ) -> ResultRow {
        let side = &round.contenders[side];
        let (uid, before) = match &side.who {
            Who::Left { uid, total } => {
                return ResultRow {
                    uid: uid.clone(),
                    round_score: 0,
                    total_score: *total,
                    win_streak: 0,
                    choice: None,
                };
            }
            Who::Robot(robot) => (robot.profile.uid.clone(), Score::default()),
            Who::Human(id) => match self.players.get(*id) {
                Some(player) => (player.card.uid(), player.score),
                None => (Uid::robot(0), Score::default()),
            },
        };
        let (score, round_score) = rules::score(before, judgement);
        if let Who::Human(id) = side.who
            && let Some(player) = self.players.get_mut(id)
        {
            player.score = score;
            if let Link::Offline { expires_at, .. } = player.link
                && score.has_points()
            {
                self.offline.has_scored(expires_at, id);
            }
            player.freeze_or_free(now, judgement, side.choice);
            if judgement != Judgement::Draw {
                let persons = round.persons.as_deref();
                let won = (round.ends_at, round_score);
                let ranked = persons.and_then(|persons| self.rank_points(id, persons, won));
                self.note_score(id, round_score, ranked);
            }
        }
        ResultRow {
            uid,
            round_score,
            total_score: score.total,
            win_streak: score.streak,
            choice: side.choice,
        }
    }

    /// Decides who stays seated after a result.
    fn after_round(&mut self, now: Millis, room_id: RoomId, round: &Round, not_before: Millis) {
        let Some(room) = self.rooms.get_mut(room_id) else {
            return;
        };
        let mut met = true;
        for (seat, contender) in room.seats.iter_mut().zip(&round.contenders) {
            let Some(seat) = seat else {
                met = false;
                continue;
            };
            let played = matches!(contender.who, Who::Human(id) if id == seat.player);
            seat.chose = contender.choice.is_some();
            met &= played;
        }
        if let Phase::Between(between) = &mut room.phase {
            between.not_before = not_before;
            // Somebody who came while the round ran has not met the other yet.
            between.first = !met;
        }
        let private = room.private.is_some();
        let stays = |seat: &Seat| {
            let player = self.players.get(seat.player);
            player.is_some_and(|player| player.link.is_online() && player.plays_on(seat))
        };
        let both = room.is_full() && room.seats.iter().flatten().all(stays);
        if private || both {
            self.room_changed(now, room_id);
        } else {
            self.dissolve(room_id);
        }
    }

    /// Ends a public room: everybody in it has lost its partner and is free.
    fn dissolve(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get(room_id) else {
            return;
        };
        let players: Vec<_> = room.players().collect();
        let uid = |world: &Self, id| Some(world.players.get(id)?.card.uid());
        for &id in &players {
            let partner = players.iter().find(|&&other| other != id);
            if let Some(uid) = partner.and_then(|&partner| uid(self, partner)) {
                self.tell(id, Event::Leave { uid });
            }
        }
        self.remove_room(room_id);
        for id in players {
            self.release(id);
        }
    }

    /// Ends a private room that nobody used for too long.
    fn expire(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get(room_id) else {
            return;
        };
        let players: Vec<_> = room.players().collect();
        for id in players {
            let event = "join".into();
            self.tell(
                id,
                Event::Problem {
                    code: ProblemCode::RoomUnknown,
                    event,
                },
            );
        }
        self.dissolve(room_id);
    }

    /// Tells every v2 client in a room its state.
    pub(super) fn tell_room(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get(room_id) else {
            return;
        };
        let players: Vec<_> = room.players().collect();
        self.tell_room_to(room_id, &players);
    }

    /// Tells the v2 clients among these a room's state.
    pub(super) fn tell_room_to(&mut self, room_id: RoomId, players: &[PlayerId]) {
        let Some(room) = self.rooms.get(room_id) else {
            return;
        };
        let reads = |player: &Player| player.is_v2() && player.link.conn().is_some();
        let reads = |&id: &PlayerId| self.players.get(id).is_some_and(reads);
        let readers: Vec<_> = players.iter().copied().filter(reads).collect();
        if readers.is_empty() {
            return;
        }
        let state = self.room_state(room);
        for id in readers {
            self.tell(id, Event::Room(Box::new(state.clone())));
        }
    }

    fn room_state(&self, room: &Room) -> RoomState {
        let mut users = Vec::with_capacity(2);
        for (index, seat) in room.seats.iter().enumerate() {
            if let Some(seat) = seat
                && let Some(player) = self.players.get(seat.player)
            {
                let online = player.link.is_online();
                let ready = self.is_ready(seat, room);
                let profile = player.card.profile();
                users.push(RoomUser {
                    profile,
                    ready,
                    robot: false,
                    online,
                });
            } else if let Some(round) = room.round()
                && let Who::Robot(robot) = &round.contenders[index].who
            {
                let profile = robot.profile.clone();
                users.push(RoomUser {
                    profile,
                    ready: true,
                    robot: true,
                    online: true,
                });
            }
        }
        let code = room.private.as_ref().map(|private| private.code);
        RoomState {
            number: room.number,
            full: users.len() == 2,
            users,
            code,
        }
    }
}
