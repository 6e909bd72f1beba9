//! A table whose handles go stale: index and generation.
//!
//! A handle that outlived its value finds nothing, also when the index was given to somebody else.
//! Which index the next value gets follows from those in use alone: the lowest that is free. So a
//! table that was carried to another process goes on as it would have here.
//! It knows neither players nor rooms.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU32;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Above all indexes that a snapshot may name, of players, rooms and connections: many times those
/// of the largest server, and little enough to be allocated for a snapshot that is not sound.
pub const INDEX_END: u32 = 1 << 22;

/// Values behind `(index, generation)` handles.
#[derive(Clone, Debug)]
pub struct Slots<T> {
    entries: Vec<Option<(NonZeroU32, T)>>,
    /// The indexes without a value.
    vacant: BinaryHeap<Reverse<u32>>,
    /// The next value's.
    generation: NonZeroU32,
}

/// Names one value of a [`Slots`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "(u32, NonZeroU32)", into = "(u32, NonZeroU32)")]
pub struct Handle {
    /// Position in the table.
    pub index: u32,
    /// Which of the values that had this position; never zero, so that no handle takes no room.
    pub generation: NonZeroU32,
}

/// `[index, generation]` in a snapshot.
impl From<(u32, NonZeroU32)> for Handle {
    fn from((index, generation): (u32, NonZeroU32)) -> Self {
        Self { index, generation }
    }
}

impl From<Handle> for (u32, NonZeroU32) {
    fn from(handle: Handle) -> Self {
        (handle.index, handle.generation)
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            vacant: BinaryHeap::new(),
            generation: NonZeroU32::MIN,
        }
    }
}

impl<T> Slots<T> {
    /// Stores a value.
    pub fn insert(&mut self, value: T) -> Handle {
        let generation = self.generation;
        self.generation = generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        let entry = Some((generation, value));
        let free = self.vacant.pop().map(|Reverse(index)| index);
        let index = free.unwrap_or(self.entries.len() as u32);
        match self.entries.get_mut(index as usize) {
            Some(place) => *place = entry,
            None => self.entries.push(entry),
        }
        Handle { index, generation }
    }

    /// The value, unless the handle is stale.
    #[must_use]
    pub fn get(&self, handle: Handle) -> Option<&T> {
        match self.entries.get(handle.index as usize) {
            Some(Some((generation, value))) if *generation == handle.generation => Some(value),
            _ => None,
        }
    }

    /// The value, unless the handle is stale.
    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        match self.entries.get_mut(handle.index as usize) {
            Some(Some((generation, value))) if *generation == handle.generation => Some(value),
            _ => None,
        }
    }

    /// Takes the value out; its handle is stale from now on.
    pub fn remove(&mut self, handle: Handle) -> Option<T> {
        self.get(handle)?;
        let (_, value) = self.entries.get_mut(handle.index as usize)?.take()?;
        self.vacant.push(Reverse(handle.index));
        Some(value)
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len() - self.vacant.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All values, in the order of their indexes.
    pub fn iter(&self) -> impl Iterator<Item = (Handle, &T)> {
        let entries = (0..).zip(&self.entries);
        entries.filter_map(|(index, entry)| {
            let (generation, value) = entry.as_ref()?;
            let generation = *generation;
            Some((Handle { index, generation }, value))
        })
    }

    /// All values, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let entries = self.entries.iter_mut().flatten();
        entries.map(|(_, value)| value)
    }

    /// Looks at up to `count` places from `first` on; where the next look begins, so that one after
    /// the other sees all values.
    pub fn look(&mut self, first: usize, count: usize, mut see: impl FnMut(&mut T)) -> usize {
        let next = first.saturating_add(count).min(self.entries.len());
        for (_, value) in self
            .entries
            .get_mut(first..next)
            .into_iter()
            .flatten()
            .flatten()
        {
            see(value);
        }
        if next < self.entries.len() { next } else { 0 }
    }

    /// All handles, in the order of their indexes.
    #[must_use]
    pub fn handles(&self) -> Vec<Handle> {
        self.iter().map(|(handle, _)| handle).collect()
    }
}

/// A table in a snapshot.
#[derive(Serialize, Deserialize)]
struct Carried<V> {
    /// The next value's generation.
    generation: NonZeroU32,
    /// In the order of their indexes.
    values: V,
}

/// The values of a table, each with its handle.
struct Values<'a, T>(&'a Slots<T>);

impl<T: Serialize> Serialize for Values<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter())
    }
}

impl<T: Serialize> Serialize for Slots<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let generation = self.generation;
        let values = Values(self);
        Carried { generation, values }.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Slots<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let carried = Carried::<Table<T>>::deserialize(deserializer)?;
        Ok(Self {
            generation: carried.generation,
            ..carried.values.0
        })
    }
}

/// A table from its values, put in their places as they come.
struct Table<T>(Slots<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Fill(PhantomData))
    }
}

struct Fill<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fill<T> {
    type Value = Table<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("handles and values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Table<T>, A::Error> {
        let mut slots = Slots::default();
        while let Some((handle, value)) = values.next_element::<(Handle, T)>()? {
            let end = slots.entries.len() as u32;
            if handle.index < end || INDEX_END <= handle.index {
                return Err(de::Error::custom("indexes that are not in order"));
            }
            for index in end..handle.index {
                slots.entries.push(None);
                slots.vacant.push(Reverse(index));
            }
            slots.entries.push(Some((handle.generation, value)));
        }
        Ok(Table(slots))
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
        assert_eq!(second.index, first.index, "the index is used again");
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.get_mut(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second), Some(&"second"));
        assert_eq!(slots.len(), 1);
    }

    #[test]
    fn the_lowest_free_index_is_used_next() {
        let mut slots = Slots::default();
        let handles: Vec<_> = (0..4).map(|number| slots.insert(number)).collect();
        for index in [1, 3, 2] {
            slots.remove(handles[index]);
        }
        let indexes = [(); 4].map(|()| slots.insert(9).index);
        assert_eq!(indexes, [1, 2, 3, 4]);
        assert_eq!(slots.len(), 5);
    }

    #[test]
    fn looks_one_after_the_other_see_every_value_in_turn() {
        let mut slots = Slots::default();
        let mut seen = Vec::new();
        assert_eq!(slots.look(0, 4, |_: &mut u32| ()), 0, "there is none");
        let handles: Vec<_> = (0..5).map(|number| slots.insert(number)).collect();
        slots.remove(handles[1]);
        let mut place = 0;
        for next in [2, 4, 0, 2] {
            place = slots.look(place, 2, |number| seen.push(*number));
            assert_eq!(place, next);
        }
        assert_eq!(seen, [0, 2, 3, 4, 0]);
    }

    #[test]
    fn a_carried_table_goes_on_as_it_would_have() {
        let mut slots = Slots::default();
        let handles: Vec<_> = (0..6).map(|number| slots.insert(number)).collect();
        for index in [5, 0, 2] {
            slots.remove(handles[index]);
        }
        let text = serde_json::to_string(&slots).expect("a table");
        assert_eq!(
            text,
            r#"{"generation":7,"values":[[[1,2],1],[[3,4],3],[[4,5],4]]}"#
        );
        let mut carried: Slots<i32> = serde_json::from_str(&text).expect("the same table");
        assert_eq!(carried.len(), 3);
        assert_eq!(serde_json::to_string(&carried).expect("a table"), text);
        for number in 6..10 {
            assert_eq!(carried.insert(number), slots.insert(number));
        }
        for unsound in [
            r#"{"generation":0,"values":[]}"#,
            r#"{"generation":7,"values":[[[1,2],1],[[1,3],1]]}"#,
            r#"{"generation":7,"values":[[[4194304,2],1]]}"#,
            r#"{"generation":7,"values":[[[-1,2],1]]}"#,
        ] {
            assert!(
                serde_json::from_str::<Slots<i32>>(unsound).is_err(),
                "{unsound}"
            );
        }
    }

    #[test]
    fn no_handle_takes_no_room() {
        assert_eq!(size_of::<Option<Handle>>(), 8);
    }
}
