//! The thread, in front of an engine that fails when it is told to.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::engine::{Engine, Limits, Trouble, Unix, Who};
use super::{Memory, Opened, Rest, Running};
use crate::model::{Owner, Settle, Settled, StoreHealth, StoreOp, StoreReply};

/// Far more than anything here takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the next calls of `apply` do; afterwards all goes well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Well,
    /// Nothing is applied.
    Fails(&'static str),
    /// Everything is applied, and nobody learns it.
    Lost,
    /// A fault of the engine.
    Panics,
    /// Something was lost that nobody has asked for yet.
    Forgets,
}

/// Memory behind a line that breaks.
struct Fragile {
    memory: Memory,
    fates: VecDeque<Fate>,
    /// How many orders each call had.
    calls: Arc<Mutex<Vec<usize>>>,
    /// A call begins when something comes from here.
    gate: Option<Receiver<()>>,
}

impl Engine for Fragile {
    fn apply(&mut self, orders: &[StoreOp], now: Unix) -> Result<Vec<StoreReply>, Trouble> {
        let calls = self.calls.lock();
        calls
            .unwrap_or_else(PoisonError::into_inner)
            .push(orders.len());
        if let Some(gate) = &self.gate {
            // The test is over when nobody opens it any more.
            let _ = gate.recv();
        }
        match self.fates.pop_front().unwrap_or(Fate::Well) {
            Fate::Well | Fate::Forgets => self.memory.apply(orders, now),
            Fate::Fails(why) => Err(Trouble(why.into())),
            Fate::Panics => panic!("planted"),
            Fate::Lost => {
                self.memory.apply(orders, now)?;
                Err(Trouble("no answer".into()))
            }
        }
    }

    fn expire(&mut self, at_most: usize, now: Unix) -> Result<usize, Trouble> {
        self.memory.expire(at_most, now)
    }

    fn has_lost(&mut self, _: Unix) -> Result<bool, Trouble> {
        let forgets = self.fates.front() == Some(&Fate::Forgets);
        if forgets {
            self.fates.pop_front();
        }
        Ok(forgets)
    }

    fn forget(&mut self, who: &Who, now: Unix) -> Result<usize, Trouble> {
        self.memory.forget(who, now)
    }

    fn bar(&mut self, sub: &str, barred: bool) -> Result<usize, Trouble> {
        self.memory.bar(sub, barred)
    }

    fn bytes(&self) -> u64 {
        7
    }
}

/// A running store with a test at both of its ends.
struct Bench {
    orders: Sender<StoreOp>,
    replies: Receiver<StoreReply>,
    health: Arc<Mutex<StoreHealth>>,
    calls: Arc<Mutex<Vec<usize>>>,
    running: Running,
    gate: Sender<()>,
}

impl Bench {
    fn start(fates: &[Fate]) -> Self {
        Self::with_gate(fates, false)
    }

    fn with_gate(fates: &[Fate], is_gated: bool) -> Self {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (gate, gated) = channel();
        let engine = Fragile {
            memory: Memory::new(Limits {
                score_ttl_ms: 1_000_000,
            }),
            fates: fates.iter().copied().collect(),
            calls: Arc::clone(&calls),
            gate: is_gated.then_some(gated),
        };
        let opened = Opened {
            engine: Box::new(engine),
            place: "here".into(),
            carried: super::Carried::default(),
        };
        let (orders, ordered) = channel();
        let (reply, replies) = channel();
        let health = Arc::new(Mutex::new(StoreHealth::default()));
        let told = move |answer| _ = reply.send(answer);
        let running = opened
            .start(
                ordered,
                told,
                Rest::default(),
                Arc::clone(&health),
                Instant::now(),
            )
            .expect("a thread");
        Self {
            orders,
            replies,
            health,
            calls,
            running,
            gate,
        }
    }

    fn send(&self, order: StoreOp) {
        self.orders.send(order).expect("the store runs");
    }

    #[track_caller]
    fn next(&self) -> StoreReply {
        self.replies.recv_timeout(PATIENCE).expect("an answer")
    }

    fn calls(&self) -> Vec<usize> {
        let calls = self.calls.lock();
        calls.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn health(&self) -> StoreHealth {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        health.clone()
    }
}

fn settle(token: &str, seq: u64, points: u32) -> StoreOp {
    StoreOp::Settle(Box::new(Settle {
        token: token.into(),
        owner: Owner(1),
        seq,
        points,
        streak: points,
        profile: None,
        person: None,
        ranked: Vec::new(),
        told: 0,
        absent: false,
    }))
}

fn kept(token: &str, seq: u64, total: u32) -> StoreReply {
    StoreReply::Settled {
        token: token.into(),
        owner: Owner(1),
        seq,
        settled: Settled::Kept { total },
    }
}

#[test]
fn a_result_is_answered_after_its_commit() {
    let bench = Bench::start(&[]);
    bench.send(settle("a", 1, 3));
    assert_eq!(bench.next(), kept("a", 1, 3));
    let health = bench.health();
    assert_eq!((health.committed, health.commits, health.queued), (1, 1, 0));
    assert_eq!((health.trouble, health.bytes), (None, 7));
    assert!(health.committed_at_ms.is_some());
    drop(bench.orders);
    assert_eq!(bench.running.finish(PATIENCE), Ok(()));
}

#[test]
fn what_comes_during_a_commit_shares_the_next() {
    let bench = Bench::with_gate(&[], true);
    bench.send(settle("a", 1, 1));
    while bench.calls().is_empty() {
        std::thread::yield_now();
    }
    // The first commit is under way.
    for seq in 2..=100 {
        bench.send(settle("a", seq, 1));
    }
    for _ in 0..2 {
        bench.gate.send(()).expect("the store runs");
    }
    for seq in 1..=100 {
        let total = u32::try_from(seq).expect("few");
        assert_eq!(bench.next(), kept("a", seq, total));
    }
    assert_eq!(bench.calls(), [1, 99]);
}

#[test]
fn an_outage_loses_nothing_and_doubles_nothing() {
    let fates = [
        Fate::Fails("disk full"),
        Fate::Lost,
        Fate::Panics,
        Fate::Lost,
        Fate::Lost,
    ];
    let bench = Bench::start(&fates);
    bench.send(settle("a", 1, 1));
    assert_eq!(bench.next(), StoreReply::Away(true));
    let trouble = bench.health().trouble;
    assert!(trouble.is_some(), "the first failure is told");
    for seq in 2..=50 {
        bench.send(settle("a", seq, 1));
    }
    assert_eq!(bench.next(), StoreReply::Away(false));
    assert_eq!(bench.next(), kept("a", 1, 1));
    for seq in 2..=50 {
        assert_eq!(
            bench.next(),
            kept("a", seq, u32::try_from(seq).expect("few"))
        );
    }
    let health = bench.health();
    assert_eq!((health.committed, health.trouble), (50, None));
    drop(bench.orders);
    assert_eq!(bench.running.finish(PATIENCE), Ok(()));
}

#[test]
fn rooms_that_came_and_went_during_an_outage_count_as_done() {
    let bench = Bench::start(&[Fate::Fails("away"); 3]);
    bench.send(settle("a", 1, 1));
    assert_eq!(bench.next(), StoreReply::Away(true));
    for _ in 0..1000 {
        let code = || "R00M".to_owned();
        bench.send(StoreOp::OpenRoom {
            code: code(),
            at: None,
        });
        bench.send(StoreOp::TouchRoom {
            code: code(),
            at: None,
        });
        bench.send(StoreOp::CloseRoom {
            code: code(),
            at: None,
        });
    }
    bench.send(StoreOp::ClaimRoom {
        code: "R00M".into(),
        at: None,
    });
    let claimed = StoreReply::Claimed {
        code: "R00M".into(),
        found: false,
        holder: None,
    };
    assert_eq!(bench.next(), StoreReply::Away(false));
    assert_eq!(bench.next(), kept("a", 1, 1));
    assert_eq!(bench.next(), claimed);
    let health = bench.health();
    assert_eq!((health.committed, health.queued), (3002, 0));
}

#[test]
fn the_end_writes_what_waits() {
    let bench = Bench::start(&[Fate::Fails("away")]);
    for seq in 1..=5000 {
        bench.send(settle("a", seq, 1));
    }
    drop(bench.orders);
    assert_eq!(bench.running.finish(PATIENCE), Ok(()));
    let last = bench.replies.iter().last();
    assert_eq!(last, Some(kept("a", 5000, 5000)));
    let calls = bench.calls.lock().expect("nobody panicked").clone();
    assert!(calls.iter().all(|orders| *orders <= 2000), "{calls:?}");
}

#[test]
fn an_end_that_cannot_write_says_how_much_is_lost() {
    let bench = Bench::start(&[Fate::Fails("no space"); 1000]);
    bench.send(settle("a", 1, 1));
    assert_eq!(bench.next(), StoreReply::Away(true));
    bench.send(settle("a", 2, 1));
    bench.send(settle("b", 1, 1));
    drop(bench.orders);
    let unwritten = bench.running.finish(Duration::ZERO).expect_err("all fail");
    assert_eq!(unwritten.orders, 3);
    assert_eq!(unwritten.trouble.as_deref(), Some("no space"));
}

#[test]
fn what_was_lost_is_found_out_though_nothing_is_asked() {
    let bench = Bench::start(&[Fate::Forgets]);
    assert_eq!(bench.next(), StoreReply::Forgot);
    assert_eq!(bench.calls(), [0; 0]);
}

#[test]
fn the_end_does_not_wait_for_an_engine_that_hangs() {
    let bench = Bench::with_gate(&[], true);
    bench.send(settle("a", 1, 1));
    let unwritten = bench.running.finish(Duration::ZERO);
    assert_eq!(unwritten.map_err(|unwritten| unwritten.orders), Err(1));
}
