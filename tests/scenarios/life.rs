//! Sections 2 and 6, signs of life: pings, silence, and connections that never say anything.

use crate::play::{config, play, play_with};

#[test]
fn an_old_plain_or_eio3_client_is_pinged_and_given_up_after_85_seconds() {
    for dialect in ["plain", "eio3"] {
        play(&format!(
            "
    0 a enter {dialect} A
25000 a ping
50000 a ping
75000 a ping
85000 a close 4002
            "
        ));
    }
}

#[test]
fn any_frame_of_an_old_client_counts() {
    for sign in ["seen", "> leave", "> ping"] {
        let answer = match sign {
            "> ping" => "20000 a < problem unknown-event ping",
            _ => "",
        };
        play(&format!(
            "
    0 a enter plain A
20000 a {sign}
{answer}
45000 a ping
70000 a ping
95000 a ping
105000 a close 4002
            "
        ));
    }
}

#[test]
fn a_packet_of_eio3_counts() {
    play(
        "
    0 a enter eio3 A
20000 a >> 2
20000 a << 3
45000 a ping
46000 a >> 3
71000 a ping
        ",
    );
}

#[test]
fn a_v2_client_is_given_up_ten_seconds_after_an_unanswered_ping() {
    for dialect in ["plain", "eio3"] {
        play(&format!(
            "
    0 a enter {dialect} A v2
25000 a ping
35000 a < bye 4002 timeout <any>
35000 a close 4002
            "
        ));
    }
}

#[test]
fn a_v2_client_that_answers_stays() {
    play(
        "
    0 a enter plain A v2
25000 a ping
25050 a seen
50050 a ping
60049 a seen
85049 a ping
95049 a < bye 4002 timeout <any>
95049 a close 4002
        ",
    );
}

#[test]
fn a_v2_client_that_talks_is_not_pinged() {
    play(
        "
    0 a enter plain A v2
20000 a > ping
20000 a < pong
40000 a > ping
40000 a < pong
65000 a ping
        ",
    );
}

#[test]
fn an_eio4_client_gets_2_every_25_seconds_whatever_came() {
    for generation in ["", " v2"] {
        play(&format!(
            "
    0 a enter eio4 A{generation}
20000 a >> 3
24999 a > leave
25000 a << 2
25000 a ping
25010 a >> 3
50000 a << 2
50000 a ping
50010 a >> 3
75000 a << 2
75000 a ping
            "
        ));
    }
}

#[test]
fn an_eio4_client_is_given_up_after_45_seconds_as_announced() {
    play(
        "
    0 a enter eio4 A
    0 b enter eio4 B v2
25000 a << 2
25000 a ping
25000 b << 2
25000 b ping
45000 a close 4002
45000 b < bye 4002 timeout <any>
45000 b close 4002
        ",
    );
    play(
        "
    0 a enter eio4 A
25000 a << 2
25000 a ping
25010 a >> 3
50000 a << 2
50000 a ping
70010 a close 4002
        ",
    );
}

/// A browser slows the timers of a hidden tab, by which some clients answer `2`; it answers a ping
/// frame by itself.
#[test]
fn an_eio4_client_that_answers_ping_frames_alone_is_alive() {
    for generation in ["", " v2"] {
        play(&format!(
            "
    0 a enter eio4 A{generation}
25000 a << 2
25000 a ping
25010 a seen
50000 a << 2
50000 a ping
50010 a seen
60000 a >> 3
75000 a << 2
75000 a ping
75010 a seen
95000 a quiet
            "
        ));
    }
}

#[test]
fn a_timeout_says_come_back_and_so_never_41() {
    // That no `41` comes is in every transcript above; here is when a v2 client may come back.
    play(
        r#"
    0 a enter eio3 A v2
25000 a ping
35000 a < ["bye",{"code":4002,"reason":"<any>","retry_ms":<n>}]
35000 a close 4002
        "#,
    );
}

#[test]
fn all_intervals_are_flags() {
    let knobs = config(|config| {
        config.ping_interval_ms = 1_000;
        config.ping_timeout_ms = 2_000;
        config.ping_timeout_eio4_ms = 1_500;
        config.ping_timeout_v2_ms = 300;
    });
    play_with(
        knobs,
        "
    0 a enter plain A
    0 b enter plain B v2
    0 c enter eio4 C
 1000 a ping
 1000 b ping
 1000 c << 2
 1000 c ping
 1300 b < bye 4002 timeout <any>
 1300 b close 4002
 2000 a ping
 2000 c << 2
 2000 c ping
 2500 c close 4002
 3000 a close 4002
        ",
    );
}

#[test]
fn a_timeout_is_a_lost_connection() {
    play(
        "
    0 a enter plain A v2
25000 a ping
26000 b enter plain B v2
34000 a > join
34000 a < room 1 A:ro
34000 b > join
34000 ab < room 1 A:ro B:ro
34000 ab < start 3 A 0/0 B 0/0
37000 ab < result A:- 0/0/0 B:- 0/0/0
37000 ab < room 1 A:o B:o
58000 b seen
59000 a ping
69000 a < bye 4002 timeout <any>
69000 a close 4002
69000 b < room 1 A:. B:o
        ",
    );
}

#[test]
fn who_says_nothing_is_sent_away_after_hello_timeout() {
    play(
        "
    0 a open plain
25000 a ping
30000 a close 4408
        ",
    );
    play(
        "
    0 a open eio3
    0 a << 0{<any>}
    0 a << 40
25000 a ping
30000 a << 41
30000 a close 4408
        ",
    );
    play(
        "
    0 a open eio4
    0 a << 0{<any>}
25000 a << 2
25000 a ping
30000 a << 41
30000 a close 4408
        ",
    );
}

#[test]
fn a_pong_frame_is_no_packet_of_the_dialect() {
    play(
        "
    0 a open plain
20000 a seen
29000 a seen
30000 a close 4408
        ",
    );
}

#[test]
fn one_packet_of_the_dialect_is_enough() {
    let knobs = config(|config| config.hello_timeout_ms = 5_000);
    play_with(
        knobs,
        r#"
    0 a open plain
    0 b open eio3
    0 b << 0{<any>}
    0 b << 40
    0 c open eio4
    0 c << 0{<any>}
    0 d open plain
  100 a > ["dance"]
  100 a < problem unknown-event dance
  100 b >> 2
  100 b << 3
  100 c >> 40
  100 c << 40{<any>}
 5000 d close 4408
20000 a quiet
        "#,
    );
}

#[test]
fn hello_timeout_is_a_flag() {
    let knobs = config(|config| config.hello_timeout_ms = 1_000);
    play_with(
        knobs,
        "
    0 a open plain
 1000 a close 4408
        ",
    );
}
