//! Orders as rows: what a transaction reads and writes.

use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};

use super::Aside;
use super::persons::{self, SignIn};
use crate::model::{Letter, Owner, Settle, Settled, StoreOp, StoreReply, Stored, StoredProfile};
use crate::store::engine::{
    FORMER_OWNER_SECONDS, Key, Limits, ROOM_SECONDS, TOMBSTONE_SECONDS, Unix, Who,
};
use crate::store::record::{Former, Record};

/// How exact `used_at` is, in seconds: an index has to follow it, so it is not written at each
/// point.
const USED_SECONDS: u64 = 3600;

const FIND: &str =
    "SELECT id, token_sha256, uid, uid_is_number, name, avatar, points, streak, owner,
    owner_seq, used_at FROM sessions WHERE token_sha256 = ?1";
const FIND_BY_ID: &str =
    "SELECT id, token_sha256, uid, uid_is_number, name, avatar, points, streak,
    owner, owner_seq, used_at FROM sessions WHERE id = ?1";

/// All tables and columns that are used, so that a file that lacks one is found out at once.
const USED: [&str; 8] = [
    FIND,
    "SELECT made_at FROM sessions WHERE used_at < 0",
    "SELECT id, session, owner, last_seq, at FROM former_owners WHERE at < 0",
    "SELECT person, session, is_barred, made_at, seen_at FROM persons WHERE person = ''",
    "SELECT week, person, points, reached_at FROM ranked_points WHERE week < 0",
    "SELECT week, points, persons FROM weeks WHERE week < 0",
    "SELECT code, touched_at FROM rooms WHERE touched_at < 0",
    "SELECT sha256, erased_at FROM tombstones WHERE erased_at < 0",
];

/// Looks whether all tables are as they should be.
pub(super) fn check(connection: &Connection) -> rusqlite::Result<()> {
    USED.iter()
        .try_for_each(|used| connection.prepare(used).map(drop))
}

pub(super) fn apply(
    connection: &Connection,
    orders: &[StoreOp],
    aside: &mut Aside,
    now: Unix,
) -> rusqlite::Result<Vec<StoreReply>> {
    let mut replies = Vec::new();
    for order in orders {
        match order {
            StoreOp::Take { token, owner } => replies.push(StoreReply::Taken {
                token: token.clone(),
                owner: *owner,
                stored: take(connection, token, *owner, now)?.map(Box::new),
            }),
            StoreOp::Settle(settle) => replies.push(StoreReply::Settled {
                token: settle.token.clone(),
                owner: settle.owner,
                seq: settle.seq,
                settled: self::settle(connection, settle, now)?,
            }),
            StoreOp::OpenRoom { code, at } | StoreOp::TouchRoom { code, at } => {
                let text = "INSERT INTO rooms (code, touched_at) VALUES (?1, ?2)
                    ON CONFLICT (code) DO UPDATE SET touched_at = ?2";
                run(connection, text, (code, date(now)))?;
                aside.instances.hold(code, *at, now);
            }
            StoreOp::CloseRoom { code, at } => {
                if aside.instances.close(code, *at) {
                    run(connection, "DELETE FROM rooms WHERE code = ?1", [code])?;
                }
            }
            StoreOp::ClaimRoom { code, at } => {
                replies.push(claim(connection, aside, (code, *at), now)?);
            }
            StoreOp::Beat {
                letter,
                nonce,
                online,
            } => {
                let instances = &mut aside.instances;
                replies.push(instances.beat(*letter, *nonce, *online, now));
            }
            StoreOp::SignIn {
                sub,
                token,
                fresh,
                owner,
                absent,
            } => {
                let order = SignIn {
                    sub,
                    token: token.as_deref(),
                    fresh,
                    owner: *owner,
                    absent: *absent,
                };
                replies.push(persons::sign_in(connection, order, now)?);
            }
            StoreOp::Top { week } => replies.push(StoreReply::Top {
                week: *week,
                rows: persons::top(connection, *week)?,
            }),
            StoreOp::Rank { sub, week } => replies.push(StoreReply::Rank {
                sub: sub.clone(),
                week: *week,
                standing: persons::rank(connection, sub, *week, &mut aside.percents, now)?
                    .map(Box::new),
            }),
        }
    }
    Ok(replies)
}

fn claim(
    connection: &Connection,
    aside: &mut Aside,
    (code, asks): (&str, Option<Letter>),
    now: Unix,
) -> rusqlite::Result<StoreReply> {
    let holder = aside.instances.holder(code, asks, now);
    let mut found = false;
    if holder.is_none() {
        let text = "UPDATE rooms SET touched_at = ?2 WHERE code = ?1 AND ?3 < touched_at";
        let young = before(now, ROOM_SECONDS);
        found = run(connection, text, (code, date(now), young))? != 0;
    }
    if found {
        aside.instances.hold(code, asks, now);
    }
    Ok(StoreReply::Claimed {
        code: code.to_owned(),
        found,
        holder,
    })
}

/// Whose a session is, if it is there and somebody's.
fn person_of(connection: &Connection, found: Option<&Found>) -> rusqlite::Result<Option<String>> {
    let whose = found.map(|found| persons::of_session(connection, found.id));
    let whose = whose.transpose()?.flatten();
    Ok(whose.map(|(whose, _)| whose))
}

/// A session that is there.
pub(super) struct Found {
    pub(super) id: i64,
    pub(super) key: Key,
    used_at: Unix,
    pub(super) record: Record,
}

pub(super) fn take(
    connection: &Connection,
    token: &str,
    owner: Owner,
    now: Unix,
) -> rusqlite::Result<Option<Stored>> {
    let key = Key::of(token);
    if is_erased(connection, key, now)? {
        return Ok(None);
    }
    match find(connection, key, owner)? {
        Some(found) => take_found(connection, found, owner, now).map(Some),
        None => Ok(None),
    }
}

pub(super) fn take_found(
    connection: &Connection,
    mut found: Found,
    owner: Owner,
    now: Unix,
) -> rusqlite::Result<Stored> {
    let before = found.record.clone();
    found.record.take(owner, now);
    save(connection, &found, &before, now)?;
    let person = persons::of_session(connection, found.id)?;
    Ok(found.record.stored(person.map(|(sub, _)| sub)))
}

fn settle(connection: &Connection, settle: &Settle, now: Unix) -> rusqlite::Result<Settled> {
    let key = Key::of(&settle.token);
    if is_erased(connection, key, now)? {
        return Ok(Settled::Erased);
    }
    let mut found = find(connection, key, settle.owner)?;
    let mut new_person = None;
    // Its token may be an older one of a session that has another by now.
    if let Some(sub) = &settle.person
        && let whose = person_of(connection, found.as_ref())?
        && whose.as_ref() != Some(sub)
    {
        let is_erased = is_erased(connection, Key::of(sub), now)?;
        // What is another one's is nothing to it.
        if is_erased && (found.is_none() || whose.is_some()) {
            return Ok(Settled::Erased);
        }
        let own = persons::session_of(connection, sub, settle.owner)?;
        // One that was lost here has this session, if it is known by which name.
        let has_name = |found: &Found| !found.record.profile.uid.is_empty();
        let is_named = settle.profile.is_some() || found.as_ref().is_some_and(has_name);
        new_person = Some(sub).filter(|_| own.is_none() && !is_erased && is_named);
        found = own.or(found);
    }
    let total = settle.points.max(settle.told);
    if found.is_none() && total == 0 {
        return Ok(Settled::Kept { total });
    }
    if let Some(sub) = new_person {
        if found.is_none() {
            insert(connection, key, &Record::empty(settle.owner), now)?;
            found = find(connection, key, settle.owner)?;
        }
        if let Some(found) = &found
            && persons::of_session(connection, found.id)?.is_none()
        {
            persons::give(connection, sub, found.id, now)?;
        }
    }
    if let Some(mut found) = found {
        let before = found.record.clone();
        let (settled, is_new) = found.record.settle(settle, now);
        save(connection, &found, &before, now)?;
        if is_new && !settle.ranked.is_empty() {
            persons::add(connection, found.id, &settle.ranked)?;
        }
        return Ok(settled);
    }
    insert(connection, key, &Record::new(settle), now)?;
    Ok(Settled::Kept { total })
}

pub(super) fn is_erased(connection: &Connection, key: Key, now: Unix) -> rusqlite::Result<bool> {
    let text = "SELECT 1 FROM tombstones WHERE sha256 = ?1 AND ?2 < erased_at";
    let young = before(now, TOMBSTONE_SECONDS);
    connection.prepare_cached(text)?.exists((key.0, young))
}

/// Finds a session; those who had it before only if somebody else than its owner asks.
pub(super) fn find(
    connection: &Connection,
    key: Key,
    asks: Owner,
) -> rusqlite::Result<Option<Found>> {
    let mut asked = connection.prepare_cached(FIND)?;
    let found = asked.query_row([key.0], read).optional()?;
    found
        .map(|found| with_former(connection, found, asks))
        .transpose()
}

/// The same by its number.
pub(super) fn find_by_id(
    connection: &Connection,
    id: i64,
    asks: Owner,
) -> rusqlite::Result<Option<Found>> {
    let mut asked = connection.prepare_cached(FIND_BY_ID)?;
    let found = asked.query_row([id], read).optional()?;
    found
        .map(|found| with_former(connection, found, asks))
        .transpose()
}

fn with_former(connection: &Connection, mut found: Found, asks: Owner) -> rusqlite::Result<Found> {
    if found.record.owner == asks {
        return Ok(found);
    }
    let text = "SELECT owner, last_seq, at FROM former_owners WHERE session = ?1 ORDER BY id";
    let mut asked = connection.prepare_cached(text)?;
    let former = asked.query_map([found.id], |row| {
        Ok(Former {
            owner: owner(row.get("owner")?),
            seq: number(row.get("last_seq")?),
            at: Unix(number(row.get("at")?)),
        })
    })?;
    found.record.former = former.collect::<rusqlite::Result<_>>()?;
    Ok(found)
}

/// Of a session.
pub(super) fn profile(row: &Row<'_>) -> rusqlite::Result<StoredProfile> {
    Ok(StoredProfile {
        uid: row.get("uid")?,
        uid_is_number: row.get("uid_is_number")?,
        name: row.get("name")?,
        avatar: row.get("avatar")?,
    })
}

fn read(row: &Row<'_>) -> rusqlite::Result<Found> {
    let record = Record {
        profile: profile(row)?,
        points: small(row.get("points")?),
        streak: small(row.get("streak")?),
        owner: owner(row.get("owner")?),
        seq: number(row.get("owner_seq")?),
        former: Vec::new(),
    };
    Ok(Found {
        id: row.get("id")?,
        key: Key(row.get("token_sha256")?),
        used_at: Unix(number(row.get("used_at")?)),
        record,
    })
}

/// Makes a session.
pub(super) fn insert(
    connection: &Connection,
    key: Key,
    record: &Record,
    now: Unix,
) -> rusqlite::Result<()> {
    let text = "INSERT INTO sessions (token_sha256, uid, uid_is_number, name, avatar, points,
        streak, owner, owner_seq, made_at, used_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)";
    let profile = &record.profile;
    let values = params![
        key.0,
        profile.uid,
        profile.uid_is_number,
        profile.name,
        profile.avatar,
        record.points,
        record.streak,
        record.owner.0.cast_signed(),
        large(record.seq),
        date(now),
    ];
    run(connection, text, values).map(drop)
}

/// Writes what an order changed.
fn save(
    connection: &Connection,
    found: &Found,
    before: &Record,
    now: Unix,
) -> rusqlite::Result<()> {
    let Found { id, record, .. } = found;
    let owner = record.owner.0.cast_signed();
    if USED_SECONDS <= now.0.abs_diff(found.used_at.0) {
        let text = "UPDATE sessions SET used_at = ?2 WHERE id = ?1";
        run(connection, text, (id, date(now)))?;
    }
    let values = (id, record.points, record.streak, owner, large(record.seq));
    let was = before;
    if (record.points, record.streak, record.owner, record.seq)
        != (was.points, was.streak, was.owner, was.seq)
    {
        let text = "UPDATE sessions SET points = ?2, streak = ?3, owner = ?4, owner_seq = ?5
            WHERE id = ?1";
        run(connection, text, values)?;
    }
    if record.profile != was.profile {
        let text = "UPDATE sessions SET uid = ?2, uid_is_number = ?3, name = ?4, avatar = ?5
            WHERE id = ?1";
        let StoredProfile {
            uid,
            uid_is_number,
            name,
            avatar,
        } = &record.profile;
        run(connection, text, (id, uid, uid_is_number, name, avatar))?;
    }
    if record.former != was.former {
        let text = "DELETE FROM former_owners WHERE session = ?1";
        run(connection, text, [id])?;
        let text = "INSERT INTO former_owners (session, owner, last_seq, at)
            VALUES (?1, ?2, ?3, ?4)";
        for former in &record.former {
            let owner = former.owner.0.cast_signed();
            let values = (id, owner, large(former.seq), date(former.at));
            run(connection, text, values)?;
        }
    }
    Ok(())
}

/// Deletes what is too old, at most so many sessions and so many other rows.
pub(super) fn expire(
    connection: &Connection,
    limits: Limits,
    at_most: usize,
    now: Unix,
) -> rusqlite::Result<usize> {
    // A session may have been used until the next hour began.
    let ttl = (limits.score_ttl_ms / 1000).saturating_add(USED_SECONDS);
    let most = large(at_most as u64);
    let mut deleted = persons::expire(connection, before(now, ttl), most, now)?;
    let old = [
        ("sessions", "id", "used_at", ttl),
        ("former_owners", "id", "at", FORMER_OWNER_SECONDS),
        ("rooms", "code", "touched_at", ROOM_SECONDS),
        ("tombstones", "sha256", "erased_at", TOMBSTONE_SECONDS),
    ];
    for (table, key, date, seconds) in old {
        let text = format!(
            "DELETE FROM {table} WHERE {key} IN
                (SELECT {key} FROM {table} WHERE {date} <= ?1 ORDER BY {date} LIMIT ?2)"
        );
        deleted += run(connection, &text, (before(now, seconds), most))?;
    }
    Ok(deleted)
}

/// Erases somebody, and leaves a tombstone for each hash by which he could come back.
pub(in crate::store) fn forget(
    connection: &Connection,
    who: &Who,
    now: Unix,
) -> rusqlite::Result<usize> {
    let mut erased = 0;
    let (text, name) = match who {
        Who::Uid(uid) => ("SELECT id, token_sha256 FROM sessions WHERE uid = ?1", uid),
        Who::Person(person) => (
            "SELECT id, token_sha256 FROM sessions
             WHERE id IN (SELECT session FROM persons WHERE person = ?1)",
            person,
        ),
    };
    let mut asked = connection.prepare(text)?;
    let sessions = asked.query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let sessions: Vec<(i64, [u8; 32])> = sessions.collect::<rusqlite::Result<_>>()?;
    let mut persons = Vec::new();
    if let Who::Person(person) = who {
        persons.push(person.clone());
    }
    for (id, hash) in sessions {
        let text = "SELECT person FROM persons WHERE session = ?1";
        let person = connection.query_row(text, [id], |row| row.get(0));
        persons.extend(
            person
                .optional()?
                .filter(|person| !persons.contains(person)),
        );
        bury(connection, hash, now)?;
        erased += connection.execute("DELETE FROM sessions WHERE id = ?1", [id])?;
    }
    for person in persons {
        let count = persons::remove(connection, &person)?;
        if count != 0 {
            bury(connection, Key::of(&person).0, now)?;
        }
        erased += count;
    }
    Ok(erased)
}

fn bury(connection: &Connection, hash: [u8; 32], now: Unix) -> rusqlite::Result<()> {
    let text = "INSERT INTO tombstones (sha256, erased_at) VALUES (?1, ?2)
        ON CONFLICT (sha256) DO UPDATE SET erased_at = ?2";
    connection.execute(text, (hash, date(now))).map(drop)
}

pub(super) fn run(
    connection: &Connection,
    text: &str,
    values: impl Params,
) -> rusqlite::Result<usize> {
    connection.prepare_cached(text)?.execute(values)
}

/// The newest date that is too old for something that lives so many seconds.
pub(super) fn before(now: Unix, seconds: u64) -> i64 {
    date(now).saturating_sub(large(seconds))
}

pub(super) fn date(date: Unix) -> i64 {
    large(date.0)
}

/// SQLite's integers have a sign.
pub(super) fn large(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn number(integer: i64) -> u64 {
    u64::try_from(integer).unwrap_or(0)
}

/// Points and streaks; somebody may have written more at a prompt.
pub(super) fn small(integer: i64) -> u32 {
    u32::try_from(number(integer)).unwrap_or(u32::MAX)
}

fn owner(integer: i64) -> Owner {
    Owner(integer.cast_unsigned())
}
