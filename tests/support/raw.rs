//! A connection in bytes: what is sent and received exactly, in the pieces a test wants.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::PATIENCE;

/// The example key of RFC 6455, section 1.3, and what has to come back for it.
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The mask of every frame sent here, as in RFC 6455, section 5.7.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A connection in bytes.
#[derive(Debug)]
pub(crate) struct Raw {
    stream: TcpStream,
    /// Received and not looked at yet.
    unread: Vec<u8>,
}

/// A frame of the server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The final bit, the reserved bits and the opcode.
    pub(crate) first: u8,
    /// The payload.
    pub(crate) payload: Vec<u8>,
}

/// What a server's connection ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Farewell {
    /// The texts before the close frame.
    pub(crate) texts: Vec<String>,
    /// The close frame's code, if it has one.
    pub(crate) code: Option<u16>,
}

impl Raw {
    /// Connects, without a word.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).expect("the server listens"))
    }

    /// Connects with a receive buffer so small that a server soon has to keep what it sends.
    pub(crate) fn connect_narrow(address: SocketAddr) -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.expect("a socket");
        socket.set_recv_buffer_size(2048).expect("a socket");
        socket.connect(&address.into()).expect("the server listens");
        Self::over(socket.into())
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    /// Connects and upgrades.
    pub(crate) fn open(address: SocketAddr, target: &str) -> Self {
        let mut raw = Self::connect(address);
        raw.upgrade(target);
        raw
    }

    /// Upgrades what is connected.
    pub(crate) fn upgrade(&mut self, target: &str) {
        self.send(&upgrade_request(target));
        self.expect_upgraded();
    }

    /// Reads the answer to an upgrade, which is always the same but for the key.
    #[track_caller]
    pub(crate) fn expect_upgraded(&mut self) {
        let head = self.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let lower = head.to_ascii_lowercase();
        assert!(head.contains(&format!(": {ACCEPT}\r\n")), "{head}");
        assert!(lower.contains("\r\nupgrade: websocket\r\n"), "{head}");
        assert!(lower.contains("\r\nconnection: upgrade\r\n"), "{head}");
        assert!(!lower.contains("extensions"), "none is negotiated: {head}");
    }

    /// Sends bytes.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let sent = self.stream.write_all(bytes);
        sent.expect("the server takes what it is sent");
    }

    /// Sends bytes if the other end still takes them.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends a text message in one frame.
    pub(crate) fn say(&mut self, text: &str) {
        self.send(&frame(0x81, text.as_bytes()));
    }

    /// Tells the server that nothing more comes.
    pub(crate) fn shut(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("a socket");
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_linger(Some(Duration::ZERO)).expect("a socket");
    }

    /// The address of this end, as the server logs it.
    pub(crate) fn local(&self) -> SocketAddr {
        self.stream.local_addr().expect("a socket")
    }

    /// Receives until so many bytes are there; `false` if the connection ended before.
    #[track_caller]
    fn fill(&mut self, count: usize) -> bool {
        let until = Instant::now() + PATIENCE;
        let mut buffer = [0; 4096];
        while self.unread.len() < count {
            let left = until.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "{:?} is all that came",
                String::from_utf8_lossy(&self.unread)
            );
            self.stream.set_read_timeout(Some(left)).expect("a socket");
            match self.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => self.unread.extend(buffer.iter().take(count)),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => (),
                Err(error) => panic!("{error}, after {:?}", String::from_utf8_lossy(&self.unread)),
            }
        }
        true
    }

    /// Whether something comes within so long, be it the end; for who paces what it sends.
    pub(crate) fn hears_within(&mut self, patience: Duration) -> bool {
        let mut buffer = [0; 4096];
        let until_then = Some(patience.max(Duration::from_millis(1)));
        self.stream.set_read_timeout(until_then).expect("a socket");
        match self.stream.read(&mut buffer) {
            Ok(count) => {
                self.unread.extend(buffer.iter().take(count));
                true
            }
            Err(_) => false,
        }
    }

    /// The next so many bytes.
    #[track_caller]
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        assert!(
            self.fill(count),
            "the connection ended after {:?}",
            String::from_utf8_lossy(&self.unread)
        );
        self.unread.drain(..count).collect()
    }

    /// The next bytes are exactly these.
    #[track_caller]
    pub(crate) fn expect(&mut self, bytes: &[u8]) {
        let come = self.take(bytes.len());
        assert_eq!(
            come,
            bytes,
            "{:?} instead of {:?}",
            String::from_utf8_lossy(&come),
            String::from_utf8_lossy(bytes)
        );
    }

    /// An answer's head, with its empty line.
    #[track_caller]
    pub(crate) fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.take(1));
        }
        String::from_utf8(head).expect("heads are ASCII")
    }

    /// The next frame; it must not be masked, and its length must be written the shortest way.
    #[track_caller]
    pub(crate) fn frame(&mut self) -> Frame {
        let start = self.take(2);
        let (first, short) = (start[0], start[1]);
        let length = match short {
            0..126 => usize::from(short),
            126 => {
                let bytes = self.take(2);
                usize::from(u16::from_be_bytes([bytes[0], bytes[1]]))
            }
            _ => panic!("a frame that starts with {start:02x?}"),
        };
        assert!(short < 126 || 126 <= length, "{length} in the long form");
        let payload = self.take(length);
        Frame { first, payload }
    }

    /// The next frame is a text message, whole.
    #[track_caller]
    pub(crate) fn text(&mut self) -> String {
        let Frame { first, payload } = self.frame();
        let text = String::from_utf8(payload).expect("texts are UTF-8");
        assert_eq!(first, 0x81, "{text}");
        text
    }

    /// The next frame is exactly this text message.
    #[track_caller]
    pub(crate) fn hear(&mut self, text: &str) {
        assert_eq!(self.text(), text);
    }

    /// Passes over everything until a close frame, then until the end of the connection.
    #[track_caller]
    pub(crate) fn farewell(&mut self) -> Farewell {
        let mut texts = Vec::new();
        loop {
            let Frame { first, payload } = self.frame();
            match first {
                0x81 => texts.push(String::from_utf8(payload).expect("texts are UTF-8")),
                0x89 | 0x8a => (),
                0x88 => {
                    assert!(payload.len() <= 125, "{} bytes", payload.len());
                    assert!(payload.is_ascii() || payload.get(2..).is_some_and(<[u8]>::is_ascii));
                    let code = payload.first_chunk().copied().map(u16::from_be_bytes);
                    self.expect_end();
                    return Farewell { texts, code };
                }
                other => panic!("a frame that starts with {other:02x}"),
            }
        }
    }

    /// Nothing more comes: the server ends the connection in order, without a reset.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        assert!(
            !self.fill(1),
            "{:?} after the end",
            String::from_utf8_lossy(&self.unread)
        );
    }

    /// Reads until the connection is over, in order or by a reset.
    #[track_caller]
    pub(crate) fn until_gone(&mut self) {
        self.everything();
    }

    /// All that comes until the other end is gone, in whatever way.
    #[track_caller]
    pub(crate) fn everything(&mut self) -> Vec<u8> {
        let mut all = std::mem::take(&mut self.unread);
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let mut buffer = [0; 4096];
            self.stream
                .set_read_timeout(Some(PATIENCE))
                .expect("a socket");
            match self.stream.read(&mut buffer) {
                Ok(0) => return all,
                Ok(count) => all.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return all,
                Err(error) => panic!("{error}"),
            }
        }
        panic!("the connection does not end");
    }

    /// Everything up to the end of the connection.
    #[track_caller]
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.fill(self.unread.len() + 1) {}
        std::mem::take(&mut self.unread)
    }
}

/// The shortest request that upgrades.
pub(crate) fn upgrade_request(target: &str) -> Vec<u8> {
    format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    )
    .into_bytes()
}

/// A client's frame: its first byte, then length, mask and payload.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, payload.len() as u64);
    bytes.extend(masked(payload));
    bytes
}

/// A client's frame header for a payload of this length, with the mask.
pub(crate) fn header(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => bytes.push(0x80 | short),
        (_, Ok(medium)) => {
            bytes.push(0x80 | 126);
            bytes.extend(medium.to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes
}

/// A payload under the mask.
pub(crate) fn masked(payload: &[u8]) -> Vec<u8> {
    let bytes = payload.iter().zip(MASK.iter().cycle());
    bytes.map(|(byte, mask)| byte ^ mask).collect()
}
