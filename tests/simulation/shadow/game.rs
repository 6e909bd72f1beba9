//! The model's game: seats, the lobby, rounds, results.

use roshambo::model::ConnId;
use roshambo::time::Millis;

use super::{
    ABOUT_MS, Check, FROZEN_MS, MINUTE_MS, NEVER, OLD_PAGE_MS, P, Place, ROBOT_FACE_MS, Room,
    Round, Seat, Shadow, Side, Violation, Wait, Who, ensure, rules,
};
use crate::texts::{Row, Start};

impl Shadow {
    /// Ends a round. `rows` is what the players were told, `None` when nobody was there.
    pub(super) fn conclude(&mut self, now: Millis, id: usize, rows: Option<&[Row; 2]>) -> Check {
        let Some(round) = self.rooms.get_mut(&id).and_then(|room| room.round.take()) else {
            return Ok(());
        };
        let mut choices = [round.sides[0].choice, round.sides[1].choice];
        for (index, side) in round.sides.iter().enumerate() {
            if matches!(side.who, Who::Robot(_)) {
                choices[index] = rows.and_then(|rows| rows[index].choice);
            }
        }
        let robot_unseen = rows.is_none() && round.robot();
        let mut not_before = now;
        for index in 0..2 {
            let (own, other) = (choices[index], choices[1 - index]);
            let verdict = judge(own, other);
            let want = match &round.sides[index].who {
                Who::Left(uid, total) => row(uid, 0, *total, 0, None),
                Who::Robot(uid) => {
                    let (score, total, streak) = score((0, 0), verdict);
                    row(uid, score, total, streak, own)
                }
                Who::Human(player) => {
                    let player = *player;
                    if round.robot() {
                        self.robot_round_ended = Some((now, player));
                    }
                    if robot_unseen {
                        self.players[player].unsure = true;
                    }
                    let state = &mut self.players[player];
                    let (points, total, streak) = score((state.total, state.streak), verdict);
                    if !robot_unseen {
                        (state.total, state.streak) = (total, streak);
                    }
                    state.held = [None, None];
                    if round.robot() {
                        state.robot_ended = Some(round.ends_at);
                    }
                    if state.v2 {
                        state.last_result = Some((now, rows.cloned()));
                        state.robot_left = round.robot().then_some(round.ends_at);
                    } else {
                        if verdict != Verdict::Lose {
                            not_before = now + OLD_PAGE_MS;
                        }
                        let lost = verdict == Verdict::Lose && own.is_some();
                        let frozen = lost && state.freezes && state.line.is_some();
                        state.frozen_until = frozen.then_some(now + FROZEN_MS);
                    }
                    row(&state.uid, points, total, streak, own)
                }
            };
            if let Some(rows) = rows {
                let have = &rows[index];
                ensure!(
                    *have == want,
                    rules::RESULT_ROWS,
                    "{have:?} instead of {want:?}"
                );
            }
        }
        self.after_round(now, id, &round, not_before);
        Ok(())
    }

    /// Who stays seated after a result.
    fn after_round(&mut self, now: Millis, id: usize, round: &Round, not_before: Millis) {
        let Some(room) = self.rooms.get(&id) else {
            return;
        };
        let mut seats = room.seats;
        let mut met = true;
        let mut both = true;
        for (index, seat) in seats.iter_mut().enumerate() {
            let Some(seat) = seat else {
                (met, both) = (false, false);
                continue;
            };
            seat.chose = round.sides[index].choice.is_some();
            met &= round.sides[index].who == Who::Human(seat.player);
            let stays = self.players[seat.player].v2 || seat.chose;
            both &= stays && self.is_online(seat.player);
        }
        let Some(room) = self.rooms.get_mut(&id) else {
            return;
        };
        room.seats = seats;
        room.since = now;
        room.first = !met;
        room.not_before = not_before;
        if room.code.is_none() && !both {
            self.dissolve(id);
        }
    }

    /// Ends a room: everybody in it has lost its partner and is free.
    pub(super) fn dissolve(&mut self, id: usize) {
        let Some(room) = self.rooms.remove(&id) else {
            return;
        };
        let players: Vec<P> = room
            .seats
            .iter()
            .flatten()
            .map(|seat| seat.player)
            .collect();
        if let [one, other] = players[..] {
            self.owe_leave(one, self.players[other].uid.clone());
            self.owe_leave(other, self.players[one].uid.clone());
        }
        for player in players {
            self.release(player);
        }
    }

    pub(super) fn owe_leave(&mut self, player: P, uid: String) {
        if self.players[player].line.is_some() {
            self.owed_leaves.push((player, uid));
        }
    }

    /// A player that has no place any more did not ask for that, unless it is here to see it.
    pub(super) fn note_lost_seat(&mut self, player: P) {
        let absent = !self.is_online(player);
        let state = &mut self.players[player];
        state.unseated |= state.v2 && absent;
    }

    fn release(&mut self, player: P) {
        self.forget_told(player);
        self.note_lost_seat(player);
        let state = &mut self.players[player];
        state.place = Place::Free;
        state.held = [None, None];
        state.joined_at = None;
        if !state.v2 && state.line.is_none() {
            self.live.remove(&player);
        }
    }

    /// Takes a player off wherever it is; in a round that is giving up.
    pub(super) fn vacate(&mut self, now: Millis, player: P) {
        self.forget_told(player);
        let state = &mut self.players[player];
        let uid = state.uid.clone();
        state.joined_at = None;
        let Place::Seat(id) = std::mem::replace(&mut state.place, Place::Free) else {
            return;
        };
        state.held = [None, None];
        let total = state.total;
        let Some(room) = self.rooms.get_mut(&id) else {
            return;
        };
        for seat in &mut room.seats {
            if seat.is_some_and(|seat| seat.player == player) {
                *seat = None;
            }
        }
        if let Some(round) = &mut room.round
            && let Some(side) = round.side_of(player)
        {
            round.sides[side] = Side {
                who: Who::Left(uid.clone(), total),
                choice: None,
            };
            self.players[player].streak = 0;
            self.figures.leavers += 1;
        }
        let partner = room.seats.iter().flatten().map(|seat| seat.player).next();
        let lasts = match &room.round {
            Some(round) => {
                let human = |side: &Side| matches!(side.who, Who::Human(_));
                partner.is_some() || round.sides.iter().any(human)
            }
            None => {
                room.first = true;
                room.code.is_some() && partner.is_some()
            }
        };
        if let Some(partner) = partner {
            self.players[partner].held = [None, None];
            self.owe_leave(partner, uid);
        }
        if lasts {
            return;
        }
        let room = self.rooms.remove(&id);
        if let Some(partner) = partner {
            self.release(partner);
            // The original's page knows no `leave`: it waits for what it asked for.
            let seats = room.iter().flat_map(|room| room.seats.iter().flatten());
            let asked = seats.filter_map(|seat| seat.ready).next().is_some();
            if asked && !self.players[partner].v2 && !self.draining {
                self.players[partner].joined_at = Some(now);
                self.enter_lobby(now, partner, now, None);
            }
        }
    }

    pub(super) fn enter_lobby(&mut self, now: Millis, player: P, since: Millis, apart: Option<P>) {
        self.waits += 1;
        let others = self.latest_from_robots(now, player);
        let state = &mut self.players[player];
        let left = state.robot_left.take();
        let left = left.is_some_and(|left| now.since(left) < MINUTE_MS);
        state.place = Place::Lobby(Wait {
            since,
            entered: now,
            apart,
            parked: None,
            goes_on: (
                left && others.contains(&false),
                left && !others.contains(&true),
            ),
            held_up: false,
            excused: false,
            thawed: false,
            order: self.waits,
        });
        if state.joined_at.is_none() {
            state.joined_at = Some(since);
        }
    }

    /// Of all others whose rounds against robots ended last, in one moment, whether they may come
    /// back for another human. Nobody is like one that may not.
    fn latest_from_robots(&self, now: Millis, player: P) -> Vec<bool> {
        let others = || (0..self.players.len()).filter(|&other| other != player);
        let last = others().filter_map(|it| self.players[it].robot_ended).max();
        let Some(last) = last.filter(|&last| now.since(last) < ABOUT_MS) else {
            return vec![false];
        };
        let about = |it: P| self.players[it].place == Place::Free && self.is_online(it);
        others()
            .filter(|&it| self.players[it].robot_ended == Some(last))
            .map(about)
            .collect()
    }

    /// Frees the original's button: as if it had asked for somebody new.
    pub(super) fn thaw(&mut self, now: Millis, player: P) {
        self.players[player].frozen_until = None;
        if matches!(self.players[player].place, Place::Lobby(_)) {
            return;
        }
        let partner = self.partner(player);
        self.vacate(now, player);
        self.enter_lobby(now, player, now, partner);
        if let Place::Lobby(wait) = &mut self.players[player].place {
            wait.thawed = true;
        }
        self.figures.thaws += 1;
    }

    /// A player that waited for its partner in vain goes to the lobby.
    pub(super) fn move_on(&mut self, now: Millis, player: P, ready: Millis) {
        self.vacate(now, player);
        self.enter_lobby(now, player, ready, None);
    }

    /// Who sits on the other seat.
    pub(super) fn partner(&self, player: P) -> Option<P> {
        let Place::Seat(room) = self.players[player].place else {
            return None;
        };
        let seats = &self.rooms.get(&room)?.seats;
        let mut players = seats.iter().flatten().map(|seat| seat.player);
        players.find(|&other| other != player)
    }

    /// What a player was told of its room is out of date, unless it was told in this very step.
    pub(super) fn forget_told(&mut self, player: P) {
        let state = &mut self.players[player];
        let shown = state.line.and_then(|line| self.shown.get(&line));
        if !shown.is_some_and(|shown| shown.room) {
            state.told = None;
        }
    }

    pub(super) fn insert_room(&mut self, now: Millis, code: Option<String>) -> usize {
        self.rooms_made += 1;
        let room = Room {
            code,
            number: None,
            seats: [None, None],
            round: None,
            since: now,
            first: true,
            not_before: now,
            touched: now,
        };
        self.rooms.insert(self.rooms_made, room);
        self.rooms_made
    }

    pub(super) fn sit(&mut self, player: P, id: usize) {
        let Some(room) = self.rooms.get_mut(&id) else {
            return;
        };
        if let Some(free) = room.seats.iter_mut().find(|seat| seat.is_none()) {
            *free = Some(Seat {
                player,
                ready: None,
                says_ready: false,
                chose: false,
            });
        }
        self.players[player].place = Place::Seat(id);
        self.players[player].robot_left = None;
    }

    /// Seats a player in a private room.
    pub(super) fn sit_down(&mut self, player: P, id: usize, ready: bool) {
        self.sit(player, id);
        let seats = self.rooms.get_mut(&id).map(|room| &mut room.seats);
        for seat in seats.into_iter().flatten().flatten() {
            if seat.player == player {
                seat.says_ready = !ready;
            }
        }
    }

    /// Follows a `start` to a player, who is not in a round or came back to one.
    pub(super) fn follow_start(
        &mut self,
        now: Millis,
        (player, start): (P, &Start),
        also: Option<P>,
    ) -> Check {
        if let Some((id, round, side)) = self.round_of(player) {
            if round.untold.contains(&player) {
                let text = &round.text;
                ensure!(
                    start.is_same(text),
                    rules::START_BOTH,
                    "{start:?} is not {text:?}"
                );
                if let Some(round) = self.rooms.get_mut(&id).and_then(|room| room.round.as_mut()) {
                    round.untold.retain(|&untold| untold != player);
                }
                return Ok(());
            }
            let resumed = self.resumed == Some(player);
            let who = self.name(player);
            ensure!(
                resumed,
                rules::START_BOTH,
                "{who} got another start in its round"
            );
            return self.check_repeated(now, start, round, side);
        }
        self.name_guests(player, also, start);
        let uids = start.room_users.each_ref().map(|user| user.uid.as_str());
        ensure!(uids[0] != uids[1], rules::TWO_UIDS, "{uids:?}");
        let own = self.players[player].uid.as_str();
        let side = uids.iter().position(|&uid| uid == own);
        let Some(side) = side else {
            let detail = format!("{} starts with {uids:?}", self.name(player));
            return Err(Violation::new(rules::START, detail));
        };
        let whole = self.config.game_time_ms / 1000;
        ensure!(start.game_time == whole, rules::START, "{start:?}");
        ensure!(
            !self.draining,
            rules::START_FROM,
            "a round starts while draining"
        );
        let again = also.is_some() && self.partner(player) == also;
        if !again {
            self.catch_up(now, player);
            if let Some(also) = also {
                self.catch_up(now, also);
            }
        }
        let (place, other) = match also {
            Some(also) => (Some(also), Who::Human(also)),
            None => (None, Who::Robot(uids[1 - side].into())),
        };
        let robot = uids[1 - side].starts_with("robot-");
        ensure!(
            robot || also.is_some(),
            rules::START_BOTH,
            "only one is told {uids:?}"
        );
        if let Some(also) = also {
            let same = self.players[also].uid == uids[1 - side];
            ensure!(
                same,
                rules::START,
                "{} starts with {uids:?}",
                self.name(also)
            );
        }
        let id = self.place_round(now, player, place, side)?;
        self.begin(now, id, (player, side), other, start)
    }

    /// A guest's uid is seen at its first start. Two guests who start together are told apart by
    /// their seats: who waits longer sits first.
    fn name_guests(&mut self, player: P, also: Option<P>, start: &Start) {
        let unnamed = |shadow: &Self, player: P| shadow.players[player].uid.starts_with('?');
        let mut guests: Vec<P> = [Some(player), also].into_iter().flatten().collect();
        guests.sort_by_key(|&guest| match &self.players[guest].place {
            Place::Lobby(wait) => wait.order,
            Place::Free | Place::Seat(_) => 0,
        });
        let known: Vec<String> = (guests.iter())
            .filter(|&&guest| !unnamed(self, guest))
            .map(|&guest| self.players[guest].uid.clone())
            .collect();
        let uids = start.room_users.iter().map(|user| &user.uid);
        let mut uids = uids.filter(|uid| uid.starts_with("guest-") && !known.contains(uid));
        for guest in guests {
            if unnamed(self, guest)
                && let Some(uid) = uids.next()
            {
                self.players[guest].uid.clone_from(uid);
            }
        }
    }

    /// Finds or makes the room in which a round begins, and checks that it may begin.
    fn place_round(
        &mut self,
        now: Millis,
        player: P,
        also: Option<P>,
        side: usize,
    ) -> Result<usize, Violation> {
        let places = (
            self.players[player].place.clone(),
            also.map(|also| self.players[also].place.clone()),
        );
        let who = (self.name(player), also.map(|also| self.name(also)));
        let online = self.is_online(player) && also.is_none_or(|also| self.is_online(also));
        ensure!(online, rules::START_FROM, "{who:?} are not both there");
        match places {
            (Place::Lobby(wait), None) => {
                let usual = wait.since + self.config.robot_after_ms;
                let others = self.humans_against_robots();
                let alone = !others.iter().any(|&it| it != player && self.is_online(it));
                ensure!(
                    usual <= now || wait.goes_on.0 && alone,
                    rules::ROBOT_EARLY,
                    "{who:?} waits since {}, others: {others:?}",
                    wait.since
                );
                ensure!(side == 0, rules::START, "a robot sits first");
                // Whoever leaves it by `new` in this very moment comes to the lobby after it.
                let leaves = |other: P| match &self.players[other].place {
                    Place::Lobby(wait) => wait.entered == now && wait.apart == Some(player),
                    Place::Free | Place::Seat(_) => false,
                };
                let better = self.eligible().into_iter().find(|&(_, other)| {
                    other != player && self.may_meet(now, other, player) && !leaves(other)
                });
                ensure!(
                    better.is_none(),
                    rules::BOTH_WAIT,
                    "{who:?} and {better:?}: a robot"
                );
                let id = self.insert_room(now, None);
                self.sit(player, id);
                Ok(id)
            }
            (Place::Lobby(one), Some(Place::Lobby(other))) => {
                let also = also.unwrap_or(player);
                let may = self.may_meet(now, player, also);
                ensure!(may, rules::START_FROM, "{who:?} are kept apart");
                self.check_longest(now, (player, &one), (also, &other))?;
                let first = if side == 0 { one.since } else { other.since };
                let second = if side == 0 { other.since } else { one.since };
                ensure!(
                    first <= second,
                    rules::LONGEST,
                    "{who:?}: the seats are swapped"
                );
                let id = self.insert_room(now, None);
                let order = if side == 0 {
                    [player, also]
                } else {
                    [also, player]
                };
                for player in order {
                    self.sit(player, id);
                }
                Ok(id)
            }
            (Place::Seat(id), Some(Place::Seat(same))) if id == same => {
                self.check_rematch(now, id, &format!("{who:?}"))?;
                Ok(id)
            }
            (Place::Seat(id), None)
                if self.rooms.get(&id).is_some_and(|room| room.code.is_some()) =>
            {
                Err(Violation::new(rules::PRIVATE, format!("{who:?}: a robot")))
            }
            places => {
                let detail = format!("{who:?} are at {places:?}");
                Err(Violation::new(rules::START_FROM, detail))
            }
        }
    }

    fn check_longest(&self, now: Millis, one: (P, &Wait), other: (P, &Wait)) -> Check {
        let eligible = self.eligible();
        let fair = |comer: P, host: P, since: Millis| {
            let passed = |&&(earlier, third): &&(Millis, P)| {
                third != comer && third != host && earlier < since && {
                    self.may_meet(now, comer, third)
                }
            };
            !eligible.iter().any(|entry| passed(&entry))
        };
        let fair = fair(one.0, other.0, other.1.since) || fair(other.0, one.0, one.1.since);
        ensure!(
            fair,
            rules::LONGEST,
            "{one:?} and {other:?} of {eligible:?}"
        );
        Ok(())
    }

    fn check_rematch(&mut self, now: Millis, id: usize, who: &str) -> Check {
        let Some(room) = self.rooms.get(&id) else {
            return Ok(());
        };
        ensure!(
            self.is_wanted(room),
            rules::REMATCH,
            "{who} are not ready: {room:?}"
        );
        let early = now < room.not_before;
        ensure!(
            !early,
            rules::REMATCH,
            "{who} start before {}",
            room.not_before
        );
        if room.code.is_some() {
            self.figures.private_rounds += 1;
        } else {
            self.figures.rematches += 1;
        }
        Ok(())
    }

    fn begin(
        &mut self,
        now: Millis,
        id: usize,
        (player, side): (P, usize),
        other: Who,
        start: &Start,
    ) -> Check {
        let robot = matches!(other, Who::Robot(_));
        let usual = self.config.robot_after_ms;
        let joined_at = self.players[player].joined_at;
        let hasty = joined_at.is_some_and(|since| now.since(since) < usual);
        let untold = match other {
            Who::Human(other) => vec![other],
            _ => Vec::new(),
        };
        let who = |who| Side { who, choice: None };
        let mut sides = [who(Who::Human(player)), who(other)];
        if side == 1 {
            sides.reverse();
        }
        for (side, user) in sides.iter().zip(&start.room_users) {
            self.check_user(&side.who, None, user)?;
            if let Who::Human(player) = side.who {
                let state = &mut self.players[player];
                state.frozen_until = None;
                state.held = [None, None];
                if let Some(since) = state.joined_at.take() {
                    let waited = now.since(since);
                    self.figures.longest_wait_ms = self.figures.longest_wait_ms.max(waited);
                }
            }
        }
        let Some(room) = self.rooms.get_mut(&id) else {
            return Ok(());
        };
        let mut seated = room.seats.iter();
        let ordered = sides.iter().all(|side| match (&side.who, seated.next()) {
            (Who::Human(player), Some(Some(seat))) => seat.player == *player,
            (Who::Robot(_), Some(None)) => true,
            _ => false,
        });
        ensure!(
            ordered,
            rules::START,
            "the users are not in the order of the seats"
        );
        for seat in room.seats.iter_mut().flatten() {
            seat.ready = None;
            seat.chose = false;
        }
        room.round = Some(Round {
            began_at: now,
            ends_at: now + self.config.game_time_ms,
            sides,
            untold,
            faces: Vec::new(),
            text: start.clone(),
        });
        if robot {
            self.figures.robot_rounds += 1;
            self.figures.robots_at_once += u64::from(hasty);
        } else {
            self.figures.human_rounds += 1;
        }
        Ok(())
    }

    /// A `start` that repeats a running round to a player who came back.
    fn check_repeated(&self, now: Millis, start: &Start, round: &Round, own: usize) -> Check {
        let left_s = round.ends_at.since(now).div_ceil(1000);
        let told = start.game_time;
        ensure!(
            told == left_s,
            rules::RESUME,
            "{told} s instead of {left_s} s"
        );
        for (index, (side, user)) in round.sides.iter().zip(&start.room_users).enumerate() {
            let choice = side.choice.filter(|_| index == own);
            self.check_user(&side.who, choice, user)?;
        }
        Ok(())
    }

    fn check_user(&self, who: &Who, choice: Option<u8>, user: &crate::texts::StartUser) -> Check {
        let (uid, total, streak) = match who {
            Who::Human(player) => {
                let state = &self.players[*player];
                (&state.uid, state.total, state.streak)
            }
            Who::Robot(uid) => (uid, 0, 0),
            Who::Left(uid, total) => (uid, *total, 0),
        };
        let fits = *uid == user.uid
            && user.choice == choice
            && user.round_score == 0
            && (user.total_score, user.win_streak) == (total, streak);
        let want = (uid, choice, total, streak);
        ensure!(fits, rules::START, "{user:?} instead of {want:?}");
        Ok(())
    }

    /// Follows a `movement` to a player.
    pub(super) fn follow_movement(
        &mut self,
        now: Millis,
        player: P,
        movement: &crate::texts::Movement,
    ) -> Check {
        self.figures.movements += 1;
        let who = self.name(player);
        let kind = match (movement.movement.as_str(), movement.face) {
            ("choice", None) => 0,
            ("face", Some(_)) => 1,
            _ => return Err(Violation::new(rules::MOVEMENT, format!("{movement:?}"))),
        };
        let interval = self.config.relay_interval_ms;
        let last = self.players[player].moved_at[kind].replace(now);
        let paced = last.is_none_or(|last| interval <= now.since(last));
        ensure!(
            paced,
            rules::MOVEMENT_PACE,
            "{who}: {movement:?} after {last:?}"
        );
        let robot =
            self.round_of(player)
                .and_then(|(_, round, side)| match &round.sides[1 - side].who {
                    Who::Robot(uid) => Some((uid, round.began_at)),
                    _ => None,
                });
        if let Some((uid, began_at)) = robot {
            let fits = *uid == movement.uid && 10 <= now.since(began_at);
            ensure!(fits, rules::MOVEMENT, "{movement:?} from robot {uid}");
            return match movement.face {
                Some(face) => self.follow_robots_face(now, player, face),
                None => Ok(()),
            };
        }
        let partner = self
            .partner(player)
            .map(|partner| self.players[partner].uid.as_str());
        let fits = partner == Some(&movement.uid);
        ensure!(
            fits,
            rules::MOVEMENT,
            "{who} has partner {partner:?}: {movement:?}"
        );
        let held = self.players[player].held[kind].take();
        let fits = held.is_some_and(|(_, face)| face == movement.face);
        ensure!(
            fits,
            rules::MOVEMENT,
            "{who}: {movement:?} instead of {held:?}"
        );
        Ok(())
    }

    /// A robot's face answers one that it was shown, and only clients that know that are told.
    fn follow_robots_face(&mut self, now: Millis, player: P, face: u32) -> Check {
        self.figures.robot_faces += 1;
        let v2 = self.players[player].v2;
        let who = self.name(player);
        let Place::Seat(id) = self.players[player].place else {
            return Ok(());
        };
        let room = self.rooms.get_mut(&id);
        if let Some(round) = room.and_then(|room| room.round.as_mut()) {
            let asked = |at: &Millis| ROBOT_FACE_MS <= now.since(*at);
            let fits = v2 && (1..=4).contains(&face) && round.faces.iter().any(asked);
            let faces = &round.faces;
            ensure!(fits, rules::MOVEMENT, "{who}: {face} after {faces:?}");
            // Those it saw before are answered with it.
            round.faces.retain(|at| !asked(at));
        }
        Ok(())
    }

    /// Somebody's partner made a movement. It may be told to one that comes back, and need not be.
    pub(super) fn relay(&mut self, now: Millis, to: P, kind: usize, face: Option<u32>) {
        let now = if self.players[to].line.is_some() {
            now
        } else {
            NEVER
        };
        let held = &mut self.players[to].held[kind];
        *held = Some((held.map_or(now, |(since, _)| since.min(now)), face));
    }

    /// A player's connection is gone.
    pub(super) fn lost(&mut self, now: Millis, conn: ConnId) {
        let player = self.lines.get(&conn).and_then(|line| line.player);
        if let Some(player) = player {
            self.players[player].owes = (self.owed(now, player), now);
        }
        self.lines.remove(&conn);
        let Some(player) = player else {
            return;
        };
        self.owed_leaves.retain(|(owed, _)| *owed != player);
        let was_online = self.is_online(player);
        let plays = self.round_of(player).is_some();
        let state = &mut self.players[player];
        state.line = None;
        state.away = false;
        state.frozen_until = None;
        state.held = [None, None];
        state.told = None;
        if state.v2 || plays {
            state.offline_since = Some(now);
            if was_online {
                self.became_absent(now, player);
            }
            if self.placed.contains(&player) && self.players[player].place == Place::Free {
                self.note_lost_seat(player);
            }
            self.keep_within_limit(now);
        } else {
            self.vacate(now, player);
            self.live.remove(&player);
        }
    }

    pub(super) fn became_absent(&mut self, now: Millis, player: P) {
        let state = &mut self.players[player];
        state.absent_since = Some(now);
        state.joined_at = None;
        match &mut state.place {
            Place::Free => (),
            Place::Lobby(wait) => wait.parked = Some(now),
            Place::Seat(id) => {
                if let Some(room) = self.rooms.get_mut(id) {
                    for seat in room.seats.iter_mut().flatten() {
                        if seat.player == player {
                            seat.ready = None;
                        }
                    }
                }
            }
        }
    }

    pub(super) fn came_back(&mut self, now: Millis, player: P) {
        let state = &mut self.players[player];
        if std::mem::take(&mut state.unseated) {
            self.owed_seats.push(player);
        }
        state.absent_since = None;
        if let Place::Lobby(wait) = &mut state.place {
            wait.parked = None;
            wait.entered = now;
        }
    }
}

impl Round {
    pub(super) fn robot(&self) -> bool {
        self.sides
            .iter()
            .any(|side| matches!(side.who, Who::Robot(_)))
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Win,
    Lose,
    Draw,
}

/// 1 scissors, 2 rock, 3 paper: each number beats the one before it, and 1 beats 3.
fn judge(own: Option<u8>, other: Option<u8>) -> Verdict {
    match (own, other) {
        (None, None) => Verdict::Draw,
        (None, Some(_)) => Verdict::Lose,
        (Some(_), None) => Verdict::Win,
        (Some(own), Some(other)) => match (3 + own - other) % 3 {
            0 => Verdict::Draw,
            1 => Verdict::Win,
            _ => Verdict::Lose,
        },
    }
}

/// Points of the round, the new total, the new streak.
fn score((total, streak): (u32, u32), verdict: Verdict) -> (u32, u32, u32) {
    match verdict {
        Verdict::Win => (streak + 1, total + streak + 1, streak + 1),
        Verdict::Lose => (0, total, 0),
        Verdict::Draw => (0, total, streak),
    }
}

fn row(uid: &str, points: u32, total: u32, streak: u32, choice: Option<u8>) -> Row {
    Row {
        uid: uid.into(),
        round_score: points,
        total_score: total,
        win_streak: streak,
        choice,
    }
}
