//! The built binary and real sockets: what travels between the two, byte by byte where it matters.
//!
//! The rules of the game are tested without sockets elsewhere; here is what only a socket shows:
//! heads and frames in pieces, faults of the peer, losses, every plain HTTP answer, the end of a
//! process, its command line and its log. Every test starts its own server on port 0.

#[path = "../support/mod.rs"]
mod support;

mod addresses;
mod commands;
mod drain;
mod faults;
mod games;
mod heartbeat;
mod logs;
mod losses;
mod persons;
mod pieces;
mod settings;
mod stop;
