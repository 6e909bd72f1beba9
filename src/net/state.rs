//! The sessions' file (`--state`): read at the start, written at the end of a drain.
//!
//! A failure here is logged and never ends the service: scores are worth less than the game.
//! Absent: what stands in the file; the hub knows.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::hub::Hub;
use crate::time::Millis;

/// Takes the sessions of an earlier process in. A damaged file is named, kept aside and not used.
pub(crate) fn read(path: &Path, hub: &mut Hub, now: Millis) {
    let shown = path.display();
    // Of a pipe nobody would ever see the end, and a directory cannot be replaced by a file.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        log::error!("{shown} is no regular file, so no sessions can be kept: give --state another");
        return;
    }
    let text = match fs::read(path) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Found at the end it would be too late.
            match path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty())
            {
                Some(parent) if !parent.is_dir() => log::error!(
                    "{shown}: its directory does not exist, so no sessions can be kept; create it"
                ),
                _ => log::info!("no sessions yet in {shown}"),
            }
            return try_to_write(path);
        }
        Err(error) => {
            log::error!("cannot read the sessions in {shown}: {error}; starting without them");
            return;
        }
    };
    let reason = match text.map(|text| hub.import_sessions(now, &text)) {
        Ok(Ok(count)) => {
            log::info!("{count} sessions read from {shown}");
            return try_to_write(path);
        }
        Ok(Err(error)) => error.0,
        Err(reason) => reason,
    };
    match set_aside(path) {
        Ok(kept) => log::error!(
            "the sessions in {shown} are damaged ({}); kept as {}, starting without them",
            reason.escape_debug(),
            kept.display()
        ),
        Err(error) => log::error!(
            "the sessions in {shown} are damaged ({}); starting without them; \
             the file could not be kept aside: {error}",
            reason.escape_debug()
        ),
    }
}

/// Looks whether there will be a place for the sessions: found at the end it would be too late.
fn try_to_write(path: &Path) {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    if parent.is_some_and(|parent| !parent.is_dir()) {
        // That was said already.
        return;
    }
    let tried = temporary(path)
        .and_then(|temporary| create_new(&temporary).and_then(|_| fs::remove_file(&temporary)));
    if let Err(error) = tried {
        log::error!(
            "no sessions can be kept in {}: its directory cannot be written to: {error}",
            path.display()
        );
    }
}

/// Writes the sessions for the next process.
pub(crate) fn write(path: &Path, text: &str) {
    match replace(path, text.as_bytes()) {
        Ok(()) => log::info!("sessions written to {}", path.display()),
        Err(error) => log::error!("cannot write the sessions to {}: {error}", path.display()),
    }
}

/// Renames a file to the first of `FILE.damaged`, `FILE.damaged.1`, … that does not exist.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    for number in 0..1000 {
        let mut name = path.as_os_str().to_owned();
        name.push(".damaged");
        if number != 0 {
            name.push(format!(".{number}"));
        }
        let kept = PathBuf::from(name);
        // A hard link fails where a rename would overwrite.
        match fs::hard_link(path, &kept) {
            Ok(()) => return fs::remove_file(path).map(|()| kept),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (),
            Err(_) if !kept.exists() => return fs::rename(path, &kept).map(|()| kept),
            Err(_) => (),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Replaces a file so that a crash leaves the old one or the new one, and never a part of either.
///
/// It is for our eyes only: it holds the tokens that prove sessions.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary(path)?;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let written = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written?;
    File::open(directory)?.sync_all()
}

/// The file beside it that is written first.
fn temporary(path: &Path) -> io::Result<PathBuf> {
    let mut name = path
        .file_name()
        .ok_or(io::ErrorKind::InvalidInput)?
        .to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    Ok(path.with_file_name(name))
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn create_new(path: &Path) -> io::Result<File> {
    // Left by a process of the same number that crashed; `create_new` would stumble over it.
    let _ = fs::remove_file(path);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::{replace, set_aside};

    #[test]
    fn a_file_is_replaced_whole_and_damaged_ones_are_all_kept() {
        let name = format!("roshambo-state-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).expect("a writable place");
        let path = directory.join("sessions");
        for text in ["one", "two"] {
            replace(&path, text.as_bytes()).expect("a writable place");
            assert_eq!(fs::read_to_string(&path).expect("it is there"), text);
        }
        let mode = fs::metadata(&path)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&directory).expect("it is there").count(), 1);
        let first = set_aside(&path).expect("no other is there");
        replace(&path, b"three").expect("a writable place");
        let second = set_aside(&path).expect("room for another");
        assert_eq!(fs::read_to_string(&first).expect("kept"), "two");
        assert_eq!(fs::read_to_string(&second).expect("kept"), "three");
        assert!(first.ends_with("sessions.damaged") && !path.exists());
        assert!(replace(&directory.join("none/sessions"), b"x").is_err());
        fs::remove_dir_all(&directory).expect("ours");
    }
}
