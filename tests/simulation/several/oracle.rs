//! What the store and the clients have to have, kept from outside.
//!
//! What was told is counted by *family*: one session, or a person with every session that it ever
//! brought. Whose the points of those are in the end depends on what each server knew when; how many
//! there are together does not. Whose session it is, is kept by *key*: a token that is nobody's in
//! particular, or a person.
//!
//! What is excused, and why it is no less:
//!
//! - 4001 for the newest connection of a key: only if another server took the session after that came,
//!   and had been asked before, or held a connection of it in doubt, or knew it and had not heard yet
//!   that something was forgotten, or a minute ago at most, and had never written it ([`Hold`]). Each of
//!   the two asked for somebody who had come; which of the orders comes last, lines that are slow decide.
//! - Less than was told, after the store forgot something: only of sessions that no server knew then
//!   or that knows it no more, because it was killed, or because its time was over or its player came
//!   back to it before it had heard of the loss ([`Purse::sure`]); until all is answered.
//! - Another uid than before: of who has points by now, but had not been written when two servers let
//!   it in; each of them told its own ([`World::check`]).
//! - More than was told, after the store forgot something: each name that a person's session had may
//!   be there with all of it; never more under one name.
//! - 1012 with more than the store has: only from a server that has not heard yet that something was
//!   forgotten. It hears that with its next call, which its beat makes once a second.

use std::collections::{BTreeMap, BTreeSet};

use roshambo::model::ConnId;
use serde_json::Value;

use super::{Client, HUBS, Line, PERSONS, World};
use crate::common::shelf::Shelf;

/// What a family is to have.
#[derive(Clone, Debug, Default)]
pub(super) struct Purse {
    /// In the store at least, and at most, without what is open.
    pub(super) least: u64,
    most: u64,
    /// Told by each server's process, and perhaps not written yet.
    open: [u64; HUBS],
    /// What each server's process knows, and the store forgot.
    sure: [u64; HUBS],
    /// Won perhaps and told to nobody, in a round that ends by then.
    untold: (u64, u64),
    tokens: BTreeSet<String>,
    /// The store forgot something of it.
    rolled_back: bool,
}

impl Purse {
    fn most(&self) -> u64 {
        self.most + self.open.iter().sum::<u64>() + self.untold.0
    }
}

/// Whose a session is.
#[derive(Clone, Debug, Default)]
pub(super) struct Hold {
    /// The connection that said `hello` last.
    pub(super) newest: Option<(usize, ConnId)>,
    /// Which of all that came that is.
    nth: u64,
    /// Which servers may still take it for one that said so before.
    late: [bool; HUBS],
    /// One of them did.
    lost: bool,
    /// Which server took it last.
    holder: Option<usize>,
}

/// All that was told.
#[derive(Default)]
pub(super) struct Book {
    purses: BTreeMap<String, Purse>,
    holds: BTreeMap<String, Hold>,
    /// By token: the family of the person who brought it.
    kin: BTreeMap<String, String>,
    /// By token: the total that each server's process told last.
    told: BTreeMap<String, [Option<u64>; HUBS]>,
    /// The store forgot something.
    pub(super) has_forgotten: bool,
    /// The sessions whose holds went over to their persons.
    joined: BTreeSet<String>,
    /// By key, when all was answered last.
    uids: BTreeMap<String, String>,
    /// Families of which somebody erased the person or the session.
    erased: BTreeSet<String>,
}

/// A session in a server, as it would be carried over.
pub(super) struct Seat {
    token: String,
    uid: String,
    account: Value,
    sub: Option<String>,
    signed_in: bool,
    /// Nobody is there any more, nor has a place to come back to.
    gone: bool,
    /// It is not there yet: the store is asked about it, and somebody waits for that.
    waits: bool,
}

impl Seat {
    fn is_pending(&self) -> bool {
        self.account["pending"] == true
    }

    fn is_known(&self) -> bool {
        !self.is_pending() && !self.waits
    }

    /// Whether its server takes it for this person's.
    pub(super) fn is_person(&self, sub: &str) -> bool {
        self.sub.as_deref() == Some(sub)
    }

    pub(super) fn is_of(&self, line: &Line) -> bool {
        Some(&self.token) == line.token.as_ref() && !self.waits
    }

    pub(super) fn is_in_doubt(&self) -> bool {
        let unsigned = self.sub.is_some() && !self.signed_in;
        let is = |what: &str| self.account[what] == true;
        let is_open = is("doubtful") || is("unclaimed") || self.is_pending() || unsigned;
        // Who came or said who it is while the store was away, and went, is taken from nobody.
        let is_left = self.gone && (unsigned || self.is_pending() && !is("quiet"));
        is_open && !is_left || self.waits
    }
}

/// The family and the key of a person.
pub(super) fn person(sub: &str) -> String {
    format!("@{sub}")
}

fn kept(token: &str, store: &Shelf) -> u64 {
    let row = store.session(token);
    row.map_or(0, |(total, ..)| total.into())
}

impl Book {
    pub(super) fn family(&self, token: &str) -> String {
        let person = self.kin.get(token).cloned();
        person.unwrap_or_else(|| token.to_owned())
    }

    pub(super) fn purse(&mut self, token: &str) -> &mut Purse {
        let purse = self.purses.entry(self.family(token)).or_default();
        purse.tokens.insert(token.to_owned());
        purse
    }

    /// Whether a token is, or was brought by, somebody other than this person.
    pub(super) fn is_of_another(&self, token: &str, sub: &str) -> bool {
        self.kin.get(token).is_some_and(|kin| *kin != person(sub))
    }

    /// Whom a line plays for, perhaps.
    pub(super) fn person_of(&self, line: &Line) -> Option<&'static str> {
        let family = self.kin.get(line.token.as_ref()?);
        let is_it = |sub: &&&str| family.is_some_and(|family| *family == person(sub));
        line.sub.or_else(|| PERSONS.iter().find(is_it).copied())
    }

    /// Whether some person brought it.
    pub(super) fn is_of_person(&self, token: &str) -> bool {
        self.kin.contains_key(token)
    }

    /// Somebody came without a session, and has one.
    pub(super) fn hold_fresh(&mut self, line: &Line, store: &Shelf) {
        let token = line.token.as_deref().unwrap_or_default();
        let hold = self.holds.entry(key(token, store)).or_default();
        if hold.newest.is_none() {
            (hold.newest, hold.nth) = (Some((line.at, line.conn)), line.nth);
        }
    }

    pub(super) fn has_erased(&self) -> bool {
        !self.erased.is_empty()
    }

    pub(super) fn is_erased(&self, family: &str) -> bool {
        self.erased.contains(family)
    }

    /// A person brings a session.
    pub(super) fn join(&mut self, token: &str, sub: &str) {
        if self.kin.insert(token.to_owned(), person(sub)).is_some() {
            return;
        }
        let had = self.purses.remove(token).unwrap_or_default();
        let purse = self.purse(token);
        purse.least += had.least;
        purse.most += had.most;
        for at in 0..HUBS {
            purse.open[at] += had.open[at];
            purse.sure[at] += had.sure[at];
        }
        purse.untold.0 += had.untold.0;
        purse.untold.1 = purse.untold.1.max(had.untold.1);
        purse.rolled_back |= had.rolled_back;
        if self.erased.remove(token) {
            self.erased.insert(person(sub));
        }
    }

    /// By what it is known whose a line's session is: the person that came, and the session.
    fn keys(&self, line: &Line, store: &Shelf) -> Vec<String> {
        let token = line.token.as_deref().map(|token| key(token, store));
        // A name that leads nowhere is one that a person's session had.
        let is_former = line
            .token
            .as_deref()
            .map(|token| store.session(token).is_none());
        let former = self.person_of(line).filter(|_| is_former == Some(true));
        let subs = line.sub.into_iter().chain(former);
        let keys = subs.map(person).chain(token);
        keys.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Somebody who waited for the store is let in, or its answer leads him to another session: it is
    /// his, unless somebody is there who came after him.
    pub(super) fn let_in(&mut self, line: &Line, store: &Shelf) {
        let person = self.person_of(line).map(person);
        for key in self.keys(line, store).into_iter().chain(person) {
            let hold = self.holds.entry(key).or_default();
            if hold.newest.is_some_and(|(at, _)| at == line.at) && hold.nth < line.nth {
                (hold.newest, hold.nth) = (Some((line.at, line.conn)), line.nth);
            }
        }
    }

    /// A session is a person's now: it is whose who came last by either.
    pub(super) fn join_hold(&mut self, token: &str, sub: &str) {
        if !self.joined.insert(token.to_owned()) {
            return;
        }
        let Some(had) = self.holds.get(token).cloned() else {
            return;
        };
        let hold = self.holds.entry(person(sub)).or_default();
        if hold.nth < had.nth {
            *hold = had;
        }
    }

    /// Whether nobody said `hello` for its session after this one.
    pub(super) fn is_newest(&self, line: &Line, store: &Shelf) -> bool {
        let newest = |key: &String| {
            let hold = self.holds.get(key);
            hold.is_none_or(|hold| hold.newest == Some((line.at, line.conn)))
        };
        self.keys(line, store).iter().all(newest)
    }

    /// Whether a server took its session that had been asked to before.
    fn is_lost(&self, line: &Line, store: &Shelf) -> bool {
        let keys = self.keys(line, store);
        keys.iter().any(|key| self.is_key_lost(key))
    }

    pub(super) fn is_key_lost(&self, key: &str) -> bool {
        self.holds.get(key).is_some_and(|hold| hold.lost)
    }

    /// A server does not know a session, or no more.
    fn unknown(&mut self, token: &str, at: usize) {
        if let Some(told) = self.told.get_mut(token) {
            told[at] = None;
        }
        if let Some(purse) = self.purses.get_mut(&self.family(token)) {
            purse.sure[at] = 0;
        }
    }

    pub(super) fn newest(&self, key: &str) -> Option<(usize, ConnId)> {
        self.holds.get(key)?.newest
    }

    pub(super) fn told(&mut self, token: &str, at: usize, total: u64) {
        self.told.entry(token.to_owned()).or_default()[at] = Some(total);
    }

    /// A round is over, and somebody was told that he won.
    pub(super) fn win(&mut self, token: &str, at: usize, points: u64) {
        let is_erased = self.is_erased(&self.family(token));
        let purse = self.purse(token);
        match is_erased {
            true => purse.most += points,
            false => purse.open[at] += points,
        }
    }

    /// It may win what it is not told, until then.
    pub(super) fn untold(&mut self, line: &Line, until: u64) {
        if let (true, Some(token)) = (line.may_play(), &line.token) {
            let purse = self.purse(token);
            // It wins with the streak that the session turns out to have.
            let streak = line.streak.filter(|_| !line.pending);
            let most = if line.pending {
                purse.most()
            } else {
                line.total
            };
            purse.untold.0 += streak.unwrap_or(most) + 1;
            purse.untold.1 = until;
        }
    }

    pub(super) fn untold_of(&self, family: &str) -> u64 {
        self.purses.get(family).map_or(0, |purse| purse.untold.0)
    }

    /// A server says that all is written: what it told is nobody's to lose any more.
    pub(super) fn written(&mut self, at: usize) {
        for purse in self.purses.values_mut() {
            let open = std::mem::take(&mut purse.open[at]);
            purse.least += open;
            purse.most += open;
        }
    }

    pub(super) fn killed(&mut self, at: usize) {
        for purse in self.purses.values_mut() {
            purse.most += std::mem::take(&mut purse.open[at]);
            purse.sure[at] = 0;
        }
        for told in self.told.values_mut() {
            told[at] = None;
        }
    }

    /// A server's orders made it the owner of these.
    pub(super) fn taken(&mut self, at: usize, tokens: Vec<String>, store: &Shelf) {
        for token in tokens {
            for key in BTreeSet::from([key(&token, store), token]) {
                let hold = self.holds.entry(key).or_default();
                hold.holder = Some(at);
                let is_away = hold.newest.is_some_and(|(newest, _)| newest != at);
                hold.lost |= is_away && hold.late[at];
            }
        }
    }

    /// What a session has that is told now: a bound from below and above, and who it is.
    pub(super) fn check_told(&mut self, line: &Line, event: &Value, store: &Shelf) {
        let (token, total) = (line.token.as_deref().unwrap_or_default(), line.total);
        // A server that knows it learns that it was erased by its next result.
        if self.is_erased(&self.family(token)) {
            return;
        }
        let key = key(token, store);
        let uid = self.uids.get(&key).filter(|uid| !uid.is_empty()).cloned();
        let purse = self.purse(token);
        let (least, most) = (line.least, purse.most());
        let right = least <= total && total <= most;
        assert!(right, "{least} to {most}, and it is told {event} {purse:?}");
        let resumed = event[1]["resumed"] == true;
        assert!(resumed || least == 0, "{token} is refused: {event}");
        let sure = 0 < least && !purse.rolled_back;
        assert!(
            !sure || uid.is_none_or(|uid| uid == line.uid),
            "somebody else: {event} {purse:?}"
        );
    }

    /// What the store has of a token's session, by whatever token it has that now.
    fn kept_of(&self, token: &str, store: &Shelf) -> u64 {
        let person = self
            .kin
            .get(token)
            .filter(|_| store.session(token).is_none());
        let token = person
            .and_then(|kin| store.token_of(&kin[1..]))
            .unwrap_or(token);
        kept(token, store)
    }

    fn kept_by(&self, family: &str, store: &Shelf) -> u64 {
        let purse = &self.purses[family];
        let person = family.strip_prefix('@').and_then(|sub| store.token_of(sub));
        let person = person.map(str::to_owned).into_iter();
        let tokens: BTreeSet<String> = purse.tokens.iter().cloned().chain(person).collect();
        tokens.iter().map(|token| kept(token, store)).sum()
    }

    /// Nothing is in the store that was not told; `settled`: and nothing of that is missing. How
    /// many families lost something.
    fn check(&mut self, store: &Shelf, settled: Option<u64>) -> u64 {
        let mut losses = 0;
        let families: Vec<String> = self.purses.keys().cloned().collect();
        for family in families {
            let kept = self.kept_by(&family, store);
            let is_erased = self.is_erased(&family);
            let purse = self.purses.get_mut(&family).expect("its own");
            let most = purse.most();
            let mut rows = purse.tokens.iter().map(|token| self::kept(token, store));
            // A name that it had before may be there again, with what it had.
            let has_names = self.has_forgotten && family.starts_with('@');
            let right = match has_names {
                true => rows.all(|kept| kept <= most),
                false => kept <= most,
            };
            assert!(right, "counted twice: {family} {kept} {purse:?}");
            let Some(now) = settled else { continue };
            let open = purse.open.iter().sum::<u64>();
            let right = purse.least + open <= kept || is_erased;
            assert!(right, "lost: {family} {kept} {purse:?}");
            let right = purse.sure.iter().all(|sure| *sure <= kept);
            assert!(right, "a server knew it: {family} {kept} {purse:?}");
            losses += u64::from(kept < most && !is_erased);
            if purse.untold.1 < now {
                purse.untold.0 = 0;
            }
            (purse.least, purse.most) = (kept, kept);
            (purse.open, purse.sure) = ([0; HUBS], [0; HUBS]);
            purse.rolled_back = false;
            for token in &purse.tokens {
                if let Some((.., uid)) = store.session(token) {
                    self.uids.insert(key(token, store), uid.to_owned());
                }
            }
        }
        losses
    }

    /// How much a server told of a family's sessions that it knows.
    fn known(&self, at: usize, seats: &[Seat], family: &str) -> u64 {
        let is_known =
            |seat: &&Seat| !seat.is_pending() && !seat.waits && self.family(&seat.token) == family;
        let told = |seat: &Seat| self.told.get(&seat.token).and_then(|told| told[at]);
        seats.iter().filter(is_known).filter_map(told).sum()
    }

    /// What a server knew of sessions that ended there by their time before it heard of the loss.
    fn drop_unknown(&mut self, seats: &[Vec<Seat>]) {
        let families: Vec<String> = self.purses.keys().cloned().collect();
        for family in families {
            for (at, seats) in seats.iter().enumerate() {
                let known = self.known(at, seats, &family);
                let purse = self.purses.get_mut(&family).expect("its own");
                purse.sure[at] = purse.sure[at].min(known);
            }
        }
    }

    /// The store has at least what a server told of the sessions that it knows, whatever was
    /// forgotten.
    fn check_known(&self, at: usize, seats: &[Seat], store: &Shelf) {
        for seat in seats
            .iter()
            .filter(|seat| !seat.is_pending() && !seat.waits)
        {
            let token = &seat.token;
            let told = self.told.get(token).and_then(|told| told[at]).unwrap_or(0);
            let kept = self.kept_of(token, store);
            let right = told <= kept || self.is_erased(&self.family(token));
            assert!(
                right,
                "{at} told {told} of {token}: {kept} {}",
                seat.account
            );
        }
    }
}

/// By what it is known whose a session is.
pub(super) fn key(token: &str, store: &Shelf) -> String {
    let sub = store.of_session(token);
    sub.map_or_else(|| token.to_owned(), |sub| person(&sub))
}

/// Whether a server waits for an answer about somebody already.
fn is_asked(snapshot: &Value, line: &Line) -> bool {
    let is_among = |questions: &Value, what: Option<&str>| {
        let mut questions = questions.as_array().into_iter().flatten();
        what.is_some() && questions.any(|question| question[0].as_str() == what)
    };
    let desk = &snapshot["desk"];
    is_among(&desk["signs"], line.sub) || is_among(&desk["takes"], line.token.as_deref())
}

/// Those that a server is asking about for somebody who waits, and may ask about once more.
fn waiting(desk: &Value) -> Vec<Seat> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let questions = |which: &str| desk[which].as_array().into_iter().flatten();
    let seat = |token: Option<String>, sub| Seat {
        token: token.unwrap_or_default(),
        uid: String::new(),
        account: Value::Null,
        sub,
        signed_in: false,
        gone: false,
        waits: true,
    };
    let waits = |question: &&Value| question[1]["joined"] == true || question[1]["reuses"] == true;
    let takes = questions("takes").filter(waits);
    let takes = takes.map(|take| seat(text(&take[0]), None));
    let signs = questions("signs").filter(waits);
    let signs = signs.map(|sign| seat(text(&sign[1]["session"]), text(&sign[0])));
    takes.chain(signs).collect()
}

/// The sessions of a server by what it would carry over.
fn seats(mut snapshot: Value) -> Vec<Seat> {
    let mut found = waiting(&snapshot["desk"]);
    let mut values = vec![snapshot["world"]["players"].take()];
    while let Some(mut value) = values.pop() {
        if let Some(token) = value["token"].as_str().map(str::to_owned) {
            let identity = &value["play"]["identity"];
            found.push(Seat {
                token,
                uid: value["card"]["uid"].as_str().unwrap_or_default().to_owned(),
                sub: identity["person"]["sub"].as_str().map(str::to_owned),
                signed_in: identity["signed_in"] == true,
                gone: value["link"]["offline"].is_object() && value["room"].is_null(),
                account: value["play"]["account"].take(),
                waits: false,
            });
            continue;
        }
        match value {
            Value::Array(items) => values.extend(items),
            Value::Object(items) => values.extend(items.into_iter().map(|(_, item)| item)),
            _ => (),
        }
    }
    found
}

impl World {
    fn snapshot(&self, at: usize) -> Value {
        serde_json::from_slice(&self.servers[at].bench.export()).expect("JSON")
    }

    pub(super) fn seats(&self, at: usize) -> Vec<Seat> {
        seats(self.snapshot(at))
    }

    /// Whether a server knows a session that somebody came for.
    pub(super) fn look_up(&mut self, at: usize, token: &str) {
        let seats = self.seats(at);
        let mut known = seats.iter().filter(|seat| seat.is_known());
        if !known.any(|seat| seat.token == token) {
            self.book.unknown(token, at);
        }
    }

    /// Somebody says `hello`: from now on he has it, but for servers that ask later for others. What
    /// it has in the store if its server does not know it yet.
    pub(super) fn hold(&mut self, line: &Line) -> u64 {
        let mut keys = self.book.keys(line, &self.store);
        keys.extend(line.token.clone());
        let snapshots: [Value; HUBS] = std::array::from_fn(|at| self.snapshot(at));
        let is_asked = is_asked(&snapshots[line.at], line);
        let seats: Vec<Vec<Seat>> = snapshots.into_iter().map(seats).collect();
        // Where the person plays it comes to that session, whatever the store thinks of it.
        let is_person = |seat: &&Seat| line.sub.is_some() && seat.sub.as_deref() == line.sub;
        let played = seats[line.at].iter().filter(is_person);
        keys.extend(played.map(|seat| seat.token.clone()));
        let is_new = line.sub.is_some_and(|sub| self.is_coming(&seats, sub));
        for key in keys {
            let late = std::array::from_fn(|at| at != line.at && self.may_take(at, &seats, &key));
            let hold = self.book.holds.entry(key).or_default();
            (hold.newest, hold.nth) = (Some((line.at, line.conn)), line.nth);
            (hold.late, hold.lost) = (late, false);
        }
        // A seat is worth a session that may be old.
        let is_own = |seat: &Seat| {
            let is_person = line.sub.is_some() && seat.sub.as_deref() == line.sub;
            is_person || Some(&seat.token) == line.token.as_ref()
        };
        // The answer to what was asked before may be from before, until it has asked once more.
        if is_new || is_asked || seats[line.at].iter().any(is_own) {
            return 0;
        }
        let store = &self.store;
        let person = line.sub.and_then(|sub| store.token_of(sub));
        let token = person.or(line.token.as_deref());
        let is_free = |token: &&str| match (line.sub, store.of_session(token)) {
            (Some(sub), Some(whose)) => sub == whose,
            _ => true,
        };
        token.filter(is_free).map_or(0, |token| kept(token, store))
    }

    /// Whether a person whom the store does not know yet comes with something else, too: it has what
    /// comes first.
    fn is_coming(&mut self, seats: &[Vec<Seat>], sub: &'static str) -> bool {
        if self.store.token_of(sub).is_some() {
            return false;
        }
        let lines = self.clients.iter_mut().flat_map(|client| &mut client.lines);
        let waits = |line: &Line| !line.greeted || line.pending;
        for line in lines.filter(|line| line.sub == Some(sub) && waits(line)) {
            line.least = 0;
        }
        let is_here = |seat: &Seat| seat.sub.as_deref() == Some(sub);
        let mut all = seats.iter().flatten();
        all.any(is_here) || (0..HUBS).any(|at| self.may_take(at, seats, &person(sub)))
    }

    /// Whether a server that a client left is about to take its session all the same: it asked
    /// before, or still holds the client's connection for one that is good.
    fn may_take(&mut self, at: usize, seats: &[Vec<Seat>], key: &str) -> bool {
        let sub = key.strip_prefix('@');
        let of_family = sub.and_then(|_| self.book.purses.get(key));
        let is_own = |token: &str| {
            token == key || of_family.is_some_and(|purse| purse.tokens.contains(token))
        };
        let shelf = self.servers[at].bench.shelf();
        // Who settles after something was forgotten is taken for the owner.
        let adopts = shelf.adopts();
        let mut settling = shelf.unsettled();
        let settles = self.book.has_forgotten && settling.any(|known| is_own(known));
        drop(settling);
        if shelf.is_to_take(is_own, sub) || settles {
            return true;
        }
        // Who has not heard of a loss tells again all that he knows.
        let tells = self.book.has_forgotten && self.unaware[at];
        seats[at].iter().any(|seat| {
            let is_person = sub.is_some() && seat.sub.as_deref() == sub;
            let writes_first = adopts && seat.account.is_null();
            (tells || writes_first || seat.is_in_doubt()) && (is_person || is_own(&seat.token))
        })
    }

    /// Nothing is in the store that was not told; `settled`: and nothing of that is missing.
    pub(super) fn check(&mut self, settled: bool) {
        let hubs = if settled { HUBS } else { 0 };
        let seats: Vec<Vec<Seat>> = (0..hubs).map(|at| self.seats(at)).collect();
        if settled {
            for (at, seats) in seats.iter().enumerate() {
                self.book.check_known(at, seats, &self.store);
            }
            self.book.drop_unknown(&seats);
            self.update_holds(&seats);
            self.find_sure(&seats);
            self.check_ended();
        }
        self.check_ranks(settled);
        let losses = self.book.check(&self.store, settled.then_some(self.now));
        if settled {
            self.forget_uids(seats.into_iter().flatten());
        }
        self.figures.add("lost", losses);
        if settled {
            for client in &self.clients {
                self.check_online(client);
            }
        }
    }

    /// A server that told another uid writes that with its next result.
    fn forget_uids(&mut self, seats: impl Iterator<Item = Seat>) {
        for seat in seats.filter(Seat::is_known) {
            let sub = seat.sub.as_deref().map(person);
            for key in sub.into_iter().chain([seat.token]) {
                if self.book.uids.get(&key).is_some_and(|uid| *uid != seat.uid) {
                    self.book.uids.remove(&key);
                }
            }
        }
    }

    /// All is answered: who asks from now on has not been asked yet.
    fn update_holds(&mut self, seats: &[Vec<Seat>]) {
        let keys: Vec<String> = self.book.holds.keys().cloned().collect();
        for key in keys {
            let late = std::array::from_fn(|at| self.may_take(at, seats, &key));
            let hold = self.book.holds.get_mut(&key).expect("its own");
            let newest = hold.newest.map(|(at, _)| at);
            hold.late = late;
            hold.late
                .iter_mut()
                .enumerate()
                .for_each(|(at, late)| *late &= Some(at) != newest);
            hold.lost &= hold.holder != newest;
        }
    }

    /// Who won something on a session that was another one's then is ended by now, or his server
    /// took it back.
    fn check_ended(&mut self) {
        let lines = self.clients.iter().flat_map(|client| &client.lines);
        for line in lines.filter(|line| line.outplayed) {
            let is_late = |key: &String| {
                let hold = self.book.holds.get(key);
                hold.is_none_or(|hold| hold.lost || hold.late != [false; HUBS])
            };
            let keys = self.book.keys(line, &self.store);
            let is_doubtful = |key: &String| {
                let newest = self
                    .book
                    .newest(key)
                    .and_then(|place| self.find_line(place));
                newest.is_some_and(|(index, nth)| self.clients[index].lines[nth].doubtful)
            };
            let late = keys.iter().any(is_late) || keys.iter().any(is_doubtful);
            assert!(late, "nobody ended {line:?}");
        }
        for line in self.clients.iter_mut().flat_map(|client| &mut client.lines) {
            line.outplayed = false;
        }
    }

    /// Who signed in is a person for sure. Who came back when his server could not ask is in doubt:
    /// it asks before he loses the session, which is when he wins or loses a round.
    fn find_sure(&mut self, seats: &[Vec<Seat>]) {
        let lines = self.clients.iter_mut().flat_map(|client| &mut client.lines);
        for line in lines {
            let seat = seats[line.at].iter().find(|seat| seat.is_of(line));
            let person = self.book.person_of(line);
            let signed = |seat: &Seat| seat.signed_in && seat.sub.as_deref() == person;
            line.sure = person.is_some() && line.greeted && seat.is_some_and(signed);
            line.doubtful = seat.is_some_and(Seat::is_in_doubt);
        }
    }

    /// Who is online has what it was told, and a person its one session.
    fn check_online(&self, client: &Client) {
        let Some(line) = client.lines.last() else {
            return;
        };
        let (book, store) = (&self.book, &self.store);
        let is_own = book.is_newest(line, store) && !book.is_lost(line, store);
        if !line.greeted || line.pending || !is_own {
            return;
        }
        let Some(token) = &line.token else { return };
        if book.is_erased(&book.family(token)) {
            return;
        }
        if let Some(sub) = line.sub.filter(|_| !line.doubtful) {
            let own = store.token_of(sub);
            assert_eq!(own, Some(token.as_str()), "another session: {line:?}");
        }
        let Some((total, streak, _)) = store.session(token) else {
            return;
        };
        // Who has no points yet is a new player elsewhere.
        if line.total == 0 {
            return;
        }
        assert!(
            line.total <= total.into(),
            "{total} is less than {line:?} was told"
        );
        let told = line.streak.filter(|_| !line.leaves);
        let right = told.is_none_or(|told| told == u64::from(streak));
        assert!(right, "{streak} is not the streak of {line:?}");
    }

    pub(super) fn check_closed(&mut self, line: &Line, code: u16) {
        let (book, store) = (&self.book, &self.store);
        match code {
            4001 => {
                self.figures.add("taken over", 1);
                let right = !book.is_newest(line, store) || book.is_lost(line, store);
                let holds = book.keys(line, store);
                let holds: Vec<_> = holds.iter().map(|key| book.holds.get(key)).collect();
                assert!(right, "nobody took it: {line:?} {holds:?}");
            }
            1012 => {
                self.figures.add("sent on", 1);
                let token = line.token.as_deref().unwrap_or_default();
                let kept = book.kept_of(token, store);
                let hears = !self.servers[line.at].bench.hub().is_store_away();
                let sure = hears && !self.unaware[line.at] && !line.pending;
                let right = line.total <= kept || !sure || book.is_erased(&book.family(token));
                assert!(right, "{kept} is in the store, and sent on is {line:?}");
            }
            // More wait to be written than there may be sessions.
            1008 => assert!(!line.greeted, "{line:?}"),
            code => panic!("{code}: {line:?}"),
        }
    }

    /// The store loses its last moments: what a server in reach knows is not lost.
    pub(super) fn forget(&mut self) {
        self.figures.add("forgets", 1);
        for at in 0..HUBS {
            // What it answered before is known.
            while self.hear(at) {}
        }
        self.look();
        let seats: Vec<Vec<Seat>> = (0..HUBS).map(|at| self.seats(at)).collect();
        let (before, now) = (self.store.clone(), self.now);
        self.store = self.earlier.clone();
        self.store.now = now;
        let unaware = std::mem::replace(&mut self.unaware, [true; HUBS]);
        self.book.has_forgotten = true;
        for at in 0..HUBS {
            self.with_store(at, |_| ());
        }
        self.ranks.forgot(&self.store);
        let renamed: Vec<String> = self.book.uids.keys().cloned().collect();
        for key in renamed {
            let uid_in = |store: &Shelf| Some(store.session(&key)?.2.to_owned());
            if uid_in(&before) != uid_in(&self.store) {
                self.book.uids.remove(&key);
            }
        }
        let families: Vec<String> = self.book.purses.keys().cloned().collect();
        for family in families {
            let had = self.book.kept_by(&family, &before);
            let has = self.book.kept_by(&family, &self.store);
            if had == has {
                continue;
            }
            let purse = self.book.purses.get_mut(&family).expect("its own");
            purse.rolled_back = true;
            purse.most += std::mem::take(&mut purse.open).iter().sum::<u64>();
            purse.least = purse.least.min(has);
            for (at, seats) in seats.iter().enumerate() {
                let known = self.book.known(at, seats, &family);
                let purse = self.book.purses.get_mut(&family).expect("its own");
                // Who has told again what was lost before has told it in vain by now.
                let before = if unaware[at] { purse.sure[at] } else { 0 };
                purse.sure[at] = before.max(known);
            }
        }
        self.doubt_all(&seats);
        for at in 0..HUBS {
            while self.hear(at) {}
        }
    }

    /// The store has forgotten who took what: whoever settles first is taken for the owner, and so
    /// may be a connection that was given up and is still open.
    fn doubt_all(&mut self, seats: &[Vec<Seat>]) {
        let keys: Vec<String> = self.book.holds.keys().cloned().collect();
        for key in keys {
            let mut lines = self.clients.iter().flat_map(|client| &client.lines);
            let newest = self.book.newest(&key);
            let is_former = |line: &Line| {
                Some((line.at, line.conn)) != newest && line.token.as_ref() == Some(&key)
            };
            let is_open = lines.any(is_former);
            let others = (0..HUBS).filter(|&at| Some(at) != newest.map(|(at, _)| at));
            let late = others.fold(is_open, |late, at| late | self.may_take(at, seats, &key));
            let hold = self.book.holds.get_mut(&key).expect("its own");
            hold.lost |= late;
        }
        for line in self.clients.iter_mut().flat_map(|client| &mut client.lines) {
            if !line.greeted || line.pending {
                let person = line.sub.and_then(|sub| self.store.token_of(sub));
                let token = person.or(line.token.as_deref()).unwrap_or_default();
                line.least = line.least.min(kept(token, &self.store));
            }
        }
    }

    /// Somebody erases a session, and the person whose it is; when all is answered.
    pub(super) fn erase(&mut self) {
        let index = self.rng.usize(..self.clients.len());
        let Some(token) = self.clients[index].token.clone() else {
            return;
        };
        self.settle();
        if self.store.session(&token).is_none() {
            return;
        }
        self.figures.add("erased", 1);
        self.store.erase(&token);
        let family = self.book.family(&token);
        let kept = self.book.kept_by(&family, &self.store);
        let purse = self.book.purse(&token);
        (purse.least, purse.most) = (0, kept);
        self.book.uids.remove(&family);
        let whose = family.strip_prefix('@');
        if let Some(sub) = whose.filter(|sub| self.store.token_of(sub).is_none()) {
            self.ranks.erase(sub);
        }
        for line in self.clients.iter_mut().flat_map(|client| &mut client.lines) {
            let token = line.token.as_deref().unwrap_or_default();
            let is_own = self.book.family(token) == family
                || line.sub.is_some_and(|sub| person(sub) == family);
            if is_own {
                line.least = 0;
            }
        }
        self.book.erased.insert(family);
    }
}
