//! RFC 6455 on the connection layer alone, in the order of the Autobahn suite's groups.
//!
//! The layer echoes. Each row is what a client sends and what must come back; groups 1 to 7, 9 and
//! 10 are covered (8 does not exist; 12 and 13 are compression, which is not offered). The suite
//! itself runs against the same layer by `tests/echo/autobahn.sh`.

#[path = "support/mod.rs"]
mod support;

use std::net::SocketAddr;

use roshambo::config::{Config, Listen};
use roshambo::net::bare::{self, Message};
use roshambo::net::listen::Listener;

use support::raw::{Raw, frame, header, masked};

const MIB: usize = 1024 * 1024;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const FIN: u8 = 0x80;

/// Starts an echo that ends with this process.
fn start() -> SocketAddr {
    let config = Config {
        listen: Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 0))),
        base_path: String::new(),
        max_message: 16 * MIB,
        max_queue: 64 * MIB,
        ..Config::default()
    };
    let listener = Listener::bind(&config.listen, config.unix_mode).expect("a free port");
    let address = listener.local_addr().expect("a TCP address");
    std::thread::spawn(move || bare::serve(listener, &config, echo));
    address
}

fn echo(message: Message<'_>) -> Option<Message<'_>> {
    Some(message)
}

/// What must come back.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Back {
    /// A frame: first byte and payload.
    Frame(u8, Vec<u8>),
    /// A close frame with this code (or none), and the end.
    End(Option<u16>),
}

fn text(payload: &[u8]) -> Back {
    Back::Frame(FIN | TEXT, payload.to_vec())
}

fn pong(payload: &[u8]) -> Back {
    Back::Frame(FIN | PONG, payload.to_vec())
}

/// A frame of any length; support's reads at most 64 KiB.
fn read_frame(raw: &mut Raw) -> (u8, Vec<u8>) {
    let start = raw.take(2);
    assert!(start[1] < 0x80, "a server's frames are not masked");
    let length = match start[1] {
        126 => raw.take(2),
        127 => raw.take(8),
        short => vec![short],
    };
    let length = length
        .iter()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    (start[0], raw.take(length))
}

#[track_caller]
fn expect(raw: &mut Raw, what: &str, back: &[Back]) {
    for want in back {
        let (first, payload) = read_frame(raw);
        match want {
            Back::Frame(..) => {
                // A payload of megabytes is no help in a message.
                let same = *want == Back::Frame(first, payload.clone());
                assert!(same, "{what}: {first:02x}, {} bytes", payload.len());
            }
            Back::End(code) => {
                assert_eq!(first, FIN | CLOSE, "{what}");
                let got = payload.first_chunk().copied().map(u16::from_be_bytes);
                assert_eq!(got, *code, "{what}");
                raw.expect_end();
            }
        }
    }
}

/// Sends the bytes whole and byte by byte (or in large pieces, if they are long).
#[track_caller]
fn check(address: SocketAddr, what: &str, bytes: &[u8], back: &[Back]) {
    let pieces = if bytes.len() < 3_000 { 1 } else { 60_000 };
    for size in [bytes.len().max(1), pieces] {
        let mut raw = Raw::open(address, "/");
        for piece in bytes.chunks(size) {
            // A violation may be answered before all is sent.
            raw.try_send(piece);
        }
        expect(&mut raw, what, back);
        if !matches!(back.last(), Some(Back::End(_))) {
            raw.send(&frame(FIN | CLOSE, &[0x03, 0xe8]));
            expect(&mut raw, what, &[Back::End(Some(1000))]);
        }
    }
}

fn fragments(opcode: u8, payload: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let count = payload.len().div_ceil(size).max(1);
    for number in 0..count {
        let piece = payload.get(number * size..).unwrap_or_default();
        let piece = piece.get(..size).unwrap_or(piece);
        let opcode = if number == 0 { opcode } else { 0 };
        let last = if number + 1 == count { FIN } else { 0 };
        bytes.extend(frame(last | opcode, piece));
    }
    bytes
}

#[test]
fn group_1_messages_of_every_size() {
    let address = start();
    for length in [0, 125, 126, 127, 128, 65_535, 65_536] {
        for opcode in [TEXT, BINARY] {
            let payload = vec![b'*'; length];
            let back = [Back::Frame(FIN | opcode, payload.clone())];
            let what = format!("opcode {opcode}, {length} bytes");
            check(address, &what, &frame(FIN | opcode, &payload), &back);
        }
    }
}

#[test]
fn group_2_pings_and_pongs() {
    let address = start();
    let many: Vec<u8> = (0..10).flat_map(|n| frame(FIN | PING, &[n])).collect();
    let many_back: Vec<Back> = (0..10).map(|n| pong(&[n])).collect();
    #[rustfmt::skip]
    let table: Vec<(&str, Vec<u8>, Vec<Back>)> = vec![
        ("empty", frame(FIN | PING, b""), vec![pong(b"")]),
        ("text", frame(FIN | PING, b"Hello, world!"), vec![pong(b"Hello, world!")]),
        ("binary", frame(FIN | PING, b"\x00\xff\xfe"), vec![pong(b"\x00\xff\xfe")]),
        ("125 bytes", frame(FIN | PING, &[0xfe; 125]), vec![pong(&[0xfe; 125])]),
        ("126 bytes", frame(FIN | PING, &[0xfe; 126]), vec![Back::End(Some(1002))]),
        ("pong unasked", frame(FIN | PONG, b""), vec![]),
        ("pong unasked, then ping", [frame(FIN | PONG, b"x"), frame(FIN | PING, b"y")].concat(), vec![pong(b"y")]),
        ("ten", many, many_back),
    ];
    for (what, bytes, back) in table {
        check(address, what, &bytes, &back);
    }
}

#[test]
fn groups_3_and_4_reserved_bits_and_opcodes() {
    let address = start();
    let hello = frame(FIN | TEXT, b"Hello");
    for reserved in 1..8 {
        for opcode in [TEXT, BINARY, CLOSE, PING, PONG] {
            let bytes = frame(FIN | reserved << 4 | opcode, b"");
            let what = format!("bits {reserved}, opcode {opcode}");
            check(address, &what, &bytes, &[Back::End(Some(1002))]);
            let bytes = [hello.clone(), bytes, hello.clone()].concat();
            check(
                address,
                &what,
                &bytes,
                &[text(b"Hello"), Back::End(Some(1002))],
            );
        }
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        for payload in [b"".as_slice(), b"x"] {
            let bytes = frame(FIN | opcode, payload);
            let what = format!("opcode {opcode}");
            check(address, &what, &bytes, &[Back::End(Some(1002))]);
            let bytes = [hello.clone(), bytes].concat();
            check(
                address,
                &what,
                &bytes,
                &[text(b"Hello"), Back::End(Some(1002))],
            );
        }
    }
}

#[test]
fn group_5_fragments() {
    let address = start();
    let end = || vec![Back::End(Some(1002))];
    let (first, middle, last) = (frame(TEXT, b"a"), frame(0, b"b"), frame(FIN, b"c"));
    let ping = frame(FIN | PING, b"p");
    #[rustfmt::skip]
    let table: Vec<(&str, Vec<u8>, Vec<Back>)> = vec![
        ("5.1", [frame(PING, b"a"), frame(FIN, b"b")].concat(), end()),
        ("5.2", [frame(PONG, b"a"), frame(FIN, b"b")].concat(), end()),
        ("5.3", [first.clone(), last.clone()].concat(), vec![text(b"ac")]),
        ("5.6", [first.clone(), ping.clone(), last.clone()].concat(), vec![pong(b"p"), text(b"ac")]),
        ("5.9", [last.clone(), frame(FIN | TEXT, b"x")].concat(), end()),
        ("5.12", [middle.clone(), frame(FIN | TEXT, b"x")].concat(), end()),
        ("5.15", [first.clone(), last.clone(), middle.clone(), frame(FIN | TEXT, b"x")].concat(), vec![text(b"ac"), Back::End(Some(1002))]),
        ("5.18", [first.clone(), frame(FIN | TEXT, b"x")].concat(), end()),
        ("5.19", [first.clone(), middle.clone(), ping.clone(), middle.clone(), ping.clone(), last.clone()].concat(), vec![pong(b"p"), pong(b"p"), text(b"abbc")]),
        ("empty fragments", [frame(TEXT, b""), frame(0, b""), frame(FIN, b"")].concat(), vec![text(b"")]),
        ("a close between them", [first.clone(), frame(FIN | CLOSE, &[0x03, 0xe8])].concat(), vec![Back::End(Some(1000))]),
    ];
    for (what, bytes, back) in table {
        check(address, what, &bytes, &back);
    }
}

#[test]
fn group_6_utf_8() {
    let address = start();
    #[rustfmt::skip]
    let good: [&[u8]; 14] = [
        b"", "Hello-µ@ßöäüàá-UTF-8!!".as_bytes(), "κόσμε".as_bytes(), b"\x00", b"\x7f", b"\xc2\x80", b"\xdf\xbf",
        b"\xe0\xa0\x80", b"\xef\xbf\xbf", b"\xf0\x90\x80\x80", b"\xf4\x8f\xbf\xbf", b"\xed\x9f\xbf", b"\xee\x80\x80",
        b"\xef\xbf\xbd",
    ];
    for payload in good {
        let what = format!("{payload:02x?}");
        let back = [text(payload)];
        check(address, &what, &frame(FIN | TEXT, payload), &back);
        check(address, &what, &fragments(TEXT, payload, 1), &back);
    }
    #[rustfmt::skip]
    let bad: [&[u8]; 22] = [
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", b"\x80", b"\xbf", b"\x80\xbf\x80", b"\xc0 ",
        b"\xe0 ", b"\xf0 ", b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80", b"\xfe", b"\xff", b"\xc0\xaf",
        b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xed\xa0\x80",
        b"\xed\xbf\xbf", b"\xed\xa0\x80\xed\xb0\x80", b"\xf4\x90\x80\x80", b"\xf7\xbf\xbf\xbf",
    ];
    let end = [Back::End(Some(1007))];
    for payload in bad {
        let what = format!("{payload:02x?}");
        check(address, &what, &frame(FIN | TEXT, payload), &end);
        check(address, &what, &fragments(TEXT, payload, 1), &end);
        // Binary data may be anything.
        let back = [Back::Frame(FIN | BINARY, payload.to_vec())];
        check(address, &what, &frame(FIN | BINARY, payload), &back);
    }
    for cut in [b"\xc2".as_slice(), b"\xe2\x82", b"\xf0\x9f\x90"] {
        check(address, "cut off", &frame(FIN | TEXT, cut), &end);
    }
    // 6.4.1 and 6.4.2: bad text is noticed in its fragment, before the message is complete.
    let early = [frame(TEXT, b"\xce\xba\xf4"), frame(0, b"\x90")].concat();
    check(address, "6.4.1", &early, &end);
}

#[test]
fn group_7_the_end() {
    let address = start();
    let close = |payload: &[u8]| frame(FIN | CLOSE, payload);
    let coded = |code: u16, reason: &[u8]| close(&[&code.to_be_bytes(), reason].concat());
    let hello = frame(FIN | TEXT, b"Hello");
    let end = |code| vec![Back::End(Some(code))];
    #[rustfmt::skip]
    let table: Vec<(&str, Vec<u8>, Vec<Back>)> = vec![
        ("7.1.1", [hello.clone(), coded(1000, b"")].concat(), vec![text(b"Hello"), Back::End(Some(1000))]),
        ("7.1.2", coded(1000, b"").repeat(2), end(1000)),
        ("7.1.3", [coded(1000, b""), frame(FIN | PING, b"")].concat(), end(1000)),
        ("7.1.4", [coded(1000, b""), hello.clone()].concat(), end(1000)),
        ("7.1.5", [frame(TEXT, b"a"), coded(1000, b""), frame(FIN, b"b")].concat(), end(1000)),
        ("7.3.1", close(b""), vec![Back::End(None)]),
        ("7.3.2", close(b"\x03"), end(1002)),
        ("7.3.4", coded(1000, b"Hello"), end(1000)),
        ("7.3.5", coded(1000, &[b'*'; 123]), end(1000)),
        ("7.3.6", coded(1000, &[b'*'; 124]), end(1002)),
        ("7.5.1", coded(1000, b"\xce\xba\xed\xa0\x80"), end(1007)),
    ];
    for (what, bytes, back) in table {
        check(address, what, &bytes, &back);
    }
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999,
    ] {
        check(address, &code.to_string(), &coded(code, b""), &end(code));
    }
    for code in [
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ] {
        check(address, &code.to_string(), &coded(code, b""), &end(1002));
    }
}

#[test]
fn group_9_large_messages() {
    let address = start();
    for length in [64 * 1024, 256 * 1024, MIB, 4 * MIB, 16 * MIB] {
        for opcode in [TEXT, BINARY] {
            let payload = vec![b'*'; length];
            let back = [Back::Frame(FIN | opcode, payload.clone())];
            let mut raw = Raw::open(address, "/");
            raw.send(&frame(FIN | opcode, &payload));
            expect(&mut raw, &format!("{length} bytes"), &back);
        }
    }
    for size in [64, 1024, 64 * 1024, MIB] {
        for opcode in [TEXT, BINARY] {
            let payload = vec![b'*'; MIB];
            let back = [Back::Frame(FIN | opcode, payload.clone())];
            let mut raw = Raw::open(address, "/");
            raw.send(&fragments(opcode, &payload, size));
            expect(&mut raw, &format!("in fragments of {size}"), &back);
        }
    }
    // As many messages as the suite sends, in heaps that do not wait for their answers.
    for length in [0, 16, 64, 256, 1024] {
        let payload = vec![b'*'; length];
        let mut raw = Raw::open(address, "/");
        for _ in 0..10 {
            raw.send(&frame(FIN | TEXT, &payload).repeat(100));
            expect(&mut raw, "heaps", &vec![text(&payload); 100]);
        }
    }
}

#[test]
fn group_10_one_frame_in_pieces() {
    let address = start();
    let payload = vec![b'*'; 65_536];
    let mut raw = Raw::open(address, "/");
    raw.send(&header(FIN | TEXT, payload.len() as u64));
    for piece in masked(&payload).chunks(1_300) {
        raw.send(piece);
    }
    expect(&mut raw, "in pieces of 1300 bytes", &[text(&payload)]);
}

#[test]
fn over_the_limit_a_message_ends_its_connection() {
    let address = start();
    let end = [Back::End(Some(1009))];
    let over = header(FIN | TEXT, 16 * MIB as u64 + 1);
    check(address, "by its header", &over, &end);
    let bytes = fragments(BINARY, &vec![0; 16 * MIB + 1], 4 * MIB);
    check(address, "in fragments", &bytes, &end);
}
