//! A robot's behaviour: when it moves and what it shows.
//!
//! It chooses 10 ms after the start and then again and again, so that the human sees it at work.

use fastrand::Rng;

use crate::model::{Avatar, Choice, Name, Profile, Uid};
use crate::time::Millis;

/// From the start of a round to the first choice.
const FIRST_MOVE_MS: u64 = 10;
/// Between two choices.
const NEXT_MOVE_MS: std::ops::RangeInclusive<u64> = 100..=4_100;

/// A robot on its seat; it lives for one round.
#[derive(Debug)]
pub(super) struct Robot {
    pub(super) profile: Profile,
    pub(super) moves_at: Millis,
}

impl Robot {
    /// Takes a seat at the start of a round. Numbers that would give it its opponent's uid are
    /// passed over; `last_number` counts all robots of the world.
    pub(super) fn new(now: Millis, last_number: &mut u64, opponent: &Uid) -> Self {
        let uid = loop {
            *last_number += 1;
            let uid = Uid::robot(*last_number);
            if uid != *opponent {
                break uid;
            }
        };
        let name = Name::new(uid.as_str());
        Self {
            profile: Profile {
                uid,
                name,
                avatar: Avatar::Robot,
            },
            moves_at: now + FIRST_MOVE_MS,
        }
    }

    /// Chooses, and sets the time of the next choice.
    pub(super) fn choose(&mut self, rng: &mut Rng) -> Choice {
        self.moves_at = self.moves_at + rng.u64(NEXT_MOVE_MS);
        Choice::ALL[rng.usize(0..Choice::ALL.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_robot_never_takes_its_opponents_uid() {
        let mut last = 0;
        let opponent = Uid::robot(2);
        let uids: Vec<_> = (0..3)
            .map(|_| {
                Robot::new(Millis(0), &mut last, &opponent)
                    .profile
                    .uid
                    .to_string()
            })
            .collect();
        assert_eq!(uids, ["robot-1", "robot-3", "robot-4"]);
    }

    #[test]
    fn a_robot_shows_all_three_hands_equally_often() {
        let mut rng = Rng::with_seed(1);
        let mut robot = Robot::new(Millis(0), &mut 0, &Uid::robot(9));
        let mut counts = [0; 3];
        for _ in 0..9_000 {
            let before = robot.moves_at;
            counts[usize::from(robot.choose(&mut rng).to_wire()) - 1] += 1;
            assert!(NEXT_MOVE_MS.contains(&robot.moves_at.since(before)));
        }
        assert!(
            counts.iter().all(|count| (2_800..3_200).contains(count)),
            "{counts:?}"
        );
    }
}
