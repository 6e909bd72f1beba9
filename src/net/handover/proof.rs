//! A new program shows on a copy of what there is that it could go on with it.
//!
//! It runs as a child, is told nothing but the copy, and has so long for its one line. It opens
//! neither listeners nor a store. Absent: how it does that.

use std::fs::File;
use std::io::{self, PipeReader, Read, Seek};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{PROVE, Program};

/// How long it may take, memory from a busy disk and all.
const PROOF: Duration = Duration::from_secs(10);
/// How often somebody should look.
pub(crate) const LOOK_MS: u64 = 10;
/// What it says in front of its version.
pub const PROVED: &str = "can go on: ";
/// Most of what it says that is read.
const WORDS_BYTES: usize = 4096;

/// A child that is about it.
#[derive(Debug)]
pub(crate) struct Proof {
    child: Child,
    words: PipeReader,
    until: Instant,
}

impl Proof {
    /// Starts the program that lies at that place now.
    ///
    /// # Errors
    ///
    /// It is not there, cannot be run, or nothing can be run just now: the rest of a sentence.
    pub(crate) fn start(program: &Program, mut copy: File) -> Result<Self, String> {
        let path = program.path.display();
        let cannot = |error: io::Error| format!("{path} cannot be run: {error}");
        copy.rewind().map_err(cannot)?;
        let (words, said) = io::pipe().map_err(cannot)?;
        rustix::io::ioctl_fionbio(&words, true).map_err(|error| cannot(error.into()))?;
        let too = said.try_clone().map_err(cannot)?;
        let mut command = Command::new(&program.path);
        command.arg(PROVE).args(program.flags());
        command.stdin(copy).stdout(Stdio::from(said)).stderr(too);
        // It is not the one that the service manager wants to hear.
        command.env_remove("NOTIFY_SOCKET");
        let child = command.spawn().map_err(cannot)?;
        Ok(Self {
            child,
            words,
            until: Instant::now() + PROOF,
        })
    }

    /// What came of it: the version that can go on, or why none can. `None`: nothing yet.
    pub(crate) fn outcome(&mut self) -> Option<Result<String, String>> {
        match self.child.try_wait() {
            Ok(None) if Instant::now() < self.until => None,
            Ok(None) => {
                let seconds = PROOF.as_secs();
                Some(Err(format!(
                    "the new program did not answer within {seconds} s"
                )))
            }
            Ok(Some(status)) => {
                let words = self.words();
                let version = words.strip_prefix(PROVED).map(str::to_owned);
                Some(match version {
                    Some(version) if status.success() => Ok(version),
                    _ if words.is_empty() => Err(format!("the new program failed: {status}")),
                    _ => Err(format!("the new program cannot go on: {words}")),
                })
            }
            Err(error) => Some(Err(format!("the new program is out of sight: {error}"))),
        }
    }

    /// What it said last, in one line.
    fn words(&mut self) -> String {
        let mut bytes = vec![0; WORDS_BYTES];
        let count = self.words.read(&mut bytes).unwrap_or(0);
        let text = String::from_utf8_lossy(bytes.get(..count).unwrap_or_default());
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty());
        let line = line.unwrap_or_default();
        line.strip_prefix("roshambo: ").unwrap_or(line).to_owned()
    }
}

impl Drop for Proof {
    fn drop(&mut self) {
        // It may have ended by itself; one that hangs must not stay.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
