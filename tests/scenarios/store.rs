//! What outlives the process: points, streaks, the codes of rooms; and who waits for the store.

use roshambo::config::Config;
use roshambo::hub::{Dialect, Input};
use roshambo::model::{ConnId, Owner, Settled, StoreReply};

use crate::common::{Act, Bench};
use crate::origins::word;
use crate::play::{config, play_with_store};

/// A and B come, and A wins its first round at 3 000.
pub(crate) const FIRST_WIN: &str = "
    0 b enter plain B
    0 a enter plain A v2
    0 b > join
    0 a > join
    0 a < room 1 B:ro A:ro
    0 ab < start 3 B 0/0 A 0/0
    0 a > choice 2
    0 b < movement A choice
 3000 ab < result B:- 0/0/0 A:2 1/1/1
 3000 a < leave B
 3000 b < leave A
";

#[test]
fn a_point_comes_back_after_the_process_died() {
    let mut played = play_with_store(
        Config::default(),
        &format!(
            "{FIRST_WIN}
 3001 * restart
 4000 c open plain
 4000 c > hello A v2 <A.token>
 4000 c < hi 0 A resumed 1/1
 4000 c > ping
 4000 c < pong
 5000 c > join
 5000 c < room 1 A:ro
 6000 c < room 1 A:ro robot-1:rbo
 6000 c < start 3 A 1/1 robot-1 0/0
 6500 c > leave
            "
        ),
    );
    // Who gives a round up loses its streak, at once.
    assert_eq!(played.kept("A"), Some((1, 0)));
    assert_eq!(played.bench.shelf().len(), 1, "B has no session");
}

#[test]
fn sessions_without_points_are_not_written_and_draws_change_nothing() {
    let mut played = play_with_store(
        Config::default(),
        "
    0 a enter plain A v2
    0 b enter plain B v2
    0 a > join
    0 a < room 1 A:ro
    0 b > join
    0 ab < room 1 A:ro B:ro
    0 ab < start 3 A 0/0 B 0/0
 3000 ab < result A:- 0/0/0 B:- 0/0/0
 3000 ab < room 1 A:o B:o
 4000 a > join
 4000 ab < room 1 A:ro B:o
 4000 b > join
 4000 ab < room 1 A:ro B:ro
 4000 ab < start 3 A 0/0 B 0/0
 4000 a > choice 1
 4000 b < movement A choice
 7000 ab < result A:1 1/1/1 B:- 0/0/0
 7000 ab < room 1 A:o B:o
 8000 a > join
 8000 ab < room 1 A:ro B:o
 8000 b > join
 8000 ab < room 1 A:ro B:ro
 8000 ab < start 3 A 1/1 B 0/0
11000 ab < result A:- 0/1/1 B:- 0/0/0
11000 ab < room 1 A:o B:o
12000 a > join
12000 ab < room 1 A:ro B:o
12000 b > join
12000 ab < room 1 A:ro B:ro
12000 ab < start 3 A 1/1 B 0/0
12000 b > choice 1
12000 a < movement B choice
15000 ab < result A:- 0/1/0 B:1 1/1/1
15000 ab < room 1 A:o B:o
        ",
    );
    assert_eq!(played.kept("A"), Some((1, 0)), "a loss is settled");
    assert_eq!(played.kept("B"), Some((1, 1)));
    // A's win and loss, B's win; two draws and B's loss of nothing are not told.
    assert_eq!(played.bench.shelf().counts.get("settle"), Some(&3));
    assert_eq!(played.bench.hub().owed(), 0);
}

#[test]
fn what_is_won_while_a_settlement_is_under_way_goes_into_the_next_one() {
    let again = |at: u64| {
        format!(
            "
{at} a > join
{at} ab < room 1 A:ro B:o
{at} b > join
{at} ab < room 1 A:ro B:ro
"
        )
    };
    let round = |at: u64, before: &str, row: &str| {
        format!(
            "
{at} ab < start 3 A {before} B 0/0
{at} a > choice 1
{at} b < movement A choice
{} ab < result A:1 {row} B:- 0/0/0
{} ab < room 1 A:o B:o
",
            at + 3_000,
            at + 3_000
        )
    };
    let mut played = play_with_store(
        Config::default(),
        &format!(
            "
    0 a enter plain A v2
    0 b enter plain B v2
    0 * store slow
    0 a > join
    0 a < room 1 A:ro
    0 b > join
    0 ab < room 1 A:ro B:ro
{}{}{}{}{}
20000 * quiet
            ",
            round(0, "0/0", "1/1/1"),
            again(4_000),
            round(4_000, "1/1", "2/3/2"),
            again(8_000),
            round(8_000, "3/2", "3/6/3"),
        ),
    );
    assert_eq!(played.bench.shelf().counts.get("settle"), Some(&1));
    assert_eq!(played.kept("A"), Some((1, 1)));
    assert_eq!(played.bench.hub().owed(), 1);
    played.bench.hear_store();
    assert_eq!(played.bench.shelf().counts.get("settle"), Some(&2));
    assert_eq!(played.kept("A"), Some((6, 3)));
    assert_eq!(played.bench.hub().owed(), 0);
}

#[test]
fn a_hello_waits_for_its_own_connection_only_and_what_comes_behind_it_waits_too() {
    play_with_store(
        Config::default(),
        &format!(
            "{FIRST_WIN}
 3001 * restart
 3001 * store slow
 4000 c open plain
 4000 c > hello A v2 <A.token>
 4000 c > join
 4000 c > ping
 4100 d enter plain D v2
 4200 d > ping
 4200 d < pong
 5999 * store answers
 5999 c < hi 1 A resumed 1/1
 5999 c < room 1 A:ro
 5999 c < pong
            "
        ),
    );
}

#[test]
fn when_no_answer_comes_in_time_the_session_is_pending_until_it_does() {
    let mut played = play_with_store(
        Config::default(),
        &format!(
            "{FIRST_WIN}
 3001 * restart
 3001 * store slow
 4000 c open plain
 4000 c > [\"hello\",{{\"user\":{{\"uname\":\"A\"}},\"v\":2,\"session\":\"<A.token>\"}}]
 4000 c > ping
 6000 c < [\"hi\",{{\"message\":\"welcome\",\"nearby\":0,\"uid\":\"<drawn>\",
    ...\"session\":\"<A.token>\",\"resumed\":false,\"pending\":true,\"totalScore\":0,\"winStreak\":0}}]
 6000 c < pong
 6500 * store answers
 6500 c < hi 0 A resumed 1/1
            "
        ),
    );
    assert_eq!(played.kept("A"), Some((1, 1)));
}

/// A, who won a point and lost its server, is back before the store is, and is called P.
const PENDING: &str = "
 3001 * restart
 3001 * store away
 4000 c open plain
 4000 c > hello P v2 <A.token>
 4000 c < hi 0 P pending 0/0
";

/// P and D play.
const PENDING_ROUND: &str = "
 5000 d enter plain D
 5000 c > join
 5000 c < room 1 P:ro
 5000 d > join
 5000 c < room 1 P:ro D:ro
 5000 cd < start 3 P 0/0 D 0/0
";

#[test]
fn what_a_pending_session_wins_is_added_and_its_streak_is_the_one_it_has() {
    let rows = [
        (
            "
 5000 c > choice 2
 5000 d < movement P choice
 8000 cd < result P:2 1/1/1 D:- 0/0/0
 8000 c < leave D
 8000 d < leave P
 9000 * store back
 9000 c < hi 1 A resumed 2/1
            ",
            (2, 1),
        ),
        (
            "
 5000 d > choice 2
 5000 c < movement D choice
 8000 cd < result P:- 0/0/0 D:2 1/1/1
 8000 c < room 1 P:o D:ro
 8500 d > leave
 8500 c < leave D
 9000 * store back
 9000 c < hi 1 A resumed 1/0
            ",
            (1, 0),
        ),
        (
            "
 8000 cd < result P:- 0/0/0 D:- 0/0/0
 8000 c < leave D
 8000 d < leave P
 9000 * store back
 9000 c < hi 1 A resumed 1/1
            ",
            (1, 1),
        ),
    ];
    for (rest, kept) in rows {
        let transcript = [FIRST_WIN, PENDING, PENDING_ROUND, rest].concat();
        let mut played = play_with_store(Config::default(), &transcript);
        assert_eq!(played.kept("A"), Some(kept), "{rest}");
        assert_eq!(played.bench.hub().owed(), 0);
    }
}

#[test]
fn a_pending_session_that_never_played_is_kept_no_longer_than_others() {
    let knobs = config(|config| config.session_ttl_ms = 60_000);
    let rest = "
 4500 c lost
64500 * quiet
64501 * store back
64501 d open plain
64501 d > hello A v2 <A.token>
64501 d < hi 0 A resumed 1/1
    ";
    let transcript = [FIRST_WIN, PENDING, rest].concat();
    let mut played = play_with_store(knobs, &transcript);
    // The first win; then only the one that is there is asked about.
    assert_eq!(played.bench.shelf().counts.get("take"), Some(&1));
}

#[test]
fn who_is_told_late_who_it_is_is_it_from_then_on_wherever_it_sits() {
    let rest = "
 5000 d enter plain D v2
 5000 c > join
 5000 c < room 1 P:ro
 5000 d > join
 5000 cd < room 1 P:ro D:ro
 5000 cd < start 3 P 0/0 D 0/0
 6000 c > choice 3
 6000 d < movement P choice
 7000 * store back
 7000 c < hi 1 A resumed 1/1
 7000 cd < [\"room\",{\"roomId\":\"room1\",\"users\":[{\"uid\":\"<A>\",\"uname\":\"P\",
    ...\"uavatar\":\"\",\"ready\":true,\"robot\":false,\"online\":true},{\"uid\":\"<D>\",
    ...\"uname\":\"D\",\"uavatar\":\"\",\"ready\":true,\"robot\":false,\"online\":true}],\"full\":true}]
 8000 cd < result A:3 2/3/2 D:- 0/0/0
 8000 cd < [\"room\",{\"roomId\":\"room1\",\"users\":[{\"uid\":\"<A>\",\"uname\":\"P\",
    ...\"uavatar\":\"\",\"ready\":false,\"robot\":false,\"online\":true},{\"uid\":\"<D>\",
    ...\"uname\":\"D\",\"uavatar\":\"\",\"ready\":false,\"robot\":false,\"online\":true}],\"full\":true}]
    ";
    let transcript = [FIRST_WIN, PENDING, rest].concat();
    let mut played = play_with_store(Config::default(), &transcript);
    // The round that ran goes on from the streak of the store.
    assert_eq!(played.kept("A"), Some((3, 2)));
}

#[test]
fn one_that_waits_in_the_lobby_is_found_under_its_own_uid() {
    let rest = "
 5000 c > join
 5000 c < room 1 P:ro
 5500 * store back
 5500 c < hi 0 A resumed 1/1
 5500 c < [\"room\",{\"roomId\":\"room1\",\"users\":[{\"uid\":\"<A>\",\"uname\":\"P\",
    ...\"uavatar\":\"\",\"ready\":true,\"robot\":false,\"online\":true}],\"full\":false}]
 5600 d enter plain D
 5600 d > join
 5600 c < [\"room\",{\"roomId\":\"room1\",\"users\":[{\"uid\":\"<A>\",\"uname\":\"P\",
    ...\"uavatar\":\"\",\"ready\":true,\"robot\":false,\"online\":true},{\"uid\":\"D\",
    ...\"uname\":\"D\",\"uavatar\":\"\",\"ready\":true,\"robot\":false,\"online\":true}],\"full\":true}]
 5600 cd < [\"start\",{\"gameTime\":3,\"roomUsers\":[{\"uid\":\"<A>\",\"uname\":\"P\",\"uavatar\":\"\",
    ...\"choice\":null,\"roundScore\":0,\"totalScore\":1,\"winStreak\":1},{\"uid\":\"D\",\"uname\":\"D\",
    ...\"uavatar\":\"\",\"choice\":null,\"roundScore\":0,\"totalScore\":0,\"winStreak\":0}]}]
    ";
    play_with_store(Config::default(), &[FIRST_WIN, PENDING, rest].concat());
}

#[test]
fn a_token_that_nobody_has_is_a_new_session_or_a_pending_ones_own() {
    let token = "ABCDEFGHIJKLMNOPQRSTUVWX";
    let transcript = "
    0 a open plain
    0 a > hello A v2 TOKEN
    0 a < hi 0 A new 0/0
    1 * store away
    2 b open plain
    2 b > hello B v2 TOKEN
    2 b < hi 1 B pending 0/0
    3 b lost
    4 c open plain
    4 c > hello B v2 TOKEN
    4 c < hi 1 B resumed+pending 0/0
    5 * store back
    5 c < hi 1 B new 0/0
    ";
    let played = play_with_store(Config::default(), &transcript.replace("TOKEN", token));
    assert_ne!(played.bound("A.token"), token);
    assert_eq!(played.bound("B.token"), token);
}

#[test]
fn the_newest_connection_is_the_sessions_also_while_it_waits() {
    for rest in [
        "
 4500 * store answers
 4500 d < hi 0 A resumed 1/1
        ",
        // It has two seconds of its own.
        "
 6400 d < hi 0 P pending 0/0
 7000 * store answers
 7000 d < hi 0 A resumed 1/1
        ",
    ] {
        let transcript = [
            FIRST_WIN,
            "
 3001 * restart
 3001 * store slow
 4000 c open plain
 4000 c > hello A v2 <A.token>
 4400 d open eio3
 4400 d << 0{<any>}
 4400 d << 40
 4400 d > hello P v2 <A.token>
 4400 c < bye 4001 taken-over
 4400 c close 4001
            ",
            rest,
        ];
        let mut played = play_with_store(Config::default(), &transcript.concat());
        assert_eq!(played.bench.shelf().counts.get("take"), Some(&1));
    }
}

#[test]
fn who_is_gone_before_the_answer_leaves_nothing_and_its_next_connection_finds_it() {
    let rest = "
 3001 * restart
 3001 * store slow
 4000 c open plain
 4000 c > hello A v2 <A.token>
 4100 c lost
 4200 d open plain
 4200 d > hello A v2 <A.token>
 4300 * store answers
 4300 d < hi 0 A resumed 1/1
 4400 d lost
 4500 * restart
 4600 e open plain
 4600 e > hello A v2 <A.token>
 4700 e lost
 4800 * store answers
 4900 f open plain
 4900 f > hello A v2 <A.token>
 5000 * store answers
 5000 f < hi 0 A resumed 1/1
    ";
    let mut played = play_with_store(Config::default(), &[FIRST_WIN, rest].concat());
    // The first two share a question; the last two do not.
    assert_eq!(played.bench.shelf().counts.get("take"), Some(&3));
}

/// After [`FIRST_WIN`]: A is about to win again, at 7 000, and the store has become slow.
const SECOND_WIN: &str = "
 4000 a > join
 4000 a < room 2 A:ro
 4000 b > join
 4000 a < room 2 A:ro B:ro
 4000 ab < start 3 A 1/1 B 0/0
 4000 a > choice 2
 4000 b < movement A choice
 5000 * store slow
";

#[test]
fn a_session_that_another_process_took_ends_here_and_its_points_are_kept() {
    let rest = "
 5000 * store loses <A.token>
 7000 ab < result A:2 2/3/2 B:- 0/0/0
 7000 a < leave B
 7000 b < leave A
 7500 * store answers
 7500 a < bye 4001 taken-over
 7500 a close 4001
 7600 c open plain
 7600 c > hello A v2 <A.token>
 7600 * store answers
 7600 c < hi 1 A resumed 3/1
    ";
    let transcript = [FIRST_WIN, SECOND_WIN, rest].concat();
    let mut played = play_with_store(Config::default(), &transcript);
    // The streak was not its to write any more.
    assert_eq!(played.kept("A"), Some((3, 1)));
    assert_eq!(played.bench.hub().owed(), 0);
    let rest = "
 5000 * store loses <A.token>
 6000 a lost
 7000 b < result A:2 2/3/2 B:- 0/0/0
 7000 b < leave A
 7500 * store answers
 7600 c open plain
 7600 c > hello A v2 <A.token>
 7600 * store answers
 7600 c < hi 1 A resumed 3/1
    ";
    let transcript = [FIRST_WIN, SECOND_WIN, rest].concat();
    play_with_store(Config::default(), &transcript);
}

#[test]
fn a_session_that_was_erased_is_another_one_from_then_on() {
    let rest = "
 5000 * store erases <A.token>
 7000 ab < result A:2 2/3/2 B:- 0/0/0
 7000 a < leave B
 7000 b < leave A
 7500 * store answers
 7500 a < hi 1 <E> new 0/0
 7600 c open plain
 7600 c > hello F v2 <A.token>
 7600 * store answers
 7600 c < hi 2 F new 0/0
 7700 d open plain
 7700 d > hello E v2 <E.token>
 7700 a < bye 4001 taken-over
 7700 a close 4001
 7700 d < hi 2 E resumed 0/0
    ";
    let transcript = [FIRST_WIN, SECOND_WIN, rest].concat();
    let mut played = play_with_store(Config::default(), &transcript);
    assert_eq!(played.kept("A"), None);
    assert_ne!(played.bound("A"), played.bound("E"));
    // Who is not there is no session at all any more.
    let rest = "
 5000 * store erases <A.token>
 5500 a lost
 7000 b < result A:2 2/3/2 B:- 0/0/0
 7000 b < leave A
 7500 * store answers
    ";
    let transcript = [FIRST_WIN, SECOND_WIN, rest].concat();
    let mut played = play_with_store(Config::default(), &transcript);
    assert_eq!(played.bench.hub().population(), (1, 0, 0));
    assert_eq!(played.bench.hub().owed(), 0);
}

#[test]
fn a_session_that_is_owed_outlives_its_time_and_the_limit_until_it_is_kept() {
    let knobs = config(|config| {
        config.session_ttl_ms = 60_000;
        config.max_sessions = 1;
    });
    let rest = "
 6000 a lost
 7000 b < result A:2 2/3/2 B:- 0/0/0
 7000 b < leave A
 7500 b lost
 8000 c enter plain C v2
 8000 c lost
66001 * quiet
90000 * quiet
    ";
    let transcript = [FIRST_WIN, SECOND_WIN, rest].concat();
    let mut played = play_with_store(knobs, &transcript);
    assert_eq!(played.bench.hub().owed(), 1);
    assert_eq!(played.bench.hub().population(), (1, 0, 1));
    played.bench.hear_store();
    played.bench.advance(90_001, true);
    assert_eq!(played.bench.hub().population(), (0, 0, 0));
    assert_eq!(played.kept("A"), Some((3, 2)));
}

#[test]
fn a_friends_link_opens_its_room_again_after_a_restart() {
    let mut played = play_with_store(
        Config::default(),
        "
    0 a enter plain A v2
    0 a > join room new
    0 a < room 1 A:ro code=<code>
  100 * restart
  200 b enter eio3 B v2
  200 b >> 427[\"join\",{\"room\":\"<code.lower>\"}]
  200 b << 437[{\"ok\":true}]
  200 b < room 1 B:ro code=<code>
  300 c enter plain C v2
  300 c > join room <code>
  300 bc < room 1 B:ro C:ro code=<code>
  300 bc < start 3 B 0/0 C 0/0
  400 c > leave
  400 b < leave C
  400 b < room 1 B:ro code=<code>
 3300 b < result B:- 0/0/0 C:- 0/0/0
 3300 b < room 1 B:ro code=<code>
 4000 b > leave
 4100 c > join room <code>
 4100 c < problem room-unknown join
        ",
    );
    assert_eq!(played.bench.shelf().counts.get("claim"), Some(&2));
    assert!(!played.bound("code").is_empty());
}

#[test]
fn a_join_waits_for_its_code_and_those_behind_it_for_the_same_answer() {
    let transcript = "
    0 a enter plain A v2
    0 a > join room new
    0 a < room 1 A:ro code=<code>
  100 * restart
  100 b enter eio3 B v2
  100 c enter plain C v2
  100 d enter plain D v2
  100 * store slow
  200 b >> 427[\"join\",{\"room\":\"<code>\"}]
  200 b > ping
  300 c > join room <code>
  300 d > ping
  300 d < pong
REST
    ";
    let answered = "
 2100 * store answers
 2100 b << 437[{\"ok\":true}]
 2100 b < room 1 B:ro code=<code>
 2100 b < room 1 B:ro C:ro code=<code>
 2100 b < start 3 B 0/0 C 0/0
 2100 b < pong
 2100 c < room 1 B:ro C:ro code=<code>
 2100 c < start 3 B 0/0 C 0/0
    ";
    // The first has waited long enough; the answer is the second one's.
    let late = "
 2200 b << 437[{\"ok\":false,\"code\":\"room-unknown\",\"message\":\"no room has this code\"}]
 2200 b < problem room-unknown join
 2200 b < pong
 2250 * store answers
 2250 c < room 1 C:ro code=<code>
    ";
    let away = "
  400 * store away
  400 b << 437[{\"ok\":false,\"code\":\"room-unknown\",\"message\":\"no room has this code\"}]
  400 bc < problem room-unknown join
  400 b < pong
  500 c > join room <code>
  500 c < problem room-unknown join
    ";
    for rest in [answered, late, away] {
        play_with_store(Config::default(), &transcript.replace("REST", rest));
    }
}

#[test]
fn who_asked_for_a_room_and_plays_by_the_time_it_is_known_stays_where_it_is() {
    let mut played = play_with_store(
        Config::default(),
        "
    0 a enter plain A v2
    0 a > join room new
    0 a < room 1 A:ro code=<code>
  100 * restart
  100 b enter plain B v2
  100 c enter plain C v2
  100 * store slow
  200 b > join
  200 b < room 1 B:ro
  300 b > join room <code>
  400 c > join
  400 bc < room 1 B:ro C:ro
  400 bc < start 3 B 0/0 C 0/0
  500 * store answers
  500 b < problem already-playing join
        ",
    );
    let code = played.bound("code");
    assert!(
        played.bench.shelf().has_room(&code),
        "somebody else may ask"
    );
    assert_eq!(played.bench.hub().population(), (2, 1, 2));
}

#[test]
fn codes_that_the_store_does_not_know_count_like_any_and_right_ones_do_not() {
    let wrong = "
 1000 b > join room AAAAAA
 1000 b < problem room-unknown join
    ";
    let transcript = format!(
        "
    0 a enter plain A v2
    0 a > join room new
    0 a < room 1 A:ro code=<code>
  100 * restart
  100 b enter plain@7 B v2
{}
 2000 b > join room <code>
 2000 b < room 1 B:ro code=<code>
{}
 2000 b > join room AAAAAA
 2000 b < problem too-fast join
        ",
        wrong.repeat(9),
        wrong.replace("1000", "2000"),
    );
    let mut played = play_with_store(Config::default(), &transcript);
    assert_eq!(played.bench.shelf().counts.get("claim"), Some(&11));
}

#[test]
fn a_room_that_lives_is_told_to_the_store_once_a_minute() {
    let mut touches = String::new();
    for second in 1..=180 {
        touches += &format!("{} a > ping\n{} a < pong\n", second * 1_000, second * 1_000);
    }
    let mut played = play_with_store(
        Config::default(),
        &format!(
            "
    0 a enter plain A v2
    0 a > join room new
    0 a < room 1 A:ro code=<code>
{touches}
            "
        ),
    );
    assert_eq!(played.bench.shelf().counts.get("touch"), Some(&3));
    assert_eq!(played.bench.shelf().counts.get("open"), Some(&1));
}

/// Opens a connection and says hello with a token of its own making.
fn knock(bench: &mut Bench, number: usize, from: Option<u64>) -> ConnId {
    let conn = bench.open_from(Dialect::Plain, from);
    let text = format!(r#"["hello",{{"user":{{}},"v":2,"session":"{number:024}"}}]"#);
    bench.tell(Input::Text { conn, text: &text });
    conn
}

#[test]
fn a_thousand_wait_the_next_are_pending_at_once_and_all_are_asked_about_in_the_end() {
    let mut bench = Bench::with_store(Config::default());
    bench.slow_down(true);
    for number in 0..1_500 {
        knock(&mut bench, number, None);
    }
    assert_eq!(bench.hub().waiting(), 1_000);
    let told = bench.take_deeds();
    assert_eq!(told.len(), 500);
    let pending = |text: &str| text.contains(r#""pending":true"#);
    assert!(
        told.iter()
            .all(|deed| matches!(&deed.act, Act::Text(text) if pending(text)))
    );
    assert_eq!(bench.shelf().counts.get("take"), Some(&1_000));
    bench.advance(2_000, true);
    assert_eq!(bench.hub().waiting(), 0);
    assert_eq!(bench.take_deeds().len(), 1_000);
    bench.slow_down(false);
    assert_eq!(bench.shelf().counts.get("take"), Some(&1_500));
    let told = bench.take_deeds();
    assert_eq!(told.len(), 1_500, "each is told once more");
    assert!(
        !told
            .iter()
            .any(|deed| matches!(&deed.act, Act::Text(text) if pending(text)))
    );
}

#[test]
fn asked_tokens_count_with_new_sessions_before_the_store_is_asked() {
    let mut bench = Bench::with_store(Config::default());
    for number in 0..300 {
        knock(&mut bench, number, Some(7));
    }
    bench.take_deeds();
    knock(&mut bench, 300, Some(7));
    let deeds = bench.take_deeds();
    assert!(
        word(&deeds, r#""reason":""#).contains("too-fast"),
        "{deeds:?}"
    );
    assert_eq!(bench.shelf().counts.get("take"), Some(&300));
}

#[test]
fn answers_that_nobody_waits_for_any_more_change_nothing() {
    let mut played = play_with_store(Config::default(), FIRST_WIN);
    let token = played.bound("A.token");
    let bench = &mut played.bench;
    bench.take_deeds();
    for seq in 0..3 {
        for settled in [
            Settled::Kept { total: 9 },
            Settled::FormerOwner { total: 9 },
            Settled::Erased,
        ] {
            let (token, owner) = (token.clone(), Owner(seq));
            let reply = StoreReply::Settled {
                token,
                owner,
                seq,
                settled,
            };
            bench.tell(Input::Stored { reply: &reply });
        }
    }
    for token in [&token, "", "no token", "ABCDEFGHIJKLMNOPQRSTUVWX"] {
        let (token, owner, stored) = (token.to_owned(), Owner(1), None);
        let reply = StoreReply::Taken {
            token,
            owner,
            stored,
        };
        bench.tell(Input::Stored { reply: &reply });
    }
    for (code, found) in [("AAAAAA", true), ("AAAAAA", false), ("?", true)] {
        let code = code.to_owned();
        bench.tell(Input::Stored {
            reply: &StoreReply::Claimed {
                code,
                found,
                holder: None,
            },
        });
    }
    assert_eq!(bench.take_deeds(), []);
    assert_eq!(bench.hub().population(), (2, 0, 1));
}

#[test]
fn no_more_sessions_than_there_may_be_wait_for_a_store_that_is_away() {
    let knobs = config(|config| config.max_sessions = 1);
    let rest = "
 6000 a lost
 7000 b < result A:2 2/3/2 B:- 0/0/0
 7000 b < leave A
 8000 c enter plain C v2
 8000 c > join
 8000 c < room 3 C:ro
 8000 b > join
 8000 c < room 3 C:ro B:ro
 8000 bc < start 3 C 0/0 B 0/0
 8000 c > choice 2
 8000 b < movement C choice
11000 bc < result C:2 1/1/1 B:- 0/0/0
11000 c < leave B
11000 b < leave C
11500 c lost
12000 d open plain
12000 d > hello D v2
12000 d < bye 1008 too-fast <any>
12000 d close 1008
12500 * store quick
13000 e enter plain E v2
    ";
    let transcript = [FIRST_WIN, SECOND_WIN, rest].concat();
    let mut played = play_with_store(knobs, &transcript);
    assert_eq!(played.kept("A"), Some((3, 2)));
    assert_eq!(played.kept("C"), Some((1, 1)));
}

/// Those who are offline, too; and what is won next counts from there.
#[test]
fn a_store_that_lost_everything_is_told_what_everybody_was_told() {
    let mut played = play_with_store(
        Config::default(),
        &format!(
            "{FIRST_WIN}
 3001 a lost
 3002 * store empties
 3003 * restart
 4000 c open plain
 4000 c > hello A v2 <A.token>
 4000 c < hi 0 A resumed 1/1
 4001 * store empties
            "
        ),
    );
    assert_eq!(played.kept("A"), Some((1, 1)));
    let token = played.bound("A.token");
    let session = played.bench.shelf().session(&token);
    assert!(session.is_some_and(|(.., uid)| uid.starts_with("p-")));
    // Nobody else's: B never won.
    assert_eq!(played.bench.shelf().len(), 1);
    assert_eq!(played.bench.hub().owed(), 0);
}
