//! One connection's memory as a value that another process reads.
//!
//! Moments that may never come are left out instead of being a number that means it, and the rate
//! limit is what is owed to it now: the next release may have another rate.

use serde::{Deserialize, Serialize};

use super::{NEVER, Pace, Session, Trouble, Window, low_bits};
use crate::model::{ConnId, Origin, PlayerId, is_default};
use crate::time::Millis;
use crate::wire::Dialect;

/// A [`Session`] in a snapshot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionSnapshot {
    /// Whose it is.
    pub conn: ConnId,
    dialect: Dialect,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Origin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    player: Option<PlayerId>,
    #[serde(default, skip_serializing_if = "is_default")]
    v2: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    rounds: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    connected: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    spoke: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_at: Option<Millis>,
    #[serde(default, skip_serializing_if = "is_default")]
    nth_hello: u32,
    seen_at: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    pinged_at: Option<Millis>,
    /// In thousandths of an event.
    #[serde(default, skip_serializing_if = "is_default")]
    owes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<Box<Trouble>>,
}

impl Pace {
    /// How much of the rate limit is earned by then if nothing was ever spent, in thousandths of an
    /// event.
    #[must_use]
    pub fn earned(&self, now: Millis) -> u64 {
        now.0.saturating_mul(self.rate_limit.into())
    }
}

impl Session {
    /// All that is known of this connection.
    #[must_use]
    pub fn export(&self, now: Millis, pace: &Pace, index: u32) -> SessionSnapshot {
        let generation = self.generation;
        SessionSnapshot {
            conn: ConnId { index, generation },
            dialect: self.dialect,
            from: self.from,
            player: self.player,
            v2: self.v2,
            rounds: self.rounds,
            connected: self.connected,
            spoke: self.spoke,
            opened_at: (!self.spoke).then(|| self.opened_at(now)),
            nth_hello: self.nth_hello().unwrap_or_default(),
            seen_at: self.seen_at,
            pinged_at: self.pinged(),
            owes: self.earned_at.saturating_sub(pace.earned(now)),
            trouble: self.trouble.clone(),
        }
    }

    /// The connection that a snapshot, taken at `now`, is of.
    #[must_use]
    pub fn import(now: Millis, pace: &Pace, snapshot: SessionSnapshot) -> Self {
        let opened_at = low_bits(snapshot.opened_at.unwrap_or(now));
        Self {
            generation: snapshot.conn.generation,
            from: snapshot.from,
            player: snapshot.player,
            v2: snapshot.v2,
            rounds: snapshot.rounds,
            connected: snapshot.connected,
            spoke: snapshot.spoke,
            opened_or_hello: if snapshot.v2 {
                snapshot.nth_hello
            } else {
                opened_at
            },
            seen_at: snapshot.seen_at,
            pinged_at: snapshot.pinged_at.unwrap_or(NEVER),
            earned_at: pace.earned(now).saturating_add(snapshot.owes),
            trouble: snapshot.trouble,
            ..Self::new(now, snapshot.dialect, None)
        }
    }
}

/// Most have begun no window lately.
impl Window {
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }
}
