//! Why a token is none, in a sentence for the developer who signed it.
//!
//! Nothing of a key is told, and of a token only what whoever sent it knows. Absent: how it is
//! found out.

use std::fmt;

use super::{LEEWAY_S, TOKEN_BYTES_MAX};
use crate::model::TokenOutcome;

/// Why a token is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// This server has no keys.
    NoKeys,
    /// This server does not know what time it is.
    NoClock,
    /// So many bytes.
    TooLong(usize),
    /// So many parts with dots between them.
    Parts(usize),
    /// It is not base64url.
    Encoding(Part),
    /// It is no JSON object.
    NoObject(Part),
    /// A name stands there twice; what it is, as far as it can be repeated.
    Twice(Part, Box<str>),
    /// Another algorithm; which, as far as it can be repeated.
    Algorithm(Option<Box<str>>),
    /// It has extensions that must be understood.
    Critical,
    /// Another key signed it, or it was changed since.
    Signature,
    /// A claim that is needed is not there.
    Missing(&'static str),
    /// A claim that is not what it has to be.
    Kind(&'static str, &'static str),
    /// It can name nobody.
    Sub,
    /// Its time is over.
    Expired {
        /// For so many seconds.
        since_s: u64,
    },
    /// Its time has not come.
    Early {
        /// Says so.
        claim: &'static str,
        /// It comes in so many seconds.
        in_s: u64,
    },
    /// It is for somebody, and this server was not told that it is that.
    UnaskedAudience,
    /// It is for somebody else.
    OtherAudience,
    /// None came, where one is needed to go on as the person whose session it is.
    Absent,
}

/// A part of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Header,
    Payload,
    Signature,
}

impl Refusal {
    /// As what it is counted.
    #[must_use]
    pub fn outcome(&self) -> TokenOutcome {
        match self {
            Self::NoKeys => TokenOutcome::NoKeys,
            Self::NoClock => TokenOutcome::NoClock,
            Self::TooLong(_)
            | Self::Parts(_)
            | Self::Encoding(_)
            | Self::NoObject(_)
            | Self::Twice(..) => TokenOutcome::Malformed,
            Self::Algorithm(_) | Self::Critical => TokenOutcome::Algorithm,
            Self::Signature => TokenOutcome::Signature,
            Self::UnaskedAudience | Self::OtherAudience | Self::Missing("aud") => {
                TokenOutcome::Audience
            }
            Self::Missing(_) | Self::Kind(..) | Self::Sub => TokenOutcome::Claims,
            Self::Expired { .. } => TokenOutcome::Expired,
            Self::Early { .. } => TokenOutcome::Early,
            Self::Absent => TokenOutcome::Absent,
        }
    }

    pub(super) fn algorithm(named: Option<&str>) -> Self {
        Self::Algorithm(named.map(repeatable))
    }

    pub(super) fn twice(part: Part, name: &str) -> Self {
        Self::Twice(part, repeatable(name))
    }
}

/// As much of a text of the peer's as a message repeats: it is read in consoles and logs.
fn repeatable(text: &str) -> Box<str> {
    let plain = |character: &char| character.is_ascii_alphanumeric() || *character == '-';
    let text: String = text.chars().filter(plain).take(16).collect();
    text.into()
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKeys => f.write_str("this server takes no tokens: it has no --token-key"),
            Self::NoClock => {
                f.write_str("the server's clock is not set, so no token can be judged")
            }
            Self::TooLong(bytes) => write!(
                f,
                "the token has {bytes} bytes, {TOKEN_BYTES_MAX} are the most"
            ),
            Self::Parts(count) => write!(
                f,
                "a token is three parts with dots between them (RFC 7515), this one has {count}"
            ),
            Self::Encoding(part) => write!(
                f,
                "its {part} is not base64url without padding (RFC 7515, section 2)"
            ),
            Self::NoObject(part) => write!(f, "its {part} is no JSON object"),
            Self::Twice(part, name) => write!(f, "its {part} has \"{name}\" twice"),
            Self::Algorithm(None) => f.write_str("its header has no alg; HS256 is needed"),
            Self::Algorithm(Some(name)) => write!(f, "its alg is \"{name}\", not HS256"),
            Self::Critical => f.write_str("its header has crit, and no extension is known here"),
            Self::Signature => f.write_str(
                "its signature is not of this server's key: another key, or other bytes of it",
            ),
            Self::Missing(claim) => write!(f, "its claim {claim} is missing"),
            Self::Kind(claim, kind) => write!(f, "its claim {claim} is not {kind}"),
            Self::Sub => {
                f.write_str("its claim sub has to be 1 to 64 bytes without control characters")
            }
            Self::Expired { since_s } => write!(
                f,
                "its claim exp was {} ago by the server's clock",
                Span(*since_s)
            ),
            Self::Early { claim, in_s } => write!(
                f,
                "its claim {claim} is {} ahead of the server's clock, {LEEWAY_S} s are the most",
                Span(*in_s)
            ),
            Self::UnaskedAudience => {
                f.write_str("its claim aud is for a server with --token-audience, this has none")
            }
            Self::OtherAudience => {
                f.write_str("its claim aud is not this server's --token-audience")
            }
            Self::Absent => {
                f.write_str("no token came, and this session is a person's: it stays so")
            }
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        })
    }
}

/// Seconds in the unit that shows most.
struct Span(u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            seconds @ ..120 => write!(f, "{seconds} s"),
            seconds @ ..7_200 => write!(f, "{} min", seconds / 60),
            seconds @ ..172_800 => write!(f, "{} h", seconds / 3_600),
            seconds => write!(f, "{} d", seconds / 86_400),
        }
    }
}
