//! The end of a process: signals, the last round, goodbyes, and what the next process knows.

use crate::support::Directory;
use crate::support::client::{Client, Dialect, Hi};
use crate::support::http::{ask, get};
use crate::support::process::{Server, run};

/// Sends a signal and waits until the server has heard it.
fn drain(server: &Server, signal: &str) {
    server.signal(signal);
    server
        .log()
        .wait_for("the drain", |line| line.contains("draining"));
}

/// A text is a `bye` of a restart; when to come back.
#[track_caller]
fn retry_ms(text: &str, dialect: Dialect) -> u64 {
    let before = format!(
        r#"{}["bye",{{"code":1012,"reason":"restart","retry_ms":"#,
        dialect.prefix()
    );
    let number = text
        .strip_prefix(&before)
        .and_then(|rest| rest.strip_suffix("}]"));
    let number = number.unwrap_or_else(|| panic!("{text} is not {before}…"));
    number.parse().expect("whole milliseconds")
}

#[test]
fn a_signal_in_mid_round_still_brings_the_result_and_then_goodbyes() {
    let server = Server::start(&[
        "--game-time",
        "2s",
        "--robot-after",
        "30s",
        "--drain-timeout",
        "20s",
        "--drain-spread",
        "300ms",
    ]);
    let address = server.address();
    let mut ann = Client::old(address, Dialect::Mini, "ann");
    let (mut bob, hi) = Client::v2(address, Dialect::Plain, "Bob");
    let mut idle: Vec<_> = [Dialect::Plain, Dialect::Eio3, Dialect::Eio4]
        .into_iter()
        .flat_map(|dialect| {
            let v2 = Client::v2(address, dialect, "Carol").0;
            let old = Client::old(address, dialect, "dora");
            [(v2, dialect, true), (old, dialect, false)]
        })
        .collect();
    ann.send(r#"["join"]"#);
    bob.send(r#"["join"]"#);
    ann.until("start");
    bob.until("start");
    ann.send(r#"["choice",{"choice":2}]"#);
    bob.until("movement");

    drain(&server, "TERM");
    for base in ["", "/applet/websocket"] {
        let answer = get(address, &format!("{base}/readyz"));
        assert_eq!(answer.status, 503);
        assert!(answer.field("retry-after").is_some());
        assert_eq!(get(address, &format!("{base}/healthz")).status, 200);
    }
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for dialect in Dialect::ALL {
        let answer = ask(address, "GET", &dialect.target(), upgrade);
        assert_eq!(answer.status, 503, "{dialect:?}");
        assert!(answer.field("retry-after").is_some());
    }
    for (client, dialect, _) in &mut idle {
        client.send(r#"["join"]"#);
        let problem = client.until("problem");
        assert_eq!(problem["code"], "draining", "{dialect:?}");
        assert_eq!(problem["event"], "join");
    }
    // The round goes on as if nothing had happened.
    bob.send(r#"["choice",{"choice":1}]"#);
    assert_eq!(ann.result_of("ann"), (1, 1, 1, Some(2)));
    assert_eq!(bob.result_of(&hi.uid), (0, 0, 0, Some(1)));

    idle.push((ann, Dialect::Mini, false));
    idle.push((bob, Dialect::Plain, true));
    let mut waits = Vec::new();
    for (client, dialect, v2) in &mut idle {
        let (texts, code) = client.until_close();
        assert_eq!(code, Some(1012), "{dialect:?}");
        // Socket.IO's own clients would stay away after a `41`.
        assert!(!texts.contains(&"41".into()), "{dialect:?}: {texts:?}");
        let byes: Vec<_> = texts.iter().filter(|text| text.contains("bye")).collect();
        if *v2 {
            assert_eq!(byes.len(), 1, "{dialect:?}: {texts:?}");
            assert_eq!(texts.last(), byes.first().copied(), "the last text");
            waits.push(retry_ms(byes[0], *dialect));
        } else {
            assert!(byes.is_empty(), "an old client: {texts:?}");
        }
    }
    assert!(waits.iter().all(|wait| *wait <= 300), "{waits:?}");
    drop(idle);
    let exit = server.wait();
    assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
}

#[test]
fn without_a_round_a_drain_is_over_at_once_and_the_spread_is_used() {
    for signal in ["TERM", "INT"] {
        let server = Server::start(&["--drain-spread", "60s", "--drain-timeout", "10s"]);
        let mut clients: Vec<_> = (0..20)
            .map(|_| Client::v2(server.address(), Dialect::Plain, "Ann").0)
            .collect();
        drain(&server, signal);
        let mut waits: Vec<_> = clients
            .iter_mut()
            .map(|client| {
                let (texts, code) = client.until_close();
                assert_eq!((texts.len(), code), (1, Some(1012)));
                retry_ms(&texts[0], Dialect::Plain)
            })
            .collect();
        drop(clients);
        waits.sort_unstable();
        waits.dedup();
        assert!(waits.iter().all(|wait| *wait <= 60_000), "{waits:?}");
        assert!(10 < waits.len(), "nearly all of them differ: {waits:?}");
        let exit = server.wait();
        assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
    }
}

#[test]
fn a_client_that_stays_does_not_hold_the_end_up() {
    let server = Server::start(&["--drain-timeout", "4s", "--linger", "500ms"]);
    // It neither reads nor closes: only the time limits end this.
    let client = Client::v2(server.address(), Dialect::Plain, "Ann").0;
    drain(&server, "TERM");
    let exit = server.wait();
    assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
    drop(client);
}

#[test]
fn points_outlive_the_process() {
    let directory = Directory::new();
    let path = directory.file("roshambo.db");
    let store = path.to_str().expect("an ASCII path");
    let server = Server::for_pairs(&["--store", store]);
    let (mut ann, hi) = Client::v2(server.address(), Dialect::Plain, "Ann");
    let (mut bob, other) = Client::v2(server.address(), Dialect::Eio4, "Bob");
    for client in [&mut ann, &mut bob] {
        client.send(r#"["join"]"#);
    }
    for (client, choice) in [(&mut ann, 2), (&mut bob, 1)] {
        client.until("start");
        client.send(&format!(r#"["choice",{{"choice":{choice}}}]"#));
    }
    assert_eq!(ann.result_of(&hi.uid), (1, 1, 1, Some(2)));
    drain(&server, "TERM");
    ann.until_close();
    bob.until_close();
    drop((ann, bob));
    assert_eq!(server.wait().code(), Some(0));

    let server = Server::for_pairs(&["--store", store]);
    let (_ann, again) = Client::resume(server.address(), Dialect::Eio3, &hi.session);
    let want = Hi {
        resumed: true,
        total: 1,
        streak: 1,
        ..hi
    };
    assert_eq!(again, want);
    // Bob won nothing that could be kept.
    let (_bob, again) = Client::resume(server.address(), Dialect::Plain, &other.session);
    assert!(!again.resumed && again.session != other.session);
}

#[test]
fn without_its_store_it_does_not_start_and_says_what_to_do() {
    let directory = Directory::new();
    let path = directory.file("none/roshambo.db");
    let exit = run(&[
        "--listen",
        "127.0.0.1:0",
        "--store",
        path.to_str().expect("ASCII"),
    ]);
    assert_eq!(exit.code(), Some(1), "{}", exit.stderr);
    let lines = exit
        .stderr
        .lines()
        .filter(|line| line.starts_with("roshambo: "));
    assert_eq!(lines.count(), 1, "{}", exit.stderr);
    assert!(exit.stderr.contains("none/roshambo.db"), "{}", exit.stderr);
    assert!(!exit.stderr.contains("listening on"), "{}", exit.stderr);
}
