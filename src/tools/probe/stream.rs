//! The way to the server: a TCP connection, or TLS on one.
//!
//! Absent: WebSocket, and what a failure means.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::failure::Failure;
#[cfg(feature = "tls")]
use super::tls;
use super::{PATIENCE, Target};

/// An open connection.
pub(super) enum Stream {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<tls::Stream>),
}

impl Stream {
    /// Connects, and for `wss://` shakes hands and looks at the certificate.
    pub(super) fn open(target: &Target) -> Result<Self, Failure> {
        let addresses = target.authority.to_socket_addrs();
        let addresses = addresses.map_err(|error| Failure::Name(error.to_string()))?;
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in addresses {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => return Self::prepare(target, stream),
                Err(error) => last = error,
            }
        }
        Err(Failure::Connect(last))
    }

    fn prepare(target: &Target, stream: TcpStream) -> Result<Self, Failure> {
        let prepared = stream
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
            .and_then(|()| stream.set_nodelay(true));
        prepared.map_err(Failure::Connect)?;
        #[cfg(feature = "tls")]
        if let Some(tls) = &target.tls {
            return tls::shake_hands(tls, target.name(), stream).map(|tls| Self::Tls(tls.into()));
        }
        // Without the feature no target with TLS is ever made.
        let _ = target;
        Ok(Self::Plain(stream))
    }

    pub(super) fn set_read_timeout(&self, time: Duration) -> io::Result<()> {
        let stream = match self {
            Self::Plain(stream) => stream,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => &stream.sock,
        };
        stream.set_read_timeout(Some(time))
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.flush(),
        }
    }
}
