//! The real binary on the loopback, with server and client on cores of their own: what a message, a
//! connection and an idle socket cost.
//!
//! `cargo bench --bench loopback` prints medians; `-- --rounds 9 --seconds 5` takes more time, and
//! `-- --idle 19000` has more sockets keep still. `-- --large` measures what takes many sockets
//! instead: 2,000 rounds at once, messages beside 19,000 idle sockets, and those sockets' heartbeat.
//! `-- --reload` measures for how long nobody is served while another program takes a server's place.
//! Figures of a busy machine are noise: the load is printed, too.

mod common;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use common::{Figures, Server};

/// What is shown: title, measurement, key.
const ROWS: &[(&str, &str)] = &[
    ("idle, bytes per greeted socket", "idle.bytes_per_socket"),
    ("idle, server core %", "idle.server_core_percent_idle"),
    ("connects per second", "idle.connects_per_s"),
    (
        "window 1, server us per message",
        "w1:flood.server_us_per_message",
    ),
    ("window 1, messages per second", "w1:flood.faces_per_s"),
    (
        "window 8, server us per message",
        "flood.server_us_per_message",
    ),
    ("window 8, messages per second", "flood.faces_per_s"),
    (
        "5,000/s, server us per message",
        "relay.server_us_per_message",
    ),
    ("5,000/s, p50 us", "relay.latency_p50_us"),
    ("5,000/s, p99 us", "relay.latency_p99_us"),
    ("5,000/s, p99.9 us", "relay.latency_p99_9_us"),
    ("games, round late p99 us", "games.round_late_p99_us"),
    (
        "connect + hello + close, server us",
        "churn.server_us_per_connection",
    ),
];

fn main() {
    let option = |name: &str, default: f64| {
        let mut args = std::env::args().skip_while(|arg| arg != name).skip(1);
        args.next()
            .map_or(default, |text| text.parse().expect("a number"))
    };
    let rounds = option("--rounds", 3.0) as usize;
    let seconds = option("--seconds", 1.0);
    let idle = option("--idle", 4_000.0) as usize;
    println!("{}", common::machine());
    println!("load before: {:.2}; medians of {rounds}\n", common::load());
    if std::env::args().any(|arg| arg == "--large") {
        large(rounds, seconds);
        return println!("load after: {:.2}", common::load());
    }

    if std::env::args().any(|arg| arg == "--reload") {
        reloads(rounds);
        return println!("load after: {:.2}", common::load());
    }

    let mut starts = Vec::new();
    let mut all: BTreeMap<&str, Vec<Figures>> = BTreeMap::new();
    for _ in 0..rounds {
        for dialect in ["plain", "eio3", "eio4"] {
            let server = Server::roshambo(&[]);
            starts.push(server.started_in.as_secs_f64() * 1e3);
            let common = format!("--dialect {dialect} --seconds {seconds}");
            let mut figures = server.bench(&format!("idle {common} --count {idle}"));
            figures.extend(server.bench(&format!("relay flood games churn {common}")));
            for (key, value) in server.bench(&format!("flood {common} --window 1")) {
                figures.insert(format!("w1:{key}"), value);
            }
            all.entry(dialect).or_default().push(figures);
        }
    }
    print!("{:<40}", "");
    for dialect in all.keys() {
        print!("{dialect:>12}");
    }
    println!();
    for (title, key) in ROWS {
        print!("{title:<40}");
        for runs in all.values() {
            let values = runs.iter().filter_map(|run| run.get(*key).copied());
            match common::median(values.collect()) {
                Some(value) => print!("{value:>12.2}"),
                None => print!("{:>12}", "-"),
            }
        }
        println!();
    }
    beside(rounds, seconds, idle);
    let started = common::median(starts).unwrap_or_default();
    println!("\nstart to listening: {started:.1} ms");
    let size = std::fs::metadata(common::ROSHAMBO).map_or(0, |data| data.len());
    println!("binary: {size} bytes");
    system_calls(seconds);
    println!("load after: {:.2}", common::load());
}

/// The pause of a reload, by who is there.
fn reloads(rounds: usize) {
    for (title, load, connections) in [
        ("two, idle", "idle --count 2", 2),
        (
            "2,000 players, 5,000 faces/s",
            "relay --count 2000 --rate 5000",
            2_000,
        ),
        ("2,000 players in rounds", "games --count 2000", 2_000),
        ("10,000 idle", "idle --count 10000", 10_000),
        ("18,000 idle", "idle --count 18000", 18_000),
    ] {
        let server = Server::roshambo(&[]);
        let load = server.load(load, connections);
        let mut pauses = Vec::new();
        for _ in 0..rounds {
            pauses.extend(server.reload());
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        drop(load);
        let worst = pauses.iter().copied().fold(0.0, f64::max);
        match common::median(pauses) {
            Some(pause) => println!("{title:<40}{pause:>9.0} ms, at most {worst:.0}"),
            None => println!("{title:<40}        - it did not reload"),
        }
    }
}

/// What takes many sockets: 4,000 players, and 19,000 idle ones; 20,000 descriptors are enough.
fn large(rounds: usize, seconds: f64) {
    const IDLE: usize = 19_000;

    let mut runs = Vec::new();
    let mut slowest: Option<f64> = None;
    for _ in 0..rounds {
        let admin = common::free_port();
        let server = Server::roshambo(&["--admin", &format!("127.0.0.1:{admin}")]);
        // Long enough for three rounds one after the other.
        runs.push(server.bench(&format!(
            "games --count 4000 --seconds {}",
            seconds.max(10.0)
        )));
        if let Some(turn) = common::slowest_turn(admin) {
            slowest = Some(slowest.map_or(turn, |slowest| slowest.max(turn)));
        }
    }
    for (title, key) in [
        ("2,000 rounds at once, results", "games.results"),
        ("2,000 rounds at once, wrong results", "games.results_wrong"),
        (
            "2,000 rounds at once, late p50 us",
            "games.round_late_p50_us",
        ),
        (
            "2,000 rounds at once, late p99 us",
            "games.round_late_p99_us",
        ),
        (
            "2,000 rounds at once, late max us",
            "games.round_late_max_us",
        ),
    ] {
        show(title, &runs, key);
    }
    match slowest {
        Some(seconds) => println!("its slowest turn took less than {:.0} ms", seconds * 1e3),
        None => println!("its slowest turn is not known"),
    }
    beside(rounds, seconds.max(2.0), IDLE);
    println!();
    // Two heartbeats of each.
    let server = Server::roshambo(&[]);
    let runs = [server.bench(&format!("idle --count {IDLE} --seconds 60"))];
    for (title, key) in [
        (
            "19,000 idle, bytes per greeted socket",
            "idle.bytes_per_socket",
        ),
        ("19,000 idle, resident bytes", "idle.resident_bytes_after"),
        (
            "no sockets yet, resident bytes",
            "idle.resident_bytes_before",
        ),
        (
            "19,000 idle, server core %",
            "idle.server_core_percent_idle",
        ),
    ] {
        show(title, &runs, key);
    }
}

/// The median of one figure.
fn show(title: &str, runs: &[Figures], key: &str) {
    let values = runs.iter().filter_map(|run| run.get(key).copied());
    match common::median(values.collect()) {
        Some(value) => println!("{title:<40}{value:>12.2}"),
        None => println!("{title:<40}{:>12}", "-"),
    }
}

/// Whether a message costs more when many sockets keep still beside.
fn beside(rounds: usize, seconds: f64, idle: usize) {
    let mut costs = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (costs, beside) in costs.iter_mut().zip([0, idle]) {
            let server = Server::roshambo(&[]);
            let args = format!("flood --window 1 --seconds {seconds} --beside {beside}");
            let figures = server.bench(&args);
            costs.extend(figures.get("flood.server_us_per_message").copied());
        }
    }
    if let [Some(alone), Some(beside)] = costs.map(common::median) {
        let ratio = beside / alone;
        println!(
            "\nwindow 1 beside {idle} idle sockets: {beside:.2} us, without {alone:.2} us: x {ratio:.2}"
        );
    }
}

/// System calls per relayed message, where `strace` is there and allowed.
fn system_calls(seconds: f64) {
    for (name, args) in [
        ("5,000/s", "relay"),
        ("window 1", "flood --window 1"),
        ("window 8", "flood --window 8"),
    ] {
        match count_calls(&format!("{args} --seconds {seconds}")) {
            Some((calls, each)) => {
                println!("system calls per message, {name}: {calls:.2} ({each})");
            }
            None => return println!("system calls: strace is missing or not allowed"),
        }
    }
}

/// All calls per message, and those of each kind that there are more than a few of.
fn count_calls(args: &str) -> Option<(f64, String)> {
    let server = Server::roshambo(&[]);
    let table = std::env::temp_dir().join(format!("roshambo-strace-{}", server.pid()));
    let mut tracer = Command::new("strace")
        .args(["-c", "-f", "-p", &server.pid().to_string(), "-o"])
        .arg(&table)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let figures = server.bench(args);
    // It writes its table when it is interrupted.
    let interrupted = Command::new("kill")
        .args(["-INT", &tracer.id().to_string()])
        .status();
    interrupted.ok()?;
    tracer.wait().ok()?;
    let text = std::fs::read_to_string(&table).ok();
    let _ = std::fs::remove_file(&table);
    // All faces of the run count, those of its warm-up too: the calls do as well.
    let faces = figures
        .get("relay.faces_arrived_in_all")
        .or_else(|| figures.get("flood.faces_arrived_in_all"))?;
    let (mut sum, mut each) = (0.0, Vec::new());
    for line in text?.lines() {
        // % time, seconds, usecs/call, calls, perhaps errors, name
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, _, _, calls, .., name] = fields[..] else {
            continue;
        };
        let Ok(calls) = calls.parse::<f64>() else {
            continue;
        };
        if name == "total" {
            continue;
        }
        sum += calls / faces;
        if 0.01 < calls / faces {
            each.push(format!("{name} {:.2}", calls / faces));
        }
    }
    Some((sum, each.join(", ")))
}
