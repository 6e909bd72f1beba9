//! A server under attack, two players on it who must not notice, and what it must not lose.

use std::net::SocketAddr;
use std::time::Instant;

#[cfg(feature = "tls")]
use crate::secure::{self, Relay};
use crate::support::PATIENCE;
use crate::support::bystanders::Bystanders;
use crate::support::client::Dialect;
use crate::support::process::{Exit, Server};
use crate::support::raw::Raw;

/// A server, two bystanders in a round, and how many descriptors that takes.
#[derive(Debug)]
pub(crate) struct Ground {
    server: Server,
    bystanders: Bystanders,
    descriptors: usize,
    /// What stands between, if that is TLS.
    #[cfg(feature = "tls")]
    relay: Option<Relay>,
}

/// Rounds of two seconds, no robots, no limits of rate; what lingers does not do so for long.
const FLAGS: [&str; 10] = [
    "--game-time",
    "2s",
    "--robot-after",
    "60s",
    "--relay-interval",
    "0",
    "--rate-limit",
    "0",
    "--linger",
    "300ms",
];

impl Ground {
    /// Starts a server with these flags too, and a round on it.
    pub(crate) fn start(flags: &[&str]) -> Self {
        #[cfg(feature = "tls")]
        if secure::is_on() {
            return Self::behind(Relay::new(), flags);
        }
        Self::on(Server::start(&[&FLAGS, flags].concat()))
    }

    /// The same, attacked by TLS.
    #[cfg(feature = "tls")]
    fn behind(mut relay: Relay, flags: &[&str]) -> Self {
        let own = relay.flags();
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let server = Server::start(&[&FLAGS, flags, &own].concat());
        relay.open(&server);
        let relay = Some(relay);
        let plain = Self::on(server);
        Self { relay, ..plain }
    }

    /// Starts a round on a server.
    pub(crate) fn on(server: Server) -> Self {
        let bystanders = Bystanders::start(server.address());
        let descriptors = server.descriptors();
        Self {
            server,
            bystanders,
            descriptors,
            #[cfg(feature = "tls")]
            relay: None,
        }
    }

    /// The server.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// Where to attack.
    pub(crate) fn address(&self) -> SocketAddr {
        #[cfg(feature = "tls")]
        if let Some(relay) = &self.relay {
            return relay.place();
        }
        self.server.address()
    }

    /// The bystanders' round goes on.
    #[track_caller]
    pub(crate) fn check(&mut self) {
        self.bystanders.check();
    }

    /// Waits until nothing is open but what was at the beginning, while the bystanders play on.
    #[track_caller]
    pub(crate) fn settle(&mut self) {
        let until = Instant::now() + PATIENCE;
        while self.server.descriptors() != self.descriptors {
            let open = self.server.descriptors();
            let at_first = self.descriptors;
            assert!(
                Instant::now() < until,
                "{open} descriptors, {at_first} at first"
            );
            self.bystanders.check();
        }
    }

    /// The attack is over: no descriptor is lost, the bystanders' round ends with the right result,
    /// and the server stops in order when it is asked to.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Exit {
        self.settle();
        #[cfg(feature = "tls")]
        if let Some(relay) = &self.relay {
            assert!(0 < relay.carried(), "nothing went by TLS");
        }
        self.bystanders.finish();
        self.server.signal("TERM");
        let exit = self.server.wait();
        assert_eq!(exit.code(), Some(0), "{}", exit.stderr);
        assert!(!exit.stderr.contains("panicked"), "{}", exit.stderr);
        check_balance(&exit.stderr);
        exit
    }
}

/// What the last lines of the log count: every connection ended, once, and nobody is left but
/// players who may still come back.
#[track_caller]
fn check_balance(log: &str) {
    let line = |what: &str| {
        let line = log.lines().find(|line| line.contains(what));
        line.unwrap_or_else(|| panic!("no {what:?} in {log}"))
    };
    let opened = before(line("stopped after"), "connections");
    let ended = log.lines().filter(|line| is_end(line)).count();
    assert_eq!(opened, ended, "connections opened and ended: {log}");
    let left = line("left behind");
    let [players, rooms, sessions, timers] =
        ["players", "rooms", "sessions", "timers"].map(|word| before(left, word));
    // The bystanders may come back to their room, and whoever was cut off while it waited.
    assert!(players == sessions && rooms <= 2, "{left}");
    // However many came and went: one for each player or room that there was at a time.
    assert!(timers <= players + 8, "{left}");
    assert!(!log.contains("connections were cut"), "{log}");
}

/// The one line for every connection: its number comes first, its reason last.
fn is_end(line: &str) -> bool {
    let mut words = line.split(' ').skip_while(|word| !word.starts_with('#'));
    let number = words.next().and_then(|word| word.strip_prefix('#'));
    number.is_some_and(|number| number.parse::<u64>().is_ok()) && line.contains(": ")
}

/// The number before a word.
#[track_caller]
fn before(line: &str, word: &str) -> usize {
    let number = line.split_once(&format!(" {word}"));
    let number = number.and_then(|(start, _)| start.rsplit(' ').next()?.parse().ok());
    number.unwrap_or_else(|| panic!("no {word} in {line}"))
}

/// Connects and does the dialect's opening, in bytes.
pub(crate) fn open(address: SocketAddr, dialect: Dialect) -> Raw {
    let mut raw = Raw::open(address, &dialect.target());
    if dialect != Dialect::Plain {
        assert!(raw.text().starts_with("0{"));
        if dialect == Dialect::Eio4 {
            raw.say("40");
        }
        assert!(raw.text().starts_with("40"));
    }
    raw
}

/// The three dialects.
pub(crate) const DIALECTS: [Dialect; 3] = [Dialect::Plain, Dialect::Eio3, Dialect::Eio4];
