//! The store: what any engine has to do, what a file has to be, and what an outage must not lose.
//!
//! - `cases`: one list, run against every engine, and against each of them in several ways;
//! - `commands`: `roshambo store …`;
//! - `file`: what lies on the disk, what is refused, and what other programs may do meanwhile;
//! - `persons`: the same list, for persons and the board;
//! - `shared`: what a Redis has to be, and what becomes of an outage;
//! - `trials`: mounts, full disks and missing rights, each in a process of its own;
//! - `ways`: the engines under test.

mod cases;
mod commands;
mod file;
mod persons;
#[cfg(feature = "redis")]
#[path = "../support/redis.rs"]
mod redis;
#[cfg(feature = "redis")]
mod shared;
mod trials;
mod ways;
