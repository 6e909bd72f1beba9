//! Packets and events that are malformed, huge, deep or ambiguous.

use crate::ground::{DIALECTS, Ground, open};
use crate::support::client::Dialect;
use crate::support::raw::{Raw, frame};

/// What becomes of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The connection is closed with this code.
    Closed(u16),
    /// `problem` with this code.
    Problem(&'static str),
    /// It is accepted: `hi` comes back.
    Hi,
    /// Nothing comes back.
    Silence,
}

use Fate::{Closed, Hi, Problem, Silence};

const BAD: Fate = Problem("bad-payload");

/// Says something on a new connection and looks at what comes of it.
#[track_caller]
fn check(ground: &mut Ground, what: &str, dialect: Dialect, text: &str, fate: Fate) {
    let mut raw = open(ground.address(), dialect);
    raw.say(text);
    check_fate(&mut raw, what, dialect, fate);
    ground.check();
}

#[track_caller]
fn check_fate(raw: &mut Raw, what: &str, dialect: Dialect, fate: Fate) {
    let prefix = dialect.prefix();
    let start = match fate {
        Closed(code) => {
            assert_eq!(raw.farewell().code, Some(code), "{what}, {dialect:?}");
            return;
        }
        Problem(code) => format!(r#"{prefix}["problem",{{"code":"{code}","#),
        Hi => format!(r#"{prefix}["hi",{{"message":"welcome","#),
        Silence => String::new(),
    };
    if fate != Silence {
        let text = raw.text();
        assert!(
            text.starts_with(&start),
            "{what}, {dialect:?}: {text} instead of {start}"
        );
    }
    // The connection lives, and nothing more came of it.
    raw.say(&format!(r#"{prefix}["dance"]"#));
    let text = raw.text();
    let alive = format!(r#"{prefix}["problem",{{"code":"unknown-event","#);
    assert!(text.starts_with(&alive), "{what}, {dialect:?}: {text}");
}

/// The same event in all dialects.
#[track_caller]
fn check_event(ground: &mut Ground, what: &str, event: &str, fate: Fate) {
    for dialect in DIALECTS {
        let text = format!("{}{event}", dialect.prefix());
        check(ground, what, dialect, &text, fate);
    }
}

fn nested(open: &str, inside: &str, close: &str, depth: usize) -> String {
    format!("{}{inside}{}", open.repeat(depth), close.repeat(depth))
}

#[test]
pub(crate) fn texts_that_are_no_event() {
    let mut ground = Ground::start(&[]);
    let deep = nested("[", "", "]", 2_000);
    let deep_half = "[".repeat(4_000);
    let deep_objects = format!("[{}]", nested("{\"a\":", "1", "}", 600));
    #[rustfmt::skip]
    let table = [
        ("nothing", ""), ("a space", " "), ("a NUL", "\0"), ("a byte order mark", "\u{feff}[\"join\"]"),
        ("arrays 2000 deep", &deep), ("4000 open brackets", &deep_half), ("objects 600 deep", &deep_objects),
        ("two events", "[\"leave\"][\"leave\"]"), ("a comment", "[\"leave\"]//x"),
        ("single quotes", "['leave']"), ("a name of nothing but NaN", "[NaN]"), ("infinity", "[\"face\",Infinity]"),
        ("minus infinity", "[\"face\",{\"face\":-Infinity}]"), ("a hexadecimal number", "[\"face\",{\"face\":0x1}]"),
        ("a number with a leading zero", "[\"face\",{\"face\":01}]"), ("a number with a plus", "[\"face\",{\"face\":+1}]"),
        ("an unfinished escape", "[\"\\u12\"]"), ("an unknown escape", "[\"\\x\"]"),
        ("a tab in a name", "[\"a\tb\"]"), ("undefined", "[\"leave\",undefined]"),
        ("a key without quotes", "[\"face\",{face:1}]"), ("a comma too many", "[\"face\",{\"face\":1,}]"),
        ("an object with a name", "{\"0\":\"join\"}"), ("true", "[true]"), ("a big number", "[1e999]"),
        ("coordinates of NaN", "[\"hello\",{\"user\":{\"uid\":\"a\"},\"cordinate\":{\"lat\":NaN,\"lng\":1}}]"),
        ("infinite coordinates in words", "[\"hello\",{\"user\":{\"uid\":\"a\"},\"cordinate\":{\"lat\":Infinity,\"lng\":1}}]"),
    ];
    for (what, text) in table {
        check_event(&mut ground, what, text, Closed(1008));
    }
    ground.finish();
}

#[test]
pub(crate) fn packets_that_are_malformed() {
    let mut ground = Ground::start(&[]);
    #[rustfmt::skip]
    let table = [
        ("an empty packet", "", Closed(1008)),
        ("an open packet", "0{\"sid\":\"x\"}", Closed(1008)),
        ("an upgrade", "5", Closed(1008)),
        ("a packet of a letter", "a", Closed(1008)),
        ("a packet of a sign", "-42[\"leave\"]", Closed(1008)),
        ("digits of another script", "\u{664}\u{662}[\"leave\"]", Closed(1008)),
        ("fullwidth digits", "\u{ff14}\u{ff12}[\"leave\"]", Closed(1008)),
        ("a message of nothing", "4", Closed(1008)),
        ("an error packet", "44{\"message\":\"x\"}", Closed(1008)),
        ("an event of nothing", "42", Closed(1008)),
        ("an acknowledgement number alone", "427", Closed(1008)),
        ("a negative acknowledgement number", "42-1[\"leave\"]", Closed(1008)),
        ("16 digits", "421234567890123456[\"leave\"]", Closed(1008)),
        ("4000 digits", &format!("42{}[\"leave\"]", "9".repeat(4_000)), Closed(1008)),
        ("a payload packet of EIO 3", "8:42[\"leave\"]", Closed(1008)),
        ("two packets in one, as in EIO 4", "42[\"leave\"]\u{1e}42[\"leave\"]", Closed(1008)),
        ("a binary event", "451-[\"face\",{\"_placeholder\":true,\"num\":0}]", Closed(1003)),
        ("a binary event of 2^64 parts", "4518446744073709551616-[\"face\"]", Closed(1003)),
        ("a binary event of -1 parts", "45-1-[\"face\"]", Closed(1003)),
        ("a binary event without parts", "450-[\"face\",{}]", Closed(1003)),
        ("a binary acknowledgement", "461-3[{\"_placeholder\":true,\"num\":0}]", Closed(1003)),
        ("base64", "b4AAAA", Closed(1003)),
        ("a placeholder in an event", "42[\"face\",{\"_placeholder\":true,\"num\":0}]", BAD),
        ("a placeholder for an event's name", "42[{\"_placeholder\":true,\"num\":0}]", Closed(1008)),
        ("an acknowledgement nobody asked for", "431[{\"ok\":true}]", Silence),
        ("an acknowledgement of garbage", "43]]]", Silence),
        ("a noop of garbage", "6]]]", Silence),
        ("a pong of garbage", "3]]]", Silence),
        ("an empty event name", "42[\"\"]", Problem("unknown-event")),
        ("an event for the default namespace", "42/,[\"\"]", Problem("unknown-event")),
    ];
    for dialect in [Dialect::Eio3, Dialect::Eio4] {
        for (what, text, fate) in table {
            check(&mut ground, what, dialect, text, fate);
        }
    }
    ground.finish();
}

#[test]
pub(crate) fn namespaces_that_do_not_exist_are_named_and_nothing_else() {
    let mut ground = Ground::start(&[]);
    let long = format!("/{}", "n".repeat(3_900));
    #[rustfmt::skip]
    let table = [
        ("40/admin,", "/admin"), ("40/admin?x=1,{}", "/admin"), ("42/admin,[\"leave\"]", "/admin"),
        ("42/__proto__,[\"leave\"]", "/__proto__"), ("42/\u{1f431},[]", "/\u{1f431}"),
        (&format!("40{long},"), &long),
    ];
    for (text, name) in table {
        for dialect in [Dialect::Eio3, Dialect::Eio4] {
            let mut raw = open(ground.address(), dialect);
            raw.say(text);
            let answer = raw.text();
            let want = match dialect {
                Dialect::Eio4 => format!("44{name},{{\"message\":\"Invalid namespace\"}}"),
                _ => format!("44{name},\"Invalid namespace\""),
            };
            assert_eq!(answer, want);
            ground.check();
        }
    }
    ground.finish();
}

#[test]
pub(crate) fn payloads_that_are_not_what_their_event_needs() {
    let mut ground = Ground::start(&[]);
    let deep = |depth| format!("[\"face\",{{\"face\":{}}}]", nested("[", "1", "]", depth));
    let (deep_100, deep_1900) = (deep(100), deep(1_900));
    let digits = format!("[\"face\",{{\"face\":{}}}]", "9".repeat(4_000));
    let fraction = format!("[\"face\",{{\"face\":1.{}}}]", "0".repeat(4_000));
    #[rustfmt::skip]
    let table = [
        ("no payload", "[\"face\"]", BAD), ("null", "[\"face\",null]", BAD), ("a text", "[\"face\",\"1\"]", BAD),
        ("a number", "[\"choice\",1]", BAD), ("an array", "[\"choice\",[1]]", BAD), ("an empty object", "[\"choice\",{}]", BAD),
        ("choice null", "[\"choice\",{\"choice\":null}]", BAD), ("choice true", "[\"choice\",{\"choice\":true}]", BAD),
        ("choice in words", "[\"choice\",{\"choice\":\"one\"}]", BAD), ("choice in an array", "[\"choice\",{\"choice\":[1]}]", BAD),
        ("choice 0", "[\"choice\",{\"choice\":0}]", BAD), ("choice 4", "[\"choice\",{\"choice\":4}]", BAD),
        ("choice 99, which won once", "[\"choice\",{\"choice\":99}]", BAD), ("choice -1", "[\"choice\",{\"choice\":-1}]", BAD),
        ("choice 1.5", "[\"choice\",{\"choice\":1.5}]", BAD), ("choice 1e999", "[\"choice\",{\"choice\":1e999}]", BAD),
        ("choice 2^32 + 1", "[\"choice\",{\"choice\":4294967297}]", BAD), ("choice 2^64 + 1", "[\"choice\",{\"choice\":18446744073709551617}]", BAD),
        ("choice twice, the second time none", "[\"choice\",{\"choice\":1,\"choice\":9}]", BAD),
        ("choice twice, once in disguise", "[\"choice\",{\"choice\":1,\"\\u0063hoice\":9}]", BAD),
        ("face 2^32", "[\"face\",{\"face\":4294967296}]", BAD), ("face -1", "[\"face\",{\"face\":-1}]", BAD),
        ("face of 4000 digits", &digits, BAD), ("face of 4000 digits behind the point", &fraction, Silence),
        ("face 1e400", "[\"face\",{\"face\":1e400}]", BAD), ("face -1e400", "[\"face\",{\"face\":-1e400}]", BAD),
        ("face 100 deep", &deep_100, BAD), ("face 1900 deep", &deep_1900, BAD),
        ("hello with a number", "[\"hello\",7]", BAD), ("no user", "[\"hello\",{}]", BAD), ("user null", "[\"hello\",{\"user\":null}]", BAD),
        ("user an array", "[\"hello\",{\"user\":[]}]", BAD), ("user twice, the second time none", "[\"hello\",{\"user\":{\"uid\":\"a\"},\"user\":null}]", BAD),
        ("uid twice, the second time empty", "[\"hello\",{\"user\":{\"uid\":\"a\",\"uid\":\"\"}}]", BAD), ("no uid", "[\"hello\",{\"user\":{}}]", BAD),
        ("uid empty", "[\"hello\",{\"user\":{\"uid\":\"\"}}]", BAD), ("uid 1e400", "[\"hello\",{\"user\":{\"uid\":1e400}}]", BAD),
        ("uid with a line's end", "[\"hello\",{\"user\":{\"uid\":\"a\\nb\"}}]", BAD), ("uid with NUL", "[\"hello\",{\"user\":{\"uid\":\"a\\u0000\"}}]", BAD),
        ("uid with U+2028", "[\"hello\",{\"user\":{\"uid\":\"a\u{2028}\"}}]", BAD),
        ("half an escape", "[\"hello\",{\"user\":{\"uid\":\"a\",\"uname\":\"\\ud83\"}}]", Closed(1008)),
        ("a lone surrogate for a name", "[\"\\udc00\"]", Problem("unknown-event")),
        ("an event of that name in capitals", "[\"HELLO\",{\"user\":{\"uid\":\"a\"}}]", Problem("unknown-event")),
        ("an event of JavaScript's", "[\"__proto__\",{}]", Problem("unknown-event")),
        ("an event of Socket.IO's", "[\"disconnect\",\"x\"]", Problem("unknown-event")),
        ("an event of the server's", "[\"result\",{\"result\":[]}]", Problem("unknown-event")),
    ];
    for (what, event, fate) in table {
        check_event(&mut ground, what, event, fate);
    }
    ground.finish();
}

#[test]
pub(crate) fn greetings_that_are_strange_and_welcome() {
    let mut ground = Ground::start(&[]);
    let hello = |inside: &str| format!("[\"hello\",{{\"user\":{{\"uid\":\"a\",{inside}}}}}]");
    let long = "剪".repeat(1_300);
    let control = "\\u0000\\u001b[2J\\n\\u2028".repeat(100);
    #[rustfmt::skip]
    let table = [
        ("a name of 4 KiB", hello(&format!("\"uname\":\"{long}\""))),
        ("a name of control characters", hello(&format!("\"uname\":\"{control}\""))),
        ("an avatar of 4 KiB", hello(&format!("\"uavatar\":\"https://{long}\""))),
        ("an avatar that runs", hello("\"uavatar\":\"javascript:alert(1)\"")),
        ("__proto__", hello("\"__proto__\":{\"uid\":\"b\",\"admin\":true}")),
        ("constructor", hello("\"constructor\":{\"prototype\":{\"x\":1}}")),
        ("a name and an avatar of null", hello("\"uname\":null,\"uavatar\":null")),
        ("__proto__ beside the user", "[\"hello\",{\"__proto__\":{\"v\":2},\"user\":{\"uid\":\"a\"}}]".into()),
        ("infinite coordinates", "[\"hello\",{\"user\":{\"uid\":\"a\"},\"cordinate\":{\"lat\":1e999,\"lng\":-1e999}}]".into()),
        ("coordinates of 300 digits", format!("[\"hello\",{{\"user\":{{\"uid\":\"a\"}},\"cordinate\":{{\"lat\":{}}}}}]", "9".repeat(300))),
        ("coordinates that are none", "[\"hello\",{\"user\":{\"uid\":\"a\"},\"cordinate\":\"here\"}]".into()),
        ("a surplus item", "[\"hello\",{\"user\":{\"uid\":\"a\"}},{\"user\":{\"uid\":\"b\"}}]".into()),
        ("spaces", "  [ \"hello\" , { \"user\" : { \"uid\" : \"a\" } } ]  ".into()),
        ("uid a number", "[\"hello\",{\"user\":{\"uid\":7}}]".into()),
        ("uid twice", "[\"hello\",{\"user\":{\"uid\":\"a\",\"uid\":\"b\"}}]".into()),
        ("uid a lone surrogate", "[\"hello\",{\"user\":{\"uid\":\"\\ud800\"}}]".into()),
        ("uid surrogates the wrong way round", "[\"hello\",{\"user\":{\"uid\":\"\\udc31\\ud83d\"}}]".into()),
        ("name a lone surrogate", hello("\"uname\":\"\\udfff\"")),
        ("a name and an avatar of other types", hello("\"uname\":[1],\"uavatar\":{}")),
        ("a version that is a text", "[\"hello\",{\"user\":{\"uid\":\"a\"},\"v\":\"1.0.2\",\"session\":7}]".into()),
        ("escapes everywhere", "[\"\\u0068ello\",{\"\\u0075ser\":{\"\\u0075id\":\"\\u0061\"}}]".into()),
    ];
    for (what, event) in table {
        check_event(&mut ground, what, event.trim_start(), Hi);
    }
    ground.finish();
}

/// What one client says about itself reaches another one only as what it may be.
#[test]
pub(crate) fn what_an_opponent_is_told_is_clean() {
    let ground = Ground::start(&["--max-queue", "64k"]);
    let strange = "a\\u0000\\u001b\\u2028\\u2029\\u007f\\u202e\\u2066\\ud83d\\udc31".to_owned()
        + &"剪".repeat(1_000);
    let mut players = DIALECTS.map(|dialect| (open(ground.address(), dialect), dialect));
    for (number, (raw, dialect)) in players.iter_mut().take(2).enumerate() {
        let prefix = dialect.prefix();
        raw.say(&format!(
            "{prefix}[\"hello\",{{\"user\":{{\"uid\":\"x{number}\",\"uname\":\"{strange}\",\
             \"uavatar\":\"javascript:x\",\"__proto__\":{{\"a\":1}},\"isAdmin\":true}}}}]"
        ));
        assert!(raw.text().contains("\"hi\""));
        raw.say(&format!("{prefix}[\"join\"]"));
        if number == 0 {
            // It waits before the other one comes, whatever carries the two.
            raw.send(&frame(0x89, b""));
            assert_eq!(raw.frame().first, 0x8a);
        }
    }
    let want = r#"["start",{"gameTime":2,"roomUsers":[{"uid":"x0","uname":"NAME","uavatar":"","choice":null,"roundScore":0,"totalScore":0,"winStreak":0},{"uid":"x1","uname":"NAME","uavatar":"","choice":null,"roundScore":0,"totalScore":0,"winStreak":0}]}]"#;
    // 64 bytes: a letter, a cat, and as many whole characters of three bytes as fit.
    let name = format!("a\u{1f431}{}", "剪".repeat(19));
    for (raw, dialect) in players.iter_mut().take(2) {
        raw.hear(&format!(
            "{}{}",
            dialect.prefix(),
            want.replace("NAME", &name)
        ));
    }
    drop(players);
    ground.finish();
}

#[test]
pub(crate) fn before_its_connect_packet_a_socket_io_4_client_may_say_nothing_else() {
    let mut ground = Ground::start(&[]);
    for text in ["42[\"join\"]", "421[\"join\"]", "42[\"hello\",{}]", "42"] {
        let mut raw = Raw::open(ground.address(), &Dialect::Eio4.target());
        assert!(raw.text().starts_with("0{"));
        raw.say(text);
        assert_eq!(raw.farewell().code, Some(1008), "{text}");
        ground.check();
    }
    for auth in [
        "40{",
        "40[",
        "40]",
        "40{}x",
        "40\"",
        "40NaN",
        "40{\"a\":\"\\ud8\"}",
    ] {
        let mut raw = Raw::open(ground.address(), &Dialect::Eio4.target());
        assert!(raw.text().starts_with("0{"));
        raw.say(auth);
        assert_eq!(raw.farewell().code, Some(1008), "{auth}");
        ground.check();
    }
    ground.finish();
}

#[test]
pub(crate) fn binary_frames_end_a_connection_of_any_dialect() {
    let mut ground = Ground::start(&[]);
    for dialect in DIALECTS {
        for payload in [
            b"".as_slice(),
            b"\x04[\"join\"]",
            b"\x80abc",
            &[0xff; 4_096],
        ] {
            let mut raw = open(ground.address(), dialect);
            raw.send(&frame(0x82, payload));
            assert_eq!(raw.farewell().code, Some(1003), "{dialect:?}");
            ground.check();
        }
    }
    ground.finish();
}
