//! What counts for the board: points from rounds between two persons, so many a day for a pair.
//!
//! The first thing that people try is two phones on a table. So a pair of persons adds at most
//! [`PAIR_POINTS_MAX`] points a day, both together, to the board; in the game all of them count.
//! Absent: who a person is, and the board.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::World;
use crate::model::{PlayerId, Ranked, Sub, Week};
use crate::time::Millis;

/// Most points that a pair of persons adds in a day.
pub(super) const PAIR_POINTS_MAX: u32 = 30;
/// Most pairs that are remembered, some 20 MB: beyond it the one that played the longest ago is
/// not.
const PAIRS_MAX: usize = 100_000;
/// Most weeks whose points one settlement brings: the store was away so long, or the clock jumped.
const WEEKS_MAX: usize = 8;
const DAY_SECONDS: u64 = 86_400;

/// Two persons, the lesser one first.
type Pair = (Sub, Sub);

/// The wall clock, as far as it was told, and how much each pair brought today.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Ranking {
    /// What it showed, in seconds since 1970, and when; it is told anew to another process.
    #[serde(skip)]
    clock: Option<(Millis, u64)>,
    /// Days since 1970.
    day: u64,
    pairs: Pairs,
}

/// A bounded table of pairs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(Pair, u32)>", into = "Vec<(Pair, u32)>")]
struct Pairs {
    /// What each brought, and which round of all was its last.
    by_pair: BTreeMap<Pair, (u32, u64)>,
    by_round: BTreeMap<u64, Pair>,
    rounds: u64,
}

impl From<Vec<(Pair, u32)>> for Pairs {
    fn from(list: Vec<(Pair, u32)>) -> Self {
        let mut pairs = Self::default();
        for (pair, points) in list {
            pairs.note(pair, points);
        }
        pairs
    }
}

impl From<Pairs> for Vec<(Pair, u32)> {
    /// In the order in which they played last.
    fn from(pairs: Pairs) -> Self {
        let points = |pair: &Pair| pairs.by_pair.get(pair).map_or(0, |(points, _)| *points);
        let in_order = pairs.by_round.values();
        in_order.map(|pair| (pair.clone(), points(pair))).collect()
    }
}

impl Pairs {
    fn points(&self, pair: &Pair) -> u32 {
        self.by_pair.get(pair).map_or(0, |(points, _)| *points)
    }

    /// A pair played, and has brought so many by now.
    fn note(&mut self, pair: Pair, points: u32) {
        let round = self.rounds;
        self.rounds += 1;
        if let Some((_, before)) = self.by_pair.insert(pair.clone(), (points, round)) {
            self.by_round.remove(&before);
        }
        self.by_round.insert(round, pair);
        if PAIRS_MAX < self.by_pair.len()
            && let Some((_, oldest)) = self.by_round.pop_first()
        {
            self.by_pair.remove(&oldest);
        }
    }
}

impl Ranking {
    /// Whether no pair played yet.
    pub(super) fn is_new(&self) -> bool {
        self.day == 0
    }

    /// How many of these points count, which one of two persons won from the other that day.
    fn count(&mut self, unix: u64, persons: &[Sub; 2], points: u32) -> u32 {
        // A clock that is set back gives nobody another day.
        let day = unix / DAY_SECONDS;
        if self.day < day {
            self.day = day;
            self.pairs = Pairs::default();
        }
        let [one, other] = persons.clone();
        let pair = if one < other {
            (one, other)
        } else {
            (other, one)
        };
        let before = self.pairs.points(&pair);
        let after = before.saturating_add(points).min(PAIR_POINTS_MAX);
        self.pairs.note(pair, after);
        after - before
    }
}

/// Adds to what is to be settled for a person, each week once.
pub(super) fn merge(settled: &mut Vec<Ranked>, ranked: Ranked) {
    let full = WEEKS_MAX <= settled.len();
    let last = settled.len().checked_sub(1);
    let same = settled.iter().position(|known| known.week == ranked.week);
    let place = same.or(last.filter(|_| full));
    match place.and_then(|index| settled.get_mut(index)) {
        Some(known) => {
            known.points = known.points.saturating_add(ranked.points);
            known.at = known.at.max(ranked.at);
        }
        None => settled.push(ranked),
    }
}

impl World {
    /// When it was so many seconds since 1970; `None`: nobody knows, and nothing is ranked.
    pub fn set_clock(&mut self, clock: Option<(Millis, u64)>) {
        self.ranking.clock = clock;
    }

    /// What the wall clock showed or shows at a moment that is no longer ago than a round.
    fn unix_at(&self, moment: Millis) -> Option<u64> {
        let (told, unix) = self.ranking.clock?;
        let unix_ms = unix.saturating_mul(1000).saturating_add(moment.0);
        Some(unix_ms.saturating_sub(told.0) / 1000)
    }

    /// The two persons of a round that is about to begin between these two, if they are that.
    pub(super) fn persons_of(&self, players: [PlayerId; 2]) -> Option<Box<[Sub; 2]>> {
        let [one, other] = players.map(|id| self.person_of(id).cloned());
        let persons = [one?, other?];
        (persons[0] != persons[1]).then(|| Box::new(persons))
    }

    /// What a player's points from a round between two persons count for the board.
    pub(super) fn rank_points(
        &mut self,
        id: PlayerId,
        persons: &[Sub; 2],
        (ended_at, points): (Millis, u32),
    ) -> Option<Ranked> {
        // Whoever is somebody else by now did not win as that one.
        let is_one = self.person_of(id).is_some_and(|sub| persons.contains(sub));
        if points == 0 || !is_one {
            return None;
        }
        let at = self.unix_at(ended_at)?;
        let week = Week::of(at)?;
        let points = self.ranking.count(at, persons, points);
        (points != 0).then_some(Ranked { week, points, at })
    }
}

#[cfg(test)]
mod tests {
    use super::{DAY_SECONDS, PAIR_POINTS_MAX, PAIRS_MAX, Ranking, WEEKS_MAX, merge};
    use crate::model::{Ranked, Sub, Week};

    const NOON: u64 = 20_000 * DAY_SECONDS + DAY_SECONDS / 2;

    fn subs(one: &str, other: &str) -> [Sub; 2] {
        [one, other].map(|text| Sub::new(text).expect("a sub"))
    }

    #[test]
    fn a_pair_adds_so_much_a_day_and_no_more() {
        let mut ranking = Ranking::default();
        let (there, back) = (subs("ann", "bob"), subs("bob", "ann"));
        assert_eq!(ranking.count(NOON, &there, 10), 10);
        assert_eq!(ranking.count(NOON, &back, 15), 15);
        assert_eq!(ranking.count(NOON, &there, 10), 5);
        assert_eq!(ranking.count(NOON, &back, u32::MAX), 0);
        // Each has others to play with.
        assert_eq!(
            ranking.count(NOON, &subs("ann", "cem"), 40),
            PAIR_POINTS_MAX
        );
        let midnight = NOON + DAY_SECONDS / 2;
        assert_eq!(ranking.count(midnight - 1, &there, 1), 0);
        assert_eq!(ranking.count(midnight, &there, 1), 1);
        // A clock that is set back, and goes on from there.
        assert_eq!(ranking.count(NOON, &there, 40), PAIR_POINTS_MAX - 1);
        assert_eq!(ranking.count(midnight, &there, 1), 0);
    }

    #[test]
    fn a_reload_gives_no_pair_another_day() {
        let mut ranking = Ranking::default();
        ranking.count(NOON, &subs("ann", "bob"), 20);
        ranking.count(NOON, &subs("ann", "cem"), 30);
        let text = serde_json::to_string(&ranking).expect("a text");
        let mut ranking: Ranking = serde_json::from_str(&text).expect("the same");
        assert_eq!(serde_json::to_string(&ranking).ok(), Some(text));
        assert_eq!(ranking.count(NOON, &subs("bob", "ann"), 20), 10);
        assert_eq!(ranking.count(NOON, &subs("ann", "cem"), 1), 0);
        let from_before: Ranking = serde_json::from_str("{}").expect("a default");
        assert_eq!(from_before, Ranking::default());
    }

    #[test]
    fn the_pair_that_played_the_longest_ago_makes_room() {
        let mut ranking = Ranking::default();
        let pair = |number: usize| subs("ann", &format!("b{number}"));
        for number in 0..PAIRS_MAX {
            assert_eq!(ranking.count(NOON, &pair(number), 30), 30);
        }
        assert_eq!(ranking.count(NOON, &pair(0), 1), 0);
        assert_eq!(ranking.count(NOON, &pair(PAIRS_MAX), 30), 30);
        assert_eq!(ranking.pairs.by_pair.len(), PAIRS_MAX);
        assert_eq!(ranking.pairs.by_round.len(), PAIRS_MAX);
        assert_eq!(ranking.count(NOON, &pair(0), 1), 0, "it played since");
        assert_eq!(ranking.count(NOON, &pair(1), 1), 1);
    }

    #[test]
    fn what_is_settled_has_each_week_once_and_a_bound() {
        let mut settled = Vec::new();
        let ranked = |week, at| Ranked {
            week: Week(week),
            points: 1,
            at,
        };
        for (week, at) in [(7, 70), (8, 80), (7, 75), (8, 79)] {
            merge(&mut settled, ranked(week, at));
        }
        let found: Vec<_> = settled
            .iter()
            .map(|it| (it.week.0, it.points, it.at))
            .collect();
        assert_eq!(found, [(7, 2, 75), (8, 2, 80)]);
        for week in 9..100 {
            merge(&mut settled, ranked(week, week.into()));
        }
        let total: u32 = settled.iter().map(|it| it.points).sum();
        assert_eq!((settled.len(), total), (WEEKS_MAX, 4 + 91));
    }
}
