//! An engine that keeps everything in this process: for trying, for tests, and for those who want
//! nothing to last.
//!
//! It is what the other engines are held against, so it is as plain as can be.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::engine::{
    Engine, Key, Limits, Luggage, Place, ROOM_SECONDS, TOMBSTONE_SECONDS, Trouble, Unix, Who,
};
use super::record::Record;
use crate::model::{Owner, Settle, Settled, StoreOp, StoreReply, Stored};

/// Most sessions that are kept: some 30 MB. Beyond it the one that was used the longest ago goes.
const SESSIONS_MAX: usize = 100_000;

/// Everything in memory.
pub(super) struct Memory {
    limits: Limits,
    sessions_max: usize,
    sessions: BTreeMap<Key, Session>,
    /// The same by when they were last used.
    by_use: BTreeSet<(Unix, Key)>,
    /// By code: when something last happened there.
    rooms: BTreeMap<String, Unix>,
    tombstones: BTreeMap<Key, Unix>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Session {
    record: Record,
    used_at: Unix,
}

/// All that is kept, as a value; by lists, because keys are no text.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct MemoryState {
    sessions: Vec<(Key, Session)>,
    rooms: Vec<(String, Unix)>,
    tombstones: Vec<(Key, Unix)>,
}

impl Memory {
    /// An empty one.
    #[must_use]
    pub(super) fn new(limits: Limits) -> Self {
        Self::with_room_for(SESSIONS_MAX, limits)
    }

    /// One with all that another one had.
    pub(super) fn taken(limits: Limits, state: MemoryState) -> Self {
        let by_use = state.sessions.iter();
        let by_use = by_use
            .map(|(key, session)| (session.used_at, *key))
            .collect();
        Self {
            sessions: state.sessions.into_iter().collect(),
            by_use,
            rooms: state.rooms.into_iter().collect(),
            tombstones: state.tombstones.into_iter().collect(),
            ..Self::new(limits)
        }
    }

    fn with_room_for(sessions_max: usize, limits: Limits) -> Self {
        Self {
            limits,
            sessions_max,
            sessions: BTreeMap::new(),
            by_use: BTreeSet::new(),
            rooms: BTreeMap::new(),
            tombstones: BTreeMap::new(),
        }
    }

    fn take(&mut self, token: &str, owner: Owner, now: Unix) -> Option<Box<Stored>> {
        let key = Key::of(token);
        if self.is_erased(key, now) {
            return None;
        }
        let session = self.sessions.get_mut(&key)?;
        session.record.take(owner, now);
        let stored = session.record.stored();
        self.used(key, now);
        Some(Box::new(stored))
    }

    fn settle(&mut self, settle: &Settle, now: Unix) -> Settled {
        let key = Key::of(&settle.token);
        if self.is_erased(key, now) {
            return Settled::Erased;
        }
        if let Some(session) = self.sessions.get_mut(&key) {
            let settled = session.record.settle(settle, now);
            self.used(key, now);
            return settled;
        }
        if settle.points != 0 {
            self.insert(key, Record::new(settle), now);
        }
        let total = settle.points;
        Settled::Kept { total }
    }

    fn insert(&mut self, key: Key, record: Record, now: Unix) {
        if self.sessions_max <= self.sessions.len()
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.sessions.remove(&oldest);
        }
        let used_at = now;
        self.sessions.insert(key, Session { record, used_at });
        self.by_use.insert((now, key));
    }

    fn used(&mut self, key: Key, now: Unix) {
        if let Some(session) = self.sessions.get_mut(&key) {
            self.by_use.remove(&(session.used_at, key));
            session.used_at = now;
            self.by_use.insert((now, key));
        }
    }

    fn is_erased(&self, key: Key, now: Unix) -> bool {
        let at = self.tombstones.get(&key);
        at.is_some_and(|at| now.0 < at.0 + TOMBSTONE_SECONDS)
    }

    fn claim(&mut self, code: &str, now: Unix) -> bool {
        let Some(at) = self.rooms.get_mut(code) else {
            return false;
        };
        let found = now.0 < at.0 + ROOM_SECONDS;
        if found {
            *at = now;
        }
        found
    }
}

impl Engine for Memory {
    fn apply(&mut self, orders: &[StoreOp], now: Unix) -> Result<Vec<StoreReply>, Trouble> {
        let mut replies = Vec::new();
        for order in orders {
            match order {
                StoreOp::Take { token, owner } => replies.push(StoreReply::Taken {
                    token: token.clone(),
                    owner: *owner,
                    stored: self.take(token, *owner, now),
                }),
                StoreOp::Settle(settle) => replies.push(StoreReply::Settled {
                    token: settle.token.clone(),
                    owner: settle.owner,
                    seq: settle.seq,
                    settled: self.settle(settle, now),
                }),
                StoreOp::OpenRoom { code } | StoreOp::TouchRoom { code } => {
                    self.rooms.insert(code.clone(), now);
                }
                StoreOp::CloseRoom { code } => _ = self.rooms.remove(code),
                StoreOp::ClaimRoom { code } => replies.push(StoreReply::Claimed {
                    code: code.clone(),
                    found: self.claim(code, now),
                }),
            }
        }
        Ok(replies)
    }

    fn expire(&mut self, at_most: usize, now: Unix) -> Result<usize, Trouble> {
        let ttl = self.limits.score_ttl_ms / 1000;
        let mut deleted = 0;
        while deleted < at_most {
            let Some((at, key)) = self.by_use.first().copied() else {
                break;
            };
            if now.0 < at.0.saturating_add(ttl) {
                break;
            }
            self.by_use.remove(&(at, key));
            self.sessions.remove(&key);
            deleted += 1;
        }
        let before = self.rooms.len() + self.tombstones.len();
        self.rooms.retain(|_, at| now.0 < at.0 + ROOM_SECONDS);
        self.tombstones
            .retain(|_, at| now.0 < at.0 + TOMBSTONE_SECONDS);
        Ok(deleted + before - self.rooms.len() - self.tombstones.len())
    }

    fn forget(&mut self, who: &Who, now: Unix) -> Result<usize, Trouble> {
        // There are no persons in here.
        let Who::Uid(uid) = who else {
            return Ok(0);
        };
        let of_uid = |(key, session): (&Key, &Session)| {
            (session.record.profile.uid == *uid).then_some((session.used_at, *key))
        };
        let found: Vec<(Unix, Key)> = self.sessions.iter().filter_map(of_uid).collect();
        for (used_at, key) in &found {
            self.by_use.remove(&(*used_at, *key));
            self.sessions.remove(key);
            self.tombstones.insert(*key, now);
        }
        Ok(found.len())
    }

    fn bytes(&self) -> u64 {
        0
    }

    fn carry(&self) -> Option<Luggage> {
        let pair = |(key, at): (&Key, &Unix)| (*key, *at);
        let sessions = self.sessions.iter();
        let rooms = self.rooms.iter();
        let state = MemoryState {
            sessions: sessions
                .map(|(key, session)| (*key, session.clone()))
                .collect(),
            rooms: rooms.map(|(code, at)| (code.clone(), *at)).collect(),
            tombstones: self.tombstones.iter().map(pair).collect(),
        };
        Some(Luggage {
            state: Place::Memory(state),
            descriptors: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Engine, Limits, Memory, Unix};
    use crate::model::{Owner, Settle, StoreOp};

    #[test]
    fn memory_has_a_bound_and_who_was_used_the_longest_ago_goes() {
        let mut memory = Memory::with_room_for(2, Limits { score_ttl_ms: 1000 });
        let points = |token: &str, now| {
            let settle = Settle {
                token: token.into(),
                owner: Owner(1),
                seq: now,
                points: 1,
                streak: 1,
                profile: None,
            };
            (StoreOp::Settle(Box::new(settle)), Unix(now))
        };
        for (token, now) in [("a", 1), ("b", 2), ("a", 3), ("c", 4)] {
            let (order, now) = points(token, now);
            memory.apply(&[order], now).expect("memory");
        }
        let mut is_there = |token: &str| {
            let order = StoreOp::Take {
                token: token.into(),
                owner: Owner(2),
            };
            let replies = memory.apply(&[order], Unix(5)).expect("memory");
            !format!("{replies:?}").contains("None")
        };
        assert!(is_there("a") && !is_there("b") && is_there("c"));
    }
}
