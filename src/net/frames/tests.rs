//! Frames as bytes: any cut of a stream gives the same messages, any fault its close code.

mod equality;

use tungstenite::protocol::frame::{Frame, FrameHeader, coding::OpCode};

use super::{Decoder, Fragments, Step, Text, WAITING_BYTES_MAX, put_close, put_ping, put_text};
use crate::model::CloseReason;

const MESSAGE_BYTES_MAX: usize = 4096;
const FIN: u8 = 0x80;

/// A client's frame, masked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    masked_frame(first, payload, [0x12, 0x34, 0x56, 0x78])
}

fn masked_frame(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    bytes
}

fn binary(bytes: &[u8]) -> Step<'static> {
    Step::Binary(bytes.to_vec().into())
}

fn text(text: &str) -> Step<'static> {
    Step::Text(Text::Apart(text.to_owned().into()))
}

/// One connection as the loop treats it: what is not understood yet stands before what comes.
#[derive(Default)]
struct Stream {
    rest: Vec<u8>,
    fragments: Fragments,
    steps: Vec<Step<'static>>,
    replies: Vec<u8>,
    over: bool,
}

impl Stream {
    fn feed(&mut self, decoder: &mut Decoder, bytes: &[u8]) {
        let mut input = std::mem::take(&mut self.rest);
        input.extend(bytes);
        let mut input = input.as_mut_slice();
        while !self.over {
            let (complete, waiting) = (decoder.has_step(input, &self.fragments), input.len());
            let step = decoder.next(&mut input, &mut self.fragments).into_owned();
            self.replies.extend(&decoder.replies);
            self.over = matches!(step, Step::Close | Step::Violation(_));
            assert_eq!(complete, step != Step::Starved);
            if !complete {
                assert_eq!(waiting, input.len());
                assert!(waiting < WAITING_BYTES_MAX);
                self.rest = input.to_vec();
                return;
            }
            assert!(input.len() < waiting, "every step takes something");
            // How a message was cut means nothing, and a long frame is cut where a read ends.
            if step != Step::Fragment {
                self.steps.push(step);
            }
        }
    }
}

#[track_caller]
fn check(bytes: &[u8], want: &[Step<'_>]) {
    let mut decoder = Decoder::new(MESSAGE_BYTES_MAX);
    let mut stream = Stream::default();
    stream.feed(&mut decoder, bytes);
    assert_eq!(stream.steps, want);
}

/// All kinds of frames, and what they amount to.
fn script() -> (Vec<u8>, Vec<Step<'static>>, Vec<u8>) {
    let long = "é".repeat(MESSAGE_BYTES_MAX / 2);
    let parts = [
        (frame(FIN | 1, b"one"), text("one")),
        (frame(FIN | 1, b""), text("")),
        (frame(FIN | 9, b"ping"), Step::Control),
        (frame(FIN | 10, b""), Step::Control),
        (
            [frame(1, b"\xe5\x90"), frame(FIN | 9, b""), frame(0, b"")].concat(),
            Step::Control,
        ),
        (frame(FIN, b"\x8d!"), text("名!")),
        (frame(FIN | 1, long.as_bytes()), text(&long)),
        (frame(FIN | 2, &[0; 200]), binary(&[0; 200])),
        ([frame(2, b"a"), frame(FIN, b"b")].concat(), binary(b"ab")),
        (
            [
                frame(1, &long.as_bytes()[..301]),
                frame(FIN, &long.as_bytes()[301..]),
            ]
            .concat(),
            text(&long),
        ),
        (frame(FIN | 1, b"last"), text("last")),
        (frame(FIN | 8, &[3, 232]), Step::Close),
        (
            b"what follows a close frame is not looked at".to_vec(),
            Step::Starved,
        ),
    ];
    let bytes = parts.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
    let mut steps: Vec<Step<'static>> = parts.into_iter().map(|(_, step)| step).collect();
    steps.pop();
    let replies = b"\x8a\x04ping\x8a\x00\x88\x02\x03\xe8".to_vec();
    (bytes, steps, replies)
}

#[test]
fn any_cut_of_a_stream_gives_the_same_messages() {
    let (bytes, steps, replies) = script();
    let mut decoder = Decoder::new(MESSAGE_BYTES_MAX);
    let mut rng = fastrand::Rng::with_seed(11);
    for round in 0..300 {
        let mut stream = Stream::default();
        let longest = if round == 0 { 1 } else { rng.usize(1..5_000) };
        let mut left = &bytes[..];
        while !left.is_empty() {
            let (part, rest) = left.split_at(rng.usize(1..=longest.min(left.len())));
            stream.feed(&mut decoder, part);
            left = rest;
        }
        assert_eq!(stream.steps, steps, "round {round}, pieces up to {longest}");
        assert_eq!(stream.replies, replies);
    }
}

#[test]
fn connections_that_share_a_decoder_do_not_meet() {
    let (bytes, steps, replies) = script();
    let mut decoder = Decoder::new(MESSAGE_BYTES_MAX);
    let mut rng = fastrand::Rng::with_seed(12);
    for _ in 0..30 {
        let mut streams: Vec<(Stream, &[u8])> =
            (0..8).map(|_| (Stream::default(), &bytes[..])).collect();
        while let Some(open) = rng.choice(
            (0..streams.len())
                .filter(|&index| !streams[index].1.is_empty())
                .collect::<Vec<_>>(),
        ) {
            let (stream, left) = &mut streams[open];
            let (part, rest) = left.split_at(rng.usize(1..=left.len().min(3_000)));
            stream.feed(&mut decoder, part);
            *left = rest;
        }
        for (stream, _) in streams {
            assert_eq!(
                (stream.steps, stream.replies),
                (steps.clone(), replies.clone())
            );
        }
    }
}

#[test]
fn every_fault_has_its_code() {
    let header = |first: u8, length: u64| {
        let mut bytes = vec![first, 0xff];
        bytes.extend(length.to_be_bytes());
        bytes.extend([0; 4]);
        bytes
    };
    let long = vec![b'x'; MESSAGE_BYTES_MAX];
    #[rustfmt::skip]
    let table = [
        (frame(FIN | 3, b""), 1002), (frame(FIN | 7, b"x"), 1002), (frame(FIN | 11, b""), 1002), (frame(FIN | 15, b""), 1002),
        (frame(FIN | 0x40 | 1, b"x"), 1002), (frame(FIN | 0x20 | 1, b"x"), 1002), (frame(FIN | 0x10 | 9, b""), 1002),
        (b"\x81\x01x".to_vec(), 1002), (b"\x89\x00".to_vec(), 1002),
        (frame(9, b""), 1002), (frame(8, b""), 1002), (frame(FIN | 9, &[0; 126]), 1002), (frame(FIN | 8, &[3; 126]), 1002),
        (frame(FIN, b"x"), 1002), (frame(0, b"x"), 1002),
        ([frame(1, b"a"), frame(FIN | 1, b"b")].concat(), 1002), ([frame(1, b"a"), frame(2, b"b")].concat(), 1002),
        (frame(FIN | 8, b"x"), 1002),
        (frame(FIN | 1, b"\xff"), 1007), (frame(FIN | 1, b"\xe5\x90"), 1007), (frame(FIN | 1, b"\xed\xa0\x80"), 1007),
        ([frame(1, b"\xe5"), frame(FIN, b"x")].concat(), 1007), ([frame(1, b"\xe5"), frame(FIN, b"")].concat(), 1007),
        (frame(FIN | 8, b"\x03\xe8\xff"), 1007),
        (header(FIN | 1, MESSAGE_BYTES_MAX as u64 + 1), 1009),
        (header(FIN | 2, u64::MAX), 1009), (header(1, 1 << 63), 1009),
        ([frame(1, &long), frame(FIN, b"x")].concat(), 1009),
        ([frame(1, &long), frame(0, &long), frame(0, &long)].concat(), 1009),
    ];
    for (bytes, code) in table {
        let mut decoder = Decoder::new(MESSAGE_BYTES_MAX);
        let mut stream = Stream::default();
        stream.feed(&mut decoder, &bytes);
        match stream.steps.last() {
            Some(Step::Violation(found)) => {
                assert_eq!(found.code(), code, "{:02x?}", &bytes[..bytes.len().min(20)]);
            }
            other => panic!("{other:?} for {:02x?}", &bytes[..bytes.len().min(20)]),
        }
        // The next connection is served as if nothing had happened.
        let mut next = Stream::default();
        next.feed(&mut decoder, &frame(FIN | 1, b"next"));
        assert_eq!(next.steps, [text("next")]);
    }
}

#[test]
fn the_longest_message_is_taken_in_one_frame_and_in_many() {
    let long = "x".repeat(MESSAGE_BYTES_MAX);
    check(&frame(FIN | 1, long.as_bytes()), &[text(&long)]);
    let (front, back) = long.split_at(1_000);
    let bytes = [frame(1, front.as_bytes()), frame(FIN, back.as_bytes())].concat();
    check(&bytes, &[text(&long)]);
}

#[test]
fn a_length_written_longer_than_needed_is_read() {
    check(b"\x81\xfe\x00\x01\x00\x00\x00\x00x", &[text("x")]);
    check(
        b"\x81\xff\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00x",
        &[text("x")],
    );
}

#[test]
fn a_close_is_answered_with_its_code_or_with_1002() {
    #[rustfmt::skip]
    let table: [(&[u8], &[u8]); 6] = [
        (b"", b"\x88\x00"), (b"\x03\xe8", b"\x88\x02\x03\xe8"), (b"\x0f\xa1bye", b"\x88\x05\x0f\xa1bye"),
        (b"\x03\xed", b"\x03\xea"), (b"\x00\x01", b"\x03\xea"), (b"\x07\xd0", b"\x03\xea"),
    ];
    for (payload, reply) in table {
        let mut decoder = Decoder::new(MESSAGE_BYTES_MAX);
        let mut stream = Stream::default();
        stream.feed(&mut decoder, &frame(FIN | 8, payload));
        assert_eq!(stream.steps, [Step::Close]);
        assert!(
            stream.replies == reply || stream.replies.get(2..4) == Some(reply),
            "{payload:02x?}: {:02x?}",
            stream.replies
        );
    }
}

#[test]
fn between_messages_a_connection_owns_nothing() {
    let mut decoder = Decoder::new(MESSAGE_BYTES_MAX);
    let mut stream = Stream::default();
    stream.feed(&mut decoder, &frame(FIN | 1, &[b'x'; 4000]));
    assert!(stream.fragments.len().is_none() && stream.rest.capacity() == 0);
    stream.feed(&mut decoder, &frame(1, b"x"));
    stream.feed(&mut decoder, &frame(FIN | 9, b"x"));
    assert_eq!(stream.fragments.len(), Some(1));
    stream.feed(&mut decoder, &frame(FIN, b"x"));
    assert!(stream.fragments.len().is_none());
    let long = frame(FIN | 1, &[b'x'; 4000]);
    let (begin, end) = long.split_at(2_000);
    stream.feed(&mut decoder, begin);
    assert!(stream.fragments.is_within_frame() && stream.rest.capacity() == 0);
    stream.feed(&mut decoder, end);
    assert!(stream.fragments.len().is_none());
    assert_eq!(size_of::<Fragments>(), 8, "one for every connection");
}

#[test]
fn what_we_write_is_what_tungstenite_reads() {
    for length in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
        let payload = "x".repeat(length);
        let mut bytes = Vec::new();
        put_text(&mut bytes, &payload);
        let mut cursor = std::io::Cursor::new(&bytes);
        let (header, found) = FrameHeader::parse(&mut cursor)
            .expect("well-formed")
            .expect("complete");
        assert_eq!(header.opcode, OpCode::from(1));
        assert!(header.is_final && header.mask.is_none());
        assert_eq!(found as usize, length);
        assert_eq!(&bytes[cursor.position() as usize..], payload.as_bytes());
    }
    let mut bytes = Vec::new();
    put_ping(&mut bytes);
    put_close(&mut bytes, 1012, "restart");
    put_close(&mut bytes, 1000, &"x".repeat(200));
    let mut want = Vec::new();
    for frame in [
        Frame::ping(Vec::new()),
        Frame::close(Some(tungstenite::protocol::CloseFrame {
            code: 1012.into(),
            reason: "restart".into(),
        })),
        Frame::close(Some(tungstenite::protocol::CloseFrame {
            code: 1000.into(),
            reason: "x".repeat(123).into(),
        })),
    ] {
        frame.format(&mut want).expect("a vector takes it");
    }
    assert_eq!(bytes, want);
}

#[test]
fn bytes_of_any_kind_are_decoded_without_a_panic() {
    let mut rng = fastrand::Rng::with_seed(13);
    let mut decoder = Decoder::new(200);
    for _ in 0..20_000 {
        let mut stream = Stream::default();
        for _ in 0..rng.usize(1..6) {
            let payload: Vec<u8> = (0..rng.usize(0..140)).map(|_| rng.u8(b' '..0x80)).collect();
            let mut bytes = frame(
                rng.choice([1, 0, FIN, FIN | 1, FIN | 9, FIN | 8, 2])
                    .unwrap_or(1),
                &payload,
            );
            if rng.u8(..) < 128 {
                let place = rng.usize(0..bytes.len());
                bytes[place] = rng.u8(..);
            }
            stream.feed(&mut decoder, &bytes);
        }
    }
}

/// Should we and tungstenite ever disagree about where a frame ends, what is left over must not
/// become the beginning of somebody else's next frame.
#[test]
fn a_wrong_cut_ends_the_connection_and_leaks_nothing_into_the_next() {
    let violation = Step::Violation(CloseReason::ProtocolError);
    let whole = frame(FIN | 1, b"mine");
    let with = |bytes: &[u8], more: &[u8]| [bytes, more].concat();
    // A frame as it was cut.
    let rows = [
        // Too long: bytes of the next frame were cut off with it.
        with(&whole, b"\x81\x84"),
        whole.repeat(2),
        with(&frame(FIN | 9, b"p"), b"\x81"),
        with(&frame(FIN | 2, b""), b"\x81"),
        // A part of a message never comes here: tungstenite would hold it.
        frame(1, b"mine"),
        frame(FIN, b"mine"),
        // Too short: it is not a frame yet.
        whole[..whole.len() - 1].to_vec(),
        whole[..3].to_vec(),
    ];
    let mut decoder = Decoder::new(MESSAGE_BYTES_MAX);
    for bytes in rows {
        assert_eq!(decoder.read(&bytes), violation, "{bytes:02x?}");
        let mut next = Stream::default();
        next.feed(&mut decoder, &frame(FIN | 1, &[b'x'; 200]));
        assert_eq!(next.steps, [text(&"x".repeat(200))], "after {bytes:02x?}");
    }
}

/// What a message in pieces costs: the bytes that are copied, and those that are held at once.
///
/// Whatever is copied on its way goes into memory that is asked for: what is asked for counts it.
#[test]
fn a_message_in_pieces_is_copied_a_few_times_however_many_there_are() {
    const LONG: usize = 1 << 20;
    const READ: usize = 16 * 1024;

    let payload = "é".repeat(LONG / 2).into_bytes();
    let fragments = |first: u8, size: usize| -> Vec<u8> {
        let last = (payload.len() - 1) / size;
        let frames = payload.chunks(size).enumerate().flat_map(|(index, piece)| {
            let opcode = if index == 0 { first } else { 0 };
            let fin = if index == last { FIN } else { 0 };
            frame(fin | opcode, piece)
        });
        frames.collect()
    };
    for opcode in [1, 2] {
        // One frame in many reads, few and many fragments, those that are cut within characters.
        for size in [LONG, 100_001, 4_096, 125, 7, 1] {
            let bytes = fragments(opcode, size);
            for read in [READ, 1_000] {
                let mut decoder = Decoder::new(LONG);
                let (mut own, mut messages) = (Fragments::default(), 0);
                let mut reads: Vec<Vec<u8>> = bytes.chunks(read).map(<[u8]>::to_vec).collect();
                let mut rest = Vec::with_capacity(WAITING_BYTES_MAX);
                let mut together = vec![0; WAITING_BYTES_MAX + READ];
                let counted = allocation_counter::measure(|| {
                    for piece in &mut reads {
                        // As the loop does it: a part of a short frame goes before what comes.
                        let length = rest.len() + piece.len();
                        let (front, back) = together[..length].split_at_mut(rest.len());
                        front.copy_from_slice(&rest);
                        back.copy_from_slice(piece);
                        let mut input = &mut together[..length];
                        loop {
                            match decoder.next(&mut input, &mut own) {
                                Step::Starved => break,
                                Step::Fragment => (),
                                Step::Text(text) => {
                                    assert!(text.as_str().as_bytes() == payload);
                                    messages += 1;
                                }
                                Step::Binary(binary) => {
                                    assert!(binary == payload);
                                    messages += 1;
                                }
                                other => panic!("{other:?}"),
                            }
                        }
                        rest.clear();
                        rest.extend_from_slice(input);
                        assert!(rest.len() < WAITING_BYTES_MAX);
                    }
                });
                let what = format!("opcode {opcode}, fragments of {size}, reads of {read}");
                assert_eq!(messages, 1, "{what}");
                let long = LONG as u64;
                assert!(counted.bytes_total < 3 * long, "{what}: {counted:?}");
                assert!(counted.bytes_max < 2 * long, "{what}: {counted:?}");
            }
        }
    }
}
