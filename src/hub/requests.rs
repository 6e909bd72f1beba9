//! An event that a client sent: decoded, held to the rate limit, and done on behalf of its player.
//!
//! Absent: how an answer is written, and the rules of the game.

use serde::{Deserialize, Serialize};

use super::Hub;
use super::endings::Ending;
use crate::model::{
    Avatar, ClientKind, CloseReason, ConnId, Event, Generation, Hello, Join, Name, Person,
    PlayerId, ProblemCode, Profile, Request, RequestKind, Token, Uid,
};
use crate::session::Session;
use crate::time::Millis;
use crate::wire::{Dialect, event, socket_io};
use crate::world::Outcome;

/// An event that is answered later.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Asked {
    /// Its acknowledgement's number, if it wants one.
    pub(super) ack: Option<Box<str>>,
    /// Its name, as its client wrote it.
    pub(super) name: Box<str>,
}

/// What somebody says in its first `hello`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Greeting {
    /// The session to take up.
    pub(super) session: Option<Token>,
    pub(super) name: Name,
    pub(super) avatar: Avatar,
    /// Why its signed token is none, if it brought one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<Box<str>>,
}

/// When whoever is not let in because the store is away for long may come back; once or twice.
const OVERFULL_MS: u64 = 30_000;

impl Hub {
    pub(super) fn event(&mut self, now: Millis, conn: ConnId, ack: Option<&str>, body: &str) {
        let v2 = self.session(conn).is_some_and(|session| session.v2);
        let named = match event::decode(body, v2) {
            Ok(named) => named,
            Err(fault) => return self.end(now, conn, fault),
        };
        self.counters.count_event_in(match &named.request {
            Ok(request) => request.kind(),
            // Its payload is wrong, if nothing else is.
            Err(_) => RequestKind::of(&named.name),
        });
        let pace = self.pace;
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        let within = session.allow(now, &pace);
        let mut ack = ack;
        if !within {
            if !matches!(named.request, Ok(Request::Choice(_))) {
                return self.drop_event(now, conn, ack, &named.name);
            }
            // It counts all the same, but nothing is sent for it.
            self.over_limit(now, conn);
            ack = None;
        }
        let mut done = match &named.request {
            Ok(request) => self.carry_out(now, conn, request, within),
            Err(code) => Ok(Outcome::Refused(*code)),
        };
        if let (Ok(Outcome::Refused(ProblemCode::RoomUnknown)), Ok(Request::Join(join))) =
            (&done, &named.request)
        {
            // Until the store says otherwise.
            self.wrong_code(now, conn);
            let asked = Asked {
                ack: ack.map(Into::into),
                name: (*named.name).into(),
            };
            if self.claim_room(now, conn, *join, asked) {
                return;
            }
            if let Join::EnterRoom { code, .. } = join {
                done = Ok(Outcome::Refused(self.not_here(*code)));
            }
        }
        let is_done = matches!(done, Ok(Outcome::Done));
        self.answer(now, conn, (ack, &named.name), done);
        if is_done && let Ok(request @ (Request::Top(_) | Request::Rank(_))) = &named.request {
            self.tell_board(now, conn, request);
        }
    }

    /// Acknowledges an event and says what became of it, or ends the connection instead.
    pub(super) fn answer(
        &mut self,
        now: Millis,
        conn: ConnId,
        (ack, name): (Option<&str>, &str),
        done: Result<Outcome, Ending>,
    ) {
        let outcome = done.unwrap_or(Outcome::Refused(ProblemCode::TooFast));
        let refusal = match outcome {
            Outcome::Done => None,
            Outcome::Ignored(code) | Outcome::Refused(code) => Some(code),
        };
        if let Some(ack) = ack {
            self.send(conn, |out| socket_io::encode_ack(ack, refusal, out));
        }
        if let Err(ending) = done {
            return self.end(now, conn, ending);
        }
        // A guest's `hi` comes before the `problem`, too.
        self.carry_effects(now);
        if let Outcome::Refused(code) = outcome {
            self.refuse(conn, code, name);
        }
    }

    /// An event over the rate limit.
    fn drop_event(&mut self, now: Millis, conn: ConnId, ack: Option<&str>, name: &str) {
        if let Some(ack) = ack {
            self.send(conn, |out| {
                socket_io::encode_ack(ack, Some(ProblemCode::TooFast), out)
            });
        }
        self.over_limit(now, conn);
        let session = self.session_mut(conn);
        if session.is_some_and(|session| session.tells_too_fast(now)) {
            self.refuse(conn, ProblemCode::TooFast, name);
        }
    }

    /// Counts something over the rate limit, and ends the connection if it was one too many.
    pub(super) fn over_limit(&mut self, now: Millis, conn: ConnId) {
        self.counters.dropped_events += 1;
        let session = self.session_mut(conn);
        if session.is_some_and(|session| session.over_limit(now)) {
            self.end(now, conn, CloseReason::Flood);
        }
    }

    fn refuse(&mut self, conn: ConnId, code: ProblemCode, name: &str) {
        match code {
            ProblemCode::UnknownEvent => self.counters.unknown_events += 1,
            ProblemCode::BadPayload => self.counters.bad_payloads += 1,
            _ => (),
        }
        self.tell(
            conn,
            &Event::Problem {
                code,
                event: name.into(),
            },
        );
    }

    /// Lets the world do what an event asks for, on behalf of the connection's player.
    ///
    /// # Errors
    ///
    /// The connection is to be ended instead, as one that is too fast.
    fn carry_out(
        &mut self,
        now: Millis,
        conn: ConnId,
        request: &Request,
        relay: bool,
    ) -> Result<Outcome, Ending> {
        let Some(session) = self.session(conn) else {
            return Ok(Outcome::Ignored(ProblemCode::NotPlaying));
        };
        let tries_code = matches!(request, Request::Join(Join::EnterRoom { .. }));
        if tries_code && session.v2 && !self.may_try_code(now, session) {
            self.counters.refused_codes += 1;
            return Ok(Outcome::Refused(ProblemCode::TooFast));
        }
        let player = match (session.player, request) {
            (_, Request::Hello(hello)) => return self.hello(now, conn, hello),
            (Some(player), _) => player,
            (None, Request::Join(_)) => self.guest(now, conn),
            (None, Request::Choice(_) | Request::Face(_)) => {
                return Ok(Outcome::Ignored(ProblemCode::NotPlaying));
            }
            (None, Request::Leave) => return Ok(Outcome::Done),
            (None, Request::Away | Request::Ping | Request::Top(_) | Request::Rank(_)) => {
                return Ok(Outcome::Refused(ProblemCode::UnknownEvent));
            }
        };
        let entropy = &mut self.entropy;
        let outcome = self.world.handle(now, player, request, relay, entropy);
        Ok(match request {
            Request::Top(_) | Request::Rank(_) if outcome == Outcome::Done => {
                self.may_ask_board(now, player, request)
            }
            _ => outcome,
        })
    }

    fn may_try_code(&self, now: Millis, session: &Session) -> bool {
        match session.from {
            Some(origin) => self.origins.may_try_code(now, origin),
            None => session.may_try_code(now),
        }
    }

    fn wrong_code(&mut self, now: Millis, conn: ConnId) {
        let from = self.session(conn).and_then(|session| session.from);
        if let Some(origin) = from {
            self.origins.wrong_code(now, origin);
        } else if let Some(session) = self.session_mut(conn) {
            session.wrong_code(now);
        }
    }

    /// A code that was taken for wrong is right.
    pub(super) fn right_code(&mut self, now: Millis, conn: ConnId) {
        let from = self.session(conn).and_then(|session| session.from);
        if let Some(origin) = from {
            self.origins.right_code(now, origin);
        } else if let Some(session) = self.session_mut(conn) {
            session.right_code();
        }
    }

    fn hello(&mut self, now: Millis, conn: ConnId, hello: &Hello) -> Result<Outcome, Ending> {
        let Some(session) = self.session(conn) else {
            return Ok(Outcome::Ignored(ProblemCode::NotPlaying));
        };
        let (name, avatar) = (hello.name.clone(), hello.avatar.clone());
        if let Some(player) = session.player {
            if !session.v2 && hello.uid.is_none() {
                return Ok(Outcome::Refused(ProblemCode::BadPayload));
            }
            self.world
                .rename(now, player, hello.uid.clone(), name, avatar);
            return Ok(Outcome::Done);
        }
        if hello.v2 {
            let (person, refused) = match self.vouched(now, conn, hello.signed.as_deref()) {
                Some(Ok(person)) => (Some(person), None),
                Some(Err(why)) => (None, Some(why)),
                None => (None, None),
            };
            let greeting = Greeting {
                session: hello.session.clone(),
                name,
                avatar,
                refused,
            };
            self.hello_v2(now, conn, greeting, person)?;
            return Ok(Outcome::Done);
        }
        let Some(uid) = hello.uid.clone() else {
            return Ok(Outcome::Refused(ProblemCode::BadPayload));
        };
        self.enter_old(now, conn, Profile { uid, name, avatar });
        Ok(Outcome::Done)
    }

    fn hello_v2(
        &mut self,
        now: Millis,
        conn: ConnId,
        greeting: Greeting,
        person: Option<Person>,
    ) -> Result<(), Ending> {
        // It is v2 also if it is refused: then it is told when to come back.
        self.hellos = self.hellos.wrapping_add(1);
        let nth = self.hellos;
        if let Some(session) = self.session_mut(conn) {
            session.said_hello(nth);
            let dialect = session.dialect;
            self.reclassify(dialect, ClientKind::V2);
        }
        if let Some(person) = person {
            return self.hello_person(now, conn, greeting, person);
        }
        let token = greeting.session.clone();
        let known = token.as_ref().and_then(|token| self.world.player_of(token));
        if let Some(player) = known {
            self.inherit_rate(now, conn, player)?;
            if !self.may_have_moved(player) {
                self.resume(now, conn, greeting);
                self.look_after(player);
                return Ok(());
            }
            self.world.forget_session(now, player);
        } else {
            self.admit(now, conn)?;
        }
        match token.filter(|_| self.desk.open) {
            Some(token) => self.take_session(now, conn, &token, greeting),
            None => self.enter_new(now, conn, greeting),
        }
        Ok(())
    }

    /// Takes up a session that is here, without a signed token that is good: if it is a person's,
    /// it stays as it is.
    pub(super) fn resume(&mut self, now: Millis, conn: ConnId, greeting: Greeting) {
        let player = greeting.session.as_ref();
        let player = player.and_then(|token| self.world.player_of(token));
        if player.is_some_and(|player| self.is_overtaken(now, conn, player)) {
            return;
        }
        let is_bound = player.is_some_and(|player| self.world.identity_of(player).is_some());
        let named = (!is_bound).then_some((greeting.name, greeting.avatar));
        let resumed = greeting
            .session
            .and_then(|token| self.world.resume(now, conn, &token, named));
        if let Some(player) = resumed {
            self.speak_for(conn, player);
        }
        match is_bound {
            true => self.refuse_absent(conn, greeting.refused),
            false => self.refuse_token(conn, greeting.refused),
        }
    }

    /// Somebody without an earlier session.
    pub(super) fn enter_new(&mut self, now: Millis, conn: ConnId, greeting: Greeting) {
        let uid = Uid::draw("p-", 12, &mut self.entropy);
        let token = Some(Token::draw(self.instance, &mut self.entropy));
        let profile = Profile {
            uid,
            name: greeting.name,
            avatar: greeting.avatar,
        };
        let player = self.world.enter(now, conn, profile, Generation::V2, token);
        self.speak_for(conn, player);
        self.refuse_token(conn, greeting.refused);
    }

    /// Whether a newer connection speaks for a player already: then this one, which waited, ends.
    pub(super) fn is_overtaken(&mut self, now: Millis, conn: ConnId, player: PlayerId) -> bool {
        let newest = self.world.conn_of(player);
        let overtaken = newest.is_some_and(|newest| self.came_after(newest, conn));
        if overtaken {
            self.supersede(now, conn);
        }
        overtaken
    }

    /// Whether a connection said `hello` after another one did.
    fn came_after(&self, conn: ConnId, other: ConnId) -> bool {
        let sessions = self.session(conn).zip(self.session(other));
        sessions.is_some_and(|(session, other)| session.came_after(other))
    }

    /// A connection that lost its player speaks for this one from now on, unless a newer one does.
    pub(super) fn move_over(&mut self, now: Millis, conn: ConnId, player: PlayerId) {
        let current = self.world.conn_of(player);
        if current.is_some_and(|current| !self.came_after(conn, current)) {
            return self.supersede(now, conn);
        }
        let token = self.world.token_of(player).cloned();
        if let Some(token) = token
            && let Some(player) = self.world.resume(now, conn, &token, None)
        {
            self.speak_for(conn, player);
        }
    }

    /// A connection's player is this one from now on.
    pub(super) fn speak_for(&mut self, conn: ConnId, player: PlayerId) {
        if let Some(session) = self.session_mut(conn) {
            session.player = Some(player);
        }
    }

    /// What a player's last connection owes to the rate limit its new one owes: who comes back all
    /// the time floods whoever sits with it, else.
    pub(super) fn inherit_rate(
        &mut self,
        now: Millis,
        conn: ConnId,
        player: PlayerId,
    ) -> Result<(), Ending> {
        let pace = self.pace;
        let former = self
            .world
            .conn_of(player)
            .and_then(|conn| self.session(conn));
        let owed = match former {
            Some(session) => session.owes(now, &pace),
            None => self.parted.get(now, player).map(|(owed, _)| owed),
        };
        let (Some(owed), Some(session)) = (owed, self.session_mut(conn)) else {
            return Ok(());
        };
        session.inherit(now, &pace, owed).map_err(|after_ms| {
            self.counters.dropped_events += 1;
            Ending {
                reason: CloseReason::Hasty,
                wait_ms: after_ms,
            }
        })
    }

    /// Counts a new session for where it comes from. Who is refused comes back when that may have
    /// another one, and not all in one moment.
    pub(super) fn admit(&mut self, now: Millis, conn: ConnId) -> Result<(), Ending> {
        let from = self.session(conn).and_then(|session| session.from);
        if self.is_overfull() {
            self.counters.refused_newcomers += 1;
            return Err(Ending {
                reason: CloseReason::Crowded,
                wait_ms: OVERFULL_MS + self.rng.u64(..OVERFULL_MS),
            });
        }
        let admitted = from.map_or(Ok(()), |origin| self.origins.admit(now, origin));
        admitted.map_err(|after_ms| {
            self.counters.refused_newcomers += 1;
            let spread_ms = self.rng.u64(..=self.drain_spread_ms);
            Ending {
                reason: CloseReason::Crowded,
                wait_ms: after_ms + spread_ms,
            }
        })
    }

    /// Somebody who joins without a name.
    fn guest(&mut self, now: Millis, conn: ConnId) -> PlayerId {
        let uid = Uid::draw("guest-", 6, &mut self.entropy);
        let name = Name::new(uid.as_str());
        self.enter_old(
            now,
            conn,
            Profile {
                uid,
                name,
                avatar: Avatar::None,
            },
        )
    }

    fn enter_old(&mut self, now: Millis, conn: ConnId, profile: Profile) -> PlayerId {
        let freezes = self
            .session(conn)
            .is_some_and(|session| session.dialect == Dialect::Eio3);
        let player = self
            .world
            .enter(now, conn, profile, Generation::Old { freezes }, None);
        if let Some(session) = self.session_mut(conn) {
            session.player = Some(player);
            let dialect = session.dialect;
            self.reclassify(dialect, ClientKind::Old);
        }
        player
    }

    /// One that had not said what it is now has.
    fn reclassify(&mut self, dialect: Dialect, client: ClientKind) {
        self.counters.went(dialect, ClientKind::New);
        self.counters.came(dialect, client);
    }
}
