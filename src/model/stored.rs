//! What outlives the process: orders to a store, and what it says to them.
//!
//! They cross from one thread to another, so they own plain strings. What they mean together (who
//! may write, what is merged, what a lost answer does) is said by the store. Absent: files, time.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{BoardRow, Letter, Ranked, Standing, Week, is_default};

/// Who writes a session's streak: drawn when a process takes a session from the store, or makes
/// one.
///
/// It is compared for equality and nothing else: the store's present owner is whoever took last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Owner(pub u64);

/// A player's profile in plain strings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredProfile {
    /// 1 to 64 bytes, as [`Uid`](super::Uid) takes it.
    pub uid: String,
    /// Its client wrote it as a number.
    pub uid_is_number: bool,
    /// At most 64 bytes.
    pub name: String,
    /// As it is on the wire, at most 512 bytes; empty: none.
    pub avatar: String,
}

/// What one round, or several that were merged, changed for one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settle {
    /// Proves the session; the store keeps its SHA-256 only.
    pub token: String,
    pub owner: Owner,
    /// 1, 2, 3, … for each owner: what was applied once is not applied again.
    pub seq: u64,
    /// To be added to the total.
    pub points: u32,
    /// Wins in a row after the last of these rounds. The present owner's only is kept.
    pub streak: u32,
    /// If it is not known to the store yet, or was changed.
    pub profile: Option<StoredProfile>,
    /// The person whose session it is: if the session has another token by now, it is found by
    /// this. If the store knows no session of the person's, this one is it from now on, unless
    /// nobody says its name.
    #[serde(default)]
    pub person: Option<String>,
    /// What counts for the board of the person whose session it is; each week once.
    #[serde(default)]
    pub ranked: Vec<Ranked>,
    /// The total that its player has been told, these points among them; the session has at least
    /// so much afterwards, whatever the store may have lost. 0: not known.
    #[serde(default)]
    pub told: u32,
    /// Its player is not with this owner, and may be with another one: a store that forgot whose it
    /// is does not take it for this owner's.
    #[serde(default)]
    pub absent: bool,
}

/// An order to the store. Each gets one [`StoreReply`], sooner or later, as long as both live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreOp {
    /// Become the owner of a session that this process does not know.
    Take {
        /// Proves the session.
        token: String,
        /// Its owner from now on.
        owner: Owner,
    },
    /// A session won or lost.
    Settle(Box<Settle>),
    /// A private room was opened here.
    OpenRoom {
        code: String,
        /// Which instance has it; `None`: nobody, or there is one server only.
        #[serde(default)]
        at: Option<Letter>,
    },
    /// Something happened in a room: it is kept for ten minutes more.
    TouchRoom {
        code: String,
        /// As of [`OpenRoom`](Self::OpenRoom).
        #[serde(default)]
        at: Option<Letter>,
    },
    /// A room ended. Gets no reply. If another instance has it by now, it stays.
    CloseRoom {
        code: String,
        /// Where it was.
        #[serde(default)]
        at: Option<Letter>,
    },
    /// Somebody asks for a room that this process does not know.
    ClaimRoom {
        code: String,
        /// Who asks.
        #[serde(default)]
        at: Option<Letter>,
    },
    /// An instance lives. Of several that wait only the last gets a reply.
    Beat {
        letter: Letter,
        /// Drawn by each process anew, so that two with one letter are told apart.
        nonce: u64,
        /// How many play there; `None`: it gives its letter up.
        online: Option<u32>,
    },
    /// A person comes whom this process does not know: become the owner of its session.
    SignIn {
        /// The person, by the name that its token has for it.
        sub: String,
        /// The session that it came with or lives in, if that may become the person's.
        token: Option<String>,
        /// Newly drawn: for a session that is made, or whose token nobody here knows.
        fresh: String,
        /// The session's owner from now on; if `absent`, only of one that is made.
        owner: Owner,
        /// Its player is not here any more: the person is made if there is none, and its session
        /// stays whose it is, under the token that it has. The reply says only whether that is the
        /// one that it came with.
        #[serde(default, skip_serializing_if = "is_default")]
        absent: bool,
    },
    /// Who is best?
    Top { week: Week },
    /// Where does a person stand?
    Rank { sub: String, week: Week },
}

impl StoreOp {
    /// The code of the room that it is about, if it is about one.
    #[must_use]
    pub fn room(&self) -> Option<&str> {
        match self {
            Self::OpenRoom { code, .. }
            | Self::TouchRoom { code, .. }
            | Self::CloseRoom { code, .. }
            | Self::ClaimRoom { code, .. } => Some(code),
            Self::Take { .. }
            | Self::Settle(_)
            | Self::SignIn { .. }
            | Self::Top { .. }
            | Self::Rank { .. }
            | Self::Beat { .. } => None,
        }
    }
}

/// Another instance that lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    pub letter: Letter,
    /// How many play there.
    pub online: u32,
}

/// What a session has in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    pub profile: StoredProfile,
    /// Points won so far.
    pub total: u32,
    /// Wins in a row.
    pub streak: u32,
    /// Whose session it is, if it is a person's.
    #[serde(default)]
    pub person: Option<String>,
}

impl Stored {
    /// Whether nothing has happened in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total == 0 && self.streak == 0 && self.profile == StoredProfile::default()
    }
}

/// What became of a [`Settle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// It is in the store, by this order or by the same one before.
    Kept {
        /// All points of the session.
        total: u32,
    },
    /// The points are in the store; the streak is not: somebody else took the session since.
    FormerOwner {
        /// All points of the session.
        total: u32,
    },
    /// The session was erased: nothing is kept of it.
    Erased,
}

/// What the store says to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreReply {
    /// To [`StoreOp::Take`].
    Taken {
        token: String,
        owner: Owner,
        /// `None`: nobody has this token.
        stored: Option<Box<Stored>>,
    },
    /// To [`StoreOp::Settle`].
    Settled {
        token: String,
        owner: Owner,
        seq: u64,
        /// What became of it.
        settled: Settled,
    },
    /// To [`StoreOp::ClaimRoom`].
    Claimed {
        code: String,
        /// There was such a room, and it is this process's now, empty.
        found: bool,
        /// There is such a room, and another instance that lives has it.
        #[serde(default)]
        holder: Option<Letter>,
    },
    /// To [`StoreOp::SignIn`].
    SignedIn {
        sub: String,
        owner: Owner,
        /// Of the person's session, from now on.
        token: String,
        /// `None`: nothing yet.
        stored: Option<Box<Stored>>,
        /// The person is not shown on the board.
        barred: bool,
    },
    /// To [`StoreOp::Top`].
    Top {
        week: Week,
        /// The best, at most [`BOARD_ROWS`](super::BOARD_ROWS).
        rows: Vec<BoardRow>,
    },
    /// To [`StoreOp::Rank`].
    Rank {
        sub: String,
        week: Week,
        /// `None`: it is not on the board.
        standing: Option<Box<Standing>>,
    },
    /// To [`StoreOp::Beat`].
    Beat {
        /// The letter is this process's; else another one has it that lives.
        granted: bool,
        /// The other instances that live, by their letters.
        others: Vec<Peer>,
    },
    /// The store has lost some of what it had: what is known here is to be told again.
    Forgot,
    /// The store cannot be asked now, or can be again. Orders are kept meanwhile, and none is lost.
    Away(bool),
}

/// How the store is, for the log, the metrics and the status page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreHealth {
    /// Why nothing can be written just now; `None`: all is well.
    pub trouble: Option<String>,
    /// Orders that are not committed yet.
    pub queued: usize,
    /// Orders that are committed.
    pub committed: u64,
    /// Commits since the start.
    pub commits: u64,
    /// When the last commit ended, in milliseconds since the process's start.
    pub committed_at_ms: Option<u64>,
    /// Bytes of the file and its log.
    pub bytes: u64,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
