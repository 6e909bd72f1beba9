//! Section 5, the lobby: who is paired with whom and when, robots, parked players, and the
//! original's frozen button.

use crate::common::{Act, Bench};
use crate::play::{config, play, play_in_all_dialects, play_with};
use roshambo::hub::{Dialect, Input};

#[test]
fn who_waits_longer_sits_first() {
    play_in_all_dialects(
        "
    0 a enter DIALECT A
    0 b enter DIALECT B
    5 b > join
  999 a > join
  999 ab < start 3 B 0/0 A 0/0
        ",
    );
}

#[test]
fn who_waits_longest_is_paired_first() {
    // Two connections with one uid never meet, so that both wait for C and D.
    play(
        "
    0 a enter plain X
    0 b enter plain X
    0 c enter plain C
    0 d enter plain D
   10 b > join
   20 a > join
   30 c > join
   30 bc < start 3 X 0/0 C 0/0
   40 d > join
   40 ad < start 3 X 0/0 D 0/0
        ",
    );
}

#[test]
fn one_uid_is_never_paired_with_itself() {
    play(
        "
    0 a enter plain X
    0 b enter eio3 X
   10 a > join
   20 b > join
 1010 a < start 3 X 0/0 robot-1 0/0
 4009 b quiet
        ",
    );
}

#[test]
fn a_robot_comes_after_robot_after_and_not_a_millisecond_earlier() {
    play_in_all_dialects(
        "
    0 a enter DIALECT A
    5 a > join
 1004 a quiet
 1005 a < start 3 A 0/0 robot-1 0/0
        ",
    );
    for robot_after in [0, 250, 3_000] {
        let knobs = config(|config| config.robot_after_ms = robot_after);
        let at = 5 + robot_after;
        play_with(
            knobs,
            &format!(
                "
    0 a enter plain A
    5 a > join
{at} a < start 3 A 0/0 robot-1 0/0
                "
            ),
        );
    }
}

#[test]
fn joining_again_while_waiting_keeps_the_place() {
    play_in_all_dialects(
        "
    0 a enter DIALECT A
    0 b enter DIALECT B v2
    5 a > join
  900 a > join
 1005 a < start 3 A 0/0 robot-1 0/0
 1100 b > join
 1100 b < room <r> B:ro
 1500 b > join
 1600 b > join new
 1700 a > leave
 2100 b < room <r> B:ro robot-2:rbo
 2100 b < start 3 B 0/0 robot-2 0/0
        ",
    );
}

#[test]
fn a_robots_number_skips_its_humans_uid() {
    play(
        "
    0 a enter plain robot-1
    5 a > join
 1005 a < start 3 robot-1 0/0 robot-2 0/0
        ",
    );
}

#[test]
fn a_robots_seat_is_never_given_to_anyone() {
    play(
        "
    0 a enter plain A
    0 b enter plain B
    5 a > join
 1005 a < start 3 A 0/0 robot-1 0/0
 1500 b > join
 4004 b quiet
        ",
    );
}

#[test]
fn while_a_human_is_mid_round_against_a_robot_another_waits_for_it() {
    play(
        "
    0 a enter plain A
    0 b enter plain B v2
    5 a > join
 1005 a < start 3 A 0/0 robot-1 0/0
 1500 b > join
 1500 b < room <r> B:ro
 4004 b quiet
        ",
    );
}

#[test]
fn the_human_that_comes_from_its_robot_meets_the_one_that_waited() {
    play(
        "
    0 a enter plain A
    0 b enter plain B
    5 a > join
 1005 a < start 3 A 0/0 robot-1 0/0
 1010 a > leave
 1100 b > join
 1200 a > join
 1200 ab < start 3 B 0/0 A 0/0
        ",
    );
}

#[test]
fn a_wait_for_a_human_never_exceeds_robot_after_and_game_time() {
    let mut bench = Bench::new(config(|config| config.robot_after_ms = 1_000));
    let enter = |bench: &mut Bench, uid: &str| {
        let conn = bench.open(Dialect::Plain);
        let text = format!(r#"["hello",{{"user":{{"uid":"{uid}"}}}}]"#);
        bench.tell(Input::Text { conn, text: &text });
        conn
    };
    let (a, b) = (enter(&mut bench, "A"), enter(&mut bench, "B"));
    let text = r#"["join"]"#;
    bench.tell(Input::Text { conn: a, text });
    bench.advance(1_500, false);
    bench.tell(Input::Text { conn: b, text });
    bench.advance(1_500 + 4_000, true);
    let starts: Vec<u64> = bench
        .take_deeds()
        .into_iter()
        .filter(|deed| deed.conn == b)
        .filter(|deed| matches!(&deed.act, Act::Text(text) if text.starts_with(r#"["start""#)))
        .map(|deed| deed.at)
        .collect();
    assert!(
        matches!(starts.as_slice(), [4_000..=5_500]),
        "B joined at 1500, A's robot round ended at 4000: {starts:?}"
    );
}

#[test]
fn a_human_that_joins_right_after_its_robot_meets_the_one_that_waited() {
    // The result comes at 4005, and the original's player needs a moment to press its button.
    play(
        "
    0 a enter plain A v2
    0 b enter plain B
    5 a > join
    5 a < room 1 A:ro
 1005 a < room 1 A:ro robot-1:rbo
 1005 a < start 3 A 0/0 robot-1 0/0
 3500 b > join
 4005 a < result A:- 0/0/0 robot-1:? ?/?/?
 4400 a > join
 4400 a < room <r> B:ro A:ro
 4400 ab < start 3 B 0/0 A 0/0
        ",
    );
}

#[test]
fn an_old_player_that_is_lost_while_waiting_is_removed() {
    play_in_all_dialects(
        "
    0 a enter DIALECT A
    0 b enter DIALECT B
    5 a > join
   10 a lost
   20 b > join
 1020 b < start 3 B 0/0 robot-1 0/0
        ",
    );
}

#[test]
fn a_v2_player_that_is_lost_while_waiting_gets_neither_human_nor_robot_until_it_is_back() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B
    5 a > join
    5 a < room 1 A:ro
   10 a lost
   20 b > join
 1020 b < start 3 B 0/0 robot-1 0/0
 2000 b > leave
 5000 c open plain
 5000 c > hello A v2 <A.token>
 5000 c < hi 1 A resumed 0/0
 5000 c < room 1 A:ro
 5000 c < room 1 A:ro robot-2:rbo
 5000 c < start 3 A 0/0 robot-2 0/0
        ",
    );
}

#[test]
fn a_parked_player_that_comes_back_has_kept_its_place() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B
    5 a > join
    5 a < room 1 A:ro
  100 a lost
  500 b > join
  600 c open plain
  600 c > hello A v2 <A.token>
  600 c < hi 1 A resumed 0/0
  600 c < room 1 A:ro
  600 c < room <r> A:ro B:ro
  600 bc < start 3 A 0/0 B 0/0
        ",
    );
}

#[test]
fn a_player_away_while_waiting_is_parked_until_its_next_event() {
    play_in_all_dialects(
        "
    0 a enter DIALECT A v2
    0 b enter DIALECT B
    5 a > join
    5 a < room 1 A:ro
   10 a > away
   10 a < room 1 A:r
  500 b > join
  700 a seen                      # a pong is no event
  800 a > ping
  800 a < room 1 A:ro
  800 a < room <r> A:ro B:ro
  800 ab < start 3 A 0/0 B 0/0
  800 a < pong
        ",
    );
}

#[test]
fn a_parked_player_that_comes_back_only_to_leave_meets_nobody() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B
    5 a > join
    5 a < room 1 A:ro
   10 a > away
   10 a < room 1 A:r
  500 b > join
  800 a > leave
  800 a <? room 1 A:ro
 1500 b < start 3 B 0/0 robot-1 0/0
        ",
    );
}

#[test]
fn a_parked_player_that_comes_back_for_a_private_room_gets_it() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B
    5 a > join
    5 a < room 1 A:ro
   10 a > away
   10 a < room 1 A:r
  500 b > join
  800 a > join room new
  800 a <? room 1 A:ro
  800 a < room <r> A:ro code=<code>
 1500 b < start 3 B 0/0 robot-1 0/0
        ",
    );
}

#[test]
fn a_parked_place_is_gone_after_sixty_seconds() {
    play(
        "
    0 a enter plain A v2
    5 a > join
    5 a < room 1 A:ro
 1000 a lost
61001 c open plain
61001 c > hello A v2 <A.token>
61001 c < hi 0 A resumed 0/0
61001 c < leave A absent
62500 c quiet
        ",
    );
    play(
        "
    0 a enter plain A v2
    5 a > join
    5 a < room 1 A:ro
  500 a lost
60499 c open plain
60499 c > hello A v2 <A.token>
60499 c < hi 0 A resumed 0/0
60499 c < room 1 A:ro
60499 c < room 1 A:ro robot-1:rbo
60499 c < start 3 A 0/0 robot-1 0/0
        ",
    );
}

#[test]
fn a_parked_player_does_not_meet_another_parked_one() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join
    5 a < room 1 A:ro
   10 a > away
   10 a < room 1 A:r
   20 b > join
   20 b < room 2 B:ro
   30 b > away
   30 b < room 2 B:r
 2000 a > ping
 2000 a < room 1 A:ro
 2000 a < room 1 A:ro robot-1:rbo
 2000 a < start 3 A 0/0 robot-1 0/0
 2000 a < pong
        ",
    );
}

#[test]
fn robots_choose_at_10_ms_and_then_every_100_to_4100_ms() {
    let mut gaps = Vec::new();
    for seed in 0..40 {
        let mut bench = Bench::new(config(|config| {
            config.seed = Some(seed);
            config.game_time_ms = 20_000;
            config.robot_after_ms = 0;
        }));
        let (start, moves, _) = robot_round(&mut bench);
        assert_eq!(moves.first(), Some(&(start + 10)), "seed {seed}");
        gaps.extend(moves.windows(2).map(|pair| pair[1] - pair[0]));
    }
    let (least, most) = (gaps.iter().min(), gaps.iter().max());
    assert!(
        gaps.iter().all(|gap| (100..=4_100).contains(gap)),
        "{least:?} to {most:?}"
    );
    assert!(
        least < Some(&300) && Some(&3_900) < most,
        "{least:?} to {most:?}"
    );
}

#[test]
fn robots_show_each_hand_as_often() {
    let mut shown = [0; 4];
    for seed in 0..600 {
        let mut bench = Bench::new(config(|config| {
            config.seed = Some(seed);
            config.game_time_ms = 1_000;
            config.robot_after_ms = 0;
        }));
        let (_, _, choice) = robot_round(&mut bench);
        shown[choice] += 1;
    }
    assert_eq!(shown[0], 0);
    assert!(
        shown[1..].iter().all(|&count| (150..=250).contains(&count)),
        "{shown:?}"
    );
}

/// When a round against a robot started, when the robot moved, and what it showed in the end.
fn robot_round(bench: &mut Bench) -> (u64, Vec<u64>, usize) {
    let conn = bench.open(Dialect::Plain);
    for text in [r#"["hello",{"user":{"uid":"A"}}]"#, r#"["join"]"#] {
        bench.tell(Input::Text { conn, text });
    }
    bench.advance(20_000, true);
    let (mut start, mut moves, mut choice) = (None, Vec::new(), 0);
    for deed in bench.take_deeds() {
        let Act::Text(text) = &deed.act else { continue };
        if text.starts_with(r#"["start""#) {
            start = Some(deed.at);
        } else if text.starts_with(r#"["movement",{"uid":"robot-1","movement":"choice"}"#) {
            moves.push(deed.at);
        } else if text.starts_with(r#"["result""#) {
            let row = text.rsplit_once(r#""choice":"#).expect("the robot's row").1;
            choice = row[..1].parse().expect("a robot always chose");
        }
    }
    (start.expect("a round"), moves, choice)
}

/// An EIO3 player A that chose and lost to a plain B at 3005.
const A_LOST: &str = "
    0 a enter eio3 A
    0 b enter plain B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
   10 a > choice 1
   10 b < movement A choice
   20 b > choice 2
   20 a < movement B choice
 3005 ab < result A:1 0/0/0 B:2 1/1/1
";

#[test]
fn a_frozen_button_is_pressed_four_seconds_after_the_loss() {
    play(&format!(
        "{A_LOST}
 7005 b < leave A
 8005 a < start 3 A 0/0 robot-1 0/0
        "
    ));
}

#[test]
fn a_frozen_button_takes_a_waiting_human_first() {
    play(&format!(
        "{A_LOST}
 6500 c enter plain C
 6600 c > join
 7005 b < leave A
 7005 ac < start 3 C 0/0 A 0/0
        "
    ));
}

#[test]
fn a_frozen_button_is_freed_against_a_robot_too() {
    // A robot shows what it wants: look for one that wins, one that loses and one that draws.
    let mut seen = [false; 3];
    for seed in 0..30 {
        let mut bench = Bench::new(config(|config| config.seed = Some(seed)));
        let conn = bench.open(Dialect::Eio3);
        for text in [
            r#"42["hello",{"user":{"uid":"A"}}]"#,
            r#"42["join"]"#,
            r#"42["leave"]"#,
            r#"42["join"]"#,
        ] {
            bench.tell(Input::Text { conn, text });
        }
        bench.advance(1_500, false);
        let text = r#"42["choice",{"choice":1}]"#;
        bench.tell(Input::Text { conn, text });
        bench.advance(12_000, true);
        let (mut starts, mut robots) = (Vec::new(), None);
        for deed in bench.take_deeds() {
            let Act::Text(text) = deed.act else { continue };
            if text.starts_with(r#"42["start""#) {
                starts.push(deed.at);
            } else if text.starts_with(r#"42["result""#) && robots.is_none() {
                let row = text.rsplit_once(r#""choice":"#).expect("the robot's row").1;
                robots = row[..1].parse::<usize>().ok();
            }
        }
        let robots = robots.expect("a result");
        seen[robots - 1] = true;
        // Scissors lose to rock only.
        let wanted: &[u64] = match robots {
            2 => &[1_000, 9_000],
            _ => &[1_000],
        };
        assert_eq!(starts, wanted, "seed {seed}, the robot showed {robots}");
    }
    assert_eq!(seen, [true; 3]);
}

#[test]
fn the_next_start_frees_the_button_before() {
    play(&format!(
        "{A_LOST}
 4000 b > join
 4505 ab < start 3 A 0/0 B 1/1
 4600 b > choice 3
 4600 a < movement B choice
 4700 a > choice 3
 4700 b < movement A choice
 7505 ab < result A:3 0/0/0 B:3 0/1/1
12000 a quiet
        "
    ));
}

#[test]
fn its_own_join_cancels_the_frozen_button() {
    play(&format!(
        "{A_LOST}
 6000 a > join
 6000 ab < start 3 A 0/0 B 1/1
 9000 ab < result A:- 0/0/0 B:- 0/1/1
 9000 a < leave B
 9000 b < leave A
15000 a quiet
        "
    ));
}

#[test]
fn its_own_leave_cancels_the_frozen_button() {
    play(&format!(
        "{A_LOST}
 6000 a > leave
 6000 b < leave A
12000 a quiet
        "
    ));
}

#[test]
fn its_loss_cancels_the_frozen_button() {
    play(&format!(
        "{A_LOST}
 6000 a lost
 6000 b < leave A
12000 b quiet
        "
    ));
}

#[test]
fn a_drain_cancels_the_frozen_button() {
    play(&format!(
        "{A_LOST}
 6000 * drain
12000 a quiet
        "
    ));
}

#[test]
fn the_partners_leaving_does_not_cancel_the_frozen_button() {
    play(&format!(
        "{A_LOST}
 3500 b > leave
 3500 a < leave B
 8005 a < start 3 A 0/0 robot-1 0/0
        "
    ));
}

#[test]
fn nothing_is_frozen_for_other_clients_and_other_outcomes() {
    // Who A is, what both show, and who wins.
    let lost = ("choice 1", "A:1 0/0/0 B:2 1/1/1");
    let drew = ("choice 2", "A:2 0/0/0 B:2 0/0/0");
    let won = ("choice 3", "A:3 1/1/1 B:2 0/0/0");
    for (dialect, (choice, result)) in [
        ("eio4", lost),
        ("plain", lost),
        ("eio3", drew),
        ("eio3", won),
    ] {
        play(&format!(
            "
    0 a enter {dialect} A
    0 b enter plain B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
   10 a > {choice}
   10 b < movement A choice
   20 b > choice 2
   20 a < movement B choice
 3005 ab < result {result}
12000 a quiet
            "
        ));
    }
    // One that chose nothing, and so lost.
    play(
        "
    0 a enter eio3 A
    0 b enter plain B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
   20 b > choice 2
   20 a < movement B choice
 3005 ab < result A:- 0/0/0 B:2 1/1/1
 3005 a < leave B
 3005 b < leave A
12000 a quiet
        ",
    );
    // A v2 client.
    play(
        "
    0 a enter eio3 A v2
    0 b enter plain B
    5 ab > join
    5 a < room 1 A:ro
    5 a < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
   10 a > choice 1
   10 b < movement A choice
   20 b > choice 2
   20 a < movement B choice
 3005 ab < result A:1 0/0/0 B:2 1/1/1
 3005 a < room 1 A:o B:ro
12000 a quiet
        ",
    );
}

#[test]
fn a_guests_button_freezes_as_well() {
    play(
        r#"
    0 b enter plain B
    0 a open eio3
    0 a << 0{<any>}
    0 a << 40
    5 b > join
    5 a > join
    5 a < hi 1
    5 ab < ["start",{"gameTime":3,"roomUsers":[{"uid":"B",<any>},{"uid":"<g>",<any>}]}]
   10 a > choice 1
   10 b < movement <g> choice
   20 b > choice 2
   20 a < movement B choice
 3005 ab < ["result",{"result":[{"uid":"B",<any>},{"uid":"<g>",<any>}]}]
 7005 b < leave <g>
 8005 a < ["start",<rest>
        "#,
    );
}

#[test]
fn one_that_waits_is_met_at_once_by_whoever_comes() {
    play(
        "
    0 a enter plain A
    0 b enter plain B
    0 c enter eio4 C v2
    5 a > join
 1005 a < start 3 A 0/0 robot-1 0/0
 1500 b > join
 3000 c > join
 3000 c < room <r> B:ro C:ro
 3000 bc < start 3 B 0/0 C 0/0
        ",
    );
}

#[test]
fn a_v2_player_that_leaves_the_lobby_is_out_of_it() {
    play_in_all_dialects(
        "
    0 a enter DIALECT A v2
    0 b enter DIALECT B
    5 a > join
    5 a < room <r> A:ro
   10 a > leave
   20 b > join
 1020 b < start 3 B 0/0 robot-1 0/0
        ",
    );
}

#[test]
fn a_human_lost_in_mid_round_against_a_robot_is_removed_at_the_deadline() {
    play(
        "
    0 a enter plain A
    0 b enter plain B
    5 a > join
 1005 a < start 3 A 0/0 robot-1 0/0
 1100 a > choice 1
 1200 a lost
 4004 b > hello B
 4004 b < hi 0
 4100 b > join
 5100 b < start 3 B 0/0 robot-2 0/0
        ",
    );
}

#[test]
fn the_frozen_button_of_a_player_that_says_hello_stays_frozen() {
    play(&format!(
        "{A_LOST}
 5000 a > hello A
 5000 a < hi 1
 5100 a > face 2
 5100 b < movement A face 2
 7005 b < leave A
 8005 a < start 3 A 0/0 robot-1 0/0
        "
    ));
}

#[test]
fn a_button_may_freeze_again_and_again() {
    play(
        "
    0 a enter eio3 A
    0 b enter plain B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
   10 a > choice 1
   10 b < movement A choice
   20 b > choice 2
   20 a < movement B choice
 3005 ab < result A:1 0/0/0 B:2 1/1/1
 6000 b > join
 6000 ab < start 3 A 0/0 B 1/1
 6010 a > choice 1
 6010 b < movement A choice
 6020 b > choice 2
 6020 a < movement B choice
 9000 ab < result A:1 0/0/0 B:2 2/3/2
12999 a quiet
13000 b < leave A
14000 a < start 3 A 0/0 robot-1 0/0
        ",
    );
}

#[test]
fn a_refused_room_leaves_the_place_in_the_lobby() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    0 c enter plain C v2
    0 d enter plain D
    5 b > join room new
    5 b < room <p> B:ro code=<code>
    6 c > join room <code>
    6 bc < room <p> B:ro C:ro code=<code>
    6 bc < start 3 B 0/0 C 0/0
  100 a > join
  100 a < room <r> A:ro
  200 a > join room 222222
  200 a < problem room-unknown join
  300 a > join room <code>
  300 a < problem room-full join
  900 d > join
  900 a < room <s> A:ro D:ro
  900 ad < start 3 A 0/0 D 0/0
        ",
    );
}

#[test]
fn a_frozen_button_is_pressed_though_the_winner_is_gone_at_the_result() {
    play(
        "
    0 a enter eio3 A
    0 b enter plain B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
   10 a > choice 1
   10 b < movement A choice
   20 b > choice 2
   20 a < movement B choice
  100 b lost
 3005 a < result A:1 0/0/0 B:2 1/1/1
 3005 a < leave B
 8005 a < start 3 A 0/0 robot-1 0/0
        ",
    );
}

#[test]
fn who_left_the_round_that_it_lost_has_no_frozen_button() {
    play(
        "
    0 a enter eio3 A
    0 b enter plain B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
   10 a > choice 1
   10 b < movement A choice
   20 b > choice 2
   20 a < movement B choice
  500 a > leave
  500 b < leave A
 3005 b < result A:- 0/0/0 B:2 1/1/1
12000 ab quiet
        ",
    );
}

#[test]
fn a_frozen_player_is_found_by_the_next_human() {
    play(&format!(
        "{A_LOST}
 7005 b < leave A
 7500 c enter plain C
 7600 c > join
 7600 ac < start 3 A 0/0 C 0/0
        "
    ));
}

#[test]
fn a_frozen_player_and_the_winner_that_joins_meanwhile_play_on() {
    // The winner's join is what frees the original's button.
    play(
        "
    0 a enter eio3 A
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
 7000 b > join
 7000 b < room 1 A:ro B:ro
 7000 ab < start 3 A 0/0 B 1/1
10000 ab < result A:- 0/0/0 B:- 0/1/1
10000 a < leave B
10000 b < leave A
16000 ab quiet
        ",
    );
}
