//! roshambo: rock-paper-scissors over a long-lived WebSocket.

pub mod config;
pub mod hub;
pub mod model;
pub mod net;
pub mod slots;
pub mod time;
pub mod wheel;
pub mod wire;
