//! Faces between pairs: at a fixed rate, or as many as a window allows.
//!
//! The rate is an open loop: every face has a moment at which it is due, and its latency counts
//! from there, whether or not the ones before it arrived. A client that sends late, or a server
//! that stalls, is thereby seen by every face that had to wait.

use std::time::{Duration, Instant};

use super::Progress;
use super::fleet::Fleet;
use super::options::{Mode, Options};
use super::report::{Meter, Report, histogram};
use super::seats::Seats;

/// Longest time before the measurement in which nothing is recorded.
const WARM_UP_MAX: Duration = Duration::from_secs(1);
/// The kernel sleeps whole milliseconds: what is due sooner is waited for awake.
const AWAKE: Duration = Duration::from_millis(2);
/// Most faces between two looks at the sockets.
const BURST: u32 = 64;
/// That long without any face means that those on their way are lost.
const STALL: Duration = Duration::from_secs(3);
/// Beyond this the client is not punctual enough for its figures to be the server's.
const LATE_US: u64 = 1_000;

const KEYS: [&str; 5] = [
    "latency_p50_us",
    "latency_p90_us",
    "latency_p99_us",
    "latency_p99_9_us",
    "latency_max_us",
];

/// Measures `relay` or `flood`.
///
/// # Errors
///
/// A sentence: the players could not be seated, or one was lost.
pub(super) fn run(
    options: &Options,
    mode: Mode,
    progress: &mut Progress,
) -> Result<Report, String> {
    let mut report = Report::new(mode);
    let count = options.count_for(mode) / 2 * 2;
    let mut fleet = Fleet::new(options)?;
    let mut seats = Seats::new(options);
    seats.gather(&mut fleet, count, options.beside, progress)?;
    report.figure("players", count as f64);
    report.figure("sockets_beside", options.beside as f64);
    if mode == Mode::Relay {
        relay(options, &mut fleet, &mut seats, &mut report, progress)?;
    } else {
        flood(options, &mut fleet, &mut seats, &mut report, progress)?;
    }
    report.figure("faces_arrived_in_all", seats.arrived as f64);
    report.percentiles(KEYS, &seats.latencies);
    seats.report(&mut report);
    Ok(report)
}

fn relay(
    options: &Options,
    fleet: &mut Fleet,
    seats: &mut Seats,
    report: &mut Report,
    progress: &mut Progress,
) -> Result<(), String> {
    let count = report.value("players").unwrap_or_default() as usize;
    let warm_up = (options.time / 5).min(WARM_UP_MAX);
    let due_at =
        |number: u64| Duration::from_nanos(number * 1_000_000_000 / u64::from(options.rate));
    let mut lateness = histogram();
    let mut measured: Option<(Meter, u64, u64)> = None;
    let (mut number, mut kept) = (0_u64, Duration::ZERO);
    loop {
        let now = seats.epoch.elapsed();
        if measured.is_none() && warm_up <= now {
            seats.record_from = Some(now.as_micros() as u32);
            measured = Some((Meter::start(options), seats.arrived, seats.sent));
        }
        if warm_up + options.time <= now {
            break;
        }
        for _ in 0..BURST {
            let due = due_at(number);
            let now = seats.epoch.elapsed();
            if now < due {
                break;
            }
            lateness.saturating_record((now - due).as_micros() as u64);
            seats.show(
                &mut fleet.crew,
                number as usize % count,
                due.as_micros() as u32,
            );
            number += 1;
        }
        let left = due_at(number).saturating_sub(seats.epoch.elapsed());
        fleet.turn(Some(left.saturating_sub(AWAKE)), seats)?;
        if kept + Duration::from_secs(1) < now {
            kept = now;
            seats.check(fleet)?;
            seats.keep(&mut fleet.crew);
            let p99 = seats.latencies.value_at_quantile(0.99);
            progress.say(|| format!("{} faces arrived, p99 {p99} us", seats.arrived));
        }
    }
    let Some((meter, arrived_before, sent_before)) = measured else {
        return Err("the time was over before it began".into());
    };
    let arrived = seats.arrived - arrived_before;
    let per_message = "server_us_per_message";
    let elapsed = meter.stop(report, per_message, arrived, true);
    drain(fleet, seats)?;
    let sent = seats.sent - sent_before;
    let missing = seats.sent - seats.arrived;
    report.figure("faces_sent", sent as f64);
    report.figure("faces_missing", missing as f64);
    report.figure("faces_per_s", arrived as f64 / elapsed.as_secs_f64());
    let late = lateness.value_at_quantile(0.99);
    report.figure("client_late_p99_us", late as f64);
    if LATE_US < late {
        report.note(format!(
            "this client was late itself: p99 {late} us after the due time"
        ));
    }
    if 0 < missing {
        report.fail(format!("{missing} faces never arrived"));
    }
    Ok(())
}

fn flood(
    options: &Options,
    fleet: &mut Fleet,
    seats: &mut Seats,
    report: &mut Report,
    progress: &mut Progress,
) -> Result<(), String> {
    let count = report.value("players").unwrap_or_default() as usize;
    let warm_up = (options.time / 5).min(WARM_UP_MAX);
    seats.answering = true;
    for index in 0..count {
        for _ in 0..options.window {
            let moment = seats.moment(Instant::now());
            seats.show(&mut fleet.crew, index, moment);
        }
    }
    let mut measured: Option<(Meter, u64)> = None;
    let (mut kept, mut moved, mut seen) = (Duration::ZERO, Instant::now(), 0);
    loop {
        fleet.turn(Some(Duration::from_millis(100)), seats)?;
        let now = seats.epoch.elapsed();
        if measured.is_none() && warm_up <= now {
            seats.record_from = Some(now.as_micros() as u32);
            measured = Some((Meter::start(options), seats.arrived));
        }
        if warm_up + options.time <= now {
            break;
        }
        if seen < seats.arrived {
            (seen, moved) = (seats.arrived, Instant::now());
        } else if STALL < moved.elapsed() {
            seats.report(report);
            report.fail("faces got lost: none is on its way any more".into());
            return Ok(());
        }
        if kept + Duration::from_secs(1) < now {
            kept = now;
            seats.check(fleet)?;
            seats.keep(&mut fleet.crew);
            progress.say(|| format!("{} faces arrived", seats.arrived));
        }
    }
    let Some((meter, arrived_before)) = measured else {
        return Err("the time was over before it began".into());
    };
    let arrived = seats.arrived - arrived_before;
    let elapsed = meter.stop(report, "server_us_per_message", arrived, false);
    seats.answering = false;
    drain(fleet, seats)?;
    let missing = seats.sent - seats.arrived;
    report.figure("window", f64::from(options.window));
    report.figure("faces_per_s", arrived as f64 / elapsed.as_secs_f64());
    report.figure("faces_missing", missing as f64);
    if 0 < missing {
        report.fail(format!("{missing} faces never arrived"));
    }
    Ok(())
}

/// Waits for the last faces, as long as any come.
fn drain(fleet: &mut Fleet, seats: &mut Seats) -> Result<(), String> {
    let (mut moved, mut seen) = (Instant::now(), seats.arrived);
    while seats.arrived < seats.sent && moved.elapsed() < STALL {
        fleet.turn(Some(Duration::from_millis(50)), seats)?;
        if seen < seats.arrived {
            (seen, moved) = (seats.arrived, Instant::now());
        }
    }
    seats.check(fleet)
}
