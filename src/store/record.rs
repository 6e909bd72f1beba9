//! What a session is to any engine, and what an order does to it.

use serde::{Deserialize, Serialize};

use super::engine::{FORMER_OWNER_SECONDS, OWNERS_MAX, Unix};
use crate::model::{Owner, Settle, Settled, Stored, StoredProfile};

/// A session with points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) profile: StoredProfile,
    pub(super) points: u32,
    pub(super) streak: u32,
    /// The present owner.
    pub(super) owner: Owner,
    /// The last number that was applied for it; 0: none.
    pub(super) seq: u64,
    /// Who was owner before; the one who lost it, or wrote, last comes last.
    pub(super) former: Vec<Former>,
}

/// Somebody who was owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Former {
    pub(super) owner: Owner,
    /// The last number that was applied for it.
    pub(super) seq: u64,
    /// When it lost the session, or wrote since.
    pub(super) at: Unix,
}

impl Record {
    /// A session's first order makes it.
    pub(super) fn new(settle: &Settle) -> Self {
        Self {
            profile: settle.profile.clone().unwrap_or_default(),
            points: settle.points.max(settle.told),
            streak: settle.streak,
            owner: settle.owner,
            seq: settle.seq,
            former: Vec::new(),
        }
    }

    /// One that a person has before its first point.
    pub(super) fn empty(owner: Owner) -> Self {
        Self {
            profile: StoredProfile::default(),
            points: 0,
            streak: 0,
            owner,
            seq: 0,
            former: Vec::new(),
        }
    }

    /// Whether somebody is or was its owner, as far as that is remembered.
    pub(super) fn knows(&self, owner: Owner) -> bool {
        self.owner == owner || self.former.iter().any(|former| former.owner == owner)
    }

    /// Whether somebody was its owner before, and is it no more, as far as that is remembered.
    pub(super) fn was_of(&self, owner: Owner) -> bool {
        self.owner != owner && self.knows(owner)
    }

    /// Makes somebody the present owner, unless he is or was that.
    pub(super) fn take(&mut self, owner: Owner, now: Unix) {
        self.forget_owners(now);
        if !self.knows(owner) {
            self.former.push(Former {
                owner: self.owner,
                seq: self.seq,
                at: now,
            });
            (self.owner, self.seq) = (owner, 0);
            self.forget_owners(now);
        }
    }

    /// Applies an order, unless it was applied before; also whether it was applied now.
    pub(super) fn settle(&mut self, settle: &Settle, now: Unix) -> (Settled, bool) {
        if self.owner == settle.owner {
            let is_new = self.seq < settle.seq;
            if is_new {
                self.seq = settle.seq;
                self.add(settle);
                self.streak = settle.streak;
                if let Some(profile) = &settle.profile {
                    self.profile = profile.clone();
                }
            }
            let total = self.points;
            return (Settled::Kept { total }, is_new);
        }
        self.forget_owners(now);
        let is_same = |former: &Former| former.owner == settle.owner;
        let known = self.former.iter().position(is_same);
        let last = known.map_or(0, |index| self.former[index].seq);
        let is_new = last < settle.seq;
        if is_new {
            self.add(settle);
            // A person's has none before its first point, and stands on the board with it.
            if let (Some(profile), "") = (&settle.profile, self.profile.uid.as_str()) {
                self.profile = profile.clone();
            }
            if let Some(index) = known {
                self.former.remove(index);
            }
            self.former.push(Former {
                owner: settle.owner,
                seq: settle.seq,
                at: now,
            });
            self.forget_owners(now);
        }
        let total = self.points;
        (Settled::FormerOwner { total }, is_new)
    }

    fn add(&mut self, settle: &Settle) {
        self.points = self.points.saturating_add(settle.points).max(settle.told);
    }

    /// What whoever takes it is told; `person`: whose it is.
    pub(super) fn stored(&self, person: Option<String>) -> Stored {
        Stored {
            person,
            profile: self.profile.clone(),
            total: self.points,
            streak: self.streak,
        }
    }

    fn forget_owners(&mut self, now: Unix) {
        let is_young = |former: &Former| now.0 < former.at.0 + FORMER_OWNER_SECONDS;
        self.former.retain(is_young);
        while OWNERS_MAX <= self.former.len() {
            // Whose number nothing depends on goes first, but for who had it a moment ago: it may
            // ask for it once more. Then whoever had it longest ago.
            let mut all_but_last = self.former.iter().rev().skip(1).rev();
            let unused = all_but_last.position(|former| former.seq == 0);
            self.former.remove(unused.unwrap_or(0));
        }
    }
}
