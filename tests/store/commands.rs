//! `roshambo store …`, beside a server that has the file open.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use roshambo::model::{Owner, Settled, StoreOp, StoreReply, Week};
use roshambo::store::{Engine, Unix};
use rusqlite::Connection;

use crate::ways::{Folder, START, known_as, open, ranked, win};

/// What a command said, and how it ended.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a command on a place: a file, or an address.
#[track_caller]
pub(crate) fn run(words: &[&str], place: impl AsRef<OsStr>, input: &str) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roshambo"));
    command.arg("store").args(words).arg("--store").arg(place);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    // Who reads none of it may end before it is written.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

#[track_caller]
fn check(said: &Said, code: i32, wanted: &[&str]) {
    let Said { out, err, .. } = said;
    assert_eq!(said.code, Some(code), "{out}{err}");
    for wanted in wanted {
        let text = if code == 0 { out } else { err };
        assert!(text.contains(wanted), "{wanted:?} is not in: {out}{err}");
    }
}

fn settle(engine: &mut dyn Engine, token: &str, seq: u64, uid: &str) -> Settled {
    let order = known_as(win(token, 1, seq, 3, 2), uid, "Ada of the rue d'Été");
    let order = StoreOp::Settle(Box::new(order));
    // The commands go by the system's clock.
    let passed = SystemTime::UNIX_EPOCH.elapsed().expect("it is later");
    let now = Unix(passed.as_secs());
    let replies = engine.apply(&[order], now).expect("it works");
    match replies.as_slice() {
        [StoreReply::Settled { settled, .. }] => *settled,
        other => panic!("{other:?}"),
    }
}

#[test]
fn check_says_what_is_in_a_file() {
    let folder = Folder::new();
    let path = folder.file("points.db");
    let none = run(&["check"], &path, "");
    check(&none, 1, &["there is no file", "points.db"]);
    assert!(!path.exists());
    let mut engine = open(&path);
    settle(&mut *engine, "a", 1, "p-1");
    settle(&mut *engine, "b", 1, "p-2");
    let fine = run(&["check"], &path, "");
    check(&fine, 0, &["is in order: 2 sessions, 0 persons"]);
    drop(engine);
    let mut bytes = fs::read(&path).expect("ours");
    bytes[4096..].fill(7);
    fs::write(&path, bytes).expect("ours");
    check(&run(&["check"], &path, ""), 1, &["is damaged"]);
    check(
        &run(&["chekc"], &path, ""),
        2,
        &["there is no \"chekc\"", "store --help"],
    );
    let help = run(&["--help"], &path, "");
    check(&help, 0, &["backup COPY", "forget WHO"]);
    assert!(help.out.lines().all(|line| line.len() <= 100));
}

#[test]
fn a_backup_is_made_beside_a_server_and_is_a_store() {
    let folder = Folder::new();
    let (path, copy) = (folder.file("points.db"), folder.file("copy.db"));
    let mut engine = open(&path);
    settle(&mut *engine, "a", 1, "p-1");
    let name = copy.to_str().expect("an ASCII path");
    check(&run(&["backup", name], &path, ""), 0, &["was copied to"]);
    settle(&mut *engine, "a", 2, "p-1");
    let mode = fs::metadata(&copy).expect("it is there").mode();
    assert_eq!(mode & 0o777, 0o600);
    // What is there already may be somebody's only copy.
    let before = fs::read(&copy).expect("ours");
    let again = run(&["backup", name], &path, "");
    check(&again, 1, &["is there already"]);
    assert_eq!(fs::read(&copy).expect("ours"), before);
    let same = settle(&mut *open(&copy), "a", 1, "p-1");
    assert_eq!(same, Settled::Kept { total: 3 });
    let nowhere = run(&["backup", "/proc/copy.db"], &path, "");
    check(&nowhere, 1, &["/proc/copy.db cannot be written"]);
}

#[test]
fn lines_go_out_and_come_in_again() {
    let folder = Folder::new();
    let (path, other) = (folder.file("points.db"), folder.file("other.db"));
    let mut engine = open(&path);
    for (token, uid) in [("first token", "p-1"), ("b", "ü\"\\\0"), ("c", "p-3")] {
        settle(&mut *engine, token, 1, uid);
    }
    let connection = Connection::open(&path).expect("beside the server");
    connection
        .execute_batch(
            "INSERT INTO persons VALUES ('openid-7', 1, 0, 5, 6);
             INSERT INTO ranked_points VALUES (2900, 'openid-7', 12, 7), (0, 'openid-7', 20, 8);
             INSERT INTO tombstones VALUES (zeroblob(32), 1700000000);",
        )
        .expect("ours");
    let out = run(&["export"], &path, "");
    check(
        &out,
        0,
        &["{\"roshambo_store\":1}", "\"uid\":\"p-1\"", "d'Été"],
    );
    assert!(!out.out.contains("first token"));
    assert_eq!(out.out.lines().count(), 8, "{}", out.out);
    check(&run(&["import"], &other, &out.out), 0, &["7 taken, 0 left"]);
    check(&run(&["import"], &other, &out.out), 0, &["0 taken, 7 left"]);
    assert_eq!(run(&["export"], &other, "").out, out.out);
    let weeks = Connection::open(&other).expect("ours").query_row(
        "SELECT group_concat(week || ' ' || points || ' ' || persons) FROM weeks",
        (),
        |row| row.get::<_, String>(0),
    );
    assert_eq!(weeks.expect("ours"), "0 20 1,2900 12 1");
    let mut engine = open(&other);
    let settled = settle(&mut *engine, "first token", 1, "p-1");
    assert_eq!(settled, Settled::FormerOwner { total: 6 });
}

#[test]
fn lines_that_are_none_are_told_by_their_number() {
    let folder = Folder::new();
    let path = folder.file("points.db");
    let hash = "ab".repeat(32);
    let session = |hash: &str, uid: &str, points: &str| {
        format!(
            "{{\"session\":{{\"token_sha256\":\"{hash}\",\"uid\":\"{uid}\",\"uid_is_number\":false,\
             \"name\":\"\",\"avatar\":\"\",\"points\":{points},\"streak\":0,\"made_at\":1,\
             \"used_at\":1}}}}"
        )
    };
    let first = "{\"roshambo_store\":1}";
    let good = session(&hash, "p-1", "1");
    for (second, wanted) in [
        (String::new(), "line 2"),
        ("{}".into(), "line 2"),
        ("[1]".into(), "line 2"),
        (first.into(), "line 2: a second beginning"),
        (session("ab", "p-1", "1"), "line 2: \"ab\" is no SHA-256"),
        (session(&"é".repeat(32), "p-1", "1"), "is no SHA-256"),
        (
            session(&hash, &"x".repeat(65), "1"),
            "uid is longer than 64 bytes",
        ),
        (session(&hash, "p-1", "-1"), "line 2"),
        (session(&hash, "p-1", "4294967296"), "line 2"),
    ] {
        let said = run(&["import"], &path, &format!("{first}\n{second}\n{good}\n"));
        check(&said, 1, &[wanted]);
        assert!(said.err.lines().count() == 1, "{}", said.err);
    }
    let nothing = run(&["import"], &path, "");
    check(&nothing, 1, &["there is nothing to read"]);
    let other = run(&["import"], &path, "{\"roshambo_store\":2}\n");
    check(&other, 1, &["version 2"]);
    let headless = run(&["import"], &path, &format!("{good}\n"));
    check(&headless, 1, &["line 1 does not say"]);
    // What root restores is the server's, whose folder it lies in.
    let owner = 65534 * u32::from(fs::metadata(folder.path()).expect("ours").uid() == 0);
    if owner != 0 {
        fs::remove_file(&path).expect("ours");
        chown(folder.path(), Some(owner), Some(owner)).expect("root may");
    }
    let fine = run(&["import"], &path, &format!("{first}\n{good}\n"));
    for ending in ["", ".lock"] {
        let path = folder.file(&format!("points.db{ending}"));
        let folder = fs::metadata(folder.path()).expect("ours");
        assert_eq!(fs::metadata(path).expect("ours").uid(), folder.uid());
    }
    check(&fine, 0, &["1 taken"]);
}

#[test]
fn who_is_erased_is_gone_from_file_and_log() {
    let folder = Folder::new();
    let path = folder.file("points.db");
    let mut engine = open(&path);
    settle(&mut *engine, "a", 1, "p-erasable");
    settle(&mut *engine, "b", 1, "p-erasable");
    settle(&mut *engine, "c", 1, "p-other");
    let holds = |word: &str| {
        ["", "-wal"].iter().any(|ending| {
            let bytes = fs::read(folder.file(&format!("points.db{ending}"))).expect("ours");
            bytes
                .windows(word.len())
                .any(|part| part == word.as_bytes())
        })
    };
    assert!(holds("p-erasable"));
    let said = run(&["forget", "--uid", "p-erasable"], &path, "");
    check(&said, 0, &["2 erased", "31 days", "Backups", "still hold"]);
    assert!(!holds("p-erasable") && holds("p-other"));
    // The server learns it with its next order.
    let settled = settle(&mut *engine, "a", 2, "p-erasable");
    assert_eq!(settled, Settled::Erased);
    assert!(!holds("p-erasable"));
    let again = run(&["forget", "--uid", "p-erasable"], &path, "");
    check(&again, 1, &["nobody in", "\"p-erasable\""]);
    let person = run(&["forget", "--person", "openid-7"], &path, "");
    check(&person, 1, &["nobody in", "\"openid-7\""]);
}

/// His place on the board goes too, and so does what lets others count him.
#[test]
fn a_person_is_erased_with_all_that_is_his() {
    let folder = Folder::new();
    let path = folder.file("points.db");
    let mut engine = open(&path);
    settle(&mut *engine, "a", 1, "p-1");
    settle(&mut *engine, "b", 1, "p-2");
    let connection = Connection::open(&path).expect("beside the server");
    connection
        .execute_batch(
            "INSERT INTO persons VALUES ('openid-7', 1, 0, 5, 6), ('openid-8', 2, 0, 5, 6);
             INSERT INTO ranked_points VALUES (0, 'openid-7', 20, 7), (0, 'openid-8', 20, 8),
                (2900, 'openid-7', 20, 7);
             INSERT INTO weeks VALUES (0, 20, 2), (2900, 20, 1);",
        )
        .expect("ours");
    let said = run(&["forget", "--person", "openid-7"], &path, "");
    check(&said, 0, &["2 erased"]);
    let rows = "SELECT (SELECT group_concat(uid) FROM sessions) || ' ' ||
        (SELECT group_concat(person) FROM persons) || ' ' ||
        (SELECT group_concat(person) FROM ranked_points) || ' ' ||
        (SELECT group_concat(week || '/' || persons) FROM weeks) || ' ' ||
        (SELECT count(*) FROM tombstones)";
    let found: String = connection
        .query_row(rows, (), |row| row.get(0))
        .expect("ours");
    assert_eq!(found, "p-2 openid-8 openid-8 0/1 2");
    assert_eq!(settle(&mut *engine, "a", 9, "p-1"), Settled::Erased);
    // By the uid of his session it is the same.
    check(
        &run(&["forget", "--uid", "p-2"], &path, ""),
        0,
        &["2 erased"],
    );
}

#[test]
fn who_is_barred_leaves_a_running_servers_board_and_stays_off_it_elsewhere() {
    let folder = Folder::new();
    let (path, other) = (folder.file("points.db"), folder.file("other.db"));
    let mut engine = open(&path);
    let week = Week::of(START).expect("a week");
    for (sub, points) in [("o-7", 5), ("o-8", 3)] {
        let sign_in = StoreOp::SignIn {
            sub: sub.into(),
            token: Some(sub.into()),
            fresh: "unused".into(),
            owner: Owner(1),
            absent: false,
        };
        let settle = known_as(win(sub, 1, 1, points, 1), sub, sub);
        let settle = StoreOp::Settle(Box::new(ranked(settle, &[(week, points, START)])));
        let orders = [sign_in, settle];
        engine.apply(&orders, Unix(START)).expect("it works");
    }
    let names = |engine: &mut dyn Engine| {
        let replies = engine.apply(&[StoreOp::Top { week }], Unix(START));
        match replies.expect("it works").remove(0) {
            StoreReply::Top { rows, .. } => {
                let names: Vec<String> = rows.into_iter().map(|row| row.profile.name).collect();
                names.join(" ")
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(names(&mut *engine), "o-7 o-8");
    check(
        &run(&["bar", "o-9"], &path, ""),
        1,
        &["no person", "\"o-9\""],
    );
    check(&run(&["bar"], &path, ""), 2, &["bar needs the name"]);
    for _ in 0..2 {
        check(&run(&["bar", "o-7"], &path, ""), 0, &["on no board"]);
        assert_eq!(names(&mut *engine), "o-8");
    }
    // Where the lines go it is barred, too, and keeps its points.
    let out = run(&["export"], &path, "").out;
    check(&run(&["import"], &other, &out), 0, &["8 taken, 0 left"]);
    assert_eq!(run(&["export"], &other, "").out, out);
    let mut engine = open(&other);
    assert_eq!(names(&mut *engine), "o-8");
    let weeks = Connection::open(&other).expect("ours").query_row(
        "SELECT group_concat(points || '/' || persons) FROM weeks",
        (),
        |row| row.get::<_, String>(0),
    );
    assert_eq!(weeks.expect("ours"), "3/1,3/1");
    let undone = run(&["bar", "--undo", "o-7"], &other, "");
    check(&undone, 0, &["is on the boards"]);
    assert_eq!(names(&mut *engine), "o-7 o-8");
}
