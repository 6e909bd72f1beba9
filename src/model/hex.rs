//! Bytes as text: two hexadecimal digits each, the higher one first.
//!
//! Also how a snapshot carries them, by `#[serde(with = "hex")]`.

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The text of these bytes.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for &byte in bytes {
        for digit in [byte >> 4, byte & 0xf] {
            text.extend(DIGITS.get(usize::from(digit)).copied().map(char::from));
        }
    }
    text
}

/// The bytes that a text is of; capital letters will do. `None`: it is of none.
#[must_use]
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, odd) = text.as_bytes().as_chunks();
    let byte = |&[high, low]: &[u8; 2]| u8::try_from(digit(high)? << 4 | digit(low)?).ok();
    let bytes = pairs.iter().map(byte).collect::<Option<Vec<u8>>>();
    bytes.filter(|_| odd.is_empty())
}

/// Writes bytes as their text.
///
/// # Errors
///
/// The serializer's own.
pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&text(bytes))
}

/// Reads bytes from their text, without a copy of that.
///
/// # Errors
///
/// The text is of none.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    struct Digits;

    impl Visitor<'_> for Digits {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("bytes of two digits each")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
            bytes(text).ok_or_else(|| E::custom("bytes are two digits each"))
        }
    }

    from.deserialize_str(Digits)
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Bytes(#[serde(with = "super")] Vec<u8>);

    #[test]
    fn bytes_come_back_and_nothing_else_is_taken_for_some() {
        let all = Bytes((0..=255).collect());
        let text = serde_json::to_string(&all).expect("text");
        assert_eq!(text.len(), 2 + 512);
        assert!(text.starts_with("\"000102030405060708090a0b"), "{text}");
        assert_eq!(serde_json::from_str::<Bytes>(&text).expect("bytes"), all);
        assert_eq!(super::bytes("fFA0"), Some(vec![0xff, 0xa0]));
        for strange in ["\"0\"", "\"0g\"", "\"+1\"", "\"é\"", "\"\\u0030\"", "7"] {
            assert!(serde_json::from_str::<Bytes>(strange).is_err(), "{strange}");
        }
    }
}
