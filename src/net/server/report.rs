//! What the loop tells those who look on: the service manager, and whoever asks for figures.
//!
//! Absent: how it is told, and what is counted.

use super::Server;
use crate::net::admin::{ADMIN_TOKENS, Figures};
use crate::net::life::Life;
use crate::net::manager::EXTENSION_US;
use crate::net::sockets::Alarm;

/// How often the service manager's status line and the history of the status page are renewed.
const TICK_MS: u64 = 10_000;

const _: () = assert!(
    2 * TICK_MS < EXTENSION_US as u64 / 1_000,
    "one that is late or lost is no end"
);

impl Server {
    /// Tells the service manager that the loop turns, and looks to it that it is told again.
    pub(super) fn watch(&mut self) {
        if let Some(interval_ms) = self.manager.ping() {
            let at = self.now + interval_ms;
            self.sockets.wheel.arm(at, Alarm::Watchdog);
        }
    }

    /// What is renewed every few seconds, for those who look on.
    pub(super) fn tick(&mut self) {
        if self.admin.is_none() && !self.manager.is_there() {
            return;
        }
        self.sockets.wheel.arm(self.now + TICK_MS, Alarm::Tick);
        self.manager.status(&self.status());
        if self.life.is_ending() {
            self.manager.still_stopping();
        }
        // Whoever waits there since descriptors ran out is not told of again.
        if let Some(admin) = &mut self.admin {
            admin.note(ADMIN_TOKENS.start);
        }
        let tally = self.hub.tally();
        let rounds = tally.human_rounds + tally.robot_rounds;
        let turns = &self.sockets.traffic.turns;
        self.history.add(self.sockets.open_count(), rounds, turns);
    }

    /// One line for the person who asks the service manager.
    pub(super) fn status(&self) -> String {
        let verb = match self.life {
            Life::Serving => "serving",
            _ => "draining",
        };
        let tally = self.hub.tally();
        format!(
            "{verb} {} of at most {} connections; {} rounds run, {} were played, {} of them \
             between humans",
            self.sockets.open_count(),
            self.config.max_connections,
            self.hub.running_rounds(),
            tally.human_rounds + tally.robot_rounds,
            tally.human_rounds,
        )
    }

    /// Answers those who ask on the admin listener.
    pub(super) fn serve_admin(&mut self) {
        let Some(admin) = &mut self.admin else {
            return;
        };
        admin.serve(&Figures {
            config: &self.config,
            hub: &self.hub,
            traffic: &self.sockets.traffic,
            history: &self.history,
            now: self.now,
            draining: self.life.is_ending(),
            open: self.sockets.open_count(),
            sockets: self.sockets.len(),
            timers: self.sockets.wheel.len(),
            store: self.store.as_ref(),
            keys: &self.sockets.sessions.keys,
        });
    }
}
