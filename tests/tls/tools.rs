//! The clients that come with the program: `roshambo bench` and `probe` by `wss://`.

use crate::pair::Pair;
use crate::support::process::{command, run, run_command};

#[test]
fn bench_plays_whole_games_by_tls() {
    let served = Pair::new(90).serve(&["--max-per-address", "0"]);
    let url = format!("wss://{}", served.tls);
    let words = [
        "bench",
        &url,
        "games",
        "churn",
        "--count",
        "4",
        "--seconds",
        "1",
        "--quiet",
    ];
    let exit = run(&[&words[..], &["--insecure"]].concat());
    assert_eq!(exit.code(), Some(0), "{}{}", exit.stdout, exit.stderr);
    // Who looks at the certificate does not believe it.
    let exit = run(&words);
    assert_eq!(exit.code(), Some(1), "{}{}", exit.stdout, exit.stderr);
}

#[test]
fn probe_finds_all_well_where_it_believes_the_certificate() {
    let pair = Pair::new(90);
    pair.sign_by_authority();
    let served = pair.serve(&["--robot-after", "0"]);
    let url = format!("wss://localhost:{}", served.tls.port());
    let mut probe = command();
    probe.args(["probe", &url, "--idle", "0", "--slow", "60s"]);
    probe.env("SSL_CERT_FILE", pair.file("above.pem"));
    let exit = run_command(probe);
    assert_eq!(exit.code(), Some(0), "{}{}", exit.stdout, exit.stderr);
    assert_eq!(exit.stdout.matches("ok     ").count(), 6, "{}", exit.stdout);
}
