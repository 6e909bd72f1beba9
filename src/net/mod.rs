//! The loop and the sockets: everything that makes a system call.
//!
//! Bytes go in here and texts come out, towards the [hub](crate::hub), and the other way round.
//! Absent: rules, rooms and the text of any dialect; threads and locks. JSON is there in what a
//! reload hands over, and nowhere else.
//!
//! - [`server`]: the loop, one turn after the other, from the start to the end of a drain;
//! - `entrance`: who is let in;
//! - `reader`: what connections say, a bounded amount in a turn;
//! - `life`: how far the end is away;
//! - `sockets`: all connections with their queues and timers;
//! - `conn`: one connection's phases;
//! - [`frames`]: bytes to WebSocket messages and back;
//! - `rest`: bytes that are not understood yet;
//! - `queue`: bytes that wait for the kernel;
//! - [`http`]: a request head to an answer or an upgrade;
//! - `assets`: the files of the web client, embedded;
//! - [`peers`]: whose they are, and how many each address has;
//! - [`listen`]: where connections come from;
//! - [`handed`]: listeners that a service manager opened;
//! - [`handover`]: what the next program is handed, so that nobody is lost;
//! - `gate`: the game's listeners as one;
//! - `admin`: metrics and status on a listener of their own;
//! - `keys`: the file of the keys for signed tokens;
//! - `wall`: what time it is;
//! - `manager`: what the service manager is told;
//! - `stall`: turns of the loop that took too long;
//! - `tls`: records to bytes and back, and the certificate; without the feature `no_tls` says so;
//! - [`bare`]: the same layer without the game, for tools that test it.

mod admin;
mod assets;
pub mod bare;
mod conn;
mod entrance;
pub mod frames;
mod gate;
pub mod handed;
pub mod handover;
mod heads;
pub mod http;
mod keys;
mod life;
pub mod listen;
mod manager;
pub mod peers;
mod queue;
mod reader;
mod rest;
pub mod server;
mod sockets;
mod stall;
mod stamp;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
mod tls;
mod wall;
