//! Connections that end badly, and players that come back on new ones.

use crate::support::client::{Client, Dialect, Hi, row_of};
use crate::support::process::Server;
use crate::support::raw::{Raw, frame};
use crate::support::side_by_side;

/// Two v2 players in a round that has just begun.
fn play(server: &Server, dialects: [Dialect; 2]) -> [(Client, Hi); 2] {
    let mut players = dialects.map(|dialect| Client::v2(server.address(), dialect, "player"));
    for (client, _) in &mut players {
        client.send(r#"["join"]"#);
        client.until("room");
    }
    for (client, _) in &mut players {
        client.until("start");
    }
    players
}

/// Waits until a player hears that the other one is connected, or is not.
#[track_caller]
fn until_online(client: &mut Client, uid: &str, online: bool) {
    loop {
        let room = client.until("room");
        let users = room["users"].as_array().expect("users");
        let user = users.iter().find(|user| user["uid"] == uid);
        if user.expect("it keeps its seat")["online"] == online {
            return;
        }
    }
}

#[test]
fn a_slow_reader_is_closed_and_its_choice_stands() {
    let flags = [
        "--game-time",
        "5s",
        "--robot-after",
        "30s",
        "--max-queue",
        "16KiB",
        // How long a closed connection may take for what is queued; this one begins to read when all is over.
        "--head-timeout",
        "2m",
    ];
    let server = Server::start(&[&flags, ["--rate-limit", "0"].as_slice()].concat());
    let (mut bob, hi) = Client::v2(server.address(), Dialect::Plain, "Bob");
    let mut slow = Raw::connect_narrow(server.address());
    slow.upgrade("/applet/websocket");
    slow.say(r#"["hello",{"user":{"uname":"Slow"},"v":2}]"#);
    assert!(slow.text().starts_with(r#"["hi","#));
    slow.say(r#"["join"]"#);
    assert!(slow.text().starts_with(r#"["room","#));
    bob.send(r#"["join"]"#);
    let room = bob.until("room");
    let uid = room["users"][0]["uid"].as_str().expect("a uid").to_owned();
    assert_ne!(uid, hi.uid);
    bob.until("start");
    slow.say(r#"["choice",{"choice":2}]"#);
    bob.until("movement");
    bob.send(r#"["choice",{"choice":1}]"#);

    let local = slow.local().to_string();
    // One at a time: it comes whole and before what Bob says behind it, so that the server has read
    // them all when it closes. What it never reads would turn its goodbye into a reset.
    let ping = frame(0x89, &[b'x'; 125]);
    let (mut online, mut pings) = (true, 0);
    while online {
        pings += 1;
        // The kernel keeps something for a peer, and then the server has to.
        assert!(pings < 50_000, "nothing limits the queue");
        slow.send(&ping);
        // Nobody else waits for it.
        bob.send(r#"["ping"]"#);
        loop {
            let event = bob.event();
            if event == r#"["pong"]"# {
                break;
            }
            online &= !event.contains(r#""online":false"#);
        }
    }
    let end = server
        .log()
        .wait_for("its end", |line| line.contains(&local));
    assert!(end.contains("1008"), "{end}");
    // The other one still plays, and the choice that was made before stands.
    assert_eq!(bob.result_of(&uid), (1, 1, 1, Some(2)));
    // When it reads at last, it finds out why.
    let farewell = slow.farewell();
    assert_eq!(farewell.code, Some(1008));
    let last = farewell.texts.last().expect("texts before the end");
    assert!(last.starts_with(r#"["bye",{"code":1008,"#), "{last}");
}

#[test]
fn a_reset_in_mid_round_leaves_the_round_to_the_other_one() {
    side_by_side([Dialect::Plain, Dialect::Eio4], |dialect| {
        let server = Server::for_pairs(&[]);
        let [(mut ann, hi), (mut bob, other)] = play(&server, [dialect, Dialect::Plain]);
        ann.send(r#"["choice",{"choice":3}]"#);
        bob.until("movement");
        bob.send(r#"["choice",{"choice":2}]"#);
        ann.reset();
        until_online(&mut bob, &hi.uid, false);
        let result = bob.until("result");
        assert_eq!(row_of(&result, &hi.uid), (1, 1, 1, Some(3)));
        assert_eq!(row_of(&result, &other.uid), (0, 0, 0, Some(2)));
        assert_eq!(bob.until("leave")["uid"], hi.uid.as_str());
    });
}

#[test]
fn an_old_client_that_is_reset_in_mid_round_can_still_win() {
    side_by_side([Dialect::Plain, Dialect::Mini, Dialect::Eio4], |dialect| {
        let server = Server::for_pairs(&[]);
        let mut ann = Client::old(server.address(), dialect, "ann");
        let mut bob = Client::old(server.address(), Dialect::Eio3, "bob");
        for client in [&mut ann, &mut bob] {
            client.send(r#"["join"]"#);
        }
        for client in [&mut ann, &mut bob] {
            client.until("start");
        }
        ann.send(r#"["choice",{"choice":3}]"#);
        bob.until("movement");
        ann.reset();
        let result = bob.until("result");
        assert_eq!(row_of(&result, "ann"), (1, 1, 1, Some(3)));
        assert_eq!(row_of(&result, "bob"), (0, 0, 0, None));
        assert_eq!(bob.until("leave")["uid"], "ann");
    });
}

#[test]
fn resets_at_every_stage_of_a_connection_harm_nobody() {
    let server = Server::for_pairs(&["--game-time", "3s"]);
    let mut players = play(&server, [Dialect::Plain, Dialect::Eio4]);
    let pieces: [&[u8]; 6] = [
        b"",
        b"GET ",
        b"GET /healthz HTTP/1.1\r\nHost: e\r\n\r\n",
        b"GET /nothing HTTP/1.1\r\nHost: e\r\n\r\n",
        b"\x00\x01\x02",
        b"POST / HTTP/1.1\r\nHost: e\r\nContent-Length: 100000\r\n\r\n",
    ];
    for piece in pieces.iter().cycle().take(60) {
        let mut raw = Raw::connect(server.address());
        raw.send(piece);
        raw.reset();
    }
    for bytes in [
        &b""[..],
        &[0x81],
        &frame(0x01, b"["),
        &frame(0x81, br#"["join"]"#)[..7],
    ] {
        for dialect in Dialect::ALL {
            let mut raw = Raw::open(server.address(), &dialect.target());
            raw.send(bytes);
            raw.reset();
        }
    }
    let [(ann, hi), (bob, other)] = &mut players;
    ann.send(r#"["choice",{"choice":1}]"#);
    bob.send(r#"["choice",{"choice":3}]"#);
    assert_eq!(ann.result_of(&hi.uid), (1, 1, 1, Some(1)));
    assert_eq!(bob.result_of(&other.uid), (0, 0, 0, Some(3)));
}

#[test]
fn a_token_brings_a_lost_player_back_into_its_round() {
    side_by_side([Dialect::Plain, Dialect::Eio3, Dialect::Eio4], |dialect| {
        let server = Server::for_pairs(&["--game-time", "5s"]);
        let [(mut ann, hi), (mut bob, other)] = play(&server, [dialect, Dialect::Plain]);
        ann.send(r#"["choice",{"choice":2}]"#);
        bob.until("movement");
        ann.reset();
        until_online(&mut bob, &hi.uid, false);
        let (mut ann, again) = Client::resume(server.address(), dialect, &hi.session);
        let want = Hi {
            resumed: true,
            ..hi.clone()
        };
        assert_eq!(again, want);
        let room: serde_json::Value = serde_json::from_str(&ann.event()).expect("events are JSON");
        assert_eq!((&room[0], &room[1]["full"]), (&"room".into(), &true.into()));
        let start: serde_json::Value = serde_json::from_str(&ann.event()).expect("events are JSON");
        assert_eq!(start[0], "start");
        let left = start[1]["gameTime"].as_u64().expect("a whole number");
        assert!((1..=5).contains(&left), "{left} s are left of 5");
        let users = start[1]["roomUsers"].as_array().expect("users");
        let choice_of = |uid: &str| {
            let user = users.iter().find(|user| user["uid"] == uid);
            user.expect("both play")["choice"].as_u64()
        };
        assert_eq!(choice_of(&hi.uid), Some(2), "one's own choice is shown");
        assert_eq!(choice_of(&other.uid), None);
        until_online(&mut bob, &hi.uid, true);
        bob.send(r#"["choice",{"choice":1}]"#);
        assert_eq!(ann.result_of(&hi.uid), (1, 1, 1, Some(2)));
        assert_eq!(bob.result_of(&other.uid), (0, 0, 0, Some(1)));
    });
}

#[test]
fn a_token_shown_twice_takes_the_session_over() {
    side_by_side([Dialect::Plain, Dialect::Eio3, Dialect::Eio4], |dialect| {
        let server = Server::for_pairs(&["--game-time", "3s"]);
        let [(mut old, hi), (mut bob, other)] = play(&server, [dialect, Dialect::Plain]);
        old.send(r#"["choice",{"choice":1}]"#);
        bob.until("movement");
        let (mut new, again) = Client::resume(server.address(), dialect, &hi.session);
        assert!(again.resumed && again.uid == hi.uid);
        let (texts, code) = old.until_close();
        let prefix = dialect.prefix();
        let mut want = vec![format!(
            r#"{prefix}["bye",{{"code":4001,"reason":"taken-over"}}]"#
        )];
        if dialect != Dialect::Plain {
            want.push("41".into());
        }
        assert_eq!((texts, code), (want, Some(4001)), "{dialect:?}");
        new.until("start");
        new.send(r#"["choice",{"choice":2}]"#);
        bob.send(r#"["choice",{"choice":1}]"#);
        assert_eq!(new.result_of(&hi.uid), (1, 1, 1, Some(2)));
        assert_eq!(bob.result_of(&other.uid), (0, 0, 0, Some(1)));
        for client in [&mut new, &mut bob] {
            client.send(r#"["leave"]"#);
        }
        new.leave();
        bob.leave();
    });
}

#[test]
fn an_unknown_token_begins_a_fresh_session() {
    let server = Server::for_pairs(&[]);
    let (_, hi) = Client::v2(server.address(), Dialect::Plain, "Ann");
    let wrong = hi.session.chars().rev().collect::<String>();
    for token in ["", "x", wrong.as_str(), hi.uid.as_str()] {
        let (_, fresh) = Client::resume(server.address(), Dialect::Plain, token);
        assert!(!fresh.resumed, "{token:?}");
        assert!(fresh.uid != hi.uid && fresh.session != hi.session);
    }
}
