//! Private rooms that are entered without being ready: `join` with `"ready":false` beside `"room"`.

use roshambo::config::Config;

use crate::play::{config, play, play_with};

/// Two in a room, neither of them ready.
const BOTH: &str = "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join room new unready
    5 a < room 1 A:o code=<code>
    9 b > join room <code> unready
    9 ab < room 1 A:o B:o code=<code>
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
    play_with(patient(), &format!("{BOTH}{rest}"));
}

#[test]
fn the_first_round_begins_when_both_have_said_it_whoever_is_first() {
    play_on(
        "
20000 a > join
20000 ab < room 1 A:ro B:o code=<code>
20100 a > join
40000 b > join
40000 ab < room 1 A:ro B:ro code=<code>
40000 ab < start 3 A 0/0 B 0/0
        ",
    );
    play_on(
        "
20000 b > join
20000 ab < room 1 A:o B:ro code=<code>
40000 a > join
40000 ab < room 1 A:ro B:ro code=<code>
40000 ab < start 3 A 0/0 B 0/0
        ",
    );
}

#[test]
fn one_that_does_not_know_the_key_is_ready_by_being_there() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join room new
    5 a < room 1 A:ro code=<code>
    9 b > join room <code> unready
    9 ab < room 1 A:ro B:o code=<code>
 4000 b > join
 4000 ab < room 1 A:ro B:ro code=<code>
 4000 ab < start 3 A 0/0 B 0/0
        ",
    );
    play(
        r#"
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join room new unready
    5 a < room 1 A:o code=<code>
    9 b > ["join",{"room":"<code>","ready":true}]
    9 ab < room 1 A:o B:ro code=<code>
 4000 a > join
 4000 ab < room 1 A:ro B:ro code=<code>
 4000 ab < start 3 A 0/0 B 0/0
        "#,
    );
}

#[test]
fn who_says_it_alone_is_shown_as_ready_and_waits_for_the_friend() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join room new unready
    5 a < room 1 A:o code=<code>
    9 a > join
    9 a < room 1 A:ro code=<code>
 3000 b > join room <code> unready
 3000 ab < room 1 A:ro B:o code=<code>
 9000 b > join
 9000 ab < room 1 A:ro B:ro code=<code>
 9000 ab < start 3 A 0/0 B 0/0
        ",
    );
}

#[test]
fn being_lost_or_away_takes_it_back() {
    play_on(
        "
 1000 a > join
 1000 ab < room 1 A:ro B:o code=<code>
 2000 a lost
 2000 b < room 1 A:. B:o code=<code>
 3000 b > join
 3000 b < room 1 A:. B:ro code=<code>
 9000 c open plain
 9000 c > hello A v2 <A.token>
 9000 c < hi 1 A resumed 0/0
 9000 bc < room 1 A:o B:ro code=<code>
20000 c > join
20000 bc < room 1 A:ro B:ro code=<code>
20000 bc < start 3 A 0/0 B 0/0
        ",
    );
    play_on(
        "
 1000 a > join
 1000 ab < room 1 A:ro B:o code=<code>
 2000 a > away
 2000 ab < room 1 A:. B:o code=<code>
 3000 b > join
 3000 ab < room 1 A:. B:ro code=<code>
 9000 a > ping
 9000 ab < room 1 A:o B:ro code=<code>
 9000 a < pong
20000 a > join
20000 ab < room 1 A:ro B:ro code=<code>
20000 ab < start 3 A 0/0 B 0/0
        ",
    );
}

#[test]
fn a_return_by_joining_says_it() {
    play_on(
        "
 1000 a > away
 1000 ab < room 1 A:. B:o code=<code>
 3000 b > join
 3000 ab < room 1 A:. B:ro code=<code>
 9000 a > join
 9000 ab < room 1 A:o B:ro code=<code>
 9000 ab < room 1 A:ro B:ro code=<code>
 9000 ab < start 3 A 0/0 B 0/0
        ",
    );
}

#[test]
fn a_session_that_is_taken_over_stays_as_ready_as_it_was() {
    play_on(
        "
 1000 a > join
 1000 ab < room 1 A:ro B:o code=<code>
 9000 c open plain
 9000 c > hello A v2 <A.token>
 9000 a < bye 4001 taken-over
 9000 a close 4001
 9000 c < hi 1 A resumed 0/0
 9000 c < room 1 A:ro B:o code=<code>
 9500 b > join
 9500 bc < room 1 A:ro B:ro code=<code>
 9500 bc < start 3 A 0/0 B 0/0
        ",
    );
}

#[test]
fn a_new_name_says_nothing() {
    play_on(
        r#"
 1000 b > ["hello",{"user":{"uname":"B2"},"v":2}]
 1000 b < hi 1 B new 0/0
 1000 ab < ["room",{"roomId":"room1","users":[{"uid":"<A>","uname":"A","uavatar":"",
       ..."ready":false,"robot":false,"online":true},{"uid":"<B>","uname":"B2","uavatar":"",
       ..."ready":false,"robot":false,"online":true}],"full":true,"code":"<code>"}]
20000 a > join
20000 ab < ["room",{"roomId":"room1","users":[{"uid":"<A>","uname":"A","uavatar":"",
       ..."ready":true,"robot":false,"online":true},{"uid":"<B>","uname":"B2","uavatar":"",
       ..."ready":false,"robot":false,"online":true}],"full":true,"code":"<code>"}]
        "#,
    );
}

#[test]
fn ones_own_room_again_says_nothing() {
    play_on(
        r#"
 1000 a > join room <code>
 1100 a > join room <code> unready
 1200 a > ["join",{"room":"<code>","ready":true}]
20000 ab quiet
        "#,
    );
}

#[test]
fn who_stays_is_as_ready_as_before_for_the_next_friend() {
    // A had said it when B left.
    play_on(
        "
 1000 a > join
 1000 ab < room 1 A:ro B:o code=<code>
 2000 b > leave
 2000 a < leave B
 2000 a < room 1 A:ro code=<code>
 3000 c enter plain C v2
 3000 c > join room <code> unready
 3000 ac < room 1 A:ro C:o code=<code>
 4000 c > join
 4000 ac < room 1 A:ro C:ro code=<code>
 4000 ac < start 3 A 0/0 C 0/0
        ",
    );
    // A had not, and does not begin with one that is ready at once.
    play_on(
        "
 2000 b > leave
 2000 a < leave B
 2000 a < room 1 A:o code=<code>
 3000 c enter plain C v2
 3000 c > join room <code>
 3000 ac < room 1 A:o C:ro code=<code>
 4000 a > join
 4000 ac < room 1 A:ro C:ro code=<code>
 4000 ac < start 3 A 0/0 C 0/0
        ",
    );
}

#[test]
fn who_leaves_and_comes_back_says_it_anew() {
    play_on(
        "
 1000 b > join
 1000 ab < room 1 A:o B:ro code=<code>
 2000 b > leave
 2000 a < leave B
 2000 a < room 1 A:o code=<code>
 3000 b > join room <code> unready
 3000 ab < room 1 A:o B:o code=<code>
 4000 a > join
 4000 ab < room 1 A:ro B:o code=<code>
 5000 b > join
 5000 ab < room 1 A:ro B:ro code=<code>
 5000 ab < start 3 A 0/0 B 0/0
        ",
    );
}

#[test]
fn later_rounds_are_asked_for_as_ever_and_a_first_one_with_another_too() {
    play_on(
        "
 1000 a > join
 1000 ab < room 1 A:ro B:o code=<code>
 2000 b > join
 2000 ab < room 1 A:ro B:ro code=<code>
 2000 ab < start 3 A 0/0 B 0/0
 5000 ab < result A:- 0/0/0 B:- 0/0/0
 5000 ab < room 1 A:o B:o code=<code>
 6000 b > join
 6000 ab < room 1 A:o B:ro code=<code>
 7000 a > join
 7000 ab < room 1 A:ro B:ro code=<code>
 7000 ab < start 3 A 0/0 B 0/0
10000 ab < result A:- 0/0/0 B:- 0/0/0
10000 ab < room 1 A:o B:o code=<code>
11000 b > leave
11000 a < leave B
11000 a < room 1 A:o code=<code>
12000 c enter plain C v2
12000 c > join room <code>
12000 ac < room 1 A:o C:ro code=<code>
13000 a > join
13000 ac < room 1 A:ro C:ro code=<code>
13000 ac < start 3 A 0/0 C 0/0
        ",
    );
}

/// A round runs with a seat given up, which somebody takes who is not ready.
const NEWCOMER: &str = "
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
 2000 c > join room <code> unready
 2000 ac < room 1 A:ro C:o code=<code>
";

#[test]
fn who_comes_in_mid_round_is_ready_for_the_next_once_it_says_so() {
    let said = "
 2500 c > join
 2500 ac < room 1 A:ro C:ro code=<code>
 3009 a < result A:- 0/0/0 B:- 0/0/0
 3009 ac < room 1 A:ro C:ro code=<code>
 3009 ac < start 3 A 0/0 C 0/0
    ";
    play_with(patient(), &format!("{NEWCOMER}{said}"));
    let later = "
 3009 a < result A:- 0/0/0 B:- 0/0/0
 3009 ac < room 1 A:ro C:o code=<code>
 9000 c > join
 9000 ac < room 1 A:ro C:ro code=<code>
 9000 ac < start 3 A 0/0 C 0/0
    ";
    play_with(patient(), &format!("{NEWCOMER}{later}"));
    let away = "
 2500 c > join
 2500 ac < room 1 A:ro C:ro code=<code>
 2600 c > away
 2600 ac < room 1 A:ro C:. code=<code>
 2700 c > ping
 2700 ac < room 1 A:ro C:o code=<code>
 2700 c < pong
 3009 a < result A:- 0/0/0 B:- 0/0/0
 3009 ac < room 1 A:ro C:o code=<code>
    ";
    play_with(patient(), &format!("{NEWCOMER}{away}"));
}

#[test]
fn a_seat_whose_owner_is_away_yields_to_one_that_is_not_ready() {
    play_on(
        "
 1000 b > join
 1000 ab < room 1 A:o B:ro code=<code>
 2000 a lost
 2000 b < room 1 A:. B:ro code=<code>
 3000 c enter plain C v2
63000 c > join room <code> unready
63000 b < leave A
63000 b < room 1 B:ro code=<code>
63000 bc < room 1 C:o B:ro code=<code>
64000 c > join
64000 bc < room 1 C:ro B:ro code=<code>
64000 bc < start 3 C 0/0 B 0/0
        ",
    );
}

#[test]
fn a_room_in_which_nobody_says_it_ends_after_ten_minutes() {
    play_on(
        "
600009 ab < problem room-unknown join
600009 a < leave B
600009 b < leave A
        ",
    );
}

#[test]
fn a_drain_begins_no_round() {
    play_on(
        "
 1000 a > join
 1000 ab < room 1 A:ro B:o code=<code>
 2000 * drain
 2500 b > join
 2500 b < problem draining join
 2600 c enter plain C v2
 2700 c > join room <code> unready
 2700 c < problem draining join
        ",
    );
}

#[test]
fn without_a_room_it_says_nothing() {
    play(
        r#"
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > ["join",{"ready":false}]
    5 a < room 1 A:ro
    9 b > ["join",{"new":true,"ready":false}]
    9 ab < room 1 A:ro B:ro
    9 ab < start 3 A 0/0 B 0/0
        "#,
    );
    play(
        r#"
    0 a enter plain A v2
    5 a > ["join",{"room":"new","ready":1}]
    5 a < problem bad-payload join
        "#,
    );
}

#[test]
fn an_old_client_that_says_it_waits_in_the_lobby() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B
    5 a > join room new unready
    5 a < room 1 A:o code=<code>
    9 b > join room <code> unready
 1009 b < start 3 B 0/0 robot-1 0/0
        ",
    );
}

#[test]
fn the_lobby_left_for_a_room_knows_nothing_of_it() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join room new unready
    5 a < room 1 A:o code=<code>
    9 a > leave
   10 a > join
   10 a < room 2 A:ro
   20 b > join
   20 ab < room 2 A:ro B:ro
   20 ab < start 3 A 0/0 B 0/0
        ",
    );
}
