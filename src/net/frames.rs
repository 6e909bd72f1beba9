//! Bytes to WebSocket messages and back (RFC 6455).
//!
//! tungstenite judges every frame that comes in. It is handed one whole frame at a time, so that
//! between two messages it holds nothing of a connection: one context serves them all, and a
//! connection has its own only while it is in the middle of a fragmented message. An idle
//! connection therefore owns no buffer. Outgoing frames are a few bytes before the payload and are
//! written straight into a queue.
//! Absent: sockets, time, what a message means.

use std::io::{self, Read, Write};

use tungstenite::error::Error;
use tungstenite::protocol::{Message, Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Bytes, Utf8Bytes};

/// Longest frame header that a client sends: two bytes, eight of length, four of mask.
const HEADER_BYTES_MAX: usize = 14;
/// tungstenite's read buffer: it zero-fills that much per frame, and ordinary messages are shorter.
const READ_BUFFER_BYTES: usize = 512;

/// What the next frame of a connection amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The frame is not complete: nothing was consumed.
    Starved,
    /// A part of a message; more is to come.
    Fragment,
    /// A whole text message.
    Text(Utf8Bytes),
    /// A whole binary message.
    Binary(Bytes),
    /// A ping or pong; the answer, if one is due, is in [`Decoder::replies`].
    Control,
    /// A close frame; the answer is in [`Decoder::replies`].
    Close,
    /// The frame breaks the protocol: the code to close with, and why.
    Violation(u16, &'static str),
}

/// One connection's unfinished message, if any.
#[derive(Debug, Default)]
pub struct Fragments(Option<Box<WebSocketContext>>);

/// Decodes the frames of all connections.
#[derive(Debug)]
pub struct Decoder {
    /// Between two messages, ready for any connection's next one.
    spare: Option<Box<WebSocketContext>>,
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
            spare: None,
            config,
            message_bytes_max,
            replies: Vec::new(),
        }
    }

    /// Longest frame that is ever waited for, header included.
    #[must_use]
    pub fn frame_bytes_max(&self) -> usize {
        self.message_bytes_max.saturating_add(HEADER_BYTES_MAX)
    }

    /// Whether a frame stands complete at the front of `input`, or one that will be refused.
    #[must_use]
    pub fn has_frame(&self, input: &[u8]) -> bool {
        self.cut(input).is_some()
    }

    /// Takes the next frame from the front of `input`.
    ///
    /// After [`Step::Close`] and [`Step::Violation`] the connection's input counts no more.
    pub fn next(&mut self, input: &mut &[u8], fragments: &mut Fragments) -> Step {
        self.replies.clear();
        let Some(cut) = self.cut(input) else {
            return Step::Starved;
        };
        let Some((frame, rest)) = input.split_at_checked(cut.bytes) else {
            return Step::Starved;
        };
        *input = rest;
        let inside = fragments.0.is_some();
        let own = fragments.0.take().or_else(|| self.spare.take());
        let mut context =
            own.unwrap_or_else(|| Box::new(WebSocketContext::new(Role::Server, Some(self.config))));
        let mut stream = OneFrame {
            input: frame,
            replies: &mut self.replies,
        };
        let step = match context.read(&mut stream) {
            Ok(Message::Text(text)) => Step::Text(text),
            Ok(Message::Binary(bytes)) => Step::Binary(bytes),
            Ok(Message::Close(_)) => {
                // It says that the connection is closed; the reply is written all the same.
                let _ = context.flush(&mut stream);
                return Step::Close;
            }
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {
                if context.flush(&mut stream).is_err() {
                    return Step::Violation(1002, "protocol error");
                }
                Step::Control
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Step::Fragment,
            Err(error) => {
                let (code, reason) = verdict(&error);
                return Step::Violation(code, reason);
            }
        };
        let unfinished = match step {
            Step::Fragment => true,
            Step::Control => inside,
            _ => false,
        };
        // A context that serves others next must hold nothing of this connection's. That the cut
        // and tungstenite disagree about a frame's end would be a bug; it must not leak bytes.
        if !stream.input.is_empty() || (unfinished != cut.leaves_message_open(inside)) {
            return Step::Violation(1002, "protocol error");
        }
        if unfinished {
            fragments.0 = Some(context);
        } else {
            self.spare = Some(context);
        }
        step
    }

    /// Finds the end of the frame at the front of `input`; `None` while it is not complete.
    ///
    /// Of a frame that is too long the header is enough: tungstenite refuses it by that.
    fn cut(&self, input: &[u8]) -> Option<Cut> {
        let (&first, &second) = (input.first()?, input.get(1)?);
        let length_bytes = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask_bytes = if second & 0x80 == 0 { 0 } else { 4 };
        let header_bytes = 2 + length_bytes + mask_bytes;
        let header = input.get(..header_bytes)?;
        let length = match length_bytes {
            0 => u64::from(second & 0x7f),
            _ => header
                .get(2..2 + length_bytes)?
                .iter()
                .fold(0, |length, &byte| (length << 8) | u64::from(byte)),
        };
        let bytes = match usize::try_from(length) {
            Ok(length) if length <= self.message_bytes_max => header_bytes + length,
            _ => header_bytes,
        };
        let cut = Cut { bytes, first };
        (bytes <= input.len()).then_some(cut)
    }
}

/// The end of a frame, and its first byte.
struct Cut {
    bytes: usize,
    first: u8,
}

impl Cut {
    /// Whether a message is unfinished after this frame; `inside`: whether one was before.
    fn leaves_message_open(&self, inside: bool) -> bool {
        let is_control = self.first & 0x08 != 0;
        let is_final = self.first & 0x80 != 0;
        if is_control { inside } else { !is_final }
    }
}

/// The close code that RFC 6455, section 7.4.1, prescribes for what tungstenite found.
fn verdict(error: &Error) -> (u16, &'static str) {
    match error {
        Error::Capacity(_) => (1009, "message too big"),
        Error::Utf8(_) => (1007, "text is not UTF-8"),
        _ => (1002, "protocol error"),
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
