//! Persons and their places, in memory.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use crate::model::{BOARD_ROWS, BoardRow, Ranked, Standing, StoredProfile, Week};
use crate::store::engine::{Key, Unix, oldest_week};

/// All persons, with what is looked up of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Persons {
    /// By sub.
    all: BTreeMap<String, Person>,
    by_session: BTreeMap<Key, String>,
    /// Of each week those who are shown, the best first.
    boards: BTreeMap<Week, BTreeSet<Entry>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Person {
    session: Key,
    is_barred: bool,
    points: Vec<(Week, Points)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Points {
    points: u32,
    /// When it came to so many.
    reached_at: u64,
}

/// In the order of the board.
type Entry = (Reverse<u32>, u64, String);

/// How a session is shown.
type Shown<'a> = &'a dyn Fn(Key) -> StoredProfile;

impl Persons {
    /// Those that were told by [`list`](Self::list).
    pub(super) fn new(list: Vec<(String, Person)>) -> Self {
        let mut persons = Self::default();
        for (sub, person) in list {
            persons.by_session.insert(person.session, sub.clone());
            persons.all.insert(sub.clone(), person);
            persons.show(&sub, true);
        }
        persons
    }

    /// All of them.
    pub(super) fn list(&self) -> Vec<(String, Person)> {
        let all = self.all.iter();
        all.map(|(sub, person)| (sub.clone(), person.clone()))
            .collect()
    }

    pub(super) fn session_of(&self, sub: &str) -> Option<Key> {
        Some(self.all.get(sub)?.session)
    }

    /// Whose session it is.
    pub(super) fn of_session(&self, session: Key) -> Option<&String> {
        self.by_session.get(&session)
    }

    pub(super) fn is_barred(&self, sub: &str) -> bool {
        self.all.get(sub).is_some_and(|person| person.is_barred)
    }

    pub(super) fn insert(&mut self, sub: &str, session: Key) {
        let person = Person {
            session,
            is_barred: false,
            points: Vec::new(),
        };
        self.all.insert(sub.to_owned(), person);
        self.by_session.insert(session, sub.to_owned());
    }

    /// Its session has another token.
    pub(super) fn move_session(&mut self, sub: &str, session: Key) {
        if let Some(person) = self.all.get_mut(sub) {
            self.by_session.remove(&person.session);
            person.session = session;
            self.by_session.insert(session, sub.to_owned());
        }
    }

    /// Removes the person whose session it is, if there is one; its sub.
    pub(super) fn remove(&mut self, session: Key) -> Option<String> {
        let sub = self.by_session.remove(&session)?;
        self.show(&sub, false);
        self.all.remove(&sub);
        Some(sub)
    }

    /// Whether there is such a person.
    pub(super) fn bar(&mut self, sub: &str, barred: bool) -> bool {
        self.show(sub, false);
        let person = self.all.get_mut(sub);
        let found = person.map(|person| person.is_barred = barred).is_some();
        self.show(sub, true);
        found
    }

    pub(super) fn add(&mut self, sub: &str, ranked: &[Ranked]) {
        self.show(sub, false);
        if let Some(person) = self.all.get_mut(sub) {
            for &Ranked { week, points, at } in ranked {
                for board in [week, Week::EVER] {
                    let known = person.points.iter().position(|(week, _)| *week == board);
                    let index = known.unwrap_or_else(|| {
                        person.points.push((board, Points::default()));
                        person.points.len() - 1
                    });
                    let (_, kept) = &mut person.points[index];
                    kept.points = kept.points.saturating_add(points);
                    kept.reached_at = kept.reached_at.max(at);
                }
            }
        }
        self.show(sub, true);
    }

    /// Puts somebody on the boards, or takes him off them.
    fn show(&mut self, sub: &str, shown: bool) {
        let Some(person) = self.all.get(sub).filter(|person| !person.is_barred) else {
            return;
        };
        for (week, Points { points, reached_at }) in &person.points {
            let board = self.boards.entry(*week).or_default();
            let entry = (Reverse(*points), *reached_at, sub.to_owned());
            match shown {
                true => board.insert(entry),
                false => board.remove(&entry),
            };
        }
    }

    pub(super) fn top(&self, week: Week, shown: Shown<'_>) -> Vec<BoardRow> {
        let board = self.boards.get(&week).into_iter().flatten();
        let best = board.take(BOARD_ROWS);
        best.map(|entry| self.row(entry, shown)).collect()
    }

    pub(super) fn rank(&self, sub: &str, week: Week, shown: Shown<'_>) -> Option<Standing> {
        let board = self.boards.get(&week)?;
        let person = self.all.get(sub).filter(|person| !person.is_barred)?;
        let (_, Points { points, reached_at }) =
            *person.points.iter().find(|(known, _)| *known == week)?;
        let own = (Reverse(points), reached_at, sub.to_owned());
        let first = board.iter().take(Standing::PLACES_MAX as usize);
        let place = first.zip(1..).find(|(entry, _)| **entry == own);
        let place = place.map(|(_, place)| place);
        let percent = place.is_none().then(|| {
            let better = board
                .iter()
                .take_while(|(Reverse(theirs), ..)| points <= *theirs);
            percent_of(better.count() as u64, board.len() as u64)
        });
        let row = |entry| self.row(entry, shown);
        let behind = (Bound::Excluded(&own), Bound::Unbounded);
        let mut above: Vec<_> = board
            .range(..&own)
            .rev()
            .take(Standing::AROUND)
            .map(row)
            .collect();
        above.reverse();
        let below = board.range::<Entry, _>(behind).take(Standing::AROUND);
        Some(Standing {
            place,
            percent,
            above,
            below: below.map(row).collect(),
            own: self.row(&own, shown),
        })
    }

    fn row(&self, (Reverse(points), _, sub): &Entry, shown: Shown<'_>) -> BoardRow {
        BoardRow {
            profile: self.session_of(sub).map(shown).unwrap_or_default(),
            points: *points,
        }
    }

    /// Deletes the points of weeks that are over, about so many; returns how many.
    pub(super) fn expire(&mut self, at_most: usize, now: Unix) -> usize {
        let oldest = oldest_week(now);
        let is_old = |week: Week| week != Week::EVER && week < oldest;
        let subs: Vec<String> = self
            .all
            .iter()
            .filter(|(_, person)| person.points.iter().any(|(week, _)| is_old(*week)))
            .map(|(sub, _)| sub.clone())
            .take(at_most)
            .collect();
        for sub in &subs {
            self.show(sub, false);
            if let Some(person) = self.all.get_mut(sub) {
                person.points.retain(|(week, _)| !is_old(*week));
            }
            self.show(sub, true);
        }
        self.boards.retain(|_, board| !board.is_empty());
        subs.len()
    }
}

/// So many of all, in percent, at least 1.
pub(in crate::store) fn percent_of(count: u64, all: u64) -> u32 {
    let percent = (count * 100).div_ceil(all.max(1));
    u32::try_from(percent.clamp(1, 100)).unwrap_or(100)
}
