//! The connections of one loop, from accept to close: they are accepted, read, written and ended
//! here, a bounded amount of each in a turn, and what they say is told to whoever stands [behind].
//!
//! An edge-triggered poll does not say anything twice, so what a turn had no time for is
//! remembered. Absent: the poll, the clock, the rules of the game, the text of any dialect.
//!
//! - `head`: the request head, answered or upgraded.
//!
//! [behind]: Behind

mod head;

use std::fmt;
use std::io;
use std::time::Duration;

use mio::Registry;

use super::conn::{Phase, RECV_BYTES, Received};
use super::frames::{Decoder, Step, WAITING_BYTES_MAX};
use super::gate::{Gate, Let};
use super::http::{self, HEAD_BYTES_MAX, Page};
use super::peers::Peer;
use super::sockets::{Alarm, Failure, Sockets};
use crate::config::Config;
use crate::hub::Dialect;
use crate::metrics::Refusal;
use crate::model::{ConnId, Origin};
use crate::time::Millis;

/// Connections beyond `--max-connections`, so that somebody is there to answer 503 and `/readyz`.
pub(crate) const RESERVE: usize = 64;
/// Most connections accepted in a turn, and so most that make room for others before they are
/// closed at its end.
pub(crate) const ACCEPTS_MAX: usize = 64;
/// Most frames taken from one connection in a turn.
pub(super) const FRAMES_MAX: usize = 64;
/// Most bytes that are kept of a connection that waits for the store. Honest clients send a `join`
/// and a `ping` meanwhile; who sends more is a flood.
const HELD_BYTES_MAX: usize = 4 * 1024;
/// How long not to accept after descriptors or memory ran out.
const ACCEPT_PAUSE_MS: u64 = 500;

/// What a connection that speaks WebSocket has to say.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Word<'a> {
    /// Its handshake is done: what it speaks, and from where it comes.
    Opened(Dialect, Option<Origin>),
    /// A whole text message.
    Text(&'a str),
    /// A whole binary message.
    Binary(&'a [u8]),
    /// A frame that only shows that it is alive.
    Seen,
    /// A ping frame's payload.
    Ping(&'a [u8]),
    /// It broke the protocol, or reads too slowly: the code to close with, and why.
    Violation(u16, &'static str),
    /// It is gone.
    Closed,
    /// It came while everybody is sent away.
    TooLate,
}

/// Who is told what the connections say, and answers by way of the sockets.
pub(crate) trait Behind {
    /// Takes one word, and sends and closes all that follows from it.
    fn hear(&mut self, now: Millis, conn: ConnId, word: Word<'_>, sockets: &mut Sockets);

    /// How many rounds started on a connection, for its line in the log.
    fn rounds_of(&self, conn: ConnId) -> u32;
}

/// All connections, and who stands behind them.
#[derive(Debug)]
pub(crate) struct Front<B> {
    pub(crate) config: Config,
    /// The time of this turn.
    pub(crate) now: Millis,
    pub(crate) gate: Gate,
    pub(crate) sockets: Sockets,
    pub(crate) behind: B,
    /// The server is asked to stop.
    pub(crate) draining: bool,
    /// Everybody is sent away.
    pub(crate) dismissing: bool,
    page: Page,
    decoder: Decoder,
    /// What is received passes through here, whoever sends it.
    buffer: Vec<u8>,
    /// Those being read in this turn; kept for its memory.
    batch: Vec<usize>,
    /// Descriptors ran out; a timer ends the pause.
    accept_paused: bool,
    polling_logged: Option<Millis>,
    crowd_logged: Option<Millis>,
    silent_logged: Option<Millis>,
}

impl<B: Behind> Front<B> {
    /// No connections yet; they come through `gate`.
    pub(crate) fn new(config: Config, registry: Registry, gate: Gate, behind: B) -> Self {
        let decoder = Decoder::new(config.max_message);
        // A part of a head or frame stands in front of what comes next.
        let buffer_bytes = HEAD_BYTES_MAX.max(WAITING_BYTES_MAX) + RECV_BYTES;
        Self {
            now: Millis::ZERO,
            gate,
            sockets: Sockets::new(registry, &config),
            behind,
            draining: false,
            dismissing: false,
            page: Page::new(&config.base_path, config.remote_avatars),
            decoder,
            buffer: vec![0; buffer_bytes],
            batch: Vec::new(),
            accept_paused: false,
            polling_logged: None,
            crowd_logged: None,
            silent_logged: None,
            config,
        }
    }

    /// How long to sleep: until the next timer, and not at all while work waits.
    pub(crate) fn patience(&self) -> Option<Duration> {
        if !self.sockets.ready.is_empty() || self.may_accept() {
            return Some(Duration::ZERO);
        }
        let wakeup = self.sockets.wheel.next_wakeup()?;
        Some(Duration::from_millis(wakeup.since(self.now)))
    }

    fn may_accept(&self) -> bool {
        let room = self.sockets.staying() < self.places() || self.sockets.has_heads();
        self.gate.waits() && !self.accept_paused && room
    }

    /// Most connections in any phase.
    fn places(&self) -> usize {
        self.config.max_connections.saturating_add(RESERVE)
    }

    /// Accepts those who wait, a bounded number at a time. No error ends the service.
    pub(crate) fn accept(&mut self) {
        self.accept_by(Gate::accept);
    }

    /// The same with another source of those who wait.
    pub(super) fn accept_by(&mut self, mut accept: impl FnMut(&mut Gate) -> Let) {
        let mut tried = 0;
        let mut taken = 0;
        while tried < ACCEPTS_MAX && self.may_accept() {
            tried += 1;
            match accept(&mut self.gate) {
                Let::In(socket, peer) => {
                    taken += 1;
                    if !self.make_room(peer) {
                        continue;
                    }
                    let inserted = self.sockets.insert(self.now, socket, peer, self.draining);
                    if let Err(error) = inserted {
                        return self.pause_accepting(&error);
                    }
                }
                Let::Nobody => return,
                // A queue of those who are gone is bounded. An error that only seems to pass is
                // not, and must not spin.
                Let::Next(error) if tried == ACCEPTS_MAX && taken == 0 => {
                    return self.pause_accepting(&error);
                }
                Let::Next(_) => (),
                Let::Pause(error) => return self.pause_accepting(&error),
            }
        }
    }

    /// Whether one more connection of this peer's may be kept; somebody silent may have to go.
    fn make_room(&mut self, peer: Peer) -> bool {
        let (room, refusal) = self.sockets.make_room(peer, self.places());
        if let Some(refusal) = refusal {
            self.log_crowd(peer, refusal);
            if !room {
                self.sockets.traffic.count_refusal(refusal);
            }
        }
        room
    }

    fn pause_accepting(&mut self, error: &io::Error) {
        self.sockets.traffic.accept_pauses += 1;
        let count = self.sockets.len();
        log::warn!("cannot accept: {error} ({count} connections); trying again in a moment");
        self.accept_paused = true;
        let again = self.now + ACCEPT_PAUSE_MS;
        self.sockets.wheel.arm(again, Alarm::Accept);
    }

    /// The pause after running out of descriptors is over.
    pub(crate) fn accept_again(&mut self) {
        self.accept_paused = false;
    }

    /// Reads everybody who has something to be read, and returns how many those were. Those that
    /// are not finished stand on the next turn's list by the end.
    pub(crate) fn read_all(&mut self) -> usize {
        let mut batch = std::mem::take(&mut self.batch);
        std::mem::swap(&mut batch, &mut self.sockets.ready);
        let count = batch.len();
        for index in batch.drain(..) {
            self.read(index);
            self.relieve();
        }
        self.batch = batch;
        count
    }

    /// Treats a connection's input, and puts it on the next turn's list if there is more.
    fn read(&mut self, index: usize) {
        let Some(conn) = self.sockets.at(index) else {
            return;
        };
        conn.listed = false;
        if conn.backlog {
            self.read_backlog(index);
            return self.sockets.list(index);
        }
        let fresh_from = conn.rest.len();
        let mut buffer = std::mem::take(&mut self.buffer);
        match &conn.phase {
            Phase::Gone => (),
            Phase::Lingering(_) => self.sockets.discard(index, &mut buffer),
            Phase::Head { .. } | Phase::Open { .. } => {
                match self.sockets.receive(index, &mut buffer) {
                    Received::Bytes(count) => {
                        let bytes = buffer.get_mut(..count).unwrap_or_default();
                        match self.sockets.open_at(index) {
                            Some(id) => self.read_frames(id, bytes),
                            None => self.read_head(index, bytes, fresh_from),
                        }
                    }
                    Received::End => self.give_up(index),
                }
            }
        }
        self.buffer = buffer;
        self.sockets.list(index);
    }

    /// The other end is gone without a word.
    fn give_up(&mut self, index: usize) {
        if let Some(id) = self.sockets.id_at(index) {
            self.lose(id, Failure::Lost);
        }
    }

    /// Tells whole messages of what was just received, and keeps what is left.
    fn read_frames(&mut self, id: ConnId, input: &mut [u8]) {
        let left = self.tell_messages(id, input);
        if left != 0
            && let Some(conn) = self.sockets.get(id)
        {
            let taken = input.len().saturating_sub(left);
            conn.rest = input.get(taken..).unwrap_or_default().into();
        }
    }

    /// Goes on with what an earlier turn had no time for, where it lies.
    fn read_backlog(&mut self, index: usize) {
        let Some(id) = self.sockets.open_at(index) else {
            return;
        };
        let Some(conn) = self.sockets.get(id) else {
            return;
        };
        conn.backlog = false;
        let mut rest = std::mem::take(&mut conn.rest);
        let left = self.tell_messages(id, rest.bytes_mut());
        if left != 0
            && let Some(conn) = self.sockets.get(id)
        {
            rest.keep_last(left);
            conn.rest = rest;
        }
    }

    /// Tells whole messages, of a bounded number of frames, and returns how many bytes are left.
    fn tell_messages(&mut self, id: ConnId, input: &mut [u8]) -> usize {
        let mut input = input;
        let mut fragments = match self.sockets.get(id).map(|conn| &mut conn.phase) {
            Some(Phase::Open { fragments, .. }) => std::mem::take(fragments),
            _ => return 0,
        };
        for _ in 0..FRAMES_MAX {
            let step = self.decoder.next(&mut input, &mut fragments);
            match &step {
                Step::Starved => break,
                Step::Text(text) => self.tell(id, Word::Text(text.as_str())),
                Step::Binary(bytes) => self.tell(id, Word::Binary(bytes)),
                Step::Control => {
                    let (now, sockets) = (self.now, &mut self.sockets);
                    let word = self.decoder.ping().map_or(Word::Seen, Word::Ping);
                    self.behind.hear(now, id, word, sockets);
                }
                Step::Fragment => self.tell(id, Word::Seen),
                Step::Close => {
                    let replies = &self.decoder.replies;
                    self.sockets.put(id, |tail| tail.extend_from_slice(replies));
                    self.log_end(id, format_args!("left"));
                    self.sockets.traffic.count_ending("left");
                    self.sockets.end(self.now, id);
                    self.tell(id, Word::Closed);
                    return 0;
                }
                Step::Violation(code, reason) => {
                    self.tell(id, Word::Violation(*code, reason));
                    return 0;
                }
            }
            if !self.sockets.is_open(id) {
                return 0;
            }
            if self.sockets.get(id).is_some_and(|conn| conn.is_held()) {
                break;
            }
        }
        let backlog = self.decoder.has_step(input, &fragments);
        if let Some(conn) = self.sockets.get(id) {
            conn.backlog = backlog;
            if let Phase::Open {
                fragments: place, ..
            } = &mut conn.phase
            {
                *place = fragments;
            }
            if conn.is_held() && HELD_BYTES_MAX < input.len() {
                self.tell(id, Word::Violation(1008, "too much before the answer"));
                return 0;
            }
        }
        input.len()
    }

    fn tell(&mut self, id: ConnId, word: Word<'_>) {
        self.behind.hear(self.now, id, word, &mut self.sockets);
    }

    /// A connection's timer is due: its head took too long, a close frame waited, or it lingered.
    pub(crate) fn on_timer(&mut self, id: ConnId) {
        if let Some(index) = self.sockets.on_timer(self.now, id) {
            let traffic = &mut self.sockets.traffic;
            traffic.count_refusal(Refusal::HeadTimeout);
            self.sockets.answer(self.now, index, &http::timed_out());
        }
    }

    /// Writes before the turn's end if very many wait for that: after a pause of the process all
    /// heartbeats are due at once, and each is a buffer.
    pub(crate) fn relieve(&mut self) {
        if self.sockets.is_loaded() {
            self.write();
        }
    }

    /// Writes to everybody who is owed something. Those that fail are told about, which may owe
    /// others something because of that; each connection fails once at most.
    pub(crate) fn write(&mut self) {
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
                self.tell(id, Word::Closed);
            }
            Failure::Slow => {
                self.sockets.traffic.slow_readers += 1;
                // Not the RFC's fault, but the same end: `bye`, `41` and the close frame are queued
                // behind what it has not read yet, for the case that it begins to.
                self.tell(id, Word::Violation(1008, "slow reader"));
            }
        }
    }

    fn log_end(&mut self, id: ConnId, reason: fmt::Arguments<'_>) {
        let rounds = self.behind.rounds_of(id);
        self.sockets.log_end(self.now, id, rounds, reason);
    }
}
