//! Signs of life, with intervals short enough for a test: who is pinged how, and who is given up.

use std::net::SocketAddr;

use crate::support::client::{Client, Dialect};
use crate::support::process::Server;
use crate::support::raw::{Farewell, Frame, Raw, frame};
use crate::support::side_by_side;

/// A connection after the dialect's opening and this event.
fn open(address: SocketAddr, dialect: Dialect, event: &str) -> Raw {
    let mut raw = Raw::open(address, &dialect.target());
    if dialect != Dialect::Plain {
        assert!(raw.text().starts_with("0{"));
    }
    if dialect == Dialect::Eio4 {
        raw.say("40");
    }
    if dialect != Dialect::Plain {
        assert!(raw.text().starts_with("40"));
    }
    raw.say(&format!("{}{event}", dialect.prefix()));
    raw
}

const OLD: &str = r#"["hello",{"user":{"uid":"ann"}}]"#;
const V2: &str = r#"["hello",{"user":{},"v":2}]"#;

#[test]
fn who_answers_is_pinged_in_its_way_and_stays() {
    let cases = [Dialect::Plain, Dialect::Eio3, Dialect::Eio4]
        .into_iter()
        .flat_map(|dialect| [(dialect, OLD), (dialect, V2)]);
    let server = Server::start(&["--ping-interval", "200ms"]);
    let address = server.address();
    side_by_side(cases, |(dialect, hello)| {
        let mut raw = open(address, dialect, hello);
        assert!(raw.text().contains(r#"["hi","#));
        for _ in 0..4 {
            if dialect == Dialect::Eio4 {
                let packet = raw.frame();
                assert_eq!(
                    (packet.first, packet.payload.as_slice()),
                    (0x81, b"2".as_slice())
                );
            }
            let ping = Frame {
                first: 0x89,
                payload: vec![],
            };
            assert_eq!(raw.frame(), ping);
            // An old EIO4 client answers the packet, a v2 one the frame: either will do.
            match dialect == Dialect::Eio4 && hello == OLD {
                true => raw.say("3"),
                false => raw.send(&frame(0x8a, b"")),
            }
        }
        raw.say(&format!(r#"{}["leave"]"#, dialect.prefix()));
        raw.send(&frame(0x88, b"\x03\xe8"));
        assert_eq!(raw.farewell().code, Some(1000));
    });
}

#[test]
fn who_does_not_answer_is_told_to_come_back() {
    let server = Server::start(&[
        // Time enough to say `hello` on a busy machine.
        "--ping-interval",
        "3s",
        "--ping-timeout",
        "3s",
        // Shorter than the interval, so that the end comes before a second ping.
        "--ping-timeout-eio4",
        "2s",
        "--ping-timeout-v2",
        "2s",
    ]);
    let address = server.address();
    let cases = [Dialect::Plain, Dialect::Eio3, Dialect::Eio4]
        .into_iter()
        .flat_map(|dialect| [(dialect, OLD), (dialect, V2)]);
    side_by_side(cases, |(dialect, hello)| {
        let mut raw = open(address, dialect, hello);
        assert!(raw.text().contains(r#"["hi","#));
        let Farewell { texts, code } = raw.farewell();
        let mut want = Vec::new();
        if dialect == Dialect::Eio4 {
            want.push("2".to_owned());
        }
        if hello == V2 {
            let bye = r#"["bye",{"code":4002,"reason":"timeout","retry_ms":1000}]"#;
            want.push(format!("{}{bye}", dialect.prefix()));
        }
        // And no `41`: Socket.IO's own clients would stay away.
        assert_eq!((texts, code), (want, Some(4002)), "{dialect:?} {hello}");
    });
}

#[test]
fn who_never_speaks_is_told_to_stay_away() {
    let server = Server::start(&["--hello-timeout", "3s"]);
    let address = server.address();
    side_by_side([Dialect::Plain, Dialect::Eio3, Dialect::Eio4], |dialect| {
        let mut raw = Raw::open(address, &dialect.target());
        // Signs of life of the WebSocket are none of the dialect's.
        raw.send(&frame(0x89, b""));
        let Farewell { texts, code } = raw.farewell();
        assert_eq!(code, Some(4408), "{dialect:?}");
        let last = (dialect != Dialect::Plain).then_some("41");
        assert_eq!(texts.last().map(String::as_str), last, "{dialect:?}");
    });
    // Any packet of the dialect will do, even if it is no greeting.
    let mut patient = open(address, Dialect::Eio3, r#"["dance"]"#);
    let mut silent = Raw::open(address, &Dialect::Plain.target());
    assert_eq!(silent.farewell().code, Some(4408));
    assert!(patient.text().contains("unknown-event"));
    patient.say("2");
    patient.hear("3");
}

#[test]
fn a_round_outlives_silence_as_long_as_pings_are_answered() {
    let server = Server::for_pairs(&[
        "--game-time",
        "5s",
        "--ping-interval",
        "500ms",
        // Together less than a round, and enough for an answer on a busy machine.
        "--ping-timeout",
        "4s",
        "--ping-timeout-eio4",
        "4s",
        "--ping-timeout-v2",
        "4s",
    ]);
    // Nothing but answers to pings is sent; while it waits, this client gives them by itself.
    let players = [Dialect::Plain, Dialect::Eio4].map(|dialect| {
        let mut player = Client::old(server.address(), dialect, dialect.name());
        player.send(r#"["join"]"#);
        player
    });
    side_by_side(players, |mut player| {
        assert_eq!(player.result_of("plain"), (0, 0, 0, None));
        player.leave();
    });
}
