//! Whatever one peer, the kernel or the operator does, everybody else is served.
//!
//! Named attacks in tables on the built binary and real sockets, each with its expected status or
//! close code. Two bystanders play all the while (`ground`): after each attack their round goes on,
//! at the end of each table it must end with the right result, and no descriptor may be lost.
//! What `tests/loopback` shows already is not repeated here.

#[path = "../support/mod.rs"]
mod support;

mod descriptors;
mod dialects;
mod faults;
mod floods;
mod frames;
mod game;
mod ground;
mod http;
