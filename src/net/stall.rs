//! Turns of the loop that took too long, and what took the time.
//!
//! One thread serves everybody, so a turn that is slow is slow for all. It is counted, and told in
//! the log at most once in [`TOLD_MS`]. Absent: the clock's place in the loop, and what to do.

use std::time::{Duration, Instant};

/// A turn that takes longer than this is slow: half of what a player begins to feel.
const SLOW: Duration = Duration::from_millis(50);
/// One line in that time says enough.
const TOLD_MS: u64 = 10_000;

/// What a turn spends its time on, in its order.
pub(crate) const PARTS: [&str; 5] = ["accepting", "reading", "timers", "writing", "removing"];

/// Looks at the clock between the parts of each turn.
#[derive(Debug)]
pub(crate) struct Watch {
    /// When the turn before this one was over: the sleep's begin.
    slept_from: Instant,
    /// When this turn began.
    woken: Instant,
    /// When each of its parts was over; those before `part` are of this turn.
    ends: [Instant; PARTS.len()],
    part: usize,
    slow: u64,
    told: Option<Instant>,
}

impl Watch {
    /// A watch at the begin of a first sleep.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            slept_from: now,
            woken: now,
            ends: [now; PARTS.len()],
            part: 0,
            slow: 0,
            told: None,
        }
    }

    /// How many turns were slow.
    pub(crate) fn slow(&self) -> u64 {
        self.slow
    }

    /// A sleep is over, that should have lasted so long at most; a line for the log if it did not.
    pub(crate) fn wake(&mut self, now: Instant, patience: Option<Duration>) -> Option<String> {
        let slept = now.saturating_duration_since(self.slept_from);
        self.woken = now;
        self.part = 0;
        let late = slept.saturating_sub(patience.unwrap_or(slept));
        if late < SLOW {
            return None;
        }
        self.slow += 1;
        self.at_most_often(now, || {
            let late_ms = late.as_millis();
            format!("a slow turn: the process did not run for {late_ms} ms: stopped, or starved")
        })
    }

    /// A part of the turn is over, and the next one begins. Nothing is reckoned with yet: nearly
    /// no turn is slow.
    pub(crate) fn lap(&mut self, now: Instant) {
        if let Some(end) = self.ends.get_mut(self.part) {
            *end = now;
        }
        self.part += 1;
    }

    /// The same for a part that had nothing to do, which is worth no look at the clock.
    pub(crate) fn skip(&mut self) {
        let last = self.part.checked_sub(1);
        let last = last.and_then(|last| self.ends.get(last));
        self.lap(last.copied().unwrap_or(self.woken));
    }

    /// The last part is over; how long the turn took, and a line for the log if it was slow.
    /// `what` says how much it did.
    pub(crate) fn end(
        &mut self,
        now: Instant,
        what: impl FnOnce() -> String,
    ) -> (Duration, Option<String>) {
        self.lap(now);
        self.slept_from = now;
        let total = now.saturating_duration_since(self.woken);
        if total < SLOW {
            return (total, None);
        }
        self.slow += 1;
        let begins = std::iter::once(self.woken).chain(self.ends);
        let spent = begins
            .zip(self.ends)
            .map(|(begin, end)| end.saturating_duration_since(begin));
        let longest = PARTS.into_iter().zip(spent).max_by_key(|pair| pair.1);
        let (part, spent) = longest.unwrap_or_default();
        let (total_ms, spent_ms) = (total.as_millis(), spent.as_millis());
        let line = self.at_most_often(now, || {
            format!(
                "a slow turn: {total_ms} ms, {spent_ms} of them for {part} ({})",
                what()
            )
        });
        (total, line)
    }

    fn at_most_often(&mut self, now: Instant, line: impl FnOnce() -> String) -> Option<String> {
        let told = Duration::from_millis(TOLD_MS);
        let last = self.told;
        if last.is_some_and(|last| now.saturating_duration_since(last) < told) {
            return None;
        }
        self.told = Some(now);
        Some(format!("{}; {} of them so far", line(), self.slow))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Watch;

    #[test]
    fn a_slow_turn_is_counted_and_told_with_its_cause_but_not_every_time() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut watch = Watch::new(start);
        let mut turn = |from: u64, patience: u64, parts: [u64; 5]| {
            let patience = Some(Duration::from_millis(patience));
            let woken = watch.wake(at(from), patience);
            let mut now = from;
            for part in parts.into_iter().take(4) {
                now += part;
                match part {
                    0 => watch.skip(),
                    _ => watch.lap(at(now)),
                }
            }
            let (took, ended) = watch.end(at(now + parts[4]), || "7 read".into());
            assert_eq!(took, Duration::from_millis(parts.iter().sum()));
            (woken, ended, watch.slow())
        };
        // From, patience, milliseconds of each part.
        assert_eq!(turn(100, 100, [9, 10, 10, 10, 10]), (None, None, 0));
        let told = "a slow turn: 60 ms, 40 of them for timers (7 read); 1 of them so far";
        let want = (None, Some(told.to_owned()), 1);
        assert_eq!(turn(200, 500, [5, 5, 40, 5, 5]), want);
        assert_eq!(turn(300, 500, [60, 0, 0, 0, 0]), (None, None, 2));
        assert_eq!(turn(380, 500, [0, 0, 0, 0, 0]), (None, None, 2));
        assert_eq!(turn(400, 20, [1, 1, 1, 1, 1]), (None, None, 2));
        // It was to sleep for a second at most, and slept nearly twenty.
        let (woken, ended, slow) = turn(20_000, 1_000, [1, 1, 1, 1, 1]);
        let woken = woken.expect("a line");
        assert!(woken.contains("did not run for 18595 ms"), "{woken}");
        assert_eq!((ended, slow), (None, 3));
        // What had nothing to do took no time.
        let want = "a slow turn: 51 ms, 50 of them for writing (7 read); 4 of them so far";
        assert_eq!(
            turn(31_000, 20_000, [1, 0, 0, 50, 0]).1.as_deref(),
            Some(want)
        );
    }

    #[test]
    fn a_sleep_without_an_end_is_never_late() {
        let start = Instant::now();
        let mut watch = Watch::new(start);
        let later = start + Duration::from_secs(1_000);
        assert_eq!(watch.wake(later, None), None);
        assert_eq!(watch.slow(), 0);
    }
}
