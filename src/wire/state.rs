//! The state file: sessions as JSON, one document.
//!
//! `{"roshambo":1,"sessions":[{"token","uid","uname","uavatar","totalScore","winStreak","idle_ms"},…]}`.
//! No file is touched here.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use super::event;
use crate::model::{Avatar, Name, Profile, SessionRecord, Token, Uid};

/// The only version there is.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    roshambo: u32,
    #[serde(borrow)]
    sessions: Vec<Entry<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry<'a> {
    token: &'a str,
    uid: Cow<'a, str>,
    uname: Cow<'a, str>,
    uavatar: Cow<'a, str>,
    #[serde(rename = "totalScore")]
    total_score: u32,
    #[serde(rename = "winStreak")]
    win_streak: u32,
    idle_ms: u64,
}

/// Writes all sessions as one document.
#[must_use]
pub fn encode(records: &[SessionRecord]) -> String {
    let sessions = records
        .iter()
        .map(|record| Entry {
            token: record.token.as_str(),
            uid: record.profile.uid.as_str().into(),
            uname: record.profile.name.as_str().into(),
            uavatar: event::avatar_text(&record.profile.avatar),
            total_score: record.total_score,
            win_streak: record.win_streak,
            idle_ms: record.idle_ms,
        })
        .collect();
    let mut out = String::new();
    event::write_json(
        &Document {
            roshambo: VERSION,
            sessions,
        },
        &mut out,
    );
    out.push('\n');
    out
}

/// Reads a document.
///
/// # Errors
///
/// A sentence that says what is wrong. A document is taken whole or not at all.
pub fn decode(text: &str) -> Result<Vec<SessionRecord>, String> {
    let document: Document<'_> = serde_json::from_str(text).map_err(|error| what(&error))?;
    if document.roshambo != VERSION {
        return Err(format!(
            "version {} is not known here, only {VERSION}",
            document.roshambo
        ));
    }
    let record = |(index, entry): (usize, Entry<'_>)| {
        let wrong = |what| format!("session {index} has a {what} that can be none");
        Ok(SessionRecord {
            token: Token::new(entry.token).ok_or_else(|| wrong("token"))?,
            profile: Profile {
                uid: Uid::new(&entry.uid).ok_or_else(|| wrong("uid"))?,
                name: Name::new(&entry.uname),
                avatar: Avatar::new(&entry.uavatar),
            },
            total_score: entry.total_score,
            win_streak: entry.win_streak,
            idle_ms: entry.idle_ms,
        })
    };
    document
        .sessions
        .into_iter()
        .enumerate()
        .map(record)
        .collect()
}

/// Where and how a document is damaged, without repeating any of it: it holds secrets.
fn what(error: &serde_json::Error) -> String {
    let how = match error.classify() {
        Category::Io | Category::Eof => "it ends too early",
        Category::Syntax => "no JSON",
        Category::Data => "not what stands in a state file",
    };
    format!("line {}, column {}: {how}", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut entropy = move |bytes: &mut [u8]| rng.fill(bytes);
        let records: Vec<_> = ["", "builtin:3", "https://e/a.png"]
            .iter()
            .zip(0..)
            .map(|(avatar, number)| SessionRecord {
                token: Token::draw(&mut entropy),
                profile: Profile {
                    uid: Uid::draw("p-", 12, &mut entropy),
                    name: Name::new("Ann \"<b>\" 名"),
                    avatar: Avatar::new(avatar),
                },
                total_score: number * 7,
                win_streak: number,
                idle_ms: 5,
            })
            .collect();
        assert_eq!(decode(&encode(&records)), Ok(records));
        assert_eq!(decode(&encode(&[])), Ok(vec![]));
    }

    #[test]
    fn a_damaged_document_is_refused_whole() {
        let good = r#"{"roshambo":1,"sessions":[{"token":"AAAAAAAAAAAAAAAAAAAAAAAA","uid":"p-1","uname":"","uavatar":"","totalScore":0,"winStreak":0,"idle_ms":0}]}"#;
        assert_eq!(decode(good).map(|records| records.len()), Ok(1));
        for (from, to) in [
            ("]}", ""),
            (":1,", ":2,"),
            ("AAAA\"", "\""),
            ("p-1", ""),
            ("\"idle_ms\":0", "\"idle_ms\":-1"),
            ("\"totalScore\":0", "\"totalScore\":4294967296"),
            ("\"uname\"", "\"name\""),
            ("{\"rosh", "x{\"rosh"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good);
            assert!(decode(&bad).is_err(), "{bad}");
        }
        assert!(decode("").is_err());
        let secret = good.replace(
            "\"uid\":\"p-1\"",
            "\"uid\":{\"AAAAAAAAAAAAAAAAAAAAAAAA\":1}",
        );
        assert!(!decode(&secret).is_err_and(|error| error.contains("AAAA")));
        assert!(decode(&secret).is_err());
    }
}
