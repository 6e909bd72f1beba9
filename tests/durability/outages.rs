//! The disk goes away under a running server, and comes back: the game goes on, one line of the log,
//! `readyz` and the metrics say so, and what was won meanwhile is there in the end, for a process
//! that is killed as soon as nothing is owed any more.
//!
//! Disks are real where that can be had for a test alone: a small one of memory behind a mount of
//! the server's own, folders that are moved. What only hardware does is done by `strace`, which lets
//! a system call of the server fail as often as it is told.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::players::{Line, Player, admin_of, metric};
#[cfg(feature = "redis")]
use crate::relay::{Cut, Relay};
use crate::support::process::{Server, command_by};
#[cfg(feature = "redis")]
use crate::support::redis::Redis;
use crate::support::{Directory, http};

/// What is said once for each outage, and once when it is over.
const AWAY: &str = "the game goes on";
const BACK: &str = "the store works again";
const READY: (u16, &str) = (200, "ok\n");
const READY_AWAY: (u16, &str) = (200, "ok, but points wait to be written\n");

/// A server, and two who play each other.
struct Table {
    server: Server,
    admin: SocketAddr,
    players: [Player; 2],
    lines: [Line; 2],
}

impl Table {
    /// Behind `words`, such as a shell that mounts something.
    fn new(words: &[&str], path: &Path) -> Self {
        let mut command = match words {
            [] => crate::support::process::command(),
            words => command_by(words),
        };
        command.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        command.args(["--game-time", "1s", "--robot-after", "1m"]);
        command.arg("--store").arg(path);
        let server = Server::spawn(command);
        let mut players = [Player::new(), Player::new()];
        let lines = players.each_mut().map(|player| {
            let (line, total, streak) = player.enter(server.address());
            assert_eq!((total, streak), (0, 0));
            line
        });
        Self {
            admin: admin_of(&server),
            server,
            players,
            lines,
        }
    }

    /// A round, of which the first one wins and both are told.
    #[track_caller]
    fn play(&mut self) {
        for line in &mut self.lines {
            line.say(r#"["join"]"#).expect("the game goes on");
        }
        let choices = [2, 1];
        for (line, choice) in self.lines.iter_mut().zip(choices) {
            line.until("start").expect("the game goes on");
            let choice = format!(r#"["choice",{{"choice":{choice}}}]"#);
            line.say(&choice).expect("the game goes on");
        }
        for (line, player) in self.lines.iter_mut().zip(&mut self.players) {
            player.hear(line).expect("the game goes on");
        }
    }

    /// Waits until all that was told is committed.
    #[track_caller]
    fn settle(&self) {
        self.wait("roshambo_sessions_owed", 0);
    }

    #[track_caller]
    fn wait(&self, name: &str, wanted: u64) {
        let until = std::time::Instant::now() + crate::support::PATIENCE;
        loop {
            let now = metric(self.admin, name).expect("it runs");
            if now == wanted {
                return;
            }
            assert!(std::time::Instant::now() < until, "{name} stays {now}");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// What it says while the disk is away, after a round that could not be written.
    #[track_caller]
    fn check_away(&self, why: &str) {
        let away = |line: &str| line.contains(AWAY) && line.contains(why);
        self.server.log().wait_for(why, away);
        self.wait("roshambo_store_up", 0);
        self.check_ready(READY_AWAY);
        // Both: who lost has no total yet, and owes nothing.
        self.wait("roshambo_sessions_owed", 1);
    }

    /// It was noticed that less is there than was written.
    #[cfg(feature = "redis")]
    fn check_lost(&self) {
        let lost = |line: &str| line.contains("has lost some of what it had");
        self.server.log().wait_for("what was lost", lost);
    }

    #[track_caller]
    fn check_ready(&self, wanted: (u16, &str)) {
        let answer = http::get(self.server.address(), "/readyz");
        assert_eq!((answer.status, answer.text()), wanted);
    }

    /// The disk is back: all is written, and outlives a kill at once.
    #[track_caller]
    fn check_back(self, path: &Path) {
        let back = |line: &str| line.contains(BACK);
        self.server.log().wait_for(BACK, back);
        self.settle();
        self.wait("roshambo_store_up", 1);
        self.check_ready(READY);
        // Once for each outage, of which the last one may have begun after the first was over.
        let said = |words: &str| {
            let lines = self.server.log().text();
            lines.lines().filter(|line| line.contains(words)).count()
        };
        let until = std::time::Instant::now() + crate::support::PATIENCE;
        while said(AWAY) != said(BACK) && std::time::Instant::now() < until {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(said(AWAY), said(BACK), "{}", self.server.log().text());
        self.check_kept(path);
    }

    /// All that was told outlives a kill.
    #[track_caller]
    fn check_kept(mut self, path: &Path) {
        self.server.signal("KILL");
        let Self { server, .. } = self;
        server.wait();
        let server = Server::start(&["--store", path.to_str().expect("ASCII")]);
        for player in &mut self.players {
            let &(_, told, run) = player.told.last().expect("its hi");
            let (_, total, streak) = player.enter(server.address());
            assert_eq!((total, streak), (told, run), "what it was told last");
        }
    }
}

/// A folder of the store's own, so that it can go.
fn folder(directory: &Directory) -> (PathBuf, PathBuf) {
    let folder = directory.file("points");
    fs::create_dir(&folder).expect("ours");
    let path = folder.join("roshambo.db");
    (folder, path)
}

/// The folder goes away as `take` does it, and comes back as `give` does.
#[track_caller]
fn check_folder(why: &str, take: impl Fn(&Path, &Path), give: impl Fn(&Path, &Path)) {
    let directory = Directory::new();
    let (folder, path) = folder(&directory);
    let mut table = Table::new(&[], &path);
    table.play();
    table.settle();
    table.check_ready(READY);
    take(&folder, &path);
    for _ in 0..3 {
        table.play();
    }
    table.check_away(why);
    give(&folder, &path);
    table.play();
    table.check_back(&path);
}

#[test]
fn a_folder_that_is_moved_away_and_back() {
    let aside = |folder: &Path| folder.with_file_name("aside");
    check_folder(
        "is not the file any more",
        |folder, _| fs::rename(folder, aside(folder)).expect("ours"),
        |folder, _| fs::rename(aside(folder), folder).expect("ours"),
    );
}

#[test]
fn a_folder_that_is_deleted_with_all_that_is_in_it() {
    check_folder(
        "was deleted and cannot be written anew",
        |folder, _| fs::remove_dir_all(folder).expect("ours"),
        |folder, _| fs::create_dir(folder).expect("ours"),
    );
}

#[test]
fn a_file_that_another_one_is_laid_upon() {
    let directory = Directory::new();
    let other = directory.file("other.db");
    drop(Server::start(&["--store", other.to_str().expect("ASCII")]));
    check_folder(
        "another file lies in its place",
        |_, path| fs::rename(&other, path).expect("ours"),
        |_, path| fs::rename(path, &other).expect("ours"),
    );
}

#[test]
fn a_disk_that_is_full() {
    let directory = Directory::new();
    let (folder, path) = folder(&directory);
    let mount = r#"set -e; mount -t tmpfs -o size=1m none "$0"; exec "$@""#;
    // As root of a user namespace, where the test's user is none.
    let is_root = fs::metadata("/proc/self").map(|me| std::os::unix::fs::MetadataExt::uid(&me));
    let flags = if is_root.expect("a kernel") == 0 {
        "-m"
    } else {
        "-Urm"
    };
    let place = folder.to_str().expect("ASCII");
    let mut table = Table::new(&["unshare", flags, "sh", "-c", mount, place], &path);
    // What lies behind its mounts.
    let root = PathBuf::from(format!("/proc/{}/root", table.server.pid()));
    let seen = |path: &Path| root.join(path.strip_prefix("/").expect("absolute"));
    table.play();
    table.settle();
    let filler = seen(&folder.join("filler"));
    let mut bytes = vec![0_u8; 1 << 20];
    let mut fillers = 0;
    while !bytes.is_empty() {
        let name = filler.with_extension(fillers.to_string());
        if fs::write(name, &bytes).is_err() {
            bytes.truncate(bytes.len() / 2);
        }
        fillers += 1;
    }
    // Its log may have room for a few more.
    while metric(table.admin, "roshambo_store_up") == Some(1) {
        table.play();
    }
    table.play();
    table.check_away("the disk is full");
    for number in 0..fillers {
        fs::remove_file(filler.with_extension(number.to_string())).expect("ours");
    }
    table.play();
    // The disk goes with the last process that sees it: a copy of the files is what was on it.
    let copy = directory.file("copy.db");
    table.settle();
    for ending in ["", "-wal"] {
        let beside = |path: &Path| PathBuf::from(format!("{}{ending}", path.display()));
        fs::copy(seen(&beside(&path)), beside(&copy)).expect("ours");
    }
    table.check_back(&copy);
}

/// Some system calls of the thread that writes fail, `which` of them: after those that open the file,
/// which each thread counts for itself.
#[track_caller]
fn check_calls(calls: &str, which: &str, error: &str) {
    let directory = Directory::new();
    let path = directory.file("roshambo.db");
    // A file that is there: what begins it shall work.
    drop(Server::start(&["--store", path.to_str().expect("ASCII")]));
    let trace = format!("trace={calls}");
    let inject = format!("inject={calls}:error={error}:when={which}");
    // The tracer is the server's child, so that the server is ours.
    let words = [
        "strace",
        "-D",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &trace,
        "-e",
        &inject,
    ];
    let mut table = Table::new(&words, &path);
    let log = table.server.log().clone();
    while !log.text().contains(BACK) {
        table.play();
    }
    assert!(log.text().contains("the disk fails"), "{}", log.text());
    table.play();
    table.check_back(&path);
}

#[test]
fn a_disk_whose_syncs_fail() {
    check_calls("fsync,fdatasync", "5..12", "EIO");
}

#[test]
fn a_disk_that_fails_to_write() {
    check_calls("pwrite64", "30..37", "EIO");
}

#[test]
fn a_disk_that_has_become_read_only() {
    check_calls("pwrite64", "30..37", "EROFS");
}

/// Whoever runs these tests has what they need.
#[test]
fn the_tools_of_these_tests_are_there() {
    for (tool, package) in [("strace", "strace"), ("unshare", "util-linux")] {
        let there = Command::new(tool).arg("--version").output();
        assert!(there.is_ok(), "{tool} is missing: install {package}");
    }
}

/// A Redis that is taken away and given back; `url` is what it is after all that.
#[cfg(feature = "redis")]
#[track_caller]
fn check_redis(mut redis: Redis, outages: &[Outage]) {
    let url = redis.url(0);
    let mut table = Table::new(&[], Path::new(&url));
    for (take, give, why) in outages {
        table.play();
        table.settle();
        table.check_ready(READY);
        take(&mut redis);
        table.play();
        table.check_away(why);
        give(&mut redis);
        table.play();
        table.settle();
    }
    table.check_back(Path::new(&url));
}

/// How it is taken away, how it is given back, and what is said of it.
#[cfg(feature = "redis")]
type Outage<'a> = (&'a dyn Fn(&mut Redis), &'a dyn Fn(&mut Redis), &'a str);

#[cfg(feature = "redis")]
#[test]
fn a_redis_that_is_killed_and_one_that_is_frozen() {
    let durable = ["--appendonly", "yes", "--appendfsync", "always"];
    check_redis(
        Redis::start(&durable),
        &[
            (&Redis::kill, &Redis::restart, "cannot be reached"),
            (
                &|redis| redis.signal("STOP"),
                &|redis| redis.signal("CONT"),
                "does not answer within 1 s",
            ),
        ],
    );
}

#[cfg(feature = "redis")]
#[test]
fn a_redis_without_memory_and_one_whose_password_is_another() {
    check_redis(
        Redis::start(&[]),
        &[
            (
                &|redis| _ = redis.say("CONFIG SET maxmemory 1kb"),
                &|redis| _ = redis.say("CONFIG SET maxmemory 0"),
                "has no memory left",
            ),
            (
                &|redis| {
                    redis.say("CONFIG SET requirepass secret\r\nCLIENT KILL TYPE normal");
                },
                &|redis| _ = redis.say("AUTH secret\r\nCONFIG SET requirepass \"\""),
                "wants a password",
            ),
        ],
    );
}

/// Nothing that it had comes back, and players have all that they were told.
#[cfg(feature = "redis")]
#[test]
fn a_redis_that_is_emptied_and_one_that_restarts_without_what_it_had() {
    let mut redis = Redis::start(&[]);
    let url = redis.url(0);
    let mut table = Table::new(&[], Path::new(&url));
    table.play();
    table.settle();
    redis.say("FLUSHALL");
    table.play();
    table.settle();
    assert_eq!(redis.say("HGETALL roshambo:weeks"), "");
    redis.kill();
    table.play();
    table.check_away("cannot be reached");
    redis.restart();
    table.check_lost();
    table.check_back(Path::new(&url));
}

/// The network passes nothing for a while, or no answers, and nothing is closed.
#[cfg(feature = "redis")]
#[test]
fn a_redis_behind_a_network_that_is_cut() {
    let redis = Redis::start(&[]);
    let relay = Relay::new(redis.socket());
    let url = relay.url();
    let mut table = Table::new(&[], Path::new(&url));
    for cut in [Cut::Everything, Cut::Answers] {
        table.play();
        table.settle();
        table.check_ready(READY);
        relay.cut(cut);
        table.play();
        table.check_away("does not answer within 1 s");
        table.play();
        relay.cut(Cut::Nothing);
        table.play();
        table.settle();
    }
    table.check_back(Path::new(&url));
}

/// A replica takes over that had not heard the last round: it is told again.
#[cfg(feature = "redis")]
#[test]
fn a_redis_whose_replica_takes_over_without_the_last_moments() {
    // A port that was free a moment ago; another one if it is not any more.
    let (mut first, port) = (0..9)
        .find_map(|_| {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").ok()?;
            let port = listener.local_addr().ok()?.port().to_string();
            drop(listener);
            Some((Redis::try_start(&["--port", &port])?, port))
        })
        .expect("a free port");
    let replica = Redis::start(&["--replicaof", "127.0.0.1", &port]);
    let relay = Relay::new(first.socket());
    let url = relay.url();
    let mut table = Table::new(&[], Path::new(&url));
    table.play();
    table.settle();
    let heard = first.say("WAIT 1 60000");
    assert_eq!(heard, "1", "the replica hears it");
    assert_eq!(replica.say("REPLICAOF NO ONE"), "OK");
    table.play();
    table.settle();
    first.kill();
    relay.lead(replica.socket());
    table.play();
    table.check_lost();
    table.settle();
    table.check_kept(Path::new(&url));
}

/// The power fails: what Redis wrote in the last moments never reached the disk.
#[cfg(feature = "redis")]
#[test]
fn a_redis_whose_machine_loses_power() {
    let mut redis = Redis::start(&["--appendonly", "yes"]);
    let url = redis.url(0);
    let mut table = Table::new(&[], Path::new(&url));
    table.play();
    table.settle();
    let files = redis.folder().join("appendonlydir");
    let aside = redis.folder().join("aside");
    copy(&files, &aside);
    table.play();
    table.settle();
    redis.kill();
    fs::remove_dir_all(&files).expect("ours");
    fs::rename(&aside, &files).expect("ours");
    table.play();
    table.check_away("cannot be reached");
    redis.restart();
    table.check_lost();
    table.check_back(Path::new(&url));
}

#[cfg(feature = "redis")]
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("ours");
    for file in fs::read_dir(from).expect("ours") {
        let file = file.expect("ours");
        fs::copy(file.path(), to.join(file.file_name())).expect("ours");
    }
}

/// What it cannot write any more it says last.
#[cfg(feature = "redis")]
#[test]
fn a_redis_that_is_away_when_the_server_is_ended_in_order() {
    let mut redis = Redis::start(&[]);
    let url = redis.url(0);
    let mut table = Table::new(&[], Path::new(&url));
    table.play();
    table.settle();
    redis.kill();
    table.play();
    table.check_away("cannot be reached");
    table.server.signal("TERM");
    let log = table.server.log().clone();
    let exit = table.server.wait();
    assert_eq!(exit.code(), Some(1), "{}", log.text());
    let text = log.text();
    let last = text.lines().last().unwrap_or_default();
    assert!(
        last.contains("1 results could not be written and are lost"),
        "{text}"
    );
}
