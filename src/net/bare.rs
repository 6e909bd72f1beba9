//! The connection layer by itself: a loop that hands whole messages to a function and sends what it
//! answers.
//!
//! Heads, frames, queues, limits and closings are the same as the game's; only the game is missing.
//! It is for tools that test the layer, such as an echo under a conformance suite: it has no
//! heartbeat and no drain, and it ends with its process.

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use super::conn::{Phase, RECV_BYTES, Received};
use super::frames::{Decoder, Fragments, Step, put_binary, put_text};
use super::http::{self, Context, Decision, HEAD_BYTES_MAX, Page};
use super::listen::Listener;
use super::peers::{Crowd, Peer};
use super::server::RESERVE;
use super::sockets::{Alarm, Failure, Sockets};
use crate::config::Config;
use crate::model::ConnId;
use crate::time::Millis;

/// Most frames taken from one connection in a turn.
const FRAMES_MAX: usize = 64;
/// How long not to accept after descriptors ran out.
const ACCEPT_PAUSE_MS: u64 = 500;

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
    let poll = Poll::new()?;
    let mut listener = listener;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let decoder = Decoder::new(config.max_message);
    let buffer_bytes = HEAD_BYTES_MAX.max(decoder.frame_bytes_max()) + RECV_BYTES;
    let mut bare = Bare {
        config,
        page: Page::new(&config.base_path, false),
        listener,
        sockets: Sockets::new(poll.registry().try_clone()?, config),
        decoder,
        buffer: vec![0; buffer_bytes],
        now: Millis::ZERO,
        accept_waits: false,
        accept_paused: false,
        answer,
    };
    let (mut poll, started) = (poll, Instant::now());
    let mut events = Events::with_capacity(1024);
    loop {
        match poll.poll(&mut events, bare.patience()) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => (),
        }
        bare.now = Millis(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
        bare.turn(&events);
    }
}

struct Bare<'c> {
    config: &'c Config,
    page: Page,
    listener: Listener,
    sockets: Sockets,
    decoder: Decoder,
    buffer: Vec<u8>,
    now: Millis,
    accept_waits: bool,
    accept_paused: bool,
    answer: Answer,
}

impl Bare<'_> {
    fn patience(&self) -> Option<Duration> {
        if !self.sockets.ready.is_empty() || self.may_accept() {
            return Some(Duration::ZERO);
        }
        let wakeup = self.sockets.wheel.next_wakeup()?;
        Some(Duration::from_millis(wakeup.since(self.now)))
    }

    fn may_accept(&self) -> bool {
        let room = self.config.max_connections.saturating_add(RESERVE);
        self.accept_waits && !self.accept_paused && self.sockets.len() < room
    }

    fn turn(&mut self, events: &Events) {
        for event in events {
            match event.token() {
                LISTENER => self.accept_waits = true,
                _ => self.sockets.note(event),
            }
        }
        while self.may_accept() {
            self.accept();
        }
        for index in std::mem::take(&mut self.sockets.ready) {
            let mut buffer = std::mem::take(&mut self.buffer);
            self.read(index, &mut buffer);
            self.buffer = buffer;
            self.sockets.list(index);
        }
        while let Some((_, alarm)) = self.sockets.wheel.pop_due(self.now) {
            match alarm {
                Alarm::Socket(id) => {
                    if let Some(index) = self.sockets.on_timer(id) {
                        self.sockets.answer(self.now, index, &http::timed_out());
                    }
                }
                _ => self.accept_paused = false,
            }
        }
        self.sockets.flush(self.now);
        while let Some((id, failure)) = self.sockets.failed.pop() {
            match failure {
                Failure::Lost => self.sockets.drop_conn(id),
                Failure::Slow => self.sockets.close(self.now, id, 1008, "slow reader"),
            }
            self.sockets.flush(self.now);
        }
        self.sockets.sweep();
    }

    fn accept(&mut self) {
        let accepted = match self.listener.accept() {
            Ok((socket, peer)) => self.sockets.insert(self.now, socket, peer, false),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.accept_waits = false;
                return;
            }
            Err(error) => Err(error),
        };
        if let Err(error) = accepted {
            log::warn!("cannot accept: {error}");
            self.accept_paused = true;
            let again = self.now + ACCEPT_PAUSE_MS;
            self.sockets.wheel.arm(again, Alarm::Accept);
        }
    }

    fn read(&mut self, index: usize, buffer: &mut [u8]) {
        let Some(conn) = self.sockets.at(index) else {
            return;
        };
        conn.listed = false;
        match conn.phase {
            Phase::Gone | Phase::Lingering { shut: false, .. } => return,
            Phase::Lingering { .. } => return self.sockets.discard(index, buffer),
            Phase::Head { .. } | Phase::Open { .. } => (),
        }
        let Received::Bytes(count) = self.sockets.receive(index, buffer) else {
            return self.drop_at(index);
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        match self.sockets.open_at(index) {
            Some(id) => self.read_frames(id, bytes),
            None => self.read_head(index, bytes),
        }
    }

    fn drop_at(&mut self, index: usize) {
        if let Some(conn) = self.sockets.at(index) {
            let generation = conn.generation;
            self.sockets.drop_conn(ConnId {
                index: index as u32,
                generation,
            });
        }
    }

    fn read_head(&mut self, index: usize, bytes: &[u8]) {
        let context = Context {
            base: &self.config.base_path,
            page: self.page,
            full: self.config.max_connections <= self.sockets.open_count(),
            draining: false,
            newcomer: false,
            last_call: false,
            peer: Peer::Unix,
            crowd: &Crowd::EMPTY,
        };
        match http::respond(bytes, context).0 {
            Decision::Partial => {
                if let Some(conn) = self.sockets.at(index) {
                    conn.rest = bytes.to_vec();
                }
            }
            Decision::Answer(answer) => self.sockets.answer(self.now, index, &answer),
            Decision::Upgrade {
                head,
                dialect,
                consumed,
            } => {
                if let Some(id) = self.sockets.upgrade(self.now, index, &head, dialect) {
                    self.read_frames(id, bytes.get(consumed..).unwrap_or_default());
                }
            }
        }
    }

    fn read_frames(&mut self, id: ConnId, input: &[u8]) {
        let mut input = input;
        let mut fragments = match self.sockets.get(id).map(|conn| &mut conn.phase) {
            Some(Phase::Open { fragments, .. }) => std::mem::take(fragments),
            _ => return,
        };
        for _ in 0..FRAMES_MAX {
            let step = self.decoder.next(&mut input, &mut fragments);
            if !self.decoder.replies.is_empty() {
                let replies = &self.decoder.replies;
                self.sockets.put(id, |tail| tail.extend_from_slice(replies));
            }
            let message = match &step {
                Step::Starved => break,
                Step::Fragment | Step::Control => continue,
                Step::Text(text) => Message::Text(text.as_str()),
                Step::Binary(bytes) => Message::Binary(bytes),
                Step::Close => return self.sockets.end(self.now, id),
                Step::Violation(code, reason) => {
                    return self.sockets.close(self.now, id, *code, reason);
                }
            };
            match (self.answer)(message) {
                Some(Message::Text(text)) => self.sockets.put(id, |tail| put_text(tail, text)),
                Some(Message::Binary(bytes)) => {
                    self.sockets.put(id, |tail| put_binary(tail, bytes));
                }
                None => (),
            }
        }
        self.keep(id, input, fragments);
    }

    /// Keeps what is not treated yet for a later turn.
    fn keep(&mut self, id: ConnId, input: &[u8], fragments: Fragments) {
        let backlog = self.decoder.has_frame(input);
        if let Some(conn) = self.sockets.get(id) {
            conn.rest = input.to_vec();
            conn.backlog = backlog;
            if let Phase::Open {
                fragments: place, ..
            } = &mut conn.phase
            {
                *place = fragments;
            }
        }
    }
}
