//! Request heads that are garbage, that two readers would read differently, or that never end.

use std::time::Duration;

use crate::ground::Ground;
use crate::support::BASE;
use crate::support::http::{exchange, read};
use crate::support::raw::{KEY, Raw, frame, header, upgrade_request};

/// Asks for a page that exists, with these fields and what follows the head.
fn with(fields: &str) -> Vec<u8> {
    format!("GET /healthz HTTP/1.1\r\nHost: e\r\n{fields}\r\n").into_bytes()
}

fn post(fields: &str, body: &str) -> Vec<u8> {
    format!("POST /healthz HTTP/1.1\r\nHost: e\r\n{fields}\r\n{body}").into_bytes()
}

fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: e\r\n\r\n").into_bytes()
}

/// An upgrade with these fields instead of the right ones of the same meaning.
fn upgrade_with(replace: &str, by: &str) -> Vec<u8> {
    let request = String::from_utf8(upgrade_request(BASE)).expect("ASCII");
    assert!(request.contains(replace), "{replace}");
    request.replacen(replace, by, 1).into_bytes()
}

#[track_caller]
fn check(ground: &mut Ground, table: Vec<(&str, Vec<u8>, u16)>) {
    for (what, bytes, status) in table {
        let mut raw = Raw::connect(ground.address());
        // What is refused early is not read to its end.
        raw.try_send(&bytes);
        let answer = read(&mut raw, false);
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        ground.check();
    }
}

#[test]
pub(crate) fn shapes_that_two_readers_would_read_differently() {
    let mut ground = Ground::start(&[]);
    let smuggled = "GET /readyz HTTP/1.1\r\nHost: e\r\n\r\n";
    let chunked = "5\r\nhello\r\n0\r\n\r\n";
    #[rustfmt::skip]
    let table = vec![
        ("two lengths that agree", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400),
        ("two lengths that differ", post("Content-Length: 5\r\nContent-Length: 0\r\n", "hello"), 400),
        ("a list of lengths", post("Content-Length: 5, 5\r\n", "hello"), 400),
        ("a length with a sign", post("Content-Length: +5\r\n", "hello"), 400),
        ("a negative length", post("Content-Length: -5\r\n", "hello"), 400),
        ("a hexadecimal length", post("Content-Length: 0x5\r\n", "hello"), 400),
        ("an empty length", post("Content-Length:\r\n", ""), 400),
        ("a length of words", post("Content-Length: five\r\n", "hello"), 400),
        ("a length of 10^60", post(&format!("Content-Length: 1{}\r\n", "0".repeat(60)), ""), 405),
        ("a coding and a length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", chunked), 400),
        ("a length and a coding", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", chunked), 400),
        ("an unknown coding and a length", post("Content-Length: 5\r\nTransfer-Encoding: x\r\n", chunked), 400),
        ("a chunked body", post("Transfer-Encoding: chunked\r\n", chunked), 405),
        ("an endless chunk", post("Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\n"), 405),
        ("a body behind GET", with(&format!("Content-Length: {}\r\n\r\n{smuggled}", smuggled.len())), 200),
        ("a request behind a chunked GET", with(&format!("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}")), 200),
        ("a space before the colon", post("Transfer-Encoding : chunked\r\n", chunked), 400),
        ("a tab before the colon", post("Content-Length\t: 5\r\n", "hello"), 400),
        ("a folded field", with("X: a\r\n b\r\n"), 400),
        ("a field that begins with a space", with(" X: a\r\n"), 400),
        ("a bare CR in a value", with("X: a\rb\r\n"), 400),
        ("a bare CR at a field's end", with("X: a\rContent-Length: 5\r\n"), 400),
        ("a NUL in a value", with("X: a\0b\r\n"), 400),
        ("a NUL in a name", with("X\0: a\r\n"), 400),
        ("a NUL in the target", get("/health\0z"), 400),
        ("a DEL in a value", with("X: a\x7fb\r\n"), 400),
        ("no name", with(": a\r\n"), 400),
        ("two hosts", with("Host: f\r\n"), 400),
        ("no host", b"GET /healthz HTTP/1.1\r\n\r\n".to_vec(), 400),
        ("no host beside an absolute target", b"GET http://e/healthz HTTP/1.1\r\n\r\n".to_vec(), 400),
        ("no host in HTTP/1.0", b"GET /healthz HTTP/1.0\r\n\r\n".to_vec(), 200),
        ("two hosts in HTTP/1.0", b"GET /healthz HTTP/1.0\r\nHost: e\r\nHost: e\r\n\r\n".to_vec(), 400),
        ("a host with a space", b"GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n".to_vec(), 400),
        ("a host that is an address", b"GET /healthz HTTP/1.1\r\nHost: http://e/\r\n\r\n".to_vec(), 400),
        ("a host of no UTF-8", b"GET /healthz HTTP/1.1\r\nHost: \xff\r\n\r\n".to_vec(), 400),
        ("an empty host", b"GET /healthz HTTP/1.1\r\nHost:\r\n\r\n".to_vec(), 200),
        ("an absolute target", get("http://e/healthz"), 200),
        ("an absolute target of another host", get("https://evil.example:1/healthz?x"), 200),
        ("an absolute target without a host", get("http:///healthz"), 400),
        ("an absolute target with a user", get("http://u:p@e/healthz"), 400),
        ("an absolute target of another scheme", get(&format!("ws://127.0.0.1{BASE}")), 400),
        ("an asterisk", get("*"), 400),
        ("an authority", get("127.0.0.1:80"), 400),
        ("no target", b"GET HTTP/1.1\r\nHost: e\r\n\r\n".to_vec(), 400),
        ("a target with a space", get("/health z"), 400),
        ("a target that is a query", get("?EIO=3"), 400),
        ("a target with a fragment", get("/healthz#x"), 404),
    ];
    check(&mut ground, table);
    ground.finish();
}

#[test]
pub(crate) fn targets_that_mean_something_elsewhere() {
    let mut ground = Ground::start(&[]);
    let long = "x".repeat(8_000);
    #[rustfmt::skip]
    let table = vec![
        ("a path above the root", get("/../../etc/passwd"), 404),
        ("the same in disguise", get("/%2e%2e/%2e%2e/etc/passwd"), 404),
        ("a NUL in disguise", get("/healthz%00"), 404),
        ("a line's end in disguise", get("/%0d%0aSet-Cookie:x"), 404),
        ("a broken escape", get("/%"), 404),
        ("an escape of no UTF-8", get("/%ff%fe"), 404),
        ("a path in Windows' way", get("/..\\..\\boot.ini"), 404),
        ("another host's path", get("//evil.example/"), 404),
        ("the base path in disguise", get("/applet%2fwebsocket"), 404),
        ("the base path in capitals", get("/APPLET/WEBSOCKET"), 404),
        ("the base path with a parameter", get("/applet/websocket;x=y"), 404),
        ("a very long path", get(&format!("/{long}")), 404),
        ("a very long query", get(&format!("/healthz?{long}")), 200),
        ("many parameters", get(&format!("/healthz?{}", "a&".repeat(4_000))), 200),
        ("a longer path", get(&format!("/{long}{long}")), 431),
        ("a path without end", format!("GET /{}", long.repeat(10)).into_bytes(), 431),
        ("bytes that are no ASCII", b"GET /\xff\xfe HTTP/1.1\r\nHost: e\r\n\r\n".to_vec(), 400),
    ];
    check(&mut ground, table);
    ground.finish();
}

#[test]
pub(crate) fn heads_that_are_no_heads() {
    let mut ground = Ground::start(&[]);
    let name = "x".repeat(9_000);
    #[rustfmt::skip]
    let table = vec![
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), 400),
        ("SSH", b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(), 400),
        ("SOCKS", b"\x05\x01\x00".to_vec(), 400),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), 400),
        ("HTTP/0.9", b"GET /\r\n\r\n".to_vec(), 400),
        ("HTTP/1.2", b"GET / HTTP/1.2\r\nHost: e\r\n\r\n".to_vec(), 400),
        ("HTTP/11", b"GET / HTTP/11\r\nHost: e\r\n\r\n".to_vec(), 400),
        ("small letters", b"GET / http/1.1\r\nHost: e\r\n\r\n".to_vec(), 400),
        ("the PROXY protocol", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n".to_vec(), 400),
        ("redis", b"*1\r\n$4\r\nPING\r\n".to_vec(), 400),
        ("a frame without a handshake", frame(0x81, br#"["join"]"#), 400),
        ("a long frame without a handshake", header(0x81, 1 << 40), 400),
        ("zeros", vec![0; 20_000], 400),
        ("every byte there is", (0..=255).collect(), 400),
        ("a method of symbols", b"G{}T / HTTP/1.1\r\nHost: e\r\n\r\n".to_vec(), 400),
        ("an endless method", vec![b'A'; 20_000], 431),
        ("empty lines without end", b"\r\n".repeat(10_000), 431),
        ("an endless field name", with(&format!("{name}: y\r\n")), 431),
        ("an endless value", with(&format!("y: {name}\r\n")), 431),
        ("65 fields", with(&"x: y\r\n".repeat(64)), 431),
        ("a thousand fields", with(&"x: y\r\n".repeat(1_000)), 431),
        ("fields without end", with(&"x: y\r\n".repeat(10_000)), 431),
    ];
    check(&mut ground, table);
    ground.finish();
}

#[test]
pub(crate) fn upgrades_that_are_not_quite_right() {
    let mut ground = Ground::start(&[]);
    let version = "Sec-WebSocket-Version: 13\r\n";
    let key = format!("Sec-WebSocket-Key: {KEY}\r\n");
    let with_key = |value: &str| upgrade_with(&key, &format!("Sec-WebSocket-Key: {value}\r\n"));
    let with_version = |value: &str| {
        let fields = format!("Sec-WebSocket-Version: {value}\r\n");
        upgrade_with(version, &fields)
    };
    let further = |fields: &str| upgrade_with(version, &format!("{version}{fields}"));
    #[rustfmt::skip]
    let table = vec![
        ("no key", upgrade_with(&key, ""), 400),
        ("an empty key", with_key(""), 400),
        ("a key of 15 bytes", with_key("MTIzNDU2Nzg5MDEyMzQ1"), 400),
        ("a key of 17 bytes", with_key("MTIzNDU2Nzg5MDEyMzQ1Njc="), 400),
        ("a key of a thousand bytes", with_key(&"QUFB".repeat(333)), 400),
        ("a key that is no base64", with_key("!!!!!!!!!!!!!!!!!!!!!!=="), 400),
        ("a key without padding", with_key(KEY.trim_end_matches('=')), 400),
        ("a key in base64url", with_key("dGhlIHNhbXBsZS-ub25j_Q=="), 400),
        ("two keys in one", with_key(&format!("{KEY}, {KEY}")), 400),
        ("two keys", further(&key), 400),
        ("no version", upgrade_with(version, ""), 426),
        ("version 12", with_version("12"), 426),
        ("version 13 in words", with_version("thirteen"), 426),
        ("a list of versions", with_version("13, 8"), 426),
        ("version 013", with_version("013"), 426),
        ("version +13", with_version("+13"), 426),
        ("version 13 twice", further(version), 426),
        ("no Connection", upgrade_with("Connection: Upgrade\r\n", ""), 400),
        ("Connection: close", upgrade_with("Connection: Upgrade", "Connection: close"), 400),
        ("a wish for another protocol", upgrade_with("Upgrade: websocket", "Upgrade: h2c"), 426),
        ("a body", further("Content-Length: 5\r\n"), 400),
        ("a chunked body", further("Transfer-Encoding: chunked\r\n"), 400),
        ("HTTP/1.0", upgrade_with("HTTP/1.1", "HTTP/1.0"), 400),
        ("POST", upgrade_with("GET", "POST"), 405),
        ("HEAD", upgrade_with("GET", "HEAD"), 400),
        ("another host too", further("Host: other\r\n"), 400),
        ("no host", upgrade_with("Host: localhost\r\n", ""), 400),
        ("a host that is none", upgrade_with("Host: localhost", "Host: local host"), 400),
        ("protocols of garbage", further("Sec-WebSocket-Protocol: ,\u{1f431},\r\n"), 400),
        ("a protocol with a space", further("Sec-WebSocket-Protocol: a b\r\n"), 400),
        ("a protocol in quotes", further("Sec-WebSocket-Protocol: \"a\"\r\n"), 400),
    ];
    for (what, bytes, status) in table {
        // What follows a refused upgrade is no frame and no second request.
        let bytes = [bytes.as_slice(), &frame(0x81, br#"["join"]"#)].concat();
        let answer = exchange(ground.address(), &bytes, what == "HEAD");
        assert_eq!(answer.status, status, "{what}");
        ground.check();
    }
    #[rustfmt::skip]
    let welcome = [
        ("an empty body", further("Content-Length: 0\r\n")),
        ("extensions of garbage", further("Sec-WebSocket-Extensions: ;;=,,\"\r\n")),
        ("no protocols", further("Sec-WebSocket-Protocol: ,,\r\n")),
        ("an accept that is ours to say", further("Sec-WebSocket-Accept: x\r\n")),
        ("a foreign origin", further("Origin: https://evil.example\r\n")),
        ("other letters", upgrade_with("Upgrade: websocket", "uPGRADE:  WebSocket \t")),
        ("a list of wishes", upgrade_with("Upgrade: websocket", "Upgrade: h2c, websocket")),
    ];
    for (what, bytes) in welcome {
        let mut raw = Raw::connect(ground.address());
        raw.send(&bytes);
        let head = raw.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{what}: {head}");
        assert!(!head.contains("Sec-WebSocket-Protocol"), "{what}: {head}");
        assert!(!head.contains("Sec-WebSocket-Extensions"), "{what}: {head}");
        raw.say(r#"["hello",{"user":{"uid":"ann"}}]"#);
        assert!(raw.text().starts_with(r#"["hi","#), "{what}");
        ground.check();
    }
    ground.finish();
}

#[test]
pub(crate) fn what_comes_in_one_piece_with_an_upgrade_is_frames() {
    let mut ground = Ground::start(&[]);
    let hello = frame(0x81, br#"["hello",{"user":{"uid":"ann"}}]"#);
    let close = frame(0x88, &[0x03, 0xe8]);
    let second = upgrade_request(BASE);
    #[rustfmt::skip]
    let table: Vec<(&str, Vec<u8>, u16)> = vec![
        ("a second request", second.clone(), 1002),
        ("a plain second request", get("/healthz?longer-than-the-frame-that-its-second-byte-promises"), 1002),
        ("a second request after a message", [hello.clone(), second].concat(), 1002),
        ("zeros", vec![0; 16_000], 1002),
        ("lines' ends", b"\r\n".repeat(20), 1002),
        ("the end", close.clone(), 1000),
        ("a message and the end", [hello.clone(), close.clone()].concat(), 1000),
        ("a fault of the dialect", frame(0x81, b"hello"), 1008),
        ("a message that is too long", header(0x81, 1 << 62), 1009),
        ("a thousand pings and the end", [frame(0x89, b"x").repeat(1_000), close].concat(), 1000),
    ];
    for (what, bytes, code) in table {
        let mut raw = Raw::connect(ground.address());
        raw.send(&[upgrade_request(BASE), bytes].concat());
        raw.expect_upgraded();
        assert_eq!(raw.farewell().code, Some(code), "{what}");
        ground.check();
    }
    ground.finish();
}

#[test]
pub(crate) fn a_head_that_comes_drop_by_drop_has_no_more_time_than_others() {
    let mut ground = Ground::start(&["--head-timeout", "600ms"]);
    let whole = upgrade_request(&format!("{BASE}?{}", "x".repeat(200)));
    for size in [1, 7] {
        let mut raw = Raw::connect(ground.address());
        let mut pieces = whole.chunks(size);
        // Faster than a byte a second, and long before the end all the same too slow.
        while !raw.hears_within(Duration::from_millis(20 * size as u64)) {
            let piece = pieces.next().expect("an answer long before the end");
            raw.try_send(piece);
            ground.check();
        }
        assert_eq!(read(&mut raw, false).status, 408);
    }
    // A hundred of them at once are a hundred descriptors for that time, and nothing more.
    let mut many: Vec<_> = (0..100).map(|_| Raw::connect(ground.address())).collect();
    for raw in &mut many {
        raw.send(b"GET / HTTP/1.1\r\nX: ");
    }
    ground.check();
    for raw in &mut many {
        assert_eq!(read(raw, false).status, 408);
    }
    drop(many);
    ground.finish();
}

#[test]
pub(crate) fn connections_that_are_half_open_end() {
    let mut ground = Ground::start(&["--head-timeout", "3s"]);
    #[rustfmt::skip]
    let table: [(&str, &[u8], &[u8]); 4] = [
        ("before a word", b"", b""),
        ("in the request line", b"GET /hea", b""),
        ("in the fields", b"GET /healthz HTTP/1.1\r\nHost: e\r\n", b""),
        ("after the request", b"GET /healthz HTTP/1.1\r\nHost: e\r\n\r\n", b"HTTP/1.1 200 OK\r\n"),
    ];
    for (what, bytes, answer) in table {
        let mut raw = Raw::connect(ground.address());
        raw.send(bytes);
        raw.shut();
        let rest = raw.rest();
        assert!(rest.starts_with(answer), "{what}");
        assert_eq!(rest.is_empty(), answer.is_empty(), "{what}");
        ground.check();
    }
    // An answer that is never read does not keep its connection for long.
    let mut unread = Raw::connect_narrow(ground.address());
    unread.send(&get("/"));
    ground.check();
    ground.settle();
    drop(unread);
    ground.finish();
}

#[test]
pub(crate) fn what_follows_an_answer_is_thrown_away_up_to_a_bound() {
    // Patience alone would keep it for half a minute.
    let mut ground = Ground::start(&["--linger", "30s", "--drain-timeout", "60s"]);
    let mut raw = Raw::connect(ground.address());
    raw.send(&get("/healthz"));
    assert!(raw.head().starts_with("HTTP/1.1 200 "));
    for _ in 0..16 {
        raw.try_send(&[b'x'; 16 * 1024]);
    }
    ground.settle();
    drop(raw);
    ground.finish();
}
