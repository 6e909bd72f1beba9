//! What is owed to the original of 2016: all that the game does only because its mini program, and
//! what was written like it, does not know better. [`Generation::Old`] are these clients.
//!
//! - **Words.** They know neither private rooms nor `away` and `ping`, and cannot ask for somebody
//!   new: their `join` is a plain one, whatever comes with it. The page says it more often than it
//!   has to, so that in mid-round it is no fault. They are told nothing of a room's state, and a
//!   robot shows them no face.
//! - **Being ready.** The page makes a choice at every `start`. So a client that made one in the
//!   round just ended is there and would begin the next round, with or without a `join` of its own;
//!   one that made none has gone.
//! - **The deaf page.** After a win or a draw the page ignores a tap that follows a `start` too
//!   soon. The next round waits until it listens again.
//! - **The frozen button.** A loss makes the mini program's `result` handler throw, and its button
//!   is dead until the next `start`. An old Socket.IO client that lost a round in which it chose is
//!   therefore taken as having asked for somebody new a little later, unless it says something
//!   itself, is lost, or the server drains.
//! - **`leave` between rounds is not understood.** For the same reason one that asked for the next
//!   round and loses its partner stands in the lobby at once: its page would wait for a `start`
//!   until its player gives up.
//! - **No sessions.** Without a connection an old client's player lasts to the end of its round. It
//!   names its own uid, and may change it as long as it is not seated.
//!
//! Absent here: how such a client's text is read (`wire`), and the name of one that joins without
//! any (`hub`).

use super::player::{Play, Player};
use super::room::Seat;
use super::rules::Judgement;
use super::{Outcome, World};
use crate::model::{Choice, Generation, Join, PlayerId, ProblemCode, Request};
use crate::time::Millis;

/// How long the button of the mini program stays frozen after a loss at most.
const FROZEN_MS: u64 = 4_000;
/// The page is deaf to a `start` that comes sooner after a result that it won or drew.
const DEAF_MS: u64 = 1_500;

impl Player {
    /// Whether its client can have meant this.
    pub(super) fn knows(&self, request: &Request) -> bool {
        self.is_v2()
            || !matches!(
                request,
                Request::Away | Request::Ping | Request::Top(_) | Request::Rank(_)
            )
    }

    /// What a `join` means that its client sent.
    pub(super) fn means(&self, join: Join) -> Join {
        if self.is_v2() { join } else { Join::Any }
    }

    /// Whether a robot may answer it with a face: the original's never did.
    pub(super) fn knows_robots_faces(&self) -> bool {
        self.is_v2()
    }

    /// What becomes of its `join` in mid-round.
    pub(super) fn join_in_round(&self) -> Outcome {
        let code = ProblemCode::AlreadyPlaying;
        if self.is_v2() {
            Outcome::Refused(code)
        } else {
            Outcome::Ignored(code)
        }
    }

    /// Whether its next `hello` may change the uid.
    pub(super) fn may_change_uid(&self) -> bool {
        !self.is_v2() && self.room.is_none()
    }

    /// Whether it is still there after a result, as far as the round shows. An old client that is
    /// would begin the next round, too.
    pub(super) fn plays_on(&self, seat: &Seat) -> bool {
        self.is_v2() || seat.chose
    }

    /// From when on its page hears a `start`, after a result.
    pub(super) fn hears_start_at(&self, now: Millis, judgement: Judgement) -> Millis {
        if self.is_v2() || judgement == Judgement::Lose {
            now
        } else {
            now + DEAF_MS
        }
    }

    /// Whether it waits for a `start` though its partner is gone, because `leave` tells it nothing.
    pub(super) fn misses_leave(&self) -> bool {
        !self.is_v2()
    }

    /// Whether nothing holds a player without a room any more: it is lost and has no session.
    pub(super) fn is_gone(&self) -> bool {
        !self.is_v2() && self.link.conn().is_none()
    }

    /// A result freezes its button, or frees it.
    pub(super) fn freeze_or_free(
        &mut self,
        now: Millis,
        judgement: Judgement,
        choice: Option<Choice>,
    ) {
        let lost = judgement == Judgement::Lose && choice.is_some();
        let freezes = self.generation == Generation::Old { freezes: true };
        let there = self.link.conn().is_some();
        self.unfreeze();
        if lost && freezes && there {
            self.begin_play().frozen_until = Some(now + FROZEN_MS);
        }
    }

    /// Its button is free, or nobody is there to press it.
    pub(super) fn unfreeze(&mut self) {
        if let Some(play) = self.play_mut() {
            play.frozen_until = None;
        }
    }

    pub(super) fn frozen_until(&self) -> Option<Millis> {
        self.play()?.frozen_until
    }
}

impl World {
    /// When a player's button has to be freed.
    pub(super) fn thaws_at(&self, play: &Play) -> Option<Millis> {
        play.frozen_until.filter(|_| !self.draining)
    }

    /// Frees a button whose time has come: as if its player had asked for somebody new.
    pub(super) fn thaw(&mut self, now: Millis, id: PlayerId) {
        let Some(player) = self.players.get_mut(id) else {
            return;
        };
        let is_due = player.frozen_until().is_some_and(|until| until <= now);
        if is_due && !self.draining {
            player.unfreeze();
            self.join_new(now, id);
        }
    }
}
