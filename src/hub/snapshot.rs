//! A hub as a value that another process reads: what a reload carries from one release to the next.
//!
//! Absent: how it is encoded, and how it gets there.
//!
//! # What is carried
//!
//! What nothing else tells: players, rooms, rounds and who waits since when; the connections'
//! sessions; what the store was asked; the tables of what happened lately; the generators' states;
//! the counters. Indexes, queues and counts of the present are built anew, and every timer is armed
//! anew, from the deadlines. What the configuration says is the next process's own.
//!
//! # How it changes
//!
//! Every type that derives `Serialize` in `hub`, `session`, `world`, `slots`, `model`, `time` or
//! `metrics` is part of the format. The next release reads what this one writes; so
//!
//! - a **new field** has a default that means "as if it had not been there": `#[serde(default)]`, or
//!   it is an `Option`;
//! - a field that is **no longer needed** goes: whoever reads passes over what it does not know;
//! - a field is **never renamed**, and its unit or meaning never changed: it gets a new name, and
//!   the old one is read as long as a release that writes it may be running;
//! - a **new variant** may be added to an enum, none renamed or taken away before the release after
//!   the next. An older release does not read it; a downgrade restarts;
//! - what cannot be said so raises [`VERSION`], and [`Hub::import`] reads both.
//!
//! Each release leaves a snapshot of its own in `tests/snapshots/`, and all are read for ever after
//! (`tests/scenarios/reload.rs`).

use std::fmt;

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use super::board::BoardDesk;
use super::instances::Instances;
use super::origins::Counts;
use super::store::Desk;
use super::{Hub, Order, Timer, rules};
use crate::config::Config;
use crate::metrics::Counters;
use crate::model::{ConnId, Entropy, Origin, PlayerId, is_default};
use crate::session::{Session, SessionSnapshot};
use crate::time::Millis;
use crate::world::{Fault, World, WorldSnapshot};

/// What this release writes, and the last that it reads.
const VERSION: u32 = 1;

/// Everything of a hub that cannot be built anew from the rest, or from the configuration.
///
/// How it changes from release to release is said in `hub/snapshot.rs`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HubSnapshot<'a> {
    version: u32,
    /// When it was taken.
    now: Millis,
    /// The generator's state.
    rng: u64,
    world: WorldSnapshot<'a>,
    /// In the order of their indexes.
    sessions: Vec<SessionSnapshot>,
    #[serde(default)]
    desk: Desk,
    #[serde(default, skip_serializing_if = "is_default")]
    instances: Instances,
    #[serde(default, skip_serializing_if = "BoardDesk::is_new")]
    board: BoardDesk,
    #[serde(default)]
    origins: Vec<(Millis, Origin, Counts)>,
    /// What each player still owes to the rate limit, in thousandths of an event.
    #[serde(default)]
    parted: Vec<(Millis, PlayerId, u64)>,
    /// Seconds since 1970 that were told, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clock: Option<(Millis, u64)>,
    #[serde(default, skip_serializing_if = "is_default")]
    hellos: u32,
    #[serde(default)]
    counters: Counters,
}

/// Why a snapshot is not taken up: a sentence for the person who asked for a reload.
#[derive(Debug, PartialEq, Eq)]
pub struct ImportError(String);

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ImportError {}

impl From<Fault> for ImportError {
    fn from(fault: Fault) -> Self {
        Self(format!("the snapshot contradicts itself: {fault}"))
    }
}

pub(super) fn ensure(holds: bool, fault: Fault) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(fault) }
}

impl Hub {
    /// All that another hub needs to go on as this one would. Between two inputs, when all orders
    /// are carried out; `now` is not earlier than the last input's.
    #[must_use]
    pub fn export(&self, now: Millis) -> HubSnapshot<'_> {
        debug_assert!(self.orders.is_empty(), "carry out all orders before");
        let sessions = (0..).zip(&self.sessions);
        let sessions = sessions.filter_map(|(index, session)| {
            let session = session.as_ref()?;
            Some(session.export(now, &self.pace, index))
        });
        let earned = self.pace.earned(now);
        let parted = self.parted.export(now).into_iter();
        HubSnapshot {
            version: VERSION,
            now,
            rng: self.rng.get_seed(),
            world: self.world.export(now),
            sessions: sessions.collect(),
            desk: self.desk.clone(),
            instances: self.instances.clone(),
            board: self.board.clone(),
            origins: self.origins.export(now),
            parted: parted
                .map(|(since, player, until)| (since, player, until.saturating_sub(earned)))
                .collect(),
            clock: self.clock(),
            hellos: self.hellos,
            counters: self.counters,
        }
    }

    /// The hub that a snapshot is of, in a process whose clock goes on where the other one's was.
    ///
    /// It has orders already: an [`Output::Arm`](super::Output::Arm) for every timer that it waits
    /// for, and an [`Output::Hold`](super::Output::Hold) for every connection that waits for the
    /// store. Carry them out once the connections are there, under the names they had; then tell
    /// the next fact. Where the former process had a store, it takes this one to have the same;
    /// tell it [`Input::Stored`](super::Input::Stored) whether that is away. Keys are secrets and
    /// not carried: it has none until [`use_keys`](Self::use_keys).
    ///
    /// # Errors
    ///
    /// A later release wrote it, or it contradicts itself.
    pub fn import(
        config: &Config,
        snapshot: HubSnapshot<'_>,
        entropy: Box<Entropy>,
    ) -> Result<Self, ImportError> {
        if VERSION < snapshot.version {
            return Err(ImportError(format!(
                "the snapshot has version {}, and this release reads them up to {VERSION}",
                snapshot.version
            )));
        }
        let now = snapshot.now;
        let world = World::import(rules(config), snapshot.world, now)?;
        let mut hub = Self::around(config, world, Rng::with_seed(snapshot.rng), entropy);
        hub.desk = snapshot.desk;
        hub.live_on(now, snapshot.instances);
        hub.board = snapshot.board;
        hub.origins.import(snapshot.origins);
        let earned = hub.pace.earned(now);
        let parted = snapshot.parted.into_iter();
        let parted = parted.map(|(since, id, owed)| (since, id, earned.saturating_add(owed)));
        hub.parted.import(parted);
        if let Some((told, unix_s)) = snapshot.clock {
            hub.set_clock(told, unix_s);
        }
        hub.hellos = snapshot.hellos;
        hub.counters = snapshot.counters;
        for session in snapshot.sessions {
            hub.take_up(now, session)?;
        }
        hub.check()?;
        hub.hold_again();
        hub.carry_effects(now);
        Ok(hub)
    }

    fn take_up(&mut self, now: Millis, snapshot: SessionSnapshot) -> Result<(), Fault> {
        let conn = snapshot.conn;
        let index = conn.index as usize;
        let fits = self.sessions.len() <= index && conn.index < ConnId::INDEX_END;
        ensure(fits, "connections that are not in order")?;
        let session = Session::import(now, &self.pace, snapshot);
        self.counters.came(session.dialect, session.client());
        let at = session.deadline(now, &self.pace);
        let timer = Timer::Session(conn);
        self.orders.push_back(Order::Arm { at, timer });
        self.sessions.resize_with(index, || None);
        self.sessions.push(Some(session));
        Ok(())
    }
}

/// Carries a map as a list of pairs: its keys are no texts.
pub(super) mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in crate::hub) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(in crate::hub) fn deserialize<'de, K, V, D>(from: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(from)?.into_iter().collect())
    }
}
