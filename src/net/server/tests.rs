//! A whole server on the loopback, as its peers see it: bytes in, bytes out, and the end.
//!
//! Nothing here depends on the game: frames that only the protocol answers, plain requests, limits.

mod board;
mod bounds;
mod held;
mod reload;
#[cfg(feature = "tls")]
mod secure;
mod urgent;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::super::sockets::HELD_MS;
use super::{Server, Stopper};
use crate::config::{Config, Listen};

const UPGRADE: &str = "GET /applet/websocket HTTP/1.1\r\nHost: e\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const PING: &[u8] = b"\x89\x82\0\0\0\0hi";
const PONG: &[u8] = b"\x8a\x02hi";

struct Running {
    address: SocketAddr,
    stopper: Stopper,
    thread: JoinHandle<std::io::Result<()>>,
    /// Hangs up when the thread ends.
    running: mpsc::Receiver<()>,
}

impl Running {
    fn start(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            listen: Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 0))),
            linger_ms: 300,
            ..Config::default()
        };
        change(&mut config);
        let (sender, receiver) = mpsc::channel();
        let (runs, running) = mpsc::channel();
        // The hub may not leave its thread, so the server is made where it runs.
        let thread = thread::spawn(move || {
            let _runs = runs;
            let mut rng = fastrand::Rng::with_seed(5);
            let mut server = Server::bind(config, 1, Box::new(move |bytes| rng.fill(bytes)))
                .expect("a free port");
            let address = server.listener().local_addr().expect("a TCP address");
            sender
                .send((address, server.stopper()))
                .expect("the test waits");
            server.run().map(drop)
        });
        let (address, stopper) = receiver.recv().expect("the server starts");
        Self {
            address,
            stopper,
            thread,
            running,
        }
    }

    fn connect(&self) -> Peer {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        let patience = Some(Duration::from_secs(60));
        stream.set_read_timeout(patience).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Peer(stream)
    }

    #[track_caller]
    fn open(&self) -> Peer {
        let mut peer = self.connect();
        peer.send(UPGRADE.as_bytes());
        peer.expect_upgrade();
        peer
    }

    #[track_caller]
    fn ask(&self, path: &str) -> String {
        let mut peer = self.connect();
        peer.send(format!("GET {path} HTTP/1.1\r\nHost: e\r\n\r\n").as_bytes());
        peer.everything()
    }

    fn stop(self) {
        self.stopper.stop();
        self.join();
    }

    fn join(self) {
        let ended = self.running.recv_timeout(Duration::from_secs(60));
        assert_eq!(
            ended,
            Err(mpsc::RecvTimeoutError::Disconnected),
            "it runs on"
        );
        let result = self.thread.join().expect("the server does not panic");
        result.expect("the server ends well");
    }
}

struct Peer(TcpStream);

impl Peer {
    #[track_caller]
    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the server takes it");
    }

    #[track_caller]
    fn expect(&mut self, want: &[u8]) {
        let mut bytes = vec![0; want.len()];
        self.0.read_exact(&mut bytes).expect("the server says more");
        assert_eq!(bytes, want);
    }

    #[track_caller]
    fn expect_upgrade(&mut self) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).expect("the server says more");
            head.extend(byte);
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "));
    }

    /// All that still comes; a reset is a failure.
    #[track_caller]
    fn everything(mut self) -> String {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).expect("a clean end");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[test]
fn a_plain_request_is_answered_and_closed_however_it_arrives() {
    let server = Running::start(|_| ());
    assert!(server.ask("/healthz").ends_with("\r\n\r\nok\n"));
    assert!(
        server
            .ask("/app.js")
            .contains("\r\nContent-Type: text/javascript")
    );
    let mut peer = server.connect();
    for byte in b"GET /healthz HTTP/1.1\r\nHost: e\r\n\r\n" {
        peer.send(&[*byte]);
    }
    assert!(peer.everything().ends_with("ok\n"));
    let mut peer = server.connect();
    peer.send(b"GET /healthz HTTP/1.1\r\nHost: e\r\n\r\n");
    peer.0.shutdown(Shutdown::Write).expect("half a close");
    assert!(peer.everything().ends_with("ok\n"));
    let mut peer = server.connect();
    peer.send(b"GET /healthz HTTP/1.1\r\n");
    peer.0.shutdown(Shutdown::Write).expect("half a close");
    assert_eq!(peer.everything(), "");
    server.stop();
}

#[test]
fn an_answer_is_not_lost_to_a_peer_that_sends_too_much() {
    let server = Running::start(|_| ());
    let mut peer = server.connect();
    peer.send(b"POST / HTTP/1.1\r\nHost: e\r\nContent-Length: 40000\r\n\r\n");
    peer.send(&[b'x'; 40_000]);
    assert!(peer.everything().starts_with("HTTP/1.1 405 "));
    let mut peer = server.connect();
    peer.send(&[b'x'; 9_000]);
    assert!(peer.everything().starts_with("HTTP/1.1 431 "));
    let mut peer = server.open();
    peer.send(b"\x81\xff\0\0\0\0\0\x01\0\0\0\0\0\0");
    peer.send(&[b'x'; 40_000]);
    let rest = peer.everything();
    assert!(rest.contains("message too big"), "{rest:?}");
    server.stop();
}

#[test]
fn frames_behind_the_request_and_frames_in_pieces_are_answered() {
    let server = Running::start(|config| config.rate_limit = 0);
    let mut peer = server.connect();
    peer.send(&[UPGRADE.as_bytes(), PING, PING].concat());
    peer.expect_upgrade();
    peer.expect(&[PONG, PONG].concat());
    for byte in PING {
        peer.send(&[*byte]);
    }
    peer.expect(PONG);
    // More than a turn takes, in frames and in bytes.
    let count = 5_000;
    let mut writer = peer.0.try_clone().expect("a second handle");
    let flood = thread::spawn(move || writer.write_all(&PING.repeat(count)));
    for _ in 0..count {
        peer.expect(PONG);
    }
    flood
        .join()
        .expect("no panic")
        .expect("the server takes it");
    peer.send(b"\x88\x82\0\0\0\0\x03\xe8");
    peer.expect(b"\x88\x02\x03\xe8");
    assert_eq!(peer.everything(), "");
    server.stop();
}

#[test]
fn a_request_that_takes_too_long_is_told_so() {
    let server = Running::start(|config| config.head_timeout_ms = 50);
    let mut peer = server.connect();
    peer.send(b"GET / HT");
    assert!(peer.everything().starts_with("HTTP/1.1 408 "));
    let mut open = server.open();
    assert!(server.connect().everything().starts_with("HTTP/1.1 408 "));
    open.send(PING);
    open.expect(PONG);
    server.stop();
}

#[test]
fn a_full_server_refuses_players_and_still_answers_why() {
    let server = Running::start(|config| config.max_connections = 2);
    let first = server.open();
    let mut second = server.open();
    for _ in 0..3 {
        let mut third = server.connect();
        third.send(UPGRADE.as_bytes());
        let refusal = third.everything();
        assert!(refusal.starts_with("HTTP/1.1 503 ") && refusal.contains("\r\nRetry-After: "));
    }
    assert!(server.ask("/readyz").starts_with("HTTP/1.1 503 "));
    assert!(server.ask("/healthz").starts_with("HTTP/1.1 200 "));
    second.send(b"\x88\x80\0\0\0\0");
    second.expect(b"\x88\x00");
    assert_eq!(second.everything(), "");
    assert!(server.ask("/readyz").starts_with("HTTP/1.1 200 "));
    server.open();
    drop(first);
    server.stop();
}

#[test]
fn a_peer_that_reads_nothing_is_closed() {
    let server = Running::start(|config| {
        config.max_queue = 1024;
        config.max_connections = 1;
    });
    let mut peer = server.open();
    let patience = Some(Duration::from_secs(60));
    peer.0.set_write_timeout(patience).expect("a timeout");
    let ping = [b"\x89\xfd\0\0\0\0".as_slice(), &[b'x'; 125]].concat();
    let pings = ping.repeat(1_000);
    // The kernel takes some megabytes on the loopback before the queue begins to grow.
    while peer.0.write_all(&pings).is_ok() {}
    assert!(server.ask("/readyz").starts_with("HTTP/1.1 200 "));
    // It ends with a close frame, or with a reset when more than we discard was on its way.
    let _ = peer.0.read_to_end(&mut Vec::new());
    server.stop();
}

#[test]
fn a_drain_says_goodbye_to_everybody_and_ends() {
    // However long it takes to open so many.
    let server = Running::start(|config| config.head_timeout_ms = 60_000);
    let mut asking = server.connect();
    asking.send(b"GET /app.js HTTP");
    let players: Vec<Peer> = (0..1_000).map(|_| server.open()).collect();
    let address = server.address;
    server.stopper.stop();
    asking.send(b"/1.1\r\nHost: e\r\n\r\n");
    assert!(asking.everything().starts_with("HTTP/1.1 200 "));
    for peer in players {
        let bytes = peer.everything();
        assert!(
            bytes.starts_with("\u{fffd}") && bytes.len() < 60,
            "{bytes:?}"
        );
    }
    server.join();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn whoever_is_told_to_stay_away_has_time_to_obey_before_the_end() {
    let server = Running::start(|_| ());
    let upgrade = UPGRADE.replacen(
        "websocket ",
        "websocket/socket.io/?EIO=3&transport=websocket ",
        1,
    );
    let fault = || {
        let mut peer = server.connect();
        peer.send(upgrade.as_bytes());
        peer.expect_upgrade();
        let mut header = [0; 2];
        peer.0.read_exact(&mut header).expect("the opening");
        let mut opening = vec![0; header[1].into()];
        peer.0.read_exact(&mut opening).expect("the opening");
        peer.expect(b"\x81\x0240");
        let sent = Instant::now();
        peer.send(b"\x81\x81\0\0\0\0x");
        peer.expect(b"\x81\x0241");
        (peer, sent)
    };
    // One that stays for the end, one that goes meanwhile, one that goes on talking.
    let ((stays, sent), (goes, _), (mut talks, _)) = (fault(), fault(), fault());
    drop(goes);
    talks.send(PING);
    for peer in [stays, talks] {
        let end = peer.everything();
        assert!(end.ends_with("unknown packet type"), "{end:?}");
        // The loop counts whole milliseconds.
        assert!(Duration::from_millis(HELD_MS - 1) <= sent.elapsed());
    }
    server.stop();
}

#[test]
fn a_drain_answers_newcomers_while_it_waits() {
    let server = Running::start(|config| config.linger_ms = 60_000);
    // This one is told to go and does not: the server lingers.
    let mut stays = server.open();
    server.stopper.stop();
    let mut byte = [0];
    stays.0.read_exact(&mut byte).expect("a close frame");
    assert_eq!(byte, [0x88]);
    assert!(server.ask("/readyz").starts_with("HTTP/1.1 503 "));
    assert!(server.ask("/").contains("\r\nRetry-After: "));
    assert!(server.ask("/healthz").starts_with("HTTP/1.1 200 "));
    let mut late = server.connect();
    late.send(UPGRADE.as_bytes());
    assert!(late.everything().starts_with("HTTP/1.1 503 "));
    // A second request does not wait for anybody.
    server.stop();
}

#[test]
fn a_drain_ends_in_time_even_if_a_peer_does_not_go() {
    let server = Running::start(|config| {
        config.drain_timeout_ms = 200;
        config.linger_ms = 600_000;
    });
    let _stays = server.open();
    server.stop();
}

#[test]
fn a_unix_socket_serves_the_same_and_its_file_goes_with_the_server() {
    let path = std::env::temp_dir().join(format!("roshambo-server-{}", std::process::id()));
    let config = Config {
        listen: Listen::Unix(path.clone()),
        ..Config::default()
    };
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        let mut server =
            Server::bind(config, 1, Box::new(|bytes| bytes.fill(7))).expect("a free path");
        let line = server.listener().to_string();
        sender.send((line, server.stopper())).expect("waited for");
        server.run()
    });
    let (line, stopper) = receiver.recv().expect("the server starts");
    assert!(line.contains(&path.display().to_string()), "{line}");
    let mut stream = UnixStream::connect(&path).expect("the server listens");
    stream
        .write_all(&[UPGRADE.as_bytes(), PING].concat())
        .expect("the server takes it");
    let mut bytes = [0; 200];
    let mut count = 0;
    while !bytes[..count].ends_with(PONG) {
        count += stream.read(&mut bytes[count..]).expect("more");
    }
    stopper.stop();
    stream.read_to_end(&mut Vec::new()).expect("a clean end");
    drop(stream);
    let result = thread.join().expect("the server does not panic");
    result.expect("the server ends well");
    assert!(!path.exists());
}
