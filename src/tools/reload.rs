//! `roshambo reload PID`: asks a running server to become the program that lies at its place now,
//! and waits to be told what came of it.
//!
//! The server, this program or the next one, says one line. Absent: what a reload is, and how it is
//! asked for.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use lexopt::{Arg, Parser};
use rustix::process::Pid;

use super::asking::{Wish, ask, finish, pid, say};
use super::program;

/// The proof has ten seconds, the store five.
const RELOAD: Wish = Wish {
    name: "reload",
    patience: Duration::from_secs(60),
    unanswered: "is it a roshambo that can reload, in the same container (for a service: \
        systemctl reload roshambo)",
};
const CHECK: Wish = Wish {
    name: "check",
    ..RELOAD
};

const HELP: &str = "\
roshambo reload: replaces a running server by the program that lies at its place now. Nobody's
connection is closed, and no message or result is lost.

Usage: roshambo reload PID [--check]

  PID        the number of the server's process; a service's is $MAINPID (systemctl reload roshambo)
  --check    only let the new program prove that it can take over
  -h, --help this text

It prints one line and ends with 0 when the new program runs, with 1 when the old one goes on, and
with 2 when it was asked wrongly. Flags, environment and sandbox stay those of the old program:
settings that were changed need a restart. It has to run as the server's user, or as
root where the server has a network of its own, on the same machine and in the same container.
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
            return say(&HELP.replace("roshambo reload PID", &format!("{} reload PID", program())));
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
    finish(ask(asked.process, if asked.check { CHECK } else { RELOAD }))
}

fn parse(mut parser: Parser) -> Result<Option<Asked>, lexopt::Error> {
    let (mut process, mut check) = (None, false);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("check") => check = true,
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Value(value) if process.is_none() => {
                process = Some(pid(&value)?);
            }
            other => return Err(other.unexpected()),
        }
    }
    let process = process.ok_or("PID is missing")?;
    Ok(Some(Asked { process, check }))
}
