//! What any place that keeps points has to do. What the orders mean is said by the module.

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::memory::MemoryState;
use crate::model::{RedisUrl, StoreOp, StoreReply, Week, is_default};

/// Owners of a session whose last number is remembered, the present one among them; of those that
/// settled nothing there is none, and they are the first to go.
pub(super) const OWNERS_MAX: usize = 8;
/// How long a former owner is remembered, in seconds: a day.
pub(super) const FORMER_OWNER_SECONDS: u64 = 86_400;
/// How long a room's code lives after the last event in it, in seconds: ten minutes.
pub(super) const ROOM_SECONDS: u64 = 600;
/// How long an instance is taken to live after it said so, in seconds.
pub(super) const LEASE_SECONDS: u64 = 5;
/// How long an erased session or person is known as erased, in seconds: 31 days, a day more than
/// points last by default, so that no order from before brings them back.
pub(super) const TOMBSTONE_SECONDS: u64 = 31 * 86_400;

/// A date: seconds since 1970-01-01 00:00 UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Unix(pub u64);

/// The oldest week whose points are kept: the one before this one, for what comes late.
pub(super) fn oldest_week(now: Unix) -> Week {
    let Week(week) = Week::of(now.0).unwrap_or_default();
    Week(week.saturating_sub(1))
}

/// What an engine goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a session is kept that is neither taken nor settled, in milliseconds.
    pub score_ttl_ms: u64,
}

/// Why nothing could be done just now: one line, with what to do if somebody can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble(pub String);

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whom to erase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// All sessions whose player goes by this uid.
    Uid(String),
    /// A person, by the name that its own house knows it by.
    Person(String),
}

/// A place that keeps points.
pub trait Engine: Send {
    /// Applies orders one after the other, all or none, and returns what became of those that get
    /// an answer, in their order.
    ///
    /// # Errors
    ///
    /// It cannot be known whether they were applied: the same orders are to be tried again, and
    /// none that comes after them before.
    fn apply(&mut self, orders: &[StoreOp], now: Unix) -> Result<Vec<StoreReply>, Trouble>;

    /// Deletes what is too old, about `at_most` rows; returns how many it did, 0 when done.
    ///
    /// # Errors
    ///
    /// It did not work; nothing depends on it.
    fn expire(&mut self, at_most: usize, now: Unix) -> Result<usize, Trouble>;

    /// Looks after what it keeps when nothing is asked of it: whether some of that was lost since
    /// it was last told. Who loses nothing behind our back has nothing to look at.
    ///
    /// # Errors
    ///
    /// It did not work; nothing depends on it.
    fn has_lost(&mut self, _now: Unix) -> Result<bool, Trouble> {
        Ok(false)
    }

    /// Erases somebody; returns how many sessions and persons that were.
    ///
    /// # Errors
    ///
    /// It did not work, or nobody knows whether it did.
    fn forget(&mut self, who: &Who, now: Unix) -> Result<usize, Trouble>;

    /// Takes a person off the board, or puts it there again; returns how many persons that were.
    ///
    /// # Errors
    ///
    /// It did not work, or nobody knows whether it did.
    fn bar(&mut self, sub: &str, barred: bool) -> Result<usize, Trouble>;

    /// Bytes that it takes on the disk.
    fn bytes(&self) -> u64;

    /// What another program of this process needs to go on with it; `None`: it cannot be carried,
    /// or not just now.
    fn carry(&self) -> Option<Luggage> {
        None
    }
}

/// What an engine carries from one program to the next.
#[derive(Debug, Default)]
pub struct Luggage {
    pub(super) state: Place,
    pub(super) descriptors: Vec<OwnedFd>,
}

/// The part of it that is no descriptor.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) enum Place {
    /// Nothing: it is opened as at any start.
    #[default]
    Anew,
    /// All that is in memory.
    Memory(MemoryState),
    /// A file, with all links followed; its lock and its identity come as descriptors.
    File(PathBuf),
    /// A Redis.
    Redis(RedisState),
}

/// What was known of a Redis.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RedisState {
    pub(super) url: RedisUrl,
    /// By what name this process calls there, and how often it had.
    pub(super) caller: String,
    pub(super) calls: u64,
    /// So many milliseconds ago it lost something.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) lost_ms: Option<u64>,
    /// That it did is still to be told.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) forgot: bool,
}

/// What a session is known by: the SHA-256 of its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Key(pub(super) [u8; 32]);

impl Key {
    pub(super) fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }
}
