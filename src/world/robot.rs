//! A robot's behaviour: when it moves and what it shows.
//!
//! It chooses 10 ms after the start and then again and again, so that the human sees it at work. It
//! answers most faces that it is shown with one of its own, a little later and never two at once.

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use crate::model::{Avatar, Choice, Face, Movement, Name, PlayerId, Profile, Uid};
use crate::time::Millis;

/// From the start of a round to the first choice.
const FIRST_MOVE_MS: u64 = 10;
/// Between two choices.
const NEXT_MOVE_MS: std::ops::RangeInclusive<u64> = 100..=4_100;

/// From a face that it sees to its own.
const FACE_MS: std::ops::RangeInclusive<u64> = 400..=1_200;
/// After its own it does not look at any for so long.
const FACE_REST_MS: u64 = 1_000;
/// Of so many faces it answers all but one.
const FACES: u32 = 4;

/// A robot on its seat; it lives for one round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Robot {
    pub(super) profile: Profile,
    moves_at: Millis,
    /// When it shows a face, if it is about to.
    #[serde(skip_serializing_if = "Option::is_none")]
    face_at: Option<Millis>,
    /// From when on it looks at faces.
    looks_at: Millis,
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
            face_at: None,
            looks_at: now,
        }
    }

    /// When it does something next.
    pub(super) fn acts_at(&self) -> Millis {
        self.face_at
            .map_or(self.moves_at, |at| at.min(self.moves_at))
    }

    /// Does what its time has come for; a choice is left in `choice`, which nobody is told.
    pub(super) fn act(&mut self, choice: &mut Option<Choice>, rng: &mut Rng) -> Movement {
        match self.face_at.take_if(|at| *at <= self.moves_at) {
            Some(at) => {
                self.looks_at = at + FACE_REST_MS;
                Movement::Face(Face(rng.u32(Face::KNOWN)))
            }
            None => {
                *choice = Some(self.choose(rng));
                Movement::Choice
            }
        }
    }

    /// Is shown a face, and may answer it.
    pub(super) fn see_face(&mut self, now: Millis, rng: &mut Rng) {
        if self.face_at.is_none() && self.looks_at <= now && rng.u32(..FACES) != 0 {
            self.face_at = Some(now + rng.u64(FACE_MS));
        }
    }

    /// Chooses, and sets the time of the next choice.
    fn choose(&mut self, rng: &mut Rng) -> Choice {
        self.moves_at = self.moves_at + rng.u64(NEXT_MOVE_MS);
        Choice::ALL[rng.usize(0..Choice::ALL.len())]
    }
}

/// Whose rounds against robots ended last, and when: of the two latest, each once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct LastRounds([Option<(Millis, PlayerId)>; 2]);

impl LastRounds {
    /// Notes that one's round ended.
    pub(super) fn note(&mut self, at: Millis, id: PlayerId) {
        let [first, second] = self.0;
        let others = [first, second].map(|it| it.filter(|&(_, other)| other != id));
        let mut all = [Some((at, id)), others[0], others[1]];
        // The later of two of one moment goes first.
        all.sort_by_key(|it| std::cmp::Reverse(it.map(|(at, _)| at)));
        self.0 = [all[0], all[1]];
    }

    /// The latest of all but this one's.
    pub(super) fn of_another(&self, id: PlayerId) -> Option<(Millis, PlayerId)> {
        self.0.into_iter().flatten().find(|&(_, other)| other != id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::Slots;

    #[test]
    fn the_last_rounds_are_those_of_two_players() {
        let mut slots = Slots::default();
        let [a, b, c] = [(); 3].map(|()| slots.insert(()));
        let mut last = LastRounds::default();
        assert_eq!(last.of_another(a), None);
        last.note(Millis(5), a);
        assert_eq!(last.of_another(a), None);
        last.note(Millis(7), b);
        last.note(Millis(9), a);
        assert_eq!(last.of_another(a), Some((Millis(7), b)));
        assert_eq!(last.of_another(c), Some((Millis(9), a)));
        // One that is told late is not the last.
        last.note(Millis(8), c);
        assert_eq!(last.of_another(a), Some((Millis(8), c)));
        assert_eq!(last.of_another(c), Some((Millis(9), a)));
    }

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
    fn a_robot_answers_most_faces_once_in_its_time_and_not_too_often() {
        let mut rng = Rng::with_seed(1);
        let mut answers = 0;
        for _ in 0..1_000 {
            let mut robot = Robot::new(Millis(0), &mut 0, &Uid::robot(9));
            let seen = Millis(20);
            robot.moves_at = Millis(9_000);
            robot.see_face(seen, &mut rng);
            let Some(at) = robot.face_at else {
                assert_eq!(robot.acts_at(), robot.moves_at);
                continue;
            };
            answers += 1;
            assert!(FACE_MS.contains(&at.since(seen)), "{at}");
            // Others meanwhile change nothing.
            robot.see_face(seen + 100, &mut rng);
            assert_eq!(robot.acts_at(), at);
            let mut choice = None;
            let movement = robot.act(&mut choice, &mut rng);
            let Movement::Face(Face(face)) = movement else {
                panic!("{movement:?}");
            };
            assert!(Face::KNOWN.contains(&face) && choice.is_none(), "{face}");
            for later in 0..FACE_REST_MS {
                robot.see_face(at + later, &mut rng);
            }
            assert_eq!(robot.face_at, None, "it rests");
        }
        assert!((700..800).contains(&answers), "{answers}");
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
