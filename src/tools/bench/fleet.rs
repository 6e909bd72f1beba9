//! All clients of one measurement on one poll: from the connect to the greeting, and then whatever
//! the mode plays.
//!
//! A client is brought up to its `hi` here, in any dialect, and its heartbeat is answered here.
//! Absent: what a mode measures, the game.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fastrand::Rng;
use mio::net::{TcpStream, UnixStream};
use mio::{Events, Interest, Poll, Token};
use tungstenite::handshake::derive_accept_key;

use super::frames::{self, FRAME_BYTES_MAX, Frame};
use super::options::{Address, Dialect, Options};
use super::way::{Begin, Way};

/// What one turn takes from one socket at a time, beside what was left over.
const RECV_BYTES: usize = 64 * 1024;
/// Longest answer to the upgrade request.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Connections that are on their way to their greeting at a time.
const OPENING_MAX: usize = 64;
/// A server that greets nobody for so long is given up.
const PATIENCE: Duration = Duration::from_secs(10);
/// Sixteen bytes in base64, as RFC 6455 wants; the same for all: nothing depends on it.
const KEY: &str = "cm9zaGFtYm8tYmVuY2ghIQ==";

/// Something that happened to a client.
#[derive(Clone, Copy, Debug)]
pub(super) enum Happening<'a> {
    /// The server said `hi`: its JSON text.
    Greeted(&'a str),
    /// An event of the game: its JSON text.
    Event(&'a str),
    /// It is closed, as it wished.
    Ended,
    /// It is closed, and did not wish it; see [`Crew::losses`].
    Lost,
}

/// What a mode does about it.
pub(super) trait Play {
    /// Called for one happening after the other.
    fn on(&mut self, crew: &mut Crew, index: usize, what: Happening<'_>);
}

/// Clients that only have to be there.
pub(super) struct Quiet;

impl Play for Quiet {
    fn on(&mut self, _: &mut Crew, _: usize, _: Happening<'_>) {}
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connecting,
    /// The upgrade was asked for.
    Head,
    /// The dialect's opening is under way.
    Opening,
    /// `hello` was said.
    Entering,
    Playing,
    /// A close frame was sent.
    Closing,
    /// It is over: as it wished, or not.
    Gone {
        asked: bool,
    },
}

struct Client {
    stream: Option<Way>,
    phase: Phase,
    /// A part of a frame or of the head.
    rest: Vec<u8>,
    out: Vec<u8>,
    dirty: bool,
}

/// All clients, without the poll: what a mode may act on.
pub(super) struct Crew {
    clients: Vec<Client>,
    free: Vec<usize>,
    dirty: Vec<usize>,
    rng: Rng,
    dialect: Dialect,
    v2: bool,
    /// Tells this run's players from those of others.
    run: u32,
    request: Vec<u8>,
    accept: String,
    /// When the bytes being looked at were received.
    pub(super) now: Instant,
    /// Connected and not greeted yet.
    opening: usize,
    /// Greetings so far.
    pub(super) greeted: usize,
    /// Clients that were lost so far.
    pub(super) lost: usize,
    /// Why, for the first few.
    pub(super) losses: Vec<String>,
}

/// Where all connect.
enum Server {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Server {
    fn find(address: &Address) -> Result<Self, String> {
        if let Some(path) = &address.unix {
            return Ok(Self::Unix(path.clone()));
        }
        let found = (address.host.as_str(), address.port)
            .to_socket_addrs()
            .map_err(|error| format!("{} is not found: {error}", address.host))?
            .next();
        let found = found.ok_or_else(|| format!("{} has no address", address.host))?;
        Ok(Self::Tcp(found))
    }

    fn connect(&self, begin: &Begin) -> Result<Way, String> {
        match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect(*address)
                    .map_err(|error| format!("cannot connect to {address}: {error}"))?;
                // Every turn sends once; to wait for more would only add delay.
                let _ = stream.set_nodelay(true);
                begin
                    .on(stream)
                    .map_err(|error| format!("cannot begin: {error}"))
            }
            Self::Unix(path) => UnixStream::connect(path)
                .map(Way::Unix)
                .map_err(|error| format!("cannot connect to {}: {error}", path.display())),
        }
    }
}

/// A crew on its poll.
pub(super) struct Fleet {
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    server: Server,
    begin: Begin,
    /// The clients.
    pub(super) crew: Crew,
}

impl Fleet {
    /// Nobody yet.
    ///
    /// # Errors
    ///
    /// A sentence: the host has no address, or the system no poll.
    pub(super) fn new(options: &Options) -> Result<Self, String> {
        let address = &options.address;
        let server = Server::find(address)?;
        let begin = match address.secure {
            true => Begin::secure(&address.host, options.insecure)?,
            false => Begin::default(),
        };
        let host = match address.host.contains(':') {
            true => format!("[{}]:{}", address.host, address.port),
            false => format!("{}:{}", address.host, address.port),
        };
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n",
            address.path
        );
        let mut rng = Rng::new();
        Ok(Self {
            poll: Poll::new().map_err(|error| format!("no poll: {error}"))?,
            events: Events::with_capacity(1024),
            buffer: vec![0; FRAME_BYTES_MAX + HEAD_BYTES_MAX + RECV_BYTES],
            server,
            begin,
            crew: Crew {
                clients: Vec::new(),
                free: Vec::new(),
                dirty: Vec::new(),
                run: rng.u32(..),
                rng,
                dialect: options.dialect,
                v2: options.v2,
                request: request.into_bytes(),
                accept: derive_accept_key(KEY.as_bytes()),
                now: Instant::now(),
                opening: 0,
                greeted: 0,
                lost: 0,
                losses: Vec::new(),
            },
        })
    }

    /// Begins one connection; its index.
    ///
    /// # Errors
    ///
    /// A sentence: no descriptor or no port is left.
    pub(super) fn open(&mut self) -> Result<usize, String> {
        let mut way = self.server.connect(&self.begin)?;
        let crew = &mut self.crew;
        let index = crew.free.pop().unwrap_or(crew.clients.len());
        self.poll
            .registry()
            .register(
                way.source(),
                Token(index),
                Interest::READABLE | Interest::WRITABLE,
            )
            .map_err(|error| format!("cannot poll: {error}"))?;
        let client = Client {
            stream: Some(way),
            phase: Phase::Connecting,
            rest: Vec::new(),
            out: Vec::new(),
            dirty: false,
        };
        match crew.clients.get_mut(index) {
            Some(place) => *place = client,
            None => crew.clients.push(client),
        }
        crew.opening += 1;
        Ok(index)
    }

    /// Connects until so many clients were greeted, some at a time.
    ///
    /// # Errors
    ///
    /// A sentence: one was lost, or nothing happened for long.
    pub(super) fn gather(
        &mut self,
        count: usize,
        play: &mut impl Play,
        mut progress: impl FnMut(usize),
    ) -> Result<(), String> {
        let mut moved = Instant::now();
        let mut seen = self.crew.greeted;
        while self.crew.greeted < count {
            while self.crew.opening < OPENING_MAX && self.crew.greeted + self.crew.opening < count {
                self.open()?;
            }
            self.turn(Some(Duration::from_millis(100)), play)?;
            self.crew.check()?;
            if seen < self.crew.greeted {
                seen = self.crew.greeted;
                moved = Instant::now();
                progress(seen);
            } else if PATIENCE < moved.elapsed() {
                let seconds = PATIENCE.as_secs();
                return Err(format!("the server greeted nobody for {seconds} s"));
            }
        }
        Ok(())
    }

    /// Sends what waits, sleeps until something happens or `wait` is over, and handles it.
    ///
    /// # Errors
    ///
    /// A sentence: the system does not poll.
    pub(super) fn turn(
        &mut self,
        wait: Option<Duration>,
        play: &mut impl Play,
    ) -> Result<(), String> {
        self.crew.flush();
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let polled = self.poll.poll(&mut events, wait);
        match polled {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                return Err(format!("cannot poll: {error}"));
            }
            _ => (),
        }
        for event in &events {
            let index = event.token().0;
            if event.is_writable() {
                self.crew.on_writable(index);
            }
            if event.is_readable() || event.is_error() {
                self.read(index, play);
            }
            if let Phase::Gone { asked } = self.crew.phase(index) {
                self.crew.tell_end(index, asked, play);
            }
        }
        self.events = events;
        self.crew.flush();
        Ok(())
    }

    /// Takes everything that a socket holds.
    fn read(&mut self, index: usize, play: &mut impl Play) {
        let mut buffer = std::mem::take(&mut self.buffer);
        while self.read_once(index, &mut buffer, play) {}
        self.buffer = buffer;
    }

    /// One call; whether there may be more.
    fn read_once(&mut self, index: usize, buffer: &mut [u8], play: &mut impl Play) -> bool {
        let crew = &mut self.crew;
        let Some(client) = crew.clients.get_mut(index) else {
            return false;
        };
        let (Some(stream), kept) = (&mut client.stream, client.rest.len()) else {
            return false;
        };
        let Some((front, back)) = buffer.split_at_mut_checked(kept) else {
            return false;
        };
        front.copy_from_slice(&client.rest);
        client.rest.clear();
        let room = back.len();
        let count = match stream.read(back) {
            Ok(0) => {
                crew.lose(index, "the server closed without a word");
                return false;
            }
            Ok(count) => count,
            Err(error) => {
                client.rest.extend_from_slice(front);
                // It may have waited for the handshake's end.
                let waits = stream.is_in_records() && !client.out.is_empty();
                match error.kind() {
                    io::ErrorKind::WouldBlock if waits => crew.mark(index),
                    io::ErrorKind::WouldBlock => (),
                    io::ErrorKind::Interrupted => return true,
                    io::ErrorKind::NotConnected if client.phase == Phase::Connecting => (),
                    _ => crew.lose(index, &error.to_string()),
                }
                return false;
            }
        };
        let may_have_more = count == room || stream.is_in_records();
        crew.now = Instant::now();
        let mut input = buffer.get(..kept + count).unwrap_or_default();
        crew.take_in(index, &mut input, play);
        let limit = FRAME_BYTES_MAX + 4;
        match crew.clients.get_mut(index) {
            Some(client) if client.stream.is_some() && input.len() <= limit => {
                client.rest.extend_from_slice(input);
            }
            _ => return false,
        }
        may_have_more
    }
}

impl Crew {
    /// A sentence about clients that were lost, if any were.
    ///
    /// # Errors
    ///
    /// That sentence.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.lost {
            0 => Ok(()),
            lost => Err(format!(
                "{lost} connections were lost: {}",
                self.losses.join("; ")
            )),
        }
    }

    /// A player's uid as it names itself; a v2 client is given another one.
    pub(super) fn uid(&self, index: usize) -> String {
        format!("bench-{:08x}-{index}", self.run)
    }

    /// Queues an event: the JSON text of its array.
    pub(super) fn send(&mut self, index: usize, event: &str) {
        let prefix = self.dialect.prefix();
        self.put(index, [prefix, event]);
    }

    /// Queues the close frame; [`Happening::Ended`] follows.
    pub(super) fn close(&mut self, index: usize) {
        if let Some(client) = self.clients.get_mut(index) {
            frames::put_close(&mut client.out, &mut self.rng);
            client.phase = Phase::Closing;
        }
        self.mark(index);
    }

    fn put(&mut self, index: usize, pieces: [&str; 2]) {
        if let Some(client) = self.clients.get_mut(index) {
            frames::put_text(&mut client.out, &mut self.rng, pieces);
        }
        self.mark(index);
    }

    fn mark(&mut self, index: usize) {
        if let Some(client) = self.clients.get_mut(index)
            && !client.dirty
        {
            client.dirty = true;
            self.dirty.push(index);
        }
    }

    /// One send for everybody who has something to say.
    pub(super) fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for index in dirty.drain(..) {
            self.flush_one(index);
        }
        self.dirty = dirty;
    }

    fn flush_one(&mut self, index: usize) {
        let Some(client) = self.clients.get_mut(index) else {
            return;
        };
        client.dirty = false;
        let Some(stream) = &mut client.stream else {
            return;
        };
        while !client.out.is_empty() && client.phase != Phase::Connecting {
            match stream.write(&client.out) {
                Ok(count) => drop(client.out.drain(..count)),
                // The next writable event goes on.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                // What was received before is still read; the end follows it.
                Err(_) => return client.out.clear(),
            }
        }
    }

    fn phase(&self, index: usize) -> Phase {
        self.clients.get(index).map_or(Phase::Head, |it| it.phase)
    }

    fn on_writable(&mut self, index: usize) {
        let Some(client) = self.clients.get_mut(index) else {
            return;
        };
        let Some(way) = client.stream.as_ref() else {
            return;
        };
        if client.phase == Phase::Connecting {
            match way.is_connected() {
                Ok(true) => (),
                Ok(false) => return,
                Err(error) => return self.lose(index, &error.to_string()),
            }
            client.phase = Phase::Head;
            client.out.extend_from_slice(&self.request);
        }
        self.flush_one(index);
    }

    /// Handles whole frames, or the head before them; what is left is a part of one.
    fn take_in(&mut self, index: usize, input: &mut &[u8], play: &mut impl Play) {
        if self.phase(index) == Phase::Head && !self.take_head(index, input) {
            return;
        }
        while !matches!(self.phase(index), Phase::Gone { .. } | Phase::Head) {
            match frames::take(input) {
                Ok(None) => return,
                Ok(Some(Frame::Text(bytes))) => match std::str::from_utf8(bytes) {
                    Ok(text) => self.on_text(index, text, play),
                    Err(_) => self.lose(index, "a text was not UTF-8"),
                },
                Ok(Some(Frame::Ping(payload))) => {
                    if let Some(client) = self.clients.get_mut(index) {
                        frames::put_pong(&mut client.out, &mut self.rng, payload);
                    }
                    self.mark(index);
                }
                Ok(Some(Frame::Pong)) => (),
                Ok(Some(Frame::Close(code))) => {
                    let code = code.map_or("no code".into(), |code| code.to_string());
                    self.lose(index, &format!("the server closed with {code}"));
                }
                Err(broken) => self.lose(index, broken.0),
            }
        }
    }

    /// Whether the upgrade was answered; then frames follow.
    fn take_head(&mut self, index: usize, input: &mut &[u8]) -> bool {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut head = httparse::Response::new(&mut headers);
        let bytes = match head.parse(input) {
            Ok(httparse::Status::Complete(bytes)) => bytes,
            Ok(httparse::Status::Partial) if input.len() < HEAD_BYTES_MAX => return false,
            _ => {
                self.lose(index, "the answer to the upgrade is not HTTP");
                return false;
            }
        };
        let accepted = head.headers.iter().any(|header| {
            header.name.eq_ignore_ascii_case("Sec-WebSocket-Accept")
                && header.value == self.accept.as_bytes()
        });
        match head.code {
            Some(101) if accepted => (),
            Some(101) => {
                self.lose(index, "the upgrade's accept key is wrong");
                return false;
            }
            code => {
                let code = code.unwrap_or_default();
                self.lose(index, &format!("the upgrade was answered with {code}"));
                return false;
            }
        }
        *input = input.get(bytes..).unwrap_or_default();
        if let Some(client) = self.clients.get_mut(index) {
            client.phase = Phase::Opening;
        }
        if self.dialect == Dialect::Plain {
            self.say_hello(index);
        }
        true
    }

    fn say_hello(&mut self, index: usize) {
        let uid = self.uid(index);
        let version = if self.v2 { ",\"v\":2" } else { "" };
        let hello = format!(
            "[\"hello\",{{\"user\":{{\"uid\":\"{uid}\",\"uname\":\"name {index}\",\
             \"uavatar\":\"http://a/{index}\"}}{version}}}]"
        );
        self.send(index, &hello);
        if let Some(client) = self.clients.get_mut(index) {
            client.phase = Phase::Entering;
        }
    }

    fn on_text(&mut self, index: usize, text: &str, play: &mut impl Play) {
        let phase = self.phase(index);
        let event = text.strip_prefix(self.dialect.prefix());
        match (event.filter(|event| event.starts_with('[')), phase) {
            (Some(event), Phase::Playing) => play.on(self, index, Happening::Event(event)),
            (Some(event), Phase::Entering) if event.starts_with("[\"hi\"") => {
                self.opening -= 1;
                self.greeted += 1;
                if let Some(client) = self.clients.get_mut(index) {
                    client.phase = Phase::Playing;
                }
                play.on(self, index, Happening::Greeted(event));
            }
            (Some(event), Phase::Entering | Phase::Opening) => {
                let start: String = event.chars().take(80).collect();
                self.lose(index, &format!("instead of hi came {start}"));
            }
            (Some(_), _) => (),
            (None, _) => self.on_packet(index, text),
        }
    }

    /// What is no event: the dialect's own packets.
    fn on_packet(&mut self, index: usize, text: &str) {
        let opening = self.phase(index) == Phase::Opening;
        match (self.dialect, text) {
            (Dialect::Eio3, "40") if opening => self.say_hello(index),
            (Dialect::Eio4, text) if opening && text.starts_with("40{") => self.say_hello(index),
            (Dialect::Eio4, text) if opening && text.starts_with("0{") => {
                self.put(index, ["40", ""]);
            }
            (Dialect::Eio4, "2") => self.put(index, ["3", ""]),
            _ => (),
        }
    }

    fn lose(&mut self, index: usize, why: &str) {
        let Some(client) = self.clients.get_mut(index) else {
            return;
        };
        if matches!(client.phase, Phase::Gone { .. }) {
            return;
        }
        let asked = client.phase == Phase::Closing;
        if !asked {
            self.lost += 1;
            if self.losses.len() < 3 {
                self.losses.push(why.into());
            }
        }
        if !matches!(client.phase, Phase::Playing | Phase::Closing) {
            self.opening = self.opening.saturating_sub(1);
        }
        client.out = Vec::new();
        client.rest = Vec::new();
        // The socket goes when the mode is told, so that its index is not used again before.
        client.phase = Phase::Gone { asked };
    }

    fn tell_end(&mut self, index: usize, asked: bool, play: &mut impl Play) {
        let Some(client) = self.clients.get_mut(index) else {
            return;
        };
        if client.stream.take().is_none() {
            return;
        }
        self.free.push(index);
        let what = if asked {
            Happening::Ended
        } else {
            Happening::Lost
        };
        play.on(self, index, what);
    }
}
