//! Section 5, after `result`: who is ready again, who waits, who goes to the lobby.

use crate::play::{config, play, play_in_all_dialects, play_with};

/// A v2 player A and a v2 player B after a round that A won, at 3005.
const V2_AND_V2: &str = "
    0 a enter plain A v2
    0 b enter eio4 B v2
    5 a > join
    5 a < room 1 A:ro
    5 b > join
    5 ab < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
   10 a > choice 2
   10 b < movement A choice
   20 b > choice 1
   20 a < movement B choice
 3005 ab < result A:2 1/1/1 B:1 0/0/0
 3005 ab < room 1 A:o B:o
";

/// An old player A and an old player B after a round that A won, at 3005. No button freezes.
const OLD_AND_OLD: &str = "
    0 a enter plain A
    0 b enter eio4 B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
   10 a > choice 2
   10 b < movement A choice
   20 b > choice 1
   20 a < movement B choice
 3005 ab < result A:2 1/1/1 B:1 0/0/0
";

/// An old player A and a v2 player B after a round that A won, at 3005.
const OLD_WON_V2: &str = "
    0 a enter plain A
    0 b enter plain B v2
    5 ab > join
    5 b < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
   10 a > choice 2
   10 b < movement A choice
   20 b > choice 1
   20 a < movement B choice
 3005 ab < result A:2 1/1/1 B:1 0/0/0
 3005 b < room 1 A:ro B:o
";

/// The same, but B won.
const V2_WON_OLD: &str = "
    0 a enter plain A
    0 b enter plain B v2
    5 ab > join
    5 b < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
   10 a > choice 1
   10 b < movement A choice
   20 b > choice 2
   20 a < movement B choice
 3005 ab < result A:1 0/0/0 B:2 1/1/1
 3005 b < room 1 A:ro B:o
";

#[track_caller]
fn play_after(opening: &str, rest: &str) {
    play(&format!("{opening}{rest}"));
}

#[test]
fn two_v2_players_both_have_to_say_join() {
    play_after(
        V2_AND_V2,
        "
 3100 b > join
 3100 ab < room 1 A:o B:ro
 4000 a > join
 4000 ab < room 1 A:ro B:ro
 4000 ab < start 3 A 1/1 B 0/0
 7000 ab < result A:- 0/1/1 B:- 0/0/0
 7000 ab < room 1 A:o B:o
        ",
    );
}

#[test]
fn two_v2_players_need_not_wait_for_any_page() {
    play_after(
        V2_AND_V2,
        "
 3006 b > join
 3006 ab < room 1 A:o B:ro
 3007 a > join
 3007 ab < room 1 A:ro B:ro
 3007 ab < start 3 A 1/1 B 0/0
        ",
    );
}

#[test]
fn a_second_join_while_waiting_for_the_partner_changes_nothing() {
    play_after(
        V2_AND_V2,
        "
 3100 b > join
 3100 ab < room 1 A:o B:ro
 3200 b > join
 4000 a > join
 4000 ab < room 1 A:ro B:ro
 4000 ab < start 3 A 1/1 B 0/0
        ",
    );
}

#[test]
fn an_old_player_that_chose_is_ready_and_one_join_is_enough() {
    play_after(
        OLD_AND_OLD,
        "
 6000 b > join
 6000 ab < start 3 A 1/1 B 0/0
        ",
    );
}

#[test]
fn an_old_player_that_won_gets_no_start_within_a_second_and_a_half() {
    play_after(
        OLD_AND_OLD,
        "
 3010 b > join
 4505 ab < start 3 A 1/1 B 0/0
 7505 ab < result A:- 0/1/1 B:- 0/0/0
 7505 a < leave B
 7505 b < leave A
        ",
    );
    play_after(
        OLD_AND_OLD,
        "
 4504 a > join
 4505 ab < start 3 A 1/1 B 0/0
        ",
    );
    play_after(
        OLD_AND_OLD,
        "
 4506 a > join
 4506 ab < start 3 A 1/1 B 0/0
        ",
    );
}

#[test]
fn an_old_player_that_drew_gets_no_start_within_a_second_and_a_half() {
    play_in_all_dialects(
        "
    0 a enter DIALECT A
    0 b enter plain B v2
    5 ab > join
    5 b < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
   10 a > choice 2
   10 b < movement A choice
   20 b > choice 2
   20 a < movement B choice
 3005 ab < result A:2 0/0/0 B:2 0/0/0
 3005 b < room 1 A:ro B:o
 3100 b > join
 3100 b < room 1 A:ro B:ro
 4505 b < room 1 A:ro B:ro
 4505 ab < start 3 A 0/0 B 0/0
        ",
    );
}

#[test]
fn an_old_player_that_lost_to_v2_gets_its_start_at_once() {
    play_after(
        V2_WON_OLD,
        "
 3010 b > join
 3010 b < room 1 A:ro B:ro
 3010 ab < start 3 A 0/0 B 1/1
        ",
    );
}

#[test]
fn leaving_before_the_second_and_a_half_is_over_cancels_the_start() {
    // B, an old one that asked for a round, gets it in the lobby.
    play_after(
        OLD_AND_OLD,
        "
 3010 b > join
 3100 a > leave
 3100 b < leave A
 4100 b < start 3 B 0/0 robot-1 0/0
 7100 b < result B:- 0/0/0 robot-1:2 1/1/1
 9000 a quiet
        ",
    );
}

#[test]
fn an_old_player_waits_for_v2_as_long_as_rematch_wait_and_then_gets_a_robot() {
    play_after(
        OLD_WON_V2,
        "
 3500 a > join
 8500 b < leave A
 8500 a < start 3 A 1/1 robot-1 0/0
        ",
    );
}

#[test]
fn v2_that_joins_within_rematch_wait_is_in_time() {
    play_after(
        OLD_WON_V2,
        "
 3500 a > join
 8499 b > join
 8499 b < room 1 A:ro B:ro
 8499 ab < start 3 A 1/1 B 0/0
        ",
    );
}

#[test]
fn a_v2_player_waits_for_v2_as_long_as_rematch_wait_too() {
    play_after(
        V2_AND_V2,
        "
 3500 b > join
 3500 ab < room 1 A:o B:ro
 8500 a < leave B
 8500 b < room <r> B:ro
 8500 b < room <r> B:ro robot-1:rbo
 8500 b < start 3 B 0/0 robot-1 0/0
        ",
    );
}

#[test]
fn rematch_wait_is_a_flag_and_counts_into_the_lobbys_wait() {
    let knobs = config(|config| config.rematch_wait_ms = 300);
    play_with(
        knobs,
        &format!(
            "{OLD_WON_V2}
 3500 a > join
 3800 b < leave A
 4500 a < start 3 A 1/1 robot-1 0/0
        "
        ),
    );
}

#[test]
fn after_rematch_wait_a_waiting_human_comes_first() {
    play_after(
        OLD_WON_V2,
        "
 3500 a > join
 8000 c enter plain C
 8100 c > join
 8500 b < leave A
 8500 ac < start 3 A 1/1 C 0/0
        ",
    );
}

#[test]
fn the_partner_that_was_left_is_simply_free() {
    play_after(
        OLD_WON_V2,
        "
 3500 a > join
 8500 b < leave A
 8500 a < start 3 A 1/1 robot-1 0/0
 8600 b > face 1
 8700 b > join
 8700 b < room <r> B:ro
 8800 b > leave
 8900 b > join
 8900 b < room <s> B:ro
        ",
    );
}

#[test]
fn an_old_player_that_chose_nothing_counts_as_gone() {
    play(
        "
    0 a enter plain A
    0 b enter plain B v2
    5 ab > join
    5 b < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
   20 b > choice 1
   20 a < movement B choice
 3005 ab < result A:- 0/0/0 B:1 1/1/1
 3005 b < leave A
 3005 a < leave B
 3100 b > join
 3100 b < room <r> B:ro
 4100 b < room <r> B:ro robot-1:rbo
 4100 b < start 3 B 1/1 robot-1 0/0
        ",
    );
}

#[test]
fn an_old_player_that_is_lost_after_the_result_is_gone() {
    play_after(
        OLD_WON_V2,
        "
 3500 a lost
 3500 b < leave A
 3600 b > join
 3600 b < room <r> B:ro
        ",
    );
}

#[test]
fn a_v2_player_that_is_lost_after_the_result_keeps_its_seat_but_is_not_ready() {
    play_after(
        V2_AND_V2,
        "
 3100 a > join
 3100 ab < room 1 A:ro B:o
 3200 a lost
 3200 b < room 1 A:. B:o
 3300 b > join
 3300 b < room 1 A:. B:ro
 4000 c open plain
 4000 c > hello A v2 <A.token>
 4000 c < hi 1 A resumed 1/1
 4000 bc < room 1 A:o B:ro
 4000 c < result A:2 1/1/1 B:1 0/0/0
 4100 c > join
 4100 bc < room 1 A:ro B:ro
 4100 bc < start 3 A 1/1 B 0/0
        ",
    );
}

#[test]
fn away_clears_readiness_and_its_next_event_does_not_bring_it_back() {
    play_after(
        V2_AND_V2,
        "
 3100 a > join
 3100 ab < room 1 A:ro B:o
 3200 a > away
 3200 ab < room 1 A:. B:o
 3300 b > join
 3300 ab < room 1 A:. B:ro
 3400 a seen
 3500 a > ping
 3500 ab < room 1 A:o B:ro
 3500 a < pong
 3600 a > join
 3600 ab < room 1 A:ro B:ro
 3600 ab < start 3 A 1/1 B 0/0
        ",
    );
}

#[test]
fn a_v2_player_that_is_away_at_the_result_is_left_behind() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join
    5 a < room 1 A:ro
    5 b > join
    5 ab < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
   10 a > choice 2
   10 b < movement A choice
  500 a > away
  500 ab < room 1 A:r B:ro
 3005 ab < result A:2 1/1/1 B:- 0/0/0
 3005 b < leave A
 3005 a < leave B
        ",
    );
}

#[test]
fn leave_after_the_result_frees_both() {
    play_after(
        V2_AND_V2,
        "
 3100 a > leave
 3100 b < leave A
 3200 b > join
 3200 b < room <r> B:ro
 3300 a > join
 3300 ab < room <r> B:ro A:ro
 3300 ab < start 3 B 0/0 A 1/1
        ",
    );
}

#[test]
fn after_sixty_seconds_without_anything_the_room_dissolves() {
    let knobs = config(|config| config.ping_interval_ms = 600_000);
    for opening in [V2_AND_V2, OLD_AND_OLD] {
        play_with(
            knobs.clone(),
            &format!(
                "{opening}
63004 ab quiet
63005 a < leave B
63005 b < leave A
63100 a quiet
                "
            ),
        );
    }
}

#[test]
fn against_a_robot_join_goes_to_the_lobby_for_the_next_robot() {
    play(
        "
    0 a enter plain A
    5 a > join
 1005 a < start 3 A 0/0 robot-1 0/0
 4005 a < result A:- 0/0/0 robot-1:? ?/?/?
 4100 a > join
 5100 a < start 3 A 0/0 robot-2 0/0
        ",
    );
}

#[test]
fn new_goes_to_the_lobby_at_once_and_the_partner_gets_leave() {
    play_after(
        V2_AND_V2,
        "
 3100 a > join new
 3100 b < leave A
 3100 a < room <r> A:ro
 4100 a < room <r> A:ro robot-1:rbo
 4100 a < start 3 A 1/1 robot-1 0/0
        ",
    );
}

#[test]
fn who_left_by_new_meets_the_old_partner_only_when_its_robot_is_due() {
    play_after(
        V2_AND_V2,
        "
 3100 a > join new
 3100 b < leave A
 3100 a < room <r> A:ro
 3200 b > join
 3200 b < room <s> B:ro
 4100 ab < room <t> A:ro B:ro
 4100 ab < start 3 A 1/1 B 0/0
        ",
    );
}

#[test]
fn who_left_by_new_takes_the_first_other_human() {
    play_after(
        V2_AND_V2,
        "
 3050 c enter plain C
 3100 a > join new
 3100 b < leave A
 3100 a < room <r> A:ro
 3200 b > join
 3200 b < room <s> B:ro
 3300 c > join
 3300 a < room <t> A:ro C:ro
 3300 ac < start 3 A 1/1 C 0/0
        ",
    );
}

#[test]
fn an_old_clients_new_is_a_plain_join() {
    play_after(
        OLD_AND_OLD,
        "
 6000 b > join new
 6000 ab < start 3 A 1/1 B 0/0
        ",
    );
}

#[test]
fn a_new_while_waiting_for_the_partner_goes_to_the_lobby_at_once() {
    play_after(
        V2_AND_V2,
        "
 3100 a > join
 3100 ab < room 1 A:ro B:o
 4000 a > join new
 4000 b < leave A
 4000 a < room <r> A:ro
 5000 a < room <r> A:ro robot-1:rbo
 5000 a < start 3 A 1/1 robot-1 0/0
        ",
    );
}

#[test]
fn a_v2_players_new_is_told_to_an_old_partner() {
    play_after(
        OLD_WON_V2,
        "
 3100 b > join new
 3100 a < leave B
 3100 b < room <r> B:ro
 3200 c enter plain C
 3300 c > join
 3300 b < room <s> B:ro C:ro
 3300 bc < start 3 B 0/0 C 0/0
        ",
    );
}

#[test]
fn who_waits_for_its_partner_when_the_minute_is_over_goes_to_the_lobby() {
    let knobs = config(|config| config.ping_interval_ms = 600_000);
    play_with(
        knobs,
        &format!(
            "{V2_AND_V2}
62000 a > join
62000 ab < room 1 A:ro B:o
63005 b < leave A
63005 a < room <r> A:ro
63005 a < room <r> A:ro robot-1:rbo
63005 a < start 3 A 1/1 robot-1 0/0
            "
        ),
    );
}

#[test]
fn a_round_after_a_round_after_a_round() {
    let mut transcript = OLD_AND_OLD.to_owned();
    for number in 1..5 {
        let at = 1_000 + number * 5_000;
        let (total, streak) = ((number * (number + 1)) / 2, number);
        let next = number + 1;
        transcript += &format!(
            "{at} b > join
            {at} ab < start 3 A {total}/{streak} B 0/0
            {at} a > choice 2
            {at} b < movement A choice
            {at} b > choice 1
            {at} a < movement B choice
            {} ab < result A:2 {next}/{}/{next} B:1 0/0/0\n",
            at + 3_000,
            total + next,
        );
    }
    play(&transcript);
}

#[test]
fn a_partner_that_is_lost_while_the_other_waits_for_it_is_still_waited_for() {
    play_after(
        V2_AND_V2,
        "
 3100 b > join
 3100 ab < room 1 A:o B:ro
 4000 a lost
 4000 b < room 1 A:. B:ro
 8100 b < room <r> B:ro
 8100 b < room <r> B:ro robot-1:rbo
 8100 b < start 3 B 0/0 robot-1 0/0
 9000 c open plain
 9000 c > hello A v2 <A.token>
 9000 c < hi 1 A resumed 1/1
 9000 c < result A:2 1/1/1 B:1 0/0/0
 9000 c < leave A absent
        ",
    );
}

#[test]
fn an_old_player_that_asked_for_a_round_waits_in_the_lobby_when_its_partner_is_lost() {
    // Its page knows no `leave`. Its wait begins anew.
    play_after(
        OLD_AND_OLD,
        "
 3100 b > join
 3200 a lost
 3200 b < leave A
 3300 b > join
 4200 b < start 3 B 0/0 robot-1 0/0
        ",
    );
}
