//! What is served by TLS: everything that is served without.

use std::io::{Read, Write};

use crate::pair::{Pair, place_behind};
use crate::secure::{VERSIONS, certificate, config, get, is_resumed, open, open_in};
use crate::support::client::{Client, Dialect};
use crate::support::process::Server;
use crate::support::{http, side_by_side};

#[test]
fn the_page_and_a_game_come_by_both_versions_and_by_the_plain_listener_too() {
    let pair = Pair::new(90);
    let served = pair.serve(&["--hsts", "5m"]);
    for version in VERSIONS {
        let mut stream = open(served.tls, &config(version));
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        let page = get(&mut stream, "/").expect("an answer with an end");
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        let field = "\r\nStrict-Transport-Security: max-age=300\r\n";
        assert!(page.contains(field), "{page}");
        assert!(page.ends_with("</html>\n"), "the whole page");
        for dialect in [Dialect::Plain, Dialect::Eio3, Dialect::Eio4] {
            let players = ["one", "two"].map(|name| {
                let stream = open(served.tls, &config(version));
                let mut player = Client::open_on(stream, dialect, &dialect.target());
                player.hello(name);
                player.until("hi");
                player
            });
            let [mut one, mut two] = players;
            one.send(r#"["join"]"#);
            two.send(r#"["join"]"#);
            one.until("start");
            two.until("start");
            one.send(r#"["choice",{"choice":0}]"#);
            two.send(r#"["choice",{"choice":1}]"#);
            assert_eq!(one.result_of("one"), two.result_of("one"), "{dialect:?}");
            one.leave();
            two.leave();
        }
    }
    let plain = http::get(served.server.address(), "/healthz");
    assert_eq!(plain.status, 200);
    assert_eq!(plain.field("strict-transport-security"), None);
}

#[test]
fn sessions_are_taken_up_again_in_both_versions() {
    let pair = Pair::new(90);
    let served = pair.serve(&[]);
    for version in VERSIONS {
        let config = config(version);
        for resumed in [false, true, true] {
            let mut stream = open(served.tls, &config);
            assert_eq!(is_resumed(&stream), resumed, "{version:?}");
            // The ticket comes with the answer, at the latest.
            let answer = get(&mut stream, "/healthz").expect("an answer");
            assert!(answer.ends_with("ok\n"), "{answer}");
        }
    }
}

#[test]
fn records_and_packets_of_one_byte_are_understood() {
    let pair = Pair::new(90);
    let served = pair.serve(&[]);
    side_by_side(VERSIONS, |version| {
        let mut stream = open_in(served.tls, &config(version), 1).expect("a handshake");
        let answer = get(&mut stream, "/healthz").expect("an answer");
        assert!(answer.ends_with("ok\n"), "{answer}");
        // A record for each byte.
        let mut stream = open(served.tls, &config(version));
        for byte in "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".bytes() {
            stream.write_all(&[byte]).expect("it reads");
            stream.flush().expect("it reads");
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.ends_with("ok\n"), "{answer}");
    });
}

#[test]
fn browsers_are_sent_to_tls_and_an_authority_sees_its_answer() {
    let pair = Pair::new(90);
    let folder = pair.file(".well-known/acme-challenge");
    std::fs::create_dir_all(&folder).expect("room");
    std::fs::write(folder.join("token"), "token.hash").expect("room");
    let root = pair.file(".").display().to_string();
    let served = pair.serve(&["--http-redirect", "127.0.0.1:0", "--acme-webroot", &root]);
    let redirect = place_behind(&served.server, "redirecting on ");
    let answer = http::get(redirect, "/play?room=a");
    assert_eq!(answer.status, 301);
    let to = format!("https://localhost:{}/play?room=a", served.tls.port());
    assert_eq!(answer.field("location"), Some(&*to));
    let answer = http::get(redirect, "/.well-known/acme-challenge/token");
    assert_eq!((answer.status, answer.text()), (200, "token.hash"));
    let answer = http::get(redirect, "/.well-known/acme-challenge/../../cert.pem");
    assert_eq!(answer.status, 404);
}

/// Everything in the folder of one certificate, and nothing of it in the log.
#[test]
fn a_key_is_never_shown() {
    let pair = Pair::new(90);
    let served = pair.serve(&["--log-level", "trace"]);
    let mut stream = open(served.tls, &config(VERSIONS[0]));
    get(&mut stream, "/").expect("an answer");
    assert!(!certificate(&stream).is_empty());
    let key = std::fs::read_to_string(pair.key()).expect("text");
    let line = key.lines().nth(1).expect("a line of it");
    let log = served.server.log().text();
    assert!(!log.contains(line), "{log}");
}

#[test]
fn without_a_certificate_there_is_no_tls() {
    let server = Server::start(&[]);
    let line = server.log().text();
    assert!(!line.contains("https and wss"), "{line}");
}
