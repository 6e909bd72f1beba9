//! Text ⇄ typed: what stands on the wire, and what it means.
//!
//! No state, no rules, no time, no sockets. A connection speaks one [`Dialect`]; an event is the
//! same JSON text in all of them:
//!
//! | dialect | an event on the wire | opened by |
//! |---|---|---|
//! | plain | `["start",{…}]` | nothing |
//! | EIO3 | `42["start",{…}]` | `0{…}`, then `40` from the server |
//! | EIO4 | `42["start",{…}]` | `0{…}` from the server, `40` from the client, `40{…}` back |
//!
//! What follows is the whole contract with the clients, of which this module is the letters;
//! `tests/wire_examples.rs` plays its examples.
#![doc = include_str!("reference.md")]

pub mod engine_io;
pub mod event;
mod json;
pub mod socket_io;

use std::fmt;

use crate::model::CloseReason;
pub use crate::model::Dialect;

impl Dialect {
    /// What stands before an event's JSON text.
    #[must_use]
    pub fn event_prefix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Eio3 | Self::Eio4 => "42",
        }
    }

    /// Whether packets of Engine.IO and Socket.IO carry the events.
    #[must_use]
    pub fn is_socket_io(self) -> bool {
        self != Self::Plain
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one text message of a client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inbound<'a> {
    /// An event; `body` is its JSON text, not looked at yet.
    Event {
        /// The digits to answer with, where an acknowledgement is wanted.
        ack: Option<&'a str>,
        /// From the opening bracket on.
        body: &'a str,
    },
    /// Engine.IO `2`: wants a `3`.
    Ping,
    /// Engine.IO 4 `40`: wants to enter the default namespace.
    Connect {
        /// The JSON text behind it, if there is one.
        credentials: &'a str,
    },
    /// Something for another namespace than the default one, named here without its query.
    OtherNamespace(&'a str),
    /// The client says good-bye.
    Disconnect,
    /// A packet that asks for nothing.
    Nothing,
}

/// Reads one text message of a client.
///
/// # Errors
///
/// The fault to close with, for what is no packet of the dialect. An event's body is read by
/// [`event::decode`].
pub fn decode(dialect: Dialect, text: &str) -> Result<Inbound<'_>, CloseReason> {
    if dialect == Dialect::Plain {
        return Ok(Inbound::Event {
            ack: None,
            body: text,
        });
    }
    Ok(match engine_io::decode(text)? {
        engine_io::Packet::Close => Inbound::Disconnect,
        engine_io::Packet::Ping => Inbound::Ping,
        engine_io::Packet::Pong | engine_io::Packet::Noop => Inbound::Nothing,
        engine_io::Packet::Message(message) => socket_io::decode(dialect, message)?,
    })
}

#[cfg(test)]
mod tests {
    use super::Dialect::{Eio3, Eio4, Plain};
    use super::*;

    #[track_caller]
    fn check(dialects: &[Dialect], text: &str, want: Result<Inbound<'_>, u16>) {
        for &dialect in dialects {
            assert_eq!(
                decode(dialect, text).map_err(CloseReason::code),
                want,
                "{dialect}: {text:?}"
            );
        }
    }

    #[test]
    fn every_packet_a_client_may_send() {
        let event = |ack, body| Ok(Inbound::Event { ack, body });
        check(&[Plain], "[\"join\"]", event(None, "[\"join\"]"));
        check(&[Plain], "", event(None, ""));
        let both = &[Eio3, Eio4];
        check(both, "1", Ok(Inbound::Disconnect));
        check(both, "2", Ok(Inbound::Ping));
        check(both, "2probe", Ok(Inbound::Ping));
        check(both, "3", Ok(Inbound::Nothing));
        check(both, "3probe", Ok(Inbound::Nothing));
        check(both, "6", Ok(Inbound::Nothing));
        check(both, "41", Ok(Inbound::Disconnect));
        check(both, "42[\"join\"]", event(None, "[\"join\"]"));
        check(both, "427[\"join\"]", event(Some("7"), "[\"join\"]"));
        check(
            both,
            "42123456789012345[\"join\"]",
            event(Some("123456789012345"), "[\"join\"]"),
        );
        check(both, "42/,[\"join\"]", event(None, "[\"join\"]"));
        check(both, "42/,5[\"join\"]", event(Some("5"), "[\"join\"]"));
        check(both, "43[]", Ok(Inbound::Nothing));
        check(both, "4312[{}]", Ok(Inbound::Nothing));
        check(&[Eio3], "40", Ok(Inbound::Nothing));
        check(&[Eio3], "40?token=x", Ok(Inbound::Nothing));
        let connect = |credentials| Ok(Inbound::Connect { credentials });
        check(&[Eio4], "40", connect(""));
        let token = "40{\"token\":\"x\"}";
        check(&[Eio4], token, connect("{\"token\":\"x\"}"));
        check(&[Eio4], "40/,{}", connect("{}"));
    }

    #[test]
    fn other_namespaces_are_named_without_their_query() {
        let both = &[Eio3, Eio4];
        for text in [
            "40/chat",
            "40/chat,",
            "40/chat?token=x,{}",
            "40/chat,{}",
            "42/chat,[\"join\"]",
            "42/chat,7[]",
        ] {
            check(both, text, Ok(Inbound::OtherNamespace("/chat")));
        }
        check(both, "41/chat", Ok(Inbound::Nothing));
        check(both, "41/chat,", Ok(Inbound::Nothing));
        check(both, "43/chat,1[]", Ok(Inbound::Nothing));
        check(both, "41/", Ok(Inbound::Disconnect));
    }

    #[test]
    fn what_is_no_packet_is_a_fault() {
        let both = &[Eio3, Eio4];
        for text in [
            "",
            "0",
            "0{}",
            "5",
            "7",
            "9",
            "x",
            "é2",
            "[\"join\"]",
            " 42[]",
            "4",
            "44",
            "44{}",
            "47",
            "4x",
            "4é",
            "421234567890123456[\"join\"]",
            "-1",
        ] {
            check(both, text, Err(1008));
        }
        check(&[Eio4], "40garbage", Err(1008));
        check(&[Eio4], "40{\"a\":", Err(1008));
        for text in [
            "451-[\"x\",{\"_placeholder\":true,\"num\":0}]",
            "45",
            "461-1[]",
        ] {
            check(both, text, Err(1003));
        }
        check(both, "b4AAAA", Err(1003));
    }
}
