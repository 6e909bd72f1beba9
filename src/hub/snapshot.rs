//! A hub as a value that another process reads: what a reload carries from one release to the next.
//!
//! Absent: how it is encoded, and how it gets there.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Hub;
use crate::config::Config;
use crate::model::Entropy;
use crate::time::Millis;

/// Everything of a hub that cannot be built anew from the rest, or from the configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HubSnapshot {
    version: u32,
    /// When it was taken.
    now: Millis,
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

impl Hub {
    /// All that another hub needs to go on as this one would. Between two inputs, when all orders
    /// are carried out; `now` is not earlier than the last input's.
    #[must_use]
    pub fn export(&self, now: Millis) -> HubSnapshot {
        debug_assert!(self.orders.is_empty(), "carry out all orders before");
        HubSnapshot { version: 1, now }
    }

    /// The hub that a snapshot is of, in a process whose clock goes on where the other one's was.
    ///
    /// It has orders already: an [`Output::Arm`](super::Output::Arm) for every timer that it waits
    /// for, and an [`Output::Hold`](super::Output::Hold) for every connection that waits for the
    /// store. Carry them out once the connections are there, under the names they had; then tell
    /// the next fact.
    ///
    /// # Errors
    ///
    /// A later release wrote it, or it contradicts itself.
    pub fn import(
        config: &Config,
        snapshot: HubSnapshot,
        entropy: Box<Entropy>,
    ) -> Result<Self, ImportError> {
        let _ = (config, entropy);
        let version = snapshot.version;
        Err(ImportError(format!("snapshot {version} is not read yet")))
    }
}
