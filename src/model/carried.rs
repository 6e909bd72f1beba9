//! How the words that are parsed once are carried in a snapshot: as the text they were parsed from,
//! and parsed again by whoever reads it.
//!
//! What is plain data derives it where it stands.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

use super::{Avatar, Card, Name, Profile, RoomCode, Token, Uid};

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
                let text = String::deserialize(deserializer)?;
                let parse: fn(&str) -> Option<$kind> = $parse;
                // Without the text: it may be a secret.
                parse(&text).ok_or_else(|| D::Error::custom(concat!("no ", $what)))
            }
        }
    )+};
}

carry_as_text! {
    Name, "name": |name| name.as_str().into(), |text| Some(Name::new(text));
    Avatar, "avatar": Avatar::text, avatar;
    Token, "token": |token| token.as_str().into(), Token::new;
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
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
enum CarriedUid<'a> {
    Text(Cow<'a, str>),
    Number { number: Cow<'a, str> },
}

impl Serialize for Uid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = Cow::from(self.as_str());
        let carried = match self.is_number() {
            true => CarriedUid::Number { number: text },
            false => CarriedUid::Text(text),
        };
        carried.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Uid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let uid = match CarriedUid::deserialize(deserializer)? {
            CarriedUid::Text(text) => Self::new(&text),
            CarriedUid::Number { number } => Self::number(&number),
        };
        uid.ok_or_else(|| D::Error::custom("no uid"))
    }
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
