//! The thread: one commit for all that waits, again and again until it works.
//!
//! An order is applied at most [`GATHER`] after it came and what a commit takes; somebody who waits
//! for an answer is not kept waiting for others. When a commit fails nobody knows whether it was
//! one, so the same orders are tried again before all others; [the engine](super::engine) sees to
//! it that none counts twice. Nothing is dropped while the process lives.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::clock::Clock;
use super::engine::{Engine, Trouble};
use super::waiting::Waiting;
use crate::model::{StoreHealth, StoreOp, StoreReply};

/// How long results wait for others, so that they share a commit: half of the 50 ms in which a
/// result is to be on the disk, the rest is for the commit.
const GATHER: Duration = Duration::from_millis(25);
/// Most orders in one commit: what is done in some 50 ms, so that nobody's answer takes long.
const BATCH_MAX: usize = 2000;
/// How long it waits after a failure, and after those that follow it.
const RETRIES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
];
/// How often it looks around when nothing comes.
const IDLE: Duration = Duration::from_secs(1);
/// How often it looks for what is too old, and how much of that it deletes at a time.
const EXPIRE_EVERY: Duration = Duration::from_secs(60);
const EXPIRE_MAX: usize = 200;
/// A trouble that only changes its words is a line of the log so often.
const LOG_EVERY: Duration = Duration::from_secs(60);
/// What it needs on its stack is some 50 KiB.
const STACK_BYTES: usize = 512 * 1024;

type Reply = Box<dyn FnMut(StoreReply) + Send>;

/// The thread, from outside.
#[derive(Debug)]
pub struct Running {
    thread: thread::JoinHandle<()>,
    /// Until when it may try to write what is left; `None`: as long as there are orders.
    until: Arc<Mutex<Option<Instant>>>,
    ended: Receiver<usize>,
    health: Arc<Mutex<StoreHealth>>,
}

/// Orders that were not committed in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritten {
    /// How many, at least.
    pub orders: usize,
    /// Why.
    pub trouble: Option<String>,
}

impl Running {
    /// Commits what waits, for at most this long, and ends the thread. The other end of the orders
    /// should be gone by then: if it is not, what is sent from now on may not be written.
    ///
    /// # Errors
    ///
    /// Something could not be committed, and is lost when the process ends.
    pub fn finish(self, at_most: Duration) -> Result<(), Unwritten> {
        *lock(&self.until) = Some(Instant::now() + at_most);
        // A commit that hangs in the kernel is not waited for; a moment for the last one to return.
        let left = match self.ended.recv_timeout(at_most + IDLE + GATHER) {
            Ok(left) => left,
            Err(_) => lock(&self.health).queued.max(1),
        };
        if left == 0 {
            // It has nothing left to do but to return.
            let _ = self.thread.join();
            return Ok(());
        }
        let trouble = lock(&self.health).trouble.clone();
        let orders = left;
        Err(Unwritten { orders, trouble })
    }
}

pub(super) fn start(
    engine: Box<dyn Engine>,
    orders: Receiver<StoreOp>,
    reply: Reply,
    health: Arc<Mutex<StoreHealth>>,
    started: Instant,
) -> io::Result<Running> {
    let until = Arc::new(Mutex::new(None));
    let (end, ended) = sync_channel(1);
    let mut writer = Writer {
        engine,
        orders: Some(orders),
        waiting: Waiting::default(),
        tried: Vec::new(),
        failures: 0,
        next_try: started,
        logged_at: None,
        reply,
        health: Arc::clone(&health),
        committed: 0,
        commits: 0,
        started,
        clock: Clock::start(),
        next_expiry: started + EXPIRE_EVERY,
        until: Arc::clone(&until),
    };
    writer.report(None);
    let thread = thread::Builder::new()
        .name("store".into())
        .stack_size(STACK_BYTES)
        .spawn(move || writer.run(&end))?;
    Ok(Running {
        thread,
        until,
        ended,
        health,
    })
}

struct Writer {
    engine: Box<dyn Engine>,
    /// `None`: nobody sends any more.
    orders: Option<Receiver<StoreOp>>,
    waiting: Waiting,
    /// What was tried and may have been applied; nothing is merged into it.
    tried: Vec<StoreOp>,
    /// In a row.
    failures: usize,
    next_try: Instant,
    logged_at: Option<Instant>,
    reply: Reply,
    health: Arc<Mutex<StoreHealth>>,
    committed: u64,
    commits: u64,
    started: Instant,
    clock: Clock,
    next_expiry: Instant,
    until: Arc<Mutex<Option<Instant>>>,
}

impl Writer {
    fn run(mut self, end: &SyncSender<usize>) {
        loop {
            self.gather();
            if !self.is_idle() && self.next_try <= Instant::now() {
                self.commit();
            }
            let now = Instant::now();
            let until = *lock(&self.until);
            let is_over = until.is_some_and(|until| until <= now);
            let is_last = self.orders.is_none() || until.is_some();
            if (is_last && self.is_idle()) || is_over {
                break;
            }
            if self.next_expiry <= now && self.failures == 0 {
                self.expire();
            }
        }
        let unread = self
            .orders
            .as_ref()
            .map_or(0, |orders| orders.try_iter().count());
        let left = self.tried.len() + self.waiting.len() + unread;
        // The file is closed before anybody is told that it is.
        drop(self);
        let _ = end.send(left);
    }

    fn is_idle(&self) -> bool {
        self.tried.is_empty() && self.waiting.is_empty()
    }

    /// Waits for orders: for the first as long as it takes, for more as long as they may wait.
    fn gather(&mut self) {
        let mut deadline = match self.failures {
            0 if self.is_idle() => Instant::now() + IDLE,
            0 => Instant::now(),
            _ => self.next_try,
        };
        loop {
            let Some(orders) = &self.orders else {
                let rest = deadline.saturating_duration_since(Instant::now());
                if self.failures != 0 {
                    thread::sleep(rest);
                }
                return;
            };
            let rest = deadline.saturating_duration_since(Instant::now());
            match orders.recv_timeout(rest) {
                Ok(order) => {
                    if self.failures == 0 {
                        let is_first = self.is_idle();
                        if is_urgent(&order) {
                            deadline = Instant::now();
                        } else if is_first {
                            deadline = Instant::now() + GATHER;
                        }
                    }
                    self.committed += self.waiting.push(order);
                    if self.failures == 0 && BATCH_MAX <= self.waiting.len() {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => self.orders = None,
            }
        }
    }

    /// Applies what was tried before, else what waits.
    fn commit(&mut self) {
        if self.tried.is_empty() {
            self.tried = self.waiting.pop(BATCH_MAX);
        }
        let now = self.clock.now();
        let (engine, tried) = (&mut self.engine, &self.tried);
        // A thread that is gone would lose points and say nothing.
        let applied = catch_unwind(AssertUnwindSafe(|| engine.apply(tried, now)));
        let applied = applied.unwrap_or_else(|_| {
            let text = "a fault in this program keeps the store from writing: tell its authors";
            Err(Trouble(text.into()))
        });
        match applied {
            Ok(replies) => {
                let count = self.tried.len();
                self.committed += count as u64;
                self.commits += 1;
                self.tried = Vec::new();
                self.went_well(count);
                for reply in replies {
                    (self.reply)(reply);
                }
            }
            Err(trouble) => self.went_wrong(trouble),
        }
    }

    fn went_well(&mut self, count: usize) {
        let was_away = self.failures != 0;
        self.failures = 0;
        self.report(None);
        if was_away {
            let more = self.waiting.len();
            log::info!("the store works again: {count} orders written, {more} to come");
            self.logged_at = None;
            (self.reply)(StoreReply::Away(false));
        }
    }

    fn went_wrong(&mut self, trouble: Trouble) {
        let now = Instant::now();
        let wait = RETRIES.get(self.failures).or(RETRIES.last());
        self.next_try = now + wait.copied().unwrap_or(IDLE);
        let is_first = self.failures == 0;
        self.failures += 1;
        let is_known = lock(&self.health).trouble.as_ref() == Some(&trouble.0);
        let is_time = self
            .logged_at
            .is_none_or(|at| LOG_EVERY <= now.duration_since(at));
        if !is_known && (is_first || is_time) {
            self.logged_at = Some(now);
            log::error!("{trouble}; the game goes on, points are kept in memory and written later");
        }
        self.report(Some(trouble));
        if is_first {
            (self.reply)(StoreReply::Away(true));
        }
    }

    fn expire(&mut self) {
        let now = Instant::now();
        self.next_expiry = now + EXPIRE_EVERY;
        if !self.clock.is_steady() {
            return;
        }
        match self.engine.expire(EXPIRE_MAX, self.clock.now()) {
            // There is more: after the orders that came meanwhile.
            Ok(deleted) if EXPIRE_MAX <= deleted => self.next_expiry = now,
            Ok(_) => (),
            // The next order will meet the same, and say so.
            Err(trouble) => log::debug!("nothing was deleted: {trouble}"),
        }
    }

    fn report(&mut self, trouble: Option<Trouble>) {
        let mut health = lock(&self.health);
        if trouble.is_none() && health.commits < self.commits {
            let passed = self.started.elapsed().as_millis();
            health.committed_at_ms = Some(u64::try_from(passed).unwrap_or(u64::MAX));
        }
        health.trouble = trouble.map(|trouble| trouble.0);
        health.queued = self.tried.len() + self.waiting.len();
        health.committed = self.committed;
        health.commits = self.commits;
        health.bytes = self.engine.bytes();
    }
}

/// Somebody waits for the answer.
fn is_urgent(order: &StoreOp) -> bool {
    matches!(order, StoreOp::Take { .. } | StoreOp::ClaimRoom { .. })
}

/// What is behind it is whole at any moment, whoever panicked while he had it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
