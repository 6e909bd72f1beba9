//! Every plain HTTP answer: status, fields and body, as they arrive.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::support::client::{Client, Dialect};
use crate::support::http::{Answer, ask, exchange, get, read};
use crate::support::process::Server;
use crate::support::raw::{KEY, Raw};

/// The fields of a right upgrade, but for the host.
fn upgrade() -> String {
    format!(
        "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {KEY}\r\n"
    )
}

/// The fields of an upgrade with one of them replaced (or left out, where the value is empty).
fn upgrade_but(name: &str, value: &str) -> String {
    let fields = upgrade();
    let kept = fields
        .split_inclusive("\r\n")
        .filter(|field| !field.starts_with(name));
    let kept: String = kept.collect();
    match value {
        "" => kept,
        _ => format!("{kept}{name}: {value}\r\n"),
    }
}

#[track_caller]
fn check_unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503);
    let seconds = answer.field("retry-after").map(str::parse::<u32>);
    assert!(matches!(seconds, Some(Ok(1..))), "{:?}", answer.fields);
}

#[test]
fn every_address_answers_as_the_table_says() {
    let server = Server::start(&[]);
    let address = server.address();
    #[rustfmt::skip]
    let table = [
        // Method, target, status, content type, further field, start of the body.
        ("GET", "/healthz", 200, "text/plain", None, ""),
        ("GET", "/applet/websocket/healthz", 200, "text/plain", None, ""),
        ("GET", "/readyz", 200, "text/plain", None, ""),
        ("GET", "/applet/websocket/readyz", 200, "text/plain", None, ""),
        ("GET", "/readyz?i=1", 200, "text/plain", None, ""),
        ("GET", "/", 200, "text/html", None, "<!doctype html"),
        ("GET", "/?room=K7M2QX", 200, "text/html", None, "<!doctype html"),
        ("GET", "/applet/websocket/", 200, "text/html", None, "<!doctype html"),
        ("GET", "/applet/websocket", 426, "text/plain", Some(("upgrade", "websocket")), ""),
        ("GET", "/applet/websocket", 426, "text/plain", Some(("connection", "Upgrade, close")), ""),
        ("GET", "/applet/websocket?v=2", 426, "text/plain", Some(("upgrade", "websocket")), ""),
        ("GET", "/nothing", 404, "text/plain", None, ""),
        ("GET", "/applet", 404, "text/plain", None, ""),
        ("GET", "/applet/websocketx", 404, "text/plain", None, ""),
        ("GET", "/applet/websocket/nothing", 404, "text/plain", None, ""),
        ("GET", "/applet/websocket/socket.iox", 404, "text/plain", None, ""),
        ("GET", "/applet/websocket//", 404, "text/plain", None, ""),
        // A proxy may have put one slash too many in front.
        ("GET", "//", 200, "text/html", None, "<!doctype html"),
        ("GET", "/../healthz", 404, "text/plain", None, ""),
        ("GET", "/%68ealthz", 404, "text/plain", None, ""),
        ("GET", "/HEALTHZ", 404, "text/plain", None, ""),
        ("POST", "/nothing", 404, "text/plain", None, ""),
        ("POST", "/healthz", 405, "text/plain", Some(("allow", "GET, HEAD")), ""),
        ("PUT", "/readyz", 405, "text/plain", Some(("allow", "GET, HEAD")), ""),
        ("DELETE", "/", 405, "text/plain", Some(("allow", "GET, HEAD")), ""),
        ("OPTIONS", "/applet/websocket/", 405, "text/plain", Some(("allow", "GET, HEAD")), ""),
        ("POST", "/applet/websocket", 405, "text/plain", Some(("allow", "GET, HEAD")), ""),
        ("get", "/healthz", 405, "text/plain", Some(("allow", "GET, HEAD")), ""),
    ];
    for (method, target, status, content_type, field, body) in table {
        let answer = ask(address, method, target, "");
        let what = format!("{method} {target}: {answer:?}");
        assert_eq!(answer.status, status, "{what}");
        let kind = answer.field("content-type").expect("every answer has one");
        assert!(kind.starts_with(content_type), "{what}");
        if let Some((name, value)) = field {
            assert_eq!(answer.field(name), Some(value), "{what}");
        }
        assert!(!answer.body.is_empty(), "a word to a person: {what}");
        let start = answer.text().get(..body.len()).unwrap_or_default();
        assert!(start.eq_ignore_ascii_case(body), "{what}");
    }
}

#[test]
fn head_is_answered_like_get_without_the_body() {
    let server = Server::start(&[]);
    let address = server.address();
    for target in [
        "/",
        "/healthz",
        "/readyz",
        "/nothing",
        "/applet/websocket",
        "/applet/websocket/",
    ] {
        let of_get = get(address, target);
        let of_head = ask(address, "HEAD", target, "");
        assert_eq!(of_head.status, of_get.status, "{target}");
        assert_eq!(of_head.fields, of_get.fields, "{target}");
    }
}

/// Every file of the web client: what lies in the sources is served, as what it is, and kept or
/// asked about as its kind is.
#[test]
fn every_file_of_the_page_has_its_type_its_caching_and_its_tag() {
    let server = Server::start(&[]);
    let address = server.address();
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/client/web");
    let mut files = Vec::new();
    for folder in ["", "avatars/"] {
        for entry in fs::read_dir(web.join(folder)).expect("the web client's files") {
            let entry = entry.expect("a file");
            if entry.path().is_file() {
                files.push(format!("{folder}{}", entry.file_name().display()));
            }
        }
    }
    files.sort();
    for named in [
        "app.js",
        "session.js",
        "words.js",
        "style.css",
        "avatars/15.svg",
    ] {
        assert!(files.iter().any(|file| file == named), "{named}: {files:?}");
    }
    for file in files {
        let (_, kind) = file.rsplit_once('.').expect("a name with its kind");
        let (content_type, caching) = match kind {
            "html" => ("text/html; charset=utf-8", "no-cache"),
            "js" => ("text/javascript; charset=utf-8", "no-cache"),
            "css" => ("text/css; charset=utf-8", "no-cache"),
            "svg" => ("image/svg+xml", "public, max-age=86400"),
            "png" => ("image/png", "public, max-age=86400"),
            "webmanifest" => ("application/manifest+json", "no-cache"),
            "txt" => ("text/plain; charset=utf-8", "no-cache"),
            other => panic!("what is a {other} served as?"),
        };
        let source = fs::read(web.join(&file)).expect("its bytes");
        let mut tags = Vec::new();
        for place in ["/", "/applet/websocket/"] {
            let target = format!("{place}{file}");
            let check = |answer: &Answer, status: u16| {
                let what = format!("{target}: {answer:?}");
                assert_eq!(answer.status, status, "{what}");
                assert_eq!(answer.field("content-type"), Some(content_type), "{what}");
                assert_eq!(answer.field("cache-control"), Some(caching), "{what}");
                assert_eq!(
                    answer.field("x-content-type-options"),
                    Some("nosniff"),
                    "{what}"
                );
                let policy = answer.field("content-security-policy").unwrap_or_default();
                // And the one script that stands in the page, by its hash.
                assert!(policy.contains("script-src 'self' 'sha256-"), "{what}");
                let tag = answer.field("etag").unwrap_or_default();
                assert!(
                    tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'),
                    "{what}"
                );
                tag.to_owned()
            };
            let whole = get(address, &target);
            let tag = check(&whole, 200);
            // The page itself is told where its socket is; scripts travel without their comments.
            let same = match kind {
                "html" => true,
                "js" => is_without_comments(&whole.body, &source),
                _ => whole.body == source,
            };
            assert!(same, "{target}");
            let known = format!("If-None-Match: {tag}\r\n");
            assert_eq!(check(&ask(address, "GET", &target, &known), 304), tag);
            assert_eq!(check(&ask(address, "HEAD", &target, &known), 304), tag);
            let old = "If-None-Match: \"0123456789abcdef\"\r\n";
            let answer = ask(address, "GET", &target, old);
            assert_eq!(check(&answer, 200), tag);
            assert_eq!(answer.body, whole.body, "{target}");
            tags.push(tag);
        }
        let same = tags.first() == tags.last();
        assert_eq!(same, kind != "html", "{file}: {tags:?}");
    }
}

/// Line by line the script itself, or nothing where it says something to its readers.
fn is_without_comments(sent: &[u8], script: &[u8]) -> bool {
    let lines = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    let (sent, script) = (lines(sent), lines(script));
    let is_comment = |line: &str| ["//", "/*", "*"].iter().any(|mark| line.starts_with(mark));
    sent.lines().count() == script.lines().count()
        && (sent.lines().zip(script.lines())).all(|(sent, line)| match is_comment(line.trim()) {
            true => sent.is_empty(),
            false => sent == line,
        })
}

/// What the page says about its socket's address.
fn told_socket(page: &Answer) -> &str {
    let (_, rest) = page
        .text()
        .split_once(r#"name="roshambo-socket" content=""#)
        .expect("a line in its head");
    rest.split('"').next().expect("its end")
}

#[test]
fn the_page_and_its_files_are_the_same_at_both_places_and_known_by_their_tag() {
    let server = Server::start(&[]);
    let address = server.address();
    let page = get(address, "/");
    // Whatever the page asks for by a relative address is there, in both places.
    let mut files: Vec<_> = ["src=\"", "href=\""]
        .iter()
        .flat_map(|before| page.text().split(before).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .filter(|file| !file.contains(':') && !file.starts_with(['#', '/']))
        .map(|file| file.trim_start_matches("./"))
        .collect();
    assert!(
        !files.is_empty(),
        "a page with script and style: {}",
        page.text()
    );
    files.push("");
    for file in files {
        let first = get(address, &format!("/{file}"));
        let second = get(address, &format!("/applet/websocket/{file}"));
        assert_eq!((first.status, second.status), (200, 200), "{file}");
        // The page says where its socket is, as seen from itself.
        if file.is_empty() {
            let told = [told_socket(&first), told_socket(&second)];
            assert_eq!(told, ["applet/websocket", "."]);
        } else {
            assert!(first == second, "{file}");
        }
        assert!(!first.body.is_empty(), "{file}");
        let tag = first.field("etag").expect("a tag");
        assert!(
            tag.starts_with('"') && tag.ends_with('"') && 2 < tag.len(),
            "{tag}"
        );
        let table = [
            (tag.to_owned(), 304),
            (format!("W/{tag}"), 304),
            (format!("\"x\", {tag}"), 304),
            ("*".into(), 304),
            ("\"x\"".into(), 200),
        ];
        for (known, status) in table {
            let fields = format!("If-None-Match: {known}\r\n");
            let answer = ask(address, "GET", &format!("/{file}"), &fields);
            assert_eq!(answer.status, status, "{file} {known}");
            assert_eq!(answer.field("etag"), Some(tag), "{file} {known}");
        }
    }
}

#[test]
fn the_upgrade_is_found_under_every_writing_of_its_address() {
    let server = Server::start(&[]);
    let address = server.address();
    for slashes in ["", "/", "//", "////"] {
        for (query, dialect) in [
            ("EIO=3&transport=websocket", Dialect::Eio3),
            ("transport=websocket", Dialect::Eio3),
            ("transport=websocket&EIO=3&t=x&b64=1", Dialect::Eio3),
            ("EIO=4&transport=websocket", Dialect::Eio4),
            ("transport=websocket&t=x&EIO=4&sid=", Dialect::Eio4),
        ] {
            let target = format!("/applet/websocket/socket.io{slashes}?{query}");
            let mut client = Client::open_at(address, dialect, &target);
            client.send(r#"["hello",{"user":{"uid":"ann"}}]"#);
            client.until("hi");
            let want = format!(" {} ", dialect.name());
            let local = client.local().to_string();
            client.leave();
            let end = server
                .log()
                .wait_for("its end", |line| line.contains(&local));
            assert!(end.contains(&want), "{target}: {end}");
        }
    }
    for target in [
        "/applet/websocket",
        "/applet/websocket/",
        "/applet/websocket/?i=1",
    ] {
        let mut client = Client::open_at(address, Dialect::Plain, target);
        client.send(r#"["hello",{"user":{"uid":"ann"}}]"#);
        client.until("hi");
    }
}

#[test]
fn engine_io_s_errors_are_json_that_a_browser_may_show() {
    let server = Server::start(&[]);
    const TRANSPORT: &str = r#"{"code":0,"message":"Transport unknown"}"#;
    const SID: &str = r#"{"code":1,"message":"Session ID unknown"}"#;
    const METHOD: &str = r#"{"code":2,"message":"Bad handshake method"}"#;
    const REQUEST: &str = r#"{"code":3,"message":"Bad request"}"#;
    const REVISION: &str = r#"{"code":5,"message":"Unsupported protocol version"}"#;
    let right = upgrade();
    let no_key = upgrade_but("Sec-WebSocket-Key", "");
    #[rustfmt::skip]
    let table = [
        ("GET", "", "", TRANSPORT),
        ("GET", "?EIO=3", &right, TRANSPORT),
        ("GET", "?EIO=3&transport=flashsocket", "", TRANSPORT),
        ("DELETE", "?EIO=3", "", TRANSPORT),
        ("GET", "?EIO=3&transport=websocket&sid=abc", &right, SID),
        ("GET", "?EIO=4&transport=websocket&sid=abc", "", SID),
        ("POST", "?EIO=4&transport=websocket", "", METHOD),
        ("PUT", "?EIO=3&transport=websocket", &right, METHOD),
        ("GET", "?EIO=3&transport=websocket", "", REQUEST),
        ("GET", "?EIO=4&transport=websocket", &no_key, REQUEST),
        ("GET", "?EIO=5&transport=websocket", &right, REVISION),
        ("GET", "?EIO=1&transport=websocket", &right, REVISION),
        ("GET", "?EIO=x&transport=websocket", &right, REVISION),
    ];
    for (method, query, fields, want) in table {
        for slashes in ["", "/", "//", "///"] {
            let target = format!("/applet/websocket/socket.io{slashes}{query}");
            let answer = ask(server.address(), method, &target, fields);
            let what = format!("{method} {target}: {answer:?}");
            assert_eq!((answer.status, answer.text()), (400, want), "{what}");
            assert_eq!(
                answer.field("access-control-allow-origin"),
                Some("*"),
                "{what}"
            );
            let kind = answer.field("content-type").expect("every answer has one");
            assert!(kind.starts_with("application/json"), "{what}");
        }
    }
}

#[test]
fn long_polling_is_refused_with_a_hint_and_one_line_in_the_log() {
    let server = Server::start(&[]);
    for (method, query) in [
        ("GET", "?EIO=3&transport=polling"),
        ("GET", "?EIO=4&transport=polling&t=abc"),
        ("POST", "?EIO=4&transport=polling"),
        ("OPTIONS", "?EIO=4&transport=polling"),
    ] {
        let target = format!("/applet/websocket/socket.io/{query}");
        let answer = ask(server.address(), method, &target, "");
        assert_eq!(answer.status, 400);
        assert_eq!(answer.field("access-control-allow-origin"), Some("*"));
        let error: serde_json::Value = serde_json::from_slice(&answer.body).expect("a JSON error");
        assert_eq!(
            (&error["code"], &error["message"]),
            (&0.into(), &"Transport unknown".into())
        );
        let hint = error["hint"].as_str().expect("a hint");
        assert!(hint.contains(r#"transports: ["websocket"]"#), "{hint}");
    }
    let is_hint = |line: &str| line.contains("polling");
    server.log().wait_for("a hint for the operator", is_hint);
    let lines = server.log().lines();
    let hints = lines.iter().filter(|line| is_hint(line)).count();
    assert_eq!(hints, 1, "{lines:?}");
}

#[test]
fn a_bad_upgrade_is_refused() {
    let server = Server::start(&[]);
    let twice = format!("{}Sec-WebSocket-Key: {KEY}\r\n", upgrade());
    let with_body = format!("{}Content-Length: 5\r\n", upgrade());
    #[rustfmt::skip]
    let table = [
        (upgrade_but("Connection", ""), 400),
        (upgrade_but("Connection", "keep-alive"), 400),
        (upgrade_but("Sec-WebSocket-Key", ""), 400),
        (upgrade_but("Sec-WebSocket-Key", "c2hvcnQ="), 400),
        (upgrade_but("Sec-WebSocket-Key", "not base64 at all!!!!!=="), 400),
        (twice, 400),
        (with_body, 400),
        (upgrade_but("Sec-WebSocket-Version", ""), 426),
        (upgrade_but("Sec-WebSocket-Version", "8"), 426),
        (upgrade_but("Sec-WebSocket-Version", "14"), 426),
        (upgrade_but("Upgrade", "h2c"), 426),
    ];
    for (fields, status) in table {
        let answer = ask(server.address(), "GET", "/applet/websocket", &fields);
        assert_eq!(answer.status, status, "{fields}");
        if fields.contains("Upgrade: websocket") && status == 426 {
            assert_eq!(
                answer.field("sec-websocket-version"),
                Some("13"),
                "{fields}"
            );
        }
        if !fields.contains("h2c") {
            let target = "/applet/websocket/socket.io/?EIO=4&transport=websocket";
            let answer = ask(server.address(), "GET", target, &fields);
            assert_eq!(answer.status, status, "{fields}");
        }
    }
    // Without Upgrade a trailing slash means the page.
    let answer = ask(
        server.address(),
        "GET",
        "/applet/websocket/",
        &upgrade_but("Upgrade", "h2c"),
    );
    assert_eq!(answer.status, 200);
    let elsewhere = ask(server.address(), "GET", "/chat", &upgrade());
    assert_eq!(elsewhere.status, 404);
}

#[test]
fn extensions_are_offered_in_vain_and_the_first_subprotocol_is_named() {
    let server = Server::start(&[]);
    let mut raw = Raw::connect(server.address());
    let request = format!(
        "GET /applet/websocket HTTP/1.1\r\nHost: localhost\r\n{}\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
         Sec-WebSocket-Protocol: chat, superchat\r\n\r\n",
        upgrade()
    );
    raw.send(request.as_bytes());
    let head = raw.head();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(!head.contains("Extensions"), "{head}");
    assert!(
        head.contains("\r\nSec-WebSocket-Protocol: chat\r\n"),
        "{head}"
    );
}

#[test]
fn what_is_no_request_is_refused() {
    let server = Server::start(&[]);
    let fields = |count: usize| -> String {
        (0..count)
            .map(|number| format!("x-{number}: y\r\n"))
            .collect()
    };
    let head_of = |length: usize| {
        let bare = "GET /healthz HTTP/1.1\r\nHost: e\r\nX: \r\n\r\n".len();
        let filler = "x".repeat(length - bare);
        format!("GET /healthz HTTP/1.1\r\nHost: e\r\nX: {filler}\r\n\r\n")
    };
    #[rustfmt::skip]
    let table = [
        (head_of(8 * 1024), 200),
        (head_of(8 * 1024 + 1), 431),
        (format!("GET /{} HTTP/1.1\r\n", "x".repeat(9_000)), 431),
        (format!("GET /healthz HTTP/1.1\r\nX: {}", "x".repeat(9_000)), 431),
        (format!("GET /healthz HTTP/1.1\r\nHost: e\r\n{}\r\n", fields(63)), 200),
        (format!("GET /healthz HTTP/1.1\r\nHost: e\r\n{}\r\n", fields(64)), 431),
        (format!("GET /healthz HTTP/1.1\r\n{}\r\n", fields(500)), 431),
        ("\u{16}\u{3}\u{1}\u{2}".into(), 400),
        ("nonsense\r\n\r\n".into(), 400),
        ("GET\r\n\r\n".into(), 400),
        ("GET / HTTP/2.0\r\nHost: e\r\n\r\n".into(), 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), 400),
        ("GET /healthz HTTP/1.1\r\nHost: e\r\nno colon\r\n\r\n".into(), 400),
        ("GET /healthz HTTP/1.1\r\nHost: e\r\nna\u{0}me: x\r\n\r\n".into(), 400),
        ("GET /healthz HTTP/1.1\r\n\r\n".into(), 400),
        ("GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n".into(), 400),
        ("GET /healthz HTTP/1.0\r\n\r\n".into(), 200),
        ("GET http://e/healthz HTTP/1.1\r\nHost: f\r\n\r\n".into(), 200),
        ("GET ftp://e/ HTTP/1.1\r\nHost: e\r\n\r\n".into(), 400),
        ("OPTIONS * HTTP/1.1\r\nHost: e\r\n\r\n".into(), 400),
        ("CONNECT e:80 HTTP/1.1\r\nHost: e\r\n\r\n".into(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".into(), 400),
        ("POST / HTTP/1.1\r\nHost: e\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".into(), 400),
        ("POST / HTTP/1.1\r\nHost: e\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n".into(), 400),
    ];
    for (request, status) in table {
        let answer = exchange(server.address(), request.as_bytes(), false);
        assert_eq!(answer.status, status, "{request:?}");
    }
}

#[test]
fn an_answer_arrives_whole_even_if_more_was_sent_than_is_read() {
    let server = Server::start(&[]);
    // A body that nobody reads; closing over it would send a reset, and the answer would be lost.
    let mut request =
        b"POST /healthz HTTP/1.1\r\nHost: e\r\nContent-Length: 60000\r\n\r\n".to_vec();
    request.extend([b'x'; 60_000]);
    for _ in 0..10 {
        let answer = exchange(server.address(), &request, false);
        assert_eq!(answer.status, 405);
    }
    // Nor may an answer be lost that the kernel still holds, because the client is slow to take it.
    let whole = get(server.address(), "/app.js");
    assert!(
        8 * 1024 < whole.body.len(),
        "longer than a narrow client's window"
    );
    let mut request = b"GET /app.js HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec();
    request.extend([b'x'; 40_000]);
    let mut raw = Raw::connect_narrow(server.address());
    raw.send(&request);
    assert_eq!(read(&mut raw, false), whole);
    // A second request in the same bytes is none of ours: every answer closes.
    let request = b"GET /healthz HTTP/1.1\r\nHost: e\r\n\r\n".repeat(2);
    let answer = exchange(server.address(), &request, false);
    assert!(!answer.text().contains("HTTP/1.1"), "{answer:?}");
}

#[test]
fn a_head_that_is_not_complete_in_time_is_answered_408() {
    let server = Server::start(&["--head-timeout", "2s"]);
    for bytes in ["", "G", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"] {
        let mut raw = Raw::connect(server.address());
        raw.send(bytes.as_bytes());
        assert_eq!(read(&mut raw, false).status, 408, "{bytes:?}");
    }
    // The clock stops with the head: an upgraded connection lives on.
    let mut open = Raw::open(server.address(), "/applet/websocket");
    let mut late = Raw::connect(server.address());
    assert_eq!(read(&mut late, false).status, 408);
    open.say(r#"["hello",{"user":{"uid":"ann"}}]"#);
    assert!(open.text().starts_with(r#"["hi","#));
}

#[test]
fn over_the_most_connections_newcomers_are_told_to_come_back() {
    let server = Server::start(&["--max-connections", "2"]);
    let address = server.address();
    let first = Client::open(address, Dialect::Plain);
    assert_eq!(get(address, "/readyz").status, 200);
    let mut second = Client::open(address, Dialect::Eio4);
    for target in Dialect::ALL.map(Dialect::target) {
        let answer = ask(address, "GET", &target, &upgrade());
        check_unavailable(&answer);
    }
    for base in ["", "/applet/websocket"] {
        check_unavailable(&get(address, &format!("{base}/readyz")));
        assert_eq!(get(address, &format!("{base}/healthz")).status, 200);
    }
    let local = first.local().to_string();
    first.leave();
    server
        .log()
        .wait_for("its end", |line| line.contains(&local));
    assert_eq!(get(address, "/readyz").status, 200);
    let mut third = Client::open(address, Dialect::Eio3);
    for client in [&mut second, &mut third] {
        client.hello("ann");
        client.until("hi");
    }
    check_unavailable(&get(address, "/readyz"));
}

#[test]
fn another_base_path_moves_everything_under_it() {
    let server = Server::start(&["--base-path", "/game"]);
    let address: SocketAddr = server.address();
    #[rustfmt::skip]
    let table = [
        ("/", 200), ("/healthz", 200), ("/game/", 200), ("/game/healthz", 200),
        ("/game/readyz", 200), ("/game", 426), ("/game/socket.io/", 400),
        ("/applet/websocket", 404), ("/applet/websocket/", 404), ("/applet/websocket/healthz", 404),
        ("/applet/websocket/socket.io/", 404),
    ];
    for (target, status) in table {
        assert_eq!(get(address, target).status, status, "{target}");
    }
    for (target, dialect) in [
        ("/game", Dialect::Plain),
        ("/game/", Dialect::Plain),
        ("/game/socket.io/?EIO=3&transport=websocket", Dialect::Eio3),
        ("/game/socket.io//?EIO=4&transport=websocket", Dialect::Eio4),
    ] {
        let mut client = Client::open_at(address, dialect, target);
        client.hello("ann");
        client.until("hi");
    }
}
