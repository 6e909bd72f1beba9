//! What is no socket, as one value with names.
//!
//! Its form changes only when an older reader would be misled: a name that is new has a default,
//! one that is unknown is passed over. Absent: what is made anew from it and from the
//! configuration, such as timers, the counts of each address, and lists of what is to be done.

use serde::{Deserialize, Serialize};

use crate::hub::{Dialect, HubSnapshot};
use crate::model::{ConnId, hex, is_default};
use crate::net::frames::Unfinished;
use crate::net::gate::Way;
use crate::net::peers::Peer;
use crate::time::Millis;

/// The form of those whose listeners are all of one kind.
pub(crate) const FORM: u32 = 1;
/// The form of those that speak TLS at some: a reader that does not know `ways` would not.
pub(crate) const FORM_WITH_WAYS: u32 = 2;

/// All that a process hands on, but descriptors.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Carried<'a, C = Vec<Connection>> {
    pub(crate) form: u32,
    /// Whose it is.
    pub(crate) release: String,
    /// When the milliseconds began, and when nobody was served any more: nanoseconds of the
    /// system's clock that nobody sets (clock_gettime(2), `CLOCK_MONOTONIC`).
    pub(crate) began_ns: u64,
    pub(crate) paused_ns: u64,
    /// The last turn's time.
    pub(crate) now: Millis,
    /// `--max-message`, which a message that is under way keeps to.
    pub(crate) message_bytes_max: usize,
    /// Seconds since 1970, for those who collect figures.
    pub(crate) started_s: f64,
    pub(crate) hub: HubSnapshot<'a>,
    pub(crate) sockets: Crowd<C>,
    /// What happened so far, by name.
    pub(crate) traffic: Vec<(String, u64)>,
    /// Samples of the last hour, oldest first: connections, rounds, microseconds of a turn.
    #[serde(default)]
    pub(crate) history: Vec<(u32, u32, u32)>,
    /// In the order of their descriptors.
    pub(crate) listeners: Vec<Door>,
    /// What is spoken at each of them.
    #[serde(default)]
    pub(crate) ways: Vec<Way>,
    /// How many were asked to come back, because TLS cannot be carried.
    #[serde(default)]
    pub(crate) parted: usize,
    /// A service manager opened them.
    pub(crate) handed: bool,
    pub(crate) admin: Option<Door>,
    /// The store's part, which is its own business, and how many descriptors belong to it.
    pub(crate) store: String,
    pub(crate) store_descriptors: usize,
    /// Somebody waits to be told; its descriptor is there.
    pub(crate) asked: bool,
}

/// A listener.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Door {
    Tcp,
    Unix {
        /// Of the socket's file.
        path: String,
        /// Device and number of the file if this process made it, and so removes it.
        made: Option<(u64, u64)>,
    },
}

/// All connections: as they were read, or as they are, which are written one after the other
/// without a copy of all that they hold.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Crowd<C = Vec<Connection>> {
    pub(crate) generation: u32,
    /// Of those that spoke WebSocket, for the log.
    pub(crate) numbers: u64,
    /// In the order of their descriptors.
    pub(crate) conns: C,
}

/// One connection.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Connection {
    pub(crate) id: ConnId,
    /// It came by a unix socket.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) is_unix: bool,
    pub(crate) peer: Peer,
    pub(crate) since: Millis,
    pub(crate) state: State,
    /// What the kernel has not taken yet.
    #[serde(default, with = "hex", skip_serializing_if = "Vec::is_empty")]
    pub(crate) unsent: Vec<u8>,
    /// What is not understood yet.
    #[serde(default, with = "hex", skip_serializing_if = "Vec::is_empty")]
    pub(crate) rest: Vec<u8>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) backlog: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) readable: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) hung_up: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) urgent: bool,
}

/// Where a connection is in its life.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum State {
    /// Its request head is awaited.
    Head {
        /// Among those that have not asked for anything: they go oldest first.
        number: u64,
        /// It came where browsers are sent to TLS.
        #[serde(default, skip_serializing_if = "is_default")]
        to_tls: bool,
    },
    /// It speaks WebSocket.
    Open {
        dialect: Dialect,
        number: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unfinished: Option<Unfinished>,
    },
    /// The last bytes for it are on their way.
    Ending {
        shut: bool,
        heard_out: bool,
        discarded: usize,
        /// The text of the reason in the close frame that is yet to be sent.
        held: Option<String>,
        /// When its patience, or the close frame's, ends.
        at: Millis,
    },
}
