//! TLS beside the connections: whoever comes without it costs nothing for it.
//!
//! Absent: records and keys.

use std::collections::VecDeque;

use super::Sockets;
use crate::net::conn::Received;
use crate::net::tls::keys::Keys;
use crate::net::tls::{CIPHER_BYTES_MAX, OVERHEAD_BYTES, Session};

/// Most handshakes in a turn that cost a signature, some 0.1 ms with ECDSA and 1 ms with RSA: the
/// others wait for the next turn, and players in a round do not.
pub(crate) const HANDSHAKES_MAX: usize = 4;

/// The TLS of those that have it, by their index.
#[derive(Debug)]
pub(crate) struct Sessions {
    /// What new ones begin with.
    pub(crate) keys: Keys,
    places: Vec<Option<Box<Session>>>,
    /// Those that shake hands and have something to be read: behind all others in a turn.
    shaking: VecDeque<usize>,
    /// Handshakes that cost a signature, in all.
    signed: u64,
    /// What is received passes through here; of no size while there is no TLS.
    cipher: Vec<u8>,
}

impl Sessions {
    pub(super) fn new() -> Self {
        Self {
            keys: Keys::none(),
            places: Vec::new(),
            shaking: VecDeque::new(),
            signed: 0,
            cipher: Vec::new(),
        }
    }

    /// Lets those who come by TLS have these keys.
    pub(crate) fn use_keys(&mut self, keys: Keys) {
        if keys.are_asked_for() {
            self.cipher = vec![0; CIPHER_BYTES_MAX];
        }
        self.keys = keys;
    }

    pub(super) fn insert(&mut self, index: usize, session: Box<Session>) {
        if self.places.len() <= index {
            self.places.resize_with(index + 1, || None);
        }
        if let Some(place) = self.places.get_mut(index) {
            *place = Some(session);
        }
    }

    pub(super) fn get(&mut self, index: usize) -> Option<&mut Session> {
        self.places.get_mut(index)?.as_deref_mut()
    }

    pub(super) fn has(&self, index: usize) -> bool {
        matches!(self.places.get(index), Some(Some(_)))
    }

    pub(super) fn remove(&mut self, index: usize) -> Option<Box<Session>> {
        self.places.get_mut(index)?.take()
    }
}

impl Sockets {
    /// Whether somebody has to be read without waiting for an event.
    pub(crate) fn has_work(&self) -> bool {
        !self.ready.is_empty() || !self.sessions.shaking.is_empty()
    }

    /// Whether this connection came by TLS.
    pub(crate) fn is_by_tls(&self, index: usize) -> bool {
        self.sessions.has(index)
    }

    /// Whether its handshake is not over.
    pub(crate) fn is_shaking(&mut self, index: usize) -> bool {
        let session = self.sessions.get(index);
        session.is_some_and(|session| session.is_shaking() && !session.failed)
    }

    /// Reads it behind all others.
    pub(crate) fn put_off(&mut self, index: usize) {
        self.sessions.shaking.push_back(index);
    }

    /// How many are to be read behind all others.
    pub(crate) fn put_off_count(&self) -> usize {
        self.sessions.shaking.len()
    }

    /// The next one of those.
    pub(crate) fn next_put_off(&mut self) -> Option<usize> {
        self.sessions.shaking.pop_front()
    }

    /// Handshakes so far that cost a signature.
    pub(crate) fn handshakes(&self) -> u64 {
        self.sessions.signed
    }

    /// Those who came by TLS, in any phase.
    pub(crate) fn tls_indexes(&self) -> Vec<usize> {
        let places = self.sessions.places.iter().enumerate();
        let with = places.filter(|(_, place)| place.is_some());
        with.map(|(index, _)| index).collect()
    }

    /// How much may wait for a connection beyond `--max-queue`.
    pub(super) fn overhead(&self, index: usize) -> usize {
        match self.sessions.has(index) {
            true => OVERHEAD_BYTES,
            false => 0,
        }
    }

    /// Receives by TLS; `None`: it has none.
    pub(super) fn receive_by_tls(&mut self, index: usize, buffer: &mut [u8]) -> Option<Received> {
        let session = self.sessions.places.get_mut(index)?.as_deref_mut()?;
        let conn = self.conns.get_mut(index)?;
        let (was_shaking, owed) = (session.is_shaking(), session.sealed.len());
        let received = conn.receive_by(session, &mut self.sessions.cipher, buffer, &mut self.pool);
        self.traffic.bytes_in += std::mem::take(&mut session.traffic.0);
        let answers = owed < session.sealed.len();
        let failed = session.failed;
        if was_shaking && answers && !failed {
            self.sessions.signed += 1;
        }
        if was_shaking && !session.is_shaking() {
            self.traffic.handshakes += 1;
        }
        if failed {
            self.traffic.failed_handshakes += u64::from(was_shaking);
        }
        if answers {
            self.mark_dirty(index);
        }
        Some(received)
    }

    /// Its first bytes were plain: it is answered so.
    pub(crate) fn without_tls(&mut self, index: usize) {
        if let Some(mut session) = self.sessions.remove(index) {
            session.sealed.clear(&mut self.pool);
        }
    }
}
