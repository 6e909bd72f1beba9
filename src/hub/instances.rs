//! The other instances that share the store: who lives, who plays there, and what becomes of those
//! who ask here for what is there.
//!
//! Absent: how one gets from here to there, which is up to clients and a proxy.

use serde::{Deserialize, Serialize};

use super::{Hub, Order, Timer};
use crate::model::{CloseReason, ConnId, Letter, Peer, PlayerId, ProblemCode, RoomCode, StoreOp};
use crate::time::Millis;

use super::endings::Ending;

/// How often the store is told that this one lives: several times within a lease.
const BEAT_MS: u64 = 1_000;

/// The hub's side of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Instances {
    /// Tells this process from another one with its letter. A reload keeps it; `None`: it is the
    /// only server.
    nonce: Option<u64>,
    /// Those that live, as the store told last.
    others: Vec<Peer>,
    /// Another process has this one's letter.
    doubled: bool,
    /// It gave its letter up.
    over: bool,
}

impl Hub {
    /// This is one instance of several from now on, known by `--instance` and this number, and
    /// these others live. Does nothing without `--instance`.
    ///
    /// It has an order afterwards: carry it out before the next fact.
    pub fn live_beside(&mut self, now: Millis, nonce: u64, others: Vec<Peer>) {
        if self.instance.is_none() {
            return;
        }
        self.instances.nonce = Some(nonce);
        self.set_others(others);
        self.beat_at(now);
    }

    /// Whether another process has this one's letter.
    #[must_use]
    pub fn is_doubled(&self) -> bool {
        self.instances.doubled
    }

    /// The other instances that live, as far as is known.
    #[must_use]
    pub fn others(&self) -> &[Peer] {
        &self.instances.others
    }

    /// Players who are connected here and not away.
    #[must_use]
    pub fn online(&self) -> u32 {
        self.world.online()
    }

    /// The timer that a snapshot does not carry.
    pub(super) fn live_on(&mut self, now: Millis, instances: Instances) {
        if self.instance.is_none() {
            return;
        }
        self.instances = instances;
        let others = std::mem::take(&mut self.instances.others);
        self.set_others(others);
        if self.instances.nonce.is_some() {
            self.beat_at(now);
        }
    }

    pub(super) fn beat_store(&mut self, now: Millis) {
        if !self.instances.over {
            let online = self.world.online();
            self.order_beat(Some(online));
            self.beat_at(now + BEAT_MS);
        }
    }

    /// This one is about to end: its rooms may be had elsewhere, and its letter by another process.
    pub(super) fn give_letter_up(&mut self) {
        if self.instances.nonce.is_some() && !self.instances.over {
            self.instances.over = true;
            self.order_beat(None);
        }
    }

    /// The store's answer to a beat.
    pub(super) fn beaten(&mut self, granted: bool, others: &[Peer]) {
        self.instances.doubled = !granted;
        self.set_others(others.to_vec());
        self.take_pending();
    }

    fn set_others(&mut self, others: Vec<Peer>) {
        let online = others.iter().map(|peer| peer.online);
        self.world
            .set_elsewhere(online.fold(0, u32::saturating_add));
        self.instances.others = others;
    }

    fn beat_at(&mut self, at: Millis) {
        let timer = Timer::Beat;
        self.orders.push_back(Order::Arm { at, timer });
    }

    fn order_beat(&mut self, online: Option<u32>) {
        if let (Some(letter), Some(nonce)) = (self.instance, self.instances.nonce) {
            self.order_store(StoreOp::Beat {
                letter,
                nonce,
                online,
            });
        }
    }

    /// What is said to who asks for a room that is not here, when the store says nothing: where its
    /// code comes from it may be.
    pub(super) fn not_here(&self, code: Option<RoomCode>) -> ProblemCode {
        let from = code.and_then(|code| code.instance());
        let lives = |letter: &Letter| {
            let mut others = self.instances.others.iter();
            others.any(|peer| peer.letter == *letter)
        };
        match from.filter(lives) {
            Some(letter) => ProblemCode::RoomElsewhere(letter),
            None => ProblemCode::RoomUnknown,
        }
    }

    /// Whether it shares its store.
    pub(super) fn is_beside_others(&self) -> bool {
        self.instances.nonce.is_some() && self.desk.open
    }

    /// Whether a session that is here may be another instance's by now, so that the store is to be
    /// asked: it was lost, and has nothing here to come back to.
    pub(super) fn may_have_moved(&self, player: PlayerId) -> bool {
        self.is_beside_others() && !self.desk.is_away() && self.world.is_left_alone(player)
    }

    /// Asks the store whether a session that was taken up here went on elsewhere meanwhile; nobody
    /// waits for it.
    pub(super) fn look_after(&mut self, player: PlayerId) {
        if self.is_beside_others() {
            self.look_again(player);
        }
    }

    /// Asks the store for a session that is here once more, in the name of another owner.
    pub(super) fn look_again(&mut self, player: PlayerId) {
        let Some(token) = self.world.token_of(player).cloned() else {
            return;
        };
        let person = self.world.identity_of(player);
        let person = person.map(|person| person.sub.clone());
        let asked = self.desk.is_asked(&token, person.as_ref());
        let owner = self.world.draw_owner();
        let may_ask = !asked && !self.desk.is_away() && self.may_ask_whose(person.as_ref());
        if may_ask && self.world.retake(player, owner) {
            self.ask_whose(token, owner, person);
        } else {
            self.world.doubt(player, asked);
        }
    }

    /// Somebody was let in by what was asked before it came, and may have been elsewhere since.
    pub(super) fn look_after_late(&mut self, conn: ConnId, is_late: bool) {
        let player = self.session(conn).and_then(|session| session.player);
        if let Some(player) = player.filter(|_| is_late) {
            self.look_after(player);
        }
    }

    /// The same of somebody who is not known yet: what was asked before it came will tell.
    pub(super) fn doubt_early(&mut self, player: PlayerId, joined: bool) {
        if joined && self.is_beside_others() {
            self.world.doubt(player, true);
        }
    }

    /// Everybody is to go on at another instance, each at an idle moment.
    pub(super) fn gather(&mut self) {
        self.world.drain();
    }

    /// Whoever comes may stay again.
    pub(super) fn scatter(&mut self, now: Millis) {
        self.world.reopen(now);
    }

    /// Sends a connection on to another instance, unless its player is in a round.
    pub(super) fn send_on(&mut self, now: Millis, conn: ConnId) {
        // Who waits for the store is told soon.
        if self.is_held(conn) {
            return;
        }
        let player = self.session(conn).and_then(|session| session.player);
        if let Some(player) = player {
            if self.world.plays(now, player) {
                return;
            }
            // It would find less than it was told.
            if !self.desk.is_away() && self.world.is_owed(player) {
                return;
            }
            self.world.let_room_go(player);
        }
        let ending = Ending {
            reason: CloseReason::Gathered,
            wait_ms: self.rng.u64(..=self.drain_spread_ms),
        };
        self.end(now, conn, ending);
    }
}
