//! A message that is not whole yet: what was read of its fragments (RFC 6455, section 5.4), and of
//! a frame that is too long to be waited for.
//!
//! It is plain data, so another process can go on with it. Its bytes are copied once, when they are
//! appended, and as often again as a vector that doubles does that.
//! Absent: what a header may say, how long a message may be.

use serde::{Deserialize, Serialize};
use tungstenite::{Bytes, Utf8Bytes};

use super::{Step, Text, unmask};
use crate::model::hex;

/// One connection's unfinished message, if any.
#[derive(Debug, Default)]
pub struct Fragments(Option<Box<Message>>);

/// An unfinished message, to be carried to another process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// Text, and not binary.
    pub is_text: bool,
    /// Its payload so far, without a mask; text may end within a character.
    #[serde(with = "hex")]
    pub bytes: Vec<u8>,
    /// The frame that is being read; between two fragments there is none.
    pub frame: Option<Frame>,
}

/// The rest of a frame whose header was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// How many bytes of its payload are to come.
    pub left: usize,
    /// The mask of those, from its beginning.
    pub mask: [u8; 4],
    /// The message ends with it.
    pub is_final: bool,
}

/// The text is no UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotUtf8;

#[derive(Debug)]
struct Message {
    payload: Payload,
    frame: Option<Frame>,
}

#[derive(Debug)]
enum Payload {
    /// Whole characters, and the beginning of one that was cut.
    Text(String, Cut),
    Binary(Vec<u8>),
}

/// The first bytes of a character: none to three that are legal so far, or the four of a whole one.
#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    bytes: [u8; 4],
    length: usize,
}

impl Fragments {
    /// How many bytes of the message are here; `None` between two messages.
    pub(super) fn len(&self) -> Option<usize> {
        self.0.as_ref().map(|message| message.payload.len())
    }

    /// Whether a frame is being read, so that what comes next is no header.
    pub(super) fn is_within_frame(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|message| message.frame.is_some())
    }

    /// Goes on with a frame whose header was read, in the message or as the first of a new one.
    pub(super) fn begin(&mut self, is_text: bool, frame: Frame) {
        match &mut self.0 {
            Some(message) => message.frame = Some(frame),
            none => {
                *none = Some(Box::new(Message {
                    payload: Payload::new(is_text),
                    frame: Some(frame),
                }));
            }
        }
    }

    /// Takes what belongs to the frame from the front of `input`, of a message of at most so many
    /// bytes, and hands the message on when it is whole.
    pub(super) fn take<'a>(
        &mut self,
        input: &mut &'a mut [u8],
        bytes_max: usize,
    ) -> Result<Step<'a>, NotUtf8> {
        let Some(message) = &mut self.0 else {
            return Ok(Step::Starved);
        };
        let Some(frame) = &mut message.frame else {
            return Ok(Step::Starved);
        };
        let all = std::mem::take(input);
        let (piece, rest) = all.split_at_mut(frame.left.min(all.len()));
        *input = rest;
        unmask(piece, frame.mask);
        // It is known of a last frame how much comes, and of others how much may.
        let expected = match frame.is_final {
            true => message.payload.len() + frame.left,
            false => bytes_max,
        };
        message.payload.append(piece, expected)?;
        frame.left -= piece.len();
        frame.mask.rotate_left(piece.len() % 4);
        if frame.left != 0 {
            return Ok(Step::Fragment);
        }
        let is_final = frame.is_final;
        message.frame = None;
        if !is_final {
            return Ok(Step::Fragment);
        }
        match self.0.take().map(|message| message.payload) {
            Some(Payload::Binary(bytes)) => Ok(Step::Binary(Bytes::from(bytes))),
            Some(Payload::Text(text, cut)) if cut.length == 0 => {
                Ok(Step::Text(Text::Apart(Utf8Bytes::from(text))))
            }
            _ => Err(NotUtf8),
        }
    }

    /// The unfinished message, if any, as plain data.
    #[must_use]
    pub fn carry(&self) -> Option<Unfinished> {
        let message = self.0.as_ref()?;
        let (is_text, bytes) = match &message.payload {
            Payload::Text(text, cut) => (true, [text.as_bytes(), cut.bytes()].concat()),
            Payload::Binary(bytes) => (false, bytes.clone()),
        };
        Some(Unfinished {
            is_text,
            bytes,
            frame: message.frame,
        })
    }

    /// Goes on with it; `None` if no decoder of messages of at most so many bytes could have it.
    pub(super) fn resume(unfinished: &Unfinished, bytes_max: usize) -> Option<Self> {
        let (bytes, frame) = (&unfinished.bytes, unfinished.frame);
        let to_come = match frame {
            Some(Frame { left: 0, .. }) => return None,
            Some(frame) => frame.left,
            None => 0,
        };
        if bytes_max.checked_sub(bytes.len())? < to_come {
            return None;
        }
        let mut payload = Payload::new(unfinished.is_text);
        payload.append(bytes, bytes.len()).ok()?;
        Some(Self(Some(Box::new(Message { payload, frame }))))
    }
}

impl Payload {
    fn new(is_text: bool) -> Self {
        match is_text {
            true => Self::Text(String::new(), Cut::default()),
            false => Self::Binary(Vec::new()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Text(text, cut) => text.len() + cut.length,
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Appends a piece; all of them together are expected to become so many bytes, or fewer.
    fn append(&mut self, piece: &[u8], expected: usize) -> Result<(), NotUtf8> {
        match self {
            Self::Text(text, cut) => {
                let piece_bytes = cut.length + piece.len();
                let more = more(text.len(), text.capacity(), piece_bytes, expected);
                text.reserve_exact(more);
                append_text(text, cut, piece)
            }
            Self::Binary(bytes) => {
                let more = more(bytes.len(), bytes.capacity(), piece.len(), expected);
                bytes.reserve_exact(more);
                bytes.extend_from_slice(piece);
                Ok(())
            }
        }
    }
}

/// For how many bytes more to ask, so that a piece finds room: to double keeps the copies linear,
/// and what is asked for is no more than is expected, nor twice of what has come.
fn more(length: usize, capacity: usize, piece: usize, expected: usize) -> usize {
    match length + piece {
        needed if needed <= capacity => 0,
        needed => needed.max(expected.min(2 * capacity)) - length,
    }
}

fn append_text(text: &mut String, cut: &mut Cut, piece: &[u8]) -> Result<(), NotUtf8> {
    let mut piece = piece;
    while cut.length != 0
        && let Some((&byte, rest)) = piece.split_first()
    {
        piece = rest;
        cut.push(byte);
        match std::str::from_utf8(cut.bytes()) {
            Ok(whole) => {
                text.push_str(whole);
                *cut = Cut::default();
            }
            Err(error) if error.error_len().is_some() => return Err(NotUtf8),
            Err(_) => (),
        }
    }
    match std::str::from_utf8(piece) {
        Ok(whole) => text.push_str(whole),
        Err(error) if error.error_len().is_some() => return Err(NotUtf8),
        Err(_) => {
            // It ends within a character, of which at most three bytes are here.
            let mut chunks = piece.utf8_chunks();
            if let Some(chunk) = chunks.next() {
                text.push_str(chunk.valid());
                chunk.invalid().iter().for_each(|&byte| cut.push(byte));
            }
        }
    }
    Ok(())
}

impl Cut {
    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }
}
