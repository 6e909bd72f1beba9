//! The last hour, a sample every ten seconds, in a ring that never grows.
//!
//! Absent: a clock; the loop says when ten seconds are over.

use crate::metrics::Histogram;

/// An hour of samples.
const SAMPLES_MAX: usize = 360;

/// What the status page plots.
#[derive(Debug, Default)]
pub(crate) struct History {
    samples: Vec<Sample>,
    /// The oldest one's place, once the ring is full.
    oldest: usize,
    rounds_before: u64,
    turns_before: Option<Histogram<16>>,
}

/// Ten seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Connections open at their end.
    pub(crate) open: u32,
    pub(crate) rounds: u32,
    /// The 99th percentile of their turns, in microseconds.
    pub(crate) turn_p99_us: u32,
}

impl History {
    /// What the program before this one saw, oldest first, and what was counted by then.
    pub(crate) fn taken(samples: Vec<Sample>, rounds: u64, turns: &Histogram<16>) -> Self {
        Self {
            samples: samples.into_iter().take(SAMPLES_MAX).collect(),
            oldest: 0,
            rounds_before: rounds,
            turns_before: Some(*turns),
        }
    }

    /// Ten seconds are over; `rounds` and `turns` count since the start.
    pub(crate) fn add(&mut self, open: usize, rounds: u64, turns: &Histogram<16>) {
        let fresh = match &self.turns_before {
            Some(before) => turns.since(before),
            None => *turns,
        };
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let sample = Sample {
            open: narrow(open as u64),
            rounds: narrow(rounds - self.rounds_before),
            turn_p99_us: narrow(fresh.percentile(99)),
        };
        self.rounds_before = rounds;
        self.turns_before = Some(*turns);
        if self.samples.len() < SAMPLES_MAX {
            self.samples.push(sample);
        } else if let Some(place) = self.samples.get_mut(self.oldest) {
            *place = sample;
            self.oldest = (self.oldest + 1) % SAMPLES_MAX;
        }
    }

    /// All samples, oldest first.
    pub(crate) fn samples(&self) -> impl Iterator<Item = Sample> {
        let (newer, older) = self.samples.split_at(self.oldest);
        older.iter().chain(newer).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::{History, SAMPLES_MAX};
    use crate::metrics::Histogram;

    #[test]
    fn an_hour_is_kept_and_no_more() {
        let mut history = History::default();
        let mut turns = Histogram::new(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 100]);
        let count = SAMPLES_MAX + 5;
        for number in 0..count {
            turns.observe(number as u64 % 10);
            history.add(number, 2 * number as u64, &turns);
        }
        let samples: Vec<_> = history.samples().collect();
        assert_eq!(samples.len(), SAMPLES_MAX);
        let opens: Vec<_> = samples.iter().map(|sample| sample.open).collect();
        let want: Vec<_> = (5..count as u32).collect();
        assert_eq!(opens, want);
        assert!(samples.iter().all(|sample| sample.rounds == 2));
        // Each sample knows its own turn only.
        assert_eq!(samples[4].turn_p99_us, 9);
        assert_eq!(samples[5].turn_p99_us, 1);
    }
}
