//! Plain clients of a running server, called by a subcommand of the same binary; and what a backend
//! of the operator's does, for trying.
//!
//! Nothing here runs in serving mode, and nothing here knows the server's own types: a tool that
//! shared them would share their mistakes. Only tokens are signed by what verifies them, which
//! other libraries' tokens are held against. Absent: hub, world, wire, the server's loop.

mod asking;
pub mod bench;
pub mod gather;
pub mod probe;
pub mod reload;
pub mod token;

/// How this program was called: what a person has to type to call it again.
///
/// That is `target/release/roshambo` where it was only built, and `roshambo` where it is installed.
#[must_use]
pub fn program() -> String {
    let called = std::env::args_os().next().filter(|name| !name.is_empty());
    let called = called.map(|name| name.to_string_lossy().escape_debug().to_string());
    called.unwrap_or_else(|| "roshambo".into())
}
