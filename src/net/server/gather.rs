//! A gathering: all players here go on at another instance, each when it is in no round, and nobody
//! is let in meanwhile, so that a proxy passes over this one. Then it serves as before.
//!
//! Absent: how somebody finds another instance.

use super::Server;
use crate::hub::Input;
use crate::net::handover::asker::{Asker, Wish};
use crate::net::life::Life;
use crate::net::sockets::Alarm;
use crate::time::Millis;

/// How often it is looked who is idle.
const LOOK_MS: u64 = 100;
/// Most connections looked at in one look.
const LOOKS_MAX: usize = 4096;
/// How long after the longest round those who are still here are left alone.
const PATIENCE_MS: u64 = 5_000;

/// How long those who were sent on may take to come somewhere else, after the time that they were
/// told; and the longest that is waited for.
const RETURN_MS: u64 = 500;
const RETURN_MAX_MS: u64 = 20_000;

/// A gathering under way.
#[derive(Debug)]
pub(super) struct Gathering {
    asker: Option<Asker>,
    /// How many were here.
    before: usize,
    /// Where the next look begins.
    next: usize,
    until: Millis,
    /// Nobody is left; until then nobody is let in all the same, so that they come elsewhere.
    over_at: Option<Millis>,
}

impl Server {
    /// Somebody may ask for a gathering; whether it does. It has to listen, for the signal alone
    /// means a reload.
    pub(super) fn on_gather(&mut self) -> bool {
        let Some(asker) = Asker::find(Wish::Gather) else {
            return false;
        };
        let refusal = if self.life != Life::Serving {
            "the server is asked to stop"
        } else if self.config.instance.is_none() {
            "there is no other instance to go to: --instance is not set"
        } else if self.hub.others().is_empty() {
            "no other instance lives, as far as the store knows"
        } else if self.gathering.is_some() {
            "that is under way"
        } else if self.is_reloading() {
            "a reload is under way"
        } else {
            self.gather(asker);
            return true;
        };
        log::warn!("nobody is sent on: {refusal}");
        asker.answer(false, &format!("nobody is sent on: {refusal}"));
        true
    }

    fn gather(&mut self, asker: Asker) {
        let before = self.sockets.open_count();
        log::info!("{before} players are sent on to other instances, each after its round");
        self.gathering = Some(Gathering {
            asker: Some(asker),
            before,
            next: 0,
            until: self.now + self.config.game_time_ms + PATIENCE_MS,
            over_at: None,
        });
        self.feed(Input::Gather);
        self.look_who_is_idle();
    }

    /// Sends those on who are idle by now, some at a time.
    pub(super) fn look_who_is_idle(&mut self) {
        let Some(mut gathering) = self.gathering.take() else {
            return;
        };
        let end = self.sockets.index_end();
        let from = if gathering.next < end {
            gathering.next
        } else {
            0
        };
        let until = from.saturating_add(LOOKS_MAX).min(end);
        for index in from..until {
            if let Some(conn) = self.sockets.open_at(index) {
                self.feed(Input::SendOn { conn });
            }
        }
        gathering.next = until;
        let left = self.sockets.open_count();
        let return_ms = self.config.drain_spread_ms.min(RETURN_MAX_MS) + RETURN_MS;
        if left == 0 {
            gathering.over_at.get_or_insert(self.now + return_ms);
        }
        let end = gathering.over_at.unwrap_or(gathering.until);
        if self.now < end && self.life == Life::Serving {
            self.gathering = Some(gathering);
            self.sockets.wheel.arm(self.now + LOOK_MS, Alarm::Gather);
            return;
        }
        let sent = gathering.before.saturating_sub(left);
        let line = match left {
            0 => format!("{sent} players were sent on, nobody is left"),
            _ => format!("{sent} players were sent on, {left} stay"),
        };
        log::info!("{line}");
        if let Some(asker) = gathering.asker {
            asker.answer(left == 0, &line);
        }
        if self.life == Life::Serving {
            self.feed(Input::Scatter);
        }
    }

    /// How those are treated who ask to be let in.
    pub(super) fn life_at_the_door(&self) -> Life {
        match self.gathering {
            Some(_) if self.life == Life::Serving => Life::Draining,
            _ => self.life,
        }
    }
}
