//! Whole games in the three dialects, with the bytes of every frame.

use crate::support::client::{Client, Dialect, row_of};
use crate::support::process::Server;
use crate::support::raw::Raw;
use crate::support::side_by_side;

/// A text between two others.
#[track_caller]
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let inside = text
        .strip_prefix(before)
        .and_then(|rest| rest.strip_suffix(after));
    inside.unwrap_or_else(|| panic!("{text} is not {before}…{after}"))
}

#[track_caller]
fn check_sid(sid: &str) {
    let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    assert!(sid.len() == 20 && sid.bytes().all(is_base64url), "{sid:?}");
}

#[test]
fn an_old_eio3_client_and_a_plain_v2_client_play_with_exact_bytes() {
    let server = Server::for_pairs(&[]);
    let mut ann = Raw::open(server.address(), &Dialect::Mini.target());
    let open = ann.text();
    let after = r#"","upgrades":[],"pingInterval":25000,"pingTimeout":60000}"#;
    check_sid(between(&open, r#"0{"sid":""#, after));
    ann.hear("40");
    ann.say(
        r#"42["hello",{"user":{"uid":"ann","uname":"Ann","uavatar":"https://e/a.png"},"cordinate":{"lat":1.5,"lng":2}}]"#,
    );
    ann.hear(r#"42["hi",{"message":"welcome","nearby":0}]"#);

    let mut bob = Raw::open(server.address(), &Dialect::Plain.target());
    bob.say(r#"["hello",{"user":{"uname":"Bob","uavatar":"builtin:3"},"v":2}]"#);
    let hi = bob.text();
    let after = r#"","resumed":false,"totalScore":0,"winStreak":0}]"#;
    let names = between(
        &hi,
        r#"["hi",{"message":"welcome","nearby":1,"uid":""#,
        after,
    );
    let (uid, token) = names.split_once(r#"","session":""#).expect("a session");
    assert!(uid.starts_with("p-") && uid.len() == 14, "{uid}");
    assert!(20 <= token.len(), "{token} can be guessed");

    ann.say(r#"42["join"]"#);
    // Anything after `2` is an Engine.IO ping; its answer tells that the join was heard.
    ann.say("2probe");
    ann.hear("3");
    bob.say(r#"["join",{}]"#);
    let room = bob.text();
    let seat = |uid: &str, name: &str, avatar: &str| {
        format!(
            r#"{{"uid":"{uid}","uname":"{name}","uavatar":"{avatar}","ready":true,"robot":false,"online":true}}"#
        )
    };
    let seats = [
        seat("ann", "Ann", "https://e/a.png"),
        seat(uid, "Bob", "builtin:3"),
    ]
    .join(",");
    let number = between(
        &room,
        r#"["room",{"roomId":"room"#,
        &format!(r#"","users":[{seats}],"full":true}}]"#),
    );
    assert!(number.parse::<u32>().is_ok(), "{number}");
    let start = |avatar: &str| {
        format!(
            r#"["start",{{"gameTime":2,"roomUsers":[{{"uid":"ann","uname":"Ann","uavatar":"https://e/a.png","choice":null,"roundScore":0,"totalScore":0,"winStreak":0}},{{"uid":"{uid}","uname":"Bob","uavatar":"{avatar}","choice":null,"roundScore":0,"totalScore":0,"winStreak":0}}]}}]"#
        )
    };
    bob.hear(&start("builtin:3"));
    // An old client cannot draw it, and without --public-url there is no address of it.
    ann.hear(&format!("42{}", start("")));

    ann.say(r#"42["choice",{"choice":2}]"#);
    bob.hear(r#"["movement",{"uid":"ann","movement":"choice"}]"#);
    ann.say(r#"42["face",{"face":4294967295}]"#);
    bob.hear(r#"["movement",{"uid":"ann","movement":"face","face":4294967295}]"#);
    bob.say(r#"["choice",{"choice":1}]"#);
    ann.hear(&format!(
        r#"42["movement",{{"uid":"{uid}","movement":"choice"}}]"#
    ));
    bob.say(r#"["choice",{"choice":4}]"#);
    bob.hear(
        r#"["problem",{"code":"bad-payload","message":"the payload is not what this event takes","event":"choice"}]"#,
    );
    let result = format!(
        r#"["result",{{"result":[{{"uid":"ann","roundScore":1,"totalScore":1,"winStreak":1,"choice":2}},{{"uid":"{uid}","roundScore":0,"totalScore":0,"winStreak":0,"choice":1}}]}}]"#
    );
    bob.hear(&result);
    ann.hear(&format!("42{result}"));
    // What the server says when nobody asked: nothing but `room`, to a v2 client.
    ann.say("41");
    let farewell = ann.farewell();
    assert_eq!((farewell.texts.len(), farewell.code), (0, Some(1000)));
}

#[test]
fn the_engine_io_4_opening_has_exact_bytes() {
    let server = Server::start(&["--game-time", "1s", "--robot-after", "100ms"]);
    let mut raw = Raw::open(server.address(), &Dialect::Eio4.target());
    let open = raw.text();
    let after = r#"","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":4096}"#;
    let first = between(&open, r#"0{"sid":""#, after).to_owned();
    check_sid(&first);
    raw.say(r#"40{"token":"anything"}"#);
    let connected = raw.text();
    let second = between(&connected, r#"40{"sid":""#, r#""}"#);
    check_sid(second);
    assert_ne!(first, second);
    raw.say("2");
    raw.hear("3");
    raw.say(r#"4217["join"]"#);
    raw.hear(r#"4317[{"ok":true}]"#);
    raw.hear(r#"42["hi",{"message":"welcome","nearby":0}]"#);
    raw.say(r#"40/chat,{}"#);
    raw.hear(r#"44/chat,{"message":"Invalid namespace"}"#);
}

/// Plays one round against a robot, as a player with a name or as a guest.
fn play_a_robot(server: &Server, dialect: Dialect, named: bool) {
    let mut client = Client::open(server.address(), dialect);
    let mut uid = "ann".to_owned();
    if named {
        client.hello(&uid);
        client.expect(&[r#"["hi",{"message":"welcome","nearby":0}]"#]);
        client.send(r#"["join"]"#);
    } else {
        client.send(r#"["join"]"#);
        client.expect(&[r#"["hi",{"message":"welcome","nearby":0}]"#]);
    }
    let start = client.until("start");
    assert_eq!(start["gameTime"], 3);
    let users = start["roomUsers"].as_array().expect("two players");
    assert_eq!(users.len(), 2);
    if !named {
        uid = users[0]["uid"].as_str().expect("a uid").into();
        assert!(uid.starts_with("guest-") && uid.len() == 12, "{uid}");
        assert_eq!(users[0]["uname"], uid.as_str());
    }
    assert_eq!(users[0]["uid"], uid.as_str());
    let robot = users[1]["uid"].as_str().expect("a uid").to_owned();
    assert!(robot.starts_with("robot-"), "{robot}");
    client.send(r#"["choice",{"choice":3}]"#);
    let movement = client.until("movement");
    assert_eq!(
        movement["uid"],
        robot.as_str(),
        "a robot shows what it does"
    );
    let result = client.until("result");
    assert_eq!(row_of(&result, &uid).3, Some(3));
    let choice = row_of(&result, &robot).3;
    assert!(matches!(choice, Some(1..=3)), "a robot always chooses");
    let local = client.local().to_string();
    client.leave();
    // The next player is alone again.
    server
        .log()
        .wait_for("its end", |line| line.contains(&local));
}

#[test]
fn a_robot_plays_in_every_dialect_with_named_players_and_with_guests() {
    side_by_side(Dialect::ALL, |dialect| {
        let server = Server::start(&["--game-time", "3s", "--robot-after", "100ms"]);
        for named in [true, false] {
            play_a_robot(&server, dialect, named);
        }
    });
}

#[test]
fn a_v2_client_plays_against_a_robot_and_goes_on() {
    side_by_side([Dialect::Plain, Dialect::Eio4], |dialect| {
        let server = Server::start(&["--game-time", "3s", "--robot-after", "100ms"]);
        let (mut client, hi) = Client::v2(server.address(), dialect, "Ann");
        client.send(r#"["ping"]"#);
        client.expect(&[r#"["pong"]"#]);
        let mut total = 0;
        for _ in 0..2 {
            client.send(r#"["join"]"#);
            let room = client.until("room");
            assert_eq!(
                (&room["full"], &room["users"][0]["online"]),
                (&false.into(), &true.into())
            );
            let room = client.until("room");
            assert_eq!(room["full"], true);
            assert_eq!(room["users"][1]["robot"], true);
            assert_eq!(room["users"][1]["uavatar"], "builtin:robot");
            client.until("start");
            client.send(r#"["choice",{"choice":1}]"#);
            let (score, sum, streak, choice) = client.result_of(&hi.uid);
            total += score;
            assert_eq!((sum, choice), (total, Some(1)));
            assert!(streak <= 2);
        }
        client.leave();
    });
}

#[test]
fn two_humans_meet_and_play_again_in_every_pairing_of_dialects() {
    let pairings = [
        (Dialect::Plain, Dialect::Eio4),
        (Dialect::Eio3, Dialect::Eio4),
        (Dialect::Mini, Dialect::Plain),
    ];
    side_by_side(pairings, |(first, second)| {
        let server = Server::for_pairs(&[]);
        let mut ann = Client::old(server.address(), first, "ann");
        let (mut bob, hi) = Client::v2(server.address(), second, "Bob");
        for round in 1..=2 {
            ann.send(r#"["join"]"#);
            bob.send(r#"["join"]"#);
            for client in [&mut ann, &mut bob] {
                client.until("start");
            }
            // An old client shows by its choice that it is still there.
            ann.send(r#"["choice",{"choice":1}]"#);
            bob.send(r#"["choice",{"choice":2}]"#);
            for client in [&mut ann, &mut bob] {
                let result = client.until("result");
                let total = round * (round + 1) / 2;
                assert_eq!(row_of(&result, "ann"), (0, 0, 0, Some(1)));
                assert_eq!(row_of(&result, &hi.uid), (round, total, round, Some(2)));
            }
        }
        bob.send(r#"["leave"]"#);
        let left = ann.until("leave");
        assert_eq!(left["uid"], hi.uid.as_str());
        ann.leave();
        bob.leave();
    });
}

#[test]
fn an_acknowledgement_comes_first_and_names_a_refusal() {
    let server = Server::for_pairs(&[]);
    for dialect in [Dialect::Eio3, Dialect::Eio4] {
        let mut client = Client::open(server.address(), dialect);
        client.send_text(r#"420["choice",{"choice":1}]"#);
        let ack = client.text();
        let refused = r#"430[{"ok":false,"code":"not-playing","message":""#;
        assert!(ack.starts_with(refused), "{ack}");
        client.send_text(r#"42123456789012345["hello",{"user":{"uid":"ann"}}]"#);
        assert_eq!(client.text(), r#"43123456789012345[{"ok":true}]"#);
        assert_eq!(
            client.text(),
            r#"42["hi",{"message":"welcome","nearby":0}]"#
        );
        client.send_text(r#"427["dance"]"#);
        let ack = client.text();
        let refused = r#"437[{"ok":false,"code":"unknown-event","message":""#;
        assert!(ack.starts_with(refused), "{ack}");
        let problem = client.until("problem");
        assert_eq!(
            (&problem["code"], &problem["event"]),
            (&"unknown-event".into(), &"dance".into())
        );
        client.leave();
    }
}

#[test]
fn old_clients_are_told_the_address_of_built_in_pictures() {
    let server = Server::for_pairs(&["--public-url", "https://example.org/play"]);
    let mut ann = Client::old(server.address(), Dialect::Eio3, "ann");
    let mut bob = Client::open(server.address(), Dialect::Plain);
    bob.send(r#"["hello",{"user":{"uname":"Bob","uavatar":"builtin:3"},"v":2}]"#);
    bob.hi();
    ann.send(r#"["join"]"#);
    bob.send(r#"["join"]"#);
    let start = ann.until("start");
    let users = start["roomUsers"].as_array().expect("two players");
    let picture = users.iter().find(|user| user["uname"] == "Bob");
    let picture = picture.and_then(|user| user["uavatar"].as_str());
    let picture = picture.expect("a picture");
    assert!(
        picture.starts_with("https://example.org/play/"),
        "{picture}"
    );
}
