//! Every rule of the protocol that shows at the hub, as transcripts: time, who, text in, texts out.
//!
//! Absent here: sockets, sleeps, the real clock. `play.rs` explains how a transcript is read.

mod absence;
mod board;
#[path = "../common/mod.rs"]
mod common;
mod drain;
mod hello;
mod instances;
mod life;
mod limits;
mod lobby;
mod opening;
mod origins;
mod persons;
mod play;
mod ready;
mod reload;
mod rematch;
mod robots;
mod rooms;
mod rounds;
mod sessions;
mod store;
