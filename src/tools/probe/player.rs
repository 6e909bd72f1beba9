//! One connection of the probe's, as a player would open it.
//!
//! Absent: what is asked of it, and what a failure means.

use std::fmt;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use tungstenite::error::Error;
use tungstenite::handshake::HandshakeError;
use tungstenite::{Message, WebSocket};

use super::{PATIENCE, Target};

/// What went wrong.
#[derive(Debug)]
pub(super) enum Failure {
    /// The name has no address.
    Name(String),
    /// Nobody takes the connection.
    Connect(io::Error),
    /// Another answer than 101.
    Status(u16),
    /// The answer is no HTTP, or it ended before there was one.
    Handshake(String),
    /// Nothing came for this long.
    Silence(Duration),
    /// The connection ended, after this long, with this close code if there was one.
    Ended(Duration, Option<u16>),
    /// Something else came than what has to.
    Unexpected(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What comes from outside is shown with its control characters escaped.
        match self {
            Self::Name(reason) => write!(f, "the name cannot be resolved: {reason}"),
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::Status(status) => write!(f, "status {status} instead of 101"),
            Self::Handshake(reason) => {
                write!(f, "the handshake failed: {}", reason.escape_debug())
            }
            Self::Silence(time) => write!(f, "nothing came for {time:.0?}"),
            Self::Ended(time, Some(code)) => write!(f, "closed with {code} after {time:.1?}"),
            Self::Ended(time, None) => write!(f, "cut after {time:.1?}"),
            Self::Unexpected(text) => write!(f, "unexpected: {}", text.escape_debug()),
        }
    }
}

/// A connection and when it was opened.
pub(super) struct Player {
    socket: WebSocket<TcpStream>,
    since: Instant,
}

impl Player {
    /// Opens a socket at BASE and this rest of the address.
    pub(super) fn connect(target: &Target, rest: &str) -> Result<Self, Failure> {
        let addresses = target.authority.to_socket_addrs();
        let addresses = addresses.map_err(|error| Failure::Name(error.to_string()))?;
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        let mut stream = None;
        for address in addresses {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(opened) => {
                    stream = Some(opened);
                    break;
                }
                Err(error) => last = error,
            }
        }
        let stream = stream.ok_or(Failure::Connect(last))?;
        let prepared = stream
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
            .and_then(|()| stream.set_nodelay(true));
        prepared.map_err(Failure::Connect)?;
        let url = format!("ws://{}{}{rest}", target.host, target.base);
        let since = Instant::now();
        match tungstenite::client(url, stream) {
            Ok((socket, _)) => Ok(Self { socket, since }),
            Err(HandshakeError::Failure(Error::Http(answer))) => {
                Err(Failure::Status(answer.status().as_u16()))
            }
            Err(HandshakeError::Failure(error)) => Err(Failure::Handshake(error.to_string())),
            Err(HandshakeError::Interrupted(_)) => Err(Failure::Silence(since.elapsed())),
        }
    }

    /// Says hello as a v2 client and is welcomed.
    pub(super) fn greet(&mut self) -> Result<(), Failure> {
        self.say(r#"["hello",{"v":2,"user":{"uname":"probe","uavatar":""}}]"#)?;
        self.expect(r#"["hi","#).map(drop)
    }

    pub(super) fn say(&mut self, text: &str) -> Result<(), Failure> {
        let sent = self.socket.send(Message::text(text));
        sent.map_err(|error| self.explain(&error, Instant::now()))
    }

    /// Reads messages until one begins like this; `problem` and the end of patience are failures.
    pub(super) fn expect(&mut self, beginning: &str) -> Result<String, Failure> {
        let asked = Instant::now();
        loop {
            let message = self.socket.read();
            match message {
                Ok(Message::Text(text)) if text.starts_with(beginning) => {
                    return Ok(text.as_str().to_owned());
                }
                Ok(Message::Text(text)) if text.contains("[\"problem\",") => {
                    return Err(Failure::Unexpected(text.as_str().to_owned()));
                }
                Ok(Message::Close(frame)) => {
                    let code = frame.map(|frame| frame.code.into());
                    return Err(Failure::Ended(self.since.elapsed(), code));
                }
                // Other players' doings, pings; a server that says only those is silent, too.
                Ok(_) if asked.elapsed() < PATIENCE => (),
                Ok(_) => return Err(Failure::Silence(asked.elapsed())),
                Err(error) => return Err(self.explain(&error, asked)),
            }
        }
    }

    /// Says nothing of its own for so long; pings are answered.
    pub(super) fn idle(&mut self, time: Duration) -> Result<(), Failure> {
        let began = Instant::now();
        while let Some(left) = time
            .checked_sub(began.elapsed())
            .filter(|left| !left.is_zero())
        {
            let set = self.socket.get_ref().set_read_timeout(Some(left));
            set.map_err(Failure::Connect)?;
            match self.socket.read() {
                Ok(Message::Close(frame)) => {
                    let code = frame.map(|frame| frame.code.into());
                    return Err(Failure::Ended(began.elapsed(), code));
                }
                Ok(_) => (),
                Err(Error::Io(error)) if is_timeout(&error) => (),
                Err(_) => return Err(Failure::Ended(began.elapsed(), None)),
            }
        }
        let set = self.socket.get_ref().set_read_timeout(Some(PATIENCE));
        set.map_err(Failure::Connect)
    }

    /// Closes politely; what becomes of it does not matter.
    pub(super) fn leave(mut self) {
        let _ = self.socket.close(None);
        let _ = self.socket.flush();
    }

    fn explain(&self, error: &Error, asked: Instant) -> Failure {
        match error {
            Error::Io(error) if is_timeout(error) => Failure::Silence(asked.elapsed()),
            Error::Io(_) | Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(_) => {
                Failure::Ended(self.since.elapsed(), None)
            }
            other => Failure::Unexpected(other.to_string()),
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
