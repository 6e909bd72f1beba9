//! What those who come from one origin did in a minute: wrong room codes, and new sessions.
//!
//! A connection costs nothing, so what is limited for a connection alone is limited for nobody.
//! Absent: addresses, and what is said to one who is over a limit.
//!
//! # When the table is full
//!
//! The origin whose minute began first is forgotten, and begins anew. So nobody is ever refused for
//! what others did, and nothing is gained by filling the table: to have one origin forgotten before
//! its time, [`ORIGINS_MAX`] others have to be used in that minute, each of which has the same
//! limits of its own.

use std::collections::{HashMap, VecDeque};

use crate::model::Origin;
use crate::session::WRONG_CODES_MAX;
use crate::time::Millis;

/// Most origins that are remembered: some 3 MB.
const ORIGINS_MAX: usize = 50_000;
/// From the first thing that an origin did on.
const WINDOW_MS: u64 = 60_000;
/// New sessions of one origin in that time, at least: a class that comes in at once.
const NEWCOMERS_MIN: u32 = 300;

/// The origins that did something in the last minute.
#[derive(Debug)]
pub(super) struct Origins {
    newcomers_max: u32,
    counts: HashMap<Origin, Counts>,
    /// All of them, by the beginning of their minutes; some of these are over.
    order: VecDeque<(Millis, Origin)>,
}

/// What one origin did since its minute began.
#[derive(Clone, Copy, Debug)]
struct Counts {
    since: Millis,
    wrong_codes: u32,
    newcomers: u32,
}

impl Origins {
    /// Nobody did anything yet.
    ///
    /// `each_max` is `--max-per-address`: as many connections as one address may have can all begin
    /// a session within a minute, as after a restart; if it has no limit, new sessions have none.
    pub(super) fn new(each_max: usize) -> Self {
        let newcomers_max = match u32::try_from(each_max) {
            Ok(0) | Err(_) => u32::MAX,
            Ok(each_max) => each_max.max(NEWCOMERS_MIN),
        };
        Self {
            newcomers_max,
            counts: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// Whether another room code may be tried from there.
    pub(super) fn may_try_code(&self, now: Millis, origin: Origin) -> bool {
        self.current(now, origin).wrong_codes < WRONG_CODES_MAX
    }

    /// Notes a wrong room code.
    pub(super) fn wrong_code(&mut self, now: Millis, origin: Origin) {
        self.entry(now, origin).wrong_codes += 1;
    }

    /// Counts a new session.
    ///
    /// # Errors
    ///
    /// It is one too many, and not counted; the milliseconds until this minute is over.
    pub(super) fn admit(&mut self, now: Millis, origin: Origin) -> Result<(), u64> {
        let counts = self.current(now, origin);
        if self.newcomers_max <= counts.newcomers {
            return Err(WINDOW_MS - now.since(counts.since));
        }
        self.entry(now, origin).newcomers += 1;
        Ok(())
    }

    /// What it did in its minute so far.
    fn current(&self, now: Millis, origin: Origin) -> Counts {
        let counts = self.counts.get(&origin).copied();
        counts
            .filter(|counts| !is_over(now, counts.since))
            .unwrap_or(Counts::since(now))
    }

    /// The same to be changed.
    fn entry(&mut self, now: Millis, origin: Origin) -> &mut Counts {
        let known = self.counts.get(&origin);
        if known.is_none_or(|counts| is_over(now, counts.since)) {
            self.begin(now, origin);
        }
        let counts = self.counts.entry(origin);
        counts.or_insert(Counts::since(now))
    }

    /// Begins the minute of an origin. What is over goes first, a bounded part of it, and more than
    /// comes.
    fn begin(&mut self, now: Millis, origin: Origin) {
        let newest = self.order.back();
        if newest.is_none_or(|&(since, _)| is_over(now, since)) {
            // At once, and with its memory.
            self.counts = HashMap::new();
            self.order = VecDeque::new();
        }
        for _ in 0..2 {
            let oldest = self.order.front();
            if oldest.is_some_and(|&(since, _)| is_over(now, since)) {
                self.forget_first();
            }
        }
        if ORIGINS_MAX <= self.order.len() {
            self.forget_first();
        }
        self.order.push_back((now, origin));
        self.counts.insert(origin, Counts::since(now));
    }

    fn forget_first(&mut self) {
        if let Some((since, origin)) = self.order.pop_front() {
            // It may have begun another minute since.
            let known = self.counts.get(&origin);
            if known.is_some_and(|counts| counts.since == since) {
                self.counts.remove(&origin);
            }
        }
    }

    /// What must hold between any two calls.
    #[cfg(debug_assertions)]
    pub(super) fn check_invariants(&self) {
        assert!(self.order.len() <= ORIGINS_MAX, "too many origins");
        assert!(
            self.counts.len() <= self.order.len(),
            "an origin is never forgotten"
        );
    }
}

impl Counts {
    fn since(now: Millis) -> Self {
        Self {
            since: now,
            wrong_codes: 0,
            newcomers: 0,
        }
    }
}

fn is_over(now: Millis, since: Millis) -> bool {
    WINDOW_MS <= now.since(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(number: usize) -> Origin {
        Origin::from_bits(number as u64 + 1)
    }

    /// How many new sessions it is allowed at one time, at most `most`.
    fn admitted(origins: &mut Origins, at: u64, from: Origin, most: usize) -> usize {
        let admit = |_: &usize| origins.admit(Millis(at), from).is_ok();
        (0..most).take_while(admit).count()
    }

    #[test]
    fn ten_wrong_codes_a_minute_from_each_origin() {
        let mut origins = Origins::new(256);
        let (one, other) = (origin(1), origin(2));
        for moment in 0..10 {
            assert!(origins.may_try_code(Millis(moment), one));
            origins.wrong_code(Millis(moment), one);
        }
        assert!(!origins.may_try_code(Millis(10), one));
        assert!(!origins.may_try_code(Millis(59_999), one));
        assert!(origins.may_try_code(Millis(59_999), other));
        assert!(origins.may_try_code(Millis(60_000), one));
        origins.wrong_code(Millis(60_000), one);
        assert!(origins.may_try_code(Millis(60_001), one));
    }

    #[test]
    fn new_sessions_are_counted_by_the_limit_of_connections() {
        // --max-per-address, and how many sessions that makes.
        for (each_max, want) in [(1, 300), (256, 300), (300, 300), (1_000, 1_000), (0, 5_000)] {
            let mut origins = Origins::new(each_max);
            assert_eq!(
                admitted(&mut origins, 7, origin(1), 5_000),
                want,
                "{each_max}"
            );
        }
        let mut origins = Origins::new(256);
        assert_eq!(admitted(&mut origins, 1_000, origin(1), 150), 150);
        assert_eq!(admitted(&mut origins, 31_000, origin(1), 500), 150);
        assert_eq!(origins.admit(Millis(31_000), origin(1)), Err(30_000));
        assert_eq!(origins.admit(Millis(60_999), origin(1)), Err(1));
        assert_eq!(admitted(&mut origins, 60_999, origin(2), 500), 300);
        assert_eq!(admitted(&mut origins, 61_000, origin(1), 500), 300);
    }

    #[test]
    fn a_full_table_forgets_the_oldest_and_refuses_nobody() {
        let mut origins = Origins::new(256);
        assert_eq!(admitted(&mut origins, 0, origin(0), 500), 300);
        for number in 1..ORIGINS_MAX {
            assert_eq!(origins.admit(Millis(1), origin(number)), Ok(()));
            origins.check_invariants();
        }
        assert!(
            origins.admit(Millis(2), origin(0)).is_err(),
            "full, and not forgotten"
        );
        // One more, and the first one is gone; the others are not.
        assert_eq!(origins.admit(Millis(3), origin(ORIGINS_MAX)), Ok(()));
        assert_eq!(admitted(&mut origins, 3, origin(2), 500), 299);
        assert_eq!(admitted(&mut origins, 4, origin(0), 500), 300);
        assert_eq!(origins.counts.len(), ORIGINS_MAX);
        origins.check_invariants();
    }

    #[test]
    fn what_is_over_gives_its_memory_back() {
        let mut origins = Origins::new(256);
        for number in 0..10_000 {
            origins.wrong_code(Millis(0), origin(number));
        }
        // Little by little while others come, and their minutes count.
        for number in 10_000..20_000 {
            origins.wrong_code(Millis(50_000), origin(number));
        }
        for number in 0..5_000 {
            origins.wrong_code(Millis(100_000), origin(number));
            assert_eq!(
                origins.current(Millis(100_000), origin(number)).wrong_codes,
                1
            );
            origins.check_invariants();
        }
        assert_eq!(origins.counts.len(), 15_000);
        assert_eq!(origins.order.len(), 15_000);
        // All at once when nobody came for a minute.
        origins.wrong_code(Millis(160_000), origin(0));
        assert_eq!((origins.counts.len(), origins.order.len()), (1, 1));
        assert!(origins.counts.capacity() < 100 && origins.order.capacity() < 100);
    }
}
