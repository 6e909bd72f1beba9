//! The game's listeners as one: who waits at any of them, and when to look no more.
//!
//! Absent: how many are let in, and what is done with them.

use std::fmt;
use std::io;

use mio::{Interest, Registry, Token};
use serde::{Deserialize, Serialize};

use super::listen::{Buffers, Listener, Socket};
use super::peers::Peer;

/// Where players come in.
#[derive(Debug)]
pub(crate) struct Gate {
    doors: Vec<Door>,
    buffers: Buffers,
    /// Somebody else opened the listeners, and goes on listening when we are gone.
    handed: bool,
    /// Who comes by TLS waits for the next program.
    tls_held: bool,
}

/// What is spoken with those who come in by a door.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Way {
    /// What this server is there for.
    #[default]
    Plain,
    /// The same by TLS.
    Tls,
    /// They are sent to where TLS is spoken.
    Redirect,
}

/// What came of accepting.
#[derive(Debug)]
pub(crate) enum Let {
    /// Somebody came in.
    In(Socket, Peer, Way),
    /// Nobody waits.
    Nobody,
    /// The one who waited is gone, or a signal came: the next one, please.
    Next(io::Error),
    /// It would fail again: not before a while.
    Pause(io::Error),
}

/// What an error of accept(2) calls for. None of them ends the service.
///
/// Linux hands the network's errors about the one who waited to us. What is left are descriptors
/// and memory that ran out, and what nobody thought of; neither passes at once.
fn judge(error: io::Error) -> Let {
    use io::ErrorKind as Kind;

    match error.kind() {
        Kind::WouldBlock => Let::Nobody,
        Kind::Interrupted
        | Kind::ConnectionAborted
        | Kind::ConnectionReset
        | Kind::HostUnreachable
        | Kind::NetworkDown
        | Kind::NetworkUnreachable
        // A rule of the firewall forbids this one.
        | Kind::PermissionDenied
        | Kind::TimedOut => Let::Next(error),
        _ => Let::Pause(error),
    }
}

#[derive(Debug)]
struct Door {
    listener: Listener,
    way: Way,
    /// Connections may wait in the kernel: an edge-triggered listener says so only once.
    waits: bool,
}

impl Gate {
    /// A gate of these listeners, not polled yet.
    ///
    /// # Errors
    ///
    /// The system does not let us bound what it holds for those who come.
    pub(crate) fn new(
        listeners: Vec<(Listener, Way)>,
        handed: bool,
        buffers: Buffers,
    ) -> io::Result<Self> {
        for (listener, _) in &listeners {
            listener.bound(buffers)?;
        }
        let door = |(listener, way)| Door {
            listener,
            way,
            waits: false,
        };
        let doors = listeners.into_iter().map(door).collect();
        Ok(Self {
            doors,
            buffers,
            handed,
            tls_held: false,
        })
    }

    /// All listeners.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = &Listener> {
        self.doors.iter().map(|door| &door.listener)
    }

    /// What is spoken at each of them, in the same order.
    pub(crate) fn ways(&self) -> impl Iterator<Item = Way> {
        self.doors.iter().map(|door| door.way)
    }

    /// The port where TLS is spoken, if it is.
    pub(crate) fn tls_port(&self) -> Option<u16> {
        let mut doors = self.doors.iter().filter(|door| door.way == Way::Tls);
        doors.find_map(|door| door.listener.local_addr().map(|address| address.port()))
    }

    /// Whether somebody goes on listening when we are gone.
    pub(crate) fn is_handed(&self) -> bool {
        self.handed
    }

    /// Has all listeners polled, under one token.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        for door in &mut self.doors {
            registry.register(&mut door.listener, token, Interest::READABLE)?;
            // Those who came before we did may not be announced.
            door.waits = true;
        }
        Ok(())
    }

    /// Leaves everybody who comes from now on to the next process.
    pub(crate) fn shut(&mut self, registry: &Registry) {
        for mut door in self.doors.drain(..) {
            // It is closed in a moment; the kernel forgets it then at the latest.
            let _ = registry.deregister(&mut door.listener);
        }
    }

    /// The kernel says that somebody waits; it does not say where.
    pub(crate) fn note(&mut self) {
        for door in &mut self.doors {
            door.waits = !self.tls_held || door.way != Way::Tls;
        }
    }

    /// Lets nobody in by TLS for now, or again.
    pub(crate) fn hold_tls(&mut self, hold: bool) {
        if self.tls_held != hold {
            self.tls_held = hold;
            self.note();
        }
    }

    /// Whether somebody may wait.
    pub(crate) fn waits(&self) -> bool {
        self.doors.iter().any(|door| door.waits)
    }

    /// Takes the next connection that waits anywhere.
    pub(crate) fn accept(&mut self) -> Let {
        while let Some(index) = self.doors.iter().position(|door| door.waits) {
            let Some(door) = self.doors.get_mut(index) else {
                break;
            };
            match door.listener.accept() {
                Ok((socket, peer)) => {
                    socket.bound(self.buffers);
                    // The next look begins at another door, so that a crowd at one of them does
                    // not keep the other one shut.
                    let way = door.way;
                    self.doors.rotate_left(index + 1);
                    return Let::In(socket, peer, way);
                }
                Err(error) => match judge(error) {
                    Let::Nobody => door.waits = false,
                    other => return other,
                },
            }
        }
        Let::Nobody
    }

    /// The first listener, unless the gate is shut.
    pub(crate) fn first(&self) -> Option<&Listener> {
        let mut doors = self.doors.iter();
        let plain = doors.find(|door| door.way == Way::Plain);
        plain.map(|door| &door.listener)
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, door) in self.doors.iter().enumerate() {
            let comma = if index == 0 { "" } else { "; " };
            f.write_str(comma)?;
            match (door.way, door.listener.local_addr()) {
                (Way::Plain, _) | (_, None) => write!(f, "{}", door.listener)?,
                (Way::Tls, Some(address)) => write!(f, "https and wss on {address}")?,
                (Way::Redirect, Some(address)) => write!(f, "redirecting on {address}")?,
            }
        }
        if self.handed {
            f.write_str(" (handed over)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::any::Any;
    use std::io;
    use std::net::{Ipv4Addr, TcpStream};
    use std::os::unix::net::UnixStream;

    use socket2::SockRef;

    use super::{Gate, Let, Way, judge};
    use crate::config::{Config, Listen};
    use crate::net::listen::{Buffers, Listener, Socket};

    #[test]
    fn what_the_kernel_does_for_those_who_come_is_settled_at_the_door() {
        let config = Config::default();
        let buffers = Buffers::of(&config);
        let path = std::env::temp_dir().join(format!("roshambo-gate-{}", std::process::id()));
        let anywhere = Listen::Tcp((Ipv4Addr::LOCALHOST, 0).into());
        for listen in [anywhere, Listen::Unix(path.clone())] {
            let listener = Listener::bind(&listen, 0o600).expect("a free place");
            let address = listener.local_addr();
            let mut gate =
                Gate::new(vec![(listener, Way::Plain)], false, buffers).expect("options");
            let _client: Box<dyn Any> = match address {
                Some(address) => Box::new(TcpStream::connect(address).expect("it listens")),
                None => Box::new(UnixStream::connect(&path).expect("it listens")),
            };
            gate.note();
            let Let::In(socket, ..) = gate.accept() else {
                panic!("somebody waits at {listen:?}")
            };
            let options = match &socket {
                Socket::Tcp(stream) => SockRef::from(stream),
                Socket::Unix(stream) => SockRef::from(stream),
            };
            // Linux doubles what it is told.
            let send = options.send_buffer_size().expect("an option");
            assert_eq!(send, 2 * config.max_queue, "{listen:?}");
            if address.is_some() {
                let receive = options.recv_buffer_size().expect("an option");
                assert_eq!(receive, 2 * buffers.receive);
                assert!(options.tcp_nodelay().expect("an option"), "they inherit it");
            }
        }
    }

    #[test]
    fn every_error_of_accept_is_judged_and_none_ends_the_service() {
        // Linux's numbers; those of accept(2) and some that it should never give.
        let rows = [
            ("EAGAIN", 11, "nobody"),
            ("EPERM", 1, "next"),
            ("EINTR", 4, "next"),
            ("ECONNABORTED", 103, "next"),
            ("ECONNRESET", 104, "next"),
            ("ENETDOWN", 100, "next"),
            ("ENETUNREACH", 101, "next"),
            ("EHOSTUNREACH", 113, "next"),
            ("ETIMEDOUT", 110, "next"),
            ("EMFILE", 24, "pause"),
            ("ENFILE", 23, "pause"),
            ("ENOBUFS", 105, "pause"),
            ("ENOMEM", 12, "pause"),
            ("EPROTO", 71, "pause"),
            ("EOPNOTSUPP", 95, "pause"),
            ("EINVAL", 22, "pause"),
            ("EBADF", 9, "pause"),
            ("ENOTSOCK", 88, "pause"),
            ("EIO", 5, "pause"),
        ];
        for (name, number, want) in rows {
            let judged = match judge(io::Error::from_raw_os_error(number)) {
                Let::In(..) => "in",
                Let::Nobody => "nobody",
                Let::Next(_) => "next",
                Let::Pause(_) => "pause",
            };
            assert_eq!(judged, want, "{name}");
        }
    }
}
