//! Persons: what a signed token leads to, on every way in which somebody may come.

use std::collections::BTreeMap;

use fastrand::Rng;
use roshambo::config::Config;
use roshambo::hub::{Dialect, Input};
use roshambo::identity::{Audience, Claims, Keys, sign};
use roshambo::model::{ConnId, TokenOutcome};
use serde_json::Value;

use crate::common::{Act, Bench, WALL_S};
use crate::play::{play_persons, play_with};
use crate::store::FIRST_WIN;

/// The server's keys by the names they have in transcripts.
pub(crate) fn keys(which: &str) -> Option<Keys> {
    let (old, new) = ([b'o'; 32], [b'n'; 32]);
    let lines: &[&[u8]] = match which {
        "old" => &[&old],
        "both" => &[&new, &old],
        "new" => &[&new],
        "other" => &[&[b'x'; 32]],
        "none" => return None,
        _ => panic!("there are no keys {which:?}"),
    };
    Some(Keys::read(&lines.join(&b'\n')).expect("keys"))
}

/// Tokens by the names they have in transcripts: `jwt.ann`, `jwt.ann.new` (the new key's),
/// `jwt.ann.named`, and those that are none.
pub(crate) fn tokens() -> BTreeMap<String, String> {
    let made = |by: &str, sub: &str, change: &dyn Fn(&mut Claims)| {
        let mut claims = Claims {
            sub: sub.into(),
            exp: (WALL_S + 3_600).into(),
            ..Claims::default()
        };
        change(&mut claims);
        sign(&claims, keys(by).expect("keys").first())
    };
    let mut tokens = BTreeMap::new();
    for sub in ["ann", "bob"] {
        tokens.insert(format!("jwt.{sub}"), made("old", sub, &|_| ()));
        tokens.insert(format!("jwt.{sub}.new"), made("new", sub, &|_| ()));
    }
    let named = |claims: &mut Claims| {
        claims.name = Some("Dr Ann".into());
        claims.avatar = Some("builtin:3".into());
    };
    tokens.insert("jwt.ann.named".into(), made("old", "ann", &named));
    let late = |claims: &mut Claims| claims.exp = (WALL_S - 7_200).into();
    tokens.insert("jwt.ann.late".into(), made("old", "ann", &late));
    let soon = |claims: &mut Claims| claims.exp = (WALL_S + 10).into();
    tokens.insert("jwt.ann.soon".into(), made("old", "ann", &soon));
    let theirs = |claims: &mut Claims| claims.aud = Some(Audience::One("them".into()));
    tokens.insert("jwt.ann.theirs".into(), made("old", "ann", &theirs));
    tokens.insert("jwt.ann.forged".into(), made("other", "ann", &|_| ()));
    tokens
}

/// What happens then, its times counted from when the result is too old to be told again.
fn after_first_win(transcript: &str) -> String {
    const LATER_MS: u64 = 70_000;
    let later = |line: &str| {
        let line = line.trim_start();
        match line
            .split_once(' ')
            .map(|(at, rest)| (at.parse::<u64>(), rest))
        {
            Some((Ok(at), rest)) => format!("{} {rest}\n", at + LATER_MS),
            _ => format!("{line}\n"),
        }
    };
    // A is nobody in particular, and both are lost.
    const LOST: &str = " 3001 a lost\n 3001 b lost\n";
    let later = transcript.lines().map(later).collect::<String>();
    [FIRST_WIN, LOST, &later].concat()
}

#[test]
fn the_first_sign_in_adopts_the_session_and_every_device_shares_it() {
    let played = play_persons(&after_first_win(
        "
 4000 c open plain
 4000 c > hello A v2 <A.token> signed <jwt.ann>
 4000 c < hi 0 A resumed 1/1
 5000 c > join
 5000 c < room 2 A:ro
        # Another device takes place and points over.
 5500 d open plain
 5500 d > hello A v2 signed <jwt.ann>
 5500 d < hi 0 A resumed 1/1
 5500 d < room 2 A:ro
 5500 c < bye 4001 taken-over
 5500 c close 4001
        # And a third one, in mid-round.
 6000 d < room 2 A:ro robot-1:rbo
 6000 d < start 3 A 1/1 robot-1 0/0
 6100 d > choice 1
 6500 e open eio4
 6500 e << 0{<any>}
 6500 e >> 40
 6500 e << 40{<any>}
 6500 e > hello A v2 signed <jwt.ann>
 6500 e < hi 0 A resumed 1/1
 6500 e < room 2 A:ro robot-1:rbo
 6500 e < start 3 A:1 1/1 robot-1 0/0
 6500 d < bye 4001 taken-over
 6500 d close 4001
 6600 e > leave
        ",
    ));
    assert_eq!(played.sessions(), 1);
}

#[test]
fn after_a_kill_a_person_is_found_by_its_token_alone() {
    play_persons(&after_first_win(
        "
 4000 c open plain
 4000 c > hello A v2 <A.token> signed <jwt.ann>
 4000 c < hi 0 A resumed 1/1
 5000 * restart
 6000 d open plain
 6000 d > hello A v2 signed <jwt.ann>
 6000 d < hi 0 A resumed 1/1 as A.second
        # The first device's session has that name no more; its token finds it.
 7000 e open plain
 7000 e > hello A v2 <A.token> signed <jwt.ann>
 7000 e < hi 0 A resumed 1/1 as A.second
 7000 d < bye 4001 taken-over
 7000 d close 4001
        # And a session of the person's is taken up without a token, after the next kill, too.
 8000 * restart
 9000 f open plain
 9000 f > hello B v2 <A.second>
 9000 f < [\"hi\",{\"message\":\"welcome\",\"nearby\":0,\"uid\":\"<A>\",\"session\":\"<A.second>\",\"resumed\":true,\"totalScore\":1,\"winStreak\":1,\"uname\":\"A\",\"uavatar\":\"\",\"board\":true}]
 9000 f < problem bad-token hello
10000 g open plain
10000 g > hello A v2 signed <jwt.ann>
10000 g < hi 0 A resumed 1/1 as A.second
10000 f < bye 4001 taken-over
10000 f close 4001
        ",
    ));
}

#[test]
fn a_known_person_leaves_the_session_it_came_with_to_nobody_in_particular() {
    play_persons(&after_first_win(
        "
 4000 c open plain
 4000 c > hello P v2 signed <jwt.ann>
 4000 c < hi 0 P new 0/0
 4001 c lost
 5000 d open plain
 5000 d > hello P v2 <A.token> signed <jwt.ann>
 5000 d < hi 0 P resumed 0/0
        # It is still there, for whoever has its token.
 6000 e open plain
 6000 e > hello A v2 <A.token>
 6000 e < hi 1 A resumed 1/1
        # Somebody else may have it.
 7000 f open plain
 7000 f > hello A v2 <A.token> signed <jwt.bob>
 7000 f < hi 1 A resumed 1/1
 7000 e < bye 4001 taken-over
 7000 e close 4001
        # A token of somebody else moves the connection there.
 8000 g open plain
 8000 g > hello P v2 <A.token> signed <jwt.ann>
 8000 g < hi 1 P resumed 0/0
 8000 d < bye 4001 taken-over
 8000 d close 4001
 8001 f > ping
 8001 f < pong
        ",
    ));
}

#[test]
fn a_token_that_is_none_is_told_and_nobody_is_thrown_out() {
    let problem = |why: &str| {
        format!(r#"["problem",{{"code":"bad-token","message":"{why}","event":"hello"}}]"#)
    };
    let late = problem("its claim exp was 2 h ago by the server's clock");
    let forged =
        problem("its signature is not of this server's key: another key, or other bytes of it");
    let theirs = problem("its claim aud is for a server with --token-audience, this has none");
    let text = problem("a token is three parts with dots between them (RFC 7515), this one has 1");
    play_persons(&format!(
        r#"
    0 a open plain
    0 a > hello A v2 signed <jwt.ann.late>
    0 a < hi 0 A new 0/0
    0 a < {late}
    0 b open eio3
    0 b << 0{{<any>}}
    0 b << 40
    0 b >> 427["hello",{{"user":{{"uname":"B"}},"v":2,"token":"<jwt.ann.forged>"}}]
    0 b << 437[{{"ok":true}}]
    0 b << 42["hi",{{"message":"welcome","nearby":1,"uid":"<B>","session":"<B.token>","resumed":false,"totalScore":0,"winStreak":0,"board":true}}]
    0 b << 42{forged}
    0 c open plain
    0 c > ["hello",{{"user":{{"uname":"C"}},"v":2,"token":7}}]
    0 c < ["hi",{{"message":"welcome","nearby":2,"uid":"<C>","session":"<C.token>","resumed":false,"totalScore":0,"winStreak":0,"board":true}}]
    0 c < {text}
        # They play on, and come back to what they had.
    1 a lost
    2 d open plain
    2 d > hello A v2 <A.token> signed <jwt.ann.theirs>
    2 d < hi 2 A resumed 0/0
    2 d < {theirs}
        # No signed token is no problem.
    3 e open plain
    3 e > hello A v2 <A.token>
    3 e < hi 2 A resumed 0/0
    3 d < bye 4001 taken-over
    3 d close 4001
        # An old client's is not looked at.
    4 f open plain
    4 f > ["hello",{{"user":{{"uid":"F","uname":"F"}},"token":"<jwt.ann>"}}]
    4 f < hi 3
        "#
    ));
}

#[test]
fn socket_ios_own_credentials_will_do() {
    let hello = r#"["hello",{"user":{"uname":"A"},"v":2"#;
    let hi = |nearby: u32, name: &str, resumed: bool| {
        format!(
            r#"["hi",{{"message":"welcome","nearby":{nearby},"uid":"<{name}>","session":"<{name}.token>","resumed":{resumed},"totalScore":0,"winStreak":0,"board":true}}]"#
        )
    };
    let enter = |at: u32, who: char, token: &str| {
        format!(
            r#"
{at} {who} open eio4
{at} {who} << 0{{<any>}}
{at} {who} >> 40{{"token":"{token}"}}
{at} {who} << 40{{<any>}}"#
        )
    };
    play_persons(&format!(
        r#"
{}
  100 a > {hello}}}]
  100 a < {}
  200 b open plain
  200 b > {hello},"token":"<jwt.ann>"}}]
  200 b < {}
  200 a < bye 4001 taken-over
  200 a << 41
  200 a close 4001
        # What hello says goes first.
{}
  400 c > {hello},"token":"<jwt.bob>"}}]
  400 c < {}
        # One that is none is told at hello, once.
{}
  600 d > {hello}}}]
  600 d < {}
  600 d < problem bad-token hello
  700 d > {hello}}}]
  700 d < ["hi",{{"message":"welcome","nearby":2,"uid":"<D>","session":"<D.token>","resumed":false,"totalScore":0,"winStreak":0,"board":true}}]
        # It was verified then: keys may change until hello.
{}
  800 * keys new
  900 e > {hello}}}]
  900 e < {}
  900 b < bye 4001 taken-over
  900 b close 4001
        # An old client's is forgotten.
{}
 1100 f > hello F
 1100 f < hi 3
        "#,
        enter(0, 'a', "<jwt.ann>"),
        hi(0, "A", false),
        hi(0, "A", true),
        enter(300, 'c', "<jwt.ann>"),
        hi(1, "C", false),
        enter(500, 'd', "<jwt.ann.late>"),
        hi(2, "D", false),
        enter(800, 'e', "<jwt.ann>"),
        hi(2, "A", true),
        enter(1000, 'f', "<jwt.ann>"),
    ));
}

#[test]
fn a_server_without_a_key_or_a_clock_says_so() {
    let problem = |why: &str| {
        format!(r#"["problem",{{"code":"bad-token","message":"{why}","event":"hello"}}]"#)
    };
    let no_keys = problem("this server takes no tokens: it has no --token-key");
    let no_clock = problem("the server's clock is not set, so no token can be judged");
    let transcript = format!(
        "
    0 a open plain
    0 a > [\"hello\",{{\"user\":{{\"uname\":\"A\"}},\"v\":2,\"token\":\"a.b.c\"}}]
    0 a < hi 0 A new 0/0
    0 a < {no_keys}
        "
    );
    // Who is who is learned from the short form.
    let who = "    0 a open plain\n    0 a > hello A v2 signed a.b.c";
    let (_, rest) = transcript.split_once("}]\n").expect("the line of hello");
    play_with(Config::default(), &format!("{who}\n{rest}"));
    play_persons(&format!(
        "
    0 * clock wrong
    0 a open plain
    0 a > hello A v2 signed <jwt.ann>
    0 a < hi 0 A new 0/0
    0 a < {no_clock}
  100 * clock right
  100 b open plain
  100 b > hello A v2 <A.token> signed <jwt.ann>
  100 b < hi 0 A resumed 0/0
  100 a < bye 4001 taken-over
  100 a close 4001
        "
    ));
}

#[test]
fn keys_rotate_in_mid_game_and_a_person_stays_one() {
    play_persons(
        "
    0 a open plain
    0 a > hello A v2 signed <jwt.ann.soon>
    0 a < hi 0 A new 0/0
    0 a > join
    0 a < room 1 A:ro
 1000 a < room 1 A:ro robot-1:rbo
 1000 a < start 3 A 0/0 robot-1 0/0
 1500 * keys both
        # The same person by the new key, in mid-round.
 1600 b open plain
 1600 b > hello A v2 signed <jwt.ann.new>
 1600 b < hi 0 A resumed 0/0
 1600 b < room 1 A:ro robot-1:rbo
 1600 b < start 3 A 0/0 robot-1 0/0
 1600 a < bye 4001 taken-over
 1600 a close 4001
 1700 b > leave
 1700 * keys new
        # Its old token is none any more, and changes nothing.
 2000 c open plain
 2000 c > hello A v2 <A.token> signed <jwt.ann.soon>
 2000 c < hi 0 A resumed 0/0
 2000 c < problem bad-token hello
 2000 b < bye 4001 taken-over
 2000 b close 4001
        ",
    );
}

#[test]
fn what_a_token_calls_somebody_goes_before_what_its_client_says() {
    let user = r#""uid":"<A>","uname":"Dr Ann","uavatar":"builtin:3""#;
    let room = format!(
        r#"["room",{{"roomId":"room1","users":[{{{user},"ready":true,"robot":false,"online":true}}],"full":false}}]"#
    );
    let hi = |resumed: bool, told: &str| {
        format!(
            r#"["hi",{{"message":"welcome","nearby":0,"uid":"<A>","session":"<A.token>","resumed":{resumed},"totalScore":0,"winStreak":0{told},"board":true}}]"#
        )
    };
    let named = r#","uname":"Dr Ann","uavatar":"builtin:3""#;
    let (new, back, plain) = (hi(false, named), hi(true, named), hi(true, ""));
    play_persons(&format!(
        r#"
    0 a open plain
    0 a > hello A v2 signed <jwt.ann.named>
    0 a < {new}
    0 a > join
    0 a < {room}
  100 a > hello Eve v2
  100 a < {new}
  100 a < {room}
        # Nor does it go when a device comes without a token that is good.
  200 b open plain
  200 b > hello Eve v2 <A.token> signed <jwt.ann.late>
  200 b < {back}
  200 b < {room}
  200 b < problem bad-token hello
  200 a < bye 4001 taken-over
  200 a close 4001
  300 c open plain
  300 c > hello Eve v2 <A.token>
  300 c < {back}
  300 c < {room}
  300 c < ["problem",{{"code":"bad-token","message":"no token came, and this session is a person's: it stays so","event":"hello"}}]
  300 b < bye 4001 taken-over
  300 b close 4001
        # A good one that names nothing leaves it to the client.
  400 d open plain
  400 d > hello A v2 signed <jwt.ann>
  400 d < {plain}
  400 d < room 1 A:ro
  400 c < bye 4001 taken-over
  400 c close 4001
  500 d > leave
        "#
    ));
}

#[test]
fn a_store_that_lost_everything_knows_its_persons_again() {
    let mut played = play_persons(&after_first_win(
        "
 4000 c open plain
 4000 c > hello A v2 <A.token> signed <jwt.ann>
 4000 c < hi 0 A resumed 1/1
 5000 * store empties
        ",
    ));
    let token = played.bound("A.token");
    assert_eq!(played.kept("A"), Some((1, 1)));
    assert_eq!(played.bench.shelf().token_of("ann"), Some(&*token));
}

#[test]
fn two_devices_that_sign_in_at_once_are_one() {
    let played = play_persons(
        "
    0 * store slow
    0 a open plain
    0 a > hello A v2 signed <jwt.ann>
   10 b open plain
   10 b > hello A v2 signed <jwt.ann>
   10 a < bye 4001 taken-over
   10 a close 4001
   20 b > join
  100 * store answers
  100 b < hi 0 A new 0/0
  100 b < room 1 A:ro
  200 b > leave
        ",
    );
    assert_eq!(played.counted("sign in"), 1);
}

#[test]
fn who_waits_for_a_session_is_one_with_the_person_that_takes_it() {
    // The newest connection has it, whether it is the person's or the other one.
    play_persons(&after_first_win(
        "
 4000 * restart
 4000 * store slow
 4000 c open plain
 4000 c > hello A v2 <A.token> signed <jwt.ann>
 4010 d open plain
 4010 d > hello A v2 <A.token>
 4100 * store answers
 4100 c < hi 0 A resumed 1/1
 4100 d < hi 0 A resumed 1/1
 4100 d < problem bad-token hello
 4100 c < bye 4001 taken-over
 4100 c close 4001
 4200 d > ping
 4200 d < pong
        ",
    ));
    play_persons(&after_first_win(
        "
 4000 * restart
 4000 * store slow
 4000 c open plain
 4000 c > hello A v2 <A.token>
 4010 d open plain
 4010 d > hello A v2 <A.token> signed <jwt.ann>
 4010 c < bye 4001 taken-over
 4010 c close 4001
 4100 * store answers
 4100 d < hi 0 A resumed 1/1
 4200 d > ping
 4200 d < pong
        ",
    ));
}

#[test]
fn who_signed_in_and_did_not_wait_is_known_on_the_session_that_is_played_on() {
    let played = play_persons(&after_first_win(
        "
 4000 * store slow
 4000 c open plain
 4000 c > hello A v2 <A.token>
 4000 c < hi 0 A resumed 1/1
 4010 d open plain
 4010 d > hello A v2 <A.token> signed <jwt.ann>
 4020 d lost
 4100 * store answers
        # She is known by no session.
 4200 e open plain
 4200 e > hello A v2 signed <jwt.ann>
 4200 e < hi 0 A resumed 1/1
 4200 c < bye 4001 taken-over
 4200 c close 4001
        ",
    ));
    assert_eq!(played.counted("sign in"), 1);
}

#[test]
fn while_the_store_is_away_a_person_plays_unsigned() {
    let mut played = play_persons(&after_first_win(
        "
 4000 c open plain
 4000 c > hello A v2 <A.token> signed <jwt.ann>
 4000 c < hi 0 A resumed 1/1
 4001 c lost
 5000 * restart
 5000 * store away
 6000 d open plain
 6000 d > hello P v2 signed <jwt.ann>
 6000 d < hi 0 P pending 0/0
        # It is that person already: another device takes it over.
 6100 e open plain
 6100 e > hello P v2 signed <jwt.ann>
 6100 e < hi 0 P resumed+pending 0/0
 6100 d < bye 4001 taken-over
 6100 d close 4001
 6200 f enter plain F
 6200 f > join
 6200 e > join
 6200 e < room 1 F:ro P:ro
 6200 ef < start 3 F 0/0 P 0/0
 6200 e > choice 2
 6200 f < movement P choice
 9200 ef < result F:- 0/0/0 P:2 1/1/1
 9200 e < leave F
 9200 f < leave P
        # What it won comes to what the person has, under the person's name.
10000 * store back
10000 e < hi 1 A resumed 2/1 as P.second
10100 e > ping
10100 e < pong
11000 * restart
12000 g open plain
12000 g > hello A v2 <P.second> signed <jwt.ann>
12000 g < hi 0 A resumed 2/1 as P.second
        ",
    ));
    let token = played.bound("P.second");
    assert_eq!(
        played.bench.shelf().session(&token).map(|row| row.0),
        Some(2)
    );
}

#[test]
fn a_new_person_that_came_while_the_store_was_away_keeps_its_session() {
    play_persons(
        "
    0 * store away
    0 a open plain
    0 a > hello A v2 signed <jwt.ann>
    0 a < hi 0 A pending 0/0
 1000 * store back
 1000 a < hi 0 A new 0/0
 2000 b open plain
 2000 b > hello A v2 signed <jwt.ann>
 2000 b < hi 0 A resumed 0/0
 2000 a < bye 4001 taken-over
 2000 a close 4001
        ",
    );
}

#[test]
fn a_person_that_played_on_another_session_goes_to_its_own() {
    play_persons(&after_first_win(
        "
 4000 * store away
 4000 c open plain
 4000 c > hello A v2 <A.token> signed <jwt.bob>
 4000 c < hi 0 A resumed 1/1
 5000 * store back
 6000 c > ping
 6000 c < pong
 6000 c lost
        # After a restart only the store knows who is who.
 7000 * restart
 7000 * store away
 7000 d open plain
 7000 d > hello Q v2
 7000 d < hi 0 Q new 0/0
 7050 d lost
 7100 e open plain
 7100 e > hello Q v2 <Q.token> signed <jwt.bob>
 7100 e < hi 0 Q resumed 0/0
 8000 * store back
 8000 e < hi 0 A resumed 1/1 as A.second
        # What it left is still there.
 8100 f open plain
 8100 f > hello Q v2 <Q.token>
 8100 f < hi 1 Q resumed 0/0
        ",
    ));
}

#[test]
fn who_waits_too_long_plays_unsigned_until_the_answer_comes() {
    play_persons(
        "
    0 * store slow
    0 a open plain
    0 a > hello A v2 signed <jwt.ann>
 2000 a < hi 0 A pending 0/0
 3000 * store answers
 3000 a < hi 0 A new 0/0
        ",
    );
}

#[test]
fn an_erased_person_goes_on_as_a_new_one() {
    play_persons(&after_first_win(
        "
 4000 c open plain
 4000 c > hello A v2 <A.token> signed <jwt.ann>
 4000 c < hi 0 A resumed 1/1
 4000 * store erases <A.token>
 5000 f enter plain F
 5000 f > join
 5000 c > join
 5000 c < room 2 F:ro A:ro
 5000 cf < start 3 F 0/0 A 1/1
 5000 c > choice 2
 5000 f < movement A choice
 8000 cf < result F:- 0/0/0 A:2 2/3/2
 8000 c < leave F
 8000 f < leave A
 8000 c < [\"hi\",{\"message\":\"welcome\",\"nearby\":1,\"uid\":\"<N>\",\"session\":\"<N.token>\",\"resumed\":false,\"totalScore\":0,\"winStreak\":0,\"board\":true}]
 8001 c lost
        # Its token is good, and it is nobody's yet.
 9000 d open plain
 9000 d > hello A v2 <N.token> signed <jwt.ann>
 9000 d < [\"hi\",{\"message\":\"welcome\",\"nearby\":1,\"uid\":\"<N>\",\"session\":\"<N.token>\",\"resumed\":true,\"totalScore\":0,\"winStreak\":0,\"board\":true}]
        "
    ));
}

#[test]
fn every_look_at_a_token_is_counted_by_what_came_of_it() {
    let mut bench = Bench::with_store(Config::default());
    let come = |bench: &mut Bench, signed: &str| {
        let conn = bench.open(Dialect::Plain);
        let hello = format!(r#"["hello",{{"user":{{}},"v":2{signed}}}]"#);
        bench.tell(Input::Text { conn, text: &hello });
        bench.take_deeds()
    };
    let all = tokens();
    let named = |name: &str| format!(r#","token":"{}""#, all[name]);
    come(&mut bench, &named("jwt.ann"));
    bench.use_keys(keys("old"));
    bench.tell(Input::Clock { unix_s: 7 });
    come(&mut bench, &named("jwt.ann"));
    bench.tell(Input::Clock { unix_s: WALL_S });
    for name in [
        "jwt.ann",
        "jwt.ann",
        "jwt.ann.late",
        "jwt.ann.new",
        "jwt.ann.forged",
        "jwt.ann.theirs",
    ] {
        come(&mut bench, &named(name));
    }
    come(&mut bench, r#","token":"x""#);
    come(&mut bench, "");
    let deeds = come(&mut bench, &named("jwt.bob"));
    let session = crate::origins::word(&deeds, r#""session":""#);
    // A person's session without a token, and with one that is none, which is counted as that.
    come(&mut bench, &format!(r#","session":"{session}""#));
    let late = named("jwt.bob.new");
    come(&mut bench, &format!(r#","session":"{session}"{late}"#));
    assert_eq!(bench.hub().persons(), 2);
    let counted = TokenOutcome::named(bench.hub().counters().tokens);
    let counted: Vec<_> = counted.filter(|&(_, count)| count != 0).collect();
    let want = [
        ("good", 3),
        ("malformed", 1),
        ("signature", 3),
        ("expired", 1),
        ("audience", 1),
        ("absent", 1),
        ("no-keys", 1),
        ("no-clock", 1),
    ];
    assert_eq!(counted, want);
    // Another program goes on counting.
    bench.reload();
    let carried = TokenOutcome::named(bench.hub().counters().tokens);
    assert_eq!(
        carried.filter(|&(_, count)| count != 0).collect::<Vec<_>>(),
        want
    );
}

/// As many as may wait do, and are let in when the store answers; the next one plays unsigned at
/// once, and is asked about as soon as there is room.
#[test]
fn a_thousand_persons_wait_and_the_next_one_plays_unsigned() {
    let mut bench = Bench::with_store(Config::default());
    bench.use_keys(keys("old"));
    bench.slow_down(true);
    let key = keys("old").expect("a key");
    for number in 0..=1_000 {
        let claims = Claims {
            sub: format!("o-{number}"),
            exp: (WALL_S + 3_600).into(),
            ..Claims::default()
        };
        let conn = bench.open(Dialect::Plain);
        let token = sign(&claims, key.first());
        let text = format!(r#"["hello",{{"user":{{}},"v":2,"token":"{token}"}}]"#);
        assert_eq!(bench.take_deeds(), [], "{number}: nobody was told anything");
        bench.tell(Input::Text { conn, text: &text });
    }
    assert_eq!(bench.hub().waiting(), 1_000);
    let deeds = bench.take_deeds();
    let is_pending = |act: &Act| matches!(act, Act::Text(text) if text.contains("pending"));
    assert!(deeds.iter().all(|deed| is_pending(&deed.act)), "{deeds:?}");
    assert_eq!(deeds.len(), 1);
    assert_eq!(bench.shelf().counts.get("sign in"), Some(&1_000));
    bench.slow_down(false);
    assert_eq!(bench.hub().waiting(), 0);
    assert_eq!(bench.shelf().counts.get("sign in"), Some(&1_001));
    assert_eq!(bench.take_deeds().len(), 1_001);
    assert_eq!(bench.hub().persons(), 1_001);
}

/// Whoever comes, in whatever order, with a store that is slow, away or loses its process: the hub
/// contradicts itself at no step, and in the end each person is one, with one session.
#[test]
fn fuzz_whoever_comes_a_person_is_one() {
    let long = std::env::var_os("LONG").is_some();
    let seeds = if long { 0..2_000 } else { 0..60 };
    let mut signed_in = 0;
    for seed in seeds {
        let mut crowd = Crowd::new(seed);
        for _ in 0..150 {
            crowd.step();
        }
        signed_in += crowd.settle();
    }
    assert!(0 < signed_in, "nobody signed in");
}

/// Connections that know what they were told, and a seed that says what they do.
struct Crowd {
    seed: u64,
    rng: Rng,
    bench: Bench,
    open: Vec<ConnId>,
    sessions: Vec<String>,
    tokens: BTreeMap<String, String>,
}

impl Crowd {
    fn new(seed: u64) -> Self {
        let mut bench = Bench::with_store(Config::default());
        bench.use_keys(keys("both"));
        Self {
            seed,
            rng: Rng::with_seed(seed),
            bench,
            open: Vec::new(),
            sessions: Vec::new(),
            tokens: tokens(),
        }
    }

    fn say(&mut self, conn: ConnId, text: &str) {
        self.bench.tell(Input::Text { conn, text });
        self.hear();
    }

    /// Learns who is gone and which sessions there are; the last `hi` of each connection.
    fn hear(&mut self) -> BTreeMap<ConnId, Value> {
        let mut greeted = BTreeMap::new();
        for deed in self.bench.take_deeds() {
            match &deed.act {
                Act::Text(text) if text.starts_with("[\"hi\"") => {
                    let event: Value = serde_json::from_str(text).expect("JSON");
                    let session = event[1]["session"].as_str().expect("a session");
                    self.sessions.push(session.to_owned());
                    greeted.insert(deed.conn, event[1].clone());
                }
                Act::Close(_) => self.open.retain(|&conn| conn != deed.conn),
                _ => (),
            }
        }
        greeted
    }

    fn enter(&mut self, signed: Option<&str>) -> ConnId {
        let conn = self.bench.open(Dialect::Plain);
        self.open.push(conn);
        let session = self.rng.choice(&self.sessions).filter(|_| self.rng.bool());
        let session = session.map_or(String::new(), |it| format!(r#","session":"{it}""#));
        let signed = signed.map_or(String::new(), |it| {
            format!(r#","token":"{}""#, self.tokens[it])
        });
        let hello = format!(r#"["hello",{{"user":{{"uname":"x"}},"v":2{session}{signed}}}]"#);
        self.bench.tell(Input::Text { conn, text: &hello });
        conn
    }

    fn step(&mut self) {
        let who = self.rng.choice(&self.open).copied();
        match (self.rng.u8(..24), who) {
            (0..=4, _) => {
                let names = [
                    "jwt.ann",
                    "jwt.ann.new",
                    "jwt.bob",
                    "jwt.ann.late",
                    "jwt.bob.new",
                ];
                let signed = self.rng.choice(names).filter(|_| 0 < self.rng.u8(..4));
                self.enter(signed);
            }
            (5..=7, Some(conn)) => self.say(conn, r#"["join"]"#),
            (8..=10, Some(conn)) => {
                let choice = self.rng.u8(1..4);
                self.say(conn, &format!(r#"["choice",{{"choice":{choice}}}]"#));
            }
            (11, Some(conn)) => self.say(conn, r#"["leave"]"#),
            (12, Some(conn)) => self.say(conn, r#"["away"]"#),
            (13, Some(conn)) => {
                self.open.retain(|&open| open != conn);
                self.bench.tell(Input::Closed { conn });
            }
            (14, _) => self.bench.slow_down(true),
            (15, _) => self.bench.slow_down(false),
            (16, _) => self.bench.hear_store(),
            (17, _) => self.bench.shelf().set_away(true),
            (18, _) => self.bench.shelf().set_away(false),
            (19, _) if !self.sessions.is_empty() && self.rng.u8(..4) == 0 => {
                let session = self.rng.choice(&self.sessions).expect("some").clone();
                self.bench.shelf().erase(&session);
            }
            (20, _) => self.bench.reload(),
            (21, _) if self.rng.u8(..6) == 0 => {
                self.bench.restart();
                self.open.clear();
            }
            _ => {
                let to = self.bench.now() + self.rng.u64(..1_500);
                self.bench.advance(to, true);
            }
        }
        self.hear();
    }

    /// The store is well again; then each person is asked for twice. How many were there before.
    fn settle(&mut self) -> usize {
        self.bench.shelf().set_away(false);
        self.bench.slow_down(false);
        self.bench.hear_store();
        let to = self.bench.now() + 70_000;
        self.bench.advance(to, true);
        self.hear();
        let mut known = 0;
        for signed in ["jwt.ann", "jwt.bob"] {
            let mut greet = || {
                let conn = self.enter(Some(signed));
                let greeted = self.hear();
                assert_eq!(greeted.len(), 1, "seed {}: {greeted:?}", self.seed);
                greeted[&conn].clone()
            };
            let (first, second) = (greet(), greet());
            known += usize::from(first["resumed"] == true);
            for key in ["uid", "session", "totalScore", "winStreak"] {
                assert_eq!(first[key], second[key], "seed {}: {key}", self.seed);
            }
            assert_eq!(second["resumed"], true, "seed {}", self.seed);
            assert_eq!(second.get("pending"), None, "seed {}", self.seed);
        }
        assert_eq!(self.bench.hub().owed(), 0, "seed {}", self.seed);
        known
    }
}
