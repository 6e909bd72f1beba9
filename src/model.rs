//! The words that the wire, the sessions and the world share: parsed once, valid ever after.
//!
//! No behaviour beyond conversion: no rules, no text of a dialect, no time. What goes to the store
//! and comes back is in `stored`, the board in `board`, whom a signed token names in `person`, why
//! a connection ends in `close`, what is counted by kind in `kinds`, how a snapshot carries what
//! was parsed in `carried`, and bytes in [`hex`].

mod board;
mod carried;
mod close;
pub mod hex;
mod kinds;
mod letter;
mod person;
mod redis;
mod stored;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::slots::{Handle, INDEX_END};

pub use self::board::{BOARD_ROWS, Board, BoardPlayer, BoardRow, Rank, Ranked, Standing, Week};
pub use self::carried::is_default;
pub use self::close::{Blame, CloseReason, Ended};
pub(crate) use self::kinds::kinds;
pub use self::kinds::{ClientKind, Dialect, EventKind, RequestKind, TokenOutcome};
pub use self::letter::Letter;
pub use self::person::{Person, Sub, Vouched};
pub use self::redis::{RedisPlace, RedisUrl};
pub use self::stored::{
    Owner, Peer, Settle, Settled, StoreHealth, StoreOp, StoreReply, Stored, StoredProfile,
};

/// A source of bytes that nobody can guess: the operating system's in production, seeded in tests.
///
/// Tokens, sids and room codes are drawn from it, never from the game's own generator.
pub type Entropy = dyn FnMut(&mut [u8]);

/// One connection, as the loop numbers it. A stale one names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "(u32, u32)", into = "(u32, u32)")]
pub struct ConnId {
    /// The loop's slab index.
    pub index: u32,
    /// Which of the connections that had this index.
    pub generation: u32,
}

impl ConnId {
    /// Above all indexes.
    pub const INDEX_END: u32 = INDEX_END;
}

/// `[index, generation]` in a snapshot.
impl From<(u32, u32)> for ConnId {
    fn from((index, generation): (u32, u32)) -> Self {
        Self { index, generation }
    }
}

impl From<ConnId> for (u32, u32) {
    fn from(conn: ConnId) -> Self {
        (conn.index, conn.generation)
    }
}

/// From where somebody comes, as far as limits count it: connections of one origin share them.
///
/// Opaque here. The loop makes it of an address, and gives none to those who may be anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Origin(NonZeroU64);

impl Origin {
    /// The origin with this number. 0 is taken for 1, so that no origin takes no room.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self(NonZeroU64::new(bits).unwrap_or(NonZeroU64::MIN))
    }
}

/// One player of the world; it may outlive its connection.
pub type PlayerId = Handle;

/// What a hand can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// 1 on the wire.
    Scissors,
    /// 2 on the wire.
    Rock,
    /// 3 on the wire.
    Paper,
}

impl Choice {
    /// All three, in the order of their numbers on the wire.
    pub const ALL: [Self; 3] = [Self::Scissors, Self::Rock, Self::Paper];

    /// From the number on the wire, 1 to 3.
    #[must_use]
    pub fn from_wire(number: u64) -> Option<Self> {
        match number {
            1 => Some(Self::Scissors),
            2 => Some(Self::Rock),
            3 => Some(Self::Paper),
            _ => None,
        }
    }

    /// The number on the wire, 1 to 3.
    #[must_use]
    pub fn to_wire(self) -> u8 {
        match self {
            Self::Scissors => 1,
            Self::Rock => 2,
            Self::Paper => 3,
        }
    }
}

/// An emotion sent to the opponent: 1 laugh, 2 cry, 3 angry, 4 smirk; any other number is relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Face(pub u32);

impl Face {
    /// Those that have a picture.
    pub const KNOWN: std::ops::RangeInclusive<u32> = 1..=4;
}

/// A piece of a text that others may share, so that copies of it cost a count and no memory.
#[derive(Clone)]
pub struct Piece {
    text: Rc<str>,
    start: u16,
    end: u16,
}

impl Piece {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let (start, end) = (usize::from(self.start), usize::from(self.end));
        self.text.get(start..end).unwrap_or_default()
    }
}

impl From<&str> for Piece {
    /// A text of its own; what is longer than any that we keep is nothing.
    fn from(text: &str) -> Self {
        Self {
            text: text.into(),
            start: 0,
            end: u16::try_from(text.len()).unwrap_or(0),
        }
    }
}

impl PartialEq for Piece {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Piece {}

impl PartialOrd for Piece {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Piece {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Piece {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// The name a player goes by on the wire: 1 to 64 bytes, no control characters, no U+2028/U+2029.
///
/// The number 7 and the text "7" are one uid, which its client gets back as it sent it: some clients
/// look for it by `==` and some by `===`.
#[derive(Clone, Debug)]
pub struct Uid {
    text: Piece,
    form: UidForm,
}

/// How a uid stands in JSON (RFC 8259, section 7): looked at once, for it stands in nearly every
/// message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UidForm {
    /// A text that stands between quotation marks as it is.
    Plain,
    /// A text in which characters have to be escaped.
    Escaped,
    /// Digits, without quotation marks.
    Number,
}

impl Uid {
    /// Longest uid in bytes.
    pub const BYTES_MAX: usize = 64;

    /// Takes a text as it is; `None` when it is empty, too long or holds a forbidden character.
    ///
    /// A uid is never altered: its client looks for it among the users of a room.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= Self::BYTES_MAX;
        (fits && !text.chars().any(is_forbidden)).then(|| Self::text(text))
    }

    /// Takes a number's digits as JSON allows them; `None` when they are too many.
    #[must_use]
    pub fn number(digits: &str) -> Option<Self> {
        let uid = Self::new(digits)?;
        Some(Self {
            form: UidForm::Number,
            ..uid
        })
    }

    fn text(text: &str) -> Self {
        Self {
            text: text.into(),
            // There are no control characters in it.
            form: match text.bytes().any(|byte| matches!(byte, b'"' | b'\\')) {
                true => UidForm::Escaped,
                false => UidForm::Plain,
            },
        }
    }

    /// A fresh one for somebody who brings none: `prefix` and `random` unguessable characters.
    pub fn draw(prefix: &str, random: usize, entropy: &mut Entropy) -> Self {
        let random = draw_text(random, b"0123456789abcdefghijklmnopqrstuv", entropy);
        Self::text(&format!("{prefix}{random}"))
    }

    /// The uid of the `number`th robot.
    #[must_use]
    pub fn robot(number: u64) -> Self {
        Self::text(&format!("robot-{number}"))
    }

    /// Its text, or its digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }

    /// How it stands in JSON.
    #[must_use]
    pub fn form(&self) -> UidForm {
        self.form
    }

    /// Whether its client wrote it as a number.
    #[must_use]
    pub fn is_number(&self) -> bool {
        self.form == UidForm::Number
    }
}

impl PartialEq for Uid {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Uid {}

impl PartialOrd for Uid {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Uid {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl Hash for Uid {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A player's shown name: at most 64 bytes, without control characters, U+2028/U+2029 and those
/// that turn the direction of what is written behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(Piece);

impl Default for Name {
    /// No name.
    fn default() -> Self {
        Self("".into())
    }
}

impl Name {
    /// Longest name in bytes.
    pub const BYTES_MAX: usize = 64;

    /// Makes a name of any text: forbidden characters go, the rest is cut at a character boundary.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let goes = |character: char| is_forbidden(character) || is_bidi_control(character);
        if text.len() <= Self::BYTES_MAX && !text.chars().any(goes) {
            return Self(text.into());
        }
        let mut name = String::new();
        for character in text.chars().filter(|&character| !goes(character)) {
            if Self::BYTES_MAX < name.len() + character.len_utf8() {
                break;
            }
            name.push(character);
        }
        Self(name.as_str().into())
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// A player's picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Avatar {
    /// None, or one that was refused.
    #[default]
    None,
    /// An address of at most 512 bytes: `http:`, `https:` or `data:image/`.
    Address(Piece),
    /// One of the sixteen that every v2 client can draw, `builtin:0` to `builtin:15`.
    Builtin(u8),
    /// The robot's, `builtin:robot`. No client may claim it.
    Robot,
}

impl Avatar {
    /// Longest address in bytes.
    pub const BYTES_MAX: usize = 512;
    /// How many built-in pictures there are.
    pub const BUILTIN_COUNT: u8 = 16;

    /// Takes a picture's address as a client sent it; what it may not be becomes [`Avatar::None`].
    ///
    /// Forbidden characters are removed first, then the address is cut to [`Avatar::BYTES_MAX`].
    #[must_use]
    pub fn new(text: &str) -> Self {
        let text: String = text
            .chars()
            .filter(|&character| !is_forbidden(character))
            .collect();
        let mut end = text.len().min(Self::BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = text.get(..end).unwrap_or_default();
        if let Some(number) = text.strip_prefix("builtin:") {
            let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            let canonical = plain && (number == "0" || !number.starts_with('0'));
            return match number.parse::<u8>() {
                Ok(number) if canonical && number < Self::BUILTIN_COUNT => Self::Builtin(number),
                _ => Self::None,
            };
        }
        let known = ["http:", "https:", "data:image/"];
        if known.iter().any(|scheme| text.starts_with(scheme)) {
            Self::Address(text.into())
        } else {
            Self::None
        }
    }

    /// In the words of v2 clients; [`Avatar::new`] reads it back, the robot's excepted.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::None => Cow::Borrowed(""),
            Self::Address(address) => Cow::Borrowed(address.as_str()),
            Self::Builtin(number) => Cow::Owned(format!("builtin:{number}")),
            Self::Robot => Cow::Borrowed("builtin:robot"),
        }
    }
}

/// Who a player is to others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Shown to opponents; proves nothing.
    pub uid: Uid,
    pub name: Name,
    #[serde(default, skip_serializing_if = "is_default")]
    pub avatar: Avatar,
}

/// A [`Profile`] as it is kept: its texts in one allocation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Profile", into = "Profile")]
pub struct Card {
    /// Uid, name and the picture's address, one after the other.
    texts: Rc<str>,
    uid_bytes: u8,
    uid_form: UidForm,
    name_bytes: u8,
    picture: Picture,
}

/// An [`Avatar`] whose address stands elsewhere.
#[derive(Clone, Copy, Debug)]
enum Picture {
    None,
    Address,
    Builtin(u8),
    Robot,
}

const _: () = assert!(size_of::<Card>() <= 24, "one for every player");
// So that the lengths of uid and name fit, and the end of the address.
const _: () = assert!(Uid::BYTES_MAX <= u8::MAX as usize && Name::BYTES_MAX <= u8::MAX as usize);
const _: () = assert!(Avatar::BYTES_MAX < 1 << 15);

impl Card {
    /// Keeps a profile.
    #[must_use]
    pub fn new(profile: &Profile) -> Self {
        let (uid, name) = (profile.uid.as_str(), profile.name.as_str());
        let (picture, address) = match &profile.avatar {
            Avatar::None => (Picture::None, ""),
            Avatar::Address(address) => (Picture::Address, address.as_str()),
            Avatar::Builtin(number) => (Picture::Builtin(*number), ""),
            Avatar::Robot => (Picture::Robot, ""),
        };
        let texts = [uid, name, address].concat();
        Self {
            uid_bytes: uid.len() as u8,
            uid_form: profile.uid.form(),
            name_bytes: name.len() as u8,
            picture,
            texts: texts.into(),
        }
    }

    /// Shares its uid.
    #[must_use]
    pub fn uid(&self) -> Uid {
        Uid {
            text: self.piece(0, usize::from(self.uid_bytes)),
            form: self.uid_form,
        }
    }

    /// Its uid, to look at.
    #[must_use]
    pub fn uid_text(&self) -> &str {
        let end = usize::from(self.uid_bytes);
        self.texts.get(..end).unwrap_or_default()
    }

    /// Shares all of it.
    #[must_use]
    pub fn profile(&self) -> Profile {
        let name_at = usize::from(self.uid_bytes);
        let address_at = name_at + usize::from(self.name_bytes);
        Profile {
            uid: self.uid(),
            name: Name(self.piece(name_at, address_at)),
            avatar: match self.picture {
                Picture::None => Avatar::None,
                Picture::Address => Avatar::Address(self.piece(address_at, self.texts.len())),
                Picture::Builtin(number) => Avatar::Builtin(number),
                Picture::Robot => Avatar::Robot,
            },
        }
    }

    fn piece(&self, start: usize, end: usize) -> Piece {
        Piece {
            text: Rc::clone(&self.texts),
            start: start as u16,
            end: end as u16,
        }
    }
}

/// What a client understands. It is named in the first `hello`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Generation {
    /// The original mini program and everything written for it.
    Old {
        /// It speaks Socket.IO over Engine.IO 3, so it may be the mini program whose button
        /// freezes when it loses.
        freezes: bool,
    },
    /// Clients that know sessions, rooms, `bye` and the rest.
    V2,
}

/// Proves a session; 24 characters, never shown to anybody but its owner.
///
/// Of a server that is one of several it begins with the [`Letter`] of the one that drew it and a
/// full stop, which stands in no other. Its bytes are there once, for the player, for whoever looks
/// it up by them and for the store on its thread.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(Arc<[u8; Token::BYTES]>);

impl Token {
    /// Length of every token in bytes: 144 random bits, or 132 behind a letter.
    pub const BYTES: usize = 24;

    /// A fresh one.
    pub fn draw(instance: Option<Letter>, entropy: &mut Entropy) -> Self {
        let mut bytes = [0; Self::BYTES];
        let mut text = instance.map_or(String::new(), |letter| format!("{letter}."));
        text += &draw_text(Self::BYTES - text.len(), BASE64URL, entropy);
        for (place, byte) in bytes.iter_mut().zip(text.bytes()) {
            *place = byte;
        }
        Self(Arc::new(bytes))
    }

    /// Takes a client's or a file's text if it can be a token at all.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let bytes: [u8; Self::BYTES] = text.as_bytes().try_into().ok()?;
        let random = match bytes {
            [letter, b'.', ..] if Letter::from_byte(letter).is_some() => bytes.get(2..),
            _ => bytes.get(..),
        };
        let shaped = random?.iter().all(|byte| BASE64URL.contains(byte));
        shaped.then(|| Self(Arc::new(bytes)))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.0.as_slice()).unwrap_or_default()
    }
}

impl fmt::Debug for Token {
    /// Keeps the secret out of logs and panics.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The code of a private room: six characters without look-alikes, and in front of them the capital
/// of the instance that opened it, if that is one of several.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomCode {
    /// The first byte is 0 where no instance stands.
    bytes: [u8; 7],
}

impl RoomCode {
    /// Without 0 and O, 1, I and L: a code is read out over the phone.
    const ALPHABET: &[u8] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";

    /// A fresh one.
    pub fn draw(instance: Option<Letter>, entropy: &mut Entropy) -> Self {
        let mut bytes = [0; 7];
        let [first, random @ ..] = &mut bytes;
        *first = instance.map_or(0, Letter::capital);
        for (place, character) in random
            .iter_mut()
            .zip(draw_text(6, Self::ALPHABET, entropy).bytes())
        {
            *place = character;
        }
        Self { bytes }
    }

    /// Reads a code in any case; `None` for what can be no room's code.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        let (first, text) = match text {
            [letter, text @ ..] if text.len() == 6 => {
                let letter = Letter::from_byte(letter.to_ascii_lowercase())?;
                (letter.capital(), text)
            }
            _ => (0, text),
        };
        let random: [u8; 6] = text.try_into().ok()?;
        let random = random.map(|byte| byte.to_ascii_uppercase());
        let shaped = random.iter().all(|byte| Self::ALPHABET.contains(byte));
        let [a, b, c, d, e, f] = random;
        let bytes = [first, a, b, c, d, e, f];
        shaped.then_some(Self { bytes })
    }

    /// Which instance opened it, if it was one of several.
    #[must_use]
    pub fn instance(&self) -> Option<Letter> {
        let [first, ..] = self.bytes;
        Letter::from_byte(first.to_ascii_lowercase())
    }

    /// Its text, in capitals.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let text = std::str::from_utf8(&self.bytes).unwrap_or_default();
        text.trim_start_matches('\0')
    }
}

impl fmt::Debug for RoomCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Names the player.
    Hello(Box<Hello>),
    /// Asks for a round.
    Join(Join),
    Choice(Choice),
    Face(Face),
    /// Gives up the place.
    Leave,
    /// Goes to the background and may be cut off.
    Away,
    /// Asks for a `pong`.
    Ping,
    /// Asks who is best.
    Top(Board),
    /// Asks where it stands.
    Rank(Board),
}

impl Request {
    /// What its event is called.
    #[must_use]
    pub fn kind(&self) -> RequestKind {
        match self {
            Self::Hello(_) => RequestKind::Hello,
            Self::Join(_) => RequestKind::Join,
            Self::Choice(_) => RequestKind::Choice,
            Self::Face(_) => RequestKind::Face,
            Self::Leave => RequestKind::Leave,
            Self::Away => RequestKind::Away,
            Self::Ping => RequestKind::Ping,
            Self::Top(_) => RequestKind::Top,
            Self::Rank(_) => RequestKind::Rank,
        }
    }
}

/// The payload of `hello`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// `None` when it is missing or not valid: an old client's `hello` is refused then, a v2 client
    /// needs none.
    pub uid: Option<Uid>,
    pub name: Name,
    pub avatar: Avatar,
    /// The client said `"v":2` (or a later number).
    pub v2: bool,
    /// The session to take up, if its text can be one.
    pub session: Option<Token>,
    /// v2: a signed token that says who it is, not looked at yet.
    pub signed: Option<Box<str>>,
}

/// The payload of `join`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// A round with whoever comes, or again with the same opponent.
    Any,
    /// A round with somebody else.
    New,
    /// A new private room.
    CreateRoom {
        /// Being there is being ready for the first round.
        ready: bool,
    },
    /// A friend's private room.
    EnterRoom {
        /// `None` for a text that can be no room's code.
        code: Option<RoomCode>,
        /// Being there is being ready for the first round.
        ready: bool,
    },
}

/// What the server tells a client. The wire knows the order of the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The first event, and the answer to every `hello`.
    Hi {
        /// The other players online.
        nearby: u32,
        /// What v2 clients learn besides.
        session: Option<Box<HiSession>>,
    },
    /// A round begins, or goes on for a player who comes back.
    Start {
        /// Whole seconds.
        game_time_s: u32,
        /// Both players, in the order of their seats.
        users: Box<[StartUser; 2]>,
        /// The same round again, told to somebody who came back.
        resumed: bool,
    },
    /// The other player did something.
    Movement {
        uid: Uid,
        /// What it did, never which choice.
        movement: Movement,
    },
    /// The other player gave up its place or is gone for good.
    Leave {
        uid: Uid,
    },
    /// v2: the player's own seat, or its place in the lobby, went while it was absent.
    SeatLost {
        /// Its own.
        uid: Uid,
    },
    Result(Rc<[ResultRow; 2]>),
    /// v2: the state of the player's room.
    Room(Box<RoomState>),
    /// The named request was refused.
    Problem {
        code: ProblemCode,
        /// The request's name, as the client wrote it.
        event: Box<str>,
    },
    /// v2: the signed token of a `hello` is none; all else of it was done.
    TokenRefused {
        /// For its developer.
        why: Box<str>,
    },
    /// v2: who is best.
    Top {
        board: Board,
        /// The best first.
        players: Rc<[BoardPlayer]>,
    },
    /// v2: where the player stands.
    Rank {
        board: Board,
        rank: Box<Rank>,
    },
    /// v2: the answer to `ping`.
    Pong,
    /// v2: the connection is about to be closed by the server.
    Bye {
        /// The close code that follows.
        code: u16,
        /// Why, in a word.
        reason: &'static str,
        /// When to come back; `None`: do not.
        retry_ms: Option<u64>,
    },
}

impl Event {
    /// Under which name it travels.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        match self {
            Self::Hi { .. } => EventKind::Hi,
            Self::Start { .. } => EventKind::Start,
            Self::Movement { .. } => EventKind::Movement,
            Self::Leave { .. } | Self::SeatLost { .. } => EventKind::Leave,
            Self::Result(_) => EventKind::Result,
            Self::Room(_) => EventKind::Room,
            Self::Problem { .. } | Self::TokenRefused { .. } => EventKind::Problem,
            Self::Top { .. } => EventKind::Top,
            Self::Rank { .. } => EventKind::Rank,
            Self::Pong => EventKind::Pong,
            Self::Bye { .. } => EventKind::Bye,
        }
    }
}

/// What `hi` tells v2 clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HiSession {
    /// Given by the server.
    pub uid: Uid,
    /// To come back with.
    pub token: Token,
    /// Whether this `hello` took up an earlier session.
    pub resumed: bool,
    /// The store could not be asked yet: what was won earlier is still to come.
    pub pending: bool,
    pub total_score: u32,
    pub win_streak: u32,
}

/// One player in `start`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartUser {
    pub profile: Profile,
    /// Its choice: only one's own, and only when a round is resumed.
    pub choice: Option<Choice>,
    pub total_score: u32,
    pub win_streak: u32,
}

/// What `movement` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Movement {
    Choice,
    Face(Face),
}

/// One player in `result`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultRow {
    pub uid: Uid,
    #[serde(default, skip_serializing_if = "is_default")]
    pub round_score: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub total_score: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub win_streak: u32,
    /// The hand it showed, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choice: Option<Choice>,
}

/// The payload of `room`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomState {
    /// Counts up; shown as `room7`.
    pub number: u64,
    /// Who sits there, in the order of the seats.
    pub users: Vec<RoomUser>,
    pub full: bool,
    pub code: Option<RoomCode>,
}

/// One player in `room`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomUser {
    pub profile: Profile,
    /// Playing, or willing to play the next round.
    pub ready: bool,
    pub robot: bool,
    /// Connected and not away.
    pub online: bool,
}

/// Why a request was refused or ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProblemCode {
    /// The payload is not what the event takes.
    BadPayload,
    /// A round is running.
    AlreadyPlaying,
    /// There is no such event (for this client).
    UnknownEvent,
    /// No room has this code.
    RoomUnknown,
    /// The room with this code is at another instance.
    RoomElsewhere(Letter),
    /// Both seats of this room are taken.
    RoomFull,
    /// The server is about to stop.
    Draining,
    /// More than the limits allow.
    TooFast,
    /// This server keeps no board.
    NoBoard,
    /// The board cannot be asked just now.
    BoardAway,
    /// Only in acknowledgements: outside the event's time, a race and not a fault.
    NotPlaying,
}

impl ProblemCode {
    /// The code on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadPayload => "bad-payload",
            Self::AlreadyPlaying => "already-playing",
            Self::UnknownEvent => "unknown-event",
            Self::RoomUnknown => "room-unknown",
            Self::RoomElsewhere(_) => "room-elsewhere",
            Self::RoomFull => "room-full",
            Self::Draining => "draining",
            Self::TooFast => "too-fast",
            Self::NoBoard => "no-board",
            Self::BoardAway => "board-away",
            Self::NotPlaying => "not-playing",
        }
    }

    /// One sentence for the developer who reads it in a console.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::BadPayload => "the payload is not what this event takes",
            Self::AlreadyPlaying => "a round is running, wait for its result",
            Self::UnknownEvent => "there is no such event",
            Self::RoomUnknown => "no room has this code",
            Self::RoomElsewhere(_) => "another instance has this room",
            Self::RoomFull => "both seats of this room are taken",
            Self::Draining => "the server is about to restart, come back in a moment",
            Self::TooFast => "too many events, slow down",
            Self::NoBoard => "this server keeps no board",
            Self::BoardAway => "the board cannot be asked just now, try again in a moment",
            Self::NotPlaying => "there is nobody to play with right now",
        }
    }
}

const BASE64URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A Socket.IO or Engine.IO session id: 20 characters of base64url, 120 random bits.
pub fn draw_sid(entropy: &mut Entropy) -> String {
    draw_text(20, BASE64URL, entropy)
}

/// Random characters of an alphabet of at most 128, each equally likely.
fn draw_text(length: usize, alphabet: &[u8], entropy: &mut Entropy) -> String {
    // Whole multiples of the alphabet fit below this limit; bytes above it would favour its start.
    let limit = 256 - 256 % alphabet.len();
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 32];
    while text.len() < length {
        let wanted = (length - text.len()).min(bytes.len());
        let Some(fresh) = bytes.get_mut(..wanted) else {
            break;
        };
        entropy(fresh);
        for &byte in fresh.iter().filter(|&&byte| usize::from(byte) < limit) {
            if let Some(&character) = alphabet.get(usize::from(byte) % alphabet.len()) {
                text.push(char::from(character));
            }
        }
    }
    text
}

/// Control characters, and the two line separators that the original client's parser throws on.
fn is_forbidden(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

/// Embeddings, overrides and isolates (UAX #9): one that is not closed turns the rest of the line
/// that a name stands in.
fn is_bidi_control(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeded() -> impl FnMut(&mut [u8]) {
        let mut rng = fastrand::Rng::with_seed(1);
        move |bytes: &mut [u8]| rng.fill(bytes)
    }

    #[test]
    fn a_uid_is_taken_as_it_is_or_not_at_all() {
        for good in ["A", "名字", "a b", &"x".repeat(64)] {
            assert_eq!(Uid::new(good).as_ref().map(Uid::as_str), Some(good));
        }
        for bad in [
            "",
            "a\nb",
            "a\u{2028}",
            "\u{2029}",
            "\u{7f}",
            &"x".repeat(65),
            &"é".repeat(33),
        ] {
            assert_eq!(Uid::new(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_number_and_its_digits_are_one_uid() {
        let (number, text) = (Uid::number("7"), Uid::new("7"));
        assert_eq!(number, text);
        let is_number = |uid: Option<Uid>| uid.map(|uid| uid.is_number());
        assert_eq!(
            (is_number(number), is_number(text)),
            (Some(true), Some(false))
        );
        assert_eq!(Uid::number(&"1".repeat(65)), None);
    }

    #[test]
    fn a_name_is_cleaned_and_cut_at_a_character() {
        #[rustfmt::skip]
        let table = [
            ("", String::new()), ("Ann", "Ann".into()),
            ("A\u{0}n\u{2028}n\u{2029}\r\n", "Ann".into()), ("<b>", "<b>".into()),
            (&"x".repeat(70), "x".repeat(64)), (&"é".repeat(40), "é".repeat(32)),
            (&format!("{}日", "x".repeat(63)), "x".repeat(63)),
            ("\u{202e}nnA\u{202c}", "nnA".into()), ("\u{202a}\u{202b}\u{202d}A\u{2066}\u{2067}\u{2068}\u{2069}", "A".into()),
            // Marks belong to a name that is written from right to left, and turn nothing else.
            ("\u{200f}دان\u{200e}", "\u{200f}دان\u{200e}".into()), ("\u{2029}\u{202f}\u{2065}\u{206a}", "\u{202f}\u{2065}\u{206a}".into()),
            (&"\u{202e}".repeat(50), String::new()), (&("\u{202e}".repeat(50) + &"x".repeat(70)), "x".repeat(64)),
        ];
        for (text, want) in table {
            assert_eq!(Name::new(text).as_str(), want, "{text:?}");
        }
    }

    #[test]
    fn an_avatar_is_an_address_a_builtin_or_nothing() {
        let address = |text: &str| Avatar::Address(text.into());
        let long = format!("https://e/{}", "x".repeat(600));
        #[rustfmt::skip]
        let table = [
            ("", Avatar::None), ("http://a", address("http://a")), ("https://a", address("https://a")),
            ("data:image/png;base64,AA", address("data:image/png;base64,AA")),
            ("data:text/html,x", Avatar::None), ("javascript:alert(1)", Avatar::None), ("//a", Avatar::None),
            ("java\u{0}script:x", Avatar::None), ("ht\ntp://a", address("http://a")),
            ("builtin:0", Avatar::Builtin(0)), ("builtin:15", Avatar::Builtin(15)),
            ("builtin:16", Avatar::None), ("builtin:01", Avatar::None), ("builtin:+1", Avatar::None),
            ("builtin:robot", Avatar::None), ("builtin:", Avatar::None),
            (&long, address(&long[..512])),
        ];
        for (text, want) in table {
            assert_eq!(Avatar::new(text), want, "{text:?}");
        }
    }

    #[test]
    fn a_card_gives_back_the_profile_it_was_made_of() {
        let long = format!("https://e/{}", "x".repeat(502));
        let (ones, letters) = ("1".repeat(64), "x".repeat(64));
        let numbers = ["7", "-12.5", &ones].map(|uid| (uid, Uid::number(uid)));
        let texts = ["A", "7", "名字", &letters].map(|uid| (uid, Uid::new(uid)));
        for (uid, taken) in numbers.into_iter().chain(texts) {
            for name in ["", "Ann", &"é".repeat(32)] {
                for avatar in ["", "http://a", "builtin:7", &long] {
                    let taken = taken.clone().expect("a sound uid");
                    let mut profile = Profile {
                        uid: taken.clone(),
                        name: Name::new(name),
                        avatar: Avatar::new(avatar),
                    };
                    let card = Card::new(&profile);
                    assert_eq!(card.profile(), profile);
                    assert_eq!((card.uid().as_str(), card.uid_text()), (uid, uid));
                    assert_eq!(card.uid().is_number(), taken.is_number());
                    profile.avatar = Avatar::Robot;
                    assert_eq!(Card::new(&profile).profile(), profile);
                }
            }
        }
    }

    #[test]
    fn room_codes_are_read_in_any_case_and_drawn_without_look_alikes() {
        let mut entropy = seeded();
        for _ in 0..1_000 {
            let code = RoomCode::draw(None, &mut entropy);
            assert!(
                !code.as_str().contains(['0', 'O', '1', 'I', 'L']),
                "{code:?}"
            );
            assert_eq!(RoomCode::new(&code.as_str().to_lowercase()), Some(code));
        }
        for bad in [
            "", "K7M2Q", "LK7M2QX", "7K7M2QX", "BK7M2QXX", "K7M2Q0", "K7M2Qé", "K7 2QX", "new",
        ] {
            assert_eq!(RoomCode::new(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn tokens_keep_their_shape_and_their_secret() {
        let mut entropy = seeded();
        let token = Token::draw(None, &mut entropy);
        assert_eq!(Token::new(token.as_str()), Some(token.clone()));
        assert!(!format!("{token:?}").contains(token.as_str()));
        assert_eq!(draw_sid(&mut entropy).len(), 20);
        for bad in ["", "short", &"=".repeat(24), &"é".repeat(12)] {
            assert_eq!(Token::new(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn every_character_of_an_alphabet_is_drawn() {
        let mut entropy = seeded();
        let text = draw_text(10_000, RoomCode::ALPHABET, &mut entropy);
        for &character in RoomCode::ALPHABET {
            let count = text.bytes().filter(|&byte| byte == character).count();
            assert!(
                (200..450).contains(&count),
                "{} was drawn {count} times",
                char::from(character)
            );
        }
    }
}
