//! Section 5, from `start` to `result`: choices, faces, judging, scores, leaving, losing touch.

use crate::play::{config, play, play_in_all_dialects, play_with};

#[test]
fn a_round_of_old_clients_from_join_to_result() {
    play_in_all_dialects(
        r#"
    0 a enter DIALECT A
    0 b enter DIALECT B
  100 a > join
  200 b > join
  200 ab < ["start",{"gameTime":3,"roomUsers":[{"uid":"A","uname":"A","uavatar":"","choice":null,
        ..."roundScore":0,"totalScore":0,"winStreak":0},{"uid":"B","uname":"B","uavatar":"",
        ..."choice":null,"roundScore":0,"totalScore":0,"winStreak":0}]}]
  500 a > choice 1
  500 b < ["movement",{"uid":"A","movement":"choice"}]
  600 b > choice 2
  600 a < ["movement",{"uid":"B","movement":"choice"}]
  700 a > face 4
  700 b < ["movement",{"uid":"A","movement":"face","face":4}]
 3200 ab < ["result",{"result":[{"uid":"A","roundScore":0,"totalScore":0,"winStreak":0,
        ..."choice":1},{"uid":"B","roundScore":1,"totalScore":1,"winStreak":1,"choice":2}]}]
 3300 ab quiet
        "#,
    );
}

#[test]
fn a_round_of_v2_clients_shows_the_room_before_start_and_after_result() {
    play_in_all_dialects(
        r#"
    0 a enter DIALECT A v2
    0 b enter plain B v2
  100 a > join
  100 a < ["room",{"roomId":"room1","users":[{"uid":"<A>","uname":"A","uavatar":"","ready":true,
       ..."robot":false,"online":true}],"full":false}]
  200 b > join
  200 ab < ["room",{"roomId":"room1","users":[{"uid":"<A>","uname":"A","uavatar":"","ready":true,
        ..."robot":false,"online":true},{"uid":"<B>","uname":"B","uavatar":"","ready":true,
        ..."robot":false,"online":true}],"full":true}]
  200 ab < start 3 A 0/0 B 0/0
  500 a > choice 3
  500 b < movement A choice
 3200 ab < result A:3 1/1/1 B:- 0/0/0
 3200 ab < room 1 A:o B:o
        "#,
    );
}

#[test]
fn old_and_v2_play_together_and_each_is_told_in_its_own_way() {
    play_in_all_dialects(
        "
    0 a enter DIALECT A
    0 b enter DIALECT B v2
  100 a > join
  200 b > join
  200 b < room 1 A:ro B:ro
  200 ab < start 3 A 0/0 B 0/0
  500 a > choice 3
  500 b < movement A choice
 3200 ab < result A:3 1/1/1 B:- 0/0/0
 3200 b < room 1 A:ro B:o
        ",
    );
}

#[test]
fn every_pair_of_choices_is_judged() {
    // Rows: what A shows; columns: what B shows; 0 is nothing. Who wins?
    let table = ["-BBB", "A-BA", "AA-B", "ABA-"];
    for (mine, row) in (0..).zip(table) {
        for (theirs, winner) in (0..).zip(row.chars()) {
            let (one, two) = match winner {
                'A' => ("1/1/1", "0/0/0"),
                'B' => ("0/0/0", "1/1/1"),
                _ => ("0/0/0", "0/0/0"),
            };
            let mut transcript = "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join
    5 a < room 1 A:ro
    5 b > join
    5 ab < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
"
            .to_owned();
            if mine != 0 {
                transcript += &format!("500 a > choice {mine}\n500 b < movement A choice\n");
            }
            if theirs != 0 {
                transcript += &format!("900 b > choice {theirs}\n900 a < movement B choice\n");
            }
            let shown = |choice: u8| match choice {
                0 => "-".to_owned(),
                choice => choice.to_string(),
            };
            let (mine, theirs) = (shown(mine), shown(theirs));
            transcript += &format!(
                "3005 ab < result A:{mine} {one} B:{theirs} {two}\n3005 ab < room 1 A:o B:o\n"
            );
            play(&transcript);
        }
    }
}

#[test]
fn a_streak_pays_more_each_time_stands_through_a_draw_and_ends_with_a_loss() {
    let mut transcript = "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join
    5 a < room 1 A:ro
"
    .to_owned();
    // A's choice and B's, A's row and B's, and the scores that the next `start` shows.
    let rounds = [
        (2, 1, "1/1/1", "0/0/0", "1/1", "0/0"),
        (2, 1, "2/3/2", "0/0/0", "3/2", "0/0"),
        (2, 2, "0/3/2", "0/0/0", "3/2", "0/0"),
        (3, 2, "3/6/3", "0/0/0", "6/3", "0/0"),
        (1, 2, "0/6/0", "1/1/1", "6/0", "1/1"),
        (1, 3, "1/7/1", "0/1/0", "7/1", "1/0"),
    ];
    let (mut one, mut two) = ("0/0", "0/0");
    for (number, (mine, theirs, ones, twos, next_one, next_two)) in (0..).zip(rounds) {
        let at = 1_000 + number * 4_000;
        if number != 0 {
            transcript += &format!("{at} a > join\n{at} ab < room 1 A:ro B:o\n");
        }
        transcript += &format!(
            "{at} b > join
            {at} ab < room 1 A:ro B:ro
            {at} ab < start 3 A {one} B {two}
            {} a > choice {mine}
            {} b < movement A choice
            {} b > choice {theirs}
            {} a < movement B choice
            {} ab < result A:{mine} {ones} B:{theirs} {twos}
            {} ab < room 1 A:o B:o\n",
            at + 10,
            at + 10,
            at + 20,
            at + 20,
            at + 3_000,
            at + 3_000
        );
        (one, two) = (next_one, next_two);
    }
    play(&transcript);
}

#[test]
fn both_silent_is_a_draw() {
    play(
        "
    0 a enter plain A
    0 b enter plain B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
 3005 ab < result A:- 0/0/0 B:- 0/0/0
 3005 a < leave B
 3005 b < leave A
        ",
    );
}

#[test]
fn the_last_choice_before_the_end_counts() {
    play_in_all_dialects(
        "
    0 a enter DIALECT A
    0 b enter plain B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
  500 a > choice 1
  500 b < movement A choice
 1000 a > choice 2
 1000 b < movement A choice
 1500 b > choice 1
 1500 a < movement B choice
 3004 b > choice 3
 3004 a < movement B choice
 3005 ab < result A:2 0/0/0 B:3 1/1/1
        ",
    );
}

#[test]
fn a_choice_is_1_2_or_3() {
    for payload in [
        "",
        ",null",
        ",{}",
        ",[]",
        ",2",
        r#",{"choice":null}"#,
        r#",{"choice":0}"#,
        r#",{"choice":4}"#,
        r#",{"choice":99}"#,
        r#",{"choice":-1}"#,
        r#",{"choice":1.5}"#,
        r#",{"choice":"one"}"#,
        r#",{"choice":true}"#,
        r#",{"choice":1,"choice":9}"#,
    ] {
        play_in_all_dialects(&format!(
            r#"
    0 a enter DIALECT A
    0 b enter DIALECT B v2
    5 ab > join
    5 b < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
  500 ab > ["choice"{payload}]
  500 ab < problem bad-payload choice
 3005 ab < result A:- 0/0/0 B:- 0/0/0
 3005 a < leave B
 3005 b < leave A
            "#
        ));
    }
}

#[test]
fn a_bad_choice_leaves_the_good_one_before_it() {
    play(
        r#"
    0 a enter plain A
    0 b enter plain B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
  500 a > choice 1
  500 b < movement A choice
  900 a > choice 99
  900 a < problem bad-payload choice
 3005 ab < result A:1 1/1/1 B:- 0/0/0
 3005 a < leave B
 3005 b < leave A
        "#,
    );
}

#[test]
fn any_face_up_to_32_bits_is_relayed_and_nothing_else() {
    for face in ["0", "1", "4", "5", "4294967295"] {
        play_in_all_dialects(&format!(
            "
    0 a enter DIALECT A
    0 b enter plain B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
  500 a > face {face}
  500 b < movement A face {face}
            "
        ));
    }
    for payload in [
        "",
        ",{}",
        ",1",
        r#",{"face":null}"#,
        r#",{"face":4294967296}"#,
        r#",{"face":-1}"#,
        r#",{"face":1.5}"#,
        r#",{"face":"laugh"}"#,
        r#",{"face":1,"face":null}"#,
    ] {
        play(&format!(
            r#"
    0 a enter plain A
    0 b enter plain B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
  500 a > ["face"{payload}]
  500 a < problem bad-payload face
            "#
        ));
    }
}

#[test]
fn a_choice_outside_a_round_is_ignored_and_does_not_count_in_the_next() {
    play(
        r#"
    0 a enter eio4 A
    0 b enter eio4 B
    5 a > choice 1
    6 a > join
    7 a > choice 1
    8 a >> 421["choice",{"choice":1}]
    8 a << 431[{"ok":false,"code":"not-playing","message":"<any>"}]
    9 b > join
    9 ab < start 3 A 0/0 B 0/0
   20 b > choice 2
   20 a < movement B choice
 3009 ab < result A:- 0/0/0 B:2 1/1/1
 3009 a < leave B
 3009 b < leave A
 3010 b > choice 3
        "#,
    );
}

#[test]
fn a_choice_is_forgotten_after_the_round() {
    play(
        "
    0 a enter plain A
    0 b enter plain B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
   20 a > choice 1
   20 b < movement A choice
   30 b > choice 2
   30 a < movement B choice
 3005 ab < result A:1 0/0/0 B:2 1/1/1
 3100 b > choice 3                # between rounds: a race, nothing more
 5000 a > join
 5000 ab < start 3 A 0/0 B 1/1
 8000 ab < result A:- 0/0/0 B:- 0/1/1
 8000 a < leave B
 8000 b < leave A
        ",
    );
}

#[test]
fn a_face_is_relayed_in_a_room_even_between_rounds_and_not_without_one() {
    play(
        r#"
    0 a enter eio3 A
    0 b enter plain B
    1 a > face 1
    2 a > join
    3 a >> 421["face",{"face":1}]
    3 a << 431[{"ok":false,"code":"not-playing","message":"<any>"}]
    5 b > join
    5 ab < start 3 A 0/0 B 0/0
   20 ab > choice 1
   20 b < movement A choice
   20 a < movement B choice
 3005 ab < result A:1 0/0/0 B:1 0/0/0
 3500 a > face 2
 3500 b < movement A face 2
 3600 b >> ["face",{"face":3}]
 3600 a < movement B face 3
 4000 b > leave
 4000 a < leave B
 4100 a > face 4
        "#,
    );
}

#[test]
fn game_time_is_a_flag_and_results_come_exactly_then() {
    for seconds in [1, 60] {
        let knobs = config(|config| {
            config.game_time_ms = seconds * 1_000;
            config.ping_interval_ms = 600_000;
            config.ping_timeout_ms = 600_000;
        });
        let end = 5 + seconds * 1_000;
        play_with(
            knobs,
            &format!(
                "
    0 a enter plain A
    0 b enter eio3 B
    5 ab > join
    5 ab < start {seconds} A 0/0 B 0/0
{end} ab < result A:- 0/0/0 B:- 0/0/0
{end} a < leave B
{end} b < leave A
                "
            ),
        );
    }
}

#[test]
fn leave_in_a_round_is_told_once_and_the_round_runs_to_its_deadline() {
    play_in_all_dialects(
        "
    0 a enter DIALECT A
    0 b enter DIALECT B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
  100 a > choice 1
  100 b < movement A choice
  500 b > leave
  500 a < leave B
  900 a > choice 2                # nobody is there to see it
 3005 a < result A:2 1/1/1 B:- 0/0/0
 3100 a > join
 4100 a < start 3 A 1/1 robot-1 0/0
        ",
    );
}

#[test]
fn the_leaver_counts_as_one_who_chose_nothing() {
    play(
        "
    0 a enter plain A
    0 b enter plain B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
  100 b > choice 1
  100 a < movement B choice
  500 b > leave
  500 a < leave B
 3005 a < result A:- 0/0/0 B:- 0/0/0
 3100 a quiet
        ",
    );
}

#[test]
fn the_leavers_streak_is_0_at_once_and_it_may_join_at_once() {
    play(
        "
    0 a enter plain A
    0 b enter plain B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
  100 b > choice 1
  100 a < movement B choice
  101 a > choice 3
  101 b < movement A choice
 3005 ab < result A:3 0/0/0 B:1 1/1/1
 5000 a > join
 5000 ab < start 3 A 0/0 B 1/1
 5100 b > leave
 5100 a < leave B
 5200 b > join
 6200 b < start 3 B 1/0 robot-1 0/0
 8000 a < result A:- 0/0/0 B:- 0/1/0
        ",
    );
}

#[test]
fn the_old_rounds_result_touches_the_leaver_no_more() {
    play(
        "
    0 a enter plain A
    0 b enter plain B
    0 c enter plain C
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
  100 b > leave
  100 a < leave B
  200 bc > join
  200 bc < start 3 B 0/0 C 0/0
  300 bc > choice 2
  300 c < movement B choice
  300 b < movement C choice
  400 c > choice 1
  400 b < movement C choice
 3005 a < result A:- 0/0/0 B:- 0/0/0
 3200 bc < result B:2 1/1/1 C:1 0/0/0
        ",
    );
}

#[test]
fn a_v2_opponent_sees_the_leavers_seat_become_free() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join
    5 a < room 1 A:ro
    5 b > join
    5 ab < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
  500 b > leave
  500 a < leave B
  500 a < room 1 A:ro
 3005 a < result A:- 0/0/0 B:- 0/0/0
 3100 a > join
 3100 a < room <next> A:ro
        ",
    );
}

#[test]
fn when_both_left_nothing_is_left_to_judge() {
    play(
        "
    0 a enter plain A
    0 b enter plain B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
  100 a > leave
  100 b < leave A
  200 b > leave
 4000 ab quiet
        ",
    );
}

#[test]
fn leaving_a_robot_ends_its_round_and_is_told_to_nobody() {
    play_in_all_dialects(
        "
    0 a enter DIALECT A
    0 b enter DIALECT B v2
    5 a > join
 1005 a < start 3 A 0/0 robot-1 0/0
 1500 a > leave
 1600 b > join
 1600 b < room <any> B:ro
 2600 b < room <r> B:ro robot-2:rbo
 2600 b < start 3 B 0/0 robot-2 0/0
 2700 b > leave
 6000 ab quiet
        ",
    );
}

#[test]
fn a_leave_with_nothing_to_leave_is_fine() {
    play(
        r#"
    0 a enter eio3 A
    5 a >> 421["leave"]
    5 a << 431[{"ok":true}]
    6 a > join
    7 a >> 422["leave",{}]
    7 a << 432[{"ok":true}]
 2000 a quiet
        "#,
    );
}

#[test]
fn a_lost_old_players_choice_stands_and_can_win() {
    play_in_all_dialects(
        "
    0 a enter DIALECT A
    0 b enter DIALECT B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
  100 b > choice 2
  100 a < movement B choice
  200 b lost
  300 a > choice 1
 3005 a < result A:1 0/0/0 B:2 1/1/1
 3005 a < leave B
        ",
    );
}

#[test]
fn a_v2_opponent_sees_who_is_offline_and_who_is_back() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join
    5 a < room 1 A:ro
    5 b > join
    5 ab < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
  200 b lost
  200 a < room 1 A:ro B:r
 1000 c open plain
 1000 c > hello B v2 <B.token>
 1000 c < hi 1 B resumed 0/0
 1000 c < room 1 A:ro B:ro
 1000 a < room 1 A:ro B:ro
 1000 c < start 3 A 0/0 B 0/0
 2000 c > away
 2000 ac < room 1 A:ro B:r
 2100 c > face 1
 2100 ac < room 1 A:ro B:ro
 2100 a < movement B face 1
 3005 ac < result A:- 0/0/0 B:- 0/0/0
 3005 ac < room 1 A:o B:o
        ",
    );
}

#[test]
fn a_v2_player_that_is_not_connected_at_the_result_is_left_behind() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join
    5 a < room 1 A:ro
    5 b > join
    5 ab < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
  200 b lost
  200 a < room 1 A:ro B:r
 3005 a < result A:- 0/0/0 B:- 0/0/0
 3005 a < leave B
 4000 c open plain
 4000 c > hello B v2 <B.token>
 4000 c < hi 1 B resumed 0/0
 4000 c < result A:- 0/0/0 B:- 0/0/0
 4000 c < leave B absent
        ",
    );
}

#[test]
fn both_lost_and_the_round_still_ends() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B
    5 ab > join
    5 a < room 1 A:ro
    5 a < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
  100 a > choice 2
  100 b < movement A choice
  200 b > choice 1
  200 a < movement B choice
  300 a lost
  400 b lost
 4000 c open plain
 4000 c > hello A v2 <A.token>
 4000 c < hi 0 A resumed 1/1
 4000 c < result A:2 1/1/1 B:1 0/0/0
 4000 c < leave A absent
        ",
    );
}

#[test]
fn join_while_playing_is_ignored_for_old_and_a_problem_for_v2() {
    play_in_all_dialects(
        r#"
    0 a enter DIALECT A
    0 b enter DIALECT B v2
    5 ab > join
    5 b < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
  100 ab > join
  100 b < problem already-playing join
  200 ab > join new
  200 b < problem already-playing join
  300 b > join room new
  300 b < problem already-playing join
  400 b > join room 222222
  400 b < problem already-playing join
 3005 ab < result A:- 0/0/0 B:- 0/0/0
 3005 a < leave B
 3005 b < leave A
        "#,
    );
}

#[test]
fn unknown_events_are_answered_with_problem() {
    play_in_all_dialects(
        r#"
    0 a enter DIALECT A
    0 b enter DIALECT B v2
    5 ab > ["dance",{"x":1}]
    5 ab < ["problem",{"code":"unknown-event","message":"<any>","event":"dance"}]
    6 ab > ["start",{}]
    6 ab < problem unknown-event start
    7 a > ping
    7 a < problem unknown-event ping
    8 a > away
    8 a < problem unknown-event away
    9 b > ping
    9 b < pong
        "#,
    );
}

#[test]
fn a_join_takes_none_null_or_an_object_and_old_keys_are_not_read() {
    for payload in [
        "",
        ",null",
        ",{}",
        r#",{"x":1}"#,
        r#",{"new":true}"#,
        r#",{"room":"new"}"#,
    ] {
        play(&format!(
            r#"
    0 a enter plain A
    0 b enter plain B
    5 a > ["join"{payload}]
    5 b > ["join"{payload}]
    5 ab < start 3 A 0/0 B 0/0
            "#
        ));
    }
}

#[test]
fn a_v2_join_that_is_not_one_is_refused() {
    for payload in [
        "5",
        r#""x""#,
        "[]",
        r#"{"room":5}"#,
        r#"{"new":"yes"}"#,
        r#"{"new":1}"#,
        r#"{"new":true,"new":"no"}"#,
        r#"{"room":"new","new":true}"#,
    ] {
        play(&format!(
            r#"
    0 a enter plain A v2
    5 a > ["join",{payload}]
    5 a < problem bad-payload join
 2000 a quiet
            "#
        ));
    }
}

#[test]
fn ping_is_answered_pong_and_pong_has_no_payload() {
    play_in_all_dialects(
        r#"
    0 a enter DIALECT A v2
    5 a > ["ping"]
    5 a < ["pong"]
    6 a > ["ping",{}]
    6 a < ["pong"]
        "#,
    );
}

#[test]
fn a_leaver_against_a_lost_player_is_told_to_it_when_it_comes_back() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B
    5 a > join
    5 a < room 1 A:ro
    5 b > join
    5 a < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
  100 a > choice 2
  100 b < movement A choice
  200 a lost
  500 b > leave
  600 b > join
 1600 b < start 3 B 0/0 robot-1 0/0
 4000 c open plain
 4000 c > hello A v2 <A.token>
 4000 c < hi 1 A resumed 1/1
 4000 c < result A:2 1/1/1 B:- 0/0/0
 4000 c < leave A absent
        ",
    );
}

#[test]
fn a_leavers_later_choices_and_faces_go_nowhere() {
    play(
        "
    0 a enter plain A
    0 b enter plain B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
  500 b > leave
  500 a < leave B
  600 b > choice 2
  700 b > face 1
  800 a > face 1
 3005 a < result A:- 0/0/0 B:- 0/0/0
        ",
    );
}

#[test]
fn who_left_may_be_lost_and_nobody_hears_of_it() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join
    5 a < room 1 A:ro
    5 b > join
    5 ab < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
  500 b > leave
  500 a < leave B
  500 a < room 1 A:ro
  600 b lost
 3005 a < result A:- 0/0/0 B:- 0/0/0
        ",
    );
}

#[test]
fn a_robots_points_are_the_humans_opponents_and_no_more() {
    // Whatever a robot shows, its row and the human's are two sides of one judgement.
    use crate::common::{Act, Bench};
    use roshambo::hub::{Dialect, Input};
    for seed in 0..30 {
        let mut bench = Bench::new(config(|config| config.seed = Some(seed)));
        let conn = bench.open(Dialect::Plain);
        for text in [r#"["hello",{"user":{"uid":"A"}}]"#, r#"["join"]"#] {
            bench.tell(Input::Text { conn, text });
        }
        bench.advance(1_500, false);
        let text = r#"["choice",{"choice":1}]"#;
        bench.tell(Input::Text { conn, text });
        bench.advance(4_000, true);
        let results = bench
            .take_deeds()
            .into_iter()
            .filter_map(|deed| match deed.act {
                Act::Text(text) if text.starts_with(r#"["result""#) => Some(text),
                _ => None,
            });
        let results: Vec<String> = results.collect();
        let row = |uid: &str, points: u8, choice: u8| {
            let scores = format!(r#""totalScore":{points},"winStreak":{points}"#);
            format!(r#"{{"uid":"{uid}","roundScore":{points},{scores},"choice":{choice}}}"#)
        };
        let possible: Vec<String> = [(0, 0, 1), (0, 1, 2), (1, 0, 3)]
            .into_iter()
            .map(|(mine, its, choice)| {
                let (human, robot) = (row("A", mine, 1), row("robot-1", its, choice));
                format!(r#"["result",{{"result":[{human},{robot}]}}]"#)
            })
            .collect();
        assert_eq!(results.len(), 1);
        assert!(possible.contains(&results[0]), "{results:?}");
    }
}

#[test]
fn a_choice_at_the_deadline_is_too_late() {
    play(
        r#"
    0 a enter eio4 A
    0 b enter plain B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
   10 a > choice 1
   10 b < movement A choice
   10 b > choice 1
   10 a < movement B choice
 3005 a >> 427["choice",{"choice":2}]
 3005 a << 437[{"ok":false,"code":"not-playing","message":"<any>"}]
 3005 ab < result A:1 0/0/0 B:1 0/0/0
        "#,
    );
}

#[test]
fn a_join_at_the_deadline_is_one_for_the_next_round() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join
    5 a < room 1 A:ro
    5 b > join
    5 ab < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
 3005 a > join
 3005 ab < result A:- 0/0/0 B:- 0/0/0
 3005 ab < room 1 A:o B:o
 3005 ab < room 1 A:ro B:o
        ",
    );
}

#[test]
fn any_uid_and_any_event_name_is_told_as_json() {
    play_in_all_dialects(
        r#"
    0 a open plain
    0 a > ["hello",{"user":{"uid":"a\"b\\c</é","uname":"","uavatar":""}}]
    0 a < hi 0
    0 b enter DIALECT B
    5 a > join
    5 b > join
    5 b < ["start",<any>,<rest>
    5 a < ["start",<any>,<rest>
   10 a > choice 1
   10 b < ["movement",{"uid":"a\"b\\c</é","movement":"choice"}]
   20 a > face 1
   20 b < ["movement",{"uid":"a\"b\\c</é","movement":"face","face":1}]
   30 b > ["quote\" and \\ and \u0001",{}]
   30 b < ["problem",{"code":"unknown-event","message":"<any>","event":"quote\" and \\ and \u0001"}]
   40 a > leave
   40 b < ["leave",{"uid":"a\"b\\c</é"}]
        "#,
    );
}

#[test]
fn a_deeply_nested_payload_is_a_bad_one() {
    let deep = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
    play(&format!(
        r#"
    0 a enter plain A
    5 a > ["choice",{deep}]
    5 a < problem bad-payload choice
        "#
    ));
}
