//! A bounded table of what happened lately: what is kept of a key begins when it is first written,
//! and is over a fixed time later.
//!
//! When it is full, what began first is forgotten. Absent: what is kept, and of whom.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;

use crate::time::Millis;

/// The table: of each key when it began, and a value that begins with its default.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    window_ms: u64,
    most: usize,
    entries: HashMap<K, (Millis, V)>,
    /// All keys, by their beginnings; some of these are over.
    order: VecDeque<(Millis, K)>,
}

impl<K: Copy + Eq + Hash, V: Copy + Default> Recent<K, V> {
    /// An empty table of at most so many keys, each for so long.
    pub(super) fn new(most: usize, window_ms: u64) -> Self {
        Self {
            window_ms,
            most,
            entries: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// What is kept of a key, and how long it still is.
    pub(super) fn get(&self, now: Millis, key: K) -> Option<(V, u64)> {
        let &(since, value) = self.entries.get(&key)?;
        let left_ms = self.window_ms.saturating_sub(now.since(since));
        (0 < left_ms).then_some((value, left_ms))
    }

    /// What is kept of a key, to be changed; it begins now if nothing is.
    pub(super) fn entry(&mut self, now: Millis, key: K) -> &mut V {
        if self.get(now, key).is_none() {
            self.begin(now, key);
        }
        let entry = self.entries.entry(key);
        &mut entry.or_insert((now, V::default())).1
    }

    /// Keeps something of a key from now on.
    pub(super) fn set(&mut self, now: Millis, key: K, value: V) {
        self.begin(now, key);
        self.entries.insert(key, (now, value));
    }

    /// All that is kept, in the order in which it began.
    pub(super) fn export(&self, now: Millis) -> Vec<(Millis, K, V)> {
        let mut seen = HashSet::new();
        let kept = self.order.iter().filter_map(|&(since, key)| {
            let &(began, value) = self.entries.get(&key)?;
            let kept = began == since && !self.is_over(now, since) && seen.insert(key);
            kept.then_some((since, key, value))
        });
        kept.collect()
    }

    /// Keeps in this empty table what another one kept.
    pub(super) fn import(&mut self, kept: impl IntoIterator<Item = (Millis, K, V)>) {
        let mut kept: Vec<_> = kept.into_iter().collect();
        kept.sort_by_key(|&(since, ..)| since);
        let too_many = kept.len().saturating_sub(self.most);
        for (since, key, value) in kept.into_iter().skip(too_many) {
            self.order.push_back((since, key));
            self.entries.insert(key, (since, value));
        }
    }

    /// What is over goes first: a bounded part of it, and more than comes.
    fn begin(&mut self, now: Millis, key: K) {
        let newest = self.order.back();
        if newest.is_none_or(|&(since, _)| self.is_over(now, since)) {
            // At once, and with its memory.
            self.entries = HashMap::new();
            self.order = VecDeque::new();
        }
        for _ in 0..2 {
            let oldest = self.order.front();
            if oldest.is_some_and(|&(since, _)| self.is_over(now, since)) {
                self.forget_first();
            }
        }
        if self.most <= self.order.len() {
            self.forget_first();
        }
        self.order.push_back((now, key));
        self.entries.insert(key, (now, V::default()));
    }

    fn is_over(&self, now: Millis, since: Millis) -> bool {
        self.window_ms <= now.since(since)
    }

    fn forget_first(&mut self) {
        if let Some((began, key)) = self.order.pop_front() {
            // It may have begun anew since.
            let known = self.entries.get(&key);
            if known.is_some_and(|&(since, _)| since == began) {
                self.entries.remove(&key);
            }
        }
    }

    /// What must hold between any two calls.
    #[cfg(any(debug_assertions, test))]
    pub(super) fn check_invariants(&self) {
        assert!(self.order.len() <= self.most, "too much is kept");
        assert!(
            self.entries.len() <= self.order.len(),
            "something is never forgotten"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::Recent;
    use crate::time::Millis;

    #[test]
    fn what_is_kept_of_a_key_is_over_a_fixed_time_after_it_began() {
        let mut table: Recent<u32, u32> = Recent::new(10, 1_000);
        assert_eq!(table.get(Millis(5), 1), None);
        *table.entry(Millis(5), 1) += 1;
        *table.entry(Millis(500), 1) += 1;
        assert_eq!(table.get(Millis(1_004), 1), Some((2, 1)));
        assert_eq!(table.get(Millis(1_005), 1), None);
        *table.entry(Millis(1_005), 1) += 1;
        assert_eq!(table.get(Millis(1_005), 1), Some((1, 1_000)));
        // What was over is not mistaken for what began since.
        *table.entry(Millis(1_100), 2) += 1;
        assert_eq!(table.get(Millis(2_004), 1), Some((1, 1)));
    }

    #[test]
    fn what_is_set_begins_anew() {
        let mut table: Recent<u32, u32> = Recent::new(10, 1_000);
        for at in (0..100_000).step_by(400) {
            table.set(Millis(at), 1, at as u32);
            assert_eq!(table.get(Millis(at), 1), Some((at as u32, 1_000)));
            table.check_invariants();
        }
        assert_eq!(table.get(Millis(100_599), 1), Some((99_600, 1)));
        assert_eq!(table.get(Millis(100_600), 1), None);
    }

    #[test]
    fn a_full_table_forgets_what_began_first() {
        let mut table: Recent<u32, u32> = Recent::new(3, 1_000);
        for key in 0..4 {
            *table.entry(Millis(key.into()), key) += 1;
            table.check_invariants();
        }
        let kept = [0, 1, 2, 3].map(|key| table.get(Millis(4), key).is_some());
        assert_eq!(kept, [false, true, true, true]);
    }

    #[test]
    fn what_is_carried_ends_when_it_would_have() {
        let mut table: Recent<u32, u32> = Recent::new(3, 1_000);
        for (at, key) in [(0, 1), (500, 2), (600, 3), (700, 2), (700, 2)] {
            table.set(Millis(at), key, at as u32);
        }
        let kept = table.export(Millis(1_000));
        assert_eq!(kept, [(Millis(600), 3, 600), (Millis(700), 2, 700)]);
        let mut other: Recent<u32, u32> = Recent::new(3, 1_000);
        other.import(kept.clone());
        assert_eq!(other.export(Millis(1_000)), kept);
        for at in [1_000, 1_599, 1_600, 1_699, 1_700] {
            for key in 1..4 {
                assert_eq!(other.get(Millis(at), key), table.get(Millis(at), key));
            }
        }
        other.check_invariants();
        let mut smaller: Recent<u32, u32> = Recent::new(1, 1_000);
        smaller.import(kept);
        assert_eq!(smaller.export(Millis(1_000)), [(Millis(700), 2, 700)]);
        smaller.check_invariants();
    }

    #[test]
    fn what_is_over_gives_its_memory_back() {
        let mut table: Recent<u32, u32> = Recent::new(100_000, 1_000);
        for key in 0..10_000 {
            *table.entry(Millis(0), key) += 1;
        }
        // Little by little while more comes, and some of it again.
        for key in 10_000..20_000 {
            *table.entry(Millis(900), key) += 1;
        }
        for key in 0..5_000 {
            *table.entry(Millis(1_500), key) += 1;
            assert_eq!(table.get(Millis(1_500), key), Some((1, 1_000)));
            table.check_invariants();
        }
        assert_eq!(table.entries.len(), 15_000);
        assert_eq!(table.order.len(), 15_000);
        // All at once when nothing came for its time.
        *table.entry(Millis(2_500), 0) += 1;
        assert_eq!((table.entries.len(), table.order.len()), (1, 1));
        assert!(table.entries.capacity() < 100 && table.order.capacity() < 100);
    }
}
