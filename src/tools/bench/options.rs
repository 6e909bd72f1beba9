//! The command line of `roshambo bench`, and the address it goes to.
//!
//! Absent: sockets; a host's name is looked up by whoever connects.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Sockets that said hello and nothing more.
    Idle,
    /// Faces at a fixed rate.
    Relay,
    /// As many faces as a window of unanswered ones allows.
    Flood,
    /// Whole games.
    Games,
    /// Connections that come and go.
    Churn,
}

impl Mode {
    /// In the order they run when none is named.
    pub(super) const ALL: [Self; 5] = [
        Self::Idle,
        Self::Relay,
        Self::Flood,
        Self::Games,
        Self::Churn,
    ];

    /// How many sockets, players, or connections at a time it takes, if not told otherwise.
    fn default_count(self) -> usize {
        match self {
            Self::Idle => 1_000,
            Self::Relay | Self::Flood | Self::Games => 200,
            Self::Churn => 16,
        }
    }

    /// As it is typed.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Relay => "relay",
            Self::Flood => "flood",
            Self::Games => "games",
            Self::Churn => "churn",
        }
    }
}

/// What the clients speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// JSON events as they are.
    Plain,
    /// Socket.IO over Engine.IO protocol 3.
    Eio3,
    /// Socket.IO over Engine.IO protocol 4.
    Eio4,
}

impl Dialect {
    const ALL: [Self; 3] = [Self::Plain, Self::Eio3, Self::Eio4];

    /// As it is typed.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Eio3 => "eio3",
            Self::Eio4 => "eio4",
        }
    }

    /// What stands before an event's JSON text.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Eio3 | Self::Eio4 => "42",
        }
    }
}

/// `ws://HOST:PORT/PATH`, `wss://`, or the path of a unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// A name or an address, without brackets.
    pub(super) host: String,
    /// It is `wss://`.
    pub(super) secure: bool,
    /// 80 where none is given, or 443.
    pub(super) port: u16,
    /// With query; what a request asks for.
    pub(super) path: String,
    /// The socket's file; host and port only stand in the request then.
    pub(super) unix: Option<PathBuf>,
}

/// A whole command line.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// As it was typed, for the report.
    pub(super) url: String,
    /// The server, with the dialect's path.
    pub(super) address: Address,
    /// What to measure, in this order.
    pub(super) modes: Vec<Mode>,
    /// What all clients speak.
    pub(super) dialect: Dialect,
    /// All clients say `"v":2` in their hello.
    pub(super) v2: bool,
    /// Sockets or players; every mode has its own default.
    pub(super) count: Option<usize>,
    /// `relay`: faces per second, all players together.
    pub(super) rate: u32,
    /// `flood`: faces in flight per player.
    pub(super) window: u32,
    /// `relay`, `flood`: sockets that keep still beside the players.
    pub(super) beside: usize,
    /// How long a mode measures; not how long it prepares.
    pub(super) time: Duration,
    /// The server's process on this machine.
    pub(super) pid: Option<u32>,
    /// One JSON object instead of the table.
    pub(super) json: bool,
    /// No progress.
    pub(super) quiet: bool,
    /// `wss://`: whatever certificate is shown is believed.
    pub(super) insecure: bool,
}

impl Options {
    /// How many sockets, players, or connections at a time a mode takes.
    pub(super) fn count_for(&self, mode: Mode) -> usize {
        self.count.unwrap_or_else(|| mode.default_count())
    }
}

/// What the command line asks for.
pub(super) enum Command {
    /// Measure.
    Run(Box<Options>),
    /// Print this.
    Help,
}

/// Why a command line is none: a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misuse(pub(super) String);

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<lexopt::Error> for Misuse {
    fn from(error: lexopt::Error) -> Self {
        Self(error.to_string())
    }
}

/// The path where the game is served unless the URL says otherwise.
const BASE: &str = "/applet/websocket";

/// The text of `roshambo bench --help`.
pub(super) const HELP: &str = "\
roshambo bench: measures a running server, as a plain client of it.

Usage: roshambo bench URL [MODE]... [FLAG VALUE]...

URL is ws://HOST:PORT or ws://HOST:PORT/BASE; BASE is /applet/websocket if there is none. By wss://
every connection shakes hands anew. unix:/PATH is a unix socket.

Modes, all of them in this order if none is named:
  idle     connects, says hello, keeps still: connections per second, memory [1000 sockets]
  relay    faces between pairs at a fixed rate: latency from when each was due [200 players]
  flood    faces between pairs, always WINDOW of each player's on their way [200 players]
  games    whole games; every result is checked against the rules [200 players]
  churn    connects, says hello, closes, begins again [16 at a time]

Flags:
      --dialect NAME    plain, eio3 or eio4 [eio3]
      --v2              clients of the second generation (\"v\":2 in hello)
      --count NUMBER    sockets, players, or connections at a time
      --rate NUMBER     relay: faces per second, all players together [5000]
      --window NUMBER   flood: faces on their way per player [8]
      --beside NUMBER   relay, flood: sockets that keep still beside the players [0]
      --seconds NUMBER  how long a mode measures [5]; idle: how long it watches
      --pid PID         the server's process, if it runs here: its memory and CPU time
      --insecure        wss: believe whatever certificate is shown
      --json            one JSON object instead of the table
  -q, --quiet           no progress
  -h, --help            this text

The server has to let it all through: --rate-limit 0 --relay-interval 0 --max-per-address 0.
idle is for a server that was just started: memory that it has used before is used again.
One source address reaches about 28,000 sockets of one server; the limit of open files may be lower.
relay does not sleep while it measures, so give it a core of its own (taskset). Code 1 means that
something could not be measured, or that a game was wrong.
";

impl Command {
    /// Reads what stands after `bench`.
    ///
    /// # Errors
    ///
    /// [`Misuse`]: a sentence about the first word that is wrong.
    pub(super) fn parse(args: impl Iterator<Item = OsString>) -> Result<Self, Misuse> {
        let mut options = Options {
            url: String::new(),
            address: Address {
                host: String::new(),
                secure: false,
                port: 0,
                path: String::new(),
                unix: None,
            },
            modes: Vec::new(),
            dialect: Dialect::Eio3,
            v2: false,
            count: None,
            rate: 5_000,
            window: 8,
            beside: 0,
            time: Duration::from_secs(5),
            pid: None,
            json: false,
            quiet: false,
            insecure: false,
        };
        let mut parser = Parser::from_args(args);
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Short('h') | Arg::Long("help") => return Ok(Self::Help),
                Arg::Long("dialect") => {
                    options.dialect = named(&Dialect::ALL, Dialect::name, &text(&mut parser)?)?;
                }
                Arg::Long("v2") => options.v2 = true,
                Arg::Long("count") => {
                    options.count = Some(number(&mut parser, 2, 60_000)? as usize);
                }
                Arg::Long("rate") => options.rate = number(&mut parser, 1, 2_000_000)?,
                Arg::Long("window") => options.window = number(&mut parser, 1, 10_000)?,
                Arg::Long("beside") => options.beside = number(&mut parser, 0, 60_000)? as usize,
                Arg::Long("seconds") => options.time = seconds(&text(&mut parser)?)?,
                Arg::Long("pid") => options.pid = Some(number(&mut parser, 1, u32::MAX)?),
                Arg::Long("insecure") => options.insecure = true,
                Arg::Long("json") => options.json = true,
                Arg::Short('q') | Arg::Long("quiet") => options.quiet = true,
                Arg::Value(word) if options.url.is_empty() => options.url = word.string()?,
                Arg::Value(word) => {
                    let mode = named(&Mode::ALL, Mode::name, &word.string()?)?;
                    options.modes.push(mode);
                }
                other => return Err(other.unexpected().into()),
            }
        }
        options.address = Address::parse(&options.url, options.dialect)?;
        if options.modes.is_empty() {
            options.modes = Mode::ALL.to_vec();
        }
        Ok(Self::Run(Box::new(options)))
    }
}

fn text(parser: &mut Parser) -> Result<String, Misuse> {
    Ok(parser.value()?.string()?)
}

fn number(parser: &mut Parser, min: u32, max: u32) -> Result<u32, Misuse> {
    let text = text(parser)?;
    match text.parse() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(Misuse(format!("{text} is no number from {min} to {max}"))),
    }
}

fn seconds(text: &str) -> Result<Duration, Misuse> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=3_600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(Misuse(format!("{text} is no number from 0.1 to 3600"))),
    }
}

fn named<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str, typed: &str) -> Result<T, Misuse> {
    let found = all.iter().copied().find(|one| name(*one) == typed);
    found.ok_or_else(|| {
        let known: Vec<_> = all.iter().map(|one| name(*one)).collect();
        Misuse(format!("{typed} is none of {}", known.join(", ")))
    })
}

impl Address {
    /// Reads a URL and adds what the dialect asks for.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when it is no `ws:` or `http:` address of a host and port.
    pub(super) fn parse(url: &str, dialect: Dialect) -> Result<Self, Misuse> {
        let refuse = |why: &str| Err(Misuse(format!("the URL {url:?} {why}")));
        if url.is_empty() {
            return Err(Misuse(
                "an address is needed, as ws://127.0.0.1:9595".into(),
            ));
        }
        if let Some(file) = url.strip_prefix("unix:") {
            if file.is_empty() {
                return refuse("names no socket");
            }
            return Ok(Self {
                host: "localhost".into(),
                secure: false,
                port: 80,
                path: path_of(BASE, dialect),
                unix: Some(file.into()),
            });
        }
        let schemes = [
            ("ws://", false),
            ("http://", false),
            ("wss://", true),
            ("https://", true),
        ];
        let known = |(scheme, secure)| Some((url.strip_prefix(scheme)?, secure));
        let Some((rest, secure)) = schemes.into_iter().find_map(known) else {
            return refuse("does not begin with ws://, wss:// or unix:");
        };
        if url.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return refuse("holds a character that no address holds");
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.rsplit_once(':') {
            // The colons of an IPv6 address stand inside of its brackets.
            Some((host, port)) if !port.ends_with(']') => match port.parse() {
                Ok(port) => (host, port),
                Err(_) => return refuse("has a port that is none"),
            },
            _ => (authority, if secure { 443 } else { 80 }),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || host.contains('@') {
            return refuse("names no host");
        }
        let base = match path.trim_end_matches('/') {
            "" => BASE,
            base => base,
        };
        let path = match dialect {
            Dialect::Eio3 | Dialect::Eio4 if base.contains("socket.io") => path.into(),
            _ => path_of(base, dialect),
        };
        Ok(Self {
            host: host.into(),
            secure,
            port,
            path,
            unix: None,
        })
    }
}

/// What a dialect asks for below a base.
fn path_of(base: &str, dialect: Dialect) -> String {
    let revision = match dialect {
        Dialect::Plain => return base.into(),
        Dialect::Eio3 => '3',
        Dialect::Eio4 => '4',
    };
    format!("{base}/socket.io/?EIO={revision}&transport=websocket")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gets_the_path_of_its_dialect() {
        let rows = [
            ("ws://127.0.0.1:9595", "127.0.0.1", 9595, BASE),
            ("ws://127.0.0.1:9595/", "127.0.0.1", 9595, BASE),
            ("http://game.example/a/b/", "game.example", 80, "/a/b"),
            ("ws://[::1]:80/x", "::1", 80, "/x"),
            ("ws://[::1]/x", "::1", 80, "/x"),
            ("wss://game.example", "game.example", 443, BASE),
        ];
        for (url, host, port, base) in rows {
            let plain = Address::parse(url, Dialect::Plain).expect(url);
            assert_eq!((plain.host.as_str(), plain.port), (host, port), "{url}");
            assert_eq!(plain.path, base, "{url}");
            let eio4 = Address::parse(url, Dialect::Eio4).expect(url);
            let want = format!("{base}/socket.io/?EIO=4&transport=websocket");
            assert_eq!(eio4.path, want, "{url}");
        }
        let file = Address::parse("unix:/run/r.sock", Dialect::Eio4).expect("an address");
        assert_eq!(file.unix.as_deref(), Some("/run/r.sock".as_ref()));
        let want = format!("{BASE}/socket.io/?EIO=4&transport=websocket");
        assert_eq!((file.host.as_str(), file.path), ("localhost", want));
        let whole = "ws://h:1/x/socket.io//?EIO=3&transport=websocket";
        let address = Address::parse(whole, Dialect::Eio3).expect("an address");
        assert_eq!(address.path, "/x/socket.io//?EIO=3&transport=websocket");
    }

    #[test]
    fn what_is_no_command_line_is_refused() {
        let rows: &[(&[&str], &str)] = &[
            (&[], "an address is needed"),
            (&["ftp://h"], "does not begin with ws://"),
            (&["unix:"], "names no socket"),
            (&["ws://h:70000"], "a port that is none"),
            (&["ws:///x"], "names no host"),
            (&["ws://h/a b"], "a character"),
            (&["ws://h", "dance"], "dance is none of idle, relay"),
            (&["ws://h", "--dialect", "eio5"], "eio5 is none of plain"),
            (&["ws://h", "--count", "1"], "1 is no number from 2"),
            (&["ws://h", "--seconds", "nan"], "nan is no number"),
            (&["ws://h", "--fast"], "--fast"),
        ];
        for (words, want) in rows {
            let result = Command::parse(words.iter().map(OsString::from));
            let message = result.err().expect("a refusal").0;
            assert!(message.contains(want), "{words:?}: {message}");
        }
    }
}
