//! Frames that are legal, and never end, or come in heaps, or after the end.

use crate::ground::{DIALECTS, Ground, open};
use crate::support::client::Dialect;
use crate::support::raw::{Frame, Raw, frame, header, masked};

const HELLO: &str = r#"["hello",{"user":{"uid":"eve","uname":"剪刀 🐱"}}]"#;
const CLOSE: &[u8] = &[0x03, 0xe8];

/// A text message in fragments of these sizes.
fn fragments(text: &[u8], sizes: impl IntoIterator<Item = usize>) -> Vec<u8> {
    let (mut bytes, mut rest, mut opcode) = (Vec::new(), text, 1);
    for size in sizes {
        let (piece, after) = rest.split_at(size.min(rest.len()));
        bytes.extend(frame(opcode, piece));
        (rest, opcode) = (after, 0);
    }
    bytes.extend(frame(0x80 | opcode, rest));
    bytes
}

#[test]
pub(crate) fn after_a_goodbye_nothing_counts() {
    let mut ground = Ground::start(&[]);
    let text = frame(0x81, HELLO.as_bytes());
    #[rustfmt::skip]
    let table: Vec<(&str, Vec<u8>)> = vec![
        ("a message", text.clone()),
        ("a ping", frame(0x89, b"x")),
        ("another goodbye", frame(0x88, &[0x0f, 0xa0])),
        ("an unmasked frame", vec![0x81, 0]),
        ("bad UTF-8", frame(0x81, b"\xff")),
        ("a message too long", header(0x81, u64::MAX >> 1)),
        ("half a frame", text.get(..9).expect("it is longer").to_vec()),
        ("a heap of messages", text.repeat(1_000)),
        ("zeros", vec![0; 60_000]),
    ];
    for dialect in DIALECTS {
        for (what, after) in &table {
            let mut raw = open(ground.address(), dialect);
            raw.send(&[frame(0x88, CLOSE), after.clone()].concat());
            let farewell = raw.farewell();
            assert_eq!(farewell.code, Some(1000), "{what}, {dialect:?}");
            assert!(farewell.texts.is_empty(), "{what}: {farewell:?}");
            ground.check();
        }
    }
    ground.finish();
}

#[test]
pub(crate) fn fragments_without_end() {
    let mut ground = Ground::start(&[]);
    let before = ground.server().resident_kib();
    #[rustfmt::skip]
    let table: [(&str, Vec<u8>, u16); 5] = [
        ("empty ones, then one of nothing", [frame(0x01, b""), frame(0x00, b"").repeat(50_000), frame(0x81, b"")].concat(), 1002),
        ("of a byte", [frame(0x01, b"["), frame(0x00, b" ").repeat(4_096)].concat(), 1009),
        ("with pings between them", [frame(0x01, b"["), [frame(0x00, b" "), frame(0x89, b"")].concat().repeat(4_096)].concat(), 1009),
        ("of binary", [frame(0x02, b"["), frame(0x00, b" ").repeat(4_096)].concat(), 1009),
        ("with a reserved bit in the last", [frame(0x01, b"["), frame(0x00, b" ").repeat(100), frame(0xc0, b"]")].concat(), 1002),
    ];
    for dialect in DIALECTS {
        for (what, bytes, code) in &table {
            let mut raw = open(ground.address(), dialect);
            // Its goodbye may come before everything is sent.
            raw.try_send(bytes);
            assert_eq!(raw.farewell().code, Some(*code), "{what}, {dialect:?}");
            ground.check();
        }
    }
    // Unfinished messages of many connections are bounded each, and forgotten with them.
    let begun = [frame(0x01, b"["), frame(0x00, &[b' '; 1_000]).repeat(4)].concat();
    let mut many: Vec<_> = (0..100)
        .map(|_| open(ground.address(), Dialect::Plain))
        .collect();
    for raw in &mut many {
        raw.send(&begun);
    }
    ground.check();
    drop(many);
    ground.settle();
    let after = ground.server().resident_kib();
    assert!(after < before + 8 * 1024, "{before} KiB, then {after} KiB");
    ground.finish();
}

#[test]
pub(crate) fn a_character_in_several_fragments_is_a_character() {
    let mut ground = Ground::start(&[]);
    for dialect in DIALECTS {
        let text = format!("{}{HELLO}", dialect.prefix());
        let text = text.as_bytes();
        let hi = format!(r#"{}["hi","#, dialect.prefix());
        for cut in 0..=text.len() {
            let mut raw = open(ground.address(), dialect);
            raw.send(&fragments(text, [cut]));
            assert!(raw.text().starts_with(&hi), "cut at {cut}, {dialect:?}");
        }
        let mut raw = open(ground.address(), dialect);
        raw.send(&fragments(text, std::iter::repeat_n(1, text.len())));
        assert!(raw.text().starts_with(&hi), "{dialect:?}");
        ground.check();
    }
    ground.finish();
}

/// What a text that is no UTF-8 is closed with, at once and not at its end.
#[test]
pub(crate) fn bad_text_is_noticed_in_its_fragment() {
    let mut ground = Ground::start(&[]);
    #[rustfmt::skip]
    let table: [&[u8]; 6] = [
        b"[\xff", b"[\xc0\x80", b"[\xed\xa0\x80", b"[\xf4\x90\x80\x80", b"[\xf8\x88\x80\x80\x80", b"[\xe2\x28",
    ];
    for bytes in table {
        let mut raw = open(ground.address(), Dialect::Plain);
        raw.send(&frame(0x01, bytes));
        assert_eq!(raw.farewell().code, Some(1007), "{bytes:02x?}");
        ground.check();
    }
    ground.finish();
}

#[test]
pub(crate) fn a_flood_of_pings_is_answered_while_it_is_read() {
    let mut ground = Ground::start(&["--max-queue", "16k"]);
    let mut raw = open(ground.address(), Dialect::Plain);
    for round in 0..200_u32 {
        let payload = round.to_be_bytes();
        raw.send(&frame(0x89, &payload).repeat(100));
        for _ in 0..100 {
            let want = Frame {
                first: 0x8a,
                payload: payload.to_vec(),
            };
            assert_eq!(raw.frame(), want);
        }
        if round % 20 == 0 {
            ground.check();
        }
    }
    // Pongs that nobody asked for are signs of life, and no more.
    raw.send(&frame(0x8a, b"x").repeat(20_000));
    raw.say(HELLO);
    assert!(raw.text().starts_with(r#"["hi","#));
    drop(raw);
    ground.finish();
}

#[test]
pub(crate) fn a_length_is_believed_only_as_far_as_it_is_allowed() {
    let mut ground = Ground::start(&[]);
    let before = ground.server().resident_kib();
    let mut many = Vec::new();
    // The longest frame that is allowed, promised by many and sent by nobody.
    for _ in 0..100 {
        let mut raw = open(ground.address(), Dialect::Plain);
        raw.send(&header(0x81, 4096));
        raw.send(&masked(&[b' '; 100]));
        many.push(raw);
    }
    ground.check();
    let after = ground.server().resident_kib();
    assert!(after < before + 4 * 1024, "{before} KiB, then {after} KiB");
    for power in 12..63_u32 {
        let mut raw = open(ground.address(), Dialect::Plain);
        raw.send(&header(0x81, (1 << power) + 1));
        assert_eq!(raw.farewell().code, Some(1009), "2^{power} + 1");
    }
    drop(many);
    ground.finish();
}

#[test]
pub(crate) fn the_mask_may_be_anything() {
    let mut ground = Ground::start(&[]);
    for mask in [[0; 4], [0xff; 4], [0, 1, 2, 3], [0x80, 0, 0, 0]] {
        let mut bytes = vec![0x81, 0x80 | HELLO.len() as u8];
        bytes.extend(mask);
        let payload = HELLO.bytes().zip(mask.iter().cycle());
        bytes.extend(payload.map(|(byte, mask)| byte ^ mask));
        let mut raw: Raw = open(ground.address(), Dialect::Plain);
        raw.send(&bytes);
        assert!(raw.text().starts_with(r#"["hi","#), "{mask:?}");
        ground.check();
    }
    ground.finish();
}
