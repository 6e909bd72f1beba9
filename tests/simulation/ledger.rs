//! What has to be in the store, as its clients see it: of every session and person what was there
//! when this process began, and what was told since.
//!
//! A person has one account, whatever token its session has by now. What is won on a session that the
//! store does not know as a person's is that session's, and becomes the person's with it if that is
//! adopted. What is won on one that is pending is kept apart until its client is told whose it is; if
//! it never is, it is the session's or a person's who played on it.
//!
//! Of the board only so much is known from outside as whether both players were persons for sure,
//! or perhaps, when their round began; so there the ledger has a least and a most.
//!
//! Absent: how it comes that something is told.

use std::collections::{BTreeMap, BTreeSet};

use roshambo::model::Week;

use crate::common::shelf::Shelf;

/// Most points that a pair adds a day; no simulation lasts longer than one.
const PAIR_POINTS: u32 = 30;

/// Whose account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Whose {
    Token(String),
    Person(&'static str),
    /// Of a pending session, by its token.
    Pending(String),
}

/// What somebody is to have.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Account {
    /// In the store when this process began.
    base: u64,
    /// Told since.
    won: u64,
    /// It may have won what nobody was told: its player was called away in mid-round.
    untold: bool,
}

impl Account {
    pub(crate) fn total(self) -> u64 {
        self.base + self.won
    }

    /// There was something when this process began.
    pub(crate) fn is_old(self) -> bool {
        0 < self.base
    }
}

/// A number that is not known to the last point.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    least: u32,
    most: u32,
}

#[derive(Debug)]
pub(crate) struct Ledger {
    persons: &'static [&'static str],
    accounts: BTreeMap<Whose, Account>,
    /// All tokens that were ever told.
    tokens: BTreeSet<String>,
    /// The persons who played on a pending session, by its token.
    claims: BTreeMap<String, BTreeSet<&'static str>>,
    /// Points for the board since this process began, and before.
    ranked: BTreeMap<&'static str, Span>,
    ranked_before: BTreeMap<&'static str, u32>,
    /// What each pair brought, as this process knows.
    pairs: BTreeMap<[&'static str; 2], Span>,
}

impl Ledger {
    pub(crate) fn new(persons: &'static [&'static str]) -> Self {
        Self {
            persons,
            accounts: BTreeMap::new(),
            tokens: BTreeSet::new(),
            claims: BTreeMap::new(),
            ranked: BTreeMap::new(),
            ranked_before: BTreeMap::new(),
            pairs: BTreeMap::new(),
        }
    }

    /// Whose account a session's points are on.
    pub(crate) fn whose(&self, token: &str, shelf: &Shelf) -> Whose {
        let person = shelf.of_session(token);
        let known = |sub: &&&str| person.as_deref() == Some(**sub);
        match self.persons.iter().find(known) {
            Some(sub) => Whose::Person(sub),
            None => Whose::Token(token.to_owned()),
        }
    }

    /// A token is told; what its account has.
    pub(crate) fn told(&mut self, token: &str, whose: &Whose, shelf: &Shelf) -> Account {
        self.tokens.insert(token.to_owned());
        self.adopt(shelf);
        *self.accounts.entry(whose.clone()).or_default()
    }

    pub(crate) fn win(&mut self, whose: Whose, points: u64, shelf: &Shelf) {
        self.adopt(shelf);
        self.accounts.entry(whose).or_default().won += points;
    }

    /// A person plays on a pending session.
    pub(crate) fn claim(&mut self, token: &str, sub: &'static str) {
        self.claims.entry(token.to_owned()).or_default().insert(sub);
    }

    /// It is known whose a pending session is.
    pub(crate) fn resolve(&mut self, token: &str, whose: &Whose) {
        if let Some(had) = self.accounts.remove(&Whose::Pending(token.to_owned())) {
            let account = self.accounts.entry(whose.clone()).or_default();
            account.won += had.won;
            account.untold |= had.untold;
        }
    }

    /// What was won on a pending session.
    pub(crate) fn pending(&self, token: &str) -> Option<u64> {
        let account = self.accounts.get(&Whose::Pending(token.to_owned()));
        account.map(|account| account.won)
    }

    /// Whose it can be in the end.
    fn heirs(&self, token: &str, shelf: &Shelf) -> Vec<Whose> {
        let persons = self.claims.get(token).into_iter().flatten();
        let persons = persons.map(|sub| Whose::Person(sub));
        [self.whose(token, shelf)]
            .into_iter()
            .chain(persons)
            .collect()
    }

    /// Somebody was called away from a session in mid-round: what that wins is told to nobody.
    pub(crate) fn call_away(&mut self, token: &str, shelf: &Shelf) {
        for whose in self.heirs(token, shelf) {
            self.accounts.entry(whose).or_default().untold = true;
        }
    }

    /// A person won so much from another one, who both were that for sure when it began, or perhaps.
    pub(crate) fn rank(
        &mut self,
        winner: &'static str,
        loser: &'static str,
        points: u32,
        sure: bool,
    ) {
        let mut pair = [winner, loser];
        pair.sort_unstable();
        let pair = self.pairs.entry(pair).or_default();
        let left = |brought: u32| points.min(PAIR_POINTS - brought);
        let (least, most) = (if sure { left(pair.most) } else { 0 }, left(pair.least));
        pair.least += if sure { left(pair.least) } else { 0 };
        pair.most += left(pair.most);
        let ranked = self.ranked.entry(winner).or_default();
        ranked.least += least;
        ranked.most += most;
    }

    /// How many points for the board there are for sure.
    pub(crate) fn ranked_for_sure(&self) -> u64 {
        self.ranked.values().map(|span| u64::from(span.least)).sum()
    }

    /// Another process begins, with what is in the store.
    pub(crate) fn begin(&mut self, shelf: &Shelf) {
        let base_of = |token: &str| shelf.session(token).map_or(0, |(total, ..)| total.into());
        let whose = |token: &String| (self.whose(token, shelf), base_of(token));
        let mut bases: BTreeMap<Whose, u64> = self.tokens.iter().map(whose).collect();
        for sub in self.persons {
            let base = shelf.token_of(sub).map_or(0, base_of);
            bases.insert(Whose::Person(sub), base);
            self.ranked_before
                .insert(sub, shelf.ranked(sub, Week::EVER));
        }
        let account = |base| Account {
            base,
            ..Account::default()
        };
        let accounts = bases.into_iter();
        self.accounts = accounts
            .map(|(whose, base)| (whose, account(base)))
            .collect();
        self.ranked.clear();
        self.pairs.clear();
        self.claims.clear();
    }

    /// The store lost something: what a session won then is lost, if nobody knows it here.
    pub(crate) fn forget(&mut self, here: &BTreeSet<String>, before: &Shelf, after: &Shelf) {
        for (whose, account) in &mut self.accounts {
            let Whose::Token(token) = whose else {
                continue;
            };
            if !here.contains(token) {
                let lost = kept(whose, before) - kept(whose, after);
                let left = account.total() - lost;
                account.base = left.saturating_sub(account.won);
                account.won = left - account.base;
            }
        }
    }

    /// Nothing is there that was not told; `settled`: and nothing of that is missing.
    pub(crate) fn check(&mut self, shelf: &Shelf, settled: bool) {
        self.adopt(shelf);
        let mut slack: BTreeMap<Whose, u64> = BTreeMap::new();
        for (whose, account) in self.accounts.clone() {
            let Whose::Pending(token) = whose else {
                continue;
            };
            for heir in self.heirs(&token, shelf) {
                let has = self.accounts.get(&heir).copied().unwrap_or_default();
                if settled && has.total() + account.won <= kept(&heir, shelf) {
                    self.resolve(&token, &heir);
                    break;
                }
                *slack.entry(heir).or_default() += account.won;
            }
        }
        for (whose, account) in &self.accounts {
            let (kept, total) = (kept(whose, shelf), account.total());
            let slack = slack.get(whose).copied().unwrap_or(0);
            let most = total + if settled { 0 } else { slack };
            assert!(kept <= most || account.untold, "counted twice: {whose:?}");
            assert!(
                total <= kept || !settled,
                "lost: {whose:?} {kept} {account:?}"
            );
        }
        for sub in self.persons {
            let before = self.ranked_before.get(sub).copied().unwrap_or(0);
            let Span { least, most } = self.ranked.get(sub).copied().unwrap_or_default();
            let kept = shelf.ranked(sub, Week::EVER);
            assert!(kept <= before + most, "ranked twice: {sub}");
            assert!(before + least <= kept || !settled, "not ranked: {sub}");
        }
    }

    /// Sessions that are persons' by now bring what they have along.
    fn adopt(&mut self, shelf: &Shelf) {
        let tokens = self.accounts.keys().filter_map(|whose| match whose {
            Whose::Token(token) => Some(token.clone()),
            Whose::Person(_) | Whose::Pending(_) => None,
        });
        for token in tokens.collect::<Vec<_>>() {
            let whose = self.whose(&token, shelf);
            if let Whose::Person(_) = whose
                && let Some(had) = self.accounts.remove(&Whose::Token(token))
            {
                let account = self.accounts.entry(whose).or_default();
                account.base += had.base;
                account.won += had.won;
                account.untold |= had.untold;
            }
        }
    }
}

/// What the store has.
fn kept(whose: &Whose, shelf: &Shelf) -> u64 {
    let token = match whose {
        Whose::Token(token) => Some(token.as_str()),
        Whose::Person(sub) => shelf.token_of(sub),
        Whose::Pending(_) => None,
    };
    let kept = token.and_then(|token| shelf.session(token));
    kept.map_or(0, |(total, ..)| u64::from(total))
}
