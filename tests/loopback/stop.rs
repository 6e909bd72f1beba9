//! Who asks a process to stop, and how: signals by one and by two, terminals that close, streams
//! that nobody has opened.

use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use crate::support::client::{Client, Dialect};
use crate::support::http::get;
use crate::support::process::{Server, command_by};
use crate::support::{Directory, PATIENCE};

/// Waits until the server has heard a first request to stop.
#[track_caller]
fn wait_for_drain(server: &Server, signal: &str) {
    let line = server
        .log()
        .wait_for("the drain", |line| line.contains("draining"));
    assert!(line.contains(&format!("{signal}: draining")), "{line}");
}

/// The flags that every server here is started with.
fn with_flags(mut command: Command, flags: &[&str]) -> Command {
    command.args(["--listen", "127.0.0.1:0"]).args(flags);
    command
}

/// Whatever the tests were started by, for the server SIGHUP is as for a program in a terminal.
fn in_a_terminal() -> Command {
    command_by(&["env", "--default-signal=HUP"])
}

#[test]
fn a_terminal_that_closes_stops_the_server_as_sigterm_does() {
    let flags = ["--drain-spread", "0"];
    let server = Server::spawn(with_flags(in_a_terminal(), &flags));
    let (mut ann, _) = Client::v2(server.address(), Dialect::Plain, "Ann");
    server.signal("HUP");
    let (texts, code) = ann.until_close();
    assert_eq!(code, Some(1012));
    assert!(texts.iter().any(|text| text.contains("bye")), "{texts:?}");
    wait_for_drain(&server, "SIGHUP");
    drop(ann);
    let exit = server.wait();
    assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
}

#[test]
fn a_server_under_nohup_does_not_hear_of_a_terminal_that_closes() {
    let server = Server::spawn(with_flags(command_by(&["nohup"]), &[]));
    let (mut ann, _) = Client::v2(server.address(), Dialect::Plain, "Ann");
    server.signal("HUP");
    // A signal of the same kind would be heard first.
    server.signal("TERM");
    wait_for_drain(&server, "SIGTERM");
    ann.until_close();
    drop(ann);
    let exit = server.wait();
    assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
    assert!(!exit.stderr.contains("SIGHUP"), "{}", exit.stderr);
}

/// Supervisors send several, and so does a terminal: they come in one moment, whatever the machine
/// is busy with, since the process sleeps meanwhile.
#[test]
fn signals_that_come_together_are_one_wish() {
    let flags = ["--game-time", "2s", "--robot-after", "0"];
    let server = Server::spawn(with_flags(in_a_terminal(), &flags));
    let mut ann = Client::old(server.address(), Dialect::Plain, "ann");
    ann.send(r#"["join"]"#);
    ann.until("start");
    ann.send(r#"["choice",{"choice":2}]"#);
    for signal in ["STOP", "INT", "TERM", "HUP", "CONT"] {
        server.signal(signal);
    }
    assert_eq!(ann.result_of("ann").3, Some(2), "the round is played");
    ann.until_close();
    drop(ann);
    let exit = server.wait();
    assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
}

#[test]
fn a_signal_some_time_after_the_first_does_not_wait_for_the_round() {
    let flags = ["--game-time", "60s", "--drain-timeout", "90s"];
    let mut server = Server::start(&[&flags[..], &["--robot-after", "100ms"]].concat());
    let mut client = Client::old(server.address(), Dialect::Eio3, "ann");
    client.send(r#"["join"]"#);
    client.until("start");
    server.signal("TERM");
    wait_for_drain(&server, "SIGTERM");
    assert_eq!(
        get(server.address(), "/healthz").status,
        200,
        "the round is waited for"
    );
    // Somebody who is impatient: only those of the first second are too early to count.
    while !server.ends_within(Duration::from_millis(100)) {
        server.signal("INT");
    }
    let exit = server.wait();
    assert!(exit.stderr.contains("SIGINT again"), "{}", exit.stderr);
}

/// Log rotation and its like send signals to whatever runs; no round is lost to that.
#[test]
fn signals_that_mean_nothing_here_do_nothing() {
    let server = Server::start(&["--game-time", "2s", "--robot-after", "0"]);
    let mut ann = Client::old(server.address(), Dialect::Plain, "ann");
    ann.send(r#"["join"]"#);
    ann.until("start");
    for signal in ["USR1", "XFSZ"] {
        server.signal(signal);
        let want = format!("SIG{signal} means nothing here");
        server.log().wait_for("a word", |line| line.contains(&want));
    }
    ann.until("result");
    ann.leave();
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

/// A supervisor may give a program no streams at all; what it opens then must not take their
/// numbers, or the log would be written to a player.
#[test]
fn without_standard_streams_it_serves_all_the_same() {
    let directory = Directory::new();
    let path = directory.file("game.sock");
    let mut closed = command_by(&["sh", "-c", "exec \"$0\" \"$@\" <&- >&- 2>&-"]);
    closed.args(["--listen", &format!("unix:{}", path.display())]);
    let mut child = closed.spawn().expect("a shell");
    let stream = loop {
        match UnixStream::connect(&path) {
            Ok(stream) => break stream,
            Err(_) => assert!(child.try_wait().expect("our child").is_none(), "it ended"),
        }
        std::thread::yield_now();
    };
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let dialect = Dialect::Plain;
    let mut client = Client::open_on(stream, dialect, &dialect.target());
    client.hello("ann");
    client.until("hi");
    for number in 0..3 {
        let link = std::fs::read_link(format!("/proc/{}/fd/{number}", child.id()));
        let link = link.expect("it is open");
        assert_eq!(link.to_str(), Some("/dev/null"), "stream {number}");
    }
    client.leave();
    let status = Command::new("sh")
        .args(["-c", &format!("kill -TERM {}", child.id())])
        .status();
    assert!(status.expect("a shell").success());
    assert_eq!(child.wait().expect("our child").code(), Some(0));
}

/// What a full disk swallows was not said: a script must not take it for an answer.
#[test]
fn what_cannot_be_printed_is_a_fault_and_a_reader_that_went_away_is_none() {
    for flag in ["--help", "--check", "--version", "--man"] {
        let run = |redirect: &str| {
            let script = format!("\"$0\" {flag} {redirect}");
            let mut shell = command_by(&["sh", "-c", &script]);
            shell.output().expect("a shell")
        };
        let output = run(">/dev/full");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{flag}: {text}");
        assert!(text.contains("No space left"), "{flag}: {text}");
        let output = run("| true");
        assert_eq!(output.status.code(), Some(0), "{flag}");
        assert!(output.stderr.is_empty(), "{flag}");
    }
}
