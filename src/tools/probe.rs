//! `roshambo probe URL`: whether players get through, all the way through the proxies in between.
//!
//! It does what players do: asks for a socket in each dialect, plays a round, idles longer than
//! proxies like, and for each failure says what it means and what to change. It ends with a code
//! that monitoring understands: 0 fine, 1 slow, 2 broken, 3 asked wrongly.
//! Absent: the server's own types; and TLS, unless it was built with the feature `tls`.

mod advice;
mod failure;
mod instances;
mod player;
mod stream;
#[cfg(feature = "tls")]
pub(super) mod tls;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use self::failure::Failure;
use self::player::Player;

const USAGE: &str = "roshambo probe: whether players get through to a server.

Usage: roshambo probe URL [--idle DURATION] [--slow DURATION] [--instances LETTERS]

  URL               ws://HOST[:PORT][/BASE] or wss://HOST[:PORT][/BASE]; the latter needs a build
                    with the feature tls, as is the default, and believes the system's
                    certificate authorities, or those in the file that SSL_CERT_FILE names
  BASE              where sockets are opened [/applet/websocket]
  --idle DURATION   how long to say nothing; longer than the proxies' time-outs [70s; 0 is off]
  --slow DURATION   a longer round trip is a warning [500ms]
  --instances AB    of several servers behind that address, each by its letter: whether the
                    proxy leads to it, and whether they share a store

It ends with 0 if all is well, 1 if it is slow, 2 if players do not get through, 3 if it was asked
wrongly.
";

const FINE: u8 = 0;
const SLOW: u8 = 1;
const BROKEN: u8 = 2;
const ASKED_WRONGLY: u8 = 3;

/// How long a server may take for any one answer; proxies give up after 60 s.
const PATIENCE: Duration = Duration::from_secs(20);
/// Round trips measured.
const ROUND_TRIPS: usize = 5;

/// What is to be probed.
#[derive(Clone, Debug)]
struct Target {
    /// Whether it is `wss://`.
    secure: bool,
    /// For `wss://`.
    #[cfg(feature = "tls")]
    tls: Option<tls::Settings>,
    /// `host:port`, as it is connected to.
    authority: String,
    /// As in `Host:`.
    host: String,
    base: String,
    idle: Duration,
    slow: Duration,
    /// The letters of those that share a store.
    instances: String,
}

/// Runs the tool with the arguments after its name.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let target = match Target::parse(args) {
        Ok(Some(target)) => target,
        Ok(None) => {
            print(USAGE);
            return ExitCode::from(FINE);
        }
        Err(message) => {
            let _ = writeln!(
                std::io::stderr(),
                "roshambo probe: {message}\ntry {} probe --help",
                super::program()
            );
            return ExitCode::from(ASKED_WRONGLY);
        }
    };
    ExitCode::from(run(&target))
}

/// A reader that went away is no fault.
fn print(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// Does one check after the other and says how each went; the worst one's code.
fn run(target: &Target) -> u8 {
    type Check = fn(&Target) -> Result<Finding, Failure>;
    let checks: [(&str, Check); 7] = [
        ("plain dialect", plain),
        ("Engine.IO 3", eio3),
        ("Engine.IO 4", eio4),
        ("round trip", round_trip),
        ("a round", round),
        ("instances", instances::check),
        ("idling", idle),
    ];
    let mut worst = FINE;
    let is_asked = |name| name != "instances" || !target.instances.is_empty();
    for (name, check) in checks.into_iter().filter(|(name, _)| is_asked(*name)) {
        let mut line = String::new();
        // Writing to a String cannot fail.
        let code = match check(target) {
            Ok(Finding { text, slow }) => {
                let word = if slow { "slow" } else { "ok" };
                let _ = writeln!(line, "{word:<6} {name}: {text}");
                if slow { SLOW } else { FINE }
            }
            Err(failure) => {
                let _ = writeln!(line, "BROKEN {name}: {failure}");
                for advice in advice::lines(&failure) {
                    let _ = writeln!(line, "       {advice}");
                }
                print(&line);
                // The next checks stand on this one, and would only say the same again.
                return BROKEN;
            }
        };
        print(&line);
        worst = worst.max(code);
    }
    worst
}

/// How a check went that went through.
struct Finding {
    text: String,
    slow: bool,
}

impl Finding {
    fn fine(text: impl Into<String>) -> Result<Self, Failure> {
        let (text, slow) = (text.into(), false);
        Ok(Self { text, slow })
    }
}

fn plain(target: &Target) -> Result<Finding, Failure> {
    let mut player = Player::connect(target, "")?;
    player.greet()?;
    player.close();
    Finding::fine("upgraded and greeted")
}

fn eio3(target: &Target) -> Result<Finding, Failure> {
    let mut player = Player::connect(target, "/socket.io/?EIO=3&transport=websocket")?;
    player.expect("0{\"sid\":")?;
    player.expect("40")?;
    player.say("2")?;
    player.expect("3")?;
    player.close();
    Finding::fine("upgraded, opened, pinged")
}

fn eio4(target: &Target) -> Result<Finding, Failure> {
    let mut player = Player::connect(target, "/socket.io/?EIO=4&transport=websocket")?;
    player.expect("0{\"sid\":")?;
    player.say("40")?;
    player.expect("40{\"sid\":")?;
    player.close();
    Finding::fine("upgraded, opened, connected")
}

fn round_trip(target: &Target) -> Result<Finding, Failure> {
    let mut player = Player::connect(target, "")?;
    player.greet()?;
    let mut times = Vec::new();
    for _ in 0..ROUND_TRIPS {
        let sent = Instant::now();
        player.say(r#"["ping"]"#)?;
        player.expect(r#"["pong""#)?;
        times.push(sent.elapsed());
    }
    player.close();
    times.sort_unstable();
    let middle = times.get(ROUND_TRIPS / 2).copied().unwrap_or_default();
    Ok(Finding {
        text: format!("{:.1} ms", middle.as_secs_f64() * 1e3),
        slow: target.slow < middle,
    })
}

fn round(target: &Target) -> Result<Finding, Failure> {
    let mut player = Player::connect(target, "")?;
    player.greet()?;
    let asked = Instant::now();
    player.say(r#"["join"]"#)?;
    let start = player.expect(r#"["start","#)?;
    let waited = asked.elapsed();
    player.say(r#"["choice",{"choice":2}]"#)?;
    player.expect(r#"["result","#)?;
    player.say(r#"["leave"]"#)?;
    player.close();
    let opponent = if start.contains("\"uid\":\"robot-") {
        "a robot"
    } else {
        "a human"
    };
    Finding::fine(format!(
        "played against {opponent}, who came after {:.1} s",
        waited.as_secs_f64()
    ))
}

fn idle(target: &Target) -> Result<Finding, Failure> {
    if target.idle.is_zero() {
        return Finding::fine("not asked for");
    }
    let mut player = Player::connect(target, "")?;
    player.greet()?;
    player.idle(target.idle)?;
    player.say(r#"["ping"]"#)?;
    player.expect(r#"["pong""#)?;
    player.close();
    Finding::fine(format!("still there after {:.0?} of silence", target.idle))
}

impl Target {
    /// Reads the arguments; `None` when help is wanted.
    fn parse(args: impl Iterator<Item = OsString>) -> Result<Option<Self>, String> {
        let mut url = None;
        let mut idle = Duration::from_secs(70);
        let mut slow = Duration::from_millis(500);
        let mut instances = String::new();
        let mut parser = lexopt::Parser::from_args(args);
        while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
            match argument {
                lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => return Ok(None),
                lexopt::Arg::Long("idle") => idle = duration_of(&mut parser)?,
                lexopt::Arg::Long("slow") => slow = duration_of(&mut parser)?,
                lexopt::Arg::Long("instances") => {
                    let value = parser.value().map_err(|error| error.to_string())?;
                    instances = letters_of(&value.to_string_lossy())?;
                }
                lexopt::Arg::Value(text) if url.is_none() => {
                    url = Some(text.to_string_lossy().into_owned());
                }
                other => return Err(other.unexpected().to_string()),
            }
        }
        let url = url.ok_or("which server? ws://HOST[:PORT][/BASE]")?;
        let target = Self::from_url(&url, idle, slow)?;
        Ok(Some(Self {
            instances,
            ..target
        }))
    }

    fn from_url(url: &str, idle: Duration, slow: Duration) -> Result<Self, String> {
        let (secure, rest) = match (url.strip_prefix("wss://"), url.strip_prefix("ws://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(format!("{url:?} does not begin with ws:// or wss://")),
        };
        let (host, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let is_url = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '@' | '"' | '\\');
        if host.is_empty() || !rest.chars().all(is_url) {
            return Err(format!("{url:?} is not ws://HOST[:PORT][/BASE], or wss://"));
        }
        let names_port = host.rsplit(']').next().is_some_and(|end| end.contains(':'));
        let authority = match names_port {
            true => host.to_owned(),
            false => format!("{host}:{}", if secure { 443 } else { 80 }),
        };
        let base = match path.trim_end_matches('/') {
            "" => "/applet/websocket",
            base => base,
        };
        let (host, base) = (host.to_owned(), base.to_owned());
        #[cfg(feature = "tls")]
        let tls = match secure {
            true => Some(tls::settings()?),
            false => None,
        };
        #[cfg(not(feature = "tls"))]
        if secure {
            return Err("this build speaks ws:// only: probe roshambo itself, \
                        ws://127.0.0.1:9595, and the certificate with \
                        `openssl s_client -connect HOST:443 -verify_return_error`"
                .into());
        }
        Ok(Self {
            secure,
            #[cfg(feature = "tls")]
            tls,
            authority,
            host,
            base,
            idle,
            slow,
            instances: String::new(),
        })
    }
    /// The host without its port, and an address without its brackets: whose certificate it is.
    #[cfg(feature = "tls")]
    fn name(&self) -> &str {
        match self.authority.rsplit_once(':') {
            Some((name, _)) => name.trim_start_matches('[').trim_end_matches(']'),
            None => &self.authority,
        }
    }
}

fn duration_of(parser: &mut lexopt::Parser) -> Result<Duration, String> {
    let value = parser.value().map_err(|error| error.to_string())?;
    parse_duration(&value.to_string_lossy())
}

/// At least two letters, with or without commas.
fn letters_of(text: &str) -> Result<String, String> {
    let letters: String = text.chars().filter(|&letter| letter != ',').collect();
    match 2 <= letters.len() && letters.bytes().all(|letter| letter.is_ascii_lowercase()) {
        true => Ok(letters),
        false => Err(format!(
            "{text:?} are no letters of instances, as ab or a,b"
        )),
    }
}

/// A number with `ms`, `s` or `m`; 0 needs none.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let ms = match (number.parse::<u32>().map(u64::from), unit) {
        (Ok(0), "") => 0,
        (Ok(number), "ms") => number,
        (Ok(number), "s") => number * 1_000,
        (Ok(number), "m") => number * 60_000,
        _ => return Err(format!("{text:?} is no duration, as 500ms, 70s or 2m")),
    };
    Ok(Duration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Target, parse_duration};

    #[test]
    fn addresses() {
        let rows = [
            ("ws://e", "e:80", "/applet/websocket"),
            ("ws://e/", "e:80", "/applet/websocket"),
            ("ws://e:9595", "e:9595", "/applet/websocket"),
            ("ws://[::1]/play/", "[::1]:80", "/play"),
            ("ws://[::1]:7/a/b", "[::1]:7", "/a/b"),
        ];
        let zero = Duration::ZERO;
        for (url, authority, base) in rows {
            let target = Target::from_url(url, zero, zero).expect(url);
            assert_eq!((&*target.authority, &*target.base), (authority, base));
        }
        for url in [
            "",
            "e",
            "http://e",
            "ws://",
            "ws:///a",
            "ws://e/?a",
            "ws://e/\r\nX: y",
        ] {
            assert!(Target::from_url(url, zero, zero).is_err(), "{url}");
        }
        #[cfg(not(feature = "tls"))]
        {
            let refusal = Target::from_url("wss://e", zero, zero).expect_err("no TLS");
            assert!(refusal.contains("ws:// only"));
        }
    }

    #[test]
    fn letters() {
        for (text, want) in [("ab", "ab"), ("a,c,z", "acz")] {
            assert_eq!(super::letters_of(text).as_deref(), Ok(want));
        }
        for text in ["", "a", "A,B", "a b", "1,2"] {
            assert!(super::letters_of(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, want) in [("0", 0), ("500ms", 500), ("70s", 70_000), ("2m", 120_000)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(want)));
        }
        for text in ["", "7", "s", "-1s", "1h", "99999999999s", "1 s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
