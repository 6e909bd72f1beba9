//! Values of knobs as text, in both directions.
//!
//! It knows neither flags nor ranges. A refusal is the end of a sentence that begins with the knob
//! and the value, such as "needs a unit: 3s or 3ms".

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::{Listen, Store};
use crate::model::{Letter, RedisUrl};

/// Of 24 hours.
const DAY_MS: u64 = 24 * 3_600_000;

/// A number of milliseconds from `3s`, `100ms`, `30m`, `1h`, `7d` or `0`.
pub(super) fn duration_ms(text: &str) -> Result<u64, String> {
    let (digits, unit) = number_and_unit(text);
    let factor = match unit {
        _ if digits.is_empty() => None,
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(DAY_MS),
        "" if digits.bytes().all(|digit| digit == b'0') => Some(1),
        "" => return Err(format!("needs a unit: {digits}s or {digits}ms")),
        _ => None,
    };
    let Some(factor) = factor else {
        return Err(
            "is not a duration: whole numbers with a unit, as 100ms, 3s, 30m, 1h or 7d".into(),
        );
    };
    // Too many digits are merely out of range, whatever the range is.
    let number: u64 = digits.parse().unwrap_or(u64::MAX);
    Ok(number.saturating_mul(factor))
}

/// The shortest text that [`duration_ms`] reads as this number.
pub(super) fn show_duration(ms: u64) -> String {
    match ms {
        0 => "0".into(),
        // A day is better known as 24h.
        _ if ms.is_multiple_of(DAY_MS) && ms != DAY_MS => format!("{}d", ms / DAY_MS),
        _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        // A minute is better known as 60s.
        _ if ms.is_multiple_of(60_000) && ms != 60_000 => format!("{}m", ms / 60_000),
        _ if ms.is_multiple_of(1_000) => format!("{}s", ms / 1_000),
        _ => format!("{ms}ms"),
    }
}

/// A number of bytes from `4096`, `16k`, `16KiB`, `1M` or `1MiB`; a k is 1,024.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let (digits, unit) = number_and_unit(text);
    let factor = match unit {
        _ if digits.is_empty() => None,
        "" => Some(1),
        "k" | "K" | "KiB" => Some(1 << 10),
        "M" | "MiB" => Some(1 << 20),
        _ => None,
    };
    let Some(factor) = factor else {
        return Err("is not a size: a number of bytes, or as 16k (1,024 bytes each) or 1M".into());
    };
    let number: u64 = digits.parse().unwrap_or(u64::MAX);
    Ok(number.saturating_mul(factor))
}

/// The shortest text that [`bytes`] reads as this number.
pub(super) fn show_bytes(bytes: u64) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 20) && bytes != 0 => format!("{}M", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) && bytes != 0 => format!("{}k", bytes >> 10),
        _ => bytes.to_string(),
    }
}

/// A plain number.
pub(super) fn count(text: &str) -> Result<u64, String> {
    match number_and_unit(text) {
        ("", _) => Err("is not a whole number".into()),
        (digits, "") => Ok(digits.parse().unwrap_or(u64::MAX)),
        (_, _) => Err("is not a whole number: only digits, as 10000".into()),
    }
}

/// Leading digits, and what follows them.
fn number_and_unit(text: &str) -> (&str, &str) {
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

/// `ADDRESS:PORT` or `unix:/PATH`.
pub(super) fn listen(text: &str) -> Result<Listen, String> {
    /// What the kernel takes (unix(7), `sun_path`), less the zero at its end.
    const SOCKET_PATH_BYTES_MAX: usize = 107;

    if let Some(path) = text.strip_prefix("unix:") {
        return match Path::new(path) {
            path if !path.is_absolute() => {
                Err("needs an absolute path, as unix:/run/roshambo.sock".into())
            }
            _ if path.ends_with('/') => Err("is a directory: a socket's path is needed".into()),
            _ if path.trim() != path => Err(format!(
                "ends with white space, which no path of ours has: unix:{}",
                path.trim()
            )),
            _ if SOCKET_PATH_BYTES_MAX < path.len() => Err(format!(
                "is too long: a socket's path has at most {SOCKET_PATH_BYTES_MAX} bytes"
            )),
            path => Ok(Listen::Unix(path.into())),
        };
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(Listen::Tcp(address));
    }
    if text.starts_with('/') {
        return Err(format!("is a path: a unix socket is unix:{text}"));
    }
    if let Some((_, rest)) = text.split_once("://") {
        let rest = rest.split('/').next().unwrap_or(rest);
        return Err(match rest.parse::<SocketAddr>() {
            Ok(address) => format!("is a URL; only its address is needed: {address}"),
            Err(_) => "is a URL; an address is needed: 127.0.0.1:9595".into(),
        });
    }
    if let Some((port, host)) = text.split_once(':')
        && let (Ok(port), Ok(host)) = (port.parse::<u16>(), host.parse::<IpAddr>())
        && host.is_ipv4()
    {
        return Err(format!("has its port in front: {host}:{port}"));
    }
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let host = host.trim_matches(['[', ']']);
    let bare = text.trim_matches(['[', ']']);
    Err(match port.parse::<u16>() {
        // A host that is an address, but an IPv6 one without brackets.
        _ if text.parse::<Ipv6Addr>().is_ok() => {
            format!("needs a port and brackets: [{text}]:9595")
        }
        _ if bare.parse::<Ipv6Addr>().is_ok() => format!("needs a port: [{bare}]:9595"),
        Ok(port) if host.is_empty() || host == "*" => format!(
            "needs an address: 127.0.0.1:{port} for this machine only, 0.0.0.0:{port} for all"
        ),
        Ok(port) if host == "localhost" => {
            format!("is a name; an address is needed: 127.0.0.1:{port}")
        }
        _ if text.parse::<Ipv4Addr>().is_ok() => format!("needs a port: {text}:9595"),
        _ => "is neither ADDRESS:PORT (127.0.0.1:9595, [::1]:9595; ports 0 to 65535) \
              nor unix:/PATH"
            .into(),
    })
}

/// The text that [`listen`] reads as this.
pub(super) fn show_listen(listen: &Listen) -> String {
    match listen {
        Listen::Tcp(address) => address.to_string(),
        Listen::Unix(path) => format!("unix:{}", path.display()),
    }
}

/// The permissions of a file, as chmod(1) takes them: `0660` or `660`.
pub(super) fn mode(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let octal = !digits.is_empty() && digits.bytes().all(|digit| (b'0'..b'8').contains(&digit));
    match u32::from_str_radix(digits, 8) {
        Ok(mode @ ..=0o777) if octal => Ok(mode),
        Ok(_) if octal => Err("is out of range: 0000 to 0777".into()),
        _ => Err("is no mode: octal digits, as 0660".into()),
    }
}

/// The text that [`mode`] reads as this.
pub(super) fn show_mode(mode: u32) -> String {
    format!("{mode:04o}")
}

/// A path of an address: made to begin with a slash and not to end with one.
pub(super) fn base_path(text: &str) -> Result<String, String> {
    /// Longer than anybody types, shorter than a request head by far.
    const BYTES_MAX: usize = 200;

    let inner = text.strip_prefix('/').unwrap_or(text);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    if inner.is_empty() {
        return Err("is the web page's own place: sockets need a path below it, as /play".into());
    }
    if BYTES_MAX < inner.len() {
        return Err(format!("is too long: at most {BYTES_MAX} bytes"));
    }
    if matches!(inner, "healthz" | "readyz") {
        return Err("is taken: the server's health is asked for there".into());
    }
    for segment in inner.split('/') {
        if matches!(segment, "" | "." | "..") {
            return Err("has an empty or dotted part, which browsers and proxies rewrite".into());
        }
        // The unreserved characters of RFC 3986, section 2.3: they mean the same to everybody.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if !segment.bytes().all(plain) {
            return Err("may hold only letters, digits, - . _ ~ and slashes".into());
        }
    }
    Ok(format!("/{inner}"))
}

/// An address that files are looked up under: without a slash at its end.
pub(super) fn public_url(text: &str) -> Result<String, String> {
    /// It is repeated in every avatar that is sent to an old client.
    const BYTES_MAX: usize = 200;

    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .ok_or("has to begin with https:// or http://")?;
    if rest.is_empty() || rest.starts_with(['/', ':', '?', '#']) {
        return Err("names no host, as https://example.org".into());
    }
    if BYTES_MAX < text.len() {
        return Err(format!("is too long: at most {BYTES_MAX} bytes"));
    }
    if rest.contains(['?', '#']) {
        return Err("may not have a query or a fragment: paths are appended to it".into());
    }
    if !rest
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"\"'<>\\^`{|}".contains(&byte))
    {
        return Err("may hold only the characters of an address; write others as %XX".into());
    }
    Ok(text.trim_end_matches('/').into())
}

/// Yes or no.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("is neither yes nor no".into()),
    }
}

/// The text that [`switch`] reads as this.
pub(super) fn show_switch(on: bool) -> &'static str {
    if on { "yes" } else { "no" }
}

/// `ADDRESS:PORT`, and no unix socket.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    match listen(text)? {
        Listen::Tcp(address) => Ok(address),
        Listen::Unix(_) => Err("has to be an address and a port, as 0.0.0.0:443".into()),
    }
}

/// The text that [`path`] reads as this.
pub(super) fn show_path(path: Option<&Path>) -> Option<String> {
    path.map(|path| path.display().to_string())
}

/// The letter of one server among several.
pub(super) fn instance(text: &str) -> Result<Letter, String> {
    let refusal = "is no letter for an instance: a to z without i, l and o";
    Letter::new(text).ok_or_else(|| refusal.into())
}

/// `memory`, the address of a Redis, or a file's path.
pub(super) fn store(text: &str) -> Result<Store, String> {
    if text == "memory" {
        return Ok(Store::Memory);
    }
    if RedisUrl::is_meant(text) {
        return RedisUrl::new(text).map(Store::Redis);
    }
    if let Some((scheme, _)) = text.split_once("://") {
        return Err(format!(
            "is no file: {scheme}:// is not offered; a file's path, memory or redis:// is needed"
        ));
    }
    path(text).map(Store::File)
}

/// The text that [`store`] reads as this, but for a password.
pub(super) fn show_store(store: &Store) -> String {
    match store {
        Store::Memory => "memory".into(),
        Store::File(path) => path.display().to_string(),
        Store::Redis(url) => url.to_string(),
    }
}

/// What a token's `aud` has to be.
pub(super) fn audience(text: &str) -> Result<String, String> {
    /// Longer than any name or address of a service.
    const BYTES_MAX: usize = 200;

    match text {
        "" => Err("is empty: a text is needed".into()),
        _ if BYTES_MAX < text.len() => Err(format!("is too long: at most {BYTES_MAX} bytes")),
        _ if text.trim() != text => Err(format!(
            "has white space around it: {} would do",
            text.trim()
        )),
        _ if text.chars().any(char::is_control) => Err("has control characters in it".into()),
        _ => Ok(text.into()),
    }
}

/// A file's path.
pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    match text {
        "" => Err("is empty: a file's path is needed".into()),
        _ if text.ends_with('/') => Err("is a directory: a file's path is needed".into()),
        // Only a shell knows whose home that is.
        _ if text.starts_with('~') => Err("begins with ~: write the whole path".into()),
        _ if text.trim() != text => Err(format!(
            "has white space around it: {} would do",
            text.trim()
        )),
        _ if text.starts_with(['"', '\'']) => {
            Err("has quotes around it, which would be a part of its name".into())
        }
        _ => Ok(text.into()),
    }
}

/// One of `log`'s levels, in any case.
pub(super) fn log_level(text: &str) -> Result<log::LevelFilter, String> {
    text.parse()
        .map_err(|_| "is none of off, error, warn, info, debug, trace".into())
}

/// Any 64-bit number.
pub(super) fn seed(text: &str) -> Result<u64, String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(seed) if plain => Ok(seed),
        _ => Err(format!("is not a whole number from 0 to {}", u64::MAX)),
    }
}
