//! Where a Redis is, and as whom it is spoken to.
//!
//! Absent: Redis itself, and names that have to be looked up.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The address of a Redis, as `redis://user:password@host:6379/0`.
///
/// What it shows of itself has no password in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RedisUrl {
    text: String,
    place: RedisPlace,
    login: Option<(Option<String>, String)>,
    database: u32,
}

/// Where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisPlace {
    /// `redis://HOST:PORT`
    Tcp(String, u16),
    /// `rediss://HOST:PORT`
    Tls(String, u16),
    /// `redis+unix:///PATH`
    Unix(PathBuf),
}

impl RedisUrl {
    /// Where it listens by default.
    const PORT: u16 = 6379;
    /// Longest in bytes.
    const BYTES_MAX: usize = 1_000;

    /// Whether a text looks like one, whatever is wrong with it.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        let schemes = ["redis", "rediss", "redis+unix", "valkey", "valkeys", "unix"];
        let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
        schemes
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
    }

    /// Reads `redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]`, the same with `rediss://`, or
    /// `redis+unix://[USER:PASSWORD@]/PATH[?db=DATABASE]`. In user, password and path `%40` stands
    /// for `@`, and so on.
    ///
    /// # Errors
    ///
    /// What is wrong with it; no password is in that.
    pub fn new(text: &str) -> Result<Self, String> {
        if Self::BYTES_MAX < text.len() {
            return Err(format!("is longer than {} bytes", Self::BYTES_MAX));
        }
        if text
            .chars()
            .any(|letter| letter.is_control() || letter == ' ')
        {
            return Err("has white space or control characters in it".into());
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (Some(parse_login(login)?), rest),
            None => (None, rest),
        };
        let (place, database) = match scheme {
            "redis" | "rediss" => {
                let (place, database) = rest.split_once('/').unwrap_or((rest, ""));
                let (host, port) = parse_host(place)?;
                let place = match scheme {
                    "redis" => RedisPlace::Tcp(host, port),
                    _ => RedisPlace::Tls(host, port),
                };
                (place, database)
            }
            "redis+unix" => {
                let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
                if !path.starts_with('/') || path.ends_with('/') {
                    return Err(format!(
                        "{path:?} is no socket's whole path: {EXAMPLE_UNIX}"
                    ));
                }
                let database = match query.split_once('=') {
                    None if query.is_empty() => "",
                    Some(("db", database)) => database,
                    _ => return Err(format!("?{query} is not known: {EXAMPLE_UNIX}")),
                };
                (RedisPlace::Unix(unescape(path)?.into()), database)
            }
            _ => return Err(format!("is no {EXAMPLE} and no {EXAMPLE_UNIX}")),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let database = match database {
            "" => 0,
            number if digits(number) => number
                .parse()
                .map_err(|_| format!("there is no database {number}"))?,
            other => {
                let other = other.split(['?', '/']).next().unwrap_or_default();
                return Err(format!(
                    "{other:?} is no database's number: {EXAMPLE}, and nothing behind it"
                ));
            }
        };
        Ok(Self {
            text: text.to_owned(),
            place,
            login,
            database,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn place(&self) -> &RedisPlace {
        &self.place
    }

    /// User and password, if any are needed.
    #[must_use]
    pub fn login(&self) -> Option<(Option<&str>, &str)> {
        let login = self.login.as_ref();
        login.map(|(user, password)| (user.as_deref(), password.as_str()))
    }

    /// The number of its database.
    #[must_use]
    pub fn database(&self) -> u32 {
        self.database
    }

    /// The socket's path, if it is one of this machine.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        match &self.place {
            RedisPlace::Unix(path) => Some(path),
            RedisPlace::Tcp(..) | RedisPlace::Tls(..) => None,
        }
    }
}

const EXAMPLE: &str = "redis://USER:PASSWORD@HOST:6379/0";
const EXAMPLE_UNIX: &str = "redis+unix:///run/redis/redis-server.sock?db=0";

fn parse_login(text: &str) -> Result<(Option<String>, String), String> {
    let Some((user, password)) = text.split_once(':') else {
        return Err("has a user and no password: :PASSWORD@ is one without a user".into());
    };
    if password.is_empty() {
        return Err("has an empty password".into());
    }
    let user = unescape(user)?;
    Ok((
        Some(user).filter(|user| !user.is_empty()),
        unescape(password)?,
    ))
}

fn parse_host(text: &str) -> Result<(String, u16), String> {
    let (host, port) = match text.strip_prefix('[') {
        // An IPv6 address.
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or("has a [ and no ]")?;
            let port = match rest.strip_prefix(':') {
                None if rest.is_empty() => None,
                Some(port) => Some(port),
                None => return Err(format!("{rest:?} is no port")),
            };
            (host, port)
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.is_empty() {
        return Err(format!("has no host: {EXAMPLE}"));
    }
    if host.contains(['?', '#', '%', '[', ']']) {
        return Err(format!("{host:?} is no host"));
    }
    let port = match port {
        None => RedisUrl::PORT,
        Some(port) => match port.parse() {
            Ok(port) if port != 0 => port,
            _ => return Err(format!("{port:?} is no port")),
        },
    };
    Ok((host.to_owned(), port))
}

/// Takes `%40` for `@`, and so on.
fn unescape(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut pieces = text.split('%');
    bytes.extend(pieces.next().unwrap_or_default().bytes());
    for piece in pieces {
        let byte = piece.get(..2).and_then(super::hex::bytes);
        bytes.extend(byte.ok_or("has a % that is followed by no two hexadecimal digits")?);
        bytes.extend(piece.bytes().skip(2));
    }
    String::from_utf8(bytes).map_err(|_| "has an escape that is no UTF-8".into())
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.text.split_once("://").unwrap_or_default();
        let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
        let login = match &self.login {
            Some((Some(user), _)) => format!("{user}:***@"),
            Some((None, _)) => ":***@".into(),
            None => String::new(),
        };
        write!(f, "{scheme}://{login}{place}")
    }
}

impl fmt::Debug for RedisUrl {
    /// Keeps the password out of logs and panics.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

impl From<RedisUrl> for String {
    fn from(url: RedisUrl) -> Self {
        url.text
    }
}

impl TryFrom<String> for RedisUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::{RedisPlace, RedisUrl};

    #[track_caller]
    fn check(text: &str, place: RedisPlace, login: Option<(Option<&str>, &str)>, database: u32) {
        let url = RedisUrl::new(text).expect("a good one");
        assert_eq!(*url.place(), place);
        assert_eq!((url.login(), url.database()), (login, database));
        let carried = serde_json::to_string(&url).expect("a text");
        assert_eq!(serde_json::from_str::<RedisUrl>(&carried).ok(), Some(url));
    }

    #[test]
    fn addresses_are_read_whole() {
        let tcp = |host: &str, port| RedisPlace::Tcp(host.into(), port);
        let unix = |path: &str| RedisPlace::Unix(path.into());
        check("redis://h", tcp("h", 6379), None, 0);
        check("redis://h/", tcp("h", 6379), None, 0);
        check("redis://10.0.0.7:7000/15", tcp("10.0.0.7", 7000), None, 15);
        check("redis://[::1]", tcp("::1", 6379), None, 0);
        check("redis://[::1]:7/2", tcp("::1", 7), None, 2);
        let login = Some((Some("ro"), "p@ss:w/rd%"));
        check("redis://ro:p%40ss:w%2Frd%25@h/1", tcp("h", 6379), login, 1);
        check("redis://ro:p@ss:w%2frd%25@h/1", tcp("h", 6379), login, 1);
        check("redis://:x@h", tcp("h", 6379), Some((None, "x")), 0);
        let tls = RedisPlace::Tls("h.example".into(), 6380);
        check("rediss://:x@h.example:6380", tls, Some((None, "x")), 0);
        check("redis+unix:///run/r.sock", unix("/run/r.sock"), None, 0);
        check("redis+unix:///r%20s?db=3", unix("/r s"), None, 3);
        let login = Some((Some("ro"), "x"));
        check("redis+unix://ro:x@/r.sock?db=", unix("/r.sock"), login, 0);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for (text, wanted) in [
            ("redis://", "has no host"),
            ("redis://ro:secret@", "has no host"),
            ("redis://secret@h", "a user and no password"),
            ("redis://ro:@h", "an empty password"),
            ("redis://ro:secret@h:0", "is no port"),
            ("redis://ro:secret@h:70000", "is no port"),
            ("redis://[::1", "no ]"),
            ("redis://[::1]7", "is no port"),
            ("redis://::1", "has no host"),
            ("redis://:secret@h/one", "\"one\" is no database's number"),
            ("redis://:secret@h/1/2", "is no database's number"),
            ("redis://:secret@h/?db=1", "is no database's number"),
            ("redis://:secret@h/99999999999", "there is no database"),
            ("redis://:secret%4@h", "two hexadecimal digits"),
            ("redis://:secret%ff@h", "no UTF-8"),
            ("redis://:sec ret@h", "white space"),
            ("redis+unix://r.sock", "no socket's whole path"),
            ("redis+unix://ro:secret@r.sock", "no socket's whole path"),
            ("redis+unix:///r.sock?user=secret", "is not known"),
            ("redis+unix:///run/", "no socket's whole path"),
            ("valkey://h", "is no redis://"),
            ("redis:h", "is no redis://"),
        ] {
            let said = RedisUrl::new(text).expect_err(text);
            assert!(said.contains(wanted), "{text}: {said}");
            assert!(!said.contains("secret") || text.contains("user="), "{said}");
            assert!(RedisUrl::is_meant(text), "{text}");
        }
        assert!(!RedisUrl::is_meant("/var/lib/redis.db") && !RedisUrl::is_meant("memory"));
    }

    #[test]
    fn a_password_is_not_shown() {
        for (text, shown) in [
            ("redis://ro:secret@h:7/1", "redis://ro:***@h:7/1"),
            ("redis://:secret@h", "redis://:***@h"),
            ("redis://:sec@ret@h", "redis://:***@h"),
            ("redis+unix:///r.sock?db=1", "redis+unix:///r.sock?db=1"),
        ] {
            let url = RedisUrl::new(text).expect("a good one");
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), format!("RedisUrl({shown})"));
        }
    }
}
