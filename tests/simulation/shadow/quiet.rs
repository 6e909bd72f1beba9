//! What must have happened by now: checked when no timer is due any more.

use roshambo::hub::Dialect;
use roshambo::time::Millis;

use super::{Check, MINUTE_MS, OLD_PAGE_MS, P, PRIVATE_IDLE_MS, Place, Shadow, Who, ensure, rules};

/// What a clock is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Round(usize),
    Player(P),
}

impl Shadow {
    /// Timers are due in the order of their times, also when many of them are late together: what
    /// was due before `at` has been done by now, shown or not.
    pub(crate) fn settle_before(&mut self, now: Millis, at: Millis) -> Check {
        if self.undecided {
            return Ok(());
        }
        while let Some((due, item)) = self.next_due()
            && due < at
        {
            match item {
                Item::Player(player) => self.catch_up_by(now, due, player),
                Item::Round(id) => self.conclude(now, id, None)?,
            }
            // What is done late is done, or there is nothing to do.
            if self.next_due() == Some((due, item)) {
                break;
            }
        }
        self.check_owed()
    }

    /// What the clocks ask for next without showing it to anybody, and when.
    fn next_due(&self) -> Option<(Millis, Item)> {
        let rounds = self.rooms.iter().filter_map(|(&id, room)| {
            let round = room.round.as_ref()?;
            let unseen = !self.is_watched(round);
            unseen.then_some((round.ends_at, Item::Round(id)))
        });
        let players = self.live.iter().filter_map(|&player| {
            let due = self.due_of(player)?;
            Some((due, Item::Player(player)))
        });
        rounds.chain(players).min()
    }

    /// When a player's clocks ask for something, as [`Self::catch_up`] does it.
    fn due_of(&self, player: P) -> Option<Millis> {
        let state = &self.players[player];
        let thaws = !self.draining && self.is_online(player);
        let frozen = state.frozen_until.filter(|_| thaws);
        let place = match &state.place {
            Place::Free => None,
            Place::Lobby(wait) => wait.parked.map(|since| since + MINUTE_MS),
            // While draining nothing is begun any more, and not everything ended.
            Place::Seat(_) if self.draining => None,
            Place::Seat(id) => self.due_of_seat(*id, player),
        };
        [frozen, place].into_iter().flatten().min()
    }

    fn due_of_seat(&self, id: usize, player: P) -> Option<Millis> {
        let room = self.rooms.get(&id)?;
        if room.round.is_some() || self.is_wanted(room) {
            return None;
        }
        if room.code.is_some() {
            return Some(room.touched + PRIVATE_IDLE_MS);
        }
        let stay_ends = room.since + MINUTE_MS;
        let seats = room.seats.iter().flatten();
        let ready = seats.filter_map(|seat| Some((seat.ready?, seat.player)));
        match ready.min() {
            Some((since, waiter)) => {
                let moves = waiter == player && !self.draining;
                moves.then(|| stay_ends.min(since + self.config.rematch_wait_ms))
            }
            None => Some(stay_ends),
        }
    }

    /// Does to a player what its clocks ask for: some of it shows only later, or never.
    pub(super) fn catch_up(&mut self, now: Millis, player: P) {
        self.catch_up_by(now, now, player);
    }

    /// Does at `now` what was due by `by`.
    fn catch_up_by(&mut self, now: Millis, by: Millis, player: P) {
        let online = self.is_online(player);
        let frozen = self.players[player].frozen_until;
        if frozen.is_some_and(|until| until <= by) && !self.draining && online {
            self.thaw(now, player);
        }
        self.give_place_up(now, by, player);
        if let Place::Seat(id) = self.players[player].place {
            self.catch_up_room_by(now, by, id, player);
        }
    }

    /// The minute of an absent player in the lobby.
    fn give_place_up(&mut self, now: Millis, by: Millis, player: P) {
        if let Place::Lobby(wait) = &self.players[player].place
            && wait.parked.is_some_and(|since| since + MINUTE_MS <= by)
        {
            self.vacate(now, player);
            self.note_lost_seat(player);
        }
    }

    pub(super) fn catch_up_room(&mut self, now: Millis, id: usize, player: P) {
        self.catch_up_room_by(now, now, id, player);
    }

    fn catch_up_room_by(&mut self, now: Millis, by: Millis, id: usize, player: P) {
        let Some(room) = self.rooms.get(&id) else {
            return;
        };
        if room.round.is_some() || self.is_wanted(room) {
            return;
        }
        if room.code.is_some() {
            if room.touched + PRIVATE_IDLE_MS <= by {
                let members = room.seats.iter().flatten().map(|seat| seat.player);
                let connected = |&member: &P| self.players[member].line.is_some();
                self.owed_problems.extend(members.filter(connected));
                self.dissolve(id);
            }
            return;
        }
        let stay_is_over = room.since + MINUTE_MS <= by;
        let mut waiters: Vec<(Millis, P)> = room
            .seats
            .iter()
            .flatten()
            .filter_map(|seat| Some((seat.ready?, seat.player)))
            .collect();
        waiters.sort_unstable();
        match waiters.first() {
            Some(&(since, waiter)) => {
                let due = stay_is_over || since + self.config.rematch_wait_ms <= by;
                if due && waiter == player && !self.draining {
                    self.move_on(now, waiter, since);
                }
            }
            None if stay_is_over => self.dissolve(id),
            None => (),
        }
    }

    /// Asks, when no timer is due, whether something that had to happen by `now` did not.
    pub(crate) fn quiet(&mut self, now: Millis, running_rounds: usize) -> Check {
        if self.undecided {
            return Ok(());
        }
        let players: Vec<P> = self.live.iter().copied().collect();
        for &player in &players {
            if self.draining {
                self.give_place_up(now, now, player);
            } else {
                self.catch_up(now, player);
            }
        }
        self.check_owed()?;
        self.quiet_rooms(now)?;
        self.quiet_lobby(now)?;
        for &player in &players {
            self.quiet_player(now, player)?;
        }
        for (conn, line) in &self.lines {
            let silent_ms = now.since(line.seen_at);
            let most_ms = self.patience_ms(line).1;
            ensure!(
                silent_ms < most_ms,
                rules::SILENCE,
                "{conn:?} is silent for {silent_ms} ms"
            );
            let mute = !line.spoke && self.config.hello_timeout_ms <= now.since(line.opened_at);
            ensure!(!mute, rules::SILENCE, "{conn:?} never spoke");
            let interval = self.config.ping_interval_ms;
            let pings_at = match line.dialect {
                Dialect::Eio4 => line.pinged_at.unwrap_or(line.opened_at) + interval,
                _ => line.seen_at.max(line.pinged_at.unwrap_or_default()) + interval,
            };
            ensure!(now < pings_at, rules::SILENCE, "{conn:?} is not pinged");
        }
        let rounds = self.rounds();
        let same = rounds == running_rounds;
        ensure!(
            same,
            rules::ROUNDS,
            "{running_rounds} run, it should be {rounds}"
        );
        Ok(())
    }

    fn quiet_rooms(&mut self, now: Millis) -> Check {
        let mut unseen = Vec::new();
        for (&id, room) in &self.rooms {
            let Some(round) = &room.round else {
                let wanted = self.is_wanted(room) && !self.draining && room.not_before <= now;
                ensure!(!wanted, rules::REMATCH, "it does not start: {room:?}");
                continue;
            };
            let over = round.ends_at <= now;
            let watched = self.is_watched(round);
            let due = round.ends_at;
            ensure!(
                !over || !watched,
                rules::RESULT_TIME,
                "none at {due}: {room:?}"
            );
            if over {
                unseen.push(id);
            }
        }
        for id in unseen {
            self.conclude(now, id, None)?;
        }
        Ok(())
    }

    fn quiet_lobby(&mut self, now: Millis) -> Check {
        if self.draining {
            return Ok(());
        }
        let waiting = self.eligible();
        for (index, &(_, one)) in waiting.iter().enumerate() {
            for &(_, other) in &waiting[index + 1..] {
                let may = self.may_meet(now, one, other);
                let who = (self.name(one), self.name(other));
                ensure!(!may, rules::BOTH_WAIT, "{who:?}");
            }
        }
        self.excuse(now);
        for (since, player) in waiting {
            let robot_at = since + self.config.robot_after_ms;
            let cap = robot_at + self.config.game_time_ms;
            let who = self.name(player);
            let Place::Lobby(wait) = &self.players[player].place else {
                continue;
            };
            let rule = if wait.thawed {
                rules::FROZEN
            } else {
                rules::LOBBY_WAIT
            };
            ensure!(
                now < cap.max(wait.entered + 1),
                rule,
                "{who} waits since {since}"
            );
            let late = robot_at <= now && !wait.excused;
            let slow = wait.goes_on.1 && now < robot_at && !wait.held_up;
            ensure!(
                !(late || slow),
                rules::ROBOT_LATE,
                "{who} waits since {since}"
            );
        }
        Ok(())
    }

    /// Whoever waits when its robot's time has come, while another human plays against a robot,
    /// may have to wait for that human.
    pub(super) fn excuse(&mut self, now: Millis) {
        let waiting = self.eligible();
        if waiting.is_empty() {
            return;
        }
        let robots: Vec<P> = self.humans_against_robots();
        for (since, player) in waiting {
            // Nobody sees what came first in a millisecond, the end of a round or the wait.
            let just = self.robot_round_ended.filter(|&(at, _)| at == now);
            let just = just.is_some_and(|(_, other)| other != player);
            let busy = just || robots.iter().any(|&other| other != player);
            if let Place::Lobby(wait) = &mut self.players[player].place {
                wait.excused |= busy && since + self.config.robot_after_ms <= now;
                wait.held_up |= busy;
            }
        }
    }

    /// Who is in a round against a robot.
    pub(super) fn humans_against_robots(&self) -> Vec<P> {
        let mut humans = Vec::new();
        for round in self.rooms.values().filter_map(|room| room.round.as_ref()) {
            if round.robot() {
                humans.extend(round.sides.iter().filter_map(|side| match side.who {
                    Who::Human(player) => Some(player),
                    Who::Robot(_) | Who::Left(..) => None,
                }));
            }
        }
        humans
    }

    fn quiet_player(&self, now: Millis, player: P) -> Check {
        let state = &self.players[player];
        for (since, face) in state.held.iter().flatten() {
            let due = *since + self.config.relay_interval_ms;
            let who = self.name(player);
            ensure!(
                now < due,
                rules::MOVEMENT_SENT,
                "{who} waits for {face:?} since {since}"
            );
        }
        if self.draining {
            return Ok(());
        }
        if let Some(since) = state.joined_at {
            let config = &self.config;
            let waits = config.rematch_wait_ms + config.robot_after_ms + config.game_time_ms;
            let most = since + waits.max(OLD_PAGE_MS);
            let who = self.name(player);
            ensure!(now <= most, rules::JOIN_WAIT, "{who} waits since {since}");
        }
        Ok(())
    }

    /// When [`quiet`](Self::quiet) has to be asked next, at the latest.
    pub(crate) fn next_deadline(&self, now: Millis) -> Option<Millis> {
        let mut deadlines = Vec::new();
        for room in self.rooms.values() {
            match &room.round {
                Some(round) => deadlines.push(round.ends_at),
                None => {
                    deadlines.extend([room.not_before, room.since + MINUTE_MS]);
                    let ready = room.seats.iter().flatten().filter_map(|seat| seat.ready);
                    deadlines.extend(ready.map(|ready| ready + self.config.rematch_wait_ms));
                }
            }
        }
        for &player in &self.live {
            let state = &self.players[player];
            deadlines.extend(state.frozen_until);
            let held = state.held.iter().flatten();
            deadlines.extend(held.map(|(since, _)| *since + self.config.relay_interval_ms));
            if let Place::Lobby(wait) = &state.place {
                let robot_at = wait.since + self.config.robot_after_ms;
                deadlines.extend([robot_at, robot_at + self.config.game_time_ms]);
                deadlines.extend(wait.parked.map(|since| since + MINUTE_MS));
            }
        }
        deadlines.into_iter().filter(|&at| now < at).min()
    }
}
