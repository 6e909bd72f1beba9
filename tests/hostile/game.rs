//! The game's own events at the wrong time, in the wrong name, and far too often.

use serde_json::Value;

use crate::ground::Ground;
use crate::support::client::{Client, Dialect, Hi};

/// Where a player stands when an event comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Connected, without a word.
    Silent,
    /// After `hello`.
    Named,
    /// In the lobby.
    Waiting,
    /// In a private room, alone.
    Alone,
    /// In a round.
    Playing,
    /// After a result.
    Finished,
    /// After `leave` in a round.
    Left,
}

const STATES: [State; 7] = [
    State::Silent,
    State::Named,
    State::Waiting,
    State::Alone,
    State::Playing,
    State::Finished,
    State::Left,
];

/// A player in a state, and the one it needs for that.
struct Cast {
    eve: Client,
    other: Option<Client>,
}

/// Nobody but these two may wait in the lobby.
fn cast(ground: &Ground, state: State, v2: bool) -> Cast {
    let address = ground.address();
    let mut eve = Client::open(address, Dialect::Eio3);
    if state == State::Silent {
        return Cast { eve, other: None };
    }
    let v = if v2 { r#","v":2"# } else { "" };
    eve.send(&format!(
        r#"["hello",{{"user":{{"uid":"eve","uname":"Eve"}}{v}}}]"#
    ));
    eve.until("hi");
    let mut other = None;
    match state {
        State::Silent | State::Named => (),
        State::Waiting => eve.send(r#"["join"]"#),
        State::Alone => eve.send(r#"["join",{"room":"new"}]"#),
        State::Playing | State::Finished | State::Left => {
            let (mut partner, _) = Client::v2(address, Dialect::Plain, "other");
            eve.send(r#"["join"]"#);
            partner.send(r#"["join"]"#);
            eve.until("start");
            partner.until("start");
            match state {
                State::Finished => drop(eve.until("result")),
                State::Left => eve.send(r#"["leave"]"#),
                _ => (),
            }
            other = Some(partner);
        }
    }
    Cast { eve, other }
}

/// Asks for an acknowledgement and returns what it says.
#[track_caller]
fn answer(client: &mut Client, event: &str) -> String {
    client.send_text(&format!("427{event}"));
    loop {
        let text = client.text();
        if let Some(answer) = text.strip_prefix("437[") {
            let answer: Value = serde_json::from_str(answer.trim_end_matches(']')).expect("JSON");
            assert_eq!(answer["ok"].as_bool(), Some(answer.get("code").is_none()));
            return answer["code"].as_str().unwrap_or("ok").to_owned();
        }
    }
}

#[test]
pub(crate) fn every_event_in_every_state() {
    const OK: &str = "ok";
    const NOT: &str = "not-playing";
    const BUSY: &str = "already-playing";
    const BAD: &str = "bad-payload";
    const GONE: &str = "room-unknown";
    const WHAT: &str = "unknown-event";
    let hello = r#"["hello",{"user":{"uid":"eve2","uname":"Eve"}}]"#;
    #[rustfmt::skip]
    let old = [
        // Event,                                  silent, named, waiting, alone, playing, finished, left
        (hello,                                     [OK,   OK,    OK,      OK,    OK,      OK,       OK]),
        (r#"["hello"]"#,                            [BAD,  BAD,   BAD,     BAD,   BAD,     BAD,      BAD]),
        (r#"["join"]"#,                             [OK,   OK,    OK,      OK,    BUSY,    OK,       OK]),
        (r#"["join",{"room":"K7M2QX"}]"#,           [OK,   OK,    OK,      OK,    BUSY,    OK,       OK]),
        (r#"["join",{"new":true}]"#,                [OK,   OK,    OK,      OK,    BUSY,    OK,       OK]),
        (r#"["join",{"new":1}]"#,                   [OK,   OK,    OK,      OK,    BUSY,    OK,       OK]),
        (r#"["face",{"face":1}]"#,                  [NOT,  NOT,   NOT,     NOT,   OK,      NOT,      NOT]),
        (r#"["face",{"face":-1}]"#,                 [BAD,  BAD,   BAD,     BAD,   BAD,     BAD,      BAD]),
        (r#"["choice",{"choice":1}]"#,              [NOT,  NOT,   NOT,     NOT,   OK,      NOT,      NOT]),
        (r#"["choice",{"choice":0}]"#,              [BAD,  BAD,   BAD,     BAD,   BAD,     BAD,      BAD]),
        (r#"["leave"]"#,                            [OK,   OK,    OK,      OK,    OK,      OK,       OK]),
        (r#"["away"]"#,                             [WHAT, WHAT,  WHAT,    WHAT,  WHAT,    WHAT,     WHAT]),
        (r#"["ping"]"#,                             [WHAT, WHAT,  WHAT,    WHAT,  WHAT,    WHAT,     WHAT]),
        (r#"["start",{"gameTime":1}]"#,             [WHAT, WHAT,  WHAT,    WHAT,  WHAT,    WHAT,     WHAT]),
    ];
    #[rustfmt::skip]
    let v2 = [
        // Event,                                  silent, named, waiting, alone, playing, finished, left
        (hello,                                     [OK,   OK,    OK,      OK,    OK,      OK,       OK]),
        (r#"["join"]"#,                             [OK,   OK,    OK,      OK,    BUSY,    OK,       OK]),
        (r#"["join",{"room":"K7M2QX"}]"#,           [OK,   GONE,  GONE,    GONE,  BUSY,    GONE,     GONE]),
        (r#"["join",{"room":"../../"}]"#,           [OK,   GONE,  GONE,    GONE,  BUSY,    GONE,     GONE]),
        (r#"["join",{"room":"new","new":true}]"#,   [OK,   BAD,   BAD,     BAD,   BAD,     BAD,      BAD]),
        (r#"["join",{"new":true}]"#,                [OK,   OK,    OK,      OK,    BUSY,    OK,       OK]),
        (r#"["join",{"room":"new"}]"#,              [OK,   OK,    OK,      OK,    BUSY,    OK,       OK]),
        (r#"["face",{"face":1}]"#,                  [NOT,  NOT,   NOT,     NOT,   OK,      OK,       NOT]),
        (r#"["choice",{"choice":1}]"#,              [NOT,  NOT,   NOT,     NOT,   OK,      NOT,      NOT]),
        (r#"["leave"]"#,                            [OK,   OK,    OK,      OK,    OK,      OK,       OK]),
        (r#"["away"]"#,                             [WHAT, OK,    OK,      OK,    OK,      OK,       OK]),
        (r#"["result",{"result":[]}]"#,             [WHAT, WHAT,  WHAT,    WHAT,  WHAT,    WHAT,     WHAT]),
    ];
    let mut ground = Ground::start(&["--game-time", "1s"]);
    for (generation, table) in [(false, old.as_slice()), (true, v2.as_slice())] {
        for (event, answers) in table {
            for (state, want) in STATES.into_iter().zip(answers) {
                if !generation && state == State::Alone {
                    continue;
                }
                let mut cast = cast(&ground, state, generation);
                let got = answer(&mut cast.eve, event);
                assert_eq!(got, *want, "{event}, {state:?}, v2 {generation}");
                // In the lobby and in rooms it leaves nothing behind for the next case.
                cast.eve.send(r#"["leave"]"#);
                answer(&mut cast.eve, r#"["leave"]"#);
                if let Some(mut other) = cast.other {
                    other.send(r#"["leave"]"#);
                    other.send(r#"["ping"]"#);
                    other.until("pong");
                }
                ground.check();
            }
        }
    }
    ground.finish();
}

#[test]
pub(crate) fn tokens_are_not_guessed() {
    let mut ground = Ground::start(&[]);
    let address = ground.address();
    let (mut ann, hi) = Client::v2(address, Dialect::Plain, "Ann");
    let token = &hi.session;
    assert!(token.len() >= 20, "{token}");
    let (first, last) = (token.get(1..), token.get(..token.len() - 1));
    let flipped: String = token
        .chars()
        .map(|letter| match letter {
            'a'..='z' => letter.to_ascii_uppercase(),
            _ => letter.to_ascii_lowercase(),
        })
        .collect();
    let mut guesses: Vec<String> = vec![
        String::new(),
        hi.uid.clone(),
        first.expect("ASCII").into(),
        last.expect("ASCII").into(),
        format!("{token} "),
        format!(" {token}"),
        format!("{token}{token}"),
        format!("{token}\\u0000"),
        flipped,
        "%".into(),
        "*".into(),
        "null".into(),
        "../session".into(),
        "' or 1=1 --".into(),
        "x".repeat(3_000),
    ];
    // One letter wrong, at every place.
    for place in 0..token.len() {
        let mut guess = token.clone().into_bytes();
        guess[place] = if guess[place] == b'A' { b'B' } else { b'A' };
        guesses.push(String::from_utf8(guess).expect("ASCII"));
    }
    for guess in guesses {
        let (_, other) = Client::resume(address, Dialect::Plain, &guess);
        assert!(!other.resumed, "{guess}");
        assert_ne!(other.uid, hi.uid, "{guess}");
        assert_ne!(&other.session, token, "{guess}");
    }
    for strange in ["null", "7", "true", "[]", "{}"] {
        let mut client = Client::open(address, Dialect::Plain);
        client.send(&format!(
            r#"["hello",{{"user":{{}},"v":2,"session":{strange}}}]"#
        ));
        let event = client.event();
        let fresh = event.contains(r#""resumed":false"#) && !event.contains(token.as_str());
        assert!(fresh || event.contains("bad-payload"), "{event}");
    }
    ground.check();
    // The one whose token it is has noticed nothing.
    ann.send(r#"["ping"]"#);
    assert_eq!(ann.event(), r#"["pong"]"#);
    drop(ann);
    ground.finish();
}

#[test]
pub(crate) fn a_stolen_token_is_worth_one_connection_and_the_owner_is_told() {
    let mut ground = Ground::start(&[]);
    let (mut owner, hi) = Client::v2(ground.address(), Dialect::Eio4, "Owner");
    for _ in 0..50 {
        let (thief, stolen) = Client::resume(ground.address(), Dialect::Plain, &hi.session);
        assert_eq!(
            (stolen.resumed, &stolen.uid),
            (true, &hi.uid),
            "whoever has the token is the player"
        );
        let (texts, code) = owner.until_close();
        assert_eq!(code, Some(4001));
        let last = texts.last().expect("texts");
        assert!(last == "41" || last.contains("taken-over"), "{texts:?}");
        owner = thief;
        ground.check();
    }
    drop(owner);
    ground.finish();
}

#[test]
pub(crate) fn another_one_s_uid_brings_nothing() {
    let mut ground = Ground::start(&["--game-time", "3s"]);
    let address = ground.address();
    // A v2 player wins a round, so that it has something to be stolen.
    let play = |winner: &mut Client, hi: &Hi| {
        let mut loser = Client::old(address, Dialect::Plain, "loser");
        winner.send(r#"["join"]"#);
        loser.send(r#"["join"]"#);
        winner.until("start");
        winner.send(r#"["choice",{"choice":1}]"#);
        winner.result_of(&hi.uid)
    };
    let (mut ann, hi) = Client::v2(address, Dialect::Plain, "Ann");
    assert_eq!(play(&mut ann, &hi), (1, 1, 1, Some(1)));
    ann.send(r#"["leave"]"#);
    let uid = &hi.uid;
    // As an old client, as a v2 one, and as a v2 one that shows a uid instead of a token.
    let mut thief = Client::old(address, Dialect::Plain, uid);
    let mut loser = Client::old(address, Dialect::Plain, "loser");
    thief.send(r#"["join"]"#);
    loser.send(r#"["join"]"#);
    thief.until("start");
    loser.until("start");
    let want = (0, 0, 0, None);
    assert_eq!(thief.result_of(uid), want, "an old client has no past");
    for session in ["", &format!(r#","session":"{uid}""#)] {
        let mut client = Client::open(address, Dialect::Plain);
        client.send(&format!(
            r#"["hello",{{"user":{{"uid":"{uid}","uname":"Ann"}},"v":2{session}}}]"#
        ));
        let other = client.hi();
        assert_ne!(&other.uid, uid);
        assert_eq!((other.resumed, other.total), (false, 0));
    }
    ground.check();
    let (ann, again) = Client::resume(address, Dialect::Plain, &hi.session);
    assert_eq!((again.resumed, again.total, again.streak), (true, 1, 1));
    drop((ann, thief, loser));
    ground.finish();
}

#[test]
pub(crate) fn room_codes_are_not_guessed_for_long() {
    let mut ground = Ground::start(&[]);
    let (mut eve, _) = Client::v2(ground.address(), Dialect::Eio3, "Eve");
    let codes: Vec<_> = (0..40)
        .map(|number| {
            let event = format!(r#"["join",{{"room":"AAAA{number:02}"}}]"#);
            answer(&mut eve, &event)
        })
        .collect();
    assert!(codes.iter().take(10).all(|code| code == "room-unknown"));
    assert!(
        codes.iter().skip(10).all(|code| code == "too-fast"),
        "{codes:?}"
    );
    // The own place in the lobby is not touched by that.
    assert_eq!(answer(&mut eve, r#"["join"]"#), "ok");
    ground.check();
    drop(eve);
    ground.finish();
}

#[test]
pub(crate) fn room_codes_are_not_guessed_over_new_connections_either() {
    let mut ground = Ground::start(&["--trusted-proxy", "none"]);
    for number in 0..40 {
        let dialect = [Dialect::Eio3, Dialect::Eio4][number % 2];
        let (mut eve, _) = Client::v2(ground.address(), dialect, "Eve");
        let event = format!(r#"["join",{{"room":"AAAA{number:02}"}}]"#);
        let want = if number < 10 {
            "room-unknown"
        } else {
            "too-fast"
        };
        assert_eq!(answer(&mut eve, &event), want, "{number}");
    }
    ground.check();
    ground.finish();
}

#[test]
pub(crate) fn throw_away_greetings_erase_nobodys_score() {
    const HELLO: &str = r#"["hello",{"user":{"uname":"Eve"},"v":2}]"#;
    #[rustfmt::skip]
    let flags = [
        "--trusted-proxy", "none", "--game-time", "3s",
        "--max-sessions", "100", "--max-connections", "100",
    ];
    let mut ground = Ground::start(&flags);
    let address = ground.address();
    let (mut ann, hi) = Client::v2(address, Dialect::Plain, "Ann");
    let mut loser = Client::old(address, Dialect::Plain, "loser");
    ann.send(r#"["join"]"#);
    loser.send(r#"["join"]"#);
    ann.until("start");
    ann.send(r#"["choice",{"choice":1}]"#);
    assert_eq!(ann.result_of(&hi.uid), (1, 1, 1, Some(1)));
    drop((ann, loser));
    let mut greeted = 0;
    let (texts, code) = loop {
        assert!(
            greeted < 5_000,
            "an address begins as many sessions as it likes"
        );
        let mut eve = Client::open(address, Dialect::ALL[greeted % 4]);
        eve.send(HELLO);
        let event = eve.event();
        if event.starts_with(r#"["bye""#) {
            let (_, code) = eve.until_close();
            break (event, code);
        }
        assert!(event.contains(r#""resumed":false"#), "{event}");
        greeted += 1;
        if greeted % 50 == 0 {
            ground.check();
        }
    };
    assert!(200 < greeted, "thrice as many as there may be: {greeted}");
    let bye: Value = serde_json::from_str(&texts).expect("JSON");
    assert_eq!(bye[1]["reason"], "too-fast");
    assert!(bye[1]["retry_ms"].is_u64(), "{bye}");
    assert_eq!(code, Some(1008));
    // She comes back to her score, also from an address that has had enough newcomers.
    let (ann, again) = Client::resume(address, Dialect::Plain, &hi.session);
    assert_eq!((again.resumed, again.total, again.streak), (true, 1, 1));
    drop(ann);
    ground.finish();
}

#[test]
pub(crate) fn ten_thousand_joins_and_leaves() {
    let mut ground = Ground::start(&["--max-queue", "1M"]);
    let before = ground.server().resident_kib();
    let rows = [
        r#"["join"]"#,
        r#"["join",{"room":"new"}]"#,
        r#"["join",{"new":true}]"#,
    ];
    for join in rows {
        let (mut eve, _) = Client::v2(ground.address(), Dialect::Plain, "Eve");
        for number in 0..10_000 {
            eve.send(join);
            eve.send(r#"["leave"]"#);
            if number % 500 == 499 {
                eve.send(r#"["ping"]"#);
                eve.until("pong");
                ground.check();
            }
        }
        eve.leave();
    }
    let after = ground.server().resident_kib();
    assert!(after < before + 8 * 1024, "{before} KiB, then {after} KiB");
    ground.finish();
}

#[test]
pub(crate) fn ten_thousand_greetings_and_players() {
    let mut ground = Ground::start(&["--max-sessions", "100", "--max-connections", "100"]);
    let mut eve = Client::open(ground.address(), Dialect::Plain);
    for number in 0..10_000 {
        eve.hello(&format!("eve{number}"));
        eve.until("hi");
    }
    ground.check();
    drop(eve);
    ground.settle();
    let before = ground.server().resident_kib();
    // Each leaves a session behind, of which a hundred are kept.
    for _ in 0..1_000 {
        let (eve, _) = Client::v2(ground.address(), Dialect::Plain, "Eve");
        drop(eve);
    }
    ground.check();
    let after = ground.server().resident_kib();
    assert!(after < before + 4 * 1024, "{before} KiB, then {after} KiB");
    ground.finish();
}
