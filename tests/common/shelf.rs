//! A model of the store: what is kept of each session, and the codes of rooms.
//!
//! It takes orders one after the other, as the store's thread does, and keeps its answers until they
//! are asked for. It can be slow, or away. Absent: time, files, hashes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use roshambo::model::{Owner, Settle, Settled, StoreOp, StoreReply, Stored, StoredProfile};

/// The store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf {
    sessions: BTreeMap<String, Row>,
    erased: BTreeSet<String>,
    rooms: BTreeSet<String>,
    /// Orders that came while it was away.
    waiting: VecDeque<StoreOp>,
    /// Answers that nobody has been told yet.
    answers: VecDeque<StoreReply>,
    away: bool,
    /// Orders wait until it is told to work.
    pub(crate) lazy: bool,
    /// What it does wrong, to see that it is noticed.
    pub(crate) fault: Option<Fault>,
    /// The order that it took last.
    last: Option<StoreOp>,
    /// How often each kind of order came.
    pub(crate) counts: BTreeMap<&'static str, usize>,
}

/// A promise that a store could break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An order that comes twice counts twice.
    Twice,
    /// An order is answered and not carried out.
    Dropped,
    /// A total is told that is not the stored one.
    Misled,
    /// A session that is there is said not to be.
    Denied,
}

impl Fault {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Twice, Self::Dropped, Self::Misled, Self::Denied];
}

/// One session.
#[derive(Clone, Debug, Default)]
struct Row {
    profile: StoredProfile,
    total: u32,
    streak: u32,
    owner: Option<Owner>,
    /// The last number of each owner.
    seqs: BTreeMap<u64, u64>,
}

impl Shelf {
    /// Takes an order.
    pub(crate) fn order(&mut self, op: StoreOp) {
        let kind = match op {
            StoreOp::Take { .. } => "take",
            StoreOp::Settle(_) => "settle",
            StoreOp::OpenRoom { .. } => "open",
            StoreOp::TouchRoom { .. } => "touch",
            StoreOp::CloseRoom { .. } => "close",
            StoreOp::ClaimRoom { .. } => "claim",
        };
        *self.counts.entry(kind).or_insert(0) += 1;
        self.waiting.push_back(op);
        if !self.lazy {
            self.work(usize::MAX);
        }
    }

    /// Carries out so many orders that wait, if it can.
    pub(crate) fn work(&mut self, count: usize) {
        for _ in 0..count {
            if self.away {
                return;
            }
            match self.waiting.pop_front() {
                Some(op) => self.apply(op),
                None => return,
            }
        }
    }

    /// The last order is carried out once more, as after a commit of which nobody knows.
    pub(crate) fn repeat_order(&mut self) {
        if let Some(op) = self.last.clone().filter(|_| !self.away) {
            self.apply(op);
        }
    }

    /// The next answer.
    pub(crate) fn answer(&mut self) -> Option<StoreReply> {
        self.answers.pop_front()
    }

    /// It cannot be asked any more, or can be again.
    pub(crate) fn set_away(&mut self, away: bool) {
        self.away = away;
        // What it could not do any more it has not answered.
        match away {
            true => self.answers.push_front(StoreReply::Away(true)),
            false => self.answers.push_back(StoreReply::Away(false)),
        }
        if !self.lazy {
            self.work(usize::MAX);
        }
    }

    /// The process that asked is gone: nobody waits for anything.
    pub(crate) fn restart(&mut self) {
        self.waiting.clear();
        self.answers.clear();
        self.last = None;
        self.away = false;
    }

    /// Somebody erases a session.
    pub(crate) fn erase(&mut self, token: &str) {
        self.sessions.remove(token);
        self.erased.insert(token.to_owned());
    }

    /// Another process takes a session.
    pub(crate) fn take_away(&mut self, token: &str) {
        if let Some(row) = self.sessions.get_mut(token) {
            row.owner = Some(Owner(u64::MAX));
        }
    }

    /// Points, streak and uid of a session.
    pub(crate) fn session(&self, token: &str) -> Option<(u32, u32, &str)> {
        let row = self.sessions.get(token)?;
        Some((row.total, row.streak, &row.profile.uid))
    }

    /// How many sessions are kept.
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether a room's code is kept.
    pub(crate) fn has_room(&self, code: &str) -> bool {
        self.rooms.contains(code)
    }

    fn apply(&mut self, op: StoreOp) {
        self.last = Some(op.clone());
        let reply = match op {
            StoreOp::Take { token, owner } => {
                let stored = self.take(&token, owner);
                StoreReply::Taken {
                    token,
                    owner,
                    stored,
                }
            }
            StoreOp::Settle(settle) => {
                let settled = self.settle(&settle);
                let Settle {
                    token, owner, seq, ..
                } = *settle;
                StoreReply::Settled {
                    token,
                    owner,
                    seq,
                    settled,
                }
            }
            StoreOp::OpenRoom { code } | StoreOp::TouchRoom { code } => {
                self.rooms.insert(code);
                return;
            }
            StoreOp::CloseRoom { code } => {
                self.rooms.remove(&code);
                return;
            }
            StoreOp::ClaimRoom { code } => {
                let found = self.rooms.contains(&code);
                StoreReply::Claimed { code, found }
            }
        };
        self.answers.push_back(reply);
    }

    fn take(&mut self, token: &str, owner: Owner) -> Option<Box<Stored>> {
        let row = self.sessions.get_mut(token)?;
        if self.fault == Some(Fault::Denied) {
            return None;
        }
        if !row.seqs.contains_key(&owner.0) {
            row.owner = Some(owner);
            row.seqs.insert(owner.0, 0);
        }
        Some(Box::new(Stored {
            profile: row.profile.clone(),
            total: row.total,
            streak: row.streak,
        }))
    }

    fn settle(&mut self, settle: &Settle) -> Settled {
        if self.erased.contains(&settle.token) {
            return Settled::Erased;
        }
        if settle.points == 0 && !self.sessions.contains_key(&settle.token) {
            return Settled::Kept { total: 0 };
        }
        let row = self.sessions.entry(settle.token.clone()).or_default();
        let present = *row.owner.get_or_insert(settle.owner) == settle.owner;
        let last = row.seqs.entry(settle.owner.0).or_insert(0);
        let fresh = *last < settle.seq && self.fault != Some(Fault::Dropped);
        if fresh || self.fault == Some(Fault::Twice) {
            *last = settle.seq;
            row.total = row.total.saturating_add(settle.points);
            if present {
                row.streak = settle.streak;
                if let Some(profile) = &settle.profile {
                    row.profile = profile.clone();
                }
            }
        }
        let total = row.total + u32::from(self.fault == Some(Fault::Misled));
        match present {
            true => Settled::Kept { total },
            false => Settled::FormerOwner { total },
        }
    }
}
