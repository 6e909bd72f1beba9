//! The model's connections: what clients say, what they are told, how they end.

use std::collections::BTreeMap;

use roshambo::hub::{Dialect, Timer};
use roshambo::model::{ConnId, Origin};
use roshambo::time::Millis;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{
    Check, Line, MINUTE_MS, P, Place, Player, Shadow, Shown, Violation, Who, Window, ensure, rules,
};
use crate::texts::{Event, HiSession, Packet, Problem, Row};
use crate::world::{Fact, Order};

/// A client's event, as far as it can be read.
#[derive(Debug)]
struct Said {
    name: String,
    payload: Value,
    /// Whether it is a `choice` as it should be, to the letter.
    sound_choice: bool,
    ack: Option<String>,
}

/// Finds the event in a client's text.
fn interpret(dialect: Dialect, text: &str) -> Option<Said> {
    let (mut ack, mut body) = (None, text);
    if dialect != Dialect::Plain {
        body = text.strip_prefix("42")?;
        if body.starts_with('/') {
            let (namespace, rest) = body.split_once(',')?;
            if namespace.split('?').next() != Some("/") {
                return None;
            }
            body = rest;
        }
        let digits = body.bytes().take_while(u8::is_ascii_digit).count();
        if 0 < digits {
            ack = Some(body[..digits].to_owned());
            body = &body[digits..];
        }
    }
    let items: Vec<&RawValue> = serde_json::from_str(body).ok()?;
    let name = serde_json::from_str(items.first()?.get()).ok()?;
    let raw = items.get(1).map_or("", |item| item.get());
    let sound_choice = (1..=3).any(|choice| raw == format!(r#"{{"choice":{choice}}}"#));
    let payload = items
        .get(1)
        .and_then(|item| serde_json::from_str(item.get()).ok());
    let payload = payload.unwrap_or_default();
    Some(Said {
        name,
        payload,
        sound_choice,
        ack,
    })
}

impl Shadow {
    pub(super) fn opened(
        &mut self,
        now: Millis,
        (conn, from): (ConnId, Option<Origin>),
        dialect: Dialect,
    ) {
        let line = Line {
            dialect,
            from,
            opened_at: now,
            seen_at: now,
            pinged_at: None,
            entered: dialect != Dialect::Eio4,
            spoke: false,
            v2: false,
            player: None,
            greeted: false,
            taken_over: false,
            sent_back: false,
            former: None,
            credit: u64::from(self.config.rate_limit) * 2_000,
            credited_at: now,
            window: Window::default(),
        };
        self.lines.insert(conn, line);
    }

    /// Ends the rounds whose results were told in this step.
    pub(super) fn settle_told(
        &mut self,
        now: Millis,
        fact: &Fact,
        orders: &[Order],
        told: &Told<'_>,
    ) -> Check {
        let mut ended: BTreeMap<usize, (&[Row; 2], Vec<P>)> = BTreeMap::new();
        self.early = 0;
        let result = |packet: &Packet| matches!(packet, Packet::Event(Event::Result(_)));
        let last = told
            .iter()
            .rposition(|(_, packet)| result(packet))
            .unwrap_or(0);
        for (conn, packet) in told.iter().take(last) {
            let Packet::Event(Event::Movement(movement)) = packet else {
                continue;
            };
            if let Some(player) = self.lines.get(&conn).and_then(|line| line.player) {
                self.early += 1;
                let before = self.players[player].moved_at;
                self.follow_movement(now, player, movement)?;
                // A robot's move that was late, as after a jump of the clock.
                self.players[player].moved_at = before;
            }
        }
        let closes = |conn| {
            let is = |order: &Order| matches!(order, Order::Close { conn: it, .. } if *it == conn);
            orders.iter().any(is) || matches!(fact, Fact::Closed { conn: it } if *it == conn)
        };
        for (conn, packet) in told.iter() {
            let Packet::Event(Event::Result(rows)) = packet else {
                continue;
            };
            // Somebody who comes back in this very step does not speak for its player yet.
            let Some(player) = self.lines.get(&conn).and_then(|line| line.player) else {
                continue;
            };
            let who = self.name(player);
            let Some((room, round, _)) = self.round_of(player) else {
                let detail = format!("{who} is in no round: {rows:?}");
                return Err(Violation::new(rules::RESULT_ONE, detail));
            };
            let due = round.ends_at;
            ensure!(
                due <= now,
                rules::RESULT_TIME,
                "{who} gets its result before {due}"
            );
            let (first, got) = ended.entry(room).or_insert((rows, Vec::new()));
            ensure!(*first == rows, rules::RESULT_ROWS, "{rows:?} and {first:?}");
            ensure!(
                !got.contains(&player),
                rules::RESULT_ONE,
                "{who} gets two results"
            );
            got.push(player);
            self.figures.results += 1;
        }
        for (room, (rows, got)) in ended {
            let sides = self.rooms.get(&room).and_then(|room| room.round.as_ref());
            for side in sides.iter().flat_map(|round| &round.sides) {
                // Who is closed in this step may have been closed before the round was ended.
                if let Who::Human(player) = side.who
                    && let Some(conn) = self.players[player].line
                    && !closes(conn)
                {
                    let who = self.name(player);
                    ensure!(got.contains(&player), rules::RESULT_ONE, "{who} gets none");
                }
            }
            self.conclude(now, room, Some(rows))?;
            self.follow_early_starts(now, room, told)?;
        }
        Ok(())
    }

    /// What an input itself does, before anything it causes is told.
    pub(super) fn apply(
        &mut self,
        now: Millis,
        fact: &Fact,
        orders: &[Order],
        told: &Told<'_>,
    ) -> Check {
        match fact {
            Fact::Text { conn, text } => {
                let closes =
                    |order: &Order| matches!(order, Order::Close { conn: it, .. } if it == conn);
                let closed = orders.iter().any(closes);
                self.said(now, (*conn, text), closed, told)
            }
            Fact::Seen { conn } => {
                self.seen(now, *conn);
                Ok(())
            }
            Fact::Due { timer } => {
                if matches!(timer, Timer::World(roshambo::world::Timer::Sessions)) {
                    self.expire_sessions(now, told);
                }
                Ok(())
            }
            Fact::Closed { conn } => {
                self.lost(now, *conn);
                Ok(())
            }
            Fact::Drain => {
                self.draining = true;
                Ok(())
            }
            Fact::Opened { .. }
            | Fact::Binary { .. }
            | Fact::Violation { .. }
            | Fact::Dismiss { .. } => Ok(()),
        }
    }

    fn seen(&mut self, now: Millis, conn: ConnId) {
        if let Some(line) = self.lines.get_mut(&conn) {
            line.seen_at = now;
            if line.dialect != Dialect::Eio4 {
                line.pinged_at = None;
            }
        }
    }

    fn said(
        &mut self,
        now: Millis,
        (conn, text): (ConnId, &str),
        closed: bool,
        told: &Told<'_>,
    ) -> Check {
        self.seen(now, conn);
        let Some(line) = self.lines.get_mut(&conn) else {
            return Ok(());
        };
        line.spoke |= !closed;
        if line.dialect == Dialect::Eio4 && text.starts_with("40") && !text.starts_with("40/") {
            line.entered = true;
        }
        let acks = told
            .to(conn)
            .filter(|packet| matches!(packet, Packet::Ack(..)))
            .count();
        let Some(said) = interpret(line.dialect, text) else {
            ensure!(acks == 0, rules::ACK, "{text} is acknowledged");
            return self.said_packet(now, (conn, text), closed, told);
        };
        if !line.entered {
            ensure!(
                closed,
                rules::OPENING,
                "an event before the connect packet: {text}"
            );
            return Ok(());
        }
        let wanted = usize::from(said.ack.is_some());
        ensure!(acks <= wanted, rules::ACK, "{acks} acknowledgements");
        if closed {
            return self.sent_back(now, conn, &said, told);
        }
        let within = self.spend(now, conn);
        let counts = said.name == "choice" && said.sound_choice;
        let mut ack_code = None;
        if let Some(id) = &said.ack
            && (within || !counts)
        {
            match told.to(conn).next() {
                Some(Packet::Ack(have, code)) if have == id => ack_code = Some(code.as_deref()),
                first => {
                    let detail = format!("{id} is answered by {first:?}");
                    return Err(Violation::new(rules::ACK, detail));
                }
            }
        }
        let Some(line) = self.lines.get(&conn) else {
            return Ok(());
        };
        let problem = told.problem(conn);
        let code = problem.map(|problem| problem.code.as_str());
        if !(within || counts) {
            let dropped = code.is_none_or(|code| code == "too-fast")
                && ack_code.is_none_or(|code| code == Some("too-fast"));
            ensure!(dropped, rules::RATE, "{text} is over the limit: {code:?}");
            return Ok(());
        }
        if code == Some("bad-payload") {
            return Ok(());
        }
        let player = line.player;
        let v2 = line.v2;
        let known = match said.name.as_str() {
            "hello" | "join" | "choice" | "face" | "leave" => true,
            "away" | "ping" => v2,
            _ => false,
        };
        let unknown = code == Some("unknown-event");
        ensure!(
            known != unknown,
            rules::REFUSAL,
            "{text} is answered by {code:?}"
        );
        if unknown {
            return Ok(());
        }
        let want = match said.name.as_str() {
            "hello" => {
                self.hello(now, conn, &said.payload, told)?;
                None
            }
            "join" => self.join(now, conn, &said.payload, told)?,
            _ => {
                let Some(player) = player else {
                    let ignored = said.name != "leave";
                    let fits = ack_code.is_none_or(|code| code == ignored.then_some("not-playing"));
                    ensure!(fits, rules::REFUSAL, "{text} is answered by {ack_code:?}");
                    return Ok(());
                };
                self.act(now, player, &said, within)
            }
        };
        let silent = want == Some("not-playing") || (want == Some("already-playing") && !v2);
        let loud = want.filter(|_| !silent);
        ensure!(
            code == loud,
            rules::REFUSAL,
            "{text}: {code:?} instead of {loud:?}"
        );
        let fits = ack_code.is_none_or(|code| code == want);
        ensure!(
            fits,
            rules::REFUSAL,
            "{text}: {ack_code:?} instead of {want:?}"
        );
        if said.name == "ping" {
            let pong = told
                .to(conn)
                .any(|packet| *packet == Packet::Event(Event::Pong));
            ensure!(pong, rules::REFUSAL, "{text} is not answered");
        }
        Ok(())
    }

    /// Whatever is no event and wants an answer counts as one, and gets none over the limit.
    fn said_packet(
        &mut self,
        now: Millis,
        (conn, text): (ConnId, &str),
        closed: bool,
        told: &Told<'_>,
    ) -> Check {
        let Some(line) = self.lines.get(&conn) else {
            return Ok(());
        };
        let asks = line.dialect != Dialect::Plain && text.starts_with('2') && !closed;
        let first = told.to(conn).next();
        let answered = matches!(first, Some(Packet::Pong | Packet::NoNamespace));
        // It comes once at most, and is answered in any case.
        let entered = matches!(first, Some(Packet::Connected));
        if !(asks || answered || entered) {
            return Ok(());
        }
        let within = self.spend(now, conn);
        let fits = entered || within == answered;
        ensure!(
            fits,
            rules::RATE,
            "{text} is within the limit: {within}; it is answered: {answered}"
        );
        Ok(())
    }

    /// Takes one event off the rate limit; whether there was one left.
    fn spend(&mut self, now: Millis, conn: ConnId) -> bool {
        let credit = self.credit(now, conn);
        let within = self.config.rate_limit == 0 || 1_000 <= credit;
        if let Some(line) = self.lines.get_mut(&conn) {
            line.credited_at = now;
            line.credit = if within {
                credit.saturating_sub(1_000)
            } else {
                credit
            };
        }
        within
    }

    /// A `hello` that resumes a session is sent back, if the session's connections together are over
    /// the rate limit.
    fn sent_back(&mut self, now: Millis, conn: ConnId, said: &Said, told: &Told<'_>) -> Check {
        let bye = told.to(conn).find_map(|packet| match packet {
            Packet::Event(Event::Bye(bye)) => bye.retry_ms,
            _ => None,
        });
        let greeted = self.lines.get(&conn).is_some_and(|line| line.greeted);
        if bye.is_none() || said.name != "hello" || greeted {
            return Ok(());
        }
        let given = said.payload["session"].as_str();
        let bears = |&player: &P| given.is_some() && self.players[player].token.as_deref() == given;
        let owed = match self.live.iter().copied().find(bears) {
            Some(player) => self.owed(now, player),
            None => 0,
        };
        let left = self.credit(now, conn);
        ensure!(
            left < owed + 1_000,
            rules::RATE,
            "{owed} owed and {left} left"
        );
        if let Some(line) = self.lines.get_mut(&conn) {
            (line.v2, line.greeted, line.sent_back) = (true, true, true);
        }
        Ok(())
    }

    /// Thousandths of an event that a connection may still send.
    fn credit(&self, now: Millis, conn: ConnId) -> u64 {
        let rate = u64::from(self.config.rate_limit);
        let Some(line) = self.lines.get(&conn) else {
            return 0;
        };
        let credit = line.credit + now.since(line.credited_at) * rate;
        credit.min(rate * 2_000)
    }

    /// Thousandths of an event that a player's connection owes, or owed when it ended.
    pub(super) fn owed(&self, now: Millis, player: P) -> u64 {
        let rate = u64::from(self.config.rate_limit);
        if let Some(conn) = self.players[player].line {
            return rate * 2_000 - self.credit(now, conn);
        }
        let (owed, at) = self.players[player].owes;
        owed.saturating_sub(now.since(at) * rate)
    }

    /// Everything but `hello` and `join`. Returns why it is refused or ignored.
    fn act(&mut self, now: Millis, player: P, said: &Said, within: bool) -> Option<&'static str> {
        if said.name != "away" {
            self.back(now, player);
        }
        self.touch(now, player);
        match said.name.as_str() {
            "choice" => {
                let choice = said.payload["choice"].as_u64()? as u8;
                let Some((room, round, side)) = self.round_of(player) else {
                    return Some("not-playing");
                };
                let opponent = round.sides[1 - side].who.clone();
                if let Some(round) = self
                    .rooms
                    .get_mut(&room)
                    .and_then(|room| room.round.as_mut())
                {
                    round.sides[side].choice = Some(choice);
                }
                if within && let Who::Human(opponent) = opponent {
                    self.relay(now, opponent, 0, None);
                }
                None
            }
            "face" => {
                let face = said.payload["face"].as_u64()? as u32;
                if let Some(partner) = self.partner(player) {
                    self.relay(now, partner, 1, Some(face));
                    return None;
                }
                match self.round_of(player) {
                    Some((room, round, _)) if round.robot() => {
                        let round = self.rooms.get_mut(&room)?.round.as_mut()?;
                        round.faces.push(now);
                        None
                    }
                    _ => Some("not-playing"),
                }
            }
            "leave" => {
                self.players[player].frozen_until = None;
                self.vacate(now, player);
                None
            }
            "away" => {
                if self.is_online(player) {
                    self.players[player].away = true;
                    self.became_absent(now, player);
                }
                None
            }
            _ => None,
        }
    }

    fn back(&mut self, now: Millis, player: P) {
        if std::mem::take(&mut self.players[player].away) {
            self.came_back(now, player);
        }
    }

    fn touch(&mut self, now: Millis, player: P) {
        if let Place::Seat(room) = self.players[player].place
            && let Some(room) = self.rooms.get_mut(&room)
        {
            room.touched = now;
        }
    }

    fn hello(&mut self, now: Millis, conn: ConnId, payload: &Value, told: &Told<'_>) -> Check {
        let hi = told.to(conn).find_map(|packet| match packet {
            Packet::Event(Event::Hi(nearby, session)) => Some((*nearby, session.as_ref())),
            _ => None,
        });
        let Some((_, session)) = hi else {
            return Err(Violation::new(rules::HI, format!("no hi for {payload}")));
        };
        let player = self.lines.get(&conn).and_then(|line| line.player);
        let uid = payload["user"]["uid"].as_str();
        let Some(player) = player else {
            let v2 = payload["v"].as_u64().is_some_and(|version| 2 <= version);
            ensure!(
                v2 == session.is_some(),
                rules::HI,
                "{payload} is answered by {hi:?}"
            );
            return match session {
                Some(session) => {
                    let seated = told.room(conn);
                    self.attach_v2(now, conn, payload, (session, seated))
                }
                None => {
                    self.attach_old(conn, uid.unwrap_or_default().into());
                    Ok(())
                }
            };
        };
        self.back(now, player);
        self.touch(now, player);
        let state = &mut self.players[player];
        if let Some(uid) = uid
            && !state.v2
            && state.place == Place::Free
        {
            state.uid = uid.into();
        }
        // A new name is told to the room.
        for player in [Some(player), self.partner(player)].into_iter().flatten() {
            self.players[player].told = None;
        }
        Ok(())
    }

    fn attach_old(&mut self, conn: ConnId, uid: String) -> P {
        let freezes = self
            .lines
            .get(&conn)
            .is_some_and(|line| line.dialect == Dialect::Eio3);
        let player = self.insert_player(conn, uid);
        self.players[player].freezes = freezes;
        player
    }

    fn insert_player(&mut self, conn: ConnId, uid: String) -> P {
        let player = self.players.len();
        self.players.push(Player {
            uid,
            token: None,
            v2: false,
            freezes: false,
            line: Some(conn),
            away: false,
            offline_since: None,
            owes: (0, Millis::ZERO),
            absent_since: None,
            total: 0,
            streak: 0,
            unsure: false,
            place: Place::Free,
            unseated: false,
            frozen_until: None,
            last_result: None,
            told: None,
            held: [None, None],
            moved_at: [None, None],
            joined_at: None,
            robot_left: None,
            robot_ended: None,
        });
        self.live.insert(player);
        if let Some(line) = self.lines.get_mut(&conn) {
            line.player = Some(player);
        }
        player
    }

    fn attach_v2(
        &mut self,
        now: Millis,
        conn: ConnId,
        payload: &Value,
        (hi, seated): (&HiSession, bool),
    ) -> Check {
        if let Some(line) = self.lines.get_mut(&conn) {
            line.v2 = true;
        }
        let given = payload["session"].as_str();
        let bears = |&player: &P| given.is_some() && self.players[player].token.as_deref() == given;
        let known = self.live.iter().copied().find(bears);
        let alive = known.map(|player| {
            let ends = self.players[player].offline_since;
            ends.is_none_or(|since| now.since(since) < self.config.session_ttl_ms)
        });
        if let Some(alive) = alive {
            let fits = hi.resumed || !alive;
            ensure!(fits, rules::RESUME, "{given:?} is not resumed: {hi:?}");
        }
        let Some(player) = known.filter(|_| hi.resumed) else {
            ensure!(!hi.resumed, rules::RESUME, "{given:?} is unknown: {hi:?}");
            let fresh = (hi.total, hi.streak) == (0, 0)
                && !self.players.iter().any(|player| player.uid == hi.uid)
                && !self
                    .players
                    .iter()
                    .any(|player| player.token.as_ref() == Some(&hi.session));
            ensure!(fresh, rules::HI, "{hi:?} is not new");
            // It counts where it comes from, whose minute may begin with it.
            self.window(now, conn).since.get_or_insert(now);
            self.evict(now);
            let player = self.insert_player(conn, hi.uid.clone());
            self.players[player].v2 = true;
            self.players[player].token = Some(hi.session.clone());
            return Ok(());
        };
        self.figures.resumes += 1;
        self.resumed = Some(player);
        if !seated {
            // What became of its place while nobody saw it.
            self.catch_up(now, player);
        }
        let state = &mut self.players[player];
        if std::mem::take(&mut state.unsure) {
            let (total, streak) = (state.total, state.streak);
            let wins = (total + streak + 1, streak + 1);
            let may = [(total, streak), (total, 0), wins].contains(&(hi.total, hi.streak));
            ensure!(
                may,
                rules::RESUME,
                "{hi:?} after {total}, {streak} and a robot"
            );
            (state.total, state.streak) = (hi.total, hi.streak);
        }
        let same = (state.uid.as_str(), state.total, state.streak)
            == (hi.uid.as_str(), hi.total, hi.streak)
            && given == Some(&hi.session);
        ensure!(same, rules::RESUME, "{hi:?} instead of {state:?}");
        let was_online = self.is_online(player);
        let owed = self.owed(now, player);
        if let Some(line) = self.lines.get_mut(&conn) {
            let left = line.credit;
            ensure!(owed <= left, rules::RATE, "{owed} owed and {left} left");
            line.credit -= owed;
        }
        let state = &mut self.players[player];
        let before = state.line.replace(conn);
        state.away = false;
        state.offline_since = None;
        state.told = None;
        if let Some(before) = before
            && let Some(line) = self.lines.get_mut(&before)
        {
            self.figures.takeovers += 1;
            line.former = line.player.take();
            line.taken_over = true;
        }
        if let Some(line) = self.lines.get_mut(&conn) {
            line.player = Some(player);
        }
        self.touch(now, player);
        if !was_online {
            self.came_back(now, player);
        }
        // The name it brings is news to its partner.
        if let Some(partner) = self.partner(player) {
            self.players[partner].told = self.players[partner].told.take();
        }
        Ok(())
    }

    /// A new session at the limit: of those that never won a point the longest offline goes.
    fn evict(&mut self, now: Millis) {
        while self.config.max_sessions <= self.sessions() && !self.undecided {
            let order = self.offline(now);
            match order.first() {
                Some(&(false, ..)) => self.evict_first(now, &order),
                _ => return,
            }
        }
    }

    /// Somebody is offline: no more than the limit are kept.
    pub(super) fn keep_within_limit(&mut self, now: Millis) {
        while self.config.max_sessions < self.offline_count() && !self.undecided {
            let order = self.offline(now);
            self.evict_first(now, &order);
        }
    }

    fn offline_count(&self) -> usize {
        let players = self.live.iter().map(|&player| &self.players[player]);
        players.filter(|it| it.v2 && it.line.is_none()).count()
    }

    fn evict_first(&mut self, now: Millis, order: &[(bool, Millis, P)]) {
        let same = |other: &(bool, Millis, P)| (other.0, other.1) == (order[0].0, order[0].1);
        self.undecided |= order.get(1).is_some_and(same);
        if self.undecided {
            return;
        }
        self.figures.evictions += 1;
        self.end_session(now, order[0].2);
    }

    /// Sessions without a connection, in the order in which they go: whether it won a point, since
    /// when, and whose it is.
    fn offline(&mut self, now: Millis) -> Vec<(bool, Millis, P)> {
        let mut order = Vec::new();
        for &player in &self.live {
            let state = &self.players[player];
            let Some(since) = state.offline_since.filter(|_| state.v2) else {
                continue;
            };
            // Nobody saw whether it won, or the round may not have ended yet in this millisecond.
            let just = state.last_result.as_ref().is_some_and(|(at, _)| *at == now);
            self.undecided |= just || state.unsure && state.total == 0;
            order.push((0 < state.total, since, player));
        }
        order.sort_unstable();
        order
    }

    /// What counts for where a connection comes from, in its minute.
    fn window(&mut self, now: Millis, conn: ConnId) -> &mut Window {
        let line = self.lines.get_mut(&conn).expect("it has spoken");
        let window = match line.from {
            Some(origin) => self.origins.entry(origin).or_default(),
            None => &mut line.window,
        };
        if window
            .since
            .is_none_or(|since| MINUTE_MS <= now.since(since))
        {
            *window = Window {
                since: None,
                wrong_codes: 0,
            };
        }
        window
    }

    fn expire_sessions(&mut self, now: Millis, told: &Told<'_>) {
        let over = |&player: &P| {
            let state = &self.players[player];
            let since = state.offline_since.filter(|_| state.v2);
            since.is_some_and(|since| since + self.config.session_ttl_ms <= now)
        };
        let over: Vec<P> = self.live.iter().copied().filter(over).collect();
        for player in over {
            // A room does at once whatever is late, and of timers that are late together its own may
            // have been the first: then its partner has moved on, and is told nothing now.
            if let Some(partner) = self.partner(player)
                && self.players[partner]
                    .line
                    .is_some_and(|conn| !told.leave(conn))
            {
                self.catch_up(now, partner);
            }
            self.figures.expiries += 1;
            self.end_session(now, player);
        }
    }

    fn end_session(&mut self, now: Millis, player: P) {
        self.vacate(now, player);
        self.live.remove(&player);
    }

    /// Returns why the `join` is refused or ignored.
    fn join(
        &mut self,
        now: Millis,
        conn: ConnId,
        payload: &Value,
        told: &Told<'_>,
    ) -> Result<Option<&'static str>, Violation> {
        let player = self.lines.get(&conn).and_then(|line| line.player);
        let player = match player {
            Some(player) => player,
            None => {
                let hi = |packet: &Packet| matches!(packet, Packet::Event(Event::Hi(_, None)));
                let greeted = told.to(conn).any(hi);
                ensure!(greeted, rules::HI, "a guest is not greeted");
                // Its uid shows at its first start; until then it is nobody else's.
                let uid = format!("?{}", self.players.len());
                self.attach_old(conn, uid)
            }
        };
        let v2 = self.players[player].v2;
        let room = payload["room"].as_str().filter(|_| v2);
        let enters = room.filter(|&room| room != "new");
        let ready = payload["ready"] != Value::Bool(false);
        if enters.is_some() && 10 <= self.window(now, conn).wrong_codes {
            return Ok(Some("too-fast"));
        }
        self.back(now, player);
        self.touch(now, player);
        self.players[player].frozen_until = None;
        let own = self.own_code(player);
        if enters.is_some_and(|room| own == Some(room.to_ascii_uppercase())) {
            return Ok(None);
        }
        if self.round_of(player).is_some() {
            return Ok(Some("already-playing"));
        }
        if self.draining {
            return Ok(Some("draining"));
        }
        if let Some(room) = enters {
            return Ok(self.enter_room(now, (conn, player), room, ready));
        }
        if room.is_some() {
            self.vacate(now, player);
            let newest = told.to(conn).filter_map(|packet| match packet {
                Packet::Event(Event::Room(room)) => room.code.clone(),
                _ => None,
            });
            let newest = newest.last();
            let taken = self
                .rooms
                .values()
                .any(|room| room.code.is_some() && room.code == newest);
            ensure!(
                newest.is_some() && !taken,
                rules::PRIVATE,
                "no new code: {newest:?}"
            );
            let id = self.insert_room(now, newest);
            self.sit_down(player, id, ready);
            return Ok(None);
        }
        let new = v2 && payload["new"] == Value::Bool(true);
        let Place::Seat(id) = self.players[player].place else {
            if self.players[player].place == Place::Free {
                self.enter_lobby(now, player, now, None);
            }
            return Ok(None);
        };
        if new {
            let partner = self.partner(player);
            self.vacate(now, player);
            self.enter_lobby(now, player, now, partner);
        } else if let Some(room) = self.rooms.get_mut(&id) {
            let private = room.code.is_some();
            for seat in room.seats.iter_mut().flatten() {
                if seat.player == player && seat.ready.is_none() {
                    seat.ready = Some(now);
                }
            }
            if !private && self.players[player].joined_at.is_none() {
                self.players[player].joined_at = Some(now);
            }
        }
        Ok(None)
    }

    /// The code of the private room that a player sits in.
    fn own_code(&self, player: P) -> Option<String> {
        match self.players[player].place {
            Place::Seat(id) => self.rooms.get(&id)?.code.clone(),
            Place::Free | Place::Lobby(_) => None,
        }
    }

    fn enter_room(
        &mut self,
        now: Millis,
        (conn, player): (ConnId, P),
        code: &str,
        ready: bool,
    ) -> Option<&'static str> {
        let code = code.to_ascii_uppercase();
        let found = self
            .rooms
            .iter()
            .find(|(_, room)| room.code.as_ref() == Some(&code));
        let Some((&id, room)) = found else {
            let window = self.window(now, conn);
            window.since.get_or_insert(now);
            window.wrong_codes += 1;
            return Some("room-unknown");
        };
        let seats: Vec<P> = room
            .seats
            .iter()
            .flatten()
            .map(|seat| seat.player)
            .collect();
        if seats.len() == 2 {
            let absent =
                |since: Option<Millis>| since.is_some_and(|since| MINUTE_MS < now.since(since));
            let sleeper = seats
                .into_iter()
                .find(|&seated| absent(self.players[seated].absent_since) && room.round.is_none());
            let Some(sleeper) = sleeper else {
                return Some("room-full");
            };
            self.vacate(now, sleeper);
            self.note_lost_seat(sleeper);
        }
        self.vacate(now, player);
        self.sit_down(player, id, ready);
        self.touch(now, player);
        None
    }

    /// Follows one text to a connection.
    pub(super) fn follow(
        &mut self,
        now: Millis,
        fact: &Fact,
        conn: ConnId,
        packet: &Packet,
        told: &Told<'_>,
    ) -> Check {
        let shown = self.shown.entry(conn).or_default();
        shown.packets += 1;
        let (index, ends) = (shown.packets, shown.bye.is_some() || shown.disconnect);
        let Some(line) = self.lines.get_mut(&conn) else {
            return Err(Violation::new(
                rules::KNOWN,
                format!("{conn:?}: {packet:?}"),
            ));
        };
        let opened = matches!(fact, Fact::Opened { conn: it, .. } if *it == conn);
        let text = match fact {
            Fact::Text { conn: it, text } if *it == conn => Some(text.as_str()),
            _ => None,
        };
        let ended = ends && *packet != Packet::Disconnect;
        ensure!(!ended, rules::CLOSE, "{packet:?} after bye or 41");
        match packet {
            Packet::Open => {
                let fits = opened && index == 1 && line.dialect != Dialect::Plain;
                ensure!(fits, rules::OPENING, "an open packet");
            }
            Packet::Connected => {
                let fits = match line.dialect {
                    Dialect::Eio3 => opened && index == 2,
                    Dialect::Eio4 => text.is_some(),
                    Dialect::Plain => false,
                };
                ensure!(fits, rules::OPENING, "a connect packet");
            }
            Packet::Ping => {
                let fits = line.dialect == Dialect::Eio4 && matches!(fact, Fact::Due { .. });
                ensure!(fits, rules::OPENING, "an Engine.IO ping");
                line.pinged_at = Some(now);
            }
            Packet::Pong => {
                let asked = text.is_some_and(|text| text.starts_with('2'));
                ensure!(asked, rules::OPENING, "an Engine.IO pong");
            }
            Packet::NoNamespace => ensure!(text.is_some(), rules::OPENING, "a refused namespace"),
            Packet::Ack(id, _) => {
                let asked = text.is_some_and(|text| text.contains(id.as_str()));
                ensure!(asked && index == 1, rules::ACK, "{id} as packet {index}");
            }
            Packet::Disconnect => {
                shown.disconnect = true;
            }
            Packet::Event(event) => self.follow_event(now, conn, event, told)?,
        }
        Ok(())
    }

    fn follow_event(&mut self, now: Millis, conn: ConnId, event: &Event, told: &Told<'_>) -> Check {
        let Some(line) = self.lines.get_mut(&conn) else {
            return Ok(());
        };
        let (v2, player) = (line.v2, line.player.or(line.former));
        let first = line.greeted || matches!(event, Event::Hi(..) | Event::Problem(_));
        ensure!(first, rules::HI_FIRST, "{conn:?} is told {event:?}");
        let news = matches!(event, Event::Room(_) | Event::Pong | Event::Bye(_));
        ensure!(v2 || !news, rules::OLD_EVENTS, "{conn:?} is told {event:?}");
        if let Event::Hi(nearby, session) = event {
            line.greeted = true;
            return self.follow_hi(*nearby, session.as_ref(), player);
        }
        let shown = self.shown.entry(conn).or_default();
        if let Event::Bye(bye) = event {
            shown.bye = Some((bye.code, bye.retry_ms, bye.reason.clone()));
            return Ok(());
        }
        if let Event::Problem(problem) = event {
            return self.follow_problem(now, player, problem);
        }
        let Some(player) = player else {
            let detail = format!("{conn:?} is nobody's: {event:?}");
            return Err(Violation::new(rules::KNOWN, detail));
        };
        match event {
            Event::Start(start) => {
                shown.start = true;
                if v2 {
                    let room = shown.room;
                    let users = self.players[player].told.as_ref().map(|room| &room.users);
                    let same = users.is_some_and(|users| {
                        let uids = users.iter().map(|user| &user.uid);
                        uids.eq(start.room_users.iter().map(|user| &user.uid))
                    });
                    let left = self.round_of(player).is_some_and(|(_, round, _)| {
                        round
                            .sides
                            .iter()
                            .any(|side| matches!(side.who, Who::Left(..)))
                    });
                    ensure!(
                        room && (same || left),
                        rules::ROOM_FIRST,
                        "{users:?}, then {start:?}"
                    );
                }
                if self.early_starts.contains(&conn) {
                    return Ok(());
                }
                let also = told.also_started(self, conn, start);
                self.follow_start(now, (player, start), also)
            }
            Event::Movement(_) if 0 < self.early => {
                self.early -= 1;
                Ok(())
            }
            Event::Movement(movement) => self.follow_movement(now, player, movement),
            Event::Leave(uid, None) => self.follow_leave(now, player, uid, told),
            Event::Leave(uid, Some(reason)) => self.follow_lost_seat(player, uid, reason),
            Event::Result(rows) => {
                shown.result = true;
                if self.resumed == Some(player) && self.players[player].line == Some(conn) {
                    return self.check_repeated_result(player, rows);
                }
                Ok(())
            }
            Event::Room(room) => {
                shown.room = true;
                self.follow_room(player, room)
            }
            Event::Hi(..) | Event::Problem(_) | Event::Bye(_) | Event::Pong => Ok(()),
        }
    }

    fn follow_hi(&self, nearby: u32, session: Option<&HiSession>, player: Option<P>) -> Check {
        let Some(player) = player else {
            return Err(Violation::new(rules::HI, "a hi for nobody".into()));
        };
        let others = self
            .live
            .iter()
            .filter(|&&other| other != player && self.is_online(other));
        let others = others.count();
        let who = self.name(player);
        ensure!(
            nearby as usize == others,
            rules::HI,
            "{who}: {nearby} instead of {others}"
        );
        let state = &self.players[player];
        if let Some(hi) = session {
            let same = (hi.uid.as_str(), hi.total, hi.streak)
                == (state.uid.as_str(), state.total, state.streak)
                && state.token.as_ref() == Some(&hi.session);
            ensure!(same, rules::HI, "{hi:?} is not {who}");
            let resumed = self.resumed == Some(player);
            ensure!(hi.resumed == resumed, rules::HI, "{hi:?} of {who}");
        }
        Ok(())
    }

    fn follow_problem(&mut self, now: Millis, player: Option<P>, problem: &Problem) -> Check {
        if problem.code == "room-unknown"
            && problem.event == "join"
            && let Some(player) = player
        {
            if !self.owed_problems.contains(&player) && self.own_code(player).is_some() {
                self.catch_up(now, player);
            }
            self.owed_problems.retain(|&owed| owed != player);
        }
        Ok(())
    }

    fn follow_leave(&mut self, now: Millis, player: P, uid: &str, told: &Told<'_>) -> Check {
        let owed = |shadow: &Self| {
            let is = |(who, whose): &(P, String)| *who == player && whose == uid;
            shadow.owed_leaves.iter().position(is)
        };
        if owed(self).is_none()
            && let Some(partner) = self.partner(player)
            && let Place::Seat(room) = self.players[partner].place
        {
            // Its own going is told to one, the end of their stay to both.
            let conn = self.players[partner].line;
            let both = conn.is_some_and(|conn| {
                told.to(conn)
                    .any(|packet| matches!(packet, Packet::Event(Event::Leave(_, None))))
            });
            if both {
                self.catch_up_room(now, room, partner);
            } else {
                self.catch_up(now, partner);
            }
        }
        let Some(index) = owed(self) else {
            let detail = format!("{} is told that {uid} left", self.name(player));
            return Err(Violation::new(rules::LEAVE_ONCE, detail));
        };
        self.owed_leaves.remove(index);
        Ok(())
    }

    fn follow_lost_seat(&mut self, player: P, uid: &str, reason: &str) -> Check {
        let owed = self.owed_seats.iter().position(|&owed| owed == player);
        let own = self.players[player].uid == uid && reason == "absent";
        let who = self.name(player);
        let Some(index) = owed.filter(|_| own) else {
            let detail = format!("{who} is told {reason:?} of {uid}");
            return Err(Violation::new(rules::SEAT_LOST, detail));
        };
        self.owed_seats.remove(index);
        Ok(())
    }

    fn follow_room(&mut self, player: P, room: &crate::texts::Room) -> Check {
        let who = self.name(player);
        let own = self.players[player].uid.as_str();
        let times = room.users.iter().filter(|user| user.uid == own).count();
        let sound = times == 1 && room.users.len() <= 2 && room.full == (room.users.len() == 2);
        ensure!(sound, rules::ROOM, "{who} is told {room:?}");
        let robot = room.users.iter().any(|user| user.robot);
        ensure!(
            !robot || room.code.is_none(),
            rules::PRIVATE,
            "{who} is told {room:?}"
        );
        self.players[player].told = Some(room.clone());
        Ok(())
    }

    fn check_repeated_result(&mut self, player: P, rows: &[Row; 2]) -> Check {
        let who = self.name(player);
        let state = &mut self.players[player];
        let Some((_, last)) = &mut state.last_result else {
            return Err(Violation::new(
                rules::RESUME,
                format!("{who} had no {rows:?}"),
            ));
        };
        let last = last.get_or_insert_with(|| rows.clone());
        ensure!(
            last == rows,
            rules::RESUME,
            "{who}: {rows:?} instead of {last:?}"
        );
        let own = rows.iter().any(|row| row.uid == state.uid);
        ensure!(own, rules::RESUME, "{who} is not in {rows:?}");
        Ok(())
    }

    /// Follows a close of the server's.
    pub(super) fn follow_close(
        &mut self,
        now: Millis,
        fact: &Fact,
        conn: ConnId,
        code: u16,
    ) -> Check {
        self.figures.closes += 1;
        let Some(line) = self.lines.get(&conn) else {
            return Err(Violation::new(
                rules::KNOWN,
                format!("{conn:?} is closed again"),
            ));
        };
        let none = Shown::default();
        let shown = self.shown.get(&conn).unwrap_or(&none);
        let (bye, disconnect) = (shown.bye.as_ref(), shown.disconnect);
        let come_back = matches!(code, 1012 | 4002) || line.sent_back;
        if code == 1000 {
            let asked = matches!(fact, Fact::Text { conn: it, text } if *it == conn
                && (text.starts_with('1') || text.starts_with("41")));
            ensure!(asked, rules::CLOSE, "{conn:?} with {code}");
            ensure!(
                bye.is_none() && !disconnect,
                rules::STAY_AWAY,
                "{conn:?}: {shown:?}"
            );
        } else {
            let stay = line.dialect != Dialect::Plain && !come_back;
            ensure!(
                disconnect == stay,
                rules::STAY_AWAY,
                "{conn:?} with {code}: {shown:?}"
            );
            let fits = match bye {
                Some((told, retry, reason)) => {
                    let words: &[&str] = match code {
                        1012 => &["restart"],
                        4001 => &["taken-over"],
                        4002 => &["timeout"],
                        4408 => &["no-hello"],
                        _ => &["fault", "too-fast"],
                    };
                    let spread = retry.is_none_or(|retry| match code {
                        1012 => retry <= self.config.drain_spread_ms,
                        _ => true,
                    });
                    line.v2
                        && *told == code
                        && retry.is_some() == come_back
                        && spread
                        && words.contains(&reason.as_str())
                }
                None => !line.v2,
            };
            ensure!(fits, rules::BYE, "{conn:?} with {code}: {bye:?}");
        }
        let mine = match fact {
            Fact::Text { conn: it, .. } | Fact::Binary { conn: it } => *it == conn,
            Fact::Violation { conn: it, .. } | Fact::Dismiss { conn: it } => *it == conn,
            _ => false,
        };
        let silent_ms = now.since(line.seen_at);
        let cause = match code {
            1000 | 1008 => mine,
            1002 | 1007 | 1009 => matches!(fact, Fact::Violation { code: it, .. } if *it == code),
            1003 => mine,
            1012 => mine && matches!(fact, Fact::Dismiss { .. }),
            4001 => line.taken_over,
            4002 => self.patience_ms(line).0 <= silent_ms,
            4408 => !line.spoke && self.config.hello_timeout_ms <= now.since(line.opened_at),
            _ => false,
        };
        ensure!(
            cause,
            rules::CLOSE,
            "{conn:?} with {code} after {silent_ms} ms of silence"
        );
        self.lost(now, conn);
        Ok(())
    }

    /// After how much silence a connection may be ended, and after how much it must be.
    pub(super) fn patience_ms(&self, line: &Line) -> (u64, u64) {
        let config = &self.config;
        let interval = config.ping_interval_ms;
        match (line.dialect, line.v2) {
            (Dialect::Eio4, _) => {
                let both = interval + config.ping_timeout_eio4_ms;
                (both, both)
            }
            (_, false) => {
                let both = interval + config.ping_timeout_ms;
                (both, both)
            }
            (_, true) => {
                let answer = config.ping_timeout_v2_ms;
                let pinged = line
                    .pinged_at
                    .map(|pinged| pinged.since(line.seen_at) + answer);
                // It may have turned v2 long after it was pinged as an old one.
                (answer, pinged.unwrap_or(interval + answer))
            }
        }
    }
}

/// All texts of a step with their addressees.
pub(super) struct Told<'a>(pub(super) Vec<(ConnId, &'a Packet)>);

impl Told<'_> {
    fn iter(&self) -> impl ExactSizeIterator<Item = (ConnId, &Packet)> + DoubleEndedIterator {
        self.0.iter().map(|&(conn, packet)| (conn, packet))
    }

    fn to(&self, conn: ConnId) -> impl Iterator<Item = &Packet> {
        self.iter()
            .filter(move |(to, _)| *to == conn)
            .map(|(_, packet)| packet)
    }

    /// Whether a connection is told of its room.
    pub(super) fn room(&self, conn: ConnId) -> bool {
        let room = |packet: &Packet| matches!(packet, Packet::Event(Event::Room(_)));
        self.to(conn).any(room)
    }

    /// Whether a connection is told that a partner left.
    fn leave(&self, conn: ConnId) -> bool {
        let leave = |packet: &Packet| matches!(packet, Packet::Event(Event::Leave(_, None)));
        self.to(conn).any(leave)
    }

    fn problem(&self, conn: ConnId) -> Option<&Problem> {
        self.to(conn).find_map(|packet| match packet {
            Packet::Event(Event::Problem(problem)) => Some(problem),
            _ => None,
        })
    }

    /// All starts and who is told them.
    pub(super) fn starts(&self) -> impl Iterator<Item = (ConnId, &crate::texts::Start)> {
        self.iter().filter_map(|(conn, packet)| match packet {
            Packet::Event(Event::Start(start)) => Some((conn, start)),
            _ => None,
        })
    }

    /// Who else is told the same fresh start.
    pub(super) fn also_started(
        &self,
        shadow: &Shadow,
        conn: ConnId,
        start: &crate::texts::Start,
    ) -> Option<P> {
        self.iter().find_map(|(to, packet)| {
            let Packet::Event(Event::Start(other)) = packet else {
                return None;
            };
            let player = shadow.lines.get(&to)?.player?;
            let fresh = to != conn && other.is_same(start) && shadow.round_of(player).is_none();
            fresh.then_some(player)
        })
    }
}
