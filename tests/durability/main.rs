//! A point once told is never lost, however its process ends and whatever becomes of its disk.
//!
//! The real binary, real files, real deaths. `kills` ends it again and again; `outages` takes its
//! disk away and gives it back; `players` remember what they were told.

mod kills;
mod outages;
mod players;
#[cfg(feature = "redis")]
mod relay;
#[path = "../support/mod.rs"]
mod support;
