//! Section 5, limits: the rate of events, floods, and the relay interval.

use crate::play::{config, play, play_in_all_dialects, play_with};

/// `count` lines that send the same event at one time.
fn burst(at: u64, who: char, event: &str, count: usize) -> String {
    format!("{at} {who} > {event}\n").repeat(count)
}

#[test]
fn twenty_events_at_once_are_fine_and_the_next_is_too_fast() {
    for dialect in ["plain", "eio3", "eio4"] {
        play(&format!(
            r#"
    0 a enter {dialect} A
{}
 5000 a > face 1
 5000 a < ["problem",{{"code":"too-fast","message":"<any>","event":"face"}}]
            "#,
            burst(5_000, 'a', "face 1", 20)
        ));
    }
}

#[test]
fn ten_more_come_every_second_up_to_twenty() {
    play(&format!(
        "
    0 a enter plain A
{}
{}
 6000 a > face 1
 6000 a < problem too-fast face
{}
20000 a > face 1
20000 a < problem too-fast face
        ",
        burst(5_000, 'a', "face 1", 20),
        burst(6_000, 'a', "face 1", 10),
        burst(20_000, 'a', "face 1", 20),
    ));
}

#[test]
fn one_event_is_allowed_a_hundred_milliseconds_later() {
    play(&format!(
        "
    0 a enter plain A
{}
 5099 a > face 1
 5099 a < problem too-fast face
 5200 a > face 1
 5201 a quiet
        ",
        burst(5_000, 'a', "face 1", 20)
    ));
}

#[test]
fn too_fast_is_told_at_most_once_a_second() {
    play(&format!(
        "
    0 a enter plain A
{}
 5000 a < problem too-fast face
{}
{}
 6000 a < problem too-fast face
 6500 a quiet
        ",
        burst(5_000, 'a', "face 1", 25),
        burst(5_050, 'a', "face 2", 5),
        burst(6_000, 'a', "face 3", 12),
    ));
}

#[test]
fn every_event_counts() {
    for event in [
        r#"["dance"]"#,
        r#"["choice",{"choice":9}]"#,
        "leave",
        "hello A",
        "ping",
    ] {
        let answer = match event {
            r#"["dance"]"# => "5000 a < problem unknown-event dance\n",
            "leave" => "",
            "hello A" => "5000 a < hi 0 A new 0/0\n",
            "ping" => "5000 a < pong\n",
            _ => "5000 a < problem bad-payload choice\n",
        };
        play(&format!(
            "
    0 a enter plain A v2
{}
 5000 a > face 1
 5000 a < problem too-fast face
 5000 a > ping
            ",
            format!("5000 a > {event}\n{answer}").repeat(20)
        ));
    }
}

#[test]
fn packets_that_want_an_answer_count_and_get_none_over_the_limit() {
    let refusals = [
        ("eio3", r#"44/chat,"Invalid namespace""#),
        ("eio4", r#"44/chat,{"message":"Invalid namespace"}"#),
    ];
    for (dialect, refusal) in refusals {
        play(&format!(
            "
    0 a enter {dialect} A
{}
 5000 a >> 2
 5000 a >> 40/chat
 5000 a > face 1
 5000 a < problem too-fast face
 5100 a >> 40/chat
 5100 a << {refusal}
 5101 a quiet
            ",
            "5000 a >> 2\n5000 a << 3\n".repeat(20),
        ));
        // They are a flood like any other.
        play(&format!(
            "
    0 a enter {dialect} A
{}
{}
 5000 a << 41
 5000 a close 1008
            ",
            "5000 a >> 2\n5000 a << 3\n".repeat(20),
            "5000 a >> 2\n".repeat(100),
        ));
    }
}

#[test]
fn of_ping_frames_over_the_limit_the_latest_is_answered_as_soon_as_it_may_be() {
    for dialect in ["plain", "eio3", "eio4"] {
        play(&format!(
            "
    0 a enter {dialect} A
{}
 5000 a pings x
 5010 a pings y
 5020 a pings z
 5100 a ponged z
 5200 a pings w
 5200 a ponged w
 5300 a quiet
            ",
            "5000 a pings p\n5000 a ponged p\n".repeat(20),
        ));
    }
}

#[test]
fn a_flood_of_ping_frames_or_choices_ends_the_connection() {
    for (line, answer) in [("pings p", "ponged p"), ("> choice 1", "")] {
        let within = match answer {
            "" => format!("5000 a {line}\n"),
            _ => format!("5000 a {line}\n5000 a {answer}\n"),
        };
        play(&format!(
            "
    0 a enter plain A v2
{}
{}
 5000 a < bye 1008 too-fast
 5000 a close 1008
            ",
            within.repeat(20),
            format!("5000 a {line}\n").repeat(100),
        ));
    }
}

#[test]
fn a_choice_over_the_limit_counts_but_is_not_relayed() {
    play(&format!(
        "
    0 a enter plain A
    0 b enter plain B
 4000 ab > join
 4000 ab < start 3 A 0/0 B 0/0
{}
 5000 a > choice 2
 5001 a > leave
 5001 a < problem too-fast leave
 5002 a > choice 3
 7000 ab < result A:3 1/1/1 B:- 0/0/0
 7000 a < leave B
 7000 b < leave A
        ",
        "5000 a > [\"face\"]\n5000 a < problem bad-payload face\n".repeat(20)
    ));
}

#[test]
fn an_acknowledgement_says_too_fast() {
    play(&format!(
        r#"
    0 a enter eio4 A
{}
 5000 a >> 427["leave"]
 5000 a << 437[{{"ok":false,"code":"too-fast","message":"<any>"}}]
 5000 a < problem too-fast leave
 5001 a >> 428["leave"]
 5001 a << 438[{{"ok":false,"code":"too-fast","message":"<any>"}}]
        "#,
        burst(5_000, 'a', "face 1", 20)
    ));
}

#[test]
fn the_hundredth_dropped_event_within_ten_seconds_closes() {
    for (dialect, disconnect) in [
        ("plain", ""),
        ("eio3", "5000 ab << 41"),
        ("eio4", "5000 ab << 41"),
    ] {
        play(&format!(
            "
    0 a enter {dialect} A
    0 b enter {dialect} B v2
{}
{}
 5000 ab < problem too-fast face
 5000 b < bye 1008 too-fast
 {disconnect}
 5000 ab close 1008
            ",
            burst(5_000, 'a', "face 1", 120),
            burst(5_000, 'b', "face 1", 120),
        ));
    }
}

#[test]
fn ninety_nine_dropped_within_ten_seconds_are_forgiven() {
    play(&format!(
        "
    0 a enter plain A
{}
 5000 a < problem too-fast face
{}
15200 a < problem too-fast face
15300 a quiet
        ",
        burst(5_000, 'a', "face 1", 119),
        burst(15_200, 'a', "face 1", 119),
    ));
}

#[test]
fn zero_switches_the_rate_limit_off() {
    let knobs = config(|config| config.rate_limit = 0);
    play_with(
        knobs,
        &format!(
            "
    0 a enter plain A
{}
 5000 a > hello A
 5000 a < hi 0
            ",
            burst(5_000, 'a', "face 1", 1_000)
        ),
    );
}

#[test]
fn the_rate_limit_is_a_flag() {
    let knobs = config(|config| config.rate_limit = 100);
    play_with(
        knobs,
        &format!(
            "
    0 a enter plain A
{}
{}
            ",
            burst(5_000, 'a', "face 1", 100),
            burst(6_000, 'a', "face 1", 100),
        ),
    );
}

/// Old players A and B in a round from 1000 to 4000.
const ROUND: &str = "
    0 a enter plain A
    0 b enter eio4 B
 1000 a > join
 1000 b > join
 1000 ab < start 3 A 0/0 B 0/0
";

#[test]
fn a_second_movement_within_the_interval_is_held_and_the_latest_wins() {
    play(&format!(
        "{ROUND}
 1500 a > face 1
 1500 b < movement A face 1
 1520 a > face 2
 1540 a > face 3
 1599 a > face 4
 1600 b < movement A face 4
 1650 a > face 5
 1700 b < movement A face 5
 1900 a > face 1
 1900 b < movement A face 1
        "
    ));
}

#[test]
fn choices_and_faces_are_held_apart() {
    play(&format!(
        "{ROUND}
 1500 a > choice 1
 1500 b < movement A choice
 1510 a > face 1
 1510 b < movement A face 1
 1520 a > choice 2
 1530 a > face 2
 1540 b > choice 3
 1540 a < movement B choice
 1600 b < movement A choice
 1610 b < movement A face 2
 4000 ab < result A:2 0/0/0 B:3 1/1/1
        "
    ));
}

#[test]
fn a_held_movement_is_dropped_at_the_result() {
    play(&format!(
        "{ROUND}
 3950 b > choice 1
 3950 a < movement B choice
 3960 a > choice 1
 3960 b < movement A choice
 3970 a > choice 2
 3980 b > face 1
 3980 a < movement B face 1
 3990 b > face 2
 4000 ab < result A:2 1/1/1 B:1 0/0/0
 4300 a quiet
        "
    ));
}

#[test]
fn a_held_movement_is_dropped_at_leave() {
    play(&format!(
        "{ROUND}
 1500 b > face 1
 1500 a < movement B face 1
 1510 b > face 2
 1520 b > choice 1
 1520 a < movement B choice
 1530 b > choice 2
 1540 b > leave
 1540 a < leave B
 1800 a quiet
        "
    ));
}

#[test]
fn a_held_movement_is_dropped_at_start() {
    play(&format!(
        "{ROUND}
 1500 a > choice 1
 1500 b < movement A choice
 1500 b > choice 1
 1500 a < movement B choice
 4000 ab < result A:1 0/0/0 B:1 0/0/0
 6000 a > face 1
 6000 b < movement A face 1
 6010 a > face 2
 6020 b > join
 6020 ab < start 3 A 0/0 B 0/0
 6300 a quiet
        "
    ));
}

#[test]
fn the_interval_starts_anew_with_a_round() {
    play(&format!(
        "{ROUND}
 1500 ab > choice 1
 1500 b < movement A choice
 1500 a < movement B choice
 4000 ab < result A:1 0/0/0 B:1 0/0/0
 6000 a > face 1
 6000 b < movement A face 1
 6020 b > join
 6020 ab < start 3 A 0/0 B 0/0
 6100 a > face 2
 6100 b < movement A face 2
        "
    ));
}

#[test]
fn zero_switches_the_relay_interval_off() {
    let knobs = config(|config| config.relay_interval_ms = 0);
    play_with(
        knobs,
        &format!(
            "{ROUND}
 1500 a > face 1
 1500 b < movement A face 1
 1500 a > face 2
 1500 b < movement A face 2
 1501 a > choice 1
 1501 b < movement A choice
 1501 a > choice 1
 1501 b < movement A choice
            "
        ),
    );
}

#[test]
fn the_relay_interval_is_a_flag() {
    let knobs = config(|config| config.relay_interval_ms = 500);
    play_with(
        knobs,
        &format!(
            "{ROUND}
 1500 a > face 1
 1500 b < movement A face 1
 1501 a > face 2
 2000 b < movement A face 2
            "
        ),
    );
}

#[test]
fn a_movement_never_tells_which_choice() {
    for choice in 1..=3 {
        play_in_all_dialects(&format!(
            r#"
    0 a enter DIALECT A
    0 b enter DIALECT B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
   10 a > choice {choice}
   10 b < ["movement",{{"uid":"A","movement":"choice"}}]
            "#
        ));
    }
}

#[test]
fn a_new_connection_of_a_session_is_not_another_burst() {
    // Lost before, or still there and taken over.
    for (lost, taken_over) in [
        ("5000 a lost", ""),
        ("", "5100 a < bye 4001 taken-over\n5100 a close 4001"),
    ] {
        play(&format!(
            "
    0 a enter plain A v2
{}
{lost}
 5050 b open eio3
 5050 b << 0{{<any>}}
 5050 b << 40
 5050 b > hello A v2 <A.token>
 5050 b < bye 1008 too-fast 1050
 5050 b close 1008
 5100 c open plain
 5100 c > hello A v2 <A.token>
{taken_over}
 5100 c < hi 0 A resumed 0/0
 5100 c > face 1
 5100 c < problem too-fast face
{}
 8000 c > face 1
 8000 c < problem too-fast face
            ",
            burst(5_000, 'a', "face 1", 20),
            burst(8_000, 'c', "face 1", 20),
        ));
    }
}

#[test]
fn who_comes_back_all_the_time_does_not_flood_whoever_sits_with_it() {
    use crate::common::{Act, Bench};
    use roshambo::hub::{Dialect, Input};

    let mut bench = Bench::new(config(|config| config.game_time_ms = 60_000));
    let hello = |token: &str| format!(r#"["hello",{{"user":{{}},"v":2,"session":"{token}"}}]"#);
    let greet = |bench: &mut Bench, token: &str| {
        let conn = bench.open(Dialect::Plain);
        let text = hello(token);
        bench.tell(Input::Text { conn, text: &text });
        conn
    };
    let victim = greet(&mut bench, "");
    let eve = greet(&mut bench, "");
    let token = crate::origins::word(&bench.take_deeds(), r#""session":""#);
    for conn in [victim, eve] {
        let text = r#"["join"]"#;
        bench.tell(Input::Text { conn, text });
    }
    bench.tell(Input::Closed { conn: eve });
    bench.take_deeds();
    for moment in 0..1_000 {
        bench.advance(10 * moment, true);
        let conn = greet(&mut bench, &token);
        bench.tell(Input::Closed { conn });
    }
    let told = |deed: &&crate::common::Deed| {
        deed.conn == victim && matches!(&deed.act, Act::Text(text) if text.contains(r#"["room""#))
    };
    let count = bench.take_deeds().iter().filter(told).count();
    // It comes and goes ten times a second at most, and twenty times at once.
    assert!((200..=2 * (10 * 10 + 20)).contains(&count), "{count}");
}
