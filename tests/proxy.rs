//! Who is counted and logged when a proxy stands in front: real sockets, forged fields included.
//!
//! The reading of the field is a table in `src/net/peers.rs`; here the whole server does it.

#[path = "support/mod.rs"]
mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;

use support::process::{Server, command};
use support::raw::{frame, upgrade_request};
use support::{BASE, Directory, PATIENCE};

/// In place of what `--trusted-proxy` says: the flag is not given.
const DEFAULT: &str = "";

/// An upgrade with further fields.
fn upgrade(fields: &str) -> Vec<u8> {
    let request = String::from_utf8(upgrade_request(BASE)).expect("heads are ASCII");
    request
        .replacen("\r\n", &format!("\r\n{fields}"), 1)
        .into_bytes()
}

/// Connects from an address of this machine.
fn connect(from: &str, to: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    let from: SocketAddr = format!("{from}:0").parse().expect("an address");
    socket.bind(&from.into()).expect("all of 127/8 is ours");
    socket.connect(&to.into()).expect("the server listens");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream
}

/// Sends a request and reads the head of its answer, and its body if the connection ends then.
fn exchange(stream: &mut (impl Read + Write), request: &[u8]) -> String {
    stream.write_all(request).expect("the server takes it");
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("an answer") == 1 {
        answer.extend(byte);
    }
    if !answer.starts_with(b"HTTP/1.1 101 ") {
        stream.read_to_end(&mut answer).expect("a clean end");
    }
    String::from_utf8(answer).expect("heads are ASCII")
}

/// Opens a WebSocket, or tells the answer that refused it.
fn open(server: &Server, from: &str, fields: &str) -> Result<TcpStream, String> {
    let mut stream = connect(from, server.address());
    match exchange(&mut stream, &upgrade(fields)) {
        head if head.starts_with("HTTP/1.1 101 ") => Ok(stream),
        answer => Err(answer),
    }
}

fn forwarded(address: &str) -> String {
    format!("X-Forwarded-For: {address}\r\n")
}

#[test]
fn the_log_names_the_client_behind_a_trusted_proxy_only() {
    // Whom the server trusts, from where the request comes, what it claims, who is logged.
    let rows = [
        ("127.0.0.1", "127.0.0.1", "203.0.113.7", Some("203.0.113.7")),
        (
            "127.0.0.1",
            "127.0.0.1",
            "198.51.100.9, 2001:db8::7",
            Some("2001:db8::7"),
        ),
        (
            "127.0.0.1,203.0.113.0/24",
            "127.0.0.1",
            "198.51.100.9,203.0.113.7",
            Some("198.51.100.9"),
        ),
        ("127.0.0.1", "127.0.0.1", "nonsense", None),
        ("127.0.0.1", "127.0.0.2", "203.0.113.7", None),
        ("none", "127.0.0.1", "203.0.113.7", None),
        // By default everybody on this machine is trusted.
        (DEFAULT, "127.0.0.1", "203.0.113.7", Some("203.0.113.7")),
        (DEFAULT, "127.9.9.9", "203.0.113.7", Some("203.0.113.7")),
        (
            DEFAULT,
            "127.0.0.1",
            "203.0.113.7, 198.51.100.9",
            Some("198.51.100.9"),
        ),
    ];
    for (trusted, from, claim, want) in rows {
        let flags = ["--trusted-proxy", trusted];
        let server = Server::start(if trusted == DEFAULT { &[] } else { &flags });
        let stream = open(&server, from, &forwarded(claim)).expect("there is room");
        let want = match want {
            Some(address) => address.to_owned(),
            None => stream.local_addr().expect("a socket").to_string(),
        };
        drop(stream);
        let line = server
            .log()
            .wait_for("the end", |line| line.contains("#1 "));
        assert!(
            line.contains(&format!("#1 {want} plain ")),
            "{line}, not {want}"
        );
    }
}

#[test]
fn two_fields_read_like_one() {
    let server = Server::start(&[]);
    let fields = forwarded("198.51.100.9") + "x-forwarded-FOR: 203.0.113.7\r\n";
    drop(open(&server, "127.0.0.1", &fields).expect("there is room"));
    let line = server
        .log()
        .wait_for("the end", |line| line.contains("#1 "));
    assert!(line.contains("#1 203.0.113.7 plain "), "{line}");
}

#[test]
fn an_address_has_its_share_and_gets_it_back() {
    let server = Server::start(&["--max-per-address", "2"]);
    let (ann, bob) = (forwarded("203.0.113.7"), forwarded("203.0.113.8"));
    let first = open(&server, "127.0.0.1", &ann).expect("the first");
    let _second = open(&server, "127.0.0.1", &ann).expect("the second");
    let refusal = open(&server, "127.0.0.1", &ann).expect_err("the third");
    assert!(refusal.starts_with("HTTP/1.1 503 "), "{refusal}");
    assert!(refusal.contains("\r\nRetry-After: "), "{refusal}");
    assert!(refusal.ends_with("\r\n\r\ntoo many connections from your address\n"));
    open(&server, "127.0.0.1", &ann).expect_err("the fourth");
    let _other = open(&server, "127.0.0.1", &bob).expect("another address");

    // A client whose connection fails asks here why; a monitor on this machine does not care.
    for (fields, status) in [(ann.as_str(), 503), (bob.as_str(), 200), ("", 200)] {
        let request = format!("GET /readyz HTTP/1.1\r\nHost: e\r\n{fields}\r\n");
        let mut stream = connect("127.0.0.1", server.address());
        let answer = exchange(&mut stream, request.as_bytes());
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
    drop(first);
    server.log().wait_for("the first one's end", |line| {
        line.contains("#1 203.0.113.7 ")
    });
    open(&server, "127.0.0.1", &ann).expect("a place is free again");

    server.signal("TERM");
    let log = server.wait().stderr;
    let told = log.matches("203.0.113.7 has 2 connections").count();
    assert_eq!(told, 1, "an operator is told, once in a while: {log}");
    assert!(log.contains("(nginx: set_real_ip_from)"), "{log}");
}

#[test]
fn by_default_an_address_has_256_and_every_dialect_counts() {
    let server = Server::start(&[]);
    let fields = forwarded("203.0.113.7");
    let targets = [
        BASE.to_owned(),
        format!("{BASE}/socket.io//?EIO=3&transport=websocket"),
        format!("{BASE}/socket.io/?EIO=4&transport=websocket"),
    ];
    let open = |target: &str| {
        let mut stream = connect("127.0.0.1", server.address());
        let request = String::from_utf8(upgrade(&fields)).expect("heads are ASCII");
        let request = request.replacen(BASE, target, 1);
        let answer = exchange(&mut stream, request.as_bytes());
        (answer, stream)
    };
    let players: Vec<_> = (0..256).map(|number| open(&targets[number % 3])).collect();
    let refused = players
        .iter()
        .find(|(answer, _)| !answer.starts_with("HTTP/1.1 101 "));
    assert!(refused.is_none(), "{refused:?}");
    for target in &targets {
        let (answer, _) = open(target);
        assert!(answer.starts_with("HTTP/1.1 503 "), "{target}: {answer}");
    }
    // Who may play no more may still look, and is told what is wrong.
    let polling = format!("{BASE}/socket.io/?EIO=4&transport=polling");
    for (target, status) in [("/", 200), ("/healthz", 200), (&polling, 400)] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: e\r\n{fields}\r\n");
        let mut stream = connect("127.0.0.1", server.address());
        stream.write_all(request.as_bytes()).expect("it takes it");
        let mut answer = vec![0; 12];
        stream.read_exact(&mut answer).expect("an answer");
        assert_eq!(answer, format!("HTTP/1.1 {status}").as_bytes(), "{target}");
    }
}

#[test]
fn forged_fields_do_not_hide_anybody() {
    let server = Server::start(&["--max-per-address", "2", "--trusted-proxy", "127.0.0.1"]);
    let mut places: Vec<_> = (1..=2)
        .map(|number| {
            open(
                &server,
                "127.0.0.2",
                &forwarded(&format!("203.0.113.{number}")),
            )
        })
        .collect();
    places.push(open(&server, "127.0.0.3", &forwarded("127.0.0.1")));
    assert!(places.iter().all(Result::is_ok));
    open(&server, "127.0.0.2", &forwarded("203.0.113.3")).expect_err("it is still 127.0.0.2");
    open(&server, "127.0.0.2", &forwarded("127.0.0.1")).expect_err("it is no proxy");
    open(&server, "127.0.0.3", "").expect("127.0.0.3 has one so far");
    let told = server
        .log()
        .wait_for("a refusal", |line| line.contains(" has 2 connections "));
    assert!(told.contains("127.0.0.2:"), "{told}");
    assert!(
        told.ends_with("if it is a proxy, name it with --trusted-proxy"),
        "{told}"
    );
}

#[test]
fn what_a_proxy_forwards_without_the_field_is_not_counted() {
    let server = Server::start(&["--max-per-address", "1"]);
    let unnamed: Vec<_> = (0..5)
        .map(|_| open(&server, "127.0.0.1", "").expect("nobody knows whose it is"))
        .collect();
    let named = open(&server, "127.0.0.1", &forwarded("203.0.113.7")).expect("the first");
    open(&server, "127.0.0.1", &forwarded("203.0.113.7")).expect_err("the second");
    drop((unnamed, named));
}

#[test]
fn whoever_reaches_the_unix_socket_is_a_trusted_proxy() {
    let directory = Directory::new();
    let path = directory.file("proxy.sock");
    let mut command = command();
    command.args(["--listen", &format!("unix:{}", path.display())]);
    command.args(["--max-per-address", "1", "--trusted-proxy", "none"]);
    let server = Server::spawn(command);
    let open = |fields: &str| {
        let mut stream = UnixStream::connect(&path).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let answer = exchange(&mut stream, &upgrade(fields));
        answer.starts_with("HTTP/1.1 101 ").then_some(stream)
    };
    let first = open(&forwarded("203.0.113.7")).expect("the first");
    assert!(open(&forwarded("203.0.113.7")).is_none(), "the second");
    let unnamed: Vec<_> = (0..3).map(|_| open("").expect("not counted")).collect();
    drop(first);
    let line = server
        .log()
        .wait_for("the end", |line| line.contains("#1 "));
    assert!(line.contains("#1 203.0.113.7 plain "), "{line}");
    drop(unnamed);
    let line = server
        .log()
        .wait_for("the end", |line| line.contains("#2 "));
    assert!(line.contains("#2 unix plain "), "{line}");
}

/// The next text message.
fn text(stream: &mut impl Read) -> String {
    let mut head = [0; 2];
    stream.read_exact(&mut head).expect("a frame");
    let length = match head[1] {
        126 => {
            let mut length = [0; 2];
            stream.read_exact(&mut length).expect("its length");
            u16::from_be_bytes(length).into()
        }
        length => usize::from(length),
    };
    let mut text = vec![0; length];
    stream.read_exact(&mut text).expect("its text");
    String::from_utf8(text).expect("a text frame")
}

#[test]
fn wrong_room_codes_count_for_whom_the_proxy_names() {
    let server = Server::start(&["--trusted-proxy", "127.0.0.1"]);
    // Each by a connection of its own.
    let guess = |from: &str, fields: &str| {
        let mut stream = open(&server, from, fields).expect("there is room");
        for event in [
            r#"["hello",{"user":{},"v":2}]"#,
            r#"["join",{"room":"AAAAAA"}]"#,
        ] {
            let sent = stream.write_all(&frame(0x81, event.as_bytes()));
            sent.expect("the server takes it");
        }
        assert!(text(&mut stream).starts_with(r#"["hi""#));
        let problem = text(&mut stream);
        let (_, code) = problem.split_once(r#""code":""#).expect("a problem");
        code.split('"').next().expect("its code").to_owned()
    };
    for number in 0..12 {
        let want = if number < 10 {
            "room-unknown"
        } else {
            "too-fast"
        };
        // What it says of itself stands on the left, and changes nothing.
        let said = forwarded(&format!("198.51.100.{number}, 203.0.113.7"));
        assert_eq!(guess("127.0.0.1", &said), want, "{number}");
        // Nor does what somebody says whom nobody believes.
        let said = forwarded(&format!("198.51.100.{number}"));
        assert_eq!(guess("127.0.0.2", &said), want, "{number}");
        // Whom the proxy does not name counts for itself.
        assert_eq!(guess("127.0.0.1", ""), "room-unknown");
    }
    assert_eq!(
        guess("127.0.0.1", &forwarded("203.0.113.8")),
        "room-unknown"
    );
}
