//! `roshambo bench URL`: a load tester for a running server, on one thread and one poll.
//!
//! It is a plain client: it knows what stands on the wire and nothing of the server's types. What
//! the server costs is read from `/proc`, where the server runs on this machine. Absent: TLS,
//! long-polling, private rooms, more than one thread.

mod churn;
mod fleet;
mod frames;
mod games;
mod idle;
mod options;
mod process;
mod relay;
mod report;
mod seats;
mod way;
mod words;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use fleet::{Fleet, Play};
use options::{Command, HELP, Mode};
use report::Report;

/// Descriptors that are no client: poll, the standard ones, `/proc`.
const OTHER_DESCRIPTORS: usize = 32;

/// Runs with the words after `bench`. Ends with 2 when they are wrong, and with 1 when something
/// could not be measured or a game was wrong.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let options = match Command::parse(args) {
        Ok(Command::Run(options)) => options,
        Ok(Command::Help) => return print(HELP, ExitCode::SUCCESS),
        Err(misuse) => {
            let program = super::program();
            complain(&format!("{misuse}\ntry {program} bench --help"));
            return ExitCode::from(2);
        }
    };
    let counts = options.modes.iter().map(|&mode| options.count_for(mode));
    let most = counts.max().unwrap_or(0) + options.beside + OTHER_DESCRIPTORS;
    if !matches!(rlimit::increase_nofile_limit(most as u64), Ok(granted) if most as u64 <= granted)
    {
        complain(&format!(
            "the limit of open files (ulimit -n) is below {most}"
        ));
    }
    let (mut reports, mut code) = (Vec::new(), ExitCode::SUCCESS);
    for &mode in &options.modes {
        let mut progress = Progress::new(mode, options.quiet);
        let report = match mode {
            Mode::Idle => idle::run(&options, &mut progress),
            Mode::Relay => relay::run(&options, Mode::Relay, &mut progress),
            Mode::Flood => relay::run(&options, Mode::Flood, &mut progress),
            Mode::Games => games::run(&options, &mut progress),
            Mode::Churn => churn::run(&options, &mut progress),
        };
        let report = report.unwrap_or_else(|message| {
            let mut report = Report::new(mode);
            report.fail(message);
            report
        });
        if report.failed {
            code = ExitCode::from(1);
        }
        reports.push(report);
    }
    let text = match options.json {
        true => Report::json(&reports, &options),
        false => Report::table(&reports, &options),
    };
    print(&text, code)
}

/// A reader that went away early, as `head` does, is no fault.
fn print(text: &str, code: ExitCode) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    code
}

fn complain(message: &str) {
    let _ = writeln!(std::io::stderr(), "roshambo bench: {message}");
}

/// One line a second about what goes on.
pub(crate) struct Progress {
    mode: Mode,
    quiet: bool,
    next: Instant,
    begun: Instant,
}

impl Progress {
    fn new(mode: Mode, quiet: bool) -> Self {
        let begun = Instant::now();
        Self {
            mode,
            quiet,
            next: begun + Duration::from_secs(1),
            begun,
        }
    }

    /// Says it, unless something was said within the last second.
    fn say(&mut self, what: impl FnOnce() -> String) {
        if self.quiet || Instant::now() < self.next {
            return;
        }
        self.next += Duration::from_secs(1);
        let seconds = self.begun.elapsed().as_secs();
        let (mode, what) = (self.mode.name(), what());
        let _ = writeln!(std::io::stderr(), "{mode} {seconds:>3} s: {what}");
    }
}

/// Lets the clients do what they do for a while.
fn wait(fleet: &mut Fleet, time: Duration, play: &mut impl Play) -> Result<(), String> {
    let end = Instant::now() + time;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        fleet.turn(Some(left), play)?;
    }
}
