//! From the first request to stop to the last goodbye: running rounds are waited for, then
//! everybody is sent away, slice by slice.
//!
//! Absent: the loop that calls this, and what a goodbye says.

use super::Server;
use crate::hub::Input;
use crate::net::life::Life;
use crate::net::sockets::Alarm;

/// Most indexes looked at in a turn when everybody is sent away.
const DISMISSALS_MAX: usize = 512;
/// How long a connection accepted before the stop may take for its head, if the next process cannot
/// answer it and we do not refuse: its request is on its way already.
const LAST_CALL_MS: u64 = 500;
/// How long those who ask something while the others are gone already may take for it, together:
/// as long as `--linger` is by default.
const LATECOMERS_MS: u64 = 2_000;
/// How soon after the first request another one is the same wish: supervisors send SIGINT and
/// SIGTERM together, and a terminal that closes sends SIGHUP beside either.
const SAME_WISH_MS: u64 = 1_000;

impl Server {
    /// Whether those who came before the stop may still say what they want.
    pub(super) fn is_last_call(&self) -> bool {
        self.entrance.gate.is_handed()
            && self.now.since(self.stopped_at) < LAST_CALL_MS
            && self.sockets.has_heads()
    }

    /// The first request to stop drains, another one a second later does not wait for anything.
    pub(super) fn on_stop(&mut self, why: &str) {
        if self.life != Life::Serving {
            if self.now.since(self.stopped_at) < SAME_WISH_MS {
                log::info!("{why} too: ending already; once more, later, does not wait for rounds");
                return;
            }
            log::warn!("{why} again: not waiting any longer");
            self.life = Life::Over;
            return;
        }
        self.give_reload_up();
        log::info!(
            "{why}: draining {} connections and {} rounds",
            self.sockets.open_count(),
            self.hub.running_rounds()
        );
        self.life = Life::Draining;
        self.stopped_at = self.now;
        self.manager.stopping(&self.status());
        if self.entrance.gate.is_handed() {
            self.entrance.gate.shut(self.poll.registry());
            let over = self.now + LAST_CALL_MS;
            self.sockets.wheel.arm(over, Alarm::LastCall);
        }
        let end = self.now + self.config.drain_timeout_ms;
        // The last part of the time is for saying goodbye; rounds that began before have theirs.
        let config = &self.config;
        let spare_ms = config.drain_timeout_ms.saturating_sub(config.game_time_ms);
        let farewell_ms = (config.linger_ms + 500).min(spare_ms.max(config.drain_timeout_ms / 4));
        self.sockets.wheel.arm(end - farewell_ms, Alarm::DrainHurry);
        self.sockets.wheel.arm(end, Alarm::DrainEnd);
        self.feed(Input::Drain);
    }

    /// Takes a drain one step further.
    pub(super) fn drain(&mut self) {
        match self.life {
            Life::Draining if self.hub.running_rounds() == 0 && !self.owes_elsewhere() => {
                self.life = Life::Dismissing { next: 0 };
                self.drain();
            }
            Life::Dismissing { next } => {
                let last = self.sockets.index_end();
                let until = next.saturating_add(DISMISSALS_MAX).min(last);
                for index in next..until {
                    if let Some(conn) = self.sockets.open_at(index) {
                        self.feed(Input::Dismiss { conn });
                    }
                }
                self.life = if until == last {
                    Life::Leaving
                } else {
                    Life::Dismissing { next: until }
                };
            }
            Life::Serving | Life::Draining => (),
            Life::Leaving | Life::Closing { .. } | Life::Over => (),
        }
    }

    /// Whether somebody who is sent away now would find elsewhere less than it was told: others ask
    /// the store as soon as it comes.
    fn owes_elsewhere(&self) -> bool {
        let is_asked = self.config.instance.is_some() && !self.hub.is_store_away();
        is_asked && 0 < self.hub.owed()
    }

    /// Ends the loop if there is nobody left to wait for.
    ///
    /// Whoever was here before the stop is waited for, each with its own limit of time. Whoever
    /// came since was refused, and may be slow to take that, or not go at all, and others come all
    /// the time: those have one limit together, and then nobody can hold the end up by coming.
    pub(super) fn end_if_over(&mut self) {
        let sockets = &self.sockets;
        if self.life == Life::Leaving && !sockets.has_guests() && !self.is_last_call() {
            self.entrance.gate.shut(self.poll.registry());
            let until = self.now + LATECOMERS_MS;
            self.sockets.wheel.arm(until, Alarm::LastCall);
            self.life = Life::Closing { until };
        }
        if let Life::Closing { until } = self.life {
            let sockets = &self.sockets;
            let quiet = !sockets.has_guests() && !sockets.has_latecomers();
            // A session has one settlement under way; what it won since is sent after the answer.
            let owes = self.store.is_some() && 0 < self.hub.owed();
            if quiet && !owes || until <= self.now {
                self.life = Life::Over;
            }
        }
    }

    /// The time for rounds is over.
    pub(super) fn hurry(&mut self) {
        let rounds = self.hub.running_rounds();
        if self.life == Life::Draining {
            if 0 < rounds {
                log::warn!("{rounds} rounds are cut short");
            }
            self.life = Life::Dismissing { next: 0 };
        }
    }
}
