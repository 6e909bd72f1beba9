//! Sockets that said hello and keep still: how fast they come, and what each costs the server.

use std::time::{Duration, Instant};

use super::fleet::{Fleet, Quiet};
use super::options::{Mode, Options};
use super::process::Process;
use super::report::{Meter, Report};
use super::{Progress, wait};

/// What the first connections cost is the server's start, not theirs.
const FIRST: usize = 100;
/// Time for a server to do what it put off.
const SETTLE: Duration = Duration::from_millis(500);

/// Measures.
///
/// # Errors
///
/// A sentence: the server did not greet them all.
pub(super) fn run(options: &Options, progress: &mut Progress) -> Result<Report, String> {
    let mut report = Report::new(Mode::Idle);
    let count = options.count_for(Mode::Idle);
    let first = FIRST.min(count / 10);
    let server = options.pid.map(Process::other);
    let resident = || server.as_ref().and_then(Process::resident_bytes);
    let mut fleet = Fleet::new(options)?;
    let bare = resident();
    fleet.gather(first, &mut Quiet, |_| ())?;
    wait(&mut fleet, SETTLE, &mut Quiet)?;
    let before = resident();

    let begun = Instant::now();
    let meter = Meter::start(options);
    fleet.gather(count, &mut Quiet, |greeted| {
        progress.say(|| format!("{greeted} of {count} greeted"));
    })?;
    let elapsed = begun.elapsed();
    let opened = (count - first) as u64;
    report.figure("sockets", count as f64);
    report.figure("connects_per_s", opened as f64 / elapsed.as_secs_f64());
    meter.stop(&mut report, "server_us_per_connect", opened, false);
    wait(&mut fleet, SETTLE, &mut Quiet)?;
    let after = resident();
    if let (Some(bare), Some(before), Some(after)) = (bare, before, after) {
        let grown = after as f64 - before as f64;
        report.figure("resident_bytes_before", bare as f64);
        report.figure("resident_bytes_after", after as f64);
        report.figure("bytes_per_socket", grown / opened as f64);
    }

    let mut watched = Report::new(Mode::Idle);
    let meter = Meter::start(options);
    wait(&mut fleet, options.time, &mut Quiet)?;
    meter.stop(&mut watched, "", 0, false);
    if let Some(percent) = watched.value("server_core_percent") {
        report.figure("server_core_percent_idle", percent);
    }
    fleet.crew.check()?;
    Ok(report)
}
