//! The clock jumps: what was to happen in minutes, hours or years is due at once.
//!
//! The hub and the wheel as the loop has them, with a clock that only the test moves. No schedule is
//! drawn: the same players stand in every state there is, and time jumps over all their limits.

use roshambo::config::Config;
use roshambo::hub::{Dialect, Hub, Input, Output, Timer};
use roshambo::model::{ConnId, Ended};
use roshambo::time::Millis;
use roshambo::wheel::Wheel;

const DIALECTS: [Dialect; 3] = [Dialect::Plain, Dialect::Eio3, Dialect::Eio4];
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

struct Place {
    hub: Hub,
    wheel: Wheel<Timer>,
    now: Millis,
    opened: u32,
    texts: Vec<(ConnId, String)>,
    closed: Vec<(ConnId, u16)>,
}

impl Place {
    fn new(start: u64) -> Self {
        let config = Config {
            // Nobody else than those who are meant to meet, meet.
            robot_after_ms: 30_000,
            ..Config::default()
        };
        let mut rng = fastrand::Rng::with_seed(3);
        let entropy = Box::new(move |bytes: &mut [u8]| rng.fill(bytes));
        Self {
            hub: Hub::new(&config, 1, entropy),
            wheel: Wheel::new(),
            now: Millis(start),
            opened: 0,
            texts: Vec::new(),
            closed: Vec::new(),
        }
    }

    fn tell(&mut self, input: Input<'_>) {
        self.hub.handle(self.now, input);
        while let Some(output) = self.hub.pop_output() {
            match output {
                Output::Send { conn, text } => self.texts.push((conn, text.to_owned())),
                Output::Close {
                    conn,
                    ended: Ended::Closed(reason),
                    ..
                } => self.closed.push((conn, reason.code())),
                Output::Close { .. } => (),
                Output::Arm { at, timer } => drop(self.wheel.arm(at, timer)),
                // A timer that is no longer wanted does nothing.
                Output::Ping { .. } | Output::Pong { .. } | Output::Disarm { .. } => (),
                Output::Store(_) | Output::Hold { .. } | Output::Resume { .. } => {
                    panic!("there is no store")
                }
            }
        }
    }

    fn say(&mut self, conn: ConnId, dialect: Dialect, event: &str) {
        let text = format!("{}{event}", dialect.event_prefix());
        self.tell(Input::Text { conn, text: &text });
    }

    fn open(&mut self, dialect: Dialect, hello: &str) -> ConnId {
        let (index, generation) = (self.opened, self.opened + 1);
        self.opened += 1;
        let conn = ConnId { index, generation };
        self.tell(Input::Opened {
            conn,
            dialect,
            from: None,
        });
        if dialect == Dialect::Eio4 {
            self.tell(Input::Text { conn, text: "40" });
        }
        if !hello.is_empty() {
            // Nobody meets itself.
            self.say(conn, dialect, &hello.replace("old", &format!("old{index}")));
        }
        conn
    }

    /// Fires what is due, as the loop does: at the time it is now, and not when it was wanted.
    fn fire(&mut self) -> usize {
        let mut fired = 0;
        while let Some((_, timer)) = self.wheel.pop_due(self.now) {
            self.tell(Input::Due { timer });
            fired += 1;
            assert!(fired < 10_000, "{timer:?} is due again and again");
        }
        fired
    }

    fn count(&self, conn: ConnId, name: &str) -> usize {
        let of = |(to, text): &&(ConnId, String)| *to == conn && text.contains(name);
        self.texts.iter().filter(of).count()
    }
}

const OLD: &str = r#"["hello",{"user":{"uid":"old","uname":"Old"}}]"#;
const V2: &str = r#"["hello",{"user":{"uname":"V"},"v":2}]"#;

fn jump(start: u64, by: u64, timers_first: bool) {
    let mut place = Place::new(start);
    let mut pairs = Vec::new();
    for dialect in DIALECTS {
        for hello in [OLD, V2] {
            let pair = [(); 2].map(|()| place.open(dialect, hello));
            for conn in pair {
                place.say(conn, dialect, r#"["join"]"#);
            }
            for conn in pair {
                let started = place.count(conn, r#"["start""#);
                assert_eq!(started, 1, "{dialect:?} {hello}: {:?}", place.texts);
            }
            place.say(pair[0], dialect, r#"["choice",{"choice":1}]"#);
            pairs.push((dialect, pair));
        }
        place.open(dialect, "");
        place.open(dialect, V2);
        let private = place.open(dialect, V2);
        place.say(private, dialect, r#"["join",{"room":"new"}]"#);
        let gone = place.open(dialect, V2);
        place.tell(Input::Closed { conn: gone });
    }
    // One alone in the lobby; a robot will come.
    let alone = place.open(Dialect::Plain, OLD);
    place.say(alone, Dialect::Plain, r#"["join"]"#);
    assert_eq!(place.hub.running_rounds(), pairs.len());

    place.now = place.now + by;
    if timers_first {
        place.fire();
    }
    for (dialect, pair) in &pairs {
        place.say(pair[1], *dialect, r#"["choice",{"choice":2}]"#);
    }
    place.fire();
    for (_, pair) in &pairs {
        for conn in pair {
            assert_eq!(place.count(*conn, r#"["result""#), 1, "{by} ms, {conn:?}");
        }
        // What came after the deadline does not count.
        let results = |(to, text): &&(ConnId, String)| *to == pair[0] && text.contains("result");
        let (_, result) = place.texts.iter().rfind(results).expect("counted above");
        assert!(!result.contains(r#""choice":2"#), "{result}");
    }
    let wakeup = place.wheel.next_wakeup();
    assert!(wakeup.is_none_or(|at| place.now < at), "{wakeup:?} is over");
    // Sessions of those who were away have ended if their time was over.
    let expired = Config::default().session_ttl_ms < by;
    let (_, _, sessions) = place.hub.population();
    assert_eq!(sessions, if expired { 12 } else { 15 }, "after {by} ms");

    // Two who meet now play as ever.
    let pair = [(); 2].map(|()| place.open(Dialect::Plain, V2));
    let code = {
        place.say(pair[0], Dialect::Plain, r#"["join",{"room":"new"}]"#);
        let (_, room) = place.texts.last().expect("a room");
        let (_, rest) = room.split_once(r#""code":""#).expect("its code");
        rest.split('"').next().expect("six letters").to_owned()
    };
    let join = format!(r#"["join",{{"room":"{code}"}}]"#);
    place.say(pair[1], Dialect::Plain, &join);
    place.say(pair[1], Dialect::Plain, r#"["choice",{"choice":2}]"#);
    place.now = place.now + MINUTE / 6;
    place.fire();
    for conn in pair {
        let heard = ["start", "result"].map(|name| place.count(conn, &format!("[\"{name}\"")));
        assert_eq!(heard, [1, 1], "{by} ms, {conn:?}");
    }
}

#[test]
fn a_jump_of_any_length_ends_what_was_due_once_and_nothing_else() {
    for start in [0, 1 << 40] {
        for by in [
            3_001,
            MINUTE,
            11 * MINUTE,
            HOUR,
            24 * HOUR,
            10 * 365 * 24 * HOUR,
            1 << 50,
        ] {
            for timers_first in [true, false] {
                jump(start, by, timers_first);
            }
        }
    }
}
