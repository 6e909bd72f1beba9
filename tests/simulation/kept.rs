//! Seeded worlds around a store that is slow, away, repeats itself or forgets its last moments, and
//! around a process that dies, or goes over into another one.
//!
//! A ledger is kept from outside: of every token what was in the store when the process began, and
//! what its client was told to have won since. Invariants:
//!
//! - what the store has is never more than that, and when all is answered exactly that: nothing is
//!   lost or counted twice while the process lives, whatever the store does short of forgetting;
//! - a `hi` that is not pending tells it;
//! - a round ends at its deadline, whatever the store does;
//! - in the end nobody waits and nothing is owed.
//!
//! Absent here: the other rules of the game; the shadow knows them.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use fastrand::Rng;
use roshambo::config::Config;
use roshambo::hub::{Dialect, Input};
use roshambo::model::ConnId;
use serde_json::Value;

use crate::common::shelf::{Fault, Shelf};
use crate::common::{Act, Bench};

/// Seeds of an ordinary run.
const SEEDS: u64 = 300;
const STEPS: u32 = 400;

/// One client; it keeps its token over all lives.
#[derive(Debug, Default)]
struct Client {
    conn: Option<ConnId>,
    token: Option<String>,
    uid: String,
    pending: bool,
    /// A round runs. It stays to its end, or it would win what it is not told.
    playing: bool,
    /// When the round that it plays in began, if it was there.
    began: Option<u64>,
    greeted_at: u64,
}

/// What a token is to have.
#[derive(Debug, Default)]
struct Account {
    /// In the store when this process began.
    base: u64,
    /// Told since.
    won: u64,
}

struct World {
    bench: Bench,
    config: Config,
    rng: Rng,
    clients: Vec<Client>,
    ledger: BTreeMap<String, Account>,
    codes: Vec<String>,
    /// What the store was like some time ago.
    earlier: Shelf,
    figures: Figures,
}

#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    points: u64,
    pending: u64,
    kills: u64,
    rollbacks: u64,
    restored: u64,
    taken_over: u64,
    reloads: u64,
}

impl World {
    fn new(seed: u64, fault: Option<Fault>) -> Self {
        let mut rng = Rng::with_seed(seed);
        let config = Config {
            rate_limit: 0,
            game_time_ms: 1_000,
            robot_after_ms: 300,
            session_ttl_ms: [5_000, 90_000, 1_800_000][rng.usize(..3)],
            max_sessions: [3, 100][rng.usize(..2)],
            ping_interval_ms: 3_600_000,
            seed: Some(seed),
            ..Config::default()
        };
        let mut bench = Bench::with_store(config.clone());
        bench.shelf().fault = fault;
        bench.shelf().lazy = true;
        bench.slow_down(true);
        let earlier = bench.shelf().clone();
        let clients = (0..rng.usize(2..7)).map(|_| Client::default()).collect();
        Self {
            bench,
            config,
            rng,
            clients,
            ledger: BTreeMap::new(),
            codes: Vec::new(),
            earlier,
            figures: Figures::default(),
        }
    }

    fn live(&mut self) {
        for _ in 0..STEPS {
            self.step();
            self.look();
            self.check_bounds();
        }
        self.settle();
    }

    fn step(&mut self) {
        let index = self.rng.usize(..self.clients.len());
        match self.rng.u32(..104) {
            0..35 => self.speak(index),
            35..60 => self.pass(),
            60..75 => {
                let count = self.rng.usize(1..4);
                self.bench.shelf().work(count);
            }
            75..90 => {
                for _ in 0..self.rng.usize(1..4) {
                    self.hear();
                }
            }
            90..92 => self.bench.shelf().set_away(true),
            92..95 => self.bench.shelf().set_away(false),
            95 => self.bench.shelf().repeat_order(),
            96 => {
                if let Some(token) = self.clients[index].token.clone() {
                    self.bench.shelf().take_away(&token);
                }
            }
            97 => self.earlier = self.bench.shelf().clone(),
            98 => self.settle(),
            100.. => {
                self.figures.reloads += 1;
                self.bench.reload();
            }
            _ => self.kill(),
        }
    }

    fn pass(&mut self) {
        let ms = match self.rng.u32(..10) {
            0 => self.rng.u64(..6_000),
            _ => self.rng.u64(..900),
        };
        let to = self.bench.now() + ms;
        self.bench.advance(to, true);
    }

    /// An answer comes, or comes twice.
    fn hear(&mut self) {
        let Some(reply) = self.bench.shelf().answer() else {
            return;
        };
        self.bench.tell(Input::Stored { reply: &reply });
        if self.rng.u32(..5) == 0 {
            self.bench.tell(Input::Stored { reply: &reply });
        }
    }

    fn speak(&mut self, index: usize) {
        let Some(conn) = self.clients[index].conn else {
            return self.come(index);
        };
        let text = match self.rng.u32(..20) {
            0..7 => r#"["join"]"#.to_owned(),
            7..15 => format!(r#"["choice",{{"choice":{}}}]"#, self.rng.u32(1..=3)),
            15 => {
                self.clients[index].playing = false;
                r#"["leave"]"#.into()
            }
            16 => r#"["join",{"room":"new"}]"#.into(),
            17 => match self.codes.last() {
                Some(code) => format!(r#"["join",{{"room":"{code}"}}]"#),
                None => r#"["away"]"#.into(),
            },
            18 if !self.clients[index].playing => {
                self.clients[index].conn = None;
                return self.bench.tell(Input::Closed { conn });
            }
            _ => return self.come(index),
        };
        self.bench.tell(Input::Text { conn, text: &text });
    }

    /// A new connection; the former one may still be there.
    fn come(&mut self, index: usize) {
        let conn = self.bench.open(Dialect::Plain);
        let client = &mut self.clients[index];
        client.conn = Some(conn);
        client.began = None;
        let session = match &client.token {
            Some(token) => format!(r#","session":"{token}""#),
            None => String::new(),
        };
        let text = format!(r#"["hello",{{"user":{{"uname":"c{index}"}},"v":2{session}}}]"#);
        self.bench.tell(Input::Text { conn, text: &text });
    }

    /// The process dies, and perhaps the machine with it, which costs the store's last moments.
    fn kill(&mut self) {
        self.figures.kills += 1;
        let rolls_back = self.rng.u32(..3) == 0;
        if rolls_back {
            self.figures.rollbacks += 1;
            *self.bench.shelf() = self.earlier.clone();
        }
        self.bench.restart();
        self.earlier = self.bench.shelf().clone();
        for client in &mut self.clients {
            client.conn = None;
            client.playing = false;
        }
        for (token, account) in &mut self.ledger {
            let kept = self.bench.shelf().session(token);
            let base = kept.map_or(0, |(total, ..)| total.into());
            *account = Account { base, won: 0 };
        }
    }

    /// Everything is answered: the store has exactly what was told.
    fn settle(&mut self) {
        self.bench.shelf().set_away(false);
        loop {
            self.bench.shelf().work(usize::MAX);
            let Some(reply) = self.bench.shelf().answer() else {
                break;
            };
            self.bench.tell(Input::Stored { reply: &reply });
        }
        self.look();
        assert_eq!(self.bench.hub().waiting(), 0, "somebody waits for nothing");
        assert_eq!(self.bench.hub().owed(), 0, "something is owed for ever");
        for (token, account) in &self.ledger {
            let kept = self.bench.shelf().session(token);
            let kept = kept.map_or(0, |(total, ..)| u64::from(total));
            assert_eq!(kept, account.base + account.won, "lost or counted twice");
        }
    }

    fn check_bounds(&mut self) {
        for (token, account) in &self.ledger {
            let kept = self.bench.shelf().session(token);
            let kept = kept.map_or(0, |(total, ..)| u64::from(total));
            assert!(kept <= account.base + account.won, "counted twice");
        }
    }

    /// What the clients were told.
    fn look(&mut self) {
        for deed in self.bench.take_deeds() {
            let found = self
                .clients
                .iter()
                .position(|client| client.conn == Some(deed.conn));
            let Some(index) = found else { continue };
            match deed.act {
                Act::Text(text) => {
                    let event: Value = serde_json::from_str(&text).expect("an event");
                    self.hear_event(deed.at, index, &event);
                }
                Act::Close(code) => {
                    self.figures.taken_over += u64::from(code == 4001);
                    self.clients[index].conn = None;
                    self.clients[index].playing = false;
                }
                Act::Ping | Act::Pong(_) => (),
            }
        }
    }

    fn hear_event(&mut self, at: u64, index: usize, event: &Value) {
        let (name, body) = (event[0].as_str().unwrap_or_default(), &event[1]);
        let client = &mut self.clients[index];
        match name {
            "hi" => {
                let token = body["session"].as_str().expect("a token").to_owned();
                client.uid = body["uid"].as_str().expect("a uid").to_owned();
                client.pending = body["pending"] == true;
                client.greeted_at = at;
                client.token = Some(token.clone());
                let account = self.ledger.entry(token).or_default();
                let total = body["totalScore"].as_u64().expect("a total");
                let want = account.base + account.won;
                self.figures.pending += u64::from(client.pending);
                self.figures.restored += u64::from(body["resumed"] == true && 0 < account.base);
                let right = total == want || (client.pending && total < want);
                assert!(right, "{want}, and hi tells something else: {event}");
            }
            // One that is told again to who came back says less than when it began.
            "start" => {
                client.playing = true;
                client.began = Some(at).filter(|_| client.greeted_at != at);
            }
            "result" => {
                let rows = body["result"].as_array().expect("rows");
                let own = rows.iter().find(|row| row["uid"] == client.uid.as_str());
                // A result that is repeated is no news.
                if client.greeted_at == at {
                    return;
                }
                client.playing = false;
                let points = own.expect("one's own row")["roundScore"].as_u64();
                let points = points.expect("a number");
                let token = client.token.clone().expect("who plays has one");
                self.ledger.entry(token).or_default().won += points;
                self.figures.points += points;
                if let Some(began) = client.began.take() {
                    let lasted_ms = at - began;
                    assert_eq!(lasted_ms, self.config.game_time_ms, "a round was held");
                }
            }
            "room" => {
                if let Some(code) = body["code"].as_str() {
                    self.codes.push(code.to_owned());
                }
            }
            _ => (),
        }
    }
}

/// Runs a seed; what it was made of, or what broke.
fn run(seed: u64, fault: Option<Fault>) -> Result<Figures, String> {
    let mut world = World::new(seed, fault);
    match catch_unwind(AssertUnwindSafe(|| world.live())) {
        Ok(()) => Ok(world.figures),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            Err(text.unwrap_or_default())
        }
    }
}

#[test]
fn what_is_told_is_kept_once_whatever_the_store_and_the_process_do() {
    let seeds: Vec<u64> = match crate::variable("SIM_SEED") {
        Some(seed) => vec![seed],
        None => (0..crate::variable("SIM_SEEDS").unwrap_or(SEEDS)).collect(),
    };
    let mut total = Figures::default();
    let mut failures = BTreeSet::new();
    for (seed, run) in crate::in_parallel(&seeds, |&seed| (seed, run(seed, None))) {
        match run {
            Ok(figures) => {
                total.points += figures.points;
                total.pending += figures.pending;
                total.kills += figures.kills;
                total.rollbacks += figures.rollbacks;
                total.restored += figures.restored;
                total.taken_over += figures.taken_over;
                total.reloads += figures.reloads;
            }
            Err(text) => drop(failures.insert((seed, text))),
        }
    }
    println!("{total:?}");
    assert!(
        failures.is_empty(),
        "{} seeds fail: {:?}",
        failures.len(),
        failures.first()
    );
    let Figures {
        points,
        pending,
        kills,
        rollbacks,
        restored,
        taken_over,
        reloads,
    } = total;
    let all = [
        points, pending, kills, rollbacks, restored, taken_over, reloads,
    ];
    assert!(
        seeds.len() < 100 || all.iter().all(|&count| 50 < count),
        "{total:?}"
    );
}

#[test]
fn a_store_that_breaks_its_promise_is_caught() {
    for fault in Fault::ALL {
        let caught = (0..100).any(|seed| run(seed, Some(fault)).is_err());
        assert!(caught, "{fault:?} is not seen");
    }
}
