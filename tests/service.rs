//! The real program under a service manager: sockets handed over, what it tells, what it shows.
//!
//! The manager is played here by hand (sd_listen_fds(3), sd_notify(3)) and once by
//! `systemd-socket-activate`. Needs `systemd` and `prometheus` (for promtool); missing ones are
//! failures. Nothing sleeps: every wait is for a byte, a datagram or an end.

mod service {
    pub(crate) mod manager;
}

use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Barrier};
use std::thread;

use service::manager::{Fds, Manager, UPGRADE, ask, open, read_until, upgrade};

fn tcp() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address").to_string();
    (listener, address)
}

#[test]
fn the_manager_is_told_ready_alive_and_stopping_in_this_order() {
    let manager = Manager::new();
    let (listener, address) = tcp();
    let mut server = manager.start(Fds::one(&listener), &[], &[("WATCHDOG_USEC", "200000")]);
    let ready = manager.next();
    assert!(
        ready.starts_with("READY=1\nSTATUS=serving 0 of at most 10000 connections"),
        "{ready}"
    );
    for _ in 0..3 {
        assert_eq!(manager.next_but_status(), "WATCHDOG=1\n");
    }
    drop(open(&address));
    server.signal("TERM");
    let stopping = loop {
        match manager.next_but_status() {
            ping if ping == "WATCHDOG=1\n" => (),
            other => break other,
        }
    };
    assert!(
        stopping.starts_with("STOPPING=1\nSTATUS=draining "),
        "{stopping}"
    );
    assert!(server.wait().success());
}

/// Sockets that a manager opened stay, and it is told that a reload is under way and over.
#[test]
fn a_reload_keeps_sockets_and_manager_and_says_when_it_is_over() {
    let manager = Manager::new();
    let (listener, address) = tcp();
    let mut server = manager.start(Fds::one(&listener), &[], &[("WATCHDOG_USEC", "200000")]);
    assert!(manager.next().starts_with("READY=1\n"));
    let mut player = open(&address);
    let beyond_pings = || loop {
        match manager.next_but_status() {
            ping if ping == "WATCHDOG=1\n" => (),
            other => break other,
        }
    };
    for _ in 0..2 {
        server.signal("USR2");
        let reloading = beyond_pings();
        let (_, rest) = reloading
            .split_once("RELOADING=1\nMONOTONIC_USEC=")
            .unwrap_or_else(|| panic!("{reloading}"));
        let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
        assert!(number.parse::<u64>().is_ok(), "{reloading}");
        let ready = beyond_pings();
        assert!(
            ready.starts_with("READY=1\nSTATUS=serving 1 of at most 10000 connections"),
            "{ready}"
        );
        // The new program is alive by itself.
        assert_eq!(manager.next_but_status(), "WATCHDOG=1\n");
        player.say(r#"["hello",{"user":{"uname":"Ann"},"v":2}]"#);
        player.expect(r#"["hi","#);
    }
    drop(open(&address));
    server.signal("TERM");
    let stopping = beyond_pings();
    assert!(stopping.starts_with("STOPPING=1\n"), "{stopping}");
    assert!(server.wait().success());
}

/// A drain may be longer than the unit's `TimeoutStopSec=`: the manager is asked for more, again and
/// again, as long as it lasts.
#[test]
fn a_long_drain_asks_the_manager_for_more_time() {
    let manager = Manager::new();
    let (listener, address) = tcp();
    let args = [
        "--game-time",
        "60s",
        "--drain-timeout",
        "90s",
        "--robot-after",
        "0",
    ];
    let mut server = manager.start(Fds::one(&listener), &args, &[]);
    assert!(manager.next().starts_with("READY=1\n"));
    let mut player = open(&address);
    player.say(r#"["join"]"#);
    player.expect(r#"["start","#);
    server.signal("TERM");
    let stopping = manager.next_but_status();
    assert!(stopping.starts_with("STOPPING=1\n"), "{stopping}");
    let more = "EXTEND_TIMEOUT_USEC=30000000\n";
    assert!(stopping.ends_with(&format!("\n{more}")), "{stopping}");
    assert_eq!(manager.next_but_status(), more);
    server.signal("KILL");
    server.wait();
}

/// What the shipped unit allows for a stop is more than a drain takes by default, and what its
/// comment says about that is so.
#[test]
fn the_units_wait_longer_than_a_drain_takes() {
    check_drain(include_str!("../systemd/roshambo.service"));
    check_drain(include_str!("../systemd/roshambo@.service"));
}

#[track_caller]
fn check_drain(unit: &str) {
    let value = |name: &str| {
        let line = unit.lines().find_map(|line| line.strip_prefix(name));
        let seconds = line.and_then(|line| line.strip_suffix('s')?.parse::<u64>().ok());
        seconds.unwrap_or_else(|| panic!("{name} in seconds"))
    };
    let output = Command::new(env!("CARGO_BIN_EXE_roshambo"))
        .arg("--check")
        .env_clear()
        .output();
    let text = String::from_utf8(output.expect("it runs").stdout).expect("text");
    let line = text
        .lines()
        .find(|line| line.starts_with("--drain-timeout"));
    let default = line.and_then(|line| line.split(" = ").nth(1)?.split(' ').next());
    let default = default.expect("a default");
    assert!(unit.contains(&format!("Longer than --drain-timeout ({default})")));
    let drain: u64 = default
        .strip_suffix('s')
        .and_then(|seconds| seconds.parse().ok())
        .expect("seconds");
    // Some seconds are for the store's queue.
    assert!(drain + 5 <= value("TimeoutStopSec="));
    // A loop that hangs in its drain is not waited for any longer than one that serves and hangs.
    assert!(value("WatchdogSec=") <= value("TimeoutStopSec="));
}

#[test]
fn a_blocked_loop_gives_no_sign_of_life() {
    let manager = Manager::new();
    let (listener, _) = tcp();
    let mut server = manager.start(Fds::one(&listener), &[], &[("WATCHDOG_USEC", "100000")]);
    assert!(manager.next().starts_with("READY=1\n"));
    assert_eq!(manager.next_but_status(), "WATCHDOG=1\n");
    server.signal("STOP");
    server.await_state('T');
    manager.discard();
    // Twenty times the interval: a process that is stopped stays silent however slow the machine.
    assert_eq!(manager.within_ms(1_000), None);
    server.signal("CONT");
    assert_eq!(manager.next_but_status(), "WATCHDOG=1\n");
    server.signal("TERM");
    assert!(server.wait().success());
}

#[test]
fn without_a_watchdog_or_for_another_process_there_are_no_pings() {
    for environment in [
        &[][..],
        &[("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")][..],
    ] {
        let manager = Manager::new();
        let (listener, _) = tcp();
        let mut server = manager.start(Fds::one(&listener), &[], environment);
        assert!(manager.next().starts_with("READY=1\n"));
        server.signal("TERM");
        let stopping = manager.next_but_status();
        assert!(stopping.starts_with("STOPPING=1\n"), "{stopping}");
        assert!(server.wait().success());
    }
}

/// Those who come while nobody reads the listener wait for the next process. Some come at the very
/// moment of the stop: the old process lets them in, or leaves them to the next one.
#[test]
fn nobody_is_refused_during_a_restart_behind_a_handed_socket() {
    let manager = Manager::new();
    let (listener, address) = tcp();
    let args = ["--game-time", "1s", "--robot-after", "0"];
    let mut first = manager.start(Fds::one(&listener), &args, &[]);
    assert!(manager.next().starts_with("READY=1\n"));
    // A round runs, so that the old process has something to wait for.
    let mut player = open(&address);
    player.say(r#"["join"]"#);
    player.expect(r#"["start","#);

    let come = move |_| {
        let mut stream = TcpStream::connect(&address).expect("nobody is refused");
        stream.write_all(UPGRADE.as_bytes()).expect("nobody is cut");
        stream
    };
    let barrier = Arc::new(Barrier::new(2));
    let early = thread::spawn({
        let (barrier, come) = (Arc::clone(&barrier), come.clone());
        move || {
            barrier.wait();
            (0..50).map(come).collect::<Vec<_>>()
        }
    });
    barrier.wait();
    first.signal("TERM");
    let stopping = manager.next_but_status();
    assert!(stopping.starts_with("STOPPING=1\n"), "{stopping}");
    let mut crowd: Vec<_> = (0..50).map(&come).collect();
    // The round is played to its end, and everybody is sent away politely.
    player.expect(r#"["result","#);
    assert!(first.wait().success());
    // The old process is gone and has not touched those who came after the stop.
    for stream in &crowd {
        stream.set_nonblocking(true).expect("a socket");
        let waiting = stream.peek(&mut [0]).expect_err("nobody answered yet");
        assert_eq!(waiting.kind(), ErrorKind::WouldBlock);
        stream.set_nonblocking(false).expect("a socket");
    }
    crowd.extend(early.join().expect("everybody could connect"));

    let mut second = manager.start(Fds::one(&listener), &args, &[]);
    assert!(manager.next_but_status().starts_with("READY=1\n"));
    assert_eq!(crowd.len(), 100);
    for mut stream in crowd {
        let head = read_until(&mut stream, b"\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    }
    second.signal("TERM");
    assert!(second.wait().success());
}

/// Whoever was accepted before the stop and is still asking is let in and sent away with 1012: the
/// next process cannot answer on this connection, and a 503 would be a refusal.
#[test]
fn who_was_asking_when_the_stop_came_is_let_in_and_sent_on() {
    let manager = Manager::new();
    let (listener, address) = tcp();
    let mut server = manager.start(Fds::one(&listener), &[], &[]);
    assert!(manager.next().starts_with("READY=1\n"));
    let mut slow = TcpStream::connect(&address).expect("it listens");
    let (early, late) = UPGRADE.split_at(UPGRADE.len() / 2);
    slow.write_all(early.as_bytes()).expect("room");
    // Connections are accepted in order, so the slow one is in.
    let player = open(&address);
    server.signal("TERM");
    assert!(manager.next_but_status().starts_with("STOPPING=1\n"));
    drop(player);
    slow.write_all(late.as_bytes()).expect("it is not cut");
    let head = read_until(&mut slow, b"\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let rest = read_until(&mut slow, b"the server restarts");
    assert!(rest.ends_with("the server restarts"), "{rest:?}");
    drop(slow);
    assert!(server.wait().success());
}

#[test]
fn a_killed_process_loses_nobody_who_comes_after_it() {
    let manager = Manager::new();
    let (listener, address) = tcp();
    let mut first = manager.start(Fds::one(&listener), &[], &[]);
    assert!(manager.next().starts_with("READY=1\n"));
    drop(open(&address));
    first.signal("KILL");
    assert!(!first.wait().success());
    let mut early = TcpStream::connect(&address).expect("the socket is still there");
    early.write_all(UPGRADE.as_bytes()).expect("it waits");
    let mut second = manager.start(Fds::one(&listener), &[], &[]);
    let head = read_until(&mut early, b"\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    second.signal("TERM");
    assert!(second.wait().success());
}

#[test]
fn a_unix_socket_and_the_admin_listener_are_told_apart_by_name() {
    let manager = Manager::new();
    let path = manager.path("game.sock");
    let game = UnixListener::bind(&path).expect("a fresh path");
    let (admin, admin_address) = tcp();
    let fds = Fds::two(&admin, &game, "roshambo-admin.socket:roshambo.socket");
    let mut server = manager.start(fds, &[], &[]);
    assert!(manager.next().starts_with("READY=1\n"));
    let mut stream = UnixStream::connect(&path).expect("it listens");
    assert!(upgrade(&mut stream).starts_with("HTTP/1.1 101 "));
    let status = ask(&admin_address, "GET /statusz HTTP/1.1");
    assert!(status.contains("\"open\":1,"), "{status}");
    server.signal("TERM");
    assert!(server.wait().success());
    assert!(path.exists(), "the manager's file is not ours to remove");
}

#[test]
fn what_is_no_listener_or_has_a_strange_name_is_a_fault() {
    let manager = Manager::new();
    let (listener, _) = tcp();
    let file = std::fs::File::open("/dev/null").expect("null(4)");
    for (fds, want) in [
        (Fds::one(&file), "was handed over as a listener and is none"),
        (
            Fds::two(&listener, &listener, "roshambo:backup"),
            "a name that means nothing here (roshambo:backup)",
        ),
    ] {
        let output = manager.run(fds);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(want), "{text}");
    }
}

#[test]
fn systemd_itself_hands_sockets_over() {
    let manager = Manager::new();
    let (game, admin) = (manager.path("game.sock"), manager.path("admin.sock"));
    let mut command = Command::new("systemd-socket-activate");
    command
        .args(["--fdname", "roshambo:roshambo-admin"])
        .args(["-E", "NOTIFY_SOCKET", "-E", "ROSHAMBO_STORE"])
        .arg("-l")
        .arg(&game)
        .arg("-l")
        .arg(&admin)
        .arg(env!("CARGO_BIN_EXE_roshambo"))
        .env("NOTIFY_SOCKET", manager.path("notify"))
        .env("ROSHAMBO_STORE", "memory")
        .stderr(Stdio::piped());
    // It says so once it listens; the first who comes has it start the server.
    let mut server = manager.spawn(command);
    for _ in 0..2 {
        let line = server.log_line();
        assert!(line.starts_with("Listening on "), "{line}");
    }
    let mut stream = UnixStream::connect(&game).expect("it listens");
    assert!(upgrade(&mut stream).starts_with("HTTP/1.1 101 "));
    assert!(manager.next().starts_with("READY=1\n"));
    let mut stream = UnixStream::connect(&admin).expect("it listens");
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("room for a line");
    let text = read_until(&mut stream, b"roshambo_draining 0\n");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    server.signal("TERM");
    assert!(server.wait().success());
}

/// The body of an answer.
#[track_caller]
fn body(answer: &str) -> &str {
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    answer.split_once("\r\n\r\n").expect("a head").1
}

#[track_caller]
fn promtool(args: &[&str], input: &str) {
    let mut child = Command::new("promtool")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool, of Debian's package prometheus");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn metrics_and_status_tell_what_happened_and_promtool_finds_nothing_wrong() {
    let manager = Manager::new();
    let (game, address) = tcp();
    let (admin, admin_address) = tcp();
    let fds = Fds::two(&game, &admin, "roshambo:admin");
    let args = ["--game-time", "1s", "--robot-after", "0"];
    let mut server = manager.start(fds, &args, &[]);
    assert!(manager.next().starts_with("READY=1\n"));
    let mut old = open(&address);
    old.say(r#"["join"]"#);
    let mut new = open(&address);
    new.say(r#"["hello",{"v":2,"user":{"uname":"Ann","uavatar":""},"token":"a.b.c"}]"#);
    new.expect(r#"["hi","#);
    new.expect(r#"["problem",{"code":"bad-token","#);
    new.say(r#"["dance"]"#);
    new.expect(r#"["problem",{"code":"unknown-event","#);
    old.expect(r#"["result","#);
    let polling = "GET /applet/websocket/socket.io/?EIO=4&transport=polling HTTP/1.1";
    assert!(ask(&address, polling).starts_with("HTTP/1.1 400 "));

    let answer = ask(&admin_address, "GET /metrics HTTP/1.1");
    let metrics = body(&answer);
    promtool(&["check", "metrics"], metrics);
    let rows = [
        "roshambo_connections{dialect=\"plain\",generation=\"old\"} 1",
        "roshambo_connections{dialect=\"plain\",generation=\"v2\"} 1",
        "roshambo_connections{dialect=\"eio4\",generation=\"new\"} 0",
        "roshambo_connections_opened_total{dialect=\"plain\"} 2",
        "roshambo_events_total{direction=\"in\",event=\"join\"} 1",
        "roshambo_events_total{direction=\"in\",event=\"unknown\"} 1",
        "roshambo_events_total{direction=\"out\",event=\"start\"} 1",
        "roshambo_events_total{direction=\"out\",event=\"result\"} 1",
        "roshambo_rounds_total{opponent=\"human\"} 0",
        "roshambo_rounds_total{opponent=\"robot\"} 1",
        "roshambo_lobby_wait_seconds_count{opponent=\"robot\"} 1",
        "roshambo_round_end_lateness_seconds_count 1",
        "roshambo_refusals_total{reason=\"polling\"} 1",
        "roshambo_http_answers_total{status=\"400\"} 1",
        "roshambo_slow_readers_total 0",
        "roshambo_sessions 1",
        "roshambo_persons 0",
        "roshambo_tokens_total{outcome=\"no-keys\"} 1",
        "roshambo_tokens_total{outcome=\"good\"} 0",
        "roshambo_sessions_refused_total 0",
        "roshambo_events_refused_total{reason=\"room-codes\"} 0",
        "roshambo_draining 0",
    ];
    for row in rows {
        assert!(metrics.lines().any(|line| line == row), "{row}\n{metrics}");
    }
    for name in ["process_resident_memory_bytes", "process_open_fds"] {
        let line = metrics.lines().find(|line| line.starts_with(name));
        assert!(line.is_some_and(|line| !line.ends_with(" 0")), "{line:?}");
    }

    let answer = ask(&admin_address, "GET /statusz HTTP/1.1");
    let status: serde_json::Value = serde_json::from_str(body(&answer)).expect("JSON");
    assert_eq!(status["open"], 2);
    assert_eq!(status["rounds_robot"], 1);
    assert_eq!(status["persons"], serde_json::Value::Null, "no keys");
    assert_eq!(
        status["history"][0][0], 0,
        "the first sample is the start's"
    );
    let config = status["config"].as_str().expect("text");
    assert!(config.contains("--game-time = 1s"), "{config}");

    for path in ["/", "/status", "/status.css", "/status.js", "/statusz?x"] {
        assert!(!body(&ask(&admin_address, &format!("GET {path} HTTP/1.1"))).is_empty());
    }
    let head = ask(&admin_address, "HEAD /status HTTP/1.1");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    for (line, want) in [
        ("GET /healthz HTTP/1.1", "404"),
        ("POST /metrics HTTP/1.1", "405"),
        ("GET http://a/statusz HTTP/1.1", "200"),
        ("GET http:// HTTP/1.1", "400"),
        ("GET /statusz HTTP/1.1\r\nHost: b", "400"),
        ("nonsense", "400"),
    ] {
        let answer = ask(&admin_address, line);
        assert!(answer.starts_with(&format!("HTTP/1.1 {want} ")), "{answer}");
    }
    let outside = ask(&address, "GET /metrics HTTP/1.1");
    assert!(outside.starts_with("HTTP/1.1 404 "), "{outside}");
    server.signal("TERM");
    assert!(server.wait().success());
}

/// More than there is room for hang on the admin listener: the next one is answered all the same.
#[test]
fn those_who_hang_on_the_admin_listener_keep_nobody_out() {
    let manager = Manager::new();
    let (game, address) = tcp();
    let (admin, admin_address) = tcp();
    let fds = Fds::two(&game, &admin, "roshambo:admin");
    let mut server = manager.start(fds, &[], &[]);
    assert!(manager.next().starts_with("READY=1\n"));
    let hang = |_| TcpStream::connect(&admin_address).expect("it listens");
    let hanging: Vec<_> = (0..40).map(hang).collect();
    let answer = ask(&admin_address, "GET /statusz HTTP/1.1");
    assert!(body(&answer).contains("\"open\":0,"));
    drop(open(&address));
    drop(hanging);
    server.signal("TERM");
    assert!(server.wait().success());
}

/// Every name in an alert is one that the page has, and promtool likes the file.
#[test]
fn alerts_are_about_metrics_that_exist() {
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/roshambo.rules.yml");
    promtool(&["check", "rules", rules], "");
    let manager = Manager::new();
    let (game, _) = tcp();
    let (admin, admin_address) = tcp();
    let fds = Fds::two(&game, &admin, "roshambo:admin");
    let mut server = manager.start(fds, &["--instance", "a"], &[]);
    assert!(manager.next().starts_with("READY=1\n"));
    let answer = ask(&admin_address, "GET /metrics HTTP/1.1");
    let metrics = body(&answer);
    let text = std::fs::read_to_string(rules).expect("the rules");
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_name(c));
    let names: Vec<_> = words
        .filter(|word| word.starts_with("roshambo_") || word.starts_with("process_"))
        .collect();
    assert!(5 < names.len());
    for name in names {
        let found = metrics.lines().any(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with([' ', '{']))
        });
        assert!(found, "{name}");
    }
    server.signal("TERM");
    assert!(server.wait().success());
}

#[test]
fn fewer_files_mean_fewer_connections_and_it_is_said() {
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 256 && exec \"$0\" --check"])
        .arg(env!("CARGO_BIN_EXE_roshambo"))
        .output()
        .expect("a shell");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text
        .lines()
        .find(|line| line.starts_with("--max-connections"));
    let line = line.expect("a line per knob");
    // Less what is no player's, and who makes room or is told that there is none.
    assert!(line.starts_with("--max-connections = 64 "), "{line}");
    assert!(line.ends_with("# derived, 256 files may be open"), "{line}");
}
