//! Engine.IO packets, protocol revisions 3 and 4, over the WebSocket transport.
//!
//! Source: engine.io-protocol, revisions 3 and 4, "Packet": one digit, then the payload. Both
//! revisions use the same digits; they differ in who pings (3: the client, 4: the server).
//! No heartbeat lives here, only its packets.

use serde::Serialize;

use super::{Dialect, event};
use crate::model::CloseReason;

/// What one Engine.IO packet of a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// `1`: the client ends the transport.
    Close,
    /// `2`, whatever follows.
    Ping,
    /// `3`, whatever follows.
    Pong,
    /// `4`: a Socket.IO packet.
    Message(&'a str),
    /// `6`: nothing at all.
    Noop,
}

/// The server's ping in revision 4.
pub const PING: &str = "2";
/// The answer to a client's ping.
pub const PONG: &str = "3";

/// Splits a text message into packet type and payload.
///
/// # Errors
///
/// 1008 for no type, for one that only a server sends (`0`) or that belongs to other transports
/// (`5`), and for unknown ones; 1003 for `b`, revision 3's binary data in base64.
pub fn decode(text: &str) -> Result<Packet<'_>, CloseReason> {
    match text.bytes().next() {
        Some(b'1') => Ok(Packet::Close),
        Some(b'2') => Ok(Packet::Ping),
        Some(b'3') => Ok(Packet::Pong),
        Some(b'4') => Ok(Packet::Message(text.get(1..).unwrap_or_default())),
        Some(b'6') => Ok(Packet::Noop),
        Some(b'b') => Err(CloseReason::Binary),
        Some(_) => Err(CloseReason::UnknownPacket),
        None => Err(CloseReason::EmptyPacket),
    }
}

/// What the open packet announces.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// Engine.IO's session id.
    pub sid: &'a str,
    /// Milliseconds between pings.
    pub ping_interval_ms: u64,
    /// Milliseconds to wait for the other side's sign of life.
    pub ping_timeout_ms: u64,
    /// Longest message in bytes; revision 4 only.
    pub max_payload: usize,
}

/// Writes the open packet, `0{…}`.
pub fn encode_open(dialect: Dialect, opening: Opening<'_>, out: &mut String) {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Payload<'a> {
        sid: &'a str,
        upgrades: [(); 0],
        ping_interval: u64,
        ping_timeout: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        max_payload: Option<usize>,
    }
    out.push('0');
    let payload = Payload {
        sid: opening.sid,
        upgrades: [],
        ping_interval: opening.ping_interval_ms,
        ping_timeout: opening.ping_timeout_ms,
        max_payload: (dialect == Dialect::Eio4).then_some(opening.max_payload),
    };
    event::write_json(&payload, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_open_packet_is_byte_exact() {
        let opening = Opening {
            sid: "S",
            ping_interval_ms: 25_000,
            ping_timeout_ms: 60_000,
            max_payload: 4096,
        };
        let mut out = String::new();
        encode_open(Dialect::Eio3, opening, &mut out);
        assert_eq!(
            out,
            r#"0{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":60000}"#
        );
        out.clear();
        encode_open(Dialect::Eio4, opening, &mut out);
        let want = r#"0{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":60000,"maxPayload":4096}"#;
        assert_eq!(out, want);
    }
}
