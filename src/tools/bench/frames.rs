//! A client's side of RFC 6455, as little of it as a load tester needs.
//!
//! Frames go out in one piece and masked; frames come in whole and unmasked. No fragments: no
//! server of this game sends them, and one that does is reported. Absent: sockets, dialects.

use fastrand::Rng;

/// Longest frame that a server of this game may send.
pub(super) const FRAME_BYTES_MAX: usize = 32 * 1024;

/// A whole frame of the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// A text message.
    Text(&'a [u8]),
    /// Wants a pong with the same payload.
    Ping(&'a [u8]),
    /// Nothing to do.
    Pong,
    /// The end; the close code, if there is one.
    Close(Option<u16>),
}

/// What a server sent is nothing that this client reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken(pub(super) &'static str);

/// Takes the next frame from the front of `input`; `None` while it is not complete.
///
/// # Errors
///
/// [`Broken`] for a masked, fragmented, binary or overlong frame.
pub(super) fn take<'a>(input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, Broken> {
    let &[first, second, ref rest @ ..] = *input else {
        return Ok(None);
    };
    if second & 0x80 != 0 {
        return Err(Broken("a server's frame was masked"));
    }
    let (length, rest) = match (second, rest) {
        (126, &[high, low, ref rest @ ..]) => (usize::from(u16::from_be_bytes([high, low])), rest),
        (127, _) => return Err(Broken("a frame was too long")),
        (126, _) => return Ok(None),
        (short, rest) => (usize::from(short), rest),
    };
    if FRAME_BYTES_MAX < length {
        return Err(Broken("a frame was too long"));
    }
    let Some((payload, rest)) = rest.split_at_checked(length) else {
        return Ok(None);
    };
    *input = rest;
    Ok(Some(match first {
        0x81 => Frame::Text(payload),
        0x88 => Frame::Close(match payload {
            [high, low, ..] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }),
        0x89 => Frame::Ping(payload),
        0x8a => Frame::Pong,
        _ => return Err(Broken("a frame was fragmented, binary or reserved")),
    }))
}

/// Appends a text message, given in pieces.
pub(super) fn put_text(out: &mut Vec<u8>, rng: &mut Rng, pieces: [&str; 2]) {
    put(out, rng, 0x81, pieces.map(str::as_bytes));
}

/// Appends the answer to a ping.
pub(super) fn put_pong(out: &mut Vec<u8>, rng: &mut Rng, payload: &[u8]) {
    put(out, rng, 0x8a, [payload, &[]]);
}

/// Appends a close frame with 1000.
pub(super) fn put_close(out: &mut Vec<u8>, rng: &mut Rng) {
    put(out, rng, 0x88, [&1000_u16.to_be_bytes(), &[]]);
}

fn put(out: &mut Vec<u8>, rng: &mut Rng, first: u8, pieces: [&[u8]; 2]) {
    let length = pieces[0].len() + pieces[1].len();
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => out.extend_from_slice(&[first, 0x80 | short]),
        (_, Ok(medium)) => {
            out.extend_from_slice(&[first, 0x80 | 126]);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.extend_from_slice(&[first, 0x80 | 127]);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    // A fresh mask for every frame (section 5.3): a server has to take it off for real.
    let mask = rng.u32(..).to_ne_bytes();
    out.extend_from_slice(&mask);
    let start = out.len();
    for piece in pieces {
        out.extend_from_slice(piece);
    }
    let mut words = out.get_mut(start..).unwrap_or_default().chunks_exact_mut(4);
    for word in &mut words {
        word.iter_mut()
            .zip(mask)
            .for_each(|(byte, mask)| *byte ^= mask);
    }
    let rest = words.into_remainder();
    rest.iter_mut()
        .zip(mask)
        .for_each(|(byte, mask)| *byte ^= mask);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// tungstenite reads what we write.
    #[test]
    fn what_goes_out_is_read_by_a_server() {
        use tungstenite::protocol::{Message, Role, WebSocket};

        let mut rng = Rng::with_seed(1);
        for length in [0, 1, 3, 4, 5, 125, 126, 127, 4_000, 65_535, 65_536] {
            let text = "é".repeat(length / 2) + if length % 2 == 1 { "x" } else { "" };
            let mut bytes = Vec::new();
            put_text(&mut bytes, &mut rng, ["42", &text]);
            put_pong(&mut bytes, &mut rng, b"abc");
            put_close(&mut bytes, &mut rng);
            let stream = std::io::Cursor::new(bytes);
            let mut socket = WebSocket::from_raw_socket(stream, Role::Server, None);
            let message = socket.read().expect("a text");
            assert_eq!(message, Message::text(format!("42{text}")));
            assert_eq!(socket.read().expect("a pong"), Message::Pong("abc".into()));
            assert!(socket.read().expect("a close").is_close());
        }
    }

    #[test]
    fn what_comes_in_is_cut_at_every_byte() {
        let mut stream = vec![0x81, 1, b'a', 0x89, 0, 0x81, 126, 0, 200];
        stream.extend([b'b'; 200]);
        stream.extend([0x8a, 1, 9, 0x88, 2, 3, 232]);
        let want = [
            Frame::Text(b"a"),
            Frame::Ping(b""),
            Frame::Text(&[b'b'; 200]),
            Frame::Pong,
            Frame::Close(Some(1000)),
        ];
        for cut in 0..=stream.len() {
            let mut seen = 0;
            let mut input = &stream[..cut];
            while let Some(frame) = take(&mut input).expect("sound frames") {
                assert_eq!(frame, want[seen]);
                seen += 1;
            }
            let left = cut - input.len();
            let mut input = &stream[left..];
            while let Some(frame) = take(&mut input).expect("sound frames") {
                assert_eq!(frame, want[seen]);
                seen += 1;
            }
            assert_eq!((seen, input.len()), (want.len(), 0), "cut at {cut}");
        }
    }

    #[test]
    fn what_no_server_of_the_game_sends_is_named() {
        let rows: &[&[u8]] = &[
            &[0x81, 0x81, 0, 0, 0, 0, 0],
            &[0x01, 0],
            &[0x82, 0],
            &[0xc1, 0],
            &[0x81, 127],
            &[0x81, 126, 255, 255],
        ];
        for bytes in rows {
            assert!(take(&mut &**bytes).is_err(), "{bytes:?}");
        }
    }
}
