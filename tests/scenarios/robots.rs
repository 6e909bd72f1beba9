//! From one robot straight to the next, and the faces of robots. Both are for v2 clients.

use roshambo::config::Config;
use roshambo::hub::{Dialect, Input};

use crate::common::{Act, Bench};
use crate::play::{config, play, play_with};

/// A round of A against a robot, over at 4005; B is there, too.
const PLAYED: &str = "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join
    5 a < room 1 A:ro
 1005 a < room 1 A:ro robot-1:rbo
 1005 a < start 3 A 0/0 robot-1 0/0
";

const OVER: &str = "
 4005 a < result A:- 0/0/0 robot-1:? ?/?/?
";

/// Nobody is asked for signs of life.
fn patient() -> Config {
    config(|config| {
        config.ping_interval_ms = 3_600_000;
        config.ping_timeout_ms = 3_600_000;
    })
}

#[track_caller]
fn play_on(rest: &str) {
    play_with(patient(), &format!("{PLAYED}{OVER}{rest}"));
}

#[test]
fn after_a_robot_the_next_one_comes_at_once_and_again() {
    play_on(
        "
 4500 a > join
 4500 a < room 2 A:ro
 4500 a < room 2 A:ro robot-2:rbo
 4500 a < start 3 A 0/0 robot-2 0/0
 7500 a < result A:- 0/0/0 robot-2:? ?/?/?
 7500 a > join new
 7500 a < room 3 A:ro
 7500 a < room 3 A:ro robot-3:rbo
 7500 a < start 3 A 0/0 robot-3 0/0
        ",
    );
}

#[test]
fn a_minute_later_it_waits_for_a_human_first() {
    play_on(
        "
64004 a > join
64004 a < room 2 A:ro
64004 a < room 2 A:ro robot-2:rbo
64004 a < start 3 A 0/0 robot-2 0/0
        ",
    );
    play_on(
        "
64005 a > join
64005 a < room 2 A:ro
65005 a < room 2 A:ro robot-2:rbo
65005 a < start 3 A 0/0 robot-2 0/0
        ",
    );
}

#[test]
fn an_old_client_waits_as_ever() {
    for dialect in ["plain", "eio3", "eio4"] {
        play(&format!(
            "
    0 a enter {dialect} A
    5 a > join
 1005 a < start 3 A 0/0 robot-1 0/0
 4005 a < result A:- 0/0/0 robot-1:? ?/?/?
 4500 a > join
 5500 a < start 3 A 0/0 robot-2 0/0
            "
        ));
    }
}

#[test]
fn whoever_waits_is_met_instead() {
    let waits = "
 3000 b > join
 3000 b < room 2 B:ro
";
    play_with(
        patient(),
        &format!(
            "{PLAYED}{waits}{OVER}
 4500 a > join
 4500 ab < room 2 B:ro A:ro
 4500 ab < start 3 B 0/0 A 0/0
            "
        ),
    );
}

#[test]
fn two_who_ask_in_one_moment_meet() {
    play_on(
        "
 4500 a > join
 4500 a < room 2 A:ro
 4500 b > join
 4500 ab < room 2 A:ro B:ro
 4500 ab < start 3 A 0/0 B 0/0
        ",
    );
}

/// B waited for A in vain, and plays against a robot from 7000 to 10000.
const BOTH_PLAYED: &str = "
 3000 b > join
 3000 b < room 2 B:ro
 4005 a < result A:- 0/0/0 robot-1:? ?/?/?
 7000 b < room 2 B:ro robot-2:rbo
 7000 b < start 3 B 0/0 robot-2 0/0
";

#[test]
fn a_human_in_mid_round_against_a_robot_is_waited_for_and_met() {
    play_with(
        patient(),
        &format!(
            "{PLAYED}{BOTH_PLAYED}
 8000 a > join
 8000 a < room 3 A:ro
10000 b < result B:- 0/0/0 robot-2:? ?/?/?
10500 b > join
10500 ab < room 3 A:ro B:ro
10500 ab < start 3 A 0/0 B 0/0
            "
        ),
    );
}

#[test]
fn a_human_in_mid_round_that_does_not_come_is_waited_for_as_long_as_ever() {
    play_with(
        patient(),
        &format!(
            "{PLAYED}{BOTH_PLAYED}
 8000 a > join
 8000 a < room 3 A:ro
10000 b < result B:- 0/0/0 robot-2:? ?/?/?
12000 a < room 3 A:ro robot-3:rbo
12000 a < start 3 A 0/0 robot-3 0/0
            "
        ),
    );
    // Its round is over before a robot would have come anyway.
    play_with(
        patient(),
        &format!(
            "{PLAYED}{BOTH_PLAYED}
 9500 a > join
 9500 a < room 3 A:ro
10000 b < result B:- 0/0/0 robot-2:? ?/?/?
10500 a < room 3 A:ro robot-3:rbo
10500 a < start 3 A 0/0 robot-3 0/0
            "
        ),
    );
}

#[test]
fn a_human_that_is_lost_in_mid_round_is_not_waited_for() {
    play_with(
        patient(),
        &format!(
            "{PLAYED}{BOTH_PLAYED}
 7500 b lost
 8000 a > join
 8000 a < room 3 A:ro
 8000 a < room 3 A:ro robot-3:rbo
 8000 a < start 3 A 0/0 robot-3 0/0
            "
        ),
    );
}

/// Both have played against a robot; B's round ended at 10000, and B is free.
const B_FREE: &str = "
10000 b < result B:- 0/0/0 robot-2:? ?/?/?
";

#[test]
fn whoever_came_from_a_robot_lately_is_waited_for() {
    play_with(
        patient(),
        &format!(
            "{PLAYED}{BOTH_PLAYED}{B_FREE}
19999 a > join
19999 a < room 3 A:ro
20500 b > join
20500 ab < room 3 A:ro B:ro
20500 ab < start 3 A 0/0 B 0/0
            "
        ),
    );
    play_with(
        patient(),
        &format!(
            "{PLAYED}{BOTH_PLAYED}{B_FREE}
20000 a > join
20000 a < room 3 A:ro
20000 a < room 3 A:ro robot-3:rbo
20000 a < start 3 A 0/0 robot-3 0/0
            "
        ),
    );
}

#[test]
fn whoever_is_away_or_in_a_room_since_is_not_waited_for() {
    for gone in [
        "11000 b > away",
        "11000 b lost",
        "11000 b > join room new\n11000 b < room 3 B:ro code=<code>",
    ] {
        play_with(
            patient(),
            &format!(
                "{PLAYED}{BOTH_PLAYED}{B_FREE}
{gone}
12000 a > join
12000 a < room <r> A:ro
12000 a < room <r> A:ro robot-3:rbo
12000 a < start 3 A 0/0 robot-3 0/0
                "
            ),
        );
    }
}

#[test]
fn it_counts_over_a_lost_connection() {
    play_on(
        "
 5000 a lost
 9000 c open plain
 9000 c > hello A v2 <A.token>
 9000 c < hi 1 A resumed 0/0
 9000 c < result A:- 0/0/0 robot-1:? ?/?/?
 9500 c > join
 9500 c < room 2 A:ro
 9500 c < room 2 A:ro robot-2:rbo
 9500 c < start 3 A 0/0 robot-2 0/0
        ",
    );
}

#[test]
fn whoever_sat_elsewhere_since_does_not_come_from_a_robot() {
    play_on(
        "
 5000 a > join room new
 5000 a < room 2 A:ro code=<code>
 6000 a > leave
 7000 a > join
 7000 a < room 3 A:ro
 8000 a < room 3 A:ro robot-2:rbo
 8000 a < start 3 A 0/0 robot-2 0/0
        ",
    );
}

#[test]
fn a_drain_brings_no_robot() {
    play_on(
        "
 4400 a > join
 4400 a < room 2 A:ro
 4400 * drain
        ",
    );
}

/// What a player of `hello` is shown in answer to its faces, and when; they are shown every 100 ms
/// from `first_ms` after the start.
fn answers(bench: &mut Bench, hello: &str, first_ms: u64) -> Vec<(u64, String)> {
    let conn = bench.open(Dialect::Plain);
    for text in [hello, r#"["join"]"#] {
        bench.tell(Input::Text { conn, text });
    }
    let start = 1_000;
    for number in 0..5 {
        bench.advance(start + first_ms + number * 100, true);
        let text = r#"["face",{"face":9}]"#;
        bench.tell(Input::Text { conn, text });
    }
    bench.advance(start + 6_000, true);
    let faces = bench.take_deeds().into_iter().filter_map(|deed| {
        let Act::Text(text) = deed.act else {
            return None;
        };
        let face =
            text.strip_prefix(r#"["movement",{"uid":"robot-1","movement":"face","face":"#)?;
        Some((deed.at - start, face.trim_end_matches("}]").to_owned()))
    });
    faces.collect()
}

const V2: &str = r#"["hello",{"user":{"uname":"A"},"v":2}]"#;

#[test]
fn a_robot_answers_faces_in_its_time_and_then_rests() {
    let (mut answered, mut shown) = (0, [0; 5]);
    for seed in 0..200 {
        let mut bench = Bench::new(config(|config| config.seed = Some(seed)));
        let answers = answers(&mut bench, V2, 20);
        answered += usize::from(!answers.is_empty());
        // The last was shown at 420.
        let times: Vec<u64> = answers.iter().map(|(at, _)| *at).collect();
        assert!(
            matches!(times.as_slice(), [] | [420..=1_620]),
            "seed {seed}: {times:?}"
        );
        for (_, face) in answers {
            shown[face.parse::<usize>().expect("a number")] += 1;
        }
    }
    assert!(190 < answered, "five faces are not overlooked: {answered}");
    assert!(
        shown[0] == 0 && shown[1..].iter().all(|count| (25..75).contains(count)),
        "{shown:?}"
    );
}

#[test]
fn an_answer_does_not_come_after_the_result() {
    for seed in 0..50 {
        let mut bench = Bench::new(config(|config| config.seed = Some(seed)));
        let answers = answers(&mut bench, V2, 2_400);
        assert!(answers.iter().all(|(at, _)| *at < 3_000), "{answers:?}");
    }
}

#[test]
fn an_old_client_is_shown_no_face_of_a_robot() {
    for seed in 0..50 {
        let mut bench = Bench::new(config(|config| config.seed = Some(seed)));
        let answers = answers(&mut bench, r#"["hello",{"user":{"uid":"A"}}]"#, 20);
        assert_eq!(answers, [], "seed {seed}");
    }
}
