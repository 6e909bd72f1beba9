//! Transcripts: time, who, what, one per line; and the runner that fails on any byte besides.
//!
//! ```text
//!     0 a enter eio3 A          opens, says hello as A (uid and name), gets `hi`
//!     0 b enter plain B v2      the same for a v2 client; <B> is its uid, <B.token> its token
//!     0 c open plain@7          opens, from an origin that other connections may share
//!   100 a > join                a short form, or the event's JSON; the dialect's prefix is added
//!   100 a >> 427["join"]        the raw text
//!  1100 a < start 3 A 0/0 robot-1 0/0
//!  1100 a << 40                 raw, too
//!  1100 a <? room 1 A:ro        this may as well not come
//!  2000 a ping                  the server sent a ping frame
//!  2000 ab close 1008           of both a and b
//!  3000 a lost                  also: seen, binary, violation 1002, dismiss
//!  3000 * drain                 also: restart (only the store stays), quiet
//!  3000 * store slow            also: quick, answers, away, back, erases <A.token>,
//!                               loses <A.token> (another process takes it)
//!  3000 * keys new              also: both, old, none: which keys the server has
//!  3000 * clock wrong           also: right
//! ```
//!
//! Everything is played twice: the second time the hub goes over into another process before every
//! line, as in a reload, and nobody may notice.
//!
//! `<name>` in an expected text binds what stands there and must match it from then on; in a sent
//! text it is replaced (`<name.lower>`: in small letters). `<any>` and `?` match anything. What a
//! robot shows in mid-round is random and left out, unless the transcript mentions it. Lines of
//! one time are in order per connection. The rest of a line after two spaces and a `#` is a
//! comment; a line that begins with `...` goes on where the one before it ended.
//!
//! Short forms: to the server `hello A [v2 [TOKEN] [signed JWT]]`, `join`, `join new`, `join room CODE [unready]`,
//! `choice N`, `face N`, `leave`, `away`, `ping`; from it
//! `hi NEARBY [A new|resumed|pending|resumed+pending TOTAL/STREAK [as A.token]]`,
//! `start SECONDS A[:CHOICE] TOTAL/STREAK B …`,
//! `movement A choice`, `movement A face N`, `leave A`, `leave A absent`,
//! `result A:CHOICE ROUND/TOTAL/STREAK B:…` (`-` is no choice),
//! `room NUMBER A:FLAGS [B:FLAGS] [code=CODE]` with the flags `r`eady, `b`ot and `o`nline, or `.`,
//! `problem CODE EVENT`, `pong`, `bye CODE REASON [RETRY]`.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use roshambo::config::Config;
use roshambo::hub::{Dialect, Input};
use roshambo::model::{CloseReason, ConnId};
use serde_json::Value;

use crate::common::shelf::Shelf;
use crate::common::{Act, Bench, Deed, WALL_S};
use crate::persons;

/// The dialects by the names they have in transcripts.
pub(crate) const DIALECTS: [&str; 3] = ["plain", "eio3", "eio4"];

/// Plays a transcript against a hub as it comes.
#[track_caller]
pub(crate) fn play(transcript: &str) {
    play_with(Config::default(), transcript);
}

/// Plays a transcript against a hub with knobs of its own.
#[track_caller]
pub(crate) fn play_with(config: Config, transcript: &str) {
    let lines = parse(transcript);
    perform(Stage::new(Bench::new(config.clone())), &lines);
    perform(Stage::reloading(Bench::new(config)), &lines);
}

/// Plays lines to their end.
#[track_caller]
fn perform(mut stage: Stage, lines: &[Line]) -> Stage {
    stage.rehearse(lines);
    stage.run(lines);
    if let Some(problem) = stage.finish() {
        let with = if stage.reloads { " with reloads" } else { "" };
        panic!("{problem}\n\nWhat really happened{with}:\n{}", stage.log);
    }
    stage
}

/// Plays a transcript against a hub with a store that answers at once, unless told otherwise.
/// Returns what the store has in the end.
#[track_caller]
pub(crate) fn play_with_store(config: Config, transcript: &str) -> Played {
    let lines = parse(transcript);
    perform(Stage::reloading(Bench::with_store(config.clone())), &lines);
    let stage = perform(Stage::new(Bench::with_store(config)), &lines);
    Played {
        bench: stage.bench,
        bound: stage.bound,
    }
}

/// The same, with a key that tokens are verified by, and tokens by name ([`persons::tokens`]).
#[track_caller]
pub(crate) fn play_persons(transcript: &str) -> Played {
    let lines = parse(transcript);
    let stage = |reloads| {
        let mut bench = Bench::with_store(Config::default());
        bench.use_keys(persons::keys("old"));
        let mut stage = Stage::new(bench);
        stage.reloads = reloads;
        stage.bound = persons::tokens();
        perform(stage, &lines)
    };
    stage(true);
    let stage = stage(false);
    Played {
        bench: stage.bench,
        bound: stage.bound,
    }
}

/// What there is after a transcript.
pub(crate) struct Played {
    pub(crate) bench: Bench,
    bound: BTreeMap<String, String>,
}

impl Played {
    /// What a name of the transcript stands for.
    #[track_caller]
    pub(crate) fn bound(&self, name: &str) -> String {
        self.bound[name].clone()
    }

    /// How many sessions the store has.
    pub(crate) fn sessions(mut self) -> usize {
        self.bench.shelf().len()
    }

    /// How many orders of a kind the store had.
    pub(crate) fn counted(mut self, kind: &str) -> usize {
        let counts = &self.bench.shelf().counts;
        counts.get(kind).copied().unwrap_or(0)
    }

    /// Points and streak that the store has of somebody.
    #[track_caller]
    pub(crate) fn kept(&mut self, name: &str) -> Option<(u32, u32)> {
        let token = self.bound(&format!("{name}.token"));
        let (total, streak, _) = self.bench.shelf().session(&token)?;
        Some((total, streak))
    }
}

/// Plays a transcript once in every dialect, which it calls `DIALECT`.
#[track_caller]
pub(crate) fn play_in_all_dialects(transcript: &str) {
    for dialect in DIALECTS {
        play(&transcript.replace("DIALECT", dialect));
    }
}

/// The default configuration with changes.
pub(crate) fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

/// One line, one person.
#[derive(Clone, Debug)]
struct Line {
    at: u64,
    who: char,
    verb: String,
    rest: String,
}

/// Who is meant by a name in a short form.
#[derive(Clone, Debug)]
struct Person {
    /// What stands for its uid: the uid, or `<A>`.
    uid: String,
    name: String,
    v2: bool,
}

/// What must come next on a connection.
#[derive(Clone, Debug)]
struct Expectation {
    at: u64,
    act: Act,
    /// As written; not shown when it is part of `enter`.
    line: Option<String>,
    /// It may as well not happen.
    optional: bool,
}

impl Expectation {
    fn is_met_by(&self, deed: &Deed, bound: &mut BTreeMap<String, String>) -> bool {
        let same = match (&self.act, &deed.act) {
            (Act::Text(pattern), Act::Text(text)) => fits(pattern, text, bound),
            (expected, actual) => expected == actual,
        };
        self.at == deed.at && same
    }

    fn describe(&self) -> String {
        let line = self.line.clone();
        line.unwrap_or_else(|| format!("{:>6} {:?}", self.at, self.act))
    }
}

/// A connection of the transcript.
#[derive(Default)]
struct Actor {
    conn: Option<ConnId>,
    socket_io: bool,
    v2: bool,
    expected: VecDeque<Expectation>,
}

struct Stage {
    bench: Bench,
    /// Before every line the hub goes over into another process.
    reloads: bool,
    actors: BTreeMap<char, Actor>,
    people: BTreeMap<String, Person>,
    bound: BTreeMap<String, String>,
    robots_matter: bool,
    problem: Option<String>,
    log: String,
}

/// Joins what is wrapped: a line that begins with `...` goes on where the one before it ended.
fn unwrap(transcript: &str) -> String {
    let mut unwrapped = String::new();
    for line in transcript.lines() {
        match line.trim_start().strip_prefix("...") {
            Some(rest) => unwrapped.push_str(rest),
            None => unwrapped.extend(["\n", line]),
        }
    }
    unwrapped
}

fn parse(transcript: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut before = 0;
    for text in unwrap(transcript).lines() {
        let text = text.split("  #").next().unwrap_or_default().trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let mut parts = text.splitn(4, ' ');
        let mut part = || parts.next().unwrap_or_default().to_owned();
        let (at, who, verb, rest) = (part(), part(), part(), part());
        let at = at.parse().unwrap_or_else(|_| panic!("no time: {text:?}"));
        assert!(before <= at, "not in order of time: {text:?}");
        before = at;
        lines.extend(who.chars().map(|who| Line {
            at,
            who,
            verb: verb.clone(),
            rest: rest.trim().to_owned(),
        }));
    }
    lines
}

impl Stage {
    fn new(bench: Bench) -> Self {
        Self {
            bench,
            reloads: false,
            actors: BTreeMap::new(),
            people: BTreeMap::new(),
            bound: BTreeMap::new(),
            robots_matter: false,
            problem: None,
            log: String::new(),
        }
    }

    fn reloading(bench: Bench) -> Self {
        Self {
            reloads: true,
            ..Self::new(bench)
        }
    }

    /// Reads the lines once, to know who is who and what is expected of each connection.
    fn rehearse(&mut self, lines: &[Line]) {
        for line in lines {
            let Line {
                at,
                who,
                verb,
                rest,
            } = line;
            let words: Vec<&str> = rest.split(' ').collect();
            match (verb.as_str(), words.as_slice()) {
                ("open", [dialect]) => self.meet(*who, dialect),
                ("enter", [dialect, name, rest @ ..]) => {
                    self.meet(*who, dialect);
                    self.introduce(*who, name, rest.contains(&"v2"));
                    self.expect_opening(*at, *who, dialect, name);
                }
                (">", ["hello", name, rest @ ..]) => {
                    self.introduce(*who, name, rest.contains(&"v2"));
                }
                ("<" | "<?", _) => {
                    self.robots_matter |= rest.starts_with("movement robot-");
                    let actor = self.actors.get(who);
                    let actor = actor.unwrap_or_else(|| panic!("{who} did not open: {line:?}"));
                    let event = self.expand_event(rest, actor.v2);
                    let prefix = if actor.socket_io { "42" } else { "" };
                    let text = format!("{prefix}{event}");
                    self.expect(line, Act::Text(text));
                }
                ("<<", _) => self.expect(line, Act::Text(rest.clone())),
                ("ping", _) => self.expect(line, Act::Ping),
                ("ponged", _) => self.expect(line, Act::Pong(rest.clone())),
                ("close", [code]) => {
                    let code = code.parse().expect("a close code");
                    self.expect(line, Act::Close(code));
                }
                _ => (),
            }
        }
    }

    fn meet(&mut self, who: char, dialect: &str) {
        let actor = Actor {
            socket_io: origin_of(dialect).0 != "plain",
            ..Actor::default()
        };
        let before = self.actors.insert(who, actor);
        assert!(before.is_none(), "there is a {who} already");
    }

    fn introduce(&mut self, who: char, name: &str, v2: bool) {
        let uid = if v2 { format!("<{name}>") } else { name.into() };
        let name = name.to_owned();
        let person = Person {
            uid,
            name: name.clone(),
            v2,
        };
        self.people.entry(name).or_insert(person);
        if let Some(actor) = self.actors.get_mut(&who) {
            actor.v2 |= v2;
        }
    }

    fn expect_opening(&mut self, at: u64, who: char, dialect: &str, name: &str) {
        let Person { v2, .. } = self.people[name];
        let hi = match v2 {
            false => self.expand_event("hi <any>", v2),
            true => self.expand_event(&format!("hi <any> {name} new 0/0"), v2),
        };
        let texts = match origin_of(dialect).0 {
            "plain" => vec![hi],
            _ => vec!["0{<any>}".into(), "40<any>".into(), format!("42{hi}")],
        };
        let actor = self.actors.get_mut(&who).expect("it was met");
        for text in texts {
            let act = Act::Text(text);
            actor.expected.push_back(Expectation {
                at,
                act,
                line: None,
                optional: false,
            });
        }
    }

    fn expect(&mut self, line: &Line, act: Act) {
        let Line {
            at,
            who,
            verb,
            rest,
        } = line;
        let text = format!("{at:>6} {who} {verb} {rest}");
        let actor = self.actors.get_mut(who);
        let actor = actor.unwrap_or_else(|| panic!("{who} did not open: {line:?}"));
        actor.expected.push_back(Expectation {
            at: *at,
            act,
            line: Some(text),
            optional: verb == "<?",
        });
    }

    fn run(&mut self, lines: &[Line]) {
        for line in lines {
            if matches!(
                line.verb.as_str(),
                "<" | "<?" | "<<" | "ping" | "ponged" | "close"
            ) {
                continue;
            }
            self.bench.advance(line.at, false);
            if self.reloads {
                self.bench.reload();
            }
            self.compare();
            self.log_line(line);
            self.act(line);
            self.compare();
        }
        if let Some(last) = lines.last() {
            self.bench.advance(last.at, true);
            self.compare();
        }
    }

    fn act(&mut self, line: &Line) {
        let words: Vec<&str> = line.rest.split(' ').collect();
        match (line.verb.as_str(), words.as_slice()) {
            ("open", [dialect]) => self.open(line.who, dialect),
            ("enter", [dialect, name, rest @ ..]) => {
                self.open(line.who, dialect);
                if origin_of(dialect).0 == "eio4" {
                    self.say(line.who, "40");
                }
                let hello = format!("hello {name} {}", rest.join(" "));
                self.say_event(line.who, hello.trim());
            }
            (">", _) => self.say_event(line.who, &line.rest),
            (">>", _) => self.say(line.who, &line.rest),
            ("lost", _) => self.tell(line.who, |conn| Input::Closed { conn }),
            ("pings", _) => self.tell(line.who, |conn| Input::Ping {
                conn,
                payload: line.rest.as_bytes(),
            }),
            ("seen", _) => self.tell(line.who, |conn| Input::Seen { conn }),
            ("binary", _) => self.tell(line.who, |conn| Input::Binary { conn, bytes: &[] }),
            ("dismiss", _) => self.tell(line.who, |conn| Input::Dismiss { conn }),
            ("violation", [code]) => {
                let code: u16 = code.parse().expect("a close code");
                let reason = CloseReason::all().find(|reason| reason.code() == code);
                let reason = reason.expect("a known close code");
                self.tell(line.who, |conn| Input::Violation { conn, reason });
            }
            ("drain", _) => self.bench.tell(Input::Drain),
            ("restart", _) => self.bench.restart(),
            ("quiet", _) => (),
            ("store", words) => self.act_on_store(words),
            ("keys", [which]) => self.bench.use_keys(persons::keys(which)),
            ("clock", ["right"]) => self.bench.tell(Input::Clock {
                unix_s: WALL_S + line.at / 1_000,
            }),
            ("clock", ["wrong"]) => self.bench.tell(Input::Clock { unix_s: 7 }),
            _ => panic!("what is {line:?}?"),
        }
    }

    fn act_on_store(&mut self, words: &[&str]) {
        match words {
            ["slow"] => self.bench.slow_down(true),
            ["quick"] => self.bench.slow_down(false),
            ["answers"] => self.bench.hear_store(),
            ["away"] => self.bench.shelf().set_away(true),
            ["back"] => self.bench.shelf().set_away(false),
            ["erases", token] => {
                let token = fill(token, &self.bound).expect("it is known");
                self.bench.shelf().erase(&token);
            }
            // All that it had, in the middle of everything.
            ["empties"] => {
                self.bench.shelf().roll_back(&Shelf::default());
                self.bench.hear_store();
            }
            ["loses", token] => {
                let token = fill(token, &self.bound).expect("it is known");
                self.bench.shelf().take_away(&token);
            }
            _ => panic!("what is {words:?}?"),
        }
        if matches!(words, ["away" | "back"]) {
            self.bench.hear_store();
        }
    }

    fn open(&mut self, who: char, dialect: &str) {
        let (dialect, from) = origin_of(dialect);
        let dialect = match dialect {
            "plain" => Dialect::Plain,
            "eio3" => Dialect::Eio3,
            "eio4" => Dialect::Eio4,
            _ => panic!("there is no dialect {dialect:?}"),
        };
        let conn = self.bench.open_from(dialect, from);
        let actor = self.actors.get_mut(&who).expect("it was met");
        actor.conn = Some(conn);
    }

    fn tell<'a>(&mut self, who: char, input: impl FnOnce(ConnId) -> Input<'a>) {
        let conn = self.actors[&who].conn.expect("it opened");
        self.bench.tell(input(conn));
    }

    fn say_event(&mut self, who: char, event: &str) {
        let prefix = if self.actors[&who].socket_io {
            "42"
        } else {
            ""
        };
        self.say(who, &format!("{prefix}{}", expand_request(event)));
    }

    fn say(&mut self, who: char, text: &str) {
        let Some(text) = fill(text, &self.bound) else {
            let problem = format!("something in {text:?} is not known (yet)");
            self.problem.get_or_insert(problem);
            return;
        };
        let conn = self.actors[&who].conn.expect("it opened");
        self.bench.tell(Input::Text { conn, text: &text });
    }

    /// Holds what the hub did against what was expected.
    fn compare(&mut self) {
        for deed in self.bench.take_deeds() {
            let found = self
                .actors
                .iter_mut()
                .find(|(_, actor)| actor.conn == Some(deed.conn));
            let (&who, actor) = found.expect("nobody else has a connection");
            let is_robots = matches!(&deed.act, Act::Text(text)
                if text.contains(r#"["movement",{"uid":"robot-"#));
            if is_robots && !self.robots_matter {
                continue;
            }
            let bound = &mut self.bound;
            let mut meets = |expected: &Expectation| expected.is_met_by(&deed, bound);
            while let Some(expected) = actor.expected.front()
                && expected.optional
                && !meets(expected)
            {
                actor.expected.pop_front();
            }
            let next = actor.expected.front().cloned();
            let fits = next.as_ref().is_some_and(&mut meets);
            // Where something is amiss, what fits again further on is not amiss as well.
            let known = actor.expected.iter().position(meets);
            actor.expected.drain(..known.map_or(0, |place| place + 1));
            let shown = self.show(who, &deed);
            let is_entering = next.as_ref().is_some_and(|next| next.line.is_none());
            if !(fits && is_entering) {
                let mark = if fits { "" } else { "   #  <-- !" };
                let _ = writeln!(self.log, "{shown}{mark}");
            }
            if !fits && self.problem.is_none() {
                let wanted = next.map_or("nothing more".into(), |next| next.describe());
                self.problem = Some(format!("expected\n{wanted}\nbut it was\n{shown}"));
            }
        }
    }

    /// What is wrong, if anything.
    fn finish(&mut self) -> Option<String> {
        self.problem.take().or_else(|| {
            let expected = self.actors.values().flat_map(|actor| &actor.expected);
            let mut missing = expected.filter(|expected| !expected.optional);
            let missing = missing.next()?.describe();
            Some(format!("this did not happen:\n{missing}"))
        })
    }

    fn log_line(&mut self, line: &Line) {
        let Line {
            at,
            who,
            verb,
            rest,
        } = line;
        let _ = writeln!(
            self.log,
            "{}",
            format!("{at:>6} {who} {verb} {rest}").trim_end()
        );
    }

    /// A deed as a line of a transcript, as short as it can be without losing a byte.
    fn show(&self, who: char, deed: &Deed) -> String {
        let actor = &self.actors[&who];
        let what = match &deed.act {
            Act::Ping => "ping".into(),
            Act::Pong(payload) => format!("ponged {payload}"),
            Act::Close(code) => format!("close {code}"),
            Act::Text(text) => {
                let event = match actor.socket_io {
                    true => text
                        .strip_prefix("42")
                        .filter(|event| event.starts_with('[')),
                    false => Some(text.as_str()),
                };
                match event {
                    None => format!("<< {}", self.unfill(text)),
                    Some(event) => {
                        let event = self.unfill(event);
                        let short = shorten(&event).filter(|short| {
                            let again = self.try_expand_event(short, actor.v2);
                            again.is_some_and(|again| fits(&again, &event, &mut BTreeMap::new()))
                        });
                        format!("< {}", short.unwrap_or(event))
                    }
                }
            }
        };
        format!("{:>6} {who} {what}", deed.at)
    }

    fn unfill(&self, text: &str) -> String {
        self.bound
            .iter()
            .fold(text.to_owned(), |text, (name, value)| match value.len() {
                0..6 => text,
                _ => text.replace(value, &format!("<{name}>")),
            })
    }

    fn person(&self, name: &str) -> Person {
        let known = self.people.get(name.trim_matches(['<', '>']));
        known.cloned().unwrap_or_else(|| Person {
            uid: name.into(),
            name: name.into(),
            v2: false,
        })
    }

    /// `"uid":…,"uname":…,"uavatar":…` of somebody, as this audience is told it.
    fn profile(&self, name: &str, v2: bool) -> String {
        let person = self.person(name);
        let robot = v2 && name.starts_with("robot-");
        let avatar = if robot { "builtin:robot" } else { "" };
        let Person { uid, name, .. } = person;
        format!(r#""uid":"{uid}","uname":"{name}","uavatar":"{avatar}""#)
    }

    /// The JSON of an event in its short form.
    fn expand_event(&self, short: &str, v2: bool) -> String {
        let event = self.try_expand_event(short, v2);
        event.unwrap_or_else(|| panic!("there is no short form {short:?}"))
    }

    fn try_expand_event(&self, short: &str, v2: bool) -> Option<String> {
        let words: Vec<&str> = short.split(' ').collect();
        let uid = |name: &str| self.person(name).uid;
        Some(match words.as_slice() {
            ["hi", nearby, rest @ ..] => {
                let more = match rest {
                    [name, kind, scores, session @ ..] => {
                        let (uid, resumed) = (uid(name), kind.starts_with("resumed"));
                        let pending = match kind.contains("pending") {
                            true => r#","pending":true"#,
                            false => "",
                        };
                        let token = match session {
                            ["as", token] => format!("<{token}>"),
                            _ => format!("<{}.token>", name.trim_matches(['<', '>'])),
                        };
                        let [total, streak] = numbers(scores);
                        let who = format!(r#","uid":"{uid}","session":"{token}""#);
                        let scores = format!(r#""totalScore":{total},"winStreak":{streak}"#);
                        let board = match self.bench.has_board {
                            true => r#","board":true"#,
                            false => "",
                        };
                        format!(r#"{who},"resumed":{resumed}{pending},{scores}{board}"#)
                    }
                    _ => String::new(),
                };
                format!(r#"["hi",{{"message":"welcome","nearby":{nearby}{more}}}]"#)
            }
            ["start", seconds, one, ones, two, twos] => {
                let user = |name: &str, scores: &str| {
                    let (name, choice) = name.split_once(':').unwrap_or((name, "null"));
                    let (profile, [total, streak]) = (self.profile(name, v2), numbers(scores));
                    let scores = format!(r#""totalScore":{total},"winStreak":{streak}"#);
                    format!(r#"{{{profile},"choice":{choice},"roundScore":0,{scores}}}"#)
                };
                let (one, two) = (user(one, ones), user(two, twos));
                format!(r#"["start",{{"gameTime":{seconds},"roomUsers":[{one},{two}]}}]"#)
            }
            ["movement", name, "choice"] => {
                format!(
                    r#"["movement",{{"uid":"{}","movement":"choice"}}]"#,
                    uid(name)
                )
            }
            ["movement", name, "face", face] => {
                let uid = uid(name);
                format!(r#"["movement",{{"uid":"{uid}","movement":"face","face":{face}}}]"#)
            }
            ["leave", name] => format!(r#"["leave",{{"uid":"{}"}}]"#, uid(name)),
            ["leave", name, reason] => {
                format!(r#"["leave",{{"uid":"{}","reason":"{reason}"}}]"#, uid(name))
            }
            ["result", one, ones, two, twos] => {
                let row = |who: &str, scores: &str| {
                    let (name, choice) = who.split_once(':').expect("NAME:CHOICE");
                    let (uid, [round, total, streak]) = (uid(name), numbers(scores));
                    let choice = match choice {
                        "-" => "null",
                        "?" => "<any>",
                        number => number,
                    };
                    let scores = format!(r#""totalScore":{total},"winStreak":{streak}"#);
                    format!(r#"{{"uid":"{uid}","roundScore":{round},{scores},"choice":{choice}}}"#)
                };
                let (one, two) = (row(one, ones), row(two, twos));
                format!(r#"["result",{{"result":[{one},{two}]}}]"#)
            }
            ["room", number, rest @ ..] => {
                let code = rest.iter().find_map(|word| word.strip_prefix("code="));
                let users: Vec<String> = rest
                    .iter()
                    .filter(|word| !word.starts_with("code="))
                    .map(|word| {
                        let (name, flags) = word.split_once(':').expect("NAME:FLAGS");
                        let profile = self.profile(name, v2);
                        let [ready, robot, online] =
                            ['r', 'b', 'o'].map(|flag| flags.contains(flag));
                        format!(
                            r#"{{{profile},"ready":{ready},"robot":{robot},"online":{online}}}"#
                        )
                    })
                    .collect();
                let full = users.len() == 2;
                let users = users.join(",");
                let code = code.map_or(String::new(), |code| format!(r#","code":"{code}""#));
                format!(
                    r#"["room",{{"roomId":"room{number}","users":[{users}],"full":{full}{code}}}]"#
                )
            }
            ["problem", code, event] => {
                format!(r#"["problem",{{"code":"{code}","message":"<any>","event":"{event}"}}]"#)
            }
            ["pong"] => r#"["pong"]"#.into(),
            ["bye", code, reason, rest @ ..] => {
                let retry = rest.first().map(|retry| format!(r#","retry_ms":{retry}"#));
                let retry = retry.unwrap_or_default();
                format!(r#"["bye",{{"code":{code},"reason":"{reason}"{retry}}}]"#)
            }
            _ if short.starts_with('[') => short.into(),
            _ => return None,
        })
    }
}

/// `plain`, or `plain@7` with an origin.
fn origin_of(dialect: &str) -> (&str, Option<u64>) {
    match dialect.split_once('@') {
        Some((dialect, origin)) => (dialect, Some(origin.parse().expect("a number"))),
        None => (dialect, None),
    }
}

/// `0/1/2`, each a number or `?`.
fn numbers<const N: usize>(text: &str) -> [String; N] {
    let numbers: Vec<String> = match text {
        "?" => vec!["<any>".into(); N],
        _ => text
            .split('/')
            .map(|number| number.replace('?', "<any>"))
            .collect(),
    };
    let count = numbers.len();
    numbers
        .try_into()
        .unwrap_or_else(|_| panic!("{text:?} has {count} numbers, not {N}"))
}

/// The JSON of a request in its short form.
fn expand_request(short: &str) -> String {
    let words: Vec<&str> = short.split(' ').collect();
    match words.as_slice() {
        ["hello", name, rest @ ..] => {
            let more = match rest {
                [] => String::new(),
                ["v2"] => r#","v":2"#.into(),
                ["v2", token] => format!(r#","v":2,"session":"{token}""#),
                ["v2", "signed", jwt] => format!(r#","v":2,"token":"{jwt}""#),
                ["v2", token, "signed", jwt] => {
                    format!(r#","v":2,"session":"{token}","token":"{jwt}""#)
                }
                _ => panic!("there is no short form {short:?}"),
            };
            format!(
                r#"["hello",{{"user":{{"uid":"{name}","uname":"{name}","uavatar":""}}{more}}}]"#
            )
        }
        ["join", "new"] => r#"["join",{"new":true}]"#.into(),
        ["join", "room", code] => format!(r#"["join",{{"room":"{code}"}}]"#),
        ["join", "room", code, "unready"] => {
            format!(r#"["join",{{"room":"{code}","ready":false}}]"#)
        }
        [name @ ("choice" | "face"), number] => format!(r#"["{name}",{{"{name}":{number}}}]"#),
        [name @ ("join" | "leave" | "away" | "ping")] => format!(r#"["{name}"]"#),
        _ if short.starts_with('[') => short.into(),
        _ => panic!("there is no short form {short:?}"),
    }
}

/// The short form that might mean this event.
fn shorten(event: &str) -> Option<String> {
    let value: Value = serde_json::from_str(event).ok()?;
    let (name, body) = (
        value.get(0)?.as_str()?,
        value.get(1).unwrap_or(&Value::Null),
    );
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let field = |from: &Value, key: &str| from.get(key).map(plain);
    let rows = |key: &str, show: &dyn Fn(&Value) -> Option<String>| {
        let rows: Option<Vec<String>> = body.get(key)?.as_array()?.iter().map(show).collect();
        rows.map(|rows| rows.join(" "))
    };
    let name_of = |from: &Value| field(from, "uid").map(|uid| uid.trim_matches(['<', '>']).into());
    Some(match name {
        "hi" => {
            let nearby = field(body, "nearby")?;
            match body.get("uid") {
                None => format!("hi {nearby}"),
                Some(_) => {
                    let name: String = name_of(body)?;
                    let pending = body.get("pending").is_some();
                    let kind = match (body.get("resumed")?.as_bool()?, pending) {
                        (true, false) => "resumed",
                        (false, false) => "new",
                        (true, true) => "resumed+pending",
                        (false, true) => "pending",
                    };
                    let (total, streak) = (field(body, "totalScore")?, field(body, "winStreak")?);
                    format!("hi {nearby} {name} {kind} {total}/{streak}")
                }
            }
        }
        "start" => {
            let users = rows("roomUsers", &|user| {
                let name: String = name_of(user)?;
                let choice = match user.get("choice")? {
                    Value::Null => String::new(),
                    choice => format!(":{choice}"),
                };
                let (total, streak) = (field(user, "totalScore")?, field(user, "winStreak")?);
                Some(format!("{name}{choice} {total}/{streak}"))
            })?;
            format!("start {} {users}", field(body, "gameTime")?)
        }
        "movement" => {
            let name: String = name_of(body)?;
            match field(body, "face") {
                None => format!("movement {name} choice"),
                Some(face) => format!("movement {name} face {face}"),
            }
        }
        "leave" => {
            let reason = field(body, "reason").map_or(String::new(), |reason| format!(" {reason}"));
            format!("leave {}{reason}", name_of(body)? as String)
        }
        "result" => {
            let rows = rows("result", &|row| {
                let name: String = name_of(row)?;
                let choice = match row.get("choice")? {
                    Value::Null => "-".into(),
                    choice => choice.to_string(),
                };
                let round = field(row, "roundScore")?;
                let (total, streak) = (field(row, "totalScore")?, field(row, "winStreak")?);
                Some(format!("{name}:{choice} {round}/{total}/{streak}"))
            })?;
            format!("result {rows}")
        }
        "room" => {
            let users = rows("users", &|user| {
                let name: String = name_of(user)?;
                let mut flags = String::new();
                for (key, flag) in [("ready", 'r'), ("robot", 'b'), ("online", 'o')] {
                    if user.get(key)?.as_bool()? {
                        flags.push(flag);
                    }
                }
                if flags.is_empty() {
                    flags.push('.');
                }
                Some(format!("{name}:{flags}"))
            })?;
            let code = field(body, "code").map_or(String::new(), |code| format!(" code={code}"));
            let id = field(body, "roomId")?;
            format!("room {} {users}{code}", id.strip_prefix("room")?)
        }
        "problem" => format!("problem {} {}", field(body, "code")?, field(body, "event")?),
        "pong" => "pong".into(),
        "bye" => {
            let retry = field(body, "retry_ms").map_or(String::new(), |retry| format!(" {retry}"));
            format!(
                "bye {} {}{retry}",
                field(body, "code")?,
                field(body, "reason")?
            )
        }
        _ => return None,
    })
}

/// Splits at the first `<name>`: what stands before it, the name, what follows.
fn placeholder(pattern: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(start) = pattern[from..].find('<').map(|found| from + found) {
        if let Some(length) = pattern[start..].find('>') {
            let name = &pattern[start + 1..start + length];
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
            if !name.is_empty() && name.chars().all(is_name) {
                return Some((&pattern[..start], name, &pattern[start + length + 1..]));
            }
        }
        from = start + 1;
    }
    None
}

/// Replaces every `<name>` by what it is bound to; `None` if one is not.
fn fill(text: &str, bound: &BTreeMap<String, String>) -> Option<String> {
    let (mut filled, mut text) = (String::new(), text);
    while let Some((before, name, after)) = placeholder(text) {
        filled.push_str(before);
        match name.strip_suffix(".lower") {
            Some(name) => filled.push_str(&bound.get(name)?.to_lowercase()),
            None => filled.push_str(bound.get(name)?),
        }
        text = after;
    }
    filled.push_str(text);
    Some(filled)
}

/// Whether the text is what the pattern says; binds new names if so.
fn fits(pattern: &str, text: &str, bound: &mut BTreeMap<String, String>) -> bool {
    let mut found = bound.clone();
    let (mut pattern, mut text) = (pattern, text);
    while let Some((before, name, after)) = placeholder(pattern) {
        let Some(rest) = text.strip_prefix(before) else {
            return false;
        };
        // A placeholder reaches to whatever comes after it in the pattern.
        let value = match (found.get(name), after.chars().next()) {
            (Some(value), _) if name != "any" => value.clone(),
            (_, Some(stop)) => rest.split(stop).next().unwrap_or_default().to_owned(),
            (_, None) => rest.to_owned(),
        };
        let Some(rest) = rest.strip_prefix(value.as_str()) else {
            return false;
        };
        found.insert(name.to_owned(), value);
        (pattern, text) = (after, rest);
    }
    found.remove("any");
    let same = pattern == text;
    if same {
        *bound = found;
    }
    same
}

#[test]
fn the_runner_fails_on_what_is_missing_surplus_late_or_different() {
    let outcome = |transcript: &str| {
        let mut stage = Stage::new(Bench::new(Config::default()));
        let lines = parse(transcript);
        stage.rehearse(&lines);
        stage.run(&lines);
        stage.finish()
    };
    let good = "0 a open plain\n5 a > hello A\n5 a < hi 0";
    assert_eq!(outcome(good), None);
    let table = [
        ("0 a open plain\n5 a > hello A", "expected\nnothing more"),
        (
            "0 a open plain\n5 a > hello A\n5 a < hi 1",
            "expected\n     5 a < hi 1\nbut it was",
        ),
        (
            "0 a open plain\n5 a > hello A\n6 a < hi 0",
            "but it was\n     5 a < hi 0",
        ),
        (
            "0 a open plain\n5 a < hi 0",
            "this did not happen:\n     5 a < hi 0",
        ),
        ("0 a open plain\n5 a > [\"x<unknown>\"]", "not known"),
    ];
    for (transcript, wanted) in table {
        let problem = outcome(transcript).unwrap_or_default();
        assert!(problem.contains(wanted), "{transcript}\ngave {problem}");
    }
}
