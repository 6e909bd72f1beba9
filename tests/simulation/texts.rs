//! What the server sends, read strictly: each text must be byte for byte what its own parse
//! writes back, so that a missing, unknown, renamed or reordered key is found at once.
//!
//! Written from the contract, with none of the server's own types.

use serde::{Deserialize, Serialize};

use crate::shadow::rules::KEYS as RULE;
use crate::shadow::{Violation, ensure};
use roshambo::hub::Dialect;

/// One text of the server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Packet {
    /// Engine.IO's first packet.
    Open,
    /// `40`, `40{"sid":…}`.
    Connected,
    /// Engine.IO's `2`.
    Ping,
    /// Engine.IO's `3`.
    Pong,
    /// `41`.
    Disconnect,
    /// `44…`.
    NoNamespace,
    /// `43…`: the id, and the code of a refusal.
    Ack(String, Option<String>),
    /// `42…`, or the text itself in the plain dialect.
    Event(Event),
}

/// One event of the server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    Hi(u32, Option<HiSession>),
    Start(Start),
    Movement(Movement),
    /// Whose, and why, where it is one's own.
    Leave(String, Option<String>),
    Result([Row; 2]),
    Room(Room),
    Problem(Problem),
    Pong,
    Bye(Bye),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HiSession {
    pub(crate) uid: String,
    pub(crate) session: String,
    pub(crate) resumed: bool,
    pub(crate) total: u32,
    pub(crate) streak: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Start {
    pub(crate) game_time: u64,
    pub(crate) room_users: [StartUser; 2],
}

impl Start {
    /// Whether two clients were told the same; pictures are told old clients in other words.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let plain = |start: &Self| {
            let mut start = start.clone();
            for user in &mut start.room_users {
                user.uavatar.clear();
            }
            start
        };
        plain(self) == plain(other)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct StartUser {
    pub(crate) uid: String,
    pub(crate) uname: String,
    pub(crate) uavatar: String,
    pub(crate) choice: Option<u8>,
    pub(crate) round_score: u32,
    pub(crate) total_score: u32,
    pub(crate) win_streak: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Movement {
    pub(crate) uid: String,
    pub(crate) movement: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) face: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) uid: String,
    pub(crate) round_score: u32,
    pub(crate) total_score: u32,
    pub(crate) win_streak: u32,
    pub(crate) choice: Option<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Room {
    pub(crate) room_id: String,
    pub(crate) users: Vec<RoomUser>,
    pub(crate) full: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoomUser {
    pub(crate) uid: String,
    pub(crate) uname: String,
    pub(crate) uavatar: String,
    pub(crate) ready: bool,
    pub(crate) robot: bool,
    pub(crate) online: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Problem {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) event: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bye {
    pub(crate) code: u16,
    pub(crate) reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HiPayload {
    message: String,
    nearby: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resumed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_score: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    win_streak: Option<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeavePayload {
    uid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResultPayload {
    result: [Row; 2],
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OpenPayload {
    sid: String,
    upgrades: [(); 0],
    ping_interval: u64,
    ping_timeout: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_payload: Option<usize>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SidPayload {
    sid: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AckPayload {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// Reads one text of the server.
pub(crate) fn read(dialect: Dialect, text: &str) -> Result<Packet, Violation> {
    if dialect == Dialect::Plain {
        return read_event(text).map(Packet::Event);
    }
    let (kind, rest) = text.split_at_checked(1).unwrap_or_default();
    match (kind, rest) {
        ("0", _) => exact::<OpenPayload>(rest).map(|_| Packet::Open),
        ("2", "") => Ok(Packet::Ping),
        ("3", "") => Ok(Packet::Pong),
        ("4", _) => read_socket_io(dialect, rest),
        _ => Err(Violation::new(RULE, format!("no packet: {text}"))),
    }
}

fn read_socket_io(dialect: Dialect, text: &str) -> Result<Packet, Violation> {
    let (kind, rest) = text.split_at_checked(1).unwrap_or_default();
    match kind {
        "0" if rest.is_empty() && dialect == Dialect::Eio3 => Ok(Packet::Connected),
        "0" if dialect == Dialect::Eio4 => exact::<SidPayload>(rest).map(|_| Packet::Connected),
        "1" if rest.is_empty() => Ok(Packet::Disconnect),
        "2" => read_event(rest).map(Packet::Event),
        "3" => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (id, body) = rest.split_at(digits);
            let [ack] = exact::<[AckPayload; 1]>(body)?;
            ensure!(ack.ok == ack.code.is_none(), RULE, "{text}");
            Ok(Packet::Ack(id.into(), ack.code))
        }
        "4" if rest.starts_with('/') => Ok(Packet::NoNamespace),
        _ => Err(Violation::new(RULE, format!("no packet: 4{text}"))),
    }
}

/// Parses JSON text, and insists that the value writes the same text.
fn exact<'a, T: Deserialize<'a> + Serialize>(text: &'a str) -> Result<T, Violation> {
    let bad = |why: String| Violation::new(RULE, format!("{why}: {text}"));
    let value: T = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
    let again = serde_json::to_string(&value).map_err(|error| bad(error.to_string()))?;
    if again == text {
        Ok(value)
    } else {
        Err(bad(format!("should be {again}")))
    }
}

fn read_event(text: &str) -> Result<Event, Violation> {
    if text == r#"["pong"]"# {
        return Ok(Event::Pong);
    }
    let name = text.get(2..).and_then(|text| text.split('"').next());
    match name.unwrap_or_default() {
        "hi" => read_hi(text),
        "start" => payload(text).map(Event::Start),
        "movement" => payload(text).map(Event::Movement),
        "leave" => payload(text).map(|leave: LeavePayload| Event::Leave(leave.uid, leave.reason)),
        "result" => payload(text).map(|result: ResultPayload| Event::Result(result.result)),
        "room" => payload(text).map(Event::Room),
        "problem" => payload(text).map(Event::Problem),
        "bye" => payload(text).map(Event::Bye),
        _ => Err(Violation::new(RULE, format!("no event: {text}"))),
    }
}

fn payload<'a, T: Deserialize<'a> + Serialize>(text: &'a str) -> Result<T, Violation> {
    exact::<(&str, T)>(text).map(|(_, payload)| payload)
}

fn read_hi(text: &str) -> Result<Event, Violation> {
    let hi: HiPayload = payload(text)?;
    ensure!(hi.message == "welcome", RULE, "{text}");
    let session = match (
        hi.uid,
        hi.session,
        hi.resumed,
        hi.total_score,
        hi.win_streak,
    ) {
        (None, None, None, None, None) => None,
        (Some(uid), Some(session), Some(resumed), Some(total), Some(streak)) => Some(HiSession {
            uid,
            session,
            resumed,
            total,
            streak,
        }),
        _ => return Err(Violation::new(RULE, format!("half a hi: {text}"))),
    };
    Ok(Event::Hi(hi.nearby, session))
}
