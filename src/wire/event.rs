//! Events: requests of clients, events of the server, in exact key order.
//!
//! An event is a JSON array `["name", payload]`. Reading borrows from the text; a `choice`, `face`
//! or `movement` allocates nothing either way.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error as _, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::json;
use crate::model::{
    Avatar, Board, BoardPlayer, Choice, CloseReason, Event, Face, Hello, Join, Letter, Movement,
    Name, Person, ProblemCode, Request, ResultRow, RoomCode, Token, Uid, UidForm,
};

/// Longest name of an event that a `problem` repeats, in bytes.
pub const EVENT_NAME_BYTES_MAX: usize = 64;

/// A well-formed event of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    /// The event's name, cut to [`EVENT_NAME_BYTES_MAX`].
    pub name: Cow<'a, str>,
    /// What it asks for, or why it can ask for nothing.
    pub request: Result<Request, ProblemCode>,
}

/// Reads an event's JSON text; `v2`: of a client that named itself one.
///
/// # Errors
///
/// 1008 when the text is not JSON, not an array, or its first item is not a string. A known event
/// with a wrong payload and an unknown event are no faults: see [`Named::request`].
pub fn decode(text: &str, v2: bool) -> Result<Named<'_>, CloseReason> {
    match decode_usual(text) {
        Some((name, request)) => Ok(Named {
            name: Cow::Borrowed(name),
            request: Ok(request),
        }),
        None => decode_any(text, v2),
    }
}

/// A `face` or `choice` to the letter as `JSON.stringify` writes it, as nearly all events are;
/// everything else, and what is wrong with it, is up to [`decode_any`].
fn decode_usual(text: &str) -> Option<(&'static str, Request)> {
    let inner = text.strip_prefix("[\"")?.strip_suffix("}]")?;
    if let Some(digits) = inner.strip_prefix("face\",{\"face\":") {
        return Some(("face", Request::Face(Face(plain_number(digits)?))));
    }
    let digits = inner.strip_prefix("choice\",{\"choice\":")?;
    let choice = Choice::from_wire(plain_number(digits)?.into())?;
    Some(("choice", Request::Choice(choice)))
}

/// A number as JSON allows them: without a zero in front of other digits.
fn plain_number(digits: &str) -> Option<u32> {
    let bytes = digits.as_bytes();
    if !(1..=10).contains(&bytes.len()) || (bytes.first() == Some(&b'0') && bytes.len() != 1) {
        return None;
    }
    let number = bytes.iter().try_fold(0, |number: u64, byte| {
        let digit = byte.is_ascii_digit().then_some(byte & 0x0f)?;
        Some(number * 10 + u64::from(digit))
    })?;
    u32::try_from(number).ok()
}

fn decode_any(text: &str, v2: bool) -> Result<Named<'_>, CloseReason> {
    let Ok(Envelope { name, payload }) = serde_json::from_str(text) else {
        return Err(CloseReason::NotAnEvent);
    };
    let Some(name) = json::text(name) else {
        return Err(CloseReason::NotAnEvent);
    };
    let request = match &*name {
        "hello" => decode_hello(payload).ok_or(ProblemCode::BadPayload),
        // The original looked at no payload.
        "join" if !v2 => Ok(Request::Join(Join::Any)),
        "join" => decode_join(payload).ok_or(ProblemCode::BadPayload),
        "choice" => decode_choice(payload).ok_or(ProblemCode::BadPayload),
        "face" => decode_face(payload).ok_or(ProblemCode::BadPayload),
        "leave" => Ok(Request::Leave),
        "away" => Ok(Request::Away),
        "ping" => Ok(Request::Ping),
        "top" => decode_board(payload, Request::Top).ok_or(ProblemCode::BadPayload),
        "rank" => decode_board(payload, Request::Rank).ok_or(ProblemCode::BadPayload),
        _ => Err(ProblemCode::UnknownEvent),
    };
    Ok(Named {
        name: cut(name),
        request,
    })
}

/// Who a player is decides whether a `hello` is good; the rest is taken if it means something.
fn decode_hello(payload: Option<&RawValue>) -> Option<Request> {
    let names = ["user", "v", "session", "token"];
    let [user, v, session, signed] = json::members(payload?, names)?;
    let [uid, name, avatar] = json::members(user?, ["uid", "uname", "uavatar"])?;
    // Compared as it is written: a later number is one, too, however large.
    let version = v.and_then(json::number).and_then(|v| v.parse::<f64>().ok());
    let v2 = version.is_some_and(|version| 2.0 <= version);
    let session = match session {
        Some(token) if v2 => Token::new(&json::text(token)?),
        _ => None,
    };
    let text = |value: Option<_>| value.and_then(json::text).unwrap_or_default();
    let digits = |value: Option<_>| value.and_then(json::decimal);
    let uid = match digits(uid) {
        Some(digits) => Uid::number(&digits),
        None => Uid::new(&text(uid)),
    };
    Some(Request::Hello(Box::new(Hello {
        uid,
        name: Name::new(&digits(name).unwrap_or_else(|| text(name))),
        avatar: Avatar::new(&text(avatar)),
        v2,
        session,
        signed: signed.filter(|_| v2).map(json::text_or_written),
    })))
}

fn decode_join(payload: Option<&RawValue>) -> Option<Request> {
    let Some(payload) = payload.filter(|payload| payload.get() != "null") else {
        return Some(Request::Join(Join::Any));
    };
    let [room, new, ready] = json::members(payload, ["room", "new", "ready"])?;
    let flag = |value: Option<&RawValue>, missing| match value.map(RawValue::get) {
        None => Some(missing),
        Some("false") => Some(false),
        Some("true") => Some(true),
        Some(_) => None,
    };
    let new = flag(new, false)?;
    let ready = flag(ready, true)?;
    let room = match room {
        None => None,
        Some(room) => Some(json::text(room)?),
    };
    match (room.as_deref(), new) {
        (None, false) => Some(Request::Join(Join::Any)),
        (None, true) => Some(Request::Join(Join::New)),
        (Some("new"), false) => Some(Request::Join(Join::CreateRoom { ready })),
        (Some(code), false) => {
            let code = RoomCode::new(code);
            Some(Request::Join(Join::EnterRoom { code, ready }))
        }
        (Some(_), true) => None,
    }
}

fn decode_choice(payload: Option<&RawValue>) -> Option<Request> {
    let [choice] = json::members(payload?, ["choice"])?;
    Choice::from_wire(json::whole(choice?)?).map(Request::Choice)
}

fn decode_face(payload: Option<&RawValue>) -> Option<Request> {
    let [face] = json::members(payload?, ["face"])?;
    let number = u32::try_from(json::whole(face?)?).ok()?;
    Some(Request::Face(Face(number)))
}

fn decode_board(payload: Option<&RawValue>, ask: fn(Board) -> Request) -> Option<Request> {
    let Some(payload) = payload.filter(|payload| payload.get() != "null") else {
        return Some(ask(Board::Week));
    };
    let [board] = json::members(payload, ["board"])?;
    let Some(board) = board else {
        return Some(ask(Board::Week));
    };
    let name = json::text(board)?;
    let known = Board::ALL.into_iter().find(|board| board.name() == name);
    known.map(ask)
}

/// The array around an event.
struct Envelope<'a> {
    /// A text.
    name: &'a RawValue,
    payload: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Envelope<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;
        impl<'de> Visitor<'de> for Items {
            type Value = Envelope<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array that is not empty")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let name = items.next_element()?;
                let name = name.ok_or_else(|| A::Error::invalid_length(0, &self))?;
                let payload = items.next_element()?;
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Envelope { name, payload })
            }
        }
        deserializer.deserialize_seq(Items)
    }
}

/// Shortens an event's name to what a `problem` may repeat.
fn cut(name: Cow<'_, str>) -> Cow<'_, str> {
    let mut end = name.len().min(EVENT_NAME_BYTES_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    match name {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(..end).unwrap_or_default()),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

/// How an event is told: what differs between those who read it.
#[derive(Clone, Copy, Debug)]
pub struct Audience<'a> {
    /// The client knows `builtin:` pictures.
    pub v2: bool,
    /// There is a board to be asked for.
    pub board: bool,
    /// Which server of several this is.
    pub instance: Option<Letter>,
    /// Whom a signed token names as this client, if `hi` is told.
    pub person: Option<&'a Person>,
    /// Where old clients find the same pictures, without a slash at its end.
    pub public_url: Option<&'a str>,
}

/// Writes an event's JSON text.
pub fn encode(event: &Event, audience: Audience<'_>, out: &mut String) {
    match event {
        Event::Hi { nearby, session } => {
            let session = session.as_deref().map(|session| HiSessionPayload {
                uid: Written(&session.uid),
                session: session.token.as_str(),
                resumed: session.resumed,
                pending: session.pending,
                total_score: session.total_score,
                win_streak: session.win_streak,
                uname: audience
                    .person
                    .and_then(|person| person.name.as_ref())
                    .map(Name::as_str),
                uavatar: audience
                    .person
                    .and_then(|person| person.avatar.as_ref())
                    .map(|avatar| Picture(avatar, audience)),
                board: audience.board,
                instance: audience.instance.as_ref().map(Letter::as_str),
            });
            write_json(
                &(
                    "hi",
                    HiPayload {
                        message: "welcome",
                        nearby: *nearby,
                        session,
                    },
                ),
                out,
            );
        }
        Event::Start {
            game_time_s, users, ..
        } => {
            let room_users = users.each_ref().map(|user| StartUserPayload {
                uid: Written(&user.profile.uid),
                uname: user.profile.name.as_str(),
                uavatar: Picture(&user.profile.avatar, audience),
                choice: user.choice.map(Choice::to_wire),
                round_score: 0,
                total_score: user.total_score,
                win_streak: user.win_streak,
            });
            write_json(
                &(
                    "start",
                    StartPayload {
                        game_time: *game_time_s,
                        room_users,
                    },
                ),
                out,
            );
        }
        Event::Movement { uid, movement } => encode_movement(uid, *movement, out),
        Event::Leave { uid } => write_leave(uid, None, out),
        Event::SeatLost { uid } => write_leave(uid, Some("absent"), out),
        Event::Result(rows) => {
            let result = rows.each_ref().map(result_row);
            write_json(&("result", ResultPayload { result }), out);
        }
        Event::Room(room) => {
            let users = room.users.iter().map(|user| RoomUserPayload {
                uid: Written(&user.profile.uid),
                uname: user.profile.name.as_str(),
                uavatar: Picture(&user.profile.avatar, audience),
                ready: user.ready,
                robot: user.robot,
                online: user.online,
            });
            let payload = RoomPayload {
                room_id: RoomId(room.number),
                users: users.collect(),
                full: room.full,
                code: room.code.as_ref().map(RoomCode::as_str),
            };
            write_json(&("room", payload), out);
        }
        Event::Problem { code, event } => {
            let payload = ProblemPayload {
                code: code.as_str(),
                message: code.message(),
                event,
                instance: match code {
                    ProblemCode::RoomElsewhere(letter) => Some(letter.as_str()),
                    _ => None,
                },
            };
            write_json(&("problem", payload), out);
        }
        Event::TokenRefused { why } => {
            let payload = ProblemPayload {
                code: "bad-token",
                message: why,
                event: "hello",
                instance: None,
            };
            write_json(&("problem", payload), out);
        }
        Event::Top { board, players } => {
            let payload = TopPayload {
                board: board.name(),
                players: board_rows(players, audience),
            };
            write_json(&("top", payload), out);
        }
        Event::Rank { board, rank } => {
            let payload = RankPayload {
                board: board.name(),
                place: rank.place,
                percent: rank.percent,
                points: rank.points,
                players: board_rows(&rank.players, audience),
            };
            write_json(&("rank", payload), out);
        }
        Event::Pong => out.push_str(r#"["pong"]"#),
        Event::Bye {
            code,
            reason,
            retry_ms,
        } => {
            write_json(
                &(
                    "bye",
                    ByePayload {
                        code: *code,
                        reason,
                        retry_ms: *retry_ms,
                    },
                ),
                out,
            );
        }
    }
}

/// Writes both boards for a page of anybody's, which is told no uid.
pub fn encode_board_page(week: &[BoardPlayer], ever: &[BoardPlayer], out: &mut String) {
    let audience = Audience {
        v2: true,
        board: true,
        instance: None,
        person: None,
        public_url: None,
    };
    let rows = |players| BoardRows {
        players,
        audience,
        with_uid: false,
    };
    let (week, ever) = (rows(week), rows(ever));
    write_json(&BoardPagePayload { week, ever }, out);
}

fn board_rows<'a>(players: &'a [BoardPlayer], audience: Audience<'a>) -> BoardRows<'a> {
    BoardRows {
        players,
        audience,
        with_uid: true,
    }
}

fn write_leave(uid: &Uid, reason: Option<&'static str>, out: &mut String) {
    let uid = Written(uid);
    write_json(&("leave", LeavePayload { uid, reason }), out);
}

fn result_row(row: &ResultRow) -> ResultRowPayload<'_> {
    ResultRowPayload {
        uid: Written(&row.uid),
        round_score: row.round_score,
        total_score: row.total_score,
        win_streak: row.win_streak,
        choice: row.choice.map(Choice::to_wire),
    }
}

#[derive(Serialize)]
struct HiPayload<'a> {
    message: &'static str,
    nearby: u32,
    #[serde(flatten)]
    session: Option<HiSessionPayload<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HiSessionPayload<'a> {
    uid: Written<'a>,
    session: &'a str,
    resumed: bool,
    #[serde(skip_serializing_if = "is_false")]
    pending: bool,
    total_score: u32,
    win_streak: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    uname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uavatar: Option<Picture<'a>>,
    #[serde(skip_serializing_if = "is_false")]
    board: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StartPayload<'a> {
    game_time: u32,
    room_users: [StartUserPayload<'a>; 2],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StartUserPayload<'a> {
    uid: Written<'a>,
    uname: &'a str,
    uavatar: Picture<'a>,
    choice: Option<u8>,
    round_score: u32,
    total_score: u32,
    win_streak: u32,
}

#[derive(Serialize)]
struct LeavePayload<'a> {
    uid: Written<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

#[derive(Serialize)]
struct ResultPayload<'a> {
    result: [ResultRowPayload<'a>; 2],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultRowPayload<'a> {
    uid: Written<'a>,
    round_score: u32,
    total_score: u32,
    win_streak: u32,
    choice: Option<u8>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RoomPayload<'a> {
    room_id: RoomId,
    users: Vec<RoomUserPayload<'a>>,
    full: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
}

#[derive(Serialize)]
struct RoomUserPayload<'a> {
    uid: Written<'a>,
    uname: &'a str,
    uavatar: Picture<'a>,
    ready: bool,
    robot: bool,
    online: bool,
}

#[derive(Serialize)]
struct ProblemPayload<'a> {
    code: &'static str,
    message: &'a str,
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
}

#[derive(Serialize)]
struct TopPayload<'a> {
    board: &'static str,
    players: BoardRows<'a>,
}

#[derive(Serialize)]
struct RankPayload<'a> {
    board: &'static str,
    place: Option<u32>,
    percent: Option<u32>,
    points: u32,
    players: BoardRows<'a>,
}

#[derive(Serialize)]
struct BoardPagePayload<'a> {
    week: BoardRows<'a>,
    ever: BoardRows<'a>,
}

#[derive(Clone, Copy)]
struct BoardRows<'a> {
    players: &'a [BoardPlayer],
    audience: Audience<'a>,
    with_uid: bool,
}

impl Serialize for BoardRows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            players,
            audience,
            with_uid,
        } = *self;
        serializer.collect_seq(players.iter().map(|player| BoardPlayerPayload {
            place: player.place,
            uid: with_uid.then_some(Written(&player.profile.uid)),
            uname: player.profile.name.as_str(),
            uavatar: Picture(&player.profile.avatar, audience),
            points: player.points,
        }))
    }
}

#[derive(Serialize)]
struct BoardPlayerPayload<'a> {
    place: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<Written<'a>>,
    uname: &'a str,
    uavatar: Picture<'a>,
    points: u32,
}

#[derive(Serialize)]
struct ByePayload {
    code: u16,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_ms: Option<u64>,
}

/// A uid as its client wrote it: a text, or a number.
struct Written<'a>(&'a Uid);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.as_str();
        let number = self.0.is_number().then(|| serde_json::from_str(text));
        match number {
            Some(Ok::<&RawValue, _>(digits)) => digits.serialize(serializer),
            _ => serializer.serialize_str(text),
        }
    }
}

/// `room7`.
struct RoomId(u64);

impl Serialize for RoomId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("room{}", self.0))
    }
}

/// A picture as its reader understands it.
struct Picture<'a>(&'a Avatar, Audience<'a>);

impl Serialize for Picture<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(avatar, audience) = self;
        match (avatar, audience.v2, audience.public_url) {
            (Avatar::Builtin(number), false, Some(url)) => {
                serializer.collect_str(&format_args!("{url}/avatars/{number}.svg"))
            }
            (Avatar::Robot, false, Some(url)) => {
                serializer.collect_str(&format_args!("{url}/avatars/robot.svg"))
            }
            (Avatar::Builtin(_) | Avatar::Robot, false, None) => serializer.serialize_str(""),
            _ => serializer.serialize_str(&avatar.text()),
        }
    }
}

/// Appends a `movement`, which nearly all events are, from its pieces.
pub fn encode_movement(uid: &Uid, movement: Movement, out: &mut String) {
    out.push_str(r#"["movement",{"uid":"#);
    write_uid(uid, out);
    match movement {
        Movement::Choice => out.push_str(r#","movement":"choice"}]"#),
        Movement::Face(Face(number)) => {
            out.push_str(r#","movement":"face","face":"#);
            write_number(number, out);
            out.push_str("}]");
        }
    }
}

/// What is said only where it is so.
fn is_false(value: &bool) -> bool {
    !value
}

/// Appends a uid as its client wrote it.
fn write_uid(uid: &Uid, out: &mut String) {
    match uid.form() {
        UidForm::Number => out.push_str(uid.as_str()),
        UidForm::Plain => {
            out.push('"');
            out.push_str(uid.as_str());
            out.push('"');
        }
        UidForm::Escaped => write_json(&uid.as_str(), out),
    }
}

/// Appends a number's digits.
fn write_number(number: u32, out: &mut String) {
    if let Some(digit) = char::from_digit(number, 10) {
        // As every face of ours.
        return out.push(digit);
    }
    let mut digits = [0; u32::MAX.ilog10() as usize + 1];
    let mut left = number;
    let mut written = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + (left % 10) as u8;
        left /= 10;
        written += 1;
        if left == 0 {
            break;
        }
    }
    let digits = digits.get(digits.len() - written..).unwrap_or_default();
    out.push_str(str::from_utf8(digits).unwrap_or_default());
}

/// Appends a value's JSON text.
pub(super) fn write_json(value: &impl Serialize, out: &mut String) {
    // As bytes, and looked at once: serde_json writes a text in some ten pieces; to show of each
    // that it is UTF-8 took most of a message's encoding.
    let mut bytes = std::mem::take(out).into_bytes();
    let written = serde_json::to_writer(&mut bytes, value);
    debug_assert!(
        written.is_ok(),
        "our own payloads have text keys and finite numbers"
    );
    *out = String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
}

#[cfg(test)]
mod tests;
