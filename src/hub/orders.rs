//! What the world caused and the hub answers becomes orders: texts in the dialect of whoever gets
//! them.
//!
//! Absent: why something is told.

use super::{Hub, Played, Timer};
use crate::model::{ConnId, Ended, Event, StoreOp};
use crate::time::Millis;
use crate::wire::event;
use crate::world::Effect;

/// An [`Output`] whose text is a piece of `Hub::texts`.
#[derive(Clone)]
pub(super) enum Order {
    Send {
        conn: ConnId,
        start: usize,
        end: usize,
    },
    Ping {
        conn: ConnId,
    },
    /// Its payload is a piece of `Hub::pongs`.
    Pong {
        conn: ConnId,
        start: usize,
        end: usize,
    },
    Close {
        conn: ConnId,
        ended: Ended,
        played: Played,
    },
    Arm {
        at: Millis,
        timer: Timer,
    },
    Disarm {
        timer: Timer,
    },
    Store(Box<StoreOp>),
    Hold {
        conn: ConnId,
    },
    Resume {
        conn: ConnId,
    },
}

impl Hub {
    pub(super) fn carry_effects(&mut self, now: Millis) {
        while let Some(effect) = self.world.pop_effect() {
            match effect {
                Effect::Tell { conn, event } => self.tell(conn, &event),
                Effect::Supersede { conn } => self.supersede(now, conn),
                Effect::Arm { at, timer } => {
                    self.orders.push_back(Order::Arm {
                        at,
                        timer: Timer::World(timer),
                    });
                }
                Effect::Disarm { timer } => {
                    let timer = Timer::World(timer);
                    self.orders.push_back(Order::Disarm { timer });
                }
                Effect::Note(note) => self.note(note),
            }
        }
    }

    pub(super) fn tell(&mut self, conn: ConnId, event: &Event) {
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        if matches!(event, Event::Start { resumed: false, .. }) {
            session.rounds += 1;
        }
        let (prefix, v2) = (session.dialect.event_prefix(), session.v2);
        let player = session.player;
        let start = self.texts.len();
        self.texts.push_str(prefix);
        self.counters.events_out[event.kind().index()] += 1;
        if let Event::Movement { uid, movement } = event {
            // It says the same to everybody.
            event::encode_movement(uid, *movement, &mut self.texts);
            return self.push_send(conn, start);
        }
        let board = self.has_board();
        let person = match event {
            Event::Hi { .. } => player.and_then(|player| self.world.identity_of(player)),
            _ => None,
        };
        let audience = event::Audience {
            v2,
            board,
            person,
            public_url: self.public_url.as_deref(),
            instance: self.instance,
        };
        event::encode(event, audience, &mut self.texts);
        self.push_send(conn, start);
    }

    pub(super) fn send(&mut self, conn: ConnId, write: impl FnOnce(&mut String)) {
        let start = self.texts.len();
        write(&mut self.texts);
        self.push_send(conn, start);
    }

    pub(super) fn pong(&mut self, conn: ConnId, payload: &[u8]) {
        let start = self.pongs.len();
        self.pongs.extend_from_slice(payload);
        let end = self.pongs.len();
        self.orders.push_back(Order::Pong { conn, start, end });
    }

    fn push_send(&mut self, conn: ConnId, start: usize) {
        self.counters.texts_out += 1;
        self.orders.push_back(Order::Send {
            conn,
            start,
            end: self.texts.len(),
        });
    }
}
