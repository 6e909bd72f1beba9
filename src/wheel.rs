//! A hierarchical timing wheel: which timer is due next, for a hundred thousand of them.
//!
//! It is told the time and never asks: no clock, no sockets, no players; what a timer means is its
//! payload's business.
//!
//! Ticks are 1 ms. Eleven levels of 64 slots cover every `u64`: a slot of level 0 is one tick wide,
//! one of level 1 is 64 ticks wide, and so on. A timer lies at the level of the highest base-64
//! digit in which its deadline differs from the cursor, in the slot that this digit names. When the
//! cursor reaches a slot of a higher level, that slot's timers move down (at most ten times in a
//! timer's life), so a slot of level 0 holds the timers of exactly one deadline, in arming order.
//!
//! Source: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987, scheme 7.
//!
//! Two invariants carry everything:
//! - the cursor is never after the deadline of a timer in a slot; earlier deadlines are in `late`;
//! - above level 0 the slot that contains the cursor is empty, so a timer's place can be computed
//!   from the cursor and the deadline alone, and no level ever wraps around.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use slab::Slab;

use crate::time::Millis;

/// Bits of a deadline that one level looks at.
const SLOT_BITS: u32 = 6;
/// Slots per level: as many as an occupancy bitmap has bits.
const SLOTS: usize = 1 << SLOT_BITS;
/// Levels: enough that the highest bit of a `u64` has one.
const LEVELS: usize = u64::BITS.div_ceil(SLOT_BITS) as usize;
/// The end of a list.
const NIL: u32 = u32::MAX;

/// Timers with a payload each.
///
/// Arming and cancelling cost the same however many timers there are, except that deadlines already
/// past are kept in a tree of their own until the next [`pop_due`](Self::pop_due). Finding the next
/// deadline looks at eleven bitmaps, never at the timers.
#[derive(Debug)]
pub struct Wheel<T> {
    entries: Slab<Entry<T>>,
    /// `LEVELS` times `SLOTS` lists through `entries`.
    slots: Vec<List>,
    /// Per level one bit for each slot that is not empty.
    occupied: [u64; LEVELS],
    /// Timers whose deadline was before the cursor when they were armed: their index by deadline
    /// and arming order.
    late: BTreeMap<(Millis, u64), u32>,
    /// How many were late so far.
    lates: u64,
    cursor: Millis,
    /// The `now` of the last `pop_due` that found nothing more.
    drained: Option<Millis>,
    /// The next timer's generation.
    generation: NonZeroU32,
}

/// Names one armed timer. Once it fired or was cancelled, its key matches nothing again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerKey {
    index: u32,
    generation: NonZeroU32,
}

/// One timer. Indexes are 32 bits wide and zero is no generation, so that it stays small.
///
/// Generations begin again after 2³² timers. A key would have to be kept for that long, and meet
/// its own index, to match another timer; the loop keeps none of one that fired.
#[derive(Debug)]
struct Entry<T> {
    deadline: Millis,
    /// Counts up with every timer armed.
    generation: NonZeroU32,
    previous: u32,
    next: u32,
    value: T,
}

/// A doubly linked list through the entries.
#[derive(Clone, Copy, Debug)]
struct List {
    head: u32,
    tail: u32,
}

const EMPTY: List = List {
    head: NIL,
    tail: NIL,
};

/// Where a timer lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    level: usize,
    slot: usize,
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Wheel<T> {
    /// A wheel without timers, at the beginning of time.
    #[must_use]
    pub fn new() -> Self {
        Self {
            entries: Slab::new(),
            slots: vec![EMPTY; LEVELS * SLOTS],
            occupied: [0; LEVELS],
            late: BTreeMap::new(),
            lates: 0,
            cursor: Millis::ZERO,
            drained: None,
            generation: NonZeroU32::MIN,
        }
    }

    /// Arms a timer; a `deadline` in the past is due at the next [`pop_due`](Self::pop_due).
    ///
    /// # Panics
    ///
    /// With 2³² − 1 timers armed at once.
    pub fn arm(&mut self, deadline: Millis, value: T) -> TimerKey {
        let generation = self.generation;
        self.generation = generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        let index = self.entries.insert(Entry {
            deadline,
            generation,
            previous: NIL,
            next: NIL,
            value,
        });
        let index = u32::try_from(index).expect("fewer timers than 32 bits can number");
        assert!(index != NIL, "fewer timers than 32 bits can number");
        if deadline < self.cursor {
            self.lates += 1;
            self.late.insert((deadline, self.lates), index);
        } else {
            self.link(index);
        }
        TimerKey { index, generation }
    }

    /// Disarms a timer and returns its value; `None` when it already fired or was cancelled.
    pub fn cancel(&mut self, key: TimerKey) -> Option<T> {
        let entry = self.entries.get(key.index as usize)?;
        if entry.generation != key.generation {
            return None;
        }
        Some(self.take(key.index).1)
    }

    /// When an armed timer is due; `None` when it already fired or was cancelled.
    #[must_use]
    pub fn deadline(&self, key: TimerKey) -> Option<Millis> {
        let entry = self.entries.get(key.index as usize)?;
        (entry.generation == key.generation).then_some(entry.deadline)
    }

    /// Takes the next timer due at `now`: earliest deadline first, ties in arming order.
    ///
    /// Returns its deadline, which is never after `now`, and its value. Call it until `None`; `now`
    /// never goes back. The work does not grow with the time passed since the last call.
    pub fn pop_due(&mut self, now: Millis) -> Option<(Millis, T)> {
        loop {
            if let Some((&(deadline, _), &index)) = self.late.first_key_value()
                && deadline <= now
            {
                return Some(self.take(index));
            }
            match self.earliest() {
                Some((place, start)) if start <= now => {
                    // Nothing lies before `start`, so the cursor may jump there.
                    self.cursor = start;
                    if place.level == 0 {
                        return Some(self.take(self.list(place).head));
                    }
                    self.cascade(place);
                }
                _ => {
                    // No slot contains `now`, or `earliest` had found it: all places stay right.
                    self.cursor = self.cursor.max(now);
                    self.drained = self.drained.max(Some(now));
                    return None;
                }
            }
        }
    }

    /// When to call [`pop_due`](Self::pop_due) next; `None` without timers.
    ///
    /// Never later than the earliest deadline, but possibly earlier (the start of a slot, at most
    /// ten times per timer). Always later than the `now` that last drained the wheel, so that a
    /// poll loop cannot spin: a timer that was armed late has to wait for the next tick.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Millis> {
        let earliest = match self.late.first_key_value() {
            Some((&(deadline, _), _)) => deadline,
            None => self.earliest()?.1,
        };
        Some(match self.drained {
            Some(drained) => earliest.max(drained + 1),
            None => earliest,
        })
    }

    /// How many timers are armed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no timer is armed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The first slot that is not empty, and the first moment it covers.
    ///
    /// All of a level's timers come before those of the levels above it, and before the cursor's
    /// own slot there are none: so the lowest bit of the lowest level decides.
    fn earliest(&self) -> Option<(Place, Millis)> {
        let level = self.occupied.iter().position(|slots| *slots != 0)?;
        let slot = self.occupied[level].trailing_zeros() as usize;
        let place = Place { level, slot };
        let first = &self.entries[self.list(place).head as usize];
        let shift = SLOT_BITS * level as u32;
        Some((place, Millis(first.deadline.0 >> shift << shift)))
    }

    /// Moves the timers of a slot down, now that the cursor stands at its start.
    fn cascade(&mut self, place: Place) {
        let mut index = self.list(place).head;
        *self.list_mut(place) = EMPTY;
        self.occupied[place.level] &= !(1 << place.slot);
        while index != NIL {
            let next = self.entries[index as usize].next;
            self.link(index);
            index = next;
        }
    }

    /// Appends an entry to the list its deadline belongs to.
    fn link(&mut self, index: u32) {
        let place = self.place(self.entries[index as usize].deadline);
        let tail = self.list(place).tail;
        let entry = &mut self.entries[index as usize];
        entry.previous = tail;
        entry.next = NIL;
        match tail {
            NIL => self.list_mut(place).head = index,
            _ => self.entries[tail as usize].next = index,
        }
        self.list_mut(place).tail = index;
        self.occupied[place.level] |= 1 << place.slot;
    }

    /// Takes an entry out of the wheel, wherever it lies.
    fn take(&mut self, index: u32) -> (Millis, T) {
        let entry = self.entries.remove(index as usize);
        if entry.deadline < self.cursor {
            let same = (entry.deadline, 0)..=(entry.deadline, u64::MAX);
            let place = self.late.range(same).find(|(_, late)| **late == index);
            let place = place.map(|(place, _)| *place);
            debug_assert!(
                place.is_some(),
                "a deadline before the cursor is among the late ones"
            );
            place.and_then(|place| self.late.remove(&place));
            return (entry.deadline, entry.value);
        }
        let place = self.place(entry.deadline);
        match entry.previous {
            NIL => self.list_mut(place).head = entry.next,
            previous => self.entries[previous as usize].next = entry.next,
        }
        match entry.next {
            NIL => self.list_mut(place).tail = entry.previous,
            next => self.entries[next as usize].previous = entry.previous,
        }
        if self.list(place).head == NIL {
            self.occupied[place.level] &= !(1 << place.slot);
        }
        (entry.deadline, entry.value)
    }

    /// Where a deadline that is not before the cursor lies.
    fn place(&self, deadline: Millis) -> Place {
        let differing = self.cursor.0 ^ deadline.0;
        let level = differing.checked_ilog2().unwrap_or(0) / SLOT_BITS;
        Place {
            level: level as usize,
            slot: (deadline.0 >> (SLOT_BITS * level)) as usize % SLOTS,
        }
    }

    fn list(&self, place: Place) -> List {
        self.slots[place.level * SLOTS + place.slot]
    }

    fn list_mut(&mut self, place: Place) -> &mut List {
        &mut self.slots[place.level * SLOTS + place.slot]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// What the wheel has to be, slow and obvious.
    #[derive(Default)]
    struct Oracle {
        timers: BTreeMap<(Millis, u64), u64>,
        armed: u64,
    }

    impl Oracle {
        fn arm(&mut self, deadline: Millis) -> u64 {
            self.armed += 1;
            // The value is derived from the arming order without being equal to it.
            let value = self.armed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.timers.insert((deadline, self.armed), value);
            value
        }

        fn cancel(&mut self, name: (Millis, u64)) -> Option<u64> {
            self.timers.remove(&name)
        }

        fn pop_due(&mut self, now: Millis) -> Option<(Millis, u64)> {
            let first = self.timers.first_entry()?;
            let deadline = first.key().0;
            (deadline <= now).then(|| (deadline, first.remove()))
        }

        fn earliest(&self) -> Option<Millis> {
            self.timers.first_key_value().map(|(name, _)| name.0)
        }
    }

    /// A wheel and its oracle, driven side by side.
    struct Pair {
        wheel: Wheel<u64>,
        oracle: Oracle,
        /// Every key ever given, so that stale ones are tried again and again.
        keys: Vec<(TimerKey, (Millis, u64))>,
        now: Millis,
        drained: Option<Millis>,
    }

    impl Pair {
        fn new(start: Millis) -> Self {
            let mut pair = Self {
                wheel: Wheel::new(),
                oracle: Oracle::default(),
                keys: Vec::new(),
                now: start,
                drained: None,
            };
            if start != Millis::ZERO {
                pair.drain();
            }
            pair
        }

        #[track_caller]
        fn arm(&mut self, deadline: Millis) {
            let value = self.oracle.arm(deadline);
            let key = self.wheel.arm(deadline, value);
            self.keys.push((key, (deadline, self.oracle.armed)));
            self.check();
        }

        #[track_caller]
        fn cancel(&mut self, at: usize) {
            let (key, name) = self.keys[at];
            assert_eq!(self.wheel.cancel(key), self.oracle.cancel(name), "cancel");
            assert_eq!(self.wheel.cancel(key), None, "cancelled twice");
            self.check();
        }

        /// One `pop_due`; whether there was something to take.
        #[track_caller]
        fn pop(&mut self) -> bool {
            let want = self.oracle.pop_due(self.now);
            assert_eq!(self.wheel.pop_due(self.now), want, "at {}", self.now);
            if want.is_none() {
                self.drained = Some(self.now);
            }
            self.check();
            want.is_some()
        }

        #[track_caller]
        fn drain(&mut self) {
            while self.pop() {}
        }

        /// Both promises of `next_wakeup`, and the count.
        #[track_caller]
        fn check(&self) {
            assert_eq!(self.wheel.len(), self.oracle.timers.len());
            assert_eq!(self.wheel.is_empty(), self.oracle.timers.is_empty());
            let (Some(wakeup), Some(earliest)) = (self.wheel.next_wakeup(), self.oracle.earliest())
            else {
                assert_eq!(self.wheel.next_wakeup(), None);
                assert!(self.oracle.timers.is_empty(), "timers without a wake-up");
                return;
            };
            let Some(drained) = self.drained else {
                assert!(wakeup <= earliest, "{wakeup} is after {earliest}");
                return;
            };
            let latest = earliest.max(drained + 1);
            assert!(wakeup <= latest, "{wakeup} is after {latest}");
            assert!(
                drained < wakeup || drained == Millis(u64::MAX),
                "{wakeup} is not after {drained}"
            );
        }

        fn deadline(&self, rng: &mut fastrand::Rng) -> Millis {
            match rng.u32(0..12) {
                0..=2 => self.now + rng.u64(0..70),
                3..=4 => self.now + rng.u64(0..5_000),
                5 => self.now + any_size(rng, 64),
                6 => self.now,
                7 => self.now - rng.u64(0..100),
                8 => Millis(rng.u64(0..=self.now.0)),
                // Right at, before or behind the border of some level's slot.
                9 => {
                    let width = 1_u64 << (SLOT_BITS * rng.u32(0..LEVELS as u32));
                    let border = (self.now.0 | (width - 1)).saturating_add(1);
                    Millis(border.saturating_add(rng.u64(0..3)) - 1)
                }
                // The same deadline again, also that of a timer long gone.
                10 if !self.keys.is_empty() => self.keys[rng.usize(0..self.keys.len())].1.0,
                _ => Millis(u64::MAX - rng.u64(0..2)),
            }
        }
    }

    /// A number of up to `bits_max` − 1 bits, each length as likely as the others.
    fn any_size(rng: &mut fastrand::Rng, bits_max: u32) -> u64 {
        let bits = rng.u32(1..bits_max);
        rng.u64(0..1 << bits)
    }

    fn run(seed: u64, steps: u32) {
        let mut rng = fastrand::Rng::with_seed(seed);
        // Some runs begin far out, so that the upper levels' digits take part.
        let start = Millis(any_size(&mut rng, 63) * u64::from(rng.bool()));
        let mut pair = Pair::new(start);
        // Each run likes other actions, so that some runs hold many timers and some hardly any.
        let weights: [u32; 6] = std::array::from_fn(|_| rng.u32(0..8));
        for _ in 0..steps {
            let mut pick = rng.u32(0..=weights.iter().sum());
            let action = weights
                .iter()
                .position(|weight| match pick.checked_sub(*weight) {
                    Some(rest) => {
                        pick = rest;
                        false
                    }
                    None => true,
                });
            match action {
                Some(0 | 1) | None => {
                    let deadline = pair.deadline(&mut rng);
                    pair.arm(deadline);
                }
                // A recent key is probably live, an old one probably stale.
                Some(2) if !pair.keys.is_empty() => {
                    let newest = pair.keys.len() - 1;
                    let reach = if rng.bool() { 10 } else { newest };
                    let back = rng.usize(0..=newest.min(reach));
                    pair.cancel(newest - back);
                }
                Some(3) => {
                    pair.now = pair.now + rng.u64(0..100);
                    pair.drain();
                }
                // Taking only some of what is due, so that arming happens in between.
                Some(4) => {
                    pair.now = pair.now + any_size(&mut rng, 16);
                    for _ in 0..rng.u32(0..4) {
                        pair.pop();
                    }
                }
                _ => {
                    if let Some(wakeup) = pair.wheel.next_wakeup() {
                        // The last tick before it has nothing, unless something is late.
                        if pair.drained == Some(pair.now) && pair.now < wakeup {
                            pair.now = wakeup - 1;
                            pair.drain();
                        }
                        if wakeup.0 < 1 << 62 || rng.u32(0..500) == 0 {
                            pair.now = pair.now.max(wakeup);
                            pair.drain();
                        }
                    }
                }
            }
        }
        pair.now = Millis(u64::MAX);
        pair.drain();
        assert!(pair.wheel.is_empty());
    }

    #[test]
    fn it_does_what_an_ordered_tree_does() {
        for seed in 0..200 {
            let outcome = std::panic::catch_unwind(|| run(seed, 2_000));
            assert!(
                outcome.is_ok(),
                "seed {seed}; the step's message stands above"
            );
        }
    }

    /// Arms at `start`, then looks one tick before the deadline, at it and behind it.
    #[track_caller]
    fn check_border(start: u64, deadline: u64) {
        let mut pair = Pair::new(Millis(start));
        pair.arm(Millis(deadline));
        pair.arm(Millis(deadline)); // a tie
        pair.arm(Millis(deadline.saturating_add(1)));
        if start < deadline {
            pair.now = Millis(deadline - 1);
            assert!(!pair.pop(), "{deadline} came early");
        }
        pair.now = Millis(deadline);
        assert!(pair.pop(), "{deadline} did not come");
        pair.drain();
        pair.now = pair.now + 1;
        pair.drain();
        assert!(pair.wheel.is_empty());
    }

    #[test]
    fn borders_of_levels() {
        let borders = [
            0, 1, 62, 63, 64, 65, 127, 128, 4_095, 4_096, 4_097, 8_191, 8_192, 262_143,
        ];
        let far = [
            262_144,
            (1 << 60) - 1,
            1 << 60,
            (1 << 60) + 1,
            u64::MAX - 1,
            u64::MAX,
        ];
        let moments: Vec<u64> = borders.into_iter().chain(far).collect();
        for start in &moments {
            for deadline in moments.iter().filter(|deadline| start <= *deadline) {
                check_border(*start, *deadline);
            }
        }
    }

    #[test]
    fn late_timers_come_in_the_order_of_their_deadlines() {
        let mut pair = Pair::new(Millis(100));
        for deadline in [60, 100, 40, 60, 99, 0] {
            pair.arm(Millis(deadline));
        }
        pair.cancel(2);
        assert_eq!(pair.wheel.next_wakeup(), Some(Millis(101)));
        pair.now = Millis(101);
        pair.drain();
        assert!(pair.wheel.is_empty());
    }

    #[test]
    fn before_the_first_drain_a_wakeup_may_be_at_zero() {
        let mut wheel = Wheel::new();
        assert_eq!(wheel.next_wakeup(), None);
        wheel.arm(Millis(0), ());
        assert_eq!(wheel.next_wakeup(), Some(Millis(0)));
        assert_eq!(wheel.pop_due(Millis(0)), Some((Millis(0), ())));
        assert_eq!(wheel.pop_due(Millis(0)), None);
        wheel.arm(Millis(0), ());
        assert_eq!(
            wheel.next_wakeup(),
            Some(Millis(1)),
            "zero has been drained"
        );
    }

    #[test]
    fn a_key_is_stale_when_its_index_is_used_again() {
        let mut wheel = Wheel::new();
        let first = wheel.arm(Millis(5), "first");
        assert_eq!(wheel.pop_due(Millis(5)), Some((Millis(5), "first")));
        let second = wheel.arm(Millis(9), "second");
        assert_eq!(second.index, first.index, "the slab reuses the index");
        assert_eq!(wheel.cancel(first), None);
        assert_eq!(wheel.cancel(second), Some("second"));
        assert_eq!(wheel.next_wakeup(), None);
    }

    #[test]
    fn sleeping_until_each_wakeup_is_on_time_and_wakes_few_times() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut wheel = Wheel::new();
        let mut latest = 0;
        for _ in 0..500 {
            let deadline = any_size(&mut rng, 40);
            latest = latest.max(deadline);
            wheel.arm(Millis(deadline), deadline);
        }
        let (mut wakeups, mut fired) = (0, 0);
        while let Some(now) = wheel.next_wakeup() {
            wakeups += 1;
            while let Some((deadline, value)) = wheel.pop_due(now) {
                assert_eq!(
                    (deadline, value),
                    (now, now.0),
                    "late, though never overslept"
                );
                fired += 1;
            }
        }
        assert_eq!(fired, 500);
        assert!(wakeups <= 500 * LEVELS, "{wakeups} wake-ups for 500 timers");
        assert!(wheel.pop_due(Millis(latest)).is_none());
    }

    #[test]
    fn a_timer_is_small() {
        // Two links, a deadline, a generation: 20 bytes beside a value such as the loop's, and no
        // more for being in the slab, since a vacant entry hides where the generation is zero.
        assert_eq!(size_of::<Entry<[u32; 3]>>(), 32);
        assert_eq!(size_of::<Option<Entry<[u32; 3]>>>(), 32);
        assert_eq!(size_of::<TimerKey>(), 8);
    }
}
