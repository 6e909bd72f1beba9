//! The connection layer by itself: a loop that hands whole messages to a function and sends what it
//! answers.
//!
//! Connections are accepted, read, written and ended by the very code that serves the game; only
//! the game is missing. It is for tools that test the layer, such as an echo under a conformance
//! suite: it has no heartbeat and no drain, and it ends with its process.

use std::io;
use std::time::Instant;

use mio::{Events, Poll, Token};

use super::frames::{put_binary, put_pong, put_text};
use super::front::{Behind, Front, Word};
use super::gate::Gate;
use super::listen::{Buffers, Listener};
use super::sockets::{Alarm, Sockets};
use crate::config::Config;
use crate::model::ConnId;
use crate::time::Millis;

const LISTENER: Token = Token(usize::MAX - 1);

/// A whole message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Of text.
    Text(&'a str),
    /// Of bytes.
    Binary(&'a [u8]),
}

/// What to send for a message, if anything.
pub type Answer = for<'a> fn(Message<'a>) -> Option<Message<'a>>;

/// Serves for ever: each message goes to `answer`, and what it returns goes back.
///
/// Of the configuration the limits and time-outs of sockets count, and the base path.
///
/// # Errors
///
/// Only when the kernel refuses to poll.
pub fn serve(listener: Listener, config: &Config, answer: Answer) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut gate = Gate::new(vec![listener], false, Buffers::of(config))?;
    gate.register(poll.registry(), LISTENER)?;
    let registry = poll.registry().try_clone()?;
    let mut front = Front::new(config.clone(), registry, gate, answer);
    let started = Instant::now();
    let mut events = Events::with_capacity(1024);
    loop {
        match poll.poll(&mut events, front.patience()) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => (),
        }
        front.now = Millis(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
        for event in &events {
            match event.token() {
                LISTENER => front.gate.note(),
                _ => front.sockets.note(event),
            }
        }
        front.accept();
        front.read_all();
        while let Some((_, alarm)) = front.sockets.wheel.pop_due(front.now) {
            match alarm {
                Alarm::Socket(id) => front.on_timer(id),
                _ => front.accept_again(),
            }
        }
        front.write();
        front.sockets.sweep();
    }
}

impl Behind for Answer {
    fn hear(&mut self, now: Millis, conn: ConnId, word: Word<'_>, sockets: &mut Sockets) {
        let message = match word {
            Word::Text(text) => Message::Text(text),
            Word::Binary(bytes) => Message::Binary(bytes),
            Word::Violation(code, reason) => return sockets.close(now, conn, code, reason),
            Word::TooLate => return sockets.close(now, conn, 1012, "it ends"),
            Word::Ping(payload) => return sockets.put(conn, |tail| put_pong(tail, payload)),
            Word::Opened(..) | Word::Seen | Word::Closed => return,
        };
        match self(message) {
            Some(Message::Text(text)) => sockets.put(conn, |tail| put_text(tail, text)),
            Some(Message::Binary(bytes)) => sockets.put(conn, |tail| put_binary(tail, bytes)),
            None => (),
        }
    }

    fn rounds_of(&self, _conn: ConnId) -> u32 {
        0
    }
}
