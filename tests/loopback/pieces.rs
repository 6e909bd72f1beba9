//! Heads and frames in pieces and in heaps: how bytes are cut on their way means nothing.

use std::net::SocketAddr;

use crate::support::client::{Client, Dialect};
use crate::support::process::Server;
use crate::support::raw::{Farewell, Frame, Raw, frame, upgrade_request};

/// A byte at a time makes many events.
const UNLIMITED: [&str; 2] = ["--rate-limit", "0"];

/// Makes sure that the server has read what other connections sent before.
///
/// One thread serves all connections, in the order in which their bytes arrive. So when it has
/// answered bytes that were sent later, it has read those that were sent earlier.
struct Barrier(Client);

impl Barrier {
    fn new(address: SocketAddr) -> Self {
        Self(Client::v2(address, Dialect::Plain, "barrier").0)
    }

    fn pass(&mut self) {
        self.0.send(r#"["ping"]"#);
        self.0.expect(&[r#"["pong"]"#]);
    }
}

/// Sends `bytes` on one connection per place to cut them, and checks what comes back.
#[track_caller]
fn check_every_cut(
    barrier: &mut Barrier,
    bytes: &[u8],
    connect: impl Fn() -> Raw,
    check: impl Fn(&mut Raw),
) {
    let mut raws: Vec<_> = (0..=bytes.len()).map(|_| connect()).collect();
    for (cut, raw) in raws.iter_mut().enumerate() {
        raw.send(&bytes[..cut]);
    }
    barrier.pass();
    for (cut, raw) in raws.iter_mut().enumerate() {
        raw.send(&bytes[cut..]);
    }
    for raw in &mut raws {
        check(raw);
    }
}

/// Sends `bytes` one by one on one connection, each after the one before was read.
fn send_byte_by_byte(barrier: &mut Barrier, raw: &mut Raw, bytes: &[u8]) {
    for byte in bytes {
        raw.send(&[*byte]);
        barrier.pass();
    }
}

/// A v2 player's `hello` and `ping`, and a WebSocket ping, in frames.
fn first_frames() -> Vec<u8> {
    [
        frame(
            0x81,
            r#"["hello",{"user":{"uname":"Zoë"},"v":2}]"#.as_bytes(),
        ),
        frame(0x89, b"are you there?"),
        frame(0x81, br#"["ping"]"#),
    ]
    .concat()
}

#[track_caller]
fn hear_first_answers(raw: &mut Raw) {
    let hi = raw.text();
    assert!(
        hi.starts_with(r#"["hi",{"message":"welcome","nearby":"#),
        "{hi}"
    );
    let pong = raw.frame();
    assert_eq!(
        (pong.first, pong.payload.as_slice()),
        (0x8a, b"are you there?".as_slice())
    );
    raw.hear(r#"["pong"]"#);
}

#[test]
fn a_request_head_may_be_cut_anywhere() {
    let server = Server::start(&UNLIMITED);
    let mut barrier = Barrier::new(server.address());
    let connect = || Raw::connect(server.address());
    let request = upgrade_request("/applet/websocket");
    check_every_cut(&mut barrier, &request, connect, |raw| {
        raw.expect_upgraded();
        raw.send(&first_frames());
        hear_first_answers(raw);
    });
    let mut raw = connect();
    send_byte_by_byte(&mut barrier, &mut raw, &request);
    raw.expect_upgraded();
    let mut raw = connect();
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    send_byte_by_byte(&mut barrier, &mut raw, request);
    assert!(raw.head().starts_with("HTTP/1.1 200 "));
}

#[test]
fn the_first_frames_may_come_with_the_request_whole_or_cut_anywhere() {
    let server = Server::start(&UNLIMITED);
    let mut barrier = Barrier::new(server.address());
    let mut bytes = upgrade_request("/applet/websocket");
    let head_bytes = bytes.len();
    bytes.extend(first_frames());
    let connect = || {
        let mut raw = Raw::connect(server.address());
        raw.send(&bytes[..head_bytes - 1]);
        raw
    };
    check_every_cut(&mut barrier, &bytes[head_bytes - 1..], connect, |raw| {
        raw.expect_upgraded();
        hear_first_answers(raw);
    });
    // An impatient Socket.IO client: its frames stand in line behind the opening.
    let mut raw = Raw::connect(server.address());
    let mut bytes = upgrade_request(&Dialect::Eio4.target());
    for text in ["40", "2", r#"421["hello",{"user":{"uid":"ann"}}]"#] {
        bytes.extend(frame(0x81, text.as_bytes()));
    }
    raw.send(&bytes);
    raw.expect_upgraded();
    for start in ["0{", "40{", "3", r#"431[{"ok":true}]"#, r#"42["hi","#] {
        let text = raw.text();
        assert!(text.starts_with(start), "{text}");
    }
}

#[test]
fn frames_may_be_cut_anywhere() {
    let server = Server::start(&UNLIMITED);
    let mut barrier = Barrier::new(server.address());
    let connect = || Raw::open(server.address(), "/applet/websocket");
    check_every_cut(&mut barrier, &first_frames(), connect, hear_first_answers);
    let mut raw = connect();
    send_byte_by_byte(&mut barrier, &mut raw, &first_frames());
    hear_first_answers(&mut raw);
}

#[test]
fn a_longer_frame_may_be_cut_anywhere_in_its_header() {
    let server = Server::start(&UNLIMITED);
    let mut barrier = Barrier::new(server.address());
    // Two bytes of length, and a name that is cut to 64 bytes: its length is no fault.
    let hello = format!(
        r#"["hello",{{"user":{{"uid":"ann","uname":"{}"}}}}]"#,
        "x".repeat(3_000)
    );
    let bytes = frame(0x81, hello.as_bytes());
    for cut in (1..16).chain([bytes.len() / 2, bytes.len() - 1]) {
        let mut raw = Raw::open(server.address(), "/applet/websocket");
        raw.send(&bytes[..cut]);
        barrier.pass();
        raw.send(&bytes[cut..]);
        let hi = raw.text();
        assert!(
            hi.starts_with(r#"["hi",{"message":"welcome","nearby":"#),
            "cut at {cut}: {hi}"
        );
    }
}

#[test]
fn a_heap_of_frames_in_one_segment_is_taken_frame_by_frame() {
    let server = Server::start(&UNLIMITED);
    let mut raw = Raw::open(server.address(), "/applet/websocket");
    let mut bytes = frame(0x81, br#"["hello",{"user":{},"v":2}]"#);
    // More than the server takes in one turn from one connection.
    const PINGS: usize = 500;
    for number in 0..PINGS {
        bytes.extend(frame(0x81, br#"["ping"]"#));
        bytes.extend(frame(0x89, number.to_string().as_bytes()));
    }
    raw.send(&bytes);
    assert!(raw.text().starts_with(r#"["hi","#));
    let (mut pongs, mut numbers) = (0, Vec::new());
    while pongs + numbers.len() < 2 * PINGS {
        let Frame { first, payload } = raw.frame();
        match first {
            0x81 => {
                assert_eq!(payload, br#"["pong"]"#);
                pongs += 1;
            }
            first => {
                assert_eq!(first, 0x8a);
                numbers.push(String::from_utf8(payload).expect("digits"));
            }
        }
    }
    assert_eq!(pongs, PINGS);
    assert!(
        numbers.iter().eq(&(0..PINGS)
            .map(|number| number.to_string())
            .collect::<Vec<_>>())
    );
}

#[test]
fn a_message_in_fragments_is_one_message_even_with_pings_between_them() {
    let server = Server::start(&UNLIMITED);
    let mut barrier = Barrier::new(server.address());
    // The cut falls into the two bytes of an ë, too: only the whole message must be UTF-8.
    let hello = r#"["hello",{"user":{"uname":"Zoë"},"v":2}]"#.as_bytes();
    for cut in 0..=hello.len() {
        let mut raw = Raw::open(server.address(), "/applet/websocket");
        raw.send(&frame(0x01, &hello[..cut]));
        raw.send(&frame(0x89, b"between"));
        let pong = raw.frame();
        assert_eq!(
            (pong.first, pong.payload.as_slice()),
            (0x8a, b"between".as_slice())
        );
        raw.send(&frame(0x80, &hello[cut..]));
        let hi = raw.text();
        assert!(
            hi.starts_with(r#"["hi",{"message":"welcome","nearby":"#),
            "cut at {cut}: {hi}"
        );
    }
    // One byte a fragment, with empty fragments and an unasked pong in between, byte by byte.
    let mut raw = Raw::open(server.address(), "/applet/websocket");
    let mut bytes = frame(0x01, b"");
    for byte in hello {
        bytes.extend(frame(0x00, &[*byte]));
        bytes.extend(frame(0x8a, b""));
        bytes.extend(frame(0x00, b""));
    }
    bytes.extend(frame(0x80, b""));
    raw.send(&bytes[..bytes.len() / 2]);
    barrier.pass();
    raw.send(&bytes[bytes.len() / 2..]);
    assert!(raw.text().starts_with(r#"["hi","#));
}

#[test]
fn a_ping_is_answered_with_its_payload_of_any_length() {
    let server = Server::start(&UNLIMITED);
    let mut raw = Raw::open(server.address(), "/applet/websocket");
    for length in [0, 1, 64, 124, 125] {
        // Any bytes: a ping's payload is no text.
        let payload: Vec<u8> = (0..length).map(|byte| 255 - byte).collect();
        raw.send(&frame(0x89, &payload));
        assert_eq!(
            raw.frame(),
            Frame {
                first: 0x8a,
                payload
            }
        );
    }
}

#[test]
fn a_goodbye_is_returned_with_its_code() {
    let server = Server::start(&UNLIMITED);
    let mut payloads = vec![(vec![], None)];
    for code in [
        1000_u16, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ] {
        let bytes = code.to_be_bytes();
        payloads.push((bytes.to_vec(), Some(code)));
        payloads.push(([&bytes, "bye ë".as_bytes()].concat(), Some(code)));
        payloads.push(([&bytes, [b'x'; 123].as_slice()].concat(), Some(code)));
    }
    for (payload, code) in payloads {
        for dialect in Dialect::ALL {
            let mut raw = Raw::open(server.address(), &dialect.target());
            raw.send(&frame(0x88, &payload));
            // What stands behind a goodbye is not read any more.
            let _ = raw.try_send(&frame(0x81, b"not a packet"));
            let end = loop {
                let Frame { first, payload } = raw.frame();
                if first == 0x88 {
                    break payload;
                }
                assert_eq!(first, 0x81, "only the opening comes before");
            };
            let returned = end.first_chunk().copied().map(u16::from_be_bytes);
            assert_eq!(returned, code, "{dialect:?} {payload:?}");
            raw.expect_end();
        }
    }
}

#[test]
fn an_end_without_goodbye_is_an_end_wherever_it_comes() {
    let server = Server::start(&UNLIMITED);
    let hello = frame(0x81, br#"["hello",{"user":{"uid":"ann"}}]"#);
    let request = upgrade_request("/applet/websocket");
    for bytes in [
        &[][..],
        &request[..40],
        &request,
        &[&request[..], &hello].concat(),
        &[&request[..], &hello[..1]].concat(),
        &[&request[..], &hello[..9]].concat(),
        &[&request[..], &frame(0x01, b"[")].concat(),
    ] {
        let mut raw = Raw::connect(server.address());
        raw.send(bytes);
        raw.shut();
        // What was asked is answered or not; then the connection ends, without a reset.
        raw.rest();
    }
    let mut raw = Raw::connect(server.address());
    raw.send(&request);
    raw.expect_upgraded();
    raw.shut();
    raw.expect_end();
    let ends = server
        .log()
        .wait_for_many("every connection's end", 6, |line| {
            line.contains(" plain ") && line.contains("127.0.0.1:")
        });
    assert_eq!(ends.len(), 6, "{ends:?}");
}

#[test]
fn a_socket_io_client_may_say_goodbye_in_its_own_ways() {
    let server = Server::start(&UNLIMITED);
    for dialect in [Dialect::Eio3, Dialect::Mini, Dialect::Eio4] {
        for text in ["41", "1"] {
            let mut raw = Raw::open(server.address(), &dialect.target());
            raw.say(text);
            let Farewell { texts, code } = raw.farewell();
            assert_eq!(code, Some(1000), "{dialect:?} {text}");
            assert!(
                !texts.contains(&"41".to_owned()),
                "{dialect:?} {text}: {texts:?}"
            );
        }
    }
}
