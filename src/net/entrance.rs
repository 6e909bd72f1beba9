//! Who is let in: the gate, how many there may be, and pauses when the system has no more to give.
//!
//! Absent: what those who came in say.

use std::io;
use std::time::Duration;

use super::gate::{Gate, Let};
use super::life::Life;
use super::peers::Peer;
use super::sockets::{Alarm, Sockets};
use crate::config::Config;
use crate::metrics::Refusal;
use crate::time::Millis;

/// Connections beyond `--max-connections`, so that somebody is there to answer 503 and `/readyz`.
pub(crate) const RESERVE: usize = 64;
/// Most connections accepted in a turn, and so most that make room for others before they are
/// closed at its end.
pub(crate) const ACCEPTS_MAX: usize = 64;
/// How long not to accept after descriptors or memory ran out.
const ACCEPT_PAUSE_MS: u64 = 500;
/// Refused clients try again every few seconds: one line in that time says enough.
const REFUSAL_LOG_MS: u64 = 10_000;

/// Where players come in, and how many of them.
#[derive(Debug)]
pub(crate) struct Entrance {
    pub(crate) gate: Gate,
    max_connections: usize,
    max_per_address: usize,
    /// Descriptors ran out; a timer ends the pause.
    paused: bool,
    silent_logged: Option<Millis>,
}

impl Entrance {
    /// Lets in who comes by this gate.
    pub(crate) fn new(config: &Config, gate: Gate) -> Self {
        Self {
            gate,
            max_connections: config.max_connections,
            max_per_address: config.max_per_address,
            paused: false,
            silent_logged: None,
        }
    }

    /// Whether somebody may wait who may come in.
    fn may_accept(&self, sockets: &Sockets) -> bool {
        let room = sockets.staying() < self.places() || sockets.has_heads();
        self.gate.waits() && !self.paused && room
    }

    /// How long the connections can wait: until the next timer, and not at all while work waits.
    pub(crate) fn patience(&self, now: Millis, sockets: &Sockets) -> Option<Duration> {
        if sockets.has_work() || self.may_accept(sockets) {
            return Some(Duration::ZERO);
        }
        let wakeup = sockets.wheel.next_wakeup()?;
        Some(Duration::from_millis(wakeup.since(now)))
    }

    /// Most connections in any phase.
    fn places(&self) -> usize {
        self.max_connections.saturating_add(RESERVE)
    }

    /// Accepts those who wait, a bounded number at a time. No error ends the service. Returns how
    /// often it looked for one.
    pub(crate) fn accept(&mut self, now: Millis, life: Life, sockets: &mut Sockets) -> usize {
        self.accept_by(now, life, sockets, Gate::accept)
    }

    /// The same with another source of those who wait.
    pub(super) fn accept_by(
        &mut self,
        now: Millis,
        life: Life,
        sockets: &mut Sockets,
        mut accept: impl FnMut(&mut Gate) -> Let,
    ) -> usize {
        let mut tried = 0;
        let mut taken = 0;
        while tried < ACCEPTS_MAX && self.may_accept(sockets) {
            tried += 1;
            match accept(&mut self.gate) {
                Let::In(socket, peer, way) => {
                    taken += 1;
                    if !self.make_room(now, peer, sockets) {
                        continue;
                    }
                    if let Err(error) = sockets.insert(now, socket, (peer, way), life.is_ending()) {
                        self.pause(now, &error, sockets);
                        break;
                    }
                }
                Let::Nobody => break,
                // A queue of those who are gone is bounded. An error that only seems to pass is
                // not, and must not spin.
                Let::Next(error) if tried == ACCEPTS_MAX && taken == 0 => {
                    self.pause(now, &error, sockets);
                    break;
                }
                Let::Next(_) => (),
                Let::Pause(error) => {
                    self.pause(now, &error, sockets);
                    break;
                }
            }
        }
        tried
    }

    /// Whether one more connection of this peer's may be kept; somebody silent may have to go.
    fn make_room(&mut self, now: Millis, peer: Peer, sockets: &mut Sockets) -> bool {
        let (room, refusal) = sockets.make_room(peer, self.places());
        if let Some(refusal) = refusal {
            self.log_crowd(now, peer, refusal, sockets.len());
            if !room {
                sockets.traffic.count_refusal(refusal);
            }
        }
        room
    }

    fn pause(&mut self, now: Millis, error: &io::Error, sockets: &mut Sockets) {
        sockets.traffic.accept_pauses += 1;
        let count = sockets.len();
        log::warn!("cannot accept: {error} ({count} connections); trying again in a moment");
        self.paused = true;
        sockets.wheel.arm(now + ACCEPT_PAUSE_MS, Alarm::Accept);
    }

    /// The pause after running out of descriptors is over.
    pub(crate) fn accept_again(&mut self) {
        self.paused = false;
    }

    /// Many have come and say nothing.
    fn log_crowd(&mut self, now: Millis, peer: Peer, refusal: Refusal, count: usize) {
        if !seldom(&mut self.silent_logged, now) {
            return;
        }
        match refusal {
            Refusal::Address => log::warn!(
                "{peer} opens more connections than --max-per-address {} allows: of those that ask \
                 for nothing the oldest are closed",
                self.max_per_address
            ),
            _ => log::warn!(
                "{count} connections are all there may be (--max-connections {}): of those that \
                 ask for nothing the oldest are closed",
                self.max_connections
            ),
        }
    }
}

/// Whether it is time for another line of a kind that was last written at `last`.
pub(super) fn seldom(last: &mut Option<Millis>, now: Millis) -> bool {
    let due = last.is_none_or(|last| REFUSAL_LOG_MS <= now.since(last));
    if due {
        *last = Some(now);
    }
    due
}
