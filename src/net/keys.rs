//! The file with the keys that signed tokens are verified by: read at the start, and again when it
//! is another one.
//!
//! A new file that cannot be taken changes nothing: the keys that there were go on, and the log
//! says so. Absent: what is in it, and tokens.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::stamp::Stamp;
use crate::identity::{KEY_FILE_BYTES_MAX, Keys};

/// How often somebody looks whether it is another one: whoever changes keys waits as long before
/// the new one signs.
pub(crate) const LOOK_MS: u64 = 2_000;
/// What those may not do who are neither its owner nor in its group: read or write it.
const OTHERS: u32 = 0o006;

/// The file, and what it was when it was last read.
#[derive(Debug)]
pub(crate) struct KeyFile {
    path: PathBuf,
    /// `None`: it could not be looked at.
    seen: Option<Stamp>,
}

impl KeyFile {
    /// Reads it for the first time.
    ///
    /// # Errors
    ///
    /// It cannot be taken: one sentence for the person who named it.
    pub(crate) fn open(path: &Path) -> Result<(Self, Keys), String> {
        let (keys, stamp) = read(path)?;
        let path = path.to_owned();
        let seen = Some(stamp);
        Ok((Self { path, seen }, keys))
    }

    /// One that could not be read, to be looked at again.
    pub(crate) fn unread(path: &Path) -> Self {
        let path = path.to_owned();
        Self { path, seen: None }
    }

    /// Reads it again if it is another one than last time.
    ///
    /// `None`: it is the same. An error is told once, as long as it stays so.
    pub(crate) fn look(&mut self) -> Option<Result<Keys, String>> {
        let found = Stamp::at(&self.path);
        if found == self.seen {
            return None;
        }
        self.seen = found;
        Some(match read(&self.path) {
            Ok((keys, stamp)) => {
                self.seen = Some(stamp);
                Ok(keys)
            }
            Err(why) => Err(why),
        })
    }
}

fn read(path: &Path) -> Result<(Keys, Stamp), String> {
    let name = path.display();
    let wrong = |why: String| format!("--token-key {name} {why}");
    let failed = |error: io::Error| {
        wrong(match error.kind() {
            ErrorKind::NotFound => "does not exist".into(),
            ErrorKind::PermissionDenied => {
                "may not be read by this user: make it its group's, with mode 0640".into()
            }
            _ => format!("cannot be read: {error}"),
        })
    };
    let mut options = OpenOptions::new();
    // Of a pipe nobody would ever see the end.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = options.read(true).custom_flags(flags).open(path);
    let file: File = file.map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(wrong("is no file".into()));
    }
    let mode = metadata.mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(wrong(format!(
            "has mode {mode:04o}: others could sign in as anybody; 0600, or 0640 for its group"
        )));
    }
    let mut bytes = Vec::new();
    let most = KEY_FILE_BYTES_MAX as u64 + 1;
    file.take(most).read_to_end(&mut bytes).map_err(failed)?;
    if KEY_FILE_BYTES_MAX < bytes.len() {
        return Err(wrong(format!(
            "has more than {KEY_FILE_BYTES_MAX} bytes: it is no file of keys"
        )));
    }
    let keys = Keys::read(&bytes).map_err(wrong)?;
    Ok((keys, Stamp::of(&metadata)))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A folder that goes with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("roshambo-keys-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).expect("a folder");
            Self(path)
        }

        fn write(&self, text: &str, mode: u32) -> PathBuf {
            // As whoever changes keys should: a new file takes the old one's place.
            let (new, path) = (self.0.join("new"), self.0.join("keys"));
            fs::write(&new, text).expect("a file");
            fs::set_permissions(&new, Permissions::from_mode(mode)).expect("its owner's");
            fs::rename(&new, &path).expect("in the same folder");
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            // What is left behind is in the temporary folder.
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn others_may_not_read_it() {
        let folder = Folder::new("mode");
        let key = "k".repeat(32);
        let refusal = |text: &str, mode| {
            let opened = KeyFile::open(&folder.write(text, mode));
            opened.err().unwrap_or_default()
        };
        for mode in [0o400, 0o600, 0o640, 0o660, 0o750] {
            assert_eq!(refusal(&key, mode), "", "{mode:o}");
        }
        for mode in [0o644, 0o604, 0o666, 0o602, 0o777] {
            let why = refusal(&key, mode);
            assert!(why.contains(&format!("has mode {mode:04o}")), "{why}");
        }
        assert!(refusal("short", 0o600).ends_with("has 5 bytes: 32 to 256 are needed"));
        assert!(refusal(&"k\n".repeat(2_000), 0o600).contains("no file of keys"));
        assert!(!refusal(&format!("{key}x\nshort"), 0o600).contains("kkk"));
        let missing = KeyFile::open(&folder.0.join("none")).expect_err("no file");
        assert!(missing.ends_with("/none does not exist"), "{missing}");
        let inside = KeyFile::open(&folder.0).expect_err("a folder");
        assert!(inside.ends_with("is no file"), "{inside}");
    }

    #[test]
    fn another_file_is_read_and_a_broken_one_is_told_once() {
        let folder = Folder::new("look");
        let (old, new) = ("o".repeat(32), "n".repeat(32));
        let path = folder.write(&old, 0o600);
        let (mut file, keys) = KeyFile::open(&path).expect("a key");
        assert_eq!(keys.count(), 1);
        assert!(file.look().is_none());
        folder.write(&format!("{new}\n{old}\n"), 0o600);
        let both = file.look().expect("another file").expect("two keys");
        assert_eq!(both.count(), 2);
        assert!(file.look().is_none());
        for (text, mode) in [("", 0o600), (new.as_str(), 0o644)] {
            folder.write(text, mode);
            assert!(file.look().is_some_and(|read| read.is_err()), "{mode:o}");
            assert!(file.look().is_none(), "told twice");
        }
        // Its mode is mended.
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("its owner's");
        assert!(file.look().is_some_and(|read| read.is_ok()));
        fs::remove_file(&path).expect("it is there");
        assert!(file.look().is_some_and(|read| read.is_err()));
        assert!(file.look().is_none(), "told twice");
        folder.write(&old, 0o600);
        assert!(file.look().is_some_and(|read| read == Ok(keys)));
    }
}
