//! Rows: text in, request out; event in, text out.

use super::*;
use crate::model::{HiSession, Profile, RequestKind, RoomState, RoomUser, StartUser, Sub};

#[track_caller]
fn check(text: &str, want: Result<Request, ProblemCode>) {
    let found = decode(text, true).map(|named| named.request);
    assert_eq!(found, Ok(want), "{text}");
}

#[test]
fn requests_with_small_payloads() {
    use Choice::{Paper, Rock, Scissors};
    let bad = || Err(ProblemCode::BadPayload);
    let join = |join| Ok(Request::Join(join));
    let new_room = |ready| Join::CreateRoom { ready };
    let room = |code, ready| Join::EnterRoom {
        code: RoomCode::new(code),
        ready,
    };
    #[rustfmt::skip]
    let table = [
        (r#"["choice",{"choice":1}]"#, Ok(Request::Choice(Scissors))),
        (r#"["choice",{"choice":2}]"#, Ok(Request::Choice(Rock))),
        (r#" [ "choice" , { "choice" : 3 , "x" : [{}] } , 7 ] "#, Ok(Request::Choice(Paper))),
        (r#"["cho\u0069ce",{"choice":3}]"#, Ok(Request::Choice(Paper))),
        (r#"["choice",{"choice":0}]"#, bad()), (r#"["choice",{"choice":4}]"#, bad()),
        (r#"["choice",{"choice":99}]"#, bad()), (r#"["choice",{"choice":-1}]"#, bad()),
        (r#"["choice",{"choice":1.0}]"#, Ok(Request::Choice(Scissors))), (r#"["choice",{"choice":20e-1}]"#, Ok(Request::Choice(Rock))),
        (r#"["choice",{"choice":"3"}]"#, Ok(Request::Choice(Paper))), (r#"["choice",{"choice":"three"}]"#, bad()),
        (r#"["choice",{"choice":1.5}]"#, bad()), (r#"["choice",{"choice":true}]"#, bad()), (r#"["choice",{"choice":[1]}]"#, bad()),
        (r#"["choice",{"choice":-1.0}]"#, bad()), (r#"["choice",{"choice":4294967297}]"#, bad()),
        (r#"["choice",{"choice":null}]"#, bad()), (r#"["choice",{"choice":1e400}]"#, bad()),
        (r#"["choice",{"choice":18446744073709551616}]"#, bad()),
        (r#"["choice",{"choice":1,"choice":2}]"#, Ok(Request::Choice(Rock))), (r#"["choice",[1]]"#, bad()),
        (r#"["choice",{"\ud83d":1,"choice":2}]"#, Ok(Request::Choice(Rock))),
        (r#"["choice",1]"#, bad()), (r#"["choice"]"#, bad()), (r#"["choice",null]"#, bad()),
        (r#"["choice",{"__proto__":{"choice":1}}]"#, bad()),
        (r#"["face",{"face":0}]"#, Ok(Request::Face(Face(0)))),
        (r#"["face",{"face":4294967295}]"#, Ok(Request::Face(Face(u32::MAX)))),
        (r#"["face",{"face":4294967295.0}]"#, Ok(Request::Face(Face(u32::MAX)))), (r#"["face",{"face":0.5}]"#, bad()),
        (r#"["face",{"face":1e3}]"#, Ok(Request::Face(Face(1_000)))), (r#"["face",{"face":"2"}]"#, Ok(Request::Face(Face(2)))),
        (r#"["face",{"face":-0.0}]"#, Ok(Request::Face(Face(0)))), (r#"["face",{"face":4294967296.0}]"#, bad()),
        (r#"["face",{"face":4294967296}]"#, bad()), (r#"["face",{"face":-1}]"#, bad()),
        (r#"["face",{}]"#, bad()), (r#"["face"]"#, bad()),
        (r#"["join"]"#, join(Join::Any)), (r#"["join",null]"#, join(Join::Any)),
        (r#"["join",{}]"#, join(Join::Any)), (r#"["join",{"new":false}]"#, join(Join::Any)),
        (r#"["join",{"new":true}]"#, join(Join::New)),
        (r#"["join",{"room":"new"}]"#, join(new_room(true))), (r#"["join",{"room":"new","ready":false}]"#, join(new_room(false))),
        (r#"["join",{"room":"k7m2qx"}]"#, join(room("K7M2QX", true))), (r#"["join",{"room":""}]"#, join(room("", true))),
        (r#"["join",{"ready":false,"room":"k7m2qx"}]"#, join(room("K7M2QX", false))),
        (r#"["join",{"room":"k7m2qx","ready":true}]"#, join(room("K7M2QX", true))),
        (r#"["join",{"room":"k7m2qx","ready":null}]"#, join(room("K7M2QX", true))),
        (r#"["join",{"room":"k7m2qx","ready":0}]"#, bad()), (r#"["join",{"ready":"false"}]"#, bad()),
        (r#"["join",{"ready":false}]"#, join(Join::Any)), (r#"["join",{"new":true,"ready":false}]"#, join(Join::New)),
        (r#"["join",{"room":5}]"#, bad()), (r#"["join",{"room":"new","new":true}]"#, bad()),
        (r#"["join",[]]"#, bad()), (r#"["join",{"new":1}]"#, bad()), (r#"["join",""]"#, bad()), (r#"["join",true]"#, bad()),
        (r#"["join",{"room":null,"new":null}]"#, join(Join::Any)), (r#"["join",{"room":"\ud83d"}]"#, join(room("", true))),
        (r#"["leave"]"#, Ok(Request::Leave)), (r#"["leave",{"any":1}]"#, Ok(Request::Leave)),
        (r#"["away"]"#, Ok(Request::Away)), (r#"["ping"]"#, Ok(Request::Ping)),
        (r#"["top"]"#, Ok(Request::Top(Board::Week))), (r#"["top",null]"#, Ok(Request::Top(Board::Week))),
        (r#"["top",{}]"#, Ok(Request::Top(Board::Week))), (r#"["top",{"board":"week"}]"#, Ok(Request::Top(Board::Week))),
        (r#"["top",{"board":"ever","x":1}]"#, Ok(Request::Top(Board::Ever))), (r#"["rank",{"board":"ever"}]"#, Ok(Request::Rank(Board::Ever))),
        (r#"["rank"]"#, Ok(Request::Rank(Board::Week))), (r#"["rank",{"board":null}]"#, Ok(Request::Rank(Board::Week))),
        (r#"["top",{"board":"month"}]"#, bad()), (r#"["top",{"board":1}]"#, bad()), (r#"["rank",[]]"#, bad()), (r#"["rank",""]"#, bad()),
        (r#"["hi"]"#, Err(ProblemCode::UnknownEvent)), (r#"["Join"]"#, Err(ProblemCode::UnknownEvent)),
        (r#"["",{}]"#, Err(ProblemCode::UnknownEvent)), (r#"["\ud800"]"#, Err(ProblemCode::UnknownEvent)),
        (r#"["__proto__"]"#, Err(ProblemCode::UnknownEvent)),
    ];
    for (text, want) in table {
        check(text, want);
    }
}

/// The original looked at no payload of `join`, so an old client may send any.
#[test]
fn an_old_join_is_a_join_whatever_comes_with_it() {
    for payload in [
        "null",
        "\"\"",
        "\"K7M2QX\"",
        "true",
        "0",
        "1.5",
        "[]",
        "[{}]",
        "{}",
        r#"{"new":1}"#,
        r#"{"new":true}"#,
        r#"{"room":"new"}"#,
        r#"{"room":5}"#,
        r#"{"room":"\ud83d","new":true}"#,
        r#"{"ready":false}"#,
        "null,7",
    ] {
        let text = format!("[\"join\",{payload}]");
        let found = decode(&text, false).map(|named| named.request);
        assert_eq!(found, Ok(Ok(Request::Join(Join::Any))), "{text}");
    }
}

#[test]
fn what_is_no_event_is_a_fault() {
    let deep = format!("[{}", "[".repeat(4000));
    for text in [
        "",
        " ",
        "null",
        "1",
        "\"join\"",
        "{}",
        "[]",
        "[1]",
        "[null]",
        "[[\"join\"]]",
        "[\"join\"",
        "[\"join\"]]",
        "[\"join\",]",
        "[\"join\"],",
        "[\"join\" {}]",
        "['join']",
        "[\"\\ud8\"]",
        "[{}]",
        "[true,{}]",
        "[\"join\",NaN]",
        "[\"join\",{\"a\":}]",
        "[\"a\nb\"]",
        &deep,
    ] {
        assert_eq!(
            decode(text, true).map_err(CloseReason::code),
            Err(1008),
            "{text}"
        );
    }
}

#[test]
fn deep_and_huge_payloads_of_unknown_events_are_only_skipped() {
    let deep = format!("[\"x\",{}{}]", "[".repeat(1900), "]".repeat(1900));
    check(&deep, Err(ProblemCode::UnknownEvent));
    let deep = format!(
        "[\"face\",{{\"y\":{}{},\"face\":1}}]",
        "[".repeat(1900),
        "]".repeat(1900)
    );
    check(&deep, Ok(Request::Face(Face(1))));
    check(r#"["x",1e999999]"#, Err(ProblemCode::UnknownEvent));
}

#[test]
fn hello_is_read_leniently_where_it_may_be_and_strictly_where_it_must() {
    let hello = |uid: Option<&str>, name: &str, avatar: Avatar, v2| {
        let uid = uid.and_then(Uid::new);
        Ok(Request::Hello(Box::new(Hello {
            uid,
            name: Name::new(name),
            avatar,
            v2,
            session: None,
            signed: None,
        })))
    };
    let bad = || Err(ProblemCode::BadPayload);
    #[rustfmt::skip]
    let table = [
        (r#"["hello",{"user":{"uid":"A","uname":"Ann","uavatar":"http://a"}}]"#,
            hello(Some("A"), "Ann", Avatar::new("http://a"), false)),
        (r#"["hello",{"user":{"uid":"A","uname":null},"cordinate":{"lat":1e999,"lng":null},"x":1}]"#,
            hello(Some("A"), "", Avatar::None, false)),
        (r#"["hello",{"user":{"uid":"A"},"cordinate":"nowhere","v":1}]"#, hello(Some("A"), "", Avatar::None, false)),
        (r#"["hello",{"user":{},"v":2}]"#, hello(None, "", Avatar::None, true)),
        (r#"["hello",{"user":{"uid":true,"uavatar":"builtin:3"},"v":3,"session":"short"}]"#,
            hello(None, "", Avatar::Builtin(3), true)),
        (r#"["hello",{"user":{},"v":2.0}]"#, hello(None, "", Avatar::None, true)),
        (r#"["hello",{"user":{},"v":1e999}]"#, hello(None, "", Avatar::None, true)),
        (r#"["hello",{"user":{"uid":"A"},"v":"2","session":7}]"#, hello(Some("A"), "", Avatar::None, false)),
        (r#"["hello",{"user":{"uid":"A"},"v":{"major":2}}]"#, hello(Some("A"), "", Avatar::None, false)),
        (r#"["hello",{"user":{"uid":7,"uname":7}}]"#, hello(Some("7"), "7", Avatar::None, false)),
        (r#"["hello",{"user":{"uid":1e3,"uname":-7.50}}]"#, hello(Some("1000"), "-7.5", Avatar::None, false)),
        (r#"["hello",{"user":{"uid":12345678901234567890}}]"#, hello(Some("12345678901234567890"), "", Avatar::None, false)),
        (r#"["hello",{"user":{"uid":1e400,"uname":1e400}}]"#, hello(None, "", Avatar::None, false)),
        (r#"["hello",{"user":{"uid":"A","uname":true,"uavatar":7}}]"#, hello(Some("A"), "", Avatar::None, false)),
        (r#"["hello",{"user":{"uid":"A","uname":{"a":1},"uavatar":["http://a"]}}]"#, hello(Some("A"), "", Avatar::None, false)),
        (r#"["hello",{"user":{"uid":"a\ud83d","uname":"A\ud83d","uavatar":"http://a/\udc31"}}]"#,
            hello(Some("a\u{fffd}"), "A\u{fffd}", Avatar::new("http://a/\u{fffd}"), false)),
        (r#"["hello",{"user":{"uid":"A","uname":"\u202eA\u202c"}}]"#, hello(Some("A"), "A", Avatar::None, false)),
        (r#"["hello",{"user":{"uid":"A","uid":"B"}}]"#, hello(Some("B"), "", Avatar::None, false)),
        (r#"["hello",{"user":{"uid":"A"},"user":{"uid":"B"},"\ud83d":0}]"#, hello(Some("B"), "", Avatar::None, false)),
        (r#"["hello",{"user":{"uid":"\u2028"}}]"#, hello(None, "", Avatar::None, false)),
        (r#"["hello",{"user":{"uid":"A"},"v":2,"session":7}]"#, bad()),
        (r#"["hello",{"user":["A","Ann",""]}]"#, bad()), (r#"["hello",{"user":null}]"#, bad()),
        (r#"["hello",{}]"#, bad()), (r#"["hello"]"#, bad()), (r#"["hello","A"]"#, bad()),
    ];
    for (text, want) in table {
        check(text, want);
    }
}

/// It is not looked at here, and an old client has none.
#[test]
fn a_signed_token_is_taken_as_it_is_written() {
    let signed = |text: &str| match decode(text, false).map(|named| named.request) {
        Ok(Ok(Request::Hello(hello))) => hello.signed,
        other => panic!("{text}: {other:?}"),
    };
    let rows = [
        (r#"["hello",{"user":{},"v":2}]"#, None),
        (r#"["hello",{"user":{},"v":2,"token":null}]"#, None),
        (
            r#"["hello",{"user":{},"v":2,"token":"a.b.c"}]"#,
            Some("a.b.c"),
        ),
        (
            r#"["hello",{"user":{},"v":2,"token":"a\u002eb"}]"#,
            Some("a.b"),
        ),
        (r#"["hello",{"user":{},"v":2,"token":""}]"#, Some("")),
        (r#"["hello",{"user":{},"v":2,"token":7}]"#, Some("7")),
        (
            r#"["hello",{"user":{},"v":2,"token":["a"]}]"#,
            Some("[\"a\"]"),
        ),
        (r#"["hello",{"user":{"uid":"A"},"token":"a.b.c"}]"#, None),
        (
            r#"["hello",{"user":{"uid":"A","token":"a.b.c"},"v":2}]"#,
            None,
        ),
    ];
    for (text, want) in rows {
        assert_eq!(signed(text).as_deref(), want, "{text}");
    }
}

#[test]
fn a_long_event_name_is_cut_at_a_character() {
    let text = format!("[\"{}é\"]", "x".repeat(63));
    assert_eq!(decode(&text, false).map(|named| named.name.len()), Ok(63));
    let text = format!("[\"{}\\u00e9\"]", "x".repeat(63));
    assert_eq!(decode(&text, false).map(|named| named.name.len()), Ok(63));
}

#[track_caller]
fn written(event: &Event, v2: bool, want: &str) {
    let mut out = String::new();
    encode(
        event,
        Audience {
            v2,
            board: false,
            instance: None,
            person: None,
            public_url: Some("https://e/base"),
        },
        &mut out,
    );
    assert_eq!(out, want);
}

fn profile(uid: &str, avatar: Avatar) -> Profile {
    Profile {
        uid: Uid::new(uid).unwrap_or_else(|| Uid::robot(0)),
        name: Name::new("N\"<"),
        avatar,
    }
}

/// What its token calls it stands there, and nothing where that says nothing.
#[track_caller]
fn hi_of_a_person(token: &Token) {
    let session = HiSession {
        uid: Uid::robot(1),
        token: token.clone(),
        resumed: true,
        pending: false,
        total_score: 1,
        win_streak: 1,
    };
    let hi = Event::Hi {
        nearby: 0,
        session: Some(Box::new(session)),
    };
    let rows = [
        (None, None, ""),
        (Some("N\"<"), None, r#","uname":"N\"<""#),
        (Some(""), Some(Avatar::None), r#","uname":"","uavatar":"""#),
        (None, Some(Avatar::Builtin(3)), r#","uavatar":"builtin:3""#),
    ];
    for (name, avatar, want) in rows {
        let person = Person {
            sub: Sub::new("o-1").expect("a sub"),
            name: name.map(Name::new),
            avatar,
        };
        let audience = Audience {
            v2: true,
            board: true,
            instance: None,
            person: Some(&person),
            public_url: None,
        };
        let mut out = String::new();
        encode(&hi, audience, &mut out);
        let token = token.as_str();
        assert_eq!(
            out,
            format!(
                r#"["hi",{{"message":"welcome","nearby":0,"uid":"robot-1","session":"{token}","resumed":true,"totalScore":1,"winStreak":1{want},"board":true}}]"#
            )
        );
    }
}

#[test]
fn events_are_byte_exact() {
    let uid = Uid::robot(1);
    let mut rng = fastrand::Rng::with_seed(7);
    let token = Token::draw(None, &mut move |bytes: &mut [u8]| rng.fill(bytes));
    written(
        &Event::Hi {
            nearby: 10,
            session: None,
        },
        false,
        r#"["hi",{"message":"welcome","nearby":10}]"#,
    );
    let session = HiSession {
        uid: uid.clone(),
        token: token.clone(),
        resumed: false,
        pending: true,
        total_score: 0,
        win_streak: 0,
    };
    written(
        &Event::Hi {
            nearby: 0,
            session: Some(Box::new(session.clone())),
        },
        true,
        &format!(
            r#"["hi",{{"message":"welcome","nearby":0,"uid":"robot-1","session":"{}","resumed":false,"pending":true,"totalScore":0,"winStreak":0}}]"#,
            token.as_str()
        ),
    );
    let session = HiSession {
        pending: false,
        ..session
    };
    written(
        &Event::Hi {
            nearby: 0,
            session: Some(Box::new(session)),
        },
        true,
        &format!(
            r#"["hi",{{"message":"welcome","nearby":0,"uid":"robot-1","session":"{}","resumed":false,"totalScore":0,"winStreak":0}}]"#,
            token.as_str()
        ),
    );
    hi_of_a_person(&token);
    let choice = Event::Movement {
        uid: uid.clone(),
        movement: Movement::Choice,
    };
    written(
        &choice,
        false,
        r#"["movement",{"uid":"robot-1","movement":"choice"}]"#,
    );
    let face = Event::Movement {
        uid: uid.clone(),
        movement: Movement::Face(Face(2)),
    };
    written(
        &face,
        false,
        r#"["movement",{"uid":"robot-1","movement":"face","face":2}]"#,
    );
    written(
        &Event::Leave { uid: uid.clone() },
        false,
        r#"["leave",{"uid":"robot-1"}]"#,
    );
    written(
        &Event::SeatLost { uid: uid.clone() },
        true,
        r#"["leave",{"uid":"robot-1","reason":"absent"}]"#,
    );
    let row = |choice| ResultRow {
        uid: uid.clone(),
        round_score: 1,
        total_score: 2,
        win_streak: 3,
        choice,
    };
    written(
        &Event::Result([row(None), row(Some(Choice::Paper))].into()),
        false,
        r#"["result",{"result":[{"uid":"robot-1","roundScore":1,"totalScore":2,"winStreak":3,"choice":null},{"uid":"robot-1","roundScore":1,"totalScore":2,"winStreak":3,"choice":3}]}]"#,
    );
    written(&Event::Pong, true, r#"["pong"]"#);
    written(
        &Event::Bye {
            code: 1012,
            reason: "restart",
            retry_ms: Some(1800),
        },
        true,
        r#"["bye",{"code":1012,"reason":"restart","retry_ms":1800}]"#,
    );
    written(
        &Event::Bye {
            code: 4001,
            reason: "taken-over",
            retry_ms: None,
        },
        true,
        r#"["bye",{"code":4001,"reason":"taken-over"}]"#,
    );
    written(
        &Event::Problem {
            code: ProblemCode::RoomFull,
            event: "jo\nin".into(),
        },
        true,
        r#"["problem",{"code":"room-full","message":"both seats of this room are taken","event":"jo\nin"}]"#,
    );
    written(
        &Event::TokenRefused {
            why: "its alg is \"none\", not HS256".into(),
        },
        true,
        r#"["problem",{"code":"bad-token","message":"its alg is \"none\", not HS256","event":"hello"}]"#,
    );
}

/// A client looks for its uid, and a number is no text for most of them.
#[test]
fn a_numeric_uid_is_written_back_as_that_number() {
    let rows = [
        ("7", "7"),
        ("-7.0", "-7"),
        ("1.5", "1.5"),
        ("1e21", "1e21"),
        ("\"7\"", "\"7\""),
        ("0", "0"),
        ("18446744073709551616", "18446744073709551616"),
        ("\"1e3\"", "\"1e3\""),
    ];
    for (sent, want) in rows {
        let text = format!("[\"hello\",{{\"user\":{{\"uid\":{sent}}}}}]");
        let Ok(Named {
            request: Ok(Request::Hello(hello)),
            ..
        }) = decode(&text, false)
        else {
            panic!("{text}");
        };
        let uid = hello.uid.expect("a uid");
        let movement = Movement::Face(Face(1));
        let event = Event::Movement {
            uid: uid.clone(),
            movement,
        };
        written(
            &event,
            false,
            &format!(r#"["movement",{{"uid":{want},"movement":"face","face":1}}]"#),
        );
        written(
            &Event::Leave { uid: uid.clone() },
            false,
            &format!(r#"["leave",{{"uid":{want}}}]"#),
        );
        let row = |uid: &Uid| ResultRow {
            uid: uid.clone(),
            round_score: 0,
            total_score: 0,
            win_streak: 0,
            choice: None,
        };
        let start = Event::Start {
            game_time_s: 3,
            users: Box::new([&uid, &Uid::robot(1)].map(|uid| StartUser {
                profile: Profile {
                    uid: uid.clone(),
                    name: Name::new("7"),
                    avatar: Avatar::None,
                },
                choice: None,
                total_score: 0,
                win_streak: 0,
            })),
            resumed: false,
        };
        for event in [
            Event::Result([row(&uid), row(&Uid::robot(1))].into()),
            start,
        ] {
            let mut out = String::new();
            encode(
                &event,
                Audience {
                    v2: true,
                    board: false,
                    instance: None,
                    person: None,
                    public_url: None,
                },
                &mut out,
            );
            assert!(out.contains(&format!("[{{\"uid\":{want},\"")), "{out}");
            assert!(!out.contains("\"uname\":7"), "{out}");
        }
    }
}

#[test]
fn pictures_are_told_in_the_words_of_the_reader() {
    let user = |uid, avatar| StartUser {
        profile: profile(uid, avatar),
        choice: None,
        total_score: 5,
        win_streak: 2,
    };
    let users = || {
        Box::new([
            user("A", Avatar::Builtin(3)),
            user("robot-1", Avatar::Robot),
        ])
    };
    let text = |a: &str, b: &str| {
        format!(
            r#"["start",{{"gameTime":3,"roomUsers":[{{"uid":"A","uname":"N\"<","uavatar":"{a}","choice":null,"roundScore":0,"totalScore":5,"winStreak":2}},{{"uid":"robot-1","uname":"N\"<","uavatar":"{b}","choice":null,"roundScore":0,"totalScore":5,"winStreak":2}}]}}]"#
        )
    };
    let start = Event::Start {
        game_time_s: 3,
        users: users(),
        resumed: false,
    };
    written(&start, true, &text("builtin:3", "builtin:robot"));
    written(
        &start,
        false,
        &text(
            "https://e/base/avatars/3.svg",
            "https://e/base/avatars/robot.svg",
        ),
    );
    let mut out = String::new();
    encode(
        &start,
        Audience {
            v2: false,
            board: false,
            instance: None,
            person: None,
            public_url: None,
        },
        &mut out,
    );
    assert_eq!(out, text("", ""));
    let room = RoomState {
        number: 7,
        users: vec![RoomUser {
            profile: profile("A", Avatar::new("http://a")),
            ready: true,
            robot: false,
            online: true,
        }],
        full: false,
        code: RoomCode::new("K7M2QX"),
    };
    written(
        &Event::Room(Box::new(room)),
        true,
        r#"["room",{"roomId":"room7","users":[{"uid":"A","uname":"N\"<","uavatar":"http://a","ready":true,"robot":false,"online":true}],"full":false,"code":"K7M2QX"}]"#,
    );
}

/// What is read or written by hand beside serde_json: any text near the usual ones is read the
/// same, and a movement of any uid and number is written the same.
#[test]
fn the_short_cuts_do_what_serde_json_does() {
    let mut rng = fastrand::Rng::with_seed(19);
    let pieces = [
        "[",
        "]",
        "{",
        "}",
        "\"",
        ",",
        ":",
        " ",
        "\n",
        "face",
        "choice",
        "0",
        "1",
        "2",
        "3",
        "4",
        "9",
        "10",
        "-",
        "+",
        ".",
        "e",
        "1.0",
        "4294967295",
        "4294967296",
        "999999999",
        "1000000000",
        "00",
        "01",
        "null",
        "\\u0066",
        "\u{660}",
        "剪",
        "\"face\":1",
        "{}",
    ];
    let numbers = [
        "0",
        "1",
        "3",
        "4",
        "12",
        "007",
        "999999999",
        "4294967295",
        "4294967296",
        "-1",
    ];
    let mut usual = 0;
    for _ in 0..60_000 {
        let name = rng.choice(["face", "choice"]).unwrap_or("face");
        let key = if rng.u8(..) < 240 { name } else { "fac" };
        let number = rng.choice(numbers).unwrap_or("1");
        let mut text = format!("[\"{name}\",{{\"{key}\":{number}}}]");
        for _ in 0..rng.usize(..3) {
            let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
            let place = rng.choice(places).unwrap_or(0);
            if rng.bool() {
                text.remove(place);
            } else {
                text.insert_str(place, rng.choice(pieces).unwrap_or(","));
            }
            if text.is_empty() {
                break;
            }
        }
        let by_serde = decode_any(&text, false);
        assert_eq!(decode(&text, false), by_serde, "{text}");
        if let Some((name, request)) = decode_usual(&text) {
            usual += 1;
            assert_eq!(
                (&*by_serde.expect("an event").name, Ok(request)),
                (name, decode(&text, false).expect("an event").request)
            );
        }
    }
    assert!(5_000 < usual, "the short cut was taken {usual} times");

    #[derive(Serialize)]
    struct Payload<'a> {
        uid: &'a str,
        movement: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        face: Option<u32>,
    }
    let uids = [
        "A", "a\"b", "\\", "\"", "名字", "<b>/'&", "x\u{7e}", "🐱", "-",
    ];
    for uid in uids {
        for face in [None, Some(0), Some(9), Some(10), Some(u32::MAX)] {
            let event = Event::Movement {
                uid: Uid::new(uid).expect("a sound uid"),
                movement: face.map_or(Movement::Choice, |face| Movement::Face(Face(face))),
            };
            let movement = if face.is_some() { "face" } else { "choice" };
            let (mut found, mut want) = ("42".to_owned(), "42".to_owned());
            encode(
                &event,
                Audience {
                    v2: false,
                    board: false,
                    instance: None,
                    person: None,
                    public_url: None,
                },
                &mut found,
            );
            write_json(
                &(
                    "movement",
                    Payload {
                        uid,
                        movement,
                        face,
                    },
                ),
                &mut want,
            );
            assert_eq!(found, want);
        }
    }
    for character in (0..0x2030).filter_map(char::from_u32) {
        let Some(uid) = Uid::new(&format!("a{character}b")) else {
            continue;
        };
        let (mut found, mut want) = (String::new(), String::new());
        write_uid(&uid, &mut found);
        write_json(&uid.as_str(), &mut want);
        assert_eq!(found, want);
    }
    let numbers = (0..1_200).chain((0..10).map(|digits| 10_u32.pow(digits)));
    for number in numbers.chain([u32::MAX - 1, u32::MAX]) {
        let mut found = String::new();
        write_number(number, &mut found);
        assert_eq!(found, number.to_string());
    }
}

#[test]
fn a_request_is_counted_by_the_name_of_its_event() {
    let rows = [
        r#"["hello",{"user":{},"v":2}]"#,
        r#"["join"]"#,
        r#"["choice",{"choice":1}]"#,
        r#"["face",{"face":1}]"#,
        r#"["leave"]"#,
        r#"["away"]"#,
        r#"["ping"]"#,
        r#"["top"]"#,
        r#"["rank"]"#,
    ];
    let kinds = rows.map(|text| {
        let named = decode(text, true).expect("an event");
        let kind = named.request.expect(text).kind();
        assert_eq!(kind.name(), named.name, "{text}");
        kind
    });
    assert_eq!(
        kinds.as_slice(),
        &RequestKind::ALL[..RequestKind::COUNT - 1]
    );
}
