//! What the world counts.

use serde::{Deserialize, Deserializer, Serialize};

use crate::metrics::{Histogram, HistogramSnapshot};

/// Dense around `--robot-after` (1 s) and `--game-time` (3 s), where most waits end.
const WAIT_MS: [u64; 12] = [
    10, 100, 250, 500, 1_000, 1_100, 1_500, 2_000, 3_000, 5_000, 10_000, 60_000,
];
const LATENESS_MS: [u64; 10] = [0, 1, 2, 5, 10, 20, 50, 100, 500, 1_000];

/// Figures of the whole process, for the log and the metrics.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Rounds begun between two humans.
    pub human_rounds: u64,
    /// Rounds begun between a human and a robot.
    pub robot_rounds: u64,
    /// Sessions taken up again.
    pub resumed: u64,
    /// Sessions taken from the store.
    pub restored: u64,
    /// Sessions begun while the store could not be asked about their tokens.
    pub pending: u64,
    /// Private rooms made.
    pub private_rooms: u64,
    /// Milliseconds from a `join` to the round with a human.
    #[serde(deserialize_with = "carried_waits")]
    pub waits_for_human: Histogram<12>,
    /// Milliseconds from a `join` to the round with a robot.
    #[serde(deserialize_with = "carried_waits")]
    pub waits_for_robot: Histogram<12>,
    /// Milliseconds by which rounds ended after their deadline.
    #[serde(deserialize_with = "carried_lateness")]
    pub lateness: Histogram<10>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            human_rounds: 0,
            robot_rounds: 0,
            resumed: 0,
            restored: 0,
            pending: 0,
            private_rooms: 0,
            waits_for_human: Histogram::new(&WAIT_MS),
            waits_for_robot: Histogram::new(&WAIT_MS),
            lateness: Histogram::new(&LATENESS_MS),
        }
    }
}

fn carried_waits<'de, D: Deserializer<'de>>(from: D) -> Result<Histogram<12>, D::Error> {
    Ok(Histogram::import(
        &WAIT_MS,
        &HistogramSnapshot::deserialize(from)?,
    ))
}

fn carried_lateness<'de, D: Deserializer<'de>>(from: D) -> Result<Histogram<10>, D::Error> {
    Ok(Histogram::import(
        &LATENESS_MS,
        &HistogramSnapshot::deserialize(from)?,
    ))
}
