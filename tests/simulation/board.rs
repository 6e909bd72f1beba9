//! Seeded worlds of persons who play each other, around a store that is slow, away and repeats
//! itself, a clock that people set, reloads and kills: the board is what a plain sum says.
//!
//! The sum knows nothing of sessions, orders or owners. It adds what clients were told to have won
//! from other persons, at most so much a day for a pair, to the week in which the round ended.

use std::collections::BTreeMap;

use fastrand::Rng;
use roshambo::config::Config;
use roshambo::hub::{Dialect, Input};
use roshambo::identity::{Claims, Keys, sign};
use roshambo::model::{ConnId, Week};
use serde_json::Value;

use crate::common::shelf::Fault;
use crate::common::{Act, Bench, WALL_S};

/// Seeds of an ordinary run.
const SEEDS: u64 = 60;
const STEPS: u32 = 160;
/// The last one is nobody in particular.
const NAMES: [&str; 5] = ["ann", "bob", "cem", "dora", ""];
const PAIR_POINTS: u32 = 30;

/// The board as it has to be.
#[derive(Default)]
struct Sum {
    /// By name and week: how many points, and since when.
    points: BTreeMap<(&'static str, Week), (u32, u64)>,
    /// What each pair brought today, as this process knows.
    pairs: BTreeMap<[&'static str; 2], u32>,
    day: u64,
    barred: Vec<&'static str>,
}

impl Sum {
    fn add(&mut self, winner: &'static str, loser: &'static str, points: u32, at: u64) {
        if self.day < at / 86_400 {
            self.day = at / 86_400;
            self.pairs.clear();
        }
        let mut pair = [winner, loser];
        pair.sort_unstable();
        let brought = self.pairs.entry(pair).or_default();
        let counted = points.min(PAIR_POINTS - *brought);
        *brought += counted;
        if counted != 0 {
            for week in [Week::of(at).expect("a week"), Week::EVER] {
                let (kept, since) = self.points.entry((winner, week)).or_default();
                *kept += counted;
                *since = at.max(*since);
            }
        }
    }

    fn top(&self, week: Week) -> Vec<(String, u64)> {
        let mut rows = Vec::new();
        for (&(name, of_week), &(points, at)) in &self.points {
            if of_week == week && !self.barred.contains(&name) {
                rows.push((u32::MAX - points, at, name));
            }
        }
        rows.sort_unstable();
        let row = |(left, _, name): (u32, u64, &str)| (name.to_owned(), (u32::MAX - left).into());
        rows.into_iter().map(row).collect()
    }
}

struct World {
    bench: Bench,
    rng: Rng,
    keys: Keys,
    conns: Vec<ConnId>,
    uids: Vec<String>,
    sum: Sum,
    /// What the clock showed, and when.
    clock: (u64, u64),
    figures: Figures,
}

#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    counted: u64,
    capped: u64,
    outages: u64,
    reloads: u64,
    kills: u64,
    weeks: u64,
}

impl World {
    fn new(seed: u64, fault: Option<Fault>) -> Self {
        let mut bench = Bench::with_store(Config {
            rate_limit: 0,
            game_time_ms: 1_000,
            robot_after_ms: 60_000,
            ping_interval_ms: 365 * 86_400_000,
            seed: Some(seed),
            ..Config::default()
        });
        let keys = Keys::read(&[b'k'; 32]).expect("a key");
        bench.use_keys(Some(keys.clone()));
        bench.shelf().fault = fault;
        let mut world = Self {
            bench,
            rng: Rng::with_seed(seed),
            keys,
            conns: Vec::new(),
            uids: Vec::new(),
            sum: Sum::default(),
            clock: (0, WALL_S),
            figures: Figures::default(),
        };
        world.come();
        world
    }

    /// Everybody comes, while the store answers at once.
    fn come(&mut self) {
        self.conns.clear();
        self.uids.clear();
        for name in NAMES {
            let conn = self.bench.open(Dialect::Plain);
            let claims = Claims {
                sub: format!("sub of {name}"),
                exp: (WALL_S + 1_000 * 86_400).into(),
                name: Some(name.into()),
                ..Claims::default()
            };
            let token = match name {
                "" => String::new(),
                _ => format!(r#","token":"{}""#, sign(&claims, self.keys.first())),
            };
            self.say(conn, &format!(r#"["hello",{{"user":{{}},"v":2{token}}}]"#));
            let hi = self.events(conn, "hi").pop().expect("a hi");
            self.uids
                .push(hi["uid"].as_str().expect("a uid").to_owned());
            self.conns.push(conn);
        }
        self.bench.shelf().lazy = true;
        self.bench.slow_down(true);
    }

    fn say(&mut self, conn: ConnId, text: &str) {
        self.bench.tell(Input::Text { conn, text });
    }

    /// What somebody was told by this name since the last call.
    fn events(&mut self, conn: ConnId, name: &str) -> Vec<Value> {
        let mut found = Vec::new();
        for deed in self.bench.take_deeds() {
            match deed.act {
                Act::Text(text) if deed.conn == conn => {
                    let event: Value = serde_json::from_str(&text).expect("an event");
                    if event[0] == name {
                        found.push(event[1].clone());
                    }
                }
                Act::Close(code) => panic!("{code}: nobody is sent away"),
                _ => (),
            }
        }
        found
    }

    fn unix_at(&self, now: u64) -> u64 {
        let (at, unix) = self.clock;
        (unix * 1_000 + now - at) / 1_000
    }

    fn step(&mut self) {
        match self.rng.u32(..100) {
            0..60 => self.play(),
            60..70 => {
                let count = self.rng.usize(1..4);
                self.bench.shelf().work(count);
            }
            70..79 => {
                for _ in 0..self.rng.usize(1..4) {
                    self.hear();
                }
            }
            79..81 => {
                self.figures.outages += 1;
                self.bench.shelf().set_away(true);
            }
            81..85 => self.bench.shelf().set_away(false),
            85..87 => self.bench.shelf().repeat_order(),
            87..91 => {
                self.figures.reloads += 1;
                self.bench.reload();
            }
            91..94 => {
                let to = self.bench.now() + self.rng.u64(..30 * 3_600_000);
                self.bench.advance(to, true);
            }
            94 => {
                let now = self.bench.now();
                let shown = self.unix_at(now) + self.rng.u64(..3 * 86_400);
                self.clock = (now, shown - self.rng.u64(..86_400));
                let unix_s = self.clock.1;
                self.bench.tell(Input::Clock { unix_s });
            }
            95..97 => {
                let name = NAMES[self.rng.usize(..4)];
                let barred = self.sum.barred.contains(&name);
                self.sum.barred.retain(|known| *known != name);
                self.sum.barred.extend((!barred).then_some(name));
                self.bench.shelf().bar(&format!("sub of {name}"), !barred);
            }
            97..99 => self.check(),
            _ => {
                self.check();
                self.kill();
            }
        }
    }

    /// A round between two of them, which somebody wins.
    fn play(&mut self) {
        // Two of them play each other all the time.
        let (one, other) = match self.rng.bool() {
            true => (0, 1),
            false => {
                let one = self.rng.usize(..NAMES.len());
                (one, (one + self.rng.usize(1..NAMES.len())) % NAMES.len())
            }
        };
        let (first, second) = (self.conns[one], self.conns[other]);
        self.say(first, r#"["join",{"room":"new"}]"#);
        let room = self.events(first, "room").pop().expect("a room");
        let code = room["code"].as_str().expect("a code").to_owned();
        self.say(second, &format!(r#"["join",{{"room":"{code}"}}]"#));
        self.say(first, r#"["choice",{"choice":2}]"#);
        if self.rng.u32(..4) == 0 {
            self.say(second, r#"["choice",{"choice":3}]"#);
        }
        if self.rng.u32(..6) == 0 {
            self.bench.reload();
        }
        let now = self.bench.now() + 1_000;
        self.bench.advance(now, true);
        let result = self.events(first, "result").pop().expect("a result");
        let persons = [one, other].map(|index| NAMES[index]);
        for row in result["result"].as_array().expect("rows") {
            let points = row["roundScore"].as_u64().expect("a number");
            let points = u32::try_from(points).expect("few");
            let won = if row["uid"] == self.uids[one].as_str() {
                0
            } else {
                1
            };
            if points != 0 && persons.iter().all(|name| !name.is_empty()) {
                let before = self.sum.points.clone();
                let at = self.unix_at(now);
                self.sum.add(persons[won], persons[1 - won], points, at);
                self.figures.counted += 1;
                self.figures.capped += u64::from(self.sum.points == before);
            }
        }
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

    /// Everything is answered: the board is the sum.
    fn check(&mut self) {
        self.bench.shelf().set_away(false);
        loop {
            self.bench.shelf().work(usize::MAX);
            let Some(reply) = self.bench.shelf().answer() else {
                break;
            };
            self.bench.tell(Input::Stored { reply: &reply });
        }
        for (&(name, week), &(points, _)) in &self.sum.points {
            let kept = self.bench.shelf().ranked(&format!("sub of {name}"), week);
            assert_eq!(kept, points, "{name} in {week:?}");
        }
        let mut weeks: Vec<Week> = self.sum.points.keys().map(|(_, week)| *week).collect();
        weeks.sort_unstable();
        weeks.dedup();
        self.figures.weeks = self.figures.weeks.max(weeks.len() as u64);
        // A board that was kept is none any more.
        let now = self.bench.now() + 2_000;
        self.bench.advance(now, true);
        let week = Week::of(self.unix_at(now)).expect("a week");
        let asks = self.conns[self.rng.usize(..NAMES.len())];
        for (board, week) in [("week", week), ("ever", Week::EVER)] {
            self.bench.take_deeds();
            self.say(asks, &format!(r#"["top",{{"board":"{board}"}}]"#));
            self.bench.shelf().work(usize::MAX);
            self.bench.hear_store();
            let told = self.events(asks, "top").pop().expect("a board");
            let rows = told["players"].as_array().expect("rows").iter();
            let rows: Vec<(String, u64)> = rows
                .map(|row| {
                    let name = row["uname"].as_str().expect("a name").to_owned();
                    (name, row["points"].as_u64().expect("a number"))
                })
                .collect();
            assert_eq!(rows, self.sum.top(week), "{board}");
        }
    }

    /// The process dies when everything is written; the next one knows of no pair.
    fn kill(&mut self) {
        self.figures.kills += 1;
        self.bench.shelf().lazy = false;
        self.bench.slow_down(false);
        self.bench.restart();
        let now = self.bench.now();
        self.clock = (now, WALL_S + now / 1_000);
        self.sum.pairs.clear();
        self.sum.day = 0;
        self.come();
    }
}

fn run(seed: u64, fault: Option<Fault>) -> Result<Figures, String> {
    crate::survived(|| {
        let mut world = World::new(seed, fault);
        for _ in 0..STEPS {
            world.step();
        }
        world.check();
        world.figures
    })
}

#[test]
fn the_board_is_the_sum_of_what_persons_won_from_persons() {
    let runs = crate::all_survived(SEEDS, |seed| run(seed, None));
    let count = runs.len();
    let mut total = Figures::default();
    for figures in runs {
        total.counted += figures.counted;
        total.capped += figures.capped;
        total.outages += figures.outages;
        total.reloads += figures.reloads;
        total.kills += figures.kills;
        total.weeks = total.weeks.max(figures.weeks);
    }
    println!("{total:?}");
    let all = [
        total.counted,
        total.capped,
        total.outages,
        total.reloads,
        total.kills,
    ];
    let enough = all.iter().all(|&count| 10 < count) && 2 < total.weeks;
    assert!(count < 50 || enough, "{total:?}");
}

#[test]
fn a_store_that_counts_twice_or_not_at_all_is_caught() {
    crate::all_caught(&[Fault::Twice, Fault::Dropped], 20, run);
}
