//! Starting servers and measuring them with `roshambo bench`, each on a core of its own.

// Every bench uses a part of it.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The program that is measured, and that measures.
pub(crate) const ROSHAMBO: &str = env!("CARGO_BIN_EXE_roshambo");

const SERVER_CORE: &str = "0";
const CLIENT_CORE: &str = "1";

/// A server that takes longer than this to listen has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Figures of all modes, by "mode.key".
pub(crate) type Figures = BTreeMap<String, f64>;

/// A running server; it is killed when this goes.
pub(crate) struct Server {
    child: Child,
    port: u16,
    /// From its start to its first accepted connection or its line about that.
    pub(crate) started_in: Duration,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts our own server.
    pub(crate) fn roshambo(flags: &[&str]) -> Self {
        let begun = Instant::now();
        let mut child = pinned(SERVER_CORE, ROSHAMBO)
            .args(["--listen", "127.0.0.1:0", "--max-connections", "60000"])
            .args(["--rate-limit", "0", "--relay-interval", "0"])
            .args(["--max-per-address", "0"])
            .args(flags)
            .env("ROSHAMBO_STORE", "memory")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut log = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut line = String::new();
        let port = loop {
            line.clear();
            let count = log.read_line(&mut line).expect("text");
            assert_ne!(count, 0, "the server ended before it listened");
            let rest = line.split_once("listening on 127.0.0.1:");
            let Some((_, rest)) = rest else { continue };
            let end = rest.find(|character: char| !character.is_ascii_digit());
            let digits = &rest[..end.unwrap_or(rest.len())];
            break digits.parse().expect("a port");
        };
        let started_in = begun.elapsed();
        // Somebody has to read on, or lines would be dropped and the cost with them.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self {
            child,
            port,
            started_in,
        }
    }

    /// Starts a peer: a program that listens on `$PORT`. `None` when it cannot be started.
    pub(crate) fn peer(program: &str, args: &[String]) -> Option<Self> {
        let port = free_port();
        let begun = Instant::now();
        let child = pinned(SERVER_CORE, program)
            .args(args)
            .env("PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        let mut server = Self {
            child,
            port,
            started_in: Duration::ZERO,
        };
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let ended = server.child.try_wait().ok()?.is_some();
            if ended || PATIENCE < begun.elapsed() {
                return None;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        server.started_in = begun.elapsed();
        Some(server)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Measures it; figures that could not be taken are missing, and complained about.
    pub(crate) fn bench(&self, args: &str) -> Figures {
        let url = format!("ws://127.0.0.1:{}", self.port);
        let output = pinned(CLIENT_CORE, ROSHAMBO)
            .args(["bench", &url, "--quiet", "--json"])
            .args(["--pid", &self.pid().to_string()])
            .args(args.split(' '))
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .expect("the load tester starts");
        let report: serde_json::Value =
            serde_json::from_slice(&output.stdout).expect("one JSON object");
        let mut figures = Figures::new();
        for mode in report["modes"].as_array().into_iter().flatten() {
            let name = mode["mode"].as_str().unwrap_or_default();
            for note in mode["notes"].as_array().into_iter().flatten() {
                eprintln!("  {name}: {}", note.as_str().unwrap_or_default());
            }
            if mode["failed"] == true {
                continue;
            }
            for (key, value) in mode["figures"].as_object().into_iter().flatten() {
                figures.insert(format!("{name}.{key}"), value.as_f64().unwrap_or_default());
            }
        }
        figures
    }
}

/// A load tester that goes on until this goes.
pub(crate) struct Load(Child);

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// Puts a server under load, and waits until it has so many connections.
    pub(crate) fn load(&self, args: &str, connections: usize) -> Load {
        let url = format!("ws://127.0.0.1:{}", self.port);
        let child = pinned(CLIENT_CORE, ROSHAMBO)
            .args(["bench", &url, "--quiet", "--v2", "--seconds", "3600"])
            .args(args.split(' '))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        let mut load = Load(child.expect("the load tester starts"));
        let folder = format!("/proc/{}/fd", self.pid());
        while std::fs::read_dir(&folder).map_or(0, Iterator::count) < connections {
            let ended = load.0.try_wait().expect("our child");
            assert!(ended.is_none(), "the load tester ended: {ended:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        // Until the last of them is greeted, and plays.
        std::thread::sleep(Duration::from_secs(2));
        load
    }

    /// Replaces it by the same program; the milliseconds for which nobody was served, as it says.
    pub(crate) fn reload(&self) -> Option<f64> {
        let pid = self.pid().to_string();
        let output = Command::new(ROSHAMBO)
            .args(["reload", &pid])
            .output()
            .ok()?;
        let line = String::from_utf8(output.stdout).ok()?;
        let (front, _) = line.split_once(" ms")?;
        front.rsplit(' ').next()?.parse().ok()
    }
}

/// A port that nobody listens on for now.
pub(crate) fn free_port() -> u16 {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    free.local_addr().expect("an address").port()
}

/// What the slowest turn of a server took at most, in seconds, as its metrics tell: the bound of the
/// last part of the histogram that holds any.
pub(crate) fn slowest_turn(admin_port: u16) -> Option<f64> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, admin_port)).ok()?;
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (mut slowest, mut known) = (None, 0.0);
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("roshambo_turn_duration_seconds_bucket{le=\"") else {
            continue;
        };
        let (bound, count) = rest.split_once("\"} ")?;
        let count: f64 = count.parse().ok()?;
        if known < count {
            slowest = Some(bound.parse().unwrap_or(f64::INFINITY));
            known = count;
        }
    }
    slowest
}

/// A command on one core, where there are two and `taskset` is there.
fn pinned(core: &str, program: &str) -> Command {
    if !can_pin() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", core, program]);
    command
}

/// Whether server and client get a core each.
pub(crate) fn can_pin() -> bool {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    1 < cores && answers("taskset", "--version").is_some()
}

/// The first line that a command prints, if it runs.
pub(crate) fn answers(program: &str, arg: &str) -> Option<String> {
    let output = Command::new(program)
        .args(arg.split(' '))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then_some(())?;
    Some(text.lines().next().unwrap_or_default().to_owned())
}

/// Processor, cores, kernel.
pub(crate) fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("an unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = answers("uname", "-sr").unwrap_or_default();
    // What is behind the number is the builder's own name for it.
    let kernel = kernel.split('-').next().unwrap_or_default();
    let pinning = if can_pin() {
        "server and client pinned to different cores"
    } else {
        "not pinned"
    };
    format!("{model}, {cores} cores, {kernel}; {pinning}")
}

/// What else the machine does: runnable tasks over the last minute.
pub(crate) fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = text.split(' ').next().unwrap_or_default();
    first.parse().unwrap_or_default()
}

/// The middle one; of an even number the higher.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
