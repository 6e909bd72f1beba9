//! Section 5, sessions: coming back, taking over, what is kept, for how long and how many.

use crate::common::Bench;
use crate::play::{config, play, play_in_all_dialects, play_with};
use roshambo::config::Config;

#[test]
fn a_free_player_comes_back_as_who_it_was() {
    play_in_all_dialects(
        "
    0 a enter DIALECT A v2
   10 a lost
 5000 b open plain
 5000 b > hello A v2 <A.token>
 5000 b < hi 0 A resumed 0/0
 6000 b quiet
        ",
    );
}

#[test]
fn it_comes_back_in_any_dialect() {
    play(
        "
    0 a enter plain A v2
   10 a lost
   20 b open eio3
   20 b << 0{<any>}
   20 b << 40
   20 b > hello A v2 <A.token>
   20 b < hi 0 A resumed 0/0
   30 b lost
   40 c open eio4
   40 c << 0{<any>}
   40 c >> 40
   40 c << 40{<any>}
   40 c > hello A v2 <A.token>
   40 c < hi 0 A resumed 0/0
        ",
    );
}

#[test]
fn a_mid_round_player_comes_back_to_its_seat_and_its_choice() {
    play_in_all_dialects(
        "
    0 a enter DIALECT A v2
    0 b enter plain B v2
  200 a > join
  200 a < room 1 A:ro
  200 b > join
  200 ab < room 1 A:ro B:ro
  200 ab < start 3 A 0/0 B 0/0
  300 a > choice 1
  300 b < movement A choice
  500 b > choice 3
  500 a < movement B choice
 1000 a lost
 1000 b < room 1 A:r B:ro
 1300 c open plain
 1300 c > hello A v2 <A.token>
 1300 c < hi 1 A resumed 0/0
 1300 bc < room 1 A:ro B:ro
 1300 c < start 2 A:1 0/0 B 0/0
 1500 c > choice 2
 1500 b < movement A choice
 3200 bc < result A:2 0/0/0 B:3 1/1/1
 3200 bc < room 1 A:o B:o
        ",
    );
}

#[test]
fn the_seconds_left_are_rounded_up() {
    for (back, seconds) in [
        (201, 3),
        (1_199, 3),
        (1_200, 2),
        (1_201, 2),
        (2_201, 1),
        (3_199, 1),
    ] {
        play(&format!(
            "
    0 a enter plain A v2
    0 b enter plain B
  200 a > join
  200 a < room 1 A:ro
  200 b > join
  200 a < room 1 A:ro B:ro
  200 ab < start 3 A 0/0 B 0/0
  200 a lost
{back} c open plain
{back} c > hello A v2 <A.token>
{back} c < hi 1 A resumed 0/0
{back} c < room 1 A:ro B:ro
{back} c < start {seconds} A 0/0 B 0/0
 3200 bc < result A:- 0/0/0 B:- 0/0/0
 3200 b < leave A
 3200 c < leave B
            "
        ));
    }
}

#[test]
fn a_round_against_a_robot_goes_on_without_its_human_and_takes_it_back() {
    play(
        "
    0 a enter plain A v2
  200 a > join
  200 a < room 1 A:ro
 1200 a < room 1 A:ro robot-1:rbo
 1200 a < start 3 A 0/0 robot-1 0/0
 1300 a > choice 2
 1500 a lost
 2000 b open plain
 2000 b > hello A v2 <A.token>
 2000 b < hi 0 A resumed 0/0
 2000 b < room 1 A:ro robot-1:rbo
 2000 b < start 3 A:2 0/0 robot-1 0/0
 4200 b < result A:2 ?/?/? robot-1:? ?/?/?
        ",
    );
}

#[test]
fn the_last_result_comes_again_for_less_than_a_minute() {
    // B is silent and lost, so that A is free afterwards.
    let round = "
    0 a enter plain A v2
    0 b enter plain B
    5 a > join
    5 a < room 1 A:ro
    5 b > join
    5 a < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
   10 a > choice 2
   10 b < movement A choice
   20 b lost
   20 a < room 1 A:ro B:r
   30 a lost
";
    play(&format!(
        "{round}
63004 c open plain
63004 c > hello A v2 <A.token>
63004 c < hi 0 A resumed 1/1
63004 c < result A:2 1/1/1 B:- 0/0/0
63004 c < leave A absent
        "
    ));
    play(&format!(
        "{round}
63006 c open plain
63006 c > hello A v2 <A.token>
63006 c < hi 0 A resumed 1/1
63006 c < leave A absent
        "
    ));
}

#[test]
fn in_a_finished_room_the_room_comes_before_the_last_result() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join
    5 a < room 1 A:ro
    5 b > join
    5 ab < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
 3005 ab < result A:- 0/0/0 B:- 0/0/0
 3005 ab < room 1 A:o B:o
 4000 a lost
 4000 b < room 1 A:. B:o
 5000 c open plain
 5000 c > hello A v2 <A.token>
 5000 c < hi 1 A resumed 0/0
 5000 bc < room 1 A:o B:o
 5000 c < result A:- 0/0/0 B:- 0/0/0
        ",
    );
}

#[test]
fn an_unknown_token_makes_a_fresh_session() {
    for token in ["AAAAAAAAAAAAAAAAAAAAAAAA", "x", "", "null", "…"] {
        play(&format!(
            r#"
    0 a enter plain A v2
    5 b open plain
    5 b > hello B v2 {token}
    5 b < hi 1 B new 0/0
            "#
        ));
    }
}

#[test]
fn two_sessions_share_neither_uid_nor_token() {
    let mut bench = Bench::new(Config::default());
    let mut seen = Vec::new();
    for _ in 0..100 {
        let conn = bench.open(roshambo::hub::Dialect::Plain);
        let text = r#"["hello",{"v":2,"user":{}}]"#;
        bench.tell(roshambo::hub::Input::Text { conn, text });
    }
    for deed in bench.take_deeds() {
        let crate::common::Act::Text(text) = deed.act else {
            panic!("{deed:?}")
        };
        let hi: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        for key in ["uid", "session"] {
            let value = hi[1][key].as_str().expect("a text").to_owned();
            assert!(!seen.contains(&value), "{value} was given twice");
            seen.push(value);
        }
    }
    assert_eq!(seen.len(), 200);
}

#[test]
fn a_newer_connection_takes_over_at_once() {
    for (dialect, stay_away) in [
        ("plain", ""),
        ("eio3", "9 a << 41\n"),
        ("eio4", "9 a << 41\n"),
    ] {
        play(&format!(
            "
    0 a enter {dialect} A v2
    9 b open plain
    9 b > hello A v2 <A.token>
    9 a < bye 4001 taken-over
    {stay_away}
    9 a close 4001
    9 b < hi 0 A resumed 0/0
   20 a > join
   30 a lost
   40 b > ping
   40 b < pong
 2000 b quiet
            "
        ));
    }
}

#[test]
fn a_take_over_in_mid_round_keeps_seat_and_choice_and_the_old_hand_is_dead() {
    play(
        "
    0 a enter eio4 A v2
    0 b enter plain B
    5 a > join
    5 a < room 1 A:ro
    5 b > join
    5 a < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
  100 a > choice 2
  100 b < movement A choice
  500 c open plain
  500 c > hello A v2 <A.token>
  500 a < bye 4001 taken-over
  500 a << 41
  500 a close 4001
  500 c < hi 1 A resumed 0/0
  500 c < room 1 A:ro B:ro
  500 c < start 3 A:2 0/0 B 0/0
  600 a > choice 3
  700 a > leave
  800 a lost
 3005 bc < result A:2 1/1/1 B:- 0/0/0
 3005 b < leave A
 3005 c < leave B
        ",
    );
}

#[test]
fn a_take_over_while_waiting_keeps_the_place() {
    play(
        "
    0 a enter plain A v2
    5 a > join
    5 a < room 1 A:ro
  500 b open plain
  500 b > hello A v2 <A.token>
  500 a < bye 4001 taken-over
  500 a close 4001
  500 b < hi 0 A resumed 0/0
  500 b < room 1 A:ro
 1005 b < room 1 A:ro robot-1:rbo
 1005 b < start 3 A 0/0 robot-1 0/0
        ",
    );
}

#[test]
fn nobody_takes_over_by_a_uid() {
    play(
        r#"
    0 a enter plain A v2
    9 b open plain
    9 b > ["hello",{"user":{"uid":"<A>"},"v":2}]
    9 b < ["hi",{"message":"welcome","nearby":1,"uid":"<b>","session":"<b.token>",
       ..."resumed":false,"totalScore":0,"winStreak":0}]
   20 a > ping
   20 a < pong
        "#,
    );
}

#[test]
fn an_old_clients_session_key_is_not_read() {
    play(
        r#"
    0 a enter plain A v2
    9 b open plain
    9 b > ["hello",{"user":{"uid":"B"},"session":"<A.token>"}]
    9 b < hi 1
   20 a > ping
   20 a < pong
        "#,
    );
}

#[test]
fn a_session_lives_as_long_as_its_ttl_after_its_connection() {
    let knobs = config(|config| config.session_ttl_ms = 90_000);
    let life = "
    0 a enter plain A v2
 1000 a lost
";
    play_with(
        knobs.clone(),
        &format!(
            "{life}
90999 b open plain
90999 b > hello A v2 <A.token>
90999 b < hi 0 A resumed 0/0
            "
        ),
    );
    play_with(
        knobs,
        &format!(
            r#"{life}
91001 b open plain
91001 b > hello B v2 <A.token>
91001 b < hi 0 B new 0/0
            "#
        ),
    );
}

#[test]
fn the_default_ttl_is_half_an_hour() {
    play(
        "
      0 a enter plain A v2
   1000 a lost
1800999 b open plain
1800999 b > hello A v2 <A.token>
1800999 b < hi 0 A resumed 0/0
        ",
    );
}

#[test]
fn the_longest_offline_session_goes_first() {
    let knobs = config(|config| config.max_sessions = 2);
    play_with(
        knobs,
        r#"
    0 a enter plain A v2
    0 b enter plain B v2
  100 b lost
  200 a lost
  300 c enter plain C v2
  400 d open plain
  400 d > hello A v2 <A.token>
  400 d < hi 1 A resumed 0/0
  450 c lost
  500 e open plain
  500 e > hello E v2 <B.token>
  500 e < hi 1 E new 0/0
        "#,
    );
}

#[test]
fn who_is_connected_keeps_its_session() {
    let knobs = config(|config| config.max_sessions = 2);
    play_with(
        knobs,
        "
    0 a enter plain A v2
    0 b enter plain B v2
  100 b lost
  200 c enter plain C v2
  300 a > hello A
  300 a < hi 1 A new 0/0
  400 d open plain
  400 d > hello A v2 <A.token>
  400 a < bye 4001 taken-over
  400 a close 4001
  400 d < hi 1 A resumed 0/0
        ",
    );
}

/// A wins a point against an old client and is lost.
const A_WINS: &str = "
    0 a enter plain A v2
    0 b enter plain B
    5 a > join
    5 a < room 1 A:ro
    5 b > join
    5 a < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
   10 a > choice 2
   10 b < movement A choice
 3005 ab < result A:2 1/1/1 B:- 0/0/0
 3005 a < leave B
 3005 b < leave A
 3010 a lost
";

#[test]
fn a_session_that_never_won_a_point_goes_first() {
    // A has been offline longest, and has something to lose.
    let knobs = config(|config| config.max_sessions = 2);
    play_with(
        knobs,
        &format!(
            r#"{A_WINS}
 4000 c enter plain C v2
 4100 c lost
 5000 d enter plain D v2
 5100 d lost
 6000 e open plain
 6000 e > hello E v2 <C.token>
 6000 e < hi 1 E new 0/0
 6100 e lost
 9000 f open plain
 9000 f > hello A v2 <A.token>
 9000 f < hi 1 A resumed 1/1
 9000 f < result A:2 1/1/1 B:- 0/0/0
            "#
        ),
    );
}

#[test]
fn a_point_won_in_absence_keeps_the_session_too() {
    let knobs = config(|config| config.max_sessions = 2);
    play_with(
        knobs,
        "
    0 a enter plain A v2
    0 b enter plain B
    5 a > join
    5 a < room 1 A:ro
    5 b > join
    5 a < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
   10 a > choice 2
   10 b < movement A choice
   20 a lost
 3005 b < result A:2 1/1/1 B:- 0/0/0
 3005 b < leave A
 4000 c enter plain C v2
 4100 c lost
 5000 d enter plain D v2
 6000 e open plain
 6000 e > hello A v2 <A.token>
 6000 e < hi 2 A resumed 1/1
 6000 e < result A:2 1/1/1 B:- 0/0/0
 6000 e < leave A absent
        ",
    );
}

#[test]
fn a_newcomer_plays_where_all_others_have_points_and_is_kept_once_it_has_some() {
    let knobs = config(|config| config.max_sessions = 1);
    // Without a point it is forgotten when it goes.
    play_with(
        knobs.clone(),
        &format!(
            "{A_WINS}
 4000 c enter plain C v2
 4100 c lost
 5000 d open plain
 5000 d > hello D v2 <C.token>
 5000 d < hi 1 D new 0/0
 6000 e open plain
 6000 e > hello A v2 <A.token>
 6000 e < hi 2 A resumed 1/1
 6000 e < result A:2 1/1/1 B:- 0/0/0
            "
        ),
    );
    // With one it is kept, and who has been offline longest goes.
    play_with(
        knobs,
        &format!(
            "{A_WINS}
 4000 c enter plain C v2
 4005 b > join
 4010 c > join
 4010 c < room 2 B:ro C:ro
 4010 bc < start 3 B 0/0 C 0/0
 4020 c > choice 2
 4020 b < movement C choice
 7010 bc < result B:- 0/0/0 C:2 1/1/1
 7010 c < leave B
 7010 b < leave C
 8000 c lost
 9000 d open plain
 9000 d > hello C v2 <C.token>
 9000 d < hi 1 C resumed 1/1
 9000 d < result B:- 0/0/0 C:2 1/1/1
10000 e open plain
10000 e > hello E v2 <A.token>
10000 e < hi 2 E new 0/0
            "
        ),
    );
}

#[test]
fn cheap_greetings_end_no_session_with_points() {
    use roshambo::hub::{Dialect, Input};

    let config = config(|config| config.max_sessions = 50);
    let mut bench = Bench::new(config);
    let hello = |bench: &mut Bench, token: &str| {
        let conn = bench.open(Dialect::Plain);
        let text = format!(r#"["hello",{{"user":{{}},"v":2,"session":"{token}"}}]"#);
        bench.tell(Input::Text { conn, text: &text });
        conn
    };
    let ann = hello(&mut bench, "");
    let token = crate::origins::word(&bench.take_deeds(), r#""session":""#);
    let old = bench.open(Dialect::Plain);
    for conn in [ann, old] {
        let text = r#"["join"]"#;
        bench.tell(Input::Text { conn, text });
    }
    let text = r#"["choice",{"choice":1}]"#;
    bench.tell(Input::Text { conn: ann, text });
    bench.advance(10_000, true);
    bench.tell(Input::Closed { conn: ann });
    // From a unix socket, where nobody is counted: forty times as many as there may be.
    for _ in 0..2_000 {
        let conn = hello(&mut bench, "");
        bench.tell(Input::Closed { conn });
        let (_, _, sessions) = bench.hub().population();
        assert!(sessions <= 50);
    }
    bench.take_deeds();
    hello(&mut bench, &token);
    let hi = bench.take_deeds();
    assert_eq!(crate::origins::word(&hi, r#""session":""#), token);
    assert!(format!("{hi:?}").contains(r#"\"totalScore\":1"#), "{hi:?}");
}

#[test]
fn a_name_said_in_the_resuming_hello_is_the_new_name() {
    play(
        r#"
    0 a enter plain A v2
    0 b enter plain B
   10 a lost
   20 c open plain
   20 c > ["hello",{"user":{"uname":"Zoe","uavatar":"builtin:2"},"v":2,"session":"<A.token>"}]
   20 c < hi 1 A resumed 0/0
   30 b > join
   30 c > join
   30 c < ["room",{"roomId":"room1","users":[{"uid":"B",<any>},{"uid":"<A>","uname":"Zoe",
       ..."uavatar":"builtin:2","ready":true,"robot":false,"online":true}],"full":true}]
   30 bc < ["start",{"gameTime":3,"roomUsers":[{"uid":"B",<any>},{"uid":"<A>",
        ..."uname":"Zoe",<any>}]}]
        "#,
    );
}
