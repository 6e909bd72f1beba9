//! The decoder beside tungstenite itself: for every stream of bytes, however it is cut, both read
//! the same messages, owe the same replies and find the same fault. So it is when another decoder
//! goes on in the middle of a message.

use std::io::{self, Read, Write};

use fastrand::Rng;
use tungstenite::error::Error;
use tungstenite::protocol::{Message, Role, WebSocketConfig, WebSocketContext};

use crate::net::frames::{Decoder, Fragments, Frame, Step, Unfinished};

/// What a stream amounts to. Parts of messages are not told: tungstenite does not tell them.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Text(String),
    Binary(Vec<u8>),
    Control,
    Close,
    /// The code to close with.
    Fault(u16),
}

impl Word {
    fn is_last(&self) -> bool {
        matches!(self, Self::Close | Self::Fault(_))
    }
}

/// A stream that ends for now where its bytes end.
struct Line<'a> {
    input: &'a [u8],
    replies: Vec<u8>,
}

impl Read for Line<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.replies.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// tungstenite's own reading of a whole stream, with the defaults of its buffers.
fn reference(bytes: &[u8], message_bytes_max: usize) -> (Vec<Word>, Vec<u8>) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(message_bytes_max))
        .max_frame_size(Some(message_bytes_max));
    let mut context = WebSocketContext::new(Role::Server, Some(config));
    let (input, replies) = (bytes, Vec::new());
    let mut line = Line { input, replies };
    let mut words = Vec::new();
    while !words.last().is_some_and(Word::is_last) {
        words.push(match context.read(&mut line) {
            Ok(Message::Text(text)) => Word::Text(text.as_str().to_owned()),
            Ok(Message::Binary(bytes)) => Word::Binary(bytes.to_vec()),
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => Word::Control,
            Ok(Message::Close(_)) => Word::Close,
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(Error::Capacity(_)) => Word::Fault(1009),
            Err(Error::Utf8(_)) => Word::Fault(1007),
            Err(_) => Word::Fault(1002),
        });
        // Replies are written with the next read, or not at all after the last.
        let _ = context.flush(&mut line);
    }
    (words, line.replies)
}

/// Our reading, in pieces of at most so many bytes, and how many of the bytes came before its end.
fn ours(
    decoder: &mut Decoder,
    bytes: &[u8],
    longest: usize,
    rng: &mut Rng,
) -> (Vec<Word>, Vec<u8>, usize) {
    let (mut words, mut replies) = (Vec::new(), Vec::new());
    let (mut rest, mut fragments) = (Vec::new(), Fragments::default());
    let mut fed = 0;
    while fed < bytes.len() {
        let piece = rng.usize(1..=longest.min(bytes.len() - fed));
        rest.extend_from_slice(&bytes[fed..fed + piece]);
        fed += piece;
        let mut input = rest.as_mut_slice();
        loop {
            let step = decoder.next(&mut input, &mut fragments);
            words.push(match step {
                Step::Starved => break,
                Step::Fragment => continue,
                Step::Text(text) => Word::Text(text.as_str().to_owned()),
                Step::Binary(bytes) => Word::Binary(bytes.to_vec()),
                Step::Control => Word::Control,
                Step::Close => Word::Close,
                Step::Violation(reason) => Word::Fault(reason.code()),
            });
            replies.extend_from_slice(&decoder.replies);
            if words.last().is_some_and(Word::is_last) {
                return (words, replies, fed);
            }
        }
        rest = input.to_vec();
        if rng.u8(..) < 20 {
            fragments = carried(decoder, &fragments);
        }
    }
    (words, replies, fed)
}

/// What becomes of an unfinished message in another process.
fn carried(decoder: &mut Decoder, fragments: &Fragments) -> Fragments {
    let carried = fragments.carry();
    *decoder = Decoder::new(decoder.message_bytes_max);
    match &carried {
        None => Fragments::default(),
        Some(unfinished) => {
            let resumed = decoder.resume(unfinished).expect("it was legal");
            assert_eq!(resumed.carry(), carried);
            resumed
        }
    }
}

#[track_caller]
fn compare(bytes: &[u8], message_bytes_max: usize, rng: &mut Rng) {
    let mut decoder = Decoder::new(message_bytes_max);
    let (words, replies) = reference(bytes, message_bytes_max);
    // What is long is not taken byte by byte: the time of the test is not worth it.
    let few = 1 + bytes.len() / 2_000;
    for longest in [
        few,
        few + rng.usize(..20),
        few + rng.usize(..2_000),
        16 * 1024,
    ] {
        let (found, answers, fed) = ours(&mut decoder, bytes, longest, rng);
        let what = || format!("{message_bytes_max}, pieces up to {longest}: {bytes:02x?}");
        if found == words {
            assert_eq!(answers, replies, "{}", what());
            continue;
        }
        // We may find a fault by the header when tungstenite still waits for the payload: then it
        // finds the same one in the end, whatever the payload is.
        assert_eq!(
            found.split_last().map(|(_, before)| before),
            Some(&words[..]),
            "{}",
            what()
        );
        let fill = vec![rng.u8(..); message_bytes_max + 14];
        let (words, replies) = reference(&[&bytes[..fed], &fill].concat(), message_bytes_max);
        assert_eq!(found, words[..found.len()], "{}", what());
        assert_eq!(answers, replies[..answers.len()], "{}", what());
    }
}

/// A text of about so many bytes, sometimes broken.
fn payload(rng: &mut Rng, length: usize) -> Vec<u8> {
    let mut text = String::new();
    while text.len() < length {
        text.push(
            rng.choice(['a', '"', '\0', '\u{7f}', 'é', '剪', '🐱'])
                .unwrap_or('a'),
        );
    }
    let mut bytes = text.into_bytes();
    // In the middle of a character, too.
    bytes.truncate(length);
    if rng.u8(..) < 30 && !bytes.is_empty() {
        let place = rng.usize(..bytes.len());
        bytes[place] = rng.choice([0xff, 0xc0, 0xed, 0xf4, 0x80]).unwrap_or(0xff);
    }
    bytes
}

/// Any frame, legal or not: its length may lie, and its payload be missing.
fn frame(rng: &mut Rng, message_bytes_max: usize) -> Vec<u8> {
    let first = match rng.u8(..10) {
        0..=3 => 0x81,
        4 => rng.choice([0x01, 0x00, 0x80]).unwrap_or(1),
        5 => rng.choice([0x01, 0x02, 0x82, 0x00, 0x80]).unwrap_or(1),
        6 => rng.choice([0x89, 0x8a, 0x88]).unwrap_or(0x89),
        7 => 0x81,
        8 => 0x80 | rng.u8(..16),
        _ => rng.u8(..),
    };
    let length = match rng.u8(..8) {
        0 => 0,
        1..=4 => rng.usize(..60),
        5 => rng.usize(120..132),
        6 => rng.usize(..=message_bytes_max + 2),
        _ => message_bytes_max + rng.usize(..3) - 1,
    };
    let payload = match first & 0x0f {
        8 if 1 < length => [&[3, 0xe8], &payload(rng, length)[2..]].concat(),
        _ => payload(rng, length),
    };
    written(rng, first, &payload)
}

/// A frame as some client might write it.
fn written(rng: &mut Rng, first: u8, payload: &[u8]) -> Vec<u8> {
    let is_masked = rng.u8(..) < 250;
    let mask_bit = if is_masked { 0x80 } else { 0 };
    let mut bytes = vec![first];
    // Longer than needed, at times.
    match (payload.len(), rng.u8(..40)) {
        (short @ 0..126, 1..) => bytes.push(mask_bit | short as u8),
        (long @ ..=0xffff, 2..) => {
            bytes.push(mask_bit | 126);
            bytes.extend((long as u16).to_be_bytes());
        }
        (long, lie) => {
            bytes.push(mask_bit | 127);
            let high = if lie == 1 { rng.u64(..) << 32 } else { 0 };
            bytes.extend((high | long as u64).to_be_bytes());
        }
    }
    let any = rng.u32(..).to_ne_bytes();
    let mask = rng.choice([[0; 4], [0xff; 4], any]).unwrap_or(any);
    if is_masked {
        bytes.extend(mask);
        bytes.extend(
            payload
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
    } else {
        bytes.extend(payload);
    }
    bytes
}

#[test]
fn every_stream_reads_as_tungstenite_reads_it() {
    let mut rng = Rng::with_seed(17);
    for _ in 0..6_000 {
        let message_bytes_max = rng.choice([64, 125, 126, 200, 1_000]).unwrap_or(64);
        let mut bytes = Vec::new();
        for _ in 0..rng.usize(1..8) {
            bytes.extend(frame(&mut rng, message_bytes_max));
        }
        match rng.u8(..8) {
            0 => bytes.truncate(rng.usize(..=bytes.len())),
            1 if !bytes.is_empty() => {
                let place = rng.usize(..bytes.len());
                bytes[place] ^= 1 << rng.u8(..8);
            }
            _ => (),
        }
        compare(&bytes, message_bytes_max, &mut rng);
    }
}

/// A message in fragments cut at these places, with control frames between them.
fn fragments(rng: &mut Rng, opcode: u8, payload: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut places: Vec<usize> = cuts.iter().map(|&cut| cut.min(payload.len())).collect();
    places.sort_unstable();
    places.push(payload.len());
    let (mut bytes, mut from) = (Vec::new(), 0);
    for (index, &to) in places.iter().enumerate() {
        let opcode = if index == 0 { opcode } else { 0 };
        let fin = if index + 1 == places.len() { 0x80 } else { 0 };
        bytes.extend(written(rng, fin | opcode, &payload[from..to]));
        from = to;
        while rng.u8(..4) == 0 {
            let first = rng.choice([0x89, 0x8a]).unwrap_or(0x89);
            let length = rng.usize(..=125);
            let between = self::payload(rng, length);
            bytes.extend(written(rng, first, &between));
        }
    }
    bytes
}

#[test]
fn every_fragmentation_reads_as_tungstenite_reads_it() {
    let mut rng = Rng::with_seed(19);
    for _ in 0..3_000 {
        let message_bytes_max = rng
            .choice([64, 125, 126, 1_000, 3_000, 20_000])
            .unwrap_or(64);
        let mut bytes = Vec::new();
        for _ in 0..rng.usize(1..4) {
            // Now and then too long by one.
            let length = match rng.u8(..4) {
                0 => message_bytes_max + rng.usize(..2),
                1 => rng.usize(..=message_bytes_max),
                _ => rng.usize(..60),
            };
            let payload = payload(&mut rng, length);
            let cuts: Vec<usize> = (0..rng.usize(..9)).map(|_| rng.usize(..=length)).collect();
            let opcode = rng.choice([1, 1, 2]).unwrap_or(1);
            bytes.extend(fragments(&mut rng, opcode, &payload, &cuts));
        }
        if rng.u8(..8) == 0 {
            bytes.truncate(rng.usize(..=bytes.len()));
        }
        compare(&bytes, message_bytes_max, &mut rng);
    }
}

/// Behind nothing, and behind so much that the frame is not waited for.
#[test]
fn bad_text_reads_as_tungstenite_reads_it_wherever_it_is() {
    let mut rng = Rng::with_seed(20);
    let sound = "aé剪🐱z".as_bytes();
    for before in [0, 130] {
        for place in 0..=sound.len() {
            for bad in [0x80, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xf8, 0xff] {
                let mut replaced = [&vec![b'x'; before], sound].concat();
                let mut inserted = replaced.clone();
                inserted.insert(before + place, bad);
                if let Some(byte) = replaced.get_mut(before + place) {
                    *byte = bad;
                }
                let ended = inserted[..=before + place].to_vec();
                for text in [replaced, inserted, ended] {
                    compare(&fragments(&mut rng, 1, &text, &[]), 200, &mut rng);
                    let cuts = [before + rng.usize(..12), before + rng.usize(..12)];
                    compare(&fragments(&mut rng, 1, &text, &cuts[..1]), 200, &mut rng);
                    compare(&fragments(&mut rng, 1, &text, &cuts), 200, &mut rng);
                }
            }
        }
    }
}

#[test]
fn every_length_reads_as_tungstenite_reads_it() {
    let mut rng = Rng::with_seed(21);
    for message_bytes_max in [100, 125, 126, 127, 300] {
        for length in message_bytes_max - 1..=message_bytes_max + 2 {
            for first in 0..=length {
                for opcode in [1, 2] {
                    let payload = vec![b'x'; length];
                    let bytes = fragments(&mut rng, opcode, &payload, &[first]);
                    compare(&bytes, message_bytes_max, &mut rng);
                }
            }
        }
    }
}

#[test]
fn every_close_reads_as_tungstenite_reads_it() {
    let mut rng = Rng::with_seed(22);
    for code in (0..6_000_u16).chain((6_000..=u16::MAX).step_by(97)) {
        let length = rng.usize(..124);
        let reason = payload(&mut rng, length);
        let close = written(&mut rng, 0x88, &[&code.to_be_bytes(), &reason[..]].concat());
        let before = match rng.bool() {
            true => written(&mut rng, 1, b"begun"),
            false => Vec::new(),
        };
        let after = written(&mut rng, 0x81, b"too late");
        compare(&[before, close, after].concat(), 200, &mut rng);
    }
}

/// What could not have been carried is refused, since nobody else has looked at it.
#[test]
fn only_what_a_decoder_may_hold_is_gone_on_with() {
    let decoder = Decoder::new(200);
    let frame = |left| {
        let (mask, is_final) = ([1, 2, 3, 4], true);
        Some(Frame {
            left,
            mask,
            is_final,
        })
    };
    #[rustfmt::skip]
    let table: [(bool, &[u8], Option<Frame>, bool); 11] = [
        (true, b"", None, true), (true, "剪".as_bytes(), frame(1), true), (true, b"\xe5\x89", None, true),
        (false, b"\xff", None, true), (false, &[0; 150], frame(50), true), (false, &[0; 200], None, true),
        (true, b"\xff", None, false), (true, b"\xe5\x89a", None, false),
        (false, &[0; 201], None, false), (false, &[0; 150], frame(51), false), (false, b"", frame(0), false),
    ];
    for (is_text, bytes, frame, is_legal) in table {
        let unfinished = Unfinished {
            is_text,
            bytes: bytes.to_vec(),
            frame,
        };
        let resumed = decoder.resume(&unfinished);
        assert_eq!(resumed.is_some(), is_legal, "{unfinished:?}");
        assert_eq!(
            resumed.and_then(|own| own.carry()),
            is_legal.then_some(unfinished)
        );
    }
}

/// All first two bytes there are, in and out of a message, with a payload and without.
#[test]
fn every_header_reads_as_tungstenite_reads_it() {
    let mut rng = Rng::with_seed(18);
    for first in 0..=0xff_u8 {
        for second in 0..=0xff_u8 {
            let open = [0x01, 0x81, 0, 0, 0, 0, b'x'];
            for before in [&[][..], &open] {
                let bytes = [before, &[first, second, 0, 0, 0, 0]].concat();
                compare(&bytes, 200, &mut rng);
                if second & 0x0f == 5 || 0x7d <= second & 0x7f {
                    compare(&[bytes, vec![b'x'; 260]].concat(), 200, &mut rng);
                }
            }
        }
    }
}

/// What is illegal by its header is refused by it: not one byte of the payload has come.
#[test]
fn an_illegal_header_is_refused_before_its_payload() {
    let open: &[u8] = &[0x01, 0x81, 0, 0, 0, 0, b'x'];
    // What is open before, the header without its mask, the code.
    #[rustfmt::skip]
    let table: [(&[u8], &[u8], u16); 14] = [
        (b"", &[0xc1, 0x85], 1002), (b"", &[0xa1, 0x85], 1002), (b"", &[0x91, 0x85], 1002),
        (b"", &[0x83, 0x85], 1002), (b"", &[0x8b, 0x85], 1002), (b"", &[0x81, 0x05], 1002),
        (b"", &[0x09, 0x85], 1002), (b"", &[0x89, 0xfe, 0, 126], 1002), (b"", &[0x80, 0x85], 1002),
        (open, &[0x81, 0x85], 1002), (open, &[0x02, 0x85], 1002),
        (b"", &[0x81, 0xfe, 0, 201], 1009), (b"", &[0x02, 0xff, 0, 0, 0, 1, 0, 0, 0, 0], 1009),
        (open, &[0x00, 0xfe, 0, 200], 1009),
    ];
    for (before, header, code) in table {
        let is_masked = header[1] & 0x80 != 0;
        let mask: &[u8] = if is_masked { &[1, 2, 3, 4] } else { b"" };
        let bytes = [before, header, mask].concat();
        let mut rng = Rng::with_seed(1);
        for longest in [1, 100] {
            let mut decoder = Decoder::new(200);
            let (words, replies, _) = ours(&mut decoder, &bytes, longest, &mut rng);
            assert_eq!(words, [Word::Fault(code)], "{bytes:02x?}");
            assert_eq!(replies, b"");
        }
        // A byte less is not a header yet.
        let (_, most) = bytes.split_last().expect("it is not empty");
        let (words, ..) = ours(&mut Decoder::new(200), most, 100, &mut rng);
        assert_eq!(words, [], "{most:02x?}");
    }
}
