//! The one sans-IO entry: sessions, world and seed behind inputs and outputs.
//!
//! Absent here: sockets, threads, a clock, a logger, files.
//!
//! - `facts`: inputs and outputs;
//! - `requests`: what a client's event leads to;
//! - `orders`: how something is told;
//! - `endings`: how a connection is ended;
//! - `persons`: what a signed token leads to;
//! - `origins`: what is limited for all connections of one origin together;
//! - `board`: who is best, as far as it is known;
//! - `instances`: which other servers share the store, and who plays there;
//! - `store`: what waits for the store, and what its answers lead to;
//! - `recent`: a bounded table of what happened lately;
//! - `snapshot`: all of it as a value that another process reads.

mod board;
mod endings;
mod facts;
mod instances;
mod orders;
mod origins;
mod persons;
mod recent;
mod requests;
mod snapshot;
mod store;

use std::collections::VecDeque;

use fastrand::Rng;

use crate::config::Config;
use crate::metrics::Counters;
use crate::model::{
    self, ClientKind, CloseReason, ConnId, Ended, Entropy, Letter, Origin, PlayerId,
};
use crate::session::{BURST_MS, Pace, Pulse, Session};
use crate::time::Millis;
use crate::wire::{Inbound, engine_io, socket_io};
use crate::world::{Fault, Rules, Tally, World};

use self::board::BoardDesk;
pub use self::board::BoardPage;
pub use self::facts::{Input, Output, Place, Played, Slot, Timer};
use self::instances::Instances;
use self::orders::Order;
use self::origins::Origins;
pub use self::persons::CLOCK_MIN_S;
use self::persons::Door;
use self::recent::Recent;
use self::snapshot::ensure;
pub use self::snapshot::{HubSnapshot, ImportError};
use self::store::Desk;
pub use crate::wire::Dialect;

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
    /// `--instance`
    instance: Option<Letter>,
    world: World,
    /// By the connection's index; the generation tells whose it is.
    sessions: Vec<Option<Session>>,
    origins: Origins,
    desk: Desk,
    instances: Instances,
    board: BoardDesk,
    door: Door,
    max_sessions: usize,
    /// How many v2 clients said `hello`, the low bits.
    hellos: u32,
    /// What v2 players who lost their connections lately owe to the rate limit.
    parted: Recent<PlayerId, u64>,
    rng: Rng,
    entropy: Box<Entropy>,
    orders: VecDeque<Order>,
    /// The texts that `orders` send, one after the other: no message owns memory.
    texts: String,
    /// The payloads of pongs, likewise.
    pongs: Vec<u8>,
    counters: Counters,
}

/// A long burst of texts leaves at most this much memory behind.
const TEXTS_BYTES_KEPT: usize = 64 * 1024;

/// Most players whose rate is remembered beyond their connections: some 2 MB, for two seconds.
const PARTED_MAX: usize = 50_000;

/// The numbers the game goes by.
fn rules(config: &Config) -> Rules {
    Rules {
        game_time_ms: config.game_time_ms,
        robot_after_ms: config.robot_after_ms,
        rematch_wait_ms: config.rematch_wait_ms,
        relay_interval_ms: config.relay_interval_ms,
        session_ttl_ms: config.session_ttl_ms,
        max_sessions: config.max_sessions,
        instance: config.instance,
    }
}

impl Hub {
    /// A hub without anybody in it.
    ///
    /// `seed` decides robots and spreads; `entropy` is the source of what nobody may guess.
    #[must_use]
    pub fn new(config: &Config, seed: u64, entropy: Box<Entropy>) -> Self {
        let mut rng = Rng::with_seed(seed);
        let world = World::new(rules(config), rng.u64(..));
        Self::around(config, world, rng, entropy)
    }

    /// A hub without connections around a world.
    fn around(config: &Config, world: World, rng: Rng, entropy: Box<Entropy>) -> Self {
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
            instance: config.instance,
            world,
            sessions: Vec::new(),
            origins: Origins::new(config.max_per_address),
            desk: Desk::default(),
            instances: Instances::default(),
            board: BoardDesk::default(),
            door: Door::new(config.token_audience.clone()),
            max_sessions: config.max_sessions,
            hellos: 0,
            parted: Recent::new(PARTED_MAX, BURST_MS),
            rng,
            entropy,
            orders: VecDeque::new(),
            texts: String::new(),
            pongs: Vec::new(),
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
        self.pongs.clear();
        match input {
            Input::Opened {
                conn,
                dialect,
                from,
            } => self.open(now, conn, dialect, from),
            Input::Text { conn, text } => self.receive(now, conn, text),
            Input::Binary { conn, .. } => self.end(now, conn, CloseReason::Binary),
            Input::Seen { conn } => {
                if let Some(session) = self.session_mut(conn) {
                    session.seen(now);
                }
            }
            Input::Ping { conn, payload } => self.ping_frame(now, conn, payload),
            Input::Violation { conn, reason } => self.end(now, conn, reason),
            Input::Left { conn } => self.close(now, conn, Ended::Left),
            Input::Closed { conn } => self.close(now, conn, Ended::Lost),
            Input::Due {
                timer: Timer::Session(conn),
            } => self.beat(now, conn),
            Input::Due {
                timer: Timer::World(timer),
            } => {
                self.world.due(now, timer);
                // A round's end may say what somebody has won who was gone.
                self.take_pending();
            }
            Input::Due { timer: Timer::Beat } => self.beat_store(now),
            Input::Stored { reply } => self.stored(now, reply),
            Input::Clock { unix_s } => self.set_clock(now, unix_s),
            Input::BoardAsked => self.page_asks(now),
            Input::Drain => {
                self.world.drain();
                self.give_letter_up();
            }
            Input::Dismiss { conn } => self.dismiss(now, conn),
            Input::Gather => self.gather(),
            Input::Scatter => self.scatter(now),
            Input::SendOn { conn } => self.send_on(now, conn),
        }
        self.carry_effects(now);
        self.tell_refused();
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
            Order::Pong { conn, start, end } => Output::Pong {
                conn,
                payload: self.pongs.get(start..end).unwrap_or_default(),
            },
            Order::Close {
                conn,
                ended,
                played,
            } => Output::Close {
                conn,
                ended,
                played,
            },
            Order::Arm { at, timer } => Output::Arm { at, timer },
            Order::Disarm { timer } => Output::Disarm { timer },
            Order::Store(op) => Output::Store(op),
            Order::Hold { conn } => Output::Hold { conn },
            Order::Resume { conn } => Output::Resume { conn },
        })
    }

    /// How many rounds run right now; a drain waits for zero.
    #[must_use]
    pub fn running_rounds(&self) -> usize {
        self.world.running_rounds()
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

    /// How many of the players are persons.
    #[must_use]
    pub fn persons(&self) -> usize {
        self.world.persons()
    }

    fn open(&mut self, now: Millis, conn: ConnId, dialect: Dialect, from: Option<Origin>) {
        let mut session = Session::new(now, dialect, from);
        session.generation = conn.generation;
        let at = session.deadline(now, &self.pace);
        let index = conn.index as usize;
        if self.sessions.len() <= index {
            self.sessions.resize_with(index + 1, || None);
        }
        debug_assert!(
            self.sessions[index].is_none(),
            "a connection's index was used twice"
        );
        self.sessions[index] = Some(session);
        self.counters.opened[dialect.index()] += 1;
        self.counters.came(dialect, ClientKind::New);
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
        debug_assert!(!session.is_held(), "a held connection was read");
        let dialect = session.dialect;
        let inbound = session.receive(now, text);
        self.counters.texts_in += 1;
        match inbound {
            Ok(Inbound::Event { ack, body }) => self.event(now, conn, ack, body),
            Ok(Inbound::Ping) => {
                if self.packet(now, conn) {
                    self.send(conn, |out| out.push_str(engine_io::PONG));
                }
            }
            Ok(Inbound::Connect { credentials }) => {
                if let Some(signed) = socket_io::signed_token(credentials) {
                    let vouched = self.verify(now, &signed);
                    if let Some(session) = self.session_mut(conn) {
                        session.keep_vouched(vouched);
                    }
                }
                // Once at most, so it is answered in any case.
                self.packet(now, conn);
                if self.session(conn).is_some() {
                    let sid = model::draw_sid(&mut self.entropy);
                    self.send(conn, |out| socket_io::encode_connected(&sid, out));
                }
            }
            Ok(Inbound::OtherNamespace(name)) => {
                if self.packet(now, conn) {
                    self.send(conn, |out| {
                        socket_io::encode_no_namespace(dialect, name, out)
                    });
                }
            }
            Ok(Inbound::Disconnect) => {
                self.end(now, conn, CloseReason::ClientLeft);
            }
            Ok(Inbound::Nothing) => (),
            Err(fault) => self.end(now, conn, fault),
        }
    }

    /// A ping frame. Over the rate limit the latest one waits for its answer, and those before it
    /// get none, as RFC 6455, section 5.5.3, allows.
    fn ping_frame(&mut self, now: Millis, conn: ConnId, payload: &[u8]) {
        let pace = self.pace;
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        session.seen(now);
        if session.allow(now, &pace) {
            session.take_ping();
            return self.pong(conn, payload);
        }
        let armed = session.owes_pong();
        session.keep_ping(payload);
        let at = session.deadline(now, &pace);
        self.over_limit(now, conn);
        if !armed {
            self.orders.push_back(Order::Arm {
                at,
                timer: Timer::Session(conn),
            });
        }
    }

    /// Takes a packet that wants an answer off the rate limit; whether it gets one.
    fn packet(&mut self, now: Millis, conn: ConnId) -> bool {
        let pace = self.pace;
        let within = self
            .session_mut(conn)
            .is_some_and(|session| session.allow(now, &pace));
        if !within {
            self.over_limit(now, conn);
        }
        within
    }

    /// The timer of a connection's session fired.
    fn beat(&mut self, now: Millis, conn: ConnId) {
        let pace = self.pace;
        let waited = self.session(conn).and_then(Session::held_until);
        if waited.is_some_and(|until| until <= now) {
            self.wait_no_longer(now, conn);
        }
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        let pulse = session.pulse(now, &pace);
        if session.owes_pong()
            && session.allow(now, &pace)
            && let Some(payload) = session.take_ping()
        {
            self.pong(conn, &payload);
        }
        match pulse {
            Pulse::Steady => (),
            Pulse::PingFrame => self.orders.push_back(Order::Ping { conn }),
            Pulse::PingPacket => {
                self.send(conn, |out| out.push_str(engine_io::PING));
                // A browser answers this one by itself, also where it slows a hidden page's timers
                // to one a minute, by which some clients answer the packet.
                self.orders.push_back(Order::Ping { conn });
            }
            Pulse::Dead => return self.end(now, conn, CloseReason::TimedOut),
            Pulse::Mute => return self.end(now, conn, CloseReason::NoHello),
        }
        if let Some(session) = self.session(conn) {
            let at = session.deadline(now, &pace);
            self.orders.push_back(Order::Arm {
                at,
                timer: Timer::Session(conn),
            });
        }
    }

    pub(super) fn session(&self, conn: ConnId) -> Option<&Session> {
        match self.sessions.get(conn.index as usize) {
            Some(Some(session)) if session.generation == conn.generation => Some(session),
            _ => None,
        }
    }

    pub(super) fn session_mut(&mut self, conn: ConnId) -> Option<&mut Session> {
        match self.sessions.get_mut(conn.index as usize) {
            Some(Some(session)) if session.generation == conn.generation => Some(session),
            _ => None,
        }
    }

    pub(super) fn remove_session(&mut self, conn: ConnId) -> Option<Session> {
        self.session(conn)?;
        let place = self.sessions.get_mut(conn.index as usize)?;
        let session = place.take()?;
        self.counters.went(session.dialect, session.client());
        self.forget_wait(conn);
        Some(session)
    }

    /// What must hold between any two inputs.
    #[cfg(debug_assertions)]
    fn check_invariants(&self, now: Millis) {
        self.origins.check_invariants();
        self.parted.check_invariants();
        let sound = self.world.check_invariants(now);
        if let Err(fault) = sound.and_then(|()| self.check()) {
            panic!("{fault}");
        }
    }

    /// What must hold between sessions, desk and world.
    fn check(&self) -> Result<(), Fault> {
        let mut speakers = 0;
        for (index, place) in self.sessions.iter().enumerate() {
            let Some(session) = place else {
                continue;
            };
            let conn = ConnId {
                index: index as u32,
                generation: session.generation,
            };
            ensure(
                session.is_held() == self.is_held(conn),
                "who is held waits, and nobody else",
            )?;
            let Some(player) = session.player else {
                continue;
            };
            speakers += 1;
            ensure(
                self.world.conn_of(player) == Some(conn),
                "a session speaks for a player of another connection",
            )?;
            ensure(
                self.world.is_v2(player) == session.v2,
                "a player is of another generation than its connection",
            )?;
        }
        ensure(
            self.world.connected() == speakers,
            "a player's connection is not there",
        )?;
        self.check_desk()?;
        self.check_board()
    }
}
