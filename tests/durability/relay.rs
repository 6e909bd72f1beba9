//! What lies between a server and its Redis: a line that can be cut without being closed, and that can
//! lead to another Redis.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::support::Directory;

/// How often a pipe looks whether it may pass something on.
const LOOK: Duration = Duration::from_millis(5);

/// Which bytes are held back, and pass when that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Cut {
    Nothing,
    /// What Redis answers; it does what it is told.
    Answers,
    Everything,
}

/// The line, by a unix socket of its own.
pub(crate) struct Relay {
    folder: Directory,
    shared: Arc<Shared>,
}

struct Shared {
    cut: AtomicU8,
    target: Mutex<PathBuf>,
    /// Both ends of each connection.
    open: Mutex<Vec<UnixStream>>,
}

impl Relay {
    /// To the Redis at this socket.
    pub(crate) fn new(target: PathBuf) -> Self {
        let folder = Directory::new();
        let listener = UnixListener::bind(folder.file("line.sock")).expect("a socket");
        let shared = Arc::new(Shared {
            cut: AtomicU8::new(Cut::Nothing as u8),
            target: Mutex::new(target),
            open: Mutex::new(Vec::new()),
        });
        let here = Arc::clone(&shared);
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                here.join(near);
            }
        });
        Self { folder, shared }
    }

    /// What a server calls the Redis behind it.
    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.folder.file("line.sock").display())
    }

    pub(crate) fn cut(&self, cut: Cut) {
        self.shared.cut.store(cut as u8, Ordering::Relaxed);
    }

    /// To another Redis from now on; connections to the former one are closed.
    pub(crate) fn lead(&self, target: PathBuf) {
        *lock(&self.shared.target) = target;
        for end in lock(&self.shared.open).drain(..) {
            let _ = end.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl Shared {
    /// A connection that cannot be led on is closed.
    fn join(self: &Arc<Self>, near: UnixStream) {
        let target = lock(&self.target).clone();
        let Ok(far) = UnixStream::connect(target) else {
            return;
        };
        for (from, to, which) in [(&near, &far, Cut::Everything), (&far, &near, Cut::Answers)] {
            let (from, to) = (from.try_clone(), to.try_clone());
            let (from, to) = (from.expect("a handle"), to.expect("a handle"));
            let here = Arc::clone(self);
            thread::spawn(move || here.pipe(from, to, which));
        }
        lock(&self.open).extend([near, far]);
    }

    /// Passes bytes on until an end is closed; none as long as as much as `which` is cut.
    fn pipe(&self, mut from: UnixStream, mut to: UnixStream, which: Cut) {
        let _ = from.set_read_timeout(Some(LOOK));
        let mut bytes = vec![0; 65_536];
        loop {
            if which as u8 <= self.cut.load(Ordering::Relaxed) {
                thread::sleep(LOOK);
                continue;
            }
            match from.read(&mut bytes) {
                Ok(0) => break,
                Ok(count) => {
                    if to.write_all(&bytes[..count]).is_err() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => (),
                Err(_) => break,
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
