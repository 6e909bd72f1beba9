//! Bugs planted at the hub's boundary: each alters inputs or outputs in one way, and the rule that
//! is named for it has to catch it.

use std::collections::BTreeMap;

use fastrand::Rng;
use roshambo::config::Config;
use roshambo::model::ConnId;
use roshambo::time::Millis;

use crate::shadow::rules;
use crate::world::{Fact, Order};

/// One planted bug.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bug {
    DropResult,
    LateResult,
    EarlyTimers,
    RepeatResult,
    ChangeScore,
    ChangeChoice,
    LoneResult,
    LeakChoiceInMovement,
    LeakChoiceInStart,
    MoreKeys,
    SwapKeys,
    RoomToOld,
    StartBeforeRoom,
    SwapSeats,
    WrongConnection,
    ClosedConnection,
    Omit41,
    Spurious41,
    OmitBye,
    ByeWithoutRetry,
    DropRobotStart,
    DropHumanStart,
    DropRematchStart,
    DropOneStart,
    SwallowPlayerTimers,
    DropLeave,
    RepeatLeave,
    DropLostSeat,
    RepeatLostSeat,
    RepeatMovement,
    DropMovement,
    WrongMover,
    EventBeforeHi,
    ChangeNearby,
    ForgetTotals,
    StaleRoom,
    RobotInPrivate,
    LateAck,
    DropAck,
    DropProblem,
    DropTakeOver,
    SwallowHeartbeats,
    SwallowExpiry,
    SwallowDrain,
    OwnUidTwice,
    DropOpening,
    DropWaitedRobotStart,
    HastyRobots,
    SlowRobots,
    LongRounds,
    NoRateLimit,
    ChangeTooFast,
    WrongCode,
    FullRoom,
    MiscountRounds,
    SpinTimers,
    DeafToUnready,
    UnaskedFace,
    ChangeBytes,
    LoseInReload,
}

impl Bug {
    /// Every bug with the rule that catches it.
    pub(crate) const ALL: [(Self, &'static str); 60] = [
        (Self::DropResult, rules::RESULT_ONE),
        (Self::LateResult, rules::RESULT_TIME),
        (Self::EarlyTimers, rules::RESULT_TIME),
        (Self::RepeatResult, rules::RESULT_ONE),
        (Self::ChangeScore, rules::RESULT_ROWS),
        (Self::ChangeChoice, rules::RESULT_ROWS),
        (Self::LoneResult, rules::KEYS),
        (Self::LeakChoiceInMovement, rules::KEYS),
        (Self::LeakChoiceInStart, rules::START),
        (Self::MoreKeys, rules::KEYS),
        (Self::SwapKeys, rules::KEYS),
        (Self::RoomToOld, rules::OLD_EVENTS),
        (Self::StartBeforeRoom, rules::ROOM_FIRST),
        (Self::SwapSeats, rules::LONGEST),
        (Self::WrongConnection, rules::START),
        (Self::ClosedConnection, rules::KNOWN),
        (Self::Omit41, rules::STAY_AWAY),
        (Self::Spurious41, rules::STAY_AWAY),
        (Self::OmitBye, rules::BYE),
        (Self::ByeWithoutRetry, rules::BYE),
        (Self::DropRobotStart, rules::ROBOT_LATE),
        (Self::DropHumanStart, rules::BOTH_WAIT),
        (Self::DropOneStart, rules::START_BOTH),
        (Self::SwallowPlayerTimers, rules::FROZEN),
        (Self::DropLeave, rules::LEAVE_ONCE),
        (Self::RepeatLeave, rules::LEAVE_ONCE),
        (Self::DropLostSeat, rules::SEAT_LOST),
        (Self::RepeatLostSeat, rules::SEAT_LOST),
        (Self::RepeatMovement, rules::MOVEMENT_PACE),
        (Self::DropMovement, rules::MOVEMENT_SENT),
        (Self::WrongMover, rules::MOVEMENT),
        (Self::EventBeforeHi, rules::HI_FIRST),
        (Self::ChangeNearby, rules::HI),
        (Self::ForgetTotals, rules::RESUME),
        (Self::StaleRoom, rules::ROOM_TOLD),
        (Self::RobotInPrivate, rules::PRIVATE),
        (Self::LateAck, rules::ACK),
        (Self::DropAck, rules::ACK),
        (Self::DropProblem, rules::REFUSAL),
        (Self::DropTakeOver, rules::TAKE_OVER),
        (Self::SwallowHeartbeats, rules::SILENCE),
        (Self::SwallowExpiry, rules::OUTLIVES),
        (Self::SwallowDrain, rules::START_FROM),
        (Self::OwnUidTwice, rules::TWO_UIDS),
        (Self::DropOpening, rules::OPENING),
        (Self::DropRematchStart, rules::REMATCH),
        (Self::DropWaitedRobotStart, rules::LOBBY_WAIT),
        (Self::HastyRobots, rules::ROBOT_EARLY),
        (Self::SlowRobots, rules::ROBOT_LATE),
        (Self::LongRounds, rules::START),
        (Self::NoRateLimit, rules::RATE),
        (Self::ChangeTooFast, rules::RATE),
        (Self::WrongCode, rules::CLOSE),
        (Self::FullRoom, rules::ROOM),
        (Self::MiscountRounds, rules::ROUNDS),
        (Self::SpinTimers, rules::TIMERS),
        (Self::DeafToUnready, rules::REMATCH),
        (Self::UnaskedFace, rules::MOVEMENT),
        (Self::ChangeBytes, rules::SAME_BYTES),
        (Self::LoseInReload, rules::RELOAD),
    ];
}

/// A bug at work.
pub(crate) struct Tamper {
    bug: Bug,
    rng: Rng,
    /// Orders that come too late.
    late: Vec<Order>,
    last_closed: Option<ConnId>,
    last_open: Option<ConnId>,
    /// When each connection said `join` last.
    joined: BTreeMap<ConnId, Millis>,
    game_time_ms: u64,
    /// Who has started together.
    pairs: Vec<Vec<ConnId>>,
}

impl Tamper {
    pub(crate) fn new(bug: Bug, seed: u64) -> Self {
        Self {
            bug,
            rng: Rng::with_seed(seed ^ 0xb06),
            late: Vec::new(),
            last_closed: None,
            last_open: None,
            joined: BTreeMap::new(),
            game_time_ms: 0,
            pairs: Vec::new(),
        }
    }

    /// By how much the hub's timers fire too early.
    pub(crate) fn early_ms(&self) -> u64 {
        u64::from(self.bug == Bug::EarlyTimers)
    }

    /// What the hub takes for its configuration.
    pub(crate) fn configure(&mut self, config: &mut Config) {
        self.game_time_ms = config.game_time_ms;
        match self.bug {
            Bug::HastyRobots => config.robot_after_ms /= 2,
            Bug::SlowRobots => config.robot_after_ms += 100,
            Bug::LongRounds => config.game_time_ms += 1_000,
            Bug::NoRateLimit => config.rate_limit = 0,
            _ => (),
        }
    }

    /// How many rounds more than there are the hub says are running.
    pub(crate) fn rounds_too_many(&self) -> usize {
        usize::from(self.bug == Bug::MiscountRounds)
    }

    /// What a reload carries.
    pub(crate) fn carry(&self, snapshot: &mut serde_json::Value) {
        if self.bug == Bug::LoseInReload {
            snapshot["world"]["rng"] = 1.into();
        }
    }

    /// What the hub takes a fact for.
    pub(crate) fn mishear(&self, fact: &Fact) -> Option<Fact> {
        match fact {
            Fact::Text { conn, text } if self.bug == Bug::DeafToUnready => Some(Fact::Text {
                conn: *conn,
                text: text.replace(r#","ready":false"#, ""),
            }),
            _ => None,
        }
    }

    /// Whether the hub never learns of a fact.
    pub(crate) fn swallows(&mut self, now: Millis, fact: &Fact) -> bool {
        use roshambo::hub::Timer;
        use roshambo::world::Timer as WorldTimer;
        match fact {
            Fact::Opened { conn, .. } => self.last_open = Some(*conn),
            Fact::Closed { conn } => self.last_closed = Some(*conn),
            Fact::Text { conn, text } if text.contains(r#"["join""#) => {
                self.joined.insert(*conn, now);
            }
            _ => (),
        }
        let Fact::Due { timer } = fact else {
            return self.bug == Bug::SwallowDrain && matches!(fact, Fact::Drain);
        };
        match timer {
            Timer::Session(_) => self.bug == Bug::SwallowHeartbeats,
            Timer::World(WorldTimer::Player(_)) => self.bug == Bug::SwallowPlayerTimers,
            Timer::World(WorldTimer::Sessions) => self.bug == Bug::SwallowExpiry,
            Timer::World(WorldTimer::Room(_)) | Timer::Beat => false,
        }
    }

    /// Alters what a step put out.
    pub(crate) fn alter(&mut self, now: Millis, orders: &mut Vec<Order>) {
        for order in orders.iter() {
            if let Order::Close { conn, .. } = order {
                self.last_closed = Some(*conn);
            }
        }
        match self.bug {
            Bug::DropResult => drop_first(orders, "result"),
            Bug::LateResult => {
                let late = std::mem::take(&mut self.late);
                let results = orders.extract_if(.., |order| is(order, "result"));
                self.late.extend(results);
                orders.splice(0..0, late);
            }
            Bug::RepeatResult => repeat(orders, "result"),
            Bug::ChangeScore => replace(orders, "result", r#""roundScore":0"#, r#""roundScore":1"#),
            Bug::ChangeChoice => replace(orders, "result", r#""choice":1"#, r#""choice":2"#),
            Bug::LoneResult => {
                for text in texts(orders, "result") {
                    if let Some(end) = text.find("},{") {
                        *text = format!("{}}}]}}]", &text[..end]);
                    }
                }
            }
            Bug::LeakChoiceInMovement => replace(
                orders,
                "movement",
                r#""movement":"choice""#,
                r#""movement":"choice","choice":1"#,
            ),
            Bug::LeakChoiceInStart => {
                replace(orders, "start", r#""choice":null"#, r#""choice":2"#);
            }
            Bug::MoreKeys => replace(orders, "hi", r#""nearby""#, r#""far":1,"nearby""#),
            Bug::SwapKeys => {
                for text in texts(orders, "hi") {
                    let swapped = text.replacen(r#""message":"welcome","#, "", 1);
                    *text = swapped.replacen("}]", r#","message":"welcome"}]"#, 1);
                }
            }
            Bug::RoomToOld => {
                let room = r#"["room",{"roomId":"room1","users":[],"full":false}]"#;
                for text in texts(orders, "start") {
                    *text = format!("{}{room}", prefix(text));
                }
            }
            Bug::StartBeforeRoom => {
                let room = orders.iter().position(|order| is(order, "room"));
                let start = orders.iter().position(|order| is(order, "start"));
                if let (Some(room), Some(start)) = (room, start)
                    && room < start
                {
                    let start = orders.remove(start);
                    orders.insert(room, start);
                }
            }
            Bug::SwapSeats => {
                for kind in ["start", "room"] {
                    for text in texts(orders, kind) {
                        swap_users(text);
                    }
                }
            }
            Bug::WrongConnection => {
                let starts: Vec<usize> = (0..orders.len())
                    .filter(|&index| is(&orders[index], "start"))
                    .collect();
                if let (Some(&start), Some(other)) = (starts.first(), self.last_open)
                    && let Order::Send { conn, .. } = &mut orders[start]
                {
                    *conn = other;
                }
            }
            Bug::ClosedConnection => {
                for order in orders {
                    if let (Order::Send { conn, .. }, Some(closed)) = (order, self.last_closed) {
                        *conn = closed;
                    }
                }
            }
            Bug::Omit41 => {
                orders.retain(|order| !matches!(order, Order::Send { text, .. } if text == "41"));
            }
            Bug::Spurious41 => {
                let close = orders.iter().position(|order| {
                    matches!(
                        order,
                        Order::Close {
                            code: 1012 | 4002,
                            ..
                        }
                    )
                });
                if let Some(index) = close
                    && let Order::Close { conn, .. } = orders[index]
                {
                    let text = "41".into();
                    orders.insert(index, Order::Send { conn, text });
                }
            }
            Bug::OmitBye => orders.retain(|order| !is(order, "bye")),
            Bug::ByeWithoutRetry => {
                for text in texts(orders, "bye") {
                    if let Some(retry) = text.find(r#","retry_ms""#) {
                        *text = format!("{}}}]", &text[..retry]);
                    }
                }
            }
            Bug::DropRobotStart => orders.retain(|order| !is_robots(order)),
            Bug::DropWaitedRobotStart => {
                let conn = orders.iter().find_map(started);
                let since = conn.and_then(|conn| self.joined.get(&conn));
                if since.is_some_and(|&since| self.game_time_ms <= now.since(since)) {
                    orders.retain(|order| !is_robots(order));
                }
            }
            Bug::DropOpening => {
                orders.retain(|order| !is_packet(order, "0{"));
            }
            Bug::ChangeTooFast => replace(orders, "problem", "too-fast", "draining"),
            Bug::WrongCode => {
                for order in orders {
                    if let Order::Close { code, .. } = order
                        && *code == 1008
                    {
                        *code = 1002;
                    }
                }
            }
            Bug::FullRoom => replace(orders, "room", r#""full":false"#, r#""full":true"#),
            Bug::SpinTimers => {
                for order in orders {
                    if let Order::Arm { at, .. } = order {
                        *at = now;
                    }
                }
            }
            Bug::DropHumanStart => {
                let v2 = orders.iter().any(|order| is(order, "room"));
                let starts = orders.iter().filter(|order| is(order, "start")).count();
                if starts == 2 && !v2 {
                    orders.retain(|order| !is(order, "start"));
                }
            }
            Bug::DropRematchStart => {
                let conns: Vec<ConnId> = orders.iter().filter_map(started).collect();
                if self.pairs.contains(&conns) {
                    orders.retain(|order| !is(order, "start"));
                } else if conns.len() == 2 {
                    self.pairs.push(conns);
                }
            }
            Bug::DropOneStart => {
                if orders.iter().filter(|order| is(order, "start")).count() == 2 {
                    drop_first(orders, "start");
                }
            }
            Bug::DropLeave => drop_first(orders, "leave"),
            Bug::RepeatLeave => repeat(orders, "leave"),
            Bug::DropLostSeat => orders.retain(|order| !tells_lost_seat(order)),
            Bug::RepeatLostSeat => {
                if let Some(index) = orders.iter().position(tells_lost_seat) {
                    orders.insert(index, orders[index].clone());
                }
            }
            Bug::RepeatMovement => repeat(orders, "movement"),
            Bug::DropMovement => drop_first(orders, "movement"),
            Bug::WrongMover => replace(orders, "movement", r#""uid":""#, r#""uid":"x"#),
            Bug::UnaskedFace => {
                for text in texts(orders, "movement").filter(|text| text.contains(r#""robot-"#)) {
                    let face = r#""movement":"face","face":1"#;
                    *text = text.replace(r#""movement":"choice""#, face);
                }
            }
            Bug::EventBeforeHi => {
                let hi = orders.iter().position(|order| is(order, "hi"));
                if let Some(hi) = hi
                    && let Order::Send { conn, text } = &orders[hi]
                {
                    let (conn, text) =
                        (*conn, format!(r#"{}["leave",{{"uid":"a"}}]"#, prefix(text)));
                    orders.insert(hi, Order::Send { conn, text });
                }
            }
            Bug::ChangeNearby => replace(orders, "hi", r#""nearby":"#, r#""nearby":1"#),
            Bug::ForgetTotals => {
                for text in texts(orders, "hi") {
                    if text.contains(r#""resumed":true"#) {
                        *text = text.replacen(r#""totalScore":"#, r#""totalScore":9"#, 1);
                    }
                }
            }
            Bug::StaleRoom => drop_first(orders, "room"),
            Bug::RobotInPrivate => {
                for text in texts(orders, "room") {
                    if text.contains(r#""code":"#) {
                        *text = text.replacen(r#""robot":false"#, r#""robot":true"#, 1);
                    }
                }
            }
            Bug::LateAck | Bug::DropAck => {
                if let Some(index) = orders.iter().position(|order| is_packet(order, "43")) {
                    let ack = orders.remove(index);
                    if self.bug == Bug::LateAck {
                        orders.push(ack);
                    }
                }
            }
            Bug::DropProblem => drop_first(orders, "problem"),
            Bug::DropTakeOver => {
                orders.retain(|order| !matches!(order, Order::Close { code: 4001, .. }));
            }
            Bug::OwnUidTwice => {
                for text in texts(orders, "start") {
                    same_uids(text);
                }
            }
            Bug::ChangeBytes => {
                if self.rng.u32(..50) == 0 {
                    replace(orders, "problem", "problem", "Problem");
                }
            }
            Bug::EarlyTimers
            | Bug::SwallowPlayerTimers
            | Bug::SwallowHeartbeats
            | Bug::SwallowExpiry
            | Bug::SwallowDrain
            | Bug::HastyRobots
            | Bug::SlowRobots
            | Bug::LongRounds
            | Bug::NoRateLimit
            | Bug::MiscountRounds
            | Bug::DeafToUnready
            | Bug::LoseInReload => (),
        }
    }
}

/// Whether an order sends the named event.
fn is(order: &Order, name: &str) -> bool {
    matches!(order, Order::Send { text, .. } if named(text, name))
}

fn tells_lost_seat(order: &Order) -> bool {
    matches!(order, Order::Send { text, .. } if text.contains(r#""reason":"absent""#))
}

/// Who is told a start.
fn started(order: &Order) -> Option<ConnId> {
    match order {
        Order::Send { conn, .. } if is(order, "start") => Some(*conn),
        _ => None,
    }
}

/// Whether an order tells of a round against a robot.
fn is_robots(order: &Order) -> bool {
    let tells = is(order, "start") || is(order, "room");
    tells && matches!(order, Order::Send { text, .. } if text.contains(r#""robot-"#))
}

/// Whether an order sends a packet that begins so.
fn is_packet(order: &Order, start: &str) -> bool {
    matches!(order, Order::Send { text, .. } if text.starts_with(start))
}

fn named(text: &str, name: &str) -> bool {
    let body = text.strip_prefix("42").unwrap_or(text);
    body.strip_prefix("[\"")
        .and_then(|rest| rest.strip_prefix(name))
        .is_some_and(|rest| rest.starts_with('"'))
}

fn prefix(text: &str) -> &'static str {
    if text.starts_with("42") { "42" } else { "" }
}

fn texts<'a>(orders: &'a mut [Order], name: &'a str) -> impl Iterator<Item = &'a mut String> {
    orders.iter_mut().filter_map(move |order| match order {
        Order::Send { text, .. } if named(text, name) => Some(text),
        _ => None,
    })
}

fn replace(orders: &mut [Order], name: &str, from: &str, to: &str) {
    for text in texts(orders, name) {
        *text = text.replacen(from, to, 1);
    }
}

fn drop_first(orders: &mut Vec<Order>, name: &str) {
    if let Some(index) = orders.iter().position(|order| is(order, name)) {
        orders.remove(index);
    }
}

fn repeat(orders: &mut Vec<Order>, name: &str) {
    if let Some(index) = orders.iter().position(|order| is(order, name)) {
        let again = orders[index].clone();
        orders.insert(index + 1, again);
    }
}

/// Exchanges the two users of a `start` or a `room`.
fn swap_users(text: &mut String) {
    let (Some(open), Some(middle)) = (text.find(":[{"), text.find("},{")) else {
        return;
    };
    let Some(close) = text.find("}]") else {
        return;
    };
    let (first, second) = (&text[open + 3..middle], &text[middle + 3..close]);
    *text = format!(
        "{}{second}}},{{{first}{}",
        &text[..open + 3],
        &text[close..]
    );
}

/// Gives the second user of a `start` the uid of the first.
fn same_uids(text: &mut String) {
    let uid = |part: &str| {
        let rest = part.split(r#""uid":""#).nth(1)?;
        rest.split('"').next().map(str::to_owned)
    };
    let Some(middle) = text.find("},{") else {
        return;
    };
    let (head, tail) = text.split_at(middle);
    if let (Some(first), Some(second)) = (uid(head), uid(tail)) {
        *text = format!("{head}{}", tail.replacen(&second, &first, 1));
    }
}
