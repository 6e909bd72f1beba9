//! What the hub asks the store and what it makes of the answers; who waits for one, and for how
//! long.
//!
//! Only two things wait, each for its own connection alone: a `hello` with a token and a `join`
//! with a code that this process does not know. Meanwhile the loop reads nothing more from it. When
//! no answer comes in time, the `hello` gets a pending session, and the `join` finds no room.
//!
//! Absent: what is settled for whom, and threads.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::persons::{Arrival, SignIn};
use super::requests::{Asked, Greeting};
use super::snapshot::{ensure, pairs};
use super::{Hub, Order};
use crate::model::{
    Avatar, ConnId, Join, Letter, Name, Owner, Person, ProblemCode, Profile, Request, RoomCode,
    Settle, StoreOp, StoreReply, Stored, StoredProfile, Sub, Token, Uid, is_default,
};
use crate::time::Millis;
use crate::world::rules::Score;
use crate::world::{Fault, Kept, Note, Outcome, Unasked};

/// How long a connection waits for the store.
pub(crate) const WAIT_MS: u64 = 2_000;
/// Most connections that wait; also most tokens, and most codes, that the store is being asked
/// about.
pub(crate) const WAITS_MAX: usize = 1_000;

/// The hub's side of the store.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Desk {
    /// There is a store.
    pub(super) open: bool,
    /// It said that it cannot be asked just now.
    away: bool,
    /// Who waits, and for what.
    #[serde(with = "pairs")]
    waits: BTreeMap<ConnId, Wait>,
    /// The tokens that the store is being asked about.
    #[serde(with = "pairs")]
    pub(super) takes: BTreeMap<Token, Take>,
    /// The persons that it is being asked about.
    #[serde(with = "pairs")]
    pub(super) signs: BTreeMap<Sub, SignIn>,
    /// The codes that it is being asked about, and who waits for each, the first one first.
    #[serde(with = "pairs")]
    claims: BTreeMap<RoomCode, Vec<ConnId>>,
}

/// What a connection waits for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Wait {
    /// A `hello`.
    Session {
        token: Token,
        name: Name,
        avatar: Avatar,
        /// Why its signed token is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refused: Option<Box<str>>,
    },
    /// A person's.
    Person(Box<Arrival>),
    /// A `join`.
    Room {
        code: RoomCode,
        /// As its `join` said.
        ready: bool,
        asked: Asked,
    },
}

/// A token that the store is being asked about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Take {
    pub(super) owner: Owner,
    /// Who waits for it, if that one still does.
    pub(super) conn: Option<ConnId>,
    /// That one came when it was asked for already: the answer may be from before.
    #[serde(default, skip_serializing_if = "is_default")]
    joined: bool,
}

impl Desk {
    /// Whether the store said that it cannot be asked just now.
    pub(super) fn is_away(&self) -> bool {
        self.away
    }

    /// How many connections wait.
    pub(super) fn waiting(&self) -> usize {
        self.waits.len()
    }
}

impl Hub {
    /// From now on there is a store: what has to outlive this process is told in
    /// [`Output::Store`](super::Output::Store), and what it answers in
    /// [`Input::Stored`](super::Input::Stored).
    ///
    /// A hub that was imported has the store that the former one had.
    pub fn use_store(&mut self) {
        if self.desk.open {
            return;
        }
        self.desk.open = true;
        let mut first = [0; 8];
        (self.entropy)(&mut first);
        self.world.keep_in_store(u64::from_le_bytes(first));
    }

    /// Whether the store said that it cannot be asked just now.
    #[must_use]
    pub fn is_store_away(&self) -> bool {
        self.desk.away
    }

    /// How many connections wait for the store.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.desk.waits.len()
    }

    /// Whether nothing is read from a connection just now, because it waits for the store.
    #[must_use]
    pub fn is_held(&self, conn: ConnId) -> bool {
        self.desk.waits.contains_key(&conn)
    }

    /// How many sessions have points that are not in the store as far as we know.
    #[must_use]
    pub fn owed(&self) -> usize {
        self.world.owed()
    }

    /// Whether more sessions wait for a store that is away than may be kept at all: then there are
    /// no new ones.
    pub(super) fn is_overfull(&self) -> bool {
        self.desk.open && self.max_sessions < self.world.owed()
    }

    /// What the store says.
    pub(super) fn stored(&mut self, now: Millis, reply: &StoreReply) {
        match reply {
            StoreReply::Taken {
                token,
                owner,
                stored,
            } => {
                if let Some(token) = Token::new(token) {
                    self.taken(now, &token, *owner, stored.as_deref());
                }
            }
            StoreReply::Settled {
                token,
                owner,
                seq,
                settled,
            } => {
                if let Some(token) = Token::new(token) {
                    let (instance, entropy) = (self.instance, &mut self.entropy);
                    let fresh = || (Token::draw(instance, entropy), Uid::draw("p-", 12, entropy));
                    self.world
                        .settled(now, (&token, *owner, *seq), *settled, fresh);
                    self.take_pending();
                }
            }
            StoreReply::Claimed {
                code,
                found,
                holder,
            } => {
                if let Some(code) = RoomCode::new(code) {
                    self.claimed(now, code, *found, *holder);
                }
            }
            StoreReply::Beat { granted, others } => self.beaten(*granted, others),
            StoreReply::SignedIn {
                sub,
                owner,
                token,
                stored,
                ..
            } => {
                if let (Some(sub), Some(token)) = (Sub::new(sub), Token::new(token)) {
                    self.signed_in(now, (&sub, *owner), token, stored.as_deref());
                }
            }
            StoreReply::Top { week, rows } => self.top_told(now, *week, rows),
            StoreReply::Rank {
                sub,
                week,
                standing,
            } => self.rank_told(now, sub, *week, standing.as_deref()),
            StoreReply::Forgot => self.remind_store(),
            StoreReply::Away(away) => {
                self.desk.away = *away;
                if *away {
                    self.board_away();
                    while let Some(&conn) = self.desk.waits.keys().next() {
                        self.wait_no_longer(now, conn);
                    }
                }
                self.take_pending();
            }
        }
    }

    /// The store has lost some of what it had, and is told again what is known here.
    fn remind_store(&mut self) {
        for Unasked {
            token,
            owner,
            person,
            ..
        } in self.world.remind()
        {
            let Some(sub) = person else { continue };
            // Before its settlement, so that this is the person's.
            let full = WAITS_MAX <= self.desk.signs.len();
            // Who is put off is asked about only if nobody does by then.
            let asked = !full && self.desk.is_asked(&token, Some(&sub));
            if full || asked {
                if let Some(player) = self.world.player_of(&token) {
                    self.world.doubt(player, asked);
                }
            } else {
                self.ask_who(sub, Some(token), owner, None);
            }
        }
    }

    /// Asks for a session that this process does not know; its connection waits.
    pub(super) fn take_session(
        &mut self,
        now: Millis,
        conn: ConnId,
        token: &Token,
        greeting: Greeting,
    ) {
        // The newest connection is the session's.
        let mut asked = self.desk.takes.get_mut(token);
        let known = asked.is_some();
        if let Some(take) = &mut asked {
            take.joined = true;
        }
        if let Some(earlier) = asked.and_then(|take| take.conn.take()) {
            self.supersede(now, earlier);
        }
        let full = WAITS_MAX <= self.desk.takes.len() && !known;
        if self.desk.away || full || WAITS_MAX <= self.desk.waits.len() {
            self.refuse_token(conn, greeting.refused);
            let named = (greeting.name, greeting.avatar);
            return self.enter_pending(now, conn, token.clone(), named);
        }
        match self.desk.takes.get_mut(token) {
            Some(take) => take.conn = Some(conn),
            None => {
                let asked = self.desk.asked_owner(token);
                let owner = asked.unwrap_or_else(|| self.world.draw_owner());
                self.ask(token.clone(), owner, Some(conn));
                // In a name that was said before nothing is taken a second time.
                if let Some(take) = self.desk.takes.get_mut(token) {
                    take.joined = asked.is_some();
                }
            }
        }
        let token = token.clone();
        let wait = Wait::Session {
            token,
            name: greeting.name,
            avatar: greeting.avatar,
            refused: greeting.refused,
        };
        self.hold(now, conn, wait);
    }

    /// Whether the store may be asked about one more token.
    pub(super) fn may_ask(&self) -> bool {
        self.desk.takes.len() < WAITS_MAX
    }

    /// Whether it may be asked about one more session, which is this person's or nobody's.
    pub(super) fn may_ask_whose(&self, person: Option<&Sub>) -> bool {
        match person {
            Some(_) => self.desk.signs.len() < WAITS_MAX,
            None => self.may_ask(),
        }
    }

    /// Orders a `take`.
    pub(super) fn ask(&mut self, token: Token, owner: Owner, conn: Option<ConnId>) {
        let text = token.as_str().to_owned();
        self.order_store(StoreOp::Take { token: text, owner });
        let joined = false;
        let take = Take {
            owner,
            conn,
            joined,
        };
        self.desk.takes.insert(token, take);
    }

    /// Asks for a room that this process does not know; whether its connection waits for it.
    pub(super) fn claim_room(
        &mut self,
        now: Millis,
        conn: ConnId,
        join: Join,
        asked: Asked,
    ) -> bool {
        let Join::EnterRoom { code, ready } = join else {
            return false;
        };
        let Some(code) = code else {
            return false;
        };
        let desk = &mut self.desk;
        let known = desk.claims.contains_key(&code);
        let full = WAITS_MAX <= desk.claims.len() && !known;
        if !desk.open || desk.away || full || WAITS_MAX <= desk.waits.len() {
            return false;
        }
        desk.claims.entry(code).or_default().push(conn);
        if !known {
            let (code, at) = (code.as_str().to_owned(), self.instance);
            self.order_store(StoreOp::ClaimRoom { code, at });
        }
        self.hold(now, conn, Wait::Room { code, ready, asked });
        true
    }

    pub(super) fn hold(&mut self, now: Millis, conn: ConnId, wait: Wait) {
        self.desk.waits.insert(conn, wait);
        let pace = self.pace;
        if let Some(session) = self.session_mut(conn) {
            session.hold(now + WAIT_MS);
            let at = session.deadline(now, &pace);
            let timer = super::Timer::Session(conn);
            self.orders.push_back(Order::Hold { conn });
            self.orders.push_back(Order::Arm { at, timer });
        }
    }

    /// Ends a connection's wait, however it ended. What follows from it comes before what the
    /// connection says next.
    pub(super) fn release(&mut self, conn: ConnId) -> Option<Wait> {
        let wait = self.desk.waits.remove(&conn)?;
        if let Some(session) = self.session_mut(conn) {
            session.release();
        }
        self.orders.push_back(Order::Resume { conn });
        Some(wait)
    }

    /// A connection that may wait is gone.
    pub(super) fn forget_wait(&mut self, conn: ConnId) {
        let wait = self.desk.waits.remove(&conn);
        self.forget_waiter(conn, wait.as_ref());
    }

    fn forget_waiter(&mut self, conn: ConnId, wait: Option<&Wait>) {
        match wait {
            Some(Wait::Session { token, .. }) => {
                if let Some(take) = self.desk.takes.get_mut(token) {
                    take.conn = take.conn.filter(|&waits| waits != conn);
                }
            }
            Some(Wait::Person(arrival)) => {
                if let Some(sign) = self.desk.signs.get_mut(arrival.sub()) {
                    sign.conn = sign.conn.filter(|&waits| waits != conn);
                }
            }
            Some(Wait::Room { code, .. }) => {
                if let Some(waiters) = self.desk.claims.get_mut(code) {
                    waiters.retain(|&waits| waits != conn);
                }
            }
            None => (),
        }
    }

    /// A connection waited long enough, or the store cannot be asked.
    pub(super) fn wait_no_longer(&mut self, now: Millis, conn: ConnId) {
        let Some(wait) = self.release(conn) else {
            return;
        };
        self.forget_waiter(conn, Some(&wait));
        match wait {
            Wait::Session {
                token,
                name,
                avatar,
                refused,
            } => {
                self.enter_pending(now, conn, token, (name, avatar));
                self.refuse_token(conn, refused);
            }
            Wait::Person(arrival) => self.enter_unsigned(now, conn, *arrival),
            Wait::Room { code, asked, .. } => {
                let unknown = Outcome::Refused(self.not_here(Some(code)));
                self.answer(now, conn, (asked.ack.as_deref(), &asked.name), Ok(unknown));
            }
        }
    }

    fn enter_pending(
        &mut self,
        now: Millis,
        conn: ConnId,
        token: Token,
        (name, avatar): (Name, Avatar),
    ) {
        let take = self.desk.takes.get(&token);
        let joined = take.is_some_and(|take| take.joined);
        let asked = take.map(|take| take.owner);
        let signs = || self.desk.asked_owner(&token);
        let owner = asked.or_else(signs);
        let owner = owner.unwrap_or_else(|| self.world.draw_owner());
        let uid = Uid::draw("p-", 12, &mut self.entropy);
        let profile = Profile { uid, name, avatar };
        let session = (token, owner);
        let asked = asked.is_some();
        let player = self
            .world
            .enter_pending(now, conn, &profile, session, asked);
        self.speak_for(conn, player);
        self.doubt_early(player, joined);
        self.take_pending();
    }

    /// The store's answer to a `take`.
    fn taken(&mut self, now: Millis, token: &Token, owner: Owner, stored: Option<&Stored>) {
        // Told twice, or about an owner that nobody waits for any more.
        if self
            .desk
            .takes
            .get(token)
            .is_none_or(|take| take.owner != owner)
        {
            return;
        }
        let take = self.desk.takes.remove(token);
        let kept = stored.map(|stored| self.kept(stored));
        let sub = stored.and_then(|stored| Sub::new(stored.person.as_deref()?));
        match take.and_then(|take| Some((take.conn?, take.joined))) {
            Some((conn, joined)) => {
                let is_late = joined && kept.is_some();
                self.let_in(now, conn, owner, (kept.as_ref(), sub));
                self.look_after_late(conn, is_late);
            }
            // Who signs in on it is answered by that.
            None if self.signs_in(token) => (),
            None if self.is_left_for(token, sub.as_ref()) => self.leave_to_person(now, token, sub),
            None => self.answered(now, (token, owner), sub, kept.as_ref()),
        }
        self.take_pending();
    }

    /// What the store has of a session for which nobody waits, and whose it is.
    pub(super) fn answered(
        &mut self,
        now: Millis,
        (token, owner): (&Token, Owner),
        sub: Option<Sub>,
        kept: Option<&Kept>,
    ) {
        // What it settles is the person's, whatever token that has by then.
        self.bind_stored(now, token, sub, kept);
        self.world_taken(now, token, owner, kept);
    }

    /// The world learns what the store has of a pending session.
    pub(super) fn world_taken(
        &mut self,
        now: Millis,
        token: &Token,
        owner: Owner,
        kept: Option<&Kept>,
    ) {
        let entropy = &mut self.entropy;
        let fresh = || Uid::draw("p-", 12, entropy);
        self.world.taken(now, token, owner, kept, fresh);
    }

    /// Whether nobody is there who plays on a session, and the person whose it is plays on another.
    fn is_left_for(&self, token: &Token, sub: Option<&Sub>) -> bool {
        let player = self.world.player_of(token);
        let person = sub.and_then(|sub| self.world.player_of_person(sub));
        player.is_some_and(|player| {
            let is_here = self.world.conn_of(player).is_some();
            person.is_some_and(|person| person != player) && !is_here
        })
    }

    /// The person goes on, and is asked about once more: its session was taken for somebody gone.
    fn leave_to_person(&mut self, now: Millis, token: &Token, sub: Option<Sub>) {
        if let Some(player) = self.world.player_of(token) {
            // By its name alone it may be nobody's by then.
            self.world.fold(now, player, sub.clone());
        }
        if let Some(person) = sub.and_then(|sub| self.world.player_of_person(&sub)) {
            self.look_after(person);
        }
    }

    fn signs_in(&self, token: &Token) -> bool {
        let player = self.world.player_of(token);
        player.is_some_and(|player| self.world.is_signing_in(player))
    }

    /// What the store has of a session, as the world takes it.
    pub(super) fn kept(&mut self, stored: &Stored) -> Kept {
        Kept {
            profile: self.profile_of(&stored.profile),
            named: !stored.profile.uid.is_empty(),
            score: Score {
                total: stored.total,
                streak: stored.streak,
            },
        }
    }

    /// A session is a person's by what the store says. Its name and picture are those that a token
    /// gave, or they were: without one they stay.
    fn bind_stored(&mut self, now: Millis, token: &Token, sub: Option<Sub>, kept: Option<&Kept>) {
        let player = self.world.player_of(token);
        if let (Some(player), Some(sub)) = (player, sub)
            && self.world.identity_of(player).is_none()
        {
            let profile = kept.filter(|kept| kept.named).map(|kept| &kept.profile);
            let person = Person {
                sub,
                name: profile.map(|profile| profile.name.clone()),
                avatar: profile.map(|profile| profile.avatar.clone()),
            };
            self.bind_known(now, player, person);
        }
    }

    /// Whoever waits for a session that came here otherwise takes it up.
    pub(super) fn let_in_waiting(&mut self, now: Millis, token: &Token) {
        let take = self.desk.takes.get_mut(token);
        let Some(conn) = take.and_then(|take| take.conn.take()) else {
            return;
        };
        if let Some(Wait::Session {
            token,
            name,
            avatar,
            refused,
        }) = self.release(conn)
        {
            let greeting = Greeting {
                session: Some(token),
                name,
                avatar,
                refused,
            };
            self.resume(now, conn, greeting);
        }
    }

    /// The answer came while its connection still waited.
    fn let_in(
        &mut self,
        now: Millis,
        conn: ConnId,
        owner: Owner,
        (kept, sub): (Option<&Kept>, Option<Sub>),
    ) {
        let Some(Wait::Session {
            token,
            name,
            avatar,
            refused,
        }) = self.release(conn)
        else {
            return;
        };
        let Some(kept) = kept else {
            let greeting = Greeting {
                session: None,
                name,
                avatar,
                refused,
            };
            return self.enter_new(now, conn, greeting);
        };
        let uid = kept.profile.uid.clone();
        let profile = match sub {
            Some(_) if kept.named => kept.profile.clone(),
            _ => Profile { uid, name, avatar },
        };
        let session = (token.clone(), owner);
        let player = self.world.restore(now, conn, session, profile, kept);
        self.speak_for(conn, player);
        match sub {
            None => self.refuse_token(conn, refused),
            Some(_) => {
                self.bind_stored(now, &token, sub, Some(kept));
                self.refuse_absent(conn, refused);
            }
        }
    }

    /// Asks about pending sessions, as many at a time as there may be questions.
    pub(super) fn take_pending(&mut self) {
        let room = |asked: usize| asked < WAITS_MAX;
        while !self.desk.away && room(self.desk.takes.len()) && room(self.desk.signs.len()) {
            let (shared, desk) = (self.is_beside_others(), &self.desk);
            let is_asked = |token: &Token, person: Option<&Sub>| desk.is_asked(token, person);
            let Some(unasked) = self.world.next_unasked(shared, is_asked) else {
                return;
            };
            let Unasked {
                token,
                owner,
                person,
                absent,
            } = unasked;
            match person {
                Some(sub) if absent => self.ask_absent(sub, token),
                person => self.ask_whose(token, owner, person),
            }
        }
    }

    /// Asks about a session that is here. A person's is found by the person: its token changes when
    /// that signs in elsewhere.
    pub(super) fn ask_whose(&mut self, token: Token, owner: Owner, person: Option<Sub>) {
        match person {
            Some(sub) => self.ask_who(sub, Some(token), owner, None),
            None => self.ask(token, owner, None),
        }
    }

    /// The store's answer to a `claim`: whoever waits for the room says `join` once more.
    fn claimed(&mut self, now: Millis, code: RoomCode, found: bool, holder: Option<Letter>) {
        let waiters = self.desk.claims.remove(&code).unwrap_or_default();
        if found && !waiters.is_empty() {
            self.world.claim(now, code);
        }
        for conn in waiters {
            let Some(Wait::Room { ready, asked, .. }) = self.release(conn) else {
                continue;
            };
            let mut outcome = Outcome::Refused(match holder {
                Some(letter) => ProblemCode::RoomElsewhere(letter),
                None => ProblemCode::RoomUnknown,
            });
            if holder.is_some() {
                self.right_code(now, conn);
            }
            let player = self.session(conn).and_then(|session| session.player);
            if let Some(player) = player.filter(|_| found) {
                self.right_code(now, conn);
                let code = Some(code);
                let join = Request::Join(Join::EnterRoom { code, ready });
                let entropy = &mut self.entropy;
                outcome = self.world.handle(now, player, &join, true, entropy);
            }
            self.answer(now, conn, (asked.ack.as_deref(), &asked.name), Ok(outcome));
        }
        self.world.end_claim(code);
    }

    /// Orders what the world wants the store to know.
    pub(super) fn note(&mut self, note: Note) {
        let text = |code: RoomCode| code.as_str().to_owned();
        let at = self.instance;
        let shared = self.is_beside_others();
        self.order_store(match note {
            Note::Settle(settlement) => StoreOp::Settle(Box::new(Settle {
                token: settlement.token.as_str().to_owned(),
                owner: settlement.owner,
                seq: settlement.seq,
                points: settlement.points,
                streak: settlement.streak,
                profile: settlement.profile.as_ref().map(stored_profile),
                person: settlement.person.map(|sub| sub.as_str().to_owned()),
                ranked: settlement.ranked,
                told: settlement.told,
                absent: settlement.ended || (shared && settlement.absent),
            })),
            Note::RoomOpened(code) => StoreOp::OpenRoom {
                code: text(code),
                at,
            },
            Note::RoomTouched(code) => StoreOp::TouchRoom {
                code: text(code),
                at,
            },
            Note::RoomReleased(code) => StoreOp::TouchRoom {
                code: text(code),
                at: None,
            },
            Note::RoomClosed(code) => StoreOp::CloseRoom {
                code: text(code),
                at,
            },
        });
    }

    pub(super) fn order_store(&mut self, op: StoreOp) {
        self.orders.push_back(Order::Store(Box::new(op)));
    }

    /// A profile of the store's. A uid that can be none, which somebody wrote there by hand, is
    /// replaced.
    pub(super) fn profile_of(&mut self, stored: &StoredProfile) -> Profile {
        let uid = match stored.uid_is_number {
            true => Uid::number(&stored.uid),
            false => Uid::new(&stored.uid),
        };
        Profile {
            uid: uid.unwrap_or_else(|| Uid::draw("p-", 12, &mut self.entropy)),
            name: Name::new(&stored.name),
            avatar: Avatar::new(&stored.avatar),
        }
    }

    /// Nothing is read from those who wait: orders that say so.
    pub(super) fn hold_again(&mut self) {
        let waits = self.desk.waits.keys();
        self.orders.extend(waits.map(|&conn| Order::Hold { conn }));
    }

    /// What must hold between any two inputs.
    pub(super) fn check_desk(&self) -> Result<(), Fault> {
        let desk = &self.desk;
        let most = desk.waits.len().max(desk.takes.len());
        let most = most.max(desk.claims.len()).max(desk.signs.len());
        ensure(most <= WAITS_MAX, "too many wait")?;
        ensure(desk.waits.is_empty() || !desk.away, "nobody waits in vain")?;
        let mut waited_for = BTreeSet::new();
        for (&conn, wait) in &desk.waits {
            let session = self.session(conn).ok_or("who waits is there")?;
            ensure(session.is_held(), "who waits is timed")?;
            match wait {
                Wait::Session { token, .. } => {
                    let take = desk.takes.get(token);
                    let waits = take.and_then(|take| take.conn);
                    ensure(waits == Some(conn), "a token is asked for somebody else")?;
                    ensure(waited_for.insert(token), "two wait for one token")?;
                    ensure(session.player.is_none(), "who waits is nobody yet")?;
                    ensure(self.world.player_of(token).is_none(), "it is here")?;
                }
                Wait::Person(arrival) => {
                    let sign = desk.signs.get(arrival.sub());
                    let waits = sign.and_then(|sign| sign.conn);
                    ensure(waits == Some(conn), "a person is asked for somebody else")?;
                    ensure(session.player.is_none(), "who waits is nobody yet")?;
                }
                Wait::Room { code, .. } => {
                    let waiters = desk.claims.get(code);
                    let known = waiters.is_some_and(|all| all.contains(&conn));
                    ensure(known, "who waits for a room is listed")?;
                }
            }
        }
        Ok(())
    }
}

/// A profile in plain strings.
fn stored_profile(profile: &Profile) -> StoredProfile {
    StoredProfile {
        uid: profile.uid.as_str().to_owned(),
        uid_is_number: profile.uid.is_number(),
        name: profile.name.as_str().to_owned(),
        avatar: profile.avatar.text().into_owned(),
    }
}
