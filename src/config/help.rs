//! The knobs in words, for people: `--help`, and ranges in messages.
//!
//! Nothing is written by hand here that the table knows.

use std::fmt::Write as _;

use super::knobs::{KNOBS, Kind, Section, Unit};
use super::parse;

/// The text of `--version`.
pub(super) fn version() -> String {
    format!("roshambo {}\n", env!("CARGO_PKG_VERSION"))
}

/// The text of `--help`, at most 100 columns wide.
pub(super) fn help() -> String {
    let mut text = String::from(
        "roshambo: a server for rock-paper-scissors, played in browsers and WeChat mini programs.
It speaks WebSocket and Socket.IO, and brings its own web page and robots to play against.

Usage: roshambo [FLAG VALUE]...

Examples:
  roshambo                                        then open http://127.0.0.1:9595/
  roshambo --listen 0.0.0.0:8080 --game-time 5s   for everybody in the house, with longer rounds
  ROSHAMBO_STATE=/var/lib/roshambo.json roshambo --check

Every flag has an environment variable, named at its right; a flag goes before it.
Durations: 100ms, 3s, 30m, 1h. Sizes in bytes: 4096, or 4k.
",
    );
    for section in Section::ALL {
        let _ = write!(text, "\n{}:\n", section.title());
        for knob in KNOBS.iter().filter(|knob| knob.section == section) {
            let (metavar, range) = match knob.kind {
                Kind::Text { metavar, .. } => (metavar, String::new()),
                Kind::Number { unit, min, max, .. } => {
                    let metavar = match unit {
                        Unit::Milliseconds | Unit::WholeSeconds => "DURATION",
                        Unit::Bytes => "BYTES",
                        Unit::Count(_) => "NUMBER",
                    };
                    (metavar, format!("; {}", range(unit, min, max)))
                }
            };
            let typed = format!("{} {metavar}", knob.flag);
            let default = match knob.default {
                "" => "not set",
                default => default,
            };
            let known = format!("[{default}{range}]");
            let _ = writeln!(text, "  {typed:<29} {known:<36} {}", knob.env());
            for line in knob.help.lines() {
                let _ = writeln!(text, "      {line}");
            }
        }
    }
    text.push_str(
        "
Instead of serving:
  probe URL        check that players get through to a server; roshambo probe --help
  -h, --help       this text
  -V, --version    the version
      --check      print the effective configuration and who set it; a fault ends with code 2
",
    );
    text
}

/// A number in the syntax of its knob.
pub(super) fn show(unit: Unit, number: u64) -> String {
    match unit {
        Unit::Milliseconds | Unit::WholeSeconds => parse::show_duration(number),
        Unit::Bytes => parse::show_bytes(number),
        Unit::Count(_) => number.to_string(),
    }
}

/// A range with its unit, in words.
pub(super) fn range(unit: Unit, min: u64, max: u64) -> String {
    let (min, max) = (show(unit, min), show(unit, max));
    match unit {
        Unit::Milliseconds => format!("{min} to {max}"),
        Unit::WholeSeconds => format!("{min} to {max} in whole seconds"),
        Unit::Bytes => format!("{min} to {max} bytes"),
        Unit::Count(things) => format!("{min} to {max} {things}"),
    }
}
