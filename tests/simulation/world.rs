//! The hub's whole surroundings: a clock that only we move, timers, connections, a transcript.
//!
//! No sockets, no threads, no sleeping: [`World::tell`] hands the hub one fact, carries out its
//! orders and lets the [`Shadow`] check them.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use fastrand::Rng;
use roshambo::config::Config;
use roshambo::hub::{Dialect, Hub, HubSnapshot, Input, Output, Timer};
use roshambo::model::{CloseReason, ConnId, Ended, Entropy, Origin};
use roshambo::time::Millis;

use crate::shadow::{Check, Shadow, Violation, ensure, rules};
use crate::tamper::Tamper;

/// What the hub is told.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    Opened {
        conn: ConnId,
        dialect: Dialect,
        from: Option<Origin>,
    },
    Text {
        conn: ConnId,
        text: String,
    },
    Binary {
        conn: ConnId,
    },
    Seen {
        conn: ConnId,
    },
    Violation {
        conn: ConnId,
        code: u16,
    },
    Closed {
        conn: ConnId,
    },
    Due {
        timer: Timer,
    },
    Drain,
    Dismiss {
        conn: ConnId,
    },
}

/// What the hub wants done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Order {
    Send {
        conn: ConnId,
        text: String,
    },
    Ping {
        conn: ConnId,
    },
    Close {
        conn: ConnId,
        code: u16,
        reason: &'static str,
    },
    Arm {
        at: Millis,
        timer: Timer,
    },
    Disarm {
        timer: Timer,
    },
}

/// One line of a transcript; written out only when a run fails.
pub(crate) enum Line {
    Told(Fact),
    Ordered(Order),
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Told(fact) => write!(f, "> {fact:?}"),
            Self::Ordered(order) => write!(f, "< {order:?}"),
        }
    }
}

/// How many lines of a transcript a failure shows.
const TRACE_LINES: usize = 40;

/// More timers are not due at once in worlds as small as these.
const FIRED_MAX: usize = 10_000;

/// Whether the hub goes over into another process now and then.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Reloads {
    #[default]
    Never,
    /// The timers stay as they were, so that every byte has to be the same.
    Unseen,
    /// They are those that the imported hub asked for.
    Seen,
}

/// In one of so many steps.
const RELOAD_EVERY: u32 = 20;

/// A hub and all that it can see.
pub(crate) struct World {
    hub: Hub,
    /// What it was made with.
    config: Config,
    entropy: Rc<RefCell<Rng>>,
    pub(crate) reloads: Reloads,
    /// When that is; the other generators know nothing of it.
    reload_rng: Rng,
    pub(crate) reloaded: u64,
    pub(crate) now: Millis,
    timers: BTreeMap<(Millis, u64), Timer>,
    timers_armed: u64,
    /// The generation of each index, and whether it is in use.
    places: Vec<(u32, bool)>,
    /// Orders for connections that their clients have not looked at yet.
    pub(crate) inbox: VecDeque<Order>,
    pub(crate) shadow: Option<Shadow>,
    tamper: Option<Tamper>,
    pub(crate) trace: VecDeque<(Millis, Line)>,
    pub(crate) steps: u64,
    /// FNV-1a over everything the hub ever ordered.
    pub(crate) digest: u64,
}

impl World {
    pub(crate) fn new(
        config: &Config,
        seed: u64,
        shadow: bool,
        mut tamper: Option<Tamper>,
    ) -> Self {
        let mut told = config.clone();
        if let Some(tamper) = &mut tamper {
            tamper.configure(&mut told);
        }
        let entropy = Rc::new(RefCell::new(Rng::with_seed(seed ^ 0x5eed)));
        Self {
            hub: Hub::new(&told, seed, draws(&entropy)),
            config: told,
            entropy,
            reloads: Reloads::Never,
            reload_rng: Rng::with_seed(seed ^ 0x7e10ad),
            reloaded: 0,
            now: Millis::ZERO,
            timers: BTreeMap::new(),
            timers_armed: 0,
            places: Vec::new(),
            inbox: VecDeque::new(),
            shadow: shadow.then(|| Shadow::new(config)),
            tamper,
            trace: VecDeque::new(),
            steps: 0,
            digest: 0xcbf2_9ce4_8422_2325,
        }
    }

    /// A new connection, on an index that others had before it.
    pub(crate) fn open(
        &mut self,
        dialect: Dialect,
        from: Option<Origin>,
    ) -> Result<ConnId, Violation> {
        let free = self.places.iter().position(|&(_, used)| !used);
        let index = free.unwrap_or_else(|| {
            self.places.push((0, false));
            self.places.len() - 1
        });
        let place = &mut self.places[index];
        *place = (place.0 + 1, true);
        let conn = ConnId {
            index: index as u32,
            generation: place.0,
        };
        self.tell(Fact::Opened {
            conn,
            dialect,
            from,
        })?;
        Ok(conn)
    }

    /// The client's side of a connection is gone.
    pub(crate) fn close(&mut self, conn: ConnId) -> Check {
        self.free(conn);
        self.tell(Fact::Closed { conn })
    }

    fn free(&mut self, conn: ConnId) {
        if let Some(place) = self.places.get_mut(conn.index as usize)
            && place.0 == conn.generation
        {
            place.1 = false;
        }
        // Its own timer goes with it, as in the loop.
        let ended = Timer::Session(conn);
        self.timers.retain(|_, timer| *timer != ended);
    }

    /// Hands the hub one fact and carries out its orders.
    pub(crate) fn tell(&mut self, fact: Fact) -> Check {
        // A timer that is due, and that of a connection that is gone, is out of its wheel already.
        let between = !matches!(fact, Fact::Due { .. } | Fact::Closed { .. });
        let reloads = between && self.reloads != Reloads::Never;
        if reloads && self.reload_rng.u32(..RELOAD_EVERY) == 0 {
            self.reload()?;
        }
        self.steps += 1;
        self.note(|| Line::Told(fact.clone()));
        let swallowed = match &mut self.tamper {
            Some(tamper) => tamper.swallows(self.now, &fact),
            None => false,
        };
        if !swallowed {
            let misheard = self.tamper.as_ref().and_then(|it| it.mishear(&fact));
            let heard = input(misheard.as_ref().unwrap_or(&fact));
            self.hub.handle(self.now.max(self.hub_now()), heard);
        }
        let mut orders = Vec::new();
        while let Some(output) = self.hub.pop_output() {
            orders.extend(order(output));
        }
        if let Some(tamper) = &mut self.tamper {
            tamper.alter(self.now, &mut orders);
        }
        for order in &orders {
            self.digest(order);
            if !matches!(order, Order::Arm { .. } | Order::Disarm { .. }) {
                self.note(|| Line::Ordered(order.clone()));
            }
        }
        if let Some(shadow) = &mut self.shadow {
            shadow.step(self.now, &fact, &orders)?;
        }
        for order in orders {
            match order {
                Order::Arm { at, timer } => {
                    self.timers.retain(|_, old| old.place() != timer.place());
                    self.timers_armed += 1;
                    self.timers.insert((at, self.timers_armed), timer);
                }
                Order::Disarm { timer } => {
                    self.timers.retain(|_, old| old.place() != timer.place());
                }
                Order::Close { conn, .. } => {
                    self.free(conn);
                    self.inbox.push_back(order);
                }
                Order::Send { .. } | Order::Ping { .. } => self.inbox.push_back(order),
            }
        }
        Ok(())
    }

    /// Puts another hub in the place of this one, by way of bytes.
    fn reload(&mut self) -> Check {
        self.reloaded += 1;
        let now = self.now.max(self.hub_now());
        let mut value = serde_json::to_value(self.hub.export(now)).expect("a snapshot");
        if let Some(tamper) = &self.tamper {
            tamper.carry(&mut value);
        }
        let text = value.to_string();
        let snapshot: HubSnapshot = serde_json::from_str(&text).expect("a snapshot is read");
        let mut hub = match Hub::import(&self.config, snapshot, draws(&self.entropy)) {
            Ok(hub) => hub,
            Err(error) => return Err(Violation::new(rules::RELOAD, error.to_string())),
        };
        let mut timers = BTreeMap::new();
        while let Some(output) = hub.pop_output() {
            let Output::Arm { at, timer } = output else {
                let detail = format!("{output:?} after a reload");
                return Err(Violation::new(rules::RELOAD, detail));
            };
            timers.insert(whose(&timer), (at, timer));
        }
        let again = serde_json::to_value(hub.export(now)).expect("a snapshot");
        let again = again.to_string();
        ensure!(again == text, rules::RELOAD, "{text}\n  became\n  {again}");
        self.compare_timers(&timers)?;
        self.hub = hub;
        if self.reloads == Reloads::Seen {
            self.timers.clear();
            for (at, timer) in timers.into_values() {
                self.timers_armed += 1;
                self.timers.insert((at, self.timers_armed), timer);
            }
        }
        Ok(())
    }

    /// What an imported hub waits for is what the former one waited for. A connection's timer may be
    /// later, since traffic moves what it looks for, and never itself.
    fn compare_timers(&self, imported: &BTreeMap<[u8; 9], (Millis, Timer)>) -> Check {
        let ours = self.timers.iter();
        let ours: BTreeMap<_, _> = ours.map(|(&(at, _), timer)| (whose(timer), at)).collect();
        let both = ours.len() == imported.len();
        ensure!(both, rules::RELOAD, "{ours:?} became {imported:?}");
        for (whose, &(at, timer)) in imported {
            let before = ours.get(whose).copied();
            let right = match timer {
                Timer::Session(_) => before.is_some_and(|before| before <= at),
                Timer::World(_) => before == Some(at),
                Timer::Beat => before.is_some_and(|before| at <= before),
            };
            ensure!(right, rules::RELOAD, "{timer:?} at {at}, before {before:?}");
        }
        Ok(())
    }

    /// Fires every timer that is due.
    pub(crate) fn fire(&mut self) -> Check {
        let early_ms = self.tamper.as_ref().map_or(0, Tamper::early_ms);
        let mut fired = 0;
        while let Some(entry) = self.timers.first_entry()
            && entry.key().0 <= self.now + early_ms
        {
            let at = entry.key().0;
            let timer = entry.remove();
            if let Some(shadow) = &mut self.shadow {
                shadow.settle_before(self.now, at)?;
            }
            self.tell(Fact::Due { timer })?;
            fired += 1;
            ensure!(
                fired < FIRED_MAX,
                rules::TIMERS,
                "{timer:?} is due again and again"
            );
        }
        Ok(())
    }

    /// The hub's clock, where a planted bug sets it forward.
    fn hub_now(&self) -> Millis {
        self.now + self.tamper.as_ref().map_or(0, Tamper::early_ms)
    }

    /// Asks the shadow whether everything that had to happen by now did.
    pub(crate) fn quiet(&mut self) -> Check {
        let too_many = self.tamper.as_ref().map_or(0, Tamper::rounds_too_many);
        let rounds = self.hub.running_rounds() + too_many;
        match &mut self.shadow {
            Some(shadow) => shadow.quiet(self.now, rounds),
            None => Ok(()),
        }
    }

    /// When the hub's next timer is due.
    pub(crate) fn next_timer(&self) -> Option<Millis> {
        self.timers.keys().next().map(|&(at, _)| at)
    }

    /// When the shadow has a question next.
    pub(crate) fn next_deadline(&self) -> Option<Millis> {
        self.shadow.as_ref()?.next_deadline(self.now)
    }

    pub(crate) fn running_rounds(&self) -> usize {
        self.hub.running_rounds()
    }

    pub(crate) fn population(&self) -> (usize, usize, usize) {
        self.hub.population()
    }

    fn note(&mut self, line: impl FnOnce() -> Line) {
        if self.shadow.is_some() {
            if self.trace.len() == TRACE_LINES {
                self.trace.pop_front();
            }
            self.trace.push_back((self.now, line()));
        }
    }

    fn digest(&mut self, order: &Order) {
        let mut eat = |bytes: &[u8]| {
            for byte in bytes {
                self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        let (kind, conn) = match order {
            Order::Send { conn, .. } => (1, Some(conn)),
            Order::Ping { conn } => (2, Some(conn)),
            Order::Close { conn, .. } => (3, Some(conn)),
            Order::Arm { .. } => (4, None),
            Order::Disarm { .. } => (5, None),
        };
        eat(&[kind]);
        if let Some(conn) = conn {
            eat(&conn.index.to_le_bytes());
            eat(&conn.generation.to_le_bytes());
        }
        match order {
            Order::Send { text, .. } => eat(text.as_bytes()),
            Order::Ping { .. } => (),
            Order::Close { code, reason, .. } => {
                eat(&code.to_le_bytes());
                eat(reason.as_bytes());
            }
            Order::Disarm { timer } => eat(&whose(timer)),
            Order::Arm { at, timer } => {
                eat(&at.0.to_le_bytes());
                eat(&whose(timer));
            }
        }
    }
}

/// Bytes of a generator that outlives the hub.
fn draws(rng: &Rc<RefCell<Rng>>) -> Box<Entropy> {
    let rng = Rc::clone(rng);
    Box::new(move |bytes: &mut [u8]| rng.borrow_mut().fill(bytes))
}

/// A timer in bytes.
fn whose(timer: &Timer) -> [u8; 9] {
    use roshambo::world::Timer as WorldTimer;
    let (kind, index, generation): (u8, u32, u32) = match timer {
        Timer::Session(conn) => (1, conn.index, conn.generation),
        Timer::World(WorldTimer::Player(it)) => (2, it.index, it.generation.into()),
        Timer::World(WorldTimer::Room(it)) => (3, it.index, it.generation.into()),
        Timer::World(WorldTimer::Sessions) => (4, 0, 0),
        Timer::Beat => (5, 0, 0),
    };
    let mut bytes = [kind; 9];
    bytes[1..5].copy_from_slice(&index.to_le_bytes());
    bytes[5..].copy_from_slice(&generation.to_le_bytes());
    bytes
}

fn input(fact: &Fact) -> Input<'_> {
    match fact {
        &Fact::Opened {
            conn,
            dialect,
            from,
        } => Input::Opened {
            conn,
            dialect,
            from,
        },
        Fact::Text { conn, text } => Input::Text { conn: *conn, text },
        &Fact::Binary { conn } => Input::Binary { conn, bytes: &[] },
        &Fact::Seen { conn } => Input::Seen { conn },
        &Fact::Violation { conn, code } => Input::Violation {
            conn,
            reason: match code {
                1002 => CloseReason::ProtocolError,
                1007 => CloseReason::NotUtf8,
                _ => CloseReason::TooBig,
            },
        },
        &Fact::Closed { conn } => Input::Closed { conn },
        &Fact::Due { timer } => Input::Due { timer },
        Fact::Drain => Input::Drain,
        &Fact::Dismiss { conn } => Input::Dismiss { conn },
    }
}

fn order(output: Output<'_>) -> Option<Order> {
    Some(match output {
        Output::Send { conn, text } => Order::Send {
            conn,
            text: text.to_owned(),
        },
        Output::Ping { conn } => Order::Ping { conn },
        Output::Pong { conn, .. } => panic!("a pong for {conn:?}, which sends no ping frames"),
        Output::Close {
            conn,
            ended: Ended::Closed(reason),
            ..
        } => Order::Close {
            conn,
            code: reason.code(),
            reason: reason.text(),
        },
        Output::Close { .. } => return None,
        Output::Arm { at, timer } => Order::Arm { at, timer },
        Output::Disarm { timer } => Order::Disarm { timer },
        other => panic!("{other:?}, where there is no store"),
    })
}
