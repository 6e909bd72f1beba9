//! A connection's bytes: cut anywhere, they give the messages and replies of one piece.

use fastrand::Rng;
use roshambo::net::frames::{Decoder, Fragments, Step, WAITING_BYTES_MAX};

use crate::{Target, fuzz};

const MESSAGE_BYTES_MAX: usize = 1024;

/// What a connection amounts to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Story {
    steps: Vec<Step<'static>>,
    replies: Vec<u8>,
}

/// Feeds pieces as the loop does: what is not understood yet stands before what comes.
fn tell<'a>(decoder: &mut Decoder, pieces: impl Iterator<Item = &'a [u8]>) -> Story {
    let (mut story, mut rest) = (Story::default(), Vec::new());
    let mut fragments = Fragments::default();
    for piece in pieces {
        rest.extend_from_slice(piece);
        let mut input = rest.as_mut_slice();
        loop {
            let before = input.len();
            let goes_on = decoder.has_step(input, &fragments);
            let step = decoder.next(&mut input, &mut fragments).into_owned();
            story.replies.extend_from_slice(&decoder.replies);
            assert_eq!(goes_on, step != Step::Starved);
            if step == Step::Starved {
                assert_eq!(input.len(), before);
                assert!(before < WAITING_BYTES_MAX, "it waits for {before} bytes");
                break;
            }
            assert!(input.len() < before, "every step takes something");
            if let Step::Text(text) = &step {
                assert!(text.as_str().len() <= MESSAGE_BYTES_MAX);
            }
            let over = matches!(step, Step::Close | Step::Violation(_));
            // A long frame is cut where a piece ends.
            if step != Step::Fragment {
                story.steps.push(step);
            }
            if over {
                return story;
            }
        }
        rest = input.to_vec();
    }
    story
}

/// A byte string as frames: one byte of head, one of length, then as much of what follows.
fn framed(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), bytes);
    while let [first, length, after @ ..] = rest {
        // Mostly what is legal, so that something comes after it.
        let first = match first % 8 {
            0..=4 => [0x81, 0x01, 0x00, 0x80, 0x89][usize::from(first % 8)],
            5 => 0x82,
            _ => *first,
        };
        let length = usize::from(*length) * if first < 0x88 { 5 } else { 1 };
        let (payload, next) = after.split_at(length.min(after.len()));
        rest = next;
        out.push(first);
        match payload.len() {
            short @ 0..126 => out.push(0x80 | short as u8),
            long => {
                out.push(0x80 | 126);
                out.extend((long as u16).to_be_bytes());
            }
        }
        out.extend([0; 4]);
        out.extend_from_slice(payload);
    }
    out
}

fn run(bytes: &[u8], rng: &mut Rng) -> u64 {
    let mut signature = 0;
    for stream in [bytes.to_vec(), framed(bytes)] {
        let mut decoder = Decoder::new(MESSAGE_BYTES_MAX);
        let whole = tell(&mut decoder, std::iter::once(stream.as_slice()));
        let longest = 1 + rng.usize(..=stream.len().min(2_000));
        for pieces in [1, longest] {
            if stream.len() < 3_000 || pieces != 1 {
                // The same decoder: a connection leaves nothing behind for the next one, unless it
                // ended in the middle of a message, which then goes with it.
                let cut = tell(&mut decoder, stream.chunks(pieces));
                assert_eq!(cut, whole, "in pieces of {pieces}");
            }
        }
        for step in whole.steps.iter().take(6) {
            let kind = match step {
                Step::Starved => 0,
                Step::Fragment => 1,
                Step::Text(_) => 2,
                Step::Binary(_) => 3,
                Step::Control => 4,
                Step::Close => 5,
                Step::Violation(reason) => u64::from(reason.code()),
            };
            signature = signature * 1_021 % 1_000_003 + kind;
        }
    }
    signature
}

#[test]
fn connections() {
    let frame = |first: u8, payload: &[u8]| {
        let mut bytes = vec![first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
        bytes.extend_from_slice(payload);
        bytes
    };
    let fragments = [
        frame(0x01, b"[\"jo"),
        frame(0x89, b"x"),
        frame(0x80, b"in\"]"),
    ];
    fuzz(&Target {
        name: "frames",
        seeds: vec![
            frame(0x81, b"[\"join\"]").repeat(3),
            fragments.concat(),
            [
                frame(0x82, b"\xff"),
                frame(0x8a, b""),
                frame(0x88, &[0x03, 0xe8]),
            ]
            .concat(),
            frame(0x81, "剪刀 🐱".as_bytes()),
            vec![0x81, 0xfe, 0x01, 0x00],
            vec![0x81, 0xff, 0, 0, 0, 0, 0, 0, 0x04, 0x01],
        ],
        #[rustfmt::skip]
        words: &[
            &[0x81, 0x80], &[0x81, 0x85, 0, 0, 0, 0], &[0x01, 0x81, 0, 0, 0, 0], &[0x00, 0x80, 0, 0, 0, 0], &[0x80, 0x81, 0, 0, 0, 0],
            &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8], &[0x89, 0x80, 0, 0, 0, 0], &[0x8a, 0xfd], &[0x82, 0xfe, 0x04, 0x00], &[0xff; 8],
            &[0x81, 0xff, 0x7f], &[0xc1], &[0xe5, 0x90], &[0x8d], &[0xf0, 0x9f], &[0xed, 0xa0, 0x80], &[0x0f, 0xa0], &[0x03, 0xee],
        ],
        run,
    });
}
