//! What outlives the process: one thread, and behind it a place where points, streaks and the codes
//! of rooms are kept.
//!
//! The game never waits for it. Orders ([`StoreOp`]) come through a queue, all that wait are
//! applied in one transaction, and what became of each goes back ([`StoreReply`]) with a call that
//! also wakes the loop. What was counted in [`StoreHealth::committed`] is on the disk. Absent: the
//! game, the wire, who may ask for what.
//!
//! - `engine`: what any place has to do; `memory`, `sqlite` and `redis` are three;
//! - `waiting`: orders that are not applied yet;
//! - `writer`: the thread;
//! - [`command`]: `roshambo store`, beside a running server.
//!
//! # What the orders mean
//!
//! The same for every [`Engine`], to the letter; one list of cases is run against all of them.
//! Orders are applied one after the other, several in one transaction: all of them or none, but in
//! Redis, where some in front may be applied of those that failed.
//!
//! **Session.** Known by the SHA-256 of its token, never by the token. It has points, wins in a row
//! (its streak), a profile and a present *owner*: who took it last, or made it. It is written with
//! its first point: an order without points for a session that is not there writes nothing and is
//! told a total of 0. Points stop at `u32::MAX`.
//!
//! **Take.** Makes the order's owner the present one, if the session is there and was not erased.
//! A take in the name of somebody who had the session already, now or before, is the same request
//! once more: it is answered and changes nothing.
//!
//! **Settle.** Each owner numbers its orders upwards. An order whose number is not above the last
//! that was applied for this session and owner is the same once more: it changes nothing and is
//! answered as if it had just been applied, with the total of now. Otherwise its points are added,
//! whoever asks, because addition does not mind the order; streak and profile are written for the
//! present owner only, so that who lost a session cannot undo what came after. For a session that
//! is not there it makes one, whose owner it is; if no profile came along the uid is empty, and who
//! takes the session draws one.
//!
//! **Told.** An order also says how many points its player has been told in all: the session has
//! at least so many afterwards, and is made for them if it is not there. As long as a store loses
//! nothing that changes nothing. One that finds out that it did says so ([`StoreReply::Forgot`]),
//! and all sessions that are known to whoever asks are settled once more. Whoever settles one that
//! it took in the lost moments is its owner again, but for one whose player is *absent* there, and
//! may be with another server.
//!
//! **What is remembered of owners**: the last number of the present one as long as the session
//! lives, of the seven before it for a day.
//!
//! **Person.** Known by the name that its token has for it, its sub. It has one session, and points
//! for the board: those of each week, and of all weeks. It lives as long as its session does.
//!
//! **Sign-in.** Who comes for the first time keeps the session that it came with, unless that is
//! another person's; it is made where there is none, the one case of a session without points.
//! Afterwards the person's session is its own one: it keeps its token if that is the one that was
//! brought, else it gets the new one, because nobody here knows the old one. Its owner changes as
//! by a take, so the same order once more changes nothing. If its player is *absent*, and may be
//! with another server, it keeps token and owner.
//!
//! **Ranked points** of a settle are added to those of the person whose session it is, once, as
//! the points are. They are dropped where the session is nobody's. A settle of a person whose
//! session has another token by now is applied to it; one of a person who was erased is never
//! applied to somebody else's.
//!
//! **Board.** Most points first; of two with as many the one who had them first, and of those the
//! lesser sub. Who is barred is on no board, and what was won stays. Kept are the points of this
//! week, of the last one, and of all weeks.
//!
//! **Erased.** [`Engine::forget`] deletes and leaves a tombstone: a hash for 31 days. A take
//! finds nobody, a settle is answered [`Settled::Erased`], and neither writes. A person's sign-in
//! is answered as if it were nobody's: it may play on, and nothing is written of who it is.
//!
//! **Rooms.** A code lives ten minutes after it was last opened, touched or claimed. Touching one
//! that is not there opens it; closing one that is not there is no fault. A claim is answered alike
//! however often it is asked.
//!
//! **Instances.** Each says once a second that it lives, by its letter, and is taken to for five
//! seconds after that. The nonce tells its process from another one with the same letter: to that
//! one the letter is not granted as long as the first lives, and nothing is written. Who opens,
//! touches or claims a room has it. A claim of a room that another instance has is told that
//! instance's letter and changes nothing, as long as that one lives; closing it changes nothing
//! either.
//!
//! **Age.** A session that was not taken or settled for `--score-ttl` may be deleted; until it is,
//! it counts. [`Engine::expire`] deletes a bounded number at a time.

mod clock;
pub mod command;
mod engine;
mod instances;
mod memory;
mod record;
#[cfg(feature = "redis")]
mod redis;
mod sqlite;
#[cfg(test)]
mod tests;
mod waiting;
mod writer;

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use self::clock::Clock;
pub use self::engine::{Engine, Limits, Trouble, Unix, Who};
use self::engine::{LEASE_SECONDS, Place, RedisState};
use self::memory::Memory;
use self::sqlite::Sqlite;
use self::writer::Carried;
pub use self::writer::{Rest, Running, Unwritten};
use crate::model::{Letter, Peer, RedisUrl, StoreHealth, StoreOp, StoreReply};

#[cfg(doc)]
use crate::model::Settled;

/// Where points are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// In this process, until it ends.
    Memory,
    /// In a file.
    File(PathBuf),
    /// In Redis.
    Redis(RedisUrl),
}

/// Why a store cannot be used: one line that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenError(pub String);

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OpenError {}

/// A store that can be used, before its thread runs.
pub struct Opened {
    engine: Box<dyn Engine>,
    place: String,
    carried: Carried,
}

/// Opens a store, or says why it cannot be used. It never goes on without one.
///
/// # Errors
///
/// It cannot be read, written or locked, or is no such thing.
pub fn open(choice: &Choice, limits: Limits) -> Result<Opened, OpenError> {
    match choice {
        Choice::Memory => Ok(Opened {
            engine: Box::new(Memory::new(limits)),
            place: IN_MEMORY.into(),
            carried: Carried::default(),
        }),
        Choice::File(path) => {
            let engine = Sqlite::open(path, limits, Clock::start().now())?;
            let place = format!("in {}", engine.path().display());
            let engine = Box::new(engine);
            let carried = Carried::default();
            Ok(Opened {
                engine,
                place,
                carried,
            })
        }
        Choice::Redis(url) => Ok(Opened {
            engine: open_redis(url, limits)?,
            place: format!("in {url}"),
            carried: Carried::default(),
        }),
    }
}

/// How much longer than a lease is waited for its end: for clocks that count whole seconds.
const LEASE_MARGIN: Duration = Duration::from_millis(500);
/// How often it is looked whether a lease is over.
const LEASE_LOOK: Duration = Duration::from_millis(100);
#[cfg(feature = "redis")]
fn open_redis(url: &RedisUrl, limits: Limits) -> Result<Box<dyn Engine>, OpenError> {
    let engine = redis::Redis::open(url, limits, Clock::start().now())?;
    Ok(Box::new(engine))
}

#[cfg(not(feature = "redis"))]
fn open_redis(_: &RedisUrl, _: Limits) -> Result<Box<dyn Engine>, OpenError> {
    Err(OpenError(NO_REDIS.into()))
}

#[cfg(feature = "redis")]
fn taken_redis(state: RedisState, limits: Limits) -> Result<Box<dyn Engine>, OpenError> {
    Ok(Box::new(redis::Redis::taken(state, limits)))
}

#[cfg(not(feature = "redis"))]
fn taken_redis(_: RedisState, _: Limits) -> Result<Box<dyn Engine>, OpenError> {
    Err(OpenError(NO_REDIS.into()))
}

/// Why it is refused where it is not built in.
#[cfg(not(feature = "redis"))]
const NO_REDIS: &str = "this program cannot speak to Redis: build it with cargo build --release \
    --features redis, or take the Debian package";

/// What [`Opened::place`] says of memory.
const IN_MEMORY: &str = "in memory, until this process ends";

/// Goes on with what the program before this one had: [`carry`], and the descriptors beside it.
///
/// # Errors
///
/// It cannot be understood.
pub fn take_over(
    text: &str,
    descriptors: Vec<OwnedFd>,
    limits: Limits,
) -> Result<Opened, OpenError> {
    let carried: Result<Carried, _> = serde_json::from_str(text);
    let mut carried = carried.map_err(|error| OpenError(format!("the store's part: {error}")))?;
    let (engine, place): (Box<dyn Engine>, String) = match std::mem::take(&mut carried.place) {
        Place::Memory(state) => (Box::new(Memory::taken(limits, state)), IN_MEMORY.into()),
        Place::File(path) => {
            let place = format!("in {}", path.display());
            (Box::new(Sqlite::taken(path, limits, descriptors)?), place)
        }
        Place::Redis(state) => {
            let place = format!("in {}", state.url);
            (taken_redis(state, limits)?, place)
        }
        Place::Anew => return Err(OpenError("the store's part is empty".into())),
    };
    Ok(Opened {
        engine,
        place,
        carried,
    })
}

/// What a store that has come to rest has for the next program; `None`: it has not, or cannot.
#[must_use]
pub fn carry(running: &mut Running) -> Option<(String, Vec<OwnedFd>)> {
    let (carried, descriptors) = running.carry()?;
    let text = serde_json::to_string(&carried).ok()?;
    Some((text, descriptors))
}

impl Opened {
    /// Where points are, for the line that says the server is ready: `in …`.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Takes an instance's letter for this process: at once, or when the lease of the one before it
    /// is over. Returns the other instances that live.
    ///
    /// A store that cannot be asked lets it go on: the first beat that is answered tells.
    ///
    /// # Errors
    ///
    /// Another process has it and renewed its lease meanwhile.
    pub fn claim_letter(&mut self, letter: Letter, nonce: u64) -> Result<Vec<Peer>, OpenError> {
        let clock = Clock::start();
        let beat = StoreOp::Beat {
            letter,
            nonce,
            online: Some(0),
        };
        let until = Instant::now() + Duration::from_secs(LEASE_SECONDS) + LEASE_MARGIN;
        let mut is_told = false;
        loop {
            let replies = self.engine.apply(std::slice::from_ref(&beat), clock.now());
            match replies.map(|replies| replies.into_iter().next()) {
                Ok(Some(StoreReply::Beat {
                    granted: true,
                    others,
                })) => return Ok(others),
                Err(trouble) => {
                    log::warn!(
                        "{trouble}; whether another server has --instance {letter} is not known"
                    );
                    return Ok(Vec::new());
                }
                _ if until <= Instant::now() => {
                    return Err(OpenError(format!(
                        "another server has --instance {letter} on this store and lives: give this \
                         one another letter, or stop that one"
                    )));
                }
                _ if !std::mem::replace(&mut is_told, true) => log::info!(
                    "instance {letter} lives, or did a moment ago: waiting until its lease is over"
                ),
                _ => (),
            }
            thread::sleep(LEASE_LOOK);
        }
    }

    /// The store without its thread, for who does without one.
    #[must_use]
    pub fn into_engine(self) -> Box<dyn Engine> {
        self.engine
    }

    /// Starts the thread. It ends when the other end of `orders` is gone and all is written, or by
    /// [`Running::finish`].
    ///
    /// `reply` is called on that thread, after the commit; it has to be quick, and to wake whoever
    /// waits for it; `rest` is told when it has come to rest, after its last reply. `started` is
    /// when the process began to count its milliseconds.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub fn start(
        self,
        orders: Receiver<StoreOp>,
        reply: impl FnMut(StoreReply) + Send + 'static,
        rest: Rest,
        health: Arc<Mutex<StoreHealth>>,
        started: Instant,
    ) -> Result<Running, OpenError> {
        let (engine, carried) = (self.engine, self.carried);
        writer::start(
            engine,
            orders,
            Box::new(reply),
            rest,
            health,
            started,
            carried,
        )
        .map_err(|error| OpenError(format!("cannot start the store's thread: {error}")))
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Opened").field(&self.place).finish()
    }
}
