//! What attacks a listener for TLS; two bystanders play meanwhile.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::pair::{Pair, Served};
use crate::secure::{VERSIONS, config, get, open, open_in};
use crate::support::PATIENCE;
use crate::support::bystanders::Bystanders;
use crate::support::client::{Client, Dialect};
use crate::support::raw::{KEY, frame};

/// The head of a ClientHello of 512 bytes, and nothing more.
const HALF_HELLO: [u8; 9] = [22, 3, 1, 2, 0, 1, 0, 1, 252];

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream
}

/// All that is answered to these bytes, to the end of the connection.
fn answer_to(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    // A server that has heard enough may be gone already.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

fn is_well(served: &Served) {
    let mut stream = open(served.tls, &config(VERSIONS[0]));
    let answer = get(&mut stream, "/healthz").expect("an answer");
    assert!(answer.ends_with("ok\n"), "{answer}");
}

#[test]
fn what_is_no_tls_is_refused_and_nobody_else_notices() {
    let served = Pair::new(90).serve(&["--rate-limit", "0", "--relay-interval", "0"]);
    let mut bystanders = Bystanders::start(served.server.address());
    let http = answer_to(served.tls, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let http = String::from_utf8_lossy(&http);
    assert!(http.starts_with("HTTP/1.1 400 "), "{http}");
    assert!(
        http.ends_with("this port speaks TLS: use https:// or wss://\n"),
        "{http}"
    );
    // An alert is a record of kind 21 with two bytes, of which the first one is "fatal" (RFC 8446,
    // section 6).
    let alert = |bytes: &[u8]| {
        let answer = answer_to(served.tls, bytes);
        assert_eq!(answer.first(), Some(&21), "{bytes:?}: {answer:?}");
        assert_eq!(answer.get(5), Some(&2), "{bytes:?}: {answer:?}");
        assert_eq!(answer.len(), 7, "{bytes:?}: {answer:?}");
    };
    let mut rng = fastrand::Rng::with_seed(18);
    // No known kind of record.
    for _ in 0..20 {
        let mut bytes: Vec<u8> = (0..600).map(|_| rng.u8(..)).collect();
        bytes[0] = 128;
        alert(&bytes);
    }
    // Kinds that do not come first, and one that is longer than there may be.
    alert(&[20, 3, 3, 0, 1, 2]);
    alert(&[23, 3, 3, 0, 5, 1, 2, 3, 4, 5]);
    alert(&[22, 3, 3, 255, 255, 1]);
    alert(&[22, 3, 3, 0, 0]);
    // A handshake whose message is none.
    let mut hello = vec![22, 3, 3, 2, 0, 1, 0, 1, 252, 3, 3];
    hello.resize(5 + 512, 7);
    alert(&hello);
    // A message that never ends, record after record.
    let mut endless = vec![22, 3, 3, 64, 0, 1, 0, 255, 255];
    endless.resize(5 + (1 << 14), 0);
    let endless = [&endless[..], &endless[..]].concat();
    assert_eq!(answer_to(served.tls, &endless), b"");
    bystanders.check();
    is_well(&served);
    bystanders.finish();
}

#[test]
fn half_handshakes_of_one_address_make_room_for_those_who_mean_it() {
    let flags = ["--max-per-address", "40", "--trusted-proxy", "none"];
    let served = Pair::new(90).serve(&flags);
    let mut halves: Vec<_> = (0..300)
        .map(|_| {
            let mut stream = connect(served.tls);
            // It may have had to go already.
            let _ = stream.write_all(&HALF_HELLO);
            stream
        })
        .collect();
    let stream = open(served.tls, &config(VERSIONS[0]));
    let mut player = Client::open_on(stream, Dialect::Plain, &Dialect::Plain.target());
    player.hello("p");
    player.until("hi");
    // The oldest went: 40 may be there, 16 more for requests.
    let first = halves.remove(0).read(&mut [0]);
    assert!(matches!(first, Ok(0) | Err(_)), "{first:?}");
    let mut there = 0;
    for half in &halves {
        half.set_nonblocking(true).expect("a socket");
        let read = half.peek(&mut [0]);
        there +=
            usize::from(read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
    }
    assert!(there <= 56, "{there} are still there");
}

#[test]
fn a_handshake_that_takes_too_long_ends_without_a_word() {
    let served = Pair::new(90).serve(&["--head-timeout", "300ms"]);
    let mut slow = connect(served.tls);
    for byte in HALF_HELLO {
        // On a busy machine it may be over already.
        let _ = slow.write_all(&[byte]);
        thread::sleep(Duration::from_millis(5));
    }
    let mut answer = Vec::new();
    let _ = slow.read_to_end(&mut answer);
    assert_eq!(answer, b"");
    // The same holds for a request behind a whole handshake, which can be answered; on a busy machine
    // not every handshake is in time.
    let until = Instant::now() + PATIENCE;
    let mut answer = String::new();
    while answer.is_empty() {
        assert!(Instant::now() < until, "nobody is told");
        if let Ok(mut stream) = open_in(served.tls, &config(VERSIONS[0]), usize::MAX) {
            stream
                .read_to_string(&mut answer)
                .expect("an end that is said");
        }
    }
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
fn who_goes_without_a_word_or_breaks_off_is_forgotten() {
    let served = Pair::new(90).serve(&[]);
    let before = served.server.descriptors();
    for version in VERSIONS {
        let config = config(version);
        // In the middle of a game, without an end that is said.
        let [mut one, mut two] = ["one", "two"].map(|name| {
            let stream = open(served.tls, &config);
            let mut player = Client::open_on(stream, Dialect::Plain, &Dialect::Plain.target());
            player.hello(name);
            player.until("hi");
            player.send(r#"["join"]"#);
            player
        });
        one.until("start");
        two.until("start");
        drop(one);
        two.until("result");
        two.leave();
        // A record that cannot be read.
        let mut stream = open(served.tls, &config);
        stream
            .sock
            .0
            .write_all(&[23, 3, 3, 0, 32])
            .expect("it reads");
        stream.sock.0.write_all(&[9; 32]).expect("it reads");
        let mut answer = Vec::new();
        assert!(
            stream.read_to_end(&mut answer).is_err(),
            "no end that is said"
        );
        assert_eq!(answer, b"");
    }
    is_well(&served);
    let until = Instant::now() + PATIENCE;
    while before < served.server.descriptors() {
        assert!(Instant::now() < until, "somebody is still there");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Who does not read has no more of the server by TLS than without.
#[test]
fn who_does_not_read_is_cut() {
    let served = Pair::new(90).serve(&["--rate-limit", "0", "--relay-interval", "0"]);
    let mut deaf = open(served.tls, &config(VERSIONS[0]));
    let small = socket2::SockRef::from(&deaf.sock.0);
    small.set_recv_buffer_size(2_048).expect("a socket");
    deaf.sock
        .0
        .set_write_timeout(Some(PATIENCE))
        .expect("a socket");
    let target = Dialect::Plain.target();
    let head = format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    );
    let hello = r#"["hello",{"user":{"uid":"deaf","uname":"deaf","uavatar":""}}]"#;
    let pings = frame(0x81, br#"["ping"]"#).repeat(500);
    deaf.write_all(head.as_bytes()).expect("it reads");
    deaf.write_all(&frame(0x81, hello.as_bytes()))
        .expect("it reads");
    // Until nobody takes it any more.
    while deaf.write_all(&pings).and_then(|()| deaf.flush()).is_ok() {}
    let cut = |line: &str| line.contains("1008 slow reader");
    served.server.log().wait_for("the end", cut);
    is_well(&served);
}
