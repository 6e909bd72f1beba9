//! A model of the store: what is kept of each session, and the codes of rooms.
//!
//! It takes orders one after the other, as the store's thread does, and keeps its answers until they
//! are asked for. It can be slow, or away. Several servers have one of these each, as their thread is,
//! and lend what is kept to whichever works. Absent: files, hashes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use roshambo::model::{
    BOARD_ROWS, BoardRow, Letter, Owner, Peer, Settle, Settled, Standing, StoreOp, StoreReply,
    Stored, StoredProfile, Week,
};

/// The store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf {
    sessions: BTreeMap<String, Row>,
    /// By sub.
    persons: BTreeMap<String, Person>,
    /// By former tokens: what sessions are called now.
    moved: BTreeMap<String, String>,
    erased: BTreeSet<String>,
    /// By code: which instance has it.
    rooms: BTreeMap<String, Option<Letter>>,
    /// By letter: whose it is, and how many play there.
    pub(crate) leases: BTreeMap<Letter, (u64, u32)>,
    /// When they were renewed; one that stands here lasts for five seconds.
    renewed: BTreeMap<Letter, u64>,
    /// What time it is where that is kept.
    pub(crate) now: u64,
    /// By process: how often it called, as far as that is kept.
    kept_calls: BTreeMap<u64, u64>,
    /// Who calls, and how often it was told that it did.
    calls: (u64, u64),
    /// Orders that came while it was away.
    waiting: VecDeque<StoreOp>,
    /// Answers that nobody has been told yet.
    answers: VecDeque<StoreReply>,
    away: bool,
    /// It has lost some of what it had: when that was noticed.
    forgot_at: Option<u64>,
    /// Orders wait until it is told to work.
    pub(crate) lazy: bool,
    /// What it does wrong, to see that it is noticed.
    pub(crate) fault: Option<Fault>,
    /// The order that it took last.
    last: Option<StoreOp>,
    /// Whose sessions went from one owner to another by an order that came here.
    pub(crate) taken: Vec<String>,
    /// How often each kind of order came.
    pub(crate) counts: BTreeMap<&'static str, usize>,
}

/// How long a server is taken to live after it said so.
const LEASE_MS: u64 = 5_000;
/// How long after it noticed a loss a process is taken for the owner of what it settles.
const ADOPTS_MS: u64 = 60_000;

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
    /// A person that comes again is taken for a new one.
    Estranged,
    /// Points for the board are dropped.
    Unranked,
    /// Points for the board count twice.
    RankedTwice,
    /// Who had a session before is taken for its owner.
    Unfenced,
    /// A room that another server has, which lives, is given away.
    Unheld,
}

impl Fault {
    /// Those that one server alone notices.
    pub(crate) const ALL: [Self; 7] = [
        Self::Twice,
        Self::Dropped,
        Self::Misled,
        Self::Denied,
        Self::Estranged,
        Self::Unranked,
        Self::RankedTwice,
    ];
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

/// A person.
#[derive(Clone, Debug, Default)]
struct Person {
    token: String,
    barred: bool,
    /// By week: how many, and when it came to so many.
    points: BTreeMap<Week, (u32, u64)>,
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
            StoreOp::SignIn { .. } => "sign in",
            StoreOp::Top { .. } => "top",
            StoreOp::Rank { .. } => "rank",
            StoreOp::Beat { .. } => "beat",
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

    /// It has what it had some time ago and goes on with that; orders and answers are on their way as
    /// before.
    pub(crate) fn roll_back(&mut self, earlier: &Self) {
        self.sessions.clone_from(&earlier.sessions);
        self.persons.clone_from(&earlier.persons);
        self.moved.clone_from(&earlier.moved);
        self.rooms.clone_from(&earlier.rooms);
        self.notice_loss();
    }

    fn notice_loss(&mut self) {
        self.forgot_at = Some(self.now);
        // What was answered is not asked again.
        self.last = None;
        self.answers.push_back(StoreReply::Forgot);
    }

    /// What is kept goes to `other`, and what that keeps comes here.
    pub(crate) fn swap_kept(&mut self, other: &mut Self) {
        use std::mem::swap;
        swap(&mut self.sessions, &mut other.sessions);
        swap(&mut self.persons, &mut other.persons);
        swap(&mut self.moved, &mut other.moved);
        swap(&mut self.erased, &mut other.erased);
        swap(&mut self.rooms, &mut other.rooms);
        swap(&mut self.leases, &mut other.leases);
        swap(&mut self.renewed, &mut other.renewed);
        swap(&mut self.now, &mut other.now);
        swap(&mut self.kept_calls, &mut other.kept_calls);
    }

    /// This process calls what is kept, and notices if that has lost something; so it does before each
    /// order, and once a second by its beats.
    pub(crate) fn call(&mut self, process: u64) {
        if self.away {
            return;
        }
        let renewed = &self.renewed;
        let over = |at: &u64| at + LEASE_MS <= self.now;
        self.leases
            .retain(|letter, _| !renewed.get(letter).is_some_and(over));
        let kept = self.kept_calls.entry(process).or_insert(0);
        *kept += 1;
        let (kept, told) = (*kept, self.calls.1);
        if self.calls.0 == process && kept <= told {
            self.notice_loss();
        }
        self.calls = (process, kept);
    }

    /// The next order is carried out and nobody hears of it, so that it will be carried out once more.
    pub(crate) fn work_unheard(&mut self) {
        let next = self.waiting.front().cloned();
        if let Some(op) = next.filter(|_| !self.away) {
            let answers = self.answers.len();
            self.apply(op);
            self.answers.truncate(answers);
        }
    }

    /// Whether a session is still to be taken, by its token or by the person whose it is.
    pub(crate) fn is_to_take(&self, is_token: impl Fn(&str) -> bool, person: Option<&str>) -> bool {
        self.waiting.iter().any(|op| match op {
            StoreOp::Take { token, .. } => is_token(token),
            StoreOp::SignIn {
                sub,
                token,
                absent: false,
                ..
            } => person == Some(sub.as_str()) || token.as_deref().is_some_and(&is_token),
            _ => false,
        })
    }

    /// Whether who settles what it was never known to own is taken for its owner.
    pub(crate) fn adopts(&self) -> bool {
        self.forgot_at.is_some_and(|at| self.now < at + ADOPTS_MS)
    }

    /// Whether it is about to tell that it lost something.
    pub(crate) fn is_to_tell_loss(&self) -> bool {
        self.answers.contains(&StoreReply::Forgot)
    }

    /// Whether it can be asked.
    pub(crate) fn is_away(&self) -> bool {
        self.away
    }

    /// The process that asked is gone: nobody waits for anything.
    pub(crate) fn restart(&mut self) {
        self.waiting.clear();
        self.answers.clear();
        self.last = None;
        self.forgot_at = None;
        self.away = false;
    }

    /// Somebody erases a session, and the person whose it is.
    pub(crate) fn erase(&mut self, token: &str) {
        self.sessions.remove(token);
        self.erased.insert(token.to_owned());
        if let Some(sub) = self.of_session(token) {
            self.persons.remove(&sub);
            self.erased.insert(sub);
        }
    }

    /// Somebody takes a person off the board, or puts it there again.
    pub(crate) fn bar(&mut self, sub: &str, barred: bool) {
        if let Some(person) = self.persons.get_mut(sub) {
            person.barred = barred;
        }
    }

    /// The token of a person's session.
    pub(crate) fn token_of(&self, sub: &str) -> Option<&str> {
        Some(&self.persons.get(sub)?.token)
    }

    /// Somebody has points on the board, since then.
    pub(crate) fn set_ranked(&mut self, name: &str, points: u32, unix: u64) {
        let week = Week::of(unix).expect("a week");
        let at = (points, unix);
        let person = Person {
            token: name.to_owned(),
            points: BTreeMap::from([(week, at), (Week::EVER, at)]),
            ..Person::default()
        };
        self.persons.insert(name.to_owned(), person);
        let row = self.sessions.entry(name.to_owned()).or_default();
        row.total = points;
        row.profile = StoredProfile {
            uid: format!("p-{}", name.to_lowercase()),
            name: name.to_owned(),
            ..StoredProfile::default()
        };
    }

    /// A person's points of a week.
    pub(crate) fn ranked(&self, sub: &str, week: Week) -> u32 {
        let person = self.persons.get(sub);
        let points = person.and_then(|person| person.points.get(&week));
        points.map_or(0, |(points, _)| *points)
    }

    /// The person whose session it is.
    pub(crate) fn of_session(&self, token: &str) -> Option<String> {
        let mut all = self.persons.iter();
        let (sub, _) = all.find(|(_, person)| person.token == token)?;
        Some(sub.clone())
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

    /// The sessions that are yet to be settled.
    pub(crate) fn unsettled(&self) -> impl Iterator<Item = &String> {
        self.waiting.iter().filter_map(|order| match order {
            StoreOp::Settle(settle) => Some(&settle.token),
            _ => None,
        })
    }

    /// How many sessions are kept.
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether a room's code is kept.
    pub(crate) fn has_room(&self, code: &str) -> bool {
        self.rooms.contains_key(code)
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
            StoreOp::OpenRoom { code, at } | StoreOp::TouchRoom { code, at } => {
                self.rooms.insert(code, at);
                return;
            }
            StoreOp::CloseRoom { code, at } => {
                let holder = self.rooms.get(&code).copied().flatten();
                if holder.is_none() || holder == at {
                    self.rooms.remove(&code);
                }
                return;
            }
            StoreOp::ClaimRoom { code, at } => self.claim(code, at),
            StoreOp::Beat {
                letter,
                nonce,
                online,
            } => self.beat(letter, nonce, online),
            StoreOp::SignIn {
                sub,
                token,
                fresh,
                owner,
                absent,
            } => self.sign_in(sub, (token, fresh), owner, absent),
            StoreOp::Top { week } => {
                let rows = self.board(week).into_iter().take(BOARD_ROWS);
                let rows = rows.map(|(_, row)| row).collect();
                StoreReply::Top { week, rows }
            }
            StoreOp::Rank { sub, week } => {
                let standing = self.rank(&sub, week).map(Box::new);
                StoreReply::Rank {
                    sub,
                    week,
                    standing,
                }
            }
        };
        self.answers.push_back(reply);
    }

    fn claim(&mut self, code: String, at: Option<Letter>) -> StoreReply {
        let known = self.rooms.get(&code).copied();
        let holder = known.flatten().filter(|holder| Some(*holder) != at);
        let holder = holder.filter(|holder| self.leases.contains_key(holder));
        let holder = holder.filter(|_| self.fault != Some(Fault::Unheld));
        let found = known.is_some() && holder.is_none();
        if found {
            self.rooms.insert(code.clone(), at);
        }
        StoreReply::Claimed {
            code,
            found,
            holder,
        }
    }

    fn beat(&mut self, letter: Letter, nonce: u64, online: Option<u32>) -> StoreReply {
        let lease = self.leases.get(&letter);
        let granted = lease.is_none_or(|(known, _)| *known == nonce);
        match online.filter(|_| granted) {
            Some(online) => {
                self.leases.insert(letter, (nonce, online));
                self.renewed.insert(letter, self.now);
            }
            None if granted => _ = self.leases.remove(&letter),
            None => (),
        }
        let others = self.leases.iter().filter(|(other, _)| **other != letter);
        let others = others.map(|(&letter, &(_, online))| Peer { letter, online });
        StoreReply::Beat {
            granted,
            others: others.collect(),
        }
    }

    fn take(&mut self, token: &str, owner: Owner) -> Option<Box<Stored>> {
        let row = self.sessions.get_mut(token)?;
        if self.fault == Some(Fault::Denied) {
            return None;
        }
        if !row.seqs.contains_key(&owner.0) {
            row.owner = Some(owner);
            row.seqs.insert(owner.0, 0);
            self.taken.push(token.to_owned());
        }
        let stored = Stored {
            profile: row.profile.clone(),
            total: row.total,
            streak: row.streak,
            person: None,
        };
        let person = self.of_session(token);
        Some(Box::new(Stored { person, ..stored }))
    }

    fn sign_in(
        &mut self,
        sub: String,
        (token, fresh): (Option<String>, String),
        owner: Owner,
        absent: bool,
    ) -> StoreReply {
        let is_erased = self.erased.contains(&sub);
        let may_keep = |token: &String| {
            let whose = self.of_session(token);
            let is_free = whose.is_none_or(|whose| whose == sub && !is_erased);
            is_free && !self.erased.contains(token)
        };
        let brought = token.filter(may_keep);
        if self.fault == Some(Fault::Estranged) {
            self.persons.remove(&sub);
        }
        let person = self.persons.get_mut(&sub).filter(|_| !is_erased);
        let token = match person {
            Some(person) if Some(&person.token) == brought.as_ref() => person.token.clone(),
            Some(person) => {
                let row = self.sessions.remove(&person.token).unwrap_or_default();
                let was_its = row.owner != Some(owner) && row.seqs.contains_key(&owner.0);
                if !was_its && !absent && person.token != fresh {
                    self.moved.insert(person.token.clone(), fresh.clone());
                    person.token.clone_from(&fresh);
                }
                self.sessions.insert(person.token.clone(), row);
                fresh
            }
            None => {
                let token = brought.unwrap_or(fresh);
                if !is_erased {
                    let row = self.sessions.entry(token.clone());
                    row.or_insert_with(|| Row {
                        owner: absent.then_some(owner),
                        seqs: absent.then_some((owner.0, 0)).into_iter().collect(),
                        ..Row::default()
                    });
                    let token = token.clone();
                    let person = Person {
                        token,
                        ..Person::default()
                    };
                    self.persons.insert(sub.clone(), person);
                }
                token
            }
        };
        let session = self.persons.get(&sub).map(|person| person.token.clone());
        let session = session.unwrap_or_else(|| token.clone());
        let stored = match absent {
            true => None,
            false => self.take(&session, owner),
        };
        StoreReply::SignedIn {
            owner,
            token,
            stored: stored.filter(|stored| !stored.is_empty()),
            barred: self.persons.get(&sub).is_some_and(|person| person.barred),
            sub,
        }
    }

    /// All who are on a board, the best first.
    fn board(&self, week: Week) -> Vec<(&str, BoardRow)> {
        let mut board = Vec::new();
        for (sub, person) in &self.persons {
            if let Some(&(points, at)) = person.points.get(&week)
                && !person.barred
            {
                let profile = self.sessions.get(&person.token);
                let profile = profile.map(|row| row.profile.clone()).unwrap_or_default();
                let row = BoardRow { profile, points };
                board.push(((u32::MAX - points, at, sub.as_str()), row));
            }
        }
        board.sort_by_key(|(one, _)| *one);
        let named = board.into_iter().map(|((.., sub), row)| (sub, row));
        named.collect()
    }

    fn rank(&self, sub: &str, week: Week) -> Option<Standing> {
        let board = self.board(week);
        let index = board.iter().position(|(known, _)| *known == sub)?;
        let rows: Vec<BoardRow> = board.into_iter().map(|(_, row)| row).collect();
        let around = |from: usize, to: usize| rows[from..to.min(rows.len())].to_vec();
        Some(Standing {
            own: rows[index].clone(),
            place: u32::try_from(index + 1).ok(),
            percent: None,
            above: around(index.saturating_sub(Standing::AROUND), index),
            below: around(index + 1, index + 1 + Standing::AROUND),
        })
    }

    fn settle(&mut self, settle: &Settle) -> Settled {
        if self.erased.contains(&settle.token) {
            return Settled::Erased;
        }
        let mut token = settle.token.clone();
        let known = self.sessions.contains_key(&token);
        if let Some(sub) = &settle.person
            && self.of_session(&token).as_ref() != Some(sub)
        {
            let is_others = self.of_session(&token).is_some();
            if self.erased.contains(sub) && (!known || is_others) {
                return Settled::Erased;
            }
            let known = self.persons.get(sub);
            token = known.map_or(token, |person| person.token.clone());
        }
        if settle.person.is_none() && !known {
            let last = self.last_name(&token);
            if self.erased.contains(last) {
                return Settled::Erased;
            }
            // Whoever has not settled there has a session of its own, perhaps by the same owner.
            let row = self.sessions.get(last);
            let seq = row.and_then(|row| row.seqs.get(&settle.owner.0));
            if seq.is_some_and(|&seq| 0 < seq) {
                token = last.to_owned();
            }
        }
        if settle.points.max(settle.told) == 0 && !self.sessions.contains_key(&token) {
            return Settled::Kept { total: 0 };
        }
        // A person that was forgotten has this session, if it is known by which name.
        let row = self.sessions.get(&token);
        let is_named = row.is_some_and(|row| !row.profile.uid.is_empty());
        if (is_named || settle.profile.is_some())
            && let Some(sub) = settle
                .person
                .as_ref()
                .filter(|sub| !self.erased.contains(*sub))
            && !self.persons.contains_key(sub)
            && self.of_session(&token).is_none()
        {
            let person = Person {
                token: token.clone(),
                ..Person::default()
            };
            self.persons.insert(sub.clone(), person);
        }
        if self.adopts()
            && !settle.absent
            && let Some(row) = self.sessions.get_mut(&token)
            && !row.seqs.contains_key(&settle.owner.0)
        {
            row.owner = Some(settle.owner);
            self.taken.push(token.clone());
        }
        let row = self.sessions.entry(token.clone()).or_default();
        if row.owner.is_none() {
            self.taken.push(token.clone());
        }
        let present = *row.owner.get_or_insert(settle.owner) == settle.owner
            || self.fault == Some(Fault::Unfenced);
        let last = row.seqs.entry(settle.owner.0).or_insert(0);
        let fresh = *last < settle.seq && self.fault != Some(Fault::Dropped);
        let counts = fresh || self.fault == Some(Fault::Twice);
        if counts {
            *last = settle.seq;
            row.total = row.total.saturating_add(settle.points).max(settle.told);
            if present {
                row.streak = settle.streak;
            }
            if let Some(profile) = &settle.profile
                && (present || row.profile.uid.is_empty())
            {
                row.profile = profile.clone();
            }
        }
        let total = row.total + u32::from(self.fault == Some(Fault::Misled));
        if counts {
            self.add_ranked(&token, settle);
        }
        match present {
            true => Settled::Kept { total },
            false => Settled::FormerOwner { total },
        }
    }

    /// What a session is called now that had this token until its person signed in, or was.
    fn last_name<'a>(&'a self, token: &'a str) -> &'a str {
        match self.moved.get(token) {
            Some(to) if !self.sessions.contains_key(token) => self.last_name(to),
            _ => token,
        }
    }

    fn add_ranked(&mut self, token: &str, settle: &Settle) {
        let sub = self.of_session(token);
        let Some(person) = sub.and_then(|sub| self.persons.get_mut(&sub)) else {
            return;
        };
        let times = match self.fault {
            Some(Fault::Unranked) => 0,
            Some(Fault::RankedTwice) => 2,
            _ => 1,
        };
        for ranked in &settle.ranked {
            for week in [ranked.week, Week::EVER] {
                let (points, at) = person.points.entry(week).or_default();
                *points = points.saturating_add(ranked.points * times);
                *at = ranked.at.max(*at);
            }
        }
    }
}
