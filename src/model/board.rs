//! The board: points from rounds between two persons, by week.
//!
//! Absent: who may be on it, and how a place is found.

use serde::{Deserialize, Serialize};

use super::{Profile, StoredProfile};

/// A week by its number: Monday 1970-01-05, 00:00 UTC, began the first one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Week(pub u32);

impl Week {
    /// No week: all of them together.
    pub const EVER: Self = Self(0);

    /// The week of a date in seconds since 1970-01-01 00:00 UTC; `None`: before the first one.
    #[must_use]
    pub fn of(unix: u64) -> Option<Self> {
        // 1970-01-01 was a Thursday.
        let week = (unix / 86_400 + 3) / 7;
        u32::try_from(week)
            .ok()
            .map(Self)
            .filter(|week| *week != Self::EVER)
    }
}

/// Which of the boards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Board {
    /// This week's.
    Week,
    /// That of all weeks.
    Ever,
}

impl Board {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Week, Self::Ever];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Week => "week",
            Self::Ever => "ever",
        }
    }
}

/// Points for the board that one round, or several of one week, brought a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ranked {
    /// Of the end of the rounds.
    pub week: Week,
    /// To be added there, and to those of all weeks.
    pub points: u32,
    /// The end of the last of these rounds, in seconds since 1970: of two with as many points the
    /// one stands first who had them first.
    pub at: u64,
}

/// A row of the board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardRow {
    /// Whose it is, as others see them.
    pub profile: StoredProfile,
    /// How many points.
    pub points: u32,
}

/// Where a person stands on a board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Its own row.
    pub own: BoardRow,
    /// 1 for the first, as long as it is one of the first [`PLACES_MAX`](Self::PLACES_MAX).
    pub place: Option<u32>,
    /// For those below: so many percent of all, 1 to 100, have at least as many points.
    pub percent: Option<u32>,
    /// Those right before it, the best first.
    pub above: Vec<BoardRow>,
    /// Those right behind it.
    pub below: Vec<BoardRow>,
}

impl Standing {
    /// How many are told their exact place.
    pub const PLACES_MAX: u32 = 1_000;
    /// How many are told of those before somebody, and as many of those behind.
    pub const AROUND: usize = 2;
}

/// A row of the board as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardPlayer {
    /// 1 for the first; `None`: behind those who are told theirs.
    pub place: Option<u32>,
    pub profile: Profile,
    pub points: u32,
}

/// Where its player stands, as it is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rank {
    pub place: Option<u32>,
    pub percent: Option<u32>,
    /// 0: it is not on the board.
    pub points: u32,
    /// Those right before it, itself, those right behind it.
    pub players: Vec<BoardPlayer>,
}

/// How many a board shows.
pub const BOARD_ROWS: usize = 10;

#[cfg(test)]
mod tests {
    use super::Week;

    #[test]
    fn a_week_begins_on_monday_at_midnight() {
        // `date -u -d '2027-01-18 00:00' +%s`, a Monday, and the second before it.
        let monday = 1_800_230_400;
        let week = Week::of(monday);
        assert_eq!(week, Some(Week(2_977)));
        assert_eq!(Week::of(monday + 7 * 86_400 - 1), week);
        assert_eq!(Week::of(monday - 1), Some(Week(2_976)));
        assert_eq!(Week::of(4 * 86_400), Some(Week(1)));
        assert_eq!(Week::of(4 * 86_400 - 1), None);
        assert_eq!(Week::of(u64::MAX), None);
    }
}
