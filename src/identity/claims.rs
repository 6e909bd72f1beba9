//! What a token says: read from its payload, held against the time, and written.
//!
//! Absent: signatures.
//!
//! Source: RFC 7519, section 4.1. A name that stands there twice makes a token none, as section 4
//! allows: else two readers could take it for two persons.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserializer as _, Serialize, Serializer};
use serde_json::value::RawValue;

use super::refusal::{Part, Refusal};
use crate::model::{Avatar, Name, Person, Sub};

/// How far the clock of whoever signs may be from ours, in seconds.
pub const LEEWAY_S: u64 = 60;

/// What a token says.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Claims {
    /// Whom it names.
    pub sub: String,
    /// For whom it is: one text, or several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<Audience>,
    /// Seconds since 1970: when it was signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<Moment>,
    /// From when on it is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<Moment>,
    /// Until when it is good.
    pub exp: Moment,
    /// A name to be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A picture to be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
}

/// For whom a token is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Audience {
    /// For one.
    One(String),
    /// For any of these.
    Any(Vec<String>),
}

impl Audience {
    fn has(&self, wanted: &str) -> bool {
        match self {
            Self::One(name) => name == wanted,
            Self::Any(names) => names.iter().any(|name| name == wanted),
        }
    }
}

/// A NumericDate: seconds since 1970, which may have a fraction.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moment(f64);

impl From<u64> for Moment {
    fn from(seconds: u64) -> Self {
        Self(seconds as f64)
    }
}

impl Serialize for Moment {
    /// A whole one without a point.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.fract() == 0.0 && (0.0..=EXACT_MAX).contains(&self.0) {
            true => serializer.serialize_u64(self.0 as u64),
            false => serializer.serialize_f64(self.0),
        }
    }
}

/// The largest whole number up to which a double knows each one.
const EXACT_MAX: f64 = (1_u64 << 53) as f64;

impl Claims {
    /// Reads a payload.
    ///
    /// # Errors
    ///
    /// It is no object, a claim stands there twice, a claim that is needed is not there, or is not
    /// what it has to be.
    pub(super) fn read(payload: &[u8]) -> Result<Self, Refusal> {
        let [sub, aud, iat, nbf, exp, name, avatar] = object(
            payload,
            Part::Payload,
            ["sub", "aud", "iat", "nbf", "exp", "name", "avatar"],
        )?;
        Ok(Self {
            sub: claim("sub", "a text", sub)?.ok_or(Refusal::Missing("sub"))?,
            aud: audience(aud)?,
            iat: moment("iat", iat)?,
            nbf: moment("nbf", nbf)?,
            exp: moment("exp", exp)?.ok_or(Refusal::Missing("exp"))?,
            name: claim("name", "a text", name)?,
            avatar: claim("avatar", "a text", avatar)?,
        })
    }

    /// The person it names, if it is good now, for this audience.
    ///
    /// # Errors
    ///
    /// It is not, or it can name nobody.
    pub(super) fn person(&self, audience: Option<&str>, now_s: u64) -> Result<Person, Refusal> {
        let (now, leeway) = (now_s as f64, LEEWAY_S as f64);
        let Moment(exp) = self.exp;
        if exp + leeway <= now {
            let since_s = (now - exp) as u64;
            return Err(Refusal::Expired { since_s });
        }
        for (claim, at) in [("nbf", self.nbf), ("iat", self.iat)] {
            if let Some(Moment(at)) = at.filter(|&Moment(at)| now + leeway < at) {
                let in_s = (at - now) as u64;
                return Err(Refusal::Early { claim, in_s });
            }
        }
        match (audience, &self.aud) {
            (None, Some(_)) => return Err(Refusal::UnaskedAudience),
            (Some(_), None) => return Err(Refusal::Missing("aud")),
            (Some(wanted), Some(named)) if !named.has(wanted) => {
                return Err(Refusal::OtherAudience);
            }
            _ => (),
        }
        Ok(Person {
            sub: Sub::new(&self.sub).ok_or(Refusal::Sub)?,
            name: self
                .name
                .as_deref()
                .map(Name::new)
                .filter(|name| *name != Name::default()),
            avatar: self
                .avatar
                .as_deref()
                .map(Avatar::new)
                .filter(|avatar| *avatar != Avatar::None),
        })
    }

    /// Its JSON text.
    pub(super) fn write(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A claim; null is none.
fn claim<T: DeserializeOwned>(
    name: &'static str,
    kind: &'static str,
    value: Option<&RawValue>,
) -> Result<Option<T>, Refusal> {
    let Some(value) = value else {
        return Ok(None);
    };
    serde_json::from_str(value.get()).map_err(|_| Refusal::Kind(name, kind))
}

fn moment(name: &'static str, value: Option<&RawValue>) -> Result<Option<Moment>, Refusal> {
    let seconds = claim(name, "a number of seconds since 1970", value)?;
    Ok(seconds.map(Moment))
}

/// A text, or a list of texts.
fn audience(value: Option<&RawValue>) -> Result<Option<Audience>, Refusal> {
    const KIND: &str = "a text, or a list of texts";
    match value.map(RawValue::get) {
        Some(text) if text.starts_with('"') => Ok(claim("aud", KIND, value)?.map(Audience::One)),
        _ => Ok(claim("aud", KIND, value)?.map(Audience::Any)),
    }
}

/// The values of these names in an object that has no name twice; null counts as not there.
pub(super) fn object<'a, const N: usize>(
    json: &'a [u8],
    part: Part,
    names: [&str; N],
) -> Result<[Option<&'a RawValue>; N], Refusal> {
    struct Members<'n, const N: usize>([&'n str; N]);
    impl<'de, const N: usize> Visitor<'de> for Members<'_, N> {
        type Value = Result<[Option<&'de RawValue>; N], String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = [None; N];
            let mut seen = BTreeSet::new();
            let mut twice = None;
            while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                for (place, wanted) in found.iter_mut().zip(self.0) {
                    if name == wanted {
                        *place = Some(value).filter(|value| value.get() != "null");
                    }
                }
                if let Some(name) = seen.replace(name) {
                    twice.get_or_insert(name);
                }
            }
            Ok(twice.map_or(Ok(found), Err))
        }
    }
    let text = std::str::from_utf8(json).map_err(|_| Refusal::NoObject(part))?;
    let mut json = serde_json::Deserializer::from_str(text);
    let found = json.deserialize_map(Members(names)).and_then(|found| {
        json.end()?;
        Ok(found)
    });
    match found {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(name)) => Err(Refusal::twice(part, &name)),
        Err(_) => Err(Refusal::NoObject(part)),
    }
}
