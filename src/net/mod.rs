//! The loop and the sockets: everything that makes a system call.
//!
//! Bytes go in here and texts come out, towards the [hub](crate::hub), and the other way round.
//! Absent: JSON, rules, rooms and the text of any dialect; threads and locks.
//!
//! - [`server`]: the loop, one turn after the other;
//! - `sockets`: all connections with their queues and timers;
//! - `conn`: one connection's phases;
//! - [`frames`]: bytes to WebSocket messages and back;
//! - `queue`: bytes that wait for the kernel;
//! - [`http`]: a request head to an answer or an upgrade;
//! - `assets`: the files of the web client, embedded;
//! - [`listen`]: where connections come from;
//! - `stall`: turns of the loop that took too long;
//! - `state`: the sessions' file;
//! - [`bare`]: the same layer without the game, for tools that test it.

mod assets;
pub mod bare;
mod conn;
pub mod frames;
pub mod http;
pub mod listen;
mod queue;
pub mod server;
mod sockets;
mod stall;
mod state;
