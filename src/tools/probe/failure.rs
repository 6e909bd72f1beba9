//! What can go wrong on the way to a server, in words.
//!
//! Absent: what to do about it.

use std::fmt;
use std::io;
use std::time::Duration;

/// What went wrong.
#[derive(Debug)]
pub(super) enum Failure {
    /// The name has no address.
    Name(String),
    /// Nobody takes the connection.
    Connect(io::Error),
    /// TLS does not come about.
    #[cfg(feature = "tls")]
    Tls(TlsFault),
    /// A port that wants TLS was asked without.
    WantsTls,
    /// Asked without TLS, and sent to where it is: the status and the address.
    ToTls(u16, String),
    /// The answer sends elsewhere: the status and the address.
    Moved(u16, String),
    /// Another answer than 101.
    Status(u16),
    /// The answer is no HTTP, or it ended before there was one.
    Handshake(String),
    /// Nothing came for this long.
    Silence(Duration),
    /// The connection ended, after this long, with this close code if there was one.
    Ended(Duration, Option<u16>),
    /// The address with this letter leads to another instance, or to a server that is none.
    Astray(char),
    /// The first of these instances knows nothing of what is at the second one.
    Strangers(char, char),
    /// Something else came than what has to.
    Unexpected(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What comes from outside is shown with its control characters escaped.
        match self {
            Self::Name(reason) => write!(f, "the name cannot be resolved: {reason}"),
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            #[cfg(feature = "tls")]
            Self::Tls(fault) => write!(f, "{fault}"),
            Self::WantsTls => f.write_str("the port wants TLS"),
            Self::ToTls(status, place) | Self::Moved(status, place) => {
                write!(f, "status {status}, sent to {}", place.escape_debug())
            }
            Self::Status(status) => write!(f, "status {status} instead of 101"),
            Self::Handshake(reason) => {
                write!(f, "the handshake failed: {}", reason.escape_debug())
            }
            Self::Silence(time) => write!(f, "nothing came for {time:.0?}"),
            Self::Ended(time, Some(code)) => write!(f, "closed with {code} after {time:.1?}"),
            Self::Ended(time, None) => write!(f, "cut after {time:.1?}"),
            Self::Astray(letter) => write!(f, "?i={letter} does not lead to --instance {letter}"),
            Self::Strangers(one, other) => {
                write!(f, "{one} knows nothing of a room that is at {other}")
            }
            Self::Unexpected(text) => write!(f, "unexpected: {}", text.escape_debug()),
        }
    }
}

/// Why no TLS connection came about.
#[cfg(feature = "tls")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TlsFault {
    /// What answers is no TLS.
    NotTls,
    /// Nobody signed the certificate but its own key.
    SelfSigned,
    /// Nobody known signed it, and the certificate of who did (this name) was not sent.
    Gap(String),
    /// The chain is whole and ends at this authority, whom the system does not know.
    UnknownAuthority(String),
    /// It is another name's certificate; these.
    WrongName(Vec<String>),
    /// It, or one above it, is no longer valid.
    Expired(String),
    /// It will be valid, or this machine's clock is wrong.
    NotYet(String),
    /// Anything else, in the library's words.
    Other(String),
}

#[cfg(feature = "tls")]
impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names come from a certificate that nobody vouches for.
        match self {
            Self::NotTls => f.write_str("what answers there speaks no TLS"),
            Self::SelfSigned => f.write_str("the certificate is self-signed"),
            Self::Gap(issuer) => write!(
                f,
                "the chain has a gap: the certificate of {issuer:?}, who signed, was not sent"
            ),
            Self::UnknownAuthority(name) => {
                write!(
                    f,
                    "the chain ends at {name:?}, which this system does not know"
                )
            }
            Self::WrongName(names) => {
                write!(f, "the certificate is for another name, {names:?}")
            }
            Self::Expired(text) | Self::NotYet(text) => f.write_str(text),
            Self::Other(text) => write!(f, "TLS failed: {}", text.escape_debug()),
        }
    }
}

#[cfg(feature = "tls")]
impl std::error::Error for TlsFault {}

/// Whether an error is the end of patience.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
