//! What needs a process of its own: missing rights, mounts, a full disk, kills.
//!
//! The process is this very test program, which plays the [`Part`] that a variable names. Root is
//! refused nothing, so it is started without that privilege; mounts are made where nobody else sees
//! them, by root or, elsewhere, as root of a user namespace.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use roshambo::model::{Owner, Settle, StoreHealth, StoreOp, StoreReply, StoredProfile};
use roshambo::store::{Rest, Running};
use rusqlite::Connection;

use crate::ways::{Folder, open, refusal, try_open, win};

/// Far more than anything here takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(120);

const PART: &str = "STORE_TRIAL_PART";
const PLACE: &str = "STORE_TRIAL_PLACE";

/// What the child does.
#[test]
fn part() {
    let Some(part) = std::env::var_os(PART) else {
        // Nobody's child: it is told to do nothing.
        return;
    };
    let place = PathBuf::from(std::env::var_os(PLACE).expect("a place"));
    match part.to_str() {
        Some("refused") => println!("\nREFUSED {}", refusal(&place)),
        Some("full disk") => full_disk(&place),
        Some("settle for ever") => settle_for_ever(&place),
        _ => panic!("an unknown part: {part:?}"),
    }
}

/// This program in another part, started by `words`.
fn child(words: &[&str], part: &str, place: &Path) -> Command {
    let me = std::env::current_exe().expect("this program");
    let (first, rest) = words.split_first().expect("a program");
    let mut command = Command::new(first);
    command.args(rest);
    command.arg(me);
    command.args(["--exact", "trials::part", "--nocapture", "--test-threads=1"]);
    command.env(PART, part).env(PLACE, place);
    command
}

#[track_caller]
fn output(mut command: Command) -> String {
    let output = command.output().expect("it starts");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{command:?}: {text}");
    text
}

fn is_root() -> bool {
    fs::metadata("/proc/self").expect("a kernel").uid() == 0
}

/// The line with which a process is refused that may do no more than others.
#[track_caller]
fn refused_to_everybody(place: &Path) -> String {
    let words: &[&str] = match is_root() {
        true => &[
            "setpriv",
            "--bounding-set=-dac_override,-dac_read_search,-fowner",
            "--",
        ],
        false => &["env"],
    };
    let text = output(child(words, "refused", place));
    let line = text.lines().find_map(|line| line.strip_prefix("REFUSED "));
    line.unwrap_or_else(|| panic!("{text}")).to_owned()
}

/// A process behind mounts of its own, made by this line of a shell; `$0` is the place.
fn behind_mounts(mounts: &str, part: &str, place: &Path) -> Command {
    let script = format!("set -e; {mounts}; shift; exec \"$@\"");
    let place_text = place.to_str().expect("an ASCII path");
    let flags = if is_root() { "-m" } else { "-Urm" };
    child(
        &["unshare", flags, "sh", "-c", &script, place_text, "--"],
        part,
        place,
    )
}

#[test]
fn a_file_that_cannot_be_read_or_written_is_refused() {
    let folder = Folder::new();
    let path = folder.file("points.db");
    drop(open(&path));
    let before = fs::read(&path).expect("ours");
    for (mode, wanted) in [(0o000, "cannot be read"), (0o400, "cannot be written")] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("ours");
        let line = refused_to_everybody(&path);
        assert!(line.contains(wanted), "{mode:o}: {line}");
        let now = fs::metadata(&path).expect("ours").mode();
        assert_eq!(now & 0o777, mode, "what its owner forbids stays forbidden");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("ours");
        assert_eq!(fs::read(&path).expect("ours"), before);
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    let folder = Folder::new();
    let path = folder.file("points.db");
    let check = || {
        fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).expect("ours");
        let line = refused_to_everybody(&path);
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("ours");
        for wanted in ["cannot be written", "--store memory"] {
            assert!(line.contains(wanted), "{line}");
        }
    };
    check();
    // Where it worked before: with the lock of then, and without.
    drop(open(&path));
    check();
    fs::remove_file(folder.file("points.db.lock")).expect("ours");
    check();
}

#[test]
fn a_file_that_is_a_mount_is_refused() {
    let folder = Folder::new();
    let (path, real) = (folder.file("points.db"), folder.file("real.db"));
    drop(open(&real));
    fs::write(&path, "").expect("ours");
    let mount = format!("mount --bind {} \"$0\"", real.display());
    let text = output(behind_mounts(&mount, "refused", &path));
    for wanted in ["is a mount by itself", "mount its folder"] {
        assert!(text.contains(wanted), "{text}");
    }
}

#[test]
fn a_disk_that_only_gives_is_refused() {
    let folder = Folder::new();
    let path = folder.file("points.db");
    drop(open(&path));
    let mount = format!(
        "mount --bind {0} {0}; mount -o remount,bind,ro {0}",
        folder.path().display()
    );
    let text = output(behind_mounts(&mount, "refused", &path));
    for wanted in ["cannot be written", "Read-only", "--store memory"] {
        assert!(text.contains(wanted), "{text}");
    }
}

/// A running store, as the loop has it.
struct Store {
    orders: Sender<StoreOp>,
    replies: Receiver<StoreReply>,
    health: Arc<Mutex<StoreHealth>>,
    running: Running,
}

impl Store {
    fn start(path: &Path) -> Self {
        let opened = try_open(path).unwrap_or_else(|line| panic!("{line}"));
        let (orders, ordered) = channel();
        let (reply, replies) = channel();
        let health = Arc::new(Mutex::new(StoreHealth::default()));
        let told = move |answer| _ = reply.send(answer);
        let running = opened.start(
            ordered,
            told,
            Rest::default(),
            Arc::clone(&health),
            Instant::now(),
        );
        Self {
            orders,
            replies,
            health,
            running: running.expect("a thread"),
        }
    }

    fn settle(&self, settle: Settle) {
        let order = StoreOp::Settle(Box::new(settle));
        self.orders.send(order).expect("the store runs");
    }

    #[track_caller]
    fn next(&self) -> StoreReply {
        self.replies.recv_timeout(PATIENCE).expect("an answer")
    }

    fn health(&self) -> StoreHealth {
        self.health.lock().expect("nobody panicked").clone()
    }

    #[track_caller]
    fn finish(self) {
        drop(self.orders);
        assert_eq!(self.running.finish(PATIENCE), Ok(()));
    }
}

/// A session of some 600 bytes.
fn heavy(number: u64) -> Settle {
    let profile = StoredProfile {
        uid: format!("p-{number}"),
        uid_is_number: false,
        name: "x".repeat(64),
        avatar: "y".repeat(500),
    };
    Settle {
        profile: Some(profile),
        ..win(&format!("token {number}"), 1, 1, 1, 1)
    }
}

#[test]
fn a_full_disk_loses_nothing() {
    let folder = Folder::new();
    let path = folder.file("points.db");
    let mount = format!("mount -t tmpfs -o size=2m none {}", folder.path().display());
    let text = output(behind_mounts(&mount, "full disk", &path));
    assert!(text.contains("ALL IS THERE"), "{text}");
}

fn full_disk(path: &Path) {
    let store = Store::start(path);
    store.settle(heavy(0));
    assert!(matches!(store.next(), StoreReply::Settled { .. }));
    // Somebody else fills the disk, to the last page.
    let mut fillers = Vec::new();
    let mut bytes = vec![0_u8; 4 << 20];
    while !bytes.is_empty() {
        let filler = path.with_file_name(format!("filler{}", fillers.len()));
        if fs::write(&filler, &bytes).is_err() {
            bytes.truncate(bytes.len() / 2);
        }
        fillers.push(filler);
    }
    // What its log has room for is still written.
    let mut sent = 1;
    while store.health().trouble.is_none() {
        store.settle(heavy(sent));
        sent += 1;
        while store.health().committed < sent && store.health().trouble.is_none() {
            std::thread::yield_now();
        }
    }
    let trouble = store.health().trouble.expect("there is one");
    assert!(trouble.contains("the disk is full"), "{trouble}");
    for _ in 0..50 {
        store.settle(heavy(sent));
        sent += 1;
    }
    for filler in fillers {
        fs::remove_file(filler).expect("ours");
    }
    let mut told = Vec::new();
    let mut answered = 1;
    while answered < sent {
        match store.next() {
            StoreReply::Away(is_away) => told.push(is_away),
            StoreReply::Settled { .. } => answered += 1,
            other => panic!("{other:?}"),
        }
    }
    // It may have had room for a moment and lost it again.
    assert!(told.len() % 2 == 0 && 2 <= told.len(), "{told:?}");
    assert_eq!(store.health().committed, sent);
    store.finish();
    let connection = Connection::open(path).expect("ours");
    let count = "SELECT count(*) || ' ' || sum(points) FROM sessions";
    let found: String = connection
        .query_row(count, (), |row| row.get(0))
        .expect("ours");
    assert_eq!(found, format!("{sent} {sent}"));
    println!("ALL IS THERE");
}

/// Sessions of [`settle_for_ever`].
const SESSIONS: u64 = 30;

/// Takes all sessions, settles them in turn, and says now and then how many settles are committed.
fn settle_for_ever(path: &Path) {
    let store = Store::start(path);
    let me = u64::from(std::process::id());
    let token = |number| format!("token {number}");
    for number in 0..SESSIONS {
        let take = StoreOp::Take {
            token: token(number),
            owner: Owner(me),
        };
        store.orders.send(take).expect("the store runs");
    }
    let committed = || store.health().committed.saturating_sub(SESSIONS);
    for number in 0.. {
        let seq = number / SESSIONS + 1;
        store.settle(win(&token(number % SESSIONS), me, seq, 1, 1));
        if number % 7 == 0 {
            println!("\nCOMMITTED {}", committed());
        }
        while 500 < number.saturating_sub(committed()) {
            std::thread::yield_now();
        }
    }
}

/// A child, and the last number that it said.
struct Settling {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    committed: u64,
}

impl Settling {
    fn start(path: &Path) -> Self {
        let mut command = child(&["env"], "settle for ever", path);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let stdout = child.stdout.take().expect("it is piped");
        Self {
            child,
            lines: BufReader::new(stdout).lines(),
            committed: 0,
        }
    }

    /// Reads until it said so many times that something was committed.
    fn watch(&mut self, times: usize) {
        let mut left = times;
        while left != 0 {
            let line = self.lines.next().expect("it goes on").expect("text");
            if self.read(&line) && self.committed != 0 {
                left -= 1;
            }
        }
    }

    fn read(&mut self, line: &str) -> bool {
        let number = line
            .strip_prefix("COMMITTED ")
            .and_then(|rest| rest.parse().ok());
        self.committed = number.unwrap_or(self.committed);
        number.is_some()
    }

    /// Stops it, all of its threads, wherever they are.
    fn stop(&self) {
        self.signal("-STOP");
        let tasks = format!("/proc/{}/task", self.child.id());
        let is_stopped = |task: &Path| {
            let stat = fs::read_to_string(task.join("stat")).unwrap_or_default();
            // Behind the name, which is in brackets.
            stat.rsplit(") ")
                .next()
                .is_some_and(|rest| rest.starts_with('T'))
        };
        let are_stopped = || {
            let mut tasks = fs::read_dir(&tasks).expect("it lives");
            tasks.all(|task| is_stopped(&task.expect("it lives").path()))
        };
        while !are_stopped() {
            std::thread::yield_now();
        }
    }

    fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &process]).status();
        assert!(sent.expect("kill(1)").success());
    }

    /// Ends it at once, and returns what it said last.
    fn kill(mut self) -> u64 {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
        while let Some(Ok(line)) = self.lines.next() {
            self.read(&line);
        }
        self.committed
    }
}

/// All points of a file, of which those that its last owner won have come by one run of orders.
#[track_caller]
fn check_whole(path: &Path, before: u64) -> u64 {
    let connection = Connection::open(path).expect("ours");
    let text = |query: &str| -> String {
        connection
            .query_row(query, (), |row| row.get(0))
            .expect("a text")
    };
    assert_eq!(text("PRAGMA integrity_check"), "ok");
    // Sessions are settled in turn, so none is ahead of another by more than one.
    let spread = text("SELECT CAST(max(owner_seq) - min(owner_seq) AS TEXT) FROM sessions");
    assert!(spread == "0" || spread == "1", "{spread}");
    let owners = text("SELECT CAST(count(DISTINCT owner) AS TEXT) FROM sessions");
    assert_eq!(owners, "1");
    let sums = text("SELECT sum(points) || ' ' || sum(owner_seq) FROM sessions");
    let (points, won) = sums.split_once(' ').expect("two sums");
    let (points, won): (u64, u64) = (
        points.parse().expect("a number"),
        won.parse().expect("a number"),
    );
    // Each order is a point: none is missing in between, none counted twice.
    assert_eq!(points, before + won);
    points
}

/// Everything that was said to be committed is there, nothing twice; the next server goes on.
#[test]
fn a_kill_takes_back_nothing_that_was_committed() {
    let folder = Folder::new();
    let path = folder.file("points.db");
    let kills = match std::env::var_os("LONG") {
        Some(_) => 50,
        None => 5,
    };
    let mut before = 0;
    for kill in 0..kills {
        let mut settling = Settling::start(&path);
        settling.watch(20 + 37 * (kill % 5));
        let committed = settling.kill();
        let after = check_whole(&path, before);
        assert!(
            before + committed <= after,
            "{before} + {committed}: {after}"
        );
        before = after;
    }
}

/// A power cut, as far as it can be had: the files as they are at a moment.
#[test]
fn a_copy_of_file_and_log_is_whole_at_any_moment() {
    let folder = Folder::new();
    let path = folder.file("points.db");
    let mut settling = Settling::start(&path);
    for moment in 0..5 {
        settling.watch(20 + 53 * moment);
        settling.stop();
        let copy = folder.file(&format!("copy{moment}.db"));
        for ending in ["", "-wal"] {
            let beside = |path: &Path| format!("{}{ending}", path.display());
            fs::copy(beside(&path), beside(&copy)).expect("ours");
        }
        let committed = settling.committed;
        settling.signal("-CONT");
        let found = check_whole(&copy, 0);
        assert!(committed <= found, "{committed}: {found}");
        drop(open(&copy));
    }
    settling.kill();
}
