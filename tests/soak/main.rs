//! Thousands of sockets in all dialects through many heartbeats, with churn, games and resumes.
//!
//! One thread drives them all. At the end every counter balances: what was opened, said and heard at
//! this end is what the server counted at its own. Memory comes back to the first plateau, and no
//! descriptor is lost. `SOAK_SOCKETS` and `SOAK_SECONDS` make it larger; the sockets come from many
//! addresses of 127.0.0.0/8, and the soft limit of descriptors is raised:
//!
//! ```sh
//! SOAK_SOCKETS=18000 SOAK_SECONDS=600 cargo test --release --test soak -- --nocapture
//! ```
//!
//! Builds with debug assertions sweep the hub after every message, so there it is small.

#[path = "../support/mod.rs"]
mod support;

mod crowd;
mod peer;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crowd::Crowd;
use support::http::get;
use support::process::Server;

fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name);
    text.map_or(default, |text| text.parse().expect("a number"))
}

/// The number before a word in a line of the log.
#[track_caller]
fn before(line: &str, word: &str) -> u64 {
    let (start, _) = line
        .split_once(&format!(" {word}"))
        .unwrap_or_else(|| panic!("no {word} in {line}"));
    let digits = start.rsplit([' ', '(']).next().expect("a number");
    digits
        .parse()
        .unwrap_or_else(|_| panic!("{digits} before {word} in {line}"))
}

/// The address in a line of the log.
fn admin_in(line: &str) -> SocketAddr {
    let (_, place) = line.split_once("listening on ").expect("an address");
    let place = place.split(',').next().expect("an address");
    place.parse().expect("a TCP address")
}

/// What the admin listener says of a figure.
fn figure(admin: SocketAddr, name: &str) -> u64 {
    let answer = get(admin, "/metrics");
    let mut lines = answer.text().lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|text| text.parse().ok()).expect("a number")
}

#[test]
fn thousands_of_sockets_and_nothing_left_behind() {
    let small = if cfg!(debug_assertions) { 150 } else { 2_000 };
    let count = number("SOAK_SOCKETS", small) as usize;
    let seconds = number("SOAK_SECONDS", if cfg!(debug_assertions) { 6 } else { 24 });
    let room = rlimit::increase_nofile_limit(count as u64 + 200).expect("a limit of descriptors");
    assert!(
        count as u64 + 100 < room,
        "only {room} descriptors: fewer SOAK_SOCKETS"
    );
    let most = (count + 100).to_string();
    let flags = [
        "--max-connections",
        &most,
        "--rate-limit",
        "0",
        "--game-time",
        "1s",
        "--robot-after",
        "300ms",
        // A heartbeat a second instead of every 25.
        "--ping-interval",
        "1s",
        "--ping-timeout",
        "15s",
        "--ping-timeout-eio4",
        "15s",
        "--ping-timeout-v2",
        "15s",
        "--session-ttl",
        "3s",
    ];
    let server = Server::start(&[flags.as_slice(), &["--admin", "127.0.0.1:0"]].concat());
    let told = |line: &str| line.contains("metrics and status");
    let admin = server.log().wait_for("the admin listener", told);
    let admin = admin_in(&admin);
    let descriptors = server.descriptors();
    let empty = server.resident_kib();
    let mut crowd = Crowd::new(server.address(), count);

    crowd.fill();
    let full = server.resident_kib();
    // The first plateau is after a third of the time: by then every buffer was needed once.
    let started = Instant::now();
    let tenth = Duration::from_secs(seconds) / 30;
    println!("seconds, then KiB, players, rooms, sessions, timers");
    let live = |crowd: &mut Crowd, tenths: u32| {
        for _ in 0..tenths {
            crowd.live(tenth);
            let figures = ["players", "rooms", "sessions", "timers"]
                .map(|name| figure(admin, &format!("roshambo_{name}")));
            let (passed, kib) = (started.elapsed().as_secs(), server.resident_kib());
            println!("{passed:4} {kib:6} {figures:?}");
        }
        crowd.rest();
        server.resident_kib()
    };
    let first = live(&mut crowd, 10);
    let second = live(&mut crowd, 20);
    assert_eq!(crowd.open(), count);
    // The server's ends of connections are closed after ours, those that asked for figures too.
    let all = descriptors + count;
    crowd.until("one descriptor each", |_| server.descriptors() == all);

    crowd.leave();
    crowd.until("the last descriptor", |_| {
        server.descriptors() == descriptors
    });
    // Until the last session has had its time.
    crowd.until("the last session's end", |_| {
        let names = ["players", "rooms", "sessions"];
        let left = |name| figure(admin, &format!("roshambo_{name}"));
        names.into_iter().all(|name| left(name) == 0)
    });
    let tally = crowd.tally();
    server.signal("TERM");
    let exit = server.wait();
    assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
    let line = |what: &str| {
        let line = exit.stderr.lines().find(|line| line.contains(what));
        line.unwrap_or_else(|| panic!("no {what:?} in the log"))
            .to_owned()
    };
    let stopped = line("stopped after");
    println!("{tally:?}\n{stopped}");
    println!(
        "memory in KiB: {empty} empty, {full} with {count} sockets, {first} and {second} after \
         {} s",
        seconds
    );
    let rows = [
        ("connections", tally.opened),
        ("out", tally.heard),
        ("take-overs", tally.taken_over),
        ("faults", 0),
        ("time-outs", 0),
        ("events dropped", 0),
        ("unknown", 0),
        ("malformed", 0),
    ];
    for (word, want) in rows {
        assert_eq!(before(&stopped, word), want, "{word}: {stopped}\n{tally:?}");
    }
    // A message may cross the take-over of its own session, and then counts no more.
    let crossed = tally.said - before(&stopped, "messages in");
    assert!(
        crossed <= tally.taken_over,
        "{crossed}: {stopped}\n{tally:?}"
    );
    let left = line("left behind");
    for word in ["players", "rooms", "sessions", "timers"] {
        assert_eq!(before(&left, word), 0, "{left}");
    }
    assert!(
        0 < tally.results && 0 < tally.resumed && 0 < tally.pings,
        "{tally:?}"
    );
    // An allocator gives pages back when it likes: a twentieth, and a megabyte for a small crowd.
    let bound = first + first / 20 + 1_024;
    assert!(second <= bound, "{first} KiB, then {second} KiB");
}
