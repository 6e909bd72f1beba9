//! A service manager for one test: it hands sockets over, hears what it is told, sends signals.
//!
//! Handing over is done by a shell, which may renumber descriptors: the listeners come to it as its
//! standard input and output.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long to wait for what has to come; only a failure waits that long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request for a socket in the plain dialect.
pub(crate) const UPGRADE: &str = "GET /applet/websocket HTTP/1.1\r\nHost: e\r\n\
    Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Descriptors to be handed over as 3 and 4, and their names.
pub(crate) struct Fds {
    fds: Vec<OwnedFd>,
    names: String,
}

impl Fds {
    pub(crate) fn one(fd: &impl AsFd) -> Self {
        let fds = vec![copy(fd)];
        let names = "roshambo".into();
        Self { fds, names }
    }

    pub(crate) fn two(first: &impl AsFd, second: &impl AsFd, names: &str) -> Self {
        let fds = vec![copy(first), copy(second)];
        let names = names.into();
        Self { fds, names }
    }

    /// The server as a command that gets these descriptors.
    fn command(self) -> Command {
        let count = self.fds.len();
        let moves = if count == 1 { "" } else { "4>&1" };
        let script = format!(
            "export LISTEN_PID=$$ LISTEN_FDS={count}\n\
             exec \"$0\" \"$@\" 3<&0 {moves} </dev/null >/dev/null"
        );
        let mut command = Command::new("sh");
        command
            .args(["-c", &script, env!("CARGO_BIN_EXE_roshambo")])
            .env("LISTEN_FDNAMES", self.names)
            .env("ROSHAMBO_STORE", "memory");
        let mut fds = self.fds.into_iter();
        if let Some(first) = fds.next() {
            command.stdin(Stdio::from(first));
        }
        if let Some(second) = fds.next() {
            command.stdout(Stdio::from(second));
        }
        command
    }
}

fn copy(fd: &impl AsFd) -> OwnedFd {
    fd.as_fd().try_clone_to_owned().expect("a descriptor")
}

/// One test's directory and notification socket.
pub(crate) struct Manager {
    directory: PathBuf,
    socket: UnixDatagram,
}

impl Manager {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("roshambo-service-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).expect("a writable place");
        let socket = UnixDatagram::bind(directory.join("notify")).expect("a fresh path");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Self { directory, socket }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Starts the server with these sockets, arguments and variables.
    pub(crate) fn start(&self, fds: Fds, args: &[&str], env: &[(&str, &str)]) -> Server {
        let mut command = fds.command();
        command
            .args(args)
            .args(["--linger", "100ms", "--drain-spread", "0"])
            .env("NOTIFY_SOCKET", self.path("notify"))
            .envs(env.iter().copied());
        self.spawn(command)
    }

    /// Starts any command; its standard error can be read only if it is piped.
    pub(crate) fn spawn(&self, mut command: Command) -> Server {
        let mut child = command.spawn().expect("it starts");
        let log = child.stderr.take().map(BufReader::new);
        Server { child, log }
    }

    /// Runs the server to its end.
    pub(crate) fn run(&self, fds: Fds) -> Output {
        let mut command = fds.command();
        command.stderr(Stdio::piped());
        let child = command.spawn().expect("it starts");
        child.wait_with_output().expect("it ends")
    }

    /// The next datagram.
    #[track_caller]
    pub(crate) fn next(&self) -> String {
        let mut buffer = [0; 1024];
        let count = self.socket.recv(&mut buffer).expect("a datagram in time");
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    }

    /// The next datagram that is more than a status line.
    #[track_caller]
    pub(crate) fn next_but_status(&self) -> String {
        loop {
            let datagram = self.next();
            if !datagram.starts_with("STATUS=") {
                return datagram;
            }
        }
    }

    /// A datagram that comes within this time.
    pub(crate) fn within_ms(&self, ms: u64) -> Option<String> {
        let timeout = Some(Duration::from_millis(ms));
        self.socket.set_read_timeout(timeout).expect("a timeout");
        let mut buffer = [0; 1024];
        let received = self.socket.recv(&mut buffer);
        self.socket
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout");
        match received {
            Ok(count) => Some(String::from_utf8_lossy(&buffer[..count]).into_owned()),
            Err(error) => {
                assert!(matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut
                ));
                None
            }
        }
    }

    /// Forgets what was told already.
    pub(crate) fn discard(&self) {
        self.socket.set_nonblocking(true).expect("a socket");
        let mut buffer = [0; 1024];
        while self.socket.recv(&mut buffer).is_ok() {}
        self.socket.set_nonblocking(false).expect("a socket");
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The server's process.
pub(crate) struct Server {
    child: Child,
    log: Option<BufReader<std::process::ChildStderr>>,
}

impl Server {
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name])
            .arg(self.child.id().to_string())
            .status();
        assert!(status.expect("a shell").success());
    }

    /// Waits for a state of proc_pid_stat(5).
    pub(crate) fn await_state(&self, state: char) {
        let path = format!("/proc/{}/stat", self.child.id());
        loop {
            let stat = fs::read_to_string(&path).expect("the process lives");
            let (_, rest) = stat.rsplit_once(") ").expect("a name in parentheses");
            if rest.starts_with(state) {
                return;
            }
            std::thread::yield_now();
        }
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("a child")
    }

    /// The next line of its standard error.
    pub(crate) fn log_line(&mut self) -> String {
        let mut line = String::new();
        let log = self.log.as_mut().expect("it is piped");
        log.read_line(&mut line).expect("text");
        line
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A test that failed leaves no process behind; one that passed has none.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everything up to and including `mark`, or to the end.
#[track_caller]
pub(crate) fn read_until(stream: &mut impl Read, mark: &[u8]) -> String {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(mark) && stream.read(&mut byte).expect("bytes in time") == 1 {
        bytes.push(byte[0]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Asks for a socket; the head of the answer.
#[track_caller]
pub(crate) fn upgrade(stream: &mut (impl Read + Write)) -> String {
    stream.write_all(UPGRADE.as_bytes()).expect("it is read");
    read_until(stream, b"\r\n\r\n")
}

/// One plain request and the whole answer.
#[track_caller]
pub(crate) fn ask(address: &str, line: &str) -> String {
    let mut stream = connect(address);
    let request = format!("{line}\r\nHost: e\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it is read");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("a clean end");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[track_caller]
fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// A player in the plain dialect.
pub(crate) struct Player(TcpStream);

/// Opens a socket in the plain dialect.
#[track_caller]
pub(crate) fn open(address: &str) -> Player {
    let mut stream = connect(address);
    let head = upgrade(&mut stream);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    Player(stream)
}

impl Player {
    /// Sends a text message of at most 125 bytes, masked with zeros.
    pub(crate) fn say(&mut self, text: &str) {
        let length = u8::try_from(text.len()).expect("a short text");
        assert!(length <= 125);
        let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        self.0.write_all(&frame).expect("it is read");
    }

    /// Reads messages until one begins like this.
    #[track_caller]
    pub(crate) fn expect(&mut self, beginning: &str) {
        loop {
            let mut head = [0; 2];
            self.0.read_exact(&mut head).expect("a frame in time");
            let length = match head[1] {
                126 => {
                    let mut length = [0; 2];
                    self.0.read_exact(&mut length).expect("a whole frame");
                    usize::from(u16::from_be_bytes(length))
                }
                short => usize::from(short),
            };
            let mut payload = vec![0; length];
            self.0.read_exact(&mut payload).expect("a whole frame");
            assert_eq!(head[0], 0x81, "text was expected, not {payload:?}");
            if payload.starts_with(beginning.as_bytes()) {
                return;
            }
        }
    }
}
