//! Orders as words of the script, and what its replies mean.

use redis::{Cmd, Value};

use crate::model::{
    BOARD_ROWS, BoardRow, Letter, Owner, Peer, Settle, Settled, Standing, StoreOp, StoreReply,
    Stored, StoredProfile, Week, hex,
};
use crate::store::engine::{
    FORMER_OWNER_SECONDS, Key, LEASE_SECONDS, OWNERS_MAX, ROOM_SECONDS, TOMBSTONE_SECONDS, Unix,
};
use crate::store::memory::percent_of;

/// What every key begins with.
const PREFIX: &str = "roshambo:";
/// The script, but for its constants.
const ORDERS: &str = include_str!("orders.lua");
/// How exact the date of a session's last use is, in seconds: it is not written at each point.
const USED_SECONDS: u64 = 3_600;
/// How much longer than its age a key lives when nobody expires anything, in seconds: a day.
const SPARE_SECONDS: u64 = 86_400;
/// How long the board of a week lives after the last point for it, in seconds: three weeks.
const WEEKS_SECONDS: u64 = 21 * 86_400;
/// The last date that a place on a board may have: of twelve digits.
const DATE_MAX: u64 = 999_999_999_999;
/// How long it is known how often a process has called, in seconds: a day.
const CALLS_SECONDS: u64 = 86_400;

/// The whole name of a key.
pub(in crate::store) fn key(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// The script, and who calls it.
pub(super) struct Script {
    text: String,
    sha1: String,
    caller: String,
}

impl Script {
    pub(super) fn new(caller: String) -> Self {
        let numbers = [
            ("OWNERS_MAX", OWNERS_MAX as u64),
            ("FORMER_OWNER_SECONDS", FORMER_OWNER_SECONDS),
            ("ROOM_SECONDS", ROOM_SECONDS),
            ("TOMBSTONE_SECONDS", TOMBSTONE_SECONDS),
            ("LEASE_SECONDS", LEASE_SECONDS),
            ("USED_SECONDS", USED_SECONDS),
            ("SPARE_SECONDS", SPARE_SECONDS),
            ("WEEKS_SECONDS", WEEKS_SECONDS),
            ("CALLS_SECONDS", CALLS_SECONDS),
            ("POINTS_MAX", u32::MAX.into()),
            ("BOARD_ROWS", BOARD_ROWS as u64),
            ("PLACES_MAX", Standing::PLACES_MAX.into()),
            ("AROUND", Standing::AROUND as u64),
        ];
        // With that line it is refused as a whole where it may not write.
        let mut text = "#!lua\n".to_owned();
        for (name, number) in numbers {
            text += &format!("local {name} = {number}\n");
        }
        let (Week(ever), nobody) = (Week::EVER, Owner(0));
        text += &format!("local PREFIX, EVER, NOBODY = '{PREFIX}', '{ever}', '{nobody}'\n{ORDERS}");
        let sha1 = redis::Script::new(&text).get_hash().to_owned();
        Self { text, sha1, caller }
    }

    /// By what name this process calls.
    pub(super) fn caller(&self) -> &str {
        &self.caller
    }

    /// Brings the script there.
    pub(super) fn load(&self) -> Cmd {
        let mut command = redis::cmd("SCRIPT");
        command.arg("LOAD").arg(&self.text);
        command
    }

    /// A call with these orders; `adopts`: whoever settles in it is owner of what it settles.
    pub(super) fn command(&self, orders: &[Call], now: Unix, ttl: u64, adopts: bool) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.sha1).arg(0);
        command.arg(now.0).arg(ttl).arg(&self.caller);
        command.arg(u8::from(adopts));
        for Call(words) in orders {
            for word in words {
                command.arg(word);
            }
        }
        command
    }
}

/// One order, in words.
pub(in crate::store) struct Call(Vec<String>);

impl Call {
    pub(super) fn of(order: &StoreOp) -> Self {
        match order {
            StoreOp::Take { token, owner } => Self::new("take").word(hash(token)).word(owner),
            StoreOp::Settle(settle) => Self::settle(settle),
            StoreOp::OpenRoom { code, at } | StoreOp::TouchRoom { code, at } => {
                Self::new("open").word(code).letter(*at)
            }
            StoreOp::CloseRoom { code, at } => Self::new("close").word(code).letter(*at),
            StoreOp::ClaimRoom { code, at } => Self::new("claim").word(code).letter(*at),
            StoreOp::Beat {
                letter,
                nonce,
                online,
            } => {
                let online = online.map(|online| online.to_string());
                let call = Self::new("beat").letter(Some(*letter)).word(nonce);
                call.word(online.unwrap_or_default())
            }
            StoreOp::SignIn {
                sub,
                token,
                fresh,
                owner,
                absent,
            } => {
                let token = token.as_deref().map(hash).unwrap_or_default();
                let call = Self::new("sign_in").word(sub).word(hash(sub));
                let call = call.word(token).word(hash(fresh)).word(owner);
                call.word(u8::from(*absent))
            }
            StoreOp::Top { week } => Self::new("top").word(week.0),
            StoreOp::Rank { sub, week } => Self::new("rank").word(sub).word(week.0),
        }
    }

    fn settle(settle: &Settle) -> Self {
        let mut call = Self::new("settle")
            .word(hash(&settle.token))
            .word(settle.owner)
            .word(settle.seq)
            .word(settle.points)
            .word(settle.told)
            .word(u8::from(settle.absent))
            .word(settle.streak);
        call = match &settle.profile {
            None => call.word(0),
            Some(profile) => call
                .word(1)
                .word(&profile.uid)
                .word(u8::from(profile.uid_is_number))
                .word(&profile.name)
                .word(&profile.avatar),
        };
        call = match &settle.person {
            None => call.word("").word(""),
            Some(sub) => call.word(sub).word(hash(sub)),
        };
        call = call.word(settle.ranked.len());
        for ranked in &settle.ranked {
            let Week(week) = ranked.week;
            let at = ranked.at.min(DATE_MAX);
            call = call.word(week).word(ranked.points).word(at);
        }
        call
    }

    /// Its answer is a number, as of those that follow.
    pub(super) fn expire(at_most: usize, oldest: Week) -> Self {
        Self::new("expire").word(at_most).word(oldest.0)
    }

    pub(super) fn forget_session(hash: &str, uid: &str, sub: &str) -> Self {
        let call = Self::new("forget_session").word(hash).word(uid);
        call.word(sub).word(self::hash(sub))
    }

    pub(super) fn forget_person(sub: &str) -> Self {
        Self::new("forget_person").word(sub).word(hash(sub))
    }

    pub(super) fn bar(sub: &str, barred: bool) -> Self {
        Self::new("bar").word(sub).word(u8::from(barred))
    }

    pub(in crate::store) fn new(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }

    fn letter(self, letter: Option<Letter>) -> Self {
        self.word(letter.map(|letter| letter.to_string()).unwrap_or_default())
    }

    pub(in crate::store) fn word(mut self, word: impl ToString) -> Self {
        self.0.push(word.to_string());
        self
    }
}

/// What a reply means to an order, if anybody is told; `None`: it means nothing.
pub(super) fn reply(order: &StoreOp, said: Value) -> Option<Option<StoreReply>> {
    Some(Some(match order {
        StoreOp::OpenRoom { .. } | StoreOp::TouchRoom { .. } | StoreOp::CloseRoom { .. } => {
            return Some(None);
        }
        StoreOp::Take { token, owner } => StoreReply::Taken {
            token: token.clone(),
            owner: *owner,
            stored: stored(said)?.map(Box::new),
        },
        StoreOp::Settle(settle) => StoreReply::Settled {
            token: settle.token.clone(),
            owner: settle.owner,
            seq: settle.seq,
            settled: settled(said)?,
        },
        StoreOp::ClaimRoom { code, .. } => {
            let [found, holder] = array(said)?;
            StoreReply::Claimed {
                code: code.clone(),
                found: number(found)? != 0,
                holder: Letter::new(&text(holder)),
            }
        }
        StoreOp::Beat { .. } => {
            let [granted, others] = array(said)?;
            let others = items(others).into_iter();
            StoreReply::Beat {
                granted: number(granted)? != 0,
                others: others.map(peer).collect::<Option<_>>()?,
            }
        }
        StoreOp::SignIn {
            sub,
            token,
            fresh,
            owner,
            ..
        } => {
            let [chosen, kept, barred] = array(said)?;
            let chosen = text(chosen);
            let brought = token.as_ref().filter(|token| hash(token) == chosen);
            StoreReply::SignedIn {
                sub: sub.clone(),
                owner: *owner,
                token: brought.unwrap_or(fresh).clone(),
                stored: stored(kept)?
                    .filter(|stored| !stored.is_empty())
                    .map(Box::new),
                barred: number(barred)? != 0,
            }
        }
        StoreOp::Top { week } => StoreReply::Top {
            week: *week,
            rows: rows(said)?,
        },
        StoreOp::Rank { sub, week } => StoreReply::Rank {
            sub: sub.clone(),
            week: *week,
            standing: standing(said)?.map(Box::new),
        },
    }))
}

fn stored(said: Value) -> Option<Option<Stored>> {
    if said == Value::Nil {
        return Some(None);
    }
    let [uid, is_number, name, avatar, points, streak, person] = array(said)?;
    Some(Some(Stored {
        profile: profile([uid, is_number, name, avatar]),
        total: small(points)?,
        streak: small(streak)?,
        person: Some(person)
            .filter(|person| *person != Value::Nil)
            .map(text),
    }))
}

fn peer(said: Value) -> Option<Peer> {
    let [letter, online] = array(said)?;
    Some(Peer {
        letter: Letter::new(&text(letter))?,
        online: small(online)?,
    })
}

fn profile([uid, is_number, name, avatar]: [Value; 4]) -> StoredProfile {
    StoredProfile {
        uid: text(uid),
        uid_is_number: text(is_number) == "1",
        name: text(name),
        avatar: text(avatar),
    }
}

fn settled(said: Value) -> Option<Settled> {
    let [what, total] = array(said)?;
    let total = small(total)?;
    match text(what).as_str() {
        "kept" => Some(Settled::Kept { total }),
        "former" => Some(Settled::FormerOwner { total }),
        "erased" => Some(Settled::Erased),
        _ => None,
    }
}

fn rows(said: Value) -> Option<Vec<BoardRow>> {
    items(said).into_iter().map(row).collect()
}

fn row(said: Value) -> Option<BoardRow> {
    let [uid, is_number, name, avatar, points] = array(said)?;
    Some(BoardRow {
        profile: profile([uid, is_number, name, avatar]),
        points: small(points)?,
    })
}

fn standing(said: Value) -> Option<Option<Standing>> {
    if said == Value::Nil {
        return Some(None);
    }
    let [own, place, as_many, all, above, below] = array(said)?;
    let (place, all) = (small(place)?, number(all)?);
    let is_told = place <= Standing::PLACES_MAX;
    let percent = percent_of(number(as_many)?, all);
    Some(Some(Standing {
        own: row(own)?,
        place: is_told.then_some(place),
        percent: (!is_told).then_some(percent),
        above: rows(above)?,
        below: rows(below)?,
    }))
}

/// The values of an array of this length.
fn array<const LENGTH: usize>(said: Value) -> Option<[Value; LENGTH]> {
    items(said).try_into().ok()
}

/// The values of an array; of what is none, none.
pub(super) fn items(said: Value) -> Vec<Value> {
    match said {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

/// A text; of what is none, an empty one.
pub(super) fn text(said: Value) -> String {
    match said {
        Value::BulkString(bytes) => match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        },
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text,
        Value::Int(number) => number.to_string(),
        _ => String::new(),
    }
}

/// A number; below zero there is none.
pub(super) fn number(said: Value) -> Option<u64> {
    match said {
        // Somebody wrote it at a prompt.
        Value::Int(number) => Some(u64::try_from(number).unwrap_or(0)),
        other => text(other).parse().ok(),
    }
}

/// Points and streaks; somebody may have written more at a prompt.
fn small(said: Value) -> Option<u32> {
    Some(u32::try_from(number(said)?).unwrap_or(u32::MAX))
}

/// By what a token or a person's name is known there.
fn hash(text: &str) -> String {
    let Key(hash) = Key::of(text);
    hex::text(&hash)
}
