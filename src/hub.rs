//! The one sans-IO entry: sessions, world and seed behind inputs and outputs.
//!
//! Absent here: sockets, threads, a clock, a logger, files.

use std::collections::VecDeque;

use fastrand::Rng;

use crate::config::Config;
use crate::metrics::Counters;
use crate::model::{
    self, Avatar, ConnId, Entropy, Event, Generation, Hello, Name, ProblemCode, Profile, Request,
    Token, Uid,
};
use crate::session::{Drop, Pace, Pulse, Session};
use crate::time::Millis;
use crate::wire::{Fault, Inbound, engine_io, event, socket_io, state};
use crate::world::{self, Effect, Outcome, Rules, Tally, World};

pub use crate::wire::Dialect;

/// A fact, told to [`Hub::handle`].
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A WebSocket handshake is done; nothing was sent after its answer yet.
    Opened {
        /// The connection's name from now on.
        conn: ConnId,
        /// What its address asked for.
        dialect: Dialect,
    },
    /// A whole text message.
    Text {
        /// Who sent it.
        conn: ConnId,
        /// Valid UTF-8, at most `--max-message` bytes.
        text: &'a str,
    },
    /// A whole binary message; its bytes do not matter.
    Binary {
        /// Who sent it.
        conn: ConnId,
    },
    /// A ping or pong frame: a sign of life.
    Seen {
        /// Who sent it.
        conn: ConnId,
    },
    /// The peer broke RFC 6455; the loop will read nothing more from it.
    Violation {
        /// Who did.
        conn: ConnId,
        /// The close code that the RFC prescribes: 1002, 1007 or 1009; 1008 for one that reads too
        /// slowly.
        code: u16,
        /// Short ASCII text.
        reason: &'static str,
    },
    /// The socket is gone, or the peer closed: nothing can be sent any more.
    Closed {
        /// Whose.
        conn: ConnId,
    },
    /// A timer that [`Output::Arm`] asked for is due.
    Due {
        /// Which.
        timer: Timer,
    },
    /// The server is asked to stop: no new rounds and robots from now on.
    Drain,
    /// While draining, once no round runs: this connection is to be sent away with `bye` and 1012.
    Dismiss {
        /// Which.
        conn: ConnId,
    },
}

/// A timer of the hub's. One that is no longer wanted does nothing when it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// A connection's heartbeat.
    Session(ConnId),
    /// One of the game's.
    World(world::Timer),
}

/// An order, taken from [`Hub::pop_output`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output<'a> {
    /// Send a text message.
    Send {
        /// To whom.
        conn: ConnId,
        /// The whole message.
        text: &'a str,
    },
    /// Send a WebSocket ping frame without payload.
    Ping {
        /// To whom.
        conn: ConnId,
    },
    /// Send a close frame after all that was sent before, then end the connection.
    ///
    /// The hub has forgotten the connection already: no [`Input::Closed`] is owed.
    Close {
        /// Which connection.
        conn: ConnId,
        /// The close code.
        code: u16,
        /// At most 123 bytes of ASCII.
        reason: &'static str,
        /// How many rounds started on this connection, for the log.
        rounds: u32,
    },
    /// Hand `timer` back in [`Input::Due`] at `at` or later, exactly once; a connection's not at all
    /// if that ends before.
    Arm {
        /// When.
        at: Millis,
        /// What.
        timer: Timer,
    },
}

/// Why a state file was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateError(pub String);

/// The whole game behind one call.
///
/// Tell it a fact with [`handle`](Self::handle), then carry out every order of
/// [`pop_output`](Self::pop_output) until `None`, then tell it the next fact. Time is only what
/// `handle` is told, and must not go back.
pub struct Hub {
    pace: Pace,
    max_message: usize,
    public_url: Option<String>,
    drain_spread_ms: u64,
    world: World,
    /// By the connection's index; the generation tells whose it is.
    sessions: Vec<Option<(u32, Session)>>,
    rng: Rng,
    entropy: Box<Entropy>,
    orders: VecDeque<Order>,
    /// The texts that `orders` send, one after the other: no message owns memory.
    texts: String,
    counters: Counters,
}

/// An [`Output`] whose text is a piece of [`Hub::texts`].
#[derive(Clone, Copy)]
enum Order {
    Send {
        conn: ConnId,
        start: usize,
        end: usize,
    },
    Ping {
        conn: ConnId,
    },
    Close {
        conn: ConnId,
        code: u16,
        reason: &'static str,
        rounds: u32,
    },
    Arm {
        at: Millis,
        timer: Timer,
    },
}

/// Why the server ends a connection.
#[derive(Clone, Copy)]
struct Ending {
    code: u16,
    /// For the close frame and the log.
    reason: &'static str,
    /// For `bye`.
    word: &'static str,
    /// When a client may come back; `None`: it is to stay away.
    retry_ms: Option<u64>,
}

impl Ending {
    fn fault(fault: Fault) -> Self {
        Self {
            code: fault.code,
            reason: fault.reason,
            word: "fault",
            retry_ms: None,
        }
    }

    const FLOOD: Self = Self {
        code: 1008,
        reason: "too many events over the rate limit",
        word: "too-fast",
        retry_ms: None,
    };
    const TAKEN_OVER: Self = Self {
        code: 4001,
        reason: "the session was taken over by a newer connection",
        word: "taken-over",
        retry_ms: None,
    };
    const DEAD: Self = Self {
        code: 4002,
        reason: "no sign of life",
        word: "timeout",
        retry_ms: Some(1_000),
    };
    const MUTE: Self = Self {
        code: 4408,
        reason: "no packet of the dialect in time",
        word: "no-hello",
        retry_ms: None,
    };
}

/// The place of an event's name in [`metrics::EVENTS_OUT`](crate::metrics::EVENTS_OUT).
fn place_of(event: &Event) -> usize {
    match event {
        Event::Hi { .. } => 0,
        Event::Start { .. } => 1,
        Event::Movement { .. } => 2,
        Event::Leave { .. } => 3,
        Event::Result(_) => 4,
        Event::Room(_) => 5,
        Event::Problem { .. } => 6,
        Event::Pong => 7,
        Event::Bye { .. } => 8,
    }
}

/// A long burst of texts leaves at most this much memory behind.
const TEXTS_BYTES_KEPT: usize = 64 * 1024;

impl Hub {
    /// A hub without anybody in it.
    ///
    /// `seed` decides robots and spreads; `entropy` is the source of what nobody may guess.
    #[must_use]
    pub fn new(config: &Config, seed: u64, entropy: Box<Entropy>) -> Self {
        let mut rng = Rng::with_seed(seed);
        let rules = Rules {
            game_time_ms: config.game_time_ms,
            robot_after_ms: config.robot_after_ms,
            rematch_wait_ms: config.rematch_wait_ms,
            relay_interval_ms: config.relay_interval_ms,
            session_ttl_ms: config.session_ttl_ms,
            max_sessions: config.max_sessions,
        };
        Self {
            pace: Pace {
                ping_interval_ms: config.ping_interval_ms,
                ping_timeout_ms: config.ping_timeout_ms,
                ping_timeout_eio4_ms: config.ping_timeout_eio4_ms,
                ping_timeout_v2_ms: config.ping_timeout_v2_ms,
                hello_timeout_ms: config.hello_timeout_ms,
                rate_limit: config.rate_limit,
            },
            max_message: config.max_message,
            public_url: config.public_url.clone(),
            drain_spread_ms: config.drain_spread_ms,
            world: World::new(rules, rng.u64(..)),
            sessions: Vec::new(),
            rng,
            entropy,
            orders: VecDeque::new(),
            texts: String::new(),
            counters: Counters::default(),
        }
    }

    /// Takes one fact. Then call [`Hub::pop_output`] until `None`, before the next fact.
    ///
    /// `now` never goes back. A fact about a connection that is closed already is ignored.
    pub fn handle(&mut self, now: Millis, input: Input<'_>) {
        debug_assert!(
            self.orders.is_empty(),
            "carry out all orders before telling the next fact"
        );
        self.texts.clear();
        self.texts.shrink_to(TEXTS_BYTES_KEPT);
        match input {
            Input::Opened { conn, dialect } => self.open(now, conn, dialect),
            Input::Text { conn, text } => self.receive(now, conn, text),
            Input::Binary { conn } => self.end(now, conn, Ending::fault(Fault::BINARY)),
            Input::Seen { conn } => {
                if let Some(session) = self.session_mut(conn) {
                    session.seen(now);
                }
            }
            Input::Violation { conn, code, reason } => {
                self.end(now, conn, Ending::fault(Fault { code, reason }));
            }
            Input::Closed { conn } => {
                if let Some(session) = self.remove_session(conn) {
                    self.part(now, &session);
                }
            }
            Input::Due {
                timer: Timer::Session(conn),
            } => self.beat(now, conn),
            Input::Due {
                timer: Timer::World(timer),
            } => self.world.due(now, timer),
            Input::Drain => self.world.drain(),
            Input::Dismiss { conn } => self.dismiss(now, conn),
        }
        self.carry_effects(now);
        #[cfg(debug_assertions)]
        self.check_invariants(now);
    }

    /// The next order, in the order they are to be carried out.
    pub fn pop_output(&mut self) -> Option<Output<'_>> {
        Some(match self.orders.pop_front()? {
            Order::Send { conn, start, end } => Output::Send {
                conn,
                text: self.texts.get(start..end).unwrap_or_default(),
            },
            Order::Ping { conn } => Output::Ping { conn },
            Order::Close {
                conn,
                code,
                reason,
                rounds,
            } => Output::Close {
                conn,
                code,
                reason,
                rounds,
            },
            Order::Arm { at, timer } => Output::Arm { at, timer },
        })
    }

    /// How many rounds run right now; a drain waits for zero.
    #[must_use]
    pub fn running_rounds(&self) -> usize {
        self.world.running_rounds()
    }

    /// How many rounds started on a connection, for its line in the log.
    #[must_use]
    pub fn rounds_of(&self, conn: ConnId) -> u32 {
        self.session(conn).map_or(0, |session| session.rounds)
    }

    /// Counters since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The game's figures since the start.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.world.tally()
    }

    /// Players, rooms and sessions there are right now.
    #[must_use]
    pub fn population(&self) -> (usize, usize, usize) {
        self.world.population()
    }

    /// All sessions as the text of a state file (`--state`).
    #[must_use]
    pub fn export_sessions(&self, now: Millis) -> String {
        state::encode(&self.world.export(now))
    }

    /// Takes the sessions of a state file in. Returns how many of them are still alive.
    ///
    /// # Errors
    ///
    /// The file is damaged; nothing was taken in.
    pub fn import_sessions(&mut self, now: Millis, text: &str) -> Result<usize, StateError> {
        let records = state::decode(text).map_err(StateError)?;
        let taken = self.world.import(now, records);
        self.carry_effects(now);
        Ok(taken)
    }

    fn open(&mut self, now: Millis, conn: ConnId, dialect: Dialect) {
        let session = Session::new(now, dialect, &self.pace);
        let at = session.deadline(now, &self.pace);
        let index = conn.index as usize;
        if self.sessions.len() <= index {
            self.sessions.resize_with(index + 1, || None);
        }
        debug_assert!(
            self.sessions[index].is_none(),
            "a connection's index was used twice"
        );
        self.sessions[index] = Some((conn.generation, session));
        self.counters.opened[dialect as usize] += 1;
        self.counters.open[dialect as usize][0] += 1;
        if dialect.is_socket_io() {
            let sid = model::draw_sid(&mut self.entropy);
            let opening = engine_io::Opening {
                sid: &sid,
                ping_interval_ms: self.pace.ping_interval_ms,
                ping_timeout_ms: match dialect {
                    Dialect::Eio4 => self.pace.ping_timeout_eio4_ms,
                    Dialect::Plain | Dialect::Eio3 => self.pace.ping_timeout_ms,
                },
                max_payload: self.max_message,
            };
            self.send(conn, |out| engine_io::encode_open(dialect, opening, out));
        }
        if dialect == Dialect::Eio3 {
            self.send(conn, |out| out.push_str(socket_io::CONNECTED));
        }
        self.orders.push_back(Order::Arm {
            at,
            timer: Timer::Session(conn),
        });
    }

    fn receive(&mut self, now: Millis, conn: ConnId, text: &str) {
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        let dialect = session.dialect;
        let inbound = session.receive(now, text);
        self.counters.texts_in += 1;
        match inbound {
            Ok(Inbound::Event { ack, body }) => self.event(now, conn, ack, body),
            Ok(Inbound::Ping) => self.send(conn, |out| out.push_str(engine_io::PONG)),
            Ok(Inbound::Connect) => {
                let sid = model::draw_sid(&mut self.entropy);
                self.send(conn, |out| socket_io::encode_connected(&sid, out));
            }
            Ok(Inbound::OtherNamespace(name)) => {
                self.send(conn, |out| {
                    socket_io::encode_no_namespace(dialect, name, out)
                });
            }
            Ok(Inbound::Disconnect) => {
                if let Some(session) = self.remove_session(conn) {
                    let (code, reason) = (1000, "the client left");
                    let rounds = session.rounds;
                    self.orders.push_back(Order::Close {
                        conn,
                        code,
                        reason,
                        rounds,
                    });
                    self.part(now, &session);
                }
            }
            Ok(Inbound::Nothing) => (),
            Err(fault) => self.end(now, conn, Ending::fault(fault)),
        }
    }

    fn event(&mut self, now: Millis, conn: ConnId, ack: Option<&str>, body: &str) {
        let named = match event::decode(body) {
            Ok(named) => named,
            Err(fault) => return self.end(now, conn, Ending::fault(fault)),
        };
        self.counters.count_event_in(&named.name);
        let pace = self.pace;
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        let within = matches!(named.request, Ok(Request::Ping)) || session.allow(now, &pace);
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

    /// The timer of a connection's session fired.
    fn beat(&mut self, now: Millis, conn: ConnId) {
        let pace = self.pace;
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        match session.pulse(now, &pace) {
            Pulse::Steady => (),
            Pulse::PingFrame => self.orders.push_back(Order::Ping { conn }),
            Pulse::PingPacket => self.send(conn, |out| out.push_str(engine_io::PING)),
            Pulse::Dead => return self.end(now, conn, Ending::DEAD),
            Pulse::Mute => return self.end(now, conn, Ending::MUTE),
        }
        if let Some(session) = self.session(conn) {
            let at = session.deadline(now, &pace);
            self.orders.push_back(Order::Arm {
                at,
                timer: Timer::Session(conn),
            });
        }
    }

    fn dismiss(&mut self, now: Millis, conn: ConnId) {
        let retry_ms = Some(self.rng.u64(..=self.drain_spread_ms));
        let ending = Ending {
            code: 1012,
            reason: "the server restarts",
            word: "restart",
            retry_ms,
        };
        self.end(now, conn, ending);
    }

    /// Ends a connection from our side: `bye` for v2, `41` for who is to stay away, close frame.
    fn end(&mut self, now: Millis, conn: ConnId, ending: Ending) {
        let Some(session) = self.session(conn) else {
            return;
        };
        let (v2, dialect) = (session.v2, session.dialect);
        let Ending {
            code,
            reason,
            word,
            retry_ms,
        } = ending;
        match code {
            1012 | 4001 => (),
            4002 | 4408 => self.counters.timeouts += 1,
            _ => self.counters.faults += 1,
        }
        // What was caused before is told before.
        self.carry_effects(now);
        if v2 {
            self.tell(
                conn,
                &Event::Bye {
                    code,
                    reason: word,
                    retry_ms,
                },
            );
        }
        if dialect.is_socket_io() && retry_ms.is_none() {
            self.send(conn, |out| out.push_str(socket_io::DISCONNECT));
        }
        if let Some(session) = self.remove_session(conn) {
            let rounds = session.rounds;
            self.orders.push_back(Order::Close {
                conn,
                code,
                reason,
                rounds,
            });
            self.part(now, &session);
        }
    }

    /// Tells the world that a player lost its connection.
    fn part(&mut self, now: Millis, session: &Session) {
        if let Some(player) = session.player {
            self.world.lost(now, player);
        }
    }

    fn carry_effects(&mut self, now: Millis) {
        while let Some(effect) = self.world.pop_effect() {
            match effect {
                Effect::Tell { conn, event } => self.tell(conn, &event),
                Effect::Supersede { conn } => {
                    self.counters.takeovers += 1;
                    // It speaks for nobody from now on: its end is not taken for the player's.
                    if let Some(session) = self.session_mut(conn) {
                        session.player = None;
                    }
                    self.end(now, conn, Ending::TAKEN_OVER);
                }
                Effect::Arm { at, timer } => {
                    self.orders.push_back(Order::Arm {
                        at,
                        timer: Timer::World(timer),
                    });
                }
            }
        }
    }

    fn tell(&mut self, conn: ConnId, event: &Event) {
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        if matches!(event, Event::Start { resumed: false, .. }) {
            session.rounds += 1;
        }
        let (prefix, v2) = (session.dialect.event_prefix(), session.v2);
        let start = self.texts.len();
        self.texts.push_str(prefix);
        self.counters.events_out[place_of(event)] += 1;
        let audience = event::Audience {
            v2,
            public_url: self.public_url.as_deref(),
        };
        event::encode(event, audience, &mut self.texts);
        self.push_send(conn, start);
    }

    fn send(&mut self, conn: ConnId, write: impl FnOnce(&mut String)) {
        let start = self.texts.len();
        write(&mut self.texts);
        self.push_send(conn, start);
    }

    fn push_send(&mut self, conn: ConnId, start: usize) {
        self.counters.texts_out += 1;
        self.orders.push_back(Order::Send {
            conn,
            start,
            end: self.texts.len(),
        });
    }

    fn session(&self, conn: ConnId) -> Option<&Session> {
        match self.sessions.get(conn.index as usize) {
            Some(Some((generation, session))) if *generation == conn.generation => Some(session),
            _ => None,
        }
    }

    fn session_mut(&mut self, conn: ConnId) -> Option<&mut Session> {
        match self.sessions.get_mut(conn.index as usize) {
            Some(Some((generation, session))) if *generation == conn.generation => Some(session),
            _ => None,
        }
    }

    fn remove_session(&mut self, conn: ConnId) -> Option<Session> {
        self.session(conn)?;
        let place = self.sessions.get_mut(conn.index as usize)?;
        let (_, session) = place.take()?;
        let generation = match (session.v2, session.player) {
            (true, _) => 2,
            (false, Some(_)) => 1,
            (false, None) => 0,
        };
        self.counters.open[session.dialect as usize][generation] -= 1;
        Some(session)
    }

    /// What must hold between any two inputs.
    #[cfg(debug_assertions)]
    fn check_invariants(&self, now: Millis) {
        self.world.check_invariants(now);
        for (index, place) in self.sessions.iter().enumerate() {
            let Some((generation, session)) = place else {
                continue;
            };
            let conn = ConnId {
                index: index as u32,
                generation: *generation,
            };
            if let Some(player) = session.player {
                let linked = self.world.conn_of(player);
                assert_eq!(
                    linked,
                    Some(conn),
                    "a session speaks for a player of another connection"
                );
            }
        }
    }
}
