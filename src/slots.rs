//! A slab whose handles go stale: index and generation.
//!
//! A handle that outlived its value finds nothing, also when the index was given to somebody else.
//! It knows neither players nor rooms.

use std::num::NonZeroU32;

use slab::Slab;

/// Values behind `(index, generation)` handles.
#[derive(Debug)]
pub struct Slots<T> {
    entries: Slab<(NonZeroU32, T)>,
    /// The next value's.
    generation: NonZeroU32,
}

/// Names one value of a [`Slots`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle {
    /// Position in the slab.
    pub index: u32,
    /// Which of the values that had this position; never zero, so that no handle takes no room.
    pub generation: NonZeroU32,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            entries: Slab::new(),
            generation: NonZeroU32::MIN,
        }
    }
}

impl<T> Slots<T> {
    /// Stores a value.
    pub fn insert(&mut self, value: T) -> Handle {
        let generation = self.generation;
        self.generation = generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        let index = self.entries.insert((generation, value));
        Handle {
            index: index as u32,
            generation,
        }
    }

    /// The value, unless the handle is stale.
    #[must_use]
    pub fn get(&self, handle: Handle) -> Option<&T> {
        match self.entries.get(handle.index as usize) {
            Some((generation, value)) if *generation == handle.generation => Some(value),
            _ => None,
        }
    }

    /// The value, unless the handle is stale.
    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        match self.entries.get_mut(handle.index as usize) {
            Some((generation, value)) if *generation == handle.generation => Some(value),
            _ => None,
        }
    }

    /// Takes the value out; its handle is stale from now on.
    pub fn remove(&mut self, handle: Handle) -> Option<T> {
        self.get(handle)?;
        Some(self.entries.remove(handle.index as usize).1)
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All values, in the order of their indexes.
    pub fn iter(&self) -> impl Iterator<Item = (Handle, &T)> {
        self.entries.iter().map(|(index, (generation, value))| {
            (
                Handle {
                    index: index as u32,
                    generation: *generation,
                },
                value,
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Handle, Slots};

    #[test]
    fn a_stale_handle_finds_nothing_even_when_its_index_is_used_again() {
        let mut slots = Slots::default();
        let first = slots.insert("first");
        assert_eq!(slots.remove(first), Some("first"));
        let second = slots.insert("second");
        assert_eq!(second.index, first.index, "the slab reuses the index");
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.get_mut(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second), Some(&"second"));
        assert_eq!(slots.len(), 1);
    }

    #[test]
    fn no_handle_takes_no_room() {
        assert_eq!(size_of::<Option<Handle>>(), 8);
    }
}
