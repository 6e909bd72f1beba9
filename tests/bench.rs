//! `roshambo bench` against a real server on the loopback: all modes, all dialects, small numbers.
//!
//! What it measures is not judged here, a busy machine may take any time; that it comes to an end,
//! finds no game wrong, and counts what it should, is.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_roshambo");

/// A running server; it is killed when the test ends.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(flags: &[&str]) -> Self {
        let (child, line) = Self::spawn("127.0.0.1:0", flags);
        let (_, rest) = line.split_once("http://").expect("the server's address");
        let address = rest.split('/').next().expect("a split has a first part");
        let url = format!("ws://{address}");
        Self { child, url }
    }

    /// Behind a unix socket.
    fn start_at(path: &str, flags: &[&str]) -> Self {
        let url = format!("unix:{path}");
        let (child, line) = Self::spawn(&url, flags);
        let server = Self { child, url };
        assert!(line.contains(path), "{line}");
        server
    }

    /// The process, and its first line.
    fn spawn(listen: &str, flags: &[&str]) -> (Child, String) {
        let mut child = Command::new(BINARY)
            .args(["--listen", listen, "--game-time", "1s"])
            .args(flags)
            .env("ROSHAMBO_STORE", "memory")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut log = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut line = String::new();
        log.read_line(&mut line).expect("a line of text");
        // Nobody reads on: the server's log never blocks it.
        (child, line)
    }

    fn bench(&self, args: &[&str]) -> Output {
        Command::new(BINARY)
            .args(["bench", &self.url, "--quiet"])
            .args(args)
            .stdin(Stdio::null())
            .output()
            .expect("the binary starts")
    }

    fn figures(&self, args: &[&str]) -> Vec<Value> {
        let output = self.bench(&[args, &["--json"]].concat());
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(output.status.success(), "{args:?}: {text}");
        let report: Value = serde_json::from_str(&text).expect("one JSON object");
        report["modes"].as_array().expect("an array").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs all modes with players of one kind.
#[track_caller]
fn check(flags: &[&str]) {
    let server = Server::start(&["--rate-limit", "0", "--relay-interval", "0"]);
    let pid = server.child.id().to_string();
    let common = [
        "--count",
        "10",
        "--rate",
        "500",
        "--window",
        "2",
        "--seconds",
        "0.4",
    ];
    let modes = server.figures(&[&common[..], &["--pid", &pid], flags].concat());
    let figure = |mode: &str, key: &str| {
        let report = modes.iter().find(|report| report["mode"] == mode);
        let value = report.and_then(|report| report["figures"][key].as_f64());
        value.unwrap_or_else(|| panic!("{mode} has no {key}: {modes:?}"))
    };
    assert_eq!(figure("idle", "sockets"), 10.0);
    assert!(0.0 < figure("idle", "resident_bytes_after"));
    assert_eq!(figure("relay", "faces_missing"), 0.0);
    assert!(0.0 < figure("relay", "latency_p50_us"));
    assert!(0.0 < figure("flood", "faces_per_s"));
    assert!(0.0 < figure("flood", "server_core_percent"));
    assert!(10.0 <= figure("games", "results"));
    assert_eq!(figure("games", "results_wrong"), 0.0);
    assert!(10.0 <= figure("churn", "connections"));
}

#[test]
fn every_mode_runs_in_the_plain_dialect() {
    check(&["--dialect", "plain"]);
}

#[test]
fn every_mode_runs_with_clients_of_the_second_generation() {
    check(&["--dialect", "plain", "--v2"]);
}

#[test]
fn every_mode_runs_over_engine_io_3() {
    check(&["--dialect", "eio3"]);
}

#[test]
fn every_mode_runs_over_engine_io_4() {
    check(&["--dialect", "eio4"]);
}

#[test]
fn a_unix_socket_is_an_address() {
    let path = std::env::temp_dir().join(format!("roshambo-bench-{}.sock", std::process::id()));
    let name = path.to_str().expect("an ASCII path");
    let server = Server::start_at(name, &["--rate-limit", "0"]);
    let modes = server.figures(&["idle", "churn", "--count", "4", "--seconds", "0.4"]);
    assert_eq!(modes[0]["figures"]["sockets"], 4.0);
    assert!(modes[1]["figures"]["connections"].as_f64() > Some(3.0));
    let _ = std::fs::remove_file(path);
}

#[test]
fn a_server_that_holds_faces_back_is_named_as_such() {
    let server = Server::start(&["--rate-limit", "1"]);
    let output = server.bench(&["relay", "--count", "2", "--rate", "100", "--seconds", "0.5"]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("it needs --rate-limit 0"), "{text}");
    assert!(text.contains("faces never arrived"), "{text}");
}

#[test]
fn what_cannot_be_measured_is_said() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = nobody.local_addr().expect("an address");
    drop(nobody);
    let rows: &[(&[&str], i32, &str)] = &[
        (&["--help"], 0, "Usage: roshambo bench URL"),
        (&["ftp://x"], 2, "does not begin with ws://"),
        (&[], 2, &format!("try {BINARY} bench --help")),
        (
            &[&format!("ws://{address}"), "idle"],
            1,
            "connections were lost",
        ),
    ];
    for (args, code, want) in rows {
        let output = Command::new(BINARY)
            .arg("bench")
            .args(*args)
            .output()
            .expect("the binary starts");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).expect("text");
        assert_eq!(output.status.code(), Some(*code), "{args:?}: {text}");
        assert!(text.contains(want), "{args:?}: {text}");
    }
    let server = Server::start(&[]);
    let output = server.bench(&["idle", "--count", "2", "--pid", "4294967295"]);
    assert_eq!(output.status.code(), Some(1));
}
