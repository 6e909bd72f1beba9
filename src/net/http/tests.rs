//! Every answer of the address table, as data.

use super::{Answer, Context, Decision, Ending, HEAD_BYTES_MAX, Page, respond};
use crate::config::{Command, Config};
use crate::hub::BoardPage;
use crate::hub::Dialect::{self, Eio3, Eio4, Plain};
use crate::metrics::Refusal;
use crate::net::peers::{Crowd, Peer};

const BASE: &str = "/applet/websocket";
static NOBODY: Crowd = Crowd::EMPTY;
const SERVING: Context<'_> = Context {
    base: BASE,
    page: Page::BLANK,
    full: false,
    ending: None,
    store_away: false,
    board: &BoardPage::None,
    peer: Peer::Unix,
    crowd: &NOBODY,
};
const FULL: Context<'_> = Context {
    full: true,
    ..SERVING
};
const DRAINING: Context<'_> = Context {
    ending: Some(Ending::Guest),
    ..SERVING
};
const LATE: Context<'_> = Context {
    ending: Some(Ending::Newcomer),
    ..SERVING
};
const LAST_CALL: Context<'_> = Context {
    ending: Some(Ending::LastCall),
    ..SERVING
};

const UPGRADE: &str = "Host: e\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A request with these fields, and a `Host` where they name none.
fn request(method: &str, target: &str, fields: &str) -> Vec<u8> {
    let host = match fields.to_lowercase().contains("host:") {
        true => "",
        false => "Host: e\r\n",
    };
    format!("{method} {target} HTTP/1.1\r\n{host}{fields}\r\n").into_bytes()
}

#[track_caller]
fn answer(bytes: &[u8], context: Context<'_>) -> Answer {
    match respond(bytes, context).0 {
        Decision::Answer(answer) => answer,
        other => panic!("{other:?} for {:?}", String::from_utf8_lossy(bytes)),
    }
}

/// The head as text, after checks that hold for all of them.
#[track_caller]
fn head_of(answer: &Answer) -> String {
    let head = String::from_utf8(answer.head.clone()).expect("heads are ASCII");
    assert!(head.starts_with(&format!("HTTP/1.1 {} ", answer.status)));
    assert!(head.ends_with("\r\n\r\n") && head.matches("\r\n\r\n").count() == 1);
    assert!(head.contains("\r\nConnection: close\r\n") || answer.status == 426);
    assert!(head.contains("\r\nContent-Type: ") && head.contains("\r\nContent-Length: "));
    head
}

#[track_caller]
fn check(method: &str, target: &str, fields: &str, context: Context<'_>, status: u16, has: &str) {
    let answer = answer(&request(method, target, fields), context);
    let head = head_of(&answer);
    assert_eq!(answer.status, status, "{method} {target} {fields:?}");
    let body = String::from_utf8_lossy(answer.body);
    assert!(
        head.contains(has) || body.contains(has),
        "{method} {target} {fields:?}: {head}{body}"
    );
    if !answer.body.is_empty() {
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", answer.body.len())));
    }
}

#[track_caller]
fn check_upgrade(target: &str, fields: &str, want: Dialect) {
    let bytes = request("GET", target, fields);
    match respond(&bytes, SERVING).0 {
        Decision::Upgrade {
            head,
            dialect,
            consumed,
        } => {
            let head = String::from_utf8(head).expect("heads are ASCII");
            assert_eq!((dialect, consumed), (want, bytes.len()), "{target}");
            assert!(head.starts_with("HTTP/1.1 101 "));
            // The example of RFC 6455, section 1.3.
            assert!(head.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
            assert!(!head.contains("Extensions"));
        }
        other => panic!("{other:?} for {target}"),
    }
}

#[test]
fn upgrades() {
    let offers = format!(
        "{UPGRADE}Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: a\r\n"
    );
    let lower = UPGRADE
        .to_lowercase()
        .replace("dghlihnhbxbszsbub25jzq==", "dGhlIHNhbXBsZSBub25jZQ==");
    for fields in [
        UPGRADE,
        &offers,
        &lower,
        &format!("{UPGRADE}Content-Length: 0\r\n"),
    ] {
        check_upgrade(BASE, fields, Plain);
        check_upgrade("/applet/websocket/", fields, Plain);
        check_upgrade("//applet/websocket", fields, Plain);
        check_upgrade("/applet/websocket?i=1", fields, Plain);
        for slashes in ["", "/", "//", "///"] {
            for (query, dialect) in [
                ("EIO=3&transport=websocket", Eio3),
                ("transport=websocket", Eio3),
                ("EIO=2&transport=websocket", Eio3),
                ("transport=websocket&EIO=4", Eio4),
                ("EIO=4&transport=websocket&t=abc&b64=1&sid=", Eio4),
            ] {
                let target = format!("{BASE}/socket.io{slashes}?{query}");
                check_upgrade(&target, fields, dialect);
            }
        }
    }
}

#[test]
fn engine_errors_in_the_order_of_the_original() {
    const TRANSPORT: &str = r#"{"code":0,"message":"Transport unknown"}"#;
    #[rustfmt::skip]
    let table = [
        ("GET",  "", "", TRANSPORT),
        ("GET",  "?EIO=3", UPGRADE, TRANSPORT),
        ("GET",  "?EIO=4&transport=polling", "", "transports: [\\\"websocket\\\"]"),
        ("POST", "?EIO=4&transport=polling&sid=abc", "", r#""code":0"#),
        ("GET",  "?EIO=4&transport=flashsocket", "", TRANSPORT),
        ("GET",  "?EIO=9&transport=constructor", "", TRANSPORT),
        ("GET",  "?transport=websocket&sid=abc", UPGRADE, r#"{"code":1,"message":"Session ID unknown"}"#),
        ("POST", "?transport=websocket&sid=abc", "", r#""code":1"#),
        ("POST", "?transport=websocket", "", r#"{"code":2,"message":"Bad handshake method"}"#),
        ("GET",  "?transport=websocket", "", r#"{"code":3,"message":"Bad request"}"#),
        ("GET",  "?transport=websocket&EIO=9", "", r#""code":3"#),
        ("GET",  "?transport=websocket&EIO=9", UPGRADE, r#"{"code":5,"message":"Unsupported protocol version"}"#),
        ("GET",  "?transport=websocket&EIO=", UPGRADE, r#""code":5"#),
        ("GET",  "?transport=websocket&EIO=1", UPGRADE, r#""code":5"#),
        ("GET",  "?transport=websocket&EIO=22", UPGRADE, r#""code":5"#),
    ];
    for (method, query, fields, want) in table {
        for slashes in ["", "/", "//"] {
            let target = format!("{BASE}/socket.io{slashes}{query}");
            check(method, &target, fields, SERVING, 400, want);
            let origin = "\r\nAccess-Control-Allow-Origin: *\r\n";
            check(method, &target, fields, SERVING, 400, origin);
            check(
                method,
                &target,
                fields,
                SERVING,
                400,
                "Content-Type: application/json\r\n",
            );
            let answer = answer(&request(method, &target, fields), SERVING);
            assert_eq!(answer.polling, query.contains("transport=polling"));
        }
    }
}

#[test]
fn addresses() {
    #[rustfmt::skip]
    let table = [
        ("GET",  BASE, "", SERVING, 426, "\r\nConnection: Upgrade, close\r\n"),
        ("GET",  BASE, "", SERVING, 426, "\r\nUpgrade: websocket\r\n"),
        ("GET",  BASE, "Upgrade: h2c\r\nConnection: Upgrade\r\n", SERVING, 426, ""),
        ("GET",  "/", "", SERVING, 200, "text/html"),
        ("GET",  "/?a=b", "", SERVING, 200, "text/html"),
        ("GET",  "/applet/websocket/", "", SERVING, 200, "text/html"),
        ("GET",  "//", "", SERVING, 200, "text/html"),
        ("GET",  "//app.js", "", SERVING, 200, "text/javascript"),
        ("GET",  "//applet/websocket/readyz", "", SERVING, 200, "ok\n"),
        ("GET",  "/applet//websocket/", "", SERVING, 404, ""),
        ("GET",  "/app.js", "", SERVING, 200, "text/javascript"),
        ("GET",  "/applet/websocket/app.js", "", SERVING, 200, "connect-src 'self' ws: wss:"),
        ("GET",  "/style.css", "", SERVING, 200, "\r\nX-Content-Type-Options: nosniff\r\n"),
        ("GET",  "/style.css", "", SERVING, 200, "\r\nReferrer-Policy: no-referrer\r\n"),
        ("GET",  "/healthz", "", SERVING, 200, "ok\n"),
        ("GET",  "/healthz", "", LATE, 200, "ok\n"),
        ("GET",  "/applet/websocket/healthz", "", FULL, 200, "ok\n"),
        ("GET",  "/readyz", "", SERVING, 200, "ok\n"),
        ("GET",  "/applet/websocket/readyz", "", SERVING, 200, "ok\n"),
        ("GET",  "/readyz", "", SERVING, 200, "\r\nAccess-Control-Allow-Origin: *\r\n"),
        ("GET",  "/readyz", "", FULL, 503, "\r\nAccess-Control-Allow-Origin: *\r\n"),
        ("GET",  "/readyz", "", LATE, 503, "\r\nAccess-Control-Allow-Origin: *\r\n"),
        ("HEAD", "/applet/websocket/readyz?i=b", "Origin: https://other.example\r\n", DRAINING, 503,
            "\r\nAccess-Control-Allow-Origin: *\r\n"),
        ("GET",  "/readyz", "", FULL, 503, "\r\nRetry-After: 5\r\n"),
        ("GET",  "/readyz", "", DRAINING, 503, "\r\nRetry-After: 5\r\n"),
        ("GET",  "/readyz", "", LAST_CALL, 503, "\r\nRetry-After: 5\r\n"),
        ("GET",  "/applet/websocket/readyz", "", LATE, 503, ""),
        ("GET",  "/", "", FULL, 200, ""),
        ("GET",  "/", "", DRAINING, 200, ""),
        ("GET",  "/", "", LATE, 503, "\r\nRetry-After: 5\r\n"),
        ("GET",  "/nothing", "", LATE, 503, ""),
        ("GET",  BASE, UPGRADE, FULL, 503, "\r\nRetry-After: 5\r\n"),
        ("GET",  BASE, UPGRADE, DRAINING, 503, "\r\nRetry-After: 5\r\n"),
        ("GET",  "/applet/websocket/socket.io/?transport=websocket", UPGRADE, FULL, 503, ""),
        ("GET",  "/nothing", "", SERVING, 404, ""),
        ("GET",  "/nothing", UPGRADE, SERVING, 404, ""),
        ("POST", "/nothing", "", SERVING, 404, ""),
        ("GET",  "/applet/websocketx", "", SERVING, 404, ""),
        ("GET",  "/applet/websocket/socket.iox", "", SERVING, 404, ""),
        ("GET",  "/applet/websocket/socket.io/x", "", SERVING, 404, ""),
        ("GET",  "/applet/", "", SERVING, 404, ""),
        ("GET",  "/%61pp.js", "", SERVING, 404, ""),
        ("GET",  "/../app.js", "", SERVING, 404, ""),
        ("GET",  "/APP.JS", "", SERVING, 404, ""),
        ("POST", "/", "Content-Length: 3\r\n", SERVING, 405, "\r\nAllow: GET, HEAD\r\n"),
        ("PUT",  "/healthz", "", SERVING, 405, "\r\nAllow: GET, HEAD\r\n"),
        ("POST", BASE, "", SERVING, 405, "\r\nAllow: GET, HEAD\r\n"),
        ("POST", BASE, UPGRADE, SERVING, 405, "\r\nAllow: GET, HEAD\r\n"),
        ("OPTIONS", "/applet/websocket/", "", SERVING, 405, "\r\nAllow: GET, HEAD\r\n"),
    ];
    for (method, target, fields, context, status, has) in table {
        check(method, target, fields, context, status, has);
    }
}

#[test]
fn bad_upgrades() {
    let without = |name: &str| {
        let kept = UPGRADE
            .split_inclusive("\r\n")
            .filter(|field| !field.starts_with(name));
        kept.collect::<String>()
    };
    let with = |name: &str, value: &str| format!("{}{name}: {value}\r\n", without(name));
    #[rustfmt::skip]
    let table = [
        (without("Connection"), 400), (with("Connection", "close"), 400), (with("Connection", "upgraded"), 400),
        (without("Sec-WebSocket-Key"), 400), (with("Sec-WebSocket-Key", "short=="), 400),
        (with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ="), 400),
        (with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j\u{e9}=="), 400),
        (format!("{UPGRADE}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), 400),
        (format!("{UPGRADE}Content-Length: 5\r\n"), 400), (format!("{UPGRADE}Transfer-Encoding: chunked\r\n"), 400),
        (without("Sec-WebSocket-Version"), 426), (with("Sec-WebSocket-Version", "8"), 426),
        (with("Sec-WebSocket-Version", "13, 8"), 426),
    ];
    for (fields, status) in table {
        let has = if status == 426 {
            "\r\nSec-WebSocket-Version: 13\r\n"
        } else {
            ""
        };
        for target in [BASE, "/applet/websocket/"] {
            check("GET", target, &fields, SERVING, status, has);
        }
        let has = if status == 426 { has } else { r#""code":3"# };
        let target = format!("{BASE}/socket.io/?EIO=4&transport=websocket");
        check("GET", &target, &fields, SERVING, status, has);
    }
    check("HEAD", BASE, UPGRADE, SERVING, 400, "");
    let old = format!("GET {BASE} HTTP/1.0\r\n{UPGRADE}\r\n");
    assert_eq!(answer(old.as_bytes(), SERVING).status, 400);
}

#[test]
fn malformed_and_ambiguous_heads() {
    let many = |count: usize| {
        (0..count)
            .map(|n| format!("a{n}: b\r\n"))
            .collect::<String>()
    };
    #[rustfmt::skip]
    let table = [
        ("GET ftp://e/ HTTP/1.1\r\nHost: e\r\n\r\n".to_string(), 400), ("OPTIONS * HTTP/1.1\r\nHost: e\r\n\r\n".into(), 400),
        ("CONNECT e:80 HTTP/1.1\r\nHost: e\r\n\r\n".into(), 400), ("GET / HTTP/2.0\r\nHost: e\r\n\r\n".into(), 400),
        ("GET / HTTP/1.1\r\nHost: e\r\nContent-Length: 0\r\n\r\n".into(), 200),
        ("GET / HTTP/1.1\r\nHost: e\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n".into(), 400),
        ("GET / HTTP/1.1\r\nHost: e\r\nContent-Length: +0\r\n\r\n".into(), 400),
        ("GET / HTTP/1.1\r\nHost: e\r\nContent-Length: 0, 0\r\n\r\n".into(), 400),
        ("GET / HTTP/1.1\r\nHost: e\r\nContent-Length:\r\n\r\n".into(), 400),
        ("POST / HTTP/1.1\r\nHost: e\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n".into(), 400),
        ("GET / HTTP/1.1\r\nHost: e\r\nContent-Length : 0\r\n\r\n".into(), 400),
        ("\u{16}\u{3}\u{1}".into(), 400), ("GET\r\n\r\n".into(), 400),
        ("GET / HTTP/1.1\r\nHost: e\r\n a: b\r\n\r\n".into(), 400),
        (format!("GET / HTTP/1.1\r\nHost: e\r\n{}\r\n", many(63)), 200),
        (format!("GET / HTTP/1.1\r\nHost: e\r\n{}\r\n", many(64)), 431),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(HEAD_BYTES_MAX)), 431),
        ("GET / HTTP/1.0\r\n\r\n".into(), 200),
    ];
    for (text, status) in table {
        let answer = answer(text.as_bytes(), SERVING);
        assert_eq!(answer.status, status, "{text:?}");
        head_of(&answer);
    }
    assert_eq!(super::timed_out().status, 408);
}

/// RFC 9112, 3.2: one `Host`, and one that can be one; HTTP/1.0 need not have it.
#[test]
fn a_request_says_for_whom_it_is() {
    let upgrade = UPGRADE.replace("Host: e\r\n", "");
    #[rustfmt::skip]
    let rows = [
        ("HTTP/1.1", "", false), ("HTTP/1.1", "Host: e\r\n", true), ("HTTP/1.1", "hOST:e:80\r\n", true),
        ("HTTP/1.1", "Host:\r\n", true), ("HTTP/1.1", "Host: [::1]:9595\r\n", true),
        ("HTTP/1.1", "Host: a b\r\n", false), ("HTTP/1.1", "Host: e, e\r\n", false), ("HTTP/1.1", "Host: \u{e9}\r\n", false),
        ("HTTP/1.1", "Host: http://e\r\n", false), ("HTTP/1.1", "Host: e\r\nHost: e\r\n", false),
        ("HTTP/1.1", "Host: e\r\nhost: \r\n", false), ("HTTP/1.1", "X-Forwarded-Host: e\r\n", false),
        ("HTTP/1.0", "", true), ("HTTP/1.0", "Host: e\r\n", true), ("HTTP/1.0", "Host: a b\r\n", false),
        ("HTTP/1.0", "Host: e\r\nHost: e\r\n", false),
    ];
    for (version, host, good) in rows {
        for target in [
            "/healthz",
            "http://e/healthz",
            "/",
            "/applet/websocket/app.js",
        ] {
            let text = format!("GET {target} {version}\r\n{host}\r\n");
            let status = if good { 200 } else { 400 };
            assert_eq!(answer(text.as_bytes(), SERVING).status, status, "{text:?}");
        }
        for target in [
            BASE.to_owned(),
            format!("{BASE}/socket.io/?EIO=4&transport=websocket"),
        ] {
            for target in [target.clone(), format!("http://e{target}")] {
                let text = format!("GET {target} {version}\r\n{host}{upgrade}\r\n");
                let done = matches!(
                    respond(text.as_bytes(), SERVING).0,
                    Decision::Upgrade { .. }
                );
                assert_eq!(done, good && version == "HTTP/1.1", "{text:?}");
            }
        }
    }
    let bytes = b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n";
    assert_eq!(answer(bytes, SERVING).status, 400);
}

/// Proxies are addressed by the absolute form, and a server has to take it, too (RFC 9112, 3.2.2).
#[test]
fn an_absolute_target_is_its_path() {
    for (target, status) in [
        ("http://other.example/healthz", 200),
        ("HTTPS://other.example:443/readyz?i=b", 200),
        ("http://e", 200),
        ("http://e/nothing", 404),
        ("http://e/applet/websocket", 426),
        (
            "http://e/applet/websocket/socket.io/?transport=polling",
            400,
        ),
        ("http://u@e/healthz", 400),
        ("http:///healthz", 400),
        ("ws://e/healthz", 400),
    ] {
        check("GET", target, "", SERVING, status, "");
    }
    let target = "http://other.example/applet/websocket/socket.io/?EIO=4&transport=websocket";
    check_upgrade(target, UPGRADE, Eio4);
}

/// Clients that ask for a subprotocol give up when none is named, so the first one is.
#[test]
fn the_first_subprotocol_asked_for_is_named() {
    let field = |value: &str| format!("Sec-WebSocket-Protocol:{value}\r\n");
    #[rustfmt::skip]
    let rows = [
        (String::new(), Ok("")), (field(" a"), Ok("a")), (field("a"), Ok("a")), (field(" b, a"), Ok("b")),
        (field("\t b\t,a"), Ok("b")), (field(" A.b-c_1,a"), Ok("A.b-c_1")), (field(" b") + &field(" a"), Ok("b")),
        (field(" a, a"), Ok("a")), (field(" !#$%&'*+-.^_`|~"), Ok("!#$%&'*+-.^_`|~")),
        ("sec-websocket-PROTOCOL: a\r\n".into(), Ok("a")),
        // Nothing is asked for.
        (field(""), Ok("")), (field(" ,, ,"), Ok("")), (field(" ,a"), Ok("a")), (field("") + &field(" a"), Ok("a")),
        // What is no list of tokens.
        (field(" a b"), Err(())), (field(" \"a\""), Err(())), (field(" a;q=1"), Err(())), (field(" a/1"), Err(())),
        (field(" \u{e9}"), Err(())), (field(" a, b c"), Err(())), (field(" a") + &field(" b c"), Err(())), (field(" <a>"), Err(())),
    ];
    for (fields, want) in rows {
        for target in [
            BASE.to_owned(),
            format!("{BASE}/socket.io/?EIO=3&transport=websocket"),
        ] {
            let bytes = request("GET", &target, &format!("{UPGRADE}{fields}"));
            let named = match respond(&bytes, SERVING).0 {
                Decision::Upgrade { head, .. } => {
                    let head = String::from_utf8(head).expect("heads are ASCII");
                    let named = head.split_once("\r\nSec-WebSocket-Protocol: ");
                    let named = named.map_or("", |(_, rest)| {
                        rest.split("\r\n").next().unwrap_or_default()
                    });
                    assert_eq!(head.contains("Protocol:"), !named.is_empty(), "{head}");
                    Ok(named.to_owned())
                }
                Decision::Answer(answer) => {
                    assert_eq!(answer.status, 400, "{fields:?}");
                    Err(())
                }
                Decision::Partial | Decision::Wait => panic!("{fields:?} is a whole head"),
            };
            assert_eq!(named, want.map(str::to_owned), "{fields:?}");
        }
    }
    let start = format!("GET {BASE} HTTP/1.1\r\n{UPGRADE}");
    let bytes = [start.as_bytes(), b"Sec-WebSocket-Protocol: \xff\r\n\r\n"].concat();
    assert_eq!(answer(&bytes, SERVING).status, 400);
}

#[test]
fn the_limit_is_on_the_head_and_not_on_what_follows() {
    let bare = request("GET", "/", "A: ").len() + "\r\n".len();
    for (length, status) in [(HEAD_BYTES_MAX, 200), (HEAD_BYTES_MAX + 1, 431)] {
        let fields = format!("A: {}\r\n", "x".repeat(length - bare));
        let mut bytes = request("GET", "/", &fields);
        assert_eq!(bytes.len(), length);
        bytes.extend([b'y'; 1_000]);
        assert_eq!(answer(&bytes, SERVING).status, status, "{length} bytes");
    }
}

#[test]
fn a_head_cut_anywhere_is_waited_for() {
    let bytes = request("GET", BASE, UPGRADE);
    for end in 0..bytes.len() {
        assert_eq!(
            respond(&bytes[..end], SERVING).0,
            Decision::Partial,
            "{end} bytes"
        );
    }
    let mut followed = bytes.clone();
    followed.extend(b"\x81\x80abcd");
    match respond(&followed, SERVING).0 {
        Decision::Upgrade { consumed, .. } => assert_eq!(consumed, bytes.len()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn head_is_get_without_the_body() {
    for target in ["/", "/healthz", "/nothing", BASE, "/app.js"] {
        let get = answer(&request("GET", target, ""), SERVING);
        let head = answer(&request("HEAD", target, ""), SERVING);
        assert_eq!(
            (head.status, &head.head),
            (get.status, &get.head),
            "{target}"
        );
        assert!(head.body.is_empty() && !get.body.is_empty(), "{target}");
    }
}

#[test]
fn a_known_file_is_not_sent_again() {
    let get = head_of(&answer(&request("GET", "/app.js", ""), SERVING));
    let tag = get
        .split("ETag: ")
        .nth(1)
        .and_then(|rest| rest.split("\r\n").next());
    let tag = tag.expect("files have a tag");
    #[rustfmt::skip]
    let table = [
        (tag.to_string(), 304), (format!("W/{tag}"), 304), (format!("\"x\", {tag}"), 304), ("*".into(), 304),
        ("\"x\"".into(), 200), (String::new(), 200), (tag.trim_matches('"').into(), 200),
    ];
    for (known, status) in table {
        let answer = answer(
            &request("GET", "/app.js", &format!("If-None-Match: {known}\r\n")),
            SERVING,
        );
        assert_eq!(answer.status, status, "{known}");
        assert_eq!(answer.body.is_empty(), status == 304);
        assert!(head_of(&answer).contains(tag));
    }
}

#[test]
fn a_file_travels_packed_to_whoever_takes_that() {
    #[rustfmt::skip]
    let table = [
        ("gzip", true), ("gzip, deflate, br", true), ("br;q=1.0, GZIP;q=0.8", true), ("*", true),
        ("gzip; q = 0.001", true), ("", false), ("identity", false), ("br", false), ("x-gzip", false),
        ("gzip;q=0", false), ("gzip;q=0.000", false), ("gzip;q=0, *", false), ("*;q=0", false),
        ("gzip;q=x", false), ("gzip;level=9", false), ("gzip;q=-1", false), ("gzip;q=nan", false),
    ];
    for (codings, packed) in table {
        let field = format!("Accept-Encoding: {codings}\r\n");
        let answer = answer(&request("GET", "/app.js", &field), SERVING);
        let head = head_of(&answer);
        let told = head.contains("\r\nContent-Encoding: gzip\r\n");
        assert_eq!(told, packed, "{codings}");
        assert_eq!(answer.body.starts_with(b"\x1f\x8b"), packed, "{codings}");
        assert!(head.contains("\r\nVary: Accept-Encoding\r\n"), "{codings}");
        let length = format!("\r\nContent-Length: {}\r\n", answer.body.len());
        assert!(head.contains(&length), "{codings}");
    }
    let health = request("GET", "/healthz", "Accept-Encoding: gzip\r\n");
    assert!(!head_of(&answer(&health, SERVING)).contains("Content-Encoding"));
}

#[test]
fn bytes_of_any_kind_are_answered_without_a_panic() {
    let mut rng = fastrand::Rng::with_seed(7);
    let seed = request(
        "GET",
        "/applet/websocket/socket.io/?EIO=4&transport=websocket",
        UPGRADE,
    );
    for _ in 0..20_000 {
        let mut bytes = seed.clone();
        for _ in 0..rng.usize(1..6) {
            let place = rng.usize(0..bytes.len());
            bytes[place] = rng.u8(..);
        }
        let _ = respond(&bytes, SERVING);
    }
}

#[test]
fn whose_request_it_is_and_who_has_too_many() {
    const ANN: &str = "X-Forwarded-For: 198.51.100.1, 203.0.113.7\r\n";
    const BOB: &str = "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For: 203.0.113.8\r\n";
    let args = ["--max-per-address", "1"].iter().map(Into::into);
    let Ok(Command::Run(config)) = Config::load(args, |_| None) else {
        panic!("a good command line");
    };
    let mut crowd = Crowd::new(&config);
    let [ann, bob] = [7, 8].map(|last| Peer::Forwarded([203, 0, 113, last].into()));
    crowd.count_opened(ann);
    let context = Context {
        crowd: &crowd,
        ..SERVING
    };
    let full = Context {
        full: true,
        ..context
    };
    // Target, fields, context, whose it is, status, what else the answer holds, crowded.
    #[rustfmt::skip]
    let rows = [
        (BASE, format!("{UPGRADE}{ANN}"), context, ann, 503, "from your address", true),
        (BASE, format!("{UPGRADE}{ANN}"), full, ann, 503, "full, come back", false),
        (BASE, format!("{UPGRADE}{BOB}"), context, bob, 101, "", false),
        (BASE, UPGRADE.into(), context, Peer::Unix, 101, "", false),
        ("/readyz", ANN.into(), context, ann, 503, "from your address", false),
        ("/readyz", BOB.into(), context, bob, 200, "ok", false),
        ("/healthz", ANN.into(), context, ann, 200, "ok", false),
        ("/", ANN.into(), context, ann, 200, "", false),
    ];
    for (target, fields, context, whose, status, body, crowded) in rows {
        let (decision, peer) = respond(&request("GET", target, &fields), context);
        assert_eq!(peer, whose, "{target} {fields:?}");
        match decision {
            Decision::Upgrade { .. } => assert_eq!(status, 101, "{target} {fields:?}"),
            Decision::Answer(answer) => {
                assert_eq!(answer.status, status, "{target} {fields:?}");
                assert_eq!(answer.crowded, crowded, "{target} {fields:?}");
                let found = String::from_utf8_lossy(answer.body);
                assert!(found.contains(body), "{target} {fields:?}: {found}");
            }
            Decision::Partial | Decision::Wait => panic!("{target} {fields:?} is a whole head"),
        }
    }
}

/// Behind a listener that was handed over there is nobody else to answer on this connection.
#[test]
fn at_the_last_call_an_upgrade_is_still_done() {
    let head = format!("GET {BASE} HTTP/1.1\r\n{UPGRADE}\r\n");
    for (context, done) in [(SERVING, true), (DRAINING, false), (LAST_CALL, true)] {
        let (decision, _) = respond(head.as_bytes(), context);
        assert_eq!(matches!(decision, Decision::Upgrade { .. }), done);
        let Decision::Answer(answer) = decision else {
            continue;
        };
        assert_eq!(answer.refusal(true), Some(Refusal::Draining));
        assert_eq!(answer.refusal(false), Some(Refusal::Full));
    }
}

#[test]
fn who_is_best_is_told_refused_or_waited_for() {
    let text: &[u8] = b"{\"week\":[],\"ever\":[]}";
    let known = BoardPage::Known(text.into());
    let with = |board| Context { board, ..SERVING };
    for target in ["/top.json", "/applet/websocket/top.json?x=1"] {
        let asked = request("GET", target, "");
        let told = answer(&asked, with(&known));
        assert_eq!((told.status, told.body), (200, &b""[..]));
        let told = String::from_utf8(told.head).expect("text");
        let (head, body) = told.split_once("\r\n\r\n").expect("a body");
        assert_eq!(body.as_bytes(), text);
        for field in [
            "Content-Length: 21",
            "Content-Type: application/json",
            "Cache-Control: max-age=2",
            "Access-Control-Allow-Origin: *",
        ] {
            assert!(head.contains(field), "{head}");
        }
        // Its length alone.
        let told = answer(&request("HEAD", target, ""), with(&known));
        assert!(head_of(&told).contains("Content-Length: 21"));
        check(
            "GET",
            target,
            "",
            with(&BoardPage::Away),
            503,
            "Retry-After: 5",
        );
        check("POST", target, "", with(&BoardPage::Ask), 405, "Allow");
        check("GET", target, "", SERVING, 404, "not found");
        for method in ["GET", "HEAD"] {
            let (decision, _) = respond(&request(method, target, ""), with(&BoardPage::Ask));
            assert_eq!(decision, Decision::Wait);
        }
        let late = Context {
            board: &known,
            ..LATE
        };
        check("GET", target, "", late, 503, "restarting");
    }
}
