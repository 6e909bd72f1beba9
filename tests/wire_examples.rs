//! The examples of the wire's reference, played byte for byte.
//!
//! A block of text below a comment `<!-- played … -->` is a transcript; behind a colon the comment
//! may hold flags of the server. Its lines are what stands on the wire:
//!
//! | line | meaning |
//! |---|---|
//! | `A + EIO3` | A connects, in this dialect |
//! | `A > text`, `A < text` | A sends, A receives |
//! | `A < (ping)`, `A > (pong)`, `A > (binary)` | frames of WebSocket's own |
//! | `A ! 1008 reason` | the server closes A's connection |
//! | `A - lost` | A's connection is lost |
//! | `-- 3 s` | so much time passes; everything before was received by then |
//! | `-- SIGTERM` | the server is asked to stop |
//! | `-- restart`, `-- kill` | the next one has started; the one before stopped, or died |
//! | `-- the store is away`, `-- the store is back` | it cannot be asked, or can be again |
//! | `-- at instance b: 7 online, the room BK7M2QX` | there is another instance, and that is there |
//! | `-- instance b is gone` | its lease is over |
//! | `-- on the board: Ann 7, Bob 5` | there is one, and these persons won so much this week |
//!
//! With `--token-key` in the comment, whatever it names, there is a key, and tokens that it signed:
//! `<anns-signed-token>`, `<bobs-signed-token>`, `<an-old-signed-token>`, whose time is over, and
//! `<cems-signed-token-with-a-name>`.
//!
//! `<name>` in a text is whatever stands there first, and the same from then on. A block below
//! `<!-- asked -->` is a plain request and the whole answer to it.

#[allow(dead_code, reason = "other tests look into it")]
#[path = "common/shelf.rs"]
mod shelf;

use std::collections::BTreeMap;

use shelf::Shelf;

use roshambo::config::{Command, Config};
use roshambo::hub::{BoardPage, Dialect, Hub, Input, Output, Timer};
use roshambo::identity::{Claims, Keys, sign};
use roshambo::model::{Avatar, BoardPlayer, ConnId, Ended, Letter, Name, Profile, StoreOp, Uid};
use roshambo::net::http::{Context, Decision, Page, respond};
use roshambo::net::peers::{Crowd, Peer};
use roshambo::time::Millis;
use roshambo::wire::event;

const REFERENCE: &str = include_str!("../src/wire/reference.md");

/// One end of a connection.
#[derive(Default)]
struct Console {
    conn: Option<ConnId>,
    /// What was received and not yet mentioned.
    unread: Vec<String>,
}

struct Stage {
    config: Config,
    hub: Hub,
    now: Millis,
    timers: BTreeMap<(Millis, usize), Timer>,
    count: u32,
    consoles: BTreeMap<char, Console>,
    names: BTreeMap<String, String>,
    draining: bool,
    store: Shelf,
}

fn letter_of(text: &str) -> Letter {
    Letter::new(text).expect("a letter")
}

/// 2026-01-01 00:00 UTC.
const WALL_S: u64 = 1_767_225_600;

fn keys() -> Keys {
    Keys::read(&[b'k'; 32]).expect("a key")
}

/// The signed tokens of the examples, by their names.
fn signed_tokens() -> BTreeMap<String, String> {
    let signed = |sub: &str, exp: u64, shown: Option<(&str, &str)>| {
        let claims = Claims {
            sub: sub.into(),
            exp: exp.into(),
            name: shown.map(|(name, _)| name.into()),
            avatar: shown.map(|(_, avatar)| avatar.into()),
            ..Claims::default()
        };
        sign(&claims, keys().first())
    };
    let cem = Some(("Cem", "builtin:3"));
    [
        ("anns-signed-token", signed("ann", WALL_S + 3_600, None)),
        ("bobs-signed-token", signed("bob", WALL_S + 3_600, None)),
        ("an-old-signed-token", signed("ann", WALL_S - 86_400, None)),
        (
            "cems-signed-token-with-a-name",
            signed("cem", WALL_S + 3_600, cem),
        ),
    ]
    .map(|(name, token)| (name.to_owned(), token))
    .into()
}

fn hub(config: &Config, seed: u64, now: Millis) -> Hub {
    let mut rng = fastrand::Rng::with_seed(seed);
    let entropy = move |bytes: &mut [u8]| rng.fill(bytes);
    let mut hub = Hub::new(config, seed, Box::new(entropy));
    hub.use_store();
    if config.token_key.is_some() {
        hub.use_keys(Some(keys()));
        hub.handle(now, Input::Clock { unix_s: WALL_S });
    }
    hub
}

impl Stage {
    fn new(flags: &str) -> Self {
        let args = flags.split_whitespace().map(Into::into);
        let config = match Config::load(args, |_| None) {
            Ok(Command::Run(config)) => *config,
            other => panic!("the example's flags do not run: {other:?}"),
        };
        Self {
            hub: hub(&config, 1, Millis(0)),
            names: match config.token_key {
                Some(_) => signed_tokens(),
                None => BTreeMap::new(),
            },
            config,
            now: Millis(0),
            timers: BTreeMap::new(),
            count: 0,
            consoles: BTreeMap::new(),
            draining: false,
            store: Shelf::default(),
        }
    }

    fn tell(&mut self, input: Input<'_>) {
        self.hub.handle(self.now, input);
        self.carry_out();
        self.hear_store();
    }

    /// The store answers at once.
    fn hear_store(&mut self) {
        while let Some(reply) = self.store.answer() {
            self.hub.handle(self.now, Input::Stored { reply: &reply });
            self.carry_out();
        }
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.hub.pop_output() {
            let mut told = false;
            let (conn, line) = match output {
                Output::Arm { at, timer } => {
                    self.count += 1;
                    self.timers.insert((at, self.count as usize), timer);
                    continue;
                }
                Output::Disarm { timer } => {
                    self.timers.retain(|_, old| old.place() != timer.place());
                    continue;
                }
                Output::Store(op) => {
                    self.store.order(*op);
                    continue;
                }
                // It answers before anybody can say more.
                Output::Hold { .. } | Output::Resume { .. } => continue,
                Output::Send { conn, text } => (conn, format!("< {text}")),
                Output::Ping { conn } => (conn, "< (ping)".to_owned()),
                Output::Pong { conn, .. } => (conn, "< (pong)".to_owned()),
                Output::Close {
                    conn,
                    ended: Ended::Closed(reason),
                    ..
                } => {
                    told = reason.sends_away();
                    (conn, format!("! {} {}", reason.code(), reason.text()))
                }
                Output::Close { .. } => continue,
            };
            let found = self
                .consoles
                .values_mut()
                .find(|console| console.conn == Some(conn));
            let console = found.expect("only open connections are told anything");
            if line.starts_with('!') {
                let last = console.unread.last().map(String::as_str);
                let sent_away = last == Some("< 41");
                assert!(told || !sent_away, "no pause behind 41: {line}");
                console.conn = None;
            }
            console.unread.push(line);
        }
        if self.draining && self.hub.running_rounds() == 0 {
            self.draining = false;
            let conns: Vec<ConnId> = self.consoles.values().filter_map(|c| c.conn).collect();
            for conn in conns {
                self.tell(Input::Dismiss { conn });
            }
        }
    }

    fn play(&mut self, line: &str) {
        if let Some(what) = line.strip_prefix("-- ") {
            self.expect_silence(line);
            return match what {
                "SIGTERM" => {
                    self.draining = true;
                    self.tell(Input::Drain);
                }
                "restart" => {
                    let connected = self.consoles.values().any(|console| console.conn.is_some());
                    assert!(!connected, "a server stops when it has sent everybody away");
                    self.restart();
                }
                "kill" => self.restart(),
                "the store is away" | "the store is back" => {
                    self.store.set_away(what.ends_with("away"));
                    self.hear_store();
                }
                _ => {
                    if let Some(rows) = what.strip_prefix("on the board: ") {
                        self.fill_board(rows);
                    } else if let Some(there) = what.strip_prefix("at instance ") {
                        self.add_instance(there);
                    } else if let Some(there) = what.strip_prefix("instance ") {
                        let letter = there.split_once(' ').expect("is gone").0;
                        self.store.leases.remove(&letter_of(letter));
                    } else {
                        self.pass(duration_ms(what));
                    }
                }
            };
        }
        let (name, rest) = line.split_at_checked(2).expect("a console's name");
        let name = name.chars().next().expect("a console's name");
        let conn = self.consoles.get(&name).and_then(|console| console.conn);
        let open = || conn.unwrap_or_else(|| panic!("{name} is not connected: {line}"));
        match rest.split_at_checked(2) {
            Some(("+ ", dialect)) => self.open(name, dialect),
            Some(("- ", "lost")) => {
                self.consoles.entry(name).or_default().conn = None;
                self.tell(Input::Closed { conn: open() });
            }
            Some(("> ", "(pong)")) => self.tell(Input::Seen { conn: open() }),
            Some(("> ", "(binary)")) => self.tell(Input::Binary {
                conn: open(),
                bytes: &[],
            }),
            Some(("> ", text)) => {
                let text = self.filled(text);
                self.tell(Input::Text {
                    conn: open(),
                    text: &text,
                });
            }
            Some(("< " | "! ", _)) => self.expect(name, rest),
            _ => panic!("not a line of a transcript: {line}"),
        }
    }

    fn add_instance(&mut self, there: &str) {
        let (letter, there) = there.split_once(": ").expect("what is there");
        let (online, code) = there.split_once(" online, the room ").expect("a room");
        let online = online.parse().expect("a number");
        self.store.leases.insert(letter_of(letter), (0, online));
        self.store.order(StoreOp::OpenRoom {
            code: code.to_owned(),
            at: Some(letter_of(letter)),
        });
        self.hub.live_beside(self.now, 1, Vec::new());
        self.carry_out();
    }

    fn fill_board(&mut self, rows: &str) {
        self.hub.keep_board();
        self.tell(Input::Clock { unix_s: WALL_S });
        for row in rows.split(", ") {
            let (name, points) = row.split_once(' ').expect("a name and points");
            let points = points.parse().expect("a number");
            self.store.set_ranked(name, points, WALL_S);
        }
    }

    /// Of the old process nothing is left but what the store has.
    fn restart(&mut self) {
        for console in self.consoles.values_mut() {
            console.conn = None;
        }
        self.store.restart();
        self.hub = hub(&self.config, 2, self.now);
        self.timers.clear();
    }

    fn open(&mut self, name: char, dialect: &str) {
        let dialect = match dialect {
            "plain" => Dialect::Plain,
            "EIO3" => Dialect::Eio3,
            "EIO4" => Dialect::Eio4,
            other => panic!("{other} is no dialect"),
        };
        self.count += 1;
        let conn = ConnId {
            index: self.count,
            generation: 1,
        };
        self.consoles.entry(name).or_default().conn = Some(conn);
        self.tell(Input::Opened {
            conn,
            dialect,
            from: None,
        });
    }

    /// Lets timers fire up to a moment, then makes it that moment.
    fn pass(&mut self, ms: u64) {
        let until = self.now + ms;
        while let Some(entry) = self.timers.first_entry()
            && entry.key().0 <= until
        {
            self.now = entry.key().0.max(self.now);
            let timer = entry.remove();
            self.tell(Input::Due { timer });
        }
        self.now = until;
    }

    #[track_caller]
    fn expect(&mut self, name: char, want: &str) {
        let console = self.consoles.entry(name).or_default();
        assert!(!console.unread.is_empty(), "nothing came for {name} {want}");
        let found = console.unread.remove(0);
        self.learn(want, &found);
        assert_eq!(found, self.filled(want), "{name}");
    }

    #[track_caller]
    fn expect_silence(&self, before: &str) {
        for (name, console) in &self.consoles {
            let none: &[String] = &[];
            assert_eq!(console.unread, none, "{name} got this before {before:?}");
        }
    }

    /// Notes what stands where `want` has a name for the first time.
    fn learn(&mut self, want: &str, found: &str) {
        let mut want = want.to_owned();
        while let Some((before, name)) = next_name(&want) {
            let value = match self.names.get(&name) {
                Some(value) => value.clone(),
                None => {
                    let rest = found.get(before..).unwrap_or_default();
                    let end = rest.find(['"', ',', '}']).unwrap_or(rest.len());
                    self.names.insert(name.clone(), rest[..end].to_owned());
                    rest[..end].to_owned()
                }
            };
            assert!(!value.is_empty(), "{name} stands for nothing in {found}");
            want = want.replacen(&format!("<{name}>"), &value, 1);
        }
    }

    fn filled(&self, text: &str) -> String {
        self.names
            .iter()
            .fold(text.to_owned(), |text, (name, value)| {
                text.replace(&format!("<{name}>"), value)
            })
    }
}

/// Where the first `<name>` stands in a text, and the name.
fn next_name(text: &str) -> Option<(usize, String)> {
    text.match_indices('<').find_map(|(start, _)| {
        let name = text[start + 1..].split_once('>')?.0;
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        is_name.then(|| (start, name.to_owned()))
    })
}

fn duration_ms(text: &str) -> u64 {
    let (number, unit) = text.split_once(' ').expect("a number and a unit");
    let number: u64 = number.parse().expect("a number");
    match unit {
        "ms" => number,
        "s" => number * 1_000,
        _ => panic!("{unit} is no unit"),
    }
}

/// The blocks below comments that begin like this: the comment's rest, and the block.
fn blocks<'a>(document: &'a str, mark: &str) -> Vec<(&'a str, &'a str)> {
    let mut found = Vec::new();
    let mut rest = document;
    while let Some((_, after)) = rest.split_once(mark) {
        let (comment, after) = after.split_once("-->").expect("the comment's end");
        let block = after.trim_start().strip_prefix("```text\n");
        let block = block.unwrap_or_else(|| panic!("no block of text below {mark}{comment}"));
        let (block, after) = block.split_once("```").expect("the block's end");
        found.push((comment.trim(), block));
        rest = after;
    }
    found
}

fn play_all(document: &str) -> usize {
    let blocks = blocks(document, "<!-- played");
    for (comment, block) in &blocks {
        let flags = comment.split_once(": ").map_or("", |(_, flags)| flags);
        let mut stage = Stage::new(flags);
        for line in block.lines() {
            stage.play(line);
        }
        stage.expect_silence("the end of the example");
    }
    blocks.len()
}

#[test]
fn the_reference_tells_what_travels() {
    assert!(14 <= play_all(REFERENCE), "examples of everything");
}

/// Ann is the best this week, and nobody was before.
fn some_board() -> BoardPage {
    let ann = BoardPlayer {
        place: Some(1),
        profile: Profile {
            uid: Uid::new("p-ann").expect("a uid"),
            name: Name::new("Ann"),
            avatar: Avatar::Builtin(3),
        },
        points: 7,
    };
    let mut text = String::new();
    event::encode_board_page(&[ann], &[], &mut text);
    BoardPage::Known(text.into_bytes().into())
}

#[test]
fn the_reference_tells_what_is_answered() {
    let asked = blocks(REFERENCE, "<!-- asked");
    assert!(3 <= asked.len(), "examples of several answers");
    let board = some_board();
    for (_, block) in asked {
        let side = |mark: &str| -> String {
            let lines = block.lines().filter_map(|line| line.strip_prefix(mark));
            lines
                .map(|line| format!("{}\r\n", line.trim_start()))
                .collect()
        };
        let (request, want) = (side(">"), side("<"));
        let context = Context {
            base: "/applet/websocket",
            page: Page::new("/applet/websocket", None, false),
            full: false,
            ending: None,
            store_away: false,
            board: &board,
            peer: Peer::Unix,
            crowd: &Crowd::EMPTY,
        };
        let (head, body) = match respond(request.as_bytes(), context).0 {
            Decision::Answer(answer) => (answer.head, answer.body),
            Decision::Upgrade { head, .. } => (head, &[] as &[u8]),
            Decision::Partial | Decision::Wait => panic!("no answer: {request}"),
        };
        let found = [&head, body].concat();
        let found = String::from_utf8(found).expect("the examples are text");
        // A body does not end like a line of a head.
        assert_eq!(found.trim_end(), want.trim_end(), "{request}");
    }
}

/// The reader of this file can trust it: a wrong byte, a missing line and a late one are seen.
#[test]
fn a_wrong_example_is_seen() {
    let rows = [
        ("A + plain\nA > [\"dance\"]", "got this before"),
        ("A + plain\nA < [\"hi\"]", "nothing came"),
        ("A + EIO3\nA < 0{\"sid\":\"<sid>\"}\nA < 40", "assertion"),
        ("A + plain\n-- 25 s\nA < (pong)", "assertion"),
        ("A + plain\n-- 24999 ms\nA < (ping)", "nothing came"),
        ("A > [\"join\"]", "not connected"),
    ];
    for (block, want) in rows {
        let document = format!("<!-- played -->\n```text\n{block}\n```");
        let seen = std::panic::catch_unwind(|| play_all(&document));
        let seen = seen.expect_err(block);
        let text = seen.downcast_ref::<String>().expect("a message");
        assert!(text.contains(want), "{block}: {text}");
    }
}
