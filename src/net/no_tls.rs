//! What stands in the place of TLS in a build without the feature `tls`: nothing of it can be had.
//!
//! Absent: everything but the shape of what is there with the feature.

use super::queue::{Pool, Queue};

pub(crate) const CIPHER_BYTES_MAX: usize = 5 + (1 << 14) + 2048;
pub(crate) const OVERHEAD_BYTES: usize = 0;

/// There is none.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) sealed: Queue,
    pub(crate) heard_out: bool,
    pub(crate) said_end: bool,
    pub(crate) failed: bool,
    pub(crate) traffic: (u64, u64),
    never: std::convert::Infallible,
}

/// As with the feature.
#[allow(dead_code, reason = "nobody is ever at fault here")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Plain,
    Alert,
}

impl Session {
    pub(crate) fn is_shaking(&self) -> bool {
        match self.never {}
    }

    pub(crate) fn put_rest(&mut self, _: &mut [u8]) -> usize {
        match self.never {}
    }

    pub(crate) fn open(
        &mut self,
        _: &mut [u8],
        _: &mut [u8],
        _: &mut Pool,
    ) -> Result<usize, Fault> {
        match self.never {}
    }

    pub(crate) fn seal(&mut self, _: &[u8], _: &mut Pool) -> usize {
        match self.never {}
    }

    pub(crate) fn seal_end(&mut self, _: &mut Pool) {
        match self.never {}
    }
}

/// The keys that there are not.
pub(crate) mod keys {
    use super::Session;
    use crate::config::Config;

    pub(crate) const LOOK_MS: u64 = 5_000;

    /// None.
    #[derive(Debug)]
    pub(crate) struct Keys;

    impl Keys {
        pub(crate) fn none() -> Self {
            Self
        }

        pub(crate) fn of(config: &Config) -> Result<Self, String> {
            match config.tls_cert.is_some() {
                true => Err("this build has no TLS: it needs the feature tls".into()),
                false => Ok(Self),
            }
        }

        pub(crate) fn read(&mut self) -> Result<(), String> {
            Ok(())
        }

        pub(crate) fn look(&mut self) {}

        pub(crate) fn are_asked_for(&self) -> bool {
            false
        }

        pub(crate) fn session(&self) -> Option<Box<Session>> {
            None
        }

        pub(crate) fn until_s(&self) -> Option<u64> {
            None
        }

        pub(crate) fn left_s(&self) -> Option<i64> {
            None
        }
    }
}
