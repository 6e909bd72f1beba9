//! A request head: the answer does not depend on how it was cut, and is one answer.

use std::sync::LazyLock;

use fastrand::Rng;
use roshambo::hub::BoardPage;
use roshambo::net::http::{Context, Decision, Ending, Page, respond};
use roshambo::net::peers::{Crowd, Peer};

use crate::{Target, fuzz};

const BASE: &str = "/applet/websocket";
/// A page lives as long as the process: one for all runs.
static PAGE: LazyLock<Page> = LazyLock::new(|| Page::new(BASE, None, false));

fn run(bytes: &[u8], rng: &mut Rng) -> u64 {
    let context = Context {
        base: BASE,
        page: *PAGE,
        full: rng.u8(..) < 32,
        ending: match rng.u8(..16) {
            0 => Some(Ending::Guest),
            1 => Some(Ending::LastCall),
            2 => Some(Ending::Newcomer),
            _ => None,
        },
        store_away: false,
        board: &BoardPage::None,
        peer: Peer::Unix,
        crowd: &Crowd::EMPTY,
    };
    let (whole, _) = respond(bytes, context);
    for _ in 0..4 {
        let cut = rng.usize(..=bytes.len());
        let (part, _) = respond(&bytes[..cut], context);
        // What is decided stays decided, whatever follows.
        if part != Decision::Partial {
            assert_eq!(part, whole, "cut at {cut}");
        }
    }
    match whole {
        Decision::Partial | Decision::Wait => 0,
        Decision::Upgrade {
            head,
            consumed,
            dialect,
        } => {
            assert!(consumed <= bytes.len());
            check_head(&head, "101");
            1 + dialect as u64
        }
        Decision::Answer(answer) => {
            check_head(&answer.head, &answer.status.to_string());
            let fields = answer.head.iter().filter(|byte| **byte == b'\n').count();
            u64::from(answer.status) << 32 | (fields as u64) << 24 | answer.body.len() as u64
        }
    }
}

/// One status line, fields of our own, one empty line, and of what the peer sent at most a token.
fn check_head(head: &[u8], status: &str) {
    let head = std::str::from_utf8(head).expect("ASCII");
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    let (fields, rest) = head.split_once("\r\n\r\n").expect("an empty line");
    assert_eq!(rest, "");
    for line in fields.split("\r\n").skip(1) {
        let (name, value) = line.split_once(": ").expect("a field");
        assert!(
            !name.is_empty() && !value.contains(['\r', '\n', '\0']),
            "{line}"
        );
    }
}

#[test]
fn request_heads() {
    let upgrade = format!(
        "GET {BASE}/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: e\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    fuzz(&Target {
        name: "head",
        seeds: vec![
            upgrade.clone().into(),
            upgrade
                .replace("/socket.io/?EIO=4&transport=websocket", "")
                .into(),
            upgrade.replace("EIO=4", "EIO=3").into(),
            b"GET /healthz HTTP/1.1\r\nHost: e\r\n\r\n".to_vec(),
            b"HEAD / HTTP/1.1\r\nHost: e\r\nIf-None-Match: *\r\n\r\n".to_vec(),
            b"POST /readyz HTTP/1.1\r\nHost: e\r\nContent-Length: 5\r\n\r\nhello".to_vec(),
            upgrade.replace("GET /", "GET http://e:80/").into(),
            upgrade
                .replace("Upgrade: w", "Sec-WebSocket-Protocol: a, b\r\nUpgrade: w")
                .into(),
        ],
        #[rustfmt::skip]
        words: &[
            b"\r\n", b"\n", b"\r", b"\r\n\r\n", b": ", b"GET ", b"HEAD ", b"POST ", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n",
            b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"Host: e\r\n", b"Upgrade: websocket\r\n",
            b"Connection: Upgrade\r\n", b"Sec-WebSocket-Key: ", b"Sec-WebSocket-Version: 13\r\n", b"?EIO=3", b"&sid=x",
            b"&transport=polling", b"/applet/websocket", b"/socket.io", b"//", b"/readyz", b"If-None-Match: ", b"*", b"%00",
            b"http://e/", b"x: y\r\n", b"==", b"Sec-WebSocket-Protocol: ", b"a, b", b"[::1]:80", b"@", b" ",
        ],
        run,
    });
}
