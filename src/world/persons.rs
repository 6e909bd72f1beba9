//! Whose session is a person's: bound to whom a signed token named, and shown by the name that it
//! gave.
//!
//! One person has one player here. Who comes while the store cannot be asked plays on unsigned: it
//! is that person to its devices already, and to the store, and so to the board, as soon as that
//! has answered. Absent: tokens, and how the store is asked.

use serde::{Deserialize, Serialize};

use super::World;
use super::player::Player;
use crate::model::{Avatar, Name, Owner, Person, PlayerId, Sub, Token};

/// Whose session a player's is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Identity {
    person: Person,
    /// The store knows that this session is this person's.
    signed_in: bool,
}

/// How far the store knows whose session it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// It knows.
    In,
    /// It is being told.
    Asked,
    /// It is to be told.
    Unasked,
}

impl Player {
    fn identity(&self) -> Option<&Identity> {
        self.lasting()?.identity.as_deref()
    }

    /// Who it is, if it is a person and the store knows so.
    pub(super) fn person(&self) -> Option<&Sub> {
        let identity = self.identity().filter(|identity| identity.signed_in);
        identity.map(|identity| &identity.person.sub)
    }

    /// Whom a token named, if the store does not know yet.
    pub(super) fn unsigned(&self) -> Option<&Sub> {
        let identity = self.identity().filter(|identity| !identity.signed_in);
        identity.map(|identity| &identity.person.sub)
    }

    /// Whose session it is, whether the store knows or not.
    pub(super) fn sub(&self) -> Option<&Sub> {
        self.identity().map(|identity| &identity.person.sub)
    }

    /// Its name and picture if its client says these: what a token says goes first.
    pub(super) fn shown(&self, name: Name, avatar: Avatar) -> (Name, Avatar) {
        match self.identity() {
            Some(identity) => identity.person.shown(name, avatar),
            None => (name, avatar),
        }
    }
}

impl World {
    /// The player that is this person.
    #[must_use]
    pub fn player_of_person(&self, sub: &Sub) -> Option<PlayerId> {
        self.by_person.get(sub).copied()
    }

    /// How many players are persons, whether the store knows it or not.
    #[must_use]
    pub fn persons(&self) -> usize {
        self.by_person.len()
    }

    /// Whom a token named as this player, and what that said of it.
    #[must_use]
    pub fn identity_of(&self, id: PlayerId) -> Option<&Person> {
        let identity = self.players.get(id)?.identity();
        identity.map(|identity| &identity.person)
    }

    /// Who a player is, if it is a person and the store knows so: only then it is ranked.
    #[must_use]
    pub fn person_of(&self, id: PlayerId) -> Option<&Sub> {
        self.players.get(id)?.person()
    }

    /// Whether a token named a player's person, and the store does not know yet.
    #[must_use]
    pub fn is_signing_in(&self, id: PlayerId) -> bool {
        self.players.get(id).and_then(Player::unsigned).is_some()
    }

    /// The token of a player's session, if it has one.
    #[must_use]
    pub fn token_of(&self, id: PlayerId) -> Option<&Token> {
        self.players.get(id)?.token.as_ref()
    }

    /// A v2 player's session is this person's from now on; that of another player is it no more.
    pub fn bind(&mut self, id: PlayerId, person: Person, signed: Signed) {
        if let Some(former) = self.player_of_person(&person.sub)
            && former != id
        {
            self.unbind(former);
        }
        self.take_identity(id);
        let Some(player) = self.players.get_mut(id) else {
            return;
        };
        self.by_person.insert(person.sub.clone(), id);
        let signed_in = signed == Signed::In;
        let identity = Identity { person, signed_in };
        player.begin_lasting().identity = Some(Box::new(identity));
        if signed_in {
            player.claimed();
        }
        // The answer to what is asked tells what a pending session is, too.
        let is_open = player.is_open() && !player.is_pending();
        match signed {
            Signed::Unasked => _ = self.unasked.insert(id),
            Signed::In if is_open => (),
            Signed::Asked | Signed::In => _ = self.unasked.remove(&id),
        }
        self.send_settlement(id);
    }

    /// A player's session is nobody's in particular: what it settles from now on is its token's.
    pub fn unbind(&mut self, id: PlayerId) {
        if self.is_signing_in(id) {
            // By its token it may be somebody's who has less.
            self.count_apart(id);
        }
        self.take_identity(id);
        self.send_settlement(id);
    }

    fn take_identity(&mut self, id: PlayerId) {
        let Some(player) = self.players.get_mut(id) else {
            return;
        };
        let lasting = player.lasting_mut();
        let Some(identity) = lasting.and_then(|lasting| lasting.identity.take()) else {
            return;
        };
        self.by_person.remove(&identity.person.sub);
        match player.is_open() {
            // It was asked about by its person; now it is as any other.
            true => _ = self.unasked.insert(id),
            false => _ = self.unasked.remove(&id),
        }
    }

    /// What another token of the same person says goes from now on.
    pub fn vouch(&mut self, id: PlayerId, person: &Person) {
        let lasting = self.players.get_mut(id).and_then(Player::lasting_mut);
        if let Some(identity) = lasting.and_then(|lasting| lasting.identity.as_mut())
            && identity.person.sub == person.sub
        {
            identity.person = person.clone();
        }
    }

    /// The store knows now whose session it is.
    pub fn signed_in(&mut self, id: PlayerId, owner: Owner) {
        if self.settle_as_person(id) {
            self.own(id, owner);
        }
        self.send_settlement(id);
    }

    /// What a player settles from now on is its person's, if it has one; whether it has. Nothing is
    /// sent by that.
    pub fn settle_as_person(&mut self, id: PlayerId) -> bool {
        let Some(player) = self.players.get_mut(id) else {
            return false;
        };
        let lasting = player.lasting_mut();
        let Some(identity) = lasting.and_then(|lasting| lasting.identity.as_mut()) else {
            return false;
        };
        identity.signed_in = true;
        player.claimed();
        if !player.is_open() {
            self.unasked.remove(&id);
        }
        true
    }

    /// A player that is removed is nobody any more.
    pub(super) fn forget_identity(&mut self, player: &Player) {
        if let Some(sub) = player.sub() {
            self.by_person.remove(sub);
        }
    }
}
