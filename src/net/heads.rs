//! Who has not asked for anything yet, oldest first: in all, and of each address.
//!
//! Whoever says nothing costs a descriptor that somebody else could use, so the one that has been
//! silent longest makes room. Absent: sockets, the limits themselves.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{ConnId, Origin};

/// Connections without a complete request head.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    /// The number of the next one: they count up, so the smallest is the oldest.
    next: u64,
    all: BTreeMap<u64, ConnId>,
    by_address: BTreeSet<(Origin, u64)>,
}

impl Heads {
    /// Takes one in that was just accepted, with the address it counts for; returns its number.
    pub(crate) fn insert(&mut self, id: ConnId, address: Option<Origin>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.all.insert(number, id);
        if let Some(address) = address {
            self.by_address.insert((address, number));
        }
        number
    }

    /// Takes one in again, under the number it had.
    pub(crate) fn restore(&mut self, id: ConnId, address: Option<Origin>, number: u64) {
        self.next = self.next.max(number.saturating_add(1));
        self.all.insert(number, id);
        if let Some(address) = address {
            self.by_address.insert((address, number));
        }
    }

    /// Forgets one that has asked for something, or is gone.
    pub(crate) fn remove(&mut self, number: u64, address: Option<Origin>) {
        self.all.remove(&number);
        if let Some(address) = address {
            self.by_address.remove(&(address, number));
        }
    }

    /// Whether there is nobody.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The one that has been silent longest.
    pub(crate) fn oldest(&self) -> Option<ConnId> {
        self.all.values().next().copied()
    }

    /// The one of this address that has been silent longest.
    pub(crate) fn oldest_of(&self, address: Origin) -> Option<ConnId> {
        let mut of_address = self.by_address.range((address, 0)..=(address, u64::MAX));
        let (_, number) = of_address.next()?;
        self.all.get(number).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::Heads;
    use crate::model::{ConnId, Origin};

    #[test]
    fn the_oldest_is_found_in_all_and_of_each_address() {
        let address = |number| Some(Origin::from_bits(number));
        let id = |index| ConnId {
            index,
            generation: 1,
        };
        let mut heads = Heads::default();
        let places = [None, address(1), address(2), address(1)];
        let numbers = [0, 1, 2, 3].map(|at| heads.insert(id(at), places[at as usize]));
        let of = |heads: &Heads, last| address(last).and_then(|address| heads.oldest_of(address));
        assert_eq!(heads.oldest(), Some(id(0)));
        assert_eq!(of(&heads, 1), Some(id(1)));
        heads.remove(numbers[0], None);
        heads.remove(numbers[1], address(1));
        assert_eq!(heads.oldest(), Some(id(2)));
        assert_eq!(of(&heads, 1), Some(id(3)));
        assert_eq!(of(&heads, 3), None);
        heads.remove(numbers[2], address(2));
        heads.remove(numbers[3], address(1));
        assert!(heads.is_empty() && heads.by_address.is_empty());
    }
}
