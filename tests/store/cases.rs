//! What any engine has to do. Later ones are put into `ways`, and nothing is added here for them.

use roshambo::model::{Letter, Settle, Settled, StoreOp, StoredProfile};
use roshambo::store::Who;

use crate::ways::{DAY, HOUR, MINUTE, everywhere, known_as, win};

fn open(code: String) -> StoreOp {
    StoreOp::OpenRoom { code, at: None }
}

fn touch(code: String) -> StoreOp {
    StoreOp::TouchRoom { code, at: None }
}

fn close(code: String) -> StoreOp {
    StoreOp::CloseRoom { code, at: None }
}

fn kept(total: u32) -> Settled {
    Settled::Kept { total }
}

fn former(total: u32) -> Settled {
    Settled::FormerOwner { total }
}

#[test]
fn a_session_begins_with_its_first_point() {
    everywhere(|store| {
        assert_eq!(store.take("a", 1), None);
        assert_eq!(store.settle(win("a", 1, 1, 0, 0)), kept(0));
        assert_eq!(store.take("a", 2), None);
        assert_eq!(store.settle(win("a", 1, 2, 1, 1)), kept(1));
        assert_eq!(store.take("a", 3), Some((1, 1)));
        assert_eq!(store.take("b", 4), None);
    });
}

#[test]
fn points_add_up_and_the_streak_is_the_last_one() {
    everywhere(|store| {
        assert_eq!(store.settle(win("a", 1, 1, 1, 1)), kept(1));
        assert_eq!(store.settle(win("a", 1, 2, 1, 2)), kept(2));
        assert_eq!(store.settle(win("a", 1, 3, 0, 0)), kept(2));
        // Several rounds in one order, and numbers that were left out.
        assert_eq!(store.settle(win("a", 1, 9, 5, 4)), kept(7));
        assert_eq!(store.take("a", 2), Some((7, 4)));
    });
}

#[test]
fn an_order_counts_once_however_often_it_comes() {
    everywhere(|store| {
        store.settle(win("a", 1, 1, 1, 1));
        store.settle(win("a", 1, 2, 1, 2));
        for (seq, points, streak) in [(2, 1, 2), (1, 1, 1), (2, 7, 7)] {
            assert_eq!(store.settle(win("a", 1, seq, points, streak)), kept(2));
        }
        assert_eq!(store.take("a", 2), Some((2, 2)));
        // Numbers are each owner's own.
        assert_eq!(store.settle(win("a", 2, 1, 1, 3)), kept(3));
        assert_eq!(store.take("a", 3), Some((3, 3)));
    });
}

#[test]
fn several_orders_in_one_commit_count_one_after_the_other() {
    everywhere(|store| {
        let settle = |owner, seq| StoreOp::Settle(Box::new(win("a", owner, seq, 1, 1)));
        let take = |owner| StoreOp::Take {
            token: "a".into(),
            owner: roshambo::model::Owner(owner),
        };
        let orders = [
            settle(1, 1),
            settle(1, 1),
            take(2),
            settle(1, 2),
            settle(2, 1),
        ];
        let replies = format!("{:?}", store.ask(&orders));
        let totals: Vec<&str> = replies
            .split("total: ")
            .skip(1)
            .filter_map(|rest| rest.get(..1))
            .collect();
        assert_eq!(totals, ["1", "1", "1", "2", "3"], "{replies}");
        assert_eq!(store.take("a", 3), Some((3, 1)));
    });
}

#[test]
fn a_former_owner_adds_points_and_does_not_write_the_streak() {
    everywhere(|store| {
        store.settle(known_as(win("a", 1, 1, 1, 1), "p-1", "Ada"));
        assert_eq!(store.take("a", 2), Some((1, 1)));
        assert_eq!(store.settle(win("a", 2, 1, 1, 2)), kept(2));
        let late = known_as(win("a", 1, 2, 3, 9), "p-1", "Bob");
        assert_eq!(store.settle(late.clone()), former(5));
        assert_eq!(store.settle(late), former(5));
        assert_eq!(store.settle(win("a", 1, 1, 1, 1)), former(5));
        assert_eq!(store.settle(win("a", 2, 1, 1, 2)), kept(5));
        let stored = store.take_all("a", 3).expect("it is there");
        assert_eq!((stored.total, stored.streak), (5, 2));
        assert_eq!(stored.profile.name, "Ada");
    });
}

/// Of those who settled, so many are remembered; beside them whoever had it a moment ago.
#[test]
fn who_had_it_a_moment_ago_takes_nothing_by_asking_once_more() {
    everywhere(|store| {
        for owner in 1..=8 {
            store.take("a", owner);
            store.settle(win("a", owner, 1, 1, 1));
        }
        assert_eq!(store.take("a", 9), Some((8, 1)));
        assert_eq!(store.take("a", 10), Some((8, 1)));
        assert_eq!(store.take("a", 9), Some((8, 1)));
        assert_eq!(store.settle(win("a", 10, 1, 1, 1)), kept(9));
    });
}

/// As of one who comes back again and again at one server while another's answer is lost.
#[test]
fn many_who_settled_nothing_make_nobody_forgotten_who_did() {
    everywhere(|store| {
        store.settle(win("a", 1, 1, 1, 1));
        for owner in 2..40 {
            assert_eq!(store.take("a", owner), Some((1, 1)));
        }
        assert_eq!(store.settle(win("a", 1, 1, 1, 1)), former(1));
        assert_eq!(store.settle(win("a", 1, 2, 1, 1)), former(2));
    });
}

/// Who plays while the store is away owns nothing, and his points are added all the same.
#[test]
fn somebody_who_never_took_it_is_a_former_owner_too() {
    everywhere(|store| {
        store.settle(win("a", 1, 1, 1, 1));
        assert_eq!(store.settle(win("a", 7, 1, 2, 2)), former(3));
        assert_eq!(store.settle(win("a", 7, 1, 2, 2)), former(3));
        assert_eq!(store.settle(win("a", 7, 2, 0, 0)), former(3));
        assert_eq!(store.take("a", 2), Some((3, 1)));
    });
}

#[test]
fn a_take_that_is_repeated_takes_nothing_back() {
    everywhere(|store| {
        store.settle(win("a", 1, 1, 1, 1));
        assert_eq!(store.take("a", 2), Some((1, 1)));
        assert_eq!(store.take("a", 3), Some((1, 1)));
        // The answer to the second owner was lost on its way.
        assert_eq!(store.take("a", 2), Some((1, 1)));
        assert_eq!(store.take("a", 1), Some((1, 1)));
        assert_eq!(store.settle(win("a", 2, 1, 1, 5)), former(2));
        assert_eq!(store.settle(win("a", 3, 1, 1, 2)), kept(3));
    });
}

/// The numbers of eight owners are remembered, for a day.
#[test]
fn owners_of_long_ago_are_not_remembered() {
    everywhere(|store| {
        store.settle(win("a", 1, 5, 1, 1));
        for owner in 2..=8 {
            store.take("a", owner);
            store.settle(win("a", owner, 1, 0, 0));
        }
        assert_eq!(store.settle(win("a", 1, 5, 1, 1)), former(1));
        store.take("a", 9);
        assert_eq!(store.settle(win("a", 1, 5, 1, 1)), former(2));
        // It is remembered anew, and the one who was silent for the longest time is not.
        assert_eq!(store.settle(win("a", 1, 5, 1, 1)), former(2));
        store.now += DAY - 1;
        assert_eq!(store.settle(win("a", 1, 5, 1, 1)), former(2));
        store.now += 1;
        assert_eq!(store.settle(win("a", 1, 5, 1, 1)), former(3));
        // Of the present one the number stays.
        assert_eq!(store.settle(win("a", 9, 1, 1, 1)), kept(4));
        store.now += 7 * DAY;
        assert_eq!(store.settle(win("a", 9, 1, 1, 1)), kept(4));
    });
}

/// A store may have been set back: what a player was told goes along with what it won.
#[test]
fn what_was_told_is_there_afterwards() {
    let told = |settle: Settle, told| Settle { told, ..settle };
    everywhere(|store| {
        assert_eq!(store.settle(told(win("a", 1, 7, 1, 3), 9)), kept(9));
        assert_eq!(store.settle(told(win("a", 1, 8, 1, 4), 10)), kept(10));
        // Somebody else added some, which this one was not told of.
        assert_eq!(store.settle(told(win("a", 2, 1, 5, 1), 0)), former(15));
        assert_eq!(store.settle(told(win("a", 1, 9, 1, 5), 11)), kept(16));
        // A former owner's word counts as much.
        assert_eq!(store.settle(told(win("a", 2, 2, 0, 0), 20)), former(20));
        assert_eq!(store.settle(told(win("a", 2, 2, 0, 0), 30)), former(20));
        assert_eq!(store.settle(told(win("b", 1, 1, 0, 0), 4)), kept(4));
        assert_eq!(store.take("a", 3), Some((20, 5)));
        assert_eq!(store.take("b", 3), Some((4, 0)));
        assert_eq!(
            store.settle(told(win("b", 3, 1, 1, 1), u32::MAX)),
            kept(u32::MAX)
        );
    });
}

#[test]
fn points_and_streaks_end_where_their_type_does() {
    everywhere(|store| {
        let most = u32::MAX;
        assert_eq!(store.settle(win("a", 1, 1, most - 1, most)), kept(most - 1));
        assert_eq!(store.settle(win("a", 1, 2, 7, most)), kept(most));
        assert_eq!(store.settle(win("a", 1, 3, most, 0)), kept(most));
        assert_eq!(store.settle(win("a", 2, 1, most, 1)), former(most));
        assert_eq!(store.take("a", u64::MAX), Some((most, 0)));
        assert_eq!(store.settle(win("a", u64::MAX, 1, 1, 1)), kept(most));
        assert_eq!(store.settle(win("a", 1 << 63, 1, 1, 1)), former(most));
        assert_eq!(store.take("a", 3), Some((most, 1)));
    });
}

#[test]
fn a_profile_is_kept_and_changed_by_the_owner() {
    everywhere(|store| {
        store.settle(known_as(win("a", 1, 1, 1, 1), "p-1", "Ada"));
        store.settle(win("a", 1, 2, 1, 2));
        let stored = store.take_all("a", 2).expect("it is there");
        assert_eq!(
            (&*stored.profile.uid, &*stored.profile.name),
            ("p-1", "Ada")
        );
        store.settle(Settle {
            profile: Some(StoredProfile {
                uid: "7".into(),
                uid_is_number: true,
                name: "Ada L.".into(),
                avatar: "https://example.com/a.png".into(),
            }),
            ..win("a", 2, 1, 0, 0)
        });
        let stored = store.take_all("a", 3).expect("it is there");
        let profile = stored.profile;
        assert_eq!((stored.total, &*profile.uid), (2, "7"));
        assert!(profile.uid_is_number);
        assert_eq!(profile.avatar, "https://example.com/a.png");
        // Nobody told who that is.
        store.settle(win("b", 1, 1, 1, 1));
        let stored = store.take_all("b", 2).expect("it is there");
        assert_eq!(stored.profile, StoredProfile::default());
    });
}

#[test]
fn texts_come_back_as_they_went_in() {
    let quote = "'\"; DROP TABLE sessions; -- \\ %s ?1 :a $b".to_owned();
    let controls: String = (0..=0x1f)
        .map(char::from)
        .chain(['\u{7f}', '\u{85}'])
        .collect();
    let texts = [
        String::new(),
        "\0".into(),
        "a\0b".into(),
        controls,
        quote,
        "x".repeat(64),
        "\u{202e}\u{2028}\u{feff}e\u{301}\u{fffd}\u{10ffff}".into(),
        "🂡".repeat(16),
        "石头剪刀布".into(),
        "NULL".into(),
        "0x1F600".into(),
        " 1.0 ".into(),
    ];
    everywhere(|store| {
        for (index, text) in texts.iter().enumerate() {
            let token = format!("{index}{text}");
            let profile = StoredProfile {
                uid: text.clone(),
                uid_is_number: false,
                name: text.clone(),
                avatar: text.repeat(8),
            };
            let settle = Settle {
                profile: Some(profile.clone()),
                ..win(&token, 1, 1, 1, 1)
            };
            assert_eq!(store.settle(settle), kept(1), "{text:?}");
            let stored = store.take_all(&token, 2).expect("it is there");
            assert_eq!(stored.profile, profile);
            let code = text.clone();
            store.room(open, &code);
            assert!(store.claim(&code), "{code:?}");
            store.room(close, &code);
            assert!(!store.claim(&code), "{code:?}");
        }
        for (index, text) in texts.iter().enumerate() {
            let token = format!("{index}{text}");
            assert_eq!(store.take(&token, 3), Some((1, 1)), "{text:?}");
            assert_eq!(store.forget(&Who::Uid(text.clone())), 1, "{text:?}");
            assert_eq!(store.forget(&Who::Person(text.clone())), 0, "{text:?}");
        }
    });
}

#[test]
fn a_room_lives_ten_minutes_after_its_last_event() {
    everywhere(|store| {
        assert!(!store.claim("R1"));
        for what in [open, touch] {
            store.room(what, "R1");
            store.now += 10 * MINUTE - 1;
            assert!(store.claim("R1"));
            store.now += 10 * MINUTE - 1;
            store.room(touch, "R1");
            store.now += 10 * MINUTE - 1;
            assert!(store.claim("R1"));
            assert!(!store.claim("r1"));
            store.now += 10 * MINUTE;
            assert!(!store.claim("R1"));
            store.room(close, "R1");
            assert!(!store.claim("R1"));
        }
        store.room(open, "R2");
        store.room(close, "R2");
        assert!(!store.claim("R2"));
        store.room(open, "R3");
        store.room(open, "R4");
        store.now += 10 * MINUTE;
        assert_eq!(store.expire(), 2);
        assert!(!store.claim("R3"));
    });
}

fn letter(text: &str) -> Letter {
    Letter::new(text).expect("a letter")
}

#[test]
fn a_letter_is_one_process_s_as_long_as_that_says_so() {
    let told = |granted: bool, others: &str| (granted, others.to_owned());
    everywhere(|store| {
        store.keep_open();
        let (a, b) = (letter("a"), letter("b"));
        assert_eq!(store.beat(a, 1, Some(7)), told(true, ""));
        assert_eq!(store.beat(b, u64::MAX, Some(1)), told(true, "a7"));
        assert_eq!(store.beat(a, 1, Some(8)), told(true, "b1"));
        // Another process with that letter is refused, and changes nothing.
        assert_eq!(store.beat(a, 2, Some(9)), told(false, "b1"));
        assert_eq!(store.beat(a, 2, None), told(false, "b1"));
        store.now += 4;
        assert_eq!(store.beat(a, 2, Some(9)), told(false, "b1"));
        assert_eq!(store.beat(b, u64::MAX, Some(2)), told(true, "a8"));
        // What was refused renewed nothing.
        store.now += 1;
        assert_eq!(store.beat(b, u64::MAX, Some(0)), told(true, ""));
        assert_eq!(store.beat(a, 2, Some(9)), told(true, "b0"));
        assert_eq!(store.beat(a, 1, Some(7)), told(false, "b0"));
        // It is given up by whose it is.
        assert_eq!(store.beat(a, 2, None), told(true, "b0"));
        assert_eq!(store.beat(b, u64::MAX, Some(0)), told(true, ""));
        assert_eq!(store.beat(a, 1, Some(7)), told(true, "b0"));
    });
}

#[test]
fn a_room_is_one_instance_s_as_long_as_that_lives() {
    everywhere(|store| {
        store.keep_open();
        let [a, b, c] = ["a", "b", "c"].map(letter);
        for instance in [a, b, c] {
            store.beat(instance, 1, Some(0));
        }
        let order = |at| StoreOp::OpenRoom {
            code: "B1".into(),
            at,
        };
        assert_eq!(store.claim_for(Some(a), "B1"), (false, None));
        store.ask(&[order(Some(b))]);
        for _ in 0..2 {
            assert_eq!(store.claim_for(Some(a), "B1"), (false, Some(b)));
            assert_eq!(store.claim_for(None, "B1"), (false, Some(b)));
            assert_eq!(store.claim_for(Some(b), "B1"), (true, None));
        }
        // The first who asks when it is gone has it, and not the second one too.
        store.now += 4;
        store.beat(a, 1, Some(0));
        store.beat(c, 1, Some(0));
        store.now += 1;
        assert_eq!(store.claim_for(Some(a), "B1"), (true, None));
        assert_eq!(store.claim_for(Some(c), "B1"), (false, Some(a)));
        store.beat(b, 2, Some(0));
        assert_eq!(store.claim_for(Some(b), "B1"), (false, Some(a)));
        // That one's own end ends it no more.
        let closed = |at| StoreOp::CloseRoom {
            code: "B1".into(),
            at,
        };
        store.ask(&[closed(Some(b)), closed(None)]);
        assert_eq!(store.claim_for(Some(b), "B1"), (false, Some(a)));
        // Who sends its players on lets go of the room.
        let released = StoreOp::TouchRoom {
            code: "B1".into(),
            at: None,
        };
        store.ask(&[released]);
        assert_eq!(store.claim_for(Some(c), "B1"), (true, None));
        store.ask(&[closed(Some(c))]);
        assert_eq!(store.claim_for(Some(b), "B1"), (false, None));
        // A room that is too old is nobody's.
        store.ask(&[order(Some(b))]);
        store.now += 10 * MINUTE;
        store.beat(b, 3, Some(0));
        assert_eq!(store.claim_for(Some(a), "B1"), (false, None));
    });
}

#[test]
fn sessions_are_kept_as_long_as_they_are_used() {
    everywhere(|store| {
        for token in ["a", "b", "c", "d", "e"] {
            store.settle(win(token, 1, 1, 1, 1));
        }
        assert_eq!(store.expire(), 0);
        store.now += 20 * DAY;
        assert_eq!(store.take("a", 2), Some((1, 1)));
        assert_eq!(store.settle(win("b", 1, 2, 1, 2)), kept(2));
        assert_eq!(store.expire(), 0);
        store.now += 10 * DAY + HOUR;
        // Three sessions that were not used, and the one who had a session before.
        assert_eq!(store.take("c", 2), Some((1, 1)), "not deleted yet");
        store.expire();
        assert_eq!(store.take("d", 2), None);
        assert_eq!(store.take("e", 2), None);
        assert_eq!(store.take("a", 3), Some((1, 1)));
        assert_eq!(store.take("b", 3), Some((2, 2)));
        assert_eq!(store.take("c", 3), Some((1, 1)));
        store.now += 30 * DAY + HOUR;
        store.expire();
        for token in ["a", "b", "c"] {
            assert_eq!(store.take(token, 9), None);
        }
        // It begins anew.
        assert_eq!(store.settle(win("a", 1, 1, 1, 1)), kept(1));
    });
}

/// So that nobody's order waits for all of them.
#[test]
fn old_ones_are_deleted_a_few_at_a_time() {
    everywhere(|store| {
        for number in 0..20 {
            store.settle(win(&format!("token {number}"), 1, 1, 1, 1));
        }
        store.now += 31 * DAY;
        assert_eq!(store.expire_some(7), 7);
        assert_eq!(store.expire_some(7), 7);
        assert_eq!(store.expire(), 6);
    });
}

#[test]
fn who_is_erased_stays_erased_for_a_month() {
    everywhere(|store| {
        store.settle(known_as(win("a", 1, 1, 3, 3), "p-1", "Ada"));
        store.settle(known_as(win("b", 1, 1, 4, 4), "p-1", "Ada"));
        store.settle(known_as(win("c", 1, 1, 5, 5), "p-2", "Bob"));
        assert_eq!(store.take("a", 2), Some((3, 3)));
        assert_eq!(store.forget(&Who::Uid("p-1".into())), 2);
        assert_eq!(store.forget(&Who::Uid("p-1".into())), 0);
        for seq in [1, 2, 9] {
            assert_eq!(store.settle(win("a", 1, seq, 1, 1)), Settled::Erased);
            assert_eq!(store.settle(win("a", 2, seq, 0, 0)), Settled::Erased);
        }
        assert_eq!(store.take("a", 3), None);
        assert_eq!(store.take("b", 3), None);
        assert_eq!(store.take("c", 3), Some((5, 5)));
        store.now += 31 * DAY - 1;
        store.expire();
        assert_eq!(store.settle(win("b", 1, 9, 1, 1)), Settled::Erased);
        assert_eq!(store.take("a", 4), None);
        store.now += 1;
        assert_eq!(store.settle(win("b", 1, 9, 1, 1)), kept(1));
        store.expire();
        assert_eq!(store.settle(win("a", 1, 9, 1, 1)), kept(1));
    });
}
