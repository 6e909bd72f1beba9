//! Where connections come from: a TCP address or a unix socket.
//!
//! A unix socket's file is made with its permissions before anybody can connect, replaces nothing
//! but what a crash left behind, and goes with the listener.
//!
//! Absent: what is done with a connection, and when to accept the next one.

use std::fmt;
use std::fs;
use std::io::{self, IoSlice, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use mio::event::Source;
use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockAddr, SockRef, Type};

use super::handover::carried::Door;
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
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// A unix socket's file; it goes when the listener goes, if we made it.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// What we made; nothing if somebody else did.
    made: Option<FileId>,
}

/// A file's device and number: whoever took ours away and made another one has another.
type FileId = (u64, u64);

fn file_id(path: &Path) -> Option<FileId> {
    let metadata = fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.made.is_some() && self.made == file_id(&self.path) {
            let _ = fs::remove_file(&self.path);
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
    /// Opens the listener; `unix_mode` are the permissions of a unix socket's file.
    ///
    /// # Errors
    ///
    /// [`BindError`] says which address it was, what is wrong with it and what to do.
    pub fn bind(listen: &Listen, unix_mode: u32) -> Result<Self, BindError> {
        match listen {
            Listen::Tcp(address) => bind_tcp(*address).map(Self::Tcp).map_err(|error| {
                BindError(format!("cannot listen on {address}: {}", explain(&error)))
            }),
            Listen::Unix(path) => bind_unix(path, unix_mode)
                .map(|listener| {
                    let (path, made) = (path.clone(), file_id(path));
                    Self::Unix(listener, SocketFile { path, made })
                })
                .map_err(|reason| {
                    let path = path.display();
                    BindError(format!("cannot listen on unix:{path}: {reason}"))
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
        let file = SocketFile { path, made: None };
        Ok(Self::Unix(UnixListener::from_std(listener), file))
    }

    /// One that the program before this one had.
    ///
    /// # Errors
    ///
    /// The system does not let us poll it.
    pub(crate) fn taken(door: &Door, descriptor: OwnedFd) -> io::Result<Self> {
        match door {
            Door::Tcp => Self::adopt_tcp(descriptor.into()),
            Door::Unix { path, made } => {
                let listener = std::os::unix::net::UnixListener::from(descriptor);
                listener.set_nonblocking(true)?;
                let (path, made) = (path.into(), *made);
                let file = SocketFile { path, made };
                Ok(Self::Unix(UnixListener::from_std(listener), file))
            }
        }
    }

    /// What the next program has to know of it, beside its descriptor.
    pub(crate) fn carry(&self) -> Door {
        match self {
            Self::Tcp(_) => Door::Tcp,
            Self::Unix(_, file) => Door::Unix {
                path: file.path.to_string_lossy().into_owned(),
                made: file.made,
            },
        }
    }

    /// Bounds what the kernel holds for connections that come from now on, and lets their small
    /// messages not wait for each other: they inherit it from a TCP listener, which saves a call
    /// for each. A unix socket's do not: each has to be bounded by itself.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    pub fn bound(&self, buffers: Buffers) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => {
                let socket = SockRef::from(listener);
                socket.set_tcp_nodelay(true)?;
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

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener, _) => listener.as_fd(),
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
                let shown = to_open(address, source_towards);
                write!(
                    f,
                    "listening on {address}, open http://{shown}/ in a browser"
                )?;
                match address.ip().is_unspecified() && !shown.ip().is_loopback() {
                    true => f.write_str(", here or elsewhere in the same network"),
                    false => Ok(()),
                }
            }
        }
    }
}

/// Where somebody reaches a listener that is bound to `bound`.
///
/// One that listens everywhere is reached at the address that this machine has towards the outside,
/// so that a phone in the same house can open it; `source` tells that, if there is one.
fn to_open(bound: SocketAddr, source: impl Fn(SocketAddr) -> Option<IpAddr>) -> SocketAddr {
    /// Nobody's addresses, for documentation (RFC 5737, section 3; RFC 3849, section 2).
    const OUTSIDE: [IpAddr; 2] = [
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    ];

    if !bound.ip().is_unspecified() {
        return bound;
    }
    // `[::]` takes IPv4 as well, which is easier to type.
    let targets = OUTSIDE
        .into_iter()
        .filter(|ip| bound.is_ipv6() || ip.is_ipv4());
    let seen = targets
        .filter_map(|ip| source(SocketAddr::new(ip, 9)))
        .find(|ip| !ip.is_loopback() && !ip.is_unspecified());
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    SocketAddr::new(seen.unwrap_or(here), bound.port())
}

/// The address that packets to `target` would come from. To connect a UDP socket sends none: the
/// kernel only looks the way up (udp(7), connect(2)).
fn source_towards(target: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = match target {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(target).ok()?;
    Some(socket.local_addr().ok()?.ip())
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
///
/// The error is the rest of a sentence.
fn bind_unix(path: &Path, mode: u32) -> Result<UnixListener, String> {
    let address = SockAddr::unix(path).map_err(|error| error.to_string())?;
    let open = || -> io::Result<UnixListener> {
        let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&address)?;
        // Nobody can connect before it listens, so nobody slips in under other permissions.
        let ready = fs::set_permissions(path, fs::Permissions::from_mode(mode))
            .and_then(|()| socket.set_nonblocking(true))
            .and_then(|()| socket.listen(BACKLOG));
        if let Err(error) = ready {
            let _ = fs::remove_file(path);
            return Err(error);
        }
        Ok(UnixListener::from_std(OwnedFd::from(socket).into()))
    };
    let opened = match open() {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => match occupant(path, &address) {
            Some(occupant) => return Err(occupant.into()),
            None => fs::remove_file(path).and_then(|()| open()),
        },
        opened => opened,
    };
    opened.map_err(|error| explain(&error))
}

/// What is at a path where a socket was to be made; nothing if a crash left it behind.
fn occupant(path: &Path, address: &SockAddr) -> Option<&'static str> {
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        // It went away meanwhile, and the next try will tell.
        Err(_) => return None,
    };
    if !kind.is_socket() {
        return Some(match kind {
            _ if kind.is_file() => {
                "there is a regular file of that name, and it is left alone: move it away, or \
                 choose another path with --listen"
            }
            _ if kind.is_dir() => {
                "there is a directory of that name: choose a path in it with --listen"
            }
            _ if kind.is_symlink() => {
                "there is a symbolic link of that name, and it is left alone: choose the path that \
                 it leads to, or another one, with --listen"
            }
            _ => {
                "there is something of that name that is no socket, and it is left alone: choose \
                 another path with --listen"
            }
        });
    }
    // Not waiting: somebody whose queue is full is there all the same.
    let connected = socket2::Socket::new(Domain::UNIX, Type::STREAM, None).and_then(|socket| {
        socket.set_nonblocking(true)?;
        socket.connect(address)
    });
    match connected.map_err(|error| error.kind()) {
        Err(io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => None,
        Err(io::ErrorKind::PermissionDenied) => Some(
            "there is a socket of another user, who may be listening: remove it if nobody is, or \
             choose another path with --listen",
        ),
        Ok(()) | Err(_) => Some(
            "another process listens there: stop that one, or choose another path with \
                 --listen",
        ),
    }
}

/// An error with what can be done about it.
fn explain(error: &io::Error) -> String {
    /// The number of "Address family not supported by protocol" on Linux, which std has no name for.
    const EAFNOSUPPORT: i32 = 97;

    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another process has it (ss -ltnp shows which): stop that one or choose another \
             address with --listen"
        }
        io::ErrorKind::AddrNotAvailable => {
            "; this machine has no such address: choose another one with --listen"
        }
        io::ErrorKind::PermissionDenied => {
            "; choose a place where this user may listen, such as a port above 1023, with --listen"
        }
        io::ErrorKind::NotFound => "; its directory does not exist: create it first",
        _ if error.raw_os_error() == Some(EAFNOSUPPORT) => {
            "; this system, or its sandbox, has no addresses of that kind: choose another one with \
             --listen"
        }
        _ => "",
    };
    format!("{error}{advice}")
}

/// One accepted connection.
#[derive(Debug)]
pub enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// One that the program before this one had.
    pub(crate) fn taken(is_unix: bool, descriptor: OwnedFd) -> Self {
        match is_unix {
            true => Self::Unix(UnixStream::from_std(descriptor.into())),
            false => Self::Tcp(TcpStream::from_std(descriptor.into())),
        }
    }

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

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
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
    use std::io;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn loopback(port: u16) -> Listen {
        Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// A path of this test's own, with nothing there.
    fn fresh(name: &str) -> PathBuf {
        let name = format!("roshambo-{}-{name}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_file(&path);
        path
    }

    fn bind(path: &Path) -> Result<Listener, String> {
        let listen = Listen::Unix(path.to_owned());
        Listener::bind(&listen, 0o660).map_err(|error| error.to_string())
    }

    #[test]
    fn a_port_in_use_is_named_with_what_to_do() {
        let first = Listener::bind(&loopback(0), 0).expect("a free port");
        let address = first.local_addr().expect("a TCP address");
        let error = Listener::bind(&loopback(address.port()), 0).expect_err("the port is taken");
        let message = error.to_string();
        assert!(message.contains(&address.to_string()) && message.contains("--listen"));
    }

    #[test]
    fn a_stale_socket_file_is_replaced_and_a_live_one_is_not() {
        let path = fresh("stale");
        let listener = bind(&path).expect("a fresh path");
        let error = bind(&path).expect_err("somebody answers there");
        assert!(error.contains("another process listens there"), "{error}");
        // A crash leaves the file behind.
        match listener {
            Listener::Unix(listener, file) => {
                drop(listener);
                std::mem::forget(file);
            }
            Listener::Tcp(_) => panic!("a unix socket was asked for"),
        }
        assert!(path.exists());
        drop(bind(&path).expect("nobody answers there"));
        assert!(!path.exists(), "the file goes with the listener");
    }

    /// Whoever has a full queue is there, and does not have to be waited for to see that.
    #[test]
    fn a_live_socket_whose_queue_is_full_is_seen_at_once() {
        let path = fresh("full");
        let address = SockAddr::unix(&path).expect("a short path");
        let socket = || socket2::Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
        let listener = socket();
        listener.bind(&address).expect("a fresh path");
        listener.listen(0).expect("a socket");
        let mut queue = Vec::new();
        let full = loop {
            let client = socket();
            client.set_nonblocking(true).expect("a socket");
            match client.connect(&address) {
                Ok(()) => queue.push(client),
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        let error = bind(&path).expect_err("somebody listens there");
        assert!(error.contains("another process listens there"), "{error}");
        fs::remove_file(&path).expect("it is left");
    }

    #[test]
    fn what_is_no_socket_is_called_what_it_is_and_left_alone() {
        let path = fresh("other");
        fs::write(&path, "precious").expect("a writable place");
        let error = bind(&path).expect_err("a file is no socket");
        let want = format!(
            "cannot listen on unix:{}: there is a regular file",
            path.display()
        );
        assert!(error.starts_with(&want), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("it is left"), "precious");
        fs::remove_file(&path).expect("ours");
        fs::create_dir(&path).expect("a writable place");
        let error = bind(&path).expect_err("a directory is no socket");
        assert!(
            error.contains(": there is a directory of that name"),
            "{error}"
        );
        fs::remove_dir(&path).expect("it is left");
        // It leads nowhere; somebody may be about to make what it leads to.
        std::os::unix::fs::symlink("nowhere", &path).expect("a writable place");
        let error = bind(&path).expect_err("a link is no socket");
        assert!(
            error.contains(": there is a symbolic link of that name"),
            "{error}"
        );
        fs::remove_file(&path).expect("it is left");
        let error = bind(&path.join("none")).expect_err("no such directory");
        assert!(error.contains("its directory does not exist"), "{error}");
    }

    #[test]
    fn a_unix_socket_has_the_permissions_that_were_asked_for() {
        let path = fresh("mode");
        for mode in [0o600, 0o660, 0o666, 0o777] {
            let listen = Listen::Unix(path.clone());
            let listener = Listener::bind(&listen, mode).expect("a fresh path");
            let metadata = fs::metadata(&path).expect("it is there");
            assert_eq!(metadata.permissions().mode() & 0o7777, mode);
            drop(UnixStream::connect(&path).expect("its owner may connect"));
            drop(listener);
        }
    }

    /// Somebody took the file away and made another one: that is the next process's.
    #[test]
    fn the_file_of_another_listener_is_not_removed() {
        let path = fresh("another");
        let first = bind(&path).expect("a fresh path");
        fs::remove_file(&path).expect("it is there");
        let second = bind(&path).expect("a path that is free again");
        drop(first);
        drop(UnixStream::connect(&path).expect("the second one's file is still there"));
        drop(second);
        assert!(!path.exists());
    }

    #[test]
    fn a_listener_that_is_everywhere_is_opened_at_the_address_that_others_see() {
        let (v4, v6) = (Some("192.168.1.7"), Some("2001:db8:5::7"));
        let rows = [
            ("127.0.0.1:80", v4, v6, "127.0.0.1:80"),
            ("192.168.1.9:80", v4, v6, "192.168.1.9:80"),
            ("[::1]:80", v4, v6, "[::1]:80"),
            ("0.0.0.0:80", v4, v6, "192.168.1.7:80"),
            ("[::]:80", v4, v6, "192.168.1.7:80"),
            ("[::]:80", None, v6, "[2001:db8:5::7]:80"),
            ("0.0.0.0:80", None, v6, "127.0.0.1:80"),
            ("[::]:80", None, None, "127.0.0.1:80"),
            ("0.0.0.0:80", Some("127.0.0.1"), v6, "127.0.0.1:80"),
            ("[::]:80", Some("0.0.0.0"), Some("::1"), "127.0.0.1:80"),
        ];
        for (bound, v4, v6, want) in rows {
            let source = |target: SocketAddr| {
                let found = if target.is_ipv4() { v4 } else { v6 };
                found.map(|ip| ip.parse().expect("the row's address"))
            };
            let bound: SocketAddr = bound.parse().expect("the row's address");
            assert_eq!(to_open(bound, source).to_string(), want, "{bound}");
        }
    }

    /// What the kernel says is an address of this machine: somebody can listen there.
    #[test]
    fn the_address_towards_a_place_is_one_of_this_machine_s() {
        let target = SocketAddr::from(([127, 0, 0, 1], 9));
        let found = source_towards(target).expect("there is a loopback");
        assert_eq!(found, IpAddr::V4(Ipv4Addr::LOCALHOST));
        if let Some(found) = source_towards(SocketAddr::from(([192, 0, 2, 1], 9))) {
            drop(std::net::TcpListener::bind((found, 0)).expect("it is ours"));
        }
    }
}
