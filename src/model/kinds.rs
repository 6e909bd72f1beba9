//! Kinds of things that are counted: an enum, its names and its counts in one place each, so that
//! no list of names has to be kept in the order of another. A snapshot carries both by name.

/// Makes an enum of kinds with their names, in the order in which they are shown.
macro_rules! kinds {
    (
        $(#[$about:meta])*
        pub enum $kind:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)+ }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $kind { $($(#[$doc])* #[serde(rename = $name)] $variant,)+ }

        impl $kind {
            /// How many there are: the length of an array that has a number for each.
            pub const COUNT: usize = [$($name),+].len();
            /// All of them, each at its [`index`](Self::index).
            pub const ALL: [Self; Self::COUNT] = [$(Self::$variant),+];

            /// Its place in an array that has a number for each.
            #[must_use]
            pub const fn index(self) -> usize {
                self as usize
            }

            /// What it is called on pages and in the log.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The names, each with its number of such an array.
            pub fn named<T>(numbers: [T; Self::COUNT]) -> impl Iterator<Item = (&'static str, T)> {
                Self::ALL.into_iter().map(Self::name).zip(numbers)
            }

            /// Carries such an array by its names.
            ///
            /// # Errors
            ///
            /// Those of the encoding.
            pub fn carry<S: serde::Serializer>(
                numbers: &[u64; Self::COUNT],
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                serializer.collect_map(Self::named(*numbers))
            }

            /// What was carried: a kind that was not has 0, and one that is no more is left out.
            ///
            /// # Errors
            ///
            /// What was carried is not numbers by names.
            pub fn carried<'de, D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<[u64; Self::COUNT], D::Error> {
                let named: std::collections::BTreeMap<String, u64> =
                    serde::Deserialize::deserialize(deserializer)?;
                Ok(Self::ALL.map(|kind| named.get(kind.name()).copied().unwrap_or_default()))
            }
        }
    };
}

pub(crate) use kinds;

kinds! {
    /// What a connection speaks.
    pub enum Dialect {
        /// JSON events as they are.
        Plain = "plain",
        /// Socket.IO over Engine.IO protocol 3.
        Eio3 = "eio3",
        /// Socket.IO over Engine.IO protocol 4.
        Eio4 = "eio4",
    }
}

kinds! {
    /// What is at the other end of a connection, as far as it has said.
    pub enum ClientKind {
        /// It has not said `hello` or `join` yet.
        New = "new",
        /// The original's client, or one that speaks like it.
        Old = "old",
        /// A client of the second generation.
        V2 = "v2",
    }
}

kinds! {
    /// Events that clients send, by their names.
    pub enum RequestKind {
        /// Who it is.
        Hello = "hello",
        /// It wants to play.
        Join = "join",
        /// What its hand shows.
        Choice = "choice",
        /// An emotion.
        Face = "face",
        /// It gives its seat up.
        Leave = "leave",
        /// It does not look, but stays.
        Away = "away",
        /// It asks for a `pong`.
        Ping = "ping",
        /// It asks who is best.
        Top = "top",
        /// It asks where it stands.
        Rank = "rank",
        /// All names that nobody knows.
        Unknown = "unknown",
    }
}

impl RequestKind {
    /// The kind of an event with this name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == name);
        known.unwrap_or(Self::Unknown)
    }
}

kinds! {
    /// Events that the server sends, by their names.
    pub enum EventKind {
        /// The greeting.
        Hi = "hi",
        /// A round begins.
        Start = "start",
        /// The other one did something.
        Movement = "movement",
        /// Somebody left, or a seat is lost.
        Leave = "leave",
        /// A round is over.
        Result = "result",
        /// How the room is.
        Room = "room",
        /// A request was refused.
        Problem = "problem",
        /// Who is best.
        Top = "top",
        /// Where somebody stands.
        Rank = "rank",
        /// The answer to `ping`.
        Pong = "pong",
        /// The connection is about to be closed.
        Bye = "bye",
    }
}

kinds! {
    /// What a look at a signed token led to.
    pub enum TokenOutcome {
        /// It names somebody.
        Good = "good",
        /// It is none: too long, not three parts, no base64url, no JSON, or a name twice.
        Malformed = "malformed",
        /// Another algorithm than ours, or an extension.
        Algorithm = "algorithm",
        /// Another key signed it, or it was changed since.
        Signature = "signature",
        /// A claim is missing, or not what it has to be.
        Claims = "claims",
        /// Its time is over.
        Expired = "expired",
        /// Its time has not come.
        Early = "early",
        /// It is for somebody else.
        Audience = "audience",
        /// None came with a session that is a person's.
        Absent = "absent",
        /// This server has no keys.
        NoKeys = "no-keys",
        /// This server does not know what time it is.
        NoClock = "no-clock",
    }
}

#[cfg(test)]
mod tests {
    use super::{Dialect, EventKind, RequestKind};

    #[test]
    fn a_kind_stands_at_its_index_under_its_name() {
        for (index, kind) in EventKind::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), index);
        }
        let named: Vec<_> = Dialect::named([1, 2, 3]).collect();
        assert_eq!(named, [("plain", 1), ("eio3", 2), ("eio4", 3)]);
    }

    #[test]
    fn a_name_that_nobody_knows_is_unknown() {
        for kind in RequestKind::ALL {
            assert_eq!(RequestKind::of(kind.name()), kind);
        }
        for name in ["", "dance", "Hello", "hello "] {
            assert_eq!(RequestKind::of(name), RequestKind::Unknown, "{name:?}");
        }
    }
}
