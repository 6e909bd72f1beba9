//! Whoever asked for a reload, or a gathering, and waits to be told what came of it.
//!
//! It listens under a name that is made of our process number, which no file has and nobody
//! outlives (unix(7), abstract sockets), and then sends the signal. There may be nobody: then the
//! log tells. Absent: that other end, which is `roshambo reload` or
//! `roshambo gather`.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use socket2::{Domain, SockAddr, Socket, Type};

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Reload,
    /// Only that the new program proves that it could.
    Check,
    /// That all players go on at another instance.
    Gather,
}

/// Somebody who waits.
#[derive(Debug)]
pub(crate) struct Asker(File);

impl Asker {
    /// Somebody who asks this process for that, and waits.
    pub(crate) fn find(wish: Wish) -> Option<Self> {
        call(match wish {
            Wish::Check => "check",
            Wish::Reload => "reload",
            Wish::Gather => "gather",
        })
    }

    /// One whom the program before this one knew.
    pub(crate) fn taken(descriptor: OwnedFd) -> Self {
        Self(File::from(descriptor))
    }

    /// Tells it, and that is all.
    pub(crate) fn answer(mut self, done: bool, line: &str) {
        let mark = if done { '+' } else { '-' };
        // One that went away meanwhile is not waited for; there is room for one line.
        let _ = self.0.write_all(format!("{mark}{line}\n").as_bytes());
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Somebody who listens for it and may ask: root, and whoever this process belongs to.
fn call(wish: &str) -> Option<Asker> {
    let name = format!("\0roshambo-{wish}-{}", std::process::id());
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).ok()?;
    // Who listens and does not accept must not keep the game waiting.
    socket.set_nonblocking(true).ok()?;
    socket.connect(&SockAddr::unix(name).ok()?).ok()?;
    let peer = rustix::net::sockopt::socket_peercred(&socket).ok()?;
    let may = peer.uid.is_root() || peer.uid == rustix::process::geteuid();
    may.then(|| Asker(File::from(OwnedFd::from(socket))))
}
