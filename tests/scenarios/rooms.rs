//! Section 5, private rooms: codes, seats that stay, first and next rounds.

use crate::common::{Act, Bench};
use crate::play::{config, play, play_with};
use roshambo::config::Config;
use roshambo::hub::{Dialect, Input};

/// A made a room, B entered it, and A won the first round.
const PLAYED: &str = "
    0 a enter plain A v2
    0 b enter eio4 B v2
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    9 b > join room <code>
    9 ab < room 1 A:ro B:ro code=<code>
    9 ab < start 3 A 0/0 B 0/0
   20 a > choice 2
   20 b < movement A choice
 3009 ab < result A:2 1/1/1 B:- 0/0/0
 3009 ab < room 1 A:o B:o code=<code>
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
    play_with(patient(), &format!("{PLAYED}{rest}"));
}

#[test]
fn a_room_tells_its_code_last() {
    play(
        r#"
    0 a enter plain A v2
    5 a > join room new
    5 a < ["room",{"roomId":"room1","users":[{"uid":"<A>","uname":"A","uavatar":"","ready":true,
       ..."robot":false,"online":true}],"full":false,"code":"<code>"}]
        "#,
    );
}

#[test]
fn codes_are_six_characters_without_look_alikes_and_differ() {
    let mut bench = Bench::new(Config::default());
    let mut codes = Vec::new();
    for _ in 0..100 {
        let conn = bench.open(Dialect::Plain);
        for text in [
            r#"["hello",{"v":2,"user":{}}]"#,
            r#"["join",{"room":"new"}]"#,
        ] {
            bench.tell(Input::Text { conn, text });
        }
    }
    for deed in bench.take_deeds() {
        let Act::Text(text) = deed.act else { continue };
        let Some((_, code)) = text.split_once(r#""code":""#) else {
            continue;
        };
        let code = code.split('"').next().unwrap_or_default().to_owned();
        let fine = |c: char| matches!(c, '2'..='9' | 'A'..='Z') && !matches!(c, 'I' | 'L' | 'O');
        assert!(code.len() == 6 && code.chars().all(fine), "{code}");
        assert!(!codes.contains(&code), "{code} was drawn twice");
        codes.push(code);
    }
    assert_eq!(codes.len(), 100);
}

#[test]
fn the_first_round_starts_when_both_are_there_and_the_next_when_both_are_ready() {
    play_on(
        "
10000 a > join
10000 ab < room 1 A:ro B:o code=<code>
20000 b > join
20000 ab < room 1 A:ro B:ro code=<code>
20000 ab < start 3 A 1/1 B 0/0
        ",
    );
}

#[test]
fn a_code_is_entered_in_any_case() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    9 b > join room <code.lower>
    9 ab < room 1 A:ro B:ro code=<code>
    9 ab < start 3 A 0/0 B 0/0
        ",
    );
}

#[test]
fn a_full_room_takes_nobody_else() {
    play_on(
        "
 3500 c enter plain C v2
 3600 c > join room <code>
 3600 c < problem room-full join
        ",
    );
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    0 c enter plain C v2
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    9 b > join room <code>
    9 ab < room 1 A:ro B:ro code=<code>
    9 ab < start 3 A 0/0 B 0/0
   20 c > join room <code>
   20 c < problem room-full join
        ",
    );
}

#[test]
fn no_room_has_a_wrong_code() {
    for code in [
        "222222", "22222", "2222222", "", "NEW", "OOOOOO", "💥", "room1",
    ] {
        play(&format!(
            "
    0 a enter plain A v2
    5 a > [\"join\",{{\"room\":\"{code}\"}}]
    5 a < problem room-unknown join
 2000 a quiet
            "
        ));
    }
}

#[test]
fn ten_wrong_codes_a_minute_are_too_fast() {
    let mut transcript = "
    0 a enter plain A v2
    0 b enter plain B v2
    5 b > join room new
    5 b < room 1 B:ro code=<code>
"
    .to_owned();
    for number in 0..10 {
        let at = 1_000 + number * 200;
        transcript += &format!("{at} a > join room 222222\n{at} a < problem room-unknown join\n");
    }
    transcript += "
 5000 a > join room 222222
 5000 a < problem too-fast join
 5100 a > join room <code>
 5100 a < problem too-fast join
 5200 a > join
 5200 a < room 2 A:ro
 5300 a > leave
 5400 b > join room 222222
 5400 b < problem room-unknown join
63900 a > join room <code>
63900 ab < room 1 B:ro A:ro code=<code>
63900 ab < start 3 B 0/0 A 0/0
";
    play_with(patient(), &transcript);
}

#[test]
fn entering_ones_own_room_again_changes_nothing() {
    play(
        r#"
    0 a enter eio4 A v2
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    9 a > join room <code>
   10 a >> 425["join",{"room":"<code.lower>"}]
   10 a << 435[{"ok":true}]
        "#,
    );
    play_on(
        r#"
 4000 b >> 425["join",{"room":"<code>"}]
 4000 b << 435[{"ok":true}]
 5000 a quiet
        "#,
    );
}

#[test]
fn entering_frees_a_place_in_the_lobby() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    0 c enter plain C
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    9 b > join
    9 b < room 2 B:ro
   20 b > join room <code>
   20 ab < room 1 A:ro B:ro code=<code>
   20 ab < start 3 A 0/0 B 0/0
   30 c > join
 1030 c < start 3 C 0/0 robot-1 0/0
        ",
    );
    play(
        "
    0 a enter plain A v2
    0 c enter plain C
    9 a > join
    9 a < room 1 A:ro
   20 a > join room new
   20 a < room 2 A:ro code=<code>
   30 c > join
 1030 c < start 3 C 0/0 robot-1 0/0
        ",
    );
}

#[test]
fn entering_frees_a_place_in_a_finished_room() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    0 c enter plain C v2
    5 c > join room new
    5 c < room 1 C:ro code=<code>
    9 a > join
    9 a < room 2 A:ro
    9 b > join
    9 ab < room 2 A:ro B:ro
    9 ab < start 3 A 0/0 B 0/0
 3009 ab < result A:- 0/0/0 B:- 0/0/0
 3009 ab < room 2 A:o B:o
 3500 a > join room <code>
 3500 b < leave A
 3500 ac < room 1 C:ro A:ro code=<code>
 3500 ac < start 3 C 0/0 A 0/0
        ",
    );
}

#[test]
fn in_a_round_no_other_room_can_be_entered() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    0 c enter plain C v2
    5 c > join room new
    5 c < room 1 C:ro code=<code>
    9 a > join
    9 a < room 2 A:ro
    9 b > join
    9 ab < room 2 A:ro B:ro
    9 ab < start 3 A 0/0 B 0/0
   20 a > join room <code>
   20 a < problem already-playing join
   30 a > join room new
   30 a < problem already-playing join
        ",
    );
}

#[test]
fn old_clients_know_no_rooms() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    9 b > join room <code>
 1009 b < start 3 B 0/0 robot-1 0/0
        ",
    );
}

#[test]
fn no_robot_and_no_stranger_ever_comes() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    9 b > join
 1009 b < start 3 B 0/0 robot-1 0/0
 4009 b < result B:- 0/0/0 robot-1:? ?/?/?
20000 a quiet
        ",
    );
}

#[test]
fn join_without_a_code_waits_without_limit_and_twice_is_once() {
    play_on(
        "
 4000 a > join
 4000 ab < room 1 A:ro B:o code=<code>
 5000 a > join
200000 b > join
200000 ab < room 1 A:ro B:ro code=<code>
200000 ab < start 3 A 1/1 B 0/0
        ",
    );
}

#[test]
fn a_hosts_own_join_while_alone_changes_nothing() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join room new
    5 a < room 1 A:ro code=<code>
   10 a > join
 3000 b > join room <code>
 3000 ab < room 1 A:ro B:ro code=<code>
 3000 ab < start 3 A 0/0 B 0/0
        ",
    );
}

#[test]
fn an_away_host_starts_its_first_round_when_it_is_back() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    9 a > away
    9 a < room 1 A:. code=<code>
 3000 b > join room <code>
 3000 ab < room 1 A:. B:ro code=<code>
 4000 a > ping
 4000 ab < room 1 A:ro B:ro code=<code>
 4000 ab < start 3 A 0/0 B 0/0
 4000 a < pong
        ",
    );
}

#[test]
fn a_lost_host_starts_its_first_round_when_it_is_back() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    9 a lost
 3000 b > join room <code>
 3000 b < room 1 A:. B:ro code=<code>
 9000 c open plain
 9000 c > hello A v2 <A.token>
 9000 c < hi 1 A resumed 0/0
 9000 bc < room 1 A:ro B:ro code=<code>
 9000 bc < start 3 A 0/0 B 0/0
        ",
    );
}

#[test]
fn seats_stay_through_idling_and_offline() {
    play_on(
        "
70000 a lost
70000 b < room 1 A:. B:o code=<code>
120000 c open plain
120000 c > hello A v2 <A.token>
120000 c < hi 1 A resumed 1/1
120000 bc < room 1 A:o B:o code=<code>
121000 bc > join
121000 bc <? room 1 A:o B:ro code=<code>
121000 bc < room 1 A:ro B:ro code=<code>
121000 bc < start 3 A 1/1 B 0/0
        ",
    );
}

#[test]
fn a_seat_stays_through_being_away_at_the_result() {
    play_with(
        patient(),
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    9 b > join room <code>
    9 ab < room 1 A:ro B:ro code=<code>
    9 ab < start 3 A 0/0 B 0/0
   20 a > away
   20 ab < room 1 A:r B:ro code=<code>
 1000 b lost
 1000 a < room 1 A:r B:r code=<code>
 3009 a < result A:- 0/0/0 B:- 0/0/0
 3009 a < room 1 A:. B:. code=<code>
 9000 a > join
 9000 a <? room 1 A:o B:. code=<code>
 9000 a < room 1 A:ro B:. code=<code>
        ",
    );
}

#[test]
fn leaving_frees_only_ones_own_seat_and_the_code_stays_valid() {
    play_on(
        "
 4000 b > leave
 4000 a < leave B
 4000 a < room 1 A:ro code=<code>
 5000 c enter plain C v2
 5100 c > join room <code>
 5100 ac < room 1 A:ro C:ro code=<code>
 5100 ac < start 3 A 1/1 C 0/0
        ",
    );
}

#[test]
fn the_host_may_leave_and_the_guest_keeps_the_room() {
    play_on(
        "
 4000 a > leave
 4000 b < leave A
 4000 b < room 1 B:ro code=<code>
 5000 a > join room <code>
 5000 ab < room 1 A:ro B:ro code=<code>
 5000 ab < start 3 A 1/1 B 0/0
        ",
    );
}

#[test]
fn new_gives_up_the_seat_and_goes_to_the_lobby() {
    play_on(
        "
 4000 b > join new
 4000 a < leave B
 4000 a < room 1 A:ro code=<code>
 4000 b < room 2 B:ro
 5000 b < room 2 B:ro robot-1:rbo
 5000 b < start 3 B 0/0 robot-1 0/0
        ",
    );
}

#[test]
fn an_empty_room_is_gone() {
    play_on(
        "
 4000 b > leave
 4000 a < leave B
 4000 a < room 1 A:ro code=<code>
 4500 a > leave
 5000 b > join room <code>
 5000 b < problem room-unknown join
        ",
    );
}

#[test]
fn a_new_private_room_gives_up_the_seat_in_the_other() {
    play_on(
        "
 4000 b > join room new
 4000 a < leave B
 4000 a < room 1 A:ro code=<code>
 4000 b < room 2 B:ro code=<next>
 5000 a > join room <next>
 5000 ab < room 2 B:ro A:ro code=<next>
 5000 ab < start 3 B 0/0 A 1/1
        ",
    );
}

#[test]
fn leaving_in_mid_round_lets_the_round_end_and_a_newcomer_plays_the_next() {
    play_with(
        patient(),
        "
    0 a enter plain A v2
    0 b enter plain B v2
    0 c enter plain C v2
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    9 b > join room <code>
    9 ab < room 1 A:ro B:ro code=<code>
    9 ab < start 3 A 0/0 B 0/0
   20 a > choice 2
   20 b < movement A choice
 1000 b > leave
 1000 a < leave B
 1000 a < room 1 A:ro code=<code>
 2000 c > join room <code>
 2000 ac < room 1 A:ro C:ro code=<code>
 2100 c > face 1
 2100 a < movement C face 1
 2200 c > choice 1
 3009 a < result A:2 1/1/1 B:- 0/0/0
 3009 ac <? room 1 A:ro C:ro code=<code>
 3009 ac < start 3 A 1/1 C 0/0
 6009 ac < result A:- 0/1/1 C:- 0/0/0
 6009 ac < room 1 A:o C:o code=<code>
        ",
    );
}

#[test]
fn a_seat_offline_for_over_a_minute_yields_to_a_newcomer() {
    play_on(
        "
 5000 b lost
 5000 a < room 1 A:o B:. code=<code>
 6000 c enter plain C v2
64900 c > join room <code>
64900 c < problem room-full join
65100 c > join room <code>
65100 a < leave B
65100 a <? room 1 A:ro code=<code>
65100 ac < room 1 A:ro C:ro code=<code>
65100 ac < start 3 A 1/1 C 0/0
66000 d open plain
66000 d > hello B v2 <B.token>
66000 d < hi 2 B resumed 0/0
66000 d < leave B absent
        ",
    );
}

#[test]
fn who_is_offline_in_mid_round_does_not_yield() {
    let knobs = config(|config| {
        config.ping_interval_ms = 3_600_000;
        config.game_time_ms = 60_000;
    });
    play_with(
        knobs,
        "
    0 a enter plain A v2
    0 b enter plain B v2
    0 c enter plain C v2
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    6 b lost
  100 a quiet
 2000 d open plain
 2000 d > hello B v2 <B.token>
 2000 d < hi 2 B resumed 0/0
 2100 d > join room <code>
 2100 ad < room 1 A:ro B:ro code=<code>
 2100 ad < start 60 A 0/0 B 0/0
 2101 d lost
 2101 a < room 1 A:ro B:r code=<code>
62099 c > join room <code>
62099 c < problem room-full join
        ",
    );
}

#[test]
fn a_player_that_was_lost_in_mid_round_learns_its_result_when_it_is_back() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    9 b > join room <code>
    9 ab < room 1 A:ro B:ro code=<code>
    9 ab < start 3 A 0/0 B 0/0
   20 a > choice 2
   20 b < movement A choice
 1000 a lost
 1000 b < room 1 A:r B:ro code=<code>
 3009 b < result A:2 1/1/1 B:- 0/0/0
 3009 b < room 1 A:. B:o code=<code>
 5000 c open plain
 5000 c > hello A v2 <A.token>
 5000 c < hi 1 A resumed 1/1
 5000 bc < room 1 A:o B:o code=<code>
 5000 c < result A:2 1/1/1 B:- 0/0/0
        ",
    );
}

#[test]
fn ten_minutes_after_its_last_event_a_room_is_gone() {
    play_with(
        patient(),
        "
     0 a enter plain A v2
     0 b enter plain B v2
     5 a > join room new
     5 a < room 1 A:ro code=<code>
600004 a quiet
600005 a < problem room-unknown join
600100 b > join room <code>
600100 b < problem room-unknown join
        ",
    );
    play_on(
        "
600019 ab quiet
600020 a < problem room-unknown join
600020 a < leave B
600020 b < problem room-unknown join
600020 b < leave A
        ",
    );
}

#[test]
fn any_event_of_a_member_keeps_the_room() {
    play_on(
        "
400000 a > face 1
400000 b < movement A face 1
990000 b > join
990000 ab < room 1 A:o B:ro code=<code>
1500000 a > join
1500000 ab < room 1 A:ro B:ro code=<code>
1500000 ab < start 3 A 1/1 B 0/0
        ",
    );
}

#[test]
fn a_resumed_player_gets_its_private_room_with_the_code() {
    play_on(
        "
 4000 b lost
 4000 a < room 1 A:o B:. code=<code>
 5000 c open plain
 5000 c > hello B v2 <B.token>
 5000 c < hi 1 B resumed 0/0
 5000 ac < room 1 A:o B:o code=<code>
 5000 c < result A:2 1/1/1 B:- 0/0/0
        ",
    );
}

#[test]
fn who_left_in_mid_round_may_come_back_for_the_next() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    9 b > join room <code>
    9 ab < room 1 A:ro B:ro code=<code>
    9 ab < start 3 A 0/0 B 0/0
   20 a > choice 2
   20 b < movement A choice
 1000 b > leave
 1000 a < leave B
 1000 a < room 1 A:ro code=<code>
 1500 b > join room <code>
 1500 ab < room 1 A:ro B:ro code=<code>
 2000 b > choice 3
 3009 a < result A:2 1/1/1 B:- 0/0/0
 3009 ab <? room 1 A:ro B:ro code=<code>
 3009 ab < start 3 A 1/1 B 0/0
        ",
    );
}

#[test]
fn who_comes_when_the_time_of_a_round_is_over_finds_it_ended() {
    // It comes before the timer.
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    0 c enter plain C v2
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    9 b > join room <code>
    9 ab < room 1 A:ro B:ro code=<code>
    9 ab < start 3 A 0/0 B 0/0
   20 a > choice 2
   20 b < movement A choice
 1000 b > leave
 1000 a < leave B
 1000 a < room 1 A:ro code=<code>
 3009 c > join room <code>
 3009 a < result A:2 1/1/1 B:- 0/0/0
 3009 a < room 1 A:ro code=<code>
 3009 ac < room 1 A:ro C:ro code=<code>
 3009 ac < start 3 A 1/1 C 0/0
        ",
    );
}

#[test]
fn both_may_be_offline_for_minutes_and_find_their_seats() {
    play_on(
        "
 4000 a lost
 4000 b < room 1 A:. B:o code=<code>
 5000 b lost
300000 c open plain
300000 c > hello A v2 <A.token>
300000 c < hi 0 A resumed 1/1
300000 c < room 1 A:o B:. code=<code>
310000 c > join
310000 c < room 1 A:ro B:. code=<code>
320000 d open plain
320000 d > hello B v2 <B.token>
320000 d < hi 1 B resumed 0/0
320000 cd < room 1 A:ro B:o code=<code>
330000 d > join
330000 cd < room 1 A:ro B:ro code=<code>
330000 cd < start 3 A 1/1 B 0/0
        ",
    );
}

#[test]
fn leaving_both_in_mid_round_ends_the_room() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    9 b > join room <code>
    9 ab < room 1 A:ro B:ro code=<code>
    9 ab < start 3 A 0/0 B 0/0
 1000 b > leave
 1000 a < leave B
 1000 a < room 1 A:ro code=<code>
 1100 a > leave
 1200 b > join room <code>
 1200 b < problem room-unknown join
 4000 ab quiet
        ",
    );
}

#[test]
fn without_a_store_a_restart_ends_private_rooms_and_sessions() {
    play_on(
        r#"
 4000 a lost
 4000 b < room 1 A:. B:o code=<code>
 4100 b lost
 5000 * restart
 6000 c open plain
 6000 c > hello C v2 <A.token>
 6000 c < hi 0 C new 0/0
 6100 c > join room <code>
 6100 c < problem room-unknown join
        "#,
    );
}

#[test]
fn losing_and_away_clear_readiness_for_the_next_round() {
    play_on(
        "
 4000 a > join
 4000 ab < room 1 A:ro B:o code=<code>
 5000 a > away
 5000 ab < room 1 A:. B:o code=<code>
 6000 b > join
 6000 ab < room 1 A:. B:ro code=<code>
 7000 a > ping
 7000 ab < room 1 A:o B:ro code=<code>
 7000 a < pong
 8000 b lost
 8000 a < room 1 A:o B:. code=<code>
 9000 a > join
 9000 a < room 1 A:ro B:. code=<code>
        ",
    );
}

#[test]
fn a_newcomer_hears_nothing_of_a_round_that_both_players_left() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    0 c enter plain C v2
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    9 b > join room <code>
    9 ab < room 1 A:ro B:ro code=<code>
    9 ab < start 3 A 0/0 B 0/0
   20 a > choice 2
   20 b < movement A choice
 1000 b > leave
 1000 a < leave B
 1000 a < room 1 A:ro code=<code>
 2000 c > join room <code>
 2000 ac < room 1 A:ro C:ro code=<code>
 2500 a > leave
 2500 c < leave A
 2500 c < room 1 C:ro code=<code>
 3009 c <? room 1 C:ro code=<code>
 4000 b > join room <code>
 4000 bc < room 1 B:ro C:ro code=<code>
 4000 bc < start 3 B 0/0 C 0/0
        ",
    );
}

#[test]
fn a_newcomer_may_leave_again_in_mid_round() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    0 c enter plain C v2
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    9 b > join room <code>
    9 ab < room 1 A:ro B:ro code=<code>
    9 ab < start 3 A 0/0 B 0/0
 1000 b > leave
 1000 a < leave B
 1000 a < room 1 A:ro code=<code>
 2000 c > join room <code>
 2000 ac < room 1 A:ro C:ro code=<code>
 2500 c > leave
 2500 a < leave C
 2500 a < room 1 A:ro code=<code>
 3009 a < result A:- 0/0/0 B:- 0/0/0
 3009 a <? room 1 A:ro code=<code>
        ",
    );
}

#[test]
fn a_newcomer_in_mid_round_may_not_ask_for_another_room_in_vain() {
    // It plays nothing yet, so that it is not `already-playing`.
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    0 c enter plain C v2
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    9 b > join room <code>
    9 ab < room 1 A:ro B:ro code=<code>
    9 ab < start 3 A 0/0 B 0/0
 1000 b > leave
 1000 a < leave B
 1000 a < room 1 A:ro code=<code>
 2000 c > join room <code>
 2000 ac < room 1 A:ro C:ro code=<code>
 2500 c > join room new
 2500 a < leave C
 2500 a < room 1 A:ro code=<code>
 2500 c < room 2 C:ro code=<own>
 3009 a < result A:- 0/0/0 B:- 0/0/0
 3009 a <? room 1 A:ro code=<code>
        ",
    );
}
