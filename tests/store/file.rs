//! What lies on the disk, what is refused, and what other programs may do meanwhile.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use roshambo::model::{StoreOp, StoreReply};
use roshambo::store::{Engine, Unix};
use rusqlite::Connection;

use crate::ways::{Folder, START, known_as, open, refusal, refused_twice, win};

/// A point for a session; whether it was written, or the line that says why not.
fn point(engine: &mut dyn Engine, token: &str, seq: u64) -> Result<Vec<StoreReply>, String> {
    let order = StoreOp::Settle(Box::new(known_as(win(token, 1, seq, 1, 1), "p-1", "Ada")));
    let replies = engine.apply(&[order], Unix(START));
    replies.map_err(|trouble| trouble.to_string())
}

/// All points of a file, as somebody sees them who opens it with another program.
#[track_caller]
fn points(path: &Path) -> i64 {
    let connection = Connection::open(path).expect("it is there");
    let sum = "SELECT coalesce(sum(points), 0) FROM sessions";
    connection
        .query_row(sum, (), |row| row.get(0))
        .expect("a table of sessions")
}

#[track_caller]
fn check_refused(path: &Path, wanted: &[&str]) {
    let line = refusal(path);
    for wanted in wanted {
        assert!(line.contains(wanted), "{wanted:?} is not in: {line}");
    }
    assert!(!line.contains('\n'), "{line}");
    assert!(line.contains(": "), "{line} says what to do");
}

#[test]
fn files_are_for_their_owner_and_hold_no_token() {
    let folder = Folder::new();
    let path = folder.file("points.db");
    let mut engine = open(&path);
    let token = "0123456789abcdefghijklmnopqrstuv";
    point(&mut *engine, token, 1).expect("it works");
    for ending in ["", "-wal", "-shm", ".lock"] {
        let path = folder.file(&format!("points.db{ending}"));
        let mode = fs::metadata(&path).expect("it is there").mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        let bytes = fs::read(&path).expect("ours");
        let held = bytes
            .windows(token.len())
            .any(|part| part == token.as_bytes());
        assert!(!held, "the token stands in {}", path.display());
    }
    assert!(4096 < engine.bytes());
}

#[test]
fn files_that_others_could_read_are_closed_to_them() {
    let folder = Folder::new();
    let path = folder.file("points.db");
    drop(open(&path));
    fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("ours");
    let _engine = open(&path);
    for ending in ["", "-wal", "-shm"] {
        let path = folder.file(&format!("points.db{ending}"));
        let mode = fs::metadata(&path).expect("it is there").mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
}

/// With `sqlite3` at a prompt: what stands where, in words.
#[test]
fn the_file_explains_itself() {
    let folder = Folder::new();
    let path = folder.file("points.db");
    let mut engine = open(&path);
    point(&mut *engine, "a", 1).expect("it works");
    let connection = Connection::open(&path).expect("beside the server");
    let text = |query: &str| -> String {
        connection
            .query_row(query, (), |row| row.get(0))
            .expect("a text")
    };
    let row = "SELECT uid || ' ' || name || ' ' || points || ' ' || streak || ' '
        || datetime(used_at, 'unixepoch') FROM sessions";
    assert_eq!(text(row), "p-1 Ada 1 1 2027-01-15 08:00:00");
    let sql = text("SELECT group_concat(sql, ';') FROM sqlite_schema");
    for table in [
        "sessions",
        "former_owners",
        "persons",
        "ranked_points",
        "weeks",
        "rooms",
        "tombstones",
    ] {
        assert!(sql.contains(&format!("CREATE TABLE {table} (")), "{table}");
    }
    assert!(sql.contains("-- Wins in a row."), "{sql}");
    assert_eq!(text("PRAGMA integrity_check"), "ok");
    assert_eq!(text("PRAGMA journal_mode"), "wal");
    assert_eq!(
        text("SELECT version FROM server"),
        env!("CARGO_PKG_VERSION")
    );
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = Folder::new();
    check_refused(folder.path(), &["is a folder", "name a file in it"]);
    check_refused(Path::new("/"), &["is a folder"]);
    check_refused(Path::new("/dev/null"), &["is a device", "--store memory"]);
    let pipe = folder.file("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo(1)").success());
    check_refused(&pipe, &["is a pipe"]);
    let socket = folder.file("socket");
    let _listener = UnixListener::bind(&socket).expect("a writable place");
    check_refused(&socket, &["is a socket"]);
    let far = folder.file("no/such/points.db");
    check_refused(&far, &["there is no folder", "make it"]);
    let circle = folder.file("circle");
    symlink(&circle, &circle).expect("a writable place");
    check_refused(&circle, &["links lead nowhere"]);
    // The kernel's own folders take no file of anybody.
    let kernel = Path::new("/proc/points.db");
    check_refused(kernel, &["cannot be written", "--store memory"]);
}

#[test]
fn what_is_no_store_of_ours_is_refused_and_left_alone() {
    let folder = Folder::new();
    let path = folder.file("points.db");
    let noise: Vec<u8> = (0..9000_u32).map(|i| (i * 7) as u8).collect();
    let as_it_was = |path: &Path| {
        let mode = fs::metadata(path).expect("it is there").mode();
        assert_eq!(mode & 0o777, 0o644, "its mode is its owner's business");
        let files = fs::read_dir(folder.path()).expect("ours").count();
        assert_eq!(files, 1, "nothing lies beside it");
    };
    for bytes in [
        b"{\"roshambo\":1,\"sessions\":[]}".as_slice(),
        &noise,
        b"\n",
    ] {
        fs::write(&path, bytes).expect("ours");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("ours");
        check_refused(&path, &["holds something else", "name another file"]);
        assert_eq!(fs::read(&path).expect("ours"), bytes);
        as_it_was(&path);
    }
    fs::remove_file(&path).expect("ours");
    let connection = Connection::open(&path).expect("a writable place");
    connection
        .execute_batch("CREATE TABLE sessions (id)")
        .expect("a table");
    drop(connection);
    fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("ours");
    let before = fs::read(&path).expect("ours");
    check_refused(&path, &["another program"]);
    assert_eq!(fs::read(&path).expect("ours"), before);
    as_it_was(&path);
}

#[test]
fn a_file_of_a_newer_version_is_refused() {
    let folder = Folder::new();
    let path = folder.file("points.db");
    drop(open(&path));
    let connection = Connection::open(&path).expect("ours");
    for (version, wanted) in [(2, "newer roshambo"), (0, "damaged"), (-1, "damaged")] {
        connection
            .pragma_update(None, "user_version", version)
            .expect("ours");
        connection
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
            .expect("ours");
        check_refused(&path, &[wanted]);
    }
}

/// Each kind of harm to a file that has points in it.
#[test]
fn a_damaged_file_is_refused_and_left_alone() {
    let folder = Folder::new();
    let whole = folder.file("whole.db");
    let mut engine = open(&whole);
    for number in 0..500 {
        point(&mut *engine, &format!("token {number}"), 1).expect("it works");
    }
    drop(engine);
    let bytes = fs::read(&whole).expect("ours");
    let path = folder.file("points.db");
    let mut harmed = Vec::new();
    harmed.push(bytes[..bytes.len() / 2].to_vec());
    harmed.push(bytes[..1000].to_vec());
    let mut zeros = bytes.clone();
    zeros[4096..].fill(0);
    harmed.push(zeros);
    for page in 1..bytes.len() / 4096 {
        let mut noise = bytes.clone();
        for (index, byte) in noise[page * 4096..][..4096].iter_mut().enumerate() {
            *byte = byte.wrapping_mul(31).wrapping_add(index as u8);
        }
        harmed.push(noise);
    }
    for (index, bytes) in harmed.iter().enumerate() {
        fs::write(&path, bytes).expect("ours");
        let line = refusal(&path);
        assert!(line.contains("is damaged"), "{index}: {line}");
        assert!(line.contains("restore a backup"), "{index}: {line}");
        assert_eq!(&fs::read(&path).expect("ours"), bytes, "{index}");
    }
    // A table that somebody dropped, and a column.
    for harm in [
        "DROP TABLE rooms",
        "ALTER TABLE sessions DROP COLUMN streak",
    ] {
        fs::write(&path, &bytes).expect("ours");
        let connection = Connection::open(&path).expect("ours");
        connection.execute_batch(harm).expect("ours");
        drop(connection);
        check_refused(&path, &["is damaged", "no such"]);
    }
}

/// SQLite would take it for new, and throw the log away with the points in it.
#[test]
fn a_log_without_its_file_is_not_thrown_away() {
    let folder = Folder::new();
    let path = folder.file("points.db");
    let mut engine = open(&path);
    point(&mut *engine, "a", 1).expect("it works");
    let log = fs::read(folder.file("points.db-wal")).expect("ours");
    assert!(!log.is_empty());
    let other = folder.file("other.db");
    fs::write(folder.file("other.db-wal"), &log).expect("ours");
    check_refused(&other, &["is gone", "put the file back"]);
    fs::write(&other, "").expect("ours");
    check_refused(&other, &["is damaged", "its log is not"]);
    assert_eq!(fs::read(folder.file("other.db-wal")).expect("ours"), log);
}

#[test]
fn an_empty_file_is_a_new_one() {
    let folder = Folder::new();
    let path = folder.file("points.db");
    fs::write(&path, "").expect("ours");
    point(&mut *open(&path), "a", 1).expect("it works");
    assert_eq!(points(&path), 1);
}

#[test]
fn links_are_followed_and_stay() {
    let folder = Folder::new();
    let real = folder.file("real");
    fs::create_dir(&real).expect("a writable place");
    let (link, between) = (folder.file("points.db"), folder.file("between"));
    symlink("between", &link).expect("a writable place");
    symlink(real.join("scores"), &between).expect("a writable place");
    // Once to a file that is not there yet, once to one that is.
    for seq in [1, 2] {
        let mut engine = open(&link);
        point(&mut *engine, "a", seq).expect("it works");
        for name in ["scores", "scores-wal", "scores.lock"] {
            assert!(real.join(name).is_file(), "{name}");
        }
        assert!(!folder.file("points.db.lock").exists());
        // The same file by another name is the same file.
        let line = refused_twice(&real.join("scores"));
        assert!(line.contains("is used by another server"), "{line}");
    }
    assert!(link.is_symlink() && between.is_symlink());
    assert_eq!(points(&link), 2);
}

#[test]
fn a_file_has_one_server() {
    let folder = Folder::new();
    let path = folder.file("points.db");
    let first = open(&path);
    let me = format!("is used by another server (process {})", std::process::id());
    let line = refused_twice(&path);
    assert!(line.contains(&me) && line.contains("stop that"), "{line}");
    drop(first);
    // Its lock stays, and holds nobody up.
    assert!(folder.file("points.db.lock").is_file());
    drop(open(&path));
}

#[test]
fn another_program_that_writes_is_waited_for_and_named() {
    let folder = Folder::new();
    let path = folder.file("points.db");
    let mut engine = open(&path);
    let other = Connection::open(&path).expect("beside the server");
    other.execute_batch("BEGIN IMMEDIATE").expect("ours");
    let trouble = point(&mut *engine, "a", 1).expect_err("it is locked");
    assert!(
        trouble.contains("is locked by another program"),
        "{trouble}"
    );
    // Who only reads holds nobody up, and nor does a backup.
    other
        .execute_batch("COMMIT; BEGIN; SELECT * FROM sessions")
        .expect("ours");
    point(&mut *engine, "a", 1).expect("it works");
    let backup = folder.file("backup.db");
    let name = backup.to_str().expect("an ASCII path");
    other.execute_batch("COMMIT").expect("ours");
    other.execute("VACUUM INTO ?1", [name]).expect("a backup");
    point(&mut *engine, "a", 2).expect("it works");
    assert_eq!((points(&backup), points(&path)), (1, 2));
    // It is a store like any other.
    point(&mut *open(&backup), "a", 2).expect("it works");
    assert_eq!(points(&backup), 2);
}

/// What is written to a file that nobody finds any more is lost, so nothing is.
#[test]
fn a_file_that_was_moved_or_replaced_is_a_trouble_until_it_is_back() {
    let folder = Folder::new();
    let (path, aside) = (folder.file("points.db"), folder.file("aside.db"));
    let mut engine = open(&path);
    point(&mut *engine, "a", 1).expect("it works");
    fs::rename(&path, &aside).expect("ours");
    let trouble = point(&mut *engine, "a", 2).expect_err("it is gone");
    assert!(trouble.contains("put that one back"), "{trouble}");
    fs::copy(&aside, &path).expect("ours");
    point(&mut *engine, "a", 2).expect_err("it is another");
    fs::rename(&aside, &path).expect("ours");
    point(&mut *engine, "a", 2).expect("it is back");
    drop(engine);
    assert_eq!(points(&path), 2);
}

/// The old file is nowhere any more but here.
#[test]
fn a_file_that_another_was_laid_upon_is_written_anew_when_that_is_moved_away() {
    let folder = Folder::new();
    let (path, other) = (folder.file("points.db"), folder.file("other.db"));
    let mut engine = open(&path);
    point(&mut *engine, "a", 1).expect("it works");
    drop(open(&other));
    fs::rename(&other, &path).expect("ours");
    let trouble = point(&mut *engine, "a", 2).expect_err("it is another");
    assert!(trouble.contains("move that one away"), "{trouble}");
    fs::rename(&path, &other).expect("ours");
    point(&mut *engine, "a", 2).expect("it is written anew");
    drop(engine);
    assert_eq!((points(&path), points(&other)), (2, 0));
}

/// Somebody tidies up: alone, with its log, with all that lies beside it.
#[test]
fn a_file_that_was_deleted_is_written_once_more() {
    let folder = Folder::new();
    let path = folder.file("points.db");
    let mut engine = open(&path);
    let all = ["", "-wal", "-shm", ".lock"];
    for (round, endings) in [&all[..1], &all[..2], &all].into_iter().enumerate() {
        let seq = 2 * round as u64 + 1;
        point(&mut *engine, "a", seq).expect("it works");
        point(&mut *engine, &format!("only in round {round}"), 1).expect("it works");
        for ending in endings {
            fs::remove_file(folder.file(&format!("points.db{ending}"))).expect("ours");
        }
        point(&mut *engine, "a", seq + 1).expect("it works");
        assert_eq!(points(&path), 3 * round as i64 + 3);
        for ending in all {
            let mode = fs::metadata(folder.file(&format!("points.db{ending}")));
            assert_eq!(mode.expect("it is there").mode() & 0o777, 0o600, "{ending}");
        }
        let line = refused_twice(&path);
        assert!(line.contains("is used by another server"), "{line}");
    }
    assert!(!folder.file("points.db.new").exists());
    drop(engine);
    assert_eq!(points(&path), 9);
    drop(open(&path));
}
