//! Persons and the board, as rows.
//!
//! A place is found by an index and by how many have how many points: nothing that is asked for
//! while the server runs goes through all persons. Only the percents of those far below do, through
//! the numbers of points that there are, once in [`PERCENTS_SECONDS`].

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use super::rows::{self, Found, date, find, find_by_id, insert, is_erased, large, run, small};
use crate::model::{
    BOARD_ROWS, BoardRow, Owner, Ranked, Standing, StoreReply, StoredProfile, Week,
};
use crate::store::engine::{Key, Unix, oldest_week};
use crate::store::memory::percent_of;
use crate::store::record::Record;

/// How old percents may be, in seconds.
const PERCENTS_SECONDS: u64 = 60;
/// How exact `seen_at` is, in seconds.
const SEEN_SECONDS: u64 = 3600;

/// Joined from the best to their sessions, so that the index says the order.
const ROWS: &str =
    "SELECT coalesce(s.uid, '') AS uid, coalesce(s.uid_is_number, 0) AS uid_is_number,
    coalesce(s.name, '') AS name, coalesce(s.avatar, '') AS avatar, r.points AS points
    FROM ranked_points AS r INDEXED BY ranked_points_best
    CROSS JOIN persons AS p ON p.person = r.person LEFT JOIN sessions AS s ON s.id = p.session";
const BEST: &str = "WHERE r.week = ?1 ORDER BY r.points DESC, r.reached_at, r.person LIMIT ?2";
/// With as many points, and had them sooner; the nearest first.
const BEFORE_ALIKE: &str = "WHERE r.week = ?1 AND r.points = ?2
    AND (r.reached_at, r.person) < (?3, ?4) ORDER BY r.reached_at DESC, r.person DESC LIMIT ?5";
const BEFORE: &str = "WHERE r.week = ?1 AND r.points > ?2
    ORDER BY r.points, r.reached_at DESC, r.person DESC LIMIT ?3";
const BEHIND_ALIKE: &str = "WHERE r.week = ?1 AND r.points = ?2
    AND (r.reached_at, r.person) > (?3, ?4) ORDER BY r.reached_at, r.person LIMIT ?5";
const BEHIND: &str = "WHERE r.week = ?1 AND r.points < ?2
    ORDER BY r.points DESC, r.reached_at, r.person LIMIT ?3";

/// How many have more points, in steps of which each is one person at least.
const BETTER: &str = "SELECT persons FROM weeks WHERE week = ?1 AND points > ?2
    ORDER BY points DESC LIMIT ?3";
/// How many have as many and had them sooner, up to a number.
const SOONER: &str = "SELECT count(*) FROM (SELECT 1 FROM ranked_points
    INDEXED BY ranked_points_best WHERE week = ?1 AND points = ?2
    AND (reached_at, person) < (?3, ?4) LIMIT ?5)";

/// A sign-in, as its order has it.
#[derive(Clone, Copy)]
pub(super) struct SignIn<'a> {
    pub(super) sub: &'a str,
    pub(super) token: Option<&'a str>,
    pub(super) fresh: &'a str,
    pub(super) owner: Owner,
    pub(super) absent: bool,
}

pub(super) fn sign_in(
    connection: &Connection,
    order: SignIn<'_>,
    now: Unix,
) -> rusqlite::Result<StoreReply> {
    let SignIn {
        sub,
        fresh,
        owner,
        absent,
        ..
    } = order;
    let (token, stored, barred);
    if is_erased(connection, Key::of(sub), now)? {
        token = adoptable(connection, order, None, now)?;
        stored = match absent {
            true => None,
            false => rows::take(connection, token, owner, now)?,
        };
        barred = false;
    } else {
        let text = "SELECT session, is_barred, seen_at FROM persons WHERE person = ?1";
        let mut asked = connection.prepare_cached(text)?;
        let person = asked.query_row([sub], |row| {
            Ok((row.get(0)?, row.get(1)?, Unix(rows::number(row.get(2)?))))
        });
        let person: Option<(Option<i64>, bool, Unix)> = person.optional()?;
        let session = person.and_then(|(session, ..)| session);
        let session = match session {
            Some(id) => find_by_id(connection, id, owner)?,
            None => None,
        };
        let found = match session {
            Some(found) => {
                token = keep_or_change(connection, order, &found)?;
                Some(found)
            }
            None => {
                token = match person {
                    Some(_) => fresh,
                    None => adoptable(connection, order, Some(sub), now)?,
                };
                let key = Key::of(token);
                if find(connection, key, owner)?.is_none() {
                    insert(connection, key, &Record::empty(owner), now)?;
                }
                let found = find(connection, key, owner)?;
                if let Some(found) = &found {
                    give(connection, sub, found.id, now)?;
                }
                found
            }
        };
        if person.is_some_and(|(.., seen_at)| SEEN_SECONDS <= now.0.abs_diff(seen_at.0)) {
            let text = "UPDATE persons SET seen_at = ?2 WHERE person = ?1";
            run(connection, text, (sub, date(now)))?;
        }
        let take = |found| rows::take_found(connection, found, owner, now);
        stored = found.filter(|_| !absent).map(take).transpose()?;
        barred = person.is_some_and(|(_, is_barred, _)| is_barred);
    }
    Ok(StoreReply::SignedIn {
        sub: sub.to_owned(),
        owner,
        token: token.to_owned(),
        stored: stored.filter(|stored| !stored.is_empty()).map(Box::new),
        barred,
    })
}

/// The token that was brought, if its session may become the person's or stay nobody's; else the
/// new one.
fn adoptable<'a>(
    connection: &Connection,
    order: SignIn<'a>,
    sub: Option<&str>,
    now: Unix,
) -> rusqlite::Result<&'a str> {
    let Some(token) = order.token else {
        return Ok(order.fresh);
    };
    let key = Key::of(token);
    if is_erased(connection, key, now)? {
        return Ok(order.fresh);
    }
    let whose = match find(connection, key, order.owner)? {
        Some(found) => of_session(connection, found.id)?,
        None => None,
    };
    Ok(match whose {
        Some((whose, _)) if Some(whose.as_str()) != sub => order.fresh,
        _ => token,
    })
}

/// The token of a person's session from now on.
fn keep_or_change<'a>(
    connection: &Connection,
    order: SignIn<'a>,
    found: &Found,
) -> rusqlite::Result<&'a str> {
    let brought = order.token.filter(|token| Key::of(token) == found.key);
    if let Some(token) = brought {
        return Ok(token);
    }
    let key = Key::of(order.fresh);
    if key != found.key && !order.absent && !found.record.was_of(order.owner) {
        let text = "UPDATE sessions SET token_sha256 = ?2 WHERE id = ?1";
        run(connection, text, (found.id, key.0))?;
    }
    Ok(order.fresh)
}

/// The person whose session it is, and whether it is barred.
pub(super) fn of_session(
    connection: &Connection,
    session: i64,
) -> rusqlite::Result<Option<(String, bool)>> {
    let text = "SELECT person, is_barred FROM persons WHERE session = ?1";
    let mut asked = connection.prepare_cached(text)?;
    let person = asked.query_row([session], |row| Ok((row.get(0)?, row.get(1)?)));
    person.optional()
}

/// A person's session.
pub(super) fn session_of(
    connection: &Connection,
    sub: &str,
    asks: Owner,
) -> rusqlite::Result<Option<Found>> {
    let text = "SELECT session FROM persons WHERE person = ?1";
    let mut asked = connection.prepare_cached(text)?;
    let session: Option<Option<i64>> = asked.query_row([sub], |row| row.get(0)).optional()?;
    match session.flatten() {
        Some(id) => find_by_id(connection, id, asks),
        None => Ok(None),
    }
}

/// A session is a person's from now on.
pub(super) fn give(
    connection: &Connection,
    sub: &str,
    session: i64,
    now: Unix,
) -> rusqlite::Result<()> {
    let text = "INSERT INTO persons (person, session, is_barred, made_at, seen_at)
        VALUES (?1, ?2, 0, ?3, ?3) ON CONFLICT (person) DO UPDATE SET session = ?2";
    run(connection, text, (sub, session, date(now)))?;
    Ok(())
}

/// Adds points to those of the person whose session it is.
pub(super) fn add(
    connection: &Connection,
    session: i64,
    ranked: &[Ranked],
) -> rusqlite::Result<()> {
    let Some((sub, is_barred)) = of_session(connection, session)? else {
        return Ok(());
    };
    for &Ranked { week, points, at } in ranked {
        for board in [week, Week::EVER] {
            let board = number_of(board, is_barred);
            let text = "SELECT points, reached_at FROM ranked_points
                WHERE week = ?1 AND person = ?2";
            let mut asked = connection.prepare_cached(text)?;
            let kept = asked.query_row((board, &sub), |row| Ok((row.get(0)?, row.get(1)?)));
            let kept: Option<(i64, i64)> = kept.optional()?;
            let (had, reached_at) = kept.unwrap_or_default();
            let has = small(had).saturating_add(points);
            let reached_at = reached_at.max(large(at));
            let text = "INSERT INTO ranked_points (week, person, points, reached_at)
                VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT (week, person) DO UPDATE SET points = ?3, reached_at = ?4";
            run(connection, text, (board, &sub, has, reached_at))?;
            if is_barred {
                continue;
            }
            if kept.is_some() {
                let text = "UPDATE weeks SET persons = persons - 1 WHERE week = ?1 AND points = ?2";
                run(connection, text, (board, had))?;
                let text = "DELETE FROM weeks WHERE week = ?1 AND points = ?2 AND persons <= 0";
                run(connection, text, (board, had))?;
            }
            let text = "INSERT INTO weeks (week, points, persons) VALUES (?1, ?2, 1)
                ON CONFLICT (week, points) DO UPDATE SET persons = persons + 1";
            run(connection, text, (board, has))?;
        }
    }
    Ok(())
}

/// Under which number points stand.
fn number_of(Week(week): Week, is_barred: bool) -> i64 {
    match is_barred {
        true => -1 - i64::from(week),
        false => i64::from(week),
    }
}

pub(super) fn top(connection: &Connection, week: Week) -> rusqlite::Result<Vec<BoardRow>> {
    let values = (number_of(week, false), large(BOARD_ROWS as u64));
    board_rows(connection, BEST, values)
}

fn board_rows(
    connection: &Connection,
    which: &str,
    values: impl Params,
) -> rusqlite::Result<Vec<BoardRow>> {
    let mut asked = connection.prepare_cached(&format!("{ROWS} {which}"))?;
    let rows = asked.query_map(values, board_row)?;
    rows.collect()
}

fn board_row(row: &Row<'_>) -> rusqlite::Result<BoardRow> {
    Ok(BoardRow {
        profile: rows::profile(row)?,
        points: small(row.get("points")?),
    })
}

pub(super) fn rank(
    connection: &Connection,
    sub: &str,
    week: Week,
    percents: &mut Percents,
    now: Unix,
) -> rusqlite::Result<Option<Standing>> {
    let board = number_of(week, false);
    let text = "SELECT points, reached_at FROM ranked_points WHERE week = ?1 AND person = ?2";
    let mut asked = connection.prepare_cached(text)?;
    let kept = asked.query_row((board, sub), |row| Ok((row.get(0)?, row.get(1)?)));
    let Some((points, reached_at)) = kept.optional()? else {
        return Ok(None);
    };
    let (points, reached_at): (i64, i64) = (points, reached_at);
    let place = place(connection, board, (points, reached_at, sub))?;
    let percent = match place {
        Some(_) => None,
        None => Some(percents.of(connection, board, small(points), now)?),
    };
    let most = Standing::AROUND;
    let around = |alike, others| {
        let values = (board, points, reached_at, sub, large(most as u64));
        let mut found = board_rows(connection, alike, values)?;
        let missing = large(most.saturating_sub(found.len()) as u64);
        found.extend(board_rows(connection, others, (board, points, missing))?);
        Ok::<_, rusqlite::Error>(found)
    };
    let mut above = around(BEFORE_ALIKE, BEFORE)?;
    above.reverse();
    Ok(Some(Standing {
        own: BoardRow {
            profile: profile_of(connection, sub)?,
            points: small(points),
        },
        place,
        percent,
        above,
        below: around(BEHIND_ALIKE, BEHIND)?,
    }))
}

fn profile_of(connection: &Connection, sub: &str) -> rusqlite::Result<StoredProfile> {
    let text = "SELECT uid, uid_is_number, name, avatar FROM sessions
        WHERE id = (SELECT session FROM persons WHERE person = ?1)";
    let mut asked = connection.prepare_cached(text)?;
    let profile = asked.query_row([sub], rows::profile).optional()?;
    Ok(profile.unwrap_or_default())
}

/// The place of a row, if it is one of the first.
fn place(
    connection: &Connection,
    board: i64,
    (points, reached_at, sub): (i64, i64, &str),
) -> rusqlite::Result<Option<u32>> {
    let most = i64::from(Standing::PLACES_MAX);
    let mut before = 0;
    let mut asked = connection.prepare_cached(BETTER)?;
    let mut steps = asked.query((board, points, most))?;
    while before < most
        && let Some(step) = steps.next()?
    {
        before += step.get::<_, i64>(0)?;
    }
    if before < most {
        let mut asked = connection.prepare_cached(SOONER)?;
        let values = (board, points, reached_at, sub, most - before);
        before += asked.query_row(values, |row| row.get::<_, i64>(0))?;
    }
    let place = u32::try_from(before + 1).ok();
    Ok(place.filter(|place| *place <= Standing::PLACES_MAX))
}

/// What it takes to be among the best so many percent, of each board that was asked for lately.
#[derive(Debug, Default)]
pub(super) struct Percents(BTreeMap<i64, (Unix, Vec<u32>)>);

impl Percents {
    fn of(
        &mut self,
        connection: &Connection,
        board: i64,
        points: u32,
        now: Unix,
    ) -> rusqlite::Result<u32> {
        let is_young = |(at, _): &(Unix, _)| now.0.abs_diff(at.0) < PERCENTS_SECONDS;
        self.0.retain(|_, percents| is_young(percents));
        let (_, needed) = match self.0.entry(board) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert((now, needed_points(connection, board)?))
            }
        };
        let percent = (1..).zip(needed).find(|(_, needed)| **needed <= points);
        Ok(percent.map_or(100, |(percent, _)| percent))
    }
}

/// For 1 % to 100 % the points that it takes.
fn needed_points(connection: &Connection, board: i64) -> rusqlite::Result<Vec<u32>> {
    let text = "SELECT coalesce(sum(persons), 0) FROM weeks WHERE week = ?1";
    let all = connection.query_row(text, [board], |row| row.get(0));
    let all = rows::number(all?);
    let text = "SELECT points, persons FROM weeks WHERE week = ?1 ORDER BY points DESC";
    let mut asked = connection.prepare_cached(text)?;
    let mut steps = asked.query([board])?;
    let mut needed = vec![u32::MAX; 100];
    let mut count = 0;
    while let Some(step) = steps.next()? {
        count += rows::number(step.get("persons")?);
        let points = small(step.get("points")?);
        let first = percent_of(count, all) as usize - 1;
        for needed in needed.iter_mut().skip(first) {
            *needed = points;
        }
    }
    Ok(needed)
}

/// Takes a person off the board, or puts it there again; whether there is such a person.
pub(in crate::store) fn bar(
    connection: &Connection,
    sub: &str,
    barred: bool,
) -> rusqlite::Result<usize> {
    let text = "UPDATE persons SET is_barred = ?2 WHERE person = ?1 AND is_barred <> ?2";
    if connection.execute(text, (sub, barred))? != 0 {
        if barred {
            uncount(connection, sub)?;
        }
        let text = "UPDATE ranked_points SET week = -1 - week WHERE person = ?1";
        connection.execute(text, [sub])?;
        if !barred {
            let text = "INSERT INTO weeks (week, points, persons)
                SELECT week, points, 1 FROM ranked_points WHERE person = ?1
                ON CONFLICT (week, points) DO UPDATE SET persons = persons + 1";
            connection.execute(text, [sub])?;
        }
    }
    let text = "SELECT count(*) FROM persons WHERE person = ?1";
    let count = connection.query_row(text, [sub], |row| row.get(0));
    Ok(usize::try_from(rows::number(count?)).unwrap_or(0))
}

/// Removes a person from the board and everywhere, but for its session; how many that were.
pub(super) fn remove(connection: &Connection, sub: &str) -> rusqlite::Result<usize> {
    uncount(connection, sub)?;
    run(connection, "DELETE FROM persons WHERE person = ?1", [sub])
}

/// Somebody does not count any more among those that are better or worse than others.
fn uncount(connection: &Connection, sub: &str) -> rusqlite::Result<()> {
    for text in [
        "UPDATE weeks SET persons = persons - 1 WHERE (week, points) IN
            (SELECT week, points FROM ranked_points WHERE person = ?1)",
        "DELETE FROM weeks WHERE persons <= 0 AND (week, points) IN
            (SELECT week, points FROM ranked_points WHERE person = ?1)",
    ] {
        run(connection, text, [sub])?;
    }
    Ok(())
}

/// Deletes those whose sessions are about to be deleted, and points of weeks that are over.
pub(super) fn expire(
    connection: &Connection,
    too_old: i64,
    most: i64,
    now: Unix,
) -> rusqlite::Result<usize> {
    let of_old_sessions = "SELECT person FROM persons WHERE session IN
        (SELECT id FROM sessions WHERE used_at <= ?1 ORDER BY used_at LIMIT ?2)";
    let without_session = "SELECT person FROM persons WHERE session IS NULL AND seen_at <= ?1
        LIMIT ?2";
    let mut deleted = 0;
    for (text, counts) in [(of_old_sessions, false), (without_session, true)] {
        let mut asked = connection.prepare_cached(text)?;
        let subs = asked.query_map((too_old, most), |row| row.get(0))?;
        let subs: Vec<String> = subs.collect::<rusqlite::Result<_>>()?;
        for sub in subs {
            let count = remove(connection, &sub)?;
            // A session that is deleted is counted as one, its person with it.
            deleted += if counts { count } else { 0 };
        }
    }
    let Week(oldest) = oldest_week(now);
    let last = i64::from(oldest) - 1;
    let places = "DELETE FROM ranked_points WHERE (week, person) IN
        (SELECT week, person FROM ranked_points WHERE week BETWEEN ?1 AND ?2 LIMIT ?3)";
    let counts = "DELETE FROM weeks WHERE (week, points) IN
        (SELECT week, points FROM weeks WHERE week BETWEEN ?1 AND ?2 LIMIT ?3)";
    deleted += run(connection, places, (1, last, most))?;
    deleted += run(connection, places, (-1 - last, -2, most))?;
    deleted += run(connection, counts, (1, last, most))?;
    Ok(deleted)
}

#[cfg(test)]
mod tests;
