//! Who somebody is whom a signed token vouches for.
//!
//! Absent: how a token is verified, and what being a person leads to.

use std::fmt;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::{Avatar, Name, is_forbidden};

/// Names a person, in the words of whoever signed its token; never shown to anybody.
///
/// It may be what others know somebody by elsewhere, such as an account's number, so it is kept out
/// of logs, too.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sub(Rc<str>);

impl Sub {
    /// Longest in bytes.
    pub const BYTES_MAX: usize = 64;

    /// Takes a text as it is; `None` when it is empty, too long or holds a control character.
    ///
    /// Two that look alike and differ in a byte are two persons.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= Self::BYTES_MAX;
        (fits && !text.chars().any(is_forbidden)).then(|| Self(text.into()))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sub {
    /// Keeps it out of logs and panics.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sub(…)")
    }
}

/// What a signed token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Who it is.
    pub sub: Sub,
    /// To be shown instead of what the client says.
    pub name: Option<Name>,
    /// To be shown instead of what the client says.
    pub avatar: Option<Avatar>,
}

impl Person {
    /// Name and picture to be shown of somebody whose client says these.
    #[must_use]
    pub fn shown(&self, name: Name, avatar: Avatar) -> (Name, Avatar) {
        let said = (name, avatar);
        (
            self.name.clone().unwrap_or(said.0),
            self.avatar.clone().unwrap_or(said.1),
        )
    }
}

/// What came of a signed token: whom it names, or why it is none, for its developer.
pub type Vouched = Result<Person, Box<str>>;

#[cfg(test)]
mod tests {
    use super::Sub;

    #[test]
    fn a_sub_is_taken_as_it_is_or_not_at_all() {
        for good in [
            "o",
            "oGZUI0egBJY1zhBYw2KhdUfwVJJE",
            " ",
            "名字",
            &"é".repeat(32),
        ] {
            assert_eq!(Sub::new(good).as_ref().map(Sub::as_str), Some(good));
        }
        let long = "x".repeat(Sub::BYTES_MAX + 1);
        for bad in [
            "",
            "a\nb",
            "a\0",
            "a\u{85}",
            "a\u{2028}",
            &long,
            &"é".repeat(33),
        ] {
            assert_eq!(Sub::new(bad), None, "{bad:?}");
        }
        assert_ne!(Sub::new("e\u{301}"), Sub::new("é"));
    }

    #[test]
    fn a_sub_is_not_told() {
        let sub = Sub::new("o-secret").expect("a sub");
        assert!(!format!("{sub:?}").contains("secret"));
        let carried = serde_json::to_string(&sub).expect("a text");
        assert_eq!(carried, "\"o-secret\"");
        assert_eq!(serde_json::from_str::<Sub>(&carried).ok(), Some(sub));
        let refused = serde_json::from_str::<Sub>("\"secret\\u0000\"").expect_err("no sub");
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
}
