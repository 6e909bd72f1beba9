//! Whatever is wrong with the new program, or the moment, the old one goes on and says why.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use crate::place::{Place, reload, reload_process};
use crate::support::client::{Client, Dialect};
use crate::support::process::{Server, command, command_by, run_command};
use crate::support::raw::{Raw, frame};
use crate::support::{Directory, side_by_side};

/// Somebody who is there before and after.
struct Witness(Client);

impl Witness {
    fn of(server: &Server) -> Self {
        Self(Client::v2(server.address(), Dialect::Eio4, "Ann").0)
    }

    #[track_caller]
    fn check(&mut self) {
        self.0.send(r#"["ping"]"#);
        self.0.expect(&[r#"["pong"]"#]);
    }
}

#[test]
fn a_program_that_cannot_go_on_is_not_run_in_place_of_one_that_can() {
    // The program, and what is said about it.
    let rows: [(&str, &[u8], &str); 7] = [
        (
            "ends at once",
            b"#!/bin/sh\nexit 3\n",
            "the new program failed: exit status: 3",
        ),
        (
            "crashes",
            b"#!/bin/sh\nkill -SEGV $$\n",
            "the new program failed: signal: 11",
        ),
        (
            "hangs",
            b"#!/bin/sh\nexec sleep 1000\n",
            "the new program did not answer within 10 s",
        ),
        (
            "does not know the form",
            b"#!/bin/sh\necho 'roshambo: the snapshot is of another form' >&2\nexit 1\n",
            "the new program cannot go on: the snapshot is of another form",
        ),
        (
            "knows of no reload",
            b"#!/bin/sh\necho 'roshambo: what is prove-reload?' >&2\nexit 2\n",
            "the new program cannot go on: what is prove-reload?",
        ),
        (
            "says what it likes",
            b"#!/bin/sh\necho hello\n",
            "cannot go on: hello",
        ),
        (
            "is for another machine",
            b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xf3\0\x01\0\0\0",
            "cannot be run: ",
        ),
    ];
    side_by_side(rows, |(what, program, why)| {
        let place = Place::new();
        let server = place.start(&[]);
        let mut witness = Witness::of(&server);
        let before = server.descriptors();
        place.install(program);
        for flags in [&[][..], &["--check"]] {
            let exit = reload(&server, flags);
            assert_eq!(exit.code(), Some(1), "{what}");
            assert!(exit.stderr.contains(why), "{what}: {}", exit.stderr);
            assert!(
                exit.stderr.contains("not reloaded"),
                "{what}: {}",
                exit.stderr
            );
            witness.check();
            assert_eq!(server.descriptors(), before, "{what}");
            if what == "hangs" {
                break;
            }
        }
        let line = server
            .log()
            .wait_for("the reason", |line| line.contains("not reloaded"));
        assert!(line.contains(why), "{what}: {line}");
        // The next one can.
        place.install_again();
        let exit = reload(&server, &[]);
        assert_eq!(exit.code(), Some(0), "{what}: {}", exit.stderr);
        witness.check();
    });
}

#[test]
fn a_program_that_is_missing_or_may_not_be_run_is_told() {
    for (is_there, why) in [(false, "No such file"), (true, "Permission denied")] {
        let place = Place::new();
        let server = place.start(&[]);
        let mut witness = Witness::of(&server);
        match is_there {
            true => {
                let mode = fs::Permissions::from_mode(0o644);
                fs::set_permissions(place.program(), mode).expect("our file");
            }
            false => fs::remove_file(place.program()).expect("it is there"),
        }
        let exit = reload(&server, &[]);
        assert_eq!(exit.code(), Some(1));
        assert!(exit.stderr.contains(why), "{}", exit.stderr);
        witness.check();
    }
}

#[test]
fn a_proof_alone_changes_nothing() {
    let place = Place::new();
    let server = place.start(&[]);
    let exit = reload(&server, &["--check"]);
    assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
    assert!(
        exit.stdout.contains(" can take over from "),
        "{}",
        exit.stdout
    );
    assert!(!server.log().text().contains("reloaded"));
}

/// As the services that are shipped have.
#[test]
fn a_server_with_a_network_of_its_own_is_asked_there() {
    let folder = Directory::new();
    let socket = folder.file("socket").display().to_string();
    let uid = fs::metadata("/proc/self").expect("a kernel").uid();
    // As root of a user namespace, where the test's user is none.
    let flags = if uid == 0 { "-n" } else { "-Urn" };
    let mut command = command_by(&["unshare", flags]);
    command.args(["--listen", &format!("unix:{socket}")]);
    let server = Server::spawn(command);
    let exit = reload(&server, &["--check"]);
    if uid == 0 {
        assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
    } else {
        assert_eq!(exit.code(), Some(1), "{}", exit.stdout);
        assert!(exit.stderr.contains("ask as root"), "{}", exit.stderr);
    }
}

#[test]
fn who_asks_wrongly_is_told_how() {
    let rows: [(&[&str], i32, &str); 5] = [
        (&["reload"], 2, "PID is missing"),
        (&["reload", "x"], 2, "invalid digit"),
        (&["reload", "0"], 2, "PID is a number above 0"),
        (&["reload", "1", "--now"], 2, "--now"),
        // Nobody has that many processes.
        (
            &["reload", "2147483647"],
            1,
            "process 2147483647 cannot be asked",
        ),
    ];
    for (words, code, why) in rows {
        let mut command = command();
        command.args(words);
        let exit = run_command(command);
        assert_eq!(exit.code(), Some(code), "{words:?}");
        assert!(exit.stderr.contains(why), "{words:?}: {}", exit.stderr);
    }
}

/// The proof of this one takes until it is asked to stop, by a file.
const SLOW: &[u8] = b"#!/bin/sh\nexec sleep 1000\n";

#[test]
fn a_stop_goes_before_a_reload_and_two_reloads_are_one() {
    let place = Place::new();
    let server = place.start(&[]);
    let mut client = Client::v2(server.address(), Dialect::Plain, "Ann").0;
    place.install(SLOW);
    std::thread::scope(|scope| {
        let process = server.pid();
        let first = scope.spawn(move || reload_process(process, &[]));
        // The proof of the first one runs by then.
        let until = std::time::Instant::now() + crate::support::PATIENCE;
        while children(&server).is_empty() && std::time::Instant::now() < until {
            std::thread::yield_now();
        }
        let second = reload(&server, &["--check"]);
        assert_eq!(second.code(), Some(1));
        assert!(
            second.stderr.contains("another reload is under way"),
            "{}",
            second.stderr
        );
        server.signal("TERM");
        let first = first.join().expect("it ends");
        assert_eq!(first.code(), Some(1));
        assert!(first.stderr.contains("asked to stop"), "{}", first.stderr);
    });
    let (texts, code) = client.until_close();
    assert!(texts.iter().any(|text| text.contains("bye")), "{texts:?}");
    assert_eq!(code, Some(1012));
    let exit = server.wait();
    assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
}

fn children(server: &Server) -> String {
    let pid = server.pid();
    let path = format!("/proc/{pid}/task/{pid}/children");
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn a_drain_goes_on_whoever_asks_for_a_reload() {
    let place = Place::new();
    let server = place.start(&["--game-time", "3s", "--robot-after", "60s"]);
    let mut ann = Client::v2(server.address(), Dialect::Plain, "Ann").0;
    let mut bob = Client::v2(server.address(), Dialect::Plain, "Bob").0;
    for client in [&mut ann, &mut bob] {
        client.send(r#"["join",{}]"#);
    }
    ann.until("start");
    server.signal("TERM");
    server
        .log()
        .wait_for("the drain", |line| line.contains("draining"));
    let exit = reload(&server, &[]);
    assert_eq!(exit.code(), Some(1));
    assert!(
        exit.stderr.contains("the server is asked to stop"),
        "{}",
        exit.stderr
    );
    ann.until("result");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_full_table_of_descriptors_is_told_and_nothing_is_lost() {
    let place = Place::new();
    let server = place.start(&[]);
    let mut witness = Witness::of(&server);
    let limit = |count: usize| server.limit(&format!("--nofile={count}:"));
    let before = server.descriptors();
    // One is for who asks. What is missing is missing at another place each time.
    for spare in 0..6 {
        limit(before + spare);
        let exit = reload_signal(&server);
        witness.check();
        assert!(exit, "{spare}");
        if server
            .log()
            .text()
            .contains("INFO  [roshambo::net::server::reload] reloaded")
        {
            break;
        }
        assert_eq!(server.descriptors(), before, "{spare}");
    }
    limit(1024);
    assert_eq!(reload(&server, &[]).code(), Some(0));
    witness.check();
}

/// Shows that all it sent before is read, and nothing lost.
fn ping(raw: &mut Raw) {
    raw.send(&frame(0x89, b"?"));
    assert_eq!(raw.frame().first, 0x8a);
}

/// A server that holds ten mebibytes of messages that are not whole yet.
fn start_heavy(place: &Place) -> (Server, Vec<Raw>) {
    let flags = ["--max-message", "64k", "--max-queue", "80k"];
    // However many, and however long a busy machine takes.
    let patient = ["--max-per-address", "0", "--hello-timeout", "10m"];
    let server = place.start(
        &[
            &flags[..],
            &patient,
            &["--ping-interval", "1m", "--ping-timeout", "5m"],
        ]
        .concat(),
    );
    let fragment = frame(0x01, &vec![b'x'; 63 << 10]);
    let halves = (0..160).map(|_| {
        let mut raw = Raw::open(server.address(), &Dialect::Plain.target());
        raw.send(&fragment);
        ping(&mut raw);
        raw
    });
    let halves = halves.collect();
    (server, halves)
}

#[test]
fn memory_too_short_for_the_copy_is_told_and_nothing_is_lost() {
    let place = Place::new();
    let (server, halves) = start_heavy(&place);
    let mut witness = Witness::of(&server);
    let before = server.descriptors();
    // A file that may not grow that far is one for the copy, too; and the program that would prove
    // itself needs the text and what it says.
    let data = server.data_bytes() + (4 << 20);
    for (short, roomy, why) in [
        (
            "--fsize=65536:",
            "--fsize=unlimited:",
            "no copy can be made",
        ),
        (
            &*format!("--data={data}:"),
            "--data=unlimited:",
            "out of memory",
        ),
    ] {
        server.limit(short);
        let exit = reload(&server, &[]);
        assert_eq!(exit.code(), Some(1), "{}", exit.stdout);
        assert!(exit.stderr.contains(why), "{}", exit.stderr);
        witness.check();
        assert_eq!(server.descriptors(), before);
        server.limit(roomy);
    }
    let exit = reload(&server, &[]);
    assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
    witness.check();
    for mut raw in halves {
        ping(&mut raw);
    }
}

/// Asks by the signal alone, and waits until the log has one more line about it.
fn reload_signal(server: &Server) -> bool {
    let is_end = |line: &str| line.contains("reloaded");
    let before = server
        .log()
        .lines()
        .iter()
        .filter(|line| is_end(line))
        .count();
    server.signal("USR2");
    server
        .log()
        .wait_for_many("an end", before + 1, is_end)
        .len()
        == before + 1
}
