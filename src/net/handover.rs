//! To become another program without losing anybody: what a process hands to the one that takes its
//! place, under the same process number.
//!
//! What is no socket is one value, written as JSON into a file in memory: the next release reads
//! what this one wrote, so everything has a name, what is not known is passed over, and whatever
//! can be made anew from the rest is left out. The sockets themselves, and that file, wait in a
//! pair of unix sockets for the new program, which finds one end of it where its standard input
//! was. Descriptors are handed over as copies: if the new program cannot be run, nothing has
//! happened.
//! Absent: when to do it, and the game's part of the value.
//!
//! - `carried`: the value;
//! - `pass`: descriptors from one program to the next, and the call that runs it;
//! - `proof`: a new program shows on a copy that it can;
//! - `asker`: whoever asked for it and waits to be told.

pub(crate) mod asker;
pub(crate) mod carried;
pub(crate) mod pass;
pub(crate) mod proof;

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use self::carried::{Carried, FORM, FORM_WITH_WAYS};
pub use self::pass::{hold_signals, release_signals};
pub use self::proof::PROVED;

/// Holds the number of the process that something was handed to: its children are not meant.
pub const VARIABLE: &str = "ROSHAMBO_HANDOVER";
/// The word in front of the flags of a program that is to prove that it can take over.
pub const PROVE: &str = "prove-reload";
/// No value is larger: a hundred thousand connections with full queues.
const BYTES_MAX: u64 = 8 << 30;
/// How much of it is written at a time.
const WRITE_BYTES: usize = 128 * 1024;

/// What the store has to carry, which is for itself to read, with the descriptors that it needs.
#[derive(Debug, Default)]
pub struct Luggage {
    /// In whatever form the store likes.
    pub text: String,
    /// They stay open here.
    pub descriptors: Vec<OwnedFd>,
}

/// What was handed to this process.
#[derive(Debug)]
pub struct Taken {
    pub(crate) carried: Carried<'static>,
    pub(crate) descriptors: VecDeque<OwnedFd>,
    pub(crate) asker: Option<OwnedFd>,
    /// When this began, and when all was read.
    pub(crate) began: Instant,
    pub(crate) read: Instant,
    /// The store's part, to be taken out by whoever opens that.
    pub store: Luggage,
}

impl Taken {
    /// Takes what was handed to this process; `None`: nothing was, as nearly always.
    ///
    /// # Errors
    ///
    /// It cannot be read: one line. Those who were connected are lost.
    pub fn from_parent() -> Result<Option<Self>, String> {
        let own = std::process::id().to_string();
        if std::env::var_os(VARIABLE).is_none_or(|named| named != *own) {
            return Ok(None);
        }
        let taken = Self::receive();
        taken.map(Some)
    }

    fn receive() -> Result<Self, String> {
        let received = pass::receive();
        Self::of(
            received
                .map_err(|error| format!("what was handed over cannot be received: {error}"))?,
        )
    }

    /// Sorts what was received.
    pub(crate) fn of(mut descriptors: VecDeque<OwnedFd>) -> Result<Self, String> {
        let began = Instant::now();
        let none = || "less was handed over than was said".to_owned();
        let file = descriptors.pop_front().ok_or_else(none)?;
        let mut carried = read(&mut File::from(file))?;
        let asker = match carried.asked {
            true => Some(descriptors.pop_front().ok_or_else(none)?),
            false => None,
        };
        let others = carried.listeners.len()
            + usize::from(carried.admin.is_some())
            + carried.sockets.conns.len();
        if Some(carried.store_descriptors) != descriptors.len().checked_sub(others) {
            return Err(none());
        }
        let store = Luggage {
            text: std::mem::take(&mut carried.store),
            descriptors: descriptors.drain(..carried.store_descriptors).collect(),
        };
        Ok(Self {
            carried,
            descriptors,
            asker,
            began,
            read: Instant::now(),
            store,
        })
    }
}

/// Reads a value from its beginning.
pub(crate) fn read(file: &mut File) -> Result<Carried<'static>, String> {
    let mut bytes = Vec::new();
    let all = file.rewind().and_then(|()| {
        let length = file.metadata()?.len().min(BYTES_MAX);
        bytes.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX))?;
        file.take(length).read_to_end(&mut bytes)
    });
    all.map_err(|error| format!("the snapshot cannot be read: {error}"))?;
    // Looked at once, and not with every word in it.
    let text = std::str::from_utf8(&bytes).map_err(not_understood)?;
    understand(text)
}

fn understand(text: &str) -> Result<Carried<'static>, String> {
    /// What all forms have.
    #[derive(Deserialize)]
    struct Form {
        form: u32,
        release: String,
    }

    let is_known = |form| form == FORM || form == FORM_WITH_WAYS;
    let carried = serde_json::from_str::<Carried<'static>>(text);
    if !carried.as_ref().is_ok_and(|carried| is_known(carried.form)) {
        // Another form may be another one in all else, too.
        let Form { form, release } = serde_json::from_str(text).map_err(not_understood)?;
        if !is_known(form) {
            return Err(format!(
                "the snapshot is roshambo {release}'s, of a form that {} does not know",
                env!("CARGO_PKG_VERSION")
            ));
        }
    }
    carried.map_err(not_understood)
}

fn not_understood(error: impl fmt::Display) -> String {
    format!("the snapshot cannot be understood: {error}")
}

/// Writes a value into a file in memory, to be read from its beginning.
pub(crate) fn write(carried: &Carried<'_, impl Serialize>) -> io::Result<File> {
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    let file = File::from(rustix::fs::memfd_create("roshambo-snapshot", flags)?);
    // In pieces that stay in the processor's cache.
    let mut to = BufWriter::with_capacity(WRITE_BYTES, file);
    serde_json::to_writer(&mut to, carried)?;
    to.into_inner().map_err(io::IntoInnerError::into_error)
}

/// How this process was started, to be started like that once more.
#[derive(Clone, Debug)]
pub struct Program {
    /// Where it lies, whatever lies there later.
    pub(crate) path: PathBuf,
    /// The first one is its own name.
    pub(crate) arguments: Vec<OsString>,
}

impl Program {
    /// That of this process. Call it at the start: later the file may be another one.
    ///
    /// # Errors
    ///
    /// The system does not say where it lies.
    pub fn current() -> io::Result<Self> {
        let arguments: Vec<_> = std::env::args_os().collect();
        let actual = std::env::current_exe()?;
        // Who was started by way of a link follows where that leads by then.
        let named = arguments
            .first()
            .filter(|name| name.as_bytes().contains(&b'/'));
        let named = named.and_then(|name| std::path::absolute(name).ok());
        let path = named.filter(|path| is_same(path, &actual));
        Ok(Self {
            path: path.unwrap_or(actual),
            arguments,
        })
    }

    /// Its flags.
    pub(crate) fn flags(&self) -> impl Iterator<Item = &OsStr> {
        self.arguments.iter().skip(1).map(OsString::as_os_str)
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.dev(), metadata.ino()))
    };
    id(one).is_some() && id(one) == id(other)
}
