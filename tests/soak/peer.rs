//! One socket of the crowd: bytes to frames, frames to what it knows about itself.
//!
//! It reads what a server sends and never trusts this end's own code for it: a few lines of RFC 6455.

use std::io::{ErrorKind, Read, Write};

use mio::net::TcpStream;

use crate::support::client::Dialect;
use crate::support::raw::{frame, upgrade_request};

/// Where a socket is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its handshake is not answered yet.
    Upgrading,
    /// It said `hello`, or is about to.
    Greeting,
    /// It has its `hi`.
    Idle,
    /// It asked for a round, or plays.
    Playing,
    /// It said goodbye, or was told to go.
    Closing,
    /// It is over.
    Gone,
}

/// What this end did and saw, to be compared with the server's own counters.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) opened: u64,
    pub(crate) said: u64,
    pub(crate) heard: u64,
    pub(crate) pings: u64,
    pub(crate) results: u64,
    pub(crate) resumed: u64,
    pub(crate) taken_over: u64,
}

/// One socket.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) socket: TcpStream,
    pub(crate) dialect: Dialect,
    /// Its uid, if it is an old client.
    old: Option<String>,
    /// The token it shows, then the one it has.
    pub(crate) token: Option<String>,
    pub(crate) stage: Stage,
    /// Another connection takes its session over: what it says from now on may not be counted.
    pub(crate) is_mute: bool,
    /// The server has read all that was said before [`ask`](Self::ask).
    pub(crate) is_answered: bool,
    /// How often it was pinged since.
    pub(crate) heartbeats: u32,
    unread: Vec<u8>,
    unsent: Vec<u8>,
}

impl Peer {
    /// A socket that is being connected; it asks for its upgrade at once.
    pub(crate) fn new(
        socket: TcpStream,
        dialect: Dialect,
        old: Option<String>,
        token: Option<String>,
    ) -> Self {
        Self {
            socket,
            dialect,
            old,
            token,
            stage: Stage::Upgrading,
            is_mute: false,
            is_answered: false,
            heartbeats: 0,
            unread: Vec::new(),
            unsent: upgrade_request(&dialect.target()),
        }
    }

    /// Whether sessions are for it.
    pub(crate) fn is_v2(&self) -> bool {
        self.old.is_none()
    }

    /// Sends an event.
    pub(crate) fn say(&mut self, event: &str, tally: &mut Tally) {
        let text = format!("{}{event}", self.dialect.prefix());
        self.say_text(&text, tally);
    }

    fn say_text(&mut self, text: &str, tally: &mut Tally) {
        // After its goodbye nothing counts.
        if !self.is_mute && self.stage != Stage::Closing {
            self.unsent.extend(frame(0x81, text.as_bytes()));
            tally.said += 1;
        }
    }

    /// Asks for a sign that all is read so far: a ping frame, which is no message and not counted.
    pub(crate) fn ask(&mut self) {
        self.unsent.extend(frame(0x89, b""));
        self.is_answered = false;
        self.heartbeats = 0;
    }

    /// Says goodbye.
    pub(crate) fn close(&mut self) {
        self.unsent.extend(frame(0x88, &[0x03, 0xe8]));
        self.stage = Stage::Closing;
    }

    /// Sends what waits, as far as the kernel takes it.
    pub(crate) fn send(&mut self) {
        while !self.unsent.is_empty() {
            match self.socket.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // Not connected yet: an event will tell.
                Err(error) if error.kind() == ErrorKind::NotConnected => return,
                // Whoever closes first does not hear the other one's last words.
                Err(_) if self.stage == Stage::Closing => return,
                Err(error) => panic!("{error} in {:?}", self.stage),
            }
        }
    }

    /// Reads what is there and answers it.
    pub(crate) fn receive(&mut self, tally: &mut Tally) {
        let mut buffer = [0; 4096];
        loop {
            match self.socket.read(&mut buffer) {
                Ok(0) => {
                    assert_eq!(self.stage, Stage::Closing, "an end without goodbye");
                    self.stage = Stage::Gone;
                    return;
                }
                Ok(count) => self.unread.extend(buffer.iter().take(count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::NotConnected => break,
                Err(error) => panic!("{error} in {:?}", self.stage),
            }
            self.understand(tally);
        }
        self.send();
    }

    fn understand(&mut self, tally: &mut Tally) {
        if self.stage == Stage::Upgrading {
            let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") else {
                return;
            };
            let head = String::from_utf8_lossy(&self.unread[..end]).into_owned();
            assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
            self.unread.drain(..end + 4);
            self.stage = Stage::Greeting;
            tally.opened += 1;
            if self.dialect == Dialect::Plain {
                self.greet(tally);
            }
        }
        while let Some((first, payload)) = self.next_frame() {
            match first {
                0x81 => {
                    let text = String::from_utf8(payload).expect("texts are UTF-8");
                    tally.heard += 1;
                    self.hear(&text, tally);
                }
                0x89 => {
                    tally.pings += 1;
                    self.heartbeats += 1;
                    self.unsent.extend(frame(0x8a, &payload));
                }
                0x8a => self.is_answered = true,
                0x88 => {
                    let code = payload.first_chunk().copied().map(u16::from_be_bytes);
                    tally.taken_over += u64::from(code == Some(4001));
                    if self.stage != Stage::Closing {
                        assert_eq!(code, Some(4001), "closed in {:?}", self.stage);
                        self.unsent.extend(frame(0x88, &payload[..2]));
                        self.stage = Stage::Closing;
                    }
                }
                other => panic!("a frame that starts with {other:02x}"),
            }
        }
    }

    fn next_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (first, short) = (*self.unread.first()?, *self.unread.get(1)?);
        let (start, length) = match short {
            0..126 => (2, usize::from(short)),
            126 => {
                let long: [u8; 2] = self.unread.get(2..4)?.try_into().ok()?;
                (4, usize::from(u16::from_be_bytes(long)))
            }
            _ => panic!("a frame of {short:02x}"),
        };
        let payload = self.unread.get(start..start + length)?.to_vec();
        self.unread.drain(..start + length);
        Some((first, payload))
    }

    fn greet(&mut self, tally: &mut Tally) {
        let hello = match (&self.old, &self.token) {
            (Some(uid), _) => format!(r#"["hello",{{"user":{{"uid":"{uid}","uname":"{uid}"}}}}]"#),
            (None, Some(token)) => {
                format!(r#"["hello",{{"user":{{"uname":"Vic"}},"v":2,"session":"{token}"}}]"#)
            }
            (None, None) => r#"["hello",{"user":{"uname":"Vic"},"v":2}]"#.into(),
        };
        self.say(&hello, tally);
    }

    fn hear(&mut self, text: &str, tally: &mut Tally) {
        match text {
            "2" => {
                tally.pings += 1;
                self.heartbeats += 1;
                return self.say_text("3", tally);
            }
            "40" => return self.greet(tally),
            // As official clients do; the server's close frame comes a moment later.
            "41" if self.stage != Stage::Closing => return self.close(),
            "41" => return,
            _ if text.starts_with("40{") => return self.greet(tally),
            _ if text.starts_with("0{") => {
                if self.dialect == Dialect::Eio4 {
                    self.say_text("40", tally);
                }
                return;
            }
            _ => (),
        }
        let event = text.strip_prefix(self.dialect.prefix()).unwrap_or(text);
        let name = event.split('"').nth(1).unwrap_or_default();
        match name {
            "hi" => {
                if let Some((_, rest)) = event.split_once(r#""session":""#) {
                    let shown = self.token.take();
                    self.token = rest.split('"').next().map(str::to_owned);
                    let resumed = event.contains(r#""resumed":true"#);
                    assert!(!resumed || shown == self.token, "{event}");
                    tally.resumed += u64::from(resumed);
                }
                if self.stage == Stage::Greeting {
                    self.stage = Stage::Idle;
                }
            }
            "start" if self.stage != Stage::Closing => {
                self.stage = Stage::Playing;
                self.say(r#"["choice",{"choice":2}]"#, tally);
            }
            "result" => {
                tally.results += 1;
                if self.stage == Stage::Playing {
                    self.stage = Stage::Idle;
                }
            }
            "movement" | "leave" | "room" | "bye" | "start" | "pong" => (),
            // A `join` may cross the `start` of a rematch.
            "problem" if event.contains("already-playing") => (),
            _ => panic!("{text}"),
        }
    }
}
