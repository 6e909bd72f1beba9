//! The name of one server among several that share a store.
//!
//! Absent: which of them live, and who plays where.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A lower-case letter that is also one of a room code's: a to z without i, l and o.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Letter(u8);

impl Letter {
    /// Takes a text that is such a letter.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        match text.as_bytes() {
            &[byte] => Self::from_byte(byte),
            _ => None,
        }
    }

    /// Takes a byte that is such a letter.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        let taken = byte.is_ascii_lowercase() && !b"ilo".contains(&byte);
        taken.then_some(Self(byte))
    }

    /// As it stands in a code.
    #[must_use]
    pub fn capital(self) -> u8 {
        self.0.to_ascii_uppercase()
    }

    /// As it stands in an address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(std::slice::from_ref(&self.0)).unwrap_or_default()
    }
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Letter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Letter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| D::Error::custom("no letter of an instance"))
    }
}

#[cfg(test)]
mod tests {
    use super::Letter;
    use crate::model::{RoomCode, Token};

    fn letter(text: &str) -> Letter {
        Letter::new(text).expect("a letter")
    }

    #[test]
    fn which_letters_there_are() {
        let all: String = ('\0'..='\u{ff}')
            .filter(|character| Letter::new(&character.to_string()).is_some())
            .collect();
        assert_eq!(all, "abcdefghjkmnpqrstuvwxyz");
        assert_eq!((Letter::new(""), Letter::new("ab")), (None, None));
    }

    #[test]
    fn tokens_and_codes_name_their_instance() {
        let mut next = 0_u8;
        let mut entropy = move |bytes: &mut [u8]| {
            for byte in bytes {
                next = next.wrapping_add(37);
                *byte = next;
            }
        };
        for instance in [None, Some(letter("b")), Some(letter("z"))] {
            let token = Token::draw(instance, &mut entropy);
            assert_eq!(Token::new(token.as_str()), Some(token.clone()));
            let found = token.as_str().split_once('.').map(|(found, _)| found);
            assert_eq!(found.and_then(Letter::new), instance);
            let code = RoomCode::draw(instance, &mut entropy);
            assert_eq!(code.instance(), instance);
            assert_eq!(code.as_str().len(), if instance.is_some() { 7 } else { 6 });
            assert_eq!(
                RoomCode::new(&code.as_str().to_ascii_lowercase()),
                Some(code)
            );
        }
        for text in [
            "LK7M2QX", "2K7M2QX", "BK7M2Q", "BBK7M2QX", "B", "\0K7M2QX", "BK7M2Q0",
        ] {
            let code = RoomCode::new(text);
            assert!(code.is_none() || text.len() == 6, "{text:?}");
        }
        for text in [
            "i.bbbbbbbbbbbbbbbbbbbbbb",
            "B.bbbbbbbbbbbbbbbbbbbbbb",
            "bb.bbbbbbbbbbbbbbbbbbbbb",
        ] {
            assert!(Token::new(text).is_none(), "{text}");
        }
    }
}
