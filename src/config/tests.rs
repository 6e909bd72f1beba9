//! The command line as rows: what is typed, and what comes of it.

use super::*;

fn load(args: &[&str], env: &[(&str, &str)]) -> Result<Command, ConfigError> {
    Config::load(args.iter().map(OsString::from), |name| {
        let found = env.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| OsString::from(value))
    })
}

#[track_caller]
fn run(args: &[&str], env: &[(&str, &str)]) -> Box<Config> {
    match load(args, env) {
        Ok(Command::Run(config)) => config,
        other => panic!("{args:?} {env:?}: {other:?}"),
    }
}

#[track_caller]
fn refusal(args: &[&str], env: &[(&str, &str)]) -> String {
    match load(args, env) {
        Err(error) => error.to_string(),
        Ok(command) => panic!("{args:?} {env:?}: {command:?}"),
    }
}

/// `value` is taken for `flag` and shown again as `shown`.
#[track_caller]
fn check_good(flag: &str, value: &str, shown: &str) {
    let knob = find_knob(flag).expect("the row's flag is a knob");
    let mut config = Config::default();
    assert_eq!(config.set(knob, value), Ok(()), "{flag} {value}");
    assert_eq!(config.get(knob).as_deref(), Some(shown), "{flag} {value}");
    assert_eq!(
        config.set(knob, shown),
        Ok(()),
        "{flag} {shown} can be typed again"
    );
}

#[test]
fn good_values() {
    let rows = [
        ("--listen", "127.0.0.1:0", "127.0.0.1:0"),
        ("--listen", "[::1]:9595", "[::1]:9595"),
        ("--listen", "unix:/run/r.sock", "unix:/run/r.sock"),
        ("--unix-mode", "660", "0660"),
        ("--unix-mode", "0o600", "0600"),
        ("--unix-mode", "0777", "0777"),
        ("--unix-mode", "0", "0000"),
        ("--admin", "127.0.0.1:9596", "127.0.0.1:9596"),
        ("--admin", "unix:/run/a.sock", "unix:/run/a.sock"),
        ("--base-path", "/play", "/play"),
        ("--base-path", "a/b-c._~9/", "/a/b-c._~9"),
        (
            "--public-url",
            "https://example.org/",
            "https://example.org",
        ),
        (
            "--public-url",
            "http://[::1]:8080/a/",
            "http://[::1]:8080/a",
        ),
        ("--trusted-proxy", "none", "none"),
        ("--trusted-proxy", "10.0.0.1", "10.0.0.1"),
        ("--trusted-proxy", "10.0.0.1/32, ::1", "10.0.0.1,::1"),
        (
            "--trusted-proxy",
            "172.16.0.0/12,fd00::/8",
            "172.16.0.0/12,fd00::/8",
        ),
        ("--remote-avatars", "yes", "yes"),
        ("--game-time", "1s", "1s"),
        ("--game-time", "1m", "60s"),
        ("--game-time", "2000ms", "2s"),
        ("--robot-after", "0", "0"),
        ("--robot-after", "0s", "0"),
        ("--rematch-wait", "60s", "60s"),
        ("--relay-interval", "1ms", "1ms"),
        ("--rate-limit", "0", "0"),
        ("--max-connections", "1000000", "1000000"),
        ("--max-per-address", "0", "0"),
        ("--max-per-address", "1000000", "1000000"),
        ("--max-message", "65536", "64k"),
        ("--max-message", "1025", "1025"),
        ("--max-queue", "16KiB", "16k"),
        ("--max-queue", "1M", "1M"),
        ("--head-timeout", "100ms", "100ms"),
        ("--hello-timeout", "10m", "10m"),
        ("--ping-interval", "100ms", "100ms"),
        ("--ping-timeout", "90s", "90s"),
        ("--ping-timeout-eio4", "1500ms", "1500ms"),
        ("--ping-timeout-v2", "1h", "1h"),
        ("--linger", "100ms", "100ms"),
        ("--session-ttl", "168h", "7d"),
        ("--max-sessions", "1", "1"),
        ("--store", "/var/lib/r.db", "/var/lib/r.db"),
        ("--store", "memory", "memory"),
        ("--store", "./memory", "./memory"),
        ("--instance", "a", "a"),
        ("--store", "redis://[::1]:7/2", "redis://[::1]:7/2"),
        (
            "--store",
            "redis+unix://a:b@/r?db=3",
            "redis+unix://a:***@/r?db=3",
        ),
        ("--score-ttl", "90d", "90d"),
        ("--token-key", "/etc/r/keys", "/etc/r/keys"),
        ("--token-audience", "https://e/ö", "https://e/ö"),
        ("--drain-timeout", "5m", "5m"),
        ("--drain-spread", "0", "0"),
        ("--tls-listen", "0.0.0.0:443", "0.0.0.0:443"),
        ("--tls-cert", "a/cert.pem", "a/cert.pem"),
        ("--tls-key", "/k.pem", "/k.pem"),
        ("--hsts", "0", "0"),
        ("--hsts", "180d", "180d"),
        ("--http-redirect", "[::]:80", "[::]:80"),
        ("--acme-webroot", "/var/www/", "/var/www"),
        ("--log-level", "DEBUG", "debug"),
        ("--seed", "18446744073709551615", "18446744073709551615"),
    ];
    for (flag, value, shown) in rows {
        check_good(flag, value, shown);
    }
    for knob in KNOBS {
        let rows = rows.iter().filter(|(flag, ..)| *flag == knob.flag).count();
        assert!(0 < rows, "{} has no row", knob.flag);
    }
}

#[test]
fn bad_values_name_the_knob_the_value_and_what_would_be_right() {
    let many_networks = ["::1"; 65].join(",");
    let long_path = format!("unix:/{}", "x".repeat(107));
    let rows = [
        (
            "--listen",
            "9595",
            "needs an address: 127.0.0.1:9595 for this machine only",
        ),
        ("--listen", ":9595", "0.0.0.0:9595 for all"),
        ("--tls-listen", "unix:/a", "has to be an address and a port"),
        ("--tls-cert", "~/cert.pem", "write the whole path"),
        ("--tls-key", " k", "white space around it"),
        ("--hsts", "731d", "730d"),
        ("--http-redirect", "80", "needs an address"),
        ("--acme-webroot", "~", "write the whole path"),
        (
            "--listen",
            "localhost:9595",
            "is a name; an address is needed: 127.0.0.1:9595",
        ),
        ("--listen", "127.0.0.1", "needs a port: 127.0.0.1:9595"),
        ("--listen", "::1", "needs a port and brackets: [::1]:9595"),
        ("--listen", "127.0.0.1:65536", "ports 0 to 65535"),
        ("--listen", "[::1]", "needs a port: [::1]:9595"),
        (
            "--listen",
            "9595:127.0.0.1",
            "has its port in front: 127.0.0.1:9595",
        ),
        (
            "--listen",
            "http://127.0.0.1:80/a",
            "is a URL; only its address is needed: 127.0.0.1:80",
        ),
        (
            "--listen",
            "ws://e/",
            "is a URL; an address is needed: 127.0.0.1:9595",
        ),
        (
            "--listen",
            "/run/r.sock",
            "is a path: a unix socket is unix:/run/r.sock",
        ),
        ("--listen", "unix:/run/", "is a directory"),
        (
            "--listen",
            "unix:/r.sock ",
            "has quotes or white space around it",
        ),
        (
            "--listen",
            "127.0.0.1:80 ",
            "has quotes or white space around it: 127.0.0.1:80 would do",
        ),
        ("--unix-mode", "888", "is no mode: octal digits, as 0660"),
        ("--unix-mode", "u=rw", "is no mode: octal digits, as 0660"),
        ("--unix-mode", "+60", "is no mode: octal digits, as 0660"),
        ("--unix-mode", "1000", "is out of range: 0000 to 0777"),
        ("--listen", "unix:r.sock", "needs an absolute path"),
        ("--listen", &long_path, "at most 107 bytes"),
        ("--base-path", "/", "is the web page's own place"),
        ("--base-path", "/healthz", "is taken"),
        ("--base-path", "/a//b", "empty or dotted part"),
        ("--admin", "9596", "needs an address: 127.0.0.1:9596"),
        ("--base-path", "/a/../b", "empty or dotted part"),
        ("--base-path", "/a b", "only letters, digits"),
        ("--base-path", "/剪刀", "only letters, digits"),
        ("--public-url", "example.org", "has to begin with https://"),
        ("--public-url", "https://", "names no host"),
        (
            "--public-url",
            "https://example.org/?a",
            "query or a fragment",
        ),
        (
            "--public-url",
            "https://example.org/\"",
            "only the characters of an address",
        ),
        (
            "--trusted-proxy",
            "localhost",
            "holds \"localhost\", which is no address: 10.0.0.1",
        ),
        ("--trusted-proxy", "::1,", "holds \"\", which is no address"),
        (
            "--trusted-proxy",
            "10.0.0.1:80",
            "\"10.0.0.1:80\", which is no address",
        ),
        ("--trusted-proxy", "10.0.0.0/33", "bits are not 1 to 32"),
        ("--trusted-proxy", "fd00::/x", "bits are not 1 to 128"),
        ("--trusted-proxy", "0.0.0.0/0", "trusts everybody with"),
        (
            "--trusted-proxy",
            "10.0.0.1/8",
            "bits behind its first 8: 10.0.0.0/8 or 10.0.0.1",
        ),
        (
            "--trusted-proxy",
            &many_networks,
            "has 65 entries: at most 64",
        ),
        ("--remote-avatars", "maybe", "is neither yes nor no"),
        ("--game-time", "3", "needs a unit: 3s or 3ms"),
        (
            "--game-time",
            "0",
            "is out of range: 1s to 60s in whole seconds",
        ),
        (
            "--game-time",
            "61s",
            "is out of range: 1s to 60s in whole seconds",
        ),
        (
            "--game-time",
            "1500ms",
            "is not a number of whole seconds: 1s to 60s",
        ),
        (
            "--game-time",
            "\"5s\"",
            "has quotes or white space around it: 5s would do",
        ),
        (
            "--game-time",
            "5s\r",
            "has quotes or white space around it: 5s would do",
        ),
        ("--game-time", "5s # long", "is not a duration"),
        ("--robot-after", "-1s", "is not a duration"),
        ("--robot-after", "1.5s", "is not a duration"),
        ("--robot-after", "", "is not a duration"),
        ("--rematch-wait", "61s", "is out of range: 0 to 60s"),
        ("--relay-interval", "11s", "is out of range: 0 to 10s"),
        (
            "--rate-limit",
            "1001",
            "is out of range: 0 to 1000 events per second",
        ),
        ("--rate-limit", "10/s", "is not a whole number"),
        (
            "--max-connections",
            "0",
            "is out of range: 1 to 1000000 connections",
        ),
        ("--max-connections", "many", "is not a whole number"),
        ("--max-per-address", "-1", "is not a whole number"),
        (
            "--max-per-address",
            "1000001",
            "is out of range: 0 to 1000000 connections",
        ),
        ("--max-message", "1023", "is out of range: 1k to 64k bytes"),
        ("--max-message", "4kB", "is not a size"),
        ("--max-queue", "17M", "is out of range: 2k to 16M bytes"),
        ("--head-timeout", "99ms", "is out of range: 100ms to 5m"),
        ("--hello-timeout", "11m", "is out of range: 100ms to 10m"),
        ("--ping-interval", "0", "is out of range: 100ms to 10m"),
        (
            "--ping-timeout",
            "99999999999999999999h",
            "is out of range: 100ms to 1h",
        ),
        ("--ping-timeout-eio4", "20 s", "is not a duration"),
        ("--ping-timeout-v2", "10", "needs a unit: 10s or 10ms"),
        ("--linger", "31s", "is out of range: 100ms to 30s"),
        ("--session-ttl", "169h", "is out of range: 1s to 7d"),
        (
            "--max-sessions",
            "99999999999999999999",
            "1 to 10000000 sessions",
        ),
        ("--store", "", "is empty"),
        ("--instance", "l", "is no letter for an instance"),
        ("--instance", "A", "a to z without i, l and o"),
        ("--store", "mysql://[::1]", "mysql:// is not offered"),
        ("--store", "redis://[::1]:0", "is no port"),
        ("--score-ttl", "59s", "is out of range: 60s to 3650d"),
        ("--token-key", "/etc/", "is a directory"),
        ("--token-audience", "a\tb", "has control characters in it"),
        ("--store", "/var/lib/", "is a directory"),
        (
            "--store",
            "~/sessions",
            "begins with ~: write the whole path",
        ),
        (
            "--store",
            "/var/sessions ",
            "has quotes or white space around it: /var/sessions would do",
        ),
        (
            "--store",
            "'/var/sessions'",
            "has quotes or white space around it: /var/sessions would do",
        ),
        ("--drain-timeout", "1d", "is out of range"),
        ("--drain-spread", "11m", "is out of range: 0 to 10m"),
        (
            "--log-level",
            "loud",
            "is none of off, error, warn, info, debug, trace",
        ),
        ("--seed", "-1", "is not a whole number from 0 to"),
        ("--seed", "+1", "is not a whole number from 0 to"),
    ];
    for (flag, value, want) in rows {
        let found = refusal(&[flag, value], &[]);
        assert!(found.contains(want), "{found}, wanted {want}");
        assert!(found.starts_with(&format!("{flag} {value:?} ")), "{found}");
        // The environment variable is named when it was the one that was used.
        let name = find_knob(flag).expect("the row's flag is a knob").env();
        if !value.is_empty() {
            let found = refusal(&[], &[(&name, value)]);
            assert!(found.starts_with(&format!("{name} {value:?} ")), "{found}");
        }
    }
    for knob in KNOBS {
        let rows = rows.iter().filter(|(flag, ..)| *flag == knob.flag).count();
        assert!(0 < rows, "{} has no row", knob.flag);
    }
}

#[test]
fn the_command_line_itself() {
    let rows: [(&[&str], &str); 25] = [
        (
            &["--gametime", "3s"],
            "there is no flag --gametime; did you mean --game-time?",
        ),
        (
            &["--game_time=3s"],
            "there is no flag --game_time; did you mean --game-time?",
        ),
        (&["--hlep"], "there is no flag --hlep; did you mean --help?"),
        (&["--colour"], "there is no flag --colour"),
        (&["--maxconn"], "there is no flag --maxconn"),
        (
            &["--max-conn", "9"],
            "there is no flag --max-conn; did you mean --max-connections?",
        ),
        (
            &["--proxy", "::1"],
            "there is no flag --proxy; did you mean --trusted-proxy?",
        ),
        (
            &["--store-file", "a"],
            "there is no flag --store-file; did you mean --store?",
        ),
        // There are several.
        (&["--ping", "9s"], "there is no flag --ping"),
        (&["-v"], "there is no flag -v; did you mean --version?"),
        (
            &["help"],
            "there is no command \"help\"; did you mean --help?",
        ),
        (
            &["chekc"],
            "there is no command \"chekc\"; did you mean --check?",
        ),
        (
            &["prob"],
            "there is no command \"prob\"; did you mean probe?",
        ),
        (
            &["--seed", "1", "bench", "ws://e"],
            "bench has to be the first word: roshambo bench ...",
        ),
        (
            &["--listen", "unix:/a", "--admin", "unix:/a"],
            "are the same place",
        ),
        (
            &["--listen", "0.0.0.0:80", "--http-redirect", "127.0.0.1:80"],
            "give --http-redirect another port or path",
        ),
        (
            &["--tls-listen", "127.0.0.1:443"],
            "--tls-cert and --tls-key is not given",
        ),
        (&["-p", "80"], "there is no flag -p"),
        (&["8080"], "\"8080\" is not a flag"),
        (
            &["serve"],
            "there is no command \"serve\": roshambo alone serves",
        ),
        (
            &["--port", "80"],
            "there is no flag --port; did you mean --listen?",
        ),
        (&["--listen"], "--listen needs a value"),
        (&["--store", "--seed", "1"], "--store needs a value"),
        (&["--check=yes"], "--check takes no value"),
        (&["--store", "a\nb/"], "--store \"a\\nb/\" is a directory"),
    ];
    for (args, want) in rows {
        let found = refusal(args, &[]);
        assert!(found.contains(want), "{found}, wanted {want}");
        assert!(!found.contains('\n'), "{found}");
    }
    run(&["--"], &[]);
}

#[test]
fn a_flag_goes_before_its_variable_and_that_before_port_and_default() {
    let address = |text: &str| Listen::Tcp(text.parse().expect("the row's address"));
    type Row<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a str);
    let rows: [Row<'_>; 6] = [
        (&[], &[], "127.0.0.1:9595"),
        (&[], &[("PORT", "80")], "127.0.0.1:80"),
        (
            &[],
            &[("PORT", ""), ("ROSHAMBO_LISTEN", "")],
            "127.0.0.1:9595",
        ),
        (
            &[],
            &[("PORT", "80"), ("ROSHAMBO_LISTEN", "[::1]:2")],
            "[::1]:2",
        ),
        (
            &["--listen", "[::1]:3"],
            &[("PORT", "x"), ("ROSHAMBO_LISTEN", "x")],
            "[::1]:3",
        ),
        (&["--listen=[::1]:4", "--listen", "[::1]:5"], &[], "[::1]:5"),
    ];
    for (args, env, want) in rows {
        assert_eq!(run(args, env).listen, address(want), "{args:?} {env:?}");
    }
    let found = refusal(&[], &[("PORT", " 80")]);
    assert!(found.starts_with("PORT \" 80\" is not a port"), "{found}");
    let found = refusal(&[], &[("PORT", "http")]);
    assert_eq!(
        found,
        "PORT \"http\" is not a port: a number from 0 to 65535"
    );
}

#[test]
fn values_that_do_not_fit_each_other() {
    let rows: [(&[&str], &str); 6] = [
        (
            &["--drain-timeout", "4s"],
            "--drain-timeout 4s is too little: a running round (--game-time 3s) and its last \
             answers (--linger 2s) have to end in that time; give --drain-timeout at least 5s",
        ),
        (&["--game-time", "60s"], "give --drain-timeout at least 62s"),
        (
            &["--ping-timeout", "10s"],
            "--ping-timeout 10s is too little: one lost ping (--ping-interval 25s) would end a \
             connection; give --ping-timeout at least 25s",
        ),
        (
            &["--session-ttl", "2s"],
            "(--game-time 3s); give --session-ttl at least 3s",
        ),
        (
            &["--max-connections", "100001"],
            "--max-sessions 100000 is too little: every connection may hold one \
             (--max-connections 100001)",
        ),
        (
            &["--max-message", "16k"],
            "--max-queue 8k is too little: an answer may repeat a whole message (--max-message \
             16k) and add up to 1k; give --max-queue at least 17k",
        ),
    ];
    for (args, want) in rows {
        let found = refusal(args, &[]);
        assert!(found.contains(want), "{found}, wanted {want}");
    }
    // What tests of the whole server like to use.
    #[rustfmt::skip]
    run(&[
        "--listen", "127.0.0.1:0", "--game-time", "1s", "--linger", "100ms", "--drain-timeout",
        "1100ms", "--session-ttl", "1s", "--ping-interval", "100ms", "--ping-timeout", "100ms",
        "--ping-timeout-eio4", "100ms", "--ping-timeout-v2", "100ms", "--head-timeout", "100ms",
        "--hello-timeout", "100ms", "--robot-after", "0", "--rematch-wait", "0", "--seed", "1",
        "--max-connections", "2", "--max-sessions", "2", "--rate-limit", "0", "--drain-spread", "0",
        "--relay-interval", "0",
    ], &[]);
}

#[test]
fn a_switch_may_stand_alone() {
    let rows: [(&[&str], bool); 6] = [
        (&[], false),
        (&["--remote-avatars"], true),
        (&["--remote-avatars", "--seed", "1"], true),
        (&["--remote-avatars", "no", "--seed", "1"], false),
        (&["--remote-avatars=yes"], true),
        (&["--remote-avatars", "--remote-avatars=no"], false),
    ];
    for (args, want) in rows {
        assert_eq!(run(args, &[]).remote_avatars, want, "{args:?}");
    }
}

#[test]
fn the_defaults_are_as_documented_and_fit_each_other() {
    let config = Config::default();
    assert_eq!(config.check(), Ok(()));
    assert_eq!(
        config.listen,
        Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 9595)))
    );
    assert_eq!(config.base_path, "/applet/websocket");
    assert_eq!(
        (config.public_url, config.seed, config.store),
        (None, None, Store::File("roshambo.db".into()))
    );
    assert_eq!(config.score_ttl_ms, 30 * 24 * 3_600_000);
    assert!(!config.remote_avatars);
    assert_eq!((config.game_time_ms, config.robot_after_ms), (3_000, 1_000));
    assert_eq!(
        (config.rematch_wait_ms, config.relay_interval_ms),
        (5_000, 100)
    );
    assert_eq!(
        (config.rate_limit, config.max_message, config.max_queue),
        (10, 4_096, 8_192)
    );
    assert_eq!(
        (config.max_connections, config.max_sessions),
        (10_000, 100_000)
    );
    assert_eq!(config.max_per_address, 256);
    for (address, trusted) in [("127.0.0.1", true), ("::1", true), ("10.0.0.1", false)] {
        let address = address.parse().expect("the row's address");
        assert_eq!(config.trusted_proxies.contains(address), trusted);
    }
    assert_eq!(
        (config.head_timeout_ms, config.hello_timeout_ms),
        (10_000, 30_000)
    );
    assert_eq!(
        (config.ping_interval_ms, config.ping_timeout_ms),
        (25_000, 60_000)
    );
    assert_eq!(
        (config.ping_timeout_eio4_ms, config.ping_timeout_v2_ms),
        (20_000, 10_000)
    );
    assert_eq!(
        (config.linger_ms, config.session_ttl_ms),
        (2_000, 1_800_000)
    );
    assert_eq!(
        (config.drain_timeout_ms, config.drain_spread_ms),
        (10_000, 5_000)
    );
    assert_eq!(config.log_level, log::LevelFilter::Info);
}

#[test]
fn help_tells_every_knob_and_fits_a_terminal() {
    for args in [["--help"], ["-h"]] {
        let Ok(Command::Help(text)) = load(&args, &[]) else {
            panic!("{args:?} is no help");
        };
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "too wide: {line}");
            assert_eq!(line, line.trim_end());
        }
        for knob in KNOBS {
            assert_eq!(
                text.matches(&format!("  {} ", knob.flag)).count(),
                1,
                "{}",
                knob.flag
            );
            assert!(
                text.contains(&format!(" {}\n", knob.env())),
                "{}",
                knob.flag
            );
        }
    }
}

#[test]
fn version_is_the_packages() {
    for args in [["--version"], ["-V"]] {
        let Ok(Command::Version(text)) = load(&args, &[]) else {
            panic!("{args:?} is no version");
        };
        assert_eq!(text, format!("roshambo {}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn check_shows_what_could_be_typed_and_who_set_it() {
    let args = ["--check", "--game-time", "5000ms"];
    let env = [("ROSHAMBO_MAX_QUEUE", "32768"), ("PORT", "80")];
    let Ok(Command::Check(config)) = load(&args, &env) else {
        panic!("{args:?} is no check");
    };
    let text = config.describe();
    let lines: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.split_once(" # "))
        .map(|(setting, origin)| (setting.trim_end(), origin))
        .collect();
    assert_eq!(lines.len(), KNOBS.len());
    for want in [
        ("--listen = 127.0.0.1:80", "environment, PORT"),
        ("--game-time = 5s", "flag"),
        ("--max-queue = 32k", "environment, ROSHAMBO_MAX_QUEUE"),
        ("--session-ttl = 30m", "default"),
        ("--store = roshambo.db", "default"),
    ] {
        assert!(lines.contains(&want), "{want:?} is not in\n{text}");
    }
    // What it comes to where nobody reads: 32 KiB times four, for ten thousand.
    let worst = "holds at most 128k, queue and kernel together; --max-connections of them 1250 MiB";
    assert!(text.lines().any(|line| line.ends_with(worst)), "{text}");
    // Typed again, it is the same configuration.
    let again: Vec<String> = lines
        .iter()
        .filter_map(|(setting, _)| setting.split_once(" = "))
        .map(|(flag, value)| format!("{flag}={value}"))
        .collect();
    let again: Vec<&str> = again.iter().map(String::as_str).collect();
    let mut repeated = run(&again, &[]);
    repeated.origins.clone_from(&config.origins);
    assert_eq!(repeated.describe(), text);
}

#[test]
fn check_shows_what_was_given_and_is_not_used() {
    let args = [
        "--check", "--seed", "1", "--seed", "2", "--linger", "1s", "--listen", "[::1]:5",
    ];
    let env = [
        ("ROSHAMBO_LISTEN", "[::1]:6"),
        ("PORT", "80"),
        ("ROSHAMBO_LINGER", "1s"),
        ("ROSHAMBO_STORE", "a\nb"),
    ];
    let Ok(Command::Check(config)) = load(&args, &env) else {
        panic!("{args:?} is no check");
    };
    let text = config.describe();
    let origins: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| Some((line.split(' ').next()?, line.split_once(" # ")?.1)))
        .collect();
    for want in [
        ("--seed", "flag; not used: --seed 1"),
        (
            "--listen",
            "flag; not used: ROSHAMBO_LISTEN=[::1]:6, PORT=80",
        ),
        // The same twice is no news.
        ("--linger", "flag"),
    ] {
        assert!(origins.contains(&want), "{want:?} is not in\n{text}");
    }
}

/// The second bind of one place would fail with a word about another process.
#[test]
fn players_and_figures_need_a_place_each() {
    let rows = [
        ("127.0.0.1:1", "127.0.0.1:1", true),
        ("127.0.0.1:1", "127.0.0.1:2", false),
        ("127.0.0.1:0", "127.0.0.1:0", false),
        ("127.0.0.1:1", "127.0.0.2:1", false),
        ("0.0.0.0:1", "127.0.0.1:1", true),
        ("127.0.0.1:1", "0.0.0.0:1", true),
        ("[::]:1", "127.0.0.1:1", true),
        ("127.0.0.1:1", "[::]:1", true),
        ("0.0.0.0:1", "[::1]:1", false),
        ("[::]:1", "[::1]:1", true),
        ("[::1]:1", "127.0.0.1:1", false),
        ("[::ffff:127.0.0.1]:1", "127.0.0.1:1", true),
        ("unix:/a", "unix:/a", true),
        ("unix:/a", "unix:/b", false),
        ("unix:/a", "127.0.0.1:1", false),
    ];
    for (listen, admin, want) in rows {
        let loaded = load(&["--listen", listen, "--admin", admin], &[]);
        match loaded {
            Err(ConfigError::Relation(text)) if want => {
                assert!(text.contains("are the same place"), "{text}");
            }
            Ok(_) if !want => (),
            other => panic!("{listen} {admin}: {other:?}"),
        }
    }
}

#[test]
fn names_differ() {
    for (index, knob) in KNOBS.iter().enumerate() {
        let earlier = &KNOBS[..index];
        assert!(
            earlier.iter().all(|other| other.flag != knob.flag),
            "{}",
            knob.flag
        );
        let typed = Config::default().get(knob).unwrap_or_default();
        assert_eq!(
            typed, knob.default,
            "{}: a default in its shortest form",
            knob.flag
        );
    }
}

/// The manual page is written from the table as the help is: each flag, variable and default.
#[test]
fn the_manual_page_tells_what_the_help_tells() {
    let Ok(Command::Man(page)) = load(&["--man"], &[]) else {
        panic!("--man is no text");
    };
    let Ok(Command::Help(help)) = load(&["--help"], &[]) else {
        panic!("--help is no text");
    };
    // Requests of man(7) away, what is left is what a reader sees.
    let plain = page.replace("\\-", "-").replace("\\&", "");
    for knob in KNOBS {
        for want in [knob.flag, &knob.env(), knob.default] {
            assert!(plain.contains(want), "{want}");
        }
        for line in knob.help.lines() {
            assert!(plain.contains(line) && help.contains(line), "{line}");
        }
    }
    for word in ["--check", "--version", "--man", "bench", "probe", "store"] {
        assert!(plain.contains(word) && help.contains(word), "{word}");
    }
    for line in page.lines() {
        let known = [
            ".\\\" ", ".TH ", ".SH ", ".SS ", ".TP", ".PP", ".B ", ".BR ", ".BI ", ".RB ", ".RI ",
            ".I ", ".br",
        ];
        let request = line.starts_with(['.', '\'']);
        assert!(
            !request || known.iter().any(|known| line.starts_with(known)),
            "{line}"
        );
    }
}
