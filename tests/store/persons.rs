//! What any engine has to do about persons and the board.

use roshambo::model::{BOARD_ROWS, Settled, Standing, StoreOp, Week};
use roshambo::store::Who;

use crate::ways::{Asked, DAY, HOUR, START, everywhere, known_as, named, ranked, win};

fn kept(total: u32) -> Settled {
    Settled::Kept { total }
}

fn former(total: u32) -> Settled {
    Settled::FormerOwner { total }
}

fn this_week() -> Week {
    Week::of(START).expect("a week")
}

fn next_week() -> Week {
    Week(this_week().0 + 1)
}

/// Signs somebody in under `token-NAME` and gives points to its board.
fn score(store: &mut Asked, name: &str, points: u32, at: u64) {
    let token = format!("token-{name}");
    store.sign_in(name, Some(&token), &format!("fresh-{name}"), 1);
    let settle = known_as(win(&token, 1, at, points, 1), name, name);
    let week = Week::of(at).expect("a week");
    store.settle(ranked(settle, &[(week, points, at)]));
}

fn names(rows: &[(String, u32)]) -> String {
    let names: Vec<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
    names.join(" ")
}

/// The names around somebody, and its place.
fn around(standing: Standing) -> (Option<u32>, String) {
    let Standing {
        own,
        place,
        above,
        below,
        ..
    } = standing;
    let rows = above.into_iter().chain([own]).chain(below);
    let rows: Vec<(String, u32)> = rows.map(named).collect();
    (place, names(&rows))
}

#[test]
fn the_first_sign_in_keeps_the_session_it_came_with() {
    everywhere(|store| {
        store.settle(win("a", 1, 1, 3, 2));
        let signed = store.sign_in("ada", Some("a"), "f1", 2);
        assert_eq!(signed, ("a".into(), Some((3, 2))));
        // It is the person's now, and the one who signed in owns it.
        let stored = store.take_all("a", 2).expect("it is there");
        assert_eq!(stored.person.as_deref(), Some("ada"));
        assert_eq!(store.settle(win("a", 1, 2, 1, 9)), former(4));
        assert_eq!(store.settle(win("a", 2, 1, 1, 3)), kept(5));
        // Points from before are none for the board.
        assert_eq!(store.rank("ada", Week::EVER), None);
        assert_eq!(store.top(Week::EVER), []);
    });
}

#[test]
fn who_has_no_session_yet_is_given_one() {
    everywhere(|store| {
        assert_eq!(store.sign_in("ada", None, "f1", 1), ("f1".into(), None));
        // The one that it came with was not written, for it has no point.
        assert_eq!(store.sign_in("bob", Some("b"), "f2", 2), ("b".into(), None));
        for (token, owner, sub) in [("f1", 1, "ada"), ("b", 2, "bob")] {
            let stored = store.take_all(token, owner).expect("it is there");
            assert_eq!((stored.total, stored.person.as_deref()), (0, Some(sub)));
            assert_eq!(store.settle(win(token, owner, 1, 2, 1)), kept(2));
        }
        assert_eq!(store.take("f2", 3), None);
    });
}

#[test]
fn later_sign_ins_come_to_the_same_session() {
    everywhere(|store| {
        store.sign_in("ada", Some("a"), "f1", 1);
        store.settle(win("a", 1, 1, 3, 3));
        // By its own token it stays as it is.
        assert_eq!(
            store.sign_in("ada", Some("a"), "f2", 2),
            ("a".into(), Some((3, 3)))
        );
        // Another device knows no token, or one of a session of its own, which stays there.
        assert_eq!(
            store.sign_in("ada", None, "f3", 3),
            ("f3".into(), Some((3, 3)))
        );
        store.settle(win("d", 9, 1, 7, 7));
        assert_eq!(
            store.sign_in("ada", Some("d"), "f4", 4),
            ("f4".into(), Some((3, 3)))
        );
        assert_eq!(store.take("a", 5), None);
        assert_eq!(store.take("f3", 5), None);
        assert_eq!(store.take("d", 5), Some((7, 7)));
        assert_eq!(store.take("f4", 5), Some((3, 3)));
        assert_eq!(store.settle(win("f4", 5, 1, 1, 4)), kept(4));
    });
}

/// Another server may have it: what was won is the person's, and nobody loses its session by that.
#[test]
fn who_is_gone_is_somebody_and_takes_nothing() {
    everywhere(|store| {
        store.sign_in("ada", Some("a"), "f1", 1);
        store.settle(win("a", 1, 1, 3, 3));
        // Known: it keeps its owner and its token.
        assert!(!store.sign_in_absent("ada", "b", 2));
        assert!(store.sign_in_absent("ada", "a", 10));
        assert_eq!(store.settle(win("a", 1, 2, 1, 4)), kept(4));
        let mut late = win("b", 3, 1, 2, 1);
        late.person = Some("ada".into());
        assert_eq!(store.settle(late), former(6));
        assert_eq!(store.settle(win("a", 1, 3, 1, 5)), kept(7));
        assert_eq!(store.take("b", 4), None);
        // Not known: the session it came with is its own, and whoever has that keeps it.
        store.settle(win("c", 5, 1, 7, 1));
        assert!(store.sign_in_absent("bob", "c", 6));
        assert_eq!(store.settle(win("c", 5, 2, 1, 2)), kept(8));
        let stored = store.take_all("c", 5).expect("it is there");
        assert_eq!(stored.person.as_deref(), Some("bob"));
        // What is another one's stays so.
        assert!(!store.sign_in_absent("eve", "a", 7));
        let mut late = win("a", 8, 1, 2, 1);
        late.person = Some("eve".into());
        assert_eq!(store.settle(late), former(2));
        assert_eq!(store.take("a", 1), Some((7, 5)));
        assert_eq!(
            store.sign_in("eve", None, "f2", 9),
            ("f2".into(), Some((2, 0)))
        );
    });
}

/// Who was erased and brings the token of somebody else gives that one nothing.
#[test]
fn what_an_erased_person_wins_is_not_another_s() {
    everywhere(|store| {
        store.sign_in("ada", Some("a"), "f1", 1);
        store.settle(win("a", 1, 1, 3, 3));
        store.sign_in("eve", Some("e"), "f2", 2);
        store.settle(win("e", 2, 1, 4, 1));
        assert_eq!(store.forget(&Who::Person("ada".into())), 2);
        assert!(!store.sign_in_absent("ada", "e", 3));
        let mut late = ranked(win("e", 4, 1, 2, 1), &[(this_week(), 2, START)]);
        late.person = Some("ada".into());
        assert_eq!(store.settle(late), Settled::Erased);
        assert_eq!(store.take("e", 5), Some((4, 1)));
        assert_eq!(store.rank("eve", Week::EVER), None);
    });
}

#[test]
fn one_persons_session_does_not_become_anothers() {
    everywhere(|store| {
        store.sign_in("ada", Some("a"), "f1", 1);
        store.settle(win("a", 1, 1, 3, 3));
        assert_eq!(
            store.sign_in("bob", Some("a"), "f2", 2),
            ("f2".into(), None)
        );
        assert_eq!(store.take("a", 3), Some((3, 3)));
        let stored = store.take_all("a", 3).expect("it is there");
        assert_eq!(stored.person.as_deref(), Some("ada"));
        // By another one's token nobody comes to his own.
        assert_eq!(
            store.sign_in("bob", Some("a"), "f3", 4),
            ("f3".into(), None)
        );
        assert_eq!(store.settle(win("f3", 4, 1, 1, 1)), kept(1));
    });
}

/// What a former owner won counts, whatever token the session has by now.
#[test]
fn a_session_that_has_another_token_is_found_by_its_person() {
    everywhere(|store| {
        store.sign_in("ada", Some("a"), "f1", 1);
        store.settle(win("a", 1, 1, 3, 3));
        store.sign_in("ada", None, "f2", 2);
        let mut late = ranked(win("a", 1, 2, 2, 5), &[(this_week(), 2, START)]);
        late.person = Some("ada".into());
        for _ in 0..2 {
            assert_eq!(store.settle(late.clone()), former(5));
        }
        assert_eq!(store.take("f2", 2), Some((5, 3)));
        assert_eq!(store.take("a", 3), None);
        // Nor does it come to somebody who plays by the former token, unsigned.
        store.settle(win("a", 9, 1, 1, 1));
        late.seq = 3;
        late.ranked.clear();
        assert_eq!(store.settle(late.clone()), former(7));
        assert_eq!(store.take("a", 10), Some((1, 1)));
        let standing = store.rank("ada", this_week()).expect("on the board");
        assert_eq!(standing.own.points, 2);
    });
}

/// The sign-in may be among what a store has lost.
#[test]
fn a_person_that_is_not_known_has_the_session_that_it_settles() {
    everywhere(|store| {
        let by = |owner, seq, token, sub: &str| {
            let win = known_as(win(token, owner, seq, 2, 2), "p-1", sub);
            let mut win = ranked(win, &[(this_week(), 2, START)]);
            win.person = Some(sub.into());
            win
        };
        let mut nameless = by(7, 1, "e", "eva");
        nameless.profile = None;
        assert_eq!(store.settle(nameless), kept(2));
        assert_eq!(store.rank("eva", this_week()), None);
        assert_eq!(store.settle(by(1, 1, "a", "ada")), kept(2));
        store.settle(win("b", 2, 1, 3, 3));
        assert_eq!(store.settle(by(2, 2, "b", "bob")), kept(5));
        for (sub, points) in [("ada", 2), ("bob", 2)] {
            let standing = store.rank(sub, this_week()).expect("on the board");
            assert_eq!(standing.own.points, points);
        }
        assert_eq!(
            store.sign_in("ada", None, "f1", 3),
            ("f1".into(), Some((2, 2)))
        );
        // Another one's session does not become his, and one without points is not made.
        assert_eq!(store.settle(by(4, 1, "f1", "cem")), former(4));
        let mut blank = by(5, 1, "d", "dan");
        (blank.points, blank.told) = (0, 0);
        assert_eq!(store.settle(blank), kept(0));
        for (sub, fresh) in [("cem", "f2"), ("dan", "f3")] {
            assert_eq!(store.sign_in(sub, None, fresh, 6), (fresh.into(), None));
        }
    });
}

/// Asked again in the same name it says a token that leads there. What was asked before somebody else
/// came takes it from nobody.
#[test]
fn the_token_that_is_told_is_the_sessions() {
    everywhere(|store| {
        store.sign_in("ada", None, "f1", 1);
        store.settle(win("f1", 1, 1, 3, 3));
        let signed = store.sign_in("ada", None, "f2", 1);
        assert_eq!(signed, ("f2".into(), Some((3, 3))));
        assert_eq!(store.take("f2", 1), Some((3, 3)));
        assert_eq!(store.take("f1", 1), None);
        store.sign_in("ada", None, "f3", 2);
        store.sign_in("ada", None, "f4", 1);
        assert_eq!(store.take("f3", 2), Some((3, 3)));
        assert_eq!(store.take("f4", 2), None);
    });
}

/// Who wins a person's first point may have lost the session by then.
#[test]
fn nobody_is_on_the_board_without_a_name() {
    everywhere(|store| {
        store.sign_in("ada", Some("a"), "f1", 1);
        store.sign_in("ada", Some("a"), "f2", 2);
        let late = known_as(win("a", 1, 1, 2, 2), "p-1", "Ada");
        assert_eq!(
            store.settle(ranked(late, &[(this_week(), 2, START)])),
            former(2)
        );
        assert_eq!(store.top(Week::EVER), [("Ada".into(), 2)]);
        // What the owner says stays.
        store.settle(known_as(win("a", 2, 1, 1, 1), "p-2", "Ada B"));
        store.settle(known_as(win("a", 1, 2, 1, 3), "p-1", "Ada"));
        assert_eq!(store.top(Week::EVER), [("Ada B".into(), 2)]);
    });
}

#[test]
fn ranked_points_count_once_each_week_for_itself() {
    everywhere(|store| {
        let (now, next) = (this_week(), next_week());
        store.sign_in("ada", Some("a"), "f1", 1);
        // A settle that was merged over midnight of a Monday.
        let both = [(now, 2, START), (next, 3, START + 7 * DAY)];
        let settle = ranked(known_as(win("a", 1, 1, 5, 2), "p-1", "Ada"), &both);
        for _ in 0..2 {
            assert_eq!(store.settle(settle.clone()), kept(5));
        }
        store.sign_in("ada", Some("a"), "f2", 2);
        // From a former owner, too; and once more.
        let late = ranked(win("a", 1, 2, 4, 1), &[(now, 4, START + 1)]);
        for _ in 0..2 {
            assert_eq!(store.settle(late.clone()), former(9));
        }
        // Points against a robot.
        assert_eq!(store.settle(win("a", 2, 1, 9, 1)), kept(18));
        let ada = |points| vec![("Ada".to_owned(), points)];
        assert_eq!(store.top(now), ada(6));
        assert_eq!(store.top(next), ada(3));
        assert_eq!(store.top(Week::EVER), ada(9));
        assert_eq!(store.top(Week(now.0 - 1)), []);
        // Nobody's.
        let settle = ranked(win("b", 7, 1, 9, 1), &[(now, 9, START)]);
        assert_eq!(store.settle(settle), kept(9));
        assert_eq!(store.top(now), ada(6));
    });
}

#[test]
fn points_of_the_board_end_where_their_type_does() {
    everywhere(|store| {
        score(store, "ada", u32::MAX - 1, START);
        score(store, "ada", 7, START + 1);
        score(store, "bob", u32::MAX, START + 2);
        assert_eq!(
            store.top(Week::EVER),
            [("ada".into(), u32::MAX), ("bob".into(), u32::MAX)]
        );
    });
}

#[test]
fn who_was_first_stands_first() {
    everywhere(|store| {
        let week = this_week();
        for (name, points, at) in [
            ("zoe", 4, 5),
            ("eve", 5, 9),
            ("ada", 5, 8),
            // In the same second, and by the time at which both had five.
            ("cem", 3, 1),
            ("bob", 5, 8),
            ("cem", 2, 7),
        ] {
            score(store, name, points, START + at);
        }
        assert_eq!(names(&store.top(week)), "cem ada bob eve zoe");
        let standing =
            |store: &mut Asked, sub: &str| around(store.rank(sub, week).expect("on the board"));
        assert_eq!(standing(store, "cem"), (Some(1), "cem ada bob".into()));
        assert_eq!(
            standing(store, "bob"),
            (Some(3), "cem ada bob eve zoe".into())
        );
        assert_eq!(standing(store, "zoe"), (Some(5), "bob eve zoe".into()));
        assert_eq!(store.rank("nobody", week), None);
        // One point more, and the order is another.
        score(store, "eve", 1, START + 10);
        assert_eq!(standing(store, "eve"), (Some(1), "eve cem ada".into()));
        assert_eq!(standing(store, "bob"), (Some(4), "cem ada bob zoe".into()));
    });
}

#[test]
fn ten_are_shown_and_who_comes_later_stands_behind() {
    everywhere(|store| {
        let week = this_week();
        for number in 0..14 {
            score(store, &format!("p{number:02}"), 1 + number / 2, START);
        }
        let top = store.top(week);
        assert_eq!(top.len(), BOARD_ROWS);
        assert_eq!(names(&top), "p12 p13 p10 p11 p08 p09 p06 p07 p04 p05");
        let (place, names) = around(store.rank("p03", week).expect("on the board"));
        assert_eq!((place, names.as_str()), (Some(12), "p05 p02 p03 p00 p01"));
    });
}

#[test]
fn who_is_barred_is_on_no_board_and_keeps_everything() {
    everywhere(|store| {
        for (name, points) in [("ada", 3), ("bob", 5), ("cem", 1)] {
            score(store, name, points, START);
        }
        assert_eq!(store.bar("nobody", true), 0);
        store.bar("nobody", false);
        for _ in 0..2 {
            assert_eq!(store.bar("bob", true), 1);
            assert_eq!(names(&store.top(this_week())), "ada cem");
            assert_eq!(names(&store.top(Week::EVER)), "ada cem");
            assert_eq!(store.rank("bob", this_week()), None);
            let standing = around(store.rank("cem", this_week()).expect("on the board"));
            assert_eq!(standing, (Some(2), "ada cem".into()));
        }
        // It plays on, and signs in as ever.
        score(store, "bob", 4, START + 1);
        assert_eq!(store.top(this_week()).len(), 2);
        for _ in 0..2 {
            assert_eq!(store.bar("bob", false), 1);
            let top = store.top(this_week());
            assert_eq!(top.first(), Some(&("bob".to_owned(), 9)));
            let standing = around(store.rank("cem", Week::EVER).expect("on the board"));
            assert_eq!(standing, (Some(3), "bob ada cem".into()));
        }
    });
}

#[test]
fn a_person_that_is_erased_is_gone_from_the_board_and_signs_in_as_nobody() {
    everywhere(|store| {
        for (name, points) in [("ada", 3), ("bob", 5)] {
            score(store, name, points, START);
        }
        assert_eq!(store.forget(&Who::Person("bob".into())), 2);
        assert_eq!(store.forget(&Who::Person("bob".into())), 0);
        assert_eq!(names(&store.top(this_week())), "ada");
        assert_eq!(store.rank("bob", Week::EVER), None);
        let standing = around(store.rank("ada", this_week()).expect("on the board"));
        assert_eq!(standing, (Some(1), "ada".into()));
        let settle = |seq| ranked(win("token-bob", 1, seq, 1, 1), &[(this_week(), 1, START)]);
        assert_eq!(store.settle(settle(9_999_999_999)), Settled::Erased);
        // It may play, and nothing says whose session that is.
        let signed = store.sign_in("bob", Some("token-bob"), "f1", 2);
        assert_eq!(signed, ("f1".into(), None));
        let signed = store.sign_in("bob", Some("d"), "f2", 3);
        assert_eq!(signed, ("d".into(), None));
        assert_eq!(store.take("d", 3), None);
        assert_eq!(
            store.settle(ranked(win("d", 3, 1, 2, 1), &[(this_week(), 2, START)])),
            kept(2)
        );
        let signed = store.sign_in("bob", Some("d"), "f3", 4);
        assert_eq!(signed, ("d".into(), Some((2, 1))));
        assert_eq!(store.take_all("d", 4).expect("it is there").person, None);
        let mut late = settle(10_000_000_000);
        late.token = "unknown".into();
        late.person = Some("bob".into());
        assert_eq!(store.settle(late), Settled::Erased);
        assert_eq!(names(&store.top(Week::EVER)), "ada");
        store.now += 31 * DAY;
        store.sign_in("bob", Some("d"), "f4", 5);
        assert_eq!(
            store.take_all("d", 5).expect("there").person.as_deref(),
            Some("bob")
        );
        // By its uid, its person goes with it.
        assert_eq!(store.forget(&Who::Uid("ada".into())), 2);
        assert_eq!(store.top(Week::EVER), []);
    });
}

#[test]
fn a_person_lives_as_long_as_its_session() {
    everywhere(|store| {
        for name in ["ada", "bob", "cem"] {
            score(store, name, 3, START);
        }
        store.now += 29 * DAY;
        store.sign_in("ada", Some("token-ada"), "f1", 2);
        store.now += 2 * DAY;
        // Two sessions with their persons, and the points of a week that is over, of one.
        store.expire();
        assert_eq!(names(&store.top(Week::EVER)), "ada");
        let standing = around(store.rank("ada", Week::EVER).expect("on the board"));
        assert_eq!(standing, (Some(1), "ada".into()));
        assert_eq!(store.sign_in("bob", None, "f2", 3), ("f2".into(), None));
        assert_eq!(store.expire(), 0);
    });
}

#[test]
fn this_week_and_the_last_one_are_kept() {
    everywhere(|store| {
        score(store, "ada", 3, START);
        score(store, "bob", 2, START + 7 * DAY);
        store.bar("bob", true);
        store.now += 7 * DAY;
        assert_eq!(store.expire(), 0);
        assert_eq!(names(&store.top(this_week())), "ada");
        store.now += 7 * DAY;
        store.expire();
        assert_eq!(store.top(this_week()), []);
        store.bar("bob", false);
        assert_eq!(names(&store.top(next_week())), "bob");
        assert_eq!(names(&store.top(Week::EVER)), "ada bob");
        store.now += 7 * DAY + HOUR;
        store.expire();
        assert_eq!(store.top(next_week()), []);
        assert_eq!(names(&store.top(Week::EVER)), "ada bob");
    });
}

#[test]
fn a_thousand_are_told_their_place_and_others_among_how_many() {
    everywhere(|store| {
        let week = this_week();
        // In one order each, or the file is synced thousands of times.
        let mut orders = Vec::new();
        for number in 0..1_250_u32 {
            let name = format!("p{number:04}");
            orders.push(StoreOp::SignIn {
                sub: name.clone(),
                token: Some(name.clone()),
                fresh: "unused".into(),
                owner: roshambo::model::Owner(1),
                absent: false,
            });
            // The last 125 have one point, those before them two, and so on to ten.
            let points = 10 - number / 125;
            let settle = known_as(win(&name, 1, 1, points, 1), &name, &name);
            let rows = [(week, points, START + u64::from(number))];
            orders.push(StoreOp::Settle(Box::new(ranked(settle, &rows))));
        }
        store.ask(&orders);
        let mut standing = |number: u32| {
            let standing = store
                .rank(&format!("p{number:04}"), week)
                .expect("on the board");
            assert_eq!(standing.own.points, 10 - number / 125);
            let (percent, (place, names)) = (standing.percent, around(standing));
            (place, percent, names)
        };
        let names = "p0997 p0998 p0999 p1000 p1001".to_owned();
        assert_eq!(standing(999), (Some(1_000), None, names));
        let names = "p0998 p0999 p1000 p1001 p1002".to_owned();
        assert_eq!(standing(1_000), (None, Some(90), names));
        assert_eq!(standing(1_124).1, Some(90));
        assert_eq!(standing(1_125).1, Some(100));
        let names = "p1247 p1248 p1249".to_owned();
        assert_eq!(standing(1_249), (None, Some(100), names));
        assert_eq!(standing(0), (Some(1), None, "p0000 p0001 p0002".into()));
        assert_eq!(standing(130).0, Some(131));
    });
}

#[test]
fn subs_are_taken_as_they_are() {
    let texts = [
        "'\"; DROP TABLE persons; -- \\ %s ?1 :a $b".to_owned(),
        "x".repeat(64),
        "\u{202e}e\u{301}\u{fffd}\u{10ffff}".into(),
        "石头剪刀布".into(),
        "é".into(),
        "e\u{301}".into(),
        " ".into(),
        "NULL".into(),
        "1".into(),
        "1.0".into(),
        "a".into(),
        "A".into(),
    ];
    everywhere(|store| {
        for (text, points) in texts.iter().zip(1..) {
            score(store, text, points, START);
        }
        for (text, points) in texts.iter().zip(1..) {
            let standing = store.rank(text, Week::EVER).expect("on the board");
            assert_eq!(named(standing.own), (text.clone(), points));
        }
        for (text, left) in texts.iter().zip((0..texts.len()).rev()) {
            assert_eq!(store.forget(&Who::Person(text.clone())), 2, "{text:?}");
            assert_eq!(store.rank(text, Week::EVER), None);
            assert_eq!(store.top(Week::EVER).len(), left.min(BOARD_ROWS));
        }
    });
}
