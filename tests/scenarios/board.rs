//! Who is best: what is asked of the store and how often, who is told, and when nobody can be.

use roshambo::config::Config;
use roshambo::hub::{Dialect, Input};
use roshambo::identity::{Claims, sign};
use roshambo::model::{BoardRow, ConnId, StoreReply, StoredProfile, Week};

use crate::common::{Act, Bench, WALL_S};
use crate::origins::word;
use crate::persons;

/// 2027-01-18 00:00 UTC.
const MONDAY: u64 = 1_800_230_400;

fn with_board() -> Bench {
    let mut bench = Bench::with_store(Config {
        rate_limit: 0,
        ..Config::default()
    });
    bench.hub().keep_board();
    bench.tell(Input::Clock { unix_s: MONDAY });
    bench.shelf().set_ranked("Ann", 7, MONDAY);
    bench
}

fn come(bench: &mut Bench) -> ConnId {
    let conn = bench.open(Dialect::Plain);
    say(bench, conn, r#"["hello",{"user":{"uname":"x"},"v":2}]"#);
    bench.take_deeds();
    conn
}

fn say(bench: &mut Bench, conn: ConnId, text: &str) {
    bench.tell(Input::Text { conn, text });
}

/// What somebody was told since, and nobody else was told anything.
#[track_caller]
fn told(bench: &mut Bench, to: ConnId) -> Vec<String> {
    let deeds = bench.take_deeds().into_iter();
    deeds
        .map(|deed| match deed.act {
            Act::Text(text) if deed.conn == to => text,
            other => panic!("{:?}: {other:?}", deed.conn),
        })
        .collect()
}

fn asked(bench: &mut Bench) -> usize {
    bench.shelf().counts.get("top").copied().unwrap_or(0)
}

const ANN: &str = r#"["top",{"board":"week","players":[{"place":1,"uid":"p-ann","uname":"Ann","uavatar":"","points":7}]}]"#;
const AWAY: &str = r#"["problem",{"code":"board-away","message":"the board cannot be asked just now, try again in a moment","event":"top"}]"#;

#[test]
fn the_store_is_asked_once_in_two_seconds_whoever_asks() {
    let mut bench = with_board();
    let crowd: Vec<ConnId> = (0..50).map(|_| come(&mut bench)).collect();
    for round in 1..=3 {
        for &conn in &crowd {
            say(&mut bench, conn, r#"["top"]"#);
            assert_eq!(told(&mut bench, conn), [ANN]);
        }
        assert_eq!(asked(&mut bench), round);
        let now = bench.now();
        bench.advance(now + 1_999, true);
        say(&mut bench, crowd[0], r#"["top"]"#);
        assert_eq!(told(&mut bench, crowd[0]), [ANN]);
        assert_eq!(asked(&mut bench), round, "it was kept");
        bench.advance(now + 2_000, true);
    }
}

#[test]
fn all_who_ask_meanwhile_are_told_by_one_answer() {
    let mut bench = with_board();
    let crowd: Vec<ConnId> = (0..5).map(|_| come(&mut bench)).collect();
    bench.slow_down(true);
    for &conn in &crowd {
        say(&mut bench, conn, r#"["top"]"#);
        say(&mut bench, conn, r#"["top",{"board":"week"}]"#);
    }
    bench.tell(Input::Closed { conn: crowd[4] });
    assert_eq!(bench.take_deeds(), []);
    assert_eq!(asked(&mut bench), 1);
    // Another program is told the answer, and tells it to them.
    bench.reload();
    bench.hear_store();
    let deeds = bench.take_deeds();
    let told: Vec<ConnId> = deeds.iter().map(|deed| deed.conn).collect();
    assert_eq!(told, crowd[..4]);
    assert!(deeds.iter().all(|deed| deed.act == Act::Text(ANN.into())));
}

#[test]
fn a_week_that_turns_over_has_a_board_of_its_own() {
    let mut bench = with_board();
    let conn = come(&mut bench);
    say(&mut bench, conn, r#"["top"]"#);
    assert_eq!(told(&mut bench, conn), [ANN]);
    // The clock goes on by itself, whether it is told or not.
    let week_ms = 7 * 86_400_000;
    bench.advance(week_ms - 1_000, true);
    let conn = come(&mut bench);
    say(&mut bench, conn, r#"["top"]"#);
    assert_eq!(told(&mut bench, conn), [ANN]);
    bench.advance(week_ms, true);
    say(&mut bench, conn, r#"["top"]"#);
    let nobody = r#"["top",{"board":"week","players":[]}]"#;
    assert_eq!(told(&mut bench, conn), [nobody]);
    say(&mut bench, conn, r#"["top",{"board":"ever"}]"#);
    let ever = ANN.replace("week", "ever");
    assert_eq!(told(&mut bench, conn), [ever]);
}

#[test]
fn while_the_store_is_away_the_last_board_is_told_or_that_there_is_none() {
    let mut bench = with_board();
    let conn = come(&mut bench);
    bench.shelf().set_away(true);
    bench.hear_store();
    say(&mut bench, conn, r#"["top"]"#);
    assert_eq!(told(&mut bench, conn), [AWAY]);
    bench.shelf().set_away(false);
    bench.hear_store();
    say(&mut bench, conn, r#"["top"]"#);
    assert_eq!(told(&mut bench, conn), [ANN]);
    bench.shelf().set_away(true);
    bench.hear_store();
    bench.advance(20_000, true);
    bench.take_deeds();
    say(&mut bench, conn, r#"["top"]"#);
    assert_eq!(told(&mut bench, conn), [ANN]);
    say(&mut bench, conn, r#"["top",{"board":"ever"}]"#);
    assert_eq!(told(&mut bench, conn), [AWAY]);
}

#[test]
fn who_waits_when_the_store_goes_away_is_told() {
    let mut bench = with_board();
    let conn = come(&mut bench);
    bench.slow_down(true);
    bench.shelf().lazy = true;
    say(&mut bench, conn, r#"["top"]"#);
    assert_eq!(told(&mut bench, conn), [""; 0]);
    bench.shelf().set_away(true);
    bench.hear_store();
    assert_eq!(told(&mut bench, conn), [AWAY]);
    // The answer that comes after all is nobody's.
    bench.shelf().set_away(false);
    bench.shelf().work(usize::MAX);
    bench.hear_store();
    assert_eq!(told(&mut bench, conn), [""; 0]);
}

#[test]
fn a_clock_that_is_plainly_wrong_has_no_week() {
    let mut bench = with_board();
    let conn = come(&mut bench);
    bench.tell(Input::Clock { unix_s: 7 });
    say(&mut bench, conn, r#"["top"]"#);
    assert_eq!(told(&mut bench, conn), [AWAY]);
    say(&mut bench, conn, r#"["top",{"board":"ever"}]"#);
    assert_eq!(told(&mut bench, conn), [ANN.replace("week", "ever")]);
}

#[test]
fn without_a_board_nothing_is_asked_and_old_clients_know_none() {
    let mut bench = Bench::with_store(Config::default());
    bench.tell(Input::Clock { unix_s: MONDAY });
    let conn = come(&mut bench);
    for name in ["top", "rank"] {
        say(&mut bench, conn, &format!(r#"["{name}"]"#));
        let said = told(&mut bench, conn);
        assert!(said[0].contains("no-board"), "{said:?}");
    }
    let mut bench = with_board();
    let old = bench.open(Dialect::Plain);
    for name in ["top", "rank"] {
        let said = |bench: &mut Bench| {
            say(bench, old, &format!(r#"["{name}"]"#));
            told(bench, old).concat()
        };
        assert!(said(&mut bench).contains("unknown-event"));
        say(&mut bench, old, r#"["hello",{"user":{"uid":"o"}}]"#);
        bench.take_deeds();
        assert!(said(&mut bench).contains("unknown-event"));
    }
    assert_eq!(asked(&mut bench), 0);
}

/// Ten rows of the longest names that can be are no more than waits for a client by default.
#[test]
fn a_board_of_hostile_names_is_short_enough_for_everybody() {
    let mut bench = with_board();
    let conn = come(&mut bench);
    bench.slow_down(true);
    say(&mut bench, conn, r#"["top"]"#);
    let row = |avatar: String| BoardRow {
        profile: StoredProfile {
            uid: "\"".repeat(64),
            uid_is_number: false,
            name: "\\".repeat(64),
            avatar,
        },
        points: u32::MAX,
    };
    let mut rows = vec![row(format!("https://e/{}", "\"".repeat(190))); 9];
    rows.push(row(format!("https://e/{}", "x".repeat(400))));
    let week = Week::of(MONDAY).expect("a week");
    let reply = StoreReply::Top { week, rows };
    bench.tell(Input::Stored { reply: &reply });
    let said = told(&mut bench, conn).concat();
    assert!(
        said.contains(r#""uavatar":"https"#) && !said.contains("xxx"),
        "{said}"
    );
    let most = Config::default().max_queue;
    assert!(said.len() < most, "{} of {most}", said.len());
}

#[test]
fn who_is_no_person_stands_nowhere_and_the_store_is_not_asked() {
    let mut bench = with_board();
    let conn = come(&mut bench);
    for board in ["week", "ever"] {
        say(
            &mut bench,
            conn,
            &format!(r#"["rank",{{"board":"{board}"}}]"#),
        );
        let nowhere = format!(
            r#"["rank",{{"board":"{board}","place":null,"percent":null,"points":0,"players":[]}}]"#
        );
        assert_eq!(told(&mut bench, conn), [nowhere]);
    }
    assert_eq!(bench.shelf().counts.get("rank"), None);
}

/// Two persons in a private room.
struct Pair {
    bench: Bench,
    ann: ConnId,
    bob: ConnId,
    playing: bool,
}

/// Of a person who may come until the end of the next week.
fn signed(sub: &str) -> String {
    let claims = Claims {
        sub: sub.into(),
        exp: (WALL_S + 30 * 86_400).into(),
        name: Some(sub.to_uppercase()),
        ..Claims::default()
    };
    let keys = persons::keys("old").expect("keys");
    sign(&claims, keys.first())
}

fn come_as(bench: &mut Bench, sub: &str) -> ConnId {
    let conn = bench.open(Dialect::Plain);
    let token = signed(sub);
    let hello = format!(r#"["hello",{{"user":{{"uname":"x"}},"v":2,"token":"{token}"}}]"#);
    say(bench, conn, &hello);
    conn
}

impl Pair {
    fn new() -> Self {
        let mut bench = Bench::with_store(Config {
            rate_limit: 0,
            ping_interval_ms: 30 * 86_400_000,
            ..Config::default()
        });
        bench.use_keys(persons::keys("old"));
        let (ann, bob) = (come_as(&mut bench, "ann"), come_as(&mut bench, "bob"));
        bench.take_deeds();
        say(&mut bench, ann, r#"["join",{"room":"new"}]"#);
        let code = word(&bench.take_deeds(), r#""code":""#);
        say(&mut bench, bob, &format!(r#"["join",{{"room":"{code}"}}]"#));
        Self {
            bench,
            ann,
            bob,
            playing: true,
        }
    }

    /// A round begins, if none runs.
    fn begin(&mut self) {
        if !std::mem::replace(&mut self.playing, true) {
            say(&mut self.bench, self.ann, r#"["join"]"#);
            say(&mut self.bench, self.bob, r#"["join"]"#);
        }
    }

    /// One of them wins the round.
    fn win(&mut self, winner: ConnId) {
        self.begin();
        say(&mut self.bench, winner, r#"["choice",{"choice":2}]"#);
        self.end();
    }

    fn end(&mut self) {
        let now = self.bench.now();
        self.bench.advance(now + 3_000, true);
        self.playing = false;
    }

    /// So many milliseconds before the next Monday.
    fn wait_for_monday(&mut self, before_ms: u64) {
        // Time 0 was a Thursday.
        self.bench.advance(4 * 86_400_000 - before_ms, true);
    }

    fn ranked(&mut self, week: Week) -> [u32; 2] {
        ["ann", "bob"].map(|sub| self.bench.shelf().ranked(sub, week))
    }
}

fn first_week() -> Week {
    Week::of(WALL_S).expect("a week")
}

fn next_week() -> Week {
    Week(first_week().0 + 1)
}

#[test]
fn rounds_between_two_persons_count_and_a_pair_adds_thirty_a_day() {
    let mut pair = Pair::new();
    let (ann, bob) = (pair.ann, pair.bob);
    pair.win(bob);
    assert_eq!(pair.ranked(first_week()), [0, 1]);
    for wins in 1..=7 {
        pair.win(ann);
        assert_eq!(pair.ranked(first_week()), [wins * (wins + 1) / 2, 1]);
        // Another program goes on with what is counted.
        pair.bench.reload();
    }
    pair.win(ann);
    assert_eq!(pair.ranked(first_week()), [29, 1]);
    pair.win(bob);
    assert_eq!(pair.ranked(Week::EVER), [29, 1]);
    // In the game all of them count, and tomorrow is another day.
    let token = pair
        .bench
        .shelf()
        .token_of("ann")
        .expect("signed in")
        .to_owned();
    let kept = pair.bench.shelf().session(&token);
    assert_eq!(kept.map(|(total, ..)| total), Some(36));
    pair.bench.advance(86_400_000, true);
    // The room is gone by then: they meet anew.
    let bench = &mut pair.bench;
    bench.take_deeds();
    say(bench, ann, r#"["join",{"room":"new"}]"#);
    let code = word(&bench.take_deeds(), r#""code":""#);
    say(bench, bob, &format!(r#"["join",{{"room":"{code}"}}]"#));
    pair.playing = true;
    pair.win(ann);
    assert_eq!(pair.ranked(Week::EVER), [30, 1]);
}

#[test]
fn top_and_rank_tell_what_was_won() {
    let mut pair = Pair::new();
    let (ann, bob) = (pair.ann, pair.bob);
    pair.win(ann);
    pair.win(bob);
    pair.win(bob);
    pair.bench.take_deeds();
    say(&mut pair.bench, ann, r#"["top",{"board":"ever"}]"#);
    say(&mut pair.bench, ann, r#"["rank"]"#);
    let said = told(&mut pair.bench, ann).concat();
    let rows = [
        "\"place\":1",
        "BOB",
        "\"points\":3",
        "\"place\":2",
        "ANN",
        "\"points\":1",
    ];
    let mut rest = said.as_str();
    for word in rows
        .iter()
        .chain(["\"board\":\"week\",\"place\":2,\"percent\":null,\"points\":1"].iter())
        .chain(&rows)
    {
        let at = rest
            .find(word)
            .unwrap_or_else(|| panic!("{word} is not in {said}"));
        rest = &rest[at + word.len()..];
    }
    for sub in ["ann", "bob"] {
        assert!(
            !said.contains(&format!("\"{sub}\"")),
            "a sub is told: {said}"
        );
    }
    // Off the board they are on no board, and play on.
    pair.bench.shelf().bar("bob", true);
    let now = pair.bench.now();
    pair.bench.advance(now + 2_000, true);
    pair.bench.take_deeds();
    say(&mut pair.bench, ann, r#"["top"]"#);
    say(&mut pair.bench, ann, r#"["rank"]"#);
    let said = told(&mut pair.bench, ann).concat();
    assert!(said.contains("ANN") && !said.contains("BOB"), "{said}");
    assert!(said.contains(r#""place":1,"percent""#), "{said}");
    say(&mut pair.bench, bob, r#"["rank"]"#);
    let said = told(&mut pair.bench, bob).concat();
    assert!(said.contains(r#""points":0,"players":[]"#), "{said}");
    pair.win(bob);
    pair.bench.shelf().bar("bob", false);
    assert_eq!(pair.ranked(first_week()), [1, 6]);
}

#[test]
fn points_from_robots_and_from_who_is_no_person_do_not_count() {
    let mut bench = Bench::with_store(Config::default());
    bench.use_keys(persons::keys("old"));
    let ann = come_as(&mut bench, "ann");
    let win = |bench: &mut Bench, wait_ms: u64| {
        let now = bench.now();
        bench.advance(now + wait_ms, true);
        for choice in [1, 2, 3] {
            say(bench, ann, &format!(r#"["choice",{{"choice":{choice}}}]"#));
        }
        bench.advance(now + wait_ms + 3_000, true);
    };
    for _ in 0..20 {
        say(&mut bench, ann, r#"["join"]"#);
        win(&mut bench, 1_500);
    }
    let other = come(&mut bench);
    for _ in 0..3 {
        say(&mut bench, other, r#"["join"]"#);
        say(&mut bench, ann, r#"["join"]"#);
        win(&mut bench, 0);
    }
    let token = bench.shelf().token_of("ann").expect("signed in").to_owned();
    let (total, ..) = bench.shelf().session(&token).expect("points");
    assert!(6 < total, "it won both kinds of rounds: {total}");
    assert_eq!(bench.shelf().ranked("ann", Week::EVER), 0);
}

#[test]
fn who_leaves_or_is_lost_in_mid_round_denies_nobody_the_points() {
    let mut pair = Pair::new();
    let (ann, bob) = (pair.ann, pair.bob);
    say(&mut pair.bench, bob, r#"["leave"]"#);
    pair.win(ann);
    assert_eq!(pair.ranked(first_week()), [1, 0]);
    let mut pair = Pair::new();
    let (ann, bob) = (pair.ann, pair.bob);
    pair.bench.tell(Input::Closed { conn: bob });
    pair.win(ann);
    assert_eq!(pair.ranked(first_week()), [1, 0]);
}

#[test]
fn a_round_belongs_to_the_week_of_its_end() {
    let mut pair = Pair::new();
    let (ann, bob) = (pair.ann, pair.bob);
    pair.end();
    pair.wait_for_monday(3_001);
    let bench = &mut pair.bench;
    bench.take_deeds();
    say(bench, ann, r#"["join",{"room":"new"}]"#);
    let code = word(&bench.take_deeds(), r#""code":""#);
    say(bench, bob, &format!(r#"["join",{{"room":"{code}"}}]"#));
    pair.playing = true;
    pair.win(ann);
    assert_eq!(pair.ranked(first_week()), [1, 0]);
    // One begins before midnight, and ends with the new week.
    pair.win(ann);
    assert_eq!(pair.ranked(first_week()), [1, 0]);
    assert_eq!(pair.ranked(next_week()), [2, 0]);
    assert_eq!(pair.ranked(Week::EVER), [3, 0]);
}

/// What is settled late, because the store was away, belongs to the weeks in which it was won.
#[test]
fn what_was_won_during_an_outage_over_midnight_comes_to_both_weeks() {
    let mut pair = Pair::new();
    let (ann, bob) = (pair.ann, pair.bob);
    pair.win(bob);
    pair.wait_for_monday(6_500);
    let bench = &mut pair.bench;
    bench.take_deeds();
    say(bench, ann, r#"["join",{"room":"new"}]"#);
    let code = word(&bench.take_deeds(), r#""code":""#);
    bench.shelf().set_away(true);
    bench.hear_store();
    say(bench, bob, &format!(r#"["join",{{"room":"{code}"}}]"#));
    pair.playing = true;
    for _ in 0..4 {
        pair.win(ann);
        pair.bench.reload();
    }
    let settles = |pair: &mut Pair| pair.bench.shelf().counts.get("settle").copied();
    // The first one, the one that waits, and Bob's loss.
    assert_eq!(settles(&mut pair), Some(3));
    assert_eq!(pair.ranked(Week::EVER), [0, 1]);
    pair.bench.shelf().set_away(false);
    pair.bench.hear_store();
    pair.bench.hear_store();
    assert_eq!(pair.ranked(first_week()), [3, 1]);
    assert_eq!(pair.ranked(next_week()), [7, 0]);
    // What waited in the hub came as one order for each of them.
    assert_eq!(settles(&mut pair), Some(5));
}

/// The store lost who that is, and the server that knows it is gone before it hears of the loss.
#[test]
fn points_for_the_board_come_with_the_name_that_they_belong_to() {
    let mut pair = Pair::new();
    let nothing = pair.bench.shelf().clone();
    pair.win(pair.ann);
    pair.bench.shelf().lazy = true;
    pair.win(pair.ann);
    let shelf = pair.bench.shelf();
    shelf.roll_back(&nothing);
    shelf.work(usize::MAX);
    assert_ne!(shelf.ranked("ann", Week::EVER), 0);
    let token = shelf.token_of("ann").expect("a person");
    let (.., uid) = shelf.session(token).expect("hers");
    assert_ne!(uid, "", "nobody's name");
}

#[test]
fn without_a_clock_that_can_be_right_nothing_is_ranked() {
    let mut pair = Pair::new();
    let ann = pair.ann;
    pair.bench.tell(Input::Clock { unix_s: 7 });
    pair.win(ann);
    assert_eq!(pair.ranked(Week::EVER), [0, 0]);
    let unix_s = WALL_S;
    pair.bench.tell(Input::Clock { unix_s });
    pair.win(ann);
    assert_eq!(pair.ranked(Week::EVER), [2, 0]);
}

#[test]
fn who_is_erased_vanishes_and_plays_on_as_nobody() {
    let mut pair = Pair::new();
    let (ann, bob) = (pair.ann, pair.bob);
    pair.win(ann);
    let token = pair
        .bench
        .shelf()
        .token_of("ann")
        .expect("signed in")
        .to_owned();
    pair.bench.shelf().erase(&token);
    pair.win(ann);
    pair.win(ann);
    assert_eq!(pair.ranked(Week::EVER), [0, 0]);
    pair.bench.take_deeds();
    say(&mut pair.bench, bob, r#"["top",{"board":"ever"}]"#);
    let said = told(&mut pair.bench, bob);
    assert_eq!(said, [r#"["top",{"board":"ever","players":[]}]"#]);
}

#[test]
fn no_more_than_a_thousand_wait_for_an_answer() {
    let mut bench = with_board();
    let crowd: Vec<ConnId> = (0..=1_000).map(|_| come(&mut bench)).collect();
    bench.slow_down(true);
    let (last, crowd) = crowd.split_last().expect("a crowd");
    for &conn in crowd {
        say(&mut bench, conn, r#"["top"]"#);
    }
    assert_eq!(bench.take_deeds(), []);
    say(&mut bench, *last, r#"["top"]"#);
    assert_eq!(told(&mut bench, *last), [AWAY]);
    bench.hear_store();
    assert_eq!(bench.take_deeds().len(), crowd.len());
}

#[test]
fn no_more_than_a_thousand_questions_are_asked_at_a_time() {
    let mut bench = with_board();
    bench.use_keys(persons::keys("old"));
    let crowd: Vec<ConnId> = (0..=1_000)
        .map(|number| come_as(&mut bench, &format!("p{number}")))
        .collect();
    bench.take_deeds();
    bench.slow_down(true);
    let (last, crowd) = crowd.split_last().expect("a crowd");
    for &conn in crowd {
        say(&mut bench, conn, r#"["rank"]"#);
    }
    assert_eq!(bench.take_deeds(), []);
    say(&mut bench, *last, r#"["rank"]"#);
    let said = told(&mut bench, *last).concat();
    assert!(said.contains("board-away"), "{said}");
    bench.hear_store();
    assert_eq!(bench.take_deeds().len(), crowd.len());
    say(&mut bench, *last, r#"["rank"]"#);
    bench.hear_store();
    let said = told(&mut bench, *last).concat();
    assert!(said.contains(r#""points":0"#), "{said}");
}
