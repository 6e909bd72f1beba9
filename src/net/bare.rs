//! The connection layer by itself: a loop that hands whole messages to a function and sends what it
//! answers.
//!
//! Connections are accepted, read, written and ended by the very code that serves the game; only
//! the game is missing. It is for tools that test the layer, such as an echo under a conformance
//! suite: it has no heartbeat and no drain, and it ends with its process.

use std::io;
use std::time::Instant;

use mio::{Events, Poll, Token};

use super::entrance::Entrance;
use super::frames::{put_binary, put_pong, put_text};
use super::gate::{Gate, Way};
use super::life::Life;
use super::listen::{Buffers, Listener};
use super::reader::{Reader, Turn};
use super::sockets::{Alarm, Sockets};
use crate::config::Config;
use crate::hub::Input;
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
    let mut gate = Gate::new(vec![(listener, Way::Plain)], false, Buffers::of(config))?;
    gate.register(poll.registry(), LISTENER)?;
    let registry = poll.registry().try_clone()?;
    let mut entrance = Entrance::new(config, gate);
    let mut reader = Reader::new(config, None);
    let mut sockets = Sockets::new(registry, config);
    let started = Instant::now();
    let mut events = Events::with_capacity(1024);
    let mut now = Millis::ZERO;
    loop {
        match poll.poll(&mut events, entrance.patience(now, &sockets)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => (),
        }
        now = Millis(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
        for event in &events {
            match event.token() {
                LISTENER => entrance.gate.note(),
                _ => sockets.note(event),
            }
        }
        let turn = Turn {
            now,
            life: Life::Serving,
            handed: false,
            store_away: false,
        };
        let mut hear = |sockets: &mut Sockets, input: Input<'_>| hear(now, input, sockets, answer);
        entrance.accept(now, turn.life, &mut sockets);
        reader.read_all(turn, &mut sockets, &mut hear);
        while let Some((_, alarm)) = sockets.wheel.pop_due(now) {
            match alarm {
                Alarm::Socket(id) => reader.on_timer(now, id, &mut sockets),
                _ => entrance.accept_again(),
            }
        }
        sockets.write(now, &mut hear);
        sockets.sweep();
    }
}

/// Sends what is answered to a message, and ends who is to be ended.
fn hear(now: Millis, input: Input<'_>, sockets: &mut Sockets, answer: Answer) {
    let (conn, answered) = match input {
        Input::Text { conn, text } => (conn, answer(Message::Text(text))),
        Input::Binary { conn, bytes } => (conn, answer(Message::Binary(bytes))),
        Input::Violation { conn, reason } => return sockets.close(now, conn, reason),
        Input::Ping { conn, payload } => return sockets.put(conn, |tail| put_pong(tail, payload)),
        Input::Left { conn } => return sockets.end(now, conn),
        // The sockets drop it; and there are no timers, no drain and no heartbeat here.
        _ => return,
    };
    match answered {
        Some(Message::Text(text)) => sockets.put(conn, |tail| put_text(tail, text)),
        Some(Message::Binary(bytes)) => sockets.put(conn, |tail| put_binary(tail, bytes)),
        None => (),
    }
}
