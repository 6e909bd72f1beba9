//! No descriptors left: the server waits, does not spin, and goes on by itself.

use std::process::Command;

use crate::ground::Ground;
use crate::support::client::{Client, Dialect};
use crate::support::http::get;
use crate::support::process::{Server, command};
use crate::support::raw::Raw;

#[test]
fn without_descriptors_it_waits_and_goes_on_by_itself() {
    let mut ground = Ground::start(&[]);
    let address = ground.address();
    // Room for three more.
    let files = ground.server().descriptors() + 3;
    ground.server().limit(&format!("--nofile={files}:"));
    let crowd: Vec<_> = (0..40).map(|_| Raw::connect(address)).collect();
    let refused = |line: &str| line.contains("cannot accept: Too many open files");
    let log = ground.server().log();
    log.wait_for("the first refusal", refused);
    let ticks = ground.server().cpu_ticks();
    // It tries again every half second, so four more lines are two seconds.
    let lines = log.wait_for_many("more refusals", 5, refused).len();
    let ticks = ground.server().cpu_ticks() - ticks;
    // A loop that spins uses all of the 200 ticks that this takes.
    assert!(ticks < 60, "{ticks} ticks of processor time while it waits");
    assert!(lines < 10, "{lines} lines in the log");
    for _ in 0..20 {
        ground.check();
    }
    // The crowd goes, and the next one is served without anybody's help.
    drop(crowd);
    let mut client = Client::open(address, Dialect::Eio4);
    client.hello("ann");
    client.until("hi");
    client.leave();
    assert_eq!(get(address, "/readyz").status, 200);
    ground.finish();
}

#[test]
fn those_who_waited_outside_are_served_in_the_end() {
    let mut ground = Ground::start(&["--head-timeout", "1s"]);
    let address = ground.address();
    let files = ground.server().descriptors() + 2;
    ground.server().limit(&format!("--nofile={files}:"));
    // Two get in at a time and must say something; all of them are answered, without one going.
    let mut crowd: Vec<_> = (0..8).map(|_| Raw::connect(address)).collect();
    for raw in &mut crowd {
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: e\r\n\r\n");
    }
    for raw in &mut crowd {
        let head = raw.head();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        raw.rest();
        raw.shut();
        ground.check();
    }
    drop(crowd);
    ground.finish();
}

#[test]
fn fewer_descriptors_than_wished_for_are_said_and_served() {
    let mut shell = Command::new("sh");
    // Both limits, so that the server cannot raise it again; a privileged one could.
    let script = "ulimit -n 234 && exec \"$0\" --listen 127.0.0.1:0 --robot-after 60s \
                  --relay-interval 0 --rate-limit 0 --game-time 2s --linger 300ms";
    shell.args(["-c", script]).arg(command().get_program());
    let mut ground = Ground::on(Server::spawn(shell));
    let address = ground.address();
    let line = ground
        .server()
        .log()
        .wait_for("a warning", |line| line.contains("ulimit -n"));
    assert!(line.contains("only 234 files may be open"), "{line}");
    // What is left without the reserve; two of them are the bystanders'.
    let (_, most) = line.split_once("at most ").expect("how many it serves");
    let most = most.split(' ').next().map(str::parse::<usize>);
    let most = most.expect("a number").expect("a number");
    assert!((3..60).contains(&most), "{line}");
    let clients: Vec<_> = (2..most)
        .map(|_| Client::open(address, Dialect::Plain))
        .collect();
    assert_eq!(get(address, "/readyz").status, 503);
    let crowd: Vec<_> = (0..200).map(|_| Raw::connect(address)).collect();
    ground.check();
    let lines = ground.server().log().lines();
    assert!(!lines.iter().any(|line| line.contains("cannot accept")));
    drop((clients, crowd));
    ground.finish();
}
