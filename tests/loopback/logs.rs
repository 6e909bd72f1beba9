//! The log: what it says, what it does not, and what becomes of it when nobody reads it.

use std::io::Read;

use crate::support::Directory;
use crate::support::client::{Client, Dialect};
use crate::support::http::get;
use crate::support::process::{Server, is_of_machine, run};

/// Words of a line in which somebody's connection ended.
#[track_caller]
fn end_of(server: &Server, local: &str) -> String {
    server
        .log()
        .wait_for("a connection's end", |line| line.contains(local))
}

#[test]
fn every_connection_ends_in_one_line_with_number_dialect_seconds_rounds_and_reason() {
    let server = Server::start(&["--game-time", "1s", "--robot-after", "100ms"]);
    let mut number = 0;
    for dialect in Dialect::ALL {
        let rounds = u32::from(dialect == Dialect::Mini);
        let mut client = Client::old(server.address(), dialect, "ann");
        let local = client.local().to_string();
        if rounds == 1 {
            client.send(r#"["join"]"#);
            client.until("result");
        }
        client.leave();
        let line = end_of(&server, &local);
        number += 1;
        for part in [format!("#{number} "), format!(" {} ", dialect.name())] {
            assert!(line.contains(&part), "{part} is not in: {line}");
        }
        let words: Vec<_> = line.split([' ', ',', ':']).collect();
        let place = words.iter().position(|word| word.starts_with("round"));
        let count = place.and_then(|place| words.get(place.checked_sub(1)?));
        assert_eq!(count, Some(&rounds.to_string().as_str()), "{line}");
        let is_seconds = |word: &&str| {
            let number = word.strip_suffix('s').map(str::parse::<f64>);
            matches!(number, Some(Ok(seconds)) if f64::from(rounds) <= seconds)
        };
        assert!(words.iter().any(is_seconds), "seconds: {line}");
        let lines = server.log().lines();
        let count = lines.iter().filter(|line| line.contains(&local)).count();
        assert_eq!(count, 1, "{lines:?}");
    }
}

#[test]
fn the_reason_of_an_end_is_told() {
    let server = Server::start(&[]);
    let mut client = Client::open(server.address(), Dialect::Plain);
    let local = client.local().to_string();
    client.send_text("nonsense");
    client.until_close();
    assert!(end_of(&server, &local).contains("1008"));
    let client = Client::old(server.address(), Dialect::Plain, "ann");
    let left = client.local().to_string();
    client.leave();
    let client = Client::old(server.address(), Dialect::Plain, "ann");
    let lost = client.local().to_string();
    client.reset();
    let reason = |local: &str| {
        let line = end_of(&server, local);
        line.rsplit([':', ' ']).next().expect("a word").to_owned()
    };
    assert_ne!(
        reason(&left),
        reason(&lost),
        "who left and who was lost differ"
    );
}

#[test]
fn no_line_can_be_forged() {
    // Everything that a peer can put into a text, at the most talkative level.
    let forged = "2026-01-01T00:00:00.000Z INFO [roshambo] #99 127.0.0.1:1 plain forged";
    let server = Server::start(&["--log-level", "trace", "--game-time", "1s"]);
    let escaped = format!(r"x\n{forged}\r\n\u001b[2Jy\u2028\u0000\u0085z");
    for dialect in Dialect::ALL {
        let mut client = Client::open(server.address(), dialect);
        client.send(&format!(
            r#"["hello",{{"user":{{"uid":"ann","uname":"{escaped}","uavatar":"{escaped}"}}}}]"#
        ));
        client.until("hi");
        client.send(&format!(r#"["{escaped}"]"#));
        client.until("problem");
        client.send(&format!(r#"["join",{{"room":"{escaped}"}}]"#));
        // Real line ends between the items of an array are JSON, too.
        client.send(&format!(
            "[\n\"face\"\n,\n{{\"face\":1,\"{escaped}\":2}}\n]\n"
        ));
        let local = client.local().to_string();
        client.send_text(&format!("nonsense\n{forged}\n"));
        client.until_close();
        end_of(&server, &local);
    }
    let target = format!("/{}?{}", "%0A".repeat(20), forged.replace(' ', "%20"));
    assert_eq!(get(server.address(), &target).status, 404);
    server.signal("TERM");
    let exit = server.wait();
    for line in exit.stderr.lines() {
        assert!(!line.starts_with(&forged[..20]), "forged: {line}");
        let controls = line.chars().any(|sign| sign.is_control() && sign != '\t');
        assert!(
            !controls && !line.contains('\u{2028}'),
            "unescaped: {line:?}"
        );
    }
}

#[test]
fn a_path_with_line_ends_is_one_line_too() {
    let directory = Directory::new();
    let path = directory.file("none\n2026-01-01T00:00:00.000Z INFO forged\u{1b}[2J/x");
    let exit = run(&["--store", path.to_str().expect("UTF-8")]);
    assert_eq!(exit.code(), Some(1));
    for line in exit.stderr.lines() {
        assert!(
            !line.contains("forged") || line.contains(r"none\n2026"),
            "{line:?}"
        );
        assert!(!line.contains('\u{1b}'), "{line:?}");
    }
}

#[test]
fn at_info_no_line_is_written_per_message() {
    let server = Server::for_pairs(&["--rate-limit", "0", "--relay-interval", "0"]);
    let mut ann = Client::old(server.address(), Dialect::Eio3, "ann");
    let (mut bob, _) = Client::v2(server.address(), Dialect::Plain, "Bob");
    ann.send(r#"["join"]"#);
    bob.send(r#"["join"]"#);
    bob.until("start");
    ann.until("start");
    for _ in 0..100 {
        ann.send(r#"["face",{"face":1}]"#);
        bob.send(r#"["dance"]"#);
        bob.send(r#"["choice",{"choice":9}]"#);
    }
    ann.until("result");
    bob.until("result");
    get(server.address(), "/");
    get(server.address(), "/nothing");
    let before = server.log().deeds();
    assert_eq!(before.len(), 1, "the start, and nothing since: {before:?}");
    ann.leave();
    bob.leave();
    server.signal("TERM");
    let exit = server.wait();
    let lines = exit.stderr.lines().filter(|line| !is_of_machine(line));
    let lines: Vec<_> = lines.collect();
    let ends = lines.iter().filter(|line| line.contains('#')).count();
    assert_eq!(ends, 2, "{lines:?}");
    assert!(lines.len() <= 6, "start, ends, stop: {lines:?}");
}

/// Connections of [`make_noise`], each of which ends in a line of about a hundred bytes.
const NOISY_CONNECTIONS: usize = 4 * 100;

/// Sends many messages on many connections, so that all kinds of lines are written.
fn make_noise(server: &Server) {
    for dialect in Dialect::ALL {
        for _ in 0..NOISY_CONNECTIONS / Dialect::ALL.len() {
            let mut client = Client::old(server.address(), dialect, "ann");
            for _ in 0..20 {
                client.send(r#"["dance"]"#);
                client.until("problem");
            }
            client.leave();
        }
    }
    let (mut client, _) = Client::v2(server.address(), Dialect::Plain, "Ann");
    client.send(r#"["ping"]"#);
    client.expect(&[r#"["pong"]"#]);
}

#[test]
fn a_log_that_nobody_reads_neither_blocks_nor_ends_the_server() {
    let (server, mut stderr) = Server::start_unread(&["--log-level", "trace", "--rate-limit", "0"]);
    make_noise(&server);
    make_noise(&server);
    assert_eq!(get(server.address(), "/healthz").status, 200);
    server.signal("TERM");
    let exit = server.wait();
    assert_eq!(exit.code(), Some(0));
    let mut log = Vec::new();
    stderr.read_to_end(&mut log).expect("a pipe");
    let log = String::from_utf8_lossy(&log);
    // A pipe holds 64 KiB, and a line is only begun where a long one has room.
    assert!(56 * 1024 <= log.len(), "{} bytes do not fill it", log.len());
    let ends = log.lines().filter(|line| line.contains('#')).count();
    assert!(ends < 2 * NOISY_CONNECTIONS, "no line was dropped");
}

#[test]
fn a_log_that_nobody_can_read_any_more_does_not_end_the_server() {
    for level in ["info", "trace"] {
        let (server, stderr) = Server::start_unread(&["--log-level", level, "--rate-limit", "0"]);
        drop(stderr);
        make_noise(&server);
        assert_eq!(get(server.address(), "/healthz").status, 200);
        server.signal("TERM");
        assert_eq!(server.wait().code(), Some(0));
    }
}
