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

use serde::{Deserialize, Serialize};

use super::recent::Recent;
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
    recent: Recent<Origin, Counts>,
}

/// What one origin did since its minute began.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Counts {
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
            recent: Recent::new(ORIGINS_MAX, WINDOW_MS),
        }
    }

    /// Whether another room code may be tried from there.
    pub(super) fn may_try_code(&self, now: Millis, origin: Origin) -> bool {
        let counts = self.recent.get(now, origin);
        counts.is_none_or(|(counts, _)| counts.wrong_codes < WRONG_CODES_MAX)
    }

    /// Notes a wrong room code.
    pub(super) fn wrong_code(&mut self, now: Millis, origin: Origin) {
        self.recent.entry(now, origin).wrong_codes += 1;
    }

    /// A code that was taken for wrong is right.
    pub(super) fn right_code(&mut self, now: Millis, origin: Origin) {
        let wrong_codes = &mut self.recent.entry(now, origin).wrong_codes;
        *wrong_codes = wrong_codes.saturating_sub(1);
    }

    /// Counts a new session.
    ///
    /// # Errors
    ///
    /// It is one too many, and not counted; the milliseconds until this minute is over.
    pub(super) fn admit(&mut self, now: Millis, origin: Origin) -> Result<(), u64> {
        if let Some((counts, left_ms)) = self.recent.get(now, origin)
            && self.newcomers_max <= counts.newcomers
        {
            return Err(left_ms);
        }
        self.recent.entry(now, origin).newcomers += 1;
        Ok(())
    }

    /// What the origins did, in the order in which their minutes began.
    pub(super) fn export(&self, now: Millis) -> Vec<(Millis, Origin, Counts)> {
        self.recent.export(now)
    }

    /// Goes on from there, with nobody known yet.
    pub(super) fn import(&mut self, counts: Vec<(Millis, Origin, Counts)>) {
        self.recent.import(counts);
    }

    /// What must hold between any two calls.
    #[cfg(any(debug_assertions, test))]
    pub(super) fn check_invariants(&self) {
        self.recent.check_invariants();
    }
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
        origins.check_invariants();
    }
}
