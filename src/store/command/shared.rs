//! The same for points in Redis, but for copies, which it makes itself.
//!
//! It works beside running servers. What is read while they play is not as it was at one moment.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufWriter, Write as _};

use super::lines::{self, Counts, Line, Person, RankedPoints, Session, Tombstone};
use super::words::What;
use super::{bar_line, counts_line, nobody_line};
use crate::model::{RedisUrl, hex};
use crate::store::clock::Clock;
use crate::store::engine::{Engine as _, Key, Limits, Trouble, Unix};
use crate::store::redis::{Call, Redis, key};

/// Of sessions that are taken in, until a server uses them: as by default.
const LIMITS: Limits = Limits {
    score_ttl_ms: 30 * 86_400_000,
};
/// Lines that are taken in together.
const BATCH: usize = 100;
/// The beginning of a scan, and its end.
const START: &str = "0";

pub(super) fn run(what: &What, url: &RedisUrl) -> Result<String, String> {
    let now = Clock::start().now();
    let mut redis = Redis::open(url, LIMITS, now).map_err(|error| error.0)?;
    let said = |trouble: Trouble| trouble.0;
    match what {
        What::Check => check(&mut redis, url).map_err(said),
        What::Backup(_) => Err(format!(
            "{url} makes its own copies: redis-cli --rdb COPY, or roshambo store export"
        )),
        What::Export => export(&mut redis, url),
        What::Import => {
            let lines = io::stdin().lock().lines();
            let counts = import(&mut redis, lines, now)?;
            Ok(counts_line(&url.to_string(), &counts))
        }
        What::Forget(who) => {
            let erased = redis.forget(who, now).map_err(said)?;
            match erased {
                0 => Err(nobody_line(&url.to_string(), who)),
                _ => Ok(format!(
                    "{erased} erased from {url}; what they win by now is dropped for 31 days. Its \
                     files hold them until redis-cli bgsave and bgrewriteaof have written them \
                     anew; its copies and exports from before hold them, too"
                )),
            }
        }
        What::Bar { sub, barred } => {
            let count = redis.bar(sub, *barred).map_err(said)?;
            bar_line(&url.to_string(), sub, *barred, count)
        }
    }
}

/// Goes through all that a scan finds, page by page.
fn each(
    redis: &mut Redis,
    words: &[&str],
    more: &[&str],
    mut visit: impl FnMut(&mut Redis, Vec<String>) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let mut cursor = START.to_owned();
    loop {
        let (next, page) = redis.page(words, &cursor, more)?;
        visit(redis, page)?;
        if next == START {
            return Ok(());
        }
        cursor = next;
    }
}

fn each_person(
    redis: &mut Redis,
    visit: impl FnMut(&mut Redis, Vec<String>) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    each(redis, &["SCAN"], &["MATCH", &key("person:*")], visit)
}

fn check(redis: &mut Redis, url: &RedisUrl) -> Result<String, Trouble> {
    let (mut sessions, mut persons) = (0, 0);
    // Of a session its date stands there, too.
    each(redis, &["ZSCAN", &key("used")], &[], |_, page| {
        sessions += page.len() / 2;
        Ok(())
    })?;
    each_person(redis, |_, page| {
        persons += page.len();
        Ok(())
    })?;
    Ok(format!(
        "{url} is in order: {sessions} sessions, {persons} persons"
    ))
}

fn export(redis: &mut Redis, url: &RedisUrl) -> Result<String, String> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut count = 0;
    let mut write = |line: &Line| {
        count += 1;
        let written = lines::write(&mut out, line);
        written.map_err(|error| Trouble(format!("it cannot be written: {error}")))
    };
    let done = write(&Line::RoshamboStore(lines::VERSION)).and_then(|()| {
        each(redis, &["ZSCAN", &key("erased")], &[], |_, page| {
            for [hash, at] in page.as_chunks().0 {
                write(&Line::Tombstone(Tombstone {
                    sha256: hash.clone(),
                    erased_at: number(Some(at)),
                }))?;
            }
            Ok(())
        })?;
        each(redis, &["ZSCAN", &key("used")], &[], |redis, page| {
            for [hash, _] in page.as_chunks().0 {
                let fields = redis.fields(&key(&format!("session:{hash}")))?;
                // One that ended a moment ago.
                if !fields.is_empty() {
                    write(&session(hash, &fields))?;
                }
            }
            Ok(())
        })?;
        each_person(redis, |redis, page| {
            for name in page {
                let fields = redis.fields(&name)?;
                let sub = name.strip_prefix(&key("person:")).unwrap_or_default();
                for line in person(sub, &fields) {
                    write(&line)?;
                }
            }
            Ok(())
        })
    });
    done.map_err(|trouble| trouble.0)?;
    out.flush().map_err(|error| format!("{url}: {error}"))?;
    Ok(format!("{count} lines written"))
}

type Fields = BTreeMap<String, String>;

fn number<T: std::str::FromStr + Default>(text: Option<&String>) -> T {
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn session(hash: &str, fields: &Fields) -> Line {
    let text = |name: &str| fields.get(name).cloned().unwrap_or_default();
    Line::Session(Session {
        token_sha256: hash.to_owned(),
        uid: text("uid"),
        uid_is_number: text("uid_is_number") == "1",
        name: text("name"),
        avatar: text("avatar"),
        points: number(fields.get("points")),
        streak: number(fields.get("streak")),
        made_at: number(fields.get("made_at")),
        used_at: number(fields.get("used_at")),
    })
}

/// A person, and its points.
fn person(sub: &str, fields: &Fields) -> Vec<Line> {
    let mut lines = vec![Line::Person(Person {
        person: sub.to_owned(),
        token_sha256: fields.get("session").cloned(),
        is_barred: fields.get("is_barred").is_some_and(|barred| barred == "1"),
        made_at: number(fields.get("made_at")),
        seen_at: number(fields.get("seen_at")),
    })];
    for (name, value) in fields {
        let week = name
            .strip_prefix("week:")
            .and_then(|week| week.parse().ok());
        if let (Some(week), Some((points, at))) = (week, value.split_once(':')) {
            lines.push(Line::RankedPoints(RankedPoints {
                week,
                person: sub.to_owned(),
                points: points.parse().unwrap_or(0),
                reached_at: at.parse().unwrap_or(0),
            }));
        }
    }
    lines
}

fn import(
    redis: &mut Redis,
    from: impl Iterator<Item = io::Result<String>>,
    now: Unix,
) -> Result<Counts, String> {
    let mut from = lines::begin(from)?.peekable();
    let mut counts = Counts::default();
    while from.peek().is_some() {
        let mut calls = Vec::new();
        for (number, line) in from.by_ref().take(BATCH) {
            let line = lines::parse(number, line)?;
            calls.push(put(&line).map_err(|error| format!("line {number}: {error}"))?);
        }
        let taken = redis.put(&calls, now).map_err(|trouble| trouble.0)?;
        counts.taken += taken;
        counts.left += calls.len() - taken;
    }
    Ok(counts)
}

/// The order that takes a line in.
fn put(line: &Line) -> Result<Call, String> {
    let digits = |text: &str| lines::sha256(text).map(|hash| hex::text(&hash));
    Ok(match line {
        Line::RoshamboStore(_) => return Err("a second beginning".into()),
        Line::Session(session) => {
            lines::check_lengths(session)?;
            Call::new("put_session")
                .word(digits(&session.token_sha256)?)
                .word(&session.uid)
                .word(u8::from(session.uid_is_number))
                .word(&session.name)
                .word(&session.avatar)
                .word(session.points)
                .word(session.streak)
                .word(session.made_at)
                .word(session.used_at)
        }
        Line::Person(person) => {
            let Key(hash) = Key::of(&person.person);
            let session = person.token_sha256.as_deref().map(digits).transpose()?;
            Call::new("put_person")
                .word(&person.person)
                .word(hex::text(&hash))
                .word(session.unwrap_or_default())
                .word(u8::from(person.is_barred))
                .word(person.made_at)
                .word(person.seen_at)
        }
        Line::RankedPoints(ranked) => Call::new("put_points")
            .word(ranked.week)
            .word(&ranked.person)
            .word(ranked.points)
            .word(ranked.reached_at.max(0)),
        Line::Tombstone(tombstone) => Call::new("put_tombstone")
            .word(digits(&tombstone.sha256)?)
            .word(tombstone.erased_at),
    })
}
