//! The loop: one thread, one poll, one turn after the other, from the start to the end of a drain.
//!
//! It reads the only clock. In every turn it accepts, reads, lets timers fire, writes and removes,
//! in this order, and never more than a bounded amount of each.
//! It tells the service manager how it is, itself, so that a hung loop is noticed.
//! Absent: the rules of the game, the text of any dialect, and the single connection.
//!
//! - `start`: listeners and limits before the first turn;
//! - `persons`: keys and the time, by which tokens are judged;
//! - `drain`: from the first signal to the last goodbye;
//! - `gather`: players are sent on to another instance;
//! - `reload`: another program takes this one's place;
//! - `report`: what those who look on are told;
//! - `signals`: which signals are a request to stop, or to reload;
//! - `store`: what goes to the store and comes back.

mod drain;
mod gather;
mod persons;
mod reload;
mod report;
mod signals;
mod start;
mod store;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};

use super::admin::{ADMIN_TOKENS, Admin, History};
use super::entrance::{self, Entrance};
use super::handover::Program;
use super::life::Life;
use super::listen::Listener;
use super::manager::Manager;
use super::reader::{Reader, Turn};
use super::sockets::{Alarm, Sockets};
use super::stall::Watch;
use super::tls::keys::LOOK_MS;
use crate::config::Config;
use crate::hub::{Hub, Input};
use crate::time::Millis;

use self::gather::Gathering;
use self::persons::Judge;
pub use self::reload::STORE_REST;
use self::reload::{Former, Reload};
pub use self::signals::StopSignals;
pub use self::start::StartError;
pub use self::store::StoreEnd;

/// Connections beyond `--max-connections`, so that somebody is there to answer 503 and `/readyz`,
/// and those that make room for others and are closed at their turn's end.
pub const RESERVE: usize = entrance::RESERVE + entrance::ACCEPTS_MAX;
/// Most timers that fire in a turn; a hub that always arms the next one for now must not stop us.
const TIMERS_MAX: usize = 10_000;
/// Most events taken from the kernel in a turn.
const EVENTS_MAX: usize = 1024;

const LISTENER: Token = Token(usize::MAX - 1);
const SIGNALS: Token = Token(usize::MAX - 2);
/// From another thread: a request to stop, or answers of the store's.
const WAKE: Token = Token(usize::MAX - 3);

const _: () = assert!(
    ADMIN_TOKENS.end <= WAKE.0,
    "tokens are told apart by their number"
);

/// The whole server.
pub struct Server {
    poll: Poll,
    config: Config,
    /// The time of this turn.
    now: Millis,
    entrance: Entrance,
    reader: Reader,
    sockets: Sockets,
    hub: Hub,
    admin: Option<Admin>,
    history: History,
    manager: Manager,
    signals: Option<StopSignals>,
    waker: Arc<Waker>,
    /// Somebody asked to stop, from another thread.
    stop_asked: Arc<AtomicBool>,
    store: Option<StoreEnd>,
    /// What tokens are judged by, if any are.
    judge: Option<Judge>,
    /// There were more answers than a turn takes.
    answers_wait: bool,
    started: Instant,
    watch: Watch,
    life: Life,
    /// When it was first asked to stop, if it was.
    stopped_at: Millis,
    /// What takes its place at a reload, if anything may.
    program: Option<Program>,
    reload: Reload,
    gathering: Option<Gathering>,
    /// It was said that another process has this one's letter.
    is_doubled: bool,
    /// How many were asked to come back because of it.
    parted: usize,
    /// What whoever runs this has to do before it goes on.
    wants: Option<Halt>,
    /// It goes on where another program stopped, and has not said so yet.
    former: Option<Former>,
    /// It was said that it is there.
    is_announced: bool,
}

/// Why [`Server::run`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// It was asked to stop, and everybody is gone.
    Over,
    /// The store is to come to rest, within [`STORE_REST`], and to say so; then run again.
    RestStore,
    /// The store is to go on with its work; then run again.
    ResumeStore,
    /// Everybody can be handed to the new program: [`Server::hand_over`]. If that comes back, the
    /// store is to go on, and then run again.
    HandOver,
}

/// Asks a running server to stop, from another thread; like a SIGTERM.
#[derive(Clone, Debug)]
pub struct Stopper {
    waker: Arc<Waker>,
    asked: Arc<AtomicBool>,
}

impl Stopper {
    /// Asks once; asking again more than a second later is asking not to wait any longer.
    pub fn stop(&self) {
        self.asked.store(true, Ordering::Release);
        // It fails only when the kernel's object is gone, and with it the server.
        let _ = self.waker.wake();
    }
}

impl Server {
    /// Lets these signals stop this server, also if they came before: the first one drains,
    /// another one more than a second later ends it.
    ///
    /// # Errors
    ///
    /// The system does not let us poll them.
    pub fn watch_signals(&mut self, mut signals: StopSignals) -> io::Result<()> {
        self.poll
            .registry()
            .register(&mut signals, SIGNALS, Interest::READABLE)?;
        self.signals = Some(signals);
        Ok(())
    }

    /// Where it listens first.
    #[must_use]
    pub fn listener(&self) -> &Listener {
        let first = self.entrance.gate.first();
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
        Stopper {
            waker: Arc::clone(&self.waker),
            asked: Arc::clone(&self.stop_asked),
        }
    }

    /// Serves until it is asked to stop, then drains; or until something else has to be done for
    /// it, after which it is to be called again.
    ///
    /// # Errors
    ///
    /// Only when the kernel refuses to poll: nothing can go on then.
    pub fn run(&mut self) -> io::Result<Halt> {
        if !std::mem::replace(&mut self.is_announced, true) {
            self.announce();
        }
        let mut events = Events::with_capacity(EVENTS_MAX);
        while self.life != Life::Over {
            self.turn(&mut events)?;
            if let Some(wanted) = self.wants.take() {
                return Ok(wanted);
            }
        }
        self.sum_up();
        Ok(Halt::Over)
    }

    /// Whoever connects is served from now on.
    fn announce(&mut self) {
        if let Some(former) = self.former.take() {
            self.greet_as(former);
        } else {
            self.tell_places();
        }
        self.manager.ready(&self.status());
        self.watch();
        self.tick();
    }

    fn tell_places(&self) {
        match &self.store {
            Some(store) => log::info!("{}, points {}", self.entrance.gate, store.place),
            None => log::info!("{}", self.entrance.gate),
        }
        if let Some(admin) = &self.admin {
            log::info!("metrics and status: {}", admin.listener());
        }
    }

    fn sum_up(&mut self) {
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
        let timers = self.sockets.hub_timers();
        log::info!(
            "left behind: {players} players, {rooms} rooms, {sessions} sessions, {timers} timers"
        );
        match self.sockets.open_count() {
            0 => (),
            count => log::warn!("{count} connections were cut"),
        }
    }

    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        let patience = self.patience();
        match self.poll.poll(events, patience) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => (),
        }
        let woken = Instant::now();
        let since_start = woken.saturating_duration_since(self.started);
        let now = Millis(u64::try_from(since_start.as_millis()).unwrap_or(u64::MAX));
        // The program before this one may have read its clock a moment later than this one thinks.
        self.now = self.now.max(now);
        if let Some(line) = self.watch.wake(woken, patience) {
            log::warn!("{line}");
        }
        self.tell_time();
        let mut signalled = false;
        for event in events.iter() {
            match event.token() {
                LISTENER => self.entrance.gate.note(),
                SIGNALS => signalled = true,
                // Whatever it was for is looked for in any case.
                WAKE => (),
                Token(token) if ADMIN_TOKENS.contains(&token) => {
                    if let Some(admin) = &mut self.admin {
                        admin.note(token);
                    }
                }
                _ => self.sockets.note(event),
            }
        }
        let tried = self.entrance.accept(self.now, self.life, &mut self.sockets);
        self.lap(0 < tried);
        let to_read = self.read_all();
        // Those who came in the same turn were here before: they are answered as ever.
        if signalled {
            self.on_signals();
        }
        if self.stop_asked.swap(false, Ordering::Acquire) {
            self.on_stop("asked");
        }
        let rested = self.store_rests();
        self.hear_store();
        self.tell_board();
        self.lap(true);
        let timers = self.fire_timers();
        self.drain();
        self.lap(0 < timers || self.life.is_ending());
        self.write();
        let ends = self.sockets.has_gone();
        self.lap(ends);
        self.sockets.sweep();
        self.order_store();
        self.look_at_store(rested);
        self.serve_admin();
        let connections = self.sockets.len();
        let done = || format!("{to_read} to read, {timers} timers, {connections} connections");
        let (spent, line) = self.watch.end(Instant::now(), done);
        if let Some(line) = line {
            log::warn!("{line}");
        }
        self.end_if_over();
        let spent_us = u64::try_from(spent.as_micros()).unwrap_or(u64::MAX);
        self.sockets.traffic.turns.observe(spent_us);
        Ok(())
    }

    /// A part of the turn is over. A look at the clock costs as much as a small message's decoding,
    /// so a part that had nothing to do is taken for none.
    fn lap(&mut self, did_something: bool) {
        match did_something {
            true => self.watch.lap(Instant::now()),
            false => self.watch.skip(),
        }
    }

    /// How long to sleep: not at all while work waits.
    fn patience(&self) -> Option<Duration> {
        let dismissing = matches!(self.life, Life::Dismissing { .. });
        let admin_waits = self.admin.as_ref().is_some_and(Admin::waits);
        match dismissing || admin_waits || self.answers_wait {
            true => Some(Duration::ZERO),
            false => self.entrance.patience(self.now, &self.sockets),
        }
    }

    /// Tells pages who is best, as far as it is known; what was kept for a moment is not for ever.
    /// Only whoever has yet to be answered can ask for it.
    fn tell_board(&mut self) {
        if !self.sockets.has_heads() {
            return;
        }
        let page = self.hub.board_page(self.now);
        let until = self.hub.board_page_until();
        self.sockets.tell_board(page, until);
    }

    /// Reads everybody who has something to be read, and returns how many those were.
    fn read_all(&mut self) -> usize {
        let turn = Turn {
            now: self.now,
            life: self.life_at_the_door(),
            handed: self.entrance.gate.is_handed() && self.life.is_ending(),
            store_away: self.hub.is_store_away(),
        };
        self.tell_board();
        let hub = &mut self.hub;
        self.reader
            .read_all(turn, &mut self.sockets, &mut |sockets, input| {
                feed(hub, turn.now, input, sockets);
            })
    }

    /// Writes to everybody who is owed something.
    fn write(&mut self) {
        let (hub, now) = (&mut self.hub, self.now);
        self.sockets
            .write(now, &mut |sockets, input| feed(hub, now, input, sockets));
    }

    /// Writes before the turn's end if very many wait for that.
    fn relieve(&mut self) {
        let (hub, now) = (&mut self.hub, self.now);
        self.sockets
            .relieve(now, &mut |sockets, input| feed(hub, now, input, sockets));
    }

    fn feed(&mut self, input: Input<'_>) {
        feed(&mut self.hub, self.now, input, &mut self.sockets);
    }

    /// Lets due timers fire; returns how many did.
    fn fire_timers(&mut self) -> usize {
        for fired in 0..TIMERS_MAX {
            let Some((_, alarm)) = self.sockets.wheel.pop_due(self.now) else {
                return fired;
            };
            match alarm {
                Alarm::Hub(timer) => {
                    self.sockets.fired(timer);
                    self.feed(Input::Due { timer });
                }
                Alarm::Socket(id) => self.reader.on_timer(self.now, id, &mut self.sockets),
                Alarm::Accept => self.entrance.accept_again(),
                Alarm::DrainHurry => self.hurry(),
                Alarm::DrainEnd => self.life = Life::Over,
                Alarm::Watchdog => self.watch(),
                Alarm::Tick => self.tick(),
                Alarm::Reload => self.look_at_reload(),
                Alarm::Gather => self.look_who_is_idle(),
                Alarm::Keys => {
                    self.sockets.sessions.keys.look();
                    self.sockets.wheel.arm(self.now + LOOK_MS, Alarm::Keys);
                }
                Alarm::TokenKeys => self.look_at_keys(),
                Alarm::Board => self.tell_board(),
                // The end of the turn looks whether it is over.
                Alarm::LastCall => (),
            }
            self.relieve();
        }
        TIMERS_MAX
    }
}

/// One input, then all outputs, before the next input.
fn feed(hub: &mut Hub, now: Millis, input: Input<'_>, sockets: &mut Sockets) {
    hub.handle(now, input);
    carry_out_orders(hub, now, sockets);
}

fn carry_out_orders(hub: &mut Hub, now: Millis, sockets: &mut Sockets) {
    while let Some(output) = hub.pop_output() {
        sockets.carry_out(now, output);
    }
}
