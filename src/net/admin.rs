//! Metrics and status on a listener of their own (`--admin`), for the people who run the server.
//!
//! It shares the loop with the players, so it is small in everything: a few connections, one
//! request each, and no timers; one too many takes the oldest one's place. It answers while the
//! server is full or draining, when somebody most wants to know.
//! Absent: what is counted, and any wish to be reached from outside: there is no authentication.
//!
//! - [`pages`]: the figures as Prometheus' text, JSON, and a page for a person;
//! - [`history`]: the last hour;
//! - [`process`]: what the kernel says about this process.

mod history;
mod pages;
mod process;

use std::io;
use std::ops::Range;

use mio::{Interest, Registry, Token};

use super::http::{self, FIELDS_MAX, HEAD_BYTES_MAX};
use super::listen::{Listener, Socket};
use super::server::StoreEnd;
use super::tls::keys::Keys;
use crate::config::Config;
use crate::hub::Hub;
use crate::metrics::Traffic;
use crate::time::Millis;

pub(crate) use self::history::{History, Sample};
use self::process::Process;

/// Most connections at a time: a scraper, a few browsers, and some room for those that hang.
const CONNS_MAX: usize = 16;
/// The listener's token, then one per connection.
pub(crate) const ADMIN_TOKENS: Range<usize> = usize::MAX - 4 - CONNS_MAX - 1..usize::MAX - 4;

/// What there is to be told.
pub(crate) struct Figures<'a> {
    pub(crate) config: &'a Config,
    pub(crate) hub: &'a Hub,
    pub(crate) traffic: &'a Traffic,
    pub(crate) history: &'a History,
    pub(crate) now: Millis,
    pub(crate) draining: bool,
    /// Connections that speak WebSocket.
    pub(crate) open: usize,
    /// Connections in any phase.
    pub(crate) sockets: usize,
    pub(crate) timers: usize,
    pub(crate) store: Option<&'a StoreEnd>,
    pub(crate) keys: &'a Keys,
}

/// The listener and those who ask.
#[derive(Debug)]
pub(crate) struct Admin {
    listener: Listener,
    registry: Registry,
    conns: [Option<Visit>; CONNS_MAX],
    /// The place that is taken next: the oldest one's.
    next: usize,
    /// Somebody may wait to be accepted.
    waits: bool,
    process: Process,
}

/// One connection, which asks once.
#[derive(Debug)]
struct Visit {
    socket: Socket,
    /// The kernel said that something can be done.
    stirred: bool,
    asked: Vec<u8>,
    /// Once it is known what to answer: what is left of it.
    answer: Option<Vec<u8>>,
}

impl Admin {
    /// Answers at this listener.
    pub(crate) fn new(listener: Listener, registry: Registry) -> io::Result<Self> {
        let mut listener = listener;
        registry.register(&mut listener, Token(ADMIN_TOKENS.start), Interest::READABLE)?;
        Ok(Self {
            listener,
            registry,
            conns: [const { None }; CONNS_MAX],
            next: 0,
            waits: true,
            process: Process::new(),
        })
    }

    /// When this process began to serve, in seconds since 1970.
    pub(crate) fn started_s(&self) -> f64 {
        self.process.started_s
    }

    /// It began as another program, and so many of its descriptors are connections.
    pub(crate) fn took_over(&mut self, started_s: f64, conns: usize) {
        self.process.took_over(started_s, conns);
    }

    pub(crate) fn listener(&self) -> &Listener {
        &self.listener
    }

    /// Notes what the kernel says about one of [`ADMIN_TOKENS`].
    pub(crate) fn note(&mut self, token: usize) {
        match token.checked_sub(ADMIN_TOKENS.start + 1) {
            None => self.waits = true,
            Some(index) => {
                if let Some(Some(conn)) = self.conns.get_mut(index) {
                    conn.stirred = true;
                }
            }
        }
    }

    /// Whether there is something to do at once.
    pub(crate) fn waits(&self) -> bool {
        self.waits || self.conns.iter().flatten().any(|conn| conn.stirred)
    }

    /// Accepts, reads and answers, a bounded amount of each.
    pub(crate) fn serve(&mut self, figures: &Figures<'_>) {
        for _ in 0..CONNS_MAX {
            if !self.waits {
                break;
            }
            self.accept();
        }
        for place in &mut self.conns {
            let Some(conn) = place else { continue };
            if std::mem::take(&mut conn.stirred) && !conn.advance(figures, &self.process) {
                let _ = self.registry.deregister(&mut conn.socket);
                *place = None;
            }
        }
    }

    fn accept(&mut self) {
        let mut socket = match self.listener.accept() {
            Ok((socket, _)) => socket,
            Err(error) => {
                self.waits = matches!(
                    error.kind(),
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
                );
                return;
            }
        };
        let index = match self.conns.iter().position(Option::is_none) {
            Some(free) => free,
            None => self.next,
        };
        self.next = (index + 1) % CONNS_MAX;
        let Some(place) = self.conns.get_mut(index) else {
            return;
        };
        // Closing the oldest one's socket takes it out of the poll.
        *place = None;
        let token = Token(ADMIN_TOKENS.start + 1 + index);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if self.registry.register(&mut socket, token, interest).is_ok() {
            *place = Some(Visit {
                socket,
                stirred: true,
                asked: Vec::new(),
                answer: None,
            });
        }
    }
}

impl Visit {
    /// Reads or writes what can be; whether to wait for more.
    fn advance(&mut self, figures: &Figures<'_>, process: &Process) -> bool {
        if self.answer.is_none() {
            let there = match self.read() {
                Ok(there) => there,
                Err(error) => return is_passing(&error, &mut self.stirred),
            };
            let Some(answer) = respond(&self.asked, figures, process) else {
                return there;
            };
            self.answer = Some(answer);
        }
        let Some(answer) = &mut self.answer else {
            return false;
        };
        while !answer.is_empty() {
            match self.socket.send(answer, &[]) {
                Ok(0) => return false,
                Ok(count) => drop(answer.drain(..count)),
                Err(error) => return is_passing(&error, &mut self.stirred),
            }
        }
        // All of the request was read, so closing sends no reset.
        false
    }

    /// Takes what the kernel has; whether the other end may say more.
    fn read(&mut self) -> io::Result<bool> {
        let mut buffer = [0; HEAD_BYTES_MAX];
        loop {
            match self.socket.recv(&mut buffer) {
                Ok(0) => return Ok(false),
                Ok(count) => {
                    self.asked.extend(buffer.iter().take(count));
                    // Longer than any head: it is refused by what is here.
                    if HEAD_BYTES_MAX < self.asked.len() {
                        return Ok(true);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether to try again later; an interrupted call is tried in the next turn.
fn is_passing(error: &io::Error, stirred: &mut bool) -> bool {
    *stirred = error.kind() == io::ErrorKind::Interrupted;
    *stirred || error.kind() == io::ErrorKind::WouldBlock
}

/// The answer to a request head; `None` while it is not complete.
fn respond(asked: &[u8], figures: &Figures<'_>, process: &Process) -> Option<Vec<u8>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(asked) {
        Ok(httparse::Status::Complete(_)) => (),
        Ok(httparse::Status::Partial) if asked.len() <= HEAD_BYTES_MAX => return None,
        Ok(httparse::Status::Partial) => {
            return Some(refuse("431 Request Header Fields Too Large"));
        }
        Err(_) => return Some(refuse("400 Bad Request")),
    }
    let Some((method, path)) = http::asked(&request) else {
        return Some(refuse("400 Bad Request"));
    };
    let head_only = match method {
        "GET" => false,
        "HEAD" => true,
        _ => return Some(refuse("405 Method Not Allowed")),
    };
    match pages::find(path, figures, process) {
        Some((content_type, body)) => Some(answer("200 OK", content_type, &body, head_only)),
        None => Some(refuse("404 Not Found")),
    }
}

fn refuse(status: &str) -> Vec<u8> {
    let text = "try /status, /statusz or /metrics\n";
    answer(status, "text/plain; charset=utf-8", text, false)
}

fn answer(status: &str, content_type: &str, body: &str, head_only: bool) -> Vec<u8> {
    // The page's own files and figures, and nothing from anywhere else.
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                  base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let allow = match status.starts_with("405") {
        true => "Allow: GET, HEAD\r\n",
        false => "",
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
         Content-Length: {}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
         Content-Security-Policy: {policy}\r\n{allow}\r\n",
        body.len()
    );
    let mut bytes = head.into_bytes();
    if !head_only {
        bytes.extend_from_slice(body.as_bytes());
    }
    bytes
}
