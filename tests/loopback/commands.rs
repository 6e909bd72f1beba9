//! The command line: what a person who starts the server is told.

use std::net::TcpListener;
use std::os::unix::net::UnixStream;

use crate::support::client::{Client, Dialect};
use crate::support::http::get;
use crate::support::process::{Server, command, run, run_command};
use crate::support::{Directory, PATIENCE};

/// Every knob of the contract.
const FLAGS: [&str; 27] = [
    "--listen",
    "--base-path",
    "--public-url",
    "--game-time",
    "--robot-after",
    "--rematch-wait",
    "--relay-interval",
    "--rate-limit",
    "--session-ttl",
    "--max-sessions",
    "--store",
    "--score-ttl",
    "--max-connections",
    "--max-message",
    "--max-queue",
    "--head-timeout",
    "--hello-timeout",
    "--linger",
    "--ping-interval",
    "--ping-timeout",
    "--ping-timeout-eio4",
    "--ping-timeout-v2",
    "--drain-timeout",
    "--drain-spread",
    "--log-level",
    "--seed",
    "--check",
];

#[test]
fn help_and_version_are_for_people() {
    let help = run(&["--help"]);
    assert_eq!(help.code(), Some(0));
    for flag in FLAGS {
        assert!(
            help.stdout.contains(flag),
            "{flag} is not in:\n{}",
            help.stdout
        );
    }
    for default in ["127.0.0.1:9595", "/applet/websocket"] {
        assert!(
            help.stdout.contains(default),
            "{default} is not in:\n{}",
            help.stdout
        );
    }
    let version = run(&["--version"]);
    assert_eq!(version.code(), Some(0));
    let number = env!("CARGO_PKG_VERSION");
    assert_eq!(version.stdout.trim(), format!("roshambo {number}"));
}

#[test]
fn check_prints_what_holds_and_does_not_serve() {
    let check = run(&[
        "--check",
        "--game-time",
        "7s",
        "--listen",
        "127.0.0.1:0",
        "--max-queue",
        "20KiB",
    ]);
    assert_eq!(check.code(), Some(0), "{}", check.stderr);
    let lines: Vec<_> = check.stdout.lines().collect();
    for (knob, value) in [
        ("game-time", "7s"),
        ("robot-after", "1s"),
        ("relay-interval", "100ms"),
        ("session-ttl", "30m"),
        ("max-connections", "10000"),
        ("base-path", "/applet/websocket"),
        ("listen", "127.0.0.1:0"),
    ] {
        let shown = lines.iter().find(|line| {
            let mut words = line.split([' ', '=', ':']).filter(|word| !word.is_empty());
            words
                .next()
                .is_some_and(|word| word.trim_start_matches('-') == knob)
        });
        let shown = shown.unwrap_or_else(|| panic!("{knob} is not in:\n{}", check.stdout));
        assert!(shown.contains(value), "{shown}");
    }
    assert!(!check.stderr.contains("listening"), "{}", check.stderr);
    let wrong = run(&["--check", "--game-time", "61s"]);
    assert_eq!(wrong.code(), Some(2));
}

#[test]
fn a_wrong_value_is_named_with_its_range() {
    #[rustfmt::skip]
    let table: [(&[&str], &[&str]); 20] = [
        (&["--game-time", "61s"], &["--game-time", "61s", "1s", "60s"]),
        (&["--game-time", "0s"], &["--game-time", "0s", "1s", "60s"]),
        (&["--game-time", "1500ms"], &["--game-time", "1500ms"]),
        (&["--game-time", "soon"], &["--game-time", "soon"]),
        (&["--game-time", ""], &["--game-time"]),
        (&["--game-time"], &["--game-time"]),
        (&["--game-time", "-1s"], &["--game-time"]),
        (&["--rate-limit", "many"], &["--rate-limit", "many"]),
        (&["--max-connections", "0"], &["--max-connections", "0", "1"]),
        (&["--max-message", "99999999999999999999"], &["--max-message", "99999999999999999999"]),
        (&["--listen", "nowhere"], &["--listen", "nowhere"]),
        (&["--listen", "127.0.0.1:65536"], &["--listen", "65536"]),
        (&["--base-path", "two words"], &["--base-path", "two words"]),
        (&["--public-url", "ftp://e"], &["--public-url", "ftp://e"]),
        (&["--log-level", "loud"], &["--log-level", "loud"]),
        (&["--seed", "x"], &["--seed", "x"]),
        (&["--nonsense"], &["--nonsense"]),
        (&["nonsense"], &["nonsense"]),
        // Relations between knobs name both.
        (&["--game-time", "30s", "--drain-timeout", "5s"], &["--drain-timeout", "--game-time"]),
        (&["--ping-interval", "1h"], &["--ping-interval"]),
    ];
    for (arguments, words) in table {
        let exit = run(arguments);
        assert_eq!(exit.code(), Some(2), "{arguments:?}: {}", exit.stderr);
        for word in words {
            assert!(
                exit.stderr.contains(word),
                "{arguments:?} without {word}: {}",
                exit.stderr
            );
        }
        assert!(
            !exit.stderr.contains("panicked"),
            "{arguments:?}: {}",
            exit.stderr
        );
    }
}

#[test]
fn an_address_in_use_is_named_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("a socket").to_string();
    let exit = run(&["--listen", &address]);
    assert_eq!(exit.code(), Some(1), "{}", exit.stderr);
    for word in [address.as_str(), "--listen"] {
        assert!(exit.stderr.contains(word), "{}", exit.stderr);
    }
}

#[test]
fn the_start_is_one_line_with_the_address_to_open() {
    let server = Server::start(&[]);
    let address = server.address();
    assert_ne!(address.port(), 0);
    let line = server
        .log()
        .wait_for("the address", |line| line.contains("listening on"));
    assert!(line.contains(&format!("http://{address}/")), "{line}");
    assert_eq!(server.log().deeds().len(), 1, "{}", server.log().text());
    assert_eq!(get(address, "/").status, 200);
}

#[test]
fn the_original_s_port_variable_is_heard_and_the_flag_wins() {
    let mut with_port = command();
    with_port.env("PORT", "0");
    let server = Server::spawn(with_port);
    assert_ne!(server.address().port(), 9595, "the default");
    assert!(server.address().ip().is_loopback());
    assert_eq!(get(server.address(), "/healthz").status, 200);
    let mut with_both = command();
    with_both.env("PORT", "1").args(["--listen", "127.0.0.1:0"]);
    let server = Server::spawn(with_both);
    assert_eq!(get(server.address(), "/healthz").status, 200);
    let mut wrong = command();
    wrong.env("PORT", "http");
    let exit = run_command(wrong);
    assert_eq!(exit.code(), Some(2), "{}", exit.stderr);
    assert!(
        exit.stderr.contains("PORT") && exit.stderr.contains("http"),
        "{}",
        exit.stderr
    );
}

#[test]
fn a_unix_socket_serves_like_an_address_and_goes_with_the_process() {
    let directory = Directory::new();
    let path = directory.file("game.sock");
    let listen = format!("unix:{}", path.display());
    let flags = [
        "--listen",
        &listen,
        "--game-time",
        "1s",
        "--robot-after",
        "100ms",
    ];
    let mut command = command();
    command.args(flags);
    let server = Server::spawn(command);
    assert_eq!(server.place(), listen);
    for dialect in Dialect::ALL {
        let stream = UnixStream::connect(&path).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let mut client = Client::open_on(stream, dialect, &dialect.target());
        client.hello("ann");
        client.until("hi");
        if dialect == Dialect::Eio4 {
            client.send(r#"["join"]"#);
            client.until("start");
            client.send(r#"["choice",{"choice":1}]"#);
            assert_eq!(client.result_of("ann").3, Some(1));
        }
        client.leave();
    }
    let second = run(&["--listen", &listen]);
    assert_eq!(
        second.code(),
        Some(1),
        "somebody listens there: {}",
        second.stderr
    );
    assert!(second.stderr.contains(&listen), "{}", second.stderr);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    assert!(!path.exists(), "the file goes with the process");
}
