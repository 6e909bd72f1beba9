//! `roshambo probe` against a right server, and against proxies that get it wrong.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

/// Through nginx by `wss://`, which needs more than cargo: tests/run.sh probe.
#[cfg(feature = "tls")]
#[path = "probe/nginx.rs"]
mod nginx;

/// A server that ends with the test.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start() -> Self {
        Self::start_with(&["--ping-interval", "200ms"])
    }

    fn start_with(flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_roshambo"))
            .args([
                "--listen",
                "127.0.0.1:0",
                "--game-time",
                "1s",
                "--robot-after",
                "0",
            ])
            .args(flags)
            .env("ROSHAMBO_STORE", "memory")
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut log = BufReader::new(child.stderr.take().expect("piped"));
        // What is said about the settings stands before it.
        let mut lines = std::iter::repeat_with(|| {
            let mut line = String::new();
            let count = log.read_line(&mut line).expect("text");
            assert!(0 < count, "it ends without saying where it listens");
            line
        });
        let line = lines.find(|line| line.contains("listening on "));
        let line = line.expect("it goes on until there is one");
        let (_, rest) = line.split_once("listening on ").expect("it was looked for");
        let address = rest.split(',').next().expect("an address").to_owned();
        // Whoever stops reading a log loses lines, not the server.
        drop(log);
        Self { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn probe(variables: &[(&str, &PathBuf)], args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_roshambo"))
        .arg("probe")
        .args(args)
        .envs(variables.iter().copied())
        .output()
        .expect("it runs")
}

#[track_caller]
fn check(args: &[&str], code: i32, wants: &[&str]) {
    check_with(&[], args, code, wants);
}

#[track_caller]
fn check_with(variables: &[(&str, &PathBuf)], args: &[&str], code: i32, wants: &[&str]) {
    let output = probe(variables, args);
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{text}");
    for want in wants {
        assert!(text.contains(want), "{args:?}: {want}\n{text}");
    }
}

#[test]
fn a_right_server_passes_every_check() {
    let server = Server::start();
    let url = format!("ws://{}", server.address);
    let wants = [
        "ok     plain dialect",
        "ok     Engine.IO 3",
        "ok     Engine.IO 4",
        "ok     round trip",
        "ok     a round: played against a robot",
        "ok     idling: still there after",
    ];
    check(&[&url, "--idle", "1s", "--slow", "10s"], 0, &wants);
    check(
        &[&url, "--idle", "0", "--slow", "0"],
        1,
        &["slow   round trip"],
    );
    let elsewhere = format!("{url}/elsewhere");
    check(&[&elsewhere], 2, &["status 404", "--base-path"]);
}

#[test]
fn an_address_that_leads_to_another_instance_is_named() {
    for (flags, letter) in [(&[] as &[&str], "a"), (&["--instance", "a"], "b")] {
        let server = Server::start_with(flags);
        let url = format!("ws://{}", server.address);
        let told = format!("BROKEN instances: ?i={letter} does not lead to --instance {letter}");
        let args = [&url, "--idle", "0", "--slow", "10s", "--instances", "a,b"];
        check(&args, 2, &[&told, "map $arg_i"]);
    }
    let args = ["ws://127.0.0.1:1", "--instances", "A"];
    check(&args, 3, &["no letters of instances"]);
}

/// Answers every request head with these bytes and closes.
fn proxy(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                head.push(byte[0]);
            }
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("ws://{address}")
}

#[test]
fn a_wrong_proxy_is_named_with_the_line_to_change() {
    let rows = [
        (
            "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n",
            "proxy_set_header Upgrade",
        ),
        (
            "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
            "proxy_http_version 1.1;",
        ),
        (
            "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
            "upstream roshambo { server unix:/run/roshambo/roshambo.sock; }",
        ),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            "proxy_pass http://roshambo;",
        ),
        (
            "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
            "limit_conn",
        ),
        (
            "HTTP/1.1 301 Moved\r\nLocation: https://e/\r\nContent-Length: 0\r\n\r\n",
            "ask with wss://",
        ),
        (
            "HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n",
            "it is the proxy's",
        ),
        ("SSH-2.0-OpenSSH_9.2\r\n", "speaks no HTTP"),
        ("", "speaks no HTTP"),
    ];
    for (answer, want) in rows {
        check(&[&proxy(answer)], 2, &["BROKEN plain dialect", want]);
    }
}

/// Passes everything on; the sixth connection, the idle one, ends when the server pings it.
fn impatient_proxy(upstream: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut client = stream.expect("a connection");
            let mut server = TcpStream::connect(&upstream).expect("it listens");
            let mut from = client.try_clone().expect("a descriptor");
            let mut to = server.try_clone().expect("a descriptor");
            thread::spawn(move || io::copy(&mut from, &mut to));
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = server.read(&mut buffer) {
                    let piece = &buffer[..count];
                    if (number == 5 && piece == [0x89, 0]) || client.write_all(piece).is_err() {
                        break;
                    }
                }
                let _ = client.shutdown(Shutdown::Both);
            });
        }
    });
    format!("ws://{address}")
}

#[test]
fn an_impatient_proxy_is_named_with_its_time_out() {
    let server = Server::start();
    let url = impatient_proxy(server.address.clone());
    let wants = [
        "ok     a round",
        "BROKEN idling: cut after",
        "proxy_read_timeout 90s;",
    ];
    check(&[&url, "--idle", "10m", "--slow", "10s"], 2, &wants);
}

#[test]
fn nobody_there_and_wrong_questions() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    drop(listener);
    check(
        &[&format!("ws://{address}")],
        2,
        &["cannot connect", "systemctl status"],
    );
    check(&[], 3, &["which server?"]);
    #[cfg(not(feature = "tls"))]
    check(&["wss://example.org"], 3, &["ws:// only"]);
    check(&["ws://e", "--idle", "7"], 3, &["is no duration"]);
    check(&["--help"], 0, &["Usage: roshambo probe"]);
}
