//! Text ⇄ typed, without state.

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// JSON events as they are.
    Plain,
    /// Socket.IO over Engine.IO protocol 3.
    Eio3,
    /// Socket.IO over Engine.IO protocol 4.
    Eio4,
}
