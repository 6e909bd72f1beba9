//! Signals and people that come at the worst moment.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::place::{Place, reload_process};
use crate::support::PATIENCE;
use crate::support::client::{Client, Dialect};
use crate::support::process::{Exit, Server};

/// How often each is tried.
fn trials() -> u32 {
    match std::env::var_os("LONG") {
        Some(_) => 40,
        None => 4,
    }
}

fn kill(server: &Server, signal: Signal) {
    let process = i32::try_from(server.pid()).ok().and_then(Pid::from_raw);
    kill_process(process.expect("a process"), signal).expect("it runs");
}

/// Whether the process holds signals back (proc(5), `SigBlk`): those that a reload does, and not all,
/// as when it starts a child.
fn is_in_the_gap(server: &Server) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid()));
    let status = status.expect("it runs");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    let mask = u64::from_str_radix(mask.expect("a mask").trim(), 16);
    let mask = mask.expect("digits");
    let blocks = |signal: Signal| mask >> (signal.as_raw() - 1) & 1 == 1;
    blocks(Signal::TERM) && !blocks(Signal::ALARM)
}

/// Reloads and sends a signal while the process lets that wait: from before the exec until the new
/// program listens to it. Who looks too late reloads once more: what the last one said, and how many
/// there were.
fn send_in_the_gap(server: &Server, signal: Signal) -> (Exit, usize) {
    let until = Instant::now() + PATIENCE;
    let process = server.pid();
    for count in 1.. {
        let asks = thread::spawn(move || reload_process(process, &[]));
        let mut is_sent = false;
        while !is_sent && !asks.is_finished() {
            is_sent = is_in_the_gap(server);
        }
        if is_sent {
            kill(server, signal);
        }
        let exit = asks.join().expect("it ends");
        if is_sent {
            return (exit, count);
        }
        assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
        assert!(Instant::now() < until, "there is no gap");
    }
    unreachable!("it ends by time")
}

/// Whoever plays is told, and the process ends as it was asked to.
#[track_caller]
fn check_stopped(server: Server, mut client: Client) {
    let (texts, code) = client.until_close();
    assert!(texts.iter().any(|text| text.contains("bye")), "{texts:?}");
    assert_eq!(code, Some(1012));
    let exit = server.wait();
    assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
}

#[test]
fn a_stop_in_the_middle_of_the_exec_is_obeyed_by_the_new_program() {
    for _ in 0..trials() {
        let place = Place::new();
        let server = place.start(&[]);
        let client = Client::v2(server.address(), Dialect::Plain, "Ann").0;
        let (exit, _) = send_in_the_gap(&server, Signal::TERM);
        // One that came before the exec goes first, one that came after it last.
        let line = exit.stdout + &exit.stderr;
        let is_told = line.contains("reloaded 0") || line.contains("asked to stop");
        assert!(is_told, "{line}");
        check_stopped(server, client);
    }
}

#[test]
fn stops_at_any_moment_of_a_reload_are_not_lost() {
    for trial in 0..trials() {
        let place = Place::new();
        let server = place.start(&[]);
        let client = Client::v2(server.address(), Dialect::Plain, "Ann").0;
        let process = server.pid();
        thread::scope(|scope| {
            let asks = scope.spawn(move || reload_process(process, &[]));
            // Each begins somewhere else, and then there is one after the other.
            thread::sleep(Duration::from_millis(15) * trial);
            let until = Instant::now() + Duration::from_millis(200);
            while Instant::now() < until && !server.log().text().contains("draining") {
                kill(&server, Signal::TERM);
            }
            asks.join().expect("it ends");
        });
        check_stopped(server, client);
    }
}

#[test]
fn a_reload_that_is_asked_for_in_the_middle_of_one_is_the_next_one() {
    let place = Place::new();
    let server = place.start(&[]);
    let mut client = Client::v2(server.address(), Dialect::Plain, "Ann").0;
    let (exit, count) = send_in_the_gap(&server, Signal::USR2);
    assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
    let reloaded = |line: &str| line.contains("] reloaded ");
    server.log().wait_for_many("one more", count + 1, reloaded);
    client.send(r#"["ping"]"#);
    client.expect(&[r#"["pong"]"#]);
}

#[test]
fn many_who_ask_at_once_each_hear_what_came_of_it() {
    let place = Place::new();
    let server = place.start(&[]);
    let mut client = Client::v2(server.address(), Dialect::Plain, "Ann").0;
    let process = server.pid();
    let exits = thread::scope(|scope| {
        let all = [[].as_slice(), &[], &["--check"], &[], &["--check"]];
        let all = all.map(|flags: &[&str]| scope.spawn(move || reload_process(process, flags)));
        all.map(|one| one.join().expect("it ends"))
    });
    let mut done = 0;
    for exit in exits {
        let line = format!("{}{}", exit.stdout, exit.stderr);
        let words = match exit.code() {
            Some(0) => &["reloaded 0", "can take over from"][..],
            _ => &["another reload is under way", "somebody waits for a"],
        };
        assert!(words.iter().any(|words| line.contains(words)), "{line}");
        done += usize::from(exit.code() == Some(0));
    }
    assert!(0 < done);
    client.send(r#"["ping"]"#);
    client.expect(&[r#"["pong"]"#]);
}
