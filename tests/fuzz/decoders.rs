//! What stands in a message: each dialect's packets and events.

use fastrand::Rng;
use roshambo::model::{Event, Join, ProblemCode, Request, Uid};
use roshambo::wire::{self, Dialect, Inbound, event};

use crate::{Target, fuzz};

#[rustfmt::skip]
const WORDS: &[&[u8]] = &[
    b"[", b"]", b"{", b"}", b"\"", b",", b":", b"\\u0000", b"\\ud800", b"\\", b"null", b"true", b"[\"hello\",", b"{\"user\":{",
    b"\"uid\":\"a\"", b"\"uname\":", b"\"uavatar\":\"builtin:3\"", b"\"cordinate\":{\"lat\":1,\"lng\":2}", b"\"v\":2",
    b"\"session\":\"", b"[\"join\",", b"{\"room\":\"new\"}", b"{\"new\":true}", b"{\"choice\":1}", b"{\"face\":1}",
    b"[\"leave\"]", b"[\"away\"]", b"[\"ping\"]", b"__proto__", b"_placeholder", b"40", b"41", b"42", b"421", b"43", b"44",
    b"451-", b"461-", b"/chat,", b"?a=b", b"2probe", b"b4", b"\xe2\x80\xa8", b"\xf0\x9f\x90\xb1", b"\xef\xbb\xbf", b"0{", b"1", b"6",
];

const EVENTS: &[&str] = &[
    r#"["hello",{"user":{"uid":"ann","uname":"Ann","uavatar":"https://e/a"},"cordinate":{"lat":1,"lng":2}}]"#,
    r#"["hello",{"user":{"uname":"剪刀 🐱"},"v":2,"session":"0123456789abcdefghijklmnopqrstuv"}]"#,
    r#"["join"]"#,
    r#"["join",{"room":"K7M2QX"}]"#,
    r#"["choice",{"choice":1}]"#,
    r#"["face",{"face":4294967295}]"#,
    r#"["choice",{"choice":1.0}]"#,
    r#"["hello",{"user":{"uid":-7.5e0,"uname":"A\ud83d"},"v":2.0}]"#,
    r#"["leave",null,1,[],{}]"#,
    r#"["ping"]"#,
    r#"["\u0061way"]"#,
];

fn signature(parts: &[u64]) -> u64 {
    parts.iter().fold(17, |sum, part| {
        sum.wrapping_mul(0x100_0000_01b3).wrapping_add(*part)
    })
}

fn run_dialects(bytes: &[u8], _: &mut Rng) -> u64 {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = Vec::new();
    for dialect in [Dialect::Plain, Dialect::Eio3, Dialect::Eio4] {
        parts.push(match wire::decode(dialect, &text) {
            Ok(Inbound::Event { ack, body }) => {
                assert!(ack.is_none_or(|ack| ack.len() <= 15));
                check_event(body) << 8 | u64::from(ack.is_some())
            }
            Ok(Inbound::OtherNamespace(name)) => {
                assert!(
                    name.starts_with('/') && !name.contains(['?', ',']),
                    "{name}"
                );
                let mut out = String::new();
                wire::socket_io::encode_no_namespace(dialect, name, &mut out);
                assert!(out.starts_with("44/"), "{out}");
                2
            }
            Ok(Inbound::Ping) => 3,
            Ok(Inbound::Connect { .. }) => 4,
            Ok(Inbound::Disconnect) => 5,
            Ok(Inbound::Nothing) => 6,
            Err(fault) => {
                assert!(matches!(fault.code(), 1003 | 1008));
                u64::from(fault.code())
            }
        });
    }
    signature(&parts)
}

fn check_event(body: &str) -> u64 {
    let Ok(named) = event::decode(body, true) else {
        assert!(event::decode(body, false).is_err(), "{body}");
        return 1;
    };
    // The generation makes a difference to `join` alone, which an old client may say in any way.
    let old = event::decode(body, false).expect("the same event");
    match named.name.as_ref() {
        "join" => assert_eq!(old.request, Ok(Request::Join(Join::Any))),
        _ => assert_eq!(old, named),
    }
    // A text that we take is JSON to everybody else, too, but for depths that others refuse.
    let json: Result<Vec<serde_json::Value>, _> = serde_json::from_str(body);
    if let Ok(items) = &json {
        let name = items.first().and_then(serde_json::Value::as_str);
        assert!(name.is_some_and(|name| name.starts_with(&*named.name)));
    }
    assert!(named.name.len() <= event::EVENT_NAME_BYTES_MAX);
    let kind = match &named.request {
        Ok(Request::Hello(hello)) => {
            let name = hello.name.as_str();
            assert!(
                name.len() <= 64 && !name.contains(char::is_control),
                "{name:?}"
            );
            assert!(!name.contains(['\u{2028}', '\u{2029}']), "{name:?}");
            let uid = hello.uid.as_ref().map(|uid| uid.as_str());
            assert!(uid.is_none_or(|uid| (1..=64).contains(&uid.len())));
            assert!(
                !name.contains(|c| ('\u{202a}'..='\u{202e}').contains(&c)),
                "{name:?}"
            );
            if let Some(uid) = hello.uid.clone() {
                check_uid(uid);
            }
            1 + (u64::from(hello.v2)
                | u64::from(uid.is_some()) << 1
                | u64::from(hello.session.is_some()) << 2)
        }
        Ok(Request::Join(join)) => 20 + u64::from(*join == Join::Any),
        Ok(Request::Choice(choice)) => 30 + u64::from(choice.to_wire()),
        Ok(Request::Face(_)) => 40,
        Ok(Request::Leave) => 41,
        Ok(Request::Away) => 42,
        Ok(Request::Ping) => 43,
        Ok(Request::Top(board)) => 44 + *board as u64,
        Ok(Request::Rank(board)) => 46 + *board as u64,
        Err(code) => {
            let refusals = [ProblemCode::BadPayload, ProblemCode::UnknownEvent];
            50 + refusals.iter().position(|known| known == code).unwrap_or(2) as u64
        }
    };
    // Its name comes back in a `problem`, which must be JSON and say the same name.
    let problem = Event::Problem {
        code: ProblemCode::UnknownEvent,
        event: named.name.clone().into(),
    };
    let mut out = String::new();
    event::encode(
        &problem,
        event::Audience {
            v2: true,
            board: false,
            instance: None,
            person: None,
            public_url: None,
        },
        &mut out,
    );
    let json: serde_json::Value = serde_json::from_str(&out).expect("events are JSON");
    assert_eq!(json[1]["event"].as_str(), Some(&*named.name), "{out}");
    kind
}

/// A uid comes back as the same text or number, in JSON that anybody reads.
fn check_uid(uid: Uid) {
    let mut out = String::new();
    let audience = event::Audience {
        v2: true,
        board: false,
        instance: None,
        person: None,
        public_url: None,
    };
    event::encode(&Event::Leave { uid: uid.clone() }, audience, &mut out);
    let json: serde_json::Value = serde_json::from_str(&out).expect("events are JSON");
    let written = &json[1]["uid"];
    assert_eq!(
        (written.is_number(), written.is_string()),
        (uid.is_number(), !uid.is_number()),
        "{out}"
    );
}

#[test]
fn packets_and_events() {
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for event in EVENTS {
        seeds.push((*event).into());
        seeds.push(format!("42{event}").into());
        seeds.push(format!("427{event}").into());
        seeds.push(format!("42/chat,{event}").into());
    }
    fuzz(&Target {
        name: "dialects",
        seeds,
        words: WORDS,
        run: run_dialects,
    });
}
