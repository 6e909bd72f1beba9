//! Socket.IO packets inside Engine.IO messages, protocol revisions 4 (Engine.IO 3) and 5
//! (Engine.IO 4).
//!
//! Source: socket.io-protocol, "Packet encoding": type, namespace with a comma unless it is `/`,
//! acknowledgement id, JSON. No binary attachments, no other namespace than `/`.

use std::fmt::Write;

use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{Dialect, Inbound, event, json};
use crate::model::CloseReason;
use crate::model::ProblemCode;

/// Most digits of an acknowledgement id: what a JavaScript number holds exactly.
pub const ACK_DIGITS_MAX: usize = 15;

/// The server's disconnect packet: an official client that gets it does not come back by itself.
pub const DISCONNECT: &str = "41";
/// The server's connect packet of revision 4, which the client does not ask for.
pub const CONNECTED: &str = "40";

/// Reads one Socket.IO packet, the text after Engine.IO's `4`.
///
/// # Errors
///
/// 1008 for an unknown type, an acknowledgement id that is too long, or credentials that are not
/// JSON; 1003 for binary events and binary acknowledgements.
pub fn decode(dialect: Dialect, text: &str) -> Result<Inbound<'_>, CloseReason> {
    let Some(kind) = text.bytes().next() else {
        return Err(CloseReason::EmptyPacket);
    };
    // `kind` may be the first byte of a longer character; then there is no packet type either way.
    let rest = text.get(1..).unwrap_or_default();
    let (namespace, rest) = split_namespace(rest);
    match (kind, namespace) {
        (b'0' | b'2', Some(namespace)) => Ok(Inbound::OtherNamespace(namespace)),
        (b'1' | b'3', Some(_)) => Ok(Inbound::Nothing),
        (b'0', None) if dialect == Dialect::Eio3 => Ok(Inbound::Nothing),
        (b'0', None) if rest.is_empty() => Ok(Inbound::Connect { credentials: rest }),
        (b'0', None) => match serde_json::from_str::<IgnoredAny>(rest) {
            Ok(_) => Ok(Inbound::Connect { credentials: rest }),
            Err(_) => Err(CloseReason::BadCredentials),
        },
        (b'1', None) => Ok(Inbound::Disconnect),
        (b'2', None) => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if ACK_DIGITS_MAX < digits {
                return Err(CloseReason::LongAck);
            }
            let (ack, body) = rest.split_at_checked(digits).unwrap_or_default();
            Ok(Inbound::Event {
                ack: (!ack.is_empty()).then_some(ack),
                body,
            })
        }
        (b'3', None) => Ok(Inbound::Nothing),
        (b'5' | b'6', _) => Err(CloseReason::Binary),
        _ => Err(CloseReason::UnknownPacket),
    }
}

/// The signed token in the credentials of a connect packet, `{"token":…}`, not looked at yet.
#[must_use]
pub fn signed_token(credentials: &str) -> Option<Box<str>> {
    let credentials = serde_json::from_str::<&RawValue>(credentials).ok()?;
    let [token] = json::members(credentials, ["token"])?;
    token.map(json::text_or_written)
}

/// Splits `/chat?query,rest` into `/chat` and `rest`; the default namespace counts as none.
fn split_namespace(text: &str) -> (Option<&str>, &str) {
    if !text.starts_with('/') {
        return (None, text);
    }
    let (namespace, rest) = text.split_once(',').unwrap_or((text, ""));
    let name = namespace.split('?').next().unwrap_or_default();
    ((name != "/").then_some(name), rest)
}

/// Writes revision 5's answer to a connect packet, `40{"sid":…}`.
pub fn encode_connected(sid: &str, out: &mut String) {
    #[derive(Serialize)]
    struct Payload<'a> {
        sid: &'a str,
    }
    out.push_str(CONNECTED);
    event::write_json(&Payload { sid }, out);
}

/// Writes the answer to a packet for a namespace that does not exist.
pub fn encode_no_namespace(dialect: Dialect, namespace: &str, out: &mut String) {
    let payload = match dialect {
        Dialect::Eio4 => r#"{"message":"Invalid namespace"}"#,
        Dialect::Plain | Dialect::Eio3 => r#""Invalid namespace""#,
    };
    out.push_str("44");
    out.push_str(namespace);
    out.push(',');
    out.push_str(payload);
}

/// Writes an acknowledgement, `43ID[{"ok":…}]`.
pub fn encode_ack(id: &str, refusal: Option<ProblemCode>, out: &mut String) {
    // Digits, as `decode` made sure: nothing here needs escaping.
    let _ = match refusal {
        None => write!(out, r#"43{id}[{{"ok":true}}]"#),
        Some(code) => {
            let (code, message) = (code.as_str(), code.message());
            write!(
                out,
                r#"43{id}[{{"ok":false,"code":"{code}","message":"{message}"}}]"#
            )
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn a_token_is_found_among_credentials() {
        let rows = [
            ("", None),
            ("{}", None),
            ("[]", None),
            ("7", None),
            ("null", None),
            (r#"{"token":null}"#, None),
            (r#"{"token":"a.b.c"}"#, Some("a.b.c")),
            (r#"{"x":1,"\u0074oken":"a\u002eb"}"#, Some("a.b")),
            (r#"{"token":1,"token":"last"}"#, Some("last")),
            // It is no token, and its client is to be told.
            (r#"{"token":7}"#, Some("7")),
            (r#"{"token":{"a":1}}"#, Some(r#"{"a":1}"#)),
        ];
        for (credentials, want) in rows {
            assert_eq!(signed_token(credentials).as_deref(), want, "{credentials}");
        }
    }

    #[test]
    fn what_the_server_writes_is_byte_exact() {
        assert_eq!(
            written(|out| encode_connected("S", out)),
            r#"40{"sid":"S"}"#
        );
        assert_eq!(
            written(|out| encode_no_namespace(Dialect::Eio3, "/chat", out)),
            r#"44/chat,"Invalid namespace""#
        );
        assert_eq!(
            written(|out| encode_no_namespace(Dialect::Eio4, "/chat", out)),
            r#"44/chat,{"message":"Invalid namespace"}"#
        );
        assert_eq!(
            written(|out| encode_ack("12", None, out)),
            r#"4312[{"ok":true}]"#
        );
        assert_eq!(
            written(|out| encode_ack("1", Some(ProblemCode::NotPlaying), out)),
            r#"431[{"ok":false,"code":"not-playing","message":"there is nobody to play with right now"}]"#
        );
    }
}
