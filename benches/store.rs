//! The store in a file: how much it writes, how long a commit takes at most, and whether a million
//! sessions, all of them persons', make it slower.
//!
//! `cargo bench --bench store` prints a table; `-- --sessions N` fills the file with another number,
//! `-- --folder PATH` puts it on another disk than that of temporary files, and what is measured is
//! that disk above all. `-- --redis URL` measures an empty Redis instead, filled by orders, with the
//! feature `redis`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use roshambo::model::{Owner, RedisUrl, Settle, StoreOp, StoredProfile, Week};
use roshambo::store::{self, Choice, Engine, Limits, Unix};
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

const LIMITS: Limits = Limits {
    score_ttl_ms: 30 * 86_400_000,
};
const NOW: Unix = Unix(1_800_000_000);
/// What comes in 50 ms at 5,000 results a second.
const TOGETHER: u64 = 250;

fn main() {
    let mut sessions = 1_000_000;
    let mut folder = std::env::temp_dir();
    let mut redis = None;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--sessions" => {
                let number = args.next().and_then(|number| number.parse().ok());
                sessions = number.expect("--sessions needs a number");
            }
            "--folder" => folder = args.next().expect("--folder needs a path").into(),
            "--redis" => redis = args.next(),
            // Cargo's own.
            "--bench" => (),
            other => panic!("{other} is not known: --sessions NUMBER, --folder PATH, --redis URL"),
        }
    }
    if let Some(url) = redis {
        return measure_redis(&url, sessions);
    }
    let folder = folder.join(format!("roshambo-bench-store-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a writable folder");
    measure(&folder.join("bench.db"), sessions);
    std::fs::remove_dir_all(&folder).expect("ours");
}

fn measure(path: &Path, sessions: u64) {
    println!("{:<52} {:>9} {:>9} {:>9}", "", "median", "99 %", "longest");
    let mut engine = open(path);
    settle_groups(&mut *engine, "an empty file", 10_000);
    fill(path, sessions);
    let megabytes = engine.bytes() / 1_000_000;
    println!("the file has {megabytes} MB");
    drop(engine);
    let mut times = Times::default();
    for _ in 0..9 {
        times.measure(|| drop(open(path)));
    }
    times.print("opening and closing it");
    let mut engine = open(path);
    one_each(
        &mut *engine,
        "take, each with a commit of its own",
        &|number| take(number, sessions),
    );
    one_each(&mut *engine, "take of a token that nobody has", &|number| {
        StoreOp::Take {
            token: format!("nobody has {number}"),
            owner: Owner(1),
        }
    });
    settle_groups(&mut *engine, "the full file", sessions);
    ask_board(&mut *engine, sessions);
    let mut times = Times::default();
    let late = Unix(NOW.0 + 32 * 86_400);
    for _ in 0..200 {
        times.measure(|| _ = engine.expire(200, late).expect("it works"));
    }
    times.print("deleting 200 that are too old");
}

fn measure_redis(url: &str, sessions: u64) {
    println!("{:<52} {:>9} {:>9} {:>9}", "", "median", "99 %", "longest");
    let choice = Choice::Redis(RedisUrl::new(url).expect("an address"));
    let opened = store::open(&choice, LIMITS).expect("a Redis");
    let mut engine = opened.into_engine();
    let start = Instant::now();
    for first in (0..sessions).step_by(2_000) {
        let orders: Vec<StoreOp> = (first..sessions.min(first + 2_000))
            .map(|number| settle(number, 1))
            .collect();
        engine.apply(&orders, NOW).expect("it works");
    }
    let took = start.elapsed().as_secs_f64();
    engine.expire(1, NOW).expect("it works");
    let megabytes = engine.bytes() / 1_000_000;
    println!("filled with {sessions} sessions in {took:.1} s: {megabytes} MB");
    let mut measure =
        |name: &str, order: &dyn Fn(u64) -> StoreOp| one_each(&mut *engine, name, order);
    measure("take", &|number| take(number, sessions));
    measure("one result", &|number| settle(scatter(number, sessions), 2));
    settle_groups(&mut *engine, "Redis", sessions);
}

/// Two thousand orders, each by itself.
fn one_each(engine: &mut dyn Engine, name: &str, order: &dyn Fn(u64) -> StoreOp) {
    let mut times = Times::default();
    for number in 0..2_000 {
        let order = [order(number)];
        times.measure(|| _ = engine.apply(&order, NOW).expect("it works"));
    }
    times.print(name);
}

/// A session here or there gets another owner.
fn take(number: u64, sessions: u64) -> StoreOp {
    StoreOp::Take {
        token: token(scatter(number, sessions)),
        owner: Owner(1 << 40 | number),
    }
}

/// Who is best, and where somebody stands: among the first thousand, and far behind.
fn ask_board(engine: &mut dyn Engine, sessions: u64) {
    let week = Week::of(NOW.0).expect("a week");
    let mut measure = |name: &str, order: &dyn Fn(u64) -> StoreOp| one_each(engine, name, order);
    let rank = |number: u64| StoreOp::Rank {
        sub: sub(number),
        week,
    };
    measure("top", &|_| StoreOp::Top { week });
    // The later ones have more points.
    measure("rank, of the first thousand", &|number| {
        rank(sessions.saturating_sub(1 + number % 900))
    });
    // The first of these finds out what it takes to be among the best so many percent.
    measure("rank, anywhere", &|number| rank(scatter(number, sessions)));
}

/// Commits of as many results as come while one waits, for sessions here and there.
fn settle_groups(engine: &mut dyn Engine, place: &str, sessions: u64) {
    let mut times = Times::default();
    let mut number = 0;
    for round in 1..=400 {
        let orders: Vec<StoreOp> = (0..TOGETHER)
            .map(|_| {
                number += 1;
                settle(scatter(number, sessions), 1_000 + round)
            })
            .collect();
        times.measure(|| _ = engine.apply(&orders, NOW).expect("it works"));
    }
    times.print(&format!("{TOGETHER} results in one commit, {place}"));
    let total: Duration = times.0.iter().sum();
    let rate = 400.0 * TOGETHER as f64 / total.as_secs_f64();
    println!("{:<52} {rate:>9.0} a second", "");
}

/// Rows as the engine writes them, all in one transaction, which is what makes it bearable.
fn fill(path: &Path, sessions: u64) {
    let start = Instant::now();
    let mut connection = Connection::open(path).expect("a file of ours");
    connection
        .pragma_update(None, "cache_size", -300_000)
        .expect("ours");
    let transaction = connection.transaction().expect("ours");
    let text = "INSERT OR IGNORE INTO sessions (token_sha256, uid, uid_is_number, name, avatar,
        points, streak, owner, owner_seq, made_at, used_at)
        VALUES (?1, ?2, 0, 'Ada Lovelace', '3', 1, 1, 7, 1, ?3, ?3)";
    let mut insert = transaction.prepare(text).expect("ours");
    let text = "INSERT INTO persons (person, session, is_barred, made_at, seen_at)
        SELECT ?2, id, 0, ?3, ?3 FROM sessions WHERE token_sha256 = ?1";
    let mut sign_in = transaction.prepare(text).expect("ours");
    let text = "INSERT INTO ranked_points (week, person, points, reached_at)
        VALUES (?1, ?2, ?3, ?4)";
    let mut rank = transaction.prepare(text).expect("ours");
    let Week(week) = Week::of(NOW.0).expect("a week");
    let now = NOW.0.cast_signed();
    for number in 0..sessions {
        let hash: [u8; 32] = Sha256::digest(token(number)).into();
        let uid = format!("p-{number:012}");
        insert.execute((hash, uid, now)).expect("ours");
        sign_in.execute((hash, sub(number), now)).expect("ours");
        // Few have many: 100,000 numbers of points, the most of them at the upper end.
        let points = 1 + number * number / sessions / 10;
        for week in [week, 0] {
            let row = (week, sub(number), points.cast_signed(), now);
            rank.execute(row).expect("ours");
        }
    }
    drop((insert, sign_in, rank));
    let text = "INSERT INTO weeks SELECT week, points, count(*) FROM ranked_points
        GROUP BY week, points";
    transaction.execute(text, ()).expect("ours");
    transaction.commit().expect("ours");
    let took = start.elapsed().as_secs_f64();
    println!("filled with {sessions} sessions in {took:.1} s");
}

fn settle(number: u64, seq: u64) -> StoreOp {
    StoreOp::Settle(Box::new(Settle {
        token: token(number),
        owner: Owner(7),
        seq,
        points: 1,
        streak: 1,
        profile: (seq == 1).then(|| StoredProfile {
            uid: format!("p-{number:012}"),
            uid_is_number: false,
            name: "Ada Lovelace".into(),
            avatar: "3".into(),
        }),
        person: None,
        told: 0,
        absent: false,
        ranked: Vec::new(),
    }))
}

fn sub(number: u64) -> String {
    format!("o-{number:026}")
}

fn token(number: u64) -> String {
    format!("{number:032x}")
}

/// Somewhere else each time.
fn scatter(number: u64, below: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % below
}

fn open(path: &Path) -> Box<dyn Engine> {
    let opened = store::open(&Choice::File(PathBuf::from(path)), LIMITS);
    opened.expect("a file of ours").into_engine()
}

#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn measure(&mut self, step: impl FnOnce()) {
        let start = Instant::now();
        step();
        self.0.push(start.elapsed());
    }

    fn print(&self, name: &str) {
        let mut times = self.0.clone();
        times.sort_unstable();
        let at = |part: f64| {
            let index = (times.len() as f64 * part) as usize;
            let time = times.get(index.min(times.len() - 1));
            time.map_or(0.0, |time| time.as_secs_f64() * 1e3)
        };
        let (median, most, longest) = (at(0.5), at(0.99), at(1.0));
        println!("{name:<52} {median:>6.2} ms {most:>6.2} ms {longest:>6.2} ms");
    }
}
