//! A hub on a virtual clock: what is told to it, what it says, and its timers, in order.
//!
//! Absent here: sockets, sleeps, the real clock, anything unseeded.

#[allow(dead_code, reason = "not every test looks")]
pub(crate) mod shelf;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use fastrand::Rng;
use roshambo::config::Config;
use roshambo::hub::{Dialect, Hub, HubSnapshot, Input, Output, Timer};
use roshambo::identity::Keys;
use roshambo::model::{ConnId, Ended, Entropy, Origin};
use roshambo::time::Millis;
use roshambo::world;

use self::shelf::Shelf;

/// What the hub did to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Sent a text message.
    Text(String),
    /// Sent a WebSocket ping frame.
    Ping,
    /// Sent a WebSocket pong frame with this payload.
    Pong(String),
    /// Closed it with this code.
    Close(u16),
}

/// One thing that the hub did, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deed {
    pub(crate) at: u64,
    pub(crate) conn: ConnId,
    pub(crate) act: Act,
}

/// The hub's whole environment.
pub(crate) struct Bench {
    hub: Hub,
    config: Config,
    /// What nobody can guess; it goes on over a reload.
    entropy: Rc<RefCell<Rng>>,
    now: u64,
    /// How many processes there were before this one.
    restarts: u64,
    /// When this hub's process began: its own clock shows zero then.
    born: u64,
    /// By time, then in the order of arming.
    timers: BTreeMap<(u64, u64), Timer>,
    armed: u64,
    opened: u32,
    deeds: Vec<Deed>,
    /// What outlives the process, if anything does.
    shelf: Option<Shelf>,
    /// Its answers wait until they are asked for.
    slow: bool,
    /// What those said meanwhile of whom nothing is read.
    held: BTreeMap<ConnId, VecDeque<String>>,
    /// What tokens are verified by.
    keys: Option<Keys>,
    /// This process had keys at some time: it keeps a board.
    #[allow(dead_code, reason = "not every test has one")]
    pub(crate) has_board: bool,
}

/// What the clock on the wall shows at time 0: 2026-01-01 00:00 UTC.
#[allow(dead_code, reason = "not every test asks")]
pub(crate) const WALL_S: u64 = 1_767_225_600;

impl Bench {
    /// A hub without anybody in it, at time 0. `config.seed` decides the robots, or 7.
    pub(crate) fn new(config: Config) -> Self {
        let entropy = new_entropy(&config, 0);
        Self {
            hub: new_hub(&config, &entropy),
            config,
            entropy,
            now: 0,
            restarts: 0,
            born: 0,
            timers: BTreeMap::new(),
            armed: 0,
            opened: 0,
            deeds: Vec::new(),
            shelf: None,
            slow: false,
            held: BTreeMap::new(),
            keys: None,
            has_board: false,
        }
    }

    /// The same, with a store that is empty and answers at once.
    #[allow(dead_code, reason = "not every test has one")]
    pub(crate) fn with_store(config: Config) -> Self {
        let mut bench = Self::new(config);
        bench.hub.use_store();
        bench.shelf = Some(Shelf::default());
        bench
    }

    /// This is one instance of several, by its number.
    #[allow(dead_code, reason = "not every test has several")]
    pub(crate) fn live_beside(&mut self, nonce: u64) {
        let now = Millis(self.now - self.born);
        self.hub.live_beside(now, nonce, Vec::new());
        self.carry_out();
    }

    /// Tokens are verified by these keys from now on, and the clock on the wall is right.
    #[allow(dead_code, reason = "not every test has persons")]
    pub(crate) fn use_keys(&mut self, keys: Option<Keys>) {
        self.has_board |= keys.is_some();
        self.keys = keys;
        self.hub.use_keys(self.keys.clone());
        let unix_s = WALL_S + self.now / 1_000;
        self.tell(Input::Clock { unix_s });
    }

    /// The store.
    #[allow(dead_code, reason = "not every test has one")]
    pub(crate) fn shelf(&mut self) -> &mut Shelf {
        self.shelf.as_mut().expect("there is a store")
    }

    /// From now on its answers come at once, or only when they are asked for.
    #[allow(dead_code, reason = "not every test has one")]
    pub(crate) fn slow_down(&mut self, slow: bool) {
        self.slow = slow;
        if !slow {
            self.hear_store();
        }
    }

    /// Tells the hub all that the store has answered.
    #[allow(dead_code, reason = "not every test has one")]
    pub(crate) fn hear_store(&mut self) {
        while let Some(reply) = self.shelf.as_mut().and_then(Shelf::answer) {
            self.tell_now(Input::Stored { reply: &reply });
        }
    }

    /// Moves the clock. Timers due earlier fire; those due at `to` itself only when `through`,
    /// for the loop reads its sockets before it looks at its timers.
    pub(crate) fn advance(&mut self, to: u64, through: bool) {
        assert!(self.now <= to, "time cannot go back to {to}");
        let mut fired = 0;
        while let Some((&(at, number), _)) = self.timers.first_key_value() {
            if to < at || (at == to && !through) {
                break;
            }
            let timer = self
                .timers
                .remove(&(at, number))
                .expect("it was there a line ago");
            self.now = self.now.max(at);
            self.tell(Input::Due { timer });
            fired += 1;
            assert!(
                fired < 1_000_000,
                "the hub arms timers faster than time passes"
            );
        }
        self.now = to;
    }

    /// What the clock shows.
    #[allow(dead_code, reason = "not every test asks")]
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// Opens a connection with a number of its own, from nowhere.
    #[allow(dead_code, reason = "not every test does")]
    pub(crate) fn open(&mut self, dialect: Dialect) -> ConnId {
        self.open_from(dialect, None)
    }

    /// Opens a connection with a number of its own.
    pub(crate) fn open_from(&mut self, dialect: Dialect, from: Option<u64>) -> ConnId {
        let conn = ConnId {
            index: self.opened,
            generation: self.opened + 1,
        };
        self.opened += 1;
        self.tell(Input::Opened {
            conn,
            dialect,
            from: from.map(Origin::from_bits),
        });
        conn
    }

    /// Tells the hub a fact, now, and carries out its orders.
    ///
    /// What a connection says of which nothing is read is told when it is read again.
    pub(crate) fn tell(&mut self, input: Input<'_>) {
        match input {
            Input::Text { conn, text } if self.held.contains_key(&conn) => {
                let waiting = self.held.entry(conn).or_default();
                waiting.push_back(text.to_owned());
            }
            _ => self.tell_now(input),
        }
        if !self.slow {
            self.hear_store();
        }
    }

    fn tell_now(&mut self, input: Input<'_>) {
        self.hub.handle(Millis(self.now - self.born), input);
        self.carry_out();
    }

    /// A connection's own timer goes with it, as in the loop.
    fn forget(&mut self, conn: ConnId) {
        self.timers
            .retain(|_, timer| *timer != Timer::Session(conn));
        self.held.remove(&conn);
    }

    /// How many timers are armed.
    #[allow(dead_code, reason = "not every test asks")]
    pub(crate) fn timers(&self) -> usize {
        self.timers.len()
    }

    /// How many of them are for players, and for rooms.
    #[allow(dead_code, reason = "not every test asks")]
    pub(crate) fn game_timers(&self) -> (usize, usize) {
        let is_player = |timer: &&Timer| matches!(timer, Timer::World(world::Timer::Player(_)));
        let is_room = |timer: &&Timer| matches!(timer, Timer::World(world::Timer::Room(_)));
        let timers = || self.timers.values();
        (
            timers().filter(is_player).count(),
            timers().filter(is_room).count(),
        )
    }

    /// What the hub did since this was last asked.
    pub(crate) fn take_deeds(&mut self) -> Vec<Deed> {
        std::mem::take(&mut self.deeds)
    }

    /// Ends this process and starts the next, which has nothing of the first but its store.
    #[allow(dead_code, reason = "not every test restarts")]
    pub(crate) fn restart(&mut self) {
        self.timers.clear();
        self.held.clear();
        self.has_board = false;
        self.restarts += 1;
        self.entropy = new_entropy(&self.config, self.restarts);
        self.hub = new_hub(&self.config, &self.entropy);
        self.born = self.now;
        if let Some(shelf) = &mut self.shelf {
            shelf.restart();
            self.hub.use_store();
        }
        if self.keys.is_some() {
            self.use_keys(self.keys.clone());
        }
    }

    /// What a reload carries, in bytes.
    #[allow(dead_code, reason = "not every test reloads")]
    pub(crate) fn export(&self) -> Vec<u8> {
        let snapshot = self.hub.export(Millis(self.now - self.born));
        serde_json::to_vec(&snapshot).expect("a snapshot can be encoded")
    }

    /// Puts another hub in the place of this one: the one that these bytes are of. Timers are what
    /// it says.
    #[allow(dead_code, reason = "not every test reloads")]
    pub(crate) fn import(&mut self, bytes: &[u8]) {
        let snapshot: HubSnapshot = serde_json::from_slice(bytes).expect("a snapshot is read");
        let hub = Hub::import(&self.config, snapshot, entropy_of(&self.entropy));
        self.hub = hub.expect("a sound snapshot");
        self.hub.use_keys(self.keys.clone());
        self.timers.clear();
        self.carry_out();
    }

    /// A reload: the hub goes over into another process, and nobody is to notice.
    #[allow(dead_code, reason = "not every test reloads")]
    pub(crate) fn reload(&mut self) {
        let bytes = self.export();
        let held: Vec<ConnId> = self.held.keys().copied().collect();
        self.import(&bytes);
        let again = String::from_utf8(self.export()).expect("JSON is text");
        assert_eq!(again.as_bytes(), bytes, "another hub was imported: {again}");
        let held_again: Vec<ConnId> = self.held.keys().copied().collect();
        assert_eq!(held, held_again, "somebody else is held");
        for &conn in &held {
            assert!(self.hub.is_held(conn), "{conn:?} is held for ever");
        }
    }

    /// The hub itself, for what it can be asked.
    #[allow(dead_code, reason = "not every test asks")]
    pub(crate) fn hub(&mut self) -> &mut Hub {
        &mut self.hub
    }

    fn carry_out(&mut self) {
        let mut resumed = Vec::new();
        while let Some(output) = self.hub.pop_output() {
            let (conn, act) = match output {
                Output::Send { conn, text } => (conn, Act::Text(text.to_owned())),
                Output::Ping { conn } => (conn, Act::Ping),
                Output::Pong { conn, payload } => {
                    (conn, Act::Pong(String::from_utf8_lossy(payload).into()))
                }
                Output::Close { conn, ended, .. } => {
                    self.forget(conn);
                    self.held.remove(&conn);
                    match ended {
                        Ended::Closed(reason) => (conn, Act::Close(reason.code())),
                        Ended::Left | Ended::Lost => continue,
                    }
                }
                Output::Store(op) => {
                    self.shelf().order(*op);
                    continue;
                }
                Output::Hold { conn } => {
                    self.held.entry(conn).or_default();
                    continue;
                }
                Output::Resume { conn } => {
                    resumed.push(conn);
                    continue;
                }
                Output::Disarm { timer } => {
                    self.timers.retain(|_, old| old.place() != timer.place());
                    continue;
                }
                Output::Arm { at, timer } => {
                    self.timers.retain(|_, old| old.place() != timer.place());
                    let due = at.0.saturating_add(self.born).max(self.now);
                    self.timers.insert((due, self.armed), timer);
                    self.armed += 1;
                    continue;
                }
            };
            let at = self.now;
            self.deeds.push(Deed { at, conn, act });
        }
        for conn in resumed {
            // The first of them may hold it again.
            let mut waiting = self.held.remove(&conn).unwrap_or_default();
            while let Some(text) = waiting.pop_front() {
                self.tell_now(Input::Text { conn, text: &text });
                if let Some(held) = self.held.get_mut(&conn) {
                    *held = waiting;
                    break;
                }
            }
        }
    }
}

/// Unguessable bytes differ from one process to the next (by `salt`), and repeat from run to run.
fn new_entropy(config: &Config, salt: u64) -> Rc<RefCell<Rng>> {
    let seed = config.seed.unwrap_or(7);
    let rng = Rng::with_seed(seed ^ salt.rotate_left(32) ^ 0x5eed);
    Rc::new(RefCell::new(rng))
}

fn entropy_of(rng: &Rc<RefCell<Rng>>) -> Box<Entropy> {
    let rng = Rc::clone(rng);
    Box::new(move |bytes: &mut [u8]| rng.borrow_mut().fill(bytes))
}

fn new_hub(config: &Config, entropy: &Rc<RefCell<Rng>>) -> Hub {
    Hub::new(config, config.seed.unwrap_or(7), entropy_of(entropy))
}
