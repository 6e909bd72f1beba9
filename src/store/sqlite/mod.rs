//! An engine that keeps points in a file, with SQLite.
//!
//! Write-ahead log, a sync of the disk with every commit, so that neither a kill nor a power cut
//! takes back what was said to be written. Locks are SQLite's usual ones: `sqlite3`, its `.backup`
//! and `roshambo store` work beside a running server. Another server does not: it would take turns
//! with this one in owning sessions; it is kept out by a lock on `FILE.lock`.
//!
//! The file explains itself to who opens it with `sqlite3`: [`SCHEMA`] stands in it, comments and
//! all. Its `application_id` is [`APPLICATION_ID`], its `user_version` [`VERSION`].
//!
//! - `opening`: what is refused, and why;
//! - `place`: the files' names, kinds and locks;
//! - `rows`: orders as rows;
//! - `persons`: those of persons and of the board.

mod opening;
mod persons;
mod place;
mod rows;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

pub(super) use self::opening::{open_beside, trouble_text};
use self::persons::Percents;
pub(super) use self::persons::bar;
use self::place::{Fate, Identity, Lock};
pub(super) use self::rows::forget;
use super::OpenError;
use super::engine::{Engine, Limits, Luggage, Place, Trouble, Unix, Who};
use super::instances::Instances;
use crate::model::{StoreOp, StoreReply};

/// The tables.
pub(super) const SCHEMA: &str = include_str!("schema.sql");
/// Marks a file as ours: `RoSh` in ASCII.
pub(super) const APPLICATION_ID: i32 = 0x526f_5368;
/// Of the schema.
pub(super) const VERSION: i32 = 1;

/// Makes a file where there is none, as a server would.
pub(super) fn make_if_missing(path: &Path, now: Unix) -> Result<(), OpenError> {
    if path.exists() {
        return Ok(());
    }
    let made = Sqlite::open(path, Limits { score_ttl_ms: 0 }, now)?;
    let path = made.path().to_owned();
    drop(made);
    place::give_to_owner_of_folder(&path);
    Ok(())
}

/// Points in a file.
pub(super) struct Sqlite {
    path: PathBuf,
    /// Of the file that was opened.
    identity: Identity,
    /// `None`: something went wrong with it, and it has to be opened anew.
    connection: Option<Connection>,
    limits: Limits,
    /// `None`: it has to be taken again.
    lock: Option<Lock>,
    aside: Aside,
}

/// What is not in the file.
#[derive(Debug, Default)]
struct Aside {
    percents: Percents,
    /// A file has one server.
    instances: Instances,
}

impl Sqlite {
    /// Opens a file, or makes it.
    ///
    /// # Errors
    ///
    /// What is wrong with it and what to do.
    pub(super) fn open(path: &Path, limits: Limits, now: Unix) -> Result<Self, OpenError> {
        let path = place::resolve(path)?;
        place::check_kind(&path)?;
        // Of what is not ours nothing is altered, and nothing is laid beside it.
        if path.exists() {
            opening::check_head(&path)?;
        }
        let lock = Lock::take(&path)?;
        place::make(&path)?;
        let connection = opening::open(&path, now)?;
        let identity = Identity::of(&path).map_err(|error| {
            OpenError(format!("{}: cannot be looked at: {error}", path.display()))
        })?;
        Ok(Self {
            path,
            identity,
            connection: Some(connection),
            limits,
            lock: Some(lock),
            aside: Aside::default(),
        })
    }

    /// The file that the program before this one had open; it is opened with the first order, so
    /// that nobody waits for it, and one that cannot be opened just now is a trouble like others.
    pub(super) fn taken(
        path: PathBuf,
        limits: Limits,
        descriptors: Vec<OwnedFd>,
    ) -> Result<Self, OpenError> {
        let shown = path.display();
        let [lock, identity] = <[OwnedFd; 2]>::try_from(descriptors)
            .map_err(|_| OpenError(format!("the lock of {shown} was not handed over")))?;
        Ok(Self {
            path,
            identity: Identity::taken(identity),
            connection: None,
            limits,
            lock: Some(Lock::taken(lock)),
            aside: Aside::default(),
        })
    }

    /// The file, with all links followed.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file that somebody deleted once more: as long as it is open, all of it is there.
    fn write_anew(&mut self) -> Result<(), Trouble> {
        let shown = self.path.display();
        let cannot = |error: &dyn std::fmt::Display| {
            let text = format!("{shown} was deleted and cannot be written anew: {error}");
            Trouble(text)
        };
        let new = place::beside(&self.path, ".new");
        let connection = self.connection.as_ref();
        let connection = connection.ok_or_else(|| cannot(&"it is not open any more"))?;
        let name = new
            .to_str()
            .ok_or_else(|| cannot(&"its name is not UTF-8"))?;
        let file = place::make_new(&new).map_err(|error| cannot(&error))?;
        connection
            .execute("VACUUM INTO ?1", [name])
            .map_err(|error| cannot(&error))?;
        let identity = Identity::of(&new).map_err(|error| cannot(&error))?;
        file.sync_all().map_err(|error| cannot(&error))?;
        self.connection = None;
        place::put_in_place(&new, &self.path).map_err(|error| cannot(&error))?;
        self.identity = identity;
        log::warn!("{shown} was deleted while the server runs: it is there again");
        // That was perhaps deleted, too.
        self.lock = None;
        Ok(())
    }

    /// Does something in one transaction.
    fn transact<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Trouble> {
        // Whoever moves a file, or puts another in its place, would otherwise never see again what
        // is written from now on.
        match self.identity.fate(&self.path) {
            Fate::Same => (),
            Fate::Deleted => self.write_anew()?,
            // Nobody can put it back any more, but it is open, and all of it is there.
            Fate::Replaced => {
                let shown = self.path.display();
                let text = format!(
                    "{shown} was deleted and another file lies in its place: move that one away, \
                     and it is written anew"
                );
                return Err(Trouble(text));
            }
            Fate::Gone => {
                let shown = self.path.display();
                let text = format!(
                    "{shown} is not the file any more that was opened: put that one back, or stop \
                     the server"
                );
                return Err(Trouble(text));
            }
        }
        if self.lock.is_none() {
            let lock = Lock::take(&self.path).map_err(|error| Trouble(error.0))?;
            self.lock = Some(lock);
        }
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                let opened = opening::reopen(&self.path).map_err(|error| Trouble(error.0))?;
                none.insert(opened)
            }
        };
        let result = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .and_then(|transaction| {
                let done = work(&transaction)?;
                transaction.commit()?;
                Ok(done)
            });
        result.map_err(|error| {
            let trouble = Trouble(trouble_text(&self.path, &error));
            if !opening::is_passing(&error) {
                self.connection = None;
            }
            trouble
        })
    }
}

impl Engine for Sqlite {
    fn apply(&mut self, orders: &[StoreOp], now: Unix) -> Result<Vec<StoreReply>, Trouble> {
        let mut aside = std::mem::take(&mut self.aside);
        let done = self.transact(|connection| rows::apply(connection, orders, &mut aside, now));
        self.aside = aside;
        done
    }

    fn expire(&mut self, at_most: usize, now: Unix) -> Result<usize, Trouble> {
        self.aside.instances.expire(now);
        let limits = self.limits;
        self.transact(|connection| rows::expire(connection, limits, at_most, now))
    }

    fn forget(&mut self, who: &Who, now: Unix) -> Result<usize, Trouble> {
        self.transact(|connection| forget(connection, who, now))
    }

    fn bar(&mut self, sub: &str, barred: bool) -> Result<usize, Trouble> {
        self.transact(|connection| bar(connection, sub, barred))
    }

    fn bytes(&self) -> u64 {
        place::bytes(&self.path)
    }

    fn carry(&self) -> Option<Luggage> {
        if matches!(
            self.identity.fate(&self.path),
            Fate::Deleted | Fate::Replaced
        ) {
            // Only as long as it is open here can it be written anew.
            return None;
        }
        let lock = self.lock.as_ref()?.copy().ok()?;
        let identity = self.identity.copy().ok()?;
        Some(Luggage {
            state: Place::File(self.path.clone()),
            descriptors: vec![lock, identity],
        })
    }
}
