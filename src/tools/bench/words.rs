//! The server's events as far as a load tester looks at them.
//!
//! A face that was relayed is found without a JSON parser, so that the client costs less than what
//! it measures; everything else is rare and parsed. Absent: sockets, dialects, rules.

use serde::Deserialize;

/// An event of the server's.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    /// The partner's face, with its number.
    Face(u32),
    /// The partner chose.
    Choice,
    /// A round began.
    Start(Start),
    Result(Vec<Row>),
    /// The partner is gone.
    Leave,
    /// Something was refused: which event, and why.
    Problem(String),
    /// Anything else.
    Other,
    /// Not what this server's events look like.
    Broken,
}

/// The payload of `start`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(super) struct Start {
    /// Seconds.
    pub(super) game_time: u32,
    /// Who plays.
    pub(super) room_users: Vec<Row>,
}

/// A player in `start` or `result`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    pub(super) uid: String,
    pub(super) choice: Option<u8>,
    pub(super) round_score: u64,
    pub(super) total_score: u64,
    pub(super) win_streak: u64,
}

#[derive(Deserialize)]
struct ResultPayload {
    result: Vec<Row>,
}

#[derive(Deserialize)]
struct HiPayload {
    uid: Option<String>,
}

/// Reads an event's JSON text.
pub(super) fn read(text: &str) -> Word {
    if text.starts_with("[\"movement\"") {
        let Some(at) = text.rfind("\"face\":") else {
            return Word::Choice;
        };
        let digits = text.get(at + 7..).unwrap_or_default();
        let end = digits.find(|character: char| !character.is_ascii_digit());
        return match digits.get(..end.unwrap_or(0)).map(str::parse) {
            Some(Ok(face)) => Word::Face(face),
            _ => Word::Broken,
        };
    }
    let Ok((name, payload)) = serde_json::from_str::<(&str, serde_json::Value)>(text) else {
        return Word::Other;
    };
    match name {
        "start" => serde_json::from_value(payload).map_or(Word::Broken, Word::Start),
        "result" => serde_json::from_value::<ResultPayload>(payload)
            .map_or(Word::Broken, |payload| Word::Result(payload.result)),
        "leave" => Word::Leave,
        "problem" => {
            let part = |key| payload.get(key).and_then(|it| it.as_str()).unwrap_or("?");
            Word::Problem(format!("{}: {}", part("event"), part("code")))
        }
        _ => Word::Other,
    }
}

/// The uid that a `hi` gives to a v2 client.
pub(super) fn uid_of_hi(text: &str) -> Option<String> {
    let (_, payload) = serde_json::from_str::<(&str, HiPayload)>(text).ok()?;
    payload.uid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_told_apart() {
        let row = Row {
            uid: "a".into(),
            choice: None,
            round_score: 0,
            total_score: 7,
            win_streak: 1,
        };
        let start = Start {
            game_time: 3,
            room_users: vec![row.clone()],
        };
        let rows = [
            (
                r#"["movement",{"uid":"a","movement":"face","face":4294967295}]"#,
                Word::Face(u32::MAX),
            ),
            (
                r#"["movement",{"face":0,"uid":"a","movement":"face"}]"#,
                Word::Face(0),
            ),
            (
                r#"["movement",{"uid":"a","movement":"face","face":"x"}]"#,
                Word::Broken,
            ),
            (
                r#"["movement",{"uid":"a","movement":"choice"}]"#,
                Word::Choice,
            ),
            (
                r#"["start",{"gameTime":3,"roomUsers":[{"uid":"a","uname":"A","uavatar":"","choice":null,"roundScore":0,"totalScore":7,"winStreak":1}]}]"#,
                Word::Start(start),
            ),
            (r#"["start",{"gameTime":3}]"#, Word::Broken),
            (
                r#"["result",{"result":[{"uid":"a","roundScore":0,"totalScore":7,"winStreak":1,"choice":null}]}]"#,
                Word::Result(vec![row]),
            ),
            (r#"["leave",{"uid":"a"}]"#, Word::Leave),
            (
                r#"["problem",{"code":"too-fast","message":"m","event":"face"}]"#,
                Word::Problem("face: too-fast".into()),
            ),
            (r#"["pong"]"#, Word::Other),
            ("[", Word::Other),
        ];
        for (text, want) in rows {
            assert_eq!(read(text), want, "{text}");
        }
        let hi = r#"["hi",{"message":"welcome","nearby":0,"uid":"p-1","session":"s"}]"#;
        assert_eq!(uid_of_hi(hi).as_deref(), Some("p-1"));
        assert_eq!(
            uid_of_hi(r#"["hi",{"message":"welcome","nearby":10}]"#),
            None
        );
    }
}
