//! From a file to a connection, or to one line that says what is wrong and what to do.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Error, ErrorCode, OpenFlags, TransactionBehavior};

use super::{APPLICATION_ID, SCHEMA, VERSION, place, rows};
use crate::store::OpenError;
use crate::store::engine::Unix;

/// How long the thread waits for somebody else who writes, before that is a trouble.
const BUSY: Duration = Duration::from_millis(500);
/// How long a command beside a server waits.
const BUSY_BESIDE: Duration = Duration::from_secs(5);
/// Of pages in memory, in KiB: what a commit touches fits.
const CACHE_KIB: i32 = 512;
/// A log that grew, as while somebody makes a backup, is cut to this, in bytes.
const LOG_BYTES: i32 = 4 << 20;
/// Files up to so many bytes are looked through when they are opened: some 20 ms.
const LOOKED_THROUGH_BYTES: u64 = 8 << 20;
/// What every database of SQLite's begins with, and where in it our marks are (its file format,
/// 1.3).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const HEAD_BYTES: usize = 100;
const VERSION_AT: usize = 60;
const APPLICATION_AT: usize = 68;

/// Opens a file that is there and locked, and is empty if it is new.
pub(super) fn open(path: &Path, now: Unix) -> Result<Connection, OpenError> {
    let is_new = check_head(path)?;
    let mut connection = connect(path, BUSY)?;
    if is_new {
        make_tables(&mut connection).map_err(|error| refusal(path, &error))?;
        // The folder knows of the file only then.
        place::sync_folder(path).map_err(|error| place::cannot_write(path, &error))?;
    }
    settle_down(&connection, path)?;
    if !is_new {
        look_through(&connection, path)?;
    }
    let sign = |connection: &mut Connection| {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        rows::check(&transaction)?;
        transaction.execute(
            "INSERT INTO server (id, version, opened_at) VALUES (1, ?1, ?2)
             ON CONFLICT (id) DO UPDATE SET version = ?1, opened_at = ?2",
            (env!("CARGO_PKG_VERSION"), rows::date(now)),
        )?;
        transaction.commit()
    };
    sign(&mut connection).map_err(|error| refusal(path, &error))?;
    Ok(connection)
}

/// Opens the file of this server again, after something went wrong with it.
pub(super) fn reopen(path: &Path) -> Result<Connection, OpenError> {
    let connection = connect(path, BUSY)?;
    settle_down(&connection, path)?;
    rows::check(&connection).map_err(|error| refusal(path, &error))?;
    Ok(connection)
}

/// Opens a file for a command, beside the server that may have it open.
pub(in crate::store) fn open_beside(path: &Path) -> Result<Connection, OpenError> {
    let path = place::resolve(path)?;
    place::check_kind(&path)?;
    let shown = path.display();
    if !path.exists() {
        return Err(OpenError(format!("there is no file {shown}")));
    }
    if check_head(&path)? {
        return Err(OpenError(format!("{shown} is empty")));
    }
    let connection = connect(&path, BUSY_BESIDE)?;
    settle_down(&connection, &path)?;
    rows::check(&connection).map_err(|error| refusal(&path, &error))?;
    Ok(connection)
}

/// Whether it is new; refuses what is not ours. SQLite would make a table in any database.
pub(super) fn check_head(path: &Path) -> Result<bool, OpenError> {
    let shown = path.display();
    let mut head = [0; HEAD_BYTES];
    let length = place::head(path, &mut head).map_err(|error| {
        OpenError(format!(
            "{shown} cannot be read: {error}: give it to the user that the server runs as"
        ))
    })?;
    if length == 0 {
        let log = std::fs::metadata(place::beside(path, "-wal"));
        return match log {
            // SQLite would throw that log away.
            Ok(log) if log.len() != 0 => Err(damaged(path, "it is empty, but its log is not")),
            _ => Ok(true),
        };
    }
    let number = |at: usize| match head.get(at..at + 4) {
        Some(&[a, b, c, d]) => i32::from_be_bytes([a, b, c, d]),
        _ => 0,
    };
    if length < HEAD_BYTES || !head.starts_with(MAGIC) {
        return Err(OpenError(format!(
            "{shown} holds something else and no points of roshambo's: name another file"
        )));
    }
    if number(APPLICATION_AT) != APPLICATION_ID {
        return Err(OpenError(format!(
            "{shown} is a database of another program: name another file"
        )));
    }
    match number(VERSION_AT) {
        VERSION => Ok(false),
        newer if VERSION < newer => Err(OpenError(format!(
            "{shown} was written by a newer roshambo (version {newer} of the file, this one knows \
             {VERSION}): run that one, or restore a backup from before"
        ))),
        other => Err(damaged(path, &format!("it says it is of version {other}"))),
    }
}

fn connect(path: &Path, busy: Duration) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .and_then(|connection| connection.busy_timeout(busy).map(|()| connection))
        .map_err(|error| refusal(path, &error))?;
    match connection.is_readonly("main") {
        Ok(false) => Ok(connection),
        _ => Err(place::cannot_write(path, &"it is read-only")),
    }
}

/// All tables or none: without the log beside it yet, so that the file itself says what it is.
fn make_tables(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// What a connection has to be told each time.
fn settle_down(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let set = || -> rusqlite::Result<String> {
        let mode = "PRAGMA journal_mode = WAL";
        let mode = connection.query_row(mode, (), |row| row.get(0))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "secure_delete", "ON")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
        connection.pragma_update(None, "trusted_schema", "OFF")?;
        Ok(mode)
    };
    match set().map_err(|error| refusal(path, &error))?.as_str() {
        "wal" => Ok(()),
        other => Err(OpenError(format!(
            "{}: no log can be kept beside it (journal mode {other}): put it on a disk of this \
             machine",
            path.display()
        ))),
    }
}

fn look_through(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    if LOOKED_THROUGH_BYTES < place::bytes(path) {
        return Ok(());
    }
    let check = "PRAGMA quick_check(1)";
    let found: rusqlite::Result<String> = connection.query_row(check, (), |row| row.get(0));
    match found.map_err(|error| refusal(path, &error))?.as_str() {
        "ok" => Ok(()),
        fault => Err(damaged(path, fault)),
    }
}

fn damaged(path: &Path, why: &str) -> OpenError {
    let shown = path.display();
    let why = why.replace('\n', " ");
    OpenError(format!(
        "{shown} is damaged ({why}): restore a backup, or save what can be read with sqlite3 \
         {shown} .recover, or move it away to begin anew"
    ))
}

/// Why it is not opened.
fn refusal(path: &Path, error: &Error) -> OpenError {
    match code(error) {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            damaged(path, &error.to_string())
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            place::cannot_write(path, error)
        }
        Some(ErrorCode::Unknown) | None => damaged(path, &error.to_string()),
        _ => OpenError(trouble_text(path, error)),
    }
}

/// What is wrong in the middle of the game, and what to do.
pub(in crate::store) fn trouble_text(path: &Path, error: &Error) -> String {
    let shown = path.display();
    match code(error) {
        Some(ErrorCode::DiskFull) => format!("{shown}: the disk is full: make room"),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("{shown} is locked by another program: end what that does with it")
        }
        Some(ErrorCode::ReadOnly) => {
            format!("{shown} cannot be written: its disk or its folder is read-only: mend that")
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            format!("{shown} is damaged ({error}): stop the server and restore a backup")
        }
        Some(ErrorCode::SystemIoFailure) => {
            format!("{shown}: the disk fails ({error}): look into the system's log")
        }
        _ => format!("{shown} cannot be written: {error}"),
    }
}

/// Whether the connection is as good as before.
pub(super) fn is_passing(error: &Error) -> bool {
    use ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull};
    matches!(code(error), Some(DiskFull | DatabaseBusy | DatabaseLocked))
}

fn code(error: &Error) -> Option<ErrorCode> {
    error.sqlite_error_code()
}
