//! New inputs from old ones: bits, bytes, words, pieces and repetitions.

use fastrand::Rng;

/// Bytes and numbers at which programs change their mind.
const BYTES: &[u8] = &[
    0, 1, 9, 10, 13, 31, 32, 34, 44, 47, 48, 57, 91, 92, 93, 123, 125, 127, 128, 255,
];
const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "1",
    "2",
    "3",
    "4",
    "65535",
    "65536",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "1e999",
    "-1e999",
    "0.1",
    "1e0",
    "-0",
    "00",
    "NaN",
];

/// One input, made of those that are kept and of the target's words; at most so long.
pub(crate) fn mutate(
    kept: &[Vec<u8>],
    words: &[&[u8]],
    bytes_max: usize,
    rng: &mut Rng,
) -> Vec<u8> {
    let pick = |rng: &mut Rng| kept[rng.usize(..kept.len())].clone();
    let mut bytes = pick(rng);
    for _ in 0..1 << rng.u32(0..4) {
        let at = rng.usize(..=bytes.len());
        let end = (at + rng.usize(0..=16.max(bytes.len() / 4))).min(bytes.len());
        match rng.u32(0..12) {
            0 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << rng.u32(0..8);
                }
            }
            1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = BYTES[rng.usize(..BYTES.len())];
                }
            }
            2 => bytes.insert(at, rng.u8(..)),
            3 | 4 => {
                let word = words[rng.usize(..words.len())];
                bytes.splice(at..at, word.iter().copied());
            }
            5 => {
                let number = NUMBERS[rng.usize(..NUMBERS.len())];
                let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit());
                let digits = digits.count();
                bytes.splice(at..at + digits, number.bytes());
            }
            6 => drop(bytes.drain(at..end)),
            7 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            8 => {
                let other = pick(rng);
                let from = rng.usize(..=other.len());
                let to = rng.usize(from..=other.len());
                bytes.splice(at..end, other[from..to].iter().copied());
            }
            9 => {
                let piece = bytes[at..end].repeat(1 << rng.u32(0..8));
                bytes.splice(at..at, piece.into_iter().take(bytes_max));
            }
            10 => bytes.truncate(at),
            _ => {
                let from = rng.usize(..=bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(from..from, piece);
            }
        }
    }
    bytes.truncate(bytes_max);
    bytes
}
