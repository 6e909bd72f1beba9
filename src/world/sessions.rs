//! Players as they come, are named, get lost and come back, and the sessions that outlive their
//! connections: by token, limited in number and time.

use super::player::{Link, More, Player};
use super::rules::Score;
use super::{Effect, Timer, World};
use crate::model::{
    Avatar, Card, ConnId, Event, Generation, HiSession, Name, PlayerId, Profile, Token, Uid,
};
use crate::time::Millis;

/// Most sessions ended by one timer. After a restart all that nobody came back for end together.
pub(super) const SWEEP_MAX: usize = 1_000;

impl World {
    /// A new player on a connection; it is told `hi`. v2 players bring a fresh token.
    pub fn enter(
        &mut self,
        now: Millis,
        conn: ConnId,
        profile: Profile,
        generation: Generation,
        token: Option<Token>,
    ) -> PlayerId {
        debug_assert_eq!(
            token.is_some(),
            generation == Generation::V2,
            "only v2 has sessions"
        );
        if token.is_some() {
            self.make_room_for_one_more(now);
        }
        let id = self.insert_player(&profile, generation, token, Link::Online(conn));
        self.online += 1;
        self.greet(id, false);
        id
    }

    /// Takes a session up on a new connection; `None` when no session has this token.
    ///
    /// A connection that spoke for the player until now is superseded. `named`: `None` changes
    /// neither name nor picture.
    pub fn resume(
        &mut self,
        now: Millis,
        conn: ConnId,
        token: &Token,
        named: Option<(Name, Avatar)>,
    ) -> Option<PlayerId> {
        let id = *self.by_token.get(token)?;
        self.settle(now, id);
        let player = self.players.get_mut(id)?;
        let old = player.link.conn();
        let known = player.card.profile();
        let profile = match named {
            Some((name, avatar)) => {
                let (name, avatar) = player.shown(name, avatar);
                let uid = known.uid.clone();
                Profile { uid, name, avatar }
            }
            None => known.clone(),
        };
        let renamed = profile != known;
        if renamed {
            player.card = Card::new(&profile);
            player.renamed();
        }
        if let Some(conn) = old {
            self.effects.push_back(Effect::Supersede { conn });
        }
        self.tally.resumed += 1;
        // Linked quietly first: `hi` comes before what the return itself causes.
        let before = self.link(id, Link::Online(conn))?;
        self.greet(id, true);
        self.touch(now, id);
        let room = self.players.get(id)?.room;
        let plays = self.is_playing(id);
        match room {
            // The others learn that it is back; what the return causes comes after its `room`.
            Some(_) if !before.is_online() => {
                self.came_back(now, id);
                self.play_on(now, id);
            }
            Some(room) if renamed => self.tell_room(room),
            Some(room) => self.tell_room_to(room, &[id]),
            None => (),
        }
        match room {
            Some(room) if plays => self.repeat_start(now, id, room),
            // Its mere return may have begun a round.
            _ if self.is_playing(id) => (),
            _ => self.repeat_result(now, id),
        }
        self.tell_lost_seat(id);
        Some(id)
    }

    /// A later `hello`: name and picture change; an old client's uid too, unless it is seated.
    pub fn rename(
        &mut self,
        now: Millis,
        id: PlayerId,
        uid: Option<Uid>,
        name: Name,
        avatar: Avatar,
    ) {
        self.settle(now, id);
        let returned = self.back_from_away(now, id);
        self.touch(now, id);
        let Some(player) = self.players.get_mut(id) else {
            return;
        };
        let uid = uid.filter(|_| player.may_change_uid());
        let uid = uid.unwrap_or_else(|| player.card.uid());
        let (name, avatar) = player.shown(name, avatar);
        player.card = Card::new(&Profile { uid, name, avatar });
        player.renamed();
        let room = player.room;
        self.greet(id, false);
        if let Some(room) = room {
            self.tell_room(room);
        }
        if returned {
            self.tell_lost_seat(id);
            self.play_on(now, id);
        }
    }

    /// A player's connection ended.
    pub fn lost(&mut self, now: Millis, id: PlayerId) {
        let seated = |world: &Self| {
            let room = world.players.get(id).map(|player| player.room);
            room.is_some_and(|room| room.is_some())
        };
        let had_seat = seated(self);
        self.settle(now, id);
        let Some(player) = self.players.get_mut(id) else {
            return;
        };
        player.unfreeze();
        player.forget_held();
        // Being lost does not end an absence, nor does it begin one anew.
        let since = player.link.absent_since().unwrap_or(now);
        if player.is_v2() || self.is_playing(id) {
            // A seat stays to the deadline, and so does an old client's player on it.
            let expires_at = now + self.rules.session_ttl_ms;
            self.absent(now, id, Link::Offline { since, expires_at });
            if had_seat && !seated(self) {
                // The end of its round could not be told any more.
                self.note_lost_seat(id);
            }
        } else {
            self.vacate(now, id);
            self.remove_player(id);
        }
        self.keep_within_limit(now);
        self.arm_sweep(now);
    }

    pub(super) fn insert_player(
        &mut self,
        profile: &Profile,
        generation: Generation,
        token: Option<Token>,
        link: Link,
    ) -> PlayerId {
        let id = self.players.insert(Player {
            card: Card::new(profile),
            generation,
            token: token.clone(),
            link,
            score: Score::default(),
            room: None,
            unseated: false,
            more: More::default(),
        });
        if let Some(token) = token {
            self.by_token.insert(token, id);
        }
        id
    }

    /// Forgets a player without a seat.
    pub(super) fn remove_player(&mut self, id: PlayerId) {
        let Some(player) = self.players.remove(id) else {
            return;
        };
        self.close_account(id, &player);
        self.forget_identity(&player);
        debug_assert!(
            player.room.is_none(),
            "a removed player would leave a ghost on its seat"
        );
        match player.link {
            Link::Online(_) => self.online -= 1,
            Link::Away(..) => (),
            Link::Offline { expires_at, .. } => {
                self.offline.remove(expires_at, id);
            }
        }
        if let Some(token) = &player.token {
            self.by_token.remove(token);
        }
        if player.play().is_some_and(|play| play.armed.is_some()) {
            let timer = Timer::Player(id);
            self.effects.push_back(Effect::Disarm { timer });
        }
    }

    /// Ends a session for good, wherever its player sits.
    pub(super) fn end_session(&mut self, now: Millis, id: PlayerId) {
        self.vacate(now, id);
        self.remove_player(id);
    }

    /// Whether a session's player is lost, sits nowhere, and the store has all that it won.
    #[must_use]
    pub fn is_left_alone(&self, id: PlayerId) -> bool {
        let is_left = |player: &Player| !player.is_owed() && !player.is_pending();
        self.is_gone(id) && self.players.get(id).is_some_and(is_left)
    }

    /// Forgets a session that is asked for at the store.
    pub fn forget_session(&mut self, now: Millis, id: PlayerId) {
        self.end_session(now, id);
    }

    /// At the limit, sessions that never won a point end for a newcomer, the longest offline first.
    ///
    /// Others never do: a `hello` costs nothing, and ends nothing that was played for. Then the
    /// newcomer's session is one more, as long as it is online.
    pub(super) fn make_room_for_one_more(&mut self, now: Millis) {
        while self.rules.max_sessions <= self.by_token.len() {
            let Some(id) = self.offline.first_blank() else {
                return;
            };
            self.end_session(now, id);
        }
    }

    /// Somebody is offline now: more than the limit are not kept. Who never won a point goes first,
    /// and then who has been offline longest.
    pub(super) fn keep_within_limit(&mut self, now: Millis) {
        while self.rules.max_sessions < self.offline.len() {
            let Some(id) = self.offline.first_to_go() else {
                return;
            };
            self.end_session(now, id);
        }
    }

    /// Arms the timer of the session that ends first. One that is over already was too many for
    /// this turn.
    pub(super) fn arm_sweep(&mut self, now: Millis) {
        let Some((expires_at, _)) = self.offline.first_to_end() else {
            return;
        };
        let at = expires_at.max(now + 1);
        if self.sweep_armed.is_none_or(|armed| at < armed) {
            self.sweep_armed = Some(at);
            self.effects.push_back(Effect::Arm {
                at,
                timer: Timer::Sessions,
            });
        }
    }

    /// `hi`.
    pub(super) fn greet(&mut self, id: PlayerId, resumed: bool) {
        let Some(player) = self.players.get(id) else {
            return;
        };
        let session = player.token.as_ref().map(|token| {
            Box::new(HiSession {
                uid: player.card.uid(),
                token: token.clone(),
                resumed,
                pending: player.is_pending(),
                total_score: player.score.total,
                win_streak: player.score.streak,
            })
        });
        let nearby = self.online - u32::from(player.link.is_online());
        let nearby = nearby.saturating_add(self.elsewhere);
        self.tell(id, Event::Hi { nearby, session });
    }
}
