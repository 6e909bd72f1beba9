//! The built binary as a child: started on a free port, its log read, ended by its own handle.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::PATIENCE;

/// Stands before the address in the line that a server writes at its start.
const LISTENING: &str = "listening on ";

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    place: String,
    log: Log,
    /// Tells when the process's standard output ends, that is, when the process does.
    stdout: Receiver<String>,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Exit {
    /// Its exit status.
    pub(crate) status: ExitStatus,
    /// All of its standard output.
    pub(crate) stdout: String,
    /// All of its standard error, if it was read.
    pub(crate) stderr: String,
}

impl Exit {
    /// The exit code; none after a signal.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

impl Server {
    /// Starts a server on a free port of this machine, with these flags.
    pub(crate) fn start(flags: &[&str]) -> Self {
        let mut command = command();
        command.args(["--listen", "127.0.0.1:0"]).args(flags);
        Self::spawn(command)
    }

    /// Starts a server where two humans meet and no robot disturbs them; rounds last two seconds.
    pub(crate) fn for_pairs(flags: &[&str]) -> Self {
        Self::start(&[&["--game-time", "2s", "--robot-after", "30s"], flags].concat())
    }

    /// Starts what the command says and waits until it listens.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = spawn(&mut command);
        let log = Log::default();
        let stderr = child.stderr.take().expect("it is piped");
        let stdout = read_stdout(&mut child);
        log.read(stderr);
        let line = log.wait_for("the start", |line| line.contains(LISTENING));
        Self {
            place: place_in(&line),
            child,
            log,
            stdout,
        }
    }

    /// Starts a server whose log nobody reads after the line that tells the address.
    pub(crate) fn start_unread(flags: &[&str]) -> (Self, ChildStderr) {
        let mut command = command();
        command.args(["--listen", "127.0.0.1:0"]).args(flags);
        let mut child = spawn(&mut command);
        let mut stderr = child.stderr.take().expect("it is piped");
        let stdout = read_stdout(&mut child);
        let line = loop {
            let line = read_line_slowly(&mut stderr);
            if line.contains(LISTENING) {
                break line;
            }
        };
        let server = Self {
            place: place_in(&line),
            child,
            log: Log::default(),
            stdout,
        };
        (server, stderr)
    }

    /// What the log says it listens on: an address, or `unix:` and a path.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Its TCP address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.place.parse().expect("a TCP address in the log")
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        // The shell's own `kill` is everywhere, and no unsafe call is needed.
        let status = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", self.child.id())])
            .status();
        assert!(status.expect("a shell").success(), "the process is gone");
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How many files and sockets it has open.
    pub(crate) fn descriptors(&self) -> usize {
        let entries = std::fs::read_dir(format!("/proc/{}/fd", self.pid()));
        entries.expect("the process runs").count()
    }

    /// Processor time that it has used, in clock ticks (proc(5), `utime` and `stime`).
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid()));
        let stat = stat.expect("the process runs");
        // The name in brackets may hold anything; the third field is the first one behind it.
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        let fields = fields.split_whitespace().skip(11).take(2);
        fields.filter_map(|field| field.parse::<u64>().ok()).sum()
    }

    /// Memory that is really there, in KiB (proc(5), `VmRSS`).
    pub(crate) fn resident_kib(&self) -> u64 {
        self.status_kib("VmRSS:")
    }

    /// All of its addresses, in bytes (proc(5), `VmSize`): what `RLIMIT_AS` limits.
    pub(crate) fn address_space_bytes(&self) -> u64 {
        self.status_kib("VmSize:") * 1024
    }

    /// Its own memory, in bytes (proc(5), `VmData`): what `RLIMIT_DATA` limits.
    pub(crate) fn data_bytes(&self) -> u64 {
        self.status_kib("VmData:") * 1024
    }

    fn status_kib(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("the process runs");
        let line = status.lines().find(|line| line.starts_with(field));
        let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        number.expect("a process has memory")
    }

    /// Sets a limit of the running process, as `prlimit` of util-linux takes it: `--nofile=64:`.
    pub(crate) fn limit(&self, limit: &str) {
        let process = format!("--pid={}", self.pid());
        let status = Command::new("prlimit").args([&process, limit]).status();
        let status = status.expect("prlimit of util-linux is installed");
        assert!(status.success(), "{limit}");
    }

    /// Whether the process still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("our child").is_none()
    }

    /// Whether the process ends by itself within so long, for who tries something again and again.
    pub(crate) fn ends_within(&mut self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while self.is_running() {
            if until <= Instant::now() {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// Waits until the process has ended by itself.
    pub(crate) fn wait(mut self) -> Exit {
        let stdout = self.stdout.recv_timeout(2 * PATIENCE);
        let stdout = stdout.expect("the process ends by itself in time");
        let status = self.child.wait().expect("our child");
        let stderr = self.log.rest();
        Exit {
            status,
            stdout,
            stderr,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- the server's log\n{}---", self.log.text());
        }
    }
}

/// The binary, free of what the environment of the tests may say to it.
pub(crate) fn command() -> Command {
    free(Command::new(env!("CARGO_BIN_EXE_roshambo")))
}

/// A copy of it at another place, likewise.
pub(crate) fn command_of(program: &std::path::Path) -> Command {
    free(Command::new(program))
}

/// The same by way of another program, such as `nohup`, that becomes the server.
pub(crate) fn command_by(words: &[&str]) -> Command {
    let (program, arguments) = words.split_first().expect("a program");
    let mut command = Command::new(program);
    command.args(arguments).arg(env!("CARGO_BIN_EXE_roshambo"));
    free(command)
}

fn free(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text == "PORT" || text.starts_with("ROSHAMBO_") || text == "NOTIFY_SOCKET" {
            command.env_remove(&name);
        }
    }
    // Unless a flag says otherwise nothing is left behind.
    command.env("ROSHAMBO_STORE", "memory");
    command
}

/// Runs the binary to its end, where it is expected to end by itself.
pub(crate) fn run(arguments: &[&str]) -> Exit {
    let mut command = command();
    command.args(arguments);
    run_command(command)
}

/// Runs a command to its end, where it is expected to end by itself.
pub(crate) fn run_command(mut command: Command) -> Exit {
    let mut child = spawn(&mut command);
    let log = Log::default();
    log.read(child.stderr.take().expect("it is piped"));
    let stdout = read_stdout(&mut child);
    let server = Server {
        child,
        place: String::new(),
        log,
        stdout,
    };
    server.wait()
}

fn spawn(command: &mut Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cargo has built the binary")
}

fn read_stdout(child: &mut Child) -> Receiver<String> {
    let mut stdout = child.stdout.take().expect("it is piped");
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stdout.read_to_end(&mut bytes);
        // Nobody waits any more when the test has failed.
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

/// One line, byte by byte, so that nothing behind it is taken out of the pipe.
fn read_line_slowly(stderr: &mut ChildStderr) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        let read = stderr.read_exact(&mut byte);
        read.expect("the server writes to its log before it ends");
        if byte == *b"\n" {
            break;
        }
        line.extend(byte);
    }
    String::from_utf8_lossy(&line).into_owned()
}

/// The word after "listening on".
fn place_in(line: &str) -> String {
    let (_, rest) = line.split_once(LISTENING).expect("it was looked for");
    let place = rest.split([' ', ',']).next().unwrap_or(rest);
    place.to_owned()
}

/// Whether a server says in a line that its machine let it wait.
pub(crate) fn is_of_machine(line: &str) -> bool {
    line.contains("] a slow turn: ")
}

/// A process's log as it grows. A wait that fails panics and leaves it as it was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<(Mutex<Lines>, Condvar)>);

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<String>,
    ended: bool,
}

impl Log {
    /// Reads a log to its end, in a thread of its own.
    fn read(&self, stderr: ChildStderr) {
        let log = self.clone();
        thread::spawn(move || {
            let mut stderr = BufReader::new(stderr);
            let mut line = Vec::new();
            while let Ok(1..) = stderr.read_until(b'\n', &mut line) {
                let text = String::from_utf8_lossy(&line).trim_end_matches('\n').into();
                log.change(|lines| lines.lines.push(text));
                line.clear();
            }
            log.change(|lines| lines.ended = true);
        });
    }

    fn change(&self, change: impl FnOnce(&mut Lines)) {
        let (lines, changed) = &*self.0;
        change(&mut lines.lock().unwrap_or_else(PoisonError::into_inner));
        changed.notify_all();
    }

    /// Waits for the first line that satisfies a condition; `what` says what it is.
    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.wait_for_many(what, 1, wanted).remove(0)
    }

    /// Waits until so many lines satisfy a condition, and returns all that do.
    #[track_caller]
    pub(crate) fn wait_for_many(
        &self,
        what: &str,
        count: usize,
        wanted: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        let until = Instant::now() + PATIENCE;
        let (lines, changed) = &*self.0;
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let found: Vec<_> = lines.lines.iter().filter(|line| wanted(line)).collect();
            if count <= found.len() {
                return found.into_iter().cloned().collect();
            }
            let left = until.saturating_duration_since(Instant::now());
            if lines.ended || left.is_zero() {
                // Unlocked first: whoever shows the log of a failed test locks it, too.
                drop(lines);
                panic!("{what} is not in the log");
            }
            let waited = changed.wait_timeout(lines, left);
            lines = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// All lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .lines
            .clone()
    }

    /// All lines so far, but for those in which a server says that the machine let it wait: on one
    /// that is busy they may come at any time, whatever a test does.
    pub(crate) fn deeds(&self) -> Vec<String> {
        let mut lines = self.lines();
        lines.retain(|line| !is_of_machine(line));
        lines
    }

    /// All lines so far, as they were written.
    pub(crate) fn text(&self) -> String {
        self.lines()
            .iter()
            .map(|line| format!("{line}\n"))
            .collect()
    }

    /// Everything up to the end of a process that has ended; what is there if nobody reads.
    fn rest(&self) -> String {
        let until = Instant::now() + PATIENCE;
        let (lines, changed) = &*self.0;
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        // The second owner is the thread that reads.
        while !lines.ended && 1 < Arc::strong_count(&self.0) && Instant::now() < until {
            let waited = changed.wait_timeout(lines, PATIENCE);
            lines = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(lines);
        self.text()
    }
}
