//! Seeded worlds of two servers that share one store, each behind a line of its own that is slow, cut,
//! and loses answers; the store forgets its last moments; servers die, are reloaded, and send their
//! players on. Players go from one to the other as they please, and keep playing on a connection that
//! they gave up.
//!
//! A [`Purse`] is kept from outside of each session. Invariants:
//!
//! - what the store has is never more than what was told, and when all is answered exactly that: but for
//!   what a server told in the moments before it died, and what of sessions that no server in reach knows
//!   was won in moments that the store forgot;
//! - whoever comes with a session that has points is that session, wherever it comes;
//! - who is online never has less than it was told, and its streak is the store's;
//! - a session is its newest connection's: nobody loses it but to himself, and an older one that plays
//!   on is ended;
//! - who is sent on is told nothing that is not in the store;
//! - a round ends at its deadline, and in the end nobody waits and nothing is owed;
//! - two who look for one room from different servers meet in it, while its server lives and after that.
//!
//! Absent: persons and the board; those who died between telling and writing.

use std::collections::BTreeMap;

use fastrand::Rng;
use roshambo::config::Config;
use roshambo::hub::{Dialect, Input};
use roshambo::model::{ConnId, Letter};
use serde_json::Value;

use crate::common::shelf::{Fault, Shelf};
use crate::common::{Act, Bench, Deed};

/// Seeds of an ordinary run.
const SEEDS: u64 = 60;
const STEPS: u32 = 300;
const GAME_MS: u64 = 1_000;
/// More turns than it takes until everything is answered.
const TURNS_MAX: u32 = 1_000;
const LETTERS: [&str; 2] = ["a", "b"];
const HUBS: usize = LETTERS.len();

/// One server, or the place where one was.
struct Server {
    bench: Bench,
    letter: Letter,
    /// Of the process that runs; `None`: none does.
    process: Option<u64>,
    gathers: bool,
}

/// One connection of a client.
#[derive(Clone, Debug)]
struct Line {
    at: usize,
    conn: ConnId,
    /// By which token it came, and then the one that it was told.
    token: Option<String>,
    /// What that had in the store at least when it came; 0: it is known there.
    least: u64,
    greeted: bool,
    pending: bool,
    uid: String,
    /// What it was told last; `None`: it left a round.
    total: u64,
    streak: Option<u64>,
    playing: bool,
    /// When the round that it plays in began, if it was there.
    began: Option<u64>,
    /// It won something when another one had its session already.
    outplayed: bool,
    greeted_at: u64,
}

/// Somebody with one session; the newest connection is the last one.
#[derive(Clone, Debug, Default)]
struct Client {
    lines: Vec<Line>,
    token: Option<String>,
    code: Option<String>,
}

/// What a session is to have.
#[derive(Clone, Debug, Default)]
struct Purse {
    /// In the store at least, and at most, without what is open.
    least: u64,
    most: u64,
    /// Told by each server's process, and perhaps not written yet.
    open: [u64; HUBS],
    /// Won perhaps and told to nobody, in a round that ends by then.
    untold: (u64, u64),
    /// The total that each server's process told last.
    told: [Option<u64>; HUBS],
    uid: String,
    /// The connection that said `hello` last.
    newest: Option<(usize, ConnId)>,
    /// A former one's server may still take it.
    late: bool,
    /// The store forgot something of it.
    rolled_back: bool,
}

impl Purse {
    fn opened(&self) -> u64 {
        self.open.iter().sum()
    }

    fn most(&self) -> u64 {
        self.most + self.opened() + self.untold.0
    }
}

struct World {
    servers: [Server; HUBS],
    /// What both share; nobody's orders.
    store: Shelf,
    earlier: Shelf,
    rng: Rng,
    now: u64,
    processes: u64,
    clients: Vec<Client>,
    purses: BTreeMap<String, Purse>,
    codes: Vec<String>,
    forgets: bool,
    figures: Figures,
}

#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    points: u64,
    moved: u64,
    pending: u64,
    taken_over: u64,
    sent_on: u64,
    kills: u64,
    lost: u64,
    reloads: u64,
    cuts: u64,
    unheard: u64,
    forgets: u64,
    elsewhere: u64,
    met: u64,
}

impl Figures {
    fn all(&self) -> [u64; 13] {
        let Self {
            points,
            moved,
            pending,
            taken_over,
            sent_on,
            kills,
            lost,
            reloads,
            cuts,
            unheard,
            forgets,
            elsewhere,
            met,
        } = *self;
        [
            points, moved, pending, taken_over, sent_on, kills, lost, reloads, cuts, unheard,
            forgets, elsewhere, met,
        ]
    }
}

impl World {
    fn new(seed: u64, fault: Option<Fault>) -> Self {
        let mut rng = Rng::with_seed(seed);
        let robot_after_ms = [300, 300, 30_000][rng.usize(..3)];
        let session_ttl_ms = [5_000, 90_000, 1_800_000][rng.usize(..3)];
        let max_sessions = [3, 100][rng.usize(..2)];
        let server = |letter| {
            let letter = Letter::new(letter).expect("a letter");
            let mut bench = Bench::with_store(Config {
                rate_limit: 0,
                game_time_ms: GAME_MS,
                robot_after_ms,
                session_ttl_ms,
                max_sessions,
                ping_interval_ms: 3_600_000,
                instance: Some(letter),
                seed: Some(seed * 64 + u64::from(letter == Letter::new("b").expect("a letter"))),
                ..Config::default()
            });
            bench.shelf().fault = fault;
            bench.shelf().lazy = true;
            bench.slow_down(true);
            Server {
                bench,
                letter,
                process: None,
                gathers: false,
            }
        };
        let mut world = Self {
            servers: LETTERS.map(server),
            store: Shelf::default(),
            earlier: Shelf::default(),
            clients: vec![Client::default(); rng.usize(2..7)],
            rng,
            now: 0,
            processes: 0,
            purses: BTreeMap::new(),
            codes: Vec::new(),
            forgets: seed.is_multiple_of(3),
            figures: Figures::default(),
        };
        (0..HUBS).for_each(|at| world.start(at));
        world
    }

    fn live(&mut self) {
        for _ in 0..STEPS {
            self.step();
            self.look();
            self.check(false);
            let mut lines = self.clients.iter().flat_map(|client| &client.lines);
            if lines.any(|line| line.outplayed) {
                self.settle();
            }
        }
        self.settle();
        self.meet();
        self.settle();
    }

    fn step(&mut self) {
        let at = self.rng.usize(..HUBS);
        let index = self.rng.usize(..self.clients.len());
        match self.rng.u32(..100) {
            0..36 => self.speak(index),
            36..60 => self.pass(),
            60..73 => {
                let count = self.rng.usize(1..4);
                self.work(at, count);
            }
            73..85 => {
                for _ in 0..self.rng.usize(1..4) {
                    self.hear(at);
                }
            }
            85 => {
                self.figures.cuts += 1;
                self.servers[at].bench.shelf().set_away(true);
            }
            86..89 => self.servers[at].bench.shelf().set_away(false),
            89 => {
                self.figures.unheard += 1;
                self.with_store(at, Shelf::work_unheard);
            }
            90 => self.with_store(at, Shelf::repeat_order),
            91 => self.earlier = self.store.clone(),
            92 => self.settle(),
            93 => {
                self.figures.reloads += 1;
                self.servers[at].bench.reload();
            }
            94 if self.servers[at].process.is_some() => self.kill(at),
            94..97 => self.start(at),
            97 => self.gather(at),
            98 => self.scatter(at),
            _ if self.forgets => self.forget(),
            _ => (),
        }
    }

    // ---- Servers and their store ----

    /// A server's orders meet what both share.
    fn with_store(&mut self, at: usize, work: impl FnOnce(&mut Shelf)) {
        let Some(process) = self.servers[at].process else {
            return;
        };
        self.store.now = self.now;
        let shelf = self.servers[at].bench.shelf();
        shelf.swap_kept(&mut self.store);
        shelf.call(process);
        work(shelf);
        shelf.swap_kept(&mut self.store);
        shelf.now = self.now;
    }

    fn work(&mut self, at: usize, count: usize) {
        self.with_store(at, |shelf| shelf.work(count));
        let server = &mut self.servers[at].bench;
        // It says that all is written; what it told is nobody's to lose any more.
        if server.hub().owed() == 0 && server.shelf().unsettled().next().is_none() {
            for purse in self.purses.values_mut() {
                let open = std::mem::take(&mut purse.open[at]);
                purse.least += open;
                purse.most += open;
            }
        }
    }

    /// An answer comes, or comes twice.
    fn hear(&mut self, at: usize) -> bool {
        let bench = &mut self.servers[at].bench;
        let Some(reply) = bench.shelf().answer() else {
            return false;
        };
        bench.tell(Input::Stored { reply: &reply });
        if self.rng.u32(..5) == 0 {
            bench.tell(Input::Stored { reply: &reply });
        }
        self.look();
        true
    }

    fn pass(&mut self) {
        let ms = match self.rng.u32(..10) {
            0 => self.rng.u64(..6_000),
            _ => self.rng.u64(..900),
        };
        self.pass_ms(ms);
    }

    fn pass_ms(&mut self, ms: u64) {
        self.now += ms;
        for server in &mut self.servers {
            if server.process.is_some() {
                server.bench.advance(self.now, true);
            }
        }
    }

    /// A process begins, once nobody has its letter any more.
    fn start(&mut self, at: usize) {
        if self.servers[at].process.is_some() {
            return;
        }
        self.processes += 1;
        let process = self.processes;
        self.servers[at].process = Some(process);
        self.with_store(at, |_| ());
        let server = &mut self.servers[at];
        if self.store.leases.contains_key(&server.letter) {
            server.process = None;
            return;
        }
        server.bench.advance(self.now, true);
        server.bench.restart();
        server.bench.live_beside(process);
        self.earlier = self.store.clone();
    }

    /// A process dies: so do its orders.
    fn kill(&mut self, at: usize) {
        self.figures.kills += 1;
        let server = &mut self.servers[at];
        (server.process, server.gathers) = (None, false);
        server.bench.restart();
        for purse in self.purses.values_mut() {
            purse.most += std::mem::take(&mut purse.open[at]);
            purse.told[at] = None;
        }
        for client in &mut self.clients {
            client.lines.retain(|line| line.at != at);
        }
    }

    /// Everybody is sent on who may be; some of those whom the store does not know yet come later.
    fn gather(&mut self, at: usize) {
        let server = &mut self.servers[at];
        if server.process.is_none() {
            return;
        }
        if !std::mem::replace(&mut server.gathers, true) {
            server.bench.tell(Input::Gather);
        }
        let conns: Vec<ConnId> = self
            .clients
            .iter()
            .flat_map(|client| &client.lines)
            .filter(|line| line.at == at)
            .map(|line| line.conn)
            .collect();
        for conn in conns {
            self.servers[at].bench.tell(Input::SendOn { conn });
        }
    }

    fn scatter(&mut self, at: usize) {
        let server = &mut self.servers[at];
        if std::mem::take(&mut server.gathers) {
            server.bench.tell(Input::Scatter);
        }
    }

    /// The store loses its last moments: what a server in reach knows is not lost.
    fn forget(&mut self) {
        self.figures.forgets += 1;
        for at in 0..HUBS {
            // What it answered before is known.
            while self.hear(at) {}
        }
        self.look();
        let (before, now) = (self.store.clone(), self.now);
        self.store = self.earlier.clone();
        self.store.now = now;
        for at in 0..HUBS {
            self.with_store(at, |_| ());
        }
        for (token, purse) in &mut self.purses {
            let kept = |shelf: &Shelf| shelf.session(token).map_or(0, |(total, ..)| total.into());
            let (had, has): (u64, u64) = (kept(&before), kept(&self.store));
            if had == has {
                continue;
            }
            purse.rolled_back = true;
            purse.most += std::mem::take(&mut purse.open).iter().sum::<u64>();
            purse.least = purse.least.min(has);
        }
        let tokens: Vec<String> = self.purses.keys().cloned().collect();
        for token in tokens {
            // So it is with a connection that was given up and is still open.
            let lines = |it: &Client| it.token.as_ref() == Some(&token) && 1 < it.lines.len();
            let late = self.clients.iter().any(lines);
            let newest = self.purses[&token].newest.map(|(at, _)| at);
            let others = (0..HUBS).filter(|&at| Some(at) != newest);
            let late = others.fold(late, |late, at| late | self.may_take(at, &token));
            self.purses.get_mut(&token).expect("its own").late |= late;
        }
        for at in 0..HUBS {
            while self.hear(at) {}
        }
    }

    /// Everything is answered: the store has exactly what was told.
    fn settle(&mut self) {
        for at in 0..HUBS {
            self.servers[at].bench.shelf().set_away(false);
        }
        let (mut moved, mut turns) = (true, 0);
        while moved {
            (moved, turns) = (false, turns + 1);
            assert!(turns < TURNS_MAX, "they ask for ever");
            for at in 0..HUBS {
                self.work(at, usize::MAX);
                while self.hear(at) {
                    moved = true;
                }
            }
            self.look();
        }
        for server in &mut self.servers {
            let hub = server.bench.hub();
            assert_eq!(hub.waiting(), 0, "somebody waits for nothing");
            assert_eq!(hub.owed(), 0, "something is owed for ever");
        }
        self.check(true);
    }

    /// Nothing is in the store that was not told; `settled`: and nothing of that is missing.
    fn check(&mut self, settled: bool) {
        if settled {
            self.check_known();
        }
        for (token, purse) in &mut self.purses {
            let row = self.store.session(token);
            let kept: u64 = row.map_or(0, |(total, ..)| total.into());
            let open = purse.opened();
            let most = purse.most();
            assert!(kept <= most, "counted twice: {token} {kept} {purse:?}");
            if !settled {
                continue;
            }
            assert!(purse.least + open <= kept, "lost: {token} {kept} {purse:?}");
            self.figures.lost += u64::from(kept < most);
            if purse.untold.1 < self.now {
                purse.untold.0 = 0;
            }
            let uid = row.map_or("", |(.., uid)| uid);
            uid.clone_into(&mut purse.uid);
            (purse.least, purse.most, purse.open) = (kept, kept, [0; HUBS]);
        }
        if settled {
            for client in &self.clients {
                self.check_online(client);
            }
        }
    }

    /// The store has at least what any server told of the sessions that it knows, whatever was
    /// forgotten.
    fn check_known(&self) {
        for (at, server) in self.servers.iter().enumerate() {
            let accounts = accounts(&server.bench.export()).into_iter();
            for (token, account) in accounts.filter(|(_, it)| it["pending"] != true) {
                let purse = self.purses.get(&token);
                let told = purse.and_then(|purse| purse.told[at]).unwrap_or(0);
                let kept = self.store.session(&token);
                let kept = kept.map_or(0, |(total, ..)| total.into());
                assert!(
                    told <= kept,
                    "{at} told {told} of {token}: {kept} {account}"
                );
            }
        }
    }

    /// Who is online has what it was told.
    fn check_online(&self, client: &Client) {
        let Some((line, former)) = client.lines.split_last() else {
            return;
        };
        let is_late = |line: &Line| {
            let purse = line.token.as_ref().and_then(|it| self.purses.get(it));
            purse.is_none_or(|purse| purse.late)
        };
        for former in former
            .iter()
            .filter(|it| it.token == line.token && !is_late(it))
        {
            assert!(!former.outplayed, "nobody ended {former:?}");
        }
        let Some((token, row)) = line
            .token
            .as_ref()
            .and_then(|token| Some((token, self.store.session(token)?)))
        else {
            return;
        };
        let purse = &self.purses[token];
        let is_newest = purse.newest == Some((line.at, line.conn)) && !purse.late;
        // Who has no points yet is a new player elsewhere.
        if !line.greeted || line.pending || line.total == 0 || !is_newest {
            return;
        }
        let (total, streak, _) = row;
        assert!(
            line.total <= total.into(),
            "{total} is less than {line:?} was told"
        );
        let right = line.streak.is_none_or(|told| told == u64::from(streak));
        assert!(right, "{streak} is not the streak of {line:?}");
    }

    // ---- Clients ----

    fn speak(&mut self, index: usize) {
        let count = self.clients[index].lines.len();
        if count == 0 {
            return self.come(index, None);
        }
        // Now and then it is one that was given up.
        let nth = match self.rng.u32(..3) {
            0 => self.rng.usize(..count),
            _ => count - 1,
        };
        let line = self.clients[index].lines[nth].clone();
        let text = match self.rng.u32(..24) {
            0..16 if !line.playing => r#"["join"]"#.to_owned(),
            0..16 => format!(r#"["choice",{{"choice":{}}}]"#, self.rng.u32(1..=3)),
            16 => {
                self.untold(&line);
                let line = &mut self.clients[index].lines[nth];
                if std::mem::take(&mut line.playing) {
                    line.streak = None;
                }
                r#"["leave"]"#.into()
            }
            17 => r#"["join",{"room":"new"}]"#.into(),
            18..20 => match self.codes.last() {
                Some(code) => {
                    self.clients[index].code = Some(code.clone());
                    format!(r#"["join",{{"room":"{code}"}}]"#)
                }
                None => r#"["away"]"#.into(),
            },
            20 => return self.hang_up(index, nth),
            _ => return self.come(index, None),
        };
        let conn = line.conn;
        let bench = &mut self.servers[line.at].bench;
        bench.tell(Input::Text { conn, text: &text });
    }

    /// It may win what it is not told.
    fn untold(&mut self, line: &Line) {
        if let (true, Some(token)) = (line.playing, &line.token)
            && let Some(purse) = self.purses.get_mut(token)
        {
            purse.untold.0 += line.streak.unwrap_or(line.total) + 1;
            purse.untold.1 = self.now + GAME_MS;
        }
    }

    fn hang_up(&mut self, index: usize, nth: usize) {
        let line = self.clients[index].lines.remove(nth);
        self.untold(&line);
        let conn = line.conn;
        self.servers[line.at].bench.tell(Input::Closed { conn });
    }

    /// A new connection, where its last one was or elsewhere; the former one may still be there.
    fn come(&mut self, index: usize, to: Option<usize>) {
        let last = self.clients[index].lines.last().map(|line| line.at);
        let stays = self.rng.u32(..3) == 0;
        let at = to.or(last.filter(|_| stays));
        let at = at.unwrap_or_else(|| self.rng.usize(..HUBS));
        if self.servers[at].process.is_none() {
            return;
        }
        if last.is_some() && self.rng.bool() {
            self.hang_up(index, self.clients[index].lines.len() - 1);
        }
        self.figures.moved += u64::from(last.is_some_and(|last| last != at));
        let conn = self.servers[at].bench.open(Dialect::Plain);
        let token = self.clients[index].token.clone();
        let mut least = 0;
        if let Some(token) = &token {
            let others = (0..HUBS).filter(|&other| other != at);
            let late = others.fold(false, |late, other| late | self.may_take(other, token));
            let purse = self.purses.entry(token.clone()).or_default();
            purse.newest = Some((at, conn));
            purse.late = late;
            // A seat is worth a session that may be old.
            let here = accounts(&self.servers[at].bench.export());
            if here.iter().all(|(known, _)| known != token) {
                least = purse.least;
            }
        }
        let session = match &token {
            Some(token) => format!(r#","session":"{token}""#),
            None => String::new(),
        };
        self.clients[index].lines.push(Line {
            at,
            conn,
            token,
            least,
            greeted: false,
            pending: false,
            uid: String::new(),
            total: 0,
            streak: None,
            playing: false,
            began: None,
            outplayed: false,
            greeted_at: 0,
        });
        let text = format!(r#"["hello",{{"user":{{"uname":"c{index}"}},"v":2{session}}}]"#);
        let bench = &mut self.servers[at].bench;
        bench.tell(Input::Text { conn, text: &text });
    }

    /// Whether a server that a client left is about to take its session all the same: it asked before,
    /// or still holds the client's connection for one that is good.
    fn may_take(&mut self, at: usize, token: &str) -> bool {
        let bench = &mut self.servers[at].bench;
        let shelf = bench.shelf();
        // Who settles after something was forgotten is taken for the owner.
        let settles = shelf.unsettled().any(|known| known == token);
        if shelf.is_to_take(token) || (settles && self.forgets) {
            return true;
        }
        let mut accounts = accounts(&bench.export()).into_iter();
        let account = accounts.find(|(known, _)| known == token);
        account.is_some_and(|(_, it)| it["doubtful"] == true || it["pending"] == true)
    }

    /// What the clients were told.
    fn look(&mut self) {
        for at in 0..HUBS {
            for deed in self.servers[at].bench.take_deeds() {
                self.see(at, deed);
            }
        }
    }

    fn see(&mut self, at: usize, deed: Deed) {
        let Deed {
            at: when,
            conn,
            act,
        } = deed;
        let found = self.clients.iter().enumerate().find_map(|(index, client)| {
            let mut lines = client.lines.iter();
            let nth = lines.position(|line| (line.at, line.conn) == (at, conn))?;
            Some((index, nth))
        });
        let Some((index, nth)) = found else { return };
        match act {
            Act::Text(text) => {
                let event: Value = serde_json::from_str(&text).expect("an event");
                self.hear_event(when, (index, nth), &event);
            }
            Act::Close(code) => self.closed((index, nth), code),
            Act::Ping | Act::Pong(_) => (),
        }
    }

    fn closed(&mut self, (index, nth): (usize, usize), code: u16) {
        let line = self.clients[index].lines.remove(nth);
        let purse = line.token.as_ref().and_then(|token| self.purses.get(token));
        let is_newest = purse.is_some_and(|purse| purse.newest == Some((line.at, line.conn)));
        match code {
            4001 => {
                self.figures.taken_over += 1;
                let late = purse.is_some_and(|purse| purse.late);
                assert!(!is_newest || late, "nobody took it: {line:?} {purse:?}");
            }
            1012 => {
                self.figures.sent_on += 1;
                let is_away = self.servers[line.at].bench.hub().is_store_away();
                let kept = line.token.as_ref().and_then(|it| self.store.session(it));
                let kept: u64 = kept.map_or(0, |(total, ..)| total.into());
                let sure = !is_away && !purse.is_some_and(|purse| purse.rolled_back);
                assert!(
                    line.total <= kept || !sure || line.pending,
                    "{kept} is in the store, and sent on is {line:?}"
                );
            }
            // More wait to be written than there may be sessions.
            1008 => assert!(!line.greeted, "{line:?}"),
            code => panic!("{code}: {line:?}"),
        }
    }

    fn hear_event(&mut self, when: u64, place: (usize, usize), event: &Value) {
        let (name, body) = (event[0].as_str().unwrap_or_default(), &event[1]);
        let (index, nth) = place;
        match name {
            "hi" => self.hear_hi(when, place, event),
            "start" => {
                let line = &mut self.clients[index].lines[nth];
                line.playing = true;
                // One that is told again to who came back says less than when it began.
                line.began = Some(when).filter(|&at| line.greeted_at != at);
            }
            "result" => self.hear_result(when, place, body),
            "room" => {
                if let Some(code) = body["code"].as_str() {
                    self.codes.push(code.to_owned());
                    self.clients[index].code = Some(code.to_owned());
                }
            }
            "problem" if body["code"] == "room-elsewhere" => {
                self.figures.elsewhere += 1;
                let to = body["instance"].as_str().expect("an instance");
                let to = LETTERS.iter().position(|letter| *letter == to);
                let to = to.expect("one of them");
                assert_ne!(to, self.clients[index].lines[nth].at, "it leads nowhere");
            }
            _ => (),
        }
    }

    fn hear_hi(&mut self, when: u64, (index, nth): (usize, usize), event: &Value) {
        let body = &event[1];
        let token = body["session"].as_str().expect("a token").to_owned();
        let total = body["totalScore"].as_u64().expect("a total");
        let (resumed, pending) = (body["resumed"] == true, body["pending"] == true);
        let is_last = nth + 1 == self.clients[index].lines.len();
        let line = &mut self.clients[index].lines[nth];
        let brought = line.token.replace(token.clone());
        (line.greeted, line.pending, line.greeted_at) = (true, pending, when);
        line.uid = body["uid"].as_str().expect("a uid").to_owned();
        (line.total, line.streak) = (total, body["winStreak"].as_u64());
        let (at, place, uid) = (line.at, (line.at, line.conn), line.uid.clone());
        let came_with = line.least;
        if is_last {
            self.clients[index].token = Some(token.clone());
        }
        self.figures.pending += u64::from(pending);
        if let Some(former) = brought.filter(|brought| *brought != token) {
            let least = self.purses.get(&former).map_or(0, |purse| purse.least);
            let least = least.min(came_with);
            assert_eq!(least, 0, "{former} is refused: {event}");
        }
        let purse = self.purses.entry(token.clone()).or_default();
        purse.newest.get_or_insert(place);
        if pending {
            return;
        }
        let least = purse.least.min(came_with);
        let most = purse.most();
        let right = least <= total && total <= most;
        assert!(right, "{least} to {most}, and it is told {event}");
        assert!(resumed || least == 0, "{token} is refused: {event}");
        let sure = 0 < least && !purse.rolled_back && !purse.uid.is_empty();
        assert!(
            !sure || purse.uid == uid,
            "somebody else: {event} {purse:?}"
        );
        purse.told[at] = Some(total);
    }

    fn hear_result(&mut self, when: u64, (index, nth): (usize, usize), body: &Value) {
        let line = &mut self.clients[index].lines[nth];
        // A result that is repeated is no news.
        if line.greeted_at == when {
            return;
        }
        line.playing = false;
        if let Some(began) = line.began.take() {
            assert_eq!(when - began, GAME_MS, "a round was held");
        }
        let rows = body["result"].as_array().expect("rows");
        let own = rows.iter().find(|row| row["uid"] == *line.uid);
        let own = own.expect("its own row");
        let number = |key: &str| own[key].as_u64().expect("a number");
        let (points, total) = (number("roundScore"), number("totalScore"));
        assert!(line.total + points <= total, "{line:?}: {own}");
        (line.total, line.streak) = (total, Some(number("winStreak")));
        self.figures.points += points;
        let has_it = |line: &Line| line.greeted && !line.pending;
        let client = &mut self.clients[index];
        let is_former = client.lines.last().is_some_and(has_it) && nth + 1 < client.lines.len();
        let line = &mut client.lines[nth];
        line.outplayed |= is_former && 0 < points && !line.pending;
        let token = line.token.clone().expect("it was greeted");
        let (at, pending) = (line.at, line.pending);
        let purse = self.purses.entry(token).or_default();
        purse.open[at] += points;
        if !pending {
            purse.told[at] = Some(total);
        }
    }

    // ---- The end ----

    /// Time passes, and everybody is heard at once.
    fn pass_steadily(&mut self, ms: u64) {
        for _ in 0..ms / 500 {
            self.pass_ms(500);
            for at in 0..HUBS {
                self.work(at, usize::MAX);
                while self.hear(at) {}
            }
            self.look();
        }
    }

    /// Two look for one room from different servers; then its server dies.
    fn meet(&mut self) {
        for at in 0..HUBS {
            self.scatter(at);
        }
        let mut turns = 0;
        while self.servers.iter().any(|server| server.process.is_none()) {
            turns += 1;
            assert!(turns < TURNS_MAX, "a lease is never over");
            self.pass_steadily(1_000);
            (0..HUBS).for_each(|at| self.start(at));
        }
        self.pass_steadily(2_000);
        let (here, there) = match self.rng.bool() {
            true => (0, 1),
            false => (1, 0),
        };
        for client in &mut self.clients {
            client.code = None;
        }
        self.find_room(0, here, "new");
        let code = self.clients[0].code.clone().expect("a room");
        let elsewhere = self.figures.elsewhere;
        self.find_room(1, there, &code);
        assert!(
            elsewhere < self.figures.elsewhere,
            "{code} is not elsewhere"
        );
        self.find_room(1, here, &code);
        self.are_together(&code);
        self.kill(here);
        self.pass_steadily(5_000);
        for index in [0, 1] {
            self.find_room(index, there, &code);
        }
        self.are_together(&code);
        self.figures.met += 1;
    }

    /// Somebody comes and asks for a room.
    fn find_room(&mut self, index: usize, at: usize, room: &str) {
        while !self.clients[index].lines.is_empty() {
            self.hang_up(index, 0);
        }
        self.clients[index].code = None;
        self.come(index, Some(at));
        self.pass_steadily(500);
        let line = self.clients[index].lines.last_mut().expect("a line");
        // It may leave a round.
        line.streak = None;
        let conn = line.conn;
        for text in [
            r#"["leave"]"#.to_owned(),
            format!(r#"["join",{{"room":"{room}"}}]"#),
        ] {
            let bench = &mut self.servers[at].bench;
            bench.tell(Input::Text { conn, text: &text });
            self.pass_steadily(500);
        }
    }

    /// Both sit in the room.
    fn are_together(&self, code: &str) {
        for client in &self.clients[..2] {
            assert_eq!(client.code.as_deref(), Some(code), "they do not meet");
        }
    }
}

/// The sessions of a server by what it would carry over, each with its dealings with the store.
fn accounts(bytes: &[u8]) -> Vec<(String, Value)> {
    let mut snapshot: Value = serde_json::from_slice(bytes).expect("JSON");
    let mut found = Vec::new();
    let mut values = vec![snapshot["world"]["players"].take()];
    while let Some(mut value) = values.pop() {
        if let Some(token) = value["token"].as_str().map(str::to_owned) {
            found.push((token, value["play"]["account"].take()));
            continue;
        }
        match value {
            Value::Array(items) => values.extend(items),
            Value::Object(items) => values.extend(items.into_iter().map(|(_, item)| item)),
            _ => (),
        }
    }
    found
}

/// Runs a seed; what it was made of, or what broke.
fn run(seed: u64, fault: Option<Fault>) -> Result<Figures, String> {
    let mut world = World::new(seed, fault);
    crate::survived(|| world.live())?;
    Ok(world.figures)
}

#[test]
fn what_two_servers_tell_is_kept_once_whoever_dies_or_is_cut_off() {
    let runs = crate::all_survived(SEEDS, |seed| run(seed, None));
    let mut total = [0; 13];
    for figures in &runs {
        for (sum, figure) in total.iter_mut().zip(figures.all()) {
            *sum += figure;
        }
    }
    println!("{total:?}");
    let enough = total.iter().all(|&count| 10 < count);
    assert!(runs.len() < 60 || enough, "{total:?}");
}

#[test]
fn a_store_that_breaks_its_promise_to_two_servers_is_caught() {
    for fault in [
        Fault::Twice,
        Fault::Dropped,
        Fault::Denied,
        Fault::Unfenced,
        Fault::Unheld,
    ] {
        let caught = (0..40).any(|seed| run(seed, Some(fault)).is_err());
        assert!(caught, "{fault:?} is not seen");
    }
}
