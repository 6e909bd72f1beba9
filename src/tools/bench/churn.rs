//! Connections that come, say hello and go again, some at a time.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::Progress;
use super::fleet::{Crew, Fleet, Happening, Play};
use super::options::{Mode, Options};
use super::report::{Meter, Report, histogram};

/// A connection that is neither greeted nor closed for so long is a fault.
const PATIENCE: Duration = Duration::from_secs(10);

struct Churn {
    /// When each connection was begun, by its index.
    begun: Vec<Instant>,
    ended: u64,
    greetings: Histogram<u64>,
}

impl Play for Churn {
    fn on(&mut self, crew: &mut Crew, index: usize, what: Happening<'_>) {
        match what {
            Happening::Greeted(_) => {
                if let Some(begun) = self.begun.get(index) {
                    let time = crew.now.saturating_duration_since(*begun);
                    self.greetings.saturating_record(time.as_micros() as u64);
                }
                crew.close(index);
            }
            Happening::Ended => self.ended += 1,
            Happening::Event(_) | Happening::Lost => (),
        }
    }
}

/// Measures.
///
/// # Errors
///
/// A sentence: the server lost one, or did not answer.
pub(super) fn run(options: &Options, progress: &mut Progress) -> Result<Report, String> {
    let mut report = Report::new(Mode::Churn);
    let at_once = options.count_for(Mode::Churn) as u64;
    let mut fleet = Fleet::new(options)?;
    let mut churn = Churn {
        begun: Vec::new(),
        ended: 0,
        greetings: histogram(),
    };
    let meter = Meter::start(options);
    let begun = Instant::now();
    let (mut opened, mut moved, mut seen) = (0_u64, begun, 0);
    loop {
        let over = options.time <= begun.elapsed();
        while !over && opened - churn.ended < at_once {
            let now = Instant::now();
            let index = fleet.open()?;
            if churn.begun.len() <= index {
                churn.begun.resize(index + 1, now);
            }
            churn.begun[index] = now;
            opened += 1;
        }
        if over && opened == churn.ended {
            break;
        }
        fleet.turn(Some(Duration::from_millis(100)), &mut churn)?;
        fleet.crew.check()?;
        progress.say(|| format!("{} came and went", churn.ended));
        if seen < churn.ended {
            (seen, moved) = (churn.ended, Instant::now());
        } else if PATIENCE < moved.elapsed() {
            return Err("the server neither greets nor closes any more".into());
        }
    }
    report.figure("connections", churn.ended as f64);
    let per_cycle = "server_us_per_connection";
    let elapsed = meter.stop(&mut report, per_cycle, churn.ended, false);
    report.figure(
        "connections_per_s",
        churn.ended as f64 / elapsed.as_secs_f64(),
    );
    let keys = [
        "greeting_p50_us",
        "greeting_p90_us",
        "greeting_p99_us",
        "greeting_p99_9_us",
        "greeting_max_us",
    ];
    report.percentiles(keys, &churn.greetings);
    Ok(report)
}
