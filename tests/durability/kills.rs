//! Two hundred players, rounds of a second, and a process that dies again and again.
//!
//! Whoever asks for the metrics and is told that no session is owed anything knows that every result
//! told before is committed. So after each death every player has at least what it was told before
//! the last such moment, and never more than it won. Nothing here is measured against the clock; the
//! times from a result to its commit are printed. The moments of the deaths are drawn by a fixed
//! seed; `LONG=1` dies fifty times.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::players::{Player, admin_of, metric};
use crate::support::process::{Server, command_by};
use crate::support::{Directory, PATIENCE};

const PLAYERS: usize = 200;
/// Not a signal: it runs out of memory.
const MEMORY: &str = "memory";

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
    // Whoever runs the tests by nohup(1) hands down that a hang-up is ignored.
    let mut command = command_by(&[
        "env",
        "--default-signal=HUP",
        "sh",
        "-c",
        "ulimit -c 0; exec \"$0\" \"$@\"",
    ]);
    command.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    command.args(["--store", store, "--max-per-address", "0"]);
    command.args(["--game-time", "1s", "--robot-after", "30s"]);
    command.args(["--drain-spread", "0"]);
    let mut server = Server::spawn(command);
    let (address, admin) = (server.address(), admin_of(&server));
    let later_ms = rng.u64(..2_500);
    let (greeted, heard) = (&AtomicUsize::new(0), &AtomicUsize::new(0));
    thread::scope(|scope| {
        for player in players.iter_mut() {
            let rng = rng.fork();
            scope.spawn(move || {
                let (line, total, streak) = player.enter(address);
                greeted.fetch_add(1, Ordering::Relaxed);
                player.check(safe, total, streak);
                player.play(line, rng, heard)
            });
        }
        let watcher = scope.spawn(move || watch(admin));
        // As many results as there are players, so that there is something to lose; then a moment of
        // chance.
        let until = Instant::now() + 4 * PATIENCE;
        let number = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        while number(greeted) < PLAYERS || number(heard) < PLAYERS {
            assert!(Instant::now() < until, "{greeted:?} greeted, {heard:?}");
            thread::sleep(Duration::from_millis(20));
        }
        thread::sleep(Duration::from_millis(later_ms));
        match signal {
            // The first one only ends the standard library's own handling of it, which looks for
            // overflows of the stack; one that comes while another waits is lost.
            "SEGV" => {
                while !server.ends_within(Duration::from_millis(50)) {
                    server.signal(signal);
                }
            }
            MEMORY => starve(&mut server),
            _ => server.signal(signal),
        }
        let exit = server.wait();
        assert_eq!(exit.code(), (signal == "HUP").then_some(0), "{signal}");
        watcher.join().expect("it only asks")
    })
}

/// Lets it have no more memory than it has, and come whoever wants to, until it is out of it.
fn starve(server: &mut Server) {
    let bytes = server.address_space_bytes();
    server.limit(&format!("--as={bytes}:{bytes}"));
    let mut crowd = Vec::new();
    while !server.ends_within(Duration::from_millis(10)) {
        for _ in 0..100 {
            if let Ok(mut stream) = TcpStream::connect(server.address()) {
                // It waits for the rest of this.
                let _ = stream.write_all(b"GET /applet/websocket HTTP/1.1\r\nHost: localhost\r\n");
                crowd.push(stream);
            }
        }
    }
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
    assert!(0 < kept, "there was something to lose");
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

#[test]
fn who_runs_out_of_memory_loses_no_more() {
    die_again_and_again(&[MEMORY]);
}
