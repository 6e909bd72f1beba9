//! The map of the crate as rules: who may know whom, and what stands nowhere but at the edge.
//!
//! It reads the sources as text, without a parser: comments and string literals are blanked first,
//! then words and paths are looked for. That is crude, but every rule is shown to fail on a small bad
//! source below. Modules that do not exist yet are not missed; modules that the table does not know
//! are a fault.
//!
//! Tests inside of `src/` (`#[cfg(test)] mod …`, `tests.rs`) may use clocks, files and generators as
//! they like. They are held to the table like all others, so that no test needs what its module may
//! not know.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A module of the crate: which others it may use, and which packages beside the standard library.
struct Row {
    module: &'static str,
    modules: &'static [&'static str],
    packages: &'static [&'static str],
}

#[rustfmt::skip]
const TABLE: &[Row] = &[
    // The core's packages but for the generator: serde derives how a snapshot carries a type, and
    // knows neither a file nor an encoding.
    Row { module: "time",    modules: &[], packages: &["serde"] },
    Row { module: "slots",   modules: &[], packages: &["serde"] },
    Row { module: "model",   modules: &["slots"], packages: &["serde"] },
    Row { module: "wheel",   modules: &["time"], packages: &["slab"] },
    Row { module: "config",  modules: &["model"], packages: &["lexopt", "log"] },
    Row { module: "metrics", modules: &["model"], packages: &["serde"] },
    Row { module: "wire",    modules: &["model"], packages: &["serde", "serde_json"] },
    // Who somebody is must not depend on anything but what it is given.
    Row { module: "identity", modules: &["model"],
          packages: &["hmac", "sha2", "serde", "serde_json"] },
    Row { module: "session", modules: &["wire", "time", "model"], packages: &["serde"] },
    // The world counts its rounds and waits, which is all that metrics are to it: numbers.
    Row { module: "world",   modules: &["time", "model", "slots", "metrics"],
          packages: &["fastrand", "serde"] },
    Row { module: "hub",
          modules: &["session", "world", "identity", "metrics", "config", "time", "model", "wire"],
          packages: &["fastrand", "serde"] },
    // It counts what happens on sockets, and tells everybody's numbers on the admin listener.
    Row { module: "net",
          modules: &["hub", "identity", "wheel", "config", "time", "model", "slots", "metrics"],
          packages: &["mio", "tungstenite", "httparse", "slab", "log", "getrandom", "rlimit", "flate2",
                      "signal_hook", "signal_hook_mio", "socket2", "listenfd", "sd_notify",
                      "nix", "rustix", "serde", "serde_json", "rustls", "webpki"] },
    // A thread of its own, and the files that outlive it.
    Row { module: "store",   modules: &["time", "model"],
          packages: &["rusqlite", "redis", "sha2", "rustix", "log", "lexopt", "serde", "serde_json"] },
    Row { module: "tools",   modules: &["identity", "time"],
          packages: &["mio", "tungstenite", "httparse", "slab", "fastrand", "serde", "serde_json",
                      "lexopt", "hdrhistogram", "rlimit", "rustix", "rustls", "rustls_native_certs",
                      "webpki"] },
    Row { module: "logging", modules: &[], packages: &["log", "rustix", "simple_logger"] },
    Row { module: "main",    modules: &["config", "net", "logging", "store", "tools"],
          packages: &["log", "rlimit", "getrandom"] },
    // The front page only says which modules there are.
    Row { module: "lib",     modules: &[], packages: &[] },
];

/// Everything that is not in the standard library; checked against Cargo.toml below.
const PACKAGES: &[&str] = &[
    "fastrand",
    "flate2",
    "getrandom",
    "hdrhistogram",
    "hmac",
    "httparse",
    "lexopt",
    "listenfd",
    "log",
    "mio",
    "nix",
    "redis",
    "rlimit",
    "rusqlite",
    "rustix",
    "rustls",
    "rustls_native_certs",
    "sd_notify",
    "serde",
    "serde_json",
    "sha2",
    "signal_hook",
    "signal_hook_mio",
    "simple_logger",
    "slab",
    "socket2",
    "tungstenite",
    "webpki",
];

/// What any module's own tests may use: numbers from a seed, and what others would read.
const TEST_PACKAGES: &[&str] = &["fastrand", "serde_json"];

/// Where the outside world begins.
const EDGE: &[&str] = &["net", "main", "logging", "store", "tools"];

/// What stands nowhere but at the edge, and why.
const FORBIDDEN: &[(&str, &str)] = &[
    ("Instant", "a clock"),
    ("SystemTime", "a clock"),
    ("UNIX_EPOCH", "a clock"),
    ("TcpStream", "a socket"),
    ("TcpListener", "a socket"),
    ("UdpSocket", "a socket"),
    ("UnixStream", "a socket"),
    ("UnixListener", "a socket"),
    ("std::thread", "a thread"),
    ("thread::spawn", "a thread"),
    ("thread_local", "a global"),
    ("std::fs", "a file"),
    ("fs::", "a file"),
    ("File::", "a file"),
    ("std::process", "a process"),
    ("std::env", "a process's environment"),
    ("env::var", "a process's environment"),
    ("stdin", "a stream of the process"),
    ("stdout", "a stream of the process"),
    ("stderr", "a stream of the process"),
    ("println!", "a stream of the process"),
    ("print!", "a stream of the process"),
    ("eprintln!", "a stream of the process"),
    ("eprint!", "a stream of the process"),
    ("dbg!", "a stream of the process"),
    ("RandomState", "a generator that nobody seeds"),
];

/// Clocks that people and time servers set. The loop goes by one that nobody sets, so that a jump of
/// these can end nobody's round; they are told, and nothing is decided by them.
const WALL_CLOCKS: &[&str] = &["SystemTime", "UNIX_EPOCH"];

/// Where they may be read all the same: the process's birthday, for those who collect figures; until
/// when a signed token is good, and which week it is; the age of what outlives the process, and the
/// end of a certificate, which no other clock can tell.
const WALL_CLOCK_READERS: &[&str] = &[
    "net/admin/process.rs",
    "net/tls/keys.rs",
    "net/wall.rs",
    "store/clock.rs",
    "tools/token.rs",
];

/// What `log` may be used for outside of the edge: `config` holds a level, nobody writes a line.
const LOG_TYPES: &[&str] = &["log::LevelFilter"];

/// Types, not sockets: an address is a value.
const NET_TYPES: &[&str] = &[
    "SocketAddr",
    "SocketAddrV4",
    "SocketAddrV6",
    "IpAddr",
    "Ipv4Addr",
    "Ipv6Addr",
];

#[test]
fn every_source_keeps_to_the_map() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    find_sources(&root, &mut paths);
    assert!(!paths.is_empty(), "no sources in {}", root.display());
    let mut faults = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("a source is text");
        let name = path.strip_prefix(&root).expect("found below the root");
        let name = name.to_str().expect("a source's name is text");
        faults.extend(check(name, &text));
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[test]
fn every_dependency_has_its_place() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = fs::read_to_string(manifest).expect("the manifest");
    let (_, section) = manifest
        .split_once("\n[dependencies]\n")
        .expect("dependencies");
    let section = section
        .split("\n[")
        .next()
        .expect("a split has a first part");
    let named: BTreeSet<String> = section
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim().replace('-', "_"))
        .collect();
    let known: BTreeSet<String> = PACKAGES.iter().map(|name| (*name).into()).collect();
    assert_eq!(named, known, "PACKAGES and Cargo.toml differ");
    for row in TABLE {
        for package in row.packages {
            assert!(PACKAGES.contains(package), "{}: {package}", row.module);
        }
        for module in row.modules {
            let known = TABLE.iter().any(|other| other.module == *module);
            assert!(known, "{}: {module}", row.module);
        }
    }
}

/// The table itself: following the arrows never leads back.
#[test]
fn arrows_never_point_up() {
    let mut settled: Vec<&str> = Vec::new();
    while settled.len() < TABLE.len() {
        let free = TABLE.iter().find(|row| {
            !settled.contains(&row.module)
                && row.modules.iter().all(|module| settled.contains(module))
        });
        settled.push(free.expect("a cycle in the table").module);
    }
    for (one, other) in [("session", "world"), ("world", "session")] {
        let row = TABLE.iter().find(|row| row.module == one);
        assert!(
            !row.expect("in the table").modules.contains(&other),
            "{one} ► {other}"
        );
    }
}

/// One bad source per rule, and the word that its fault has to hold.
#[test]
fn every_rule_can_fail() {
    let rows = [
        // What is public says what it is.
        (
            "time.rs",
            "#[must_use]\npub fn now() {}",
            "is not documented",
        ),
        ("time.rs", "// No.\npub struct Now;", "is not documented"),
        (
            "time.rs",
            "#[derive(\n    Clone,\n)]\npub struct Now;",
            "is not documented",
        ),
        // The table.
        (
            "world/mod.rs",
            "use crate::net::Server;",
            "may not use crate::net",
        ),
        (
            "world/mod.rs",
            "use crate::{model::Uid, session::Session};",
            "may not use crate::session",
        ),
        (
            "world/mod.rs",
            "use crate::{\n    model::{Uid, Name},\n    hub,\n};",
            "may not use crate::hub",
        ),
        (
            "session.rs",
            "fn f(w: &crate::world::World) {}",
            "may not use crate::world",
        ),
        (
            "session.rs",
            "use super::world::World;",
            "may not use crate::world",
        ),
        (
            "wire/event.rs",
            "use super::super::time::Millis;",
            "may not use crate::time",
        ),
        ("wire/mod.rs", "use crate::*;", "may not use crate::*"),
        (
            "world/mod.rs",
            "use crate as ours;",
            "may not rename the crate",
        ),
        (
            "config/mod.rs",
            "pub use crate::time::Millis;",
            "may not use crate::time",
        ),
        (
            "wheel.rs",
            "#[cfg(test)]\nmod tests { use crate::model::Uid; }",
            "may not use crate::model",
        ),
        (
            "main.rs",
            "use roshambo::hub::Hub;",
            "may not use crate::hub",
        ),
        (
            "net/mod.rs",
            "use crate::tools::bench;",
            "may not use crate::tools",
        ),
        ("extra.rs", "", "is not in the table"),
        // Packages.
        ("hub.rs", "use mio::Poll;", "may not use mio"),
        ("hub/orders.rs", "use mio::Poll;", "may not use mio"),
        (
            "hub/endings.rs",
            "use std::time::SystemTime;",
            "SystemTime, a clock",
        ),
        (
            "hub.rs",
            "fn f() -> tungstenite::Message { todo!() }",
            "may not use tungstenite",
        ),
        (
            "world/mod.rs",
            "use serde_json::{Value, to_string};",
            "may not use serde_json",
        ),
        (
            "session.rs",
            "use ::serde_json::to_vec;",
            "may not use serde_json",
        ),
        (
            "session.rs",
            "use {slab::Slab, std::fmt};",
            "may not use slab",
        ),
        (
            "wheel.rs",
            "#[cfg(test)]\nmod tests { use mio::Poll; }",
            "may not use mio",
        ),
        // The outside world.
        (
            "world/mod.rs",
            "use std::time::Instant;",
            "Instant, a clock",
        ),
        (
            "hub.rs",
            "fn f() -> u64 { std::time::SystemTime::now() }",
            "SystemTime, a clock",
        ),
        (
            "net/server.rs",
            "use std::time::SystemTime;",
            "SystemTime, which people set",
        ),
        (
            "store/writer.rs",
            "use std::time::SystemTime;",
            "SystemTime, which people set",
        ),
        (
            "hub.rs",
            "use crate::store::Engine;",
            "may not use crate::store",
        ),
        (
            "tools/bench/mod.rs",
            "fn f() { let t = std::time::UNIX_EPOCH; }",
            "UNIX_EPOCH, which people set",
        ),
        (
            "hub.rs",
            "use std::{net::TcpStream, fmt};",
            "TcpStream, a socket",
        ),
        ("wheel.rs", "use std::net::*;", "std::net"),
        (
            "config/mod.rs",
            "use std::net::{SocketAddr, ToSocketAddrs};",
            "ToSocketAddrs",
        ),
        (
            "hub.rs",
            "fn f() { std::thread::yield_now() }",
            "std::thread, a thread",
        ),
        ("hub.rs", "use std::{fmt, thread};", "std::thread, a thread"),
        ("hub.rs", "use std::{fmt, fs::File};", "std::fs, a file"),
        ("metrics.rs", "use std::fs;", "std::fs, a file"),
        (
            "world/mod.rs",
            "fn f() { println!(\"x\") }",
            "println!, a stream",
        ),
        (
            "world/mod.rs",
            "fn f() { eprintln!(\"x\") }",
            "eprintln!, a stream",
        ),
        ("config/mod.rs", "fn f() { log::info!(\"x\") }", "log::info"),
        (
            "config/mod.rs",
            "use log::{LevelFilter, info};",
            "log::info",
        ),
        (
            "world/rules.rs",
            "fn f() { fastrand::u8(..) }",
            "fastrand::u8",
        ),
        (
            "world/rules.rs",
            "use fastrand::{Rng, shuffle};",
            "fastrand::shuffle",
        ),
        (
            "world/rules.rs",
            "fn f() { let r = fastrand::Rng::new(); }",
            "Rng::new",
        ),
        (
            "hub.rs",
            "use fastrand::Rng;\nfn f() { let r = Rng::default(); }",
            "Rng::default",
        ),
        // Order of hash maps.
        (
            "hub.rs",
            "struct S { seats: HashMap<u8, u8> }\nfn f(s: &S) { s.seats.iter(); }",
            "seats",
        ),
        (
            "hub.rs",
            "struct S { a: std::collections::HashSet<u8> }\nfn f(s: S) { for x in &s.a {} }",
            "a",
        ),
        (
            "hub.rs",
            "fn f() { let mut m = HashMap::new(); for x in &mut m {} }",
            "m, a hash map",
        ),
        (
            "hub.rs",
            "fn f(m: &HashMap<u8, u8>) { for x in m {} }",
            "m, a hash map",
        ),
        (
            "hub.rs",
            "fn f(m: HashMap<u8, u8>) {\n    m\n        .into_values();\n}",
            "m, a hash map",
        ),
        (
            "hub.rs",
            "fn f(mut m: HashMap<u8, u8>) { m.retain(|_, _| true); }",
            "m, a hash map",
        ),
        (
            "hub.rs",
            "use std::collections::HashMap as Map;",
            "may not rename HashMap",
        ),
        (
            "hub.rs",
            "type Names = HashMap<u8, u8>;",
            "may not rename HashMap",
        ),
    ];
    for (name, source, want) in rows {
        let faults = check(name, &format!("//! What it is.\n\n{source}\n"));
        let found = faults.iter().any(|fault| fault.contains(want));
        assert!(found, "{name}: {source}\nwanted {want}, found {faults:?}");
    }
    // The form of a file.
    let wide = format!("//! What it is.\n// {}\n", "x".repeat(98));
    let rows = [
        ("time.rs", "use std::fmt;\n", "does not begin with //!"),
        (
            "time.rs",
            wide.as_str(),
            "time.rs:2 is wider than 100 columns",
        ),
    ];
    for (name, source, want) in rows {
        let faults = check(name, source);
        assert!(
            faults.iter().any(|fault| fault.contains(want)),
            "{want}: {faults:?}"
        );
    }
}

/// What looks like a fault and is none.
#[test]
fn no_rule_cries_wolf() {
    let rows = [
        (
            "world/mod.rs",
            "use crate::time::Millis;\nuse crate::{model::{Uid, Name}, slots};",
        ),
        (
            "world/room.rs",
            "use super::rules::judge;\nuse crate::world::lobby::Lobby;",
        ),
        (
            "world/mod.rs",
            "mod rules { use super::super::time::Millis; }",
        ),
        (
            "wheel.rs",
            "// crate::net, println! and Instant\nconst S: &str = \"use mio::Poll;\";",
        ),
        (
            "wheel.rs",
            "/* use /* nested */ mio::Poll; */ const S: &str = r#\"a\" use mio::Poll;\"#;",
        ),
        (
            "wheel.rs",
            "const C: [char; 2] = ['\"', '\\'']; // mio::Poll\nfn f<'a>(x: &'a str) {}",
        ),
        (
            "wheel.rs",
            "#[cfg(test)]\nmod tests { fn f() { println!(\"{:?}\", std::time::Instant::now()) } }",
        ),
        ("config/tests.rs", "use std::time::Instant;"),
        (
            "config/mod.rs",
            "use std::net::{SocketAddr, Ipv4Addr};\nuse log::LevelFilter;",
        ),
        ("config/mod.rs", "fn f() { let catalog = dialog::info(); }"),
        (
            "world/mod.rs",
            "use fastrand::Rng;\nfn f(r: &mut Rng) { Rng::with_seed(1); r.u8(..); }",
        ),
        (
            "hub.rs",
            "struct Instance; struct S { m: HashMap<u8, u8> }\nfn f(s: &S) { s.m.get(&1); }",
        ),
        (
            "hub.rs",
            "fn f(m: HashMap<u8, u8>, n: &[u8]) { for x in n.iter() { m.get(x); } }",
        ),
        (
            "net/server.rs",
            "use mio::Poll;\nuse std::time::Instant;\nuse crate::hub::Hub;",
        ),
        (
            "main.rs",
            "mod logging;\nuse roshambo::config::Config;\nfn main() { logging::install(1) }",
        ),
        (
            "slots.rs",
            "#[cfg(test)]\nmod tests { fn f() { serde_json::to_string(&1); fastrand::u8(..); } }",
        ),
        ("lib.rs", "pub mod time;\npub mod extra;"),
        (
            "time.rs",
            "/// What it is.\n#[must_use]\npub fn now() {}\npub(crate) fn then() {}",
        ),
        (
            "time.rs",
            "/// What it is.\n#[derive(\n    Clone,\n)]\n#[serde(transparent)]\npub struct Now;",
        ),
        (
            "time.rs",
            "/// What it is.\npub struct Now {\n    pub at: u64,\n}",
        ),
    ];
    for (name, source) in rows {
        let faults = check(name, &format!("//! What it is.\n\n{source}\n"));
        assert!(faults.is_empty(), "{name}: {source}\n{faults:?}");
    }
}

/// All `.rs` files below a directory, in the order of their names.
fn find_sources(directory: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).expect("a directory of sources");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry of the directory").path())
        .collect();
    paths.sort();
    for path in paths {
        match path.extension() {
            _ if path.is_dir() => find_sources(&path, found),
            Some(extension) if extension == "rs" => found.push(path),
            _ => (),
        }
    }
}

/// Every fault of one source, named by its path below `src/`.
fn check(name: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.starts_with("//! ") {
        faults.push(format!("{name} does not begin with //! and what it is"));
    }
    for (index, line) in text.lines().enumerate() {
        // A table's row and a text of the wire cannot be broken without harm.
        let whole = line.starts_with("//! |") || line.contains('"');
        if 100 < line.chars().count() && !whole {
            faults.push(format!("{name}:{} is wider than 100 columns", index + 1));
        }
    }
    check_docs(name, text, &mut faults);
    let module = name.split('/').next().unwrap_or(name);
    let module = module.strip_suffix(".rs").unwrap_or(module);
    let Some(row) = TABLE.iter().find(|row| row.module == module) else {
        faults.push(format!("{name} is not in the table"));
        return faults;
    };
    let code = blank(text);
    let paths = paths(&code);
    let is_test = name.ends_with("/tests.rs") || name.contains("/tests/");
    let in_tests_only = |package: &str| is_test || !holds(&without_tests(&code), package);
    let tests = TEST_PACKAGES.iter().copied();
    let tests: Vec<_> = tests.filter(|package| in_tests_only(package)).collect();
    check_table(name, row, &paths, &tests, &mut faults);
    if words(&code).windows(2).any(|pair| pair == ["crate", "as"]) {
        faults.push(format!("{name} may not rename the crate"));
    }
    if !is_test {
        let code = without_tests(&code);
        let paths = self::paths(&code);
        if !EDGE.contains(&module) {
            check_edge(name, &paths, &code, &mut faults);
        } else if !WALL_CLOCK_READERS.contains(&name) {
            for clock in WALL_CLOCKS.iter().filter(|clock| holds(&code, clock)) {
                faults.push(format!("{name} uses {clock}, which people set"));
            }
        }
        if module != "net" {
            check_hash_order(name, &code, &mut faults);
        }
    }
    faults
}

/// Every public item says what it is, in a sentence.
///
/// The compiler's `missing_docs` asks that of fields and variants, too, whose names mostly say it
/// already: what it was given there was "Who." and "When.". They are documented where there is
/// something to say, as a unit, a range, or what `None` means.
fn check_docs(name: &str, text: &str, faults: &mut Vec<String>) {
    const ITEMS: &[&str] = &[
        "fn ", "const ", "unsafe ", "struct ", "enum ", "trait ", "type ", "static ",
    ];
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    for (index, line) in lines.iter().enumerate() {
        // What a macro makes is documented where it is used.
        let item = line.strip_prefix("pub ").filter(|item| !item.contains('$'));
        let is_item = item.is_some_and(|item| ITEMS.iter().any(|kind| item.starts_with(kind)));
        // Attributes, also those of several lines, stand between.
        let mut inside = false;
        let mut above = lines[..index].iter().rev();
        let told = above.find(|line| {
            inside = !line.starts_with("#[") && (inside || line.ends_with(")]"));
            !inside && !line.starts_with("#[")
        });
        if is_item && !told.is_some_and(|line| line.starts_with("///")) {
            faults.push(format!("{name}:{} is not documented: {line}", index + 1));
        }
    }
}

/// Who uses whom. `tests` are the packages that only tests of this source use, as any may.
fn check_table(name: &str, row: &Row, paths: &[String], tests: &[&str], faults: &mut Vec<String>) {
    // `super` from the top of a module's directory, or from a file beside it, is the crate.
    let nested = name.contains('/') && !name.ends_with("/mod.rs");
    for path in paths {
        let parts: Vec<&str> = path.split("::").collect();
        let ups = parts.iter().take_while(|part| **part == "super").count();
        let used = match parts.as_slice() {
            ["crate" | "roshambo", used, ..] => Some(*used),
            // An inline module of a file is one `super` deeper: only names of modules count then.
            _ if usize::from(nested) < ups => {
                let known = |part: &&&str| TABLE.iter().any(|row| row.module == **part);
                parts.get(ups).filter(known).copied()
            }
            _ => None,
        };
        if let Some(used) = used
            && used != row.module
            && !row.modules.contains(&used)
        {
            faults.push(format!("{name} may not use crate::{used}"));
        }
        let package = parts.first().copied().unwrap_or_default();
        if PACKAGES.contains(&package)
            && 1 < parts.len()
            && !row.packages.contains(&package)
            && !tests.contains(&package)
        {
            faults.push(format!("{name} may not use {package}"));
        }
    }
}

/// Clocks, sockets, threads, files, streams, loggers, generators.
fn check_edge(name: &str, paths: &[String], code: &str, faults: &mut Vec<String>) {
    let mut fault = |what: &str, why: &str| faults.push(format!("{name} uses {what}, {why}"));
    for (what, why) in FORBIDDEN {
        let in_path = paths.iter().any(|path| holds(path, what));
        if in_path || holds(code, what) {
            fault(what, why);
        }
    }
    for path in paths {
        let last = path.rsplit("::").next().unwrap_or_default();
        if path.starts_with("std::net") && !path.split("::").any(|part| NET_TYPES.contains(&part)) {
            fault(path, "of which only addresses are values");
        }
        if path.starts_with("log::") && !LOG_TYPES.iter().any(|known| path.starts_with(known)) {
            fault(path, "a logger");
        }
        if path.starts_with("fastrand::") && !path.starts_with("fastrand::Rng") {
            fault(path, "the global generator");
        }
        let unseeded = path.contains("Rng::") && matches!(last, "new" | "default");
        if unseeded {
            fault(path, "a generator that nobody seeds");
        }
    }
}

/// Hash maps are for looking up: their order differs from run to run.
fn check_hash_order(name: &str, code: &str, faults: &mut Vec<String>) {
    const WALKS: &[&str] = &[
        "iter",
        "iter_mut",
        "into_iter",
        "keys",
        "into_keys",
        "values",
        "values_mut",
        "into_values",
        "drain",
        "retain",
        "extract_if",
    ];
    let words = words(code);
    let is_map = |word: &str| matches!(word, "HashMap" | "HashSet");
    let mut maps = BTreeSet::new();
    for (index, word) in words.iter().enumerate().filter(|(_, word)| is_map(word)) {
        // Back over `&`, `mut`, lifetimes and a path, to `name:` or `name =`.
        let mut rest = &words[..index];
        while let [before @ .., last] = rest {
            match *last {
                "::" | "std" | "collections" | "&" | "mut" | "Option" | "Rc" | "RefCell"
                | "Box" | "<" => rest = before,
                lifetime if lifetime.starts_with('\'') => rest = before,
                _ => break,
            }
        }
        match rest {
            [.., "type", _, "="] => faults.push(format!("{name} may not rename {word}")),
            [.., map, ":" | "="] => _ = maps.insert(*map),
            _ => (),
        }
        if words.get(index + 1) == Some(&"as") {
            faults.push(format!("{name} may not rename {word}"));
        }
    }
    for (index, map) in words
        .iter()
        .enumerate()
        .filter(|(_, word)| maps.contains(*word))
    {
        let walked = match words[index + 1..] {
            [".", method, "(", ..] => WALKS.contains(&method),
            ["{", ..] => {
                // `for … in &mut self.map {`: only names, dots and borrows lie between.
                let between = |word: &&&str| {
                    matches!(**word, "." | "&") || word.starts_with(|c: char| c.is_alphanumeric())
                };
                let mut back = words[..index].iter().rev().take_while(between);
                back.any(|word| *word == "in")
            }
            _ => false,
        };
        if walked {
            faults.push(format!("{name} walks through {map}, a hash map"));
        }
    }
}

/// The source with comments, strings and characters blanked; lines stay where they are.
fn blank(text: &str) -> String {
    let source: Vec<char> = text.chars().collect();
    let at = |index: usize| source.get(index).copied().unwrap_or('\0');
    let starts =
        |index: usize, word: &str| word.chars().enumerate().all(|(i, c)| at(index + i) == c);
    let mut code = String::with_capacity(text.len());
    let mut index = 0;
    while index < source.len() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let inside_word = 0 < index && is_word(at(index - 1));
        let end = if starts(index, "//") {
            (index..).find(|i| matches!(at(*i), '\n' | '\0'))
        } else if starts(index, "/*") {
            let (mut depth, mut i) = (0, index);
            loop {
                match (at(i), at(i + 1)) {
                    ('/', '*') => (depth, i) = (depth + 1, i + 2),
                    ('*', '/') => (depth, i) = (depth - 1, i + 2),
                    _ => i += 1,
                }
                if depth == 0 || source.len() <= i {
                    break Some(i);
                }
            }
        } else if let Some(hashes) = raw_string(&source[index..]).filter(|_| !inside_word) {
            let close = format!("\"{}", "#".repeat(hashes));
            let open = (index..).find(|i| at(*i) == '"').unwrap_or(index);
            let found = (open + 1..source.len()).find(|i| starts(*i, &close));
            found.map(|i| i + close.len())
        } else if at(index) == '"' || (at(index) == '\'' && at(index + 1) == '\\') {
            let mut i = index + 1;
            while i < source.len() && at(i) != at(index) {
                i += if at(i) == '\\' { 2 } else { 1 };
            }
            Some(i + 1)
        } else if at(index) == '\'' && at(index + 2) == '\'' {
            Some(index + 3)
        } else {
            code.push(at(index));
            index += 1;
            continue;
        };
        let end = end.unwrap_or(source.len()).min(source.len());
        code.extend(
            source[index..end]
                .iter()
                .map(|c| if *c == '\n' { '\n' } else { ' ' }),
        );
        index = end;
    }
    code
}

/// How many hashes a raw string has that begins here.
fn raw_string(source: &[char]) -> Option<usize> {
    let rest = match source {
        ['b' | 'c', 'r', rest @ ..] | ['r', rest @ ..] => rest,
        _ => return None,
    };
    let hashes = rest.iter().take_while(|c| **c == '#').count();
    (rest.get(hashes) == Some(&'"')).then_some(hashes)
}

/// Blanked code without its items under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";

    let mut rest = code;
    let mut kept = String::new();
    while let Some((before, item)) = rest.split_once(MARK) {
        kept.push_str(before);
        let mut depth = 0;
        let end = item.char_indices().find(|(_, character)| {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => (),
            }
            depth == 0 && matches!(character, '}' | ';')
        });
        rest = end.map_or("", |(index, _)| &item[index + 1..]);
    }
    kept + rest
}

/// Names, numbers and lifetimes as a whole, `::` as one, other characters one by one.
fn words(code: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = match first {
            _ if rest.starts_with("::") => 2,
            '\'' => 1 + rest[1..].find(|c| !is_word(c)).unwrap_or(rest.len() - 1),
            _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (word, after) = rest.split_at(length);
        words.push(word);
        rest = after.trim_start();
    }
    words
}

/// All paths of blanked code, those of `use` trees written out.
fn paths(code: &str) -> Vec<String> {
    let words = words(code);
    let mut paths = Vec::new();
    let mut index = 0;
    while index < words.len() {
        if words[index] == "use" {
            index = read_use(&words, index + 1, "", &mut paths);
            continue;
        }
        let start = index;
        while words.get(index + 1) == Some(&"::") && is_name(words.get(index + 2)) {
            index += 2;
        }
        if start < index && is_name(words.get(start)) {
            paths.push(words[start..=index].concat());
        }
        index += 1;
    }
    paths
}

fn is_name(word: Option<&&str>) -> bool {
    word.is_some_and(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '_'))
}

/// Reads one branch of a `use` tree; returns where it ended.
fn read_use(words: &[&str], mut index: usize, prefix: &str, paths: &mut Vec<String>) -> usize {
    let mut path = prefix.to_owned();
    while let Some(word) = words.get(index) {
        match *word {
            "{" => {
                index += 1;
                while words.get(index).is_some_and(|word| *word != "}") {
                    let next = read_use(words, index, &path, paths);
                    // A comma ends a branch; anything else that stops it is not ours to read.
                    index = next.max(index + usize::from(next == index));
                    if words.get(index) == Some(&",") {
                        index += 1;
                    }
                }
                return index + 1;
            }
            "::" => index += 1,
            "as" => index += 2,
            name if name == "*" || is_name(Some(&name)) => {
                if !path.is_empty() {
                    path.push_str("::");
                }
                path.push_str(name);
                index += 1;
            }
            _ => break,
        }
    }
    paths.push(path);
    index
}

/// Whether `what` stands in `text` as whole words.
fn holds(text: &str, what: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(what).any(|(index, _)| {
        let before = text[..index].chars().next_back();
        let after = text[index + what.len()..].chars().next();
        let ends_in_word = what.ends_with(is_word);
        let goes_on = ends_in_word && after.is_some_and(is_word);
        !before.is_some_and(is_word) && !goes_on
    })
}
