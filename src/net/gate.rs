//! The game's listeners as one: who waits at any of them, and when to look no more.
//!
//! Absent: how many are let in, and what is done with them.

use std::fmt;
use std::io;

use mio::{Interest, Registry, Token};

use super::listen::{Listener, Socket};
use super::peers::Peer;

/// Where players come in.
#[derive(Debug)]
pub(crate) struct Gate {
    doors: Vec<Door>,
    /// Somebody else opened the listeners, and goes on listening when we are gone.
    handed: bool,
}

#[derive(Debug)]
struct Door {
    listener: Listener,
    /// Connections may wait in the kernel: an edge-triggered listener says so only once.
    waits: bool,
}

impl Gate {
    /// A gate of these listeners, not polled yet.
    pub(crate) fn new(listeners: Vec<Listener>, handed: bool) -> Self {
        let door = |listener| Door {
            listener,
            waits: false,
        };
        let doors = listeners.into_iter().map(door).collect();
        Self { doors, handed }
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
            door.waits = true;
        }
    }

    /// Whether somebody may wait.
    pub(crate) fn waits(&self) -> bool {
        self.doors.iter().any(|door| door.waits)
    }

    /// Takes the next connection that waits anywhere.
    ///
    /// # Errors
    ///
    /// Those of accept(2); `WouldBlock` when nobody waits.
    pub(crate) fn accept(&mut self) -> io::Result<(Socket, Peer)> {
        while let Some(index) = self.doors.iter().position(|door| door.waits) {
            let Some(door) = self.doors.get_mut(index) else {
                break;
            };
            match door.listener.accept() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => door.waits = false,
                Ok(accepted) => {
                    // The next look begins at another door, so that a crowd at one of them does
                    // not keep the other one shut.
                    self.doors.rotate_left(index + 1);
                    return Ok(accepted);
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// The first listener, unless the gate is shut.
    pub(crate) fn first(&self) -> Option<&Listener> {
        self.doors.first().map(|door| &door.listener)
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, door) in self.doors.iter().enumerate() {
            let comma = if index == 0 { "" } else { "; " };
            write!(f, "{comma}{}", door.listener)?;
        }
        if self.handed {
            f.write_str(" (handed over)")?;
        }
        Ok(())
    }
}
