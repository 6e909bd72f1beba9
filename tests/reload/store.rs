//! A reload while the store is slow, or away: what it has not written travels along.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::Connection;

use crate::place::{Place, reload, reload_process};
#[cfg(feature = "redis")]
use crate::support::PATIENCE;
use crate::support::client::{Client, Dialect, Hi};
use crate::support::process::Server;

/// Two who play rounds of a second, of which the first one wins.
struct Table {
    ann: (Client, Hi),
    bob: (Client, Hi),
    won: u64,
}

impl Table {
    fn new(server: &Server) -> Self {
        let [ann, bob] =
            ["Ann", "Bob"].map(|name| Client::v2(server.address(), Dialect::Plain, name));
        Self { ann, bob, won: 0 }
    }

    #[track_caller]
    fn play(&mut self) {
        let choices = [2, 1];
        for (client, _) in [&mut self.ann, &mut self.bob] {
            client.send(r#"["join"]"#);
        }
        for ((client, _), choice) in [&mut self.ann, &mut self.bob].into_iter().zip(choices) {
            client.until("start");
            client.send(&format!(r#"["choice",{{"choice":{choice}}}]"#));
        }
        let (client, hi) = &mut self.ann;
        let (score, total, ..) = client.result_of(&hi.uid);
        self.bob.0.until("result");
        self.won += score;
        assert_eq!(total, self.won);
    }

    /// A process that has nothing but the store knows the points.
    #[track_caller]
    fn check_kept(self, server: Server, place: &str) {
        drop(self.bob);
        self.ann.0.leave();
        server.signal("TERM");
        let exit = server.wait();
        assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
        let server = Server::start(&["--store", place]);
        let token = &self.ann.1.session;
        let (_, hi) = Client::resume(server.address(), Dialect::Plain, token);
        assert_eq!(hi.total, self.won);
    }
}

/// A server with a store in a folder that can be moved, and two who have played once.
fn start(place: &Place) -> (Server, PathBuf, Table) {
    let path = PathBuf::from(place.store());
    let folder = path.with_file_name("points");
    fs::create_dir(&folder).expect("ours");
    let path = folder.join("roshambo.db");
    let store = path.to_str().expect("ASCII");
    let flags = [
        "--game-time",
        "1s",
        "--robot-after",
        "60s",
        "--store",
        store,
    ];
    let server = place.start(&flags);
    let mut table = Table::new(&server);
    table.play();
    (server, path, table)
}

const AWAY: &str = "the game goes on";
const BACK: &str = "the store works again";

#[test]
fn what_a_store_that_is_away_has_not_written_is_written_by_the_next_program() {
    let place = Place::new();
    let (server, path, mut table) = start(&place);
    let folder = path.parent().expect("a folder");
    let aside = folder.with_file_name("aside");
    fs::rename(folder, &aside).expect("ours");
    table.play();
    server.log().wait_for(AWAY, |line| line.contains(AWAY));
    // Twice: what was carried is carried on.
    for _ in 0..2 {
        let exit = reload(&server, &[]);
        assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
        table.play();
    }
    fs::rename(&aside, folder).expect("ours");
    server.log().wait_for(BACK, |line| line.contains(BACK));
    table.check_kept(server, path.to_str().expect("ASCII"));
}

#[test]
fn a_store_that_is_slow_is_waited_for_and_what_it_does_not_take_travels_along() {
    let place = Place::new();
    let (server, path, mut table) = start(&place);
    let other = Connection::open(&path).expect("a file of SQLite");
    let process = server.pid();
    for holds in [Duration::from_millis(300), Duration::MAX] {
        other
            .execute_batch("BEGIN IMMEDIATE")
            .expect("nobody writes");
        table.play();
        std::thread::scope(|scope| {
            let asks = scope.spawn(move || reload_process(process, &[]));
            if holds < Duration::MAX {
                std::thread::sleep(holds);
                other.execute_batch("COMMIT").expect("it was begun");
            }
            let mut exit = asks.join().expect("it ends");
            // On a machine that is busy it takes a try or two: one that is refused changes nothing.
            for _ in 0..3 {
                if exit.stderr.contains("the store does not come to rest") {
                    exit = reload_process(process, &[]);
                }
            }
            assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
        });
        table.play();
    }
    other.execute_batch("COMMIT").expect("it was begun");
    drop(other);
    table.check_kept(server, path.to_str().expect("ASCII"));
}

/// Only who has it open can write it anew.
#[test]
fn a_file_that_was_deleted_is_not_let_go() {
    let place = Place::new();
    let (server, path, mut table) = start(&place);
    let folder = path.parent().expect("a folder");
    fs::remove_dir_all(folder).expect("ours");
    table.play();
    let exit = reload(&server, &[]);
    assert_eq!(exit.code(), Some(1), "{}", exit.stdout);
    let why = "the store cannot be handed over just now";
    assert!(exit.stderr.contains(why), "{}", exit.stderr);
    table.play();
    fs::create_dir(folder).expect("ours");
    server.log().wait_for(BACK, |line| line.contains(BACK));
    let exit = reload(&server, &[]);
    assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
    table.play();
    table.check_kept(server, path.to_str().expect("ASCII"));
}

/// What Redis has lost the next program finds out, also if that was just before it began.
#[cfg(feature = "redis")]
#[test]
fn a_redis_that_was_emptied_is_told_again_by_the_next_program() {
    let place = Place::new();
    let redis = crate::support::redis::Redis::start(&[]);
    let url = redis.url(0);
    let flags = ["--game-time", "1s", "--robot-after", "60s", "--store", &url];
    let server = place.start(&flags);
    let (mut first, mut second) = (Table::new(&server), Table::new(&server));
    first.play();
    let until = std::time::Instant::now() + PATIENCE;
    while redis.say("KEYS *session:*").is_empty() {
        assert!(std::time::Instant::now() < until, "nothing is written");
        std::thread::sleep(Duration::from_millis(10));
    }
    redis.say("FLUSHALL");
    let exit = reload(&server, &[]);
    assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
    // Others win something.
    second.play();
    drop(second);
    first.check_kept(server, &url);
}
