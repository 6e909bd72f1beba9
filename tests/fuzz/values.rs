//! Values instead of bytes: every event, request, acknowledgement and greeting, drawn at random,
//! written in every dialect and read back.
//!
//! What is read back is compared with what was to be written, key by key, so that a value
//! that is lost, added or put into another one's place is found.

use std::fmt::Write;

use fastrand::Rng;
use roshambo::model::{
    Avatar, Board, BoardPlayer, Choice, Event, Face, Hello, HiSession, Join, Movement, Name,
    Person, ProblemCode, Profile, Rank, Request, ResultRow, RoomCode, RoomState, RoomUser,
    StartUser, Sub, Token, Uid,
};
use roshambo::wire::{self, Dialect, Inbound, engine_io, event, socket_io};
use serde_json::{Value, json};

const DIALECTS: [Dialect; 3] = [Dialect::Plain, Dialect::Eio3, Dialect::Eio4];
/// Values of each kind.
const COUNT: usize = 3_000;
const PUBLIC_URL: &str = "https://e.example";

/// Characters that JSON, a log or a page could stumble over.
const LETTERS: [char; 16] = [
    'a',
    'Z',
    '0',
    ' ',
    '"',
    '\\',
    '/',
    '<',
    '&',
    '\'',
    'é',
    '剪',
    '\u{1f431}',
    '\u{feff}',
    '\u{202e}',
    '\u{fffd}',
];

fn word(rng: &mut Rng, letters_max: usize) -> String {
    let count = rng.usize(..=letters_max);
    (0..count)
        .map(|_| rng.choice(LETTERS).expect("letters"))
        .collect()
}

fn number(rng: &mut Rng) -> u32 {
    match rng.u32(..4) {
        0 => rng.choice([0, 1, u32::MAX]).expect("numbers"),
        _ => rng.u32(..) >> rng.u32(..32),
    }
}

fn uid(rng: &mut Rng) -> Uid {
    Uid::new(&format!("u{}", word(rng, 12))).expect("it is short and clean")
}

fn avatar(rng: &mut Rng) -> Avatar {
    match rng.u32(..4) {
        0 => Avatar::None,
        1 => Avatar::Robot,
        2 => Avatar::Builtin(rng.u8(..Avatar::BUILTIN_COUNT)),
        _ => Avatar::new(&format!("https://e/{}", word(rng, 40))),
    }
}

fn profile(rng: &mut Rng) -> Profile {
    Profile {
        uid: uid(rng),
        name: Name::new(&word(rng, 20)),
        avatar: avatar(rng),
    }
}

fn choice(rng: &mut Rng) -> Option<Choice> {
    rng.bool().then(|| rng.choice(Choice::ALL).expect("three"))
}

fn token(rng: &mut Rng) -> Token {
    let mut rng = rng.fork();
    Token::draw(None, &mut move |bytes: &mut [u8]| rng.fill(bytes))
}

fn code(rng: &mut Rng) -> RoomCode {
    let mut rng = rng.fork();
    RoomCode::draw(None, &mut move |bytes: &mut [u8]| rng.fill(bytes))
}

/// What the contract says about pictures: v2 clients draw the built-in ones, others get an address.
fn picture(avatar: &Avatar, v2: bool) -> String {
    match (avatar, v2) {
        (Avatar::None, _) => String::new(),
        (Avatar::Address(address), _) => address.to_string(),
        (Avatar::Builtin(number), true) => format!("builtin:{number}"),
        (Avatar::Robot, true) => "builtin:robot".into(),
        (Avatar::Builtin(number), false) => format!("{PUBLIC_URL}/avatars/{number}.svg"),
        (Avatar::Robot, false) => format!("{PUBLIC_URL}/avatars/robot.svg"),
    }
}

fn number_of(choice: Option<Choice>) -> Value {
    choice.map_or(Value::Null, |choice| choice.to_wire().into())
}

/// An event, and what a client must read.
fn draw_event(rng: &mut Rng, kind: u32, v2: bool) -> (Event, Value) {
    match kind {
        0 => {
            let nearby = number(rng);
            let session = rng.bool().then(|| HiSession {
                uid: uid(rng),
                token: token(rng),
                resumed: rng.bool(),
                pending: rng.bool(),
                total_score: number(rng),
                win_streak: number(rng),
            });
            let mut want = match &session {
                None => json!({"message": "welcome", "nearby": nearby}),
                Some(it) => json!({
                    "message": "welcome", "nearby": nearby, "uid": it.uid.as_str(),
                    "session": it.token.as_str(), "resumed": it.resumed,
                    "totalScore": it.total_score, "winStreak": it.win_streak,
                }),
            };
            if session.as_ref().is_some_and(|session| session.pending) {
                want["pending"] = json!(true);
            }
            let session = session.map(Box::new);
            (Event::Hi { nearby, session }, json!(["hi", want]))
        }
        1 => {
            let users = [(); 2].map(|()| StartUser {
                profile: profile(rng),
                choice: choice(rng),
                total_score: number(rng),
                win_streak: number(rng),
            });
            let rows = users.each_ref().map(|user| {
                json!({
                    "uid": user.profile.uid.as_str(), "uname": user.profile.name.as_str(),
                    "uavatar": picture(&user.profile.avatar, v2), "choice": number_of(user.choice),
                    "roundScore": 0, "totalScore": user.total_score, "winStreak": user.win_streak,
                })
            });
            let game_time_s = number(rng);
            let event = Event::Start {
                game_time_s,
                users: Box::new(users),
                resumed: rng.bool(),
            };
            (
                event,
                json!(["start", {"gameTime": game_time_s, "roomUsers": rows}]),
            )
        }
        2 => {
            let (uid, face) = (uid(rng), number(rng));
            match rng.bool() {
                true => {
                    let want = json!(["movement", {"uid": uid.as_str(), "movement": "choice"}]);
                    let movement = Movement::Choice;
                    (Event::Movement { uid, movement }, want)
                }
                false => {
                    let want = json!({"uid": uid.as_str(), "movement": "face", "face": face});
                    let movement = Movement::Face(Face(face));
                    (Event::Movement { uid, movement }, json!(["movement", want]))
                }
            }
        }
        3 => {
            let uid = uid(rng);
            let want = json!(["leave", {"uid": uid.as_str()}]);
            (Event::Leave { uid }, want)
        }
        4 => {
            let rows = [(); 2].map(|()| ResultRow {
                uid: uid(rng),
                round_score: number(rng),
                total_score: number(rng),
                win_streak: number(rng),
                choice: choice(rng),
            });
            let want = rows.each_ref().map(|row| {
                json!({
                    "uid": row.uid.as_str(), "roundScore": row.round_score,
                    "totalScore": row.total_score, "winStreak": row.win_streak,
                    "choice": number_of(row.choice),
                })
            });
            (
                Event::Result(rows.into()),
                json!(["result", {"result": want}]),
            )
        }
        5 => draw_room(rng, v2),
        6 => {
            let code = rng.choice(CODES).expect("codes");
            let name = word(rng, 20);
            let want = json!({"code": code.as_str(), "message": code.message(), "event": name});
            let event = name.into();
            (Event::Problem { code, event }, json!(["problem", want]))
        }
        7 => (Event::Pong, json!(["pong"])),
        8 => draw_board(rng, v2),
        _ => {
            let code = rng.u16(1_000..5_000);
            let retry_ms = rng.bool().then(|| u64::from(number(rng)));
            let reason = "restart";
            let mut want = json!({"code": code, "reason": reason});
            if let Some(retry_ms) = retry_ms {
                want["retry_ms"] = retry_ms.into();
            }
            let event = Event::Bye {
                code,
                reason,
                retry_ms,
            };
            (event, json!(["bye", want]))
        }
    }
}

const CODES: [ProblemCode; 10] = [
    ProblemCode::BadPayload,
    ProblemCode::AlreadyPlaying,
    ProblemCode::UnknownEvent,
    ProblemCode::RoomUnknown,
    ProblemCode::RoomFull,
    ProblemCode::Draining,
    ProblemCode::TooFast,
    ProblemCode::NoBoard,
    ProblemCode::BoardAway,
    ProblemCode::NotPlaying,
];

fn draw_room(rng: &mut Rng, v2: bool) -> (Event, Value) {
    let count = rng.usize(1..=2);
    let users: Vec<RoomUser> = (0..count)
        .map(|_| RoomUser {
            profile: profile(rng),
            ready: rng.bool(),
            robot: rng.bool(),
            online: rng.bool(),
        })
        .collect();
    let state = RoomState {
        number: u64::from(number(rng)),
        full: rng.bool(),
        code: rng.bool().then(|| code(rng)),
        users,
    };
    let users: Vec<Value> = state
        .users
        .iter()
        .map(|user| {
            json!({
                "uid": user.profile.uid.as_str(), "uname": user.profile.name.as_str(),
                "uavatar": picture(&user.profile.avatar, v2), "ready": user.ready,
                "robot": user.robot, "online": user.online,
            })
        })
        .collect();
    let mut want = json!({
        "roomId": format!("room{}", state.number), "users": users, "full": state.full,
    });
    if let Some(code) = &state.code {
        want["code"] = code.as_str().into();
    }
    (Event::Room(Box::new(state)), json!(["room", want]))
}

fn draw_board(rng: &mut Rng, v2: bool) -> (Event, Value) {
    let board = rng.choice(Board::ALL).expect("two");
    let players: Vec<BoardPlayer> = (0..rng.usize(..12))
        .map(|_| BoardPlayer {
            place: rng.bool().then(|| number(rng)),
            profile: profile(rng),
            points: number(rng),
        })
        .collect();
    let rows: Vec<Value> = players
        .iter()
        .map(|player| {
            json!({
                "place": player.place, "uid": player.profile.uid.as_str(),
                "uname": player.profile.name.as_str(),
                "uavatar": picture(&player.profile.avatar, v2), "points": player.points,
            })
        })
        .collect();
    if rng.bool() {
        let want = json!({"board": board.name(), "players": rows});
        let players = players.into();
        return (Event::Top { board, players }, json!(["top", want]));
    }
    let rank = Rank {
        place: rng.bool().then(|| number(rng)),
        percent: rng.bool().then(|| number(rng)),
        points: number(rng),
        players,
    };
    let want = json!({
        "board": board.name(), "place": rank.place, "percent": rank.percent,
        "points": rank.points, "players": rows,
    });
    let rank = Box::new(rank);
    (Event::Rank { board, rank }, json!(["rank", want]))
}

/// What a client does with a packet of its dialect: the event's text in it.
fn body(dialect: Dialect, packet: &str) -> &str {
    match dialect {
        Dialect::Plain => packet,
        Dialect::Eio3 | Dialect::Eio4 => packet.strip_prefix("42").expect("an event packet"),
    }
}

#[test]
fn every_event_is_read_as_it_was_meant_in_all_dialects() {
    let mut rng = Rng::with_seed(31);
    for number in 0..COUNT * 9 {
        let v2 = rng.bool();
        let (event, mut want) = draw_event(&mut rng, (number % 10) as u32, v2);
        let person = rng.bool().then(|| Person {
            sub: Sub::new("o-1").expect("a sub"),
            name: rng.bool().then(|| Name::new(&word(&mut rng, 20))),
            avatar: rng.bool().then(|| avatar(&mut rng)),
        });
        if let (
            Event::Hi {
                session: Some(_), ..
            },
            Some(person),
        ) = (&event, &person)
        {
            if let Some(name) = &person.name {
                want[1]["uname"] = json!(name.as_str());
            }
            if let Some(avatar) = &person.avatar {
                want[1]["uavatar"] = json!(picture(avatar, v2));
            }
        }
        for dialect in DIALECTS {
            let mut packet = dialect.event_prefix().to_owned();
            let public_url = Some(PUBLIC_URL);
            event::encode(
                &event,
                event::Audience {
                    v2,
                    board: false,
                    instance: None,
                    person: person.as_ref(),
                    public_url,
                },
                &mut packet,
            );
            let text = body(dialect, &packet);
            let read: Value = serde_json::from_str(text).expect("events are JSON");
            assert_eq!(read, want, "{event:?}");
            // What the decoder of clients' packets makes of it is the same event again.
            let again = wire::decode(dialect, &packet);
            let ack = None;
            assert_eq!(again, Ok(Inbound::Event { ack, body: text }), "{packet}");
            // A line of text, whoever shows it.
            assert!(!text.contains(['\n', '\r', '\0']), "{text}");
        }
    }
}

/// A request, and its JSON text as a client may write it.
fn draw_request(rng: &mut Rng, kind: u32) -> (Request, String) {
    let quoted = |text: &str| Value::from(text).to_string();
    match kind {
        0 => {
            let v2 = rng.bool();
            let hello = Hello {
                uid: rng.bool().then(|| uid(rng)),
                name: Name::new(&word(rng, 20)),
                avatar: match avatar(rng) {
                    // Nobody may claim it.
                    Avatar::Robot => Avatar::None,
                    other => other,
                },
                v2,
                session: (v2 && rng.bool()).then(|| token(rng)),
                signed: (v2 && rng.bool()).then(|| word(rng, 20).into()),
            };
            let mut user = Vec::new();
            if let Some(uid) = &hello.uid {
                user.push(format!(r#""uid":{}"#, quoted(uid.as_str())));
            }
            user.push(format!(r#""uname":{}"#, quoted(hello.name.as_str())));
            let avatar = hello.avatar.text();
            user.push(format!(r#""uavatar":{}"#, quoted(&avatar)));
            rng.shuffle(&mut user);
            let mut payload = vec![format!(r#""user":{{{}}}"#, user.join(","))];
            if hello.v2 {
                payload.push(format!(r#""v":{}"#, rng.u32(2..9)));
            }
            if let Some(session) = &hello.session {
                payload.push(format!(r#""session":{}"#, quoted(session.as_str())));
            }
            if let Some(signed) = &hello.signed {
                payload.push(format!(r#""token":{}"#, quoted(signed)));
            }
            rng.shuffle(&mut payload);
            let text = format!(r#"["hello",{{{}}}]"#, payload.join(","));
            (Request::Hello(Box::new(hello)), text)
        }
        1 => {
            let ready = rng.bool();
            // Missing is ready.
            let key = match (ready, rng.bool()) {
                (true, true) => "",
                (true, false) => r#","ready":true"#,
                (false, _) => r#","ready":false"#,
            };
            let (join, text) = match rng.u32(..4) {
                0 => (Join::Any, r#"["join"]"#.into()),
                1 => (Join::New, r#"["join",{"new":true}]"#.into()),
                2 => {
                    let text = format!(r#"["join",{{"room":"new"{key}}}]"#);
                    (Join::CreateRoom { ready }, text)
                }
                _ => {
                    let code = code(rng);
                    let room = quoted(code.as_str());
                    let text = format!(r#"["join",{{"room":{room}{key}}}]"#);
                    let code = Some(code);
                    (Join::EnterRoom { code, ready }, text)
                }
            };
            (Request::Join(join), text)
        }
        2 => {
            let choice = rng.choice(Choice::ALL).expect("three");
            let text = format!(r#"["choice",{{"choice":{}}}]"#, choice.to_wire());
            (Request::Choice(choice), text)
        }
        3 => {
            let face = number(rng);
            let text = format!(r#"["face",{{"face":{face}}}]"#);
            (Request::Face(Face(face)), text)
        }
        4 => (Request::Leave, r#"["leave"]"#.into()),
        5 => (Request::Away, r#"["away"]"#.into()),
        6 => (Request::Top(Board::Week), r#"["top"]"#.into()),
        7 => {
            let board = rng.choice(Board::ALL).expect("two");
            let text = format!(r#"["rank",{{"board":"{}"}}]"#, board.name());
            (Request::Rank(board), text)
        }
        _ => (Request::Ping, r#"["ping"]"#.into()),
    }
}

#[test]
fn every_request_is_read_as_it_was_meant_in_all_dialects() {
    let mut rng = Rng::with_seed(32);
    for number in 0..COUNT * 7 {
        let (request, text) = draw_request(&mut rng, (number % 9) as u32);
        // The same text in other words: every character of a string may be an escape.
        let mut escaped = String::new();
        let mut inside = false;
        for letter in text.chars() {
            inside ^= letter == '"';
            let plain = letter.is_ascii_alphanumeric() && inside && rng.u32(..4) == 0;
            match plain && !text.contains('\\') {
                true => write!(escaped, "\\u{:04x}", letter as u32).expect("a string"),
                false => escaped.push(letter),
            }
        }
        for (dialect, text) in DIALECTS.into_iter().flat_map(|dialect| {
            let both = [text.clone(), escaped.clone()];
            both.map(|text| (dialect, text))
        }) {
            let ack = match dialect {
                Dialect::Plain => String::new(),
                Dialect::Eio3 | Dialect::Eio4 if rng.bool() => rng.u32(..).to_string(),
                Dialect::Eio3 | Dialect::Eio4 => String::new(),
            };
            let packet = format!("{}{ack}{text}", dialect.event_prefix());
            let Ok(Inbound::Event { ack: read, body }) = wire::decode(dialect, &packet) else {
                panic!("{packet}");
            };
            assert_eq!(read.unwrap_or_default(), ack, "{packet}");
            let named = event::decode(body, true).expect("an event");
            assert_eq!(named.request, Ok(request.clone()), "{packet}");
        }
    }
}

#[test]
fn acknowledgements_and_greetings_are_read_as_they_were_meant() {
    let mut rng = Rng::with_seed(33);
    for _ in 0..COUNT {
        let id = (rng.u64(..) >> rng.u32(15..64)).to_string();
        let refusal = rng.choice(CODES).filter(|_| rng.bool());
        let mut packet = String::new();
        socket_io::encode_ack(&id, refusal, &mut packet);
        let answer = packet
            .strip_prefix("43")
            .and_then(|rest| rest.strip_prefix(&*id));
        let answer: Value = serde_json::from_str(answer.expect("our id")).expect("JSON");
        let want = refusal.map_or(
            json!([{"ok": true}]),
            |code| json!([{"ok": false, "code": code.as_str(), "message": code.message()}]),
        );
        assert_eq!(answer, want);
        let opening = engine_io::Opening {
            sid: &format!("s{id}"),
            ping_interval_ms: rng.u64(..1 << 40),
            ping_timeout_ms: rng.u64(..1 << 40),
            max_payload: rng.usize(..1 << 30),
        };
        for dialect in [Dialect::Eio3, Dialect::Eio4] {
            let mut packet = String::new();
            engine_io::encode_open(dialect, opening, &mut packet);
            let read: Value = serde_json::from_str(&packet[1..]).expect("JSON");
            assert!(packet.starts_with('0'));
            assert_eq!(read["sid"], opening.sid);
            assert_eq!(read["pingInterval"], opening.ping_interval_ms);
            assert_eq!(read["pingTimeout"], opening.ping_timeout_ms);
            assert_eq!(read["upgrades"], json!([]));
            let payload = read.get("maxPayload").cloned();
            let want = (dialect == Dialect::Eio4).then(|| json!(opening.max_payload));
            assert_eq!(payload, want);
        }
        let mut packet = String::new();
        socket_io::encode_connected(opening.sid, &mut packet);
        let read: Value = serde_json::from_str(&packet[2..]).expect("JSON");
        assert_eq!((&packet[..2], read), ("40", json!({"sid": opening.sid})));
    }
}
