//! roshambo: rock-paper-scissors over a long-lived WebSocket.

pub mod config;
pub mod hub;
pub mod metrics;
pub mod model;
pub mod session;
pub mod slots;
pub mod time;
pub mod wire;
pub mod world;
