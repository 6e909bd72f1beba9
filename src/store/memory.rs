//! An engine that keeps everything in this process: for trying, for tests, and for those who want
//! nothing to last.
//!
//! It is what the other engines are held against, so it is as plain as can be.

use std::collections::{BTreeMap, BTreeSet};

use super::engine::{
    Engine, FORMER_OWNER_SECONDS, Key, Limits, OWNERS_MAX, ROOM_SECONDS, TOMBSTONE_SECONDS,
    Trouble, Unix, Who,
};
use crate::model::{Owner, Settle, Settled, StoreOp, StoreReply, Stored, StoredProfile};

/// Most sessions that are kept: some 30 MB. Beyond it the one that was used the longest ago goes.
const SESSIONS_MAX: usize = 100_000;

/// Everything in memory.
pub struct Memory {
    limits: Limits,
    sessions_max: usize,
    sessions: BTreeMap<Key, Session>,
    /// The same by when they were last used.
    by_use: BTreeSet<(Unix, Key)>,
    /// By code: when something last happened there.
    rooms: BTreeMap<String, Unix>,
    tombstones: BTreeMap<Key, Unix>,
}

struct Session {
    profile: StoredProfile,
    points: u32,
    streak: u32,
    owner: Owner,
    /// The last number that was applied for the present owner.
    seq: u64,
    /// The one who was owner last comes last.
    former: Vec<Former>,
    used_at: Unix,
}

struct Former {
    owner: Owner,
    seq: u64,
    /// When it wrote last, or lost the session.
    at: Unix,
}

impl Memory {
    /// An empty one.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::with_room_for(SESSIONS_MAX, limits)
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
        session.forget_owners(now);
        if !session.knows(owner) {
            let (was, seq) = (session.owner, session.seq);
            session.former.push(Former {
                owner: was,
                seq,
                at: now,
            });
            session.forget_owners(now);
            (session.owner, session.seq) = (owner, 0);
        }
        let stored = Stored {
            profile: session.profile.clone(),
            total: session.points,
            streak: session.streak,
        };
        self.used(key, now);
        Some(Box::new(stored))
    }

    fn settle(&mut self, settle: &Settle, now: Unix) -> Settled {
        let key = Key::of(&settle.token);
        if self.is_erased(key, now) {
            return Settled::Erased;
        }
        let Some(session) = self.sessions.get_mut(&key) else {
            if settle.points != 0 {
                self.insert(key, settle, now);
            }
            return Settled::Kept {
                total: settle.points,
            };
        };
        session.forget_owners(now);
        let is_owner = session.owner == settle.owner;
        if is_owner {
            if session.seq < settle.seq {
                session.seq = settle.seq;
                session.points = session.points.saturating_add(settle.points);
                session.streak = settle.streak;
                if let Some(profile) = &settle.profile {
                    session.profile = profile.clone();
                }
            }
        } else if session.is_new(settle.owner, settle.seq, now) {
            session.points = session.points.saturating_add(settle.points);
        }
        let total = session.points;
        self.used(key, now);
        match is_owner {
            true => Settled::Kept { total },
            false => Settled::FormerOwner { total },
        }
    }

    fn insert(&mut self, key: Key, settle: &Settle, now: Unix) {
        if self.sessions_max <= self.sessions.len()
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.sessions.remove(&oldest);
        }
        let session = Session {
            profile: settle.profile.clone().unwrap_or_default(),
            points: settle.points,
            streak: settle.streak,
            owner: settle.owner,
            seq: settle.seq,
            former: Vec::new(),
            used_at: now,
        };
        self.sessions.insert(key, session);
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

impl Session {
    fn knows(&self, owner: Owner) -> bool {
        self.owner == owner || self.former.iter().any(|former| former.owner == owner)
    }

    /// Whether a former owner's order was not applied yet; it is from now on.
    fn is_new(&mut self, owner: Owner, seq: u64, now: Unix) -> bool {
        let known = self.former.iter().position(|former| former.owner == owner);
        let last = known.map_or(0, |index| self.former.remove(index).seq);
        let at = now;
        let seq_max = last.max(seq);
        self.former.push(Former {
            owner,
            seq: seq_max,
            at,
        });
        self.forget_owners(now);
        last < seq
    }

    fn forget_owners(&mut self, now: Unix) {
        self.former
            .retain(|former| now.0 < former.at.0 + FORMER_OWNER_SECONDS);
        let excess = self.former.len().saturating_sub(OWNERS_MAX - 1);
        self.former.drain(..excess);
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
            (session.profile.uid == *uid).then_some((session.used_at, *key))
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
