//! v2 players without a connection, in the order in which their sessions end, and in the order in
//! which they make room for others.
//!
//! These differ: a session that never won a point goes first, because anybody can make as many of
//! them as they like. Absent: when that is, and how a session ends.

use std::collections::BTreeSet;

use crate::model::PlayerId;
use crate::time::Millis;

/// The offline ones: of each when its session ends, and who it is. The longest offline come first.
#[derive(Debug, Default)]
pub(super) struct Offline {
    /// Those who never won a point.
    blank: BTreeSet<(Millis, PlayerId)>,
    /// Those who have something to lose.
    scored: BTreeSet<(Millis, PlayerId)>,
}

impl Offline {
    pub(super) fn insert(&mut self, at: Millis, id: PlayerId, has_points: bool) {
        if has_points {
            self.scored.insert((at, id));
        } else {
            self.blank.insert((at, id));
        }
    }

    pub(super) fn remove(&mut self, at: Millis, id: PlayerId) {
        if !self.blank.remove(&(at, id)) {
            self.scored.remove(&(at, id));
        }
    }

    /// One that had never won a point has won one in its absence.
    pub(super) fn has_scored(&mut self, at: Millis, id: PlayerId) {
        if self.blank.remove(&(at, id)) {
            self.scored.insert((at, id));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.blank.len() + self.scored.len()
    }

    /// Whose session ends first, and when.
    pub(super) fn first_to_end(&self) -> Option<(Millis, PlayerId)> {
        let firsts = [self.blank.first(), self.scored.first()];
        firsts.into_iter().flatten().min().copied()
    }

    /// Who goes first of those who never won a point.
    pub(super) fn first_blank(&self) -> Option<PlayerId> {
        self.blank.first().map(|&(_, id)| id)
    }

    /// Who goes first of all.
    pub(super) fn first_to_go(&self) -> Option<PlayerId> {
        let first = self.blank.first().or(self.scored.first());
        first.map(|&(_, id)| id)
    }

    /// Whether it stands where it belongs.
    pub(super) fn contains(&self, at: Millis, id: PlayerId, has_points: bool) -> bool {
        let list = if has_points {
            &self.scored
        } else {
            &self.blank
        };
        list.contains(&(at, id))
    }
}
