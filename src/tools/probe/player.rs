//! One connection of the probe's, as a player would open it.
//!
//! Absent: what is asked of it, and what a failure means.

use std::time::{Duration, Instant};

use tungstenite::error::Error;
use tungstenite::handshake::HandshakeError;
use tungstenite::http::Response;
use tungstenite::{Message, WebSocket};

use super::failure::{Failure, is_timeout};
use super::stream::Stream;
use super::{PATIENCE, Target};

/// A connection and when it was opened.
pub(super) struct Player {
    socket: WebSocket<Stream>,
    since: Instant,
}

impl Player {
    /// Opens a socket at BASE and this rest of the address.
    pub(super) fn connect(target: &Target, rest: &str) -> Result<Self, Failure> {
        let stream = Stream::open(target)?;
        // The way is there already; the scheme changes nothing in what is asked.
        let url = format!("ws://{}{}{rest}", target.host, target.base);
        let since = Instant::now();
        match tungstenite::client(url, stream) {
            Ok((socket, _)) => Ok(Self { socket, since }),
            Err(HandshakeError::Failure(Error::Http(answer))) => Err(refusal(target, &answer)),
            Err(HandshakeError::Failure(error)) => Err(Failure::Handshake(error.to_string())),
            Err(HandshakeError::Interrupted(_)) => Err(Failure::Silence(since.elapsed())),
        }
    }

    /// Says hello as a v2 client and is welcomed.
    pub(super) fn greet(&mut self) -> Result<String, Failure> {
        self.say(r#"["hello",{"v":2,"user":{"uname":"probe","uavatar":""}}]"#)?;
        self.expect(r#"["hi","#)
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

    /// Reads messages until something is refused.
    pub(super) fn hear_problem(&mut self) -> Result<String, Failure> {
        match self.expect(r#"["problem","#) {
            Err(Failure::Unexpected(text)) if text.starts_with(r#"["problem","#) => Ok(text),
            told => told,
        }
    }

    /// Says nothing of its own for so long; pings are answered.
    pub(super) fn idle(&mut self, time: Duration) -> Result<(), Failure> {
        let began = Instant::now();
        while let Some(left) = time
            .checked_sub(began.elapsed())
            .filter(|left| !left.is_zero())
        {
            let set = self.socket.get_ref().set_read_timeout(left);
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
        let set = self.socket.get_ref().set_read_timeout(PATIENCE);
        set.map_err(Failure::Connect)
    }

    /// Closes politely; what becomes of it does not matter.
    pub(super) fn close(mut self) {
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

/// What an answer that is no 101 says.
fn refusal(target: &Target, answer: &Response<Option<Vec<u8>>>) -> Failure {
    let status = answer.status().as_u16();
    let place = answer.headers().get("location");
    if let (300..=399, Some(place)) = (status, place) {
        let place: String = String::from_utf8_lossy(place.as_bytes()).into();
        return match !target.secure && place.starts_with("https:") {
            true => Failure::ToTls(status, place),
            false => Failure::Moved(status, place),
        };
    }
    // nginx says so in the page that it sends.
    let body = answer.body().as_deref().unwrap_or_default();
    match String::from_utf8_lossy(body).contains("plain HTTP request was sent to HTTPS port") {
        true => Failure::WantsTls,
        false => Failure::Status(status),
    }
}
