//! Persons on the real program: keys in a file, tokens of its own command, devices, a kill.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::Directory;
use crate::support::client::{Client, Dialect, Hi};
use crate::support::http;
use crate::support::process::{Server, command, run, run_command};

/// Puts keys where they were, as whoever changes them should: a new file takes the old one's place.
fn put_keys(folder: &Directory, lines: &[&str], mode: u32) -> PathBuf {
    let (new, path) = (folder.file("new"), folder.file("keys"));
    fs::write(&new, lines.join("\n") + "\n").expect("a file");
    fs::set_permissions(&new, Permissions::from_mode(mode)).expect("its owner's");
    fs::rename(&new, &path).expect("in the same folder");
    path
}

/// A token as the program prints one.
#[track_caller]
fn mint(keys: &Path, flags: &[&str]) -> String {
    let keys = keys.to_str().expect("a text");
    let exit = run(&[&["token", "--key", keys], flags].concat());
    assert_eq!((exit.code(), exit.stderr.as_str()), (Some(0), ""));
    exit.stdout.trim_end().to_owned()
}

/// Says hello with a signed token; what came of it, and why not if not.
fn sign_in(server: &Server, dialect: Dialect, token: &str) -> (Client, Hi, Option<String>) {
    let mut client = Client::open(server.address(), dialect);
    client.send(&format!(
        r#"["hello",{{"user":{{"uname":"device"}},"v":2,"token":"{token}"}}]"#
    ));
    client.send(r#"["ping"]"#);
    let hi = client.hi();
    let next = client.event();
    let why = next.contains("bad-token").then(|| next.clone());
    if why.is_some() {
        client.until("pong");
    }
    (client, hi, why)
}

#[test]
fn two_persons_play_and_find_their_points_after_a_kill() {
    let folder = Directory::new();
    let keys = put_keys(&folder, &[&"k".repeat(32)], 0o600);
    let store = folder.file("points.db");
    let start = || {
        let mut command = command();
        command
            .env("ROSHAMBO_TOKEN_KEY", &keys)
            .arg("--store")
            .arg(&store);
        command.args([
            "--listen",
            "127.0.0.1:0",
            "--game-time",
            "3s",
            "--robot-after",
            "30s",
        ]);
        Server::spawn(command)
    };
    let [ann, bob] = ["ann", "bob"].map(|sub| mint(&keys, &["--sub", sub, "--name", sub]));
    let server = start();
    let (mut one, first, why) = sign_in(&server, Dialect::Plain, &ann);
    assert_eq!((why, first.resumed), (None, false));
    let (mut other, hers, _) = sign_in(&server, Dialect::Eio4, &bob);
    one.send(r#"["join"]"#);
    other.send(r#"["join"]"#);
    let room = one.until("start");
    assert!(room.to_string().contains(r#""uname":"bob""#), "{room}");
    one.send(r#"["choice",{"choice":2}]"#);
    assert_eq!(one.result_of(&first.uid).1, 1, "a point");
    other.until("result");
    // With its first point a session has a profile in the file.
    let kept = |text: &str| text.contains(&first.uid) && !text.contains("k".repeat(32).as_str());
    let exported = || {
        let store = store.to_str().expect("a text");
        run(&["store", "export", "--store", store]).stdout
    };
    let until = Instant::now() + Duration::from_secs(60);
    while !kept(&exported()) {
        assert!(Instant::now() < until, "the point is never written");
    }
    server.signal("KILL");
    drop((one, other, server));

    let server = start();
    let (one, again, why) = sign_in(&server, Dialect::Eio3, &ann);
    assert_eq!((why, again.resumed, again.total), (None, true, 1));
    assert_eq!(again.uid, first.uid);
    let (_other, hers_again, _) = sign_in(&server, Dialect::Plain, &bob);
    assert_eq!(hers_again.total, 0);
    assert_ne!(hers_again.uid, again.uid);
    assert_ne!(hers.uid, again.uid);
    // A third device has the seat; the one before it is told.
    let (_third, here, _) = sign_in(&server, Dialect::Plain, &ann);
    assert_eq!((here.total, &here.session), (1, &again.session));
    let (texts, code) = { one }.until_close();
    assert!(
        texts.iter().any(|text| text.contains("taken-over")),
        "{texts:?}"
    );
    assert_eq!(code, Some(4001));
    // Who somebody is stands in no log.
    let lines = server.log().lines();
    assert!(lines.iter().all(|line| !line.contains(&ann)), "{lines:?}");
}

#[test]
fn keys_are_read_again_and_a_broken_file_changes_nothing() {
    let folder = Directory::new();
    let (old, new) = ("o".repeat(32), "n".repeat(32));
    let keys = put_keys(&folder, &[&old], 0o640);
    let path = keys.to_str().expect("a text");
    let server = Server::for_pairs(&[
        "--token-key",
        path,
        "--token-audience",
        "me",
        "--admin",
        "127.0.0.1:0",
    ]);
    let token = |flags: &[&str]| {
        mint(
            &keys,
            &[&["--sub", "ann", "--audience", "me"], flags].concat(),
        )
    };
    let by_old = token(&[]);
    let (_first, hi, why) = sign_in(&server, Dialect::Plain, &by_old);
    assert_eq!(why, None);
    put_keys(&folder, &[&new, &old], 0o640);
    let by_new = token(&[]);
    server
        .log()
        .wait_for("both keys", |line| line.contains("verified by 2 keys"));
    for (dialect, token) in [(Dialect::Plain, &by_new), (Dialect::Eio4, &by_old)] {
        let (_client, again, why) = sign_in(&server, dialect, token);
        assert_eq!((why, again.session), (None, hi.session.clone()));
    }
    put_keys(&folder, &["too short"], 0o640);
    let line = server
        .log()
        .wait_for("why not", |line| line.contains("the keys stay"));
    assert!(line.contains("has 9 bytes: 32 to 256 are needed"), "{line}");
    put_keys(&folder, &[&new], 0o644);
    let line = server
        .log()
        .wait_for("why not", |line| line.contains("mode 0644"));
    assert!(line.contains("others could sign in as anybody"), "{line}");
    let (_client, _, why) = sign_in(&server, Dialect::Plain, &by_old);
    assert_eq!(why, None, "the keys stay as they were");
    put_keys(&folder, &[&new], 0o640);
    server
        .log()
        .wait_for("one key", |line| line.contains("verified by 1 key "));
    let (mut client, _, why) = sign_in(&server, Dialect::Plain, &by_old);
    assert!(why.is_some_and(|why| why.contains("its signature is not of this server's key")));
    // Whoever that is plays all the same.
    client.send(r#"["join"]"#);
    client.until("room");
    let stranger = mint(&keys, &["--sub", "ann"]);
    let (_client, _, why) = sign_in(&server, Dialect::Plain, &stranger);
    assert!(why.is_some_and(|why| why.contains("its claim aud is missing")));
    let words = "metrics and status: listening on ";
    let told = |line: &str| line.contains(words);
    let line = server.log().wait_for("the admin listener", told);
    let place = line
        .split_once(words)
        .and_then(|(_, rest)| rest.split(',').next());
    let address = place.expect("an address").parse().expect("an address");
    let status = http::get(address, "/statusz");
    let status: serde_json::Value = serde_json::from_slice(&status.body).expect("JSON");
    let persons = &status["persons"];
    assert_eq!(persons["here"], 1);
    for (outcome, count) in [
        ("good", 4),
        ("signature", 1),
        ("audience", 1),
        ("expired", 0),
    ] {
        assert_eq!(persons["tokens"][outcome], count, "{outcome}");
    }
}

#[test]
fn a_file_that_others_may_read_is_no_start() {
    let folder = Directory::new();
    let keys = put_keys(&folder, &[&"k".repeat(32)], 0o644);
    let mut command = command();
    command
        .args(["--listen", "127.0.0.1:0", "--token-key"])
        .arg(&keys);
    let exit = run_command(command);
    assert_eq!(exit.code(), Some(1));
    assert!(exit.stderr.contains("has mode 0644"), "{}", exit.stderr);
    let missing = run(&["--listen", "127.0.0.1:0", "--token-key", "/nowhere/keys"]);
    assert!(
        missing.stderr.contains("/nowhere/keys does not exist"),
        "{}",
        missing.stderr
    );
    let exit = run(&["token", "--sub", "me"]);
    assert_eq!(exit.code(), Some(2));
    assert!(
        exit.stderr.contains("--key FILE is needed"),
        "{}",
        exit.stderr
    );
    assert!(run(&["token", "--help"]).stdout.contains("token --sub WHO"));
}
