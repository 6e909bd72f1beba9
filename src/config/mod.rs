//! Every limit and duration, once: flag, environment variable, default, range, unit, reason.
//!
//! The table is in `knobs.rs`, the syntax of values in `parse.rs`, what is allowed and probably not
//! meant in `advice.rs`; here the sources are laid over
//! each other and the result is checked as a whole. Nothing here reads the environment or the
//! command line by itself, opens a file or prints.

mod advice;
mod help;
mod knobs;
mod names;
mod networks;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;

pub use self::advice::strange_variables;
use self::help::{help, man, range, show, version};
use self::knobs::{KNOBS, Kind, Knob, Unit};
use self::names::nearest_flag;
pub use self::networks::Networks;
use crate::model::{Letter, RedisUrl};

/// Where points are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// In the process, until it ends.
    Memory,
    /// In a file.
    File(PathBuf),
    /// In a Redis.
    Redis(RedisUrl),
}

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A TCP address; port 0 lets the system choose.
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// The effective configuration: what was typed, or the default, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// `--listen`
    pub listen: Listen,
    /// `--unix-mode`: the permissions of a unix socket's file.
    pub unix_mode: u32,
    /// `--admin`: where metrics and status are told.
    pub admin: Option<Listen>,
    /// `--base-path`: starts with `/`, does not end with one.
    pub base_path: String,
    /// `--public-url`: where the web client's files are reached from outside; no slash at its end.
    pub public_url: Option<String>,
    /// `--trusted-proxy`: whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Networks,
    /// `--remote-avatars`: the web client may load pictures from addresses that players give.
    pub remote_avatars: bool,
    /// `--tls-listen`: where TLS is spoken.
    pub tls_listen: Option<SocketAddr>,
    /// `--tls-cert`: the certificate and those that signed it.
    pub tls_cert: Option<PathBuf>,
    /// `--tls-key`
    pub tls_key: Option<PathBuf>,
    /// `--hsts`: whole seconds, 0 is off.
    pub hsts_ms: u64,
    /// `--http-redirect`: where browsers are sent to https.
    pub http_redirect: Option<SocketAddr>,
    /// `--acme-webroot`: a folder with answers to an authority's questions.
    pub acme_webroot: Option<PathBuf>,
    /// `--game-time`: whole seconds, 1 to 60.
    pub game_time_ms: u64,
    /// `--robot-after`
    pub robot_after_ms: u64,
    /// `--rematch-wait`
    pub rematch_wait_ms: u64,
    /// `--relay-interval`: 0 is off.
    pub relay_interval_ms: u64,
    /// `--rate-limit`: events per second, 0 is off.
    pub rate_limit: u32,
    /// `--session-ttl`
    pub session_ttl_ms: u64,
    /// `--max-sessions`
    pub max_sessions: usize,
    /// `--store`
    pub store: Store,
    /// `--instance`: which one of several this server is.
    pub instance: Option<Letter>,
    /// `--score-ttl`
    pub score_ttl_ms: u64,
    /// `--token-key`: the file of the keys that signed tokens are verified by.
    pub token_key: Option<PathBuf>,
    /// `--token-audience`: for whom they have to be.
    pub token_audience: Option<String>,
    /// `--max-connections`
    pub max_connections: usize,
    /// `--max-per-address`: connections; 0 is off.
    pub max_per_address: usize,
    /// `--max-message`: bytes.
    pub max_message: usize,
    /// `--max-queue`: bytes.
    pub max_queue: usize,
    /// `--head-timeout`
    pub head_timeout_ms: u64,
    /// `--hello-timeout`
    pub hello_timeout_ms: u64,
    /// `--linger`
    pub linger_ms: u64,
    /// `--ping-interval`
    pub ping_interval_ms: u64,
    /// `--ping-timeout`: old clients; announced to Engine.IO 3 clients.
    pub ping_timeout_ms: u64,
    /// `--ping-timeout-eio4`: announced to Engine.IO 4 clients.
    pub ping_timeout_eio4_ms: u64,
    /// `--ping-timeout-v2`: after an unanswered ping.
    pub ping_timeout_v2_ms: u64,
    /// `--drain-timeout`
    pub drain_timeout_ms: u64,
    /// `--drain-spread`
    pub drain_spread_ms: u64,
    /// `--log-level`
    pub log_level: log::LevelFilter,
    /// `--seed`: of robots and spreads; never of secrets.
    pub seed: Option<u64>,
    /// Where the values came from, for [`Config::describe`]; flags that are not here have their
    /// default.
    pub origins: BTreeMap<&'static str, Origin>,
    /// What was given for a flag beside that and is not used, for [`Config::describe`].
    pub unused: BTreeMap<&'static str, String>,
}

/// Who set a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Flag,
    Env(String),
    /// Nobody: so few files may be open that no more is possible.
    Descriptors(u64),
}

/// What the command line asks for.
#[derive(Clone, Debug)]
pub enum Command {
    Run(Box<Config>),
    /// Print this text, in which the program is called `roshambo`: `--help`.
    Help(String),
    /// Print this text: `--man`.
    Man(String),
    /// Print this text: `--version`.
    Version(String),
    /// Print [`Config::describe`]: `--check`.
    Check(Box<Config>),
}

/// Why there is no configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// No knob has this name.
    UnknownFlag {
        /// As typed.
        flag: String,
        /// A knob with nearly this name.
        nearest: Option<&'static str>,
    },
    /// Something that is no flag.
    UnexpectedArgument {
        /// As typed.
        text: String,
        /// A flag or a command with nearly this name.
        nearest: Option<&'static str>,
    },
    /// A flag at the end of the line, or before another one.
    MissingValue(String),
    /// A value for a flag that takes none.
    UnexpectedValue(String),
    /// A value that does not fit its knob.
    BadValue {
        /// The flag or the environment variable, as it was used.
        knob: String,
        /// As typed.
        value: String,
        /// The rest of the sentence: what is wrong and what would be right.
        reason: String,
    },
    /// Two values that do not fit each other: both knobs, their values and what to do.
    Relation(String),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Texts that somebody typed are quoted with their control characters escaped.
        match self {
            Self::UnknownFlag { flag, nearest } => {
                write!(f, "there is no flag {}", flag.escape_debug())?;
                match nearest {
                    Some(nearest) => write!(f, "; did you mean {nearest}?"),
                    None => Ok(()),
                }
            }
            // An address or a port was meant for --listen, a word for a command.
            Self::UnexpectedArgument { text, .. }
                if text.contains(|c: char| c.is_ascii_digit()) =>
            {
                write!(
                    f,
                    "{text:?} is not a flag; all settings are flags, as --listen {text:?}"
                )
            }
            Self::UnexpectedArgument { text, nearest } => match nearest {
                Some(command) if text == command => {
                    write!(
                        f,
                        "{command} has to be the first word: roshambo {command} ..."
                    )
                }
                Some(nearest) => {
                    write!(f, "there is no command {text:?}; did you mean {nearest}?")
                }
                None => write!(
                    f,
                    "there is no command {text:?}: roshambo alone serves; others are bench, \
                     probe and store"
                ),
            },
            Self::MissingValue(flag) => write!(f, "{flag} needs a value"),
            Self::UnexpectedValue(flag) => write!(f, "{flag} takes no value"),
            Self::BadValue {
                knob,
                value,
                reason,
            } => write!(f, "{knob} {value:?} {reason}"),
            Self::Relation(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for ConfigError {}

impl Default for Config {
    fn default() -> Self {
        let mut config = Self::blank();
        for knob in KNOBS.iter().filter(|knob| !knob.default.is_empty()) {
            let set = config.set(knob, knob.default);
            set.expect("a test reads every default");
        }
        config
    }
}

impl Config {
    /// Lays flags over `ROSHAMBO_*` over `PORT` over the defaults, and checks the result.
    ///
    /// `args` are the arguments without the program's name; an environment variable that is empty
    /// counts as not set.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], whose text is one line for the person who typed.
    pub fn load(
        args: impl Iterator<Item = OsString>,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Command, ConfigError> {
        let mut typed: BTreeMap<&str, Vec<OsString>> = BTreeMap::new();
        let mut check = false;
        let mut parser = lexopt::Parser::from_args(args);
        while let Some(argument) = parser.next().map_err(from_lexopt)? {
            match argument {
                lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => {
                    return Ok(Command::Help(help()));
                }
                lexopt::Arg::Short('V') | lexopt::Arg::Long("version") => {
                    return Ok(Command::Version(version()));
                }
                lexopt::Arg::Long("man") => return Ok(Command::Man(man())),
                lexopt::Arg::Long("check") => check = true,
                lexopt::Arg::Long(name) => {
                    let knob = find_knob(&format!("--{name}"))?;
                    let value = value_of(knob, &mut parser)?;
                    typed.entry(knob.flag).or_default().push(value);
                }
                lexopt::Arg::Short(letter) => {
                    return Err(unknown_flag(format!("-{letter}")));
                }
                lexopt::Arg::Value(text) => {
                    return Err(unexpected_argument(text.to_string_lossy().into()));
                }
            }
        }
        let env = |name: &str| env(name).filter(|value| !value.is_empty());
        let mut config = Self::default();
        for knob in KNOBS {
            config.choose(knob, typed.get(knob.flag).map_or(&[], Vec::as_slice), &env)?;
        }
        config.check()?;
        Ok(match check {
            true => Command::Check(Box::new(config)),
            false => Command::Run(Box::new(config)),
        })
    }

    /// Checks what no single knob's range can: values against each other.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Relation`] for the first relation that does not hold.
    pub fn check(&self) -> Result<(), ConfigError> {
        let duration = parse::show_duration;
        let at_least = |flag: &str, value: String, why: String, least: String| {
            Err(ConfigError::Relation(format!(
                "{flag} {value} is too little: {why}; give {flag} at least {least}"
            )))
        };
        let drain_ms = self.game_time_ms + self.linger_ms;
        if self.drain_timeout_ms < drain_ms {
            let (game, linger) = (duration(self.game_time_ms), duration(self.linger_ms));
            let why = format!(
                "a running round (--game-time {game}) and its last answers (--linger {linger}) \
                 have to end in that time"
            );
            let value = duration(self.drain_timeout_ms);
            return at_least("--drain-timeout", value, why, duration(drain_ms));
        }
        // Old Engine.IO 3 clients ping by their own clock, once per interval: with less patience
        // than one more interval a single lost ping would cut them off. The other two time-outs
        // count from a ping of the server's, so they only have to outlast one answer.
        if self.ping_timeout_ms < self.ping_interval_ms {
            let interval = duration(self.ping_interval_ms);
            let why = format!("one lost ping (--ping-interval {interval}) would end a connection");
            let value = duration(self.ping_timeout_ms);
            return at_least("--ping-timeout", value, why, interval);
        }
        self.check_places()?;
        if self.session_ttl_ms < self.game_time_ms {
            let game = duration(self.game_time_ms);
            let why = format!("a player could not come back to its round (--game-time {game})");
            let value = duration(self.session_ttl_ms);
            return at_least("--session-ttl", value, why, game);
        }
        if self.score_ttl_ms < self.session_ttl_ms {
            let seat = duration(self.session_ttl_ms);
            let why = format!("who still has a seat would lose its points (--session-ttl {seat})");
            let value = duration(self.score_ttl_ms);
            return at_least("--score-ttl", value, why, seat);
        }
        if self.max_sessions < self.max_connections {
            let connections = self.max_connections.to_string();
            let why = format!(
                "every connection may hold one (--max-connections {connections}), and players who \
                 are here are not forgotten"
            );
            let value = self.max_sessions.to_string();
            return at_least("--max-sessions", value, why, connections);
        }
        // The longest answers repeat something that the client sent, or show two players.
        let queue = self.max_message + 1_024;
        if self.max_queue < queue {
            let message = parse::show_bytes(self.max_message as u64);
            let why = format!(
                "an answer may repeat a whole message (--max-message {message}) and add up to 1k"
            );
            let value = parse::show_bytes(self.max_queue as u64);
            return at_least("--max-queue", value, why, parse::show_bytes(queue as u64));
        }
        Ok(())
    }

    /// No two listeners have one place, and TLS has what it needs.
    fn check_places(&self) -> Result<(), ConfigError> {
        let places = [
            ("--listen", Some(self.listen.clone())),
            ("--admin", self.admin.clone()),
            ("--tls-listen", self.tls_listen.map(Listen::Tcp)),
            ("--http-redirect", self.http_redirect.map(Listen::Tcp)),
        ];
        for (index, (flag, place)) in places.iter().enumerate() {
            for (other_flag, other) in places.get(index + 1..).unwrap_or_default() {
                if let (Some(place), Some(other)) = (place, other)
                    && is_one_place(place, other)
                {
                    let (place, other) = (parse::show_listen(place), parse::show_listen(other));
                    return Err(ConfigError::Relation(format!(
                        "{flag} {place} and {other_flag} {other} are the same place, and each \
                         needs one of its own; give {other_flag} another port or path"
                    )));
                }
            }
        }
        let missing = match (&self.tls_cert, &self.tls_key) {
            (None, None) if self.tls_listen.is_some() => "--tls-cert and --tls-key",
            (None, Some(_)) => "--tls-cert",
            (Some(_), None) => "--tls-key",
            _ => return Ok(()),
        };
        Err(ConfigError::Relation(format!(
            "TLS needs a certificate and its key: {missing} is not given"
        )))
    }

    /// The effective configuration, a line per knob: the flag as it could be typed, and who set it.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for knob in KNOBS {
            let origin = match self.origins.get(knob.flag) {
                None => "default".into(),
                Some(Origin::Flag) => "flag".into(),
                Some(Origin::Env(name)) => format!("environment, {name}"),
                Some(Origin::Descriptors(files)) => format!("derived, {files} files may be open"),
            };
            let line = match self.get(knob) {
                Some(value) => format!("{} = {value}", knob.flag),
                None => format!("{} is not set", knob.flag),
            };
            let unused = self.unused.get(knob.flag);
            let unused = unused.map_or(String::new(), |unused| format!("; {unused}"));
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{line:<44} # {origin}{unused}");
        }
        let each = self.connection_bytes_max();
        let all = each.saturating_mul(self.max_connections as u64);
        let _ = writeln!(
            text,
            "# a client that does not read holds at most {}, queue and kernel together; \
             --max-connections of them {} MiB",
            parse::show_bytes(each),
            all.div_ceil(1 << 20)
        );
        text
    }

    /// The most bytes that wait for a client that does not read: `--max-queue` in the process,
    /// twice that in the kernel's send buffer, and as much again as one call may put on top.
    #[must_use]
    pub fn connection_bytes_max(&self) -> u64 {
        (self.max_queue as u64).saturating_mul(4)
    }

    /// A configuration in which no value means anything yet.
    fn blank() -> Self {
        Self {
            listen: Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 0))),
            unix_mode: 0,
            admin: None,
            base_path: String::new(),
            public_url: None,
            trusted_proxies: Networks::NONE,
            remote_avatars: false,
            tls_listen: None,
            tls_cert: None,
            tls_key: None,
            hsts_ms: 0,
            http_redirect: None,
            acme_webroot: None,
            game_time_ms: 0,
            robot_after_ms: 0,
            rematch_wait_ms: 0,
            relay_interval_ms: 0,
            rate_limit: 0,
            session_ttl_ms: 0,
            max_sessions: 0,
            store: Store::Memory,
            instance: None,
            score_ttl_ms: 0,
            token_key: None,
            token_audience: None,
            max_connections: 0,
            max_per_address: 0,
            max_message: 0,
            max_queue: 0,
            head_timeout_ms: 0,
            hello_timeout_ms: 0,
            linger_ms: 0,
            ping_interval_ms: 0,
            ping_timeout_ms: 0,
            ping_timeout_eio4_ms: 0,
            ping_timeout_v2_ms: 0,
            drain_timeout_ms: 0,
            drain_spread_ms: 0,
            log_level: log::LevelFilter::Off,
            seed: None,
            origins: BTreeMap::new(),
            unused: BTreeMap::new(),
        }
    }

    /// Sets a knob from the first source that has a value for it, and notes which others have one.
    fn choose(
        &mut self,
        knob: &Knob,
        typed: &[OsString],
        env: &impl Fn(&str) -> Option<OsString>,
    ) -> Result<(), ConfigError> {
        let mut sources: Vec<(Origin, OsString)> = Vec::new();
        // The last one counts, so that a script's flags can be overridden.
        let flags = typed.iter().rev();
        sources.extend(flags.map(|value| (Origin::Flag, value.clone())));
        let port = (knob.flag == "--listen").then(|| "PORT".to_owned());
        for name in [Some(knob.env()), port].into_iter().flatten() {
            let value = env(&name);
            sources.extend(value.map(|value| (Origin::Env(name), value)));
        }
        let mut sources = sources.into_iter();
        let Some((origin, value)) = sources.next() else {
            return Ok(());
        };
        match &origin {
            Origin::Env(name) if name == "PORT" => self.apply_port(&value)?,
            Origin::Env(name) => self.apply(knob, name, &value)?,
            Origin::Flag | Origin::Descriptors(_) => self.apply(knob, knob.flag, &value)?,
        }
        self.origins.insert(knob.flag, origin);
        let others: Vec<String> = sources
            .filter(|(_, other)| *other != value)
            .map(|(origin, other)| match origin {
                Origin::Env(name) => format!("{name}={}", other.display()),
                Origin::Flag | Origin::Descriptors(_) => {
                    format!("{} {}", knob.flag, other.display())
                }
            })
            .collect();
        if !others.is_empty() {
            let others = others.join(", ").escape_debug().to_string();
            self.unused.insert(knob.flag, format!("not used: {others}"));
        }
        Ok(())
    }

    /// Sets a knob from what was typed as `name`, a flag or an environment variable.
    fn apply(&mut self, knob: &Knob, name: &str, value: &OsStr) -> Result<(), ConfigError> {
        let Some(text) = value.to_str() else {
            return Err(bad_value(name, value, "is not valid UTF-8".into()));
        };
        self.set(knob, text).map_err(|reason| {
            // As files leave them behind that are written elsewhere, or by rules of another shell.
            let bare = text.trim();
            let quoted = |quote| bare.strip_prefix(quote)?.strip_suffix(quote);
            let bare = quoted('"').or_else(|| quoted('\'')).unwrap_or(bare).trim();
            let reason = match bare != text && self.set(knob, bare).is_ok() {
                true => format!("has quotes or white space around it: {bare} would do"),
                false => reason,
            };
            bad_value(name, value, reason)
        })
    }

    /// Lays the port that a hosting platform gives over the default address.
    fn apply_port(&mut self, value: &OsStr) -> Result<(), ConfigError> {
        let port = value.to_str().and_then(|text| text.parse::<u16>().ok());
        match (port, &mut self.listen) {
            (Some(port), Listen::Tcp(address)) => address.set_port(port),
            (Some(_), Listen::Unix(_)) => (),
            (None, _) => {
                let reason = "is not a port: a number from 0 to 65535".into();
                return Err(bad_value("PORT", value, reason));
            }
        }
        Ok(())
    }

    /// Sets a knob; the error is the rest of a sentence that begins with the knob and the value.
    fn set(&mut self, knob: &Knob, text: &str) -> Result<(), String> {
        match knob.kind {
            Kind::Text { set, .. } => set(self, text),
            Kind::Number {
                unit,
                min,
                max,
                set,
                ..
            } => {
                let number = match unit {
                    Unit::Milliseconds | Unit::WholeSeconds => parse::duration_ms(text)?,
                    Unit::Bytes => parse::bytes(text)?,
                    Unit::Count(_) => parse::count(text)?,
                };
                if number < min || max < number {
                    return Err(format!("is out of range: {}", range(unit, min, max)));
                }
                if unit == Unit::WholeSeconds && number % 1_000 != 0 {
                    let range = range(unit, min, max);
                    return Err(format!("is not a number of whole seconds: {range}"));
                }
                set(self, number);
                Ok(())
            }
        }
    }

    /// A knob's value as it could be typed; `None` when it is not set.
    fn get(&self, knob: &Knob) -> Option<String> {
        match knob.kind {
            Kind::Text { get, .. } => get(self),
            Kind::Number { unit, get, .. } => Some(show(unit, get(self))),
        }
    }
}

fn find_knob(flag: &str) -> Result<&'static Knob, ConfigError> {
    let found = KNOBS.iter().find(|knob| knob.flag == flag);
    found.ok_or_else(|| unknown_flag(flag.into()))
}

/// The value that follows a flag, unless that is a flag itself.
fn value_of(knob: &Knob, parser: &mut lexopt::Parser) -> Result<OsString, ConfigError> {
    if knob.is_switch() {
        return Ok(match parser.optional_value() {
            Some(value) => value,
            None => word_after_switch(parser).unwrap_or_else(|| "yes".into()),
        });
    }
    let value = parser.value().map_err(from_lexopt)?;
    match value.to_str() {
        Some(text) if find_knob(text).is_ok() => Err(ConfigError::MissingValue(knob.flag.into())),
        _ => Ok(value),
    }
}

/// A switch may stand alone; nothing but a flag's value stands without dashes.
fn word_after_switch(parser: &mut lexopt::Parser) -> Option<OsString> {
    let mut rest = parser.try_raw_args()?;
    rest.next_if(|word| !word.as_encoded_bytes().starts_with(b"-"))
}

fn bad_value(name: &str, value: &OsStr, reason: String) -> ConfigError {
    ConfigError::BadValue {
        knob: name.into(),
        value: value.to_string_lossy().into(),
        reason,
    }
}

fn unknown_flag(flag: String) -> ConfigError {
    let nearest = nearest_flag(flag.trim_start_matches('-'));
    ConfigError::UnknownFlag { flag, nearest }
}

fn unexpected_argument(text: String) -> ConfigError {
    let commands = ["bench", "probe", "store", "gather"];
    let command = commands
        .into_iter()
        .find(|name| names::slips(name, &text) <= 1);
    let nearest = command.or_else(|| nearest_flag(&text));
    ConfigError::UnexpectedArgument { text, nearest }
}

/// Whether both listeners cannot be open at a time: `0.0.0.0` and `[::]` are everywhere.
fn is_one_place(one: &Listen, other: &Listen) -> bool {
    match (one, other) {
        (Listen::Unix(one), Listen::Unix(other)) => one == other,
        (Listen::Tcp(one), Listen::Tcp(other)) => {
            let covers = |a: &SocketAddr, b: &SocketAddr| {
                a.ip().is_unspecified() && (a.is_ipv6() || b.is_ipv4())
            };
            one.port() == other.port()
                && one.port() != 0
                && (one.ip().to_canonical() == other.ip().to_canonical()
                    || covers(one, other)
                    || covers(other, one))
        }
        _ => false,
    }
}

fn from_lexopt(error: lexopt::Error) -> ConfigError {
    match error {
        lexopt::Error::MissingValue { option } => {
            ConfigError::MissingValue(option.unwrap_or_default())
        }
        lexopt::Error::UnexpectedValue { option, .. } => ConfigError::UnexpectedValue(option),
        other => unexpected_argument(other.to_string()),
    }
}
