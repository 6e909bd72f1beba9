//! The hub's whole surroundings: a clock that only we move, timers, connections, a transcript.
//!
//! No sockets, no threads, no sleeping: [`World::tell`] hands the hub one fact, carries out its
//! orders and lets the [`Shadow`] check them.

use std::collections::{BTreeMap, VecDeque};

use roshambo::config::Config;
use roshambo::hub::{Dialect, Hub, Input, Output, Timer};
use roshambo::model::{CloseReason, ConnId, Ended, Origin};
use roshambo::time::Millis;

use crate::shadow::{Check, Shadow, ensure, rules};
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

/// A hub and all that it can see.
pub(crate) struct World {
    hub: Hub,
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
        let mut entropy = fastrand::Rng::with_seed(seed ^ 0x5eed);
        let entropy = Box::new(move |bytes: &mut [u8]| entropy.fill(bytes));
        Self {
            hub: Hub::new(&told, seed, entropy),
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
    ) -> Result<ConnId, crate::shadow::Violation> {
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

/// A timer in bytes.
fn whose(timer: &Timer) -> [u8; 9] {
    use roshambo::world::Timer as WorldTimer;
    let (kind, index, generation): (u8, u32, u32) = match timer {
        Timer::Session(conn) => (1, conn.index, conn.generation),
        Timer::World(WorldTimer::Player(it)) => (2, it.index, it.generation.into()),
        Timer::World(WorldTimer::Room(it)) => (3, it.index, it.generation.into()),
        Timer::World(WorldTimer::Sessions) => (4, 0, 0),
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
