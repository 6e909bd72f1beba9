//! The games typed in the reference of the wire and in README.zh-CN.md, played line by line against the hub.
//!
//! The command line is the one printed there, so a reader who copies both sees the same bytes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use roshambo::config::{Command, Config};
use roshambo::hub::{Dialect, Hub, Input, Output, Timer};
use roshambo::model::ConnId;
use roshambo::time::Millis;

/// Two consoles at a hub on a virtual clock.
struct Consoles {
    hub: Hub,
    now: Millis,
    timers: BTreeMap<(Millis, usize), Timer>,
    armed: usize,
    /// What each console has been sent and the transcript has not mentioned yet.
    unread: [Vec<String>; 2],
}

fn conn(console: usize) -> ConnId {
    ConnId {
        index: console as u32,
        generation: 1,
    }
}

impl Consoles {
    fn new(config: &Config) -> Self {
        let mut rng = fastrand::Rng::with_seed(1);
        let hub = Hub::new(config, 1, Box::new(move |bytes: &mut [u8]| rng.fill(bytes)));
        let (timers, unread) = (BTreeMap::new(), [vec![], vec![]]);
        let mut consoles = Self {
            hub,
            now: Millis(0),
            timers,
            armed: 0,
            unread,
        };
        for console in 0..2 {
            consoles.tell(Input::Opened {
                conn: conn(console),
                dialect: Dialect::Plain,
                from: None,
            });
        }
        consoles
    }

    fn tell(&mut self, input: Input<'_>) {
        self.hub.handle(self.now, input);
        while let Some(output) = self.hub.pop_output() {
            match output {
                Output::Send { conn, text } => {
                    self.unread[conn.index as usize].push(text.to_owned());
                }
                Output::Arm { at, timer } => {
                    self.armed += 1;
                    self.timers.insert((at, self.armed), timer);
                }
                Output::Disarm { timer } => {
                    self.timers.retain(|_, old| old.place() != timer.place());
                }
                // A console answers pings by itself.
                Output::Ping { .. } | Output::Pong { .. } => (),
                Output::Close { ended, .. } => panic!("a console was closed: {ended}"),
                Output::Store(_) | Output::Hold { .. } | Output::Resume { .. } => {
                    panic!("there is no store")
                }
            }
        }
    }

    fn expect(&mut self, console: usize, want: &str) {
        while self.unread[console].is_empty() {
            let ((at, _), timer) = self.timers.pop_first().expect("something is still to come");
            self.now = at;
            assert!(
                at < Millis(60_000),
                "nothing came for a minute, wanted {want}"
            );
            self.tell(Input::Due { timer });
        }
        assert_eq!(self.unread[console].remove(0), want);
    }
}

/// The configuration of the command line that asks for time to type.
fn typed_command(readme: &str) -> Config {
    let line = readme
        .lines()
        .find(|line| line.starts_with("cargo run") && line.contains("--robot-after"))
        .expect("the command");
    let (_, flags) = line.split_once(" -- ").expect("flags after --");
    let args = flags.split_whitespace().map(Into::into);
    match Config::load(args, |_| None) {
        Ok(Command::Run(config)) => *config,
        other => panic!("the printed command does not run: {other:?}"),
    }
}

fn play(readme: &str, lines_min: usize) {
    let mut consoles = Consoles::new(&typed_command(readme));
    let (_, rest) = readme.split_once("<!-- transcript:").expect("a transcript");
    let (_, rest) = rest.split_once("```text\n").expect("a block");
    let (transcript, _) = rest.split_once("```").expect("the block's end");
    for line in transcript.lines() {
        let console = usize::from(line.starts_with('B'));
        match line.split_at(4) {
            ("A > " | "B > ", text) => consoles.tell(Input::Text {
                conn: conn(console),
                text,
            }),
            ("A < " | "B < ", text) => consoles.expect(console, text),
            _ => panic!("not a line of a transcript: {line}"),
        }
    }
    assert_eq!(
        consoles.unread,
        [vec![""; 0], vec![]],
        "the transcript leaves something out"
    );
    assert!(
        lines_min <= transcript.lines().count(),
        "the transcript is a whole game"
    );
}

#[test]
fn the_game_in_the_reference_is_as_it_is_played() {
    play(include_str!("../src/wire/reference.md"), 20);
}

#[test]
fn the_game_in_the_chinese_readme_is_as_it_is_played() {
    play(include_str!("../README.zh-CN.md"), 14);
}

/// Commands that a reader has to type to find that there are none of that name: the program is only
/// where cargo puts it until a package is installed.
fn commands_not_found(readme: &str) -> Vec<String> {
    let mut in_block = false;
    let mut found = Vec::new();
    for line in readme.lines() {
        in_block ^= line.starts_with("```");
        // A block's line is a command, and so is a word of a sentence with flags or an address.
        let typed: Vec<&str> = match in_block {
            true => vec![line.trim_start_matches("$ ")],
            false => line.split('`').skip(1).step_by(2).collect(),
        };
        let is_command = |text: &&str| {
            text.starts_with("roshambo ")
                && (in_block || text.contains(" --") || text.contains("://"))
        };
        found.extend(typed.into_iter().filter(is_command).map(str::to_owned));
    }
    assert!(!in_block, "a block has no end");
    found
}

#[test]
fn every_command_can_be_typed_where_it_stands() {
    for readme in [
        include_str!("../README.md"),
        include_str!("../README.zh-CN.md"),
        include_str!("README.md"),
    ] {
        assert_eq!(commands_not_found(readme), [""; 0]);
    }
    // Where it is installed it is found.
    let deploying = include_str!("../systemd/README.md");
    assert_ne!(commands_not_found(deploying), [""; 0]);
    let bad = "## Run it\n```sh\nroshambo --seed 1\n```\nor `roshambo bench --help`\n";
    assert_eq!(commands_not_found(bad).len(), 2);
}

/// Links of a document to files that are not there, or to headings that their file has not.
fn dead_links(root: &Path, document: &str, text: &str) -> Vec<String> {
    let folder = Path::new(document).parent().unwrap_or(Path::new(""));
    let is_dead = |target: &&str| {
        let (file, heading) = target.split_once('#').unwrap_or((target, ""));
        let path = match file {
            "" => root.join(document),
            _ => root.join(folder).join(file),
        };
        let titled = |text: String| {
            let titles = text.lines().filter_map(|line| line.strip_prefix('#'));
            let anchor = |title: &str| {
                let title = title.trim_start_matches('#').trim().to_lowercase();
                let kept = title
                    .chars()
                    .filter(|&c| c.is_alphanumeric() || " -_".contains(c));
                kept.collect::<String>().replace(' ', "-")
            };
            titles.map(anchor).any(|title| title == heading)
        };
        let found = match heading {
            "" => path.exists(),
            _ => std::fs::read_to_string(&path).is_ok_and(titled),
        };
        !found
    };
    let links = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let ours = links.filter(|target| !target.contains("://"));
    ours.filter(is_dead).map(str::to_owned).collect()
}

/// The documents in a folder and below, but not in what is built or installed there.
fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.unwrap_or_default();
        if path.is_dir() {
            if !name.starts_with('.') && !["target", "node_modules"].contains(&name) {
                documents(&path, found);
            }
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

#[test]
fn no_document_leads_nowhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    documents(root, &mut found);
    let names: Vec<&str> = found
        .iter()
        .filter_map(|path| path.strip_prefix(root).ok()?.to_str())
        .collect();
    for known in ["README.md", "systemd/redis.md", "src/wire/reference.md"] {
        assert!(names.contains(&known), "{known} is not among {names:?}");
    }
    for document in names {
        let text = std::fs::read_to_string(root.join(document)).expect(document);
        assert_eq!(dead_links(root, document, &text), [""; 0], "{document}");
    }
    let bad = "[a](nowhere.md) [b](README.md#nothing) [c](README.md#run-it) [d](#run-it)";
    let dead = dead_links(root, "README.md", bad);
    assert_eq!(dead, ["nowhere.md", "README.md#nothing"]);
}
