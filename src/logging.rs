//! Log lines on standard error that neither block nor end the process.
//!
//! `simple_logger` prints with `eprintln!`: on a full pipe that waits for the reader, on a closed
//! one it panics. So each line is written only while the pipe has room for it, is short enough to
//! fit into that room, and a panic of the print is caught. Lines that could not be written are
//! counted, and the first line after them says how many they were.
//!
//! One record is one line: control characters are escaped here, whatever the caller did. Only
//! `main` knows this module; everybody else calls the `log` macros. No file is opened here.

use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::os::fd::AsFd;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};

use log::{Level, LevelFilter, Log, Metadata, Record};
use rustix::event::{PollFd, PollFlags, Timespec};
use simple_logger::SimpleLogger;

/// A pipe that polls writable takes this much at once (pipe(7), `PIPE_BUF`; poll(2), `POLLOUT`).
const LINE_BYTES_MAX: usize = 4_096;
/// Longest `target` that is printed: ours are module paths.
const TARGET_BYTES_MAX: usize = 100;
/// What `simple_logger` adds to target and text: time, level, brackets, spaces, the line's end.
const FRAME_BYTES_MAX: usize = 40;
/// Longest text; the rest of a longer one is cut off.
const TEXT_BYTES_MAX: usize = LINE_BYTES_MAX - TARGET_BYTES_MAX - FRAME_BYTES_MAX;

/// A line about a connection that ended is shorter than that.
const LINE_BYTES_USUAL: usize = 160;

/// Lines dropped since the process began.
static DROPPED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Whether this thread is inside of `simple_logger`, so that its panic is nobody's news.
    static WRITING: Cell<bool> = const { Cell::new(false) };
}

/// Makes this the process's logger, for lines up to `level`. Call it once, before the first line.
///
/// It also takes over the panic hook, which prints to the same pipe.
pub(crate) fn install(level: LevelFilter) {
    let print_panic = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        // A process that is about to end must not wait for the reader of its log either.
        if !WRITING.get() && has_room(std::io::stderr()) {
            print_panic(panic);
        }
    }));
    let logger = Logger {
        // tungstenite traces what players type; a log is no place for that.
        printer: SimpleLogger::new()
            .with_level(level)
            .with_module_level("tungstenite", level.min(LevelFilter::Warn)),
        untold: AtomicU64::new(0),
    };
    if log::set_boxed_logger(Box::new(logger)).is_ok() {
        log::set_max_level(level);
    }
}

/// How many lines could not be written since the process began.
pub(crate) fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

struct Logger {
    printer: SimpleLogger,
    /// Lines dropped that no line has told of yet.
    untold: AtomicU64,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.printer.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let untold = self.untold.swap(0, Ordering::Relaxed);
        let told = untold == 0 || {
            let text = format!("{untold} log lines were dropped");
            self.print(Level::Warn, module_path!(), &text)
        };
        if !told {
            self.untold.fetch_add(untold, Ordering::Relaxed);
        }
        if !told || !self.print(record.level(), record.target(), &line(record.args())) {
            self.untold.fetch_add(1, Ordering::Relaxed);
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self) {}
}

impl Logger {
    /// Writes one line if that is possible right now; whether it was.
    fn print(&self, level: Level, target: &str, text: &str) -> bool {
        if !has_room(std::io::stderr()) {
            return false;
        }
        let target = match target.len() {
            ..=TARGET_BYTES_MAX => target,
            _ => "…",
        };
        WRITING.set(true);
        // The pipe may close between the look and the write, and a file's disk may be full.
        let printed = panic::catch_unwind(AssertUnwindSafe(|| {
            let mut record = Record::builder();
            record.level(level).target(target);
            self.printer
                .log(&record.args(format_args!("{text}")).build());
        }));
        WRITING.set(false);
        printed.is_ok()
    }
}

/// Whether a line can be written without waiting, and somebody can still read it.
fn has_room(pipe: impl AsFd) -> bool {
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut polled = [PollFd::new(&pipe, PollFlags::OUT)];
    let answer = rustix::event::poll(&mut polled, Some(&at_once));
    // Errors and hang-ups are reported without being asked for.
    answer.is_ok() && polled[0].revents() == PollFlags::OUT
}

/// A record's text as one line of limited length.
fn line(args: &fmt::Arguments<'_>) -> String {
    let mut line = Line(String::with_capacity(LINE_BYTES_USUAL));
    // The error only says that the rest was cut off.
    let _ = line.write_fmt(*args);
    line.0
}

/// Escapes what could end a line or steer a terminal, and stops at [`TEXT_BYTES_MAX`].
struct Line(String);

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        /// The longest escape, and the mark of a cut.
        const RESERVED: usize = "\\u{10ffff}".len() + "…".len();

        let fits = self.0.len() + text.len() <= TEXT_BYTES_MAX - RESERVED;
        if fits && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            // As nearly always.
            self.0.push_str(text);
            return Ok(());
        }
        for character in text.chars() {
            if TEXT_BYTES_MAX - RESERVED < self.0.len() {
                self.0.push('…');
                return Err(fmt::Error);
            }
            match character {
                _ if character.is_control() => self.0.extend(character.escape_default()),
                '\u{2028}' | '\u{2029}' => self.0.extend(character.escape_default()),
                _ => self.0.push(character),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{self, BufRead, BufReader, Read, Write};
    use std::process::{Child, Command, Stdio};
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_pipe_with_room_takes_a_whole_line_without_waiting() {
        let (mut reader, mut writer) = io::pipe().expect("a pipe");
        let mut lines = 0;
        // If the look promised too much, this would wait for ever. Lines are printed in two pieces.
        while has_room(&writer) {
            writer.write_all(&[b'x'; LINE_BYTES_MAX - 1]).expect("room");
            writer.write_all(b"\n").expect("room");
            lines += 1;
        }
        assert!(0 < lines);
        let mut half = vec![0; lines * LINE_BYTES_MAX / 2];
        reader.read_exact(&mut half).expect("what was written");
        assert!(has_room(&writer), "it was read from");
        let nobody_starts = STARTING.lock();
        drop(reader);
        assert!(!has_room(&writer), "nobody will read it");
        drop(nobody_starts);
    }

    #[test]
    fn lines_are_escaped_and_cut() {
        let rows = [
            ("ann", "ann"),
            ("剪刀 🐱", "剪刀 🐱"),
            ("a\nERROR b\r\u{1b}[2J", "a\\nERROR b\\r\\u{1b}[2J"),
            ("\u{2028}\u{2029}\u{85}", "\\u{2028}\\u{2029}\\u{85}"),
        ];
        for (text, want) in rows {
            assert_eq!(line(&format_args!("{text}")), want);
        }
        for text in ["x".repeat(9_999), "剪".repeat(9_999), "\0".repeat(9_999)] {
            let cut = line(&format_args!("{text}"));
            assert!(cut.ends_with('…'));
            let length = cut.len();
            assert!(
                (TEXT_BYTES_MAX - 30..=TEXT_BYTES_MAX).contains(&length),
                "{length}"
            );
        }
    }

    /// Not a test of its own: the process whose standard error the tests below hold. Without the
    /// variable it does nothing.
    #[test]
    fn child() {
        if std::env::var_os("ROSHAMBO_TEST_LOG_CHILD").is_none() {
            return;
        }
        install(LevelFilter::Info);
        log::debug!("below the level");
        for command in io::stdin().lines() {
            let command = command.expect("the parent's word");
            let count: u32 = command.parse().expect("a number of lines");
            for number in 0..count {
                log::info!("line {number} {}", "x".repeat(9_999));
            }
            println!("dropped={}", dropped());
        }
    }

    /// Held while a child starts: until it is its own program it has all pipes of this process, and
    /// whoever closes one is not the last.
    static STARTING: Mutex<()> = Mutex::new(());

    /// The test above as a process, with this standard error.
    fn spawn_child(stderr: Stdio) -> Child {
        let _starting = STARTING.lock();
        Command::new(std::env::current_exe().expect("this test's own file"))
            .args(["logging::tests::child", "--exact", "--nocapture"])
            .env("ROSHAMBO_TEST_LOG_CHILD", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the child")
    }

    /// How many lines the child has dropped, from its next answer.
    fn read_dropped(answers: &mut impl BufRead) -> u64 {
        loop {
            let mut answer = String::new();
            let length = answers.read_line(&mut answer).expect("text");
            assert!(0 < length, "the child is gone");
            // The harness may have printed the test's name on the same line.
            if let Some((_, dropped)) = answer.trim_end().split_once("dropped=") {
                return dropped.parse().expect("a number");
            }
        }
    }

    /// A full disk polls writable and fails then: the panic of the print is caught.
    #[test]
    fn a_failed_write_does_not_end_the_process() {
        let full = File::options().write(true).open("/dev/full");
        let mut child = spawn_child(full.expect("full(4)").into());
        let mut commands = child.stdin.take().expect("piped");
        let mut answers = BufReader::new(child.stdout.take().expect("piped"));
        for dropped in [3, 6] {
            writeln!(commands, "3").expect("the child lives");
            assert_eq!(read_dropped(&mut answers), dropped);
        }
        drop(commands);
        assert!(child.wait().expect("an end").success());
    }

    /// A reader that sleeps, wakes up and goes away: the process serves on, and says what was lost.
    #[test]
    fn a_full_or_closed_pipe_neither_blocks_nor_ends_the_process() {
        let mut child = spawn_child(Stdio::piped());
        let mut commands = child.stdin.take().expect("piped");
        let mut answers = BufReader::new(child.stdout.take().expect("piped"));
        let mut log = BufReader::new(child.stderr.take().expect("piped"));
        let mut say = |lines: u32| {
            writeln!(commands, "{lines}").expect("the child lives");
            read_dropped(&mut answers)
        };
        let mut read_line = || {
            let mut line = String::new();
            log.read_line(&mut line).expect("text");
            assert!(
                line.ends_with('\n') && line.len() < LINE_BYTES_MAX,
                "{line}"
            );
            line
        };

        assert_eq!(say(2), 0, "there is room for two lines");
        let full = say(1_000);
        assert!(0 < full && full < 1_000, "{full} of 1000 lines");
        for _ in 0..1_002 - full {
            let line = read_line();
            assert!(
                line.contains(" INFO  [") && line.contains("] line "),
                "{line}"
            );
        }
        assert_eq!(say(1), full, "there is room again");
        let line = read_line();
        assert!(
            line.contains(&format!("] {full} log lines were dropped")),
            "{line}"
        );
        assert!(read_line().contains("] line 0 xxx"));
        let nobody_starts = STARTING.lock();
        drop(log);
        assert_eq!(say(3), full + 3, "nobody reads any more");
        drop(nobody_starts);
        drop(commands);
        assert!(child.wait().expect("an end").success());
    }
}
