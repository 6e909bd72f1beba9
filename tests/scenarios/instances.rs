//! Several servers that share one store: who lives, where a room is, and sessions that go from one to
//! the other.

use roshambo::config::Config;
use roshambo::hub::{Dialect, Input};
use roshambo::model::{ConnId, Letter, Owner, Peer, StoreOp};
use serde_json::Value;

use crate::common::{Act, Bench};
use crate::persons::{keys, tokens};
use crate::play::config;

fn letter(text: &str) -> Letter {
    Letter::new(text).expect("a letter")
}

/// One server of several. All of them have one store, which is handed from one to the other.
struct Instance(Bench);

impl Instance {
    fn new(name: &str, nonce: u64) -> Self {
        Self::with(name, nonce, |_| ())
    }

    fn with(name: &str, nonce: u64, change: impl FnOnce(&mut Config)) -> Self {
        let mut bench = Bench::with_store(config(|config| {
            config.instance = Some(letter(name));
            config.seed = Some(nonce);
            change(config);
        }));
        bench.live_beside(nonce);
        Self(bench)
    }

    /// One that shares its store with nobody, but for the process that comes after it.
    fn alone(nonce: u64) -> Self {
        Self(Bench::with_store(config(|config| {
            config.seed = Some(nonce);
        })))
    }

    /// Two that know who is who by the same key.
    fn pair() -> (Self, Self) {
        let mut both = (Self::new("a", 7), Self::new("b", 8));
        both.0.0.use_keys(keys("old"));
        both.1.0.use_keys(keys("old"));
        both
    }

    /// The store cannot be asked any more, or again; it hears of that.
    fn set_away(&mut self, away: bool) {
        self.0.shelf().set_away(away);
        self.0.hear_store();
    }

    /// The points that the store has of a session.
    fn stored(&mut self, token: &str) -> Option<u64> {
        let kept = self.0.shelf().session(token);
        kept.map(|(points, ..)| points.into())
    }

    /// The store is the other one's from now on, as of the same moment.
    fn hand(&mut self, to: &mut Self) {
        std::mem::swap(self.0.shelf(), to.0.shelf());
        let now = self.0.now();
        to.0.advance(now, true);
    }

    fn pass(&mut self, ms: u64) {
        let to = self.0.now() + ms;
        self.0.advance(to, true);
    }

    /// Somebody connects and says `hello`; its `hi`.
    fn enter(&mut self, name: &str, session: Option<&str>) -> (ConnId, Value) {
        let conn = self.0.open(Dialect::Plain);
        let session = session.map_or(String::new(), |token| format!(r#","session":"{token}""#));
        let hello = format!(r#"["hello",{{"user":{{"uname":"{name}"}},"v":2{session}}}]"#);
        let told = self.say(conn, &hello);
        let hi = told.first().expect("a hi").clone();
        assert_eq!(hi[0], "hi", "{told:?}");
        (conn, hi[1].clone())
    }

    /// Ann connects by her signed token; her `hi`.
    fn sign_in(&mut self, session: Option<&str>) -> (ConnId, Value) {
        let conn = self.0.open(Dialect::Plain);
        let session = session.map_or(String::new(), |token| format!(r#","session":"{token}""#));
        let signed = &tokens()["jwt.ann"];
        let hello = format!(r#"["hello",{{"user":{{}},"v":2{session},"token":"{signed}"}}]"#);
        let told = self.say(conn, &hello);
        (conn, told.first().expect("a hi")[1].clone())
    }

    /// What all are told when somebody says something.
    fn say(&mut self, conn: ConnId, text: &str) -> Vec<Value> {
        self.0.take_deeds();
        self.0.tell(Input::Text { conn, text });
        self.told(conn)
    }

    /// What a connection was told since the last look; `!` and a code: it is closed.
    fn told(&mut self, of: ConnId) -> Vec<Value> {
        let deeds = self.0.take_deeds();
        let of = deeds.into_iter().filter(|deed| deed.conn == of);
        of.map(|deed| match deed.act {
            Act::Text(text) => serde_json::from_str(&text).expect("an event"),
            other => Value::String(format!("{other:?}")),
        })
        .collect()
    }

    fn lose(&mut self, conn: ConnId) {
        self.0.tell(Input::Closed { conn });
    }

    /// Wins a round against a robot, or at least plays until it has.
    fn win(&mut self, conn: ConnId) -> u64 {
        for _ in 0..50 {
            self.say(conn, r#"["join"]"#);
            self.pass(1_000);
            self.0.take_deeds();
            self.0.tell(Input::Text {
                conn,
                text: r#"["choice",{"choice":2}]"#,
            });
            self.pass(3_000);
            let told = self.told(conn);
            let result = told.iter().find(|event| event[0] == "result");
            let rows = result.expect("a result")[1]["result"].clone();
            let rows = rows.as_array().expect("rows").clone();
            let mine = rows.iter().find(|row| row["choice"] == 2).expect("mine");
            if mine["roundScore"] != 0 {
                return mine["totalScore"].as_u64().expect("a total");
            }
        }
        panic!("a robot that never loses");
    }
}

fn room(text: &str) -> String {
    format!(r#"["join",{{"room":"{text}"}}]"#)
}

/// The code of the problem in these events, and the instance that it names.
fn problem(told: &[Value]) -> (&str, &str) {
    let problem = told.iter().find(|event| event[0] == "problem");
    let problem = &problem.expect("a problem")[1];
    let text = |key: &str| problem[key].as_str().unwrap_or_default();
    (text("code"), text("instance"))
}

#[test]
fn an_instance_says_once_a_second_that_it_lives_until_it_is_asked_to_stop() {
    let mut a = Instance::new("a", 7);
    a.pass(0);
    let lease = |a: &mut Instance| a.0.shelf().leases.get(&letter("a")).copied();
    assert_eq!(lease(&mut a), Some((7, 0)));
    let (ann, hi) = a.enter("Ann", None);
    assert_eq!(hi["instance"], "a");
    assert!(hi["session"].as_str().expect("a token").starts_with("a."));
    a.pass(3_000);
    assert_eq!(lease(&mut a), Some((7, 1)));
    assert_eq!(a.0.shelf().counts.get("beat"), Some(&4));
    // A reload goes on with the same number, at once.
    a.0.reload();
    a.pass(0);
    assert_eq!(lease(&mut a), Some((7, 1)));
    assert_eq!(a.0.shelf().counts.get("beat"), Some(&5));
    a.0.tell(Input::Drain);
    assert_eq!(lease(&mut a), None);
    a.pass(5_000);
    assert_eq!(lease(&mut a), None, "it does not come back");
    a.lose(ann);
}

#[test]
fn everybody_online_is_nearby_and_who_is_gone_is_not() {
    let mut a = Instance::new("a", 1);
    let others = |online: &[(&str, u32)]| -> Vec<Peer> {
        let peer = |&(name, online): &(&str, u32)| Peer {
            letter: letter(name),
            online,
        };
        online.iter().map(peer).collect()
    };
    a.0.shelf().leases.insert(letter("b"), (2, 5));
    a.0.shelf().leases.insert(letter("c"), (3, u32::MAX));
    assert_eq!(a.enter("Ann", None).1["nearby"], 0);
    a.pass(1_000);
    assert_eq!(a.0.hub().others(), others(&[("b", 5), ("c", u32::MAX)]));
    assert_eq!(a.enter("Bob", None).1["nearby"], u32::MAX);
    a.0.shelf().leases.remove(&letter("c"));
    a.pass(1_000);
    assert_eq!(a.enter("Cem", None).1["nearby"], 7);
    // While the store is away the last word counts, over a reload, too.
    a.set_away(true);
    a.pass(5_000);
    a.0.reload();
    assert_eq!(a.enter("Dee", None).1["nearby"], 8);
}

#[test]
fn a_letter_that_is_another_process_s_is_noticed() {
    let mut a = Instance::new("a", 1);
    a.pass(1_000);
    assert!(!a.0.hub().is_doubled());
    a.0.shelf().leases.insert(letter("a"), (2, 9));
    a.pass(1_000);
    assert!(a.0.hub().is_doubled());
    a.0.shelf().leases.remove(&letter("a"));
    a.pass(1_000);
    assert!(!a.0.hub().is_doubled());
}

#[test]
fn a_room_is_entered_where_it_is_or_opened_where_it_is_asked_for() {
    let (mut a, mut b) = (Instance::new("a", 1), Instance::new("b", 2));
    let (ann, _) = b.enter("Ann", None);
    let told = b.say(ann, &room("new"));
    let code = told[0][1]["code"].as_str().expect("a code").to_owned();
    assert_eq!((code.len(), code.get(..1)), (7, Some("B")), "{code}");
    b.pass(1_000);
    b.hand(&mut a);
    a.pass(1_000);
    let (bob, _) = a.enter("Bob", None);
    // However often, it is no guess.
    for _ in 0..15 {
        let told = a.say(bob, &room(&code));
        assert_eq!(problem(&told), ("room-elsewhere", "b"), "{told:?}");
        a.pass(1_000);
    }
    assert_eq!(problem(&a.say(bob, &room("BBBBBBB"))), ("room-unknown", ""));
    // Without the store it is where its code says, if that one lived a moment ago.
    a.set_away(true);
    assert_eq!(problem(&a.say(bob, &room(&code))), ("room-elsewhere", "b"));
    assert_eq!(problem(&a.say(bob, &room("CCCCCCC"))), ("room-unknown", ""));
    assert_eq!(problem(&a.say(bob, &room("AAAAAAA"))), ("room-unknown", ""));
    assert_eq!(problem(&a.say(bob, &room("BBBBBB"))), ("room-unknown", ""));
    a.set_away(false);
    a.0.shelf().leases.remove(&letter("b"));
    let told = a.say(bob, &room(&code));
    assert_eq!(told[0][1]["code"], Value::String(code.clone()), "{told:?}");
    // From now on it is here, also for the one whose letter it has.
    a.pass(1_000);
    a.hand(&mut b);
    b.pass(1_000);
    b.0.restart();
    b.0.live_beside(3);
    b.pass(1_000);
    let (cem, _) = b.enter("Cem", None);
    assert_eq!(problem(&b.say(cem, &room(&code))), ("room-elsewhere", "a"));
}

#[test]
fn a_session_that_went_on_elsewhere_is_taken_up_as_it_is_by_now() {
    let (mut a, mut b) = (Instance::new("a", 1), Instance::new("b", 2));
    let (ann, hi) = a.enter("Ann", None);
    let token = hi["session"].as_str().expect("a token").to_owned();
    let first = a.win(ann);
    a.lose(ann);
    a.hand(&mut b);
    let (ann, hi) = b.enter("Ann", Some(&token));
    assert_eq!(
        (&hi["totalScore"], &hi["resumed"]),
        (&first.into(), &true.into())
    );
    let second = b.win(ann);
    assert!(first < second);
    b.lose(ann);
    b.hand(&mut a);
    // It was here once, and what this one knows is old.
    let (ann, hi) = a.enter("Ann", Some(&token));
    assert_eq!(
        (&hi["totalScore"], &hi["resumed"]),
        (&second.into(), &true.into())
    );
    let third = a.win(ann);
    assert_eq!(a.stored(&token), Some(third));
    a.pass(1_000);
    assert_eq!(a.told(ann), Vec::<Value>::new(), "nobody took it over");
    // While the store is away it goes on with what it knows.
    a.lose(ann);
    a.set_away(true);
    let (_, hi) = a.enter("Ann", Some(&token));
    assert_eq!(
        (&hi["totalScore"], &hi["pending"]),
        (&third.into(), &Value::Null)
    );
}

/// Its session has another name since its person signed in elsewhere.
#[test]
fn a_person_in_doubt_is_found_by_who_it_is() {
    let (mut a, mut b) = Instance::pair();
    let (phone, hi) = a.sign_in(None);
    let former = hi["session"].as_str().expect("a token").to_owned();
    let first = a.win(phone);
    // She comes back while the store is away, so that it is asked later whose she is by then.
    a.lose(phone);
    a.set_away(true);
    let (phone, hi) = a.sign_in(Some(&former));
    assert_eq!(hi["totalScore"], first);
    a.hand(&mut b);
    b.set_away(false);
    let (_, hi) = b.sign_in(None);
    assert_ne!(hi["session"], former.as_str());
    assert_eq!(hi["totalScore"], first);
    b.hand(&mut a);
    a.0.slow_down(true);
    let second = a.win(phone);
    a.0.shelf().set_away(true);
    a.0.shelf().set_away(false);
    let mut told = Vec::new();
    for _ in 0..400 {
        if let Some(reply) = a.0.shelf().answer() {
            a.0.tell(Input::Stored { reply: &reply });
            told.extend(a.told(phone));
        }
    }
    assert_eq!(a.0.shelf().answer(), None, "it asks for ever");
    let hi = told.iter().rfind(|event| event[0] == "hi");
    let hi = &hi.expect("another name")[1];
    assert_eq!(hi["totalScore"], second);
    let token = hi["session"].as_str().expect("a token");
    assert_eq!(a.0.shelf().of_session(token).as_deref(), Some("ann"));
    assert_eq!(a.0.shelf().len(), 1, "one score");
}

/// What it was told may be from before it played elsewhere.
#[test]
fn who_comes_back_while_the_store_is_away_is_told_anew_as_soon_as_it_is_back() {
    let (mut a, mut b) = (Instance::new("a", 7), Instance::new("b", 8));
    let (ann, hi) = a.enter("Ann", None);
    let token = hi["session"].as_str().expect("a token").to_owned();
    let first = a.win(ann);
    a.hand(&mut b);
    let (moved, _) = b.enter("Ann", Some(&token));
    let second = b.win(moved);
    b.lose(moved);
    b.hand(&mut a);
    a.set_away(true);
    let (back, hi) = a.enter("Ann", Some(&token));
    assert_eq!(hi["totalScore"], first);
    a.set_away(false);
    let told = a.told(back);
    let hi = told.iter().rfind(|event| event[0] == "hi");
    assert_eq!(hi.expect("the news")[1]["totalScore"], second);
}

/// A session that is a person's now, by another name: its points are there.
#[test]
fn a_session_that_has_another_name_now_is_not_written_by_the_old_one() {
    let (mut a, mut b) = (Instance::new("a", 7), Instance::new("b", 8));
    b.0.use_keys(keys("old"));
    let (ann, hi) = a.enter("Ann", None);
    let token = hi["session"].as_str().expect("a token").to_owned();
    let first = a.win(ann);
    a.lose(ann);
    a.set_away(true);
    let (ann, hi) = a.enter("Ann", Some(&token));
    assert_eq!(hi["totalScore"], first);
    a.hand(&mut b);
    b.set_away(false);
    let (phone, hi) = b.sign_in(Some(&token));
    assert_eq!(hi["totalScore"], first);
    b.lose(phone);
    let (_, hi) = b.sign_in(None);
    let renamed = hi["session"].as_str().expect("a token").to_owned();
    assert_ne!(renamed, token);
    b.hand(&mut a);
    a.0.shelf().set_away(true);
    a.set_away(false);
    let told = a.told(ann);
    let hi = &told
        .iter()
        .find(|event| event[0] == "hi")
        .expect("the news")[1];
    assert_eq!(
        (&hi["totalScore"], &hi["resumed"]),
        (&0.into(), &false.into())
    );
    assert_eq!(a.0.shelf().len(), 1);
    let (total, ..) = a.0.shelf().session(&renamed).expect("hers");
    assert_eq!(u64::from(total), first);
}

/// By a session that turns out to be the person's somebody came before; it waited for the store.
#[test]
fn of_two_devices_of_a_person_the_one_that_came_last_goes_on() {
    let (mut a, mut b) = Instance::pair();
    let (phone, _) = a.sign_in(None);
    a.win(phone);
    a.hand(&mut b);
    let (_, hi) = b.sign_in(None);
    let token = hi["session"].as_str().expect("a token").to_owned();
    b.hand(&mut a);
    a.0.slow_down(true);
    let waits = a.0.open(Dialect::Plain);
    let hello = format!(r#"["hello",{{"user":{{}},"v":2,"session":"{token}"}}]"#);
    assert_eq!(a.say(waits, &hello), Vec::<Value>::new());
    let (last, hi) = a.sign_in(None);
    assert_ne!(hi["session"], token.as_str());
    a.0.take_deeds();
    while let Some(reply) = a.0.shelf().answer() {
        a.0.tell(Input::Stored { reply: &reply });
    }
    let deeds = a.0.take_deeds();
    let closed = |conn| {
        deeds
            .iter()
            .any(|deed| deed.conn == conn && deed.act == Act::Close(4001))
    };
    assert_eq!((closed(waits), closed(last)), (true, false), "{deeds:?}");
    let hi = deeds.iter().find(|deed| deed.conn == last);
    assert!(format!("{hi:?}").contains(&token), "{deeds:?}");
}

/// A session that was made anew after a loss has what was told of the former one, also if the store
/// loses that, too, before it says so.
#[test]
fn what_a_person_was_told_is_told_again_by_the_name_that_a_loss_gave_it() {
    let (mut a, mut b) = Instance::pair();
    b.sign_in(None);
    b.hand(&mut a);
    let earlier = a.0.shelf().clone();
    let (ann, hi) = a.sign_in(None);
    let token = hi["session"].clone();
    let told = a.win(ann);
    a.0.shelf().lazy = true;
    for _ in 0..2 {
        a.0.shelf().roll_back(&earlier);
        a.0.hear_store();
        a.0.shelf().work(usize::MAX);
        a.0.hear_store();
    }
    a.0.shelf().lazy = false;
    a.0.shelf().work(usize::MAX);
    a.0.hear_store();
    let (_, hi) = a.sign_in(None);
    assert_ne!(hi["session"], token);
    assert_eq!(hi["totalScore"], told);
    let renamed = hi["session"].as_str().expect("a token").to_owned();
    let (total, ..) = a.0.shelf().session(&renamed).expect("hers");
    assert_eq!(u64::from(total), told);
}

/// A process after one at which Ann has won, and that cannot ask the store; her `hi` there, and what
/// she had.
fn after_one_that_won() -> (Instance, Value, u64) {
    let (mut first, mut second) = (Instance::alone(7), Instance::alone(8));
    first.0.use_keys(keys("old"));
    second.0.use_keys(keys("old"));
    let (phone, hi) = first.sign_in(None);
    let had = first.win(phone);
    first.hand(&mut second);
    second.0.shelf().set_away(true);
    second.0.hear_store();
    (second, hi, had)
}

/// Ann signs in on a guest's session and wins; the session's token and what she has then.
fn win_by_another_session(server: &mut Instance) -> (ConnId, String, u64) {
    let (guest, hi) = server.enter("Guest", None);
    let other = hi["session"].as_str().expect("a token").to_owned();
    server.lose(guest);
    let (ann, _) = server.sign_in(Some(&other));
    let won = server.win(ann);
    (ann, other, won)
}

/// What it won before the store could say who it is, and what it wins by the session that is its own.
#[test]
fn who_played_on_another_session_wins_on_by_its_own() {
    let (mut second, hi, had) = after_one_that_won();
    let own = hi["session"].as_str().expect("a token");
    let uid = hi["uid"].as_str().expect("a uid");
    let (ann, other, won) = win_by_another_session(&mut second);
    second.0.shelf().set_away(false);
    second.0.hear_store();
    let told = second.told(ann);
    let hi = told.iter().rfind(|event| event[0] == "hi");
    let renamed = hi.expect("its own")[1]["session"]
        .as_str()
        .expect("a token");
    assert!(renamed != own && renamed != other, "{renamed}");
    let before = had + won;
    let after = second.win(ann);
    assert!(before < after, "{before} and more, not {after}");
    let (total, _, kept) = second.0.shelf().session(renamed).expect("its own");
    assert_eq!((u64::from(total), kept), (after, uid));
    assert_eq!(second.0.shelf().len(), 1);
}

/// The same in mid-round, while the store has lost something: whoever settles for the first time after
/// that is taken for the owner.
#[test]
fn who_leaves_a_session_in_mid_round_keeps_its_own() {
    let (mut second, _, had) = after_one_that_won();
    let (ann, _, won) = win_by_another_session(&mut second);
    second.say(ann, r#"["join"]"#);
    second.pass(1_000);
    let earlier = second.0.shelf().clone();
    second.0.shelf().roll_back(&earlier);
    second.set_away(false);
    second.pass(5_000);
    let after = second.win(ann);
    assert!(had + won < after, "{had} and {won} and more, not {after}");
    let told = second.say(ann, r#"["ping"]"#);
    assert_eq!(told, [serde_json::json!(["pong"])]);
}

/// Somebody played by a person's session without saying who it is, and that person is here, too.
#[test]
fn what_was_won_by_a_former_name_is_the_person_s_also_where_that_name_leads_nowhere() {
    let (mut second, hi, had) = after_one_that_won();
    let token = hi["session"].as_str().expect("a token");
    let (tablet, _) = second.enter("Ann", Some(token));
    let won = second.win(tablet);
    second.lose(tablet);
    let (phone, _) = second.sign_in(None);
    second.0.shelf().set_away(false);
    second.0.hear_store();
    second.pass(1_000);
    let told = second.told(phone);
    let hi = told
        .iter()
        .rfind(|event| event[0] == "hi")
        .expect("her own");
    let token = hi[1]["session"].as_str().expect("a token");
    let (total, ..) = second.0.shelf().session(token).expect("hers");
    assert_eq!(u64::from(total), had + won);
    assert_eq!(second.0.shelf().len(), 1);
}

/// Two servers know a session, its player is at neither, and the store has lost that it went from one to
/// the other: the points are there, and her place at the other one is not.
#[test]
fn a_place_at_a_table_may_be_lost_with_the_moment_in_which_a_session_moved() {
    for loses in [false, true] {
        let (mut a, mut b) = (Instance::new("a", 7), Instance::new("b", 8));
        let (ann, hi) = a.enter("Ann", None);
        let token = hi["session"].as_str().expect("a token").to_owned();
        a.win(ann);
        a.lose(ann);
        a.hand(&mut b);
        let earlier = b.0.shelf().clone();
        let (ann, _) = b.enter("Ann", Some(&token));
        let total = b.win(ann);
        let told = b.say(ann, &room("new"));
        let code = told.iter().find(|event| event[0] == "room");
        let code = code.expect("a room")[1]["code"].clone();
        let (bob, _) = b.enter("Bob", None);
        b.say(bob, &room(code.as_str().expect("a code")));
        b.lose(ann);
        if loses {
            b.0.shelf().roll_back(&earlier);
            b.0.hear_store();
        }
        let stored = b.stored(&token);
        assert_eq!(stored, Some(total), "loses: {loses}");
        let ann = b.0.open(Dialect::Plain);
        let hello = format!(r#"["hello",{{"user":{{"uname":"Ann"}},"v":2,"session":"{token}"}}]"#);
        let told = b.say(ann, &hello);
        assert_eq!(told[0][1]["totalScore"], total, "loses: {loses}");
        let is_seated = told.iter().any(|event| event[1]["code"] == code);
        assert_eq!(is_seated, !loses, "{told:?}");
    }
}

/// A server that was cut off has what somebody won there who goes on at another one since.
#[test]
fn who_went_elsewhere_before_it_could_be_signed_in_is_left_there() {
    let (mut a, mut b) = Instance::pair();
    let (phone, _) = b.sign_in(None);
    let had = b.win(phone);
    b.lose(phone);
    a.set_away(true);
    let (phone, _) = a.sign_in(None);
    let won = a.win(phone);
    a.lose(phone);
    // The other one is not cut off.
    let (phone, hi) = b.sign_in(None);
    assert_eq!(hi["totalScore"], had);
    b.hand(&mut a);
    a.set_away(false);
    a.pass(1_000);
    a.hand(&mut b);
    let total = b.win(phone);
    assert!(had + won < total, "{had} and {won} and more, not {total}");
    assert_eq!(b.told(phone), Vec::<Value>::new(), "nobody takes it away");
}

/// The same on a session that the server knew before as nobody's in particular.
#[test]
fn who_went_elsewhere_is_left_there_also_if_its_session_was_known() {
    let (mut a, mut b) = Instance::pair();
    let (phone, _) = b.sign_in(None);
    let had = b.win(phone);
    b.lose(phone);
    b.hand(&mut a);
    let (phone, hi) = a.enter("Ann", None);
    let token = hi["session"].as_str().expect("a token").to_owned();
    let kept = a.win(phone);
    a.lose(phone);
    // What both servers share is at the other one.
    let store = a.0.shelf().clone();
    a.set_away(true);
    let (phone, _) = a.sign_in(Some(&token));
    let won = a.win(phone) - kept;
    a.lose(phone);
    *b.0.shelf() = store;
    let (phone, hi) = b.sign_in(None);
    assert_eq!(hi["totalScore"], had);
    b.win(phone);
    b.0.shelf().swap_kept(a.0.shelf());
    a.set_away(false);
    a.pass(1_000);
    a.0.shelf().swap_kept(b.0.shelf());
    assert_eq!(a.0.hub().owed(), 0);
    let told = b.win(phone);
    assert_eq!(b.told(phone), Vec::<Value>::new(), "nobody takes it away");
    let own = hi["session"].as_str().expect("a token");
    let total = b.stored(own);
    assert_eq!(total, Some(told + won), "and that was added");
    let left = b.stored(&token);
    assert_eq!(left, Some(kept), "what it had is still nobody's");
}

/// Nobody knew her when she played, and she is gone when the store can be asked.
#[test]
fn a_person_that_is_gone_before_the_store_knows_it_finds_its_points_elsewhere() {
    let (mut a, mut b) = Instance::pair();
    a.set_away(true);
    let (phone, _) = a.sign_in(None);
    let won = a.win(phone);
    a.lose(phone);
    a.set_away(false);
    a.pass(1_000);
    assert_eq!(a.0.hub().owed(), 0);
    a.hand(&mut b);
    let (_, hi) = b.sign_in(None);
    assert_eq!(hi["totalScore"], won);
}

/// She was gone when the store was asked, and is here when it answers.
#[test]
fn who_is_back_before_it_is_known_who_it_is_plays_on() {
    let mut a = Instance::new("a", 7);
    a.0.use_keys(keys("old"));
    a.set_away(true);
    let (phone, _) = a.sign_in(None);
    let won = a.win(phone);
    a.lose(phone);
    a.0.shelf().set_away(false);
    a.0.slow_down(true);
    let reply = a.0.shelf().answer().expect("it is back");
    a.0.tell(Input::Stored { reply: &reply });
    let (phone, hi) = a.sign_in(None);
    assert_eq!(
        (&hi["totalScore"], &hi["pending"]),
        (&won.into(), &true.into())
    );
    a.0.slow_down(false);
    a.pass(1_000);
    let told = a.told(phone);
    let hi = told.iter().find(|event| event[0] == "hi");
    let hi = &hi.expect("she is told who she is")[1];
    assert_eq!(
        (&hi["totalScore"], &hi["pending"]),
        (&won.into(), &Value::Null)
    );
    let total = a.win(phone);
    assert!(won < total);
    let token = hi["session"].as_str().expect("a token");
    let stored = a.stored(token);
    assert_eq!((stored, a.0.hub().owed()), (Some(total), 0));
}

/// Her session was taken elsewhere before her last result was written, and she said who she is since.
#[test]
fn what_a_person_wins_on_a_session_that_was_taken_meanwhile_is_not_lost() {
    let mut a = Instance::new("a", 7);
    a.0.use_keys(keys("old"));
    let (phone, hi) = a.enter("Ann", None);
    let token = hi["session"].as_str().expect("a token").to_owned();
    a.win(phone);
    let taken = StoreOp::Take {
        token: token.clone(),
        owner: Owner(99),
    };
    a.0.shelf().order(taken);
    a.set_away(true);
    a.win(phone);
    a.lose(phone);
    let (phone, _) = a.sign_in(Some(&token));
    let total = a.win(phone);
    a.lose(phone);
    a.set_away(false);
    a.pass(1_000);
    assert_eq!(a.0.hub().owed(), 0);
    let stored = a.stored(&token);
    assert_eq!(stored, Some(total));
}

/// Nobody asks about one who is gone, and what it wins is not known before its round ends.
#[test]
fn what_one_wins_who_is_gone_when_the_store_is_back_is_written() {
    let mut a = Instance::new("a", 7);
    a.pass(0);
    a.set_away(true);
    let token = format!("b.{}", "x".repeat(22));
    let (gone, hi) = a.enter("Ann", Some(&token));
    assert_eq!(hi["pending"], true);
    let (other, _) = a.enter("Bob", None);
    let told = a.say(gone, &room("new"));
    let seat = told
        .iter()
        .find(|event| event[0] == "room")
        .expect("a room");
    let code = seat[1]["code"].as_str().expect("a code").to_owned();
    a.say(other, &room(&code));
    a.say(gone, r#"["choice",{"choice":2}]"#);
    a.say(other, r#"["choice",{"choice":1}]"#);
    a.lose(gone);
    a.set_away(false);
    a.pass(5_000);
    assert_eq!(a.0.hub().owed(), 0, "it is owed for ever");
    let (points, ..) = a.0.shelf().session(&token).expect("a session");
    assert_eq!(points, 1);
}

/// The store knows of a person from its first `hello` on, and its name from its first result on.
#[test]
fn a_person_without_a_written_name_has_the_one_that_it_says() {
    let (mut a, mut b) = (Instance::new("a", 7), Instance::new("b", 8));
    a.0.use_keys(keys("old"));
    let (_, hi) = a.sign_in(None);
    let token = hi["session"].as_str().expect("a token").to_owned();
    a.hand(&mut b);
    // She is not signed in there.
    let conn = b.0.open(Dialect::Plain);
    let hello = format!(
        r#"["hello",{{"user":{{"uname":"Annie","uavatar":"builtin:3"}},"v":2,"session":"{token}"}}]"#
    );
    let told = b.say(conn, &hello);
    let hi = &told.first().expect("a hi")[1];
    assert_eq!(hi["session"], token.as_str(), "{hi}");
    assert_eq!(
        (&hi["uname"], &hi["uavatar"]),
        (&Value::Null, &Value::Null),
        "{hi}"
    );
    let uid = hi["uid"].as_str().expect("a uid").to_owned();
    b.win(conn);
    let (_, _, written) = b.0.shelf().session(&token).expect("a session");
    assert_eq!(written, uid, "it is written with her first points");
}

/// A seat is worth a session that may be old; what is new is told when the store says it.
#[test]
fn a_session_that_went_on_elsewhere_while_its_seat_waited_is_told_anew() {
    let (mut a, mut b) = (Instance::new("a", 1), Instance::new("b", 2));
    let (ann, hi) = a.enter("Ann", None);
    let token = hi["session"].as_str().expect("a token").to_owned();
    let first = a.win(ann);
    a.say(ann, &room("new"));
    a.lose(ann);
    a.hand(&mut b);
    let (ann, _) = b.enter("Ann", Some(&token));
    let second = b.win(ann);
    b.lose(ann);
    b.hand(&mut a);
    a.0.slow_down(true);
    let (ann, hi) = a.enter("Ann", Some(&token));
    assert_eq!(
        (&hi["totalScore"], &hi["resumed"]),
        (&first.into(), &true.into())
    );
    a.0.take_deeds();
    a.0.slow_down(false);
    let told = a.told(ann);
    assert_eq!(
        (&told[0][0], &told[0][1]["totalScore"]),
        (&"hi".into(), &second.into())
    );
    // It is this one's again: what is won here is added and nobody is sent away.
    a.say(ann, r#"["leave"]"#);
    let third = a.win(ann);
    assert!(second < third);
    let stored = a.stored(&token);
    assert_eq!(stored, Some(third));
    // Who was nowhere else is told nothing twice.
    a.say(ann, &room("new"));
    a.lose(ann);
    let (ann, hi) = a.enter("Ann", Some(&token));
    assert_eq!(hi["totalScore"], third);
    a.pass(5_000);
    let again = a.told(ann);
    assert!(again.iter().all(|event| event[0] != "hi"), "{again:?}");
    assert_eq!(a.0.hub().owed(), 0);
}

#[test]
fn a_seat_is_come_back_to_without_asking_the_store() {
    let mut a = Instance::new("a", 1);
    let (ann, hi) = a.enter("Ann", None);
    let token = hi["session"].as_str().expect("a token").to_owned();
    a.win(ann);
    a.say(ann, &room("new"));
    a.lose(ann);
    a.0.slow_down(true);
    let (_, hi) = a.enter("Ann", Some(&token));
    assert_eq!(hi["resumed"], true);
}

#[test]
fn a_gathering_sends_everybody_on_who_is_in_no_round() {
    let (mut a, mut b) = (Instance::new("a", 1), Instance::new("b", 2));
    let (ann, _) = b.enter("Ann", None);
    let (bob, _) = b.enter("Bob", None);
    let (cem, hi) = b.enter("Cem", None);
    let token = hi["session"].as_str().expect("a token").to_owned();
    let told = b.say(ann, &room("new"));
    let code = told[0][1]["code"].as_str().expect("a code").to_owned();
    b.say(cem, r#"["join"]"#);
    b.pass(1_000);
    assert!(b.told(cem).iter().any(|event| event[0] == "start"));
    b.0.tell(Input::Gather);
    for conn in [ann, bob, cem] {
        b.0.tell(Input::SendOn { conn });
    }
    let deeds = b.0.take_deeds();
    let of = |conn| {
        let deeds = deeds.iter().filter(move |deed| deed.conn == conn);
        format!("{:?}", deeds.map(|deed| &deed.act).collect::<Vec<_>>())
    };
    for conn in [ann, bob] {
        assert!(
            of(conn).contains(r#"\"code\":1012,\"reason\":\"gather\",\"retry_ms\":"#),
            "{}",
            of(conn)
        );
        assert!(of(conn).contains("Close(1012)"), "{}", of(conn));
    }
    assert_eq!(of(cem), "[]");
    let (dee, _) = b.enter("Dee", None);
    assert_eq!(problem(&b.say(dee, r#"["join"]"#)).0, "draining");
    // Its round ends as ever, and then it goes.
    b.pass(3_000);
    assert!(b.told(cem).iter().any(|event| event[0] == "result"));
    b.0.tell(Input::SendOn { conn: cem });
    assert_eq!(
        b.told(cem).last(),
        Some(&Value::String("Close(1012)".into()))
    );
    b.0.tell(Input::Scatter);
    let told = b.say(dee, r#"["join"]"#);
    assert_eq!(told[0][0], "room", "{told:?}");
    b.say(dee, r#"["leave"]"#);
    // Elsewhere the room is opened, though the one that it was at lives; and it is not there any more.
    b.pass(1_000);
    b.hand(&mut a);
    a.pass(1_000);
    let (ann, _) = a.enter("Ann", None);
    let told = a.say(ann, &room(&code));
    assert_eq!(told[0][1]["code"], Value::String(code.clone()), "{told:?}");
    a.hand(&mut b);
    assert_eq!(problem(&b.say(dee, &room(&code))), ("room-elsewhere", "a"));
    b.hand(&mut a);
    let (_, hi) = a.enter("Cem", Some(&token));
    assert_eq!(hi["instance"], "a");
}

#[test]
fn nobody_is_sent_on_before_the_store_has_what_it_was_told() {
    let mut b = Instance::new("b", 2);
    let (ann, _) = b.enter("Ann", None);
    b.0.slow_down(true);
    b.win(ann);
    b.0.tell(Input::Gather);
    b.0.tell(Input::SendOn { conn: ann });
    assert_eq!(b.told(ann), Vec::<Value>::new());
    b.0.slow_down(false);
    b.0.tell(Input::SendOn { conn: ann });
    assert_eq!(
        b.told(ann).last(),
        Some(&Value::String("Close(1012)".into()))
    );
}

/// Its rooms wait for nothing while players are sent on; afterwards they do again.
#[test]
fn after_a_gathering_those_who_stayed_play_on() {
    let mut b = Instance::new("b", 2);
    let (ann, _) = b.enter("Ann", None);
    let (bob, _) = b.enter("Bob", None);
    let (cem, _) = b.enter("Cem", None);
    for conn in [ann, bob] {
        b.say(conn, r#"["join"]"#);
    }
    b.pass(3_000);
    // Two between rounds, one of whom wants another; one who waits; all of whom it may keep.
    b.say(ann, r#"["join"]"#);
    b.0.tell(Input::Gather);
    assert_eq!(problem(&b.say(cem, r#"["join"]"#)).0, "draining");
    b.0.tell(Input::SendOn { conn: ann });
    b.pass(10_000);
    b.0.tell(Input::Scatter);
    b.0.reload();
    b.say(cem, r#"["join"]"#);
    let told = b.say(bob, r#"["join",{"new":true}]"#);
    assert!(told.iter().any(|event| event[0] == "start"), "{told:?}");
}

/// It was won there while this one's last word was on its way, and comes back before that is answered.
#[test]
fn who_comes_back_before_all_is_written_is_not_sent_away() {
    let (mut a, mut b) = (Instance::new("a", 1), Instance::new("b", 2));
    let (ann, hi) = a.enter("Ann", None);
    let token = hi["session"].as_str().expect("a token").to_owned();
    a.win(ann);
    a.0.slow_down(true);
    let here = a.win(ann);
    a.lose(ann);
    // Its answers stay where they are.
    b.0.shelf().swap_kept(a.0.shelf());
    let now = a.0.now();
    b.0.advance(now, true);
    let (there, hi) = b.enter("Ann", Some(&token));
    let before = hi["totalScore"].as_u64().expect("a total");
    let all = here + b.win(there) - before;
    b.lose(there);
    a.0.shelf().swap_kept(b.0.shelf());
    let now = b.0.now();
    a.0.advance(now, true);
    let (ann, hi) = a.enter("Ann", Some(&token));
    assert_eq!(hi["resumed"], true);
    a.0.take_deeds();
    a.0.slow_down(false);
    let told = a.told(ann);
    assert_eq!(
        (&told[0][0], &told[0][1]["totalScore"]),
        (&"hi".into(), &all.into()),
        "{told:?}"
    );
    let third = a.win(ann);
    a.pass(1_000);
    assert_eq!(a.told(ann), Vec::<Value>::new(), "nobody took it");
    let stored = a.stored(&token);
    assert_eq!(stored, Some(third));
}

/// The store was away when it came here, and it went back before the store was.
#[test]
fn who_is_not_here_any_more_is_taken_from_nobody() {
    let (mut a, mut b) = (Instance::new("a", 1), Instance::new("b", 2));
    let (ann, hi) = a.enter("Ann", None);
    let token = hi["session"].as_str().expect("a token").to_owned();
    let first = a.win(ann);
    b.set_away(true);
    let now = a.0.now();
    b.0.advance(now, true);
    let (there, hi) = b.enter("Ann", Some(&token));
    assert_eq!(hi["pending"], true);
    let won = b.win(there);
    b.lose(there);
    b.0.shelf().swap_kept(a.0.shelf());
    b.set_away(false);
    assert_eq!(b.0.shelf().counts.get("take"), None);
    assert_eq!(b.0.hub().owed(), 0);
    b.0.shelf().swap_kept(a.0.shelf());
    let stored = |a: &mut Instance| a.0.shelf().session(&token).map(|it| u64::from(it.0));
    assert_eq!(
        stored(&mut a),
        Some(first + won),
        "what it won there counts"
    );
    a.win(ann);
    a.pass(1_000);
    assert_eq!(a.told(ann), Vec::<Value>::new(), "nobody took it");
}

/// One was away when the other came, and is back before a gathering is over.
#[test]
fn two_who_wait_when_a_gathering_is_over_play_each_other() {
    let mut b = Instance::with("b", 2, |config| config.robot_after_ms = 30_000);
    let [ann, bob] = ["Ann", "Bob"].map(|name| b.enter(name, None).0);
    b.say(ann, r#"["join"]"#);
    b.say(ann, r#"["away"]"#);
    b.say(bob, r#"["join"]"#);
    b.0.tell(Input::Gather);
    b.say(ann, r#"["ping"]"#);
    b.0.take_deeds();
    b.0.tell(Input::Scatter);
    let told = b.told(bob);
    assert!(told.iter().any(|event| event[0] == "start"), "{told:?}");
}

#[test]
fn a_server_that_is_alone_says_nothing_of_instances() {
    let mut bench = Bench::with_store(Config::default());
    bench.live_beside(1);
    assert_eq!(bench.timers(), 0);
    let mut alone = Instance(bench);
    let (ann, hi) = alone.enter("Ann", None);
    assert_eq!(hi["instance"], Value::Null);
    assert!(!hi["session"].as_str().expect("a token").contains('.'));
    let told = alone.say(ann, &room("new"));
    assert_eq!(told[0][1]["code"].as_str().map(str::len), Some(6));
    alone.pass(10_000);
    assert_eq!(alone.0.shelf().counts.get("beat"), None);
}
