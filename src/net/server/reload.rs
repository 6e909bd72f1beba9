//! A reload: from the signal to the call that runs the new program, and from its start to its first
//! turn.
//!
//! First the new program proves on a copy that it can, then the store comes to rest; the loop turns
//! meanwhile. Only then is everybody handed over, in one go. Whatever fails, this program goes on
//! and says why. Absent: what a connection or the game carries, how descriptors travel.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::persons::Judge;
use super::{Halt, Server, StartError};
use crate::config::Config;
use crate::hub::{Hub, Input};
use crate::model::Entropy;
use crate::net::admin::{Admin, History, Sample};
use crate::net::frames::Decoder;
use crate::net::gate::{Gate, Way};
use crate::net::handover::asker::{Asker, Wish};
use crate::net::handover::carried::{Carried, FORM, FORM_WITH_WAYS};
use crate::net::handover::proof::{LOOK_MS, Proof};
use crate::net::handover::{self, Luggage, Program, Taken, pass};
use crate::net::listen::{BindError, Buffers, Listener};
use crate::net::sockets::Alarm;
use crate::net::sockets::carry::{self, Live};
use crate::net::tls::keys::Keys;
use crate::time::Millis;

/// How long the store may take to write what waits, before the rest travels along.
pub const STORE_REST: Duration = Duration::from_secs(2);
/// How long it may take in all: a disk that hangs does not let go of its thread.
const STORE_REST_MAX_MS: u64 = 5_000;
/// How long those who came by TLS may take to hear it.
const PARTING_MS: u64 = 500;
/// This one's release.
const RELEASE: &str = env!("CARGO_PKG_VERSION");
/// Why there is no reload where nobody said what to run.
const NO_PROGRAM: &str = "it is not known which program to run";

/// How far a reload is.
#[derive(Debug, Default)]
pub(super) enum Reload {
    #[default]
    None,
    /// The new program is asked whether it can.
    Proving {
        proof: Proof,
        wish: Wish,
        asker: Option<Asker>,
    },
    /// Those who came by TLS, which cannot be carried, hear that they are to come back.
    Parting { asker: Option<Asker>, until: Millis },
    /// The store comes to rest.
    Resting { asker: Option<Asker>, until: Millis },
    /// Everybody is to be handed over when this turn is over.
    Due { asker: Option<Asker> },
}

/// What this process has done already, as another program.
#[derive(Debug)]
pub(super) struct Former {
    release: String,
    paused_ns: u64,
    /// How many were asked to come back.
    parted: usize,
    asker: Option<Asker>,
    /// When this program began to read, and when it had.
    began: Instant,
    read: Instant,
}

impl Server {
    /// Lets this server be replaced by the program that lies where this one's lay.
    pub fn allow_reload(&mut self, program: Program) {
        self.program = Some(program);
    }

    /// Somebody asks for a reload, or for the proof that one would go well: by the signal alone, or
    /// waiting to be told. Two who ask at the same moment may be one signal.
    pub(super) fn on_reload(&mut self) {
        let waiting = [Wish::Check, Wish::Reload].map(|wish| (wish, Asker::find(wish)));
        let gathers = self.on_gather();
        let is_heard = gathers || waiting.iter().any(|(_, asker)| asker.is_some());
        for (wish, asker) in waiting {
            if asker.is_some() || (!is_heard && wish == Wish::Reload) {
                self.on_wish(wish, asker);
            }
        }
    }

    fn on_wish(&mut self, wish: Wish, asker: Option<Asker>) {
        if self.life.is_ending() {
            return refuse(asker, "the server is asked to stop");
        }
        if !matches!(self.reload, Reload::None) {
            return refuse(asker, "another reload is under way");
        }
        if self.gathering.is_some() {
            return refuse(asker, "players are being sent on");
        }
        let Some(program) = &self.program else {
            return refuse(asker, NO_PROGRAM);
        };
        self.manager.reloading(&self.status());
        // The form is the same; of the store only its own part is missing.
        let copy = self.carried(&Luggage::default(), false);
        let copy = handover::write(&copy).map_err(|error| no_copy(&error));
        match copy.and_then(|copy| Proof::start(program, copy)) {
            Ok(proof) => {
                self.reload = Reload::Proving { proof, wish, asker };
                self.look_again();
            }
            Err(why) => self.stay(asker, &why),
        }
    }

    /// Whether another program is about to take this one's place.
    pub(super) fn is_reloading(&self) -> bool {
        !matches!(self.reload, Reload::None)
    }

    /// Looks how far a reload is, every now and then as long as there is one.
    pub(super) fn look_at_reload(&mut self) {
        match std::mem::take(&mut self.reload) {
            Reload::None => return,
            Reload::Proving {
                mut proof,
                wish,
                asker,
            } => match proof.outcome() {
                None => self.reload = Reload::Proving { proof, wish, asker },
                Some(Err(why)) => self.stay(asker, &why),
                Some(Ok(release)) if wish == Wish::Check => {
                    self.manager.ready(&self.status());
                    let line = format!(
                        "{release} can take over from {RELEASE}; settings that were changed need a \
                         restart"
                    );
                    log::info!("{line}");
                    answer(asker, true, &line);
                }
                Some(Ok(_)) => self.part(asker),
            },
            Reload::Parting { asker, until } => match self.sockets.tls_indexes().is_empty() {
                false if self.now < until => self.reload = Reload::Parting { asker, until },
                _ => {
                    // What follows from it is still written.
                    self.lose_tls();
                    self.rest_store(asker);
                }
            },
            Reload::Resting { asker, until } if until <= self.now => {
                self.wants = Some(Halt::ResumeStore);
                self.stay(asker, "the store does not come to rest");
            }
            other => self.reload = other,
        }
        if !matches!(self.reload, Reload::None) {
            self.look_again();
        }
    }

    /// The next turn after the store has come to rest has heard all its answers.
    pub(super) fn look_at_store(&mut self, rested: bool) {
        if let Reload::Resting { asker, .. } = &mut self.reload
            && rested
            && !self.answers_wait
        {
            let asker = asker.take();
            self.reload = Reload::Due { asker };
            self.wants = Some(Halt::HandOver);
        }
    }

    /// Somebody wants the end instead.
    pub(super) fn give_reload_up(&mut self) {
        let asker = match std::mem::take(&mut self.reload) {
            Reload::None => return,
            Reload::Proving { asker, .. } | Reload::Parting { asker, .. } => asker,
            Reload::Resting { asker, .. } | Reload::Due { asker } => {
                self.wants = Some(Halt::ResumeStore);
                asker
            }
        };
        self.stay(asker, "the server is asked to stop");
    }

    /// Whether the store has come to rest, so that nothing more comes from it.
    pub(super) fn store_rests(&self) -> bool {
        let store = self.store.as_ref();
        store.is_some_and(|store| store.rests.load(Ordering::Acquire))
    }

    /// Becomes the new program. Returns only if that failed, and then all goes on as it was, once
    /// the store is at work again.
    ///
    /// `luggage` is the store's; `None`: it cannot be carried just now.
    pub fn hand_over(&mut self, luggage: Option<&Luggage>) {
        let Reload::Due { asker } = &mut self.reload else {
            return;
        };
        let Some(luggage) = luggage else {
            let asker = asker.take();
            self.reload = Reload::None;
            let trouble = self.store.as_ref().and_then(|store| store.health().trouble);
            let trouble = trouble.map_or(String::new(), |trouble| format!(": {trouble}"));
            let why = format!("the store cannot be handed over just now{trouble}");
            return self.stay(asker, &why);
        };
        pass::hold_signals();
        // One that came before is not known to the new program.
        self.on_signals();
        let Reload::Due { asker } = std::mem::take(&mut self.reload) else {
            // It asks for the end, and somebody was told.
            self.wants = None;
            return pass::release_signals();
        };
        let why = self.become_next(&asker, luggage);
        pass::release_signals();
        self.stay(asker, &why);
    }

    /// Asks those who came by TLS to come back, and lets nobody in by it meanwhile.
    fn part(&mut self, asker: Option<Asker>) {
        self.parted = 0;
        self.entrance.gate.hold_tls(true);
        if self.sockets.tls_indexes().is_empty() {
            return self.rest_store(asker);
        }
        for index in self.sockets.tls_indexes() {
            if let Some(conn) = self.sockets.open_at(index) {
                self.parted += 1;
                self.feed(Input::Dismiss { conn });
            }
        }
        let until = self.now + PARTING_MS;
        self.reload = Reload::Parting { asker, until };
    }

    /// Who came by TLS and has not gone yet is cut; nobody comes by it meanwhile.
    fn lose_tls(&mut self) {
        for index in self.sockets.tls_indexes() {
            if let Some(id) = self.sockets.id_at(index) {
                let (hub, now) = (&mut self.hub, self.now);
                self.sockets.lose(id, &mut |sockets, input| {
                    super::feed(hub, now, input, sockets);
                });
            }
        }
        self.sockets.sweep();
    }

    /// Returns only to say why it failed.
    fn become_next(&self, asker: &Option<Asker>, luggage: &Luggage) -> String {
        let Some(program) = &self.program else {
            return NO_PROGRAM.into();
        };
        let began = Instant::now();
        let copy = match handover::write(&self.carried(luggage, asker.is_some())) {
            Ok(copy) => copy,
            Err(error) => return no_copy(&error),
        };
        log::debug!("written in {:?}", began.elapsed());
        let failed = pass::become_program(program, &self.descriptors(&copy, asker, luggage));
        format!("{}: {failed}", program.path.display())
    }

    fn rest_store(&mut self, asker: Option<Asker>) {
        if self.store.is_none() {
            self.reload = Reload::Due { asker };
            self.wants = Some(Halt::HandOver);
            return;
        }
        let until = self.now + STORE_REST_MAX_MS;
        self.reload = Reload::Resting { asker, until };
        self.wants = Some(Halt::RestStore);
    }

    fn look_again(&mut self) {
        self.sockets.wheel.arm(self.now + LOOK_MS, Alarm::Reload);
    }

    /// This program goes on, and says why.
    fn stay(&mut self, asker: Option<Asker>, why: &str) {
        self.sockets.traffic.failed_reloads += 1;
        self.entrance.gate.hold_tls(false);
        if !self.life.is_ending() {
            self.manager.ready(&self.status());
        }
        let line = format!("not reloaded, {RELEASE} goes on: {why}");
        log::error!("{line}");
        answer(asker, false, &line);
    }

    /// All but descriptors.
    pub(super) fn carried(&self, luggage: &Luggage, asked: bool) -> Carried<'_, Live<'_>> {
        let running_ns = nanoseconds(self.started.elapsed());
        let mut traffic = Vec::new();
        self.sockets
            .traffic
            .clone()
            .each(&mut |name, number| traffic.push((name.to_owned(), *number)));
        let samples = self.history.samples();
        let samples = samples.map(|sample| (sample.open, sample.rounds, sample.turn_p99_us));
        let ways: Vec<_> = self.entrance.gate.ways().collect();
        Carried {
            form: match ways.iter().all(|way| *way == Way::Plain) {
                true => FORM,
                false => FORM_WITH_WAYS,
            },
            release: RELEASE.to_owned(),
            began_ns: monotonic_ns().saturating_sub(running_ns),
            paused_ns: monotonic_ns(),
            now: self.now,
            message_bytes_max: self.config.max_message,
            started_s: self.admin.as_ref().map_or(0.0, Admin::started_s),
            hub: self.hub.export(self.now),
            sockets: self.sockets.carry(),
            traffic,
            history: samples.collect(),
            listeners: self
                .entrance
                .gate
                .listeners()
                .map(Listener::carry)
                .collect(),
            ways,
            parted: self.parted,
            handed: self.entrance.gate.is_handed(),
            admin: self.admin().map(Listener::carry),
            store: luggage.text.clone(),
            store_descriptors: luggage.descriptors.len(),
            asked,
        }
    }

    /// In the order in which [`Taken`] takes them.
    pub(super) fn descriptors<'a>(
        &'a self,
        snapshot: &'a File,
        asker: &'a Option<Asker>,
        luggage: &'a Luggage,
    ) -> Vec<BorrowedFd<'a>> {
        let listeners = self.entrance.gate.listeners().chain(self.admin());
        [snapshot.as_fd()]
            .into_iter()
            .chain(asker.as_ref().map(Asker::descriptor))
            .chain(luggage.descriptors.iter().map(AsFd::as_fd))
            .chain(listeners.map(AsFd::as_fd))
            .chain(self.sockets.descriptors())
            .collect()
    }

    /// Goes on where the program before this one stopped.
    ///
    /// # Errors
    ///
    /// [`StartError`]; those who were connected are lost then.
    pub fn take_over(
        config: Config,
        entropy: Box<Entropy>,
        taken: Taken,
    ) -> Result<Self, StartError> {
        let broken = |why: String| StartError::Bind(BindError(format!("cannot take over: {why}")));
        let Taken {
            carried,
            descriptors,
            asker,
            began,
            read,
            ..
        } = taken;
        let mut descriptors = descriptors.into_iter();
        let mut open = |door| {
            let descriptor = descriptors.next().ok_or(io::ErrorKind::UnexpectedEof)?;
            Listener::taken(door, descriptor)
        };
        let listeners = carried.listeners.iter().map(&mut open);
        let ways = carried
            .ways
            .iter()
            .copied()
            .chain(std::iter::repeat(Way::Plain));
        let listeners = listeners.zip(ways).map(|(it, way)| Ok((it?, way)));
        let listeners = listeners.collect::<io::Result<Vec<_>>>()?;
        let admin = carried.admin.as_ref().map(open).transpose()?;
        let gate = Gate::new(listeners, carried.handed, Buffers::of(&config))?;
        let hub = Hub::import(&config, carried.hub, entropy);
        let hub = hub.map_err(|error| broken(error.to_string()))?;
        let keys = keys_again(&config);
        let judge = Judge::open(&config);
        let mut server = Self::assemble(config, gate, admin, hub, keys)?;
        server.now = carried.now;
        match judge {
            Ok(judge) => server.judge_by(judge),
            // They were good a moment ago, when the proof was made.
            Err(why) => server.judge_without(&why),
        }
        let running = monotonic_ns().saturating_sub(carried.began_ns);
        let started = Instant::now().checked_sub(Duration::from_nanos(running));
        server.started = started.unwrap_or(server.started);
        let count = carried.sockets.conns.len();
        let decoder = Decoder::new(server.config.max_message);
        server
            .sockets
            .take_over(carried.sockets, descriptors, |part| decoder.resume(part))
            .map_err(broken)?;
        super::carry_out_orders(&mut server.hub, server.now, &mut server.sockets);
        server.sockets.list_all();
        if let Some(admin) = &mut server.admin {
            admin.took_over(carried.started_s, count);
        }
        let numbers = carried.traffic;
        server.sockets.traffic.each(&mut |name, number| {
            let known = numbers.iter().find(|(known, _)| known == name);
            *number = known.map_or(0, |known| known.1);
        });
        let tally = server.hub.tally();
        let rounds = tally.human_rounds.saturating_add(tally.robot_rounds);
        let samples = carried.history.into_iter();
        let samples = samples.map(|(open, rounds, turn_p99_us)| Sample {
            open,
            rounds,
            turn_p99_us,
        });
        let turns = &server.sockets.traffic.turns;
        server.history = History::taken(samples.collect(), rounds, turns);
        server.former = Some(Former {
            release: carried.release,
            paused_ns: carried.paused_ns,
            parted: carried.parted,
            asker: asker.map(Asker::taken),
            began,
            read,
        });
        Ok(server)
    }

    /// Whether this program could go on with what another one has, by a copy of it. Nothing is
    /// opened but the keys, without which no person could come back.
    ///
    /// # Errors
    ///
    /// Why it could not: one line.
    pub fn prove(config: &Config, entropy: Box<Entropy>, copy: &mut File) -> Result<(), String> {
        let carried = handover::read(copy)?;
        if config.max_message < carried.message_bytes_max {
            let (ours, theirs) = (config.max_message, carried.message_bytes_max);
            return Err(format!(
                "its messages have at most {ours} bytes, and one of {theirs} may be under way"
            ));
        }
        let decoder = Decoder::new(config.max_message);
        carry::check(&carried.sockets, &|part| decoder.resume(part))?;
        Judge::open(config)?;
        Hub::import(config, carried.hub, entropy).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Says that this program is there in place of another one.
    pub(super) fn greet_as(&mut self, former: Former) {
        let pause_ns = monotonic_ns().saturating_sub(former.paused_ns);
        let traffic = &mut self.sockets.traffic;
        traffic.reloads += 1;
        traffic.reload_us = pause_ns / 1_000;
        let line = format!(
            "reloaded {} → {RELEASE}: {} connections, {} rounds, {} ms",
            former.release,
            self.sockets.open_count(),
            self.hub.running_rounds(),
            pause_ns / 1_000_000,
        );
        let line = match former.parted {
            0 => line,
            count => format!("{line}; {count} by TLS were asked to come back"),
        };
        log::info!("{line}");
        log::debug!(
            "of that {:?} to read, {:?} to take over what was read",
            former.read - former.began,
            former.read.elapsed(),
        );
        let line = format!("{line}; settings that were changed need a restart");
        answer(former.asker, true, &line);
    }
}

/// The certificate as it is now. One that cannot be used is no reason to lose everybody.
fn keys_again(config: &Config) -> Keys {
    let mut keys = match Keys::of(config) {
        Ok(keys) => keys,
        Err(why) => {
            log::error!("nobody is answered by TLS: {why}");
            return Keys::none();
        }
    };
    if let Err(why) = keys.read() {
        log::error!("{why}; nobody is answered by TLS");
    }
    keys
}

fn no_copy(error: &io::Error) -> String {
    format!("no copy can be made of what there is: {error}")
}

fn refuse(asker: Option<Asker>, why: &str) {
    log::warn!("no reload: {why}");
    answer(asker, false, &format!("no reload: {why}"));
}

fn answer(asker: Option<Asker>, done: bool, line: &str) {
    if let Some(asker) = asker {
        asker.answer(done, line);
    }
}

/// The clock that [`Instant`] is read from, as a number that another program understands.
fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
