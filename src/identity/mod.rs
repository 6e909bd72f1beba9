//! A signed token in, a person out: JSON Web Tokens with HS256, and nothing else.
//!
//! Pure: bytes, keys and the seconds since 1970 decide. Whoever signs has made sure who somebody
//! is; here it is only looked whether the signature and the times are good. The algorithm is fixed,
//! so a token cannot say how it wants to be checked. Absent: where keys come from, a clock, and
//! what being a person leads to.
//!
//! - `jws`: the three parts, and the signature over two of them;
//! - `claims`: what the payload says;
//! - `refusal`: why a token is none, for the developer who reads it.
//!
//! Sources: RFC 7515 (JSON Web Signature), sections 2, 4 and 7.1; RFC 7519 (JSON Web Token),
//! section 4.1; RFC 8725 (best current practices), sections 2 and 3; RFC 2104 (HMAC).

mod claims;
mod jws;
mod refusal;
#[cfg(test)]
mod tests;

use std::fmt;

pub use self::claims::{Audience, Claims, LEEWAY_S, Moment};
pub use self::jws::{decode_base64url, encode_base64url};
pub use self::refusal::Refusal;
use crate::model::Person;

/// Longest token in bytes.
pub const TOKEN_BYTES_MAX: usize = 2_048;
/// Most keys at a time: the one that signs, and the one before or after it.
pub const KEYS_MAX: usize = 2;
/// Shortest key in bytes: as long as what the hash gives (RFC 7518, section 3.2).
pub const KEY_BYTES_MIN: usize = 32;
/// Longest key in bytes.
pub const KEY_BYTES_MAX: usize = 256;
/// More bytes no file of keys has: both keys, their line ends, and an empty line or two.
pub const KEY_FILE_BYTES_MAX: usize = 2 * KEY_BYTES_MAX + 16;

/// A secret that whoever signs shares with this server.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Box<[u8]>);

impl Key {
    /// Takes a line's bytes as they are.
    ///
    /// # Errors
    ///
    /// What is wrong with them, as the end of a sentence that begins with which key it is.
    pub fn new(bytes: &[u8]) -> Result<Self, String> {
        let length = bytes.len();
        if !(KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&length) {
            return Err(format!(
                "has {length} bytes: {KEY_BYTES_MIN} to {KEY_BYTES_MAX} are needed"
            ));
        }
        match bytes {
            [0xef, 0xbb, 0xbf, ..] => Err("begins with a byte order mark: save it without".into()),
            [.., b'\r'] => Err("ends with a carriage return: save it with plain line ends".into()),
            _ => Ok(Self(bytes.into())),
        }
    }
}

impl fmt::Debug for Key {
    /// Keeps the secret out of logs and panics.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// The keys that a token may be signed with; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    first: Key,
    second: Option<Key>,
}

impl Keys {
    /// Reads a file: a key a line, empty lines do not count.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as the end of a sentence that begins with its name.
    pub fn read(file: &[u8]) -> Result<Self, String> {
        let mut found = Vec::new();
        for (number, line) in (1..).zip(file.split(|&byte| byte == b'\n')) {
            if line.is_empty() {
                continue;
            }
            if found.len() == KEYS_MAX {
                return Err(format!("has more than {KEYS_MAX} keys"));
            }
            let key = Key::new(line).map_err(|why| format!("has a line {number} that {why}"))?;
            found.push(key);
        }
        let mut found = found.into_iter();
        let first = found.next().ok_or("has no key in it")?;
        let second = found.next();
        Ok(Self { first, second })
    }

    /// The one that is signed with: the first line's.
    #[must_use]
    pub fn first(&self) -> &Key {
        &self.first
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        1 + usize::from(self.second.is_some())
    }

    fn iter(&self) -> impl Iterator<Item = &Key> {
        [&self.first].into_iter().chain(&self.second)
    }
}

/// Whom a token names, if it is signed with one of the keys and good now.
///
/// `audience`: for whom tokens have to be; `now_s`: seconds since 1970.
///
/// # Errors
///
/// Why it is not good; with a wrong signature nothing is told of what it claims.
pub fn verify(
    token: &str,
    keys: &Keys,
    audience: Option<&str>,
    now_s: u64,
) -> Result<Person, Refusal> {
    let payload = jws::open(token, keys)?;
    Claims::read(&payload)?.person(audience, now_s)
}

/// A token that says this, signed with a key.
#[must_use]
pub fn sign(claims: &Claims, key: &Key) -> String {
    jws::seal(&claims.write(), key)
}
