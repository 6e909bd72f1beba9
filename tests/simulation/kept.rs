//! Seeded worlds around a store that is slow, away, repeats itself or forgets its last moments, and
//! around a process that dies, or goes over into another one.
//!
//! Some of those who play are persons: they sign in when they please, with the session that they
//! have or with none, on several devices. A [`Ledger`] is kept from outside. Invariants:
//!
//! - what the store has is never more than that, and when all is answered exactly that: nothing is
//!   lost or counted twice while the process lives, whatever the store does short of forgetting;
//! - a `hi` that is not pending tells it, to each device of a person alike;
//! - of what counts for the board the same;
//! - a store that loses its last moments loses nothing of what the process knows, and takes nobody's
//!   session away; in worlds without persons, where that can be told from outside;
//! - a round ends at its deadline, whatever the store does;
//! - in the end nobody waits and nothing is owed.
//!
//! Absent here: the other rules of the game, which the shadow knows; two servers, as in `several`.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use roshambo::config::Config;
use roshambo::hub::{Dialect, Input};
use roshambo::identity::{Claims, Keys, sign};
use roshambo::model::ConnId;
use serde_json::Value;

use crate::common::shelf::{Fault, Shelf};
use crate::common::{Act, Bench, WALL_S};
use crate::ledger::{Ledger, Whose};

/// Seeds of an ordinary run.
const SEEDS: u64 = 300;
const STEPS: u32 = 400;
const PERSONS: &[&str] = &["ann", "bob", "cem"];

/// One client; it keeps its token over all lives.
#[derive(Debug, Default)]
struct Client {
    conn: Option<ConnId>,
    /// The one before, as long as the new one waits: it plays on.
    former: Option<ConnId>,
    /// What it comes with.
    token: Option<String>,
    /// As which it plays.
    seat: String,
    /// Who it is, once it has signed in.
    sub: Option<&'static str>,
    uid: String,
    pending: bool,
    /// This connection was told a `hi`.
    greeted: bool,
    /// A round runs. It stays to its end, or it would win what it is not told.
    playing: bool,
    /// When the round that it plays in began, if it was there.
    began: Option<u64>,
    greeted_at: u64,
}

/// A round that a person plays in.
#[derive(Clone, Copy, Debug)]
struct Round {
    began: u64,
    /// Whom it plays against, if that is a person.
    against: Option<&'static str>,
    /// Both were known to be.
    sure: bool,
}

struct World {
    bench: Bench,
    config: Config,
    rng: Rng,
    clients: Vec<Client>,
    ledger: Ledger,
    /// The signed tokens.
    signed: BTreeMap<&'static str, String>,
    /// Of whom all was known when the store last had answered everything.
    sure: BTreeSet<&'static str>,
    rounds: BTreeMap<&'static str, Round>,
    codes: Vec<String>,
    /// Nobody signs in, and the store loses its last moments now and then.
    forgets: bool,
    /// Sessions that another process took at some time.
    stolen: BTreeSet<String>,
    /// Connections whose clients have come by another one.
    hang_up: Vec<ConnId>,
    /// What the store was like some time ago.
    earlier: Shelf,
    figures: Figures,
}

#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    points: u64,
    pending: u64,
    kills: u64,
    rollbacks: u64,
    forgets: u64,
    restored: u64,
    taken_over: u64,
    reloads: u64,
    signed_in: u64,
    moved: u64,
    ranked: u64,
}

impl World {
    fn new(seed: u64, fault: Option<Fault>) -> Self {
        let mut rng = Rng::with_seed(seed);
        let config = Config {
            rate_limit: 0,
            game_time_ms: 1_000,
            robot_after_ms: [300, 30_000][rng.usize(..2)],
            session_ttl_ms: [5_000, 90_000, 1_800_000][rng.usize(..3)],
            max_sessions: [3, 100][rng.usize(..2)],
            ping_interval_ms: 3_600_000,
            seed: Some(seed),
            ..Config::default()
        };
        let mut bench = Bench::with_store(config.clone());
        let keys = Keys::read(&[b'k'; 32]).expect("a key");
        let signed = |&sub: &&'static str| {
            let claims = Claims {
                sub: sub.into(),
                exp: (WALL_S + 86_400).into(),
                ..Claims::default()
            };
            (sub, sign(&claims, keys.first()))
        };
        let signed = PERSONS.iter().map(signed).collect();
        bench.use_keys(Some(keys));
        bench.shelf().fault = fault;
        bench.shelf().lazy = true;
        bench.slow_down(true);
        let earlier = bench.shelf().clone();
        let clients = (0..rng.usize(2..7)).map(|_| Client::default()).collect();
        Self {
            bench,
            config,
            rng,
            clients,
            ledger: Ledger::new(PERSONS),
            signed,
            sure: BTreeSet::new(),
            rounds: BTreeMap::new(),
            codes: Vec::new(),
            forgets: seed.is_multiple_of(4),
            stolen: BTreeSet::new(),
            hang_up: Vec::new(),
            earlier,
            figures: Figures::default(),
        }
    }

    fn live(&mut self) {
        for _ in 0..STEPS {
            self.step();
            self.look();
            self.ledger.check(self.bench.shelf(), false);
        }
        self.settle();
        self.figures.ranked += self.ledger.ranked_for_sure();
    }

    fn step(&mut self) {
        let index = self.rng.usize(..self.clients.len());
        match self.rng.u32(..106) {
            0..35 => self.speak(index),
            35..60 => self.pass(),
            60..75 => {
                let count = self.rng.usize(1..4);
                self.bench.shelf().work(count);
            }
            75..90 => {
                for _ in 0..self.rng.usize(1..4) {
                    self.hear();
                }
            }
            90..92 => self.bench.shelf().set_away(true),
            92..95 => self.bench.shelf().set_away(false),
            95 => self.bench.shelf().repeat_order(),
            96 => {
                if let Some(token) = self.clients[index].token.clone() {
                    self.bench.shelf().take_away(&token);
                    self.stolen.insert(token);
                }
            }
            97 => self.earlier = self.bench.shelf().clone(),
            98 => self.settle(),
            104.. if self.forgets => self.forget(),
            100.. => {
                self.figures.reloads += 1;
                self.bench.reload();
            }
            _ => self.kill(),
        }
    }

    fn pass(&mut self) {
        let ms = match self.rng.u32(..10) {
            0 => self.rng.u64(..6_000),
            _ => self.rng.u64(..900),
        };
        let to = self.bench.now() + ms;
        self.bench.advance(to, true);
    }

    /// An answer comes, or comes twice.
    fn hear(&mut self) {
        let Some(reply) = self.bench.shelf().answer() else {
            return;
        };
        self.bench.tell(Input::Stored { reply: &reply });
        if self.rng.u32(..5) == 0 {
            self.bench.tell(Input::Stored { reply: &reply });
        }
    }

    fn speak(&mut self, index: usize) {
        let Some(conn) = self.clients[index].conn else {
            return self.come(index);
        };
        let text = match self.rng.u32(..20) {
            0..7 => r#"["join"]"#.to_owned(),
            7..15 => format!(r#"["choice",{{"choice":{}}}]"#, self.rng.u32(1..=3)),
            15 => {
                self.clients[index].playing = false;
                r#"["leave"]"#.into()
            }
            16 => r#"["join",{"room":"new"}]"#.into(),
            17 => match self.codes.last() {
                Some(code) => format!(r#"["join",{{"room":"{code}"}}]"#),
                None => r#"["away"]"#.into(),
            },
            18 if !self.clients[index].playing => {
                self.clients[index].conn = None;
                return self.bench.tell(Input::Closed { conn });
            }
            _ => return self.come(index),
        };
        self.bench.tell(Input::Text { conn, text: &text });
    }

    /// A new connection; the former one may still be there. Now and then somebody signs in, and
    /// signs in on a device that was emptied.
    fn come(&mut self, index: usize) {
        let conn = self.bench.open(Dialect::Plain);
        let client = &mut self.clients[index];
        if let Some(former) = client.conn.replace(conn).filter(|_| client.greeted) {
            client.former = Some(former);
        }
        client.greeted = false;
        client.began = None;
        if client.sub.is_none() && self.rng.u32(..4) == 0 && !self.forgets {
            client.sub = self.rng.choice(PERSONS).copied();
        }
        if client.sub.is_some() && self.rng.u32(..6) == 0 {
            client.token = None;
        }
        let session = match &client.token {
            Some(token) => format!(r#","session":"{token}""#),
            None => String::new(),
        };
        let signed = match client.sub {
            Some(sub) => format!(r#","token":"{}""#, self.signed[sub]),
            None => String::new(),
        };
        let text = format!(r#"["hello",{{"user":{{"uname":"c{index}"}},"v":2{session}{signed}}}]"#);
        self.bench.tell(Input::Text { conn, text: &text });
    }

    /// The process dies, and perhaps the machine with it, which costs the store's last moments.
    fn kill(&mut self) {
        self.figures.kills += 1;
        let rolls_back = self.rng.u32(..3) == 0;
        if rolls_back {
            self.figures.rollbacks += 1;
            *self.bench.shelf() = self.earlier.clone();
        }
        self.bench.restart();
        self.earlier = self.bench.shelf().clone();
        for client in &mut self.clients {
            client.conn = None;
            client.former = None;
            client.playing = false;
        }
        self.sure.clear();
        self.rounds.clear();
        self.figures.ranked += self.ledger.ranked_for_sure();
        self.ledger.begin(self.bench.shelf());
    }

    /// The store loses its last moments while the process lives: what that knows is not lost.
    fn forget(&mut self) {
        self.figures.forgets += 1;
        // What it answered before is known.
        while let Some(reply) = self.bench.shelf().answer() {
            self.bench.tell(Input::Stored { reply: &reply });
        }
        self.look();
        let mut here = self.sessions_here();
        // Of those that ended the last word is on its way.
        here.extend(self.bench.shelf().unsettled().cloned());
        let before = self.bench.shelf().clone();
        let earlier = self.earlier.clone();
        self.bench.shelf().roll_back(&earlier);
        // It is told before any session ends by its age.
        let reply = self.bench.shelf().answer().expect("that it lost something");
        self.bench.tell(Input::Stored { reply: &reply });
        self.ledger.forget(&here, &before, self.bench.shelf());
        self.earlier = self.bench.shelf().clone();
    }

    /// The sessions of which the process knows what they had.
    fn sessions_here(&mut self) -> BTreeSet<String> {
        let bytes = self.bench.export();
        let snapshot: Value = serde_json::from_slice(&bytes).expect("JSON");
        let mut here = BTreeSet::new();
        let mut values = vec![&snapshot["world"]["players"]];
        while let Some(value) = values.pop() {
            let is_pending = value["play"]["account"]["pending"] == true;
            if let Some(token) = value["token"].as_str().filter(|_| !is_pending) {
                here.insert(token.to_owned());
            }
            match value {
                Value::Array(items) => values.extend(items),
                Value::Object(items) => values.extend(items.values()),
                _ => (),
            }
        }
        here
    }

    /// Everything is answered: the store has exactly what was told.
    fn settle(&mut self) {
        self.bench.shelf().set_away(false);
        loop {
            self.bench.shelf().work(usize::MAX);
            let Some(reply) = self.bench.shelf().answer() else {
                break;
            };
            self.bench.tell(Input::Stored { reply: &reply });
        }
        self.look();
        assert_eq!(self.bench.hub().waiting(), 0, "somebody waits for nothing");
        assert_eq!(self.bench.hub().owed(), 0, "something is owed for ever");
        let shelf = self.bench.shelf();
        self.ledger.check(shelf, true);
        for client in &self.clients {
            if let (Some(sub), Some(_), true) = (client.sub, client.conn, client.greeted)
                && shelf.token_of(sub) == Some(&client.seat)
            {
                self.sure.insert(sub);
            }
        }
    }

    /// What the clients were told.
    fn look(&mut self) {
        for deed in self.bench.take_deeds() {
            let found = self
                .clients
                .iter()
                .position(|client| [client.conn, client.former].contains(&Some(deed.conn)));
            let Some(index) = found else { continue };
            match deed.act {
                Act::Text(text) => {
                    let event: Value = serde_json::from_str(&text).expect("an event");
                    self.hear_event(deed.at, index, &event);
                }
                Act::Close(code) => {
                    self.figures.taken_over += u64::from(code == 4001);
                    let client = &mut self.clients[index];
                    let token = client.token.as_ref();
                    let is_stolen = token.is_none_or(|token| self.stolen.contains(token));
                    match client.conn == Some(deed.conn) {
                        true if code == 4001 && self.forgets && !is_stolen => {
                            panic!("somebody lost what nobody took");
                        }
                        true => client.conn = None,
                        false => client.former = None,
                    }
                    client.playing &= client.conn.or(client.former).is_some();
                }
                Act::Ping | Act::Pong(_) => (),
            }
        }
        while let Some(conn) = self.hang_up.pop() {
            self.bench.tell(Input::Closed { conn });
        }
    }

    fn hear_event(&mut self, at: u64, index: usize, event: &Value) {
        let (name, body) = (event[0].as_str().unwrap_or_default(), &event[1]);
        match name {
            "hi" => self.hear_hi(at, index, event),
            "start" => self.hear_start(at, index, body),
            "result" => self.hear_result(at, index, body),
            "room" => {
                if let Some(code) = body["code"].as_str() {
                    self.codes.push(code.to_owned());
                }
            }
            _ => (),
        }
    }

    fn hear_hi(&mut self, at: u64, index: usize, event: &Value) {
        let (body, shelf) = (&event[1], self.bench.shelf());
        let client = &mut self.clients[index];
        let token = body["session"].as_str().expect("a token").to_owned();
        client.token = Some(token.clone());
        let seat = std::mem::replace(&mut client.seat, token.clone());
        let was_there = client.greeted || client.former.is_some();
        let was_resolved = client.greeted && client.pending;
        // The one before is of no use any more.
        self.hang_up.extend(client.former.take());
        if was_there && seat != token && !was_resolved {
            // It is nobody's seat for a while, and what is played there is told to nobody.
            self.figures.moved += 1;
            if std::mem::take(&mut client.playing) {
                self.ledger.call_away(&seat, shelf);
            }
            client.began = None;
        }
        client.uid = body["uid"].as_str().expect("a uid").to_owned();
        client.pending = body["pending"] == true;
        client.greeted = true;
        client.greeted_at = at;
        if let Some(sub) = client.sub {
            let known = shelf.token_of(sub) == Some(&token) && !client.pending;
            self.figures.signed_in += u64::from(known);
            if !known {
                self.sure.remove(sub);
            }
        }
        let (pending, sub) = (self.clients[index].pending, self.clients[index].sub);
        let shelf = self.bench.shelf();
        let whose = self.ledger.whose(&token, shelf);
        let account = self.ledger.told(&token, &whose, shelf);
        let total = body["totalScore"].as_u64().expect("a total");
        let mut want = account.total();
        if let (true, Some(sub)) = (pending, sub) {
            self.ledger.claim(&token, sub);
        }
        // What was won on a pending session is in this total, if that is the one.
        for session in [&token, &seat] {
            let apart = self.ledger.pending(session).unwrap_or(0);
            if pending || want + apart == total {
                want += apart;
                if !pending {
                    self.ledger.resolve(session, &whose);
                }
            }
        }
        self.figures.pending += u64::from(pending);
        self.figures.restored += u64::from(body["resumed"] == true && account.is_old());
        let right = total == want || (pending && total < want);
        assert!(right, "{want}, and hi tells something else: {event}");
    }

    /// Whose account it is that somebody plays for.
    fn whose(&mut self, index: usize) -> Whose {
        let client = &self.clients[index];
        match client.pending {
            true => Whose::Pending(client.seat.clone()),
            false => self.ledger.whose(&client.seat, self.bench.shelf()),
        }
    }

    fn hear_start(&mut self, at: u64, index: usize, body: &Value) {
        let users = body["roomUsers"].as_array().expect("two");
        let client = &self.clients[index];
        let is_fresh = client.greeted_at != at;
        let mut others = users.iter().filter(|user| user["uid"] != *client.uid);
        if let (true, Some(sub), Some(other)) = (is_fresh, client.sub, others.next()) {
            let against = self.person_called(&other["uid"]);
            let sure = self.sure.contains(sub) && against.is_some_and(|it| self.sure.contains(it));
            let began = at;
            let round = Round {
                began,
                against,
                sure,
            };
            self.rounds.insert(sub, round);
        }
        let client = &mut self.clients[index];
        client.playing = true;
        // One that is told again to who came back says less than when it began.
        client.began = Some(at).filter(|_| is_fresh);
    }

    fn person_called(&self, uid: &Value) -> Option<&'static str> {
        let found = self.clients.iter().find(|client| *uid == *client.uid);
        found.and_then(|client| client.sub)
    }

    fn hear_result(&mut self, at: u64, index: usize, body: &Value) {
        let client = &mut self.clients[index];
        // A result that is repeated is no news.
        if client.greeted_at == at {
            return;
        }
        client.playing = false;
        let rows = body["result"].as_array().expect("rows");
        let (own, others): (Vec<&Value>, Vec<&Value>) =
            rows.iter().partition(|row| row["uid"] == *client.uid);
        let points = own[0]["roundScore"].as_u64().expect("a number");
        if let Some(began) = client.began.take() {
            let lasted_ms = at - began;
            assert_eq!(lasted_ms, self.config.game_time_ms, "a round was held");
        }
        self.figures.points += points;
        if let (Some(sub), 1..) = (client.sub, points) {
            let round = self.rounds.remove(sub);
            let round = round.filter(|round| at - round.began == self.config.game_time_ms);
            let round = round.unwrap_or_else(|| Round {
                began: at,
                against: self.person_called(&others[0]["uid"]),
                sure: false,
            });
            if let Some(against) = round.against.filter(|against| *against != sub) {
                let points = u32::try_from(points).expect("a few");
                self.ledger.rank(sub, against, points, round.sure);
            }
        }
        let whose = self.whose(index);
        self.ledger.win(whose, points, self.bench.shelf());
    }
}

/// Runs a seed; what it was made of, or what broke.
fn run(seed: u64, fault: Option<Fault>) -> Result<Figures, String> {
    let mut world = World::new(seed, fault);
    crate::survived(|| world.live())?;
    Ok(world.figures)
}

#[test]
fn what_is_told_is_kept_once_whatever_the_store_and_the_process_do() {
    let runs = crate::all_survived(SEEDS, |seed| run(seed, None));
    let count = runs.len();
    let mut total = Figures::default();
    for figures in runs {
        total.points += figures.points;
        total.pending += figures.pending;
        total.kills += figures.kills;
        total.rollbacks += figures.rollbacks;
        total.forgets += figures.forgets;
        total.restored += figures.restored;
        total.taken_over += figures.taken_over;
        total.reloads += figures.reloads;
        total.signed_in += figures.signed_in;
        total.moved += figures.moved;
        total.ranked += figures.ranked;
    }
    println!("{total:?}");
    let Figures {
        points,
        pending,
        kills,
        rollbacks,
        forgets,
        restored,
        taken_over,
        reloads,
        signed_in,
        moved,
        ranked,
    } = total;
    let all = [
        points, pending, kills, rollbacks, forgets, restored, taken_over, reloads, signed_in,
        moved, ranked,
    ];
    assert!(
        count < 100 || all.iter().all(|&count| 30 < count),
        "{total:?}"
    );
}

#[test]
fn a_store_that_breaks_its_promise_is_caught() {
    crate::all_caught(&Fault::ALL, 100, run);
}
