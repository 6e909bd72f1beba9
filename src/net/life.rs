//! How far the end of a server is away: the one place where that is kept for the sockets.
//!
//! The hub is told once, when the first step is taken. Absent: when a step is taken.

use crate::time::Millis;

/// How far the end is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Not in sight.
    Serving,
    /// No new rounds; the running ones are waited for.
    Draining,
    /// Everybody is sent away, slice by slice, from this index on.
    Dismissing { next: usize },
    /// Everybody was; the last bytes are on their way.
    Leaving,
    /// Who was here before the stop is gone, and nobody is let in any more. Whoever is being
    /// answered still has until then.
    Closing { until: Millis },
    /// The loop ends after this turn.
    Over,
}

impl Life {
    /// Whether the server was asked to stop.
    pub(crate) fn is_ending(self) -> bool {
        self != Self::Serving
    }

    /// Whether whoever is let in now is sent away at once.
    pub(crate) fn dismisses(self) -> bool {
        !matches!(self, Self::Serving | Self::Draining)
    }
}
