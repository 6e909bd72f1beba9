//! Section 5, limits: what is counted for all connections of one origin together.

use roshambo::hub::{Dialect, Input};
use roshambo::model::ConnId;

use crate::common::{Act, Bench, Deed};
use crate::play::{config, play_with};
use roshambo::config::Config;

/// New sessions of one origin in a minute.
const NEWCOMERS: usize = 300;

const DIALECTS: [Dialect; 3] = [Dialect::Plain, Dialect::Eio3, Dialect::Eio4];

/// What stands in a text behind `key`, up to the next quotation mark.
#[track_caller]
pub(crate) fn word(deeds: &[Deed], key: &str) -> String {
    let find = |deed: &Deed| match &deed.act {
        Act::Text(text) => Some(text.split_once(key)?.1.split('"').next()?.to_owned()),
        _ => None,
    };
    let found = deeds.iter().rev().find_map(find);
    found.unwrap_or_else(|| panic!("no {key} in {deeds:?}"))
}

/// Opens a connection and says a `hello`; returns what came of it.
fn greet(
    bench: &mut Bench,
    dialect: Dialect,
    from: Option<u64>,
    hello: &str,
) -> (ConnId, Vec<Deed>) {
    let conn = bench.open_from(dialect, from);
    if dialect == Dialect::Eio4 {
        bench.tell(Input::Text { conn, text: "40" });
    }
    bench.take_deeds();
    let text = format!("{}{hello}", dialect.event_prefix());
    bench.tell(Input::Text { conn, text: &text });
    (conn, bench.take_deeds())
}

const V2: &str = r#"["hello",{"user":{"uname":"V"},"v":2}]"#;
const OLD: &str = r#"["hello",{"user":{"uid":"old","uname":"Old"}}]"#;

/// As many new sessions as an origin may have; all of them are lost again.
#[track_caller]
fn crowd(bench: &mut Bench, from: u64, count: usize) -> String {
    let mut token = String::new();
    for number in 0..count {
        let (conn, deeds) = greet(bench, DIALECTS[number % 3], Some(from), V2);
        token = word(&deeds, r#""session":""#);
        bench.tell(Input::Closed { conn });
    }
    token
}

fn texts(deeds: &[Deed]) -> Vec<&str> {
    let mut texts = Vec::new();
    for deed in deeds {
        if let Act::Text(text) = &deed.act {
            texts.push(text.as_str());
        }
    }
    texts
}

#[test]
fn wrong_codes_count_for_all_connections_of_an_origin() {
    let wrong = |at: u64, who: char, count: usize| {
        let line =
            format!("{at} {who} > join room AAAAAA\n{at} {who} < problem room-unknown join\n");
        line.repeat(count)
    };
    let patient = config(|config| config.ping_interval_ms = 600_000);
    let transcript = format!(
        "
    0 h enter plain@9 H v2
    0 h > join room new
    0 h < room 1 H:ro code=<code>
 1000 a enter plain@7 A v2
{}
 1000 a lost
 2000 b enter eio3@7 B v2
{}
 3000 c enter eio4@7 C v2
 3000 c > join room AAAAAA
 3000 c < problem too-fast join
 3000 b > join room <code>
 3000 b < problem too-fast join
 4000 d enter plain@8 D v2
{}
 5000 e enter plain E v2
{}
 5000 e > join room AAAAAA
 5000 e < problem too-fast join
 5000 f enter plain F v2
{}
60999 b > join room <code>
60999 b < problem too-fast join
61000 b > join room <code>
61000 h < room 1 H:ro B:ro code=<code>
61000 b < room 1 H:ro B:ro code=<code>
61000 hb < start 3 H 0/0 B 0/0
        ",
        wrong(1_000, 'a', 6),
        wrong(2_000, 'b', 4),
        wrong(4_000, 'd', 10),
        wrong(5_000, 'e', 10),
        wrong(5_000, 'f', 1),
    );
    play_with(patient, &transcript);
}

#[test]
fn a_new_session_too_many_is_told_when_to_come_back() {
    for dialect in DIALECTS {
        let mut bench = Bench::new(Config::default());
        bench.advance(1_000, true);
        crowd(&mut bench, 7, NEWCOMERS);
        bench.advance(21_000, true);
        let (conn, deeds) = greet(&mut bench, dialect, Some(7), V2);
        let [bye] = texts(&deeds)[..] else {
            panic!("{deeds:?}")
        };
        let prefix = dialect.event_prefix();
        let begin = format!(r#"{prefix}["bye",{{"code":1008,"reason":"too-fast","retry_ms":"#);
        let retry_ms = bye
            .strip_prefix(&begin)
            .and_then(|rest| rest.strip_suffix("}]"));
        let retry_ms: u64 = retry_ms.and_then(|ms| ms.parse().ok()).expect(bye);
        // The rest of the minute, and up to --drain-spread more.
        assert!((40_000..=45_000).contains(&retry_ms), "{bye}");
        // No `41`, which would mean to stay away.
        let close = deeds.last().map(|deed| (deed.conn, deed.act.clone()));
        assert_eq!(close, Some((conn, Act::Close(1008))));
        bench.tell(Input::Text { conn, text: V2 });
        assert_eq!(bench.take_deeds(), []);
        let counters = bench.hub().counters();
        assert_eq!((counters.refused_newcomers, counters.faults), (1, 0));
        assert_eq!(counters.open, [[0; 3]; 3], "nobody is left");
        // Others come in all the while, and so does everybody when it is time.
        crowd(&mut bench, 8, 1);
        bench.advance(21_000 + retry_ms, true);
        crowd(&mut bench, 7, NEWCOMERS);
    }
}

#[test]
fn the_acknowledgement_of_a_refused_greeting_comes_first() {
    let mut bench = Bench::new(Config::default());
    crowd(&mut bench, 7, NEWCOMERS);
    let conn = bench.open_from(Dialect::Eio3, Some(7));
    bench.take_deeds();
    let text = format!("427{V2}");
    bench.tell(Input::Text { conn, text: &text });
    let deeds = bench.take_deeds();
    let [ack, bye] = texts(&deeds)[..] else {
        panic!("{deeds:?}")
    };
    assert!(
        ack.starts_with(r#"437[{"ok":false,"code":"too-fast""#),
        "{ack}"
    );
    assert!(bye.starts_with(r#"42["bye",{"code":1008"#), "{bye}");
}

#[test]
fn unknown_tokens_count_and_known_ones_do_not() {
    // A session that is taken up so often is held to the rate limit, else.
    let mut bench = Bench::new(config(|config| config.rate_limit = 0));
    let unknown = r#"["hello",{"user":{},"v":2,"session":"AAAAAAAAAAAAAAAAAAAAAAAA"}]"#;
    for _ in 0..NEWCOMERS / 2 {
        let (_, deeds) = greet(&mut bench, Dialect::Plain, Some(7), unknown);
        assert!(texts(&deeds)[0].contains(r#""resumed":false"#));
    }
    let token = crowd(&mut bench, 7, NEWCOMERS / 2);
    let (_, deeds) = greet(&mut bench, Dialect::Plain, Some(7), unknown);
    assert!(texts(&deeds)[0].contains("too-fast"), "{deeds:?}");
    let known = unknown.replace("AAAAAAAAAAAAAAAAAAAAAAAA", &token);
    for _ in 0..2 * NEWCOMERS {
        let (_, deeds) = greet(&mut bench, Dialect::Plain, Some(7), &known);
        let hi = texts(&deeds).first().copied().unwrap_or_default();
        assert!(hi.contains(r#""resumed":true"#), "{deeds:?}");
    }
}

#[test]
fn old_clients_have_no_session_and_no_such_limit() {
    let mut bench = Bench::new(Config::default());
    crowd(&mut bench, 7, NEWCOMERS);
    for number in 0..3 * NEWCOMERS {
        let dialect = DIALECTS[number % 3];
        for hello in [OLD, r#"["join"]"#] {
            let (conn, deeds) = greet(&mut bench, dialect, Some(7), hello);
            let hi = texts(&deeds).first().copied().unwrap_or_default();
            assert!(hi.contains(r#"["hi""#), "{deeds:?}");
            bench.tell(Input::Closed { conn });
            bench.take_deeds();
        }
    }
}

#[test]
fn the_limit_grows_with_that_of_connections_and_goes_with_it() {
    for (each_max, count) in [(1, 300), (256, 300), (700, 700), (0, 2_000)] {
        let mut bench = Bench::new(config(|config| config.max_per_address = each_max));
        crowd(&mut bench, 7, count);
        let (_, deeds) = greet(&mut bench, Dialect::Plain, Some(7), V2);
        let refused = texts(&deeds)[0].contains("too-fast");
        assert_eq!(refused, each_max != 0, "{each_max}: {deeds:?}");
    }
    // From nowhere in particular, everybody counts for itself.
    let mut bench = Bench::new(Config::default());
    for _ in 0..2 * NEWCOMERS {
        let (_, deeds) = greet(&mut bench, Dialect::Plain, None, V2);
        assert!(texts(&deeds)[0].contains(r#"["hi""#), "{deeds:?}");
    }
}
