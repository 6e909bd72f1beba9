//! Sections 5 and 6, the end: draining, dismissal, and the order in which a connection ends.

use crate::common::{Act, Bench};
use crate::play::{config, play, play_in_all_dialects};
use roshambo::config::Config;
use roshambo::hub::{Dialect, Input, Output};
use roshambo::time::Millis;

#[test]
fn a_join_while_draining_is_refused() {
    play_in_all_dialects(
        r#"
    0 a enter DIALECT A
    0 b enter DIALECT B v2
    5 * drain
    9 ab > join
    9 ab < ["problem",{"code":"draining","message":"<any>","event":"join"}]
   20 b > join new
   20 b < problem draining join
   30 b > join room new
   30 b < problem draining join
   40 b > join room 222222
   40 b < problem draining join
 3000 a quiet
        "#,
    );
}

#[test]
fn an_acknowledgement_says_draining() {
    play(
        r#"
    0 a enter eio3 A
    5 * drain
    9 a >> 421["join"]
    9 a << 431[{"ok":false,"code":"draining","message":"<any>"}]
    9 a < problem draining join
        "#,
    );
}

#[test]
fn running_rounds_end_with_their_results_and_choices_still_count() {
    play_in_all_dialects(
        "
    0 a enter DIALECT A
    0 b enter DIALECT B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
  500 * drain
 1000 a > choice 1
 1000 b < movement A choice
 1500 b > choice 2
 1500 a < movement B choice
 3005 ab < result A:1 0/0/0 B:2 1/1/1
 3100 b > join
 3100 b < problem draining join
 9000 a quiet
        ",
    );
}

#[test]
fn who_waits_gets_neither_human_nor_robot_any_more() {
    play(
        "
    0 a enter plain A
    5 a > join
  500 * drain
 1000 b enter plain B
 1100 b > join
 1100 b < problem draining join
 9000 a quiet
        ",
    );
}

#[test]
fn who_is_ready_for_a_next_round_gets_none() {
    play(
        "
    0 a enter plain A
    0 b enter plain B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
   10 a > choice 2
   10 b < movement A choice
   20 b > choice 1
   20 a < movement B choice
 3005 ab < result A:2 1/1/1 B:1 0/0/0
 3100 b > join
 3200 * drain
 9000 a quiet
        ",
    );
}

#[test]
fn a_parked_or_private_player_that_comes_back_while_draining_gets_no_round() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    9 a > away
    9 a < room 1 A:. code=<code>
   20 b > join room <code>
   20 ab < room 1 A:. B:ro code=<code>
   30 * drain
   40 a > ping
   40 ab < room 1 A:ro B:ro code=<code>
   40 a < pong
 3000 a quiet
        ",
    );
}

#[test]
fn the_dismissed_are_told_when_to_come_back_and_never_41() {
    play(
        r#"
    0 a enter plain A
    0 b enter plain B v2
    0 c enter eio3 C
    0 d enter eio3 D v2
    0 e enter eio4 E
    0 f enter eio4 F v2
    0 g open plain
    5 * drain
    9 abcdefg dismiss
    9 bdf < ["bye",{"code":1012,"reason":"restart","retry_ms":<any>}]
    9 abcdefg close 1012
        "#,
    );
}

#[test]
fn retry_is_spread_over_drain_spread() {
    for spread in [0, 1, 5_000] {
        let mut bench = Bench::new(config(|config| config.drain_spread_ms = spread));
        let conns: Vec<_> = (0..300)
            .map(|_| {
                let conn = bench.open(Dialect::Plain);
                let text = r#"["hello",{"v":2,"user":{}}]"#;
                bench.tell(Input::Text { conn, text });
                conn
            })
            .collect();
        bench.tell(Input::Drain);
        bench.take_deeds();
        for conn in conns {
            bench.tell(Input::Dismiss { conn });
        }
        let deeds = bench.take_deeds();
        let retries: Vec<u64> = deeds
            .iter()
            .filter_map(|deed| match &deed.act {
                Act::Text(text) => text.split_once(r#""retry_ms":"#),
                _ => None,
            })
            .map(|(_, rest)| rest.trim_end_matches("}]").parse().expect("a number"))
            .collect();
        assert_eq!(retries.len(), 300);
        assert!(retries.iter().all(|&retry| retry <= spread), "{retries:?}");
        let (least, most) = (retries.iter().min(), retries.iter().max());
        assert!(least <= Some(&(spread / 10)) && Some(&(spread * 9 / 10)) <= most);
    }
}

#[test]
fn a_resume_while_draining_still_answers() {
    play(
        "
    0 a enter plain A v2
    5 * drain
   10 a lost
   20 b open plain
   20 b > hello A v2 <A.token>
   20 b < hi 0 A resumed 0/0
   30 c enter plain C
        ",
    );
}

#[test]
fn a_drain_waits_for_running_rounds_only() {
    let mut bench = Bench::new(Config::default());
    let conn = bench.open(Dialect::Plain);
    for text in [r#"["hello",{"user":{"uid":"A"}}]"#, r#"["join"]"#] {
        bench.tell(Input::Text { conn, text });
    }
    assert_eq!(bench.hub().running_rounds(), 0);
    bench.advance(1_000, true);
    assert_eq!(bench.hub().running_rounds(), 1);
    bench.tell(Input::Drain);
    bench.advance(3_999, true);
    assert_eq!(bench.hub().running_rounds(), 1);
    bench.advance(4_000, true);
    assert_eq!(bench.hub().running_rounds(), 0);
    let text = r#"["join"]"#;
    bench.tell(Input::Text { conn, text });
    bench.advance(9_000, true);
    assert_eq!(bench.hub().running_rounds(), 0);
    let hub = bench.hub();
    hub.handle(Millis(9_000), Input::Left { conn });
    let Some(Output::Close { ended, played, .. }) = hub.pop_output() else {
        panic!("who left is ended");
    };
    assert_eq!(format!("{played}: {ended}"), "1 round: left");
    while hub.pop_output().is_some() {}
}

#[test]
fn the_order_of_an_end_is_bye_41_close() {
    play(
        "
    0 a enter eio3 A v2
    0 b enter eio4 B v2
    9 ab >> nonsense
    9 ab < bye 1008 fault
    9 ab << 41
    9 ab close 1008
   20 ab lost
        ",
    );
}

#[test]
fn bye_without_retry_means_stay_away() {
    play(
        r#"
    0 a enter plain A v2
    9 a >> nonsense
    9 a < ["bye",{"code":1008,"reason":"fault"}]
    9 a close 1008
        "#,
    );
}

#[test]
fn a_fault_in_mid_round_is_a_lost_connection() {
    play(
        "
    0 a enter plain A
    0 b enter plain B v2
    5 ab > join
    5 b < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
  100 a > choice 2
  100 b < movement A choice
  200 a >> nonsense
  200 a close 1008
  200 b < room 1 A:r B:ro
 3005 b < result A:2 1/1/1 B:- 0/0/0
 3005 b < leave A
        ",
    );
}

#[test]
fn room_comes_before_start_and_hi_before_everything() {
    play_in_all_dialects(
        "
    0 b enter DIALECT B
    1 b > join
    2 a enter DIALECT A v2
    3 a > join
    3 a < room 1 B:ro A:ro
    3 ab < start 3 B 0/0 A 0/0
        ",
    );
}

#[test]
fn what_is_held_back_for_a_next_round_is_let_go_by_a_drain() {
    // Both are ready, and the page of an old winner is given its second and a half.
    play(
        "
    0 a enter plain A
    0 b enter plain B v2
    5 ab > join
    5 b < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
   10 a > choice 2
   10 b < movement A choice
 3005 ab < result A:2 1/1/1 B:- 0/0/0
 3005 b < room 1 A:ro B:o
 3100 b > join
 3100 b < room 1 A:ro B:ro
 3500 * drain
 8000 a quiet
        ",
    );
}

#[test]
fn a_private_round_ends_and_no_next_one_begins_while_draining() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    9 b > join room <code>
    9 ab < room 1 A:ro B:ro code=<code>
    9 ab < start 3 A 0/0 B 0/0
  500 * drain
 3009 ab < result A:- 0/0/0 B:- 0/0/0
 3009 ab < room 1 A:o B:o code=<code>
 3100 ab > join
 3100 ab < problem draining join
 9000 a quiet
        ",
    );
}
