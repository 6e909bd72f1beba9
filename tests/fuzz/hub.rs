//! The whole game: a byte string is a schedule of what happens to it, and when.
//!
//! In builds with debug assertions the hub's invariants are swept after every step.

use fastrand::Rng;
use roshambo::config::Config;
use roshambo::hub::{Dialect, Input};
use roshambo::model::{CloseReason, ConnId};

use crate::common::{Act, Bench};
use crate::{Target, fuzz};

/// Most steps of a schedule: the sweep makes long ones slow.
const STEPS_MAX: usize = 150;

const TEXTS: &[&str] = &[
    r#"["hello",{"user":{"uid":"a","uname":"A"}}]"#,
    r#"["hello",{"user":{"uid":"b"}}]"#,
    r#"["hello",{"user":{"uname":"V"},"v":2}]"#,
    r#"["join"]"#,
    r#"["join"]"#,
    r#"["join",{"new":true}]"#,
    r#"["join",{"room":"new"}]"#,
    r#"["join",{"room":"AAAAAA"}]"#,
    r#"["choice",{"choice":1}]"#,
    r#"["choice",{"choice":3}]"#,
    r#"["face",{"face":7}]"#,
    r#"["leave"]"#,
    r#"["away"]"#,
    r#"["ping"]"#,
    r#"["dance"]"#,
    r#"["choice",{"choice":9}]"#,
];

struct Play {
    bench: Bench,
    conns: Vec<(ConnId, Dialect)>,
    /// What can be shown again: tokens and room codes that were told.
    tokens: Vec<String>,
    codes: Vec<String>,
    signature: u64,
}

impl Play {
    fn new() -> Self {
        let config = Config {
            max_sessions: 8,
            max_connections: 8,
            ..Config::default()
        };
        Self {
            bench: Bench::new(config),
            conns: Vec::new(),
            tokens: Vec::new(),
            codes: Vec::new(),
            signature: 0,
        }
    }

    fn now(&self, by: u64) -> u64 {
        self.bench.now() + by
    }

    fn say(&mut self, conn: ConnId, dialect: Dialect, event: &str) {
        let prefix = dialect.event_prefix();
        let text = format!("{prefix}{event}");
        self.bench.tell(Input::Text { conn, text: &text });
    }

    /// Looks at what the hub did: closed connections are forgotten, secrets are remembered.
    fn listen(&mut self) {
        for deed in self.bench.take_deeds() {
            match deed.act {
                Act::Close(code) => {
                    self.conns.retain(|(conn, _)| *conn != deed.conn);
                    self.note(u64::from(code));
                }
                Act::Ping => self.note(1),
                Act::Pong(_) => self.note(2),
                Act::Text(text) => {
                    let name = text.split('"').nth(1).unwrap_or_default();
                    self.note(name.len() as u64 * 7 + name.bytes().next().map_or(0, u64::from));
                    let word = |before: &str| {
                        let (_, rest) = text.split_once(before)?;
                        rest.split('"').next().map(str::to_owned)
                    };
                    self.tokens.extend(word(r#""session":""#));
                    self.codes
                        .extend(word(r#""code":""#).filter(|code| code.len() == 6));
                }
            }
        }
    }

    fn note(&mut self, what: u64) {
        // Which things happened, not how often or in which order.
        self.signature |= 1 << (what % 61);
    }

    /// Takes one step from the front of the schedule; `false` at its end.
    fn step(&mut self, schedule: &mut &[u8]) -> bool {
        let [what, which, after @ ..] = *schedule else {
            return false;
        };
        *schedule = after;
        let chosen = match self.conns.len() {
            0 => None,
            count => self.conns.get(usize::from(*which) % count).copied(),
        };
        let dialects = [Dialect::Plain, Dialect::Eio3, Dialect::Eio4];
        match (what % 24, chosen) {
            (0..=1, _) | (_, None) => {
                if self.conns.len() < 8 {
                    let dialect = dialects[usize::from(*which) % 3];
                    let from = [None, Some(1), Some(2)][usize::from(which / 3) % 3];
                    let conn = self.bench.open_from(dialect, from);
                    self.conns.push((conn, dialect));
                    if dialect == Dialect::Eio4 && which & 0x80 == 0 {
                        self.bench.tell(Input::Text { conn, text: "40" });
                    }
                }
            }
            (2..=12, Some((conn, dialect))) => {
                let text = TEXTS[usize::from(what / 24 + which / 8) % TEXTS.len()];
                self.say(conn, dialect, text);
            }
            (13, Some((conn, dialect))) => {
                if let Some(token) = self.tokens.last() {
                    let hello = format!(r#"["hello",{{"user":{{}},"v":2,"session":"{token}"}}]"#);
                    self.say(conn, dialect, &hello);
                }
            }
            (14, Some((conn, dialect))) => {
                if let Some(code) = self.codes.last() {
                    let join = format!(r#"["join",{{"room":"{code}"}}]"#);
                    self.say(conn, dialect, &join);
                }
            }
            (15, Some((conn, _))) => {
                // The bytes themselves.
                let length = usize::from(*which).min(after.len());
                let (text, rest) = after.split_at(length);
                *schedule = rest;
                let text = String::from_utf8_lossy(text);
                self.bench.tell(Input::Text { conn, text: &text });
            }
            (16, Some((conn, _))) => {
                self.conns.retain(|(other, _)| *other != conn);
                self.bench.tell(Input::Closed { conn });
            }
            (17, Some((conn, _))) => match which % 2 {
                0 => self.bench.tell(Input::Seen { conn }),
                _ => self.bench.tell(Input::Ping {
                    conn,
                    payload: &[b'x'; 125],
                }),
            },
            (18, Some((conn, _))) => match which % 4 {
                0 => self.bench.tell(Input::Binary { conn, bytes: &[] }),
                1 => self.bench.tell(Input::Violation {
                    conn,
                    reason: CloseReason::ProtocolError,
                }),
                2 => self.bench.tell(Input::Dismiss { conn }),
                _ => self.bench.tell(Input::Drain),
            },
            (19..=20, _) => self
                .bench
                .advance(self.now(u64::from(*which) * 10), which & 1 == 0),
            (21, _) => self
                .bench
                .advance(self.now(u64::from(*which) * 1_000), true),
            (22, _) => self.bench.advance(self.now(3_000), true),
            _ => self.bench.advance(self.now(u64::from(*which % 4)), false),
        }
        self.listen();
        let (timers, (players, rooms, _)) =
            (self.bench.game_timers(), self.bench.hub().population());
        assert!(
            timers.0 <= players && timers.1 <= rooms,
            "{timers:?} timers for {players} players and {rooms} rooms"
        );
        true
    }
}

fn run(bytes: &[u8], _: &mut Rng) -> u64 {
    let (mut play, mut schedule) = (Play::new(), bytes);
    for _ in 0..STEPS_MAX {
        if !play.step(&mut schedule) {
            break;
        }
    }
    // Everybody goes, time passes, and nothing is left.
    for (conn, _) in std::mem::take(&mut play.conns) {
        play.bench.tell(Input::Closed { conn });
    }
    play.bench.advance(play.now(3 * 3_600_000), true);
    let left = play.bench.hub().population();
    assert_eq!(left, (0, 0, 0), "players, rooms and sessions are left");
    assert_eq!(play.bench.hub().running_rounds(), 0);
    assert_eq!(play.bench.timers(), 0, "timers are left");
    play.signature
}

#[test]
fn schedules() {
    // Two players of each pair of generations meet, choose, and one of them is lost and comes back.
    let talk = |text: u8, which: u8| [2, text * 8 + which];
    let mut meet = vec![0, 0, 0, 1];
    for (text, which) in [
        (0, 0),
        (1, 1),
        (3, 0),
        (3, 1),
        (7, 0),
        (8, 1),
        (3, 0),
        (3, 1),
        (10, 0),
    ] {
        meet.extend(talk(text, which));
        meet.extend([19, 200]);
    }
    let mut back = vec![0, 0, 0, 3];
    for (text, which) in [(2, 0), (2, 1), (3, 0), (3, 1), (7, 0), (11, 1)] {
        back.extend(talk(text, which));
    }
    back.extend([16, 1, 0, 0, 13, 1, 22, 0, 22, 0, 21, 90]);
    fuzz(&Target {
        name: "hub",
        seeds: vec![
            meet,
            back,
            vec![0, 0, 2, 48, 14, 0, 22, 0],
            (0..=255).collect(),
        ],
        #[rustfmt::skip]
        words: &[
            &[0, 0], &[0, 1], &[0, 2], &[2, 0], &[2, 16], &[2, 17], &[2, 24], &[2, 25], &[2, 40], &[2, 48], &[2, 56], &[2, 64],
            &[2, 80], &[2, 88], &[13, 0], &[13, 1], &[14, 0], &[14, 1], &[16, 0], &[16, 1], &[18, 3], &[19, 100], &[21, 61], &[22, 0],
        ],
        run,
    });
}

#[test]
fn a_player_s_timer_goes_with_it() {
    let mut play = Play::new();
    let [ann, bob] = ["a", "b"].map(|uid| {
        let conn = play.bench.open(Dialect::Plain);
        let hello = format!(r#"["hello",{{"user":{{"uid":"{uid}"}}}}]"#);
        play.say(conn, Dialect::Plain, &hello);
        play.say(conn, Dialect::Plain, r#"["join"]"#);
        conn
    });
    // The second one is held back for a while, and whom it is for does not wait for it.
    for _ in 0..2 {
        play.say(ann, Dialect::Plain, r#"["face",{"face":1}]"#);
    }
    assert_eq!(play.bench.game_timers(), (1, 1));
    play.say(bob, Dialect::Plain, r#"["leave"]"#);
    play.bench.tell(Input::Closed { conn: bob });
    assert_eq!(play.bench.game_timers().0, 0);
}
