//! The loop: one thread, one poll, one turn after the other, from the start to the end of a drain.
//!
//! It reads the only clock. In every turn it accepts, reads, lets timers fire, writes and removes,
//! in this order, and never more than a bounded amount of each; what it had no time for is
//! remembered, because an edge-triggered poll does not say anything twice.
//! It tells the service manager how it is, itself, so that a hung loop is noticed.
//! Absent: the rules of the game, the text of any dialect, and the calls on single sockets.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;

use super::admin::{ADMIN_TOKENS, Admin, History};
use super::conn::{Phase, RECV_BYTES, Received};
use super::frames::{Decoder, Step};
use super::gate::Gate;
use super::handed::Handed;
use super::http::{self, Answer, Context, Decision, HEAD_BYTES_MAX, Page};
use super::listen::{BindError, Listener};
use super::manager::Manager;
use super::peers::Peer;
use super::sockets::{Alarm, Failure, Sockets};
use super::stall::Watch;
use super::state;
use crate::config::Config;
use crate::hub::{Hub, Input};
use crate::metrics::Refusal;
use crate::model::{ConnId, Entropy};
use crate::time::Millis;

/// Connections beyond `--max-connections`, so that somebody is there to answer 503 and `/readyz`.
pub const RESERVE: usize = 64;
/// Most connections accepted in a turn.
const ACCEPTS_MAX: usize = 64;
/// Most frames taken from one connection in a turn.
const FRAMES_MAX: usize = 64;
/// Most timers that fire in a turn; a hub that always arms the next one for now must not stop us.
const TIMERS_MAX: usize = 10_000;
/// Most indexes looked at in a turn when everybody is sent away.
const DISMISSALS_MAX: usize = 512;
/// Most events taken from the kernel in a turn.
const EVENTS_MAX: usize = 1024;
/// How long not to accept after descriptors or memory ran out.
const ACCEPT_PAUSE_MS: u64 = 500;
/// Refused clients try again every few seconds: one line in that time says enough.
const REFUSAL_LOG_MS: u64 = 10_000;

/// How long a connection accepted before the stop may take for its head, if the next process cannot
/// answer it and we do not refuse: its request is on its way already.
const LAST_CALL_MS: u64 = 500;

const LISTENER: Token = Token(usize::MAX - 1);
const SIGNALS: Token = Token(usize::MAX - 2);
const STOP: Token = Token(usize::MAX - 3);

const _: () = assert!(
    ADMIN_TOKENS.end <= STOP.0,
    "tokens are told apart by their number"
);

/// The whole server.
pub struct Server {
    page: Page,
    config: Config,
    poll: Poll,
    gate: Gate,
    admin: Option<Admin>,
    history: History,
    manager: Manager,
    signals: Option<Signals>,
    waker: Arc<Waker>,
    started: Instant,
    now: Millis,
    hub: Hub,
    sockets: Sockets,
    decoder: Decoder,
    /// What is received passes through here, whoever sends it.
    buffer: Vec<u8>,
    /// Those being read in this turn; kept for its memory.
    batch: Vec<usize>,
    /// Descriptors ran out; a timer ends the pause.
    accept_paused: bool,
    polling_logged: Option<Millis>,
    crowd_logged: Option<Millis>,
    watch: Watch,
    life: Life,
    /// When it was asked to stop, if a listener was handed to us.
    stopped_at: Millis,
}

/// How far the end is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// Not in sight.
    Serving,
    /// No new rounds; the running ones are waited for.
    Draining,
    /// Everybody is sent away, slice by slice, from this index on.
    Dismissing { next: usize },
    /// Everybody was; the last bytes are on their way.
    Leaving,
    /// The loop ends after this turn.
    Over,
}

/// Asks a running server to stop, from another thread; like a first SIGTERM.
#[derive(Clone, Debug)]
pub struct Stopper(Arc<Waker>);

impl Stopper {
    /// Asks once; asking again is like a second signal.
    pub fn stop(&self) {
        // It fails only when the kernel's object is gone, and with it the server.
        let _ = self.0.wake();
    }
}

/// Why a server could not start.
#[derive(Debug)]
pub enum StartError {
    /// The listener.
    Bind(BindError),
    /// Something else that the system refused.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(f),
            Self::System(error) => write!(f, "cannot start: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<BindError> for StartError {
    fn from(error: BindError) -> Self {
        Self::Bind(error)
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl Server {
    /// Opens the listener and reads the sessions of an earlier process.
    ///
    /// `seed` decides robots and spreads; `entropy` is the source of what nobody may guess.
    ///
    /// # Errors
    ///
    /// [`StartError`] is one sentence for the person who started the server.
    pub fn bind(config: Config, seed: u64, entropy: Box<Entropy>) -> Result<Self, StartError> {
        Self::start(config, seed, entropy, Handed::default())
    }

    /// Like [`bind`](Self::bind), with listeners that a service manager may have handed over: they
    /// are taken instead of `--listen` and `--admin`.
    ///
    /// # Errors
    ///
    /// [`StartError`] is one sentence for the person who started the server.
    pub fn start(
        config: Config,
        seed: u64,
        entropy: Box<Entropy>,
        handed: Handed,
    ) -> Result<Self, StartError> {
        let poll = Poll::new()?;
        for (flag, unused) in [
            ("--listen", !handed.game.is_empty()),
            ("--admin", handed.admin.is_some()),
        ] {
            if unused && config.origins.contains_key(flag) {
                log::warn!("{flag} is not used: a service manager handed a listener over");
            }
        }
        let mut gate = match handed.game.is_empty() {
            true => Gate::new(vec![Listener::bind(&config.listen)?], false),
            false => Gate::new(handed.game, true),
        };
        gate.register(poll.registry(), LISTENER)?;
        let admin = match (handed.admin, &config.admin) {
            (Some(listener), _) => Some(listener),
            (None, Some(listen)) => {
                let bound = Listener::bind(listen);
                Some(bound.map_err(|error| BindError(error.0.replace("--listen", "--admin")))?)
            }
            (None, None) => None,
        };
        let admin = match admin {
            Some(listener) => Some(Admin::new(listener, poll.registry().try_clone()?)?),
            None => None,
        };
        let waker = Arc::new(Waker::new(poll.registry(), STOP)?);
        let sockets = Sockets::new(poll.registry().try_clone()?, &config);
        let decoder = Decoder::new(config.max_message);
        // A part of a head or frame stands in front of what comes next. A flood is left over as a
        // whole, and nothing is received while it is treated.
        let buffer_bytes = HEAD_BYTES_MAX.max(decoder.frame_bytes_max()) + RECV_BYTES;
        let hub = Hub::new(&config, seed, entropy);
        let mut server = Self {
            page: Page::new(&config.base_path, config.remote_avatars),
            config,
            poll,
            gate,
            admin,
            history: History::default(),
            manager: Manager::from_env(),
            signals: None,
            waker,
            started: Instant::now(),
            now: Millis::ZERO,
            hub,
            sockets,
            decoder,
            buffer: vec![0; buffer_bytes],
            batch: Vec::new(),
            accept_paused: false,
            polling_logged: None,
            crowd_logged: None,
            watch: Watch::new(Instant::now()),
            life: Life::Serving,
            stopped_at: Millis::ZERO,
        };
        if let Some(path) = &server.config.state {
            state::read(path, &mut server.hub, server.now);
            server.carry_out_orders();
        }
        Ok(server)
    }

    /// Lets SIGTERM and SIGINT stop this server: the first one drains, the second one ends it.
    ///
    /// # Errors
    ///
    /// Those of registering a signal handler.
    pub fn watch_signals(&mut self) -> io::Result<()> {
        let mut signals = Signals::new([SIGTERM, SIGINT])?;
        self.poll
            .registry()
            .register(&mut signals, SIGNALS, Interest::READABLE)?;
        self.signals = Some(signals);
        Ok(())
    }

    /// Where it listens first.
    #[must_use]
    pub fn listener(&self) -> &Listener {
        let first = self.gate.first();
        first.expect("the gate is shut only while the server runs")
    }

    /// Where it tells metrics and status, if it does.
    #[must_use]
    pub fn admin(&self) -> Option<&Listener> {
        self.admin.as_ref().map(Admin::listener)
    }

    /// To stop it from another thread.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.waker))
    }

    /// Serves until it is asked to stop, then drains and writes the sessions.
    ///
    /// # Errors
    ///
    /// Only when the kernel refuses to poll: nothing can go on then.
    pub fn run(mut self) -> io::Result<()> {
        log::info!("{}", self.gate);
        if let Some(admin) = &self.admin {
            log::info!("metrics and status: {}", admin.listener());
        }
        let mut events = Events::with_capacity(EVENTS_MAX);
        self.manager.ready(&self.status());
        self.watch();
        self.tick();
        while self.life != Life::Over {
            self.turn(&mut events)?;
        }
        if let Some(path) = &self.config.state {
            state::write(path, &self.hub.export_sessions(self.now));
        }
        let tally = self.hub.tally();
        log::info!(
            "stopped after {} s: {}, {} rounds between humans, {} against robots, {} slow turns",
            self.now.0 / 1000,
            self.hub.counters(),
            tally.human_rounds,
            tally.robot_rounds,
            self.watch.slow(),
        );
        let (players, rooms, sessions) = self.hub.population();
        log::info!("left behind: {players} players, {rooms} rooms, {sessions} sessions");
        match self.sockets.open_count() {
            0 => (),
            count => log::warn!("{count} connections were cut"),
        }
        Ok(())
    }

    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        let patience = self.patience();
        match self.poll.poll(events, patience) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => (),
        }
        let woken = Instant::now();
        let since_start = woken.saturating_duration_since(self.started);
        self.now = Millis(u64::try_from(since_start.as_millis()).unwrap_or(u64::MAX));
        if let Some(line) = self.watch.wake(woken, patience) {
            log::warn!("{line}");
        }
        let mut stop = None;
        for event in events.iter() {
            match event.token() {
                LISTENER => self.gate.note(),
                token @ (SIGNALS | STOP) => stop = Some(token),
                Token(token) if ADMIN_TOKENS.contains(&token) => {
                    if let Some(admin) = &mut self.admin {
                        admin.note(token);
                    }
                }
                _ => self.sockets.note(event),
            }
        }
        self.accept();
        self.watch.lap(Instant::now());
        // Those that are not finished stand on the next turn's list by the end of this loop.
        let mut batch = std::mem::take(&mut self.batch);
        std::mem::swap(&mut batch, &mut self.sockets.ready);
        let to_read = batch.len();
        for index in batch.drain(..) {
            self.read(index);
        }
        self.batch = batch;
        // Those who came in the same turn were here before: they are answered as ever.
        match stop {
            Some(SIGNALS) => self.on_signals(),
            Some(_) => self.on_stop("asked"),
            None => (),
        }
        self.watch.lap(Instant::now());
        let timers = self.fire_timers();
        self.drain();
        self.watch.lap(Instant::now());
        self.write();
        self.watch.lap(Instant::now());
        self.sockets.sweep();
        self.serve_admin();
        let connections = self.sockets.len();
        let done = || format!("{to_read} to read, {timers} timers, {connections} connections");
        if let Some(line) = self.watch.end(Instant::now(), done) {
            log::warn!("{line}");
        }
        if self.life == Life::Leaving && self.sockets.is_quiet() && !self.is_last_call() {
            self.life = Life::Over;
        }
        let spent = woken.elapsed();
        let spent_us = u64::try_from(spent.as_micros()).unwrap_or(u64::MAX);
        self.sockets.traffic.turns.observe(spent_us);
        Ok(())
    }

    /// How long to sleep: until the next timer, and not at all while work waits.
    fn patience(&self) -> Option<Duration> {
        let dismissing = matches!(self.life, Life::Dismissing { .. });
        let admin_waits = self.admin.as_ref().is_some_and(Admin::waits);
        if !self.sockets.ready.is_empty() || self.may_accept() || dismissing || admin_waits {
            return Some(Duration::ZERO);
        }
        let wakeup = self.sockets.wheel.next_wakeup()?;
        Some(Duration::from_millis(wakeup.since(self.now)))
    }

    fn may_accept(&self) -> bool {
        let room = self.config.max_connections.saturating_add(RESERVE);
        self.gate.waits() && !self.accept_paused && self.sockets.len() < room
    }

    /// Accepts those who wait, a bounded number at a time. No error ends the service.
    fn accept(&mut self) {
        let newcomer = self.life != Life::Serving;
        for _ in 0..ACCEPTS_MAX {
            if !self.may_accept() {
                return;
            }
            let accepted = self.gate.accept();
            let (socket, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return,
                    // The one who waited is gone, or a signal came: the next one, please.
                    io::ErrorKind::Interrupted
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::ConnectionReset => continue,
                    // EMFILE, ENFILE, ENOBUFS, ENOMEM, and whatever else may not pass at once.
                    _ => return self.pause_accepting(&error),
                },
            };
            if let Err(error) = self.sockets.insert(self.now, socket, peer, newcomer) {
                return self.pause_accepting(&error);
            }
        }
    }

    fn pause_accepting(&mut self, error: &io::Error) {
        self.sockets.traffic.accept_pauses += 1;
        let count = self.sockets.len();
        log::warn!("cannot accept: {error} ({count} connections); trying again in a moment");
        self.accept_paused = true;
        self.sockets
            .wheel
            .arm(self.now + ACCEPT_PAUSE_MS, Alarm::Accept);
    }

    /// Treats a connection's input, and puts it on the next turn's list if there is more.
    fn read(&mut self, index: usize) {
        let Some(conn) = self.sockets.at(index) else {
            return;
        };
        conn.listed = false;
        let fresh_from = conn.rest.len();
        let mut buffer = std::mem::take(&mut self.buffer);
        match conn.phase {
            Phase::Gone => (),
            Phase::Lingering { shut: false, .. } => (),
            Phase::Lingering { .. } => self.sockets.discard(index, &mut buffer),
            Phase::Head { .. } => match self.sockets.receive(index, &mut buffer) {
                Received::Bytes(count) => {
                    let bytes = buffer.get(..count).unwrap_or_default();
                    self.read_head(index, bytes, fresh_from);
                }
                Received::End => self.give_up(index),
            },
            Phase::Open { .. } => match self.sockets.receive(index, &mut buffer) {
                Received::Bytes(count) => {
                    if let Some(id) = self.sockets.open_at(index) {
                        self.read_frames(id, buffer.get(..count).unwrap_or_default());
                    }
                }
                Received::End => self.give_up(index),
            },
        }
        self.buffer = buffer;
        self.sockets.list(index);
    }

    /// The other end is gone without a word.
    fn give_up(&mut self, index: usize) {
        match self.sockets.open_at(index) {
            Some(id) => self.lose(id, Failure::Lost),
            None => {
                if let Some(conn) = self.sockets.at(index) {
                    let generation = conn.generation;
                    self.sockets.drop_conn(ConnId {
                        index: index as u32,
                        generation,
                    });
                }
            }
        }
    }

    /// Answers a request head once it is complete; `fresh_from` is where this turn's bytes begin.
    fn read_head(&mut self, index: usize, bytes: &[u8], fresh_from: usize) {
        let Some(conn) = self.sockets.at(index) else {
            return;
        };
        // A head ends with a line, so only a line's end can complete it: a head that comes byte by
        // byte is not parsed for every byte. The first bytes are, to refuse what is no HTTP.
        let fresh = bytes.get(fresh_from..).unwrap_or_default();
        if fresh_from != 0 && bytes.len() < HEAD_BYTES_MAX && !fresh.contains(&b'\n') {
            conn.rest = bytes.to_vec();
            return;
        }
        let (peer, newcomer) = (conn.peer, conn.newcomer);
        let context = Context {
            base: &self.config.base_path,
            page: self.page,
            full: self.config.max_connections <= self.sockets.open_count(),
            draining: self.life != Life::Serving,
            newcomer,
            // Nobody new comes by a listener that was handed to us: whoever is here came before.
            last_call: self.gate.is_handed(),
            peer,
            crowd: &self.sockets.crowd,
        };
        let (decision, peer) = http::respond(bytes, context);
        if let Some(conn) = self.sockets.at(index) {
            conn.peer = peer;
        }
        match decision {
            Decision::Partial => {
                if let Some(conn) = self.sockets.at(index) {
                    conn.rest = bytes.to_vec();
                }
            }
            Decision::Answer(answer) => {
                log::debug!("{peer} answered {}", answer.status);
                if let Some(refusal) = answer.refusal(self.life != Life::Serving) {
                    self.sockets.traffic.count_refusal(refusal);
                }
                self.log_refusal(peer, &answer);
                self.sockets.answer(self.now, index, &answer);
            }
            Decision::Upgrade {
                head,
                dialect,
                consumed,
            } => {
                if let Some(conn) = self.sockets.upgrade(self.now, index, &head, dialect) {
                    self.tell(Input::Opened { conn, dialect });
                    self.read_frames(conn, bytes.get(consumed..).unwrap_or_default());
                    if matches!(self.life, Life::Dismissing { .. } | Life::Leaving) {
                        self.tell(Input::Dismiss { conn });
                    }
                }
            }
        }
    }

    /// What an operator may wonder about, once in a while.
    fn log_refusal(&mut self, peer: Peer, answer: &Answer) {
        if answer.polling && seldom(&mut self.polling_logged, self.now) {
            log::warn!(
                "{peer} tried Socket.IO's long-polling, which is not offered: \
                 its client needs the option transports: [\"websocket\"]"
            );
        }
        if answer.crowded && seldom(&mut self.crowd_logged, self.now) {
            log::warn!(
                "{peer} has {} connections and gets no more (--max-per-address); if it is a \
                 proxy, name it with --trusted-proxy",
                self.config.max_per_address
            );
        }
    }

    /// Hands whole messages to the hub, a bounded number of frames, and keeps what is left.
    fn read_frames(&mut self, id: ConnId, input: &[u8]) {
        let mut input = input;
        let mut fragments = match self.sockets.get(id).map(|conn| &mut conn.phase) {
            Some(Phase::Open { fragments, .. }) => std::mem::take(fragments),
            _ => return,
        };
        for _ in 0..FRAMES_MAX {
            let step = self.decoder.next(&mut input, &mut fragments);
            if !self.decoder.replies.is_empty() {
                let replies = &self.decoder.replies;
                self.sockets.put(id, |tail| tail.extend_from_slice(replies));
            }
            match step {
                Step::Starved => break,
                Step::Text(text) => self.tell(Input::Text {
                    conn: id,
                    text: text.as_str(),
                }),
                Step::Binary(_) => self.tell(Input::Binary { conn: id }),
                Step::Fragment | Step::Control => self.tell(Input::Seen { conn: id }),
                Step::Close => {
                    self.log_end(id, format_args!("left"));
                    self.sockets.traffic.count_ending("left");
                    self.sockets.end(self.now, id);
                    return self.tell(Input::Closed { conn: id });
                }
                Step::Violation(code, reason) => {
                    let violation = Input::Violation {
                        conn: id,
                        code,
                        reason,
                    };
                    return self.tell(violation);
                }
            }
            if !self.sockets.is_open(id) {
                return;
            }
        }
        let backlog = self.decoder.has_frame(input);
        if let Some(conn) = self.sockets.get(id) {
            conn.rest = input.to_vec();
            conn.backlog = backlog;
            if let Phase::Open {
                fragments: place, ..
            } = &mut conn.phase
            {
                *place = fragments;
            }
        }
    }

    /// One input, then all outputs, before the next input.
    fn tell(&mut self, input: Input<'_>) {
        self.hub.handle(self.now, input);
        self.carry_out_orders();
    }

    fn carry_out_orders(&mut self) {
        while let Some(output) = self.hub.pop_output() {
            self.sockets.carry_out(self.now, output);
        }
    }

    /// Lets due timers fire; returns how many did.
    fn fire_timers(&mut self) -> usize {
        for fired in 0..TIMERS_MAX {
            let Some((_, alarm)) = self.sockets.wheel.pop_due(self.now) else {
                return fired;
            };
            match alarm {
                Alarm::Hub(timer) => self.tell(Input::Due { timer }),
                Alarm::Socket(id) => {
                    if let Some(index) = self.sockets.on_timer(id) {
                        let traffic = &mut self.sockets.traffic;
                        traffic.count_refusal(Refusal::HeadTimeout);
                        self.sockets.answer(self.now, index, &http::timed_out());
                    }
                }
                Alarm::Accept => self.accept_paused = false,
                Alarm::DrainHurry => {
                    if self.life == Life::Draining {
                        log::warn!("{} rounds are cut short", self.hub.running_rounds());
                        self.life = Life::Dismissing { next: 0 };
                    }
                }
                Alarm::DrainEnd => self.life = Life::Over,
                Alarm::Watchdog => self.watch(),
                Alarm::Tick => self.tick(),
                // The end of the turn looks whether it is over.
                Alarm::LastCall => (),
            }
        }
        TIMERS_MAX
    }

    /// Writes to everybody who is owed something. Those that fail are told to the hub, which may
    /// owe others something because of that; each connection fails once at most.
    fn write(&mut self) {
        self.sockets.flush(self.now);
        while let Some((id, failure)) = self.sockets.failed.pop() {
            self.lose(id, failure);
            self.sockets.flush(self.now);
        }
    }

    /// Ends a connection that nothing can be sent to any more, or too slowly.
    fn lose(&mut self, id: ConnId, failure: Failure) {
        if !self.sockets.is_open(id) {
            return self.sockets.drop_conn(id);
        }
        match failure {
            Failure::Lost => {
                self.log_end(id, format_args!("lost"));
                self.sockets.traffic.count_ending("lost");
                self.sockets.drop_conn(id);
            }
            Failure::Slow => {
                self.sockets.traffic.slow_readers += 1;
                // Not the RFC's fault, but the same end: `bye`, `41` and the close frame are queued
                // behind what it has not read yet, for the case that it begins to.
                return self.tell(Input::Violation {
                    conn: id,
                    code: 1008,
                    reason: "slow reader",
                });
            }
        }
        self.tell(Input::Closed { conn: id });
    }

    fn log_end(&mut self, id: ConnId, reason: fmt::Arguments<'_>) {
        let rounds = self.hub.rounds_of(id);
        self.sockets.log_end(self.now, id, rounds, reason);
    }

    /// Whether those who came before the stop may still say what they want.
    fn is_last_call(&self) -> bool {
        self.gate.is_handed()
            && self.now.since(self.stopped_at) < LAST_CALL_MS
            && self.sockets.has_heads()
    }

    fn on_signals(&mut self) {
        let Some(signals) = &mut self.signals else {
            return;
        };
        // One that comes twice before we look is reported once.
        let arrived: Vec<i32> = signals.pending().collect();
        for signal in arrived {
            self.on_stop(if signal == SIGINT {
                "SIGINT"
            } else {
                "SIGTERM"
            });
        }
    }

    /// The first request to stop drains, the second one does not wait for anything.
    fn on_stop(&mut self, why: &str) {
        if self.life != Life::Serving {
            log::warn!("{why} again: not waiting any longer");
            self.life = Life::Over;
            return;
        }
        log::info!(
            "{why}: draining {} connections and {} rounds",
            self.sockets.open_count(),
            self.hub.running_rounds()
        );
        self.life = Life::Draining;
        self.manager.stopping(&self.status());
        if self.gate.is_handed() {
            self.gate.shut(self.poll.registry());
            self.stopped_at = self.now;
            let over = self.now + LAST_CALL_MS;
            self.sockets.wheel.arm(over, Alarm::LastCall);
        }
        let end = self.now + self.config.drain_timeout_ms;
        // The last part of the time is for saying goodbye.
        let farewell_ms = (self.config.linger_ms + 500).min(self.config.drain_timeout_ms / 2);
        self.sockets.wheel.arm(end - farewell_ms, Alarm::DrainHurry);
        self.sockets.wheel.arm(end, Alarm::DrainEnd);
        self.tell(Input::Drain);
    }

    /// Takes a drain one step further.
    fn drain(&mut self) {
        match self.life {
            Life::Draining if self.hub.running_rounds() == 0 => {
                self.life = Life::Dismissing { next: 0 };
                self.drain();
            }
            Life::Dismissing { next } => {
                let last = self.sockets.index_end();
                let until = next.saturating_add(DISMISSALS_MAX).min(last);
                for index in next..until {
                    if let Some(conn) = self.sockets.open_at(index) {
                        self.tell(Input::Dismiss { conn });
                    }
                }
                self.life = if until == last {
                    Life::Leaving
                } else {
                    Life::Dismissing { next: until }
                };
            }
            Life::Serving | Life::Draining | Life::Leaving | Life::Over => (),
        }
    }
}

/// Whether it is time for another line of a kind that was last written at `last`.
fn seldom(last: &mut Option<Millis>, now: Millis) -> bool {
    let due = last.is_none_or(|last| REFUSAL_LOG_MS <= now.since(last));
    if due {
        *last = Some(now);
    }
    due
}

mod report;
#[cfg(test)]
mod tests;
