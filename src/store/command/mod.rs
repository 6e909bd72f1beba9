//! `roshambo store …`: a look into a store, copies of it, and the end of somebody's data.
//!
//! It works beside a running server, with SQLite's own locks. Absent: stores in memory, and the
//! game.

mod lines;
#[cfg(feature = "redis")]
mod shared;
mod words;

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, BufRead as _, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use rusqlite::{Connection, TransactionBehavior};

use self::words::{Asked, Place, What};
use super::clock::Clock;
use super::engine::Who;
use super::sqlite;

/// Done.
const DONE: u8 = 0;
/// It could not be done, or what was looked at is not in order.
const FAILED: u8 = 1;
/// Asked wrongly.
const ASKED_WRONGLY: u8 = 2;

/// Does what the words behind `roshambo store` ask for; `program` is how this program was called.
pub fn main(program: &str, args: impl Iterator<Item = OsString>) -> ExitCode {
    let asked = match words::parse(args, |name| std::env::var_os(name)) {
        Ok(Some(asked)) => asked,
        Ok(None) => {
            let help = words::HELP.replace(" roshambo ", &format!(" {program} "));
            // A reader that went away is no fault.
            let _ = io::stdout().write_all(help.as_bytes());
            return ExitCode::from(DONE);
        }
        Err(message) => {
            complain(&format!("{message}\ntry {program} store --help"));
            return ExitCode::from(ASKED_WRONGLY);
        }
    };
    match run(&asked) {
        Ok(line) => {
            // What was exported stands on standard output alone.
            let told = match asked.what {
                What::Export => writeln!(io::stderr(), "{line}"),
                _ => writeln!(io::stdout(), "{line}"),
            };
            let _ = told;
            ExitCode::from(DONE)
        }
        Err(message) => {
            complain(&message);
            ExitCode::from(FAILED)
        }
    }
}

fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "roshambo store: {message}");
}

fn run(asked: &Asked) -> Result<String, String> {
    let path = match &asked.place {
        Place::File(path) => path,
        #[cfg(feature = "redis")]
        Place::Redis(url) => return shared::run(&asked.what, url),
        #[cfg(not(feature = "redis"))]
        Place::Redis(_) => return Err(super::NO_REDIS.into()),
    };
    if matches!(asked.what, What::Import) {
        sqlite::make_if_missing(path, Clock::start().now()).map_err(|error| error.0)?;
    }
    let mut connection = sqlite::open_beside(path).map_err(|error| error.0)?;
    let done = match &asked.what {
        What::Check => check(&connection, path),
        What::Backup(copy) => return backup(&connection, path, copy),
        What::Export => return export(&mut connection, path),
        What::Import => return import(&mut connection, path),
        What::Forget(who) => forget(&mut connection, path, who),
        What::Bar { sub, barred } => bar(&mut connection, path, sub, *barred),
    };
    done.map_err(|fault| match fault {
        Fault::Sqlite(error) => sqlite::trouble_text(path, &error),
        Fault::Said(line) => line,
    })
}

enum Fault {
    Sqlite(rusqlite::Error),
    Said(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn check(connection: &Connection, path: &Path) -> Result<String, Fault> {
    let shown = path.display();
    for check in ["PRAGMA integrity_check(1)", "PRAGMA foreign_key_check"] {
        let mut asked = connection.prepare(check)?;
        let mut rows = asked.query(())?;
        while let Some(row) = rows.next()? {
            let fault: String = row.get(0)?;
            if fault != "ok" {
                let line = format!(
                    "{shown} is damaged ({fault}): restore a backup, or save what can be read with \
                     sqlite3 {shown} .recover"
                );
                return Err(Fault::Said(line));
            }
        }
    }
    let count = |table: &str| {
        let text = format!("SELECT count(*) FROM {table}");
        connection.query_row(&text, (), |row| row.get::<_, i64>(0))
    };
    let (sessions, persons) = (count("sessions")?, count("persons")?);
    let text = "SELECT coalesce(max(version || ' since ' || datetime(opened_at, 'unixepoch')), '?')
        FROM server";
    let server: String = connection.query_row(text, (), |row| row.get(0))?;
    Ok(format!(
        "{shown} is in order: {sessions} sessions, {persons} persons; last opened by roshambo \
         {server} UTC"
    ))
}

/// Makes a copy that is whole at one moment, whatever a server writes meanwhile.
fn backup(connection: &Connection, path: &Path, copy: &Path) -> Result<String, String> {
    let shown = copy.display();
    let cannot = |error: &dyn std::fmt::Display| format!("{shown} cannot be written: {error}");
    let mut options = OpenOptions::new();
    let made = options.write(true).create_new(true).mode(0o600).open(copy);
    let file = made.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => format!("{shown} is there already: name another file"),
        _ => cannot(&error),
    })?;
    let name = copy
        .to_str()
        .ok_or_else(|| cannot(&"its name is not UTF-8"))?;
    // A name may look like an address, which a folder before it prevents.
    let name = match copy.is_absolute() {
        true => name.to_owned(),
        false => format!("./{name}"),
    };
    let written = connection
        .execute("VACUUM INTO ?1", [&name])
        .map_err(|error| sqlite::trouble_text(path, &error))
        .and_then(|_| file.sync_all().map_err(|error| cannot(&error)));
    if let Err(line) = written {
        let _ = std::fs::remove_file(copy);
        return Err(line);
    }
    Ok(format!("{} was copied to {shown}", path.display()))
}

fn export(connection: &mut Connection, path: &Path) -> Result<String, String> {
    let mut out = BufWriter::new(io::stdout().lock());
    let count = lines::export(connection, &mut out);
    let count = count.and_then(|count| out.flush().map(|()| count));
    let count = count.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(format!("{count} lines written"))
}

fn import(connection: &mut Connection, path: &Path) -> Result<String, String> {
    let lines = io::stdin().lock().lines();
    let counts = lines::import(connection, lines)?;
    Ok(counts_line(&path.display().to_string(), &counts))
}

fn counts_line(shown: &str, counts: &lines::Counts) -> String {
    let lines::Counts { taken, left } = counts;
    format!("{shown}: {taken} taken, {left} left as they were")
}

/// Why nobody was erased.
fn nobody_line(shown: &str, who: &Who) -> String {
    let name = match who {
        Who::Uid(uid) => format!("the uid {uid:?}"),
        Who::Person(person) => format!("the name {person:?}"),
    };
    format!("nobody in {shown} goes by {name}")
}

/// What became of a bar, of so many persons.
fn bar_line(shown: &str, sub: &str, barred: bool, count: usize) -> Result<String, String> {
    match barred {
        _ if count == 0 => Err(format!("no person in {shown} is called {sub:?}")),
        true => Ok(format!(
            "{sub:?} is on no board of {shown} any more; bar --undo takes that back"
        )),
        false => Ok(format!("{sub:?} is on the boards of {shown} again")),
    }
}

fn forget(connection: &mut Connection, path: &Path, who: &Who) -> Result<String, Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let erased = sqlite::forget(&transaction, who, Clock::start().now())?;
    transaction.commit()?;
    let shown = path.display();
    if erased == 0 {
        return Err(Fault::Said(nobody_line(&shown.to_string(), who)));
    }
    // What was deleted is overwritten in the file; in its log it stands until that is cut.
    let text = "PRAGMA wal_checkpoint(TRUNCATE)";
    let is_held: bool = connection.query_row(text, (), |row| row.get(0))?;
    let log = match is_held {
        true => format!("; until those end who read it just now, {shown}-wal holds them too"),
        false => String::new(),
    };
    Ok(format!(
        "{erased} erased from {shown}; what they win by now is dropped for 31 days{log}. Backups \
         and exports from before still hold them: delete those, or erase them there too"
    ))
}

fn bar(connection: &mut Connection, path: &Path, sub: &str, barred: bool) -> Result<String, Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let count = sqlite::bar(&transaction, sub, barred)?;
    transaction.commit()?;
    bar_line(&path.display().to_string(), sub, barred, count).map_err(Fault::Said)
}
