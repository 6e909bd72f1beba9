//! One player: who it is, whether it can be reached, and what it needs to play.

use std::rc::Rc;

use serde::{Deserialize, Deserializer, Serialize};

use super::RoomId;
use super::persons::Identity;
use super::room::STAY_MS;
use super::rules::Score;
use super::stored::Account;
use crate::model::{Card, ConnId, Generation, Movement, ResultRow, Token, is_default};
use crate::time::Millis;

/// Somebody who said `hello`, or `join`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Player {
    pub(super) card: Card,
    pub(super) generation: Generation,
    /// v2 players have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<Token>,
    pub(super) link: Link,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) score: Score,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) room: Option<RoomId>,
    /// v2: its seat or its place in the lobby went while it was absent, and it is yet to be told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) unseated: bool,
    /// What not every player has.
    #[serde(rename = "play", default, skip_serializing_if = "More::is_blank")]
    pub(super) more: More,
}

const _: () = assert!(size_of::<Player>() <= 96, "one for every player");

/// What only some players need, apart from it: what their rounds leave for a minute, and what for
/// longer. One object in a snapshot.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Carried")]
pub(super) struct More {
    /// From its first round or `movement` on, until that is of no account any more
    /// ([`Player::forget_past`]).
    #[serde(flatten)]
    pub(super) play: Option<Box<Play>>,
    /// From its first dealing with the store on; persons have it.
    #[serde(flatten)]
    pub(super) lasting: Option<Box<Lasting>>,
}

/// What somebody who plays, or has just played, needs.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Play {
    /// When the original's button is freed ([`super::original`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) frozen_until: Option<Millis>,
    /// v2: the last result, for one who comes back. A snapshot tells it once for both who were
    /// told.
    #[serde(skip)]
    pub(super) last_result: LastResult,
    /// v2: when the round against a robot ended that it comes straight from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) robot_left: Option<Millis>,
    /// From when on it may be sent a `movement` again, by kind.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) relay_free_at: [Millis; 2],
    /// A `movement` of its partner's that waits for that, by kind.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) held: [Option<Movement>; 2],
    /// The earliest timer that is armed for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) armed: Option<Millis>,
}

/// What lasts as long as its session: what that has in the store, and whose it is.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Lasting {
    /// Its session's dealings with the store, if it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<Account>,
    /// Whose session it is, if it is a person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) identity: Option<Box<Identity>>,
}

const _: () = assert!(
    size_of::<Lasting>() <= 56,
    "one for every player with points"
);

/// [`More`] as it is read: in one pass, which the parts that it is put together from would not be.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Carried {
    frozen_until: Option<Millis>,
    /// The first snapshots told it here.
    #[serde(deserialize_with = "carried_result")]
    last_result: LastResult,
    robot_left: Option<Millis>,
    relay_free_at: [Millis; 2],
    held: [Option<Movement>; 2],
    armed: Option<Millis>,
    account: Option<Account>,
    identity: Option<Box<Identity>>,
}

impl From<Carried> for More {
    fn from(carried: Carried) -> Self {
        let play = Play {
            frozen_until: carried.frozen_until,
            last_result: carried.last_result,
            robot_left: carried.robot_left,
            relay_free_at: carried.relay_free_at,
            held: carried.held,
            armed: carried.armed,
        };
        let lasting = Lasting {
            account: carried.account,
            identity: carried.identity,
        };
        Self {
            play: (!play.is_blank() || play.last_result.is_some()).then(|| Box::new(play)),
            lasting: (!lasting.is_blank()).then(|| Box::new(lasting)),
        }
    }
}

impl More {
    /// Whether a snapshot has nothing to say of it.
    fn is_blank(&self) -> bool {
        self.play.as_deref().is_none_or(Play::is_blank)
            && self.lasting.as_deref().is_none_or(Lasting::is_blank)
    }
}

impl Play {
    /// Whether a snapshot has nothing to say of it; results are told there by themselves.
    fn is_blank(&self) -> bool {
        self.frozen_until.is_none()
            && self.robot_left.is_none()
            && self.relay_free_at == <[Millis; 2]>::default()
            && self.held == [None; 2]
            && self.armed.is_none()
    }

    /// Whether nobody asks for any of it from `now` on.
    fn is_over(&self, now: Millis) -> bool {
        self.frozen_until.is_none()
            && self.result_to_repeat(now).is_none()
            && !self.comes_from_robot(now)
            && self.relay_free_at.iter().all(|&free_at| free_at <= now)
            && self.held == [None; 2]
            && self.armed.is_none()
    }

    /// The last result, and when it was told, as long as it may be told again.
    pub(super) fn result_to_repeat(&self, now: Millis) -> Option<&(Millis, Rc<[ResultRow; 2]>)> {
        let result = self.last_result.as_ref();
        result.filter(|(at, _)| now.since(*at) < RESULT_KEPT_MS)
    }

    /// Whether it comes straight from a round against a robot.
    fn comes_from_robot(&self, now: Millis) -> bool {
        let left = self.robot_left;
        left.is_some_and(|left| now.since(left) < STAY_MS)
    }
}

impl Lasting {
    fn is_blank(&self) -> bool {
        self.account.is_none() && self.identity.is_none()
    }
}

/// How long a result is repeated to one who comes back.
const RESULT_KEPT_MS: u64 = 60_000;

/// A result and when it was told; the two players of a round share it.
type LastResult = Option<(Millis, Rc<[ResultRow; 2]>)>;

/// Whether a player can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Link {
    Online(ConnId),
    /// Connected, but in the background since then.
    Away(ConnId, Millis),
    Offline {
        /// Since when it is absent: away before it was lost, it has been so since then.
        since: Millis,
        /// When a v2 player's session ends.
        expires_at: Millis,
    },
}

impl Link {
    pub(super) fn conn(self) -> Option<ConnId> {
        match self {
            Self::Online(conn) | Self::Away(conn, _) => Some(conn),
            Self::Offline { .. } => None,
        }
    }

    pub(super) fn is_online(self) -> bool {
        matches!(self, Self::Online(_))
    }

    pub(super) fn absent_since(self) -> Option<Millis> {
        match self {
            Self::Online(_) => None,
            Self::Away(_, since) | Self::Offline { since, .. } => Some(since),
        }
    }
}

impl Player {
    pub(super) fn is_v2(&self) -> bool {
        self.generation == Generation::V2
    }

    pub(super) fn play(&self) -> Option<&Play> {
        self.more.play.as_deref()
    }

    pub(super) fn play_mut(&mut self) -> Option<&mut Play> {
        self.more.play.as_deref_mut()
    }

    pub(super) fn begin_play(&mut self) -> &mut Play {
        self.more.play.get_or_insert_default()
    }

    pub(super) fn lasting(&self) -> Option<&Lasting> {
        self.more.lasting.as_deref()
    }

    pub(super) fn lasting_mut(&mut self) -> Option<&mut Lasting> {
        self.more.lasting.as_deref_mut()
    }

    pub(super) fn begin_lasting(&mut self) -> &mut Lasting {
        self.more.lasting.get_or_insert_default()
    }

    /// Whether it comes straight from a round against a robot.
    pub(super) fn comes_from_robot(&self, now: Millis) -> bool {
        self.play().is_some_and(|play| play.comes_from_robot(now))
    }

    /// What its partner did and it has not been told is not worth telling any more.
    pub(super) fn forget_held(&mut self) {
        if let Some(play) = self.play_mut() {
            play.held = [None, None];
        }
    }

    /// Gives back the memory of rounds that are of no account any more, unless it may play on where
    /// it sits. Nobody sees that.
    pub(super) fn forget_past(&mut self, now: Millis) {
        if self.room.is_none() && self.play().is_some_and(|play| play.is_over(now)) {
            self.more.play = None;
        }
    }
}

fn carried_result<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LastResult, D::Error> {
    let result = Option::<(Millis, [ResultRow; 2])>::deserialize(deserializer)?;
    Ok(result.map(|(at, rows)| (at, Rc::new(rows))))
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::{Play, RESULT_KEPT_MS, STAY_MS};
    use crate::model::{
        Avatar, ConnId, Generation, Join, Movement, Name, PlayerId, Profile, Request, ResultRow,
        Token, Uid,
    };
    use crate::time::Millis;
    use crate::world::{Effect, Rules, World};

    const GAME_TIME_MS: u64 = 1_000;

    fn row(uid: &str) -> ResultRow {
        ResultRow {
            uid: Uid::new(uid).expect("a uid"),
            round_score: 0,
            total_score: 0,
            win_streak: 0,
            choice: None,
        }
    }

    #[test]
    fn play_is_over_when_the_last_of_it_is() {
        let last_result = Some((Millis(1_000), Rc::new([row("ann"), row("bob")])));
        let idle = Play::default;
        for (play, over_at) in [
            (idle(), Some(0)),
            (
                Play {
                    last_result,
                    ..idle()
                },
                Some(1_000 + RESULT_KEPT_MS),
            ),
            (
                Play {
                    robot_left: Some(Millis(7)),
                    ..idle()
                },
                Some(7 + STAY_MS),
            ),
            (
                Play {
                    relay_free_at: [Millis(0), Millis(9)],
                    ..idle()
                },
                Some(9),
            ),
            (
                Play {
                    frozen_until: Some(Millis(9)),
                    ..idle()
                },
                None,
            ),
            (
                Play {
                    held: [Some(Movement::Choice), None],
                    ..idle()
                },
                None,
            ),
            (
                Play {
                    armed: Some(Millis(9)),
                    ..idle()
                },
                None,
            ),
        ] {
            let Some(over_at) = over_at else {
                assert!(
                    !play.is_over(Millis(u64::MAX)),
                    "{play:?} waits for a timer"
                );
                continue;
            };
            assert!(play.is_over(Millis(over_at)), "{play:?}");
            if let Some(before) = over_at.checked_sub(1) {
                assert!(!play.is_over(Millis(before)), "{play:?}");
            }
        }
    }

    /// A world in which a lone player gets its robot at once, and a round lasts a second.
    struct Rounds {
        world: World,
        last: u8,
        now: Millis,
    }

    impl Rounds {
        fn enter(&mut self) -> PlayerId {
            self.last += 1;
            let last = self.last;
            let mut entropy = move |bytes: &mut [u8]| bytes.fill(last);
            let profile = Profile {
                uid: Uid::new(&self.last.to_string()).expect("a uid"),
                name: Name::new("Ann"),
                avatar: Avatar::default(),
            };
            let conn = ConnId {
                index: self.last.into(),
                generation: 1,
            };
            let token = Token::draw(None, &mut entropy);
            let now = self.now;
            self.world
                .enter(now, conn, profile, Generation::V2, Some(token))
        }

        /// All of them play one round and leave.
        fn play(&mut self, players: &[PlayerId]) {
            self.ask(players, &Request::Join(Join::Any));
            let end = self.now + GAME_TIME_MS;
            let mut timers = Vec::new();
            loop {
                while let Some(effect) = self.world.pop_effect() {
                    if let Effect::Arm { at, timer } = effect {
                        timers.push((at, timer));
                    }
                }
                let due = timers.iter().position(|&(at, _)| at <= end);
                let Some((at, timer)) = due.map(|index| timers.swap_remove(index)) else {
                    break;
                };
                self.now = self.now.max(at);
                self.world.due(self.now, timer);
            }
            self.ask(players, &Request::Leave);
        }

        fn ask(&mut self, players: &[PlayerId], request: &Request) {
            for &id in players {
                let mut entropy = |bytes: &mut [u8]| bytes.fill(0);
                let world = &mut self.world;
                world.handle(self.now, id, request, true, &mut entropy);
            }
        }

        fn remembered(&self) -> usize {
            let players = self.world.players.iter();
            players
                .filter(|(_, player)| player.play().is_some())
                .count()
        }
    }

    #[test]
    fn those_who_have_played_leave_no_memory_of_it_when_others_play() {
        let rules = Rules {
            game_time_ms: GAME_TIME_MS,
            robot_after_ms: 0,
            rematch_wait_ms: 0,
            relay_interval_ms: 100,
            session_ttl_ms: 1_000_000,
            max_sessions: 1_000,
            instance: None,
        };
        let mut rounds = Rounds {
            world: World::new(rules, 1),
            last: 0,
            now: Millis(0),
        };
        let crowd: Vec<_> = (0..60).map(|_| rounds.enter()).collect();
        rounds.play(&crowd);
        assert_eq!(rounds.remembered(), 60, "their results may be told again");
        rounds.now = rounds.now + RESULT_KEPT_MS;
        let late = rounds.enter();
        for _ in 0..4 {
            rounds.play(&[late]);
        }
        assert_eq!(rounds.remembered(), 1, "four rounds look at all 61");
    }
}
