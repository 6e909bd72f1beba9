//! More of everything than is allowed: connections, events, and bytes for those who do not read.

use std::time::Instant;

use crate::ground::{DIALECTS, Ground, open};
use crate::support::PATIENCE;
use crate::support::client::{Client, Dialect};
use crate::support::http::{get, read};
use crate::support::raw::{Raw, frame, upgrade_request};

#[test]
fn connections_over_the_limit_are_told_so_or_wait_outside() {
    // Two of them are the bystanders'.
    let mut ground = Ground::start(&["--max-connections", "20", "--head-timeout", "2s"]);
    let address = ground.address();
    let mut open: Vec<_> = (0..18)
        .map(|_| Client::open(address, Dialect::Plain))
        .collect();
    for dialect in Dialect::ALL.into_iter().cycle().take(40) {
        let mut raw = Raw::connect(address);
        raw.send(&upgrade_request(&dialect.target()));
        let answer = read(&mut raw, false);
        assert_eq!(answer.status, 503, "{dialect:?}");
        assert!(answer.field("retry-after").is_some());
    }
    ground.check();
    // Far more than there is room for, and none of them says anything: the oldest go, and the others
    // are told when they have had their time.
    let mut silent: Vec<_> = (0..300).map(|_| Raw::connect(address)).collect();
    ground.check();
    assert!(ground.server().descriptors() < 20 + 64 + 64 + 40);
    for path in ["/healthz", "/readyz"] {
        let status = get(address, path).status;
        assert_eq!(status, if path == "/healthz" { 200 } else { 503 });
    }
    let told = silent.iter_mut().filter_map(|raw| {
        ground.check();
        raw.everything().starts_with(b"HTTP/1.1 408 ").then_some(())
    });
    let told = told.count();
    assert!((1..=64).contains(&told), "{told} of {}", silent.len());
    // One leaves, one comes.
    for _ in 0..20 {
        open.swap_remove(0).leave();
        let mut next = Client::open(address, Dialect::Eio4);
        next.hello("next");
        next.until("hi");
        open.push(next);
    }
    drop((open, silent));
    ground.finish();
}

#[test]
fn connections_over_the_limit_of_an_address_are_told_so() {
    // The bystanders come from the same address, and are two of the twelve.
    let flags = ["--trusted-proxy", "none", "--max-per-address", "12"];
    let mut ground = Ground::start(&flags);
    let address = ground.address();
    let open = || Client::open(address, Dialect::Plain);
    let mut clients: Vec<_> = (0..10).map(|_| open()).collect();
    for _ in 0..5 {
        for dialect in Dialect::ALL {
            let mut raw = Raw::connect(address);
            raw.send(&upgrade_request(&dialect.target()));
            assert_eq!(read(&mut raw, false).status, 503, "{dialect:?}");
        }
        // It is no limit of requests, and one that leaves makes room for one.
        assert_eq!(get(address, "/healthz").status, 200);
        clients.swap_remove(0).leave();
        clients.push(open());
        ground.check();
    }
    drop(clients);
    ground.finish();
}

#[test]
fn an_address_that_only_connects_keeps_nobody_out() {
    // Whoever says nothing has a minute for it; nobody here waits for that.
    let flags = ["--head-timeout", "1m", "--max-per-address", "12"];
    let admin = ["--admin", "127.0.0.1:0"];
    for trusted in ["none", "127.0.0.0/8"] {
        let room = ["--trusted-proxy", trusted, "--max-connections", "40"];
        let mut ground = Ground::start(&[&flags[..], &admin, &room].concat());
        let address = ground.address();
        let before = ground.server().descriptors();
        let mut crowd = Vec::new();
        for _ in 0..10 {
            crowd.extend((0..100).map(|_| Raw::connect(address)));
            assert_eq!(get(address, "/healthz").status, 200, "{trusted}");
            assert_eq!(get(address, "/readyz").status, 200, "{trusted}");
            // A player of the same address gets in, too.
            let mut player = Client::open(address, Dialect::Plain);
            player.hello("Eve");
            player.until("hi");
            player.leave();
            ground.check();
            let most = match trusted {
                "none" => 12 + 16,
                _ => 40 + 64,
            };
            let more = ground.server().descriptors() - before;
            // And those that are about to be closed.
            assert!(more <= most + 64, "{more} of a silent address ({trusted})");
        }
        let silent = figure(
            admin_of(&ground),
            r#"roshambo_refusals_total{reason="silent"}"#,
        );
        assert!(900 <= silent + 100, "{silent} made room");
        let log = ground.server().log().lines();
        let warned = log
            .iter()
            .filter(|line| line.contains("the oldest are closed"));
        assert!((1..=10).contains(&warned.count()));
        drop(crowd);
        ground.finish();
    }
}

/// What the admin listener says of a figure.
#[track_caller]
fn figure(admin: std::net::SocketAddr, name: &str) -> u64 {
    let answer = get(admin, "/metrics");
    let text = answer.text();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.trim().parse().ok());
    number.unwrap_or_else(|| panic!("no {name} in {text}"))
}

/// Where metrics and status are told.
fn admin_of(ground: &Ground) -> std::net::SocketAddr {
    let told = |line: &str| line.contains("metrics and status");
    let line = ground.server().log().wait_for("the admin listener", told);
    let (_, place) = line.split_once("listening on ").expect("an address");
    let place = place.split(',').next().expect("an address");
    place.parse().expect("a TCP address")
}

/// Sends what ends a connection, and returns the code that it is ended with.
#[track_caller]
fn until_bye(raw: &mut Raw, bytes: &[u8]) -> Option<u16> {
    raw.send(bytes);
    raw.farewell().code
}

#[test]
fn timers_of_connections_end_with_them_however_they_end() {
    // Nothing but the end of its connection ends a timer within this test's patience.
    let flags = [
        "--ping-interval",
        "10m",
        "--hello-timeout",
        "10m",
        "--ping-timeout",
        "10m",
        "--ping-timeout-eio4",
        "10m",
        "--ping-timeout-v2",
        "10m",
    ];
    let mut ground = Ground::start(&[&flags, ["--admin", "127.0.0.1:0"].as_slice()].concat());
    let admin = admin_of(&ground);
    let settled = |ground: &mut Ground, most: u64| {
        let until = Instant::now() + PATIENCE;
        loop {
            // A round of the bystanders has timers of its own.
            ground.check();
            let timers = figure(admin, "roshambo_timers");
            if timers <= most {
                return timers;
            }
            assert!(Instant::now() < until, "{timers} timers, at first {most}");
        }
    };
    let at_first = settled(&mut ground, u64::MAX);
    for end in 0..5 {
        let many = (0..30).map(|number| open(ground.address(), DIALECTS[number % 3]));
        let many: Vec<Raw> = many.collect();
        assert!(
            at_first + 20 < figure(admin, "roshambo_timers"),
            "one for each"
        );
        for mut raw in many {
            match end {
                0 => raw.reset(),
                1 => raw.shut(),
                2 => assert_eq!(until_bye(&mut raw, &frame(0x88, &[0x03, 0xe8])), Some(1000)),
                3 => assert_eq!(until_bye(&mut raw, &frame(0x82, b"x")), Some(1003)),
                _ => assert_eq!(until_bye(&mut raw, &frame(0x83, b"")), Some(1002)),
            }
        }
        // The bystanders' room may have one more at this moment than it had then.
        settled(&mut ground, at_first + 4);
    }
    ground.finish();
}

#[test]
fn a_crowd_at_the_admin_listener_is_bounded_and_figures_are_told() {
    let mut ground = Ground::start(&["--admin", "127.0.0.1:0"]);
    let admin = admin_of(&ground);
    let before = ground.server().descriptors();
    let mut crowd = Vec::new();
    for number in 0..100 {
        let mut raw = Raw::connect(admin);
        if number % 2 == 0 {
            raw.try_send(b"GET /metrics HTTP/1.1\r\nX: ");
        }
        crowd.push(raw);
        if number % 10 == 9 {
            assert_eq!(figure(admin, "roshambo_slow_readers_total"), 0);
            ground.check();
        }
        // The oldest goes once the newest is here.
        assert!(ground.server().descriptors() <= before + 20);
    }
    drop(crowd);
    ground.finish();
}

#[test]
fn connections_that_come_and_go_at_once_leave_nothing_behind() {
    let mut ground = Ground::start(&[]);
    let address = ground.address();
    for round in 0..20 {
        let many: Vec<_> = (0..100).map(|_| Raw::connect(address)).collect();
        for (number, mut raw) in many.into_iter().enumerate() {
            match (round + number) % 5 {
                0 => drop(raw),
                1 => raw.reset(),
                2 => {
                    raw.send(b"GET /healthz HTTP/1.1\r\n");
                    raw.reset();
                }
                3 => {
                    raw.send(&upgrade_request(&DIALECTS[round % 3].target()));
                    raw.reset();
                }
                _ => {
                    raw.send(&upgrade_request(&DIALECTS[round % 3].target()));
                    raw.send(&frame(0x01, b"["));
                    raw.shut();
                }
            }
        }
        ground.check();
    }
    ground.finish();
}

#[test]
fn a_flood_of_events_is_closed_and_costs_the_others_nothing() {
    // The bystanders are within the limit: a few events for each of the others' connections.
    // What a flooder does not read of its answers is to be no reason of its own.
    let mut ground = Ground::start(&["--rate-limit", "1000", "--max-queue", "1M"]);
    let flood = [
        r#"["join"]"#,
        r#"["leave"]"#,
        r#"["face",{"face":1}]"#,
        r#"["hello",{"user":{"uid":"eve"}}]"#,
        r#"["hello",{}]"#,
        r#"["dance"]"#,
        r#"["join",{"room":"AAAAAA"}]"#,
    ];
    for dialect in DIALECTS {
        for event in flood {
            let mut raw = open(ground.address(), dialect);
            let text = format!("{}{event}", dialect.prefix());
            let heap = frame(0x81, text.as_bytes()).repeat(500);
            // The burst, what is earned meanwhile, and a hundred too many.
            for _ in 0..16 {
                raw.try_send(&heap);
            }
            // What it is sent at its end may be lost in a reset: it was not read to its own end.
            raw.until_gone();
            ground.check();
        }
    }
    let exit = ground.finish();
    let floods = exit.stderr.matches("1008 too many events").count();
    assert_eq!(floods, DIALECTS.len() * flood.len(), "{}", exit.stderr);
}

/// The most bytes that wait in the kernel for a connection of the server at this address.
fn waiting_in_kernel(address: std::net::SocketAddr) -> u64 {
    // Columns: a number, the local and the other address, the state, what waits both ways in hex.
    let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux tells");
    let ours = format!(":{:04X}", address.port());
    let rows = table.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let local = words.next()?;
        let waiting = words.nth(2)?.split(':').next()?;
        local.ends_with(&ours).then_some(waiting)
    });
    rows.filter_map(|hex| u64::from_str_radix(hex, 16).ok())
        .max()
        .unwrap_or(0)
}

#[test]
fn what_waits_for_one_that_does_not_read_is_bounded_in_the_kernel_too() {
    // Nothing is limited but what waits, in the process and below it.
    let mut ground = Ground::start(&["--head-timeout", "5s"]);
    let mut slow: Vec<_> = (0..30)
        .map(|_| Raw::connect_narrow(ground.address()))
        .collect();
    for raw in &mut slow {
        raw.upgrade(&Dialect::Plain.target());
    }
    let pings = frame(0x89, &[b'x'; 125]).repeat(50);
    let cut = |line: &String| line.contains("1008 slow reader");
    let mut most = 0;
    while ground
        .server()
        .log()
        .lines()
        .iter()
        .filter(|line| cut(line))
        .count()
        < slow.len()
    {
        for raw in &mut slow {
            raw.try_send(&pings);
        }
        most = most.max(waiting_in_kernel(ground.address()));
        ground.check();
        // --max-queue is 8 KiB; the kernel has twice that, its bookkeeping included, and one call.
        assert!(most <= 24 * 1024, "{most} bytes wait in the kernel");
    }
    assert!(8 * 1024 < most, "{most} bytes show nothing");
    ground.settle();
    drop(slow);
    // Nor may a page be asked for and left there: most of it waits in the program, where it is once.
    let mut idle: Vec<_> = (0..30)
        .map(|_| Raw::connect_narrow(ground.address()))
        .collect();
    for raw in &mut idle {
        raw.send(b"GET /app.js HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    for _ in 0..20 {
        let most = waiting_in_kernel(ground.address());
        assert!(most <= 24 * 1024, "{most} bytes wait in the kernel");
        ground.check();
    }
    ground.settle();
    drop(idle);
    ground.finish();
}

#[test]
fn many_who_do_not_read_are_ended_and_the_others_do_not_wait_for_them() {
    let mut ground = Ground::start(&["--max-queue", "5k", "--head-timeout", "5s"]);
    let before = ground.server().resident_kib();
    let mut slow: Vec<_> = (0..30)
        .map(|_| Raw::connect_narrow(ground.address()))
        .collect();
    let pings = frame(0x89, &[b'x'; 125]).repeat(50);
    for raw in &mut slow {
        raw.upgrade(&Dialect::Plain.target());
    }
    let ends = |ground: &Ground| {
        let lines = ground.server().log().lines();
        lines
            .iter()
            .filter(|line| line.contains("1008 slow reader"))
            .count()
    };
    // Whatever the kernel takes in between: some megabytes at most.
    for _ in 0..10_000 {
        if ends(&ground) == slow.len() {
            break;
        }
        for raw in &mut slow {
            raw.try_send(&pings);
        }
        ground.check();
    }
    assert_eq!(ends(&ground), slow.len());
    let after = ground.server().resident_kib();
    assert!(after < before + 8 * 1024, "{before} KiB, then {after} KiB");
    // They still do not read, and have to go all the same.
    ground.settle();
    drop(slow);
    ground.finish();
}
