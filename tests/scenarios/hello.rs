//! Sections 3 and 4, `hello` and `hi`: who a player is, and what others are shown of it.

use crate::play::{config, play, play_in_all_dialects, play_with};

#[test]
fn hi_is_the_first_event_and_old_clients_get_the_originals_two_fields() {
    play_in_all_dialects(
        r#"
    0 a enter DIALECT A
    5 a > hello A
    5 a < ["hi",{"message":"welcome","nearby":0}]
        "#,
    );
}

#[test]
fn a_v2_hi_names_uid_session_and_scores_in_this_order() {
    play(
        r#"
    0 a open plain
    5 a > ["hello",{"user":{"uid":"","uname":"A","uavatar":""},"v":2}]
    5 a < ["hi",{"message":"welcome","nearby":0,"uid":"<u>","session":"<s>","resumed":false,
       ..."totalScore":0,"winStreak":0}]
        "#,
    );
}

#[test]
fn v_is_2_or_more_for_v2_and_anything_less_is_old() {
    for (v, answer) in [
        ("0", "problem unknown-event ping"),
        ("1", "problem unknown-event ping"),
        ("2", "pong"),
        ("3", "pong"),
    ] {
        play(&format!(
            r#"
    0 a open plain
    5 a > ["hello",{{"user":{{"uid":"A","uname":"A","uavatar":""}},"v":{v}}}]
    5 a < ["hi",{{"message":"welcome","nearby":0<any>}}]
    6 a > ping
    6 a < {answer}
            "#
        ));
    }
}

/// A number stays one, whoever is told of it.
#[test]
fn a_numeric_uid_is_told_as_that_number() {
    play_in_all_dialects(
        r#"
    0 a enter DIALECT A
    0 b enter plain B
    5 a > ["hello",{"user":{"uid":7.0,"uname":8,"uavatar":null}}]
    5 a < hi 1
    6 a > join
    7 b > join
    7 ab < ["start",{"gameTime":3,"roomUsers":[{"uid":7,"uname":"8","uavatar":"",<any>},{"uid":"B",<any>}]}]
    8 a > ["choice",{"choice":1.0}]
    8 b < ["movement",{"uid":7,"movement":"choice"}]
    9 b > choice 2
    9 a < ["movement",{"uid":"B","movement":"choice"}]
    3007 ab < ["result",{"result":[{"uid":7,"roundScore":0,<any>},{"uid":"B","roundScore":1,<any>}]}]
    3008 a > leave
    3008 b < ["leave",{"uid":7}]
        "#,
    );
}

/// The number 7 and the text "7" are one uid, and nobody plays against its own.
#[test]
fn a_number_and_its_digits_are_never_paired() {
    play(
        r#"
    0 a enter plain 7
    0 b enter plain B
    5 b > ["hello",{"user":{"uid":7}}]
    5 b < hi 1
    6 a > join
    7 b > join
    1006 a < ["start",{"gameTime":3,"roomUsers":[{"uid":"7",<any>},{"uid":"robot-1",<any>}]}]
    1007 a > leave
    1007 b < ["start",{"gameTime":3,"roomUsers":[{"uid":7,<any>},{"uid":"robot-2",<any>}]}]
        "#,
    );
}

#[test]
fn v2_players_get_their_uid_from_the_server_whatever_they_say() {
    for user in [
        "{}",
        r#"{"uid":null}"#,
        r#"{"uid":""}"#,
        r#"{"uid":"victim"}"#,
        r#"{"uid":"a\nb"}"#,
    ] {
        play(&format!(
            r#"
    0 b enter plain victim
    5 a open plain
    5 a > ["hello",{{"v":2,"user":{user}}}]
    5 a < ["hi",{{"message":"welcome","nearby":1,"uid":"p-<u>",<any>}}]
    9 b > join
    9 a > join
    9 a < ["room",{{"roomId":"room1","users":[{{"uid":"victim",<any>}},{{"uid":"p-<u>",<any>}}]
       ...,"full":true}}]
    9 ab < ["start",{{"gameTime":3,"roomUsers":[{{"uid":"victim",<any>}},{{"uid":"p-<u>",<any>}}]}}]
            "#
        ));
    }
}

#[test]
fn nearby_counts_the_other_players_online() {
    play(
        "
    0 a enter plain A
    0 b enter eio3 B v2
    0 c enter eio4 C
    0 d open plain
    1 a > hello A
    1 a < hi 2                    # somebody without a hello is no player
    2 b > away
    3 a > hello A
    3 a < hi 1
    4 c lost
    5 a > hello A
    5 a < hi 0
    6 b > ping
    6 b < pong
    7 a > hello A
    7 a < hi 1
    8 d > join                    # a guest is a player
    8 d < hi 2
        ",
    );
}

#[test]
fn a_uid_that_is_not_one_is_refused_and_changes_nothing() {
    for uid in [
        "null".into(),
        r#""""#.into(),
        "1e400".into(),
        "{}".into(),
        "[]".into(),
        format!("\"{}\"", "x".repeat(65)),
        format!("\"{}\"", "é".repeat(33)),
        r#""a\u0000b""#.into(),
        r#""a\nb""#.into(),
        r#""\u007f""#.into(),
        r#""a\u2028b""#.into(),
        r#""a\u2029b""#.into(),
        "\"\u{2028}\"".into(),
    ] as [String; 13]
    {
        play_in_all_dialects(&format!(
            r#"
    0 a enter DIALECT A
    5 a > ["hello",{{"user":{{"uid":{uid},"uname":"X","uavatar":"http://x"}}}}]
    5 a < problem bad-payload hello
    9 a > join
 1009 a < start 3 A 0/0 robot-1 0/0
            "#
        ));
    }
}

#[test]
fn a_first_hello_without_a_uid_leaves_the_player_a_guest() {
    play(
        r#"
    0 a open plain
    5 a > ["hello",{"user":{"uname":"X","uavatar":""}}]
    5 a < problem bad-payload hello
    9 a > join
    9 a < hi 0
 1009 a < ["start",{"gameTime":3,"roomUsers":[{"uid":"guest-<g>","uname":"guest-<g>",
       ..."uavatar":"","choice":null,"roundScore":0,"totalScore":0,"winStreak":0},
       ...{"uid":"robot-1","uname":"robot-1","uavatar":"","choice":null,"roundScore":0,
       ..."totalScore":0,"winStreak":0}]}]
        "#,
    );
}

#[test]
fn a_uid_of_64_bytes_is_taken_as_it_is() {
    for uid in [
        "x".repeat(64),
        "é".repeat(32),
        " A ".into(),
        "名".repeat(21),
    ] {
        play(&format!(
            r#"
    0 a open plain
    5 a > ["hello",{{"user":{{"uid":"{uid}","uname":"X","uavatar":""}}}}]
    5 a < hi 0
    9 a > join
 1009 a < ["start",{{"gameTime":3,"roomUsers":[{{"uid":"{uid}","uname":"X","uavatar":"",
       ..."choice":null,"roundScore":0,"totalScore":0,"winStreak":0}},<rest>
            "#
        ));
    }
}

#[test]
fn a_hello_that_is_not_one_is_refused() {
    for hello in [
        r#"["hello"]"#,
        r#"["hello",null]"#,
        r#"["hello",{}]"#,
        r#"["hello",[]]"#,
        r#"["hello","A"]"#,
        r#"["hello",{"user":null}]"#,
        r#"["hello",{"user":"A"}]"#,
        r#"["hello",{"user":[]}]"#,
        r#"["hello",{"user":{"uid":"X"},"user":"Y"}]"#,
        r#"["hello",{"user":true}]"#,
        r#"["hello",[{"user":{"uid":"X"}}]]"#,
        r#"["hello",{"v":2}]"#,
        r#"["hello",{"v":2,"user":null}]"#,
    ] {
        play_in_all_dialects(&format!(
            "
    0 a enter DIALECT A
    0 b enter DIALECT B v2
    5 ab > {hello}
    5 ab < problem bad-payload hello
            "
        ));
    }
}

/// What an opponent is shown of somebody who says this name, and this picture, both as JSON.
#[track_caller]
fn check_shown(said: (&str, &str), shown: (&str, &str)) {
    let ((uname, uavatar), (name, avatar)) = (said, shown);
    play(&format!(
        r#"
    0 b enter plain B
    1 a open plain
    1 a > ["hello",{{"user":{{"uid":"A","uname":{uname},"uavatar":{uavatar}}}}}]
    1 a < hi 1
    5 a > join
    5 b > join
    5 ab < ["start",{{"gameTime":3,"roomUsers":[{{"uid":"A","uname":{name},"uavatar":{avatar},
        ..."choice":null,"roundScore":0,"totalScore":0,"winStreak":0}},{{"uid":"B","uname":"B",
        ..."uavatar":"","choice":null,"roundScore":0,"totalScore":0,"winStreak":0}}]}}]
        "#
    ));
}

#[test]
fn a_name_is_cleaned_and_cut_to_64_bytes_at_a_character() {
    let quoted = |text: String| format!("\"{text}\"");
    for (said, shown) in [
        ("null".into(), quoted("".into())),
        (quoted("".into()), quoted("".into())),
        (quoted("Ann 名字".into()), quoted("Ann 名字".into())),
        (quoted("x".repeat(65)), quoted("x".repeat(64))),
        (quoted("é".repeat(33)), quoted("é".repeat(32))),
        (quoted("x".repeat(63) + "é"), quoted("x".repeat(63))),
        (
            quoted(r"A\u0000n\u001fn\u007f".into()),
            quoted("Ann".into()),
        ),
        (quoted(r"A\u2028n\u2029n".into()), quoted("Ann".into())),
        (quoted("A\u{2028}n\u{2029}n".into()), quoted("Ann".into())),
        (quoted(r"\\\u0022".into()), quoted(r#"\\\""#.into())),
        (
            quoted("</script x='&amp;'>".into()),
            quoted("</script x='&amp;'>".into()),
        ),
        (quoted(r"\ud83d\ude00".into()), quoted("😀".into())),
    ] as [(String, String); 12]
    {
        check_shown((&said, r#""""#), (&shown, r#""""#));
    }
}

#[test]
fn a_missing_name_and_picture_are_empty_and_unknown_keys_are_never_relayed() {
    play(
        r#"
    0 b enter plain B
    1 a open plain
    1 a > ["hello",{"user":{"uid":"A","gender":1,"__proto__":{}},"cordinate":{"lat":1.5,
       ..."lng":-2},"x":[]}]
    1 a < hi 1
    5 a > join
    5 b > join
    5 ab < ["start",{"gameTime":3,"roomUsers":[{"uid":"A","uname":"","uavatar":"","choice":null,
        ..."roundScore":0,"totalScore":0,"winStreak":0},{"uid":"B","uname":"B","uavatar":"",
        ..."choice":null,"roundScore":0,"totalScore":0,"winStreak":0}]}]
        "#,
    );
}

#[test]
fn a_picture_is_an_http_or_data_address_of_512_bytes_or_nothing() {
    let long = format!("https://e/{}", "x".repeat(600));
    for (said, shown) in [
        ("http://a/b.png?c=d&e", "http://a/b.png?c=d&e"),
        ("https://a", "https://a"),
        ("data:image/png;base64,AAAA", "data:image/png;base64,AAAA"),
        ("data:text/html,x", ""),
        ("javascript:alert(1)", ""),
        ("//a/b.png", ""),
        ("/b.png", ""),
        ("ftp://a", ""),
        (r"https://a\u2028b\u0007", "https://ab"),
        (&long, &long[..512]),
        // No --public-url, so that an old client can be shown nothing.
        ("builtin:3", ""),
    ] {
        check_shown(
            (r#""A""#, &format!("\"{said}\"")),
            (r#""A""#, &format!("\"{shown}\"")),
        );
    }
    check_shown((r#""A""#, "null"), (r#""A""#, r#""""#));
}

#[test]
fn a_builtin_picture_is_drawn_by_v2_and_an_address_to_old_clients() {
    let knobs = config(|config| config.public_url = Some("https://play.example/game".into()));
    play_with(
        knobs,
        r#"
    0 a open plain
    0 a > ["hello",{"v":2,"user":{"uname":"A","uavatar":"builtin:15"}}]
    0 a < ["hi",{"message":"welcome","nearby":0,"uid":"<A>","session":"<s>","resumed":false,
       ..."totalScore":0,"winStreak":0}]
    0 b open plain
    0 b > ["hello",{"user":{"uid":"B","uname":"B","uavatar":"builtin:0"}}]
    0 b < hi 1
    5 b > join
    5 a > join
    5 a < ["room",{"roomId":"room1","users":[{"uid":"B","uname":"B","uavatar":"builtin:0",
       ..."ready":true,"robot":false,"online":true},{"uid":"<A>","uname":"A",
       ..."uavatar":"builtin:15","ready":true,"robot":false,"online":true}],"full":true}]
    5 a < ["start",{"gameTime":3,"roomUsers":[{"uid":"B","uname":"B","uavatar":"builtin:0",
       ..."choice":null,"roundScore":0,"totalScore":0,"winStreak":0},{"uid":"<A>","uname":"A",
       ..."uavatar":"builtin:15","choice":null,"roundScore":0,"totalScore":0,"winStreak":0}]}]
    5 b < ["start",{"gameTime":3,"roomUsers":[{"uid":"B","uname":"B",
       ..."uavatar":"https://play.example/game/<b>","choice":null,"roundScore":0,"totalScore":0,
       ..."winStreak":0},{"uid":"<A>","uname":"A","uavatar":"https://play.example/game/<a>",
       ..."choice":null,"roundScore":0,"totalScore":0,"winStreak":0}]}]
        "#,
    );
}

#[test]
fn a_robots_picture_is_builtin_robot_to_v2_and_an_address_to_old_clients() {
    let knobs = config(|config| config.public_url = Some("https://play.example".into()));
    play_with(
        knobs,
        r#"
    0 a enter plain A
    5 a > join
 1005 a < ["start",{"gameTime":3,"roomUsers":[{"uid":"A",<any>},{"uid":"robot-1",
       ..."uname":"robot-1","uavatar":"https://play.example/<any>","choice":null,"roundScore":0,
       ..."totalScore":0,"winStreak":0}]}]
 2000 b enter plain B v2
 2000 b quiet
        "#,
    );
    play(
        r#"
    0 b enter plain B v2
    5 b > join
    5 b < room 1 B:ro
 1005 b < room 1 B:ro robot-1:rbo
 1005 b < ["start",{"gameTime":3,"roomUsers":[{"uid":"<B>",<any>},{"uid":"robot-1",
       ..."uname":"robot-1","uavatar":"builtin:robot","choice":null,"roundScore":0,
       ..."totalScore":0,"winStreak":0}]}]
        "#,
    );
}

#[test]
fn nobody_may_claim_a_builtin_that_is_not_there() {
    for said in [
        "builtin:16",
        "builtin:robot",
        "builtin:",
        "builtin:-1",
        "builtin:1x",
    ] {
        play(&format!(
            r#"
    0 b enter plain B v2
    1 a open plain
    1 a > ["hello",{{"user":{{"uid":"A","uname":"A","uavatar":"{said}"}}}}]
    1 a < hi 1
    5 a > join
    5 b > join
    5 b < room 1 A:ro B:ro
    5 ab < start 3 A 0/0 B 0/0
            "#
        ));
    }
}

#[test]
fn again_later_an_old_client_that_is_free_changes_name_picture_and_uid() {
    play_in_all_dialects(
        r#"
    0 a enter DIALECT A
    5 a > ["hello",{"user":{"uid":"Z","uname":"Zoe","uavatar":"http://z"}}]
    5 a < hi 0
    9 a > join
 1009 a < ["start",{"gameTime":3,"roomUsers":[{"uid":"Z","uname":"Zoe","uavatar":"http://z",
       ..."choice":null,"roundScore":0,"totalScore":0,"winStreak":0},<rest>
        "#,
    );
}

#[test]
fn while_seated_a_hello_changes_name_and_picture_but_not_the_uid() {
    play_in_all_dialects(
        r#"
    0 a enter DIALECT A
    0 b enter plain B
    5 ab > join
    5 ab < start 3 A 0/0 B 0/0
    9 a > ["hello",{"user":{"uid":"Z","uname":"Zoe","uavatar":"http://z"}}]
    9 a < hi 1
   10 a > choice 1
   10 b < movement A choice
   11 b > choice 1
   11 a < movement B choice
 3005 ab < result A:1 0/0/0 B:1 0/0/0
 3009 a > join
 4505 ab < ["start",{"gameTime":3,"roomUsers":[{"uid":"A","uname":"Zoe","uavatar":"http://z",
        ..."choice":null,"roundScore":0,"totalScore":0,"winStreak":0},{"uid":"B","uname":"B",
        ..."uavatar":"","choice":null,"roundScore":0,"totalScore":0,"winStreak":0}]}]
        "#,
    );
}

#[test]
fn a_v2_hello_again_keeps_uid_and_session_and_shows_the_new_name_to_the_room() {
    play_in_all_dialects(
        r#"
    0 a enter DIALECT A v2
    0 b enter plain B v2
    5 a > ["hello",{"user":{"uid":"Z","uname":"A","uavatar":""},"v":2,
       ..."session":"xxxxxxxxxxxxxxxxxxxxxxxx"}]
    5 a < hi 1 A new 0/0
    6 a > hello A
    6 a < hi 1 A new 0/0
    7 a > hello A v2 <B.token>
    7 a < hi 1 A new 0/0
    9 a > join
    9 a < room 1 A:ro
    9 b > join
    9 ab < room 1 A:ro B:ro
    9 ab < start 3 A 0/0 B 0/0
   20 b > ["hello",{"user":{"uname":"Zoe"}}]
   20 b < hi 1 B new 0/0
   20 ab < ["room",{"roomId":"room1","users":[{"uid":"<A>","uname":"A","uavatar":"","ready":true,
        ..."robot":false,"online":true},{"uid":"<B>","uname":"Zoe","uavatar":"","ready":true,
        ..."robot":false,"online":true}],"full":true}]
        "#,
    );
}

#[test]
fn v_and_session_are_read_only_in_the_first_hello() {
    play(
        "
    0 b enter plain B v2
    0 a enter plain A
    5 a > hello A v2
    5 a < hi 1
    6 a > hello A v2 <B.token>
    6 a < hi 1
    7 a > ping
    7 a < problem unknown-event ping
        ",
    );
}

#[test]
fn v_and_session_are_not_read_after_a_join() {
    play(
        r#"
    0 b enter plain B v2
    0 a open plain
    5 a > join
    5 a < hi 1
    6 a > ["hello",{"user":{"uid":"A","uname":"Ann","uavatar":""},"v":2,"session":"<B.token>"}]
    6 a < hi 1
    7 a > away
    7 a < problem unknown-event away
 1005 a < ["start",{"gameTime":3,"roomUsers":[{"uid":"guest-<g>","uname":"Ann","uavatar":"",
       ..."choice":null,"roundScore":0,"totalScore":0,"winStreak":0},<rest>
        "#,
    );
}

#[test]
fn a_join_without_hello_makes_an_old_guest() {
    play_in_all_dialects(
        r#"
    0 b enter DIALECT B
    0 a open plain
    5 a > join
    5 a < hi 1
    6 b > join
    6 ab < ["start",{"gameTime":3,"roomUsers":[{"uid":"guest-<g>","uname":"guest-<g>",
        ..."uavatar":"","choice":null,"roundScore":0,"totalScore":0,"winStreak":0},{"uid":"B",
        ..."uname":"B","uavatar":"","choice":null,"roundScore":0,"totalScore":0,"winStreak":0}]}]
        "#,
    );
}

#[test]
fn what_comes_before_hello_and_join_is_a_race_or_unknown() {
    play(
        r#"
    0 a open eio3
    0 a << 0{<any>}
    0 a << 40
    1 a >> 421["choice",{"choice":1}]
    1 a << 431[{"ok":false,"code":"not-playing","message":"<any>"}]
    2 a >> 422["face",{"face":1}]
    2 a << 432[{"ok":false,"code":"not-playing","message":"<any>"}]
    3 a >> 423["leave"]
    3 a << 433[{"ok":true}]
    4 a > choice 1
    5 a > face 1
    6 a > leave
    7 a > ping
    7 a < problem unknown-event ping
    8 a > away
    8 a < problem unknown-event away
        "#,
    );
}
