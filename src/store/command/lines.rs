//! Everything in a store as lines of JSON, and back.
//!
//! The first line says that it is such a file; every other is an object with one key, which says
//! what stands in it. Dates are seconds since 1970. Rooms and former owners are not in it: they are
//! older than what they are good for.

use std::io::{self, Write};

use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};
use serde::{Deserialize, Serialize};

use crate::model::hex;
use crate::store::engine::Key;

/// Of the lines.
pub(super) const VERSION: u32 = 1;
/// Most lines in one transaction: a server beside it waits so long.
const BATCH: usize = 1000;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Line {
    RoshamboStore(u32),
    Session(Session),
    Person(Person),
    RankedPoints(RankedPoints),
    Tombstone(Tombstone),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Session {
    pub(super) token_sha256: String,
    pub(super) uid: String,
    pub(super) uid_is_number: bool,
    pub(super) name: String,
    pub(super) avatar: String,
    pub(super) points: u32,
    pub(super) streak: u32,
    pub(super) made_at: i64,
    pub(super) used_at: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    pub(super) person: String,
    pub(super) token_sha256: Option<String>,
    pub(super) is_barred: bool,
    pub(super) made_at: i64,
    pub(super) seen_at: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RankedPoints {
    pub(super) week: i64,
    pub(super) person: String,
    pub(super) points: u32,
    pub(super) reached_at: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tombstone {
    pub(super) sha256: String,
    pub(super) erased_at: i64,
}

/// What became of lines.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) taken: usize,
    /// Already there, or erased.
    pub(super) left: usize,
}

/// Writes everything, as it is at one moment; returns how many lines.
pub(super) fn export(connection: &mut Connection, out: &mut dyn Write) -> io::Result<usize> {
    type Read = fn(&Row<'_>) -> rusqlite::Result<Line>;

    let snapshot = connection.transaction().map_err(io::Error::other)?;
    let mut count = 1;
    write(out, &Line::RoshamboStore(VERSION))?;
    let tables: [(&str, Read); 4] = [
        ("SELECT * FROM tombstones", tombstone),
        ("SELECT * FROM sessions ORDER BY id", session),
        (
            "SELECT persons.*, sessions.token_sha256 FROM persons
             LEFT JOIN sessions ON sessions.id = persons.session",
            person,
        ),
        // Whether somebody is barred stands with the person.
        (
            "SELECT CASE WHEN week < 0 THEN -1 - week ELSE week END AS week, person, points,
             reached_at FROM ranked_points",
            ranked_points,
        ),
    ];
    for (text, read) in tables {
        let mut asked = snapshot.prepare(text).map_err(io::Error::other)?;
        let rows = asked.query_map((), read).map_err(io::Error::other)?;
        for line in rows {
            write(out, &line.map_err(io::Error::other)?)?;
            count += 1;
        }
    }
    Ok(count)
}

pub(super) fn write(out: &mut dyn Write, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line).map_err(io::Error::other)?;
    out.write_all(b"\n")
}

fn session(row: &Row<'_>) -> rusqlite::Result<Line> {
    Ok(Line::Session(Session {
        token_sha256: digits(row.get("token_sha256")?),
        uid: row.get("uid")?,
        uid_is_number: row.get("uid_is_number")?,
        name: row.get("name")?,
        avatar: row.get("avatar")?,
        points: row.get("points")?,
        streak: row.get("streak")?,
        made_at: row.get("made_at")?,
        used_at: row.get("used_at")?,
    }))
}

fn person(row: &Row<'_>) -> rusqlite::Result<Line> {
    Ok(Line::Person(Person {
        person: row.get("person")?,
        token_sha256: row.get::<_, Option<_>>("token_sha256")?.map(digits),
        is_barred: row.get("is_barred")?,
        made_at: row.get("made_at")?,
        seen_at: row.get("seen_at")?,
    }))
}

fn ranked_points(row: &Row<'_>) -> rusqlite::Result<Line> {
    Ok(Line::RankedPoints(RankedPoints {
        week: row.get("week")?,
        person: row.get("person")?,
        points: row.get("points")?,
        reached_at: row.get("reached_at")?,
    }))
}

fn tombstone(row: &Row<'_>) -> rusqlite::Result<Line> {
    Ok(Line::Tombstone(Tombstone {
        sha256: digits(row.get("sha256")?),
        erased_at: row.get("erased_at")?,
    }))
}

/// Takes lines in; some were taken when it stops at a bad one, and none of them twice when it is
/// tried again.
pub(super) fn import(
    connection: &mut Connection,
    lines: impl Iterator<Item = io::Result<String>>,
) -> Result<Counts, String> {
    let mut counts = Counts::default();
    let mut lines = begin(lines)?.peekable();
    while lines.peek().is_some() {
        let failed = |error: rusqlite::Error| error.to_string();
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        for (number, line) in lines.by_ref().take(BATCH) {
            let line = parse(number, line)?;
            let is_new =
                take(&transaction, &line).map_err(|error| format!("line {number}: {error}"))?;
            match is_new {
                true => counts.taken += 1,
                false => counts.left += 1,
            }
        }
        transaction.commit().map_err(failed)?;
    }
    let count = "DELETE FROM weeks; INSERT INTO weeks (week, points, persons)
        SELECT week, points, count(*) FROM ranked_points WHERE 0 <= week GROUP BY week, points;";
    connection
        .execute_batch(&format!("BEGIN IMMEDIATE; {count} COMMIT;"))
        .map_err(|error| error.to_string())?;
    Ok(counts)
}

/// Looks at the first line; the others, with their numbers.
pub(super) fn begin<T: Iterator<Item = io::Result<String>>>(
    lines: T,
) -> Result<impl Iterator<Item = (usize, io::Result<String>)>, String> {
    let mut lines = (1..).zip(lines);
    let (_, first) = lines.next().ok_or("there is nothing to read")?;
    match parse(1, first)? {
        Line::RoshamboStore(VERSION) => Ok(lines),
        Line::RoshamboStore(other) => {
            Err(format!("version {other} of the lines is not known here"))
        }
        _ => Err("line 1 does not say {\"roshambo_store\":1}".into()),
    }
}

pub(super) fn parse(number: usize, line: io::Result<String>) -> Result<Line, String> {
    let line = line.map_err(|error| format!("line {number}: {error}"))?;
    serde_json::from_str(&line).map_err(|error| format!("line {number}: {error}"))
}

/// Whether it was not there yet.
fn take(connection: &Connection, line: &Line) -> Result<bool, String> {
    let failed = |error: rusqlite::Error| error.to_string();
    let run = |text: &str, values: &[&dyn rusqlite::ToSql]| {
        let mut order = connection.prepare_cached(text).map_err(failed)?;
        order
            .execute(values)
            .map(|count| count != 0)
            .map_err(failed)
    };
    match line {
        Line::RoshamboStore(_) => Err("a second beginning".into()),
        Line::Session(session) => {
            let hash = sha256(&session.token_sha256)?;
            check_lengths(session)?;
            run(
                "INSERT INTO sessions (token_sha256, uid, uid_is_number, name, avatar, points, \
                 streak, owner, owner_seq, made_at, used_at) \
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, ?8, ?9 \
                 WHERE NOT EXISTS (SELECT 1 FROM tombstones WHERE sha256 = ?1) \
                 ON CONFLICT (token_sha256) DO NOTHING",
                params![
                    hash,
                    session.uid,
                    session.uid_is_number,
                    session.name,
                    session.avatar,
                    session.points,
                    session.streak,
                    session.made_at,
                    session.used_at
                ],
            )
        }
        Line::Person(person) => {
            let name_hash = Key::of(&person.person).0;
            let token = person.token_sha256.as_deref().map(sha256).transpose()?;
            let text = "SELECT id FROM sessions WHERE token_sha256 = ?1";
            let session = connection.query_row(text, [token], |row| row.get::<_, i64>(0));
            let session = session.optional().map_err(failed)?;
            run(
                "INSERT INTO persons (person, session, is_barred, made_at, seen_at) \
                 SELECT ?1, ?2, ?3, ?4, ?5 \
                 WHERE NOT EXISTS (SELECT 1 FROM tombstones WHERE sha256 = ?6) \
                 ON CONFLICT DO NOTHING",
                params![
                    person.person,
                    session,
                    person.is_barred,
                    person.made_at,
                    person.seen_at,
                    name_hash
                ],
            )
        }
        Line::RankedPoints(ranked) => run(
            "INSERT INTO ranked_points (week, person, points, reached_at) \
             SELECT CASE WHEN is_barred THEN -1 - ?1 ELSE ?1 END, ?2, ?3, ?4 \
             FROM persons WHERE person = ?2 ON CONFLICT DO NOTHING",
            params![ranked.week, ranked.person, ranked.points, ranked.reached_at],
        ),
        Line::Tombstone(tombstone) => run(
            "INSERT INTO tombstones (sha256, erased_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            params![sha256(&tombstone.sha256)?, tombstone.erased_at],
        ),
    }
}

/// Whether a profile is one that a server would take.
pub(super) fn check_lengths(session: &Session) -> Result<(), String> {
    for (what, text, most) in [
        ("uid", &session.uid, 64),
        ("name", &session.name, 64),
        ("avatar", &session.avatar, 512),
    ] {
        if most < text.len() {
            return Err(format!("its {what} is longer than {most} bytes"));
        }
    }
    Ok(())
}

fn digits(hash: [u8; 32]) -> String {
    hex::text(&hash)
}

pub(super) fn sha256(text: &str) -> Result<[u8; 32], String> {
    let bytes = hex::bytes(text).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| format!("{text:?} is no SHA-256"))
}
