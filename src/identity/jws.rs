//! The compact form: header, payload and signature, each in base64url, with dots between them.
//!
//! Absent: what the payload says.
//!
//! Source: RFC 7515, sections 4.1 (header), 5.2 (validation) and 7.1 (compact serialization);
//! RFC 4648, sections 3.5 and 5 (base64url).

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::claims::object;
use super::refusal::{Part, Refusal};
use super::{Key, Keys, TOKEN_BYTES_MAX};

/// `{"alg":"HS256","typ":"JWT"}`.
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// The payload of a token that one of these keys signed.
pub(super) fn open(token: &str, keys: &Keys) -> Result<Vec<u8>, Refusal> {
    if TOKEN_BYTES_MAX < token.len() {
        return Err(Refusal::TooLong(token.len()));
    }
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::Parts(token.split('.').count()));
    };
    let decode = |part, text| decode_base64url(text).ok_or(Refusal::Encoding(part));
    look_at_header(&decode(Part::Header, header)?)?;
    let signature = decode(Part::Signature, signature)?;
    let signed = token.get(..header.len() + 1 + payload.len());
    let signed = signed.unwrap_or_default().as_bytes();
    // Each is tried, so that the time does not tell which one it was.
    let tried = keys
        .iter()
        .map(|key| mac(key, signed).verify_slice(&signature));
    if !tried.fold(false, |good, tried| good | tried.is_ok()) {
        return Err(Refusal::Signature);
    }
    decode(Part::Payload, payload)
}

/// A token with this payload.
pub(super) fn seal(payload: &str, key: &Key) -> String {
    let mut token = encode_base64url(HEADER.as_bytes());
    token.push('.');
    token.push_str(&encode_base64url(payload.as_bytes()));
    let signature = signature(token.as_bytes(), key);
    token.push('.');
    token.push_str(&signature);
    token
}

/// In base64url.
pub(super) fn signature(signed: &[u8], key: &Key) -> String {
    encode_base64url(&mac(key, signed).finalize().into_bytes())
}

fn mac(key: &Key, signed: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).expect("HMAC takes keys of any length");
    mac.update(signed);
    mac
}

/// It has to say HS256, and nothing that would have to be understood.
fn look_at_header(header: &[u8]) -> Result<(), Refusal> {
    let [algorithm, critical] = object(header, Part::Header, ["alg", "crit"])?;
    let algorithm = algorithm.and_then(|value| serde_json::from_str::<String>(value.get()).ok());
    match algorithm.as_deref() {
        Some("HS256") => (),
        other => return Err(Refusal::algorithm(other)),
    }
    match critical {
        None => Ok(()),
        Some(_) => Err(Refusal::Critical),
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Writes bytes as base64url without padding.
#[must_use]
pub fn encode_base64url(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..=chunk.len() {
            let index = bits >> (18 - 6 * place) & 63;
            text.push(char::from(ALPHABET[index as usize]));
        }
    }
    text
}

/// Reads base64url without padding; `None` for everything else: white space, padding, the other
/// alphabet, and bits behind the last byte, so that there is one text for some bytes only.
#[must_use]
pub fn decode_base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for chunk in text.as_bytes().chunks(4) {
        let mut bits = 0;
        for &character in chunk {
            bits = bits << 6 | value_of(character)?;
        }
        bits <<= 6 * (4 - chunk.len());
        let [_, whole @ ..] = u32::to_be_bytes(bits);
        // One character alone is no byte.
        let count = chunk.len().checked_sub(1).filter(|&count| 0 < count)?;
        let (kept, rest) = whole.split_at_checked(count)?;
        if rest.iter().any(|&byte| byte != 0) {
            return None;
        }
        bytes.extend_from_slice(kept);
    }
    Some(bytes)
}

fn value_of(character: u8) -> Option<u32> {
    let (from, first) = match character {
        b'A'..=b'Z' => (b'A', 0),
        b'a'..=b'z' => (b'a', 26),
        b'0'..=b'9' => (b'0', 52),
        b'-' => (b'-', 62),
        b'_' => (b'_', 63),
        _ => return None,
    };
    Some(u32::from(character - from) + first)
}
