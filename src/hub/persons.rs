//! Persons come: what a signed token in a `hello` leads to, and what the store says about it.
//!
//! A token is verified once, at the first `hello` or when Socket.IO's connect packet brought it;
//! what it named stays with the session, so that keys may change in mid-game. One that is none is
//! told to its developer, and its client plays on as anybody. Absent: how a token is verified, and
//! the board.
//!
//! # Who is whom
//!
//! A person that lives in this process is taken over by its newest connection, whatever session
//! that came with: by the one that said `hello` last, not by the one that the store answered last.
//! Any other one is asked about: a person that the store does not know has the session that it came
//! with from now on, with its points; one that it knows has its own, and the session it came with
//! stays nobody's. While the store cannot be asked, a person plays on unsigned: on the session it
//! came with, or on a pending one.

use serde::{Deserialize, Serialize};

use super::Hub;
use super::endings::Ending;
use super::requests::Greeting;
use super::store::{Desk, WAITS_MAX, Wait};
use crate::identity::{self, Keys, Refusal};
use crate::model::{
    Avatar, ConnId, Event, Generation, Name, Owner, Person, PlayerId, Profile, StoreOp, Stored,
    Sub, Token, TokenOutcome, Uid, Vouched, is_default,
};
use crate::time::Millis;
use crate::world::{Kept, Signed};

/// Before this no clock is right: 2025-01-01 00:00 UTC, in seconds since 1970.
pub const CLOCK_MIN_S: u64 = 1_735_689_600;

/// What tokens are verified by.
#[derive(Debug, Default)]
pub(super) struct Door {
    keys: Option<Keys>,
    /// For whom tokens have to be.
    audience: Option<String>,
    /// Seconds since 1970 that somebody told, and when.
    clock: Option<(Millis, u64)>,
    /// Those who brought tokens that are none: they are told behind their `hi`.
    refused: Vec<(ConnId, Box<str>)>,
}

impl Door {
    pub(super) fn new(audience: Option<String>) -> Self {
        Self {
            audience,
            ..Self::default()
        }
    }
}

/// A person that the store is being asked about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SignIn {
    owner: Owner,
    /// The session that it came with or lives in.
    session: Option<Token>,
    /// The session's name if it gets a new one.
    fresh: Token,
    /// Who waits for it, if that one still does.
    pub(super) conn: Option<ConnId>,
    /// That one came when it was asked for already: the answer may be from before.
    #[serde(default, skip_serializing_if = "is_default")]
    joined: bool,
    /// The owner is that of the session it came with, which is here and may have settled by it.
    #[serde(default, skip_serializing_if = "is_default")]
    reuses: bool,
    /// Its player was gone when it was asked: nothing is taken by that.
    #[serde(default, skip_serializing_if = "is_default")]
    absent: bool,
}

/// A person on its way in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Arrival {
    person: Person,
    /// The session that it came with, if that may become its own.
    session: Option<Token>,
    /// As shown.
    name: Name,
    avatar: Avatar,
}

impl Arrival {
    pub(super) fn sub(&self) -> &Sub {
        &self.person.sub
    }
}

/// What the store says about a person.
struct Found {
    token: Token,
    owner: Owner,
    kept: Option<Kept>,
}

impl Hub {
    /// From now on signed tokens are verified by these keys; `None`: none is good.
    ///
    /// Whoever is somebody already stays it.
    pub fn use_keys(&mut self, keys: Option<Keys>) {
        if keys.is_some() {
            self.keep_board();
        }
        self.door.keys = keys;
    }

    /// Seconds since 1970, if somebody told a time that can be right.
    #[must_use]
    pub fn unix_s(&self, now: Millis) -> Option<u64> {
        let (at, unix_s) = self.door.clock?;
        Some(unix_s + now.since(at) / 1_000).filter(|&unix_s| CLOCK_MIN_S <= unix_s)
    }

    pub(super) fn set_clock(&mut self, now: Millis, unix_s: u64) {
        self.door.clock = Some((now, unix_s));
        let clock = self.unix_s(now).map(|unix_s| (now, unix_s));
        self.world.set_clock(clock);
    }

    /// The clock as it goes on in another process.
    pub(super) fn clock(&self) -> Option<(Millis, u64)> {
        self.door.clock
    }

    /// Looks at a signed token.
    pub(super) fn verify(&mut self, now: Millis, signed: &str) -> Vouched {
        let looked = self.look_at(now, signed);
        let outcome = looked
            .as_ref()
            .map_or_else(Refusal::outcome, |_| TokenOutcome::Good);
        self.counters.count_token(outcome);
        looked.map_err(|refusal| refusal.to_string().into_boxed_str())
    }

    fn look_at(&self, now: Millis, signed: &str) -> Result<Person, Refusal> {
        let keys = self.door.keys.as_ref().ok_or(Refusal::NoKeys)?;
        let now_s = self.unix_s(now).ok_or(Refusal::NoClock)?;
        identity::verify(signed, keys, self.door.audience.as_deref(), now_s)
    }

    /// What came of the token of a first `hello`, or of the connect packet before it.
    pub(super) fn vouched(
        &mut self,
        now: Millis,
        conn: ConnId,
        signed: Option<&str>,
    ) -> Option<Vouched> {
        let kept = self.session_mut(conn)?.take_vouched();
        match signed {
            Some(signed) => Some(self.verify(now, signed)),
            None => kept,
        }
    }

    /// Tells a client why its token is none, once its `hi` is told.
    pub(super) fn refuse_token(&mut self, conn: ConnId, why: Option<Box<str>>) {
        self.door.refused.extend(why.map(|why| (conn, why)));
    }

    /// The same where a person's session was taken up without a token that is good.
    pub(super) fn refuse_absent(&mut self, conn: ConnId, why: Option<Box<str>>) {
        let why = why.unwrap_or_else(|| {
            self.counters.count_token(Refusal::Absent.outcome());
            Refusal::Absent.to_string().into_boxed_str()
        });
        self.refuse_token(conn, Some(why));
    }

    pub(super) fn tell_refused(&mut self) {
        for (conn, why) in std::mem::take(&mut self.door.refused) {
            self.tell(conn, &Event::TokenRefused { why });
        }
    }

    /// A first `hello` of a person.
    pub(super) fn hello_person(
        &mut self,
        now: Millis,
        conn: ConnId,
        greeting: Greeting,
        person: Person,
    ) -> Result<(), Ending> {
        let Greeting {
            session,
            name,
            avatar,
            ..
        } = greeting;
        if let Some(player) = self.world.player_of_person(&person.sub) {
            self.inherit_rate(now, conn, player)?;
            if !self.may_have_moved(player) {
                self.resume_person(now, conn, player, &person, (name, avatar));
                self.look_after(player);
                return Ok(());
            }
            self.world.forget_session(now, player);
        }
        // That of another person stays that one's.
        let is_free = |token: &Token| {
            let player = self.world.player_of(token);
            player.is_none_or(|player| self.world.identity_of(player).is_none())
        };
        let session = session.filter(is_free);
        let known = session.as_ref();
        match known.and_then(|token| self.world.player_of(token)) {
            Some(player) => self.inherit_rate(now, conn, player)?,
            None => self.admit(now, conn)?,
        }
        let (name, avatar) = person.shown(name, avatar);
        let arrival = Arrival {
            person,
            session,
            name,
            avatar,
        };
        match self.desk.open {
            true => self.sign_in(now, conn, arrival),
            false => self.enter_unasked(now, conn, arrival),
        }
        Ok(())
    }

    /// A connection takes over the player that is its person.
    fn resume_person(
        &mut self,
        now: Millis,
        conn: ConnId,
        player: PlayerId,
        person: &Person,
        named: (Name, Avatar),
    ) {
        if self.is_overtaken(now, conn, player) {
            return;
        }
        self.world.vouch(player, person);
        if let Some(token) = self.world.token_of(player).cloned()
            && let Some(player) = self.world.resume(now, conn, &token, Some(named))
        {
            self.speak_for(conn, player);
        }
    }

    /// Without a store everybody who comes is new, or here.
    fn enter_unasked(&mut self, now: Millis, conn: ConnId, arrival: Arrival) {
        let known = arrival
            .session
            .filter(|token| self.world.player_of(token).is_some());
        let found = Found {
            token: known.unwrap_or_else(|| Token::draw(self.instance, &mut self.entropy)),
            owner: self.world.draw_owner(),
            kept: None,
        };
        let named = (arrival.name, arrival.avatar);
        self.enter_signed(now, conn, arrival.person, named, found);
    }

    /// Asks the store about a person that is not here; its connection waits.
    fn sign_in(&mut self, now: Millis, conn: ConnId, arrival: Arrival) {
        // The newest connection is the person's, and the session's.
        let session = arrival.session.as_ref();
        let mut asked = self.desk.signs.get_mut(arrival.sub());
        let known = asked.is_some();
        if let Some(sign) = &mut asked {
            sign.joined = true;
        }
        let earlier = [
            asked.and_then(|sign| sign.conn.take()),
            session.and_then(|token| self.desk.takes.get_mut(token)?.conn.take()),
        ];
        for earlier in earlier.into_iter().flatten() {
            self.supersede(now, earlier);
        }
        let full = WAITS_MAX <= self.desk.signs.len() && !known;
        if self.desk.is_away() || full || WAITS_MAX <= self.desk.waiting() {
            return self.enter_unsigned(now, conn, arrival);
        }
        match self.desk.signs.get_mut(arrival.sub()) {
            Some(sign) => sign.conn = Some(conn),
            None => {
                let session = arrival.session.as_ref();
                // In a name that was said before nothing is taken a second time.
                let joined = session.is_some_and(|it| self.desk.asked_owner(it).is_some());
                let owner = self.owner_of_session(session);
                let sub = arrival.sub();
                self.ask_who(sub.clone(), arrival.session.clone(), owner, Some(conn));
                if let Some(sign) = self.desk.signs.get_mut(sub) {
                    sign.joined = joined;
                }
            }
        }
        self.hold(now, conn, Wait::Person(Box::new(arrival)));
    }

    /// In whose name a session is or will be this process's, so that it has one owner whoever asks
    /// about it.
    fn owner_of_session(&mut self, session: Option<&Token>) -> Owner {
        let here = session.and_then(|token| self.world.player_of(token));
        let owner = here.and_then(|player| self.world.owner_of(player));
        let owner = owner.or_else(|| self.desk.asked_owner(session?));
        owner.unwrap_or_else(|| self.world.draw_owner())
    }

    /// Whether a session is here, and this is its owner.
    fn goes_on(&self, session: Option<&Token>, owner: Owner) -> bool {
        let player = session.and_then(|token| self.world.player_of(token));
        player.is_some_and(|player| self.world.is_owner(player, owner))
    }

    /// Orders a sign-in.
    pub(super) fn ask_who(
        &mut self,
        sub: Sub,
        session: Option<Token>,
        owner: Owner,
        conn: Option<ConnId>,
    ) {
        self.order_sign_in(sub, session, owner, conn, false);
    }

    /// Asks for a person that played here and is gone, so that what it won can be written. It may
    /// play at another instance, which keeps its session.
    pub(super) fn ask_absent(&mut self, sub: Sub, session: Token) {
        // Not that of the session: its player may come back, and is asked about by that.
        let owner = self.world.draw_owner();
        self.order_sign_in(sub, Some(session), owner, None, true);
    }

    fn order_sign_in(
        &mut self,
        sub: Sub,
        session: Option<Token>,
        owner: Owner,
        conn: Option<ConnId>,
        absent: bool,
    ) {
        let fresh = Token::draw(self.instance, &mut self.entropy);
        self.order_store(StoreOp::SignIn {
            sub: sub.as_str().to_owned(),
            token: session.as_ref().map(|token| token.as_str().to_owned()),
            fresh: fresh.as_str().to_owned(),
            owner,
            absent,
        });
        let sign = SignIn {
            reuses: self.goes_on(session.as_ref(), owner),
            owner,
            session,
            fresh,
            conn,
            joined: false,
            absent,
        };
        self.desk.signs.insert(sub, sign);
    }

    /// The store cannot say who somebody is: it plays unsigned until that can.
    pub(super) fn enter_unsigned(&mut self, now: Millis, conn: ConnId, arrival: Arrival) {
        let named = (arrival.name, arrival.avatar);
        if let Some(player) = self.world.player_of_person(&arrival.person.sub) {
            return self.resume_person(now, conn, player, &arrival.person, named);
        }
        let asked = self.desk.signs.get(&arrival.person.sub);
        // Nobody begins anew in a name that has settled.
        let goes_on = |it: &&SignIn| !it.reuses || self.goes_on(it.session.as_ref(), it.owner);
        let asked = asked.filter(|it| !it.absent && goes_on(it));
        let joined = asked.is_some_and(|sign| sign.joined);
        let asked = asked.map(|sign| (sign.owner, sign.fresh.clone()));
        let signed = match asked {
            Some(_) => Signed::Asked,
            None => Signed::Unasked,
        };
        let session = arrival.session;
        let known = session.as_ref();
        let known = known.and_then(|token| self.world.player_of(token));
        if let Some(player) = known {
            self.world.bind(player, arrival.person.clone(), signed);
            self.resume_person(now, conn, player, &arrival.person, named);
            self.look_after(player);
        } else {
            let owner = match asked {
                Some((owner, _)) => owner,
                None => self.owner_of_session(session.as_ref()),
            };
            // Whoever was told that one may play on by it, as nobody in particular.
            let is_free = |token: &Token| self.world.player_of(token).is_none();
            let fresh = asked.map(|(_, fresh)| fresh).filter(is_free);
            let token = session.or(fresh);
            let token = token.unwrap_or_else(|| Token::draw(self.instance, &mut self.entropy));
            let profile = self.profile_for(named);
            let session = (token.clone(), owner);
            let player = self.world.enter_pending(now, conn, &profile, session, true);
            self.world.bind(player, arrival.person, signed);
            self.speak_for(conn, player);
            self.doubt_early(player, joined);
            self.let_in_waiting(now, &token);
        }
        self.take_pending();
    }

    /// The store's answer to a sign-in.
    pub(super) fn signed_in(
        &mut self,
        now: Millis,
        (sub, owner): (&Sub, Owner),
        token: Token,
        stored: Option<&Stored>,
    ) {
        // Told twice, or of what nobody waits for any more: in one name it may be asked twice, and
        // what the later order did is what holds.
        let is_answer = |sign: &SignIn| {
            let is_told = sign.fresh == token || sign.session.as_ref() == Some(&token);
            sign.owner == owner && is_told
        };
        if !self.desk.signs.get(sub).is_some_and(is_answer) {
            return;
        }
        let Some(sign) = self.desk.signs.remove(sub) else {
            return;
        };
        if sign.absent {
            self.leave_elsewhere(now, sub, sign, &token);
            return self.take_pending();
        }
        if sign.reuses && !self.goes_on(sign.session.as_ref(), owner) {
            self.ask_anew(sub, sign);
            return self.take_pending();
        }
        // To who asks in a name that it knows the store says what is there, and gives it to nobody.
        let session = sign.session.as_ref().filter(|_| sign.reuses);
        let session = session.and_then(|token| self.world.player_of(token));
        let is_known = session.is_some_and(|player| !self.world.is_pending(player));
        let is_late = sign.joined || is_known;
        let kept = stored.map(|stored| self.kept(stored));
        let found = Found { token, owner, kept };
        if let Some(conn) = sign.conn {
            if let Some(Wait::Person(arrival)) = self.release(conn) {
                let named = (arrival.name, arrival.avatar);
                self.enter_signed(now, conn, arrival.person, named, found);
                self.look_after_late(conn, is_late);
            }
        } else if let Some(player) = self.world.player_of_person(sub) {
            self.sign_player(now, player, found);
            if let Some(player) = self.world.player_of_person(sub).filter(|_| is_late) {
                self.look_after(player);
            }
        } else {
            // Nobody waits for it any more, and the session may be played on all the same. What is
            // there of one who was erased is nobody's.
            let is_its = |stored: &Stored| stored.person.as_deref() == Some(sub.as_str());
            let whose = stored.is_none_or(is_its).then(|| sub.clone());
            self.answered(now, (&found.token, owner), whose, found.kept.as_ref());
        }
        // It goes on by another session than the one whose owner's name was said: in that name
        // others have settled, and may again.
        if let Some(player) = self.world.player_of_person(sub)
            && session.is_some_and(|session| session != player)
            && self.world.is_owner(player, owner)
        {
            self.look_again(player);
        }
        self.take_pending();
    }

    /// The store has a person now that was gone when it was asked: what that won here is added to
    /// its session, whoever has it. If it is back, it is asked about as anybody.
    /// `token` is that of the session that it had here, or of none here.
    fn leave_elsewhere(&mut self, now: Millis, sub: &Sub, sign: SignIn, token: &Token) {
        if sign.conn.is_some() {
            return self.ask_for_who_waits(sub, sign);
        }
        let Some(player) = self.world.player_of_person(sub) else {
            return;
        };
        if !self.world.is_signing_in(player) || !self.world.is_gone(player) {
            self.world.ask_about(player);
        } else if self.world.player_of(token) == Some(player) {
            self.world.leave_to_person(player);
        } else {
            self.leave_session(now, player);
        }
    }

    fn ask_for_who_waits(&mut self, sub: &Sub, sign: SignIn) {
        let owner = self.owner_of_session(sign.session.as_ref());
        self.ask_who(sub.clone(), sign.session, owner, sign.conn);
    }

    /// The session that somebody signed in on has ended meanwhile. What it settled is numbered in
    /// its owner's name, in which nobody may begin anew: whoever still wants to know asks in
    /// another.
    fn ask_anew(&mut self, sub: &Sub, sign: SignIn) {
        if sign.conn.is_some() {
            return self.ask_for_who_waits(sub, sign);
        }
        if let Some(player) = self.world.player_of_person(sub) {
            self.world.ask_about(player);
            // What was asked took the session away from the name that it has here.
            self.look_again(player);
        }
    }

    /// The store says whose a session here is. What the person played on by an older name of it is
    /// the person's, too; and whoever came last goes on.
    pub(super) fn bind_known(&mut self, now: Millis, player: PlayerId, person: Person) {
        let former = self.world.player_of_person(&person.sub);
        let former = former.filter(|&former| former != player);
        let is_in_doubt = former.is_some_and(|former| self.world.is_in_doubt(former));
        let conn = former.and_then(|former| self.leave_session(now, former));
        self.world.bind(player, person, Signed::In);
        if let Some(conn) = conn {
            self.move_over(now, conn, player);
        }
        if is_in_doubt {
            self.look_after(player);
        }
    }

    /// A person goes on by another session than this one. What was won by an older name of that
    /// one, or is not written yet, is the person's; what else there is stays where it is. The
    /// connection that it had, which speaks for nobody from now on.
    fn leave_session(&mut self, now: Millis, player: PlayerId) -> Option<ConnId> {
        let conn = self.world.conn_of(player);
        let is_unwritten = self.world.is_provisional(player) || self.world.is_owed(player);
        if is_unwritten {
            // What was told is the total of this session, and not the person's.
            self.world.count_apart(player);
            self.world.settle_as_person(player);
        }
        if self.world.person_of(player).is_some() {
            self.world.fold(now, player, None);
        } else {
            self.world.unbind(player);
            if conn.is_some() {
                self.world.lost(now, player);
            }
        }
        if let Some(session) = conn.and_then(|conn| self.session_mut(conn)) {
            session.player = None;
        }
        conn
    }

    /// A connection of a person goes on with the session that is the person's.
    fn enter_signed(
        &mut self,
        now: Millis,
        conn: ConnId,
        person: Person,
        named: (Name, Avatar),
        found: Found,
    ) {
        let Found { token, owner, kept } = found;
        let name = token.clone();
        let here = self.world.player_of(&token);
        if let Some(player) = here.or_else(|| self.world.player_of_person(&person.sub)) {
            if here.is_none() {
                self.world
                    .rekey(now, player, (token.clone(), owner), kept.is_none());
            }
            // What it settles is the person's, whatever token that has by then.
            self.bind_known(now, player, person.clone());
            // What a pending session had is in this answer.
            self.world_taken(now, &token, owner, kept.as_ref());
            if self.desk.open {
                self.world.own(player, owner);
            }
            self.resume_person(now, conn, player, &person, named);
        } else {
            let player = match &kept {
                Some(kept) => {
                    let uid = kept.profile.uid.clone();
                    let (name, avatar) = named;
                    let profile = Profile { uid, name, avatar };
                    let session = (token, owner);
                    self.world.restore(now, conn, session, profile, kept)
                }
                None => {
                    let profile = self.profile_for(named);
                    let token = Some(token);
                    let v2 = Generation::V2;
                    self.world.enter(now, conn, profile, v2, token)
                }
            };
            self.world.bind(player, person, Signed::In);
            if self.desk.open {
                self.world.own(player, owner);
            }
            self.speak_for(conn, player);
        }
        self.let_in_waiting(now, &name);
    }

    /// The store knows a person now who plays here already.
    fn sign_player(&mut self, now: Millis, player: PlayerId, found: Found) {
        let here = self.world.player_of(&found.token);
        let is_own = self.world.person_of(player).is_some() || self.world.is_provisional(player);
        if here != Some(player) && (here.is_some() || !is_own) {
            return self.move_person(now, player, found);
        }
        let Found { token, owner, kept } = found;
        if here.is_none() {
            self.world
                .rekey(now, player, (token.clone(), owner), kept.is_none());
        }
        // What it settles is the person's, whatever token that has by then.
        self.world.signed_in(player, owner);
        // What a pending session had is in this answer.
        self.world_taken(now, &token, owner, kept.as_ref());
        self.let_in_waiting(now, &token);
    }

    /// A person played on a session with points of its own, and has another one: it goes there, and
    /// those stay where they are.
    fn move_person(&mut self, now: Millis, player: PlayerId, found: Found) {
        let person = self.world.identity_of(player).cloned();
        let named = self.world.named(player);
        let conn = self.leave_session(now, player);
        if let (Some(conn), Some(person), Some(named)) = (conn, person, named) {
            self.enter_signed(now, conn, person, named, found);
        }
    }

    /// A profile of somebody new.
    fn profile_for(&mut self, (name, avatar): (Name, Avatar)) -> Profile {
        let uid = Uid::draw("p-", 12, &mut self.entropy);
        Profile { uid, name, avatar }
    }
}

impl Desk {
    /// The owner that a session gets by what is being asked about it.
    pub(super) fn asked_owner(&self, token: &Token) -> Option<Owner> {
        let take = self.takes.get(token).map(|take| take.owner);
        let sign = self.sign_of(token);
        let sign = sign.filter(|sign| !sign.reuses && !sign.absent);
        take.or_else(|| sign.map(|sign| sign.owner))
    }

    /// Whether it is being asked about a session, or about the person whose that is.
    pub(super) fn is_asked(&self, token: &Token, person: Option<&Sub>) -> bool {
        let signs = person.is_some_and(|sub| self.signs.contains_key(sub));
        signs || self.takes.contains_key(token) || self.sign_of(token).is_some()
    }

    /// What is being asked about the person that signs in on a session.
    fn sign_of(&self, token: &Token) -> Option<&SignIn> {
        let mut signs = self.signs.values();
        signs.find(|sign| sign.session.as_ref() == Some(token))
    }
}
