//! A real redis-server of a test's own, on a unix socket in a folder of its own. `REDIS_SERVER` names
//! another program in its place, as a Valkey's.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Far more than it ever takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server; it and all that it has are gone when this is.
pub(crate) struct Redis {
    child: Child,
    folder: PathBuf,
    words: Vec<String>,
}

impl Redis {
    /// Starts one, empty, with these settings in addition, as `--maxmemory 1mb`.
    #[track_caller]
    pub(crate) fn start(words: &[&str]) -> Self {
        Self::try_start(words).expect("it starts")
    }

    /// The same; `None` if it ends at once, as for a port that somebody has.
    #[track_caller]
    pub(crate) fn try_start(words: &[&str]) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("roshambo-redis-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).expect("a writable place");
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let child = run(&folder, &words);
        let mut redis = Self {
            child,
            folder,
            words,
        };
        redis.wait().then_some(redis)
    }

    /// As whom a server is to speak to it, and in which database.
    pub(crate) fn url(&self, database: u32) -> String {
        format!("redis+unix://{}?db={database}", self.socket().display())
    }

    /// Where its files lie.
    #[allow(dead_code, reason = "not every test looks")]
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("r.sock")
    }

    /// Asks for something in its inline form; an array's items come one in a line.
    #[track_caller]
    pub(crate) fn say(&self, words: &str) -> String {
        let stream = UnixStream::connect(self.socket()).expect("it listens");
        say(stream, words).expect("an answer")
    }

    /// Sends it a signal by its name, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let process = self.child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &process])
            .status();
        assert!(sent.expect("kill(1)").success(), "it is gone");
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }

    /// Starts it again, on the files that it left.
    #[track_caller]
    pub(crate) fn restart(&mut self) {
        self.child = run(&self.folder, &self.words);
        assert!(self.wait(), "it does not start again");
    }

    /// Until it can be asked; whether it lives so long.
    #[track_caller]
    fn wait(&mut self) -> bool {
        let until = Instant::now() + PATIENCE;
        loop {
            let stream = UnixStream::connect(self.socket());
            let answer = stream.and_then(|stream| say(stream, "PING"));
            // It lives, too, if it wants a password first.
            if answer.is_ok_and(|answer| !answer.starts_with("-LOADING")) {
                return true;
            }
            if !matches!(self.child.try_wait(), Ok(None)) {
                return false;
            }
            assert!(Instant::now() < until, "redis-server does not listen");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn run(folder: &Path, words: &[String]) -> Child {
    // It ends with the thread that started it, whatever becomes of that.
    let mut command = Command::new("setpriv");
    let program = std::env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".into());
    command.args(["--pdeathsig", "KILL", &program]);
    command.args(["--port", "0", "--unixsocket"]);
    command.arg(folder.join("r.sock"));
    command.arg("--dir").arg(folder);
    command.args(["--save", "", "--logfile", "redis.log"]);
    command.args(words);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
        .spawn()
        .expect("install redis-server and util-linux")
}

fn say(mut stream: UnixStream, words: &str) -> std::io::Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{words}\r\n").as_bytes())?;
    let mut reader = BufReader::new(stream);
    let (mut said, mut left) = (Vec::new(), 1);
    while left != 0 {
        left -= 1;
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        match line.split_at_checked(1) {
            Some(("*", count)) => left += count.parse().unwrap_or(0),
            Some(("$", length)) if length != "-1" => {
                let mut bytes = vec![0; length.parse::<usize>().unwrap_or(0) + 2];
                std::io::Read::read_exact(&mut reader, &mut bytes)?;
                said.push(String::from_utf8_lossy(&bytes).trim_end().to_owned());
            }
            Some(("+" | ":", rest)) => said.push(rest.to_owned()),
            _ => said.push(line.to_owned()),
        }
    }
    Ok(said.join("\n"))
}
