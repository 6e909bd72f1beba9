//! What a mode found, as a table for people and as JSON for programs.
//!
//! Absent: how anything is measured.

use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::options::{Mode, Options};
use super::process::Process;

/// A core this busy is the bottleneck.
const FULL: f64 = 0.9;

/// One mode's figures and remarks.
pub(super) struct Report {
    mode: Mode,
    figures: Vec<Figure>,
    notes: Vec<String>,
    /// Something was wrong, not merely slow.
    pub(super) failed: bool,
}

struct Figure {
    key: &'static str,
    value: f64,
}

impl Report {
    /// Nothing yet.
    pub(super) fn new(mode: Mode) -> Self {
        Self {
            mode,
            figures: Vec::new(),
            notes: Vec::new(),
            failed: false,
        }
    }

    /// Adds a figure; the key ends with its unit.
    pub(super) fn figure(&mut self, key: &'static str, value: f64) {
        self.figures.push(Figure { key, value });
    }

    /// A figure that was added.
    pub(super) fn value(&self, key: &str) -> Option<f64> {
        let figure = self.figures.iter().find(|figure| figure.key == key);
        figure.map(|figure| figure.value)
    }

    /// Adds percentiles of microseconds under five keys.
    pub(super) fn percentiles(&mut self, keys: [&'static str; 5], times: &Histogram<u64>) {
        let values = [0.5, 0.9, 0.99, 0.999].map(|quantile| times.value_at_quantile(quantile));
        let values = values.into_iter().chain([times.max()]);
        for (key, value) in keys.into_iter().zip(values) {
            self.figure(key, value as f64);
        }
    }

    /// Adds a remark: a sentence.
    pub(super) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Adds a remark about something that makes the run worthless.
    pub(super) fn fail(&mut self, note: String) {
        self.failed = true;
        self.notes.push(note);
    }

    /// One JSON object of all reports.
    pub(super) fn json(reports: &[Self], options: &Options) -> String {
        let modes: Vec<_> = reports
            .iter()
            .map(|report| {
                let figures = report.figures.iter();
                let figures: serde_json::Map<_, _> = figures
                    .map(|figure| (figure.key.into(), round(figure.value).into()))
                    .collect();
                serde_json::json!({
                    "mode": report.mode.name(),
                    "failed": report.failed,
                    "figures": figures,
                    "notes": report.notes,
                })
            })
            .collect();
        let whole = serde_json::json!({
            "client": concat!("roshambo ", env!("CARGO_PKG_VERSION")),
            "url": options.url,
            "dialect": options.dialect.name(),
            "v2": options.v2,
            "modes": modes,
        });
        whole.to_string() + "\n"
    }

    /// The same for people.
    pub(super) fn table(reports: &[Self], options: &Options) -> String {
        let generation = if options.v2 { ", v2" } else { "" };
        let dialect = options.dialect.name();
        let mut text = format!("{} ({dialect}{generation})\n", options.url);
        for report in reports {
            let _ = writeln!(text, "\n{}", report.mode.name());
            for figure in &report.figures {
                let _ = writeln!(text, "  {:<36} {:>14}", figure.key, show(figure.value));
            }
            for note in &report.notes {
                let _ = writeln!(text, "  {} {note}", if report.failed { "!" } else { "-" });
            }
        }
        text
    }
}

/// To a thousandth: more digits than that are noise.
fn round(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

fn show(value: f64) -> String {
    match round(value) {
        value if value.fract() == 0.0 => format!("{value:.0}"),
        value if 100.0 <= value => format!("{value:.1}"),
        value => format!("{value:.3}"),
    }
}

/// Core time of the server and of this client over a span.
pub(super) struct Meter {
    server: Option<Process>,
    server_before: Option<Duration>,
    own_before: Option<Duration>,
    begun: std::time::Instant,
}

impl Meter {
    /// Begins.
    pub(super) fn start(options: &Options) -> Self {
        let server = options.pid.map(Process::other);
        Self {
            server_before: server.as_ref().and_then(Process::cpu_time),
            server,
            own_before: Process::own().cpu_time(),
            begun: std::time::Instant::now(),
        }
    }

    /// Ends, and reports over `things` that were done meanwhile; how long it was.
    ///
    /// `spins`: this client never sleeps, so that its share of a core says nothing.
    pub(super) fn stop(
        &self,
        report: &mut Report,
        key: &'static str,
        things: u64,
        spins: bool,
    ) -> Duration {
        let elapsed = self.begun.elapsed();
        let own = spent(self.own_before, Process::own().cpu_time());
        let server = self.server.as_ref().and_then(Process::cpu_time);
        let server = spent(self.server_before, server);
        let share = |time: Duration| time.as_secs_f64() / elapsed.as_secs_f64();
        if let Some(server) = server {
            if 0 < things {
                report.figure(key, server.as_secs_f64() * 1e6 / things as f64);
            }
            report.figure("server_core_percent", share(server) * 100.0);
        } else if self.server.is_some() {
            report.fail("there is no such process as --pid names".into());
        }
        if let Some(own) = own.filter(|_| !spins) {
            report.figure("client_core_percent", share(own) * 100.0);
            let server_full = server.is_some_and(|server| FULL < share(server));
            if FULL < share(own) && !server_full {
                report.note("this client's core was full: it was the bottleneck".into());
            }
        }
        elapsed
    }
}

fn spent(before: Option<Duration>, after: Option<Duration>) -> Option<Duration> {
    after?.checked_sub(before?)
}

/// A histogram of microseconds up to a minute, to three digits.
pub(super) fn histogram() -> Histogram<u64> {
    let made = Histogram::new_with_bounds(1, 60_000_000, 3);
    let mut times = made.expect("the bounds are fixed and sound");
    // What takes longer is counted as a little more than a minute.
    times.auto(true);
    times
}
