//! The timers of one loop: what they are for, and which of them take another one's place.
//!
//! Absent: the wheel itself, the clock, and what the hub's timers mean.

use super::Sockets;
use crate::hub::{Place, Slot, Timer};
use crate::model::ConnId;
use crate::net::conn::{Conn, Phase};
use crate::time::Millis;
use crate::wheel::TimerKey;

/// What a timer of the loop's wheel is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// The hub's own.
    Hub(Timer),
    /// A connection is slow to send its head, holds its close frame back, or lingers.
    Socket(ConnId),
    /// Descriptors ran out a while ago: try again.
    Accept,
    /// Rounds or not, everybody is to be sent away now.
    DrainHurry,
    /// The drain takes too long.
    DrainEnd,
    /// The service manager waits for a sign of life.
    Watchdog,
    /// Those who look on are told figures.
    Tick,
    /// Somebody looks how far a reload is.
    Reload,
    /// Somebody looks who can be sent on to another instance.
    Gather,
    /// The certificate may have been renewed.
    Keys,
    /// The keys that tokens are verified by may be others.
    TokenKeys,
    /// Pages that wait for who is best have waited long enough.
    Board,
    /// Those who came before the stop had their time to ask.
    LastCall,
}

/// The game's timers, by their slots.
///
/// A slot has one at most, so there are never more timers than the game has slots in use.
#[derive(Debug, Default)]
pub(super) struct Named([Vec<Option<TimerKey>>; Slot::SHELVES]);

impl Named {
    /// The timer in a slot.
    fn at(&mut self, slot: Slot) -> Option<&mut Option<TimerKey>> {
        let shelf = self.0.get_mut(slot.shelf())?;
        if shelf.len() <= slot.index() {
            shelf.resize(slot.index() + 1, None);
        }
        shelf.get_mut(slot.index())
    }
}

impl Sockets {
    /// Arms one of the hub's timers in place of the one that had its name before. A connection's
    /// own is remembered with it, to be cancelled when it ends.
    pub(super) fn arm(&mut self, at: Millis, timer: Timer) {
        let key = self.wheel.arm(at, Alarm::Hub(timer));
        let replaced = match self.slot_of(timer) {
            Some(slot) => slot.replace(key),
            None => Some(key),
        };
        if let Some(key) = replaced {
            self.wheel.cancel(key);
        }
    }

    /// One of the hub's timers was taken out of the wheel: its key names nothing any more.
    pub(crate) fn fired(&mut self, timer: Timer) {
        if let Some(slot) = self.slot_of(timer) {
            *slot = None;
        }
    }

    /// Takes one of the hub's timers out.
    pub(super) fn disarm(&mut self, timer: Timer) {
        if let Some(key) = self.slot_of(timer).and_then(Option::take) {
            self.wheel.cancel(key);
        }
    }

    /// Where the name of a timer's place is kept; nowhere for a connection that has ended.
    fn slot_of(&mut self, timer: Timer) -> Option<&mut Option<TimerKey>> {
        match timer.place() {
            Place::Session(id) => match self.conns.get_mut(id.index as usize) {
                Some(Conn {
                    generation,
                    phase: Phase::Open { timer, .. },
                    ..
                }) if *generation == id.generation => Some(timer),
                _ => None,
            },
            Place::Game(slot) => self.named.at(slot),
        }
    }

    #[cfg(test)]
    pub(crate) fn is_armed(&mut self, timer: Timer) -> bool {
        self.slot_of(timer).is_some_and(|slot| slot.is_some())
    }

    /// How many timers of the hub's are armed: for the last line of the log, for it takes all out.
    pub(crate) fn hub_timers(&mut self) -> usize {
        let due = || self.wheel.pop_due(Millis(u64::MAX));
        let hubs = |(_, alarm): &(Millis, Alarm)| matches!(alarm, Alarm::Hub(_));
        std::iter::from_fn(due).filter(hubs).count()
    }

    /// A socket's timer is due: its head took too long, a close frame waited long enough, or it
    /// lingered long enough.
    ///
    /// Returns the index of a connection that is to be told that its head took too long.
    pub(crate) fn on_timer(&mut self, now: Millis, id: ConnId) -> Option<usize> {
        let index = id.index as usize;
        match &mut self.get(id)?.phase {
            Phase::Head { .. } => return Some(index),
            Phase::Lingering(end) => match end.held.take() {
                Some(reason) => self.send_held(now, index, reason),
                None => self.drop_at(index),
            },
            Phase::Open { .. } | Phase::Gone => (),
        }
        None
    }
}
