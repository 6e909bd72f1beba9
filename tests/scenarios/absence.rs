//! Who loses a seat or a place in the lobby while it is away or lost is told so on its return.

use crate::play::{config, play, play_with};
use roshambo::config::Config;

/// Nobody is asked for signs of life.
fn patient() -> Config {
    config(|config| {
        config.ping_interval_ms = 3_600_000;
        config.ping_timeout_ms = 3_600_000;
    })
}

/// A made a room, looked away, and B took the other seat.
const HOST_AWAY: &str = "
    0 a enter plain A v2
    0 b enter plain B v2
    0 c enter plain C v2
    5 a > join room new
    5 a < room 1 A:ro code=<code>
   10 a > away
   10 a < room 1 A:. code=<code>
  500 b > join room <code>
  500 ab < room 1 A:. B:ro code=<code>
";

/// C takes A's seat.
const TAKEN: &str = "
60011 c > join room <code>
60011 b < leave A
60011 b <? room 1 B:ro code=<code>
60011 bc < room 1 C:ro B:ro code=<code>
60011 bc < start 3 C 0/0 B 0/0
";

#[test]
fn the_event_that_ends_an_absence_tells_of_a_lost_place() {
    let (ping, join) = ("ping", "join");
    let (after_ping, after_join) = ("70000 a < pong", "70000 a < room 2 A:ro");
    for (event, after) in [(ping, after_ping), (join, after_join), ("leave", "")] {
        play_with(
            patient(),
            &format!(
                "
    0 a enter plain A v2
    5 a > join
    5 a < room 1 A:ro
   10 a > away
   10 a < room 1 A:r
60010 a quiet
70000 a > {event}
70000 a < leave A absent
{after}
70010 a > ping
70010 a < pong
                "
            ),
        );
    }
}

#[test]
fn a_lost_place_is_told_behind_the_acknowledgement() {
    play_with(
        patient(),
        r#"
    0 a enter eio3 A v2
    5 a > join
    5 a < room 1 A:ro
   10 a > away
   10 a < room 1 A:r
70000 a >> 427["ping"]
70000 a << 437[{"ok":true}]
70000 a < leave A absent
70000 a < pong
        "#,
    );
}

#[test]
fn a_later_hello_ends_an_absence_too_and_hi_comes_first() {
    play_with(
        patient(),
        "
    0 a enter plain A v2
    5 a > join
    5 a < room 1 A:ro
   10 a > away
   10 a < room 1 A:r
70000 a > hello A v2
70000 a < hi 0 A new 0/0
70000 a < leave A absent
        ",
    );
}

#[test]
fn a_host_that_looked_away_learns_that_its_seat_is_taken() {
    play_with(
        patient(),
        &format!(
            "{HOST_AWAY}{TAKEN}
63011 bc < result C:- 0/0/0 B:- 0/0/0
63011 bc < room 1 C:o B:o code=<code>
70000 a > ping
70000 a < leave A absent
70000 a < pong
70001 a > join room <code>
70001 a < problem room-full join
            "
        ),
    );
}

#[test]
fn a_host_that_looked_away_and_was_lost_learns_it_after_hi() {
    play_with(
        patient(),
        &format!(
            "{HOST_AWAY}
50000 a lost
{TAKEN}
63011 bc < result C:- 0/0/0 B:- 0/0/0
63011 bc < room 1 C:o B:o code=<code>
70000 d open plain
70000 d > hello A v2 <A.token>
70000 d < hi 2 A resumed 0/0
70000 d < leave A absent
            "
        ),
    );
}

#[test]
fn a_loss_does_not_begin_the_minute_of_one_that_is_away_again() {
    // The seat of a private room.
    play_with(
        patient(),
        &format!(
            "{HOST_AWAY}
50000 a lost
60010 c > join room <code>
60010 c < problem room-full join
{TAKEN}
            "
        ),
    );
    // The place in the lobby.
    play_with(
        patient(),
        "
    0 a enter plain A v2
    5 a > join
    5 a < room 1 A:ro
   10 a > away
   10 a < room 1 A:r
50000 a lost
60011 b open plain
60011 b > hello A v2 <A.token>
60011 b < hi 0 A resumed 0/0
60011 b < leave A absent
        ",
    );
}

#[test]
fn a_return_begins_the_minute_anew() {
    play_with(
        patient(),
        &format!(
            "{HOST_AWAY}
50000 a > ping
50000 ab < room 1 A:ro B:ro code=<code>
50000 ab < start 3 A 0/0 B 0/0
50000 a < pong
50500 a > away
50500 ab < room 1 A:r B:ro code=<code>
53000 ab < result A:- 0/0/0 B:- 0/0/0
53000 ab < room 1 A:. B:o code=<code>
110500 c > join room <code>
110500 c < problem room-full join
            "
        ),
    );
}

#[test]
fn who_was_lost_when_its_public_room_ended_is_told_after_the_result() {
    // The end of the round frees both, since one of them is lost.
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join
    5 a < room 1 A:ro
    5 b > join
    5 ab < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
  500 a lost
  500 b < room 1 A:r B:ro
 3005 b < result A:- 0/0/0 B:- 0/0/0
 3005 b < leave A
 4000 c open plain
 4000 c > hello A v2 <A.token>
 4000 c < hi 1 A resumed 0/0
 4000 c < result A:- 0/0/0 B:- 0/0/0
 4000 c < leave A absent
        ",
    );
    // Lost between two rounds; the partner does not wait.
    play_with(
        patient(),
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
 5000 b > leave
70000 c open plain
70000 c > hello A v2 <A.token>
70000 c < hi 1 A resumed 0/0
70000 c < leave A absent
        ",
    );
}

#[test]
fn who_is_lost_in_the_moment_its_round_ends_is_told_when_it_is_back() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join
    5 a < room 1 A:ro
    5 b > join
    5 ab < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
  100 b lost
  100 a < room 1 A:ro B:r
 3005 a lost
70000 c open plain
70000 c > hello A v2 <A.token>
70000 c < hi 0 A resumed 0/0
70000 c < leave A absent
        ",
    );
}

#[test]
fn who_was_away_when_its_public_room_ended_is_told_both_of_its_partner_and_of_its_seat() {
    play(
        "
    0 a enter plain A v2
    0 b enter plain B v2
    5 a > join
    5 a < room 1 A:ro
    5 b > join
    5 ab < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
  500 a > away
  500 ab < room 1 A:r B:ro
 3005 ab < result A:- 0/0/0 B:- 0/0/0
 3005 b < leave A
 3005 a < leave B
 4000 a > ping
 4000 a < leave A absent
 4000 a < pong
        ",
    );
}

#[test]
fn who_was_lost_while_it_played_a_robot_is_told_that_it_is_free() {
    play(
        "
    0 a enter plain A v2
    5 a > join
    5 a < room 1 A:ro
 1005 a < room 1 A:ro robot-1:rbo
 1005 a < start 3 A 0/0 robot-1 0/0
 1500 a lost
90000 c open plain
90000 c > hello A v2 <A.token>
90000 c < hi 0 A resumed 0/0
90000 c < leave A absent
        ",
    );
}

#[test]
fn a_lost_members_expired_room_is_told_when_it_is_back() {
    play_with(
        patient(),
        "
     0 a enter plain A v2
     5 a > join room new
     5 a < room 1 A:ro code=<code>
    10 a lost
600010 c open plain
600010 c > hello A v2 <A.token>
600010 c < hi 0 A resumed 0/0
600010 c < leave A absent
        ",
    );
}

#[test]
fn a_lost_seat_is_told_once_and_only_to_who_had_one() {
    play(
        "
    0 a enter plain A v2
    5 a > join
    5 a < room 1 A:ro
   10 a lost
60011 b open plain
60011 b > hello A v2 <A.token>
60011 b < hi 0 A resumed 0/0
60011 b < leave A absent
60012 b lost
60013 c open plain
60013 c > hello A v2 <A.token>
60013 c < hi 0 A resumed 0/0
60014 c > away
60015 c > ping
60015 c < pong
        ",
    );
    play(
        "
    0 a enter plain A v2
    5 a > join
    5 a < room 1 A:ro
    6 a > leave
   10 a lost
60011 b open plain
60011 b > hello A v2 <A.token>
60011 b < hi 0 A resumed 0/0
        ",
    );
}

#[test]
fn an_old_client_never_hears_of_its_own_leaving() {
    play(
        "
    0 a enter eio3 A
    0 b enter plain B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
  500 a lost
 3005 b < result A:- 0/0/0 B:- 0/0/0
 3005 b < leave A
 4000 c enter eio3 A
 5000 c > join
 6000 c < start 3 A 0/0 robot-1 0/0
        ",
    );
}
