//! Stand-in for the timing wheel: the same calls over an ordered tree. The wheel replaces it.

use std::collections::BTreeMap;

use crate::time::Millis;

/// Timers, ordered by deadline.
#[derive(Debug)]
pub struct Wheel<T> {
    timers: BTreeMap<TimerKey, T>,
    serial: u64,
}

/// Names one armed timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerKey {
    deadline: Millis,
    serial: u64,
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Wheel<T> {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self {
            timers: BTreeMap::new(),
            serial: 0,
        }
    }

    /// Arms a timer.
    pub fn arm(&mut self, deadline: Millis, value: T) -> TimerKey {
        self.serial += 1;
        let key = TimerKey {
            deadline,
            serial: self.serial,
        };
        self.timers.insert(key, value);
        key
    }

    /// Disarms a timer.
    pub fn cancel(&mut self, key: TimerKey) -> Option<T> {
        self.timers.remove(&key)
    }

    /// Takes the next timer due at `now`.
    pub fn pop_due(&mut self, now: Millis) -> Option<(Millis, T)> {
        let first = self.timers.first_entry()?;
        if now < first.key().deadline {
            return None;
        }
        let (key, value) = first.remove_entry();
        Some((key.deadline, value))
    }

    /// When to call [`Wheel::pop_due`] next.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Millis> {
        self.timers.keys().next().map(|key| key.deadline)
    }
}
