//! The board, kept from outside: what persons won from persons, so much a day for a pair.
//!
//! From outside is known whether both were persons for sure, or perhaps, when their round began; so
//! there is a least and a most. When all is answered the store says how much it is, and each server
//! tells that.

use std::collections::BTreeMap;

use roshambo::hub::{Dialect, Input};
use roshambo::model::Week;
use serde_json::Value;

use super::{HUBS, Line, PERSONS, World, oracle};

use crate::common::shelf::Shelf;

/// Most points that a pair adds a day, in each process.
const PAIR_POINTS: u32 = 30;

/// A number that is not known to the last point.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    least: u32,
    most: u32,
}

impl Span {
    fn add(&mut self, other: Self) {
        self.least += other.least;
        self.most += other.most;
    }
}

/// A person's points of a week.
#[derive(Clone, Debug, Default)]
struct Tally {
    written: Span,
    /// Told by each server's process, and perhaps not written yet.
    open: [Span; HUBS],
}

/// Whom somebody plays.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rival {
    sub: Option<&'static str>,
    /// Both are known to be persons.
    sure: bool,
}

impl Rival {
    pub(super) fn unsure(sub: Option<&'static str>) -> Self {
        Self { sub, sure: false }
    }

    pub(super) fn is_known(&self) -> bool {
        self.sub.is_some()
    }
}

#[derive(Default)]
pub(super) struct Ranks {
    tallies: BTreeMap<(&'static str, Week), Tally>,
    /// What each pair brought that day, as this process knows.
    pairs: BTreeMap<(u64, u64, [&'static str; 2]), Span>,
    /// By uid: whom it ever was.
    names: BTreeMap<String, &'static str>,
    erased: Vec<String>,
}

impl Ranks {
    pub(super) fn name(&mut self, uid: &str, sub: &'static str) {
        self.names.insert(uid.to_owned(), sub);
    }

    pub(super) fn rename(&mut self, former: &str, uid: &str) {
        if let Some(&sub) = self.names.get(former) {
            self.names.entry(uid.to_owned()).or_insert(sub);
        }
    }

    /// Who else is in these rows.
    pub(super) fn rival(&self, uid: &str, body: &Value) -> Option<&'static str> {
        self.names.get(other_uid(uid, body)?).copied()
    }

    pub(super) fn erase(&mut self, sub: &str) {
        self.erased.push(sub.to_owned());
        self.tallies.retain(|(known, _), _| *known != sub);
    }

    pub(super) fn written(&mut self, at: usize) {
        for tally in self.tallies.values_mut() {
            tally.written.add(std::mem::take(&mut tally.open[at]));
        }
    }

    /// The board does not outlive what the store forgets.
    pub(super) fn forgot(&mut self, store: &Shelf) {
        for ((sub, week), tally) in &mut self.tallies {
            let kept = store.ranked(sub, *week);
            tally.written.least = tally.written.least.min(kept);
            // Of that some may have been written a moment ago.
            tally.open.iter_mut().for_each(|open| open.least = 0);
        }
    }

    pub(super) fn killed(&mut self, at: usize) {
        for tally in self.tallies.values_mut() {
            tally.written.most += std::mem::take(&mut tally.open[at]).most;
        }
    }

    fn check(&mut self, sub: &'static str, untold: u32, store: &Shelf, settled: bool) {
        let weeks = self.tallies.iter_mut();
        for ((_, week), tally) in weeks.filter(|((known, _), _)| *known == sub) {
            let kept = store.ranked(sub, *week);
            let mut span = tally.written;
            tally.open.iter().for_each(|open| span.add(*open));
            let most = span.most + untold;
            assert!(
                kept <= most,
                "ranked twice: {sub} {kept} {untold} {tally:?}"
            );
            if settled {
                assert!(span.least <= kept, "not ranked: {sub} {kept} {tally:?}");
                let (least, most) = (kept, kept);
                tally.written = Span { least, most };
                tally.open = [Span::default(); HUBS];
            }
        }
    }
}

fn other_uid<'a>(uid: &str, body: &'a Value) -> Option<&'a str> {
    let rows = body["result"].as_array().or(body["roomUsers"].as_array());
    let mut others = rows?.iter().filter(|row| row["uid"] != *uid);
    others.next()?["uid"].as_str()
}

impl World {
    fn unix_at(&self, at: usize, when: u64) -> u64 {
        let (told, unix_s) = self.servers[at].clock;
        (unix_s * 1_000 + when - told) / 1_000
    }

    /// Who plays against somebody whose round begins.
    pub(super) fn find_rival(&self, (index, nth): (usize, usize), body: &Value) -> Option<Rival> {
        let line = &self.clients[index].lines[nth];
        line.began?;
        let sub = self.ranks.rival(&line.uid, body);
        let mut lines = self.clients.iter().flat_map(|client| &client.lines);
        let uid = other_uid(&line.uid, body);
        let is_it = |other: &Line| other.at == line.at && Some(other.uid.as_str()) == uid;
        let is_sure =
            |other: &Line| is_it(other) && self.book.person_of(other) == sub && other.sure;
        let sure = line.sure && sub.is_some() && lines.any(is_sure);
        Some(Rival { sub, sure })
    }

    /// Against whom somebody may have played who was not told when his round began.
    pub(super) fn rivals(&self, line: &Line, body: &Value) -> Vec<Rival> {
        if let Some(sub) = self.ranks.rival(&line.uid, body) {
            return vec![Rival::unsure(Some(sub))];
        }
        let uid = other_uid(&line.uid, body).unwrap_or("robot-");
        let mut lines = self.clients.iter().flat_map(|client| &client.lines);
        if uid.starts_with("robot-") || lines.any(|line| line.uid == uid) {
            return Vec::new();
        }
        // Nobody was told of that name yet: it may be a person's.
        let all = PERSONS.iter().map(|sub| Rival::unsure(Some(*sub)));
        all.collect()
    }

    /// It may win from somebody what nobody is told.
    pub(super) fn blur(&mut self, line: &Line) {
        let rivals = match line.rival {
            Some(rival) => rival.sub.into_iter().collect(),
            None => PERSONS.to_vec(),
        };
        let person = self.book.person_of(line);
        let pairs = rivals
            .into_iter()
            .filter_map(|rival| Some((person?, rival)));
        for (own, other) in pairs {
            for when in [self.now, self.now + super::GAME_MS] {
                let pair = self.pair(line.at, when, [own, other]);
                self.ranks.pairs.entry(pair).or_default().most = PAIR_POINTS;
                let week = Week::of(self.unix_at(line.at, when)).expect("a week");
                for week in [week, Week::EVER] {
                    self.ranks.tallies.entry((own, week)).or_default();
                }
            }
        }
    }

    fn pair(
        &self,
        at: usize,
        when: u64,
        mut pair: [&'static str; 2],
    ) -> (u64, u64, [&'static str; 2]) {
        pair.sort_unstable();
        let process = self.servers[at].process.unwrap_or_default();
        (process, self.unix_at(at, when) / 86_400, pair)
    }

    /// Somebody won so much.
    pub(super) fn rank(&mut self, line: &Line, when: u64, rival: Rival, points: u64) {
        let (Some(winner), Some(loser)) = (self.book.person_of(line), rival.sub) else {
            return;
        };
        if winner == loser || self.ranks.erased.iter().any(|sub| sub == winner) {
            return;
        }
        let points = u32::try_from(points).expect("a few");
        let sure = rival.sure && line.sure && !self.ranks.erased.iter().any(|sub| sub == loser);
        let pair = self.pair(line.at, when, [winner, loser]);
        let pair = self.ranks.pairs.entry(pair).or_default();
        let left = |brought: u32| points.min(PAIR_POINTS - brought);
        let (least, most) = (if sure { left(pair.most) } else { 0 }, left(pair.least));
        pair.least += if sure { left(pair.least) } else { 0 };
        pair.most += left(pair.most);
        self.figures.add("ranked", most.into());
        let week = Week::of(self.unix_at(line.at, when)).expect("a week");
        for week in [week, Week::EVER] {
            let tally = self.ranks.tallies.entry((winner, week)).or_default();
            tally.open[line.at].add(Span { least, most });
        }
    }

    pub(super) fn check_ranks(&mut self, settled: bool) {
        for &sub in PERSONS {
            let untold = self.book.untold_of(&oracle::person(sub));
            let untold = u32::try_from(untold).expect("a few");
            self.ranks.check(sub, untold, &self.store, settled);
            if self.ranks.erased.iter().any(|known| known == sub) {
                assert_eq!(self.store.ranked(sub, Week::EVER), 0, "{sub} was erased");
            }
        }
    }

    /// Each server is asked who is best: it says what was settled, and both say the same.
    pub(super) fn ask_boards(&mut self) {
        // A board that was kept is none any more.
        self.pass_steadily(2_500);
        self.settle();
        for at in 0..HUBS {
            if self.servers[at].process.is_none() {
                continue;
            }
            let week = Week::of(self.unix_at(at, self.now)).expect("a week");
            for (board, week) in [("week", week), ("ever", Week::EVER)] {
                let asks = format!(r#"["top",{{"board":"{board}"}}]"#);
                let told = self.ask_visitor(at, &asks, "top");
                let rows = told["players"].as_array().expect("rows").iter();
                let told = rows.map(|row| (row["uid"].clone(), row["points"].clone()));
                let mut told: Vec<(Value, Value)> = told.collect();
                told.sort_by_key(|(uid, points)| {
                    (u64::MAX - points.as_u64().unwrap_or(0), uid.to_string())
                });
                assert_eq!(told, self.best(week), "{board} of {at}");
                self.figures.add("boards", told.len() as u64);
                let is_next = week != Week::EVER && super::MONDAY_S <= self.unix_at(at, self.now);
                self.figures
                    .add("weeks", u64::from(is_next) * told.len() as u64);
            }
        }
    }

    fn best(&self, week: Week) -> Vec<(Value, Value)> {
        let mut best = Vec::new();
        for ((sub, of_week), tally) in &self.ranks.tallies {
            if *of_week == week && tally.written.most != 0 {
                let token = self.store.token_of(sub).expect("a person");
                let (.., uid) = self.store.session(token).expect("a session");
                assert_ne!(uid, "", "nobody's name");
                best.push((u32::MAX - tally.written.most, uid));
            }
        }
        best.sort_unstable();
        let row = |(left, uid): (u32, &str)| (uid.into(), (u32::MAX - left).into());
        best.into_iter().map(row).collect()
    }

    /// Somebody new asks, and goes.
    fn ask_visitor(&mut self, at: usize, asks: &str, answer: &str) -> Value {
        let bench = &mut self.servers[at].bench;
        let conn = bench.open(Dialect::Plain);
        self.visitor = Some(((at, conn), Vec::new()));
        for text in [r#"["hello",{"user":{},"v":2}]"#, asks] {
            bench.tell(Input::Text { conn, text });
        }
        self.work(at, usize::MAX);
        while self.hear(at) {}
        self.servers[at].bench.tell(Input::Closed { conn });
        let (_, told) = self.visitor.take().expect("it came");
        let found = told.iter().find(|event| event[0] == *answer);
        found.unwrap_or_else(|| panic!("no {answer}: {told:?}"))[1].clone()
    }
}
