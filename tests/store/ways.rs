//! The engines under test, and the ways they are asked: once; twice, as after a lost answer; and
//! opened anew before every order.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use roshambo::model::{
    BoardRow, Letter, Owner, Ranked, Settle, Settled, Standing, StoreOp, StoreReply, Stored,
    StoredProfile, Week,
};
use roshambo::store::{self, Choice, Engine, Limits, Opened, Unix, Who};

/// Long before anything that a test does.
pub(crate) const START: u64 = 1_800_000_000;
pub(crate) const MINUTE: u64 = 60;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;

/// Points last thirty days, as by default.
pub(crate) const LIMITS: Limits = Limits {
    score_ttl_ms: 30 * DAY * 1000,
};

/// A folder of its own, gone afterwards.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("roshambo-store-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a writable place");
        Self(path.canonicalize().expect("it is there"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Opens a file, or panics with the line that says why not.
#[track_caller]
pub(crate) fn open(path: &Path) -> Box<dyn Engine> {
    match try_open(path) {
        Ok(opened) => opened.into_engine(),
        Err(line) => panic!("{line}"),
    }
}

/// The line that says why a file is not opened.
#[track_caller]
pub(crate) fn refusal(path: &Path) -> String {
    match try_open(path) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(line) => line,
    }
}

/// Opens a file that no other test has open.
///
/// A child that another test starts has all locks of this process for a moment, until it becomes
/// its own program: that is waited for.
pub(crate) fn try_open(path: &Path) -> Result<Opened, String> {
    let mine = format!("(process {})", std::process::id());
    loop {
        match store::open(&Choice::File(path.to_owned()), LIMITS) {
            Ok(opened) => return Ok(opened),
            Err(error) if error.0.contains(&mine) => std::thread::yield_now(),
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// The line that says that this process has the file already.
#[track_caller]
pub(crate) fn refused_twice(path: &Path) -> String {
    match store::open(&Choice::File(path.to_owned()), LIMITS) {
        Ok(_) => panic!("{} was opened twice", path.display()),
        Err(error) => error.to_string(),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Once,
    Twice,
    OpenedAnew,
}

/// Where an engine keeps what it has.
enum Place {
    Memory,
    File(Folder),
    #[cfg(feature = "redis")]
    Redis(String),
}

impl Place {
    #[track_caller]
    fn open(&self) -> Box<dyn Engine> {
        let choice = match self {
            Self::Memory => Choice::Memory,
            Self::File(folder) => return open(&folder.file("points.db")),
            #[cfg(feature = "redis")]
            Self::Redis(url) => {
                Choice::Redis(roshambo::model::RedisUrl::new(url).expect("a good one"))
            }
        };
        match store::open(&choice, LIMITS) {
            Ok(opened) => opened.into_engine(),
            Err(error) => panic!("{error}"),
        }
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::File(_) => "a file",
            #[cfg(feature = "redis")]
            Self::Redis(_) => "Redis",
        })
    }
}

/// An engine, asked in one of the ways.
pub(crate) struct Asked {
    engine: Option<Box<dyn Engine>>,
    place: Place,
    how: How,
    pub(crate) now: u64,
    /// Those whom a test barred.
    barred: BTreeSet<String>,
}

/// Runs a case in every way.
pub(crate) fn everywhere(case: impl Fn(&mut Asked)) {
    let file = || Place::File(Folder::new());
    let ways = [
        (Place::Memory, How::Once),
        (Place::Memory, How::Twice),
        (file(), How::Once),
        (file(), How::Twice),
        (file(), How::OpenedAnew),
    ];
    #[cfg(feature = "redis")]
    let server = crate::redis::Redis::start(&[]);
    #[cfg(feature = "redis")]
    let ways = ways.into_iter().chain(
        (0..)
            .zip([How::Once, How::Twice, How::OpenedAnew])
            .map(|(number, how)| (Place::Redis(server.url(number)), how)),
    );
    for (place, how) in ways {
        // Shown only when the case fails.
        println!("in {place:?}, asked: {how:?}");
        case(&mut Asked {
            engine: Some(place.open()),
            place,
            how,
            now: START,
            barred: BTreeSet::new(),
        });
    }
}

impl Asked {
    fn engine(&mut self) -> &mut dyn Engine {
        if self.how == How::OpenedAnew {
            self.engine = None;
            self.engine = Some(self.place.open());
        }
        self.engine.as_deref_mut().expect("it is open")
    }

    /// A file is not opened anew from now on: it has one server, so who lives is not written there.
    pub(crate) fn keep_open(&mut self) {
        if self.how == How::OpenedAnew {
            self.how = How::Once;
        }
    }

    /// Gives several orders at once and returns the answers.
    #[track_caller]
    pub(crate) fn ask(&mut self, orders: &[StoreOp]) -> Vec<StoreReply> {
        let (now, how) = (Unix(self.now), self.how);
        let engine = self.engine();
        let replies = engine.apply(orders, now).expect("it works");
        if how == How::Twice {
            // The same orders once more, all that were in that commit.
            let again = engine.apply(orders, now).expect("it works");
            let last = |replies: &[StoreReply]| replies.last().cloned();
            assert_eq!(last(&again), last(&replies), "asked again: {orders:?}");
        }
        replies
    }

    #[track_caller]
    fn one(&mut self, order: StoreOp) -> StoreReply {
        let mut replies = self.ask(&[order]);
        assert_eq!(replies.len(), 1, "{replies:?}");
        replies.remove(0)
    }

    /// Takes a session; its points and streak, if it is there.
    #[track_caller]
    pub(crate) fn take(&mut self, token: &str, owner: u64) -> Option<(u32, u32)> {
        let stored = self.take_all(token, owner)?;
        Some((stored.total, stored.streak))
    }

    /// Takes a session with its profile.
    #[track_caller]
    pub(crate) fn take_all(&mut self, token: &str, owner: u64) -> Option<Stored> {
        let owner = Owner(owner);
        let reply = self.one(StoreOp::Take {
            token: token.into(),
            owner,
        });
        let StoreReply::Taken {
            token: told_token,
            owner: told_owner,
            stored,
        } = reply
        else {
            panic!("{reply:?}");
        };
        assert_eq!((told_token.as_str(), told_owner), (token, owner));
        stored.map(|stored| *stored)
    }

    /// Settles a session.
    #[track_caller]
    pub(crate) fn settle(&mut self, order: Settle) -> Settled {
        let reply = self.one(StoreOp::Settle(Box::new(order.clone())));
        let StoreReply::Settled {
            token,
            owner,
            seq,
            settled,
        } = reply
        else {
            panic!("{reply:?}");
        };
        assert_eq!((token, owner, seq), (order.token, order.owner, order.seq));
        settled
    }

    pub(crate) fn room(&mut self, what: fn(String) -> StoreOp, code: &str) {
        assert_eq!(self.ask(&[what(code.into())]), []);
    }

    #[track_caller]
    pub(crate) fn claim(&mut self, code: &str) -> bool {
        let (found, holder) = self.claim_for(None, code);
        assert_eq!(holder, None);
        found
    }

    /// An instance asks for a room: whether it has it now, and which one has it else.
    #[track_caller]
    pub(crate) fn claim_for(&mut self, at: Option<Letter>, code: &str) -> (bool, Option<Letter>) {
        let code = code.to_owned();
        let reply = self.one(StoreOp::ClaimRoom {
            code: code.clone(),
            at,
        });
        let StoreReply::Claimed {
            code: told,
            found,
            holder,
        } = reply
        else {
            panic!("{reply:?}");
        };
        assert_eq!(told, code);
        (found, holder)
    }

    /// An instance says that it lives: whether the letter is its own, and who else lives.
    #[track_caller]
    pub(crate) fn beat(
        &mut self,
        letter: Letter,
        nonce: u64,
        online: Option<u32>,
    ) -> (bool, String) {
        let order = StoreOp::Beat {
            letter,
            nonce,
            online,
        };
        let reply = self.one(order);
        let StoreReply::Beat { granted, others } = reply else {
            panic!("{reply:?}");
        };
        let others = others
            .iter()
            .map(|peer| format!("{}{}", peer.letter, peer.online));
        (granted, others.collect::<Vec<_>>().join(" "))
    }

    /// Signs a person in; its token from now on, and what is stored.
    #[track_caller]
    pub(crate) fn sign_in(
        &mut self,
        sub: &str,
        token: Option<&str>,
        fresh: &str,
        owner: u64,
    ) -> (String, Option<(u32, u32)>) {
        self.sign(sub, token, fresh, (owner, false))
    }

    /// A sign-in of who is gone; whether the session that it came with is its own.
    #[track_caller]
    pub(crate) fn sign_in_absent(&mut self, sub: &str, brought: &str, owner: u64) -> bool {
        let fresh = format!("absent-{owner}");
        let (token, stored) = self.sign(sub, Some(brought), &fresh, (owner, true));
        assert_eq!(stored, None, "nothing more is said of it");
        token == brought
    }

    #[track_caller]
    fn sign(
        &mut self,
        sub: &str,
        token: Option<&str>,
        fresh: &str,
        (owner, absent): (u64, bool),
    ) -> (String, Option<(u32, u32)>) {
        let owner = Owner(owner);
        let reply = self.one(StoreOp::SignIn {
            sub: sub.into(),
            token: token.map(Into::into),
            fresh: fresh.into(),
            owner,
            absent,
        });
        let StoreReply::SignedIn {
            sub: told_sub,
            owner: told_owner,
            token,
            stored,
            barred,
        } = reply
        else {
            panic!("{reply:?}");
        };
        assert_eq!((told_sub.as_str(), told_owner), (sub, owner));
        assert_eq!(barred, self.barred.contains(sub));
        if let Some(stored) = &stored {
            let person = stored.person.as_deref();
            assert!(person.is_none_or(|person| person == sub), "{person:?}");
        }
        (token, stored.map(|stored| (stored.total, stored.streak)))
    }

    /// Names and points of the best.
    #[track_caller]
    pub(crate) fn top(&mut self, week: Week) -> Vec<(String, u32)> {
        let reply = self.one(StoreOp::Top { week });
        let StoreReply::Top {
            week: told_week,
            rows,
        } = reply
        else {
            panic!("{reply:?}");
        };
        assert_eq!(told_week, week);
        rows.into_iter().map(named).collect()
    }

    /// Where a person stands.
    #[track_caller]
    pub(crate) fn rank(&mut self, sub: &str, week: Week) -> Option<Standing> {
        let reply = self.one(StoreOp::Rank {
            sub: sub.into(),
            week,
        });
        let StoreReply::Rank {
            sub: told_sub,
            week: told_week,
            standing,
        } = reply
        else {
            panic!("{reply:?}");
        };
        assert_eq!((told_sub.as_str(), told_week), (sub, week));
        standing.map(|standing| *standing)
    }

    pub(crate) fn bar(&mut self, sub: &str, barred: bool) -> usize {
        match barred {
            true => self.barred.insert(sub.to_owned()),
            false => self.barred.remove(sub),
        };
        self.engine().bar(sub, barred).expect("it works")
    }

    pub(crate) fn forget(&mut self, who: &Who) -> usize {
        let now = Unix(self.now);
        self.engine().forget(who, now).expect("it works")
    }

    /// Deletes what is too old, some of it; how many rows that were.
    pub(crate) fn expire_some(&mut self, at_most: usize) -> usize {
        let now = Unix(self.now);
        self.engine().expire(at_most, now).expect("it works")
    }

    /// Deletes all that is too old; how many rows that were.
    pub(crate) fn expire(&mut self) -> usize {
        let mut deleted = 0;
        loop {
            match self.expire_some(3) {
                0 => return deleted,
                more => deleted += more,
            }
        }
    }
}

/// An order: `points` more, and a streak.
pub(crate) fn win(token: &str, owner: u64, seq: u64, points: u32, streak: u32) -> Settle {
    Settle {
        token: token.into(),
        owner: Owner(owner),
        seq,
        points,
        streak,
        profile: None,
        person: None,
        ranked: Vec::new(),
        told: 0,
        absent: false,
    }
}

/// The same, with a profile.
pub(crate) fn known_as(settle: Settle, uid: &str, name: &str) -> Settle {
    Settle {
        profile: Some(StoredProfile {
            uid: uid.into(),
            uid_is_number: false,
            name: name.into(),
            avatar: String::new(),
        }),
        ..settle
    }
}

/// The same, with points for a board.
pub(crate) fn ranked(settle: Settle, rows: &[(Week, u32, u64)]) -> Settle {
    let ranked = |&(week, points, at)| Ranked { week, points, at };
    Settle {
        ranked: rows.iter().map(ranked).collect(),
        ..settle
    }
}

/// Who stands in a row, by name, and how many points.
pub(crate) fn named(row: BoardRow) -> (String, u32) {
    (row.profile.name, row.points)
}
