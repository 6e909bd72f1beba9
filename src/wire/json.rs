//! JSON values as the libraries of all languages write them, read as JavaScript reads them.
//!
//! The original's server was JavaScript, and a client that it understood is understood here: of
//! equal keys the last one counts, `1.0` is 1, and half of a surrogate pair is a character like
//! another. Nothing is copied unless it holds escapes. Absent: what a value means.
//!
//! Source: RFC 8259, sections 4 (names), 6 (numbers) and 8.2 (lone surrogates).

use std::borrow::Cow;
use std::fmt;
use std::str::Chars;

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// The values of an object's members of these names; `None` where there is none, or null.
///
/// `None` for everything if it is no object.
pub(super) fn members<'a, const N: usize>(
    value: &'a RawValue,
    names: [&str; N],
) -> Option<[Option<&'a RawValue>; N]> {
    struct Members<'n, const N: usize>([&'n str; N]);
    impl<'de, const N: usize> Visitor<'de> for Members<'_, N> {
        type Value = [Option<&'de RawValue>; N];

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = [None; N];
            while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                let Some(key) = text(key) else { continue };
                for (place, name) in found.iter_mut().zip(self.0) {
                    if key == name {
                        *place = Some(value).filter(|value| value.get() != "null");
                    }
                }
            }
            Ok(found)
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(value.get());
    deserializer.deserialize_map(Members(names)).ok()
}

/// A string's text; half of a surrogate pair, which is no character, becomes U+FFFD.
pub(super) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    let inner = value.get().strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(character) = rest.next() {
        text.push(match character {
            '\\' => unescape(&mut rest),
            _ => character,
        });
    }
    Some(Cow::Owned(text))
}

/// A string's text, or what is no string as it is written.
pub(super) fn text_or_written(value: &RawValue) -> Box<str> {
    text(value).map_or_else(|| value.get().into(), Box::from)
}

/// What stands for the escape whose backslash was just taken.
fn unescape(rest: &mut Chars<'_>) -> char {
    match rest.next() {
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('u') => {
            let first = code_unit(rest);
            let mut ahead = rest.clone();
            if (0xd800..0xdc00).contains(&first)
                && ahead.next() == Some('\\')
                && ahead.next() == Some('u')
            {
                let second = code_unit(&mut ahead);
                if (0xdc00..0xe000).contains(&second) {
                    *rest = ahead;
                    let character = 0x1_0000 + (first - 0xd800) * 0x400 + (second - 0xdc00);
                    return char::from_u32(character).unwrap_or(char::REPLACEMENT_CHARACTER);
                }
            }
            char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        // A quotation mark, a slash or a backslash: the syntax was looked at before.
        other => other.unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

/// The number of four hexadecimal digits.
fn code_unit(rest: &mut Chars<'_>) -> u32 {
    let digits = rest.by_ref().take(4);
    digits.fold(0, |number, digit| {
        number * 16 + digit.to_digit(16).unwrap_or(0)
    })
}

/// A number as it is written.
pub(super) fn number(value: &RawValue) -> Option<&str> {
    let written = value.get();
    let begins = |first: u8| first == b'-' || first.is_ascii_digit();
    written
        .bytes()
        .next()
        .is_some_and(begins)
        .then_some(written)
}

/// The largest whole number up to which a double knows each one.
const EXACT_MAX: f64 = (1_u64 << 53) as f64;

/// A whole number of at least 0, however it is written: `1`, `1.0`, `1e0`, or `"1"`, which the
/// original's arithmetic took as well.
pub(super) fn whole(value: &RawValue) -> Option<u64> {
    let written = match number(value) {
        Some(written) => written,
        None => {
            let quoted = value.get().strip_prefix('"')?.strip_suffix('"')?;
            let is_plain = !quoted.is_empty() && quoted.bytes().all(|byte| byte.is_ascii_digit());
            Some(quoted).filter(|_| is_plain)?
        }
    };
    if let Ok(number) = written.parse::<u64>() {
        return Some(number);
    }
    let number = written.parse::<f64>().ok()?;
    let is_whole = number.fract() == 0.0 && (0.0..=EXACT_MAX).contains(&number);
    is_whole.then_some(number as u64)
}

/// A number in digits that every reader takes for the same one: a whole number without a point,
/// and without an exponent below 10²¹, as JavaScript writes it.
///
/// Digits beyond a double's are kept. `None` for what is no number, or too large for a double.
pub(super) fn decimal(value: &RawValue) -> Option<Cow<'_, str>> {
    let written = number(value)?;
    let digits = written.strip_prefix('-').unwrap_or(written);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let plain = if digits == "0" { digits } else { written };
        return Some(Cow::Borrowed(plain));
    }
    let number: f64 = written.parse().ok()?;
    Some(Cow::Owned(match number {
        _ if !number.is_finite() => return None,
        // Minus nothing is nothing.
        0.0 => "0".into(),
        _ if number.fract() == 0.0 && number.abs() < 1e21 => format!("{number}"),
        _ => format!("{number:?}"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> &RawValue {
        serde_json::from_str(text).expect("a JSON value")
    }

    #[test]
    fn half_a_surrogate_pair_is_a_character_of_its_own() {
        #[rustfmt::skip]
        let rows = [
            (r#""""#, ""), (r#""a/b""#, "a/b"), (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r#""\u0041\u00e9\u2028\uD83D\udc31!""#, "Aé\u{2028}\u{1f431}!"),
            (r#""a\ud83d""#, "a\u{fffd}"), (r#""\udc31a""#, "\u{fffd}a"), (r#""\ud83da""#, "\u{fffd}a"),
            (r#""\ud83d\ud83d\udc31""#, "\u{fffd}\u{1f431}"), (r#""\udc31\ud83d""#, "\u{fffd}\u{fffd}"),
            (r#""\ud83d\n""#, "\u{fffd}\n"), (r#""\ud83d\u0041""#, "\u{fffd}A"), (r#""\ud83d\\udc31""#, "\u{fffd}\\udc31"),
            (r#""\\ud83d""#, "\\ud83d"), (r#""\uffff\ud7ff\ue000""#, "\u{ffff}\u{d7ff}\u{e000}"),
        ];
        for (written, want) in rows {
            assert_eq!(text(raw(written)).as_deref(), Some(want), "{written}");
        }
        for written in ["7", "null", "[\"a\"]", "{\"a\":\"b\"}", "true"] {
            assert_eq!(text(raw(written)), None, "{written}");
        }
        assert!(matches!(text(raw("\"剪\"")), Some(Cow::Borrowed("剪"))));
    }

    /// What serde_json takes for text is the same text here.
    #[test]
    fn a_text_is_read_as_serde_json_reads_it() {
        let mut rng = fastrand::Rng::with_seed(3);
        let pieces = [
            "a",
            "\\n",
            "\\\"",
            "\\\\",
            "\\/",
            "\\u0061",
            "\\ud83d",
            "\\udc31",
            "\\uD83D\\uDC31",
            "\\u00E9",
            "剪",
            "u",
            "0",
        ];
        let mut same = 0;
        for _ in 0..20_000 {
            let inner: String = (0..rng.usize(..6))
                .map(|_| pieces[rng.usize(..pieces.len())])
                .collect();
            let written = format!("\"{inner}\"");
            let ours = text(raw(&written)).expect("a text");
            match serde_json::from_str::<String>(&written) {
                Ok(theirs) => {
                    same += 1;
                    assert_eq!(ours, theirs, "{written}");
                }
                Err(_) => assert!(ours.contains('\u{fffd}'), "{written}"),
            }
        }
        assert!(5_000 < same, "{same} texts were sound");
    }

    #[test]
    fn of_equal_names_the_last_one_counts() {
        #[rustfmt::skip]
        let rows = [
            ("{}", None), (r#"{"a":1}"#, Some("1")), (r#"{ "b":[{}], "a" : [1, 2] }"#, Some("[1, 2]")),
            (r#"{"a":1,"a":2}"#, Some("2")), (r#"{"a":1,"\u0061":2}"#, Some("2")), (r#"{"a":1,"a":null}"#, None),
            (r#"{"\ud800":1,"a":2}"#, Some("2")), (r#"{"A":1}"#, None), (r#"{"__proto__":{"a":1}}"#, None),
        ];
        for (object, want) in rows {
            let found = members(raw(object), ["x", "a"]).expect("an object");
            assert_eq!(
                found.map(|value| value.map(RawValue::get)),
                [None, want],
                "{object}"
            );
        }
        for value in ["[1]", "\"a\"", "1", "null", "true"] {
            assert!(members(raw(value), ["a"]).is_none(), "{value}");
        }
    }

    #[test]
    fn numbers_as_other_languages_write_them() {
        #[rustfmt::skip]
        let rows = [
            ("0", Some(0), Some("0")), ("1", Some(1), Some("1")), ("1.0", Some(1), Some("1")), ("1e0", Some(1), Some("1")),
            ("10e-1", Some(1), Some("1")), ("0.1E+1", Some(1), Some("1")), ("-0", Some(0), Some("0")),
            ("-0.0", Some(0), Some("0")), ("1.5", None, Some("1.5")), ("-1", None, Some("-1")), ("-7.0", None, Some("-7")),
            ("1e3", Some(1_000), Some("1000")), ("18446744073709551615", Some(u64::MAX), Some("18446744073709551615")),
            ("18446744073709551616", None, Some("18446744073709551616")), ("1e20", None, Some("100000000000000000000")),
            ("9007199254740992.0", Some(1 << 53), Some("9007199254740992")), ("1e21", None, Some("1e21")),
            ("1e-7", None, Some("1e-7")), ("1e400", None, None), ("-1e400", None, None), ("1e-400", Some(0), Some("0")),
            ("\"1\"", Some(1), None), ("\"007\"", Some(7), None), ("\"1.0\"", None, None), ("\" 1\"", None, None),
            ("\"-1\"", None, None), ("\"\"", None, None), ("\"a\"", None, None), ("true", None, None), ("[1]", None, None),
            ("null", None, None), ("{}", None, None),
        ];
        for (written, want, digits) in rows {
            assert_eq!(whole(raw(written)), want, "{written}");
            assert_eq!(decimal(raw(written)).as_deref(), digits, "{written}");
        }
        let long = format!("1.{}", "0".repeat(4_000));
        assert_eq!(whole(raw(&long)), Some(1));
        assert_eq!(whole(raw(&"9".repeat(4_000))), None);
    }
}
