//! The same game on other stacks, side by side: called by `benches/peers/run.sh`, which builds them.
//!
//! All are measured in turn (A B C … A B C …), a fresh process each time, all over Engine.IO 3,
//! which all of them speak. The table of medians goes between two markers of README.md; `-- --dry`
//! only prints it. Figures of a busy machine are noise: the load is part of the table.

mod common;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use common::{Figures, Server};

const BEGIN: &str = "<!-- peers: written by benches/peers/run.sh -->";
const END: &str = "<!-- peers: end -->";

/// Title and key of each column; the last number is how many digits stand behind the point.
const COLUMNS: &[(&str, &[&str], usize)] = &[
    ("bytes per idle socket", &["idle.bytes_per_socket"], 0),
    (
        "µs per message, window 1",
        &["w1:flood.server_us_per_message"],
        2,
    ),
    ("window 8", &["flood.server_us_per_message"], 2),
    (
        "p50 / p99 µs at 5,000/s",
        &["relay.latency_p50_us", "relay.latency_p99_us"],
        0,
    ),
    (
        "connect + hello + close, µs",
        &["churn.server_us_per_connection"],
        0,
    ),
];

/// Who is measured.
struct Contender {
    name: &'static str,
    /// Where its versions stand: a lock file, and the packages that matter.
    lock: Option<(&'static str, &'static [&'static str])>,
    /// Its program below `benches/peers/`; ours has none.
    program: Option<&'static str>,
    is_node: bool,
}

const CONTENDERS: &[Contender] = &[
    Contender {
        name: "roshambo",
        lock: None,
        program: None,
        is_node: false,
    },
    Contender {
        name: "bare C epoll, no JSON parser (the floor)",
        lock: None,
        program: Some("raw-epoll/build/server"),
        is_node: false,
    },
    Contender {
        name: "Rust, tokio-tungstenite",
        lock: Some((
            "rust-tokio-tungstenite/Cargo.lock",
            &["tokio-tungstenite", "tokio"],
        )),
        program: Some("rust-tokio-tungstenite/target/release/peer-tokio-tungstenite"),
        is_node: false,
    },
    Contender {
        name: "Rust, socketioxide",
        lock: Some((
            "rust-socketioxide/Cargo.lock",
            &["socketioxide", "axum", "tokio"],
        )),
        program: Some("rust-socketioxide/target/release/peer-socketioxide"),
        is_node: false,
    },
    Contender {
        name: "Node, ws",
        lock: Some(("node-ws/package-lock.json", &["ws"])),
        program: Some("node-ws/server.js"),
        is_node: true,
    },
    Contender {
        name: "Node, socket.io 4",
        lock: Some(("node-socketio4/package-lock.json", &["socket.io", "ws"])),
        program: Some("node-socketio4/server.js"),
        is_node: true,
    },
];

impl Contender {
    /// A fresh process.
    fn start(&self) -> Option<Server> {
        let Some(program) = self.program else {
            return Some(Server::roshambo(&[]));
        };
        let path = peers().join(program);
        let path = path.to_str()?;
        if self.is_node {
            Server::peer("node", &[path.to_owned()])
        } else {
            Server::peer(path, &[])
        }
    }

    /// All figures of one turn, a fresh process for each measurement.
    fn measure(&self, seconds: f64, idle: usize) -> Option<Figures> {
        let mut figures = Figures::new();
        let common = format!("--dialect eio3 --seconds {seconds}");
        for (prefix, args) in [
            ("", format!("idle {common} --count {idle}")),
            ("", format!("relay flood churn {common}")),
            ("w1:", format!("flood {common} --window 1")),
        ] {
            for (key, value) in self.start()?.bench(&args) {
                figures.insert(format!("{prefix}{key}"), value);
            }
        }
        Some(figures)
    }

    /// Name and versions.
    fn title(&self) -> String {
        let Some((lock, packages)) = self.lock else {
            return self.name.to_owned();
        };
        let text = std::fs::read_to_string(peers().join(lock)).unwrap_or_default();
        let version = |package: &&str| Some(format!("{package} {}", version_of(&text, package)?));
        let versions: Vec<String> = packages.iter().filter_map(version).collect();
        format!("{} ({})", self.name, versions.join(", "))
    }
}

/// A package's version in a lock file of cargo's or npm's.
fn version_of(lock: &str, package: &str) -> Option<String> {
    let cargo = format!("name = \"{package}\"\nversion = \"");
    let npm = format!("\"node_modules/{package}\": {{\n      \"version\": \"");
    let start = [cargo, npm]
        .iter()
        .find_map(|head| Some(lock.find(head)? + head.len()))?;
    let rest = lock.get(start..)?;
    Some(rest.split('"').next()?.to_owned())
}

fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers")
}

/// The table's text; `runs` are in the order of the contenders.
fn table(runs: &[Vec<Figures>]) -> String {
    let mut text = String::from("| server |");
    for (title, ..) in COLUMNS {
        let _ = write!(text, " {title} |");
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(COLUMNS.len()));
    text.push('\n');
    for (contender, runs) in CONTENDERS.iter().zip(runs) {
        let _ = write!(text, "| {} |", contender.title());
        for (_, keys, digits) in COLUMNS {
            let cells: Vec<String> = keys
                .iter()
                .map(|key| {
                    middle(runs, key).map_or("-".into(), |value| format!("{value:.digits$}"))
                })
                .collect();
            let _ = write!(text, " {} |", cells.join(" / "));
        }
        text.push('\n');
    }
    for other in ["the floor", "socketioxide"] {
        let place = CONTENDERS.iter().position(|it| it.name.contains(other));
        let (Some(ours), Some(theirs)) = (runs.first(), place.and_then(|at| runs.get(at))) else {
            continue;
        };
        let _ = write!(text, "| roshambo ÷ {other} |");
        for (_, keys, _) in COLUMNS {
            let cells: Vec<String> = keys
                .iter()
                .map(|key| match (middle(ours, key), middle(theirs, key)) {
                    (Some(ours), Some(theirs)) => format!("{:.2}", ours / theirs),
                    _ => "-".into(),
                })
                .collect();
            let _ = write!(text, " {} |", cells.join(" / "));
        }
        text.push('\n');
    }
    text
}

/// The median of one figure.
fn middle(runs: &[Figures], key: &str) -> Option<f64> {
    let values = runs.iter().filter_map(|run| run.get(key).copied());
    common::median(values.collect())
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let option = |name: &str, default: f64| {
        let mut args = args.iter().skip_while(|arg| *arg != name).skip(1);
        args.next()
            .map_or(default, |text| text.parse().expect("a number"))
    };
    let rounds = option("--rounds", 5.0) as usize;
    let seconds = option("--seconds", 1.5);
    let idle = option("--idle", 4_000.0) as usize;
    let load = common::load();
    let mut runs: Vec<Vec<Figures>> = CONTENDERS.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        for (contender, runs) in CONTENDERS.iter().zip(&mut runs) {
            println!("round {round} of {rounds}: {}", contender.name);
            match contender.measure(seconds, idle) {
                Some(figures) => runs.push(figures),
                None => println!("  it did not start; benches/peers/run.sh builds it"),
            }
        }
    }
    let load = load.max(common::load());
    let tools = [
        ("rustc", "--version"),
        ("cc", "--version"),
        ("node", "--version"),
    ];
    let tools: Vec<String> = tools
        .iter()
        .filter_map(|(tool, arg)| common::answers(tool, arg))
        // Node says no more than its number.
        .map(|line| {
            line.strip_prefix('v')
                .map_or(line.clone(), |v| format!("node {v}"))
        })
        .collect();
    let text = format!(
        "{}\nMedians of {rounds} runs of {seconds} s, 200 players over Engine.IO 3, {idle} idle \
         sockets; µs are the\nserver's time on a core. {}.\nroshambo {}; {}. \
         Highest load average seen: {load:.1}; above 2 the latencies say little.\n",
        table(&runs),
        common::machine(),
        env!("CARGO_PKG_VERSION"),
        tools.join("; "),
    );
    println!("\n{text}");
    if !args.iter().any(|arg| arg == "--dry") {
        write_readme(&text);
    }
}

/// Puts the table between its markers.
fn write_readme(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).expect("README.md");
    let (before, rest) = readme.split_once(BEGIN).expect("the first marker");
    let (_, after) = rest.split_once(END).expect("the second marker");
    let text = format!("{before}{BEGIN}\n\n{table}\n{END}{after}");
    std::fs::write(&path, text).expect("README.md can be written");
    println!("written into {}", path.display());
}
