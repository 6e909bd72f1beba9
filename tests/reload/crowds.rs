//! Very many in the middle of something, and what is left behind by many reloads: nothing.

use std::net::SocketAddr;

use crate::place::{Place, reload};
use crate::support::client::{Client, Dialect};
use crate::support::http::get;
use crate::support::process::Server;
use crate::support::raw::{Raw, upgrade_request};

fn is_long() -> bool {
    std::env::var_os("LONG").is_some()
}

fn admin_of(server: &Server) -> SocketAddr {
    let told = |line: &str| line.contains("metrics and status: ");
    let line = server.log().wait_for("the admin listener", told);
    let (_, place) = line.split_once("listening on ").expect("an address");
    let place = place.split(',').next().expect("an address");
    place.parse().expect("a TCP address")
}

fn reload_well(server: &Server) {
    let exit = reload(server, &[]);
    assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
    print!("{}", exit.stdout);
}

const ROOMY: [&str; 6] = [
    "--max-per-address",
    "0",
    "--head-timeout",
    "5m",
    "--admin",
    "127.0.0.1:0",
];

#[test]
fn half_read_requests_and_half_sent_pages_are_finished_by_the_next_program() {
    const PAGE: &str = "/inside.js";
    let heads = if is_long() { 1_000 } else { 200 };
    let place = Place::new();
    let server = place.start(&ROOMY);
    let whole = get(server.address(), PAGE);
    assert_eq!(whole.status, 200);
    let head = upgrade_request(&Dialect::Plain.target());
    let halves: Vec<_> = (0..heads)
        .map(|number| {
            let mut raw = Raw::connect(server.address());
            // Each stops somewhere else, the first ones before their first byte.
            let at = number % head.len();
            raw.send(&head[..at]);
            (raw, at)
        })
        .collect();
    // Nobody reads yet: most of it waits in the server.
    let downloads: Vec<_> = (0..10)
        .map(|_| {
            let mut raw = Raw::connect_narrow(server.address());
            raw.send(format!("GET {PAGE} HTTP/1.1\r\nHost: e\r\n\r\n").as_bytes());
            raw.take(1);
            raw
        })
        .collect();
    let admin = admin_of(&server);
    let mut asks = Raw::connect(admin);
    asks.send(b"GET /metrics HTTP/1.1\r\n");
    reload_well(&server);
    for mut raw in downloads {
        let rest = raw.everything();
        assert!(rest.ends_with(&whole.body), "{} bytes", rest.len());
    }
    for (mut raw, at) in halves {
        raw.send(&head[at..]);
        raw.expect_upgraded();
    }
    // Who asked for figures is sent away, and may ask again.
    asks.until_gone();
    let figures = get(admin, "/metrics");
    assert!(
        figures
            .text()
            .contains("roshambo_reloads_total{outcome=\"done\"} 1")
    );
}

#[test]
fn many_reloads_leave_nothing_behind() {
    let (reloads, pairs) = if is_long() { (10, 200) } else { (3, 20) };
    let place = Place::new();
    let flags = [
        "--game-time",
        "1s",
        "--robot-after",
        "60s",
        "--rate-limit",
        "0",
    ];
    let server = place.start(&[&ROOMY[..], &flags].concat());
    let mut clients: Vec<_> = (0..2 * pairs)
        .map(|number| Client::v2(server.address(), Dialect::Plain, &format!("P{number}")).0)
        .collect();
    let mut sizes = Vec::new();
    for _ in 0..reloads {
        // Everybody has a result that may be told again.
        for client in &mut clients {
            client.send(r#"["join",{}]"#);
        }
        for client in &mut clients {
            client.until("result");
        }
        reload_well(&server);
        // What the others said meanwhile is read, and all is said.
        for client in &mut clients {
            client.send(r#"["ping"]"#);
            client.until("pong");
        }
        sizes.push((server.descriptors(), server.resident_kib()));
    }
    println!("descriptors and KiB after each reload: {sizes:?}");
    let (descriptors, kib) = sizes[0];
    for (later, later_kib) in sizes {
        assert_eq!(later, descriptors);
        assert!(later_kib < kib + 512, "{kib} KiB became {later_kib}");
    }
}

/// As many as the build bears: with debug assertions the hub is looked through after every message.
#[test]
fn everybody_is_still_there_after_three_reloads() {
    let count = match (is_long(), cfg!(debug_assertions)) {
        (true, false) => 18_000,
        (true, true) => 1_000,
        (false, _) => 150,
    };
    let room = rlimit::increase_nofile_limit(count as u64 + 200).expect("a limit");
    assert!(count as u64 + 100 < room, "only {room} descriptors");
    let most = (count + 100).to_string();
    let flags = [
        "--max-connections",
        &most,
        "--ping-interval",
        "1m",
        "--ping-timeout-v2",
        "5m",
    ];
    let place = Place::new();
    let server = place.start(&[&ROOMY[..], &flags].concat());
    let target = Dialect::Plain.target();
    let mut all: Vec<_> = (0..count)
        .map(|number| {
            let mut raw = Raw::open(server.address(), &target);
            raw.say(&format!(
                r#"["hello",{{"user":{{"uname":"P{number}"}},"v":2}}]"#
            ));
            assert!(raw.text().starts_with(r#"["hi","#));
            raw
        })
        .collect();
    for _ in 0..3 {
        reload_well(&server);
        for raw in &mut all {
            raw.say(r#"["ping"]"#);
        }
        for raw in &mut all {
            raw.hear(r#"["pong"]"#);
        }
    }
}
