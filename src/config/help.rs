//! The knobs in words, for people: `--help`, and ranges in messages.
//!
//! Nothing is written by hand here that the table knows.

use std::fmt::Write as _;

use super::knobs::{KNOBS, Kind, Knob, Section, Unit};
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
  ROSHAMBO_STORE=/srv/roshambo.db roshambo --check

Every flag has an environment variable, named on the right; if both are set, the flag counts.
Durations: 100ms, 3s, 30m, 1h, 7d. Sizes in bytes: 4096, or 4k.
",
    );
    for section in Section::ALL {
        let _ = write!(text, "\n{}:\n", section.title());
        for knob in KNOBS.iter().filter(|knob| knob.section == section) {
            let (metavar, range) = value_of(knob);
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
  bench URL        measure a running server; roshambo bench --help
  probe URL        check that players get through to a server; roshambo probe --help
  reload PID       replace a running server by the program that lies at its place now, without
                   closing a connection; roshambo reload --help
  gather PID       send an instance's players on to the others; roshambo gather --help
  store COMMAND    look into the file that keeps points, copy it, erase somebody;
                   roshambo store --help
  token --sub WHO  sign a token with which a player is a person; roshambo token --help
  -h, --help       this text
  -V, --version    the version
      --check      print the effective configuration and who set it, and what is doubtful in it
                   on standard error; a fault ends with code 2
      --man        print this as a manual page: roshambo --man | man -l -
",
    );
    text
}

/// The text of `--man`: the same as a manual page, in the language of man(7).
pub(super) fn man() -> String {
    let mut page = format!(
        ".\\\" Written by roshambo --man.\n.TH ROSHAMBO 1 \"\" \"roshambo {}\" \"User Commands\"\n",
        env!("CARGO_PKG_VERSION")
    );
    page.push_str(
        ".SH NAME
roshambo \\- real\\-time server for rock\\-paper\\-scissors
.SH SYNOPSIS
.B roshambo
.RI [ \"FLAG VALUE\" ]...
.br
.B roshambo bench
.I URL
.RI [ FLAG ]...
.br
.B roshambo probe
.I URL
.RI [ FLAG ]...
.br
.B roshambo reload
.I PID
.RI [ FLAG ]...
.br
.B roshambo gather
.I PID
.br
.B roshambo store
.I COMMAND
.RI [ FLAG ]...
.br
.B roshambo token
.RI [ FLAG ]...
.SH DESCRIPTION
Players in browsers and WeChat mini programs meet over WebSocket or Socket.IO; who is alone plays
against a robot.
Without a subcommand
.B roshambo
serves until
.BR SIGTERM ,
.B SIGINT
or
.BR SIGHUP :
then rounds are played to their end, players told to come back, and it exits.
At
.B SIGUSR2
it becomes the program that lies at its place by then, and no connection is closed.
.PP
.B bench
measures a running server,
.B probe
checks that players get through to one,
.B reload
replaces one by the program that lies at its place now,
.B gather
sends an instance's players on to the others,
.B store
looks into the file that keeps points, copies it or erases somebody,
.B token
signs a token with which a player is a person; all tell their flags with
.BR \\-\\-help .
.SH OPTIONS
Every flag has an environment variable, named below it; if both are set, the flag counts.
Durations are written 100ms, 3s, 30m, 1h; sizes in bytes, 4096 or 4k.
",
    );
    for section in Section::ALL {
        let _ = writeln!(page, ".SS {}", roff(section.title()));
        for knob in KNOBS.iter().filter(|knob| knob.section == section) {
            let (metavar, range) = value_of(knob);
            let default = match knob.default {
                "" => "not set",
                default => default,
            };
            let (flag, metavar) = (roff(knob.flag), roff(metavar));
            let _ = writeln!(page, ".TP\n.BI {flag} \" {metavar}\"");
            for line in knob.help.lines() {
                let _ = writeln!(page, "{}", roff(line));
            }
            let known = roff(&format!("Default: {default}{range}."));
            let _ = writeln!(page, ".br\n{known}\n.RB ( {} )", roff(&knob.env()));
        }
    }
    page.push_str(
        ".SS Instead of serving
.TP
.BR \\-h \", \" \\-\\-help
The same, shorter.
.TP
.BR \\-V \", \" \\-\\-version
The version.
.TP
.B \\-\\-check
Print the effective configuration and who set it; what is doubtful in it, such as a variable that is
no setting, goes to standard error.
.TP
.B \\-\\-man
Print this page.
.SH EXIT STATUS
0 after a stop, 1 if it cannot serve, 2 if a flag or a variable is wrong.
.B probe
ends with 0 if all is well, 1 if it is slow, 2 if players do not get through, 3 if it was asked
wrongly.
.SH FILES
.TP
.I /etc/default/roshambo
Variables of the service that the Debian package installs.
.TP
.I /var/lib/roshambo
Its sessions, so that scores outlive a restart.
.TP
.I /usr/share/doc/roshambo/README.md
How to deploy it, and everything else.
.SH SEE ALSO
.BR systemctl (1),
.BR nginx (8)
",
    );
    page
}

/// A text as it is: no dash is broken or beautified, no line is taken for a request.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}

/// What a knob takes, and its range behind a semicolon if there is one.
fn value_of(knob: &Knob) -> (&'static str, String) {
    match knob.kind {
        Kind::Text { metavar, .. } => (metavar, String::new()),
        Kind::Number { unit, min, max, .. } => {
            let metavar = match unit {
                Unit::Milliseconds | Unit::WholeSeconds => "DURATION",
                Unit::Bytes => "BYTES",
                Unit::Count(_) => "NUMBER",
            };
            (metavar, format!("; {}", range(unit, min, max)))
        }
    }
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
