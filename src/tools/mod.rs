//! Plain clients of a running server, called by a subcommand of the same binary.
//!
//! Nothing here runs in serving mode, and nothing here knows the server's own types: a tool that
//! shared them would share their mistakes. Absent: hub, world, wire, the server's loop.

pub mod probe;
