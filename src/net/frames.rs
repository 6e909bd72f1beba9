//! Bytes to WebSocket messages and back (RFC 6455).
//!
//! A frame's header is judged as soon as it is there, and what is illegal by it is refused before
//! its payload comes. A whole text message of at most 125 bytes, which nearly every frame of this
//! game is, is unmasked where it lies and handed on. What comes in pieces is put together here:
//! fragments, and a long frame, of which each byte is taken when it comes. Control frames and other
//! whole messages are read by tungstenite, which is handed one whole frame at a time, so that
//! between two of them it holds nothing of a connection: one context serves them all. A test holds
//! everything to tungstenite's reading for every stream of bytes. A connection owns a buffer only
//! in the middle of a message. Outgoing frames are a few bytes before the payload and are written
//! straight into a queue.
//! Absent: sockets, time, what a message means.
//!
//! - `fragments`: a message that is not whole yet.

mod fragments;

use std::io::{self, Read, Write};

use tungstenite::error::Error;
use tungstenite::protocol::{Message, Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Bytes, Utf8Bytes};

use crate::model::CloseReason;

pub use self::fragments::{Fragments, Frame, Unfinished};

/// Longest frame header that a client sends: two bytes, eight of length, four of mask.
const HEADER_BYTES_MAX: usize = 14;
/// Most bytes that are ever waited for: of a longer frame what is there is taken.
pub const WAITING_BYTES_MAX: usize = HEADER_BYTES_MAX + SHORT_BYTES_MAX;
/// tungstenite's read buffer: it zero-fills that much per frame, and ordinary messages are shorter.
const READ_BUFFER_BYTES: usize = 512;
/// Most bytes whose number fits in the second byte of a frame; all that a control frame may have.
const SHORT_BYTES_MAX: usize = 125;

/// What the next frame of a connection amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Nothing can be done with what is there: nothing was consumed.
    Starved,
    /// A part of a message, or of a frame that is too long to be waited for; more is to come.
    Fragment,
    Text(Text<'a>),
    Binary(Bytes),
    /// A ping or pong; the answer, if one is due, is in [`Decoder::replies`].
    Control,
    /// A close frame; the answer is in [`Decoder::replies`].
    Close,
    /// The frame breaks the protocol: what to close with.
    Violation(CloseReason),
}

impl Step<'_> {
    /// The same, outliving the bytes it was read from.
    #[must_use]
    pub fn into_owned(self) -> Step<'static> {
        match self {
            Self::Text(text) => Step::Text(Text::Apart(text.as_str().to_owned().into())),
            Self::Binary(bytes) => Step::Binary(bytes),
            Self::Starved => Step::Starved,
            Self::Fragment => Step::Fragment,
            Self::Control => Step::Control,
            Self::Close => Step::Close,
            Self::Violation(reason) => Step::Violation(reason),
        }
    }
}

/// A text message.
#[derive(Clone, Debug)]
pub enum Text<'a> {
    /// Where it was received.
    Here(&'a str),
    /// Put together elsewhere.
    Apart(Utf8Bytes),
}

impl Text<'_> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Here(text) => text,
            Self::Apart(text) => text.as_str(),
        }
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text<'_> {}

/// Decodes the frames of all connections.
#[derive(Debug)]
pub struct Decoder {
    /// Between two frames, ready for any connection's next one; there is none after a fault. It is
    /// large, and goes to and fro with every frame: in a box only a pointer does.
    reader: Option<Box<WebSocketContext>>,
    config: WebSocketConfig,
    message_bytes_max: usize,
    /// Frames that the protocol owes the peer, to be sent before anything else.
    pub replies: Vec<u8>,
}

impl Decoder {
    /// A decoder of messages of at most so many bytes.
    #[must_use]
    pub fn new(message_bytes_max: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(message_bytes_max))
            .max_frame_size(Some(message_bytes_max));
        Self {
            reader: None,
            config,
            message_bytes_max,
            replies: Vec::new(),
        }
    }

    /// The payload of the ping that was just read, if one was: that of the pong it is owed.
    #[must_use]
    pub fn ping(&self) -> Option<&[u8]> {
        match self.replies.as_slice() {
            [0x8a, _, payload @ ..] => Some(payload),
            _ => None,
        }
    }

    /// Whether [`next`](Self::next) would do something: there is a part of a message, or a whole
    /// frame, or one that will be refused.
    #[must_use]
    pub fn has_step(&self, input: &[u8], fragments: &Fragments) -> bool {
        !matches!(self.cut(input, fragments), Cut::Starved)
    }

    /// Takes the next frame, or what is there of a long one, from the front of `input`.
    ///
    /// After [`Step::Close`] and [`Step::Violation`] the connection's input counts no more.
    pub fn next<'a>(&mut self, input: &mut &'a mut [u8], fragments: &mut Fragments) -> Step<'a> {
        self.replies.clear();
        if fragments.len().is_none()
            && let Some(bytes) = self.short_text(input)
            && let Some((frame, rest)) = std::mem::take(input).split_at_mut_checked(bytes)
        {
            *input = rest;
            return take_text(frame);
        }
        let consumed = match self.cut(input, fragments) {
            Cut::Starved => return Step::Starved,
            Cut::Refused(why) => {
                *input = &mut [];
                return Step::Violation(why);
            }
            Cut::Whole(bytes) => bytes,
            Cut::Begun {
                header_bytes,
                is_text,
                frame,
            } => {
                fragments.begin(is_text, frame);
                header_bytes
            }
            Cut::Within => 0,
        };
        let Some((front, rest)) = std::mem::take(input).split_at_mut_checked(consumed) else {
            return Step::Starved;
        };
        *input = rest;
        if !fragments.is_within_frame() {
            return self.read(front);
        }
        let taken = fragments.take(input, self.message_bytes_max);
        taken.unwrap_or_else(|_| {
            *input = &mut [];
            Step::Violation(CloseReason::NotUtf8)
        })
    }

    /// Goes on with what another decoder left unfinished; `None` if it could not have come from one
    /// with the same limit.
    #[must_use]
    pub fn resume(&self, unfinished: &Unfinished) -> Option<Fragments> {
        Fragments::resume(unfinished, self.message_bytes_max)
    }

    /// Lets tungstenite read one whole frame, which ends where we think it does.
    fn read<'a>(&mut self, frame: &[u8]) -> Step<'a> {
        let mut reader = self
            .reader
            .take()
            .unwrap_or_else(|| Box::new(WebSocketContext::new(Role::Server, Some(self.config))));
        let mut stream = OneFrame {
            input: frame,
            replies: &mut self.replies,
        };
        let (step, seen) = match reader.read(&mut stream) {
            Ok(Message::Text(text)) => {
                let seen = text.len();
                (Step::Text(Text::Apart(text)), seen)
            }
            Ok(Message::Binary(bytes)) => {
                let seen = bytes.len();
                (Step::Binary(bytes), seen)
            }
            Ok(Message::Close(_)) => {
                // It says that the connection is closed; the reply is written all the same.
                let _ = reader.flush(&mut stream);
                return Step::Close;
            }
            Ok(message @ (Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                if reader.flush(&mut stream).is_err() {
                    return Step::Violation(CloseReason::ProtocolError);
                }
                (Step::Control, message.len())
            }
            Err(error) => return Step::Violation(verdict(&error)),
        };
        // A context that serves others next must hold nothing of this connection's. That the cut
        // and tungstenite disagree about a frame's end would be a bug; it must not leak bytes.
        // tungstenite may hold what it did not use, where it cannot be seen: the lengths tell.
        if seen != payload_bytes(frame) {
            return Step::Violation(CloseReason::ProtocolError);
        }
        self.reader = Some(reader);
        step
    }

    /// The bytes of the frame at the front of `input` if it is a whole text message, short and
    /// legal. Its text may still be no UTF-8.
    fn short_text(&self, input: &[u8]) -> Option<usize> {
        const FINAL_TEXT: u8 = 0x81;
        let &[FINAL_TEXT, second, ..] = input else {
            return None;
        };
        let length = usize::from(second & 0x7f);
        let is_short = length <= SHORT_BYTES_MAX.min(self.message_bytes_max);
        let bytes = SHORT_HEADER_BYTES + length;
        (second & 0x80 != 0 && is_short && bytes <= input.len()).then_some(bytes)
    }

    /// Finds the end of the frame at the front of `input` and judges its header, in the order in
    /// which tungstenite does.
    fn cut(&self, input: &[u8], fragments: &Fragments) -> Cut {
        if fragments.is_within_frame() {
            return match input {
                [] => Cut::Starved,
                _ => Cut::Within,
            };
        }
        let Some(header) = Header::read(input) else {
            return Cut::Starved;
        };
        let Header {
            first,
            mask,
            header_bytes,
            length,
        } = header;
        let (opcode, is_final) = (first & 0x0f, first & 0x80 != 0);
        if matches!(opcode, 3..=7 | 11..=15) {
            return Cut::Refused(CloseReason::ProtocolError);
        }
        let Some(length) = usize::try_from(length)
            .ok()
            .filter(|&length| length <= self.message_bytes_max)
        else {
            return Cut::Refused(CloseReason::TooBig);
        };
        let is_control = 8 <= opcode;
        let before = fragments.len();
        let is_legal = first & 0x70 == 0
            && match (is_control, before) {
                (true, _) => is_final && length <= SHORT_BYTES_MAX,
                (false, Some(_)) => opcode == 0,
                (false, None) => opcode != 0,
            };
        let (Some(mask), true) = (mask, is_legal) else {
            return Cut::Refused(CloseReason::ProtocolError);
        };
        if !is_control && self.message_bytes_max - length < before.unwrap_or_default() {
            return Cut::Refused(CloseReason::TooBig);
        }
        let bytes = header_bytes + length;
        let is_whole = bytes <= input.len();
        if !is_whole && length <= SHORT_BYTES_MAX {
            Cut::Starved
        } else if is_whole && (is_control || is_final && before.is_none()) {
            Cut::Whole(bytes)
        } else {
            Cut::Begun {
                header_bytes,
                is_text: opcode == 1,
                frame: Frame {
                    left: length,
                    mask,
                    is_final,
                },
            }
        }
    }
}

/// What stands at the front of the input.
enum Cut {
    /// Too little to do something with it.
    Starved,
    /// A header that is not allowed here.
    Refused(CloseReason),
    /// A control frame, or a message in one frame, of so many bytes.
    Whole(usize),
    /// A fragment, or a long frame of which some is still to come.
    Begun {
        header_bytes: usize,
        /// Means nothing within a message.
        is_text: bool,
        frame: Frame,
    },
    /// What comes next of a frame that has begun.
    Within,
}

/// The header of a client's frame of at most [`SHORT_BYTES_MAX`] bytes.
const SHORT_HEADER_BYTES: usize = 6;

/// What a frame's header says.
struct Header {
    first: u8,
    mask: Option<[u8; 4]>,
    header_bytes: usize,
    /// Of the payload.
    length: u64,
}

impl Header {
    /// Reads it, once it is all there.
    fn read(input: &[u8]) -> Option<Self> {
        let (&first, &second) = (input.first()?, input.get(1)?);
        let length_bytes = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let is_masked = second & 0x80 != 0;
        let header_bytes = 2 + length_bytes + if is_masked { 4 } else { 0 };
        let header = input.get(..header_bytes)?;
        let length = match length_bytes {
            0 => u64::from(second & 0x7f),
            _ => header
                .get(2..2 + length_bytes)?
                .iter()
                .fold(0, |length, &byte| (length << 8) | u64::from(byte)),
        };
        let mask = header.last_chunk().copied();
        Some(Self {
            first,
            mask: mask.filter(|_| is_masked),
            header_bytes,
            length,
        })
    }
}

/// How many bytes of a message a whole frame holds.
fn payload_bytes(frame: &[u8]) -> usize {
    Header::read(frame).map_or(0, |header| frame.len() - header.header_bytes)
}

/// Reads what [`Decoder::short_text`] found.
fn take_text(frame: &mut [u8]) -> Step<'_> {
    let [_, _, a, b, c, d, payload @ ..] = frame else {
        return Step::Violation(CloseReason::ProtocolError);
    };
    unmask(payload, [*a, *b, *c, *d]);
    match std::str::from_utf8(payload) {
        Ok(text) => Step::Text(Text::Here(text)),
        Err(_) => Step::Violation(CloseReason::NotUtf8),
    }
}

/// Takes the mask off a payload (RFC 6455, section 5.3), eight bytes at a time.
fn unmask(payload: &mut [u8], [a, b, c, d]: [u8; 4]) {
    let twice = [a, b, c, d, a, b, c, d];
    let (chunks, rest) = payload.as_chunks_mut();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ u64::from_ne_bytes(twice)).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(twice) {
        *byte ^= mask;
    }
}

/// The reason that RFC 6455, section 7.4.1, prescribes for what tungstenite found.
fn verdict(error: &Error) -> CloseReason {
    match error {
        Error::Capacity(_) => CloseReason::TooBig,
        Error::Utf8(_) => CloseReason::NotUtf8,
        _ => CloseReason::ProtocolError,
    }
}

/// A stream that holds one frame and takes the replies to it.
struct OneFrame<'a> {
    input: &'a [u8],
    replies: &'a mut Vec<u8>,
}

impl Read for OneFrame<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            // Zero would mean that the peer is gone.
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.input.read(buffer)
    }
}

impl Write for OneFrame<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.replies.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Appends a text message in one frame; a server's frames are not masked.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_frame(out, 0x81, text.as_bytes());
}

/// Appends a binary message in one frame.
pub(crate) fn put_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    put_frame(out, 0x82, bytes);
}

fn put_frame(out: &mut Vec<u8>, first: u8, payload: &[u8]) {
    let length = payload.len();
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => out.extend_from_slice(&[first, short]),
        (_, Ok(medium)) => {
            out.extend_from_slice(&[first, 126]);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.extend_from_slice(&[first, 127]);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

/// Appends a ping frame without payload.
pub(crate) fn put_ping(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0x89, 0]);
}

/// Appends a pong frame; of the payload, at most 125 bytes count (RFC 6455, section 5.5).
pub(crate) fn put_pong(out: &mut Vec<u8>, payload: &[u8]) {
    let payload = payload.get(..SHORT_BYTES_MAX).unwrap_or(payload);
    put_frame(out, 0x8a, payload);
}

/// Appends a close frame; of the reason at most 123 bytes count (RFC 6455, section 5.5).
pub(crate) fn put_close(out: &mut Vec<u8>, code: u16, reason: &str) {
    let reason = reason.as_bytes();
    let reason = reason.get(..123).unwrap_or(reason);
    out.extend_from_slice(&[0x88, reason.len() as u8 + 2]);
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(reason);
}

#[cfg(test)]
mod tests;
