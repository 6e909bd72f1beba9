//! An event that a client sent: decoded, held to the rate limit, and done on behalf of its player.
//!
//! Absent: how an answer is written, and the rules of the game.

use super::Hub;
use super::endings::Ending;
use crate::model::{
    self, Avatar, ConnId, Event, Generation, Hello, Name, ProblemCode, Profile, Request, Token, Uid,
};
use crate::session::Drop;
use crate::time::Millis;
use crate::wire::{Dialect, event, socket_io};
use crate::world::Outcome;

impl Hub {
    pub(super) fn event(&mut self, now: Millis, conn: ConnId, ack: Option<&str>, body: &str) {
        let named = match event::decode(body) {
            Ok(named) => named,
            Err(fault) => return self.end(now, conn, Ending::fault(fault)),
        };
        self.counters.count_event_in(&named.name);
        let pace = self.pace;
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        let is_free = session.v2 && matches!(named.request, Ok(Request::Ping));
        let within = is_free || session.allow(now, &pace);
        if !within && !matches!(named.request, Ok(Request::Choice(_))) {
            return self.drop_event(now, conn, ack, &named.name);
        }
        let outcome = match &named.request {
            Ok(request) => self.carry_out(now, conn, request, within),
            Err(code) => Outcome::Refused(*code),
        };
        let refusal = match outcome {
            Outcome::Done => None,
            Outcome::Ignored(code) | Outcome::Refused(code) => Some(code),
        };
        if let Some(ack) = ack {
            self.send(conn, |out| socket_io::encode_ack(ack, refusal, out));
        }
        // A guest's `hi` comes before the `problem`, too.
        self.carry_effects(now);
        if let Outcome::Refused(code) = outcome {
            self.refuse(conn, code, &named.name);
        }
    }

    /// An event over the rate limit.
    fn drop_event(&mut self, now: Millis, conn: ConnId, ack: Option<&str>, name: &str) {
        self.counters.dropped_events += 1;
        if let Some(ack) = ack {
            self.send(conn, |out| {
                socket_io::encode_ack(ack, Some(ProblemCode::TooFast), out)
            });
        }
        match self.session_mut(conn).map(|session| session.dropped(now)) {
            Some(Drop::Tell) => self.refuse(conn, ProblemCode::TooFast, name),
            Some(Drop::Flood) => self.end(now, conn, Ending::FLOOD),
            Some(Drop::Silent) | None => (),
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
    fn carry_out(&mut self, now: Millis, conn: ConnId, request: &Request, relay: bool) -> Outcome {
        let Some(session) = self.session_mut(conn) else {
            return Outcome::Ignored(ProblemCode::NotPlaying);
        };
        let tries_code = matches!(request, Request::Join(model::Join::EnterRoom(_)));
        if tries_code && session.v2 && !session.may_try_code(now) {
            return Outcome::Refused(ProblemCode::TooFast);
        }
        let player = match (session.player, request) {
            (_, Request::Hello(hello)) => return self.hello(now, conn, hello),
            (Some(player), _) => player,
            (None, Request::Join(_)) => self.guest(now, conn),
            (None, Request::Choice(_) | Request::Face(_)) => {
                return Outcome::Ignored(ProblemCode::NotPlaying);
            }
            (None, Request::Leave) => return Outcome::Done,
            (None, Request::Away | Request::Ping) => {
                return Outcome::Refused(ProblemCode::UnknownEvent);
            }
        };
        let outcome = self
            .world
            .handle(now, player, request, relay, &mut self.entropy);
        if outcome == Outcome::Refused(ProblemCode::RoomUnknown)
            && let Some(session) = self.session_mut(conn)
        {
            session.wrong_code(now);
        }
        outcome
    }

    fn hello(&mut self, now: Millis, conn: ConnId, hello: &Hello) -> Outcome {
        let Some(session) = self.session(conn) else {
            return Outcome::Ignored(ProblemCode::NotPlaying);
        };
        let (name, avatar) = (hello.name.clone(), hello.avatar.clone());
        if let Some(player) = session.player {
            if !session.v2 && hello.uid.is_none() {
                return Outcome::Refused(ProblemCode::BadPayload);
            }
            self.world
                .rename(now, player, hello.uid.clone(), name, avatar);
            return Outcome::Done;
        }
        if hello.v2 {
            self.hello_v2(now, conn, hello.session.as_ref(), name, avatar);
            return Outcome::Done;
        }
        let Some(uid) = hello.uid.clone() else {
            return Outcome::Refused(ProblemCode::BadPayload);
        };
        self.enter_old(now, conn, Profile { uid, name, avatar });
        Outcome::Done
    }

    fn hello_v2(
        &mut self,
        now: Millis,
        conn: ConnId,
        token: Option<&Token>,
        name: Name,
        avatar: Avatar,
    ) {
        let resumed = token.and_then(|token| {
            self.world
                .resume(now, conn, token, name.clone(), avatar.clone())
        });
        let player = resumed.unwrap_or_else(|| {
            let uid = Uid::draw("p-", 12, &mut self.entropy);
            let token = Token::draw(&mut self.entropy);
            let profile = Profile { uid, name, avatar };
            self.world
                .enter(now, conn, profile, Generation::V2, Some(token))
        });
        if let Some(session) = self.session_mut(conn) {
            session.player = Some(player);
            session.v2 = true;
            let dialect = session.dialect;
            self.reclassify(dialect, 2);
        }
    }

    /// Somebody who joins without a name.
    fn guest(&mut self, now: Millis, conn: ConnId) -> model::PlayerId {
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

    fn enter_old(&mut self, now: Millis, conn: ConnId, profile: Profile) -> model::PlayerId {
        let freezes = self
            .session(conn)
            .is_some_and(|session| session.dialect == Dialect::Eio3);
        let player = self
            .world
            .enter(now, conn, profile, Generation::Old { freezes }, None);
        if let Some(session) = self.session_mut(conn) {
            session.player = Some(player);
            let dialect = session.dialect;
            self.reclassify(dialect, 1);
        }
        player
    }

    /// One that had not said what it is now has: it counts among that generation.
    fn reclassify(&mut self, dialect: Dialect, generation: usize) {
        let open = &mut self.counters.open[dialect as usize];
        open[0] -= 1;
        open[generation] += 1;
    }
}
