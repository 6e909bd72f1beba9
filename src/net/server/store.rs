//! The loop's end of the store: orders out at the end of a turn, answers in at the next one.
//!
//! A turn pays a push for an order and a pop for an answer, never a wait. Absent: the store itself,
//! which is a thread that somebody else started.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::Server;
use crate::hub::Input;
use crate::model::{Peer, StoreHealth, StoreOp, StoreReply};

/// Most answers taken in a turn; of a million that come at once the game is not to hear in one.
pub(super) const ANSWERS_MAX: usize = 2_000;

/// What the loop has of a store.
#[derive(Debug)]
pub struct StoreEnd {
    /// Where orders go.
    pub orders: Sender<StoreOp>,
    /// Where answers come from; who puts one there wakes the loop by [`Server::waker`].
    pub answers: Receiver<StoreReply>,
    /// How it is.
    pub health: Arc<Mutex<StoreHealth>>,
    /// It has come to rest, for a reload: nothing more comes from there.
    pub rests: Arc<AtomicBool>,
    /// Where points are, as `in roshambo.db`.
    pub place: String,
}

impl StoreEnd {
    /// How it is just now.
    pub(crate) fn health(&self) -> StoreHealth {
        let health = self.health.lock();
        health.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Server {
    /// Keeps what has to outlive the process in this store.
    pub fn use_store(&mut self, end: StoreEnd) {
        self.hub.use_store();
        self.store = Some(end);
    }

    /// This is one instance of several, if `--instance` says so; these others live.
    pub fn live_beside(&mut self, nonce: u64, others: Vec<Peer>) {
        self.hub.live_beside(self.now, nonce, others);
        super::carry_out_orders(&mut self.hub, self.now, &mut self.sockets);
    }

    /// Says once that another process has this one's letter, and once that it has not any more.
    fn look_at_letter(&mut self) {
        let doubled = self.hub.is_doubled();
        if std::mem::replace(&mut self.is_doubled, doubled) == doubled {
            return;
        }
        match self.config.instance {
            Some(letter) if doubled => log::error!(
                "another server has --instance {letter} on this store: stop one of them, for who \
                 belongs here may be led there"
            ),
            Some(letter) => log::info!("--instance {letter} is this server's alone again"),
            None => (),
        }
    }

    /// When its milliseconds began.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Wakes the loop, from any thread, so that it looks for answers.
    pub fn waker(&self) -> impl Fn() + Send + Sync + 'static {
        let waker = Arc::clone(&self.waker);
        move || {
            // It fails only when the kernel's object is gone, and with it the server.
            let _ = waker.wake();
        }
    }

    /// Tells the hub what the store has answered.
    pub(super) fn hear_store(&mut self) {
        for _ in 0..ANSWERS_MAX {
            let answer = self.store.as_ref().map(|store| store.answers.try_recv());
            let Some(Ok(reply)) = answer else {
                self.answers_wait = false;
                return self.look_at_letter();
            };
            self.feed(Input::Stored { reply: &reply });
            self.relieve();
        }
        self.answers_wait = true;
    }

    /// Hands over what the hub wants the store to know.
    pub(super) fn order_store(&mut self) {
        for op in self.sockets.store_ops.drain(..) {
            if let Some(store) = &self.store {
                // It fails only if that thread is gone, and it says why itself.
                let _ = store.orders.send(op);
            }
        }
    }
}
