//! Section 2: how each dialect opens, its packets, acknowledgements, namespaces and faults.

use crate::common::{Act, Bench};
use crate::play::{config, play, play_in_all_dialects, play_with};
use roshambo::config::Config;
use roshambo::hub::{Dialect, Input};

#[test]
fn eio3_opens_with_the_handshake_and_40() {
    play(
        r#"
    0 a open eio3
    0 a << 0{"sid":"<sid>","upgrades":[],"pingInterval":25000,"pingTimeout":60000}
    0 a << 40
    "#,
    );
}

#[test]
fn eio4_opens_with_the_handshake_and_answers_40_with_another_sid() {
    play(
        r#"
    0 a open eio4
    0 a << 0{"sid":"<sid>","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":4096}
    5 a >> 40
    5 a << 40{"sid":"<sid.socket>"}
    9 a > hello A
    9 a < hi 0
    "#,
    );
}

#[test]
fn eio4_takes_40_with_auth() {
    play(
        r#"
    0 a open eio4
    0 a << 0{<any>}
    5 a >> 40{"token":"123","more":[1]}
    5 a << 40{"sid":"<sid>"}
    9 a > hello A
    9 a < hi 0
    "#,
    );
}

#[test]
fn plain_opens_in_silence() {
    play("0 a open plain\n1000 a quiet");
}

#[test]
fn the_handshake_announces_the_flags() {
    let knobs = config(|config| {
        config.ping_interval_ms = 7_000;
        config.ping_timeout_ms = 8_000;
        config.ping_timeout_eio4_ms = 9_000;
        config.max_message = 1_000;
    });
    play_with(
        knobs,
        r#"
    0 a open eio3
    0 a << 0{"sid":"<a>","upgrades":[],"pingInterval":7000,"pingTimeout":8000}
    0 a << 40
    0 b open eio4
    0 b << 0{"sid":"<b>","upgrades":[],"pingInterval":7000,"pingTimeout":9000,"maxPayload":1000}
    "#,
    );
}

#[test]
fn a_sid_is_twenty_characters_of_base64url_and_never_repeats() {
    let mut bench = Bench::new(Config::default());
    let mut sids = Vec::new();
    for _ in 0..50 {
        let conn = bench.open(Dialect::Eio4);
        bench.tell(Input::Text { conn, text: "40" });
    }
    for deed in bench.take_deeds() {
        let Act::Text(text) = deed.act else {
            panic!("{deed:?}")
        };
        let (_, rest) = text
            .split_once(r#""sid":""#)
            .expect("a sid in every packet");
        let (sid, _) = rest.split_once('"').expect("its end");
        let base64url = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(sid.len() == 20 && sid.chars().all(base64url), "{sid:?}");
        assert!(!sids.contains(&sid.to_owned()), "{sid} was drawn twice");
        sids.push(sid.to_owned());
    }
    assert_eq!(sids.len(), 100);
}

#[test]
fn eio4_closes_on_an_event_before_40() {
    play(
        r#"
    0 a open eio4
    0 a << 0{<any>}
    5 a > hello A
    5 a << 41
    5 a close 1008
    "#,
    );
}

#[test]
fn eio3_ignores_40_and_3_and_answers_2() {
    play(
        r#"
    0 a open eio3
    0 a << 0{<any>}
    0 a << 40
    1 a >> 40
    2 a >> 3
    3 a >> 2
    3 a << 3
    4 a >> 2probe
    4 a << 3
    5 a >> 6
    6 a > hello A
    6 a < hi 0
    "#,
    );
}

#[test]
fn eio4_answers_2_and_ignores_3_and_6_and_a_second_40() {
    play(
        r#"
    0 a open eio4
    0 a << 0{<any>}
    1 a >> 2
    1 a << 3
    2 a >> 40
    2 a << 40{<any>}
    3 a >> 3
    4 a >> 6
    5 a >> 40
    6 a > hello A
    6 a < hi 0
    "#,
    );
}

#[test]
fn a_clients_41_or_1_closes_cleanly_without_41_and_bye() {
    for dialect in ["eio3", "eio4"] {
        for packet in ["41", "1"] {
            play(&format!(
                "
    0 a enter {dialect} A
    0 b enter {dialect} B v2
    9 ab >> {packet}
    9 ab close 1000
    20 c enter plain C
                "
            ));
        }
    }
}

#[test]
fn a_41_gives_up_like_a_lost_connection() {
    play(
        "
    0 a enter plain A
    0 b enter eio3 B
    9 ab > join
    9 ab < start 3 A 0/0 B 0/0
  500 b >> 41
  500 b close 1000
 3009 a < result A:- 0/0/0 B:- 0/0/0
 3009 a < leave B
        ",
    );
}

#[test]
fn an_acknowledgement_says_ok_before_the_effects() {
    for dialect in ["eio3", "eio4"] {
        let opened = match dialect {
            "eio3" => "0 a << 40",
            _ => "0 a >> 40\n0 a << 40{<any>}",
        };
        play(&format!(
            r#"
    0 a open {dialect}
    0 a << 0{{<any>}}
    {opened}
    0 b enter {dialect} B
    5 a >> 421["hello",{{"user":{{"uid":"A","uname":"A","uavatar":""}}}}]
    5 a << 431[{{"ok":true}}]
    5 a < hi 1
   10 b >> 420["join"]
   10 b << 430[{{"ok":true}}]
   20 a >> 4277["join"]
   20 a << 4377[{{"ok":true}}]
   20 a < start 3 B 0/0 A 0/0
   20 b < start 3 B 0/0 A 0/0
   30 a >> 42123456789012345["choice",{{"choice":2}}]
   30 a << 43123456789012345[{{"ok":true}}]
   30 b < movement A choice
            "#
        ));
    }
}

#[test]
fn an_acknowledgement_comes_before_a_guests_hi() {
    play(
        r#"
    0 a open eio3
    0 a << 0{<any>}
    0 a << 40
    5 a >> 427["join"]
    5 a << 437[{"ok":true}]
    5 a < hi 0
        "#,
    );
}

#[test]
fn an_acknowledgement_tells_a_refusal_and_then_problem_comes() {
    play(
        r#"
    0 a enter eio3 A v2
    1 a >> 421["choice",{"choice":9}]
    1 a << 431[{"ok":false,"code":"bad-payload","message":"<any>"}]
    1 a < problem bad-payload choice
    2 a >> 422["dance"]
    2 a << 432[{"ok":false,"code":"unknown-event","message":"<any>"}]
    2 a < problem unknown-event dance
    3 a >> 423["join",{"room":"222222"}]
    3 a << 433[{"ok":false,"code":"room-unknown","message":"<any>"}]
    3 a < problem room-unknown join
        "#,
    );
}

#[test]
fn an_acknowledgement_tells_what_was_ignored() {
    play(
        r#"
    0 a enter eio4 A
    0 b enter plain B
    1 a >> 421["choice",{"choice":1}]
    1 a << 431[{"ok":false,"code":"not-playing","message":"<any>"}]
    2 a >> 422["face",{"face":1}]
    2 a << 432[{"ok":false,"code":"not-playing","message":"<any>"}]
    3 ab > join
    3 ab < start 3 A 0/0 B 0/0
    4 a >> 423["join"]
    4 a << 433[{"ok":false,"code":"already-playing","message":"<any>"}]
        "#,
    );
}

#[test]
fn an_acknowledgement_of_sixteen_digits_is_a_fault() {
    play(
        r#"
    0 a enter eio3 A
    1 a >> 421234567890123456["join"]
    1 a << 41
    1 a close 1008
        "#,
    );
}

#[test]
fn an_acknowledgements_digits_come_back_as_they_were() {
    play(
        r#"
    0 a enter eio3 A
    1 a >> 42007["leave"]
    1 a << 43007[{"ok":true}]
        "#,
    );
}

#[test]
fn a_clients_own_acknowledgements_are_ignored() {
    play(
        r#"
    0 a enter eio3 A
    0 b enter eio4 B
    1 ab >> 431[]
    2 ab >> 4312["x",{"y":1}]
    3 a > join
    4 a > leave
        "#,
    );
}

#[test]
fn another_namespace_is_refused_and_the_socket_stays_open() {
    play(
        r#"
    0 a enter eio3 A
    1 a >> 40/chat
    1 a << 44/chat,"Invalid namespace"
    2 a >> 40/chat?token=1
    2 a << 44/chat,"Invalid namespace"
    3 a >> 40/chat,
    3 a << 44/chat,"Invalid namespace"
    4 a >> 42/chat,["join"]
    4 a << 44/chat,"Invalid namespace"
    5 a >> 41/chat
    5 a >> 41/chat,
    6 a >> 43/chat,1[]
    9 a > hello A
    9 a < hi 0
    "#,
    );
    play(
        r#"
    0 a enter eio4 A
    1 a >> 40/chat,
    1 a << 44/chat,{"message":"Invalid namespace"}
    2 a >> 40/chat,{"token":1}
    2 a << 44/chat,{"message":"Invalid namespace"}
    3 a >> 40/chat?token=1,
    3 a << 44/chat,{"message":"Invalid namespace"}
    4 a >> 42/chat,["join"]
    4 a << 44/chat,{"message":"Invalid namespace"}
    5 a >> 41/chat,
    9 a > hello A
    9 a < hi 0
    "#,
    );
}

#[test]
fn the_default_namespace_may_be_named() {
    for dialect in ["eio3", "eio4"] {
        play(&format!(
            r#"
    0 a enter {dialect} A
    1 a >> 42/,["hello",{{"user":{{"uid":"A","uname":"A","uavatar":""}}}}]
    1 a < hi 0
    2 a >> 42/,5["leave"]
    2 a << 435[{{"ok":true}}]
            "#
        ));
    }
}

#[test]
fn binary_frames_and_binary_events_close_with_1003() {
    play(
        r#"
    0 a enter plain A
    1 a binary
    1 a close 1003
    2 b enter plain B v2
    3 b binary
    3 b < bye 1003 fault
    3 b close 1003
    "#,
    );
    for dialect in ["eio3", "eio4"] {
        for attack in [
            "binary",
            r#">> 451-["x",{"_placeholder":true,"num":0}]"#,
            r#">> 461-1[{"_placeholder":true,"num":0}]"#,
        ] {
            play(&format!(
                "
    0 a enter {dialect} A
    1 a {attack}
    1 a << 41
    1 a close 1003
                "
            ));
        }
    }
}

#[test]
fn every_fault_of_the_plain_dialect_closes_with_1008() {
    for text in [
        "",
        "x",
        "join",
        r#""join""#,
        "{}",
        "null",
        "2",
        "[]",
        "[1]",
        "[null,{}]",
        r#"[["join"]]"#,
        r#"["join""#,
        r#"["join"]]"#,
        r#"42["join"]"#,
        r#"7["join"]"#,
        "40",
    ] {
        play(&format!(
            "
    0 a enter plain A
    0 b enter plain B v2
    5 ab >> {text}
    5 a close 1008
    5 b < bye 1008 fault
    5 b close 1008
            "
        ));
    }
}

#[test]
fn every_fault_of_the_socket_io_dialects_closes_with_1008() {
    for dialect in ["eio3", "eio4"] {
        for text in [
            "",
            "x",
            "0",
            "5",
            "7",
            "8",
            "9",
            "4",
            "44",
            "47",
            "4x",
            "42",
            "42x",
            "42{}",
            "42[]",
            "42[1]",
            "42[null]",
            r#"42"join""#,
            r#"42["join""#,
            r#"["join"]"#,
            "421",
        ] {
            play(&format!(
                "
    0 a enter {dialect} A
    0 b enter {dialect} B v2
    5 ab >> {text}
    5 a << 41
    5 a close 1008
    5 b < bye 1008 fault
    5 b << 41
    5 b close 1008
                "
            ));
        }
    }
}

#[test]
fn eio4_closes_on_auth_that_is_not_json() {
    play(
        r#"
    0 a open eio4
    0 a << 0{<any>}
    5 a >> 40{token
    5 a << 41
    5 a close 1008
    "#,
    );
}

#[test]
fn a_fault_of_one_is_not_noticed_by_the_others() {
    play(
        "
    0 a enter eio3 A
    0 b enter eio4 B
    0 c enter plain C
    5 bc > join
    5 bc < start 3 B 0/0 C 0/0
    9 a >> nonsense
    9 a << 41
    9 a close 1008
 3005 bc < result B:- 0/0/0 C:- 0/0/0
 3005 b < leave C
 3005 c < leave B
        ",
    );
}

#[test]
fn violations_close_with_the_code_that_the_rfc_prescribes() {
    for code in [1002, 1007, 1009] {
        play(&format!(
            "
    0 a enter plain A
    0 b enter plain B v2
    0 c enter eio3 C
    0 d enter eio4 D v2
    9 abcd violation {code}
    9 a close {code}
    9 b < bye {code} fault
    9 b close {code}
    9 c << 41
    9 c close {code}
    9 d < bye {code} fault
    9 d << 41
    9 d close {code}
            "
        ));
    }
}

#[test]
fn nothing_more_counts_from_a_connection_that_was_closed() {
    play(
        "
    0 a enter plain A
    0 b enter plain B
    1 a >> nonsense
    1 a close 1008
    2 a > join
    3 b > join
    4 a seen
    5 a binary
    6 a lost
 1003 b < start 3 B 0/0 robot-1 0/0
        ",
    );
}

#[test]
fn spaces_in_json_and_surplus_items_do_no_harm() {
    play_in_all_dialects(
        r#"
    0 a enter DIALECT A
    0 b enter plain B
    1 a > [ "join" , { } , "surplus" ]
    1 b > ["join",null]
    1 ab < start 3 A 0/0 B 0/0
    5 a > ["choice", {"choice": 1}, 2, 3]
    5 b < movement A choice
        "#,
    );
}
