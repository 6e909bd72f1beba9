//! Where connections come from: a TCP address or a unix socket.
//!
//! Absent: what is done with a connection, and when to accept the next one.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use mio::event::Source;
use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockAddr, SockRef, Type};

use super::http::HEAD_BYTES_MAX;
use super::peers::Peer;
use crate::config::{Config, Listen};

/// How many connections the kernel keeps for us while a turn is busy; it takes less if
/// `net.core.somaxconn` says so. A restart brings everybody back within seconds.
const BACKLOG: i32 = 4096;

/// How much the kernel may hold for a connection, besides what waits in the process.
///
/// Without these it takes megabytes: its own limits are made for downloads (tcp(7), `tcp_wmem` and
/// `tcp_rmem`), and what a peer does not read stays there until the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffers {
    /// `SO_SNDBUF` in bytes; Linux holds twice as much, its own bookkeeping included (socket(7)).
    pub(crate) send: usize,
    /// `SO_RCVBUF` in bytes, likewise. A unix socket has none: there the sender pays.
    pub(crate) receive: usize,
}

impl Buffers {
    /// As `--max-queue` and `--max-message` want them.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self {
            send: config.max_queue,
            // An upload is a request head, then messages.
            receive: HEAD_BYTES_MAX.max(2 * config.max_message),
        }
    }
}

/// An open listener.
#[derive(Debug)]
pub enum Listener {
    /// On a TCP address.
    Tcp(TcpListener),
    /// On a unix socket.
    Unix(UnixListener, SocketFile),
}

/// A unix socket's file; it goes when the listener goes, if we made it.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    ours: bool,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.ours {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Why there is no listener, for the person who started the server.
#[derive(Debug)]
pub struct BindError(pub(crate) String);

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BindError {}

impl Listener {
    /// Opens the listener.
    ///
    /// # Errors
    ///
    /// [`BindError`] says which address it was, what is wrong with it and what to do.
    pub fn bind(listen: &Listen) -> Result<Self, BindError> {
        match listen {
            Listen::Tcp(address) => bind_tcp(*address).map(Self::Tcp).map_err(|error| {
                BindError(format!(
                    "cannot listen on {address}: {error}{}",
                    advice(&error)
                ))
            }),
            Listen::Unix(path) => bind_unix(path)
                .map(|listener| {
                    let (path, ours) = (path.clone(), true);
                    Self::Unix(listener, SocketFile { path, ours })
                })
                .map_err(|error| {
                    BindError(format!(
                        "cannot listen on unix:{}: {error}{}",
                        path.display(),
                        advice(&error)
                    ))
                }),
        }
    }

    /// A TCP listener that somebody else opened.
    ///
    /// # Errors
    ///
    /// The system does not let us poll it.
    pub fn adopt_tcp(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self::Tcp(TcpListener::from_std(listener)))
    }

    /// A unix listener that somebody else opened; its file is not ours to remove.
    ///
    /// # Errors
    ///
    /// The system does not let us poll it.
    pub fn adopt_unix(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let path = address.as_pathname().unwrap_or(Path::new("@")).to_owned();
        let file = SocketFile { path, ours: false };
        Ok(Self::Unix(UnixListener::from_std(listener), file))
    }

    /// Bounds what the kernel holds for connections that come from now on: they inherit it from a
    /// TCP listener. A unix socket's do not: each has to be bounded by itself.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    pub fn bound(&self, buffers: Buffers) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => {
                let socket = SockRef::from(listener);
                socket.set_send_buffer_size(buffers.send)?;
                socket.set_recv_buffer_size(buffers.receive)
            }
            Self::Unix(..) => Ok(()),
        }
    }

    /// Takes the next connection that waits.
    ///
    /// # Errors
    ///
    /// Those of accept(2); `WouldBlock` when nobody waits.
    pub fn accept(&self) -> io::Result<(Socket, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept()?;
                // Events are small and must not wait for each other. Without it they are late,
                // not lost, so a failure is no reason to refuse the connection.
                let _ = stream.set_nodelay(true);
                let peer = Peer::Tcp(address.ip(), address.port());
                Ok((Socket::Tcp(stream), peer))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept()?;
                Ok((Socket::Unix(stream), Peer::Unix))
            }
        }
    }

    /// The TCP address that the system gave us; `None` for a unix socket.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(..) => None,
        }
    }
}

impl fmt::Display for Listener {
    /// What the log says at the start: the address, and what to do with it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.local_addr()) {
            (Self::Unix(_, file), _) => write!(f, "listening on unix:{}", file.path.display()),
            (Self::Tcp(_), None) => f.write_str("listening"),
            (Self::Tcp(_), Some(address)) => {
                let port = address.port();
                write!(f, "listening on {address}, open ")?;
                match address {
                    _ if address.ip().is_unspecified() => write!(f, "http://127.0.0.1:{port}/")?,
                    _ => write!(f, "http://{address}/")?,
                }
                f.write_str(" in a browser")
            }
        }
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        // `[::]` means everybody, also those who come by IPv4.
        let _ = socket.set_only_v6(false);
    }
    // A restart must not wait until the old process's connections have left TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.set_nonblocking(true)?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// A file left behind by a crash is removed, but only if it is a socket that nobody answers on.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    let address = SockAddr::unix(path)?;
    let open = || -> io::Result<UnixListener> {
        let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&address)?;
        socket.set_nonblocking(true)?;
        socket.listen(BACKLOG)?;
        Ok(UnixListener::from_std(OwnedFd::from(socket).into()))
    };
    match open() {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(path) => {
            std::fs::remove_file(path)?;
            open()
        }
        result => result,
    }
}

fn is_stale(path: &Path) -> bool {
    let is_socket =
        std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    let refused = || match std::os::unix::net::UnixStream::connect(path) {
        Err(error) => error.kind() == io::ErrorKind::ConnectionRefused,
        Ok(_) => false,
    };
    is_socket && refused()
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another process has it: stop that one or choose another address with --listen"
        }
        io::ErrorKind::AddrNotAvailable => {
            "; this machine has no such address: choose another one with --listen"
        }
        io::ErrorKind::PermissionDenied => {
            "; choose a place where this user may listen, such as a port above 1023, with --listen"
        }
        io::ErrorKind::NotFound => "; its directory does not exist: create it first",
        _ => "",
    }
}

/// One accepted connection.
#[derive(Debug)]
pub enum Socket {
    /// By TCP.
    Tcp(TcpStream),
    /// By unix socket.
    Unix(UnixStream),
}

impl Socket {
    /// Bounds what the kernel holds for it, where its listener could not.
    pub(crate) fn bound(&self, buffers: Buffers) {
        if let Self::Unix(stream) = self {
            // It cannot fail for a socket that is open; without it one peer would cost more.
            let _ = SockRef::from(stream).set_send_buffer_size(buffers.send);
        }
    }

    /// Receives what is there, at most as much as fits.
    pub(crate) fn recv(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }

    /// Sends from two places in one call.
    pub(crate) fn send(&mut self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        let parts = [IoSlice::new(first), IoSlice::new(second)];
        match (self, second.is_empty()) {
            (Self::Tcp(stream), true) => stream.write(first),
            (Self::Unix(stream), true) => stream.write(first),
            (Self::Tcp(stream), false) => stream.write_vectored(&parts),
            (Self::Unix(stream), false) => stream.write_vectored(&parts),
        }
    }

    /// Tells the peer that nothing more comes.
    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(stream) => stream,
            Self::Unix(stream) => stream,
        }
    }
}

impl Source for Socket {
    fn register(&mut self, registry: &Registry, token: Token, to: Interest) -> io::Result<()> {
        self.source().register(registry, token, to)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, to: Interest) -> io::Result<()> {
        self.source().reregister(registry, token, to)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.source().deregister(registry)
    }
}

impl Source for Listener {
    fn register(&mut self, registry: &Registry, token: Token, to: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.register(registry, token, to),
            Self::Unix(listener, _) => listener.register(registry, token, to),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, to: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.reregister(registry, token, to),
            Self::Unix(listener, _) => listener.reregister(registry, token, to),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.deregister(registry),
            Self::Unix(listener, _) => listener.deregister(registry),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::{Listener, SocketFile};
    use crate::config::Listen;

    fn loopback(port: u16) -> Listen {
        Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    #[test]
    fn a_port_in_use_is_named_with_what_to_do() {
        let first = Listener::bind(&loopback(0)).expect("a free port");
        let address = first.local_addr().expect("a TCP address");
        let error = Listener::bind(&loopback(address.port())).expect_err("the port is taken");
        let message = error.to_string();
        assert!(message.contains(&address.to_string()) && message.contains("--listen"));
    }

    #[test]
    fn a_stale_socket_file_is_replaced_and_a_live_one_is_not() {
        let path = std::env::temp_dir().join(format!("roshambo-{}.sock", std::process::id()));
        let listen = Listen::Unix(path.clone());
        let listener = Listener::bind(&listen).expect("a fresh path");
        assert!(Listener::bind(&listen).is_err(), "somebody answers there");
        // A crash leaves the file behind.
        match listener {
            Listener::Unix(listener, file) => {
                drop(listener);
                std::mem::forget(file);
            }
            Listener::Tcp(_) => panic!("a unix socket was asked for"),
        }
        assert!(path.exists());
        drop(Listener::bind(&listen).expect("nobody answers there"));
        assert!(!path.exists(), "the file goes with the listener");
        std::fs::write(&path, "precious").expect("a writable place");
        assert!(Listener::bind(&listen).is_err(), "a file is no socket");
        assert!(path.exists());
        drop(SocketFile { path, ours: true });
    }
}
