//! The recorded original, replayed: what it said to its clients, the hub says too, byte by byte.
//!
//! The client's lines of the recording are told to the hub at the recorded times; what it answers
//! must be what the original answered, but for the fixes in [`FIXES`], each with the protocol's
//! reason. `golden/original-two-players-then-robot.jsonl` is the recording as it was made.

mod common;

use std::collections::BTreeMap;

use common::{Act, Bench};
use roshambo::config::Config;
use roshambo::hub::{Dialect, Input};
use serde::Deserialize;

const RECORDING: &str = include_str!("golden/original-two-players-then-robot.jsonl");

/// The original ran on a real machine: its answers came this much later at most.
const LAG_MS_MAX: u64 = 15;

/// One way in which we differ from the original.
struct Fix {
    /// Why it is better so.
    reason: &'static str,
    client: char,
    was: &'static str,
    is: &'static str,
}

/// All of them. Besides, times: a robot's moves are random, and the original's answers came up to
/// [`LAG_MS_MAX`] late (section 5: "A round starts when both seats are taken", "at once").
const FIXES: [Fix; 4] = [
    Fix {
        reason: "hi: N the other players online (the original always says 10); A is the first",
        client: 'a',
        was: r#"42["hi",{"message":"welcome","nearby":10}]"#,
        is: r#"42["hi",{"message":"welcome","nearby":0}]"#,
    },
    Fix {
        reason: "hi: N the other players online (the original always says 10); B is the second",
        client: 'b',
        was: r#"42["hi",{"message":"welcome","nearby":10}]"#,
        is: r#"42["hi",{"message":"welcome","nearby":1}]"#,
    },
    Fix {
        reason: "start: choice is null (the original leaks the previous one)",
        client: 'a',
        was: r#""choice":1,"roundScore":0,"totalScore":0,"winStreak":0},{"uid":"robot-1""#,
        is: r#""choice":null,"roundScore":0,"totalScore":0,"winStreak":0},{"uid":"robot-1""#,
    },
    Fix {
        reason: "a robot's picture is builtin:robot: to an old client the address of the same \
                 picture under --public-url, or empty without that flag",
        client: 'a',
        was: r#""uavatar":"http://www.scoutiegirl.com/wp-content/uploads/2015/06/Blue-Robot.png""#,
        is: r#""uavatar":"""#,
    },
];

/// One line of the recording, or one text of ours.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Line {
    ms: u64,
    client: char,
    dir: String,
    text: String,
}

#[test]
fn an_old_client_reads_what_the_original_wrote() {
    let recording = recording();
    let ours = replay(&recording);
    for client in ['a', 'b'] {
        let theirs: Vec<Line> = recording
            .iter()
            .filter(|line| line.dir == "s2c" && line.client == client)
            .filter(|line| !is_robots_move(&line.text))
            .map(fixed)
            .collect();
        let ours: Vec<&Line> = ours
            .iter()
            .filter(|line| line.client == client && !is_robots_move(&line.text))
            .collect();
        for (theirs, ours) in theirs.iter().zip(&ours) {
            assert_eq!(masked(&ours.text), masked(&theirs.text), "{ours:?}");
            assert!(
                ours.ms <= theirs.ms && theirs.ms <= ours.ms + LAG_MS_MAX,
                "at {} instead of {}: {}",
                ours.ms,
                theirs.ms,
                ours.text
            );
        }
        assert_eq!(ours.len(), theirs.len(), "to {client}: {ours:#?}");
    }
}

#[test]
fn every_fix_is_needed() {
    for fix in FIXES {
        let recording = recording();
        let mut lines = recording.iter().filter(|line| line.client == fix.client);
        assert!(
            lines.any(|line| line.text.contains(fix.was)),
            "{}",
            fix.reason
        );
    }
}

#[test]
fn a_start_comes_with_the_join_and_a_result_exactly_game_time_later() {
    let said = replay(&recording());
    let times = |event: &str, client: char| -> Vec<u64> {
        let lines = said.iter().filter(|line| line.client == client);
        let named = lines.filter(|line| line.text.starts_with(&format!("42[\"{event}\"")));
        named.map(|line| line.ms).collect()
    };
    for (client, starts) in [('a', vec![506, 6_006]), ('b', vec![506])] {
        assert_eq!(times("start", client), starts);
        let results: Vec<u64> = starts.iter().map(|start| start + 3_000).collect();
        assert_eq!(times("result", client), results);
    }
}

#[test]
fn a_robot_chooses_ten_milliseconds_after_the_start() {
    let said = replay(&recording());
    let mut moves = said.iter().filter(|line| is_robots_move(&line.text));
    let first = moves.next().map(|line| line.ms);
    assert_eq!(
        first,
        Some(6_016),
        "the original: 6024 after a start at 6011"
    );
}

fn fixed(line: &Line) -> Line {
    let mut line = line.clone();
    for fix in FIXES.iter().filter(|fix| fix.client == line.client) {
        line.text = line.text.replace(fix.was, fix.is);
    }
    line
}

/// What is random on both sides: Engine.IO's session id, and how a round against a robot ends
/// (section 5: robots "choose … at random, uniformly among the three").
fn masked(text: &str) -> String {
    if let Some(rest) = text.strip_prefix(r#"0{"sid":""#) {
        let (sid, rest) = rest.split_once('"').unwrap_or_default();
        let base64url = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(sid.len() == 20 && sid.chars().all(base64url), "{sid:?}");
        return format!(r#"0{{"sid":"…"{rest}"#);
    }
    if text.starts_with(r#"42["result""#) && text.contains("robot-1") {
        // What the human chose is not random.
        let (_, human) = text.split_once(r#""choice":"#).unwrap_or_default();
        assert!(human.starts_with('1'), "{text}");
        return text.chars().filter(|c| !c.is_ascii_digit()).collect();
    }
    text.to_owned()
}

/// When a robot moves is random but for its first move: "every 0.1–4.1 s" (section 5).
fn is_robots_move(text: &str) -> bool {
    text.starts_with(r#"42["movement",{"uid":"robot-"#)
}

fn recording() -> Vec<Line> {
    let lines = RECORDING.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("the recording is JSON by line"))
        .collect()
}

/// Opens a connection when the original answered its handshake, then tells what the clients told.
fn replay(recording: &[Line]) -> Vec<Line> {
    let mut bench = Bench::new(Config::default());
    let mut conns = BTreeMap::new();
    for line in recording {
        bench.advance(line.ms, false);
        if line.dir == "s2c" {
            conns
                .entry(line.client)
                .or_insert_with(|| bench.open(Dialect::Eio3));
            continue;
        }
        let conn = conns[&line.client];
        bench.tell(Input::Text {
            conn,
            text: &line.text,
        });
    }
    let deeds = bench.take_deeds().into_iter();
    deeds
        .map(|deed| {
            let client = conns.iter().find(|(_, conn)| **conn == deed.conn);
            let (&client, _) = client.expect("nobody else is here");
            let Act::Text(text) = deed.act else {
                panic!("the original did no such thing: {deed:?}");
            };
            let (ms, dir) = (deed.at, "s2c".into());
            Line {
                ms,
                client,
                dir,
                text,
            }
        })
        .collect()
}
