//! `roshambo gather PID`: asks a running instance to send its players on to the others, and waits
//! to be told how many went.
//!
//! Absent: what a gathering is, and how it is asked for.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use lexopt::{Arg, Parser};
use rustix::process::Pid;

use super::asking::{Wish, ask, finish, pid, say};
use super::program;

/// The longest round is a minute.
const GATHER: Wish = Wish {
    name: "gather",
    patience: Duration::from_secs(90),
    unanswered: "is it a roshambo that runs as one of several (--instance), in the same container",
};

const HELP: &str = "\
roshambo gather: sends the players of one instance on to the others that share its store, each after
its round, so that a small crowd is together again. They keep score, streak and person, and private
rooms open again under their codes.

Usage: roshambo gather PID

  PID        the number of the instance's process (systemctl show -P MainPID roshambo@b)
  -h, --help this text

Meanwhile that instance answers 503, so that the proxy passes over it; then it serves as before. It
prints one line and ends with 0 when nobody is left, with 1 when somebody is, or nobody was sent on,
and with 2 when it was asked wrongly. It has to run as the server's user, or as root where
the server has a network of its own, on the same machine and in the same container.
";

/// Runs the command; `args` come after its name.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    match parse(Parser::from_args(args)) {
        Ok(Some(process)) => finish(ask(process, GATHER)),
        Ok(None) => say(&HELP.replace("roshambo gather PID", &format!("{} gather PID", program()))),
        Err(error) => {
            let _ = writeln!(
                std::io::stderr(),
                "roshambo: {error}\ntry {} gather --help",
                program()
            );
            ExitCode::from(2)
        }
    }
}

fn parse(mut parser: Parser) -> Result<Option<Pid>, lexopt::Error> {
    let mut process = None;
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Value(value) if process.is_none() => process = Some(pid(&value)?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(process.ok_or("PID is missing")?))
}
