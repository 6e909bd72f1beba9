//! An engine that keeps everything in this process: for trying, for tests, and for those who want
//! nothing to last.
//!
//! It is what the other engines are held against, so it is as plain as can be.

mod persons;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub(super) use self::persons::percent_of;
use self::persons::{Person, Persons};
use super::engine::{
    Engine, Key, Limits, Luggage, Place, ROOM_SECONDS, TOMBSTONE_SECONDS, Trouble, Unix, Who,
};
use super::instances::Instances;
use super::record::Record;
use crate::model::{
    Letter, Owner, Settle, Settled, Standing, StoreOp, StoreReply, Stored, StoredProfile, Week,
};

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
    persons: Persons,
    instances: Instances,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Session {
    record: Record,
    used_at: Unix,
}

/// A sign-in, as its order has it.
#[derive(Clone, Copy)]
struct SignIn<'a> {
    sub: &'a String,
    token: Option<&'a String>,
    fresh: &'a String,
    owner: Owner,
    absent: bool,
}

/// All that is kept, as a value; by lists, because keys are no text.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct MemoryState {
    sessions: Vec<(Key, Session)>,
    rooms: Vec<(String, Unix)>,
    tombstones: Vec<(Key, Unix)>,
    #[serde(default)]
    persons: Vec<(String, Person)>,
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
            persons: Persons::new(state.persons),
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
            persons: Persons::default(),
            instances: Instances::default(),
        }
    }

    fn take(&mut self, key: Key, owner: Owner, now: Unix) -> Option<Box<Stored>> {
        if self.is_erased(key, now) {
            return None;
        }
        let session = self.sessions.get_mut(&key)?;
        session.record.take(owner, now);
        let person = self.persons.of_session(key).cloned();
        let stored = session.record.stored(person);
        self.used(key, now);
        Some(Box::new(stored))
    }

    fn sign_in(&mut self, order: SignIn<'_>, now: Unix) -> StoreReply {
        let SignIn {
            sub,
            token,
            fresh,
            owner,
            absent,
        } = order;
        let is_erased = self.is_erased(Key::of(sub), now);
        let may_keep = |token: &&String| {
            let key = Key::of(token);
            let whose = self.persons.of_session(key);
            let is_free = whose.is_none_or(|whose| whose == sub && !is_erased);
            is_free && !self.is_erased(key, now)
        };
        let token = token.filter(may_keep).unwrap_or(fresh);
        let key = Key::of(token);
        let known = self.persons.session_of(sub).filter(|_| !is_erased);
        if let Some(session) = known {
            let was_its = |session: &Session| session.record.was_of(owner);
            let is_too_late = self.sessions.get(&session).is_some_and(was_its);
            let key = match session == key || is_too_late || absent {
                true => session,
                false => Key::of(fresh),
            };
            self.give_token(sub, session, key);
        } else if !is_erased {
            if !self.sessions.contains_key(&key) {
                self.insert(key, Record::empty(owner), now);
            }
            self.persons.insert(sub, key);
        }
        let session = self.persons.session_of(sub).filter(|_| !is_erased);
        let token = match session.is_some_and(|session| session != key) {
            true => fresh,
            false => token,
        };
        let stored = match absent {
            true => None,
            false => self.take(session.unwrap_or(key), owner, now),
        };
        StoreReply::SignedIn {
            sub: sub.clone(),
            owner,
            token: token.clone(),
            stored: stored.filter(|stored| !stored.is_empty()),
            barred: self.persons.is_barred(sub),
        }
    }

    /// A person's session gets another token.
    fn give_token(&mut self, sub: &str, before: Key, after: Key) {
        if let Some(session) = self.sessions.remove(&before) {
            self.by_use.remove(&(session.used_at, before));
            self.by_use.insert((session.used_at, after));
            self.sessions.insert(after, session);
            self.persons.move_session(sub, after);
        }
    }

    fn settle(&mut self, settle: &Settle, now: Unix) -> Settled {
        let mut key = Key::of(&settle.token);
        if self.is_erased(key, now) {
            return Settled::Erased;
        }
        // Its token may be an older one of a session that has another by now.
        let is_own = |sub: &String| self.persons.session_of(sub) == Some(key);
        let known = self.sessions.contains_key(&key);
        let mut new_person = None;
        if let Some(sub) = settle.person.as_ref().filter(|sub| !known || !is_own(sub)) {
            let is_erased = self.is_erased(Key::of(sub), now);
            // What is another one's is nothing to it.
            let is_others = self.persons.of_session(key).is_some();
            if is_erased && (!known || is_others) {
                return Settled::Erased;
            }
            let own = self.persons.session_of(sub);
            // One that was lost here has this session, if it is known by which name.
            let has_name = |session: &Session| !session.record.profile.uid.is_empty();
            let is_named =
                settle.profile.is_some() || self.sessions.get(&key).is_some_and(has_name);
            new_person = Some(sub).filter(|_| own.is_none() && !is_erased && is_named);
            key = own.unwrap_or(key);
        }
        let total = settle.points.max(settle.told);
        if !self.sessions.contains_key(&key) && total == 0 {
            return Settled::Kept { total };
        }
        if let Some(sub) = new_person.filter(|_| self.persons.of_session(key).is_none()) {
            if !self.sessions.contains_key(&key) {
                self.insert(key, Record::empty(settle.owner), now);
            }
            self.persons.insert(sub, key);
        }
        if let Some(session) = self.sessions.get_mut(&key) {
            let (settled, is_new) = session.record.settle(settle, now);
            self.used(key, now);
            if is_new && let Some(sub) = self.persons.of_session(key).cloned() {
                self.persons.add(&sub, &settle.ranked);
            }
            return settled;
        }
        self.insert(key, Record::new(settle), now);
        Settled::Kept { total }
    }

    fn rank(&self, sub: &str, week: Week) -> Option<Box<Standing>> {
        let standing = self.persons.rank(sub, week, &|key| self.shown(key));
        standing.map(Box::new)
    }

    fn shown(&self, key: Key) -> StoredProfile {
        let session = self.sessions.get(&key);
        session
            .map(|session| session.record.profile.clone())
            .unwrap_or_default()
    }

    fn insert(&mut self, key: Key, record: Record, now: Unix) {
        if self.sessions_max <= self.sessions.len()
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.remove(oldest);
        }
        let used_at = now;
        self.sessions.insert(key, Session { record, used_at });
        self.by_use.insert((now, key));
    }

    /// Removes a session that is not listed any more, and the person whose it is.
    fn remove(&mut self, key: Key) {
        self.sessions.remove(&key);
        self.persons.remove(key);
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

    fn claim(&mut self, code: &str, asks: Option<Letter>, now: Unix) -> StoreReply {
        let at = self.rooms.get_mut(code);
        let at = at.filter(|at| now.0 < at.0 + ROOM_SECONDS);
        let holder = self.instances.holder(code, asks, now);
        let holder = holder.filter(|_| at.is_some());
        let found = at.is_some() && holder.is_none();
        if let Some(at) = at.filter(|_| found) {
            *at = now;
            self.instances.hold(code, asks, now);
        }
        StoreReply::Claimed {
            code: code.to_owned(),
            found,
            holder,
        }
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
                    stored: self.take(Key::of(token), *owner, now),
                }),
                StoreOp::Settle(settle) => replies.push(StoreReply::Settled {
                    token: settle.token.clone(),
                    owner: settle.owner,
                    seq: settle.seq,
                    settled: self.settle(settle, now),
                }),
                StoreOp::OpenRoom { code, at } | StoreOp::TouchRoom { code, at } => {
                    self.rooms.insert(code.clone(), now);
                    self.instances.hold(code, *at, now);
                }
                StoreOp::CloseRoom { code, at } => {
                    if self.instances.close(code, *at) {
                        self.rooms.remove(code);
                    }
                }
                StoreOp::ClaimRoom { code, at } => replies.push(self.claim(code, *at, now)),
                StoreOp::Beat {
                    letter,
                    nonce,
                    online,
                } => replies.push(self.instances.beat(*letter, *nonce, *online, now)),
                StoreOp::SignIn {
                    sub,
                    token,
                    fresh,
                    owner,
                    absent,
                } => {
                    let order = SignIn {
                        sub,
                        token: token.as_ref(),
                        fresh,
                        owner: *owner,
                        absent: *absent,
                    };
                    replies.push(self.sign_in(order, now));
                }
                StoreOp::Top { week } => replies.push(StoreReply::Top {
                    week: *week,
                    rows: self.persons.top(*week, &|key| self.shown(key)),
                }),
                StoreOp::Rank { sub, week } => replies.push(StoreReply::Rank {
                    sub: sub.clone(),
                    week: *week,
                    standing: self.rank(sub, *week),
                }),
            }
        }
        Ok(replies)
    }

    fn expire(&mut self, at_most: usize, now: Unix) -> Result<usize, Trouble> {
        self.instances.expire(now);
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
            self.remove(key);
            deleted += 1;
        }
        let before = self.rooms.len() + self.tombstones.len();
        self.rooms.retain(|_, at| now.0 < at.0 + ROOM_SECONDS);
        self.tombstones
            .retain(|_, at| now.0 < at.0 + TOMBSTONE_SECONDS);
        deleted += self.persons.expire(at_most, now);
        Ok(deleted + before - self.rooms.len() - self.tombstones.len())
    }

    fn forget(&mut self, who: &Who, now: Unix) -> Result<usize, Trouble> {
        let found: Vec<Key> = match who {
            Who::Uid(uid) => {
                let all = self.sessions.iter();
                let of_uid = all.filter(|(_, session)| session.record.profile.uid == *uid);
                of_uid.map(|(key, _)| *key).collect()
            }
            Who::Person(sub) => self.persons.session_of(sub).into_iter().collect(),
        };
        let mut erased = found.len();
        for key in found {
            if let Some(session) = self.sessions.remove(&key) {
                self.by_use.remove(&(session.used_at, key));
            }
            self.tombstones.insert(key, now);
            if let Some(sub) = self.persons.remove(key) {
                self.tombstones.insert(Key::of(&sub), now);
                erased += 1;
            }
        }
        Ok(erased)
    }

    fn bar(&mut self, sub: &str, barred: bool) -> Result<usize, Trouble> {
        Ok(self.persons.bar(sub, barred).into())
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
            persons: self.persons.list(),
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
                person: None,
                ranked: Vec::new(),
                told: 0,
                absent: false,
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
            !format!("{replies:?}").contains("stored: None")
        };
        assert!(is_there("a") && !is_there("b") && is_there("c"));
    }
}
