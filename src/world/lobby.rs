//! Who waits for an opponent: the queue and who may be paired with whom.
//!
//! Only players that may be paired right now stand in the queue; who is offline or away waits
//! beside it, in its room. No time passes here.

use std::collections::{BTreeSet, HashMap};

use crate::model::{PlayerId, Uid};
use crate::time::Millis;

/// The queue, longest wait first.
#[derive(Debug, Default)]
pub(super) struct Lobby {
    queue: BTreeSet<(Millis, PlayerId)>,
    /// How many in the queue go by each uid. Two of one uid are never paired, so a queue of one
    /// uid is no use to its bearer and need not be searched.
    uids: HashMap<Uid, usize>,
}

impl Lobby {
    /// Puts a player in line.
    pub(super) fn insert(&mut self, since: Millis, player: PlayerId, uid: Uid) {
        if self.queue.insert((since, player)) {
            *self.uids.entry(uid).or_default() += 1;
        }
    }

    /// Takes a player out of line, if it stands there.
    pub(super) fn remove(&mut self, since: Millis, player: PlayerId, uid: &Uid) {
        if !self.queue.remove(&(since, player)) {
            return;
        }
        if let Some(count) = self.uids.get_mut(uid) {
            *count -= 1;
            if *count == 0 {
                self.uids.remove(uid);
            }
        }
    }

    /// The longest waiting player that `fits`.
    ///
    /// Cheap, because hardly anybody who does not fit is passed over: of another uid than `uid`,
    /// only those that are kept apart for a moment.
    pub(super) fn find(
        &self,
        uid: &Uid,
        mut fits: impl FnMut(PlayerId) -> bool,
    ) -> Option<PlayerId> {
        if self.uids.get(uid).copied().unwrap_or(0) == self.queue.len() {
            return None;
        }
        self.queue
            .iter()
            .map(|&(_, player)| player)
            .find(|&player| fits(player))
    }

    /// Whether a player stands in line.
    pub(super) fn contains(&self, since: Millis, player: PlayerId) -> bool {
        self.queue.contains(&(since, player))
    }

    /// Everybody in line, for the invariant sweep.
    pub(super) fn players(&self) -> impl Iterator<Item = PlayerId> {
        self.queue.iter().map(|&(_, player)| player)
    }
}
