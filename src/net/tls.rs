//! TLS between a connection's bytes and everything else: records in, plain bytes out, and back.
//!
//! rustls does the work and keeps no buffers of its own: what is received is decrypted where it
//! lies, in a buffer that all connections share, and what is sent is encrypted into a queue whose
//! memory goes back when it is empty. Of a quiet connection there is left what its keys need.
//! A record of which only a part is there waits in [`Rest`], so at most [`CIPHER_BYTES_MAX`].
//! Absent: sockets, HTTP, when a handshake may go on.
//!
//! - [`keys`]: the certificate and its key, and when they change;
//! - `pair`: what is wrong with the two files.
//!
//! Sources: RFC 8446 (TLS 1.3), RFC 5246 (1.2), RFC 7301 (ALPN).

pub(crate) mod keys;
mod pair;

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, EncryptError};
use rustls::unbuffered::{InsufficientSizeError, UnbufferedStatus, WriteTraffic};

use super::queue::{Pool, Queue};
use super::rest::Rest;

/// Most bytes that are looked at together: the longest record there may be (RFC 5246, section
/// 6.2.3: 2^14 and 2,048 bytes, and a head of 5). A handshake's message fits several times.
pub(crate) const CIPHER_BYTES_MAX: usize = 5 + (1 << 14) + 2048;
/// Most plain bytes in a record that is sent (RFC 8446, section 5.1).
const PLAIN_BYTES_MAX: usize = 1 << 14;
/// What a record that is sent may be longer than what is in it, or an alert be long.
pub(crate) const OVERHEAD_BYTES: usize = 256;

/// One connection's TLS.
pub(crate) struct Session {
    tls: UnbufferedServerConnection,
    /// A record that is not complete yet.
    rest: Rest,
    /// Encrypted, and not taken by the kernel yet.
    pub(crate) sealed: Queue,
    /// Something was received.
    begun: bool,
    /// The other end says that nothing more comes: what comes all the same is not looked at.
    pub(crate) heard_out: bool,
    /// The other end knows that nothing more comes from here.
    pub(crate) said_end: bool,
    /// It broke a rule: nothing can be sent any more but the alert that says so.
    pub(crate) failed: bool,
    /// Bytes received and sent since this was last asked.
    pub(crate) traffic: (u64, u64),
}

/// What is to become of a connection whose bytes are no TLS, or not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Its first bytes are plain HTTP, most likely.
    Plain,
    /// An alert that says what was wrong is to be sent, and nothing else.
    Alert,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("rest", &self.rest)
            .field("sealed", &self.sealed)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// One that has heard nothing yet; `None`: the settings cannot be used, which a test excludes.
    pub(crate) fn new(config: Arc<ServerConfig>) -> Option<Self> {
        Some(Self {
            tls: UnbufferedServerConnection::new(config).ok()?,
            rest: Rest::default(),
            sealed: Queue::default(),
            begun: false,
            heard_out: false,
            said_end: false,
            failed: false,
            traffic: (0, 0),
        })
    }

    /// Whether the handshake is not over: nothing can be told to the other end yet.
    pub(crate) fn is_shaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// Puts what was left over to the front of the buffer, and says how much that is.
    pub(crate) fn put_rest(&mut self, buffer: &mut [u8]) -> usize {
        let rest = std::mem::take(&mut self.rest);
        let bytes = rest.bytes();
        match buffer.get_mut(..bytes.len()) {
            Some(front) => {
                front.copy_from_slice(bytes);
                bytes.len()
            }
            None => 0,
        }
    }

    /// Decrypts what came, with what was left over in front of it, into `plain`; says how much
    /// that is. `plain` has room for as much as `cipher` is long.
    ///
    /// # Errors
    ///
    /// [`Fault`]; nothing more may be taken from this connection.
    pub(crate) fn open(
        &mut self,
        cipher: &mut [u8],
        plain: &mut [u8],
        pool: &mut Pool,
    ) -> Result<usize, Fault> {
        if !std::mem::replace(&mut self.begun, true)
            && cipher.first().is_some_and(u8::is_ascii_uppercase)
        {
            return Err(Fault::Plain);
        }
        let mut came = 0;
        let mut taken = 0;
        loop {
            let input = cipher.get_mut(taken..).unwrap_or_default();
            let UnbufferedStatus { discard, state } = self.tls.process_tls_records(input);
            let goes_on = match state {
                Ok(ConnectionState::ReadTraffic(mut records)) => {
                    while let Some(record) = records.next_record() {
                        let Ok(record) = record else { break };
                        let to = came + record.payload.len();
                        if let Some(place) = plain.get_mut(came..to) {
                            place.copy_from_slice(record.payload);
                            came = to;
                        }
                    }
                    true
                }
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, self.sealed.tail(pool)),
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    true
                }
                Ok(ConnectionState::PeerClosed) => {
                    self.heard_out = true;
                    true
                }
                Err(_) => {
                    self.failed = true;
                    false
                }
                // More has to come first; early data never does, for none is allowed.
                Ok(_) => false,
            };
            taken += discard;
            if !goes_on {
                break;
            }
        }
        let rest = cipher.get(taken..).unwrap_or_default();
        // What fills the buffer and is no whole message never will be one.
        if self.failed || CIPHER_BYTES_MAX <= rest.len() {
            self.failed = true;
            self.seal_alert(pool);
            return Err(Fault::Alert);
        }
        if !self.heard_out {
            self.rest = rest.into();
        }
        Ok(came)
    }

    /// Takes what says what was wrong, if anything does. What came is not looked at again.
    fn seal_alert(&mut self, pool: &mut Pool) {
        while self.tls.wants_write() {
            let UnbufferedStatus { state, .. } = self.tls.process_tls_records(&mut []);
            match state {
                Ok(ConnectionState::EncodeTlsData(data)) => {
                    encode(data, self.sealed.tail(pool));
                }
                Ok(ConnectionState::ReadTraffic(mut records)) => {
                    while records.next_record().is_some() {}
                }
                _ => break,
            }
        }
    }

    /// Encrypts the beginning of `plain` into one record; says how many bytes that took, none if
    /// nothing can be sent any more.
    pub(crate) fn seal(&mut self, plain: &[u8], pool: &mut Pool) -> usize {
        let plain = plain.get(..PLAIN_BYTES_MAX).unwrap_or(plain);
        let sealed = self.encrypt(plain.len(), pool, |traffic, place| {
            traffic.encrypt(plain, place)
        });
        if sealed { plain.len() } else { 0 }
    }

    /// Says that nothing more comes from here.
    pub(crate) fn seal_end(&mut self, pool: &mut Pool) {
        self.said_end = true;
        self.encrypt(0, pool, |traffic, place| traffic.queue_close_notify(place));
    }

    fn encrypt(
        &mut self,
        bytes: usize,
        pool: &mut Pool,
        mut write: impl FnMut(
            &mut WriteTraffic<'_, rustls::server::ServerConnectionData>,
            &mut [u8],
        ) -> Result<usize, EncryptError>,
    ) -> bool {
        // What it knows of a message in parts are places in there.
        let mut rest = std::mem::take(&mut self.rest);
        let done = loop {
            let UnbufferedStatus { discard, state } =
                self.tls.process_tls_records(rest.bytes_mut());
            let goes_on = match state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    let tail = self.sealed.tail(pool);
                    break append(tail, bytes + OVERHEAD_BYTES, |place| {
                        write(&mut traffic, place).map_err(|error| match error {
                            EncryptError::InsufficientSize(needed) => Some(needed),
                            EncryptError::EncryptExhausted => None,
                        })
                    });
                }
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, self.sealed.tail(pool)),
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    true
                }
                _ => false,
            };
            if discard != 0 {
                rest.keep_last(rest.len().saturating_sub(discard));
            }
            if !goes_on {
                break false;
            }
        };
        self.rest = rest;
        self.failed |= !done;
        done
    }
}

/// Appends what belongs to a handshake, an alert or new keys.
fn encode(
    mut data: EncodeTlsData<'_, rustls::server::ServerConnectionData>,
    tail: &mut Vec<u8>,
) -> bool {
    append(tail, OVERHEAD_BYTES, |place| {
        data.encode(place).map_err(|error| match error {
            EncodeError::InsufficientSize(needed) => Some(needed),
            EncodeError::AlreadyEncoded => None,
        })
    })
}

/// Appends what is written, in a place of this size or of the one that is asked for; whether
/// anything could be.
fn append(
    tail: &mut Vec<u8>,
    size: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<InsufficientSizeError>>,
) -> bool {
    let before = tail.len();
    let mut size = size;
    // It says once what it needs.
    for _ in 0..2 {
        tail.resize(before + size, 0);
        match write(tail.get_mut(before..).unwrap_or_default()) {
            Ok(written) => {
                tail.truncate(before + written);
                return true;
            }
            Err(Some(needed)) => size = needed.required_size,
            Err(None) => break,
        }
    }
    tail.truncate(before);
    false
}

#[cfg(test)]
pub(crate) mod tests;
