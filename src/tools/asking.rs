//! How a command asks a running server on the same machine for something, and is told what came of
//! it.
//!
//! It listens under a name of that process's number and sends SIGUSR2; the server connects, finds
//! out by the name what is asked for, and says one line. Such names belong to a network
//! (network_namespaces(7)), and a service may have one of its own. Absent: what is asked for.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write as _};
use std::os::fd::AsFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use lexopt::ValueExt as _;
use rustix::process::{Pid, Signal};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// How long until the server connects: it does so in its next turn.
const CONNECT: Duration = Duration::from_secs(5);
/// How often it is looked who has connected.
const LOOK: Duration = Duration::from_millis(5);
/// The longest line that is read.
const LINE_BYTES_MAX: u64 = 4096;

/// Says what came of it, and what the command ends with.
pub(super) fn finish(answer: Result<String, String>) -> ExitCode {
    match answer {
        Ok(line) => say(&format!("{line}\n")),
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "roshambo: {why}");
            ExitCode::from(1)
        }
    }
}

/// Prints a text, and all is well.
pub(super) fn say(text: &str) -> ExitCode {
    // A reader that went away is no fault.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// A process by its number.
pub(super) fn pid(value: &OsString) -> Result<Pid, lexopt::Error> {
    let number: i32 = value.parse()?;
    let named = Pid::from_raw(number).filter(|_| 0 < number);
    Ok(named.ok_or("PID is a number above 0")?)
}

/// What a server is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) name: &'static str,
    /// How long it may take.
    pub(super) patience: Duration,
    /// What may be wrong if nothing answers.
    pub(super) unanswered: &'static str,
}

/// Asks the server, waits, and returns its line; the error is one, too.
pub(super) fn ask(process: Pid, wish: Wish) -> Result<String, String> {
    let Wish { name, patience, .. } = wish;
    let pid = process.as_raw_nonzero();
    enter_network_of(process)?;
    let listener = SocketAddr::from_abstract_name(format!("roshambo-{name}-{pid}"))
        .and_then(|name| UnixListener::bind_addr(&name));
    let listener = listener.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => format!("somebody waits for a {name} of process {pid} already"),
        _ => format!("cannot wait for the answer: {error}"),
    })?;
    rustix::process::kill_process(process, Signal::USR2)
        .map_err(|error| format!("process {pid} cannot be asked: {error}"))?;
    let mut server = accept(&listener, process, wish)?;
    // Whoever asks for something else from now on finds the name free.
    drop(listener);
    let mut line = String::new();
    server
        .set_read_timeout(Some(patience))
        .and_then(|()| (&mut server).take(LINE_BYTES_MAX).read_to_string(&mut line))
        .map_err(|error| format!("process {pid} did not say what came of it: {error}"))?;
    let line = line.trim();
    match (line.strip_prefix('+'), line.strip_prefix('-')) {
        (Some(done), _) => Ok(done.to_owned()),
        (_, Some(why)) => Err(why.to_owned()),
        _ => Err(format!("process {pid} ended meanwhile: see its log")),
    }
}

/// Goes where the server is, if that has a network of its own.
fn enter_network_of(process: Pid) -> Result<(), String> {
    let pid = process.as_raw_nonzero();
    let path = format!("/proc/{pid}/ns/net");
    // Who may not look there may not ask either, and is told so by the signal.
    let (Ok(ours), Ok(its)) = (fs::read_link("/proc/self/ns/net"), fs::read_link(&path)) else {
        return Ok(());
    };
    if ours == its {
        return Ok(());
    }
    let entered = File::open(&path).and_then(|link| {
        let kind = Some(LinkNameSpaceType::Network);
        Ok(move_into_link_name_space(link.as_fd(), kind)?)
    });
    entered.map_err(|error| {
        format!("process {pid} has a network of its own, and cannot be asked there ({error}): ask as root")
    })
}

/// Waits for that process; others may connect, and are not heard.
fn accept(listener: &UnixListener, process: Pid, wish: Wish) -> Result<UnixStream, String> {
    let cannot = |error| format!("cannot wait for the answer: {error}");
    listener.set_nonblocking(true).map_err(cannot)?;
    let until = Instant::now() + CONNECT;
    while Instant::now() < until {
        match listener.accept() {
            Ok((stream, _)) => {
                let peer = rustix::net::sockopt::socket_peercred(&stream);
                if peer.is_ok_and(|peer| peer.pid == process) {
                    stream.set_nonblocking(false).map_err(cannot)?;
                    return Ok(stream);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(LOOK),
            Err(error) => return Err(cannot(error)),
        }
    }
    let pid = process.as_raw_nonzero();
    Err(format!(
        "process {pid} does not answer: {}?",
        wish.unanswered
    ))
}
