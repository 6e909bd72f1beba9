//! The rules of a round as pure functions: who wins, what it is worth.

use serde::{Deserialize, Serialize};

use crate::model::{Choice, is_default};

/// How a round ended for one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    Win,
    Lose,
    Draw,
}

/// Points of one player.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// Of all rounds, saturating.
    #[serde(default, skip_serializing_if = "is_default")]
    pub total: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub streak: u32,
}

impl Score {
    /// Whether it was worth anything yet.
    #[must_use]
    pub fn has_points(self) -> bool {
        0 < self.total
    }
}

/// Judges a round from the first hand's point of view.
///
/// No choice loses to any choice; two silent hands draw.
#[must_use]
pub fn judge(own: Option<Choice>, other: Option<Choice>) -> Judgement {
    use Choice::{Paper, Rock, Scissors};
    match (own, other) {
        (own, other) if own == other => Judgement::Draw,
        (None, _) => Judgement::Lose,
        (_, None) => Judgement::Win,
        (Some(Rock), Some(Scissors))
        | (Some(Scissors), Some(Paper))
        | (Some(Paper), Some(Rock)) => Judgement::Win,
        _ => Judgement::Lose,
    }
}

/// Applies a judgement; returns the new score and the points of this round.
///
/// A win is worth the length of the streak it makes, a draw keeps the streak, a loss ends it.
#[must_use]
pub fn score(before: Score, judgement: Judgement) -> (Score, u32) {
    match judgement {
        Judgement::Win => {
            let streak = before.streak.saturating_add(1);
            (
                Score {
                    total: before.total.saturating_add(streak),
                    streak,
                },
                streak,
            )
        }
        Judgement::Lose => (
            Score {
                streak: 0,
                ..before
            },
            0,
        ),
        Judgement::Draw => (before, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::Judgement::{Draw, Lose, Win};
    use super::*;

    #[track_caller]
    fn check(first: Option<Choice>, second: Option<Choice>, want: Judgement) {
        let mirrored = match want {
            Win => Lose,
            Lose => Win,
            Draw => Draw,
        };
        assert_eq!(judge(first, second), want, "{first:?} against {second:?}");
        assert_eq!(
            judge(second, first),
            mirrored,
            "{second:?} against {first:?}"
        );
    }

    #[test]
    fn every_pairing() {
        let [s, r, p] = Choice::ALL.map(Some);
        #[rustfmt::skip]
        let table = [
            (r, r, Draw), (r, s, Win), (r, p, Lose), (r, None, Win),
            (s, s, Draw), (s, p, Win), (s, None, Win),
            (p, p, Draw), (p, None, Win), (None, None, Draw),
        ];
        for (first, second, want) in table {
            check(first, second, want);
        }
    }

    #[test]
    fn a_streak_makes_wins_worth_more() {
        let mut at = Score::default();
        let mut points = Vec::new();
        for judgement in [Win, Win, Draw, Win, Lose, Draw, Win] {
            let (next, round) = score(at, judgement);
            points.push((round, next.total, next.streak));
            at = next;
        }
        let want = [
            (1, 1, 1),
            (2, 3, 2),
            (0, 3, 2),
            (3, 6, 3),
            (0, 6, 0),
            (0, 6, 0),
            (1, 7, 1),
        ];
        assert_eq!(points, want);
        let full = Score {
            total: u32::MAX - 1,
            streak: u32::MAX,
        };
        assert_eq!(
            score(full, Win).0,
            Score {
                total: u32::MAX,
                streak: u32::MAX
            }
        );
    }
}
