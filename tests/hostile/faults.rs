//! Faults of the network, the kernel and the operator, which nobody meant.

use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::ground::{DIALECTS, Ground, open};
use crate::support::client::{Client, Dialect};
use crate::support::process::{Server, command};
use crate::support::raw::{Raw, frame, header, upgrade_request};
use crate::support::{Directory, PATIENCE, side_by_side};

/// Seconds that the server is stopped; `HOSTILE_STOP=30` is the long form.
fn stop_seconds() -> u64 {
    let text = std::env::var("HOSTILE_STOP");
    text.map_or(3, |text| text.parse().expect("HOSTILE_STOP is a number"))
}

#[test]
fn a_peer_that_vanishes_without_a_word_is_given_up() {
    let flags = [
        "--ping-interval",
        "500ms",
        // Time enough for the bystanders to answer on a busy machine.
        "--ping-timeout",
        "5s",
        "--ping-timeout-eio4",
        "5s",
        "--ping-timeout-v2",
        "5s",
        "--head-timeout",
        "5s",
        "--max-queue",
        "1M",
    ];
    let mut ground = Ground::start(&flags);
    let mut gone = Vec::new();
    for dialect in DIALECTS {
        let prefix = dialect.prefix();
        for hello in [
            r#"["hello",{"user":{},"v":2}]"#,
            r#"["hello",{"user":{"uid":"x"}}]"#,
        ] {
            for full in [false, true] {
                let mut raw = Raw::connect_narrow(ground.address());
                raw.upgrade(&dialect.target());
                if dialect == Dialect::Eio4 {
                    raw.say("40");
                }
                raw.say(&format!("{prefix}{hello}"));
                if full {
                    // Its kernel takes no more either: not even the goodbye arrives.
                    raw.send(&frame(0x89, &[b'x'; 125]).repeat(500));
                }
                gone.push(raw);
            }
        }
    }
    // Their sockets are still open at their end, and not at ours. The bystanders answer meanwhile.
    ground.settle();
    let lines = ground.server().log().lines();
    let dead = "closed 4002 no sign of life";
    let dead = lines.iter().filter(|line| line.contains(dead)).count();
    assert_eq!(dead, gone.len(), "{lines:#?}");
    drop(gone);
    ground.finish();
}

#[test]
fn a_reset_anywhere_in_a_frame_ends_one_connection() {
    let mut ground = Ground::start(&[]);
    let request = upgrade_request(&Dialect::Plain.target());
    let hello = frame(0x81, br#"["hello",{"user":{"uid":"eve"}}]"#);
    let long = [header(0x81, 4_000), vec![b'x'; 1_000]].concat();
    for cut in (1..request.len()).step_by(17) {
        let mut raw = Raw::connect(ground.address());
        raw.send(&request[..cut]);
        raw.reset();
    }
    for bytes in [hello, long] {
        for cut in (0..bytes.len()).step_by(7) {
            for in_message in [false, true] {
                let mut raw = open(ground.address(), DIALECTS[cut % 3]);
                if in_message {
                    raw.send(&frame(0x01, b"["));
                }
                raw.send(&bytes[..cut]);
                raw.reset();
            }
        }
        ground.check();
    }
    ground.finish();
}

#[test]
fn a_full_disk_under_the_log_does_not_end_the_service() {
    let directory = Directory::new();
    let path = directory.file("socket");
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        "exec \"$0\" --listen \"unix:$1\" --robot-after 0 --game-time 1s 2>/dev/full",
    ]);
    shell.arg(command().get_program()).arg(&path);
    let mut child = shell.spawn().expect("a shell");
    let until = Instant::now() + PATIENCE;
    // Nothing tells when it listens, since its log is lost.
    let connect = || loop {
        match UnixStream::connect(&path) {
            Ok(stream) => break stream,
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
        thread::yield_now();
    };
    for dialect in Dialect::ALL {
        let stream = connect();
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let mut client = Client::open_on(stream, dialect, &dialect.target());
        client.hello("ann");
        client.send(r#"["join"]"#);
        client.until("result");
        // Lines are written for it all the same.
        client.send_text("garbage");
        assert_eq!(client.until_close().1, Some(1008));
    }
    let status = Command::new("sh")
        .args(["-c", &format!("kill -TERM {}", child.id())])
        .status();
    assert!(status.expect("a shell").success());
    let status = child.wait().expect("our child");
    assert!(status.success(), "{status}");
    assert!(!path.exists(), "it ended in order");
}

/// Stopped and continued, as a laptop's lid, a debugger or a busy host does it.
#[test]
fn a_stopped_process_goes_on_where_it_was() {
    let mut ground = Ground::start(&[]);
    let address = ground.address();
    let mut clients = DIALECTS.map(|dialect| Client::open(address, dialect));
    for (number, client) in clients.iter_mut().enumerate() {
        client.hello(&format!("c{number}"));
        client.until("hi");
    }
    ground.server().signal("STOP");
    // Those who come meanwhile wait in the kernel.
    let mut waiting: Vec<_> = (0..100).map(|_| Raw::connect(address)).collect();
    for (raw, dialect) in waiting.iter_mut().zip(DIALECTS.into_iter().cycle()) {
        raw.send(&upgrade_request(&dialect.target()));
    }
    for client in &mut clients {
        client.send(r#"["dance"]"#);
    }
    // The fault itself takes this long; nothing is waited for.
    thread::sleep(Duration::from_secs(stop_seconds()));
    ground.server().signal("CONT");
    for client in &mut clients {
        client.until("problem");
    }
    for raw in &mut waiting {
        raw.expect_upgraded();
    }
    ground.check();
    let late = |line: &str| line.contains("slow turn") && line.contains("not run");
    ground.server().log().wait_for("a slow turn", late);
    drop((clients, waiting));
    ground.finish();
}

/// To everybody else the clock has jumped: past every time limit there is.
#[test]
fn a_jump_of_the_clock_past_every_time_limit_is_survived() {
    let flags = [
        "--game-time",
        "1s",
        "--head-timeout",
        "1s",
        "--hello-timeout",
        "1s",
        "--ping-interval",
        "500ms",
        "--ping-timeout",
        "1s",
        "--ping-timeout-eio4",
        "1s",
        // Those who can answer do so once they are asked.
        "--ping-timeout-v2",
        "30s",
        "--session-ttl",
        "2s",
    ];
    let mut ground = Ground::start(&flags);
    let address = ground.address();
    let mut head = Raw::connect(address);
    head.send(b"GET / HTTP/1.1\r\nX: ");
    let mut silent = DIALECTS.map(|dialect| Raw::open(address, &dialect.target()));
    let (lost, hi) = Client::v2(address, Dialect::Plain, "lost");
    lost.reset();
    ground.check();
    ground.server().signal("STOP");
    // The jump itself takes this long; nothing is waited for.
    thread::sleep(Duration::from_secs(stop_seconds()));
    ground.server().signal("CONT");
    ground.check();
    assert!(head.rest().starts_with(b"HTTP/1.1 408 "));
    for raw in &mut silent {
        let code = raw.farewell().code;
        assert!(matches!(code, Some(4002 | 4408)), "{code:?}");
    }
    let (late, again) = Client::resume(address, Dialect::Plain, &hi.session);
    assert!(!again.resumed, "its time was over");
    ground.check();
    drop((head, silent, late));
    ground.finish();
}

/// A client that comes back as often as it must, until it has played a whole round.
fn play_through(address: SocketAddr, number: usize) -> u32 {
    let mut attempts = 0;
    let until = Instant::now() + 3 * PATIENCE;
    loop {
        attempts += 1;
        assert!(Instant::now() < until, "no round in {attempts} attempts");
        let dialect = DIALECTS[number % 3];
        // Every failure of a connection that the kill broke is a panic of the client; it is tried
        // in a thread of its own, which may end as it likes.
        let attempt = thread::Builder::new().name(format!("attempt {attempts}"));
        let played = attempt
            .spawn(move || {
                let (mut client, _) = Client::v2(address, dialect, "back");
                for _ in 0..3 {
                    client.send(r#"["join"]"#);
                    client.until("result");
                }
                client.leave();
            })
            .expect("a thread")
            .join();
        if played.is_ok() {
            return attempts;
        }
        thread::yield_now();
    }
}

#[test]
fn a_killed_server_is_started_again_and_everybody_plays_on() {
    let flags = ["--game-time", "1s", "--robot-after", "100ms"];
    let first = Server::start(&flags);
    let address = first.address();
    let place = address.to_string();
    thread::scope(|scope| {
        let players: Vec<_> = (0..30)
            .map(|number| scope.spawn(move || play_through(address, number)))
            .collect();
        // In the middle of the first rounds of most.
        let started = |line: &str| line.contains("listening");
        first.log().wait_for("the start", started);
        let mut early = Client::old(address, Dialect::Plain, "early");
        early.send(r#"["join"]"#);
        early.until("start");
        first.signal("KILL");
        drop(first);
        let mut command = command();
        command.args(["--listen", &place]).args(flags);
        // At once, at the same address, although old connections are still in the kernel's books.
        let second = Server::spawn(command);
        let attempts: u32 = players
            .into_iter()
            .map(|player| player.join().expect("everybody plays a round in the end"))
            .sum();
        assert!(30 < attempts, "nobody was disturbed: {attempts} attempts");
        let mut ground = Ground::on(second);
        ground.check();
        drop(ground);
    });
}

#[test]
fn a_log_that_nobody_reads_is_no_reason_to_wait() {
    let (mut server, stderr) = Server::start_unread(&["--game-time", "1s", "--robot-after", "0"]);
    let address = server.address();
    // Far more lines than a pipe holds.
    side_by_side(DIALECTS, |dialect| {
        // Many at a time: there is a pause between `41` and the end.
        for _ in 0..8 {
            let open = |_| Raw::open(address, &dialect.target());
            let mut raws: Vec<_> = (0..50).map(open).collect();
            raws.iter_mut().for_each(|raw| raw.send(&frame(0x82, b"")));
            raws.iter_mut().for_each(|raw| drop(raw.farewell()));
        }
    });
    assert!(server.is_running());
    // Now there is nobody at all.
    drop(stderr);
    let mut client = Client::old(address, Dialect::Plain, "ann");
    client.send(r#"["join"]"#);
    client.until("result");
    client.send_text("garbage");
    assert_eq!(client.until_close().1, Some(1008));
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}
