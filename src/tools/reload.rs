//! `roshambo reload PID`: asks a running server to become the program that lies at its place now,
//! and waits to be told what came of it.
//!
//! It listens under a name of that process's number and sends SIGUSR2; the server, this program or
//! the next one, connects and says one line. Absent: what a reload is.

use std::ffi::OsString;
use std::io::{ErrorKind, Read, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use lexopt::{Arg, Parser, ValueExt as _};
use rustix::process::{Pid, Signal};

use super::program;

/// How long until the server connects: it does so in its next turn.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the rest may take: the proof has ten seconds, the store five.
const ANSWER: Duration = Duration::from_secs(60);
/// How often it is looked who has connected.
const LOOK: Duration = Duration::from_millis(5);
/// The longest line that is read.
const LINE_BYTES_MAX: u64 = 4096;

const HELP: &str = "\
roshambo reload: replaces a running server by the program that lies at its place now. Nobody's
connection is closed, and no message or result is lost.

Usage: roshambo reload PID [--check]

  PID        the number of the server's process; a service's is $MAINPID (systemctl reload roshambo)
  --check    only let the new program prove that it can take over
  -h, --help this text

It prints one line and ends with 0 when the new program runs, with 1 when the old one goes on, and
with 2 when it was asked wrongly. Flags, environment and sandbox stay those of the old program:
settings that were changed need a restart. It has to run as the server's user or as root, on the
same machine and in the same container.
";

struct Asked {
    process: Pid,
    check: bool,
}

/// Runs the command; `args` come after its name.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let asked = match parse(Parser::from_args(args)) {
        Ok(Some(asked)) => asked,
        Ok(None) => {
            return say(
                &HELP.replace("roshambo reload PID", &format!("{} reload PID", program())),
                0,
            );
        }
        Err(error) => {
            let _ = writeln!(
                std::io::stderr(),
                "roshambo: {error}\ntry {} reload --help",
                program()
            );
            return ExitCode::from(2);
        }
    };
    match ask(&asked) {
        Ok(line) => say(&format!("{line}\n"), 0),
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "roshambo: {why}");
            ExitCode::from(1)
        }
    }
}

fn say(text: &str, code: u8) -> ExitCode {
    // A reader that went away is no fault.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::from(code)
}

fn parse(mut parser: Parser) -> Result<Option<Asked>, lexopt::Error> {
    let (mut process, mut check) = (None, false);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("check") => check = true,
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Value(value) if process.is_none() => {
                let number: i32 = value.parse()?;
                let named = Pid::from_raw(number).filter(|_| 0 < number);
                process = Some(named.ok_or("PID is a number above 0")?);
            }
            other => return Err(other.unexpected()),
        }
    }
    let process = process.ok_or("PID is missing")?;
    Ok(Some(Asked { process, check }))
}

/// Asks the server and returns its line; the error is one, too.
fn ask(asked: &Asked) -> Result<String, String> {
    let pid = asked.process.as_raw_nonzero();
    let wish = if asked.check { "check" } else { "reload" };
    let listener = SocketAddr::from_abstract_name(format!("roshambo-{wish}-{pid}"))
        .and_then(|name| UnixListener::bind_addr(&name));
    let listener = listener.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => format!("somebody waits for a {wish} of process {pid} already"),
        _ => format!("cannot wait for the answer: {error}"),
    })?;
    rustix::process::kill_process(asked.process, Signal::USR2)
        .map_err(|error| format!("process {pid} cannot be asked: {error}"))?;
    let mut server = accept(&listener, asked.process)?;
    // Whoever asks for something else from now on finds the name free.
    drop(listener);
    let mut line = String::new();
    server
        .set_read_timeout(Some(ANSWER))
        .and_then(|()| (&mut server).take(LINE_BYTES_MAX).read_to_string(&mut line))
        .map_err(|error| format!("process {pid} did not say what came of it: {error}"))?;
    let line = line.trim();
    match (line.strip_prefix('+'), line.strip_prefix('-')) {
        (Some(done), _) => Ok(done.to_owned()),
        (_, Some(why)) => Err(why.to_owned()),
        _ => Err(format!("process {pid} ended meanwhile: see its log")),
    }
}

/// Waits for that process; others may connect, and are not heard.
fn accept(listener: &UnixListener, process: Pid) -> Result<UnixStream, String> {
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
        "process {pid} does not answer: is it a roshambo that can reload, in the same container \
         (for a service: systemctl reload roshambo)?"
    ))
}
