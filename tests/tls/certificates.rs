//! Certificates that are wrong, come later, are renewed, and end.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::pair::Pair;
use crate::secure::{VERSIONS, certificate, config, open_in};
use crate::support::client::{Client, Dialect};
use crate::support::http;
use crate::support::process::run;

fn shown_at(address: SocketAddr) -> Option<Vec<u8>> {
    let stream = open_in(address, &config(VERSIONS[0]), usize::MAX).ok()?;
    Some(certificate(&stream))
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("our file");
}

#[track_caller]
fn refused(pair: &Pair, want: &str) {
    let flags = pair.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let exit = run(&[&["--listen", "127.0.0.1:0"], &flags[..]].concat());
    assert_eq!(exit.code(), Some(1), "{}", exit.stderr);
    assert!(exit.stderr.contains(want), "{want}: {}", exit.stderr);
}

#[test]
fn every_usual_mistake_has_a_sentence_of_its_own() {
    let pair = Pair::new(90);
    let other = Pair::new(90);
    set_mode(&pair.key(), 0o644);
    refused(
        &pair,
        "can be read by others (its mode is 0644): chmod 0640",
    );
    set_mode(&pair.key(), 0o640);
    let right = fs::read(pair.key()).expect("a key");
    fs::copy(other.key(), pair.key()).expect("room");
    refused(&pair, "is not the key of the certificate in");
    fs::write(pair.key(), "nothing").expect("room");
    refused(&pair, "holds no private key in PEM form");
    fs::write(pair.key(), &right).expect("room");
    fs::copy(pair.key(), pair.cert()).expect("room");
    refused(&pair, "are --tls-cert and --tls-key the wrong way round?");
    fs::write(pair.cert(), "nothing").expect("room");
    refused(&pair, "holds no certificate in PEM form");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(pair.cert(), broken).expect("room");
    refused(&pair, "its first certificate cannot be read");
    fs::remove_file(pair.cert()).expect("it is there");
    fs::create_dir(pair.cert()).expect("room");
    refused(&pair, "cannot be read: Is a directory");
    for (flags, want) in [
        (
            &["--tls-listen", "127.0.0.1:0"][..],
            "--tls-cert and --tls-key is not given",
        ),
        (&["--tls-cert", "a"], "--tls-key is not given"),
        (&["--tls-key", "a"], "--tls-cert is not given"),
        (
            &["--tls-listen", "unix:/a"],
            "has to be an address and a port",
        ),
    ] {
        let exit = run(flags);
        assert_eq!(exit.code(), Some(2), "{flags:?}: {}", exit.stderr);
        assert!(exit.stderr.contains(want), "{want}: {}", exit.stderr);
    }
}

/// A certificate by another one, without and with that one behind it.
#[test]
fn what_somebody_will_wonder_about_is_said() {
    let pair = Pair::new(90);
    pair.sign_by_authority();
    fs::copy(pair.file("leaf.pem"), pair.cert()).expect("room");
    let served = pair.serve(&["--public-url", "https://play.example"]);
    let log = served.server.log();
    for want in [
        "holds the server's certificate alone, without the one that signed it",
        "is not for play.example, the name in --public-url",
        "and was not renewed",
    ] {
        log.wait_for(want, |line| line.contains(" WARN ") && line.contains(want));
    }
    drop(served);
    pair.sign_by_authority();
    let served = pair.serve(&[]);
    let text = served.server.log().text();
    assert!(!text.contains("alone"), "{text}");
    drop(served);
    let chain = [pair.cert(), pair.cert()].map(|path| fs::read(path).expect("PEM"));
    fs::write(pair.cert(), chain.concat()).expect("room");
    let served = pair.serve(&[]);
    let want = "do not sign each other in the order";
    served
        .server
        .log()
        .wait_for(want, |line| line.contains(want));
}

/// One server through all of it: no pair, the first one, a renewed one, a broken one, a right one.
#[test]
fn a_pair_is_taken_up_when_it_comes_or_changes_and_a_broken_one_is_not() {
    let pair = Pair::none();
    let served = pair.serve(&[]);
    let log = served.server.log();
    log.wait_for("no pair", |line| line.contains("is not there yet"));
    assert_eq!(shown_at(served.tls), None, "nobody is answered");
    assert_eq!(http::get(served.server.address(), "/healthz").status, 200);
    pair.make("localhost", 90);
    log.wait_for("the first one", |line| line.contains("TLS by "));
    let first = shown_at(served.tls).expect("it is used");
    // Who is connected notices nothing of what follows.
    let stream = open_in(served.tls, &config(VERSIONS[0]), usize::MAX).expect("a handshake");
    let mut player = Client::open_on(stream, Dialect::Plain, &Dialect::Plain.target());
    pair.make("localhost", 90);
    log.wait_for("the renewed one", |line| line.contains("renewed: "));
    let second = shown_at(served.tls).expect("it is used");
    assert_ne!(first, second);
    let other = Pair::new(90);
    fs::copy(other.cert(), pair.cert()).expect("room");
    let wrong = |line: &str| line.contains("is not the key of the certificate");
    let line = log.wait_for("the broken one", wrong);
    assert!(line.contains("the pair before it stays in use"), "{line}");
    assert_eq!(shown_at(served.tls), Some(second), "the old one stays");
    fs::copy(other.key(), pair.key()).expect("room");
    let renewed = |line: &str| line.contains("renewed: ");
    log.wait_for_many("the right one", 2, renewed);
    assert_ne!(shown_at(served.tls), Some(first));
    let told = log.lines().into_iter().filter(|line| wrong(line));
    assert_eq!(told.count(), 1, "one line for it");
    player.hello("p");
    player.until("hi");
}

#[test]
fn an_end_that_is_near_is_told_in_log_metrics_and_status() {
    let pair = Pair::new(9);
    let served = pair.serve(&["--admin", "127.0.0.1:0"]);
    let log = served.server.log();
    log.wait_for("the end", |line| line.contains("days and was not renewed"));
    let words = "metrics and status: listening on ";
    let line = log.wait_for("the admin listener", |line| line.contains(words));
    let (_, rest) = line.split_once(words).expect("it was looked for");
    let address = rest.split(',').next().expect("an address");
    let address: SocketAddr = address.parse().expect("an address");
    let metrics = http::get(address, "/metrics");
    let name = "roshambo_tls_certificate_end_timestamp_seconds ";
    let end = metrics
        .text()
        .lines()
        .find_map(|line| line.strip_prefix(name));
    let end: u64 = end.expect("a sample").parse().expect("a number");
    let status = http::get(address, "/statusz");
    let (_, tls) = status
        .text()
        .split_once("\"tls\":{\"left_s\":")
        .expect("it is told");
    let left: u64 = tls
        .split(',')
        .next()
        .expect("a number")
        .parse()
        .expect("a number");
    let days = 24 * 3_600;
    assert!((8 * days..=9 * days).contains(&left), "{left}");
    assert!(left < end);
    let ended = Pair::new(90);
    ended.end();
    let served = ended.serve(&[]);
    let want = "has ended ";
    served.server.log().wait_for("the end", |line| {
        line.contains(" WARN ") && line.contains(want)
    });
    assert!(shown_at(served.tls).is_some(), "it is used all the same");
}
