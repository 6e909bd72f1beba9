//! What a reload carries from one release to the next, as bytes: what is read, and what is not.
//!
//! That nobody notices one is asked of every transcript (`play.rs`) and of the simulation.
//!
//! # The kept snapshots
//!
//! `tests/snapshots/` has one file of each release, and this one reads them all. A release adds its
//! own: `WRITE_SNAPSHOT=1 cargo test --test scenarios reload` writes it under the version of
//! `Cargo.toml`. That of a release that is out is never written again: it is what runs out there.
//! `0.1.0-in-full.json` is from before the first one, and tells what is left out by now.

use std::fs;
use std::path::PathBuf;

use fastrand::Rng;
use roshambo::config::Config;
use roshambo::hub::{Dialect, Hub, HubSnapshot, Input, Output};
use roshambo::model::ConnId;
use roshambo::time::Millis;
use serde_json::{Value, json};

use crate::common::{Act, Bench};
use crate::play::config;

/// When [`crowd`] is left.
const NOW: u64 = 7_000;

/// A token of nobody's.
const UNKNOWN: [&str; 2] = ["AAAAAAAAAAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBBBBBBBBBB"];

fn say(bench: &mut Bench, conn: ConnId, text: &str) {
    bench.tell(Input::Text { conn, text });
}

/// Opens a v2 client's connection and says who it is.
fn enter(bench: &mut Bench, name: &str, session: Option<&str>) -> ConnId {
    let conn = bench.open_from(Dialect::Plain, Some(5));
    let session = session.map_or(String::new(), |token| format!(r#","session":"{token}""#));
    let hello = format!(
        r#"["hello",{{"user":{{"uname":"{name}","uavatar":"builtin:3"}},"v":2{session}}}]"#
    );
    say(bench, conn, &hello);
    conn
}

/// A hub with somebody in each situation that it knows, at [`NOW`]; and who plays its second round.
fn crowd() -> (Bench, [ConnId; 2]) {
    const JOIN: &str = r#"["join"]"#;
    let mut bench = Bench::with_store(config(|config| config.seed = Some(7)));
    // Two who have played, with points in the store, and play again.
    let pair = ["ann", "bob"].map(|name| enter(&mut bench, name, None));
    for conn in pair {
        say(&mut bench, conn, JOIN);
    }
    say(&mut bench, pair[0], r#"["choice",{"choice":2}]"#);
    bench.advance(5_000, true);
    for conn in pair {
        say(&mut bench, conn, JOIN);
    }
    say(&mut bench, pair[0], r#"["choice",{"choice":1}]"#);
    // An old client that plays a robot, and one that has not said anything.
    let old = bench.open(Dialect::Eio3);
    let uid = r#"42["hello",{"user":{"uid":7,"uname":"old","uavatar":"https://example.org/a"}}]"#;
    say(&mut bench, old, uid);
    say(&mut bench, old, r#"42["join"]"#);
    bench.open(Dialect::Eio4);
    // One whose connection is lost, and that owes to the rate limit.
    let lost = enter(&mut bench, "lost", None);
    bench.advance(6_400, true);
    // One that waits in the lobby, but looks elsewhere; one that waits; two in a private room.
    let away = enter(&mut bench, "away", None);
    say(&mut bench, away, JOIN);
    say(&mut bench, away, r#"["away"]"#);
    bench.advance(6_500, true);
    let waits = enter(&mut bench, "waits", None);
    say(&mut bench, waits, JOIN);
    let host = enter(&mut bench, "host", None);
    bench.take_deeds();
    say(&mut bench, host, r#"["join",{"room":"new"}]"#);
    let told = bench
        .take_deeds()
        .into_iter()
        .find_map(|deed| match deed.act {
            Act::Text(text) => serde_json::from_str::<Value>(&text).ok(),
            _ => None,
        });
    let code = told.expect("a room")[1]["code"].clone();
    let guest = enter(&mut bench, "guest", None);
    let join = json!(["join", { "room": code, "ready": false }]);
    say(&mut bench, guest, &join.to_string());
    // Somebody far too fast, who is owed the answer to a ping.
    let fast = enter(&mut bench, "fast", None);
    bench.advance(6_950, true);
    for _ in 0..25 {
        say(&mut bench, fast, r#"["ping"]"#);
        say(&mut bench, lost, r#"["ping"]"#);
    }
    bench.tell(Input::Ping {
        conn: fast,
        payload: b"p",
    });
    bench.tell(Input::Closed { conn: lost });
    // One whose session the store was not asked about in time, two who wait for it.
    bench.slow_down(true);
    bench.shelf().set_away(true);
    bench.hear_store();
    enter(&mut bench, "pending", Some(UNKNOWN[0]));
    bench.shelf().lazy = true;
    bench.shelf().set_away(false);
    bench.hear_store();
    let guesses = enter(&mut bench, "guesses", None);
    say(&mut bench, guesses, r#"["join",{"room":"234567"}]"#);
    enter(&mut bench, "asks", Some(UNKNOWN[1]));
    bench.advance(NOW, true);
    bench.take_deeds();
    (bench, pair)
}

fn snapshot() -> Value {
    serde_json::from_slice(&crowd().0.export()).expect("JSON")
}

fn import_with(config: &Config, value: &Value) -> Result<Hub, String> {
    let snapshot: HubSnapshot =
        serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
    let mut rng = Rng::with_seed(1);
    let entropy = Box::new(move |bytes: &mut [u8]| rng.fill(bytes));
    Hub::import(config, snapshot, entropy).map_err(|error| error.to_string())
}

fn import(value: &Value) -> Result<Hub, String> {
    import_with(&Config::default(), value)
}

/// What a hub carries on, once its first orders are carried out.
fn export(mut hub: Hub) -> Value {
    while hub.pop_output().is_some() {}
    serde_json::to_value(hub.export(Millis(NOW))).expect("JSON")
}

fn kept(version: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots");
    folder.join(format!("{version}.json"))
}

#[test]
fn the_snapshot_of_this_release_is_kept() {
    let path = kept(env!("CARGO_PKG_VERSION"));
    let text = serde_json::to_string_pretty(&snapshot()).expect("JSON") + "\n";
    if std::env::var_os("WRITE_SNAPSHOT").is_some() {
        fs::write(&path, &text).expect("it can be written");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "{} is not what this release carries: see the head of this file",
        path.display()
    );
}

/// Each release's, by whatever is written at its end.
#[test]
fn every_release_s_snapshot_is_read() {
    let folder = fs::read_dir(kept("").parent().expect("a folder")).expect("it is there");
    let mut count = 0;
    for entry in folder {
        let path = entry.expect("an entry").path();
        let text = fs::read(&path).expect("a file");
        let (mut bench, pair) = crowd();
        bench.import(&text);
        bench.take_deeds();
        // The round that one process told the start of is ended by the other one.
        bench.advance(8_000, true);
        let deeds = bench.take_deeds();
        for conn in pair {
            let won = r#""roundScore":2,"totalScore":3,"winStreak":2,"choice":1}"#;
            let result = deeds.iter().any(|deed| {
                let told = matches!(&deed.act, Act::Text(text)
                    if text.starts_with(r#"["result""#) && text.contains(won));
                (deed.at, deed.conn) == (8_000, conn) && told
            });
            assert!(result, "{}: {deeds:?}", path.display());
        }
        // Who waited for the store waits no longer, and everybody ends.
        bench.advance(10_000, true);
        assert_eq!(bench.hub().waiting(), 0, "{}", path.display());
        bench.reload();
        bench.advance(4_000_000, true);
        count += 1;
    }
    assert!(0 < count, "none is kept");
}

#[test]
fn what_a_later_release_adds_is_passed_over() {
    fn add(value: &mut Value) {
        match value {
            Value::Array(values) => values.iter_mut().for_each(add),
            Value::Object(fields) => {
                fields.values_mut().for_each(add);
                // One alone names a variant.
                if 1 < fields.len() {
                    fields.insert("mood".into(), 7.into());
                }
            }
            _ => (),
        }
    }
    let snapshot = snapshot();
    let mut later = snapshot.clone();
    add(&mut later);
    assert_ne!(later, snapshot);
    let hub = import(&later).expect("a sound snapshot");
    assert_eq!(export(hub), snapshot);
}

#[test]
fn what_an_earlier_release_did_not_know_has_a_default() {
    let mut earlier = snapshot();
    let fields = earlier.as_object_mut().expect("fields");
    for field in ["origins", "parted", "counters"] {
        fields.remove(field).expect("it is there now");
    }
    let world = earlier["world"].as_object_mut().expect("fields");
    for field in ["from_robots", "draining", "tally", "next_owner"] {
        world.remove(field).expect("it is there now");
    }
    let hub = import(&earlier).expect("a sound snapshot");
    assert_eq!(hub.counters().texts_in, 0);
    assert_eq!(hub.tally().human_rounds, 0);
    assert_eq!(hub.running_rounds(), 2);
}

/// Changes a snapshot in one place.
type Change = fn(&mut Value);

#[test]
fn a_snapshot_that_contradicts_itself_is_refused_with_a_sentence() {
    fn values<'a>(value: &'a mut Value, of: &str) -> &'a mut Vec<Value> {
        let values = value["world"][of]["values"].as_array_mut();
        values.expect("a list")
    }
    fn sessions(value: &mut Value) -> &mut Vec<Value> {
        value["sessions"].as_array_mut().expect("a list")
    }
    #[rustfmt::skip]
    let table: [(Change, &str); 13] = [
        (|it| it["version"] = 2.into(), "the snapshot has version 2, and this release reads them up to 1"),
        (|it| { let one = values(it, "players")[0][1]["token"].clone(); values(it, "players")[1][1]["token"] = one; },
            "two players have one token"),
        (|it| drop(sessions(it).remove(0)), "a player's connection is not there"),
        (|it| sessions(it).swap(0, 1), "connections that are not in order"),
        (|it| sessions(it).iter_mut().for_each(|one| one["conn"] = json!([1_u32 << 22, 1])), "connections that are not in order"),
        (|it| sessions(it)[0]["v2"] = false.into(), "a player is of another generation than its connection"),
        (|it| sessions(it)[0]["player"] = json!([1, 2]), "a session speaks for a player of another connection"),
        (|it| drop(values(it, "players").remove(0)), "a result is nobody's"),
        (|it| drop(values(it, "players").remove(2)), "a seat's player sits elsewhere"),
        (|it| drop(values(it, "rooms").remove(0)), "a player sits in a room that is gone"),
        (|it| values(it, "players").swap(0, 1), "indexes that are not in order"),
        (|it| it["desk"]["waits"] = json!([]), "who is held waits, and nobody else"),
        (|it| values(it, "players")[0][1]["card"]["uid"] = "\n".into(), "no uid"),
    ];
    for (change, want) in table {
        let mut value = snapshot();
        change(&mut value);
        let why = import(&value).err().unwrap_or_default();
        assert!(why.ends_with(want), "wanted {want:?}, and it was {why:?}");
    }
}

/// A release may lower a limit, and whoever is over it then goes as ever.
#[test]
fn a_lower_limit_holds_from_the_first_moment() {
    let config = config(|config| config.max_sessions = 0);
    let hub = import_with(&config, &snapshot()).expect("a sound snapshot");
    let (all, _, _) = crowd().0.hub().population();
    assert_eq!(hub.population().0, all - 1, "the one that is offline");
}

/// Every place in a snapshot.
fn places(value: &Value, path: &str, all: &mut Vec<String>) {
    all.push(path.to_owned());
    match value {
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                places(value, &format!("{path}/{index}"), all);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                places(value, &format!("{path}/{name}"), all);
            }
        }
        _ => (),
    }
}

#[test]
fn no_snapshot_makes_a_hub_panic() {
    let sound = snapshot();
    let mut all = Vec::new();
    places(&sound, "", &mut all);
    let mut rng = Rng::with_seed(1);
    let words = [
        json!(null),
        json!(0),
        json!(1),
        json!(-1),
        json!(u32::MAX),
        json!(u64::MAX),
        json!(""),
        json!([]),
        json!({}),
        json!(true),
        json!([0, 1]),
        json!([3, 4]),
    ];
    let (mut taken, mut refused) = (0, 0);
    for path in &all {
        for _ in 0..4 {
            let mut value = sound.clone();
            let other = &all[rng.usize(..all.len())];
            let other = sound.pointer(other).expect("a place").clone();
            let place = value.pointer_mut(path).expect("a place");
            match (rng.u32(..4), &mut *place) {
                (0, Value::Array(values)) if !values.is_empty() => {
                    values.remove(rng.usize(..values.len()));
                }
                (0, Value::Object(fields)) if !fields.is_empty() => {
                    let names: Vec<_> = fields.keys().cloned().collect();
                    fields.remove(&names[rng.usize(..names.len())]);
                }
                (1, Value::Array(values)) if !values.is_empty() => {
                    values.push(values[rng.usize(..values.len())].clone());
                }
                (2, _) => *place = other,
                _ => *place = words[rng.usize(..words.len())].clone(),
            }
            match import(&value) {
                Err(_) => refused += 1,
                // The sweep looks at it once more.
                Ok(mut hub) => {
                    taken += 1;
                    while hub.pop_output().is_some() {}
                    let conn = ConnId {
                        index: 99,
                        generation: 1,
                    };
                    hub.handle(Millis(NOW), Input::Seen { conn });
                    assert!(!matches!(hub.pop_output(), Some(Output::Close { .. })));
                    export(hub);
                }
            }
        }
    }
    println!("{taken} were taken up, {refused} refused");
    assert!(100 < taken && 100 < refused);
    let text = sound.to_string();
    for end in (0..text.len()).step_by(97) {
        assert!(serde_json::from_str::<HubSnapshot>(&text[..end]).is_err());
    }
}
