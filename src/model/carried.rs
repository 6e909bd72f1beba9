//! How the words that are parsed once are carried in a snapshot: as the text they were parsed from,
//! and parsed again by whoever reads it.
//!
//! What is plain data derives it where it stands.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Avatar, Card, Name, Profile, RoomCode, Sub, Token, Uid};

/// Carries a type as its text; `parse` gives `None` for what none can be.
macro_rules! carry_as_text {
    ($($kind:ty, $what:literal: $text:expr, $parse:expr;)+) => {$(
        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let text: fn(&$kind) -> Cow<'_, str> = $text;
                serializer.serialize_str(&text(self))
            }
        }

        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                // Parsed where it stands: very many of them are read at once.
                struct Text;

                impl Visitor<'_> for Text {
                    type Value = $kind;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!("the text of a ", $what))
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$kind, E> {
                        let parse: fn(&str) -> Option<$kind> = $parse;
                        // Without the text: it may be a secret.
                        parse(text).ok_or_else(|| E::custom(concat!("no ", $what)))
                    }
                }

                deserializer.deserialize_str(Text)
            }
        }
    )+};
}

carry_as_text! {
    Name, "name": |name| name.as_str().into(), |text| Some(Name::new(text));
    Avatar, "avatar": Avatar::text, avatar;
    Token, "token": |token| token.as_str().into(), Token::new;
    Sub, "sub": |sub| sub.as_str().into(), Sub::new;
    RoomCode, "room code": |code| code.as_str().into(), RoomCode::new;
}

fn avatar(text: &str) -> Option<Avatar> {
    match text {
        "" => Some(Avatar::None),
        "builtin:robot" => Some(Avatar::Robot),
        _ => Some(Avatar::new(text)).filter(|avatar| *avatar != Avatar::None),
    }
}

/// A text, or `{"number":"7"}`: a number of JSON would not keep its digits.
impl Serialize for Uid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.is_number() {
            return serializer.serialize_str(self.as_str());
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("number", self.as_str())?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Uid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CarriedUid)
    }
}

struct CarriedUid;

impl<'de> Visitor<'de> for CarriedUid {
    type Value = Uid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a uid")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Uid, E> {
        Uid::new(text).ok_or_else(|| E::custom("no uid"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Uid, A::Error> {
        let mut uid = None;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name == "number" {
                uid = Uid::number(&map.next_value::<Cow<'de, str>>()?);
            } else {
                map.next_value::<de::IgnoredAny>()?;
            }
        }
        uid.ok_or_else(|| de::Error::custom("no uid"))
    }
}

/// Whether a snapshot may leave a value out, because whoever reads takes it for this one then.
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl From<Profile> for Card {
    fn from(profile: Profile) -> Self {
        Self::new(&profile)
    }
}

impl From<Card> for Profile {
    fn from(card: Card) -> Self {
        card.profile()
    }
}
