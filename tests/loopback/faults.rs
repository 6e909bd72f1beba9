//! What breaks RFC 6455 or a dialect is closed with the prescribed code, and nobody else notices.

use crate::support::bystanders::Bystanders;
use crate::support::client::Dialect;
use crate::support::process::Server;
use crate::support::raw::{Farewell, Raw, frame, header, masked};

/// Who breaks the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// Of any dialect, before a word.
    Silent(Dialect),
    /// Of any dialect, after an old player's `hello`.
    Old(Dialect),
    /// Of any dialect, after a v2 player's `hello`.
    V2(Dialect),
}

impl Who {
    fn all() -> impl Iterator<Item = Self> {
        [Dialect::Plain, Dialect::Eio3, Dialect::Eio4]
            .into_iter()
            .flat_map(|dialect| [Self::Silent(dialect), Self::Old(dialect), Self::V2(dialect)])
    }

    fn dialect(self) -> Dialect {
        match self {
            Self::Silent(dialect) | Self::Old(dialect) | Self::V2(dialect) => dialect,
        }
    }

    /// Connects and says what comes before the fault.
    fn connect(self, server: &Server) -> Raw {
        let dialect = self.dialect();
        let mut raw = Raw::open(server.address(), &dialect.target());
        if dialect != Dialect::Plain {
            assert!(raw.text().starts_with("0{"));
        }
        if dialect == Dialect::Eio4 {
            raw.say("40");
        }
        if dialect != Dialect::Plain {
            assert!(raw.text().starts_with("40"));
        }
        let hello = match self {
            Self::Silent(_) => return raw,
            Self::Old(_) => r#"["hello",{"user":{"uid":"eve"}}]"#,
            Self::V2(_) => r#"["hello",{"user":{},"v":2}]"#,
        };
        raw.say(&format!("{}{hello}", dialect.prefix()));
        let hi = raw.text();
        assert!(
            hi.starts_with(&format!(r#"{}["hi","#, dialect.prefix())),
            "{hi}"
        );
        raw
    }

    /// The texts before the close frame: `bye` for who knows it, then `41` for who would come back.
    fn last_words(self, code: u16) -> Vec<String> {
        let prefix = self.dialect().prefix();
        let mut texts = Vec::new();
        if matches!(self, Self::V2(_)) {
            texts.push(format!(
                r#"{prefix}["bye",{{"code":{code},"reason":"fault"}}]"#
            ));
        }
        if self.dialect() != Dialect::Plain {
            texts.push("41".into());
        }
        texts
    }
}

/// A server with bystanders who play while others break things.
fn start(flags: &[&str]) -> (Server, Bystanders) {
    let quiet = [
        "--game-time",
        "2s",
        "--robot-after",
        "30s",
        "--relay-interval",
        "0",
    ];
    let server = Server::start(&[&quiet, ["--rate-limit", "0"].as_slice(), flags].concat());
    let bystanders = Bystanders::start(server.address());
    (server, bystanders)
}

/// Sends `bytes` in everybody's name; the connection has to end with this code.
#[track_caller]
fn check(server: &Server, bystanders: &mut Bystanders, what: &str, bytes: &[u8], code: u16) {
    let everybody = Who::all().map(|who| (who, bytes.to_vec())).collect();
    for (who, farewell) in farewells(server, everybody) {
        let want = Farewell {
            texts: who.last_words(code),
            code: Some(code),
        };
        assert_eq!(farewell, want, "{what}, {who:?}");
        bystanders.check();
    }
}

/// Lets everybody send these bytes, and only then reads how each connection ends: there is a pause
/// behind `41`, which they share.
#[track_caller]
fn farewells(server: &Server, senders: Vec<(Who, Vec<u8>)>) -> Vec<(Who, Farewell)> {
    let open = |(who, bytes): (Who, Vec<u8>)| {
        let mut raw = who.connect(server);
        raw.send(&bytes);
        (who, raw)
    };
    let raws: Vec<_> = senders.into_iter().map(open).collect();
    let farewell = |(who, mut raw): (Who, Raw)| (who, raw.farewell());
    raws.into_iter().map(farewell).collect()
}

fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, payload.len() as u8], payload].concat()
}

/// A frame whose length is written in a longer form than it needs.
fn long_form(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, 65_536);
    bytes[2..10].copy_from_slice(&(payload.len() as u64).to_be_bytes());
    bytes.extend(masked(payload));
    bytes
}

#[test]
fn a_frame_that_breaks_rfc_6455_is_closed_with_the_prescribed_code() {
    let (server, mut bystanders) = start(&[]);
    let ping = br#"["ping"]"#;
    let rows: Vec<(&str, Vec<u8>, u16)> = vec![
        ("unmasked text (5.1)", unmasked(0x81, ping), 1002),
        ("unmasked ping (5.1)", unmasked(0x89, b""), 1002),
        ("unmasked close (5.1)", unmasked(0x88, &[0x03, 0xe8]), 1002),
        ("reserved bit 1 (5.2)", frame(0xc1, ping), 1002),
        ("reserved bit 2 (5.2)", frame(0xa1, ping), 1002),
        ("reserved bit 3 (5.2)", frame(0x91, ping), 1002),
        ("all reserved bits (5.2)", frame(0xf1, ping), 1002),
        ("a reserved bit on a ping (5.2)", frame(0xc9, b""), 1002),
        ("opcode 3 (5.2)", frame(0x83, ping), 1002),
        ("opcode 7 (5.2)", frame(0x87, b""), 1002),
        ("opcode 11 (5.2)", frame(0x8b, b""), 1002),
        ("opcode 15 (5.2)", frame(0x8f, ping), 1002),
        ("a ping of 126 bytes (5.5)", frame(0x89, &[b'x'; 126]), 1002),
        (
            "a pong of 4096 bytes (5.5)",
            frame(0x8a, &[b'x'; 4096]),
            1002,
        ),
        (
            "a close of 126 bytes (5.5)",
            frame(0x88, &[0x03; 126]),
            1002,
        ),
        ("a fragmented ping (5.4)", frame(0x09, b"x"), 1002),
        ("a fragmented pong (5.4)", frame(0x0a, b"x"), 1002),
        ("a fragmented close (5.4)", frame(0x08, &[0x03, 0xe8]), 1002),
        ("a last fragment of nothing (5.4)", frame(0x80, ping), 1002),
        ("a fragment of nothing (5.4)", frame(0x00, ping), 1002),
        (
            "a text in the middle of a message (5.4)",
            [frame(0x01, b"["), frame(0x81, ping)].concat(),
            1002,
        ),
        (
            "a binary in the middle of a message (5.4)",
            [frame(0x01, b"["), frame(0x82, ping)].concat(),
            1002,
        ),
        (
            "a second message begun in the middle of one (5.4)",
            [frame(0x01, b"["), frame(0x01, ping)].concat(),
            1002,
        ),
        (
            "no UTF-8: a lone continuation (8.1)",
            frame(0x81, b"[\x80]"),
            1007,
        ),
        ("no UTF-8: overlong (8.1)", frame(0x81, b"[\xc0\xaf]"), 1007),
        (
            "no UTF-8: a surrogate (8.1)",
            frame(0x81, b"[\xed\xa0\x80]"),
            1007,
        ),
        (
            "no UTF-8: over U+10FFFF (8.1)",
            frame(0x81, b"[\xf4\x90\x80\x80]"),
            1007,
        ),
        (
            "no UTF-8: ends too early (8.1)",
            frame(0x81, b"[\xe2\x82"),
            1007,
        ),
        (
            "no UTF-8 over two fragments (8.1)",
            [frame(0x01, b"[\xe2"), frame(0x80, b"\x28\xa1]")].concat(),
            1007,
        ),
        (
            "no UTF-8 in a close's reason (5.5.1)",
            frame(0x88, b"\x03\xe8\xff"),
            1007,
        ),
        ("too long by a byte", frame(0x81, &[b' '; 4097]), 1009),
        ("too long by its header alone", header(0x81, 65_536), 1009),
        (
            "too long by 63 bits of length",
            header(0x81, (1 << 63) - 1),
            1009,
        ),
        (
            "too long in two fragments",
            [frame(0x01, &[b' '; 4096]), frame(0x80, b" ")].concat(),
            1009,
        ),
        (
            "too long in two fragments that are short enough",
            [frame(0x01, &[b' '; 2048]), frame(0x80, &[b' '; 2049])].concat(),
            1009,
        ),
        (
            "too long in many fragments",
            [
                frame(0x01, b"["),
                frame(0x00, &[b' '; 100]).repeat(40),
                frame(0x00, &[b' '; 96]),
            ]
            .concat(),
            1009,
        ),
        ("binary", frame(0x82, ping), 1003),
        ("empty binary", frame(0x82, b""), 1003),
        (
            "binary in fragments",
            [frame(0x02, b"["), frame(0x80, b"]")].concat(),
            1003,
        ),
        ("binary too long", header(0x82, 1 << 40), 1009),
    ];
    for (what, bytes, code) in rows {
        check(&server, &mut bystanders, what, &bytes, code);
    }
    bystanders.finish();
}

#[test]
fn a_length_with_its_highest_bit_set_is_closed_as_broken_or_too_long() {
    let (server, mut bystanders) = start(&[]);
    for length in [1 << 63, u64::MAX] {
        let mut raw = Who::Silent(Dialect::Plain).connect(&server);
        raw.send(&header(0x81, length));
        let code = raw.farewell().code;
        assert!(matches!(code, Some(1002 | 1009)), "{length:x}: {code:?}");
        bystanders.check();
    }
}

#[test]
fn a_goodbye_that_breaks_rfc_6455_is_returned_as_a_protocol_error() {
    let (server, mut bystanders) = start(&[]);
    let mut payloads = vec![vec![0x03]];
    for code in [
        0_u16, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ] {
        payloads.push(code.to_be_bytes().to_vec());
        payloads.push([&code.to_be_bytes(), b"why".as_slice()].concat());
    }
    for payload in payloads {
        let goodbye = frame(0x88, &payload);
        let everybody = Who::all().map(|who| (who, goodbye.clone())).collect();
        for (who, farewell) in farewells(&server, everybody) {
            assert_eq!(farewell.code, Some(1002), "{who:?} {payload:?}");
            bystanders.check();
        }
    }
    bystanders.finish();
}

#[test]
fn what_only_looks_like_a_fault_is_served() {
    let (server, mut bystanders) = start(&[]);
    for who in Who::all().filter(|who| matches!(who, Who::V2(_))) {
        let prefix = who.dialect().prefix();
        let ping = format!(r#"{prefix}["ping"]"#);
        let padded = format!("{ping:4096}");
        for bytes in [
            frame(0x81, ping.as_bytes()),
            frame(0x81, padded.as_bytes()),
            long_form(0x81, ping.as_bytes()),
            [
                frame(0x01, &padded.as_bytes()[..2000]),
                frame(0x80, &padded.as_bytes()[2000..]),
            ]
            .concat(),
            [frame(0x8a, &[b'x'; 125]), frame(0x81, ping.as_bytes())].concat(),
        ] {
            let mut raw = who.connect(&server);
            raw.send(&bytes);
            raw.hear(&format!(r#"{prefix}["pong"]"#));
            bystanders.check();
        }
    }
    bystanders.finish();
}

#[test]
fn a_fault_of_the_dialect_is_closed_with_1008() {
    let (server, mut bystanders) = start(&[]);
    let too_long = format!(r#"{}["join"]"#, 1_u64 << 60);
    for who in Who::all() {
        let prefix = who.dialect().prefix();
        let events = [
            "",
            "[",
            "[]",
            "{}",
            "null",
            "1",
            "\"join\"",
            "[1]",
            "[null]",
            "[[\"join\"]]",
            "[\"join\"",
            "[\"join\"]]",
            "[\"join\",]",
            "join",
            "[\"join\",NaN]",
            "[\"\\ud8\"]",
        ];
        let mut texts: Vec<_> = events.map(|event| format!("{prefix}{event}")).into();
        if who.dialect() != Dialect::Plain {
            let packets = [
                "",
                "0",
                "0{}",
                "5",
                "7",
                "x",
                "4",
                "44",
                "47",
                "[\"join\"]",
                " 42[]",
            ];
            texts.extend(packets.map(str::to_owned));
            texts.push(format!("42{too_long}"));
        }
        if who.dialect() == Dialect::Eio4 {
            texts.push("40garbage".into());
        }
        let senders = texts.iter().map(|text| (who, frame(0x81, text.as_bytes())));
        let farewells = farewells(&server, senders.collect());
        for (text, (_, farewell)) in texts.iter().zip(farewells) {
            let want = Farewell {
                texts: who.last_words(1008),
                code: Some(1008),
            };
            assert_eq!(farewell, want, "{who:?} {text:?}");
            bystanders.check();
        }
    }
    bystanders.finish();
}

#[test]
fn binary_packets_and_events_before_the_connect_packet_are_faults() {
    let (server, mut bystanders) = start(&[]);
    for who in Who::all().filter(|who| who.dialect() != Dialect::Plain) {
        let placeholder = r#"451-["face",{"_placeholder":true,"num":0}]"#;
        for text in [placeholder, "45", "461-1[]", "b4AAAA"] {
            let mut raw = who.connect(&server);
            raw.say(text);
            let want = Farewell {
                texts: who.last_words(1003),
                code: Some(1003),
            };
            assert_eq!(raw.farewell(), want, "{who:?} {text:?}");
            bystanders.check();
        }
    }
    let mut raw = Raw::open(server.address(), &Dialect::Eio4.target());
    assert!(raw.text().starts_with("0{"));
    raw.say(r#"42["join"]"#);
    let want = Farewell {
        texts: vec!["41".into()],
        code: Some(1008),
    };
    assert_eq!(raw.farewell(), want);
    bystanders.finish();
}

#[test]
fn the_longest_message_is_what_the_flag_says() {
    let server = Server::start(&["--max-message", "1k"]);
    let mut raw = Raw::open(server.address(), &Dialect::Eio4.target());
    assert!(raw.text().ends_with(r#","maxPayload":1024}"#));
    raw.say("40");
    assert!(raw.text().starts_with("40{"));
    // An Engine.IO ping may be of any length.
    raw.say(&format!("{:1024}", "2"));
    raw.hear("3");
    raw.say(&format!("{:1025}", "2"));
    assert_eq!(raw.farewell().code, Some(1009));
}

#[test]
fn a_flood_of_events_is_told_once_and_then_closed() {
    let server = Server::start(&["--robot-after", "30s"]);
    let mut raw = Who::V2(Dialect::Plain).connect(&server);
    // The burst, what is earned meanwhile, and a hundred too many.
    raw.send(&frame(0x81, br#"["leave"]"#).repeat(1_000));
    let Farewell { texts, code } = raw.farewell();
    let bye = r#"["bye",{"code":1008,"reason":"too-fast"}]"#;
    assert_eq!(
        (texts.last().map(String::as_str), code),
        (Some(bye), Some(1008))
    );
    let (last, problems) = texts.split_last().expect("bye");
    assert!(!problems.is_empty(), "{last}");
    for problem in problems {
        assert!(
            problem.starts_with(r#"["problem",{"code":"too-fast","#),
            "{problem}"
        );
        assert!(problem.ends_with(r#","event":"leave"}]"#), "{problem}");
    }
}
