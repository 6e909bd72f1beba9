//! The thread: one commit for all that waits, again and again until it works.
//!
//! An order is applied at most [`GATHER`] after it came and what a commit takes; somebody who waits
//! for an answer is not kept waiting for others. When a commit fails nobody knows whether it was
//! one, so the same orders are tried again before all others; [the engine](super::engine) sees to
//! it that none counts twice. Nothing is dropped while the process lives.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::engine::{Engine, Place, Trouble};
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
/// How often it looks around when nothing comes: a reload waits for that.
const IDLE: Duration = Duration::from_millis(100);
/// How long the last commit may take to return.
const RETURN: Duration = Duration::from_secs(1);
/// How often it looks whether something was lost and for what is too old, and how much of that it
/// deletes at a time.
const LOOK_EVERY: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 60 });
const EXPIRE_MAX: usize = 200;
/// A trouble that only changes its words is a line of the log so often.
const LOG_EVERY: Duration = Duration::from_secs(60);
/// What it needs on its stack is some 50 KiB.
const STACK_BYTES: usize = 512 * 1024;

type Reply = Box<dyn FnMut(StoreReply) + Send>;
type Wake = Arc<dyn Fn() + Send + Sync>;

/// The thread, from outside.
pub struct Running {
    thread: Option<thread::JoinHandle<()>>,
    /// Until when it may try to write what is left; `None`: as long as there are orders.
    until: Arc<Mutex<Option<Until>>>,
    ended: Receiver<Ended>,
    health: Arc<Mutex<StoreHealth>>,
    /// It came to rest, and all it has is here.
    writer: Option<Writer>,
}

/// When the thread ends.
#[derive(Clone, Copy)]
enum Until {
    /// For good, by then.
    End(Instant),
    /// To go on later, here or in another program; by then.
    Rest(Instant),
}

/// Whom to tell that it has come to rest.
pub struct Rest {
    /// Set before `wake` is called.
    pub rests: Arc<AtomicBool>,
    /// Wakes whoever looks there.
    pub wake: Arc<dyn Fn() + Send + Sync>,
}

impl Default for Rest {
    /// Nobody looks.
    fn default() -> Self {
        Self {
            rests: Arc::default(),
            wake: Arc::new(|| ()),
        }
    }
}

/// How it ended.
enum Ended {
    /// So many orders are not committed.
    Left(usize),
    Rested(Box<Writer>),
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
    pub fn finish(mut self, at_most: Duration) -> Result<(), Unwritten> {
        *lock(&self.until) = Some(Until::End(Instant::now() + at_most));
        // A commit that hangs in the kernel is not waited for; a moment for the last one to return.
        let left = match self.ended.recv_timeout(at_most + RETURN) {
            Ok(Ended::Left(left)) => left,
            Ok(Ended::Rested(_)) | Err(_) => lock(&self.health).queued.max(1),
        };
        if left == 0 {
            // It has nothing left to do but to return.
            if let Some(thread) = self.thread.take() {
                let _ = thread.join();
            }
            return Ok(());
        }
        let trouble = lock(&self.health).trouble.clone();
        let orders = left;
        Err(Unwritten { orders, trouble })
    }

    /// Lets the thread come to rest: it commits what waits, for at most this long, and says so by
    /// what [`Opened::start`](super::Opened::start) was given. What comes from now on is kept.
    pub fn rest(&mut self, at_most: Duration) {
        *lock(&self.until) = Some(Until::Rest(Instant::now() + at_most));
    }

    /// Lets it go on, whether it came to rest or not.
    ///
    /// # Errors
    ///
    /// The system gives no thread: what comes is kept and not written.
    pub fn resume(&mut self) -> io::Result<()> {
        *lock(&self.until) = None;
        self.collect();
        let Some(writer) = self.writer.take() else {
            return Ok(());
        };
        let (thread, ended) = spawn(writer)?;
        (self.thread, self.ended) = (Some(thread), ended);
        Ok(())
    }

    /// What a program that goes on with it has to know, once it has come to rest.
    #[must_use]
    pub fn carry(&mut self) -> Option<(Carried, Vec<OwnedFd>)> {
        self.collect();
        let writer = self.writer.as_mut()?;
        writer.take_in();
        let place = writer.engine.carry()?;
        let carried = Carried {
            place: place.state,
            tried: writer.tried.clone(),
            waiting: writer.waiting.all().cloned().collect(),
            is_away: writer.failures != 0,
            committed: writer.committed,
            commits: writer.commits,
        };
        Some((carried, place.descriptors))
    }

    fn collect(&mut self) {
        if self.writer.is_none()
            && let Ok(Ended::Rested(writer)) = self.ended.try_recv()
        {
            self.writer = Some(*writer);
            if let Some(thread) = self.thread.take() {
                let _ = thread.join();
            }
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("thread", &self.thread)
            .field("health", &self.health)
            .finish_non_exhaustive()
    }
}

pub(super) fn start(
    engine: Box<dyn Engine>,
    orders: Receiver<StoreOp>,
    reply: Reply,
    rest: Rest,
    health: Arc<Mutex<StoreHealth>>,
    started: Instant,
    carried: Carried,
) -> io::Result<Running> {
    let until = Arc::new(Mutex::new(None));
    let mut waiting = Waiting::default();
    for order in carried.waiting {
        waiting.push(order);
    }
    let mut writer = Writer {
        engine,
        orders: Some(orders),
        waiting,
        tried: carried.tried,
        failures: usize::from(carried.is_away),
        next_try: started,
        logged_at: None,
        reply,
        rests: Arc::clone(&rest.rests),
        wake: rest.wake,
        health: Arc::clone(&health),
        committed: carried.committed,
        commits: carried.commits,
        started,
        clock: Clock::start(),
        next_look: Instant::now() + LOOK_EVERY,
        until: Arc::clone(&until),
    };
    writer.report(None);
    let (thread, ended) = spawn(writer)?;
    Ok(Running {
        thread: Some(thread),
        until,
        ended,
        health,
        writer: None,
    })
}

fn spawn(writer: Writer) -> io::Result<(thread::JoinHandle<()>, Receiver<Ended>)> {
    let (end, ended) = sync_channel(1);
    writer.rests.store(false, Ordering::Release);
    let thread = thread::Builder::new()
        .name("store".into())
        .stack_size(STACK_BYTES)
        .spawn(move || writer.run(&end))?;
    Ok((thread, ended))
}

/// What another program needs to go on with what this one has.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Carried {
    /// Of the place itself, if it needs anything.
    pub(super) place: Place,
    /// What was tried and may have been applied.
    pub(super) tried: Vec<StoreOp>,
    pub(super) waiting: Vec<StoreOp>,
    /// Nothing could be written.
    pub(super) is_away: bool,
    pub(super) committed: u64,
    pub(super) commits: u64,
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
    /// Whoever waits for it looks here when the reply's call wakes it.
    rests: Arc<AtomicBool>,
    wake: Wake,
    health: Arc<Mutex<StoreHealth>>,
    committed: u64,
    commits: u64,
    started: Instant,
    clock: Clock,
    next_look: Instant,
    until: Arc<Mutex<Option<Until>>>,
}

impl Writer {
    fn run(mut self, end: &SyncSender<Ended>) {
        loop {
            self.gather();
            if !self.is_idle() && self.next_try <= Instant::now() {
                self.commit();
            }
            let now = Instant::now();
            let until = *lock(&self.until);
            let is_over = match until {
                Some(Until::End(until) | Until::Rest(until)) => until <= now,
                None => false,
            };
            let is_last = self.orders.is_none() || until.is_some();
            if (is_last && self.is_idle()) || is_over {
                if let Some(Until::Rest(_)) = until {
                    return self.come_to_rest(end);
                }
                break;
            }
            if self.next_look <= now && self.failures == 0 {
                self.look();
            }
        }
        let unread = self
            .orders
            .as_ref()
            .map_or(0, |orders| orders.try_iter().count());
        let left = self.tried.len() + self.waiting.len() + unread;
        // The file is closed before anybody is told that it is.
        drop(self);
        let _ = end.send(Ended::Left(left));
    }

    /// Says that it does, and nothing after that.
    fn come_to_rest(self, end: &SyncSender<Ended>) {
        let (rests, wake) = (Arc::clone(&self.rests), Arc::clone(&self.wake));
        let _ = end.send(Ended::Rested(Box::new(self)));
        rests.store(true, Ordering::Release);
        wake();
    }

    /// Takes all orders in that have come.
    fn take_in(&mut self) {
        let Some(orders) = &self.orders else { return };
        for order in orders.try_iter() {
            self.committed += self.waiting.push(order);
        }
    }

    fn is_idle(&self) -> bool {
        self.tried.is_empty() && self.waiting.is_empty()
    }

    /// Waits for orders: for the first as long as it takes, for more as long as they may wait.
    fn gather(&mut self) {
        let mut deadline = match self.failures {
            0 if self.is_idle() => Instant::now() + IDLE,
            0 => Instant::now(),
            // It looks around meanwhile, too.
            _ => self.next_try.min(Instant::now() + IDLE),
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
        self.next_try = now + wait.copied().unwrap_or_default();
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

    /// What nobody has to ask for.
    fn look(&mut self) {
        let now = Instant::now();
        self.next_look = now + LOOK_EVERY;
        match self.engine.has_lost(self.clock.now()) {
            Ok(false) => (),
            Ok(true) => (self.reply)(StoreReply::Forgot),
            // The next order will meet the same, and say so.
            Err(trouble) => return log::debug!("the store cannot be looked at: {trouble}"),
        }
        if !self.clock.is_steady() {
            return;
        }
        match self.engine.expire(EXPIRE_MAX, self.clock.now()) {
            // There is more: after the orders that came meanwhile.
            Ok(deleted) if EXPIRE_MAX <= deleted => self.next_look = now,
            Ok(_) => (),
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
    matches!(
        order,
        StoreOp::Take { .. } | StoreOp::ClaimRoom { .. } | StoreOp::SignIn { .. }
    )
}

/// What is behind it is whole at any moment, whoever panicked while he had it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
