//! From the first request to stop to the last goodbye: running rounds are waited for, then
//! everybody is sent away, slice by slice.
//!
//! Absent: the loop that calls this, and what a goodbye says.

use signal_hook::consts::SIGINT;

use super::Server;
use crate::hub::Input;
use crate::net::sockets::Alarm;

/// Most indexes looked at in a turn when everybody is sent away.
const DISMISSALS_MAX: usize = 512;
/// How long a connection accepted before the stop may take for its head, if the next process cannot
/// answer it and we do not refuse: its request is on its way already.
const LAST_CALL_MS: u64 = 500;

/// How far the end is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// Not in sight.
    Serving,
    /// No new rounds; the running ones are waited for.
    Draining,
    /// Everybody is sent away, slice by slice, from this index on.
    Dismissing { next: usize },
    /// Everybody was; the last bytes are on their way.
    Leaving,
    /// The loop ends after this turn.
    Over,
}

impl Server {
    /// Whether those who came before the stop may still say what they want.
    pub(super) fn is_last_call(&self) -> bool {
        self.front.gate.is_handed()
            && self.front.now.since(self.stopped_at) < LAST_CALL_MS
            && self.front.sockets.has_heads()
    }

    pub(super) fn on_signals(&mut self) {
        let Some(signals) = &mut self.signals else {
            return;
        };
        // One that comes twice before we look is reported once.
        let arrived: Vec<i32> = signals.pending().collect();
        for signal in arrived {
            self.on_stop(if signal == SIGINT {
                "SIGINT"
            } else {
                "SIGTERM"
            });
        }
    }

    /// The first request to stop drains, the second one does not wait for anything.
    pub(super) fn on_stop(&mut self, why: &str) {
        if self.life != Life::Serving {
            log::warn!("{why} again: not waiting any longer");
            self.life = Life::Over;
            return;
        }
        log::info!(
            "{why}: draining {} connections and {} rounds",
            self.front.sockets.open_count(),
            self.front.behind.running_rounds()
        );
        self.life = Life::Draining;
        self.front.draining = true;
        self.manager.stopping(&self.status());
        if self.front.gate.is_handed() {
            self.front.gate.shut(self.poll.registry());
            self.stopped_at = self.front.now;
            let over = self.front.now + LAST_CALL_MS;
            self.front.sockets.wheel.arm(over, Alarm::LastCall);
        }
        let end = self.front.now + self.front.config.drain_timeout_ms;
        // The last part of the time is for saying goodbye; rounds that began before have theirs.
        let config = &self.front.config;
        let spare_ms = config.drain_timeout_ms.saturating_sub(config.game_time_ms);
        let farewell_ms = (config.linger_ms + 500).min(spare_ms.max(config.drain_timeout_ms / 4));
        self.front
            .sockets
            .wheel
            .arm(end - farewell_ms, Alarm::DrainHurry);
        self.front.sockets.wheel.arm(end, Alarm::DrainEnd);
        self.tell(Input::Drain);
    }

    /// Takes a drain one step further.
    pub(super) fn drain(&mut self) {
        match self.life {
            Life::Draining if self.front.behind.running_rounds() == 0 => {
                self.dismiss_all();
                self.drain();
            }
            Life::Dismissing { next } => {
                let last = self.front.sockets.index_end();
                let until = next.saturating_add(DISMISSALS_MAX).min(last);
                for index in next..until {
                    if let Some(conn) = self.front.sockets.open_at(index) {
                        self.tell(Input::Dismiss { conn });
                    }
                }
                self.life = if until == last {
                    Life::Leaving
                } else {
                    Life::Dismissing { next: until }
                };
            }
            Life::Serving | Life::Draining | Life::Leaving | Life::Over => (),
        }
    }

    /// The time for rounds is over.
    pub(super) fn hurry(&mut self) {
        let rounds = self.front.behind.running_rounds();
        if self.life == Life::Draining && 0 < rounds {
            log::warn!("{rounds} rounds are cut short");
            self.dismiss_all();
        }
    }

    fn dismiss_all(&mut self) {
        self.life = Life::Dismissing { next: 0 };
        self.front.dismissing = true;
    }
}
