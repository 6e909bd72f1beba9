//! Players that keep what they were told over all lives of a server, and what it tells of its store.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::Value;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use crate::support::process::Server;
use crate::support::{BASE, PATIENCE};

/// One player over all lives of the server.
#[derive(Debug)]
pub(crate) struct Player {
    token: String,
    uid: String,
    /// What it was told, and when: total and streak. The first is what its `hi` said.
    pub(crate) told: Vec<(Instant, u64, u64)>,
}

/// Its connection in one life; errors are its end.
pub(crate) struct Line(WebSocket<TcpStream>);

impl Line {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let request = format!("ws://localhost{BASE}").into_client_request();
        let opened = tungstenite::client(request.expect("a valid address"), stream);
        Self(opened.expect("it upgrades").0)
    }

    pub(crate) fn say(&mut self, text: &str) -> Option<()> {
        self.0.send(Message::text(text)).ok()
    }

    /// The next event of this name; `None` when the line is dead.
    pub(crate) fn until(&mut self, name: &str) -> Option<Value> {
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
    pub(crate) fn new() -> Self {
        Self {
            token: String::new(),
            uid: String::new(),
            told: vec![(Instant::now(), 0, 0)],
        }
    }

    /// Says hello, and learns what it has.
    pub(crate) fn enter(&mut self, address: SocketAddr) -> (Line, u64, u64) {
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

    /// Plays until the line is dead; `heard` counts the results.
    pub(crate) fn play(
        &mut self,
        mut line: Line,
        mut rng: fastrand::Rng,
        heard: &AtomicUsize,
    ) -> Option<()> {
        loop {
            line.say(r#"["join"]"#)?;
            line.until("start")?;
            let choice = rng.u32(1..=3);
            line.say(&format!(r#"["choice",{{"choice":{choice}}}]"#))?;
            self.hear(&mut line)?;
            heard.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits for a result, and keeps what it tells.
    pub(crate) fn hear(&mut self, line: &mut Line) -> Option<()> {
        let result = line.until("result")?;
        let rows = result["result"].as_array().expect("two rows");
        let own = rows.iter().find(|row| row["uid"] == self.uid.as_str());
        let own = own.expect("its own row");
        let number = |key: &str| own[key].as_u64().expect("a number");
        let (total, streak) = (number("totalScore"), number("winStreak"));
        self.told.push((Instant::now(), total, streak));
        Some(())
    }

    /// Holds what came back against what was told: at least all of before `safe`, and besides that
    /// only what it was told later, or the one result that the death kept from it.
    #[track_caller]
    pub(crate) fn check(&mut self, safe: Option<Instant>, total: u64, streak: u64) {
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
pub(crate) fn metric(admin: SocketAddr, name: &str) -> Option<u64> {
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
pub(crate) fn admin_of(server: &Server) -> SocketAddr {
    let told = |line: &str| line.contains("metrics and status");
    let line = server.log().wait_for("the admin listener", told);
    let (_, place) = line.split_once("listening on ").expect("an address");
    let place = place.split(',').next().expect("an address");
    place.parse().expect("a TCP address")
}
