//! What is allowed and probably not meant: variables that look like settings and are not, and
//! values that somebody will wonder about. Each is a sentence for the person who typed; none is a
//! fault.
//!
//! Absent: faults, which end the start, and where the sentences are written.

use std::ffi::OsStr;

use super::knobs::KNOBS;
use super::names::{nearest_knob, nearest_variable};
use super::{Config, Listen, parse};

/// How long the shipped unit waits for an end (`TimeoutStopSec=`); hardly anybody waits longer.
const UNIT_STOP_MS: u64 = 20_000;
/// After this much silence proxies hang up (nginx: `proxy_read_timeout`).
const PROXY_SILENCE_MS: u64 = 60_000;
/// What the tests of this project and their tools read: nothing to wonder about.
const OF_TESTS: [&str; 2] = ["ROSHAMBO_BIN", "ROSHAMBO_PATIENCE_MS"];

/// The variables that look like settings and are not, a sentence each with the name that was
/// probably meant.
///
/// `variables` are those of the process. One that is empty counts as not set. Values are never
/// repeated: they may be anybody's secrets.
pub fn strange_variables<N: AsRef<OsStr>, V: AsRef<OsStr>>(
    variables: impl IntoIterator<Item = (N, V)>,
) -> Vec<String> {
    let mut sentences: Vec<String> = variables
        .into_iter()
        .filter(|(_, value)| !value.as_ref().is_empty())
        .filter_map(|(name, value)| {
            let (name, value) = (name.as_ref(), value.as_ref());
            strange_variable(&name.to_string_lossy(), &value.to_string_lossy())
        })
        .collect();
    // The environment has no order that means anything.
    sentences.sort_unstable();
    sentences
}

fn strange_variable(name: &str, value: &str) -> Option<String> {
    let is_known = KNOBS.iter().any(|knob| knob.env() == name)
        || OF_TESTS.contains(&name)
        // Of the program before this one, at a reload.
        || name == "ROSHAMBO_HANDOVER"
        || name.starts_with("ROSHAMBO_TEST_");
    if is_known || is_injected(name, value) {
        return None;
    }
    // Files of variables are written by hand: small letters, dashes and dots are as good a try.
    let plain = name.to_ascii_uppercase().replace(['-', '.', ' '], "_");
    let flag = match plain.strip_prefix("ROSHAMBO_") {
        Some(word) => nearest_knob(&word.to_ascii_lowercase().replace('_', "-")),
        // Without that it may be anybody's, unless it is nearly one of ours as a whole.
        None => Some(nearest_variable(&plain)?),
    };
    let meant = KNOBS.iter().find(|knob| Some(knob.flag) == flag);
    let name = name.escape_debug();
    Some(match meant {
        Some(knob) => format!(
            "{name} is no setting and is not used; did you mean {}?",
            knob.env()
        ),
        None => format!("{name} is no setting and is not used; roshambo --help names them all"),
    })
}

/// Whether it is one that Kubernetes and Docker add for a service or container named roshambo:
/// `ROSHAMBO_SERVICE_HOST`, `ROSHAMBO_PORT=tcp://10.0.0.1:9595`, `ROSHAMBO_PORT_9595_TCP_ADDR`,
/// `ROSHAMBO_ADMIN_SERVICE_PORT_HTTP`.
///
/// Source: Kubernetes, "Service", "Environment variables"; Docker, "Legacy container links".
fn is_injected(name: &str, value: &str) -> bool {
    let is_url = ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|scheme| value.starts_with(scheme));
    let of_port = name.split_once("_PORT_").is_some_and(|(_, rest)| {
        let (port, protocol) = rest.split_once('_').unwrap_or((rest, ""));
        port.parse::<u16>().is_ok()
            && ["TCP", "UDP", "SCTP"]
                .iter()
                .any(|known| protocol.starts_with(known))
    });
    let linked = name == "ROSHAMBO_NAME" && value.starts_with('/');
    let of_service = name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT");
    of_service || of_port || linked || (name.ends_with("_PORT") && is_url)
}

impl Config {
    /// Values that somebody will wonder about, a sentence each.
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        if let Some(Listen::Tcp(address)) = self.admin
            && !address.ip().to_canonical().is_loopback()
        {
            let port = address.port();
            sentences.push(format!(
                "--admin {address} can be read by whoever reaches it, and asks nobody for a \
                 password: keep others out, or give --admin 127.0.0.1:{port}"
            ));
        }
        if PROXY_SILENCE_MS <= self.ping_interval_ms {
            let interval = parse::show_duration(self.ping_interval_ms);
            sentences.push(format!(
                "--ping-interval {interval} lets proxies hang up first: most do after 60s of \
                 silence"
            ));
        }
        if self.token_audience.is_some() && self.token_key.is_none() {
            sentences.push(
                "--token-audience is not used: without --token-key no token is taken".to_owned(),
            );
        }
        if self.origins.contains_key("--unix-mode") {
            let mode = parse::show_mode(self.unix_mode);
            let listen = parse::show_listen(&self.listen);
            match self.listen {
                Listen::Tcp(_) => sentences.push(format!(
                    "--unix-mode {mode} is not used: --listen {listen} is no unix socket"
                )),
                // Connecting to a unix socket is writing to it (unix(7)).
                Listen::Unix(_) if self.unix_mode & 0o022 == 0 => sentences.push(format!(
                    "--unix-mode {mode} lets only this user connect: others need the right to \
                     write, as 0660 gives it to the group and 0666 to all"
                )),
                Listen::Unix(_) => (),
            }
        }
        sentences
    }

    /// What whoever stops the process has to know, a sentence each: nothing is wrong here.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        if self.drain_timeout_ms <= UNIT_STOP_MS {
            return Vec::new();
        }
        let drain = parse::show_duration(self.drain_timeout_ms);
        let unit = parse::show_duration(UNIT_STOP_MS);
        vec![format!(
            "--drain-timeout {drain} is longer than TimeoutStopSec={unit} of the unit: systemd is \
             asked to wait longer (EXTEND_TIMEOUT_USEC); whatever else stops it needs its own \
             setting, for example docker stop -t"
        )]
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    #[track_caller]
    fn check(name: &str, value: &str, want: Option<&str>) {
        let sentences = strange_variables([(name, value)]);
        let Some(want) = want else {
            assert_eq!(sentences, [""; 0], "{name}={value}");
            return;
        };
        let [sentence] = &sentences[..] else {
            panic!("{name}={value}: {sentences:?}");
        };
        let name = name.escape_debug();
        assert!(
            sentence.starts_with(&format!("{name} is no setting")),
            "{sentence}"
        );
        assert!(sentence.ends_with(want), "{sentence}, wanted {want}");
        assert!(!sentence.contains("secret"), "{sentence}");
    }

    #[test]
    fn variables_that_are_no_settings_are_told_with_what_was_meant() {
        #[rustfmt::skip]
        let rows = [
            ("ROSHAMBO_GAMETIME", "did you mean ROSHAMBO_GAME_TIME?"),
            ("ROSHAMBO_GAME_TIEM", "did you mean ROSHAMBO_GAME_TIME?"),
            ("ROSHAMBO_GAME-TIME", "did you mean ROSHAMBO_GAME_TIME?"),
            ("roshambo_game_time", "did you mean ROSHAMBO_GAME_TIME?"),
            ("roshambo.store", "did you mean ROSHAMBO_STORE?"),
            ("ROSHAMBO__STORE", "did you mean ROSHAMBO_STORE?"),
            ("ROSHAMBO_STORE ", "did you mean ROSHAMBO_STORE?"),
            ("ROSHMABO_STORE", "did you mean ROSHAMBO_STORE?"),
            ("ROSHAMBOSTORE", "did you mean ROSHAMBO_STORE?"),
            ("ROSHAMBO_STORE_FILE", "did you mean ROSHAMBO_STORE?"),
            ("ROSHAMBO_MAX_CONN", "did you mean ROSHAMBO_MAX_CONNECTIONS?"),
            ("ROSHAMBO_PINGTIMEOUTEIO4", "did you mean ROSHAMBO_PING_TIMEOUT_EIO4?"),
            ("ROSHAMBO_PORT", "did you mean ROSHAMBO_LISTEN?"),
            ("ROSHAMBO_HOST", "did you mean ROSHAMBO_LISTEN?"),
            ("ROSHAMBO_PROXY", "did you mean ROSHAMBO_TRUSTED_PROXY?"),
            // No variable: --check and its like are for a person.
            ("ROSHAMBO_CHECK", "roshambo --help names them all"),
            ("ROSHAMBO_PAINT_IT_BLACK", "roshambo --help names them all"),
            ("ROSHAMBO_", "roshambo --help names them all"),
            ("ROSHAMBO_A\nb", "roshambo --help names them all"),
        ];
        for (name, want) in rows {
            check(name, "secret", Some(want));
            check(name, "", None);
        }
        let two = strange_variables([("ROSHAMBO_Z", "1"), ("PATH", "/"), ("ROSHAMBO_A", "1")]);
        assert_eq!(two.len(), 2);
        assert!(two[0].starts_with("ROSHAMBO_A ") && two[1].starts_with("ROSHAMBO_Z "));
    }

    #[test]
    fn variables_that_others_set_are_nothing_to_wonder_about() {
        let rows = [
            ("PATH", "/bin"),
            ("PORT", "80"),
            ("GAME_TIME", "5s"),
            ("ROSHAMBOT_TOKEN", "x"),
            ("MY_ROSHAMBO_STORE", "x"),
            ("ROSHAMBO_BIN", "target/debug/roshambo"),
            ("ROSHAMBO_TEST_LOG_CHILD", "1"),
            // A service named roshambo, and one named roshambo-admin.
            ("ROSHAMBO_SERVICE_HOST", "10.0.0.1"),
            ("ROSHAMBO_SERVICE_PORT", "9595"),
            ("ROSHAMBO_SERVICE_PORT_HTTP", "9595"),
            ("ROSHAMBO_PORT", "tcp://10.0.0.1:9595"),
            ("ROSHAMBO_PORT_9595_TCP", "tcp://10.0.0.1:9595"),
            ("ROSHAMBO_PORT_9595_TCP_ADDR", "10.0.0.1"),
            ("ROSHAMBO_PORT_9595_TCP_PROTO", "tcp"),
            ("ROSHAMBO_ADMIN_PORT", "tcp://10.0.0.1:9596"),
            ("ROSHAMBO_ADMIN_SERVICE_HOST", "10.0.0.1"),
            ("ROSHAMBO_NAME", "/page/roshambo"),
        ];
        for (name, value) in rows {
            check(name, value, None);
        }
        for knob in KNOBS {
            check(&knob.env(), "x", None);
        }
    }

    /// Whatever is set in this project, by tests, units, benchmarks or examples, is known.
    #[test]
    fn every_variable_of_the_project_is_known() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut places: Vec<PathBuf> = ["tests", "benches", "systemd", "README.md", "src/client"]
            .iter()
            .map(|place| root.join(place))
            .collect();
        let mut names = 0;
        while let Some(place) = places.pop() {
            if place.is_dir() {
                let generated = ["node_modules", ".venv", "target", "build"];
                if generated.iter().all(|name| !place.ends_with(name)) {
                    let entries = fs::read_dir(&place).expect("a folder");
                    places.extend(entries.map(|entry| entry.expect("an entry").path()));
                }
                continue;
            }
            // The tests of what is said about strange ones name some.
            if place.ends_with("tests/loopback/settings.rs") {
                continue;
            }
            let Ok(text) = fs::read_to_string(&place) else {
                continue;
            };
            let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            for name in text.split(|c| !is_name(c)) {
                if name.starts_with("ROSHAMBO_") && name != "ROSHAMBO_" {
                    names += 1;
                    let strange = strange_variables([(name, "x")]);
                    assert_eq!(strange, [""; 0], "{}", place.display());
                }
            }
        }
        assert!(10 < names, "{names} names");
    }

    #[track_caller]
    fn doubts(args: &[&str]) -> Vec<String> {
        match Config::load(args.iter().map(Into::into), |_| None) {
            Ok(super::super::Command::Run(config)) => config.doubts(),
            other => panic!("{args:?}: {other:?}"),
        }
    }

    #[test]
    fn values_that_somebody_will_wonder_about() {
        let rows: [(&[&str], Option<&str>); 18] = [
            (&[], None),
            (&["--admin", "127.0.0.1:1"], None),
            (&["--admin", "127.1.2.3:1"], None),
            (&["--admin", "[::1]:1"], None),
            (&["--admin", "[::ffff:127.0.0.1]:1"], None),
            (&["--admin", "unix:/run/a.sock"], None),
            (
                &["--admin", "0.0.0.0:9"],
                Some("or give --admin 127.0.0.1:9"),
            ),
            (&["--admin", "[::]:9"], Some("or give --admin 127.0.0.1:9")),
            (
                &["--admin", "192.168.1.2:9"],
                Some("--admin 192.168.1.2:9 can be read by whoever"),
            ),
            (&["--ping-interval", "59s"], None),
            (
                &["--ping-interval", "60s"],
                Some("lets proxies hang up first"),
            ),
            (
                &["--token-audience", "me"],
                Some("--token-audience is not used"),
            ),
            (&["--token-audience", "me", "--token-key", "k"], None),
            (&["--listen", "unix:/a"], None),
            (&["--listen", "unix:/a", "--unix-mode", "660"], None),
            (&["--listen", "unix:/a", "--unix-mode", "0602"], None),
            (
                &["--listen", "unix:/a", "--unix-mode", "755"],
                Some("--unix-mode 0755 lets only"),
            ),
            (
                &["--unix-mode", "660"],
                Some("--unix-mode 0660 is not used: --listen 127.0.0.1:9595 is no unix socket"),
            ),
        ];
        for (args, want) in rows {
            let found = doubts(args);
            match want {
                None => assert_eq!(found, [""; 0], "{args:?}"),
                Some(want) => {
                    assert_eq!(found.len(), 1, "{args:?}: {found:?}");
                    assert!(found[0].contains(want), "{}", found[0]);
                }
            }
        }
    }

    /// As many as may come by default, each at its worst, before the units slow the process down.
    #[test]
    fn the_worst_that_connections_hold_fits_the_units() {
        let config = Config::default();
        let worst = config.connection_bytes_max() * config.max_connections as u64;
        for unit in [
            include_str!("../../systemd/roshambo.service"),
            include_str!("../../systemd/roshambo@.service"),
        ] {
            let line = unit
                .lines()
                .find_map(|line| line.strip_prefix("MemoryHigh="));
            let mebibytes = line.and_then(|line| line.strip_suffix('M')?.parse::<u64>().ok());
            assert!(worst <= mebibytes.expect("in MiB") << 20, "{worst} bytes");
        }
    }

    /// The unit's own time is the one that is compared to.
    #[test]
    fn a_drain_that_outlasts_the_unit_is_told() {
        let unit = include_str!("../../systemd/roshambo.service");
        let line = unit
            .lines()
            .find_map(|line| line.strip_prefix("TimeoutStopSec="));
        assert_eq!(line, Some(&*parse::show_duration(UNIT_STOP_MS)));
        let mut config = Config::default();
        assert_eq!(config.notes(), [""; 0]);
        config.drain_timeout_ms = UNIT_STOP_MS;
        assert_eq!(config.notes(), [""; 0]);
        config.drain_timeout_ms += 1;
        let notes = config.notes();
        assert!(
            notes[0].starts_with("--drain-timeout 20001ms is longer"),
            "{notes:?}"
        );
    }
}
