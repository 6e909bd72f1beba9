//! The clients of a simulated world: who they are, what they do by themselves, how they react.
//!
//! An actor hears what its connection is sent and plans acts; it never talks to the hub itself.

use fastrand::Rng;
use roshambo::hub::Dialect;
use roshambo::model::{ConnId, Origin};
use roshambo::time::Millis;
use serde_json::Value;

/// What kind of client it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// The original mini program: chooses at `start`, joins again after a win or a draw, and is
    /// frozen after a loss until the next `start`.
    Original,
    /// Presses "again" soon after every result.
    Eager,
    /// Does this and that, at its leisure.
    Lazy,
    /// Plays in private rooms.
    Friend,
    /// Sends what no client should.
    Hostile,
}

/// One thing that a client does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Act {
    /// A connection, then `hello` (with its token, if it has one), then `join`.
    Open,
    Connect,
    Hello,
    Join,
    JoinNew,
    CreateRoom,
    EnterRoom,
    Choice,
    Face,
    Leave,
    Away,
    Ping,
    Rename,
    Close,
    Disconnect,
    EnginePing,
    Hostile,
    Flood,
    Binary,
    Violation,
    TakeOver,
    Steal,
    Guess,
    Seen,
    Rest,
    Mute,
}

impl Act {
    /// What is done spontaneously, and how often compared to the others.
    pub(crate) const SPONTANEOUS: [(Self, u32); 23] = [
        (Self::Join, 12),
        (Self::JoinNew, 6),
        (Self::CreateRoom, 3),
        (Self::EnterRoom, 5),
        (Self::Choice, 12),
        (Self::Face, 10),
        (Self::Leave, 4),
        (Self::Away, 4),
        (Self::Ping, 2),
        (Self::Rename, 3),
        (Self::Close, 5),
        (Self::Disconnect, 2),
        (Self::EnginePing, 1),
        (Self::Hostile, 3),
        (Self::Flood, 1),
        (Self::Binary, 1),
        (Self::Violation, 1),
        (Self::TakeOver, 3),
        (Self::Steal, 1),
        (Self::Guess, 1),
        (Self::Seen, 2),
        (Self::Rest, 3),
        (Self::Mute, 1),
    ];
}

/// One client.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) kind: Kind,
    pub(crate) dialect: Dialect,
    /// Some share an origin, and some have none.
    pub(crate) from: Option<Origin>,
    pub(crate) v2: bool,
    pub(crate) guest: bool,
    pub(crate) uid: String,
    pub(crate) conn: Option<ConnId>,
    pub(crate) token: Option<String>,
    /// Answers no ping any more.
    pub(crate) mute: bool,
    playing: bool,
    frozen: bool,
    /// When it does something spontaneous next.
    pub(crate) next: Millis,
    /// What it has decided to do, and when.
    pub(crate) plans: Vec<(Millis, Act)>,
}

impl Actor {
    /// A client of a random kind; two of one uid are not rare among old clients.
    pub(crate) fn new(rng: &mut Rng, index: usize, kinds: &[Kind]) -> Self {
        let kind = kinds[rng.usize(..kinds.len())];
        let dialect = match kind {
            Kind::Original => Dialect::Eio3,
            _ => [Dialect::Plain, Dialect::Eio3, Dialect::Eio4][rng.usize(..3)],
        };
        let v2 = match kind {
            Kind::Original => false,
            Kind::Friend => true,
            Kind::Eager | Kind::Lazy | Kind::Hostile => rng.u32(..3) != 0,
        };
        let uid = match rng.u32(..12) {
            0 => "twin".to_owned(),
            1 => format!("robot-{}", rng.u32(1..9)),
            _ => format!("u{index}"),
        };
        Self {
            kind,
            dialect,
            from: [None, Some(1), Some(2), Some(3)][index % 4].map(Origin::from_bits),
            v2,
            guest: !v2 && rng.u32(..5) == 0,
            uid,
            conn: None,
            token: None,
            mute: false,
            playing: false,
            frozen: false,
            next: Millis(rng.u64(..3_000)),
            plans: Vec::new(),
        }
    }

    /// The next moment at which it does something.
    pub(crate) fn wakes_at(&self) -> Millis {
        let plans = self.plans.iter().map(|&(at, _)| at);
        plans.fold(self.next, Millis::min)
    }

    pub(crate) fn plan(&mut self, at: Millis, act: Act) {
        self.plans.push((at, act));
    }

    /// Takes the next plan that is due.
    pub(crate) fn due(&mut self, now: Millis) -> Option<Act> {
        let due = self
            .plans
            .iter()
            .enumerate()
            .filter(|(_, (at, _))| *at <= now);
        let (index, _) = due.min_by_key(|(index, (at, _))| (*at, *index))?;
        Some(self.plans.remove(index).1)
    }

    /// What it does with a fresh connection.
    pub(crate) fn opened(&mut self, rng: &mut Rng, now: Millis, conn: ConnId) {
        self.conn = Some(conn);
        (self.playing, self.frozen, self.mute) = (false, false, false);
        self.plans.clear();
        let mut at = now + rng.u64(..30);
        if self.dialect == Dialect::Eio4 && rng.u32(..40) != 0 {
            self.plan(at, Act::Connect);
        }
        at = at + rng.u64(..30);
        if !self.guest {
            self.plan(at, Act::Hello);
        }
        at = at + rng.u64(..100);
        match self.kind {
            Kind::Friend => self.plan(at, Act::EnterRoom),
            Kind::Original | Kind::Eager => self.plan(at, Act::Join),
            Kind::Lazy | Kind::Hostile if rng.bool() => self.plan(at, Act::Join),
            Kind::Lazy | Kind::Hostile => (),
        }
    }

    pub(crate) fn closed(&mut self, now: Millis, back_ms: u64) {
        self.conn = None;
        self.plans.clear();
        self.plan(now + back_ms, Act::Open);
    }

    /// Reacts to a text of the server's.
    pub(crate) fn hear(&mut self, rng: &mut Rng, now: Millis, text: &str) {
        let body = text.strip_prefix("42").unwrap_or(text);
        let name = body.get(2..).and_then(|rest| rest.split('"').next());
        match name.unwrap_or_default() {
            "hi" => {
                let token = body.split(r#""session":""#).nth(1);
                if let Some(token) = token.and_then(|rest| rest.split('"').next()) {
                    self.token = Some(token.to_owned());
                }
            }
            "start" => {
                (self.playing, self.frozen) = (true, false);
                match self.kind {
                    Kind::Original => self.plan(now + rng.u64(..20), Act::Choice),
                    Kind::Eager | Kind::Friend => {
                        for _ in 0..rng.u32(1..4) {
                            self.plan(now + rng.u64(..1_500), Act::Choice);
                        }
                        if rng.bool() {
                            self.plan(now + rng.u64(..2_000), Act::Face);
                        }
                    }
                    Kind::Lazy | Kind::Hostile if rng.bool() => {
                        self.plan(now + rng.u64(..4_000), Act::Choice);
                    }
                    Kind::Lazy | Kind::Hostile => (),
                }
            }
            "result" => {
                self.playing = false;
                let (chose, lost) = self.own_row(body);
                let again = now + rng.u64(300..=1_000);
                match self.kind {
                    Kind::Original if lost => self.frozen = chose,
                    Kind::Original | Kind::Eager | Kind::Friend => {
                        let new = self.v2 && self.kind == Kind::Eager && rng.u32(..8) == 0;
                        self.plan(again, if new { Act::JoinNew } else { Act::Join });
                    }
                    Kind::Lazy | Kind::Hostile if rng.u32(..4) == 0 => {
                        self.plan(now + rng.u64(..9_000), Act::Join);
                    }
                    Kind::Lazy | Kind::Hostile => (),
                }
            }
            "room" if self.kind == Kind::Friend && body.contains(r#""ready":false"#) => {
                // It may be the friend that is not ready, or both.
                if rng.bool() {
                    self.plan(now + rng.u64(..4_000), Act::Join);
                }
            }
            "leave" if self.kind == Kind::Eager && !self.playing => {
                self.plan(now + rng.u64(300..=1_000), Act::Join);
            }
            _ => {
                if text == "2" && !self.mute {
                    self.plan(now + rng.u64(..200), Act::Seen);
                }
            }
        }
    }

    /// Whether it chose in the round, and whether it lost it.
    fn own_row(&self, body: &str) -> (bool, bool) {
        let value: Value = serde_json::from_str(body).unwrap_or_default();
        let rows = &value[1]["result"];
        let own = |row: &&Value| row["uid"] == self.uid.as_str();
        let row = rows.as_array().and_then(|rows| rows.iter().find(own));
        let chose = row.is_some_and(|row| !row["choice"].is_null());
        // A draw keeps the streak and may look like a loss: 0 points, streak 0. Then the others'
        // row tells: it has won nothing either.
        let points = |row: &Value| row["roundScore"].as_u64().unwrap_or(0);
        let best = rows.as_array().into_iter().flatten().map(points).max();
        (
            chose,
            row.is_some_and(|row| points(row) == 0) && best != Some(0),
        )
    }

    /// Whether it does nothing by itself now, as the original's page with its frozen button.
    pub(crate) fn is_passive(&self) -> bool {
        self.kind == Kind::Original || self.frozen
    }

    /// An event in its dialect, now and then with an acknowledgement asked for.
    pub(crate) fn event(&self, rng: &mut Rng, name: &str, payload: &str) -> String {
        let body = match payload {
            "" => format!(r#"["{name}"]"#),
            payload => format!(r#"["{name}",{payload}]"#),
        };
        match self.dialect {
            Dialect::Plain => body,
            _ if rng.u32(..8) == 0 => format!("42{}{body}", rng.u32(..1_000)),
            _ => format!("42{body}"),
        }
    }

    /// The payload of a `hello`, with a session token where one is given.
    pub(crate) fn hello(&self, rng: &mut Rng, token: Option<&str>) -> String {
        let name = match rng.u32(..6) {
            0 => "x".repeat(4_000 / 4),
            1 => "é\\u2028\\u0000日".to_owned(),
            _ => format!("name {}", rng.u32(..50)),
        };
        let avatar = ["", "builtin:3", "http://a/b.png", "javascript:x"][rng.usize(..4)];
        let user = format!(
            r#"{{"uid":"{}","uname":"{name}","uavatar":"{avatar}"}}"#,
            self.uid
        );
        match (self.v2, token) {
            (false, _) => format!(r#"{{"user":{user}}}"#),
            (true, None) => format!(r#"{{"user":{user},"v":2}}"#),
            (true, Some(token)) => format!(r#"{{"user":{user},"v":2,"session":"{token}"}}"#),
        }
    }
}

/// Text that no client should send: malformed, truncated, nested, huge, doubled, unknown, random.
pub(crate) fn hostile(rng: &mut Rng, dialect: Dialect) -> String {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let event = match rng.u32(..28) {
        0 => r#"["choice",{"choice":99}]"#.into(),
        1 => r#"["choice",{"choice":1,"choice":9}]"#.into(),
        2 => r#"["choice",{"choice":1e99}]"#.into(),
        3 => r#"["choice",{"choice":18446744073709551616}]"#.into(),
        4 => r#"["choice",{"choice":"one"}]"#.into(),
        5 => r#"["face",{"face":-1}]"#.into(),
        6 => r#"["face",{"face":4294967296}]"#.into(),
        7 => format!(r#"["face",{}]"#, nested(1_000)),
        8 => format!(r#"["face",{{"face":1}},{}]"#, nested(100)),
        9 => nested(2_000),
        10 => r#"["hello",{"user":[]}]"#.into(),
        11 => r#"["hello",{"user":{"uid":"a\nb"}}]"#.into(),
        12 => format!(r#"["hello",{{"user":{{"uid":"{}"}}}}]"#, "x".repeat(3_900)),
        13 => r#"["hello",{"user":{"uid":["a"]},"v":"2"}]"#.into(),
        14 => r#"["choice",{"choice":true}]"#.into(),
        15 => r#"["choice",[]]"#.into(),
        16 => r#"["face",{"face":[7]}]"#.into(),
        17 => r#"["result",{"result":[]}]"#.into(),
        18 => r#"["__proto__",{"constructor":1}]"#.into(),
        19 => format!(r#"["{}"]"#, "e".repeat(3_000)),
        20 => "[]".into(),
        21 => "[1,2]".into(),
        22 => "{}".into(),
        23 => r#"["join""#.into(),
        24 => r#"["\ud8"]"#.into(),
        25 => r#"["join",null,null] x"#.into(),
        26 => "\u{feff}[\"join\"]".into(),
        _ => {
            let bytes: Vec<u8> = (0..rng.usize(..60)).map(|_| rng.u8(..)).collect();
            return String::from_utf8_lossy(&bytes).into_owned();
        }
    };
    if dialect == Dialect::Plain {
        return event;
    }
    match rng.u32(..16) {
        0 => format!("42{}{event}", "9".repeat(16)),
        1 => format!("42{}{event}", "9".repeat(15)),
        2 => format!("42/admin,{event}"),
        3 => format!("42/?a=b,7{event}"),
        4 => "40/admin?token=1,{}".into(),
        5 => "40{".into(),
        6 => "45-[\"a\"]".into(),
        7 => "b4AAAA".into(),
        8 => "43[]".into(),
        9 => "44".into(),
        10 => "6".into(),
        11 => ["", "4", "0", "5", "9", "é"][rng.usize(..6)].into(),
        _ => format!("42{event}"),
    }
}
