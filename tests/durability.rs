//! A point once told is never lost: two hundred players, rounds of a second, and a process that dies
//! again and again.
//!
//! Whoever asks for the metrics and is told that no session is owed anything knows that every result
//! told before is committed. So after each death every player has at least what it was told before
//! the last such moment, and never more than it won. Nothing here is measured against the clock; the
//! times from a result to its commit are printed. The moments of the deaths are drawn by a fixed
//! seed; `LONG=1` dies fifty times.

#[path = "support/mod.rs"]
mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::process::{Server, command_by};
use support::{BASE, Directory, PATIENCE};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

const PLAYERS: usize = 200;

/// One player over all lives of the server.
#[derive(Debug)]
struct Player {
    token: String,
    uid: String,
    /// What it was told, and when: total and streak. The first is what its `hi` said.
    told: Vec<(Instant, u64, u64)>,
}

/// Its connection in one life; errors are its end.
struct Line(WebSocket<TcpStream>);

impl Line {
    fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let request = format!("ws://localhost{BASE}").into_client_request();
        let opened = tungstenite::client(request.expect("a valid address"), stream);
        Self(opened.expect("it upgrades").0)
    }

    fn say(&mut self, text: &str) -> Option<()> {
        self.0.send(Message::text(text)).ok()
    }

    /// The next event of this name; `None` when the line is dead.
    fn until(&mut self, name: &str) -> Option<Value> {
        loop {
            if let Message::Text(text) = self.0.read().ok()? {
                let event: Value = serde_json::from_str(&text).expect("an event");
                if event[0] == name {
                    return Some(event[1].clone());
                }
            }
        }
    }
}

impl Player {
    fn new() -> Self {
        Self {
            token: String::new(),
            uid: String::new(),
            told: vec![(Instant::now(), 0, 0)],
        }
    }

    /// Says hello, and learns what it has.
    fn enter(&mut self, address: SocketAddr) -> (Line, u64, u64) {
        let mut line = Line::open(address);
        let session = match self.token.as_str() {
            "" => String::new(),
            token => format!(r#","session":"{token}""#),
        };
        let hello = format!(r#"["hello",{{"user":{{"uname":"P"}},"v":2{session}}}]"#);
        line.say(&hello).expect("a line");
        let hi = loop {
            let hi = line.until("hi").expect("it is greeted");
            // Under load the store may be late.
            if hi["pending"] != true {
                break hi;
            }
        };
        let text = |key: &str| hi[key].as_str().expect("a text").to_owned();
        let number = |key: &str| hi[key].as_u64().expect("a number");
        (self.token, self.uid) = (text("session"), text("uid"));
        (line, number("totalScore"), number("winStreak"))
    }

    /// Plays until the line is dead.
    fn play(&mut self, mut line: Line, mut rng: fastrand::Rng) -> Option<()> {
        loop {
            line.say(r#"["join"]"#)?;
            line.until("start")?;
            let choice = rng.u32(1..=3);
            line.say(&format!(r#"["choice",{{"choice":{choice}}}]"#))?;
            let result = line.until("result")?;
            let rows = result["result"].as_array().expect("two rows");
            let own = rows.iter().find(|row| row["uid"] == self.uid.as_str());
            let own = own.expect("its own row");
            let number = |key: &str| own[key].as_u64().expect("a number");
            let (total, streak) = (number("totalScore"), number("winStreak"));
            self.told.push((Instant::now(), total, streak));
        }
    }

    /// Holds what came back against what was told: at least all of before `safe`, and besides that
    /// only what it was told later, or the one result that the death kept from it.
    #[track_caller]
    fn check(&mut self, safe: Option<Instant>, total: u64, streak: u64) {
        let sure = |&&(at, ..): &&(Instant, u64, u64)| safe.is_some_and(|safe| at < safe);
        let least = self.told.iter().rev().find(sure).or(self.told.first());
        let &(_, least, _) = least.expect("its hi");
        let &(_, last, run) = self.told.last().expect("its hi");
        let mut possible = self.told.iter().map(|&(_, total, _)| total);
        let untold = last + run + 1;
        assert!(
            least <= total && (total == untold || possible.any(|told| told == total)),
            "{total} came back, at least {least} was committed: {:?}",
            self.told
        );
        self.told = vec![(Instant::now(), total, streak)];
    }
}

/// A figure of the server's; `None` when it is dead.
fn metric(admin: SocketAddr, name: &str) -> Option<u64> {
    let mut stream = TcpStream::connect(admin).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).ok()?;
    let mut page = String::new();
    stream.read_to_string(&mut page).ok()?;
    let mut lines = page.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.trim().parse().ok()
}

/// Where metrics are told.
fn admin_of(server: &Server) -> SocketAddr {
    let told = |line: &str| line.contains("metrics and status");
    let line = server.log().wait_for("the admin listener", told);
    let (_, place) = line.split_once("listening on ").expect("an address");
    let place = place.split(',').next().expect("an address");
    place.parse().expect("a TCP address")
}

/// When it was asked, and when it was answered, that nothing is owed.
type Quiet = (Instant, Instant);

/// Asks until the server is dead.
fn watch(admin: SocketAddr) -> Vec<Quiet> {
    let mut quiet = Vec::new();
    loop {
        let asked = Instant::now();
        match metric(admin, "roshambo_sessions_owed") {
            Some(0) => quiet.push((asked, Instant::now())),
            Some(_) => (),
            None => return quiet,
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// One life: everybody comes, is held to what it was told before `safe`, and plays; then the process
/// gets a signal. Returns the moments at which nothing was owed.
fn live(
    store: &str,
    players: &mut [Player],
    safe: Option<Instant>,
    signal: &str,
    rng: &mut fastrand::Rng,
) -> Vec<Quiet> {
    let mut command = command_by(&["sh", "-c", "ulimit -c 0; exec \"$0\" \"$@\""]);
    command.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    command.args(["--store", store, "--max-per-address", "0"]);
    command.args(["--game-time", "1s", "--robot-after", "30s"]);
    command.args(["--drain-spread", "0"]);
    let mut server = Server::spawn(command);
    let (address, admin) = (server.address(), admin_of(&server));
    let later_ms = rng.u64(..2_500);
    thread::scope(|scope| {
        for player in players.iter_mut() {
            let rng = rng.fork();
            scope.spawn(move || {
                let (line, total, streak) = player.enter(address);
                player.check(safe, total, streak);
                player.play(line, rng)
            });
        }
        let watcher = scope.spawn(move || watch(admin));
        // Some rounds of everybody's, so that there is something to lose; then a moment of chance.
        let enough = |count: u64| PLAYERS as u64 <= count;
        while !metric(admin, "roshambo_store_committed_total").is_some_and(enough) {
            thread::sleep(Duration::from_millis(20));
        }
        thread::sleep(Duration::from_millis(later_ms));
        server.signal(signal);
        if signal == "SEGV" {
            // The first one only ends the standard library's own handling of it, which looks for
            // overflows of the stack; one that comes while another waits is lost.
            while !server.ends_within(Duration::from_millis(50)) {
                server.signal(signal);
            }
        }
        let exit = server.wait();
        assert_eq!(exit.code(), (signal == "HUP").then_some(0), "{signal}");
        watcher.join().expect("it only asks")
    })
}

/// From each result to the first answer that owed nothing: an upper bound of the time to its commit.
fn lags_ms(players: &[Player], quiet: &[Quiet]) -> Vec<u128> {
    let told = players.iter().flat_map(|player| &player.told[1..]);
    let first = |at: Instant| quiet.iter().find(move |(asked, _)| at < *asked);
    let lag = |&(at, ..): &(Instant, u64, u64)| Some((first(at)?.1 - at).as_millis());
    told.filter_map(lag).collect()
}

fn die_again_and_again(signals: &[&str]) {
    let directory = Directory::new();
    let path = directory.file("roshambo.db");
    let store = path.to_str().expect("an ASCII path");
    let mut rng = fastrand::Rng::with_seed(13);
    let mut players: Vec<Player> = (0..PLAYERS).map(|_| Player::new()).collect();
    let mut safe = None;
    let mut lags = Vec::new();
    for (life, signal) in signals.iter().enumerate() {
        let quiet = live(store, &mut players, safe, signal, &mut rng);
        lags.extend(lags_ms(&players, &quiet));
        let results: usize = players.iter().map(|player| player.told.len() - 1).sum();
        println!("life {life}: {results} results told, then {signal}");
        // A drain ends when all that was told is committed.
        safe = match *signal {
            "HUP" => Some(Instant::now()),
            _ => Some(quiet.last().expect("a moment at which nothing was owed").0),
        };
    }
    let server = Server::start(&["--store", store, "--max-per-address", "0"]);
    let mut kept = 0;
    for player in &mut players {
        let (_, total, streak) = player.enter(server.address());
        player.check(safe, total, streak);
        kept += total;
    }
    assert!(PLAYERS as u64 <= kept, "there was something to lose");
    lags.sort_unstable();
    let at = |percent: usize| lags[(lags.len() - 1) * percent / 100];
    println!(
        "{} results, {kept} points; told to known as committed: half within {} ms, 99 of 100 within \
         {} ms, the longest {} ms",
        lags.len(),
        at(50),
        at(99),
        at(100)
    );
}

#[test]
fn what_was_committed_when_it_was_killed_is_there_and_nothing_twice() {
    let count = if std::env::var_os("LONG").is_some() {
        50
    } else {
        5
    };
    die_again_and_again(&vec!["KILL"; count]);
}

#[test]
fn a_fault_of_memory_and_a_terminal_that_closes_lose_no_more() {
    die_again_and_again(&["SEGV", "HUP"]);
}
