//! A player: tungstenite as an independent client, in the three dialects.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use super::{BASE, PATIENCE};

/// Most messages that one wait passes over.
const PASSED_OVER_MAX: usize = 10_000;

/// What an address asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// JSON events as they are.
    Plain,
    /// Socket.IO over Engine.IO 3, as socket.io-client asks for it.
    Eio3,
    /// The same, as the original mini program asks for it: with two slashes.
    Mini,
    /// Socket.IO over Engine.IO 4.
    Eio4,
}

impl Dialect {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Plain, Self::Eio3, Self::Mini, Self::Eio4];

    /// The path and query.
    pub(crate) fn target(self) -> String {
        let rest = match self {
            Self::Plain => "",
            Self::Eio3 => "/socket.io/?EIO=3&transport=websocket",
            Self::Mini => "/socket.io//?EIO=3&transport=websocket",
            Self::Eio4 => "/socket.io/?EIO=4&transport=websocket",
        };
        format!("{BASE}{rest}")
    }

    /// What stands before an event.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Eio3 | Self::Mini | Self::Eio4 => "42",
        }
    }

    /// How the log calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Eio3 | Self::Mini => "eio3",
            Self::Eio4 => "eio4",
        }
    }
}

/// One player's connection.
#[derive(Debug)]
pub(crate) struct Client<S = TcpStream> {
    socket: WebSocket<Patient<S>>,
    dialect: Dialect,
}

/// A stream whose calls are made again when a signal cuts them short.
///
/// The kernel does not do that itself for a socket with a time limit, and a machine that is frozen
/// and thawed sends such signals.
#[derive(Debug)]
struct Patient<S>(S);

impl<S: Read> Read for Patient<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                result => return result,
            }
        }
    }
}

impl<S: Write> Write for Patient<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What `hi` tells a v2 client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hi {
    pub(crate) uid: String,
    pub(crate) session: String,
    pub(crate) resumed: bool,
    pub(crate) total: u64,
    pub(crate) streak: u64,
}

impl Client {
    /// Connects and does the dialect's opening.
    pub(crate) fn open(address: SocketAddr, dialect: Dialect) -> Self {
        Self::open_at(address, dialect, &dialect.target())
    }

    /// Connects at another path than the usual one and does the dialect's opening.
    pub(crate) fn open_at(address: SocketAddr, dialect: Dialect, target: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
        Self::open_on(stream, dialect, target)
    }

    /// Connects as an old player of this uid; its name is the uid.
    pub(crate) fn old(address: SocketAddr, dialect: Dialect, uid: &str) -> Self {
        let mut client = Self::open(address, dialect);
        client.hello(uid);
        client.until("hi");
        client
    }

    /// Connects as a v2 player of this name.
    pub(crate) fn v2(address: SocketAddr, dialect: Dialect, name: &str) -> (Self, Hi) {
        Self::v2_with(address, dialect, name, None)
    }

    /// Connects as a v2 player that shows a token.
    pub(crate) fn resume(address: SocketAddr, dialect: Dialect, token: &str) -> (Self, Hi) {
        Self::v2_with(address, dialect, "again", Some(token))
    }

    fn v2_with(
        address: SocketAddr,
        dialect: Dialect,
        name: &str,
        token: Option<&str>,
    ) -> (Self, Hi) {
        let mut client = Self::open(address, dialect);
        let session = token.map_or(String::new(), |token| format!(r#","session":"{token}""#));
        client.send(&format!(
            r#"["hello",{{"user":{{"uname":"{name}"}},"v":2{session}}}]"#
        ));
        let hi = client.hi();
        (client, hi)
    }

    /// The address of this end, as the server logs it.
    pub(crate) fn local(&self) -> SocketAddr {
        self.stream().local_addr().expect("a socket")
    }

    /// Ends the connection with a reset: what was under way in either direction is lost.
    pub(crate) fn reset(self) {
        let socket = socket2::SockRef::from(self.stream());
        socket
            .set_linger(Some(std::time::Duration::ZERO))
            .expect("a socket");
    }

    /// The socket itself.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.socket.get_ref().0
    }
}

impl<S: Read + Write> Client<S> {
    /// Does the handshake and the dialect's opening on a connected stream.
    pub(crate) fn open_on(stream: S, dialect: Dialect, target: &str) -> Self {
        let request = format!("ws://localhost{target}").into_client_request();
        let opened = tungstenite::client(request.expect("a valid address"), Patient(stream));
        let (socket, _) = opened.unwrap_or_else(|error| panic!("no upgrade at {target}: {error}"));
        let mut client = Self { socket, dialect };
        if dialect != Dialect::Plain {
            let open = client.text();
            assert!(open.starts_with(r#"0{"sid":""#), "{open}");
            if dialect == Dialect::Eio4 {
                client.send_text("40");
                let connected = client.text();
                assert!(connected.starts_with(r#"40{"sid":""#), "{connected}");
            } else {
                assert_eq!(client.text(), "40");
            }
        }
        client
    }

    /// Names an old player; the answer is not read.
    pub(crate) fn hello(&mut self, uid: &str) {
        self.send(&format!(
            r#"["hello",{{"user":{{"uid":"{uid}","uname":"{uid}","uavatar":""}}}}]"#
        ));
    }

    /// Sends an event.
    pub(crate) fn send(&mut self, event: &str) {
        let text = format!("{}{event}", self.dialect.prefix());
        self.send_text(&text);
    }

    /// Sends a text message as it is.
    pub(crate) fn send_text(&mut self, text: &str) {
        let sent = self.socket.send(Message::text(text));
        sent.unwrap_or_else(|error| panic!("cannot send {text}: {error}"));
    }

    /// Sends a message of another kind.
    pub(crate) fn send_message(&mut self, message: Message) {
        self.socket.send(message).expect("the connection is open");
    }

    /// The next message of any kind; pings are answered by the next call.
    #[track_caller]
    pub(crate) fn message(&mut self) -> Message {
        match self.socket.read() {
            Ok(message) => message,
            Err(error) => panic!("no message: {error}"),
        }
    }

    /// The next text message.
    #[track_caller]
    pub(crate) fn text(&mut self) -> String {
        loop {
            match self.message() {
                Message::Text(text) => return text.to_string(),
                Message::Ping(_) | Message::Pong(_) => (),
                other => panic!("{other:?} instead of a text"),
            }
        }
    }

    /// The next text message; if it is Engine.IO's ping, it is answered.
    #[track_caller]
    pub(crate) fn text_or_pong(&mut self) -> String {
        let text = self.text();
        if self.dialect == Dialect::Eio4 && text == "2" {
            self.send_text("3");
        }
        text
    }

    /// The next event, without the dialect's prefix.
    #[track_caller]
    pub(crate) fn event(&mut self) -> String {
        loop {
            let text = self.text_or_pong();
            match text.strip_prefix(self.dialect.prefix()) {
                Some(event) if event.starts_with('[') => return event.into(),
                None if text == "2" => (),
                _ => panic!("{text} is not an event"),
            }
        }
    }

    /// The next events are exactly these.
    #[track_caller]
    pub(crate) fn expect(&mut self, events: &[&str]) {
        for event in events {
            assert_eq!(self.event(), *event);
        }
    }

    /// Passes over events until one of this name comes, and returns it whole.
    #[track_caller]
    pub(crate) fn until_text(&mut self, name: &str) -> String {
        let start = format!("[\"{name}\"");
        let mut passed = Vec::new();
        for _ in 0..PASSED_OVER_MAX {
            let event = self.event();
            if event.starts_with(&start) {
                return event;
            }
            passed.push(event);
        }
        panic!("no {name} in {passed:?}");
    }

    /// Passes over events until one of this name comes, and returns its payload.
    #[track_caller]
    pub(crate) fn until(&mut self, name: &str) -> Value {
        let event = self.until_text(name);
        let mut event: Value = serde_json::from_str(&event).expect("events are JSON");
        event.get_mut(1).map_or(Value::Null, Value::take)
    }

    /// The answer to a v2 client's `hello`.
    #[track_caller]
    pub(crate) fn hi(&mut self) -> Hi {
        let hi = self.until("hi");
        let text = |key: &str| hi[key].as_str().expect("a text in hi").to_owned();
        let number = |key: &str| hi[key].as_u64().expect("a number in hi");
        Hi {
            uid: text("uid"),
            session: text("session"),
            resumed: hi["resumed"].as_bool().expect("a flag in hi"),
            total: number("totalScore"),
            streak: number("winStreak"),
        }
    }

    /// One row of the next result: score, total, streak and choice of this uid.
    #[track_caller]
    pub(crate) fn result_of(&mut self, uid: &str) -> (u64, u64, u64, Option<u64>) {
        row_of(&self.until("result"), uid)
    }

    /// Passes over everything until the server's close frame; the texts on the way, and its code.
    #[track_caller]
    pub(crate) fn until_close(&mut self) -> (Vec<String>, Option<u16>) {
        let mut texts = Vec::new();
        for _ in 0..PASSED_OVER_MAX {
            match self.message() {
                Message::Text(text) => texts.push(text.to_string()),
                Message::Close(frame) => return (texts, frame.map(|frame| frame.code.into())),
                _ => (),
            }
        }
        panic!("no close frame in {PASSED_OVER_MAX} messages");
    }

    /// Says goodbye, and waits until the server has done the same.
    pub(crate) fn leave(mut self) {
        self.socket.close(None).expect("the connection is open");
        while self.socket.read().is_ok() {}
    }
}

/// One row of a result: score, total, streak and choice of this uid.
#[track_caller]
pub(crate) fn row_of(result: &Value, uid: &str) -> (u64, u64, u64, Option<u64>) {
    let rows = result["result"].as_array().expect("rows");
    assert_eq!(rows.len(), 2, "always exactly both players: {result}");
    let row = rows.iter().find(|row| row["uid"] == uid);
    let row = row.unwrap_or_else(|| panic!("{uid} is not in {result}"));
    let number = |key: &str| row[key].as_u64().expect("a number");
    (
        number("roundScore"),
        number("totalScore"),
        number("winStreak"),
        row["choice"].as_u64(),
    )
}
