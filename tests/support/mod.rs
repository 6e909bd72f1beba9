//! Real sockets for tests: the built binary as a child, and clients that never wait for ever.
//!
//! `process` starts the server and reads its log, `client` plays in the three dialects through
//! tungstenite, `raw` speaks bytes, `http` asks plain requests. A binary of tests takes all of it:
//! `#[path = "../support/mod.rs"] mod support;`. Every wait here ends after [`PATIENCE`], so a test
//! ends by itself; none is ended by the clock alone, so a busy machine only makes it slower.

#![allow(dead_code, reason = "each binary of tests uses its own part")]

pub(crate) mod bystanders;
pub(crate) mod client;
pub(crate) mod http;
pub(crate) mod process;
pub(crate) mod raw;
pub(crate) mod redis;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long anything that is due at once may take: a machine that is busy with other things is no
/// failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The address that every client uses unless `--base-path` says otherwise.
pub(crate) const BASE: &str = "/applet/websocket";

/// Runs cases that mostly wait, each in a thread of its own; one that fails fails the test.
pub(crate) fn side_by_side<T: Send>(cases: impl IntoIterator<Item = T>, run: impl Fn(T) + Sync) {
    std::thread::scope(|scope| {
        for case in cases {
            let run = &run;
            scope.spawn(move || run(case));
        }
    });
}

/// A directory of a test's own; it goes with the value.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    /// Creates one that nobody else has.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // Short: a unix socket's path has room for about a hundred bytes.
        let name = format!("roshambo-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a writable place for temporary files");
        Self(path)
    }

    /// Where a file of this name would be.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The names of the files in it, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).expect("the directory is there");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
