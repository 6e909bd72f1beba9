//! The way to the server: a socket that never waits, or TLS on one.
//!
//! Absent: frames, and when to try again.

use std::io::{self, Read, Write};

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};

/// A connection.
pub(super) enum Way {
    Plain(TcpStream),
    Unix(UnixStream),
    #[cfg(feature = "tls")]
    Tls(Box<secure::Secure>),
}

impl Way {
    /// The socket below, as a poll wants it.
    pub(super) fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Plain(stream) => stream,
            Self::Unix(stream) => stream,
            #[cfg(feature = "tls")]
            Self::Tls(secure) => &mut secure.socket,
        }
    }

    /// Whether the other side has taken it.
    pub(super) fn is_connected(&self) -> io::Result<bool> {
        let (error, is_there) = match self {
            Self::Plain(stream) => (stream.take_error()?, stream.peer_addr().is_ok()),
            Self::Unix(stream) => (stream.take_error()?, stream.peer_addr().is_ok()),
            #[cfg(feature = "tls")]
            Self::Tls(secure) => (
                secure.socket.take_error()?,
                secure.socket.peer_addr().is_ok(),
            ),
        };
        error.map_or(Ok(is_there), Err)
    }

    /// Whether less than was asked for may have come although there is more.
    pub(super) fn is_in_records(&self) -> bool {
        !matches!(self, Self::Plain(_) | Self::Unix(_))
    }
}

impl Read for Way {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
            #[cfg(feature = "tls")]
            Self::Tls(secure) => secure.read(buffer),
        }
    }
}

impl Write for Way {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
            #[cfg(feature = "tls")]
            Self::Tls(secure) => secure.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a new connection begins with.
#[derive(Clone, Default)]
pub(super) struct Begin {
    #[cfg(feature = "tls")]
    tls: Option<secure::Begin>,
}

impl Begin {
    /// For `wss://`, to a server of this name; `believes` whatever certificate it shows, or only
    /// what the system's authorities signed.
    ///
    /// # Errors
    ///
    /// A sentence.
    #[cfg(feature = "tls")]
    pub(super) fn secure(name: &str, believes: bool) -> Result<Self, String> {
        let tls = Some(secure::Begin::new(name, believes)?);
        Ok(Self { tls })
    }

    /// Without the feature there is none.
    #[cfg(not(feature = "tls"))]
    pub(super) fn secure(_: &str, _: bool) -> Result<Self, String> {
        Err("this build speaks ws:// only: it lacks the feature tls".into())
    }

    /// On a socket that connects.
    pub(super) fn on(&self, socket: TcpStream) -> io::Result<Way> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls.on(socket).map(Way::Tls);
        }
        Ok(Way::Plain(socket))
    }
}

#[cfg(feature = "tls")]
mod secure {
    use std::io::{self, Read as _, Write as _};
    use std::sync::Arc;

    use mio::net::TcpStream;
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection};

    use crate::tools::probe::tls;

    /// TLS on a socket.
    pub(in super::super) struct Secure {
        pub(super) socket: TcpStream,
        tls: ClientConnection,
    }

    /// Whom to believe, and who is asked.
    #[derive(Clone)]
    pub(super) struct Begin {
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    }

    impl Begin {
        pub(super) fn new(name: &str, believes: bool) -> Result<Self, String> {
            let config = match believes {
                true => tls::credulous()?,
                false => tls::settings()?,
            };
            // Every connection costs the server a whole handshake.
            let mut own = ClientConfig::clone(&config);
            own.resumption = rustls::client::Resumption::disabled();
            let name = ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?;
            let config = Arc::new(own);
            Ok(Self { config, name })
        }

        pub(super) fn on(&self, socket: TcpStream) -> io::Result<Box<Secure>> {
            let tls = ClientConnection::new(Arc::clone(&self.config), self.name.clone());
            let tls = tls.map_err(io::Error::other)?;
            Ok(Box::new(Secure { socket, tls }))
        }
    }

    impl Secure {
        pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            loop {
                match self.tls.reader().read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => (),
                    // An end that is not said is an end all the same.
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                    read => return read,
                }
                if self.tls.read_tls(&mut self.socket)? == 0 {
                    return Ok(0);
                }
                self.tls.process_new_packets().map_err(io::Error::other)?;
                self.send()?;
            }
        }

        /// Nothing is taken before the handshake is over: then whoever reads tries again.
        pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.send()?;
            if self.tls.is_handshaking() || self.tls.wants_write() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let count = self.tls.writer().write(bytes)?;
            self.send()?;
            Ok(count)
        }

        fn send(&mut self) -> io::Result<()> {
            while self.tls.wants_write() {
                match self.tls.write_tls(&mut self.socket) {
                    Ok(_) => (),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        }
    }
}
