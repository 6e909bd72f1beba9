//! The one place where the store asks what day it is.
//!
//! Ages over restarts need a clock that goes on while nobody runs, so it is one that people and
//! time servers set. Nothing is deleted by it until it went on steadily for ten minutes: a machine
//! that starts with a wrong date has it mended by then, and nobody's points were too old meanwhile.

use std::time::{Duration, Instant, SystemTime};

use super::engine::Unix;

/// Before this nobody ran this program: 2026-01-01 00:00 UTC.
const EARLIEST: Unix = Unix(1_767_225_600);
/// How long a clock has to go on steadily before anything is too old by it.
const STEADY: Duration = Duration::from_secs(600);
/// How far it may drift from the steady one meanwhile: time servers push it by less.
const DRIFT_SECONDS: u64 = 60;

/// How far another clock is ahead of this machine's, in seconds; 0 as long as that may be by the
/// time that asking took.
///
/// # Errors
///
/// Those of asking.
#[cfg(feature = "redis")]
pub(super) fn lead_of<E>(ask: impl FnOnce() -> Result<Duration, E>) -> Result<i64, E> {
    let before = since_1970();
    let there = ask()?;
    Ok(lead(before, there, since_1970()))
}

#[cfg(any(feature = "redis", test))]
fn lead(before: Duration, there: Duration, after: Duration) -> i64 {
    // To the millisecond: other clocks are not told more exactly.
    let [before, there, after] = [before, there, after].map(|time| time.as_millis());
    let seconds = |ms: u128| i64::try_from((ms + 500) / 1000).unwrap_or(i64::MAX);
    match there {
        early if early < before => -seconds(before - early),
        late => seconds(late.saturating_sub(after)),
    }
}

/// The date, and whether it can be trusted.
pub(super) struct Clock {
    /// When it last was what it is now, give or take the time that went by.
    since: Instant,
    then: Unix,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self {
            since: Instant::now(),
            then: read(),
        }
    }

    /// A text that no other process has, nor another clock of this one.
    #[cfg(feature = "redis")]
    pub(super) fn mark(&self) -> String {
        let place: *const Self = self;
        let process = std::process::id();
        format!(
            "{:x}-{process:x}-{:x}",
            since_1970().as_nanos(),
            place.addr()
        )
    }

    /// Now, never before the program was written.
    pub(super) fn now(&self) -> Unix {
        read().max(EARLIEST)
    }

    /// Whether it is steady enough to delete by.
    pub(super) fn is_steady(&mut self) -> bool {
        self.judge(Instant::now(), read())
    }

    fn judge(&mut self, instant: Instant, now: Unix) -> bool {
        let passed = instant.saturating_duration_since(self.since);
        let expected = self.then.0.saturating_add(passed.as_secs());
        if now < EARLIEST || DRIFT_SECONDS < now.0.abs_diff(expected) {
            (self.since, self.then) = (instant, now);
            return false;
        }
        STEADY <= passed
    }
}

fn read() -> Unix {
    Unix(since_1970().as_secs())
}

fn since_1970() -> Duration {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Clock, EARLIEST, Unix, lead};

    #[test]
    fn a_clock_is_ahead_by_what_asking_it_does_not_explain() {
        let check = |before, there, after, ahead| {
            let [before, there, after] = [before, there, after].map(Duration::from_millis);
            assert_eq!(
                lead(before, there, after),
                ahead,
                "{before:?} {there:?} {after:?}"
            );
        };
        check(5_000, 5_000, 5_000, 0);
        check(5_000, 5_900, 6_000, 0);
        check(5_000, 6_400, 6_000, 0);
        check(5_000, 9_000, 6_000, 3);
        check(5_000, 4_600, 6_000, 0);
        check(5_000, 400, 6_000, -5);
        check(u64::MAX, 0, u64::MAX, -18_446_744_073_709_552);
    }

    #[test]
    fn nothing_is_deleted_by_a_clock_that_jumped() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let day = EARLIEST.0 + 86_400;
        let mut clock = Clock {
            since: start,
            then: Unix(day),
        };
        assert!(!clock.judge(after(599), Unix(day + 599)));
        assert!(clock.judge(after(600), Unix(day + 605)));
        // Thirty years on: it waits again, and goes on from there.
        let later = day + 1_000_000_000;
        assert!(!clock.judge(after(700), Unix(later)));
        assert!(!clock.judge(after(1_299), Unix(later + 599)));
        assert!(clock.judge(after(1_300), Unix(later + 600)));
        // Back to what it was, and to a date that cannot be.
        assert!(!clock.judge(after(1_400), Unix(day + 1_400)));
        assert!(!clock.judge(after(9_000), Unix(0)));
        assert!(!clock.judge(after(90_000), Unix(81_000)));
    }
}
