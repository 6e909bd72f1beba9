//! The files: which they are, what they are, and that no other server has them.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FlockOperation, OFlags, StatxAttributes, StatxFlags};

use crate::store::OpenError;

/// For our eyes only: uids and scores are nobody else's business.
const MODE: u32 = 0o600;
/// Links that lead to links; as many as the kernel follows.
const LINKS_MAX: usize = 40;

/// A file beside the file: its write-ahead log, that log's index, its lock.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Follows links, also to a file that is not there yet: what lies beside it lies beside the real
/// one.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, OpenError> {
    let asked = path.display();
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(target) = fs::read_link(&path) else {
            let (Some(folder), Some(name)) = (folder_of(&path), path.file_name()) else {
                return Err(OpenError(format!("{asked} is a folder: name a file in it")));
            };
            let folder = folder.canonicalize().map_err(|error| {
                let folder = folder.display();
                OpenError(match error.kind() {
                    ErrorKind::NotFound => format!(
                        "{asked}: there is no folder {folder}: make it, or name another file"
                    ),
                    _ => format!("{asked}: its folder {folder} cannot be entered: {error}"),
                })
            })?;
            return Ok(folder.join(name));
        };
        path = match folder_of(&path) {
            Some(folder) => folder.join(target),
            None => target,
        };
    }
    Err(OpenError(format!("{asked}: its links lead nowhere")))
}

fn folder_of(path: &Path) -> Option<&Path> {
    let parent = path.parent()?;
    Some(match parent.as_os_str().is_empty() {
        true => Path::new("."),
        false => parent,
    })
}

/// Refuses what can be no file of ours, before anything is opened: of a pipe nobody would ever see
/// the end.
pub(super) fn check_kind(path: &Path) -> Result<(), OpenError> {
    let shown = path.display();
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let log = beside(path, "-wal");
            return match fs::metadata(&log) {
                Ok(log) if log.len() != 0 => Err(OpenError(format!(
                    "{shown} is gone, but its log {shown}-wal is there with points in it: put the \
                     file back, or move the log away too"
                ))),
                _ => Ok(()),
            };
        }
        Err(error) => return Err(OpenError(format!("{shown} cannot be looked at: {error}"))),
    };
    let kind = metadata.file_type();
    let what = match () {
        () if kind.is_file() => "",
        () if kind.is_dir() => "a folder: name a file in it",
        () if kind.is_fifo() => "a pipe and keeps nothing: name a file",
        () if kind.is_socket() => "a socket and keeps nothing: name a file",
        () => "a device and keeps nothing: name a file, or use --store memory",
    };
    if !what.is_empty() {
        return Err(OpenError(format!("{shown} is {what}")));
    }
    if is_mount(path) {
        let line = format!(
            "{shown} is a mount by itself: mount its folder, because its log {shown}-wal lies \
             beside it and would be lost"
        );
        return Err(OpenError(line));
    }
    Ok(())
}

/// Whether something was mounted on this very file. Kernels before 5.8 cannot tell.
fn is_mount(path: &Path) -> bool {
    let asked = rustix::fs::statx(CWD, path, AtFlags::empty(), StatxFlags::empty());
    asked.is_ok_and(|stat| {
        (stat.stx_attributes & stat.stx_attributes_mask).contains(StatxAttributes::MOUNT_ROOT)
    })
}

/// Makes the file, empty, if it is not there; closes all of its files to others.
pub(super) fn make(path: &Path) -> Result<(), OpenError> {
    let mut options = OpenOptions::new();
    let made = options.write(true).create_new(true).mode(MODE).open(path);
    match made {
        Ok(_) => (),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => (),
        Err(error) => return Err(cannot_write(path, &error)),
    }
    for ending in ["", "-wal", "-shm"] {
        let path = beside(path, ending);
        let Ok(metadata) = fs::metadata(&path) else {
            continue;
        };
        // What its owner may do is its owner's business.
        if metadata.mode() & 0o077 != 0 {
            let mode = Permissions::from_mode(metadata.mode() & 0o7700);
            let closed = fs::set_permissions(&path, mode);
            if let Err(error) = closed {
                log::warn!("{} can be read by others: {error}", path.display());
            }
        }
    }
    Ok(())
}

/// Lets the server have what a command made that root ran. Anybody else has made it for himself.
pub(super) fn give_to_owner_of_folder(path: &Path) {
    if let Some(folder) = folder_of(path).and_then(|folder| fs::metadata(folder).ok()) {
        for ending in ["", ".lock"] {
            let path = beside(path, ending);
            let _ = std::os::unix::fs::chown(path, Some(folder.uid()), Some(folder.gid()));
        }
    }
}

/// What is to be said when a folder or a file takes nothing.
pub(super) fn cannot_write(path: &Path, error: &dyn std::fmt::Display) -> OpenError {
    let shown = path.display();
    let folder = folder_of(path).unwrap_or(path).display();
    OpenError(format!(
        "{shown} cannot be written: {error}: let this user write to {folder}, name another file, \
         or keep points in memory with --store memory"
    ))
}

/// The first bytes of the file, at most as many as fit.
///
/// Not while SQLite has it open here: closing a file takes all locks away that its process has on
/// it (POSIX, `fcntl`), SQLite's too.
pub(super) fn head(path: &Path, into: &mut [u8]) -> io::Result<usize> {
    let mut file = File::open(path)?;
    let mut length = 0;
    while let Some(rest) = into.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// Bytes of the file and its log.
pub(super) fn bytes(path: &Path) -> u64 {
    let length = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    length(path) + length(&beside(path, "-wal"))
}

/// Which file it is, whatever it is called. As long as this is held no other gets its number.
pub(super) struct Identity(File);

/// What became of a file that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It lies where it lay.
    Same,
    /// It was deleted, and nothing lies in its place.
    Deleted,
    /// It was deleted, and another lies in its place, as after a copy that is moved there.
    Replaced,
    /// It was moved, or nobody knows.
    Gone,
}

impl Identity {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        // A mere name of it, whose end takes nobody's locks away.
        let name = OFlags::PATH.bits().cast_signed();
        options.read(true).custom_flags(name).open(path).map(Self)
    }

    /// One that the program before this one had.
    pub(super) fn taken(descriptor: OwnedFd) -> Self {
        Self(File::from(descriptor))
    }

    /// The same file for another program.
    pub(super) fn copy(&self) -> io::Result<OwnedFd> {
        self.0.as_fd().try_clone_to_owned()
    }

    /// What lies at this path now.
    pub(super) fn fate(&self, path: &Path) -> Fate {
        let Ok(held) = self.0.metadata() else {
            return Fate::Gone;
        };
        match fs::symlink_metadata(path) {
            Ok(there) if (there.dev(), there.ino()) == (held.dev(), held.ino()) => Fate::Same,
            Err(error) if error.kind() == ErrorKind::NotFound && held.nlink() == 0 => Fate::Deleted,
            Ok(_) if held.nlink() == 0 => Fate::Replaced,
            _ => Fate::Gone,
        }
    }
}

/// Lays a new file in place of one that was deleted, whose log and index may lie there still.
pub(super) fn put_in_place(new: &Path, path: &Path) -> io::Result<()> {
    for ending in ["-wal", "-shm"] {
        match fs::remove_file(beside(path, ending)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => (),
        }
    }
    fs::rename(new, path)?;
    sync_folder(path)
}

/// Makes the names in a file's folder last.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    match folder_of(path) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Makes an empty file, ours alone, in place of what lies there.
pub(super) fn make_new(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(MODE).open(path)
}

/// Held as long as the file is this server's.
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// One that the program before this one took, and that nobody else could have meanwhile: it is
    /// held as long as any copy of its descriptor is open (flock(2)).
    pub(super) fn taken(descriptor: OwnedFd) -> Self {
        let file = File::from(descriptor);
        Self { file }
    }

    /// The same lock for another program.
    pub(super) fn copy(&self) -> io::Result<OwnedFd> {
        self.file.as_fd().try_clone_to_owned()
    }

    /// Locks `FILE.lock`, which says whose it is, and stays when that ends.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let shown = path.display();
        let name = beside(path, ".lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let opened = options
            .mode(MODE)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&name);
        let mut file = opened.map_err(|error| cannot_write(path, &error))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => (),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut text = String::new();
                // A moment ago it was not written yet: then nobody knows.
                let _ = (&mut file).take(20).read_to_string(&mut text);
                let process = match text.trim().parse::<u32>() {
                    Ok(process) => format!(" (process {process})"),
                    Err(_) => String::new(),
                };
                return Err(OpenError(format!(
                    "{shown} is used by another server{process}: stop that, or give this one a \
                     --store of its own"
                )));
            }
            Err(error) => {
                return Err(OpenError(format!(
                    "{shown} cannot be locked: {error}: put it on a disk of this machine"
                )));
            }
        }
        let written = file
            .set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(|error| cannot_write(path, &error))?;
        Ok(Self { file })
    }
}
