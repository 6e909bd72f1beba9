//! The clock on the wall: what the game is told of it.
//!
//! People and time servers set it, so no duration is measured by it; it says when a signed token is
//! over, and which week it is. The game is told once, and goes on by the loop's own clock; every
//! turn looks whether that still is the time, for a call that costs some 30 ns, and tells it anew
//! after a jump: a machine that slept, or whose clock was set. Absent: what is decided by it.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::hub::CLOCK_MIN_S;
use crate::time::Millis;

/// How far the two may be apart: time servers push a clock by less in a day than this.
const APART_S: u64 = 1;

/// What was told last.
#[derive(Debug, Default)]
pub(crate) struct Wall {
    told: Option<(Millis, u64)>,
}

impl Wall {
    /// The time, if it is another one than was told: seconds since 1970, 0 for all before.
    pub(crate) fn look(&mut self, now: Millis) -> Option<u64> {
        self.compare(now, unix_s())
    }

    fn compare(&mut self, now: Millis, unix_s: u64) -> Option<u64> {
        let goes_on = |(at, told_s): (Millis, u64)| {
            let should_be = told_s.saturating_add(now.since(at) / 1_000);
            should_be.abs_diff(unix_s) <= APART_S
        };
        if self.told.is_some_and(goes_on) {
            return None;
        }
        let was_wrong = self.told.is_some_and(|(_, told_s)| told_s < CLOCK_MIN_S);
        self.told = Some((now, unix_s));
        if unix_s < CLOCK_MIN_S && !was_wrong {
            log::warn!(
                "the machine's clock cannot be right: until it is set, nobody signs in and nobody \
                 is ranked"
            );
        }
        Some(unix_s)
    }
}

/// Seconds since 1970 by the clock that people set; 0 for all before.
pub(crate) fn unix_s() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_once_and_after_a_jump() {
        const T: u64 = 1_767_225_600;
        let mut wall = Wall::default();
        let mut told = |now: u64, unix_s| wall.compare(Millis(now), unix_s);
        assert_eq!(told(500, T), Some(T));
        // The two do not tick together.
        for (now, unix_s) in [
            (500, T),
            (1_400, T + 1),
            (2_499, T + 2),
            (3_600_500, T + 3_599),
        ] {
            assert_eq!(told(now, unix_s), None, "{now}");
        }
        // It is set, forwards and back; the machine slept.
        assert_eq!(told(3_600_600, T + 7_200), Some(T + 7_200));
        assert_eq!(told(3_600_700, T), Some(T));
        assert_eq!(told(3_600_800, T), None);
        assert_eq!(told(3_600_900, 0), Some(0));
        assert_eq!(told(3_604_900, 4), None);
        assert_eq!(told(3_605_000, T), Some(T));
    }

    #[test]
    fn the_real_one_is_told() {
        let mut wall = Wall::default();
        assert!(
            wall.look(Millis(0))
                .is_some_and(|unix_s| CLOCK_MIN_S < unix_s)
        );
    }
}
